//! Received: one hop of a message, as the server that took it in wrote it down (RFC 5321 §4.4).
//!
//! The grammar is loose and real servers are looser: the connection is told in comments, each in
//! its own way. [`Received::parse`] finds the clauses; what stands in them is read when asked for,
//! in the forms of Postfix, Exim, sendmail, qmail, Exchange and Gmail.
//!
//! ```
//! use posthaste_core::mime::received::Received;
//!
//! let hop = Received::parse(
//!     b"from mail.example.org (mx1.example.org [192.0.2.25])\r\n\
//!       \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n\
//!       \tby mx.example.net (Postfix) with ESMTPS id 4XyZ1234\r\n\
//!       \tfor <alice@example.net>; Tue, 17 Nov 2026 10:31:15 -0700 (PDT)",
//! );
//! assert_eq!(hop.helo().unwrap(), b"mail.example.org");
//! assert_eq!(hop.reverse_name().unwrap(), b"mx1.example.org");
//! assert_eq!(hop.ip().unwrap().to_string(), "192.0.2.25");
//! assert_eq!(hop.with().unwrap(), &b"ESMTPS"[..]);
//! assert_eq!(hop.tls().unwrap().version, b"TLSv1.3");
//! assert_eq!(hop.recipients().next().unwrap().address(), "alice@example.net");
//! assert_eq!(hop.date().unwrap().hour, 10);
//! ```

use alloc::borrow::Cow;
use core::net::IpAddr;

use memchr::{memchr, memchr2};

use super::{
    address::{self, Mailbox, phrase},
    date::DateTime,
    lexer::{BLANK, Lexer, WORD, is},
};

/// One hop. It holds slices of the value of the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received<'a> {
    value: &'a [u8],
    /// What stands behind the word of each clause, comments and all, or the first word of it where
    /// only that counts; empty if the clause is missing.
    clauses: [&'a [u8]; CLAUSES],
    date: &'a [u8],
    /// What the comments behind `from` tell.
    from: Told<'a>,
    /// What the comments behind `by` tell.
    by: Told<'a>,
    tls: Tls<'a>,
}

/// What the comments of a clause tell of the host that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told<'a> {
    /// The first word.
    first: Option<&'a [u8]>,
    /// The HELO: `(HELO x)` of qmail, `helo=x` of Exim.
    said: Option<&'a [u8]>,
    ip: Option<IpAddr>,
}

/// What is known of the TLS of a hop; what is not told is empty or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls<'a> {
    /// The version as written, as in `TLSv1.3` or `TLS1_3`.
    pub version: &'a [u8],
    /// The cipher suite as written.
    pub cipher: &'a [u8],
    /// The strength of the cipher.
    pub bits: Option<u32>,
}

impl<'a> Received<'a> {
    /// Reads the value of a Received field. There is always a reading; what is missing is missing.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        let mut found = Self { value, ..Self::default() };
        let mut lexer = Lexer::new(value);
        // The open clause, and where its text starts.
        let mut open: Option<(usize, &'a [u8])> = None;
        let mut has_word = true;
        // The last word of the comments, which some words mean something behind.
        let mut last: &[u8] = b"";
        loop {
            lexer.blanks();
            let here = lexer.rest();
            match lexer.peek() {
                None => break,
                Some(b'(') => {
                    found.comment(&mut lexer, open.map(|(at, _)| at), &mut last);
                    continue;
                }
                Some(b';') => {
                    found.close(open.take(), here);
                    lexer.bump();
                    found.date = lexer.rest();
                    if memchr(b';', found.date).is_none() {
                        break;
                    }
                    has_word = true;
                    continue;
                }
                Some(b'"') => _ = lexer.quoted(),
                Some(b'[') => _ = lexer.delimited(b']'),
                Some(b'<') => _ = lexer.delimited(b'>'),
                Some(b'\\') => lexer.skip(2),
                Some(octet) if !is(octet, WORD) => lexer.bump(),
                Some(_) => {
                    let word = lexer.take(WORD);
                    let whole = lexer.peek().is_none_or(|next| {
                        is(next, BLANK) || matches!(next, b'(' | b'<' | b'[' | b'"' | b';')
                    });
                    let new = clause(word).filter(|at| found.clause(*at).is_empty());
                    if let Some(at) = new.filter(|_| whole && has_word) {
                        found.close(open.take(), here);
                        open = Some((at, lexer.rest()));
                        has_word = false;
                        continue;
                    }
                }
            }
            has_word = true;
        }
        found.close(open, b"");
        found
    }

    /// Reads the comment that starts here, in `clause`: the words in it, those of comments within it
    /// too.
    fn comment(&mut self, lexer: &mut Lexer<'a>, clause: Option<usize>, last: &mut &'a [u8]) {
        let text = lexer.rest();
        let (mut at, mut depth) = (0, 0_usize);
        while let Some(octet) = text.get(at) {
            let start = at;
            at += 1;
            match octet {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ if END[usize::from(*octet)] => {}
                _ => {
                    at = word_end(text, start);
                    self.take(clause, text.get(start..at).unwrap_or_default(), last);
                }
            }
        }
        lexer.skip(at);
    }

    /// Notes what a word of a comment in `clause` tells; `last` stood before it.
    fn take(&mut self, clause: Option<usize>, word: &'a [u8], last: &mut &'a [u8]) {
        let before = core::mem::replace(last, word);
        let told = match clause {
            Some(FROM) => Some(&mut self.from),
            Some(BY) => Some(&mut self.by),
            _ => None,
        };
        if let Some(told) = told {
            told.take(word, before);
        }
        self.tls.take(word, before);
    }

    /// Ends a clause where `rest` starts.
    fn close(&mut self, open: Option<(usize, &'a [u8])>, rest: &[u8]) {
        if let Some((at, start)) = open
            && let Some(clause) = self.clauses.get_mut(at)
        {
            let len = start.len().saturating_sub(rest.len());
            let text = start.get(..len).unwrap_or_default();
            *clause = match at {
                VIA | WITH | FOR => text.trim_ascii(),
                _ => first_word(text).unwrap_or_default(),
            };
        }
    }

    fn word(&self, at: usize) -> Option<&'a [u8]> {
        Some(self.clause(at)).filter(|word| !word.is_empty())
    }

    fn clause(&self, at: usize) -> &'a [u8] {
        self.clauses.get(at).copied().unwrap_or_default()
    }

    /// The name behind `from`, or an address in brackets: in most forms what the client said in its
    /// HELO, in those of Exim and qmail the name of its address.
    #[must_use]
    pub fn from(&self) -> Option<&'a [u8]> {
        self.word(FROM)
    }

    /// What the client said in its HELO or EHLO.
    #[must_use]
    pub fn helo(&self) -> Option<&'a [u8]> {
        self.from.said.or_else(|| self.from().filter(|from| !from.starts_with(b"[")))
    }

    /// The name that the client's address has in the DNS, as the server found it.
    #[must_use]
    pub fn reverse_name(&self) -> Option<&'a [u8]> {
        let name = if self.from.said.is_some() { self.from() } else { self.from.first }?;
        let name = name.strip_suffix(b".").unwrap_or(name);
        let is_name = name.iter().any(u8::is_ascii_alphabetic)
            && (name.contains(&b'.') || name.eq_ignore_ascii_case(b"localhost"))
            && name.iter().all(|octet| {
                octet.is_ascii_alphanumeric()
                    || matches!(octet, b'.' | b'-' | b'_')
                    || !octet.is_ascii()
            });
        is_name.then_some(name)
    }

    /// The address of the client, from the comments behind `from`, or from its name if that is an
    /// address in brackets.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.from.ip.or_else(|| address_of(self.word(FROM).filter(|word| word.starts_with(b"["))?))
    }

    /// The server that wrote the field.
    #[must_use]
    pub fn by(&self) -> Option<&'a [u8]> {
        self.word(BY)
    }

    /// The address of the server that wrote the field, where it tells it.
    #[must_use]
    pub fn by_ip(&self) -> Option<IpAddr> {
        self.by.ip.or_else(|| self.word(BY).and_then(address_of))
    }

    /// The medium, as in `TCP`.
    #[must_use]
    pub fn via(&self) -> Option<Cow<'a, [u8]>> {
        text(self.clause(VIA))
    }

    /// The protocol, as in `ESMTPS` (RFC 3848) or `Microsoft SMTP Server`.
    #[must_use]
    pub fn with(&self) -> Option<Cow<'a, [u8]>> {
        text(self.clause(WITH))
    }

    /// Under which name the server kept the message, without angle brackets.
    #[must_use]
    pub fn id(&self) -> Option<&'a [u8]> {
        let id = self.word(ID)?;
        Some(id.strip_prefix(b"<").and_then(|id| id.strip_suffix(b">")).unwrap_or(id))
    }

    /// For whom the message was taken in.
    pub fn recipients(&self) -> impl Iterator<Item = Mailbox<'a>> + use<'a> {
        address::mailboxes(self.clause(FOR))
    }

    /// What the `tls` clause (RFC 8314 §7.4) and the comments tell of TLS; `None` if nothing does.
    #[must_use]
    pub fn tls(&self) -> Option<Tls<'a>> {
        let mut tls = self.tls;
        if let Some(cipher) = self.word(TLS) {
            tls.cipher = cipher;
        }
        (!tls.version.is_empty() || !tls.cipher.is_empty()).then_some(tls)
    }

    /// When the message was taken in.
    #[must_use]
    pub fn date(&self) -> Option<DateTime> {
        DateTime::parse(self.date)
    }

    /// What stands in its comments, one after another, as written.
    pub fn comments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        comments(self.value)
    }
}

impl<'a> Told<'a> {
    /// Notes what a word of a comment, which follows `last`, tells.
    fn take(&mut self, word: &'a [u8], last: &[u8]) {
        self.first.get_or_insert(word);
        if is_helo(last) {
            self.said.get_or_insert(word);
        } else if let Some(said) = after(word, b"helo=").or_else(|| after(word, b"ehlo=")) {
            self.said.get_or_insert(said);
        } else if self.ip.is_none() {
            // What the client says in its HELO is no evidence.
            self.ip = address_of(word);
        }
    }
}

impl<'a> Tls<'a> {
    /// Notes what a word of a comment, which follows `last`, tells.
    fn take(&mut self, word: &'a [u8], last: &[u8]) {
        if last.eq_ignore_ascii_case(b"cipher") {
            self.cipher = word;
            return;
        }
        match word.first() {
            // As sendmail, Gmail and Exchange write it.
            Some(b'v' | b'V') => {
                if let Some(version) = after(word, b"version=") {
                    self.version = version;
                }
            }
            Some(b'c' | b'C') => {
                if let Some(cipher) = after(word, b"cipher=") {
                    self.cipher = cipher;
                }
            }
            Some(b'b' | b'B') => {
                if let Some(bits) = after(word, b"bits=") {
                    self.bits = decimal(bits);
                } else if word.eq_ignore_ascii_case(b"bits") {
                    // As Postfix does: (256/256 bits)
                    self.bits = self.bits.or_else(|| decimal(last));
                }
            }
            Some(b'T' | b'S') if self.version.is_empty() => self.take_exim(word),
            _ => {}
        }
    }

    /// As Exim writes it: `TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256`.
    fn take_exim(&mut self, word: &'a [u8]) {
        if (word.starts_with(b"TLS") || word.starts_with(b"SSL"))
            && word.get(3..5).is_some_and(|rest| rest.iter().any(u8::is_ascii_digit))
        {
            let mut parts = word.split(|octet| *octet == b':');
            self.version = parts.next().unwrap_or_default();
            self.cipher = parts.next().unwrap_or(self.cipher);
            self.bits = parts.next().and_then(decimal).or(self.bits);
        }
    }
}

/// The text of a clause without its comments.
fn text(clause: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(phrase(clause)).filter(|text| !text.is_empty())
}

/// The first word of a clause, whatever it is made of.
fn first_word(clause: &[u8]) -> Option<&[u8]> {
    let mut lexer = Lexer::new(clause);
    lexer.cfws();
    let start = lexer.rest();
    if lexer.peek() == Some(b'[') {
        lexer.delimited(b']');
    }
    lexer.take_while(|octet| !is(octet, BLANK) && !matches!(octet, b'(' | b';'));
    let word = start.get(..start.len().saturating_sub(lexer.rest().len()));
    word.filter(|word| !word.is_empty())
}

/// The contents of the comments in `text`.
fn comments(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut lexer = Lexer::new(text);
    core::iter::from_fn(move || {
        loop {
            lexer.take(WORD | BLANK);
            match lexer.peek()? {
                b'(' => return Some(lexer.comment()),
                b'"' => _ = lexer.quoted(),
                b'[' => _ = lexer.delimited(b']'),
                _ => lexer.bump(),
            }
        }
    })
}

/// Where the word of a comment ends that starts at `at`.
fn word_end(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|octet| END[usize::from(*octet)]) else {
            return text.len();
        };
        at += end;
        if rest.get(end) != Some(&b'\\') {
            return at;
        }
        at = (at + 2).min(text.len());
    }
}

/// The octets at which the search for the end of a word of a comment stops.
static END: [bool; 256] = {
    let (mut ends, mut octet) = ([false; 256], 0);
    while octet < 256 {
        ends[octet] =
            is(octet as u8, BLANK) || matches!(octet as u8, b'(' | b')' | b',' | b';' | b'\\');
        octet += 1;
    }
    ends
};

/// Which clause a word starts.
fn clause(word: &[u8]) -> Option<usize> {
    // The bit that makes letters small tells nothing else apart from a letter.
    Some(match *word {
        [a, b, c, d] => match [a | 0x20, b | 0x20, c | 0x20, d | 0x20] {
            [b'f', b'r', b'o', b'm'] => FROM,
            [b'w', b'i', b't', b'h'] => WITH,
            _ => return None,
        },
        [a, b, c] => match [a | 0x20, b | 0x20, c | 0x20] {
            [b'f', b'o', b'r'] => FOR,
            [b'v', b'i', b'a'] => VIA,
            [b't', b'l', b's'] => TLS,
            _ => return None,
        },
        [a, b] => match [a | 0x20, b | 0x20] {
            [b'b', b'y'] => BY,
            [b'i', b'd'] => ID,
            _ => return None,
        },
        _ => return None,
    })
}

fn is_helo(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"helo") || word.eq_ignore_ascii_case(b"ehlo")
}

/// The address that a word is: alone, in brackets, behind `@`, with the tag of RFC 5321 §4.1.3, a
/// zone or a port.
fn address_of(word: &[u8]) -> Option<IpAddr> {
    // Most words are names: an address ends in a digit, stands in brackets or has a colon in it.
    if !word.last()?.is_ascii_digit() && word.first() != Some(&b'[') {
        memchr2(b':', b'@', word)?;
    }
    let word = word.rsplit(|octet| *octet == b'@').next()?;
    let inner = match word.strip_prefix(b"[") {
        Some(inner) => inner.split(|octet| *octet == b']').next()?,
        None => word,
    };
    let inner = after(inner, b"ipv6:").unwrap_or(inner);
    let inner = inner.split(|octet| *octet == b'%').next()?;
    let text = core::str::from_utf8(inner).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    (port.bytes().all(|octet| octet.is_ascii_digit()) && host.contains('.'))
        .then(|| host.parse().ok())?
}

/// What follows `start` in `word`, whatever the case of its letters.
fn after<'a>(word: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = word.split_at_checked(start.len())?;
    found.eq_ignore_ascii_case(start).then_some(rest)
}

/// The number at the start of `text`.
fn decimal(text: &[u8]) -> Option<u32> {
    let digits = text.split(|octet| !octet.is_ascii_digit()).next()?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// How many clauses there are (RFC 5321 §4.4, RFC 8314 §7.4).
const CLAUSES: usize = 7;
const FROM: usize = 0;
const BY: usize = 1;
const VIA: usize = 2;
const WITH: usize = 3;
const ID: usize = 4;
const FOR: usize = 5;
const TLS: usize = 6;

#[cfg(test)]
mod tests;
