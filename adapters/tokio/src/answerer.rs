//! A bare machine and what answers its questions, awaited; whatever the protocol.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use posthaste_core::machine::{Answered, Machine, Protocol, TlsFacts};
use posthaste_core::sasl::{Credentials, Denial, Grant, Verdict};
use posthaste_tls::link::Fault;

use crate::connection::{Connection, Shown};
use crate::host::Peer;

/// Answers a machine's events, awaiting what it likes. The protocol modules have theirs, which ask handlers
/// one method a question.
///
/// ```
/// use posthaste_core::machine::{Answered, Question};
/// use posthaste_core::pop3::Pop3;
/// use posthaste_core::pop3::server::{Admission, Event};
/// use posthaste_tokio::{Answerer, Happened};
///
/// /// Lets everybody in, and knows nobody.
/// struct Clerk;
///
/// impl Answerer<Pop3> for Clerk {
///     async fn hear(&mut self, Happened(event): Happened<'_, Pop3>) -> Option<Answered<Pop3>> {
///         match event {
///             Event::Connected(ask) => Some(ask.with(Admission::Accept)),
///             // A question that is not answered is refused.
///             _ => None,
///         }
///     }
/// }
/// ```
pub trait Answerer<P: Protocol>: Send {
    /// Hears what happened; gives the answer, if something was asked.
    fn hear(&mut self, event: Happened<'_, P>) -> impl Future<Output = Option<Answered<P>>> + Send;

    /// The answer that was given last has reached the machine, unless it came too late. Default: nothing.
    fn answered(&mut self, in_time: bool) {
        let _ = in_time;
    }
}

/// An event. (In a wrapper of its own, because an `async fn` cannot take what is named by a protocol alone.)
pub struct Happened<'e, P: Protocol>(pub P::Event<'e>);

impl<P: Protocol> fmt::Debug for Happened<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Machine> Connection<M> {
    /// Has the whole conversation. What takes longer than `limit` to be heard is dropped, and its question
    /// refused; also when the connection breaks meanwhile.
    ///
    /// # Errors
    /// What broke the connection. The last event was heard by then.
    pub async fn converse(
        &mut self,
        limit: Duration,
        answerer: &mut impl Answerer<M::Protocol>,
    ) -> Result<(), Fault> {
        let mut fault = None;
        loop {
            let Shown { event, patience, .. } = match self.step().await {
                Ok(Some(shown)) => shown,
                Ok(None) => return fault.map_or(Ok(()), Err),
                Err(broke) => {
                    fault.get_or_insert(broke);
                    continue;
                }
            };
            let in_time = match patience.attend(limit, answerer.hear(Happened(event))).await {
                Ok(Some(answered)) => self.settle(answered).is_ok(),
                Ok(None) => continue,
                Err(cut) => {
                    if let Some(broke) = self.cut(cut) {
                        fault.get_or_insert(broke);
                    }
                    false
                }
            };
            answerer.answered(in_time);
        }
    }
}

/// What becomes of a sign-in whose user the handler has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Come in, as this user.
    As(String),
    /// The token opens nothing, for this reason. For a certificate the same as [`Rejected`](Self::Rejected).
    Denied(Denial),
    /// No. One word for all reasons, so that nobody learns which users exist.
    Rejected,
    /// It cannot be said now.
    Unavailable,
}

impl Access {
    /// What a token is told. One that is empty lets nobody in.
    pub(crate) fn grant(self) -> Grant {
        match self {
            Self::As(_) => Grant::Accepted,
            Self::Denied(denial) => Grant::Rejected(Box::new(denial)),
            Self::Rejected => Grant::Rejected(Box::new(Denial::invalid())),
            Self::Unavailable => Grant::Unavailable,
        }
    }

    /// What a certificate is told.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::As(_) => Verdict::Accepted,
            Self::Denied(_) | Self::Rejected => Verdict::Rejected,
            Self::Unavailable => Verdict::Unavailable,
        }
    }

    /// Who comes in by it.
    pub(crate) fn user(&self) -> Option<String> {
        match self {
            Self::As(user) => Some(user.clone()),
            _ => None,
        }
    }

    /// The same, where the client only asked which token is wanted: nobody comes in by that.
    pub(crate) fn unless(self, empty: bool) -> Self {
        if empty && matches!(self, Self::As(_)) { Self::Rejected } else { self }
    }
}

/// A peer, and who comes in when the machine has heard it.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) entering: Option<String>,
}

impl Caller {
    pub(crate) const fn new(peer: Peer) -> Self {
        Self { peer, entering: None }
    }

    /// These credentials were judged.
    pub(crate) fn signed_in(&mut self, verdict: Verdict, credentials: &Credentials<'_>) {
        if verdict == Verdict::Accepted {
            let user = credentials.authorization().unwrap_or_else(|| credentials.user());
            self.entering = Some(user.to_string());
        }
    }

    pub(crate) fn answered(&mut self, in_time: bool) {
        if let Some(user) = self.entering.take().filter(|_| in_time) {
            self.peer.user = Some(user);
        }
    }

    /// TLS is up, and what was said before is forgotten.
    pub(crate) fn secured(&mut self, facts: TlsFacts) {
        (self.peer.tls, self.peer.user) = (Some(facts), None);
    }
}
