//! Posthaste's machines for async programs.
//!
//! Mail in and out of a program, on tokio: servers whose questions your async methods answer, and a client
//! that streams.
//!
//! - [`smtp`]: a server of SMTP, submission and LMTP ([`smtp::Server`], [`smtp::Handler`]) and a client
//!   ([`smtp::Client`]).
//! - [`pop3`] and [`imap`]: servers of the same shape, for maildrops and mailboxes of yours.
//! - A [`Host`] serves any machine in that way: it accepts, limits, starts TLS and stops.
//! - A [`Connection`] is a bare machine over a socket, for programs that would rather write
//!   `while let Some(event) = connection.next().await?` than a handler; servers and clients alike. It
//!   names no protocol.
//! - A [`Server`] runs the same sessions as the mio adapter, one task a connection, from the same
//!   [`Config`] and [`Factory`]. An idle connection holds no buffer: it waits for readiness and borrows
//!   one then.
//!
//! | module | holds |
//! |---|---|
//! | [`smtp`] | SMTP, submission, LMTP: handler, server, client |
//! | [`pop3`], [`imap`] | the same for POP3 and IMAP servers: handler, server |
//! | [`connection`] | [`Connection`] |
//! | [`answerer`] | [`Answerer`]: what answers a bare machine, awaited |
//! | [`wire`] | [`Wire`]: the socket under it, TCP or Unix |
//! | [`host`] | [`Host`]: listeners, and a [`Service`] for each connection; [`Peer`] |
//! | [`sessions`] | [`Sessions`]: what servers of POP3 and IMAP have alike |
//! | [`server`] | [`Server`], and `task`: one connection of it |
//! | `hall` | binding and accepting, for both |
//! | `leash` | what ends a conversation from outside: the server's stopping, the clock |

pub mod answerer;
pub mod connection;
mod hall;
pub mod host;
pub mod imap;
mod leash;
mod pool;
pub mod pop3;
pub mod server;
pub mod sessions;
pub mod smtp;
mod task;
pub mod wire;

pub use answerer::{Access, Answerer, Happened};
pub use connection::{Connection, Poker};
pub use host::{Builder, Host, Listens, Peer, Service};
pub use posthaste_core::gate::{Arrival, Limits, Network, TlsMode};
pub use posthaste_tls::{
    BindError, ClientTls, Config, Counts, Factory, Handle, Inbox, InboxOf, Listener, ServerTls,
    Trust, Upgrade,
};
pub use server::Server;
pub use sessions::{Converse, Sessions, Settings};
pub use wire::Wire;
