//! Where the work of a session is done: on the pool for reads, one step after the other.
//!
//! A command becomes a [`Step`]: a reply, or something to write and how to go on when that is
//! durable. Nothing waits for the disk in between.

use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::imap::Imap;
use posthaste_core::imap::response::{Code, Reply, Responses};
use posthaste_core::machine::Question;
use posthaste_core::session::{Place, Responder};
use posthaste_store::{AccountId, Batch, Fault, Mailbox, ModSeq, Mutation, Outcomes, Target, View};

use super::flow::Flow;
use super::selected::Selected;
use super::trouble::Trouble;
use crate::Host;

/// What a session knows between two commands.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The selected mailbox.
    pub(super) selected: Option<Box<Selected>>,
    /// What is left of a reply that comes in parts.
    pub(super) flow: Option<Box<Flow>>,
    /// HIGHESTMODSEQ of the selected mailbox, if it has to be told.
    highest: Option<ModSeq>,
}

impl State {
    /// The selected mailbox.
    pub(super) fn selected(&mut self) -> Result<&mut Selected, Trouble> {
        self.selected.as_deref_mut().ok_or(Trouble::Unselected)
    }

    /// The client has just shown that it knows CONDSTORE: it shall hear the HIGHESTMODSEQ of the
    /// mailbox it has selected (RFC 7162 §3.1.2).
    pub(super) fn announce(&mut self, desk: &Desk) -> Result<(), Fault> {
        if let Some(selected) = &self.selected {
            let mailbox = desk.view()?.mailbox(selected.mailbox)?;
            self.highest = mailbox.map(|mailbox| mailbox.modseq);
        }
        Ok(())
    }

    /// Says what [`announce`](Self::announce) has found out.
    pub(super) fn tell_highest(&mut self, out: &mut Responses) {
        if let Some(highest) = self.highest.take() {
            out.note(&Code::HighestModSeq(highest.0.max(1)), "The highest mod-sequence");
        }
    }
}

/// Whose work it is, and where.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) host: Arc<Host>,
    pub(super) account: AccountId,
    pub(super) place: Place<Imap>,
    pub(super) state: Arc<Mutex<State>>,
}

/// What comes of some work.
pub(super) enum Step {
    /// More of it, when others have had their turn.
    Again(Again),
    /// The answer.
    Reply(Reply),
    /// These mutations; then more work.
    Write(Batch, Then),
}

/// How it goes on after others.
pub(super) type Again = Box<dyn FnOnce(&Desk, &mut State) -> Step + Send>;
/// How it goes on when something was written.
pub(super) type Then = Box<dyn FnOnce(&Desk, &mut State, Outcomes) -> Step + Send>;

impl Desk {
    /// Does some work on the pool, and answers. A pool without room drops the responder, which
    /// refuses.
    pub(super) fn work<Q>(
        self,
        responder: Responder<Q>,
        job: impl FnOnce(&Self, &mut State) -> Step + Send + 'static,
    ) where
        Q: Question<Protocol = Imap, Answer = Reply>,
        Responder<Q>: Send,
    {
        let reads = Arc::clone(&self.host.inputs.reads);
        let _ = reads.spawn(Box::new(move || {
            // The lock ends here: what follows may come back to it on this very thread.
            let step = job(&self, &mut self.state.lock());
            self.go_on(responder, step);
        }));
    }

    fn go_on<Q>(self, responder: Responder<Q>, step: Step)
    where
        Q: Question<Protocol = Imap, Answer = Reply>,
        Responder<Q>: Send,
    {
        match step {
            Step::Again(again) => self.work(responder, again),
            Step::Reply(reply) => responder.answer(reply),
            Step::Write(batch, then) => {
                let host = Arc::clone(&self.host);
                let done = Box::new(move |outcomes| {
                    // Not here: this is the committer's thread.
                    self.work(responder, move |desk, state| then(desk, state, outcomes));
                });
                host.store.submit(batch, done);
            }
        }
    }

    /// The account as it stands now.
    pub(super) fn view(&self) -> Result<Box<dyn View>, Fault> {
        self.host.store.view(self.account)?.ok_or(Fault::Missing)
    }

    /// The mailbox of this name.
    pub(super) fn find(&self, view: &dyn View, name: &str) -> Result<Option<Mailbox>, Fault> {
        Ok(view.mailboxes()?.into_iter().find(|mailbox| *mailbox.name == *name))
    }

    /// A mailbox of this account, as the store names it.
    pub(super) fn target(&self, mailbox: posthaste_store::MailboxId) -> Target {
        Target { account: self.account, mailbox }
    }

    /// A step that does these things together.
    pub(super) fn write(
        &self,
        mutations: impl IntoIterator<Item = Mutation>,
        then: impl FnOnce(&Self, &mut State, Outcomes) -> Step + Send + 'static,
    ) -> Step {
        let batch =
            Batch { id: None, now: self.host.now(), mutations: mutations.into_iter().collect() };
        Step::Write(batch, Box::new(then))
    }
}
