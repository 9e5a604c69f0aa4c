//! Reactors that drive sessions over mio: sockets, buffers, timers; no protocol and no mailbox.
//!
//! A [`Server`] binds its [`Listener`]s and runs N reactor threads. Each has one epoll, listeners of its
//! own on the same ports (`SO_REUSEPORT`), its connections, one timer wheel, one pool of buffers and
//! one inbox; nothing on the way of a message is shared but counters. What a connection does is in
//! [`posthaste_tls::driver`]; the session comes from the [`Factory`]. [`Handle`] stops and inspects.
//!
//! | module | holds |
//! |---|---|
//! | [`server`] | [`Server`]: binds, runs its reactors |
//! | `reactor` | the loop of one thread |
//! | `wheel` | its timers |
//! | [`clients`] | [`Clients`]: many connections that we open, on one thread |
//! | `alarm` | a timer that is finer than epoll's |
//! | `socket` | mio's socket, as links want it |
//! | [`blocking`] | one session over one blocking socket, for clients on the command line |

mod alarm;
pub mod blocking;
pub mod clients;
mod reactor;
pub mod server;
mod socket;
mod wheel;

pub use clients::{Caller, Clients};
pub use posthaste_core::gate::{Arrival, Limits, Network, TlsMode};
pub use posthaste_tls::{
    BindError, Config, Counts, Factory, Handle, Inbox, InboxOf, Listener, ServerTls,
};
pub use server::Server;
