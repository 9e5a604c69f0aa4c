use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::{Mailbox, SequenceSet};
use super::By;

/// COPY or MOVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyTo<'i> {
    /// What the numbers are.
    pub by: By,
    /// Which messages.
    pub set: SequenceSet<'i>,
    /// Where to.
    pub mailbox: Mailbox<'i>,
}

impl<'i> CopyTo<'i> {
    /// Reads what follows `COPY` or `MOVE`.
    pub(super) fn read(cursor: &mut Cursor<'i>, by: By) -> Read<Self> {
        cursor.sp()?;
        let set = SequenceSet::read(cursor)?;
        cursor.sp()?;
        Ok(Self { by, set, mailbox: Mailbox::read(cursor)? })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.set.write(to);
        to.octet(b' ');
        self.mailbox.write(to);
    }
}
