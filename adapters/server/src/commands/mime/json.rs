//! All that is known of a message, as one JSON object.

use posthaste_core::mime::address::{self, Address};
use posthaste_core::mime::date::DateTime;
use posthaste_core::mime::header::{Field, Name};
use posthaste_core::mime::message_id;
use posthaste_core::mime::parameter::Params;
use posthaste_core::mime::{HEADER_ADDRESSES, Span, encoded_word};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

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
    attachments: Vec<Attachment>,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Date {
    raw: String,
    /// RFC 3339; `null` if it is no date.
    rfc3339: Option<String>,
    /// Seconds since 1970.
    unix: Option<i64>,
}

/// A mailbox or a group.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Mailbox {
        name: Option<String>,
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
    },
    Group {
        group: String,
        members: Vec<Entry>,
    },
}

#[derive(Serialize)]
struct Attachment {
    section: String,
    media_type: String,
    name: String,
    octets: Option<usize>,
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
    let parts: Vec<Part> = places(tree)
        .into_iter()
        .enumerate()
        .map(|(index, place)| part(shown, index, place))
        .collect();
    let attachments = parts
        .iter()
        .filter_map(|part| {
            Some(Attachment {
                section: part.section.clone(),
                media_type: part.media_type.clone(),
                name: part.file_name.clone()?,
                octets: part.content.as_ref().map(|content| content.octets),
            })
        })
        .collect();
    let field = |name| shown.message.field(0, name);
    Message {
        file,
        octets: shown.octets.len(),
        truncated: tree.is_truncated(),
        defects: tree.defects().names().collect(),
        subject: field(Name::Subject).map(|field| encoded_word::decode(field.value()).into_owned()),
        date: field(Name::Date).map(date),
        message_id: ids(field(Name::MessageId)),
        in_reply_to: ids(field(Name::InReplyTo)),
        references: ids(field(Name::References)),
        from: entries(shown, Name::From),
        sender: entries(shown, Name::Sender),
        reply_to: entries(shown, Name::ReplyTo),
        to: entries(shown, Name::To),
        cc: entries(shown, Name::Cc),
        bcc: entries(shown, Name::Bcc),
        attachments,
        parts,
    }
}

fn part(shown: &Shown<'_>, index: usize, place: Place) -> Part {
    let tree = shown.message.structure();
    let body = shown.message.body_part(index);
    let known = tree.part(index);
    let is_leaf = tree.children(index).next().is_none();
    let types = shown.parameters(index);
    let span = |span: Span| [span.start, span.end];
    let line = |field: Name| {
        let field = shown.message.field(index, field)?;
        Some(encoded_word::decode(field.value()).into_owned())
    };
    Part {
        section: place.body,
        header_section: place.header,
        parent: tree.parent(index),
        media_type: shown.media_type(index),
        parameters: parameters(types),
        disposition: shown.disposition(index).map(|found| Disposition {
            kind: text(found.kind).to_ascii_lowercase(),
            parameters: parameters(found.params),
        }),
        file_name: shown.file_name(index),
        encoding: body
            .as_ref()
            .map_or_else(String::new, |body| text(body.encoding()).to_ascii_lowercase()),
        charset: types.decoded("charset").map(std::borrow::Cow::into_owned),
        id: line(Name::ContentId),
        description: line(Name::ContentDescription),
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
                    decoded: encoded_word::decode(field.value()).into_owned(),
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
            let value = found.decoded(&name);
            all.insert(name, value.into());
        }
    }
    all
}

fn date(field: Field<'_>) -> Date {
    let found = DateTime::parse(field.value());
    Date {
        raw: text(&field.unfolded()),
        rfc3339: found.map(|at| {
            let (sign, offset) = (if at.offset < 0 { '-' } else { '+' }, at.offset.unsigned_abs());
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
                at.year,
                at.month,
                at.day,
                at.hour,
                at.minute,
                at.second,
                offset / 60,
                offset % 60
            )
        }),
        unix: found.map(|at| at.unix()),
    }
}

fn ids(field: Option<Field<'_>>) -> Vec<String> {
    field.map_or_else(Vec::new, |field| {
        message_id::message_ids(field.value()).map(|id| text(&id)).collect()
    })
}

/// The addresses of all fields of this name, where there may be several (RFC 5322 §3.6, §4.5.3).
fn entries(shown: &Shown<'_>, name: Name) -> Vec<Entry> {
    let only_first = matches!(name, Name::From | Name::Sender | Name::ReplyTo);
    let fields = shown.message.fields(0).filter(|(found, _)| *found == name);
    let mut all = Vec::new();
    let mut group: Option<(String, Vec<Entry>)> = None;
    let most = if only_first { 1 } else { usize::MAX };
    let listed = fields.take(most).flat_map(|(_, field)| address::addresses(field.value()));
    for address in listed.take(HEADER_ADDRESSES) {
        match address {
            Address::Group(found) => {
                let name = encoded_word::decode(&found.name()).into_owned();
                group = Some((name, Vec::new()));
            }
            Address::GroupEnd => {
                if let Some((group, members)) = group.take() {
                    all.push(Entry::Group { group, members });
                }
            }
            Address::Mailbox(mailbox) => {
                let mut address = text(&mailbox.local());
                if let Some(domain) = mailbox.domain() {
                    address.push('@');
                    address.push_str(&text(&domain));
                }
                let entry = Entry::Mailbox {
                    name: mailbox.display().map(|name| name.into_owned()),
                    address,
                    route: mailbox.route().map(|route| text(&route)),
                };
                match &mut group {
                    Some((_, members)) => members.push(entry),
                    None => all.push(entry),
                }
            }
        }
    }
    if let Some((group, members)) = group {
        all.push(Entry::Group { group, members });
    }
    all
}

/// Characters of a preview at most.
const PREVIEW: usize = 200;

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
