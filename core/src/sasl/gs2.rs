//! The GS2 header, RFC 5801 §4, with which messages of SCRAM and OAUTHBEARER begin.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Failure, prep};

/// What a client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag<'m> {
    /// `n`: it has none.
    None,
    /// `y`: it could, and thinks that the server does not offer any.
    Unoffered,
    /// `p=`: it binds to the channel, by this name of a binding (RFC 5056 §7).
    Bound(&'m str),
}

/// A header that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'m> {
    /// About channel binding.
    pub flag: Flag<'m>,
    /// Whom the client wants to act as (`a=`), prepared.
    pub authorization: Option<String>,
    /// What stands behind the header.
    pub rest: &'m str,
}

impl<'m> Header<'m> {
    /// Reads the header in front of a message. `F,`, which says that a message is not a standard one of
    /// GSS-API, is not for mechanisms that are none.
    ///
    /// # Errors
    /// [`Failure::Malformed`] for what the grammar does not have, and for a name that cannot be prepared.
    pub fn parse(message: &'m str) -> Result<Self, Failure> {
        let (flag, rest) = message.split_once(',').ok_or(Failure::Malformed)?;
        let flag = match flag {
            "n" => Flag::None,
            "y" => Flag::Unoffered,
            other => {
                let name = other.strip_prefix("p=").ok_or(Failure::Malformed)?;
                // `cb-name`.
                let may = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
                if name.is_empty() || !name.bytes().all(may) {
                    return Err(Failure::Malformed);
                }
                Flag::Bound(name)
            }
        };
        let (authorization, rest) = rest.split_once(',').ok_or(Failure::Malformed)?;
        let authorization = match authorization {
            "" => None,
            other => Some(name(other.strip_prefix("a=").ok_or(Failure::Malformed)?)?),
        };
        Ok(Self { flag, authorization, rest })
    }
}

/// Writes a header.
pub fn push(flag: Flag<'_>, authorization: Option<&str>, out: &mut Vec<u8>) {
    match flag {
        Flag::None => out.push(b'n'),
        Flag::Unoffered => out.push(b'y'),
        Flag::Bound(name) => {
            out.extend_from_slice(b"p=");
            out.extend_from_slice(name.as_bytes());
        }
    }
    out.push(b',');
    if let Some(other) = authorization {
        out.extend_from_slice(b"a=");
        push_name(other, out);
    }
    out.push(b',');
}

/// A `saslname` (RFC 5801 §4, RFC 5802 §7), unescaped and prepared.
///
/// # Errors
/// [`Failure::Malformed`] for other escapes than `=2C` and `=3D`, and for a name that cannot be prepared.
pub fn name(raw: &str) -> Result<String, Failure> {
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('=') {
        plain.push_str(before);
        // RFC 5802 §5.1, `n`: any other escape MUST fail.
        let (c, behind) = match (escape.strip_prefix("2C"), escape.strip_prefix("3D")) {
            (Some(behind), _) => (',', behind),
            (_, Some(behind)) => ('=', behind),
            _ => return Err(Failure::Malformed),
        };
        plain.push(c);
        rest = behind;
    }
    plain.push_str(rest);
    Ok(prep::prepare(&plain).map_err(|_| Failure::Malformed)?.into_owned())
}

/// Writes a `saslname`.
pub fn push_name(name: &str, out: &mut Vec<u8>) {
    for octet in name.bytes() {
        match octet {
            b',' => out.extend_from_slice(b"=2C"),
            b'=' => out.extend_from_slice(b"=3D"),
            other => out.push(other),
        }
    }
}
