use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::mailbox::Mailbox;

/// RENAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rename<'i> {
    /// The mailbox there is.
    pub from: Mailbox<'i>,
    /// Its new name; see [`Mailbox::new_name`].
    pub to: Mailbox<'i>,
}

impl<'i> Rename<'i> {
    /// Reads what follows `RENAME`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let from = Mailbox::read(cursor)?;
        cursor.sp()?;
        Ok(Self { from, to: Mailbox::read(cursor)? })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.from.write(to);
        to.octet(b' ');
        self.to.write(to);
    }
}
