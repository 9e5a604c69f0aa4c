//! PLAIN, RFC 4616: name and password in one message, in clear.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Credentials, Failure, Mechanism};
use crate::text::{OwnedSecret, Secret};

/// Reads the message `[authzid] NUL authcid NUL passwd` (RFC 4616 §2), and prepares what it holds.
///
/// # Errors
/// [`Failure::Malformed`] if there are not exactly two NULs, the name or the password is empty, or something is
/// not UTF-8 or cannot be prepared.
pub fn parse(message: &[u8]) -> Result<Credentials<'static>, Failure> {
    let mut parts = message.split(|octet| *octet == 0);
    let (Some(authorization), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::Malformed);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::Malformed);
    }
    let mut credentials =
        Credentials::owned(user.to_vec(), OwnedSecret::new(password.to_vec())).by(Mechanism::Plain);
    if !authorization.is_empty() {
        credentials = credentials.acting_as(authorization.to_vec());
    }
    credentials.prepared().map_err(|_| Failure::Malformed)
}

/// Writes the message. The caller has checked that no part holds a NUL.
#[must_use]
pub fn message(authorization: &str, user: &str, password: Secret<'_>) -> Zeroizing<Vec<u8>> {
    let password = password.expose();
    // The exact size, so that no half-written copy of the password is left behind by growing.
    let size = authorization.len() + user.len() + password.len() + 2;
    let mut message = Zeroizing::new(Vec::with_capacity(size));
    message.extend_from_slice(authorization.as_bytes());
    message.push(0);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    message.extend_from_slice(password);
    message
}
