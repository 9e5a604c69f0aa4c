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

mod ip;
mod read;

use alloc::borrow::Cow;
use core::net::IpAddr;

use posthaste_simd::octets::{self, Set};

use super::{
    address::{self, Mailbox, phrase},
    date::DateTime,
    lexer::{BLANK, Lexer, Stops, WORD},
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
    #[inline]
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        let mut found = Self { value, ..Self::default() };
        found.read();
        found
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
        let is_name = (has(name, &DOT) || name.eq_ignore_ascii_case(b"localhost"))
            && !has(name, &NOT_OF_NAMES)
            && name.iter().any(u8::is_ascii_alphabetic);
        is_name.then_some(name)
    }

    /// The address of the client, from the comments behind `from`, or from its name if that is an
    /// address in brackets.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.from
            .ip
            .or_else(|| ip::address_of(self.word(FROM).filter(|word| word.starts_with(b"["))?))
    }

    /// The server that wrote the field.
    #[must_use]
    pub fn by(&self) -> Option<&'a [u8]> {
        self.word(BY)
    }

    /// The address of the server that wrote the field, where it tells it.
    #[must_use]
    pub fn by_ip(&self) -> Option<IpAddr> {
        self.by.ip.or_else(|| self.word(BY).and_then(ip::address_of))
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

/// The text of a clause without its comments.
fn text(clause: &[u8]) -> Option<Cow<'_, [u8]>> {
    if clause.is_empty() {
        return None;
    }
    // Nearly always it is one word, with or without comments behind it.
    let (word, rest) = clause.split_at(Stops::new(clause, &OF_PHRASE).next(0));
    let mut behind = Lexer::new(rest);
    behind.cfws();
    if behind.rest().is_empty() && !word.is_empty() {
        return Some(Cow::Borrowed(word));
    }
    Some(phrase(clause)).filter(|text| !text.is_empty())
}

/// Whether there is an octet of `set` in `text`.
#[inline]
fn has(text: &[u8], set: &Set) -> bool {
    text.chunks(octets::BLOCK).any(|text| octets::members(text, set) != 0)
}

/// What there is in the text of a clause if that does not stand for itself.
static OF_PHRASE: Set = Set::of(b" \t\r\n(\"\\");
static DOT: Set = Set::of(b".");
/// What no name of a host has in it.
static NOT_OF_NAMES: Set = {
    let (mut octets, mut octet) = ([0; 128], 0);
    while octet < 128 {
        let is_of_names =
            (octet as u8).is_ascii_alphanumeric() || matches!(octet as u8, b'.' | b'-' | b'_');
        octets[octet] = if is_of_names { 0 } else { octet as u8 };
        octet += 1;
    }
    Set::of(&octets)
};

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

/// What follows `start` in `word`, whatever the case of its letters.
fn after<'a>(word: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = word.split_at_checked(start.len())?;
    found.eq_ignore_ascii_case(start).then_some(rest)
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
