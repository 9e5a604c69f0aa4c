//! Which sessions an account has, so that they can be ended when it is removed or its password
//! changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use posthaste_core::machine::{Protocol, Reason};
use posthaste_core::session::{Note, Place};
use posthaste_store::AccountId;

/// Sessions by account.
#[derive(Default)]
pub(crate) struct Present {
    sessions: Mutex<HashMap<AccountId, Vec<Entry>, foldhash::fast::RandomState>>,
    next: AtomicU64,
}

struct Entry {
    number: u64,
    close: Box<dyn Fn() + Send>,
}

/// One session of an account, until this is dropped.
pub(crate) struct Presence {
    present: Arc<Present>,
    account: AccountId,
    number: u64,
}

impl Present {
    /// A session of this account begins.
    pub(crate) fn enter<P: Protocol>(
        self: &Arc<Self>,
        account: AccountId,
        place: &Place<P>,
    ) -> Presence {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = place.clone();
        let close = Box::new(move || place.send(Note::Close(Reason::Account)));
        self.sessions.lock().entry(account).or_default().push(Entry { number, close });
        Presence { present: Arc::clone(self), account, number }
    }

    /// Ends all sessions of an account.
    pub(crate) fn close(&self, account: AccountId) {
        let entries = self.sessions.lock().remove(&account).unwrap_or_default();
        for entry in entries {
            (entry.close)();
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut sessions = self.present.sessions.lock();
        let Some(entries) = sessions.get_mut(&self.account) else { return };
        entries.retain(|entry| entry.number != self.number);
        if entries.is_empty() {
            sessions.remove(&self.account);
        }
    }
}

impl fmt::Debug for Present {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Present({} accounts)", self.sessions.lock().len())
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence({})", self.number)
    }
}
