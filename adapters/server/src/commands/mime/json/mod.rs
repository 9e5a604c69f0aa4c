//! All that is known of a message, as one JSON object.
//!
//! - here: the message and its parts
//! - [`head`]: values of header fields
//! - [`report`]: delivery status and its kin
//! - [`security`]: signatures and encryption

mod head;
mod report;
mod security;

use posthaste_core::mime::Span;
use posthaste_core::mime::header::{Field, Name};
use posthaste_core::mime::parameter::Params;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::head::{Authentication, Date, Entry, Hop, List};
use self::security::Protection;
use super::{Place, Shown, places};

/// The object on one line.
pub(super) fn line(shown: &Shown<'_>, file: &str) -> Vec<u8> {
    serde_json::to_vec(&message(shown, file)).unwrap_or_default()
}

#[derive(Serialize)]
struct Message<'a> {
    file: &'a str,
    octets: usize,
    /// A limit was reached: some fields or parts are not listed.
    truncated: bool,
    defects: Vec<&'static str>,
    subject: Option<String>,
    date: Option<Date>,
    message_id: Vec<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
    from: Vec<Entry>,
    sender: Vec<Entry>,
    reply_to: Vec<Entry>,
    to: Vec<Entry>,
    cc: Vec<Entry>,
    bcc: Vec<Entry>,
    return_path: Option<String>,
    /// The last hop first.
    received: Vec<Hop>,
    authentication: Vec<Authentication>,
    /// The tags of each DKIM-Signature.
    dkim: Vec<Map<String, Value>>,
    /// Of a mailing list.
    list: Option<List>,
    keywords: Vec<String>,
    auto_submitted: Option<&'static str>,
    importance: Option<&'static str>,
    report: Option<Value>,
    /// How the message begins for a person.
    preview: Option<String>,
    attachments: Vec<Attachment>,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Attachment {
    section: String,
    media_type: String,
    /// A name that a file may have.
    name: Option<String>,
    /// The name as the sender wrote it, decoded.
    written_name: Option<String>,
    /// It is shown within the text, as pictures in a page are.
    inline: bool,
    octets: Option<u64>,
}

#[derive(Serialize)]
struct Part {
    /// The section of IMAP that is its body.
    section: String,
    /// The section that is its header.
    header_section: String,
    /// The place of the part it stands in, in `parts`.
    parent: Option<usize>,
    media_type: String,
    parameters: Map<String, Value>,
    disposition: Option<Disposition>,
    file_name: Option<String>,
    encoding: String,
    charset: Option<String>,
    id: Option<String>,
    description: Option<String>,
    /// How it is signed or encrypted.
    security: Option<Protection>,
    /// Where its header stands with the empty line, from the first octet to the one behind the last.
    header: [u32; 2],
    body: [u32; 2],
    octets: u32,
    /// Line ends of its body, where IMAP tells them.
    lines: Option<u32>,
    /// What it holds without the transfer encoding; `null` for what has parts, and for an encoding that is not known.
    content: Option<Content>,
    /// How the text begins that a person reads of it; `null` for what is no text.
    preview: Option<String>,
    fields: Vec<Listed>,
}

#[derive(Serialize)]
struct Disposition {
    kind: String,
    parameters: Map<String, Value>,
}

#[derive(Serialize)]
struct Content {
    octets: usize,
    sha256: String,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    span: [u32; 2],
    /// What stands behind the colon, with its folds; octets that are not UTF-8 are U+FFFD.
    raw: String,
    /// The same on one line, encoded words decoded.
    decoded: String,
}

fn message<'a>(shown: &Shown<'_>, file: &'a str) -> Message<'a> {
    let tree = shown.message.structure();
    let places = places(tree);
    let sections: Vec<String> = places.iter().map(|place| place.body.clone()).collect();
    let attachments = shown
        .message
        .attachments()
        .map(|found| Attachment {
            section: sections.get(found.index()).cloned().unwrap_or_default(),
            media_type: shown.media_type(found.index()),
            name: found.name(),
            written_name: found.raw_name().map(Into::into),
            inline: found.is_inline(),
            octets: found.size(),
        })
        .collect();
    let parts = places
        .into_iter()
        .enumerate()
        .map(|(index, place)| part(shown, index, place, &sections))
        .collect();
    let head = shown.message.head(0);
    Message {
        file,
        octets: shown.octets.len(),
        truncated: tree.is_truncated(),
        defects: tree.defects().names().collect(),
        subject: head.subject().map(Into::into),
        date: head.first(Name::Date).map(head::date),
        message_id: head.ids(Name::MessageId).map(|id| text(&id)).collect(),
        in_reply_to: head.in_reply_to().map(|id| text(&id)).collect(),
        references: head.references().map(|id| text(&id)).collect(),
        from: head::entries(head.from()),
        sender: head::entries(head.sender()),
        reply_to: head::entries(head.reply_to()),
        to: head::entries(head.to()),
        cc: head::entries(head.cc()),
        bcc: head::entries(head.bcc()),
        return_path: head.return_path().map(|mailbox| mailbox.address().into()),
        received: head.received().map(|hop| head::hop(&hop)).collect(),
        authentication: head.authentication_results().map(|of| head::authentication(&of)).collect(),
        dkim: head.dkim_signatures().map(head::tags).collect(),
        list: head::list(&head),
        keywords: head.keywords().map(Into::into).collect(),
        auto_submitted: head.auto_submitted().map(head::auto_submitted),
        importance: head.importance().map(head::importance),
        report: report::of(shown),
        preview: shown.message.preview(PREVIEW),
        attachments,
        parts,
    }
}

fn part(shown: &Shown<'_>, index: usize, place: Place, sections: &[String]) -> Part {
    let tree = shown.message.structure();
    let body = shown.message.body_part(index);
    let known = tree.part(index);
    let is_leaf = tree.children(index).next().is_none();
    let types = shown.parameters(index);
    let span = |span: Span| [span.start, span.end];
    let head = shown.message.head(index);
    Part {
        section: place.body,
        header_section: place.header,
        parent: tree.parent(index),
        media_type: shown.media_type(index),
        parameters: parameters(types),
        disposition: head.disposition().map(|found| Disposition {
            kind: text(found.kind).to_ascii_lowercase(),
            parameters: parameters(found.params),
        }),
        file_name: shown.file_name(index),
        encoding: body
            .as_ref()
            .map_or_else(String::new, |body| text(body.encoding()).to_ascii_lowercase()),
        charset: types.decoded("charset").map(std::borrow::Cow::into_owned),
        id: head.content_id().map(|id| text(&id)),
        description: head.description().map(Into::into),
        security: security::of(shown, index, sections),
        header: known.map_or([0; 2], |part| span(part.header())),
        body: known.map_or([0; 2], |part| span(part.body())),
        octets: known.map_or(0, |part| part.body().len()),
        lines: body.as_ref().and_then(|body| body.lines()),
        content: shown.content(index).filter(|_| is_leaf).map(|content| Content {
            octets: content.len(),
            sha256: Sha256::digest(&content).iter().map(|octet| format!("{octet:02x}")).collect(),
        }),
        preview: shown
            .message
            .readable(index)
            .map(|text| text.trim_start().chars().take(PREVIEW).collect()),
        fields: tree
            .fields(index)
            .iter()
            .map(|listed| {
                let field = Field::new(listed.span().of(shown.octets));
                Listed {
                    name: text(field.name()),
                    span: span(listed.span()),
                    raw: text(field.value()),
                    decoded: field.decoded().into(),
                }
            })
            .collect(),
    }
}

/// The parameters by their names, decoded (RFC 2231); the first of two counts.
fn parameters(found: Params<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, _) in found.joined() {
        let name = text(name.strip_suffix(b"*").unwrap_or(&name)).to_ascii_lowercase();
        if !all.contains_key(&name) {
            let value = found.decoded(&name).map(String::from);
            all.insert(name, value.into());
        }
    }
    all
}

/// Characters of a preview at most.
const PREVIEW: usize = 200;

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
