//! The channel under an exchange, and what a server offers over it.

use super::Mechanism;
use crate::machine::{Exporter, Fingerprint, TlsFacts};

/// What one side of an exchange knows of the channel under it, as far as mechanisms rest on it. By default
/// there is no TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// What a mechanism can bind to.
    pub exporter: Option<Exporter>,
    /// Whether a mechanism that binds to the channel was offered: by us if we are the server, else in the list
    /// that we read.
    pub plus: bool,
    /// The certificate that the peer showed.
    pub certificate: Option<Fingerprint>,
}

/// What a server offers in one session: the mechanisms of its configuration, as far as they may be used over
/// this channel.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'c> {
    /// The mechanisms of the configuration, in the order they are advertised.
    pub mechanisms: &'c [Mechanism],
    /// What is known of TLS, once it is up.
    pub tls: Option<&'c TlsFacts>,
    /// Offer mechanisms that send the password itself although TLS is not up.
    pub plaintext_auth: bool,
    /// Offer those that hide it although TLS is not up; [`plaintext_auth`](Self::plaintext_auth) includes it.
    pub auth_before_tls: bool,
}

impl<'c> Terms<'c> {
    /// What is offered now, in the order of the configuration.
    pub fn offered(self) -> impl Iterator<Item = Mechanism> + 'c {
        self.mechanisms.iter().copied().filter(move |mechanism| self.carries(*mechanism))
    }

    /// Whether this mechanism is offered now.
    #[must_use]
    pub fn offers(self, mechanism: Mechanism) -> bool {
        self.mechanisms.contains(&mechanism) && self.carries(mechanism)
    }

    /// Whether this mechanism is not offered for want of TLS alone.
    #[must_use]
    pub fn wants_tls(self, mechanism: Mechanism) -> bool {
        self.tls.is_none() && self.mechanisms.contains(&mechanism) && !self.carries(mechanism)
    }

    /// Whether a password may be sent in clear by the protocol's own commands.
    #[must_use]
    pub const fn allows_clear(self) -> bool {
        self.tls.is_some() || self.plaintext_auth
    }

    /// The channel as an exchange that begins now must know it.
    #[must_use]
    pub fn channel(self) -> Channel {
        Channel {
            exporter: self.tls.and_then(|tls| tls.exporter),
            plus: self.offered().any(Mechanism::is_bound),
            certificate: self.tls.and_then(|tls| tls.certificate),
        }
    }

    fn carries(self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => self.tls.is_some_and(|tls| tls.certificate.is_some()),
            Mechanism::Login | Mechanism::Plain => self.allows_clear(),
            // RFC 7628 §3: TLS MUST be used; XOAUTH2 sends the same token.
            Mechanism::OauthBearer | Mechanism::Xoauth2 => self.tls.is_some(),
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => {
                self.allows_clear() || self.auth_before_tls
            }
            Mechanism::ScramSha1Plus | Mechanism::ScramSha256Plus => {
                self.tls.is_some_and(|tls| tls.exporter.is_some())
            }
        }
    }
}
