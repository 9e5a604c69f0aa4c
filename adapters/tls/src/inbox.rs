//! Where notes for the sessions of one thread are left, and what makes the sessions.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use posthaste_core::gate::Arrival;
use posthaste_core::machine::Protocol;
use posthaste_core::session::{self, Note, Session};

/// Makes the session of each connection. One factory serves any adapter.
pub trait Factory: Send + Sync + 'static {
    /// What it makes: one machine with its handler, an enum of several, or a box.
    type Session: Session;

    /// The session for a connection that was admitted. It can be reached at `inbox` by `key`:
    /// `Place::new(inbox.clone(), key)`.
    fn make(&self, arrival: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session;
}

/// The inbox for what a factory makes.
pub type InboxOf<F> = Inbox<<<F as Factory>::Session as Session>::Note>;

/// Notes of type `N` for the sessions of one thread. Serves every protocol whose notes become an `N`.
///
/// Posting pushes to a list that the thread takes whole, so in the steady state a note allocates
/// nothing. The thread is woken only if it sleeps, and by the first ring only.
pub struct Inbox<N> {
    notes: Mutex<Vec<(u64, N)>>,
    /// The thread runs, and will look at the notes before it sleeps.
    awake: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<N> Inbox<N> {
    /// An empty inbox whose thread is woken by `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { notes: Mutex::new(Vec::new()), awake: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// Leaves a note for the session `key`, and wakes nobody.
    pub fn post(&self, key: u64, note: N) {
        self.lock().push((key, note));
    }

    /// Wakes the thread if it sleeps.
    pub fn ring(&self) {
        if !self.awake.swap(true, Ordering::SeqCst) {
            (self.wake)();
        }
    }

    /// Takes all notes. `into` must be empty, and its room is used for the next ones.
    pub fn take(&self, into: &mut Vec<(u64, N)>) {
        debug_assert!(into.is_empty());
        mem::swap(&mut *self.lock(), into);
    }

    /// Says that the thread wants to sleep. If this returns `false`, there are notes, and it must not.
    ///
    /// The flag falls before the look: a note that is posted after the look is rung for, and that ring
    /// finds the flag down.
    #[must_use]
    pub fn doze(&self) -> bool {
        self.awake.store(false, Ordering::SeqCst);
        if self.lock().is_empty() {
            return true;
        }
        self.rouse();
        false
    }

    /// Says that the thread runs again.
    pub fn rouse(&self) {
        self.awake.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, N)>> {
        // A push that panicked left the list whole.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Protocol, N: From<Note<P>> + Send> session::Inbox<P> for Inbox<N> {
    fn post(&self, key: u64, note: Note<P>) {
        Self::post(self, key, note.into());
    }

    fn ring(&self) {
        Self::ring(self);
    }
}

impl<N> fmt::Debug for Inbox<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("awake", &self.awake).finish_non_exhaustive()
    }
}
