//! MIME: the scanner and its tree, header fields, and every decoder.

use posthaste_core::mime::{
    Limits, Message, Scanner, Structure,
    address::{self, Address},
    body::Step,
    charset,
    date::DateTime,
    encoded_word,
    envelope::Envelope,
    header, message_id,
    parameter::{ContentType, Disposition},
    section::Wanted,
    structure::Kind,
};

/// Limits that short inputs reach.
const LOW: Limits = Limits { header_block: 200, header_fields: 3, mime_depth: 3, mime_parts: 6 };

/// A message: the first octet chooses how it is cut. Every cutting gives the same tree, which comes
/// back from its stored form and is the same to look at with and without the message.
pub fn structure(octets: &[u8]) {
    let Some((cut, message)) = octets.split_first() else { return };
    for limits in [Limits::DEFAULT, LOW] {
        let whole = scan(limits, message, usize::MAX);
        for piece in [usize::from(*cut) + 1, usize::from(*cut % 7) + 1] {
            assert_eq!(scan(limits, message, piece), whole);
        }
        let mut stored = Vec::new();
        whole.encode(&mut stored);
        assert_eq!(Structure::decode(&stored).as_ref(), Ok(&whole));
        assert_eq!(whole.size() as usize, message.len());
        for part in whole.parts() {
            if matches!(part.kind(), Kind::Text | Kind::Message) {
                let body = part.body().of(message);
                let lines = body.iter().filter(|octet| **octet == b'\n').count();
                assert_eq!(part.lines() as usize, lines);
            }
        }
        sections(&whole, message);
        let with = shown(Message::new(&whole, message));
        if !whole.is_truncated() {
            assert_eq!(shown(Message::kept(&whole)), with);
        }
    }
}

fn scan(limits: Limits, message: &[u8], piece: usize) -> Structure {
    let mut scanner = Scanner::new(limits).keep_fields();
    message.chunks(piece.min(message.len().max(1))).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

/// Every section that the first few numbers can name lies within the message.
fn sections(tree: &Structure, message: &[u8]) {
    for path in [&[][..], &[1], &[2], &[1, 1], &[1, 2], &[2, 1, 1], &[0], &[u32::MAX]] {
        for wanted in [Wanted::Whole, Wanted::Header, Wanted::Text, Wanted::Mime] {
            if let Some(span) = tree.section(path, wanted) {
                assert_eq!(span.of(message).len(), span.len() as usize);
            }
        }
    }
}

/// What IMAP would show of a message.
fn shown(message: Message<'_>) -> String {
    let mut text = String::new();
    let (mut depth, mut steps) = (0_usize, 0);
    for step in message.body_structure() {
        steps += 1;
        match &step {
            Step::Multipart => depth += 1,
            Step::Message(_, envelope) => {
                depth += 1;
                text += &of_envelope(envelope);
            }
            Step::MultipartEnd(_) | Step::MessageEnd(_) => depth -= 1,
            Step::NoParts | Step::Part(_) => {}
        }
        if let Step::Part(part) | Step::MultipartEnd(part) | Step::MessageEnd(part) = &step {
            text += &format!("{:?} {:?} ", part.media_type(), part.parameters());
            text += &format!("{:?} {:?} ", part.disposition(), part.languages());
            text += &format!("{:?} {:?} {:?} ", part.id(), part.description(), part.md5());
            text += &format!("{:?} {:?} {:?}", part.location(), part.lines(), part.encoding());
        }
    }
    assert_eq!(depth, 0);
    assert!(steps <= 3 * message.structure().parts().len());
    text + &of_envelope(&message.envelope(0))
}

fn of_envelope(envelope: &Envelope<'_>) -> String {
    let texts =
        [envelope.date(), envelope.subject(), envelope.in_reply_to(), envelope.message_id()];
    let lists = [
        envelope.from(),
        envelope.sender(),
        envelope.reply_to(),
        envelope.to(),
        envelope.cc(),
        envelope.bcc(),
    ];
    format!("{texts:?} {:?}", lists.map(|list| list.collect::<Vec<_>>()))
}

/// The stored form of a tree: what can be read can be walked, and is written the same again.
pub fn stored(octets: &[u8]) {
    let Ok(tree) = Structure::decode(octets) else { return };
    let mut again = Vec::new();
    tree.encode(&mut again);
    assert_eq!(Structure::decode(&again).as_ref(), Ok(&tree));
    for index in 0..tree.parts().len() {
        assert!(tree.children(index).count() < tree.parts().len());
        assert!(tree.parent(index).is_none_or(|parent| parent < index));
    }
    sections_exist(&tree);
    shown(Message::kept(&tree));
    shown(Message::new(&tree, octets));
}

fn sections_exist(tree: &Structure) {
    for path in [&[][..], &[1], &[1, 1], &[2, 1]] {
        let _ = tree.section(path, Wanted::Header);
    }
}

/// A header block: its fields are all of it, and selecting shares them out.
pub fn headers(octets: &[u8]) {
    let all: usize = header::fields(octets).map(|field| field.raw().len()).sum();
    let chosen = |wanted| {
        header::select(octets, &["subject", "to", ""], wanted).map(<[u8]>::len).sum::<usize>()
    };
    assert_eq!(chosen(true) + chosen(false), all);
    for field in header::fields(octets) {
        let unfolded = field.unfolded();
        assert!(!unfolded.contains(&b'\n'));
        let _ = message_id::message_ids(field.value()).count();
        let _ = (field.kind(), field.name());
    }
    of_envelope(&Envelope::parse(octets));
}

/// An address list: groups end as often as they start, and no part is longer than the whole.
pub fn addresses(octets: &[u8]) {
    let mut open = 0_usize;
    for address in address::addresses(octets) {
        match address {
            Address::Group(group) => {
                open += 1;
                assert!(group.name().len() <= octets.len());
            }
            Address::GroupEnd => open -= 1,
            Address::Mailbox(mailbox) => {
                assert!(mailbox.local().len() <= octets.len());
                assert!(mailbox.name().is_none_or(|name| name.len() <= octets.len()));
                let _ = (mailbox.display(), mailbox.route(), mailbox.domain());
            }
        }
    }
    assert_eq!(open, 0);
}

/// A date: what is read is written so that it is read again.
pub fn date(octets: &[u8]) {
    let Some(date) = DateTime::parse(octets) else { return };
    let mut text = Vec::new();
    date.write_rfc5322(&mut text);
    assert_eq!(DateTime::parse(&text), Some(date));
    text.clear();
    date.write_imap(&mut text);
    assert_eq!(DateTime::parse(&text), Some(date));
    if date.second < 60 {
        let again = DateTime::from_unix(date.unix(), date.offset);
        assert_eq!(again, date);
    }
}

/// The value of an unstructured field.
pub fn encoded_words(octets: &[u8]) {
    let text = encoded_word::decode(octets);
    assert!(text.len() <= octets.len() * 3);
}

/// The value of a Content-Type or Content-Disposition field.
pub fn parameters(octets: &[u8]) {
    let params = [
        ContentType::parse(octets).map(|found| found.params),
        Disposition::parse(octets).map(|found| found.params),
    ];
    for params in params.into_iter().flatten() {
        let joined = params.joined();
        assert!(joined.iter().map(|(_, value)| value.len()).sum::<usize>() <= octets.len() * 3);
        for (name, _) in &joined {
            if let Ok(name) = std::str::from_utf8(name) {
                assert!(params.raw(name.strip_suffix('*').unwrap_or(name)).is_some());
                let _ = params.decoded(name);
            }
        }
    }
}

/// A text in a charset.
pub fn charsets(body: &[u8]) {
    for label in [&b"utf-7"[..], b"iso-2022-jp", b"big5", b"utf-8", b""] {
        let _ = charset::decode_body(label, body);
    }
}
