//! Parts of a message as FETCH names them: `[1.2.HEADER.FIELDS (DATE FROM)]<0.512>` (RFC 9051 §6.4.5.1).

use core::num::{NonZeroU32, NonZeroU64};

use super::AString;
use super::cursor::{Cursor, Read, pack};
use super::encode::Encoder;
use super::list::{Element, List};
use super::words as w;

/// The path to a body part, `1.2.3`; empty for the message itself.
pub type Part<'i> = List<'i, NonZeroU32>;

/// What stands between the brackets of `BODY[…]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section<'i> {
    /// Which body part; empty for the message itself.
    pub part: Part<'i>,
    /// What of it; the whole, if nothing is said.
    pub text: Option<SectionText<'i>>,
}

/// What of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionText<'i> {
    /// `HEADER`: of the message, or of a message/rfc822 part.
    Header,
    /// `HEADER.FIELDS (…)`: only fields of these names.
    HeaderFields(List<'i, AString<'i>>),
    /// `HEADER.FIELDS.NOT (…)`: all fields but those of these names.
    HeaderFieldsNot(List<'i, AString<'i>>),
    /// `MIME`: the part's own MIME header; never of the message itself.
    Mime,
    /// `TEXT`: the body without the header.
    Text,
}

/// `<offset.length>`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partial {
    /// The first octet wanted, from 0.
    pub offset: u64,
    /// How many octets at most.
    pub length: NonZeroU64,
}

impl<'i> Section<'i> {
    /// Reads `[…]`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.expect(b'[', "expected [")?;
        if cursor.eat(b']') {
            return Ok(Self::default());
        }
        let part = read_part(cursor)?;
        let text = if part.is_empty() || cursor.eat(b'.') {
            Some(SectionText::read(cursor, part.is_empty())?)
        } else {
            None
        };
        cursor.expect(b']', "expected ] behind a section")?;
        Ok(Self { part, text })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        to.octet(b'[');
        self.part.write(to);
        if let Some(text) = self.text {
            if !self.part.is_empty() {
                to.octet(b'.');
            }
            text.write(to);
        }
        to.octet(b']');
    }
}

impl<'i> SectionText<'i> {
    fn read(cursor: &mut Cursor<'i>, whole: bool) -> Read<Self> {
        let from = cursor.at();
        // HEADER.FIELDS.NOT is one octet too long to be packed.
        let word = cursor.take(super::cursor::WORD);
        if word.eq_ignore_ascii_case(b"HEADER.FIELDS.NOT") {
            return Self::names(cursor).map(Self::HeaderFieldsNot);
        }
        match pack(word) {
            w::HEADER => Ok(Self::Header),
            w::HEADER_FIELDS => Self::names(cursor).map(Self::HeaderFields),
            w::MIME if !whole => Ok(Self::Mime),
            w::MIME => cursor.fault_at(from, "MIME needs a part number in front"),
            w::TEXT => Ok(Self::Text),
            _ => cursor.fault_at(from, "unknown section"),
        }
    }

    fn names(cursor: &mut Cursor<'i>) -> Read<List<'i, AString<'i>>> {
        cursor.sp()?;
        List::read_some(cursor, "expected ( with names of header fields")
    }

    fn write(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Header => to.word("HEADER"),
            Self::HeaderFields(names) => {
                to.word("HEADER.FIELDS ");
                names.write_parens(to);
            }
            Self::HeaderFieldsNot(names) => {
                to.word("HEADER.FIELDS.NOT ");
                names.write_parens(to);
            }
            Self::Mime => to.word("MIME"),
            Self::Text => to.word("TEXT"),
        }
    }
}

impl Partial {
    /// Reads `<offset.length>`, if it stands here.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        if !cursor.eat(b'<') {
            return Ok(None);
        }
        let offset = cursor.number64("expected the first octet")?;
        cursor.expect(b'.', "expected .")?;
        let from = cursor.at();
        let length = cursor.number64("expected a number of octets")?;
        let Some(length) = NonZeroU64::new(length) else {
            return cursor.fault_at(from, "expected a number of octets from 1");
        };
        cursor.expect(b'>', "expected >")?;
        Ok(Some(Self { offset, length }))
    }

    pub(super) fn write(self, to: &mut Encoder<'_>) {
        to.octet(b'<');
        to.number(self.offset);
        to.octet(b'.');
        to.number(self.length.get());
        to.octet(b'>');
    }
}

/// Reads `[1.2]` or `[]`, as BINARY has it (RFC 9051 §9 `section-binary`).
pub(super) fn read_binary<'i>(cursor: &mut Cursor<'i>) -> Read<Part<'i>> {
    cursor.expect(b'[', "expected [")?;
    let part = read_part(cursor)?;
    cursor.expect(b']', "expected ] behind a part number")?;
    Ok(part)
}

/// Part numbers, if any stand here; a `.` that a word follows is left.
fn read_part<'i>(cursor: &mut Cursor<'i>) -> Read<Part<'i>> {
    if !cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return Ok(List::default());
    }
    let from = cursor.at();
    loop {
        NonZeroU32::read(cursor)?;
        if !matches!(cursor.rest(), [b'.', c, ..] if c.is_ascii_digit()) {
            return Ok(List::since(cursor, from));
        }
        cursor.step();
    }
}

impl<'i> Element<'i> for NonZeroU32 {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.nz_number("expected a part number from 1")
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.number(u64::from(self.get()));
    }

    fn gap(cursor: &mut Cursor<'i>) -> Read<()> {
        cursor.expect(b'.', "expected .")
    }

    fn write_gap(&self, _next: &Self, to: &mut Encoder<'_>) {
        to.octet(b'.');
    }
}

impl<'i> Element<'i> for AString<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.astring("expected a string")
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.astring(*self);
    }
}
