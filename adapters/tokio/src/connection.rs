//! A bare machine over a socket: events are awaited, questions answered in place.

use std::fmt;
use std::io;
use std::time::Duration;

use posthaste_core::gate::{Limits, TlsMode};
use posthaste_core::machine::{
    Advance, Answered, Ask, Instant, Machine, Protocol, Question, Reason, Stale, TlsFacts,
};
use posthaste_tls::link::{Fault, Fill, Link};
use posthaste_tls::{ServerTls, Tls, Upgrade};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::socket::{Tcp, with_pool};

/// One conversation: a machine, server or client, over a socket.
///
/// ```no_run
/// # use posthaste_core::machine::{Machine, Protocol};
/// # async fn talk<M: Machine>(stream: tokio::net::TcpStream, machine: M)
/// # -> Result<(), posthaste_tls::link::Fault> {
/// let mut connection = posthaste_tokio::Connection::new(stream, machine)?;
/// while let Some(event) = connection.next().await? {
///     // The event borrows the connection's input. Take its `Ask` out of it, await what you like,
///     // then `connection.answer(ask, value)`. A question that is not answered is refused.
///     println!("{event:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Connection<M> {
    machine: M,
    stream: TcpStream,
    link: Link,
    upgrade: Option<Upgrade>,
    /// Where [`Instant::ZERO`] lies.
    epoch: tokio::time::Instant,
    tls_handshake: Duration,
    write_stall: Duration,
    over: bool,
}

impl<M: Machine> Connection<M> {
    /// A conversation that starts in the clear.
    ///
    /// # Errors
    /// The socket's.
    pub fn new(stream: TcpStream, machine: M) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let limits = Limits::DEFAULT;
        Ok(Self {
            machine,
            stream,
            link: Link::new(None),
            upgrade: None,
            epoch: tokio::time::Instant::now(),
            tls_handshake: limits.tls_handshake,
            write_stall: limits.write_stall,
            over: false,
        })
    }

    /// A conversation that we begin: connects to `host`, and starts TLS first if `mode` says so. The
    /// machine may ask for TLS later unless `mode` is [`TlsMode::None`].
    ///
    /// # Errors
    /// Nobody is there, or TLS that comes first fails.
    pub async fn connect(
        host: &str,
        port: u16,
        mode: TlsMode,
        upgrade: Upgrade,
        machine: M,
    ) -> Result<Self, Fault> {
        let stream = TcpStream::connect((host, port)).await?;
        let mut connection = Self::new(stream, machine)?;
        match mode {
            TlsMode::Implicit => drop(connection.secure(&upgrade).await?),
            TlsMode::None => {}
            TlsMode::StartTls => connection.upgrade = Some(upgrade),
        }
        Ok(connection)
    }

    /// A conversation that a peer began. `tls` is for machines that ask for it.
    ///
    /// # Errors
    /// The socket's.
    pub fn accept(stream: TcpStream, tls: Option<ServerTls>, machine: M) -> io::Result<Self> {
        let mut connection = Self::new(stream, machine)?;
        connection.upgrade = tls.map(Upgrade::Server);
        Ok(connection)
    }

    /// Says how TLS starts when the machine asks for it.
    #[must_use]
    pub fn with_upgrade(mut self, upgrade: Upgrade) -> Self {
        self.upgrade = Some(upgrade);
        self
    }

    /// Takes the waits of the wire from `limits`, instead of their defaults.
    #[must_use]
    pub fn with_limits(mut self, limits: &Limits) -> Self {
        (self.tls_handshake, self.write_stall) = (limits.tls_handshake, limits.write_stall);
        self
    }

    /// Starts TLS now, before the first [`next`](Self::next): for ports where TLS comes first.
    ///
    /// # Errors
    /// The handshake fails, or takes too long.
    pub async fn secure(&mut self, upgrade: &Upgrade) -> Result<TlsFacts, Fault> {
        let tls = upgrade.start()?;
        let secured = self.handshake(tls).await;
        self.or_lost(secured)
    }

    /// The next event; `None` when the conversation is over and the last word has left.
    ///
    /// The event that comes last says how it ended. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke; the next call brings the machine's last event.
    pub async fn next(&mut self) -> Result<Option<<M::Protocol as Protocol>::Event<'_>>, Fault> {
        loop {
            let now = self.now();
            with_pool(|pool| self.link.output(pool));
            let link = &mut self.link;
            match self.machine.advance(now, &mut link.input, &mut link.out) {
                Advance::Event => break,
                // Nobody else can answer it.
                Advance::Answer => self.machine.refuse(&mut self.link.out),
                Advance::Closed => {
                    if !self.over {
                        self.over = true;
                        self.goodbye().await?;
                    }
                    return Ok(None);
                }
                Advance::Flush => {
                    let flushed = self.flush().await;
                    self.or_lost(flushed)?;
                }
                Advance::Read => {
                    let read = self.read().await;
                    self.or_lost(read)?;
                }
                Advance::Secure => {
                    let secured = self.start_tls().await;
                    self.or_lost(secured)?;
                }
            }
        }
        let link = &mut self.link;
        Ok(self.machine.event(&link.input, &mut link.out))
    }

    /// Answers the question of the last event.
    ///
    /// # Errors
    /// [`Stale`] if the question was settled meanwhile.
    pub fn answer<Q: Question<Protocol = M::Protocol>>(
        &mut self,
        ask: Ask<Q>,
        answer: Q::Answer,
    ) -> Result<(), Stale> {
        self.settle(ask.with(answer))
    }

    /// Answers with an answer that was made elsewhere.
    ///
    /// # Errors
    /// [`Stale`] if the question was settled meanwhile.
    pub fn settle(&mut self, answered: Answered<M::Protocol>) -> Result<(), Stale> {
        self.machine.settle(answered, with_pool(|pool| self.link.output(pool)))
    }

    /// Tells the machine that something changed elsewhere.
    pub fn poke(&mut self) {
        self.machine.poke();
    }

    /// Ends politely; then go on with [`next`](Self::next) until it says `None`.
    pub fn close(&mut self, why: Reason) {
        self.machine.close(why, with_pool(|pool| self.link.output(pool)));
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The socket's addresses and options.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn now(&self) -> Instant {
        let micros = self.epoch.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// A broken connection ends the conversation, and the machine reports that.
    fn or_lost<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.is_err() {
            self.over = true;
            self.machine.close(Reason::Lost, &mut self.link.out);
            with_pool(|pool| self.link.clear(pool));
        }
        result
    }

    /// Writes everything.
    async fn flush(&mut self) -> Result<(), Fault> {
        while !with_pool(|pool| self.link.flush(&mut Tcp(&self.stream), pool))?.done {
            let room = self.stream.ready(Interest::WRITABLE);
            tokio::time::timeout(self.write_stall, room).await.map_err(|_| Fault::Timeout)??;
            self.link.set_writable();
        }
        Ok(())
    }

    /// Writes what there is, then reads until something arrived or the machine's deadline passed.
    async fn read(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        let before = self.link.input.len();
        loop {
            match with_pool(|pool| self.link.fill(&mut Tcp(&self.stream), pool))? {
                Fill::End => return Ok(()),
                Fill::Some if self.link.input.len() > before || self.link.input.is_ended() => {
                    return Ok(());
                }
                Fill::Some => {}
                Fill::Blocked => {
                    // TLS may have had something to say of its own.
                    self.flush().await?;
                    with_pool(|pool| self.link.park(pool));
                    let ready = self.stream.ready(Interest::READABLE);
                    match self.machine.deadline() {
                        None => drop(ready.await?),
                        Some(at) => {
                            let wait = at.since(self.now());
                            match tokio::time::timeout(wait, ready).await {
                                Ok(ready) => drop(ready?),
                                Err(_) => return Ok(()),
                            }
                        }
                    }
                    self.link.set_readable(true);
                }
            }
        }
    }

    async fn start_tls(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        let upgrade = self.upgrade.as_ref().filter(|_| self.link.input.is_empty());
        let tls = upgrade.ok_or(Fault::NoTls)?.start()?;
        self.handshake(tls).await?;
        Ok(())
    }

    async fn handshake(&mut self, tls: Tls) -> Result<TlsFacts, Fault> {
        self.link.start_tls(tls);
        let limit = self.tls_handshake;
        let shaken = tokio::time::timeout(limit, self.shake()).await;
        let facts = shaken.map_err(|_| Fault::Timeout)??;
        self.machine.secured(facts);
        Ok(facts)
    }

    async fn shake(&mut self) -> Result<TlsFacts, Fault> {
        loop {
            self.flush().await?;
            if let Some(facts) = self.link.tls_ready() {
                return Ok(facts);
            }
            match with_pool(|pool| self.link.fill(&mut Tcp(&self.stream), pool)) {
                Ok(Fill::Blocked) => {
                    self.stream.ready(Interest::READABLE).await?;
                    self.link.set_readable(true);
                }
                Ok(Fill::Some) => {}
                Ok(Fill::End) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Err(fault) => {
                    // The alert, if the socket takes it at once.
                    let _ = with_pool(|pool| self.link.flush(&mut Tcp(&self.stream), pool));
                    return Err(fault);
                }
            }
        }
    }

    /// The last words, TLS's close, and a moment for the peer to close its side, so that unread input
    /// does not destroy them.
    async fn goodbye(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        self.link.close_tls();
        self.flush().await?;
        let mut socket = Tcp(&self.stream);
        // Fails if the peer is gone, and then so does reading.
        let _ = posthaste_tls::Socket::finish(&mut socket);
        let link = &mut self.link;
        let stream = &self.stream;
        let wait = async {
            while !link.input.is_ended() {
                link.set_readable(true);
                match with_pool(|pool| link.waste(&mut Tcp(stream), pool)) {
                    Ok(n) if n > 0 => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if stream.ready(Interest::READABLE).await.is_err() {
                            break;
                        }
                    }
                    _ => break,
                }
            }
        };
        // Running out of patience is no fault: everything was said.
        let _ = tokio::time::timeout(posthaste_tls::driver::LINGER, wait).await;
        Ok(())
    }
}

impl<M: fmt::Debug> fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("machine", &self.machine)
            .field("over", &self.over)
            .finish()
    }
}
