//! Answers every question a mail machine asks: joins the machines of `posthaste-core` with the mail of
//! `posthaste-store`. Knows accounts, aliases and policy; knows no socket and no runtime.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`Host`] | what all handlers share; makes handlers |
//! | [`Session`], [`Machines`] | a session of any protocol, for adapters that carry several |
//! | [`Delivery`] | the handler of SMTP, submission and LMTP sessions |
//! | [`Maildrop`] | the handler of POP3 sessions |
//! | [`Mailboxes`] | the handler of IMAP sessions |
//! | [`admin`] | what an administrator does to accounts |
//! | [`config`] | what the host wants to know from the configuration |
//! | [`Counters`] | what was done, in numbers |
//! | [`inputs`] | clock, randomness, and where jobs run: given from outside |
//! | [`pool`] | a bounded pool of threads for jobs |
//! | [`directory`] | accounts, domains, aliases: to whom an address leads |
//! | [`password`], [`guesses`] | how passwords are kept and checked, and how often |
//! | `sign_in` | who a session is, and how it becomes so, for all protocols |
//! | `presence` | which sessions an account has, to end them |
//! | `rings` | waking the sessions whose answers one round of the store completed |
//! | `budget` | octets of bodies in flight, and who waits for room |
//! | `staged`, `summary` | a message on its way in, scanned meanwhile; what is kept of its structure |
//!
//! # In short
//! ```
//! use std::sync::Arc;
//!
//! use posthaste_core::machine::{Input, Instant};
//! use posthaste_core::session::{Pair, Place, Session};
//! use posthaste_core::smtp::server::{Config as Settings, Role, Server};
//! use posthaste_host::admin::NewPassword;
//! use posthaste_host::inputs::Inputs;
//! use posthaste_host::{Host, config::Config};
//! use posthaste_store::Memory;
//!
//! let config = Config::new("mail.example.test", &["example.test"]);
//! let host = Host::new(Arc::new(Memory::new()), config, Inputs::inline())?;
//! host.add_account("alice@example.test", NewPassword::Clear(b"secret"), None)?;
//!
//! // A session without a socket: what an adapter does with octets from the network.
//! let machine = Server::new(Arc::new(Settings::new(Role::Smtp, "mail.example.test")));
//! let mut session = Pair::new(machine, host.smtp(Role::Smtp, None), Place::nowhere());
//! let (mut input, mut output) = (Input::new(), Vec::new());
//! input.push(b"EHLO far.test\r\nMAIL FROM:<bob@far.test>\r\nRCPT TO:<carol@example.test>\r\n");
//! let _ = session.turn(Instant::ZERO, &mut input, &mut output);
//! assert!(String::from_utf8(output)?.ends_with("550 5.1.1 No such user here\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod admin;
mod budget;
pub mod config;
mod counters;
mod delivery;
pub mod directory;
pub mod guesses;
mod host;
mod imap;
pub mod inputs;
pub mod password;
pub mod pool;
mod pop3;
mod presence;
mod rings;
mod session;
mod sign_in;
mod staged;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use delivery::Delivery;
pub use host::{Host, StartError};
pub use imap::{IMAP_EXTENSIONS, Mailboxes};
pub use pop3::Maildrop;
pub use session::{IDLE, Machines, Note, Peer, Session};
