//! The machine that sends mail, by SMTP, submission or LMTP.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`config`] | [`Config`]: what we are called, when TLS is wanted, who signs in, limits |
//! | [`event`] | [`Event`], the questions and their answers, [`Envelope`] |
//! | [`response`] | [`Response`]: what the server said; [`Offer`]: what it can |
//! | `machine` | how the machine is driven: framing, timers, greeting to goodbye |
//! | `auth` | the sign-in |
//! | `transaction` | one message: envelope, body, results |
//!
//! The machine goes by itself from the greeting to the sign-in, and then asks
//! [`Ready`](Event::Ready): what next? The answer is an [`Order`]. An [`Envelope`] is answered by one event for the sender, one for each
//! recipient and one or (LMTP) several for the message, whose octets it asks for piece by piece.

pub mod config;
pub mod event;
pub mod response;

mod auth;
mod machine;
#[cfg(test)]
mod tests;
mod transaction;

pub use config::{Config, Limits, TlsPolicy};
pub use event::{Answer, Envelope, Event, Order, Piece, SignIn, Step};
pub use machine::Client;
pub use response::{Offer, Response};
