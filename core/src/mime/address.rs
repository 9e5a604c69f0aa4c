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
//! What nearly every address looks like (words or one quoted string, then a plain address) is read
//! by a short path of its own; it reads nothing that the long path would not
//! read as well, so the time for a list stays linear.

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{
    HEADER_ADDRESSES, charset, encoded_word,
    lexer::{ATOM, BLANK, Lexer, QUOTED, WORD, is, run, unescape},
};

/// The addresses in the value of a field, the first [`HEADER_ADDRESSES`] entries of them.
#[must_use]
pub const fn addresses(value: &[u8]) -> Addresses<'_> {
    Addresses { lexer: Lexer::new(value), in_group: false, left: HEADER_ADDRESSES }
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
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, [u8]>> {
        let name = match self.comment {
            Some(comment) if self.phrase.is_empty() => unescape(comment.trim_ascii()),
            _ if self.plain => Cow::Borrowed(self.phrase),
            _ => phrase(self.phrase),
        };
        (!name.trim_ascii().is_empty()).then_some(name)
    }

    /// The display name as people read it, encoded words decoded.
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
    #[must_use]
    pub fn local(&self) -> Cow<'a, [u8]> {
        let local = self.spec.get(..self.at.unwrap_or(self.spec.len())).unwrap_or_default();
        if self.plain { Cow::Borrowed(local) } else { phrase(local.trim_ascii()) }
    }

    /// What stands behind the `@`; `None` if nothing does.
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
            self.lexer.cfws();
            self.lexer.eat(b';');
            return Some(Address::GroupEnd);
        }
        self.left -= 1;
        loop {
            if let Some(mailbox) = self.quick() {
                return Some(Address::Mailbox(mailbox));
            }
            let whole = self.lexer.rest();
            self.lexer.cfws();
            match self.lexer.peek() {
                None | Some(b';') if self.in_group => {
                    self.lexer.bump();
                    self.in_group = false;
                    return Some(Address::GroupEnd);
                }
                None => {
                    self.left += 1;
                    return None;
                }
                // Some mailers separate by semicolons.
                Some(b',' | b';' | b'>') => {
                    self.lexer.bump();
                    continue;
                }
                Some(_) => {}
            }
            let (start, mut comment) = (self.lexer.rest(), None);
            let words = words(&mut self.lexer, &mut comment);
            let mut mailbox = match self.lexer.peek() {
                Some(b':') => {
                    self.lexer.bump();
                    if self.in_group {
                        continue;
                    }
                    self.in_group = true;
                    return Some(Address::Group(Group { phrase: words.text }));
                }
                Some(b'<') => self.angle(words),
                Some(b'@') => self.bare(start, words.plain, comment),
                _ if words.text.is_empty() => continue,
                // Several words are a name that lacks its address.
                _ if !words.text.starts_with(b"\"") && phrase(words.text).contains(&b' ') => {
                    Mailbox { phrase: words.text, plain: words.plain, ..Mailbox::default() }
                }
                _ => {
                    let plain = words.plain;
                    Mailbox { comment, spec: words.text, plain, ..Mailbox::default() }
                }
            };
            mailbox.whole = up_to(whole, self.lexer.rest());
            return Some(Address::Mailbox(mailbox));
        }
    }
}

impl<'a> Addresses<'a> {
    /// Whether there are more entries than are shown: to be asked when the walk is over.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let mut lexer = self.lexer;
        lexer.take_while(|octet| matches!(octet, b',' | b';') || is(octet, BLANK));
        self.left == 0 && lexer.peek().is_some()
    }

    /// No more than `left` entries.
    pub(super) const fn at_most(mut self, left: usize) -> Self {
        self.left = left;
        self
    }

    /// How many more entries may come.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    /// The next mailbox, if it is made of plain words or one quoted string in front of a plain
    /// address in brackets, or of a plain address alone; reads up to its comma.
    fn quick(&mut self) -> Option<Mailbox<'a>> {
        let text = self.lexer.rest();
        let start = run(text, 0, BLANK);
        let mut name = start..start;
        let mut at = start;
        match text.get(start)? {
            b'"' => {
                name = start + 1..run(text, start + 1, QUOTED);
                if text.get(name.end) != Some(&b'"') {
                    return None;
                }
                at = run(text, name.end + 1, BLANK);
            }
            b'<' => {}
            _ => loop {
                at = run(text, at, WORD);
                name.end = at;
                match text.get(at)? {
                    b'<' => break,
                    b' ' if text.get(at + 1) == Some(&b'<') => {
                        at += 1;
                        break;
                    }
                    b' ' if is(*text.get(at + 1)?, WORD) => at += 1,
                    // An encoded word may hold one.
                    b'@' if text.get(start) != Some(&b'=') => break,
                    _ => return None,
                }
            },
        }
        let bracketed = text.get(at) == Some(&b'<');
        let local = if bracketed { at + 1..run(text, at + 1, WORD) } else { name.clone() };
        let end = run(text, local.end + 1, WORD);
        if text.get(local.end) != Some(&b'@') || local.is_empty() || end == local.end + 1 {
            return None;
        }
        if bracketed {
            at = end + 1;
            if text.get(end) != Some(&b'>') {
                return None;
            }
        } else {
            at = end;
            name = start..start;
        }
        let spec = text.get(local.start..end)?;
        if !bracketed && spec.contains(&b' ') {
            return None;
        }
        let whole = text.get(start..at)?;
        match text.get(at) {
            Some(b',') => at += 1,
            None | Some(b';') => {}
            Some(_) => return None,
        }
        self.lexer.skip(at);
        Some(Mailbox {
            whole,
            phrase: text.get(name)?,
            spec,
            at: Some(local.end - local.start),
            plain: true,
            ..Mailbox::default()
        })
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
            plain &= words(&mut self.lexer, &mut comment).plain;
            end = here(&self.lexer);
            if self.lexer.peek() != Some(b'@') {
                break;
            }
            let next = last_word(up_to(domain, self.lexer.rest()));
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
            return self.angle(Words { text: spec.trim_ascii(), plain });
        }
        let (phrase, spec) = spec.split_at_checked(first).unwrap_or((&[], spec));
        let (phrase, spec) = (phrase.trim_ascii(), spec.trim_ascii());
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
    start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default().trim_ascii()
}

/// Words as they stand, and whether they stand for themselves: without quotes, comments and escapes,
/// and with single spaces between them.
#[derive(Clone, Copy)]
struct Words<'a> {
    text: &'a [u8],
    plain: bool,
}

/// Reads words, comments and blanks up to the next octet that means something in an address list:
/// one of `,;:<>@`, or the end.
fn words<'a>(lexer: &mut Lexer<'a>, comment: &mut Option<&'a [u8]>) -> Words<'a> {
    lexer.blanks();
    let start = lexer.rest();
    let mut plain = true;
    loop {
        let gap = lexer.take(BLANK);
        let rest = lexer.rest();
        match lexer.peek() {
            None | Some(b',' | b';' | b':' | b'<' | b'>' | b'@') => {
                let end = start.len() - rest.len() - gap.len();
                return Words { text: start.get(..end).unwrap_or_default(), plain };
            }
            Some(b'(') => {
                *comment = Some(lexer.comment());
                plain = false;
            }
            // RFC 2047 §5 (3) allows none of these in the words of a phrase; some mailers write them.
            Some(b'=') if encoded_word(rest) > 0 => {
                plain = false;
                lexer.skip(encoded_word(rest));
            }
            Some(octet) if is(octet, WORD) => {
                plain &= matches!(gap, [] | [b' ']);
                _ = lexer.take(WORD);
            }
            Some(octet) => {
                plain = false;
                match octet {
                    b'"' => _ = lexer.quoted(),
                    b'[' => _ = lexer.delimited(b']'),
                    _ => lexer.skip(2),
                }
            }
        }
    }
}

/// How long the encoded word is that starts here (RFC 2047 §2); 0 if none does.
fn encoded_word(text: &[u8]) -> usize {
    let mark = |from: usize| {
        let rest = text.get(from..)?;
        let at = rest.iter().position(|octet| *octet == b'?' || is(*octet, BLANK))?;
        (rest.get(at) == Some(&b'?')).then_some(from + at + 1)
    };
    let ends = || {
        let encoding = text.starts_with(b"=?").then(|| mark(2))??;
        let content = mark(encoding).filter(|content| *content == encoding + 2)?;
        mark(content).filter(|end| text.get(*end) == Some(&b'=')).map(|end| end + 1)
    };
    ends().unwrap_or(0)
}

/// Where the last word of `words` starts; dots join what stands at their sides, blanks or not (RFC 5322
/// §4.4), and nothing else does.
fn last_word(words: &[u8]) -> usize {
    let mut lexer = Lexer::new(words);
    let (mut start, mut joins, mut quoted) = (0, true, false);
    loop {
        let before = lexer.rest().len();
        lexer.cfws();
        let here = words.len() - lexer.rest().len();
        let apart = lexer.rest().len() < before || quoted;
        quoted = lexer.peek() == Some(b'"');
        match lexer.peek() {
            None => return start,
            Some(octet) if apart && !joins && octet != b'.' => start = here,
            Some(_) => {}
        }
        match lexer.peek() {
            Some(b'"') => _ = lexer.quoted(),
            Some(b'[') => _ = lexer.delimited(b']'),
            Some(b'\\') => lexer.skip(2),
            _ if lexer.take(WORD).is_empty() => lexer.bump(),
            _ => {}
        }
        let end = words.len() - lexer.rest().len();
        joins = words.get(..end).is_some_and(|read| read.ends_with(b"."));
    }
}

/// Words as text: without comments, quotes and escapes, and with one blank where there were some.
pub(super) fn phrase(words: &[u8]) -> Cow<'_, [u8]> {
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
                out.extend_from_slice(lexer.take(WORD));
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
        out.extend_from_slice(lexer.take(WORD));
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

#[cfg(test)]
mod tests;
