//! Transfer encodings applied, piece by piece: what a message builder writes.

use alloc::vec::Vec;

use super::super::structure::Encoding;
use crate::grammar::base64;

/// What the octets of a content are, which decides how quoted-printable writes its line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Octets of any kind: CR and LF are written as escapes, and every line end is a soft one.
    Binary,
    /// Text in its canonical form (RFC 2046 §4.1.1): CR LF is written as the line end that it is.
    /// A CR or LF that stands alone is no line end and is written as an escape.
    Text,
}

/// Applies a transfer encoding to content that comes in pieces: the same text at every cutting, and
/// what [`Decoder`](super::Decoder) makes of it is the content again, octet for octet.
///
/// Lines have at most [`LINE`] characters (RFC 2045 §6.7 and §6.8) and end in CR LF. No line end is
/// added behind the last line: it belongs to whatever follows.
#[derive(Clone, Debug)]
pub struct Encoder(Kind);

/// The longest line that base64 and quoted-printable may have, without its CR LF.
pub const LINE: usize = 76;

#[derive(Clone, Debug)]
enum Kind {
    Identity,
    Base64(base64::Encoder),
    Printable(Printable),
}

impl Encoder {
    /// An encoder for content of this form; `None` for encodings that are never written (uuencode
    /// and those not known).
    #[must_use]
    pub const fn new(encoding: Encoding, form: Form) -> Option<Self> {
        Some(Self(match encoding {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => Kind::Identity,
            Encoding::Base64 => Kind::Base64(base64::Encoder::new()),
            Encoding::QuotedPrintable => Kind::Printable(Printable::new(form)),
            Encoding::Unknown | Encoding::Uuencode => return None,
        }))
    }

    /// Encodes the next piece and appends what is complete to `out`. 7bit, 8bit and binary pass as
    /// they are, whatever they hold.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity => out.extend_from_slice(piece),
            Kind::Base64(encoder) => encoder.feed(piece, out),
            Kind::Printable(encoder) => encoder.feed(piece, out),
        }
    }

    /// Ends the content: what was held back is appended to `out`, and the encoder starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity => {}
            Kind::Base64(encoder) => encoder.finish(out),
            Kind::Printable(encoder) => encoder.finish(out),
        }
    }
}

/// Appends a whole content to `out` in a transfer encoding, as [`Encoder`] writes it; `false`, and
/// nothing appended, if the encoding is never written.
pub fn encode(encoding: Encoding, form: Form, content: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(mut encoder) = Encoder::new(encoding, form) else { return false };
    encoder.feed(content, out);
    encoder.finish(out);
    true
}

/// Quoted-printable, written (RFC 2045 §6.7).
#[derive(Clone, Debug)]
struct Printable {
    form: Form,
    /// How many characters the line has.
    column: usize,
    /// Octets whose writing depends on those that follow.
    held: [u8; AHEAD],
    count: usize,
}

/// How many octets behind one decide how it is written: those of `From `.
const AHEAD: usize = FROM.len() - 1;
/// RFC 2049 §3 (8): a line that begins so is changed by some mailers.
const FROM: &[u8] = b"From ";

impl Printable {
    const fn new(form: Form) -> Self {
        Self { form, column: 0, held: [0; AHEAD], count: 0 }
    }

    fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        if self.count > 0 {
            let mut joined = [0; 3 * AHEAD];
            let count = self.count;
            let taken = piece.len().min(joined.len() - count);
            joined[..count].copy_from_slice(&self.held[..count]);
            joined[count..count + taken].copy_from_slice(&piece[..taken]);
            let joined = &joined[..count + taken];
            let reached = self.write(joined, count.min(joined.len().saturating_sub(AHEAD)), out);
            if reached < count {
                return self.hold(&joined[reached..]);
            }
            piece = piece.get(reached - count..).unwrap_or_default();
        }
        let reached = self.write(piece, piece.len().saturating_sub(AHEAD), out);
        self.hold(piece.get(reached..).unwrap_or_default());
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let (held, count) = (self.held, self.count);
        self.write(&held[..count], count, out);
        *self = Self::new(self.form);
    }

    fn hold(&mut self, octets: &[u8]) {
        self.count = octets.len().min(AHEAD);
        self.held[..self.count].copy_from_slice(&octets[..self.count]);
    }

    /// Writes the octets before `end`, looking at those behind it; where `text` ends, the content
    /// does. Says where it stopped: one further than `end` if a line end stands across it.
    fn write(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < end {
            if self.column > 0 {
                let room = (LINE - 1).saturating_sub(self.column).min(end - at);
                let plain = plain(&text[at..], room);
                out.extend_from_slice(&text[at..at + plain]);
                self.column += plain;
                at += plain;
                if plain > 0 {
                    continue;
                }
            }
            at += self.step(&text[at..], out);
        }
        at
    }

    /// Writes the first octet of `text`, or the line end there; says how many octets it was.
    fn step(&mut self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let Some((octet, rest)) = text.split_first() else { return 0 };
        if self.is_line_end(text) {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
            return 2;
        }
        let is_last = rest.is_empty() || self.is_line_end(rest);
        // Rule 5: the last character of a line that goes on is a "=".
        let limit = if is_last { LINE } else { LINE - 1 };
        let mut escaped = self.is_escaped(text, is_last);
        if self.column + if escaped { 3 } else { 1 } > limit {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
            escaped = self.is_escaped(text, is_last);
        }
        if escaped {
            let digit = |value: u8| DIGITS[usize::from(value & 15)];
            out.extend_from_slice(&[b'=', digit(octet >> 4), digit(*octet)]);
            self.column += 3;
        } else {
            out.push(*octet);
            self.column += 1;
        }
        1
    }

    fn is_line_end(&self, text: &[u8]) -> bool {
        self.form == Form::Text && text.starts_with(b"\r\n")
    }

    /// Whether the first octet of `text` is written as an escape, here in the line.
    fn is_escaped(&self, text: &[u8], is_last: bool) -> bool {
        match text {
            // Rule 3: no blank at the end of a line.
            [b' ' | b'\t', ..] => is_last,
            // RFC 2049 §3 (7): a line of one dot ends a message in SMTP.
            [b'.', ..] => self.column == 0,
            [b'F', ..] => self.column == 0 && text.starts_with(FROM),
            [octet, ..] => !PLAIN[usize::from(*octet)],
            [] => false,
        }
    }
}

/// How many octets at the start of `text` are surely written as they are within a line, at most
/// `room` of them.
fn plain(text: &[u8], room: usize) -> usize {
    let room = text.get(..room).unwrap_or(text);
    let count = room.iter().take_while(|octet| PLAIN[usize::from(**octet)]).count();
    match (text.get(..count), text.get(count)) {
        // A line end may follow.
        (Some([.., b' ' | b'\t']), None | Some(b'\r')) => count - 1,
        _ => count,
    }
}

/// Octets that stand for themselves (rule 2 and, within a line, rule 3).
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = b' ';
    while octet <= b'~' {
        table[octet as usize] = octet != b'=';
        octet += 1;
    }
    table[b'\t' as usize] = true;
    table
};

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
