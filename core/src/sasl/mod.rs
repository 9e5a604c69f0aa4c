//! SASL (RFC 4422): proving who one is, the same way in every protocol.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`server`] | [`server::Exchange`], which the server machines embed |
//! | [`client`] | [`client::Exchange`], which the client machines embed |
//! | [`question`] | what the machines ask the host: [`SignIn`], [`Lookup`] and their answers |
//! | [`credentials`] | [`Credentials`]: a name and a password in clear, as events show them |
//! | [`plain`] | PLAIN, RFC 4616, both sides |
//! | [`login`] | LOGIN, which has no RFC, both sides |
//! | [`scram`] | SCRAM-SHA-256, RFC 5802 and RFC 7677, both sides; [`scram::Verifier`] |
//! | [`prep`] | SASLprep, RFC 4013 |
//!
//! # What a protocol adds
//! A protocol has its own words around an exchange: the command that starts it, the prefix of a
//! challenge (`334 `, `+ `), the final reply. Everything between is here: base64, the initial response
//! `=`, cancelling with `*`, the order of messages, the proof. A machine hands each line to the exchange and
//! does what the [`server::Step`] says.
//!
//! Neither side makes randomness: nonces come with answers or from whoever builds a client.
//!
//! # Not here
//! Channel binding (`SCRAM-SHA-256-PLUS`) is not offered, so a client that insists on it (`p=`) is refused,
//! and one that says `y` or `n` is served (RFC 5802 §6).

pub mod client;
pub mod credentials;
pub mod login;
pub mod plain;
pub mod prep;
pub mod question;
pub mod scram;
pub mod server;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use question::{Found, Identity, Known, Lookup, SignIn, Verdict};
pub use scram::Verifier;

use core::fmt;

/// Octets of one line of an exchange at most, with its CR LF (`smtp_auth_line`, RFC 4954 §4.3): for
/// SMTP, POP3 and ManageSieve alike.
pub const LINE: usize = 12_288;

/// A mechanism that both our sides speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// `LOGIN`: name and password in clear, in two rounds. For old clients.
    Login,
    /// `PLAIN`, RFC 4616: name and password in clear, in one message.
    Plain,
    /// `SCRAM-SHA-256`, RFC 7677: the password is proved and never sent.
    ScramSha256,
}

impl Mechanism {
    /// All of them, the strongest first: the order in which they are advertised.
    pub const ALL: [Self; 3] = [Self::ScramSha256, Self::Plain, Self::Login];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }

    /// The mechanism of that name, without regard to case.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether it sends the password itself, and so wants TLS under it.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        matches!(self, Self::Login | Self::Plain)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an exchange failed on the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The client gave up with `*`.
    Cancelled,
    /// The client insists on a channel binding, and none is offered.
    ChannelBinding,
    /// A message that is not base64, or not what the mechanism has at this place.
    Malformed,
    /// The proof is wrong, or the host rejected the credentials.
    Rejected,
    /// The host cannot say now.
    Unavailable,
}

impl Failure {
    /// Whether the client broke the rules or gave up, rather than proved wrong: not a guess at a password.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Cancelled | Self::ChannelBinding | Self::Malformed)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::ChannelBinding => "channel binding is not supported",
            Self::Malformed => "malformed message",
            Self::Rejected => "credentials rejected",
            Self::Unavailable => "temporarily unavailable",
        })
    }
}
