//! Modified UTF-7 (RFC 3501 §5.1.3): how names of mailboxes travel until UTF-8 was enabled.

use alloc::string::String;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name in UTF-8; none if it is not modified UTF-7 in its only allowed form.
///
/// Strict, so that no two strings mean one name: printable ASCII stands for itself, a shift is never
/// superfluous, padding bits are zero, and surrogates come in pairs.
#[must_use]
pub fn decode(octets: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(octets.len());
    let mut rest = octets;
    // Whether the last octet ended a shift: "&…-&…-" must have been one.
    let mut shifted = false;
    while let Some((&c, behind)) = rest.split_first() {
        rest = behind;
        if c != b'&' {
            if !(0x20..0x7f).contains(&c) {
                return None;
            }
            text.push(char::from(c));
            shifted = false;
            continue;
        }
        let end = rest.iter().position(|&c| c == b'-')?;
        let (digits, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..)?;
        if digits.is_empty() {
            text.push('&');
            shifted = false;
        } else {
            if shifted {
                return None;
            }
            shift(digits, &mut text)?;
            shifted = true;
        }
    }
    Some(text)
}

/// Decodes what stands between `&` and `-`.
fn shift(digits: &[u8], text: &mut String) -> Option<()> {
    let (mut bits, mut count) = (0u32, 0u32);
    let mut high: Option<u16> = None;
    for &digit in digits {
        bits = bits << 6 | u32::from(value(digit)?);
        count += 6;
        if count < 16 {
            continue;
        }
        count -= 16;
        let unit = (bits >> count & 0xffff) as u16;
        bits &= (1 << count) - 1;
        match (high.take(), unit) {
            (None, 0xd800..=0xdbff) => high = Some(unit),
            (None, 0x20..=0x7e) => return None,
            (high, unit) => {
                let pair = [high.unwrap_or(unit), unit];
                let units = if high.is_some() { &pair[..] } else { &pair[..1] };
                let mut chars = char::decode_utf16(units.iter().copied());
                text.push(chars.next()?.ok()?);
                if chars.next().is_some() {
                    return None;
                }
            }
        }
    }
    // What is left over is less than a digit, and zero.
    (high.is_none() && count < 6 && bits == 0).then_some(())
}

/// The name in modified UTF-7.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let (mut bits, mut count) = (0u32, 0u32);
    let mut shifted = false;
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            if core::mem::take(&mut shifted) {
                end_shift(&mut wire, bits, count);
                (bits, count) = (0, 0);
            }
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
            continue;
        }
        if !core::mem::replace(&mut shifted, true) {
            wire.push('&');
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            bits = bits << 16 | u32::from(*unit);
            count += 16;
            while count >= 6 {
                count -= 6;
                push(&mut wire, bits >> count);
            }
            bits &= (1 << count) - 1;
        }
    }
    if shifted {
        end_shift(&mut wire, bits, count);
    }
    wire
}

fn end_shift(wire: &mut String, bits: u32, count: u32) {
    if count > 0 {
        push(wire, bits << (6 - count));
    }
    wire.push('-');
}

fn push(wire: &mut String, bits: u32) {
    // Six bits always name a digit.
    wire.push(char::from(DIGITS[(bits & 63) as usize]));
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b',' => Some(63),
        _ => None,
    }
}
