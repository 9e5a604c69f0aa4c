//! Serving machines whose questions async handlers answer, one task a connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use posthaste_core::gate::{Limits, TlsMode};
use posthaste_core::machine::{Machine, TlsFacts};
use posthaste_tls::link::Fault;
use posthaste_tls::{BindError, Config, Handle, Listener};

use crate::connection::Connection;
use crate::hall::{Bound, Hall, Visit};
use crate::wire::Wire;

/// What is served: a machine for each connection, and what answers its questions.
///
/// The protocol modules bring theirs; write your own for a machine of your own.
pub trait Service: Send + Sync + 'static {
    /// What speaks the protocol.
    type Machine: Machine + Send;

    /// The machine for a connection.
    fn machine(&self, peer: &Peer) -> Self::Machine;

    /// Has the whole conversation: until [`Connection::next`] says `None`. Gives what broke the connection,
    /// if something did. With TLS first it is up already, and `peer` says so.
    ///
    /// A panic ends this conversation and no other.
    fn serve(
        &self,
        connection: &mut Connection<Self::Machine>,
        peer: Peer,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A service of several listeners, each of which speaks as its settings say.
pub trait Listens: Service {
    /// How a listener speaks.
    type Config;

    /// There is another listener, which does TLS in that way and speaks as `config` says. Whether the protocol
    /// offers to start TLS follows from `mode`.
    fn listen(&mut self, mode: TlsMode, config: Self::Config);
}

/// What a [`Host`] is to be.
#[derive(Debug)]
pub struct Builder<S> {
    pub(crate) service: S,
    config: Config,
}

impl<S: Listens> Builder<S> {
    /// Nobody listens yet.
    pub(crate) fn new(service: S) -> Self {
        Self { service, config: Config::default() }
    }

    /// Listens there, and speaks as `config` says. Whether it offers to start TLS follows from the listener.
    #[must_use]
    pub fn listen(mut self, listener: Listener, config: S::Config) -> Self {
        self.service.listen(listener.mode, config);
        self.config.listeners.push(listener);
        self
    }

    /// What the door and the wire allow, for all listeners together.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Binds all listeners.
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(self) -> Result<Host<S>, BindError> {
        Host::bind(self.config, self.service)
    }
}

/// Who is at the other end, as far as the connection tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Which of the server's listeners it came to, counted from 0.
    pub listener: usize,
    /// It lies in one of the networks that [`Limits::trusted`](crate::Limits::trusted) lists.
    pub trusted: bool,
    /// The server is under stress ([`Limits::stress_connections`](crate::Limits::stress_connections)), and this
    /// one has to be quick.
    pub strained: bool,
    /// What TLS agreed upon, if it is up.
    pub tls: Option<TlsFacts>,
    /// Whom it signed in as.
    pub user: Option<String>,
}

impl Peer {
    /// Somebody at `address`, of whom nothing else is known.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self { address, local, listener: 0, trusted: false, strained: false, tls: None, user: None }
    }

    /// Somebody on this machine: behind a Unix socket, or in a rehearsal.
    #[must_use]
    pub const fn here() -> Self {
        Self::new(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }
}

/// A server whose sockets are bound, for a [`Service`]: `smtp::Server`, `pop3::Server` and `imap::Server`
/// are hosts.
///
/// It counts and refuses connections by its [`Limits`], starts TLS where that comes first,
/// and stops gracefully by its [`Handle`]: nothing is accepted any more, conversations that are idle are
/// told goodbye, others may finish what they are at, for `drain` at most; then handlers are dropped.
///
/// What a connection costs: one task, whose size is that of the handler's largest future; two small
/// allocations; and, while octets of the peer wait to be used, a buffer of 64 KiB, which comes from a pool.
/// Nothing is boxed or allocated for an event.
pub struct Host<S> {
    bound: Bound,
    service: Arc<S>,
}

impl<S: Service> Host<S> {
    /// Binds all listeners. Connections are accepted by the system from here on, and served once it
    /// [serves](Self::serve).
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(config: Config, service: S) -> Result<Self, BindError> {
        Ok(Self { bound: Bound::new(config)?, service: Arc::new(service) })
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.bound.hall.control().addresses()
    }

    /// What stops and inspects it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.bound.hall.leash.control.clone())
    }

    /// Serves until [`Handle::shutdown`], and returns when the last connection has ended.
    ///
    /// # Errors
    /// The runtime does not take a socket.
    pub async fn serve(self) -> io::Result<()> {
        let (hall, service) = (self.bound.hall.clone(), self.service);
        let receive = move |visit| {
            tokio::spawn(receive(hall.clone(), service.clone(), visit));
        };
        self.bound.serve(receive).await
    }

    /// Serves until `stop` is ready, and then stops as [`Handle::shutdown`] has it.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let handle = self.handle();
        let mut served = std::pin::pin!(self.serve());
        tokio::select! {
            done = &mut served => return done,
            () = stop => handle.shutdown(),
        }
        served.await
    }
}

impl<S> fmt::Debug for Host<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.bound.hall.control().addresses();
        f.debug_struct("Host").field("addresses", &addresses).finish()
    }
}

/// Has a conversation without a socket: the peer says all of `says` and then closes its side; gives what it
/// is told.
pub(crate) async fn rehearse<M: Machine>(
    mut machine: M,
    tls: Option<TlsFacts>,
    says: &[u8],
    converse: impl AsyncFnOnce(&mut Connection<M>),
) -> String {
    if let Some(facts) = tls {
        machine.secured(facts);
    }
    // Scripts have no options to set, and do not break.
    let Ok(mut connection) = Connection::new(Wire::script(says), machine) else {
        return String::new();
    };
    converse(&mut connection).await;
    String::from_utf8_lossy(&connection.wire().heard()).into_owned()
}

/// One connection, from what comes before the protocol to its end.
async fn receive<S: Service>(hall: Arc<Hall>, service: Arc<S>, visit: Visit) {
    // Dropped last, so that everything else is gone when the gate hears of it.
    let Visit { stream, index, local, mut visitor } = visit;
    let guest = &mut visitor.guest;
    let mut peer = Peer { local, listener: index, ..Peer::new(guest.peer) };
    let Ok(connection) = Connection::new(stream, service.machine(&peer)) else { return };
    let connection = connection.with_leash(hall.leash.clone());
    let mut connection = connection.with_limits(hall.control().gate().limits());
    let (listener, upgrade) = (&hall.listeners[index], hall.upgrades[index].as_ref());
    let implicit = listener.mode == TlsMode::Implicit;
    if listener.is_proxy(guest.peer.ip()) {
        match connection.introduced().await {
            Ok(ends) => {
                if let Some(ends) = ends {
                    (peer.address, peer.local) = (ends.peer, ends.local);
                }
                if !guest.introduce(peer.address, implicit) {
                    return;
                }
                connection.replace(service.machine(&peer));
            }
            Err(fault) => return guest.lost(&fault, false),
        }
    }
    (peer.trusted, peer.strained) = (guest.trusted, guest.strained);
    if let Some(why) = guest.refused {
        connection.close(why);
        while let Ok(Some(_)) = connection.next().await {}
        return;
    }
    let served = match upgrade {
        Some(upgrade) if implicit => match Box::pin(connection.secure(upgrade)).await {
            Ok(facts) => {
                peer.tls = Some(facts);
                service.serve(&mut connection, peer).await
            }
            Err(fault) => Err(fault),
        },
        Some(upgrade) => {
            connection = connection.with_upgrade(upgrade.clone());
            service.serve(&mut connection, peer).await
        }
        None => service.serve(&mut connection, peer).await,
    };
    if let Err(fault) = served {
        guest.lost(&fault, connection.is_handshaking());
    }
}
