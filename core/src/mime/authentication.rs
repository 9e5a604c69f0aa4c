//! Authentication-Results and ARC-Authentication-Results: what a server found out about who sent a
//! message (RFC 8601, RFC 8617 §4.1.1).
//!
//! ```
//! use posthaste_core::mime::authentication::AuthenticationResults;
//!
//! let found = AuthenticationResults::parse(
//!     b"mx.example.net 1; spf=pass smtp.mailfrom=a@example.org;\r\n\
//!       \tdkim=fail (bad hash) reason=\"body changed\" header.d=example.org",
//! );
//! assert_eq!(found.server().unwrap(), &b"mx.example.net"[..]);
//! let dkim = found.method("dkim").unwrap();
//! assert_eq!(dkim.result, b"fail");
//! assert_eq!(dkim.reason().unwrap(), &b"body changed"[..]);
//! assert_eq!(dkim.property("header", "d").unwrap(), &b"example.org"[..]);
//! ```
//!
//! Whether the field can be believed is not told by it: whoever reads it must know the server's
//! name and that fields with that name from outside were taken out (RFC 8601 §5).

use alloc::borrow::Cow;

use super::lexer::{BLANK, Lexer, TOKEN, is, unescape};

/// What one server found out. It holds slices of the value of the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationResults<'a> {
    instance: Option<u32>,
    server: Word<'a>,
    version: &'a [u8],
    results: &'a [u8],
}

impl<'a> AuthenticationResults<'a> {
    /// Reads the value of the field. There is always a reading; what is missing is missing.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        let mut lexer = Lexer::new(value);
        let mut found = Self::default();
        let mut ahead = lexer;
        // RFC 8617 §4.1.1: the instance of an ARC set comes first.
        if ahead.word().is("i") && ahead.eat_between(b'=') {
            let number = ahead.word();
            found.instance = core::str::from_utf8(number.text).ok().and_then(|i| i.parse().ok());
            skip_result(&mut ahead);
            lexer = ahead;
        }
        let mut ahead = lexer;
        let server = ahead.word();
        ahead.cfws();
        // Some servers leave their name out.
        if !server.text.is_empty() && ahead.peek() != Some(b'=') {
            found.server = server;
            found.version = ahead.take(TOKEN);
            skip_result(&mut ahead);
            lexer = ahead;
        }
        found.results = lexer.rest();
        found
    }

    /// Which set of ARC fields it belongs to; `None` in Authentication-Results.
    #[must_use]
    pub const fn instance(&self) -> Option<u32> {
        self.instance
    }

    /// The name of the server, the authserv-id (RFC 8601 §2.5).
    #[must_use]
    pub fn server(&self) -> Option<Cow<'a, [u8]>> {
        (!self.server.text.is_empty()).then(|| self.server.value())
    }

    /// The version of the field as written; 1 if none is.
    #[must_use]
    pub fn version(&self) -> &'a [u8] {
        if self.version.is_empty() { b"1" } else { self.version }
    }

    /// The results in order. None if the server did no check.
    #[must_use]
    pub const fn results(&self) -> Results<'a> {
        Results { lexer: Lexer::new(self.results) }
    }

    /// The first result of the method `name`, whatever the case of its letters.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Outcome<'a>> {
        self.results().find(|result| result.method.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Walks the results of the methods; see [`AuthenticationResults::results`].
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Iterator for Results<'a> {
    type Item = Outcome<'a>;

    fn next(&mut self) -> Option<Outcome<'a>> {
        loop {
            self.lexer.cfws();
            self.lexer.peek()?;
            let text = skip_result(&mut self.lexer);
            if let Some(outcome) = Outcome::parse(text) {
                return Some(outcome);
            }
        }
    }
}

/// The result of one method (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The method, as in `dkim`.
    pub method: &'a [u8],
    /// The version of the method, if one is given.
    pub version: Option<&'a [u8]>,
    /// The result, as in `pass`.
    pub result: &'a [u8],
    /// What stands behind the result.
    rest: &'a [u8],
}

impl<'a> Outcome<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let mut lexer = Lexer::new(text);
        lexer.cfws();
        let method = lexer.take(TOKEN);
        let version = lexer.eat_between(b'/').then(|| lexer.take(TOKEN));
        if method.is_empty() || !lexer.eat_between(b'=') {
            return None;
        }
        Some(Self { method, version, result: lexer.take(TOKEN), rest: lexer.rest() })
    }

    /// Whether the result is this one, whatever the case of its letters.
    #[must_use]
    pub fn is(&self, result: &str) -> bool {
        self.result.eq_ignore_ascii_case(result.as_bytes())
    }

    /// Why it is so.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'a, [u8]>> {
        self.entries().find(|entry| entry.kind.is_empty() && entry.is("reason")).map(|e| e.value())
    }

    /// What the result was found out from, in order.
    pub fn properties(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        self.entries().filter(|entry| !entry.kind.is_empty())
    }

    /// The value of the first property with this type and name, such as `header` and `d`.
    #[must_use]
    pub fn property(&self, kind: &str, name: &str) -> Option<Cow<'a, [u8]>> {
        let is_kind = |found: &[u8]| found.eq_ignore_ascii_case(kind.as_bytes());
        self.properties().find(|entry| is_kind(entry.kind) && entry.is(name)).map(|e| e.value())
    }

    fn entries(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let mut lexer = Lexer::new(self.rest);
        core::iter::from_fn(move || {
            loop {
                lexer.cfws();
                lexer.peek()?;
                // The names are tokens with a dot between them.
                let first = lexer.take(TOKEN);
                let spaced = lexer.eat_between(b'.').then(|| lexer.take(TOKEN));
                if first.is_empty() || !lexer.eat_between(b'=') {
                    if first.is_empty() {
                        lexer.word();
                        lexer.eat(b'=');
                    }
                    continue;
                }
                let dot = first.iter().position(|octet| *octet == b'.');
                let (kind, name) = match (spaced, dot) {
                    (Some(name), _) => (first, name),
                    (None, Some(dot)) => {
                        let (kind, name) = first.split_at(dot);
                        (kind, name.get(1..).unwrap_or_default())
                    }
                    (None, None) => (&b""[..], first),
                };
                return Some(Property { kind, name, value: lexer.word() });
            }
        })
    }
}

/// What a result was found out from: a part of the message or of the session (RFC 8601 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// Its type, as in `header` or `smtp`.
    pub kind: &'a [u8],
    /// Its name, as in `d` or `mailfrom`.
    pub name: &'a [u8],
    value: Word<'a>,
}

impl<'a> Property<'a> {
    /// Its value without quotes.
    #[must_use]
    pub fn value(&self) -> Cow<'a, [u8]> {
        self.value.value()
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A word, in quotes or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Word<'a> {
    text: &'a [u8],
    quoted: bool,
}

impl<'a> Word<'a> {
    fn value(&self) -> Cow<'a, [u8]> {
        if self.quoted { unescape(self.text) } else { Cow::Borrowed(self.text) }
    }

    fn is(&self, text: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(text.as_bytes())
    }
}

impl<'a> Lexer<'a> {
    /// The word that comes next: a quoted string, or what stands before a blank, a comment, `;` or
    /// `=`.
    fn word(&mut self) -> Word<'a> {
        self.cfws();
        if self.peek() == Some(b'"') {
            return Word { text: self.quoted(), quoted: true };
        }
        let ends = |octet: u8| is(octet, BLANK) || matches!(octet, b'(' | b';' | b'=' | b'"');
        Word { text: self.take_while(|octet| !ends(octet)), quoted: false }
    }

    /// Steps over `octet` and the blanks and comments around it, if it comes next.
    fn eat_between(&mut self, octet: u8) -> bool {
        let mut ahead = *self;
        ahead.cfws();
        if !ahead.eat(octet) {
            return false;
        }
        ahead.cfws();
        *self = ahead;
        true
    }
}

/// Goes on behind the next `;` that stands in no comment or quoted string; what stands before it.
fn skip_result<'a>(lexer: &mut Lexer<'a>) -> &'a [u8] {
    let start = lexer.rest();
    loop {
        lexer.cfws();
        let len = start.len() - lexer.rest().len();
        match lexer.peek() {
            Some(b'"') => _ = lexer.quoted(),
            Some(b';') | None => {
                lexer.bump();
                return start.get(..len).unwrap_or_default();
            }
            Some(_) => {
                lexer.bump();
                lexer.take(TOKEN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    use super::*;

    fn text(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets).into_owned()
    }

    /// As `server: method/version=result reason kind.name=value ...`, one line a result.
    fn read(value: &str) -> Vec<String> {
        let found = AuthenticationResults::parse(value.as_bytes());
        let server = found.server().map_or("-".to_string(), |server| text(&server));
        let mut lines = Vec::from([format!("{server} {}", text(found.version()))]);
        for outcome in found.results() {
            let version = outcome.version.map_or(String::new(), |v| format!("/{}", text(v)));
            let mut line = format!("{}{version}={}", text(outcome.method), text(outcome.result));
            if let Some(reason) = outcome.reason() {
                line += &format!(" '{}'", text(&reason));
            }
            for property in outcome.properties() {
                let (kind, name) = (text(property.kind), text(property.name));
                line += &format!(" {kind}.{name}={}", text(&property.value()));
            }
            lines.push(line);
        }
        lines
    }

    /// RFC 8601, appendix B.
    #[test]
    fn the_examples_of_rfc_8601() {
        for (value, expected) in [
            ("example.org 1; none", &["example.org 1"][..]),
            (
                "example.com;\r\n          spf=pass smtp.mailfrom=example.net",
                &["example.com 1", "spf=pass smtp.mailfrom=example.net"],
            ),
            (
                "example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n          spf=pass smtp.mailfrom=example.net",
                &[
                    "example.com 1",
                    "auth=pass smtp.auth=sender@example.net",
                    "spf=pass smtp.mailfrom=example.net",
                ],
            ),
            (
                "example.com;\r\n          dkim=pass reason=\"good signature\"\r\n            header.i=@mail-router.example.net;\r\n          dkim=fail reason=\"bad signature\"\r\n            header.i=@newyork.example.com",
                &[
                    "example.com 1",
                    "dkim=pass 'good signature' header.i=@mail-router.example.net",
                    "dkim=fail 'bad signature' header.i=@newyork.example.com",
                ],
            ),
            (
                "foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n      policy (A dot can go here) . (like that) expired\r\n      (this surprised me) = (as I wasn't expecting it) 1362471462",
                &["foo.example.net 1", "dkim/1=fail policy.expired=1362471462"],
            ),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn results_as_servers_write_them() {
        for (value, expected) in [
            (
                "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed) header.d=none;dmarc=pass action=none header.from=example.org;",
                &[
                    "- 1",
                    "spf=pass smtp.mailfrom=example.org",
                    "dkim=none header.d=none",
                    "dmarc=pass header.from=example.org",
                ][..],
            ),
            (
                "mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=s1 header.b=\"a/b+c=\";\r\n       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.org",
                &[
                    "mx.google.com 1",
                    "dkim=pass header.i=@example.org header.s=s1 header.b=a/b+c=",
                    "dmarc=pass header.from=example.org",
                ],
            ),
            ("\"a b\"; x=y z.\"q\"=1; =;;; spf", &["a b 1", "x=y"]),
            ("", &["- 1"]),
            (";", &["- 1"]),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
        let sealed = AuthenticationResults::parse(b"i=2; mx.example.net; arc=none");
        assert_eq!(sealed.instance(), Some(2));
        assert_eq!(sealed.server().unwrap(), &b"mx.example.net"[..]);
        assert!(sealed.method("ARC").unwrap().is("None"));
    }
}
