//! An account as the round in progress leaves it, and the changes to it.

use super::super::Source;
use super::super::overlay::Places;
use super::super::record::{AccountCount, FlagsRow, MailboxCount, MailboxRow, MessageRow, Record};
use super::super::snapshot::{Frame, Snapshot, ranges_to_walk};
use super::Round;
use crate::flags::{FlagNames, Flags, KeywordId, SystemFlags};
use crate::id::{AccountId, MailboxId, ModSeq, Timestamp, Uid};
use crate::mutation::{MAX_KEYWORDS, MAX_MAILBOXES, MAX_NAME, NewMailbox, Role, Target};
use crate::outcome::{Outcome, Refusal, Stored};
use crate::uids::UidSet;
use crate::view::{Fault, Row, Usage};
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account as the round in progress leaves it.
pub(super) struct Slot {
    pub(super) state: Option<State>,
    /// Its records in the round.
    pub(super) pending: Places,
    pub(super) touched: bool,
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) frame: Frame,
    pub(super) row_changed: bool,
    pub(super) boxes: BTreeMap<MailboxId, Folder>,
}

#[derive(Clone)]
pub(super) struct Folder {
    pub(super) row: MailboxRow,
    pub(super) count: MailboxCount,
    pub(super) changed: bool,
}

/// What a mailbox loses with some messages.
pub(super) struct Gone {
    usage: Usage,
    unseen: u64,
    deleted: u64,
}

impl Gone {
    pub(super) fn of(rows: &[Row]) -> Self {
        let with = |flag| rows.iter().filter(|r| r.flags.system.has(flag)).count() as u64;
        let messages = rows.len() as u64;
        Self {
            usage: Usage { bytes: rows.iter().map(|r| r.size).sum(), messages },
            unseen: messages - with(SystemFlags::SEEN),
            deleted: with(SystemFlags::DELETED),
        }
    }
}

impl Slot {
    pub(super) fn empty() -> Self {
        Self { state: None, pending: Places::new(), touched: false }
    }

    pub(super) fn state(&mut self) -> Result<&mut State, Refusal> {
        self.state.as_mut().ok_or(Refusal::NoAccount)
    }

    pub(super) fn touch(&mut self, account: AccountId, round: &mut Round) {
        if !std::mem::replace(&mut self.touched, true) {
            round.touched.push(account);
        }
    }

    /// Adds a record of this account to the round.
    pub(super) fn note(&mut self, account: AccountId, record: Record, round: &mut Round) {
        self.touch(account, round);
        self.pending.push(round.records.len() as u32);
        round.records.push(record);
    }

    pub(super) fn row_changed(
        &mut self,
        account: AccountId,
        round: &mut Round,
    ) -> Result<Outcome, Refusal> {
        self.touch(account, round);
        self.state()?.row_changed = true;
        Ok(Outcome::Done)
    }

    /// Adds keywords the account did not have.
    pub(super) fn keep_keywords(
        &mut self,
        account: AccountId,
        names: Vec<Arc<str>>,
        round: &mut Round,
    ) -> Result<(), Refusal> {
        for name in names {
            let keywords = &mut self.state()?.frame.keywords;
            let id = KeywordId(keywords.len() as u16);
            keywords.push(Arc::clone(&name));
            self.note(account, Record::Keyword(account, id, name), round);
        }
        Ok(())
    }

    /// Puts a message into a mailbox as its next.
    pub(super) fn put(
        &mut self,
        target: Target,
        row: MessageRow,
        flags: Flags,
        modseq: ModSeq,
        round: &mut Round,
    ) -> Result<Stored, Refusal> {
        let Target { account, mailbox } = target;
        let state = self.state()?;
        let usage = &mut state.frame.count.usage;
        usage.bytes += row.size;
        usage.messages += 1;
        let folder = state.folder(mailbox)?;
        folder.changed = true;
        let count = &mut folder.count;
        let uid = count.last_uid.checked_add(1).and_then(Uid::new).ok_or(Refusal::Limit)?;
        count.last_uid = uid.number();
        count.modseq = modseq;
        count.messages += 1;
        count.bytes += row.size;
        count.unseen += u64::from(!flags.system.has(SystemFlags::SEEN));
        count.deleted += u64::from(flags.system.has(SystemFlags::DELETED));
        let stored = Stored { uidvalidity: folder.row.uidvalidity, uid, modseq, email: row.email };
        round.messages += 1;
        self.note(
            account,
            Record::Message(account, mailbox, uid, row, FlagsRow { flags, modseq }),
            round,
        );
        Ok(stored)
    }

    /// Takes messages out of a mailbox.
    pub(super) fn take_out(
        &mut self,
        target: Target,
        uids: &UidSet,
        gone: &Gone,
        modseq: ModSeq,
        round: &mut Round,
    ) -> Result<(), Refusal> {
        let Target { account, mailbox } = target;
        let state = self.state()?;
        let usage = &mut state.frame.count.usage;
        usage.bytes = usage.bytes.saturating_sub(gone.usage.bytes);
        usage.messages = usage.messages.saturating_sub(gone.usage.messages);
        let folder = state.folder(mailbox)?;
        folder.changed = true;
        let count = &mut folder.count;
        count.modseq = modseq;
        count.messages = count.messages.saturating_sub(gone.usage.messages);
        count.bytes = count.bytes.saturating_sub(gone.usage.bytes);
        count.unseen = count.unseen.saturating_sub(gone.unseen);
        count.deleted = count.deleted.saturating_sub(gone.deleted);
        self.note(account, Record::Vanished(account, mailbox, modseq, uids.clone()), round);
        Ok(())
    }

    /// Whole messages of a set.
    pub(super) fn rows(
        &self,
        target: Target,
        uids: &UidSet,
        source: &Source,
        records: &[Record],
    ) -> Result<Vec<Row>, Refusal> {
        let snapshot = source.snapshot(target.account).map_err(unavailable)?;
        let top = self.top(records);
        let mut rows = Vec::new();
        for range in ranges_to_walk(uids) {
            let keep = |row: Row| {
                if uids.contains(row.uid) {
                    rows.push(row);
                }
            };
            let walked = snapshot.walk_rows(&top, target.mailbox, &range, usize::MAX, keep);
            walked.map_err(unavailable)?;
        }
        Ok(rows)
    }

    /// Flags of the messages of a set.
    pub(super) fn flags(
        &self,
        target: Target,
        uids: &UidSet,
        source: &Source,
        records: &[Record],
        mut each: impl FnMut(crate::outcome::FlagRow),
    ) -> Result<(), Refusal> {
        let snapshot = source.snapshot(target.account).map_err(unavailable)?;
        let top = self.top(records);
        for range in ranges_to_walk(uids) {
            let walked = snapshot.walk_flags(&top, target.mailbox, &range, |row| {
                if uids.contains(row.uid) {
                    each(row);
                }
                true
            });
            walked.map_err(unavailable)?;
        }
        Ok(())
    }

    /// The account's records of this round.
    pub(super) fn top<'r>(&self, records: &'r [Record]) -> Vec<&'r Record> {
        self.pending.iter().filter_map(|at| records.get(*at as usize)).collect()
    }
}

impl State {
    pub(super) fn read(snapshot: &Snapshot) -> Result<Option<Self>, Fault> {
        let Some(frame) = snapshot.frame()? else { return Ok(None) };
        let mut boxes = BTreeMap::new();
        for id in snapshot.box_ids()? {
            if let Some((row, count)) = snapshot.box_rows(id)? {
                boxes.insert(id, Folder { row, count, changed: false });
            }
        }
        Ok(Some(Self { frame, row_changed: false, boxes }))
    }

    pub(super) fn folder(&mut self, mailbox: MailboxId) -> Result<&mut Folder, Refusal> {
        self.boxes.get_mut(&mailbox).ok_or(Refusal::NoMailbox)
    }

    /// Takes the account's next MODSEQ.
    pub(super) fn next(&mut self) -> ModSeq {
        let modseq: &mut AccountCount = &mut self.frame.count;
        modseq.modseq.0 += 1;
        modseq.modseq
    }

    pub(super) fn check_new(&self, mailbox: &NewMailbox) -> Result<(), Refusal> {
        limit(name_fits(&mailbox.name))?;
        limit(self.boxes.len() < MAX_MAILBOXES)?;
        self.free(&mailbox.name)?;
        let taken = |role: Role| self.boxes.values().any(|f| f.row.role == Some(role));
        if mailbox.role.is_some_and(taken) { Err(Refusal::Exists) } else { Ok(()) }
    }

    /// Refuses a name that is taken. INBOX is, in any case (RFC 9051 §5.1).
    pub(super) fn free(&self, name: &str) -> Result<(), Refusal> {
        let taken = self.boxes.values().any(|f| *f.row.name == *name);
        if taken || name.eq_ignore_ascii_case("INBOX") { Err(Refusal::Exists) } else { Ok(()) }
    }

    /// Makes a mailbox that was checked.
    pub(super) fn create(
        &mut self,
        account: AccountId,
        mailbox: &NewMailbox,
        now: Timestamp,
        records: &mut SmallVec<[Record; 2]>,
    ) -> Result<Outcome, Refusal> {
        let row = &mut self.frame.row;
        let id = MailboxId(row.last_mailbox.checked_add(1).ok_or(Refusal::Limit)?);
        let seconds = u32::try_from(now.0.max(0) / 1000).unwrap_or(u32::MAX);
        let floor = row.last_uidvalidity.checked_add(1).ok_or(Refusal::Limit)?;
        let uidvalidity = seconds.max(floor);
        row.last_mailbox = id.0;
        row.last_uidvalidity = uidvalidity;
        self.row_changed = true;
        let modseq = self.next();
        let row = MailboxRow { name: Arc::clone(&mailbox.name), role: mailbox.role, uidvalidity };
        let count = MailboxCount { modseq, ..MailboxCount::default() };
        records.push(Record::Mailbox(account, id, row.clone()));
        if mailbox.subscribed {
            records.push(Record::Subscription(account, Arc::clone(&mailbox.name), true));
        }
        self.boxes.insert(id, Folder { row, count, changed: true });
        Ok(Outcome::Mailbox { mailbox: id, uidvalidity, modseq })
    }

    /// Finds keywords by name. Unknown ones go to `new`, or are passed over unless `add`.
    pub(super) fn name_flags(
        &self,
        names: &FlagNames,
        add: bool,
        new: &mut Vec<Arc<str>>,
    ) -> Result<Flags, Refusal> {
        let mut flags = Flags { system: names.system, ..Flags::default() };
        for name in &names.keywords {
            limit(name_fits(name))?;
            let known = &self.frame.keywords;
            let mut all = known.iter().chain(&*new);
            let at = match all.position(|known| known.eq_ignore_ascii_case(name)) {
                Some(at) => at,
                None if !add => continue,
                None => {
                    let at = known.len() + new.len();
                    limit(at < MAX_KEYWORDS)?;
                    new.push(Arc::clone(name));
                    at
                }
            };
            let id = KeywordId(u16::try_from(at).map_err(|_| Refusal::Limit)?);
            flags.add(&Flags { keywords: smallvec![id], ..Flags::default() });
        }
        Ok(flags)
    }
}

pub(super) fn name_fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME
}

pub(super) fn limit(within: bool) -> Result<(), Refusal> {
    if within { Ok(()) } else { Err(Refusal::Limit) }
}

pub(super) fn unavailable(fault: Fault) -> Refusal {
    tracing::error!(%fault, "the index cannot be read");
    Refusal::Unavailable
}
