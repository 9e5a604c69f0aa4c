//! Attachments: the parts of a message that are files, with names that are safe to use.
//!
//! | file | holds |
//! |---|---|
//! | here | [`Message::attachments`] and [`Attachment`] |
//! | `name.rs` | [`file_name`]: a name that can be given to a file |
//!
//! # What counts
//! A part is an attachment if it is no multipart and
//! 1. its disposition is `attachment`; or
//! 2. it is a message (`message/rfc822`): one attachment, its own parts are not walked; or
//! 3. it is no text for people (`text/plain`, `html`, `enriched`, `richtext`, `markdown`); or
//! 4. it is such a text, has a name, and neither is the first part of the message that is no
//!    multipart, nor an alternative.
//!
//! Never: what stands in `multipart/encrypted`, `multipart/report` or `multipart/digest`; the
//! signature of `multipart/signed`; texts in `multipart/alternative` (the same as a calendar entry is no
//! attachment), unless rule 1 says so; the resource fork of `multipart/appledouble`.
//!
//! An attachment is [inline](Attachment::is_inline) if a page of the message refers to it by its
//! Content-ID (`cid:`), or if it stands in `multipart/related`, has a Content-ID and is not said to be
//! an attachment.
//!
//! ```
//! use posthaste_core::mime::{Message, Structure};
//!
//! let bytes = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee there.\r\n--x\r\n\
//!     Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"../a:b.pdf\"\r\n\
//!     Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--x--\r\n";
//! let tree = Structure::of(bytes);
//! let message = Message::new(&tree, bytes);
//! let found = message.attachments().next().unwrap();
//! assert_eq!(found.name().as_deref(), Some("a_b.pdf"));
//! assert_eq!(found.raw_name().as_deref(), Some("../a:b.pdf"));
//! assert_eq!(found.size(), Some(5));
//! ```

mod name;

use alloc::{borrow::Cow, string::String, vec::Vec};

use memchr::memmem;

pub use name::{LONGEST_NAME, file_name};

use super::{
    Message,
    parameter::unpercent,
    structure::{Encoding, Kind},
    text::{Form, Format, Media},
    transfer,
};

impl<'a> Message<'a> {
    /// The attachments of the message in order; see [what counts](self#what-counts). All but sizes and
    /// references by pages is known without the bytes of the message.
    #[must_use]
    pub const fn attachments(&self) -> Attachments<'a> {
        Attachments { message: *self, at: 0, text_seen: false, parent: None, referred: None }
    }
}

/// An attachment.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    message: Message<'a>,
    index: usize,
    media: Media<'a>,
    inline: bool,
}

impl<'a> Attachment<'a> {
    /// The index of its part.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// A name that a file may have, made of [`raw_name`](Self::raw_name) by [`file_name`]; `None` if
    /// it has none, or none that is left.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        file_name(&self.raw_name()?)
    }

    /// Its name as the sender wrote it, decoded: for people to read, never for a file.
    #[must_use]
    pub fn raw_name(&self) -> Option<Cow<'a, str>> {
        self.message.head(self.index).file_name()
    }

    /// Type and subtype as written; `application/octet-stream` if they cannot be read.
    #[must_use]
    pub const fn media_type(&self) -> (&'a [u8], &'a [u8]) {
        (self.media.kind, self.media.subtype)
    }

    /// Its Content-ID without brackets.
    #[must_use]
    pub fn content_id(&self) -> Option<Cow<'a, [u8]>> {
        self.message.head(self.index).content_id()
    }

    /// Whether it is shown within the text, as pictures in a page are.
    #[must_use]
    pub const fn is_inline(&self) -> bool {
        self.inline
    }

    /// Whether it is a message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.message.part(self.index).is_some_and(|part| part.kind() == Kind::Message)
    }

    /// Whether it is Outlook's `winmail.dat` (TNEF), in which other attachments are hidden.
    #[must_use]
    pub fn is_winmail(&self) -> bool {
        self.media.is("application", "ms-tnef")
            || self.media.is("application", "vnd.ms-tnef")
            || self.raw_name().is_some_and(|name| {
                ["winmail.dat", "win.dat"].iter().any(|known| name.eq_ignore_ascii_case(known))
            })
    }

    /// How many octets its content has: exact if it is not encoded, else a guess that does not need
    /// the bytes of the message and is a few per cent off.
    #[must_use]
    pub fn estimated_size(&self) -> u64 {
        let Some(part) = self.message.part(self.index) else { return 0 };
        let octets = u64::from(part.body().len());
        match part.encoding() {
            // RFC 2045 §6.8: lines of 76 for 57 octets, and their ends.
            Encoding::Base64 => octets / 78 * 57 + octets % 78 * 3 / 4,
            _ => octets,
        }
    }

    /// How many octets its content has, counted by decoding it; `None` without the bytes of the
    /// message, or if the transfer encoding is not known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let (part, body) = (self.message.part(self.index)?, self.message.body(self.index)?);
        if part.encoding().is_identity() {
            return Some(body.len() as u64);
        }
        let (mut decoder, mut content) = (transfer::Decoder::new(part.encoding())?, Vec::new());
        let mut size = 0;
        for piece in body.chunks(PIECE) {
            decoder.feed(piece, &mut content);
            size += content.len() as u64;
            content.clear();
        }
        decoder.finish(&mut content);
        Some(size + content.len() as u64)
    }

    /// Its content; `None` without the bytes of the message, or if the transfer encoding is not known.
    #[must_use]
    pub fn content(&self) -> Option<Cow<'a, [u8]>> {
        self.message.content(self.index)
    }
}

/// Walks the attachments of a message; see [`Message::attachments`].
#[derive(Clone, Debug)]
pub struct Attachments<'a> {
    message: Message<'a>,
    at: usize,
    /// A part that is no multipart has been seen.
    text_seen: bool,
    /// The multipart that was asked about last, and what it is.
    parent: Option<(usize, Parent)>,
    /// The Content-IDs that pages refer to, in order.
    referred: Option<Vec<Vec<u8>>>,
}

/// What a multipart means for its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    Alternative,
    AppleDouble,
    /// Nothing in it is an attachment.
    Closed,
    Mixed,
    Related,
    Signed,
}

impl Parent {
    fn of(media: &Media<'_>) -> Self {
        const SUBTYPES: [(&[u8], Parent); 7] = [
            (b"alternative", Parent::Alternative),
            (b"appledouble", Parent::AppleDouble),
            (b"digest", Parent::Closed),
            (b"encrypted", Parent::Closed),
            (b"related", Parent::Related),
            (b"report", Parent::Closed),
            (b"signed", Parent::Signed),
        ];
        let found = SUBTYPES.iter().find(|(name, _)| media.subtype.eq_ignore_ascii_case(name));
        found.map_or(Self::Mixed, |(_, parent)| *parent)
    }
}

impl<'a> Iterator for Attachments<'a> {
    type Item = Attachment<'a>;

    fn next(&mut self) -> Option<Attachment<'a>> {
        let structure = self.message.structure();
        loop {
            let (index, part) = (self.at, structure.part(self.at)?);
            let media = Media::of(&self.message, index);
            let after = structure.after(index)?;
            let is_multipart = part.kind().is_multipart();
            let closed = is_multipart && Parent::of(&media) == Parent::Closed;
            let walked = is_multipart && !closed;
            self.at = if walked { index + 1 } else { after };
            if is_multipart || (index == 0 && part.kind() == Kind::Message) {
                if index == 0 && !is_multipart {
                    return None;
                }
                continue;
            }
            let first = !core::mem::replace(&mut self.text_seen, true);
            if let Some(found) = self.judge(index, media, first) {
                return Some(found);
            }
        }
    }
}

impl<'a> Attachments<'a> {
    /// Part `index` as an attachment, if it is one; `first` if no part but multiparts stands before it.
    fn judge(&mut self, index: usize, media: Media<'a>, first: bool) -> Option<Attachment<'a>> {
        let head = self.message.head(index);
        let structure = self.message.structure();
        let disposition = head.disposition();
        let attached =
            disposition.is_some_and(|found| found.kind.eq_ignore_ascii_case(b"attachment"));
        let (number, parent) = self.place(index);
        let is_text = media.kind.eq_ignore_ascii_case(b"text");
        let counts = match parent {
            Parent::Signed if number > 0 => false,
            Parent::AppleDouble if media.is("application", "applefile") => false,
            _ if attached => true,
            Parent::Alternative if is_text => false,
            _ if is_text && is_for_people(&media) => !first && head.file_name().is_some(),
            _ => true,
        };
        if !counts || structure.part(index)?.kind().is_multipart() {
            return None;
        }
        let inline = match head.content_id() {
            None => false,
            Some(id) => (parent == Parent::Related && !attached) || self.refers(&id),
        };
        Some(Attachment { message: self.message, index, media, inline })
    }

    /// How many parts of its multipart stand before part `index` (2 at most), and what that is.
    fn place(&mut self, index: usize) -> (usize, Parent) {
        let structure = self.message.structure();
        let Some(parent) = structure.parent(index) else { return (0, Parent::Mixed) };
        let number = structure.children(parent).take(2).take_while(|child| *child < index).count();
        if let Some((known, kind)) = self.parent
            && known == parent
        {
            return (number, kind);
        }
        let kind = Parent::of(&Media::of(&self.message, parent));
        self.parent = Some((parent, kind));
        (number, kind)
    }

    /// Whether a page refers to this Content-ID.
    fn refers(&mut self, id: &[u8]) -> bool {
        let message = self.message;
        let referred = self.referred.get_or_insert_with(|| references(&message));
        referred.binary_search_by(|known| known.as_slice().cmp(id)).is_ok()
    }
}

fn is_for_people(media: &Media<'_>) -> bool {
    const SUBTYPES: [&[u8]; 5] = [b"plain", b"html", b"enriched", b"richtext", b"markdown"];
    SUBTYPES.iter().any(|subtype| media.subtype.eq_ignore_ascii_case(subtype))
}

/// The Content-IDs that the pages of a message refer to (RFC 2392), in order and each once.
///
/// Pages in messages within are not looked at. No more than [`REFERENCES`] are found, in the first
/// [`PAGE_OCTETS`] of each page.
#[must_use]
pub fn references(message: &Message<'_>) -> Vec<Vec<u8>> {
    let structure = message.structure();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(part) = structure.part(at) {
        if part.kind() == Kind::Message && at > 0 {
            at = structure.after(at).unwrap_or(at + 1);
            continue;
        }
        if part.kind() == Kind::Text
            && let Some(form) = Form::of(message, at)
            && form.format == Format::Html
            && let Some(body) = message.body(at)
        {
            let body = body.get(..PAGE_OCTETS).unwrap_or(body);
            let content = transfer::decode(part.encoding(), body).unwrap_or(Cow::Borrowed(body));
            refer(&content, &mut found);
        }
        at += 1;
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// How many references by Content-ID are found in a message.
pub const REFERENCES: usize = 10_000;
/// How many octets of a page are searched for references.
pub const PAGE_OCTETS: usize = 4 << 20;

fn refer(page: &[u8], found: &mut Vec<Vec<u8>>) {
    for at in memmem::find_iter(page, b":") {
        let is_cid = at.checked_sub(3).and_then(|start| page.get(start..at));
        if found.len() == REFERENCES {
            return;
        }
        if !is_cid.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"cid")) {
            continue;
        }
        let rest = page.get(at + 1..).unwrap_or_default();
        let ends =
            |octet: &u8| *octet <= b' ' || matches!(octet, b'"' | b'\'' | b')' | b'<' | b'>');
        let end = rest.iter().take(LONGEST_ID).position(ends);
        if let Some(id) = end.and_then(|end| rest.get(..end)).filter(|id| !id.is_empty()) {
            // RFC 2392 §2: the escapes of a URL are not in the Content-ID.
            found.push(unpercent(Cow::Borrowed(id)).into_owned());
        }
    }
}

const LONGEST_ID: usize = 998;
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests;
