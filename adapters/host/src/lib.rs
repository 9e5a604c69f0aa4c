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
//! | [`inputs`] | clock, randomness, and where jobs run: given from outside |
//! | [`pool`] | a bounded pool of threads for jobs |
//! | [`directory`] | accounts, domains, aliases: to whom an address leads |
//! | [`password`], [`guesses`] | how passwords are kept and checked, and how often |

pub mod admin;
mod budget;
pub mod config;
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

pub use delivery::Delivery;
pub use host::{Host, StartError};
pub use imap::{IMAP_EXTENSIONS, Mailboxes};
pub use pop3::Maildrop;
pub use session::{IDLE, Machines, Note, Session};
