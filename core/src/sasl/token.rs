//! What OAUTHBEARER and XOAUTH2 have in common: a bearer token (RFC 6750), and the words for one that is no good.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Failure, Mechanism};
use crate::text::{OwnedSecret, Secret};

/// A bearer token as a client showed it: whoever has it may come in, so it is a secret.
pub struct Token {
    /// The mechanism that brought it.
    pub mechanism: Mechanism,
    /// Whom the client wants to act as, prepared. XOAUTH2 always says; with OAUTHBEARER the token alone may.
    pub user: Option<String>,
    /// The host name that the client connected to, if it says. A host that knows its names must compare
    /// (RFC 7628 §3.2).
    pub host: Option<String>,
    /// The port that the client connected to, if it says. To be compared as `host`.
    pub port: Option<u16>,
    secret: OwnedSecret,
}

impl Token {
    /// A token with nothing said about it.
    pub(super) const fn new(
        mechanism: Mechanism,
        user: Option<String>,
        secret: OwnedSecret,
    ) -> Self {
        Self { mechanism, user, host: None, port: None, secret }
    }

    /// The token itself: a `b64token` of RFC 6750 §2.1. Empty where a client only asks which scope is wanted (RFC 7628
    /// §4.3): such a one is never let in, whatever the answer.
    #[must_use]
    pub fn secret(&self) -> Secret<'_> {
        Secret::new(self.secret.expose())
    }

    /// Whether there is none: the client asks what a [`Denial`] says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secret.expose().is_empty()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mechanism)?;
        if let Some(user) = &self.user {
            write!(f, " {user:?}")?;
        }
        if let Some(host) = &self.host {
            write!(f, " at {host:?}")?;
        }
        if let Some(port) = self.port {
            write!(f, " port {port}")?;
        }
        f.write_str(if self.is_empty() { " [none]" } else { " [secret]" })
    }
}

/// Why a token opens nothing, in words that help the client to get a better one (RFC 7628 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is wrong with it.
    pub status: Status,
    /// The scope that a token must have. It is not told if it is longer than [`FIELD`](Self::FIELD).
    pub scope: Option<Box<str>>,
    /// Where the client finds out where tokens come from: the `https` URL of an OpenID provider's
    /// configuration. It is not told if it is longer than [`FIELD`](Self::FIELD), nor by XOAUTH2, which has
    /// no word for it.
    pub openid_configuration: Option<Box<str>>,
}

/// What is wrong with a token (RFC 6750 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does not have the scope that is wanted.
    InsufficientScope,
    /// It is unknown, expired, revoked, or somebody else's. One word for all.
    InvalidToken,
}

impl Denial {
    /// Octets of a field that are told.
    pub const FIELD: usize = 1_024;

    /// `invalid_token`, and nothing else is told.
    #[must_use]
    pub const fn invalid() -> Self {
        Self { status: Status::InvalidToken, scope: None, openid_configuration: None }
    }

    /// The challenge that says it: one JSON object.
    pub(super) fn challenge(&self, mechanism: Mechanism) -> Vec<u8> {
        let mut out = Vec::new();
        let mut member = |name: &str, value: &str| {
            out.push(if out.is_empty() { b'{' } else { b',' });
            push_string(name, &mut out);
            out.push(b':');
            push_string(value, &mut out);
        };
        let xoauth2 = mechanism == Mechanism::Xoauth2;
        member(
            "status",
            match (self.status, xoauth2) {
                (Status::InsufficientScope, false) => "insufficient_scope",
                (Status::InvalidToken, false) => "invalid_token",
                // XOAUTH2 was made before there was a registry, and has the numbers of HTTP (RFC 6750 §3.1).
                (Status::InsufficientScope, true) => "403",
                (Status::InvalidToken, true) => "401",
            },
        );
        if xoauth2 {
            member("schemes", "bearer");
        }
        let told = |field: &'_ Option<Box<str>>| {
            field.as_deref().filter(|text| text.len() <= Self::FIELD).map(String::from)
        };
        if let Some(scope) = told(&self.scope) {
            member("scope", &scope);
        }
        if let Some(url) = told(&self.openid_configuration).filter(|_| !xoauth2) {
            member("openid-configuration", &url);
        }
        out.push(b'}');
        out
    }
}

/// A JSON string (RFC 8259 §7), in ASCII.
fn push_string(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            ' '..='~' => out.push(c as u8),
            other => {
                for unit in other.encode_utf16(&mut units) {
                    out.extend_from_slice(b"\\u");
                    let digit = |shift: u16| DIGITS[usize::from(*unit >> shift & 15)];
                    out.extend([12, 8, 4, 0].map(digit));
                }
            }
        }
    }
    out.push(b'"');
}

/// Reads the value of `auth`: `Bearer`, in any case, and a token. Nothing at all is an empty token.
pub(super) fn credentials(value: &[u8]) -> Result<OwnedSecret, Failure> {
    if value.is_empty() {
        return Ok(OwnedSecret::new(Vec::new()));
    }
    let (scheme, mut token) = value.split_at_checked(7).ok_or(Failure::Malformed)?;
    while let [b' ', behind @ ..] = token {
        token = behind;
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer ") || !is_token(token) {
        return Err(Failure::Malformed);
    }
    Ok(OwnedSecret::new(token.to_vec()))
}

/// `b64token`, RFC 6750 §2.1.
pub(super) fn is_token(octets: &[u8]) -> bool {
    let pad = octets.iter().rev().take_while(|octet| **octet == b'=').count();
    let body = octets.get(..octets.len() - pad).unwrap_or_default();
    !body.is_empty()
        && body.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet))
}

/// Octets between the parts of a message.
pub(super) const SEPARATOR: u8 = 1;
