//! Transfer encodings (RFC 2045 §6): undone and applied piece by piece.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Decoder`] and [`decode`]: any encoding, undone |
//! | `quoted_printable.rs` | [`QuotedPrintable`]: quoted-printable, undone |
//! | [`grammar::base64`](crate::grammar::base64) | base64, both ways |
//! | `uuencode.rs` | [`Uuencode`], and [`files`]: those that stand in plain text |
//! | `yenc.rs` | [`Yenc`]: noticed and left as it is |
//! | `strict.rs` | [`Strict`]: base64 and quoted-printable to the letter |
//! | `encode.rs` | [`Encoder`] and [`encode`]: base64 and quoted-printable, written in lines |
//!
//! Decoders are tolerant, as RFC 2045 asks of readers: what is not of the encoding is passed over
//! (base64, uuencode) or stands for itself (quoted-printable). The result is the same at every
//! cutting.

use alloc::{borrow::Cow, vec::Vec};

mod encode;
mod quoted_printable;
mod strict;
mod uuencode;
mod yenc;

pub use encode::{Encoder, Form, LINE, encode};
pub use quoted_printable::QuotedPrintable;
pub use strict::{Fault, Strict, Wrong};
pub use uuencode::{Begin, File, Uuencode, files};
pub use yenc::Yenc;

use super::structure::Encoding;
use crate::grammar::base64;

/// Undoes a transfer encoding for a body that comes in pieces.
///
/// Content is never larger than the body that it came from, so that a bound on bodies is one on
/// contents; a tighter one is set by [`limited`](Self::limited).
#[derive(Clone, Debug)]
pub struct Decoder {
    kind: Kind,
    limit: u64,
    /// How much of the limit is left.
    left: u64,
    cut: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Identity,
    Base64(base64::Decoder),
    QuotedPrintable(QuotedPrintable),
    Uuencode(Uuencode),
}

impl Decoder {
    /// A decoder for bodies encoded so; `None` if the encoding is not known (what IMAP answers with
    /// UNKNOWN-CTE, RFC 9051 §7.1).
    #[must_use]
    pub fn new(encoding: Encoding) -> Option<Self> {
        let kind = match encoding {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => Kind::Identity,
            Encoding::Base64 => Kind::Base64(base64::Decoder::new()),
            Encoding::QuotedPrintable => Kind::QuotedPrintable(QuotedPrintable::new()),
            Encoding::Uuencode => Kind::Uuencode(Uuencode::new()),
            Encoding::Unknown => return None,
        };
        Some(Self { kind, limit: u64::MAX, left: u64::MAX, cut: false })
    }

    /// The same, which gives the first `octets` of a content and no more.
    #[must_use]
    pub fn limited(self, octets: u64) -> Self {
        Self { limit: octets, left: octets, ..self }
    }

    /// Whether the content went on behind the limit and was cut there: then nothing more will come,
    /// and the rest of the body need not be fed.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Decodes the next piece and appends what it gives to `out`: never more than the piece and what
    /// was held back before (1,026 octets at most; of uuencode what earlier pieces fell short of
    /// their own size).
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        // No more is decoded than the limit may need.
        while !piece.is_empty() && !self.cut {
            let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
            let (some, rest) = piece.split_at(piece.len().min(most.max(1024)));
            piece = rest;
            let start = out.len();
            match &mut self.kind {
                Kind::Identity => out.extend_from_slice(some),
                Kind::Base64(decoder) => decoder.feed(some, out),
                Kind::QuotedPrintable(decoder) => decoder.feed(some, out),
                Kind::Uuencode(decoder) => decoder.feed(some, out),
            }
            self.count(start, out);
        }
    }

    /// Ends the body: what was held back is appended to `out`, and the decoder starts anew, with the
    /// same limit. `true` if the content is whole, and not cut at the limit.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        match &mut self.kind {
            Kind::Identity => {}
            Kind::Base64(decoder) => _ = decoder.finish(out),
            Kind::QuotedPrintable(decoder) => decoder.finish(out),
            Kind::Uuencode(decoder) => decoder.finish(out),
        }
        self.count(start, out);
        self.left = self.limit;
        !core::mem::take(&mut self.cut)
    }

    /// Counts what stands behind `start`, and cuts it at the limit.
    fn count(&mut self, start: usize, out: &mut Vec<u8>) {
        let made = (out.len() - start) as u64;
        if made > self.left {
            self.cut = true;
            // Less than was made just now.
            out.truncate(start + self.left as usize);
        }
        self.left = self.left.saturating_sub(made);
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
