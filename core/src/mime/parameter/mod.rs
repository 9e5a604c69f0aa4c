//! Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183, RFC 2231).
//!
//! [`ContentType::parse`] and [`Disposition::parse`] read the value of a field;
//! [`Params`] walks the parameters as they stand, joins the pieces of RFC 2231 ([`Params::joined`],
//! what IMAP shows) and decodes them ([`Params::decoded`], what people read).
//!
//! | file | holds |
//! |---|---|
//! | here | the types and what they are asked for |
//! | `walk.rs` | the walk over parameters as they stand |
//! | `pieces.rs` | values in pieces, percent-encoded |

mod pieces;
mod walk;

use alloc::{borrow::Cow, vec::Vec};

use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

use self::{
    pieces::{Piece, Pieces, join, take_run},
    walk::{next, plain},
};
use super::{
    MIME_PARAMS, encoded_word,
    lexer::{Lexer, NO_TOKEN, Stops, TOKEN, unescape},
};

pub use self::pieces::Value;
pub(crate) use self::pieces::hex;
pub(super) use self::pieces::unpercent;

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
        // As nearly all are written.
        let text = lexer.rest();
        let mut stops = Stops::new(text, &NO_TOKEN);
        let slash = stops.next(0);
        if slash > 0 && text.get(slash) == Some(&b'/') {
            let end = stops.next(slash + 1);
            if end > slash + 1 {
                let (kind, subtype) = (text.get(..slash)?, text.get(slash + 1..end)?);
                return Some(Self { kind, subtype, params: Params(text.get(end..)?) });
            }
        }
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
pub type Parameters<'a> = SmallVec<[(Cow<'a, [u8]>, Cow<'a, [u8]>); 3]>;

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
        self.has_no_bare_cr() && plain(Lexer::new(self.0)).is_some()
    }

    fn has_no_bare_cr(&self) -> bool {
        memchr_iter(b'\r', self.0).all(|at| self.0.get(at + 1) == Some(&b'\n'))
    }

    /// The value of the one parameter whose name starts with `name`, where nothing has to be undone
    /// in it, and all of them are [apart](Self::is_apart), [plain](Self::is_plain) and without
    /// comments: the short way of nearly all multiparts.
    pub(super) fn only(&self, name: &str) -> Option<&'a [u8]> {
        walk::only(self.0, name).filter(|_| self.has_no_bare_cr())
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
        let mut out = Parameters::new();
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

#[cfg(test)]
mod tests;
