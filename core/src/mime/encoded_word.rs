//! Encoded words (RFC 2047), as real mailers write them.
//!
//! Kindness has limits that are written here: a word may stand next to other text and inside quotes,
//! hold blanks and folds (the folds are not shown), name a language (RFC 2231 §5) or break a
//! character between two words; but it must have all its four marks, and one that has not stands for
//! itself. Time is linear: that no `?=` follows is found out once.

use alloc::{borrow::Cow, string::String, vec::Vec};

use memchr::{memchr_iter, memchr2, memrchr};
use posthaste_simd::printable;

use super::{
    charset::{self, Charset},
    header::{unfold, unfold_inner},
    lexer::{BLANK, Q_TEXT, run, trim},
    parameter::hex,
};
use crate::grammar::base64;

/// The text of an unstructured value: folds undone, encoded words decoded, octets outside of them
/// read as UTF-8 if they are that and as windows-1252 if not.
///
/// ```
/// use posthaste_core::mime::encoded_word;
///
/// assert_eq!(encoded_word::decode(b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\tfrom here"), "Gr\u{fc}\u{df}e from here");
/// ```
#[must_use]
pub fn decode(value: &[u8]) -> Cow<'_, str> {
    let value = trim(value);
    if memchr2(b'=', b'\n', value).is_none() {
        return charset::guess(value);
    }
    if find(value, b'=', b'?').is_some() {
        return Cow::Owned(decode_words(value));
    }
    guess(unfold(value))
}

/// As [`decode`], for a value on one line whose blanks at both ends mean something, such as what
/// stood in quotes.
#[must_use]
pub fn decode_line(value: Cow<'_, [u8]>) -> Cow<'_, str> {
    if find(&value, b'=', b'?').is_some() {
        return Cow::Owned(decode_words(&value));
    }
    guess(value)
}

fn guess(value: Cow<'_, [u8]>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(value) => charset::guess(value),
        Cow::Owned(value) => match String::from_utf8(value) {
            Ok(text) => Cow::Owned(text),
            Err(broken) => Cow::Owned(charset::guess(broken.as_bytes()).into_owned()),
        },
    }
}

/// Where `first` stands in `text` with `second` behind it.
fn find(text: &[u8], first: u8, second: u8) -> Option<usize> {
    memchr_iter(first, text).find(|at| text.get(at + 1) == Some(&second))
}

fn decode_words(value: &[u8]) -> String {
    let mut out = Decoded::with_capacity(value.len());
    // What stands before `at` has been looked at, what stands before `shown` is in `out`.
    let (mut shown, mut at, mut closes, mut after_word) = (0, 0, true, false);
    while closes && let Some(start) = value.get(at..).and_then(|rest| find(rest, b'=', b'?')) {
        let start = at + start;
        let here = value.get(start..).unwrap_or_default();
        let Some((word, len)) = Word::at_start(here, &mut closes) else {
            at = start + 2;
            continue;
        };
        let before = value.get(shown..start).unwrap_or_default();
        // RFC 2047 §6.2: blanks between two words are not shown.
        if !after_word || run(before, 0, BLANK) < before.len() {
            out.plain(before);
        }
        out.word(&word);
        (shown, at, after_word) = (start + len, start + len, true);
    }
    out.plain(value.get(shown..).unwrap_or_default());
    out.finish()
}

/// An encoded word in its parts.
struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
}

impl<'a> Word<'a> {
    /// The word at the start of `whole`, which starts with `=?`, and its length. `closes` turns
    /// false when no `?=` is left.
    fn at_start(whole: &'a [u8], closes: &mut bool) -> Option<(Self, usize)> {
        let text = whole.get(2..)?;
        let window = text.get(..LONGEST_CHARSET).unwrap_or(text);
        let end = window.iter().position(|octet| matches!(octet, b'?' | b'=' | 0..=b' '))?;
        let (charset, text) = text.split_at(end);
        let (base64, text) = match text {
            [b'?', b'b' | b'B', b'?', text @ ..] => (true, text),
            [b'?', b'q' | b'Q', b'?', text @ ..] => (false, text),
            _ => return None,
        };
        let Some(end) = find(text, b'?', b'=') else {
            *closes = false;
            return None;
        };
        let (text, after) = text.split_at(end);
        Some((Self { charset, base64, text }, whole.len() - after.len() + 2))
    }

    fn decode(&self, out: &mut Vec<u8>) {
        if self.base64 {
            out.reserve(self.text.len());
            let (quanta, _) = self.text.as_chunks();
            let whole = quanta.iter().map_while(|quantum| base64::octets(*quantum));
            let done = whole.map(|octets| out.extend_from_slice(&octets)).count() * 4;
            let rest = self.text.get(done..).unwrap_or_default();
            if !rest.is_empty() {
                let mut decoder = base64::Decoder::new();
                decoder.feed(rest, out);
                decoder.finish(out);
            }
            return;
        }
        // RFC 2047 §4.2
        let is_short = self.text.len() < SHORT;
        let taken = if is_short { 0 } else { printable::decode_q(self.text, out) };
        let mut rest = self.text.get(taken..).unwrap_or_default();
        while !rest.is_empty() {
            let (kept, after) = rest.split_at(run(rest, 0, Q_TEXT));
            out.extend_from_slice(kept);
            rest = match after {
                [b'_', after @ ..] => {
                    out.push(b' ');
                    after
                }
                [b'=', high, low, after @ ..]
                    if let (Some(high), Some(low)) = (hex(*high), hex(*low)) =>
                {
                    out.push(high << 4 | low);
                    after
                }
                [b'=', b'\r' | b'\n', ..] => after.get(1..).unwrap_or_default(),
                [b'=', after @ ..] => {
                    out.push(b'=');
                    after
                }
                // A fold within the word.
                after => after.get(run(after, 0, BLANK)..).unwrap_or_default(),
            };
        }
    }
}

/// What has been decoded so far.
struct Decoded<'a> {
    /// UTF-8, but for what the open run of words in UTF-8 holds that is none.
    out: Vec<u8>,
    /// Where in `out` that run starts.
    run: Option<usize>,
    /// The octets of words in another charset that follow one another; a character may be cut
    /// between them, so they are decoded together.
    octets: Vec<u8>,
    /// Whether they end among characters of two octets, in ISO-2022-JP.
    shifted: bool,
    /// The charset that was met last.
    label: &'a [u8],
    charset: Option<Charset>,
}

impl<'a> Decoded<'a> {
    fn with_capacity(len: usize) -> Self {
        let (out, octets) = (Vec::with_capacity(len), Vec::new());
        Self { out, run: None, octets, shifted: false, label: b"", charset: None }
    }

    fn plain(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        self.flush();
        self.shifted = false;
        self.out.extend_from_slice(charset::guess(&unfold_inner(octets)).as_bytes());
    }

    fn word(&mut self, word: &Word<'a>) {
        let mut start = self.octets.len();
        if self.label != word.charset && !self.label.eq_ignore_ascii_case(word.charset) {
            self.flush();
            self.charset = if word.charset.eq_ignore_ascii_case(b"utf-8") {
                Some(UTF_8)
            } else {
                Charset::of(word.charset)
            };
            (start, self.shifted) = (0, false);
        }
        self.label = word.charset;
        if self.charset == Some(UTF_8) {
            self.run.get_or_insert(self.out.len());
            word.decode(&mut self.out);
            return;
        }
        word.decode(&mut self.octets);
        if !self.charset.is_some_and(Charset::is_stateful) {
            return;
        }
        let new = self.octets.get(start..).unwrap_or_default();
        let escape = memrchr(ESCAPE, new).and_then(|at| new.get(at + 1..));
        // RFC 2047 §3: each word starts in the first state. Some mailers cut ISO-2022-JP (RFC 1468)
        // anywhere: what says nothing of its state goes on in that before it, if that has two octets.
        let goes_on = self.shifted && new.first() != Some(&ESCAPE);
        self.shifted = match escape {
            Some(escape) => self.charset == Some(ISO_2022_JP) && escape.starts_with(b"$"),
            None => goes_on,
        };
        if start > 0 && !goes_on {
            let new = new.to_vec();
            self.octets.truncate(start);
            self.flush();
            self.octets = new;
        }
    }

    /// Ends the open run of words.
    fn flush(&mut self) {
        if let Some(start) = self.run.take() {
            let run = self.out.get(start..).unwrap_or_default();
            if core::str::from_utf8(run).is_err() {
                self.octets.extend_from_slice(run);
                self.out.truncate(start);
            }
        }
        if !self.octets.is_empty() {
            let text = charset::decode_or_guess(self.label, &self.octets);
            self.out.extend_from_slice(text.as_bytes());
            self.octets.clear();
        }
    }

    fn finish(mut self) -> String {
        // Nearly always all of it is UTF-8, and need not be looked at twice.
        if self.octets.is_empty() {
            match String::from_utf8(self.out) {
                Ok(text) => return text,
                Err(broken) => self.out = broken.into_bytes(),
            }
        }
        self.flush();
        String::from_utf8(self.out)
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
    }
}

const UTF_8: Charset = Charset::Known(encoding_rs::UTF_8);
const ISO_2022_JP: Charset = Charset::Known(encoding_rs::ISO_2022_JP);
const ESCAPE: u8 = 0x1b;
/// Texts with fewer octets are decoded one by one.
const SHORT: usize = 16;
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
            // But some mailers cut a text anywhere.
            (b"=?iso-2022-jp?B?GyRCJCI=?= =?iso-2022-jp?B?JCIbKEI=?=", "\u{3042}\u{3042}"),
            (b"=?iso-2022-jp?q?=1B$B$=22=1B(B?= =?iso-2022-jp?q?$=22?=", "\u{3042}$\""),
            (b"a=?utf-8?q?b?=c", "abc"),
            (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
            (b"=?utf-8*en?q?a b?=", "a b"),
            (b"=?utf-8?q?what??=", "what?"),
            (b"=?utf-8?q?=zz=4?=", "=zz=4"),
            // Folded within.
            (b"=?utf-8?q?a\r\n b=\r\n\tc?=", "abc"),
            (b"=?utf-8?B?w6\r\n\tk=?= b", "\u{e9} b"),
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
