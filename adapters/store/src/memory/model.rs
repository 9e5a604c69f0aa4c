//! What every mutation means, said as plainly as possible. Batches run on a copy that replaces the
//! original if nothing was refused (accounts are shared between the two until they change).

use crate::flags::{FlagChange, FlagNames, Flags, KeywordId, SystemFlags};
use crate::id::{AccountId, EmailId, MailboxId, ModSeq, Timestamp, Uid};
use crate::mutation::{
    Batch, Expunged, MAX_KEYWORDS, MAX_MAILBOXES, MAX_NAME, MAX_SUMMARY, MAX_VALUE, Message,
    Mutation, NewMailbox, Quota, Role, Target,
};
use crate::outcome::{FlagRow, Outcome, Outcomes, Refusal, Stored};
use crate::staging::Body;
use crate::uids::UidSet;
use crate::view::{Account, Mailbox, Row, Usage};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) accounts: BTreeMap<AccountId, Arc<Holder>>,
    pub(super) settings: BTreeMap<Arc<str>, Bytes>,
    last_account: u32,
}

/// An account and all that is in it.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) info: Account,
    pub(super) keywords: Vec<Arc<str>>,
    pub(super) settings: BTreeMap<Arc<str>, Bytes>,
    pub(super) subscriptions: BTreeSet<Arc<str>>,
    pub(super) folders: BTreeMap<MailboxId, Folder>,
    last_mailbox: u32,
    last_email: u64,
    last_uidvalidity: u32,
}

/// A mailbox and all that is in it.
#[derive(Clone)]
pub(super) struct Folder {
    id: MailboxId,
    name: Arc<str>,
    role: Option<Role>,
    uidvalidity: u32,
    last_uid: u32,
    pub(super) modseq: ModSeq,
    pub(super) letters: BTreeMap<Uid, Arc<Letter>>,
    pub(super) vanished: Vec<(ModSeq, UidSet)>,
}

/// A message in a mailbox.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) row: Row,
}

impl Letter {
    pub(super) fn flag_row(&self) -> FlagRow {
        FlagRow { uid: self.row.uid, flags: self.row.flags.clone(), modseq: self.row.modseq }
    }
}

impl Folder {
    pub(super) fn status(&self) -> Mailbox {
        let with = |flag| self.letters.values().filter(|l| l.row.flags.system.has(flag)).count();
        let messages = self.letters.len() as u64;
        Mailbox {
            id: self.id,
            name: Arc::clone(&self.name),
            role: self.role,
            uidvalidity: self.uidvalidity,
            uidnext: self.last_uid.checked_add(1).and_then(Uid::new),
            modseq: self.modseq,
            messages,
            unseen: messages - with(SystemFlags::SEEN) as u64,
            deleted: with(SystemFlags::DELETED) as u64,
            bytes: self.letters.values().map(|l| l.row.size).sum(),
        }
    }

    /// Takes messages out; the set of those that were there.
    fn take_out(&mut self, uids: &UidSet, modseq: ModSeq) -> UidSet {
        let gone: UidSet = self.letters.keys().copied().filter(|u| uids.contains(*u)).collect();
        self.letters.retain(|uid, _| !gone.contains(*uid));
        self.vanished.push((modseq, gone.clone()));
        self.modseq = modseq;
        gone
    }
}

impl Model {
    /// Does a batch, which happened only if the second result is `true`.
    pub(super) fn run(&mut self, batch: &Batch, bodies: &mut Vec<Body>) -> (Outcomes, bool) {
        let mut outcomes = Outcomes::new();
        for (at, mutation) in batch.mutations.iter().enumerate() {
            match self.mutate(mutation, batch.now, bodies) {
                Ok(outcome) => outcomes.push(outcome),
                Err(refusal) => {
                    let each = |i| if i == at { refusal } else { Refusal::Abandoned };
                    let all = 0..batch.mutations.len();
                    return (all.map(|i| Outcome::Refused(each(i))).collect(), false);
                }
            }
        }
        (outcomes, true)
    }

    fn mutate(
        &mut self,
        mutation: &Mutation,
        now: Timestamp,
        bodies: &mut Vec<Body>,
    ) -> Result<Outcome, Refusal> {
        match mutation {
            Mutation::AccountCreate { settings, quota, mailboxes } => {
                self.account_create(settings, *quota, mailboxes, now).map(Outcome::Account)
            }
            Mutation::AccountPut { account, settings } => {
                limit(settings.len() <= MAX_VALUE)?;
                self.holder(*account)?.info.settings = settings.clone();
                Ok(Outcome::Done)
            }
            Mutation::AccountRemove { account } => {
                self.accounts.remove(account).ok_or(Refusal::NoAccount)?;
                Ok(Outcome::Done)
            }
            Mutation::QuotaSet { account, quota } => {
                self.holder(*account)?.info.quota = *quota;
                Ok(Outcome::Done)
            }
            Mutation::Deliver { message, flags, to, whole } => {
                let mut results = smallvec::SmallVec::new();
                for target in to {
                    let result = self.add(*target, &[(message, flags)], now, bodies);
                    if let (Err(refusal), true) = (&result, whole) {
                        return Err(*refusal);
                    }
                    results.push(result.map(|stored| stored[0]));
                }
                Ok(Outcome::Delivered(results))
            }
            Mutation::Append { to, messages } => {
                let messages: Vec<_> = messages.iter().map(|(m, f)| (m, f)).collect();
                Ok(Outcome::Appended(self.add(*to, &messages, now, bodies)?.into()))
            }
            Mutation::Copy { from, uids, to } => {
                self.holder(from.account)?.copy(from.mailbox, uids, *to, now, false)
            }
            Mutation::Move { from, uids, to } => {
                self.holder(from.account)?.copy(from.mailbox, uids, *to, now, true)
            }
            Mutation::SetFlags { mailbox, uids, how, flags, unchanged_since } => self
                .holder(mailbox.account)?
                .set_flags(mailbox.mailbox, uids, *how, flags, *unchanged_since),
            Mutation::Expunge { mailbox, which } => {
                self.holder(mailbox.account)?.expunge(mailbox.mailbox, which)
            }
            Mutation::MailboxCreate { account, mailbox } => {
                self.holder(*account)?.create(mailbox, now)
            }
            Mutation::MailboxRename { mailbox, name } => {
                self.holder(mailbox.account)?.rename(mailbox.mailbox, name)
            }
            Mutation::MailboxDelete { mailbox } => {
                self.holder(mailbox.account)?.delete(mailbox.mailbox)
            }
            Mutation::Subscribe { account, name, on } => {
                let holder = self.holder(*account)?;
                limit(name_fits(name))?;
                if *on {
                    holder.subscriptions.insert(Arc::clone(name));
                } else {
                    holder.subscriptions.remove(name);
                }
                Ok(Outcome::Done)
            }
            Mutation::SettingPut { account, name, value } => {
                let settings = match *account {
                    AccountId::SERVER => &mut self.settings,
                    account => &mut self.holder(account)?.settings,
                };
                limit(name_fits(name))?;
                limit(value.as_ref().is_none_or(|v| v.len() <= MAX_VALUE))?;
                match value {
                    Some(value) => settings.insert(Arc::clone(name), value.clone()),
                    None => settings.remove(name),
                };
                Ok(Outcome::Done)
            }
        }
    }

    fn holder(&mut self, account: AccountId) -> Result<&mut Holder, Refusal> {
        self.accounts.get_mut(&account).map(Arc::make_mut).ok_or(Refusal::NoAccount)
    }

    fn account_create(
        &mut self,
        settings: &Bytes,
        quota: Quota,
        mailboxes: &[NewMailbox],
        now: Timestamp,
    ) -> Result<AccountId, Refusal> {
        limit(settings.len() <= MAX_VALUE)?;
        let id = AccountId(self.last_account.checked_add(1).ok_or(Refusal::Limit)?);
        let mut holder = Holder {
            info: Account {
                id,
                settings: settings.clone(),
                quota,
                usage: Usage::default(),
                modseq: ModSeq(0),
            },
            keywords: Vec::new(),
            settings: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            folders: BTreeMap::new(),
            last_mailbox: 0,
            last_email: 0,
            last_uidvalidity: 0,
        };
        holder.make("INBOX".into(), None, now)?;
        holder.subscriptions.insert("INBOX".into());
        for mailbox in mailboxes {
            holder.create(mailbox, now)?;
        }
        self.last_account = id.0;
        self.accounts.insert(id, Arc::new(holder));
        Ok(id)
    }

    /// Adds messages to one mailbox, all or none of them.
    fn add(
        &mut self,
        target: Target,
        messages: &[(&Message, &FlagNames)],
        now: Timestamp,
        bodies: &mut Vec<Body>,
    ) -> Result<Vec<Stored>, Refusal> {
        let shared = self.accounts.get_mut(&target.account).ok_or(Refusal::NoAccount)?;
        let mut holder = Holder::clone(shared);
        if !holder.folders.contains_key(&target.mailbox) {
            return Err(Refusal::NoMailbox);
        }
        let more = Usage {
            bytes: messages.iter().map(|(m, _)| m.body.len()).sum(),
            messages: messages.len() as u64,
        };
        if !holder.info.usage.fits(&holder.info.quota, more) {
            return Err(Refusal::OverQuota);
        }
        let modseq = ModSeq(holder.info.modseq.0 + 1);
        let mut stored = Vec::new();
        for (message, names) in messages {
            limit(message.summary.len() <= MAX_SUMMARY)?;
            let flags = holder.name_flags(names, true)?;
            holder.last_email += 1;
            let row = Row {
                uid: Uid::MIN,
                email: EmailId(holder.last_email),
                internal: message.internal,
                received: message.received,
                saved: now,
                size: message.body.len(),
                blob: message.body.id(),
                summary: message.summary.clone(),
                flags,
                modseq,
            };
            stored.push(holder.put(target.mailbox, row, modseq)?);
        }
        *shared = Arc::new(holder);
        bodies.extend(messages.iter().map(|(m, _)| m.body.clone()));
        Ok(stored)
    }
}

impl Holder {
    fn folder(&mut self, mailbox: MailboxId) -> Result<&mut Folder, Refusal> {
        self.folders.get_mut(&mailbox).ok_or(Refusal::NoMailbox)
    }

    /// Puts a row into a mailbox as its next message.
    fn put(&mut self, to: MailboxId, mut row: Row, modseq: ModSeq) -> Result<Stored, Refusal> {
        let folder = self.folder(to)?;
        let uid = folder.last_uid.checked_add(1).and_then(Uid::new).ok_or(Refusal::Limit)?;
        folder.last_uid = uid.number();
        folder.modseq = modseq;
        (row.uid, row.modseq) = (uid, modseq);
        let (email, size) = (row.email, row.size);
        folder.letters.insert(uid, Arc::new(Letter { row }));
        let uidvalidity = folder.uidvalidity;
        self.info.modseq = modseq;
        self.info.usage.bytes += size;
        self.info.usage.messages += 1;
        Ok(Stored { uidvalidity, uid, modseq, email })
    }

    fn copy(
        &mut self,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        now: Timestamp,
        remove: bool,
    ) -> Result<Outcome, Refusal> {
        let uidvalidity = self.folder(to)?.uidvalidity;
        let source = self.folder(from)?;
        let rows: Vec<Row> = source
            .letters
            .iter()
            .filter(|(uid, _)| uids.contains(**uid))
            .map(|(_, letter)| Row { saved: now, ..letter.row.clone() })
            .collect();
        let mut copied = (UidSet::new(), UidSet::new());
        if rows.is_empty() {
            let modseq = source.modseq;
            return Ok(Outcome::Copied { uidvalidity, from: copied.0, to: copied.1, modseq });
        }
        let more = Usage { bytes: rows.iter().map(|r| r.size).sum(), messages: rows.len() as u64 };
        if !remove && !self.info.usage.fits(&self.info.quota, more) {
            return Err(Refusal::OverQuota);
        }
        let modseq = ModSeq(self.info.modseq.0 + 1);
        for row in rows {
            copied.0.insert(row.uid);
            copied.1.insert(self.put(to, row, modseq)?.uid);
        }
        if remove {
            self.folder(from)?.take_out(&copied.0, modseq);
            self.info.usage.bytes -= more.bytes;
            self.info.usage.messages -= more.messages;
        }
        Ok(Outcome::Copied { uidvalidity, from: copied.0, to: copied.1, modseq })
    }

    fn set_flags(
        &mut self,
        mailbox: MailboxId,
        uids: &UidSet,
        how: FlagChange,
        names: &FlagNames,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Outcome, Refusal> {
        self.folder(mailbox)?;
        let flags = self.name_flags(names, how != FlagChange::Remove)?;
        let modseq = ModSeq(self.info.modseq.0 + 1);
        let folder = self.folder(mailbox)?;
        let (mut changed, mut modified) = (Vec::new(), UidSet::new());
        for (uid, letter) in folder.letters.iter_mut().filter(|(uid, _)| uids.contains(**uid)) {
            if unchanged_since.is_some_and(|since| letter.row.modseq > since) {
                modified.insert(*uid);
                continue;
            }
            let mut after = letter.row.flags.clone();
            if after.apply(how, &flags) {
                let row = &mut Arc::make_mut(letter).row;
                (row.flags, row.modseq) = (after, modseq);
                changed.push(letter.flag_row());
            }
        }
        if changed.is_empty() {
            return Ok(Outcome::Flags { changed, modified, modseq: folder.modseq });
        }
        folder.modseq = modseq;
        self.info.modseq = modseq;
        Ok(Outcome::Flags { changed, modified, modseq })
    }

    fn expunge(&mut self, mailbox: MailboxId, which: &Expunged) -> Result<Outcome, Refusal> {
        let modseq = ModSeq(self.info.modseq.0 + 1);
        let folder = self.folder(mailbox)?;
        let wanted = |uid: Uid, letter: &Letter| match which {
            Expunged::Deleted => letter.row.flags.system.has(SystemFlags::DELETED),
            Expunged::DeletedAmong(uids) => {
                uids.contains(uid) && letter.row.flags.system.has(SystemFlags::DELETED)
            }
            Expunged::Uids(uids) => uids.contains(uid),
        };
        let gone: UidSet =
            folder.letters.iter().filter(|(u, l)| wanted(**u, l)).map(|(u, _)| *u).collect();
        if gone.is_empty() {
            return Ok(Outcome::Expunged { uids: gone, modseq: folder.modseq });
        }
        let bytes: u64 = folder
            .letters
            .iter()
            .filter(|(u, _)| gone.contains(**u))
            .map(|(_, l)| l.row.size)
            .sum();
        let uids = folder.take_out(&gone, modseq);
        self.info.usage.bytes -= bytes;
        self.info.usage.messages -= uids.len();
        self.info.modseq = modseq;
        Ok(Outcome::Expunged { uids, modseq })
    }

    fn create(&mut self, mailbox: &NewMailbox, now: Timestamp) -> Result<Outcome, Refusal> {
        limit(name_fits(&mailbox.name))?;
        limit(self.folders.len() < MAX_MAILBOXES)?;
        self.free(&mailbox.name)?;
        if mailbox.role.is_some() && self.folders.values().any(|f| f.role == mailbox.role) {
            return Err(Refusal::Exists);
        }
        let made = self.make(Arc::clone(&mailbox.name), mailbox.role, now)?;
        if mailbox.subscribed {
            self.subscriptions.insert(Arc::clone(&mailbox.name));
        }
        Ok(made)
    }

    fn make(
        &mut self,
        name: Arc<str>,
        role: Option<Role>,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let id = MailboxId(self.last_mailbox.checked_add(1).ok_or(Refusal::Limit)?);
        let seconds = u32::try_from(now.0.max(0) / 1000).unwrap_or(u32::MAX);
        let floor = self.last_uidvalidity.checked_add(1).ok_or(Refusal::Limit)?;
        let uidvalidity = seconds.max(floor);
        let modseq = ModSeq(self.info.modseq.0 + 1);
        self.folders.insert(
            id,
            Folder {
                id,
                name,
                role,
                uidvalidity,
                last_uid: 0,
                modseq,
                letters: BTreeMap::new(),
                vanished: Vec::new(),
            },
        );
        self.last_mailbox = id.0;
        self.last_uidvalidity = uidvalidity;
        self.info.modseq = modseq;
        Ok(Outcome::Mailbox { mailbox: id, uidvalidity, modseq })
    }

    fn rename(&mut self, mailbox: MailboxId, name: &Arc<str>) -> Result<Outcome, Refusal> {
        self.folder(mailbox)?;
        if mailbox == MailboxId::INBOX {
            return Err(Refusal::NotAllowed);
        }
        limit(name_fits(name))?;
        self.free(name)?;
        let modseq = ModSeq(self.info.modseq.0 + 1);
        let folder = self.folder(mailbox)?;
        folder.name = Arc::clone(name);
        folder.modseq = modseq;
        self.info.modseq = modseq;
        Ok(Outcome::Done)
    }

    fn delete(&mut self, mailbox: MailboxId) -> Result<Outcome, Refusal> {
        let status = self.folder(mailbox)?.status();
        if mailbox == MailboxId::INBOX {
            return Err(Refusal::NotAllowed);
        }
        self.folders.remove(&mailbox);
        self.info.usage.bytes -= status.bytes;
        self.info.usage.messages -= status.messages;
        self.info.modseq.0 += 1;
        Ok(Outcome::Done)
    }

    /// Refuses a name that is taken. INBOX is, in any case (RFC 9051 §5.1).
    fn free(&self, name: &str) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case("INBOX") || self.folders.values().any(|f| *f.name == *name) {
            return Err(Refusal::Exists);
        }
        Ok(())
    }

    /// Finds keywords by name. Unknown ones are added, or passed over unless `add`.
    fn name_flags(&mut self, names: &FlagNames, add: bool) -> Result<Flags, Refusal> {
        let mut flags = Flags { system: names.system, ..Flags::default() };
        for name in &names.keywords {
            limit(name_fits(name))?;
            let known = self.keywords.iter().position(|known| known.eq_ignore_ascii_case(name));
            let at = match known {
                Some(at) => at,
                None if !add => continue,
                None => {
                    limit(self.keywords.len() < MAX_KEYWORDS)?;
                    self.keywords.push(Arc::clone(name));
                    self.keywords.len() - 1
                }
            };
            let id = KeywordId(u16::try_from(at).map_err(|_| Refusal::Limit)?);
            flags.add(&Flags { keywords: [id].into_iter().collect(), ..Flags::default() });
        }
        Ok(flags)
    }
}

fn name_fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME
}

fn limit(within: bool) -> Result<(), Refusal> {
    if within { Ok(()) } else { Err(Refusal::Limit) }
}
