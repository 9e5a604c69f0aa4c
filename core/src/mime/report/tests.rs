use alloc::{format, string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::mime::Structure;

fn recipients(
    status: &DeliveryStatus,
) -> Vec<(Option<&str>, Option<Action>, Option<alloc::string::String>)> {
    status
        .recipients
        .iter()
        .map(|one| (one.address(), one.action, one.code().map(|code| code.to_string())))
        .collect()
}

/// RFC 3464 §E.2: one failure and one delay.
#[test]
fn the_second_example_of_rfc_3464() {
    let status = DeliveryStatus::parse(
        "Reporting-MTA: dns; cs.utk.edu\r\n\r\n\
         Original-Recipient: rfc822;arathib@vnet.ibm.com\r\n\
         Final-Recipient: rfc822;arathib@vnet.ibm.com\r\nAction: failed\r\nStatus: 5.0.0 (permanent failure)\r\n\
         Diagnostic-Code: smtp;  550 'arathib@vnet.IBM.COM' is not a\r\n registered gateway user\r\n\
         Remote-MTA: dns; vnet.ibm.com\r\n\r\n\
         Original-Recipient: rfc822;johnh@hpnjld.njd.hp.com\r\n\
         Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com\r\nAction: delayed\r\n\
         Status: 4.0.0 (hpnjld.njd.jp.com: host name lookup failure)\r\n\r\n\
         Original-Recipient: rfc822;wsnell@sdcc13.ucsd.edu\r\n\
         Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu\r\nAction: failed\r\nStatus: 5.0.0\r\n\
         Diagnostic-Code: smtp; 550 user unknown\r\nRemote-MTA: dns; sdcc13.ucsd.edu\r\n",
    );
    let mta = status.reporting_mta.as_ref().unwrap();
    assert_eq!((mta.kind.as_str(), mta.value.as_str()), ("dns", "cs.utk.edu"));
    assert_eq!(
        recipients(&status),
        [
            (Some("arathib@vnet.ibm.com"), Some(Action::Failed), Some("5.0.0".into())),
            (Some("johnh@hpnjld.njd.hp.com"), Some(Action::Delayed), Some("4.0.0".into())),
            (Some("wsnell@sdcc13.ucsd.edu"), Some(Action::Failed), Some("5.0.0".into())),
        ]
    );
    let first = &status.recipients[0];
    assert_eq!(
        first.diagnostic.as_ref().unwrap().value,
        "550 'arathib@vnet.IBM.COM' is not a registered gateway user"
    );
    assert_eq!(
        (first.reply(), first.remote_mta.as_ref().unwrap().kind.as_str()),
        (Some(550), "dns")
    );
    assert!(status.recipients[1].status.unwrap().is_transient());
}

#[test]
fn every_field_of_a_delivery_status() {
    let status = DeliveryStatus::parse(
        "Original-Envelope-Id: 0123\nReporting-MTA: x400; /C=us/\nDSN-Gateway: dns; gw\n\
         Received-From-MTA: dns; client\nArrival-Date: Fri, 8 Jul 1994 09:21:47 -0400\nX-Queue: 7\n\n\
         Final-Recipient: rfc822; a@b\nAction: expanded\nStatus: 2.1.5\n\
         Last-Attempt-Date: Fri, 8 Jul 1994 09:21:48 -0400\nFinal-Log-ID: 77\n\
         Will-Retry-Until: Fri, 8 Jul 1994 10:00:00 -0400\nLocalized-Diagnostic: d\u{e9}sol\u{e9}\nX-Y: z\n",
    );
    assert_eq!(status.envelope_id.as_deref(), Some("0123"));
    assert_eq!(status.gateway.unwrap().value, "gw");
    assert_eq!(status.received_from.unwrap().value, "client");
    assert_eq!(status.arrival.unwrap().day, 8);
    assert_eq!(status.extensions, [("X-Queue".into(), "7".into())]);
    let one = &status.recipients[0];
    assert_eq!((one.last_attempt.unwrap().second, one.retry_until.unwrap().hour), (48, 10));
    assert_eq!(
        (one.log_id.as_deref(), one.localized.as_deref()),
        (Some("77"), Some("d\u{e9}sol\u{e9}"))
    );
    assert_eq!(one.extensions, [("X-Y".into(), "z".into())]);
}

/// What mail servers really write.
#[test]
fn delivery_status_as_servers_write_it() {
    let failed = |text: &str| {
        let status = DeliveryStatus::parse(text);
        assert!(!status.truncated);
        recipients(&status)
            .into_iter()
            .map(|(who, what, why)| format!("{who:?} {what:?} {why:?}"))
            .collect::<Vec<_>>()
    };
    let one = vec![r#"Some("a@b.example") Some(Failed) Some("5.1.1")"#.to_string()];
    for text in [
        // Postfix.
        "Reporting-MTA: dns; mx\nX-Postfix-Queue-ID: 3F1\nX-Postfix-Sender: rfc822; c@d\nArrival-Date: Sat, 1 Jan 2022 00:00:00 +0000\n\n\
         Final-Recipient: rfc822; a@b.example\nOriginal-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.1.1\n\
         Remote-MTA: dns; mx.b.example\nDiagnostic-Code: smtp; 550 5.1.1 <a@b.example>: unknown\n",
        // Exchange: the names of recipients in another case, more fields.
        "Reporting-MTA: dns;host.example\nReceived-From-MTA: dns;other\n\nFinal-Recipient: RFC822;a@b.example\nAction: Failed\n\
         STATUS: 5.1.1\nDiagnostic-Code: smtp;550 5.1.1 unknown\nX-Display-Name: Ann\n",
        // No group about the message.
        "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n",
        // All in one group.
        "Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n",
        // An empty line after every field.
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b.example\n\nAction: failed\n\nStatus: 5.1.1\n\n",
        // No type, brackets, a comment, a reply for a code.
        "Final-Recipient: <a@b.example>\nAction: failure (bad address)\nStatus: #5.1.1\n",
        // Nothing but a diagnostic, whose lines go on without a blank.
        "Final-Recipient: LOCAL; a@b.example\nAction: fail\nDiagnostic-Code: smtp; 550-Sorry\n550 5.1.1 unknown\nuser\n",
        // Empty lines before it, and lines of blanks between.
        "\n\n  \nReporting-MTA: dns; mx\n \nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1 (x)\n",
        // The original address alone.
        "Original-Recipient: rfc822; a@b.example (Ann)\nAction: failed\nStatus: 5.1.1",
    ] {
        assert_eq!(failed(text), one, "{text}");
    }
    // Two recipients, and nothing between them but that it begins again.
    let text = "Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; c@d\nAction: delayed\nStatus: 4.2.2\n";
    assert_eq!(failed(text).len(), 2);
    // An action that nobody knows is kept.
    let status =
        DeliveryStatus::parse("Final-Recipient: rfc822; a@b\nAction: pondered\nStatus: bad\n");
    assert_eq!(status.recipients[0].extensions.len(), 2);
    assert_eq!(DeliveryStatus::parse("no report at all\n"), DeliveryStatus::default());
}

#[test]
fn recipients_are_bounded() {
    let text = "Final-Recipient: rfc822; a@b\n\n".repeat(REPORT_RECIPIENTS + 1);
    let status = DeliveryStatus::parse(&text);
    assert!(status.truncated && status.recipients.len() == REPORT_RECIPIENTS);
}

/// RFC 6533 §3.
#[test]
fn addresses_in_utf8() {
    for (text, address) in [
        ("utf-8; d\u{f6}rte@example.org", "d\u{f6}rte@example.org"),
        ("utf-8; d\\x{F6}rte@example.org", "d\u{f6}rte@example.org"),
        ("UTF-8; \\x{1F4A9}\\x{zz}\\x{110000}\\x{5C", "\u{1f4a9}\\x{zz}\\x{110000}\\x{5C"),
        ("rfc822; d\\x{F6}", "d\\x{F6}"),
    ] {
        assert_eq!(Typed::parse(text).unwrap().address(), address);
    }
}

#[test]
fn status_codes() {
    for (text, code) in [
        ("5.1.1", "5.1.1"),
        (" 4.7.123 (try later)", "4.7.123"),
        ("#5.0.0", "5.0.0"),
        ("5.4", "5.4.0"),
        ("550", "5.0.0"),
        ("452 4.2.2", "4.0.0"),
    ] {
        assert_eq!(Status::parse(text).unwrap().to_string(), code, "{text}");
    }
    for text in ["", "x", "3.1.1", "5", "5.", "5.x.1", "5555.1.1", "9.9.9", "1000"] {
        assert_eq!(Status::parse(text), None, "{text}");
    }
    assert_eq!(Status::find("550-5.7.1 [1.2.3.4] no").unwrap().to_string(), "5.7.1");
    assert_eq!(Status::find("host 10.1.1.2.3 said: 550 (#5.1.1)").unwrap().to_string(), "5.1.1");
    assert_eq!(Status::find("550 no such user 1.2 v5.1.1"), None);
}

/// RFC 8098 §9, and what programs write.
#[test]
fn disposition_notifications() {
    let found = DispositionNotification::parse(
        "Reporting-UA: joes-pc.cs.example.com; Foomail 97.1\r\nOriginal-Recipient: rfc822;Joe_Recipient@example.com\r\n\
         Final-Recipient: rfc822;Joe_Recipient@example.com\r\nOriginal-Message-ID: <199509192301.23456@example.org>\r\n\
         Disposition: manual-action/MDN-sent-manually; displayed\r\nError: odd\r\nX-A: b\r\n",
    );
    assert_eq!(
        found.reporting_ua,
        Some(("joes-pc.cs.example.com".into(), Some("Foomail 97.1".into())))
    );
    assert_eq!(found.message_id.as_deref(), Some("199509192301.23456@example.org"));
    assert_eq!(found.recipient.unwrap().address(), "Joe_Recipient@example.com");
    assert_eq!((found.errors.len(), found.extensions.len()), (1, 1));
    let done = found.disposition.unwrap();
    assert_eq!(
        (done.manual_action, done.sent_manually, done.kind),
        (Some(true), Some(true), Disposed::Displayed)
    );

    let read = |value: &str| {
        let done = Disposition::parse(value).unwrap();
        format!(
            "{:?} {:?} {:?} {:?}",
            done.manual_action, done.sent_manually, done.kind, done.modifiers
        )
    };
    assert_eq!(
        read("automatic-action/MDN-sent-automatically ; Processed/Error,X-Warn (late)"),
        r#"Some(false) Some(false) Processed ["error", "x-warn (late)"]"#
    );
    assert_eq!(read("displayed"), "None None Displayed []");
    assert_eq!(read("a/b; read (by Ann)"), "None None Displayed []");
    assert_eq!(
        read("manual-action / MDN-sent-manually;shredded"),
        "Some(true) Some(true) Other(\"shredded\") []"
    );
    assert!(Disposition::parse("manual-action/MDN-sent-manually").is_none());
    assert!(Disposition::parse("a/b;").is_none());
}

/// RFC 5965 §B.2, with the fields of RFC 6591 and of DMARC behind it.
#[test]
fn feedback_reports() {
    let found = FeedbackReport::parse(
        "Feedback-Type: Abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <somespammer@example.net>\r\n\
         Original-Rcpt-To: <user@example.com>\r\nReceived-Date: Thu, 8 Mar 2005 14:00:00 EDT\r\nSource-IP: 192.0.2.2\r\n\
         Authentication-Results: mail.example.com;\r\n               spf=fail smtp.mail=somespammer@example.com\r\n\
         Reported-Domain: example.net\r\nReported-Uri: http://example.net/earn_money.html\r\n\
         Reported-Uri: mailto:user@example.com\r\nRemoval-Recipient: user@example.com\r\nIncidents: 7\r\nSource-Port: 99\r\n\
         Auth-Failure: DMARC\r\nDelivery-Result: reject\r\nDKIM-Domain: d\r\nDKIM-Identity: i\r\nDKIM-Selector: s\r\n\
         DKIM-Canonicalized-Header: aGk=\r\nDKIM-Canonicalized-Body: aG8=\r\nDKIM-ADSP-DNS: a\r\nSPF-DNS: txt : x : y\r\n\
         SPF-DNS: txt : z : y\r\nIdentity-Alignment: none\r\n",
    );
    assert_eq!((found.kind.as_deref(), found.version.as_deref()), (Some("abuse"), Some("1")));
    assert_eq!(found.mail_from.as_deref(), Some("somespammer@example.net"));
    assert_eq!(found.rcpt_to, ["user@example.com"]);
    assert_eq!(found.source_ip, Some("192.0.2.2".parse().unwrap()));
    assert_eq!(
        (found.incidents, found.source_port, found.arrival.unwrap().year),
        (Some(7), Some(99), 2005)
    );
    assert_eq!(
        found.authentication,
        ["mail.example.com; spf=fail smtp.mail=somespammer@example.com"]
    );
    assert_eq!((found.domains.len(), found.uris.len(), found.extensions.len()), (1, 2, 1));
    let failure = found.auth_failure.unwrap();
    assert_eq!(
        (failure.kind.as_deref(), failure.delivery.as_deref()),
        (Some("dmarc"), Some("reject"))
    );
    assert_eq!((failure.dkim_body.as_deref(), failure.spf_dns.len()), (Some("aG8="), 2));
    for (text, ip) in [("[2001:db8::1]", "2001:db8::1"), ("IPv6:::1", "::1"), ("[IPv6:::1]", "::1")]
    {
        let found = FeedbackReport::parse(&format!("Source-IP: {text}\n"));
        assert_eq!(found.source_ip, Some(ip.parse().unwrap()), "{text}");
    }
    assert_eq!(FeedbackReport::parse("Original-Mail-From: <>\n").mail_from.as_deref(), Some(""));
    assert!(FeedbackReport::parse("").auth_failure.is_none());
}

fn report(
    kind: &str,
    machine: &str,
    original: &str,
) -> Option<(Report, Option<Body>, Option<Vec<u8>>)> {
    let bytes = format!(
        "Content-Type: {kind}; boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\nContent-Type: {machine}\r\n--x\r\n{original}\r\n--x--\r\n"
    );
    let tree = Structure::of(bytes.as_bytes());
    let message = Message::new(&tree, bytes.as_bytes());
    let report = Report::of(&message)?;
    let header = report.original.and_then(|at| original_header(&message, at)).map(Cow::into_owned);
    Some((report, report.body(&message), header))
}

#[test]
fn where_reports_are() {
    let machine = "message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nQWN0aW9uOiBmYWlsZWQK\r\n";
    let (found, body, header) = report(
        "multipart/report; report-type=delivery-status",
        machine,
        "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody",
    )
    .unwrap();
    assert_eq!(
        (found.about, found.part, found.explanation, found.original),
        (About::Delivery, 2, Some(1), Some(3))
    );
    let Some(Body::Delivery(status)) = body else { panic!() };
    assert_eq!(status.recipients[0].action, Some(Action::Failed));
    assert_eq!(header.unwrap(), b"Subject: x\r\n\r\n");

    let (found, body, header) = report(
        "multipart/mixed", "message/disposition-notification\r\n\r\nDisposition: a/b; deleted\r\n",
        "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =3D\r\n",
    ).unwrap();
    assert_eq!((found.about, found.original), (About::Disposition, Some(3)));
    assert!(matches!(body, Some(Body::Disposition(_))));
    assert_eq!(header.unwrap(), b"Subject: =\r\n");

    let (found, body, header) =
        report("multipart/report", "message/feedback-report\r\n\r\nVersion: 1\r\n", "\r\nx")
            .unwrap();
    assert!(
        found.original.is_none() && header.is_none() && matches!(body, Some(Body::Feedback(_)))
    );
    assert!(report("multipart/report", "text/plain\r\n\r\n", "\r\nx").is_none());
    // What another message reports is not what this one does.
    let within = "Content-Type: message/rfc822\r\n\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed";
    assert!(report("multipart/mixed", "text/plain\r\n\r\n", within).is_none());
}

proptest! {
    #[test]
    fn nothing_breaks_them(
        text in "((Final-Recipient|Original-Recipient|Action|Status|Disposition|Source-IP|Diagnostic-Code|X): ?|rfc822;|utf-8;\\\\x\\{|failed|5\\.1\\.1|/|;|\n|\r\n| |\u{e9}|<|>){0,60}",
    ) {
        let status = DeliveryStatus::parse(&text);
        prop_assert!(status.recipients.len() <= text.len());
        let total: usize = status.recipients.iter().flat_map(|one| &one.extensions).map(|(name, value)| name.len() + value.len()).sum();
        prop_assert!(total <= text.len());
        for one in &status.recipients {
            let _ = (one.code(), one.reply(), one.address());
        }
        let _ = (DispositionNotification::parse(&text), FeedbackReport::parse(&text));
        let _ = (Status::parse(&text), Status::find(&text));
    }
}
