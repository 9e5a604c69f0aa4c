//! Transfer encodings against the samples of MimeKit: a photo in base64 and uuencode, a text in
//! quoted-printable, each decoded whole and at many cuttings.

use std::{fs, path::PathBuf};

use posthaste_core::mime::{
    structure::Encoding,
    transfer::{self, Decoder, Fault, Form, Strict, Wrong},
};
use posthaste_tests::corpus;

fn samples() -> Option<PathBuf> {
    corpus::folder().map(|path| path.join("encodings"))
}

/// A sample, what it decodes to, its encoding, and what the strict decoder says of it, if there is one.
type Sample = (&'static str, &'static str, Encoding, Option<Result<(), Fault>>);

const SAMPLES: &[Sample] = &[
    // Their lines end in LF alone, which mail never has: that is all that the strict form minds.
    (
        "photo.b64",
        "photo.jpg",
        Encoding::Base64,
        Some(Err(Fault { at: 76, wrong: Wrong::LineEnd })),
    ),
    ("photo.uu", "photo.jpg", Encoding::Uuencode, None),
    // Lines before the first one of the file: "b", "be" and so on, each of which is another line.
    ("photo.uu-states", "photo.jpg", Encoding::Uuencode, None),
    (
        "wikipedia.qp",
        "wikipedia.txt",
        Encoding::QuotedPrintable,
        Some(Err(Fault { at: 76, wrong: Wrong::LineEnd })),
    ),
];

#[test]
fn the_samples_decode_to_the_originals_at_every_cutting() {
    let Some(folder) = samples() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut passed = 0;
    for (name, original, encoding, _) in SAMPLES {
        let (text, original) = (read(name), read(original));
        for text in [text.clone(), with_crlf(&text)] {
            // The line ends of quoted-printable are those of the text.
            let expected = match encoding {
                Encoding::QuotedPrintable if text.contains(&b'\r') => with_crlf(&original),
                _ => original.clone(),
            };
            assert!(*transfer::decode(*encoding, &text).unwrap() == expected, "{name}");
            for piece in [1, 2, 3, 7, 61, 64, 65, 78, 4096, 8192] {
                let (mut decoder, mut out) = (Decoder::new(*encoding).unwrap(), Vec::new());
                text.chunks(piece).for_each(|piece| decoder.feed(piece, &mut out));
                assert!(decoder.finish(&mut out));
                assert!(out == expected, "{name} in pieces of {piece}");
            }
        }
        passed += 1;
    }
    println!("{passed} of {} samples decode to their originals", SAMPLES.len());
}

#[test]
fn the_strict_form_minds_the_bare_line_ends_alone() {
    let Some(folder) = samples() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut passed = 0;
    for (name, original, encoding, expected) in SAMPLES {
        let Some(expected) = expected else {
            assert!(Strict::new(*encoding).is_none());
            continue;
        };
        assert_eq!(strict(*encoding, &read(name)).0, *expected, "{name}");
        let (found, content) = strict(*encoding, &with_crlf(&read(name)));
        assert_eq!(found, Ok(()), "{name}");
        assert!(with_crlf(&content) == with_crlf(&read(original)), "{name}");
        passed += 1;
    }
    println!("{passed} of 2 samples are strict but for LF without CR (RFC 2045 §6.7 rule 4, §6.8)");
}

fn strict(encoding: Encoding, body: &[u8]) -> (Result<(), Fault>, Vec<u8>) {
    let (mut decoder, mut out) = (Strict::new(encoding).unwrap(), Vec::new());
    let fed = decoder.feed(body, &mut out);
    (fed.and_then(|()| decoder.finish()), out)
}

/// The photo and the text are written and read again; base64 comes out as the sample has it.
#[test]
fn the_originals_are_written_again() {
    let Some(folder) = samples() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let (photo, text) = (read("photo.jpg"), with_crlf(&read("wikipedia.txt")));
    let written = |encoding, form, content: &[u8]| {
        let mut out = Vec::new();
        assert!(transfer::encode(encoding, form, content, &mut out));
        assert_eq!(strict(encoding, &out), (Ok(()), content.to_vec()));
        assert_eq!(*transfer::decode(encoding, &out).unwrap(), *content);
        out
    };
    let base64 = written(Encoding::Base64, Form::Binary, &photo);
    assert!(base64 == with_crlf(&read("photo.b64")).trim_ascii_end());
    written(Encoding::QuotedPrintable, Form::Binary, &photo);
    written(Encoding::QuotedPrintable, Form::Text, &text);
    println!("3 of 3 written and read again");
}

#[test]
fn uuencoded_files_are_found_in_a_text() {
    let Some(folder) = samples() else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let text = [&b"Two photos:\n\n"[..], &read("photo.uu"), b"\nand\n", &read("photo.uu")].concat();
    let files: Vec<_> = transfer::files(&text).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!((file.begin.mode, file.begin.name), (0o644, &b"photo.jpg"[..]));
        assert!(file.complete);
        let lines = &text[file.lines];
        assert!(*transfer::decode(Encoding::Uuencode, lines).unwrap() == read("photo.jpg"));
    }
    println!("2 of 2 files found");
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|octet| *octet == b'\n');
    lines
        .flat_map(|line| match line {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => [line, b"\r\n"].concat(),
            line => line.to_vec(),
        })
        .collect()
}
