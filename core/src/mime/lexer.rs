//! What the structured fields are made of: blanks, comments, quoted strings, atoms.
//!
//! Nothing is ever read twice: a comment or a quoted string without its end runs to the end of the
//! value, so that hostile values cost no more than their length.

use alloc::{borrow::Cow, vec::Vec};

use memchr::{memchr2, memchr3};
use posthaste_simd::octets::{self, Set};

/// A place in a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// What has not been read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over one octet.
    pub(crate) fn bump(&mut self) {
        self.skip(1);
    }

    pub(crate) fn skip(&mut self, octets: usize) {
        self.rest = self.rest.get(octets..).unwrap_or_default();
    }

    /// Steps over `octet` if it is the next one.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let next = self.peek() == Some(octet);
        if next {
            self.bump();
        }
        next
    }

    /// The octets for which `keep` holds.
    pub(crate) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|octet| !keep(*octet)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The octets of these [classes](CLASSES).
    pub(crate) fn take(&mut self, classes: u8) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(run(self.rest, 0, classes));
        self.rest = rest;
        taken
    }

    /// Steps over blanks and line ends.
    pub(crate) fn blanks(&mut self) {
        self.take(BLANK);
    }

    /// Steps over blanks and comments (CFWS, RFC 5322 §3.2.2).
    #[inline]
    pub(crate) fn cfws(&mut self) {
        if self.peek().is_some_and(|octet| is(octet, BLANK) || octet == b'(') {
            self.cfws_noting(&mut None);
        }
    }

    /// As [`cfws`](Self::cfws), keeping what stands in the last comment.
    pub(crate) fn cfws_noting(&mut self, comment: &mut Option<&'a [u8]>) {
        loop {
            self.blanks();
            if self.peek() != Some(b'(') {
                return;
            }
            *comment = Some(self.comment());
        }
    }

    /// What stands in the comment that starts here, nested ones and escapes as they are.
    pub(crate) fn comment(&mut self) -> &'a [u8] {
        self.bump();
        let (mut depth, mut at) = (1_usize, 0);
        let text = self.rest;
        while let Some(octet) = text.get(at) {
            match octet {
                b'\\' => at += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.skip(at + 1);
                return text.get(..at).unwrap_or_default();
            }
            at += 1;
        }
        self.rest = &[];
        text
    }

    /// What stands between the quotes of the quoted string that starts here, escapes as they are.
    pub(crate) fn quoted(&mut self) -> &'a [u8] {
        self.delimited(b'"')
    }

    /// What stands between here, an opening octet, and `close`, escapes as they are.
    pub(crate) fn delimited(&mut self, close: u8) -> &'a [u8] {
        self.bump();
        let text = self.rest;
        let (mut at, mut near) = (0, NEAR);
        loop {
            // Most end soon, before a search would have begun.
            while let Some(octet) = text.get(at).filter(|_| at < near) {
                if *octet == close {
                    self.skip(at + 1);
                    return text.get(..at).unwrap_or_default();
                }
                at += if *octet == b'\\' { 2 } else { 1 };
            }
            let Some(found) = text.get(at..).and_then(|rest| memchr2(close, b'\\', rest)) else {
                self.rest = &[];
                return text;
            };
            at += found;
            near = at + NEAR;
        }
    }
}

/// How many octets are looked at one by one before a search for the end begins.
const NEAR: usize = 16;

/// Finds the octets of a set in a text, from front to back, with no step for each octet between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stops<'a> {
    text: &'a [u8],
    set: &'static Set,
    /// Where the octets start that `members` tells of.
    base: usize,
    members: u64,
}

impl<'a> Stops<'a> {
    #[inline]
    pub(crate) fn new(text: &'a [u8], set: &'static Set) -> Self {
        Self { text, set, base: 0, members: octets::members(text, set) }
    }

    /// Where the first octet of the set stands at or behind `at`, which may not be less than in the
    /// call before; the end of the text if none does.
    #[inline]
    pub(crate) fn next(&mut self, at: usize) -> usize {
        let passed = at.wrapping_sub(self.base);
        if passed < octets::BLOCK {
            let members = self.members >> passed;
            if members != 0 {
                return at + members.trailing_zeros() as usize;
            }
        }
        self.next_block(at)
    }

    /// As [`next`](Self::next), where those that are known hold none.
    #[inline(never)]
    fn next_block(&mut self, mut at: usize) -> usize {
        if at.wrapping_sub(self.base) < octets::BLOCK {
            at = self.base + octets::BLOCK;
        }
        while let Some(rest) = self.text.get(at..).filter(|rest| !rest.is_empty()) {
            self.base = at;
            self.members = octets::members(rest, self.set);
            if self.members != 0 {
                return at + self.members.trailing_zeros() as usize;
            }
            at += octets::BLOCK;
        }
        self.text.len()
    }
}

/// Where the octets of these [classes](CLASSES) end that stand at `at` in `text`.
#[inline]
pub(crate) fn run(text: &[u8], at: usize, classes: u8) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|octet| !is(*octet, classes)).unwrap_or(rest.len())
}

/// Whether an octet is of one of these [classes](CLASSES).
#[inline]
pub(crate) const fn is(octet: u8, classes: u8) -> bool {
    CLASSES[octet as usize] & classes != 0
}

/// Whether a token is `word`, which is made of small letters, digits and hyphens, whatever the case
/// of its letters.
#[inline(always)]
pub(crate) fn is_word(token: &[u8], word: &[u8]) -> bool {
    // Among what tokens hold, the bit that makes letters small tells nothing else in `word` apart.
    let eight = |a: [u8; 8], b: [u8; 8]| {
        (u64::from_le_bytes(a) | 0x2020_2020_2020_2020) == u64::from_le_bytes(b)
    };
    let four =
        |a: [u8; 4], b: [u8; 4]| (u32::from_le_bytes(a) | 0x2020_2020) == u32::from_le_bytes(b);
    if token.len() != word.len() {
        return false;
    }
    if let (8..=16, Some(a), Some(b), Some(c), Some(d)) =
        (word.len(), token.first_chunk(), word.first_chunk(), token.last_chunk(), word.last_chunk())
    {
        return eight(*a, *b) && eight(*c, *d);
    }
    if let (4..8, Some(a), Some(b), Some(c), Some(d)) =
        (word.len(), token.first_chunk(), word.first_chunk(), token.last_chunk(), word.last_chunk())
    {
        return four(*a, *b) && four(*c, *d);
    }
    token.eq_ignore_ascii_case(word)
}

/// Space, tab, CR or LF.
pub(crate) const fn is_blank(octet: u8) -> bool {
    is(octet, BLANK)
}

/// `text` without the blanks at both ends. What is blank elsewhere, as a form feed is, stays: who
/// trims it sees other boundaries and names than those who read the RFCs.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    trim_start(trim_end(text))
}

/// `text` without the blanks at its start.
#[inline]
pub(crate) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    text
}

/// `text` without the blanks at its end.
#[inline]
pub(crate) fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

/// An octet of a token (RFC 2045 §5.1), or one above 127.
pub(crate) const fn is_token(octet: u8) -> bool {
    is(octet, TOKEN)
}

/// Space, tab, CR and LF.
pub(crate) const BLANK: u8 = 1;
/// What a token is made of (RFC 2045 §5.1), and octets above 127.
pub(crate) const TOKEN: u8 = 1 << 1;
/// The octets of US-ASCII that no token holds.
pub(crate) static NO_TOKEN: Set = {
    let (mut octets, mut count, mut octet) = ([b' '; 128], 0, 0);
    while octet < 128 {
        if !is_token(octet) {
            octets[count] = octet;
            count += 1;
        }
        octet += 1;
    }
    Set::of(&octets)
};
/// What neither ends a word of an address list nor means anything within one.
pub(crate) const WORD: u8 = 1 << 2;
/// What stands for itself in a quoted string: anything but quotes, backslashes and line ends.
pub(crate) const QUOTED: u8 = 1 << 3;
/// What an atom is made of (RFC 5322 §3.2.3), dots, and octets above 127 (RFC 6532 §3.2).
pub(crate) const ATOM: u8 = 1 << 4;
/// What stands for itself in an encoded word of type Q (RFC 2047 §4.2), but for line ends.
pub(crate) const Q_TEXT: u8 = 1 << 5;

/// The classes that each octet is of.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let value = octet as u8;
        let blank = matches!(value, b' ' | b'\t' | b'\r' | b'\n');
        let control = value < b' ' || value == 0x7f;
        let of_token = !blank
            && !control
            && !matches!(
                value,
                b'(' | b')'
                    | b'<'
                    | b'>'
                    | b'@'
                    | b','
                    | b';'
                    | b':'
                    | b'\\'
                    | b'"'
                    | b'/'
                    | b'['
                    | b']'
                    | b'?'
                    | b'='
            );
        let of_word = !blank
            && !matches!(
                value,
                b',' | b';' | b':' | b'<' | b'>' | b'@' | b'"' | b'(' | b'[' | b'\\'
            );
        let of_quoted = !matches!(value, b'"' | b'\\' | b'\r' | b'\n');
        let of_atom = value >= 0x80
            || value.is_ascii_alphanumeric()
            || matches!(
                value,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'/'
                    | b'='
                    | b'?'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'{'
                    | b'|'
                    | b'}'
                    | b'~'
                    | b'.'
            );
        classes[octet] = ((blank as u8) * BLANK)
            | ((of_token as u8) * TOKEN)
            | ((of_word as u8) * WORD)
            | ((of_quoted as u8) * QUOTED)
            | ((of_atom as u8) * ATOM)
            | (!matches!(value, b'_' | b'=' | b'\r' | b'\n') as u8 * Q_TEXT);
        octet += 1;
    }
    classes
};

/// The content of a quoted string or comment without its escapes and line ends
/// (RFC 5322 §3.2.1, §3.2.4).
pub(crate) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr3(b'\\', b'\r', b'\n', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' => out.extend(octets.next()),
            b'\r' | b'\n' => {}
            _ => out.push(octet),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static STOPS: Set = Set::of(b"(;");

    #[test]
    fn words_whatever_the_case() {
        for word in [
            "",
            "a",
            "8bit",
            "text",
            "base64",
            "x-uuencode",
            "quoted-printable",
            "a-longer-word-than-most",
        ] {
            assert!(is_word(word.as_bytes(), word.as_bytes()));
            assert!(is_word(word.to_ascii_uppercase().as_bytes(), word.as_bytes()));
            for at in 0..word.len() {
                for octet in (0..=255).filter(|octet| is_token(*octet)) {
                    let mut token = word.as_bytes().to_vec();
                    token[at] = octet;
                    let same = token.eq_ignore_ascii_case(word.as_bytes());
                    assert_eq!(is_word(&token, word.as_bytes()), same, "{token:?}");
                }
                assert!(!is_word(&word.as_bytes()[..at], word.as_bytes()));
            }
        }
    }

    proptest! {
        #[test]
        fn stops_are_found_in_order(
            gaps in prop::collection::vec((0_usize..150, prop::bool::ANY), 0..6),
            tail in 0_usize..100,
        ) {
            let mut text = Vec::new();
            let mut expected = Vec::new();
            for (gap, semicolon) in gaps {
                text.extend(core::iter::repeat_n(b'x', gap));
                expected.push(text.len());
                text.push(if semicolon { b';' } else { b'(' });
            }
            text.extend(core::iter::repeat_n(b'x', tail));
            let mut stops = Stops::new(&text, &STOPS);
            let mut at = 0;
            for stop in expected {
                prop_assert_eq!(stops.next(at), stop);
                prop_assert_eq!(stops.next(stop), stop);
                at = stop + 1;
            }
            prop_assert_eq!(stops.next(at), text.len());
        }
    }
}
