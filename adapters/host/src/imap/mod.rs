//! Mail read where it is: the handler of IMAP sessions.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the handler: which event leads where |
//! | `desk` | where work is done, and how a command goes on after a write |
//! | `kept` | a command that outlives the buffer it came in |
//! | `trouble` | why a command was not done, and how that is said |
//! | `flow` | replies that come in parts |
//! | `selected` | the selected mailbox: SELECT, EXAMINE, and what changes in it |
//! | `fetch` | FETCH |
//! | `search` | SEARCH |
//! | `store` | STORE |
//! | `copy` | COPY, MOVE |
//! | `expunge` | EXPUNGE, UID EXPUNGE, CLOSE |
//! | `folders` | CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS |
//! | `list` | LIST, LSUB |
//! | `append` | APPEND |
//!
//! `\Recent` is not kept: RECENT is always 0. RFC 9051 has it no more, and with several sessions it
//! never said anything that a client could rely on.

mod append;
mod copy;
mod desk;
mod expunge;
mod fetch;
mod flow;
mod folders;
mod kept;
mod list;
mod search;
mod selected;
mod store;
#[cfg(test)]
mod tests;
mod trouble;

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::imap::Imap;
use posthaste_core::imap::command::Command;
use posthaste_core::imap::response::{Mode, Responses};
use posthaste_core::imap::server::{Admission, Allowed, Context, Event, Next, Run, Sync, Update};
use posthaste_core::machine::Ask;
use posthaste_core::session::{Act, Handler, Place};

use crate::Host;
use crate::sign_in::Identity;
use append::Appending;
use desk::{Desk, State, Step};
use kept::Kept;
use trouble::Trouble;

/// Answers one IMAP session.
#[derive(Debug)]
pub struct Mailboxes {
    host: Arc<Host>,
    peer: Option<IpAddr>,
    identity: Identity,
    /// Shared with the work that is under way; none before the first command.
    state: Option<Arc<Mutex<State>>>,
    /// A message that is coming.
    appending: Option<Box<Appending>>,
}

impl Host {
    /// The handler of an IMAP session with a peer at this address (none for a Unix socket).
    #[must_use]
    pub fn imap(self: &Arc<Self>, peer: Option<IpAddr>) -> Mailboxes {
        Mailboxes {
            host: Arc::clone(self),
            peer,
            identity: Identity::Stranger,
            state: None,
            appending: None,
        }
    }
}

/// What we honour beyond what the machine offers by itself
/// ([`Config::extensions`](posthaste_core::imap::server::Config::extensions)).
pub const IMAP_EXTENSIONS: [&str; 1] = ["CREATE-SPECIAL-USE"];

impl Handler<Imap> for Mailboxes {
    fn handle(&mut self, event: Event<'_>, at: &Place<Imap>) -> Act<Imap> {
        match event {
            Event::Connected(ask) => ask.with(Admission::Accept).into(),
            Event::SignIn(ask, credentials) => {
                self.identity.check(&self.host, self.peer, ask, &credentials, at)
            }
            Event::Lookup(ask, who) => self.identity.look_up(&self.host, self.peer, ask, &who),
            Event::External(ask, shown) => {
                self.identity.shown(&self.host, self.peer, ask, &shown, at)
            }
            Event::SignedIn { .. } => {
                self.identity.proved(&self.host, self.peer, at);
                Act::Done
            }
            Event::SignInFailed(why) => {
                self.identity.failed(&self.host, self.peer, why);
                Act::Done
            }
            Event::Command(ask, context, command) => self.command(ask, &context, command, at),
            Event::Next(ask) => self.next(ask, at),
            Event::Sync(ask, mode, allowed) => self.sync(ask, mode, allowed, at),
            Event::Append(ask, context, head) => self.append(ask, &context, &head, at),
            Event::Body(run) => self.body(run.as_bytes(), at),
            Event::BodyLost => {
                self.appending = None;
                Act::Done
            }
            Event::Appended(ask) => self.appended(ask, at),
            Event::Secured(_) => {
                self.identity.forget();
                Act::Done
            }
            Event::Ended(_) => {
                self.appending = None;
                self.state = None;
                Act::Done
            }
            // The machine has answered all others.
            _ => Act::Done,
        }
    }
}

impl Mailboxes {
    /// The desk of whoever signed in.
    fn desk(&mut self, at: &Place<Imap>) -> Option<Desk> {
        let account = self.identity.account()?.id;
        let state = self.state.get_or_insert_default();
        Some(Desk {
            host: Arc::clone(&self.host),
            account,
            place: at.clone(),
            state: Arc::clone(state),
        })
    }

    fn command(
        &mut self,
        ask: Ask<Run>,
        context: &Context<'_>,
        command: Command<'_>,
        at: &Place<Imap>,
    ) -> Act<Imap> {
        let Some(desk) = self.desk(at) else { return ask.refused().into() };
        if command == Command::Namespace {
            let mut out = Responses::with(context.mode);
            out.namespace(&[("", '/')], &[], &[]);
            return ask.with(out.ok("That is all")).into();
        }
        let kept = Arc::new(Kept::new(context, command));
        desk.work(at.later(ask), move |desk, state| run(desk, state, &kept));
        Act::Later
    }

    fn next(&mut self, ask: Ask<Next>, at: &Place<Imap>) -> Act<Imap> {
        let Some(desk) = self.desk(at) else { return ask.refused().into() };
        desk.work(at.later(ask), flow::next);
        Act::Later
    }

    fn sync(
        &mut self,
        ask: Ask<Sync>,
        mode: Mode,
        allowed: Allowed,
        at: &Place<Imap>,
    ) -> Act<Imap> {
        let Some(desk) = self.desk(at) else { return ask.refused().into() };
        // Mostly nothing has changed, and that is known without reading anything.
        if let Some(mut state) = desk.state.try_lock()
            && state.selected.as_mut().is_none_or(|selected| selected.is_quiet(allowed))
        {
            return ask.with(Update::nothing()).into();
        }
        let responder = at.later(ask);
        let reads = Arc::clone(&self.host.inputs.reads);
        let _ = reads.spawn(Box::new(move || {
            let update = selected::sync(&desk, &mut desk.state.lock(), mode, allowed);
            responder.answer(update.unwrap_or_else(|fault| {
                tracing::error!(%fault, "what changed could not be read");
                Update::nothing()
            }));
        }));
        Act::Later
    }
}

/// Does a command.
fn run(desk: &Desk, state: &mut State, kept: &Arc<Kept>) -> Step {
    state.flow = None;
    let Some(tagged) = kept.read() else {
        return Step::Reply(kept.responses().bad("The command could not be read"));
    };
    let opens = matches!(tagged.command, Command::Examine(_) | Command::Select(_));
    if kept.condstore_now
        && !opens
        && let Err(fault) = state.announce(desk)
    {
        return Step::Reply(Trouble::from(fault).reply(kept.responses()));
    }
    let done = match tagged.command {
        Command::Close => expunge::close(desk, state, kept),
        Command::Copy(copy) => copy::copy(desk, state, kept, &copy),
        Command::Create(create) => folders::create(desk, kept, &create),
        Command::Delete(mailbox) => folders::delete(desk, state, kept, &mailbox),
        Command::Examine(select) => selected::select(desk, state, kept, &select, true),
        Command::Expunge => expunge::expunge(desk, state, kept, None),
        Command::Fetch(fetch) => fetch::begin(desk, state, kept, &fetch),
        Command::List(list) => list::list(desk, state, kept, &list, None),
        Command::Lsub { reference, pattern } => {
            list::lsub(desk, state, kept, &reference, &pattern, None)
        }
        Command::Move(copy) => copy::r#move(desk, state, kept, &copy),
        Command::Rename(rename) => folders::rename(desk, kept, &rename),
        Command::Search(search) => search::search(desk, state, kept, &search),
        Command::Select(select) => selected::select(desk, state, kept, &select, false),
        Command::Status(status) => folders::status(desk, state, kept, &status),
        Command::Store(store) => store::store(desk, state, kept, &store),
        Command::Subscribe(mailbox) => folders::subscribe(desk, kept, &mailbox, true),
        Command::UidExpunge(set) => expunge::expunge(desk, state, kept, Some(&set)),
        Command::Unselect => {
            state.selected = None;
            Ok(Step::Reply(kept.responses().ok("Nothing is selected")))
        }
        Command::Unsubscribe(mailbox) => folders::subscribe(desk, kept, &mailbox, false),
        // The machine does these, or they did not come to us as commands.
        _ => Ok(Step::Reply(kept.responses().bad("Not here"))),
    };
    done.unwrap_or_else(|trouble| Step::Reply(trouble.reply(kept.responses())))
}
