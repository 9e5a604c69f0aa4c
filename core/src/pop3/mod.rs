//! POP3: taking mail away, RFC 1939 with its extensions.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`command`] | what a client says |
//! | [`maildrop`] | [`Maildrop`]: the messages as they were at sign-in; [`Deletions`] |
//! | [`body`] | a message on its way out: dots stuffed (RETR), lines cut (TOP) |
//! | [`reply`] | `+OK`, `-ERR` and response codes |
//! | [`server`] | the server machine: its events, questions and settings |
//!
//! # What it speaks
//! USER, PASS, AUTH (RFC 5034), STLS (RFC 2595), CAPA (RFC 2449), STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP,
//! QUIT, UTF8 and LANG (RFC 6856); the capabilities PIPELINING, RESP-CODES, AUTH-RESP-CODE (RFC 3206),
//! EXPIRE NEVER and IMPLEMENTATION. APOP is not offered: it needs the password itself on the server.
//!
//! # Who holds what
//! The host makes the list of messages once, at sign-in ([`Maildrop`]), and holds the lock. The machine
//! keeps that list, and the marks of DELE as one bit a message from the first one on. So STAT, LIST, UIDL,
//! DELE and RSET ask nothing. RETR and TOP ask for the message piece by piece; QUIT asks for the deletions.

pub mod body;
pub mod command;
pub mod maildrop;
pub mod reply;
pub mod server;

pub use maildrop::{Deletions, Maildrop, Uid};

use crate::machine::Protocol;

/// The server's side of POP3.
#[derive(Clone, Copy, Debug)]
pub enum Pop3 {}

impl Protocol for Pop3 {
    type Event<'i> = server::Event<'i>;
    type Answer = server::Answer;
}
