use alloc::{format, string::String};

use super::{super::structure::Structure, *};
use crate::mime::{Limits, Scanner};

fn quoted(text: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(text))
}

fn nil_or(text: Option<Cow<'_, [u8]>>) -> String {
    text.map_or("NIL".into(), |text| quoted(&text))
}

fn parameters(all: &Parameters<'_>) -> String {
    let all: Vec<String> =
        all.iter().map(|(name, value)| format!("{} {}", quoted(name), quoted(value))).collect();
    if all.is_empty() { "NIL".into() } else { format!("({})", all.join(" ")) }
}

fn basic(part: &BodyPart<'_>) -> String {
    let (kind, subtype) = part.media_type();
    format!(
        "({} {} {} {} {} {} {}",
        quoted(kind),
        quoted(subtype),
        parameters(&part.parameters()),
        nil_or(part.id()),
        nil_or(part.description()),
        quoted(part.encoding()),
        part.size(),
    )
}

fn extension(part: &BodyPart<'_>) -> String {
    let disposition = part
        .disposition()
        .map_or("NIL".into(), |(kind, all)| format!("({} {})", quoted(kind), parameters(&all)));
    let languages: Vec<String> = part.languages().into_iter().map(quoted).collect();
    let languages =
        if languages.is_empty() { "NIL".into() } else { format!("({})", languages.join(" ")) };
    format!(" {disposition} {languages} {})", nil_or(part.location()))
}

/// BODYSTRUCTURE as IMAP writes it, with `ENVELOPE` and the subject for an envelope.
fn written(message: &Message<'_>) -> String {
    let mut out = String::new();
    for step in message.body_structure() {
        match step {
            Step::Multipart => out.push('('),
            Step::NoParts => out += r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)"#,
            Step::MultipartEnd(part) => {
                let (_, subtype) = part.media_type();
                out += &format!(" {} {}", quoted(subtype), parameters(&part.parameters()));
                out += &extension(&part);
            }
            Step::Message(part, envelope) => {
                out += &format!("{} (ENVELOPE {}) ", basic(&part), nil_or(envelope.subject()));
            }
            Step::MessageEnd(part) => {
                out += &format!(" {} {}", part.lines().unwrap(), nil_or(part.md5()));
                out += &extension(&part);
            }
            Step::Part(part) => {
                out += &basic(&part);
                part.lines().iter().for_each(|lines| out += &format!(" {lines}"));
                out += &format!(" {}", nil_or(part.md5()));
                out += &extension(&part);
            }
        }
    }
    out
}

/// The structure as written from the whole message, and the same from the kept fields alone.
fn structure_of(message: &[u8]) -> String {
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    scanner.feed(message);
    let tree = scanner.finish();
    let shown = written(&Message::new(&tree, message));
    assert_eq!(written(&Message::kept(&tree)), shown);
    let mut stored = Vec::new();
    tree.encode(&mut stored);
    let tree = Structure::decode(&stored).unwrap();
    assert_eq!(written(&Message::kept(&tree)), shown);
    shown
}

#[test]
fn text_has_lines_and_a_charset() {
    assert_eq!(
        structure_of(b"Subject: x\r\n\r\na\r\nb\r\n"),
        r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 2 NIL NIL NIL NIL)"#
    );
    assert_eq!(
        structure_of(
            b"Content-Type: TEXT/HTML; CHARSET=UTF-8; format=flowed\r\n\
            Content-Transfer-Encoding: Quoted-Printable (so)\r\n\
            Content-ID: <id@x>\r\nContent-Description: some\r\n thing\r\n\
            Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n\
            Content-Disposition: inline; filename=\"a b.html\"; size=3\r\n\
            Content-Language: en, de (German)\r\nContent-Location: http://x.test/\r\n\r\nabc"
        ),
        r#"("TEXT" "HTML" ("CHARSET" "UTF-8" "format" "flowed") "<id@x>" "some thing" "Quoted-Printable" 3 0 "Q2hlY2sgSW50ZWdyaXR5IQ==" ("inline" ("filename" "a b.html" "size" "3")) ("en" "de") "http://x.test/")"#
    );
}

#[test]
fn types_that_cannot_be_read_are_text() {
    for value in ["", "text", "/plain", "bogus; charset=utf-8"] {
        let message = format!("Content-Type: {value}\r\n\r\n");
        assert_eq!(
            structure_of(message.as_bytes()),
            r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)"#,
            "{value}"
        );
    }
}

#[test]
fn parameters_of_rfc_2231_are_joined_and_not_decoded() {
    assert_eq!(
        structure_of(
            b"Content-Type: application/pdf; name*0=long; name*1=\" name\"\r\n\
            Content-Disposition: attachment; filename*0*=utf-8''na%C3%AF; filename*1=\"ve x\"\r\n\r\n"
        ),
        r#"("application" "pdf" ("name" "long name") NIL NIL "7bit" 0 NIL ("attachment" ("filename*" "utf-8''na%C3%AFve%20x")) NIL NIL)"#
    );
}

#[test]
fn multiparts_messages_and_digests() {
    let message = b"Content-Type: multipart/mixed; boundary=m\r\nContent-Language: en\r\n\r\n\
        --m\r\n\r\nfirst\r\n\
        --m\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n\
        --d\r\n\r\nSubject: one\r\n\r\nbody\r\n--d--\r\n\
        --m\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n\
        Subject: two\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\
        Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--a--\r\n\
        --m--\r\n";
    assert_eq!(
        structure_of(message),
        concat!(
            r#"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 0 NIL NIL NIL NIL)"#,
            r#"(("message" "rfc822" NIL NIL NIL "7bit" 20 (ENVELOPE "one") ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL)"#,
            r#" "digest" ("boundary" "d") NIL NIL NIL)"#,
            r#"("message" "rfc822" NIL NIL NIL "7bit" 143 (ENVELOPE "two") (("image" "png" NIL NIL NIL "base64" 4 NIL NIL NIL NIL) "alternative" ("boundary" "a") NIL NIL NIL) 8 NIL ("attachment" NIL) NIL NIL)"#,
            r#" "mixed" ("boundary" "m") NIL ("en") NIL)"#,
        )
    );
}

#[test]
fn a_multipart_without_parts_shows_an_empty_text() {
    assert_eq!(
        structure_of(b"Content-Type: multipart/mixed; boundary=m\r\n\r\nnothing\r\n"),
        r#"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed" ("boundary" "m") NIL NIL NIL)"#
    );
}

#[test]
fn what_a_limit_hid_is_octets() {
    let message = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n";
    let mut scanner = Scanner::new(Limits { mime_parts: 1, ..Limits::DEFAULT });
    scanner.feed(message);
    let tree = scanner.finish();
    assert_eq!(
        written(&Message::new(&tree, message)),
        r#"("application" "octet-stream" NIL NIL NIL "7bit" 14 NIL NIL NIL NIL)"#
    );
}
