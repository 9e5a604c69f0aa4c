//! Lists that are read from the input when somebody walks them, so that a command holds no heap.

use core::fmt;

use super::cursor::{Cursor, Read};
use super::encode::Encoder;

/// What can stand in a [`List`].
pub trait Element<'i>: Copy + 'i {
    /// Reads one.
    ///
    /// # Errors
    /// Where the input is not one.
    fn read(cursor: &mut Cursor<'i>) -> Read<Self>;

    /// Writes one.
    fn write(&self, to: &mut Encoder<'_>);

    /// Passes what stands between two of them.
    ///
    /// # Errors
    /// If something else stands there.
    fn gap(cursor: &mut Cursor<'i>) -> Read<()> {
        cursor.sp()
    }

    /// Writes what stands between `self` and the next.
    fn write_gap(&self, _next: &Self, to: &mut Encoder<'_>) {
        to.octet(b' ');
    }
}

/// A list that was checked when its command was parsed and is read again by whoever walks it; or a
/// slice that a caller made. Neither owns anything. Lists with the same elements are equal.
#[derive(Clone, Copy)]
pub struct List<'i, T>(Kind<'i, T>);

#[derive(Clone, Copy)]
enum Kind<'i, T> {
    Slice(&'i [T]),
    Wire { octets: &'i [u8], utf8: bool },
}

impl<'i, T> List<'i, T> {
    /// A list of what a slice holds.
    #[must_use]
    pub const fn of(items: &'i [T]) -> Self {
        Self(Kind::Slice(items))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Kind::Slice(items) => items.is_empty(),
            Kind::Wire { octets, .. } => octets.is_empty(),
        }
    }
}

impl<'i, T: Element<'i>> List<'i, T> {
    /// What was read since `from`, which was one or more elements.
    pub(super) fn since(cursor: &Cursor<'i>, from: usize) -> Self {
        Self(Kind::Wire { octets: cursor.since(from), utf8: cursor.syntax.utf8 })
    }

    /// Reads one element or more, without parentheses.
    pub(super) fn read_bare(cursor: &mut Cursor<'i>, end: impl Fn(u8) -> bool) -> Read<Self> {
        let from = cursor.at();
        T::read(cursor)?;
        while cursor.peek().is_some_and(|c| !end(c)) {
            T::gap(cursor)?;
            T::read(cursor)?;
        }
        Ok(Self::since(cursor, from))
    }

    /// Reads `( … )` with any number of elements.
    pub(super) fn read_parens(cursor: &mut Cursor<'i>, what: &'static str) -> Read<Self> {
        cursor.expect(b'(', what)?;
        if cursor.eat(b')') {
            return Ok(Self::default());
        }
        let list = Self::read_bare(cursor, |c| c == b')')?;
        cursor.expect(b')', "expected )")?;
        Ok(list)
    }

    /// Reads `( … )` with at least one element.
    pub(super) fn read_some(cursor: &mut Cursor<'i>, what: &'static str) -> Read<Self> {
        let list = Self::read_parens(cursor, what)?;
        if list.is_empty() {
            return cursor.fault_at(cursor.at() - 1, "the list is empty");
        }
        Ok(list)
    }

    /// The elements, in order.
    pub fn iter(&self) -> Iter<'i, T> {
        match self.0 {
            Kind::Slice(items) => Iter(Walk::Slice(items.iter())),
            Kind::Wire { octets, utf8 } => {
                Iter(Walk::Wire { cursor: Cursor::again(octets, utf8), first: true })
            }
        }
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        let mut last: Option<T> = None;
        for item in self.iter() {
            if let Some(last) = last {
                last.write_gap(&item, to);
            }
            item.write(to);
            last = Some(item);
        }
    }

    pub(super) fn write_parens(&self, to: &mut Encoder<'_>) {
        to.octet(b'(');
        self.write(to);
        to.octet(b')');
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl<'i, T: Element<'i> + PartialEq> PartialEq for List<'i, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'i, T: Element<'i> + Eq> Eq for List<'i, T> {}

impl<'i, T: Element<'i> + fmt::Debug> fmt::Debug for List<'i, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'i, T: Element<'i>> IntoIterator for List<'i, T> {
    type Item = T;
    type IntoIter = Iter<'i, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Walks a [`List`].
#[derive(Clone)]
pub struct Iter<'i, T>(Walk<'i, T>);

#[derive(Clone)]
enum Walk<'i, T> {
    Slice(core::slice::Iter<'i, T>),
    Wire { cursor: Cursor<'i>, first: bool },
}

impl<'i, T: Element<'i>> Iterator for Iter<'i, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Walk::Slice(items) => items.next().copied(),
            Walk::Wire { cursor, first } => {
                if cursor.is_end() {
                    return None;
                }
                // What is in a list was read before, so neither fails.
                if !core::mem::replace(first, false) {
                    T::gap(cursor).ok()?;
                }
                T::read(cursor).ok()
            }
        }
    }
}
