//! `posthaste mime`: what it shows of good and bad messages.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Said, run, run_with_input};

const MESSAGE: &str = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n\
    To: Friends: ann@example.org, \"B. C.\" <bc@example.org>;, dora@example.org\r\n\
    Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n\
    Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\
    Message-ID: <1@example.org>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\
    \r\n\
    --b\r\n\
    \r\n\
    one\r\ntwo\r\n\
    --b\r\n\
    Content-Type: application/x-tool; name*=utf-8''na%C3%AFve.bin\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    AAH/\r\n\
    --b\r\n\
    Content-Type: message/rfc822\r\n\
    \r\n\
    Subject: inner\r\n\
    \r\n\
    text\r\n\
    --b--\r\n";

/// A folder with the message in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.eml");
    std::fs::write(&file, MESSAGE).unwrap();
    (folder, file)
}

fn mime(arguments: &[&str]) -> Said {
    run(&[&["mime"], arguments].concat())
}

fn json(text: &str) -> Value {
    let found = run_with_input(&["mime", "--json", "-"], text).fine();
    assert_eq!(found.lines().count(), 1, "{found}");
    serde_json::from_str(&found).unwrap()
}

#[test]
fn the_tree() {
    let (_folder, file) = place();
    let drawn = mime(&[file.to_str().unwrap()]).fine();
    assert_eq!(drawn, mime(&["--tree", file.to_str().unwrap()]).fine());
    let rows: Vec<Vec<&str>> =
        drawn.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(drawn.contains("one.eml: 470 octets, 5 parts, defects: none"), "{drawn}");
    for row in [
        &["multipart/mixed", "TEXT", "7bit", "0..274", "274..470", "196"][..],
        &["├─", "text/plain", "1", "7bit", "279..281", "281..289", "8", "1", "8"],
        &["├─", "application/x-tool", "\"naïve.bin\"", "2", "base64"],
        &["└─", "message/rfc822", "3", "7bit"],
        &["└─", "text/plain", "3.1", "7bit"],
    ] {
        assert!(rows.iter().any(|found| found.starts_with(row)), "no {row:?} in\n{drawn}");
    }
}

#[test]
fn one_object_a_message() {
    let (_folder, file) = place();
    let name = file.to_str().unwrap();
    let two = mime(&["--json", name, name]).fine();
    assert_eq!(two.lines().count(), 2);
    let found: Value = serde_json::from_str(two.lines().next().unwrap()).unwrap();
    assert_eq!(found["file"], name);
    assert_eq!(found["subject"], "Grüße");
    assert_eq!(found["date"]["rfc3339"], "1997-11-21T09:55:06-06:00");
    assert_eq!(found["date"]["unix"], 880_127_706);
    assert_eq!(found["message_id"][0], "1@example.org");
    assert_eq!(found["from"][0]["name"], "Jörg");
    assert_eq!(found["to"][0]["group"], "Friends");
    assert_eq!(found["to"][0]["members"][1]["name"], "B. C.");
    assert_eq!(found["to"][1]["address"], "dora@example.org");
    assert_eq!(found["attachments"][0]["name"], "naïve.bin");
    assert_eq!(found["attachments"][0]["octets"], 3);
    let sections: Vec<_> =
        found["parts"].as_array().unwrap().iter().map(|part| &part["section"]).collect();
    assert_eq!(sections, ["TEXT", "1", "2", "3", "3.1"]);
    let tool = &found["parts"][2];
    assert_eq!(
        (&tool["media_type"], &tool["encoding"]),
        (&"application/x-tool".into(), &"base64".into())
    );
    // SHA-256 of the octets 0, 1, 255.
    assert_eq!(
        tool["content"]["sha256"],
        "26a66b061e8f48f39927c312f25293959729eee95978e2892d49d3512a5cc092"
    );
    assert_eq!(found["parts"][1]["preview"], "one\ntwo");
    assert_eq!(tool["preview"], Value::Null);
    assert_eq!(found["parts"][0]["fields"][2]["raw"], " =?iso-8859-1?q?Gr=FC=DFe?=");
    assert_eq!(found["defects"], Value::Array(vec![]));
}

/// Trace, authentication, lists and reports by their values.
#[test]
fn the_values_of_fields() {
    let found = json(
        "Return-Path: <bounce@example.org>\n\
         Received: from a.example.org (a.example.org [192.0.2.1]) by mx.example.net with ESMTPS id 7\n\
         \x20for <ann@example.net>; Fri, 21 Nov 1997 09:55:06 -0600\n\
         Authentication-Results: mx.example.net; dkim=pass header.d=example.org\n\
         DKIM-Signature: v=1; d=example.org; s=one\n\
         List-Id: Friends <friends.example.org>\n\
         List-Unsubscribe: <mailto:leave@example.org>\n\
         Auto-Submitted: auto-replied\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\n\nIt failed.\n\
         --b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example.net\n\n\
         Final-Recipient: rfc822; bob@example.org\nAction: failed\nStatus: 5.1.1\n\n--b--\n",
    );
    assert_eq!(found["return_path"], "bounce@example.org");
    let hop = &found["received"][0];
    assert_eq!((&hop["ip"], &hop["with"]), (&"192.0.2.1".into(), &"ESMTPS".into()));
    assert_eq!(hop["recipients"][0], "ann@example.net");
    assert_eq!(hop["date"], "1997-11-21T09:55:06-06:00");
    let result = &found["authentication"][0]["results"][0];
    assert_eq!((&result["method"], &result["result"]), (&"dkim".into(), &"pass".into()));
    assert_eq!(result["properties"]["header.d"], "example.org");
    assert_eq!(found["dkim"][0]["d"], "example.org");
    assert_eq!(found["list"]["id"], "friends.example.org");
    assert_eq!(found["list"]["unsubscribe"][0], "mailto:leave@example.org");
    assert_eq!(found["auto_submitted"], "auto-replied");
    assert_eq!(found["report"]["about"], "delivery");
    assert_eq!(found["report"]["recipients"][0]["address"], "bob@example.org");
    assert_eq!(found["report"]["recipients"][0]["status"], "5.1.1");
    assert_eq!(found["preview"], "It failed.");
}

#[test]
fn what_imap_would_say() {
    let (_folder, file) = place();
    let envelope = mime(&["--envelope", file.to_str().unwrap()]).fine();
    assert!(
        envelope.starts_with(
            "(\"Fri, 21 Nov 1997 09:55:06 -0600\" \"=?iso-8859-1?q?Gr=FC=DFe?=\" \
             ((\"=?utf-8?q?J=C3=B6rg?=\" NIL \"joerg\" \"example.org\"))"
        ),
        "{envelope}"
    );
    let body = mime(&["--bodystructure", file.to_str().unwrap()]).fine();
    assert!(
        body.starts_with(
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL)\
             (\"application\" \"x-tool\""
        ),
        "{body}"
    );
    assert!(body.ends_with(" \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)\n"), "{body}");
}

#[test]
fn one_part_and_nothing_else() {
    let (_folder, file) = place();
    let part = |number| mime(&["--part", number, file.to_str().unwrap()]);
    assert_eq!(part("1").fine(), "one\r\ntwo");
    assert_eq!(part("3.1").fine(), "text");
    assert_eq!(part("3").fine(), "Subject: inner\r\n\r\ntext");
    assert_eq!(part("3.header").fine(), "Subject: inner\r\n\r\n");
    assert!(part("2.MIME").fine().starts_with("Content-Type: application/x-tool"));
    part("4").fails(65, &["there is no part 4", "it has TEXT, 1, 2, 3, 3.1"]);
    for wrong in ["one", "", "1..2", "HEADER.1", "-1"] {
        run(&["mime", &format!("--part={wrong}"), file.to_str().unwrap()])
            .fails(64, &["--part cannot be"]);
    }
    let name = file.to_str().unwrap();
    mime(&["--part", "1", name, name]).fails(64, &["--part is for one FILE"]);
    let quoted = "Content-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\n";
    let said = run_with_input(&["mime", "--part", "1", "-"], quoted).fine();
    assert_eq!(said, "a=bc\n");
}

/// RFC 1847 §2.1, RFC 3156, RFC 9580 §7.
#[test]
fn signatures_are_told_of() {
    let signed = "Content-Type: multipart/signed; protocol=\"application/pgp-signature\";\r\n\
        \x20micalg=pgp-sha256; boundary=x\r\n\r\n--x\r\nA: b\r\n\r\nText\r\n\r\n--x\r\n\
        Content-Type: application/pgp-signature\r\n\r\n...\r\n--x--\r\n";
    let found = &json(signed)["parts"][0]["security"];
    assert_eq!((&found["kind"], &found["protocol"]), (&"signed".into(), &"pgp".into()));
    assert_eq!(found["algorithm"], "pgp-sha256");
    assert_eq!((&found["content"], &found["signature"]), (&"1".into(), &"2".into()));
    assert!(json(signed)["attachments"].as_array().unwrap().is_empty());
    let armoured = "A: b\n\n-----BEGIN PGP MESSAGE-----\n\nabc=\n-----END PGP MESSAGE-----\n";
    assert_eq!(json(armoured)["parts"][0]["security"]["kind"], "encrypted");
    assert!(json("A: b\n\nText\n")["parts"][0]["security"].is_null());
}

#[test]
fn bad_messages_are_shown() {
    assert_eq!(json("")["octets"], 0);
    let found = json("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno field\r\n");
    let defects: Vec<_> =
        found["defects"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["not_closed", "bad_field", "no_blank_line"] {
        assert!(defects.contains(&name), "{defects:?}");
    }
    let found = json(
        "Content-Type: text/plain; name=\"\u{1b}[31m\"\nContent-Disposition: attachment\n\n\u{1b}",
    );
    assert_eq!(found["attachments"][0]["written_name"], "\u{1b}[31m");
    assert_eq!(found["attachments"][0]["name"], "[31m");
    // A terminal obeys none of it.
    let drawn = run_with_input(
        &["mime", "-"],
        "Content-Type: text/plain; name=\"\u{1b}[31m\"; charset=\"\u{7}\"\n\n",
    );
    assert!(!drawn.fine().contains(['\u{1b}', '\u{7}']));
    // Line ends as a server keeps them.
    let lines =
        run_with_input(&["mime", "--bodystructure", "--crlf", "-"], "A: b\n\nc\rd\n").fine();
    assert!(lines.contains("\"7bit\" 6 2"), "{lines}");
}

#[test]
fn what_cannot_be_read() {
    let (folder, file) = place();
    let missing = folder.path().join("missing").display().to_string();
    mime(&[&missing]).fails(74, &[&missing, "-> check the path"]);
    // The others are shown.
    let said = mime(&["--json", &missing, file.to_str().unwrap()]);
    said.fails(74, &[&missing]);
    assert_eq!(said.out.lines().count(), 1);
    mime(&[]).fails(64, &["FILE"]);
    mime(&["--json", "--tree", "-"]).fails(64, &["--json"]);
}
