//! Any octets as one word of a parameter, RFC 3461 §4.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

/// Text in the encoding of RFC 3461 §4: well formed, decoded when asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Xtext<'i>(&'i [u8]);

impl<'i> Xtext<'i> {
    /// Checks it: printable ASCII without `+` and `=`, or `+` and two upper-case hexadecimal digits.
    ///
    /// No control character can hide in it: what goes into reports, logs and other commands later must not
    /// bring a line end with it (RFC 3461 §4.4 and §5.2.1 want printable text).
    #[must_use]
    pub fn parse(value: &'i [u8]) -> Option<Self> {
        Self::check(value, false)
    }

    /// The same, of what is ASCII when it is decoded: where RFC 3461 asks for printable text (§4.2, §4.4).
    pub(crate) fn parse_ascii(value: &'i [u8]) -> Option<Self> {
        let is_itself = |c: &u8| matches!(c, 33..=126) && !matches!(c, b'+' | b'=');
        if value.iter().all(is_itself) {
            return Some(Self(value));
        }
        Self::check(value, false).filter(|text| text.decoded().is_ascii())
    }

    /// The same, with UTF-8 as it is: addresses under SMTPUTF8, RFC 6533 §3.
    #[must_use]
    pub fn parse_utf8(value: &'i [u8]) -> Option<Self> {
        let text = core::str::from_utf8(value).ok()?;
        Self::check(value, true).filter(|_| !text.chars().any(char::is_control))
    }

    fn check(value: &'i [u8], utf8: bool) -> Option<Self> {
        let mut rest = value;
        loop {
            rest = match rest {
                [] => return Some(Self(value)),
                [b'+', high, low, rest @ ..] => {
                    let octet = hex(*high)? << 4 | hex(*low)?;
                    if octet.is_ascii_control() && octet != b'\t' {
                        return None;
                    }
                    rest
                }
                [b'+' | b'=', ..] => return None,
                [33..=126, rest @ ..] => rest,
                [128..=255, rest @ ..] if utf8 => rest,
                _ => return None,
            };
        }
    }

    /// As the peer wrote it: what goes into the next hop's command unchanged.
    #[must_use]
    pub const fn encoded(self) -> &'i [u8] {
        self.0
    }

    /// What it means.
    #[must_use]
    pub fn decoded(self) -> Cow<'i, [u8]> {
        if !self.0.contains(&b'+') {
            return Cow::Borrowed(self.0);
        }
        let mut rest = self.0;
        let mut text = Vec::with_capacity(rest.len());
        loop {
            rest = match rest {
                [b'+', high, low, rest @ ..] => {
                    text.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                    rest
                }
                [c, rest @ ..] => {
                    text.push(*c);
                    rest
                }
                [] => return Cow::Owned(text),
            };
        }
    }

    /// Appends `text` in this encoding.
    pub fn encode(text: &[u8], to: &mut Vec<u8>) {
        const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
        for &c in text {
            if matches!(c, 33..=126) && !matches!(c, b'+' | b'=') {
                to.push(c);
            } else {
                to.extend([b'+', DIGITS[usize::from(c >> 4)], DIGITS[usize::from(c & 15)]]);
            }
        }
    }
}

impl fmt::Debug for Xtext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", crate::text::Text(&self.decoded()))
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let text: Vec<u8> = (0..=255).filter(|c: &u8| !c.is_ascii_control()).collect();
        let mut encoded = Vec::new();
        Xtext::encode(&text, &mut encoded);
        assert!(encoded.is_ascii());
        let parsed = Xtext::parse(&encoded).expect("it was encoded");
        assert_eq!(parsed.decoded(), text);
        assert_eq!(parsed.encoded(), encoded);
    }

    proptest::proptest! {
        #[test]
        fn ascii_is_what_decodes_to_it(value in "([ -~]|\\+[0-9A-F]{2}|\\PC){0,8}") {
            let slow = Xtext::parse(value.as_bytes()).filter(|text| text.decoded().is_ascii());
            proptest::prop_assert_eq!(Xtext::parse_ascii(value.as_bytes()), slow);
        }
    }

    /// Exim wrote such values into the lines of its queue files, where `+0A` began a line of the attacker's
    /// (CVE-2020-28021).
    #[test]
    fn no_line_end_hides_in_it() {
        for bad in [
            "a+0Ab", "+0D", "+00", "+7F", "+1B[2J", "+0", "+", "a=b", "+0a", "+GG", "a b", "\u{e9}",
        ] {
            assert_eq!(Xtext::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Xtext::parse_utf8("+0A\u{e9}".as_bytes()), None);
        assert_eq!(Xtext::parse_utf8("\u{85}".as_bytes()), None);
        assert_eq!(Xtext::parse_utf8(b"\xff"), None);
        let utf8 = Xtext::parse_utf8("J\u{f6}rg+2B".as_bytes()).expect("it is well formed");
        assert_eq!(utf8.decoded().as_ref(), "J\u{f6}rg+".as_bytes());
    }
}
