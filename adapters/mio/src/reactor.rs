//! The loop of one thread.
//!
//! Everything that happens (edges, notes, timers, arrivals) marks connections and queues them; then each
//! queued connection runs once. So what came in one sleep costs one run a connection, however many
//! notes it got.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use posthaste_core::gate::{Arrival, Limits, TlsMode};
use posthaste_core::machine::{Instant, Reason};
use posthaste_core::session::Session;
use posthaste_tls::control::{Control, Stop, count};
use posthaste_tls::{Driver, Factory, Guest, Inbox, InboxOf, Listener, Next, Pool, Rules, Upgrade};
use slab::Slab;

use crate::socket::Tcp;
use crate::wheel::Wheel;

const WAKER: Token = Token(usize::MAX);
/// Listeners count down from here; connections count up from 0.
const DOORS: usize = usize::MAX - 1;
/// Events that one poll returns at most.
const EVENTS: usize = 1024;
/// Connections accepted in a row, before those that are open have their turn.
const ACCEPTS: u32 = 64;
/// How long nothing is accepted when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long the last words may take after the drain.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a reactor grows from, on its own thread: sessions need not be `Send`.
pub(crate) struct Seed<F: Factory> {
    poll: Poll,
    inbox: Arc<InboxOf<F>>,
    factory: Arc<F>,
    listeners: Arc<[Listener]>,
    control: Arc<Control>,
    doors: Vec<Door>,
}

struct Reactor<F: Factory> {
    poll: Poll,
    inbox: Arc<InboxOf<F>>,
    factory: Arc<F>,
    listeners: Arc<[Listener]>,
    control: Arc<Control>,
    doors: Vec<Door>,
    /// What TLS starts as, by listener.
    upgrades: Vec<Option<Upgrade>>,
    /// Empty only while the connection runs.
    connections: Slab<Option<Box<Connection<F::Session>>>>,
    generation: u32,
    wheel: Wheel,
    pool: Pool,
    /// Connections that are to run.
    queue: VecDeque<u32>,
    limits: Limits,
    /// The version of `limits`.
    changes: u64,
    drain: Drain,
    notes: Vec<(u64, <F::Session as Session>::Note)>,
    due: Vec<u32>,
}

/// One listening socket.
struct Door {
    socket: mio::net::TcpListener,
    /// In the server's list.
    listener: usize,
    /// Somebody may wait.
    ready: bool,
    /// Nothing is accepted before.
    pause: Option<Instant>,
}

struct Connection<S> {
    socket: Tcp,
    driver: Driver<S>,
    generation: u32,
    door: u32,
    queued: bool,
    guest: Guest,
}

impl<S: Session> Connection<S> {
    /// Our end: the socket's, or that of the proxy.
    fn local(&self) -> io::Result<SocketAddr> {
        self.driver.ends().map_or_else(|| self.socket.0.local_addr(), |ends| Ok(ends.local))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drain {
    /// Not stopping.
    No,
    /// Sessions may finish until then.
    Until(Instant),
    /// All were told; what is left then is cut off.
    LastWords(Instant),
}

impl<F: Factory> Seed<F> {
    pub(crate) fn new(
        sockets: Vec<std::net::TcpListener>,
        listeners: Arc<[Listener]>,
        factory: Arc<F>,
        control: &Arc<Control>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let wake = move || {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake a reactor");
            }
        };
        control.on_change(wake.clone());
        let inbox = Arc::new(Inbox::new(wake));
        let mut doors = Vec::with_capacity(sockets.len());
        for (listener, socket) in sockets.into_iter().enumerate() {
            let mut socket = mio::net::TcpListener::from_std(socket);
            poll.registry().register(&mut socket, Token(DOORS - listener), Interest::READABLE)?;
            doors.push(Door { socket, listener, ready: true, pause: None });
        }
        Ok(Self { poll, inbox, factory, listeners, control: control.clone(), doors })
    }

    /// Serves until the server is stopped.
    pub(crate) fn run(self) -> io::Result<()> {
        let Self { poll, inbox, factory, listeners, control, doors } = self;
        let upgrade = |listener: &Listener| listener.tls.clone().map(Upgrade::Server);
        let upgrades = listeners.iter().map(upgrade).collect();
        let limits = control.gate().limits().clone();
        let reactor = Reactor {
            poll,
            inbox,
            factory,
            listeners,
            control,
            doors,
            upgrades,
            connections: Slab::new(),
            generation: 0,
            wheel: Wheel::new(),
            pool: Pool::new(),
            queue: VecDeque::new(),
            limits,
            changes: 0,
            drain: Drain::No,
            notes: Vec::new(),
            due: Vec::new(),
        };
        reactor.run()
    }
}

impl<F: Factory> Reactor<F> {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.inbox.rouse();
            let now = self.control.now();
            for event in &events {
                self.announce(event);
            }
            self.take_notes();
            self.fire(now);
            self.changes(now);
            self.accept(now);
            self.run_queue();
            if self.is_finished(now) {
                return Ok(());
            }
        }
    }

    /// How long to sleep. Zero if there is work.
    fn timeout(&self) -> Option<Duration> {
        let work = !self.queue.is_empty()
            || self.doors.iter().any(|door| door.ready && door.pause.is_none())
            || !self.inbox.doze();
        if work {
            return Some(Duration::ZERO);
        }
        let now = self.control.now();
        let drain = match self.drain {
            Drain::No => None,
            Drain::Until(at) | Drain::LastWords(at) => Some(at),
        };
        let pauses = self.doors.iter().filter_map(|door| door.pause).chain(drain);
        // epoll counts in milliseconds and rounds up.
        pauses.map(|at| at.since(now)).chain(self.wheel.next(now)).min()
    }

    /// Marks what an edge said.
    fn announce(&mut self, event: &mio::event::Event) {
        let Token(token) = event.token();
        if event.token() == WAKER {
            return;
        }
        if let Some(door) = DOORS.checked_sub(token).and_then(|at| self.doors.get_mut(at)) {
            door.ready = true;
            return;
        }
        let Some(Some(connection)) = self.connections.get_mut(token) else { return };
        let failed = event.is_error();
        let link = connection.driver.link();
        if event.is_readable() || event.is_read_closed() || failed {
            link.set_readable(event.is_read_closed() || failed);
        }
        if event.is_writable() || failed {
            link.set_writable();
        }
        enqueue(&mut self.queue, connection, token as u32);
    }

    fn take_notes(&mut self) {
        let mut notes = std::mem::take(&mut self.notes);
        self.inbox.take(&mut notes);
        for (key, note) in notes.drain(..) {
            let (slot, generation) = (key as u32, (key >> 32) as u32);
            let Some(Some(connection)) = self.connections.get_mut(slot as usize) else { continue };
            if connection.generation != generation {
                continue;
            }
            let pool = &mut self.pool;
            let told = catch_unwind(AssertUnwindSafe(|| connection.driver.note(note, pool)));
            match told {
                // A late answer is harmless; the session may have moved on its own.
                Ok(Ok(()) | Err(_)) => enqueue(&mut self.queue, connection, slot),
                Err(_) => self.broken(slot),
            }
        }
        self.notes = notes;
    }

    fn fire(&mut self, now: Instant) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(now, &mut due);
        for slot in due.drain(..) {
            if let Some(Some(connection)) = self.connections.get_mut(slot as usize) {
                enqueue(&mut self.queue, connection, slot);
            }
        }
        self.due = due;
    }

    /// Looks whether somebody changed the limits or wants us to stop.
    fn changes(&mut self, now: Instant) {
        let changes = self.control.changes();
        if changes != self.changes {
            self.changes = changes;
            self.limits = self.control.gate().limits().clone();
        }
        let stop = self.control.stop();
        if stop != Stop::No && self.drain == Drain::No {
            self.doors.clear();
            self.drain = Drain::Until(now + self.limits.drain);
            self.close_all(|connection| connection.driver.is_idle());
        }
        if let Drain::Until(until) = self.drain
            && (stop == Stop::Abort || until <= now)
        {
            self.close_all(|_| true);
            let wait = if stop == Stop::Abort { Duration::ZERO } else { LAST_WORDS };
            self.drain = Drain::LastWords(now + wait);
        }
    }

    fn close_all(&mut self, which: impl Fn(&Connection<F::Session>) -> bool) {
        for slot in self.slots() {
            let Some(Some(connection)) = self.connections.get_mut(slot as usize) else { continue };
            if which(connection) {
                let pool = &mut self.pool;
                let close = || connection.driver.close(Reason::Shutdown, pool);
                match catch_unwind(AssertUnwindSafe(close)) {
                    Ok(()) => enqueue(&mut self.queue, connection, slot),
                    Err(_) => self.broken(slot),
                }
            }
        }
    }

    fn slots(&self) -> Vec<u32> {
        self.connections.iter().map(|(slot, _)| slot as u32).collect()
    }

    fn accept(&mut self, now: Instant) {
        for index in 0..self.doors.len() {
            let door = &mut self.doors[index];
            if door.pause.is_some_and(|pause| pause <= now) {
                door.pause = None;
            }
            let mut left = ACCEPTS;
            while left > 0 && self.doors[index].ready && self.doors[index].pause.is_none() {
                left -= 1;
                match self.doors[index].socket.accept() {
                    Ok((socket, peer)) => self.admit(index, socket, peer, now),
                    Err(error) => self.doors[index].failed(&error, now, &self.control),
                }
            }
        }
    }

    fn admit(&mut self, index: usize, socket: mio::net::TcpStream, peer: SocketAddr, now: Instant) {
        let listener = &self.listeners[self.doors[index].listener];
        let guest = if listener.is_proxy(peer.ip()) {
            Guest::enter_proxy(&self.control, peer)
        } else {
            Guest::enter(&self.control, peer, listener.mode == TlsMode::Implicit)
        };
        let Some(guest) = guest else { return };
        if let Err(error) = self.open(index, socket, guest, now) {
            tracing::debug!(%peer, %error, "connection lost at once");
        }
    }

    fn open(
        &mut self,
        index: usize,
        socket: mio::net::TcpStream,
        guest: Guest,
        now: Instant,
    ) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut socket = Tcp(socket);
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.connections.vacant_key() as u32;
        let door = self.doors[index].listener;
        let rules = rules(self.upgrades[door].as_ref(), &self.limits);
        let listener = &self.listeners[door];
        let mut driver = if listener.is_proxy(guest.peer.ip()) {
            Driver::proxied(now, &rules)
        } else if listener.mode == TlsMode::Implicit {
            let tls = rules.upgrade.map(Upgrade::start);
            let tls = tls.and_then(Result::ok).ok_or(ErrorKind::Unsupported)?;
            Driver::tls(tls, None, now, &rules)
        } else {
            let local = socket.0.local_addr()?;
            Driver::plain(self.make(slot, generation, door, local, &guest)?)
        };
        if let Some(why) = guest.refused {
            driver.close(why, &mut self.pool);
        }
        driver.link().await_readable();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket.0, Token(slot as usize), interest)?;
        let door = door as u32;
        let connection = Connection { socket, driver, generation, door, queued: true, guest };
        self.connections.insert(Some(Box::new(connection)));
        self.queue.push_back(slot);
        Ok(())
    }

    /// The session of a connection.
    fn make(
        &self,
        slot: u32,
        generation: u32,
        door: usize,
        local: SocketAddr,
        guest: &Guest,
    ) -> io::Result<F::Session> {
        let arrival = Arrival {
            listener: door,
            local,
            peer: guest.peer,
            tls: self.listeners[door].mode,
            trusted: guest.trusted,
            strained: guest.strained,
        };
        let key = u64::from(generation) << 32 | u64::from(slot);
        let make = || self.factory.make(&arrival, &self.inbox, key);
        catch_unwind(AssertUnwindSafe(make)).map_err(|_| {
            count(&self.control.figures.panics);
            io::Error::other("the session could not be made")
        })
    }

    /// A proxy has said whose connection it carries: lets that one in, or nobody.
    fn introduce(
        &mut self,
        slot: u32,
        connection: &mut Connection<F::Session>,
        now: Instant,
    ) -> io::Result<()> {
        let door = connection.door as usize;
        let implicit = self.listeners[door].mode == TlsMode::Implicit;
        let own = connection.guest.peer;
        let peer = connection.driver.ends().map_or(own, |ends| ends.peer);
        if !connection.guest.introduce(peer, implicit) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let upgrade = self.upgrades[door].as_ref();
        let (tls, session) = if implicit {
            let tls = upgrade.map(Upgrade::start).and_then(Result::ok);
            (Some(tls.ok_or(ErrorKind::Unsupported)?), None)
        } else {
            let local = connection.local()?;
            let generation = connection.generation;
            (None, Some(self.make(slot, generation, door, local, &connection.guest)?))
        };
        let rules = rules(upgrade, &self.limits);
        connection
            .driver
            .introduce(tls, session, now, &mut self.pool, &rules)
            .map_err(io::Error::other)?;
        if let Some(why) = connection.guest.refused {
            connection.driver.close(why, &mut self.pool);
        }
        Ok(())
    }

    /// Runs those who are queued now. Who is queued meanwhile runs after the next look at the world.
    fn run_queue(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(slot) = self.queue.pop_front() else { return };
            let Some(place) = self.connections.get_mut(slot as usize) else { continue };
            let Some(mut connection) = place.take() else { continue };
            connection.queued = false;
            let run = || self.run_one(slot, &mut connection);
            match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Next::Over) => self.remove(slot, connection),
                Ok(next) => {
                    if next == Next::Again {
                        connection.queued = true;
                        self.queue.push_back(slot);
                    }
                    self.connections[slot as usize] = Some(connection);
                }
                Err(_) => {
                    self.connections[slot as usize] = Some(connection);
                    self.broken(slot);
                }
            }
        }
    }

    fn run_one(&mut self, slot: u32, connection: &mut Connection<F::Session>) -> Next {
        let now = self.control.now();
        let mut next = self.drive(connection, now);
        if next == Next::Introduced {
            if let Err(error) = self.introduce(slot, connection, now) {
                tracing::debug!(peer = %connection.guest.peer, %error, "not let in");
                return Next::Over;
            }
            next = self.drive(connection, now);
        }
        if next == Next::Ready {
            let (generation, door) = (connection.generation, connection.door as usize);
            let made = connection
                .local()
                .and_then(|local| self.make(slot, generation, door, local, &connection.guest));
            match made {
                Ok(session) => connection.driver.begin(session),
                Err(_) => return Next::Over,
            }
            next = self.drive(connection, now);
        }
        if self.drain != Drain::No && next == Next::Wait && connection.driver.is_idle() {
            connection.driver.close(Reason::Shutdown, &mut self.pool);
            next = self.drive(connection, now);
        }
        if next != Next::Over
            && let Some(deadline) = connection.driver.deadline()
            && !self.wheel.covers(slot, deadline)
        {
            // One that is set too early stays: it fires, and is set anew. Deadlines mostly move away.
            self.wheel.arm(slot, deadline);
        }
        next
    }

    fn drive(&mut self, connection: &mut Connection<F::Session>, now: Instant) -> Next {
        let rules = rules(self.upgrades[connection.door as usize].as_ref(), &self.limits);
        connection.driver.run(now, &mut connection.socket, &mut self.pool, &rules)
    }

    /// A session panicked: a bug of ours, and the end of this connection only.
    #[cold]
    fn broken(&mut self, slot: u32) {
        count(&self.control.figures.panics);
        if let Some(connection) = self.connections.get_mut(slot as usize).and_then(Option::take) {
            tracing::error!(peer = %connection.guest.peer, "a session panicked; its connection is closed");
            self.remove(slot, connection);
        }
    }

    fn remove(&mut self, slot: u32, mut connection: Box<Connection<F::Session>>) {
        if let Some(fault) = connection.driver.fault() {
            connection.guest.lost(fault, connection.driver.is_handshaking());
        }
        self.wheel.disarm(slot);
        self.connections.remove(slot as usize);
        // The socket closes itself, and epoll forgets it with that.
        let _ = self.poll.registry().deregister(&mut connection.socket.0);
        if catch_unwind(AssertUnwindSafe(|| drop(connection))).is_err() {
            count(&self.control.figures.panics);
        }
    }

    fn is_finished(&mut self, now: Instant) -> bool {
        if self.drain == Drain::No {
            return false;
        }
        if let Drain::LastWords(until) = self.drain
            && until <= now
        {
            for slot in self.slots() {
                let Some(mut connection) = self.connections[slot as usize].take() else { continue };
                let pool = &mut self.pool;
                let abort = || connection.driver.abort(now, Reason::Shutdown, pool);
                if catch_unwind(AssertUnwindSafe(abort)).is_err() {
                    count(&self.control.figures.panics);
                }
                self.remove(slot, connection);
            }
        }
        self.connections.is_empty()
    }
}

impl Door {
    fn failed(&mut self, error: &io::Error, now: Instant, control: &Control) {
        match error.kind() {
            ErrorKind::WouldBlock => self.ready = false,
            // The peer went away before we came; the next may be there.
            ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
            _ => {
                // EMFILE, ENFILE, ENOBUFS, ENOMEM and what else the system invents: trying again at
                // once would spin, and no edge will announce who waits already.
                count(&control.figures.accept_errors);
                tracing::warn!(%error, "cannot accept; pausing");
                self.pause = Some(now + ACCEPT_PAUSE);
            }
        }
    }
}

fn enqueue<S>(queue: &mut VecDeque<u32>, connection: &mut Connection<S>, slot: u32) {
    if !connection.queued {
        connection.queued = true;
        queue.push_back(slot);
    }
}

fn rules<'a>(upgrade: Option<&'a Upgrade>, limits: &Limits) -> Rules<'a> {
    let (tls_handshake, write_stall) = (limits.tls_handshake, limits.write_stall);
    Rules { upgrade, tls_handshake, write_stall, salvage: false }
}
