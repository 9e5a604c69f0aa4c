//! One connection: run, then wait for what takes it further.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::{Arrival, TlsMode};
use posthaste_core::machine::{Instant, Reason};
use posthaste_core::session::Session;
use posthaste_tls::control::Stop;
use posthaste_tls::{Driver, Factory, Inbox, InboxOf, Next, Rules, Upgrade};
use tokio::io::Interest;
use tokio::sync::Notify;

use crate::hall::{Hall, Visit, Visitor};
use crate::pool::with_pool;
use crate::wire::{Io, Wire};

/// How long the last words may take after the drain.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(crate) struct Task<F: Factory> {
    hall: Arc<Hall>,
    factory: Arc<F>,
    wire: Wire,
    /// Which listener it came to.
    index: usize,
    /// Our end.
    local: SocketAddr,
    inbox: Arc<InboxOf<F>>,
    notify: Arc<Notify>,
    notes: Vec<(u64, <F::Session as Session>::Note)>,
    drain: Drain,
    // Last, so that everything else is gone when the gate hears of it.
    visitor: Visitor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    Until(Instant),
    LastWords(Instant),
}

impl<F: Factory> Task<F> {
    pub(crate) fn new(hall: Arc<Hall>, factory: Arc<F>, visit: Visit) -> Self {
        let notify = Arc::new(Notify::new());
        let bell = notify.clone();
        let inbox = Arc::new(Inbox::new(move || bell.notify_one()));
        inbox.rouse();
        Self {
            hall,
            factory,
            wire: visit.stream.into(),
            index: visit.index,
            local: visit.local,
            inbox,
            notify,
            notes: Vec::new(),
            drain: Drain::No,
            visitor: visit.visitor,
        }
    }

    pub(crate) async fn run(mut self) {
        let hall = self.hall.clone();
        let control = hall.control();
        let listener = &hall.listeners[self.index];
        let implicit = listener.mode == TlsMode::Implicit;
        let upgrade = hall.upgrades[self.index].as_ref();
        let (tls_handshake, write_stall) = {
            let gate = control.gate();
            (gate.limits().tls_handshake, gate.limits().write_stall)
        };
        let rules = Rules { upgrade, tls_handshake, write_stall, salvage: false };
        let mut driver = if listener.is_proxy(self.visitor.guest.peer.ip()) {
            Driver::proxied(control.now(), &rules)
        } else if implicit {
            let Some(Ok(tls)) = upgrade.map(Upgrade::start) else { return };
            Driver::tls(tls, None, control.now(), &rules)
        } else {
            Driver::plain(self.make())
        };
        if let Some(why) = self.visitor.guest.refused {
            with_pool(|pool| driver.close(why, pool));
        }
        loop {
            self.take_notes(&mut driver);
            let now = control.now();
            if self.drain(&mut driver, now) {
                break;
            }
            let mut socket = Io(&self.wire);
            match with_pool(|pool| driver.run(now, &mut socket, pool, &rules)) {
                Next::Again => tokio::task::yield_now().await,
                Next::Introduced => {
                    let (peer, local) = match driver.ends() {
                        Some(ends) => (ends.peer, ends.local),
                        None => (self.visitor.guest.peer, self.local),
                    };
                    if !self.visitor.guest.introduce(peer, implicit) {
                        break;
                    }
                    self.local = local;
                    let (tls, session) = if implicit {
                        let Some(Ok(tls)) = upgrade.map(Upgrade::start) else { return };
                        (Some(tls), None)
                    } else {
                        (None, Some(self.make()))
                    };
                    let begun = with_pool(|pool| driver.introduce(tls, session, now, pool, &rules));
                    if begun.is_err() {
                        break;
                    }
                    if let Some(why) = self.visitor.guest.refused {
                        with_pool(|pool| driver.close(why, pool));
                    }
                }
                Next::Over => break,
                Next::Ready => driver.begin(self.make()),
                Next::Wait => self.wait(&mut driver).await,
            }
        }
        if let Some(fault) = driver.fault() {
            self.visitor.guest.lost(fault, driver.is_handshaking());
        }
    }

    /// The session.
    fn make(&self) -> F::Session {
        let arrival = Arrival {
            listener: self.index,
            local: self.local,
            peer: self.visitor.guest.peer,
            tls: self.hall.listeners[self.index].mode,
            trusted: self.visitor.guest.trusted,
            strained: self.visitor.guest.strained,
        };
        self.factory.make(&arrival, &self.inbox, 0)
    }

    fn take_notes(&mut self, driver: &mut Driver<F::Session>) {
        self.inbox.take(&mut self.notes);
        for (_, note) in self.notes.drain(..) {
            // A late answer is harmless.
            let _ = with_pool(|pool| driver.note(note, pool));
        }
    }

    /// Ends it as the server's stopping wants it. Says whether that is done.
    fn drain(&mut self, driver: &mut Driver<F::Session>, now: Instant) -> bool {
        let stop = self.hall.control().stop();
        if stop == Stop::No {
            return false;
        }
        if self.drain == Drain::No {
            let wait = self.hall.control().gate().limits().drain;
            self.drain = Drain::Until(now + wait);
        }
        match self.drain {
            Drain::Until(until) if stop == Stop::Abort || until <= now => {
                with_pool(|pool| driver.close(Reason::Shutdown, pool));
                let wait = if stop == Stop::Abort { Duration::ZERO } else { LAST_WORDS };
                // One run for the last words in any case: so a moment later.
                self.drain = Drain::LastWords(now + wait.max(Duration::from_millis(1)));
            }
            Drain::LastWords(until) if until <= now => {
                with_pool(|pool| driver.abort(now, Reason::Shutdown, pool));
                return true;
            }
            _ if driver.is_idle() => with_pool(|pool| driver.close(Reason::Shutdown, pool)),
            _ => {}
        }
        false
    }

    /// Waits for an edge, a note, the deadline, or the server's stopping.
    async fn wait(&mut self, driver: &mut Driver<F::Session>) {
        let control = self.hall.control();
        let bell = self.hall.leash.bell().notified();
        tokio::pin!(bell);
        bell.as_mut().enable();
        let news = control.stop() != Stop::No && (self.drain == Drain::No || driver.is_idle());
        if news || !self.inbox.doze() {
            return;
        }
        let interest = match (driver.awaits_peer(), driver.awaits_room()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let socket = async {
            match interest {
                Some(interest) => self.wire.ready(interest).await,
                None => std::future::pending().await,
            }
        };
        let drain = match self.drain {
            Drain::No => None,
            Drain::Until(at) | Drain::LastWords(at) => Some(at),
        };
        let deadline = driver.deadline().into_iter().chain(drain).min();
        let timer = async {
            match deadline {
                // tokio rounds up to milliseconds.
                Some(at) => tokio::time::sleep(at.since(control.now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An error shows again when the socket is read.
            _ = socket => {
                // tokio clears readiness at `WouldBlock` only, so short reads must be read on.
                driver.link().set_readable(true);
                driver.link().set_writable();
            }
            () = self.notify.notified() => {}
            () = timer => {}
            () = bell => {}
        }
        self.inbox.rouse();
    }
}
