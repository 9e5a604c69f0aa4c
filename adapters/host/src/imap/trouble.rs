//! Why a command was not done, and how that is said.

use posthaste_core::imap::mailbox::BadName;
use posthaste_core::imap::response::{Code, Reply, Responses};
use posthaste_core::imap::view::NoSuchMessage;
use posthaste_store::{Fault, Refusal};

/// Why a command was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The store cannot be read.
    Fault(Fault),
    /// The name cannot be that of a mailbox.
    Name(BadName),
    /// There is no such mailbox.
    NoMailbox,
    /// A sequence number that there is not.
    NoMessage,
    /// There is no such mailbox, and CREATE would help.
    TryCreate,
    /// The mailbox was opened for reading.
    ReadOnly,
    /// The store refused.
    Refused(Refusal),
    /// Nothing is selected. The machine does not let it come so far.
    Unselected,
}

impl Trouble {
    /// What the client is told.
    pub(super) fn reply(&self, out: Responses) -> Reply {
        match self {
            Self::Fault(Fault::Damaged(what)) => {
                tracing::error!(%what, "mail is damaged");
                out.no(Code::Corruption, "What is stored is damaged")
            }
            Self::Fault(fault) => {
                tracing::error!(%fault, "the store could not be read");
                out.no(Code::Unavailable, "Not now, try again later")
            }
            Self::Name(bad) => out.no(Code::Cannot, &bad.to_string()),
            Self::NoMailbox => out.no(Code::NonExistent, "There is no such mailbox"),
            Self::NoMessage => out.bad("There is no message with that number"),
            Self::TryCreate => out.no(Code::TryCreate, "There is no such mailbox"),
            Self::ReadOnly => out.no(Code::NoPerm, "The mailbox was opened for reading only"),
            Self::Refused(refusal) => match refusal {
                Refusal::Exists => out.no(Code::AlreadyExists, "It exists already"),
                Refusal::Full => out.no(Code::Unavailable, "The server is full, try again later"),
                Refusal::Limit => out.no(Code::Limit, "A limit is reached"),
                Refusal::NoMailbox => out.no(Code::NonExistent, "There is no such mailbox"),
                Refusal::NotAllowed => out.no(Code::Cannot, "Not with INBOX"),
                Refusal::OverQuota => out.no(Code::OverQuota, "There is no room left"),
                _ => out.no(Code::Unavailable, "Not now, try again later"),
            },
            Self::Unselected => out.bad("No mailbox is selected"),
        }
    }
}

impl From<BadName> for Trouble {
    fn from(name: BadName) -> Self {
        Self::Name(name)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NoSuchMessage> for Trouble {
    fn from(_: NoSuchMessage) -> Self {
        Self::NoMessage
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
