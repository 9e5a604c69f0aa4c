//! Binding, starting, watching and stopping.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;
use posthaste_core::gate::{Budget, Gate, Limits, TlsMode};
use posthaste_core::machine::Instant;
use posthaste_tls::{Factory, ServerTls};
use socket2::{Domain, Protocol, Socket, Type};

use crate::reactor::Seed;

/// Connections that may wait to be accepted, per reactor and listener. The system may allow fewer
/// (`net.core.somaxconn`).
pub const BACKLOG: i32 = 4096;

/// Where connections come in.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address to bind. Port 0 takes a free one, see [`Server::addresses`].
    pub address: SocketAddr,
    /// How its connections come by TLS.
    pub mode: TlsMode,
    /// The TLS they come by. Needed unless `mode` is [`TlsMode::None`].
    pub tls: Option<ServerTls>,
}

/// What a server needs besides its factory.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where connections come in. [`Arrival::listener`](crate::Arrival) counts in this list.
    pub listeners: Vec<Listener>,
    /// Reactor threads; 0 means one a core.
    pub reactors: usize,
    /// What the door and the wire allow.
    pub limits: Limits,
    /// Octets of bodies in flight, shared with the host that counts them.
    pub budget: Budget,
}

/// A server whose sockets are bound.
pub struct Server<F: Factory> {
    seeds: Vec<Seed<F>>,
    control: Arc<Control>,
}

impl<F: Factory> Server<F> {
    /// Binds all listeners. Connections are accepted by the system from here on, and served once it
    /// [runs](Self::run).
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(config: Config, factory: F) -> Result<Self, BindError> {
        let threads = match config.reactors {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        };
        let mut addresses = Vec::with_capacity(config.listeners.len());
        let mut sockets: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
        for listener in &config.listeners {
            let mut address = listener.address;
            if listener.mode != TlsMode::None && listener.tls.is_none() {
                let why = io::Error::new(io::ErrorKind::InvalidInput, "TLS has no certificate");
                return Err(BindError { address: Some(address), why });
            }
            if threads > 1 && address.port() != 0 {
                // With SO_REUSEPORT two servers of one user could share a port unawares.
                listen(address, false).map_err(|why| BindError { address: Some(address), why })?;
            }
            for (index, sockets) in sockets.iter_mut().enumerate() {
                let socket = listen(address, threads > 1)
                    .and_then(|socket| Ok((socket.local_addr()?, socket)));
                let (bound, socket) =
                    socket.map_err(|why| BindError { address: Some(address), why })?;
                if index == 0 {
                    address = bound;
                }
                sockets.push(socket);
            }
            addresses.push(address);
        }
        let control = Arc::new(Control {
            gate: Mutex::new(Gate::new(config.limits)),
            budget: config.budget,
            epoch: std::time::Instant::now(),
            changes: AtomicU64::new(0),
            stop: AtomicU8::new(RUN),
            figures: Figures::default(),
            wakers: Mutex::new(Vec::new()),
            addresses,
        });
        let factory = Arc::new(factory);
        let listeners: Arc<[Listener]> = config.listeners.into();
        let seeds = sockets
            .into_iter()
            .map(|sockets| Seed::new(sockets, listeners.clone(), factory.clone(), &control))
            .collect::<io::Result<_>>()
            .map_err(|why| BindError { address: None, why })?;
        Ok(Self { seeds, control })
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.control.addresses
    }

    /// What stops and inspects it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.control.clone())
    }

    /// Serves until [`Handle::shutdown`], and returns when the last connection has ended or `drain` has
    /// passed.
    ///
    /// # Errors
    /// A thread cannot be started, or epoll fails.
    pub fn run(self) -> io::Result<()> {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut outcome = Ok(());
            for (index, seed) in self.seeds.into_iter().enumerate() {
                let name = format!("reactor-{index}");
                match thread::Builder::new().name(name).spawn_scoped(scope, || seed.run()) {
                    Ok(thread) => threads.push(thread),
                    Err(why) => {
                        outcome = Err(why);
                        Handle(self.control.clone()).abort();
                    }
                }
            }
            for thread in threads {
                let ended = thread.join().unwrap_or_else(|_| {
                    Err(io::Error::other("a reactor panicked outside any session"))
                });
                if ended.is_err() {
                    // One reactor less would leave its share of new connections unanswered.
                    Handle(self.control.clone()).shutdown();
                    outcome = ended;
                }
            }
            outcome
        })
    }
}

impl<F: Factory> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.control.addresses)
            .field("reactors", &self.seeds.len())
            .finish()
    }
}

/// Stops and inspects a server, from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Control>);

impl Handle {
    /// Stops: nothing is accepted any more, sessions that are idle are told goodbye, others may finish
    /// what they are at, for `drain` at most.
    pub fn shutdown(&self) {
        self.0.stop.fetch_max(DRAIN, Ordering::SeqCst);
        self.0.wake();
    }

    /// Stops without waiting for anybody. Sessions still hear that it ended.
    pub fn abort(&self) {
        self.0.stop.fetch_max(ABORT, Ordering::SeqCst);
        self.0.wake();
    }

    /// Puts other limits in force. Connections that are open stay.
    pub fn set_limits(&self, limits: Limits) {
        self.0.gate.lock().set_limits(limits);
        self.0.changes.fetch_add(1, Ordering::SeqCst);
        self.0.wake();
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let figures = &self.0.figures;
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Counts {
            open: self.0.gate.lock().open(),
            accepted: read(&figures.accepted),
            refused: read(&figures.refused),
            dropped: read(&figures.dropped),
            accept_errors: read(&figures.accept_errors),
            handshakes_failed: read(&figures.handshakes_failed),
            stalled: read(&figures.stalled),
            panics: read(&figures.panics),
        }
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0.addresses
    }

    /// The budget of body octets in flight.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }
}

/// What has happened at a server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that are open now.
    pub open: u32,
    /// Connections that came in.
    pub accepted: u64,
    /// Of these, refused with the protocol's words.
    pub refused: u64,
    /// Connections that were closed without a word, because there were far too many.
    pub dropped: u64,
    /// Times that accepting failed, mostly for want of file descriptors.
    pub accept_errors: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Connections given up because the peer took no output.
    pub stalled: u64,
    /// Sessions that panicked, each a bug; the connection was closed.
    pub panics: u64,
}

/// An address that cannot be served.
#[derive(Debug)]
pub struct BindError {
    /// The address; `None` if epoll itself failed.
    pub address: Option<SocketAddr>,
    /// Why.
    pub why: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(address) = self.address else { return write!(f, "epoll: {}", self.why) };
        match self.why.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use: another server listens there")
            }
            io::ErrorKind::PermissionDenied => write!(
                f,
                "{address}: not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE"
            ),
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "{address} is not an address of this machine")
            }
            _ => write!(f, "{address}: {}", self.why),
        }
    }
}

impl std::error::Error for BindError {}

/// What reactors and handles share.
pub(crate) struct Control {
    pub(crate) gate: Mutex<Gate>,
    pub(crate) budget: Budget,
    /// Where [`Instant::ZERO`] lies, for all reactors.
    pub(crate) epoch: std::time::Instant,
    /// Grows when the limits change.
    pub(crate) changes: AtomicU64,
    pub(crate) stop: AtomicU8,
    pub(crate) figures: Figures,
    pub(crate) wakers: Mutex<Vec<Arc<mio::Waker>>>,
    addresses: Vec<SocketAddr>,
}

/// Values of [`Control::stop`].
pub(crate) const RUN: u8 = 0;
pub(crate) const DRAIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;

impl Control {
    pub(crate) fn now(&self) -> Instant {
        let micros = self.epoch.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn wake(&self) {
        for waker in self.wakers.lock().iter() {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake a reactor");
            }
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) panics: AtomicU64,
}

pub(crate) fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // [::] and 0.0.0.0 are two listeners, on every system.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
