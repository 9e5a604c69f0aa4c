//! The index: one redb file a shard. A cache of the log that can be queried; it is never the only
//! copy of anything.
//!
//! Keys are big-endian, account first. Commits are not durable until a checkpoint, which is a
//! quick-repair commit that also says up to which LSN the shard has everything.

use super::codec::{Malformed, Reader, put};
use super::record::{
    AccountCount, AccountRow, FlagsRow, MailboxCount, MailboxRow, MessageRow, Record, put_uids,
    uids,
};
use super::{Place, Position};
use crate::disk::{Disk, File, read_exact};
use crate::id::{AccountId, BlobId, MailboxId, ModSeq, Uid};
use crate::mutation::REMEMBERED_BATCHES;
use crate::uids::UidSet;
use crate::view::Fault;
use bytes::Bytes;
use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageBackend, Table, TableDefinition, WriteTransaction,
};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
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

/// Keeps the outcomes of batches with an id, the latest [`REMEMBERED_BATCHES`].
fn remember(txn: &WriteTransaction, records: &[(u64, &Record)]) -> Result<(), redb::Error> {
    let mut table = None;
    for (at, (lsn, record)) in records.iter().enumerate() {
        let Record::Remembered(id, outcomes) = record else { continue };
        let table = match &mut table {
            Some(table) => table,
            none => none.insert(txn.open_table(REMEMBERED)?),
        };
        let key: [u8; 12] = join(&lsn.to_be_bytes(), &(at as u32).to_be_bytes());
        let mut value = id.to_be_bytes().to_vec();
        value.extend_from_slice(outcomes);
        table.insert(&key, value.as_slice())?;
        if table.len()? > REMEMBERED_BATCHES as u64 {
            table.pop_first()?;
        }
    }
    Ok(())
}

type Wide<'t, const N: usize> = Table<'t, Key<N>, &'static [u8]>;

/// The tables that records of accounts go to.
struct Tables<'t> {
    account: Wide<'t, 4>,
    account_count: Wide<'t, 4>,
    keyword: Wide<'t, 6>,
    mailbox: Wide<'t, 8>,
    mailbox_count: Wide<'t, 8>,
    message: Wide<'t, 12>,
    flags: Wide<'t, 12>,
    change: Wide<'t, 12>,
    named: Table<'t, &'static [u8], &'static [u8]>,
    meta: Table<'t, &'static str, u64>,
}

/// What waits to be written in one go.
#[derive(Default)]
struct Waiting<'a> {
    account_counts: HashMap<AccountId, &'a AccountCount, foldhash::fast::RandomState>,
    mailbox_counts: HashMap<(AccountId, MailboxId), &'a MailboxCount, foldhash::fast::RandomState>,
    messages: Vec<([u8; 12], &'a MessageRow, &'a FlagsRow)>,
    /// Changes of one account and MODSEQ: those of one mutation stand side by side.
    change: Option<(AccountId, ModSeq, Vec<(Change, MailboxId, UidSet)>)>,
    changes: Vec<([u8; 12], Vec<u8>)>,
}

impl<'t> Tables<'t> {
    fn open(txn: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            account: txn.open_table(ACCOUNT)?,
            account_count: txn.open_table(ACCOUNT_COUNT)?,
            keyword: txn.open_table(KEYWORD)?,
            mailbox: txn.open_table(MAILBOX)?,
            mailbox_count: txn.open_table(MAILBOX_COUNT)?,
            message: txn.open_table(MESSAGE)?,
            flags: txn.open_table(FLAGS)?,
            change: txn.open_table(CHANGE)?,
            named: txn.open_table(NAMED)?,
            meta: txn.open_table(META)?,
        })
    }

    fn apply(mut self, records: &[(u64, &Record)]) -> Result<(), redb::Error> {
        let mut waiting = Waiting::default();
        let value = &mut Vec::new();
        for (_, record) in records {
            self.one(record, &mut waiting, value)?;
        }
        self.messages(&mut waiting, value)?;
        waiting.end_change();
        waiting.changes.sort_unstable();
        for (key, change) in &waiting.changes {
            self.change.insert(key, change.as_slice())?;
        }
        for (account, count) in &waiting.account_counts {
            value.clear();
            count.encode(value);
            self.account_count.insert(&key4(*account), value.as_slice())?;
        }
        for ((account, mailbox), count) in &waiting.mailbox_counts {
            value.clear();
            count.encode(value);
            self.mailbox_count.insert(&key8(*account, *mailbox), value.as_slice())?;
        }
        Ok(())
    }

    /// Inserts the messages that wait, in the order of their keys.
    fn messages(
        &mut self,
        waiting: &mut Waiting<'_>,
        value: &mut Vec<u8>,
    ) -> Result<(), redb::Error> {
        waiting.messages.sort_unstable_by_key(|(key, ..)| *key);
        for (key, row, _) in &waiting.messages {
            value.clear();
            row.encode(value);
            self.message.insert(key, value.as_slice())?;
        }
        for (key, _, flags) in waiting.messages.drain(..) {
            value.clear();
            flags.encode(value);
            self.flags.insert(&key, value.as_slice())?;
        }
        Ok(())
    }

    fn one<'a>(
        &mut self,
        record: &'a Record,
        waiting: &mut Waiting<'a>,
        value: &mut Vec<u8>,
    ) -> Result<(), redb::Error> {
        value.clear();
        match record {
            Record::LastAccount(last) => {
                self.meta.insert("last_account", u64::from(*last))?;
            }
            Record::Account(account, row) => {
                row.encode(value);
                self.account.insert(&key4(*account), value.as_slice())?;
            }
            Record::AccountCount(account, count) => {
                waiting.account_counts.insert(*account, count);
            }
            Record::AccountGone(account) => {
                self.messages(waiting, value)?;
                waiting.end_change();
                waiting.account_counts.remove(account);
                waiting.mailbox_counts.retain(|(a, _), _| a != account);
                waiting.changes.retain(|(key, _)| !key.starts_with(&key4(*account)));
                self.account_gone(*account)?;
            }
            Record::Keyword(account, id, name) => {
                self.keyword.insert(&key6(*account, id.0), name.as_bytes())?;
            }
            Record::Mailbox(account, mailbox, row) => {
                row.encode(value);
                self.mailbox.insert(&key8(*account, *mailbox), value.as_slice())?;
            }
            Record::MailboxCount(account, mailbox, count) => {
                waiting.mailbox_counts.insert((*account, *mailbox), count);
            }
            Record::MailboxGone(account, mailbox, modseq) => {
                self.messages(waiting, value)?;
                waiting.mailbox_counts.remove(&(*account, *mailbox));
                waiting.change(*account, *modseq, Change::MailboxGone, *mailbox, &UidSet::new());
                self.mailbox.remove(&key8(*account, *mailbox))?;
                self.mailbox_count.remove(&key8(*account, *mailbox))?;
                let (first, last) =
                    (key12(*account, *mailbox, 0), key12(*account, *mailbox, u32::MAX));
                self.message.retain_in::<&[u8; 12], _>(&first..=&last, |_, _| false)?;
                self.flags.retain_in::<&[u8; 12], _>(&first..=&last, |_, _| false)?;
            }
            Record::Message(account, mailbox, uid, row, flags) => {
                waiting.messages.push((key12(*account, *mailbox, uid.number()), row, flags));
                waiting.change(*account, flags.modseq, Change::Added, *mailbox, &(*uid).into());
            }
            Record::Flags(account, mailbox, modseq, rows) => {
                self.messages(waiting, value)?;
                for (uid, flags) in rows {
                    value.clear();
                    FlagsRow { flags: flags.clone(), modseq: *modseq }.encode(value);
                    let key = key12(*account, *mailbox, uid.number());
                    self.flags.insert(&key, value.as_slice())?;
                }
                let uids = rows.iter().map(|(uid, _)| *uid).collect();
                waiting.change(*account, *modseq, Change::Flags, *mailbox, &uids);
            }
            Record::Vanished(account, mailbox, modseq, uids) => {
                self.messages(waiting, value)?;
                for uid in uids.iter() {
                    let key = key12(*account, *mailbox, uid.number());
                    self.message.remove(&key)?;
                    self.flags.remove(&key)?;
                }
                waiting.change(*account, *modseq, Change::Vanished, *mailbox, uids);
            }
            Record::Setting(account, name, Some(content)) => {
                let key = named_key(*account, b's', name);
                self.named.insert(key.as_slice(), content.as_ref())?;
            }
            Record::Setting(account, name, None) => {
                self.named.remove(named_key(*account, b's', name).as_slice())?;
            }
            Record::Subscription(account, name, on) => {
                let key = named_key(*account, b'm', name);
                if *on {
                    self.named.insert(key.as_slice(), [].as_slice())?;
                } else {
                    self.named.remove(key.as_slice())?;
                }
            }
            // These have a table of their own.
            Record::Remembered(..) => {}
        }
        Ok(())
    }

    fn account_gone(&mut self, account: AccountId) -> Result<(), redb::Error> {
        let a = account.0.to_be_bytes();
        self.account.remove(&a)?;
        self.account_count.remove(&a)?;
        let (first, last): ([u8; 6], [u8; 6]) = (join(&a, &[0; 2]), join(&a, &[255; 2]));
        self.keyword.retain_in::<&[u8; 6], _>(&first..=&last, |_, _| false)?;
        let (first, last): ([u8; 8], [u8; 8]) = (join(&a, &[0; 4]), join(&a, &[255; 4]));
        self.mailbox.retain_in::<&[u8; 8], _>(&first..=&last, |_, _| false)?;
        self.mailbox_count.retain_in::<&[u8; 8], _>(&first..=&last, |_, _| false)?;
        let (first, last): ([u8; 12], [u8; 12]) = (join(&a, &[0; 8]), join(&a, &[255; 8]));
        self.message.retain_in::<&[u8; 12], _>(&first..=&last, |_, _| false)?;
        self.flags.retain_in::<&[u8; 12], _>(&first..=&last, |_, _| false)?;
        self.change.retain_in::<&[u8; 12], _>(&first..=&last, |_, _| false)?;
        let (first, last) = (named_key(account, 0, ""), named_key(account, 255, ""));
        self.named.retain_in::<&[u8], _>(first.as_slice()..=last.as_slice(), |_, _| false)?;
        Ok(())
    }
}

impl Waiting<'_> {
    fn change(
        &mut self,
        account: AccountId,
        modseq: ModSeq,
        kind: Change,
        mailbox: MailboxId,
        uids: &UidSet,
    ) {
        if self.change.as_ref().is_none_or(|(a, m, _)| (*a, *m) != (account, modseq)) {
            self.end_change();
        }
        let (_, _, entries) = self.change.get_or_insert_with(|| (account, modseq, Vec::new()));
        match entries.last_mut().filter(|(k, m, _)| (*k, *m) == (kind, mailbox)) {
            Some((_, _, before)) => uids.ranges().for_each(|range| before.insert_range(range)),
            None => entries.push((kind, mailbox, uids.clone())),
        }
    }

    fn end_change(&mut self) {
        if let Some((account, modseq, entries)) = self.change.take() {
            let mut value = Vec::with_capacity(8);
            for (kind, mailbox, uids) in entries {
                value.push(kind as u8);
                put(&mut value, u64::from(mailbox.0));
                put_uids(&mut value, &uids);
            }
            self.changes.push((change_key(account, modseq.0), value));
        }
    }
}

/// A shard at one moment.
pub(crate) struct Reading {
    txn: ReadTransaction,
    /// Keeps the file from being opened a second time while this one reads.
    _db: Arc<Database>,
}

impl Reading {
    pub(crate) fn account_row(&self, account: AccountId) -> Result<Option<AccountRow>, Fault> {
        self.one(ACCOUNT, &key4(account), AccountRow::decode)
    }

    pub(crate) fn account_count(&self, account: AccountId) -> Result<Option<AccountCount>, Fault> {
        self.one(ACCOUNT_COUNT, &key4(account), AccountCount::decode)
    }

    pub(crate) fn mailbox_row(
        &self,
        a: AccountId,
        m: MailboxId,
    ) -> Result<Option<MailboxRow>, Fault> {
        self.one(MAILBOX, &key8(a, m), MailboxRow::decode)
    }

    pub(crate) fn mailbox_count(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<MailboxCount>, Fault> {
        self.one(MAILBOX_COUNT, &key8(account, mailbox), MailboxCount::decode)
    }

    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<Place>, Fault> {
        self.one(BLOB, &id.0, Place::decode)
    }

    pub(crate) fn accounts(&self) -> Result<Vec<AccountId>, Fault> {
        let table = self.txn.open_table(ACCOUNT).map_err(fault)?;
        let mut accounts = Vec::new();
        for entry in table.iter().map_err(fault)? {
            accounts.push(AccountId(u32::from_be_bytes(*entry.map_err(fault)?.0.value())));
        }
        Ok(accounts)
    }

    pub(crate) fn last_account(&self) -> Result<u32, Fault> {
        let table = self.txn.open_table(META).map_err(fault)?;
        Ok(table.get("last_account").map_err(fault)?.map_or(0, |v| v.value() as u32))
    }

    pub(crate) fn keywords(&self, account: AccountId) -> Result<Vec<Arc<str>>, Fault> {
        let mut keywords = Vec::new();
        let range = key6(account, 0)..=key6(account, u16::MAX);
        self.range(KEYWORD, &range, |_, value| {
            keywords.push(std::str::from_utf8(value).map_err(|_| Malformed)?.into());
            Ok(true)
        })?;
        Ok(keywords)
    }

    pub(crate) fn mailbox_ids(&self, account: AccountId) -> Result<Vec<MailboxId>, Fault> {
        let mut ids = Vec::new();
        let range = key8(account, MailboxId(0))..=key8(account, MailboxId(u32::MAX));
        self.range(MAILBOX, &range, |key, _| {
            ids.push(MailboxId(last_u32(key)));
            Ok(true)
        })?;
        Ok(ids)
    }

    pub(crate) fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
        let table = self.txn.open_table(NAMED).map_err(fault)?;
        let value = table.get(named_key(account, b's', name).as_slice()).map_err(fault)?;
        Ok(value.map(|v| Bytes::copy_from_slice(v.value())))
    }

    pub(crate) fn subscriptions(&self, account: AccountId) -> Result<Vec<Arc<str>>, Fault> {
        let table = self.txn.open_table(NAMED).map_err(fault)?;
        let (first, last) = (named_key(account, b'm', ""), named_key(account, b'm' + 1, ""));
        let mut names = Vec::new();
        for entry in table.range::<&[u8]>(first.as_slice()..last.as_slice()).map_err(fault)? {
            let (key, _) = entry.map_err(fault)?;
            let name = key.value().get(5..).and_then(|name| std::str::from_utf8(name).ok());
            names.push(name.ok_or_else(|| damaged(Malformed))?.into());
        }
        Ok(names)
    }

    /// Walks messages until `each` says `false`.
    pub(crate) fn messages(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        range: &RangeInclusive<Uid>,
        mut each: impl FnMut(Uid, MessageRow) -> bool,
    ) -> Result<(), Fault> {
        self.range(MESSAGE, &uid_range(account, mailbox, range), |key, value| {
            let value = Bytes::copy_from_slice(value);
            let row = MessageRow::decode(&mut Reader::new(&value))?;
            Ok(each(Uid::new(last_u32(key)).ok_or(Malformed)?, row))
        })
    }

    /// Walks flags until `each` says `false`.
    pub(crate) fn flags(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        range: &RangeInclusive<Uid>,
        mut each: impl FnMut(Uid, FlagsRow) -> bool,
    ) -> Result<(), Fault> {
        self.range(FLAGS, &uid_range(account, mailbox, range), |key, value| {
            let row = FlagsRow::decode(&mut Reader::new(&Bytes::copy_from_slice(value)))?;
            Ok(each(Uid::new(last_u32(key)).ok_or(Malformed)?, row))
        })
    }

    /// Walks the account's changes after `since`.
    pub(crate) fn changes(
        &self,
        account: AccountId,
        since: ModSeq,
        mut each: impl FnMut(ModSeq, Change, MailboxId, UidSet),
    ) -> Result<(), Fault> {
        let range = change_key(account, since.0.saturating_add(1))..=change_key(account, u64::MAX);
        self.range(CHANGE, &range, |key, value| {
            let modseq = ModSeq(u64::from_be_bytes(join(&key[4..], &[])));
            let value = Bytes::copy_from_slice(value);
            let r = &mut Reader::new(&value);
            while !r.is_done() {
                let kind = match r.byte()? {
                    1 => Change::Added,
                    2 => Change::Flags,
                    3 => Change::Vanished,
                    5 => Change::MailboxGone,
                    _ => return Err(Malformed),
                };
                each(modseq, kind, MailboxId(r.small()?), uids(r)?);
            }
            Ok(true)
        })
    }

    /// Ids and encoded outcomes of remembered batches, oldest first.
    pub(crate) fn remembered(&self) -> Result<Vec<(u128, Bytes)>, Fault> {
        let mut list = Vec::new();
        self.range(REMEMBERED, &([0; 12]..=[255; 12]), |_, value| {
            let (id, outcomes) = value.split_first_chunk::<16>().ok_or(Malformed)?;
            list.push((u128::from_be_bytes(*id), Bytes::copy_from_slice(outcomes)));
            Ok(true)
        })?;
        Ok(list)
    }

    fn one<const N: usize, T>(
        &self,
        def: Def<N>,
        key: &[u8; N],
        decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Fault> {
        let table = self.txn.open_table(def).map_err(fault)?;
        let Some(value) = table.get(key).map_err(fault)? else { return Ok(None) };
        let value = Bytes::copy_from_slice(value.value());
        decode(&mut Reader::new(&value)).map(Some).map_err(damaged)
    }

    fn range<const N: usize>(
        &self,
        def: Def<N>,
        range: &RangeInclusive<[u8; N]>,
        mut each: impl FnMut(&[u8; N], &[u8]) -> Result<bool, Malformed>,
    ) -> Result<(), Fault> {
        if range.is_empty() {
            return Ok(());
        }
        let table = self.txn.open_table(def).map_err(fault)?;
        for entry in table.range::<&[u8; N]>(range.start()..=range.end()).map_err(fault)? {
            let (key, value) = entry.map_err(fault)?;
            if !each(key.value(), value.value()).map_err(damaged)? {
                break;
            }
        }
        Ok(())
    }
}

fn uid_range(
    account: AccountId,
    mailbox: MailboxId,
    range: &RangeInclusive<Uid>,
) -> RangeInclusive<[u8; 12]> {
    key12(account, mailbox, range.start().number())..=key12(account, mailbox, range.end().number())
}

fn last_u32(key: &[u8]) -> u32 {
    key.last_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
}

fn damaged(_: Malformed) -> Fault {
    Fault::Damaged("a value in the index".into())
}

/// A redb error as a reader sees it.
pub(crate) fn fault(error: impl Into<redb::Error>) -> Fault {
    match error.into() {
        redb::Error::Corrupted(what) => Fault::Damaged(what.into()),
        other => Fault::Disk(other.to_string().into()),
    }
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
