//! The messages of a maildrop as they were at sign-in, and who may look at them.

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::pop3;
use posthaste_store::{AccountId, BlobId, Fault, MailboxId, Store, Uid};

use crate::summary::Summary;

/// Rows that are read at a time.
const ROWS: usize = 1_000;
/// Messages that a maildrop shows at most: the oldest ones. The rest is there when these are gone.
const MESSAGES: usize = 1_000_000;

/// Which maildrops are open (RFC 1939 §4: one session each).
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<HashSet<AccountId, foldhash::fast::RandomState>>>);

/// The exclusive right to one maildrop, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    locks: Locks,
    account: AccountId,
}

/// The messages of a maildrop.
#[derive(Debug)]
pub(super) struct Messages {
    uidvalidity: u32,
    messages: Vec<Message>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) uid: Uid,
    pub(super) blob: BlobId,
    /// Octets of the body.
    pub(super) octets: u64,
    /// The body does not end with CR LF.
    unended: bool,
}

impl Locks {
    /// The right to this maildrop, unless somebody has it.
    pub(super) fn take(&self, account: AccountId) -> Option<Lock> {
        self.0.lock().insert(account).then(|| Lock { locks: self.clone(), account })
    }
}

impl Lock {
    /// Whose maildrop it is.
    pub(super) fn account(&self) -> AccountId {
        self.account
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.0.lock().remove(&self.account);
    }
}

impl Messages {
    /// Reads what is in INBOX now.
    pub(super) fn read(store: &dyn Store, account: AccountId) -> Result<Self, Fault> {
        let view = store.view(account)?.ok_or(Fault::Missing)?;
        let inbox = view.mailbox(MailboxId::INBOX)?.ok_or(Fault::Missing)?;
        let mut messages =
            Vec::with_capacity(usize::try_from(inbox.messages).unwrap_or(0).min(MESSAGES));
        let mut rows = Vec::new();
        let mut range: RangeInclusive<Uid> = Uid::MIN..=Uid::MAX;
        while messages.len() < MESSAGES {
            rows.clear();
            view.rows(MailboxId::INBOX, range, ROWS, &mut rows)?;
            messages.extend(rows.iter().map(|row| Message {
                uid: row.uid,
                blob: row.blob,
                octets: row.size,
                unended: Summary::read(&row.summary).is_some_and(|summary| summary.unended),
            }));
            let Some(last) = rows.last().filter(|last| rows.len() == ROWS && last.uid < Uid::MAX)
            else {
                break;
            };
            range = last.uid.next()..=Uid::MAX;
        }
        messages.truncate(MESSAGES);
        Ok(Self { uidvalidity: inbox.uidvalidity, messages })
    }

    /// The message of this number; the first one is 1.
    pub(super) fn message(&self, number: u32) -> Option<&Message> {
        self.messages.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

impl pop3::Maildrop for Messages {
    fn count(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    fn size(&self, number: u32) -> u64 {
        self.message(number).map_or(0, |message| message.octets + u64::from(message.unended) * 2)
    }

    fn uid(&self, number: u32, uid: &mut pop3::Uid<'_>) {
        if let Some(message) = self.message(number) {
            // A place for 21 digits always has room.
            let _ = write!(uid, "{}.{}", self.uidvalidity, message.uid.number());
        }
    }
}
