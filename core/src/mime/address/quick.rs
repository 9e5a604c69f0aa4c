//! The short path: nearly every mailbox is made of plain words or one quoted string before a plain
//! address in brackets, or of a plain address alone, and a comment behind it at most.
//!
//! Such a mailbox is found by the places of the octets that mean something, 64 octets at a time, with
//! no step for each octet between them. Nothing is read here that the long path would not read as
//! well, so the time for a list stays linear.

use core::ops::Range;

use posthaste_simd::octets::{BLOCK, Set, members};

use super::{Mailbox, words::STOPS};
use crate::mime::lexer::{BLANK, Stops, WORD, is, run, trim_end};

static SPACES: Set = Set::of(b" ");
/// What does not stand for itself in a quoted string.
static IN_QUOTES: Set = Set::of(b"\"\\\r\n");
/// What does not stand for itself in a comment.
static IN_COMMENT: Set = Set::of(b"()\\");
/// What means something behind an address, and what an encoded word starts with.
static BEHIND: Set = Set::of(b",;:<>@\"([\\=");

/// The mailbox at the start of `text` with the comma behind it, and how many octets that takes;
/// `None` if it has another form than those above.
#[inline]
pub(super) fn mailbox(text: &[u8]) -> Option<(Mailbox<'_>, usize)> {
    let start = run(text, 0, BLANK);
    let first = *text.get(start)?;
    if !is(first, WORD) && !matches!(first, b'"' | b'<') {
        return None;
    }
    let mut bits = Bits::new(text, start);
    let (name, open) = if first == b'"' {
        let name = start + 1..first_of(text, start + 1, &IN_QUOTES)?;
        let open = run(text, name.end + 1, BLANK);
        if text.get(name.end) != Some(&b'"') || text.get(open) != Some(&b'<') {
            return None;
        }
        (name, open)
    } else {
        match bits.next(start)? {
            (open, b'<') => (start..open, open),
            (_, b' ') => bits.words(start)?,
            // An encoded word may hold one.
            (at, b'@') if first != b'=' => return bare(text, &bits, start, at),
            _ => return None,
        }
    };
    let phrase = text.get(name)?;
    let spec = open + 1;
    if bits.is_short(spec) {
        bits = Bits::new(text, spec);
    }
    let (at, end) = match bits.plain(spec) {
        Some((at, end)) => (Some(at - spec), end),
        // An encoded word may hold the bracket.
        None if phrase.contains(&b'=') => return None,
        None => odd(text, spec)?,
    };
    let (behind, next) = match text.get(end + 1) {
        None | Some(b';') => (end + 1, end + 1),
        Some(b',') => (end + 1, end + 2),
        // An encoded word may hold the bracket.
        Some(_) if text.get(start..end)?.contains(&b'=') => return None,
        Some(_) if !text.get(start..end)?.is_ascii() => return None,
        Some(_) => behind_bracket(text, end + 1)?,
    };
    let whole = text.get(start..behind)?;
    let spec = text.get(spec..end)?;
    Some((Mailbox { whole, phrase, spec, at, plain: true, ..Mailbox::default() }, next))
}

/// The mailbox without brackets at `start` in `text`, whose `@` stands at `at`.
#[inline]
fn bare<'a>(
    text: &'a [u8],
    bits: &Bits<'_>,
    start: usize,
    at: usize,
) -> Option<(Mailbox<'a>, usize)> {
    let end = bits.word_end(at + 1)?;
    if at == start || end == at + 1 {
        return None;
    }
    let (behind, next, comment) = match text.get(end) {
        None | Some(b';') => (end, end, None),
        Some(b',') => (end, end + 1, None),
        // Here the charset of each side of the `@` is guessed for itself.
        Some(_) if !text.get(start..end)?.is_ascii() => return None,
        Some(_) => behind_bare(text, end)?,
    };
    let whole = text.get(start..behind)?;
    let spec = text.get(start..end)?;
    let at = Some(at - start);
    Some((Mailbox { whole, comment, spec, at, plain: true, ..Mailbox::default() }, next))
}

/// Where the `@` stands behind `start`, if there is one, and where the `>`, for what stands in brackets
/// and is no address, or an odd one, as in `<list.example.org>` and `<mailto:list@example.org>`.
fn odd(text: &[u8], start: usize) -> Option<(Option<usize>, usize)> {
    let text = text.get(start..)?;
    match text.first()? {
        b'>' => {}
        octet if is(*octet, WORD) && *octet != b'=' => {}
        // A route, an encoded word, or nothing that makes sense.
        _ => return None,
    }
    let (mut stops, mut stop, mut at) = (Stops::new(text, &STOPS), 0, None);
    loop {
        stop = stops.next(stop);
        match text.get(stop)? {
            b'>' => break,
            b':' => {}
            b'@' => at = Some(stop),
            _ => return None,
        }
        stop += 1;
        if text.get(stop) == Some(&b'=') {
            return None;
        }
    }
    Some((at, start + stop))
}

/// Where the mailbox ends whose `>` stands before `from`, and where the next one starts: words,
/// blanks and comments before the comma are passed over; if another `<` follows them, the comma is
/// missing.
fn behind_bracket(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let end = first_of(text, at, &BEHIND)?;
        match text.get(end) {
            Some(b'<') => return Some((from, from)),
            Some(b'(') => at = comment(text, end)?.1,
            octet => return Some((trimmed(text, from, end), ended(octet, end)?)),
        }
    }
}

/// The same for one without brackets: only blanks and comments may follow. The last comment too.
fn behind_bare(text: &[u8], from: usize) -> Option<(usize, usize, Option<&[u8]>)> {
    let (mut at, mut last) = (from, None);
    loop {
        let end = run(text, at, BLANK);
        if text.get(end) != Some(&b'(') {
            return Some((trimmed(text, from, end), ended(text.get(end), end)?, last));
        }
        let (inner, behind) = comment(text, end)?;
        (at, last) = (behind, Some(inner));
    }
}

/// What stands in the comment at `start`, if there are no others in it and no escapes, and where the
/// text behind it starts.
fn comment(text: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let end = first_of(text, start + 1, &IN_COMMENT)?;
    (text.get(end) == Some(&b')')).then(|| Some((text.get(start + 1..end)?, end + 1)))?
}

/// Where the next mailbox starts if `octet`, which stands at `end`, ends one.
fn ended(octet: Option<&u8>, end: usize) -> Option<usize> {
    match octet {
        None | Some(b';') => Some(end),
        Some(b',') => Some(end + 1),
        Some(_) => None,
    }
}

/// `end` without the blanks before it, down to `from`.
fn trimmed(text: &[u8], from: usize, end: usize) -> usize {
    from + trim_end(text.get(from..end).unwrap_or_default()).len()
}

/// Where the first octet of `set` stands from `from` on, or where `text` ends; `None` if neither is
/// within a block.
#[inline]
fn first_of(text: &[u8], from: usize, set: &Set) -> Option<usize> {
    let rest = text.get(from..)?;
    let found = members(rest, set);
    if found == 0 && rest.len() > BLOCK {
        return None;
    }
    Some(from + (found.trailing_zeros() as usize).min(rest.len()))
}

/// The places of stops in a block of a text.
struct Bits<'a> {
    text: &'a [u8],
    /// Where the block starts.
    base: usize,
    stops: u64,
}

impl<'a> Bits<'a> {
    #[inline]
    fn new(text: &'a [u8], base: usize) -> Self {
        Self { text, base, stops: members(text.get(base..).unwrap_or_default(), &STOPS) }
    }

    /// The stops from `at` on.
    #[inline]
    fn stops(&self, at: usize) -> u64 {
        let passed = at.wrapping_sub(self.base);
        if passed < BLOCK { self.stops >> passed } else { 0 }
    }

    /// The first stop from `at` on in the block: where it stands, and what it is.
    #[inline]
    fn next(&self, at: usize) -> Option<(usize, u8)> {
        let stops = self.stops(at);
        if stops == 0 {
            return None;
        }
        let at = at + stops.trailing_zeros() as usize;
        Some((at, *self.text.get(at)?))
    }

    /// The words at `start`, the start of the block, with single spaces between them, and where the
    /// `<` stands behind them.
    #[inline]
    fn words(&self, start: usize) -> Option<(Range<usize>, usize)> {
        let spaces = members(self.text.get(start..)?, &SPACES);
        let len = (self.stops & !spaces).trailing_zeros();
        let open = start + len as usize;
        let within = spaces & !u64::MAX.checked_shl(len).unwrap_or_default();
        if self.text.get(open) != Some(&b'<') || within & within >> 1 != 0 {
            return None;
        }
        let end = if self.text.get(open - 1) == Some(&b' ') { open - 1 } else { open };
        Some((start..end, open))
    }

    /// Where the `@` and the `>` stand of the address `local@domain>` that starts at `start`.
    #[inline]
    fn plain(&self, start: usize) -> Option<(usize, usize)> {
        let (at, b'@') = self.next(start)? else { return None };
        let (end, b'>') = self.next(at + 1)? else { return None };
        (at > start && end > at + 1).then_some((at, end))
    }

    /// Where the word at `at` ends, in the block: at a stop or the end of the text.
    #[inline]
    fn word_end(&self, at: usize) -> Option<usize> {
        let stops = self.stops(at);
        if stops == 0 {
            return (self.text.len() <= self.base + BLOCK).then_some(self.text.len());
        }
        Some(at + stops.trailing_zeros() as usize)
    }

    /// Whether the block ends before the second stop from `at` on, and the text does not.
    #[inline]
    fn is_short(&self, at: usize) -> bool {
        let stops = self.stops(at);
        stops & stops.wrapping_sub(1) == 0 && self.text.len() > self.base + BLOCK
    }
}
