//! The client's side of an exchange, message by message.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::prep::{self, Unfit};
use super::{Channel, Mechanism, oauthbearer, plain, scram, token, xoauth2};
use crate::grammar::base64;
use crate::text::{OwnedSecret, Secret};

/// What a client signs in with, prepared.
#[derive(Clone, Debug)]
pub struct Account {
    user: String,
    authorization: Option<String>,
    server: Option<(String, u16)>,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    /// What was shown to TLS.
    Certificate,
    Password(OwnedSecret),
    Token(OwnedSecret),
}

impl Account {
    /// A name and its password.
    ///
    /// # Errors
    /// [`Unfit`] if one of them cannot be prepared ([`prep`]).
    pub fn new(user: &str, password: &str) -> Result<Self, Unfit> {
        let password = OwnedSecret::new(prep::prepare(password)?.into_owned().into_bytes());
        Ok(Self::with(prep::prepare(user)?.into_owned(), Proof::Password(password)))
    }

    /// A name and an OAuth 2.0 bearer token, for OAUTHBEARER and XOAUTH2. Where tokens come from, and how old
    /// they may get, is the caller's business.
    ///
    /// # Errors
    /// [`Unfit`] if the name cannot be prepared, or the token is not what a token can be (RFC 6750 §2.1).
    pub fn bearer(user: &str, token: &str) -> Result<Self, Unfit> {
        if !token::is_token(token.as_bytes()) {
            let may = |c: &char| !c.is_ascii_alphanumeric() && !"-._~+/=".contains(*c);
            return Err(token.chars().find(may).map_or(Unfit::Empty, Unfit::Prohibited));
        }
        let token = OwnedSecret::new(token.as_bytes().to_vec());
        Ok(Self::with(prep::prepare(user)?.into_owned(), Proof::Token(token)))
    }

    /// Whoever the certificate stands for that was shown to TLS, for EXTERNAL.
    #[must_use]
    pub const fn certificate() -> Self {
        Self::with(String::new(), Proof::Certificate)
    }

    const fn with(user: String, proof: Proof) -> Self {
        Self { user, authorization: None, server: None, proof }
    }

    /// The same, acting as somebody else. A token says by itself whom it is for, so that it acts as its user.
    ///
    /// # Errors
    /// [`Unfit`] if that name cannot be prepared.
    pub fn acting_as(mut self, other: &str) -> Result<Self, Unfit> {
        self.authorization = Some(prep::prepare(other)?.into_owned());
        Ok(self)
    }

    /// The same, connected to this server: OAUTHBEARER tells it, so that a token for one server is of no use
    /// to another. A host that is neither a name in ASCII nor an address is not told.
    #[must_use]
    pub fn connected_to(mut self, host: &str, port: u16) -> Self {
        self.server = oauthbearer::is_host(host).then(|| (host.into(), port));
        self
    }

    /// Whose account it is; nothing where a certificate says it.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether one can sign in to it by this mechanism.
    #[must_use]
    pub const fn suits(&self, mechanism: Mechanism) -> bool {
        matches!(
            (&self.proof, mechanism),
            (Proof::Certificate, Mechanism::External)
                | (Proof::Token(_), Mechanism::OauthBearer | Mechanism::Xoauth2)
                | (
                    Proof::Password(_),
                    Mechanism::Login
                        | Mechanism::Plain
                        | Mechanism::ScramSha1
                        | Mechanism::ScramSha1Plus
                        | Mechanism::ScramSha256
                        | Mechanism::ScramSha256Plus
                )
        )
    }
}

/// An exchange of a client.
///
/// The [`initial`](Self::initial) response goes into the command. Where the server takes none there, or it is too long
/// for the command's line, do not ask for it: it answers the server's first, empty challenge then. Each challenge
/// gets a [`response`](Self::response). When the server says that all is well, believe it only if
/// [`is_satisfied`](Self::is_satisfied).
pub struct Exchange(State);

enum State {
    /// Our token is no good, and we have taken note of it.
    Denied,
    /// Everything was said and heard.
    Done,
    /// Something went wrong.
    Failed,
    LoginPassword(OwnedSecret),
    LoginUser(Box<(String, OwnedSecret)>),
    /// The only message, not sent yet.
    Message(Mechanism, Zeroizing<Vec<u8>>),
    ScramFinal(Box<scram::Client>),
    ScramFirst(Box<scram::Client>),
    ScramProof(Box<scram::Client>),
    /// The token was sent: the server lets us in, or says what is wrong with it.
    Shown(Mechanism),
}

impl Exchange {
    /// Octets of randomness that an exchange wants.
    pub const NONCE: usize = super::Known::NONCE;

    /// Begins over `channel`. `nonce` is fresh randomness, for this exchange only; SCRAM uses it.
    ///
    /// # Errors
    /// [`Fault::Unsuited`] if the account does not [suit](Account::suits) the mechanism, or the mechanism binds to
    /// the channel, which has nothing to bind to.
    pub fn new(
        mechanism: Mechanism,
        account: Account,
        channel: &Channel,
        nonce: [u8; Self::NONCE],
    ) -> Result<Self, Fault> {
        let Account { user, authorization, server, proof } = account;
        let other = authorization.as_deref();
        let message = |message| State::Message(mechanism, message);
        Ok(Self(match (mechanism, proof) {
            (Mechanism::External, Proof::Certificate) => {
                message(Zeroizing::new(authorization.unwrap_or_default().into_bytes()))
            }
            (Mechanism::Login, Proof::Password(password)) => {
                State::LoginUser(Box::new((user, password)))
            }
            (Mechanism::OauthBearer, Proof::Token(token)) => {
                let server = server.as_ref().map(|(host, port)| (host.as_str(), *port));
                message(oauthbearer::message(&user, server, Secret::new(token.expose())))
            }
            (Mechanism::Plain, Proof::Password(password)) => {
                let password = Secret::new(password.expose());
                message(plain::message(other.unwrap_or_default(), &user, password))
            }
            (Mechanism::Xoauth2, Proof::Token(token)) => {
                message(xoauth2::message(&user, Secret::new(token.expose())))
            }
            (_, Proof::Password(password)) => State::ScramFirst(Box::new(scram::Client::new(
                mechanism,
                (&user, other),
                password,
                channel,
                &nonce,
            )?)),
            _ => return Err(Fault::Unsuited),
        }))
    }

    /// The initial response, not yet in base64; nothing for LOGIN, where the server speaks first.
    /// Call it once.
    pub fn initial(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match core::mem::replace(&mut self.0, State::Failed) {
            State::Message(mechanism, message) => {
                self.0 = match mechanism {
                    Mechanism::OauthBearer | Mechanism::Xoauth2 => State::Shown(mechanism),
                    _ => State::Done,
                };
                Some(message)
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

    /// Octets of the initial response, not yet in base64, as long as nothing was said; nothing for LOGIN.
    #[must_use]
    pub fn initial_size(&self) -> Option<usize> {
        match &self.0 {
            State::Message(_, message) => Some(message.len()),
            State::ScramFirst(scram) => Some(scram.first().len()),
            _ => None,
        }
    }

    /// The response to a challenge, both not in base64.
    ///
    /// # Errors
    /// [`Fault`] if the challenge is not what the mechanism has here; then cancel the exchange (`*`).
    pub fn response(&mut self, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        // RFC 4422 §3: where no initial response could be sent, the server begins with an empty challenge.
        if challenge.is_empty()
            && let Some(initial) = self.initial()
        {
            return Ok(initial);
        }
        match core::mem::replace(&mut self.0, State::Failed) {
            State::LoginUser(account) => {
                let (user, password) = *account;
                self.0 = State::LoginPassword(password);
                Ok(Zeroizing::new(user.into_bytes()))
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
            // RFC 7628 §3.2.3; with XOAUTH2 the answer is empty.
            State::Shown(mechanism) => {
                self.0 = State::Denied;
                let dummy =
                    if mechanism == Mechanism::OauthBearer { oauthbearer::DUMMY } else { b"" };
                Ok(Zeroizing::new(dummy.to_vec()))
            }
            State::Denied
            | State::Done
            | State::Failed
            | State::Message(..)
            | State::ScramFirst(_) => Err(Fault::Malformed),
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
        matches!(self.0, State::Done | State::Shown(_))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Denied => "Denied",
            State::Done => "Done",
            State::Failed => "Failed",
            State::LoginPassword(_) => "LoginPassword",
            State::LoginUser(_) => "LoginUser",
            State::Message(..) => "Message",
            State::ScramFinal(_) => "ScramFinal",
            State::ScramFirst(_) => "ScramFirst",
            State::ScramProof(_) => "ScramProof",
            State::Shown(_) => "Shown",
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
    /// The mechanism does not go with the account, or binds to a channel that has nothing to bind to. Our own
    /// side's, before anything is said.
    Unsuited,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "the server asks for too few or too many rounds",
            Self::Malformed => "the server's message is malformed",
            Self::Nonce => "the server did not keep our nonce",
            Self::Refused => "the server refused",
            Self::Signature => "the server could not prove who it is",
            Self::Unsuited => "the mechanism does not go with the account or the channel",
        })
    }
}

impl core::error::Error for Fault {}
