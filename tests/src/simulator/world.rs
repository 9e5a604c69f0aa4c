//! A world of connections between two kinds of sessions, on one virtual clock.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::machine::{Input, Instant, Protocol, Reason, TlsFacts};
use posthaste_core::session::{Inbox, Note, Session, Wait};

use super::link::{Link, Piece, Weather};
use super::random::Random;

/// Notes on their way to sessions. Both adapters have the like of it.
pub struct Letters<N>(Mutex<Vec<(u64, N)>>);

impl<N> Default for Letters<N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: Protocol, N: From<Note<P>> + Send> Inbox<P> for Letters<N>
where
    Note<P>: Send,
{
    fn post(&self, key: u64, note: Note<P>) {
        self.0.lock().push((key, note.into()));
    }

    fn ring(&self) {}
}

/// Work that ends by itself at some time: a slow disk, a slow pool.
pub trait Timed {
    /// When something ends next, in microseconds.
    fn next(&self) -> Option<u64>;
    /// Ends what is due.
    fn fire(&self, now: u64);
}

/// One end of a connection.
struct End<S> {
    session: S,
    input: Input,
    out: Vec<u8>,
    wait: Wait,
    closed: bool,
}

impl<S: Session> End<S> {
    fn new(session: S) -> Self {
        Self { session, input: Input::new(), out: Vec::new(), wait: Wait::Flush, closed: false }
    }

    fn turn(&mut self, now: u64) {
        if !self.closed {
            self.wait =
                self.session.turn(Instant::from_micros(now), &mut self.input, &mut self.out);
        }
    }

    /// Goes as far as it can: output into `link`, and another turn when that was all it waited for.
    fn run(&mut self, now: u64, link: &mut Link, weather: &Weather, random: &mut Random) {
        loop {
            link.send(now, &mut self.out, weather, random);
            if !self.out.is_empty() || self.closed {
                return;
            }
            match self.wait {
                Wait::Closed => {
                    self.closed = true;
                    link.close(now, weather, random);
                    return;
                }
                Wait::Flush => self.turn(now),
                Wait::Secure => {
                    self.session.secured(TlsFacts::TEST);
                    self.turn(now);
                }
                Wait::Host | Wait::Read => return,
            }
        }
    }

    fn break_off(&mut self, now: u64) {
        if !self.closed {
            self.input.end();
            self.session.close(Reason::Lost, &mut self.out);
            // The end is heard whatever output is stuck.
            for _ in 0..4 {
                self.out.clear();
                self.turn(now);
                if self.wait == Wait::Closed {
                    break;
                }
            }
            assert_eq!(self.wait, Wait::Closed, "a lost session ends");
            self.closed = true;
        }
    }

    fn deadline(&self) -> Option<u64> {
        if self.closed { None } else { self.session.deadline().map(Instant::as_micros) }
    }
}

struct Connection<C, S> {
    client: End<C>,
    server: End<S>,
    up: Link,
    down: Link,
}

/// The world.
pub struct World<C: Session, S: Session> {
    /// Microseconds since the world began.
    pub now: u64,
    /// Every surprise comes from here.
    pub random: Random,
    /// What the network does.
    pub weather: Weather,
    /// Notes for clients and for servers; the key is the connection's number.
    pub to_clients: Arc<Letters<C::Note>>,
    /// The same for servers.
    pub to_servers: Arc<Letters<S::Note>>,
    timed: Vec<Arc<dyn Timed>>,
    connections: Vec<Option<Connection<C, S>>>,
    trace: DefaultHasher,
    steps: u64,
}

impl<C: Session, S: Session> World<C, S> {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            now: 0,
            random: Random::new(seed),
            weather,
            to_clients: Arc::default(),
            to_servers: Arc::default(),
            timed: Vec::new(),
            connections: Vec::new(),
            trace: DefaultHasher::new(),
            steps: 0,
        }
    }

    /// Adds work that ends by itself.
    pub fn watch(&mut self, timed: Arc<dyn Timed>) {
        self.timed.push(timed);
    }

    /// The number of the next connection, which is the key of its two sessions.
    #[must_use]
    pub fn next_key(&self) -> u64 {
        self.connections.len() as u64
    }

    /// Connects two sessions.
    pub fn connect(&mut self, client: C, server: S) {
        let mut connection = Connection {
            client: End::new(client),
            server: End::new(server),
            up: Link::default(),
            down: Link::default(),
        };
        connection.server.turn(self.now);
        connection.client.turn(self.now);
        self.connections.push(Some(connection));
    }

    /// Connections that are not over.
    #[must_use]
    pub fn open(&self) -> usize {
        self.connections.iter().flatten().count()
    }

    /// Lets the world run until every connection is over.
    ///
    /// # Panics
    /// If it stands still, or goes on for ever.
    pub fn run(&mut self) {
        while self.open() > 0 {
            self.step();
            self.steps += 1;
            assert!(self.steps < 50_000_000, "the world goes on for ever");
        }
    }

    /// What happened, in one number: the same for the same seed.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// Steps taken.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    fn step(&mut self) {
        self.letters();
        let mut next: Option<u64> = self.timed.iter().filter_map(|timed| timed.next()).min();
        let mut sooner = |time: Option<u64>| {
            next = match (next, time) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        };
        for slot in &mut self.connections {
            let Some(c) = slot else { continue };
            c.client.run(self.now, &mut c.up, &self.weather, &mut self.random);
            c.server.run(self.now, &mut c.down, &self.weather, &mut self.random);
            if c.client.closed && c.server.closed {
                *slot = None;
                continue;
            }
            // A session that waits for its host reads nothing; a closed end drops what comes.
            for (end_reads, link) in [
                (c.client.closed || c.client.wait == Wait::Read, &c.down),
                (c.server.closed || c.server.wait == Wait::Read, &c.up),
            ] {
                if end_reads {
                    sooner(link.next());
                }
            }
            sooner(c.client.deadline());
            sooner(c.server.deadline());
        }
        if self.open() == 0
            || !self.to_clients.0.lock().is_empty()
            || !self.to_servers.0.lock().is_empty()
        {
            return;
        }
        let Some(next) = next else { panic!("the world stands still at {} µs", self.now) };
        self.now = self.now.max(next);
        for timed in &self.timed {
            timed.fire(self.now);
        }
        self.letters();
        let now = self.now;
        for (key, slot) in self.connections.iter_mut().enumerate() {
            let Some(c) = slot else { continue };
            let mut broken = false;
            broken |= arrive(now, key, "down", &mut c.client, &mut c.down, &mut self.trace);
            broken |= arrive(now, key, "up", &mut c.server, &mut c.up, &mut self.trace);
            if broken {
                c.client.break_off(now);
                c.server.break_off(now);
                *slot = None;
                continue;
            }
            if c.client.deadline().is_some_and(|due| due <= now) {
                c.client.turn(now);
            }
            if c.server.deadline().is_some_and(|due| due <= now) {
                c.server.turn(now);
            }
        }
    }

    /// Hands over the notes.
    fn letters(&mut self) {
        loop {
            let to_clients = std::mem::take(&mut *self.to_clients.0.lock());
            let to_servers = std::mem::take(&mut *self.to_servers.0.lock());
            if to_clients.is_empty() && to_servers.is_empty() {
                return;
            }
            for (key, note) in to_clients {
                if let Some(Some(c)) = self.connections.get_mut(key as usize) {
                    tell(self.now, &mut c.client, note);
                }
            }
            for (key, note) in to_servers {
                if let Some(Some(c)) = self.connections.get_mut(key as usize) {
                    tell(self.now, &mut c.server, note);
                }
            }
        }
    }
}

fn tell<S: Session>(now: u64, end: &mut End<S>, note: S::Note) {
    if !end.closed {
        // Stale: a deadline or a lost peer was faster.
        let _ = end.session.note(note, &mut end.out);
        end.turn(now);
    }
}

/// Lets one piece arrive; whether the connection broke.
fn arrive<S: Session>(
    now: u64,
    key: usize,
    way: impl Debug,
    end: &mut End<S>,
    link: &mut Link,
    trace: &mut DefaultHasher,
) -> bool {
    if !end.closed && end.wait != Wait::Read {
        return false;
    }
    let Some(piece) = link.receive(now) else { return false };
    let octets = if let Piece::Octets(octets) = &piece { octets.as_slice() } else { b"" };
    (now, key, format!("{way:?}"), octets).hash(trace);
    match piece {
        Piece::Break => return true,
        Piece::End => end.input.end(),
        Piece::Octets(octets) if !end.closed => end.input.push(&octets),
        Piece::Octets(_) => {}
    }
    end.turn(now);
    false
}

/// Ends all that is under way, one thing after the other.
pub fn settle(timed: &dyn Timed, now: &mut u64) {
    while let Some(next) = timed.next() {
        *now = (*now).max(next);
        timed.fire(*now);
    }
}
