//! Parameters of Content-Type and Content-Disposition: tokens, quoted strings, or what RFC 2231 has
//! for values that are long or not ASCII.

use alloc::{format, string::String, vec::Vec};

use super::{
    fold::{Folder, LINE},
    value::{Param, is_plain_token, is_shown},
    words::{escape, hexadecimal},
};

/// Octets of one piece: with its name, a number and the blank before, the line stays below 78 for
/// names of usual length.
const PIECE: usize = 54;

/// Writes `params` behind what is already there; returns how many pieces they took.
pub(super) fn write<'p>(
    params: impl IntoIterator<Item = &'p Param<'p>>,
    utf8: bool,
    to: &mut Folder<'_>,
) -> usize {
    params.into_iter().map(|param| one(param, utf8, to)).sum()
}

fn one(param: &Param<'_>, utf8: bool, to: &mut Folder<'_>) -> usize {
    let (name, value) = (param.name.as_str(), param.value.as_str());
    let shown = |c: char| is_shown(c) && (utf8 || c.is_ascii());
    // Readers decode encoded words in parameters, though RFC 2047 §5 has none there.
    let extended = !value.chars().all(shown) || value.contains("=?");
    let mut word = Vec::with_capacity(LINE);
    if !extended {
        word.extend_from_slice(name.as_bytes());
        word.push(b'=');
        if !value.is_empty() && value.bytes().all(is_plain_token) {
            word.extend_from_slice(value.as_bytes());
        } else {
            word.push(b'"');
            escape(value, &mut word);
            word.push(b'"');
        }
        // The blank before and the mark behind.
        if word.len() + 2 <= LINE {
            piece(&word, to);
            return 1;
        }
    }
    let room = PIECE.min(LINE.saturating_sub(name.len() + 12)).max(12);
    let pieces = if extended { percent_encoded(value, room) } else { plain(value, room) };
    for (number, text) in pieces.iter().enumerate() {
        // RFC 2231 §4: no number where there is one piece.
        let (number, star) = match (pieces.len(), extended) {
            (1, _) => (String::new(), "*"),
            (_, true) => (format!("*{number}"), "*"),
            (_, false) => (format!("*{number}"), ""),
        };
        word.clear();
        word.extend_from_slice(format!("{name}{number}{star}=").as_bytes());
        word.extend_from_slice(text);
        piece(&word, to);
    }
    pieces.len()
}

/// Writes one parameter as it is behind a semicolon.
pub(super) fn piece(text: &[u8], to: &mut Folder<'_>) {
    to.join(b";");
    to.word(text);
}

/// The value as quoted strings (RFC 2231 §3), two or more, as nothing else gets here.
fn plain(value: &str, room: usize) -> Vec<Vec<u8>> {
    cut(value, room, |c| match c {
        '"' | '\\' => 2,
        c => c.len_utf8(),
    })
    .map(|part| {
        let mut text = Vec::with_capacity(room + 2);
        text.push(b'"');
        escape(part, &mut text);
        text.push(b'"');
        text
    })
    .collect()
}

/// The value in UTF-8, percent-encoded (RFC 2231 §4, §4.1).
fn percent_encoded(value: &str, room: usize) -> Vec<Vec<u8>> {
    const CHARSET: &[u8] = b"utf-8''";
    let stands = |c: char| c.is_ascii() && is_plain_token(c as u8);
    let mut pieces: Vec<Vec<u8>> = cut(value, room.saturating_sub(CHARSET.len()).max(12), |c| {
        if stands(c) { 1 } else { 3 * c.len_utf8() }
    })
    .map(|part| {
        let mut text = Vec::with_capacity(room);
        for c in part.chars() {
            if stands(c) {
                text.push(c as u8);
            } else {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|o| hexadecimal(b'%', o, &mut text));
            }
        }
        text
    })
    .collect();
    if let Some(first) = pieces.first_mut() {
        first.splice(..0, CHARSET.iter().copied());
    }
    pieces
}

/// Cuts `text` between characters into parts that take `room` at most, by what `len` says of each.
fn cut(text: &str, room: usize, len: impl Fn(char) -> usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let mut used = 0;
        let full = rest.char_indices().find(|(_, c)| {
            used += len(*c);
            used > room
        });
        let (part, after) = rest.split_at(full.map_or(rest.len(), |(at, _)| at));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}
