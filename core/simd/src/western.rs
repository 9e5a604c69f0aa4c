//! windows-1252, which mail also means by ISO-8859-1, as UTF-8.

use alloc::{string::String, vec::Vec};

/// Appends the text of `octets` in windows-1252, as WHATWG has it, to `out`, at one speed however many
/// octets above 127 there are. All octets mean something, so nothing can fail.
///
/// ```
/// let mut text = String::new();
/// posthaste_simd::western::decode(b"100 \x80 f\xfcr Sie", &mut text);
/// assert_eq!(text, "100 \u{20ac} f\u{fc}r Sie");
/// ```
pub fn decode(octets: &[u8], out: &mut String) {
    // SAFETY: what is appended is UTF-8: US-ASCII as it is, and whole entries of the table.
    let out = unsafe { out.as_mut_vec() };
    out.reserve(octets.len() + octets.len() / 8);
    let (blocks, rest) = octets.as_chunks::<64>();
    for block in blocks {
        if block.is_ascii() {
            out.extend_from_slice(block);
        } else {
            block.as_chunks().0.iter().for_each(|quarter| few(quarter, out));
        }
    }
    let (quarters, rest) = rest.as_chunks();
    quarters.iter().for_each(|quarter| few(quarter, out));
    rest.iter().for_each(|octet| {
        let (text, len) = TABLE[usize::from(*octet)];
        out.extend_from_slice(&text[..usize::from(len)]);
    });
}

/// Appends 16 octets; that there is no branch for each keeps texts fast that no branch predictor knows.
#[inline]
fn few(octets: &[u8; 16], out: &mut Vec<u8>) {
    if octets.is_ascii() {
        return out.extend_from_slice(octets);
    }
    let (mut room, mut done) = ([0; 16 * 3 + 1], 0);
    for octet in octets {
        let (text, len) = &TABLE[usize::from(*octet)];
        room[done..done + 4].copy_from_slice(text);
        done += usize::from(*len);
    }
    out.extend_from_slice(&room[..done]);
}

/// The characters of 0x80 to 0x9f; those of all other octets have their numbers.
const ODD: [u16; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
    0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
];

/// The UTF-8 of each octet, and how many octets that has.
static TABLE: [([u8; 4], u8); 256] = {
    let mut table = [([0; 4], 1); 256];
    let mut octet = 0;
    while octet < 256 {
        let character = match octet {
            0x80..0xa0 => ODD[octet - 0x80] as u32,
            _ => octet as u32,
        };
        if let Some(character) = char::from_u32(character) {
            let mut text = [0; 4];
            let len = character.encode_utf8(&mut text).len();
            table[octet] = (text, len as u8);
        }
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;

    /// Each octet stands for the character of the WHATWG index, wherever it stands.
    #[test]
    fn each_octet_at_each_place() {
        for octet in 0..=255_u8 {
            let character = match octet {
                0x80..0xa0 => char::from_u32(u32::from(ODD[usize::from(octet) - 0x80])).unwrap(),
                _ => char::from(octet),
            };
            for at in [0, 1, 15, 16, 63, 64, 80, 99] {
                let mut octets = vec![b'a'; 100];
                octets[at] = octet;
                let mut expected: String = "kept".into();
                expected.extend(octets.iter().enumerate().map(|(place, other)| {
                    if place == at { character } else { char::from(*other) }
                }));
                let mut text: String = "kept".into();
                decode(&octets, &mut text);
                assert_eq!(text, expected, "{octet} at {at}");
            }
        }
    }

    #[test]
    fn nothing_but_odd_octets() {
        for len in 0..200 {
            let octets: Vec<u8> = (0..len).map(|at: u8| 0x80 | at.wrapping_mul(7)).collect();
            let mut text = String::new();
            decode(&octets, &mut text);
            assert_eq!(text.chars().count(), usize::from(len));
            assert!(core::str::from_utf8(text.as_bytes()).is_ok());
        }
    }
}
