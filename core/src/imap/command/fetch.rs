use super::super::SequenceSet;
use super::super::list::List;
use super::super::section::{Part, Partial, Section};
use super::super::words as w;
use super::By;

/// FETCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch<'i> {
    /// What the numbers are.
    pub by: By,
    /// Which messages.
    pub set: SequenceSet<'i>,
    /// What of them, in the order asked for; macros are replaced by what they stand for.
    pub items: List<'i, FetchItem<'i>>,
    /// Only messages changed since this mod-sequence (RFC 7162 §3.1.4.1).
    pub changed_since: Option<u64>,
}

/// What FETCH can ask of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchItem<'i> {
    /// `BINARY[…]<…>`: a part without its transfer encoding (RFC 9051 §6.4.5).
    Binary {
        /// `BINARY.PEEK`: does not set `\Seen`.
        peek: bool,
        /// Which part; empty for the whole message.
        part: Part<'i>,
        /// Which octets of it.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[…]`
    BinarySize(Part<'i>),
    /// `BODY`: the structure without what extensions added.
    Body,
    /// `BODY[…]<…>`
    BodySection {
        /// `BODY.PEEK`: does not set `\Seen`.
        peek: bool,
        /// Which section.
        section: Section<'i>,
        /// Which octets of it.
        partial: Option<Partial>,
    },
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `ENVELOPE`
    Envelope,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `MODSEQ` (RFC 7162 §3.1.4.2)
    ModSeq,
    /// `RFC822`: as `BODY[]` (RFC 3501 §6.4.5).
    Rfc822,
    /// `RFC822.HEADER`: as `BODY.PEEK[HEADER]` (RFC 3501 §6.4.5).
    Rfc822Header,
    /// `RFC822.SIZE`
    Rfc822Size,
    /// `RFC822.TEXT`: as `BODY[TEXT]` (RFC 3501 §6.4.5).
    Rfc822Text,
    /// `UID`
    Uid,
}

/// What the macro `ALL` stands for.
pub const ALL: &[FetchItem<'static>] =
    &[FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size, FetchItem::Envelope];
/// What the macro `FAST` stands for.
pub const FAST: &[FetchItem<'static>] =
    &[FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size];
/// What the macro `FULL` stands for.
pub const FULL: &[FetchItem<'static>] = &[
    FetchItem::Flags,
    FetchItem::InternalDate,
    FetchItem::Rfc822Size,
    FetchItem::Envelope,
    FetchItem::Body,
];

use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::list::Element;
use super::super::section;

impl<'i> Fetch<'i> {
    /// Reads what follows `FETCH`.
    pub(super) fn read(cursor: &mut Cursor<'i>, by: By) -> Read<Self> {
        cursor.sp()?;
        let set = SequenceSet::read(cursor)?;
        cursor.sp()?;
        let items = if cursor.peek() == Some(b'(') {
            List::read_some(cursor, "expected (")?
        } else {
            Self::read_macro(cursor)?
        };
        let changed_since = if cursor.eat(b' ') { Some(read_modifiers(cursor)?) } else { None };
        Ok(Self { by, set, items, changed_since })
    }

    /// `ALL`, `FAST`, `FULL`, or one item without parentheses (RFC 9051 §6.4.5).
    fn read_macro(cursor: &mut Cursor<'i>) -> Read<List<'i, FetchItem<'i>>> {
        let mut ahead = *cursor;
        let items = match ahead.word() {
            w::ALL => ALL,
            w::FAST => FAST,
            w::FULL => FULL,
            _ => {
                let from = cursor.at();
                FetchItem::read(cursor)?;
                return Ok(List::since(cursor, from));
            }
        };
        *cursor = ahead;
        Ok(List::of(items))
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.set.write(to);
        to.octet(b' ');
        self.items.write_parens(to);
        if let Some(modseq) = self.changed_since {
            to.word(" (CHANGEDSINCE ");
            to.number(modseq);
            to.octet(b')');
        }
    }
}

/// `(CHANGEDSINCE n)`: the only FETCH modifier so far (RFC 4466 §2.4).
fn read_modifiers(cursor: &mut Cursor<'_>) -> Read<u64> {
    cursor.expect(b'(', "expected ( with modifiers")?;
    let from = cursor.at();
    if cursor.word() != w::CHANGEDSINCE {
        return cursor.fault_at(from, "unknown modifier");
    }
    cursor.sp()?;
    let from = cursor.at();
    let modseq = cursor.number64("expected a mod-sequence")?;
    // RFC 7162 §7: mod-sequence-value is at least 1.
    if modseq == 0 {
        return cursor.fault_at(from, "expected a mod-sequence from 1");
    }
    cursor.expect(b')', "expected )")?;
    Ok(modseq)
}

impl<'i> Element<'i> for FetchItem<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let from = cursor.at();
        let word = cursor.word();
        let bracket = cursor.peek() == Some(b'[');
        match word {
            w::BODY | w::BODY_PEEK if bracket => {
                let peek = word == w::BODY_PEEK;
                let section = Section::read(cursor)?;
                Ok(Self::BodySection { peek, section, partial: Partial::read(cursor)? })
            }
            w::BINARY | w::BINARY_PEEK => {
                let peek = word == w::BINARY_PEEK;
                let part = section::read_binary(cursor)?;
                Ok(Self::Binary { peek, part, partial: Partial::read(cursor)? })
            }
            w::BINARY_SIZE => section::read_binary(cursor).map(Self::BinarySize),
            w::BODY_PEEK => cursor.fault("expected [ behind BODY.PEEK"),
            w::BODY => Ok(Self::Body),
            w::BODYSTRUCTURE => Ok(Self::BodyStructure),
            w::ENVELOPE => Ok(Self::Envelope),
            w::FLAGS => Ok(Self::Flags),
            w::INTERNALDATE => Ok(Self::InternalDate),
            w::MODSEQ => Ok(Self::ModSeq),
            w::RFC822 => Ok(Self::Rfc822),
            w::RFC822_HEADER => Ok(Self::Rfc822Header),
            w::RFC822_SIZE => Ok(Self::Rfc822Size),
            w::RFC822_TEXT => Ok(Self::Rfc822Text),
            w::UID => Ok(Self::Uid),
            0 => cursor.fault_at(from, "expected an item"),
            _ => cursor.fault_at(from, "unknown item"),
        }
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.word(match self {
            Self::Binary { peek: false, .. } => "BINARY[",
            Self::Binary { peek: true, .. } => "BINARY.PEEK[",
            Self::BinarySize(_) => "BINARY.SIZE[",
            Self::Body | Self::BodySection { peek: false, .. } => "BODY",
            Self::BodySection { peek: true, .. } => "BODY.PEEK",
            Self::BodyStructure => "BODYSTRUCTURE",
            Self::Envelope => "ENVELOPE",
            Self::Flags => "FLAGS",
            Self::InternalDate => "INTERNALDATE",
            Self::ModSeq => "MODSEQ",
            Self::Rfc822 => "RFC822",
            Self::Rfc822Header => "RFC822.HEADER",
            Self::Rfc822Size => "RFC822.SIZE",
            Self::Rfc822Text => "RFC822.TEXT",
            Self::Uid => "UID",
        });
        let partial = match self {
            Self::Binary { part, partial, .. } => {
                part.write(to);
                to.octet(b']');
                *partial
            }
            Self::BinarySize(part) => {
                part.write(to);
                to.octet(b']');
                None
            }
            Self::BodySection { section, partial, .. } => {
                section.write(to);
                *partial
            }
            _ => None,
        };
        if let Some(partial) = partial {
            partial.write(to);
        }
    }
}
