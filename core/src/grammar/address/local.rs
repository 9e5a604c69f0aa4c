//! Local parts, RFC 5321 §4.1.2.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::AddressError;

/// Octets of a local part at most. RFC 5321 §4.5.3.1.1 asks for 64 and for no limit where possible;
/// return addresses that name a recipient are longer.
pub const LOCAL_OCTETS: usize = 255;

/// What stands left of the `@`, as written: a dot-string or a quoted string, RFC 5321 §4.1.2, with
/// UTF-8 as RFC 6531 §3.3 adds it.
///
/// Two are equal if they mean the same: `"joe"` and `joe` do, `Joe` and `joe` do not (RFC 5321 §2.4).
#[derive(Clone, Copy)]
pub struct LocalPart<'a>(&'a str);

impl<'a> LocalPart<'a> {
    /// A dot-string in ASCII that was found to be one.
    pub(super) const fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// Checks `text`.
    ///
    /// # Errors
    /// [`AddressError::Local`] or [`AddressError::Long`].
    pub fn parse(text: &'a [u8]) -> Result<Self, AddressError> {
        if text.len() > LOCAL_OCTETS {
            return Err(AddressError::Long);
        }
        let sound = match text {
            [b'"', inner @ .., b'"'] => is_quoted_content(inner),
            _ => is_dot_string(text),
        };
        let written = core::str::from_utf8(text).map_err(|_| AddressError::Local)?;
        // Control characters above ASCII (NEL and its kin) are of no use in an address.
        if !sound || written.chars().any(char::is_control) {
            return Err(AddressError::Local);
        }
        Ok(Self(written))
    }

    /// As written, quotes and all.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it was written as a quoted string.
    #[must_use]
    pub fn is_quoted(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether only SMTPUTF8 may carry it.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        !self.0.is_ascii()
    }

    /// What it means: without quotes and backslashes.
    #[must_use]
    pub fn content(self) -> Cow<'a, str> {
        let Some(inner) = self.0.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
            return Cow::Borrowed(self.0);
        };
        if !inner.contains('\\') {
            return Cow::Borrowed(inner);
        }
        let mut escaped = false;
        let keep = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        Cow::Owned(inner.chars().filter(keep).collect())
    }

    pub(super) fn write_canonical(self, to: &mut String) {
        let content = self.content();
        if is_dot_string(content.as_bytes()) {
            to.push_str(&content);
            return;
        }
        to.push('"');
        for c in content.chars() {
            if matches!(c, '"' | '\\') {
                to.push('\\');
            }
            to.push(c);
        }
        to.push('"');
    }
}

impl PartialEq for LocalPart<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for LocalPart<'_> {}

impl Hash for LocalPart<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content().hash(state);
    }
}

impl fmt::Debug for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for LocalPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// RFC 5321 §4.1.2 `Dot-string`, with octets above ASCII.
fn is_dot_string(text: &[u8]) -> bool {
    text.split(|&c| c == b'.').all(|atom| !atom.is_empty() && atom.iter().all(|&c| is_atext(c)))
}

/// RFC 5322 §3.2.3 `atext`, with octets above ASCII.
pub(crate) const fn is_atext(c: u8) -> bool {
    matches!(c,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 128..
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?'
        | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~')
}

/// RFC 5321 §4.1.2 `*QcontentSMTP`, with octets above ASCII.
fn is_quoted_content(inner: &[u8]) -> bool {
    let mut octets = inner.iter();
    while let Some(c) = octets.next() {
        let sound = match c {
            b'\\' => matches!(octets.next(), Some(32..=126)),
            b'"' => false,
            32.. => *c != 127,
            _ => false,
        };
        if !sound {
            return false;
        }
    }
    true
}
