//! The numbers and names that things in the store go by.

use std::fmt;
use std::num::NonZeroU32;

/// An account. Given by the store when the account is made, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

impl AccountId {
    /// The server itself: owner of settings that belong to no account. Has no mailboxes.
    pub const SERVER: Self = Self(0);
}

/// A mailbox of one account. Survives renaming, never given twice within the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub u32);

impl MailboxId {
    /// INBOX of every account: made with the account, never deleted or renamed.
    pub const INBOX: Self = Self(1);
}

/// A message's number within its mailbox (RFC 9051 §2.3.1.1). Strictly ascending, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub NonZeroU32);

impl Uid {
    /// The lowest UID there is.
    pub const MIN: Self = Self(NonZeroU32::MIN);
    /// The highest UID there is.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// The UID with this number, `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// The next UID, or the highest again.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A point in an account's history (RFC 7162 §3.1). One counter per account, shared by its
/// mailboxes; every mutation that changes mail or mailboxes takes the next value. 0 is the time
/// before anything happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(pub u64);

/// A message of an account, whichever mailboxes hold it: COPY and MOVE keep it (RFC 8474 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailId(pub u64);

/// The content of a body: its BLAKE3-256 hash. Equal bodies are stored once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl BlobId {
    /// The id of a body held in one piece.
    pub fn of(body: &[u8]) -> Self {
        Self(*blake3::hash(body).as_bytes())
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

/// Milliseconds since 1970-01-01 00:00 UTC. The store reads no clock: every batch brings the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Names one batch for all time, so that a batch sent again after an unknown outcome happens once.
/// Random: 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u128);
