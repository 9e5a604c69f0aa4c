use core::fmt;

use super::super::Atom;
use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::list::Element;
use super::super::list::List as Items;
use super::super::mailbox::{Mailbox, Pattern};
use super::super::words as w;
use super::status::StatusItems;

/// LIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'i> {
    /// What the patterns stand behind.
    pub reference: Mailbox<'i>,
    /// The patterns, one or more.
    pub patterns: Items<'i, Pattern<'i>>,
    /// Which mailboxes, if not all.
    pub select: ListSelect,
    /// What to say of them; none without `RETURN`.
    pub returns: ListReturn,
    /// It has selection options, several patterns or `RETURN`: the client knows LIST-EXTENDED
    /// (RFC 5258 §3).
    pub extended: bool,
}

/// Selection options of LIST (RFC 9051 §6.3.9.1, RFC 6154 §2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ListSelect {
    /// `SUBSCRIBED`
    pub subscribed: bool,
    /// `REMOTE`
    pub remote: bool,
    /// `RECURSIVEMATCH`
    pub recursive_match: bool,
    /// `SPECIAL-USE`
    pub special_use: bool,
}

/// Return options of LIST (RFC 9051 §6.3.9.2, RFC 5819, RFC 6154 §2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// `SUBSCRIBED`
    pub subscribed: bool,
    /// `CHILDREN`
    pub children: bool,
    /// `SPECIAL-USE`
    pub special_use: bool,
    /// `STATUS (…)`; empty if not asked for.
    pub status: StatusItems,
}

impl<'i> List<'i> {
    /// The plain form: all names below the reference that the pattern matches.
    #[must_use]
    pub fn plain(reference: Mailbox<'i>, patterns: &'i [Pattern<'i>]) -> Self {
        Self {
            reference,
            patterns: Items::of(patterns),
            select: ListSelect::default(),
            returns: ListReturn::default(),
            extended: false,
        }
    }

    /// Reads what follows `LIST`.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mut extended = cursor.peek() == Some(b'(');
        let select = if extended {
            let select = ListSelect::read(cursor)?;
            cursor.sp()?;
            select
        } else {
            ListSelect::default()
        };
        let reference = Mailbox::read(cursor)?;
        cursor.sp()?;
        let patterns = if cursor.peek() == Some(b'(') {
            extended = true;
            Items::read_some(cursor, "expected patterns")?
        } else {
            let from = cursor.at();
            Pattern::read(cursor)?;
            Items::since(cursor, from)
        };
        let mut returns = ListReturn::default();
        if cursor.eat(b' ') {
            extended = true;
            returns = ListReturn::read(cursor)?;
        }
        Ok(Self { reference, patterns, select, returns, extended })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        if self.extended {
            to.parens(self.select.words());
            to.octet(b' ');
        }
        self.reference.write(to);
        to.octet(b' ');
        if self.extended {
            self.patterns.write_parens(to);
        } else {
            self.patterns.write(to);
        }
        if self.returns != ListReturn::default() {
            to.octet(b' ');
            self.returns.write(to);
        }
    }
}

impl ListSelect {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let start = cursor.at();
        cursor.expect(b'(', "expected ( with selection options")?;
        let mut select = Self::default();
        while !cursor.eat(b')') {
            let from = cursor.at();
            match cursor.word() {
                w::SUBSCRIBED => select.subscribed = true,
                w::REMOTE => select.remote = true,
                w::RECURSIVEMATCH => select.recursive_match = true,
                w::SPECIAL_USE => select.special_use = true,
                0 => return cursor.fault_at(from, "expected a selection option"),
                _ => return cursor.fault_at(from, "unknown selection option"),
            }
            if cursor.peek() != Some(b')') {
                cursor.sp()?;
            }
        }
        // RFC 9051 §6.3.9.1: not without an option that selects by itself, and REMOTE does not.
        if select.recursive_match && !select.subscribed && !select.special_use {
            return cursor
                .fault_at(start, "RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it");
        }
        Ok(select)
    }

    /// The words of those that are wanted.
    fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.subscribed, "SUBSCRIBED"),
            (self.remote, "REMOTE"),
            (self.recursive_match, "RECURSIVEMATCH"),
            (self.special_use, "SPECIAL-USE"),
        ]
        .into_iter()
        .filter_map(|(wanted, word)| wanted.then_some(word))
    }
}

impl fmt::Debug for ListSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words().map(Atom::of)).finish()
    }
}

impl ListReturn {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let from = cursor.at();
        if cursor.word() != w::RETURN {
            return cursor.fault_at(from, "expected RETURN");
        }
        cursor.sp()?;
        cursor.expect(b'(', "expected ( with return options")?;
        let mut returns = Self::default();
        while !cursor.eat(b')') {
            let from = cursor.at();
            match cursor.word() {
                w::SUBSCRIBED => returns.subscribed = true,
                w::CHILDREN => returns.children = true,
                w::SPECIAL_USE => returns.special_use = true,
                w::STATUS => {
                    cursor.sp()?;
                    returns.status = returns.status.and(StatusItems::read(cursor)?);
                }
                0 => return cursor.fault_at(from, "expected a return option"),
                _ => return cursor.fault_at(from, "unknown return option"),
            }
            if cursor.peek() != Some(b')') {
                cursor.sp()?;
            }
        }
        Ok(returns)
    }

    /// The words of those that are wanted.
    fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.subscribed, "SUBSCRIBED"),
            (self.children, "CHILDREN"),
            (self.special_use, "SPECIAL-USE"),
            (!self.status.is_empty(), "STATUS"),
        ]
        .into_iter()
        .filter_map(|(wanted, word)| wanted.then_some(word))
    }

    fn write(self, to: &mut Encoder<'_>) {
        to.word("RETURN (");
        for (i, word) in self.words().enumerate() {
            if i > 0 {
                to.octet(b' ');
            }
            to.word(word);
        }
        if !self.status.is_empty() {
            to.octet(b' ');
            self.status.write(to);
        }
        to.octet(b')');
    }
}

impl fmt::Debug for ListReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words().map(Atom::of)).finish()?;
        if self.status.is_empty() { Ok(()) } else { fmt::Debug::fmt(&self.status, f) }
    }
}
