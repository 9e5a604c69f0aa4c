//! Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183, RFC 2231).
//!
//! [`ContentType::parse`] and [`Disposition::parse`] read the value of a field;
//! [`Params`] walks the parameters as they stand, joins the pieces of RFC 2231 ([`Params::joined`],
//! what IMAP shows) and decodes them ([`Params::decoded`], what people read).

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{
    MIME_PARAMS, charset, encoded_word,
    lexer::{Lexer, is_blank, is_token, unescape},
};

/// A media type with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct ContentType<'a> {
    /// The type as written, as in `text`.
    pub kind: &'a [u8],
    /// The subtype as written, as in `plain`.
    pub subtype: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads the value of a Content-Type field; `None` where no `type/subtype` stands at its start.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut lexer = Lexer::new(value);
        lexer.cfws();
        let kind = lexer.take_while(is_token);
        lexer.cfws();
        if kind.is_empty() || !lexer.eat(b'/') {
            return None;
        }
        lexer.cfws();
        let subtype = lexer.take_while(is_token);
        (!subtype.is_empty()).then_some(Self { kind, subtype, params: Params(lexer.rest()) })
    }

    /// Whether it is this type and subtype, whatever the case of the letters.
    #[must_use]
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }
}

/// How a part wants to be shown (RFC 2183).
#[derive(Clone, Copy, Debug)]
pub struct Disposition<'a> {
    /// The disposition as written, as in `attachment`.
    pub kind: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Disposition<'a> {
    /// Reads the value of a Content-Disposition field; `None` where no token stands at its start.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut lexer = Lexer::new(value);
        lexer.cfws();
        let kind = lexer.take_while(is_token);
        (!kind.is_empty()).then_some(Self { kind, params: Params(lexer.rest()) })
    }
}

/// Names and values of parameters, as IMAP shows them.
pub type Parameters<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// The parameters of a field, in the text they stand in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a>(&'a [u8]);

/// A parameter as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written, with the `*` and numbers of RFC 2231.
    pub name: &'a [u8],
    /// The value as written, without the quotes around it.
    value: &'a [u8],
    quoted: bool,
}

impl<'a> Param<'a> {
    /// The value without quotes, escapes and folds.
    #[must_use]
    pub fn value(&self) -> Cow<'a, [u8]> {
        if self.quoted { unescape(self.value) } else { super::header::unfold(self.value) }
    }
}

impl<'a> Params<'a> {
    /// The parameters in `text`, which starts at a `;` or where there is none.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The parameters as they stand, the first [`MIME_PARAMS`] of them.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut lexer = Lexer::new(self.0);
        core::iter::from_fn(move || next(&mut lexer)).take(MIME_PARAMS)
    }

    /// The parameters with the pieces of RFC 2231 §3 joined, as IMAP shows them: names in full, a
    /// `*` behind the name of those whose value is still percent-encoded (`filename*`).
    #[must_use]
    pub fn joined(&self) -> Parameters<'a> {
        let mut out = Vec::new();
        let mut pieces = Vec::new();
        for param in self.iter() {
            match Piece::of(param) {
                None => out.push((Cow::Borrowed(param.name), param.value())),
                Some(piece) => pieces.push(piece),
            }
        }
        pieces.sort_by_key(|piece| (piece.name, piece.number));
        let mut rest = pieces.as_slice();
        while let Some(run) = take_run(&mut rest) {
            out.push(join(run));
        }
        out
    }

    /// The value of the parameter `name` with the pieces of RFC 2231 joined but nothing decoded;
    /// the plain form wins where both are there.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        if let Some(plain) =
            self.iter().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(plain.value());
        }
        if !self.0.contains(&b'*') {
            return None;
        }
        self.joined().into_iter().find(|(full, _)| base(full, name)).map(|(_, value)| value)
    }

    /// The value of the parameter `name` as text for people.
    ///
    /// The form of RFC 2231 wins over the plain one. Encoded words within the value, which RFC 2047
    /// §5 forbids and many mailers write, are decoded too.
    #[must_use]
    pub fn decoded(&self, name: &str) -> Option<String> {
        let mut plain = None;
        for (full, value) in self.joined() {
            if full
                .strip_suffix(b"*")
                .is_some_and(|base| base.eq_ignore_ascii_case(name.as_bytes()))
            {
                return Some(extended(&value));
            }
            if plain.is_none() && full.eq_ignore_ascii_case(name.as_bytes()) {
                plain = Some(encoded_word::decode_line(value).into_owned());
            }
        }
        plain
    }
}

/// Whether `full`, perhaps with the `*` of RFC 2231, is the parameter `name`.
fn base(full: &[u8], name: &str) -> bool {
    full.strip_suffix(b"*").unwrap_or(full).eq_ignore_ascii_case(name.as_bytes())
}

/// The next parameter. What is no parameter is passed over.
fn next<'a>(lexer: &mut Lexer<'a>) -> Option<Param<'a>> {
    loop {
        lexer.cfws();
        lexer.peek()?;
        let name = lexer.take_while(is_token);
        lexer.cfws();
        if name.is_empty() || !lexer.eat(b'=') {
            skip_to_next(lexer);
            continue;
        }
        lexer.cfws();
        if lexer.peek() == Some(b'"') {
            let value = lexer.quoted();
            lexer.cfws();
            if !starts_param(*lexer) {
                skip_to_next(lexer);
            }
            return Some(Param { name, value, quoted: true });
        }
        return Some(Param { name, value: bare_value(lexer), quoted: false });
    }
}

/// A value without quotes: to the next `;`, or to the blank before a comment or another parameter
/// (mailers forget the `;` at a fold); other blanks within are kept, as in `name=my file.txt`.
fn bare_value<'a>(lexer: &mut Lexer<'a>) -> &'a [u8] {
    let start = lexer.rest();
    let end = loop {
        lexer.take_while(|octet| octet != b';' && !is_blank(octet));
        let end = start.len() - lexer.rest().len();
        lexer.blanks();
        match lexer.peek() {
            Some(b'(') => {
                lexer.cfws();
                if !starts_param(*lexer) {
                    skip_to_next(lexer);
                }
                break end;
            }
            Some(b';') => {
                lexer.bump();
                break end;
            }
            None => break end,
            Some(_) if starts_param(*lexer) => break end,
            Some(_) => {}
        }
    };
    start.get(..end).unwrap_or_default()
}

/// Whether `name=` stands here. Looks at no more than a name may be long.
fn starts_param(mut lexer: Lexer<'_>) -> bool {
    let window = lexer.rest();
    lexer = Lexer::new(window.get(..LONGEST_NAME).unwrap_or(window));
    !lexer.take_while(is_token).is_empty() && lexer.eat(b'=')
}

/// Goes on behind the next `;` that stands in no quoted string.
fn skip_to_next(lexer: &mut Lexer<'_>) {
    loop {
        lexer.take_while(|octet| octet != b';' && octet != b'"');
        match lexer.peek() {
            Some(b'"') => _ = lexer.quoted(),
            _ => return lexer.bump(),
        }
    }
}

/// One of the pieces of a value (RFC 2231 §3, §4).
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    name: &'a [u8],
    number: u32,
    extended: bool,
    param: Param<'a>,
}

impl<'a> Piece<'a> {
    /// The piece that `param` is, if its name has the form `name*`, `name*1` or `name*1*`.
    fn of(param: Param<'a>) -> Option<Self> {
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
fn take_run<'p, 'a>(rest: &mut &'p [Piece<'a>]) -> Option<&'p [Piece<'a>]> {
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
fn join<'a>(run: &[Piece<'a>]) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
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

/// The text of an extended value: `charset'language'percent-encoded`.
fn extended(value: &[u8]) -> String {
    let mut parts = value.splitn(3, |octet| *octet == b'\'');
    let (label, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(label), Some(_), Some(text)) => (label, text),
        _ => (&b""[..], value),
    };
    charset::decode_or_guess(label, &unpercent(text)).into_owned()
}

/// Undoes percent-encoding; a `%` without two digits stands for itself.
fn unpercent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
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
    out
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

/// How long a name may be for a parameter to be seen where its `;` is missing.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    fn text(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets).into_owned()
    }

    /// The parameters of a value as `name=value`, joined and not decoded.
    fn joined(value: &str) -> Vec<String> {
        let found = ContentType::parse(value.as_bytes()).unwrap();
        found
            .params
            .joined()
            .iter()
            .map(|(name, value)| format!("{}={}", text(name), text(value)))
            .collect()
    }

    fn decoded(value: &str, name: &str) -> Option<String> {
        ContentType::parse(value.as_bytes()).unwrap().params.decoded(name)
    }

    /// RFC 2045 §5.1, RFC 2046 §5.1.1.
    #[test]
    fn types_and_parameters() {
        let found =
            ContentType::parse(b" text (a) / plain ; charset=us-ascii (Plain text)").unwrap();
        assert!(found.is("TEXT", "Plain"));
        assert_eq!(found.params.raw("CHARSET").unwrap(), &b"us-ascii"[..]);
        assert_eq!(joined("text/plain; charset=\"us-ascii\""), ["charset=us-ascii"]);
        assert_eq!(
            joined("multipart/mixed; boundary=\"gc0pJq0M:08jU534c0p\"; x=\"a\\\"; b\""),
            ["boundary=gc0pJq0M:08jU534c0p", "x=a\"; b"]
        );
        for value in ["", "text", "/plain", "text/", ";", "text plain"] {
            assert!(ContentType::parse(value.as_bytes()).is_none(), "{value}");
        }
        let shown = Disposition::parse(b"attachment; filename=genome.jpeg;\r\n modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\";").unwrap();
        assert_eq!(shown.kind, b"attachment");
        assert_eq!(
            shown.params.raw("modification-date").unwrap(),
            &b"Wed, 12 Feb 1997 16:29:51 -0500"[..]
        );
    }

    #[test]
    fn parameters_as_mailers_write_them() {
        for (value, expected) in [
            ("a/b; boundary=----=_Part_1.2", &["boundary=----=_Part_1.2"][..]),
            ("a/b; name=my file (1).txt; x=y", &["name=my file", "x=y"]),
            ("a/b; name=my file.txt ; x=y", &["name=my file.txt", "x=y"]),
            ("a/b; charset=utf-8\r\n name=\"x\"", &["charset=utf-8", "name=x"]),
            ("a/b; name=\"x\"\r\n charset=utf-8", &["name=x", "charset=utf-8"]),
            ("a/b;; ; x=", &["x="]),
            ("a/b junk; x=y", &["x=y"]),
            ("a/b; x=\"unclosed; y=z", &["x=unclosed; y=z"]),
            ("a/b; \"q;q\"; x=y", &["x=y"]),
        ] {
            assert_eq!(joined(value), expected, "{value}");
        }
    }

    /// RFC 2231 §3, §4, §4.1.
    #[test]
    fn pieces_are_joined() {
        let url = "message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"";
        assert_eq!(
            decoded(url, "url").unwrap(),
            "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"
        );
        let title = "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A";
        assert_eq!(decoded(title, "title").unwrap(), "This is ***fun***");
        assert_eq!(joined(title), ["title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"]);
        let pieces = "application/x-stuff; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"; title*0*=us-ascii'en'This%20is%20even%20more%20";
        assert_eq!(decoded(pieces, "title").unwrap(), "This is even more ***fun*** isn't it!");
        assert_eq!(joined(pieces).len(), 1);
    }

    #[test]
    fn pieces_that_are_odd() {
        // The extended form wins, whatever the order.
        assert_eq!(decoded("a/b; name*=utf-8''%C3%A9; name=e", "name").unwrap(), "\u{e9}");
        // Encoded words where none may be.
        assert_eq!(decoded("a/b; name=\"=?utf-8?q?=C3=A9?=\"", "name").unwrap(), "\u{e9}");
        // No charset, a broken escape, raw octets.
        assert_eq!(decoded("a/b; name*=%41%4", "name").unwrap(), "A%4");
        assert_eq!(decoded("a/b; name*='en", "name").unwrap(), "'en");
        assert_eq!(decoded("a/b; name=\u{e9}", "name").unwrap(), "\u{e9}");
        // A gap ends the value.
        assert_eq!(joined("a/b; n*0=a; n*2=b; *=d; n*x=e"), ["*=d", "n*x=e", "n=a", "n=b"]);
        let many = format!("a/b{}", "; x=y".repeat(MIME_PARAMS + 10));
        assert_eq!(joined(&many), vec!["x=y"; MIME_PARAMS]);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(value in "a/b[;=\"*0-2ab%'( )\r\n\\\\]{0,60}") {
            let found = ContentType::parse(value.as_bytes()).unwrap();
            let total: usize = found.params.joined().iter().map(|(_, value)| value.len()).sum();
            prop_assert!(total <= value.len() * 3);
            let _ = found.params.decoded("a");
        }
    }
}
