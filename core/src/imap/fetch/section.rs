//! Sections of a message: `BODY[…]`, `BINARY[…]` and what stands for them, as they flow.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Broken, Facts, PIECE, Place, Progress, Source};
use crate::imap::response::{Label, Responses};
use crate::imap::section::{Part, Partial};
use crate::mime::section::Wanted;
use crate::mime::structure::Encoding;
use crate::mime::transfer::Decoder;
use crate::mime::{Span, header};

/// What `BODY[…]` and its like ask for.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// As the client wrote it: `BODY[1.TEXT]<0>`.
    pub(super) label: Vec<u8>,
    pub(super) path: SmallVec<[u32; 6]>,
    pub(super) what: What,
    pub(super) partial: Option<Partial>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// Octets as they stand.
    As(Wanted),
    /// Without the transfer encoding.
    Binary,
    /// How many octets that would be.
    BinarySize,
    /// Fields of a header that have one of these names, or none of them.
    Fields { names: Vec<Vec<u8>>, with: bool },
}

/// What is left of an open literal.
#[derive(Debug)]
pub(super) enum Stream {
    /// Octets without their transfer encoding; so many of them come before what was asked for.
    Decoded { span: Span, decoder: Decoder, skip: u64 },
    /// Octets at hand.
    Held { octets: Vec<u8>, at: usize },
    /// Octets of the message.
    Span(Span),
}

impl Section {
    pub(super) fn new(
        label: &Label<'_>,
        part: Part<'_>,
        what: What,
        partial: Option<Partial>,
    ) -> Self {
        let mut name = Vec::new();
        label.write(&mut name);
        Self { label: name, path: part.iter().map(|n| n.get()).collect(), what, partial }
    }

    /// Whether it is the message itself, for which no structure is needed.
    pub(super) fn is_whole(&self) -> bool {
        self.path.is_empty()
            && matches!(self.what, What::As(Wanted::Whole) | What::Binary | What::BinarySize)
    }

    /// Where it stands in the message; the header, for fields of one.
    fn span(&self, facts: &Facts<'_>) -> Option<Span> {
        if self.is_whole() {
            return Some(Span { start: 0, end: facts.size });
        }
        let wanted = match &self.what {
            What::As(wanted) => *wanted,
            What::Binary | What::BinarySize => Wanted::Whole,
            What::Fields { .. } => Wanted::Header,
        };
        facts.structure?.section(&self.path, wanted)
    }

    /// Announces it, and keeps what has to flow behind the announcement.
    pub(super) fn write<S: Source>(
        &self,
        place: &mut Place,
        facts: &Facts<'_>,
        source: &mut S,
        out: &mut Responses,
    ) {
        let Some(span) = self.span(facts) else {
            return if let What::BinarySize = self.what {
                out.in_row(|row| row.counted(&self.label, 0));
            } else {
                out.in_row(|row| row.nil(&self.label));
            };
        };
        let made = match &self.what {
            What::As(_) => self.plain(span, source),
            What::Binary | What::BinarySize => {
                let encoding = (!self.is_whole())
                    .then(|| facts.structure?.part(facts.structure?.find(&self.path)?))
                    .flatten()
                    .map(|part| part.encoding());
                match encoding {
                    Some(encoding) if !encoding.is_identity() => {
                        let Some(decoder) = Decoder::new(encoding) else {
                            place.unknown = true;
                            return out.in_row(|row| row.nil(&self.label));
                        };
                        self.decoded(span, decoder, encoding, source)
                    }
                    _ => self.plain_binary(span, source),
                }
            }
            What::Fields { names, with } => match read(source, span) {
                Some(octets) => {
                    let mut fields: Vec<u8> =
                        header::select(octets.as_ref(), names, *with).flatten().copied().collect();
                    // RFC 9051 §7.5.2: the empty line is there unless the message ends without one.
                    let header = octets.as_ref();
                    if span.end < facts.size || header.ends_with(b"\r\n\r\n") || header == b"\r\n" {
                        fields.extend_from_slice(b"\r\n");
                    }
                    let (from, to) = self.range(fields.len() as u64);
                    fields.truncate(to as usize);
                    Some((to - from, false, Stream::Held { octets: fields, at: from as usize }))
                }
                None => None,
            },
        };
        let Some((octets, binary, stream)) = made else {
            place.missing = true;
            return if let What::BinarySize = self.what {
                out.in_row(|row| row.counted(&self.label, 0));
            } else {
                out.in_row(|row| row.nil(&self.label));
            };
        };
        if let What::BinarySize = self.what {
            return out.in_row(|row| row.counted(&self.label, octets));
        }
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        out.announce(&self.label, octets, binary);
        place.stream = Some(stream);
    }

    /// Octets as they stand. The first piece is read now: once a literal is announced there is no way
    /// back.
    fn plain<S: Source>(&self, span: Span, source: &mut S) -> Option<(u64, bool, Stream)> {
        let (from, to) = self.range(u64::from(span.len()));
        // Both are offsets in the span.
        let span = Span { start: span.start + from as u32, end: span.start + to as u32 };
        read(source, first(span))?;
        Some((to - from, false, Stream::Span(span)))
    }

    /// The same, which may hold NUL.
    fn plain_binary<S: Source>(&self, span: Span, source: &mut S) -> Option<(u64, bool, Stream)> {
        let (from, to) = self.range(u64::from(span.len()));
        let span = Span { start: span.start + from as u32, end: span.start + to as u32 };
        let mut nul = false;
        let mut rest = span;
        while !rest.is_empty() && !nul {
            nul = read(source, first(rest))?.as_ref().contains(&0);
            rest.start = first(rest).end;
        }
        Some((to - from, nul, Stream::Span(span)))
    }

    /// Octets without their transfer encoding, counted by decoding them.
    fn decoded<S: Source>(
        &self,
        span: Span,
        mut decoder: Decoder,
        encoding: Encoding,
        source: &mut S,
    ) -> Option<(u64, bool, Stream)> {
        let (mut total, mut nul) = (0_u64, false);
        let (mut rest, mut piece) = (span, Vec::new());
        loop {
            if rest.is_empty() {
                decoder.finish(&mut piece);
            } else {
                decoder.feed(read(source, first(rest))?.as_ref(), &mut piece);
            }
            total += piece.len() as u64;
            nul |= piece.contains(&0);
            piece.clear();
            if rest.is_empty() {
                break;
            }
            rest.start = first(rest).end;
        }
        let (from, to) = self.range(total);
        let decoder = Decoder::new(encoding)?;
        Some((to - from, nul, Stream::Decoded { span, decoder, skip: from }))
    }

    /// Which octets of so many are wanted (`<offset.length>`).
    fn range(&self, octets: u64) -> (u64, u64) {
        match self.partial {
            Some(Partial { offset, length }) => {
                let from = offset.min(octets);
                (from, from.saturating_add(length.get()).min(octets))
            }
            None => (0, octets),
        }
    }
}

impl Stream {
    /// Writes octets until the part is full or the literal is complete.
    pub(super) fn flow<S: Source>(
        &mut self,
        source: &mut S,
        out: &mut Responses,
    ) -> Result<Progress, Broken> {
        while out.left() > 0 {
            if out.is_full() {
                return Ok(Progress::Part);
            }
            match self {
                Self::Held { octets, at } => {
                    let rest = octets.get(*at..).filter(|rest| !rest.is_empty()).ok_or(Broken)?;
                    let piece = rest.get(..rest.len().min(PIECE as usize)).unwrap_or(rest);
                    *at += out.chunk(piece);
                }
                Self::Span(span) => {
                    if span.is_empty() {
                        return Err(Broken);
                    }
                    let piece = first(*span);
                    out.chunk(read(source, piece).ok_or(Broken)?.as_ref());
                    span.start = piece.end;
                }
                Self::Decoded { span, decoder, skip } => {
                    let mut piece = Vec::new();
                    let last = span.is_empty();
                    if last {
                        decoder.finish(&mut piece);
                    } else {
                        let from = first(*span);
                        decoder.feed(read(source, from).ok_or(Broken)?.as_ref(), &mut piece);
                        span.start = from.end;
                    }
                    let passed = (*skip).min(piece.len() as u64);
                    *skip -= passed;
                    // No more than the piece has.
                    out.chunk(piece.get(passed as usize..).unwrap_or_default());
                    if last && out.left() > 0 {
                        return Err(Broken);
                    }
                }
            }
        }
        Ok(Progress::Done)
    }
}

/// The first piece of a span.
fn first(span: Span) -> Span {
    Span { start: span.start, end: span.end.min(span.start.saturating_add(PIECE)) }
}

/// The octets of a span; `None` if they cannot be had or are not all of them.
pub(super) fn read<S: Source>(source: &mut S, span: Span) -> Option<S::Octets> {
    source.read(span).ok().filter(|octets| octets.as_ref().len() == span.len() as usize)
}
