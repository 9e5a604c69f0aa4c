//! What ends a conversation, or a handler's thinking, from outside: the server's stopping, the clock,
//! a peer that is gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use posthaste_core::machine::Instant;
use posthaste_tls::Control;
use posthaste_tls::control::Stop;
use posthaste_tls::link::Fault;
use tokio::sync::Notify;
use tokio::time::{Instant as Time, sleep, sleep_until};

/// Why a handler is not waited for any longer.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The connection broke.
    Gone(Fault),
    /// It thought longer than the limits allow.
    Late,
    /// The server stops, and the time to finish is up.
    Stop,
}

/// How a server ends the conversations it has: shared by all of them.
#[derive(Debug)]
pub(crate) struct Leash {
    pub(crate) control: Arc<Control>,
    /// Rung when `control` has something new.
    bell: Arc<Notify>,
    /// When the time to finish is up. Set when it begins.
    until: OnceLock<Time>,
}

impl Leash {
    pub(crate) fn new(control: Arc<Control>) -> Arc<Self> {
        let bell = Arc::new(Notify::new());
        let rung = bell.clone();
        control.on_change(move || rung.notify_waiters());
        Arc::new(Self { control, bell, until: OnceLock::new() })
    }

    /// Rings when there is something new to see at `control`. Enable it before looking there.
    pub(crate) fn bell(&self) -> &Notify {
        &self.bell
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.control.stop() != Stop::No
    }

    pub(crate) fn is_over(&self) -> bool {
        match self.control.stop() {
            Stop::No => false,
            Stop::Drain => self.until() <= Time::now(),
            Stop::Abort => true,
        }
    }

    /// Waits until the server was told to stop.
    pub(crate) async fn told(&self) {
        self.wait(Self::is_stopping).await;
    }

    /// Waits until the server stops and the time to finish is up.
    pub(crate) async fn over(&self) {
        self.wait(Self::is_over).await;
    }

    /// Rings when the time to finish is up. One task does so for all, who need no timer then.
    pub(crate) async fn keep_time(&self) {
        self.told().await;
        sleep_until(self.until()).await;
        self.bell.notify_waiters();
    }

    async fn wait(&self, is: impl Fn(&Self) -> bool) {
        loop {
            let bell = self.bell.notified();
            tokio::pin!(bell);
            // From here on a ring is not missed.
            bell.as_mut().enable();
            if is(self) {
                return;
            }
            bell.await;
        }
    }

    fn until(&self) -> Time {
        *self.until.get_or_init(|| Time::now() + self.control.gate().limits().drain)
    }
}

/// Waits for the end of the time to finish; for ever where no server holds the leash.
pub(crate) async fn over(leash: Option<&Leash>) {
    match leash {
        Some(leash) => leash.over().await,
        None => std::future::pending().await,
    }
}

/// Counts how long a handler has thought since it was last waiting for the peer.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Time,
    /// Microseconds from `epoch` to when it began to think; [`WAITING`](Self::WAITING) while it waits.
    since: AtomicU64,
}

impl Clock {
    const WAITING: u64 = u64::MAX;

    pub(crate) fn new() -> Self {
        Self { epoch: Time::now(), since: AtomicU64::new(0) }
    }

    /// The handler waits for the peer until the guard is dropped.
    pub(crate) fn pause(&self) -> Paused<'_> {
        self.since.store(Self::WAITING, Ordering::Relaxed);
        Paused(self)
    }

    /// The handler thinks, from now on.
    pub(crate) fn start(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        micros(self.epoch)
    }

    /// Waits until the handler has thought for `limit` without a pause.
    pub(crate) async fn runs_out(&self, limit: Duration) {
        loop {
            let since = self.since.load(Ordering::Relaxed);
            let thought = match since {
                Self::WAITING => Duration::ZERO,
                since => Duration::from_micros(self.now().saturating_sub(since)),
            };
            match limit.checked_sub(thought).filter(|left| !left.is_zero()) {
                Some(left) => sleep(left).await,
                None => return,
            }
        }
    }
}

/// The handler waits for the peer.
pub(crate) struct Paused<'c>(&'c Clock);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.start();
    }
}

/// The time since `epoch`, as machines count it.
pub(crate) fn since(epoch: Time) -> Instant {
    Instant::from_micros(micros(epoch))
}

fn micros(epoch: Time) -> u64 {
    u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
}
