//! The walk over an address list.

use core::ops::ControlFlow::{self, Break, Continue};

use super::{
    Address, Group, Mailbox, quick,
    words::{Words, has_blank, last_word, words},
};
use crate::mime::lexer::{BLANK, Lexer, is, trim};

/// Walks an address list; see [`addresses`](super::addresses).
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
            self.lexer.cfws();
            self.lexer.eat(b';');
            return Some(Address::GroupEnd);
        }
        if self.lexer.rest().is_empty() && !self.in_group {
            return None;
        }
        self.left -= 1;
        loop {
            if let Some((mailbox, len)) = quick::mailbox(self.lexer.rest()) {
                self.lexer.skip(len);
                return Some(Address::Mailbox(mailbox));
            }
            if let Break(entry) = self.slow() {
                return entry;
            }
        }
    }
}

impl<'a> Addresses<'a> {
    /// The first `left` entries of `value`.
    pub(super) const fn new(value: &'a [u8], left: usize) -> Self {
        Self { lexer: Lexer::new(value), in_group: false, left }
    }

    /// The next entry, whatever it looks like, unless what stands here is none.
    #[inline(never)]
    pub(super) fn slow(&mut self) -> ControlFlow<Option<Address<'a>>> {
        let whole = self.lexer.rest();
        self.lexer.cfws();
        match self.lexer.peek() {
            None | Some(b';') if self.in_group => {
                self.lexer.bump();
                self.in_group = false;
                return Break(Some(Address::GroupEnd));
            }
            None => {
                self.left += 1;
                return Break(None);
            }
            // Some mailers separate by semicolons.
            Some(b',' | b';' | b'>') => {
                self.lexer.bump();
                return Continue(());
            }
            Some(_) => {}
        }
        let (start, mut comment) = (self.lexer.rest(), None);
        let words = words(&mut self.lexer, &mut comment);
        let mut mailbox = match self.lexer.peek() {
            Some(b':') => {
                self.lexer.bump();
                if self.in_group {
                    return Continue(());
                }
                self.in_group = true;
                return Break(Some(Address::Group(Group { phrase: words.text })));
            }
            Some(b'<') => self.angle(words),
            Some(b'@') => self.bare(start, words.plain, comment),
            _ if words.text.is_empty() => return Continue(()),
            // Several words are a name that lacks its address.
            _ if !words.text.starts_with(b"\"") && has_blank(words.text) => {
                Mailbox { phrase: words.text, plain: words.plain, ..Mailbox::default() }
            }
            _ => {
                let plain = words.plain;
                Mailbox { comment, spec: words.text, plain, ..Mailbox::default() }
            }
        };
        mailbox.whole = up_to(whole, self.lexer.rest());
        Break(Some(Address::Mailbox(mailbox)))
    }

    /// Whether there are more entries than are shown: to be asked when the walk is over.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let mut lexer = self.lexer;
        lexer.take_while(|octet| matches!(octet, b',' | b';') || is(octet, BLANK));
        self.left == 0 && lexer.peek().is_some()
    }

    /// No more than `left` entries.
    pub(in crate::mime) const fn at_most(mut self, left: usize) -> Self {
        self.left = left;
        self
    }

    /// How many more entries may come.
    pub(in crate::mime) const fn left(&self) -> usize {
        self.left
    }

    /// An address without angle brackets, which starts at `start` and whose first `@` is next.
    /// `plain` tells of the words before it.
    fn bare(
        &mut self,
        start: &'a [u8],
        mut plain: bool,
        mut comment: Option<&'a [u8]>,
    ) -> Mailbox<'a> {
        let here = |lexer: &Lexer<'a>| start.len() - lexer.rest().len();
        // What stands before the last word is a name: Alice Doe alice@example.org
        let first = last_word(up_to(start, self.lexer.rest()));
        let mut at = here(&self.lexer);
        let mut end;
        loop {
            self.lexer.bump();
            let domain = self.lexer.rest();
            let read = words(&mut self.lexer, &mut comment);
            plain &= read.plain;
            end = here(&self.lexer);
            if self.lexer.peek() != Some(b'@') {
                break;
            }
            let is_one = read.plain && !read.text.contains(&b' ');
            let next = if is_one { 0 } else { last_word(up_to(domain, self.lexer.rest())) };
            if next > 0 {
                // The comma is missing, as in: alice@example.org bob@example.org
                self.lexer = Lexer::new(domain.get(next..).unwrap_or_default());
                end = here(&self.lexer);
                break;
            }
            // Of several @, the last one counts.
            at = end;
        }
        let spec = start.get(..end).unwrap_or_default();
        // As in: alice@example.org <alice@example.org>
        if self.lexer.peek() == Some(b'<') {
            return self.angle(Words { text: trim(spec), plain });
        }
        let (phrase, spec) = spec.split_at_checked(first).unwrap_or((&[], spec));
        let (phrase, spec) = (trim(phrase), trim(spec));
        plain &= !spec.iter().any(|octet| is(*octet, BLANK));
        let at = Some(at.saturating_sub(first));
        Mailbox { phrase, comment, spec, at, plain, ..Mailbox::default() }
    }

    /// An address in angle brackets, whose `<` is next.
    fn angle(&mut self, phrase: Words<'a>) -> Mailbox<'a> {
        self.lexer.bump();
        self.lexer.cfws();
        let mut mailbox =
            Mailbox { phrase: phrase.text, plain: phrase.plain, ..Mailbox::default() };
        if self.lexer.peek() == Some(b'@') {
            mailbox.route = self.route();
        }
        let start = self.lexer.rest();
        loop {
            mailbox.plain &= words(&mut self.lexer, &mut None).plain;
            let here = start.len() - self.lexer.rest().len();
            match self.lexer.peek() {
                Some(b'@') => mailbox.at = Some(here),
                Some(b',' | b';') if mailbox.at.is_none() => {}
                Some(b':') => {}
                end => {
                    mailbox.spec = start.get(..here).unwrap_or_default();
                    mailbox.plain &= !mailbox.spec.iter().any(|octet| is(*octet, BLANK));
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
    trim(start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default())
}
