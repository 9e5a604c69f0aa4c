//! BODYSTRUCTURE and BODY: what IMAP shows of the parts of a message (RFC 9051 §7.5.2).
//!
//! [`Message::body_structure`] walks the parts in the order in which they are written, without
//! recursion; [`BodyPart`] holds the values of one part. Where mail is malformed they follow what
//! Dovecot shows, so that clients meet nothing new.

use alloc::{borrow::Cow, boxed::Box, vec, vec::Vec};

pub use super::parameter::Parameters;

use super::{
    envelope::Envelope,
    header::{Field, Name},
    lexer::{Lexer, is_blank, is_token},
    message::Message,
    parameter::{ContentType, Disposition, Params},
    structure::{Kind, Part},
};

impl<'a> Message<'a> {
    /// The values that BODYSTRUCTURE shows of part `index`.
    #[must_use]
    pub fn body_part(&self, index: usize) -> Option<BodyPart<'a>> {
        Some(self.shown(index, self.part(index)?, self.has_parts(index)))
    }

    fn shown(&self, index: usize, part: &'a Part, has_parts: bool) -> BodyPart<'a> {
        let mut fields = [None; SHOWN];
        self.head(index).each(Name::in_body_structure, |name, raw| {
            if let Some(place) = fields.get_mut(slot(name)) {
                place.get_or_insert(raw);
            }
        });
        BodyPart { part, has_parts, fields }
    }

    fn has_parts(&self, index: usize) -> bool {
        self.structure().children(index).next().is_some()
    }

    /// Walks the parts as BODYSTRUCTURE and BODY write them.
    #[must_use]
    pub const fn body_structure(&self) -> Walk<'a> {
        Walk { message: *self, next: Next::Enter(0) }
    }
}

/// What comes next in a BODYSTRUCTURE.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    /// A multipart starts; its parts follow.
    Multipart,
    /// The multipart at hand has no parts. The grammar wants one, and clients get an empty text.
    NoParts,
    /// The multipart at hand ends with its subtype and extension data.
    MultipartEnd(BodyPart<'a>),
    /// A message/rfc822 part starts with its basic fields and the envelope of the message within,
    /// whose body follows.
    Message(BodyPart<'a>, Box<Envelope<'a>>),
    /// The message/rfc822 part at hand ends with its line count and extension data.
    MessageEnd(BodyPart<'a>),
    /// Any other part.
    Part(BodyPart<'a>),
}

/// Walks the parts of a message; see [`Message::body_structure`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    message: Message<'a>,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Enter(usize),
    NoParts(usize),
    Leave(usize),
    Done,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        match self.next {
            Next::Done => None,
            Next::Enter(index) => {
                let (part, has_parts) = (self.message.part(index)?, self.message.has_parts(index));
                if part.kind().is_multipart() {
                    self.next =
                        if has_parts { Next::Enter(index + 1) } else { Next::NoParts(index) };
                    return Some(Step::Multipart);
                }
                let part = self.message.shown(index, part, has_parts);
                if part.part.kind() == Kind::Message && has_parts {
                    self.next = Next::Enter(index + 1);
                    return Some(Step::Message(part, Box::new(self.message.envelope(index + 1))));
                }
                self.next = self.behind(index);
                Some(Step::Part(part))
            }
            Next::NoParts(index) => {
                self.next = Next::Leave(index);
                Some(Step::NoParts)
            }
            Next::Leave(index) => {
                self.next = self.behind(index);
                let part = self.message.body_part(index)?;
                Some(match part.part.kind() {
                    Kind::Message => Step::MessageEnd(part),
                    _ => Step::MultipartEnd(part),
                })
            }
        }
    }
}

impl Walk<'_> {
    /// What follows part `index`: the next part beside it, or the end of the part it stands in.
    fn behind(&self, index: usize) -> Next {
        let tree = self.message.structure();
        let Some(parent) = tree.parent(index) else { return Next::Done };
        match (tree.after(index), tree.after(parent)) {
            (Some(after), Some(end)) if after < end => Next::Enter(after),
            _ => Next::Leave(parent),
        }
    }
}

/// What BODYSTRUCTURE shows of one part.
#[derive(Clone, Debug)]
pub struct BodyPart<'a> {
    part: &'a Part,
    has_parts: bool,
    /// The octets of the first field of each name.
    fields: [Option<&'a [u8]>; SHOWN],
}

impl<'a> BodyPart<'a> {
    /// Where the part stands.
    #[must_use]
    pub const fn part(&self) -> &'a Part {
        self.part
    }

    /// Type and subtype as written. What has none or one that cannot be read is text/plain
    /// (RFC 2045 §5.2), or message/rfc822 in a digest (RFC 2046 §5.1.5); a message that was not
    /// looked into because of a limit is application/octet-stream, as the grammar wants to know
    /// what is in a message.
    #[must_use]
    pub fn media_type(&self) -> (&'a [u8], &'a [u8]) {
        let found = self.content_type();
        (found.kind, found.subtype)
    }

    /// The parameters of the type, pieces of RFC 2231 joined. A text without a charset has
    /// `us-ascii` (RFC 2046 §4.1.2).
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        let mut all = self.content_type().params.joined();
        if self.wants_charset() && !all.iter().any(|(name, _)| is_charset(name)) {
            all.push((Cow::Borrowed(b"charset"), Cow::Borrowed(b"us-ascii")));
        }
        all
    }

    /// Whether `us-ascii` is among the parameters if no charset is (RFC 2046 §4.1.2).
    pub(crate) fn wants_charset(&self) -> bool {
        self.part.kind() == Kind::Text
    }

    /// The Content-ID field on one line.
    #[must_use]
    pub fn id(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::ContentId)
    }

    /// The Content-Description field on one line, encoded words as they are.
    #[must_use]
    pub fn description(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::ContentDescription)
    }

    /// The transfer encoding as written; `7bit` if there is none or it cannot be read.
    #[must_use]
    pub fn encoding(&self) -> &'a [u8] {
        let Some(field) = self.field(Name::ContentTransferEncoding) else { return b"7bit" };
        let mut lexer = Lexer::new(field.value());
        lexer.cfws();
        let encoding = lexer.take_while(is_token);
        lexer.cfws();
        if encoding.is_empty() || lexer.peek().is_some() { b"7bit" } else { encoding }
    }

    /// How many octets the encoded body has.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.part.body().len()
    }

    /// How many lines it has, for those parts of which IMAP tells it.
    #[must_use]
    pub fn lines(&self) -> Option<u32> {
        match self.part.kind() {
            Kind::Text => Some(self.part.lines()),
            Kind::Message if self.has_parts => Some(self.part.lines()),
            _ => None,
        }
    }

    /// The Content-MD5 field on one line.
    #[must_use]
    pub fn md5(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::ContentMd5)
    }

    /// The disposition and its parameters.
    #[must_use]
    pub fn disposition(&self) -> Option<(&'a [u8], Parameters<'a>)> {
        self.declared_disposition().map(|found| (found.kind, found.params.joined()))
    }

    /// The disposition as it stands.
    pub(crate) fn declared_disposition(&self) -> Option<Disposition<'a>> {
        Disposition::parse(self.field(Name::ContentDisposition)?.value())
    }

    /// The languages, in order; none if the field is missing or empty.
    #[must_use]
    pub fn languages(&self) -> Vec<&'a [u8]> {
        let Some(field) = self.field(Name::ContentLanguage) else { return vec![] };
        let mut lexer = Lexer::new(field.value());
        let mut languages = Vec::new();
        loop {
            lexer.cfws();
            if lexer.peek().is_none() || languages.len() == MOST_LANGUAGES {
                return languages;
            }
            let language =
                lexer.take_while(|octet| !is_blank(octet) && !matches!(octet, b',' | b'('));
            if !language.is_empty() {
                languages.push(language);
            }
            lexer.eat(b',');
        }
    }

    /// The Content-Location field on one line.
    #[must_use]
    pub fn location(&self) -> Option<Cow<'a, [u8]>> {
        self.text(Name::ContentLocation)
    }

    /// The type as it stands, or what [`media_type`](Self::media_type) has for none.
    pub(crate) fn content_type(&self) -> ContentType<'a> {
        let (kind, subtype): (&[u8], &[u8]) = match self.part.kind() {
            Kind::Text => (b"text", b"plain"),
            Kind::Multipart => (b"multipart", b"mixed"),
            Kind::Digest => (b"multipart", b"digest"),
            Kind::Message if self.has_parts => (b"message", b"rfc822"),
            Kind::Message | Kind::Other => (b"application", b"octet-stream"),
        };
        self.declared_type().unwrap_or(ContentType { kind, subtype, params: Params::default() })
    }

    /// The declared type, if it is what the part was taken for.
    fn declared_type(&self) -> Option<ContentType<'a>> {
        let declared = ContentType::parse(self.field(Name::ContentType)?.value())?;
        let is_text = declared.kind.eq_ignore_ascii_case(b"text");
        let is_multipart = declared.kind.eq_ignore_ascii_case(b"multipart");
        let fits = match self.part.kind() {
            Kind::Text => is_text,
            Kind::Multipart | Kind::Digest => is_multipart,
            Kind::Message => self.has_parts,
            Kind::Other => !is_text && !is_multipart,
        };
        fits.then_some(declared)
    }

    fn text(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        Some(self.field(name)?.unfolded())
    }

    fn field(&self, name: Name) -> Option<Field<'a>> {
        Some(Field::listed(name, (*self.fields.get(slot(name))?)?))
    }
}

/// Whether a parameter names the charset, in the form of RFC 2231 or not.
pub(crate) fn is_charset(name: &[u8]) -> bool {
    name.strip_suffix(b"*").unwrap_or(name).eq_ignore_ascii_case(b"charset")
}

/// How many fields are shown.
const SHOWN: usize = Name::ContentMd5 as usize - Name::ContentType as usize + 1;

/// The place of a field that is shown; any other has one behind them all. Their names follow one
/// another (RFC 9051 §7.5.2).
const fn slot(name: Name) -> usize {
    if name.in_body_structure() { name as usize - Name::ContentType as usize } else { SHOWN }
}

/// How many languages of one part are shown.
const MOST_LANGUAGES: usize = 100;

#[cfg(test)]
mod tests;
