//! Time as machines see it: a count of microseconds since a moment that the driver chose.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

/// A moment on the driver's monotonic clock, in microseconds since the driver's own epoch.
///
/// Machines never read a clock; whoever drives them says what time it is. `Option<Instant>` is eight
/// bytes, so a deadline costs a session no more than that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The driver's epoch.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The moment `micros` microseconds after the driver's epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        // The value is kept one higher, so that zero can mean "none".
        match NonZeroU64::new(micros.saturating_add(1)) {
            Some(n) => Self(n),
            None => Self::ZERO,
        }
    }

    /// The moment `millis` milliseconds after the driver's epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// Microseconds since the driver's epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.as_micros().saturating_sub(earlier.as_micros()))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The moment `wait` after this one; stops at the end of time instead of wrapping.
    fn add(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.as_micros().saturating_add(wait))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_micros(self.as_micros()))
    }
}
