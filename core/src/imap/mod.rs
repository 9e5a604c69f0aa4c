//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051) with the extensions that everybody has.
//!
//! # The map
//! What a client says, in reading order:
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | finding whole commands in what arrived; literals, waited for, over their limit, streamed |
//! | [`command`] | the commands, one file each: their types, how they are read and written |
//! | [`atom`](Atom) | tags, atoms, strings in whichever form they came |
//! | [`list`] | lists read from the input when somebody walks them |
//! | [`sequence`], [`flag`], [`section`], [`date`] | what commands are made of |
//! | [`mailbox`], [`utf7`] | names of mailboxes, their two encodings, patterns |
//! | [`cursor`], [`encode`], `words` | reading one framed command; writing one; the words of both |
//!
//! What a server says, and the machine that says it:
//!
//! | module | holds |
//! |---|---|
//! | [`response`] | typed responses; the answer to a command |
//! | [`view`] | the mailbox as a session sees it: UIDs by sequence number |
//! | [`fetch`] | writing what FETCH asks for, piece by piece |
//! | [`search`] | finding messages |
//! | [`server`] | the server's machine, its events and questions |
//!
//! A command borrows the framed octets and holds no heap: strings with `\` in them are decoded when
//! somebody asks, lists are read again by whoever walks them.
//!
//! # Adding an extension
//! A new command is a file in [`command`], a variant and a word in `command/mod.rs`. A new FETCH item,
//! SEARCH key, STATUS item, SELECT parameter or LIST option is a variant and a word in that command's file.

pub mod command;
pub mod cursor;
pub mod date;
pub mod encode;
pub mod fetch;
pub mod flag;
pub mod frame;
pub mod list;
pub mod mailbox;
pub mod response;
pub mod search;
pub mod section;
pub mod sequence;
pub mod server;
pub mod utf7;
pub mod view;

mod atom;
mod words;

#[cfg(test)]
mod tests;

pub use atom::{AString, Atom, SecretString, Tag};
pub use command::{Bad, Command, Tagged};
pub use cursor::{Fault, Syntax};
pub use encode::{Encoder, Literals};
pub use flag::{Flag, SpecialUse};
pub use list::List;
pub use mailbox::Mailbox;
pub use sequence::SequenceSet;

/// The server side of IMAP, as machines and handlers name it.
#[derive(Clone, Copy, Debug)]
pub enum Imap {}

impl crate::machine::Protocol for Imap {
    type Event<'i> = server::Event<'i>;
    type Answer = server::Answer;
}
