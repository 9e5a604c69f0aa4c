//! Serving sessions, one task a connection.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::TlsMode;
use posthaste_core::session::Session;
use posthaste_tls::control::{Stop, count};
use posthaste_tls::{BindError, Config, Control, Factory, Guest, Handle, Listener, Upgrade};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{Notify, mpsc};

use crate::task::Task;

/// How long nothing is accepted when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server whose sockets are bound.
pub struct Server<F: Factory> {
    sockets: Vec<StdListener>,
    threads: usize,
    house: Arc<House<F>>,
}

/// What its tasks share.
pub(crate) struct House<F: Factory> {
    pub(crate) factory: F,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) upgrades: Vec<Option<Upgrade>>,
    pub(crate) control: Arc<Control>,
    /// Rung when `control` has something new.
    pub(crate) bell: Arc<Notify>,
}

impl<F: Factory> Server<F>
where
    F::Session: Send,
    <F::Session as Session>::Note: Send,
{
    /// Binds all listeners. Connections are accepted by the system from here on, and served once it
    /// [serves](Self::serve).
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(config: Config, factory: F) -> Result<Self, BindError> {
        let mut sockets = Vec::with_capacity(config.listeners.len());
        let mut addresses = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            for socket in listener.bind(1)? {
                let refused = |why| BindError { address: Some(listener.address), why };
                addresses.push(socket.local_addr().map_err(refused)?);
                sockets.push(socket);
            }
        }
        let control = Control::new(config.limits, addresses);
        let bell = Arc::new(Notify::new());
        let rung = bell.clone();
        control.on_change(move || rung.notify_waiters());
        let upgrade = |listener: &Listener| listener.tls.clone().map(Upgrade::Server);
        let upgrades = config.listeners.iter().map(upgrade).collect();
        let listeners = config.listeners;
        let house = Arc::new(House { factory, listeners, upgrades, control, bell });
        Ok(Self { sockets, threads: config.reactors, house })
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.house.control.addresses()
    }

    /// What stops and inspects it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.house.control.clone())
    }

    /// Serves on a runtime of its own, with as many threads as the config says; for programs that have
    /// none.
    ///
    /// # Errors
    /// As [`serve`](Self::serve), or the runtime cannot start.
    pub fn run(self) -> io::Result<()> {
        let runtime = match self.threads {
            1 => runtime::Builder::new_current_thread().enable_all().build()?,
            0 => runtime::Builder::new_multi_thread().enable_all().build()?,
            n => runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build()?,
        };
        runtime.block_on(self.serve())
    }

    /// Serves until [`Handle::shutdown`], and returns when the last connection has ended or `drain` has
    /// passed.
    ///
    /// # Errors
    /// The runtime does not take a socket.
    pub async fn serve(self) -> io::Result<()> {
        // Every task holds a sender; when the last is gone, all are done.
        let (guests, mut gone) = mpsc::channel::<()>(1);
        for (index, socket) in self.sockets.into_iter().enumerate() {
            let socket = TcpListener::from_std(socket)?;
            tokio::spawn(accept(self.house.clone(), index, socket, guests.clone()));
        }
        drop(guests);
        gone.recv().await;
        Ok(())
    }
}

impl<F: Factory> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.house.control.addresses()).finish()
    }
}

/// Accepts at one listener until the server stops.
async fn accept<F: Factory>(
    house: Arc<House<F>>,
    index: usize,
    socket: TcpListener,
    guests: mpsc::Sender<()>,
) where
    F::Session: Send,
{
    let figures = &house.control.figures;
    loop {
        let bell = house.bell.notified();
        tokio::pin!(bell);
        // From here on a ring is not missed.
        bell.as_mut().enable();
        if house.control.stop() != Stop::No {
            return;
        }
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = bell => continue,
        };
        match accepted {
            Ok((stream, peer)) => admit(&house, index, stream, peer, &guests),
            Err(error) => match error.kind() {
                ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                _ => {
                    count(&figures.accept_errors);
                    tracing::warn!(%error, "cannot accept; pausing");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

fn admit<F: Factory>(
    house: &Arc<House<F>>,
    index: usize,
    stream: TcpStream,
    peer: SocketAddr,
    guests: &mpsc::Sender<()>,
) where
    F::Session: Send,
{
    let listener = &house.listeners[index];
    let guest = if listener.is_proxy(peer.ip()) {
        Guest::enter_proxy(&house.control, peer)
    } else {
        Guest::enter(&house.control, peer, listener.mode == TlsMode::Implicit)
    };
    // Leaves the gate when it is dropped, whatever happens from here on.
    let Some(guest) = guest else { return };
    let Ok(local) = stream.local_addr() else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let task = Task::new(house.clone(), stream, index, local, guest, guests.clone());
    tokio::spawn(task.run());
}
