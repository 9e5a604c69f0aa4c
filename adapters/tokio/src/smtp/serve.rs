//! The loop that asks a handler what the machine asks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::machine::{Answered, Ask, TlsFacts};
use posthaste_core::sasl::{Credentials, Verdict};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::event::{self, Decision};
use posthaste_core::smtp::server::{Config, Event, Outcome, Server};
use posthaste_tls::link::Fault;
use tokio::time::timeout;

use super::body::{After, Body, Finished, Lost};
use super::handler::Handler;
use super::refusal::Refusal;
use super::transaction::{Peer, Transaction, recipient};
use crate::connection::Connection;
use crate::leash::{Clock, Cut, over};

/// One session and its handler.
struct Desk<'a, H> {
    handler: &'a mut H,
    config: &'a Config,
    peer: Arc<Peer>,
    transaction: Option<Transaction>,
    /// Who comes in when the machine hears it.
    entering: Option<String>,
}

/// What follows from an event.
enum Then {
    Answer(Answered<Smtp>),
    GoOn,
    Message(Answered<Smtp>),
}

/// Has one conversation with a peer: for programs that accept connections themselves, as from a Unix socket.
/// The connection is made by [`Connection::accept`] with a [`Server`](posthaste_core::smtp::server::Server)
/// machine; where TLS comes first call [`Connection::secure`] before. A [host](super::Server) does all that.
///
/// # Errors
/// What broke the connection. The handler has heard of its end by then.
pub async fn converse<H: Handler>(
    connection: &mut Connection<Server>,
    mut peer: Peer,
    handler: &mut H,
) -> Result<(), Fault> {
    if peer.tls.is_none() {
        peer.tls = connection.tls();
    }
    let config = connection.machine().config().clone();
    let peer = Arc::new(peer);
    let mut desk = Desk { handler, config: &config, peer, transaction: None, entering: None };
    let mut fault = None;
    loop {
        let shown = match connection.step().await {
            Ok(Some(shown)) => shown,
            Ok(None) => return fault.map_or(Ok(()), Err),
            Err(broke) => {
                fault.get_or_insert(broke);
                continue;
            }
        };
        desk.handler.observe(&desk.peer, &shown.event);
        let wait = desk.wait();
        let ends = matches!(shown.event, Event::Data(..));
        let attended = shown.patience.attend(wait, desk.hear(shown.event)).await;
        if attended.is_err() {
            desk.entering = None;
            if ends {
                desk.reset();
            }
        }
        let broke = match attended {
            Ok(Then::Answer(answered)) => {
                // Stale only if a timer was faster.
                let settled = connection.settle(answered).is_ok();
                if let Some(user) = desk.entering.take().filter(|_| settled) {
                    Arc::make_mut(&mut desk.peer).user = Some(user);
                }
                None
            }
            Ok(Then::GoOn) => None,
            Ok(Then::Message(answered)) => {
                let _ = connection.settle(answered);
                desk.message(connection).await
            }
            Err(cut) => connection.cut(cut),
        };
        if let Some(broke) = broke {
            fault.get_or_insert(broke);
        }
    }
}

impl<H: Handler> Desk<'_, H> {
    /// How long the handler may think.
    fn wait(&self) -> Duration {
        self.config.limits.answer_wait_in(self.config.role)
    }

    async fn hear(&mut self, event: Event<'_>) -> Then {
        let answered = match event {
            Event::Bearer(ask, token) => {
                let access = self.handler.bearer(&self.peer, &token).await;
                let access = access.unless(token.is_empty());
                self.entering = access.user();
                ask.with(access.grant())
            }
            Event::Connected(ask) => ask.with(self.handler.connected(&self.peer).await),
            Event::Data(ask, _) => match self.data().await {
                Ok(()) => return Then::Message(ask.with(Decision::Accept)),
                Err(refusal) => ask.with(Decision::Refuse(refusal.into_reply())),
            },
            Event::Ended(how) => {
                self.reset();
                self.handler.ended(&self.peer, how);
                return Then::GoOn;
            }
            Event::Expand(ask, query) => ask.with(self.handler.expand(&self.peer, &query).await),
            Event::External(ask, certificate) => {
                let access = self.handler.certificate(&self.peer, &certificate).await;
                self.entering = access.user();
                ask.with(access.verdict())
            }
            Event::Hello { verb, name } => {
                self.hello(verb, name.to_string()).await;
                return Then::GoOn;
            }
            Event::Lookup(ask, identity) => {
                ask.with(self.handler.lookup(&self.peer, &identity).await)
            }
            Event::Mail(ask, from) => {
                let transaction = Transaction::begin(self.peer.clone(), &from);
                let said = self.handler.mail(&transaction).await;
                if said.is_ok() {
                    self.transaction = Some(transaction);
                }
                ask.with(decision(said))
            }
            Event::Recipient(ask, to) => ask.with(self.recipient(&to).await),
            Event::Reset => {
                self.reset();
                return Then::GoOn;
            }
            Event::Secured(facts) => {
                self.secured(facts);
                return Then::GoOn;
            }
            Event::SignIn(ask, credentials) => return self.sign_in(ask, credentials).await,
            Event::SignedIn { user } => {
                Arc::make_mut(&mut self.peer).user = Some(user);
                return Then::GoOn;
            }
            Event::Verify(ask, query) => ask.with(self.handler.verify(&self.peer, &query).await),
            Event::XClient(ask, whom) => {
                self.introduced(&whom);
                ask.with(self.handler.connected(&self.peer).await)
            }
            // A question that is not known here is refused by the connection.
            _ => return Then::GoOn,
        };
        Then::Answer(answered)
    }

    async fn data(&mut self) -> Result<(), Refusal> {
        // There is one: the machine takes DATA inside a transaction only.
        let Some(transaction) = &self.transaction else { return Err(Refusal::later()) };
        let said = self.handler.data(transaction).await;
        if said.is_err() {
            self.reset();
        }
        said
    }

    async fn recipient(&mut self, to: &event::RcptTo<'_>) -> Decision {
        let (Some(transaction), Some(recipient)) =
            (&mut self.transaction, recipient(to, &self.config.hostname))
        else {
            return Decision::Refuse(Reply::later());
        };
        let said = self.handler.recipient(transaction, &recipient).await;
        if said.is_ok() {
            transaction.envelope.recipients.push(recipient);
        }
        decision(said)
    }

    async fn sign_in(
        &mut self,
        ask: Ask<posthaste_core::sasl::SignIn<Smtp>>,
        credentials: Credentials<'_>,
    ) -> Then {
        // RFC 4616 §2: what cannot be prepared is nobody's.
        let Ok(credentials) = credentials.prepared() else {
            return Then::Answer(ask.with(Verdict::Rejected));
        };
        let verdict = self.handler.sign_in(&self.peer, &credentials).await;
        if verdict == Verdict::Accepted {
            let user = credentials.authorization().unwrap_or_else(|| credentials.user());
            self.entering = Some(user.to_string());
        }
        Then::Answer(ask.with(verdict))
    }

    async fn hello(&mut self, verb: event::Hello, name: String) {
        // RFC 5321 §4.1.4: as if RSET had been said.
        self.reset();
        Arc::make_mut(&mut self.peer).hello = Some((verb, name));
        self.handler.hello(&self.peer).await;
    }

    /// RFC 3207 §4.2: what the peer said before is forgotten.
    fn secured(&mut self, facts: TlsFacts) {
        self.reset();
        let peer = Arc::make_mut(&mut self.peer);
        (peer.tls, peer.hello, peer.user) = (Some(facts), None, None);
    }

    /// A filter that is listed speaks for somebody else from now on.
    fn introduced(&mut self, whom: &event::Introduced<'_>) {
        let peer = Arc::make_mut(&mut self.peer);
        (peer.hello, peer.user, peer.trusted) = (None, None, false);
        // The TLS session is the filter's, and so is what it showed there.
        if let Some(tls) = &mut peer.tls {
            (tls.certificate, tls.exporter, tls.verified) = (None, None, false);
        }
        // What is not known must not pass for the filter's own.
        peer.address = SocketAddr::new(
            whom.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            whom.port.unwrap_or(0),
        );
        if let Some(to) = whom.to {
            peer.local = SocketAddr::new(to, whom.to_port.unwrap_or(0));
        }
    }

    /// The transaction is over.
    fn reset(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.handler.reset(&transaction);
        }
    }

    /// Has the handler take the message, and answers what became of it.
    async fn message(&mut self, connection: &mut Connection<Server>) -> Option<Fault> {
        let transaction = self.transaction.take()?;
        let (wire, leash) = (connection.share_wire(), connection.share_leash());
        let clock = Clock::new();
        let mut body = Body::new(connection, &clock);
        let limit = self.wait();
        let taken = tokio::select! {
            biased;
            said = self.handler.message(&transaction, &mut body) => Ok(said),
            () = clock.runs_out(limit) => Err(Cut::Late),
            () = over(leash.as_deref()) => Err(Cut::Stop),
            error = wire.broken() => Err(Cut::Gone(error.into())),
        };
        let said = match taken {
            Ok(said) => said,
            Err(Cut::Late) => Err(Refusal::later()),
            Err(cut) => {
                drop(body);
                return connection.cut(cut);
            }
        };
        let Finished { ask, lost, after, fault, read } = body.finish().await;
        if let Some(ask) = ask {
            let outcome = match said {
                Err(refusal) => Outcome::All(refusal.into_reply()),
                Ok(outcome) if read || !is_positive(&outcome) => outcome,
                Ok(_) => {
                    tracing::error!("a handler said yes to a message that it did not read whole");
                    Outcome::All(Reply::later())
                }
            };
            let _ = connection.settle(ask.with(outcome));
        }
        match (lost, after) {
            (Some(Lost::Ended(how)), _) => self.handler.ended(&self.peer, how),
            (_, Some(After::Hello(verb, name))) => {
                // Nobody waits for an answer, so it does not matter whether there is one.
                let _ = timeout(limit, self.hello(verb, name)).await;
            }
            (_, Some(After::Secured(facts))) => self.secured(facts),
            _ => {}
        }
        fault
    }
}

fn decision(said: Result<(), Refusal>) -> Decision {
    match said {
        Ok(()) => Decision::Accept,
        Err(refusal) => Decision::Refuse(refusal.into_reply()),
    }
}

/// Whether it says yes to anybody.
fn is_positive(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::All(reply) => reply.is_positive(),
        Outcome::Each(each) => each.iter().any(Reply::is_positive),
    }
}
