//! What service extensions add to MAIL and RCPT, typed.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

/// Octets of ENVID at most, before encoding; RFC 3461 §4.4.
pub const ENVID_OCTETS: usize = 100;
/// Octets of ORCPT at most; RFC 3461 §4.2 says 500 for the whole parameter.
pub const ORCPT_OCTETS: usize = 500;

/// `BODY=`: what the octets of a message may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME`, RFC 6152.
    EightBitMime,
    /// `BINARYMIME`, RFC 3030: lines mean nothing, and only BDAT can carry it.
    BinaryMime,
}

/// `RET=`: how much of the message a report about its failure carries, RFC 3461 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// `FULL`: the whole message.
    Full,
    /// `HDRS`: the header only.
    Headers,
}

/// `NOTIFY=`: when to report, RFC 3461 §4.1. No flag set means `NEVER`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notify(u8);

impl Notify {
    /// Never report.
    pub const NEVER: Self = Self(0);
    /// Report success.
    pub const SUCCESS: Self = Self(1);
    /// Report failure.
    pub const FAILURE: Self = Self(2);
    /// Report delay.
    pub const DELAY: Self = Self(4);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is asked for.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0 && (other.0 != 0 || self.0 == 0)
    }

    /// Parses `NEVER` or a list of the others.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        if value.eq_ignore_ascii_case(b"NEVER") {
            return Some(Self::NEVER);
        }
        let mut all = Self::NEVER;
        for word in value.split(|&c| c == b',') {
            let one =
                Self::NAMES.iter().find(|(_, name)| word.eq_ignore_ascii_case(name.as_bytes()));
            all = all.and(one?.0);
        }
        Some(all)
    }

    const NAMES: [(Self, &'static str); 3] =
        [(Self::SUCCESS, "SUCCESS"), (Self::FAILURE, "FAILURE"), (Self::DELAY, "DELAY")];
}

impl fmt::Display for Notify {
    /// The parameter's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("NEVER");
        }
        let mut comma = "";
        for (flag, name) in Self::NAMES {
            if self.has(flag) {
                write!(f, "{comma}{name}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notify({self})")
    }
}

/// Text in the encoding of RFC 3461 §4: well formed, decoded when asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Xtext<'i>(&'i [u8]);

impl<'i> Xtext<'i> {
    /// Checks it: printable ASCII without `+` and `=`, or `+` and two upper-case hexadecimal digits.
    #[must_use]
    pub fn parse(value: &'i [u8]) -> Option<Self> {
        let mut rest = value;
        loop {
            rest = match rest {
                [] => return Some(Self(value)),
                [b'+', high, low, rest @ ..] => {
                    hex(*high)?;
                    hex(*low)?;
                    rest
                }
                [b'+' | b'=', ..] => return None,
                [33..=126, rest @ ..] => rest,
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

/// `ORCPT=`: whom the message was first sent to, RFC 3461 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient<'i> {
    /// The kind of address: `rfc822`, or `utf-8` (RFC 6533 §3).
    pub kind: &'i str,
    /// The address in that kind's form, encoded.
    pub address: Xtext<'i>,
}

impl<'i> OriginalRecipient<'i> {
    /// Parses `kind;address`.
    #[must_use]
    pub fn parse(value: &'i [u8]) -> Option<Self> {
        if value.len() > ORCPT_OCTETS {
            return None;
        }
        let semicolon = memchr::memchr(b';', value)?;
        let (kind, address) = value.split_at_checked(semicolon)?;
        let kind = core::str::from_utf8(kind).ok()?;
        let is_atom = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        let address = Xtext::parse(address.get(1..)?)?;
        (!kind.is_empty() && kind.bytes().all(is_atom)).then_some(Self { kind, address })
    }
}

/// `AUTH=` of MAIL: who submitted the message first, RFC 4954 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Submitter<'i> {
    /// A mailbox, encoded. To be believed only from peers that are trusted.
    Named(Xtext<'i>),
    /// `<>`: nobody knows.
    Unknown,
}

impl<'i> Submitter<'i> {
    /// Parses the parameter's value.
    #[must_use]
    pub fn parse(value: &'i [u8]) -> Option<Self> {
        match value {
            b"<>" => Some(Self::Unknown),
            _ => Xtext::parse(value).filter(|name| !name.0.is_empty()).map(Self::Named),
        }
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
