//! The fields of a header block (RFC 5322 §2.2), as they stand.
//!
//! [`fields`] walks a block once and copies nothing; [`Field::unfolded`] copies only where there is
//! a fold to undo. A line that is no field and continues none is a field without a name, so that
//! nothing is lost and nothing fails.

use alloc::{borrow::Cow, vec::Vec};

use memchr::{memchr, memchr_iter};

use super::{
    encoded_word,
    lexer::{trim, trim_end},
};

mod name;

pub use name::Name;

/// The fields of `header` in order, up to its empty line or its end.
#[must_use]
pub const fn fields(header: &[u8]) -> Fields<'_> {
    Fields { rest: header }
}

/// Walks the fields of a header block; see [`fields`].
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if matches!(self.rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        let (raw, rest) = self.rest.split_at(field_end(self.rest));
        self.rest = rest;
        Some(Field::new(raw))
    }
}

/// Where the field at the start of `header` ends: behind its last line end.
fn field_end(header: &[u8]) -> usize {
    memchr_iter(b'\n', header)
        .map(|at| at + 1)
        .find(|end| !matches!(header.get(*end), Some(b' ' | b'\t')))
        .unwrap_or(header.len())
}

/// One field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    raw: &'a [u8],
    /// 0 if it has none.
    colon: u32,
    kind: Name,
}

impl<'a> Field<'a> {
    /// The field whose octets are `raw`, with or without the line end.
    #[inline]
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let (kind, colon) = name(raw).unwrap_or_default();
        Self { raw, colon: offset(colon), kind }
    }

    /// As [`new`](Self::new), for a field that a tree lists under `name`
    /// ([`structure::Field::name`](super::structure::Field::name)), which saves the search for the colon.
    #[inline]
    #[must_use]
    pub fn listed(name: Name, raw: &'a [u8]) -> Self {
        let mut colon = name.as_str().len();
        if colon == 0 || raw.get(colon) != Some(&b':') {
            colon = colon_behind_name(raw);
        }
        Self { raw, colon: offset(colon), kind: name }
    }

    /// All its octets with the line end, as they stand.
    #[inline]
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its name without the blanks that obsolete syntax allows before the colon (RFC 5322 §4.5);
    /// empty if the line is no field.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        trim_end(self.raw.get(..self.colon as usize).unwrap_or_default())
    }

    /// What stands behind the colon, folds and all, without the last line end; the whole line if
    /// it is no field.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        let start = if self.colon == 0 { 0 } else { self.colon as usize + 1 };
        let value = self.raw.get(start..).unwrap_or_default();
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        value.strip_suffix(b"\r").unwrap_or(value)
    }

    /// [`value`](Self::value) on one line: folds undone (RFC 5322 §2.2.3), blanks at both ends gone.
    #[must_use]
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        unfold(self.value())
    }

    /// The value as people read it: folds undone, encoded words decoded.
    #[must_use]
    pub fn decoded(&self) -> Cow<'a, str> {
        encoded_word::decode(self.value())
    }

    /// Which of the names that this crate knows.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Name {
        self.kind
    }

    /// Whether it has this name, whatever the case of the letters.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }
}

/// The offset of a colon as it is kept; a name of 4 GiB is none.
#[inline]
fn offset(colon: usize) -> u32 {
    u32::try_from(colon).unwrap_or_default()
}

/// The offset of the colon of the field `raw`; 0 if it does not start with a name.
fn colon_behind_name(raw: &[u8]) -> usize {
    name(raw).unwrap_or_default().1
}

/// The offset of the colon that ends the name of a field, if `raw` starts with a name.
///
/// RFC 5322 §2.2: a name is printable US-ASCII; §4.5 allows blanks behind it. Octets above 126 are
/// let through, as mail with broken names has to be shown too.
fn colon(raw: &[u8]) -> Option<usize> {
    let at = name_end(raw)?;
    let end = match raw.get(at)? {
        b':' => at,
        b' ' | b'\t' => {
            let blanks = raw.get(at..)?.iter().position(|octet| !matches!(octet, b' ' | b'\t'))?;
            at + blanks
        }
        _ => return None,
    };
    (at > 0 && raw.get(end) == Some(&b':')).then_some(end)
}

/// Which known name the field `raw` has and the offset of its colon, if it starts with a name.
#[inline]
pub(crate) fn name(raw: &[u8]) -> Option<(Name, usize)> {
    Name::split(raw).or_else(|| {
        let colon = colon(raw)?;
        Some((Name::of(trim_end(raw.get(..colon)?)), colon))
    })
}

/// Where the first colon, blank or control below it stands in `raw`.
fn name_end(raw: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    const SEVEN: u64 = 0x7f * ONES;
    let (eights, rest) = raw.as_chunks();
    for (number, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let low = word & SEVEN;
        // The high bit of each octet: above a blank, other than a colon.
        let above = low + (0x7f - b' ' as u64) * ONES;
        let no_colon = (low ^ (u64::from(b':') * ONES)) + SEVEN;
        let ends = !(above & no_colon) & !word & HIGH;
        if ends != 0 {
            return Some(number * 8 + (ends.trailing_zeros() / 8) as usize);
        }
    }
    let end = rest.iter().position(|octet| matches!(octet, b':' | 0..=b' '))?;
    Some(eights.len() * 8 + end)
}

/// `value` on one line: the line ends are taken out (RFC 5322 §2.2.3) and the blank behind each is a
/// space, as a tab was only there for the fold; the blanks at both ends go.
#[must_use]
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    unfold_inner(trim(value))
}

/// As [`unfold`], with the blanks at both ends.
pub(super) fn unfold_inner(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut end) = memchr(b'\n', value) else { return Cow::Borrowed(value) };
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        let (line, after) = rest.split_at(end);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        rest = after.get(1..).unwrap_or_default();
        rest = match rest {
            [b' ' | b'\t', rest @ ..] => {
                out.push(b' ');
                rest
            }
            [] | [b'\r' | b'\n', ..] => rest,
            rest => {
                out.push(b' ');
                rest
            }
        };
        let Some(next) = memchr(b'\n', rest) else { break };
        end = next;
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The raw fields of `header` that have one of `names` (`wanted`), or none of them (`!wanted`):
/// what RFC 9051 §6.4.5.1 calls HEADER.FIELDS and HEADER.FIELDS.NOT.
///
/// Names are compared without regard to case. The empty line that IMAP puts behind the result is
/// not among the items.
pub fn select<'a, N: AsRef<[u8]>>(
    header: &'a [u8],
    names: &[N],
    wanted: bool,
) -> impl Iterator<Item = &'a [u8]> {
    fields(header)
        .filter(move |field| names.iter().any(|name| field.is(name.as_ref())) == wanted)
        .map(|field| field.raw())
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn names(header: &[u8]) -> Vec<String> {
        fields(header).map(|field| String::from_utf8_lossy(field.name()).into_owned()).collect()
    }

    #[test]
    fn fields_as_they_stand() {
        let header =
            b"From: a\r\nSubject : x\r\n\ty\r\nno field\r\n: none\r\nTo:\r\n\r\nBody: z\r\n";
        assert_eq!(names(header), ["From", "Subject", "", "", "To"]);
        let all: Vec<Field<'_>> = fields(header).collect();
        assert_eq!(all.iter().flat_map(|field| field.raw()).count(), header.len() - 11);
        assert_eq!(all[1].value(), b" x\r\n\ty");
        assert_eq!(all[1].unfolded(), &b"x y"[..]);
        assert_eq!(all[1].kind(), Name::Subject);
        assert_eq!(all[2].value(), b"no field");
        assert!(all[4].value().is_empty() && all[4].is(b"TO"));
        assert_eq!(names(b" leading: x\r\nA: b"), ["", "A"]);
        assert_eq!(names(b"\r\nA: b"), [""; 0]);
    }

    #[test]
    fn folds_are_undone() {
        for (value, expected) in [
            (&b"  a b  "[..], &b"a b"[..]),
            (b"a\r\n b", b"a b"),
            (b"a\n\tb", b"a b"),
            (b"a \r\n  b\r\n \r\n c", b"a   b  c"),
            (b"\r\n a", b"a"),
        ] {
            assert_eq!(unfold(value), expected, "{value:?}");
        }
    }

    /// RFC 9051 §6.4.5.1: HEADER.FIELDS and HEADER.FIELDS.NOT share the fields between them.
    #[test]
    fn fields_are_selected() {
        let header = b"From: a\r\nDATE: b\r\n c\r\njunk\r\nDate: d\r\n\r\n";
        let only = |wanted| select(header, &["date", "x"], wanted).collect::<Vec<_>>().concat();
        assert_eq!(only(true), b"DATE: b\r\n c\r\nDate: d\r\n");
        assert_eq!(only(false), b"From: a\r\njunk\r\n");
    }

    #[test]
    fn every_known_name_is_found() {
        for (number, name) in (1..).zip(Name::KNOWN) {
            assert_eq!(Name::of(name.as_str().to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(Name::from_number(number), *name);
            assert_eq!(*name as u8, number);
        }
        assert_eq!(Name::of(b"Subjects"), Name::Other);
        assert_eq!(Name::from_number(200), Name::Other);
        assert!(Name::MessageId.in_envelope() && !Name::MessageId.in_body_structure());
        assert!(Name::ContentMd5.in_body_structure() && !Name::MimeVersion.in_body_structure());
        assert!(!Name::Other.in_envelope() && !Name::ContentType.in_envelope());
    }
}
