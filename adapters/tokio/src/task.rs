//! One connection: run, then wait for what takes it further.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::{Arrival, TlsMode};
use posthaste_core::machine::{Instant, Reason};
use posthaste_core::session::Session;
use posthaste_tls::control::{Stop, count};
use posthaste_tls::{Driver, Factory, Guest, Inbox, InboxOf, Next, Rules, Upgrade};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::server::House;
use crate::socket::{Tcp, with_pool};

/// How long the last words may take after the drain.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(crate) struct Task<F: Factory> {
    house: Arc<House<F>>,
    stream: TcpStream,
    /// Which listener it came to.
    index: usize,
    /// Our end.
    local: SocketAddr,
    inbox: Arc<InboxOf<F>>,
    notify: Arc<Notify>,
    notes: Vec<(u64, <F::Session as Session>::Note)>,
    drain: Drain,
    // Last, so that everything else is gone when the gate hears of it.
    guest: Guest,
    _all: mpsc::Sender<()>,
}

impl<F: Factory> Drop for Task<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            count(&self.house.control.figures.panics);
            tracing::error!(peer = %self.guest.peer, "a session panicked; its connection is closed");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    Until(Instant),
    LastWords(Instant),
}

impl<F: Factory> Task<F> {
    pub(crate) fn new(
        house: Arc<House<F>>,
        stream: TcpStream,
        index: usize,
        local: SocketAddr,
        guest: Guest,
        all: mpsc::Sender<()>,
    ) -> Self {
        let notify = Arc::new(Notify::new());
        let bell = notify.clone();
        let inbox = Arc::new(Inbox::new(move || bell.notify_one()));
        inbox.rouse();
        Self {
            house,
            stream,
            index,
            local,
            inbox,
            notify,
            notes: Vec::new(),
            drain: Drain::No,
            guest,
            _all: all,
        }
    }

    pub(crate) async fn run(mut self) {
        let house = self.house.clone();
        let control = &house.control;
        let listener = &house.listeners[self.index];
        let implicit = listener.mode == TlsMode::Implicit;
        let upgrade = house.upgrades[self.index].as_ref();
        let (tls_handshake, write_stall) = {
            let gate = control.gate();
            (gate.limits().tls_handshake, gate.limits().write_stall)
        };
        let rules = Rules { upgrade, tls_handshake, write_stall };
        let mut driver = if listener.is_proxy(self.guest.peer.ip()) {
            Driver::proxied(control.now(), &rules)
        } else if implicit {
            let Some(Ok(tls)) = upgrade.map(Upgrade::start) else { return };
            Driver::tls(tls, None, control.now(), &rules)
        } else {
            Driver::plain(self.make())
        };
        if let Some(why) = self.guest.refused {
            with_pool(|pool| driver.close(why, pool));
        }
        loop {
            self.take_notes(&mut driver);
            let now = control.now();
            if self.drain(&mut driver, now) {
                break;
            }
            let mut socket = Tcp(&self.stream);
            match with_pool(|pool| driver.run(now, &mut socket, pool, &rules)) {
                Next::Again => tokio::task::yield_now().await,
                Next::Introduced => {
                    let (peer, local) = match driver.ends() {
                        Some(ends) => (ends.peer, ends.local),
                        None => (self.guest.peer, self.local),
                    };
                    if !self.guest.introduce(peer, implicit) {
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
                    if let Some(why) = self.guest.refused {
                        with_pool(|pool| driver.close(why, pool));
                    }
                }
                Next::Over => break,
                Next::Ready => driver.begin(self.make()),
                Next::Wait => self.wait(&mut driver).await,
            }
        }
        if let Some(fault) = driver.fault() {
            self.guest.lost(fault, driver.is_handshaking());
        }
    }

    /// The session.
    fn make(&self) -> F::Session {
        let arrival = Arrival {
            listener: self.index,
            local: self.local,
            peer: self.guest.peer,
            tls: self.house.listeners[self.index].mode,
            trusted: self.guest.trusted,
        };
        self.house.factory.make(&arrival, &self.inbox, 0)
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
        let stop = self.house.control.stop();
        if stop == Stop::No {
            return false;
        }
        if self.drain == Drain::No {
            let wait = self.house.control.gate().limits().drain;
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
        let control = &self.house.control;
        let bell = self.house.bell.notified();
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
                Some(interest) => self.stream.ready(interest).await,
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
