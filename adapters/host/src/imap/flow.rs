//! Replies that come in parts: what is left, and how it goes on.

use std::sync::Arc;

use posthaste_core::imap::fetch::{Place, Plan};
use posthaste_core::imap::response::{Code, Reply, Responses};

use super::desk::{Desk, State, Step};
use super::fetch::Rows;
use super::kept::Kept;
use super::list;

/// What is left of a reply.
#[derive(Debug)]
pub(super) enum Flow {
    /// Messages to say are gone, and what is said then.
    Gone {
        kept: Arc<Kept>,
        /// Their UIDs, ascending.
        uids: Vec<u32>,
        /// The last word.
        text: &'static str,
    },
    /// Names to list.
    Names {
        kept: Arc<Kept>,
        /// The last one that was listed.
        after: Box<str>,
    },
    /// Messages to describe.
    Rows(Rows),
}

/// The machine wants more.
pub(super) fn next(desk: &Desk, state: &mut State) -> Step {
    match state.flow.take().map(|flow| *flow) {
        Some(Flow::Gone { kept, uids, text }) => {
            let out = kept.responses();
            gone(state, kept, out, uids, text)
        }
        Some(Flow::Names { kept, after }) => list::resume(desk, state, &kept, &after),
        Some(Flow::Rows(rows)) => rows.part(desk, state),
        None => Step::Reply(Reply::unavailable()),
    }
}

/// Says that messages are gone, with as many parts as it takes.
pub(super) fn gone(
    state: &mut State,
    kept: Arc<Kept>,
    mut out: Responses,
    mut uids: Vec<u32>,
    text: &'static str,
) -> Step {
    if let Some(selected) = &mut state.selected {
        let left = selected.view.expunge(&uids, &mut out);
        uids.truncate(left);
    }
    if state.selected.is_none() || uids.is_empty() {
        return Step::Reply(out.ok(text));
    }
    state.flow = Some(Box::new(Flow::Gone { kept, uids, text }));
    Step::Reply(out.part())
}

/// How a command ends that has described messages.
#[derive(Debug)]
pub(super) enum Last {
    /// FETCH.
    Fetched,
    /// STORE; these were left alone, in the numbers of the command.
    Stored(Vec<(u32, u32)>),
}

impl Last {
    /// The last word.
    pub(super) fn say(&self, plan: &Plan, place: &Place, out: Responses, some_gone: bool) -> Reply {
        use posthaste_core::imap::response::Status::Ok;
        match self {
            // RFC 7162 §3.1.3: what was not stored is told in the tagged OK.
            Self::Stored(modified) if !modified.is_empty() => {
                out.done(Ok, Some(&Code::Modified(modified)), "Some have changed since")
            }
            _ if some_gone => {
                out.done(Ok, Some(&Code::ExpungeIssued), "Some of the messages are gone")
            }
            Self::Fetched => plan.done(place, out),
            Self::Stored(_) => out.ok("Stored"),
        }
    }
}
