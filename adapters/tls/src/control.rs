//! What the threads of one server share, and the handle that stops and inspects it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use posthaste_core::gate::{Gate, Limits, Tally};
use posthaste_core::machine::Instant;

/// Stops and inspects a server, from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Control>);

impl Handle {
    /// The handle of the server that shares `control`.
    #[must_use]
    pub const fn new(control: Arc<Control>) -> Self {
        Self(control)
    }

    /// Stops: nothing is accepted any more, sessions that are idle are told goodbye, others may finish
    /// what they are at, for `drain` at most.
    pub fn shutdown(&self) {
        self.0.stop.fetch_max(Stop::Drain as u8, Ordering::SeqCst);
        self.0.wake();
    }

    /// Stops without waiting for anybody. Sessions still hear that it ended.
    pub fn abort(&self) {
        self.0.stop.fetch_max(Stop::Abort as u8, Ordering::SeqCst);
        self.0.wake();
    }

    /// Puts other limits in force. Connections that are open stay.
    pub fn set_limits(&self, limits: Limits) {
        self.0.gate().set_limits(limits);
        self.0.changes.fetch_add(1, Ordering::SeqCst);
        self.0.wake();
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let figures = &self.0.figures;
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let (open, stressed, gate) = {
            let gate = self.0.gate();
            (gate.open(), gate.is_stressed(), gate.tally())
        };
        Counts {
            open,
            stressed,
            gate,
            accepted: read(&figures.accepted),
            refused: read(&figures.refused),
            dropped: read(&figures.dropped),
            accept_errors: read(&figures.accept_errors),
            handshakes_failed: read(&figures.handshakes_failed),
            handshakes_late: read(&figures.handshakes_late),
            stalled: read(&figures.stalled),
            proxy_errors: read(&figures.proxy_errors),
            panics: read(&figures.panics),
        }
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0.addresses
    }
}

/// What has happened at a server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that are open now.
    pub open: u32,
    /// Whether there are so many that strangers have to be quick.
    pub stressed: bool,
    /// What the limits of the door did.
    pub gate: Tally,
    /// Connections that came in.
    pub accepted: u64,
    /// Of these, refused with the protocol's words.
    pub refused: u64,
    /// Connections that were closed without a word, because there were far too many.
    pub dropped: u64,
    /// Times that accepting failed, mostly for want of file descriptors.
    pub accept_errors: u64,
    /// TLS handshakes that failed.
    pub handshakes_failed: u64,
    /// TLS handshakes that took longer than `tls_handshake`.
    pub handshakes_late: u64,
    /// Connections given up because the peer took no output.
    pub stalled: u64,
    /// Connections of listed proxies that did not say whose they are.
    pub proxy_errors: u64,
    /// Sessions that panicked, each a bug; the connection was closed.
    pub panics: u64,
}

/// What the threads of one server share. Adapters make it; programs hold a [`Handle`].
pub struct Control {
    gate: Mutex<Gate>,
    /// Where [`Instant::ZERO`] lies, for all threads.
    epoch: std::time::Instant,
    changes: AtomicU64,
    stop: AtomicU8,
    /// What is counted.
    pub figures: Figures,
    bells: Mutex<Vec<Bell>>,
    addresses: Vec<SocketAddr>,
}

type Bell = Box<dyn Fn() + Send + Sync>;

/// How far a server was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// It serves.
    No,
    /// It waits for sessions to finish.
    Drain,
    /// It waits for nobody.
    Abort,
}

impl Control {
    /// What a server that listens at `addresses` shares.
    #[must_use]
    pub fn new(limits: Limits, addresses: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            gate: Mutex::new(Gate::new(limits)),
            epoch: std::time::Instant::now(),
            changes: AtomicU64::new(0),
            stop: AtomicU8::new(Stop::No as u8),
            figures: Figures::default(),
            bells: Mutex::new(Vec::new()),
            addresses,
        })
    }

    /// The time, as sessions count it.
    #[must_use]
    pub fn now(&self) -> Instant {
        let micros = self.epoch.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Who may come in.
    pub fn gate(&self) -> MutexGuard<'_, Gate> {
        // The gate is counters, which are whole after any panic.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks or tells the gate something, and logs it if that begins or ends the stress.
    pub(crate) fn at_gate<T>(&self, something: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate();
        let before = gate.is_stressed();
        let answer = something(&mut gate);
        let (open, after) = (gate.open(), gate.is_stressed());
        drop(gate);
        match (before, after) {
            (false, true) => {
                tracing::warn!(open, "many connections: strangers have to be quick");
            }
            (true, false) => tracing::info!(open, "strangers may take their time again"),
            _ => {}
        }
        answer
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Grows when the limits change.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Whether to stop.
    #[must_use]
    pub fn stop(&self) -> Stop {
        match self.stop.load(Ordering::SeqCst) {
            0 => Stop::No,
            1 => Stop::Drain,
            _ => Stop::Abort,
        }
    }

    /// Has `bell` called when there is something new to see here.
    pub fn on_change(&self, bell: impl Fn() + Send + Sync + 'static) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(bell));
    }

    fn wake(&self) {
        for bell in self.bells.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            bell();
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Counters behind [`Counts`].
#[derive(Debug, Default)]
pub struct Figures {
    /// See [`Counts::accepted`].
    pub accepted: AtomicU64,
    /// See [`Counts::refused`].
    pub refused: AtomicU64,
    /// See [`Counts::dropped`].
    pub dropped: AtomicU64,
    /// See [`Counts::accept_errors`].
    pub accept_errors: AtomicU64,
    /// See [`Counts::handshakes_failed`].
    pub handshakes_failed: AtomicU64,
    /// See [`Counts::handshakes_late`].
    pub handshakes_late: AtomicU64,
    /// See [`Counts::stalled`].
    pub stalled: AtomicU64,
    /// See [`Counts::proxy_errors`].
    pub proxy_errors: AtomicU64,
    /// See [`Counts::panics`].
    pub panics: AtomicU64,
}

/// Adds one.
pub fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}
