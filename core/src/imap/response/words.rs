//! The small words that responses are made of: numbers and strings.
//!
//! These are the only functions that put octets of others (subjects, file names, mailbox names) into
//! output, and each gives legal output for any input.

use alloc::vec::Vec;
use core::fmt;

use posthaste_simd::quoted;

use crate::text::Text;

/// Octets that a quoted string may have at most; what is longer becomes a literal. Quoted strings
/// have no limit of their own, but lines do in many clients.
pub const QUOTED: usize = 1_000;

/// A decimal number.
pub(crate) fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `string` of RFC 9051 §9: quoted where that is possible, else a literal. `utf8` says whether the
/// client understands UTF-8 in quoted strings (after ENABLE IMAP4rev2 or UTF8=ACCEPT).
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8], utf8: bool) {
    // Nearly all strings are so.
    if text.len() <= QUOTED && quoted::quote(out, text) {
        return;
    }
    if fits_quotes(text, utf8) {
        escaped(out, text);
    } else {
        literal(out, text);
    }
}

/// `nstring`: NIL or a string.
#[inline]
pub(crate) fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>, utf8: bool) {
    match text {
        None => out.extend_from_slice(b"NIL"),
        Some(text) => string(out, text, utf8),
    }
}

/// Text for people behind a status word: one line, without controls, never empty.
pub(crate) fn human(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    // `[` as the first octet would read as a response code.
    let text = text.trim_start_matches(|c: char| c == '[' || c.is_control() || c == ' ');
    // RFC 9051 §9: text beyond ASCII needs ENABLE IMAP4rev2, so nothing of ours uses it.
    out.extend(text.bytes().map(|b| if (b' '..0x7f).contains(&b) { b } else { b'?' }));
    if out.len() == start {
        out.push(b'-');
    }
}

/// What prints as legal octets by itself: flags, dates.
pub(crate) fn show(out: &mut Vec<u8>, what: impl fmt::Display) {
    struct Put<'o>(&'o mut Vec<u8>);
    impl fmt::Write for Put<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Appending to a vector cannot fail.
    let _ = fmt::Write::write_fmt(&mut Put(out), format_args!("{what}"));
}

fn fits_quotes(text: &[u8], utf8: bool) -> bool {
    text.len() <= QUOTED
        && !text.iter().any(|&b| matches!(b, 0 | b'\r' | b'\n'))
        && (text.is_ascii() || (utf8 && Text(text).to_str().is_some()))
}

/// A quoted string with escapes.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &b in text {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(b);
    }
    out.push(b'"');
}

/// A literal that is complete at once. NUL may not stand in one (RFC 9051 §9, CHAR8), so it is shown
/// as 0x80: the length stays right, and that is what clients see from other servers.
fn literal(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'{');
    number(out, text.len() as u64);
    out.extend_from_slice(b"}\r\n");
    out.extend(text.iter().map(|&b| if b == 0 { 0x80 } else { b }));
}
