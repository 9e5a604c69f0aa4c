//! Version 1: `PROXY TCP4 192.0.2.9 198.51.100.1 50123 25` and CR LF.

use core::net::{IpAddr, SocketAddr};

use super::{Ends, Parsed};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// Octets of the line at most, with its CR LF.
const LINE: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let front = bytes.get(..LINE).unwrap_or(bytes);
    let Some(end) = memchr::memmem::find(front, b"\r\n") else {
        return if bytes.len() < LINE { Parsed::More } else { Parsed::Bad };
    };
    let line = front.get(SIGNATURE.len()..end).unwrap_or_default();
    let length = end + 2;
    // What an unknown connection has behind the word is not to be looked at.
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Parsed::Header { length, ends: None };
    }
    match core::str::from_utf8(line).ok().and_then(ends) {
        Some(ends) => Parsed::Header { length, ends: Some(ends) },
        None => Parsed::Bad,
    }
}

/// Five words, one blank between each.
fn ends(line: &str) -> Option<Ends> {
    let mut words = line.split(' ');
    let v4 = match words.next()? {
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let mut address = || words.next()?.parse::<IpAddr>().ok().filter(|a| a.is_ipv4() == v4);
    let (peer, local) = (address()?, address()?);
    let mut port = || {
        let digits = words.next()?;
        // No sign, no zero in front.
        let plain = digits == "0" || digits.starts_with(|c: char| matches!(c, '1'..='9'));
        digits.parse::<u16>().ok().filter(|_| plain)
    };
    let (from, to) = (port()?, port()?);
    words
        .next()
        .is_none()
        .then(|| Ends { peer: SocketAddr::new(peer, from), local: SocketAddr::new(local, to) })
}
