//! Words of an address list, and what they say.

use alloc::{borrow::Cow, vec::Vec};

use posthaste_simd::octets::{BLOCK, Set, members};

use crate::mime::lexer::{BLANK, Lexer, Stops, WORD, is, run, trim, unescape};

/// Words as they stand, and whether they stand for themselves: without quotes, comments and escapes,
/// and with single spaces between them.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) text: &'a [u8],
    pub(super) plain: bool,
}

/// Reads words, comments and blanks up to the next octet that means something in an address list:
/// one of `,;:<>@`, or the end.
pub(super) fn words<'a>(lexer: &mut Lexer<'a>, comment: &mut Option<&'a [u8]>) -> Words<'a> {
    lexer.blanks();
    let start = lexer.rest();
    let end = run(start, 0, WORD);
    if matches!(start.get(end), None | Some(b',' | b';' | b':' | b'<' | b'>' | b'@'))
        && start.first() != Some(&b'=')
    {
        lexer.skip(end);
        return Words { text: start.get(..end).unwrap_or_default(), plain: true };
    }
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
            Some(b'=') if let len @ 1.. = encoded_word(rest) => {
                plain = false;
                lexer.skip(len);
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
    if !text.starts_with(b"=?") {
        return 0;
    }
    let mut stops = Stops::new(text, &MARKS);
    let mut mark = |from: usize| {
        let at = stops.next(from);
        (text.get(at) == Some(&b'?')).then_some(at + 1)
    };
    let mut ends = || {
        let encoding = mark(2)?;
        let content = mark(encoding).filter(|content| *content == encoding + 2)?;
        mark(content).filter(|end| text.get(*end) == Some(&b'=')).map(|end| end + 1)
    };
    ends().unwrap_or(0)
}

/// Where the last word of `words` starts; dots join what stands at their sides, blanks or not (RFC 5322
/// §4.4), and nothing else does.
pub(super) fn last_word(words: &[u8]) -> usize {
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
pub(in crate::mime) fn phrase(words: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(words) {
        return Cow::Borrowed(words);
    }
    if let [b'"', ..] = words {
        let mut lexer = Lexer::new(words);
        let text = lexer.quoted();
        if lexer.rest().is_empty() {
            return unescape(text);
        }
    }
    let mut out = Vec::with_capacity(words.len());
    pieces(words, |piece| {
        out.extend_from_slice(piece);
        true
    });
    Cow::Owned(out)
}

/// Whether the [`phrase`] of `words` has a blank.
pub(super) fn has_blank(words: &[u8]) -> bool {
    if is_plain(words) {
        return words.contains(&b' ');
    }
    let mut found = false;
    pieces(words, |piece| {
        found |= piece.contains(&b' ');
        !found
    });
    found
}

/// Shows `each` what the [`phrase`] of `words` is made of, one piece after another, until it says no.
fn pieces(words: &[u8], mut each: impl FnMut(&[u8]) -> bool) {
    let (mut lexer, mut stops) = (Lexer::new(words), Stops::new(words, &UNDONE));
    let (mut started, mut goes_on) = (false, true);
    while goes_on {
        let before = lexer.rest().len();
        lexer.cfws();
        let rest = lexer.rest();
        let Some(octet) = lexer.peek() else { return };
        if rest.len() < before && started && !each(b" ") {
            return;
        }
        let piece = match octet {
            b'"' => &*unescape(lexer.quoted()),
            b'\\' => {
                lexer.skip(2);
                rest.get(1..rest.len().min(2)).unwrap_or_default()
            }
            _ => {
                let here = words.len() - rest.len();
                let len = stops.next(here + 1) - here;
                lexer.skip(len);
                rest.get(..len).unwrap_or_default()
            }
        };
        started |= !piece.is_empty();
        goes_on = each(piece);
    }
}

/// A domain or a route: without comments and blanks, literals as they are.
pub(super) fn joined(text: &[u8]) -> Cow<'_, [u8]> {
    let text = trim(text);
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
    let mut after_blank = 0;
    words.chunks(BLOCK).all(|block| {
        let spaces = members(block, &SPACES);
        let doubled = spaces & (spaces << 1 | after_blank);
        after_blank = spaces >> (BLOCK - 1);
        doubled | members(block, &ODD) == 0
    })
}

/// What ends a word: all that is not in [`WORD`].
pub(super) static STOPS: Set = Set::of(b",;:<>@\"([\\ \t\r\n");
/// What does not stand for itself in words.
static UNDONE: Set = Set::of(b"\"(\\ \t\r\n");
/// What the parts of an encoded word end with, and what none of them holds.
static MARKS: Set = Set::of(b"? \t\r\n");
static SPACES: Set = Set::of(b" ");
/// What keeps words from standing for themselves.
static ODD: Set = Set::of(b"\"(\\\t\r\n");
