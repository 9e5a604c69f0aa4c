//! What can be done to mail: mutations, in batches that happen whole or not at all.
//!
//! A [`Batch`] is atomic twice over. After a crash all of it is there or none of it; and if one
//! mutation is refused, the others are [`Refusal::Abandoned`](crate::Refusal::Abandoned). The one
//! exception is [`Mutation::Deliver`], whose recipients stand for themselves unless `whole` is set.

use crate::flags::{FlagChange, FlagNames};
use crate::id::{AccountId, BatchId, MailboxId, ModSeq, Timestamp};
use crate::staging::Body;
use crate::uids::UidSet;
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Mutations that happen together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// If set, a batch with this id that already happened is not repeated: its outcomes are told
    /// again. The store remembers the last [`REMEMBERED_BATCHES`] of them.
    pub id: Option<BatchId>,
    /// The time of day, for SAVEDATE and UIDVALIDITY.
    pub now: Timestamp,
    /// What to do, in this order.
    pub mutations: SmallVec<[Mutation; 1]>,
}

/// How many batch ids are remembered.
pub const REMEMBERED_BATCHES: usize = 4096;

impl Batch {
    /// A batch of one mutation, without an id.
    pub fn one(now: Timestamp, mutation: Mutation) -> Self {
        Self { id: None, now, mutations: smallvec![mutation] }
    }
}

/// A message on its way in. Its body is stored once, however many mailboxes take it.
#[derive(Clone, Debug)]
pub struct Message {
    /// The whole message as it will be read: the host has put the trace fields in front.
    pub body: Body,
    /// INTERNALDATE (RFC 9051 §2.3.3).
    pub internal: Timestamp,
    /// When the server got it (JMAP's `receivedAt`).
    pub received: Timestamp,
    /// Whatever the host wants to have beside every row of this message: MIME structure, envelope.
    /// The store never looks inside. At most [`MAX_SUMMARY`].
    pub summary: Bytes,
}

/// Longest summary, in bytes.
pub const MAX_SUMMARY: usize = 64 * 1024;
/// Longest mailbox name, setting name or keyword, in bytes.
pub const MAX_NAME: usize = 1024;
/// Longest account settings or setting value, in bytes.
pub const MAX_VALUE: usize = 256 * 1024;
/// Most keywords an account can ever have used.
pub const MAX_KEYWORDS: usize = 1000;
/// Most mailboxes an account can have.
pub const MAX_MAILBOXES: usize = 10_000;

/// A mailbox of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The account.
    pub account: AccountId,
    /// Its mailbox.
    pub mailbox: MailboxId,
}

/// How much an account may hold. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Octets of message bodies, each copy counted.
    pub bytes: Option<u64>,
    /// Messages, each copy counted.
    pub messages: Option<u64>,
}

/// What a mailbox is for (RFC 6154 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Important` (RFC 8457)
    Important,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

/// A mailbox to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMailbox {
    /// Full name, levels split by `/`, UTF-8. Unique in the account, compared octet by octet.
    pub name: Arc<str>,
    /// Special use. At most one mailbox of an account has each.
    pub role: Option<Role>,
    /// Whether to subscribe to it as well.
    pub subscribed: bool,
}

/// Which messages to expunge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expunged {
    /// All with `\Deleted` set: EXPUNGE, CLOSE.
    Deleted,
    /// Those of the set with `\Deleted` set: UID EXPUNGE (RFC 9051 §6.4.9).
    DeletedAmong(UidSet),
    /// Those of the set, whatever their flags: POP3 QUIT.
    Uids(UidSet),
}

/// One thing to do. UIDs that do not exist are passed over in silence, as IMAP wants it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Mutation {
    /// Makes an account. INBOX comes with it, then `mailboxes` in their order, numbered from 2.
    /// Outcome: [`Account`](crate::Outcome::Account).
    AccountCreate {
        /// The host's own record of the account.
        settings: Bytes,
        /// How much it may hold.
        quota: Quota,
        /// Mailboxes beside INBOX.
        mailboxes: Vec<NewMailbox>,
    },
    /// Replaces the host's record of an account. Outcome: `Done`.
    AccountPut {
        /// Which.
        account: AccountId,
        /// The new record.
        settings: Bytes,
    },
    /// Removes an account with all its mail. Outcome: `Done`.
    AccountRemove {
        /// Which.
        account: AccountId,
    },
    /// Sets an account's quota; what is there already stays. Outcome: `Done`.
    QuotaSet {
        /// Whose.
        account: AccountId,
        /// The new limits.
        quota: Quota,
    },
    /// Puts one message into the mailboxes of any number of accounts. Outcome: `Delivered`, one
    /// result per recipient, in order.
    Deliver {
        /// The message.
        message: Message,
        /// Flags it arrives with.
        flags: FlagNames,
        /// Where to.
        to: SmallVec<[Target; 1]>,
        /// If set, one refused recipient refuses the mutation.
        whole: bool,
    },
    /// IMAP APPEND of one or more messages to one mailbox, whole. Outcome: `Appended`.
    Append {
        /// Where to.
        to: Target,
        /// The messages, each with its flags; UIDs ascend in this order.
        messages: SmallVec<[(Message, FlagNames); 1]>,
    },
    /// IMAP COPY. Outcome: `Copied`.
    Copy {
        /// The mailbox they are in.
        from: Target,
        /// Which.
        uids: UidSet,
        /// The mailbox of the same account they go to.
        to: MailboxId,
    },
    /// IMAP MOVE: a copy and the removal of the originals as one. Outcome: `Copied`.
    Move {
        /// The mailbox they are in.
        from: Target,
        /// Which.
        uids: UidSet,
        /// The mailbox of the same account they go to.
        to: MailboxId,
    },
    /// IMAP STORE. Outcome: `Flags`.
    SetFlags {
        /// The mailbox.
        mailbox: Target,
        /// Which messages.
        uids: UidSet,
        /// Add, remove or replace.
        how: FlagChange,
        /// What.
        flags: FlagNames,
        /// Leave messages alone that changed after this (RFC 7162 §3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// Removes messages for good. Outcome: `Expunged`.
    Expunge {
        /// The mailbox.
        mailbox: Target,
        /// Which messages.
        which: Expunged,
    },
    /// Makes a mailbox. Its parents are not made; names are only text here. Outcome: `Mailbox`.
    MailboxCreate {
        /// Whose.
        account: AccountId,
        /// What.
        mailbox: NewMailbox,
    },
    /// Renames one mailbox (children are mailboxes of their own: put them in the same batch).
    /// Outcome: `Done`.
    MailboxRename {
        /// Which.
        mailbox: Target,
        /// The new name.
        name: Arc<str>,
    },
    /// Deletes a mailbox and what is in it. Subscriptions stay (RFC 9051 §6.3.5). Outcome: `Done`.
    MailboxDelete {
        /// Which.
        mailbox: Target,
    },
    /// Subscribes to a name, or ends that. The mailbox need not exist. Outcome: `Done`.
    Subscribe {
        /// Whose.
        account: AccountId,
        /// The name.
        name: Arc<str>,
        /// Subscribe or unsubscribe.
        on: bool,
    },
    /// Sets a named value of an account (or of [`AccountId::SERVER`]). Outcome: `Done`.
    SettingPut {
        /// Whose.
        account: AccountId,
        /// Its name.
        name: Arc<str>,
        /// The value; `None` removes it.
        value: Option<Bytes>,
    },
}
