//! DSN: which reports about a message are wanted, RFC 3461.

use core::fmt;

use super::Xtext;

/// Octets of ENVID at most, before encoding; RFC 3461 §4.4.
pub const ENVID_OCTETS: usize = 100;
/// Octets of ORCPT at most; RFC 3461 §4.2 says 500 for the whole parameter.
pub const ORCPT_OCTETS: usize = 500;

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

    /// Parses the parameter's value: `NEVER` or a list of the others, with commas between them.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
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

/// `ORCPT=`: whom the message was first sent to, RFC 3461 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient<'i> {
    /// The kind of address: `rfc822`, or `utf-8` (RFC 6533 §3).
    pub kind: &'i str,
    /// The address in that kind's form, encoded.
    pub address: Xtext<'i>,
}

impl<'i> OriginalRecipient<'i> {
    /// Parses `kind;address`. `smtputf8`: MAIL said so, and an address of the kind `utf-8` may be what it is
    /// (RFC 6533 §3).
    #[must_use]
    pub fn parse(value: &'i [u8], smtputf8: bool) -> Option<Self> {
        if value.len() > ORCPT_OCTETS {
            return None;
        }
        let semicolon = memchr::memchr(b';', value)?;
        let (kind, address) = value.split_at_checked(semicolon)?;
        let kind = posthaste_simd::text::ascii(kind)?;
        let is_atom = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        let address = address.get(1..)?;
        let address = if smtputf8 && kind.eq_ignore_ascii_case("utf-8") {
            Xtext::parse_utf8(address)?
        } else {
            // RFC 3461 §4.2: printable ASCII.
            Xtext::parse_ascii(address)?
        };
        (!kind.is_empty() && kind.bytes().all(is_atom)).then_some(Self { kind, address })
    }
}
