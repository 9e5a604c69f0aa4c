//! Parts and messages as values: a tree that lies flat, a part before the parts within it.
//!
//! A part that is made of parts takes their lists over, so nothing here, not even dropping a message,
//! recurses.

use alloc::{borrow::Cow, string::String, vec, vec::Vec};

use memchr::memchr2_iter;

use super::{
    error::{Fault, Unfit},
    value::{
        Address, Disposition, FieldName, FileName, Mailbox, MediaType, MessageId, Structured, Text,
        Token,
    },
    write::Entity,
};
use crate::mime::date::DateTime;

/// A part: fields and a body, which may be made of parts.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// It, and all parts within it.
    pub(super) nodes: Vec<Node<'a>>,
}

#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) fields: Vec<(FieldName<'a>, Value<'a>)>,
    pub(super) media: MediaType<'a>,
    pub(super) disposition: Option<Disposition<'a>>,
    pub(super) body: Body<'a>,
    /// How many nodes it is with all within it.
    pub(super) size: usize,
    /// It is a message: the outermost one, or one within a message/rfc822 part.
    pub(super) is_message: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body<'a> {
    /// Lines of text in UTF-8, which end in CR LF.
    Text(Cow<'a, [u8]>),
    /// Octets that mean something each.
    Octets(Cow<'a, [u8]>),
    /// A message that was not built here; its lines end in CR LF.
    Foreign(Cow<'a, [u8]>),
    /// A part that is written already and has to stay as it is.
    Entity(Entity),
    /// The next node is the message within.
    Message,
    /// The next nodes are its parts.
    Multipart,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Addresses(Vec<Address<'a>>),
    Date(DateTime),
    Ids(Vec<MessageId<'a>>),
    Structured(Structured<'a>),
    Text(Text<'a>),
}

/// How the parts of a multipart belong together (RFC 2046 §5.1, RFC 2387).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipart {
    /// The same in several forms, the plainest first.
    Alternative,
    /// Messages.
    Digest,
    /// One thing after the other.
    Mixed,
    /// To be shown at the same time.
    Parallel,
    /// The first part and what it refers to by its Content-ID.
    Related,
}

impl Multipart {
    const fn essence(self) -> &'static str {
        match self {
            Self::Alternative => "multipart/alternative",
            Self::Digest => "multipart/digest",
            Self::Mixed => "multipart/mixed",
            Self::Parallel => "multipart/parallel",
            Self::Related => "multipart/related",
        }
    }
}

impl<'a> Part<'a> {
    /// `text/plain`. Line ends of any kind become CR LF; the charset is what the text needs.
    #[must_use]
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::of_text(MediaType::known("text/plain"), text)
    }

    /// `text/html`, as [`text`](Self::text).
    #[must_use]
    pub fn html(text: impl Into<Cow<'a, str>>) -> Self {
        Self::of_text(MediaType::known("text/html"), text)
    }

    /// Text of any type: lines in UTF-8. If it is `text/*`, its charset is set to what it needs.
    #[must_use]
    pub fn of_text(media: MediaType<'a>, text: impl Into<Cow<'a, str>>) -> Self {
        let octets = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self::leaf(media, Body::Text(lines(octets)))
    }

    /// Octets of any type, which arrive as they are.
    #[must_use]
    pub fn octets(media: MediaType<'a>, octets: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::leaf(media, Body::Octets(octets.into()))
    }

    /// Octets to be kept as a file.
    #[must_use]
    pub fn attachment(
        name: FileName<'a>,
        media: MediaType<'a>,
        octets: impl Into<Cow<'a, [u8]>>,
    ) -> Self {
        let mut part = Self::octets(media, octets);
        let mut disposition = Disposition::attachment();
        disposition.name(name);
        part.root().disposition = Some(disposition);
        part
    }

    /// Parts that belong together. There has to be one at least (RFC 2046 §5.1).
    #[must_use]
    pub fn multipart(kind: Multipart, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut part = Self::container(kind.essence(), parts);
        if kind == Multipart::Related
            && let [root, first, ..] = part.nodes.as_mut_slice()
        {
            // RFC 2387 §3.1: the type of its root.
            let essence = String::from(first.media.essence());
            root.media.set("type", Cow::Owned(essence));
        }
        part
    }

    /// `multipart/mixed`: one thing after the other.
    #[must_use]
    pub fn mixed(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::multipart(Multipart::Mixed, parts)
    }

    /// `multipart/alternative`: the same in several forms, the plainest first.
    #[must_use]
    pub fn alternative(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::multipart(Multipart::Alternative, parts)
    }

    /// `multipart/related`: the first part and what it refers to.
    #[must_use]
    pub fn related(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::multipart(Multipart::Related, parts)
    }

    /// A message within the message: `message/rfc822`, or `message/global` if its header is written in
    /// UTF-8 (RFC 6532 §3.7).
    #[must_use]
    pub fn message(message: Message<'a>) -> Self {
        Self::container("message/rfc822", [message.0])
    }

    /// A message that was not built here, as it is but for bare CR and LF, which become CR LF. Nothing
    /// may encode it (RFC 2046 §5.2.1), so it needs a transport that takes its octets and lines.
    #[must_use]
    pub fn foreign_message(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::leaf(MediaType::known("message/rfc822"), Body::Foreign(lines(octets.into())))
    }

    /// `multipart/signed` (RFC 1847 §2.1): `entity` and the signature over its octets. `protocol` is
    /// the media type of the signature, `micalg` the name of the hash.
    #[must_use]
    pub fn signed(entity: Entity, micalg: Token<'a>, signature: Self) -> Self {
        let protocol = String::from(signature.essence());
        let entity = Self::leaf(MediaType::known("text/plain"), Body::Entity(entity));
        let mut part = Self::container("multipart/signed", [entity, signature]);
        part.root().media.set("protocol", Cow::Owned(protocol));
        part.root().media.set("micalg", Cow::Owned(String::from(micalg.as_str())));
        part
    }

    /// `multipart/encrypted` (RFC 1847 §2.2): what is needed to decrypt, and what is encrypted.
    #[must_use]
    pub fn encrypted(control: Self, data: impl Into<Cow<'a, [u8]>>) -> Self {
        let protocol = String::from(control.essence());
        let data = Self::octets(MediaType::known("application/octet-stream"), data);
        let mut part = Self::container("multipart/encrypted", [control, data]);
        part.root().media.set("protocol", Cow::Owned(protocol));
        part
    }

    /// `multipart/report` (RFC 6522 §3): a part for people, one for programs, and perhaps what it is
    /// about.
    pub(super) fn report(kind: &'static str, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut part = Self::container("multipart/report", parts);
        part.root().media.set("report-type", Cow::Borrowed(kind));
        part
    }

    /// The same part to be shown in this way.
    #[must_use]
    pub fn with_disposition(mut self, disposition: Disposition<'a>) -> Self {
        self.root().disposition = Some(disposition);
        self
    }

    /// The same part with a Content-ID, by which others refer to it (RFC 2045 §7).
    #[must_use]
    pub fn with_id(self, id: MessageId<'a>) -> Self {
        self.with(FieldName::known("Content-ID"), Value::Ids(vec![id]))
    }

    /// The same part with a Content-Description (RFC 2045 §8).
    #[must_use]
    pub fn with_description(self, text: Text<'a>) -> Self {
        self.with(FieldName::known("Content-Description"), Value::Text(text))
    }

    /// The same part with one more field of unstructured text.
    #[must_use]
    pub fn with_text(self, name: FieldName<'a>, text: Text<'a>) -> Self {
        self.with(name, Value::Text(text))
    }

    /// The same part with one more field, whose value is written as it stands.
    #[must_use]
    pub fn with_structured(self, name: FieldName<'a>, value: Structured<'a>) -> Self {
        self.with(name, Value::Structured(value))
    }

    /// Its type without parameters, as in `text/plain`.
    #[must_use]
    pub fn essence(&self) -> &str {
        self.nodes.first().map_or("", |node| node.media.essence())
    }

    fn with(mut self, name: FieldName<'a>, value: Value<'a>) -> Self {
        self.root().fields.push((name, value));
        self
    }

    pub(super) fn leaf(media: MediaType<'a>, body: Body<'a>) -> Self {
        Self { nodes: vec![Node::new(media, body)] }
    }

    fn container(essence: &'static str, parts: impl IntoIterator<Item = Self>) -> Self {
        let body = if essence == "message/rfc822" { Body::Message } else { Body::Multipart };
        let mut whole = Self::leaf(MediaType::known(essence), body);
        for part in parts {
            whole.nodes.extend(part.nodes);
        }
        let size = whole.nodes.len();
        whole.root().size = size;
        whole
    }

    /// The node of the part itself.
    fn root(&mut self) -> &mut Node<'a> {
        if self.nodes.is_empty() {
            // No constructor leaves it so.
            self.nodes.push(Node::new(MediaType::known("text/plain"), Body::Text(Cow::default())));
        }
        &mut self.nodes[0]
    }
}

impl<'a> Node<'a> {
    const fn new(media: MediaType<'a>, body: Body<'a>) -> Self {
        let fields = Vec::new();
        Self { fields, media, disposition: None, body, size: 1, is_message: false }
    }
}

/// A message: a part with the fields of RFC 5322 §3.6.
///
/// What a header has to have is looked at when the message is written: a date, and a mailbox in From.
/// The methods that name a field add to it where it may hold several values, and set it otherwise.
#[derive(Clone, Debug)]
pub struct Message<'a>(pub(super) Part<'a>);

impl<'a> Message<'a> {
    /// A message with this body.
    #[must_use]
    pub fn new(mut body: Part<'a>) -> Self {
        body.root().is_message = true;
        Self(body)
    }

    /// `Date`: when its author said that it is complete (RFC 5322 §3.6.1).
    #[must_use]
    pub fn date(self, date: DateTime) -> Self {
        self.set("Date", Value::Date(date))
    }

    /// `From`: its authors (RFC 5322 §3.6.2). If they are several, there has to be a sender too.
    #[must_use]
    pub fn from(self, authors: impl IntoIterator<Item = Mailbox<'a>>) -> Self {
        self.add("From", authors)
    }

    /// `Sender`: who sent it, if that is not its only author (RFC 5322 §3.6.2).
    #[must_use]
    pub fn sender(self, sender: Mailbox<'a>) -> Self {
        self.set("Sender", Value::Addresses(vec![sender.into()]))
    }

    /// `Reply-To`: where answers should go (RFC 5322 §3.6.2).
    #[must_use]
    pub fn reply_to(self, list: impl IntoIterator<Item = impl Into<Address<'a>>>) -> Self {
        self.add("Reply-To", list)
    }

    /// `To` (RFC 5322 §3.6.3).
    #[must_use]
    pub fn to(self, list: impl IntoIterator<Item = impl Into<Address<'a>>>) -> Self {
        self.add("To", list)
    }

    /// `Cc` (RFC 5322 §3.6.3).
    #[must_use]
    pub fn cc(self, list: impl IntoIterator<Item = impl Into<Address<'a>>>) -> Self {
        self.add("Cc", list)
    }

    /// `Bcc` (RFC 5322 §3.6.3).
    #[must_use]
    pub fn bcc(self, list: impl IntoIterator<Item = impl Into<Address<'a>>>) -> Self {
        self.add("Bcc", list)
    }

    /// `Message-ID` (RFC 5322 §3.6.4).
    #[must_use]
    pub fn id(self, id: MessageId<'a>) -> Self {
        self.set("Message-ID", Value::Ids(vec![id]))
    }

    /// `In-Reply-To` (RFC 5322 §3.6.4).
    #[must_use]
    pub fn in_reply_to(self, ids: impl IntoIterator<Item = MessageId<'a>>) -> Self {
        self.set("In-Reply-To", Value::Ids(ids.into_iter().collect()))
    }

    /// `References` (RFC 5322 §3.6.4).
    #[must_use]
    pub fn references(self, ids: impl IntoIterator<Item = MessageId<'a>>) -> Self {
        self.set("References", Value::Ids(ids.into_iter().collect()))
    }

    /// `Subject` (RFC 5322 §3.6.5).
    #[must_use]
    pub fn subject(self, text: Text<'a>) -> Self {
        self.set("Subject", Value::Text(text))
    }

    /// One more field of unstructured text.
    #[must_use]
    pub fn text(self, name: FieldName<'a>, text: Text<'a>) -> Self {
        Self(self.0.with_text(name, text))
    }

    /// One more field, whose value is written as it stands.
    #[must_use]
    pub fn structured(self, name: FieldName<'a>, value: Structured<'a>) -> Self {
        Self(self.0.with_structured(name, value))
    }

    /// One more field of addresses.
    #[must_use]
    pub fn addresses(
        self,
        name: FieldName<'a>,
        list: impl IntoIterator<Item = impl Into<Address<'a>>>,
    ) -> Self {
        Self(self.0.with(name, Value::Addresses(list.into_iter().map(Into::into).collect())))
    }

    fn set(mut self, name: &'static str, value: Value<'a>) -> Self {
        let fields = &mut self.0.root().fields;
        match fields.iter_mut().find(|(found, _)| found.as_str().eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => fields.push((FieldName::known(name), value)),
        }
        self
    }

    fn add(
        mut self,
        name: &'static str,
        list: impl IntoIterator<Item = impl Into<Address<'a>>>,
    ) -> Self {
        let list = list.into_iter().map(Into::into);
        let fields = &mut self.0.root().fields;
        match fields.iter_mut().find(|(found, _)| found.as_str().eq_ignore_ascii_case(name)) {
            Some((_, Value::Addresses(old))) => old.extend(list),
            Some((_, other)) => *other = Value::Addresses(list.collect()),
            None => fields.push((FieldName::known(name), Value::Addresses(list.collect()))),
        }
        self
    }
}

/// `text` with its lines ended by CR LF, whatever ended them.
fn lines(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let next = |at: usize| text.get(at + 1).copied();
    let before = |at: usize| at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let is_bare = |at: &usize| match text.get(*at) {
        Some(b'\r') => next(*at) != Some(b'\n'),
        _ => before(*at) != Some(b'\r'),
    };
    let mut bare = memchr2_iter(b'\r', b'\n', &text).filter(is_bare).peekable();
    if bare.peek().is_none() {
        drop(bare);
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 32 + 2);
    let mut from = 0;
    for at in bare {
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The fields that a header has once at most (RFC 5322 §3.6).
pub(super) const ONCE: [&str; 11] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
];

impl Unfit {
    /// What is wrong with a field by this name.
    pub(super) fn field(name: &str, fault: Fault) -> Self {
        let known = ONCE.iter().find(|known| name.eq_ignore_ascii_case(known));
        Self::new(known.copied().unwrap_or("field"), fault)
    }
}
