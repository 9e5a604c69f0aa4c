//! Writing commands as a client sends them.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::cursor::{ASTRING, ATOM, TEXT, is};
use super::{AString, Atom};

/// How a client may send octets that fit in no quoted string (RFC 7888).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Literals {
    /// LITERAL-, or IMAP4rev2: without waiting up to 4,096 octets.
    Minus,
    /// LITERAL+: never wait.
    Plus,
    /// Wait for the server's `+` before each.
    #[default]
    Wait,
}

impl Literals {
    /// Octets that LITERAL- lets a client send without waiting (RFC 7888 §5).
    pub const MINUS: u64 = 4096;

    /// Whether a literal of that length has to wait.
    #[must_use]
    pub const fn wait(self, octets: u64) -> bool {
        match self {
            Self::Minus => octets > Self::MINUS,
            Self::Plus => false,
            Self::Wait => true,
        }
    }
}

/// Appends commands to output, and keeps where a client has to wait for the server.
#[derive(Debug)]
pub struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    literals: Literals,
    utf8: bool,
    pauses: SmallVec<[usize; 4]>,
}

impl<'o> Encoder<'o> {
    /// Quoted strings longer than this are sent as literals, since servers bound their lines.
    pub const QUOTED_MOST: usize = 1024;

    /// Writes to `out`; `utf8` says whether UTF-8 was enabled, as in
    /// [`Syntax::utf8`](super::Syntax::utf8).
    #[must_use]
    pub fn new(out: &'o mut Vec<u8>, literals: Literals, utf8: bool) -> Self {
        Self { out, literals, utf8, pauses: SmallVec::new() }
    }

    /// Offsets in the output before which a client waits for a continuation request.
    #[must_use]
    pub fn pauses(&self) -> &[usize] {
        &self.pauses
    }

    /// Whether UTF-8 was enabled.
    #[must_use]
    pub const fn utf8(&self) -> bool {
        self.utf8
    }

    pub(super) fn raw(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    pub(super) fn word(&mut self, word: &str) {
        self.raw(word.as_bytes());
    }

    pub(super) fn octet(&mut self, octet: u8) {
        self.out.push(octet);
    }

    pub(super) fn atom(&mut self, atom: Atom<'_>) {
        self.raw(atom.as_bytes());
    }

    pub(super) fn number(&mut self, n: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut left = n;
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.raw(&digits[at..]);
    }

    /// A string as atom, quoted string or literal, whichever is simplest.
    pub(super) fn astring(&mut self, string: AString<'_>) {
        match string.borrowed() {
            Some(octets) if !octets.is_empty() && octets.iter().all(|&c| is(c, ASTRING)) => {
                self.raw(octets);
            }
            _ => self.string(string),
        }
    }

    /// The same where wildcards need no quotes.
    pub(super) fn list_mailbox(&mut self, string: AString<'_>) {
        match string.borrowed() {
            Some(octets)
                if !octets.is_empty() && octets.iter().all(|&c| is(c, super::cursor::LIST)) =>
            {
                self.raw(octets);
            }
            _ => self.string(string),
        }
    }

    /// A string as quoted string or literal.
    pub(super) fn string(&mut self, string: AString<'_>) {
        let decoded = string.decode();
        let quotable = decoded.len() <= Self::QUOTED_MOST
            && decoded
                .iter()
                .all(|&c| is(c, TEXT) || matches!(c, b'"' | b'\\') || (self.utf8 && !c.is_ascii()))
            && (decoded.is_ascii() || core::str::from_utf8(&decoded).is_ok());
        if quotable {
            self.octet(b'"');
            for &c in decoded.iter() {
                if matches!(c, b'"' | b'\\') {
                    self.octet(b'\\');
                }
                self.octet(c);
            }
            self.octet(b'"');
        } else {
            self.announce(decoded.len() as u64, false);
            self.raw(&decoded);
        }
    }

    /// A string or `NIL`.
    pub(super) fn nstring(&mut self, string: Option<AString<'_>>) {
        match string {
            Some(string) => self.string(string),
            None => self.word("NIL"),
        }
    }

    /// An atom where it is one, else a quoted string: `charset` (RFC 9051 §9).
    pub(super) fn atom_or_quoted(&mut self, string: AString<'_>) {
        match string.borrowed() {
            Some(octets) if !octets.is_empty() && octets.iter().all(|&c| is(c, ATOM)) => {
                self.raw(octets);
            }
            _ => self.string(string),
        }
    }

    /// Words in parentheses.
    pub(super) fn parens(&mut self, words: impl Iterator<Item = &'static str>) {
        self.octet(b'(');
        for (i, word) in words.enumerate() {
            if i > 0 {
                self.octet(b' ');
            }
            self.word(word);
        }
        self.octet(b')');
    }

    /// The length of a literal, with the end of its line.
    pub(super) fn announce(&mut self, octets: u64, binary: bool) {
        let wait = self.literals.wait(octets);
        if binary {
            self.octet(b'~');
        }
        self.octet(b'{');
        self.number(octets);
        self.raw(if wait { b"}\r\n" } else { b"+}\r\n" });
        if wait {
            self.pauses.push(self.out.len());
        }
    }
}
