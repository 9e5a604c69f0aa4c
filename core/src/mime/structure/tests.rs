use alloc::{format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

/// The tree as text: a line a part, indented, with kind, header, body, lines.
fn drawn(message: &[u8]) -> String {
    draw(&Structure::of(message), message)
}

fn draw(tree: &Structure, message: &[u8]) -> String {
    let mut out = String::new();
    for (index, part) in tree.parts().iter().enumerate() {
        let mut depth = 0;
        let mut up = index;
        while let Some(parent) = tree.parent(up) {
            (up, depth) = (parent, depth + 1);
        }
        let body = String::from_utf8_lossy(part.body().of(message))
            .escape_debug()
            .take(20)
            .collect::<String>();
        out += &format!("{:1$}{2:?} {3} [{body}]\n", "", depth * 2, part.kind(), part.lines());
    }
    out
}

fn scanned(pieces: &[&[u8]]) -> Structure {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    for piece in pieces {
        scanner.feed(piece);
    }
    scanner.finish()
}

#[test]
fn a_message_without_mime_is_text() {
    assert_eq!(drawn(b"Subject: a\r\n\r\none\r\ntwo\r\n"), "Text 2 [one\\r\\ntwo\\r\\n]\n");
    assert_eq!(drawn(b"Subject: a\r\n"), "Text 0 []\n");
    assert_eq!(drawn(b""), "Text 0 []\n");
    assert_eq!(drawn(b"\r\nbody"), "Text 0 [body]\n");
}

/// RFC 2046 §5.1.1: the line end before a delimiter belongs to it; preamble and epilogue to no part.
#[test]
fn the_example_of_rfc_2046() {
    let message = b"From: Nathaniel Borenstein <nsb@bellcore.com>\r\n\
        MIME-Version: 1.0\r\n\
        Content-type: multipart/mixed; boundary=\"simple boundary\"\r\n\
        \r\n\
        This is the preamble.\r\n\
        \r\n\
        --simple boundary\r\n\
        \r\n\
        no line end\r\n\
        --simple boundary\r\n\
        Content-type: text/plain; charset=us-ascii\r\n\
        \r\n\
        one line end\r\n\
        \r\n\
        --simple boundary--\r\n\
        \r\n\
        --simple boundary\r\n\
        This is the epilogue.\r\n";
    assert_eq!(
        drawn(message),
        "Multipart 0 [This is the preamble]\n  Text 0 [no line end]\n  Text 1 [one line end\\r\\n]\n"
    );
    let tree = Structure::of(message);
    assert!(tree.defects().is_empty());
    assert_eq!(tree.size() as usize, message.len());
    assert_eq!(tree.fields(0).len(), 3);
    assert_eq!(tree.fields(2)[0].name(), Name::ContentType);
    assert_eq!(tree.children(0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(tree.parent(2), Some(0));
    assert_eq!(tree.parent(0), None);
}

#[test]
fn messages_within_messages_and_digests() {
    let message = b"Content-Type: multipart/digest; boundary=d\r\n\r\n\
        --d\r\n\r\nSubject: inner\r\n\r\ntext\r\nmore\r\n\
        --d\r\nContent-Type: message/rfc822\r\n\r\n\
        Content-Type: multipart/mixed; boundary=e\r\n\r\n--e\r\n\r\na\r\n--e--\r\nend\r\n\
        --d--\r\n";
    assert_eq!(
        drawn(message),
        "Digest 0 [--d\\r\\n\\r\\nSubject: ]\n  \
           Message 3 [Subject: inner\\r\\n\\r]\n    \
             Text 1 [text\\r\\nmore]\n  \
           Message 6 [Content-Type: multip]\n    \
             Multipart 0 [--e\\r\\n\\r\\na\\r\\n--e-]\n      \
               Text 0 [a]\n"
    );
}

#[test]
fn an_outer_delimiter_closes_what_is_within() {
    let message = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\
        Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\na\r\n--o\r\n\r\nb\r\n--o--\r\n";
    let tree = Structure::of(message);
    assert_eq!(tree.children(0).count(), 2);
    assert!(tree.defects().contains(Defects::NOT_CLOSED));
    assert_eq!(tree.part(2).unwrap().body().of(message), b"a");
}

/// What may follow a boundary on its line: nothing, blanks and anything behind them, or, where it is
/// the last one, `--` and anything. The readers that malware is made for agree on that.
#[test]
fn delimiter_lines() {
    let parts = |line: &str| {
        let body = format!("--b\r\n\r\none\r\n{line}\r\n\r\ntwo\r\n--b\r\n\r\nthree\r\n");
        let header = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        Structure::of(format!("{header}{body}").as_bytes()).parts().len() - 1
    };
    for delimiter in ["--b", "--b ", "--b\t \t", "--b junk", "--b -- junk", "--b\r"] {
        assert_eq!(parts(delimiter), 3, "{delimiter:?}");
    }
    for last in ["--b--", "--b-- ", "--b--junk", "--b---"] {
        assert_eq!(parts(last), 1, "{last:?}");
    }
    for text in ["--bb", "--b-", "--", "-b", " --b", "x--b", "--B", "-- b", "---b"] {
        assert_eq!(parts(text), 2, "{text:?}");
    }
}

/// RFC 2046 §5.1.1 forbids blanks at the end of a boundary. Where one has them, they count.
#[test]
fn boundaries_that_should_not_be() {
    let count = |boundary: &str, line: &str| {
        let header = format!("Content-Type: multipart/mixed; boundary{boundary}\r\n\r\n");
        Structure::of(format!("{header}--{line}\r\n\r\na\r\n--{line}--\r\n").as_bytes())
            .children(0)
            .count()
    };
    assert_eq!(count("=\"b  \"", "b  "), 1);
    assert_eq!(count("=\"b  \"", "b "), 0);
    assert_eq!(count("=\" \"", " "), 0);
    assert_eq!(count("=\"a\\\n b\"", "a\n b"), 0);
    assert_eq!(count("*=us-ascii''a%2Fb", "a/b"), 1);
    assert_eq!(count("*0=a; boundary*1=b", "ab"), 1);
    assert_eq!(count("*0=x; boundary=b", "b"), 1);
    let long = "x".repeat(8_192);
    assert_eq!(count(&format!("={long}"), &long), 1);
    assert_eq!(count(&format!("={long}y"), &format!("{long}y")), 0);
}

/// A multipart whose header has no empty line behind it still shows its parts: what stands in the
/// first one must not pass unseen.
#[test]
fn the_first_delimiter_ends_the_header_of_its_multipart() {
    let message = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\
        Content-Type: multipart/alternative; boundary=i\r\n--i\r\n\r\na\r\n--i--\r\n--o--\r\n";
    let tree = Structure::of(message);
    assert_eq!(drawn(message).lines().count(), 3);
    assert_eq!(tree.part(2).unwrap().body().of(message), b"a");
    let odd = tree.defects();
    assert!(odd.contains(Defects::NO_BLANK_LINE) && odd.contains(Defects::BOUNDARY_IN_HEADER));
}

/// One boundary may be the start of another: only the whole line counts.
#[test]
fn boundaries_that_begin_others() {
    let message = b"Content-Type: multipart/mixed; boundary=foo\r\n\r\n--foo\r\n\
        Content-Type: multipart/mixed; boundary=foobar\r\n\r\n\
        --foobar\r\n\r\na\r\n--foobar--\r\n--foo\r\n\r\n--foobaz\r\n--foo--\r\n";
    let tree = Structure::of(message);
    assert_eq!(tree.children(0).count(), 2);
    assert_eq!(tree.children(1).count(), 1);
    assert_eq!(tree.part(3).unwrap().body().of(message), b"--foobaz");
    assert!(tree.defects().contains(Defects::BOUNDARY_REUSED));
    assert!(tree.defects().contains(Defects::BOUNDARY_PREFIX));
}

/// A form feed is no blank (RFC 5322 §2.2.2): here it is part of the boundary, so that nothing below
/// is a delimiter. It was trimmed once, and parts were shown that other readers did not see.
#[test]
fn a_form_feed_belongs_to_the_boundary() {
    for (value, boundary) in
        [("b\x0c", "b\x0c"), ("b\x0c; x=y", "b\x0c"), ("\x0cb", "\x0cb"), ("\"b\x0c\"", "b\x0c")]
    {
        let parts = |boundary: &str| {
            let message = format!(
                "Content-Type: multipart/mixed; boundary={value}\r\n\r\n\
                 --{boundary}\r\n\r\na\r\n--{boundary}--\r\n"
            );
            let tree = Structure::of(message.as_bytes());
            (tree.parts().len(), tree.defects().contains(Defects::NO_DELIMITER))
        };
        assert_eq!(parts("b"), (1, true), "{value:?}");
        assert_eq!(parts(boundary), (2, false), "{value:?}");
    }
}

/// What other readers may take for another boundary is read, and noted. The differential fuzzer found
/// a bare CR between two parameters, which mail-parser takes for a part of the boundary.
#[test]
fn parameters_that_can_be_read_in_two_ways_are_noted() {
    let is_noted = |parameters: &str| {
        let message = format!("Content-Type: multipart/mixed{parameters}\r\n\r\n--b\r\n\r\n--b--");
        let tree = Structure::of(message.as_bytes());
        assert_eq!(tree.parts().len(), 2, "{parameters:?}");
        tree.defects().contains(Defects::BAD_TYPE)
    };
    for plain in [
        "; boundary=b",
        ";boundary=\"b\";",
        " (a) ; (b) boundary = (c) \"b\" (d) ;; charset=x",
        ";\r\n\tboundary=b;\r\n\ttype=\"a/b\"",
        "; x=\"(\"; boundary=b",
    ] {
        assert!(!is_noted(plain), "{plain:?}");
    }
    for odd in [
        " boundary=b",
        "; boundary=b\rx=y",
        "; boundary=b\r\n x=y",
        "; boundary=b; x=\"y",
        "; boundary=b (c",
        "; boundary=b; x=y\"z\"",
        "; boundary=b; x=y(z)",
        "; boundary=b; =x",
        "; boundary=b; x",
        "; boundary=b; x=y z",
    ] {
        assert!(is_noted(odd), "{odd:?}");
    }
}

#[test]
fn a_delimiter_within_a_header_ends_the_part() {
    let message =
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n--b\r\n--b\r\n\r\n--b--";
    let tree = Structure::of(message);
    assert_eq!(tree.children(0).count(), 3);
    assert!(tree.parts()[1..].iter().all(|part| part.body().is_empty()));
    assert_eq!(tree.part(1).unwrap().header().of(message), b"A: b");
    assert!(tree.defects().contains(Defects::BOUNDARY_IN_HEADER));
}

#[test]
fn multiparts_without_parts() {
    for (message, defect) in [
        (&b"Content-Type: multipart/mixed\r\n\r\n--\r\n"[..], Defects::NO_BOUNDARY),
        (b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n", Defects::NO_BOUNDARY),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\ntext\r\n", Defects::NO_DELIMITER),
    ] {
        let tree = Structure::of(message);
        assert_eq!(tree.parts().len(), 1);
        assert_eq!(tree.parts()[0].kind(), Kind::Multipart);
        assert!(tree.defects().contains(defect));
    }
}

#[test]
fn only_the_first_content_type_counts() {
    let tree = Structure::of(
        b"Content-Type: text/html\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n",
    );
    assert_eq!(tree.parts().len(), 1);
    assert_eq!(tree.parts()[0].kind(), Kind::Text);
    assert!(tree.defects().contains(Defects::TWO_TYPES));
}

/// Beyond a limit the message stays whole: every octet is in some part, and the tree says so.
#[test]
fn limits_truncate_and_say_so() {
    let mut nest = Vec::new();
    for level in 0..200 {
        nest.extend(
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
                .bytes(),
        );
    }
    let tree = Structure::of(&nest);
    assert_eq!(tree.parts().len(), 101);
    assert!(tree.is_truncated());
    let exact = Structure::of(&nest[..nest.windows(6).position(|w| w == b"--b100").unwrap()]);
    assert_eq!(exact.parts().len(), 101);

    let mut wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..20 {
        wide.extend(b"--b\r\n\r\na\r\n");
    }
    let limits = Limits { mime_parts: 21, ..Limits::DEFAULT };
    let scan = |limits| {
        let mut scanner = Scanner::new(limits);
        scanner.feed(&wide);
        scanner.finish()
    };
    assert!(!scan(limits).is_truncated());
    let tree = scan(Limits { mime_parts: 20, ..limits });
    assert!(tree.is_truncated());
    assert_eq!(tree.parts().len(), 20);
    assert_eq!(tree.size() as usize, wide.len());

    let mut scanner = Scanner::new(Limits { header_block: 3000, ..Limits::DEFAULT });
    scanner.feed(b"A: ");
    for _ in 0..2000 {
        scanner.feed(b"xxx\r\n ");
    }
    scanner.feed(b"\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\nbody");
    let tree = scanner.finish();
    assert!(tree.is_truncated());
    assert_eq!(tree.part(0).unwrap().body().len(), 4);
    assert_eq!(tree.part(0).unwrap().kind(), Kind::Text);
}

/// What messages are made of, so that random ones are worth scanning.
fn ingredient() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"[..],
        b"Content-Type: multipart/digest;\r\n boundary=\"c d\"\r\n\r\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"content-type: text/html\n\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Subject: x\r\n y\r\n",
        b"no field\r\n",
        b"\r\n--b\r\n",
        b"--b\r\n",
        b"\n--b--\r\n",
        b"--b--  \r\n",
        b"--c d\r\n",
        b"--c d--\r\n",
        b"--bb\r\n",
        b"--b",
        b"--",
        b"-",
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"text",
        b"\xc3\xa9",
    ])
}

proptest! {
    #[test]
    fn every_cutting_gives_the_same_tree(
        parts in prop::collection::vec(ingredient(), 0..24),
        cuts in prop::collection::vec(0_usize..40, 0..40),
    ) {
        let message = parts.concat();
        let whole = scanned(&[&message]);
        let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
        let mut rest = &message[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            scanner.feed(piece);
            rest = after;
        }
        scanner.feed(rest);
        prop_assert_eq!(&scanner.finish(), &whole);
        let octets: Vec<&[u8]> = message.chunks(1).collect();
        prop_assert_eq!(&scanned(&octets), &whole);
        check(&whole, &message);
    }

    #[test]
    fn a_stored_tree_comes_back(parts in prop::collection::vec(ingredient(), 0..24)) {
        let tree = scanned(&[&parts.concat()]);
        let mut stored = Vec::new();
        tree.encode(&mut stored);
        prop_assert_eq!(Structure::decode(&stored), Ok(tree));
        prop_assert_eq!(Structure::decode(&stored[..stored.len() - 1]), Err(Damaged));
    }

    #[test]
    fn a_damaged_tree_never_breaks_the_ways_through_it(
        parts in prop::collection::vec(ingredient(), 0..12), at: prop::sample::Index, new: u8,
    ) {
        let message = parts.concat();
        let mut stored = Vec::new();
        scanned(&[&message]).encode(&mut stored);
        let at = at.index(stored.len());
        stored[at] = new;
        if let Ok(tree) = Structure::decode(&stored) {
            for index in 0..tree.parts().len() + 1 {
                tree.children(index).count();
                tree.fields(index).iter().for_each(|field| _ = field.span().of(&message));
                tree.kept_fields(index).count();
                let _ = tree.section(&[1, 1], super::super::section::Wanted::Header);
            }
        }
    }
}

/// What holds for every tree.
fn check(tree: &Structure, message: &[u8]) {
    assert_eq!(tree.size() as usize, message.len());
    for (index, part) in tree.parts().iter().enumerate() {
        assert!(part.start <= part.body && part.body <= part.end);
        assert!(part.after as usize > index && part.after as usize <= tree.parts().len());
        if let Some(parent) = tree.parent(index) {
            let parent = &tree.parts()[parent];
            assert!(parent.body <= part.start && part.end <= parent.end, "{}", draw(tree, message));
            assert!(part.after <= parent.after);
        }
        if matches!(part.kind, Kind::Text | Kind::Message) {
            let lines = memchr::memchr_iter(b'\n', part.body().of(message)).count();
            assert_eq!(part.lines as usize, lines, "part {index} of\n{}", draw(tree, message));
        }
        for field in tree.fields(index) {
            assert!(part.start <= field.start && field.end <= part.body.max(field.end));
        }
    }
}
