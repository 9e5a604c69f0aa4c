//! Sets of UIDs as sorted ranges.

use crate::id::Uid;
use std::fmt;
use std::ops::RangeInclusive;

/// A set of UIDs, held as ascending ranges that neither touch nor overlap.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Every UID there can be.
    pub fn all() -> Self {
        Self { ranges: vec![(1, u32::MAX)] }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs are in it.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|&(a, b)| u64::from(b - a) + 1).sum()
    }

    /// Whether `uid` is in it.
    pub fn contains(&self, uid: Uid) -> bool {
        let n = uid.number();
        let at = self.ranges.partition_point(|&(_, b)| b < n);
        self.ranges.get(at).is_some_and(|&(a, _)| a <= n)
    }

    /// Adds one UID. Cheapest at the high end.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(uid..=uid);
    }

    /// Adds a range; nothing happens if it is empty.
    pub fn insert_range(&mut self, range: RangeInclusive<Uid>) {
        let (mut a, mut b) = (range.start().number(), range.end().number());
        if a > b {
            return;
        }
        // The ranges that touch or overlap [a, b] are first..last.
        let first = self.ranges.partition_point(|&(_, end)| end < a.saturating_sub(1));
        let last = self.ranges.partition_point(|&(start, _)| start <= b.saturating_add(1));
        if let Some(&(start, _)) = self.ranges[first..].first().filter(|_| first < last) {
            a = a.min(start);
        }
        if last > first {
            b = b.max(self.ranges[last - 1].1);
        }
        self.ranges.splice(first..last, [(a, b)]);
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = RangeInclusive<Uid>> + '_ {
        self.ranges.iter().filter_map(|&(a, b)| Some(Uid::new(a)?..=Uid::new(b)?))
    }

    /// The UIDs, ascending. Mind sets with open ranges: this walks every number in them.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.ranges.iter().flat_map(|&(a, b)| a..=b).filter_map(Uid::new)
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = Self::new();
        for uid in uids {
            set.insert(uid);
        }
        set
    }
}

impl From<Uid> for UidSet {
    fn from(uid: Uid) -> Self {
        Self::from_iter([uid])
    }
}

impl From<RangeInclusive<Uid>> for UidSet {
    fn from(range: RangeInclusive<Uid>) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(a, b)) in self.ranges.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            if a == b { write!(f, "{a}")? } else { write!(f, "{a}:{b}")? }
        }
        if self.ranges.is_empty() { f.write_str("(none)") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(ranges in proptest::collection::vec((1u32..60, 0u32..6), 0..20)) {
            let mut set = UidSet::new();
            let mut model = std::collections::BTreeSet::new();
            for (start, more) in ranges {
                let (a, b) = (Uid::new(start).unwrap(), Uid::new(start + more).unwrap());
                set.insert_range(a..=b);
                model.extend(start..=start + more);
            }
            prop_assert_eq!(set.iter().map(Uid::number).collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), model.len() as u64);
            for n in 1..70 {
                prop_assert_eq!(set.contains(Uid::new(n).unwrap()), model.contains(&n));
            }
            prop_assert!(set.ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }

    #[test]
    fn the_ends_of_the_number_space_hold() {
        let mut set = UidSet::all();
        set.insert(Uid::MAX);
        set.insert(Uid::MIN);
        assert_eq!(set.len(), u64::from(u32::MAX));
        assert_eq!(format!("{set:?}"), "1:4294967295");
    }
}
