//! From values to octets: what is decided before the first octet leaves ([`Plan`]), and the octets
//! ([`Pieces`]).

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    boundary,
    error::{Fault, Unfit},
    head::Heads,
    part::{Body, Message, Node, Part},
    shape,
};
use crate::{
    grammar::base64,
    mime::{
        Limits,
        structure::Encoding,
        transfer::{Encoder, Form, LINE},
    },
};

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What the boundaries are made of: the same seed gives the same message. Somebody who can guess
    /// it can make no mischief, as a boundary that occurs in a part is not taken.
    pub seed: u64,
    /// Headers may hold UTF-8 as it is (RFC 6532), for transport with SMTPUTF8. Without it they are
    /// ASCII, and addresses that are not are an error.
    pub utf8: bool,
    /// What bodies may look like.
    pub transport: Transport,
    /// Text gets an encoding that survives rewriting of `From ` lines and of blanks at the ends of
    /// lines, as what is signed has to (RFC 3156 §5). [`Part::entity`] sets it by itself.
    pub guarded: bool,
}

impl Options {
    /// ASCII for any transport, with boundaries made of `seed`.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, utf8: false, transport: Transport::SevenBit, guarded: false }
    }
}

/// What a transport takes in a body (RFC 2045 §2.7 to §2.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Lines of ASCII.
    #[default]
    SevenBit,
    /// Lines of octets (8BITMIME, RFC 6152).
    EightBit,
    /// Octets (BINARYMIME, RFC 3030).
    Binary,
}

impl Transport {
    /// Its name as an encoding of parts that are made of parts (RFC 2045 §6.4).
    pub(super) const fn encoding(self) -> Encoding {
        match self {
            Self::SevenBit => Encoding::SevenBit,
            Self::EightBit => Encoding::EightBit,
            Self::Binary => Encoding::Binary,
        }
    }
}

/// A part that is written, with its header: what a signature is made over. Its octets never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    octets: Vec<u8>,
    pub(super) needs: Transport,
    pub(super) utf8: bool,
}

impl Entity {
    /// Its octets: header, empty line, body.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl<'a> Part<'a> {
    /// Writes the part by itself, guarded against what transport does to text, to be
    /// [signed](Self::signed).
    ///
    /// # Errors
    /// What cannot be written.
    pub fn entity(&self, options: &Options) -> Result<Entity, Unfit> {
        let options = Options { guarded: true, transport: Transport::SevenBit, ..*options };
        let plan = Plan::new(self, &options)?;
        let (needs, utf8) = (plan.needs, plan.utf8);
        let mut octets = Vec::new();
        plan.write(&mut octets);
        Ok(Entity { octets, needs, utf8 })
    }
}

impl Message<'_> {
    /// Appends the message to `out`.
    ///
    /// # Errors
    /// What cannot be written; `out` is then as it was.
    pub fn write(&self, options: &Options, out: &mut Vec<u8>) -> Result<(), Unfit> {
        self.plan(options)?.write(out);
        Ok(())
    }

    /// Decides how the message is written, so that it can be written piece by piece.
    ///
    /// # Errors
    /// What cannot be written: a missing Date or From, an address that is not ASCII without
    /// [`Options::utf8`], an embedded message that the transport does not take …
    pub fn plan(&self, options: &Options) -> Result<Plan<'_>, Unfit> {
        Plan::new(&self.0, options)
    }
}

/// A message of which everything is decided: headers and delimiters are written, bodies are known by
/// where they are and how they will be encoded.
#[derive(Clone, Debug)]
pub struct Plan<'m> {
    /// Headers and delimiters, end to end.
    glue: Vec<u8>,
    steps: Vec<Step<'m>>,
    needs: Transport,
    utf8: bool,
}

/// Some of the glue, and the body that follows it.
#[derive(Clone, Debug)]
struct Step<'m> {
    glue: Range<usize>,
    body: &'m [u8],
    encoding: Encoding,
    form: Form,
}

impl<'m> Plan<'m> {
    fn new(part: &'m Part<'_>, options: &Options) -> Result<Self, Unfit> {
        let nodes = part.nodes.as_slice();
        let encodings = nodes.iter().map(|node| shape::encoding(node, options));
        let encodings = encodings.collect::<Result<Vec<_>, _>>()?;
        let token = boundary::token(nodes, &encodings, options.seed);
        let heads = Heads::of(nodes, &encodings, &token, options.utf8)?;
        let mut plan = Self {
            glue: Vec::with_capacity(heads.octets.len() + nodes.len() * 64),
            steps: Vec::with_capacity(nodes.len() + 1),
            needs: heads.of.first().map_or(Transport::SevenBit, |head| head.needs),
            utf8: heads.of.first().is_some_and(|head| head.utf8),
        };
        plan.join(nodes, &encodings, &heads, &token)?;
        Ok(plan)
    }

    /// Whether a header holds UTF-8, so that only SMTPUTF8 may carry it (RFC 6531).
    #[must_use]
    pub const fn utf8(&self) -> bool {
        self.utf8
    }

    /// What the transport has to take.
    #[must_use]
    pub const fn needs(&self) -> Transport {
        self.needs
    }

    /// How many octets will be written. Bodies in quoted-printable are encoded for this; all else
    /// costs nothing.
    #[must_use]
    pub fn size(&self) -> u64 {
        let bodies = self.steps.iter().map(|step| match step.encoding {
            Encoding::Base64 => {
                let text = base64::encoded_len(step.body.len());
                text + text.div_ceil(LINE).saturating_sub(1) * 2
            }
            Encoding::QuotedPrintable => {
                let (mut octets, mut piece) = (0, Vec::with_capacity(3 * PIECE));
                let mut source = Source::new(step);
                loop {
                    let more = source.next(&mut piece);
                    octets += piece.len();
                    piece.clear();
                    if !more {
                        break octets;
                    }
                }
            }
            _ => step.body.len(),
        });
        bodies.map(|octets| octets as u64).sum::<u64>() + self.glue.len() as u64
    }

    /// Appends all of it to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let bodies = self.steps.iter().map(|step| match step.encoding {
            Encoding::Base64 => step.body.len() / 5 * 7,
            _ => step.body.len(),
        });
        out.reserve(self.glue.len() + bodies.sum::<usize>());
        let mut pieces = self.pieces();
        while pieces.next(out) {}
    }

    /// Walks it in pieces.
    #[must_use]
    pub fn pieces(&self) -> Pieces<'_> {
        Pieces { plan: self, step: 0, source: None }
    }

    /// Puts headers, delimiters and bodies into their order.
    fn join(
        &mut self,
        nodes: &'m [Node<'_>],
        encodings: &[Encoding],
        heads: &Heads,
        token: &[u8],
    ) -> Result<(), Unfit> {
        let mut open: Vec<Open> = Vec::new();
        for (at, ((node, encoding), head)) in nodes.iter().zip(encodings).zip(&heads.of).enumerate()
        {
            self.close(at, &mut open, token);
            if let Some(Open { number: Some(number), begun, .. }) = open.last_mut() {
                // The line end before a delimiter is part of it (RFC 2046 §5.1.1); the empty line
                // of the header is one too.
                if core::mem::replace(begun, true) {
                    self.glue.extend_from_slice(b"\r\n");
                }
                boundary::delimiter(token, *number, &mut self.glue);
                self.glue.extend_from_slice(b"\r\n");
            }
            self.glue.extend_from_slice(heads.octets.get(head.at.clone()).unwrap_or_default());
            let within = Open { end: at + node.size, number: None, begun: false };
            match &node.body {
                Body::Multipart => open.push(Open { number: Some(at), ..within }),
                Body::Message => open.push(within),
                Body::Text(body) | Body::Foreign(body) => {
                    self.body(body, *encoding, Form::Text, &open);
                }
                Body::Octets(body) => self.body(body, *encoding, Form::Binary, &open),
                Body::Entity(entity) => self.step(entity.octets(), *encoding, Form::Text),
            }
            if open.len() > DEPTH {
                return Err(Unfit::new("parts within parts", Fault::Long(DEPTH)));
            }
        }
        self.close(nodes.len(), &mut open, token);
        self.step(&[], Encoding::SevenBit, Form::Text);
        Ok(())
    }

    /// Ends the parts that have no more parts within them at node `at`.
    fn close(&mut self, at: usize, open: &mut Vec<Open>, token: &[u8]) {
        while let Some(last) = open.pop_if(|last| last.end <= at) {
            if let Some(number) = last.number {
                self.glue.extend_from_slice(b"\r\n");
                boundary::delimiter(token, number, &mut self.glue);
                self.glue.extend_from_slice(b"--");
                if open.iter().all(|open| open.number.is_none()) {
                    self.glue.extend_from_slice(b"\r\n");
                }
            }
        }
    }

    fn body(&mut self, body: &'m [u8], encoding: Encoding, form: Form, open: &[Open]) {
        self.step(body, encoding, form);
        // Where no delimiter follows, the last line wants an end of its own.
        let alone = open.iter().all(|open| open.number.is_none());
        let is_ended = match encoding {
            Encoding::Binary => true,
            Encoding::Base64 => body.is_empty(),
            _ => body.is_empty() || body.ends_with(b"\r\n"),
        };
        if alone && !is_ended {
            self.glue.extend_from_slice(b"\r\n");
        }
    }

    /// The glue so far, then `body`.
    fn step(&mut self, body: &'m [u8], encoding: Encoding, form: Form) {
        let start = self.steps.last().map_or(0, |step| step.glue.end);
        self.steps.push(Step { glue: start..self.glue.len(), body, encoding, form });
    }
}

/// A part that is made of parts and has not ended.
struct Open {
    /// The first node behind it.
    end: usize,
    /// What tells its boundary from others, if it has one.
    number: Option<usize>,
    /// A delimiter stands before.
    begun: bool,
}

/// Parts within parts at most: as deep as [`Limits::DEFAULT`] has them read.
pub const DEPTH: usize = Limits::DEFAULT.mime_depth as usize;
/// Parts of a message at most.
pub const PARTS: usize = Limits::DEFAULT.mime_parts as usize;
/// Octets of content that are encoded at a time.
const PIECE: usize = 16 << 10;

/// Walks a message in pieces of some 16 KiB; see [`Plan::pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'p> {
    plan: &'p Plan<'p>,
    step: usize,
    source: Option<Source<'p>>,
}

impl Pieces<'_> {
    /// Appends the next piece to `out`: at most the headers between two bodies and 48 KiB. `false`
    /// if that was the last.
    pub fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(step) = self.plan.steps.get(self.step) else { return false };
        if self.source.is_none() {
            out.extend_from_slice(self.plan.glue.get(step.glue.clone()).unwrap_or_default());
        }
        let source = self.source.get_or_insert_with(|| Source::new(step));
        if !source.next(out) {
            self.source = None;
            self.step += 1;
        }
        self.step < self.plan.steps.len()
    }
}

/// A body that is being encoded.
#[derive(Clone, Debug)]
struct Source<'p> {
    rest: &'p [u8],
    encoder: Option<Encoder>,
}

impl<'p> Source<'p> {
    fn new(step: &Step<'p>) -> Self {
        Self { rest: step.body, encoder: Encoder::new(step.encoding, step.form) }
    }

    /// Appends the next piece to `out`; `false` if that was the last.
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(encoder) = &mut self.encoder else { return false };
        let (piece, rest) = self.rest.split_at(self.rest.len().min(PIECE));
        self.rest = rest;
        encoder.feed(piece, out);
        if rest.is_empty() {
            encoder.finish(out);
        }
        !rest.is_empty()
    }
}
