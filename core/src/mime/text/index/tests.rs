use alloc::{format, string::ToString, vec::Vec};

use super::*;
use crate::mime::Structure;

fn index(message: &str) -> Vec<(usize, Source, String)> {
    let tree = Structure::of(message.as_bytes());
    let message = Message::new(&tree, message.as_bytes());
    message.index().map(|piece| (piece.part, piece.from, piece.text.into_owned())).collect()
}

#[test]
fn all_texts_with_where_they_come_from() {
    let message = "Subject: =?iso-8859-1?q?caf=E9?=\r\nFrom: Ann <a@b>, c@d\r\nTo: Team: e@f;\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; format=flowed\r\n\r\n\
        one \r\ntwo\r\n--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        PHA+dGhyZWU8aW1nIGFsdD1mb3VyPg==\r\n--x\r\nContent-Type: application/pdf; name=five.pdf\r\n\
        Content-Description: six\r\n\r\nnot this\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: seven\r\nCc: g@h\r\n\r\neight\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--x--\r\n";
    let wanted = [
        (0, Source::Subject, "caf\u{e9}"),
        (0, Source::From, "Ann a@b c@d"),
        (0, Source::To, "Team e@f"),
        (1, Source::Text, "one two\n"),
        (2, Source::Page, "threefour"),
        (3, Source::Description, "six"),
        (3, Source::FileName, "five.pdf"),
        (5, Source::Subject, "seven"),
        (5, Source::Cc, "g@h"),
        (5, Source::Text, "eight"),
        (6, Source::Text, "Action: failed"),
    ];
    let wanted: Vec<_> =
        wanted.iter().map(|(at, from, text)| (*at, *from, text.to_string())).collect();
    assert_eq!(index(message), wanted);
    assert_eq!(index("Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts").len(), 1);
}

#[test]
fn much_is_cut_and_said_to_be() {
    let message = format!("Subject: a\r\n\r\n{}", "\u{e9}".repeat(PART_OCTETS / 2 + 1));
    let tree = Structure::of(message.as_bytes());
    let mut index = Message::new(&tree, message.as_bytes()).index();
    assert_eq!(index.by_ref().map(|piece| piece.text.len()).sum::<usize>(), PART_OCTETS + 1);
    assert!(index.is_truncated());
    let message = format!("\r\n{}", "a".repeat(SMALL + 1));
    let tree = Structure::of(message.as_bytes());
    let mut index = Message::new(&tree, message.as_bytes()).index();
    index.left = SMALL;
    assert_eq!(index.by_ref().map(|piece| piece.text.len()).sum::<usize>(), SMALL);
    assert!(index.is_truncated());
}

#[test]
fn without_the_bytes_only_what_was_kept() {
    let message = "Subject: a\r\n\r\nbody";
    let mut scanner = crate::mime::Scanner::new(crate::mime::Limits::DEFAULT).keep_fields();
    scanner.feed(message.as_bytes());
    let tree = scanner.finish();
    assert_eq!(
        Message::kept(&tree).index().map(|piece| piece.from).collect::<Vec<_>>(),
        [Source::Subject]
    );
}
