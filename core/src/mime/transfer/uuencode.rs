//! Uuencode undone: the encoding of POSIX's `uuencode`, in bodies that say so and within plain text.
//!
//! ```text
//! begin 644 photo.jpg       mode in octal, name
//! M_]C_X``02D9)...          how many octets (" " is 0, "M" is 45), then four characters for three
//! `                         none: the last line
//! end
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use memchr::{memchr, memmem};

/// A tolerant decoder for uuencoded text that comes in pieces.
///
/// Lines before a `begin` and behind an `end` are passed over; the octets of a further file follow
/// those of the first. Space and `` ` `` are both zero, the end may be missing, and what a line has
/// too much is passed over. A line that is shorter than it says lost blanks at its end: zeros take
/// their place, as long as the content stays no larger than the text. The result is the same at
/// every cutting.
#[derive(Clone, Debug, Default)]
pub struct Uuencode {
    /// The start of a line whose end has not come, [`LONGEST_LINE`](Self::LONGEST_LINE) at most.
    line: Vec<u8>,
    /// Whether a `begin` was seen and no end.
    open: bool,
    /// By how much the text is longer than what it gave.
    spare: usize,
}

impl Uuencode {
    /// How many octets of a line are looked at.
    pub const LONGEST_LINE: usize = 1_000;

    /// A decoder at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: Vec::new(), open: false, spare: 0 }
    }

    /// Decodes the next piece and appends what its lines give to `out`.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while let Some(at) = memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(at + 1);
            piece = rest;
            self.spare = self.spare.saturating_add(line.len());
            if self.line.is_empty() {
                self.decode(line.get(..Self::LONGEST_LINE).unwrap_or(line), out);
            } else {
                self.hold(line);
                self.held(out);
            }
        }
        self.spare = self.spare.saturating_add(piece.len());
        self.hold(piece);
    }

    /// Ends the text and starts anew: a last line without line end counts.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.held(out);
        *self = Self { line: core::mem::take(&mut self.line), ..Self::new() };
    }

    fn hold(&mut self, line: &[u8]) {
        let room = Self::LONGEST_LINE - self.line.len();
        self.line.extend_from_slice(line.get(..room).unwrap_or(line));
    }

    fn held(&mut self, out: &mut Vec<u8>) {
        let mut line = core::mem::take(&mut self.line);
        self.decode(&line, out);
        line.clear();
        self.line = line;
    }

    fn decode(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let line = without_end(line);
        if !self.open || line.starts_with(b"begin ") {
            self.open = Begin::parse(line).is_some();
            return;
        }
        let Some((count, text)) = data(line) else {
            // An empty line may have come by transport.
            self.open = line.is_empty();
            return;
        };
        self.open = count > 0;
        let start = out.len();
        let (quanta, rest) = text.as_chunks::<4>();
        quanta
            .iter()
            .take(count.div_ceil(3))
            .for_each(|quad| out.extend_from_slice(&triple(*quad)));
        if out.len() - start < count && !rest.is_empty() {
            let mut last = [b' '; 4];
            last[..rest.len()].copy_from_slice(rest);
            out.extend_from_slice(&triple(last));
        }
        out.truncate(start + count.min(out.len() - start).min(self.spare));
        let zeros = (count - (out.len() - start)).min(self.spare - (out.len() - start));
        out.resize(out.len() + zeros, 0);
        self.spare -= out.len() - start;
    }
}

/// What the `begin` line of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin<'a> {
    /// The file's mode, as POSIX has it.
    pub mode: u16,
    /// The file's name: octets of no known charset.
    pub name: &'a [u8],
}

impl<'a> Begin<'a> {
    /// Reads `begin MODE NAME`; `None` if the line, given with or without its end, is another one.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = without_end(line).strip_prefix(b"begin ")?;
        let digits = rest.iter().take_while(|octet| matches!(octet, b'0'..=b'7')).count();
        let (digits, name) = rest.split_at_checked(digits)?;
        if !(3..=4).contains(&digits.len()) || name.first() != Some(&b' ') {
            return None;
        }
        let mode = digits.iter().fold(0, |mode, digit| mode << 3 | u16::from(digit - b'0'));
        let name = name.trim_ascii();
        (!name.is_empty()).then_some(Self { mode, name })
    }
}

/// A file that stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// What its first line says.
    pub begin: Begin<'a>,
    /// Its lines, from `begin` to `end`, as offsets in the text: what [`Uuencode`] decodes.
    pub lines: Range<usize>,
    /// Whether the `end` is there.
    pub complete: bool,
}

/// The uuencoded files that stand in a plain text, in order. A `begin` counts only if lines of a
/// file follow it, so that prose which starts so is none.
pub fn files(text: &[u8]) -> impl Iterator<Item = File<'_>> {
    let mut from = 0;
    core::iter::from_fn(move || {
        loop {
            let begin = from + memmem::find(text.get(from..)?, b"begin ")?;
            let at_start = begin == 0 || text.get(begin - 1) == Some(&b'\n');
            let (line, mut end) = line_at(text, begin);
            from = end;
            let (true, Some(found)) = (at_start, Begin::parse(line)) else {
                // What follows on this line is no start.
                continue;
            };
            let (mut complete, mut lines, mut last) = (false, 0_u32, false);
            while end < text.len() {
                let (line, after) = line_at(text, end);
                let line = without_end(line);
                if line == b"end" {
                    (complete, end) = (true, after);
                    break;
                }
                match data(line) {
                    Some((count, text)) if !last && fits(count, text) => last = count == 0,
                    _ => break,
                }
                end = after;
                lines = lines.saturating_add(1);
            }
            from = end;
            if complete || lines > 0 {
                return Some(File { begin: found, lines: begin..end, complete });
            }
        }
    })
}

/// The line that starts at `start`, with its end, and where the next one starts.
fn line_at(text: &[u8], start: usize) -> (&[u8], usize) {
    let rest = text.get(start..).unwrap_or_default();
    let len = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
    (rest.get(..len).unwrap_or_default(), start + len)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// How many octets a line says that it holds, and its characters; `None` if it is no line of a file.
fn data(line: &[u8]) -> Option<(usize, &[u8])> {
    let (count, text) = line.split_first()?;
    matches!(count, b' '..=b'`').then(|| (usize::from((count - b' ') & 63), text))
}

/// Whether a line has the characters that it should, but for blanks lost at its end and for the sum
/// that some encoders put there.
fn fits(count: usize, text: &[u8]) -> bool {
    let wanted = count.div_ceil(3) * 4;
    let is_character = |octet: &u8| matches!(octet, b' '..=b'`');
    text.len() <= wanted + 2
        && text.iter().all(is_character)
        && (text.len() + 3 >= wanted || text.len() >= wanted / 2)
}

/// The octets of four characters. Those that are of no encoder count by their low bits.
fn triple(quad: [u8; 4]) -> [u8; 3] {
    let value = |octet: u8| u32::from(octet.wrapping_sub(b' ') & 63);
    let bits = quad.iter().fold(0, |bits, octet| bits << 6 | value(*octet));
    let [_, a, b, c] = bits.to_be_bytes();
    [a, b, c]
}
