//! The octets of bodies that are in flight, of all senders together.
//!
//! Above the limit a sender is held: no more is read from it until some of what is in flight is
//! durable or dropped. One sender at a time goes on regardless, so that not everybody waits for
//! everybody with bodies that are half there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use posthaste_core::machine::Protocol;
use posthaste_core::session::{Note, Place};
use posthaste_store::Store;

/// Shared by all sessions.
pub(crate) struct Budget {
    store: Arc<dyn Store>,
    limit: u64,
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

    /// Whether half of it is spent.
    pub(crate) fn is_strained(&self) -> bool {
        self.store.staged() > self.limit / 2
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
