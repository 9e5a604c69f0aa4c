//! Address lists (RFC 5322 §3.4, §4.4): mailboxes and groups, read lazily.
//!
//! [`addresses`] walks a field's value once; an [`Mailbox`] holds slices of it, and its parts are
//! unquoted when they are asked for. What is no address is read as far as it makes sense, so that
//! `alice` is a mailbox without a domain and a missing comma does not swallow the next address.

use alloc::{borrow::Cow, vec::Vec};

use super::{
    HEADER_ADDRESSES, encoded_word,
    lexer::{Lexer, is_blank, unescape},
};

/// The addresses in the value of a field, the first [`HEADER_ADDRESSES`] entries of them.
#[must_use]
pub const fn addresses(value: &[u8]) -> Addresses<'_> {
    Addresses { lexer: Lexer::new(value), in_group: false, left: HEADER_ADDRESSES }
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
    phrase: &'a [u8],
    comment: Option<&'a [u8]>,
    route: &'a [u8],
    local: &'a [u8],
    domain: Option<&'a [u8]>,
}

impl<'a> Mailbox<'a> {
    /// The display name without quotes, encoded words as they are; for an address without one, what
    /// stands in the comment behind it, as old mailers write it.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, [u8]>> {
        let name = match self.comment {
            Some(comment) if self.phrase.is_empty() => unescape(comment.trim_ascii()),
            _ => phrase(self.phrase),
        };
        (!name.is_empty()).then_some(name)
    }

    /// The display name as people read it, encoded words decoded.
    #[must_use]
    pub fn display(&self) -> Option<Cow<'a, str>> {
        self.name().map(encoded_word::decode_line)
    }

    /// The obsolete route (RFC 5322 §4.4), as in `@one.example,@two.example`.
    #[must_use]
    pub fn route(&self) -> Option<Cow<'a, [u8]>> {
        let route = joined(self.route);
        (!route.is_empty()).then_some(route)
    }

    /// What stands before the `@`, without quotes.
    #[must_use]
    pub fn local(&self) -> Cow<'a, [u8]> {
        phrase(self.local)
    }

    /// What stands behind the `@`; `None` if nothing does.
    #[must_use]
    pub fn domain(&self) -> Option<Cow<'a, [u8]>> {
        self.domain.map(joined).filter(|domain| !domain.is_empty())
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

/// Walks an address list; see [`addresses`].
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    lexer: Lexer<'a>,
    in_group: bool,
    left: usize,
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        if self.left == 0 && !self.in_group {
            return None;
        }
        if self.left == 0 {
            self.in_group = false;
            return Some(Address::GroupEnd);
        }
        self.left -= 1;
        loop {
            self.lexer.cfws();
            match self.lexer.peek() {
                None | Some(b';') if self.in_group => {
                    self.lexer.bump();
                    self.in_group = false;
                    return Some(Address::GroupEnd);
                }
                None => return None,
                // Some mailers separate by semicolons.
                Some(b',' | b';' | b'>') => {
                    self.lexer.bump();
                    continue;
                }
                Some(_) => {}
            }
            let (start, mut comment) = (self.lexer.rest(), None);
            let words = words(&mut self.lexer, &mut comment);
            match self.lexer.peek() {
                Some(b':') => {
                    self.lexer.bump();
                    if !self.in_group {
                        self.in_group = true;
                        return Some(Address::Group(Group { phrase: words }));
                    }
                }
                Some(b'<') => return Some(Address::Mailbox(self.angle(words))),
                Some(b'@') => return Some(Address::Mailbox(self.bare(start, comment))),
                _ if words.is_empty() => {}
                // Several words are a name that lacks its address.
                _ if !words.starts_with(b"\"") && phrase(words).contains(&b' ') => {
                    let mailbox = Mailbox { phrase: words, ..Mailbox::default() };
                    return Some(Address::Mailbox(mailbox));
                }
                _ => {
                    let mailbox = Mailbox { comment, local: words, ..Mailbox::default() };
                    return Some(Address::Mailbox(mailbox));
                }
            }
        }
    }
}

impl<'a> Addresses<'a> {
    /// No more than `left` entries.
    pub(super) const fn at_most(mut self, left: usize) -> Self {
        self.left = left;
        self
    }

    /// An address without angle brackets, which starts at `start` and whose first `@` is next.
    fn bare(&mut self, start: &'a [u8], mut comment: Option<&'a [u8]>) -> Mailbox<'a> {
        let (mut before, mut domain) = (&b""[..], &b""[..]);
        while self.lexer.peek() == Some(b'@') {
            // Of several @, the last one counts.
            before = up_to(start, self.lexer.rest());
            self.lexer.bump();
            domain = words(&mut self.lexer, &mut comment);
        }
        // As in: alice@example.org <alice@example.org>
        if self.lexer.peek() == Some(b'<') {
            return self.angle(up_to(start, self.lexer.rest()));
        }
        Mailbox { comment, local: before, domain: Some(domain), ..Mailbox::default() }
    }

    /// An address in angle brackets, whose `<` is next.
    fn angle(&mut self, phrase: &'a [u8]) -> Mailbox<'a> {
        self.lexer.bump();
        self.lexer.cfws();
        let mut mailbox = Mailbox { phrase, ..Mailbox::default() };
        if self.lexer.peek() == Some(b'@') {
            mailbox.route = self.route();
        }
        let start = self.lexer.rest();
        let mut at = None;
        loop {
            words(&mut self.lexer, &mut None);
            let here = start.len() - self.lexer.rest().len();
            match self.lexer.peek() {
                Some(b'@') => at = Some(here),
                Some(b',' | b';') if at.is_none() => {}
                Some(b':') => {}
                end => {
                    let local = start.get(..at.unwrap_or(here)).unwrap_or_default();
                    mailbox.local = local.trim_ascii();
                    mailbox.domain = at.and_then(|at| start.get(at + 1..here));
                    if end == Some(b'>') {
                        self.lexer.bump();
                        self.after_angle();
                    }
                    return mailbox;
                }
            }
            self.lexer.bump();
        }
    }

    /// The route in front of an address, whose first `@` is next. It is none without its colon.
    fn route(&mut self) -> &'a [u8] {
        let start = self.lexer.rest();
        let mut ahead = self.lexer;
        loop {
            words(&mut ahead, &mut None);
            match ahead.peek() {
                Some(b'@' | b',') => ahead.bump(),
                Some(b':') => break,
                _ => return &[],
            }
        }
        let route = up_to(start, ahead.rest());
        ahead.bump();
        self.lexer = ahead;
        route
    }

    /// Passes over what stands between `>` and the comma, unless another `<` shows that the comma
    /// is missing.
    fn after_angle(&mut self) {
        let mut ahead = self.lexer;
        loop {
            words(&mut ahead, &mut None);
            match ahead.peek() {
                None | Some(b',' | b';') => break,
                Some(b'<') => return,
                Some(_) => ahead.bump(),
            }
        }
        self.lexer = ahead;
    }
}

/// What stands from `start` to `rest`, which is its end.
fn up_to<'a>(start: &'a [u8], rest: &[u8]) -> &'a [u8] {
    start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default().trim_ascii()
}

/// Reads words, comments and blanks up to the next octet that means something in an address list:
/// one of `,;:<>@`, or the end.
fn words<'a>(lexer: &mut Lexer<'a>, comment: &mut Option<&'a [u8]>) -> &'a [u8] {
    let start = lexer.rest();
    loop {
        lexer.cfws_noting(comment);
        match lexer.peek() {
            None | Some(b',' | b';' | b':' | b'<' | b'>' | b'@') => break,
            Some(b'"') => _ = lexer.quoted(),
            Some(b'[') => _ = lexer.delimited(b']'),
            Some(b'\\') => lexer.skip(2),
            Some(_) => {
                if lexer.take_while(is_word).is_empty() {
                    lexer.bump();
                }
            }
        }
    }
    let words = start.get(..start.len() - lexer.rest().len()).unwrap_or_default();
    words.trim_ascii()
}

/// Words as text: without comments, quotes and escapes, and with one blank where there were some.
fn phrase(words: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(words) {
        return Cow::Borrowed(words);
    }
    let mut lexer = Lexer::new(words);
    if let [b'"', ..] = words {
        let text = lexer.quoted();
        if lexer.rest().is_empty() {
            return unescape(text);
        }
        lexer = Lexer::new(words);
    }
    let mut out = Vec::with_capacity(words.len());
    loop {
        let before = lexer.rest().len();
        lexer.cfws();
        let spaced = lexer.rest().len() < before;
        let Some(octet) = lexer.peek() else { break };
        if spaced && !out.is_empty() {
            out.push(b' ');
        }
        match octet {
            b'"' => out.extend_from_slice(&unescape(lexer.quoted())),
            b'\\' => {
                lexer.bump();
                out.extend(lexer.peek());
                lexer.bump();
            }
            _ => {
                out.push(octet);
                lexer.bump();
                out.extend_from_slice(lexer.take_while(is_word));
            }
        }
    }
    Cow::Owned(out)
}

/// A domain or a route: without comments and blanks, literals as they are.
fn joined(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.trim_ascii();
    if is_plain(text) && !text.contains(&b' ') {
        return Cow::Borrowed(text);
    }
    let mut lexer = Lexer::new(text);
    let mut out = Vec::with_capacity(text.len());
    loop {
        lexer.cfws();
        let Some(octet) = lexer.peek() else { break };
        out.push(octet);
        lexer.bump();
        out.extend_from_slice(lexer.take_while(is_word));
    }
    Cow::Owned(out)
}

/// Whether `words` stand for themselves: no quotes, comments, escapes, and single blanks at most.
fn is_plain(words: &[u8]) -> bool {
    let mut after_blank = false;
    words.iter().all(|octet| {
        let is_double = after_blank && *octet == b' ';
        after_blank = *octet == b' ';
        !is_double && !matches!(octet, b'"' | b'(' | b'\\' | b'\t' | b'\r' | b'\n')
    })
}

/// An octet that neither ends a word nor means anything within one.
const fn is_word(octet: u8) -> bool {
    !is_blank(octet)
        && !matches!(octet, b',' | b';' | b':' | b'<' | b'>' | b'@' | b'"' | b'(' | b'[' | b'\\')
}

#[cfg(test)]
mod tests;
