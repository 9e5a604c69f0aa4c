//! POP3 over tokio: a server with a handler.
//!
//! | module | holds |
//! |---|---|
//! | `handler` | [`Handler`]: what a server asks a program, each with a safe default |
//! | `serve` | [`Server`]; asking a handler what the machine asks |
//!
//! The protocol itself is in [`posthaste_core::pop3`]; a bare machine over a socket is a
//! [`Connection`](crate::Connection).

mod handler;
mod serve;

pub use crate::answerer::Access;
pub use crate::host::Peer;
pub use crate::sessions::{converse, rehearse};
pub use handler::Handler;
pub use posthaste_core::pop3::server::{
    Admission, Config, Event, Limits, Opened, Piece, Updated, Wanted,
};
pub use posthaste_core::pop3::{Deletions, Maildrop, Uid};
pub use posthaste_core::sasl::{
    Certificate, Credentials, Denial, Found, Identity, Mechanism, Token, Verdict,
};
pub use serve::Server;
