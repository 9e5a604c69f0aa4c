//! Fields that hold one small thing: Auto-Submitted, Importance and its kin, MIME-Version.

use super::lexer::{Lexer, TOKEN};

/// Whether a person sent a message (RFC 3834 §5, RFC 5436 §2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// `auto-generated`: a program made it by itself.
    Generated,
    /// `no`: a person sent it.
    No,
    /// `auto-notified`: it tells that something happened.
    Notified,
    /// Something else: it was sent automatically (RFC 3834 §5.2).
    Other,
    /// `auto-replied`: a program answered another message.
    Replied,
}

impl AutoSubmitted {
    /// Reads the value of Auto-Submitted; `None` where it starts with no word.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let word = word(value)?;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        Some(match () {
            () if is("no") => Self::No,
            () if is("auto-generated") => Self::Generated,
            () if is("auto-replied") => Self::Replied,
            () if is("auto-notified") => Self::Notified,
            () => Self::Other,
        })
    }

    /// Whether no automatic answer may be given to it (RFC 3834 §2).
    #[must_use]
    pub const fn is_automatic(self) -> bool {
        !matches!(self, Self::No)
    }
}

/// How important the sender thinks a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// `low`, `non-urgent`, 4 or 5.
    Low,
    /// Neither.
    #[default]
    Normal,
    /// `high`, `urgent`, 1 or 2.
    High,
}

impl Importance {
    /// Reads the value of Importance, Priority (RFC 2156 §5.3.4, §5.3.9) or X-Priority; `None` where
    /// it is none of their words.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let word = word(value)?;
        let is = |names: &[&str]| names.iter().any(|n| word.eq_ignore_ascii_case(n.as_bytes()));
        if is(&["high", "highest", "urgent", "1", "2"]) {
            Some(Self::High)
        } else if is(&["normal", "medium", "3"]) {
            Some(Self::Normal)
        } else if is(&["low", "lowest", "non-urgent", "4", "5"]) {
            Some(Self::Low)
        } else {
            None
        }
    }
}

/// Reads the value of MIME-Version, as in `1.0` (RFC 2045 §4).
#[must_use]
pub fn mime_version(value: &[u8]) -> Option<(u8, u8)> {
    let mut lexer = Lexer::new(value);
    let mut number = || {
        lexer.cfws();
        let digits = core::str::from_utf8(lexer.take_while(|octet| octet.is_ascii_digit())).ok()?;
        lexer.cfws();
        lexer.eat(b'.');
        digits.parse().ok()
    };
    Some((number()?, number()?))
}

/// The token at the start of a value.
fn word(value: &[u8]) -> Option<&[u8]> {
    let mut lexer = Lexer::new(value);
    lexer.cfws();
    Some(lexer.take(TOKEN)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3834 §5, RFC 2156, RFC 2045 §4.
    #[test]
    fn marks_are_read() {
        let auto = |value: &[u8]| AutoSubmitted::parse(value);
        assert_eq!(
            auto(b" (so) Auto-Replied; owner-email=\"a@x.test\""),
            Some(AutoSubmitted::Replied)
        );
        assert_eq!(auto(b"auto-notified"), Some(AutoSubmitted::Notified));
        assert_eq!(auto(b"auto-generated"), Some(AutoSubmitted::Generated));
        assert!(auto(b"x-other").unwrap().is_automatic() && !auto(b"no").unwrap().is_automatic());
        assert_eq!(auto(b"  "), None);
        assert_eq!(Importance::parse(b"1 (Highest)"), Some(Importance::High));
        assert_eq!(Importance::parse(b"Non-Urgent"), Some(Importance::Low));
        assert_eq!(Importance::parse(b"normal"), Some(Importance::Normal));
        assert_eq!(Importance::parse(b"soon"), None);
        for value in ["1.0", "1.0 (produced by MetaSend Vx.x)", "(x) 1.0", "1.(x)0"] {
            assert_eq!(mime_version(value.as_bytes()), Some((1, 0)), "{value}");
        }
        assert_eq!((mime_version(b"1"), mime_version(b"1000.0")), (None, None));
    }
}
