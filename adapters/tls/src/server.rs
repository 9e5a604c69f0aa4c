//! The server's side of TLS, shared by all its connections.

use std::fmt;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};

use crate::certificates::Certificates;
use crate::tls::{Error, Tls};

/// Makes the server's end of TLS connections. Cheap to clone.
///
/// TLS 1.2 and 1.3 with the suites that rustls offers, no client certificates, no early data. Sessions
/// resume by tickets whose keys rotate and never touch a disk, so a resumed session costs the server no
/// memory. Certificates change under it ([`Certificates::reload`]) without a new `ServerTls`.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

impl ServerTls {
    /// TLS with `certificates`.
    ///
    /// # Errors
    /// The crypto library cannot start.
    pub fn new(certificates: Arc<Certificates>) -> Result<Self, Error> {
        let mut config = ServerConfig::builder_with_provider(crate::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Protocol)?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(Error::Protocol)?;
        // One is enough for a client that connects again; each costs a record and its encryption.
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), certificates })
    }

    /// The server's end of a new connection.
    ///
    /// # Errors
    /// None that a sound configuration can cause.
    pub fn start(&self) -> Result<Tls, Error> {
        let connection = ServerConnection::new(self.config.clone()).map_err(Error::Protocol)?;
        Ok(Tls::new(connection.into(), false))
    }

    /// The certificates it shows.
    #[must_use]
    pub const fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("certificates", &self.certificates).finish()
    }
}
