//! How header fields and bodies are searched: decoded, folded, by substring.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use memchr::memmem;

use super::{Order, Test};
use crate::imap::Flag;
use crate::imap::fetch::{Facts, Source};
use crate::mime::date::DateTime;
use crate::mime::header::{self, Name};
use crate::mime::parameter::ContentType;
use crate::mime::structure::{Kind, Part, Structure};
use crate::mime::{Message, Span, charset, encoded_word, text};

/// A header field that holds a text; an empty text means that the field is there.
#[derive(Clone, Debug)]
pub(super) struct Field {
    name: Box<[u8]>,
    needle: String,
}

impl Field {
    pub(super) fn new(name: &[u8], needle: String) -> Self {
        Self { name: name.into(), needle }
    }
}

/// A text in the body, or anywhere.
#[derive(Clone, Debug)]
pub(super) struct Text {
    needle: String,
    /// Not in the header of the message.
    body: bool,
}

impl Text {
    pub(super) const fn body(needle: String) -> Self {
        Self { needle, body: true }
    }

    pub(super) const fn all(needle: String) -> Self {
        Self { needle, body: false }
    }
}

/// A message while it is judged: what was read of it is kept.
pub(super) struct Reader<'m, S: Source> {
    structure: Option<&'m Structure>,
    source: &'m mut S,
    header: Option<Vec<u8>>,
    /// The bodies that can be searched, decoded and folded.
    texts: Option<Vec<String>>,
    /// The header fields of parts, and of messages within, decoded and folded.
    fields: Option<Vec<String>>,
}

impl<'m, S: Source> Reader<'m, S> {
    pub(super) const fn new(facts: &Facts<'m>, source: &'m mut S) -> Self {
        Self { structure: facts.structure, source, header: None, texts: None, fields: None }
    }

    pub(super) fn test(&mut self, facts: &Facts<'_>, test: &Test) -> Result<bool, S::Error> {
        Ok(match test {
            Test::All => true,
            Test::Date(order, day) => order.holds(facts.date.date().days(), *day),
            Test::Flag(name) => facts
                .flags
                .iter()
                .any(|flag| matches!(flag, Flag::Keyword(known) if known.is(name))),
            Test::Header(field) => self.has(field)?,
            Test::Larger(size) => u64::from(facts.size) > *size,
            Test::ModSeq(since) => facts.modseq >= *since,
            Test::Recent => facts
                .flags
                .iter()
                .any(|flag| matches!(flag, Flag::Extension(name) if name.is("Recent"))),
            Test::Sent(order, day) => self.sent(facts, *order, *day)?,
            Test::Sequence(set) => set.contains(facts.seq),
            Test::Smaller(size) => u64::from(facts.size) < *size,
            Test::System(flag) => facts.flags.contains(flag),
            Test::Text(text) => self.holds(text)?,
        })
    }

    /// Whether a header field is there and holds the text.
    fn has(&mut self, field: &Field) -> Result<bool, S::Error> {
        let matches = |found: &header::Field<'_>| {
            found.is(&field.name) && holds(&field_text(found), &field.needle)
        };
        // Those that ENVELOPE shows are known without the message.
        if let Some(structure) = self.structure
            && structure.keeps_fields()
            && Name::of(&field.name).in_envelope()
        {
            return Ok(Message::kept(structure).fields(0).any(|found| matches(&found)));
        }
        let header = self.header()?;
        Ok(header::fields(header).any(|found| matches(&found)))
    }

    /// Whether the message was sent then: by its Date field, or, if it has none that can be read, by its
    /// internal date.
    fn sent(&mut self, facts: &Facts<'_>, order: Order, day: i64) -> Result<bool, S::Error> {
        let parse = |found: header::Field<'_>| DateTime::parse(&found.unfolded());
        let date = match self.structure {
            Some(structure) if structure.keeps_fields() => {
                Message::kept(structure).field(0, Name::Date).and_then(parse)
            }
            _ => {
                let header = self.header()?;
                header::fields(header).find(|found| found.kind() == Name::Date).and_then(parse)
            }
        };
        // RFC 9051 §6.4.4: disregarding time and zone.
        let sent = date.map_or_else(|| facts.date.date().days(), |date| date.days());
        Ok(order.holds(sent, day))
    }

    /// Whether the text is in the body, or in the header where that counts.
    fn holds(&mut self, text: &Text) -> Result<bool, S::Error> {
        if text.needle.is_empty() {
            return Ok(true);
        }
        if !text.body {
            let header = self.header()?;
            if header::fields(header).any(|found| holds(&field_line(&found), &text.needle)) {
                return Ok(true);
            }
            // RFC 9051 §6.4.4: TEXT looks at MIME header fields too, BODY at no header field at all.
            if self.fields()?.iter().any(|line| find(line, &text.needle)) {
                return Ok(true);
            }
        }
        Ok(self.texts()?.iter().any(|part| find(part, &text.needle)))
    }

    fn header(&mut self) -> Result<&[u8], S::Error> {
        if self.header.is_none() {
            let span = self.structure.and_then(|structure| structure.part(0)).map(|p| p.header());
            self.header = Some(self.source.read(span.unwrap_or_default())?.as_ref().to_vec());
        }
        Ok(self.header.as_deref().unwrap_or_default())
    }

    fn texts(&mut self) -> Result<&[String], S::Error> {
        if self.texts.is_none() {
            let mut texts = Vec::new();
            if let Some(structure) = self.structure {
                for (index, part) in structure.parts().iter().enumerate() {
                    if !self.is_text(structure, index)? {
                        continue;
                    }
                    let body = self.source.read(part.body())?;
                    let label = self.label(structure, index)?;
                    texts.push(fold(&text::decode(part.encoding(), &label, body.as_ref())));
                }
            }
            self.texts = Some(texts);
        }
        Ok(self.texts.as_deref().unwrap_or_default())
    }

    fn fields(&mut self) -> Result<&[String], S::Error> {
        if self.fields.is_none() {
            let mut fields = Vec::new();
            for part in self.structure.iter().flat_map(|structure| structure.parts()).skip(1) {
                let header = self.source.read(part.header())?;
                let lines = header::fields(header.as_ref()).map(|found| fold(&field_line(&found)));
                fields.extend(lines);
            }
            self.fields = Some(fields);
        }
        Ok(self.fields.as_deref().unwrap_or_default())
    }

    /// Whether the body of a part is for people to read: a text, a report (`message/delivery-status`),
    /// or a multipart in which no part was found.
    fn is_text(&mut self, structure: &Structure, index: usize) -> Result<bool, S::Error> {
        let Some(kind) = structure.part(index).map(Part::kind) else { return Ok(false) };
        let has_parts = structure.children(index).next().is_some();
        // Only what is no text and no multipart has to be asked for its type.
        let media = match kind {
            Kind::Other => self.content_type(structure, index, |found| found.kind.to_vec())?,
            _ => None,
        };
        Ok(text::holds_text(kind, has_parts, || media))
    }

    /// The charset that a part says it is in; nothing if it does not.
    fn label(&mut self, structure: &Structure, index: usize) -> Result<Vec<u8>, S::Error> {
        let label = self.content_type(structure, index, |kind| {
            kind.params.raw("charset").map(Cow::into_owned)
        })?;
        Ok(label.flatten().unwrap_or_default())
    }

    /// What a part's Content-Type says; `None` if it has none that can be read.
    fn content_type<T>(
        &mut self,
        structure: &Structure,
        index: usize,
        see: impl FnOnce(&ContentType<'_>) -> T,
    ) -> Result<Option<T>, S::Error> {
        let parse = |found: header::Field<'_>| Some(see(&ContentType::parse(found.value())?));
        if structure.keeps_fields() {
            let found = Message::kept(structure).field(index, Name::ContentType);
            return Ok(found.and_then(parse));
        }
        let span = structure.part(index).map_or(Span::default(), |part| part.header());
        let header = self.source.read(span)?;
        let found = header::fields(header.as_ref()).find(|found| found.kind() == Name::ContentType);
        Ok(found.and_then(parse))
    }
}

/// Text without regard to case: what is compared, for needle and haystack alike.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The value of a field for people.
fn field_text<'f>(field: &header::Field<'f>) -> Cow<'f, str> {
    encoded_word::decode(field.value())
}

/// The whole field for people, name included.
fn field_line(field: &header::Field<'_>) -> String {
    let mut line = charset::guess(field.name()).into_owned();
    line.push_str(": ");
    line.push_str(&field_text(field));
    line
}

/// Whether text holds a folded needle.
fn holds(text: &str, needle: &str) -> bool {
    needle.is_empty() || find(&fold(text), needle)
}

fn find(folded: &str, needle: &str) -> bool {
    memmem::find(folded.as_bytes(), needle.as_bytes()).is_some()
}
