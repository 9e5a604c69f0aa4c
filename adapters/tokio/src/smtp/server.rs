//! A server of SMTP, submission and LMTP: listeners, and a handler for each connection.

use std::fmt;
use std::sync::Arc;

use posthaste_core::gate::TlsMode;
use posthaste_core::smtp::server::{self as core, Config};
use posthaste_tls::link::Fault;

use super::handler::Handler;
use super::serve::converse;
use super::transaction::Peer;
use crate::connection::Connection;
use crate::host::{self, Builder, Host, Listens, Service};
use crate::{Network, Peer as Caller};

/// A server whose sockets are bound, with a [`Handler`] for each session, made by `F`.
///
/// ```no_run
/// use posthaste_tokio::Listener;
/// use posthaste_tokio::smtp::{Config, Handler, Role, Server};
///
/// #[derive(Clone)]
/// struct Nobody;
/// impl Handler for Nobody {}
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new(Role::Smtp, "mx.example");
/// let server = Server::builder(|_| Nobody)
///     .listen(Listener::plain("127.0.0.1:2525".parse()?), config)
///     .bind()?;
/// server.serve().await?;
/// # Ok(())
/// # }
/// ```
pub type Server<F> = Host<Sessions<F>>;

/// SMTP sessions, as a [`Host`] serves them.
pub struct Sessions<F> {
    make: F,
    /// By listener; for peers as they are, and for filters that speak for others.
    configs: Vec<[Arc<Config>; 2]>,
    filters: Vec<Network>,
}

impl<F, H> Service for Sessions<F>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    type Machine = core::Server;

    fn machine(&self, peer: &Caller) -> core::Server {
        let [ordinary, filter] = &self.configs[peer.listener];
        let listed = self.filters.iter().any(|network| network.contains(peer.address.ip()));
        core::Server::new(if listed { filter } else { ordinary }.clone())
    }

    async fn serve(
        &self,
        connection: &mut Connection<core::Server>,
        peer: Caller,
    ) -> Result<(), Fault> {
        let peer = Peer::from(peer);
        let mut handler = (self.make)(&peer);
        converse(connection, peer, &mut handler).await
    }
}

impl<F> fmt::Debug for Sessions<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("listeners", &self.configs.len()).finish_non_exhaustive()
    }
}

impl<F, H> Host<Sessions<F>>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    /// A server that makes a handler for each session by `make`. What sessions share stands in an `Arc`
    /// that `make` clones into each handler.
    pub fn builder(make: F) -> Builder<Sessions<F>> {
        Builder::new(Sessions { make, configs: Vec::new(), filters: Vec::new() })
    }
}

impl<F, H> Listens for Sessions<F>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Handler + 'static,
{
    type Config = Config;

    fn listen(&mut self, mode: TlsMode, mut config: Config) {
        config.starttls = mode == TlsMode::StartTls;
        // Only for filters that are listed.
        config.xclient = true;
        let filter = Arc::new(config.clone());
        config.xclient = false;
        self.configs.push([Arc::new(config), filter]);
    }
}

impl<F> Builder<Sessions<F>> {
    /// Peers there may say by XCLIENT for whom they speak; [`Handler::connected`] is then asked again. Default:
    /// none.
    #[must_use]
    pub fn filters(mut self, networks: Vec<Network>) -> Self {
        self.service.filters = networks;
        self
    }
}

/// Runs a handler without a socket: the peer says all of `says` and then closes its side; gives what it is
/// told. For tests. Where `peer` says that TLS is up, the session begins as if TLS had come first; STARTTLS cannot be
/// rehearsed.
///
/// ```
/// use posthaste_tokio::smtp::{Config, Handler, Peer, Role, rehearse};
///
/// struct Nobody;
/// impl Handler for Nobody {}
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let config = Config::new(Role::Smtp, "mx.example");
/// let says = "EHLO me.example\r\nMAIL FROM:<>\r\nRCPT TO:<you@mx.example>\r\nQUIT\r\n";
/// let heard = rehearse(config, Peer::here(), &mut Nobody, says).await;
/// assert!(heard.ends_with(
///     "250 2.1.0 Sender ok\r\n\
///      550 5.7.1 Mail for there is not taken here\r\n\
///      221 2.0.0 Goodbye\r\n"
/// ), "{heard}");
/// # });
/// ```
pub async fn rehearse<H: Handler>(
    config: Config,
    peer: Peer,
    handler: &mut H,
    says: impl AsRef<[u8]>,
) -> String {
    let machine = core::Server::new(Arc::new(config));
    host::rehearse(machine, peer.tls, says.as_ref(), async |connection| {
        let _ = converse(connection, peer, handler).await;
    })
    .await
}
