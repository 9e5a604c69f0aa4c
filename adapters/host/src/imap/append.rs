//! APPEND (RFC 9051 §6.3.12): the message streams into the store's staging while it comes.

use std::sync::{Arc, OnceLock};

use posthaste_core::imap::Imap;
use posthaste_core::imap::command::Append as Head;
use posthaste_core::imap::response::{Code, Mode, Reply, Responses, Status};
use posthaste_core::imap::server::{Append, Appended, Context, Decision};
use posthaste_core::machine::Ask;
use posthaste_core::session::{Act, Place};
use posthaste_store::{
    Batch, FlagNames, MailboxId, Message, Mutation, Outcome, Outcomes, Refusal, Timestamp, Usage,
};
use smallvec::smallvec;

use super::desk::Desk;
use super::trouble::Trouble;
use super::{Mailboxes, store};
use crate::budget::Share;
use crate::staged::Staged;

/// A message that is coming.
#[derive(Debug)]
pub(super) struct Appending {
    mode: Mode,
    /// Where to; set when the mailbox was found.
    to: Arc<OnceLock<MailboxId>>,
    flags: FlagNames,
    internal: Timestamp,
    /// The octets so far; nothing after the disk refused some.
    staged: Option<Staged>,
    share: Share,
}

impl Mailboxes {
    /// APPEND begins: is there such a mailbox, and room?
    pub(super) fn append(
        &mut self,
        ask: Ask<Append>,
        context: &Context<'_>,
        head: &Head<'_>,
        at: &Place<Imap>,
    ) -> Act<Imap> {
        self.appending = None;
        let Some(desk) = self.desk(at) else { return ask.refused().into() };
        let octets = head.literal.octets;
        if octets == 0 {
            // RFC 9051 §6.3.12 has no word for it; RFC 3502 §6.3.11 lets it cancel.
            return ask.with(Decision::refuse(Code::Cannot, "The message is empty")).into();
        }
        if self.host.is_full() {
            let reply = Trouble::from(Refusal::Full).reply(Responses::with(context.mode));
            return ask.with(Decision::Refuse(reply)).into();
        }
        if octets > self.host.config.load().limits.message_size {
            return ask.with(Decision::refuse(Code::Limit, "The message is too big")).into();
        }
        let name = match head.mailbox.name() {
            Ok(name) => name.into_owned(),
            Err(error) => {
                let reply = Trouble::from(error).reply(Responses::with(context.mode));
                return ask.with(Decision::Refuse(reply)).into();
            }
        };
        let now = self.host.now();
        let to = Arc::new(OnceLock::new());
        self.appending = Some(Box::new(Appending {
            mode: context.mode,
            to: Arc::clone(&to),
            flags: store::names(&head.flags),
            internal: head.date.map_or(now, |date| Timestamp(date.unix().saturating_mul(1_000))),
            staged: Some(Staged::new(&self.host, octets)),
            share: self.host.budget.share(),
        }));
        let mode = context.mode;
        let responder = at.later(ask);
        let reads = Arc::clone(&self.host.inputs.reads);
        let _ = reads.spawn(Box::new(move || {
            responder.answer(match admit(&desk, &name, octets) {
                Ok(mailbox) => {
                    let _ = to.set(mailbox);
                    Decision::Accept
                }
                Err(trouble) => Decision::Refuse(trouble.reply(Responses::with(mode))),
            });
        }));
        Act::Later
    }

    /// Octets of the message.
    pub(super) fn body(&mut self, run: &[u8], at: &Place<Imap>) -> Act<Imap> {
        let Some(appending) = &mut self.appending else { return Act::Done };
        let Some(staged) = &mut appending.staged else { return Act::Done };
        if let Err(error) = staged.append(run) {
            tracing::error!(%error, "a message could not be staged");
            appending.staged = None;
            return Act::Done;
        }
        if appending.share.must_hold(at) { Act::Hold } else { Act::Done }
    }

    /// The message is whole: OK means that it is durable.
    pub(super) fn appended(&mut self, ask: Ask<Appended>, at: &Place<Imap>) -> Act<Imap> {
        let (Some(appending), Some(desk)) = (self.appending.take(), self.desk(at)) else {
            return ask.refused().into();
        };
        let Appending { mode, to, flags, internal, staged, share: _share } = *appending;
        let (Some(staged), Some(to)) = (staged, to.get().copied()) else {
            return ask.refused().into();
        };
        let (body, summary) = match staged.finish() {
            Ok(whole) => whole,
            Err(error) => {
                tracing::error!(%error, "a message could not be staged");
                return ask.refused().into();
            }
        };
        let selected = desk.state.try_lock();
        let selected = selected.is_some_and(|state| {
            state.selected.as_ref().is_some_and(|selected| selected.mailbox == to)
        });
        let received = self.host.now();
        let message = Message { body, internal, received, summary };
        let append =
            Mutation::Append { to: desk.target(to), messages: smallvec![(message, flags)] };
        let responder = at.later(ask);
        let host = Arc::clone(&self.host);
        let done = Box::new(move |outcomes: Outcomes| {
            if outcomes.contains(&Outcome::Refused(Refusal::Full)) {
                host.note_full();
            }
            let reply = reply(mode, outcomes);
            // The session that appends to what it has selected hears of the message at once.
            host.rings.answer(responder, if selected { reply.changed() } else { reply });
        });
        self.host.store.submit(Batch::one(received, append), done);
        Act::Later
    }
}

fn reply(mode: Mode, outcomes: Outcomes) -> Reply {
    let out = Responses::with(mode);
    match outcomes.into_iter().next() {
        Some(Outcome::Appended(stored)) => match stored.first() {
            Some(stored) => {
                let code = Code::AppendUid(stored.uidvalidity, stored.uid.number());
                out.done(Status::Ok, Some(&code), "Appended")
            }
            None => Reply::unavailable(),
        },
        Some(Outcome::Refused(Refusal::NoMailbox)) => Trouble::TryCreate.reply(out),
        Some(Outcome::Refused(refusal)) => Trouble::from(refusal).reply(out),
        _ => Reply::unavailable(),
    }
}

/// Whether a message of that size may come to the mailbox of that name.
fn admit(desk: &Desk, name: &str, octets: u64) -> Result<MailboxId, Trouble> {
    let view = desk.view()?;
    let mailbox = desk.find(&*view, name)?.ok_or(Trouble::TryCreate)?;
    let account = view.account();
    let more = Usage { bytes: octets, messages: 1 };
    if !account.usage.fits(&account.quota, more) {
        return Err(Refusal::OverQuota.into());
    }
    Ok(mailbox.id)
}
