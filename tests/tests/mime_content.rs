//! What is made of real mail: every message of the corpus read as text, previewed, indexed, and
//! looked at for attachments, reports and signatures.

use std::collections::BTreeMap;

use posthaste_core::mime::{
    Message, Structure,
    report::{Body, Report},
    security::{self, Security},
    structure::Kind,
    text::{self, Form, Reader, index::Source, preview},
};
use posthaste_tests::corpus;

#[test]
fn every_message_is_read() {
    let Some(corpus) = corpus::folder() else { return };
    let mut counts = BTreeMap::new();
    for (name, bytes) in &corpus::messages(&corpus).unwrap() {
        let tree = Structure::of(bytes);
        let message = Message::new(&tree, bytes);
        *counts.entry("messages").or_insert(0) += 1;
        texts(name, &message, &mut counts);
        whole(name, &message, &mut counts);
    }
    println!("{counts:#?}");
    for (what, least) in [
        ("messages", 1),
        ("texts", 1),
        ("previews", 1),
        ("attachments", 1),
        ("names", 1),
        ("delivery reports", 1),
        ("signed", 1),
    ] {
        assert!(counts.get(what).is_some_and(|count| *count >= least), "no {what}");
    }
}

/// The texts of all parts: in pieces as in whole, and readable.
fn texts(name: &str, message: &Message<'_>, counts: &mut BTreeMap<&str, usize>) {
    for (index, part) in message.structure().parts().iter().enumerate() {
        if part.kind() != Kind::Text {
            continue;
        }
        let form = Form::of(message, index).unwrap();
        let body = message.body(index).unwrap();
        let whole = message.text(index).unwrap();
        assert_eq!(text::decode(form.encoding, &form.label, body), whole, "{name}");
        for piece in [1, 7, 4096].into_iter().filter(|piece| body.len() / piece < 20_000) {
            let (mut reader, mut read) =
                (Reader::new(form.encoding, &form.label, usize::MAX), String::new());
            body.chunks(piece).for_each(|piece| reader.feed(piece, &mut read));
            reader.finish(&mut read);
            assert!(read == whole, "{name}: part {index} in pieces of {piece}");
        }
        let readable = message.readable(index).unwrap();
        assert!(!readable.contains('\r'), "{name}");
        *counts.entry("texts").or_insert(0) += 1;
        *counts.entry("letters that could not be decoded").or_insert(0) +=
            whole.chars().filter(|letter| *letter == char::REPLACEMENT_CHARACTER).count();
        *counts.entry("armours").or_insert(0) += security::blocks(&whole).count();
    }
}

/// What is made of a whole message.
fn whole(name: &str, message: &Message<'_>, counts: &mut BTreeMap<&str, usize>) {
    let mut count = |what, more: usize| *counts.entry(what).or_insert(0) += more;
    let preview = message.preview(preview::USUAL).unwrap();
    assert!(preview.chars().count() <= preview::USUAL && !preview.contains('\n'), "{name}");
    count("previews", usize::from(!preview.is_empty()));
    for piece in message.index() {
        count("octets to index", piece.text.len());
        count("pages", usize::from(piece.from == Source::Page));
    }
    for one in message.attachments() {
        count("attachments", 1);
        count("names", usize::from(one.name().is_some()));
        count("inline", usize::from(one.is_inline()));
        count("attached messages", usize::from(one.is_message()));
        count("winmail.dat", usize::from(one.is_winmail()));
        let size = one.content().map(|content| content.len() as u64);
        assert_eq!(one.size(), size, "{name}");
    }
    if let Some(report) = Report::of(message) {
        match report.body(message).unwrap() {
            Body::Delivery(status) => {
                count("delivery reports", 1);
                count("recipients", status.recipients.len());
                count(
                    "recipients with a code",
                    status.recipients.iter().filter(|one| one.code().is_some()).count(),
                );
            }
            Body::Disposition(_) => count("receipts", 1),
            Body::Feedback(_) => count("complaints", 1),
        }
    }
    match Security::find(message) {
        Some((_, Security::Signed(signed))) => {
            count("signed", 1);
            let octets = signed.octets(message);
            assert_eq!(octets.is_some(), signed.content.is_some(), "{name}");
        }
        Some((_, Security::Encrypted(_))) => count("encrypted", 1),
        Some((_, Security::Smime(_))) => count("S/MIME", 1),
        None => {}
    }
}
