//! Text: what of a part people read, as UTF-8.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Message::content`], [`Message::text`], [`Message::readable`]; [`Reader`] for bodies in pieces; [`Lines`] |
//! | `flowed.rs` | [`flowed`]: `format=flowed` (RFC 3676), both ways |
//! | `html.rs` | [`html`]: what of a page a person reads |
//! | `reference.rs` | character references of HTML |
//! | `preview.rs` | [`Message::preview`]: the first words of a message (RFC 8970) |
//! | `index.rs` | [`Message::index`]: all that can be searched of a message |
//!
//! A part's *content* is its body without the transfer encoding; its *text* is the content as UTF-8,
//! line ends as they stand; what is *readable* of it is text without marks: HTML stripped, flowed
//! paragraphs joined, lines ending in LF.

pub mod flowed;
pub mod html;
pub mod index;
pub mod preview;
mod reference;

use alloc::{borrow::Cow, string::String, vec::Vec};

use memchr::memchr2;

use super::{
    charset,
    header::Name,
    lexer::trim,
    message::Message,
    parameter::{ContentType, Params},
    structure::{Encoding, Kind},
    transfer,
};

impl<'a> Message<'a> {
    /// The content of part `index`; `None` without the bytes of the message, or if the transfer
    /// encoding is not known.
    #[must_use]
    pub fn content(&self, index: usize) -> Option<Cow<'a, [u8]>> {
        transfer::decode(self.part(index)?.encoding(), self.body(index)?)
    }

    /// The content of part `index` as UTF-8, whatever its type; `None` without the bytes of the
    /// message.
    ///
    /// A body whose transfer encoding is not known is read as it stands. ASCII and UTF-8 that are not
    /// encoded are borrowed.
    ///
    /// ```
    /// use posthaste_core::mime::{Message, Structure};
    ///
    /// let bytes = b"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xc1\r\n";
    /// let tree = Structure::of(bytes);
    /// assert_eq!(Message::new(&tree, bytes).text(0).as_deref(), Some("\u{430}\r\n"));
    /// ```
    #[must_use]
    pub fn text(&self, index: usize) -> Option<Cow<'a, str>> {
        let form = Form::of(self, index)?;
        Some(decode(form.encoding, &form.label, self.body(index)?))
    }

    /// What a person reads of part `index`: its text, HTML stripped, flowed paragraphs joined, lines
    /// ending in LF. `None` without the bytes of the message, and for what is no text.
    #[must_use]
    pub fn readable(&self, index: usize) -> Option<Cow<'a, str>> {
        if self.part(index)?.kind() != Kind::Text {
            return None;
        }
        let form = Form::of(self, index)?;
        let text = decode(form.encoding, &form.label, self.body(index)?);
        Some(match form.format {
            Format::Flowed { delsp } => Cow::Owned(flowed::unflow(&text, delsp)),
            Format::Html => Cow::Owned(html::text(&text, html::Show::default())),
            Format::Plain => with_lf(text),
        })
    }
}

/// How the text of a part is to be read, by what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The transfer encoding.
    pub encoding: Encoding,
    /// The charset as it is labelled; nothing if it is not. A page that the header says nothing of may
    /// say it itself (`<meta charset>`).
    pub label: Vec<u8>,
    /// What the text is.
    pub format: Format,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; format=flowed` (RFC 3676).
    Flowed {
        /// `DelSp=yes`: the space at the end of a line goes when it is joined to the next.
        delsp: bool,
    },
    /// `text/html`, or XHTML.
    Html,
    /// Anything else.
    Plain,
}

impl Form {
    /// The form of part `index`.
    #[must_use]
    pub fn of(message: &Message<'_>, index: usize) -> Option<Self> {
        let encoding = message.part(index)?.encoding();
        let media = Media::of(message, index);
        let mut label = media.params.raw("charset").map(Cow::into_owned).unwrap_or_default();
        let says = |name, value: &[u8]| {
            media.params.raw(name).is_some_and(|found| trim(&found).eq_ignore_ascii_case(value))
        };
        let format = if media.is("text", "html") || media.is("application", "xhtml+xml") {
            Format::Html
        } else if media.is("text", "plain") && says("format", b"flowed") {
            Format::Flowed { delsp: says("delsp", b"yes") }
        } else {
            Format::Plain
        };
        if label.trim_ascii().is_empty()
            && format == Format::Html
            && let Some(body) = message.body(index)
        {
            let body = body.get(..FIRST_OCTETS * 2).unwrap_or(body);
            let content = transfer::decode(encoding, body).unwrap_or(Cow::Borrowed(body));
            label = html::charset(content.get(..FIRST_OCTETS).unwrap_or(&content)).to_vec();
        }
        Some(Self { encoding, label, format })
    }
}

/// The type of a part, with what holds where none is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Media<'a> {
    pub(super) kind: &'a [u8],
    pub(super) subtype: &'a [u8],
    pub(super) params: Params<'a>,
}

impl<'a> Media<'a> {
    pub(super) fn of(message: &Message<'a>, index: usize) -> Self {
        let field = message.field(index, Name::ContentType);
        if let Some(found) = field.and_then(|field| ContentType::parse(field.value())) {
            return Self { kind: found.kind, subtype: found.subtype, params: found.params };
        }
        let (kind, subtype): (&[u8], &[u8]) = match message.part(index).map(|part| part.kind()) {
            Some(Kind::Text) => (b"text", b"plain"),
            Some(Kind::Multipart) => (b"multipart", b"mixed"),
            Some(Kind::Digest) => (b"multipart", b"digest"),
            Some(Kind::Message) => (b"message", b"rfc822"),
            Some(Kind::Other) | None => (b"application", b"octet-stream"),
        };
        Self { kind, subtype, params: Params::default() }
    }

    pub(super) fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }
}

/// Whether the body of a part is for people to read: a text, a report (`message/delivery-status`), or
/// a multipart in which no part was found. `media` gives the type of the part, without the subtype, if
/// it says one; it is asked only if need be.
pub fn holds_text<T: AsRef<[u8]>>(
    kind: Kind,
    has_parts: bool,
    media: impl FnOnce() -> Option<T>,
) -> bool {
    match kind {
        Kind::Text => true,
        Kind::Multipart | Kind::Digest => !has_parts,
        Kind::Other => media().is_some_and(|kind| kind.as_ref().eq_ignore_ascii_case(b"message")),
        Kind::Message => false,
    }
}

/// The text that `body` is, encoded and labelled so. A body whose encoding is not known is read as it
/// stands.
#[must_use]
pub fn decode<'a>(encoding: Encoding, label: &[u8], body: &'a [u8]) -> Cow<'a, str> {
    match transfer::decode(encoding, body) {
        None => charset::decode_body(label, body),
        Some(Cow::Borrowed(content)) => charset::decode_body(label, content),
        Some(Cow::Owned(content)) => match charset::decode_body(label, &content) {
            Cow::Owned(text) => Cow::Owned(text),
            Cow::Borrowed(text) if text.len() < content.len() => Cow::Owned(text.into()),
            // All of it is UTF-8, so that it need not be copied.
            Cow::Borrowed(_) => Cow::Owned(match String::from_utf8(content) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        },
    }
}

/// Turns a body that comes in pieces into text: [`decode`] for bodies too large to be held, and the
/// same at every cutting.
///
/// ```
/// use posthaste_core::mime::{structure::Encoding, text::Reader};
///
/// let (mut reader, mut text) = (Reader::new(Encoding::Base64, b"utf-8", 1 << 20), String::new());
/// reader.feed(b"Y2Fm", &mut text);
/// reader.feed(b"w6k=", &mut text);
/// reader.finish(&mut text);
/// assert_eq!(text, "caf\u{e9}");
/// ```
#[derive(Debug)]
pub struct Reader {
    transfer: Option<transfer::Decoder>,
    charset: charset::Decoder,
    content: Vec<u8>,
}

impl Reader {
    /// A reader of bodies encoded and labelled so, which gives `limit` octets of text at most.
    #[must_use]
    pub fn new(encoding: Encoding, label: &[u8], limit: usize) -> Self {
        let transfer = match encoding.is_identity() {
            true => None,
            false => transfer::Decoder::new(encoding),
        };
        Self { transfer, charset: charset::Decoder::new(label, limit), content: Vec::new() }
    }

    /// Reads the next piece and appends its text to `out`.
    pub fn feed(&mut self, piece: &[u8], out: &mut String) {
        let Some(transfer) = &mut self.transfer else { return self.charset.feed(piece, out) };
        for piece in piece.chunks(CHUNK) {
            transfer.feed(piece, &mut self.content);
            self.charset.feed(&self.content, out);
            self.content.clear();
        }
    }

    /// Ends the body; what was held back is appended to `out`.
    pub fn finish(&mut self, out: &mut String) {
        if let Some(transfer) = &mut self.transfer {
            transfer.finish(&mut self.content);
            self.charset.feed(&self.content, out);
            self.content.clear();
        }
        self.charset.finish(out);
    }

    /// Whether text was left out because of the limit.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.charset.is_truncated()
    }
}

/// How many octets of a page are searched for its charset, as browsers do.
const FIRST_OCTETS: usize = 1_024;

/// How many octets of a body are decoded at once.
const CHUNK: usize = 16 << 10;

/// `text` with LF as its only line end.
#[must_use]
pub fn with_lf(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = Lines::new(&text);
    while let Some(line) = lines.next() {
        out.push_str(line);
        if lines.ended {
            out.push('\n');
        }
    }
    Cow::Owned(out)
}

/// The lines of a text, whatever they end in: CR LF, LF or CR.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    rest: &'t str,
    /// The last line had an end.
    ended: bool,
}

impl<'t> Lines<'t> {
    /// The lines of `text`.
    #[must_use]
    pub const fn new(text: &'t str) -> Self {
        Self { rest: text, ended: false }
    }

    /// How many octets of the text have not been walked.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr2(b'\r', b'\n', self.rest.as_bytes());
        self.ended = end.is_some();
        let (line, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        let rest = rest.strip_prefix("\r\n").unwrap_or(rest.get(1..).unwrap_or_default());
        self.rest = rest;
        Some(line)
    }
}

#[cfg(test)]
mod tests;
