//! The headers of a message and its parts: where they end, which fields they have, what they say of
//! the body behind them.

use core::mem;

use memchr::memchr;

use super::{
    super::super::{
        Defects,
        header::{self, Name},
        parameter::ContentType,
    },
    super::{Encoding, Field, Kind},
    LONGEST_BOUNDARY, LONGEST_DELIMITER, Scanner, State, trim_line_end,
};

impl Scanner {
    pub(super) fn scan_header(&mut self, piece: &[u8], start: usize) -> usize {
        let mut at = start;
        // Where the octets of the open field start that are not in `carry`.
        let mut from = start;
        while let Some(next) = piece.get(at) {
            if self.line_starts {
                self.line_starts = false;
                if self.header.field.is_none() || !matches!(next, b' ' | b'\t') {
                    self.end_field(piece.get(from..at).unwrap_or_default(), self.offset(at));
                    from = at;
                    let start = self.offset(at);
                    // What stands before the first line of a part is no part of it.
                    let is_first = start == self.part_start();
                    self.line_end = if is_first { 0 } else { self.line_end_before(piece, at) };
                    self.header.field = Some(start);
                    self.header.first_line = true;
                    self.header.lost = false;
                }
            }
            let Some(end) = piece.get(at..).and_then(|rest| memchr(b'\n', rest)) else { break };
            at += end + 1;
            self.line_starts = true;
            if !mem::take(&mut self.header.first_line) {
                continue;
            }
            let line = piece.get(from..at).unwrap_or_default();
            let is_short = self.carry.len() + line.len() <= LONGEST_DELIMITER;
            if !is_short || self.header.lost {
                continue;
            }
            let first = self.carry.first().or(line.first()).copied();
            if !matches!(first, Some(b'-' | b'\r' | b'\n')) {
                continue;
            }
            let mut whole = mem::take(&mut self.carry);
            whole.extend_from_slice(line);
            from = at;
            let done = self.special_line(&whole, piece, at);
            self.carry = whole;
            if done {
                self.carry.clear();
                return at;
            }
        }
        if self.header.field.is_some() {
            self.keep(piece.get(from..).unwrap_or_default());
        }
        if self.line_starts {
            self.line_end = self.line_end_before(piece, piece.len());
        }
        piece.len()
    }

    /// Handles a line that may end the header: an empty one or a delimiter. It ends at `at`.
    fn special_line(&mut self, line: &[u8], piece: &[u8], at: usize) -> bool {
        let start = self.offset(at).saturating_sub(line.len() as u32);
        if let b"\r\n" | b"\n" = line {
            self.header.field = None;
            if line.len() == 1 {
                self.tree.defects.insert(Defects::BARE_LF);
            }
            self.count(piece, at);
            self.end_header(start, self.offset(at));
            return true;
        }
        let Some(found) = self.delimiter(trim_line_end(line)) else { return false };
        self.header.field = None;
        self.tree.defects.insert(Defects::BOUNDARY_IN_HEADER);
        // The lines before the delimiter have to be counted before the parts end, the line itself
        // after.
        let before = at.saturating_sub(line.len());
        if before > self.counted {
            self.count(piece, before);
        }
        let line_end = self.line_end_before(piece, at);
        self.delimit(start, (self.offset(at), line_end), found);
        true
    }

    /// Keeps octets of an unfinished field for the next piece.
    fn keep(&mut self, octets: &[u8]) {
        let room = (self.limits.header_block as usize).max(LONGEST_DELIMITER);
        if self.header.lost || self.carry.len() + octets.len() > room {
            self.header.lost = true;
            self.carry.clear();
        } else {
            self.carry.extend_from_slice(octets);
        }
    }

    /// Ends the open field, whose last octets are `rest`, before offset `end`.
    pub(super) fn end_field(&mut self, rest: &[u8], end: u32) {
        let Some(start) = self.header.field.take() else { return };
        if self.carry.is_empty() {
            self.field(if self.header.lost { &[] } else { rest }, start, end);
        } else {
            let mut whole = mem::take(&mut self.carry);
            whole.extend_from_slice(rest);
            self.field(&whole, start, end);
            whole.clear();
            self.carry = whole;
        }
    }

    /// Looks at a whole field.
    fn field(&mut self, raw: &[u8], start: u32, end: u32) {
        if end.saturating_sub(self.part_start()) > self.limits.header_block {
            self.tree.defects.insert(Defects::TRUNCATED);
            return;
        }
        if !raw.is_ascii() {
            self.tree.defects.insert(Defects::EIGHT_BIT_HEADER);
        }
        let Some(colon) = header::colon(raw) else {
            self.tree.defects.insert(Defects::BAD_FIELD);
            return self.list(Field { start, end, name: Name::Other, kept: false }, raw);
        };
        let (name, value) = raw.split_at(colon);
        let name = Name::of(name.trim_ascii_end());
        let value = value.get(1..).unwrap_or_default();
        match name {
            Name::ContentType => self.content_type(value),
            Name::ContentTransferEncoding => {
                self.header.encoding.get_or_insert_with(|| Encoding::parse(value));
            }
            _ => {}
        }
        let kept = self.tree.keeps && self.is_shown(name);
        self.list(Field { start, end, name, kept }, raw);
    }

    /// Puts a field into the tree, where there is room.
    fn list(&mut self, mut field: Field, raw: &[u8]) {
        let room = FIELDS_A_PART.saturating_mul(self.tree.parts.len());
        let room = room.saturating_add(self.limits.header_fields as usize);
        if self.tree.fields.len() >= room {
            self.tree.defects.insert(Defects::TRUNCATED);
            return;
        }
        if field.kept {
            if self.tree.kept.len() + raw.len() <= self.limits.header_block as usize {
                self.tree.kept.extend_from_slice(raw);
            } else {
                self.tree.defects.insert(Defects::TRUNCATED);
                field.kept = false;
            }
        }
        self.tree.fields.push(field);
    }

    /// Whether IMAP shows a field of this name in the header at hand: ENVELOPE is for messages, the
    /// fields of MIME are for all.
    fn is_shown(&self, name: Name) -> bool {
        name.in_body_structure() || (name.in_envelope() && self.is_message_header())
    }

    /// Whether the header at hand is that of a message and not only of a part.
    fn is_message_header(&self) -> bool {
        let above = self.open.len().checked_sub(2).and_then(|at| self.open.get(at));
        above.is_none_or(|open| {
            self.tree.parts.get(open.part as usize).is_some_and(|part| part.kind == Kind::Message)
        })
    }

    fn content_type(&mut self, value: &[u8]) {
        if self.header.kind.is_some() {
            self.tree.defects.insert(Defects::TWO_TYPES);
            return;
        }
        let Some(parsed) = ContentType::parse(value) else {
            // RFC 2045 §5.2
            self.tree.defects.insert(Defects::BAD_TYPE);
            self.header.kind = Some(Kind::Text);
            return;
        };
        let kind = if parsed.kind.eq_ignore_ascii_case(b"text") {
            Kind::Text
        } else if parsed.kind.eq_ignore_ascii_case(b"multipart") {
            if parsed.subtype.eq_ignore_ascii_case(b"digest") {
                Kind::Digest
            } else {
                Kind::Multipart
            }
        } else if parsed.is("message", "rfc822") || parsed.is("message", "global") {
            Kind::Message
        } else {
            Kind::Other
        };
        self.header.kind = Some(kind);
        if kind.is_multipart()
            && let Some(boundary) = parsed.params.raw("boundary")
        {
            // RFC 2046 §5.1.1: no blank at its end.
            let boundary = boundary.trim_ascii_end();
            if !boundary.is_empty() && boundary.len() <= LONGEST_BOUNDARY {
                let start = self.boundaries.len() as u32;
                self.boundaries.extend_from_slice(boundary);
                self.header.boundary = Some((start, self.boundaries.len() as u32));
            }
        }
    }

    /// Ends the header at hand at `end`; the body starts at `body`.
    pub(super) fn end_header(&mut self, end: u32, body: u32) {
        let header = mem::take(&mut self.header);
        let encoding = header.encoding.unwrap_or_default();
        let in_digest = self.enclosing().is_some_and(|part| part.kind == Kind::Digest);
        let default = if in_digest { Kind::Message } else { Kind::Text };
        let kind = header.kind.unwrap_or(default);
        let lines = self.lines;
        let deep = self.open.len() > self.limits.mime_depth as usize;
        let full = self.tree.parts.len() >= self.limits.mime_parts as usize;
        let Some(open) = self.open.last_mut() else { return };
        open.lines = lines;
        let index = open.part;
        if let Some(part) = self.tree.parts.get_mut(index as usize) {
            part.body = body.max(end);
            part.kind = kind;
            part.encoding = encoding;
        }
        if !encoding.is_identity() && (kind.is_multipart() || kind == Kind::Message) {
            self.tree.defects.insert(Defects::ENCODED_PARTS);
        }
        self.state = State::Body;
        self.line_starts = true;
        self.line_end = 0;
        self.counting = self.messages > 0 || matches!(kind, Kind::Text | Kind::Message);
        match (kind, header.boundary) {
            (Kind::Multipart | Kind::Digest, None) => {
                self.tree.defects.insert(Defects::NO_BOUNDARY);
            }
            (Kind::Multipart | Kind::Digest, Some(boundary)) if !deep => {
                self.check_reuse(boundary);
                if let Some(open) = self.open.last_mut() {
                    open.boundary = boundary;
                }
                self.active += 1;
            }
            (Kind::Message, _) if !deep && !full => {
                self.messages += 1;
                self.start_part(body);
            }
            (Kind::Multipart | Kind::Digest | Kind::Message, _) => {
                self.tree.defects.insert(Defects::TRUNCATED);
            }
            _ => {}
        }
    }

    /// Notes whether a new boundary is that of an open multipart, or one is the start of the other.
    fn check_reuse(&mut self, new: (u32, u32)) {
        let boundary = |range: (u32, u32)| {
            self.boundaries.get(range.0 as usize..range.1 as usize).unwrap_or_default()
        };
        let new = boundary(new);
        let clash = self.open.iter().any(|open| {
            let old = boundary(open.boundary);
            !old.is_empty() && (old.starts_with(new) || new.starts_with(old))
        });
        if clash {
            self.tree.defects.insert(Defects::BOUNDARY_REUSED);
        }
    }

    /// Ends a header that a delimiter cut off: the part has no body.
    pub(super) fn end_header_short(&mut self, end: u32) {
        self.tree.defects.insert(Defects::NO_BLANK_LINE);
        let header = mem::take(&mut self.header);
        let Some(open) = self.open.last_mut() else { return };
        open.lines = self.lines;
        if let Some(part) = self.tree.parts.get_mut(open.part as usize) {
            part.body = end;
            part.kind = match header.kind {
                Some(Kind::Message) | None => Kind::Text,
                Some(kind) => kind,
            };
            part.encoding = header.encoding.unwrap_or_default();
        }
    }
}

/// How many fields are listed for each part on top of `header_fields` for the message.
const FIELDS_A_PART: usize = 16;
