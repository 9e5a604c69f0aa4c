//! What a server machine asks its host about a sign-in. Generic over the protocol that asks.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use super::{Denial, Mechanism, Verifier};
use crate::machine::{Protocol, Question};

/// Are these [`Credentials`](super::Credentials) right? The event beside the ask shows them.
pub struct SignIn<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Question for SignIn<P>
where
    Verdict: Into<P::Answer>,
{
    type Protocol = P;
    type Answer = Verdict;

    fn refusal() -> Verdict {
        Verdict::Unavailable
    }
}

/// What is needed to check this user's proof? The event beside the ask shows the [`Identity`].
pub struct Lookup<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Question for Lookup<P>
where
    Found: Into<P::Answer>,
{
    type Protocol = P;
    type Answer = Found;

    fn refusal() -> Found {
        Found::Unavailable
    }
}

/// May whoever bears this [`Token`](super::Token) come in? The event beside the ask shows it.
pub struct Bearer<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Question for Bearer<P>
where
    Grant: Into<P::Answer>,
{
    type Protocol = P;
    type Answer = Grant;

    fn refusal() -> Grant {
        Grant::Unavailable
    }
}

/// May whoever holds the key of this [`Certificate`](super::Certificate) come in? The event beside the ask
/// shows it.
pub struct External<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Question for External<P>
where
    Verdict: Into<P::Answer>,
{
    type Protocol = P;
    type Answer = Verdict;

    fn refusal() -> Verdict {
        Verdict::Unavailable
    }
}

/// The answer to [`SignIn`] and to [`External`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right, and the user may come in.
    Accepted,
    /// They are wrong, or the user may not come in. One word for both, so that nobody learns which names exist.
    Rejected,
    /// It cannot be said now.
    Unavailable,
}

/// The answer to [`Bearer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The token is right, and its user may come in.
    Accepted,
    /// It is not, or the user may not come in. The client is told why, so that it can get a better token.
    Rejected(Box<Denial>),
    /// It cannot be said now.
    Unavailable,
}

/// The answer to [`Lookup`].
#[derive(Debug)]
pub enum Found {
    /// What the host knows. For a user that does not exist, or that may not act as the
    /// authorization identity, the host invents a verifier: the same salt and iterations each time for the same name,
    /// and keys that nobody has. So the client learns nothing.
    Known(Box<Known>),
    /// It cannot be said now.
    Unavailable,
}

/// What a machine needs for one SCRAM exchange.
#[derive(Debug)]
pub struct Known {
    /// Salt, iterations and keys, for the hash of the mechanism.
    pub verifier: Verifier,
    /// Fresh randomness, for this exchange only.
    pub nonce: [u8; Known::NONCE],
}

impl Known {
    /// Octets of randomness in a nonce; 24 characters on the wire.
    pub const NONCE: usize = 18;
}

/// Who a SCRAM client says it is, before it has proved anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The mechanism, whose [`hash`](Mechanism::hash) says which keys are wanted.
    pub mechanism: Mechanism,
    /// Whose password will be proved, prepared ([`prep`](super::prep)).
    pub user: String,
    /// Whom the client wants to act as, if it said so.
    pub authorization: Option<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.mechanism, self.user)?;
        match &self.authorization {
            Some(other) => write!(f, " as {other:?}"),
            None => Ok(()),
        }
    }
}
