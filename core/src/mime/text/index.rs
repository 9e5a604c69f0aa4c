//! All that can be searched of a message: a walk over its texts, each with where it comes from.
//!
//! Header fields and names are decoded, charsets undone, pages stripped, messages within walked like
//! the one they are in.
//!
//! ```
//! use posthaste_core::mime::{Message, Structure, text::index::Source};
//!
//! let bytes = b"Subject: =?utf-8?q?Caf=C3=A9?=\r\nFrom: Ann <ann@example.org>\r\n\r\nAt noon?\r\n";
//! let tree = Structure::of(bytes);
//! let message = Message::new(&tree, bytes);
//! let found: Vec<_> = message.index().map(|piece| (piece.from, piece.text)).collect();
//! assert_eq!(found, [
//!     (Source::Subject, "Caf\u{e9}".into()),
//!     (Source::From, "Ann ann@example.org".into()),
//!     (Source::Text, "At noon?\r\n".into()),
//! ]);
//! ```

use alloc::{borrow::Cow, string::String};

use super::{
    Form, Format, Reader, decode, flowed, holds_text,
    html::{Show, Stripper},
};
use crate::mime::{
    address::Address, encoded_word, header::Name, message::Message, structure::Kind,
};

/// How many octets of text one part gives.
pub const PART_OCTETS: usize = 4 << 20;
/// How many octets of text a message gives.
pub const MESSAGE_OCTETS: usize = 16 << 20;

impl<'a> Message<'a> {
    /// Walks all texts of the message that can be searched.
    #[must_use]
    pub const fn index(&self) -> Index<'a> {
        Index { message: *self, part: 0, step: 0, left: MESSAGE_OCTETS, truncated: false }
    }
}

/// A text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub from: Source,
    /// The index of its part.
    pub part: usize,
    /// The text, line ends as they stand.
    pub text: Cow<'a, str>,
}

/// Where a text comes from. Fields are those of the message, or of one within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Bcc: names and addresses.
    Bcc,
    /// Cc: names and addresses.
    Cc,
    /// Content-Description of a part.
    Description,
    /// The name of the file that a part is.
    FileName,
    /// From: names and addresses.
    From,
    /// The text of a page: HTML, stripped.
    Page,
    /// Reply-To: names and addresses.
    ReplyTo,
    /// Sender: names and addresses.
    Sender,
    /// Subject.
    Subject,
    /// Text as it stands, flowed paragraphs joined.
    Text,
    /// To: names and addresses.
    To,
}

/// Walks the texts of a message; see [`Message::index`].
#[derive(Clone, Debug)]
pub struct Index<'a> {
    message: Message<'a>,
    part: usize,
    step: usize,
    left: usize,
    truncated: bool,
}

impl Index<'_> {
    /// Whether text has been left out so far because of [`PART_OCTETS`] or [`MESSAGE_OCTETS`].
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }
}

impl<'a> Iterator for Index<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            self.message.part(self.part)?;
            let (part, step) = (self.part, STEPS.get(self.step).copied());
            self.step += 1;
            let found = match step {
                Some(step) => self.field(step),
                None => {
                    let found = self.body();
                    (self.part, self.step) = (part + 1, 0);
                    found
                }
            };
            let Some((from, mut text)) = found.filter(|(_, text)| !text.is_empty()) else {
                continue;
            };
            if text.len() > self.left {
                self.truncated = true;
                text = Cow::Owned(cut(&text, self.left).into());
            }
            self.left -= text.len();
            if !text.is_empty() {
                return Some(Piece { from, part, text });
            }
        }
    }
}

impl<'a> Index<'a> {
    /// A text from the header of the part at hand.
    fn field(&self, step: Source) -> Option<(Source, Cow<'a, str>)> {
        let head = self.message.head(self.part);
        let structure = self.message.structure();
        let parent = structure.parent(self.part).and_then(|parent| structure.part(parent));
        let is_message = parent.is_none_or(|parent| parent.kind() == Kind::Message);
        let name = match step {
            Source::Description => return Some((step, head.description()?)),
            Source::FileName => return Some((step, head.file_name()?)),
            _ if !is_message => return None,
            Source::Subject => return Some((step, head.subject()?)),
            Source::Bcc => Name::Bcc,
            Source::Cc => Name::Cc,
            Source::From => Name::From,
            Source::ReplyTo => Name::ReplyTo,
            Source::Sender => Name::Sender,
            Source::To => Name::To,
            Source::Page | Source::Text => return None,
        };
        let mut text = String::new();
        for address in head.list(name) {
            match address {
                Address::Mailbox(mailbox) => {
                    if let Some(name) = mailbox.display() {
                        word(&name, &mut text);
                    }
                    word(&mailbox.address(), &mut text);
                }
                Address::Group(group) => word(&encoded_word::decode(&group.name()), &mut text),
                Address::GroupEnd => {}
            }
        }
        Some((step, Cow::Owned(text)))
    }

    /// The text of the body of the part at hand.
    fn body(&mut self) -> Option<(Source, Cow<'a, str>)> {
        let (message, index) = (&self.message, self.part);
        let part = message.part(index)?;
        let has_parts = message.structure().children(index).next().is_some();
        let head = message.head(index);
        let kind = || head.content_type().map(|found| found.kind);
        if !holds_text(part.kind(), has_parts, kind) {
            return None;
        }
        let (form, body) = (Form::of(message, index)?, message.body(index)?);
        let limit = PART_OCTETS.min(self.left);
        let from = if form.format == Format::Html { Source::Page } else { Source::Text };
        let text = if body.len() <= limit / 3 || body.len() <= SMALL {
            decode(form.encoding, &form.label, body)
        } else {
            let (mut reader, mut text) =
                (Reader::new(form.encoding, &form.label, limit), String::new());
            for piece in body.chunks(PIECE) {
                reader.feed(piece, &mut text);
                if reader.is_truncated() {
                    break;
                }
            }
            reader.finish(&mut text);
            self.truncated |= reader.is_truncated();
            Cow::Owned(text)
        };
        let text = match form.format {
            Format::Plain => text,
            Format::Flowed { delsp } => Cow::Owned(flowed::unflow(&text, delsp)),
            Format::Html => {
                let show = Show { images: true, ..Show::default() };
                let (mut stripper, mut out) = (Stripper::new(show), String::new());
                stripper.feed(&text, &mut out);
                stripper.finish(&mut out);
                Cow::Owned(out)
            }
        };
        Some((from, text))
    }
}

fn word(word: &str, text: &mut String) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

/// The start of `text` that has no more octets than this.
fn cut(text: &str, octets: usize) -> &str {
    let mut end = octets.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What is taken of the header of a part, before its body.
const STEPS: &[Source] = &[
    Source::Subject,
    Source::From,
    Source::Sender,
    Source::ReplyTo,
    Source::To,
    Source::Cc,
    Source::Bcc,
    Source::Description,
    Source::FileName,
];

const PIECE: usize = 64 << 10;
/// Bodies that are decoded at once, so that they can be borrowed.
const SMALL: usize = 64 << 10;

#[cfg(test)]
mod tests;
