//! The server's side of IMAP.
//!
//! | module | holds |
//! |---|---|
//! | [`event`] | what the machine reports and asks ([`Event`], the questions), and [`Answer`] |
//! | [`config`] | [`Config`]: names, what to offer, limits |
//!
//! # Who does what
//! The machine does all that is protocol: framing, states, STARTTLS, sign-in, literals and their
//! continuations, IDLE, ENABLE, timers, the order of responses. What a command means for mailboxes
//! and messages is its handler's business, which gets the parsed [`Command`](Event::Command) and
//! answers with typed [`Responses`](crate::imap::response::Responses). A
//! [`View`](crate::imap::view::View) resolves the numbers of a command.
//!
//! # A handler
//! ```text
//! Connected(ask)                → Welcome
//! SignIn(ask, credentials)      → Verdict            or Lookup(ask, identity) → Found, SignedIn
//! Command(ask, context, SELECT) → responses.flags(…).exists(…)….ok("…")
//! Command(ask, context, FETCH)  → part, Next(ask) → part, …, Next(ask) → responses.ok("…")
//! Append(ask, context, head)    → Accept, Body…, Appended(ask) → responses.done(Ok, APPENDUID, "…")
//! Sync(ask, mode, allowed)      → Update: what changed in the selected mailbox
//! Ended(how)
//! ```

pub mod config;
pub mod event;

pub use config::{Config, Limits};
pub use event::{
    Admission, Allowed, Answer, Append, Appended, Connect, Context, Event, Next, Run, Sync, Update,
    Welcome, Why,
};
