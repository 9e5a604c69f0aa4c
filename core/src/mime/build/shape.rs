//! Which transfer encoding a body gets (RFC 2045 §6).

use memchr::{memchr, memchr_iter};

use super::{
    error::{Fault, Unfit},
    part::{Body, Node},
    write::{Options, Transport},
};
use crate::mime::structure::Encoding;

/// Octets of a line of text at most, without its end (RFC 5322 §2.1.1).
const LINE: usize = 998;

/// The smallest encoding that fits; 7bit for what is made of parts.
pub(super) fn encoding(node: &Node<'_>, options: &Options) -> Result<Encoding, Unfit> {
    let transport = options.transport;
    match &node.body {
        Body::Text(text) => {
            let shape = Shape::of(text);
            let stands = shape.needs <= transport && !(options.guarded && shape.is_fragile);
            Ok(if stands { shape.needs.encoding() } else { shortest(text) })
        }
        Body::Octets(_) if transport == Transport::Binary => Ok(Encoding::Binary),
        Body::Octets(_) => Ok(Encoding::Base64),
        Body::Foreign(message) => {
            let needs = Shape::of(message).needs;
            // RFC 2046 §5.2.1: nothing else is allowed.
            let refused = needs > transport || options.guarded && needs > Transport::SevenBit;
            if refused {
                return Err(Unfit::new("embedded message", Fault::EightBit));
            }
            Ok(needs.encoding())
        }
        Body::Entity(entity) => Ok(entity.needs.encoding()),
        Body::Message | Body::Multipart => Ok(Encoding::SevenBit),
    }
}

/// What there is to know of a text.
struct Shape {
    /// What it takes to send it as it is.
    needs: Transport,
    /// Mailers may change a line of it: one that begins with `From `, or ends in a blank.
    is_fragile: bool,
}

impl Shape {
    fn of(text: &[u8]) -> Self {
        let (mut longest, mut start, mut is_fragile) = (0, 0, false);
        for end in memchr_iter(b'\n', text).chain([text.len()]) {
            let line = text.get(start..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            longest = longest.max(line.len());
            is_fragile |= line.starts_with(b"From ") || matches!(line, [.., b' ' | b'\t']);
            start = end.saturating_add(1);
        }
        let needs = if longest > LINE || memchr(0, text).is_some() {
            Transport::Binary
        } else if text.is_ascii() {
            Transport::SevenBit
        } else {
            Transport::EightBit
        };
        Self { needs, is_fragile }
    }
}

/// The shorter one of quoted-printable and base64 for `text`, soft line ends and line ends counted.
fn shortest(text: &[u8]) -> Encoding {
    let printable = text.len() + 2 * escaped(text);
    let printable = printable + printable / 75 * 3;
    let base64 = text.len() / 57 * 78 + text.len() % 57 * 4 / 3;
    if printable <= base64 { Encoding::QuotedPrintable } else { Encoding::Base64 }
}

/// How many octets quoted-printable writes as three, but for blanks at the ends of lines. Sums of
/// single octets over short runs, as that is what compilers make vectors of.
fn escaped(text: &[u8]) -> usize {
    let is_escaped = |octet: &u8| {
        let plain = octet.wrapping_sub(b' ') <= b'~' - b' ' && *octet != b'=';
        u8::from(!plain & !matches!(*octet, b'\t' | b'\r' | b'\n'))
    };
    let runs = text.chunks(255).map(|run| run.iter().map(is_escaped).fold(0, u8::wrapping_add));
    runs.map(usize::from).sum()
}
