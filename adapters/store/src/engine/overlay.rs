//! What is committed and not yet in the index.
//!
//! One lock a shard guards the list of each account's unapplied records. The committer adds to it
//! after the sync, the applier takes away after a shard's commit, and a reader copies the list *and*
//! begins its index transaction under the lock. So a reader's list always reaches from something
//! the index already has to the latest completed batch, without a gap; records say how things are,
//! so putting those over the index that it already has changes nothing.

use super::index::{Reading, Shard};
use super::record::Record;
use super::{Place, Position};
use crate::id::{AccountId, BlobId};
use crate::view::Fault;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// The records of one batch of the log.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) lsn: u64,
    /// Where the batch after it begins.
    pub(crate) next: Position,
    pub(crate) records: Vec<Record>,
    pub(crate) blobs: Vec<(BlobId, Place)>,
    /// Roughly what it takes in memory.
    pub(crate) weight: u64,
    pub(crate) messages: u64,
}

/// Which records of a group are of one account, ascending.
pub(crate) type Places = SmallVec<[u32; 4]>;

/// The records of one group that concern one account.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    group: Arc<Group>,
    at: Places,
}

impl Piece {
    pub(crate) fn new(group: Arc<Group>, at: Places) -> Self {
        Self { group, at }
    }

    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.at.iter().filter_map(|at| self.group.records.get(*at as usize))
    }
}

/// The overlay of all shards.
pub(crate) struct Overlay {
    shards: Vec<Mutex<Accounts>>,
    blobs: Vec<Mutex<Blobs>>,
}

type Accounts = HashMap<AccountId, Vec<Piece>, foldhash::fast::RandomState>;
type Blobs = HashMap<BlobId, (u64, Place), foldhash::fast::RandomState>;

/// The shard of an account.
pub(crate) fn shard_of(account: AccountId, shards: usize) -> usize {
    account.0 as usize % shards.max(1)
}

/// The shard of a blob.
pub(crate) fn shard_of_blob(blob: &BlobId, shards: usize) -> usize {
    usize::from(blob.0[0]) % shards.max(1)
}

impl Overlay {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            blobs: (0..shards).map(|_| Mutex::default()).collect(),
        }
    }

    fn accounts(&self, account: AccountId) -> &Mutex<Accounts> {
        &self.shards[shard_of(account, self.shards.len())]
    }

    /// Adds the blobs of a group. They come first: whoever sees a message must find its body.
    pub(crate) fn add_blobs(&self, group: &Group) {
        for (id, place) in &group.blobs {
            let shard = &self.blobs[shard_of_blob(id, self.blobs.len())];
            shard.lock().insert(*id, (group.lsn, *place));
        }
    }

    /// Adds what a group holds of one account.
    pub(crate) fn add(&self, account: AccountId, piece: Piece) {
        self.accounts(account).lock().entry(account).or_default().push(piece);
    }

    /// Takes away what a shard of the index now has: everything up to `lsn`.
    pub(crate) fn remove(&self, shard: usize, lsn: u64) {
        let dropped: Vec<Piece> = {
            let mut accounts = self.shards[shard].lock();
            let mut dropped = Vec::new();
            accounts.retain(|_, pieces| {
                let old = pieces.partition_point(|piece| piece.group.lsn <= lsn);
                dropped.extend(pieces.drain(..old));
                !pieces.is_empty()
            });
            dropped
        };
        // The records themselves are freed outside the lock.
        drop(dropped);
        self.blobs[shard].lock().retain(|_, (at, _)| *at > lsn);
    }

    /// The account's unapplied records, and the index they belong over.
    pub(crate) fn read(
        &self,
        account: AccountId,
        shards: &[Shard],
    ) -> Result<(Vec<Piece>, Reading), Fault> {
        let shard = shard_of(account, shards.len());
        let accounts = self.shards[shard].lock();
        let pieces = accounts.get(&account).cloned().unwrap_or_default();
        Ok((pieces, shards[shard].read()?))
    }

    /// A blob that is not in the index yet.
    pub(crate) fn blob(&self, id: &BlobId) -> Option<Place> {
        let shard = &self.blobs[shard_of_blob(id, self.blobs.len())];
        shard.lock().get(id).map(|(_, place)| *place)
    }

    /// Accounts that have something here.
    pub(crate) fn account_ids(&self) -> Vec<AccountId> {
        let ids = |shard: &Mutex<Accounts>| shard.lock().keys().copied().collect::<Vec<_>>();
        self.shards.iter().flat_map(ids).collect()
    }
}
