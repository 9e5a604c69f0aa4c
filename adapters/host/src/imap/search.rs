//! SEARCH (RFC 9051 §6.4.4): which messages are looked at. What is looked for is the core's
//! [`Query`].

use std::sync::Arc;

use posthaste_core::imap::Flag;
use posthaste_core::imap::command::{Command, Search, Tagged};
use posthaste_core::imap::search::{Found, Query};
use posthaste_store::Uid;

use super::desk::{Desk, State, Step};
use super::fetch::{Octets, facts, structure};
use super::kept::Kept;
use super::selected;
use super::trouble::Trouble;

/// Rows that are read at a time, and looked at before others have their turn.
const ROWS: usize = 1_000;
/// Octets of bodies after which others have their turn.
const OCTETS: u64 = 4 * 1024 * 1024;

/// A search under way.
struct Looking {
    kept: Arc<Kept>,
    query: Query,
    found: Found,
    /// The UID that comes next.
    from: Uid,
}

/// SEARCH and UID SEARCH.
pub(super) fn search(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    search: &Search<'_>,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    let found = Found::new(search, kept.mode);
    match Query::new(search, &selected.view) {
        Ok(query) => {
            let looking = Looking { kept: Arc::clone(kept), query, found, from: Uid::MIN };
            Ok(looking.go_on(desk, state))
        }
        Err(refusal) => {
            found.save(&mut selected.view);
            Ok(Step::Reply(refusal.reply()))
        }
    }
}

impl Looking {
    /// Looks on, and says what was found when all was looked at. A search through a large mailbox gives
    /// way now and then: threads are few.
    fn go_on(mut self, desk: &Desk, state: &mut State) -> Step {
        match self.look(desk, state) {
            Ok(false) => Step::Again(Box::new(|desk, state| self.go_on(desk, state))),
            Ok(true) => self.say(state),
            Err(trouble) => {
                // RFC 9051 §6.4.4.4: a search that failed has saved nothing.
                let tagged = self.kept.read();
                if let (Some(Tagged { command: Command::Search(search), .. }), Ok(selected)) =
                    (tagged, state.selected())
                {
                    Found::new(&search, self.kept.mode).save(&mut selected.view);
                }
                Step::Reply(trouble.reply(self.kept.responses()))
            }
        }
    }

    fn say(self, state: &mut State) -> Step {
        let mut out = self.kept.responses();
        state.tell_highest(&mut out);
        if let Ok(selected) = state.selected() {
            self.found.save(&mut selected.view);
        }
        if let Some(tagged) = self.kept.read() {
            self.found.write(tagged.tag, &mut out);
        }
        Step::Reply(out.ok("That is all"))
    }

    /// Looks at some messages; says whether those were the last.
    fn look(&mut self, desk: &Desk, state: &mut State) -> Result<bool, Trouble> {
        let selected = state.selected()?;
        let view = desk.view()?;
        let needs = self.query.needs();
        let store = &*desk.host.store;
        let mut rows = Vec::new();
        view.rows(selected.mailbox, self.from..=Uid::MAX, ROWS, &mut rows)?;
        let mut octets = 0;
        for row in &rows {
            self.from = row.uid.next();
            // One that the client has not been told of yet is not found.
            let Some(seq) = selected.view.seq(row.uid.number()) else { continue };
            let tree = match needs.structure {
                true => Some(structure(&desk.host, row)?),
                false => None,
            };
            let flags: Vec<Flag<'_>> = selected::flags(&row.flags, view.keywords()).collect();
            let facts = facts(row, seq, &flags, tree.as_ref(), false);
            if self.query.matches(&facts, &mut Octets { store, blob: row.blob })? {
                self.found.push(&facts);
            }
            octets += if needs.body { row.size } else { 0 };
            if octets > OCTETS {
                return Ok(row.uid == Uid::MAX);
            }
        }
        Ok(rows.len() < ROWS || rows.last().is_none_or(|last| last.uid == Uid::MAX))
    }
}
