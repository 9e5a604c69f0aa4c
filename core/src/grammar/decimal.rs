//! Whole numbers in decimal digits.

use alloc::vec::Vec;

/// Digits of a `u64` at most.
pub const DIGITS: usize = 20;

/// Appends `n`.
pub fn push(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0; DIGITS];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        // One digit.
        *place = b'0' + (n % 10) as u8;
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[DIGITS - used..]);
}

/// The number that `digits` are: nothing but digits, one at least. What is too big is `u64::MAX`.
#[must_use]
pub fn parse(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |n, octet| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(n.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for n in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push(n, &mut out);
            assert_eq!(out, std::format!("{n}").as_bytes());
            assert_eq!(parse(&out), Some(n));
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "-1", "+1", "1 ", " 1", "1a", "0x1", "\u{661}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"007"), Some(7));
        assert_eq!(parse(b"99999999999999999999999"), Some(u64::MAX));
    }
}
