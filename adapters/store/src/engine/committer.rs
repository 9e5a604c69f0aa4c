//! Group commit: everything queued becomes one batch of the log, one write and one sync; then it is
//! shown to readers, handed to the applier, and completed. While one batch syncs the next gathers.

use super::frame::PACK_HEADER;
use super::log::{AppendError, Parts, Writer, create_pack};
use super::overlay::Group;
use super::record::Encoder;
use super::resolve::{Resolver, Round};
use super::{Place, Position, Source};
use crate::disk::{File, is_full};
use crate::id::{AccountId, BlobId, ModSeq};
use crate::mutation::Batch;
use crate::outcome::{Completion, Outcome, Outcomes, Refusal};
use crate::watch::Watches;
use crossbeam_channel::Sender;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A batch on its way, and whom to tell.
pub(crate) struct Submitted {
    pub(crate) batch: Batch,
    pub(crate) done: Completion,
}

impl Submitted {
    /// Octets of the bodies it brings.
    pub(crate) fn weight(&self) -> u64 {
        use crate::mutation::Mutation;
        let weight = |mutation: &Mutation| match mutation {
            Mutation::Deliver { message, .. } => message.body.len(),
            Mutation::Append { messages, .. } => messages.iter().map(|(m, _)| m.body.len()).sum(),
            _ => 0,
        };
        self.batch.mutations.iter().map(weight).sum()
    }

    /// Completes it without having done anything.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let outcomes = self.batch.mutations.iter().map(|_| Outcome::Refused(refusal)).collect();
        drop(self.batch);
        (self.done)(outcomes);
    }
}

/// Commits rounds.
pub(crate) struct Committer {
    source: Arc<Source>,
    writer: Writer,
    resolver: Resolver,
    groups: Sender<Arc<Group>>,
    /// The next pack, made ahead of need.
    spare: Option<Arc<dyn File>>,
    /// The log's last batch is a mark.
    marked: bool,
    /// Writing failed for good.
    read_only: bool,
    encoded: Vec<u8>,
}

/// How often a round is written again, each time through a new descriptor, before the store goes
/// read-only.
const TRIES: usize = 3;

/// Longest pause a round makes when the index is behind.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The LSN a batch got, and where its blobs are.
type Written = (u64, Vec<(BlobId, Place)>);

/// Why a round did not happen.
enum Failed {
    Full,
    Broken,
}

impl Committer {
    pub(crate) fn new(
        source: Arc<Source>,
        writer: Writer,
        resolver: Resolver,
        groups: Sender<Arc<Group>>,
    ) -> Self {
        let encoded = Vec::new();
        let mut committer = Self {
            source,
            writer,
            resolver,
            groups,
            spare: None,
            marked: true,
            read_only: false,
            encoded,
        };
        // Sets the reserve aside, or finds out that there is no room for it.
        committer.source.full.store(true, Ordering::Relaxed);
        committer.regain();
        committer
    }

    /// Does one round. Completions are called for all of `batches`; the result says which accounts
    /// changed.
    pub(crate) fn round(
        &mut self,
        batches: &mut Vec<Submitted>,
        watches: &Watches,
    ) -> Vec<(AccountId, ModSeq)> {
        if self.read_only {
            batches.drain(..).for_each(|submitted| submitted.refuse(Refusal::ReadOnly));
            return Vec::new();
        }
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut changed = Vec::new();
        for last_try in [false, true] {
            outcomes.clear();
            let full = self.source.full.load(Ordering::Relaxed);
            let mut round = self.resolver.begin();
            for submitted in batches.iter() {
                let source = &self.source;
                outcomes.push(self.resolver.run(&submitted.batch, full, source, &mut round));
            }
            self.resolver.finish(&mut round);
            if round.records.is_empty() {
                self.resolver.forget_touched(&round);
                break;
            }
            let refusal = match self.commit(&mut round) {
                Ok(group) => {
                    changed = self.resolver.publish(&group, round, &self.source.overlay);
                    // The applier ends after the committer: somebody receives.
                    let _ = self.groups.send(group);
                    break;
                }
                Err(Failed::Full) => {
                    self.resolver.forget(&round);
                    self.source.now_full();
                    if !full && !last_try {
                        // Once more, without what adds.
                        continue;
                    }
                    Refusal::Full
                }
                Err(Failed::Broken) => {
                    self.resolver.forget(&round);
                    tracing::error!("the log cannot be written: the store is read-only now");
                    self.read_only = true;
                    Refusal::Unavailable
                }
            };
            let refused = |o: &Outcomes| o.iter().map(|_| Outcome::Refused(refusal)).collect();
            outcomes = outcomes.iter().map(refused).collect();
            break;
        }
        watches.raise(&changed);
        for (submitted, outcomes) in batches.drain(..).zip(outcomes) {
            drop(submitted.batch);
            (submitted.done)(outcomes);
        }
        changed
    }

    /// What was set.
    pub(crate) fn options(&self) -> &super::Options {
        &self.source.options
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        self.source.full.load(Ordering::Relaxed)
    }

    /// Writes a mark if the last batch is not one: from then on a damaged last batch cannot pass for
    /// an unfinished one.
    pub(crate) fn mark(&mut self) {
        if self.marked || self.read_only {
            return;
        }
        let round = &mut self.resolver.begin();
        match self.commit(round) {
            Ok(group) => drop(self.groups.send(group)),
            Err(Failed::Full) => self.source.now_full(),
            Err(Failed::Broken) => self.read_only = true,
        }
        self.marked = true;
    }

    /// Whether a mark is due once the store has been idle.
    pub(crate) fn wants_mark(&self) -> bool {
        !self.marked && !self.read_only
    }

    /// Tries to get out of a full disk.
    pub(crate) fn regain(&mut self) {
        if !self.source.full.load(Ordering::Relaxed) {
            return;
        }
        // A pack that is half full wants the next one at once: without it the first message would end
        // the room again.
        let at = self.writer.at;
        if self.spare.is_none() && at.offset > self.source.options.pack_size / 2 {
            match self.create(at.pack + 1) {
                Ok(file) => self.spare = Some(file),
                Err(error) if is_full(&error) => return,
                Err(error) => return tracing::warn!(%error, "the next pack cannot be made"),
            }
        }
        match self.source.set_reserve_aside() {
            Ok(()) => self.source.full.store(false, Ordering::Relaxed),
            Err(error) if is_full(&error) => {}
            Err(error) => tracing::warn!(%error, "the reserve file cannot be made"),
        }
    }

    /// How long to wait before the next round, so that the index can follow: nothing below half of
    /// what may wait, then more and more.
    pub(crate) fn pause(&self) -> Duration {
        let limit = self.source.options.waiting.max(2);
        let over = self.source.waiting.load(Ordering::Relaxed).saturating_sub(limit / 2);
        LONGEST_PAUSE.mul_f64((over as f64 / (limit / 2) as f64).min(1.0))
    }

    /// Makes a round durable.
    fn commit(&mut self, round: &mut Round) -> Result<Arc<Group>, Failed> {
        self.encoded.clear();
        let mut encoder = Encoder::default();
        for record in &round.records {
            encoder.put(record, &mut self.encoded);
        }
        let encoded = std::mem::take(&mut self.encoded);
        let parts = Parts { records: &encoded, blobs: &round.bodies };
        let written = self.write(&parts);
        let weight = (round.records.len() * size_of::<super::record::Record>()) as u64
            + encoded.len() as u64;
        self.encoded = encoded;
        let (lsn, blobs) = written?;
        self.marked = round.records.is_empty();
        let group = Group {
            lsn,
            next: self.writer.at,
            records: std::mem::take(&mut round.records),
            blobs,
            weight,
            messages: round.messages,
        };
        self.source.waiting.fetch_add(weight, Ordering::Relaxed);
        self.source.counters.messages.fetch_add(round.messages, Ordering::Relaxed);
        Ok(Arc::new(group))
    }

    /// Gets a batch into the log, whatever it takes short of lying.
    fn write(&mut self, parts: &Parts<'_>) -> Result<Written, Failed> {
        let mut blobs = Vec::with_capacity(parts.blobs.len());
        let length = u64::from(Writer::length(parts).ok_or(Failed::Broken)?);
        if let Err(error) = self.make_room(length) {
            return Err(if is_full(&error) { Failed::Full } else { self.broken(&error) });
        }
        for _ in 0..TRIES {
            blobs.clear();
            let lsn = self.writer.lsn;
            let error = match self.writer.append(parts, &mut blobs) {
                Ok(()) => {
                    let counters = &self.source.counters;
                    counters.syncs.fetch_add(1, Ordering::Relaxed);
                    counters.log_bytes.fetch_add(length, Ordering::Relaxed);
                    return Ok((lsn, blobs));
                }
                Err(AppendError::Write(error)) if is_full(&error) => return Err(Failed::Full),
                Err(AppendError::Write(error) | AppendError::Sync(error)) => error,
            };
            // A sync must not be tried again on the same descriptor: the system may have marked the
            // pages clean, and say all is well. Written again through a new one they are dirty again.
            tracing::error!(%error, lsn, "writing the log failed; opening it anew");
            match self.source.disk.open(&super::log::pack_name(self.writer.at.pack)) {
                Ok(file) => self.writer.file = file,
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Err(Failed::Broken)
    }

    fn broken(&self, error: &io::Error) -> Failed {
        tracing::error!(%error, "the log cannot be written");
        Failed::Broken
    }

    /// Goes on in the next pack if this one is full, and has one ready in time.
    fn make_room(&mut self, length: u64) -> io::Result<()> {
        let size = self.source.options.pack_size;
        let at = self.writer.at;
        if at.offset + length > size && at.offset > PACK_HEADER as u64 {
            let next = at.pack + 1;
            let file = match self.spare.take() {
                Some(file) => file,
                None => self.create(next)?,
            };
            self.source.packs.write().insert(next, Arc::clone(&file));
            self.writer.file = file;
            self.writer.at = Position { pack: next, offset: PACK_HEADER as u64 };
        } else if self.spare.is_none() && at.offset > size / 2 {
            match self.create(at.pack + 1) {
                Ok(file) => self.spare = Some(file),
                // There is room in this pack still, for what does not add.
                Err(error) if is_full(&error) => self.source.now_full(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn create(&self, pack: u32) -> io::Result<Arc<dyn File>> {
        let size = self.source.options.pack_size;
        create_pack(&*self.source.disk, pack, self.source.mark, size)
    }
}

impl Source {
    /// The disk is full: nothing may be added from now on, and the reserve is given up, so that
    /// everything else can go on.
    pub(crate) fn now_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::error!("the disk is full: only what adds nothing is accepted");
        }
        let _ = self.disk.remove(RESERVE);
    }

    fn set_reserve_aside(&self) -> io::Result<()> {
        let file = match self.disk.open(RESERVE) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.disk.create(RESERVE)?,
            Err(error) => return Err(error),
        };
        file.reserve(self.options.reserve)
    }
}

const RESERVE: &str = "reserve";
