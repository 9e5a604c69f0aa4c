//! How a handler says no.

use std::fmt;
use std::io::{self, ErrorKind};

use posthaste_core::smtp::reply::{Enhanced, Reply};

/// A no, and what the peer is told: a 4xx (try again) or a 5xx (never).
///
/// It is an error, so that handlers can use `?`: an [`io::Error`] becomes `451 4.3.0`, or `452 4.3.1` if
/// the disk is full; it is logged, and the peer learns nothing of it.
///
/// ```
/// use posthaste_tokio::smtp::{Enhanced, Refusal};
///
/// let refusal = Refusal::new(550, Enhanced(5, 7, 1), "Not on Sundays");
/// assert_eq!(refusal.to_string(), "550 5.7.1 Not on Sundays");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(Reply);

impl Refusal {
    /// A no in these words. A code that is not 4xx or 5xx becomes 451; with 421 the connection is closed
    /// once that was said (RFC 5321 §3.8). `\n` in the text starts another line.
    pub fn new(code: u16, enhanced: Enhanced, text: impl Into<String>) -> Self {
        Reply::new(code, enhanced, text.into()).into()
    }

    /// `451 4.3.0`: something went wrong here, try again later.
    #[must_use]
    pub const fn later() -> Self {
        Self(Reply::later())
    }

    /// `550 5.1.1`: there is no such user.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(Reply::constant(550, Enhanced(5, 1, 1), "There is no such user here"))
    }

    /// `550 5.7.1`: no mail is taken for that domain. RFC 5321 §3.6.2.
    #[must_use]
    pub const fn relay() -> Self {
        Self(Reply::constant(550, Enhanced(5, 7, 1), "Mail for there is not taken here"))
    }

    /// `452 4.3.1`: there is no room now.
    #[must_use]
    pub const fn full() -> Self {
        Self(Reply::constant(452, Enhanced(4, 3, 1), "There is no room now, try again later"))
    }

    /// What the peer is told.
    #[must_use]
    pub const fn reply(&self) -> &Reply {
        &self.0
    }

    /// What the peer is told.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        self.0
    }
}

impl From<Reply> for Refusal {
    /// A reply that says yes becomes `451 4.3.0`: somebody is mistaken.
    fn from(reply: Reply) -> Self {
        if (400..600).contains(&reply.code()) { Self(reply) } else { Self::later() }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        tracing::warn!(%error, "a handler failed; the peer is told to try again");
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::full(),
            _ => Self::later(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({})", self.0)
    }
}

impl std::error::Error for Refusal {}
