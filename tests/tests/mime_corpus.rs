//! MIME against real mail: every message of the corpus scanned at several cuttings and walked.
//! (`mime_fields.rs` compares the field vectors.)

use std::path::Path;

use posthaste_core::mime::{
    Limits, Message, Scanner, Structure, body::Step, encoded_word, header, structure::Kind,
    transfer,
};
use posthaste_tests::corpus;

/// The messages as the server meets them: every bare CR or LF turned into CR LF, NULs dropped.
fn messages(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let all = corpus::messages(corpus).unwrap();
    all.into_iter().map(|(name, raw)| (name, with_crlf(&raw))).collect()
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut octets = raw.iter().copied().filter(|octet| *octet != 0).peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' | b'\n' => {
                if octet == b'\r' {
                    octets.next_if_eq(&b'\n');
                }
                out.extend(b"\r\n");
            }
            _ => out.push(octet),
        }
    }
    out
}

fn scan(message: &[u8], piece: usize) -> Structure {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    message.chunks(piece).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

#[test]
fn every_message_gives_one_tree_at_every_cutting() {
    let Some(corpus) = corpus::folder() else { return };
    let (mut count, mut parts, mut truncated) = (0, 0, 0);
    for (name, message) in messages(&corpus) {
        let whole = scan(&message, message.len().max(1));
        for piece in [1, 2, 3, 7, 61, 4096] {
            assert_eq!(scan(&message, piece), whole, "{name} in pieces of {piece}");
        }
        let mut stored = Vec::new();
        whole.encode(&mut stored);
        assert_eq!(Structure::decode(&stored).as_ref(), Ok(&whole), "{name}");
        walk(&name, &whole, &message);
        count += 1;
        parts += whole.parts().len();
        truncated += usize::from(whole.is_truncated());
    }
    println!("{count} messages, {parts} parts, {truncated} truncated");
    assert!(count > 0);
}

/// Looks at everything that IMAP would show of a message, with its bytes and without.
fn walk(name: &str, tree: &Structure, bytes: &[u8]) {
    let shown = |message: Message<'_>| {
        let mut text = String::new();
        for step in message.body_structure() {
            if let Step::Part(part) | Step::MultipartEnd(part) | Step::MessageEnd(part) = &step {
                text += &format!("{:?} {:?} ", part.media_type(), part.parameters());
                text += &format!("{:?} {:?} ", part.disposition(), part.languages());
                text += &format!("{:?} {:?} {:?}", part.id(), part.description(), part.lines());
            }
            if let Step::Message(_, envelope) = &step {
                text += &format!("{:?} {:?}", envelope.subject(), envelope.to().count());
            }
        }
        let envelope = message.envelope(0);
        text += &format!("{:?} {:?}", envelope.date(), envelope.subject());
        for list in [envelope.from(), envelope.sender(), envelope.reply_to(), envelope.to()] {
            text += &format!("{:?}", list.collect::<Vec<_>>());
        }
        text
    };
    assert_eq!(shown(Message::kept(tree)), shown(Message::new(tree, bytes)), "{name}");
    for part in tree.parts() {
        if matches!(part.kind(), Kind::Text | Kind::Other) {
            let _ = transfer::decode(part.encoding(), part.body().of(bytes));
        }
        if matches!(part.kind(), Kind::Text | Kind::Message) {
            let lines = part.body().of(bytes).iter().filter(|octet| **octet == b'\n').count();
            assert_eq!(part.lines() as usize, lines, "{name}");
        }
        for field in header::fields(part.header().of(bytes)) {
            let _ = encoded_word::decode(field.value());
        }
    }
}
