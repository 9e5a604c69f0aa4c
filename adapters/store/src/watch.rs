//! Who watches which account.

use crate::id::{AccountId, ModSeq};
use crate::store::{Watch, Watcher};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The watches of a store.
#[derive(Default)]
pub(crate) struct Watches {
    accounts: Mutex<HashMap<AccountId, Watched, foldhash::fast::RandomState>>,
}

struct Watched {
    /// The latest change that answers may already tell of.
    modseq: Arc<AtomicU64>,
    /// The latest change that the watchers were told of.
    told: ModSeq,
    next: u64,
    watchers: Vec<(u64, Arc<dyn Watcher>)>,
}

impl Watches {
    /// Adds a watcher of an account that is at `now`.
    pub(crate) fn watch(
        self: &Arc<Self>,
        account: AccountId,
        now: ModSeq,
        watcher: Arc<dyn Watcher>,
    ) -> Watch {
        let mut accounts = self.accounts.lock();
        let watched = accounts.entry(account).or_insert_with(|| Watched {
            modseq: Arc::new(AtomicU64::new(now.0)),
            told: now,
            next: 0,
            watchers: Vec::new(),
        });
        watched.modseq.fetch_max(now.0, Ordering::AcqRel);
        let key = watched.next;
        watched.next += 1;
        watched.watchers.push((key, watcher));
        let modseq = Arc::clone(&watched.modseq);
        let watches = Arc::clone(self);
        Watch { modseq, end: Some(Box::new(move || watches.end(account, key))) }
    }

    /// Lets every [`Watch`] know of changes, and tells no watcher yet: before the completions are
    /// called. Who hears of a change by its answer must not find another session's watch behind it.
    pub(crate) fn raise(&self, changed: &[(AccountId, ModSeq)]) {
        let accounts = self.accounts.lock();
        for (account, modseq) in changed {
            if let Some(watched) = accounts.get(account) {
                watched.modseq.fetch_max(modseq.0, Ordering::AcqRel);
            }
        }
    }

    /// Tells the watchers of an account.
    pub(crate) fn changed(&self, account: AccountId, modseq: ModSeq) {
        // A watcher may end its own watch while it is told, so the lock is not held then.
        let watchers = match self.accounts.lock().get_mut(&account) {
            Some(watched) if watched.told < modseq => {
                watched.told = modseq;
                watched.watchers.iter().map(|(_, w)| Arc::clone(w)).collect::<Vec<_>>()
            }
            _ => return,
        };
        for watcher in watchers {
            watcher.changed(account, modseq);
        }
    }

    fn end(&self, account: AccountId, key: u64) {
        let mut accounts = self.accounts.lock();
        if let Some(watched) = accounts.get_mut(&account) {
            watched.watchers.retain(|(k, _)| *k != key);
            if watched.watchers.is_empty() {
                accounts.remove(&account);
            }
        }
    }
}
