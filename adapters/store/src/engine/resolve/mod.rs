//! Validation, and the giving of UIDs and MODSEQs: from mutations to records.
//!
//! The committer alone resolves, so accounts it has touched are kept here, ahead of the index by the
//! round in progress. A mutation checks everything before it changes anything; only batches of
//! several mutations need their accounts saved to be undone.
//!
//! | module | holds |
//! |---|---|
//! | this one | batches, rounds, accounts, mailboxes and the host's records |
//! | `mail` | messages: adding, copying, moving, flags and expunging |
//! | `state` | accounts as they stand within the round |

mod mail;
mod state;

use super::Source;
use super::overlay::{Group, Overlay, Piece};
use super::record::{AccountRow, Record, encode_outcomes};
use super::snapshot::Frame;
use crate::id::{AccountId, BlobId, MailboxId, ModSeq, Timestamp};
use crate::mutation::{Batch, MAX_VALUE, Mutation, NewMailbox, Quota, REMEMBERED_BATCHES, Target};
use crate::outcome::{Outcome, Outcomes, Refusal};
use crate::staging::Body;
use bytes::Bytes;
use smallvec::SmallVec;
use state::{Slot, State, limit, name_fits, unavailable};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Accounts kept in memory; beyond it all are forgotten and read again when needed.
const KEPT_ACCOUNTS: usize = 50_000;

/// Bodies at least this long are looked up in the whole index before they are stored again; shorter
/// ones only among the latest.
const LOOK_UP: u64 = 64 * 1024;

/// Resolves batches.
pub(crate) struct Resolver {
    slots: Map<AccountId, Slot>,
    last_account: u32,
    remembered: Map<u128, Outcomes>,
    order: VecDeque<u128>,
}

/// What one round of batches comes to.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) records: Vec<Record>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) messages: u64,
    known: HashSet<BlobId, foldhash::fast::RandomState>,
    touched: Vec<AccountId>,
    remembered: Vec<(u128, Outcomes)>,
    last_account: u32,
}

/// What to go back to if a batch is refused.
struct Saved {
    records: usize,
    bodies: usize,
    messages: u64,
    last_account: u32,
    accounts: Vec<(AccountId, Option<State>, usize)>,
}

/// A batch being resolved.
struct Work<'a> {
    source: &'a Source,
    round: &'a mut Round,
    saved: Option<&'a mut Saved>,
    now: Timestamp,
}

impl Resolver {
    pub(crate) fn new(last_account: u32, remembered: Vec<(u128, Outcomes)>) -> Self {
        let mut resolver = Self {
            slots: Map::default(),
            last_account,
            remembered: Map::default(),
            order: VecDeque::new(),
        };
        resolver.remember(remembered);
        resolver
    }

    /// Begins a round.
    pub(crate) fn begin(&self) -> Round {
        Round { last_account: self.last_account, ..Round::default() }
    }

    /// Resolves one batch. `full`: nothing may be added.
    pub(crate) fn run(
        &mut self,
        batch: &Batch,
        full: bool,
        source: &Source,
        round: &mut Round,
    ) -> Outcomes {
        if let Some(id) = batch.id {
            let in_round = round.remembered.iter().find(|(known, _)| *known == id.0);
            let before = in_round.map(|(_, o)| o).or_else(|| self.remembered.get(&id.0));
            if let Some(before) = before {
                return before.clone();
            }
        }
        let mut saved = Saved {
            records: round.records.len(),
            bodies: round.bodies.len(),
            messages: round.messages,
            last_account: self.last_account,
            accounts: Vec::new(),
        };
        let may_undo = match batch.mutations.as_slice() {
            [Mutation::Deliver { to, whole, .. }] => *whole && to.len() > 1,
            [_] => false,
            _ => true,
        };
        let mut outcomes = Outcomes::new();
        for (at, mutation) in batch.mutations.iter().enumerate() {
            let undo = may_undo.then_some(&mut saved);
            let mut work = Work { source, round, saved: undo, now: batch.now };
            let outcome = match full && grows(mutation) {
                true => Err(Refusal::Full),
                false => self.mutate(mutation, &mut work),
            };
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(refusal) => {
                    self.undo(saved, round);
                    let each = |i| if i == at { refusal } else { Refusal::Abandoned };
                    return (0..batch.mutations.len()).map(|i| Outcome::Refused(each(i))).collect();
                }
            }
        }
        if let Some(id) = batch.id {
            let record = Record::Remembered(id.0, encode_outcomes(&outcomes));
            self.emit(AccountId::SERVER, record, round);
            round.remembered.push((id.0, outcomes.clone()));
        }
        outcomes
    }

    fn undo(&mut self, saved: Saved, round: &mut Round) {
        for (account, state, pending) in saved.accounts {
            if let Some(slot) = self.slots.get_mut(&account) {
                slot.state = state;
                slot.pending.truncate(pending);
            }
        }
        for body in round.bodies.drain(saved.bodies..) {
            round.known.remove(&body.id());
        }
        round.records.truncate(saved.records);
        round.messages = saved.messages;
        self.last_account = saved.last_account;
    }

    /// Adds the counters of all that changed: the round is complete.
    pub(crate) fn finish(&mut self, round: &mut Round) {
        for i in 0..round.touched.len() {
            let account = round.touched[i];
            let Some(slot) = self.slots.get_mut(&account) else { continue };
            // An account that was only touched by refused batches has nothing to say.
            let changed = slot.pending.len();
            let Some(state) = &mut slot.state else { continue };
            let records = &mut round.records;
            let mut add = |record| {
                slot.pending.push(records.len() as u32);
                records.push(record);
            };
            if std::mem::take(&mut state.row_changed) {
                add(Record::Account(account, state.frame.row.clone()));
            }
            for (mailbox, folder) in &mut state.boxes {
                if std::mem::take(&mut folder.changed) {
                    add(Record::MailboxCount(account, *mailbox, folder.count));
                }
            }
            if changed > 0 {
                add(Record::AccountCount(account, state.frame.count));
            }
        }
        if self.last_account != round.last_account {
            self.emit(AccountId::SERVER, Record::LastAccount(self.last_account), round);
        }
    }

    /// The round is durable: shows it to readers, and says which accounts are where now.
    pub(crate) fn publish(
        &mut self,
        group: &Arc<Group>,
        round: Round,
        overlay: &Overlay,
    ) -> Vec<(AccountId, ModSeq)> {
        overlay.add_blobs(group);
        let mut changed = Vec::with_capacity(round.touched.len());
        for account in round.touched {
            let Some(slot) = self.slots.get_mut(&account) else { continue };
            slot.touched = false;
            let places = std::mem::take(&mut slot.pending);
            if !places.is_empty() {
                overlay.add(account, Piece::new(Arc::clone(group), places));
            }
            match &slot.state {
                Some(state) => changed.push((account, state.frame.count.modseq)),
                None => drop(self.slots.remove(&account)),
            }
        }
        self.remember(round.remembered);
        if self.slots.len() > KEPT_ACCOUNTS {
            self.slots.clear();
        }
        changed
    }

    /// The round did not happen.
    pub(crate) fn forget(&mut self, round: &Round) {
        self.slots.clear();
        self.last_account = round.last_account;
    }

    /// The round came to nothing: every batch was refused or known.
    pub(crate) fn forget_touched(&mut self, round: &Round) {
        for account in &round.touched {
            if let Some(slot) = self.slots.get_mut(account) {
                slot.touched = false;
            }
        }
    }

    fn remember(&mut self, batches: Vec<(u128, Outcomes)>) {
        for (id, outcomes) in batches {
            if self.order.len() == REMEMBERED_BATCHES
                && let Some(oldest) = self.order.pop_front()
            {
                self.remembered.remove(&oldest);
            }
            self.order.push_back(id);
            self.remembered.insert(id, outcomes);
        }
    }

    /// Adds a record of an account.
    fn emit(&mut self, account: AccountId, record: Record, round: &mut Round) {
        let slot = self.slots.entry(account).or_insert_with(Slot::empty);
        slot.note(account, record, round);
    }

    /// The account's slot, read from the index if need be, saved if need be.
    fn slot(&mut self, account: AccountId, work: &mut Work<'_>) -> Result<&mut Slot, Refusal> {
        let slot = match self.slots.entry(account) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let state = match account {
                    AccountId::SERVER => None,
                    _ => State::read(&work.source.snapshot(account).map_err(unavailable)?)
                        .map_err(unavailable)?,
                };
                new.insert(Slot { state, ..Slot::empty() })
            }
        };
        if let Some(saved) = &mut work.saved
            && saved.accounts.iter().all(|(known, ..)| *known != account)
        {
            saved.accounts.push((account, slot.state.clone(), slot.pending.len()));
        }
        Ok(slot)
    }

    fn mutate(&mut self, mutation: &Mutation, work: &mut Work<'_>) -> Result<Outcome, Refusal> {
        match mutation {
            Mutation::AccountCreate { settings, quota, mailboxes } => {
                self.account_create(settings, *quota, mailboxes, work)
            }
            Mutation::AccountPut { account, settings } => {
                limit(settings.len() <= MAX_VALUE)?;
                let slot = self.slot(*account, work)?;
                slot.state()?.frame.row.settings = settings.clone();
                slot.row_changed(*account, work.round)
            }
            Mutation::AccountRemove { account } => {
                let slot = self.slot(*account, work)?;
                slot.state.take().ok_or(Refusal::NoAccount)?;
                slot.note(*account, Record::AccountGone(*account), work.round);
                Ok(Outcome::Done)
            }
            Mutation::QuotaSet { account, quota } => {
                let slot = self.slot(*account, work)?;
                slot.state()?.frame.row.quota = *quota;
                slot.row_changed(*account, work.round)
            }
            Mutation::Deliver { message, flags, to, whole } => {
                let mut results = SmallVec::with_capacity(to.len());
                for target in to {
                    let result = self.add(*target, &[(message, flags)], work);
                    results.push(match result {
                        Err(refusal) if *whole => return Err(refusal),
                        Err(refusal) => Err(refusal),
                        Ok(stored) => stored.first().copied().ok_or(Refusal::Limit),
                    });
                }
                Ok(Outcome::Delivered(results))
            }
            Mutation::Append { to, messages } => {
                let messages: SmallVec<[_; 1]> = messages.iter().map(|(m, f)| (m, f)).collect();
                Ok(Outcome::Appended(self.add(*to, &messages, work)?))
            }
            Mutation::Copy { from, uids, to } => self.copy(*from, uids, *to, false, work),
            Mutation::Move { from, uids, to } => self.copy(*from, uids, *to, true, work),
            Mutation::SetFlags { mailbox, uids, how, flags, unchanged_since } => {
                self.set_flags(*mailbox, uids, *how, flags, *unchanged_since, work)
            }
            Mutation::Expunge { mailbox, which } => self.expunge(*mailbox, which, work),
            Mutation::MailboxCreate { account, mailbox } => {
                let now = work.now;
                let slot = self.slot(*account, work)?;
                let state = slot.state()?;
                state.check_new(mailbox)?;
                let mut records = SmallVec::new();
                let made = state.create(*account, mailbox, now, &mut records)?;
                records.into_iter().for_each(|record| slot.note(*account, record, work.round));
                Ok(made)
            }
            Mutation::MailboxRename { mailbox: Target { account, mailbox }, name } => {
                let slot = self.slot(*account, work)?;
                let state = slot.state()?;
                state.folder(*mailbox)?;
                if *mailbox == MailboxId::INBOX {
                    return Err(Refusal::NotAllowed);
                }
                limit(name_fits(name))?;
                state.free(name)?;
                let modseq = state.next();
                let folder = state.folder(*mailbox)?;
                folder.row.name = Arc::clone(name);
                folder.count.modseq = modseq;
                folder.changed = true;
                let record = Record::Mailbox(*account, *mailbox, folder.row.clone());
                slot.note(*account, record, work.round);
                Ok(Outcome::Done)
            }
            Mutation::MailboxDelete { mailbox: Target { account, mailbox } } => {
                let slot = self.slot(*account, work)?;
                let state = slot.state()?;
                state.folder(*mailbox)?;
                if *mailbox == MailboxId::INBOX {
                    return Err(Refusal::NotAllowed);
                }
                let modseq = state.next();
                if let Some(folder) = state.boxes.remove(mailbox) {
                    let usage = &mut state.frame.count.usage;
                    usage.bytes = usage.bytes.saturating_sub(folder.count.bytes);
                    usage.messages = usage.messages.saturating_sub(folder.count.messages);
                }
                slot.note(*account, Record::MailboxGone(*account, *mailbox, modseq), work.round);
                Ok(Outcome::Done)
            }
            Mutation::Subscribe { account, name, on } => {
                let slot = self.slot(*account, work)?;
                slot.state()?;
                limit(name_fits(name))?;
                let record = Record::Subscription(*account, Arc::clone(name), *on);
                slot.note(*account, record, work.round);
                Ok(Outcome::Done)
            }
            Mutation::SettingPut { account, name, value } => {
                let slot = self.slot(*account, work)?;
                if *account != AccountId::SERVER {
                    slot.state()?;
                }
                limit(name_fits(name))?;
                limit(value.as_ref().is_none_or(|v| v.len() <= MAX_VALUE))?;
                let record = Record::Setting(*account, Arc::clone(name), value.clone());
                slot.note(*account, record, work.round);
                Ok(Outcome::Done)
            }
        }
    }

    fn account_create(
        &mut self,
        settings: &Bytes,
        quota: Quota,
        mailboxes: &[NewMailbox],
        work: &mut Work<'_>,
    ) -> Result<Outcome, Refusal> {
        limit(settings.len() <= MAX_VALUE)?;
        let id = AccountId(self.last_account.checked_add(1).ok_or(Refusal::Limit)?);
        let row = AccountRow { settings: settings.clone(), quota, ..AccountRow::default() };
        let frame = Frame { row, ..Frame::default() };
        let mut state = State { frame, row_changed: true, boxes: BTreeMap::new() };
        let inbox = NewMailbox { name: "INBOX".into(), role: None, subscribed: true };
        let mut records = SmallVec::new();
        state.create(id, &inbox, work.now, &mut records)?;
        for mailbox in mailboxes {
            state.check_new(mailbox)?;
            state.create(id, mailbox, work.now, &mut records)?;
        }
        // Saved as absent, should the batch be undone.
        self.slot(id, work)?;
        let slot = self.slots.entry(id).or_insert_with(Slot::empty);
        slot.state = Some(state);
        records.into_iter().for_each(|record| slot.note(id, record, work.round));
        self.last_account = id.0;
        Ok(Outcome::Account(id))
    }
}

impl Work<'_> {
    /// Has a body stored, unless it is already.
    fn body(&mut self, body: &Body) -> Result<(), Refusal> {
        let id = body.id();
        if self.round.known.contains(&id) || self.source.overlay.blob(&id).is_some() {
            return Ok(());
        }
        if body.len() >= LOOK_UP && self.source.blob(&id).map_err(unavailable)?.is_some() {
            return Ok(());
        }
        self.round.known.insert(id);
        self.round.bodies.push(body.clone());
        Ok(())
    }
}

/// Whether a mutation needs room that does not come back.
fn grows(mutation: &Mutation) -> bool {
    match mutation {
        Mutation::AccountCreate { .. }
        | Mutation::AccountPut { .. }
        | Mutation::Deliver { .. }
        | Mutation::Append { .. }
        | Mutation::Copy { .. }
        | Mutation::MailboxCreate { .. } => true,
        Mutation::Subscribe { on, .. } => *on,
        Mutation::SettingPut { value, .. } => value.is_some(),
        Mutation::AccountRemove { .. }
        | Mutation::QuotaSet { .. }
        | Mutation::Move { .. }
        | Mutation::SetFlags { .. }
        | Mutation::Expunge { .. }
        | Mutation::MailboxRename { .. }
        | Mutation::MailboxDelete { .. } => false,
    }
}
