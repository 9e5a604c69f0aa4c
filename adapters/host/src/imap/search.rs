//! SEARCH (RFC 9051 §6.4.4): which messages are looked at. What is looked for is the core's
//! [`Query`].

use std::sync::Arc;

use posthaste_core::imap::command::Search;
use posthaste_core::imap::search::{Found, Query};
use posthaste_core::imap::{Flag, Tag};
use posthaste_store::Uid;

use super::desk::{Desk, State, Step};
use super::fetch::{Octets, facts, structure};
use super::kept::Kept;
use super::selected;
use super::trouble::Trouble;

/// Rows that are read at a time.
const ROWS: usize = 1_000;

/// SEARCH and UID SEARCH.
pub(super) fn search(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    tag: Tag<'_>,
    search: &Search<'_>,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    let mut found = Found::new(search, kept.mode);
    let query = match Query::new(search, &selected.view) {
        Ok(query) => query,
        Err(refusal) => {
            found.save(&mut selected.view);
            return Ok(Step::Reply(refusal.reply()));
        }
    };
    if let Err(trouble) = look(desk, selected, &query, &mut found) {
        // RFC 9051 §6.4.4.4: a search that failed has saved nothing.
        Found::new(search, kept.mode).save(&mut selected.view);
        return Err(trouble);
    }
    found.save(&mut selected.view);
    let mut out = kept.responses();
    state.tell_highest(&mut out);
    found.write(tag, &mut out);
    Ok(Step::Reply(out.ok("That is all")))
}

fn look(
    desk: &Desk,
    selected: &selected::Selected,
    query: &Query,
    found: &mut Found,
) -> Result<(), Trouble> {
    let view = desk.view()?;
    let needs = query.needs();
    let store = &*desk.host.store;
    let mut rows = Vec::new();
    let mut from = Uid::MIN;
    loop {
        rows.clear();
        view.rows(selected.mailbox, from..=Uid::MAX, ROWS, &mut rows)?;
        for row in &rows {
            // One that the client has not been told of yet is not found.
            let Some(seq) = selected.view.seq(row.uid.number()) else { continue };
            let tree = match needs.structure {
                true => Some(structure(store, row)?),
                false => None,
            };
            let flags: Vec<Flag<'_>> = selected::flags(&row.flags, view.keywords()).collect();
            let facts = facts(row, seq, &flags, tree.as_ref(), false);
            if query.matches(&facts, &mut Octets { store, blob: row.blob })? {
                found.push(&facts);
            }
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS && last.uid < Uid::MAX => from = last.uid.next(),
            _ => return Ok(()),
        }
    }
}
