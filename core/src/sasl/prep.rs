//! SASLprep, RFC 4013: two ways to type a name or a password are one.
//!
//! ASCII without control characters is its own preparation, which is decided in one pass. The rest is mapped,
//! normalised (NFKC) and checked as RFC 4013 §2 says, with three differences, all towards accepting more:
//! normalisation and letters are those of today's Unicode, not of version 3.2; unassigned code
//! points are let through, as in a query string (RFC 3454 §7), for stored strings too, so that what an
//! account's owner set can be typed again; and the left-to-right characters of table D.2 are taken to be
//! all alphabetic characters that are not right-to-left.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use unicode_normalization::UnicodeNormalization;

/// A name or password that cannot be prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Left-to-right and right-to-left mixed as RFC 3454 §6 forbids.
    Direction,
    /// Nothing is left.
    Empty,
    /// Not UTF-8.
    Encoding,
    /// A prohibited character (RFC 4013 §2.3).
    Prohibited(char),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direction => f.write_str("mixes left-to-right and right-to-left text"),
            Self::Empty => f.write_str("nothing is left of it"),
            Self::Encoding => f.write_str("is not UTF-8"),
            Self::Prohibited(c) => write!(f, "holds the character U+{:04X}", u32::from(*c)),
        }
    }
}

impl core::error::Error for Unfit {}

/// Whether these octets are their own preparation: printable ASCII, and something of it.
#[must_use]
pub fn is_plain(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|octet| matches!(octet, b' '..=b'~'))
}

/// Prepares octets of a peer.
///
/// # Errors
/// [`Unfit::Encoding`], and as [`prepare`].
pub fn prepare_octets(octets: &[u8]) -> Result<Cow<'_, str>, Unfit> {
    prepare(core::str::from_utf8(octets).map_err(|_| Unfit::Encoding)?)
}

/// Prepares a name or a password (RFC 4013 §2).
///
/// ```
/// use posthaste_core::sasl::prep::prepare;
/// assert_eq!(prepare("I\u{ad}X").as_deref(), Ok("IX"));
/// ```
///
/// # Errors
/// [`Unfit`] says what is wrong with it. Nothing is kept of what it held but one character.
pub fn prepare(text: &str) -> Result<Cow<'_, str>, Unfit> {
    if is_plain(text.as_bytes()) {
        return Ok(Cow::Borrowed(text));
    }
    // RFC 4013 §2.1: spaces to SPACE, and some characters to nothing.
    let mapped = text
        .chars()
        .filter(|c| !is_mapped_to_nothing(*c))
        .map(|c| if is_other_space(c) { ' ' } else { c });
    // RFC 4013 §2.2. Room for most texts at once: a growing buffer leaves copies behind.
    let mut ready = String::with_capacity(text.len().saturating_mul(3));
    ready.extend(mapped.nfkc());
    if ready.is_empty() {
        return Err(Unfit::Empty);
    }
    if let Some(c) = ready.chars().find(|c| is_prohibited(*c)) {
        return Err(Unfit::Prohibited(c));
    }
    check_direction(&ready)?;
    Ok(Cow::Owned(ready))
}

/// RFC 3454 §6: with right-to-left text in it, no left-to-right text, and right-to-left at both ends.
fn check_direction(text: &str) -> Result<(), Unfit> {
    if !text.chars().any(is_right_to_left) {
        return Ok(());
    }
    let ends = [text.chars().next(), text.chars().next_back()];
    let framed = ends.iter().all(|end| end.is_some_and(is_right_to_left));
    let mixed = text.chars().any(|c| c.is_alphabetic() && !is_right_to_left(c));
    if framed && !mixed { Ok(()) } else { Err(Unfit::Direction) }
}

/// RFC 3454 table B.1.
const fn is_mapped_to_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
        | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// RFC 3454 table C.1.2. U+200B stands in both tables and is mapped to nothing.
const fn is_other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// RFC 4013 §2.3: the tables of RFC 3454 that it names. Surrogates (C.5) cannot be in a `char`.
const fn is_prohibited(c: char) -> bool {
    // C.1.2
    is_other_space(c)
        || matches!(c,
        // C.2.1, C.2.2: control characters.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{2028}' | '\u{2029}'
        | '\u{2061}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}'
        // C.3: private use.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}'
        // C.6, C.7: inappropriate for plain text, for canonical representation.
        | '\u{fffd}' | '\u{2ff0}'..='\u{2ffb}'
        // C.8: change display properties, deprecated.
        | '\u{340}' | '\u{341}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        // C.9: tagging.
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}'
        // C.4: not characters.
        | '\u{fdd0}'..='\u{fdef}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// RFC 3454 table D.1, by blocks.
const fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{5be}' | '\u{5c0}' | '\u{5c3}' | '\u{5d0}'..='\u{5ea}' | '\u{5f0}'..='\u{5f4}' | '\u{61b}' | '\u{61f}'
        | '\u{621}'..='\u{63a}' | '\u{640}'..='\u{64a}' | '\u{66d}'..='\u{66f}' | '\u{671}'..='\u{6d5}'
        | '\u{6dd}' | '\u{6e5}' | '\u{6e6}' | '\u{6fa}'..='\u{6fe}' | '\u{700}'..='\u{70d}' | '\u{710}'
        | '\u{712}'..='\u{72c}' | '\u{780}'..='\u{7a5}' | '\u{7b1}' | '\u{200f}' | '\u{fb1d}'
        | '\u{fb1f}'..='\u{fb28}' | '\u{fb2a}'..='\u{fb36}' | '\u{fb38}'..='\u{fb3c}' | '\u{fb3e}'
        | '\u{fb40}' | '\u{fb41}' | '\u{fb43}' | '\u{fb44}' | '\u{fb46}'..='\u{fbb1}'
        | '\u{fbd3}'..='\u{fd3d}' | '\u{fd50}'..='\u{fd8f}' | '\u{fd92}'..='\u{fdc7}' | '\u{fdf0}'..='\u{fdfc}'
        | '\u{fe70}'..='\u{fe74}' | '\u{fe76}'..='\u{fefc}')
}
