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
    let value = unfold(value);
    if memmem::find(&value, b"=?").is_none() {
        return match value {
            Cow::Borrowed(value) => charset::guess(value),
            Cow::Owned(value) => Cow::Owned(charset::guess(&value).into_owned()),
        };
    }
    Cow::Owned(decode_words(&value))
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
