//! What a header can hold, as types that can hold nothing else.
//!
//! No value of any of these types has a CR, a LF or a NUL in it: they are refused when the value is
//! made, with an error that names the character and its place. What else a header cannot hold as it
//! is (other control characters, characters outside ASCII) is encoded when it is written.

use alloc::{borrow::Cow, format, vec::Vec};

use super::error::{Fault, Unfit};
use crate::grammar::address::{self, is_atext};
use crate::mime::lexer::is_token;

/// Octets of the name of a field at most, so that the name and its colon fit into a line.
pub const NAME_OCTETS: usize = 76;
/// Octets of an unstructured value or a display name at most.
pub const TEXT_OCTETS: usize = 16 << 10;
/// Octets of the value of a parameter at most: it stays below `MIME_PARAMS` pieces.
pub const PARAMETER_OCTETS: usize = 2_000;
/// Octets of a message identifier at most: it has to fit into a line (RFC 5322 §2.1.1).
pub const ID_OCTETS: usize = 900;

/// The name of a field: printable ASCII without a colon (RFC 5322 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName<'a>(Cow<'a, str>);

impl<'a> FieldName<'a> {
    /// Checks `name`.
    ///
    /// # Errors
    /// A character that no name may hold; no character, or more than [`NAME_OCTETS`]; the name of a
    /// field that the builder writes by itself: `MIME-Version`, `Content-Type`,
    /// `Content-Disposition` and `Content-Transfer-Encoding`.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let name = name.into();
        let fits = |c: char| c.is_ascii_graphic() && c != ':';
        check("field name", &name, 1..=NAME_OCTETS, fits)?;
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(Unfit::new("field name", Fault::Reserved));
        }
        Ok(Self(name))
    }

    /// A name that needs no check because it stands in this crate.
    pub(super) const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fields that follow from what a part is.
const RESERVED: [&str; 4] =
    ["MIME-Version", "Content-Type", "Content-Disposition", "Content-Transfer-Encoding"];

/// A line of text for people: a subject, a description, the value of a parameter. Any Unicode but CR,
/// LF and NUL; other control characters are encoded where it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// CR, LF or NUL in it; more than [`TEXT_OCTETS`].
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let text = text.into();
        check("text", &text, 0..=TEXT_OCTETS, is_line)?;
        Ok(Self(text))
    }

    /// Makes a line of any text: each control character becomes a space, and what is beyond
    /// [`TEXT_OCTETS`] goes.
    #[must_use]
    pub fn lossy(text: &'a str) -> Self {
        let mut end = text.len().min(TEXT_OCTETS);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        Self(if text.chars().any(char::is_control) {
            Cow::Owned(text.replace(char::is_control, " "))
        } else {
            Cow::Borrowed(text)
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name before an address or of a group (RFC 5322 §3.4). Any Unicode but CR, LF and NUL; it
/// becomes atoms, a quoted string or encoded words, whatever it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName<'a>(Cow<'a, str>);

impl<'a> DisplayName<'a> {
    /// Checks `name`.
    ///
    /// # Errors
    /// CR, LF or NUL in it; nothing, or more than [`TEXT_OCTETS`].
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let name = name.into();
        check("display name", &name, 1..=TEXT_OCTETS, is_line)?;
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address with or without a name. The address itself is checked by its own type, whose canonical
/// form can stand in a header; one whose local part is not ASCII takes a message in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox<'a> {
    pub(super) name: Option<DisplayName<'a>>,
    pub(super) address: address::Address,
}

impl<'a> Mailbox<'a> {
    /// A mailbox without a name.
    #[must_use]
    pub const fn new(address: address::Address) -> Self {
        Self { name: None, address }
    }

    /// Parses `local@domain`.
    ///
    /// # Errors
    /// [`Fault::Address`].
    pub fn parse(address: &str) -> Result<Self, Unfit> {
        let parsed = address::Address::parse(address.as_bytes());
        parsed.map(Self::new).map_err(|error| Unfit::new("address", Fault::Address(error)))
    }

    /// Parses `local@domain` and gives it a name.
    ///
    /// # Errors
    /// What is wrong with the address or the name.
    pub fn named(name: impl Into<Cow<'a, str>>, address: &str) -> Result<Self, Unfit> {
        Ok(Self::parse(address)?.with_name(DisplayName::new(name)?))
    }

    /// The same mailbox by this name.
    #[must_use]
    pub fn with_name(mut self, name: DisplayName<'a>) -> Self {
        self.name = Some(name);
        self
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> Option<&DisplayName<'a>> {
        self.name.as_ref()
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> &address::Address {
        &self.address
    }
}

impl From<address::Address> for Mailbox<'_> {
    fn from(address: address::Address) -> Self {
        Self::new(address)
    }
}

/// An entry of an address list (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// One mailbox.
    Mailbox(Mailbox<'a>),
    /// Mailboxes, perhaps none, under a name.
    Group(DisplayName<'a>, Vec<Mailbox<'a>>),
}

impl<'a> From<Mailbox<'a>> for Address<'a> {
    fn from(mailbox: Mailbox<'a>) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl From<address::Address> for Address<'_> {
    fn from(address: address::Address) -> Self {
        Self::Mailbox(Mailbox::new(address))
    }
}

/// A message identifier (RFC 5322 §3.6.4), without its angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId<'a>(Cow<'a, str>);

impl<'a> MessageId<'a> {
    /// Checks `id`, as in `1234@example.org`: `dot-atom @ dot-atom`, or `@` and a domain literal.
    ///
    /// # Errors
    /// What RFC 5322 does not allow; more than [`ID_OCTETS`].
    pub fn new(id: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let id = Self::received(id)?;
        let (left, right) = id.0.split_once('@').unwrap_or_default();
        let literal = right.strip_prefix('[').and_then(|right| right.strip_suffix(']'));
        let right_fits = literal.map_or_else(
            || is_dot_atom(right),
            |inner| inner.chars().all(|c| !matches!(c, '[' | ']' | '\\')),
        );
        if !is_dot_atom(left) || !right_fits {
            return Err(Unfit::new("message identifier", Fault::Form));
        }
        Ok(id)
    }

    /// Takes an identifier that another message has, to refer to it, though it be no good one: it
    /// may hold all but blanks, control characters and angle brackets.
    ///
    /// # Errors
    /// One of these characters; nothing; more than [`ID_OCTETS`].
    pub fn received(id: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let id = id.into();
        let fits = |c: char| !c.is_whitespace() && is_shown(c) && c != '<' && c != '>';
        check("message identifier", &id, 1..=ID_OCTETS, fits)?;
        Ok(Self(id))
    }

    /// An identifier made of `seed`, which must not come twice, and the domain of who makes it
    /// (RFC 5322 §3.6.4).
    ///
    /// # Errors
    /// `domain` is not one.
    pub fn generate(seed: u128, domain: &str) -> Result<Self, Unfit> {
        Self::new(format!("{seed:032x}@{domain}"))
    }

    /// The identifier without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A word of MIME's own syntax: the name of a parameter, a disposition (RFC 2045 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a>(Cow<'a, str>);

impl<'a> Token<'a> {
    /// Checks `token`.
    ///
    /// # Errors
    /// A character that no token may hold, or one that RFC 2231 gives a meaning (`*`, `'`, `%`); no
    /// character, or more than 60.
    pub fn new(token: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let token = token.into();
        check("token", &token, 1..=60, |c| c.is_ascii() && is_plain_token(c as u8))?;
        Ok(Self(token))
    }

    pub(super) const fn known(token: &'static str) -> Self {
        Self(Cow::Borrowed(token))
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A media type with its parameters (RFC 2045 §5.1, RFC 6838 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    essence: Cow<'a, str>,
    pub(super) params: Vec<Param<'a>>,
}

impl<'a> MediaType<'a> {
    /// Checks `type/subtype`, as in `image/png`.
    ///
    /// # Errors
    /// What is no such name; `multipart/*`, `message/rfc822` and `message/global`, which are made of
    /// parts and have constructors of their own.
    pub fn new(essence: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let essence = essence.into();
        let fits = |c: char| {
            c.is_ascii_alphanumeric()
                || matches!(c, '/' | '!' | '#' | '$' | '&' | '-' | '^' | '_' | '.' | '+')
        };
        check("media type", &essence, 3..=255, fits)?;
        let (kind, subtype) = essence.split_once('/').unwrap_or_default();
        let is_name =
            |name: &str| name.len() <= 127 && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_name(kind) || !is_name(subtype) || subtype.contains('/') {
            return Err(Unfit::new("media type", Fault::Form));
        }
        let of_parts = kind.eq_ignore_ascii_case("multipart")
            || ["message/rfc822", "message/global"].iter().any(|m| essence.eq_ignore_ascii_case(m));
        if of_parts {
            return Err(Unfit::new("media type", Fault::Reserved));
        }
        Ok(Self { essence, params: Vec::new() })
    }

    pub(super) const fn known(essence: &'static str) -> Self {
        Self { essence: Cow::Borrowed(essence), params: Vec::new() }
    }

    /// The same type with one more parameter. The value is written as a token, a quoted string or as
    /// RFC 2231 has it, whatever it takes.
    ///
    /// # Errors
    /// A value over [`PARAMETER_OCTETS`]; a name that is there already.
    pub fn with(mut self, name: Token<'a>, value: Text<'a>) -> Result<Self, Unfit> {
        push(&mut self.params, name, value)?;
        Ok(self)
    }

    /// `type/subtype`.
    #[must_use]
    pub fn essence(&self) -> &str {
        &self.essence
    }

    pub(super) fn is_text(&self) -> bool {
        self.essence.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
    }

    /// Gives it a parameter in place of one with the same name.
    pub(super) fn set(&mut self, name: &'static str, value: Cow<'a, str>) {
        self.params.retain(|param| !param.name.as_str().eq_ignore_ascii_case(name));
        self.params.push(Param { name: Token::known(name), value: Text(value) });
    }
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Param<'a> {
    pub(super) name: Token<'a>,
    pub(super) value: Text<'a>,
}

/// How a part wants to be shown (RFC 2183), with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition<'a> {
    pub(super) kind: Token<'a>,
    pub(super) params: Vec<Param<'a>>,
}

impl<'a> Disposition<'a> {
    /// A disposition of this kind.
    #[must_use]
    pub const fn new(kind: Token<'a>) -> Self {
        Self { kind, params: Vec::new() }
    }

    /// `inline`.
    #[must_use]
    pub const fn inline() -> Self {
        Self::new(Token::known("inline"))
    }

    /// `attachment`.
    #[must_use]
    pub const fn attachment() -> Self {
        Self::new(Token::known("attachment"))
    }

    /// Gives a new disposition its file's name.
    pub(super) fn name(&mut self, name: FileName<'a>) {
        self.params.push(Param { name: Token::known("filename"), value: name.0 });
    }

    /// The same with a file's name.
    ///
    /// # Errors
    /// There is one already.
    pub fn with_name(self, name: FileName<'a>) -> Result<Self, Unfit> {
        self.with(Token::known("filename"), name.0)
    }

    /// The same with one more parameter.
    ///
    /// # Errors
    /// A value over [`PARAMETER_OCTETS`]; a name that is there already.
    pub fn with(mut self, name: Token<'a>, value: Text<'a>) -> Result<Self, Unfit> {
        push(&mut self.params, name, value)?;
        Ok(self)
    }
}

fn push<'a>(params: &mut Vec<Param<'a>>, name: Token<'a>, value: Text<'a>) -> Result<(), Unfit> {
    if value.0.len() > PARAMETER_OCTETS {
        return Err(Unfit::new("parameter", Fault::Long(PARAMETER_OCTETS)));
    }
    if params.iter().any(|param| param.name.0.eq_ignore_ascii_case(&name.0)) {
        return Err(Unfit::new("parameter", Fault::Twice));
    }
    params.push(Param { name, value });
    Ok(())
}

/// The name of a file without a path (RFC 2183 §2.3): any Unicode but control characters, `/` and
/// `\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName<'a>(pub(super) Text<'a>);

impl<'a> FileName<'a> {
    /// Checks `name`.
    ///
    /// # Errors
    /// One of these characters; nothing, or more than [`PARAMETER_OCTETS`].
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let name = name.into();
        let fits = |c: char| !c.is_control() && c != '/' && c != '\\';
        check("file name", &name, 1..=PARAMETER_OCTETS, fits)?;
        Ok(Self(Text(name)))
    }
}

/// A structured value that is written as it stands, for fields that have no type here: words of
/// printable ASCII with single spaces or more between them, where it may be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structured<'a>(Cow<'a, str>);

impl<'a> Structured<'a> {
    /// Checks `value`.
    ///
    /// # Errors
    /// Other characters; nothing; spaces at an end; a word over [`ID_OCTETS`], or more than
    /// [`TEXT_OCTETS`] in all.
    pub fn new(value: impl Into<Cow<'a, str>>) -> Result<Self, Unfit> {
        let value = value.into();
        check("value", &value, 1..=TEXT_OCTETS, |c| c == ' ' || c.is_ascii_graphic())?;
        if value.starts_with(' ') || value.ends_with(' ') {
            return Err(Unfit::new("value", Fault::Form));
        }
        if super::fold::chunks(&value).any(|(blanks, word)| blanks + word.len() > ID_OCTETS) {
            return Err(Unfit::new("value", Fault::Long(ID_OCTETS)));
        }
        Ok(Self(value))
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether each character of `text` fits, and their number of octets too.
fn check(
    what: &'static str,
    text: &str,
    octets: core::ops::RangeInclusive<usize>,
    fits: impl Fn(char) -> bool,
) -> Result<(), Unfit> {
    if let Some((at, found)) = text.char_indices().find(|(_, c)| !fits(*c)) {
        return Err(Unfit::new(what, Fault::Character(found, at)));
    }
    if text.len() > *octets.end() {
        return Err(Unfit::new(what, Fault::Long(*octets.end())));
    }
    if text.len() < *octets.start() {
        return Err(Unfit::new(what, Fault::Empty));
    }
    Ok(())
}

/// What may stand in a line: all but the octets that end or hide it.
const fn is_line(c: char) -> bool {
    !matches!(c, '\r' | '\n' | '\0')
}

/// Whether a character can stand in a header as it is, in UTF-8 at least. The separators of lines and
/// paragraphs are not control characters and end lines for some programs.
pub(super) fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// An octet of a token that means nothing in the name of a parameter (RFC 2231 §7).
pub(super) const fn is_plain_token(octet: u8) -> bool {
    octet < 0x80 && is_token(octet) && !matches!(octet, b'*' | b'\'' | b'%')
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}
