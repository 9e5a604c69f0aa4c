//! What a machine remembers between two calls.

use super::Allowed;
use crate::imap::Tag;
use crate::imap::frame::Frame;
use crate::machine::End;

/// What the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Octets of the message that is being appended.
    Append,
    /// The answer to the open question.
    Asked,
    /// A command.
    Command,
    /// Nothing any more.
    Ended,
    /// To report the end.
    Ending(End),
    /// A line of an AUTHENTICATE exchange.
    Exchange,
    /// `DONE`.
    Idle,
    /// The reply to leave.
    Reply,
    /// TLS.
    Secure,
    /// To report the connection.
    Start,
    /// To report TLS.
    Secured,
}

/// What `event` will show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    BodyLost,
    Connected,
    Ended(End),
    Frame(Frame),
    Next,
    Nothing,
    Secured,
    Sync(Allowed),
}

/// What becomes of the message that the head of an APPEND announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Accept,
    Refuse,
    Settled,
}

/// Which question is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Append,
    Bearer,
    Connect,
    External,
    Lookup,
    Reply,
    SignIn,
    Sync,
}

/// How far the client has come. RFC 9051 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    NotAuthenticated,
    Authenticated,
    Selected,
}

/// What the end of the running command does to the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    /// CLOSE, UNSELECT: OK leaves the mailbox.
    Leave,
    Other,
    /// SELECT, EXAMINE: OK enters it.
    Select,
}

/// A tag, kept while its command runs.
pub(super) struct TagBuffer {
    octets: [u8; Tag::MOST],
    len: u8,
}

impl TagBuffer {
    pub(super) const fn new() -> Self {
        Self { octets: [0; Tag::MOST], len: 0 }
    }

    pub(super) fn keep(&mut self, tag: Tag<'_>) {
        let tag = tag.as_bytes();
        let len = tag.len().min(Tag::MOST);
        let (Some(place), Some(tag)) = (self.octets.get_mut(..len), tag.get(..len)) else { return };
        place.copy_from_slice(tag);
        self.len = len as u8;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}
