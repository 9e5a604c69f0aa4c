//! A link and its session: the whole life of one connection, over any socket that does not block.
//!
//! [`Wait`] is the interest logic: `Read` reads, `Flush` and `Closed` write, `Host` does neither,
//! `Secure` writes and then puts TLS between. Adapters call [`Driver::run`] when something happened
//! (an edge, a note, the [deadline](Driver::deadline)) and do what [`Next`] says.

use std::time::Duration;

use posthaste_core::machine::{Instant, Reason, Stale};
use posthaste_core::proxy::{self, Ends, Parsed};
use posthaste_core::session::{Session, Wait};

use crate::Upgrade;
use crate::link::{Fault, Fill, Flush, Link, Socket};
use crate::pool::Pool;
use crate::tls::Tls;

/// How long a peer may take to close its side when we have.
pub const LINGER: Duration = Duration::from_secs(2);

/// What an adapter does next with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Run it again when the others had their turn: it has more to do, and nothing will announce it.
    Again,
    /// A proxy has said whose connection it carries: see [`Driver::ends`], and
    /// [`introduce`](Driver::introduce) it.
    Introduced,
    /// Close the socket.
    Over,
    /// TLS is up and there is no session yet: make it, [`begin`](Driver::begin), run again.
    Ready,
    /// Run it when the socket, a note or the deadline says so.
    Wait,
}

/// What the adapter has to say about a connection while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How TLS starts when the session asks for it.
    pub upgrade: Option<&'a Upgrade>,
    /// How long a handshake may take.
    pub tls_handshake: Duration,
    /// How long output may wait without progress.
    pub write_stall: Duration,
    /// Whether a session whose output is refused goes on with what the peer said before, until that ends; its own
    /// output is thrown away. For clients: a server that closes in the middle of a message has said why.
    pub salvage: bool,
}

/// A link and its session.
#[derive(Debug)]
pub struct Driver<S> {
    link: Link,
    session: Option<S>,
    phase: Phase,
    wait: Wait,
    /// Something happened since the last turn.
    dirty: bool,
    /// The deadline of the wire: the handshake's, a stalled write's, or the end of lingering.
    until: Option<Instant>,
    /// Something was received since the last output.
    unanswered: bool,
    /// Octets thrown away since the end.
    wasted: usize,
    /// A handshake began and did not end.
    handshaking: bool,
    /// Whose connection a proxy carries.
    ends: Option<Ends>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The session has ended; its last words and TLS's have to leave.
    Goodbye,
    Handshake,
    /// Everything left. The peer gets a moment to read it: closing with unread input would reset the
    /// connection and destroy what is under way.
    Linger,
    Open,
    Over,
    /// A proxy has to say whose connection it carries.
    Proxy,
}

enum Step {
    On,
    Stop(Next),
}

impl<S: Session> Driver<S> {
    /// Reads or turns in one run at most, before other connections have their turn.
    pub const FUEL: u32 = 16;
    /// Octets of output that may gather while there is still input to read.
    pub const GATHER: usize = 16 * 1024;
    /// Octets that a peer may still send after the end.
    const WASTE: usize = 1024 * 1024;
    /// Turns that a session gets to report its end.
    const ENDING: u32 = 64;

    /// A connection whose session speaks at once.
    #[must_use]
    pub fn plain(session: S) -> Self {
        Self::new(Some(session), None, None)
    }

    /// A connection that starts with TLS. Its session is made when TLS is up ([`Next::Ready`]), unless
    /// it is given here.
    #[must_use]
    pub fn tls(tls: Tls, session: Option<S>, now: Instant, rules: &Rules<'_>) -> Self {
        Self::new(session, Some(tls), Some(now + rules.tls_handshake))
    }

    /// A connection of a proxy, which says first whose connection it carries ([`Next::Introduced`]), as
    /// quickly as a handshake has to be.
    #[must_use]
    pub fn proxied(now: Instant, rules: &Rules<'_>) -> Self {
        let mut driver = Self::new(None, None, Some(now + rules.tls_handshake));
        driver.phase = Phase::Proxy;
        driver
    }

    /// Whose connection a proxy carries; nothing if it is the proxy's own.
    #[must_use]
    pub const fn ends(&self) -> Option<Ends> {
        self.ends
    }

    /// Goes on with a connection that is [`Introduced`](Next::Introduced): with TLS, if that comes first; else
    /// with its session.
    ///
    /// # Errors
    /// What came behind the header is no TLS.
    pub fn introduce(
        &mut self,
        tls: Option<Tls>,
        session: Option<S>,
        now: Instant,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<(), Fault> {
        self.session = session;
        self.dirty = true;
        match tls {
            None => {
                self.phase = Phase::Open;
                self.until = None;
            }
            Some(tls) => {
                self.link.start_tls_behind(tls, pool)?;
                self.phase = Phase::Handshake;
                self.handshaking = true;
                self.until = Some(now + rules.tls_handshake);
            }
        }
        Ok(())
    }

    fn new(session: Option<S>, tls: Option<Tls>, until: Option<Instant>) -> Self {
        let phase = if tls.is_some() { Phase::Handshake } else { Phase::Open };
        Self {
            link: Link::new(tls),
            session,
            phase,
            wait: Wait::Read,
            dirty: true,
            until,
            unanswered: false,
            wasted: 0,
            handshaking: phase == Phase::Handshake,
            ends: None,
            fault: None,
        }
    }

    /// Gives a connection that is [`Ready`](Next::Ready) its session.
    pub fn begin(&mut self, mut session: S) {
        if let Some(facts) = self.link.tls_ready() {
            session.secured(facts);
        }
        self.session = Some(session);
        self.dirty = true;
    }

    /// The socket's side, to set what the socket is ready for.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The session, while it lives.
    #[must_use]
    pub const fn session(&self) -> Option<&S> {
        self.session.as_ref()
    }

    /// Tells the session.
    ///
    /// # Errors
    /// [`Stale`], which is harmless.
    pub fn note(&mut self, note: S::Note, pool: &mut Pool) -> Result<(), Stale> {
        let Some(session) = &mut self.session else { return Err(Stale) };
        self.dirty = true;
        let out = self.link.output(pool);
        let before = out.len();
        let told = session.note(note, out);
        if out.len() > before {
            self.unanswered = false;
        }
        told
    }

    /// Pokes the session.
    pub fn poke(&mut self) {
        if let Some(session) = &mut self.session {
            session.poke();
            self.dirty = true;
        }
    }

    /// Ends the conversation politely. One that has not started yet just ends.
    pub fn close(&mut self, why: Reason, pool: &mut Pool) {
        match &mut self.session {
            Some(session) if self.phase == Phase::Open => {
                session.close(why, self.link.output(pool));
                self.dirty = true;
            }
            _ if matches!(self.phase, Phase::Handshake | Phase::Proxy) => {
                self.until = Some(Instant::ZERO)
            }
            _ => {}
        }
    }

    /// Ends it without words: the session hears `why`, the socket nothing.
    pub fn abort(&mut self, now: Instant, why: Reason, pool: &mut Pool) {
        self.phase = Phase::Over;
        if let Some(mut session) = self.session.take() {
            session.close(why, self.link.output(pool));
            for _ in 0..Self::ENDING {
                self.link.output(pool);
                let wait = session.turn(now, &mut self.link.input, &mut self.link.out);
                self.link.out.clear();
                if wait == Wait::Closed {
                    break;
                }
            }
        }
        self.link.clear(pool);
    }

    /// When to run it even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let session = match (&self.session, self.phase) {
            (Some(session), Phase::Open) => session.deadline(),
            _ => None,
        };
        match (session, self.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether nothing is going on: it may be closed without losing anybody's work.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self.phase {
            Phase::Handshake | Phase::Proxy => true,
            Phase::Open => {
                self.wait == Wait::Read
                    && !self.dirty
                    && !self.unanswered
                    && self.link.input.is_empty()
                    && self.link.pending() == 0
            }
            Phase::Goodbye | Phase::Linger | Phase::Over => false,
        }
    }

    /// Whether it ended, or is, in a TLS handshake.
    #[must_use]
    pub const fn is_handshaking(&self) -> bool {
        self.handshaking
    }

    /// Whether octets from the peer would take it further.
    #[must_use]
    pub fn awaits_peer(&self) -> bool {
        match self.phase {
            Phase::Handshake | Phase::Linger | Phase::Proxy => true,
            Phase::Open => self.wait == Wait::Read,
            Phase::Goodbye | Phase::Over => false,
        }
    }

    /// Whether it has output that the socket did not take.
    #[must_use]
    pub fn awaits_room(&self) -> bool {
        self.link.pending() > 0
    }

    /// Whether only a note, or the deadline, can take it further.
    #[must_use]
    pub fn awaits_host(&self) -> bool {
        self.phase == Phase::Open && self.wait == Wait::Host && self.link.pending() == 0
    }

    /// Why the connection broke, if it did; for when it is over.
    #[must_use]
    pub fn into_fault(self) -> Option<Fault> {
        self.fault
    }

    /// Why the connection broke, if it did.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Goes as far as it can without blocking.
    pub fn run(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Next {
        let mut fuel = Self::FUEL;
        let next = loop {
            let step = self.due(now).and_then(|()| self.step(now, socket, pool, rules));
            match step {
                Ok(Step::On) if fuel > 0 => fuel -= 1,
                Ok(Step::On) => match self.flush(now, socket, pool, rules) {
                    Ok(_) => break Next::Again,
                    Err(fault) => break self.lose(fault, now, socket, pool),
                },
                Ok(Step::Stop(next)) => break next,
                Err(fault) => break self.lose(fault, now, socket, pool),
            }
        };
        self.link.park(pool);
        next
    }

    fn due(&mut self, now: Instant) -> Result<(), Fault> {
        if self.until.is_some_and(|until| until <= now) {
            match self.phase {
                Phase::Linger | Phase::Over => self.phase = Phase::Over,
                Phase::Goodbye | Phase::Handshake | Phase::Open | Phase::Proxy => {
                    return Err(Fault::Timeout);
                }
            }
        }
        if let (Some(session), Phase::Open) = (&self.session, self.phase) {
            self.dirty |= session.deadline().is_some_and(|deadline| deadline <= now);
        }
        Ok(())
    }

    fn step(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<Step, Fault> {
        match self.phase {
            Phase::Goodbye => {
                if !self.flush(now, socket, pool, rules)? {
                    return Ok(Step::Stop(Next::Wait));
                }
                // Fails if the peer is gone, and then lingering sees it.
                let _ = socket.finish();
                self.phase = if self.link.input.is_ended() { Phase::Over } else { Phase::Linger };
                self.until = Some(now + LINGER);
                Ok(Step::On)
            }
            Phase::Handshake => self.handshake(now, socket, pool, rules),
            Phase::Linger => {
                match self.link.waste(socket, pool) {
                    Ok(n) if n > 0 && self.wasted < Self::WASTE => self.wasted += n,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        return Ok(Step::Stop(Next::Wait));
                    }
                    _ => self.phase = Phase::Over,
                }
                Ok(Step::On)
            }
            Phase::Open => self.open(now, socket, pool, rules),
            Phase::Over => Ok(Step::Stop(Next::Over)),
            Phase::Proxy => self.hear_proxy(socket, pool),
        }
    }

    fn hear_proxy(&mut self, socket: &mut impl Socket, pool: &mut Pool) -> Result<Step, Fault> {
        match proxy::parse(self.link.input.bytes()) {
            Parsed::Bad => return Err(Fault::Proxy),
            Parsed::Header { length, ends } => {
                self.link.input.discard(length);
                self.ends = ends;
                return Ok(Step::Stop(Next::Introduced));
            }
            Parsed::More => {}
        }
        Ok(match self.link.fill(socket, pool)? {
            Fill::Some => Step::On,
            Fill::Blocked => Step::Stop(Next::Wait),
            // Somebody who only looked whether the port is open.
            Fill::End => {
                self.phase = Phase::Over;
                Step::On
            }
        })
    }

    fn handshake(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<Step, Fault> {
        self.flush(now, socket, pool, rules)?;
        if let Some(facts) = self.link.tls_ready() {
            self.phase = Phase::Open;
            self.handshaking = false;
            self.until = None;
            self.dirty = true;
            return Ok(match &mut self.session {
                Some(session) => {
                    session.secured(facts);
                    Step::On
                }
                None => Step::Stop(Next::Ready),
            });
        }
        Ok(match self.link.fill(socket, pool)? {
            Fill::Some => Step::On,
            Fill::Blocked | Fill::End => Step::Stop(Next::Wait),
        })
    }

    fn open(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<Step, Fault> {
        let Some(session) = &mut self.session else { return Ok(Step::Stop(Next::Ready)) };
        if self.dirty {
            self.dirty = false;
            self.link.output(pool);
            let before = self.link.out.len();
            self.wait = session.turn(now, &mut self.link.input, &mut self.link.out);
            if self.link.out.len() > before {
                self.unanswered = false;
            }
        }
        match self.wait {
            Wait::Closed => {
                if !self.flush(now, socket, pool, rules)? {
                    return Ok(Step::Stop(Next::Wait));
                }
                self.session = None;
                self.link.close_tls();
                self.phase = Phase::Goodbye;
                Ok(Step::On)
            }
            Wait::Flush => {
                if !self.flush(now, socket, pool, rules)? {
                    return Ok(Step::Stop(Next::Wait));
                }
                self.dirty = true;
                Ok(Step::On)
            }
            Wait::Host => {
                self.flush(now, socket, pool, rules)?;
                Ok(Step::Stop(Next::Wait))
            }
            Wait::Read => self.read(now, socket, pool, rules),
            Wait::Secure => {
                if !self.flush(now, socket, pool, rules)? {
                    return Ok(Step::Stop(Next::Wait));
                }
                // The machine promises an empty input (contract, rule 6). What is still in the socket
                // is TLS's, and plaintext there is a broken handshake.
                let upgrade = rules.upgrade.filter(|_| self.link.input.is_empty());
                let tls = upgrade.ok_or(Fault::NoTls)?.start()?;
                self.link.start_tls(tls);
                self.phase = Phase::Handshake;
                self.handshaking = true;
                self.until = Some(now + rules.tls_handshake);
                Ok(Step::On)
            }
        }
    }

    fn read(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<Step, Fault> {
        if self.link.pending() >= Self::GATHER {
            self.flush(now, socket, pool, rules)?;
        }
        let before = self.link.input.len();
        match self.link.fill(socket, pool)? {
            Fill::Blocked => {
                self.flush(now, socket, pool, rules)?;
                // Salvage has just begun.
                if self.link.is_readable() {
                    return Ok(Step::On);
                }
                return Ok(Step::Stop(Next::Wait));
            }
            Fill::End => self.dirty = true,
            Fill::Some => {
                let more = self.link.input.len() - before;
                self.unanswered |= more > 0;
                self.dirty = more > 0 || self.link.input.is_ended();
            }
        }
        Ok(Step::On)
    }

    /// Whether everything left. Watches over output that nobody takes.
    fn flush(
        &mut self,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
        rules: &Rules<'_>,
    ) -> Result<bool, Fault> {
        let flush = match self.link.flush(socket, pool) {
            Err(fault @ Fault::Socket(_)) if rules.salvage && self.phase == Phase::Open => {
                self.fault = Some(fault);
                self.link.mute();
                Flush { done: true, progress: false }
            }
            flush => flush?,
        };
        if matches!(self.phase, Phase::Open | Phase::Goodbye) {
            if flush.done {
                self.until = None;
            } else if flush.progress || self.until.is_none() {
                self.until = Some(now + rules.write_stall);
            }
        }
        Ok(flush.done)
    }

    #[cold]
    fn lose(
        &mut self,
        fault: Fault,
        now: Instant,
        socket: &mut impl Socket,
        pool: &mut Pool,
    ) -> Next {
        if matches!(fault, Fault::Tls(_)) {
            // The alert, if the socket takes it at once.
            let _ = self.link.flush(socket, pool);
            let _ = socket.finish();
        }
        self.fault.get_or_insert(fault);
        self.abort(now, Reason::Lost, pool);
        Next::Over
    }
}
