//! The machine that receives mail: SMTP from strangers, message submission, LMTP.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`config`] | [`Config`]: role, name, what is offered, limits |
//! | [`event`] | [`Event`], the questions and their answers |
//! | `machine` | how the machine is driven: questions, answers, the end |
//! | `state` | what it does, what it has before it and what it has asked |
//! | `frame` | what is at the front of the input, and how long we wait for more |
//! | `hello`, `starttls`, `auth`, `mail`, `rcpt`, `data`, `bdat`, `simple`, `xclient` | the commands |
//! | `limit` | what happens at a limit |
//! | `outcome` | what is said about a message, to one or to each |
//!
//! # States
//! RFC 5321 §4.1.4 as a table. `✓`: done; a code: refused with it. `NOOP`, `HELP`, `VRFY`, `RSET` and
//! `QUIT` are always done; the line in front applies first.
//!
//! | | before hello | after hello | after MAIL | after RCPT | after BDAT |
//! |---|---|---|---|---|---|
//! | TLS required and not up | but STARTTLS and hello: 530 | 530 | | | |
//! | HELO, EHLO, LHLO | ✓ | ✓ | ✓ resets | ✓ resets | ✓ resets |
//! | STARTTLS (503 when TLS is up) | ✓ | ✓ | ✓ resets | ✓ resets | ✓ resets |
//! | AUTH (503 after sign-in) | 503 | ✓ | 503 | 503 | 503 |
//! | MAIL (530 if sign-in is required) | 503 | ✓ | 503 | 503 | 503 |
//! | RCPT | 503 | 503 | ✓ | ✓ | 503 |
//! | DATA | 503 | 503 | 503 | ✓ | 503 |
//! | XCLIENT (550 unless the peer is listed) | ✓ | ✓ resets | 503 | 503 | 503 |
//! | BDAT (its octets are read in any case) | 503 | 503 | 503 | ✓ | ✓ |
//!
//! In LMTP the last BDAT after MAIL has no reply: it has one for each recipient (RFC 2033 §4.3).

pub mod config;
pub mod event;

mod auth;
mod bdat;
mod data;
mod frame;
mod hello;
mod limit;
mod machine;
mod mail;
mod outcome;
mod rcpt;
mod simple;
mod starttls;
mod state;
#[cfg(test)]
mod tests;
mod xclient;

pub use config::{Config, Limits, Role};
pub use event::{Admission, Answer, Decision, Event, Outcome};
pub use limit::Limit;
pub use machine::Server;
