//! The two ways to run the engine: [`Engine`] with its threads, [`Inline`] step by step.

use super::applier::Applier;
use super::committer::{Committer, Submitted};
use super::open::{OpenError, Opened, open};
use super::{Counters, Options, Source, spill};
use crate::disk::{Disk, is_full};
use crate::id::{AccountId, BlobId, ModSeq};
use crate::mutation::{Batch, Mutation};
use crate::outcome::{Completion, Refusal};
use crate::staging::Staging;
use crate::store::{Store, Watch, Watcher};
use crate::view::{Account, Fault, View};
use crate::watch::Watches;
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Starts a named thread.
pub type Spawn = Arc<dyn Fn(&str, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync>;

/// How often it is tried whether a full disk has room again.
const REGAIN: Duration = Duration::from_secs(1);

/// The embedded engine with its threads: one commits, one applies, one syncs long bodies. Dropping
/// it waits until everything queued is done and the index is durable.
pub struct Engine {
    front: Front,
    /// Ends when the last thread has.
    ended: Option<Receiver<()>>,
}

impl Engine {
    /// Opens the store of a folder, making it if there is none, with threads of the system.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        let spawn: Spawn = Arc::new(|name, work| {
            std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
        });
        Self::open_with(disk, options, &spawn)
    }

    /// Opens the store of a folder with threads made by `spawn`.
    pub fn open_with(
        disk: Arc<dyn Disk>,
        options: Options,
        spawn: &Spawn,
    ) -> Result<Self, OpenError> {
        let Opened { committer, mut applier, source, lock } = open(disk, options)?;
        let (queue, queued) = crossbeam_channel::unbounded();
        let (spool, spooled) = crossbeam_channel::unbounded::<Submitted>();
        let mut front = Front::new(source, queue.clone());
        front.spool = Some(spool);
        let (alive, ended) = crossbeam_channel::bounded::<()>(0);
        let start = |name, work: Box<dyn FnOnce() + Send>| {
            let alive = alive.clone();
            spawn(
                name,
                Box::new(move || {
                    work();
                    drop(alive);
                }),
            )
        };
        let ring = Arc::clone(&front.ring);
        // The applier outlives the committer, and the folder is locked until it has ended.
        start(
            "store-apply",
            Box::new(move || {
                applier.run();
                drop(applier);
                drop(lock);
            }),
        )?;
        start("store-commit", Box::new(move || commit(committer, &queued, &ring)))?;
        start(
            "store-spool",
            Box::new(move || {
                for submitted in spooled {
                    forward(submitted, &queue);
                }
            }),
        )?;
        Ok(Self { front, ended: Some(ended) })
    }

    /// What it did so far.
    pub fn counters(&self) -> &Counters {
        &self.front.source.counters
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Without senders the threads run dry, one after another.
        self.front.spool = None;
        self.front.queue = crossbeam_channel::unbounded().0;
        if let Some(ended) = self.ended.take() {
            let _ = ended.recv();
        }
    }
}

/// The committer's loop.
fn commit(mut committer: Committer, queue: &Receiver<Submitted>, ring: &Ring) {
    let options = committer.options().clone();
    let mut batches = Vec::new();
    let mut regained = Instant::now();
    loop {
        let first = match (committer.wants_mark(), committer.is_full()) {
            (true, _) => queue.recv_timeout(options.mark_wait),
            (false, true) => queue.recv_timeout(REGAIN),
            (false, false) => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(submitted) => {
                let mut weight = submitted.weight();
                batches.push(submitted);
                while batches.len() < options.round_batches && weight < options.round_bytes {
                    match queue.try_recv() {
                        Ok(submitted) => {
                            weight += submitted.weight();
                            batches.push(submitted);
                        }
                        Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                    }
                }
                let pause = committer.pause();
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
                let changed = committer.round(&mut batches, &ring.watches);
                ring.ring(changed);
            }
            Err(RecvTimeoutError::Timeout) => committer.mark(),
            Err(RecvTimeoutError::Disconnected) => break committer.mark(),
        }
        if committer.is_full() && regained.elapsed() >= REGAIN {
            committer.regain();
            if !committer.is_full() {
                tracing::info!("the disk has room again");
            }
            regained = Instant::now();
        }
    }
}

/// Makes the long bodies of a batch durable, then hands it to the committer.
fn forward(submitted: Submitted, queue: &Sender<Submitted>) {
    let kept = long_bodies(&submitted.batch).try_for_each(crate::staging::Body::keep);
    match kept {
        Ok(()) => {
            if let Err(unsent) = queue.send(submitted) {
                unsent.0.refuse(Refusal::Unavailable);
            }
        }
        Err(error) => {
            tracing::error!(%error, "a long body cannot be kept");
            submitted.refuse(if is_full(&error) { Refusal::Full } else { Refusal::Unavailable });
        }
    }
}

fn long_bodies(batch: &Batch) -> impl Iterator<Item = &crate::staging::Body> {
    let bodies = batch.mutations.iter().flat_map(|mutation| {
        let (one, many) = match mutation {
            Mutation::Deliver { message, .. } => (Some(&message.body), None),
            Mutation::Append { messages, .. } => (None, Some(messages)),
            _ => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(message, _)| &message.body))
    });
    bodies.filter(|body| body.pieces().is_none())
}

/// The embedded engine without threads, for simulators and tests: nothing happens but in
/// [`Inline::step`] and its siblings, in the order of the calls.
pub struct Inline {
    front: Front,
    inner: Mutex<Inner>,
    _lock: Box<dyn Send + Sync>,
}

struct Inner {
    committer: Committer,
    applier: Applier,
    queue: Receiver<Submitted>,
}

impl Inline {
    /// Opens the store of a folder, making it if there is none.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        let Opened { committer, applier, source, lock } = open(disk, options)?;
        let (sender, queue) = crossbeam_channel::unbounded();
        let front = Front::new(source, sender);
        let inner = Mutex::new(Inner { committer, applier, queue });
        Ok(Self { front, inner, _lock: lock })
    }

    /// Commits everything queued as one round, and calls the completions. How many batches.
    pub fn step(&self) -> usize {
        let (changed, count) = {
            let inner = &mut *self.inner.lock();
            let mut batches: Vec<_> = inner.queue.try_iter().collect();
            let count = batches.len();
            if count == 0 {
                return 0;
            }
            (inner.committer.round(&mut batches, &self.front.ring.watches), count)
        };
        self.front.ring.ring(changed);
        count
    }

    /// Puts everything committed into the index.
    pub fn apply(&self) {
        self.inner.lock().applier.step();
    }

    /// Makes the index durable.
    pub fn checkpoint(&self) {
        self.inner.lock().applier.checkpoint();
    }

    /// Does what the engine does when idle: a mark in the log, and a look whether a full disk has
    /// room again.
    pub fn idle(&self) {
        let inner = &mut *self.inner.lock();
        inner.committer.mark();
        inner.committer.regain();
    }

    /// What it did so far.
    pub fn counters(&self) -> &Counters {
        &self.front.source.counters
    }
}

/// Whom to tell after a round.
#[derive(Default)]
struct Ring {
    watches: Arc<Watches>,
    flush: RwLock<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Ring {
    fn ring(&self, changed: Vec<(AccountId, ModSeq)>) {
        for (account, modseq) in changed {
            self.watches.changed(account, modseq);
        }
        let flush = self.flush.read().clone();
        if let Some(flush) = flush {
            flush();
        }
    }
}

/// What both have in common: everything that callers see.
struct Front {
    source: Arc<Source>,
    queue: Sender<Submitted>,
    /// Where batches with long bodies go first; without it they are synced by whoever submits.
    spool: Option<Sender<Submitted>>,
    staged: Arc<AtomicU64>,
    serial: AtomicU64,
    ring: Arc<Ring>,
}

impl Front {
    fn new(source: Arc<Source>, queue: Sender<Submitted>) -> Self {
        Self {
            source,
            queue,
            spool: None,
            staged: Arc::default(),
            serial: AtomicU64::new(1),
            ring: Arc::default(),
        }
    }

    fn submit(&self, batch: Batch, done: Completion) {
        let long = long_bodies(&batch).next().is_some();
        let submitted = Submitted { batch, done };
        match &self.spool {
            _ if !long => {
                if let Err(unsent) = self.queue.send(submitted) {
                    unsent.0.refuse(Refusal::Unavailable);
                }
            }
            None => forward(submitted, &self.queue),
            Some(spool) => {
                if let Err(unsent) = spool.send(submitted) {
                    unsent.0.refuse(Refusal::Unavailable);
                }
            }
        }
    }

    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
        if account == AccountId::SERVER {
            return Ok(None);
        }
        let snapshot = self.source.snapshot(account)?;
        let view = super::snapshot::EmbeddedView::new(snapshot)?;
        Ok(view.map(|view| Box::new(view) as Box<dyn View>))
    }

    fn accounts(&self) -> Result<Vec<Account>, Fault> {
        let mut ids: BTreeSet<_> = self.source.overlay.account_ids().into_iter().collect();
        for shard in &self.source.shards {
            ids.extend(shard.read()?.accounts()?);
        }
        ids.remove(&AccountId::SERVER);
        let mut accounts = Vec::with_capacity(ids.len());
        for id in ids {
            let snapshot = self.source.snapshot(id)?;
            accounts.extend(snapshot.frame()?.map(|frame| snapshot.account(&frame)));
        }
        Ok(accounts)
    }

    fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
        self.source.snapshot(account)?.setting(name)
    }

    fn staging(&self, expected: u64) -> Staging {
        let source = &self.source;
        let spill = spill::spill(&source.disk, source.options.spill, &self.serial);
        Staging::new(expected, &self.staged, Some(spill))
    }

    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
        // Watching first and looking after cannot miss a change.
        let watch = self.ring.watches.watch(account, ModSeq(0), watcher);
        if let Ok(Some(view)) = self.view(account) {
            watch.modseq.fetch_max(view.account().modseq.0, Ordering::AcqRel);
        }
        watch
    }
}

macro_rules! store_by_front {
    ($($engine:ty),*) => {$(
        impl Store for $engine {
            fn submit(&self, batch: Batch, done: Completion) {
                self.front.submit(batch, done);
            }
            fn on_round(&self, flush: Arc<dyn Fn() + Send + Sync>) {
                *self.front.ring.flush.write() = Some(flush);
            }
            fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
                self.front.view(account)
            }
            fn accounts(&self) -> Result<Vec<Account>, Fault> {
                self.front.accounts()
            }
            fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
                self.front.setting(account, name)
            }
            fn staging(&self, expected: u64) -> Staging {
                self.front.staging(expected)
            }
            fn staged(&self) -> u64 {
                self.front.staged.load(Ordering::Relaxed)
            }
            fn read(&self, blob: &BlobId, range: Range<u64>) -> Result<Bytes, Fault> {
                self.front.source.read(blob, range)
            }
            fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
                self.front.watch(account, watcher)
            }
        }

        impl fmt::Debug for $engine {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($engine), "({:?})"), self.front.source.disk)
            }
        }
    )*};
}

store_by_front!(Engine, Inline);
