//! What a server machine asks its host about a sign-in. Generic over the protocol that asks.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use super::{Mechanism, Verifier};
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

/// The answer to [`SignIn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right, and the user may come in.
    Accepted,
    /// They are wrong, or the user may not come in. One word for both, so that nobody learns which names exist.
    Rejected,
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
    /// Salt, iterations and keys.
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
    /// The mechanism, which says which keys are wanted.
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
