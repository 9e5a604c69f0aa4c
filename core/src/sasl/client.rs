//! The client's side of an exchange, message by message.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::prep::{self, Unfit};
use super::{Mechanism, plain, scram};
use crate::grammar::base64;
use crate::text::OwnedSecret;

/// What a client signs in with, prepared.
#[derive(Clone, Debug)]
pub struct Account {
    user: String,
    authorization: Option<String>,
    password: OwnedSecret,
}

impl Account {
    /// A name and its password.
    ///
    /// # Errors
    /// [`Unfit`] if one of them cannot be prepared ([`prep`]).
    pub fn new(user: &str, password: &str) -> Result<Self, Unfit> {
        Ok(Self {
            user: prep::prepare(user)?.into_owned(),
            authorization: None,
            password: OwnedSecret::new(prep::prepare(password)?.into_owned().into_bytes()),
        })
    }

    /// The same, acting as somebody else.
    ///
    /// # Errors
    /// [`Unfit`] if that name cannot be prepared.
    pub fn acting_as(mut self, other: &str) -> Result<Self, Unfit> {
        self.authorization = Some(prep::prepare(other)?.into_owned());
        Ok(self)
    }

    /// Whose password it is.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// An exchange of a client.
///
/// Ask for the [`initial`](Self::initial) response first: it goes into the command or, where the
/// server takes none there, answers its first, empty challenge. Then each challenge gets a
/// [`response`](Self::response). When the server says that all is well, believe it only if
/// [`is_satisfied`](Self::is_satisfied).
pub struct Exchange(State);

enum State {
    /// Everything was said and heard.
    Done,
    /// Something went wrong.
    Failed,
    LoginPassword(OwnedSecret),
    LoginUser(Box<Account>),
    Plain(Box<Account>),
    ScramFinal(Box<scram::Client>),
    ScramFirst(Box<scram::Client>),
    ScramProof(Box<scram::Client>),
}

impl Exchange {
    /// Octets of randomness that an exchange wants.
    pub const NONCE: usize = super::Known::NONCE;

    /// Begins. `nonce` is fresh randomness, for this exchange only; SCRAM uses it.
    #[must_use]
    pub fn new(mechanism: Mechanism, account: Account, nonce: [u8; Self::NONCE]) -> Self {
        Self(match mechanism {
            Mechanism::Login => State::LoginUser(Box::new(account)),
            Mechanism::Plain => State::Plain(Box::new(account)),
            Mechanism::ScramSha256 => State::ScramFirst(Box::new(scram::Client::new(
                &account.user,
                account.authorization.as_deref(),
                account.password,
                &nonce,
            ))),
        })
    }

    /// The initial response, not yet in base64; nothing for LOGIN, where the server speaks first.
    /// Call it once.
    pub fn initial(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match core::mem::replace(&mut self.0, State::Failed) {
            State::Plain(account) => {
                self.0 = State::Done;
                Some(plain::message(
                    account.authorization.as_deref().unwrap_or_default(),
                    &account.user,
                    crate::text::Secret::new(account.password.expose()),
                ))
            }
            State::ScramFirst(scram) => {
                let first = Zeroizing::new(scram.first().to_vec());
                self.0 = State::ScramProof(scram);
                Some(first)
            }
            other => {
                self.0 = other;
                None
            }
        }
    }

    /// The response to a challenge, both not in base64.
    ///
    /// # Errors
    /// [`Fault`] if the challenge is not what the mechanism has here; then cancel the exchange (`*`).
    pub fn response(&mut self, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        match core::mem::replace(&mut self.0, State::Failed) {
            State::LoginUser(account) => {
                self.0 = State::LoginPassword(account.password);
                Ok(Zeroizing::new(account.user.into_bytes()))
            }
            State::LoginPassword(password) => {
                self.0 = State::Done;
                Ok(Zeroizing::new(password.expose().to_vec()))
            }
            State::ScramProof(mut scram) => {
                let proof = scram.prove(challenge)?;
                self.0 = State::ScramFinal(scram);
                Ok(Zeroizing::new(proof))
            }
            State::ScramFinal(scram) => {
                scram.verify(challenge)?;
                self.0 = State::Done;
                Ok(Zeroizing::new(Vec::new()))
            }
            State::Done | State::Failed | State::Plain(_) | State::ScramFirst(_) => {
                Err(Fault::Malformed)
            }
        }
    }

    /// As [`response`](Self::response), from a challenge in base64 to a line's content in base64 (without CR LF),
    /// appended to `out`.
    ///
    /// # Errors
    /// [`Fault`], also for what is not base64; nothing is appended then.
    pub fn respond(&mut self, challenge: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut message = Vec::new();
        if base64::decode(challenge, &mut message).is_err() {
            self.0 = State::Failed;
            return Err(Fault::Malformed);
        }
        base64::encode(&self.response(&message)?, out);
        Ok(())
    }

    /// Whether the server may be believed when it says that all is well: everything was said and, with
    /// SCRAM, the server has proved that it knows the user (RFC 5802 §3).
    #[must_use]
    pub const fn is_satisfied(&self) -> bool {
        matches!(self.0, State::Done)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Done => "Done",
            State::Failed => "Failed",
            State::LoginPassword(_) => "LoginPassword",
            State::LoginUser(_) => "LoginUser",
            State::Plain(_) => "Plain",
            State::ScramFinal(_) => "ScramFinal",
            State::ScramFirst(_) => "ScramFirst",
            State::ScramProof(_) => "ScramProof",
        })
    }
}

/// What a client has against its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too few or too many rounds, or no salt.
    Iterations,
    /// Not what the mechanism has at this place.
    Malformed,
    /// The server's nonce does not begin with ours, or adds nothing.
    Nonce,
    /// The server says, within the exchange, that it failed.
    Refused,
    /// The server does not know the user's keys: it is not whom we wanted to talk to.
    Signature,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "the server asks for too few or too many rounds",
            Self::Malformed => "the server's message is malformed",
            Self::Nonce => "the server did not keep our nonce",
            Self::Refused => "the server refused",
            Self::Signature => "the server could not prove who it is",
        })
    }
}

impl core::error::Error for Fault {}
