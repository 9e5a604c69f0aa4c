//! What became of a batch.

use crate::flags::Flags;
use crate::id::{AccountId, EmailId, MailboxId, ModSeq, Uid};
use crate::uids::UidSet;
use smallvec::SmallVec;
use std::fmt;

/// One outcome per mutation, in order.
pub type Outcomes = SmallVec<[Outcome; 1]>;

/// Called once with the outcomes of a batch: from then on they survive a crash, and every
/// [`View`](crate::View) made shows them. Called on the committer's thread, so it must be cheap:
/// note the result, do not wake anybody. Waking is for [`Store::on_round`](crate::Store::on_round).
pub type Completion = Box<dyn FnOnce(Outcomes) + Send>;

/// What became of one mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// An account was made.
    Account(AccountId),
    /// A mailbox was made.
    Mailbox {
        /// Its number.
        mailbox: MailboxId,
        /// Its UIDVALIDITY.
        uidvalidity: u32,
        /// When.
        modseq: ModSeq,
    },
    /// A delivery: one result per recipient.
    Delivered(SmallVec<[Result<Stored, Refusal>; 1]>),
    /// An append: one per message.
    Appended(SmallVec<[Stored; 1]>),
    /// A copy or move. Nothing matched: the sets are empty.
    Copied {
        /// UIDVALIDITY of the mailbox copied to.
        uidvalidity: u32,
        /// Source UIDs, ascending; the n-th became the n-th of `to`.
        from: UidSet,
        /// UIDs they got.
        to: UidSet,
        /// When.
        modseq: ModSeq,
    },
    /// Flags were set.
    Flags {
        /// The messages whose flags are now different, and all their flags, ascending.
        changed: Vec<FlagRow>,
        /// The messages left alone because of `unchanged_since` (RFC 7162 §3.1.3 `MODIFIED`).
        modified: UidSet,
        /// When; unchanged if nothing was.
        modseq: ModSeq,
    },
    /// Messages were removed.
    Expunged {
        /// Which.
        uids: UidSet,
        /// When; unchanged if nothing was.
        modseq: ModSeq,
    },
    /// Done, and nothing more to say.
    Done,
    /// Nothing was done.
    Refused(Refusal),
}

/// Where a message landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// UIDVALIDITY of the mailbox.
    pub uidvalidity: u32,
    /// Its UID.
    pub uid: Uid,
    /// When.
    pub modseq: ModSeq,
    /// Its id within the account.
    pub email: EmailId,
}

/// The flags of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagRow {
    /// Which message.
    pub uid: Uid,
    /// What is set.
    pub flags: Flags,
    /// When that last changed.
    pub modseq: ModSeq,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Another mutation of the batch was refused.
    Abandoned,
    /// There is a mailbox of this name, or of this role, already.
    Exists,
    /// The disk is full. Deletions still work.
    Full,
    /// A named limit is reached: keywords, mailboxes, a length, the UIDs of a mailbox.
    Limit,
    /// There is no such account.
    NoAccount,
    /// There is no such mailbox.
    NoMailbox,
    /// INBOX cannot be renamed or deleted.
    NotAllowed,
    /// The account's quota would be exceeded.
    OverQuota,
    /// The store takes no writes any more: see the log.
    ReadOnly,
    /// It did not work now, and may later: answer 451. Whether it happened is unknown if the batch
    /// was on its way to the disk; a batch with an id can be sent again to find out.
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abandoned => "another part of the batch was refused",
            Self::Exists => "already exists",
            Self::Full => "the disk is full",
            Self::Limit => "a limit is reached",
            Self::NoAccount => "no such account",
            Self::NoMailbox => "no such mailbox",
            Self::NotAllowed => "not allowed for INBOX",
            Self::OverQuota => "over quota",
            Self::ReadOnly => "the store is read-only",
            Self::Unavailable => "the store is unavailable",
        })
    }
}

impl std::error::Error for Refusal {}
