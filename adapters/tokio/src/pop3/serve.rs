//! POP3 sessions: the loop that asks a handler what the machine asks.

use std::sync::Arc;

use posthaste_core::machine::Answered;
use posthaste_core::pop3::Pop3;
use posthaste_core::pop3::server::{self as core, Config, Event};
use posthaste_core::sasl::Verdict;
use posthaste_tls::link::Fault;

use super::handler::Handler;
use crate::answerer::{Answerer, Caller, Happened};
use crate::connection::Connection;
use crate::host::{Host, Peer};
use crate::sessions::{Converse, Sessions, Settings};

/// A server whose sockets are bound, with a [`Handler`] for each session, made by `F`.
pub type Server<F> = Host<Sessions<F, Config>>;

impl Settings for Config {
    type Machine = core::Server;

    fn offer_tls(&mut self, offered: bool) {
        self.starttls = offered;
    }

    fn machine(self: Arc<Self>) -> core::Server {
        core::Server::new(self)
    }
}

impl<H: Handler> Converse<Config> for H {
    async fn converse(
        &mut self,
        connection: &mut Connection<core::Server>,
        config: &Config,
        peer: Peer,
    ) -> Result<(), Fault> {
        let mut desk = Desk { handler: self, caller: Caller::new(peer) };
        connection.converse(config.limits.answer_wait, &mut desk).await
    }
}

/// One session and its handler.
struct Desk<'a, H> {
    handler: &'a mut H,
    caller: Caller,
}

impl<H: Handler> Answerer<Pop3> for Desk<'_, H> {
    async fn hear(&mut self, Happened(event): Happened<'_, Pop3>) -> Option<Answered<Pop3>> {
        let Self { handler, caller } = self;
        handler.observe(&caller.peer, &event);
        Some(match event {
            Event::Bearer(ask, token) => {
                let access = handler.bearer(&caller.peer, &token).await;
                let access = access.unless(token.is_empty());
                caller.entering = access.user();
                ask.with(access.grant())
            }
            Event::Connected(ask) => ask.with(handler.connected(&caller.peer).await),
            Event::Ended(how) => {
                handler.ended(&caller.peer, how);
                return None;
            }
            Event::External(ask, certificate) => {
                let access = handler.certificate(&caller.peer, &certificate).await;
                caller.entering = access.user();
                ask.with(access.verdict())
            }
            Event::Lookup(ask, identity) => ask.with(handler.lookup(&caller.peer, &identity).await),
            Event::More(ask) => ask.with(handler.more().await),
            Event::Open(ask) => ask.with(handler.open(&caller.peer).await),
            Event::Retr(ask, wanted) => ask.with(handler.retrieve(wanted, None).await),
            Event::Secured(facts) => {
                caller.secured(facts);
                return None;
            }
            Event::SignIn(ask, credentials) => match credentials.prepared() {
                Ok(credentials) => {
                    let verdict = handler.sign_in(&caller.peer, &credentials).await;
                    caller.signed_in(verdict, &credentials);
                    ask.with(verdict)
                }
                // RFC 4616 §2: what cannot be prepared is nobody's.
                Err(_) => ask.with(Verdict::Rejected),
            },
            Event::SignedIn { user } => {
                caller.peer.user = Some(user);
                return None;
            }
            Event::Top(ask, wanted, lines) => ask.with(handler.retrieve(wanted, Some(lines)).await),
            Event::Update(ask, deletions) => ask.with(handler.update(&deletions).await),
            // The machine has answered all others.
            _ => return None,
        })
    }

    fn answered(&mut self, in_time: bool) {
        self.caller.answered(in_time);
    }
}
