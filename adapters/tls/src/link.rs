//! The bytes between one socket and one conversation: what arrived, what is to leave, and TLS between.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use posthaste_core::machine::{Input, TlsFacts};

use crate::pool::Pool;
use crate::tls::{self, Tls};

/// A socket that reads and writes without blocking: it says `WouldBlock` instead.
pub trait Socket: Read + Write {
    /// Says that nothing more will be written (TCP's FIN).
    ///
    /// # Errors
    /// The system's; the caller closes the socket either way.
    fn finish(&mut self) -> io::Result<()>;
}

impl Socket for std::net::TcpStream {
    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

/// What one [`fill`](Link::fill) brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The socket has nothing now.
    Blocked,
    /// The peer will send no more; the input was told.
    End,
    /// Octets arrived. With TLS they need not have brought plaintext.
    Some,
}

/// What one [`flush`](Link::flush) left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// Everything was written.
    pub done: bool,
    /// Something was written.
    pub progress: bool,
}

/// Why a link can carry nothing more.
#[derive(Debug)]
pub enum Fault {
    /// The wiring has no TLS for a session that asked for it, or the session asked with unread input.
    NoTls,
    /// A proxy did not say whose connection it carries, in the way it should.
    Proxy,
    /// The socket failed.
    Socket(io::Error),
    /// A wait of the wire ran out: the handshake, or output that nobody takes.
    Timeout,
    /// TLS failed.
    Tls(tls::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTls => f.write_str("TLS cannot start here"),
            Self::Proxy => f.write_str("a listed proxy sent no PROXY header"),
            Self::Socket(error) => write!(f, "{error}"),
            Self::Timeout => f.write_str("the peer neither finished its handshake nor took output"),
            Self::Tls(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<tls::Error> for Fault {
    fn from(error: tls::Error) -> Self {
        Self::Tls(error)
    }
}

/// Input, output and TLS of one socket.
///
/// What a conversation reads stands in `input`, and it writes to `out`, always in the clear. Idle and
/// [parked](Self::park), a link without TLS holds no heap.
#[derive(Debug, Default)]
pub struct Link {
    /// What arrived and was not consumed yet.
    pub input: Input,
    /// What is to leave. Take it by [`output`](Self::output), which lends it a buffer.
    pub out: Vec<u8>,
    /// What is to leave, encrypted. Never more than one `out`'s worth.
    wire: Vec<u8>,
    /// How much of `wire` (with TLS) or `out` (without) was written.
    written: usize,
    tls: Option<Box<Tls>>,
    /// The socket may have something to read. Edge-triggered: set by events, cleared by reading.
    readable: bool,
    /// The socket may take output.
    writable: bool,
    /// The peer has hung up: a short read then does not mean that nothing is left.
    hung_up: bool,
    /// The peer takes no more: what is to leave is thrown away.
    mute: bool,
}

impl Link {
    /// A link to a new socket, which may be ready.
    #[must_use]
    pub fn new(tls: Option<Tls>) -> Self {
        Self { tls: tls.map(Box::new), readable: true, writable: true, ..Self::default() }
    }

    /// The socket turned readable; `hung_up` if the peer has closed its side. That is latched: it
    /// comes with one edge only.
    pub fn set_readable(&mut self, hung_up: bool) {
        self.readable = true;
        self.hung_up |= hung_up;
    }

    /// Waits for the socket to say that it is readable, instead of trying. For a new socket whose peer
    /// hears us first, under a poller that announces what is there at registration.
    pub fn await_readable(&mut self) {
        self.readable = false;
    }

    /// The socket turned writable.
    pub fn set_writable(&mut self) {
        self.writable = true;
    }

    /// The socket takes no more: what is to leave is thrown away from now on. What arrived can still be read.
    pub fn mute(&mut self) {
        self.mute = true;
        self.set_readable(true);
    }

    /// Whether a read could bring something.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Puts TLS between the socket and the conversation from here on.
    pub fn start_tls(&mut self, tls: Tls) {
        self.tls = Some(Box::new(tls));
    }

    /// The same, where the peer's first octets of TLS came with something else already, and stand in the
    /// input.
    ///
    /// # Errors
    /// TLS's.
    pub fn start_tls_behind(&mut self, mut tls: Tls, pool: &mut Pool) -> Result<(), Fault> {
        let mut plain = Input::new();
        tls.receive(self.input.bytes(), &mut plain)?;
        let mut wire = std::mem::replace(&mut self.input, plain);
        wire.discard(wire.len());
        if let Some(buffer) = wire.take_back() {
            pool.put_input(buffer);
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Whether TLS is there, and what was agreed upon.
    #[must_use]
    pub fn tls_ready(&self) -> Option<TlsFacts> {
        self.tls.as_ref().and_then(|tls| tls.ready())
    }

    /// Says in TLS that nothing follows, if there is TLS. Everything must have been written.
    pub fn close_tls(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close();
        }
    }

    /// The output, with a buffer, and without what was written.
    pub fn output(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = pool.output();
        }
        if self.tls.is_none() && self.written > 0 {
            self.out.drain(..self.written);
            self.written = 0;
        }
        &mut self.out
    }

    /// Octets that are to leave and were not written.
    #[must_use]
    pub fn pending(&self) -> usize {
        (self.wire.len() + self.out.len()).saturating_sub(self.written)
    }

    /// Reads once.
    ///
    /// A read that is shorter than its room leaves nothing behind, unless the peer hung up; so the
    /// call that would only hear `WouldBlock` is saved.
    ///
    /// # Errors
    /// The socket's or TLS's.
    pub fn fill(&mut self, socket: &mut impl Socket, pool: &mut Pool) -> Result<Fill, Fault> {
        if !self.readable {
            return Ok(Fill::Blocked);
        }
        self.lend(pool);
        loop {
            let room = match self.tls {
                None => self.input.space(),
                Some(_) => pool.scratch(),
            };
            let size = room.len();
            match socket.read(room) {
                Ok(0) => {
                    self.readable = false;
                    return self.end();
                }
                Ok(n) => {
                    self.readable = n == size || self.hung_up;
                    match &mut self.tls {
                        None => self.input.filled(n),
                        Some(tls) => tls.receive(&pool.scratch()[..n], &mut self.input)?,
                    }
                    return Ok(Fill::Some);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => {
                    self.readable = false;
                    return Ok(Fill::Blocked);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads once and throws it away.
    ///
    /// # Errors
    /// The socket's.
    pub fn waste(&mut self, socket: &mut impl Socket, pool: &mut Pool) -> io::Result<usize> {
        if !self.readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let room = pool.scratch();
        let size = room.len();
        let read = socket.read(room);
        self.readable = match &read {
            Ok(n) => *n == size || self.hung_up,
            Err(error) => !is_later(error),
        };
        read
    }

    /// Writes until everything left or the socket takes no more.
    ///
    /// # Errors
    /// The socket's.
    pub fn flush(&mut self, socket: &mut impl Socket, pool: &mut Pool) -> Result<Flush, Fault> {
        if self.mute {
            self.out.clear();
            self.wire.clear();
            self.written = 0;
            return Ok(Flush { done: true, progress: false });
        }
        let mut progress = false;
        loop {
            let done = match &mut self.tls {
                None => self.written == self.out.len(),
                Some(tls) if self.written == self.wire.len() => {
                    self.wire.clear();
                    self.written = 0;
                    let done = self.out.is_empty() && !tls.wants_to_send();
                    if !done {
                        if self.wire.capacity() == 0 {
                            self.wire = pool.output();
                        }
                        tls.send(&self.out, &mut self.wire);
                        self.out.clear();
                    }
                    done
                }
                Some(_) => false,
            };
            if done {
                self.out.clear();
                self.written = 0;
                return Ok(Flush { done, progress });
            }
            if !self.writable {
                return Ok(Flush { done, progress });
            }
            let rest = if self.tls.is_some() { &self.wire } else { &self.out };
            match socket.write(&rest[self.written..]) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(n) => {
                    self.written += n;
                    progress = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => self.writable = false,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives back the buffers that hold nothing, and moves a small rest of input into a small buffer.
    pub fn park(&mut self, pool: &mut Pool) {
        match self.input.take_back() {
            Some(buffer) => pool.put_input(buffer),
            None if self.input.is_empty() => {}
            None if self.input.len() <= Pool::REST && self.input.capacity() > Pool::REST => {
                let buffer = pool.rest();
                self.move_input(buffer, pool);
            }
            None => {}
        }
        if self.out.is_empty() && self.out.capacity() > 0 {
            pool.put_output(std::mem::take(&mut self.out));
        }
        if self.written == self.wire.len() && self.wire.capacity() > 0 {
            self.written = 0;
            pool.put_output(std::mem::take(&mut self.wire));
        }
    }

    /// Forgets everything that is to leave and everything unread.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.input.discard(self.input.len());
        self.out.clear();
        self.wire.clear();
        self.written = 0;
        self.park(pool);
    }

    /// A buffer of full size for the input, whatever it holds now.
    fn lend(&mut self, pool: &mut Pool) {
        if self.input.capacity() == 0 {
            self.input.lend(pool.input());
        } else if self.input.capacity() < Pool::INPUT {
            let buffer = pool.input();
            self.move_input(buffer, pool);
        }
    }

    fn move_input(&mut self, buffer: Vec<u8>, pool: &mut Pool) {
        let mut moved = Input::new();
        moved.lend(buffer);
        moved.push(self.input.bytes());
        if self.input.is_ended() {
            moved.end();
        }
        let mut old = std::mem::replace(&mut self.input, moved);
        old.discard(old.len());
        if let Some(buffer) = old.take_back() {
            pool.put_input(buffer);
        }
    }

    fn end(&mut self) -> Result<Fill, Fault> {
        if let Some(tls) = &mut self.tls {
            let handshaking = tls.ready().is_none();
            let ended = tls.end(&mut self.input);
            if handshaking {
                ended?;
            }
        }
        self.input.end();
        Ok(Fill::End)
    }
}

/// Blocking sockets with a timeout say `TimedOut` on some systems.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
