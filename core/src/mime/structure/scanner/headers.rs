//! The headers of a message and its parts: where they end, which fields they have, what they say of
//! the body behind them.
//!
//! Fields that stand whole in a piece are looked at where they are. The last one of each piece is
//! open, as nobody knows yet whether a fold follows: its octets go to `carry`.

use core::mem;

use memchr::{memchr, memchr_iter};
use posthaste_simd::lines::{self, Ends};

use super::{
    super::super::{
        Defects,
        header::{self, Name},
        lexer::is_word,
        parameter::{ContentType, Param},
    },
    super::{Encoding, Field, Kind},
    Boundaries, Line, Scanner, State,
};

/// The header at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    /// Where it starts.
    pub(super) start: u32,
    /// Where the open field starts, if one is open.
    field: Option<u32>,
    /// How long the line end before the open field is.
    line_end: u32,
    /// The open field may turn out to be a delimiter.
    dashes: bool,
    /// Some octets of the open field were not kept in `carry`.
    lost: bool,
    kind: Option<Kind>,
    encoding: Option<Encoding>,
}

impl Header {
    /// A header that starts at offset `start`.
    pub(super) fn at(start: u32) -> Self {
        Self { start, ..Self::default() }
    }
}

impl Scanner {
    pub(super) fn scan_header(&mut self, piece: &[u8], start: usize) -> usize {
        let mut at = start;
        if let Some(field) = self.header.field {
            match self.scan_open_field(piece, at, field) {
                Some(next) if self.header.field.is_none() && self.state == State::Header => {
                    at = next;
                }
                Some(next) => return next,
                None => return piece.len(),
            }
        }
        let mut ends = Ends::new();
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            match rest {
                [] => return at,
                [b'\n', ..] => return self.blank_line(piece, self.offset(at), at + 1),
                [b'\r', b'\n', ..] => return self.blank_line(piece, self.offset(at), at + 2),
                _ => {}
            }
            lines::fields(rest, &mut ends);
            let mut from = 0;
            for field in ends.all() {
                let (text, start) = (rest.get(from..).unwrap_or_default(), at + from);
                if self.may_delimit(text) && self.delimits(piece, start, text) {
                    return start;
                }
                let end = self.offset(at + field.end());
                let colon = usize::from(field.name);
                let name = Name::at_start(text, colon).map(|name| (name, colon));
                self.field(text, (self.offset(start), end), name, field.eight_bit);
                from = field.end();
            }
            at += from;
            if !ends.more() {
                return self.open_field(piece, at);
            }
        }
    }

    /// Ends the header at an empty line that starts at offset `start` and ends at `next`.
    fn blank_line(&mut self, piece: &[u8], start: u32, next: usize) -> usize {
        let body = self.offset(next);
        if body.saturating_sub(start) == 1 {
            self.tree.defects.insert(Defects::BARE_LF);
        }
        self.count(piece, next);
        self.end_header(start, body);
        next
    }

    /// Whether a delimiter may stand in a header, on a line that starts so.
    fn may_delimit(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'-') && !self.boundaries.is_empty_in_header()
    }

    /// Handles the line at `at`, if it is a delimiter.
    fn delimits(&mut self, piece: &[u8], at: usize, line: &[u8]) -> bool {
        match self.boundaries.find(line) {
            Line::Delimiter { level, last, .. } => {
                self.line_end = self.line_end_in_header(piece, at);
                self.tree.defects.insert(Defects::BOUNDARY_IN_HEADER);
                self.count(piece, at);
                self.delimit(self.offset(at), level, last);
                return true;
            }
            Line::Own => {
                self.count(piece, at);
                self.end_header_at_own(self.offset(at));
                return true;
            }
            Line::Prefix => self.tree.defects.insert(Defects::BOUNDARY_PREFIX),
            Line::Text => {}
        }
        false
    }

    /// How long the line end before the line at `at` is. What stands before the first line of a
    /// part is no part of it.
    fn line_end_in_header(&self, piece: &[u8], at: usize) -> u32 {
        let is_first = self.offset(at) == self.header.start;
        if is_first { 0 } else { self.line_end_before(piece, at) }
    }

    /// Opens the field that starts at `at` and runs to the end of the piece.
    fn open_field(&mut self, piece: &[u8], at: usize) -> usize {
        let rest = piece.get(at..).unwrap_or_default();
        let mut dashes = self.may_delimit(rest);
        if dashes && (rest.len() >= self.boundaries.enough() || memchr(b'\n', rest).is_some()) {
            if self.delimits(piece, at, rest) {
                return at;
            }
            dashes = false;
        }
        self.header.field = Some(self.offset(at));
        self.header.line_end = self.line_end_in_header(piece, at);
        self.header.dashes = dashes;
        self.header.lost = false;
        self.carry.clear();
        self.keep(rest);
        piece.len()
    }

    /// Goes on with the open field, which starts at offset `start`, at `at`. Gives where it ends, or
    /// where to go on in another state; `None` if it is still open.
    fn scan_open_field(&mut self, piece: &[u8], at: usize, start: u32) -> Option<usize> {
        let rest = piece.get(at..).unwrap_or_default();
        if self.carry == b"\r" && rest.first() == Some(&b'\n') {
            self.header.field = None;
            self.carry.clear();
            return Some(self.blank_line(piece, start, at + 1));
        }
        if self.header.dashes {
            let before = self.carry.len();
            let enough = self.boundaries.enough();
            let window = rest.get(..enough.saturating_sub(before)).unwrap_or(rest);
            let end = memchr(b'\n', window).map(|end| end + 1);
            self.carry.extend_from_slice(window.get(..end.unwrap_or(window.len()))?);
            if end.is_none() && self.carry.len() < enough {
                self.line_starts = false;
                return None;
            }
            self.header.dashes = false;
            match self.boundaries.find(&self.carry) {
                Line::Delimiter { level, last, .. } => {
                    self.tree.defects.insert(Defects::BOUNDARY_IN_HEADER);
                    self.header.field = None;
                    self.line_end = self.header.line_end;
                    self.carry.clear();
                    self.count(piece, at);
                    self.delimit(start, level, last);
                    return Some(at);
                }
                Line::Own => {
                    self.header.field = None;
                    self.carry.truncate(before);
                    self.count(piece, at);
                    self.end_header_at_own(start);
                    return Some(at);
                }
                Line::Prefix => self.tree.defects.insert(Defects::BOUNDARY_PREFIX),
                Line::Text => {}
            }
            self.carry.truncate(before);
        }
        let is_blank = |end: &usize| rest.get(*end).map(|next| matches!(next, b' ' | b'\t'));
        let first = self.line_starts.then_some(0);
        let ends = memchr_iter(b'\n', rest).map(|end| end + 1);
        let Some(end) = first.into_iter().chain(ends).find(|end| is_blank(end) == Some(false))
        else {
            self.keep(rest);
            return None;
        };
        self.header.field = None;
        let end_offset = self.offset(at + end);
        self.end_field(rest.get(..end).unwrap_or_default(), start, end_offset);
        Some(at + end)
    }

    /// Keeps octets of the open field for the next piece.
    fn keep(&mut self, octets: &[u8]) {
        self.line_starts = octets.last() == Some(&b'\n');
        let room = (self.limits.header_block as usize).max(Boundaries::LONGEST + 4);
        if self.header.lost || self.carry.len() + octets.len() > room {
            self.header.lost = true;
            self.carry.clear();
        } else {
            self.carry.extend_from_slice(octets);
        }
    }

    /// Ends the open field from `start` to `end`, whose last octets are `rest`.
    fn end_field(&mut self, rest: &[u8], start: u32, end: u32) {
        let mut whole = mem::take(&mut self.carry);
        whole.extend_from_slice(if self.header.lost { &[] } else { rest });
        self.field(&whole, (start, end), None, !whole.is_ascii());
        whole.clear();
        self.carry = whole;
    }

    /// Ends the message in a header; `carry` is the open field.
    pub(super) fn finish_header(&mut self, carry: &[u8]) {
        if let Some(start) = self.header.field {
            let found = if self.header.dashes { self.boundaries.find(carry) } else { Line::Text };
            match found {
                Line::Delimiter { level, last, .. } => {
                    self.tree.defects.insert(Defects::BOUNDARY_IN_HEADER);
                    self.line_end = self.header.line_end;
                    return self.delimit(start, level, last);
                }
                Line::Own => {
                    self.end_header_at_own(start);
                    return self.finish_body(carry);
                }
                Line::Prefix => self.tree.defects.insert(Defects::BOUNDARY_PREFIX),
                Line::Text => {}
            }
            self.field(carry, (start, self.at), None, !carry.is_ascii());
        }
        self.tree.defects.insert(Defects::NO_BLANK_LINE);
        self.end_header(self.at, self.at);
    }

    /// Looks at the whole field that stands from `start` to `end`; `text` starts with it. Its name and
    /// the offset of its colon may be known.
    #[inline(always)]
    fn field(
        &mut self,
        text: &[u8],
        (start, end): (u32, u32),
        name: Option<(Name, usize)>,
        eight_bit: bool,
    ) {
        if end.saturating_sub(self.header.start) > self.limits.header_block {
            self.tree.defects.insert(Defects::TRUNCATED);
            return;
        }
        if eight_bit {
            self.tree.defects.insert(Defects::EIGHT_BIT_HEADER);
        }
        let field = Field { start, end, name: name.unwrap_or_default().0, kept: false };
        match name {
            Some((name, colon)) if name.in_body_structure() => self.mime_field(text, field, colon),
            Some(_) => self.list(text, field),
            None => self.odd_field(text, field),
        }
    }

    /// Looks at a field whose name is not known yet.
    #[cold]
    fn odd_field(&mut self, text: &[u8], field: Field) {
        let raw = text.get(..field.span().len() as usize).unwrap_or(text);
        let Some((name, colon)) = header::name(raw) else {
            self.tree.defects.insert(Defects::BAD_FIELD);
            return self.list(text, field);
        };
        let field = Field { name, ..field };
        if name.in_body_structure() {
            self.mime_field(text, field, colon);
        } else {
            self.list(text, field);
        }
    }

    /// Looks at a field of MIME, whose colon stands at `colon`.
    #[inline(never)]
    fn mime_field(&mut self, text: &[u8], field: Field, colon: usize) {
        let raw = text.get(..field.span().len() as usize).unwrap_or(text);
        let value = raw.get(colon + 1..).unwrap_or_default();
        match field.name {
            Name::ContentType => self.content_type(value),
            Name::ContentTransferEncoding => {
                self.header.encoding.get_or_insert_with(|| Encoding::parse(value));
            }
            _ => {}
        }
        self.list(text, field);
    }

    /// Puts a field, with which `text` starts, into the tree, where there is room.
    #[inline]
    fn list(&mut self, text: &[u8], field: Field) {
        let room = FIELDS_A_PART.saturating_mul(self.tree.parts.len());
        let room = room.saturating_add(self.limits.header_fields as usize);
        if self.tree.fields.len() >= room {
            self.tree.defects.insert(Defects::TRUNCATED);
            return;
        }
        let kept = self.keeps && self.keep_shown(text, field);
        self.tree.fields.push(Field { kept, ..field });
    }

    /// Keeps the octets of a field that IMAP shows. `false` if it does not, or there is no room.
    #[inline(never)]
    fn keep_shown(&mut self, text: &[u8], field: Field) -> bool {
        if !self.is_shown(field.name) {
            return false;
        }
        let raw = text.get(..field.span().len() as usize).unwrap_or(text);
        let fits = self.tree.kept.len() + raw.len() <= self.limits.header_block as usize;
        if fits {
            self.tree.kept.extend_from_slice(raw);
        } else {
            self.tree.defects.insert(Defects::TRUNCATED);
        }
        fits
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
        let (of_kind, of_subtype) =
            (|word| is_word(parsed.kind, word), |word| is_word(parsed.subtype, word));
        let kind = if of_kind(b"text") {
            Kind::Text
        } else if of_kind(b"multipart") {
            if of_subtype(b"digest") { Kind::Digest } else { Kind::Multipart }
        } else if of_kind(b"message") && (of_subtype(b"rfc822") || of_subtype(b"global")) {
            Kind::Message
        } else {
            Kind::Other
        };
        self.header.kind = Some(kind);
        if kind.is_multipart()
            && let Some(boundary) = parsed.params.only("boundary")
        {
            return self.boundary(boundary);
        }
        if !parsed.params.is_apart() {
            self.tree.defects.insert(Defects::BAD_TYPE);
        }
        if !kind.is_multipart() {
            return;
        }
        if !parsed.params.is_plain() {
            self.tree.defects.insert(Defects::BAD_TYPE);
        }
        let is_boundary = |param: &Param<'_>| {
            param.name.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"boundary"))
        };
        let plain = |param: &Param<'_>| is_boundary(param) && param.name.len() == 8;
        let (mut count, mut first) = (0, None);
        for param in parsed.params.iter().filter(is_boundary) {
            count += 1;
            first = first.or(Some(param).filter(plain));
        }
        if let Some(first) = first {
            if count > 1 {
                // Some readers take another one.
                self.tree.defects.insert(Defects::BAD_TYPE);
            }
            self.boundary(&first.value());
        } else if let Some(pieces) = parsed.params.decoded("boundary") {
            self.boundaries.note(pieces.as_bytes());
        }
    }

    /// Notes the boundary that a parameter names as it stands.
    fn boundary(&mut self, boundary: &[u8]) {
        // Some readers undo what RFC 2047 §5 forbids in a parameter.
        if memchr_iter(b'=', boundary).any(|at| boundary.get(at + 1) == Some(&b'?')) {
            self.tree.defects.insert(Defects::BAD_TYPE);
        }
        self.boundaries.note(boundary);
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
        let level = self.open.len().saturating_sub(1);
        let Some(open) = self.open.get_mut(level) else { return };
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
        match kind {
            Kind::Multipart | Kind::Digest if deep => self.tree.defects.insert(Defects::TRUNCATED),
            Kind::Multipart | Kind::Digest => match self.boundaries.open(level) {
                Some(true) => self.tree.defects.insert(Defects::BOUNDARY_REUSED),
                Some(false) => {}
                None => self.tree.defects.insert(Defects::NO_BOUNDARY),
            },
            Kind::Message if deep || full => self.tree.defects.insert(Defects::TRUNCATED),
            Kind::Message => {
                self.messages += 1;
                self.start_part(body);
            }
            _ => {}
        }
        self.boundaries.forget();
    }

    /// Ends the header of a multipart at offset `start`, where its own first delimiter stands: the
    /// empty line is missing, and what is within must not pass unseen.
    fn end_header_at_own(&mut self, start: u32) {
        self.tree.defects.insert(Defects::NO_BLANK_LINE);
        self.tree.defects.insert(Defects::BOUNDARY_IN_HEADER);
        self.end_header(start, start);
    }

    /// Ends a header that a delimiter cut off: the part has no body.
    pub(super) fn end_header_short(&mut self, end: u32) {
        self.tree.defects.insert(Defects::NO_BLANK_LINE);
        self.boundaries.forget();
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
