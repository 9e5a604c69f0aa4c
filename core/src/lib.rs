//! Mail protocols as pure machines: SMTP, LMTP, IMAP, POP3 and MIME without a socket, a clock, a
//! file or a thread.
//!
//! # The map
//! Read [`machine`] first (what a machine is), then [`session`] (the loop that joins a machine with
//! its handler), then the protocol you came for.
//!
//! | module | holds |
//! |---|---|
//! | [`machine`] | the contract: `Protocol`, `Machine`, `Advance`, `Ask`, `Input`, `Instant` |
//! | [`session`] | the loop: `Session`, `Handler`, `Act`, `Note`, `Place`, `Responder` |
//! | [`mod@line`], [`text`] | what ends a line; octets of the peer as events show them |
//! | [`pop3`] | POP3, the server's side |
//! | [`smtp`] | SMTP, submission and LMTP, both sides |
//! | [`gate`] | who may come in: limits and counts at the door |
//! | [`grammar`] | atoms that protocols share: base64, domains, addresses |
//! | [`mime`] | messages: header fields, structure, encodings, what IMAP shows of them |
//! | [`sasl`] | PLAIN, LOGIN and SCRAM-SHA-256, both sides |
//! | [`imap`] | IMAP4rev1 and IMAP4rev2 |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod gate;
pub mod grammar;
pub mod imap;
pub mod line;
pub mod machine;
pub mod mime;
pub mod pop3;
pub mod sasl;
pub mod session;
pub mod smtp;
pub mod text;
