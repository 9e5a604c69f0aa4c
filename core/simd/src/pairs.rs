//! Charsets whose characters have one octet or two, as those of East Asia have, as UTF-8.

use alloc::string::String;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What the pairs of octets of a charset mean, each asked for once and remembered from then on.
///
/// ```
/// use posthaste_simd::pairs::Pairs;
///
/// static PAIRS: Pairs = Pairs::new();
/// let ask = |pair| (pair == [0xd6, 0xd0]).then_some('\u{4e2d}');
/// let mut text = String::new();
/// assert_eq!(PAIRS.decode(b"a \xd6\xd0\xd6", &mut text, ask), 4);
/// assert_eq!(text, "a \u{4e2d}");
/// ```
pub struct Pairs {
    /// The UTF-8 of the character of each pair, in the three lower octets, and its length in the
    /// highest one; 0 where nobody asked yet, [`NONE`] where it is not one character.
    known: [AtomicU32; PAIRS],
}

/// All pairs whose first octet is above 127.
const PAIRS: usize = 1 << 15;
const NONE: u32 = u32::MAX;

impl Default for Pairs {
    fn default() -> Self {
        Self::new()
    }
}

impl Pairs {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: [const { AtomicU32::new(0) }; PAIRS] }
    }

    /// Appends the text at the start of `octets` to `out`: US-ASCII, and the pairs that `ask` says
    /// are one character. Says how many octets that took: all, or those before the first that are
    /// neither. `ask` says the same of a pair each time.
    pub fn decode(
        &self,
        octets: &[u8],
        out: &mut String,
        ask: impl Fn([u8; 2]) -> Option<char>,
    ) -> usize {
        self.walk::<false>(octets, out, ask)
    }

    /// As [`decode`](Self::decode), for pairs of seven bits (ISO 2022): octets from 0x21 to 0x7e stand
    /// for those above 127. Nothing else is taken.
    pub fn decode_seven(
        &self,
        octets: &[u8],
        out: &mut String,
        ask: impl Fn([u8; 2]) -> Option<char>,
    ) -> usize {
        self.walk::<true>(octets, out, ask)
    }

    #[inline]
    fn walk<const SEVEN: bool>(
        &self,
        octets: &[u8],
        out: &mut String,
        ask: impl Fn([u8; 2]) -> Option<char>,
    ) -> usize {
        // SAFETY: what is appended is UTF-8: US-ASCII, and whole entries.
        let out = unsafe { out.as_mut_vec() };
        // Two octets become three at most; each store is of four or eight.
        out.reserve(octets.len() + octets.len() / 2 + 8);
        let room = out.spare_capacity_mut();
        let (mut taken, mut done) = (0, 0);
        loop {
            while let Some(pair) = octets.get(taken..).and_then(|rest| rest.first_chunk::<2>())
                && let Some(pair) = high::<SEVEN>(*pair)
                && let Some(entry) = self.entry(pair, &ask)
                && let Some(room) =
                    room.get_mut(done..).and_then(|room| room.first_chunk_mut::<4>())
            {
                room.write_copy_of_slice(&entry.to_le_bytes());
                (taken, done) = (taken + 2, done + (entry >> 24) as usize);
            }
            let Some((rest, first)) =
                octets.get(taken..).and_then(|rest| Some((rest, rest.first()?)))
            else {
                break;
            };
            if SEVEN || !first.is_ascii() {
                break;
            }
            let (some, ascii) = match rest.first_chunk() {
                Some(some) => (*some, ascii(some)),
                None => ([*first; 8], 1),
            };
            let Some(room) = room.get_mut(done..).and_then(|room| room.first_chunk_mut::<8>())
            else {
                break;
            };
            room.write_copy_of_slice(&some);
            (taken, done) = (taken + ascii, done + ascii);
        }
        let len = out.len() + done;
        // SAFETY: so many octets of the spare capacity were written.
        unsafe { out.set_len(len) };
        taken
    }

    /// What is known of a pair; `None` if it is not one character.
    #[inline]
    fn entry(&self, pair: [u8; 2], ask: impl Fn([u8; 2]) -> Option<char>) -> Option<u32> {
        let place = self.known.get(usize::from(u16::from_be_bytes(pair)) % PAIRS)?;
        match place.load(Relaxed) {
            0 => learn(place, ask(pair)),
            NONE => None,
            entry => Some(entry),
        }
    }
}

/// The pair with both octets above 127 if they stand for such, or whatever stands behind a first one
/// above 127.
#[inline]
fn high<const SEVEN: bool>(pair: [u8; 2]) -> Option<[u8; 2]> {
    match pair {
        [0x21..=0x7e, 0x21..=0x7e] if SEVEN => Some(pair.map(|octet| octet | 0x80)),
        [0x80..=0xff, _] if !SEVEN => Some(pair),
        _ => None,
    }
}

/// How many of the octets are US-ASCII before the first that is not.
#[inline]
fn ascii(octets: &[u8; 8]) -> usize {
    (u64::from_le_bytes(*octets) & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8
}

#[cold]
fn learn(place: &AtomicU32, character: Option<char>) -> Option<u32> {
    let mut text = [0; 4];
    let len = character.map_or(4, |character| character.encode_utf8(&mut text).len());
    let entry = if len > 3 { NONE } else { u32::from_le_bytes(text) | (len as u32) << 24 };
    place.store(entry, Relaxed);
    (entry != NONE).then_some(entry)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{format, vec::Vec};

    use super::*;

    /// Pairs are characters by their numbers, but for some.
    fn ask(pair: [u8; 2]) -> Option<char> {
        let number = u32::from(u16::from_be_bytes(pair));
        char::from_u32(match pair {
            [0x80 | 0xff, _] | [_, 0x3f | 0x43 | 0xff] => return None,
            [_, 0x41] => 0xe9,
            [_, 0x42] => 0x2_0000,
            _ => number,
        })
    }

    #[test]
    fn stops_where_it_says() {
        let pairs = Pairs::new();
        for (octets, taken, text) in [
            (&b""[..], 0, ""),
            (b"plain, and more than sixteen", 28, "plain, and more than sixteen"),
            (b"\xa0\x41x\xa0\x44", 5, "\u{e9}x\u{a044}"),
            (b"x\xa0\x42", 1, "x"),
            (b"x\xa0\x43x", 1, "x"),
            (b"x\xa0", 1, "x"),
            (b"x\xa0\x3f", 1, "x"),
            (b"x\xa0\xff", 1, "x"),
            (b"x\xff\x50", 1, "x"),
            (b"x\x80\x50", 1, "x"),
            // A number of no character.
            (b"x\xd8\x50", 1, "x"),
        ] {
            for _ in 0..2 {
                let mut out: String = "kept".into();
                assert_eq!(pairs.decode(octets, &mut out, ask), taken, "{octets:?}");
                assert_eq!(out, format!("kept{text}"), "{octets:?}");
            }
        }
    }

    #[test]
    fn pairs_of_seven_bits() {
        let pairs = Pairs::new();
        for (octets, taken, text) in [
            (&b""[..], 0, ""),
            (b"0D1E", 4, "\u{b0c4}\u{b1c5}"),
            (b"0D1", 2, "\u{b0c4}"),
            (b"0D\x1b$", 2, "\u{b0c4}"),
            (b"0D \x44", 2, "\u{b0c4}"),
            (b"0D\xb0\xc4", 2, "\u{b0c4}"),
        ] {
            let mut out = String::new();
            assert_eq!(pairs.decode_seven(octets, &mut out, ask), taken, "{octets:?}");
            assert_eq!(out, text, "{octets:?}");
        }
        let mut out = String::new();
        assert_eq!(pairs.decode_seven(&b"0D".repeat(1000), &mut out, ask), 2000);
        assert_eq!(out, "\u{b0c4}".repeat(1000));
    }

    #[test]
    fn room_for_all() {
        let pairs = Pairs::new();
        for len in 0..100 {
            let octets: Vec<u8> = [0xa0, 0x44].repeat(len);
            let mut out = String::new();
            assert_eq!(pairs.decode(&octets, &mut out, ask), octets.len());
            assert_eq!(out.chars().count(), len);
        }
    }
}
