//! Quoted-printable undone (RFC 2045 §6.7).

use alloc::vec::Vec;

use posthaste_simd::printable as simd;

use super::super::parameter::hex;

/// A quoted-printable decoder (RFC 2045 §6.7) for text that comes in pieces.
///
/// Blanks at the end of a line go (rule 3), up to [`LONGEST_BLANKS`](Self::LONGEST_BLANKS) of them.
/// A `=` that starts neither an escape nor a soft line end stands for itself; lower-case digits are
/// taken; lines may be of any length.
#[derive(Clone, Debug, Default)]
pub struct QuotedPrintable {
    escape: Escape,
    /// Blanks that go if the line ends behind them.
    blanks: Vec<u8>,
    /// A CR behind them.
    cr: bool,
    /// The blanks at hand are too many to go.
    long: bool,
}

/// What has been seen of an escape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    /// `=`, and perhaps the blanks and the CR that are held.
    Equals,
    /// `=` and a digit.
    Digit(u8),
}

impl QuotedPrintable {
    /// How many blanks at the end of a line are taken for padding; a longer run is text.
    pub const LONGEST_BLANKS: usize = 1_022;

    /// A decoder at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { escape: Escape::No, blanks: Vec::new(), cr: false, long: false }
    }

    /// Decodes the next piece and appends what it gives to `out`.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        loop {
            if !self.holds() {
                let taken = simd::decode(piece, Self::LONGEST_BLANKS, out);
                piece = piece.get(taken..).unwrap_or_default();
            }
            if piece.is_empty() {
                return;
            }
            // What is here is odd, or not decided in this piece; where it is, more may be near.
            let (near, rest) = piece.split_at(piece.len().min(NEAR));
            near.iter().for_each(|octet| self.step(*octet, out));
            piece = rest;
        }
    }

    /// Ends the text and starts anew. A `=` at its end is a soft line end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Escape::Digit(digit) = self.escape {
            out.extend_from_slice(&[b'=', digit]);
        } else if self.cr && self.escape == Escape::No {
            out.append(&mut self.blanks);
            out.push(b'\r');
        }
        self.blanks.clear();
        *self = Self { blanks: core::mem::take(&mut self.blanks), ..Self::new() };
    }

    /// Whether the next octet decides about earlier ones.
    fn holds(&self) -> bool {
        self.escape != Escape::No || !self.blanks.is_empty() || self.cr || self.long
    }

    /// Takes one octet where earlier ones are held.
    fn step(&mut self, octet: u8, out: &mut Vec<u8>) {
        match (self.escape, octet) {
            (Escape::Equals, digit) if self.is_bare() && hex(digit).is_some() => {
                self.escape = Escape::Digit(digit);
            }
            (Escape::Digit(first), digit) => {
                self.escape = Escape::No;
                if let (Some(high), Some(low)) = (hex(first), hex(digit)) {
                    out.push(high << 4 | low);
                } else {
                    out.extend_from_slice(&[b'=', first]);
                    self.step(octet, out);
                }
            }
            (_, b' ' | b'\t') if !self.cr => self.blank(octet, out),
            (_, b'\r') if !self.cr => self.cr = true,
            (Escape::Equals, b'\n') => self.forget(),
            (Escape::No, b'\n') => {
                let end: &[u8] = if self.cr { b"\r\n" } else { b"\n" };
                self.forget();
                out.extend_from_slice(end);
            }
            _ => {
                self.release(out);
                match octet {
                    b'=' => self.escape = Escape::Equals,
                    b' ' | b'\t' => self.blank(octet, out),
                    b'\r' => self.cr = true,
                    _ => out.push(octet),
                }
            }
        }
    }

    /// Whether nothing stands behind the `=`.
    fn is_bare(&self) -> bool {
        self.blanks.is_empty() && !self.cr && !self.long
    }

    /// Takes a blank that may stand at the end of a line.
    fn blank(&mut self, octet: u8, out: &mut Vec<u8>) {
        if !self.long && self.blanks.len() == Self::LONGEST_BLANKS {
            self.release(out);
            self.long = true;
        }
        if self.long {
            out.push(octet);
        } else {
            self.blanks.push(octet);
        }
    }

    /// What is held turned out to be text.
    fn release(&mut self, out: &mut Vec<u8>) {
        if self.escape == Escape::Equals {
            out.push(b'=');
        }
        out.extend_from_slice(&self.blanks);
        if self.cr {
            out.push(b'\r');
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.escape = Escape::No;
        self.blanks.clear();
        self.cr = false;
        self.long = false;
    }
}

/// How many octets are looked at one by one where one is odd.
const NEAR: usize = 32;
