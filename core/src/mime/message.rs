//! A tree and the bytes behind it, together: lazy views that copy nothing.

use alloc::borrow::Cow;

use super::{
    Span,
    date::DateTime,
    head::{All, Head, List},
    header::{Field, Name},
    structure::{Part, Structure},
};

/// A message to look at: its tree, and its bytes or at least the fields that the tree kept.
///
/// ```
/// use posthaste_core::mime::{Message, Structure};
///
/// let bytes = b"From: Ann <ann@example.org>\r\nSubject: Lunch\r\n\r\nAt noon.\r\n";
/// let tree = Structure::of(bytes);
/// let message = Message::new(&tree, bytes);
/// assert_eq!(message.subject().unwrap(), "Lunch");
/// assert_eq!(message.from().mailboxes().next().unwrap().address(), "ann@example.org");
/// assert_eq!(message.body(0).unwrap(), b"At noon.\r\n");
/// assert!(message.head(0).reply_to().next().is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    structure: &'a Structure,
    bytes: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// The message `bytes`, whose tree is `structure`.
    #[must_use]
    pub const fn new(structure: &'a Structure, bytes: &'a [u8]) -> Self {
        Self { structure, bytes: Some(bytes) }
    }

    /// What is known of a message without its bytes: ENVELOPE and BODYSTRUCTURE, if the tree
    /// [keeps their fields](Structure::keeps_fields).
    #[must_use]
    pub const fn kept(structure: &'a Structure) -> Self {
        Self { structure, bytes: None }
    }

    /// Its tree.
    #[must_use]
    pub const fn structure(&self) -> &'a Structure {
        self.structure
    }

    /// Its part with this index.
    #[must_use]
    pub fn part(&self, index: usize) -> Option<&'a Part> {
        self.structure.part(index)
    }

    /// The octets that `span` names, nothing where it reaches outside; `None` without the bytes of the
    /// message.
    #[must_use]
    pub fn octets(&self, span: Span) -> Option<&'a [u8]> {
        Some(span.of(self.bytes?))
    }

    /// The body of part `index`, still encoded; `None` without the bytes of the message.
    #[must_use]
    pub fn body(&self, index: usize) -> Option<&'a [u8]> {
        Some(self.structure.part(index)?.body().of(self.bytes?))
    }

    /// The header of part `index` with its empty line; `None` without the bytes of the message.
    #[must_use]
    pub fn header(&self, index: usize) -> Option<&'a [u8]> {
        Some(self.structure.part(index)?.header().of(self.bytes?))
    }

    /// The header of part `index`, to be asked for its values: all listed fields, or, without the
    /// bytes of the message, those that were kept. Empty if there is no such part.
    #[must_use]
    pub fn head(&self, index: usize) -> Head<'a> {
        match self.bytes {
            Some(bytes) => Head::listed(self.structure, index, bytes),
            None => Head::kept(self.structure, index),
        }
    }

    /// The fields of part `index` in order.
    #[must_use]
    pub fn fields(&self, index: usize) -> All<'a, 'static> {
        self.head(index).fields()
    }

    /// The first field of part `index` with this name.
    #[must_use]
    pub fn field(&self, index: usize, name: Name) -> Option<Field<'a>> {
        self.head(index).first(name)
    }

    /// The subject of the message, encoded words decoded; what else its header says is asked of
    /// [`head(0)`](Self::head).
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'a, str>> {
        self.head(0).subject()
    }

    /// The authors of the message.
    #[must_use]
    pub fn from(&self) -> List<'a> {
        self.head(0).from()
    }

    /// The recipients of To.
    #[must_use]
    pub fn to(&self) -> List<'a> {
        self.head(0).to()
    }

    /// The recipients of Cc.
    #[must_use]
    pub fn cc(&self) -> List<'a> {
        self.head(0).cc()
    }

    /// When the author finished the message.
    #[must_use]
    pub fn date(&self) -> Option<DateTime> {
        self.head(0).date()
    }

    /// The identifier of the message, without its brackets.
    #[must_use]
    pub fn message_id(&self) -> Option<Cow<'a, [u8]>> {
        self.head(0).message_id()
    }
}
