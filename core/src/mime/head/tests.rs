use alloc::{format, string::String, vec::Vec};

use super::*;
use crate::mime::{HEADER_ADDRESSES, Limits, Message, Scanner};

const HEADER: &[u8] = b"Return-Path: <>\r\n\
    Received: from a.test by b.test; Tue, 17 Nov 2020 09:31:15 GMT\r\n\
    Received: from c.test by a.test; Tue, 17 Nov 2020 09:31:14 GMT\r\n\
    X-Tag: one\r\nTo: a@x.test\r\nx-tag : two\r\nTo: G: b@x.test;\r\n\
    From: c@x.test\r\nFrom: d@x.test\r\nDKIM-Signature: v=1; d=x.test\r\n\
    List-Unsubscribe: <https://x.test/u>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    Keywords: a, b\r\nKeywords: c\r\nX-Priority: 2\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; name=\"=?utf-8?q?=C3=A9?=\"\r\n\r\n";

fn addresses(list: List<'_>) -> Vec<String> {
    list.mailboxes().map(|mailbox| mailbox.address().into_owned()).collect()
}

#[test]
fn values_from_octets_and_from_a_tree() {
    let tree = Structure::of(HEADER);
    for head in [Head::parse(HEADER), Message::new(&tree, HEADER).head(0)] {
        assert_eq!(addresses(head.to()), ["a@x.test", "b@x.test"]);
        assert_eq!(addresses(head.from()), ["c@x.test"]);
        assert_eq!(head.nth("X-Tag", 1).unwrap().value(), b" two");
        assert_eq!(head.last("x-tag"), head.nth("X-TAG", 1));
        assert_eq!(head.first("X-Ta"), None);
        assert_eq!(head.first("from"), head.first(Name::From));
        let hops: Vec<_> = head.received().filter_map(|hop| hop.from()).collect();
        assert_eq!(hops, [&b"a.test"[..], b"c.test"]);
        assert_eq!(head.return_path().unwrap().domain(), None);
        assert_eq!(head.dkim_signatures().next().unwrap().get("d").unwrap(), b"x.test");
        assert!(head.list_unsubscribes_in_one_click());
        assert_eq!(head.list_unsubscribe().count(), 1);
        assert_eq!(head.keywords().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(head.importance(), Some(Importance::High));
        assert_eq!(head.mime_version(), Some((1, 0)));
        assert_eq!(head.file_name().unwrap(), "\u{e9}");
        assert_eq!((head.subject(), head.date(), head.auto_submitted()), (None, None, None));
    }
}

#[test]
fn what_a_tree_kept() {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    scanner.feed(HEADER);
    let tree = scanner.finish();
    let head = Message::kept(&tree).head(0);
    assert_eq!(addresses(head.to()), ["a@x.test", "b@x.test"]);
    assert_eq!((head.file_name().unwrap(), head.received().count()), ("\u{e9}".into(), 0));
}

#[test]
fn recipients_of_all_fields_share_one_limit() {
    let field = format!("To: {}\r\n", "a@x.test,".repeat(HEADER_ADDRESSES - 1));
    for (more, truncated) in [("", false), ("Cc: c@x.test\r\nTo: b@x.test, c@x.test\r\n", true)] {
        let header = format!("{field}{more}");
        let mut list = Head::parse(header.as_bytes()).to();
        assert!(list.by_ref().count() <= HEADER_ADDRESSES);
        assert_eq!(list.is_truncated(), truncated);
    }
}
