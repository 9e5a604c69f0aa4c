//! Binding, starting, watching and stopping.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use posthaste_tls::{BindError, Config, Control, Factory, Handle, Listener};

use crate::reactor::Seed;

/// A server whose sockets are bound.
pub struct Server<F: Factory> {
    seeds: Vec<Seed<F>>,
    control: Arc<Control>,
}

impl<F: Factory> Server<F> {
    /// Binds all listeners. Connections are accepted by the system from here on, and served once it
    /// [runs](Self::run).
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(config: Config, factory: F) -> Result<Self, BindError> {
        let threads = match config.reactors {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        };
        let mut addresses = Vec::with_capacity(config.listeners.len());
        let mut sockets: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
        for listener in &config.listeners {
            let bound = listener.bind(threads)?;
            let address = bound.first().map_or(Ok(listener.address), TcpListener::local_addr);
            addresses
                .push(address.map_err(|why| BindError { address: Some(listener.address), why })?);
            for (sockets, socket) in sockets.iter_mut().zip(bound) {
                sockets.push(socket);
            }
        }
        let control = Control::new(config.limits, addresses);
        let factory = Arc::new(factory);
        let listeners: Arc<[Listener]> = config.listeners.into();
        let seeds = sockets
            .into_iter()
            .map(|sockets| Seed::new(sockets, listeners.clone(), factory.clone(), &control))
            .collect::<io::Result<_>>()
            .map_err(|why| BindError { address: None, why })?;
        Ok(Self { seeds, control })
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.control.addresses()
    }

    /// What stops and inspects it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.control.clone())
    }

    /// Serves until [`Handle::shutdown`], and returns when the last connection has ended or `drain` has
    /// passed.
    ///
    /// # Errors
    /// A thread cannot be started, or epoll fails.
    pub fn run(self) -> io::Result<()> {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut outcome = Ok(());
            for (index, seed) in self.seeds.into_iter().enumerate() {
                let name = format!("reactor-{index}");
                let together = Together(Handle::new(self.control.clone()));
                let run = move || {
                    let _together = together;
                    seed.run()
                };
                match thread::Builder::new().name(name).spawn_scoped(scope, run) {
                    Ok(thread) => threads.push(thread),
                    Err(why) => outcome = Err(why),
                }
            }
            for thread in threads {
                let ended = thread.join().unwrap_or_else(|_| {
                    Err(io::Error::other("a reactor panicked outside any session"))
                });
                outcome = outcome.and(ended);
            }
            outcome
        })
    }
}

impl<F: Factory> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.control.addresses())
            .field("reactors", &self.seeds.len())
            .finish()
    }
}

/// Reactors end together: one less would leave its share of new connections unanswered.
struct Together(Handle);

impl Drop for Together {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}
