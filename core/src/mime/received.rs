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
use core::net::{IpAddr, Ipv4Addr};

use memchr::{memchr, memchr2};
use posthaste_simd::octets::{self, Set};

use super::{
    address::{self, Mailbox, phrase},
    date::DateTime,
    lexer::{BLANK, Lexer, Stops, WORD, is},
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
        let mut walk = Walk { text: value, stops: Stops::new(value, &STOPS), last: &[] };
        // The open clause, and where its text starts.
        let mut open: Option<(usize, usize)> = None;
        // Whether it has a word, and the first one, if that stands for itself.
        let (mut has_word, mut first) = (true, None);
        let mut at = 0;
        loop {
            let end = walk.word_end(at);
            let stop = value.get(end).copied();
            if end > at {
                if !has_word {
                    (first, has_word) = (stop.is_none_or(ends_word).then_some((at, end)), true);
                } else if end - at <= 4
                    && let Some(new) = clause(value, at, end)
                    && found.clause(new).is_empty()
                    && stop.is_none_or(|next| ends_word(next) || matches!(next, b'<' | b'[' | b'"'))
                {
                    found.close(open, first, at);
                    (open, first, has_word) = (Some((new, end)), None, false);
                }
            }
            let Some(stop) = stop else { break };
            at = end + 1;
            if is(stop, BLANK) {
                while value.get(at).is_some_and(|octet| is(*octet, BLANK)) {
                    at += 1;
                }
                continue;
            }
            match stop {
                b'(' => {
                    at = found.comment(&mut walk, open.map(|(clause, _)| clause), at);
                    continue;
                }
                b';' => {
                    found.close(open.take(), first.take(), end);
                    found.date = value.get(at..).unwrap_or_default();
                    if memchr(b';', found.date).is_none() {
                        break;
                    }
                }
                b'[' => {
                    at = walk.behind(b']', at);
                    let ends = value.get(at).is_none_or(|next| ends_word(*next));
                    if !has_word && ends {
                        first = Some((end, at));
                    }
                }
                b'<' => at = walk.behind(b'>', at),
                b'"' => at = walk.behind(b'"', at),
                b'\\' => at += 1,
                _ => {}
            }
            has_word = true;
        }
        found.close(open, first, value.len());
        found
    }

    /// Reads the comment whose text starts at `at`, in `clause`: the words in it, those of comments
    /// within it too. Gives where it ends.
    fn comment(&mut self, walk: &mut Walk<'a>, clause: Option<usize>, mut at: usize) -> usize {
        let mut depth = 1_usize;
        loop {
            let (mut end, mut marked) = walk.comment_word_end(at);
            if end == at
                && walk.text.get(at) == Some(&b'\\')
                && !walk.text.get(at + 1).is_some_and(|octet| is(*octet, BLANK))
            {
                // What is escaped starts a word.
                at += 1;
                (end, marked) = walk.comment_word_end(at + 1);
            }
            let text = walk.text.get(at..).unwrap_or_default();
            if let Some(word) = text.get(..end.saturating_sub(at))
                && let Some(start) = word.first()
            {
                let before = core::mem::replace(&mut walk.last, word);
                let hint = HINTS[usize::from(*start)];
                match clause {
                    Some(FROM) => self.from.take(word, text, before, hint, marked),
                    Some(BY) => self.by.take(word, text, before, hint, marked),
                    _ => {}
                }
                if hint & OF_TLS != 0 || before.len() == CIPHER.len() {
                    self.tls.take(word, before);
                }
            }
            at = end + 1;
            match walk.text.get(end) {
                None => return end,
                Some(b'(') => depth += 1,
                Some(b')') => {
                    depth -= 1;
                    if depth == 0 {
                        return at;
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Ends a clause at `end`. `first` is its first word, if that stands for itself.
    #[inline]
    fn close(&mut self, open: Option<(usize, usize)>, first: Option<(usize, usize)>, end: usize) {
        if let Some((at, start)) = open
            && let Some(clause) = self.clauses.get_mut(at)
        {
            *clause = match (at, first) {
                (VIA | WITH | FOR, _) => {
                    self.value.get(start..end).unwrap_or_default().trim_ascii()
                }
                (_, Some((start, end))) => self.value.get(start..end).unwrap_or_default(),
                (_, None) => {
                    let text = self.value.get(start..end).unwrap_or_default();
                    first_word(text).unwrap_or_default()
                }
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
        let is_name = (has(name, &DOT) || name.eq_ignore_ascii_case(b"localhost"))
            && !has(name, &NOT_OF_NAMES)
            && name.iter().any(u8::is_ascii_alphabetic);
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

/// The way through a value.
struct Walk<'a> {
    text: &'a [u8],
    stops: Stops<'a>,
    /// The last word of the comments, which some words mean something behind.
    last: &'a [u8],
}

impl Walk<'_> {
    /// Where the word ends that starts at `at`, outside of comments: at an octet that is not of
    /// [`WORD`].
    #[inline]
    fn word_end(&mut self, at: usize) -> usize {
        let mut end = self.stops.next(at);
        while let Some(b')' | b']') = self.text.get(end) {
            end = self.stops.next(end + 1);
        }
        end
    }

    /// Where the word of a comment ends that starts at `at`, and whether there is a mark in it
    /// without which no word is an address, but for those of IPv4.
    #[inline]
    fn comment_word_end(&mut self, at: usize) -> (usize, bool) {
        let (mut end, mut marked) = (self.stops.next(at), false);
        loop {
            match self.text.get(end) {
                Some(b'[' | b']' | b'<' | b'>' | b'"') => end = self.stops.next(end + 1),
                Some(b':' | b'@') => {
                    marked = true;
                    end = self.stops.next(end + 1);
                }
                Some(b'\\') if end > at => end = self.stops.next(end + 2),
                _ => return (end, marked),
            }
        }
    }

    /// What follows `close`, the next one behind `at` that is not escaped.
    #[inline]
    fn behind(&mut self, close: u8, mut at: usize) -> usize {
        loop {
            let stop = self.stops.next(at);
            match self.text.get(stop) {
                None => return stop,
                Some(octet) if *octet == close => return stop + 1,
                Some(b'\\') => at = stop + 2,
                Some(_) => at = stop + 1,
            }
        }
    }
}

/// What means something to a [`Walk`], in comments or outside of them.
static STOPS: Set = Set::of(b" \t\r\n()[]<>\",;:@\\");

/// Whether an octet ends a word, whatever that is made of.
const fn ends_word(octet: u8) -> bool {
    is(octet, BLANK) || matches!(octet, b'(' | b';')
}

impl<'a> Told<'a> {
    /// Notes what a word of a comment, which follows `last`, tells. `hint` is what [`HINTS`] has for it,
    /// `marked` whether there is a colon or an `@` in it.
    #[inline]
    fn take(&mut self, word: &'a [u8], text: &[u8], last: &[u8], hint: u8, marked: bool) {
        self.first.get_or_insert(word);
        if last.len() == 4 && is_helo(last) {
            self.said.get_or_insert(word);
            return;
        }
        if hint & OF_HELO != 0
            && let Some(said) = after(word, b"helo=").or_else(|| after(word, b"ehlo="))
        {
            self.said.get_or_insert(said);
        } else if self.ip.is_none() && (marked || hint & OF_ADDRESS != 0) {
            // What the client says in its HELO is no evidence.
            self.ip = if marked { self::marked(word) } else { unmarked(word, text) };
        }
    }
}

/// What a word of a comment may tell, by its first octet.
static HINTS: [u8; 256] = {
    let (mut hints, mut octet) = ([0; 256], 0);
    while octet < 256 {
        hints[octet] = match octet as u8 {
            b'0'..=b'9' | b'[' => OF_ADDRESS,
            b'h' | b'H' | b'e' | b'E' => OF_HELO,
            b'v' | b'V' | b'c' | b'C' | b'b' | b'B' | b'T' | b'S' => OF_TLS,
            _ => 0,
        };
        octet += 1;
    }
    hints
};
const OF_ADDRESS: u8 = 1;
const OF_HELO: u8 = 1 << 1;
const OF_TLS: u8 = 1 << 2;

impl<'a> Tls<'a> {
    /// Notes what a word of a comment, which follows `last`, tells.
    fn take(&mut self, word: &'a [u8], last: &[u8]) {
        if last.eq_ignore_ascii_case(CIPHER) {
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

/// What a cipher stands behind in the comments.
const CIPHER: &[u8] = b"cipher";

/// The text of a clause without its comments.
fn text(clause: &[u8]) -> Option<Cow<'_, [u8]>> {
    if clause.is_empty() {
        return None;
    }
    // Nearly always it is one word.
    if !has(clause, &OF_PHRASE) {
        return Some(Cow::Borrowed(clause));
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
/// Without one of these, only an address of IPv4 is an address.
static MARKS: Set = Set::of(b":@%");
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

/// Which clause the word of `text` from `start` to `end` starts.
#[inline]
fn clause(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let len = end - start;
    if !matches!(len, 2..=4) {
        return None;
    }
    // The bit that makes letters small tells nothing else apart from a letter.
    let word = match text.get(start..).and_then(|word| word.first_chunk()) {
        Some(word) => u32::from_le_bytes(*word) | 0x2020_2020,
        None => small(text.get(start..end)?),
    };
    let word = word & (u32::MAX >> (32 - 8 * len));
    let (clause, name) = NAMES.get(word as usize % NAMES.len())?;
    (*name == word).then_some(usize::from(*clause))
}

/// The letters of a word of at most four, small, the first one lowest.
const fn small(word: &[u8]) -> u32 {
    let (mut letters, mut at) = (0, word.len());
    while at > 0 {
        at -= 1;
        letters = letters << 8 | word[at] as u32 | 0x20;
    }
    letters
}

/// The clauses and the words that start them, each at the place that [`small`] letters of it tell.
static NAMES: [(u8, u32); 17] = {
    let words: [&[u8]; CLAUSES] = [b"from", b"by", b"via", b"with", b"id", b"for", b"tls"];
    let (mut names, mut at) = ([(0, 0); 17], 0);
    while at < CLAUSES {
        let word = small(words[at]);
        let place = word as usize % names.len();
        assert!(names[place].1 == 0, "two words at one place");
        names[place] = (at as u8, word);
        at += 1;
    }
    names
};

fn is_helo(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"helo") || word.eq_ignore_ascii_case(b"ehlo")
}

/// The address that a word is which has neither colon nor `@`. `text` is what starts with the word.
#[inline]
fn unmarked(word: &[u8], text: &[u8]) -> Option<IpAddr> {
    let bracket = usize::from(text.first() == Some(&b'['));
    let (address, len) = ipv4(text.get(bracket..)?)?;
    match word.get(bracket + len) {
        None => {}
        Some(b']') if bracket > 0 => {}
        // There may be a zone behind it.
        Some(_) => return marked(word),
    }
    Some(IpAddr::V4(address))
}

/// The address of IPv4 that `text` starts with, and how long that is, if there is no digit or dot behind
/// it.
fn ipv4(text: &[u8]) -> Option<(Ipv4Addr, usize)> {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    const HIGH: u128 = ONES << 7;
    let octets = match text.first_chunk() {
        Some(octets) => *octets,
        None => {
            let mut octets = [0; 16];
            octets.iter_mut().zip(text).for_each(|(octet, from)| *octet = *from);
            octets
        }
    };
    // All octets at a time: what is above 9 is no digit.
    let digits = u128::from_le_bytes(octets) ^ (ONES * 0x30);
    let mut others = (((digits & !HIGH) + ONES * 0x76) | digits) & HIGH;
    let (mut parts, mut start) = ([0; 4], 0);
    for (at, part) in parts.iter_mut().enumerate() {
        let end = others.trailing_zeros() / 8;
        others &= others.wrapping_sub(1);
        let len @ 1..=3 = end.wrapping_sub(start) else { return None };
        let text = (digits >> (start * 8)) as u32;
        // The last digit goes to the highest octet.
        let [_, hundreds, tens, ones] = (text << (32 - len * 8)).to_le_bytes();
        let value = u32::from(hundreds) * 100 + u32::from(tens) * 10 + u32::from(ones);
        let has_zero = len > 1 && text & 0xff == 0;
        let dot = digits.checked_shr(end * 8).is_some_and(|behind| behind as u8 == b'.' ^ b'0');
        if has_zero || dot != (at < 3) {
            return None;
        }
        *part = u8::try_from(value).ok()?;
        start = end + 1;
    }
    Some((Ipv4Addr::from(parts), start as usize - 1))
}

/// The address that a word is: alone, in brackets, behind `@`, with the tag of RFC 5321 §4.1.3, a
/// zone or a port.
fn address_of(word: &[u8]) -> Option<IpAddr> {
    if has(word, &MARKS) {
        return marked(word);
    }
    matches!(word.first(), Some(b'0'..=b'9' | b'[')).then(|| unmarked(word, word))?
}

/// The address that any word is.
fn marked(word: &[u8]) -> Option<IpAddr> {
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
