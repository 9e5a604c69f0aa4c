//! The smallest values: tags, atoms, and strings in whichever form they came.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::cursor::{ATOM, TAG, is};
use crate::text::Text;

/// What names a command, so that its reply can be told from others (RFC 9051 §2.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag<'i>(&'i [u8]);

impl<'i> Tag<'i> {
    /// Octets of a tag at most; a longer one is refused. Long enough for any client seen, short enough to be
    /// kept in a machine.
    pub const MOST: usize = 64;

    /// The tag, if it is one.
    #[must_use]
    pub fn new(octets: &'i [u8]) -> Option<Self> {
        let fits = (1..=Self::MOST).contains(&octets.len());
        (fits && octets.iter().all(|&c| is(c, TAG))).then_some(Self(octets))
    }

    /// The octets, printable ASCII.
    #[must_use]
    pub const fn as_bytes(self) -> &'i [u8] {
        self.0
    }
}

impl fmt::Debug for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Text(self.0), f)
    }
}

/// A word of the protocol. Compares without regard to case.
#[derive(Clone, Copy)]
pub struct Atom<'i>(&'i [u8]);

impl<'i> Atom<'i> {
    /// The atom, if it is one.
    #[must_use]
    pub fn new(octets: &'i [u8]) -> Option<Self> {
        (!octets.is_empty() && octets.iter().all(|&c| is(c, ATOM))).then_some(Self(octets))
    }

    /// A word of the grammar.
    pub(super) const fn of(word: &'i str) -> Self {
        Self(word.as_bytes())
    }

    /// What the cursor saw to be an atom.
    pub(super) const fn known(octets: &'i [u8]) -> Self {
        Self(octets)
    }

    /// The octets as they came, printable ASCII.
    #[must_use]
    pub const fn as_bytes(self) -> &'i [u8] {
        self.0
    }

    /// The same as text.
    #[must_use]
    pub fn as_str(self) -> &'i str {
        // An atom is ASCII.
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// Whether it is `word`, without regard to case.
    #[must_use]
    pub fn is(self, word: &str) -> bool {
        self.0.eq_ignore_ascii_case(word.as_bytes())
    }
}

impl PartialEq for Atom<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Atom<'_> {}

impl Hash for Atom<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for c in self.0 {
            state.write_u8(c.to_ascii_uppercase());
        }
    }
}

impl fmt::Display for Atom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Atom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A string that came as atom, quoted string or literal; which one means nothing. Holds no NUL.
///
/// Borrows the octets as they stood; only a quoted string with `\` in it differs from its value, and is
/// decoded when asked.
#[derive(Clone, Copy, Default)]
pub struct AString<'i> {
    octets: &'i [u8],
    escaped: bool,
}

impl<'i> AString<'i> {
    /// The string of these octets, if there is no NUL among them.
    #[must_use]
    pub fn new(octets: &'i [u8]) -> Option<Self> {
        memchr::memchr(0, octets).is_none().then_some(Self::plain(octets))
    }

    pub(super) const fn plain(octets: &'i [u8]) -> Self {
        Self { octets, escaped: false }
    }

    pub(super) const fn escaped(octets: &'i [u8]) -> Self {
        Self { octets, escaped: true }
    }

    /// The octets as they stood, and whether there are `\` in them.
    pub(super) const fn parts(self) -> (&'i [u8], bool) {
        (self.octets, self.escaped)
    }

    /// The value, if it stands in the input as it is: always, but for quoted strings with `\` in them.
    #[must_use]
    pub const fn borrowed(self) -> Option<&'i [u8]> {
        if self.escaped { None } else { Some(self.octets) }
    }

    /// The value; allocates only for quoted strings with `\` in them.
    #[must_use]
    pub fn decode(self) -> Cow<'i, [u8]> {
        if self.escaped { Cow::Owned(self.octets().collect()) } else { Cow::Borrowed(self.octets) }
    }

    /// Appends the value to `out`.
    pub fn append_to(self, out: &mut Vec<u8>) {
        if self.escaped {
            out.extend(self.octets());
        } else {
            out.extend_from_slice(self.octets);
        }
    }

    /// The octets of the value, one by one.
    pub fn octets(self) -> impl Iterator<Item = u8> + Clone + 'i {
        let escaped = self.escaped;
        // Whether the last octet was a `\` that makes the next one plain.
        let mut plain = false;
        self.octets.iter().copied().filter(move |&c| {
            plain = escaped && c == b'\\' && !plain;
            !plain
        })
    }

    /// Whether the value is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.octets.is_empty()
    }

    /// Whether the value is `word`, without regard to ASCII case.
    #[must_use]
    pub fn is(self, word: &str) -> bool {
        self.octets()
            .map(|c| c.to_ascii_uppercase())
            .eq(word.bytes().map(|c| c.to_ascii_uppercase()))
    }
}

impl PartialEq for AString<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.escaped || other.escaped {
            self.octets().eq(other.octets())
        } else {
            self.octets == other.octets
        }
    }
}

impl Eq for AString<'_> {}

impl Hash for AString<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for c in self.octets() {
            state.write_u8(c);
        }
    }
}

impl fmt::Debug for AString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Text(&self.decode()), f)
    }
}

/// A string that nobody may print: a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretString<'i>(AString<'i>);

impl<'i> SecretString<'i> {
    /// Marks a string as secret.
    #[must_use]
    pub const fn new(string: AString<'i>) -> Self {
        Self(string)
    }

    /// The string. Every use of this should be easy to defend.
    #[must_use]
    pub const fn expose(self) -> AString<'i> {
        self.0
    }
}

impl fmt::Debug for SecretString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
