//! COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).

use std::sync::Arc;

use posthaste_core::imap::command::CopyTo;
use posthaste_core::imap::response::{Code, Reply, Status};
use posthaste_store::{Mutation, Outcome, Uid};

use super::desk::{Desk, State, Step};
use super::fetch::{ranges, uid_set};
use super::flow;
use super::kept::Kept;
use super::trouble::Trouble;

/// COPY and UID COPY.
pub(super) fn copy(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    copy: &CopyTo<'_>,
) -> Result<Step, Trouble> {
    transfer(desk, state, kept, copy, false)
}

/// MOVE and UID MOVE.
pub(super) fn r#move(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    copy: &CopyTo<'_>,
) -> Result<Step, Trouble> {
    transfer(desk, state, kept, copy, true)
}

fn transfer(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    copy: &CopyTo<'_>,
    moves: bool,
) -> Result<Step, Trouble> {
    let selected = state.selected()?;
    if moves && selected.read_only {
        return Err(Trouble::ReadOnly);
    }
    let picked = selected.view.pick(&copy.set, copy.by)?;
    let uids = uid_set(selected.view.uids_of(&picked).ranges());
    let name = copy.mailbox.name()?;
    let view = desk.view()?;
    let to = desk.find(&*view, &name)?.ok_or(Trouble::TryCreate)?.id;
    let here = selected.mailbox;
    let from = desk.target(here);
    let mutation = match moves {
        false => Mutation::Copy { from, uids, to },
        true => Mutation::Move { from, uids, to },
    };
    let kept = Arc::clone(kept);
    Ok(desk.write([mutation], move |_, state, outcomes| {
        let (uidvalidity, from, to_uids) = match outcomes.into_iter().next() {
            Some(Outcome::Copied { uidvalidity, from, to, .. }) => (uidvalidity, from, to),
            Some(Outcome::Refused(refusal)) => {
                return Step::Reply(Trouble::from(refusal).reply(kept.responses()));
            }
            _ => return Step::Reply(Reply::unavailable()),
        };
        let mut out = kept.responses();
        if from.is_empty() {
            // RFC 9051 §6.4.7: nothing matched, and nothing is wrong with that.
            return Step::Reply(out.ok("There was nothing to do"));
        }
        let (source, copies) = (ranges(&from), ranges(&to_uids));
        let code = Code::CopyUid(uidvalidity, &source, &copies);
        if !moves {
            let reply = out.done(Status::Ok, Some(&code), "Copied");
            return Step::Reply(if to == here { reply.changed() } else { reply });
        }
        // RFC 9051 §6.4.8: COPYUID comes in an untagged OK, before the EXPUNGEs.
        out.note(&code, "Moved");
        let gone = from.iter().map(Uid::number).collect();
        flow::gone(state, kept, out, gone, "Done")
    }))
}
