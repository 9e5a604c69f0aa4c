//! Encoded words (RFC 2047), as real mailers write them.
//!
//! Kindness has limits that are written here: a word may stand next to other text and inside quotes,
//! hold blanks and folds, name a language (RFC 2231 §5) or break a character between two words; but
//! it must have all its four marks, and one that has not stands for itself. Time is linear: that no
//! `?=` follows is found out once.

use alloc::{borrow::Cow, string::String, vec::Vec};

use memchr::memmem;

use super::{
    charset::{self, Charset},
    header::unfold,
    parameter::hex,
};
use crate::grammar::base64;

/// The text of an unstructured value: folds undone, encoded words decoded, octets outside of them
/// read as UTF-8 if they are that and as windows-1252 if not.
#[must_use]
pub fn decode(value: &[u8]) -> Cow<'_, str> {
    decode_line(unfold(value))
}

/// As [`decode`], for a value on one line whose blanks at both ends mean something, such as what
/// stood in quotes.
#[must_use]
pub fn decode_line(value: Cow<'_, [u8]>) -> Cow<'_, str> {
    if memmem::find(&value, b"=?").is_some() {
        return Cow::Owned(decode_words(&value));
    }
    match value {
        Cow::Borrowed(value) => charset::guess(value),
        Cow::Owned(value) => Cow::Owned(charset::guess(&value).into_owned()),
    }
}

fn decode_words(value: &[u8]) -> String {
    let mut out = Decoded::default();
    let (mut rest, mut closes, mut after_word) = (value, true, false);
    while let Some(start) = memmem::find(rest, b"=?").filter(|_| closes) {
        let (before, at) = rest.split_at(start);
        match Word::at_start(at, &mut closes) {
            Some((word, after)) => {
                // RFC 2047 §6.2: blanks between two words are not shown.
                if !after_word || !before.trim_ascii().is_empty() {
                    out.plain(before);
                }
                out.word(&word);
                rest = after;
                after_word = true;
            }
            None => {
                let (kept, after) = rest.split_at(start + 2);
                out.plain(kept);
                rest = after;
                after_word = false;
            }
        }
    }
    out.plain(rest);
    out.finish()
}

/// An encoded word in its parts.
struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
}

impl<'a> Word<'a> {
    /// The word at the start of `text`, which starts with `=?`, and what follows it. `closes` turns
    /// false when no `?=` is left.
    fn at_start(text: &'a [u8], closes: &mut bool) -> Option<(Self, &'a [u8])> {
        let text = text.get(2..)?;
        let end = text.iter().take(LONGEST_CHARSET).position(|octet| *octet == b'?')?;
        let (charset, text) = text.split_at(end);
        if charset.iter().any(|octet| *octet <= b' ' || *octet == b'=') {
            return None;
        }
        let (base64, text) = match text {
            [b'?', b'b' | b'B', b'?', text @ ..] => (true, text),
            [b'?', b'q' | b'Q', b'?', text @ ..] => (false, text),
            _ => return None,
        };
        let Some(end) = memmem::find(text, b"?=") else {
            *closes = false;
            return None;
        };
        let (text, after) = text.split_at(end);
        Some((Self { charset, base64, text }, after.get(2..)?))
    }

    fn decode(&self, out: &mut Vec<u8>) {
        if self.base64 {
            let mut decoder = base64::Decoder::new();
            decoder.feed(self.text, out);
            decoder.finish(out);
            return;
        }
        // RFC 2047 §4.2
        let mut rest = self.text;
        while let Some((octet, after)) = rest.split_first() {
            rest = after;
            match *octet {
                b'_' => out.push(b' '),
                b'=' => {
                    if let [high, low, after @ ..] = rest
                        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
                    {
                        out.push(high << 4 | low);
                        rest = after;
                    } else {
                        out.push(b'=');
                    }
                }
                octet => out.push(octet),
            }
        }
    }
}

/// What has been decoded so far.
#[derive(Default)]
struct Decoded<'a> {
    text: String,
    /// The octets of words that follow one another in one charset; a character may be cut between
    /// them, so they are decoded together.
    octets: Vec<u8>,
    charset: Option<&'a [u8]>,
}

impl<'a> Decoded<'a> {
    fn plain(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        self.flush();
        self.text.push_str(&charset::guess(octets));
    }

    fn word(&mut self, word: &Word<'a>) {
        let stateful = Charset::of(word.charset).is_some_and(Charset::is_stateful);
        let joins = self
            .charset
            .is_some_and(|charset| !stateful && charset.eq_ignore_ascii_case(word.charset));
        if !joins {
            self.flush();
            self.charset = Some(word.charset);
        }
        word.decode(&mut self.octets);
    }

    fn flush(&mut self) {
        if let Some(charset) = self.charset.take() {
            self.text.push_str(&charset::decode_or_guess(charset, &self.octets));
            self.octets.clear();
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

/// How long the name of a charset may be, with its language.
const LONGEST_CHARSET: usize = 80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 2047 §8.
    #[test]
    fn the_examples_of_rfc_2047() {
        for (value, text) in [
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
            ("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
            ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\u{f8}rn Simonsen"),
            (
                "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
        ] {
            assert_eq!(decode(value.as_bytes()), text);
        }
    }

    #[test]
    fn words_as_mailers_write_them() {
        for (value, text) in [
            // A character cut between two words.
            (&b"=?utf-8?B?w6==?= =?utf-8?B?qQ==?="[..], "\u{e9}"),
            (b"=?utf-8?q?=C3?= =?UTF-8?Q?=A9?=", "\u{e9}"),
            // A stateful charset starts anew in each word.
            (b"=?iso-2022-jp?B?GyRCJCI=?= =?iso-2022-jp?B?GyRCJCIbKEI=?=", "\u{3042}\u{3042}"),
            (b"a=?utf-8?q?b?=c", "abc"),
            (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
            (b"=?utf-8*en?q?a b?=", "a b"),
            (b"=?utf-8?q?what??=", "what?"),
            (b"=?utf-8?q?=zz=4?=", "=zz=4"),
            (b"=?x-unknown?q?=E9?=", "\u{e9}"),
            (b"=?utf-8?x?a?= =?utf-8?q?a", "=?utf-8?x?a?= =?utf-8?q?a"),
            (b"=? =?= ?= =?=?=", "=? =?= ?= =?=?="),
            (b"\xc3\xa9 \xe9", "\u{c3}\u{a9} \u{e9}"),
            (b"", ""),
        ] {
            assert_eq!(decode(value), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(value in "(=\\?|\\?=|utf-8|\\?q\\?|\\?b\\?|[ a=_é\r\n]){0,30}") {
            let text = decode(value.as_bytes());
            prop_assert!(text.len() <= value.len() * 3);
        }
    }
}
