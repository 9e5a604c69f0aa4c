//! One FETCH response, item by item. RFC 9051 §7.5.2.

use alloc::vec::Vec;

use super::words::{self, nstring, number};
use super::{Responses, Seam};
use crate::imap::date::DateTime;
use crate::imap::section::{Part, Section};
use crate::imap::{Encoder, Flag, Literals};

/// A FETCH response that is open: `* n FETCH (` stands, and items follow. Dropping it closes it, as
/// [`end`](Self::end) does.
#[derive(Debug)]
#[must_use]
pub struct Row<'r> {
    responses: &'r mut Responses,
    /// No item was written yet.
    first: bool,
    /// A literal wants its octets, so dropping this must not close the response.
    open: bool,
}

impl<'r> Row<'r> {
    pub(super) const fn new(responses: &'r mut Responses, first: bool) -> Self {
        Self { responses, first, open: false }
    }

    /// `UID n`. Every answer to a UID command has it (RFC 9051 §6.4.9).
    pub fn uid(self, uid: u32) -> Self {
        self.numbered("UID", u64::from(uid))
    }

    /// `FLAGS (…)`.
    pub fn flags<'f>(mut self, flags: impl IntoIterator<Item = Flag<'f>>) -> Self {
        flag_list(self.item("FLAGS"), flags);
        self
    }

    /// `INTERNALDATE "…"`.
    pub fn internal_date(mut self, date: DateTime) -> Self {
        let out = self.item("INTERNALDATE");
        out.push(b'"');
        words::show(out, date);
        out.push(b'"');
        self
    }

    /// `RFC822.SIZE n`: octets of the message.
    pub fn size(self, octets: u64) -> Self {
        self.numbered("RFC822.SIZE", octets)
    }

    /// `MODSEQ (n)`, RFC 7162 §3.1.4.2.
    pub fn modseq(mut self, modseq: u64) -> Self {
        let out = self.item("MODSEQ");
        out.push(b'(');
        number(out, modseq);
        out.push(b')');
        self
    }

    /// `BODY[…]` and its like, with text that is at hand; `None` (NIL) for a part that is not there.
    pub fn text(mut self, label: &Label<'_>, text: Option<&[u8]>) -> Self {
        let utf8 = self.responses.mode.utf8();
        let binary = matches!(label, Label::Binary { .. });
        let out = self.labelled(|out| label.write(out));
        match text {
            // RFC 9051 §7.5.2: a literal8 may hold NUL.
            Some(text) if binary && text.contains(&0) => {
                announce(out, text.len() as u64, true);
                out.extend_from_slice(text);
            }
            text => nstring(out, text, utf8),
        }
        self
    }

    /// `BODY[…]` and its like, with a literal of `octets` octets. They must follow
    /// ([`Responses::chunk`]); then [`Responses::row_again`] goes on.
    pub fn literal(mut self, label: &Label<'_>, octets: u32) {
        // RFC 9051 §6.4.5: only BINARY may hold NUL, and says so by literal8.
        let binary = matches!(label, Label::Binary { .. });
        announce(self.labelled(|out| label.write(out)), u64::from(octets), binary);
        self.responses.at = Seam { left: octets, row: true, binary };
        self.open = true;
    }

    /// The same for a label that was written before.
    pub(super) fn announce(mut self, label: &[u8], octets: u32, binary: bool) {
        announce(self.labelled(|out| out.extend_from_slice(label)), u64::from(octets), binary);
        self.responses.at = Seam { left: octets, row: true, binary };
        self.open = true;
    }

    /// NIL for a label that was written before.
    pub(crate) fn nil(mut self, label: &[u8]) -> Self {
        self.labelled(|out| out.extend_from_slice(label)).extend_from_slice(b"NIL");
        self
    }

    /// A number for a label that was written before.
    pub(crate) fn counted(mut self, label: &[u8], n: u64) -> Self {
        number(self.labelled(|out| out.extend_from_slice(label)), n);
        self
    }

    /// An item whose value `write` writes by the grammar.
    pub(crate) fn written(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.item(name));
        self
    }

    /// Leaves the response open.
    pub(super) fn leave(mut self) {
        self.open = true;
    }

    /// An item whose value is a number.
    fn numbered(mut self, name: &str, n: u64) -> Self {
        number(self.item(name), n);
        self
    }

    fn labelled(&mut self, label: impl FnOnce(&mut Vec<u8>)) -> &mut Vec<u8> {
        let out = self.item("");
        out.pop();
        label(out);
        out.push(b' ');
        out
    }

    /// Closes the response.
    pub fn end(self) {}

    fn item(&mut self, name: &str) -> &mut Vec<u8> {
        let out = &mut self.responses.octets;
        if !core::mem::replace(&mut self.first, false) {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        out
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if self.responses.at.row && !self.open {
            self.responses.octets.extend_from_slice(b")\r\n");
            self.responses.at = Seam::WHOLE;
        }
    }
}

/// What names a body in a FETCH response, as the client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'l> {
    /// `BINARY[…]<…>`
    Binary {
        /// Which part.
        part: Part<'l>,
        /// The first octet, where a range was asked for.
        origin: Option<u64>,
    },
    /// `BINARY.SIZE[…]`, whose value is a number.
    BinarySize(Part<'l>),
    /// `BODY[…]<…>`
    Body {
        /// Which section.
        section: Section<'l>,
        /// The first octet, where a range was asked for.
        origin: Option<u64>,
    },
    /// `RFC822`
    Rfc822,
    /// `RFC822.HEADER`
    Rfc822Header,
    /// `RFC822.TEXT`
    Rfc822Text,
}

impl Default for Label<'_> {
    /// `BODY[]`
    fn default() -> Self {
        Self::Body { section: Section::default(), origin: None }
    }
}

impl Label<'_> {
    /// Writes it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let origin = match *self {
            Self::Binary { part, origin } => {
                out.extend_from_slice(b"BINARY");
                Section { part, text: None }.write(&mut Encoder::new(out, Literals::Wait, false));
                origin
            }
            Self::BinarySize(part) => {
                out.extend_from_slice(b"BINARY.SIZE");
                Section { part, text: None }.write(&mut Encoder::new(out, Literals::Wait, false));
                None
            }
            Self::Body { section, origin } => {
                out.extend_from_slice(b"BODY");
                section.write(&mut Encoder::new(out, Literals::Wait, false));
                origin
            }
            Self::Rfc822 => return out.extend_from_slice(b"RFC822"),
            Self::Rfc822Header => return out.extend_from_slice(b"RFC822.HEADER"),
            Self::Rfc822Text => return out.extend_from_slice(b"RFC822.TEXT"),
        };
        if let Some(origin) = origin {
            out.push(b'<');
            number(out, origin);
            out.push(b'>');
        }
    }
}

fn announce(out: &mut Vec<u8>, octets: u64, binary: bool) {
    out.extend_from_slice(if binary { b"~{" } else { b"{" });
    number(out, octets);
    out.extend_from_slice(b"}\r\n");
}

/// `(\Seen $Junk)`.
pub(crate) fn flag_list<'f>(out: &mut Vec<u8>, flags: impl IntoIterator<Item = Flag<'f>>) {
    out.push(b'(');
    for (i, flag) in flags.into_iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        words::show(out, flag);
    }
    out.push(b')');
}
