//! Which transfer encoding a body gets (RFC 2045 §6).

use memchr::memchr_iter;

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
            Ok(if stands { shape.needs.encoding() } else { shape.shortest(text.len()) })
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
    /// Octets that quoted-printable writes as three.
    escaped: usize,
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
        let (mut escaped, mut all, mut has_nul) = (0, 0, false);
        for octet in text {
            escaped += usize::from(
                !matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n') || *octet == b'=',
            );
            all |= octet;
            has_nul |= *octet == 0;
        }
        let needs = if has_nul || longest > LINE {
            Transport::Binary
        } else if all.is_ascii() {
            Transport::SevenBit
        } else {
            Transport::EightBit
        };
        Self { needs, is_fragile, escaped }
    }

    /// The shorter one of quoted-printable and base64 for text of this many octets, soft line ends
    /// and line ends counted.
    const fn shortest(&self, octets: usize) -> Encoding {
        let printable = octets + 2 * self.escaped;
        let printable = printable + printable / 75 * 3;
        let base64 = octets / 57 * 78 + octets % 57 * 4 / 3;
        if printable <= base64 { Encoding::QuotedPrintable } else { Encoding::Base64 }
    }
}
