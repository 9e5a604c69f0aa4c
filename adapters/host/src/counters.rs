//! What a host did, for metrics and tests.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use posthaste_core::smtp::server::Limit;

/// What a host did since it started.
#[derive(Debug)]
pub struct Counters {
    /// Messages that came in whole (SMTP, submission, LMTP), each once however many recipients it has.
    pub messages: AtomicU64,
    /// Octets of messages that came in whole (SMTP, submission, LMTP, APPEND), trace fields included,
    /// each message once however many recipients it has.
    pub delivered: AtomicU64,
    /// Octets that the MIME scanner looked at. As many as were delivered, as the scanner runs while a
    /// message comes in and its tree is kept; more only where a tree was too big to be kept.
    pub scanned: AtomicU64,
    /// Sign-ins that succeeded.
    pub sign_ins: AtomicU64,
    /// Sign-ins with a wrong name, password or certificate.
    pub sign_ins_failed: AtomicU64,
    /// Sign-ins that were not looked at, by `auth_checks`.
    pub sign_ins_unchecked: AtomicU64,
    /// SMTP sessions that ended because something was said in clear where TLS had to start, or because the end of a
    /// message was doubtful.
    pub injections: AtomicU64,
    /// SMTP sessions of strangers that had to be quick, by `stress_connections` or `stress_bytes`.
    pub strained: AtomicU64,
    /// Times that stress began, by `stress_bytes`.
    pub stress: AtomicU64,
    /// Strangers that were sent away at the greeting, by `shed_connect`.
    pub shed_connect: AtomicU64,
    /// Messages of strangers that were not taken for now, by `shed_data`.
    pub shed_data: AtomicU64,
    /// Submitted messages for many that were not taken for now, by `shed_bulk`.
    pub shed_bulk: AtomicU64,
    /// By the number of the limit.
    limits: [AtomicU64; Limit::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            messages: AtomicU64::default(),
            delivered: AtomicU64::default(),
            scanned: AtomicU64::default(),
            sign_ins: AtomicU64::default(),
            sign_ins_failed: AtomicU64::default(),
            sign_ins_unchecked: AtomicU64::default(),
            injections: AtomicU64::default(),
            strained: AtomicU64::default(),
            stress: AtomicU64::default(),
            shed_connect: AtomicU64::default(),
            shed_data: AtomicU64::default(),
            shed_bulk: AtomicU64::default(),
            limits: array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Counters {
    /// How often SMTP sessions reached this limit.
    #[must_use]
    pub fn limit(&self, limit: Limit) -> u64 {
        self.limits.get(limit as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// A session reached this limit.
    pub(crate) fn reach(&self, limit: Limit) {
        if let Some(count) = self.limits.get(limit as usize) {
            tally(count);
        }
    }

    /// So many octets came in.
    pub(crate) fn deliver(&self, octets: u64) {
        self.delivered.fetch_add(octets, Ordering::Relaxed);
    }

    /// So many octets were scanned.
    pub(crate) fn scan(&self, octets: u64) {
        self.scanned.fetch_add(octets, Ordering::Relaxed);
    }
}

/// Counts one.
pub(crate) fn tally(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
