//! Messages: adding, copying, moving, flags and expunging.

use super::state::{Gone, limit};
use super::{Resolver, Work};
use crate::engine::record::{MessageRow, Record};
use crate::flags::{FlagChange, FlagNames, Flags, SystemFlags};
use crate::id::{EmailId, MailboxId, ModSeq};
use crate::mutation::{Expunged, MAX_SUMMARY, Message, Target};
use crate::outcome::{Outcome, Refusal, Stored};
use crate::uids::UidSet;
use crate::view::Usage;
use smallvec::{SmallVec, smallvec};

impl Resolver {
    /// Adds messages to one mailbox, all or none.
    pub(super) fn add(
        &mut self,
        target: Target,
        messages: &[(&Message, &FlagNames)],
        work: &mut Work<'_>,
    ) -> Result<SmallVec<[Stored; 1]>, Refusal> {
        let now = work.now;
        let slot = self.slot(target.account, work)?;
        let state = slot.state()?;
        let last_uid = state.folder(target.mailbox)?.count.last_uid;
        let more = Usage {
            bytes: messages.iter().map(|(m, _)| m.body.len()).sum(),
            messages: messages.len() as u64,
        };
        if !state.frame.count.usage.fits(&state.frame.row.quota, more) {
            return Err(Refusal::OverQuota);
        }
        let mut names = Vec::new();
        let mut flags: SmallVec<[Flags; 1]> = SmallVec::new();
        for (message, wanted) in messages {
            limit(message.summary.len() <= MAX_SUMMARY)?;
            flags.push(state.name_flags(wanted, true, &mut names)?);
        }
        let count = u32::try_from(messages.len()).map_err(|_| Refusal::Limit)?;
        limit(last_uid.checked_add(count).is_some())?;
        for ((message, _), _) in messages.iter().zip(&flags) {
            work.body(&message.body)?;
        }

        slot.keep_keywords(target.account, names, work.round)?;
        let modseq = if messages.is_empty() {
            return Ok(SmallVec::new());
        } else {
            slot.state()?.next()
        };
        let mut stored = smallvec![];
        for ((message, _), flags) in messages.iter().zip(flags) {
            let state = slot.state()?;
            state.frame.count.last_email += 1;
            let row = MessageRow {
                email: EmailId(state.frame.count.last_email),
                internal: message.internal,
                received: message.received,
                saved: now,
                size: message.body.len(),
                blob: message.body.id(),
                summary: message.summary.clone(),
            };
            stored.push(slot.put(target, row, flags, modseq, work.round)?);
        }
        Ok(stored)
    }

    pub(super) fn copy(
        &mut self,
        from: Target,
        uids: &UidSet,
        to: MailboxId,
        remove: bool,
        work: &mut Work<'_>,
    ) -> Result<Outcome, Refusal> {
        let (source, now) = (work.source, work.now);
        let slot = self.slot(from.account, work)?;
        let state = slot.state()?;
        let goal = state.folder(to)?;
        let (uidvalidity, last_uid) = (goal.row.uidvalidity, goal.count.last_uid);
        let modseq = state.folder(from.mailbox)?.count.modseq;
        let rows = slot.rows(from, uids, source, &work.round.records)?;
        let mut copied = (UidSet::new(), UidSet::new());
        if rows.is_empty() {
            return Ok(Outcome::Copied { uidvalidity, from: copied.0, to: copied.1, modseq });
        }
        let state = slot.state()?;
        let more = Usage { bytes: rows.iter().map(|r| r.size).sum(), messages: rows.len() as u64 };
        if !remove && !state.frame.count.usage.fits(&state.frame.row.quota, more) {
            return Err(Refusal::OverQuota);
        }
        let count = u32::try_from(rows.len()).map_err(|_| Refusal::Limit)?;
        limit(last_uid.checked_add(count).is_some())?;

        let modseq = state.next();
        let target = Target { mailbox: to, ..from };
        let gone = Gone::of(&rows);
        for row in rows {
            copied.0.insert(row.uid);
            let message = MessageRow {
                email: row.email,
                internal: row.internal,
                received: row.received,
                saved: now,
                size: row.size,
                blob: row.blob,
                summary: row.summary,
            };
            copied.1.insert(slot.put(target, message, row.flags, modseq, work.round)?.uid);
        }
        if remove {
            slot.take_out(from, &copied.0, &gone, modseq, work.round)?;
        }
        Ok(Outcome::Copied { uidvalidity, from: copied.0, to: copied.1, modseq })
    }

    pub(super) fn set_flags(
        &mut self,
        target: Target,
        uids: &UidSet,
        how: FlagChange,
        names: &FlagNames,
        unchanged_since: Option<ModSeq>,
        work: &mut Work<'_>,
    ) -> Result<Outcome, Refusal> {
        let source = work.source;
        let slot = self.slot(target.account, work)?;
        let state = slot.state()?;
        let before = state.folder(target.mailbox)?.count.modseq;
        let mut new = Vec::new();
        let wanted = state.name_flags(names, how != FlagChange::Remove, &mut new)?;
        let modseq = ModSeq(state.frame.count.modseq.0 + 1);
        let (mut changed, mut modified) = (Vec::new(), UidSet::new());
        let (mut unseen, mut deleted) = (0i64, 0i64);
        let mut rows = Vec::new();
        slot.flags(target, uids, source, &work.round.records, |mut row| {
            if unchanged_since.is_some_and(|since| row.modseq > since) {
                modified.insert(row.uid);
                return;
            }
            let old = row.flags.system;
            if row.flags.apply(how, &wanted) {
                let is = |flags: SystemFlags, flag| i64::from(flags.has(flag));
                let new = row.flags.system;
                unseen += is(old, SystemFlags::SEEN) - is(new, SystemFlags::SEEN);
                deleted += is(new, SystemFlags::DELETED) - is(old, SystemFlags::DELETED);
                row.modseq = modseq;
                rows.push((row.uid, row.flags.clone()));
                changed.push(row);
            }
        })?;
        slot.keep_keywords(target.account, new, work.round)?;
        if changed.is_empty() {
            return Ok(Outcome::Flags { changed, modified, modseq: before });
        }
        let state = slot.state()?;
        state.frame.count.modseq = modseq;
        let folder = state.folder(target.mailbox)?;
        folder.changed = true;
        let count = &mut folder.count;
        count.modseq = modseq;
        count.unseen = count.unseen.saturating_add_signed(unseen);
        count.deleted = count.deleted.saturating_add_signed(deleted);
        let record = Record::Flags(target.account, target.mailbox, modseq, rows);
        slot.note(target.account, record, work.round);
        Ok(Outcome::Flags { changed, modified, modseq })
    }

    pub(super) fn expunge(
        &mut self,
        target: Target,
        which: &Expunged,
        work: &mut Work<'_>,
    ) -> Result<Outcome, Refusal> {
        let source = work.source;
        let slot = self.slot(target.account, work)?;
        let count = slot.state()?.folder(target.mailbox)?.count;
        let all = UidSet::all();
        let (among, marked) = match which {
            Expunged::Deleted => (&all, true),
            Expunged::DeletedAmong(uids) => (uids, true),
            Expunged::Uids(uids) => (uids, false),
        };
        let mut uids = UidSet::new();
        if !marked || count.deleted > 0 {
            slot.flags(target, among, source, &work.round.records, |row| {
                if !marked || row.flags.system.has(SystemFlags::DELETED) {
                    uids.insert(row.uid);
                }
            })?;
        }
        if uids.is_empty() {
            return Ok(Outcome::Expunged { uids, modseq: count.modseq });
        }
        let rows = slot.rows(target, &uids, source, &work.round.records)?;
        let modseq = slot.state()?.next();
        slot.take_out(target, &uids, &Gone::of(&rows), modseq, work.round)?;
        Ok(Outcome::Expunged { uids, modseq })
    }
}
