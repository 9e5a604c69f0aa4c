//! Sequence sets: `2,4:7,9,12:*` and `$` (RFC 9051 §4.1.1).

use core::fmt;
use core::num::NonZeroU32;

use super::cursor::{Cursor, Read};
use super::encode::Encoder;
use super::list::{Element, List};

/// A sequence number or UID, or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// `*`: the largest in use.
    Last,
    /// A number.
    Number(NonZeroU32),
}

impl Bound {
    /// The number it stands for in a mailbox whose largest is `last`.
    #[must_use]
    pub const fn resolve(self, last: u32) -> u32 {
        match self {
            Self::Last => last,
            Self::Number(n) => n.get(),
        }
    }
}

/// One number (both bounds are the same) or a range, in whichever order it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// The bound that came first.
    pub from: Bound,
    /// The bound that came last.
    pub to: Bound,
}

impl Range {
    /// One number.
    #[must_use]
    pub const fn one(bound: Bound) -> Self {
        Self { from: bound, to: bound }
    }

    /// The first and the last number it means, smaller first, in a mailbox whose largest is `last`
    /// (RFC 9051 §9 `seq-range`: `2:4` and `4:2` are equivalent, and `3291:*` always includes `*`).
    #[must_use]
    pub const fn resolve(self, last: u32) -> (u32, u32) {
        let (from, to) = (self.from.resolve(last), self.to.resolve(last));
        if from <= to { (from, to) } else { (to, from) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.from, f)?;
        if self.from != self.to {
            write!(f, ":{}", self.to)?;
        }
        Ok(())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("*"),
            Self::Number(n) => fmt::Display::fmt(n, f),
        }
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Messages that a command is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SequenceSet<'i> {
    /// Numbers and ranges, one or more.
    Ranges(List<'i, Range>),
    /// `$`: what the last `SEARCH RETURN (SAVE)` found (RFC 9051 §6.4.4.1).
    Saved,
}

impl<'i> SequenceSet<'i> {
    /// A set of these ranges.
    #[must_use]
    pub const fn of(ranges: &'i [Range]) -> Self {
        Self::Ranges(List::of(ranges))
    }

    /// The ranges, none for `$`.
    pub fn ranges(&self) -> super::list::Iter<'i, Range> {
        match self {
            Self::Ranges(ranges) => ranges.iter(),
            Self::Saved => List::default().iter(),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        if cursor.eat(b'$') {
            return Ok(Self::Saved);
        }
        let from = cursor.at();
        let mut ranges = 0u32;
        loop {
            Range::read(cursor)?;
            ranges += 1;
            if !cursor.eat(b',') {
                return Ok(Self::Ranges(List::since(cursor, from)));
            }
            if ranges >= cursor.syntax.set_ranges {
                return cursor.fault("too many ranges in a sequence set");
            }
        }
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Ranges(ranges) => ranges.write(to),
            Self::Saved => to.octet(b'$'),
        }
    }
}

impl fmt::Debug for SequenceSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ranges(ranges) => {
                for (i, range) in ranges.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{range}")?;
                }
                Ok(())
            }
            Self::Saved => f.write_str("$"),
        }
    }
}

impl<'i> Element<'i> for Range {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let from = Bound::read(cursor)?;
        let to = if cursor.eat(b':') { Bound::read(cursor)? } else { from };
        Ok(Self { from, to })
    }

    fn write(&self, to: &mut Encoder<'_>) {
        self.from.write(to);
        if self.from != self.to {
            to.octet(b':');
            self.to.write(to);
        }
    }

    fn gap(cursor: &mut Cursor<'i>) -> Read<()> {
        cursor.expect(b',', "expected ,")
    }

    fn write_gap(&self, _next: &Self, to: &mut Encoder<'_>) {
        to.octet(b',');
    }
}

impl Bound {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        if cursor.eat(b'*') {
            return Ok(Self::Last);
        }
        cursor.nz_number("expected a number from 1 or *").map(Self::Number)
    }

    fn write(self, to: &mut Encoder<'_>) {
        match self {
            Self::Last => to.octet(b'*'),
            Self::Number(n) => to.number(u64::from(n.get())),
        }
    }
}
