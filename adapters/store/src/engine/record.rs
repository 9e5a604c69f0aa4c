//! Records: what mutations come to once UIDs and MODSEQs are given. The log holds records, the
//! overlay keeps them, the applier puts them into the index. They say how things *are* after the
//! change, never how they change, so doing one twice does no harm.

use super::codec::{Malformed, Reader, put, put_bytes, put_option, put_signed};
use crate::flags::{Flags, KeywordId, SystemFlags};
use crate::id::{AccountId, BlobId, EmailId, MailboxId, ModSeq, Timestamp, Uid};
use crate::mutation::{Quota, Role};
use crate::outcome::{Outcome, Refusal, Stored};
use crate::uids::UidSet;
use crate::view::Usage;
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::Arc;

/// One fact about the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// The highest account number given.
    LastAccount(u32),
    Account(AccountId, AccountRow),
    AccountCount(AccountId, AccountCount),
    AccountGone(AccountId),
    Keyword(AccountId, KeywordId, Arc<str>),
    Mailbox(AccountId, MailboxId, MailboxRow),
    MailboxCount(AccountId, MailboxId, MailboxCount),
    MailboxGone(AccountId, MailboxId, ModSeq),
    Message(AccountId, MailboxId, Uid, MessageRow, FlagsRow),
    /// Flags of messages after one STORE.
    Flags(AccountId, MailboxId, ModSeq, Vec<(Uid, Flags)>),
    Vanished(AccountId, MailboxId, ModSeq, UidSet),
    Setting(AccountId, Arc<str>, Option<Bytes>),
    Subscription(AccountId, Arc<str>, bool),
    /// A batch with an id happened: its outcomes, encoded.
    Remembered(u128, Bytes),
}

/// What seldom changes about an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountRow {
    pub(crate) settings: Bytes,
    pub(crate) quota: Quota,
    pub(crate) last_mailbox: u32,
    pub(crate) last_uidvalidity: u32,
}

/// What often changes about an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountCount {
    pub(crate) modseq: ModSeq,
    pub(crate) last_email: u64,
    pub(crate) usage: Usage,
}

/// What seldom changes about a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailboxRow {
    pub(crate) name: Arc<str>,
    pub(crate) role: Option<Role>,
    pub(crate) uidvalidity: u32,
}

/// What often changes about a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailboxCount {
    pub(crate) last_uid: u32,
    pub(crate) modseq: ModSeq,
    pub(crate) messages: u64,
    pub(crate) unseen: u64,
    pub(crate) deleted: u64,
    pub(crate) bytes: u64,
}

/// What never changes about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageRow {
    pub(crate) email: EmailId,
    pub(crate) internal: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) saved: Timestamp,
    pub(crate) size: u64,
    pub(crate) blob: BlobId,
    pub(crate) summary: Bytes,
}

/// What changes about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlagsRow {
    pub(crate) flags: Flags,
    pub(crate) modseq: ModSeq,
}

impl Record {
    /// Whose record it is; that decides the shard.
    pub(crate) fn account(&self) -> AccountId {
        match self {
            Self::LastAccount(_) | Self::Remembered(..) => AccountId::SERVER,
            Self::Account(a, _)
            | Self::AccountCount(a, _)
            | Self::AccountGone(a)
            | Self::Keyword(a, ..)
            | Self::Mailbox(a, ..)
            | Self::MailboxCount(a, ..)
            | Self::MailboxGone(a, ..)
            | Self::Message(a, ..)
            | Self::Flags(a, ..)
            | Self::Vanished(a, ..)
            | Self::Setting(a, ..)
            | Self::Subscription(a, ..) => *a,
        }
    }
}

/// Writes records one after another. A message whose body, dates and summary equal those of the one
/// before (one message, many recipients) is written short.
#[derive(Default)]
pub(crate) struct Encoder {
    last: Option<MessageRow>,
}

impl Encoder {
    pub(crate) fn put(&mut self, record: &Record, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, kind: u8, account: AccountId| {
            out.push(kind);
            put(out, u64::from(account.0));
        };
        let inner = |out: &mut Vec<u8>, kind: u8, account: AccountId, mailbox: MailboxId| {
            head(out, kind, account);
            put(out, u64::from(mailbox.0));
        };
        match record {
            Record::LastAccount(last) => head(out, 1, AccountId(*last)),
            Record::Account(account, row) => {
                head(out, 2, *account);
                row.encode(out);
            }
            Record::AccountCount(account, count) => {
                head(out, 3, *account);
                count.encode(out);
            }
            Record::AccountGone(account) => head(out, 4, *account),
            Record::Keyword(account, id, name) => {
                head(out, 5, *account);
                put(out, u64::from(id.0));
                put_bytes(out, name.as_bytes());
            }
            Record::Mailbox(account, mailbox, row) => {
                inner(out, 6, *account, *mailbox);
                row.encode(out);
            }
            Record::MailboxCount(account, mailbox, count) => {
                inner(out, 7, *account, *mailbox);
                count.encode(out);
            }
            Record::MailboxGone(account, mailbox, modseq) => {
                inner(out, 8, *account, *mailbox);
                put(out, modseq.0);
            }
            Record::Message(account, mailbox, uid, row, flags) => {
                let short = self.last.as_ref().is_some_and(|last| last.same_content(row));
                inner(out, if short { 10 } else { 9 }, *account, *mailbox);
                put(out, u64::from(uid.number()));
                if short {
                    put(out, row.email.0);
                    put_signed(out, row.saved.0);
                } else {
                    row.encode(out);
                    self.last = Some(row.clone());
                }
                flags.encode(out);
            }
            Record::Flags(account, mailbox, modseq, rows) => {
                inner(out, 11, *account, *mailbox);
                put(out, modseq.0);
                put(out, rows.len() as u64);
                let mut before = 0;
                for (uid, flags) in rows {
                    put(out, u64::from(uid.number() - before));
                    before = uid.number();
                    put_flags(out, flags);
                }
            }
            Record::Vanished(account, mailbox, modseq, uids) => {
                inner(out, 12, *account, *mailbox);
                put(out, modseq.0);
                put_uids(out, uids);
            }
            Record::Setting(account, name, value) => {
                head(out, if value.is_some() { 13 } else { 14 }, *account);
                put_bytes(out, name.as_bytes());
                if let Some(value) = value {
                    put_bytes(out, value);
                }
            }
            Record::Subscription(account, name, on) => {
                head(out, if *on { 15 } else { 16 }, *account);
                put_bytes(out, name.as_bytes());
            }
            Record::Remembered(id, outcomes) => {
                head(out, 17, AccountId::SERVER);
                out.extend_from_slice(&id.to_be_bytes());
                put_bytes(out, outcomes);
            }
        }
    }
}

/// Reads all records of a batch.
pub(crate) fn decode_records(input: &Bytes) -> Result<Vec<Record>, Malformed> {
    let r = &mut Reader::new(input);
    let mut records = Vec::new();
    let mut last: Option<MessageRow> = None;
    while !r.is_done() {
        let kind = r.byte()?;
        let number = r.small::<u32>()?;
        let account = AccountId(number);
        let mailbox = match kind {
            6..=12 => MailboxId(r.small()?),
            _ => MailboxId(0),
        };
        records.push(match kind {
            1 => Record::LastAccount(number),
            2 => Record::Account(account, AccountRow::decode(r)?),
            3 => Record::AccountCount(account, AccountCount::decode(r)?),
            4 => Record::AccountGone(account),
            5 => Record::Keyword(account, KeywordId(r.small()?), r.text()?),
            6 => Record::Mailbox(account, mailbox, MailboxRow::decode(r)?),
            7 => Record::MailboxCount(account, mailbox, MailboxCount::decode(r)?),
            8 => Record::MailboxGone(account, mailbox, ModSeq(r.number()?)),
            9 | 10 => {
                let uid = uid(r)?;
                let row = if kind == 9 {
                    MessageRow::decode(r)?
                } else {
                    let like = last.as_ref().ok_or(Malformed)?.clone();
                    let (email, saved) = (EmailId(r.number()?), Timestamp(r.signed()?));
                    MessageRow { email, saved, ..like }
                };
                if kind == 9 {
                    last = Some(row.clone());
                }
                Record::Message(account, mailbox, uid, row, FlagsRow::decode(r)?)
            }
            11 => {
                let modseq = ModSeq(r.number()?);
                let count = r.count()?;
                let mut rows = Vec::with_capacity(count);
                let mut before = 0u32;
                for _ in 0..count {
                    let number = before.checked_add(r.small()?).ok_or(Malformed)?;
                    let uid = Uid::new(number).filter(|_| number > before).ok_or(Malformed)?;
                    before = number;
                    rows.push((uid, flags(r)?));
                }
                Record::Flags(account, mailbox, modseq, rows)
            }
            12 => Record::Vanished(account, mailbox, ModSeq(r.number()?), uids(r)?),
            13 => Record::Setting(account, r.text()?, Some(r.bytes()?)),
            14 => Record::Setting(account, r.text()?, None),
            15 | 16 => Record::Subscription(account, r.text()?, kind == 15),
            17 => Record::Remembered(u128::from_be_bytes(r.array()?), r.bytes()?),
            _ => return Err(Malformed),
        });
    }
    Ok(records)
}

impl AccountRow {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.settings);
        put_option(out, self.quota.bytes);
        put_option(out, self.quota.messages);
        put(out, u64::from(self.last_mailbox));
        put(out, u64::from(self.last_uidvalidity));
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            settings: r.bytes()?,
            quota: Quota { bytes: r.option()?, messages: r.option()? },
            last_mailbox: r.small()?,
            last_uidvalidity: r.small()?,
        })
    }
}

impl AccountCount {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let usage = self.usage;
        for number in [self.modseq.0, self.last_email, usage.bytes, usage.messages] {
            put(out, number);
        }
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (modseq, last_email) = (ModSeq(r.number()?), r.number()?);
        let usage = Usage { bytes: r.number()?, messages: r.number()? };
        Ok(Self { modseq, last_email, usage })
    }
}

impl MailboxRow {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.name.as_bytes());
        out.push(
            self.role
                .map_or(0, |role| 1 + ROLES.iter().position(|r| *r == role).unwrap_or(0) as u8),
        );
        put(out, u64::from(self.uidvalidity));
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = r.text()?;
        let role = match r.byte()? {
            0 => None,
            n => Some(*ROLES.get(usize::from(n) - 1).ok_or(Malformed)?),
        };
        Ok(Self { name, role, uidvalidity: r.small()? })
    }
}

/// Roles in the order of their numbers on disk: new ones go to the end.
const ROLES: [Role; 8] = [
    Role::All,
    Role::Archive,
    Role::Drafts,
    Role::Flagged,
    Role::Important,
    Role::Junk,
    Role::Sent,
    Role::Trash,
];

impl MailboxCount {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.last_uid));
        for number in [self.modseq.0, self.messages, self.unseen, self.deleted, self.bytes] {
            put(out, number);
        }
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            last_uid: r.small()?,
            modseq: ModSeq(r.number()?),
            messages: r.number()?,
            unseen: r.number()?,
            deleted: r.number()?,
            bytes: r.number()?,
        })
    }
}

impl MessageRow {
    fn same_content(&self, other: &Self) -> bool {
        self.blob == other.blob
            && self.size == other.size
            && self.internal == other.internal
            && self.received == other.received
            && self.summary == other.summary
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.email.0);
        for time in [self.internal, self.received, self.saved] {
            put_signed(out, time.0);
        }
        put(out, self.size);
        out.extend_from_slice(&self.blob.0);
        put_bytes(out, &self.summary);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            email: EmailId(r.number()?),
            internal: Timestamp(r.signed()?),
            received: Timestamp(r.signed()?),
            saved: Timestamp(r.signed()?),
            size: r.number()?,
            blob: BlobId(r.array()?),
            summary: r.bytes()?,
        })
    }
}

impl FlagsRow {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.modseq.0);
        put_flags(out, &self.flags);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { modseq: ModSeq(r.number()?), flags: flags(r)? })
    }
}

fn put_flags(out: &mut Vec<u8>, flags: &Flags) {
    out.push(flags.system.0);
    put(out, flags.keywords.len() as u64);
    for keyword in &flags.keywords {
        put(out, u64::from(keyword.0));
    }
}

fn flags(r: &mut Reader<'_>) -> Result<Flags, Malformed> {
    let system = SystemFlags(r.byte()?);
    let count = r.count()?;
    let mut keywords = SmallVec::with_capacity(count);
    for _ in 0..count {
        let keyword = KeywordId(r.small()?);
        if keywords.last().is_some_and(|last| *last >= keyword) {
            return Err(Malformed);
        }
        keywords.push(keyword);
    }
    Ok(Flags { system, keywords })
}

pub(crate) fn put_uids(out: &mut Vec<u8>, set: &UidSet) {
    put(out, set.ranges().count() as u64);
    let mut before = 0;
    for range in set.ranges() {
        put(out, u64::from(range.start().number() - before));
        put(out, u64::from(range.end().number() - range.start().number()));
        before = range.end().number();
    }
}

pub(crate) fn uids(r: &mut Reader<'_>) -> Result<UidSet, Malformed> {
    let mut set = UidSet::new();
    let mut before = 0u32;
    for _ in 0..r.count()? {
        let start = before.checked_add(r.small()?).ok_or(Malformed)?;
        let end = start.checked_add(r.small()?).ok_or(Malformed)?;
        set.insert_range(Uid::new(start).ok_or(Malformed)?..=Uid::new(end).ok_or(Malformed)?);
        before = end;
    }
    Ok(set)
}

fn uid(r: &mut Reader<'_>) -> Result<Uid, Malformed> {
    Uid::new(r.small()?).ok_or(Malformed)
}

/// Outcomes of a batch, to be told again.
pub(crate) fn encode_outcomes(outcomes: &[Outcome]) -> Bytes {
    let out = &mut Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Account(account) => {
                out.push(1);
                put(out, u64::from(account.0));
            }
            Outcome::Mailbox { mailbox, uidvalidity, modseq } => {
                out.push(2);
                put(out, u64::from(mailbox.0));
                put(out, u64::from(*uidvalidity));
                put(out, modseq.0);
            }
            Outcome::Delivered(results) => {
                out.push(3);
                put(out, results.len() as u64);
                for result in results {
                    match result {
                        Ok(stored) => {
                            out.push(0);
                            put_stored(out, stored);
                        }
                        Err(refusal) => {
                            let n = REFUSALS.iter().position(|r| r == refusal).unwrap_or(0);
                            out.push(1 + n as u8);
                        }
                    }
                }
            }
            Outcome::Appended(list) => {
                out.push(4);
                put(out, list.len() as u64);
                list.iter().for_each(|stored| put_stored(out, stored));
            }
            Outcome::Copied { uidvalidity, from, to, modseq } => {
                out.push(5);
                put(out, u64::from(*uidvalidity));
                put_uids(out, from);
                put_uids(out, to);
                put(out, modseq.0);
            }
            Outcome::Flags { changed, modified, modseq } => {
                out.push(6);
                put(out, changed.len() as u64);
                for row in changed {
                    put(out, u64::from(row.uid.number()));
                    FlagsRow { flags: row.flags.clone(), modseq: row.modseq }.encode(out);
                }
                put_uids(out, modified);
                put(out, modseq.0);
            }
            Outcome::Expunged { uids, modseq } => {
                out.push(7);
                put_uids(out, uids);
                put(out, modseq.0);
            }
            // A batch with a refused mutation never happened, so it is not remembered.
            Outcome::Done | Outcome::Refused(_) => out.push(8),
        }
    }
    std::mem::take(out).into()
}

/// Refusals a recipient can meet, in the order of their numbers on disk.
const REFUSALS: [Refusal; 8] = [
    Refusal::Unavailable,
    Refusal::NoAccount,
    Refusal::NoMailbox,
    Refusal::OverQuota,
    Refusal::Limit,
    Refusal::Full,
    Refusal::ReadOnly,
    Refusal::Abandoned,
];

fn put_stored(out: &mut Vec<u8>, stored: &Stored) {
    for n in [u64::from(stored.uidvalidity), u64::from(stored.uid.number())] {
        put(out, n);
    }
    put(out, stored.modseq.0);
    put(out, stored.email.0);
}

fn stored(r: &mut Reader<'_>) -> Result<Stored, Malformed> {
    Ok(Stored {
        uidvalidity: r.small()?,
        uid: uid(r)?,
        modseq: ModSeq(r.number()?),
        email: EmailId(r.number()?),
    })
}

/// Reads [`encode_outcomes`].
pub(crate) fn decode_outcomes(input: &Bytes) -> Result<crate::outcome::Outcomes, Malformed> {
    let r = &mut Reader::new(input);
    let mut outcomes = crate::outcome::Outcomes::new();
    while !r.is_done() {
        outcomes.push(match r.byte()? {
            1 => Outcome::Account(AccountId(r.small()?)),
            2 => Outcome::Mailbox {
                mailbox: MailboxId(r.small()?),
                uidvalidity: r.small()?,
                modseq: ModSeq(r.number()?),
            },
            3 => {
                let mut results = SmallVec::new();
                for _ in 0..r.count()? {
                    results.push(match r.byte()? {
                        0 => Ok(stored(r)?),
                        n => Err(*REFUSALS.get(usize::from(n) - 1).ok_or(Malformed)?),
                    });
                }
                Outcome::Delivered(results)
            }
            4 => {
                let count = r.count()?;
                Outcome::Appended((0..count).map(|_| stored(r)).collect::<Result<_, _>>()?)
            }
            5 => Outcome::Copied {
                uidvalidity: r.small()?,
                from: uids(r)?,
                to: uids(r)?,
                modseq: ModSeq(r.number()?),
            },
            6 => {
                let mut changed = Vec::new();
                for _ in 0..r.count()? {
                    let uid = uid(r)?;
                    let FlagsRow { flags, modseq } = FlagsRow::decode(r)?;
                    changed.push(crate::outcome::FlagRow { uid, flags, modseq });
                }
                Outcome::Flags { changed, modified: uids(r)?, modseq: ModSeq(r.number()?) }
            }
            7 => Outcome::Expunged { uids: uids(r)?, modseq: ModSeq(r.number()?) },
            8 => Outcome::Done,
            _ => return Err(Malformed),
        });
    }
    Ok(outcomes)
}
