//! Reading an account as it stood at one moment.

use crate::flags::Flags;
use crate::id::{AccountId, BlobId, EmailId, MailboxId, ModSeq, Timestamp, Uid};
use crate::mutation::{Quota, Role};
use crate::outcome::FlagRow;
use crate::uids::UidSet;
use bytes::Bytes;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// One account at one moment: it includes every batch completed before it was made, and nothing
/// later. Making one is cheap; keep it for a command, not for a session, because it pins old pages.
/// Reading may touch the disk: not for reactor threads.
pub trait View: Send {
    /// The account itself.
    fn account(&self) -> &Account;

    /// Its keywords: [`KeywordId`](crate::KeywordId) is the place in this list.
    fn keywords(&self) -> &[Arc<str>];

    /// Its mailboxes, by number, with their counters.
    fn mailboxes(&self) -> Result<Vec<Mailbox>, Fault>;

    /// One mailbox, `None` if there is none.
    fn mailbox(&self, mailbox: MailboxId) -> Result<Option<Mailbox>, Fault>;

    /// Names subscribed to, sorted.
    fn subscriptions(&self) -> Result<Vec<Arc<str>>, Fault>;

    /// A named value.
    fn setting(&self, name: &str) -> Result<Option<Bytes>, Fault>;

    /// Appends messages of the range to `rows`, ascending, `limit` at most. Fewer than `limit` means
    /// there are no more; else go on after the last one's UID.
    fn rows(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), Fault>;

    /// Like [`rows`](View::rows), flags alone: many times cheaper, and all that opening a mailbox
    /// needs.
    fn flags(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<FlagRow>,
    ) -> Result<(), Fault>;

    /// What changed in a mailbox after `since` (RFC 7162 §3.2.5). `None`: that is too long ago to
    /// know, the caller must read everything.
    fn changes(&self, mailbox: MailboxId, since: ModSeq) -> Result<Option<Changes>, Fault>;

    /// One message.
    fn row(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<Row>, Fault> {
        let mut rows = Vec::with_capacity(1);
        self.rows(mailbox, uid..=uid, 1, &mut rows)?;
        Ok(rows.pop())
    }
}

/// An account's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The host's record.
    pub settings: Bytes,
    /// How much it may hold.
    pub quota: Quota,
    /// How much it holds.
    pub usage: Usage,
    /// Its latest change.
    pub modseq: ModSeq,
}

/// How much an account holds; exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets of message bodies, each copy counted.
    pub bytes: u64,
    /// Messages, each copy counted.
    pub messages: u64,
}

impl Usage {
    /// Whether `more` fits into `quota`.
    pub fn fits(&self, quota: &Quota, more: Usage) -> bool {
        let within = |used: u64, more: u64, limit: Option<u64>| {
            limit.is_none_or(|limit| used.checked_add(more).is_some_and(|sum| sum <= limit))
        };
        within(self.bytes, more.bytes, quota.bytes)
            && within(self.messages, more.messages, quota.messages)
    }
}

/// A mailbox and its counters, all that STATUS asks for (RFC 9051 §6.3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Its number.
    pub id: MailboxId,
    /// Its full name, levels split by `/`.
    pub name: Arc<str>,
    /// Its special use.
    pub role: Option<Role>,
    /// UIDVALIDITY: ascends when a name is used again.
    pub uidvalidity: u32,
    /// UIDNEXT: what the next message gets. `None` once every UID has been used.
    pub uidnext: Option<Uid>,
    /// HIGHESTMODSEQ.
    pub modseq: ModSeq,
    /// Messages in it.
    pub messages: u64,
    /// Those without `\Seen`.
    pub unseen: u64,
    /// Those with `\Deleted`.
    pub deleted: u64,
    /// Octets of all messages.
    pub bytes: u64,
}

/// A message in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its UID.
    pub uid: Uid,
    /// Its id within the account.
    pub email: EmailId,
    /// INTERNALDATE.
    pub internal: Timestamp,
    /// When the server got it.
    pub received: Timestamp,
    /// When it came into this mailbox (RFC 8514 SAVEDATE).
    pub saved: Timestamp,
    /// Octets of the body.
    pub size: u64,
    /// The body.
    pub blob: BlobId,
    /// What the host put beside it.
    pub summary: Bytes,
    /// What is set.
    pub flags: Flags,
    /// When that last changed.
    pub modseq: ModSeq,
}

/// What happened in a mailbox between two points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Messages that are new or whose flags were changed, and are still there, ascending.
    pub changed: Vec<FlagRow>,
    /// UIDs that are gone. May hold some that came and went in between.
    pub vanished: UidSet,
    /// The mailbox's HIGHESTMODSEQ: ask from here next time.
    pub modseq: ModSeq,
}

/// Reading failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no such thing in the store.
    Missing,
    /// What is stored does not match its checksum or does not decode. The text says where.
    Damaged(Arc<str>),
    /// The disk would not be read. The text is the system's.
    Disk(Arc<str>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not in the store"),
            Self::Damaged(what) => write!(f, "damaged: {what}"),
            Self::Disk(what) => write!(f, "disk: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string().into())
    }
}
