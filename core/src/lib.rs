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
//! | [`proxy`] | the PROXY protocol: whose connection a proxy carries |
//! | [`grammar`] | atoms that protocols share: base64, domains, addresses |
//! | [`mime`] | messages: header fields, structure, encodings, what IMAP shows of them |
//! | [`sasl`] | PLAIN, LOGIN, SCRAM, OAUTHBEARER, XOAUTH2 and EXTERNAL, both sides |
//! | [`imap`] | IMAP4rev1 and IMAP4rev2 |
//!
//! # The whole loop
//! A machine owns no socket and no buffer: whoever drives it reads, writes and looks at the clock. This is all
//! of it, for an SMTP server on anything that can be read and written:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::sync::Arc;
//! use std::time::Instant as Clock;
//!
//! use posthaste_core::machine::{Advance, Input, Instant, Machine};
//! use posthaste_core::smtp::reply::{Enhanced, Reply};
//! use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};
//!
//! /// Serves one connection; returns the messages that came.
//! fn serve(mut socket: impl Read + Write) -> std::io::Result<Vec<Vec<u8>>> {
//!     let mut server = Server::new(Arc::new(Config::new(Role::Smtp, "mx.example.test")));
//!     let (mut input, mut out) = (Input::new(), Vec::new());
//!     let (mut message, mut messages) = (Vec::new(), Vec::new());
//!     let start = Clock::now();
//!     loop {
//!         let now = Instant::from_micros(start.elapsed().as_micros() as u64);
//!         match server.advance(now, &mut input, &mut out) {
//!             Advance::Event => {
//!                 let Some(event) = server.event(&input, &mut out) else { continue };
//!                 // An event borrows the input. Some ask a question, whose type says what answers it.
//!                 let answered = match event {
//!                     Event::Connected(ask) => ask.with(Admission::Accept),
//!                     Event::Mail(ask, _from) => ask.with(Decision::Accept),
//!                     Event::Recipient(ask, to) => ask.with(match to.path.mailbox() {
//!                         Some(mailbox) if mailbox.host.to_string() == "example.test" => {
//!                             Decision::Accept
//!                         }
//!                         _ => Decision::Refuse(Reply::new(550, Enhanced(5, 7, 1), "Not here")),
//!                     }),
//!                     Event::Data(ask, _) => ask.with(Decision::Accept),
//!                     Event::Body(run) => {
//!                         message.extend_from_slice(run.as_bytes());
//!                         continue;
//!                     }
//!                     Event::BodyEnd(ask, _) => {
//!                         messages.push(std::mem::take(&mut message));
//!                         ask.with(Outcome::All(Reply::taken("Thank you")))
//!                     }
//!                     _ => continue,
//!                 };
//!                 // `Stale` would be harmless: a timer was faster.
//!                 let _ = server.settle(answered, &mut out);
//!             }
//!             // A question is open that the match above did not answer: say no.
//!             Advance::Answer => server.refuse(&mut out),
//!             wanted => {
//!                 socket.write_all(&out)?;
//!                 out.clear();
//!                 match wanted {
//!                     Advance::Closed => return Ok(messages),
//!                     Advance::Read => match socket.read(input.space())? {
//!                         0 => input.end(),
//!                         n => input.filled(n),
//!                     },
//!                     // TLS would start here; this server does not offer it.
//!                     _ => {}
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! # struct Wire<'a>(&'a [u8], &'a mut Vec<u8>);
//! # impl Read for Wire<'_> {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> { self.0.read(buffer) }
//! # }
//! # impl Write for Wire<'_> {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.1.write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! let client = "EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n\
//!               Subject: hello\r\n\r\n..\r\n.\r\nQUIT\r\n";
//! let mut replies = Vec::new();
//! let messages = serve(Wire(client.as_bytes(), &mut replies)).unwrap();
//! assert_eq!(messages, [b"Subject: hello\r\n\r\n.\r\n"]);
//! assert!(replies.ends_with(b"250 2.0.0 Thank you\r\n221 2.0.0 Goodbye\r\n"));
//! ```
//!
//! Nothing in it is special to SMTP but the events. [`session`] has the same loop for any machine and a
//! [`session::Handler`], which is what the adapters use.

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
pub mod proxy;
pub mod sasl;
pub mod session;
pub mod smtp;
pub mod text;
