//! Bodies: the search for delimiters, and what happens at one.

use memchr::memchr;
use posthaste_simd::dashes;

use super::{Defects, Line, Scanner, State};

/// What a line of a body turned out to be.
enum Seen {
    /// A delimiter; its line may be gone on with from here.
    Delimiter(usize),
    Text,
    Unfinished,
}

impl Scanner {
    pub(super) fn scan_body(&mut self, piece: &[u8], start: usize) -> usize {
        if self.boundaries.is_empty() {
            return piece.len();
        }
        let mut at = start;
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            if !self.line_starts {
                at = match self.find_dashes(piece, at) {
                    Some(found) => found + 1,
                    None => match rest {
                        [.., b'\n'] => piece.len(),
                        [.., b'\n', b'-'] => piece.len() - 1,
                        _ => return piece.len(),
                    },
                };
                self.line_starts = true;
                self.line_end = self.line_end_before(piece, at);
            }
            match self.scan_line(piece, at) {
                Seen::Unfinished => return piece.len(),
                Seen::Text => {
                    self.line_starts = false;
                    self.carry.clear();
                }
                Seen::Delimiter(next) => {
                    self.carry.clear();
                    return next;
                }
            }
        }
    }

    /// Where the next `\n--` stands from `at` on; the lines before it are counted in passing, if they
    /// are wanted.
    fn find_dashes(&mut self, piece: &[u8], at: usize) -> Option<usize> {
        let rest = piece.get(at..).unwrap_or_default();
        if !self.counting {
            return dashes::find(rest).map(|found| at + found);
        }
        self.count(piece, at);
        let found = dashes::find_counting(rest);
        self.lines = self.lines.saturating_add(found.lines as u32);
        let end = found.at.map(|found| at + found);
        self.counted = end.map_or(piece.len(), |end| end + 1);
        end
    }

    /// Looks at the line that starts at `at`, or before this piece in `carry`.
    fn scan_line(&mut self, piece: &[u8], at: usize) -> Seen {
        let rest = piece.get(at..).unwrap_or_default();
        let enough = self.boundaries.enough();
        if !self.carry.is_empty() {
            return self.scan_carried(piece, at, enough);
        }
        if !may_delimit(rest) {
            return Seen::Text;
        }
        let is_known = rest.len() >= enough || memchr(b'\n', rest).is_some();
        if !is_known {
            self.carry.extend_from_slice(rest);
            return Seen::Unfinished;
        }
        match self.boundaries.find(rest) {
            Line::Delimiter { level, last, len } => {
                self.count(piece, at);
                self.delimit(self.offset(at), level, last);
                Seen::Delimiter(at + len)
            }
            Line::Prefix => {
                self.tree.defects.insert(Defects::BOUNDARY_PREFIX);
                Seen::Text
            }
            Line::Own | Line::Text => Seen::Text,
        }
    }

    /// As [`scan_line`](Self::scan_line), for a line whose start is in `carry`.
    #[cold]
    fn scan_carried(&mut self, piece: &[u8], at: usize, enough: usize) -> Seen {
        let rest = piece.get(at..).unwrap_or_default();
        let before = self.carry.len();
        let window = rest.get(..enough.saturating_sub(before)).unwrap_or(rest);
        let end = memchr(b'\n', window).map(|end| end + 1);
        self.carry.extend_from_slice(window.get(..end.unwrap_or(window.len())).unwrap_or_default());
        if !may_delimit(&self.carry) {
            return Seen::Text;
        }
        if end.is_none() && self.carry.len() < enough {
            return Seen::Unfinished;
        }
        match self.boundaries.find(&self.carry) {
            Line::Delimiter { level, last, .. } => {
                self.count(piece, at);
                self.delimit(self.offset(at).saturating_sub(before as u32), level, last);
                Seen::Delimiter(at)
            }
            Line::Prefix => {
                self.tree.defects.insert(Defects::BOUNDARY_PREFIX);
                Seen::Text
            }
            Line::Own | Line::Text => Seen::Text,
        }
    }

    /// Ends the message in a body; `carry` is an unfinished line.
    pub(super) fn finish_body(&mut self, carry: &[u8]) {
        if !self.line_starts || self.boundaries.is_empty() {
            return;
        }
        match self.boundaries.find(carry) {
            Line::Delimiter { level, last, .. } => {
                self.delimit(self.at.saturating_sub(carry.len() as u32), level, last);
            }
            Line::Prefix => self.tree.defects.insert(Defects::BOUNDARY_PREFIX),
            Line::Own | Line::Text => {}
        }
    }

    /// Ends what the delimiter of the open part at `level` ends; its line starts at `start`.
    pub(super) fn delimit(&mut self, start: u32, level: usize, last: bool) {
        if self.state == State::Header {
            let end = start.saturating_sub(self.line_end).max(self.header.start);
            self.end_header_short(end);
        }
        self.close_to(level + 1, start, self.line_end);
        if let Some(open) = self.open.get_mut(level) {
            open.started = true;
        }
        if last {
            // RFC 2046 §5.1.1: what follows is the epilogue.
            self.boundaries.close(level);
        }
        self.counting = self.messages > 0;
        self.state = State::Delimiter { last };
    }

    /// Goes on to the end of the line of a delimiter.
    pub(super) fn scan_delimiter(&mut self, piece: &[u8], from: usize, last: bool) -> usize {
        let end = match piece.get(from..).unwrap_or_default() {
            [b'\n', ..] => Some(0),
            [b'\r', b'\n', ..] => Some(1),
            rest => memchr(b'\n', rest),
        };
        let Some(end) = end else { return piece.len() };
        let next = from + end + 1;
        let line_end = self.line_end_before(piece, next);
        self.state = State::Body;
        self.line_starts = true;
        if !last {
            self.part_behind_delimiter(self.offset(next));
        }
        if self.state == State::Body {
            self.line_end = line_end;
        }
        next
    }

    /// Starts the part behind a delimiter, where there is room.
    pub(super) fn part_behind_delimiter(&mut self, start: u32) {
        if self.tree.parts.len() >= self.limits.mime_parts as usize {
            self.tree.defects.insert(Defects::TRUNCATED);
            self.state = State::Body;
        } else {
            self.start_part(start);
        }
    }
}

/// Whether a line that starts so can be a delimiter.
fn may_delimit(line: &[u8]) -> bool {
    matches!(line, [] | [b'-'] | [b'-', b'-', ..])
}
