//! The host's inputs in a simulated world: its clock and its randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use posthaste_host::inputs::{Busy, Clock, Inline, Inputs, Job, Random as HostRandom, Spawn};

use super::random::Random;

/// When simulated worlds begin: 2026-01-01T00:00:00Z, in milliseconds since 1970.
pub const DAWN: u64 = 1_767_225_600_000;

/// A time of day that is set by hand.
#[derive(Debug, Default)]
pub struct Sundial(AtomicU64);

impl Sundial {
    /// So many microseconds after [`DAWN`].
    pub fn set(&self, micros: u64) {
        self.0.store(micros / 1_000, Ordering::Relaxed);
    }
}

impl Clock for Sundial {
    fn now_millis(&self) -> u64 {
        DAWN + self.0.load(Ordering::Relaxed)
    }
}

/// Octets from a seed.
#[derive(Debug)]
pub struct Dice(Mutex<Random>);

impl Dice {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(Random::new(seed)))
    }
}

impl HostRandom for Dice {
    fn fill(&self, out: &mut [u8]) {
        let mut random = self.0.lock();
        out.fill_with(|| random.bits() as u8);
    }
}

/// A pool that is busy now and then, and otherwise does each job at once.
#[derive(Debug)]
pub struct Moody {
    random: Mutex<Random>,
    busy: u64,
}

impl Moody {
    /// Busy `busy` times in a thousand.
    #[must_use]
    pub const fn new(seed: u64, busy: u64) -> Self {
        Self { random: Mutex::new(Random::new(seed)), busy }
    }
}

impl Spawn for Moody {
    fn spawn(&self, job: Job) -> Result<(), Busy> {
        if self.random.lock().chance(self.busy) {
            return Err(Busy);
        }
        Inline.spawn(job)
    }
}

/// Inputs from a seed, and the clock to set.
#[must_use]
pub fn inputs(seed: u64, busy: u64) -> (Inputs, Arc<Sundial>) {
    let clock = Arc::<Sundial>::default();
    let inputs = Inputs {
        clock: clock.clone(),
        random: Arc::new(Dice::new(seed)),
        passwords: Arc::new(Moody::new(seed ^ 1, busy)),
        reads: Arc::new(Moody::new(seed ^ 2, busy)),
    };
    (inputs, clock)
}
