//! A server of POP3: listeners, and a handler for each connection.

use std::fmt;
use std::sync::Arc;

use posthaste_core::gate::TlsMode;
use posthaste_core::machine::Answered;
use posthaste_core::pop3::Pop3;
use posthaste_core::pop3::server::{self as core, Config, Event};
use posthaste_core::sasl::Verdict;
use posthaste_tls::link::Fault;

use super::handler::Handler;
use crate::answerer::{Answerer, Caller, Happened};
use crate::connection::Connection;
use crate::host::{self, Builder, Host, Listens, Peer, Service};

/// A server whose sockets are bound, with a [`Handler`] for each session, made by `F`.
pub type Server<F> = Host<Sessions<F>>;

/// POP3 sessions, as a [`Host`] serves them.
pub struct Sessions<F> {
    make: F,
    /// By listener.
    configs: Vec<Arc<Config>>,
}

impl<F, H> Service for Sessions<F>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    type Machine = core::Server;

    fn machine(&self, peer: &Peer) -> core::Server {
        core::Server::new(self.configs[peer.listener].clone())
    }

    async fn serve(
        &self,
        connection: &mut Connection<core::Server>,
        peer: Peer,
    ) -> Result<(), Fault> {
        let mut handler = (self.make)(&peer);
        let config = &self.configs[peer.listener];
        converse(connection, config, peer, &mut handler).await
    }
}

impl<F, H> Listens for Sessions<F>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    type Config = Config;

    fn listen(&mut self, mode: TlsMode, mut config: Config) {
        config.starttls = mode == TlsMode::StartTls;
        self.configs.push(Arc::new(config));
    }
}

impl<F, H> Host<Sessions<F>>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    /// A server that makes a handler for each session by `make`.
    pub fn builder(make: F) -> Builder<Sessions<F>> {
        Builder::new(Sessions { make, configs: Vec::new() })
    }
}

impl<F> fmt::Debug for Sessions<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("listeners", &self.configs.len()).finish_non_exhaustive()
    }
}

/// Has one conversation with a peer, for programs that accept connections themselves. `config` is the one that
/// the connection's machine was made with. A [host](Server) does all that.
///
/// # Errors
/// What broke the connection. The handler has heard of its end by then.
pub async fn converse<H: Handler>(
    connection: &mut Connection<core::Server>,
    config: &Config,
    mut peer: Peer,
    handler: &mut H,
) -> Result<(), Fault> {
    peer.tls = peer.tls.or_else(|| connection.tls());
    let mut desk = Desk { handler, caller: Caller::new(peer) };
    connection.converse(config.limits.answer_wait, &mut desk).await
}

/// Runs a handler without a socket: the peer says all of `says` and then closes its side; gives what it is
/// told. For tests. Where `peer` says that TLS is up, the session begins as if TLS had come first; STLS cannot be
/// rehearsed.
pub async fn rehearse<H: Handler>(
    config: Config,
    peer: Peer,
    handler: &mut H,
    says: impl AsRef<[u8]>,
) -> String {
    let config = Arc::new(config);
    let machine = core::Server::new(config.clone());
    host::rehearse(machine, peer.tls, says.as_ref(), async |connection| {
        let _ = converse(connection, &config, peer, handler).await;
    })
    .await
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
