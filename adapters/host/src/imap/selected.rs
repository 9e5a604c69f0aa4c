//! The selected mailbox: opening it, and what changes in it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use posthaste_core::imap::command::Select;
use posthaste_core::imap::response::{Code, Listed, Mode, Responses, Status};
use posthaste_core::imap::server::{Allowed, Update};
use posthaste_core::imap::view::View;
use posthaste_core::imap::{Atom, Flag, Imap};
use posthaste_core::session::{Note, Place};
use posthaste_store::{
    AccountId, Changes, Fault, FlagRow, Flags, MailboxId, ModSeq, SystemFlags, Uid, Watch, Watcher,
};

use super::desk::{Desk, State, Step};
use super::kept::Kept;
use super::trouble::Trouble;
use crate::rings::Rings;

/// Rows of flags that are read at a time.
const ROWS: usize = 4_096;

/// The selected mailbox as the client knows it.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) mailbox: MailboxId,
    pub(super) read_only: bool,
    /// UIDs by sequence number: what the client was told, and no more.
    pub(super) view: View,
    /// The account's keywords, as far as the client was told.
    pub(super) keywords: Vec<Arc<str>>,
    /// The mailbox's changes up to here are in `view`, or below.
    modseq: ModSeq,
    /// The account's changes up to here were looked at.
    checked: ModSeq,
    /// Changes that this session made itself, and has told, or must not tell.
    own: Vec<ModSeq>,
    /// Messages that are gone, which the client has not been told; ascending.
    gone: Vec<u32>,
    /// Messages whose flags have changed, which the client has not been told.
    changed: VecDeque<FlagRow>,
    watch: Watch,
    poker: Arc<Poker>,
}

impl Selected {
    /// Whether there is nothing to tell, as far as that is known without reading.
    pub(super) fn is_quiet(&mut self, allowed: Allowed) -> bool {
        self.poker.listen();
        let waiting =
            (allowed == Allowed::Everything && !self.gone.is_empty()) || !self.changed.is_empty();
        !waiting && self.checked == self.watch.modseq()
    }

    /// This session has changed these flags, and tells it in its own way.
    pub(super) fn own(&mut self, changed: &[FlagRow], modseq: ModSeq) {
        // Where nothing was changed, the mod-sequence is that of somebody else's change.
        if !changed.is_empty() {
            self.own.push(modseq);
        }
    }

    /// Reads the keywords again, if there are new ones; says so to the client.
    pub(super) fn learn(&mut self, keywords: &[Arc<str>], out: &mut Responses) {
        if keywords.len() > self.keywords.len() {
            self.keywords = keywords.to_vec();
            out.flags(all_flags(&self.keywords));
        }
    }

    /// Takes in what has changed.
    fn note(&mut self, changes: Changes, out: &mut Responses) {
        let vanished = &changes.vanished;
        let here = |uid: u32| Uid::new(uid).is_some_and(|uid| vanished.contains(uid));
        if vanished.len() <= u64::from(self.view.len()) {
            let uids = vanished.iter().map(Uid::number);
            self.gone.extend(uids.filter(|uid| self.view.seq(*uid).is_some()));
        } else {
            self.gone.extend(self.view.uids().filter(|uid| here(*uid)));
        }
        self.gone.sort_unstable();
        self.gone.dedup();
        let last = self.view.last_uid().unwrap_or(0);
        let (came, changed): (Vec<FlagRow>, Vec<FlagRow>) =
            changes.changed.into_iter().partition(|row| row.uid.number() > last);
        self.changed.extend(changed.into_iter().filter(|row| !self.own.contains(&row.modseq)));
        self.own.clear();
        let before = self.view.len();
        self.view.append(came.iter().map(|row| row.uid.number()), out);
        if self.view.len() != before {
            out.recent(0);
        }
        self.modseq = changes.modseq;
    }

    /// Writes what may be told now; says whether there is more.
    fn tell(&mut self, allowed: Allowed, out: &mut Responses) -> bool {
        if allowed == Allowed::Everything {
            let left = self.view.expunge(&self.gone, out);
            self.gone.truncate(left);
            if left > 0 {
                return true;
            }
        }
        let condstore = out.client().condstore;
        while let Some(row) = self.changed.pop_front() {
            let Some(seq) = self.view.seq(row.uid.number()) else { continue };
            let line = out.row(seq).uid(row.uid.number()).flags(flags(&row.flags, &self.keywords));
            if condstore {
                line.modseq(row.modseq.0).end()
            } else {
                line.end()
            }
            if out.is_full() {
                return !self.changed.is_empty();
            }
        }
        false
    }
}

/// Wakes a session when its mailbox may have changed: once until it has looked.
struct Poker {
    place: Place<Imap>,
    rings: Arc<Rings>,
    poked: AtomicBool,
}

impl Poker {
    /// The session looks now: the next change pokes it again.
    fn listen(&self) {
        self.poked.store(false, Ordering::Release);
    }
}

impl Watcher for Poker {
    fn changed(&self, _: AccountId, _: ModSeq) {
        if !self.poked.swap(true, Ordering::AcqRel) {
            self.place.post(Note::Poke);
            self.rings.due(self.place.clone());
        }
    }
}

impl fmt::Debug for Poker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poker at {:?}", self.place)
    }
}

/// SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3).
pub(super) fn select(
    desk: &Desk,
    state: &mut State,
    kept: &Kept,
    select: &Select<'_>,
    read_only: bool,
) -> Result<Step, Trouble> {
    let mut out = kept.responses();
    // RFC 9051 §6.3.2: whatever comes of it, nothing is selected any more. The machine has said so.
    state.selected = None;
    let (selected, opened) = match open(desk, select, read_only) {
        Ok(both) => both,
        Err(trouble) => return Ok(Step::Reply(trouble.reply(out))),
    };
    let Opened { mailbox, unseen } = opened;
    out.flags(all_flags(&selected.keywords)).exists(selected.view.len()).recent(0);
    if let (Some(unseen), false) = (unseen, kept.mode.rev2) {
        out.note(&Code::Unseen(unseen), "The first that was not seen");
    }
    let permanent: Vec<Flag<'_>> = all_flags(&selected.keywords).collect();
    let permanent = if read_only { &[] } else { &*permanent };
    out.note(&Code::PermanentFlags(permanent, !read_only), "Flags that are kept")
        .note(&Code::UidValidity(mailbox.uidvalidity), "UIDs are valid");
    // RFC 9051 §2.3.1.1: UIDs are used up when there is no next one, which nobody will see.
    let next = mailbox.uidnext.unwrap_or(Uid::MAX).number();
    out.note(&Code::UidNext(next), "The next UID")
        .note(&Code::HighestModSeq(mailbox.modseq.0.max(1)), "The highest mod-sequence");
    if kept.mode.rev2 {
        // RFC 9051 §6.3.2: an untagged LIST response comes with SELECT.
        out.list(&Listed {
            attributes: &[],
            child_info: false,
            delimiter: Some('/'),
            name: &mailbox.name,
            old_name: None,
        });
    }
    state.selected = Some(Box::new(selected));
    let code = if read_only { Code::ReadOnly } else { Code::ReadWrite };
    Ok(Step::Reply(out.done(Status::Ok, Some(&code), "Selected")))
}

/// What SELECT says and nobody keeps.
struct Opened {
    mailbox: posthaste_store::Mailbox,
    /// The first message without `\Seen`.
    unseen: Option<u32>,
}

fn open(desk: &Desk, select: &Select<'_>, read_only: bool) -> Result<(Selected, Opened), Trouble> {
    let name = select.mailbox.name()?;
    let poker = Arc::new(Poker {
        place: desk.place.clone(),
        rings: Arc::clone(&desk.host.rings),
        poked: AtomicBool::new(false),
    });
    // Watched first and read then, so that nothing falls between.
    let watch = desk.host.store.watch(desk.account, Arc::clone(&poker) as Arc<dyn Watcher>);
    let checked = watch.modseq();
    let view = desk.view()?;
    let mailbox = desk.find(&*view, &name)?.ok_or(Trouble::NoMailbox)?;
    let mut selected = Selected {
        mailbox: mailbox.id,
        read_only,
        view: View::new(),
        keywords: view.keywords().to_vec(),
        modseq: mailbox.modseq,
        checked,
        own: Vec::new(),
        gone: Vec::new(),
        changed: VecDeque::new(),
        watch,
        poker,
    };
    let mut unseen = None;
    each_flags(&*view, mailbox.id, |row| {
        let seq = selected.view.push(row.uid.number());
        if unseen.is_none() && !row.flags.system.has(SystemFlags::SEEN) {
            unseen = seq;
        }
    })?;
    Ok((selected, Opened { mailbox, unseen }))
}

/// What has changed since the client heard of it last.
pub(super) fn sync(
    desk: &Desk,
    state: &mut State,
    mode: Mode,
    allowed: Allowed,
) -> Result<Update, Fault> {
    let mut out = Responses::with(mode);
    let Some(selected) = &mut state.selected else { return Ok(Update::nothing()) };
    selected.poker.listen();
    let now = selected.watch.modseq();
    if selected.checked != now {
        let view = desk.view()?;
        let mailbox = view.mailbox(selected.mailbox)?;
        let changes = match &mailbox {
            // Somebody has deleted it: all its messages are gone.
            None => Changes {
                changed: Vec::new(),
                vanished: posthaste_store::UidSet::all(),
                modseq: now,
            },
            Some(mailbox) => match view.changes(mailbox.id, selected.modseq)? {
                Some(changes) => changes,
                None => everything(&*view, mailbox, &selected.view)?,
            },
        };
        selected.learn(view.keywords(), &mut out);
        selected.note(changes, &mut out);
        selected.checked = now;
    }
    let more = selected.tell(allowed, &mut out);
    Ok(Update { responses: out, more })
}

/// All that could have changed, where the store does not know that any more.
fn everything(
    view: &dyn posthaste_store::View,
    mailbox: &posthaste_store::Mailbox,
    known: &View,
) -> Result<Changes, Fault> {
    let mut changed = Vec::new();
    each_flags(view, mailbox.id, |row| changed.push(row.clone()))?;
    let there: posthaste_store::UidSet = changed.iter().map(|row| row.uid).collect();
    let vanished = known.uids().filter_map(Uid::new).filter(|uid| !there.contains(*uid)).collect();
    Ok(Changes { changed, vanished, modseq: mailbox.modseq })
}

/// Walks the flags of a whole mailbox.
fn each_flags(
    view: &dyn posthaste_store::View,
    mailbox: MailboxId,
    mut each: impl FnMut(&FlagRow),
) -> Result<(), Fault> {
    let mut rows = Vec::new();
    let mut from = Uid::MIN;
    loop {
        rows.clear();
        view.flags(mailbox, from..=Uid::MAX, ROWS, &mut rows)?;
        rows.iter().for_each(&mut each);
        match rows.last() {
            Some(last) if rows.len() == ROWS && last.uid < Uid::MAX => from = last.uid.next(),
            _ => return Ok(()),
        }
    }
}

/// The flags that exist: those of the system, and the account's keywords.
fn all_flags(keywords: &[Arc<str>]) -> impl Iterator<Item = Flag<'_>> {
    let system = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
    system.into_iter().chain(keywords.iter().filter_map(|keyword| flag(keyword)))
}

/// Flags as the client reads them.
pub(super) fn flags<'f>(
    flags: &'f Flags,
    keywords: &'f [Arc<str>],
) -> impl Iterator<Item = Flag<'f>> {
    let system = [
        (SystemFlags::ANSWERED, Flag::Answered),
        (SystemFlags::FLAGGED, Flag::Flagged),
        (SystemFlags::DELETED, Flag::Deleted),
        (SystemFlags::SEEN, Flag::Seen),
        (SystemFlags::DRAFT, Flag::Draft),
    ];
    let set = system.into_iter().filter(|(bit, _)| flags.system.has(*bit)).map(|(_, flag)| flag);
    let named = flags.keywords.iter().filter_map(|id| keywords.get(usize::from(id.0)));
    set.chain(named.filter_map(|keyword| flag(keyword)))
}

fn flag(keyword: &str) -> Option<Flag<'_>> {
    Atom::new(keyword.as_bytes()).map(Flag::Keyword)
}
