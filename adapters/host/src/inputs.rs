//! What the host takes from outside: the time, randomness, and somewhere to run work that blocks.
//!
//! A server gives it [`SystemClock`], [`SystemRandom`] and [`Pool`]s; a simulator
//! gives it its own, and owns every source of surprise.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::Pools;
use crate::pool::Pool;

/// A job that may block or compute for long.
pub type Job = Box<dyn FnOnce() + Send + 'static>;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_millis(&self) -> u64;

    /// Seconds since 1970-01-01T00:00:00Z.
    fn now_unix(&self) -> u64 {
        self.now_millis() / 1_000
    }
}

/// Where unpredictable octets come from.
pub trait Random: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// Where jobs run.
pub trait Spawn: Send + Sync {
    /// Takes a job to run soon, on any thread or at once on this one.
    ///
    /// # Errors
    /// [`Busy`] if there is no room. The job is dropped, and with it the responders it held, so that
    /// whoever waits for it hears a refusal.
    fn spawn(&self, job: Job) -> Result<(), Busy>;
}

/// There is no room for another job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too much work is waiting")
    }
}

impl std::error::Error for Busy {}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_millis(&self) -> u64 {
        // A clock before 1970 is a broken clock; mail dated 1970 says so plainly enough.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system has randomness once it has started");
    }
}

/// Runs each job at once, on the thread that brings it: for simulators and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl Spawn for Inline {
    fn spawn(&self, job: Job) -> Result<(), Busy> {
        job();
        Ok(())
    }
}

/// All that a host takes from outside.
#[derive(Clone)]
pub struct Inputs {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Runs the checks of passwords.
    pub passwords: Arc<dyn Spawn>,
    /// Runs what reads the store.
    pub reads: Arc<dyn Spawn>,
}

impl Inputs {
    /// This machine's.
    ///
    /// # Errors
    /// When the operating system gives no threads.
    pub fn system(pools: &Pools) -> io::Result<Self> {
        Ok(Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            passwords: Arc::new(Pool::new(
                "passwords",
                pools.password_threads,
                pools.password_queue,
            )?),
            reads: Arc::new(Pool::new("reads", pools.read_threads, pools.read_queue)?),
        })
    }

    /// This machine's clock and randomness, and no threads: every job runs at once.
    #[must_use]
    pub fn inline() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            passwords: Arc::new(Inline),
            reads: Arc::new(Inline),
        }
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inputs")
    }
}
