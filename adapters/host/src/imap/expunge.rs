//! EXPUNGE, UID EXPUNGE and CLOSE (RFC 9051 §6.4.3, §6.4.9, §6.4.1).

use std::sync::Arc;

use posthaste_core::imap::SequenceSet;
use posthaste_core::imap::command::By;
use posthaste_core::imap::response::Reply;
use posthaste_store::{Expunged, Mutation, Outcome, Uid};

use super::desk::{Desk, State, Step};
use super::fetch::uid_set;
use super::flow;
use super::kept::Kept;
use super::trouble::Trouble;

/// EXPUNGE; of these messages only, for UID EXPUNGE.
pub(super) fn expunge(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    set: Option<&SequenceSet<'_>>,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    if selected.read_only {
        return Err(Trouble::ReadOnly);
    }
    let which = match set {
        None => Expunged::Deleted,
        Some(set) => {
            let picked = selected.view.pick(set, By::Uid)?;
            Expunged::DeletedAmong(uid_set(selected.view.uids_of(&picked).ranges()))
        }
    };
    let mutation = Mutation::Expunge { mailbox: desk.target(selected.mailbox), which };
    let kept = Arc::clone(kept);
    Ok(desk.write([mutation], move |_, state, outcomes| match outcomes.into_iter().next() {
        Some(Outcome::Expunged { uids, .. }) => {
            let gone = uids.iter().map(Uid::number).collect();
            let out = kept.responses();
            flow::gone(state, kept, out, gone, "Expunged")
        }
        Some(Outcome::Refused(refusal)) => {
            Step::Reply(Trouble::from(refusal).reply(kept.responses()))
        }
        _ => Step::Reply(Reply::unavailable()),
    }))
}

/// CLOSE: expunges without a word, unless the mailbox was opened for reading.
pub(super) fn close(desk: &Desk, state: &mut State, kept: &Arc<Kept>) -> Result<Step, Trouble> {
    let selected = state.selected.take().ok_or(Trouble::Unselected)?;
    if selected.read_only {
        return Ok(Step::Reply(kept.responses().ok("Closed")));
    }
    let mailbox = desk.target(selected.mailbox);
    let mutation = Mutation::Expunge { mailbox, which: Expunged::Deleted };
    let kept = Arc::clone(kept);
    Ok(desk.write([mutation], move |_, _, outcomes| {
        Step::Reply(match outcomes.into_iter().next() {
            Some(Outcome::Expunged { .. }) => kept.responses().ok("Closed"),
            Some(Outcome::Refused(refusal)) => Trouble::from(refusal).reply(kept.responses()),
            _ => Reply::unavailable(),
        })
    }))
}
