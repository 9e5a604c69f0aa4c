//! Mailing lists and other lists in header fields: List-Id (RFC 2919), the commands of RFC 2369,
//! one-click unsubscribing (RFC 8058), and phrases between commas (Keywords, RFC 5322 §3.6.5).

use alloc::{borrow::Cow, vec::Vec};

use memchr::memchr;

use super::{
    address::phrase,
    encoded_word,
    lexer::{BLANK, Lexer, WORD, is, trim},
};

/// The addresses (URIs) in the value of List-Unsubscribe and its kin, in the order in which they
/// are to be tried (RFC 2369 §2).
///
/// They stand in angle brackets; blanks within them are taken out. In a value without any bracket,
/// what has a colon in it is taken for an address, as some mailers forget the brackets; the `NO` of
/// List-Post (RFC 2369 §3.4) gives none.
///
/// ```
/// use posthaste_core::mime::list;
///
/// let value = b" <https://example.org/out?u=1>, <mailto:leave@example.org> (by mail)";
/// let uris: Vec<_> = list::uris(value).collect();
/// assert_eq!(uris, [&b"https://example.org/out?u=1"[..], b"mailto:leave@example.org"]);
/// ```
#[must_use]
pub fn uris(value: &[u8]) -> Uris<'_> {
    Uris { lexer: Lexer::new(value), bracketed: memchr(b'<', value).is_some() }
}

/// Walks the addresses of a list's command; see [`uris`].
#[derive(Clone, Copy, Debug)]
pub struct Uris<'a> {
    lexer: Lexer<'a>,
    bracketed: bool,
}

impl<'a> Iterator for Uris<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        loop {
            self.lexer.cfws();
            let uri = match self.lexer.peek()? {
                b'<' => self.lexer.delimited(b'>'),
                b',' => {
                    self.lexer.bump();
                    continue;
                }
                _ => {
                    let word = self
                        .lexer
                        .take_while(|octet| !is(octet, BLANK) && octet != b',' && octet != b'<');
                    if self.bracketed || !word.contains(&b':') {
                        continue;
                    }
                    word
                }
            };
            let uri = without_blanks(uri);
            if !uri.is_empty() {
                return Some(uri);
            }
        }
    }
}

/// Whether the value of List-Post says that nobody may post (RFC 2369 §3.4).
#[must_use]
pub fn is_no(value: &[u8]) -> bool {
    let mut lexer = Lexer::new(value);
    lexer.cfws();
    let is_no = lexer.take(WORD).eq_ignore_ascii_case(b"no");
    lexer.cfws();
    is_no && lexer.peek().is_none()
}

/// Whether the value of List-Unsubscribe-Post lets a mail reader unsubscribe with one POST
/// (RFC 8058 §3.1).
#[must_use]
pub fn is_one_click(value: &[u8]) -> bool {
    trim(value).eq_ignore_ascii_case(b"List-Unsubscribe=One-Click")
}

/// The identity of a mailing list (RFC 2919).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListId<'a> {
    description: &'a [u8],
    id: &'a [u8],
}

impl<'a> ListId<'a> {
    /// Reads the value of List-Id: the last thing in angle brackets, or all of it if there are none.
    /// `None` where there is no identity.
    ///
    /// ```
    /// use posthaste_core::mime::list::ListId;
    ///
    /// let list = ListId::parse(b"\"Posthaste, friends\" <friends.example.org>").unwrap();
    /// assert_eq!(list.id(), &b"friends.example.org"[..]);
    /// assert_eq!(list.description().unwrap(), "Posthaste, friends");
    /// ```
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut lexer = Lexer::new(value);
        let mut found = Self { description: b"", id: value };
        loop {
            lexer.cfws();
            let before = value.len() - lexer.rest().len();
            match lexer.peek() {
                None => break,
                Some(b'"') => _ = lexer.quoted(),
                Some(b'<') => {
                    found.description = value.get(..before).unwrap_or_default();
                    found.id = lexer.delimited(b'>');
                }
                Some(octet) if is(octet, WORD) => _ = lexer.take(WORD),
                Some(_) => lexer.bump(),
            }
        }
        (!found.id().is_empty()).then_some(found)
    }

    /// The identifier, which says which list it is, in a form like that of a domain.
    #[must_use]
    pub fn id(&self) -> Cow<'a, [u8]> {
        without_blanks(self.id)
    }

    /// What people call the list.
    #[must_use]
    pub fn description(&self) -> Option<Cow<'a, str>> {
        let description = phrase(trim(self.description));
        (!description.is_empty()).then(|| encoded_word::decode_line(description))
    }
}

/// The phrases between the commas of a value, as Keywords holds them, encoded words decoded.
///
/// ```
/// use posthaste_core::mime::list;
///
/// let all: Vec<_> = list::phrases(b" mail, \"one, two\" (a pair),, =?utf-8?q?Gr=C3=BC=C3=9Fe?=").collect();
/// assert_eq!(all, ["mail", "one, two", "Gr\u{fc}\u{df}e"]);
/// ```
#[must_use]
pub const fn phrases(value: &[u8]) -> Phrases<'_> {
    Phrases { lexer: Lexer::new(value) }
}

/// Walks phrases; see [`phrases`].
#[derive(Clone, Copy, Debug)]
pub struct Phrases<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Iterator for Phrases<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        while self.lexer.peek().is_some() {
            let start = self.lexer.rest();
            loop {
                self.lexer.cfws();
                match self.lexer.peek() {
                    None | Some(b',') => break,
                    Some(b'"') => _ = self.lexer.quoted(),
                    Some(b'\\') => self.lexer.skip(2),
                    Some(_) => {
                        self.lexer.bump();
                        self.lexer.take(WORD);
                    }
                }
            }
            let text = start.get(..start.len() - self.lexer.rest().len()).unwrap_or_default();
            self.lexer.eat(b',');
            let text = phrase(trim(text));
            if !text.is_empty() {
                return Some(encoded_word::decode_line(text));
            }
        }
        None
    }
}

fn without_blanks(text: &[u8]) -> Cow<'_, [u8]> {
    let text = trim(text);
    if !text.iter().any(|octet| is(*octet, BLANK)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.iter().copied().filter(|octet| !is(*octet, BLANK)).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static str) -> Vec<Cow<'static, [u8]>> {
        uris(value.as_bytes()).collect()
    }

    /// RFC 2369 §3.
    #[test]
    fn the_examples_of_rfc_2369() {
        assert_eq!(
            read("<mailto:list@host.com?subject=help> (List Instructions)"),
            [&b"mailto:list@host.com?subject=help"[..]]
        );
        assert_eq!(
            read("<ftp://ftp.host.com/list.txt>, <mailto:list@host.com?subject=help>"),
            [&b"ftp://ftp.host.com/list.txt"[..], b"mailto:list@host.com?subject=help"]
        );
        assert_eq!(
            read(
                "(Use this command to get off the list)\r\n     <mailto:list-manager@host.com?body=unsubscribe%20list>"
            ),
            [&b"mailto:list-manager@host.com?body=unsubscribe%20list"[..]]
        );
        assert_eq!(
            read("(LIST Archive) <http://www.host.com/list/\r\n  archive/>,, <>"),
            [&b"http://www.host.com/list/archive/"[..]]
        );
        assert!(read("NO (posting not allowed on this list)").is_empty());
        assert!(is_no(b" NO (posting not allowed on this list)") && !is_no(b"<mailto:no@x.test>"));
    }

    #[test]
    fn commands_as_mailers_write_them() {
        assert_eq!(
            read("https://x.test/u, mailto:u@x.test"),
            [&b"https://x.test/u"[..], b"mailto:u@x.test"]
        );
        assert_eq!(read("<https://x.test/u"), [&b"https://x.test/u"[..]]);
        assert_eq!(read("junk https: <mailto:a>junk"), [&b"mailto:a"[..]]);
        assert!(is_one_click(b" List-Unsubscribe=One-Click\r\n"));
    }

    /// RFC 2919 §3.
    #[test]
    fn list_identities() {
        let list = |value: &'static str| {
            let list = ListId::parse(value.as_bytes())?;
            Some((list.id(), list.description()))
        };
        assert_eq!(
            list("List Header Mailing List <list-header.nisto.com>"),
            Some((b"list-header.nisto.com"[..].into(), Some("List Header Mailing List".into())))
        );
        assert_eq!(
            list("<commonspace-users.list-id.within.com>"),
            Some((b"commonspace-users.list-id.within.com"[..].into(), None))
        );
        assert_eq!(
            list("\"a <b>\" (c) <d.localhost>"),
            Some((b"d.localhost"[..].into(), Some("a <b>".into())))
        );
        assert_eq!(list("bare.example"), Some((b"bare.example"[..].into(), None)));
        assert_eq!((list(" "), list("x <>")), (None, None));
    }
}
