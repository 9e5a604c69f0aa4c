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
        encoding in prop::sample::select(alloc::vec![Encoding::Base64, Encoding::QuotedPrintable]),
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
