//! Serving sessions, one task a connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use posthaste_core::session::Session;
use posthaste_tls::{BindError, Config, Factory, Handle};

use crate::hall::{Bound, Visit};
use crate::task::Task;

/// A server whose sockets are bound, for sessions as the other adapters run them too. Programs that would
/// rather await than answer events want a [`Host`](crate::Host).
pub struct Server<F: Factory> {
    bound: Bound,
    factory: Arc<F>,
}

impl<F: Factory> Server<F>
where
    F::Session: Send,
    <F::Session as Session>::Note: Send,
{
    /// Binds all listeners. Connections are accepted by the system from here on, and served once it
    /// [serves](Self::serve).
    ///
    /// # Errors
    /// Which address cannot be bound, and why.
    pub fn bind(config: Config, factory: F) -> Result<Self, BindError> {
        Ok(Self { bound: Bound::new(config)?, factory: Arc::new(factory) })
    }

    /// The addresses that were bound, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.bound.hall.control().addresses()
    }

    /// What stops and inspects it, from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.bound.hall.leash.control.clone())
    }

    /// Serves on a runtime of its own, with as many threads as the config says; for programs that have
    /// none.
    ///
    /// # Errors
    /// As [`serve`](Self::serve), or the runtime cannot start.
    pub fn run(self) -> io::Result<()> {
        self.bound.runtime()?.block_on(self.serve())
    }

    /// Serves until [`Handle::shutdown`], and returns when the last connection has ended or `drain` has
    /// passed.
    ///
    /// # Errors
    /// The runtime does not take a socket.
    pub async fn serve(self) -> io::Result<()> {
        let (hall, factory) = (self.bound.hall.clone(), self.factory);
        let receive = move |visit: Visit| {
            let task = Task::new(hall.clone(), factory.clone(), visit);
            tokio::spawn(task.run());
        };
        self.bound.serve(receive).await
    }
}

impl<F: Factory> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.bound.hall.control().addresses();
        f.debug_struct("Server").field("addresses", &addresses).finish()
    }
}
