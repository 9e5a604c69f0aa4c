//! IMAP over tokio: a server with a handler.
//!
//! | module | holds |
//! |---|---|
//! | `handler` | [`Handler`]: what a server asks a program, each with a safe default |
//! | `serve` | [`Server`]; asking a handler what the machine asks |
//!
//! Commands come parsed and replies are built by types ([`Responses`]), so that what is between them is left to
//! a handler: mailboxes, messages, flags. The protocol itself is in [`posthaste_core::imap`]; a bare machine over
//! a socket is a [`Connection`](crate::Connection).

mod handler;
mod serve;

pub use crate::answerer::Access;
pub use crate::host::Peer;
pub use crate::sessions::{converse, rehearse};
pub use handler::Handler;
pub use posthaste_core::imap::command::{Append, Command};
pub use posthaste_core::imap::response::{Code, Mode, Reply, Responses};
pub use posthaste_core::imap::server::{
    Admission, Allowed, Config, Context, Decision, Event, Limits, Update,
};
pub use posthaste_core::sasl::{
    Certificate, Credentials, Denial, Found, Identity, Mechanism, Token, Verdict,
};
pub use serve::Server;
