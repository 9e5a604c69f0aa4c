//! Servers of POP3 and IMAP: listeners, and a handler for each connection.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use posthaste_core::gate::TlsMode;
use posthaste_core::machine::Machine;
use posthaste_tls::link::Fault;

use crate::connection::Connection;
use crate::host::{self, Builder, Host, Listens, Peer, Service};

/// How sessions of a protocol are: [`pop3::Config`](crate::pop3::Config), [`imap::Config`](crate::imap::Config).
pub trait Settings: Send + Sync + Sized + 'static {
    /// What speaks the protocol.
    type Machine: Machine + Send;

    /// Whether to offer to start TLS.
    fn offer_tls(&mut self, offered: bool);

    /// A machine that speaks so.
    fn machine(self: Arc<Self>) -> Self::Machine;
}

/// What has conversations whose settings are `C`: every [`pop3::Handler`](crate::pop3::Handler) and
/// [`imap::Handler`](crate::imap::Handler).
pub trait Converse<C: Settings>: Send {
    /// Has a conversation; see [`converse`].
    fn converse(
        &mut self,
        connection: &mut Connection<C::Machine>,
        config: &C,
        peer: Peer,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Sessions of a protocol, as a [`Host`] serves them, with a handler for each, made by `F`.
pub struct Sessions<F, C> {
    make: F,
    /// By listener.
    configs: Vec<Arc<C>>,
}

impl<F, H, C> Service for Sessions<F, C>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Converse<C> + 'static,
    C: Settings,
{
    type Machine = C::Machine;

    fn machine(&self, peer: &Peer) -> C::Machine {
        self.configs[peer.listener].clone().machine()
    }

    async fn serve(
        &self,
        connection: &mut Connection<C::Machine>,
        peer: Peer,
    ) -> Result<(), Fault> {
        let mut handler = (self.make)(&peer);
        let config = &*self.configs[peer.listener];
        converse(connection, config, peer, &mut handler).await
    }
}

impl<F, H, C> Listens for Sessions<F, C>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Converse<C> + 'static,
    C: Settings,
{
    type Config = C;

    fn listen(&mut self, mode: TlsMode, mut config: C) {
        config.offer_tls(mode == TlsMode::StartTls);
        self.configs.push(Arc::new(config));
    }
}

impl<F, H, C> Host<Sessions<F, C>>
where
    F: Fn(&Peer) -> H + Send + Sync + 'static,
    H: Converse<C> + 'static,
    C: Settings,
{
    /// A server that makes a handler for each session by `make`.
    pub fn builder(make: F) -> Builder<Sessions<F, C>> {
        Builder::new(Sessions { make, configs: Vec::new() })
    }
}

impl<F, C> fmt::Debug for Sessions<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("listeners", &self.configs.len()).finish_non_exhaustive()
    }
}

/// Has one conversation with a peer, for programs that accept connections themselves. `config` is the one that
/// the connection's machine was made with. A [host](Host) does all that.
///
/// # Errors
/// What broke the connection. The handler has heard of its end by then.
pub async fn converse<C: Settings, H: Converse<C>>(
    connection: &mut Connection<C::Machine>,
    config: &C,
    mut peer: Peer,
    handler: &mut H,
) -> Result<(), Fault> {
    peer.tls = peer.tls.or_else(|| connection.tls());
    handler.converse(connection, config, peer).await
}

/// Runs a handler without a socket: the peer says all of `says` and then closes its side; gives what it is
/// told. For tests. Where `peer` says that TLS is up, the session begins as if TLS had come first; starting it in
/// between cannot be rehearsed.
pub async fn rehearse<C: Settings, H: Converse<C>>(
    config: C,
    peer: Peer,
    handler: &mut H,
    says: impl AsRef<[u8]>,
) -> String {
    let config = Arc::new(config);
    let machine = config.clone().machine();
    host::rehearse(machine, peer.tls, says.as_ref(), async |connection| {
        let _ = converse(connection, &*config, peer, handler).await;
    })
    .await
}
