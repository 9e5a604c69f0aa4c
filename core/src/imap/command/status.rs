use core::fmt;

use super::super::Atom;
use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::mailbox::Mailbox;
use super::super::words as w;

/// STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'i> {
    /// Of which mailbox.
    pub mailbox: Mailbox<'i>,
    /// What of it.
    pub items: StatusItems,
}

/// Which items of STATUS; in which order they were named means nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StatusItems(u16);

impl StatusItems {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// `MESSAGES`
    pub const MESSAGES: Self = Self(1);
    /// `UIDNEXT`
    pub const UIDNEXT: Self = Self(2);
    /// `UIDVALIDITY`
    pub const UIDVALIDITY: Self = Self(4);
    /// `UNSEEN`
    pub const UNSEEN: Self = Self(8);
    /// `DELETED`
    pub const DELETED: Self = Self(16);
    /// `SIZE`
    pub const SIZE: Self = Self(32);
    /// `RECENT` (RFC 3501 §6.3.10)
    pub const RECENT: Self = Self(64);
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.2.1)
    pub const HIGHESTMODSEQ: Self = Self(128);

    /// Whether all of `items` are among these.
    #[must_use]
    pub const fn has(self, items: Self) -> bool {
        self.0 & items.0 == items.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, items: Self) -> Self {
        Self(self.0 | items.0)
    }
}

const NAMES: [(StatusItems, &str); 8] = [
    (StatusItems::MESSAGES, "MESSAGES"),
    (StatusItems::UIDNEXT, "UIDNEXT"),
    (StatusItems::UIDVALIDITY, "UIDVALIDITY"),
    (StatusItems::UNSEEN, "UNSEEN"),
    (StatusItems::DELETED, "DELETED"),
    (StatusItems::SIZE, "SIZE"),
    (StatusItems::RECENT, "RECENT"),
    (StatusItems::HIGHESTMODSEQ, "HIGHESTMODSEQ"),
];

impl StatusItems {
    /// Each of these with its name.
    pub fn iter(self) -> impl Iterator<Item = (Self, &'static str)> {
        NAMES.into_iter().filter(move |(item, _)| self.has(*item))
    }

    /// Reads `( … )`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        cursor.expect(b'(', "expected ( with status items")?;
        let mut items = Self::NONE;
        loop {
            let from = cursor.at();
            items = items.and(match cursor.word() {
                w::MESSAGES => Self::MESSAGES,
                w::UIDNEXT => Self::UIDNEXT,
                w::UIDVALIDITY => Self::UIDVALIDITY,
                w::UNSEEN => Self::UNSEEN,
                w::DELETED => Self::DELETED,
                w::SIZE => Self::SIZE,
                w::RECENT => Self::RECENT,
                w::HIGHESTMODSEQ => Self::HIGHESTMODSEQ,
                0 => return cursor.fault_at(from, "expected a status item"),
                _ => return cursor.fault_at(from, "unknown status item"),
            });
            if cursor.eat(b')') {
                return Ok(items);
            }
            cursor.sp()?;
        }
    }

    pub(super) fn write(self, to: &mut Encoder<'_>) {
        to.parens(self.iter().map(|(_, name)| name));
    }
}

impl fmt::Debug for StatusItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(_, name)| Atom::of(name))).finish()
    }
}

impl<'i> Status<'i> {
    /// Reads what follows `STATUS`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mailbox = Mailbox::read(cursor)?;
        cursor.sp()?;
        Ok(Self { mailbox, items: StatusItems::read(cursor)? })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.mailbox.write(to);
        to.octet(b' ');
        self.items.write(to);
    }
}
