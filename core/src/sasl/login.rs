//! LOGIN: name and password in two rounds, in clear. No RFC; as old clients and servers do it.

use alloc::vec::Vec;

use super::{Credentials, Failure, Mechanism};
use crate::text::OwnedSecret;

/// The first challenge. Its text is what clients were written against.
pub const USER: &[u8] = b"Username:";
/// The second challenge.
pub const PASSWORD: &[u8] = b"Password:";

/// Joins the two responses, and prepares them.
///
/// # Errors
/// [`Failure::Malformed`] if one is empty, holds a NUL, is not UTF-8 or cannot be prepared.
pub fn join(user: Vec<u8>, password: OwnedSecret) -> Result<Credentials<'static>, Failure> {
    if password.expose().contains(&0) || user.contains(&0) {
        return Err(Failure::Malformed);
    }
    if password.expose().is_empty() || user.is_empty() {
        return Err(Failure::Malformed);
    }
    Credentials::owned(user, password)
        .by(Mechanism::Login)
        .prepared()
        .map_err(|_| Failure::Malformed)
}
