//! MIME: the scanner and its tree, header fields, and every decoder.

use posthaste_core::{
    grammar::tag_list::TagList,
    mime::{
        Limits, MIME_PARAMS, Message, Scanner, Structure,
        address::{self, Address, Mailbox},
        authentication::AuthenticationResults,
        body::Step,
        charset,
        date::DateTime,
        encoded_word,
        envelope::Envelope,
        head::Head,
        header::{self, Name},
        list::{self, ListId},
        message_id,
        parameter::{ContentType, Disposition},
        received::Received,
        section::Wanted,
        structure::Kind,
    },
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

/// A header block: its fields are all of it, selecting shares them out, and every value that it can
/// be asked for is found twice alike.
pub fn headers(octets: &[u8]) {
    let all: usize = header::fields(octets).map(|field| field.raw().len()).sum();
    let chosen = |wanted| {
        header::select(octets, &["subject", "to", ""], wanted).map(<[u8]>::len).sum::<usize>()
    };
    assert_eq!(chosen(true) + chosen(false), all);
    let head = Head::parse(octets);
    for (number, field) in header::fields(octets).enumerate() {
        assert!(!field.unfolded().contains(&b'\n'));
        assert!(field.decoded().len() <= 3 * field.raw().len());
        assert!(field.kind() == Name::Other || field.is(field.kind().as_str().as_bytes()));
        // Looking each up costs the square of their number.
        let is_looked_up = number < LOOKED_UP && !field.name().is_empty();
        assert!(!is_looked_up || head.all(field.name()).any(|found| found == field));
        received(field.value());
        authentication(field.value());
        listed(field.value());
    }
    let shown = of_head(&head);
    let tree = Structure::of(octets);
    if !tree.is_truncated() && tree.fields(0).len() == head.fields().count() {
        assert_eq!(of_head(&Message::new(&tree, octets).head(0)), shown);
    }
    of_envelope(&Envelope::parse(octets));
}

/// How many fields are looked up by name.
const LOOKED_UP: usize = 8;

/// Every value of a header.
fn of_head(head: &Head<'_>) -> String {
    let lists = [
        head.from(),
        head.sender(),
        head.reply_to(),
        head.to(),
        head.cc(),
        head.bcc(),
        head.resent_from(),
        head.resent_to(),
        head.disposition_notification_to(),
    ];
    let uris = [
        head.list_unsubscribe(),
        head.list_subscribe(),
        head.list_post(),
        head.list_help(),
        head.list_owner(),
        head.list_archive(),
    ];
    let mut text = format!("{:?} {:?}", head.subject(), head.comments().collect::<Vec<_>>());
    text += &format!("{:?} {:?}", head.description(), lists.map(Iterator::collect::<Vec<_>>));
    text += &format!("{:?} {:?} {:?}", head.date(), head.resent_date(), head.return_path());
    text += &format!("{:?} {:?}", head.message_id(), head.in_reply_to().collect::<Vec<_>>());
    text += &format!("{:?} {:?}", head.references().collect::<Vec<_>>(), head.content_id());
    text += &format!("{:?} {:?}", head.file_name(), head.encoding());
    text += &format!("{:?}", head.received().collect::<Vec<_>>());
    text += &format!("{:?}", head.authentication_results().collect::<Vec<_>>());
    text += &format!("{:?}", head.arc_authentication_results().collect::<Vec<_>>());
    for tags in head.dkim_signatures().chain(head.arc_seals()).chain(head.arc_message_signatures())
    {
        text += &format!("{:?} {}", tags.iter().collect::<Vec<_>>(), tags.is_valid());
    }
    text += &format!("{:?} {:?}", head.list_id(), uris.map(Iterator::collect::<Vec<_>>));
    text += &format!("{} {:?}", head.list_unsubscribes_in_one_click(), head.mime_version());
    text += &format!("{:?} {:?}", head.keywords().collect::<Vec<_>>(), head.auto_submitted());
    text + &format!("{:?} {:?}", head.precedence(), head.importance())
}

/// The value of a Received field: nothing in it is longer than it.
fn received(value: &[u8]) {
    let hop = Received::parse(value);
    let words = [hop.from(), hop.helo(), hop.reverse_name(), hop.by(), hop.id()];
    assert!(words.into_iter().flatten().all(|word| word.len() <= value.len()));
    let texts = [hop.via(), hop.with()];
    assert!(texts.into_iter().flatten().all(|text| text.len() <= value.len()));
    assert!(hop.comments().map(<[u8]>::len).sum::<usize>() <= value.len());
    let _ = (hop.ip(), hop.by_ip(), hop.date(), hop.recipients().count());
    if let Some(tls) = hop.tls() {
        assert!(tls.version.len() <= value.len() && tls.cipher.len() <= value.len());
    }
}

/// The value of an Authentication-Results field: its results are all in it.
fn authentication(value: &[u8]) {
    let found = AuthenticationResults::parse(value);
    let mut total = found.server().map_or(0, |server| server.len());
    for outcome in found.results() {
        total += outcome.method.len() + outcome.result.len();
        for property in outcome.properties() {
            total += property.kind.len() + property.name.len() + property.value().len();
        }
        assert!(outcome.reason().is_none_or(|reason| reason.len() <= value.len()));
    }
    assert!(total <= value.len());
}

/// The values of the fields of mailing lists, tag lists and identifiers.
fn listed(value: &[u8]) {
    assert!(list::uris(value).map(|uri| uri.len()).sum::<usize>() <= value.len());
    assert!(list::phrases(value).map(|text| text.len()).sum::<usize>() <= 3 * value.len());
    if let Some(list) = ListId::parse(value) {
        assert!(!list.id().is_empty() && list.id().len() <= value.len());
        let _ = list.description();
    }
    let tags = TagList::new(value);
    assert!(tags.iter().all(|tag| tag.compact().len() <= tag.value.len()));
    assert!(!tags.is_valid() || tags.iter().count() > 0);
    assert!(message_id::message_ids(value).all(|id| !id.is_empty() && id.len() <= value.len()));
}

/// An address list: groups end as often as they start, no part is longer than the whole, and an
/// address in one piece is read as the same address.
pub fn addresses(octets: &[u8]) {
    let mut open = 0_usize;
    let mut list = address::addresses(octets);
    for address in list.by_ref() {
        match address {
            Address::Group(group) => {
                open += 1;
                assert!(group.name().len() <= octets.len());
            }
            Address::GroupEnd => open -= 1,
            Address::Mailbox(mailbox) => of_mailbox(&mailbox, octets.len()),
        }
    }
    assert_eq!(open, 0);
    assert!(list.next().is_none());
}

fn of_mailbox(mailbox: &Mailbox<'_>, len: usize) {
    let (local, domain) = (mailbox.local(), mailbox.domain());
    assert!(local.len() <= len);
    assert!(mailbox.name().is_none_or(|name| name.len() <= len));
    assert!(mailbox.comments().map(|comment| comment.len()).sum::<usize>() <= len);
    let _ = (mailbox.display(), mailbox.route());
    let written = mailbox.address();
    let is_text = core::str::from_utf8(&local).is_ok_and(|text| !text.contains(char::is_control));
    let is_domain = |domain: &[u8]| {
        domain.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
    };
    if is_text && !local.is_empty() && domain.as_deref().is_some_and(is_domain) {
        let again: Vec<_> = address::mailboxes(written.as_bytes()).collect();
        assert_eq!(again.len(), 1, "{written}");
        assert_eq!((again[0].local(), again[0].domain()), (local, domain), "{written}");
    }
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

/// The value of a Content-Type or Content-Disposition field. Of many parameters some are asked for
/// by name, as asking for each costs the square of their number.
pub fn parameters(octets: &[u8]) {
    let found = ContentType::parse(octets).map(|found| found.params);
    let Some(params) = found.or_else(|| Some(Disposition::parse(octets)?.params)) else { return };
    let joined = params.joined();
    assert!(joined.iter().map(|(_, value)| value.len()).sum::<usize>() <= octets.len() * 3);
    assert!(!params.is_truncated() || params.iter().count() == MIME_PARAMS);
    for (name, _) in joined.iter().step_by(joined.len() / ASKED + 1) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        // The `*` is of RFC 2231, or of a name that has nothing to do with it.
        let plain = name.strip_suffix('*').unwrap_or(name);
        let name = if params.raw(plain).is_some() { plain } else { name };
        let Some(raw) = params.raw(name) else { panic!("{name} is there") };
        assert!(raw.len() <= octets.len() * 3);
        let Some(value) = params.value(name) else { panic!("{name} is there") };
        assert!(value.text.len() <= octets.len() * 3);
        assert_eq!(params.decoded(name), Some(value.text));
    }
}

/// How many parameters are asked for by name.
const ASKED: usize = 6;

/// A text in a charset.
pub fn charsets(body: &[u8]) {
    for label in [&b"utf-7"[..], b"iso-2022-jp", b"big5", b"utf-8", b""] {
        let _ = charset::decode_body(label, body);
    }
}
