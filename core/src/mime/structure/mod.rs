//! What a message is made of: a flat tree of offsets, built in one pass while the message arrives.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Structure`], [`Part`], [`Field`]: the tree and the ways through it |
//! | `scanner.rs` | [`Scanner`]: pieces in, tree out; the rules for delimiters |
//! | `scanner/` | its parts: headers, bodies, boundaries |
//! | `stored.rs` | the compact form in which a tree is kept beside its message |
//!
//! Parts stand in the order in which they start, a part before the parts within it. Part 0 is the
//! message. A message/rfc822 part has one child: the message within.

mod scanner;
mod stored;

use alloc::vec::Vec;

pub use scanner::Scanner;
pub use stored::Damaged;

use super::{
    Defects, Limits, Span,
    header::Name,
    lexer::{Lexer, TOKEN, is_word},
};

/// What a message is made of. It holds offsets into the message, and (if the scanner was told so)
/// a copy of the few header fields that IMAP shows without opening the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    parts: Vec<Part>,
    fields: Vec<Field>,
    /// The fields that were kept, end to end, in the order of `fields`.
    kept: Vec<u8>,
    keeps: bool,
    defects: Defects,
}

impl Structure {
    /// The structure of a whole message.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let mut scanner = Scanner::new(Limits::DEFAULT);
        scanner.feed(message);
        scanner.finish()
    }

    /// All parts, a part before the parts within it; never empty for a scanned message.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part with this index.
    #[must_use]
    pub fn part(&self, index: usize) -> Option<&Part> {
        self.parts.get(index)
    }

    /// The indexes of the parts directly within part `index`, in order.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let after = self.parts.get(index).map_or(0, |part| part.after as usize);
        core::iter::successors(index.checked_add(1), |child| {
            self.parts.get(*child).map(|part| part.after as usize)
        })
        .take_while(move |child| *child < after)
    }

    /// The part that part `index` stands in.
    #[must_use]
    pub fn parent(&self, index: usize) -> Option<usize> {
        let parent = self.parts.get(index)?.parent as usize;
        (parent < index).then_some(parent)
    }

    /// The index behind part `index` and all parts within it.
    pub(crate) fn after(&self, index: usize) -> Option<usize> {
        self.parts.get(index).map(|part| part.after as usize)
    }

    /// The listed fields of the header of part `index`.
    #[must_use]
    pub fn fields(&self, index: usize) -> &[Field] {
        let Some(part) = self.parts.get(index) else { return &[] };
        let end = self.parts.get(index + 1).map_or(self.fields.len(), |next| next.fields as usize);
        self.fields.get(part.fields as usize..end).unwrap_or_default()
    }

    /// Whether the fields that ENVELOPE and BODYSTRUCTURE show are kept in here, so that neither
    /// needs the message.
    #[must_use]
    pub const fn keeps_fields(&self) -> bool {
        self.keeps
    }

    /// What is odd about the message.
    #[must_use]
    pub const fn defects(&self) -> Defects {
        self.defects
    }

    /// How many octets the message has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.parts.first().map_or(0, |part| part.end)
    }

    /// Whether a limit was reached, so that some fields or parts are not listed.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.defects.contains(Defects::TRUNCATED)
    }

    /// Forgets everything but the storage.
    fn clear(&mut self) {
        self.parts.clear();
        self.fields.clear();
        self.kept.clear();
        self.keeps = false;
        self.defects = Defects::NONE;
    }

    /// The kept octets of the listed fields of part `index`, for those that were kept.
    pub(crate) fn kept_fields(&self, index: usize) -> KeptFields<'_> {
        let kept = self.parts.get(index).and_then(|part| self.kept.get(part.kept as usize..));
        KeptFields { fields: self.fields(index).iter(), rest: kept.unwrap_or_default() }
    }
}

/// Walks the fields that a tree kept of one part: their names and their octets.
#[derive(Clone, Debug)]
pub(crate) struct KeptFields<'a> {
    fields: core::slice::Iter<'a, Field>,
    rest: &'a [u8],
}

impl<'a> Iterator for KeptFields<'a> {
    type Item = (Name, &'a [u8]);

    fn next(&mut self) -> Option<(Name, &'a [u8])> {
        let field = self.fields.find(|field| field.kept)?;
        let (raw, after) = self.rest.split_at_checked(field.span().len() as usize)?;
        self.rest = after;
        Some((field.name, raw))
    }
}

/// A part of a message: where it stands and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    start: u32,
    body: u32,
    end: u32,
    lines: u32,
    parent: u32,
    after: u32,
    fields: u32,
    kept: u32,
    kind: Kind,
    encoding: Encoding,
}

impl Part {
    /// Its header with the empty line that ends it.
    #[must_use]
    pub const fn header(&self) -> Span {
        Span { start: self.start, end: self.body }
    }

    /// Its body, without the line end that belongs to the delimiter behind it (RFC 2046 §5.1.1).
    #[must_use]
    pub const fn body(&self) -> Span {
        Span { start: self.body, end: self.end }
    }

    /// Header and body.
    #[must_use]
    pub const fn whole(&self) -> Span {
        Span { start: self.start, end: self.end }
    }

    /// How many line ends its body holds; counted for [`Kind::Text`] and [`Kind::Message`], 0 for
    /// others.
    #[must_use]
    pub const fn lines(&self) -> u32 {
        self.lines
    }

    /// What its body is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How its body is encoded.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }
}

/// What the body of a part is, as far as the structure depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Anything but what follows.
    #[default]
    Other,
    /// `text/*`, and what has no Content-Type or one that cannot be read (RFC 2045 §5.2).
    Text,
    /// `multipart/*`; its children are the parts that were found.
    Multipart,
    /// `multipart/digest`, in which message/rfc822 is the default (RFC 2046 §5.1.5).
    Digest,
    /// `message/rfc822` or `message/global` (RFC 6532): its child is the message within. No child
    /// means that a limit was reached.
    Message,
}

impl Kind {
    /// Whether it is a multipart of any subtype.
    #[must_use]
    pub const fn is_multipart(self) -> bool {
        matches!(self, Self::Multipart | Self::Digest)
    }
}

/// How a body is encoded for transfer (RFC 2045 §6, RFC 3516).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// Lines of US-ASCII; what holds when nothing is said.
    #[default]
    SevenBit,
    /// Lines of octets.
    EightBit,
    /// Octets without lines.
    Binary,
    /// Quoted-printable.
    QuotedPrintable,
    /// Base64.
    Base64,
    /// An encoding that is not known: the body cannot be decoded.
    Unknown,
    /// Uuencode, under one of the names that mailers gave it.
    Uuencode,
}

impl Encoding {
    /// The encoding that the value of a Content-Transfer-Encoding field names, comments and folds
    /// around it passed over.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut lexer = Lexer::new(value);
        lexer.cfws();
        let name = lexer.take(TOKEN);
        let is = |word: &[u8]| is_word(name, word);
        match name.len() {
            0 => Self::SevenBit,
            4 if is(b"7bit") => Self::SevenBit,
            4 if is(b"8bit") => Self::EightBit,
            6 if is(b"base64") => Self::Base64,
            6 if is(b"binary") => Self::Binary,
            16 if is(b"quoted-printable") => Self::QuotedPrintable,
            5 if is(b"x-uue") => Self::Uuencode,
            8 if is(b"uuencode") => Self::Uuencode,
            10 if is(b"x-uuencode") => Self::Uuencode,
            _ => Self::Unknown,
        }
    }

    /// Whether the body stands as it is: 7bit, 8bit or binary.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary)
    }
}

/// A header field: where it stands and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    start: u32,
    end: u32,
    name: Name,
    kept: bool,
}

impl Field {
    /// All its octets with the line end.
    #[must_use]
    pub const fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }

    /// Its name, if it is one that this crate knows.
    #[must_use]
    pub const fn name(&self) -> Name {
        self.name
    }
}

#[cfg(test)]
mod tests;
