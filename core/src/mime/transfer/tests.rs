use proptest::prelude::*;

use super::*;

fn printable(text: &[u8]) -> Vec<u8> {
    decode(Encoding::QuotedPrintable, text).unwrap().into_owned()
}

/// RFC 2045 §6.7, the rules and their example.
#[test]
fn quoted_printable() {
    assert_eq!(
        printable(b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country."),
        b"Now's the time for all folk to come to the aid of their country."
    );
    assert_eq!(printable(b"=3D=0C=c3=A9"), b"=\x0c\xc3\xa9");
    assert_eq!(printable(b"blanks go \t\r\nand stay\t=20\r\n"), b"blanks go\r\nand stay\t \r\n");
    assert_eq!(printable(b"soft= \t\r\nend= \nend=\nend="), b"softendendend");
    assert_eq!(printable(b"at the end  "), b"at the end");
}

#[test]
fn quoted_printable_that_is_none_stands_for_itself() {
    for text in ["=", "a=zz", "=4", "=4x", "==41", "= x", "=\rx", "a \rb", "=4=", "\r\r", "="] {
        let expected = match text {
            "==41" => "=A",
            "=" => "",
            "=4=" => "=4",
            text => text,
        };
        assert_eq!(printable(text.as_bytes()), expected.as_bytes(), "{text:?}");
    }
    let many = [b' '; QuotedPrintable::LONGEST_BLANKS + 1];
    assert_eq!(printable(&[&many[..], b"\r\n"].concat()), [&many[..], b"\r\n"].concat());
    assert_eq!(printable(&[&many[1..], b"\r\n"].concat()), b"\r\n");
}

#[test]
fn other_encodings() {
    assert_eq!(decode(Encoding::EightBit, b"=41").unwrap(), &b"=41"[..]);
    assert_eq!(decode(Encoding::Base64, b"Zm9v\r\nYmFy\r\n").unwrap(), &b"foobar"[..]);
    assert_eq!(decode(Encoding::Unknown, b""), None);
}

fn encode(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, octet) in octets.iter().enumerate() {
        out.extend(alloc::format!("={octet:02X}").bytes());
        if at % 20 == 19 {
            out.extend(b"= \r\n");
        }
    }
    out
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(octets: Vec<u8>) {
        prop_assert_eq!(printable(&encode(&octets)), octets);
    }

    #[test]
    fn every_cutting_decodes_alike(
        text in "([=a-f0-3 \t\r\nxyz]| {900,1100}){0,60}", cuts: Vec<u8>,
        encoding in prop::sample::select(alloc::vec![
            Encoding::Base64, Encoding::QuotedPrintable, Encoding::Uuencode,
        ]),
    ) {
        let whole = decode(encoding, text.as_bytes()).unwrap();
        let (mut decoder, mut out) = (Decoder::new(encoding).unwrap(), Vec::new());
        let mut rest = text.as_bytes();
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut) % 19));
            decoder.feed(piece, &mut out);
            rest = after;
        }
        decoder.feed(rest, &mut out);
        decoder.finish(&mut out);
        prop_assert_eq!(out, whole.into_owned());
    }
}

fn written(encoding: Encoding, form: Form, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(super::encode(encoding, form, content, &mut out));
    out
}

#[test]
fn quoted_printable_written() {
    let text = |content: &[u8]| written(Encoding::QuotedPrintable, Form::Text, content);
    let binary = |content: &[u8]| written(Encoding::QuotedPrintable, Form::Binary, content);
    assert_eq!(text(b"1+1=2\r\nGr\xfc\xdfe\r\n"), b"1+1=3D2\r\nGr=FC=DFe\r\n");
    assert_eq!(text(b"blank \r\ntab\t\r\nin a line \t."), b"blank=20\r\ntab=09\r\nin a line \t.");
    assert_eq!(text(b"end "), b"end=20");
    assert_eq!(text(b"a\nb\rc\r\r\n"), b"a=0Ab=0Dc=0D\r\n");
    assert_eq!(binary(b"a\r\nb \r\n"), b"a=0D=0Ab =0D=0A");
    assert_eq!(
        text(b".\r\n..\r\nFrom me\r\nFor\r\nFrom"),
        b"=2E\r\n=2E.\r\n=46rom me\r\nFor\r\nFrom"
    );
    assert!(!super::encode(Encoding::Uuencode, Form::Text, b"a", &mut Vec::new()));
}

/// Rule 5, at the edge: 76 characters stay on a line that ends there, and 77 do not.
#[test]
fn soft_line_ends() {
    let a = [b'a'; 200];
    let text = |content: &[u8]| written(Encoding::QuotedPrintable, Form::Text, content);
    assert_eq!(text(&a[..76]), &a[..76]);
    assert_eq!(text(&[&a[..76], b"\r\n"].concat()), [&a[..76], b"\r\n"].concat());
    assert_eq!(text(&a[..77]), [&a[..75], b"=\r\naa"].concat());
    assert_eq!(text(&[&a[..73], b"="].concat()), [&a[..73], b"=3D"].concat());
    assert_eq!(text(&[&a[..74], b"="].concat()), [&a[..74], b"=\r\n=3D"].concat());
    assert_eq!(text(&[&a[..73], b"=a"].concat()), [&a[..73], b"=\r\n=3Da"].concat());
    assert_eq!(text(&[&a[..75], b" \r\n"].concat()), [&a[..75], b"=\r\n=20\r\n"].concat());
    assert_eq!(text(&[&a[..75], b".a"].concat()), [&a[..75], b"=\r\n=2Ea"].concat());
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let text = "([ -~]{0,40}|[a-z]{70,80}|[ \t]{1,3}|(\r\n){1,2}|From |[.=\r\n]|[à-ü]{1,9}){0,20}";
    prop_oneof![
        text.prop_map(alloc::string::String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300)
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        content in content(), cuts: Vec<u8>,
        form in prop::sample::select(alloc::vec![Form::Text, Form::Binary]),
        encoding in prop::sample::select(alloc::vec![Encoding::Base64, Encoding::QuotedPrintable]),
    ) {
        let whole = written(encoding, form, &content);
        for line in whole.split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            prop_assert!(line.len() <= LINE);
            prop_assert!(line.iter().all(|octet| matches!(octet, b' '..=b'~' | b'\t')));
            prop_assert!(!matches!(line, [.., b' ' | b'\t'] | [b'.', ..]));
            prop_assert!(!line.starts_with(b"From "));
        }
        prop_assert_eq!(&*decode(encoding, &whole).unwrap(), &content[..]);
        let (mut encoder, mut out) = (Encoder::new(encoding, form).unwrap(), Vec::new());
        let mut rest = &content[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut) % 11));
            encoder.feed(piece, &mut out);
            rest = after;
        }
        encoder.feed(rest, &mut out);
        encoder.finish(&mut out);
        prop_assert_eq!(out, whole);
    }
}

#[test]
fn a_limit_cuts_and_says_so() {
    let text = b"Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy";
    for (limit, cut) in [(0, true), (5, true), (23, true), (24, false), (100, false)] {
        let mut decoder = Decoder::new(Encoding::Base64).unwrap().limited(limit);
        for piece in [1, 7, 100] {
            let mut out = b"kept".to_vec();
            text.chunks(piece).for_each(|piece| decoder.feed(piece, &mut out));
            assert_eq!(decoder.is_cut(), cut, "{limit}");
            assert_eq!(decoder.finish(&mut out), !cut, "{limit}");
            let expected = &b"foobarfoobarfoobarfoobar"[..24.min(limit as usize)];
            assert_eq!(&out, &[b"kept", expected].concat());
        }
    }
    let mut decoder = Decoder::new(Encoding::QuotedPrintable).unwrap().limited(1);
    let mut out = Vec::new();
    decoder.feed(b"a=4", &mut out);
    assert!(!decoder.is_cut());
    assert!(!decoder.finish(&mut out), "what was held goes beyond the limit");
    assert_eq!(out, b"a");
}

fn uu(text: &[u8]) -> Vec<u8> {
    decode(Encoding::Uuencode, text).unwrap().into_owned()
}

#[test]
fn uuencode() {
    assert_eq!(uu(b"begin 644 cat.txt\n#0V%T\n`\nend\n"), b"Cat");
    assert_eq!(uu(b"text\r\nbegin 0644 a b\r\n#0V%T\r\n \r\nend\r\nmore\r\n#0V%T\r\n"), b"Cat");
    assert_eq!(uu(b"begin 644 a\n#0V%T"), b"Cat", "no end");
    assert_eq!(uu(b"begin 644 a\n#0V%T\nbegin 644 b\n#0V%T\nend\n"), b"CatCat");
    assert_eq!(uu(b"begin 644 a\n#0V%TXY\n"), b"Cat", "a sum behind it");
    assert_eq!(uu(b"begin 644 a\n!0P\n!0P``\n"), b"CC", "blanks lost");
    assert_eq!(uu(b"begin 644 a\n&0V%T\n"), b"Cat\0\0\0");
    assert_eq!(uu(b"#0V%T\nbeginning 644 a\nbegin 9 a\nbegin 644 \n#0V%T\n"), b"");
    let zeros = uu(&[&b"begin 644 a\n"[..], &b"_\n".repeat(1000)].concat());
    assert_eq!(zeros.len(), 2012, "no larger than the text");
}

#[test]
fn files_in_a_text() {
    let text = b"begin 644 of a story\r\nHi.\r\nbegin 600 a.txt\r\n#0V%T\r\n`\r\nend\r\n\
        begin 644 b\n#0V%T\n!0P``\nand no end. begin 644 c\n#0V%T\n";
    let found: Vec<_> = super::files(text).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].begin, Begin { mode: 0o600, name: b"a.txt" });
    assert!(found[0].complete && !found[1].complete);
    assert_eq!(found[1].begin.name, b"b");
    assert_eq!(uu(&text[found[0].lines.clone()]), b"Cat");
    assert_eq!(uu(&text[found[1].lines.clone()]), b"CatC");
}

#[test]
fn yenc_is_noticed() {
    let text =
        b"See.\r\n=ybegin part=1 line=128 size=123456 name= my file.jpg \r\n...\r\n=yend\r\n";
    let found = Yenc::find(text).unwrap();
    assert_eq!(found, Yenc { at: 6, line: 128, size: 123_456, name: b"my file.jpg" });
    assert_eq!(Yenc::find(b"x =ybegin line=1 size=1 name=a\n"), None);
    assert_eq!(Yenc::find(b"=ybegin line=1 size=x name=a\n=ybegin line=1 name=a\n"), None);
}

fn strict(encoding: Encoding, body: &[u8], piece: usize) -> (Result<(), Fault>, Vec<u8>) {
    let (mut decoder, mut out) = (Strict::new(encoding).unwrap(), Vec::new());
    for piece in body.chunks(piece) {
        if let Err(fault) = decoder.feed(piece, &mut out) {
            assert_eq!(decoder.feed(b"x", &mut out), Err(fault));
            assert_eq!(decoder.finish(), Err(fault));
            return (Err(fault), out);
        }
    }
    (decoder.finish(), out)
}

#[test]
fn strict_names_the_fault() {
    let line = [b'A'; 76];
    let long = [&line[..], b"A\r\n"].concat();
    let text = b"a=0D=0A.=\r\n b=\r\n\r\n";
    for piece in [1, 2, 5, 100] {
        assert_eq!(
            strict(Encoding::QuotedPrintable, text, piece),
            (Ok(()), b"a\r\n. b\r\n".to_vec())
        );
        for (body, at, wrong) in [
            (&b"a \r\n"[..], 2, Wrong::Blank),
            (b"a\t", 2, Wrong::Blank),
            (b"a=3d", 3, Wrong::Escape),
            (b"a=G0", 2, Wrong::Escape),
            (b"a= \r\n", 2, Wrong::Escape),
            (b"a=4\r\n", 3, Wrong::Escape),
            (b"a=\n", 2, Wrong::LineEnd),
            (b"a\nb", 1, Wrong::LineEnd),
            (b"a\rb", 2, Wrong::LineEnd),
            (b"a\r", 2, Wrong::LineEnd),
            (b"a=", 2, Wrong::End),
            (b"a=4", 3, Wrong::End),
            (b"a\xe9", 1, Wrong::Octet),
            (b"a\0", 1, Wrong::Octet),
            (&long, 76, Wrong::LineLength),
        ] {
            let found = strict(Encoding::QuotedPrintable, body, piece).0;
            assert_eq!(found, Err(Fault { at, wrong }), "{body:?}");
        }
        let whole = strict(Encoding::Base64, b"Zm9v\r\nYm\r\nFyZg==\r\n", piece);
        assert_eq!(whole, (Ok(()), b"foobarf".to_vec()));
        for (body, at, wrong) in [
            (&b"Zm9v YmFy"[..], 4, Wrong::Octet),
            (b"Zm9v\nYmFy", 4, Wrong::LineEnd),
            (b"Zm9v\rYmFy", 5, Wrong::LineEnd),
            (b"Zg==Zg==", 4, Wrong::Padding),
            (b"Zg==\r\n=", 6, Wrong::Padding),
            (b"Zg=v", 3, Wrong::Padding),
            (b"Z===", 1, Wrong::Padding),
            (b"=", 0, Wrong::Padding),
            (b"Zh==", 2, Wrong::TrailingBits),
            (b"Zm9=", 3, Wrong::TrailingBits),
            (b"Zm9", 3, Wrong::End),
            (b"Zg=", 3, Wrong::End),
            (&long, 76, Wrong::LineLength),
        ] {
            let found = strict(Encoding::Base64, body, piece).0;
            assert_eq!(found, Err(Fault { at, wrong }), "{body:?}");
        }
    }
    assert!(Strict::new(Encoding::Uuencode).is_none());
}

proptest! {
    #[test]
    fn strict_agrees_with_the_writers_and_with_the_tolerant(
        content in content(), text in "([=A-F0-3 \r\nxyz]|=\r\n|\r\n|=3D){0,60}", piece in 1_usize..90,
    ) {
        for encoding in [Encoding::Base64, Encoding::QuotedPrintable] {
            for form in [Form::Text, Form::Binary] {
                let body = written(encoding, form, &content);
                prop_assert_eq!(strict(encoding, &body, piece), (Ok(()), content.clone()));
            }
            let found = strict(encoding, text.as_bytes(), piece);
            prop_assert_eq!(&strict(encoding, text.as_bytes(), 1000), &found);
            if found.0.is_ok() {
                prop_assert_eq!(&*decode(encoding, text.as_bytes()).unwrap(), &found.1[..]);
            }
        }
    }

    #[test]
    fn uuencoded_files_are_read_again(content in content(), space: bool, piece in 1_usize..90) {
        let text = uuencoded(&content, if space { b' ' } else { b'`' });
        let (mut decoder, mut out) = (Uuencode::new(), Vec::new());
        text.chunks(piece).for_each(|piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        prop_assert_eq!(&out, &content);
        let all: Vec<_> = super::files(&text).collect();
        prop_assert_eq!(all.len(), 1);
        prop_assert_eq!(all[0].lines.clone(), 0..text.len());
    }
}

fn uuencoded(content: &[u8], zero: u8) -> Vec<u8> {
    let mut text = b"begin 644 a\n".to_vec();
    let character = |value: u32| if value & 63 == 0 { zero } else { b' ' + (value & 63) as u8 };
    for line in content.chunks(45) {
        text.push(b' ' + line.len() as u8);
        for three in line.chunks(3) {
            let octet = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
            let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
            text.extend([18, 12, 6, 0].map(|shift| character(bits >> shift)));
        }
        text.push(b'\n');
    }
    text.extend([&[zero][..], b"\nend\n"].concat());
    text
}
