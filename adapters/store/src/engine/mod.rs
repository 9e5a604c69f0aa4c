//! The embedded engine: the log is the truth, the index a cache of it.
//!
//! # The map
//! A batch goes through these, top to bottom:
//!
//! | module | does |
//! |---|---|
//! | [`Engine`] | the [`Store`](crate::Store): queues batches, reads, owns the threads (`handle`) |
//! | `committer` | drains the queue; one write and one sync a round; completes |
//! | `resolve` | validates, gives UIDs and MODSEQs: mutations become records |
//! | `log`, `frame` | what is on disk (`FORMAT.md`), writing it, reading it back |
//! | `record`, `codec` | records and how they are written |
//! | `overlay` | what is committed and not yet in the index |
//! | `applier` | puts it into the index in large groups; checkpoints; heals a shard |
//! | `index` | the tables, a redb file a shard |
//! | `snapshot` | reading: overlay over index |
//! | `open` | from the files of a folder to a running engine: replay, tail rule, damage |
//! | `spill` | long bodies, in files of their own |
//! | [`fuzz`] | doors for the fuzzer: what is read back from disk |

mod applier;
mod codec;
mod committer;
mod frame;
pub mod fuzz;
mod handle;
mod index;
mod log;
mod open;
mod overlay;
mod record;
mod resolve;
mod snapshot;
mod spill;

pub use handle::{Engine, Inline, Spawn};
pub use open::OpenError;

use crate::disk::{Disk, File, read_exact};
use crate::id::{AccountId, BlobId};
use crate::view::Fault;
use bytes::{Bytes, BytesMut};
use codec::{Malformed, Reader};
use index::Shard;
use overlay::{Overlay, shard_of_blob};
use parking_lot::RwLock;
use snapshot::Snapshot;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) pack: u32,
    pub(crate) offset: u64,
}

/// Where a blob's content is. Pack 0: in a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pack: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Place {
    pub(crate) fn encode(&self) -> [u8; 20] {
        let mut out = [0; 20];
        out[..4].copy_from_slice(&self.pack.to_be_bytes());
        out[4..12].copy_from_slice(&self.offset.to_be_bytes());
        out[12..].copy_from_slice(&self.len.to_be_bytes());
        out
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            pack: u32::from_be_bytes(r.array()?),
            offset: u64::from_be_bytes(r.array()?),
            len: u64::from_be_bytes(r.array()?),
        })
    }
}

/// What can be set about an engine. The defaults are what a server wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files the index is split into. Changing it rebuilds the index. Default 16.
    pub shards: usize,
    /// Octets after which the log goes on in a new file; reserved when one is made. Default 64 MiB.
    pub pack_size: u64,
    /// Octets of index pages kept in memory, all shards together. Default 64 MiB.
    pub cache: usize,
    /// Most batches in a round. Default 1,024.
    pub round_batches: usize,
    /// Most octets of bodies in a round. Default 8 MiB.
    pub round_bytes: u64,
    /// Most messages applied to the index in one group. Default 10,000.
    pub group_messages: u64,
    /// How long a group gathers. Default 200 ms.
    pub group_wait: Duration,
    /// Messages after which the index is made durable. Default 50,000.
    pub checkpoint_messages: u64,
    /// Octets of log after which it is. Default 256 MiB.
    pub checkpoint_bytes: u64,
    /// Time after which it is, if 1,000 messages came. Default 5 s.
    pub checkpoint_wait: Duration,
    /// Time after which it is, if fewer came. Default 30 s.
    pub checkpoint_quiet: Duration,
    /// Octets of records that may wait for the index; from half of it on, rounds are slowed down.
    /// Default 64 MiB.
    pub waiting: u64,
    /// When idle this long, the log gets a mark that the last batch is synced. Default 50 ms.
    pub mark_wait: Duration,
    /// Bodies longer than this go to a file of their own. Default 1 MiB.
    pub spill: u64,
    /// Octets set aside for working on when the disk is full. Default 16 MiB.
    pub reserve: u64,
    /// Begins every frame of a new store's log; `None`: random. Only simulations set it.
    pub mark: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 16,
            pack_size: 64 << 20,
            cache: 64 << 20,
            round_batches: 1024,
            round_bytes: 8 << 20,
            group_messages: 10_000,
            group_wait: Duration::from_millis(200),
            checkpoint_messages: 50_000,
            checkpoint_bytes: 256 << 20,
            checkpoint_wait: Duration::from_secs(5),
            checkpoint_quiet: Duration::from_secs(30),
            waiting: 64 << 20,
            mark_wait: Duration::from_millis(50),
            spill: 1 << 20,
            reserve: 16 << 20,
            mark: None,
        }
    }
}

/// What the engine did since it was opened, for metrics and benches.
#[derive(Debug, Default)]
pub struct Counters {
    /// Syncs of the log.
    pub syncs: AtomicU64,
    /// Octets written to the log.
    pub log_bytes: AtomicU64,
    /// Messages put into mailboxes.
    pub messages: AtomicU64,
    /// Commits of index shards that were made durable.
    pub checkpoints: AtomicU64,
    /// Records of the log that opening had to put into the index.
    pub replayed: AtomicU64,
}

/// Everything readers, committer and applier share.
pub(crate) struct Source {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) shards: Vec<Shard>,
    pub(crate) overlay: Overlay,
    pub(crate) packs: RwLock<log::Packs>,
    /// Open files of long bodies.
    big: RwLock<HashMap<BlobId, Arc<dyn File>, foldhash::fast::RandomState>>,
    /// Octets of records that wait for the index.
    pub(crate) waiting: AtomicU64,
    /// The disk is full: nothing may be added.
    pub(crate) full: AtomicBool,
    pub(crate) counters: Counters,
    pub(crate) mark: u64,
}

/// Most open files of long bodies.
const OPEN_BIG: usize = 64;

impl Source {
    pub(crate) fn snapshot(&self, account: AccountId) -> Result<Snapshot, Fault> {
        let (pieces, index) = self.overlay.read(account, &self.shards)?;
        Ok(Snapshot::new(account, pieces, index))
    }

    /// Where a blob is.
    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<Place>, Fault> {
        if let Some(place) = self.overlay.blob(id) {
            return Ok(Some(place));
        }
        self.shards[shard_of_blob(id, self.shards.len())].read()?.blob(id)
    }

    /// Octets of a blob.
    pub(crate) fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Bytes, Fault> {
        let place = self.blob(id)?.ok_or(Fault::Missing)?;
        let end = range.end.min(place.len);
        let start = range.start.min(end);
        let file = match place.pack {
            0 => self.big(id)?,
            pack => self.pack(pack)?,
        };
        // The index has no checksums of its own: what it says is not believed before memory is taken.
        let held = place
            .offset
            .checked_add(place.len)
            .is_some_and(|end| file.len().is_ok_and(|len| end <= len));
        if !held {
            let what = format!("body {id:?} lies outside pack {}", place.pack);
            return Err(Fault::Damaged(what.into()));
        }
        let mut octets = BytesMut::zeroed((end - start) as usize);
        read_exact(&*file, place.offset + start, &mut octets)?;
        let octets = octets.freeze();
        if start == 0 && end == place.len && BlobId::of(&octets) != *id {
            return Err(Fault::Damaged(format!("body {id:?} in pack {}", place.pack).into()));
        }
        Ok(octets)
    }

    fn pack(&self, pack: u32) -> Result<Arc<dyn File>, Fault> {
        if let Some(file) = self.packs.read().get(&pack) {
            return Ok(Arc::clone(file));
        }
        Err(Fault::Damaged(format!("pack {pack} is missing").into()))
    }

    fn big(&self, id: &BlobId) -> Result<Arc<dyn File>, Fault> {
        if let Some(file) = self.big.read().get(id) {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&spill::big_name(id))?;
        let mut big = self.big.write();
        if big.len() >= OPEN_BIG {
            big.clear();
        }
        big.insert(*id, Arc::clone(&file));
        Ok(file)
    }
}
