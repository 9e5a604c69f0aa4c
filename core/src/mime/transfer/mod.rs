//! Transfer encodings (RFC 2045 §6): undone and applied piece by piece.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Decoder`] and [`decode`]: any encoding, undone |
//! | `quoted_printable.rs` | quoted-printable, undone |
//! | [`grammar::base64`](crate::grammar::base64) | base64, both ways |
//! | `encode.rs` | [`Encoder`] and [`encode`]: base64 and quoted-printable, written in lines |
//!
//! Both decoders are tolerant, as RFC 2045 asks of readers: what is not of the encoding is passed
//! over (base64) or stands for itself (quoted-printable). The result is the same at every cutting.

use alloc::{borrow::Cow, vec::Vec};

mod encode;
mod quoted_printable;

pub use encode::{Encoder, Form, LINE, encode};
pub use quoted_printable::QuotedPrintable;

use super::structure::Encoding;
use crate::grammar::base64;

/// Undoes a transfer encoding for a body that comes in pieces.
#[derive(Clone, Debug)]
pub struct Decoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Identity,
    Base64(base64::Decoder),
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// A decoder for bodies encoded so; `None` if the encoding is not known (what IMAP answers with
    /// UNKNOWN-CTE, RFC 9051 §7.1).
    #[must_use]
    pub fn new(encoding: Encoding) -> Option<Self> {
        Some(Self(match encoding {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => Kind::Identity,
            Encoding::Base64 => Kind::Base64(base64::Decoder::new()),
            Encoding::QuotedPrintable => Kind::QuotedPrintable(QuotedPrintable::new()),
            Encoding::Unknown | Encoding::Uuencode => return None,
        }))
    }

    /// Decodes the next piece and appends what it gives to `out`: never more than the piece and the
    /// few octets (1,026 at most) that were held back before.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity => out.extend_from_slice(piece),
            Kind::Base64(decoder) => decoder.feed(piece, out),
            Kind::QuotedPrintable(decoder) => decoder.feed(piece, out),
        }
    }

    /// Ends the body: what was held back is appended to `out`, and the decoder starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity => {}
            Kind::Base64(decoder) => _ = decoder.finish(out),
            Kind::QuotedPrintable(decoder) => decoder.finish(out),
        }
    }
}

/// A whole body without its transfer encoding; `None` if the encoding is not known.
#[must_use]
pub fn decode(encoding: Encoding, body: &[u8]) -> Option<Cow<'_, [u8]>> {
    if encoding.is_identity() {
        return Some(Cow::Borrowed(body));
    }
    let mut decoder = Decoder::new(encoding)?;
    let mut out = Vec::with_capacity(match encoding {
        Encoding::Base64 => body.len() / 4 * 3 + 3,
        _ => body.len(),
    });
    decoder.feed(body, &mut out);
    decoder.finish(&mut out);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests;
