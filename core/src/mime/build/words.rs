//! Text for people in header fields: unstructured values and display names, as they stand where they
//! can and in encoded words (RFC 2047) where they cannot.
//!
//! Words that stand side by side and both need encoding are one run, as the blanks between two
//! encoded words are not shown (RFC 2047 §6.2). A run is cut between characters, at 75 octets a word,
//! and is in Q or B, whichever is shorter.

use alloc::vec::Vec;

use super::{
    fold::{Folder, WORD_OCTETS, chunks},
    value::is_shown,
};
use crate::grammar::{address::is_atext, base64};

/// Writes the unstructured value `text`, in UTF-8 as it stands if that is allowed (RFC 6532 §3.2).
pub(super) fn text(text: &str, utf8: bool, to: &mut Folder<'_>) {
    let stands = |blanks: usize, word: &str| {
        !word.is_empty()
            && blanks + word.len() <= WORD_OCTETS
            && !word.contains("=?")
            && word.chars().all(|c| is_shown(c) && (utf8 || c.is_ascii()))
    };
    // Blanks at the end are seen in an encoded word only, and with them the word before.
    let last = text.trim_end_matches(' ').len();
    let last = if last < text.len() { last } else { usize::MAX };
    let mut at = 0;
    // The run at hand: where it starts and ends.
    let mut run: Option<(usize, usize)> = None;
    for (blanks, word) in chunks(text) {
        let (first, start) = (at == 0, at);
        at += blanks + word.len();
        if stands(blanks, word) && !(first && blanks > 0) && at < last {
            if let Some((from, to_here)) = run.take() {
                encoded(text.get(from..to_here).unwrap_or_default(), Place::Text, to);
            }
            to.text(blanks.max(1), word.as_bytes());
        } else if let Some((_, end)) = &mut run {
            *end = at;
        } else {
            // One blank stands before the run; others are part of it, as are those at the start.
            let blank = usize::from(!first && blanks > 0);
            run = Some((start + blank, at));
        }
    }
    if let Some((from, to_here)) = run {
        encoded(text.get(from..to_here).unwrap_or_default(), Place::Text, to);
    }
}

/// Writes the display name `name` (RFC 5322 §3.2.5): atoms, a quoted string, or encoded words. `true`
/// if its end has to be told from what follows by a blank.
pub(super) fn phrase(name: &str, utf8: bool, to: &mut Folder<'_>) -> bool {
    let stands = |c: char| is_shown(c) && (utf8 || c.is_ascii());
    let fits = |(blanks, word): (usize, &str)| blanks + 2 * word.len() <= WORD_OCTETS;
    // Readers take a quoted string of blanks for no name.
    let is_blank = name.bytes().all(|octet| octet == b' ');
    if is_blank || name.contains("=?") || !name.chars().all(stands) || !chunks(name).all(fits) {
        encoded(name, Place::Phrase, to);
        return true;
    }
    let atoms = name.split(' ').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext));
    if atoms {
        name.split(' ').for_each(|atom| to.word(atom.as_bytes()));
        return false;
    }
    quoted(name, to);
    false
}

/// Writes `text` as a quoted string behind a blank, folded at its blanks (RFC 5322 §3.2.4).
pub(super) fn quoted(text: &str, to: &mut Folder<'_>) {
    let mut word = Vec::with_capacity(text.len().min(WORD_OCTETS));
    word.push(b'"');
    let mut blanks = 1;
    for (at, (before, part)) in chunks(text).enumerate() {
        if at > 0 || before > 0 {
            to.spaced(blanks, &word);
            word.clear();
            blanks = before;
        }
        escape(part, &mut word);
    }
    word.push(b'"');
    to.spaced(blanks, &word);
}

/// Appends `text` with a backslash before what needs one in a quoted string.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    for octet in text.bytes() {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(octet);
    }
}

/// Where an encoded word stands, on which depends what it may hold in Q (RFC 2047 §5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Phrase,
}

/// `=?utf-8?Q?` and `?=`.
const AROUND: usize = 12;
/// Octets of an encoded word at most (RFC 2047 §2).
const ENCODED_WORD: usize = 75;
/// Octets of a character at most in Q.
const CHARACTER: usize = 12;

/// Writes `text` in encoded words.
fn encoded(text: &str, place: Place, to: &mut Folder<'_>) {
    let q_octets: usize = text.chars().map(|c| q_len(c, place)).sum();
    let in_q = q_octets <= base64::encoded_len(text.len());
    let mut word = Vec::with_capacity(ENCODED_WORD);
    let mut rest = text;
    while !rest.is_empty() {
        if to.room() < AROUND + CHARACTER {
            to.fold();
        }
        let room = to.room().min(ENCODED_WORD) - AROUND;
        let end = if in_q { fitting_q(rest, room, place) } else { fitting_b(rest, room) };
        let (part, after) = rest.split_at(end);
        word.clear();
        if in_q {
            word.extend_from_slice(b"=?utf-8?Q?");
            part.chars().for_each(|c| q(c, place, &mut word));
        } else {
            word.extend_from_slice(b"=?utf-8?B?");
            base64::encode(part.as_bytes(), &mut word);
        }
        word.extend_from_slice(b"?=");
        to.encoded(&word);
        rest = after;
    }
}

/// How many octets of `text` fit into `room` octets of Q: whole characters, one at least.
fn fitting_q(text: &str, room: usize, place: Place) -> usize {
    let mut used = 0;
    let full = text.char_indices().find(|(_, c)| {
        used += q_len(*c, place);
        used > room
    });
    at_least_one(text, full.map_or(text.len(), |(at, _)| at))
}

/// How many octets of `text` fit into `room` octets of base64: whole characters, one at least.
fn fitting_b(text: &str, room: usize) -> usize {
    let mut end = text.len().min(room / 4 * 3);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    at_least_one(text, end)
}

fn at_least_one(text: &str, end: usize) -> usize {
    end.max(text.chars().next().map_or(0, char::len_utf8))
}

fn q_len(c: char, place: Place) -> usize {
    if c == ' ' || stands_in_q(c, place) { 1 } else { 3 * c.len_utf8() }
}

fn q(c: char, place: Place, out: &mut Vec<u8>) {
    match c {
        ' ' => out.push(b'_'),
        c if stands_in_q(c, place) => out.push(c as u8),
        c => {
            for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                hexadecimal(b'=', octet, out);
            }
        }
    }
}

/// RFC 2047 §4.2 (2) and, in phrases, §5 (3).
const fn stands_in_q(c: char, place: Place) -> bool {
    match place {
        Place::Text => c.is_ascii_graphic() && !matches!(c, '=' | '?' | '_'),
        Place::Phrase => c.is_ascii_alphanumeric() || matches!(c, '!' | '*' | '+' | '-' | '/'),
    }
}

/// Appends `mark` and the two digits of `octet`.
pub(super) fn hexadecimal(mark: u8, octet: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
    out.extend_from_slice(&[mark, DIGITS[high], DIGITS[low]]);
}
