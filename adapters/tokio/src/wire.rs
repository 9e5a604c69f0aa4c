//! What a conversation runs over: a socket, or a script that stands in for one.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// A socket for a [`Connection`](crate::Connection): made from a [`TcpStream`] or a [`UnixStream`].
pub struct Wire(Kind);

enum Kind {
    Script(Mutex<Script>),
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// All that a peer says, known beforehand, and what it is told.
#[derive(Default)]
struct Script {
    says: Vec<u8>,
    said: usize,
    hears: Vec<u8>,
}

impl Wire {
    /// A wire without a socket: the peer says all of `says`, whatever it hears, and then closes its side.
    pub(crate) fn script(says: &[u8]) -> Self {
        Self(Kind::Script(Mutex::new(Script { says: says.to_vec(), said: 0, hears: Vec::new() })))
    }

    /// What the peer of a [script](Self::script) was told.
    pub(crate) fn heard(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Script(script) => lock(script).hears.clone(),
            Kind::Tcp(_) | Kind::Unix(_) => Vec::new(),
        }
    }

    /// The TCP socket, if it is one: for its addresses and options.
    #[must_use]
    pub const fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Tcp(stream) => Some(stream),
            Kind::Script(_) | Kind::Unix(_) => None,
        }
    }

    /// Our end, if it is a TCP socket.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.tcp().and_then(|stream| stream.local_addr().ok())
    }

    /// Sets what an interactive protocol wants of its socket.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.tcp().map_or(Ok(()), |stream| stream.set_nodelay(true))
    }

    /// Waits until it is ready for one of `interest`, or ended.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<()> {
        match &self.0 {
            Kind::Script(_) => Ok(()),
            Kind::Tcp(stream) => stream.ready(interest).await.map(drop),
            Kind::Unix(stream) => stream.ready(interest).await.map(drop),
        }
    }

    /// Waits until the peer is known to be gone for good, without reading. That it closed its side is no
    /// such sign: peers may do so and wait for their replies.
    pub(crate) async fn broken(&self) -> io::Error {
        let (ready, error) = match &self.0 {
            Kind::Script(_) => std::future::pending().await,
            Kind::Tcp(stream) => (stream.ready(Interest::ERROR).await, stream.take_error()),
            Kind::Unix(stream) => (stream.ready(Interest::ERROR).await, stream.take_error()),
        };
        match (ready, error) {
            (Err(error), _) | (_, Err(error) | Ok(Some(error))) => error,
            _ => io::ErrorKind::ConnectionReset.into(),
        }
    }
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

impl From<UnixStream> for Wire {
    fn from(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Script(_) => f.write_str("Script"),
            Kind::Tcp(stream) => stream.fmt(f),
            Kind::Unix(stream) => stream.fmt(f),
        }
    }
}

/// A wire that does not block, as the link wants it.
pub(crate) struct Io<'a>(pub(crate) &'a Wire);

impl Read for Io<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &self.0.0 {
            Kind::Script(script) => {
                let script = &mut *lock(script);
                let mut rest = script.says.get(script.said..).unwrap_or_default();
                let n = rest.read(room)?;
                script.said += n;
                Ok(n)
            }
            Kind::Tcp(stream) => stream.try_read(room),
            Kind::Unix(stream) => stream.try_read(room),
        }
    }
}

impl Write for Io<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0.0 {
            Kind::Script(script) => lock(script).hears.write(bytes),
            Kind::Tcp(stream) => stream.try_write(bytes),
            Kind::Unix(stream) => stream.try_write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl posthaste_tls::Socket for Io<'_> {
    fn finish(&mut self) -> io::Result<()> {
        match &self.0.0 {
            Kind::Script(_) => Ok(()),
            Kind::Tcp(stream) => socket2::SockRef::from(stream).shutdown(Shutdown::Write),
            Kind::Unix(stream) => socket2::SockRef::from(stream).shutdown(Shutdown::Write),
        }
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    // Bytes and a count, whole after any panic.
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
