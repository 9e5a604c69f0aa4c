//! What may be said in clear: under the defaults no password, not in any form, in any protocol.

use std::io::{Read, Write};
use std::net::TcpStream;

use posthaste_core::machine::Input;
use posthaste_core::sasl::Mechanism;
use posthaste_tls::{ClientTls, Source, Trust};

use crate::place::Place;
use crate::program::PATIENCE;
use crate::wire::Wire;

const ANN: &str = "ann@example.org";
/// `NUL ann@example.org NUL correct horse`.
const PLAIN: &str = "AGFubkBleGFtcGxlLm9yZwBjb3JyZWN0IGhvcnNl";
/// `ann@example.org`, for LOGIN.
const NAME: &str = "YW5uQGV4YW1wbGUub3Jn";
/// `n,,n=ann@example.org,r=abc`, for SCRAM.
const SCRAM: &str = "biwsbj1hbm5AZXhhbXBsZS5vcmcscj1hYmM=";

/// Takes the line out of the config that lets passwords pass in clear on loopback, and sets the rest.
fn by_default(place: &Place, runtime: &str, tls: &str) {
    place.configure(&format!("runtime = \"{runtime}\""), "");
    let text = std::fs::read_to_string(place.config()).unwrap();
    let without = text.replace("plaintext_auth = \"loopback\"\n", "");
    assert_ne!(text, without);
    let listener = "[[listener]]\n";
    std::fs::write(
        place.config(),
        without.replace(listener, &format!("{listener}tls = \"{tls}\"\n")),
    )
    .unwrap();
}

/// Tries every way to sign in over SMTP in clear.
fn smtp(port: u16, hello: &str, tls: bool) -> usize {
    let ways = [
        format!("AUTH PLAIN {PLAIN}"),
        "AUTH PLAIN".to_owned(),
        "AUTH LOGIN".to_owned(),
        format!("AUTH LOGIN {NAME}"),
        format!("AUTH SCRAM-SHA-256 {SCRAM}"),
        "auth plain =".to_owned(),
    ];
    let every = Mechanism::ALL.map(|mechanism| format!("AUTH {mechanism}"));
    let ways = [&ways[..], &every].concat();
    for way in &ways {
        let mut wire = Wire::connect(port);
        wire.reply();
        let offer = wire.ask(&format!("{hello} a.test"));
        assert!(!offer.contains("AUTH"), "{offer}");
        assert_eq!(offer.contains("250-STARTTLS\r\n"), tls, "{offer}");
        let reply = wire.ask(way);
        // 502: not offered on this port; 538 and 504: not without TLS, or not with such a mechanism.
        let refused = ["502 5.5.1 ", "538 5.7.11 ", "504 5.5.4 "];
        assert!(refused.iter().any(|code| reply.starts_with(code)), "{way}: {reply}");
        // No exchange goes on: what would be the password is no command.
        let reply = wire.ask(PLAIN);
        assert!(reply.starts_with("500 "), "{way}: {reply}");
    }
    ways.len()
}

fn imap(port: u16) -> usize {
    let ways = [
        "LOGIN ann@example.org \"correct horse\"".to_owned(),
        "login {15+}\r\nann@example.org {13+}\r\ncorrect horse".to_owned(),
        format!("AUTHENTICATE PLAIN {PLAIN}"),
        "AUTHENTICATE PLAIN".to_owned(),
        "AUTHENTICATE LOGIN".to_owned(),
        format!("AUTHENTICATE SCRAM-SHA-256 {SCRAM}"),
    ];
    let every = Mechanism::ALL.map(|mechanism| format!("AUTHENTICATE {mechanism}"));
    let ways = [&ways[..], &every].concat();
    for way in &ways {
        let mut wire = Wire::connect(port);
        let greeting = wire.line();
        let offer = wire.imap("CAPABILITY");
        for said in [&greeting, &offer] {
            assert!(!said.contains("AUTH="), "{said}");
        }
        assert!(offer.contains("LOGINDISABLED"), "{offer}");
        let reply = wire.imap(way);
        assert!(!reply.contains("a OK") && !reply.starts_with('+'), "{way}: {reply}");
        let reply = wire.imap("SELECT INBOX");
        assert!(!reply.contains("a OK"), "{way}: {reply}");
    }
    ways.len()
}

fn pop3(port: u16) -> usize {
    let ways = [
        "USER ann@example.org".to_owned(),
        "PASS correct horse".to_owned(),
        "APOP ann@example.org c4c9334bac560ecc979e58001b3e22fb".to_owned(),
        format!("AUTH PLAIN {PLAIN}"),
        "AUTH PLAIN".to_owned(),
        "AUTH LOGIN".to_owned(),
        format!("AUTH SCRAM-SHA-256 {SCRAM}"),
    ];
    let every = Mechanism::ALL.map(|mechanism| format!("AUTH {mechanism}"));
    let ways = [&ways[..], &every].concat();
    for way in &ways {
        let mut wire = Wire::connect(port);
        wire.line();
        wire.say("CAPA");
        let mut offer = String::new();
        while !offer.ends_with("\r\n.\r\n") {
            offer.push_str(&wire.line());
        }
        let offers = |word| offer.lines().any(|line| line.split(' ').next() == Some(word));
        assert!(!offers("SASL") && !offers("USER") && offers("TOP"), "{offer}");
        let reply = wire.ask(way);
        assert!(reply.starts_with("-ERR"), "{way}: {reply}");
        let reply = wire.ask("STAT");
        assert!(reply.starts_with("-ERR"), "{way}: {reply}");
    }
    ways.len()
}

// RFC: 4422-6.1.2-2 4616-5-1 4616-5-2 4954-4-24
#[test]
fn nobody_signs_in_in_clear() {
    let place = Place::with(&[ANN]);
    let mut tried = 0;
    for (runtime, tls) in [("mio", "starttls"), ("tokio", "starttls"), ("mio", "none")] {
        by_default(&place, runtime, tls);
        let server = place.serve();
        tried += smtp(place.smtp, "EHLO", tls == "starttls");
        tried += smtp(place.submission, "EHLO", tls == "starttls");
        tried += smtp(place.lmtp, "LHLO", tls == "starttls");
        tried += imap(place.imap);
        tried += pop3(place.pop3);
        server.stop();
    }
    println!("{tried} sign-ins in clear: 0 offered, 0 accepted");
}

/// Under TLS the same sign-in is offered and taken: otherwise the test above could not fail.
#[test]
fn under_tls_they_do() {
    let place = Place::with(&[ANN]);
    by_default(&place, "mio", "starttls");
    let server = place.serve();
    let trust = Trust::file(&place.data().join(Source::CERTIFICATE)).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", place.submission)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut room = [0; 4_096];
    for (say, end) in [("", "220 "), ("EHLO a.test\r\n", "250 "), ("STARTTLS\r\n", "220 ")] {
        stream.write_all(say.as_bytes()).unwrap();
        let n = stream.read(&mut room).unwrap();
        let heard = String::from_utf8_lossy(&room[..n]).into_owned();
        assert!(heard.lines().last().is_some_and(|line| line.starts_with(end)), "{heard}");
    }
    let mut tls = ClientTls::new(&trust).unwrap().start("localhost").unwrap();
    let (mut plain, mut wire) = (Input::new(), Vec::new());
    let sign_in = format!("AUTH PLAIN {PLAIN}\r\n");
    let mut talk = ["EHLO a.test\r\n", &sign_in].into_iter();
    let mut heard = String::new();
    while !heard.contains("235 ") {
        let speak = tls.ready().is_some() && (heard.is_empty() || heard.ends_with("\r\n"));
        let say = if speak { talk.next().unwrap_or_default() } else { "" };
        tls.send(say.as_bytes(), &mut wire);
        stream.write_all(&std::mem::take(&mut wire)).unwrap();
        let n = stream.read(&mut room).unwrap();
        assert!(n > 0, "{heard}");
        tls.receive(&room[..n], &mut plain).unwrap();
        heard.push_str(&String::from_utf8_lossy(plain.bytes()));
        plain.discard(plain.len());
    }
    assert!(
        heard.contains("250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n") || heard.contains("250-AUTH ")
    );
    server.stop();
}
