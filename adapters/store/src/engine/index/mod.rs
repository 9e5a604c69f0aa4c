//! The index: one redb file a shard. A cache of the log that can be queried; it is never the only
//! copy of anything.
//!
//! This file: shards and keys; `apply.rs` writes the tables, `read.rs` reads them.
//!
//! Keys are big-endian, account first. Commits are not durable until a checkpoint, which is a
//! quick-repair commit that also says up to which LSN the shard has everything.

mod apply;
mod read;

pub(crate) use read::{Reading, fault};

use super::record::Record;
use super::{Place, Position};
use crate::disk::{Disk, File, read_exact};
use crate::id::{AccountId, BlobId, MailboxId};
use crate::view::Fault;
use apply::{Tables, remember};
use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};
use std::io::{self, IoSlice};
use std::sync::Arc;

type Key<const N: usize> = &'static [u8; N];
type Def<const N: usize> = TableDefinition<'static, Key<N>, &'static [u8]>;

const ACCOUNT: Def<4> = TableDefinition::new("account");
const ACCOUNT_COUNT: Def<4> = TableDefinition::new("account_count");
const KEYWORD: Def<6> = TableDefinition::new("keyword");
const MAILBOX: Def<8> = TableDefinition::new("mailbox");
const MAILBOX_COUNT: Def<8> = TableDefinition::new("mailbox_count");
const MESSAGE: Def<12> = TableDefinition::new("message");
const FLAGS: Def<12> = TableDefinition::new("flags");
const CHANGE: Def<12> = TableDefinition::new("change");
const BLOB: Def<32> = TableDefinition::new("blob");
const REMEMBERED: Def<12> = TableDefinition::new("remembered");
/// Account, then `s` and a setting's name or `m` and a name subscribed to.
const NAMED: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("named");
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// The layout of the tables. An index of another one is thrown away and made anew from the log.
const SCHEMA: u64 = 1;

/// A redb file. It is shut for a while when it must be opened again after an error.
#[derive(Debug)]
pub(crate) struct Shard {
    name: String,
    cache: usize,
    db: RwLock<Option<Arc<Database>>>,
}

/// How far a shard has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Everything up to this LSN is in.
    pub(crate) lsn: u64,
    /// Where the batch after it begins.
    pub(crate) next: Position,
}

/// Records of one shard, in order, each with its LSN.
#[derive(Default)]
pub(crate) struct Load<'a> {
    pub(crate) records: Vec<(u64, &'a Record)>,
    pub(crate) blobs: Vec<(BlobId, Place)>,
}

/// What kind of change a row of the change log speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added = 1,
    Flags = 2,
    Vanished = 3,
    MailboxGone = 5,
}

fn key4(account: AccountId) -> [u8; 4] {
    account.0.to_be_bytes()
}

fn key6(account: AccountId, keyword: u16) -> [u8; 6] {
    join(&account.0.to_be_bytes(), &keyword.to_be_bytes())
}

fn key8(account: AccountId, mailbox: MailboxId) -> [u8; 8] {
    join(&account.0.to_be_bytes(), &mailbox.0.to_be_bytes())
}

fn key12(account: AccountId, mailbox: MailboxId, uid: u32) -> [u8; 12] {
    join(&key8(account, mailbox), &uid.to_be_bytes())
}

fn change_key(account: AccountId, modseq: u64) -> [u8; 12] {
    join(&account.0.to_be_bytes(), &modseq.to_be_bytes())
}

fn named_key(account: AccountId, kind: u8, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + name.len());
    key.extend_from_slice(&account.0.to_be_bytes());
    key.push(kind);
    key.extend_from_slice(name.as_bytes());
    key
}

fn join<const N: usize>(a: &[u8], b: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    key[..a.len()].copy_from_slice(a);
    key[a.len()..].copy_from_slice(b);
    key
}

impl Shard {
    /// Opens the file, making it if there is none.
    pub(crate) fn open(disk: &dyn Disk, name: String, cache: usize) -> Result<Self, redb::Error> {
        let db = open(disk, &name, cache)?;
        Ok(Self { name, cache, db: RwLock::new(Some(Arc::new(db))) })
    }

    /// Shuts the file. `false`: somebody still reads from it, try again.
    pub(crate) fn shut(&self, closing: &mut Option<Arc<Database>>) -> bool {
        if let Some(db) = self.db.write().take() {
            *closing = Some(db);
        }
        match closing.take().map(Arc::try_unwrap) {
            Some(Err(still_read)) => {
                *closing = Some(still_read);
                false
            }
            Some(Ok(_)) | None => true,
        }
    }

    /// Opens the file again after [`Shard::shut`]; readers do not see it yet.
    pub(crate) fn reopened(&self, disk: &dyn Disk) -> Result<Self, redb::Error> {
        Self::open(disk, self.name.clone(), self.cache)
    }

    /// Lets readers see what was reopened.
    pub(crate) fn replace(&self, with: Self) {
        *self.db.write() = with.db.into_inner();
    }

    fn db(&self) -> Result<Arc<Database>, redb::Error> {
        let db = self.db.read().clone();
        db.ok_or_else(|| redb::Error::Io(io::Error::other("the index is being repaired")))
    }

    /// How far it has got.
    pub(crate) fn applied(&self) -> Result<Applied, redb::Error> {
        let txn = self.db()?.begin_read()?;
        let meta = txn.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |v| v.value()));
        let next = Position { pack: number("next_pack")? as u32, offset: number("next_offset")? };
        Ok(Applied { lsn: number("lsn")?, next })
    }

    /// Puts records in, durably or not.
    pub(crate) fn apply(
        &self,
        applied: Applied,
        load: &Load<'_>,
        durable: bool,
    ) -> Result<(), redb::Error> {
        let db = self.db()?;
        let mut txn = db.begin_write()?;
        if durable {
            txn.set_quick_repair(true);
        } else {
            txn.set_durability(Durability::None)
                .map_err(|e| redb::Error::Corrupted(e.to_string()))?;
        }
        if !load.records.is_empty() {
            Tables::open(&txn)?.apply(&load.records)?;
            remember(&txn, &load.records)?;
        }
        if !load.blobs.is_empty() {
            let mut table = txn.open_table(BLOB)?;
            let mut sorted: Vec<_> = load.blobs.iter().collect();
            sorted.sort_unstable_by_key(|(id, _)| id.0);
            for (id, place) in sorted {
                table.insert(&id.0, place.encode().as_slice())?;
            }
        }
        {
            let mut meta = txn.open_table(META)?;
            meta.insert("lsn", applied.lsn)?;
            meta.insert("next_pack", u64::from(applied.next.pack))?;
            meta.insert("next_offset", applied.next.offset)?;
        }
        txn.commit()?;
        Ok(())
    }

    /// The shard as it is now.
    pub(crate) fn read(&self) -> Result<Reading, Fault> {
        let db = self.db().map_err(fault)?;
        Ok(Reading { txn: db.begin_read().map_err(fault)?, _db: db })
    }
}

fn open(disk: &dyn Disk, name: &str, cache: usize) -> Result<Database, redb::Error> {
    let file = match disk.open(name) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let file = disk.create(name).map_err(redb::Error::Io)?;
            disk.sync_dir("index").map_err(redb::Error::Io)?;
            file
        }
        other => other.map_err(redb::Error::Io)?,
    };
    let db = Database::builder().set_cache_size(cache).create_with_backend(Backend(file))?;
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    let known = txn.open_table(META)?.get("schema")?.map(|v| v.value());
    match known {
        Some(SCHEMA) => txn.abort()?,
        Some(other) => return Err(redb::Error::Corrupted(format!("index schema {other}"))),
        None => {
            Tables::open(&txn)?;
            txn.open_table(BLOB)?;
            txn.open_table(REMEMBERED)?;
            txn.open_table(META)?.insert("schema", SCHEMA)?;
            txn.commit()?;
        }
    }
    Ok(db)
}

/// A [`File`] as redb wants it.
#[derive(Debug)]
struct Backend(Arc<dyn File>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact(&*self.0, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, &mut [IoSlice::new(data)])
    }
}
