//! MIME: charsets, texts, reports and attachments.

use posthaste_core::mime::{
    Message, Structure,
    attachment::{self, LONGEST_NAME},
    charset,
    compound::{self, ExternalBody, Partial},
    report::{self, Report},
    security::{self, Security},
    structure::Encoding,
    text::{
        self, Form, Format, Reader, flowed,
        html::{self, Show, Stripper},
        preview::{self, Writer},
    },
};

/// Text in some charset: the first octets choose which, how it is cut and how much of it is wanted.
/// Every cutting decodes as the whole does, and never to more than the limit.
pub fn charset(octets: &[u8]) {
    let [label, cut, limit, text @ ..] = octets else { return };
    let label = LABELS[usize::from(*label) % LABELS.len()].as_bytes();
    let whole = charset::decode_body(label, text);
    let decoded = |limit: usize| {
        let (mut decoder, mut out) = (charset::Decoder::new(label, limit), String::new());
        text.chunks(usize::from(*cut) + 1).for_each(|piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        (out, decoder.is_truncated())
    };
    assert_eq!(decoded(usize::MAX), (whole.clone().into_owned(), false));
    let (short, truncated) = decoded(usize::from(*limit));
    assert!(short.len() <= usize::from(*limit) && whole.starts_with(&short));
    assert_eq!(truncated, short.len() < whole.len());
    let _ = charset::decode_or_guess(text, text);
    assert_eq!(charset::decode(label, text).is_some(), charset::Charset::of(label).is_some());
}

const LABELS: &[&str] = &[
    "",
    "us-ascii",
    "utf-8",
    "utf-7",
    "utf-16",
    "utf-16be",
    "iso-2022-jp",
    "iso-2022-kr",
    "hz-gb-2312",
    "big5",
    "gb18030",
    "gbk",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "windows-1252",
    "koi8-r",
    "iso-8859-8-i",
];

/// A body of text: the first octets choose what it is and how it is cut. Pages, flowed text and
/// previews are the same at every cutting, and no larger than they may be.
pub fn text(octets: &[u8]) {
    let [kind, cut, letters, body @ ..] = octets else { return };
    let encodings =
        [Encoding::EightBit, Encoding::QuotedPrintable, Encoding::Base64, Encoding::Unknown];
    let encoding = encodings[usize::from(*kind) % encodings.len()];
    let whole = text::decode(encoding, b"utf-8", body);
    let pieces = || body.chunks(usize::from(*cut) + 1);
    let (mut reader, mut read) = (Reader::new(encoding, b"utf-8", usize::MAX), String::new());
    pieces().for_each(|piece| reader.feed(piece, &mut read));
    reader.finish(&mut read);
    assert_eq!(read, whole);

    let show = Show { images: kind & 4 != 0, links: kind & 8 != 0, quotes: kind & 16 != 0 };
    let page = html::text(&whole, show);
    assert!(page.len() <= whole.len() * 3);
    let (mut stripper, mut stripped) = (Stripper::new(show), String::new());
    let mut rest = &*whole;
    while !rest.is_empty() {
        let mut end = rest.len().min(usize::from(*cut) + 1);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, after) = rest.split_at(end);
        stripper.feed(piece, &mut stripped);
        rest = after;
    }
    stripper.finish(&mut stripped);
    assert_eq!(stripped, page);

    let delsp = show.quotes;
    assert!(flowed::unflow(&whole, delsp).len() <= whole.len() * 2 + 1);
    let again = flowed::flow(&whole);
    let back: Vec<_> = flowed::paragraphs(&again, false).map(|one| one.text).collect();
    let lines: Vec<_> = text::Lines::new(&whole).collect();
    assert_eq!(back.len(), lines.len());
    for (back, line) in back.iter().zip(&lines) {
        assert!(*line == "-- " || *back == line.trim_end_matches(' '));
    }

    let letters = usize::from(*letters);
    for format in [Format::Plain, Format::Html, Format::Flowed { delsp }] {
        let form = Form { encoding, label: b"utf-8".to_vec(), format };
        let mut writer = Writer::new(&form, letters, show.links);
        let _ = pieces().all(|piece| writer.feed(piece));
        let found = writer.finish();
        assert!(found.chars().count() <= letters.min(preview::LONGEST));
        assert!(!found.contains(['\n', '\r']) && !found.contains("  "));
    }
    for block in security::blocks(&whole) {
        assert!(whole.get(block.whole).is_some());
        let _ = security::clear_text(&whole[block.data]);
    }
    if let Some(name) = attachment::file_name(&whole) {
        assert!(
            !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(['/', '\\', '\0'])
        );
        assert_eq!(attachment::file_name(&name).as_deref(), Some(&*name));
    }
    let once = security::canonical(body);
    assert_eq!(security::canonical(&once), once);
}

/// A whole message: all that is made of its parts.
pub fn reports(message: &[u8]) {
    let tree = Structure::of(message);
    let message = Message::new(&tree, message);
    if let Some(report) = Report::of(&message) {
        assert!(report.body(&message).is_some());
        let _ = report.original.and_then(|at| report::original_header(&message, at));
    }
    for index in 0..tree.parts().len() {
        let _ = (Partial::of(&message, index), ExternalBody::of(&message, index));
        let _ = compound::related_root(&message, index);
        assert!(compound::digest(&message, index).all(|at| tree.part(at).is_some()));
        if let Some(Security::Signed(signed)) = Security::of(&message, index) {
            let _ = signed.octets(&message);
        }
    }
    let mut last = None;
    for one in message.attachments() {
        assert!(last < Some(one.index()));
        last = Some(one.index());
        let content = one.content().map(|content| content.len() as u64);
        assert_eq!(one.size(), content);
        let _ = (one.name(), one.is_winmail(), one.is_inline(), one.estimated_size());
    }
    for piece in message.index() {
        assert!(!piece.text.is_empty() && tree.part(piece.part).is_some());
    }
    assert!(message.preview(preview::USUAL).unwrap().chars().count() <= preview::USUAL);
}
