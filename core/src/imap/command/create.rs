use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::flag::SpecialUse;
use super::super::list::List;
use super::super::mailbox::Mailbox;
use super::super::words as w;

/// CREATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create<'i> {
    /// The new mailbox; see [`Mailbox::new_name`].
    pub mailbox: Mailbox<'i>,
    /// What it will be for: `(USE (…))` (RFC 6154 §3).
    pub uses: List<'i, SpecialUse<'i>>,
}

impl<'i> Create<'i> {
    /// Reads what follows `CREATE`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mailbox = Mailbox::read(cursor)?;
        if !cursor.eat(b' ') {
            return Ok(Self { mailbox, uses: List::default() });
        }
        cursor.expect(b'(', "expected ( with parameters")?;
        let from = cursor.at();
        if cursor.word() != w::USE {
            return cursor.fault_at(from, "unknown parameter");
        }
        cursor.sp()?;
        let uses = List::read_parens(cursor, "expected ( with special uses")?;
        cursor.expect(b')', "expected )")?;
        Ok(Self { mailbox, uses })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.mailbox.write(to);
        if !self.uses.is_empty() {
            to.word(" (USE ");
            self.uses.write_parens(to);
            to.octet(b')');
        }
    }
}
