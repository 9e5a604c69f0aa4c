//! `AUTH=`: who submitted a message first, RFC 4954 §5.

use super::Xtext;
use crate::grammar::address::Mailbox;

/// `AUTH=` of MAIL: who submitted the message first, RFC 4954 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Submitter<'i> {
    /// A mailbox, encoded. To be believed only from peers that are trusted.
    Named(Xtext<'i>),
    /// `<>`: nobody knows.
    Unknown,
}

impl<'i> Submitter<'i> {
    /// Parses the parameter's value.
    #[must_use]
    pub fn parse(value: &'i [u8]) -> Option<Self> {
        // RFC 4954 §8: the address of a mailbox, or nothing in brackets, which xtext lets through.
        let name = Xtext::parse(value)?;
        match &*name.decoded() {
            b"<>" => Some(Self::Unknown),
            mailbox => Mailbox::parse(mailbox).is_ok().then_some(Self::Named(name)),
        }
    }
}
