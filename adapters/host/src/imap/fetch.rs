//! FETCH (RFC 9051 §6.4.5): which messages, in as many parts as it takes. What is written of each is
//! the core's [`Plan`].

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::imap::Flag;
use posthaste_core::imap::command::{Fetch, FetchItem};
use posthaste_core::imap::date::DateTime;
use posthaste_core::imap::fetch::{Facts, Place, Plan, Progress, Source};
use posthaste_core::imap::response::{Mode, Responses, Seam};
use posthaste_core::mime::structure::Structure;
use posthaste_core::mime::{Limits, Scanner, Span};
use posthaste_store::{
    BlobId, EmailId, Fault, FlagChange, FlagRow, Mutation, Outcome, Row, Store, SystemFlags,
    Timestamp, Uid, UidSet,
};

use super::desk::{Desk, State, Step};
use super::flow::{Flow, Last};
use super::kept::Kept;
use super::selected::{self, Selected};
use super::trouble::Trouble;
use crate::Host;
use crate::summary::Summary;

/// Messages whose rows are read at a time.
const ROWS: usize = 128;
/// Octets that are read at a time to find a structure that was not kept.
const PIECE: u64 = 64 * 1024;

/// Messages to describe.
pub(super) struct Rows {
    plan: Plan,
    place: Place,
    mode: Mode,
    /// Flags are all that has to be read.
    only_flags: bool,
    /// Their UIDs; what comes next stands in front.
    uids: VecDeque<(u32, u32)>,
    /// Messages that this command has marked as seen.
    seen: UidSet,
    /// The message whose description was cut.
    open: Option<Box<(Row, Option<Structure>)>>,
    seam: Seam,
    some_gone: bool,
    last: Last,
}

/// FETCH and UID FETCH.
pub(super) fn begin(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    fetch: &Fetch<'_>,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    let picked = selected.view.pick(&fetch.set, fetch.by)?;
    let uids = selected.view.uids_of(&picked);
    let mut rows = Rows::new(fetch, kept.mode, uids.ranges(), Last::Fetched);
    if selected.read_only || !Plan::sets_seen(fetch) {
        return Ok(rows.part(desk, state));
    }
    // \Seen is set, and durably so before the command ends.
    let unseen = unseen(desk, selected, uids.ranges())?;
    if unseen.is_empty() {
        return Ok(rows.part(desk, state));
    }
    let set = Mutation::SetFlags {
        mailbox: desk.target(selected.mailbox),
        uids: unseen,
        how: FlagChange::Add,
        flags: SystemFlags::SEEN.into(),
        unchanged_since: None,
    };
    Ok(desk.write([set], move |desk, state, outcomes| {
        match (outcomes.into_iter().next(), &mut state.selected) {
            (Some(Outcome::Flags { changed, modseq, .. }), Some(selected)) => {
                selected.own(&changed, modseq);
                rows.seen = changed.iter().map(|row| row.uid).collect();
            }
            (Some(Outcome::Refused(refusal)), _) => {
                // The mail can be read all the same.
                tracing::warn!(%refusal, "messages were not marked as seen");
            }
            _ => {}
        }
        rows.part(desk, state)
    }))
}

/// Which of these messages were not seen.
fn unseen(desk: &Desk, selected: &Selected, uids: &[(u32, u32)]) -> Result<UidSet, Trouble> {
    let view = desk.view()?;
    let mut unseen = UidSet::new();
    let mut rows = Vec::new();
    for range in uids.iter().filter_map(range) {
        rows.clear();
        view.flags(selected.mailbox, range, usize::MAX, &mut rows)?;
        let fresh = rows.iter().filter(|row| !row.flags.system.has(SystemFlags::SEEN));
        fresh.for_each(|row| unseen.insert(row.uid));
    }
    Ok(unseen)
}

impl Rows {
    /// What `fetch` asks for, of these messages.
    pub(super) fn new(fetch: &Fetch<'_>, mode: Mode, uids: &[(u32, u32)], last: Last) -> Self {
        let flags = |item| matches!(item, FetchItem::Flags | FetchItem::ModSeq | FetchItem::Uid);
        Self {
            plan: Plan::new(fetch, mode),
            place: Place::default(),
            mode,
            only_flags: fetch.items.iter().all(flags),
            uids: uids.iter().copied().collect(),
            seen: UidSet::new(),
            open: None,
            seam: Seam::WHOLE,
            some_gone: false,
            last,
        }
    }

    /// The next part of the reply, and the last one when all is told.
    pub(super) fn part(mut self, desk: &Desk, state: &mut State) -> Step {
        let mut out = Responses::resume(self.seam).mode(self.mode);
        if self.seam.is_whole() {
            state.tell_highest(&mut out);
        }
        match self.fill(desk, state, &mut out) {
            Ok(true) => Step::Reply(self.last.say(&self.plan, &self.place, out, self.some_gone)),
            Ok(false) => {
                self.seam = out.seam();
                state.flow = Some(Box::new(Flow::Rows(self)));
                Step::Reply(out.part())
            }
            // Inside a literal the machine ends the session: nothing else can be said.
            Err(trouble) => Step::Reply(trouble.reply(out)),
        }
    }

    /// Fills a part; says whether that was all.
    fn fill(
        &mut self,
        desk: &Desk,
        state: &mut State,
        out: &mut Responses,
    ) -> Result<bool, Trouble> {
        let selected = state.selected()?;
        if let Some(open) = self.open.take() {
            let (row, structure) = *open;
            if !self.tell(desk, selected, row, structure, out)? {
                return Ok(false);
            }
        }
        if self.uids.is_empty() {
            return Ok(true);
        }
        let view = desk.view()?;
        selected.learn(view.keywords(), out);
        let needs = self.plan.needs();
        while let Some((first, last)) = self.uids.front().copied() {
            if out.is_full() {
                return Ok(false);
            }
            let rows = self.read(&*view, selected, (first, last))?;
            let all_read = rows.len() < ROWS;
            let mut next = first;
            let mut cut = false;
            for row in rows {
                let uid = row.uid.number();
                // What the client knows of and is not there any more.
                self.some_gone |= uid > next;
                next = uid.saturating_add(1);
                if !self.plan.wants(row.modseq.0) {
                    continue;
                }
                let structure = match needs.structure {
                    true => Some(structure(&desk.host, &row)?),
                    false => None,
                };
                cut = !self.tell(desk, selected, row, structure, out)? || out.is_full();
                if cut {
                    break;
                }
            }
            if next > last || (all_read && !cut) {
                self.some_gone |= next <= last;
                self.uids.pop_front();
            } else if let Some(front) = self.uids.front_mut() {
                front.0 = next;
            }
            if self.open.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next rows of a range.
    fn read(
        &self,
        view: &dyn posthaste_store::View,
        selected: &Selected,
        uids: (u32, u32),
    ) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        let Some(range) = range(&uids) else { return Ok(rows) };
        if self.only_flags {
            let mut flags = Vec::new();
            view.flags(selected.mailbox, range, ROWS, &mut flags)?;
            rows.extend(flags.into_iter().map(bare));
        } else {
            view.rows(selected.mailbox, range, ROWS, &mut rows)?;
        }
        Ok(rows)
    }

    /// Describes a message, or goes on with it; says whether it is described.
    fn tell(
        &mut self,
        desk: &Desk,
        selected: &Selected,
        row: Row,
        structure: Option<Structure>,
        out: &mut Responses,
    ) -> Result<bool, Trouble> {
        // One that the client has not been told of yet.
        let Some(seq) = selected.view.seq(row.uid.number()) else { return Ok(true) };
        let flags: Vec<Flag<'_>> = selected::flags(&row.flags, &selected.keywords).collect();
        let newly_seen = self.seen.contains(row.uid);
        let facts = facts(&row, seq, &flags, structure.as_ref(), newly_seen);
        let mut source = Octets { store: &*desk.host.store, blob: row.blob };
        match self.plan.row(&mut self.place, &facts, &mut source, out) {
            Ok(Progress::Done) => Ok(true),
            Ok(Progress::Part) => {
                self.open = Some(Box::new((row, structure)));
                Ok(false)
            }
            Err(_) => Err(Fault::Damaged("a body could not be read to its end".into()).into()),
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("uids", &self.uids).finish_non_exhaustive()
    }
}

/// The octets of a stored message.
pub(super) struct Octets<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) blob: BlobId,
}

impl Source for Octets<'_> {
    type Octets = Bytes;
    type Error = Fault;

    fn read(&mut self, span: Span) -> Result<Bytes, Fault> {
        self.store.read(&self.blob, u64::from(span.start)..u64::from(span.end))
    }
}

/// What is known of a message without reading it.
pub(super) fn facts<'m>(
    row: &Row,
    seq: u32,
    flags: &'m [Flag<'m>],
    structure: Option<&'m Structure>,
    newly_seen: bool,
) -> Facts<'m> {
    Facts {
        date: DateTime::from_unix(row.internal.0.div_euclid(1_000), 0),
        flags,
        modseq: row.modseq.0,
        newly_seen,
        seq,
        size: u32::try_from(row.size).unwrap_or(u32::MAX),
        structure,
        uid: row.uid.number(),
    }
}

/// The structure of a message: as it was kept, or scanned again where it was too big for that.
pub(super) fn structure(host: &Host, row: &Row) -> Result<Structure, Fault> {
    let kept = Summary::read(&row.summary).filter(|summary| !summary.structure.is_empty());
    if let Some(structure) = kept.and_then(|kept| Structure::decode(kept.structure).ok()) {
        return Ok(structure);
    }
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    let mut at = 0;
    while at < row.size {
        let piece = host.store.read(&row.blob, at..at.saturating_add(PIECE))?;
        if piece.is_empty() {
            return Err(Fault::Damaged("a body is shorter than its record says".into()));
        }
        scanner.feed(&piece);
        at += piece.len() as u64;
    }
    host.counters.scan(at);
    tracing::debug!(octets = at, "a message was scanned again: its tree was too big to be kept");
    Ok(scanner.finish())
}

/// A row of which only flags are known.
fn bare(row: FlagRow) -> Row {
    Row {
        uid: row.uid,
        email: EmailId(0),
        internal: Timestamp(0),
        received: Timestamp(0),
        saved: Timestamp(0),
        size: 0,
        blob: BlobId([0; 32]),
        summary: Bytes::new(),
        flags: row.flags,
        modseq: row.modseq,
    }
}

/// A range of UIDs as the store has it.
pub(super) fn range(uids: &(u32, u32)) -> Option<RangeInclusive<Uid>> {
    Some(Uid::new(uids.0)?..=Uid::new(uids.1)?)
}

/// Ranges of UIDs as the store has them.
pub(super) fn uid_set(uids: &[(u32, u32)]) -> UidSet {
    let mut set = UidSet::new();
    uids.iter().filter_map(range).for_each(|range| set.insert_range(range));
    set
}

/// Ranges of UIDs as the core has them.
pub(super) fn ranges(set: &UidSet) -> Vec<(u32, u32)> {
    set.ranges().map(|range| (range.start().number(), range.end().number())).collect()
}
