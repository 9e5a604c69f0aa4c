//! The server's side of an exchange, line by line.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{
    Certificate, Channel, Credentials, Denial, Failure, Found, Grant, Identity, Mechanism, Token,
    login, oauthbearer, plain, scram, xoauth2,
};
use crate::grammar::base64;
use crate::line::CRLF;
use crate::text::OwnedSecret;

/// An exchange that has begun. A machine keeps it while it lasts, and drops it when a step ends it.
///
/// ```
/// use posthaste_core::sasl::server::{Exchange, Step};
/// use posthaste_core::sasl::{Channel, Mechanism};
///
/// // AUTH PLAIN, without an initial response.
/// let (mut exchange, step) = Exchange::start(Mechanism::Plain, None, Channel::default());
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
    /// The host looks at a token; the flag says that there is one at all.
    Bearer(Mechanism, bool),
    /// The client was told why its token is no good, and has to take note of it.
    Denied,
    External(Box<Channel>),
    LoginPassword(Zeroizing<Vec<u8>>),
    LoginUser,
    OauthBearer,
    /// Nothing more can come.
    Over,
    Plain,
    /// The proof was right; the client has to take note of ours (an empty line).
    Proved(Box<Identity>),
    ScramFinal(scram::Boxed),
    ScramFirst(Box<(Mechanism, Channel)>),
    /// The host looks up what it knows.
    ScramLookup(scram::Boxed),
    Xoauth2,
}

/// What an exchange wants its machine to do next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Ask the host [`Bearer`](super::Bearer), and hand its answer to [`Exchange::granted`].
    Bearer(Token),
    /// Write this, and hand the next line to [`Exchange::respond`].
    Challenge(Challenge),
    /// Ask the host [`External`](super::External); its verdict ends the exchange.
    External(Certificate),
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
    /// Starts over `channel`, which the mechanism was offered over ([`Terms`](super::Terms)), with the initial
    /// response as it stood in the command: base64, or `=` for an empty one (RFC 4954 §4, RFC 5034 §4,
    /// RFC 4959 §3).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, channel: Channel) -> (Self, Step) {
        let mut exchange = Self(match mechanism {
            Mechanism::External => State::External(Box::new(channel)),
            Mechanism::Login => State::LoginUser,
            Mechanism::OauthBearer => State::OauthBearer,
            Mechanism::Plain => State::Plain,
            Mechanism::ScramSha1
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha256
            | Mechanism::ScramSha256Plus => State::ScramFirst(Box::new((mechanism, channel))),
            Mechanism::Xoauth2 => State::Xoauth2,
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
        // RFC 7628 §3.2.3: after a denial the client says something or gives up, which is the same. Neither
        // makes a wrong token anything but wrong.
        if let State::Denied = self.0 {
            return self.fail(Failure::Rejected);
        }
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
                let Some(challenge) = scram.challenge(&known).map(<[u8]>::to_vec) else {
                    return Step::Failed(Failure::Unavailable);
                };
                self.0 = State::ScramFinal(scram);
                Step::Challenge(Challenge(challenge))
            }
            _ => Step::Failed(Failure::Unavailable),
        }
    }

    /// Hears the answer to [`Bearer`](super::Bearer). `None` lets the client in. A challenge tells it why it is not
    /// let in: write it, and hand the next line to [`respond`](Self::respond), which ends the exchange.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; the exchange is over.
    pub fn granted(&mut self, grant: Grant) -> Result<Option<Challenge>, Failure> {
        let (mechanism, denial) = match (core::mem::replace(&mut self.0, State::Over), grant) {
            (State::Bearer(_, true), Grant::Accepted) => return Ok(None),
            // RFC 7628 §4.3: without a token it was a question for the scope.
            (State::Bearer(mechanism, false), Grant::Accepted) => {
                (mechanism, Box::new(Denial::invalid()))
            }
            (State::Bearer(mechanism, _), Grant::Rejected(denial)) => (mechanism, denial),
            _ => return Err(Failure::Unavailable),
        };
        self.0 = State::Denied;
        Ok(Some(Challenge(denial.challenge(mechanism))))
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
            State::External(channel) => match channel.certificate {
                Some(shown) => Certificate::parse(shown, &message).map(Step::External),
                // It is not offered without.
                None => Err(Failure::Rejected),
            },
            State::LoginPassword(mut user) => login::join(
                core::mem::take(&mut *user),
                OwnedSecret::new(core::mem::take(&mut *message)),
            )
            .map(Step::SignIn),
            State::LoginUser => {
                self.0 = State::LoginPassword(message);
                Ok(Step::Challenge(Challenge(login::PASSWORD.to_vec())))
            }
            State::OauthBearer => oauthbearer::parse(&message).map(|token| self.bearer(token)),
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
            State::ScramFirst(begun) => {
                let (mechanism, channel) = *begun;
                scram::Server::new(mechanism, &message, &channel).map(|scram| {
                    let identity = scram.identity().clone();
                    self.0 = State::ScramLookup(Box::new(scram));
                    Step::Lookup(identity)
                })
            }
            State::Xoauth2 => xoauth2::parse(&message).map(|token| self.bearer(token)),
            State::Bearer(..)
            | State::Denied
            | State::Over
            | State::Proved(_)
            | State::ScramLookup(_) => Err(Failure::Malformed),
        };
        step.unwrap_or_else(Step::Failed)
    }

    fn bearer(&mut self, token: Token) -> Step {
        self.0 = State::Bearer(token.mechanism, !token.is_empty());
        Step::Bearer(token)
    }

    fn fail(&mut self, why: Failure) -> Step {
        self.0 = State::Over;
        Step::Failed(why)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Bearer(..) => "Bearer",
            State::Denied => "Denied",
            State::External(_) => "External",
            State::LoginPassword(_) => "LoginPassword",
            State::LoginUser => "LoginUser",
            State::OauthBearer => "OauthBearer",
            State::Over => "Over",
            State::Plain => "Plain",
            State::Proved(_) => "Proved",
            State::ScramFinal(_) => "ScramFinal",
            State::ScramFirst(_) => "ScramFirst",
            State::ScramLookup(_) => "ScramLookup",
            State::Xoauth2 => "Xoauth2",
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
