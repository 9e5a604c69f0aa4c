//! One message with its sender and its recipients, from MAIL to the store.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use posthaste_core::machine::{Ask, TlsFacts};
use posthaste_core::session::{Act, Place};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::event::{Delivery as Delivered, Hello, MailFrom, Received};
use posthaste_core::smtp::server::{Outcome as Answer, Role};
use posthaste_store::{
    Batch, FlagNames, MailboxId, Message, Mutation, Outcome, Outcomes, Refusal, Stored, Target,
};
use smallvec::SmallVec;

use super::incoming::{Fixups, Incoming};
use super::replies;
use super::trace::Trace;
use crate::Host;
use crate::budget::Share;
use crate::counters::tally;
use crate::directory::Account;
use crate::staged::Staged;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    /// The reverse-path with its brackets.
    sender: Box<str>,
    size: Option<u64>,
    smtputf8: bool,
    recipients: Vec<Addressee>,
    arriving: Option<Arriving>,
}

/// A recipient that was accepted, or about to be.
#[derive(Debug)]
struct Addressee {
    /// The forward-path with its brackets.
    path: Box<str>,
    accounts: Vec<Arc<Account>>,
    /// Set when it was accepted; nothing where that took no time.
    accepted: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Arriving {
    id: u64,
    /// The octets so far, or what to say instead of taking them.
    incoming: Result<Incoming, Reply>,
    share: Share,
}

/// What the session knows when a message begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin<'a> {
    pub(super) host: &'a Arc<Host>,
    pub(super) hello: Hello,
    pub(super) name: &'a str,
    pub(super) peer: Option<IpAddr>,
    pub(super) tls: Option<TlsFacts>,
    pub(super) signed_in: bool,
    /// Whether missing fields are added, if the configuration says so.
    pub(super) fixups: bool,
}

impl Transaction {
    pub(super) fn new(from: MailFrom<'_>) -> Self {
        Self {
            sender: from.path.to_string().into(),
            size: from.size,
            smtputf8: from.smtputf8,
            recipients: Vec::new(),
            arriving: None,
        }
    }

    /// The octets that MAIL promised.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Recipients that were asked for and not refused at once.
    pub(super) fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Adds a recipient. With `accepted` it counts once that was set.
    pub(super) fn add(
        &mut self,
        path: Box<str>,
        accounts: Vec<Arc<Account>>,
        accepted: Option<Arc<AtomicBool>>,
    ) {
        self.recipients.push(Addressee { path, accounts, accepted });
    }

    /// The message begins: puts the trace fields in front.
    pub(super) fn begin(&mut self, begin: Begin<'_>) {
        let Begin { host, .. } = begin;
        let config = host.config.load();
        let id = host.number();
        let now = host.inputs.clock.now_unix();
        self.recipients.retain(Addressee::is_accepted);
        let trace = Trace {
            hello: begin.hello,
            name: begin.name,
            peer: begin.peer,
            hostname: &config.hostname,
            tls: begin.tls,
            signed_in: begin.signed_in,
            smtputf8: self.smtputf8,
            id,
            sender: &self.sender,
            recipient: match &*self.recipients {
                [only] => Some(&only.path),
                _ => None,
            },
            now,
        };
        let fixups = (begin.fixups && config.submission_fixups).then(|| {
            let mut unique = [0; 16];
            host.inputs.random.fill(&mut unique);
            Fixups { now, unique, hostname: config.hostname.as_str().into() }
        });
        let staged = Staged::new(host, self.size.unwrap_or(0));
        let incoming = Incoming::begin(staged, &trace, fixups).map_err(|error| refusal(&error));
        self.arriving = Some(Arriving { id, incoming, share: host.budget.share() });
    }

    /// Takes the next run; says whether the session must pause.
    pub(super) fn run(&mut self, run: &[u8], at: &Place<Smtp>) -> bool {
        let Some(arriving) = &mut self.arriving else { return false };
        let Ok(incoming) = &mut arriving.incoming else { return false };
        if let Err(error) = incoming.run(run) {
            arriving.incoming = Err(refusal(&error));
            return false;
        }
        arriving.share.must_hold(at)
    }

    /// The message is whole: hands it to the store, which answers when it is durable.
    pub(super) fn end(
        self: Box<Self>,
        host: &Arc<Host>,
        role: Role,
        ask: Ask<Delivered>,
        received: Received,
        at: &Place<Smtp>,
    ) -> Act<Smtp> {
        let Self { sender, recipients, arriving, .. } = *self;
        // A recipient that was accepted and one that the machine told so are the same, unless a
        // timer was faster than the disk; then neither side knows whom the peer counts on.
        let Some(arriving) = arriving.filter(|_| recipients.len() == received.recipients as usize)
        else {
            return ask.refused().into();
        };
        let incoming = match arriving.incoming {
            Ok(incoming) if incoming.hops() > host.config.load().limits.hops => Err(replies::LOOP),
            other => other,
        };
        let (body, summary) =
            match incoming.and_then(|incoming| incoming.end().map_err(|e| refusal(&e))) {
                Ok(whole) => whole,
                Err(reply) => return ask.with(Answer::All(reply)).into(),
            };
        let mut to: SmallVec<[Arc<Account>; 1]> = SmallVec::new();
        for account in recipients.iter().flat_map(|recipient| &recipient.accounts) {
            if to.iter().all(|other| other.id != account.id) {
                to.push(Arc::clone(account));
            }
        }
        let inbox = |to: &Arc<Account>| Target { account: to.id, mailbox: MailboxId::INBOX };
        let (octets, id, now) = (body.len(), arriving.id, host.now());
        tracing::info!(
            id = format_args!("{id:016x}"),
            from = &*sender,
            recipients = recipients.len(),
            octets,
            "message received",
        );
        let message = Message { body, internal: now, received: now, summary };
        let deliver = Mutation::Deliver {
            message,
            flags: FlagNames::default(),
            to: to.iter().map(inbox).collect(),
            // SMTP has one reply for all, so all get it or none. LMTP has one for each.
            whole: role != Role::Lmtp,
        };
        let responder = at.later(ask);
        let on = Arc::clone(host);
        let done = Box::new(move |outcomes| {
            let told = Told { id, octets, outcomes, to };
            let answer = match role {
                Role::Lmtp => Answer::Each(recipients.iter().map(|to| told.of(to)).collect()),
                Role::Smtp | Role::Submission => Answer::All(told.worst(|_| true)),
            };
            if (0..told.to.len()).any(|at| told.result(at).is_ok()) {
                tally(&on.counters.messages);
            }
            if told.met(Refusal::Full) {
                on.note_full();
            }
            on.rings.answer(responder, answer);
        });
        host.store.submit(Batch::one(now, deliver), done);
        Act::Later
    }
}

impl Addressee {
    fn is_accepted(&self) -> bool {
        self.accepted.as_ref().is_none_or(|accepted| accepted.load(Ordering::Acquire))
    }
}

/// What the store said of a delivery.
struct Told {
    id: u64,
    octets: u64,
    outcomes: Outcomes,
    to: SmallVec<[Arc<Account>; 1]>,
}

impl Told {
    /// The reply for one recipient, which may lead to several accounts.
    fn of(&self, recipient: &Addressee) -> Reply {
        self.worst(|account| recipient.accounts.iter().any(|who| who.id == account.id))
    }

    /// The reply for these accounts: yes if all have it, else the first refusal that is no mere
    /// consequence of another.
    fn worst(&self, whose: impl Fn(&Account) -> bool) -> Reply {
        let accounts = || self.to.iter().enumerate().filter(|(_, account)| whose(account));
        let refusals = accounts().filter_map(|(at, _)| self.result(at).err());
        let worst = refusals.min_by_key(|refusal| *refusal == Refusal::Abandoned);
        let never_fits = |account: &Account| account.quota.is_some_and(|most| self.octets > most);
        match worst {
            None => Reply::taken(format!("Stored as {:016x}", self.id)),
            Some(Refusal::OverQuota) if accounts().any(|(_, account)| never_fits(account)) => {
                replies::BIGGER_THAN_QUOTA
            }
            Some(Refusal::OverQuota) => replies::OVER_QUOTA,
            Some(Refusal::Full) => replies::FULL,
            Some(Refusal::NoAccount | Refusal::NoMailbox) => replies::UNKNOWN,
            Some(refusal) => {
                tracing::warn!(%refusal, octets = self.octets, "a message was not stored");
                Reply::later()
            }
        }
    }

    /// Whether an account was refused for this reason.
    fn met(&self, refusal: Refusal) -> bool {
        (0..self.to.len()).any(|at| self.result(at) == Err(refusal))
    }

    /// What the store said of the account at this place.
    fn result(&self, at: usize) -> Result<Stored, Refusal> {
        match self.outcomes.first() {
            Some(Outcome::Delivered(each)) => {
                each.get(at).cloned().unwrap_or(Err(Refusal::Unavailable))
            }
            Some(Outcome::Refused(refusal)) => Err(*refusal),
            _ => Err(Refusal::Unavailable),
        }
    }
}

/// What to say when staging failed.
fn refusal(error: &io::Error) -> Reply {
    tracing::error!(%error, "a message could not be staged");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => replies::FULL,
        _ => Reply::later(),
    }
}
