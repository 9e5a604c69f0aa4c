//! Charsets: all of WHATWG's by their labels, and UTF-7 (RFC 2152).

use alloc::{borrow::Cow, string::String, vec::Vec};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// A charset that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// One of WHATWG's.
    Known(&'static Encoding),
    /// UTF-7 (RFC 2152).
    Utf7,
}

impl Charset {
    /// The charset that mail means by `label`, whatever the case of its letters.
    #[must_use]
    pub fn of(label: &[u8]) -> Option<Self> {
        let label = label.trim_ascii();
        // RFC 2231 §5: a language may follow.
        let label = label.split(|octet| *octet == b'*').next().unwrap_or_default();
        if let Some(encoding) = Encoding::for_label_no_replacement(label) {
            return Some(Self::Known(encoding));
        }
        let (_, meant) = ALIASES.iter().find(|(alias, _)| label.eq_ignore_ascii_case(alias))?;
        match *meant {
            b"utf-7" => Some(Self::Utf7),
            meant => Encoding::for_label_no_replacement(meant).map(Self::Known),
        }
    }

    /// The text that `octets` are; what cannot be decoded becomes U+FFFD.
    #[must_use]
    pub fn decode(self, octets: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Known(encoding) => encoding.decode_without_bom_handling(octets).0,
            Self::Utf7 => Cow::Owned(utf7(octets)),
        }
    }

    /// Whether what an octet means depends on those before it, so that each encoded word has to be
    /// decoded by itself (RFC 2047 §3).
    #[must_use]
    pub fn is_stateful(self) -> bool {
        match self {
            Self::Known(encoding) => encoding == encoding_rs::ISO_2022_JP,
            Self::Utf7 => true,
        }
    }
}

/// The text that `octets` are in the charset `label`; `None` if that is not known.
#[must_use]
pub fn decode<'a>(label: &[u8], octets: &'a [u8]) -> Option<Cow<'a, str>> {
    Charset::of(label).map(|charset| charset.decode(octets))
}

/// As [`decode`], and [`guess`] where the charset is not known or not given.
///
/// A label that means US-ASCII is not believed where octets above 127 stand.
#[must_use]
pub fn decode_or_guess<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    match Charset::of(label) {
        Some(charset) if !label.trim_ascii().eq_ignore_ascii_case(b"us-ascii") => {
            charset.decode(octets)
        }
        _ => guess(octets),
    }
}

/// The text of octets whose charset nobody told: UTF-8 if they are that, else windows-1252.
#[must_use]
pub fn guess(octets: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// The octets that a body of text is, as UTF-8: [`decode_or_guess`] without its byte order mark.
#[must_use]
pub fn decode_body<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    let octets = match Charset::of(label) {
        Some(Charset::Known(encoding)) if encoding != UTF_8 => octets,
        _ => octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets),
    };
    decode_or_guess(label, octets)
}

/// UTF-7 (RFC 2152): base64 of UTF-16 between `+` and `-` or anything else.
fn utf7(octets: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet != b'+' {
            units.push(if octet.is_ascii() { u16::from(*octet) } else { 0xfffd });
            continue;
        }
        if let Some(after) = rest.strip_prefix(b"-") {
            units.push(u16::from(b'+'));
            rest = after;
            continue;
        }
        let (mut bits, mut held) = (0_u32, 0);
        while let Some((octet, after)) = rest.split_first()
            && let Some(value) = base64_value(*octet)
        {
            rest = after;
            bits = bits << 6 | u32::from(value);
            held += 6;
            if held >= 16 {
                held -= 16;
                units.push((bits >> held) as u16);
                bits &= (1 << held) - 1;
            }
        }
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    String::from_utf16_lossy(&units)
}

const fn base64_value(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Labels that mail uses and WHATWG does not list, and the charset they mean.
const ALIASES: &[(&[u8], &[u8])] = &[
    (b"utf-7", b"utf-7"),
    (b"utf7", b"utf-7"),
    (b"unicode-1-1-utf-7", b"utf-7"),
    (b"csunicode11utf7", b"utf-7"),
    (b"x-unicode-2-0-utf-7", b"utf-7"),
    (b"ansi_x3.4-1986", b"us-ascii"),
    (b"iso646-us", b"us-ascii"),
    (b"cp367", b"us-ascii"),
    (b"utf-8n", b"utf-8"),
    (b"utf8mb4", b"utf-8"),
    (b"cp932", b"shift_jis"),
    (b"windows-932", b"shift_jis"),
    (b"cp936", b"gbk"),
    (b"windows-936", b"gbk"),
    (b"cp949", b"euc-kr"),
    (b"cp950", b"big5"),
    (b"windows-950", b"big5"),
    (b"cp874", b"windows-874"),
    (b"cp51932", b"euc-jp"),
    (b"iso8859-16", b"iso-8859-16"),
    (b"latin-1", b"iso-8859-1"),
    (b"latin9", b"iso-8859-15"),
    (b"latin-9", b"iso-8859-15"),
    (b"win-1251", b"windows-1251"),
    (b"win1251", b"windows-1251"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_by_label() {
        for (label, octets, text) in [
            ("utf-8", &b"\xc3\xa9"[..], "\u{e9}"),
            (" ISO-8859-1 ", b"\xe9\x80", "\u{e9}\u{20ac}"),
            ("iso-2022-jp", b"\x1b$B$\"\x1b(B", "\u{3042}"),
            ("cp932", b"\x82\xa0", "\u{3042}"),
            ("gb2312", b"\xd6\xd0", "\u{4e2d}"),
            ("US-ASCII*en", b"a", "a"),
            ("koi8-r", b"\xc1", "\u{430}"),
        ] {
            assert_eq!(decode(label.as_bytes(), octets).unwrap(), text, "{label}");
        }
        assert_eq!(decode(b"x-unknown", b"a"), None);
        assert!(ALIASES.iter().all(|(label, _)| Charset::of(label).is_some()));
    }

    /// RFC 2152, its examples.
    #[test]
    fn utf7() {
        for (octets, text) in [
            (&b"A+ImIDkQ."[..], "A\u{2262}\u{391}."),
            (b"Hi Mom -+Jjo--!", "Hi Mom -\u{263a}-!"),
            (b"+ZeVnLIqe-", "\u{65e5}\u{672c}\u{8a9e}"),
            (b"Item 3 is +AKM-1.", "Item 3 is \u{a3}1."),
            (b"1 +- 1 = 2", "1 + 1 = 2"),
            (b"+2D3cqQ-", "\u{1f4a9}"),
            (b"+\xff+", "\u{fffd}"),
        ] {
            assert_eq!(decode(b"UTF-7", octets).unwrap(), text);
        }
    }

    #[test]
    fn what_nobody_told_is_guessed() {
        assert_eq!(guess(b"\xc3\xa9"), "\u{e9}");
        assert_eq!(guess(b"\xe9"), "\u{e9}");
        assert_eq!(decode_or_guess(b"us-ascii", b"\xc3\xa9"), "\u{e9}");
        assert_eq!(decode_or_guess(b"x-unknown", b"\xe9"), "\u{e9}");
        assert_eq!(decode_body(b"", b"\xef\xbb\xbfa"), "a");
        assert_eq!(decode_body(b"utf-8", b"\xef\xbb\xbfa"), "a");
    }
}
