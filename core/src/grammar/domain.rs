//! What stands right of the `@`: a domain name or an address literal.
//!
//! [`Host`] is what a mailbox names, [`Domain`] a domain name as written, [`DomainBuf`] its
//! canonical form (lower-case A-labels), by which names are compared and looked up.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// Octets of a domain name at most, as written; RFC 5321 §4.5.3.1.2.
pub const DOMAIN_OCTETS: usize = 255;
/// Octets of one label at most, RFC 1035 §2.3.4.
pub const LABEL_OCTETS: usize = 63;

/// What is wrong with a domain name or an address literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainError {
    /// There is none.
    Empty,
    /// A label is empty, begins or ends with a hyphen, or holds an octet that none may hold.
    Label,
    /// The square brackets do not hold an address.
    Literal,
    /// A name over 255 octets or a label over 63.
    Long,
    /// Not UTF-8, or not a name that IDNA allows.
    NotIdna,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the domain is empty",
            Self::Label => "the domain is not well formed",
            Self::Literal => "the address literal is not well formed",
            Self::Long => "the domain is too long",
            Self::NotIdna => "the domain is not a valid internationalized name",
        })
    }
}

impl core::error::Error for DomainError {}

/// A domain name as it was written: letters, digits, hyphens, dots; U-labels where they are allowed.
///
/// Underscores are let through, since hosts that greet with them are common; names are compared in
/// canonical form.
#[derive(Clone, Copy)]
pub struct Domain<'a>(&'a str);

impl<'a> Domain<'a> {
    /// Checks `text` (RFC 5321 §4.1.2 `Domain`, with U-labels as RFC 6531 §3.3 adds them).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, DomainError> {
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        if text.len() > DOMAIN_OCTETS {
            return Err(DomainError::Long);
        }
        let name = core::str::from_utf8(text).map_err(|_| DomainError::NotIdna)?;
        check_labels(name)?;
        let domain = Self(name);
        if domain.is_international() {
            // IDNA maps a wide `@` to `@` and such a blank to a blank: what comes out of it must be a name too, or
            // whoever reads the canonical form reads another address.
            check_labels(&domain.to_ascii()?)?;
        }
        Ok(domain)
    }

    /// A name that [`parse`](Self::parse) would take, as its caller has seen.
    pub(super) const fn checked(name: &'a str) -> Self {
        Self(name)
    }

    /// The name as written.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it has U-labels, so that only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        !self.0.is_ascii()
    }

    /// The canonical form: lower-case A-labels.
    #[must_use]
    pub fn to_canonical(self) -> DomainBuf {
        let name = self.canonical_text();
        DomainBuf(name.into_owned().into_boxed_str())
    }

    /// Has U-labels, or A-labels that may be written in other ways.
    fn is_international(self) -> bool {
        self.is_utf8()
            || self.0.split('.').any(|l| l.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("xn--")))
    }

    fn to_ascii(self) -> Result<Cow<'a, str>, DomainError> {
        use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
        // What labels may hold `parse` checks, before and after; lengths are those of the DNS, RFC 5890 §2.3.2.1.
        Uts46::new()
            .to_ascii(self.0.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Verify)
            .map_err(|_| DomainError::NotIdna)
    }

    fn canonical_text(self) -> Cow<'a, str> {
        // `parse` has seen that IDNA takes it; and what it would not take is its own canonical form.
        if self.is_international()
            && let Ok(name) = self.to_ascii()
        {
            return name;
        }
        if self.0.bytes().any(|c| c.is_ascii_uppercase()) {
            Cow::Owned(self.0.to_ascii_lowercase())
        } else {
            Cow::Borrowed(self.0)
        }
    }
}

/// Labels of a name: letters, digits, hyphens within, underscores, octets beyond ASCII.
fn check_labels(name: &str) -> Result<(), DomainError> {
    for label in name.as_bytes().split(|&c| c == b'.') {
        if label.len() > LABEL_OCTETS && label.is_ascii() {
            return Err(DomainError::Long);
        }
        let (Some(&first), Some(&last)) = (label.first(), label.last()) else {
            return Err(DomainError::Label);
        };
        let holds_only = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | 128..);
        if first == b'-' || last == b'-' || !label.iter().all(holds_only) {
            return Err(DomainError::Label);
        }
    }
    Ok(())
}

impl PartialEq for Domain<'_> {
    /// Equal in canonical form.
    fn eq(&self, other: &Self) -> bool {
        if self.is_international() || other.is_international() {
            return self.canonical_text() == other.canonical_text();
        }
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Domain<'_> {}

impl Hash for Domain<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical_text().hash(state);
    }
}

impl fmt::Debug for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A domain name in canonical form: lower-case A-labels. Equality is equality of names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainBuf(Box<str>);

impl DomainBuf {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, borrowed.
    #[must_use]
    pub fn as_domain(&self) -> Domain<'_> {
        Domain(&self.0)
    }
}

impl FromStr for DomainBuf {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Ok(Domain::parse(text.as_bytes())?.to_canonical())
    }
}

impl fmt::Debug for DomainBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for DomainBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mailbox or a greeting names: a domain, or an address in square brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A domain name.
    Domain(Domain<'a>),
    /// `[192.0.2.1]`.
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`.
    V6(Ipv6Addr),
    /// `[tag:content]`, a literal of a kind that is to be registered; RFC 5321 §4.1.3.
    General(&'a str),
}

impl<'a> Host<'a> {
    /// Parses either form; RFC 5321 §4.1.2 and §4.1.3.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, DomainError> {
        match text {
            [b'[', inner @ .., b']'] => Self::literal(inner).ok_or(DomainError::Literal),
            [b'[', ..] => Err(DomainError::Literal),
            _ => Domain::parse(text).map(Self::Domain),
        }
    }

    /// The domain name, if it is one.
    #[must_use]
    pub const fn domain(self) -> Option<Domain<'a>> {
        match self {
            Self::Domain(domain) => Some(domain),
            _ => None,
        }
    }

    /// Whether only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        matches!(self, Self::Domain(domain) if domain.is_utf8())
    }

    /// Appends the canonical form.
    pub(crate) fn write_canonical(self, to: &mut String) {
        use fmt::Write;
        // Writing to a string does not fail.
        let _ = match self {
            Self::Domain(domain) => to.write_str(&domain.canonical_text()),
            other => write!(to, "{other}"),
        };
    }

    fn literal(inner: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(inner).ok()?;
        let Some((tag, rest)) = text.split_once(':') else {
            return text.parse().ok().map(Self::V4);
        };
        if tag.eq_ignore_ascii_case("IPv6") {
            return rest.parse().ok().map(Self::V6);
        }
        // Standardized-tag = Ldh-str; dcontent = %d33-90 / %d94-126, but for what a path is
        // taken apart by. No kind is registered.
        let ldh = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        let sound = !tag.is_empty()
            && !tag.ends_with('-')
            && tag.bytes().all(ldh)
            && !rest.is_empty()
            && text.len() <= DOMAIN_OCTETS
            && rest
                .bytes()
                .all(|c| matches!(c, 33..=90 | 94..=126) && !matches!(c, b'"' | b'<' | b'>'));
        sound.then_some(Self::General(text))
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::V4(address) => write!(f, "[{address}]"),
            Self::V6(address) => write!(f, "[IPv6:{address}]"),
            Self::General(text) => write!(f, "[{text}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn names() {
        for good in ["a", "a.b", "A-1.x_y", "1.2.3", "b\u{fc}cher.test", "xn--bcher-kva.test"] {
            assert!(Domain::parse(good.as_bytes()).is_ok(), "{good:?}");
        }
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(63).as_str(); 5].join(".");
        for (bad, error) in [
            ("", DomainError::Empty),
            (".", DomainError::Label),
            ("a.", DomainError::Label),
            (".a", DomainError::Label),
            ("a..b", DomainError::Label),
            ("-a", DomainError::Label),
            ("a-", DomainError::Label),
            ("a b", DomainError::Label),
            ("a@b", DomainError::Label),
            ("a\0", DomainError::Label),
            (&long_label, DomainError::Long),
            (&long_name, DomainError::Long),
            ("a\u{2028}b", DomainError::NotIdna),
            ("xn--0.test", DomainError::NotIdna),
        ] {
            assert_eq!(Domain::parse(bad.as_bytes()).err(), Some(error), "{bad:?}");
        }
        assert_eq!(Domain::parse(b"\xff").err(), Some(DomainError::NotIdna));
    }

    /// IDNA maps characters to ASCII, and the canonical form of `b\u{ff20}c` was `b@c`, of `b\u{3000}c` `b c`: a name
    /// that was one when it was checked, and two things when it was compared, or sent on in `RCPT TO:<...>`.
    #[test]
    fn what_idna_makes_of_a_name_is_a_name() {
        for wide in
            "\u{ff20}\u{3000}\u{a0}\u{ff1e}\u{ff1c}\u{2100}\u{ff3b}\u{ff3d}\u{ff1a}\u{ff0c}\u{ff02}"
                .chars()
        {
            for name in [std::format!("b{wide}c.test"), std::format!("a.test{wide}xn--bcher-kva")] {
                assert!(Domain::parse(name.as_bytes()).is_err(), "{name:?}");
            }
        }
        for (name, error) in [
            ("\u{ff0d}a.test", DomainError::Label),
            ("a\u{ff0d}.test", DomainError::Label),
            ("a\u{3002}", DomainError::NotIdna),
        ] {
            assert_eq!(Domain::parse(name.as_bytes()).err(), Some(error), "{name:?}");
        }
        // Other ways to write a dot and digits are ways to write the same name.
        let canonical = |name: &str| Domain::parse(name.as_bytes()).unwrap().to_canonical();
        assert_eq!(canonical("a\u{3002}test").as_str(), "a.test");
        assert_eq!(canonical("\u{ff11}.test").as_str(), "1.test");
    }

    proptest::proptest! {
        /// The canonical form is a name, and its own canonical form.
        #[test]
        fn canonical_names_are_names(name in "([a-z0-9_-]|\\PC|[\u{ff01}-\u{ff5e}\u{2000}-\u{2fff}]){1,6}(\\.test)?") {
            if let Ok(domain) = Domain::parse(name.as_bytes()) {
                let canonical = domain.to_canonical();
                let again = Domain::parse(canonical.as_str().as_bytes());
                proptest::prop_assert!(canonical.as_str().is_ascii());
                proptest::prop_assert_eq!(again.map(Domain::to_canonical), Ok(canonical));
            }
        }
    }

    #[test]
    fn equal_in_canonical_form() {
        let canonical =
            |text: &str| Domain::parse(text.as_bytes()).unwrap().to_canonical().to_string();
        assert_eq!(canonical("EXAMPLE.Test"), "example.test");
        assert_eq!(canonical("B\u{dc}CHER.test"), "xn--bcher-kva.test");
        assert_eq!(canonical("XN--BCHER-KVA.TEST"), "xn--bcher-kva.test");
        let parse = |text: &'static str| Domain::parse(text.as_bytes()).unwrap();
        assert_eq!(parse("b\u{fc}cher.test"), parse("XN--bcher-kva.TEST"));
        assert_eq!(parse("A.test"), parse("a.TEST"));
        assert_ne!(parse("a.test"), parse("b.test"));
    }

    #[test]
    fn literals() {
        for (text, host) in [
            ("[192.0.2.1]", Host::V4(Ipv4Addr::new(192, 0, 2, 1))),
            ("[IPv6:2001:DB8::1]", Host::V6("2001:db8::1".parse().unwrap())),
            ("[ipv6:::1]", Host::V6(Ipv6Addr::LOCALHOST)),
            ("[x-y:abc!]", Host::General("x-y:abc!")),
        ] {
            assert_eq!(Host::parse(text.as_bytes()), Ok(host), "{text}");
        }
        for bad in [
            "[]",
            "[",
            "[192.0.2]",
            "[192.0.2.256]",
            "[IPv6:192.0.2.1]",
            "[IPv6:zz]",
            "[x:]",
            "[-:a]",
            "[a-:b]",
            "[x:a b]",
            "[x:a>b]",
            "[x:a<b]",
            "[x:a\"b]",
        ] {
            assert_eq!(Host::parse(bad.as_bytes()), Err(DomainError::Literal), "{bad}");
        }
        assert_eq!(Host::V6(Ipv6Addr::LOCALHOST).to_string(), "[IPv6:::1]");
    }
}
