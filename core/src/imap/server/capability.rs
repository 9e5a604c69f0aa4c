//! What the server says it can do, by the state of the session. RFC 9051 §6.1.1, §7.2.2.

use alloc::vec::Vec;

use super::Config;
use crate::imap::response::words;
use crate::machine::TlsFacts;
use crate::sasl::Terms;

/// Said before sign-in, before what depends on TLS.
const BEFORE: &str = "IMAP4rev1 IMAP4rev2 SASL-IR LITERAL+ ENABLE ID IDLE";

/// Said after sign-in. LITERAL- never stands beside LITERAL+ (RFC 7888 §4).
const AFTER: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ ENABLE ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT \
    CHILDREN SPECIAL-USE LIST-EXTENDED LIST-STATUS ESEARCH SEARCHRES CONDSTORE BINARY STATUS=SIZE";

/// Writes the list, each with a space in front.
pub(super) fn write(out: &mut Vec<u8>, config: &Config, tls: Option<&TlsFacts>, signed_in: bool) {
    let mut add = |word: &str| {
        out.push(b' ');
        words::human(out, word);
    };
    if signed_in {
        add(AFTER);
        for extra in &config.extensions {
            add(extra);
        }
        return;
    }
    add(BEFORE);
    if config.starttls && tls.is_none() {
        add("STARTTLS");
    }
    let terms = terms(config, tls);
    if !terms.allows_clear() {
        // RFC 9051 §6.2.3
        add("LOGINDISABLED");
    }
    for mechanism in terms.offered() {
        out.extend_from_slice(b" AUTH=");
        out.extend_from_slice(mechanism.name().as_bytes());
    }
}

/// The mechanisms that are offered here and now.
pub(super) fn terms<'c>(config: &'c Config, tls: Option<&'c TlsFacts>) -> Terms<'c> {
    Terms {
        mechanisms: &config.mechanisms,
        tls,
        plaintext_auth: config.plaintext_auth,
        auth_before_tls: config.auth_before_tls,
    }
}
