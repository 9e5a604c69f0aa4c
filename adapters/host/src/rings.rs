//! Who must be woken after a round of the store: each reactor once, however many of its sessions
//! were answered.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::machine::{Protocol, Question};
use posthaste_core::session::{Place, Responder};

/// Rings that are due.
#[derive(Default)]
pub(crate) struct Rings {
    due: Mutex<Vec<Due>>,
}

struct Due {
    /// The inbox, by its address. It stays alive in `ring`.
    inbox: usize,
    ring: Box<dyn FnOnce() + Send>,
}

impl Rings {
    /// Answers, and leaves the waking to the end of the round.
    pub(crate) fn answer<Q: Question>(&self, responder: Responder<Q>, answer: Q::Answer) {
        let place = responder.post(answer);
        self.due(place);
    }

    /// The reactor of this place wants to be woken at the end of the round.
    pub(crate) fn due<P: Protocol>(&self, place: Place<P>) {
        let inbox = Arc::as_ptr(place.inbox()).cast::<()>() as usize;
        let mut due = self.due.lock();
        if due.iter().all(|due| due.inbox != inbox) {
            due.push(Due { inbox, ring: Box::new(move || place.ring()) });
        }
    }

    /// The round is over.
    pub(crate) fn ring(&self) {
        let due = std::mem::take(&mut *self.due.lock());
        for due in due {
            (due.ring)();
        }
    }
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rings({} due)", self.due.lock().len())
    }
}
