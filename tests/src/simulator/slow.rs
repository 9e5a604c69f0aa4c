//! A store whose disk takes its time, and sometimes fails.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use posthaste_store::{
    Account, AccountId, Batch, BlobId, Completion, Fault, Outcome, Refusal, Staging, Store, View,
    Watch, Watcher,
};

use super::random::Random;
use super::world::Timed;

/// What waits for the disk, by the time it is done.
type Waiting = BTreeMap<(u64, u64), (Batch, Completion)>;
type Flush = Arc<dyn Fn() + Send + Sync>;

/// Batches reach the store behind it some time after they were handed in, in order; a few never do and
/// are refused.
pub struct Slow<S> {
    inner: S,
    now: AtomicU64,
    waiting: Mutex<(Waiting, Random, u64)>,
    flush: Mutex<Option<Flush>>,
    /// Longest wait, in microseconds.
    wait: u64,
    /// Batches of a thousand that fail.
    fails: u64,
}

impl<S: Store> Slow<S> {
    /// In front of `inner`.
    pub fn new(inner: S, seed: u64, wait: u64, fails: u64) -> Self {
        Self {
            inner,
            now: AtomicU64::new(0),
            waiting: Mutex::new((Waiting::new(), Random::new(seed), 0)),
            flush: Mutex::new(None),
            wait,
            fails,
        }
    }

    /// Whether everything handed in was done at once until now: before the world begins.
    fn is_begun(&self) -> bool {
        self.now.load(Ordering::Relaxed) > 0
    }
}

impl<S: Store> Timed for Slow<S> {
    fn next(&self) -> Option<u64> {
        self.waiting.lock().0.keys().next().map(|(due, _)| *due)
    }

    fn fire(&self, now: u64) {
        self.now.store(now.max(1), Ordering::Relaxed);
        loop {
            let mut waiting = self.waiting.lock();
            if waiting.0.keys().next().is_none_or(|(due, _)| *due > now) {
                break;
            }
            let Some((_, (batch, done))) = waiting.0.pop_first() else { break };
            let fails = waiting.1.chance(self.fails);
            drop(waiting);
            if fails {
                let refused = Outcome::Refused(Refusal::Unavailable);
                done(batch.mutations.iter().map(|_| refused.clone()).collect());
            } else {
                self.inner.submit(batch, done);
            }
        }
        let flush = self.flush.lock().clone();
        if let Some(flush) = flush {
            flush();
        }
    }
}

impl<S: Store> Store for Slow<S> {
    fn submit(&self, batch: Batch, done: Completion) {
        if !self.is_begun() {
            return self.inner.submit(batch, done);
        }
        let mut waiting = self.waiting.lock();
        let (queue, random, serial) = &mut *waiting;
        let wait = random.below(self.wait + 1);
        // Not before what was handed in earlier.
        let last = queue.keys().next_back().map_or(0, |(due, _)| *due);
        *serial += 1;
        queue.insert(((self.now.load(Ordering::Relaxed) + wait).max(last), *serial), (batch, done));
    }

    fn on_round(&self, flush: Flush) {
        *self.flush.lock() = Some(Arc::clone(&flush));
        self.inner.on_round(flush);
    }

    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
        self.inner.view(account)
    }

    fn accounts(&self) -> Result<Vec<Account>, Fault> {
        self.inner.accounts()
    }

    fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
        self.inner.setting(account, name)
    }

    fn staging(&self, expected: u64) -> Staging {
        self.inner.staging(expected)
    }

    fn staged(&self) -> u64 {
        self.inner.staged()
    }

    fn read(&self, blob: &BlobId, range: Range<u64>) -> Result<Bytes, Fault> {
        self.inner.read(blob, range)
    }

    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
        self.inner.watch(account, watcher)
    }
}
