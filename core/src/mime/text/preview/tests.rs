use alloc::format;

use proptest::prelude::*;

use super::*;
use crate::mime::Structure;

fn preview(message: &str, letters: usize) -> String {
    let tree = Structure::of(message.as_bytes());
    Message::new(&tree, message.as_bytes()).preview(letters).unwrap()
}

fn plain(body: &str) -> String {
    preview(&format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"), USUAL)
}

#[test]
fn what_a_person_reads() {
    for (body, text) in [
        ("a \t b\r\n\r\nc\u{a0}\u{3000}d\r\n", "a b c d"),
        ("> q\r\n>> r\r\na", "a"),
        ("On Monday Ann wrote:\r\n\r\n> q\r\n\r\na", "a"),
        ("Things:\r\none", "Things: one"),
        ("Things:", "Things:"),
        ("a\r\n-- \r\nBob", "a"),
        (
            "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\na\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nx\r\n-----END PGP SIGNATURE-----\r\nb",
            "a b",
        ),
        ("-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n-----END PGP MESSAGE-----", ""),
        ("a\r\n-----Original Message-----\r\nb", "a"),
        ("=====\r\n**** a ---- b --", "a b --"),
        // Nothing but quotes.
        ("Ann wrote:\r\n> q\r\n", "Ann wrote: q"),
        ("\u{feff}a\u{200b}\u{200b}\u{ad} \u{34f} \u{200c}b \u{200c}", "a\u{200b} b"),
        ("a\u{7}b\u{0}c", "a b c"),
        ("", ""),
    ] {
        assert_eq!(plain(body), text, "{body:?}");
    }
    let flowed = "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n\u{65e5} \r\n\u{672c}\r\na  \r\nb";
    assert_eq!(preview(flowed, 9), "\u{65e5}\u{672c} a b");
    let tree = Structure::of(b"\r\na");
    assert_eq!(Message::kept(&tree).preview(9), None);
}

#[test]
fn letters_are_not_torn() {
    for (letters, body, text) in [
        (0, "abc", ""),
        (2, "abc", "ab"),
        (3, "ab c", "ab"),
        (2, "a\u{301}b", "a\u{301}"),
        (2, "be\u{301}", "b"),
        (2, "\u{1f44d}\u{1f3fd}", "\u{1f44d}\u{1f3fd}"),
        (2, "a\u{1f44d}\u{1f3fd}", "a"),
        (3, "a\u{1f468}\u{200d}\u{1f469}", "a"),
        (2, "a\u{1f1e9}\u{1f1ea}", "a"),
        (3, "a\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}", "a\u{1f1e9}\u{1f1ea}"),
    ] {
        let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{body}");
        assert_eq!(preview(&message, letters), text, "{letters} of {body:?}");
    }
    assert_eq!(preview(&format!("\r\n{}", "a".repeat(999)), 999).len(), LONGEST);
}

fn multipart(kind: &str, parts: &[&str]) -> String {
    let mut out = format!("Content-Type: multipart/{kind}; boundary={kind}\r\n\r\n");
    for part in parts {
        out += &format!("--{kind}\r\n{part}\r\n");
    }
    out + &format!("--{kind}--\r\n")
}

#[test]
fn the_best_part_is_chosen() {
    let page =
        "Content-Type: text/html\r\n\r\n<style>x</style><p>page</p><blockquote>q</blockquote>";
    let text = "Content-Type: text/plain\r\n\r\ntext";
    let empty = "Content-Type: text/plain\r\n\r\n  \r\n";
    let attached = "Content-Disposition: attachment\r\n\r\nattached";
    let image = "Content-Type: image/png\r\n\r\nx";
    let within = "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nwithin";
    for (message, chosen) in [
        (multipart("alternative", &[page, text]), "text"),
        (multipart("alternative", &[empty, page]), "page"),
        (multipart("mixed", &[page, text]), "page"),
        (multipart("mixed", &[attached, image, text]), "text"),
        (multipart("mixed", &[attached]), ""),
        (multipart("mixed", &[within, text]), "text"),
        (multipart("mixed", &[image, within]), "within"),
        (multipart("mixed", &[&multipart("alternative", &[page, text]), "\r\nfooter"]), "text"),
        (multipart("alternative", &[&multipart("related", &[page, image]), text]), "text"),
        (multipart("encrypted", &[text]), ""),
        (multipart("signed", &[text, "Content-Type: application/pgp-signature\r\n\r\nx"]), "text"),
        ("Content-Type: multipart/mixed; boundary=none\r\n\r\nno parts".into(), "no parts"),
    ] {
        assert_eq!(preview(&message, USUAL), chosen, "{message}");
    }
    let many = multipart("mixed", &[empty; PARTS + 1]);
    let tree = Structure::of(many.as_bytes());
    assert_eq!(parts(&Message::new(&tree, many.as_bytes())).len(), PARTS);
}

#[test]
fn little_is_read_of_much() {
    let long = format!("\r\n{}b", "a ".repeat(1 << 20));
    assert_eq!(preview(&long, USUAL).len(), USUAL - 1);
    let blank = format!("\r\n{}b", " ".repeat(BODY_OCTETS));
    assert_eq!(preview(&blank, USUAL), "");
    let page = format!("Content-Type: text/html\r\n\r\n<style>{}</style>b", "x".repeat(100_000));
    assert_eq!(preview(&page, USUAL), "b");
}

proptest! {
    #[test]
    fn every_cutting_shows_the_same(
        body in "([a-c\u{e9}\u{301}\u{200d}]|[>:-] ?|-- |\r?\n|-----BEGIN PGP |SIGNED MESSAGE-----|<p>|&amp;|====){0,40}",
        cuts: Vec<u8>, letters in 0_usize..40, html: bool, quotes: bool,
    ) {
        let format = if html { Format::Html } else { Format::Flowed { delsp: quotes } };
        let form = Form { encoding: crate::mime::structure::Encoding::EightBit, label: b"utf-8".to_vec(), format };
        let mut whole = Writer::new(&form, letters, quotes);
        whole.feed(body.as_bytes());
        let mut writer = Writer::new(&form, letters, quotes);
        let mut rest = body.as_bytes();
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut) % 7));
            writer.feed(piece);
            rest = after;
        }
        writer.feed(rest);
        let (whole, found) = (whole.finish(), writer.finish());
        prop_assert!(found.chars().count() <= letters);
        prop_assert_eq!(found, whole);
    }
}
