//! What the structured fields are made of: blanks, comments, quoted strings, atoms.
//!
//! Nothing is ever read twice: a comment or a quoted string without its end runs to the end of the
//! value, so that hostile values cost no more than their length.

use alloc::{borrow::Cow, vec::Vec};

use memchr::memchr2;

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

    /// Steps over blanks and line ends.
    pub(crate) fn blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Steps over blanks and comments (CFWS, RFC 5322 §3.2.2).
    pub(crate) fn cfws(&mut self) {
        self.cfws_noting(&mut None);
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
    fn comment(&mut self) -> &'a [u8] {
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
        let mut at = 0;
        while let Some(next) = text.get(at..).and_then(|rest| memchr2(close, b'\\', rest)) {
            at += next;
            if text.get(at) == Some(&close) {
                self.skip(at + 1);
                return text.get(..at).unwrap_or_default();
            }
            at += 2;
        }
        self.rest = &[];
        text
    }
}

/// Space, tab, CR or LF.
pub(crate) const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// An octet of a token (RFC 2045 §5.1), or one above 127.
pub(crate) const fn is_token(octet: u8) -> bool {
    !matches!(
        octet,
        0..=b' '
            | 0x7f
            | b'('
            | b')'
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
    )
}

/// The content of a quoted string or comment without its escapes and line ends
/// (RFC 5322 §3.2.1, §3.2.4).
pub(crate) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|octet| matches!(octet, b'\\' | b'\r' | b'\n')) {
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
