//! Posthaste's machines for async programs.
//!
//! Two ways to use them, both on tokio:
//!
//! - A [`Server`] runs the same sessions as the mio adapter, one task a connection, from the same
//!   [`Config`] and [`Factory`]. An idle connection holds no buffer: it waits for readiness and borrows
//!   one then.
//! - A [`Connection`] is a bare machine over a socket, for programs that would rather write
//!   `while let Some(event) = connection.next().await?` than a handler; servers and clients alike.
//!
//! | module | holds |
//! |---|---|
//! | [`server`] | [`Server`] |
//! | `task` | one connection of it |
//! | [`connection`] | [`Connection`] |
//! | [`smtp`], [`imap`], [`pop3`] | a connection with the machines of each, by short names |

pub mod connection;
pub mod imap;
pub mod pop3;
pub mod server;
pub mod smtp;
mod socket;
mod task;

pub use connection::Connection;
pub use posthaste_core::gate::{Arrival, Limits, Network, TlsMode};
pub use posthaste_tls::{
    BindError, ClientTls, Config, Counts, Factory, Handle, Inbox, InboxOf, Listener, ServerTls,
    Trust, Upgrade,
};
pub use server::Server;
