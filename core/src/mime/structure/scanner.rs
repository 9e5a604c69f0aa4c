//! The push scanner: pieces of a message in, its tree out.
//!
//! # Rules
//! - A header ends at its first empty line. A line in it that is no field is passed over.
//! - A delimiter is a line that is `--`, the boundary, perhaps `--`, perhaps blanks, and nothing
//!   else (RFC 2046 §5.1.1 would let anything follow; then one boundary could be the start of
//!   another). The innermost open multipart that it fits is meant, and closes those within.
//! - After the last delimiter of a multipart its boundary means nothing any more.
//! - Bodies in which no delimiter can stand are not looked at, but for counting lines where
//!   BODYSTRUCTURE needs them.
//!
//! # Memory
//! The tree, the boundaries of the open multiparts, and one unfinished line or field. All are bounded
//! by [`Limits`]; no octet is looked at more than a fixed number of times.

mod headers;

use alloc::vec::Vec;
use core::mem;

use memchr::{memchr, memchr_iter, memmem};

use super::{
    super::{Defects, Limits},
    Encoding, Kind, Part, Structure,
};

/// Scans a message that comes in pieces of any size; the tree is the same at every cutting.
#[derive(Clone, Debug)]
pub struct Scanner {
    tree: Structure,
    limits: Limits,
    /// The offset of the next octet, and how many octets of a message are looked at at most.
    at: u32,
    state: State,
    /// The next octet starts a line.
    line_starts: bool,
    /// How long the line end before the line at hand is: 0 (none), 1 (LF) or 2 (CR LF).
    line_end: u32,
    /// The last octet was CR.
    after_cr: bool,
    /// What the last piece held of an unfinished delimiter line or header field.
    carry: Vec<u8>,
    /// The open parts, outermost first.
    open: Vec<Open>,
    /// The boundaries of the open multiparts, end to end.
    boundaries: Vec<u8>,
    /// How many of the open multiparts have a boundary that still means something.
    active: usize,
    /// How many of the open parts are messages within the message.
    messages: usize,
    /// Line ends seen where they are counted.
    lines: u32,
    counting: bool,
    /// How much of the piece at hand has been counted.
    counted: usize,
    header: Header,
    finder: memmem::Finder<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    Body,
    /// The message is larger than offsets can say.
    TooLarge,
}

/// A part that has started and not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    part: u32,
    /// Where its boundary stands in `boundaries`; empty for what is no multipart or has ended.
    boundary: (u32, u32),
    /// The line count at the start of its body.
    lines: u32,
    /// A delimiter was seen.
    started: bool,
}

/// The header at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    /// Where the open field starts, if one is open.
    field: Option<u32>,
    /// The first line of the open field has not ended.
    first_line: bool,
    /// Some octets of the open field were not kept in `carry`.
    lost: bool,
    kind: Option<Kind>,
    encoding: Option<Encoding>,
    /// The boundary at the end of `boundaries`.
    boundary: Option<(u32, u32)>,
}

impl Scanner {
    /// A scanner at the start of a message.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::reuse(limits, Structure::default())
    }

    /// As [`new`](Self::new), with the storage of a tree that is not needed any more.
    #[must_use]
    pub fn reuse(limits: Limits, mut tree: Structure) -> Self {
        tree.parts.clear();
        tree.fields.clear();
        tree.kept.clear();
        tree.keeps = false;
        tree.defects = Defects::NONE;
        let mut scanner = Self {
            tree,
            limits,
            at: 0,
            state: State::Header,
            line_starts: true,
            line_end: 0,
            after_cr: false,
            carry: Vec::new(),
            open: Vec::new(),
            boundaries: Vec::new(),
            active: 0,
            messages: 0,
            lines: 0,
            counting: false,
            counted: 0,
            header: Header::default(),
            finder: memmem::Finder::new(b"\n--"),
        };
        scanner.start_part(0);
        scanner
    }

    /// Keeps the fields that ENVELOPE and BODYSTRUCTURE show in the tree, up to `header_block`
    /// octets of them, so that neither needs the message later. To be said before the first piece.
    #[must_use]
    pub const fn keep_fields(mut self) -> Self {
        self.tree.keeps = true;
        self
    }

    /// How many octets were fed.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.at
    }

    /// Scans the next piece of the message.
    pub fn feed(&mut self, piece: &[u8]) {
        let end = u32::try_from(piece.len()).ok().and_then(|len| self.at.checked_add(len));
        let Some(end) = end.filter(|_| self.state != State::TooLarge) else {
            self.state = State::TooLarge;
            return;
        };
        if piece.is_empty() {
            return;
        }
        self.counted = 0;
        let mut from = 0;
        while from < piece.len() {
            from = match self.state {
                State::Header => self.scan_header(piece, from),
                State::Body => self.scan_body(piece, from),
                State::TooLarge => piece.len(),
            };
        }
        self.count(piece, piece.len());
        self.after_cr = piece.last() == Some(&b'\r');
        self.at = end;
    }

    /// Ends the message and gives its tree.
    #[must_use]
    pub fn finish(mut self) -> Structure {
        let carry = mem::take(&mut self.carry);
        match self.state {
            State::TooLarge => self.tree.defects.insert(Defects::TRUNCATED),
            State::Header => {
                let line = (self.header.field, self.header.first_line && !self.header.lost);
                let found = match line {
                    (Some(start), true) => self.delimiter(&carry).map(|found| (start, found)),
                    _ => None,
                };
                if let Some((start, found)) = found {
                    self.delimit(start, (self.at, 0), found);
                } else {
                    self.end_field(&carry, self.at);
                    self.tree.defects.insert(Defects::NO_BLANK_LINE);
                    self.end_header(self.at, self.at);
                }
            }
            State::Body => {
                if let (true, Some(found)) = (self.line_starts, self.delimiter(&carry)) {
                    let start = self.at.saturating_sub(carry.len() as u32);
                    self.delimit(start, (self.at, 0), found);
                }
            }
        }
        if self.state == State::Header {
            // A delimiter or a message part ended the message: the part behind it is empty.
            self.end_header(self.at, self.at);
        }
        self.close_to(0, self.at, 0);
        self.tree
    }

    /// Counts the line ends of `piece` up to `to`, if they are wanted.
    fn count(&mut self, piece: &[u8], to: usize) {
        if let (true, Some(new)) = (self.counting, piece.get(self.counted..to)) {
            self.lines = self.lines.saturating_add(memchr_iter(b'\n', new).count() as u32);
        }
        self.counted = to;
    }

    /// The offset in the message of what stands at `at` in the piece at hand.
    fn offset(&self, at: usize) -> u32 {
        self.at.saturating_add(at as u32)
    }

    /// How long the line end is that stands before `at` in the piece at hand.
    fn line_end_before(&self, piece: &[u8], at: usize) -> u32 {
        match at {
            0 => self.line_end,
            1 => 1 + u32::from(self.after_cr),
            _ => 1 + u32::from(piece.get(at - 2) == Some(&b'\r')),
        }
    }

    // Bodies.

    fn scan_body(&mut self, piece: &[u8], start: usize) -> usize {
        if self.active == 0 {
            return piece.len();
        }
        let mut at = start;
        loop {
            if !self.line_starts {
                let rest = piece.get(at..).unwrap_or_default();
                if let Some(found) = self.finder.find(rest) {
                    at += found + 1;
                } else {
                    match rest {
                        [.., b'\n'] => at = piece.len(),
                        [.., b'\n', b'-'] => at = piece.len() - 1,
                        _ => return piece.len(),
                    }
                }
                self.line_starts = true;
                self.line_end = self.line_end_before(piece, at);
                self.carry.clear();
            }
            match self.scan_line(piece, at) {
                Line::Unfinished => return piece.len(),
                Line::Text(next) => at = next,
                Line::Delimiter(next) => return next,
            }
        }
    }

    /// Looks at the line that starts at `at`, or before this piece in `carry`.
    fn scan_line(&mut self, piece: &[u8], at: usize) -> Line {
        let rest = piece.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Line::Unfinished;
        }
        if self.carry.is_empty() && !may_delimit(rest) {
            self.line_starts = false;
            return Line::Text(at);
        }
        let window = LONGEST_DELIMITER.saturating_sub(self.carry.len());
        let window = rest.get(..window).unwrap_or(rest);
        let end = memchr(b'\n', window).map(|end| end + 1);
        if end.is_none() && window.len() == rest.len() {
            self.carry.extend_from_slice(rest);
            if may_delimit(&self.carry) {
                return Line::Unfinished;
            }
        }
        let Some(end) = end else {
            self.carry.clear();
            self.line_starts = false;
            return Line::Text(at);
        };
        let line = rest.get(..end).unwrap_or_default();
        let (found, len) = if self.carry.is_empty() {
            (self.delimiter(trim_line_end(line)), line.len())
        } else {
            let mut whole = mem::take(&mut self.carry);
            whole.extend_from_slice(line);
            let found = self.delimiter(trim_line_end(&whole));
            let len = whole.len();
            whole.clear();
            self.carry = whole;
            (found, len)
        };
        let next = at + end;
        let Some(found) = found else {
            self.line_end = self.line_end_before(piece, next);
            return Line::Text(next);
        };
        self.count(piece, at);
        let (after, line_end) = (self.offset(next), self.line_end_before(piece, next));
        self.delimit(after.saturating_sub(len as u32), (after, line_end), found);
        Line::Delimiter(next)
    }

    /// Which open multipart the line, without its line end, delimits: its place in `open`, and
    /// whether it is the last delimiter.
    fn delimiter(&mut self, line: &[u8]) -> Option<(usize, bool)> {
        if self.active == 0 {
            return None;
        }
        let line = trim_line_end(line).strip_prefix(b"--")?;
        // RFC 2046 §5.1.1: transport padding.
        let line = trim_blanks_end(line);
        let mut is_prefix = false;
        for (level, open) in self.open.iter().enumerate().rev() {
            let (start, end) = open.boundary;
            let Some(boundary) = self.boundaries.get(start as usize..end as usize) else {
                continue;
            };
            if boundary.is_empty() {
                continue;
            }
            match line.strip_prefix(boundary) {
                Some([]) => return Some((level, false)),
                Some(b"--") => return Some((level, true)),
                Some(_) => is_prefix = true,
                None => {}
            }
        }
        if is_prefix {
            self.tree.defects.insert(Defects::BOUNDARY_PREFIX);
        }
        None
    }

    /// Ends what the delimiter line that starts at `start` ends, and starts the part behind it at
    /// `next`. The line end in between has `line_end` octets.
    fn delimit(&mut self, start: u32, (next, line_end): (u32, u32), (level, last): (usize, bool)) {
        if self.state == State::Header {
            let end = start.saturating_sub(self.line_end).max(self.part_start());
            self.end_header_short(end);
        }
        self.close_to(level + 1, start, self.line_end);
        let count = self.tree.parts.len();
        let Some(open) = self.open.get_mut(level) else { return };
        open.started = true;
        self.state = State::Body;
        self.line_starts = true;
        self.line_end = line_end;
        self.counting = self.messages > 0;
        if last {
            // RFC 2046 §5.1.1: what follows is the epilogue.
            self.boundaries.truncate(open.boundary.0 as usize);
            open.boundary = (open.boundary.0, open.boundary.0);
            self.active = self.active.saturating_sub(1);
        } else if count >= self.limits.mime_parts as usize {
            self.tree.defects.insert(Defects::TRUNCATED);
        } else {
            self.start_part(next);
        }
    }

    // The tree.

    fn start_part(&mut self, start: u32) {
        let index = self.tree.parts.len() as u32;
        let parent = self.open.last().map_or(index, |open| open.part);
        self.tree.parts.push(Part {
            start,
            body: start,
            end: start,
            lines: 0,
            parent,
            after: index + 1,
            fields: self.tree.fields.len() as u32,
            kept: self.tree.kept.len() as u32,
            kind: Kind::Text,
            encoding: Encoding::SevenBit,
        });
        let boundary = self.boundaries.len() as u32;
        self.open.push(Open {
            part: index,
            boundary: (boundary, boundary),
            lines: self.lines,
            started: false,
        });
        self.state = State::Header;
        self.line_starts = true;
        self.line_end = 0;
        self.header = Header::default();
    }

    /// Ends all open parts from place `level` on, at the line that starts at `start` behind a line
    /// end of `line_end` octets.
    fn close_to(&mut self, level: usize, start: u32, line_end: u32) {
        let after = self.tree.parts.len() as u32;
        while self.open.len() > level
            && let Some(open) = self.open.pop()
        {
            let Some(part) = self.tree.parts.get_mut(open.part as usize) else { continue };
            part.end = start.saturating_sub(line_end).max(part.body);
            part.after = after;
            let has_child = after > open.part + 1;
            if matches!(part.kind, Kind::Text | Kind::Message) {
                let lines = self.lines.saturating_sub(u32::from(line_end > 0));
                part.lines = lines.saturating_sub(open.lines);
            }
            if part.kind == Kind::Message && has_child {
                self.messages = self.messages.saturating_sub(1);
            }
            if open.boundary.0 < open.boundary.1 {
                self.active = self.active.saturating_sub(1);
                self.tree.defects.insert(Defects::NOT_CLOSED);
                if !open.started {
                    self.tree.defects.insert(Defects::NO_DELIMITER);
                }
            }
            self.boundaries.truncate(open.boundary.0 as usize);
        }
    }

    /// Where the part at hand starts.
    fn part_start(&self) -> u32 {
        let part = self.open.last().and_then(|open| self.tree.parts.get(open.part as usize));
        part.map_or(0, |part| part.start)
    }

    /// The part that the part at hand stands in.
    fn enclosing(&self) -> Option<&Part> {
        let above = self.open.len().checked_sub(2).and_then(|at| self.open.get(at))?;
        self.tree.parts.get(above.part as usize)
    }
}

/// What a line of a body turned out to be, and where the next one starts.
enum Line {
    Delimiter(usize),
    Text(usize),
    Unfinished,
}

/// Whether a line that starts so can be a delimiter.
fn may_delimit(line: &[u8]) -> bool {
    matches!(line, [b'-'] | [b'-', b'-', ..])
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn trim_blanks_end(line: &[u8]) -> &[u8] {
    let blanks = line.iter().rev().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    line.get(..line.len() - blanks).unwrap_or_default()
}

/// How long a boundary may be. RFC 2046 §5.1.1 says 70; some mailers write more.
const LONGEST_BOUNDARY: usize = 998;
/// How long a delimiter line may be, with its padding and line end.
const LONGEST_DELIMITER: usize = LONGEST_BOUNDARY + 1026;
