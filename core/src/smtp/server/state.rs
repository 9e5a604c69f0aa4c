//! What the machine does, what it has before it and what it has asked.

use super::event::Transfer;
use super::limit::Limit;
use crate::machine::End;
use crate::sasl::Mechanism;

/// What the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Hears lines of a sign-in.
    Auth(Mechanism),
    /// Takes a chunk; the flag says that it is the last.
    Chunk(bool),
    /// Everything was said.
    Closed,
    /// Hears commands.
    Command,
    /// Says how it ended.
    Ending(End),
    /// Nobody was told of the connection yet, or nobody admitted it yet.
    Fresh,
    /// Takes the lines of a message.
    Lines,
    /// Waits for TLS.
    Secure,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    None,
    /// MAIL was accepted; and RCPT, if there are recipients.
    Envelope,
    /// A chunk was accepted.
    Chunks,
}

/// What was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    BodyEnd,
    BodyLost,
    Connected,
    Ended,
    Limited(Limit),
    /// The flag: it holds no stray octet.
    Line(bool),
    Newline,
    Overlong,
    Run,
    Secured,
    Skipped,
}

/// Which question is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Bearer,
    Connect,
    Data(Transfer),
    Delivery,
    /// The flag: the reply may be UTF-8.
    Expand(bool),
    External,
    Lookup,
    Mail,
    Recipient,
    SignIn,
    /// The flag: the reply may be UTF-8.
    Verify(bool),
}
