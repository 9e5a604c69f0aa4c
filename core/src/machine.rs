//! The contract between protocol machines and the world.
//!
//! A machine holds the state of one side of one conversation and nothing else: no socket, no clock,
//! no buffer. Its driver gives it bytes, the time and answers; it gives back bytes, events (some of
//! which ask a question) and a deadline.
//!
//! Read in this order: [`Machine`] and [`Advance`] (the driving), [`Input`] (the bytes),
//! [`Protocol`] (what a machine says and hears), [`Ask`] and [`Answered`] (its questions),
//! [`TlsFacts`] (what is known of the TLS under it), [`Reason`] and [`End`] (how it stops). The loop that drives a machine with a handler is written
//! once, in [`session`](crate::session).
//!
//! # Why two calls
//! One call that both changes the machine and returns a borrowed event does not pass the borrow
//! checker in the loop people write. So [`advance`](Machine::advance) changes, and
//! [`event`](Machine::event) shows what was framed, borrowed from the input alone.
//!
//! # What every machine promises
//! 1. Any cutting of the input gives the same events and the same output, for the same answers and
//!    the same pokes between the same events (body runs are joined before comparing).
//! 2. At most one question is open, and it has a deadline. Pipelined input waits in the [`Input`].
//! 3. A call appends at most [`Machine::OUTPUT`] octets; above [`OUTPUT_HIGH`] `advance` says `Flush`.
//! 4. Message bodies are runs borrowed from the input, and leave piece by piece.
//! 5. Counted octets (IMAP literals, BDAT chunks) are framed before anything in them is parsed.
//! 6. `Secure` is said with an empty input only; plaintext behind STARTTLS ends the session.
//! 7. Only CR LF ends a line ([`line`](crate::line)).
//! 8. A peer's faults are events and replies. `Err` is for the caller's mistakes.
//! 9. Each line of the peer shows up in exactly one event; the last event is `Ended`.
//! 10. Every loop, buffer, count, depth and wait has a named limit with a default.
//! 11. Events print readably, and never a secret.

mod answers;
mod ask;
mod input;
mod time;
mod tls;

pub(crate) use answers::answers;
pub use ask::{Answered, Ask, Asking, Stale};
pub use input::Input;
pub use time::Instant;
pub use tls::{Exporter, Fingerprint, TlsFacts, TlsVersion};

use alloc::vec::Vec;
use core::fmt;

/// Octets of output above which a machine says [`Advance::Flush`] instead of going on.
pub const OUTPUT_HIGH: usize = 64 * 1024;

/// A protocol side, named by a type without values: `Smtp`, `Imap`, `Pop3`…
///
/// Machines and handlers both name the protocol, and neither names the other.
pub trait Protocol: 'static {
    /// What a machine of this protocol reports. Borrows the driver's [`Input`], never the machine.
    type Event<'i>: fmt::Debug;
    /// The answers to all its questions in one enum of at most 64 bytes.
    type Answer: Send + 'static;
}

/// One kind of question that machines of a protocol ask.
pub trait Question: 'static {
    /// Who asks it.
    type Protocol: Protocol;
    /// What answers it.
    type Answer: Into<<Self::Protocol as Protocol>::Answer>;
    /// The answer that is always safe to give: "no", "try again later".
    fn refusal() -> Self::Answer;
}

/// What a machine wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Advance {
    /// The question that the last event asked is still open.
    Answer,
    /// The conversation is over: write what is left, then close.
    Closed,
    /// A unit was framed: call [`event`](Machine::event), which will return it.
    Event,
    /// There is much output: write first.
    Flush,
    /// The peer has to wait until the deadline: write what there is, and read nothing.
    Pause,
    /// More bytes are needed (or the end of input, or the deadline).
    Read,
    /// All output must leave; then TLS starts; then call [`secured`](Machine::secured).
    Secure,
}

/// One side of one conversation.
///
/// # The loop
/// ```
/// # use posthaste_core::machine::{Advance, Input, Instant, Machine, Protocol};
/// /// Drives a machine as far as it goes; `handle` answers what an event asks, if it asks.
/// fn drive<M: Machine>(
///     machine: &mut M,
///     now: Instant,
///     input: &mut Input,
///     out: &mut Vec<u8>,
///     mut handle: impl FnMut(<M::Protocol as Protocol>::Event<'_>)
///         -> Option<posthaste_core::machine::Answered<M::Protocol>>,
/// ) -> Advance {
///     loop {
///         match machine.advance(now, input, out) {
///             Advance::Event => {
///                 let Some(event) = machine.event(input, out) else { continue };
///                 if let Some(answered) = handle(event) {
///                     // `Stale` is harmless: a timer was faster.
///                     let _ = machine.settle(answered, out);
///                 }
///             }
///             wanted => return wanted,
///         }
///     }
/// }
/// ```
pub trait Machine {
    /// What it speaks.
    type Protocol: Protocol;

    /// Octets that one call of any method appends to `out` at most.
    const OUTPUT: usize;

    /// Discards what the last event showed, fires the timers that are due at `now`, and frames the
    /// next unit of `input`.
    ///
    /// The only driving call: make it when bytes arrived, when the input ended, when output was
    /// written, when the [`deadline`](Self::deadline) passed, after an answer or a poke. Calling it
    /// when nothing happened changes nothing. `now` must not go backwards.
    fn advance(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Advance;

    /// The unit that `advance` framed. Call it once after each [`Advance::Event`], with the same
    /// input: it is `Some` exactly then.
    fn event<'i>(
        &mut self,
        input: &'i Input,
        out: &mut Vec<u8>,
    ) -> Option<<Self::Protocol as Protocol>::Event<'i>>;

    /// Settles the open question.
    ///
    /// # Errors
    /// [`Stale`] if it was settled before; nothing changes then.
    fn settle(
        &mut self,
        answered: Answered<Self::Protocol>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stale>;

    /// Settles the open question, if there is one, by its refusal: an answer that was forgotten,
    /// dropped or came late never hangs a session.
    fn refuse(&mut self, out: &mut Vec<u8>);

    /// When to call `advance` even if nothing arrives. Never in the past after `advance(now)`.
    fn deadline(&self) -> Option<Instant>;

    /// Something changed elsewhere (new mail, a shutdown). Sets a bit; the machine asks what it was
    /// when the protocol lets it say so. A session's own changes ride on its own answers.
    fn poke(&mut self);

    /// TLS is up, and everything heard before must be forgotten as far as the RFC says so. Call it
    /// after [`Advance::Secure`], or before the first `advance` where TLS comes first.
    fn secured(&mut self, facts: TlsFacts);

    /// Ends the conversation politely, as far as the protocol has words for `why`. An open question
    /// becomes stale. Then `advance` reports the end and says `Closed`.
    fn close(&mut self, why: Reason, out: &mut Vec<u8>);

    /// Settles `ask` with `answer`: the short form of [`settle`](Self::settle).
    ///
    /// # Errors
    /// [`Stale`] if the question was settled before.
    fn answer<Q: Question<Protocol = Self::Protocol>>(
        &mut self,
        ask: Ask<Q>,
        answer: Q::Answer,
        out: &mut Vec<u8>,
    ) -> Result<(), Stale> {
        self.settle(ask.with(answer), out)
    }
}

/// Why our side ends a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The handler has had enough of this peer.
    Abuse,
    /// The account was removed, its password changed, or an operator ended the session.
    Account,
    /// There are too many connections from this address or its network; the peer may come back with fewer.
    Crowd,
    /// The peer connects too often; it may come back later.
    Haste,
    /// The connection is gone: nothing can be said any more.
    Lost,
    /// Too much work; the peer may come back later.
    Overload,
    /// The server stops.
    Shutdown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Abuse,
        Self::Account,
        Self::Crowd,
        Self::Haste,
        Self::Lost,
        Self::Overload,
        Self::Shutdown,
    ];
}

/// How a conversation ended: the last event of every session carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Our side closed it.
    Closed(Reason),
    /// The peer went away without a word.
    Eof,
    /// The peer made too many errors.
    Errors,
    /// The peer sent plaintext where TLS had to start.
    Injection,
    /// The peer said goodbye, as the protocol has it.
    Quit,
    /// The handler did not want it.
    Refused,
    /// A wait ran out.
    Timeout,
    /// The peer broke the protocol beyond repair: a client's word for a server that makes no sense.
    Violation,
}
