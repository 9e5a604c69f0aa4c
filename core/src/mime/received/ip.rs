//! Addresses as the words of a hop tell them.

use core::net::{IpAddr, Ipv4Addr};

use memchr::memchr2;
use posthaste_simd::octets::Set;

use super::{after, has};

/// The address that a word is which has neither colon nor `@`. `text` is what starts with the word.
#[inline]
pub(super) fn unmarked(word: &[u8], text: &[u8]) -> Option<IpAddr> {
    let bracket = usize::from(text.first() == Some(&b'['));
    let (address, len) = ipv4(text.get(bracket..)?)?;
    match word.get(bracket + len) {
        None => {}
        Some(b']') if bracket > 0 => {}
        // There may be a zone behind it.
        Some(_) => return marked(word),
    }
    Some(IpAddr::V4(address))
}

/// The address of IPv4 that `text` starts with, and how long that is, if there is no digit or dot behind
/// it.
pub(super) fn ipv4(text: &[u8]) -> Option<(Ipv4Addr, usize)> {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    const HIGH: u128 = ONES << 7;
    let octets = match text.first_chunk() {
        Some(octets) => *octets,
        None => {
            let mut octets = [0; 16];
            octets.iter_mut().zip(text).for_each(|(octet, from)| *octet = *from);
            octets
        }
    };
    // All octets at a time: what is above 9 is no digit.
    let digits = u128::from_le_bytes(octets) ^ (ONES * 0x30);
    let mut others = (((digits & !HIGH) + ONES * 0x76) | digits) & HIGH;
    let (mut parts, mut start) = ([0; 4], 0);
    for (at, part) in parts.iter_mut().enumerate() {
        let end = others.trailing_zeros() / 8;
        others &= others.wrapping_sub(1);
        let len @ 1..=3 = end.wrapping_sub(start) else { return None };
        let text = (digits >> (start * 8)) as u32;
        // The last digit goes to the highest octet.
        let [_, hundreds, tens, ones] = (text << (32 - len * 8)).to_le_bytes();
        let value = u32::from(hundreds) * 100 + u32::from(tens) * 10 + u32::from(ones);
        let has_zero = len > 1 && text & 0xff == 0;
        let dot = digits.checked_shr(end * 8).is_some_and(|behind| behind as u8 == b'.' ^ b'0');
        if has_zero || dot != (at < 3) {
            return None;
        }
        *part = u8::try_from(value).ok()?;
        start = end + 1;
    }
    Some((Ipv4Addr::from(parts), start as usize - 1))
}

/// The address that a word is: alone, in brackets, behind `@`, with the tag of RFC 5321 §4.1.3, a
/// zone or a port.
pub(super) fn address_of(word: &[u8]) -> Option<IpAddr> {
    if has(word, &MARKS) {
        return marked(word);
    }
    matches!(word.first(), Some(b'0'..=b'9' | b'[')).then(|| unmarked(word, word))?
}

/// The address that any word is.
pub(super) fn marked(word: &[u8]) -> Option<IpAddr> {
    // Most words are names: an address ends in a digit, stands in brackets or has a colon in it.
    if !word.last()?.is_ascii_digit() && word.first() != Some(&b'[') {
        memchr2(b':', b'@', word)?;
    }
    let word = word.rsplit(|octet| *octet == b'@').next()?;
    let inner = match word.strip_prefix(b"[") {
        Some(inner) => inner.split(|octet| *octet == b']').next()?,
        None => word,
    };
    let inner = after(inner, b"ipv6:").unwrap_or(inner);
    let inner = inner.split(|octet| *octet == b'%').next()?;
    let text = core::str::from_utf8(inner).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    (port.bytes().all(|octet| octet.is_ascii_digit()) && host.contains('.'))
        .then(|| host.parse().ok())?
}

/// Without one of these, only an address of IPv4 is an address.
static MARKS: Set = Set::of(b":@%");
