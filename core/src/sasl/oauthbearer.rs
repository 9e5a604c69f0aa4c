//! OAUTHBEARER, RFC 7628: an OAuth 2.0 bearer token in one message. When it is no good, the server says why in a
//! challenge, and the client has to answer it before it is told no.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::gs2::{self, Flag, Header};
use super::token::{SEPARATOR, Token, credentials};
use super::{Failure, Mechanism};
use crate::grammar::decimal;
use crate::text::Secret;

/// What a client answers to the challenge that says why its token is no good (RFC 7628 §3.2.3).
pub const DUMMY: &[u8] = &[SEPARATOR];

/// Key and value pairs of a message at most; ours have three.
pub const PAIRS: usize = 32;

/// Reads the client's message (RFC 7628 §3.1, `client-resp`): a GS2 header, and pairs of key and value.
///
/// # Errors
/// [`Failure::ChannelBinding`] if the client insists on a binding, which no variant of the mechanism has;
/// [`Failure::Malformed`] for what the grammar does not have, for a key that comes twice, for a message without `auth`
/// and for one whose `auth` is not a bearer token.
pub fn parse(message: &[u8]) -> Result<Token, Failure> {
    let text = core::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
    let Header { flag, authorization, rest } = Header::parse(text)?;
    if let Flag::Bound(_) = flag {
        return Err(Failure::ChannelBinding);
    }
    // `kvsep *kvpair kvsep`: one separator in front, and one behind that of the last pair.
    let rest = rest.as_bytes().strip_prefix(&[SEPARATOR]).ok_or(Failure::Malformed)?;
    let pairs = match rest.strip_suffix(&[SEPARATOR]).ok_or(Failure::Malformed)? {
        b"" => &[][..],
        pairs => pairs.strip_suffix(&[SEPARATOR]).ok_or(Failure::Malformed)?,
    };
    let mut seen: Vec<&[u8]> = Vec::new();
    let (mut auth, mut host, mut port) = (None, None, None);
    for pair in pairs.split(|octet| *octet == SEPARATOR) {
        let at = pair.iter().position(|octet| *octet == b'=').ok_or(Failure::Malformed)?;
        let (key, value) = (&pair[..at], &pair[at + 1..]);
        let is_value = |octet: &u8| matches!(octet, b'\t' | b'\r' | b'\n' | b' '..=b'~');
        let known = !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic);
        if !known || !value.iter().all(is_value) || seen.contains(&key) || seen.len() == PAIRS {
            return Err(Failure::Malformed);
        }
        seen.push(key);
        match key {
            b"auth" => auth = Some(credentials(value)?),
            b"host" => host = Some(host_name(value)?),
            b"port" => port = Some(port_number(value)?),
            // RFC 7628 §3.1: what is not known MUST be ignored.
            _ => {}
        }
    }
    let secret = auth.ok_or(Failure::Malformed)?;
    let mut token = Token::new(Mechanism::OauthBearer, authorization, secret);
    (token.host, token.port) = (host, port);
    Ok(token)
}

/// Writes the message. The token is a `b64token`.
#[must_use]
pub fn message(user: &str, server: Option<(&str, u16)>, token: Secret<'_>) -> Zeroizing<Vec<u8>> {
    let mut head = Vec::new();
    gs2::push(Flag::None, Some(user), &mut head);
    head.push(SEPARATOR);
    if let Some((host, port)) = server {
        head.extend_from_slice(b"host=");
        head.extend_from_slice(host.as_bytes());
        head.push(SEPARATOR);
        head.extend_from_slice(b"port=");
        decimal::push(port.into(), &mut head);
        head.push(SEPARATOR);
    }
    head.extend_from_slice(b"auth=Bearer ");
    // The exact size, so that no half-written copy of the token is left behind by growing.
    let mut message = Zeroizing::new(Vec::with_capacity(head.len() + token.expose().len() + 2));
    message.extend_from_slice(&head);
    message.extend_from_slice(token.expose());
    message.extend_from_slice(&[SEPARATOR; 2]);
    message
}

/// What stands in HTTP's Host field, as far as a name or an address can be in it.
fn host_name(value: &[u8]) -> Result<String, Failure> {
    let text = core::str::from_utf8(value).map_err(|_| Failure::Malformed)?;
    if is_host(text) { Ok(text.into()) } else { Err(Failure::Malformed) }
}

/// Whether it could be a host name or an address.
pub(super) fn is_host(text: &str) -> bool {
    let may = |octet: u8| octet.is_ascii_alphanumeric() || b"-._:[]".contains(&octet);
    !text.is_empty() && text.bytes().all(may)
}

/// RFC 7628 §3.1: decimal, positive, without zeros in front.
fn port_number(value: &[u8]) -> Result<u16, Failure> {
    let digits = value.iter().all(u8::is_ascii_digit) && !value.starts_with(b"0");
    let text = core::str::from_utf8(value).map_err(|_| Failure::Malformed)?;
    if digits { text.parse().map_err(|_| Failure::Malformed) } else { Err(Failure::Malformed) }
}
