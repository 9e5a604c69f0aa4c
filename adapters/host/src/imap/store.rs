//! STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

use std::sync::Arc;

use posthaste_core::imap::command::{By, Change, Fetch, FetchItem, Store};
use posthaste_core::imap::{Flag, List, SequenceSet};
use posthaste_store::{FlagChange, FlagNames, ModSeq, Mutation, Outcome, SystemFlags, UidSet};

use super::desk::{Desk, State, Step};
use super::fetch::{Rows, ranges, uid_set};
use super::flow::Last;
use super::kept::Kept;
use super::trouble::Trouble;

/// STORE and UID STORE.
pub(super) fn store(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    store: &Store<'_>,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    if selected.read_only {
        return Err(Trouble::ReadOnly);
    }
    let picked = selected.view.pick(&store.set, store.by)?;
    let uids = uid_set(selected.view.uids_of(&picked).ranges());
    let set = Mutation::SetFlags {
        mailbox: desk.target(selected.mailbox),
        uids: uids.clone(),
        how: match store.change {
            Change::Add => FlagChange::Add,
            Change::Remove => FlagChange::Remove,
            Change::Replace => FlagChange::Replace,
        },
        flags: names(&store.flags),
        unchanged_since: store.unchanged_since.map(ModSeq),
    };
    let (kept, by, silent) = (Arc::clone(kept), store.by, store.silent);
    Ok(desk.write([set], move |desk, state, outcomes| match outcomes.into_iter().next() {
        Some(Outcome::Flags { changed, modified, modseq }) => {
            let Ok(selected) = state.selected() else {
                return Step::Reply(Trouble::Unselected.reply(kept.responses()));
            };
            selected.own(&changed, modseq);
            let left = match by {
                By::Uid => ranges(&modified),
                By::Sequence => {
                    let seqs = modified.iter().filter_map(|uid| selected.view.seq(uid.number()));
                    let seqs: posthaste_core::imap::view::Set = seqs.collect();
                    seqs.ranges().to_vec()
                }
            };
            let told: UidSet = if silent {
                // RFC 7162 §3.1.3: the new mod-sequences are told all the same, to who knows them.
                let rows = changed.iter().filter(|_| kept.mode.condstore);
                rows.map(|row| row.uid).collect()
            } else {
                uids.iter().filter(|uid| !modified.contains(*uid)).collect()
            };
            let items: &[FetchItem<'_>] = if silent { &[] } else { &[FetchItem::Flags] };
            let fetch = Fetch {
                by,
                set: SequenceSet::of(&[]),
                items: List::of(items),
                changed_since: None,
            };
            let rows = Rows::new(&fetch, kept.mode, &ranges(&told), Last::Stored(left));
            rows.part(desk, state)
        }
        Some(Outcome::Refused(refusal)) => {
            Step::Reply(Trouble::from(refusal).reply(kept.responses()))
        }
        _ => Step::Reply(posthaste_core::imap::response::Reply::unavailable()),
    }))
}

/// Flags as the store names them. What no client can set (`\Recent`) is left out.
pub(super) fn names<'i>(flags: &List<'i, Flag<'i>>) -> FlagNames {
    let mut names = FlagNames::default();
    for flag in flags.iter() {
        let system = match flag {
            Flag::Answered => SystemFlags::ANSWERED,
            Flag::Deleted => SystemFlags::DELETED,
            Flag::Draft => SystemFlags::DRAFT,
            Flag::Flagged => SystemFlags::FLAGGED,
            Flag::Seen => SystemFlags::SEEN,
            Flag::Extension(_) => continue,
            Flag::Keyword(name) => {
                names.keywords.push(name.as_str().into());
                continue;
            }
        };
        names.system = names.system | system;
    }
    names
}
