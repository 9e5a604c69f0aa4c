//! LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5258, RFC 5819, RFC 6154), in as many parts
//! as it takes. Names leave in their order, so the last one says where to go on: between two parts
//! nothing else is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use posthaste_core::imap::Mailbox;
use posthaste_core::imap::command::{Command, List};
use posthaste_core::imap::mailbox::{Matcher, Pattern, SEPARATOR};
use posthaste_core::imap::response::{ListAttribute, Listed, Responses};
use posthaste_store::{self as store, Role};

use super::desk::{Desk, State, Step};
use super::flow::Flow;
use super::folders::{is_below, values};
use super::kept::Kept;
use super::trouble::Trouble;

/// All names there are: mailboxes, levels above them that are none, and what is subscribed to.
struct Names {
    /// `None` for a name without a mailbox.
    names: BTreeMap<Arc<str>, Option<store::Mailbox>>,
    subscribed: BTreeSet<Arc<str>>,
}

impl Names {
    fn read(desk: &Desk) -> Result<Self, Trouble> {
        let view = desk.view()?;
        let subscribed: BTreeSet<Arc<str>> = view.subscriptions()?.into_iter().collect();
        let mut names = BTreeMap::new();
        for mailbox in view.mailboxes()? {
            names.insert(Arc::clone(&mailbox.name), Some(mailbox));
        }
        let there: Vec<Arc<str>> = names.keys().cloned().collect();
        for name in &there {
            for (at, _) in name.match_indices(SEPARATOR) {
                let above = name.get(..at).unwrap_or_default();
                if !names.contains_key(above) {
                    names.insert(above.into(), None);
                }
            }
        }
        Ok(Self { names, subscribed })
    }

    /// Whether there is a mailbox below this name.
    fn has_children(&self, name: &str) -> bool {
        let first = first_below(name);
        let below = self.names.range::<str, _>((Bound::Included(&*first), Bound::Unbounded));
        below.take(1).any(|(found, _)| is_below(found, name))
    }

    /// What is subscribed to below this name.
    fn subscribed_below(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        let first = first_below(name);
        let below = self.subscribed.range::<str, _>((Bound::Included(&*first), Bound::Unbounded));
        below.take_while(move |found| found.starts_with(&*first))
    }
}

/// What is below a name stands behind this in the order of names.
fn first_below(name: &str) -> String {
    format!("{name}{SEPARATOR}")
}

/// The rest of a reply, behind this name.
pub(super) fn resume(desk: &Desk, state: &mut State, kept: &Arc<Kept>, after: &str) -> Step {
    let command = kept.read().map(|tagged| tagged.command);
    let done = match command {
        Some(Command::List(command)) => list(desk, state, kept, &command, Some(after)),
        Some(Command::Lsub { reference, pattern }) => {
            lsub(desk, state, kept, &reference, &pattern, Some(after))
        }
        _ => return Step::Reply(kept.responses().bad("The command could not be read")),
    };
    done.unwrap_or_else(|trouble| Step::Reply(trouble.reply(kept.responses())))
}

/// A part whose last name is `after`.
fn part(state: &mut State, kept: &Arc<Kept>, after: &str, out: Responses) -> Step {
    state.flow = Some(Box::new(Flow::Names { kept: Arc::clone(kept), after: after.into() }));
    Step::Reply(out.part())
}

/// Where the names begin that stand behind `after`, of all if there is none.
fn behind(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// LIST.
pub(super) fn list(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    list: &List<'_>,
    after: Option<&str>,
) -> Result<Step, Trouble> {
    let mut out = kept.responses();
    // RFC 9051 §6.3.9: the empty pattern asks for the separator and the root.
    if !list.extended && list.patterns.iter().all(|pattern| pattern.is_empty()) {
        out.list(&Listed {
            attributes: &[ListAttribute::NoSelect],
            child_info: false,
            delimiter: Some(SEPARATOR),
            name: "",
            old_name: None,
        });
        return Ok(Step::Reply(out.ok("That is all")));
    }
    let patterns: Vec<Matcher> =
        list.patterns.iter().filter_map(|pattern| pattern.behind(&list.reference)).collect();
    let matches = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let names = Names::read(desk)?;
    // With SUBSCRIBED, what is subscribed to counts, there or not (RFC 5258 §3.1).
    let rest = names.names.range::<str, _>(behind(after)).map(|(name, _)| name);
    let mut shown: BTreeSet<&Arc<str>> = rest.collect();
    if list.select.subscribed {
        shown.extend(names.subscribed.range::<str, _>(behind(after)));
    }
    let above: Vec<Arc<str>>;
    if list.select.subscribed && list.select.recursive_match {
        // RFC 5258 §3.5: a level above what is subscribed to is shown, there or not.
        let levels = names.subscribed.iter().flat_map(|name| {
            name.match_indices(SEPARATOR).filter_map(|(at, _)| name.get(..at)).map(Arc::from)
        });
        above = levels.collect();
        shown.extend(&above);
    }
    for name in shown.into_iter().filter(|name| matches(name)) {
        let mailbox = names.names.get(name).and_then(Option::as_ref);
        let exists = names.names.contains_key(name);
        let subscribed = names.subscribed.contains(name);
        let role = mailbox.and_then(|mailbox| mailbox.role);
        let selected =
            (!list.select.subscribed || subscribed) && (!list.select.special_use || role.is_some());
        // RECURSIVEMATCH: also what has something below that is meant, and is not shown by itself.
        let child_info = list.select.recursive_match
            && list.select.subscribed
            && names.subscribed_below(name).any(|below| !matches(below));
        if !selected && !child_info {
            continue;
        }
        let mut attributes = Vec::with_capacity(4);
        if mailbox.is_none() {
            // RFC 9051 §7.3.1: \NonExistent implies \Noselect, which older clients know.
            attributes.push(match list.extended || kept.mode.rev2 {
                true => ListAttribute::NonExistent,
                false => ListAttribute::NoSelect,
            });
        }
        if subscribed && (list.select.subscribed || list.returns.subscribed) {
            attributes.push(ListAttribute::Subscribed);
        }
        if exists {
            attributes.push(match names.has_children(name) {
                true => ListAttribute::HasChildren,
                false => ListAttribute::HasNoChildren,
            });
        }
        attributes.extend(role.and_then(attribute));
        out.list(&Listed {
            attributes: &attributes,
            child_info,
            delimiter: Some(SEPARATOR),
            name,
            old_name: None,
        });
        if let Some(mailbox) = mailbox.filter(|_| selected && !list.returns.status.is_empty()) {
            out.status(name, &values(mailbox, list.returns.status, kept.mode.rev2));
        }
        if out.is_full() {
            return Ok(part(state, kept, name, out));
        }
    }
    Ok(Step::Reply(out.ok("That is all")))
}

/// LSUB.
pub(super) fn lsub(
    desk: &Desk,
    state: &mut State,
    kept: &Arc<Kept>,
    reference: &Mailbox<'_>,
    pattern: &Pattern<'_>,
    after: Option<&str>,
) -> Result<Step, Trouble> {
    let mut out = kept.responses();
    let Some(pattern) = pattern.behind(reference) else {
        return Ok(Step::Reply(out.ok("That is all")));
    };
    let names = Names::read(desk)?;
    let mut shown: BTreeMap<&str, bool> = BTreeMap::new();
    for name in &names.subscribed {
        if pattern.matches(name) {
            shown.insert(name, true);
            continue;
        }
        // RFC 3501 §6.3.9: with `%`, a level above what is subscribed to is shown as \Noselect.
        let levels = name.match_indices(SEPARATOR).filter_map(|(at, _)| name.get(..at));
        for level in levels.filter(|level| pattern.text().ends_with('%') && pattern.matches(level))
        {
            shown.entry(level).or_insert(false);
        }
    }
    for (&name, &subscribed) in shown.range::<str, _>(behind(after)) {
        let exists = names.names.get(name).is_some_and(Option::is_some);
        let select = subscribed && exists;
        out.lsub(&Listed {
            attributes: if select { &[] } else { &[ListAttribute::NoSelect] },
            child_info: false,
            delimiter: Some(SEPARATOR),
            name,
            old_name: None,
        });
        if out.is_full() {
            return Ok(part(state, kept, name, out));
        }
    }
    Ok(Step::Reply(out.ok("That is all")))
}

/// What a mailbox is for, as LIST says it. `\Important` (RFC 8457) is not offered.
fn attribute(role: Role) -> Option<ListAttribute> {
    Some(match role {
        Role::All => ListAttribute::All,
        Role::Archive => ListAttribute::Archive,
        Role::Drafts => ListAttribute::Drafts,
        Role::Flagged => ListAttribute::Flagged,
        Role::Important => return None,
        Role::Junk => ListAttribute::Junk,
        Role::Sent => ListAttribute::Sent,
        Role::Trash => ListAttribute::Trash,
    })
}
