//! Mail addresses: local parts, mailboxes, the paths of SMTP.
//!
//! [`Mailbox`] is an address as it was written, borrowed; [`Address`] is its canonical form, owned:
//! the local part without quotes it does not need, the domain in lower-case A-labels.
//! [`ReversePath`] and [`ForwardPath`] are what MAIL and RCPT carry in angle brackets.
//!
//! | module | holds |
//! |---|---|
//! | `local` | [`LocalPart`] |
//! | `path` | [`ReversePath`], [`ForwardPath`] |
//! | `usual` | the short way to read a path, for nearly all of them |

mod local;
mod path;
#[cfg(test)]
mod tests;
mod usual;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use memchr::memchr;

use super::domain::{Domain, DomainError, Host};

pub(crate) use local::is_atext;
pub use local::{LOCAL_OCTETS, LocalPart};
pub use path::{ForwardPath, ReversePath};

/// What is wrong with an address or a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There are no angle brackets around the path, or one is missing.
    Brackets,
    /// The part behind the `@`.
    Domain(DomainError),
    /// The part before the `@` is not well formed.
    Local,
    /// The part before the `@` is too long.
    Long,
    /// There is no `@` and nothing behind it.
    NoDomain,
    /// The list of relays before the mailbox is not well formed.
    Route,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brackets => "the address wants angle brackets",
            Self::Domain(error) => return error.fmt(f),
            Self::Local => "the part before the @ is not well formed",
            Self::Long => "the part before the @ is too long",
            Self::NoDomain => "the address has no domain",
            Self::Route => "the source route is not well formed",
        })
    }
}

impl core::error::Error for AddressError {}

impl From<DomainError> for AddressError {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}

/// An address as it was written.
///
/// ```
/// use posthaste_core::grammar::address::Mailbox;
///
/// let written = Mailbox::parse(br#""joe"@EXAMPLE.test"#).unwrap();
/// assert_eq!(written, Mailbox::parse(b"joe@example.test").unwrap());
/// assert_eq!(written.to_address().as_str(), "joe@example.test");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox<'a> {
    /// Left of the `@`.
    pub local: LocalPart<'a>,
    /// Right of the `@`.
    pub host: Host<'a>,
}

impl<'a> Mailbox<'a> {
    /// Parses `local@host`; RFC 5321 §4.1.2 `Mailbox`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, AddressError> {
        let local = local_end(text);
        let (local, host) = text.split_at_checked(local).unwrap_or((text, b""));
        match host {
            [b'@', host @ ..] => {
                Ok(Self { local: LocalPart::parse(local)?, host: Host::parse(host)? })
            }
            [] => {
                LocalPart::parse(local)?;
                Err(AddressError::NoDomain)
            }
            _ => Err(AddressError::Local),
        }
    }

    /// The domain, unless the host is an address literal.
    #[must_use]
    pub const fn domain(self) -> Option<Domain<'a>> {
        self.host.domain()
    }

    /// Whether only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        self.local.is_utf8() || self.host.is_utf8()
    }

    /// The canonical form, owned.
    #[must_use]
    pub fn to_address(self) -> Address {
        let mut text = String::with_capacity(LOCAL_OCTETS.min(64));
        self.local.write_canonical(&mut text);
        // Two quotes and as many backslashes as octets at most.
        let at = u16::try_from(text.len()).unwrap_or(u16::MAX);
        text.push('@');
        self.host.write_canonical(&mut text);
        Address { text: text.into_boxed_str(), at }
    }
}

impl fmt::Display for Mailbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.host)
    }
}

/// An address in canonical form, owned. Equality is equality of addresses as RFC 5321 §2.4 has it:
/// the local part counts case. Accounts fold it ([`folded`](Self::folded)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: Box<str>,
    /// Where the `@` is that parts local part and host.
    at: u16,
}

impl Address {
    /// Parses `local@host` and keeps its canonical form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, AddressError> {
        Mailbox::parse(text).map(Mailbox::to_address)
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Left of the `@`, quoted if it has to be.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.get(..usize::from(self.at)).unwrap_or_default()
    }

    /// Right of the `@`: a domain in lower-case A-labels, or an address literal.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(usize::from(self.at) + 1..).unwrap_or_default()
    }

    /// With the ASCII letters of the local part in lower case: how accounts are found.
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { text: self.text.to_ascii_lowercase().into_boxed_str(), at: self.at }
    }

    /// The address, borrowed.
    ///
    /// # Errors
    /// None for an address that was made by this type.
    pub fn as_mailbox(&self) -> Result<Mailbox<'_>, AddressError> {
        Mailbox::parse(self.text.as_bytes())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where the local part at the front of `text` ends: at the `@` that follows it, if one does.
fn local_end(text: &[u8]) -> usize {
    let mut at = 0;
    if text.first() == Some(&b'"') {
        at = 1;
        while let Some(&c) = text.get(at) {
            at += 1;
            match c {
                b'"' => break,
                b'\\' => at += 1,
                _ => {}
            }
        }
        return at.min(text.len());
    }
    at += memchr(b'@', text).unwrap_or(text.len());
    at
}
