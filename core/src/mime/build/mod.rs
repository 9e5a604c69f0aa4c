//! Messages built from typed values, such that nothing but what was meant comes out.
//!
//! # The map
//! | file | holds |
//! |---|---|
//! | `value.rs` | what a header can hold, as types that can hold nothing else |
//! | `part.rs` | [`Part`] and [`Message`]: the tree |
//! | `report.rs` | `multipart/report`: delivery, disposition and feedback reports |
//! | `write.rs` | [`Options`], [`Plan`], [`Pieces`]: the tree written, whole or piece by piece |
//! | `head.rs`, `field.rs`, `words.rs`, `parameter.rs`, `fold.rs` | headers, from the whole to the line |
//! | `shape.rs`, `boundary.rs` | which transfer encoding, which boundaries |
//! | `error.rs` | [`Unfit`]: what cannot be written, and why |
//!
//! # A message with two forms of its text and an attachment
//! ```
//! use posthaste_core::mime::{build::*, date::DateTime};
//!
//! # fn main() -> Result<(), Unfit> {
//! let pdf: &[u8] = b"%PDF-1.7";
//! let letter = Part::alternative([Part::text("Gr\u{fc}\u{df}e!\n"), Part::html("<p>Gr\u{fc}\u{df}e!")]);
//! let name = FileName::new("Rechnung M\u{e4}rz.pdf")?;
//! let bill = Part::attachment(name, MediaType::new("application/pdf")?, pdf);
//! let message = Message::new(Part::mixed([letter, bill]))
//!     .date(DateTime::from_unix(1_700_000_000, 60))
//!     .from([Mailbox::named("J\u{fc}rgen", "juergen@example.org")?])
//!     .to([Mailbox::parse("anna@example.net")?])
//!     .subject(Text::new("Ihre Rechnung f\u{fc}r M\u{e4}rz")?);
//! let mut out = Vec::new();
//! message.write(&Options::seeded(7), &mut out)?;
//! # assert!(out.is_ascii());
//! # assert!(out.starts_with(b"Date: Tue, 14 Nov 2023 23:13:20 +0100\r\nFrom: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.org>\r\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # What holds for every message
//! - A field is there because it was asked for, or because MIME wants it. No value can end its field:
//!   CR, LF and NUL are refused when a value is made, with the character and its place. What else
//!   cannot stand in a header is encoded (RFC 2047, RFC 2231).
//! - Lines have 998 octets at most, and 78 wherever they can be folded (RFC 5322 §2.1.1); each ends in
//!   CR LF. Headers are ASCII unless [`Options::utf8`] asks for more (RFC 6532); bodies are 7bit
//!   unless [`Options::transport`] does.
//! - What is beyond the bounds of our own reader ([`Limits`](super::Limits) and its kin) is refused.
//! - The same values, options and seed give the same octets.

mod boundary;
mod error;
mod field;
mod fold;
mod head;
mod parameter;
mod part;
mod report;
mod shape;
mod value;
mod words;
mod write;

pub use error::{Fault, Unfit};
pub use part::{Message, Multipart, Part};
pub use value::{
    Address, DisplayName, Disposition, FieldName, FileName, ID_OCTETS, Mailbox, MediaType,
    MessageId, NAME_OCTETS, PARAMETER_OCTETS, Structured, TEXT_OCTETS, Text, Token,
};
pub use write::{DEPTH, Entity, Options, PARTS, Pieces, Plan, Transport};

#[cfg(test)]
mod tests;
