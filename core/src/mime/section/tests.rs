use alloc::string::String;

use super::*;

/// The message of the example in RFC 9051 §6.4.5.1.
fn example() -> String {
    let text = |name: &str| alloc::format!("X-Name: {name}\r\n\r\nbody of {name}\r\n");
    let inner = |number: u32, parts: &str| {
        alloc::format!(
            "Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n{parts}--b{number}--\r\n"
        )
    };
    let part = |number: u32, body: &str| alloc::format!("--b{number}\r\n{body}");
    let nested = inner(3, &(part(3, &text("4.2.1")) + &part(3, &text("4.2.2"))));
    let message =
        alloc::format!("Subject: 4\r\n{}", inner(2, &(part(2, &text("4.1")) + &part(2, &nested))));
    let third = "Content-Type: message/rfc822\r\n\r\nSubject: 3\r\n\r\nbody of 3.1\r\n";
    let fourth = alloc::format!("Content-Type: message/rfc822\r\n\r\n{message}");
    let parts = part(1, &text("1")) + &part(1, &text("2")) + &part(1, third) + &part(1, &fourth);
    alloc::format!("Subject: 0\r\n{}", inner(1, &parts))
}

fn shown(path: &[u32], wanted: Wanted) -> Option<String> {
    let message = example();
    let tree = Structure::of(message.as_bytes());
    let span = tree.section(path, wanted)?;
    Some(String::from_utf8(span.of(message.as_bytes()).into()).unwrap())
}

#[test]
fn the_paths_of_rfc_9051_section_6_4_5_1() {
    let message = example();
    assert_eq!(shown(&[], Wanted::Whole).unwrap(), message);
    assert!(shown(&[], Wanted::Header).unwrap().starts_with("Subject: 0\r\n"));
    assert!(shown(&[], Wanted::Text).unwrap().starts_with("--b1\r\n"));
    assert_eq!(shown(&[], Wanted::Mime), None);
    assert_eq!(shown(&[1], Wanted::Whole).unwrap(), "body of 1");
    assert_eq!(shown(&[1], Wanted::Mime).unwrap(), "X-Name: 1\r\n\r\n");
    assert_eq!(shown(&[1], Wanted::Header), None, "part 1 is no message");
    assert_eq!(shown(&[3], Wanted::Whole).unwrap(), "Subject: 3\r\n\r\nbody of 3.1");
    assert_eq!(shown(&[3], Wanted::Header).unwrap(), "Subject: 3\r\n\r\n");
    assert_eq!(shown(&[3], Wanted::Text).unwrap(), "body of 3.1");
    assert_eq!(shown(&[3], Wanted::Mime).unwrap(), "Content-Type: message/rfc822\r\n\r\n");
    assert_eq!(shown(&[3, 1], Wanted::Whole).unwrap(), "body of 3.1");
    assert_eq!(shown(&[3, 2], Wanted::Whole), None);
    assert!(shown(&[4], Wanted::Whole).unwrap().starts_with("Subject: 4\r\n"));
    assert!(shown(&[4], Wanted::Text).unwrap().starts_with("--b2\r\n"));
    assert_eq!(shown(&[4, 1], Wanted::Whole).unwrap(), "body of 4.1");
    assert_eq!(shown(&[4, 1], Wanted::Mime).unwrap(), "X-Name: 4.1\r\n\r\n");
    assert!(shown(&[4, 2], Wanted::Whole).unwrap().starts_with("--b3\r\n"));
    assert_eq!(shown(&[4, 2, 2], Wanted::Whole).unwrap(), "body of 4.2.2");
    assert_eq!(shown(&[4, 2, 2], Wanted::Mime).unwrap(), "X-Name: 4.2.2\r\n\r\n");
    for path in [&[0][..], &[5], &[1, 1], &[4, 2, 3], &[4, 2, 2, 1], &[u32::MAX]] {
        assert_eq!(shown(path, Wanted::Whole), None, "{path:?}");
    }
}

/// RFC 9051 §6.4.5.1: a message that is no multipart has part 1 only.
#[test]
fn a_message_of_one_part() {
    let message = b"Subject: a\r\n\r\nbody";
    let tree = Structure::of(message);
    let of = |path: &[u32], wanted| tree.section(path, wanted).map(|span| span.of(message));
    assert_eq!(of(&[1], Wanted::Whole), Some(&b"body"[..]));
    assert_eq!(of(&[1], Wanted::Mime), Some(&b"Subject: a\r\n\r\n"[..]));
    assert_eq!(of(&[1, 1], Wanted::Whole), None);
    assert_eq!(of(&[2], Wanted::Whole), None);
    assert_eq!(of(&[1], Wanted::Text), None);

    // A message whose whole body is another message.
    let message = b"Content-Type: message/rfc822\r\n\r\nSubject: b\r\n\r\nbody";
    let tree = Structure::of(message);
    let of = |path: &[u32], wanted| tree.section(path, wanted).map(|span| span.of(message));
    assert_eq!(of(&[1], Wanted::Header), Some(&b"Subject: b\r\n\r\n"[..]));
    assert_eq!(of(&[1, 1], Wanted::Whole), Some(&b"body"[..]));
}

#[test]
fn partials_stay_within_the_section() {
    let span = Span { start: 10, end: 20 };
    assert_eq!(span.partial(2, 3), Span { start: 12, end: 15 });
    assert_eq!(span.partial(2, 300), Span { start: 12, end: 20 });
    assert_eq!(span.partial(11, 1), Span { start: 20, end: 20 });
    assert_eq!(span.partial(u32::MAX, u32::MAX), Span { start: 20, end: 20 });
}
