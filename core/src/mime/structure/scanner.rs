//! The push scanner: pieces of a message in, its tree out.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Scanner`]: pieces, lines counted, parts opened and closed |
//! | `scanner/headers.rs` | where headers end, which fields they have, what they say of the body |
//! | `scanner/bodies.rs` | the search for delimiters |
//! | `scanner/boundaries.rs` | what a delimiter is |
//!
//! # Rules
//! - A header ends at its first empty line. A line in it that is no field is passed over.
//! - A delimiter is a line that starts with `--` and a boundary, behind which stands nothing, a blank
//!   or, in the last one, `--`. The innermost open multipart that it fits is meant, and closes
//!   those within.
//! - After the last delimiter of a multipart its boundary means nothing any more.
//! - Bodies in which no delimiter can stand are not looked at, but for counting lines where
//!   BODYSTRUCTURE needs them.
//!
//! # Memory
//! The tree, the boundaries of the open multiparts, and one unfinished line or field. All are bounded
//! by [`Limits`]; no octet is looked at more than a fixed number of times.

mod bodies;
mod boundaries;
mod headers;

use alloc::vec::Vec;
use core::mem;

use posthaste_simd::dashes;
use smallvec::SmallVec;

use self::{
    boundaries::{Boundaries, Line},
    headers::Header,
};
use super::{
    super::{Defects, Limits},
    Encoding, Kind, Part, Structure,
};

/// Scans a message that comes in pieces of any size; the tree is the same at every cutting.
#[derive(Clone, Debug)]
pub struct Scanner {
    tree: Structure,
    limits: Limits,
    keeps: bool,
    /// The offset of the next octet.
    at: u32,
    state: State,
    /// The next octet starts a line.
    line_starts: bool,
    /// How long the line end before the line at hand is: 0 (none), 1 (LF) or 2 (CR LF).
    line_end: u32,
    /// The last octet was CR.
    after_cr: bool,
    /// What the pieces before held of an unfinished delimiter line or header field.
    carry: Vec<u8>,
    /// The open parts, outermost first.
    open: SmallVec<[Open; 8]>,
    boundaries: Boundaries,
    /// How many of the open parts are messages within the message.
    messages: usize,
    /// Line ends seen where they are counted.
    lines: u32,
    counting: bool,
    /// How much of the piece at hand has been counted.
    counted: usize,
    header: Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Start,
    Header,
    Body,
    /// Behind a delimiter, before its line end; whether it is the last one.
    Delimiter {
        last: bool,
    },
    /// The message is larger than offsets can say.
    TooLarge,
}

/// A part that has started and not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    part: u32,
    /// The line count at the start of its body.
    lines: u32,
    /// A delimiter was seen.
    started: bool,
}

impl Scanner {
    /// A scanner at the start of a message.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            tree: Structure::default(),
            limits,
            keeps: false,
            at: 0,
            state: State::Start,
            line_starts: true,
            line_end: 0,
            after_cr: false,
            carry: Vec::new(),
            open: SmallVec::new(),
            boundaries: Boundaries::default(),
            messages: 0,
            lines: 0,
            counting: false,
            counted: 0,
            header: Header::default(),
        }
    }

    /// Keeps the fields that ENVELOPE and BODYSTRUCTURE show in the tree, up to `header_block`
    /// octets of them, so that neither needs the message later. To be said before the first piece;
    /// holds for the messages after it too.
    #[must_use]
    pub const fn keep_fields(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// Takes the storage of a tree that is not needed any more for the next message. To be said
    /// before its first piece; then a scanner in use allocates nothing for most messages.
    pub fn recycle(&mut self, tree: Structure) {
        if self.state == State::Start {
            self.tree = tree;
        }
    }

    /// How many octets of the message at hand were fed.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.at
    }

    /// Scans the next piece of the message.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.state == State::Start {
            self.start();
        }
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
                State::Delimiter { last } => self.scan_delimiter(piece, from, last),
                State::Start | State::TooLarge => piece.len(),
            };
        }
        self.count(piece, piece.len());
        if self.state == State::Header && piece.last() == Some(&b'\n') {
            self.line_end = self.line_end_before(piece, piece.len());
        }
        self.after_cr = piece.last() == Some(&b'\r');
        self.at = end;
    }

    /// Ends the message and gives its tree. The scanner is then at the start of the next one.
    #[must_use]
    pub fn finish(&mut self) -> Structure {
        if self.state == State::Start {
            self.start();
        }
        let mut carry = mem::take(&mut self.carry);
        match self.state {
            State::TooLarge => self.tree.defects.insert(Defects::TRUNCATED),
            State::Header => self.finish_header(&carry),
            State::Body => self.finish_body(&carry),
            State::Start | State::Delimiter { .. } => {}
        }
        if let State::Delimiter { last: false } = self.state {
            self.part_behind_delimiter(self.at);
        }
        if self.state == State::Header {
            // A delimiter or a message part ended the message: the part behind it is empty.
            self.end_header(self.at, self.at);
        }
        self.close_to(0, self.at, 0);
        carry.clear();
        self.carry = carry;
        self.boundaries.clear();
        self.state = State::Start;
        mem::take(&mut self.tree)
    }

    /// Starts a message.
    fn start(&mut self) {
        self.tree.clear();
        self.tree.keeps = self.keeps;
        // Room for most messages, so that the storage grows but rarely.
        self.tree.parts.reserve(8);
        self.tree.fields.reserve(64);
        self.tree.kept.reserve(if self.keeps { 1024 } else { 0 });
        (self.at, self.messages, self.lines) = (0, 0, 0);
        (self.after_cr, self.counting) = (false, false);
        self.start_part(0);
    }

    /// Counts the line ends of `piece` up to `to`, if they are wanted.
    fn count(&mut self, piece: &[u8], to: usize) {
        if self.counting
            && self.counted < to
            && let Some(new) = piece.get(self.counted..to)
        {
            self.lines = self.lines.saturating_add(dashes::lines(new) as u32);
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
        self.open.push(Open { part: index, lines: self.lines, started: false });
        self.state = State::Header;
        self.line_starts = true;
        self.line_end = 0;
        self.header = Header::at(start);
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
            if self.boundaries.close(self.open.len()) {
                self.tree.defects.insert(Defects::NOT_CLOSED);
                if !open.started {
                    self.tree.defects.insert(Defects::NO_DELIMITER);
                }
            }
        }
    }

    /// The part that the part at hand stands in.
    fn enclosing(&self) -> Option<&Part> {
        let above = self.open.len().checked_sub(2).and_then(|at| self.open.get(at))?;
        self.tree.parts.get(above.part as usize)
    }
}
