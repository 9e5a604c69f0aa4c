//! The short path: nearly every date is written as in `Fri, 21 Nov 1997 09:55:06 -0600`. It reads
//! nothing that the long path would not read as well.

use super::{DateTime, on_day, words};
use crate::mime::lexer::{Lexer, is_blank, trim_start};

/// A date in the form that nearly all have, as in `Fri, 21 Nov 1997 09:55:06 -0600`, folded or not, or
/// with the name of a zone; `None` for all others, and if there is no such day or time.
pub(super) fn date(value: &[u8]) -> Option<DateTime> {
    let mut text = trim_start(value);
    if let Some(([a, b, c, b','], rest)) = text.split_first_chunk() {
        if !words::is_weekday(&[*a, *b, *c]) {
            return None;
        }
        text = trim_start(rest);
    }
    let (&[a, b], rest) = text.split_first_chunk()?;
    let (day, text) = match (a.wrapping_sub(b'0'), b.wrapping_sub(b'0')) {
        (tens @ 0..=9, ones @ 0..=9) => (tens * 10 + ones, rest),
        (day @ 0..=9, _) => (day, text.get(1..)?),
        _ => return None,
    };
    let (name, text) = behind_blanks(text)?.split_first_chunk::<3>()?;
    let month = words::month(name)?;
    let (year, text) = behind_blanks(text)?.split_first_chunk()?;
    let year = words::year(four_digits(*year)?, 4)?;
    let (time, text) = behind_blanks(text)?.split_first_chunk()?;
    // All of its octets at once: digits become their values, colons 0.
    let time = u64::from_le_bytes(*time) ^ u64::from_le_bytes(*b"00:00:00");
    let room = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
    if (time | ((time & !HIGH) + room)) & HIGH != 0 {
        return None;
    }
    let [hour, _, _, minute, _, _, second, _] = (time * 10 + (time >> 8)).to_le_bytes();
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let text = behind_blanks(text)?;
    let zone = match text.split_first_chunk() {
        Some((&[sign @ (b'+' | b'-'), a, b, c, d], rest)) => {
            let zone = four_digits([a, b, c, d])?;
            if rest.first().is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let zone = words::offset(zone / 100, zone % 100)?;
            if sign == b'+' { zone } else { -zone }
        }
        _ => {
            let name = Lexer::new(text).take_while(|octet| octet.is_ascii_alphabetic());
            let is_name = !name.is_empty() && !words::is_half_of_day(name);
            // As in GMT+0200.
            let is_part = matches!(text.get(name.len()), Some(b'+' | b'-'));
            (is_name && !is_part).then(|| words::named_zone(name))?
        }
    };
    on_day(year, month, day, (hour, minute, second), zone)
}

/// The highest bit of each octet.
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// What follows one blank or more.
#[inline]
fn behind_blanks(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = text.split_first()?;
    is_blank(*first).then(|| trim_start(rest))
}

/// The number that four digits are.
#[inline]
fn four_digits(octets: [u8; 4]) -> Option<u32> {
    let [a, b, c, d] = octets.map(|octet| u32::from(octet.wrapping_sub(b'0')));
    (a.max(b).max(c).max(d) < 10).then(|| (a * 10 + b) * 100 + c * 10 + d)
}
