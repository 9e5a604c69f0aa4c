//! Reading the tables.

use super::super::Place;
use super::super::codec::{Malformed, Reader};
use super::super::record::{
    AccountCount, AccountRow, FlagsRow, MailboxCount, MailboxRow, MessageRow, uids,
};
use super::{
    ACCOUNT, ACCOUNT_COUNT, BLOB, CHANGE, Change, Def, FLAGS, KEYWORD, MAILBOX, MAILBOX_COUNT,
    MESSAGE, META, NAMED, REMEMBERED, change_key, join, key4, key6, key8, key12, named_key,
};
use crate::id::{AccountId, BlobId, MailboxId, ModSeq, Uid};
use crate::uids::UidSet;
use crate::view::Fault;
use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableTable};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A shard at one moment.
pub(crate) struct Reading {
    pub(super) txn: ReadTransaction,
    /// Keeps the file from being opened a second time while this one reads.
    pub(super) _db: Arc<Database>,
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
