//! Internet messages: RFC 5322 header fields, MIME structure (RFC 2045 to 2049), what IMAP shows.
//!
//! # The map
//! Read [`structure`] first. A message is scanned once, while it arrives, and the result is a small
//! tree of offsets; everything else is a lazy view of the bytes that the tree points at.
//!
//! | module | holds |
//! |---|---|
//! | [`structure`] | the push scanner, the tree ([`Structure`], [`Part`]) and its stored form |
//! | [`message`] | [`Message`]: a tree and the bytes behind it, together |
//! | [`section`] | IMAP section paths: which octets `BODY[1.2.HEADER]` means |
//! | [`head`] | [`Head`](head::Head): the typed values of a header, read when asked for |
//! | [`header`] | fields of a header block, their names, unfolding, selection |
//! | [`parameter`] | Content-Type, Content-Disposition, RFC 2231 |
//! | [`encoded_word`] | RFC 2047 |
//! | [`envelope`] | the values of IMAP's ENVELOPE |
//! | [`body`] | the values of IMAP's BODYSTRUCTURE, and the walk in which they are written |
//! | [`address`] | address lists: mailboxes and groups |
//! | [`message_id`] | message identifiers |
//! | [`received`] | Received: the hops of a message |
//! | [`authentication`] | Authentication-Results |
//! | [`list`] | mailing lists: List-Id, List-Unsubscribe and its kin; Keywords |
//! | [`mark`] | Auto-Submitted, Importance, MIME-Version |
//! | [`date`] | dates read and written, days and civil dates |
//! | [`transfer`] | base64, quoted-printable and uuencode, undone and written piece by piece |
//! | [`build`] | messages built from typed values |
//! | `lexer` | tokens, comments and quoted strings of structured fields |
//! | [`charset`] | WHATWG's charsets and UTF-7 |
//! | [`text`] | what people read of a part: charset undone, flowed text, HTML stripped |
//! | [`compound`] | related parts and digests, pieces of messages, bodies that are elsewhere |
//! | [`attachment`] | attachments, and names that files may have |
//! | [`security`] | S/MIME and PGP recognised, and the octets that are signed |
//! | [`report`] | delivery status, receipts, complaints |
//!
//! Nothing here fails on bad mail: every deviation has a reading, and those that make a message
//! ambiguous are noted in its [`Defects`].

pub mod address;
pub mod attachment;
pub mod authentication;
pub mod body;
pub mod build;
pub mod charset;
pub mod compound;
pub mod date;
pub mod encoded_word;
pub mod envelope;
pub mod head;
pub mod header;
mod lexer;
pub mod list;
pub mod mark;
pub mod message;
pub mod message_id;
pub mod parameter;
pub mod received;
pub mod report;
pub mod section;
pub mod security;
pub mod structure;
pub mod text;
pub mod transfer;

pub use message::Message;
pub use structure::{Part, Scanner, Structure};

/// The bounds that keep hostile messages cheap. Beyond one of them the message is kept whole and
/// shown truncated, with [`Defects::TRUNCATED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `header_block`: octets of header fields that are looked into, a header.
    pub header_block: u32,
    /// `header_fields`: fields listed, a message; each part of it may have 16 more.
    pub header_fields: u32,
    /// `mime_depth`: parts within parts.
    pub mime_depth: u32,
    /// `mime_parts`: parts, a message.
    pub mime_parts: u32,
}

impl Limits {
    /// The defaults: 256 KiB, 1,000 fields, depth 100, 10,000 parts.
    pub const DEFAULT: Self =
        Self { header_block: 256 << 10, header_fields: 1_000, mime_depth: 100, mime_parts: 10_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `header_addresses`: how many addresses of a list, and of all lists of an ENVELOPE, are looked at.
pub const HEADER_ADDRESSES: usize = 10_000;
/// `mime_params`: how many parameters of one field are looked at.
pub const MIME_PARAMS: usize = 200;

/// A range of octets of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Where it starts.
    pub start: u32,
    /// Where it ends: the first octet that is not in it.
    pub end: u32,
}

impl Span {
    /// How many octets it holds.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The part of it that starts `origin` octets into it and holds `count` octets at most: what
    /// IMAP's partial `<origin.count>` means (RFC 9051 §6.4.5).
    #[must_use]
    pub const fn partial(self, origin: u32, count: u32) -> Self {
        let start = self.start.saturating_add(origin);
        let start = if start < self.end { start } else { self.end };
        let end = start.saturating_add(count);
        Self { start, end: if end < self.end { end } else { self.end } }
    }

    /// The octets of `message` that it names; nothing where it reaches outside.
    #[must_use]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// What is odd about a message: a set of marks, so that filters can judge how ambiguous it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects(u32);

impl Defects {
    /// No mark.
    pub const NONE: Self = Self(0);
    /// A limit was reached: some fields or parts are not listed.
    pub const TRUNCATED: Self = Self(1);
    /// A multipart has no usable boundary.
    pub const NO_BOUNDARY: Self = Self(1 << 1);
    /// The first delimiter of a multipart never came.
    pub const NO_DELIMITER: Self = Self(1 << 2);
    /// The last delimiter of a multipart never came.
    pub const NOT_CLOSED: Self = Self(1 << 3);
    /// A line begins with an open boundary and goes on.
    pub const BOUNDARY_PREFIX: Self = Self(1 << 4);
    /// A boundary is in use at two levels, or begins another one.
    pub const BOUNDARY_REUSED: Self = Self(1 << 5);
    /// A header has more than one Content-Type.
    pub const TWO_TYPES: Self = Self(1 << 6);
    /// A Content-Type cannot be read, or not in one way only.
    pub const BAD_TYPE: Self = Self(1 << 7);
    /// A multipart or message has a transfer encoding that hides its parts (RFC 2045 §6.4).
    pub const ENCODED_PARTS: Self = Self(1 << 8);
    /// A header line is neither a field nor the continuation of one.
    pub const BAD_FIELD: Self = Self(1 << 9);
    /// A header ends without an empty line.
    pub const NO_BLANK_LINE: Self = Self(1 << 10);
    /// The empty line behind a header is a bare LF.
    pub const BARE_LF: Self = Self(1 << 11);
    /// Octets above 127 in a header.
    pub const EIGHT_BIT_HEADER: Self = Self(1 << 12);
    /// A delimiter stands within a header.
    pub const BOUNDARY_IN_HEADER: Self = Self(1 << 13);

    const NAMES: &[(Self, &'static str)] = &[
        (Self::TRUNCATED, "truncated"),
        (Self::NO_BOUNDARY, "no_boundary"),
        (Self::NO_DELIMITER, "no_delimiter"),
        (Self::NOT_CLOSED, "not_closed"),
        (Self::BOUNDARY_PREFIX, "boundary_prefix"),
        (Self::BOUNDARY_REUSED, "boundary_reused"),
        (Self::TWO_TYPES, "two_types"),
        (Self::BAD_TYPE, "bad_type"),
        (Self::ENCODED_PARTS, "encoded_parts"),
        (Self::BAD_FIELD, "bad_field"),
        (Self::NO_BLANK_LINE, "no_blank_line"),
        (Self::BARE_LF, "bare_lf"),
        (Self::EIGHT_BIT_HEADER, "eight_bit_header"),
        (Self::BOUNDARY_IN_HEADER, "boundary_in_header"),
    ];

    /// Whether all marks of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is odd.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The marks as bits, as they are stored.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The names of the marks that are set, as in `not_closed`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(mark, _)| self.contains(*mark)).map(|(_, name)| *name)
    }

    /// Takes the marks of `other` away.
    pub const fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Sets the marks of `other` too.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
