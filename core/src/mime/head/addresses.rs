//! The addresses of one field or of several.

use super::{All, Head};
use crate::mime::address::{self, Address, Addresses, Mailbox};

/// Walks the addresses of fields, the first [`HEADER_ADDRESSES`](crate::mime::HEADER_ADDRESSES)
/// entries of them; see [`Head::list`].
#[derive(Clone, Debug)]
pub struct List<'a> {
    pub(super) fields: All<'a, 'static>,
    pub(super) takes_all: bool,
    pub(super) open: Addresses<'a>,
}

impl<'a> List<'a> {
    /// The mailboxes alone, those in groups too.
    pub fn mailboxes(self) -> impl Iterator<Item = Mailbox<'a>> {
        self.filter_map(|address| match address {
            Address::Mailbox(mailbox) => Some(mailbox),
            Address::Group(_) | Address::GroupEnd => None,
        })
    }

    /// Whether there are more entries than are shown: to be asked when the walk is over.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.open.is_truncated() || (self.open.left() == 0 && self.fields.clone().next().is_some())
    }
}

impl<'a> Iterator for List<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        loop {
            if let Some(address) = self.open.next() {
                return Some(address);
            }
            if self.open.left() == 0 {
                return None;
            }
            let value = self.fields.next()?.value();
            if !self.takes_all {
                self.fields = Head::parse(b"").fields();
            }
            self.open = address::addresses(value).at_most(self.open.left());
        }
    }
}
