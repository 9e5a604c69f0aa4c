//! EXTERNAL, RFC 4422 appendix A: the client shows who it is outside of SASL, here by its TLS certificate, and says
//! only whom it wants to act as.

use alloc::string::String;
use core::fmt;

use super::{Failure, prep};
use crate::machine::Fingerprint;

/// A certificate that a client showed to the TLS session and now signs in with. The client has proved that it holds
/// the key, and nothing else was checked: neither who signed the certificate nor whether it has expired.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Which one it is.
    pub fingerprint: Fingerprint,
    /// Whom the client wants to act as, prepared; if it does not say, whoever the certificate stands for.
    pub authorization: Option<String>,
}

impl Certificate {
    /// Reads the client's only message (RFC 4422 §A.1): an authorization identity, or nothing.
    ///
    /// # Errors
    /// [`Failure::Malformed`] for what is not UTF-8, holds a NUL or cannot be prepared.
    pub fn parse(fingerprint: Fingerprint, message: &[u8]) -> Result<Self, Failure> {
        let authorization = match message {
            b"" => None,
            octets => {
                Some(prep::prepare_octets(octets).map_err(|_| Failure::Malformed)?.into_owned())
            }
        };
        Ok(Self { fingerprint, authorization })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EXTERNAL {}", self.fingerprint)?;
        match &self.authorization {
            Some(other) => write!(f, " as {other:?}"),
            None => Ok(()),
        }
    }
}
