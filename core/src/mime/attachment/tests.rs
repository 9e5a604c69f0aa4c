use alloc::{format, string::ToString, vec};

use proptest::prelude::*;

use super::*;
use crate::mime::Structure;

fn multipart(kind: &str, parts: &[&str]) -> String {
    let mut out = format!("Content-Type: multipart/{kind}; boundary={kind}\r\n\r\n");
    for part in parts {
        out += &format!("--{kind}\r\n{part}\r\n");
    }
    out + &format!("--{kind}--\r\n")
}

/// The attachments of a message: their parts, names, and marks.
fn found(message: &str) -> Vec<String> {
    let tree = Structure::of(message.as_bytes());
    let message = Message::new(&tree, message.as_bytes());
    let show = |one: Attachment<'_>| {
        let mut text = format!("{}", one.index());
        if let Some(name) = one.name() {
            text += &format!(" {name}");
        }
        for (is, mark) in [
            (one.is_inline(), " inline"),
            (one.is_message(), " message"),
            (one.is_winmail(), " winmail"),
        ] {
            text += if is { mark } else { "" };
        }
        text
    };
    message.attachments().map(show).collect()
}

const TEXT: &str = "\r\ntext";
const PAGE: &str =
    "Content-Type: text/html\r\n\r\n<img src=\"cid:a%40b\"><p style='x:url(CID:c@d)'>";
const PDF: &str = "Content-Type: application/pdf; name=a.pdf\r\n\r\nx";

#[test]
fn what_counts() {
    let image = |head: &str| format!("Content-Type: image/png\r\n{head}\r\n\r\nx");
    let (a, c, e) = (
        image("Content-ID: <a@b>"),
        image("Content-ID: <c@d>\r\nContent-Disposition: attachment; filename=c.png"),
        image("Content-ID: <e@f>"),
    );
    for (message, wanted) in [
        (TEXT.to_string(), vec![]),
        (PDF.to_string(), vec!["0 a.pdf"]),
        (format!("Content-Disposition: attachment\r\n{TEXT}"), vec!["0"]),
        (multipart("mixed", &[TEXT, PDF]), vec!["2 a.pdf"]),
        (
            multipart(
                "mixed",
                &[TEXT, "\r\nfooter", "Content-Type: text/plain; name=b.txt\r\n\r\nx"],
            ),
            vec!["3 b.txt"],
        ),
        (multipart("mixed", &["Content-Type: text/plain; name=body.txt\r\n\r\nx", TEXT]), vec![]),
        (multipart("mixed", &["Content-Disposition: attachment\r\n\r\nx"]), vec!["1"]),
        (multipart("mixed", &[TEXT, "Content-Type: text/csv\r\n\r\nx"]), vec!["2"]),
        (
            multipart(
                "alternative",
                &[TEXT, PAGE, "Content-Type: text/calendar; name=x.ics\r\n\r\nx"],
            ),
            vec![],
        ),
        (multipart("alternative", &[TEXT, PDF]), vec!["2 a.pdf"]),
        (multipart("related", &[PAGE, &a, &c, &e]), vec!["2 inline", "3 c.png inline", "4 inline"]),
        (multipart("mixed", &[PAGE, &a, &c, &e]), vec!["2 inline", "3 c.png inline", "4"]),
        (
            multipart(
                "mixed",
                &[TEXT, "Content-Type: message/rfc822\r\n\r\nContent-Type: image/png\r\n\r\nx"],
            ),
            vec!["2 message"],
        ),
        (
            multipart(
                "signed",
                &[TEXT, "Content-Type: application/pgp-signature; name=s.asc\r\n\r\nx"],
            ),
            vec![],
        ),
        (
            multipart(
                "signed",
                &[
                    &multipart("mixed", &[TEXT, PDF]),
                    "Content-Type: application/pkcs7-signature\r\n\r\nx",
                ],
            ),
            vec!["3 a.pdf"],
        ),
        (
            multipart("encrypted", &["Content-Type: application/pgp-encrypted\r\n\r\n1", PDF]),
            vec![],
        ),
        (multipart("report", &[TEXT, "Content-Type: message/delivery-status\r\n\r\nx"]), vec![]),
        (multipart("digest", &["\r\nSubject: x\r\n\r\ny"]), vec![]),
        (
            multipart("appledouble", &["Content-Type: application/applefile\r\n\r\nx", PDF]),
            vec!["2 a.pdf"],
        ),
        (
            multipart("mixed", &[TEXT, "Content-Type: application/ms-tnef\r\n\r\nx"]),
            vec!["2 winmail"],
        ),
        (
            multipart(
                "mixed",
                &[TEXT, "Content-Type: application/octet-stream; name=WINMAIL.DAT\r\n\r\nx"],
            ),
            vec!["2 WINMAIL.DAT winmail"],
        ),
    ] {
        let wanted: Vec<String> = wanted.into_iter().map(Into::into).collect();
        assert_eq!(found(&message), wanted, "{message}");
    }
}

#[test]
fn sizes_and_contents() {
    let coded = "QUJD".repeat(19) + "\r\n";
    let message = format!(
        "Content-Type: image/png\r\nContent-ID: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        coded.repeat(10)
    );
    let tree = Structure::of(message.as_bytes());
    let whole = Message::new(&tree, message.as_bytes());
    let one = whole.attachments().next().unwrap();
    assert_eq!((one.size(), one.estimated_size()), (Some(570), 570));
    assert_eq!(one.content().unwrap().len(), 570);
    assert_eq!(
        (one.media_type(), &*one.content_id().unwrap()),
        ((&b"image"[..], &b"png"[..]), &b"a@b"[..])
    );
    let message = "Content-Type: image/png\r\nContent-Transfer-Encoding: x\r\n\r\nabc";
    let tree = Structure::of(message.as_bytes());
    let whole = Message::new(&tree, message.as_bytes());
    let one = whole.attachments().next().unwrap();
    assert_eq!((one.size(), one.estimated_size(), one.content()), (None, 3, None));
}

#[test]
fn names_of_files() {
    let long = "\u{e9}".repeat(200);
    let cut = format!("{}.tar", "\u{e9}".repeat(125));
    for (raw, name) in [
        ("a.txt", Some("a.txt")),
        ("na\u{ef}ve \u{65e5}\u{672c}.txt", Some("na\u{ef}ve \u{65e5}\u{672c}.txt")),
        ("/etc/passwd", Some("passwd")),
        ("C:\\x\\y.doc", Some("y.doc")),
        ("a/b/", None),
        ("..", None),
        ("", None),
        (" . ", None),
        ("\u{202e}gpj.exe", Some("gpj.exe")),
        ("a\r\nb\0c", Some("abc")),
        (".bashrc", Some("bashrc")),
        ("a. .", Some("a")),
        ("a:b|c?.txt", Some("a_b_c_.txt")),
        ("CON", Some("_CON")),
        ("com1.tar.gz", Some("_com1.tar.gz")),
        ("com10", Some("com10")),
        ("console", Some("console")),
        ("lpt\u{b2} .x", Some("_lpt\u{b2} .x")),
        ("a\u{a0}b", Some("a b")),
        (&format!("{long}.tar"), Some(&cut)),
    ] {
        assert_eq!(file_name(raw).as_deref(), name, "{raw:?}");
    }
}

/// A name was made of a name that was safe, and differed: what is cut to 255 octets may end in what is
/// short enough for an extension, and the blank before its dot was taken away the second time.
#[test]
fn a_safe_name_stays() {
    let raw = format!("{} .{}", "a".repeat(240), "b".repeat(40));
    let name = file_name(&raw).unwrap();
    assert_eq!(name.len(), LONGEST_NAME);
    assert_eq!(file_name(&name), Some(name));
}

#[test]
fn references_are_found() {
    let message = format!(
        "Content-Type: text/html\r\n\r\ncid: cid:a cid:\"b\" xcid:c%4) cid:{}\" cid:a>",
        "x".repeat(2_000)
    );
    let tree = Structure::of(message.as_bytes());
    let all = references(&Message::new(&tree, message.as_bytes()));
    assert_eq!(all, [b"a".to_vec(), b"c%4".to_vec()]);
}

proptest! {
    #[test]
    fn names_are_safe(raw in "([a-zA-Z./\\\\: \u{202e}\u{0}\u{e9}]|con|\\PC|\\.\\.){0,12}(\u{e9}{250,260})?(\\.[a-z]{0,40})?") {
        if let Some(name) = file_name(&raw) {
            prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME);
            let unsafe_ones = ['/', '\\', ':', '\0', '\u{202e}'];
            prop_assert!(!name.contains(unsafe_ones));
            prop_assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']));
            prop_assert_eq!(file_name(&name), Some(name));
        }
    }
}
