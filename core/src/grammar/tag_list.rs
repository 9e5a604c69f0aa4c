//! Tag lists, `name=value; name=value` (RFC 6376 §3.2): what DKIM-Signature, the ARC fields and key
//! records are made of.

use alloc::{borrow::Cow, vec::Vec};

use memchr::memchr;
use smallvec::SmallVec;

/// A tag list in the text it stands in. Nothing is read before it is asked for.
///
/// ```
/// use posthaste_core::grammar::tag_list::TagList;
///
/// let list = TagList::new(b" v=1; d=example.org; b=dzdVy\r\n\t OfAK;");
/// assert!(list.is_valid());
/// assert_eq!(list.get("d").unwrap(), b"example.org");
/// assert_eq!(list.tag("b").unwrap().compact(), &b"dzdVyOfAK"[..]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagList<'a>(&'a [u8]);

impl<'a> TagList<'a> {
    /// The tag list `text`, such as the value of a field.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// Its tags in order; what is no tag is passed over.
    #[must_use]
    pub const fn iter(&self) -> Tags<'a> {
        Tags { rest: Some(self.0) }
    }

    /// The first tag with this name; the case of letters matters (RFC 6376 §3.2).
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<Tag<'a>> {
        self.iter().find(|tag| tag.name == name.as_bytes())
    }

    /// The value of the first tag with this name, without the blanks around it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.tag(name).map(|tag| tag.value)
    }

    /// Whether it follows the grammar, as signatures have to: names that are names, values without
    /// other octets than the RFC lets through, no name twice, no more than [`MOST_TAGS`] tags.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let mut names: SmallVec<[&[u8]; 16]> = SmallVec::new();
        let mut rest = Some(self.0);
        while let Some(spec) = next(&mut rest) {
            // One `;` may stand behind the last tag.
            if rest.is_none() && spec.trim_ascii().is_empty() && !names.is_empty() {
                return true;
            }
            let Some(tag) = Tag::parse(spec) else { return false };
            let is_new = names.len() < MOST_TAGS && !names.contains(&tag.name);
            if !is_new || !tag.value.iter().all(|octet| is_value(*octet)) {
                return false;
            }
            names.push(tag.name);
        }
        true
    }
}

/// Walks the tags of a list; see [`TagList::iter`].
#[derive(Clone, Copy, Debug)]
pub struct Tags<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            if let Some(tag) = Tag::parse(next(&mut self.rest)?) {
                return Some(tag);
            }
        }
    }
}

/// A tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value as it stands, without the blanks and folds around it.
    pub value: &'a [u8],
}

impl<'a> Tag<'a> {
    fn parse(spec: &'a [u8]) -> Option<Self> {
        let (name, value) = spec.split_at(memchr(b'=', spec)?);
        let name = name.trim_ascii();
        let is_name = name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_');
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        is_name.then_some(Self { name, value })
    }

    /// Its value without any blank or fold in it, as base64 and lists are read.
    #[must_use]
    pub fn compact(&self) -> Cow<'a, [u8]> {
        if !self.value.iter().any(u8::is_ascii_whitespace) {
            return Cow::Borrowed(self.value);
        }
        let kept = self.value.iter().copied().filter(|octet| !octet.is_ascii_whitespace());
        Cow::Owned(kept.collect::<Vec<u8>>())
    }

    /// The items of its value between colons, as in `h=from:to:subject`.
    pub fn items(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.value.split(|octet| *octet == b':').map(<[u8]>::trim_ascii)
    }
}

/// What stands before the next `;`.
fn next<'a>(rest: &mut Option<&'a [u8]>) -> Option<&'a [u8]> {
    let text = (*rest)?;
    let end = memchr(b';', text);
    *rest = end.and_then(|end| text.get(end + 1..));
    text.get(..end.unwrap_or(text.len()))
}

/// VALCHAR, and the blanks and folds between them (RFC 6376 §3.2).
const fn is_value(octet: u8) -> bool {
    matches!(octet, b'!'..=b':' | b'<'..=b'~' | b' ' | b'\t' | b'\r' | b'\n')
}

/// How many tags a list may have; the RFCs name fewer than 20.
pub const MOST_TAGS: usize = 100;

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    /// RFC 6376 §3.5.
    #[test]
    fn the_signature_of_rfc_6376() {
        let list = TagList::new(
            b" v=1; a=rsa-sha256; d=example.net; s=brisbane;\r\n\
              \x20  c=simple; q=dns/txt; i=@eng.example.net;\r\n\
              \x20  t=1117574938; x=1118006938;\r\n\
              \x20  h=from:to:subject:date;\r\n\
              \x20  z=From:foo@eng.example.net|To:joe@example.com|\r\n\
              \x20    Subject:demo=20run|Date:July=205,=202005=203:44:08=20PM=20-0700;\r\n\
              \x20  bh=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=;\r\n\
              \x20  b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZ\r\n\
              \x20           VoG4ZHRNiYzR",
        );
        assert!(list.is_valid());
        assert_eq!(list.iter().count(), 13);
        assert_eq!(list.get("s").unwrap(), b"brisbane");
        let signed: Vec<_> = list.tag("h").unwrap().items().collect();
        assert_eq!(signed, [&b"from"[..], b"to", b"subject", b"date"]);
        assert_eq!(
            list.tag("b").unwrap().compact(),
            &b"dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR"[..]
        );
        assert_eq!(list.get("S"), None);
    }

    #[test]
    fn lists_that_are_odd() {
        for (text, tags, valid) in [
            ("a=1;b=2;", 2, true),
            ("a=", 1, true),
            (" a = 1 ; b\r\n =\r\n 2 ", 2, true),
            ("", 0, false),
            (";", 0, false),
            ("a=1;;b=2", 2, false),
            ("a=1; a=2", 2, false),
            ("a=1; 2=b", 1, false),
            ("a=1; b", 1, false),
            ("a=\x01", 1, false),
            ("a=\u{e9}", 1, false),
        ] {
            let list = TagList::new(text.as_bytes());
            assert_eq!(list.iter().count(), tags, "{text}");
            assert_eq!(list.is_valid(), valid, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tags in prop::collection::btree_map("[a-z][a-z0-9_]{0,5}", "([!-:<-~]([ !-:<-~]{0,8}[!-:<-~])?)?", 1..8)) {
            let text: Vec<String> = tags.iter().map(|(name, value)| alloc::format!(" {name}={value}")).collect();
            let text = text.join(";\r\n");
            let list = TagList::new(text.as_bytes());
            prop_assert!(list.is_valid());
            prop_assert_eq!(list.iter().count(), tags.len());
            for (name, value) in &tags {
                prop_assert_eq!(list.get(name), Some(value.as_bytes()));
            }
        }
    }
}
