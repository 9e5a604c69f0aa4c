//! Message identifiers (RFC 5322 §3.6.4), obsolete and broken ones too (§4.5.4).

use alloc::borrow::Cow;

use memchr::memchr;
use posthaste_simd::octets::Set;

use super::{
    header::unfold,
    lexer::{BLANK, Lexer, Stops, run, trim, trim_start},
};

/// What ends an identifier, or makes it an odd one.
static ENDS: Set = Set::of(b"> \t\r\n");

/// The identifiers in the value of Message-ID, In-Reply-To or References, without their angle
/// brackets.
///
/// What stands between them is passed over, as old In-Reply-To fields hold phrases; a value without
/// any bracket is one identifier. What is within brackets stays as it is, but on one line.
///
/// ```
/// use posthaste_core::mime::message_id::message_ids;
///
/// let ids: Vec<_> = message_ids(b"<1@example.org>\r\n <2@example.org>").collect();
/// assert_eq!(ids, [&b"1@example.org"[..], b"2@example.org"]);
/// ```
#[must_use]
pub fn message_ids(value: &[u8]) -> MessageIds<'_> {
    MessageIds { rest: value, may_be_bare: true }
}

/// Walks message identifiers; see [`message_ids`].
#[derive(Clone, Copy, Debug)]
pub struct MessageIds<'a> {
    rest: &'a [u8],
    /// Whether nothing has been read yet.
    may_be_bare: bool,
}

impl<'a> Iterator for MessageIds<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        // Nearly all are so: nothing but blanks before the bracket, and none in it.
        if let Some(inner @ [first, ..]) = trim_start(self.rest).strip_prefix(b"<")
            && !matches!(first, b'"' | b'>')
        {
            let end = Stops::new(inner, &ENDS).next(0);
            if inner.get(end) == Some(&b'>') {
                self.may_be_bare = false;
                let (id, rest) = inner.split_at(end);
                self.rest = rest.get(1..).unwrap_or_default();
                return Some(Cow::Borrowed(id));
            }
        }
        self.odd()
    }
}

impl<'a> MessageIds<'a> {
    /// The next identifier, whatever stands before it and in it.
    fn odd(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.rest.is_empty() {
            return None;
        }
        loop {
            let Some(start) = memchr(b'<', self.rest) else {
                let bare = trim(self.rest);
                self.rest = &[];
                return (self.may_be_bare && !bare.is_empty()).then(|| unfold(bare));
            };
            self.may_be_bare = false;
            let inner = self.rest.get(start + 1..).unwrap_or_default();
            let Some(end) = end(inner) else {
                self.rest = &[];
                return None;
            };
            self.rest = inner.get(end + 1..).unwrap_or_default();
            let id = trim(inner.get(..end).unwrap_or_default());
            if !id.is_empty() {
                return Some(unfold(id));
            }
        }
    }
}

/// Where the `>` stands that ends the identifier at the start of `inner`: not within the quoted
/// string that an obsolete one may start with.
fn end(inner: &[u8]) -> Option<usize> {
    let start = run(inner, 0, BLANK);
    if inner.get(start) == Some(&b'"') {
        let mut lexer = Lexer::new(inner);
        lexer.skip(start);
        lexer.quoted();
        let quoted = inner.len() - lexer.rest().len();
        if let Some(end) = memchr(b'>', lexer.rest()) {
            return Some(quoted + end);
        }
    }
    memchr(b'>', inner)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn identifiers_are_found() {
        let ids = |value: &'static [u8]| message_ids(value).collect::<Vec<_>>();
        assert_eq!(ids(b" <a@b>\r\n <c@d> "), [&b"a@b"[..], b"c@d"]);
        assert_eq!(ids(b"<a@b><c@d>,<e@f>"), [&b"a@b"[..], b"c@d", b"e@f"]);
        assert_eq!(ids(b"your mail of Monday <a@b>, <>"), [&b"a@b"[..]]);
        assert_eq!(ids(b" a@b "), [&b"a@b"[..]]);
        assert_eq!(ids(b" <a@b"), [&b""[..]; 0]);
        assert_eq!(ids(b""), [&b""[..]; 0]);
        assert_eq!(ids(b"<a\r\n @b> tail"), [&b"a @b"[..]]);
    }

    /// RFC 5322 §4.5.4, and the identifier of appendix A.5.
    #[test]
    fn obsolete_identifiers() {
        let ids = |value: &'static [u8]| message_ids(value).collect::<Vec<_>>();
        assert_eq!(ids(b"<\"a > b\"@c.test>"), [&b"\"a > b\"@c.test"[..]]);
        assert_eq!(ids(b"<\"a > b@c.test"), [&b"\"a"[..]]);
        assert_eq!(
            ids(b"<1234   @   local(blah)  .machine .example>"),
            [&b"1234   @   local(blah)  .machine .example"[..]]
        );
    }
}
