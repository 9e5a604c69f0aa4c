//! How long things took: counts by size, in fixed memory, within one percent.

/// Values are told apart by this many bits below their highest: 1/128 at most is lost.
const BITS: u32 = 7;
/// Slots of one doubling.
const SLOTS: usize = 1 << BITS;
/// The greatest value that is told apart: about 19 hours in microseconds. What is above counts as this.
const MOST: u64 = (1 << 36) - 1;
/// Slots in all: values below `2 * SLOTS` have one each, and then each doubling has `SLOTS`.
const ALL: usize = (36 - BITS as usize + 1) * SLOTS;

/// Counts of values, linear up to 255 and then 128 a doubling; 30 KB, whatever it holds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Histogram {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { counts: vec![0; ALL].into(), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    /// Counts a value.
    pub(super) fn record(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(slot(value)) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Counts what another one has counted.
    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many values were counted.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The least value, exactly; 0 if there is none.
    pub(super) fn min(&self) -> u64 {
        if self.count == 0 { 0 } else { self.min }
    }

    /// The greatest value, exactly; 0 if there is none.
    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// The mean, exactly; 0 if there is none.
    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    /// The value that this part of all values (0.5 for half) does not exceed: never less than the true
    /// one, and at most 1/128 more.
    pub(super) fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.count as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return top(slot).clamp(self.min(), self.max);
            }
        }
        self.max
    }
}

/// Where a value is counted.
fn slot(value: u64) -> usize {
    let value = value.min(MOST);
    let shift = (64 - value.leading_zeros()).saturating_sub(BITS + 1);
    // The highest bit of the shifted value is there from the second doubling on: it moves the slot on.
    shift as usize * SLOTS + (value >> shift) as usize
}

/// The greatest value that is counted in a slot.
fn top(slot: usize) -> u64 {
    let shift = (slot / SLOTS).saturating_sub(1);
    let above = slot as u64 - (shift * SLOTS) as u64;
    ((above + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn slots_follow_each_other_without_gaps() {
        assert_eq!((slot(0), top(0)), (0, 0));
        for one in 1..ALL {
            // The next slot begins where one ends.
            assert_eq!(slot(top(one)), one);
            assert_eq!(slot(top(one - 1) + 1), one);
        }
        assert_eq!(top(ALL - 1), MOST);
        assert_eq!(slot(u64::MAX), ALL - 1);
    }

    /// Beside the sorted list: never below, and above by less than one percent.
    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let mut random = Random::new(11);
        for scale in [10, 1_000, 50_000, 10_000_000_000] {
            let mut values: Vec<u64> = (0..5_000).map(|_| random.up_to(scale)).collect();
            let mut histogram = Histogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            values.sort_unstable();
            for part in [0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let place = (values.len() as f64 * part).ceil() as usize - 1;
                let (true_one, told) = (values[place], histogram.quantile(part));
                assert!(told >= true_one, "{told} of {true_one}");
                assert!(told - true_one <= true_one / 128, "{told} of {true_one}");
            }
            assert_eq!(histogram.min(), values[0]);
            assert_eq!(histogram.max(), values[4_999]);
            let mean = values.iter().sum::<u64>() as f64 / 5_000.0;
            assert!((histogram.mean() - mean).abs() < 1e-6 * mean);
        }
    }

    #[test]
    fn adding_is_counting_all() {
        let mut random = Random::new(5);
        let (mut one, mut other, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for turn in 0..1_000 {
            let value = random.up_to(1_000_000);
            both.record(value);
            if turn % 3 == 0 { one.record(value) } else { other.record(value) }
        }
        one.add(&other);
        one.add(&Histogram::new());
        assert_eq!(one.counts, both.counts);
        assert_eq!((one.count(), one.min(), one.max()), (1_000, both.min(), both.max()));
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        let none = Histogram::new();
        assert_eq!((none.count(), none.min(), none.max(), none.quantile(0.5)), (0, 0, 0, 0));
        assert_eq!(none.mean(), 0.0);
        let mut one = Histogram::new();
        one.record(u64::MAX);
        assert_eq!((one.min(), one.max(), one.quantile(0.5)), (u64::MAX, u64::MAX, u64::MAX));
    }
}
