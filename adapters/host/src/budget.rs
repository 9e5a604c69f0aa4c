//! The octets of bodies that are in flight, of all senders together.
//!
//! Above the limit a sender is held: no more is read from it until some of what is in flight is
//! durable or dropped. One sender at a time goes on regardless, so that not everybody waits for
//! everybody with bodies that are half there.
//!
//! Before that work is shed, of those first who matter least to our users ([`Limits`] has the shares; 100 or
//! more: never):
//!
//! | in use | what happens |
//! |---|---|
//! | `stress_bytes` 50 % | new strangers have to be quick, until a fifth less is in use |
//! | `shed_connect` 75 % | new strangers are sent away at the greeting |
//! | `shed_data` 90 % | messages of strangers are not taken for now |
//! | `shed_bulk` 95 % | nor messages of users for very many |
//! | all | whoever sends one is not read from; reading and everything else go on |
//!
//! [`Limits`]: crate::config::Limits

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use posthaste_core::machine::Protocol;
use posthaste_core::session::{Note, Place};
use posthaste_store::Store;

use crate::counters::{Counters, tally};

/// Shared by all sessions.
pub(crate) struct Budget {
    store: Arc<dyn Store>,
    limit: u64,
    /// So much was in use that strangers have to be quick.
    stressed: AtomicBool,
    /// Somebody goes on regardless.
    favoured: AtomicBool,
    waiting: AtomicUsize,
    held: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

/// One body's part in the budget. Dropping it may let others go on.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    favoured: bool,
}

impl Budget {
    pub(crate) fn new(store: Arc<dyn Store>, limit: u64) -> Self {
        Self {
            store,
            limit,
            stressed: AtomicBool::new(false),
            favoured: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            held: Mutex::default(),
        }
    }

    /// A new body begins.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), favoured: false }
    }

    /// Lets those who are held go on, if there is room. Call it after each round of the store.
    pub(crate) fn release(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 && self.has_room() {
            self.release_all();
        }
    }

    /// Whether so much of it is in use: `percent`, if that is below 100.
    pub(crate) fn is_over(&self, percent: u32) -> bool {
        percent < 100 && self.reaches(u64::from(percent) * 100)
    }

    /// Whether strangers have to be quick, from this `percent` on. It is over when a fifth less is in use: without
    /// a gap it would come and go with each message.
    pub(crate) fn is_stressed(&self, percent: u32, counters: &Counters) -> bool {
        let before = self.stressed.load(Ordering::Relaxed);
        let relief = if before { 80 } else { 100 };
        let now = percent < 100 && self.reaches(u64::from(percent) * relief);
        if now != before && self.stressed.swap(now, Ordering::Relaxed) != now {
            let octets = self.store.staged();
            if now {
                tally(&counters.stress);
                tracing::warn!(octets, "much mail at once: strangers have to be quick");
            } else {
                tracing::info!(octets, "less mail: strangers may take their time again");
            }
        }
        now
    }

    /// Whether so many hundredths of a percent are in use.
    fn reaches(&self, share: u64) -> bool {
        u128::from(self.store.staged()) * 10_000 >= u128::from(self.limit) * u128::from(share)
    }

    fn has_room(&self) -> bool {
        self.store.staged() <= self.limit
    }

    fn release_all(&self) {
        let held = std::mem::take(&mut *self.held.lock());
        self.waiting.fetch_sub(held.len(), Ordering::AcqRel);
        for resume in held {
            resume();
        }
    }
}

impl Share {
    /// Whether the session must pause now; it will hear `Resume` at `place`.
    pub(crate) fn must_hold<P: Protocol>(&mut self, place: &Place<P>) -> bool {
        if self.favoured || self.budget.has_room() {
            return false;
        }
        if !self.budget.favoured.swap(true, Ordering::AcqRel) {
            self.favoured = true;
            return false;
        }
        let place = place.clone();
        self.budget.held.lock().push(Box::new(move || place.send(Note::Resume)));
        self.budget.waiting.fetch_add(1, Ordering::AcqRel);
        // Room may have come, or the favoured one gone, while nobody saw this one wait.
        if self.budget.has_room() || !self.budget.favoured.load(Ordering::Acquire) {
            self.budget.release_all();
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.favoured {
            self.budget.favoured.store(false, Ordering::Release);
            if self.budget.waiting.load(Ordering::Acquire) > 0 {
                self.budget.release_all();
            }
        } else {
            self.budget.release();
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {})", self.store.staged(), self.limit)
    }
}
