//! Puts committed records into the index: in large groups, without syncs, with a checkpoint now and
//! then, one shard at a time.
//!
//! A shard whose file fails (a full disk, mostly) is healed: shut, opened again at its last
//! checkpoint, and fed from the log. Until then its accounts cannot be read, and nothing is lost.

use super::frame::PACK_HEADER;
use super::index::{Applied, Load};
use super::log::{Scan, Step};
use super::overlay::{Group, shard_of, shard_of_blob};
use super::record::decode_records;
use super::{OpenError, Position, Source};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Applies groups.
pub(crate) struct Applier {
    source: Arc<Source>,
    groups: Receiver<Arc<Group>>,
    applied: Vec<Applied>,
    /// Up to where each shard has everything durably.
    durable: Vec<u64>,
    /// Shards to be healed, with what is still open of them.
    broken: Vec<(usize, Option<Arc<redb::Database>>)>,
    latest: Applied,
    /// Since the last checkpoint; at a start, records that were replayed.
    messages: u64,
    bytes: u64,
}

/// What to wait for.
pub(crate) enum Next {
    /// The queue is empty for good: all is applied and durable.
    Ended,
    /// Something was applied, or nothing was there.
    Again,
}

impl Applier {
    pub(crate) fn new(
        source: Arc<Source>,
        groups: Receiver<Arc<Group>>,
        applied: Vec<Applied>,
        replayed: u64,
    ) -> Self {
        let latest = applied.iter().copied().max_by_key(|a| a.lsn).unwrap_or_default();
        // What the replay just applied is not durable.
        let durable = vec![0; applied.len()];
        let (messages, bytes, broken) = (replayed, 0, Vec::new());
        Self { source, groups, applied, durable, broken, latest, messages, bytes }
    }

    /// The thread's loop.
    pub(crate) fn run(&mut self) {
        if self.messages > 0 {
            // Or a server killed again and again before one is due would replay more each time.
            self.checkpoint();
        }
        let mut checkpointed = Instant::now();
        loop {
            let next = self.wait_and_apply();
            let options = &self.source.options;
            let due = match self.messages {
                n if n >= 1000 => options.checkpoint_wait,
                _ => options.checkpoint_quiet,
            };
            if self.messages >= options.checkpoint_messages
                || self.bytes >= options.checkpoint_bytes
                || (self.is_dirty() && checkpointed.elapsed() >= due)
            {
                self.checkpoint();
                checkpointed = Instant::now();
            }
            if let Next::Ended = next {
                self.checkpoint();
                return;
            }
        }
    }

    /// Gathers a group for a while, and applies it.
    fn wait_and_apply(&mut self) -> Next {
        let options = &self.source.options;
        let (mut list, mut messages, mut ended) = (Vec::new(), 0, false);
        let mut end = Instant::now() + options.group_wait;
        let mut first = !self.is_dirty() && self.broken.is_empty();
        while messages < options.group_messages {
            // With nothing to do there is nothing to wake up for.
            let received = match first {
                true => self.groups.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.groups.recv_deadline(end),
            };
            if std::mem::take(&mut first) {
                end = Instant::now() + options.group_wait;
            }
            match received {
                Ok(group) => {
                    messages += group.messages;
                    list.push(group);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    ended = true;
                    break;
                }
            }
        }
        self.apply(&list);
        // Tried again with every group. What is still broken at the end is replayed at the next start.
        self.heal();
        if ended && list.is_empty() { Next::Ended } else { Next::Again }
    }

    /// Applies what is queued now.
    pub(crate) fn step(&mut self) {
        let list: Vec<_> = self.groups.try_iter().collect();
        self.apply(&list);
        self.heal();
    }

    fn apply(&mut self, groups: &[Arc<Group>]) {
        let Some(last) = groups.last() else { return };
        self.latest = Applied { lsn: last.lsn, next: last.next };
        let loads = loads(groups, self.applied.len());
        for (shard, load) in loads.iter().enumerate() {
            if load.records.is_empty() && load.blobs.is_empty() {
                continue;
            }
            if self.is_broken(shard) {
                continue;
            }
            match self.source.shards[shard].apply(self.latest, load, false) {
                Ok(()) => {
                    self.applied[shard] = self.latest;
                    self.source.overlay.remove(shard, self.latest.lsn);
                }
                Err(error) => self.fail(shard, &error),
            }
        }
        for group in groups {
            self.messages += group.messages;
            self.bytes += group.weight;
            self.source.waiting.fetch_sub(group.weight, Ordering::Relaxed);
        }
    }

    fn is_broken(&self, shard: usize) -> bool {
        self.broken.iter().any(|(broken, _)| *broken == shard)
    }

    /// Whether something is not durable yet.
    fn is_dirty(&self) -> bool {
        self.durable.iter().any(|lsn| *lsn < self.latest.lsn)
    }

    /// Makes the index durable, shard after shard.
    pub(crate) fn checkpoint(&mut self) {
        for shard in 0..self.applied.len() {
            if self.is_broken(shard) || self.durable[shard] >= self.latest.lsn {
                continue;
            }
            match self.source.shards[shard].apply(self.latest, &Load::default(), true) {
                Ok(()) => {
                    self.applied[shard] = self.latest;
                    self.durable[shard] = self.latest.lsn;
                    self.source.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => self.fail(shard, &error),
            }
        }
        (self.messages, self.bytes) = (0, 0);
    }

    fn fail(&mut self, shard: usize, error: &redb::Error) {
        tracing::error!(shard, %error, "a shard of the index failed; it is opened again");
        // Often the reason is a full disk, and then nothing may be added until there is room.
        if let redb::Error::Io(error) = error
            && crate::disk::is_full(error)
        {
            self.source.now_full();
        }
        self.broken.push((shard, None));
    }

    /// Tries to bring broken shards back.
    fn heal(&mut self) {
        let broken = std::mem::take(&mut self.broken);
        for (shard, mut closing) in broken {
            match self.heal_one(shard, &mut closing) {
                Ok(true) => tracing::info!(shard, "a shard of the index works again"),
                Ok(false) => self.broken.push((shard, closing)),
                Err(error) => {
                    tracing::warn!(shard, %error, "a shard of the index still fails");
                    self.broken.push((shard, None));
                }
            }
        }
    }

    fn heal_one(
        &mut self,
        shard: usize,
        closing: &mut Option<Arc<redb::Database>>,
    ) -> Result<bool, OpenError> {
        let source = Arc::clone(&self.source);
        if !source.shards[shard].shut(closing) {
            return Ok(false);
        }
        let opened = source.shards[shard].reopened(&*source.disk)?;
        let mut applied = opened.applied()?;
        let packs = source.packs.read().clone();
        if applied.lsn == 0 {
            let pack = packs.keys().next().copied().unwrap_or(1);
            applied.next = Position { pack, offset: PACK_HEADER as u64 };
        }
        let mut scan = Scan::new(&packs, source.mark, applied.next, applied.lsn + 1);
        while scan.lsn() <= self.latest.lsn {
            let Step::Batch(batch) = scan.step(false)? else {
                return Err(OpenError::Index("the log could not be read again".into()));
            };
            let records = decode_records(&batch.records)
                .map_err(|_| OpenError::Index("records do not decode".into()))?;
            let group = Arc::new(Group {
                lsn: batch.header.lsn,
                next: batch.next,
                records,
                blobs: batch.blobs,
                weight: 0,
                messages: 0,
            });
            let applied = Applied { lsn: group.lsn, next: group.next };
            let loads = loads(std::slice::from_ref(&group), self.applied.len());
            opened.apply(applied, &loads[shard], false)?;
        }
        source.shards[shard].replace(opened);
        self.applied[shard] = self.latest;
        self.durable[shard] = 0;
        source.overlay.remove(shard, self.latest.lsn);
        Ok(true)
    }
}

/// Sorts records and blobs by shard.
fn loads(groups: &[Arc<Group>], shards: usize) -> Vec<Load<'_>> {
    let mut loads: Vec<Load<'_>> = (0..shards).map(|_| Load::default()).collect();
    for group in groups {
        for record in &group.records {
            loads[shard_of(record.account(), shards)].records.push((group.lsn, record));
        }
        for (id, place) in &group.blobs {
            loads[shard_of_blob(id, shards)].blobs.push((*id, *place));
        }
    }
    loads
}

/// At a start: applies groups to all shards that do not have them.
pub(crate) fn replay_into(
    source: &Source,
    groups: &[Arc<Group>],
    applied: &mut [Applied],
    durable: bool,
) -> Result<(), OpenError> {
    let Some(last) = groups.last() else { return Ok(()) };
    let latest = Applied { lsn: last.lsn, next: last.next };
    let shards = applied.len();
    let mut loads: Vec<Load<'_>> = (0..shards).map(|_| Load::default()).collect();
    for group in groups {
        for record in &group.records {
            let shard = shard_of(record.account(), shards);
            if applied[shard].lsn < group.lsn {
                loads[shard].records.push((group.lsn, record));
            }
        }
        for (id, place) in &group.blobs {
            let shard = shard_of_blob(id, shards);
            if applied[shard].lsn < group.lsn {
                loads[shard].blobs.push((*id, *place));
            }
        }
    }
    for (shard, load) in loads.iter().enumerate() {
        if applied[shard].lsn < latest.lsn {
            source.shards[shard].apply(latest, load, durable)?;
            applied[shard] = latest;
        }
    }
    Ok(())
}
