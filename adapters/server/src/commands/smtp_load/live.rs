//! What the threads show while they work, and how they are told to stop.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Figures that anybody may look at.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Messages accepted.
    pub(super) accepted: AtomicU64,
    /// Messages refused.
    pub(super) refused: AtomicU64,
    /// Messages whose connection broke.
    pub(super) failed: AtomicU64,
    /// Octets of those accepted.
    pub(super) octets: AtomicU64,
    /// Connections that are open.
    pub(super) open: AtomicU64,
    number: AtomicU64,
    stop: AtomicU8,
}

/// How far it was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// It goes on.
    No,
    /// No message begins any more.
    Finish,
    /// What is under way is cut off.
    Abort,
}

impl Live {
    /// The number of the next message.
    pub(super) fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// How far it was told to stop.
    pub(super) fn stop(&self) -> Stop {
        match self.stop.load(Ordering::Relaxed) {
            0 => Stop::No,
            1 => Stop::Finish,
            _ => Stop::Abort,
        }
    }

    /// Stops: at first politely, the second time at once.
    pub(super) fn interrupt(&self) {
        let more = |stop: u8| Some((stop + 1).min(2));
        let _ = self.stop.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}
