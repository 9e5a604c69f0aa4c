//! Many connections that we open, on one thread.
//!
//! [`Clients`] is the reactor of the other direction: it connects, starts TLS, drives the sessions that its
//! [`Caller`] makes, and says when a connection is over and why. The thread that owns it decides when to
//! open another one, between [turns](Clients::turn). Nothing here knows a protocol.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use posthaste_core::machine::{Instant, Reason};
use posthaste_core::session::Session;
use posthaste_tls::link::Fault;
use posthaste_tls::{Driver, Inbox, Next, Pool, Rules, Upgrade};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};

use crate::alarm::Alarm;
use crate::socket::Tcp;
use crate::wheel::Wheel;

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
/// Events that one poll returns at most.
const EVENTS: usize = 1024;

/// Makes the sessions of connections that we open, and hears of their ends.
///
/// Its methods are called in a turn of the [`Clients`] that own it, on their thread. A connection is called
/// by the number that was given to [`connect`](Clients::connect).
pub trait Caller {
    /// What it makes: one machine with its handler, an enum of several, or a box.
    type Session: Session;

    /// TCP is up. TLS follows, where it comes first.
    fn connected(&mut self, call: u64) {
        let _ = call;
    }

    /// The session of a connection that is ready for it: TCP is up, and TLS where that comes first. It can
    /// be reached at `inbox` by `key`.
    fn begin(&mut self, call: u64, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session;

    /// The connection is over: it broke, was never made, or (without a fault) its session had ended. Called
    /// once for each connection.
    fn over(&mut self, call: u64, fault: Option<Fault>);
}

/// The inbox for what a caller makes.
pub type InboxOf<C> = Inbox<<<C as Caller>::Session as Session>::Note>;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The server.
    pub address: SocketAddr,
    /// How TLS starts: at once with `implicit`, else when the session asks for it.
    pub upgrade: Option<Upgrade>,
    /// TLS comes first.
    pub implicit: bool,
}

/// How long the wire may take. What the protocol may take is its machine's to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until TCP is up. Default 30 s, which covers four lost SYNs.
    pub connect: Duration,
    /// A TLS handshake. Default 10 s.
    pub tls_handshake: Duration,
    /// Output that the peer does not take. Default 60 s.
    pub write_stall: Duration,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        connect: Duration::from_secs(30),
        tls_handshake: Duration::from_secs(10),
        write_stall: Duration::from_secs(60),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Connections to one peer, driven by one thread.
///
/// ```no_run
/// # use posthaste_mio::clients::{Caller, Clients, Limits, Peer};
/// # fn run<C: Caller>(peer: Peer, caller: C) -> std::io::Result<()> {
/// let mut clients = Clients::new(peer, Limits::DEFAULT, caller)?;
/// clients.connect(0);
/// while clients.open() > 0 {
///     clients.turn(None)?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Clients<C: Caller> {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    inbox: Arc<InboxOf<C>>,
    caller: C,
    peer: Peer,
    limits: Limits,
    epoch: std::time::Instant,
    connections: Slab<Connection<C::Session>>,
    generation: u32,
    wheel: Wheel,
    pool: Pool,
    /// Connections that are to run.
    queue: VecDeque<u32>,
    notes: Vec<(u64, <C::Session as Session>::Note)>,
    due: Vec<u32>,
}

struct Connection<S> {
    socket: Tcp,
    stage: Stage<S>,
    call: u64,
    generation: u32,
    queued: bool,
}

enum Stage<S> {
    /// TCP is not up yet, and is given up then.
    Connecting(Instant),
    /// The driver is large, and connections are many.
    Up(Box<Driver<S>>),
}

impl<C: Caller> Clients<C> {
    /// No connections yet.
    ///
    /// # Errors
    /// The system has no epoll or no timer left for us.
    pub fn new(peer: Peer, limits: Limits, caller: C) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let inbox = Arc::new(Inbox::new(move || {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake a thread of clients");
            }
        }));
        inbox.rouse();
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            alarm,
            inbox,
            caller,
            peer,
            limits,
            epoch: std::time::Instant::now(),
            connections: Slab::new(),
            generation: 0,
            wheel: Wheel::new(),
            pool: Pool::new(),
            queue: VecDeque::new(),
            notes: Vec::new(),
            due: Vec::new(),
        })
    }

    /// The time of the machines that are driven here.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Connections that are open or being opened.
    #[must_use]
    pub fn open(&self) -> usize {
        self.connections.len()
    }

    /// Where notes for the sessions are left. Ringing it also ends the sleep of a [`turn`](Self::turn).
    #[must_use]
    pub const fn inbox(&self) -> &Arc<InboxOf<C>> {
        &self.inbox
    }

    /// What makes the sessions.
    pub const fn caller(&mut self) -> &mut C {
        &mut self.caller
    }

    /// Begins to connect. `call` is how the caller knows the connection; it need not be unique. What fails
    /// at once is told by [`Caller::over`] before this returns.
    pub fn connect(&mut self, call: u64) {
        self.connect_from(call, None);
    }

    /// Begins to connect, from an address of this machine; `None` leaves that to the system. Else as
    /// [`connect`](Self::connect).
    pub fn connect_from(&mut self, call: u64, source: Option<IpAddr>) {
        if let Err(error) = self.dial(call, source) {
            self.caller.over(call, Some(Fault::Socket(error)));
        }
    }

    fn dial(&mut self, call: u64, source: Option<IpAddr>) -> io::Result<()> {
        let address = self.peer.address;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let mut socket = Tcp(mio::net::TcpStream::from_std(socket.into()));
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let until = self.now() + self.limits.connect;
        let entry = self.connections.vacant_entry();
        let slot = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket.0, Token(slot), interest)?;
        let stage = Stage::Connecting(until);
        entry.insert(Connection { socket, stage, call, generation, queued: false });
        self.wheel.arm(slot as u32, until);
        Ok(())
    }

    /// Sleeps until something happens, or until the given moment, and does all there is to do.
    ///
    /// # Errors
    /// epoll fails.
    pub fn turn(&mut self, until: Option<Instant>) -> io::Result<()> {
        let timeout = self.timeout(until)?;
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.inbox.rouse();
        self.announce();
        self.take_notes();
        self.fire();
        self.run_queue();
        Ok(())
    }

    /// Ends all conversations politely, as far as their protocols allow; those that have not begun just end.
    pub fn close(&mut self, why: Reason) {
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            match &mut connection.stage {
                Stage::Connecting(_) => self.remove(slot, None),
                Stage::Up(driver) => {
                    driver.close(why, &mut self.pool);
                    enqueue(&mut self.queue, connection, slot);
                }
            }
        }
    }

    /// Ends everything at once; the sessions still hear of it.
    pub fn abort(&mut self, why: Reason) {
        let now = self.now();
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            if let Stage::Up(driver) = &mut connection.stage {
                driver.abort(now, why, &mut self.pool);
            }
            self.remove(slot, None);
        }
    }

    /// How long to sleep at most. Zero if there is work.
    fn timeout(&mut self, until: Option<Instant>) -> io::Result<Option<Duration>> {
        let now = self.now();
        let wait = until.map(|until| until.since(now));
        if !self.queue.is_empty() || wait == Some(Duration::ZERO) || !self.inbox.doze() {
            return Ok(Some(Duration::ZERO));
        }
        if let Some(wait) = wait {
            self.alarm.set(wait)?;
        }
        Ok(self.wheel.next(now))
    }

    fn announce(&mut self) {
        for event in &self.events {
            let Token(token) = event.token();
            let Some(connection) = self.connections.get_mut(token) else { continue };
            let failed = event.is_error();
            if let Stage::Up(driver) = &mut connection.stage {
                let link = driver.link();
                if event.is_readable() || event.is_read_closed() || failed {
                    link.set_readable(event.is_read_closed() || failed);
                }
                if event.is_writable() || failed {
                    link.set_writable();
                }
            }
            enqueue(&mut self.queue, connection, token as u32);
        }
    }

    fn take_notes(&mut self) {
        let mut notes = std::mem::take(&mut self.notes);
        self.inbox.take(&mut notes);
        for (key, note) in notes.drain(..) {
            let (slot, generation) = (key as u32, (key >> 32) as u32);
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            if connection.generation != generation {
                continue;
            }
            if let Stage::Up(driver) = &mut connection.stage {
                // A late answer is harmless.
                let _ = driver.note(note, &mut self.pool);
                enqueue(&mut self.queue, connection, slot);
            }
        }
        self.notes = notes;
    }

    fn fire(&mut self) {
        let now = self.now();
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(now, &mut due);
        for slot in due.drain(..) {
            if let Some(connection) = self.connections.get_mut(slot as usize) {
                enqueue(&mut self.queue, connection, slot);
            }
        }
        self.due = due;
    }

    /// Runs those who are queued now. Who is queued meanwhile runs after the next look at the world.
    fn run_queue(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(slot) = self.queue.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(slot as usize) else { continue };
            connection.queued = false;
            let next = match connection.stage {
                Stage::Connecting(until) => self.look(slot, until),
                Stage::Up(_) => self.run_one(slot),
            };
            match next {
                Ok(Next::Over) => self.remove(slot, None),
                Ok(Next::Again) => {
                    if let Some(connection) = self.connections.get_mut(slot as usize) {
                        enqueue(&mut self.queue, connection, slot);
                    }
                }
                Ok(Next::Introduced | Next::Ready | Next::Wait) => {}
                Err(fault) => self.remove(slot, Some(fault)),
            }
        }
    }

    /// Looks whether TCP is up; then the conversation begins.
    fn look(&mut self, slot: u32, until: Instant) -> Result<Next, Fault> {
        let now = self.now();
        let Some(connection) = self.connections.get_mut(slot as usize) else {
            return Ok(Next::Over);
        };
        if let Some(error) = connection.socket.0.take_error()? {
            return Err(error.into());
        }
        match connection.socket.0.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                if until <= now {
                    return Err(io::Error::from(ErrorKind::TimedOut).into());
                }
                self.wheel.arm(slot, until);
                return Ok(Next::Wait);
            }
            Err(error) => return Err(error.into()),
        }
        self.caller.connected(connection.call);
        let driver = if self.peer.implicit {
            let tls = self.peer.upgrade.as_ref().ok_or(Fault::NoTls)?.start()?;
            Driver::tls(tls, None, now, &rules(&self.peer, &self.limits))
        } else {
            let key = key(connection.generation, slot);
            Driver::plain(self.caller.begin(connection.call, &self.inbox, key))
        };
        connection.stage = Stage::Up(Box::new(driver));
        self.run_one(slot)
    }

    fn run_one(&mut self, slot: u32) -> Result<Next, Fault> {
        let now = self.now();
        let Some(connection) = self.connections.get_mut(slot as usize) else {
            return Ok(Next::Over);
        };
        let Stage::Up(driver) = &mut connection.stage else { return Ok(Next::Wait) };
        let rules = rules(&self.peer, &self.limits);
        let mut next = driver.run(now, &mut connection.socket, &mut self.pool, &rules);
        if next == Next::Ready {
            let key = key(connection.generation, slot);
            driver.begin(self.caller.begin(connection.call, &self.inbox, key));
            next = driver.run(now, &mut connection.socket, &mut self.pool, &rules);
        }
        if next != Next::Over
            && let Some(deadline) = driver.deadline()
            && !self.wheel.covers(slot, deadline)
        {
            // One that is set too early stays: it fires, and is set anew.
            self.wheel.arm(slot, deadline);
        }
        Ok(next)
    }

    fn remove(&mut self, slot: u32, fault: Option<Fault>) {
        let Some(mut connection) = self.connections.try_remove(slot as usize) else { return };
        self.wheel.disarm(slot);
        // The socket closes itself, and epoll forgets it with that.
        let _ = self.poll.registry().deregister(&mut connection.socket.0);
        let broken = match connection.stage {
            Stage::Connecting(_) => None,
            Stage::Up(driver) => driver.into_fault(),
        };
        self.caller.over(connection.call, fault.or(broken));
    }
}

impl<C: Caller> fmt::Debug for Clients<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("peer", &self.peer.address)
            .field("open", &self.open())
            .finish()
    }
}

/// What Linux says when TCP is on its way.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

fn key(generation: u32, slot: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(slot)
}

fn enqueue<S>(queue: &mut VecDeque<u32>, connection: &mut Connection<S>, slot: u32) {
    if !connection.queued {
        connection.queued = true;
        queue.push_back(slot);
    }
}

fn rules<'a>(peer: &'a Peer, limits: &Limits) -> Rules<'a> {
    let (tls_handshake, write_stall) = (limits.tls_handshake, limits.write_stall);
    Rules { upgrade: peer.upgrade.as_ref(), tls_handshake, write_stall, salvage: true }
}
