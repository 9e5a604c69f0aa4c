//! Charsets: all of WHATWG's by their labels and by those that mail uses, UTF-7 (RFC 2152), and what
//! to make of text whose charset nobody told or somebody told wrongly.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Charset`] and the forms for whole texts: [`decode`], [`decode_or_guess`], [`guess`], [`decode_body`] |
//! | `decoder.rs` | [`Decoder`]: pieces in, UTF-8 out |
//! | `east_asian.rs` | charsets of one octet or two a character |
//! | `label.rs` | labels and the charsets they mean |
//! | `shifted.rs` | HZ and ISO-2022-KR, which WHATWG gave up |
//! | `utf7.rs` | UTF-7 |
//!
//! # What is believed
//! A label is believed, with these exceptions, each of which real mail is full of:
//! * no label, one that is not known, or one that means US-ASCII where octets above 127 stand: the
//!   text is UTF-8 if it is that, but for one broken character in four at most, else windows-1252;
//! * `utf-8` where nothing that is not ASCII is UTF-8: windows-1252;
//! * `iso-2022-jp` where octets above 127 stand, which it has not: UTF-8, EUC-JP or Shift_JIS from
//!   there on, the first of them that fits;
//! * a body that starts with the byte order mark of UTF-8 is UTF-8;
//! * `utf-16` means what the byte order mark says; without one, big endian if the first octet is 0.
//!
//! What is UTF-8 is decided in the [`WINDOW`] octets from the first one above 127 on, so that a
//! decoder has to hold no more than these.
//!
//! ```
//! use posthaste_core::mime::charset;
//!
//! assert_eq!(charset::decode(b"KOI8-R", b"\xc1"), Some("\u{430}".into()));
//! assert_eq!(charset::decode_or_guess(b"us-ascii", b"caf\xc3\xa9"), "caf\u{e9}");
//! assert_eq!(charset::guess(b"caf\xe9"), "caf\u{e9}");
//! ```

mod decoder;
mod east_asian;
mod label;
mod shifted;
mod utf7;

use alloc::{borrow::Cow, string::String};

use encoding_rs::{
    DecoderResult, EUC_JP, EUC_KR, Encoding, GBK, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16BE,
    UTF_16LE, WINDOWS_1252,
};
use memchr::memchr;
use posthaste_simd::{text, western};

pub use decoder::Decoder;

use label::Meant;
use shifted::Shifted;
use utf7::Utf7;

/// How many octets from the first one above 127 on decide whether a text is UTF-8.
pub const WINDOW: usize = 4_096;

/// A charset that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// One of WHATWG's.
    Known(&'static Encoding),
    /// HZ, the Chinese of Usenet (RFC 1843).
    Hz,
    /// ISO-2022-KR (RFC 1557).
    Iso2022Kr,
    /// UTF-7 (RFC 2152).
    Utf7,
}

impl Charset {
    /// The charset that mail means by `label`, whatever the case of its letters.
    #[must_use]
    pub fn of(label: &[u8]) -> Option<Self> {
        match Meant::of(label) {
            Meant::Ascii => Some(Self::Known(WINDOWS_1252)),
            Meant::Charset(charset) => Some(charset),
            Meant::Unknown => None,
            Meant::Utf16 => Some(Self::Known(UTF_16LE)),
        }
    }

    /// The text that `octets` are; what cannot be decoded becomes U+FFFD.
    #[must_use]
    pub fn decode(self, octets: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Known(encoding)
                if encoding.is_ascii_compatible()
                    && let Some(text) = text::ascii(octets) =>
            {
                Cow::Borrowed(text)
            }
            Self::Known(encoding) => {
                let is_utf16 = encoding == UTF_16LE || encoding == UTF_16BE;
                let (encoding, mark) = match byte_order(octets) {
                    // RFC 2781 §3.2: the mark is no part of the text.
                    marked @ (_, 1..) if is_utf16 => marked,
                    _ => (encoding, 0),
                };
                known(encoding, octets.get(mark..).unwrap_or_default())
            }
            Self::Hz | Self::Iso2022Kr => {
                let (mut shifted, mut plain) = (Shifted::new(self == Self::Hz), alloc::vec![]);
                shifted.feed(octets, &mut plain);
                shifted.finish(&mut plain);
                let encoding = if self == Self::Hz { GBK } else { EUC_KR };
                Cow::Owned(encoding.decode_without_bom_handling(&plain).0.into_owned())
            }
            Self::Utf7 => {
                let (mut decoder, mut out) = (Utf7::default(), String::with_capacity(octets.len()));
                decoder.feed(octets, &mut out);
                decoder.finish(&mut out);
                Cow::Owned(out)
            }
        }
    }

    /// Whether what an octet means depends on those before it, so that each encoded word has to be
    /// decoded by itself (RFC 2047 §3).
    #[must_use]
    pub fn is_stateful(self) -> bool {
        match self {
            Self::Known(encoding) => encoding == encoding_rs::ISO_2022_JP,
            Self::Hz | Self::Iso2022Kr | Self::Utf7 => true,
        }
    }
}

/// The text that `octets` are in the charset `label`; `None` if that is not known.
#[must_use]
pub fn decode<'a>(label: &[u8], octets: &'a [u8]) -> Option<Cow<'a, str>> {
    Charset::of(label).map(|charset| charset.decode(octets))
}

/// As [`decode`], but a label that is not known, not given or [not to be
/// believed](self#what-is-believed) leads to a guess.
#[must_use]
pub fn decode_or_guess<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    believed(Meant::of(label), octets)
}

/// The text of octets whose label means this.
fn believed(meant: Meant, octets: &[u8]) -> Cow<'_, str> {
    match meant {
        Meant::Charset(Charset::Known(encoding)) if encoding == UTF_8 => judged(octets, true),
        Meant::Charset(Charset::Known(encoding)) if encoding == ISO_2022_JP => japanese(octets),
        Meant::Charset(charset) => charset.decode(octets),
        Meant::Ascii | Meant::Unknown => judged(octets, false),
        Meant::Utf16 => {
            let (charset, mark) = byte_order(octets);
            charset.decode_without_bom_handling(octets.get(mark..).unwrap_or_default()).0
        }
    }
}

/// The text of octets whose charset nobody told: UTF-8 if they are that, else windows-1252.
#[must_use]
pub fn guess(octets: &[u8]) -> Cow<'_, str> {
    judged(octets, false)
}

/// The octets that a body of text is, as UTF-8: [`decode_or_guess`] without its byte order mark,
/// which has the last word about the charset.
#[must_use]
pub fn decode_body<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    let meant = Meant::of(label);
    match start(meant, octets, true) {
        Some(Start { mark, found: Found::Encoding(encoding) }) => {
            encoding.decode_without_bom_handling(octets.get(mark..).unwrap_or_default()).0
        }
        _ => believed(meant, octets),
    }
}

/// What the first octets of a body say of its charset.
struct Start {
    /// Octets of the byte order mark.
    mark: usize,
    found: Found,
}

enum Found {
    /// What the label said stands.
    AsLabelled,
    /// The charset is this one.
    Encoding(&'static Encoding),
}

/// Looks for a byte order mark at the start of a body; `None` if more octets have to be seen. At most
/// three are looked at.
fn start(meant: Meant, octets: &[u8], last: bool) -> Option<Start> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if octets.starts_with(MARK) {
        return Some(Start { mark: MARK.len(), found: Found::Encoding(UTF_8) });
    }
    let is_utf16 = match meant {
        Meant::Ascii | Meant::Unknown | Meant::Utf16 => true,
        Meant::Charset(charset) => {
            matches!(charset, Charset::Known(encoding) if encoding == UTF_16LE || encoding == UTF_16BE)
        }
    };
    let may_be_mark = MARK.starts_with(octets) || (is_utf16 && matches!(octets, [0xfe | 0xff]));
    if may_be_mark && !last {
        return None;
    }
    let found = match octets {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if is_utf16 => Found::Encoding(byte_order(octets).0),
        [_, ..] if meant == Meant::Utf16 => Found::Encoding(byte_order(octets).0),
        _ => return Some(Start { mark: 0, found: Found::AsLabelled }),
    };
    Some(Start { mark: byte_order(octets).1, found })
}

/// Which UTF-16 it is, and how many octets its byte order mark has.
fn byte_order(octets: &[u8]) -> (&'static Encoding, usize) {
    match octets {
        [0xff, 0xfe, ..] => (UTF_16LE, 2),
        [0xfe, 0xff, ..] => (UTF_16BE, 2),
        [0, ..] => (UTF_16BE, 0),
        _ => (UTF_16LE, 0),
    }
}

/// The text of octets that are perhaps UTF-8; `labelled` if somebody said so.
fn judged(octets: &[u8], labelled: bool) -> Cow<'_, str> {
    let error = match text::utf8(octets) {
        Ok(text) => return Cow::Borrowed(text),
        Err(error) => error,
    };
    // All before the error is UTF-8, so that only what is behind it can be in question.
    let first = octets.iter().position(|octet| !octet.is_ascii()).unwrap_or(octets.len());
    let window = octets.get(first..).unwrap_or_default();
    let whole = window.len() < WINDOW;
    let window = window.get(..WINDOW).unwrap_or(window);
    let believed = error.valid_up_to().saturating_sub(first) >= WINDOW;
    known(if believed { UTF_8 } else { judge(window, labelled, whole) }, octets)
}

/// The text that octets are in this charset, a byte order mark too.
fn known<'a>(encoding: &'static Encoding, octets: &'a [u8]) -> Cow<'a, str> {
    if encoding == WINDOWS_1252 {
        if let Some(text) = text::ascii(octets) {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        western::decode(octets, &mut out);
        return Cow::Owned(out);
    }
    match east_asian::decode(encoding, octets) {
        Some(text) => Cow::Owned(text),
        None => encoding.decode_without_bom_handling(octets).0,
    }
}

/// The text of octets that are said to be ISO-2022-JP.
fn japanese(octets: &[u8]) -> Cow<'_, str> {
    let first = Encoding::ascii_valid_up_to(octets);
    let (head, tail) = octets.split_at_checked(first).unwrap_or((octets, &[]));
    let window = tail.get(..WINDOW).unwrap_or(tail);
    let next = judge_japanese(window, tail.len() < WINDOW);
    if tail.is_empty()
        && memchr(0x1b, octets).is_some()
        && let Some(text) = east_asian::iso_2022_jp(octets)
    {
        return Cow::Owned(text);
    }
    if tail.is_empty() || next == ISO_2022_JP {
        return ISO_2022_JP.decode_without_bom_handling(octets).0;
    }
    let mut text = ISO_2022_JP.decode_without_bom_handling(head).0.into_owned();
    text.push_str(&next.decode_without_bom_handling(tail).0);
    Cow::Owned(text)
}

/// What the octets from the first one above 127 on are, if not ISO-2022-JP; `whole` if no more of the
/// text follow.
fn judge_japanese(window: &[u8], whole: bool) -> &'static Encoding {
    let fits = |encoding: &&'static Encoding| {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let room = decoder.max_utf8_buffer_length_without_replacement(window.len());
        let mut text = String::with_capacity(room.unwrap_or_default());
        let (result, _) = decoder.decode_to_string_without_replacement(window, &mut text, whole);
        matches!(result, DecoderResult::InputEmpty)
    };
    [UTF_8, EUC_JP, SHIFT_JIS].into_iter().find(fits).unwrap_or(ISO_2022_JP)
}

/// Whether the octets from the first one above 127 on are UTF-8 or windows-1252; `whole` if no more
/// of the text follow.
///
/// Other charsets hardly ever hold what UTF-8 could be, so that one of its characters is enough where a
/// label says so. Without one they must be three times as many as what is broken, such as a last
/// character that was cut.
fn judge(window: &[u8], labelled: bool, whole: bool) -> &'static Encoding {
    let leads = |text: &[u8]| text.iter().filter(|octet| **octet >= 0xc2).count();
    let (mut rest, mut valid, mut broken) = (window, 0, 0);
    while let Err(error) = core::str::from_utf8(rest) {
        let (good, bad) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        valid += leads(good);
        rest = match error.error_len() {
            // The window, or the text, ends within a character.
            None if !whole || labelled => return UTF_8,
            None => &[],
            Some(length) => bad.get(length..).unwrap_or_default(),
        };
        broken += 1;
    }
    valid += leads(rest);
    let enough = if labelled { valid > 0 } else { valid >= 3 * broken };
    if broken == 0 || enough { UTF_8 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests;
