//! The work that is measured. Each closure keeps its storage from message to message, as a session
//! does, and gives a number that depends on what it found, so that nothing is left out.

use posthaste_core::imap::response;
use posthaste_core::mime::{
    Limits, Message, Scanner, Structure,
    address::{self, Address},
    charset,
    date::DateTime,
    encoded_word,
    header::{Field, Name},
    message_id,
    parameter::{ContentType, Disposition},
    received::Received,
    structure::Kind,
    transfer::Decoder,
};

/// Scans a message in pieces of so many octets, in storage that is used again.
pub fn structure(piece: usize, keeps: bool) -> impl FnMut(&[u8]) -> usize {
    let mut scanner = Scanner::new(Limits::DEFAULT);
    if keeps {
        scanner = scanner.keep_fields();
    }
    move |message| {
        message.chunks(piece.min(message.len().max(1))).for_each(|piece| scanner.feed(piece));
        let tree = scanner.finish();
        let parts = tree.parts().len();
        scanner.recycle(tree);
        parts
    }
}

/// Scans a message in new storage.
#[must_use]
pub fn cold(message: &[u8]) -> usize {
    Structure::of(message).parts().len()
}

/// Scans a message in storage that is used again, then `look`s at it.
fn scanned(
    mut look: impl FnMut(&Structure, Message<'_>, &[u8]) -> usize,
) -> impl FnMut(&[u8]) -> usize {
    let mut scanner = Scanner::new(Limits::DEFAULT);
    move |bytes| {
        scanner.feed(bytes);
        let tree = scanner.finish();
        let found = look(&tree, Message::new(&tree, bytes), bytes);
        scanner.recycle(tree);
        found
    }
}

/// Structure, and the fields of ENVELOPE decoded, in every part that has them.
pub fn envelope_fields() -> impl FnMut(&[u8]) -> usize {
    scanned(|tree, _, bytes| {
        let fields = (0..tree.parts().len()).flat_map(|part| tree.fields(part));
        fields
            .filter(|field| field.name().in_envelope())
            .map(|field| value(&Field::listed(field.name(), field.span().of(bytes))))
            .sum()
    })
}

/// Decodes the value of a field into its type, and looks at each of its values.
fn value(field: &Field<'_>) -> usize {
    match field.kind() {
        Name::Date | Name::ResentDate => {
            DateTime::parse(field.value()).map_or(0, |date| date.unix() as usize & 1)
        }
        Name::From
        | Name::Sender
        | Name::ReplyTo
        | Name::To
        | Name::Cc
        | Name::Bcc
        | Name::ResentFrom
        | Name::ResentSender
        | Name::ResentTo
        | Name::ResentCc
        | Name::ResentBcc
        | Name::ListId
        | Name::ListUnsubscribe
        | Name::ListPost
        | Name::ListArchive
        | Name::ListHelp
        | Name::ListOwner
        | Name::ListSubscribe => addresses(field.value()),
        Name::MessageId
        | Name::InReplyTo
        | Name::References
        | Name::ReturnPath
        | Name::ContentId
        | Name::ResentMessageId => message_id::message_ids(field.value()).map(|id| id.len()).sum(),
        Name::Received => received(&Received::parse(field.value())),
        Name::ContentType => ContentType::parse(field.value()).map_or(0, |found| media(&found)),
        Name::ContentDisposition => Disposition::parse(field.value()).map_or(0, |found| {
            let params = found.params.joined();
            found.kind.len() + params.iter().map(|(_, value)| value.len()).sum::<usize>()
        }),
        Name::Subject
        | Name::Comments
        | Name::Keywords
        | Name::ContentDescription
        | Name::ContentLanguage
        | Name::ContentLocation => encoded_word::decode(field.value()).len(),
        _ => field.value().len(),
    }
}

/// Looks at a media type and its parameters.
fn media(found: &ContentType<'_>) -> usize {
    let params = found.params.joined();
    found.kind.len() + params.iter().map(|(_, value)| value.len()).sum::<usize>()
}

/// Looks at all that a Received field says.
fn received(field: &Received<'_>) -> usize {
    let names = [field.from(), field.helo(), field.reverse_name(), field.by(), field.id()];
    names.iter().flatten().map(|name| name.len()).sum::<usize>()
        + usize::from(field.ip().is_some())
        + usize::from(field.by_ip().is_some())
        + field.via().map_or(0, |via| via.len())
        + field.with().map_or(0, |with| with.len())
        + field.recipients().map(|mailbox| mailbox.local().len()).sum::<usize>()
        + usize::from(field.tls().is_some())
        + field.date().map_or(0, |date| date.unix() as usize & 1)
}

fn addresses(value: &[u8]) -> usize {
    address::addresses(value)
        .map(|entry| match entry {
            Address::Mailbox(mailbox) => {
                mailbox.display().map_or(0, |name| name.len())
                    + mailbox.local().len()
                    + mailbox.domain().map_or(0, |domain| domain.len())
            }
            Address::Group(group) => group.name().len(),
            Address::GroupEnd => 0,
        })
        .sum()
}

/// Everything decoded: every field of every part, every body as content, texts as UTF-8.
pub fn full() -> impl FnMut(&[u8]) -> usize {
    let mut content = Vec::new();
    scanned(move |tree, message, _| {
        let mut sum = 0;
        for (index, part) in tree.parts().iter().enumerate() {
            let (mut values, mut label) = (0, None);
            for field in message.fields(index) {
                if field.kind() == Name::ContentType
                    && let Some(found) = ContentType::parse(field.value())
                {
                    values += media(&found);
                    label = label.or_else(|| found.params.raw("charset"));
                } else {
                    values += value(&field);
                }
            }
            std::hint::black_box(values);
            if part.kind().is_multipart() || (part.kind() == Kind::Message) {
                continue;
            }
            let Some(body) = message.body(index) else { continue };
            let body = match Decoder::new(part.encoding()) {
                Some(mut decoder) if !part.encoding().is_identity() => {
                    content.clear();
                    decoder.feed(body, &mut content);
                    decoder.finish(&mut content);
                    &content
                }
                _ => body,
            };
            sum += if part.kind() == Kind::Text {
                charset::decode_body(label.as_deref().unwrap_or_default(), body).len()
            } else {
                body.len()
            };
        }
        sum
    })
}

/// ENVELOPE and BODYSTRUCTURE as IMAP writes them, from the octets of the message.
pub fn fetched() -> impl FnMut(&[u8]) -> usize {
    let mut out = Vec::new();
    scanned(move |_, message, _| {
        out.clear();
        response::message::envelope(&mut out, &message.envelope(0), false);
        response::message::body(&mut out, message, true, false);
        out.len()
    })
}

/// Octets of the stored tree with its kept fields.
#[must_use]
pub fn stored(message: &[u8]) -> usize {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    scanner.feed(message);
    let mut out = Vec::new();
    scanner.finish().encode(&mut out);
    out.len()
}

/// Undoes a transfer encoding in pieces of so many octets, in storage that is used again.
pub fn decoder(
    encoding: posthaste_core::mime::structure::Encoding,
    piece: usize,
) -> impl FnMut(&[u8]) -> usize {
    let mut out = Vec::new();
    move |body| {
        out.clear();
        let mut decoder = Decoder::new(encoding).expect("a known encoding");
        body.chunks(piece).for_each(|piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        out.len()
    }
}
