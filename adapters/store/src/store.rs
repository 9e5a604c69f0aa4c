//! The boundary: what every engine offers.

use crate::id::{AccountId, BlobId, ModSeq};
use crate::mutation::Batch;
use crate::outcome::Completion;
use crate::staging::Staging;
use crate::view::{Account, Fault, View};
use bytes::Bytes;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store of mail. All of it may be called from any thread.
pub trait Store: Send + Sync {
    /// Hands in a batch and returns at once (a little later when the store falls behind: that is the
    /// back-pressure). `done` is called exactly once, when the batch is durable or was refused. A
    /// batch handed in later by the same thread happens later.
    fn submit(&self, batch: Batch, done: Completion);

    /// Has `flush` called after the completions of every round (the batches that one sync made
    /// durable): the moment to wake whoever the completions were for, once each. One hook a store;
    /// a later one replaces it.
    fn on_round(&self, flush: Arc<dyn Fn() + Send + Sync>);

    /// An account as it stands now, `None` if there is none.
    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault>;

    /// All accounts, by number.
    fn accounts(&self) -> Result<Vec<Account>, Fault>;

    /// A named value; [`AccountId::SERVER`] owns those of no account.
    fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault>;

    /// Begins a body of about `expected` octets (0: unknown).
    fn staging(&self, expected: u64) -> Staging;

    /// Octets of staged bodies in memory, not yet durable. The caller keeps them below its budget by
    /// not reading from senders.
    fn staged(&self) -> u64;

    /// Octets of a body; a range past its end is cut. May touch the disk.
    fn read(&self, blob: &BlobId, range: Range<u64>) -> Result<Bytes, Fault>;

    /// Tells `watcher` of every change of the account until the watch is dropped.
    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch;
}

/// Is told of an account's changes.
pub trait Watcher: Send + Sync {
    /// The account is at `modseq` now. Called on the committer's thread after the completions of the
    /// round and before its flush: as cheap as they are. Rounds are not missed, but one call may
    /// stand for several mutations.
    fn changed(&self, account: AccountId, modseq: ModSeq);
}

/// A running watch.
pub struct Watch {
    pub(crate) modseq: Arc<AtomicU64>,
    pub(crate) end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Watch {
    /// The account's latest change, without asking the store.
    pub fn modseq(&self) -> ModSeq {
        ModSeq(self.modseq.load(Ordering::Acquire))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.modseq())
    }
}
