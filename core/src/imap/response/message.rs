//! What a message is made of, as FETCH shows it: ENVELOPE, BODY and BODYSTRUCTURE. RFC 9051 §7.5.2.

use alloc::vec::Vec;

use super::words::{nstring, number, string};
use crate::mime::Message;
use crate::mime::body::{BodyPart, Parameters, Step};
use crate::mime::envelope::{Entries, Envelope};
use crate::mime::header::Name;

/// Appends `envelope`: date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id.
/// Strings above 127 are UTF-8 in quotes for a client that took that (`utf8`), else literals.
pub fn envelope(out: &mut Vec<u8>, of: &Envelope<'_>, utf8: bool) {
    out.push(b'(');
    nstring(out, of.date().as_deref(), utf8);
    out.push(b' ');
    nstring(out, of.subject().as_deref(), utf8);
    out.push(b' ');
    let from = out.len();
    addresses(out, of.from(), utf8);
    let from = from..out.len();
    for name in [Name::Sender, Name::ReplyTo] {
        out.push(b' ');
        let start = out.len();
        addresses(out, of.list(name), utf8);
        // RFC 9051 §7.5.2: where they are missing or empty they are the authors.
        if out.get(start..) == Some(b"NIL") {
            out.truncate(start);
            out.extend_from_within(from.clone());
        }
    }
    for list in [of.to(), of.cc(), of.bcc()] {
        out.push(b' ');
        addresses(out, list, utf8);
    }
    out.push(b' ');
    nstring(out, of.in_reply_to().as_deref(), utf8);
    out.push(b' ');
    nstring(out, of.message_id().as_deref(), utf8);
    out.push(b')');
}

/// Appends `body`: with `extended` BODYSTRUCTURE, without BODY. `utf8` as for [`envelope`].
pub fn body(out: &mut Vec<u8>, of: Message<'_>, extended: bool, utf8: bool) {
    for step in of.body_structure() {
        match step {
            Step::Multipart => out.push(b'('),
            Step::NoParts => {
                out.extend_from_slice(EMPTY_TEXT);
                out.extend_from_slice(if extended { b" NIL NIL NIL NIL)" } else { b")" });
            }
            Step::MultipartEnd(part) => {
                out.push(b' ');
                string(out, part.media_type().1, utf8);
                if extended {
                    out.push(b' ');
                    parameters(out, &part.parameters(), utf8);
                    extension(out, &part, utf8);
                }
                out.push(b')');
            }
            Step::Message(part, within) => {
                out.push(b'(');
                basic(out, &part, utf8);
                out.push(b' ');
                envelope(out, &within, utf8);
                out.push(b' ');
            }
            Step::MessageEnd(part) => end(out, &part, extended, utf8),
            Step::Part(part) => {
                out.push(b'(');
                basic(out, &part, utf8);
                end(out, &part, extended, utf8);
            }
        }
    }
}

/// The ENVELOPE of a message that cannot be read.
pub(crate) fn no_envelope(out: &mut Vec<u8>) {
    out.extend_from_slice(b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

/// The BODYSTRUCTURE of a message that cannot be read.
pub(crate) fn no_body(out: &mut Vec<u8>) {
    out.extend_from_slice(b"(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 0)");
}

/// Type, subtype, parameters, id, description, encoding, octets.
fn basic(out: &mut Vec<u8>, part: &BodyPart<'_>, utf8: bool) {
    let (kind, subtype) = part.media_type();
    string(out, kind, utf8);
    out.push(b' ');
    string(out, subtype, utf8);
    out.push(b' ');
    parameters(out, &part.parameters(), utf8);
    out.push(b' ');
    nstring(out, part.id().as_deref(), utf8);
    out.push(b' ');
    nstring(out, part.description().as_deref(), utf8);
    out.push(b' ');
    string(out, part.encoding(), utf8);
    out.push(b' ');
    number(out, u64::from(part.size()));
}

/// Lines, MD5, and what multiparts have too.
fn end(out: &mut Vec<u8>, part: &BodyPart<'_>, extended: bool, utf8: bool) {
    if let Some(lines) = part.lines() {
        if out.last() != Some(&b' ') {
            out.push(b' ');
        }
        number(out, u64::from(lines));
    }
    if extended {
        out.push(b' ');
        nstring(out, part.md5().as_deref(), utf8);
        extension(out, part, utf8);
    }
    out.push(b')');
}

/// Disposition, languages, location.
fn extension(out: &mut Vec<u8>, part: &BodyPart<'_>, utf8: bool) {
    out.push(b' ');
    match part.disposition() {
        None => out.extend_from_slice(b"NIL"),
        Some((kind, found)) => {
            out.push(b'(');
            string(out, kind, utf8);
            out.push(b' ');
            parameters(out, &found, utf8);
            out.push(b')');
        }
    }
    out.push(b' ');
    match &part.languages()[..] {
        [] => out.extend_from_slice(b"NIL"),
        [one] => string(out, one, utf8),
        many => {
            for (i, language) in many.iter().enumerate() {
                out.push(if i == 0 { b'(' } else { b' ' });
                string(out, language, utf8);
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    nstring(out, part.location().as_deref(), utf8);
}

fn parameters(out: &mut Vec<u8>, found: &Parameters<'_>, utf8: bool) {
    for (i, (name, value)) in found.iter().enumerate() {
        out.push(if i == 0 { b'(' } else { b' ' });
        string(out, name, utf8);
        out.push(b' ');
        string(out, value, utf8);
    }
    out.extend_from_slice(if found.is_empty() { b"NIL" } else { b")" });
}

fn addresses(out: &mut Vec<u8>, list: Entries<'_, '_>, utf8: bool) {
    let start = out.len();
    for entry in list {
        out.extend_from_slice(if out.len() == start { b"((" } else { b"(" });
        let parts = [&entry.name, &entry.route, &entry.mailbox, &entry.host];
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                out.push(b' ');
            }
            nstring(out, part.as_deref(), utf8);
        }
        out.push(b')');
    }
    out.extend_from_slice(if out.len() == start { b"NIL" } else { b")" });
}

/// What stands for the parts of a multipart that has none.
const EMPTY_TEXT: &[u8] = b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0";
