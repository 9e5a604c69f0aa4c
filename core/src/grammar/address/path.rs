//! What MAIL and RCPT carry in angle brackets, RFC 5321 §4.1.2.

use core::fmt;

use memchr::memchr;

use super::usual::usual;
use super::{AddressError, Mailbox};
use crate::grammar::domain::Domain;

/// Who sent a message, for reports: a mailbox or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath<'a> {
    /// A mailbox.
    Mailbox(Mailbox<'a>),
    /// `<>`: this is a report itself; send none about it.
    Null,
}

impl<'a> ReversePath<'a> {
    /// Parses `<...>` at the front of `text` and returns what follows it; RFC 5321 §4.1.2.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<(Self, &'a [u8]), AddressError> {
        if let Some((mailbox, rest)) = usual(text) {
            return Ok((Self::Mailbox(mailbox), rest));
        }
        let (inner, rest) = brackets(text)?;
        if inner.is_empty() {
            return Ok((Self::Null, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(without_route(inner)?)?), rest))
    }

    /// The mailbox, if there is one.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Null => None,
        }
    }
}

impl fmt::Display for ReversePath<'_> {
    /// With angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
            Self::Null => f.write_str("<>"),
        }
    }
}

/// Who is to get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath<'a> {
    /// A mailbox.
    Mailbox(Mailbox<'a>),
    /// `<Postmaster>` without a domain, in any case of letters; RFC 5321 §4.5.1.
    Postmaster,
}

impl<'a> ForwardPath<'a> {
    /// Parses `<...>` at the front of `text` and returns what follows it; RFC 5321 §4.1.2.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<(Self, &'a [u8]), AddressError> {
        if let Some((mailbox, rest)) = usual(text) {
            return Ok((Self::Mailbox(mailbox), rest));
        }
        let (inner, rest) = brackets(text)?;
        if inner.eq_ignore_ascii_case(b"postmaster") {
            return Ok((Self::Postmaster, rest));
        }
        Ok((Self::Mailbox(Mailbox::parse(without_route(inner)?)?), rest))
    }

    /// The mailbox, unless it is the bare postmaster.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Postmaster => None,
        }
    }
}

impl fmt::Display for ForwardPath<'_> {
    /// With angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
            Self::Postmaster => f.write_str("<Postmaster>"),
        }
    }
}

/// What stands in the brackets at the front of `text`, and what follows them. Brackets in a quoted
/// string do not count.
pub(super) fn brackets(text: &[u8]) -> Result<(&[u8], &[u8]), AddressError> {
    let [b'<', inner @ ..] = text else {
        return Err(AddressError::Brackets);
    };
    let mut quoted = false;
    let mut at = 0;
    while let Some(&c) = inner.get(at) {
        match c {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b'>' if !quoted => {
                let (inner, rest) = inner.split_at_checked(at).ok_or(AddressError::Brackets)?;
                return Ok((inner, rest.get(1..).unwrap_or_default()));
            }
            _ => {}
        }
        at += 1;
    }
    Err(AddressError::Brackets)
}

/// Drops `@a,@b:` from the front: accepted and ignored, RFC 5321 appendix C.
pub(super) fn without_route(inner: &[u8]) -> Result<&[u8], AddressError> {
    if inner.first() != Some(&b'@') {
        return Ok(inner);
    }
    let colon = memchr(b':', inner).ok_or(AddressError::Route)?;
    let (route, mailbox) = inner.split_at_checked(colon).ok_or(AddressError::Route)?;
    for hop in route.split(|&c| c == b',') {
        match hop {
            [b'@', domain @ ..] if Domain::parse(domain).is_ok() => {}
            _ => return Err(AddressError::Route),
        }
    }
    Ok(mailbox.get(1..).unwrap_or_default())
}
