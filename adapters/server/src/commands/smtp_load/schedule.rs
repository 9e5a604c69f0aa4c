//! When messages begin: as soon as a session is free, or by the clock. Knows no clock itself.
//!
//! By the clock, the load does not wait for the server: each message has its moment, whether or not a session
//! is free then, and its time is counted from that moment. So a server that stalls shows in the figures of
//! all messages that had to wait, and not only of those that were under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::random::Random;

/// Microseconds since the load began.
pub(super) type Micros = u64;

/// How messages follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Arrivals {
    /// Each as long after the last.
    #[default]
    Even,
    /// As strangers arrive who do not know of each other: the pauses are exponentially distributed.
    Poisson,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// A message begins; by the clock, it was due then.
    Begin(Option<Micros>),
    /// None before then.
    Wait(Micros),
    /// No more.
    Over,
}

/// When the messages of one thread begin.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Option<Pace>,
    /// Messages that may begin yet, on all threads together.
    left: Arc<AtomicU64>,
    /// No message begins from then on.
    until: Micros,
}

#[derive(Debug)]
struct Pace {
    arrivals: Arrivals,
    /// Messages a second of this thread.
    rate: f64,
    /// When the first is due, and the last that was taken.
    first: f64,
    taken: u64,
    /// When the next is due.
    next: f64,
}

impl Pace {
    fn new(rate: f64, first: f64, arrivals: Arrivals, random: &mut Random) -> Self {
        let next = match arrivals {
            Arrivals::Even => first,
            Arrivals::Poisson => random.exponential() / rate * 1e6,
        };
        Self { arrivals, rate, first, taken: 0, next }
    }

    fn due(&self) -> Micros {
        self.next.round() as Micros
    }

    fn go_on(&mut self, random: &mut Random) {
        self.taken += 1;
        self.next = match self.arrivals {
            // From the first on, so that what is lost in rounding does not add up.
            Arrivals::Even => self.first + self.taken as f64 / self.rate * 1e6,
            Arrivals::Poisson => self.next + random.exponential() / self.rate * 1e6,
        };
    }
}

impl Schedule {
    /// As soon as a session is free.
    pub(super) const fn closed(left: Arc<AtomicU64>, until: Micros) -> Self {
        Self { pace: None, left, until }
    }

    /// By the clock: `rate` messages a second, all threads together, of which this is the one with number
    /// `thread` of `threads`.
    pub(super) fn open(
        left: Arc<AtomicU64>,
        until: Micros,
        rate: f64,
        arrivals: Arrivals,
        (thread, threads): (usize, usize),
        random: &mut Random,
    ) -> Self {
        let first = thread as f64 / rate * 1e6;
        let pace = Pace::new(rate / threads as f64, first, arrivals, random);
        Self { pace: Some(pace), left, until }
    }

    /// What there is to do now; what begins is taken.
    pub(super) fn take(&mut self, now: Micros, random: &mut Random) -> Take {
        match self.look(now) {
            Take::Begin(due) => {
                let take = |left: u64| left.checked_sub(1);
                if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                    return Take::Over;
                }
                if let Some(pace) = &mut self.pace {
                    pace.go_on(random);
                }
                Take::Begin(due)
            }
            other => other,
        }
    }

    /// What there is to do now, without doing it.
    pub(super) fn look(&self, now: Micros) -> Take {
        if self.left.load(Ordering::Relaxed) == 0 || now >= self.until {
            return Take::Over;
        }
        match &self.pace {
            None => Take::Begin(None),
            Some(pace) if pace.due() >= self.until => Take::Over,
            Some(pace) if pace.due() > now => Take::Wait(pace.due()),
            Some(pace) => Take::Begin(Some(pace.due())),
        }
    }

    /// How many messages could begin now.
    pub(super) fn ready(&self, now: Micros) -> u64 {
        let left = self.left.load(Ordering::Relaxed);
        match (self.look(now), &self.pace) {
            (Take::Begin(_), None) => left,
            (Take::Begin(_), Some(pace)) => {
                // With random pauses, about as many.
                let late = now.saturating_sub(pace.due()) as f64 * pace.rate / 1e6;
                (late as u64).saturating_add(1).min(left)
            }
            _ => 0,
        }
    }

    /// Messages that were due by the end of the time and never began: by the clock only. To be asked once,
    /// at the end.
    pub(super) fn missed(&mut self, now: Micros, random: &mut Random) -> u64 {
        let Some(pace) = &mut self.pace else { return 0 };
        let mut missed = 0;
        while pace.due() < self.until.min(now) && missed < self.left.load(Ordering::Relaxed) {
            pace.go_on(random);
            missed += 1;
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(count: u64) -> Arc<AtomicU64> {
        Arc::new(AtomicU64::new(count))
    }

    const SECOND: Micros = 1_000_000;

    #[test]
    fn free_sessions_begin_at_once_until_none_is_left() {
        let mut random = Random::new(1);
        let mut schedule = Schedule::closed(left(3), Micros::MAX);
        assert_eq!(schedule.ready(5), 3);
        for now in [0, 0, 7] {
            assert_eq!(schedule.take(now, &mut random), Take::Begin(None));
        }
        assert_eq!(schedule.take(8, &mut random), Take::Over);
        assert_eq!((schedule.ready(8), schedule.missed(8, &mut random)), (0, 0));
        let mut schedule = Schedule::closed(left(u64::MAX), SECOND);
        assert_eq!(schedule.take(SECOND - 1, &mut random), Take::Begin(None));
        assert_eq!(schedule.take(SECOND, &mut random), Take::Over);
    }

    /// On a clock of its own, with a server that stalls for three seconds: each message has its moment.
    #[test]
    fn by_the_clock_the_load_does_not_wait() {
        let mut random = Random::new(1);
        let mut schedule =
            Schedule::open(left(u64::MAX), 10 * SECOND, 100.0, Arrivals::Even, (0, 1), &mut random);
        let mut dues = Vec::new();
        let mut now = 0;
        while now < 10 * SECOND {
            match schedule.take(now, &mut random) {
                Take::Begin(due) => dues.push((due.unwrap(), now)),
                Take::Wait(until) => {
                    assert!(until > now);
                    now = if dues.len() == 200 { now + 3 * SECOND } else { until };
                }
                Take::Over => break,
            }
        }
        assert!(dues.iter().map(|(due, _)| *due).eq((0..1_000).map(|n| n * 10_000)));
        // Those that had to wait know how long.
        let worst = dues.iter().map(|(due, now)| now - due).max().unwrap();
        assert!((2_990_000..=3_000_000).contains(&worst), "{worst}");
        assert_eq!(dues.iter().filter(|(due, now)| now != due).count(), 299);
    }

    #[test]
    fn threads_share_the_rate() {
        let mut random = Random::new(1);
        let shared = left(1_000);
        let mut dues = Vec::new();
        for thread in 0..3 {
            let mut schedule = Schedule::open(
                shared.clone(),
                SECOND,
                300.0,
                Arrivals::Even,
                (thread, 3),
                &mut random,
            );
            while let Take::Begin(due) = schedule.take(SECOND - 1, &mut random) {
                dues.push(due.unwrap());
            }
        }
        dues.sort_unstable();
        assert_eq!(dues.len(), 300);
        // Every 3,333 us, but for what is cut off of each.
        assert!(dues.windows(2).all(|pair| (3_332..=3_335).contains(&(pair[1] - pair[0]))));
        assert_eq!(shared.load(Ordering::Relaxed), 700);
    }

    #[test]
    fn strangers_come_as_often_on_average() {
        let mut random = Random::new(9);
        let hour = 3_600 * SECOND;
        let mut schedule =
            Schedule::open(left(u64::MAX), hour, 50.0, Arrivals::Poisson, (0, 1), &mut random);
        let mut dues = Vec::new();
        while let Take::Begin(due) = schedule.take(hour - 1, &mut random) {
            dues.push(due.unwrap());
        }
        // 180,000, and a deviation of 424.
        assert!((178_000..182_000).contains(&dues.len()), "{}", dues.len());
        assert!(dues.is_sorted());
        // In each second the count has the variance of its mean.
        let mut seconds = vec![0f64; 3_600];
        dues.iter().for_each(|due| seconds[(due / SECOND) as usize] += 1.0);
        let mean = seconds.iter().sum::<f64>() / 3_600.0;
        let variance = seconds.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 3_600.0;
        assert!((40.0..60.0).contains(&variance), "{variance}");
    }

    #[test]
    fn what_never_began_is_known() {
        let mut random = Random::new(1);
        let open = |count| {
            let random = &mut Random::new(1);
            Schedule::open(left(count), 2 * SECOND, 10.0, Arrivals::Even, (0, 1), random)
        };
        let mut schedule = open(u64::MAX);
        assert_eq!(schedule.ready(SECOND), 11);
        assert_eq!(schedule.take(SECOND, &mut random), Take::Begin(Some(0)));
        assert_eq!(schedule.ready(SECOND), 10);
        assert_eq!(schedule.take(2 * SECOND, &mut random), Take::Over);
        // The one at 0 began; of the other nineteen, none did.
        assert_eq!(schedule.missed(5 * SECOND, &mut random), 19);
        assert_eq!(open(5).missed(5 * SECOND, &mut random), 5);
        // Ended early by hand: only what was due by then.
        assert_eq!(open(u64::MAX).missed(SECOND, &mut random), 10);
    }
}
