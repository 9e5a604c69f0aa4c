//! The server's side of an exchange, line by line.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{Credentials, Failure, Found, Identity, Mechanism, login, plain, scram};
use crate::grammar::base64;
use crate::line::CRLF;
use crate::text::OwnedSecret;

/// An exchange that has begun. A machine keeps it while it lasts, and drops it when a step ends it.
///
/// ```
/// use posthaste_core::sasl::server::{Exchange, Step};
/// use posthaste_core::sasl::{Failure, Mechanism};
///
/// // AUTH PLAIN, without an initial response.
/// let (mut exchange, step) = Exchange::start(Mechanism::Plain, None);
/// let Step::Challenge(challenge) = step else { panic!() };
/// let mut out = Vec::new();
/// challenge.write("+ ", &mut out);
/// assert_eq!(out, b"+ \r\n");
/// // The client answers with its next line, here without its CR LF.
/// let Step::SignIn(credentials) = exchange.respond(b"AHRpbQB0YW5zdGFhZg==") else { panic!() };
/// assert_eq!(credentials.user().as_bytes(), b"tim");
/// ```
pub struct Exchange(State);

enum State {
    /// Nothing more can come.
    Over,
    LoginPassword(Zeroizing<Vec<u8>>),
    LoginUser,
    Plain,
    /// The proof was right; the client has to take note of ours (an empty line).
    Proved(Box<Identity>),
    ScramFinal(scram::Boxed),
    ScramFirst,
    /// The host looks up what it knows.
    ScramLookup(scram::Boxed),
}

/// What an exchange wants its machine to do next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Write this, and hand the next line to [`Exchange::respond`].
    Challenge(Challenge),
    /// The exchange is over, without success.
    Failed(Failure),
    /// Ask the host [`Lookup`](super::Lookup), and hand its answer to [`Exchange::found`].
    Lookup(Identity),
    /// Ask the host [`SignIn`](super::SignIn); its verdict ends the exchange.
    SignIn(Credentials<'static>),
    /// The exchange is over: the client has proved to be this user, acting for whom it said.
    SignedIn {
        /// The authorization identity if the client named one, else the user. Prepared.
        user: String,
    },
}

impl Exchange {
    /// Starts, with the initial response as it stood in the command: base64, or `=` for an empty one
    /// (RFC 4954 §4, RFC 5034 §4, RFC 4959 §3).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> (Self, Step) {
        let mut exchange = Self(match mechanism {
            Mechanism::Login => State::LoginUser,
            Mechanism::Plain => State::Plain,
            Mechanism::ScramSha256 => State::ScramFirst,
        });
        let step = match (initial, mechanism) {
            (None, Mechanism::Login) => Step::Challenge(Challenge(login::USER.to_vec())),
            (None, _) => Step::Challenge(Challenge(Vec::new())),
            (Some(b"="), _) => exchange.message(Zeroizing::new(Vec::new())),
            // An empty response has its own sign.
            (Some(b""), _) => exchange.fail(Failure::Malformed),
            // Old clients name the user here, though LOGIN begins with a challenge.
            (Some(text), _) => exchange.decoded(text),
        };
        (exchange, step)
    }

    /// Hears the client's next line, without its CR LF.
    pub fn respond(&mut self, line: &[u8]) -> Step {
        // RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2.
        if line == b"*" {
            return self.fail(Failure::Cancelled);
        }
        self.decoded(line)
    }

    /// Hears the answer to [`Lookup`](super::Lookup).
    pub fn found(&mut self, found: Found) -> Step {
        match (core::mem::replace(&mut self.0, State::Over), found) {
            (State::ScramLookup(mut scram), Found::Known(known)) => {
                let challenge = Challenge(scram.challenge(&known).to_vec());
                self.0 = State::ScramFinal(scram);
                Step::Challenge(challenge)
            }
            _ => Step::Failed(Failure::Unavailable),
        }
    }

    fn decoded(&mut self, text: &[u8]) -> Step {
        let mut message = Zeroizing::new(Vec::with_capacity(text.len()));
        match base64::decode(text, &mut message) {
            Ok(()) => self.message(message),
            Err(_) => self.fail(Failure::Malformed),
        }
    }

    fn message(&mut self, mut message: Zeroizing<Vec<u8>>) -> Step {
        let step = match core::mem::replace(&mut self.0, State::Over) {
            State::LoginPassword(mut user) => login::join(
                core::mem::take(&mut *user),
                OwnedSecret::new(core::mem::take(&mut *message)),
            )
            .map(Step::SignIn),
            State::LoginUser => {
                self.0 = State::LoginPassword(message);
                Ok(Step::Challenge(Challenge(login::PASSWORD.to_vec())))
            }
            State::Plain => plain::parse(&message).map(Step::SignIn),
            // RFC 5802 §3: the client has nothing to add.
            State::Proved(identity) if message.is_empty() => {
                let Identity { user, authorization, .. } = *identity;
                Ok(Step::SignedIn { user: authorization.unwrap_or(user) })
            }
            State::ScramFinal(scram) => scram.prove(&message).map(|last| {
                self.0 = State::Proved(Box::new(scram.identity().clone()));
                Step::Challenge(Challenge(last))
            }),
            State::ScramFirst => scram::Server::new(&message).map(|scram| {
                let identity = scram.identity().clone();
                self.0 = State::ScramLookup(Box::new(scram));
                Step::Lookup(identity)
            }),
            State::Over | State::Proved(_) | State::ScramLookup(_) => Err(Failure::Malformed),
        };
        step.unwrap_or_else(Step::Failed)
    }

    fn fail(&mut self, why: Failure) -> Step {
        self.0 = State::Over;
        Step::Failed(why)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Over => "Over",
            State::LoginPassword(_) => "LoginPassword",
            State::LoginUser => "LoginUser",
            State::Plain => "Plain",
            State::Proved(_) => "Proved",
            State::ScramFinal(_) => "ScramFinal",
            State::ScramFirst => "ScramFirst",
            State::ScramLookup(_) => "ScramLookup",
        })
    }
}

/// A challenge, to be written as the protocol has it.
#[derive(Debug)]
pub struct Challenge(Vec<u8>);

impl Challenge {
    /// Octets that a challenge takes in a line at most, without the prefix: that of a SCRAM client whose nonce
    /// fills its line, with the salt of the host.
    pub const OUTPUT: usize = 2 * super::LINE;

    /// Appends the line: `prefix`, base64, CR LF.
    pub fn write(&self, prefix: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(prefix.as_bytes());
        base64::encode(&self.0, out);
        out.extend_from_slice(CRLF);
    }

    /// The octets that it says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
