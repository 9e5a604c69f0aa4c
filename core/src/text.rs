//! Bytes of the peer as events show them: readable, or secret.

use core::fmt;

use zeroize::Zeroizing;

/// Octets that the peer sent, meant to be read by people: prints as text with the rest escaped.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'i>(pub &'i [u8]);

impl<'i> Text<'i> {
    /// The octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'i [u8] {
        self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn to_str(self) -> Option<&'i str> {
        core::str::from_utf8(self.0).ok()
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'i> From<&'i [u8]> for Text<'i> {
    fn from(octets: &'i [u8]) -> Self {
        Self(octets)
    }
}

impl<'i> From<&'i str> for Text<'i> {
    fn from(text: &'i str) -> Self {
        Self(text.as_bytes())
    }
}

impl fmt::Display for Text<'_> {
    /// The text with control characters and what is not UTF-8 as `\xNN`, so that it stays on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    fmt::Write::write_char(f, c)?;
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Octets that the peer sent and nobody may print: passwords, tokens.
#[derive(Clone, Copy)]
pub struct Secret<'i>(&'i [u8]);

impl<'i> Secret<'i> {
    /// Marks octets as secret.
    #[must_use]
    pub const fn new(octets: &'i [u8]) -> Self {
        Self(octets)
    }

    /// The octets. Every use of this should be easy to defend.
    #[must_use]
    pub const fn expose(self) -> &'i [u8] {
        self.0
    }

    /// A copy that is wiped when dropped, to take to another thread.
    #[must_use]
    pub fn to_owned(self) -> OwnedSecret {
        OwnedSecret(Zeroizing::new(self.0.into()))
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A [`Secret`] that owns its octets and wipes them when dropped.
#[derive(Clone)]
pub struct OwnedSecret(Zeroizing<alloc::vec::Vec<u8>>);

impl OwnedSecret {
    /// Marks owned octets as secret.
    #[must_use]
    pub fn new(octets: alloc::vec::Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for OwnedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
