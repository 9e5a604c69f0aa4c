//! Address lists (RFC 5322 §3.4, §4.4): mailboxes and groups, read lazily.
//!
//! [`addresses`] walks a field's value once; a [`Mailbox`] holds slices of it, and its parts are
//! unquoted when they are asked for. What is no address is read as far as it makes sense, so that
//! `alice` is a mailbox without a domain and a missing comma does not swallow the next address.
//! Octets above 127 stand for themselves (RFC 6532), and domains stay as they are written.
//!
//! ```
//! use posthaste_core::mime::address;
//!
//! let list = b"Friends: \"Doe, J.\" <jd@example.org> (work), bob@example.net (Bob);";
//! let mailboxes: Vec<_> = address::mailboxes(list).collect();
//! assert_eq!(mailboxes[0].name().unwrap(), &b"Doe, J."[..]);
//! assert_eq!(mailboxes[0].comments().next().unwrap(), &b"work"[..]);
//! assert_eq!(mailboxes[1].display().unwrap(), "Bob");
//! assert_eq!(mailboxes[1].address(), "bob@example.net");
//! ```
//!
//! | file | holds |
//! |---|---|
//! | here | [`Mailbox`] and [`Group`]: the entries of a list, and what stands in them |
//! | `list.rs` | [`Addresses`]: the walk, for every form that there is |
//! | `quick.rs` | the short path for what nearly every mailbox looks like |
//! | `words.rs` | words, phrases and domains |

use alloc::{borrow::Cow, string::String};

use super::{
    HEADER_ADDRESSES, charset, encoded_word,
    lexer::{ATOM, BLANK, Lexer, WORD, is, trim, unescape},
};

mod list;
mod quick;
mod words;

pub use list::Addresses;
use words::joined;
pub(super) use words::phrase;

/// The addresses in the value of a field, the first [`HEADER_ADDRESSES`] entries of them.
#[must_use]
pub const fn addresses(value: &[u8]) -> Addresses<'_> {
    Addresses::new(value, HEADER_ADDRESSES)
}

/// The mailboxes among the [`addresses`] in the value of a field, those in groups too.
pub fn mailboxes(value: &[u8]) -> impl Iterator<Item = Mailbox<'_>> {
    addresses(value).filter_map(|address| match address {
        Address::Mailbox(mailbox) => Some(mailbox),
        Address::Group(_) | Address::GroupEnd => None,
    })
}

/// An entry of an address list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A mailbox, in a group or not.
    Mailbox(Mailbox<'a>),
    /// A group starts here; its mailboxes follow.
    Group(Group<'a>),
    /// The open group ends here.
    GroupEnd,
}

/// A mailbox as it is written: its parts in the text they stand in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// All of it, with the comments around it.
    whole: &'a [u8],
    phrase: &'a [u8],
    comment: Option<&'a [u8]>,
    route: &'a [u8],
    /// The address without brackets and route.
    spec: &'a [u8],
    /// Where the `@` stands in `spec`.
    at: Option<usize>,
    /// Whether `phrase` and `spec` stand for themselves, without quotes, comments and blanks.
    plain: bool,
}

impl<'a> Mailbox<'a> {
    /// The display name without quotes, encoded words as they are; for an address without one, what
    /// stands in the comment behind it, as old mailers write it.
    #[inline]
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, [u8]>> {
        let name = match self.comment {
            None if self.plain => Cow::Borrowed(self.phrase),
            _ => self.odd_name(),
        };
        (!trim(&name).is_empty()).then_some(name)
    }

    fn odd_name(&self) -> Cow<'a, [u8]> {
        match self.comment {
            Some(comment) if self.phrase.is_empty() => unescape(trim(comment)),
            _ if self.plain => Cow::Borrowed(self.phrase),
            _ => phrase(self.phrase),
        }
    }

    /// The display name as people read it, encoded words decoded.
    #[inline]
    #[must_use]
    pub fn display(&self) -> Option<Cow<'a, str>> {
        self.name().map(encoded_word::decode_line)
    }

    /// What stands in the comments in and around it, one after another, without escapes; encoded
    /// words are as they are. A comment within a comment is a part of it.
    pub fn comments(&self) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a> {
        let mut lexer = Lexer::new(self.whole);
        core::iter::from_fn(move || {
            loop {
                lexer.take(WORD | BLANK);
                match lexer.peek()? {
                    b'(' => return Some(unescape(lexer.comment())),
                    b'"' => _ = lexer.quoted(),
                    b'[' => _ = lexer.delimited(b']'),
                    b'\\' => lexer.skip(2),
                    _ => lexer.bump(),
                }
            }
        })
    }

    /// The obsolete route (RFC 5322 §4.4), as in `@one.example,@two.example`.
    #[must_use]
    pub fn route(&self) -> Option<Cow<'a, [u8]>> {
        if self.route.is_empty() {
            return None;
        }
        Some(joined(self.route)).filter(|route| !route.is_empty())
    }

    /// What stands before the `@`, without quotes.
    #[inline]
    #[must_use]
    pub fn local(&self) -> Cow<'a, [u8]> {
        let local = self.spec.get(..self.at.unwrap_or(self.spec.len())).unwrap_or_default();
        if self.plain { Cow::Borrowed(local) } else { phrase(trim(local)) }
    }

    /// What stands behind the `@`; `None` if nothing does.
    #[inline]
    #[must_use]
    pub fn domain(&self) -> Option<Cow<'a, [u8]>> {
        let domain = self.spec.get(self.at?.checked_add(1)?..)?;
        let domain = if self.plain { Cow::Borrowed(domain) } else { joined(domain) };
        (!domain.is_empty()).then_some(domain)
    }

    /// The address in one piece, as in `alice@example.org`: without comments and blanks, the local
    /// part in quotes only where it needs them.
    #[must_use]
    pub fn address(&self) -> Cow<'a, str> {
        let local = self.local();
        let dotted = !local.is_empty()
            && !local.starts_with(b".")
            && !local.ends_with(b".")
            && local.iter().all(|octet| is(*octet, ATOM));
        if self.plain && dotted && self.at.is_none_or(|at| at + 1 < self.spec.len()) {
            return charset::guess(self.spec);
        }
        let mut out = String::with_capacity(self.spec.len() + 2);
        if dotted || (local.is_empty() && self.at.is_none()) {
            out.push_str(&charset::guess(&local));
        } else {
            out.push('"');
            for octet in charset::guess(&local).chars() {
                if matches!(octet, '"' | '\\') {
                    out.push('\\');
                }
                out.push(octet);
            }
            out.push('"');
        }
        if let Some(domain) = self.domain() {
            out.push('@');
            out.push_str(&charset::guess(&domain));
        }
        Cow::Owned(out)
    }
}

/// The name of a group of mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    phrase: &'a [u8],
}

impl<'a> Group<'a> {
    /// The name without quotes, encoded words as they are.
    #[must_use]
    pub fn name(&self) -> Cow<'a, [u8]> {
        phrase(self.phrase)
    }
}

#[cfg(test)]
mod tests;
