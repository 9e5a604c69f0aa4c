//! HELO, EHLO (RFC 5321 §4.1.1.1) and LHLO (RFC 2033 §4.1).

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Server;
use super::config::Role;
use super::event::{Event, Hello};
use super::xclient::ATTRIBUTES;
use crate::grammar::decimal;
use crate::sasl::Terms;
use crate::smtp::command::Command;
use crate::smtp::extension::{FutureRelease, HOLD_MOST};
use crate::smtp::reply::{self, Enhanced};
use crate::text::Text;

/// What LIMITS tells at most, RFC 9422 §4.
const LIMIT_MOST: u32 = 999_999;

impl Server {
    pub(super) fn hello<'i>(
        &mut self,
        command: Command<'i>,
        verb: Hello,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        // RFC 2033 §4.1: an LMTP server takes neither HELO nor EHLO, and no other takes LHLO.
        match (self.config.role, verb) {
            (Role::Lmtp, Hello::Lhlo)
            | (Role::Smtp | Role::Submission, Hello::Ehlo | Hello::Helo) => {}
            (Role::Lmtp, _) => {
                return self.bad(command, out, 500, Enhanced(5, 5, 1), "This is LMTP: say LHLO");
            }
            _ => {
                return self.bad(
                    command,
                    out,
                    500,
                    Enhanced(5, 5, 1),
                    "This is not LMTP: say EHLO",
                );
            }
        }
        let name = command.args;
        if !is_name(name) {
            let why = "Say hello with a domain or an address literal";
            return self.bad(command, out, 501, Enhanced(5, 5, 4), why);
        }
        if self.hello.is_some() && !self.may_idle(out) {
            return Event::Hello { verb, name: Text(name) };
        }
        // RFC 5321 §4.1.4: a new hello ends a transaction as RSET does.
        self.reset();
        if self.hello.is_none() {
            self.measure_anew();
        }
        self.hello = Some(verb);
        if verb == Hello::Helo {
            out.extend_from_slice(b"250 ");
            out.extend_from_slice(self.config.hostname.as_bytes());
            out.extend_from_slice(b"\r\n");
        } else {
            self.extensions(out);
        }
        Event::Hello { verb, name: Text(name) }
    }

    /// RFC 4865 §4.2: for submission only.
    pub(super) fn future_release(&self) -> Option<FutureRelease> {
        self.config.future_release.filter(|_| self.config.role == Role::Submission)
    }

    fn extensions(&self, out: &mut Vec<u8>) {
        let limits = self.limits();
        // RFC 2034 §4: no enhanced codes here.
        let line = |out: &mut Vec<u8>, text: &[u8]| {
            out.extend_from_slice(b"250-");
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        };
        line(out, self.config.hostname.as_bytes());
        if self.config.pipelining {
            line(out, b"PIPELINING");
        }
        // RFC 1870 §3: zero is no limit.
        out.extend_from_slice(b"250-SIZE ");
        decimal::push(if limits.message_size == u64::MAX { 0 } else { limits.message_size }, out);
        out.extend_from_slice(b"\r\n");
        if self.config.eight_bit {
            line(out, b"8BITMIME");
        }
        // RFC 3207 §4.2: not offered again under TLS.
        if self.config.starttls && self.tls.is_none() {
            line(out, b"STARTTLS");
        }
        if !self.signed_in && self.terms().offered().next().is_some() {
            out.extend_from_slice(b"250-AUTH");
            for mechanism in self.terms().offered() {
                out.push(b' ');
                out.extend_from_slice(mechanism.name().as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        if self.config.smtputf8 {
            line(out, b"SMTPUTF8");
        }
        if self.config.chunking {
            line(out, b"CHUNKING");
            // RFC 3030 §3: never without CHUNKING.
            if self.config.binarymime {
                line(out, b"BINARYMIME");
            }
        }
        if self.config.dsn {
            line(out, b"DSN");
        }
        // RFC 8689 §2: under TLS only.
        if self.config.requiretls && self.tls.is_some() {
            line(out, b"REQUIRETLS");
        }
        if self.config.mt_priority {
            line(out, b"MT-PRIORITY");
        }
        // RFC 4865 §4: how long, and until when at the latest.
        if let Some(limit) = self.future_release() {
            out.extend_from_slice(b"250-FUTURERELEASE ");
            reply::number(out, limit.seconds.min(HOLD_MOST));
            out.push(b' ');
            out.extend_from_slice(limit.until.to_string().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        // RFC 2852 §2: no number, if any will do.
        match self.config.deliver_by {
            None => {}
            Some(0) => line(out, b"DELIVERBY"),
            Some(least) => {
                out.extend_from_slice(b"250-DELIVERBY ");
                reply::number(out, least);
                out.extend_from_slice(b"\r\n");
            }
        }
        // RFC 5321 §4.1.1.1: commands that not everybody has to know are listed.
        line(out, b"HELP");
        if self.config.expn {
            line(out, b"EXPN");
        }
        if self.config.xclient {
            line(out, ATTRIBUTES);
        }
        // RFC 9422 §3.
        out.extend_from_slice(b"250-LIMITS MAILMAX=");
        reply::number(out, limits.transactions.clamp(1, LIMIT_MOST));
        out.extend_from_slice(b" RCPTMAX=");
        reply::number(out, limits.recipients.clamp(1, LIMIT_MOST));
        if let Some(domains) = self.config.recipient_domains {
            out.extend_from_slice(b" RCPTDOMAINMAX=");
            reply::number(out, domains.clamp(1, LIMIT_MOST));
        }
        out.extend_from_slice(b"\r\n250 ENHANCEDSTATUSCODES\r\n");
    }

    /// The mechanisms that are offered here and now.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            mechanisms: &self.config.mechanisms,
            tls: self.tls.as_ref(),
            plaintext_auth: self.config.plaintext_auth,
            auth_before_tls: self.config.auth_before_tls,
        }
    }
}

/// Whether this can be a name: looser than a domain, since many a host has an odd one, but nothing that could
/// break out of a comment in a Received field.
fn is_name(name: &[u8]) -> bool {
    let odd = |c: &u8| matches!(c, 0..=b' ' | 127) || b"\"(),;<>@\\".contains(c);
    !name.is_empty()
        && !name.iter().any(odd)
        && core::str::from_utf8(name).is_ok_and(|name| !name.chars().any(char::is_control))
}
