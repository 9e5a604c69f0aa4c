//! The server's side of TLS, shared by all its connections.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::certificates::Certificates;
use crate::tls::{Error, Tls};

/// Makes the server's end of TLS connections. Cheap to clone.
///
/// TLS 1.2 and 1.3 with the suites that rustls offers, no early data, client certificates where
/// [`ClientCertificates`] asks for them. Sessions
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
        Self::asking(certificates, ClientCertificates::Ignored)
    }

    /// TLS with `certificates`, which asks clients for theirs or does not.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn asking(
        certificates: Arc<Certificates>,
        clients: ClientCertificates,
    ) -> Result<Self, Error> {
        let builder = ServerConfig::builder_with_provider(crate::provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Protocol)?;
        let builder = match clients {
            ClientCertificates::Ignored => builder.with_no_client_auth(),
            ClientCertificates::Requested => builder
                .with_client_cert_verifier(Arc::new(AnyHolder { provider: crate::provider() })),
        };
        let mut config = builder.with_cert_resolver(certificates.clone());
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

/// Whether a server wants to see certificates of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// It does not ask for them.
    #[default]
    Ignored,
    /// It asks, and does without if there is none. Any certificate will do whose key the client proves to hold: who
    /// signed it, for whom and until when is not looked at, and
    /// [`TlsFacts::verified`](posthaste_core::machine::TlsFacts::verified) stays false. Whoever signs somebody
    /// in by it must know the certificate itself
    /// ([`TlsFacts::certificate`](posthaste_core::machine::TlsFacts::certificate)).
    Requested,
}

/// Accepts any certificate; always checks that the client holds its key.
#[derive(Debug)]
struct AnyHolder {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyHolder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("certificates", &self.certificates).finish()
    }
}
