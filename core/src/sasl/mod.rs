//! SASL (RFC 4422): proving who one is, the same way in every protocol.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`server`] | [`server::Exchange`], which the server machines embed |
//! | [`client`] | [`client::Exchange`], which the client machines embed |
//! | [`question`] | what the machines ask the host: [`SignIn`], [`Lookup`] and their answers |
//! | [`credentials`] | [`Credentials`]: a name and a password in clear, as events show them |
//! | [`channel`] | [`Terms`]: what a server offers over which channel; [`Channel`]: what mechanisms bind to |
//! | [`scram`] | SCRAM-SHA-1 and SCRAM-SHA-256, each with and without `-PLUS`, RFC 5802 and RFC 7677, both sides; [`scram::Verifier`] |
//! | [`plain`] | PLAIN, RFC 4616, both sides |
//! | [`login`] | LOGIN, which has no RFC, both sides |
//! | [`oauthbearer`] | OAUTHBEARER, RFC 7628, both sides |
//! | [`xoauth2`] | XOAUTH2, which has no RFC, both sides |
//! | [`token`] | [`Token`] and [`Denial`], which these two share |
//! | [`external`] | EXTERNAL, RFC 4422 appendix A, both sides; [`Certificate`] |
//! | [`gs2`] | the header of SCRAM and OAUTHBEARER, RFC 5801 |
//! | [`prep`] | SASLprep, RFC 4013 |
//!
//! # What a protocol adds
//! A protocol has its own words around an exchange: the command that starts it, the prefix of a
//! challenge (`334 `, `+ `), the final reply. Everything between is here: base64, the initial response
//! `=`, cancelling with `*`, the order of messages, the proof. A machine hands each line to the exchange and
//! does what the [`server::Step`] says.
//!
//! Neither side makes randomness: nonces come with answers or from whoever builds a client.

pub mod channel;
pub mod client;
pub mod credentials;
pub mod external;
pub mod gs2;
pub mod login;
pub mod oauthbearer;
pub mod plain;
pub mod prep;
pub mod question;
pub mod scram;
pub mod server;
#[cfg(test)]
mod tests;
pub mod token;
pub mod xoauth2;

pub use channel::{Channel, Terms};
pub use credentials::Credentials;
pub use external::Certificate;
pub use question::{Bearer, External, Found, Grant, Identity, Known, Lookup, SignIn, Verdict};
pub use scram::{Hash, Verifier};
pub use token::{Denial, Token};

use core::fmt;

/// Octets of one line of an exchange at most, with its CR LF (`smtp_auth_line`, RFC 4954 §4.3): for
/// SMTP, POP3 and ManageSieve alike.
pub const LINE: usize = 12_288;

/// A mechanism that both our sides speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// `EXTERNAL`, RFC 4422 appendix A: by the certificate that was shown to TLS.
    External,
    /// `LOGIN`: name and password in clear, in two rounds. For old clients.
    Login,
    /// `OAUTHBEARER`, RFC 7628: a bearer token.
    OauthBearer,
    /// `PLAIN`, RFC 4616: name and password in clear, in one message.
    Plain,
    /// `SCRAM-SHA-1`, RFC 5802: the password is proved and never sent.
    ScramSha1,
    /// `SCRAM-SHA-1-PLUS`, RFC 5802: the same, bound to the TLS session.
    ScramSha1Plus,
    /// `SCRAM-SHA-256`, RFC 7677: the password is proved and never sent.
    ScramSha256,
    /// `SCRAM-SHA-256-PLUS`, RFC 7677: the same, bound to the TLS session.
    ScramSha256Plus,
    /// `XOAUTH2`: a bearer token, in the form before OAUTHBEARER.
    Xoauth2,
}

impl Mechanism {
    /// All of them. What binds to the channel comes first, then the strongest: the order in which they are
    /// advertised, and in which a client tries what suits its account.
    pub const ALL: [Self; 9] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::External,
        Self::OauthBearer,
        Self::Xoauth2,
        Self::Plain,
        Self::Login,
    ];

    /// Those that a host honours which keeps one SCRAM-SHA-256 verifier and one hash of each password: what servers
    /// offer by default.
    pub const PASSWORD: [Self; 4] =
        [Self::ScramSha256Plus, Self::ScramSha256, Self::Plain, Self::Login];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::Login => "LOGIN",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// The mechanism of that name, without regard to case.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether it sends the password or the token itself, and so wants TLS under it.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        matches!(self, Self::Login | Self::OauthBearer | Self::Plain | Self::Xoauth2)
    }

    /// Whether it binds to the TLS session under it.
    #[must_use]
    pub const fn is_bound(self) -> bool {
        matches!(self, Self::ScramSha1Plus | Self::ScramSha256Plus)
    }

    /// The hash that it is built upon, if it is SCRAM.
    #[must_use]
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::ScramSha1 | Self::ScramSha1Plus => Some(Hash::Sha1),
            Self::ScramSha256 | Self::ScramSha256Plus => Some(Hash::Sha256),
            _ => None,
        }
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
    /// The client binds to the channel in a way that we do not, or where the mechanism does not.
    ChannelBinding,
    /// The client could bind to the channel and did not see that we offer it: somebody changed the list on its way
    /// (RFC 5802 §6).
    Downgrade,
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
        matches!(self, Self::Cancelled | Self::ChannelBinding | Self::Downgrade | Self::Malformed)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::ChannelBinding => "this channel binding is not supported",
            Self::Downgrade => "the client did not see that channel binding is offered",
            Self::Malformed => "malformed message",
            Self::Rejected => "credentials rejected",
            Self::Unavailable => "temporarily unavailable",
        })
    }
}
