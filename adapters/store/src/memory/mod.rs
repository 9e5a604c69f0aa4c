//! The memory model: every mutation done in the most obvious way on maps, nothing kept. It is the
//! oracle that the real engines are tested against, and a store for tests of everything above.
//!
//! `mod.rs` is the [`Store`]; `model.rs` is what mutations mean; `view.rs` reads.

mod model;
mod view;

use crate::id::{AccountId, BatchId, BlobId, ModSeq};
use crate::mutation::{Batch, REMEMBERED_BATCHES};
use crate::outcome::{Completion, Outcomes};
use crate::staging::{Data, Staging};
use crate::store::{Store, Watch, Watcher};
use crate::view::{Account, Fault, View};
use crate::watch::Watches;
use bytes::{Bytes, BytesMut};
use model::Model;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A [`Store`] in memory. Batches are done, and their completions called, inside `submit`.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
    staged: Arc<AtomicU64>,
    watches: Arc<Watches>,
    flush: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

#[derive(Default)]
struct State {
    model: Model,
    blobs: HashMap<BlobId, Bytes>,
    remembered: VecDeque<(BatchId, Outcomes)>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn apply(&self, batch: &Batch) -> (Outcomes, Vec<(AccountId, ModSeq)>) {
        let state = &mut *self.state.lock();
        if let Some(id) = batch.id
            && let Some((_, before)) = state.remembered.iter().find(|(known, _)| *known == id)
        {
            return (before.clone(), Vec::new());
        }
        let mut next = state.model.clone();
        let mut bodies = Vec::new();
        let (outcomes, whole) = next.run(batch, &mut bodies);
        let mut changed = Vec::new();
        if whole {
            for (id, account) in &next.accounts {
                let before = state.model.accounts.get(id).map(|a| a.info.modseq);
                if before != Some(account.info.modseq) {
                    changed.push((*id, account.info.modseq));
                }
            }
            state.model = next;
            for body in bodies {
                if let Data::Memory(pieces) = &body.0.data {
                    state.blobs.entry(body.id()).or_insert_with(|| {
                        let mut all = BytesMut::new();
                        pieces.iter().for_each(|piece| all.extend_from_slice(piece));
                        all.freeze()
                    });
                }
            }
            if let Some(id) = batch.id {
                if state.remembered.len() == REMEMBERED_BATCHES {
                    state.remembered.pop_front();
                }
                state.remembered.push_back((id, outcomes.clone()));
            }
        }
        (outcomes, changed)
    }
}

impl Store for Memory {
    fn submit(&self, batch: Batch, done: Completion) {
        let (outcomes, changed) = self.apply(&batch);
        drop(batch);
        self.watches.raise(&changed);
        done(outcomes);
        for (account, modseq) in changed {
            self.watches.changed(account, modseq);
        }
        let flush = self.flush.lock().clone();
        if let Some(flush) = flush {
            flush();
        }
    }

    fn on_round(&self, flush: Arc<dyn Fn() + Send + Sync>) {
        *self.flush.lock() = Some(flush);
    }

    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
        let account = self.state.lock().model.accounts.get(&account).cloned();
        Ok(account.map(|account| Box::new(view::MemoryView(account)) as Box<dyn View>))
    }

    fn accounts(&self) -> Result<Vec<Account>, Fault> {
        Ok(self.state.lock().model.accounts.values().map(|a| a.info.clone()).collect())
    }

    fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
        let state = self.state.lock();
        if account == AccountId::SERVER {
            return Ok(state.model.settings.get(name).cloned());
        }
        Ok(state.model.accounts.get(&account).and_then(|a| a.settings.get(name).cloned()))
    }

    fn staging(&self, expected: u64) -> Staging {
        Staging::new(expected, &self.staged, None)
    }

    fn staged(&self) -> u64 {
        self.staged.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn read(&self, blob: &BlobId, range: Range<u64>) -> Result<Bytes, Fault> {
        let body = self.state.lock().blobs.get(blob).cloned().ok_or(Fault::Missing)?;
        let end = range.end.min(body.len() as u64);
        let start = range.start.min(end);
        Ok(body.slice(start as usize..end as usize))
    }

    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
        let state = self.state.lock();
        let modseq = state.model.accounts.get(&account).map(|a| a.info.modseq).unwrap_or_default();
        self.watches.watch(account, modseq, watcher)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} accounts)", self.state.lock().model.accounts.len())
    }
}
