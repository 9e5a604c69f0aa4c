use super::super::list::List;
use super::super::mailbox::Mailbox;
use super::super::words as w;

/// SELECT or EXAMINE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select<'i> {
    /// Which mailbox.
    pub mailbox: Mailbox<'i>,
    /// What extensions add. QRESYNC will stand here too.
    pub params: List<'i, SelectParam>,
}

/// A parameter of SELECT (RFC 4466 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectParam {
    /// `CONDSTORE` (RFC 7162 §3.1.8)
    Condstore,
}

use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::list::Element;

impl<'i> Select<'i> {
    /// Reads what follows `SELECT` or `EXAMINE`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mailbox = Mailbox::read(cursor)?;
        let params = if cursor.eat(b' ') {
            List::read_some(cursor, "expected ( with parameters")?
        } else {
            List::default()
        };
        Ok(Self { mailbox, params })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.mailbox.write(to);
        if !self.params.is_empty() {
            to.octet(b' ');
            self.params.write_parens(to);
        }
    }

    /// Whether `CONDSTORE` is among the parameters.
    #[must_use]
    pub fn condstore(&self) -> bool {
        self.params.iter().any(|param| param == SelectParam::Condstore)
    }
}

impl<'i> Element<'i> for SelectParam {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let from = cursor.at();
        match cursor.word() {
            w::CONDSTORE => Ok(Self::Condstore),
            _ => cursor.fault_at(from, "unknown parameter"),
        }
    }

    fn write(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Condstore => to.word("CONDSTORE"),
        }
    }
}
