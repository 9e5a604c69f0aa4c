use alloc::{string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::{html::Show, *};
use crate::mime::Structure;

fn shown(message: &str) -> Option<String> {
    let tree = Structure::of(message.as_bytes());
    Message::new(&tree, message.as_bytes()).readable(0).map(Cow::into_owned)
}

#[test]
fn content_text_and_what_is_readable() {
    let bytes = b"Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: \
        quoted-printable\r\n\r\n<p>caf=E9=\r\n</p>\r\n";
    let tree = Structure::of(bytes);
    let message = Message::new(&tree, bytes);
    assert_eq!(message.content(0).unwrap(), &b"<p>caf\xe9</p>\r\n"[..]);
    assert_eq!(message.text(0).unwrap(), "<p>caf\u{e9}</p>\r\n");
    assert_eq!(message.readable(0).unwrap(), "caf\u{e9}");
    assert!(Message::kept(&tree).text(0).is_none() && message.text(1).is_none());
    assert_eq!(shown("\r\na\r\nb\rc\n").unwrap(), "a\nb\nc\n");
    assert_eq!(shown("Content-Type: image/png\r\n\r\nx"), None);
    assert_eq!(
        shown("Content-Type: text/plain; Format=Flowed; DelSp=Yes\r\n\r\na \r\nb\r\n").unwrap(),
        "ab\n"
    );
    assert_eq!(shown("Content-Transfer-Encoding: x-new\r\n\r\n=41").unwrap(), "=41");
}

#[test]
fn pages_may_say_their_charset() {
    for (page, label) in [
        ("<html><META charset=koi8-r>", "koi8-r"),
        (
            "<meta name=x><meta http-equiv='Content-Type' content='text/html; CharSet = \"gb2312\"'>",
            "gb2312",
        ),
        ("<meta charset=\"utf-16le\">", ""),
        ("<p charset=x>< meta charset=x><meta charset x><meta", ""),
    ] {
        assert_eq!(html::charset(page.as_bytes()), label.as_bytes(), "{page}");
    }
    let bytes = b"Content-Type: text/html\r\n\r\n<meta charset=koi8-r>\xc1";
    let tree = Structure::of(bytes);
    assert_eq!(Message::new(&tree, bytes).readable(0).unwrap(), "\u{430}");
    let bytes = b"Content-Type: text/html; charset=utf-8\r\n\r\n<meta charset=koi8-r>\xc3\xa9";
    let tree = Structure::of(bytes);
    assert_eq!(Message::new(&tree, bytes).readable(0).unwrap(), "\u{e9}");
}

#[test]
fn what_needs_no_decoding_is_borrowed() {
    let bytes = "\r\ncaf\u{e9}\n".as_bytes();
    let tree = Structure::of(bytes);
    let message = Message::new(&tree, bytes);
    assert!(matches!(message.text(0), Some(Cow::Borrowed(_))));
    assert!(matches!(message.readable(0), Some(Cow::Borrowed(_))));
}

/// RFC 3676 §4.1 to §4.5.
#[test]
fn flowed_text() {
    for (text, plain) in [
        ("a \r\nb\r\nc", "a b\nc\n"),
        (" stuffed\r\n >no quote\r\n From x", "stuffed\n>no quote\nFrom x\n"),
        (">> a \r\n>> b\r\n> c\r\n>\r\nd", ">> a b\n> c\n>\nd\n"),
        // A change of depth ends a paragraph.
        ("> a \r\nb \r\n", "> a \nb \n"),
        // The signature flows neither way.
        ("a \r\n-- \r\nb", "a \n-- \nb\n"),
        ("> -- \r\n> b", "> -- \n> b\n"),
        ("a\n\nb", "a\n\nb\n"),
        ("", ""),
    ] {
        assert_eq!(flowed::unflow(text, false), plain, "{text:?}");
    }
    assert_eq!(flowed::unflow("a  \r\nb \r\nc", true), "a bc\n");
    let found: Vec<_> = flowed::paragraphs(">> a\r\n-- \r\n", false).collect();
    assert_eq!((found[0].depth, &*found[0].text, found[0].signature), (2, "a", false));
    assert_eq!((found[1].depth, &*found[1].text, found[1].signature), (0, "-- ", true));
}

#[test]
fn text_is_made_to_flow() {
    assert_eq!(flowed::flow("From a\n>b\n c  \n-- \nd"), " From a\r\n >b\r\n  c\r\n-- \r\nd\r\n");
    let long = "word ".repeat(40);
    let flowed = flowed::flow(&long);
    assert!(flowed.lines().count() > 2 && flowed.lines().all(|line| line.len() <= flowed::WIDTH));
    assert_eq!(flowed::unflow(&flowed, false), [long.trim_end(), "\n"].concat());
    let one = "x".repeat(200);
    assert_eq!(flowed::flow(&one), [&one, "\r\n"].concat());
}

fn stripped(page: &str) -> String {
    html::text(page, Show::default())
}

#[test]
fn pages_as_people_read_them() {
    for (page, text) in [
        ("a<b>b</b> c", "ab c"),
        (" a \r\n\t b ", "a b"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<div><div>a</div></div><div>b</div>", "a\nb"),
        ("a<br>b<br/><br>c", "a\nb\n\nc"),
        ("<tr><td>a</td><td>b</td></tr><tr><td>c", "a b\nc"),
        ("<ul><li>a<li>b</ul>c", "a\nb\n\nc"),
        ("<script>if (a</b) '</div>'</script >x", "x"),
        ("<STYLE>p {}</stylex></Style\n>x", "x"),
        ("<style>never closed", ""),
        ("<head><title>t</title><meta x></head><body>x", "x"),
        ("a<!-- b > c -- d -->e<!---->f<!-->g<!--->h<!--x--!>i", "aefghi"),
        ("a<!-- <!-- -->b-->", "ab-->"),
        ("<!DOCTYPE html>a<?php x ?>b<![if !mso]>c<![endif]>", "abc"),
        ("a < b, a <3, x<y>z", "a < b, a <3, xz"),
        ("<a title=\"<b>\" href='x>y' z=>a</a >b</>c</ d>e", "abce"),
        ("<a href=x/>b", "b"),
        ("<a x = 'y' z>b", "b"),
        // A line end may be cut in two, so a CR alone is none of the text either.
        ("<pre>a\rb\r</pre>", "ab"),
        ("<pre>a  b\r\n  c\n\n\n\nd</pre> e  f", "a  b\n  c\n\nd\n\ne f"),
        ("x<", "x<"),
        ("x</", "x</"),
        ("x<a", "x"),
        ("<blockquote>q</blockquote>a", "q\n\na"),
        ("a&nbsp; &nbsp;b", "a b"),
    ] {
        assert_eq!(stripped(page), text, "{page}");
    }
}

#[test]
fn character_references() {
    for (page, text) in [
        ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"),
        ("&eacute;&Eacute;&euro;&hellip;&zwnj;", "\u{e9}\u{c9}\u{20ac}\u{2026}\u{200c}"),
        ("&#233;&#xE9;&#Xe9;&#x1F600;", "\u{e9}\u{e9}\u{e9}\u{1f600}"),
        ("&#150;&#146;", "\u{2013}\u{2019}"),
        ("&#0;&#xd800;&#99999999999;", "\u{fffd}\u{fffd}\u{fffd}"),
        ("&copy2024 &ampx; &notit; &AMP", "\u{a9}2024 &x; \u{ac}it; &"),
        ("&euro 5", "&euro 5"),
        ("AT&T & co && &; &# &#; &#x; &unknown;", "AT&T & co && &; &# &#; &#x; &unknown;"),
        ("&#65 &#65x", "A Ax"),
        ("&verylongnamethatisnothingatallreally;x", "&verylongnamethatisnothingatallreally;x"),
        ("x&am", "x&am"),
        ("a&", "a&"),
        ("&scaron;&ccaron;&acy;", "\u{161}\u{10d}\u{430}"),
    ] {
        assert_eq!(stripped(page), text, "{page}");
    }
    assert!(reference::NAMES.is_sorted_by(|a, b| a.0 < b.0));
    assert!(reference::NAMES.iter().all(|(name, _)| name.len() <= reference::LONGEST));
}

#[test]
fn what_else_is_shown() {
    let page =
        "<a href=\"http://x/?a&amp;b\">x</a> <a href=#y>y</a> <img alt='a &eacute;' alt=z src=b>";
    assert_eq!(stripped(page), "x y");
    let all = Show { images: true, links: true, quotes: true };
    assert_eq!(html::text(page, all), "x <http://x/?a&b> y a \u{e9}");
    let page = "a<blockquote>b<blockquote>c</blockquote>d</blockquote></blockquote>e";
    assert_eq!(html::text(page, Show { quotes: false, ..all }), "a\n\ne");
    let page = alloc::format!("<img alt=\"{}\">", "\u{e9}".repeat(5_000));
    assert_eq!(html::text(&page, all).len(), html::LONGEST_VALUE);
}

proptest! {
    #[test]
    fn every_cutting_strips_alike(
        page in "(<[!/]?-{0,3}|-{0,3}!?>|&#?x?|;|amp|script|pre|/|<a href|alt|img|=|\"|'| |\n|[a-c\u{e9}]|<blockquote>|<p>){0,40}",
        cuts: Vec<u8>, images: bool, links: bool, quotes: bool,
    ) {
        let show = Show { images, links, quotes };
        let whole = html::text(&page, show);
        let (mut stripper, mut out) = (html::Stripper::new(show), String::new());
        let mut rest = page.as_str();
        for cut in cuts {
            let mut at = rest.len().min(usize::from(cut) % 5);
            while !rest.is_char_boundary(at) {
                at += 1;
            }
            let (piece, after) = rest.split_at(at);
            stripper.feed(piece, &mut out);
            rest = after;
        }
        stripper.feed(rest, &mut out);
        stripper.finish(&mut out);
        prop_assert!(out.len() <= page.len() * 3);
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn flowed_text_comes_back(text in "([a-c>\\- \u{e9}]{0,40}( [a-c>\\-]{1,30}){0,6}\n){0,5}") {
        let flowed = flowed::flow(&text);
        let back: Vec<_> = flowed::paragraphs(&flowed, false)
            .map(|paragraph| (paragraph.depth, paragraph.text.into_owned()))
            .collect();
        let wanted: Vec<_> = text
            .lines()
            .map(|line| (0, if line == "-- " { line } else { line.trim_end_matches(' ') }.into()))
            .collect();
        prop_assert_eq!(back, wanted);
        let _ = flowed::unflow(&text, true);
    }

    #[test]
    fn every_cutting_reads_alike(
        body in "([=+A-Za-z0-9\r\n]|=[89A-F][0-9A-F]){0,80}", cuts: Vec<u8>, limit in 0_usize..100,
        encoding in prop::sample::select(vec![
            Encoding::Base64, Encoding::QuotedPrintable, Encoding::EightBit, Encoding::Unknown,
        ]),
        label in prop::sample::select(vec![&b"utf-8"[..], b"", b"shift_jis", b"utf-7"]),
    ) {
        let whole = decode(encoding, label, body.as_bytes());
        let (mut reader, mut out) = (Reader::new(encoding, label, limit), String::new());
        let mut rest = body.as_bytes();
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut) % 19));
            reader.feed(piece, &mut out);
            rest = after;
        }
        reader.feed(rest, &mut out);
        reader.finish(&mut out);
        prop_assert!(out.len() <= limit && whole.starts_with(out.as_str()));
        prop_assert_eq!(reader.is_truncated(), out.len() < whole.len());
    }
}
