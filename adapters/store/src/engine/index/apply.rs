//! Putting records into the tables.

use super::super::codec::put;
use super::super::record::{AccountCount, FlagsRow, MailboxCount, MessageRow, Record, put_uids};
use super::{
    ACCOUNT, ACCOUNT_COUNT, CHANGE, Change, FLAGS, KEYWORD, Key, MAILBOX, MAILBOX_COUNT, MESSAGE,
    META, NAMED, REMEMBERED, change_key, join, key4, key6, key8, key12, named_key,
};
use crate::id::{AccountId, MailboxId, ModSeq};
use crate::mutation::REMEMBERED_BATCHES;
use crate::uids::UidSet;
use redb::{ReadableTableMetadata, Table, WriteTransaction};
use std::collections::HashMap;

/// Keeps the outcomes of batches with an id, the latest [`REMEMBERED_BATCHES`].
pub(super) fn remember(
    txn: &WriteTransaction,
    records: &[(u64, &Record)],
) -> Result<(), redb::Error> {
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
pub(super) struct Tables<'t> {
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

/// What happened to some messages of a mailbox.
type Entry = (Change, MailboxId, UidSet);

/// What waits to be written in one go.
#[derive(Default)]
struct Waiting<'a> {
    account_counts: HashMap<AccountId, &'a AccountCount, foldhash::fast::RandomState>,
    mailbox_counts: HashMap<(AccountId, MailboxId), &'a MailboxCount, foldhash::fast::RandomState>,
    messages: Vec<([u8; 12], &'a MessageRow, &'a FlagsRow)>,
    /// Changes of one account and MODSEQ: those of one mutation stand side by side.
    change: Option<(AccountId, ModSeq, Vec<Entry>)>,
    changes: Vec<([u8; 12], Vec<u8>)>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, redb::Error> {
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

    pub(super) fn apply(mut self, records: &[(u64, &Record)]) -> Result<(), redb::Error> {
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
