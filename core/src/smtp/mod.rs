//! SMTP (RFC 5321), message submission (RFC 6409) and LMTP (RFC 2033).
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`server`] | the machine that receives mail: [`server::Server`], in all three roles |
//! | [`client`] | the machine that sends mail: [`client::Client`] |
//! | `command` | lines of a client, taken apart |
//! | `body` | messages on the wire: dots, bare CR and LF, how long and how fast |
//! | [`reply`] | replies as a server builds them |
//! | [`extension`] | what service extensions add to MAIL and RCPT, typed |
//!
//! Only CR LF ends a line, and only CR LF `.` CR LF ends a message.

mod body;
pub mod client;
mod command;
pub mod extension;
pub mod reply;
pub mod server;

use crate::machine::Protocol;

/// The server side of SMTP, submission and LMTP.
#[derive(Clone, Copy, Debug)]
pub enum Smtp {}

impl Protocol for Smtp {
    type Event<'i> = server::Event<'i>;
    type Answer = server::Answer;
}

/// The client side of SMTP, submission and LMTP.
#[derive(Clone, Copy, Debug)]
pub enum SmtpClient {}

impl Protocol for SmtpClient {
    type Event<'i> = client::Event<'i>;
    type Answer = client::Answer;
}
