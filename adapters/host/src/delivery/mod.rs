//! Mail on its way in: the handler of SMTP, submission and LMTP sessions.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the handler: who may send what, to whom |
//! | `transaction` | one message with its sender and recipients, to the store |
//! | `incoming` | the message's octets in one pass |
//! | `fields` | what is looked for in a header, in passing |
//! | `trace` | Received, Return-Path, and what submission adds |
//! | `replies` | what is said, all in one place |

mod fields;
mod incoming;
mod replies;
#[cfg(test)]
mod tests;
mod trace;
mod transaction;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use posthaste_core::grammar::address::ForwardPath;
use posthaste_core::machine::{Ask, End, TlsFacts};
use posthaste_core::session::{Act, Handler, Place};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::event::{
    Connect, Data, Delivery as Delivered, Hello, Introduced, Mail, MailFrom, RcptTo, Received,
    Recipient,
};
use posthaste_core::smtp::server::{Admission, Decision, Event, Role};
use posthaste_core::text::Text;

use crate::Host;
use crate::counters::tally;
use crate::directory::{Account, Resolved};
use crate::sign_in::Identity;
use transaction::{Begin, Transaction};

/// Answers one SMTP, submission or LMTP session.
#[derive(Debug)]
pub struct Delivery {
    host: Arc<Host>,
    role: Role,
    peer: Option<IpAddr>,
    /// The door wants it to be quick.
    pub(crate) strained: bool,
    /// Its network is trusted.
    pub(crate) trusted: bool,
    hello: Hello,
    name: Box<str>,
    tls: Option<TlsFacts>,
    identity: Identity,
    transaction: Option<Box<Transaction>>,
}

impl Host {
    /// The handler of a session in this role with a peer at this address (none for a Unix socket).
    #[must_use]
    pub fn smtp(self: &Arc<Self>, role: Role, peer: Option<IpAddr>) -> Delivery {
        Delivery {
            host: Arc::clone(self),
            role,
            peer,
            strained: false,
            trusted: false,
            hello: Hello::Helo,
            name: Box::default(),
            tls: None,
            identity: Identity::Stranger,
            transaction: None,
        }
    }
}

impl Handler<Smtp> for Delivery {
    fn handle(&mut self, event: Event<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        match event {
            Event::Connected(ask) => self.connected(ask),
            Event::XClient(ask, whom) => self.introduced(ask, whom),
            Event::Hello { verb, name } => self.greeted(verb, name),
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
            Event::Mail(ask, from) => self.mail(ask, from),
            Event::Recipient(ask, to) => self.recipient(ask, to, at),
            Event::Data(ask, _) => self.data(ask),
            Event::Body(run) => self.body(run, at),
            Event::BodyEnd(ask, received) => self.body_end(ask, received, at),
            Event::BodyLost(_) | Event::Reset => {
                self.transaction = None;
                Act::Done
            }
            Event::Secured(facts) => {
                self.tls = Some(facts);
                self.identity.forget();
                self.transaction = None;
                self.name = Box::default();
                Act::Done
            }
            Event::Limited(limit) => {
                self.host.counters.reach(limit);
                Act::Done
            }
            Event::Ended(how) => {
                if how == End::Injection {
                    tally(&self.host.counters.injections);
                }
                self.transaction = None;
                Act::Done
            }
            // The machine has answered all others, or settles them by their refusal, which is what
            // we would say: VRFY tells nobody who is here (RFC 5321 §7.3).
            _ => Act::Done,
        }
    }
}

impl Delivery {
    fn connected(&self, ask: Ask<Connect>) -> Act<Smtp> {
        let config = self.host.config.load();
        let may = self.role != Role::Lmtp
            || self.peer.is_none_or(|peer| config.lmtp_from.iter().any(|net| net.contains(peer)));
        let (budget, counters) = (&self.host.budget, &self.host.counters);
        let stressed = self.host.is_stressed();
        ask.with(if !may {
            Admission::Refuse(replies::NOT_FROM_HERE)
        } else if !self.is_stranger() {
            Admission::Accept
        } else if budget.is_over(config.limits.shed_connect) {
            tally(&counters.shed_connect);
            Admission::Refuse(replies::BUSY)
        } else if stressed || self.strained {
            tally(&counters.strained);
            Admission::Strained
        } else {
            Admission::Accept
        })
        .into()
    }

    /// Whether nobody knows who it is.
    fn is_stranger(&self) -> bool {
        self.role == Role::Smtp && !self.trusted
    }

    /// A listed peer speaks for somebody else, who is judged as if it had connected itself.
    fn introduced(&mut self, ask: Ask<Connect>, whom: Introduced<'_>) -> Act<Smtp> {
        // What is not known must not pass for somebody on this machine, whom no limit holds.
        self.peer = Some(whom.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        self.trusted = false;
        self.name = Box::default();
        self.identity.forget();
        self.transaction = None;
        self.connected(ask)
    }

    fn greeted(&mut self, verb: Hello, name: Text<'_>) -> Act<Smtp> {
        self.hello = verb;
        self.name = name.to_str().unwrap_or_default().into();
        self.transaction = None;
        Act::Done
    }

    fn mail(&mut self, ask: Ask<Mail>, from: MailFrom<'_>) -> Act<Smtp> {
        self.transaction = None;
        if self.role == Role::Submission {
            let Some(account) = self.identity.account() else {
                return ask.with(Decision::Refuse(replies::SIGN_IN)).into();
            };
            // RFC 8098 §2.1: notifications that a client sends have no sender.
            let owned = from.path.mailbox().is_none_or(|mailbox| {
                self.host.directory.owns(account, mailbox.to_address().as_str())
            });
            if !owned {
                return ask.with(Decision::Refuse(replies::NOT_YOURS)).into();
            }
        }
        if self.host.is_full() {
            return ask.with(Decision::Refuse(replies::FULL)).into();
        }
        self.transaction = Some(Box::new(Transaction::new(from)));
        ask.with(Decision::Accept).into()
    }

    fn recipient(&mut self, ask: Ask<Recipient>, to: RcptTo<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        let Some(transaction) = &mut self.transaction else {
            return ask.refused().into();
        };
        let resolved = match to.path {
            ForwardPath::Postmaster => self.host.directory.resolve("postmaster"),
            ForwardPath::Mailbox(mailbox) => {
                self.host.directory.resolve(mailbox.to_address().as_str())
            }
        };
        let refusal = match resolved {
            Resolved::Local(accounts) => {
                let path = to.path.to_string().into();
                // Most accounts have no quota, and nothing has to be read.
                if accounts.iter().all(|account| account.quota.is_none()) {
                    transaction.add(path, accounts, None);
                    return ask.with(Decision::Accept).into();
                }
                let accepted = Arc::new(AtomicBool::new(false));
                transaction.add(path, accounts.clone(), Some(Arc::clone(&accepted)));
                let size = transaction.size();
                return self.measure(ask, accounts, size, accepted, at);
            }
            Resolved::NotLocal if self.role == Role::Submission => replies::NO_ROUTE,
            Resolved::NotLocal => replies::NO_RELAY,
            Resolved::Unavailable => Reply::later(),
            Resolved::Unknown => replies::UNKNOWN,
        };
        ask.with(Decision::Refuse(refusal)).into()
    }

    /// Accepts a recipient if its accounts have room.
    fn measure(
        &self,
        ask: Ask<Recipient>,
        accounts: Vec<Arc<Account>>,
        size: Option<u64>,
        accepted: Arc<AtomicBool>,
        at: &Place<Smtp>,
    ) -> Act<Smtp> {
        let responder = at.later(ask);
        let host = Arc::clone(&self.host);
        // A full queue drops the responder, which says "later".
        let _ = self.host.inputs.reads.spawn(Box::new(move || {
            let decision = host.has_room(&accounts, size);
            accepted.store(decision == Decision::Accept, Ordering::Release);
            responder.answer(decision);
        }));
        Act::Later
    }

    fn data(&mut self, ask: Ask<Data>) -> Act<Smtp> {
        if let Some(count) = self.shed() {
            tally(count);
            self.transaction = None;
            return ask.with(Decision::Refuse(replies::BUSY_NOW)).into();
        }
        let Some(transaction) = &mut self.transaction else {
            return ask.refused().into();
        };
        transaction.begin(Begin {
            host: &self.host,
            hello: self.hello,
            name: &self.name,
            peer: self.peer.filter(|peer| !peer.is_unspecified()),
            tls: self.tls,
            signed_in: self.identity.account().is_some(),
            fixups: self.role == Role::Submission,
        });
        ask.with(Decision::Accept).into()
    }

    /// What counts this message, if there is too much to do to take it.
    fn shed(&self) -> Option<&AtomicU64> {
        let limits = self.host.config.load().limits;
        let (budget, counters) = (&self.host.budget, &self.host.counters);
        if self.is_stranger() && budget.is_over(limits.shed_data) {
            return Some(&counters.shed_data);
        }
        let recipients = self.transaction.as_ref().map_or(0, |one| one.recipients());
        let bulk = self.role == Role::Submission && recipients > limits.bulk_recipients as usize;
        (bulk && budget.is_over(limits.shed_bulk)).then_some(&counters.shed_bulk)
    }

    fn body(&mut self, run: Text<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        let Some(transaction) = &mut self.transaction else { return Act::Done };
        if transaction.run(run.as_bytes(), at) { Act::Hold } else { Act::Done }
    }

    fn body_end(&mut self, ask: Ask<Delivered>, received: Received, at: &Place<Smtp>) -> Act<Smtp> {
        let Some(transaction) = self.transaction.take() else {
            return ask.refused().into();
        };
        transaction.end(&self.host, self.role, ask, received, at)
    }
}

impl Host {
    /// Whether a message of this size (as far as it is known) fits into these accounts.
    fn has_room(&self, accounts: &[Arc<Account>], size: Option<u64>) -> Decision {
        for account in accounts {
            let usage = match self.store.view(account.id) {
                Ok(Some(view)) => view.account().usage,
                Ok(None) => return Decision::Refuse(replies::UNKNOWN),
                Err(fault) => {
                    tracing::error!(%fault, "an account's usage could not be read");
                    return Decision::Refuse(Reply::later());
                }
            };
            let (Some(quota), size) = (account.quota, size.unwrap_or(0)) else { continue };
            if size > quota {
                return Decision::Refuse(replies::BIGGER_THAN_QUOTA);
            }
            // Full is full, also for a message whose size was not said.
            if usage.bytes.saturating_add(size.max(1)) > quota {
                return Decision::Refuse(replies::OVER_QUOTA);
            }
        }
        Decision::Accept
    }
}
