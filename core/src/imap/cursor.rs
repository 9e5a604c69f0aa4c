//! Reading one framed command octet by octet: the cursor, its faults and what the grammar allows.

use memchr::memchr;

use super::frame::Literal;
use super::words as w;
use super::{AString, Atom, Tag};

/// What the grammar allows at this point of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// The client enabled IMAP4rev2 or UTF8=ACCEPT: quoted strings may hold UTF-8 and mailbox names are
    /// UTF-8 instead of modified UTF-7 (RFC 9051 §4.3, RFC 6855 §3).
    pub utf8: bool,
    /// `imap_nesting`: parentheses, NOT and OR inside one another at most; no more than
    /// [`NESTING_MOST`].
    pub nesting: u8,
    /// `imap_set_ranges`: ranges in one sequence set at most.
    pub set_ranges: u32,
}

/// What [`Syntax::nesting`] can be set to at most.
pub const NESTING_MOST: u8 = 64;

impl Syntax {
    /// The defaults: no UTF-8 yet; 32 levels; 10,000 ranges.
    pub const DEFAULT: Self = Self { utf8: false, nesting: 32, set_ranges: 10_000 };
}

impl Default for Syntax {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where and why a command broke the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The offset in the framed command.
    pub at: u32,
    /// What was wrong or what was expected there.
    pub what: &'static str,
}

/// What reading something gives.
pub type Read<T> = Result<T, Fault>;

/// A place in the octets of one framed command, literals included.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'i> {
    octets: &'i [u8],
    at: usize,
    pub(super) syntax: Syntax,
}

impl<'i> Cursor<'i> {
    pub(super) const fn new(octets: &'i [u8], syntax: Syntax) -> Self {
        Self { octets, at: 0, syntax }
    }

    /// For reading again what was read before: limits were checked then.
    pub(super) const fn again(octets: &'i [u8], utf8: bool) -> Self {
        let syntax = Syntax { utf8, nesting: NESTING_MOST, set_ranges: u32::MAX };
        Self::new(octets, syntax)
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'i [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    /// What was read since `from`.
    pub(super) fn since(&self, from: usize) -> &'i [u8] {
        self.octets.get(from..self.at).unwrap_or_default()
    }

    /// A fault here.
    #[cold]
    pub(super) fn fault<T>(&self, what: &'static str) -> Read<T> {
        self.fault_at(self.at, what)
    }

    #[cold]
    pub(super) fn fault_at<T>(&self, at: usize, what: &'static str) -> Read<T> {
        // An octet that may stand nowhere is the better reason.
        let what = match self.octets.get(at) {
            Some(0) => "NUL",
            Some(b'\r') if self.octets.get(at + 1) != Some(&b'\n') => "bare CR",
            Some(b'\n') if at == 0 || self.octets.get(at - 1) != Some(&b'\r') => "bare LF",
            _ => what,
        };
        Err(Fault { at: u32::try_from(at).unwrap_or(u32::MAX), what })
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    pub(super) const fn step(&mut self) {
        self.at += 1;
    }

    /// Passes `octet` if it stands here.
    #[inline]
    pub(super) fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        if found {
            self.at += 1;
        }
        found
    }

    #[inline]
    pub(super) fn expect(&mut self, octet: u8, what: &'static str) -> Read<()> {
        if self.eat(octet) { Ok(()) } else { self.fault(what) }
    }

    /// Exactly one space (RFC 9051 §9 note 2).
    #[inline]
    pub(super) fn sp(&mut self) -> Read<()> {
        self.expect(b' ', "expected a space")
    }

    /// The end of the command.
    pub(super) fn end(&mut self) -> Read<()> {
        if self.rest() == b"\r\n" { Ok(()) } else { self.fault("expected the end of the command") }
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    /// Octets of `class`, perhaps none.
    #[inline]
    pub(super) fn take(&mut self, class: u8) -> &'i [u8] {
        let rest = self.rest();
        let n = rest.iter().position(|&c| !is(c, class)).unwrap_or(rest.len());
        self.at += n;
        rest.get(..n).unwrap_or_default()
    }

    /// A keyword of the grammar, packed for matching against [`pack`]ed constants; 0 if none stands here
    /// or none is that long.
    #[inline]
    pub(super) fn word(&mut self) -> u128 {
        pack(self.take(WORD))
    }

    pub(super) fn tag(&mut self) -> Read<Tag<'i>> {
        let from = self.at;
        let tag = self.take(TAG);
        match Tag::new(tag) {
            Some(tag) => Ok(tag),
            None if tag.is_empty() => self.fault("expected a tag"),
            None => self.fault_at(from, "tag too long"),
        }
    }

    pub(super) fn atom(&mut self, what: &'static str) -> Read<Atom<'i>> {
        let atom = self.take(ATOM);
        if atom.is_empty() { self.fault(what) } else { Ok(Atom::known(atom)) }
    }

    pub(super) fn astring(&mut self, what: &'static str) -> Read<AString<'i>> {
        self.astring_of(ASTRING, what)
    }

    /// `list-mailbox`: an astring that may hold wildcards (RFC 9051 §9).
    pub(super) fn list_mailbox(&mut self, what: &'static str) -> Read<AString<'i>> {
        self.astring_of(LIST, what)
    }

    fn astring_of(&mut self, class: u8, what: &'static str) -> Read<AString<'i>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(what),
            _ => {
                let atom = self.take(class);
                if atom.is_empty() { self.fault(what) } else { Ok(AString::plain(atom)) }
            }
        }
    }

    /// `quoted / literal`.
    pub(super) fn string(&mut self, what: &'static str) -> Read<AString<'i>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.fault(what),
        }
    }

    /// `quoted / literal / "NIL"`, as in ID (RFC 2971 §4).
    pub(super) fn nstring(&mut self, what: &'static str) -> Read<Option<AString<'i>>> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string(what).map(Some);
        }
        let from = self.at;
        if self.word() == w::NIL { Ok(None) } else { self.fault_at(from, what) }
    }

    pub(super) fn quoted(&mut self) -> Read<AString<'i>> {
        self.expect(b'"', "expected a quoted string")?;
        let from = self.at;
        let (mut escaped, mut wide) = (false, false);
        loop {
            self.take(TEXT);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\')) {
                        return self.fault("expected \\\" or \\\\ in a quoted string");
                    }
                    self.at += 1;
                    escaped = true;
                }
                // RFC 9051 §4.3: UTF-8 in quoted strings, once enabled.
                Some(0x80..) if self.syntax.utf8 => {
                    self.at += 1;
                    wide = true;
                }
                Some(0x80..) => {
                    return self.fault("8-bit octet in a quoted string, and UTF-8 is not enabled");
                }
                Some(b'\r' | b'\n') => return self.fault("quoted string does not end"),
                _ => return self.fault("octet not allowed in a quoted string"),
            }
        }
        let octets = self.since(from);
        self.at += 1;
        if wide && core::str::from_utf8(octets).is_err() {
            return self.fault_at(from, "quoted string is not UTF-8");
        }
        Ok(if escaped { AString::escaped(octets) } else { AString::plain(octets) })
    }

    pub(super) fn literal(&mut self) -> Read<AString<'i>> {
        let literal = self.announcement()?;
        let from = self.at;
        let octets = usize::try_from(literal.octets).ok().and_then(|n| self.rest().get(..n));
        let Some(octets) = octets else {
            return self.fault_at(from, "literal does not end");
        };
        self.at += octets.len();
        // RFC 9051 §9: a literal holds CHAR8, so no NUL.
        if let Some(nul) = memchr(0, octets) {
            return self.fault_at(from + nul, "NUL");
        }
        Ok(AString::plain(octets))
    }

    /// `{n}`, `{n+}` or `~{n}` with its CR LF.
    pub(super) fn announcement(&mut self) -> Read<Literal> {
        let binary = self.eat(b'~');
        self.expect(b'{', "expected a literal")?;
        let octets = self.number64("expected the length of a literal")?;
        let wait = !self.eat(b'+');
        self.expect(b'}', "expected } behind the length of a literal")?;
        if !self.rest().starts_with(b"\r\n") {
            return self.fault("expected the end of the line behind a literal's length");
        }
        self.at += 2;
        Ok(Literal { octets, wait, binary })
    }

    /// `number64`: 63 bits (RFC 9051 §9).
    pub(super) fn number64(&mut self, what: &'static str) -> Read<u64> {
        let from = self.at;
        let digits = self.take(DIGIT);
        let digit = |digit: &u8| u64::from(digit.wrapping_sub(b'0'));
        // Eighteen digits fit without a look at each.
        let (front, rest) = digits.split_at(digits.len().min(18));
        let mut n = front.iter().fold(0, |n, d| n * 10 + digit(d));
        for d in rest {
            let next = n.checked_mul(10).and_then(|n| n.checked_add(digit(d)));
            match next.filter(|&n| n <= i64::MAX.cast_unsigned()) {
                Some(next) => n = next,
                None => return self.fault_at(from, "number too large"),
            }
        }
        if digits.is_empty() { self.fault(what) } else { Ok(n) }
    }

    /// `number`: 32 bits.
    pub(super) fn number(&mut self, what: &'static str) -> Read<u32> {
        let from = self.at;
        let n = self.number64(what)?;
        u32::try_from(n).or_else(|_| self.fault_at(from, "number too large"))
    }

    /// `nz-number`.
    pub(super) fn nz_number(&mut self, what: &'static str) -> Read<core::num::NonZeroU32> {
        let from = self.at;
        let digits = self.take(DIGIT);
        // Nine digits fit without a look at each.
        let n = match digits {
            // digit-nz: no leading zero either.
            [] | [b'0', ..] => return self.fault_at(from, what),
            _ if digits.len() <= 9 => {
                digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit.wrapping_sub(b'0')))
            }
            _ => {
                self.at = from;
                self.number(what)?
            }
        };
        core::num::NonZeroU32::new(n).map_or_else(|| self.fault_at(from, what), Ok)
    }
}

/// A word of up to 16 octets packed so that a match compares numbers, without regard to case; 0 if it is
/// longer or empty.
///
/// Two loads that may overlap, and a mark for the length in the bits that ASCII leaves free. Clearing the bit that
/// makes letters small maps no other octet of an atom to a letter, digit, `.`, `-` or `_`.
#[must_use]
pub(super) const fn pack(word: &[u8]) -> u128 {
    let n = word.len();
    let (first, last) = match (word.first_chunk::<8>(), word.last_chunk::<8>()) {
        (Some(first), Some(last)) if n <= 16 => {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        }
        (Some(_), _) => return 0,
        _ => match (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
            }
            _ => match *word {
                [a, b, c] => (a as u64 | (b as u64) << 8 | (c as u64) << 16, 0),
                [a, b] => (a as u64 | (b as u64) << 8, 0),
                [a] => (a as u64, 0),
                _ => return 0,
            },
        },
    };
    let small = u128::from_le_bytes([0x20; 16]);
    let length = 0x80 << (8 * (n - 1));
    (first as u128 | (last as u128) << 64) & !small | length
}

pub(super) const fn is(octet: u8, class: u8) -> bool {
    CLASS[octet as usize] & class != 0
}

/// `ATOM-CHAR` (RFC 9051 §9).
pub(super) const ATOM: u8 = 1;
/// `ASTRING-CHAR`.
pub(super) const ASTRING: u8 = 2;
/// `list-char`.
pub(super) const LIST: u8 = 4;
/// What a tag is made of.
pub(super) const TAG: u8 = 8;
/// `QUOTED-CHAR` of one octet that needs no escape.
pub(super) const TEXT: u8 = 16;
/// What keywords of the grammar are made of.
pub(super) const WORD: u8 = 32;
pub(super) const DIGIT: u8 = 64;
/// Base64 with its padding.
pub(super) const BASE64: u8 = 128;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 1;
    while i < 128 {
        let c = i as u8;
        let mut class = 0;
        let special = matches!(c, b'(' | b')' | b'{' | b' ' | b'%' | b'*' | b'"' | b'\\' | b']');
        if !special && !c.is_ascii_control() {
            class |= ATOM;
        }
        if class & ATOM != 0 || c == b']' {
            class |= ASTRING;
        }
        if class & ASTRING != 0 && c != b'+' {
            class |= TAG;
        }
        if class & ASTRING != 0 || matches!(c, b'%' | b'*') {
            class |= LIST;
        }
        if !matches!(c, b'"' | b'\\' | b'\r' | b'\n') {
            class |= TEXT;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_') {
            class |= WORD;
        }
        if c.is_ascii_digit() {
            class |= DIGIT;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=') {
            class |= BASE64;
        }
        table[i] = class;
        i += 1;
    }
    table
}
