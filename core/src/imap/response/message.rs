//! What a message is made of, as FETCH shows it: ENVELOPE, BODY and BODYSTRUCTURE. RFC 9051 §7.5.2.

use alloc::vec::Vec;

use super::words::{nstring, number, string};
use crate::mime::address::Address;
use crate::mime::body::{BodyPart, Step, is_charset};
use crate::mime::envelope::{Entries, Envelope, sides};
use crate::mime::header::Name;
use crate::mime::parameter::Params;
use crate::mime::{HEADER_ADDRESSES, Message};

/// Appends `envelope`: date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id.
/// Strings above 127 are UTF-8 in quotes for a client that took that (`utf8`), else literals.
pub fn envelope(out: &mut Vec<u8>, of: &Envelope<'_>, utf8: bool) {
    out.push(b'(');
    nstring(out, of.date().as_deref(), utf8);
    out.push(b' ');
    nstring(out, of.subject().as_deref(), utf8);
    out.push(b' ');
    // Of all lists together.
    let mut left = HEADER_ADDRESSES;
    let from = out.len();
    addresses(out, of.from(), &mut left, utf8);
    let from = from..out.len();
    for name in [Name::Sender, Name::ReplyTo] {
        out.push(b' ');
        let start = out.len();
        addresses(out, of.list(name), &mut left, utf8);
        // RFC 9051 §7.5.2: where they are missing or empty they are the authors.
        if out.len() == start + b"NIL".len() {
            out.truncate(start);
            out.extend_from_within(from.clone());
        }
    }
    for list in [of.to(), of.cc(), of.bcc()] {
        out.push(b' ');
        addresses(out, list, &mut left, utf8);
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
                let found = part.content_type();
                out.push(b' ');
                string(out, found.subtype, utf8);
                if extended {
                    out.push(b' ');
                    parameters(out, found.params, part.wants_charset(), utf8);
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
    let found = part.content_type();
    string(out, found.kind, utf8);
    out.push(b' ');
    string(out, found.subtype, utf8);
    out.push(b' ');
    parameters(out, found.params, part.wants_charset(), utf8);
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
    match part.declared_disposition() {
        None => out.extend_from_slice(b"NIL"),
        Some(found) => {
            out.push(b'(');
            string(out, found.kind, utf8);
            out.push(b' ');
            parameters(out, found.params, false, utf8);
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

/// The parameters, pieces of RFC 2231 joined; with `wants_charset` there is a charset among them.
fn parameters(out: &mut Vec<u8>, found: Params<'_>, wants_charset: bool, utf8: bool) {
    let (start, mut has_charset) = (out.len(), false);
    let mut one = |name: &[u8], value: &[u8]| {
        has_charset |= wants_charset && is_charset(name);
        out.push(if out.len() == start { b'(' } else { b' ' });
        string(out, name, utf8);
        out.push(b' ');
        string(out, value, utf8);
    };
    if found.may_have_pieces() {
        found.joined().iter().for_each(|(name, value)| one(name, value));
    } else {
        found.iter().for_each(|param| one(param.name, &param.value()));
    }
    if wants_charset && !has_charset {
        out.push(if out.len() == start { b'(' } else { b' ' });
        out.extend_from_slice(US_ASCII);
    }
    out.extend_from_slice(if out.len() == start { b"NIL" } else { b")" });
}

/// Appends the `left` entries of a list, and tells how many are left then.
fn addresses(out: &mut Vec<u8>, list: Entries<'_, '_>, left: &mut usize, utf8: bool) {
    let start = out.len();
    let mut list = list.at_most(*left);
    while let Some(address) = list.address() {
        out.extend_from_slice(if out.len() == start { b"((" } else { b"(" });
        match address {
            Address::Mailbox(mailbox) => {
                let (local, host) = sides(&mailbox);
                nstring(out, mailbox.name().as_deref(), utf8);
                out.push(b' ');
                nstring(out, mailbox.route().as_deref(), utf8);
                out.push(b' ');
                string(out, &local, utf8);
                out.push(b' ');
                string(out, &host, utf8);
            }
            // RFC 9051 §7.5.2: a group has no host where it starts, and nothing where it ends.
            Address::Group(group) => {
                out.extend_from_slice(b"NIL NIL ");
                string(out, &group.name(), utf8);
                out.extend_from_slice(b" NIL");
            }
            Address::GroupEnd => out.extend_from_slice(b"NIL NIL NIL NIL"),
        }
        out.push(b')');
    }
    *left = list.left();
    out.extend_from_slice(if out.len() == start { b"NIL" } else { b")" });
}

/// The charset of a text that names none (RFC 2046 §4.1.2).
const US_ASCII: &[u8] = b"\"charset\" \"us-ascii\"";
/// What stands for the parts of a multipart that has none.
const EMPTY_TEXT: &[u8] = b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0";
