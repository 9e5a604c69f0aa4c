//! Mail taken away: the handler of POP3 sessions. The maildrop is INBOX.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the handler |
//! | `maildrop` | the list of messages as it was at sign-in, and the lock |

mod maildrop;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use posthaste_core::machine::Ask;
use posthaste_core::pop3::server::{
    Admission, Event, Open, Opened, Piece, Source, Update, Updated,
};
use posthaste_core::pop3::{Deletions, Pop3};
use posthaste_core::session::{Act, Handler, Place};
use posthaste_store::{
    Batch, BlobId, Expunged, Fault, MailboxId, Mutation, Outcome, Refusal, Target, UidSet,
};

use crate::Host;
use crate::sign_in::Identity;
pub(crate) use maildrop::Locks;
use maildrop::{Lock, Messages};

/// Octets of one piece of a message.
const PIECE: u64 = 64 * 1024;

/// Answers one POP3 session.
#[derive(Debug)]
pub struct Maildrop {
    host: Arc<Host>,
    peer: Option<IpAddr>,
    identity: Identity,
    /// Filled when the maildrop was read.
    held: Arc<OnceLock<Held>>,
    /// What is left of the message that is being sent.
    sending: Option<(BlobId, Range<u64>)>,
}

/// An open maildrop. Who reads it holds the lock, so that one that could not be read is not locked.
#[derive(Debug)]
struct Held {
    lock: Lock,
    messages: Arc<Messages>,
}

impl Host {
    /// The handler of a POP3 session with a peer at this address (none for a Unix socket).
    #[must_use]
    pub fn pop3(self: &Arc<Self>, peer: Option<IpAddr>) -> Maildrop {
        Maildrop {
            host: Arc::clone(self),
            peer,
            identity: Identity::Stranger,
            held: Arc::default(),
            sending: None,
        }
    }
}

impl Handler<Pop3> for Maildrop {
    fn handle(&mut self, event: Event<'_>, at: &Place<Pop3>) -> Act<Pop3> {
        if !matches!(event, Event::More(_)) {
            self.sending = None;
        }
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
            Event::Open(ask) => self.open(ask, at),
            Event::Retr(ask, wanted) | Event::Top(ask, wanted, _) => {
                let message = self.held.get().and_then(|held| held.messages.message(wanted.number));
                // A message with UTF-8 in its header is sent as it came, also to a peer that did not
                // say UTF8: that is how such mail has always been served.
                self.sending = message.map(|message| (message.blob, 0..message.octets));
                self.more(ask, at)
            }
            Event::More(ask) => self.more(ask, at),
            Event::Update(ask, deletions) => self.update(ask, &deletions, at),
            Event::Secured(_) => {
                self.identity.forget();
                Act::Done
            }
            Event::Ended(_) => {
                self.held = Arc::default();
                Act::Done
            }
            // The machine has answered all others.
            _ => Act::Done,
        }
    }
}

impl Maildrop {
    fn open(&mut self, ask: Ask<Open>, at: &Place<Pop3>) -> Act<Pop3> {
        let Some(account) = self.identity.account() else { return ask.refused().into() };
        // What an earlier sign-in opened too late is let go.
        self.held = Arc::default();
        let Some(lock) = self.host.locks.take(account.id) else {
            return ask.with(Opened::InUse).into();
        };
        let (host, account) = (Arc::clone(&self.host), account.id);
        let slot = Arc::clone(&self.held);
        let responder = at.later(ask);
        // A full queue drops the responder, which says that it cannot be opened now.
        let _ = self.host.inputs.reads.spawn(Box::new(move || {
            let opened = match Messages::read(&*host.store, account) {
                Ok(messages) => {
                    let messages = Arc::new(messages);
                    let held = Held { lock, messages: Arc::clone(&messages) };
                    // It was empty: each sign-in has its own.
                    let _ = slot.set(held);
                    Opened::Ready(messages)
                }
                Err(fault) => {
                    // Before the peer is told, who may try again at once.
                    drop(lock);
                    tracing::error!(%fault, "a maildrop could not be read");
                    match fault {
                        Fault::Damaged(_) => Opened::Broken,
                        _ => Opened::Unavailable,
                    }
                }
            };
            responder.answer(opened);
        }));
        Act::Later
    }

    fn more(&mut self, ask: Ask<Source>, at: &Place<Pop3>) -> Act<Pop3> {
        let Some((blob, left)) = self.sending.take() else {
            return ask.with(Piece::Broken).into();
        };
        let end = left.end.min(left.start.saturating_add(PIECE));
        let last = end == left.end;
        if !last {
            self.sending = Some((blob, end..left.end));
        }
        let responder = at.later(ask);
        let host = Arc::clone(&self.host);
        let _ = self.host.inputs.reads.spawn(Box::new(move || {
            let wanted = end - left.start;
            responder.answer(match host.store.read(&blob, left.start..end) {
                Ok(octets) if octets.len() as u64 != wanted => Piece::Broken,
                Ok(octets) if last => Piece::Last(octets),
                Ok(octets) => Piece::Part(octets),
                // Somebody else has expunged it, or it is damaged: it will not come back.
                Err(Fault::Missing | Fault::Damaged(_)) => Piece::Broken,
                Err(_) => Piece::Unavailable,
            });
        }));
        Act::Later
    }

    /// RFC 1939 §6: deletes what was marked, and says so when that is durable.
    fn update(&mut self, ask: Ask<Update>, deletions: &Deletions, at: &Place<Pop3>) -> Act<Pop3> {
        let Some(Held { lock, messages }) = self.held.get() else {
            return ask.refused().into();
        };
        let marked = deletions.iter().filter_map(|number| messages.message(number));
        let uids: UidSet = marked.map(|message| message.uid).collect();
        let mailbox = Target { account: lock.account(), mailbox: MailboxId::INBOX };
        let expunge = Mutation::Expunge { mailbox, which: Expunged::Uids(uids) };
        let responder = at.later(ask);
        let rings = Arc::clone(&self.host.rings);
        let done = Box::new(move |outcomes: posthaste_store::Outcomes| {
            let updated = match outcomes.first() {
                Some(Outcome::Expunged { .. }) => Updated::Durable,
                // The account was removed.
                Some(Outcome::Refused(Refusal::NoAccount | Refusal::NoMailbox)) => Updated::Broken,
                _ => Updated::Unavailable,
            };
            rings.answer(responder, updated);
        });
        self.host.store.submit(Batch::one(self.host.now(), expunge), done);
        Act::Later
    }
}
