//! XOAUTH2: as OAUTHBEARER, in the form that came before it. No RFC; as large providers document it and clients
//! do it.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::token::{SEPARATOR, Token, credentials};
use super::{Failure, Mechanism, prep};
use crate::text::Secret;

/// Reads the client's message: `user=` and a name, a separator, `auth=Bearer` and a token, two separators; in this
/// order, and nothing else.
///
/// # Errors
/// [`Failure::Malformed`] for anything else, and for a name that cannot be prepared.
pub fn parse(message: &[u8]) -> Result<Token, Failure> {
    let mut parts = message.split(|octet| *octet == SEPARATOR);
    let (Some(user), Some(auth), Some(b""), Some(b""), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::Malformed);
    };
    let user = user.strip_prefix(b"user=").ok_or(Failure::Malformed)?;
    let user = prep::prepare_octets(user).map_err(|_| Failure::Malformed)?.into_owned();
    let auth = auth.strip_prefix(b"auth=").ok_or(Failure::Malformed)?;
    Ok(Token::new(Mechanism::Xoauth2, Some(user), credentials(auth)?))
}

/// Writes the message. The name was prepared and so holds no separator; the token is a `b64token`.
#[must_use]
pub fn message(user: &str, token: Secret<'_>) -> Zeroizing<Vec<u8>> {
    let token = token.expose();
    // The exact size, so that no half-written copy of the token is left behind by growing.
    let size = user.len() + token.len() + 20;
    let mut message = Zeroizing::new(Vec::with_capacity(size));
    message.extend_from_slice(b"user=");
    message.extend_from_slice(user.as_bytes());
    message.extend_from_slice(b"\x01auth=Bearer ");
    message.extend_from_slice(token);
    message.extend_from_slice(&[SEPARATOR; 2]);
    message
}
