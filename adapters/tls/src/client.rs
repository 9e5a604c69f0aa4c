//! The client's side of TLS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::certificates::{CertificateError, Source};
use crate::tls::{Error, Tls};

/// Whom a client believes.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Everybody: encryption without knowing the peer. For opportunistic TLS and for trying things.
    Anybody,
    /// The server that shows exactly this certificate (DER), whatever its name and dates.
    Only(Vec<u8>),
    /// Servers whose certificate carries the right name and leads to one of these (DER).
    Roots(Vec<Vec<u8>>),
}

impl Trust {
    /// Where Linux and BSD systems keep the certificates they trust, as one PEM file.
    pub const SYSTEM: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
        "/etc/ssl/ca-bundle.pem",
    ];

    /// The certificates of a PEM file as roots.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn file(path: &Path) -> Result<Self, CertificateError> {
        let certificates = crate::certificates::read_chain(path)?;
        Ok(Self::Roots(certificates.into_iter().map(|der| der.to_vec()).collect()))
    }

    /// The roots that this system trusts: the first of [`SYSTEM`](Self::SYSTEM) that is there.
    ///
    /// # Errors
    /// None is there, or it cannot be read.
    pub fn system() -> Result<Self, CertificateError> {
        let found = Self::SYSTEM.iter().map(Path::new).find(|path| path.exists());
        Self::file(found.unwrap_or(Path::new(Self::SYSTEM[0])))
    }
}

/// Makes the client's end of TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    verifies: bool,
}

impl ClientTls {
    /// TLS 1.2 and 1.3 with servers that `trust` believes.
    ///
    /// # Errors
    /// A root that is no certificate, or no root at all.
    pub fn new(trust: &Trust) -> Result<Self, Error> {
        Self::build(trust, None)
    }

    /// The same, showing this certificate to servers that ask for one: what SASL EXTERNAL signs in by. The files are
    /// read now.
    ///
    /// # Errors
    /// As [`new`](Self::new), or what is wrong with the files.
    pub fn with_certificate(trust: &Trust, own: &Source) -> Result<Self, Error> {
        Self::build(trust, Some(own.load().map_err(Error::Certificate)?.key))
    }

    fn build(trust: &Trust, own: Option<Arc<CertifiedKey>>) -> Result<Self, Error> {
        let provider = crate::provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Protocol)?;
        let builder = match trust {
            Trust::Roots(roots) => {
                let mut store = RootCertStore::empty();
                // System bundles may hold a few that webpki does not understand.
                let ders = roots.iter().map(|der| CertificateDer::from(der.clone()));
                let (added, _) = store.add_parsable_certificates(ders);
                if added == 0 {
                    return Err(Error::Protocol(rustls::Error::General(
                        "no root certificate to trust".into(),
                    )));
                }
                builder.with_root_certificates(store)
            }
            Trust::Anybody | Trust::Only(_) => {
                let only = match trust {
                    Trust::Only(der) => Some(CertificateDer::from(der.clone())),
                    _ => None,
                };
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Pinned { only, provider }))
            }
        };
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        };
        let verifies = !matches!(trust, Trust::Anybody);
        Ok(Self { config: Arc::new(config), verifies })
    }

    /// The client's end of a new connection to the server that is called `name` (a host name or an
    /// address).
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn start(&self, name: &str) -> Result<Tls, Error> {
        let server =
            ServerName::try_from(name.to_owned()).map_err(|_| Error::Name(name.to_owned()))?;
        let connection =
            ClientConnection::new(self.config.clone(), server).map_err(Error::Protocol)?;
        Ok(Tls::new(connection.into(), self.verifies))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("verifies", &self.verifies).finish()
    }
}

/// Accepts one certificate, or any; always checks that the peer holds its key.
#[derive(Debug)]
struct Pinned {
    only: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.only {
            Some(only) if only != shown => {
                Err(rustls::CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
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
