//! What a sink counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use posthaste_core::machine::End;

use super::fate::{Stage, Turn};

/// Ways in which sessions end, as reports call them.
pub(super) const ENDS: [&str; 7] =
    ["quit", "eof", "lost", "timeout", "errors", "refused", "closed"];

/// Counters that all threads share.
#[derive(Debug)]
pub(super) struct Figures {
    /// Sessions that began.
    pub(super) sessions: AtomicU64,
    /// Sessions that are open.
    pub(super) open: AtomicU64,
    /// Sessions with TLS.
    pub(super) secured: AtomicU64,
    /// Sign-ins that succeeded.
    pub(super) signed_in: AtomicU64,
    /// Messages accepted.
    pub(super) accepted: AtomicU64,
    /// Messages that were of no use: too big, or not in the form of lines.
    pub(super) spoiled: AtomicU64,
    /// Messages that could not be kept, and were refused for that.
    pub(super) unkept: AtomicU64,
    /// Octets of the messages accepted, without stuffed dots.
    pub(super) octets: AtomicU64,
    /// Recipients of the messages accepted.
    pub(super) recipients: AtomicU64,
    /// Commands that made no sense.
    pub(super) bad: AtomicU64,
    /// Refusals on purpose, by stage; in LMTP those of messages count for each recipient.
    pub(super) failed: [AtomicU64; Stage::ALL.len()],
    /// Connections broken on purpose, by stage.
    pub(super) disconnected: [AtomicU64; Stage::ALL.len()],
    ends: [AtomicU64; ENDS.len()],
    begin: Instant,
    /// Microseconds to the first session and to the last message, both counted from 1.
    first: AtomicU64,
    last: AtomicU64,
}

impl Figures {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            sessions: zero(),
            open: zero(),
            secured: zero(),
            signed_in: zero(),
            accepted: zero(),
            spoiled: zero(),
            unkept: zero(),
            octets: zero(),
            recipients: zero(),
            bad: zero(),
            failed: std::array::from_fn(|_| zero()),
            disconnected: std::array::from_fn(|_| zero()),
            ends: std::array::from_fn(|_| zero()),
            begin: Instant::now(),
            first: zero(),
            last: zero(),
        }
    }

    /// A session began.
    pub(super) fn came(&self) {
        count(&self.sessions);
        count(&self.open);
        let _ = self.first.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A session ended.
    pub(super) fn went(&self, end: End) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        use posthaste_core::machine::Reason;
        let name = match end {
            End::Quit => "quit",
            End::Eof => "eof",
            End::Closed(Reason::Lost) => "lost",
            End::Timeout => "timeout",
            End::Errors | End::Injection | End::Violation => "errors",
            End::Refused => "refused",
            End::Closed(_) => "closed",
        };
        if let Some(place) = ENDS.iter().position(|known| *known == name) {
            count(&self.ends[place]);
        }
    }

    /// Something went as fate had it.
    pub(super) fn fate(&self, stage: Stage, turn: Turn) {
        match turn {
            Turn::Accept => {}
            Turn::Disconnect => count(&self.disconnected[stage as usize]),
            Turn::Fail(_) => count(&self.failed[stage as usize]),
        }
    }

    /// A message was accepted; says how many that makes.
    pub(super) fn took(&self, octets: u64, recipients: u32) -> u64 {
        self.octets.fetch_add(octets, Ordering::Relaxed);
        self.recipients.fetch_add(recipients.into(), Ordering::Relaxed);
        self.last.fetch_max(self.now(), Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How sessions ended.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ENDS.into_iter().zip(self.ends.iter().map(read))
    }

    /// Seconds from the first session to the last message.
    pub(super) fn seconds(&self) -> f64 {
        read(&self.last).saturating_sub(read(&self.first)) as f64 / 1e6
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Counts one more.
pub(super) fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

/// How many were counted.
pub(super) fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}
