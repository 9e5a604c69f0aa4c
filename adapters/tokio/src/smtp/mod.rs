//! SMTP, submission and LMTP over tokio: a server with a handler, and a client.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | `handler` | [`Handler`]: what a server asks a program, each with a safe default |
//! | `transaction` | [`Peer`], [`Transaction`]: what handlers are shown |
//! | `body` | [`Body`]: a message that is coming in |
//! | `refusal` | [`Refusal`]: how a handler says no |
//! | `server` | [`Server`]; [`rehearse`]: a handler without a socket |
//! | `serve` | [`converse`]: the loop that asks a handler what the machine asks |
//! | `remote` | [`Remote`]: where a client connects to, and how |
//! | `client` | [`Client`] |
//! | `source` | [`Source`]: where the octets of a message come from |
//! | `report` | [`Report`], [`Fate`], [`Error`]: what became of a message |
//!
//! How to use it, with examples that run, is in the [`guide`].
//!
//! The protocol itself is in [`posthaste_core::smtp`]: its machines know nothing of sockets, and can be used
//! without this crate. A bare machine over a socket is a [`Connection`](crate::Connection).

mod body;
mod client;
#[doc = include_str!("guide.md")]
pub mod guide {}
mod handler;
mod refusal;
mod remote;
mod report;
mod serve;
mod server;
mod source;
mod transaction;

pub use crate::answerer::Access;
pub use body::{Body, Lost};
pub use client::Client;
pub use handler::Handler;
pub use posthaste_core::grammar::address::Address;
pub use posthaste_core::sasl::client::Account;
pub use posthaste_core::sasl::{
    Certificate, Credentials, Denial, Found, Identity, Mechanism, Token, Verdict,
};
pub use posthaste_core::smtp::client::Envelope;
pub use posthaste_core::smtp::client::event::{Recipient, Why};
pub use posthaste_core::smtp::reply::{Enhanced, Reply};
pub use posthaste_core::smtp::server::event::{Defect, Hello, Query};
pub use posthaste_core::smtp::server::{Admission, Config, Event, Limits, Outcome, Role};
pub use refusal::Refusal;
pub use remote::Remote;
pub use report::{Error, Failed, Fate, Report};
pub use serve::converse;
pub use server::{Server, Sessions, rehearse};
pub use source::{FromReader, Reader, Source, from_reader};
pub use transaction::{Peer, Transaction};
