//! Mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS (RFC 9051 §6.3.4 to §6.3.8,
//! §6.3.11).

use std::sync::Arc;

use posthaste_core::imap::command::{Create, Rename, Status, StatusItems};
use posthaste_core::imap::mailbox::{INBOX, SEPARATOR};
use posthaste_core::imap::response::{Code, Reply, StatusValue};
use posthaste_core::imap::{Mailbox, SpecialUse};
use posthaste_store::{
    self as store, MailboxId, Mutation, NewMailbox, Outcome, Outcomes, Refusal, Role, Uid, UidSet,
};

use super::desk::{Desk, State, Step};
use super::kept::Kept;
use super::trouble::Trouble;

/// CREATE, with the levels above that are missing (RFC 9051 §6.3.4).
pub(super) fn create(desk: &Desk, kept: &Arc<Kept>, create: &Create<'_>) -> Result<Step, Trouble> {
    let name = create.mailbox.new_name()?;
    let role = match role(create)? {
        Ok(role) => role,
        Err(reply) => return Ok(Step::Reply(reply)),
    };
    let there = desk.view()?.mailboxes()?;
    if exists(&there, &name) {
        return Err(Refusal::Exists.into());
    }
    let mut mutations = parents(desk, &there, &name);
    mutations.push(made(desk, &name, role));
    let kept = Arc::clone(kept);
    Ok(desk.write(mutations, move |_, _, outcomes| said(&kept, &outcomes, "Created")))
}

/// DELETE.
pub(super) fn delete(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    mailbox: &Mailbox<'_>,
) -> Result<Step, Trouble> {
    let name = mailbox.name()?;
    if name == INBOX {
        return Err(Refusal::NotAllowed.into());
    }
    let there = desk.view()?.mailboxes()?;
    let Some(found) = there.iter().find(|mailbox| *mailbox.name == *name) else {
        // RFC 9051 §6.3.5: a name that only has inferiors cannot be deleted.
        let below = there.iter().any(|mailbox| is_below(&mailbox.name, &name));
        return match below {
            true => Ok(Step::Reply(
                kept.responses().no(Code::HasChildren, "There are mailboxes below it"),
            )),
            false => Err(Trouble::NoMailbox),
        };
    };
    if state.selected.as_ref().is_some_and(|selected| selected.mailbox == found.id) {
        // Whoever deletes what it has selected has nothing selected any more.
        state.selected = None;
    }
    let kept = Arc::clone(kept);
    let mutation = Mutation::MailboxDelete { mailbox: desk.target(found.id) };
    Ok(desk.write([mutation], move |_, _, outcomes| said(&kept, &outcomes, "Deleted")))
}

/// RENAME, with all that is below; INBOX gives its messages away and stays (RFC 9051 §6.3.6).
pub(super) fn rename(desk: &Desk, kept: &Arc<Kept>, rename: &Rename<'_>) -> Result<Step, Trouble> {
    let (from, to) = (rename.from.name()?, rename.to.new_name()?);
    let there = desk.view()?.mailboxes()?;
    if exists(&there, &to) {
        return Err(Refusal::Exists.into());
    }
    let kept = Arc::clone(kept);
    if from == INBOX {
        let mut mutations = parents(desk, &there, &to);
        mutations.push(made(desk, &to, None));
        return Ok(desk.write(mutations, move |desk, _, outcomes| {
            let Some(Outcome::Mailbox { mailbox, .. }) = outcomes.last() else {
                return said(&kept, &outcomes, "");
            };
            let all = Mutation::Move {
                from: desk.target(MailboxId::INBOX),
                uids: UidSet::all(),
                to: *mailbox,
            };
            desk.write([all], move |_, _, outcomes| said(&kept, &outcomes, "INBOX was moved"))
        }));
    }
    // A mailbox cannot be put below itself.
    if is_below(&to, &from) {
        return Err(Refusal::NotAllowed.into());
    }
    let renames: Vec<Mutation> = there
        .iter()
        .filter(|mailbox| *mailbox.name == *from || is_below(&mailbox.name, &from))
        .map(|mailbox| Mutation::MailboxRename {
            mailbox: desk.target(mailbox.id),
            name: format!("{to}{}", mailbox.name.get(from.len()..).unwrap_or_default()).into(),
        })
        .collect();
    if renames.is_empty() {
        return Err(Trouble::NoMailbox);
    }
    let mut mutations = parents(desk, &there, &to);
    mutations.extend(renames);
    Ok(desk.write(mutations, move |_, _, outcomes| said(&kept, &outcomes, "Renamed")))
}

/// SUBSCRIBE and UNSUBSCRIBE.
pub(super) fn subscribe(
    desk: &Desk,
    kept: &Arc<Kept>,
    mailbox: &Mailbox<'_>,
    on: bool,
) -> Result<Step, Trouble> {
    let name = mailbox.name()?;
    // RFC 9051 §6.3.7 lets a server check that it is there. Who unsubscribes may name what is gone.
    if on && !exists(&desk.view()?.mailboxes()?, &name) {
        return Err(Trouble::NoMailbox);
    }
    let kept = Arc::clone(kept);
    let mutation = Mutation::Subscribe { account: desk.account, name: (*name).into(), on };
    Ok(desk.write([mutation], move |_, _, outcomes| said(&kept, &outcomes, "Done")))
}

/// STATUS.
pub(super) fn status(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    status: &Status<'_>,
) -> Result<Step, Trouble> {
    let name = status.mailbox.name()?;
    let mailbox = desk.find(&*desk.view()?, &name)?.ok_or(Trouble::NoMailbox)?;
    let mut out = kept.responses();
    state.tell_highest(&mut out);
    out.status(&mailbox.name, &values(&mailbox, status.items, kept.mode.rev2));
    Ok(Step::Reply(out.ok("That is all")))
}

/// What STATUS says of a mailbox.
pub(super) fn values(mailbox: &store::Mailbox, items: StatusItems, rev2: bool) -> Vec<StatusValue> {
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    items
        .iter()
        .filter_map(|(item, _)| {
            Some(match item {
                StatusItems::MESSAGES => StatusValue::Messages(count(mailbox.messages)),
                StatusItems::UIDNEXT => {
                    StatusValue::UidNext(mailbox.uidnext.unwrap_or(Uid::MAX).number())
                }
                StatusItems::UIDVALIDITY => StatusValue::UidValidity(mailbox.uidvalidity),
                StatusItems::UNSEEN => StatusValue::Unseen(count(mailbox.unseen)),
                StatusItems::DELETED => StatusValue::Deleted(count(mailbox.deleted)),
                StatusItems::SIZE => StatusValue::Size(mailbox.bytes),
                StatusItems::RECENT if rev2 => return None,
                StatusItems::RECENT => StatusValue::Recent(0),
                StatusItems::HIGHESTMODSEQ => StatusValue::HighestModSeq(mailbox.modseq.0.max(1)),
                _ => return None,
            })
        })
        .collect()
}

/// Whether `name` is below `above` in the hierarchy.
pub(super) fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with(SEPARATOR))
}

fn exists(there: &[store::Mailbox], name: &str) -> bool {
    there.iter().any(|mailbox| *mailbox.name == *name)
}

/// What makes the levels above `name` that are missing.
fn parents(desk: &Desk, there: &[store::Mailbox], name: &str) -> Vec<Mutation> {
    let levels = name.match_indices(SEPARATOR).filter_map(|(at, _)| name.get(..at));
    let missing = levels.filter(|level| !exists(there, level));
    missing.map(|level| made(desk, level, None)).collect()
}

fn made(desk: &Desk, name: &str, role: Option<Role>) -> Mutation {
    let mailbox = NewMailbox { name: name.into(), role, subscribed: false };
    Mutation::MailboxCreate { account: desk.account, mailbox }
}

/// What the new mailbox is for: one use at most (RFC 6154 §3).
fn role(create: &Create<'_>) -> Result<Result<Option<Role>, Reply>, Trouble> {
    let mut role = None;
    for wanted in create.uses.iter() {
        let wanted = match wanted {
            SpecialUse::All => Role::All,
            SpecialUse::Archive => Role::Archive,
            SpecialUse::Drafts => Role::Drafts,
            SpecialUse::Flagged => Role::Flagged,
            SpecialUse::Junk => Role::Junk,
            SpecialUse::Sent => Role::Sent,
            SpecialUse::Trash => Role::Trash,
            SpecialUse::Other(name) if name.is("Important") => Role::Important,
            SpecialUse::Other(_) => return Ok(Err(use_attr("This use is not known"))),
        };
        if role.replace(wanted).is_some() {
            return Ok(Err(use_attr("A mailbox has one use")));
        }
    }
    Ok(Ok(role))
}

fn use_attr(text: &str) -> Reply {
    posthaste_core::imap::response::Responses::new().no(Code::Cannot, text)
}

/// The last word of a command that changes mailboxes.
fn said(kept: &Kept, outcomes: &Outcomes, text: &str) -> Step {
    let refusals = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Refused(refusal) => Some(*refusal),
        _ => None,
    });
    Step::Reply(match refusals.min_by_key(|refusal| *refusal == Refusal::Abandoned) {
        None => kept.responses().ok(text),
        Some(refusal) => Trouble::from(refusal).reply(kept.responses()),
    })
}
