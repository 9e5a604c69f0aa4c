//! From the files of a folder to a running engine.
//!
//! 1. Open the packs and the index. A shard that does not open is moved aside and made anew.
//! 2. Replay the log from where the least advanced shard stands.
//! 3. Where the log ends, tell an unfinished tail from damage. A tail is kept in a side file and cut.
//! 4. Write the batches nobody knows to be synced once more: a process that died after a failed sync
//!    may have left them where reads see them and the platter never will.
//! 5. Write a mark under a new epoch and sync; only then is anything accepted.

use super::applier::{Applier, replay_into};
use super::committer::Committer;
use super::frame::PACK_HEADER;
use super::index::{Applied, Shard};
use super::log::{Packs, Parts, Scan, Step, Writer, create_pack, find_end, open_packs, pack_name};
use super::overlay::{Group, Overlay};
use super::record::{decode_outcomes, decode_records};
use super::resolve::Resolver;
use super::{Options, Position, Source};
use crate::disk::{Disk, read_exact};
use crate::view::Fault;
use parking_lot::RwLock;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Why a store does not open.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it, or this one twice. The text says which.
    InUse(String),
    /// The disk would not do something.
    Disk(io::Error),
    /// Something that was synced is not there any more, or not whole. Nothing was changed.
    Damaged {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// The batch that is missing; 0 if it is not about a batch.
        lsn: u64,
        /// What is wrong.
        detail: String,
    },
    /// The index cannot be used, nor made anew.
    Index(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(who) => f.write_str(who),
            Self::Disk(error) => write!(f, "the store's disk: {error}"),
            Self::Damaged { file, offset, lsn, detail } => {
                write!(f, "the store is damaged: {file} at {offset} (batch {lsn}): {detail}")
            }
            Self::Index(detail) => write!(f, "the store's index: {detail}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<redb::Error> for OpenError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::Disk(error),
            other => Self::Index(other.to_string()),
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Index(fault.to_string())
    }
}

/// A store ready to run.
pub(crate) struct Opened {
    pub(crate) committer: Committer,
    pub(crate) applier: Applier,
    pub(crate) source: Arc<Source>,
    /// Holds the folder for this process.
    pub(crate) lock: Box<dyn Send + Sync>,
}

/// Opens the store of a folder, making it if there is none.
pub(crate) fn open(disk: Arc<dyn Disk>, mut options: Options) -> Result<Opened, OpenError> {
    options.shards = options.shards.max(1);
    let lock = disk.lock().map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => OpenError::InUse(error.to_string()),
        _ => OpenError::Disk(error),
    })?;
    for folder in ["log", "index", "big", "tmp"] {
        disk.make_dir(folder)?;
    }
    disk.sync_dir("")?;
    for name in disk.list("tmp")? {
        disk.remove(&format!("tmp/{name}"))?;
    }

    let (mut packs, mark) = open_packs(&*disk)?;
    let mark = match mark {
        Some(mark) => mark,
        None => {
            let mark = match options.mark {
                Some(mark) => mark,
                None => getrandom::u64().map_err(|e| OpenError::Disk(io::Error::other(e)))?,
            };
            packs.insert(1, create_pack(&*disk, 1, mark, options.pack_size)?);
            mark
        }
    };
    let first = packs.keys().next().copied().unwrap_or(1);

    let (shards, applied) = open_shards(&*disk, &options, &packs, first)?;
    let least = applied.iter().copied().min_by_key(|a| a.lsn).unwrap_or_default();
    let most = applied.iter().map(|a| a.lsn).max().unwrap_or_default();

    let source = Source {
        shards,
        overlay: Overlay::new(options.shards),
        packs: RwLock::new(packs.clone()),
        big: RwLock::default(),
        waiting: AtomicU64::new(0),
        full: AtomicBool::new(false),
        counters: super::Counters::default(),
        mark,
        disk,
        options,
    };

    let Replayed { end, unsynced, epoch, applied, records } =
        replay(&source, &packs, least, most, applied)?;
    cut(&source, &mut packs, &end)?;
    rewrite(&packs, &unsynced)?;
    *source.packs.write() = packs.clone();

    let file = packs.get(&end.at.pack).cloned().ok_or_else(|| missing(end.at.pack))?;
    let mut writer = Writer::new(file, end.at, mark, epoch + 1, end.lsn);
    let nothing = Parts { records: &[], blobs: &[] };
    writer.append(&nothing, &mut Vec::new()).map_err(|e| OpenError::Disk(e.into()))?;

    let source = Arc::new(source);
    let zero = source.shards.first().ok_or_else(|| OpenError::Index("no shards".into()))?.read()?;
    let mut remembered = Vec::new();
    for (id, outcomes) in zero.remembered()? {
        let outcomes = decode_outcomes(&outcomes)
            .map_err(|_| OpenError::Index("a remembered batch does not decode".into()))?;
        remembered.push((id, outcomes));
    }
    let resolver = Resolver::new(zero.last_account()?, remembered);
    drop(zero);
    let (queue, groups) = crossbeam_channel::unbounded();
    let applier = Applier::new(Arc::clone(&source), groups, applied, records);
    let committer = Committer::new(Arc::clone(&source), writer, resolver, queue);
    Ok(Opened { committer, applier, source, lock })
}

/// Opens the shards; those that cannot be used are moved aside and made anew.
fn open_shards(
    disk: &dyn Disk,
    options: &Options,
    packs: &Packs,
    first: u32,
) -> Result<(Vec<Shard>, Vec<Applied>), OpenError> {
    let count = options.shards;
    let cache = options.cache / count.max(1);
    let name = |shard: usize| format!("{shard:02}of{count:02}");
    let names: Vec<String> = (0..count).map(name).collect();
    for other in disk.list("index")? {
        if !names.contains(&other) && !other.ends_with(".bad") {
            disk.remove(&format!("index/{other}"))?;
        }
    }
    let (mut shards, mut applied) = (Vec::new(), Vec::new());
    for name in &names {
        let path = format!("index/{name}");
        let opened = Shard::open(disk, path.clone(), cache)
            .and_then(|shard| shard.applied().map(|applied| (shard, applied)));
        let (shard, mut got) = match opened {
            Ok(opened) => opened,
            Err(redb::Error::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(shard = %name, %error, "the index is unusable and is made anew");
                let aside = format!("{path}.bad");
                let _ = disk.remove(&aside);
                disk.rename(&path, &aside)?;
                disk.sync_dir("index")?;
                (Shard::open(disk, path, cache)?, Applied::default())
            }
        };
        if got.lsn == 0 {
            got.next = Position { pack: first, offset: PACK_HEADER as u64 };
        } else {
            // An index that knows more than the log: the log has lost something.
            let ahead = match packs.get(&got.next.pack) {
                Some(file) => file.len()? < got.next.offset,
                None => true,
            };
            if ahead {
                return Err(OpenError::Damaged {
                    file: pack_name(got.next.pack),
                    offset: got.next.offset,
                    lsn: got.lsn,
                    detail: "the log ends before what the index was made from".into(),
                });
            }
        }
        shards.push(shard);
        applied.push(got);
    }
    Ok((shards, applied))
}

/// Where the log ends.
struct End {
    at: Position,
    lsn: u64,
    /// There is something after it, and why it does not count.
    tail: Option<&'static str>,
}

/// Batches that may not be synced: where they are and how long.
type Unsynced = Vec<(Position, u32)>;

/// What a replay found.
struct Replayed {
    end: End,
    unsynced: Unsynced,
    epoch: u32,
    applied: Vec<Applied>,
    /// How many records the index has got that are not durable in it.
    records: u64,
}

/// Reads the log from the least advanced shard on and brings all shards up to its end.
fn replay(
    source: &Source,
    packs: &Packs,
    least: Applied,
    most: u64,
    mut applied: Vec<Applied>,
) -> Result<Replayed, OpenError> {
    // First only the heads, to know what was synced; the epoch is that of the last batch.
    let mut scan = Scan::new(packs, source.mark, least.next, least.lsn + 1);
    let (mut synced, mut epoch) = (most, last_epoch(packs, source.mark, least)?);
    while let Step::Batch(batch) = scan.step(false)? {
        synced = synced.max(batch.header.synced);
        epoch = epoch.max(batch.header.epoch);
    }

    let mut scan = Scan::new(packs, source.mark, least.next, least.lsn + 1);
    let mut unsynced = Unsynced::new();
    let mut groups = Vec::new();
    let (mut records, mut weight, mut volatile, mut replayed) = (0, 0, 0, 0);
    let tail = loop {
        match scan.step(scan.lsn() > synced)? {
            Step::End => break None,
            Step::Broken(why) => break Some(why),
            Step::Batch(batch) => {
                let lsn = batch.header.lsn;
                let at = Position {
                    pack: batch.next.pack,
                    offset: batch.next.offset - u64::from(batch.header.length),
                };
                if lsn > synced {
                    unsynced.push((at, batch.header.length));
                }
                let decoded = decode_records(&batch.records).map_err(|_| OpenError::Damaged {
                    file: pack_name(at.pack),
                    offset: at.offset,
                    lsn,
                    detail: "the records do not decode, though their checksum is right".into(),
                })?;
                weight += batch.records.len() as u64;
                records += decoded.len() as u64;
                replayed += decoded.len() as u64;
                groups.push(Arc::new(Group {
                    lsn,
                    next: batch.next,
                    records: decoded,
                    blobs: with_lengths(source, batch.blobs)?,
                    weight: 0,
                    messages: 0,
                }));
            }
        }
        if records >= source.options.group_messages * 2 || weight >= source.options.waiting {
            volatile += records;
            // Whoever is killed while he replays need not begin from where he began. An index that knew what the
            // log may still lose would be taken for damage.
            let durable =
                volatile >= source.options.checkpoint_messages && scan.lsn() <= synced + 1;
            replay_into(source, &groups, &mut applied, durable)?;
            groups.clear();
            volatile = if durable { 0 } else { volatile };
            (records, weight) = (0, 0);
        }
    };
    replay_into(source, &groups, &mut applied, false)?;

    let (at, lsn) = (scan.position(), scan.lsn());
    if most >= lsn {
        return Err(OpenError::Damaged {
            file: pack_name(at.pack),
            offset: at.offset,
            lsn,
            detail: "the index has this batch, the log has lost it".into(),
        });
    }
    if let Some(detail) = tail
        && let Some(later) = find_end(packs, source.mark, at, lsn)?
    {
        return Err(OpenError::Damaged {
            file: pack_name(at.pack),
            offset: at.offset,
            lsn,
            detail: format!("{detail}; batch {later} follows and says it was synced"),
        });
    }
    source.counters.replayed.store(replayed, Ordering::Relaxed);
    let (end, records) = (End { at, lsn, tail }, volatile + records);
    Ok(Replayed { end, unsynced, epoch, applied, records })
}

/// The epoch of the batch just before the replay position is not known; all there are is a bound.
fn last_epoch(packs: &Packs, mark: u64, least: Applied) -> Result<u32, OpenError> {
    let mut epoch = 0;
    let Some(file) = packs.get(&least.next.pack) else { return Ok(0) };
    // Heads of this pack up to the replay position: one read a batch, and packs are not long.
    let mut head = [0; super::frame::BATCH_HEADER];
    let mut offset = PACK_HEADER as u64;
    while offset < least.next.offset {
        let n = file.read_at(offset, &mut head)?;
        let Some(header) = super::frame::BatchHeader::decode(&head[..n], mark) else { break };
        epoch = epoch.max(header.epoch);
        offset += u64::from(header.length.max(1));
    }
    Ok(epoch)
}

/// Lengths of blobs in files of their own are those of the files.
fn with_lengths(
    source: &Source,
    mut blobs: Vec<(crate::id::BlobId, super::Place)>,
) -> Result<Vec<(crate::id::BlobId, super::Place)>, OpenError> {
    for (id, place) in blobs.iter_mut().filter(|(_, place)| place.pack == 0) {
        place.len = source.disk.open(&super::spill::big_name(id))?.len()?;
    }
    Ok(blobs)
}

/// Keeps the unfinished tail in a side file and cuts it off.
fn cut(source: &Source, packs: &mut Packs, end: &End) -> Result<(), OpenError> {
    let later: Vec<u32> = packs.range(end.at.pack + 1..).map(|(pack, _)| *pack).collect();
    if let Some(why) = end.tail {
        let name = format!("log/tail-{}-{}", end.lsn, end.at.pack);
        let _ = source.disk.remove(&name);
        let side = source.disk.create(&name)?;
        let mut to = 0;
        for (pack, file) in packs.range(end.at.pack..) {
            let mut from = if *pack == end.at.pack { end.at.offset } else { 0 };
            let mut chunk = vec![0; 1 << 20];
            loop {
                let n = file.read_at(from, &mut chunk)?;
                if n == 0 {
                    break;
                }
                side.write_at(to, &mut [IoSlice::new(&chunk[..n])])?;
                from += n as u64;
                to += n as u64;
            }
        }
        side.sync()?;
        source.disk.sync_dir("log")?;
        tracing::warn!(
            batch = end.lsn, octets = to, kept = %name, why,
            "the log ends with an unfinished batch, which nobody was told of: cut off"
        );
    }
    for pack in later.into_iter().rev() {
        packs.remove(&pack);
        source.disk.remove(&pack_name(pack))?;
        source.disk.sync_dir("log")?;
    }
    let file = packs.get(&end.at.pack).ok_or_else(|| missing(end.at.pack))?;
    if file.len()? > end.at.offset {
        file.set_len(end.at.offset)?;
        file.sync()?;
        file.reserve(source.options.pack_size)?;
    }
    Ok(())
}

/// Writes batches over themselves, so that the next sync covers them.
fn rewrite(packs: &Packs, unsynced: &Unsynced) -> Result<(), OpenError> {
    for (at, length) in unsynced {
        let file = packs.get(&at.pack).ok_or_else(|| missing(at.pack))?;
        let mut octets = vec![0; *length as usize];
        read_exact(&**file, at.offset, &mut octets)?;
        file.write_at(at.offset, &mut [IoSlice::new(&octets)])?;
        file.sync()?;
    }
    Ok(())
}

fn missing(pack: u32) -> OpenError {
    OpenError::Damaged {
        file: pack_name(pack),
        offset: 0,
        lsn: 0,
        detail: "the pack is missing".into(),
    }
}
