//! Where connections come in: binding, accepting, the gate. Shared by both kinds of server.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::TlsMode;
use posthaste_tls::control::count;
use posthaste_tls::{BindError, Config, Control, Guest, Listener, Upgrade};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc;

use crate::leash::Leash;

/// How long nothing is accepted when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the tasks of one server share.
#[derive(Debug)]
pub(crate) struct Hall {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) upgrades: Vec<Option<Upgrade>>,
    pub(crate) leash: Arc<Leash>,
}

/// Listeners that are bound and not served yet.
#[derive(Debug)]
pub(crate) struct Bound {
    sockets: Vec<StdListener>,
    threads: usize,
    pub(crate) hall: Arc<Hall>,
}

/// A connection that was let in, or is to hear why not.
pub(crate) struct Visit {
    pub(crate) stream: TcpStream,
    /// Which listener it came to.
    pub(crate) index: usize,
    /// Our end.
    pub(crate) local: SocketAddr,
    pub(crate) visitor: Visitor,
}

/// A connection that is counted at the gate, and leaves it when this is dropped.
pub(crate) struct Visitor {
    pub(crate) guest: Guest,
    hall: Arc<Hall>,
    _all: mpsc::Sender<()>,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            count(&self.hall.control().figures.panics);
            tracing::error!(peer = %self.guest.peer, "a session panicked; its connection is closed");
        }
    }
}

impl Bound {
    /// Binds all listeners.
    pub(crate) fn new(config: Config) -> Result<Self, BindError> {
        let mut sockets = Vec::with_capacity(config.listeners.len());
        let mut addresses = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            for socket in listener.bind(1)? {
                let refused = |why| BindError { address: Some(listener.address), why };
                addresses.push(socket.local_addr().map_err(refused)?);
                sockets.push(socket);
            }
        }
        let leash = Leash::new(Control::new(config.limits, addresses));
        let upgrade = |listener: &Listener| listener.tls.clone().map(Upgrade::Server);
        let upgrades = config.listeners.iter().map(upgrade).collect();
        let hall = Arc::new(Hall { listeners: config.listeners, upgrades, leash });
        Ok(Self { sockets, threads: config.reactors, hall })
    }

    /// A runtime with as many threads as the config says.
    pub(crate) fn runtime(&self) -> io::Result<runtime::Runtime> {
        match self.threads {
            1 => runtime::Builder::new_current_thread().enable_all().build(),
            0 => runtime::Builder::new_multi_thread().enable_all().build(),
            n => runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
        }
    }

    /// Has `receive` spawn a task for each connection, until the server is told to stop; returns when the
    /// last guest is gone.
    pub(crate) async fn serve(
        self,
        receive: impl Fn(Visit) + Clone + Send + 'static,
    ) -> io::Result<()> {
        // Every task holds a sender; when the last is gone, all are done.
        let (guests, mut gone) = mpsc::channel::<()>(1);
        for (index, socket) in self.sockets.into_iter().enumerate() {
            let socket = TcpListener::from_std(socket)?;
            tokio::spawn(accept(self.hall.clone(), index, socket, guests.clone(), receive.clone()));
        }
        drop(guests);
        let leash = self.hall.leash.clone();
        let clock = tokio::spawn(async move { leash.keep_time().await });
        gone.recv().await;
        clock.abort();
        Ok(())
    }
}

impl Hall {
    pub(crate) fn control(&self) -> &Control {
        &self.leash.control
    }
}

/// Decides about a new connection. Nothing, if it is to be closed without a word.
fn admit(
    hall: &Arc<Hall>,
    index: usize,
    stream: TcpStream,
    peer: SocketAddr,
    guests: &mpsc::Sender<()>,
) -> Option<Visit> {
    let (listener, control) = (&hall.listeners[index], &hall.leash.control);
    let guest = if listener.is_proxy(peer.ip()) {
        Guest::enter_proxy(control, peer)
    } else {
        Guest::enter(control, peer, listener.mode == TlsMode::Implicit)
    };
    let visitor = Visitor { guest: guest?, hall: hall.clone(), _all: guests.clone() };
    let local = stream.local_addr().ok()?;
    stream.set_nodelay(true).ok()?;
    Some(Visit { stream, index, local, visitor })
}

/// Accepts at one listener until the server stops.
async fn accept(
    hall: Arc<Hall>,
    index: usize,
    socket: TcpListener,
    guests: mpsc::Sender<()>,
    receive: impl Fn(Visit),
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = hall.leash.told() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(visit) = admit(&hall, index, stream, peer, &guests) {
                    receive(visit);
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                _ => {
                    count(&hall.control().figures.accept_errors);
                    tracing::warn!(%error, "cannot accept; pausing");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}
