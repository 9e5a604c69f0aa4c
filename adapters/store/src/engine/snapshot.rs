//! An account at one moment: its unapplied records over the index.

use super::index::{Change, Reading};
use super::overlay::Piece;
use super::record::{
    AccountCount, AccountRow, FlagsRow, MailboxCount, MailboxRow, MessageRow, Record,
};
use crate::flags::Flags;
use crate::id::{AccountId, MailboxId, ModSeq, Uid};
use crate::outcome::FlagRow;
use crate::uids::UidSet;
use crate::view::{Account, Changes, Fault, Mailbox, Row, View};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Reads one account. The committer puts the records of the round in progress on top.
pub(crate) struct Snapshot {
    account: AccountId,
    pieces: Vec<Piece>,
    index: Reading,
}

/// What the unapplied records say about one message.
#[derive(Clone)]
enum Delta<'a> {
    Put(&'a MessageRow, &'a Flags, ModSeq),
    Flags(&'a Flags, ModSeq),
    Gone,
}

type Deltas<'a> = BTreeMap<Uid, Delta<'a>>;

/// Everything about an account but its messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) row: AccountRow,
    pub(crate) count: AccountCount,
    pub(crate) keywords: Vec<Arc<str>>,
}

impl Snapshot {
    pub(crate) fn new(account: AccountId, pieces: Vec<Piece>, index: Reading) -> Self {
        Self { account, pieces, index }
    }

    fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.pieces.iter().flat_map(Piece::records)
    }

    /// The account's own records, `None` if there is no such account.
    pub(crate) fn frame(&self) -> Result<Option<Frame>, Fault> {
        let (mut row, mut count, mut gone) = (None, None, false);
        let mut keywords = Vec::new();
        for record in self.records() {
            match record {
                Record::Account(_, r) => row = Some(r.clone()),
                Record::AccountCount(_, c) => count = Some(*c),
                Record::AccountGone(_) => gone = true,
                Record::Keyword(_, id, name) => keywords.push((id.0, name)),
                _ => {}
            }
        }
        if gone {
            return Ok(None);
        }
        let row = match row {
            Some(row) => row,
            None => match self.index.account_row(self.account)? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        let count = match count {
            Some(count) => count,
            None => self.index.account_count(self.account)?.unwrap_or_default(),
        };
        let mut known = self.index.keywords(self.account)?;
        for (id, name) in keywords {
            if usize::from(id) == known.len() {
                known.push(Arc::clone(name));
            }
        }
        Ok(Some(Frame { row, count, keywords: known }))
    }

    /// The rows of a mailbox, `None` if there is none.
    pub(crate) fn box_rows(
        &self,
        mailbox: MailboxId,
    ) -> Result<Option<(MailboxRow, MailboxCount)>, Fault> {
        let (mut row, mut count) = (None, None);
        for record in self.records() {
            match record {
                Record::Mailbox(_, m, r) if *m == mailbox => row = Some(r.clone()),
                Record::MailboxCount(_, m, c) if *m == mailbox => count = Some(*c),
                Record::MailboxGone(_, m, _) if *m == mailbox => return Ok(None),
                Record::AccountGone(_) => return Ok(None),
                _ => {}
            }
        }
        let row = match row {
            Some(row) => row,
            None => match self.index.mailbox_row(self.account, mailbox)? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        let count = match count {
            Some(count) => count,
            None => self.index.mailbox_count(self.account, mailbox)?.unwrap_or_default(),
        };
        Ok(Some((row, count)))
    }

    /// The mailboxes there are, ascending.
    pub(crate) fn box_ids(&self) -> Result<Vec<MailboxId>, Fault> {
        let mut ids: BTreeSet<_> = self.index.mailbox_ids(self.account)?.into_iter().collect();
        for record in self.records() {
            match record {
                Record::Mailbox(_, mailbox, _) => {
                    ids.insert(*mailbox);
                }
                Record::MailboxGone(_, mailbox, _) => {
                    ids.remove(mailbox);
                }
                Record::AccountGone(_) => ids.clear(),
                _ => {}
            }
        }
        Ok(ids.into_iter().collect())
    }

    pub(crate) fn setting(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        for record in self.records().rev() {
            match record {
                Record::Setting(_, n, value) if **n == *name => return Ok(value.clone()),
                Record::AccountGone(_) => return Ok(None),
                _ => {}
            }
        }
        self.index.setting(self.account, name)
    }

    fn subscribed(&self) -> Result<Vec<Arc<str>>, Fault> {
        let mut names: BTreeSet<_> = self.index.subscriptions(self.account)?.into_iter().collect();
        for record in self.records() {
            match record {
                Record::Subscription(_, name, true) => {
                    names.insert(Arc::clone(name));
                }
                Record::Subscription(_, name, false) => {
                    names.remove(name);
                }
                _ => {}
            }
        }
        Ok(names.into_iter().collect())
    }

    /// What `records` say about messages of a mailbox.
    fn deltas<'a>(
        records: impl Iterator<Item = &'a Record>,
        mailbox: MailboxId,
        range: &RangeInclusive<Uid>,
    ) -> Deltas<'a> {
        let mut deltas = Deltas::new();
        for record in records {
            match record {
                Record::Message(_, m, uid, row, flags) if *m == mailbox && range.contains(uid) => {
                    deltas.insert(*uid, Delta::Put(row, &flags.flags, flags.modseq));
                }
                Record::Flags(_, m, modseq, rows) if *m == mailbox => {
                    for (uid, flags) in rows.iter().filter(|(uid, _)| range.contains(uid)) {
                        let new = match deltas.get(uid) {
                            Some(Delta::Put(row, ..)) => Delta::Put(row, flags, *modseq),
                            _ => Delta::Flags(flags, *modseq),
                        };
                        deltas.insert(*uid, new);
                    }
                }
                Record::Vanished(_, m, _, uids) if *m == mailbox => {
                    let inside = uids.iter().filter(|uid| range.contains(uid));
                    deltas.extend(inside.map(|uid| (uid, Delta::Gone)));
                }
                _ => {}
            }
        }
        deltas
    }

    /// Walks flags of messages in a range, ascending, until `each` says `false`. `top` lies over
    /// everything else.
    pub(crate) fn walk_flags(
        &self,
        top: &[&Record],
        mailbox: MailboxId,
        range: &RangeInclusive<Uid>,
        mut each: impl FnMut(FlagRow) -> bool,
    ) -> Result<(), Fault> {
        let records = self.records().chain(top.iter().copied());
        let mut deltas = Self::deltas(records, mailbox, range).into_iter().peekable();
        let mut on = true;
        self.index.flags(self.account, mailbox, range, |uid, FlagsRow { flags, modseq }| {
            while on && let Some((before, delta)) = deltas.next_if(|(d, _)| *d < uid) {
                on = delta.alone(before).is_none_or(&mut each);
            }
            if !on {
                return false;
            }
            let row = match deltas.next_if(|(d, _)| *d == uid) {
                None => Some(FlagRow { uid, flags, modseq }),
                Some((_, Delta::Gone)) => None,
                Some((_, Delta::Flags(flags, modseq) | Delta::Put(_, flags, modseq))) => {
                    Some(FlagRow { uid, flags: flags.clone(), modseq })
                }
            };
            on = row.is_none_or(&mut each);
            on
        })?;
        while on && let Some((uid, delta)) = deltas.next() {
            on = delta.alone(uid).is_none_or(&mut each);
        }
        Ok(())
    }

    /// Walks whole messages of a range, ascending, until `each` says `false`.
    pub(crate) fn walk_rows(
        &self,
        top: &[&Record],
        mailbox: MailboxId,
        range: &RangeInclusive<Uid>,
        limit: usize,
        mut each: impl FnMut(Row),
    ) -> Result<(), Fault> {
        let mut wanted = Vec::new();
        if limit == 0 {
            return Ok(());
        }
        self.walk_flags(top, mailbox, range, |row| {
            wanted.push(row);
            wanted.len() < limit
        })?;
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(()) };
        let range = first.uid..=last.uid;
        let records = self.records().chain(top.iter().copied());
        let deltas = Self::deltas(records, mailbox, &range);
        let mut wanted = wanted.into_iter().peekable();
        let put = |uid: Uid| match deltas.get(&uid) {
            Some(Delta::Put(row, ..)) => Some(MessageRow::clone(row)),
            _ => None,
        };
        self.index.messages(self.account, mailbox, &range, |uid, message| {
            while let Some(row) = wanted.next_if(|row| row.uid < uid) {
                if let Some(message) = put(row.uid) {
                    each(message.with(row));
                }
            }
            if let Some(row) = wanted.next_if(|row| row.uid == uid) {
                each(message.with(row));
            }
            wanted.peek().is_some()
        })?;
        for row in wanted {
            if let Some(message) = put(row.uid) {
                each(message.with(row));
            }
        }
        Ok(())
    }

    /// An [`Account`] for the outside.
    pub(crate) fn account(&self, frame: &Frame) -> Account {
        Account {
            id: self.account,
            settings: frame.row.settings.clone(),
            quota: frame.row.quota,
            usage: frame.count.usage,
            modseq: frame.count.modseq,
        }
    }
}

impl Delta<'_> {
    /// The message, if the unapplied records alone make one.
    fn alone(&self, uid: Uid) -> Option<FlagRow> {
        match self {
            Delta::Put(_, flags, modseq) => {
                Some(FlagRow { uid, flags: Flags::clone(flags), modseq: *modseq })
            }
            Delta::Flags(..) | Delta::Gone => None,
        }
    }
}

impl MessageRow {
    fn with(self, flags: FlagRow) -> Row {
        Row {
            uid: flags.uid,
            email: self.email,
            internal: self.internal,
            received: self.received,
            saved: self.saved,
            size: self.size,
            blob: self.blob,
            summary: self.summary,
            flags: flags.flags,
            modseq: flags.modseq,
        }
    }
}

/// A mailbox for the outside.
fn mailbox(id: MailboxId, row: MailboxRow, count: MailboxCount) -> Mailbox {
    Mailbox {
        id,
        name: row.name,
        role: row.role,
        uidvalidity: row.uidvalidity,
        uidnext: count.last_uid.checked_add(1).and_then(Uid::new),
        modseq: count.modseq,
        messages: count.messages,
        unseen: count.unseen,
        deleted: count.deleted,
        bytes: count.bytes,
    }
}

/// A snapshot with the account's record read: the [`View`] of the embedded engine.
pub(crate) struct EmbeddedView {
    snapshot: Snapshot,
    account: Account,
    keywords: Vec<Arc<str>>,
}

impl EmbeddedView {
    /// `None` if there is no such account.
    pub(crate) fn new(snapshot: Snapshot) -> Result<Option<Self>, Fault> {
        let Some(frame) = snapshot.frame()? else { return Ok(None) };
        let account = snapshot.account(&frame);
        Ok(Some(Self { snapshot, account, keywords: frame.keywords }))
    }
}

impl View for EmbeddedView {
    fn account(&self) -> &Account {
        &self.account
    }

    fn keywords(&self) -> &[Arc<str>] {
        &self.keywords
    }

    fn mailboxes(&self) -> Result<Vec<Mailbox>, Fault> {
        let ids = self.snapshot.box_ids()?;
        let mut mailboxes = Vec::with_capacity(ids.len());
        for id in ids {
            mailboxes.extend(self.mailbox(id)?);
        }
        Ok(mailboxes)
    }

    fn mailbox(&self, id: MailboxId) -> Result<Option<Mailbox>, Fault> {
        Ok(self.snapshot.box_rows(id)?.map(|(row, count)| mailbox(id, row, count)))
    }

    fn subscriptions(&self) -> Result<Vec<Arc<str>>, Fault> {
        self.snapshot.subscribed()
    }

    fn setting(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.snapshot.setting(name)
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), Fault> {
        if self.snapshot.box_rows(mailbox)?.is_none() {
            return Ok(());
        }
        self.snapshot.walk_rows(&[], mailbox, &range, limit, |row| rows.push(row))
    }

    fn flags(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<Uid>,
        limit: usize,
        rows: &mut Vec<FlagRow>,
    ) -> Result<(), Fault> {
        if limit == 0 || self.snapshot.box_rows(mailbox)?.is_none() {
            return Ok(());
        }
        let end = rows.len().saturating_add(limit);
        self.snapshot.walk_flags(&[], mailbox, &range, |row| {
            rows.push(row);
            rows.len() < end
        })
    }

    fn changes(&self, mailbox: MailboxId, since: ModSeq) -> Result<Option<Changes>, Fault> {
        let (_, count) = self.snapshot.box_rows(mailbox)?.ok_or(Fault::Missing)?;
        let mut changes = Changes { modseq: count.modseq, ..Changes::default() };
        if since >= count.modseq {
            return Ok(Some(changes));
        }
        let (mut touched, vanished) = (UidSet::new(), &mut changes.vanished);
        let mut note = |kind, uids: &UidSet| {
            let set = if kind == Change::Vanished { &mut *vanished } else { &mut touched };
            uids.ranges().for_each(|range| set.insert_range(range));
        };
        self.snapshot.index.changes(self.account.id, since, |_, kind, m, uids| {
            if m == mailbox {
                note(kind, &uids);
            }
        })?;
        for record in self.snapshot.records() {
            match record {
                Record::Message(_, m, uid, _, flags) if *m == mailbox && flags.modseq > since => {
                    note(Change::Added, &(*uid).into());
                }
                Record::Flags(_, m, modseq, rows) if *m == mailbox && *modseq > since => {
                    note(Change::Flags, &rows.iter().map(|(uid, _)| *uid).collect());
                }
                Record::Vanished(_, m, modseq, uids) if *m == mailbox && *modseq > since => {
                    note(Change::Vanished, uids);
                }
                _ => {}
            }
        }
        for range in ranges_to_walk(&touched) {
            self.snapshot.walk_flags(&[], mailbox, &range, |row| {
                if row.modseq > since {
                    changes.changed.push(row);
                }
                true
            })?;
        }
        Ok(Some(changes))
    }
}

/// The ranges in which to look for the messages of a set: its own, or one around them all if there
/// are many. Whoever walks them checks each message.
pub(crate) fn ranges_to_walk(uids: &UidSet) -> Vec<RangeInclusive<Uid>> {
    /// More walks than this cost more than one long one.
    const MANY: usize = 64;
    let ranges: Vec<_> = uids.ranges().collect();
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) if ranges.len() > MANY => vec![*first.start()..=*last.end()],
        _ => ranges,
    }
}
