//! A bare machine over a socket: events are awaited, questions answered in place.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::{Limits, TlsMode};
use posthaste_core::machine::{
    Advance, Answered, Ask, Input, Machine, Protocol, Question, Reason, Stale, TlsFacts,
};
use posthaste_core::proxy::{self, Ends, Parsed};
use posthaste_tls::control::Stop;
use posthaste_tls::link::{Fault, Fill, Link};
use posthaste_tls::{ServerTls, Tls, Upgrade};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant as Time, sleep, timeout};

use crate::leash::{self, Cut, Leash, over};
use crate::pool::with_pool;
use crate::wire::{Io, Wire};

/// How long the last words may take when the time to finish is up.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
///
/// Nothing is read while you await something else: that is the backpressure. While it waits for the peer
/// it holds no buffer.
pub struct Connection<M> {
    machine: M,
    wire: Arc<Wire>,
    link: Link,
    /// The link's input, while an event shows what is in it; so that output can leave meanwhile.
    shown: Option<Input>,
    upgrade: Option<Upgrade>,
    poke: Option<Arc<Notify>>,
    leash: Option<Arc<Leash>>,
    /// Where [`Instant::ZERO`](posthaste_core::machine::Instant::ZERO) lies.
    epoch: Time,
    tls_handshake: Duration,
    write_stall: Duration,
    /// Something arrived since the last output.
    unanswered: bool,
    /// A TLS handshake began and did not end.
    handshaking: bool,
    over: bool,
}

/// An event, what it was framed in, and the rest of the connection while it is looked at.
pub(crate) struct Shown<'c, M: Machine> {
    pub(crate) event: <M::Protocol as Protocol>::Event<'c>,
    pub(crate) input: &'c Input,
    pub(crate) patience: Patience<'c>,
}

/// Waits for a handler, and meanwhile sends what was said before.
pub(crate) struct Patience<'c> {
    link: &'c mut Link,
    wire: &'c Wire,
    leash: Option<&'c Leash>,
    write_stall: Duration,
}

impl<M: Machine> Connection<M> {
    /// A conversation that starts in the clear, over a TCP or Unix socket.
    ///
    /// # Errors
    /// The socket's.
    pub fn new(wire: impl Into<Wire>, machine: M) -> io::Result<Self> {
        let wire = wire.into();
        wire.prepare()?;
        let limits = Limits::DEFAULT;
        Ok(Self {
            machine,
            wire: Arc::new(wire),
            link: Link::new(None),
            shown: None,
            upgrade: None,
            poke: None,
            leash: None,
            epoch: Time::now(),
            tls_handshake: limits.tls_handshake,
            write_stall: limits.write_stall,
            unanswered: false,
            handshaking: false,
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
    pub fn accept(wire: impl Into<Wire>, tls: Option<ServerTls>, machine: M) -> io::Result<Self> {
        let mut connection = Self::new(wire, machine)?;
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
    pub const fn with_limits(mut self, limits: &Limits) -> Self {
        (self.tls_handshake, self.write_stall) = (limits.tls_handshake, limits.write_stall);
        self
    }

    /// Ends when the server does that holds the leash.
    pub(crate) fn with_leash(mut self, leash: Arc<Leash>) -> Self {
        self.leash = Some(leash);
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

    /// Hears a proxy's header, before anything else: whose connection it carries, if not its own. It may
    /// take as long as a handshake.
    pub(crate) async fn introduced(&mut self) -> Result<Option<Ends>, Fault> {
        let (limit, leash) = (self.tls_handshake, self.leash.clone());
        let heard = tokio::select! {
            heard = timeout(limit, self.hear_proxy()) => heard.map_err(|_| Fault::Timeout)?,
            () = over(leash.as_deref()) => Err(Fault::Timeout),
        };
        self.or_lost(heard)
    }

    async fn hear_proxy(&mut self) -> Result<Option<Ends>, Fault> {
        loop {
            match proxy::parse(self.link.input.bytes()) {
                Parsed::Bad => return Err(Fault::Proxy),
                Parsed::Header { length, ends } => {
                    self.link.input.discard(length);
                    return Ok(ends);
                }
                Parsed::More => {}
            }
            match with_pool(|pool| self.link.fill(&mut Io(&self.wire), pool))? {
                Fill::Blocked => {
                    self.wire.ready(Interest::READABLE).await?;
                    self.link.set_readable(true);
                }
                Fill::Some => {}
                // Somebody who only looked whether the port is open.
                Fill::End => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            }
        }
    }

    /// Another machine, before the first has done anything.
    pub(crate) fn replace(&mut self, machine: M) {
        self.machine = machine;
    }

    /// The next event; `None` when the conversation is over and the last word has left.
    ///
    /// The event that comes last says how it ended. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke; the next call brings the machine's last event.
    pub async fn next(&mut self) -> Result<Option<<M::Protocol as Protocol>::Event<'_>>, Fault> {
        Ok(self.step().await?.map(|shown| shown.event))
    }

    /// As [`next`](Self::next), with what is needed to await a handler of the event.
    pub(crate) async fn step(&mut self) -> Result<Option<Shown<'_, M>>, Fault> {
        if !self.frame().await? {
            return Ok(None);
        }
        Ok(self.show())
    }

    /// Goes on until an event is framed. Says no when the conversation is over.
    async fn frame(&mut self) -> Result<bool, Fault> {
        if let Some(input) = self.shown.take() {
            self.link.input = input;
        }
        loop {
            let now = leash::since(self.epoch);
            with_pool(|pool| self.link.output(pool));
            let link = &mut self.link;
            match self.machine.advance(now, &mut link.input, &mut link.out) {
                Advance::Event => return Ok(true),
                // Nobody else can answer it.
                Advance::Answer => self.machine.refuse(&mut self.link.out),
                Advance::Closed => {
                    if !self.over {
                        self.over = true;
                        Box::pin(self.goodbye()).await?;
                    }
                    return Ok(false);
                }
                Advance::Flush => {
                    let flushed = self.flush().await;
                    self.or_lost(flushed)?;
                }
                Advance::Pause => {
                    let flushed = self.flush().await;
                    self.or_lost(flushed)?;
                    with_pool(|pool| self.link.park(pool));
                    self.pause().await;
                }
                Advance::Read => {
                    let read = self.read().await;
                    self.or_lost(read)?;
                }
                Advance::Secure => {
                    let secured = Box::pin(self.start_tls()).await;
                    self.or_lost(secured)?;
                }
            }
        }
    }

    fn show(&mut self) -> Option<Shown<'_, M>> {
        let input = &*self.shown.insert(mem::take(&mut self.link.input));
        Some(Shown {
            event: self.machine.event(input, &mut self.link.out)?,
            input,
            patience: Patience {
                link: &mut self.link,
                wire: &self.wire,
                leash: self.leash.as_deref(),
                write_stall: self.write_stall,
            },
        })
    }

    /// What the last event showed, for those that could not keep it.
    pub(crate) fn shown(&self) -> &[u8] {
        self.shown.as_ref().map_or(&[], Input::bytes)
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

    /// What pokes this conversation from anywhere, also while it waits for its peer.
    pub fn poker(&mut self) -> Poker {
        Poker(self.poke.get_or_insert_default().clone())
    }

    /// Ends politely; then go on with [`next`](Self::next) until it says `None`.
    pub fn close(&mut self, why: Reason) {
        self.machine.close(why, with_pool(|pool| self.link.output(pool)));
    }

    /// A handler was not waited for: does what that means for the conversation.
    pub(crate) fn cut(&mut self, cut: Cut) -> Option<Fault> {
        match cut {
            Cut::Gone(fault) => self.or_lost::<()>(Err(fault)).err(),
            Cut::Late => {
                self.machine.refuse(with_pool(|pool| self.link.output(pool)));
                None
            }
            Cut::Stop => {
                self.close(Reason::Shutdown);
                None
            }
        }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The socket.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The socket, for those who watch over it from outside.
    pub(crate) fn share_wire(&self) -> Arc<Wire> {
        self.wire.clone()
    }

    pub(crate) fn share_leash(&self) -> Option<Arc<Leash>> {
        self.leash.clone()
    }

    /// Our end, if it is a TCP socket.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.wire.local_address()
    }

    /// What TLS agreed upon, if it is up.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFacts> {
        self.link.tls_ready()
    }

    /// Whether the last thing that happened was a TLS handshake that failed.
    pub(crate) const fn is_handshaking(&self) -> bool {
        self.handshaking
    }

    /// Takes what has arrived by now, without waiting: says whether something is unread, or the peer has
    /// closed its side.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) fn peek(&mut self) -> Result<bool, Fault> {
        let shown = self.shown.take();
        let is_shown = shown.is_some();
        if let Some(input) = shown {
            self.link.input = input;
        }
        self.link.set_readable(true);
        let filled = loop {
            match with_pool(|pool| self.link.fill(&mut Io(&self.wire), pool)) {
                // Something of TLS's own, perhaps.
                Ok(Fill::Some) if self.link.input.is_empty() => {}
                Ok(_) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        self.or_lost(filled)?;
        let news = !self.link.input.is_empty() || self.link.input.is_ended();
        with_pool(|pool| self.link.park(pool));
        if is_shown {
            self.shown = Some(mem::take(&mut self.link.input));
        }
        Ok(news)
    }

    /// A broken connection ends the conversation, and the machine reports that.
    fn or_lost<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.is_err() {
            self.over = true;
            if let Some(input) = self.shown.take() {
                self.link.input = input;
            }
            self.machine.close(Reason::Lost, &mut self.link.out);
            with_pool(|pool| self.link.clear(pool));
        }
        result
    }

    /// Writes everything.
    async fn flush(&mut self) -> Result<(), Fault> {
        if self.link.pending() > 0 {
            self.unanswered = false;
        }
        let leash = self.leash.as_deref();
        flush(&mut self.link, &self.wire, leash, self.write_stall).await
    }

    /// Writes what there is, then reads until something arrived, the machine's deadline passed, or the
    /// outside has news.
    async fn read(&mut self) -> Result<(), Fault> {
        self.flush().await?;
        let before = self.link.input.len();
        loop {
            // A peer that sends without a pause is alone with its task otherwise.
            consume_budget().await;
            match with_pool(|pool| self.link.fill(&mut Io(&self.wire), pool))? {
                Fill::End => return Ok(()),
                Fill::Some if self.link.input.len() > before || self.link.input.is_ended() => {
                    self.unanswered |= self.link.input.len() > before;
                    return Ok(());
                }
                Fill::Some => {}
                Fill::Blocked => {
                    // TLS may have had something to say of its own.
                    self.flush().await?;
                    with_pool(|pool| self.link.park(pool));
                    if !self.wait().await? {
                        return Ok(());
                    }
                    self.link.set_readable(true);
                }
            }
        }
    }

    /// Waits for the socket. Says no if something else happened, which the machine knows by now.
    async fn wait(&mut self) -> Result<bool, Fault> {
        let mut stopping = false;
        if let Some(leash) = &self.leash {
            stopping = leash.is_stopping();
            let idle = !self.unanswered && self.link.input.is_empty();
            if stopping && (idle || leash.is_over()) {
                self.close(Reason::Shutdown);
                return Ok(false);
            }
        }
        let (deadline, now) = (self.machine.deadline(), leash::since(self.epoch));
        let timer = async {
            match deadline {
                Some(at) => sleep(at.since(now)).await,
                None => std::future::pending().await,
            }
        };
        let poked = async {
            match &self.poke {
                Some(poke) => poke.notified().await,
                None => std::future::pending().await,
            }
        };
        let told = async {
            match &self.leash {
                Some(leash) if stopping => leash.over().await,
                Some(leash) => leash.told().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = self.wire.ready(Interest::READABLE) => {
                ready?;
                return Ok(true);
            }
            () = timer => {}
            () = poked => self.machine.poke(),
            () = told => {}
        }
        Ok(false)
    }

    /// Waits for the machine's deadline, whatever the peer does.
    async fn pause(&mut self) {
        let (deadline, now) = (self.machine.deadline(), leash::since(self.epoch));
        let wait = deadline.map_or(Duration::ZERO, |at| at.since(now));
        tokio::select! {
            () = sleep(wait) => {}
            () = over(self.leash.as_deref()) => self.close(Reason::Shutdown),
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
        if self.link.input.is_empty() {
            self.link.start_tls(tls);
        } else {
            // It stood behind a proxy's header. Behind STARTTLS there is nothing, or no TLS.
            with_pool(|pool| self.link.start_tls_behind(tls, pool))?;
        }
        self.handshaking = true;
        let (limit, leash) = (self.tls_handshake, self.leash.clone());
        let facts = tokio::select! {
            shaken = timeout(limit, self.shake()) => shaken.map_err(|_| Fault::Timeout)??,
            () = over(leash.as_deref()) => return Err(Fault::Timeout),
        };
        self.handshaking = false;
        self.machine.secured(facts);
        Ok(facts)
    }

    async fn shake(&mut self) -> Result<TlsFacts, Fault> {
        loop {
            self.flush().await?;
            if let Some(facts) = self.link.tls_ready() {
                return Ok(facts);
            }
            match with_pool(|pool| self.link.fill(&mut Io(&self.wire), pool)) {
                Ok(Fill::Blocked) => {
                    self.wire.ready(Interest::READABLE).await?;
                    self.link.set_readable(true);
                }
                Ok(Fill::Some) => {}
                Ok(Fill::End) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Err(fault) => {
                    // The alert, if the socket takes it at once.
                    let _ = with_pool(|pool| self.link.flush(&mut Io(&self.wire), pool));
                    return Err(fault);
                }
            }
        }
    }

    /// The last words, as long as there is time for them.
    async fn goodbye(&mut self) -> Result<(), Fault> {
        let Some(leash) = self.leash.clone() else { return self.part().await };
        let mut leaving = std::pin::pin!(self.part());
        tokio::select! {
            biased;
            parted = &mut leaving => return parted,
            () = leash.over() => {}
        }
        let wait = match leash.control.stop() {
            Stop::Abort => Duration::from_millis(1),
            Stop::No | Stop::Drain => LAST_WORDS,
        };
        timeout(wait, leaving).await.unwrap_or(Ok(()))
    }

    /// The last words, TLS's close, and a moment for the peer to close its side, so that unread input
    /// does not destroy them.
    async fn part(&mut self) -> Result<(), Fault> {
        // Not `self.flush`, which gives up when the time to finish is up: the goodbye is timed itself.
        flush(&mut self.link, &self.wire, None, self.write_stall).await?;
        self.link.close_tls();
        flush(&mut self.link, &self.wire, None, self.write_stall).await?;
        // Fails if the peer is gone, and then so does reading.
        let _ = posthaste_tls::Socket::finish(&mut Io(&self.wire));
        let (link, wire) = (&mut self.link, &self.wire);
        let wait = async {
            while !link.input.is_ended() {
                link.set_readable(true);
                match with_pool(|pool| link.waste(&mut Io(wire), pool)) {
                    Ok(n) if n > 0 => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if wire.ready(Interest::READABLE).await.is_err() {
                            break;
                        }
                    }
                    _ => break,
                }
            }
        };
        // Running out of patience is no fault: everything was said.
        let _ = timeout(posthaste_tls::driver::LINGER, wait).await;
        Ok(())
    }
}

impl<M: fmt::Debug> fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("machine", &self.machine)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

impl Patience<'_> {
    /// Waits for a handler, for `limit` at most. If it does not answer at once, what was said before
    /// leaves. The handler's future is dropped when it is not waited for.
    pub(crate) async fn attend<T>(
        self,
        limit: Duration,
        handler: impl Future<Output = T>,
    ) -> Result<T, Cut> {
        let cut = async {
            let gone = async {
                match flush(self.link, self.wire, None, self.write_stall).await {
                    Ok(()) => self.wire.broken().await.into(),
                    Err(fault) => fault,
                }
            };
            tokio::select! {
                () = sleep(limit) => Cut::Late,
                () = over(self.leash) => Cut::Stop,
                fault = gone => Cut::Gone(fault),
            }
        };
        tokio::select! {
            biased;
            answer = handler => Ok(answer),
            cut = cut => Err(cut),
        }
    }
}

/// Pokes one conversation: wakes it from its wait for the peer, so that its machine asks what changed.
/// Cheap to clone, usable from anywhere; harmless when the conversation is over.
#[derive(Clone, Debug)]
pub struct Poker(Arc<Notify>);

impl Poker {
    /// Something changed. Several pokes before it looks are one.
    pub fn poke(&self) {
        self.0.notify_one();
    }
}

async fn flush(
    link: &mut Link,
    wire: &Wire,
    leash: Option<&Leash>,
    stall: Duration,
) -> Result<(), Fault> {
    while !with_pool(|pool| link.flush(&mut Io(wire), pool))?.done {
        tokio::select! {
            ready = timeout(stall, wire.ready(Interest::WRITABLE)) => {
                ready.map_err(|_| Fault::Timeout)??;
            }
            () = over(leash) => return Err(Fault::Timeout),
        }
        link.set_writable();
    }
    Ok(())
}
