//! `AUTH=`: who submitted a message first, RFC 4954 §5.

use super::Xtext;

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
        match value {
            b"<>" => Some(Self::Unknown),
            _ => Xtext::parse(value).filter(|name| !name.encoded().is_empty()).map(Self::Named),
        }
    }
}
