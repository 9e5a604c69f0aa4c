//! Values that come in pieces, with their charset and language, percent-encoded (RFC 2231).

use alloc::{borrow::Cow, vec::Vec};

use memchr::memchr;
use smallvec::SmallVec;

use super::Param;
use crate::mime::{charset, lexer::is_token};

/// The pieces of one parameter.
pub(super) type Pieces<'a> = SmallVec<[Piece<'a>; 4]>;

/// One of the pieces of a value (RFC 2231 §3, §4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) name: &'a [u8],
    pub(super) number: u32,
    pub(super) extended: bool,
    param: Param<'a>,
}

impl<'a> Piece<'a> {
    /// The piece that `param` is, if its name has the form `name*`, `name*1` or `name*1*`.
    pub(super) fn of(param: Param<'a>) -> Option<Self> {
        let star = param.name.iter().position(|octet| *octet == b'*')?;
        let (name, rest) =
            param.name.split_at_checked(star).filter(|(name, _)| !name.is_empty())?;
        let rest = rest.get(1..)?;
        if rest.is_empty() {
            return Some(Self { name, number: 0, extended: true, param });
        }
        let digits = rest.strip_suffix(b"*").unwrap_or(rest);
        let number = core::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { name, number, extended: digits.len() < rest.len(), param })
    }
}

/// The pieces at the start of `rest` that follow one another.
pub(super) fn take_run<'p, 'a>(rest: &mut &'p [Piece<'a>]) -> Option<&'p [Piece<'a>]> {
    let first = rest.first()?;
    let len = rest
        .iter()
        .zip(first.number..)
        .take_while(|(piece, number)| {
            piece.number == *number && piece.name.eq_ignore_ascii_case(first.name)
        })
        .count();
    let (run, after) = rest.split_at(len.max(1));
    *rest = after;
    Some(run)
}

/// The parameter that `run` makes together.
pub(super) fn join<'a>(run: &[Piece<'a>]) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
    let name = run.first().map(|piece| piece.name).unwrap_or_default();
    let extended = run.iter().any(|piece| piece.extended);
    if let ([one], false) = (run, extended) {
        return (Cow::Borrowed(name), one.param.value());
    }
    let mut value = Vec::new();
    for piece in run {
        if extended && !piece.extended {
            escape(&piece.param.value(), &mut value);
        } else {
            value.extend_from_slice(&piece.param.value());
        }
    }
    let mut full = name.to_vec();
    if extended {
        full.push(b'*');
    }
    (Cow::Owned(full), Cow::Owned(value))
}

/// Percent-encodes what may not stand in an extended value (RFC 2231 §7).
fn escape(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in text {
        if is_token(*octet) && *octet < 0x80 && !matches!(octet, b'*' | b'\'' | b'%') {
            out.push(*octet);
        } else {
            let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
            out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
        }
    }
}

/// The value of a parameter as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// The charset that it was written in (RFC 2231 §4).
    pub charset: Option<Cow<'a, [u8]>>,
    /// The language that it is in (RFC 2231 §4, RFC 5646).
    pub language: Option<Cow<'a, [u8]>>,
}

impl<'a> Value<'a> {
    /// What `run` makes together; one piece of it at least is extended.
    pub(super) fn extended(run: &[Piece<'a>]) -> Self {
        let (mut charset, mut language) = (None, None);
        let mut octets = Cow::Borrowed(&b""[..]);
        for (at, piece) in run.iter().enumerate() {
            let mut value = piece.param.value();
            if piece.extended {
                // RFC 2231 §4.1: only the first piece names charset and language.
                if at == 0
                    && let Some([label, tongue, text]) = in_three(&value)
                {
                    (charset, language, value) = (Some(label), Some(tongue), text);
                }
                value = unpercent(value);
            }
            if octets.is_empty() {
                octets = value;
            } else {
                octets.to_mut().extend_from_slice(&value);
            }
        }
        let label = charset.as_deref().unwrap_or_default();
        let text = match octets {
            Cow::Borrowed(octets) => charset::decode_or_guess(label, octets),
            Cow::Owned(octets) => Cow::Owned(charset::decode_or_guess(label, &octets).into_owned()),
        };
        let named = |part: Option<Cow<'a, [u8]>>| part.filter(|part| !part.is_empty());
        Self { text, charset: named(charset), language: named(language) }
    }
}

/// The parts of `charset'language'text`.
fn in_three<'a>(value: &Cow<'a, [u8]>) -> Option<[Cow<'a, [u8]>; 3]> {
    let first = memchr(b'\'', value)?;
    let second = first + 1 + memchr(b'\'', value.get(first + 1..)?)?;
    let part = |range: core::ops::Range<usize>| {
        Some(match value {
            Cow::Borrowed(value) => Cow::Borrowed(value.get(range)?),
            Cow::Owned(value) => Cow::Owned(value.get(range)?.to_vec()),
        })
    };
    Some([part(0..first)?, part(first + 1..second)?, part(second + 1..value.len())?])
}

/// Undoes percent-encoding; a `%` without two digits stands for itself.
pub(in crate::mime) fn unpercent(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr(b'%', &text).is_none() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((octet, after)) = rest.split_first() {
        rest = after;
        if *octet == b'%'
            && let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(*octet);
        }
    }
    Cow::Owned(out)
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
