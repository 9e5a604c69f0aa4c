//! Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183, RFC 2231).
//!
//! [`ContentType::parse`] and [`Disposition::parse`] read the value of a field;
//! [`Params`] walks the parameters as they stand, joins the pieces of RFC 2231 ([`Params::joined`],
//! what IMAP shows) and decodes them ([`Params::decoded`], what people read).

use alloc::{borrow::Cow, vec::Vec};

use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

use super::{
    MIME_PARAMS, charset, encoded_word,
    lexer::{Lexer, TOKEN, is_blank, is_token, unescape},
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
        let kind = lexer.take(TOKEN);
        lexer.cfws();
        if kind.is_empty() || !lexer.eat(b'/') {
            return None;
        }
        lexer.cfws();
        let subtype = lexer.take(TOKEN);
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
        let kind = lexer.take(TOKEN);
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

    /// Whether nothing but blanks and comments stands before the first `;`, as RFC 2045 §5.1 has it;
    /// where it does not, others may read no parameter, or another type.
    pub(super) fn is_apart(&self) -> bool {
        let mut lexer = Lexer::new(self.0);
        lexer.cfws();
        matches!(lexer.peek(), None | Some(b';'))
    }

    /// Whether all of them are written as RFC 2045 §5.1 has it, but for octets that no token has:
    /// a `;` before each, quotes and comments closed, CR before LF alone. Where they are not, others
    /// may end a value elsewhere.
    pub(super) fn is_plain(&self) -> bool {
        let mut crs = memchr_iter(b'\r', self.0);
        crs.all(|at| self.0.get(at + 1) == Some(&b'\n')) && plain(Lexer::new(self.0)).is_some()
    }

    /// The parameters as they stand, the first [`MIME_PARAMS`] of them.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut lexer = Lexer::new(self.0);
        core::iter::from_fn(move || next(&mut lexer)).take(MIME_PARAMS)
    }

    /// Whether [`joined`](Self::joined) may differ from what stands there.
    pub(crate) fn may_have_pieces(&self) -> bool {
        memchr(b'*', self.0).is_some()
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
        pieces.sort_by(|a, b| {
            let folded = |piece: &Piece<'a>| piece.name.iter().map(u8::to_ascii_lowercase);
            folded(a).cmp(folded(b)).then(a.number.cmp(&b.number))
        });
        let mut rest = pieces.as_slice();
        while let Some(run) = take_run(&mut rest) {
            out.push(join(run));
        }
        out
    }

    /// Whether there are more parameters than [`MIME_PARAMS`], so that some are not looked at.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let mut lexer = Lexer::new(self.0);
        (0..=MIME_PARAMS).all(|_| next(&mut lexer).is_some())
    }

    /// The value of the parameter `name` with the pieces of RFC 2231 joined but nothing decoded;
    /// the plain form wins where both are there.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let (plain, pieces) = self.find(name);
        match plain {
            Some(plain) => Some(plain.value()),
            None => take_run(&mut pieces.as_slice()).map(|run| join(run).1),
        }
    }

    /// The value of the parameter `name` as text for people; see [`value`](Self::value).
    #[must_use]
    pub fn decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value(name).map(|value| value.text)
    }

    /// The value of the parameter `name` as text for people, and its charset and language if they
    /// are named.
    ///
    /// The form of RFC 2231 wins over the plain one. Encoded words within the value, which RFC 2047
    /// §5 forbids and many mailers write, are decoded too.
    ///
    /// ```
    /// use posthaste_core::mime::parameter::Params;
    ///
    /// let params = Params::new(b"; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A");
    /// let title = params.value("title").unwrap();
    /// assert_eq!(title.text, "This is ***fun***");
    /// assert_eq!(title.language.unwrap(), &b"en-us"[..]);
    /// ```
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value<'a>> {
        let (plain, pieces) = self.find(name);
        let run = take_run(&mut pieces.as_slice());
        if let Some(run) = run.filter(|run| run.iter().any(|piece| piece.extended)) {
            return Some(Value::extended(run));
        }
        let text = match (plain, run) {
            (Some(plain), _) => plain.value(),
            (None, Some(run)) => join(run).1,
            (None, None) => return None,
        };
        Some(Value { text: encoded_word::decode_line(text), charset: None, language: None })
    }

    /// The first plain parameter with this name, and the pieces of RFC 2231 with it, in order.
    fn find(&self, name: &str) -> (Option<Param<'a>>, Pieces<'a>) {
        let (mut plain, mut pieces) = (None, Pieces::new());
        for param in self.iter() {
            let Some(start) = param.name.get(..name.len()) else { continue };
            if !start.eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            if start.len() == param.name.len() {
                plain.get_or_insert(param);
            } else if let Some(piece) = Piece::of(param).filter(|piece| piece.name == start) {
                pieces.push(piece);
            }
        }
        pieces.sort_by_key(|piece| piece.number);
        (plain, pieces)
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
    fn extended(run: &[Piece<'a>]) -> Self {
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

/// The next parameter. What is no parameter is passed over.
fn next<'a>(lexer: &mut Lexer<'a>) -> Option<Param<'a>> {
    loop {
        lexer.cfws();
        lexer.peek()?;
        let name = lexer.take(TOKEN);
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

/// Steps over parameters up to the end; `None` where [one is not plain](Params::is_plain).
fn plain(mut lexer: Lexer<'_>) -> Option<()> {
    loop {
        closed_cfws(&mut lexer)?;
        match lexer.peek() {
            None => return Some(()),
            Some(b';') => lexer.bump(),
            Some(_) => return None,
        }
        closed_cfws(&mut lexer)?;
        if matches!(lexer.peek(), None | Some(b';')) {
            continue;
        }
        if lexer.take(TOKEN).is_empty() {
            return None;
        }
        closed_cfws(&mut lexer)?;
        lexer.eat(b'=').then_some(())?;
        closed_cfws(&mut lexer)?;
        if lexer.peek() == Some(b'"') {
            closed(&mut lexer, Lexer::quoted)?;
        } else {
            lexer.take_while(|octet| !matches!(octet, b';' | b'"' | b'(') && !is_blank(octet));
            if matches!(lexer.peek(), Some(b'"' | b'(')) {
                return None;
            }
        }
    }
}

/// Steps over blanks and comments; `None` where a comment does not end.
fn closed_cfws(lexer: &mut Lexer<'_>) -> Option<()> {
    lexer.blanks();
    while lexer.peek() == Some(b'(') {
        closed(lexer, Lexer::comment)?;
        lexer.blanks();
    }
    Some(())
}

/// Steps over what stands between two octets; `None` where the second one is missing.
fn closed<'a>(lexer: &mut Lexer<'a>, step: impl Fn(&mut Lexer<'a>) -> &'a [u8]) -> Option<()> {
    let start = lexer.rest().len();
    let inner = step(lexer).len();
    (start - lexer.rest().len() == inner + 2).then_some(())
}

/// Whether `name=` stands here. Looks at no more than a name may be long.
fn starts_param(mut lexer: Lexer<'_>) -> bool {
    let window = lexer.rest();
    lexer = Lexer::new(window.get(..LONGEST_NAME).unwrap_or(window));
    !lexer.take(TOKEN).is_empty() && lexer.eat(b'=')
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

/// The pieces of one parameter.
type Pieces<'a> = SmallVec<[Piece<'a>; 4]>;

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

/// Undoes percent-encoding; a `%` without two digits stands for itself.
pub(super) fn unpercent(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
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

/// How long a name may be for a parameter to be seen where its `;` is missing.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
        vec,
    };

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
        ContentType::parse(value.as_bytes())
            .unwrap()
            .params
            .decoded(name)
            .map(|text| text.to_string())
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
