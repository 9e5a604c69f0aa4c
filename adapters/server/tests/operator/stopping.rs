//! SIGTERM, and the plug pulled.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::place::{PASSWORD, Place};
use crate::wire::Wire;

const ANN: &str = "ann@example.org";

/// A session of SMTP in the middle of its message.
fn inside_data(place: &Place) -> Wire {
    let mut smtp = Wire::connect(place.smtp);
    smtp.reply();
    smtp.ask("EHLO stranger.test");
    smtp.ask("MAIL FROM:<stranger@elsewhere.test>");
    smtp.ask(&format!("RCPT TO:<{ANN}>"));
    smtp.ask("DATA");
    smtp.say("Subject: slow\r\n\r\nfirst half");
    smtp
}

fn drains(runtime: &str) {
    let place = Place::with(&[ANN]);
    place.configure(&format!("runtime = \"{runtime}\""), "");
    let server = place.serve();
    let mut busy = inside_data(&place);
    let mut smtp = Wire::connect(place.smtp);
    smtp.reply();
    smtp.ask("EHLO stranger.test");
    let mut imap = Wire::connect(place.imap);
    imap.line();
    imap.imap(&format!("LOGIN {ANN} \"{PASSWORD}\""));
    imap.imap("SELECT INBOX");
    let mut pop3 = Wire::connect(place.pop3);
    pop3.line();

    server.signal(Signal::TERM);
    let said = imap.rest();
    assert!(said.starts_with("* BYE"), "{said:?}");
    let said = smtp.rest();
    assert!(said.starts_with("421 "), "{said:?}");
    pop3.rest();
    // Nobody else gets in, and who is inside a message may finish it.
    while let Some(mut late) = Wire::try_connect(place.smtp) {
        assert_eq!(late.rest(), "");
    }
    let said = busy.ask("second half\r\n.");
    assert!(said.starts_with("250"), "{said:?}");
    assert!(busy.rest().starts_with("421 "));
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");

    let server = place.serve();
    assert!(place.inbox(ANN).contains("first half\r\nsecond half\r\n"));
    server.stop();
}

#[test]
fn a_stop_drains_on_mio() {
    drains("mio");
}

#[test]
fn a_stop_drains_on_tokio() {
    drains("tokio");
}

/// Who asks twice does not want to wait.
#[test]
fn the_second_stop_is_at_once() {
    let place = Place::with(&[ANN]);
    let server = place.serve();
    let mut busy = inside_data(&place);
    server.signal(Signal::TERM);
    server.logs("stopping");
    let begin = Instant::now();
    server.signal(Signal::TERM);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    // The default drain is 30 seconds.
    assert!(begin.elapsed() < Duration::from_secs(10));
    let said = busy.rest();
    assert!(!said.contains("250"), "{said:?}");
    let server = place.serve();
    assert!(!place.inbox(ANN).contains("first half"));
    server.stop();
}

/// A drain that takes too long ends, too.
#[test]
fn a_drain_is_bounded() {
    let place = Place::with(&[ANN]);
    place.configure("", "[limits]\ndrain = \"300ms\"\n");
    let server = place.serve();
    let _busy = inside_data(&place);
    server.stop();
}

/// Everything answered with 250 is there after `kill -9`, whenever that comes.
#[test]
fn killed_and_started_again() {
    let place = Place::with(&[ANN]);
    let mut accepted = Vec::new();
    for round in 0..3 {
        let server = place.serve();
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let port = place.smtp;
                thread::spawn(move || send_until_cut(port, &format!("{round}.{sender}")))
            })
            .collect();
        // Some are answered, others are on their way.
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            let one = format!("<{round}.own.{}>", accepted.len());
            assert!(place.deliver(ANN, &one).starts_with("250"));
            accepted.push(one);
        }
        server.kill();
        for sender in senders {
            accepted.extend(sender.join().unwrap());
        }
    }
    let server = place.serve();
    let inbox = place.inbox(ANN);
    for one in &accepted {
        assert_eq!(inbox.matches(one.as_str()).count(), 1, "{one} of {}", accepted.len());
    }
    server.stop();
}

/// Sends one message after another until the connection breaks; gives those that were answered 250.
fn send_until_cut(port: u16, name: &str) -> Vec<String> {
    let mut accepted = Vec::new();
    let mut smtp = Wire::connect(port);
    smtp.reply();
    let recipient = format!("RCPT TO:<{ANN}>");
    let envelope = ["EHLO s.test", "MAIL FROM:<s@elsewhere.test>", &recipient, "DATA"];
    loop {
        let one = format!("<{name}.{}>", accepted.len());
        let Some(_) = smtp.try_ask(&envelope) else { return accepted };
        match smtp.try_ask(&[&format!("{one}\r\n.")]) {
            Some(reply) if reply.starts_with("250") => accepted.push(one),
            _ => return accepted,
        }
    }
}
