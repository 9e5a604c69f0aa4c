//! Fuzz bodies, one function a target: octets in, no panic out, and whatever must hold asserted.
//!
//! Each is named in [`TARGETS`]; `fuzz/fuzz_targets/NAME.rs` hands it the fuzzer's octets, and
//! `tests/fuzz_corpus.rs` replays `fuzz/corpus/NAME/` and a few thousand mutations of it.

pub mod imap;
pub mod imap_server;
pub mod mime;
pub mod mime_build;
pub mod mime_content;
pub mod pop3;
pub mod proxy;
pub mod sasl;
pub mod smtp;
pub mod store;
pub mod transfer;

use crate::property::Subject;

/// Whether one of the subject's secrets stands in the octets: a tag or a name may be shown, and it could be one.
fn tells_a_secret<S: Subject>(octets: &[u8]) -> bool {
    S::SECRETS.iter().any(|secret| contains(octets, secret.as_bytes()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A fuzz body.
pub type Body = fn(&[u8]);

/// Every target by its name, in alphabetical order.
pub const TARGETS: &[(&str, Body)] = &[
    ("address", smtp::address),
    ("imap_command", imap::command),
    ("imap_fetch", imap_server::fetch),
    ("imap_frame", imap::frame),
    ("imap_names", imap::names),
    ("imap_search", imap_server::search),
    ("imap_server", imap_server::machine),
    ("mime_addresses", mime::addresses),
    ("mime_base64", transfer::base64),
    ("mime_build", mime_build::build),
    ("mime_charset", mime_content::charset),
    ("mime_charsets", mime::charsets),
    ("mime_date", mime::date),
    ("mime_encoded_words", mime::encoded_words),
    ("mime_headers", mime::headers),
    ("mime_parameters", mime::parameters),
    ("mime_printable", transfer::printable),
    ("mime_reports", mime_content::reports),
    ("mime_stored", mime::stored),
    ("mime_structure", mime::structure),
    ("mime_text", mime_content::text),
    ("mime_uuencode", transfer::uuencode),
    ("pop3_body", pop3::body),
    ("pop3_server", pop3::server),
    ("proxy_header", proxy::header),
    ("sasl_client", sasl::client),
    ("sasl_prep", sasl::prep),
    ("sasl_server", sasl::server),
    ("smtp_client", smtp::client),
    ("smtp_params", smtp::params),
    ("smtp_reply", smtp::reply),
    ("smtp_server", smtp::server),
    ("store_frames", store::frames),
    ("store_log", store::log),
    ("store_outcomes", store::outcomes),
    ("store_records", store::records),
];
