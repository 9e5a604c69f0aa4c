//! Base64 and quoted-printable to the letter (RFC 2045 §6.7 and §6.8).

use alloc::vec::Vec;
use core::fmt;

use memchr::memchr2;
use posthaste_simd::base64::{Quantum, decode};

use super::{super::structure::Encoding, LINE};

/// Undoes base64 or quoted-printable for a body that comes in pieces, and refuses what RFC 2045 does
/// not allow a writer: for tests of mailers, and where a body that can be read in two ways must not
/// pass. Reading mail is what [`Decoder`](super::Decoder) is for.
#[derive(Clone, Debug)]
pub struct Strict {
    kind: Kind,
    /// How many octets came before the piece.
    before: u64,
    /// How many octets the line has so far.
    column: usize,
    /// The last octet was a CR.
    cr: bool,
    /// The last octet was a blank.
    blank: bool,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Kind {
    Base64 { held: Quantum, padding: u8 },
    Printable(Escape),
}

/// What has been seen of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    No,
    Equals,
    Digit(u8),
    /// `=` and a CR.
    Soft,
}

/// What is wrong with a body, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The offset in the body of the octet that shows it; its length, if the end does.
    pub at: u64,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What RFC 2045 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A blank at the end of a line (§6.7 rule 3).
    Blank,
    /// The end comes within a quantum, an escape or a line that goes on.
    End,
    /// A `=` before neither two digits, the letters in upper case, nor a line end (§6.7 rule 1).
    Escape,
    /// A line longer than 76 characters (§6.7 rule 5, §6.8).
    LineLength,
    /// A CR without LF or a LF without CR (§6.7 rule 4).
    LineEnd,
    /// An octet that does not stand for itself, or is not of the base64 alphabet.
    Octet,
    /// Padding where it does not belong, or something behind it (§6.8).
    Padding,
    /// The bits that the padding leaves over are not zero (RFC 4648 §3.5).
    TrailingBits,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = match self.wrong {
            Wrong::Blank => "a blank at the end of a line",
            Wrong::End => "an end in the middle",
            Wrong::Escape => "a \"=\" that starts no escape",
            Wrong::LineLength => "a line that is too long",
            Wrong::LineEnd => "a CR or LF that stands alone",
            Wrong::Octet => "an octet that must not stand here",
            Wrong::Padding => "padding that does not belong here",
            Wrong::TrailingBits => "unused bits that are not zero",
        };
        write!(f, "{wrong} at octet {}", self.at)
    }
}

impl core::error::Error for Fault {}

impl Strict {
    /// A decoder for bodies encoded so; `None` for any but base64 and quoted-printable.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Option<Self> {
        let kind = match encoding {
            Encoding::Base64 => Kind::Base64 { held: Quantum { bits: 0, count: 0 }, padding: 0 },
            Encoding::QuotedPrintable => Kind::Printable(Escape::No),
            _ => return None,
        };
        Some(Self { kind, before: 0, column: 0, cr: false, blank: false, fault: None })
    }

    /// Decodes the next piece and appends what it gives to `out`.
    ///
    /// # Errors
    /// The first fault of the body; what stands before it has been appended, and every later call
    /// says the same again.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let plain = self.plain(rest, out);
            rest = rest.get(plain..).unwrap_or_default();
            let Some((octet, after)) = rest.split_first() else { break };
            if let Err(wrong) = self.step(*octet, out) {
                let at = self.before + (piece.len() - rest.len()) as u64;
                return self.fail(Fault { at, wrong });
            }
            rest = after;
        }
        self.before += piece.len() as u64;
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The first fault of the body, which may be that it ends here.
    pub fn finish(self) -> Result<(), Fault> {
        let wrong = match (self.fault, self.kind) {
            (Some(fault), _) => return Err(fault),
            _ if self.cr => Wrong::LineEnd,
            (_, Kind::Base64 { held: Quantum { count: 1.., .. }, .. }) => Wrong::End,
            (_, Kind::Printable(Escape::Equals | Escape::Digit(_) | Escape::Soft)) => Wrong::End,
            (_, Kind::Printable(Escape::No)) if self.blank => Wrong::Blank,
            _ => return Ok(()),
        };
        Err(Fault { at: self.before, wrong })
    }

    fn fail(&mut self, fault: Fault) -> Result<(), Fault> {
        self.fault = Some(fault);
        Err(fault)
    }

    /// Takes octets that need no second look; says how many.
    fn plain(&mut self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let text = text.get(..LINE.saturating_sub(self.column)).unwrap_or(text);
        let count = match &mut self.kind {
            _ if self.cr => 0,
            Kind::Base64 { held, padding: 0 } => {
                let line = memchr2(b'\r', b'\n', text).unwrap_or(text.len());
                decode(held, text.get(..line).unwrap_or_default(), out)
            }
            Kind::Printable(Escape::No) => {
                let is_plain = |octet: &&u8| matches!(octet, b'!'..=b'<' | b'>'..=b'~');
                let count = text.iter().take_while(is_plain).count();
                out.extend_from_slice(text.get(..count).unwrap_or_default());
                count
            }
            Kind::Base64 { .. } | Kind::Printable(_) => 0,
        };
        self.column += count;
        self.blank &= count == 0;
        count
    }

    /// Takes one octet.
    fn step(&mut self, octet: u8, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if self.cr {
            if octet != b'\n' {
                return Err(Wrong::LineEnd);
            }
            (self.cr, self.blank, self.column) = (false, false, 0);
            match &mut self.kind {
                Kind::Printable(escape @ Escape::Soft) => *escape = Escape::No,
                Kind::Printable(_) => out.extend_from_slice(b"\r\n"),
                Kind::Base64 { .. } => {}
            }
            return Ok(());
        }
        match octet {
            b'\r' => return self.carriage_return(),
            b'\n' => return Err(Wrong::LineEnd),
            _ if self.column == LINE => return Err(Wrong::LineLength),
            _ => self.column += 1,
        }
        match &mut self.kind {
            Kind::Base64 { held, padding } => base64(octet, held, padding, out),
            Kind::Printable(escape) => {
                self.blank = *escape == Escape::No && matches!(octet, b' ' | b'\t');
                printable(octet, escape, out)
            }
        }
    }

    fn carriage_return(&mut self) -> Result<(), Wrong> {
        self.cr = true;
        match &mut self.kind {
            Kind::Printable(escape @ Escape::Equals) => *escape = Escape::Soft,
            Kind::Printable(Escape::Digit(_)) => return Err(Wrong::Escape),
            Kind::Printable(_) if self.blank => return Err(Wrong::Blank),
            _ => {}
        }
        Ok(())
    }
}

/// Takes padding, or a character that is none of base64.
fn base64(octet: u8, held: &mut Quantum, padding: &mut u8, out: &mut Vec<u8>) -> Result<(), Wrong> {
    if octet != b'=' {
        let is_base64 = matches!(octet, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/');
        return Err(if is_base64 { Wrong::Padding } else { Wrong::Octet });
    }
    // RFC 2045 §6.8: one or two of them, at the end of the last quantum.
    *padding = padding.saturating_add(1);
    let bits = held.bits;
    match (held.count, *padding) {
        (2, 1) if bits & 15 != 0 => return Err(Wrong::TrailingBits),
        (3, 1) if bits & 3 != 0 => return Err(Wrong::TrailingBits),
        (2, 1) => return Ok(()),
        (2, 2) => out.push((bits >> 4) as u8),
        (3, 1) => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => return Err(Wrong::Padding),
    }
    *held = Quantum::default();
    *padding = 2;
    Ok(())
}

/// Takes a character of quoted-printable.
fn printable(octet: u8, escape: &mut Escape, out: &mut Vec<u8>) -> Result<(), Wrong> {
    // Rule 1: upper case.
    let digit = match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    *escape = match (*escape, digit) {
        (Escape::Equals, Some(digit)) => Escape::Digit(digit),
        (Escape::Digit(high), Some(low)) => {
            out.push(high << 4 | low);
            Escape::No
        }
        (Escape::Equals | Escape::Digit(_) | Escape::Soft, _) => return Err(Wrong::Escape),
        (Escape::No, _) => match octet {
            b'=' => Escape::Equals,
            b' '..=b'~' | b'\t' => {
                out.push(octet);
                Escape::No
            }
            _ => return Err(Wrong::Octet),
        },
    };
    Ok(())
}
