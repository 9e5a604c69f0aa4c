//! What a host did with messages, for metrics and tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a host did with messages since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Octets of messages that came in whole (SMTP, submission, LMTP, APPEND), trace fields included,
    /// each message once however many recipients it has.
    pub delivered: AtomicU64,
    /// Octets that the MIME scanner looked at. As many as were delivered, as the scanner runs while a
    /// message comes in and its tree is kept; more only where a tree was too big to be kept.
    pub scanned: AtomicU64,
}

impl Counters {
    /// So many octets came in.
    pub(crate) fn deliver(&self, octets: u64) {
        self.delivered.fetch_add(octets, Ordering::Relaxed);
    }

    /// So many octets were scanned.
    pub(crate) fn scan(&self, octets: u64) {
        self.scanned.fetch_add(octets, Ordering::Relaxed);
    }
}
