//! Writing what FETCH asks for. RFC 9051 §6.4.5 and §7.5.2.
//!
//! A [`Plan`] is a FETCH command that has been made independent of its line, so that it can travel to
//! another thread and live through many parts of a reply. It says what it [`needs`](Plan::needs)
//! to be known of each message, and [`row`](Plan::row) writes a message's response, in as many
//! parts as it takes:
//!
//! ```text
//! let plan = Plan::new(&fetch, mode);
//! let mut place = Place::default();
//! for each message {
//!     while plan.row(&mut place, &facts, &mut source, &mut responses)? == Progress::Part {
//!         send responses.part(), wait for Next, go on with Responses::resume(seam)
//!     }
//!     if responses.is_full() { send responses.part(), wait for Next, … }
//! }
//! plan.done(&place, responses)
//! ```
//!
//! Octets come from a [`Source`], in spans of a message; at most [`PIECE`] at a time, whatever the size
//! of what was asked for. A span that stands in the message as it is (`BODY[1]`, RFC822.TEXT…) is passed
//! through; a part without its transfer encoding (BINARY) is decoded twice, once to count and once
//! to send, so that it is never held whole either.

mod section;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Flag;
use super::command::{By, Fetch, FetchItem};
use super::date::DateTime;
use super::response::message as parts;
use super::response::{Code, Label, Mode, Reply, Responses, Status};
use super::section::{Part, Partial, SectionText};
use crate::mime::section::Wanted;
use crate::mime::structure::Structure;
use crate::mime::{Message, Span};
use section::{Section, Stream, What, read};

/// Octets asked of a [`Source`] at once; headers may be longer, and messages whose structure does not
/// keep the fields that ENVELOPE shows.
pub const PIECE: u32 = 16 * 1024;

/// Where the octets of one message come from.
pub trait Source {
    /// Octets, owned or borrowed.
    type Octets: AsRef<[u8]>;
    /// Why there are none.
    type Error;

    /// The octets of a span, all of them.
    ///
    /// # Errors
    /// If they cannot be had.
    fn read(&mut self, span: Span) -> Result<Self::Octets, Self::Error>;
}

impl<'m> Source for &'m [u8] {
    type Octets = &'m [u8];
    type Error = Broken;

    fn read(&mut self, span: Span) -> Result<&'m [u8], Broken> {
        self.get(span.start as usize..span.end as usize).ok_or(Broken)
    }
}

/// The octets of a message could not be had while a literal was open: the reply must stop here, and
/// the session with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the octets of a message could not be read to their end")
    }
}

impl core::error::Error for Broken {}

/// What is known of a message without reading it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'m> {
    /// Its internal date.
    pub date: DateTime,
    /// Its flags.
    pub flags: &'m [Flag<'m>],
    /// Its mod-sequence.
    pub modseq: u64,
    /// Its flags have changed by this command (`\Seen` was set), so that they must be told.
    pub newly_seen: bool,
    /// Its sequence number.
    pub seq: u32,
    /// How many octets it has.
    pub size: u32,
    /// Its structure, if the plan [needs](Plan::needs) it.
    pub structure: Option<&'m Structure>,
    /// Its UID.
    pub uid: u32,
}

/// What a plan needs beside UID, flags, dates and sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Octets of the message. (ENVELOPE and BODYSTRUCTURE read them only if the structure
    /// does not [keep their fields](Structure::keeps_fields).)
    pub body: bool,
    /// Its structure.
    pub structure: bool,
}

/// A FETCH command, ready to be carried out.
#[derive(Clone, Debug)]
pub struct Plan {
    items: Vec<Item>,
    changed_since: Option<u64>,
    mode: Mode,
}

/// Where [`Plan::row`] stopped.
#[derive(Debug, Default)]
pub struct Place {
    item: usize,
    stream: Option<Stream>,
    /// A part in an unknown transfer encoding was asked for decoded.
    unknown: bool,
    /// Octets could not be read, and NIL was written in their stead.
    missing: bool,
}

/// How far [`Plan::row`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The response is complete.
    Done,
    /// The part is full: call again for the same message, with the next part.
    Part,
}

#[derive(Clone, Debug)]
enum Item {
    Body { extended: bool },
    Envelope,
    Flags,
    InternalDate,
    ModSeq,
    Section(Section),
    Size,
    Uid,
}

impl Plan {
    /// What a FETCH asks for, for a client that enabled `mode`.
    #[must_use]
    pub fn new(fetch: &Fetch<'_>, mode: Mode) -> Self {
        let asked = |wanted: FetchItem<'_>| fetch.items.iter().any(|item| item == wanted);
        let mut items = Vec::new();
        // RFC 9051 §6.4.9: every response to UID FETCH has it.
        if fetch.by == By::Uid && !asked(FetchItem::Uid) {
            items.push(Item::Uid);
        }
        items.extend(fetch.items.iter().map(item));
        // RFC 7162 §3.1: all responses to a client that knows CONDSTORE; §3.1.4.1 for CHANGEDSINCE.
        if (mode.condstore || fetch.changed_since.is_some()) && !asked(FetchItem::ModSeq) {
            items.push(Item::ModSeq);
        }
        Self { items, changed_since: fetch.changed_since, mode }
    }

    /// Whether carrying it out sets `\Seen`: it asks for text, and not only for a peek. It is the caller
    /// who sets it, before the response is written, unless the mailbox was opened by EXAMINE.
    #[must_use]
    pub fn sets_seen(fetch: &Fetch<'_>) -> bool {
        fetch.items.iter().any(|item| match item {
            FetchItem::Binary { peek, .. } | FetchItem::BodySection { peek, .. } => !peek,
            FetchItem::Rfc822 | FetchItem::Rfc822Text => true,
            _ => false,
        })
    }

    /// Whether a message with that mod-sequence is wanted (CHANGEDSINCE, RFC 7162 §3.1.4.1).
    #[must_use]
    pub fn wants(&self, modseq: u64) -> bool {
        self.changed_since.is_none_or(|since| modseq > since)
    }

    /// What must be known of each message.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for item in &self.items {
            match item {
                Item::Body { .. } | Item::Envelope => needs.structure = true,
                Item::Section(section) => {
                    needs.body = true;
                    needs.structure |= !section.is_whole();
                }
                _ => {}
            }
        }
        needs
    }

    /// Writes the response of one message, or its next part.
    ///
    /// # Errors
    /// [`Broken`] if the source failed inside a literal. Answer the question with what was written
    /// ([`Responses::ok`] or any other): the machine sees that octets are missing and ends the session.
    pub fn row<S: Source>(
        &self,
        place: &mut Place,
        facts: &Facts<'_>,
        source: &mut S,
        out: &mut Responses,
    ) -> Result<Progress, Broken> {
        if place.item == 0 && place.stream.is_none() {
            out.open_row(facts.seq);
        }
        loop {
            if let Some(stream) = &mut place.stream {
                if stream.flow(source, out)? == Progress::Part {
                    return Ok(Progress::Part);
                }
                place.stream = None;
                // The header of the next item needs little room, what it announces comes in parts.
            }
            let Some(item) = self.items.get(place.item) else { break };
            place.item += 1;
            self.item(item, place, facts, source, out);
        }
        let told = self.items.iter().any(|item| matches!(item, Item::Flags));
        if facts.newly_seen && !told {
            out.in_row(|row| row.flags(facts.flags.iter().copied()));
        }
        out.close_row();
        place.item = 0;
        Ok(Progress::Done)
    }

    /// The end of the command, by what happened on the way.
    pub fn done(&self, place: &Place, out: Responses) -> Reply {
        if place.missing {
            return out.no(Code::Corruption, "Some messages could not be read");
        }
        if place.unknown {
            // RFC 9051 §6.4.5
            return out.no(Code::UnknownCte, "A part has an encoding that is not known");
        }
        out.done(Status::Ok, None, "Done")
    }

    fn item<S: Source>(
        &self,
        item: &Item,
        place: &mut Place,
        facts: &Facts<'_>,
        source: &mut S,
        out: &mut Responses,
    ) {
        match item {
            Item::Flags => out.in_row(|row| row.flags(facts.flags.iter().copied())),
            Item::InternalDate => out.in_row(|row| row.internal_date(facts.date)),
            Item::ModSeq => out.in_row(|row| row.modseq(facts.modseq)),
            Item::Size => out.in_row(|row| row.size(u64::from(facts.size))),
            Item::Uid => out.in_row(|row| row.uid(facts.uid)),
            Item::Envelope => {
                let utf8 = self.mode.utf8();
                summary(place, facts, source, |message| match message {
                    Some(message) => out.in_row(|row| {
                        row.written("ENVELOPE", |out| {
                            parts::envelope(out, &message.envelope(0), utf8)
                        })
                    }),
                    None => out.in_row(|row| row.written("ENVELOPE", parts::no_envelope)),
                });
            }
            Item::Body { extended } => {
                let name = if *extended { "BODYSTRUCTURE" } else { "BODY" };
                let utf8 = self.mode.utf8();
                summary(place, facts, source, |message| match message {
                    Some(message) => out.in_row(|row| {
                        row.written(name, |out| parts::body(out, message, *extended, utf8))
                    }),
                    None => out.in_row(|row| row.written(name, parts::no_body)),
                });
            }
            Item::Section(section) => section.write(place, facts, source, out),
        }
    }
}

/// Shows the message to what writes ENVELOPE or BODYSTRUCTURE, with its octets only if its structure does
/// not suffice.
fn summary<S: Source>(
    place: &mut Place,
    facts: &Facts<'_>,
    source: &mut S,
    write: impl FnOnce(Option<Message<'_>>),
) {
    match facts.structure {
        Some(structure) if structure.keeps_fields() => write(Some(Message::kept(structure))),
        Some(structure) => match read(source, Span { start: 0, end: facts.size }) {
            Some(octets) => write(Some(Message::new(structure, octets.as_ref()))),
            None => {
                place.missing = true;
                write(None);
            }
        },
        None => {
            place.missing = true;
            write(None);
        }
    }
}

fn item(item: FetchItem<'_>) -> Item {
    let origin = |partial: Option<Partial>| partial.map(|partial| partial.offset);
    Item::Section(match item {
        FetchItem::Binary { part, partial, .. } => {
            let label = Label::Binary { part, origin: origin(partial) };
            Section::new(&label, part, What::Binary, partial)
        }
        FetchItem::BinarySize(part) => {
            Section::new(&Label::BinarySize(part), part, What::BinarySize, None)
        }
        FetchItem::Body => return Item::Body { extended: false },
        FetchItem::BodySection { section, partial, .. } => {
            let names = |with: bool, names: super::List<'_, super::AString<'_>>| What::Fields {
                names: names.iter().map(|name| name.decode().into_owned()).collect(),
                with,
            };
            let what = match section.text {
                None => What::As(Wanted::Whole),
                Some(SectionText::Header) => What::As(Wanted::Header),
                Some(SectionText::HeaderFields(fields)) => names(true, fields),
                Some(SectionText::HeaderFieldsNot(fields)) => names(false, fields),
                Some(SectionText::Mime) => What::As(Wanted::Mime),
                Some(SectionText::Text) => What::As(Wanted::Text),
            };
            let label = Label::Body { section, origin: origin(partial) };
            Section::new(&label, section.part, what, partial)
        }
        FetchItem::BodyStructure => return Item::Body { extended: true },
        FetchItem::Envelope => return Item::Envelope,
        FetchItem::Flags => return Item::Flags,
        FetchItem::InternalDate => return Item::InternalDate,
        FetchItem::ModSeq => return Item::ModSeq,
        FetchItem::Rfc822 => {
            Section::new(&Label::Rfc822, Part::default(), What::As(Wanted::Whole), None)
        }
        FetchItem::Rfc822Header => {
            Section::new(&Label::Rfc822Header, Part::default(), What::As(Wanted::Header), None)
        }
        FetchItem::Rfc822Size => return Item::Size,
        FetchItem::Rfc822Text => {
            Section::new(&Label::Rfc822Text, Part::default(), What::As(Wanted::Text), None)
        }
        FetchItem::Uid => return Item::Uid,
    })
}
