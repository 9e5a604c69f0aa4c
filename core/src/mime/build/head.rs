//! The headers of all parts, written from the last to the first, as what a part is (`8bit`,
//! `message/global`) follows from what is within.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    boundary,
    error::{Fault, Unfit},
    field,
    part::{Body, Node, ONCE, Value},
    value::{Address, FieldName},
    write::{PARTS, Transport},
};
use crate::mime::{Limits, structure::Encoding};

/// Headers with their empty lines.
pub(super) struct Heads {
    pub(super) octets: Vec<u8>,
    /// One for each node.
    pub(super) of: Vec<Head>,
}

/// What is known of a node and all within it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Where its header is.
    pub(super) at: Range<usize>,
    pub(super) needs: Transport,
    /// There are octets above 127 in its header or one within.
    pub(super) utf8: bool,
}

impl Heads {
    pub(super) fn of(
        nodes: &[Node<'_>],
        encodings: &[Encoding],
        token: &[u8],
        utf8: bool,
    ) -> Result<Self, Unfit> {
        if nodes.len() > PARTS {
            return Err(Unfit::new("parts", Fault::Long(PARTS)));
        }
        let none = Head { at: 0..0, needs: Transport::SevenBit, utf8: false };
        let mut heads = Self {
            octets: Vec::with_capacity(nodes.len() * 128 + 256),
            of: alloc::vec![none; nodes.len()],
        };
        let mut fields = 0;
        for (at, (node, encoding)) in nodes.iter().zip(encodings).enumerate().rev() {
            if node.is_message {
                complete(node)?;
            }
            fields += node.fields.len();
            let head = heads.write(at, node, *encoding, token, utf8)?;
            let octets = head.at.len();
            if octets > LONGEST {
                return Err(Unfit::new("header", Fault::Long(LONGEST)));
            }
            if let Some(place) = heads.of.get_mut(at) {
                *place = head;
            }
        }
        if fields > FIELDS {
            return Err(Unfit::new("fields", Fault::Long(FIELDS)));
        }
        Ok(heads)
    }

    fn write(
        &mut self,
        at: usize,
        node: &Node<'_>,
        encoding: Encoding,
        token: &[u8],
        utf8: bool,
    ) -> Result<Head, Unfit> {
        let start = self.octets.len();
        let within = self.of.get(at + 1..at + node.size).unwrap_or_default();
        let (mut needs, mut is_utf8) = within
            .iter()
            .fold((need(encoding), false), |sum, head| (sum.0.max(head.needs), sum.1 || head.utf8));
        if let Body::Entity(entity) = &node.body {
            return Ok(Head { at: start..start, needs, utf8: entity.utf8 });
        }
        let out = &mut self.octets;
        for (name, value) in &node.fields {
            field::write(name.as_str(), value, utf8, out)?;
        }
        if node.is_message {
            // RFC 2045 §4
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        match &node.body {
            Body::Multipart => {
                if within.is_empty() {
                    return Err(Unfit::new("multipart", Fault::Empty));
                }
                let mut extra = Vec::with_capacity(48);
                extra.extend_from_slice(b"boundary=\"");
                boundary::boundary(token, at, &mut extra);
                extra.push(b'"');
                field::media(&node.media, &extra, utf8, out)?;
            }
            // RFC 6532 §3.7
            Body::Message if is_utf8 => out.extend_from_slice(GLOBAL),
            Body::Foreign(message) if !header_is_ascii(message) => {
                is_utf8 = true;
                out.extend_from_slice(GLOBAL);
            }
            Body::Text(text) if node.media.is_text() => {
                let charset: &[u8] =
                    if text.is_ascii() { b"charset=us-ascii" } else { b"charset=utf-8" };
                field::media(&node.media, charset, utf8, out)?;
            }
            _ => field::media(&node.media, b"", utf8, out)?,
        }
        if let Some(disposition) = &node.disposition {
            field::disposition(disposition, utf8, out)?;
        }
        // A header within is part of this body.
        if is_utf8 {
            needs = needs.max(Transport::EightBit);
        }
        let encoding = if node.size > 1 { needs.encoding() } else { encoding };
        let name: &[u8] = match encoding {
            Encoding::EightBit => b"8bit",
            Encoding::Binary => b"binary",
            Encoding::QuotedPrintable => b"quoted-printable",
            Encoding::Base64 => b"base64",
            _ => b"",
        };
        // RFC 2045 §6.1: 7bit is what holds if nothing is said.
        if !name.is_empty() {
            out.extend_from_slice(b"Content-Transfer-Encoding: ");
            out.extend_from_slice(name);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        let utf8 = is_utf8 || !out.get(start..).unwrap_or_default().is_ascii();
        if utf8 {
            needs = needs.max(Transport::EightBit);
        }
        Ok(Head { at: start..out.len(), needs, utf8 })
    }
}

/// What a body takes that is written so.
const fn need(encoding: Encoding) -> Transport {
    match encoding {
        Encoding::EightBit => Transport::EightBit,
        Encoding::Binary => Transport::Binary,
        _ => Transport::SevenBit,
    }
}

/// Octets of a header at most: more would not be read.
const LONGEST: usize = Limits::DEFAULT.header_block as usize;
/// Fields of a message at most, with those of its parts.
const FIELDS: usize = Limits::DEFAULT.header_fields as usize - 10;
/// The type of an embedded message with UTF-8 in its header.
const GLOBAL: &[u8] = b"Content-Type: message/global\r\n";

/// Whether the header of a message that was not built here is ASCII.
fn header_is_ascii(message: &[u8]) -> bool {
    let end = if message.starts_with(b"\r\n") {
        Some(0)
    } else {
        memchr::memmem::find(message, b"\r\n\r\n")
    };
    message.get(..end.unwrap_or(message.len())).unwrap_or_default().is_ascii()
}

/// RFC 5322 §3.6: what has to be there, and what may be there once only.
fn complete(node: &Node<'_>) -> Result<(), Unfit> {
    let is = |name: &FieldName<'_>, other: &str| name.as_str().eq_ignore_ascii_case(other);
    let all = |wanted: &'static str| {
        node.fields.iter().filter(move |(name, _)| is(name, wanted)).map(|(_, value)| value)
    };
    if let Some(twice) = ONCE.iter().find(|name| all(name).nth(1).is_some()) {
        return Err(Unfit::new(twice, Fault::Twice));
    }
    if all("Date").next().is_none() {
        return Err(Unfit::new("Date", Fault::Missing));
    }
    let authors: usize = all("From")
        .map(|value| match value {
            Value::Addresses(list) => list
                .iter()
                .map(|address| match address {
                    Address::Mailbox(_) => 1,
                    Address::Group(_, members) => members.len(),
                })
                .sum(),
            _ => 1,
        })
        .sum();
    match authors {
        0 => Err(Unfit::new("From", Fault::Missing)),
        1 => Ok(()),
        // RFC 5322 §3.6.2
        _ if all("Sender").next().is_some() => Ok(()),
        _ => Err(Unfit::new("Sender", Fault::Missing)),
    }
}
