use alloc::{string::String, vec, vec::Vec};

use super::*;
use crate::mime::{
    self, Structure,
    date::DateTime,
    report::{self, DeliveryStatus, DispositionNotification, FeedbackReport, Recipient, Typed},
    structure::{Encoding, Kind},
    transfer,
};

const SEVEN_BIT: Options = Options::seeded(1);
const UTF8: Options = Options { utf8: true, transport: Transport::EightBit, ..SEVEN_BIT };

fn text(text: &str) -> Text<'_> {
    Text::new(text).unwrap()
}

fn letter(body: Part<'_>) -> Message<'_> {
    let from = Mailbox::parse("ann@example.org").unwrap();
    Message::new(body).date(DateTime::from_unix(0, 0)).from([from])
}

fn written(message: &Message<'_>, options: &Options) -> String {
    let mut out = Vec::new();
    message.write(options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The field `name` as it is written for `change`.
fn field(name: &str, options: &Options, message: Message<'_>) -> String {
    let whole = written(&message, options);
    let fields = mime::header::fields(whole.as_bytes());
    let field = fields.into_iter().find(|field| field.is(name.as_bytes())).unwrap();
    String::from_utf8(field.raw().to_vec()).unwrap()
}

fn subject(value: &str) -> String {
    field("Subject", &SEVEN_BIT, letter(Part::text("")).subject(text(value)))
}

#[test]
fn a_whole_message() {
    let parts = [Part::text("Hi"), Part::html("<p>Hi")];
    assert_eq!(
        written(&letter(Part::alternative(parts)).subject(text("x")), &SEVEN_BIT),
        "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nFrom: ann@example.org\r\nSubject: x\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n \
         boundary=\"=_5e50b001d1612965d7a363f0_0000\"\r\n\r\n\
         --=_5e50b001d1612965d7a363f0_0000\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nHi\r\n\
         --=_5e50b001d1612965d7a363f0_0000\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n\
         <p>Hi\r\n--=_5e50b001d1612965d7a363f0_0000--\r\n"
    );
}

/// RFC 5322 §2.1.1, RFC 2047 §2, §5, §6.2.
#[test]
fn unstructured_text() {
    for (value, expected) in [
        ("", "Subject:\r\n"),
        ("plain  text", "Subject: plain  text\r\n"),
        ("Re: Gr\u{fc}\u{df}e an alle", "Subject: Re: =?utf-8?B?R3LDvMOfZQ==?= an alle\r\n"),
        ("Re: S\u{fc}dseeinseln", "Subject: Re: =?utf-8?Q?S=C3=BCdseeinseln?=\r\n"),
        ("\u{fc} \u{fc}", "Subject: =?utf-8?B?w7wgw7w=?=\r\n"),
        (" a", "Subject: =?utf-8?Q?_a?=\r\n"),
        ("a ", "Subject: =?utf-8?Q?a_?=\r\n"),
        ("tab\tb", "Subject: =?utf-8?Q?tab=09b?=\r\n"),
        ("=?utf-8?Q?a?=", "Subject: =?utf-8?B?PT91dGYtOD9RP2E/PQ==?=\r\n"),
    ] {
        assert_eq!(subject(value), expected);
    }
    let long = "word ".repeat(40);
    let folded = subject(long.trim_end());
    assert!(folded.lines().all(|line| line.len() <= 78), "{folded}");
    assert_eq!(folded.lines().count(), 3);
    let url = "x".repeat(200);
    assert_eq!(subject(&url), alloc::format!("Subject: {url}\r\n"));
    let longer = subject(&"x".repeat(1000));
    assert!(longer.lines().all(|line| line.len() <= 76), "{longer}");
    // RFC 6532 §3.2
    let raw = letter(Part::text("")).subject(text("Gr\u{fc}\u{df}e"));
    assert_eq!(field("Subject", &UTF8, raw), "Subject: Gr\u{fc}\u{df}e\r\n");
}

#[test]
fn addresses_and_groups() {
    let to = |name: &'static str| {
        let mailbox = Mailbox::named(name, "b@example.net").unwrap();
        field("To", &SEVEN_BIT, letter(Part::text("")).to([mailbox]))
    };
    assert_eq!(to("Bob Example"), "To: Bob Example <b@example.net>\r\n");
    assert_eq!(to("Bob E."), "To: \"Bob E.\" <b@example.net>\r\n");
    assert_eq!(to("a\"b\\c"), "To: \"a\\\"b\\\\c\" <b@example.net>\r\n");
    assert_eq!(to("J\u{fc}rgen X"), "To: =?utf-8?B?SsO8cmdlbiBY?= <b@example.net>\r\n");
    let group = |name| {
        let members = vec![Mailbox::parse("a@b.example").unwrap(); 2];
        let group = Address::Group(DisplayName::new(name).unwrap(), members);
        field("To", &SEVEN_BIT, letter(Part::text("")).to([group]))
    };
    assert_eq!(group("us"), "To: us: a@b.example, a@b.example;\r\n");
    assert_eq!(group("\u{fc}"), "To: =?utf-8?B?w7w=?= : a@b.example, a@b.example;\r\n");
    // A domain has an ASCII form, a local part has none.
    let domain = Mailbox::parse("a@b\u{fc}cher.example").unwrap();
    assert_eq!(domain.address().as_str(), "a@xn--bcher-kva.example");
    let local = letter(Part::text("")).to([Mailbox::parse("\u{fc}@example.org").unwrap()]);
    assert_eq!(local.plan(&SEVEN_BIT).unwrap_err(), Unfit::new("To", Fault::Ascii));
    let plan = local.plan(&UTF8).unwrap();
    assert!(plan.utf8() && plan.needs() == Transport::EightBit);
}

/// RFC 2231 §3, §4.
#[test]
fn parameters() {
    let shown = |name: &str| {
        let media = MediaType::new("image/png").unwrap();
        let part = Part::attachment(FileName::new(name).unwrap(), media, &b""[..]);
        field("Content-Disposition", &SEVEN_BIT, letter(part))
    };
    assert_eq!(shown("a.png"), "Content-Disposition: attachment; filename=a.png\r\n");
    assert_eq!(shown("a b.png"), "Content-Disposition: attachment; filename=\"a b.png\"\r\n");
    assert_eq!(
        shown("\u{e9}t\u{e9}.png"),
        "Content-Disposition: attachment; filename*=utf-8''%C3%A9t%C3%A9.png\r\n"
    );
    let long = shown(&"0123456789".repeat(10));
    assert_eq!(
        long,
        "Content-Disposition: attachment;\r\n \
         filename*0=\"012345678901234567890123456789012345678901234567890123\";\r\n \
         filename*1=\"4567890123456789012345678901234567890123456789\"\r\n"
    );
}

#[test]
fn what_ends_a_line_is_refused() {
    fn refused<T>(made: Result<T, Unfit>, what: &'static str, c: char, at: usize) {
        assert_eq!(made.err(), Some(Unfit::new(what, Fault::Character(c, at))));
    }
    refused(Text::new("a\r\nBcc: x"), "text", '\r', 1);
    refused(DisplayName::new("a\nb"), "display name", '\n', 1);
    refused(FieldName::new("A:b"), "field name", ':', 1);
    refused(FileName::new("../x"), "file name", '/', 2);
    refused(MessageId::new("a>b@c"), "message identifier", '>', 1);
    refused(Structured::new("a\0"), "value", '\0', 1);
    refused(Token::new("a*"), "token", '*', 1);
    assert!(Mailbox::parse("a@b\r\nx").is_err());
    assert_eq!(FieldName::new("content-type"), Err(Unfit::new("field name", Fault::Reserved)));
    for own in ["multipart/mixed", "MESSAGE/rfc822"] {
        assert_eq!(MediaType::new(own), Err(Unfit::new("media type", Fault::Reserved)));
    }
    assert_eq!(Text::lossy("a\r\nb\u{7f}").as_str(), "a  b ");
    let unfit = Unfit::new("text", Fault::Character('\r', 1));
    assert_eq!(alloc::format!("{unfit}"), "text: U+000D at octet 1 may not stand there");
}

/// RFC 5322 §3.6.
#[test]
fn a_header_is_complete() {
    let fault = |message: Message<'_>| message.plan(&SEVEN_BIT).map(drop).unwrap_err();
    let ann = || Mailbox::parse("ann@example.org").unwrap();
    let date = DateTime::from_unix(0, 0);
    let bare = || Message::new(Part::text(""));
    assert_eq!(fault(bare().from([ann()])), Unfit::new("Date", Fault::Missing));
    assert_eq!(fault(bare().date(date)), Unfit::new("From", Fault::Missing));
    let two = || bare().date(date).from([ann(), ann()]);
    assert_eq!(fault(two()), Unfit::new("Sender", Fault::Missing));
    assert!(two().sender(ann()).plan(&SEVEN_BIT).is_ok());
    let name = FieldName::new("SUBJECT").unwrap();
    let twice = letter(Part::text("")).subject(text("a")).text(name, text("b"));
    assert_eq!(fault(twice), Unfit::new("Subject", Fault::Twice));
    let none = DateTime { month: 13, ..date };
    assert_eq!(fault(bare().date(none).from([ann()])), Unfit::new("Date", Fault::Form));
    assert_eq!(fault(letter(Part::mixed([]))), Unfit::new("multipart", Fault::Empty));
}

/// RFC 2045 §6: the smallest encoding that fits.
#[test]
fn transfer_encodings() {
    let encoding = |body: &str, options: Options| {
        let mut out = Vec::new();
        letter(Part::text(body)).write(&options, &mut out).unwrap();
        Structure::of(&out).part(0).unwrap().encoding()
    };
    let eight_bit = Options { transport: Transport::EightBit, ..SEVEN_BIT };
    let guarded = Options { guarded: true, ..SEVEN_BIT };
    let binary = Options { transport: Transport::Binary, ..SEVEN_BIT };
    for (body, options, expected) in [
        ("From me \n", SEVEN_BIT, Encoding::SevenBit),
        ("From me\n", guarded, Encoding::QuotedPrintable),
        ("a \n", guarded, Encoding::QuotedPrintable),
        (
            "Sch\u{f6}ne Gr\u{fc}\u{df}e an alle, die das lesen\n",
            SEVEN_BIT,
            Encoding::QuotedPrintable,
        ),
        ("Gr\u{fc}\u{df}e an alle\n", eight_bit, Encoding::EightBit),
        ("\u{4e2d}\u{6587}\n", SEVEN_BIT, Encoding::Base64),
        (&"x".repeat(998), SEVEN_BIT, Encoding::SevenBit),
        (&"x".repeat(999), eight_bit, Encoding::QuotedPrintable),
        (&"x".repeat(999), binary, Encoding::Binary),
        ("\0", eight_bit, Encoding::Base64),
    ] {
        assert_eq!(encoding(body, options), expected, "{body:?}");
    }
    let protected = written(&letter(Part::text("From me\n.\na \n")), &guarded);
    assert!(protected.ends_with("\r\n\r\n=46rom me\r\n=2E\r\na=20\r\n"), "{protected}");
}

#[test]
fn line_ends_become_cr_lf() {
    let whole = written(&letter(Part::text("a\nb\rc\r\nd\n\re")), &SEVEN_BIT);
    assert!(whole.ends_with("\r\n\r\na\r\nb\r\nc\r\nd\r\n\r\ne\r\n"), "{whole:?}");
}

/// Whoever knows the seed writes the boundary into a part, as often as the first choices go.
#[test]
fn boundaries_occur_in_no_part() {
    let boundary = |whole: &str| {
        let (_, rest) = whole.split_once("boundary=\"").unwrap();
        String::from(rest.split_once('"').unwrap().0)
    };
    let mut body = String::from("x\n");
    for _ in 0..20 {
        let whole = written(&letter(Part::mixed([Part::text(body.as_str())])), &SEVEN_BIT);
        let boundary = boundary(&whole);
        assert!(!body.contains(&boundary));
        let tree = Structure::of(whole.as_bytes());
        assert_eq!(tree.parts().len(), 2);
        body.push_str(&alloc::format!("--{boundary}\n"));
    }
    // In a body that is encoded, it may stand.
    let first = written(&letter(Part::mixed([Part::text("x")])), &SEVEN_BIT);
    let octets = alloc::format!("\r\n--{}--\r\n", boundary(&first)).into_bytes();
    let media = MediaType::new("application/octet-stream").unwrap();
    let again = written(&letter(Part::mixed([Part::octets(media, octets)])), &SEVEN_BIT);
    assert_eq!(boundary(&again), boundary(&first));
}

#[test]
fn messages_within() {
    let inner = || letter(Part::text("\u{fc}")).subject(text("in\u{fc}er"));
    let whole = written(&letter(Part::mixed([Part::message(inner())])), &SEVEN_BIT);
    assert!(whole.contains("Content-Type: message/rfc822\r\n\r\nDate: "), "{whole}");
    // RFC 6532 §3.7
    let whole = written(&letter(Part::mixed([Part::message(inner())])), &UTF8);
    assert!(
        whole.contains(
            "Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\nDate"
        ),
        "{whole}"
    );
    // RFC 2046 §5.2.1: what cannot be sent as it is cannot be sent.
    let foreign = |octets: &'static [u8]| letter(Part::mixed([Part::foreign_message(octets)]));
    assert!(foreign(b"Subject: x\n\nText\n").plan(&SEVEN_BIT).is_ok());
    let eight_bit = foreign(b"Subject: x\n\n\xfc\n");
    let refused = eight_bit.plan(&SEVEN_BIT).map(drop);
    assert_eq!(refused, Err(Unfit::new("embedded message", Fault::EightBit)));
    assert_eq!(eight_bit.plan(&UTF8).unwrap().needs(), Transport::EightBit);
}

/// RFC 1847 §2.1: what is signed is in the message octet for octet.
#[test]
fn signed_parts() {
    let entity = Part::text("From me \n\u{fc}").entity(&SEVEN_BIT).unwrap();
    let octets = entity.octets().to_vec();
    assert!(
        octets.starts_with(b"Content-Type: text/plain; charset=utf-8\r\n") && octets.is_ascii()
    );
    let media = MediaType::new("application/pgp-signature").unwrap();
    let signature = Part::of_text(media, "sig");
    let signed = Part::signed(entity, Token::new("pgp-sha256").unwrap(), signature);
    let whole = written(&letter(signed), &SEVEN_BIT);
    let tree = Structure::of(whole.as_bytes());
    assert_eq!(tree.parts().len(), 3);
    assert_eq!(tree.part(1).unwrap().whole().of(whole.as_bytes()), octets);
    assert!(
        whole.contains("protocol=\"application/pgp-signature\"")
            && whole.contains("micalg=pgp-sha256")
    );
}

#[test]
fn bounds() {
    let nested =
        |depth: usize| (0..depth).fold(Part::text("deep"), |inner, _| Part::mixed([inner]));
    let whole = written(&letter(nested(DEPTH)), &SEVEN_BIT);
    let tree = Structure::of(whole.as_bytes());
    assert!(!tree.is_truncated());
    assert_eq!(tree.parts().len(), DEPTH + 1);
    let deeper = letter(nested(DEPTH + 1)).plan(&SEVEN_BIT).map(drop);
    assert_eq!(deeper, Err(Unfit::new("parts within parts", Fault::Long(DEPTH))));
    let wide = letter(Part::mixed((0..PARTS).map(|_| Part::text("")))).plan(&SEVEN_BIT).map(drop);
    assert_eq!(wide, Err(Unfit::new("parts", Fault::Long(PARTS))));
    let name = || FieldName::new("X").unwrap();
    let many = |fields| (0..fields).fold(letter(Part::text("")), |m, _| m.text(name(), text("")));
    assert!(!Structure::of(written(&many(980), &SEVEN_BIT).as_bytes()).is_truncated());
    assert!(many(1_000).plan(&SEVEN_BIT).is_err());
    let value = text("a value of some length");
    let media = (0..150).try_fold(MediaType::new("a/b").unwrap(), |media, number| {
        media.with(Token::new(alloc::format!("p{number}")).unwrap(), value.clone())
    });
    assert!(letter(Part::octets(media.unwrap(), &b""[..])).plan(&SEVEN_BIT).is_ok());
}

fn typed(kind: &str, value: &str) -> Option<Typed> {
    Some(Typed { kind: kind.into(), value: value.into() })
}

/// The report in a message, read again.
fn read(report: Part<'_>, original: bool) -> report::Body {
    let mut whole = Vec::new();
    letter(report).write(&SEVEN_BIT, &mut whole).unwrap();
    assert!(whole.is_ascii());
    let tree = Structure::of(&whole);
    let message = mime::Message::new(&tree, &whole);
    let report = report::Report::of(&message).unwrap();
    assert_eq!(report.explanation, Some(1));
    assert_eq!(report.original.is_some(), original);
    report.body(&message).unwrap()
}

/// RFC 3464, RFC 6533.
#[test]
fn delivery_reports() {
    let date = DateTime::from_unix(1_700_000_000, -90);
    let failed = Recipient {
        original: typed("utf-8", "j\u{fc}rgen+x@example.org"),
        tried: typed("rfc822", "juergen@example.org"),
        action: Some(report::Action::Failed),
        status: report::Status::parse("5.1.1"),
        remote_mta: typed("dns", "mx.example.org"),
        diagnostic: typed(
            "smtp",
            "550 5.1.1 No such user here, and none was ever seen by this server since",
        ),
        last_attempt: Some(date),
        log_id: Some("x1".into()),
        retry_until: Some(date),
        extensions: vec![("X-Note".into(), "twice".into())],
        localized: None,
    };
    let status = DeliveryStatus {
        envelope_id: Some("e1".into()),
        reporting_mta: typed("dns", "mail.example.net"),
        received_from: typed("dns", "client.example.net"),
        arrival: Some(date),
        recipients: vec![
            failed.clone(),
            Recipient { action: Some(report::Action::Delayed), ..failed },
        ],
        ..DeliveryStatus::default()
    };
    let original = Part::header_of(b"Subject: x\r\nFrom: y\r\n\r\nbody");
    let report = Part::delivery_report(Part::text("Sorry."), &status, Some(original)).unwrap();
    assert_eq!(read(report, true), report::Body::Delivery(status.clone().into()));
    let mut utf8 = status.clone();
    utf8.recipients[0].localized = Some("Unbekannter Empf\u{e4}nger".into());
    let report = Part::delivery_report(Part::text("Sorry."), &utf8, None).unwrap();
    assert_eq!(report.nodes[2].media.essence(), "message/global-delivery-status");
    assert_eq!(read(report, false), report::Body::Delivery(utf8.into()));
    let refused = |status: &DeliveryStatus| {
        Part::delivery_report(Part::text(""), status, None).map(drop).unwrap_err()
    };
    let none = DeliveryStatus::default();
    assert_eq!(refused(&none), Unfit::new("Final-Recipient", Fault::Missing));
    let mut injected = status;
    injected.recipients[0].diagnostic = typed("smtp", "550 x\r\n\r\nFinal-Recipient: rfc822; y");
    let fault = Fault::Character('\r', 11);
    assert_eq!(refused(&injected), Unfit::new("Diagnostic-Code", fault));
}

/// RFC 8098.
#[test]
fn disposition_reports() {
    let notification = DispositionNotification {
        reporting_ua: Some(("mail.example.net".into(), Some("Posthaste".into()))),
        recipient: typed("rfc822", "ann@example.org"),
        message_id: Some("1@example.org".into()),
        disposition: Some(report::Disposition {
            manual_action: Some(true),
            sent_manually: Some(false),
            kind: report::Disposed::Displayed,
            modifiers: vec!["error".into(), "x".into()],
        }),
        errors: vec![("Error".into(), "Gr\u{fc}\u{df}e".into())],
        ..DispositionNotification::default()
    };
    let report = Part::disposition_report(Part::text("Seen."), &notification, None).unwrap();
    assert_eq!(read(report, false), report::Body::Disposition(notification.into()));
}

/// RFC 5965, RFC 6591.
#[test]
fn feedback_reports() {
    let complaint = FeedbackReport {
        kind: Some("auth-failure".into()),
        user_agent: Some("Posthaste/1".into()),
        version: Some("1".into()),
        mail_from: Some(String::new()),
        rcpt_to: vec!["ann@example.org".into()],
        arrival: Some(DateTime::from_unix(0, 0)),
        source_ip: Some("2001:db8::1".parse().unwrap()),
        incidents: Some(3),
        domains: vec!["example.net".into()],
        auth_failure: Some(report::AuthFailure {
            kind: Some("signature".into()),
            spf_dns: vec!["txt : a : \"v=spf1\"".into()],
            ..report::AuthFailure::default()
        }),
        extensions: vec![("X-Note".into(), "Gr\u{fc}\u{df}e".into())],
        ..FeedbackReport::default()
    };
    let original = Part::foreign_message(&b"Subject: x\r\n\r\nBuy\r\n"[..]);
    let report = Part::feedback_report(Part::text("Spam."), &complaint, original).unwrap();
    assert_eq!(read(report, true), report::Body::Feedback(complaint.into()));
}

/// A large body is never held encoded.
#[test]
fn pieces() {
    let octets = vec![7_u8; 1 << 20];
    let media = MediaType::new("application/octet-stream").unwrap();
    let message = letter(Part::mixed([Part::text("x"), Part::octets(media, octets.as_slice())]));
    let plan = message.plan(&SEVEN_BIT).unwrap();
    let (mut whole, mut piece, mut pieces) = (Vec::new(), Vec::new(), plan.pieces());
    while pieces.next(&mut piece) || !piece.is_empty() {
        assert!(piece.len() <= 48 << 10);
        whole.append(&mut piece);
    }
    assert_eq!(whole.len() as u64, plan.size());
    let tree = Structure::of(&whole);
    let part = tree.part(2).unwrap();
    assert_eq!(part.kind(), Kind::Other);
    assert_eq!(transfer::decode(part.encoding(), part.body().of(&whole)).unwrap(), octets);
}
