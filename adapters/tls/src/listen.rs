//! Listening sockets, as both adapters bind them.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use posthaste_core::gate::{Limits, Network, TlsMode};
use socket2::{Domain, Protocol, Socket, Type};

use crate::ServerTls;

/// Connections that may wait to be accepted, per reactor and listener. The system may allow fewer
/// (`net.core.somaxconn`).
pub const BACKLOG: i32 = 4096;

/// Where connections come in.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address to bind. Port 0 takes a free one, which the [`Handle`](crate::Handle) knows.
    pub address: SocketAddr,
    /// How its connections come by TLS.
    pub mode: TlsMode,
    /// The TLS they come by. Needed unless `mode` is [`TlsMode::None`].
    pub tls: Option<ServerTls>,
    /// Proxies: their connections begin with a PROXY header that says whose they are
    /// ([`posthaste_core::proxy`]), or end. Everybody else's are their own.
    pub proxies: Vec<Network>,
}

impl Listener {
    /// Whether this is the address of a proxy.
    #[must_use]
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }
}

/// What a server needs besides its factory.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where connections come in. [`Arrival::listener`](posthaste_core::gate::Arrival) counts in this
    /// list.
    pub listeners: Vec<Listener>,
    /// Threads that serve; 0 means one a core.
    pub reactors: usize,
    /// What the door and the wire allow.
    pub limits: Limits,
}

impl Listener {
    /// A listener without TLS.
    #[must_use]
    pub const fn plain(address: SocketAddr) -> Self {
        Self { address, mode: TlsMode::None, tls: None, proxies: Vec::new() }
    }

    /// A listener whose clients may start TLS in the protocol.
    #[must_use]
    pub const fn starttls(address: SocketAddr, tls: ServerTls) -> Self {
        Self { address, mode: TlsMode::StartTls, tls: Some(tls), proxies: Vec::new() }
    }

    /// A listener where TLS comes first.
    #[must_use]
    pub const fn implicit(address: SocketAddr, tls: ServerTls) -> Self {
        Self { address, mode: TlsMode::Implicit, tls: Some(tls), proxies: Vec::new() }
    }

    /// Binds it `times` times, on one port, for as many threads.
    ///
    /// # Errors
    /// Why the address cannot be served.
    pub fn bind(&self, times: usize) -> Result<Vec<TcpListener>, BindError> {
        let mut address = self.address;
        let refused = |why| BindError { address: Some(self.address), why };
        if self.mode != TlsMode::None && self.tls.is_none() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "TLS has no certificate");
            return Err(refused(why));
        }
        if times > 1 && address.port() != 0 {
            // With SO_REUSEPORT two servers of one user could share a port unawares.
            listen(address, false).map_err(refused)?;
        }
        let mut sockets = Vec::with_capacity(times);
        for _ in 0..times {
            let socket = listen(address, times > 1).map_err(refused)?;
            address = socket.local_addr().map_err(refused)?;
            sockets.push(socket);
        }
        Ok(sockets)
    }
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
