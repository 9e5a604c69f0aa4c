//! A message that is coming in.

use std::fmt;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use posthaste_core::machine::{Ask, End, TlsFacts};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::{Defect, Delivery, Hello};
use posthaste_core::smtp::server::{Event, Server};
use posthaste_tls::link::Fault;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::refusal::Refusal;
use super::source::Source;
use crate::connection::Connection;
use crate::leash::Clock;

/// The octets of a message that is coming in, as they are to be kept: no dots were stuffed, and lines end
/// with CR LF (unless it was announced as BINARYMIME).
///
/// Nothing is read from the peer but when you ask for it, so a handler that is slow makes its peer slow and
/// nothing piles up. Read it to its end if you mean to say yes to it: a message that was not read to its end
/// is not taken, whatever the handler says. Otherwise, stop when you like: the rest is read and dropped.
pub struct Body<'c> {
    connection: &'c mut Connection<Server>,
    clock: &'c Clock,
    state: State,
    octets: u64,
    /// What came in place of the rest, for whoever goes on with the session.
    after: Option<After>,
    fault: Option<Fault>,
}

#[derive(Debug)]
enum State {
    Lost(Lost),
    Open,
    /// It is whole; the question what became of it is open. The handler knows that it is whole.
    Whole(Option<Ask<Delivery>>),
}

/// What came in place of the rest of a message and says more than that there is none.
#[derive(Debug)]
pub(crate) enum After {
    Hello(Hello, String),
    Secured(TlsFacts),
}

/// What became of a body, whatever its handler read of it.
pub(crate) struct Finished {
    /// The question that is open: none if the message is lost.
    pub(crate) ask: Option<Ask<Delivery>>,
    pub(crate) lost: Option<Lost>,
    pub(crate) after: Option<After>,
    pub(crate) fault: Option<Fault>,
    /// The handler has read it to its end.
    pub(crate) read: bool,
}

/// Why the rest of a message will not come. Drop what you have of it; there is nobody to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The message is of no use, and the peer was told.
    Defect(Defect),
    /// The session ended in the middle of the message.
    Ended(End),
    /// The peer took it back: it said RSET or EHLO, or started TLS, between two chunks.
    Reset,
}

impl<'c> Body<'c> {
    pub(crate) const fn new(connection: &'c mut Connection<Server>, clock: &'c Clock) -> Self {
        Self { connection, clock, state: State::Open, octets: 0, after: None, fault: None }
    }

    /// The next octets, borrowed from where they arrived: as many as there are, at most some 64 KiB, cut
    /// anywhere. `None` when the message is whole. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The rest will not come.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, Lost> {
        let waiting = self.clock.pause();
        let found = loop {
            match self.state {
                State::Lost(lost) => return Err(lost),
                State::Open => {}
                State::Whole(_) => return Ok(None),
            }
            if let Some(range) = self.advance().await {
                break range;
            }
        };
        drop(waiting);
        // Most are where they arrived; only an end of line that was mended is not there.
        Ok(Some(found.map_or(b"\r\n", |at| &self.connection.shown()[at])))
    }

    /// Hears one event: says where in the input it shows octets of the message, if it does.
    async fn advance(&mut self) -> Option<Option<Range<usize>>> {
        let shown = match self.connection.step().await {
            Ok(Some(shown)) => shown,
            // The last event comes before that, and is heard below.
            Ok(None) => {
                self.state = State::Lost(Lost::Ended(End::Eof));
                return None;
            }
            Err(fault) => {
                self.fault.get_or_insert(fault);
                return None;
            }
        };
        match shown.event {
            Event::Body(run) => {
                let run = run.as_bytes();
                self.octets += run.len() as u64;
                let start = run.as_ptr().addr().wrapping_sub(shown.input.bytes().as_ptr().addr());
                let range = start..start.wrapping_add(run.len());
                return Some(shown.input.bytes().get(range.clone()).map(|_| range));
            }
            Event::BodyEnd(ask, _) => self.state = State::Whole(Some(ask)),
            Event::BodyLost(defect) => self.state = State::Lost(Lost::Defect(defect)),
            Event::Ended(end) => self.state = State::Lost(Lost::Ended(end)),
            Event::Hello { verb, name } => {
                self.after = Some(After::Hello(verb, name.to_string()));
                self.state = State::Lost(Lost::Reset);
            }
            Event::Reset => self.state = State::Lost(Lost::Reset),
            Event::Secured(facts) => {
                self.after = Some(After::Secured(facts));
                self.state = State::Lost(Lost::Reset);
            }
            // What may stand between chunks: NOOP and its kin. A question among it (VRFY) is refused.
            _ => {}
        }
        None
    }

    /// Octets that came so far.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether it was read to its end.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole(_))
    }

    /// Reads it to its end, and drops it.
    ///
    /// # Errors
    /// The rest will not come.
    pub async fn skip(&mut self) -> Result<(), Lost> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// All of it, if it has no more than `most` octets.
    ///
    /// # Errors
    /// `552 5.3.4` if it has more; and what the error of [`chunk`](Self::chunk) becomes.
    pub async fn to_vec(&mut self, most: usize) -> Result<Vec<u8>, Refusal> {
        let mut message = Vec::new();
        while let Some(run) = self.chunk().await? {
            if run.len() > most.saturating_sub(message.len()) {
                return Err(Refusal::new(552, Enhanced(5, 3, 4), "The message is too big"));
            }
            message.extend_from_slice(run);
        }
        Ok(message)
    }

    /// Writes all of it; gives how many octets that were. Does not flush `to`.
    ///
    /// # Errors
    /// Those of `to`, and what the error of [`chunk`](Self::chunk) becomes.
    pub async fn copy_to(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<u64> {
        let before = self.octets;
        while let Some(run) = self.chunk().await? {
            to.write_all(run).await?;
        }
        Ok(self.octets - before)
    }

    /// Reads what the handler did not.
    pub(crate) async fn finish(mut self) -> Finished {
        let read = self.is_whole();
        let mut lost = self.skip().await.err();
        let ask = match &mut self.state {
            State::Whole(ask) => ask.take(),
            State::Lost(_) | State::Open => None,
        };
        if ask.is_some() {
            lost = None;
        }
        Finished { ask, lost, after: self.after, fault: self.fault, read }
    }
}

impl Source for Body<'_> {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.chunk().await?.map(Bytes::copy_from_slice))
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("state", &self.state).field("octets", &self.octets).finish()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defect(defect) => write!(f, "the message is spoiled: {defect}"),
            Self::Ended(_) => f.write_str("the session ended in the middle of the message"),
            Self::Reset => f.write_str("the message was taken back"),
        }
    }
}

impl std::error::Error for Lost {}

impl From<Lost> for Refusal {
    /// For `?`. Nobody will hear it.
    fn from(_: Lost) -> Self {
        Reply::later().into()
    }
}

impl From<Lost> for io::Error {
    fn from(lost: Lost) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, lost)
    }
}
