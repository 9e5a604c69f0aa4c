//! Ends of data that are none: whatever a careless relay takes for text, nothing in it is a command to us.

use std::sync::Arc;

use posthaste_core::machine::{Advance, Input, Instant, Machine};
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};

/// What came out of a session.
#[derive(Debug, Default)]
struct Heard {
    mails: usize,
    /// Messages that were whole and accepted.
    messages: Vec<Vec<u8>>,
}

fn talk(role: Role, wire: &[u8], cut: usize) -> Heard {
    let mut config = Config::new(role, "mx.test");
    config.require_auth = false;
    config.limits.errors = 1_000;
    let mut server = Server::new(Arc::new(config));
    let (mut input, mut out) = (Input::new(), Vec::new());
    let mut heard = Heard::default();
    let mut body = Vec::new();
    let mut pieces = wire.chunks(cut);
    loop {
        match server.advance(Instant::ZERO, &mut input, &mut out) {
            Advance::Event => {}
            Advance::Closed => return heard,
            Advance::Read => {
                match pieces.next() {
                    Some(piece) => input.push(piece),
                    None => input.end(),
                }
                continue;
            }
            other => panic!("{other:?}"),
        }
        let answered = match server.event(&input, &mut out).expect("it said Event") {
            Event::Connected(ask) => ask.with(Admission::Accept),
            Event::Mail(ask, _) => {
                heard.mails += 1;
                ask.with(Decision::Accept)
            }
            Event::Recipient(ask, _) => ask.with(Decision::Accept),
            Event::Data(ask, _) => ask.with(Decision::Accept),
            Event::Body(run) => {
                body.extend_from_slice(run.as_bytes());
                continue;
            }
            Event::BodyEnd(ask, _) => {
                heard.messages.push(std::mem::take(&mut body));
                ask.with(Outcome::All(Reply::taken("Ok")))
            }
            Event::BodyLost(_) => {
                body.clear();
                continue;
            }
            _ => continue,
        };
        server.settle(answered, &mut out).expect("the question is open");
    }
}

const INNER: &str =
    "MAIL FROM:<admin@victim.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nsmuggled\r\n.\r\n";

/// What stands around the dot.
const AROUND: [&str; 11] =
    ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "\0", " ", "\x0b", "\x0c", "\u{85}", "\u{2028}"];

fn ends() -> Vec<String> {
    let mut ends = Vec::new();
    for before in AROUND {
        for after in AROUND {
            if (before, after) != ("\r\n", "\r\n") {
                ends.push(format!("{before}.{after}"));
            }
        }
    }
    ends
}

#[test]
fn nothing_is_smuggled_by_data() {
    let ends = ends();
    let mut runs = 0;
    for role in [Role::Smtp, Role::Lmtp, Role::Submission] {
        let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
        for end in &ends {
            let wire = format!(
                "{hello} a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n\
                 Subject: outer\r\n\r\ntext{end}{INNER}"
            );
            for cut in [wire.len(), 1, 2, 7] {
                let heard = talk(role, wire.as_bytes(), cut);
                assert_eq!(heard.mails, 1, "{role:?} {end:?} cut {cut}");
                assert!(
                    heard.messages.iter().all(|message| message.starts_with(b"Subject: outer")),
                    "{role:?} {end:?} cut {cut}: {heard:?}"
                );
                runs += 1;
            }
        }
    }
    println!("{} ends, {runs} sessions, 0 inner messages", ends.len());
}

#[test]
fn nothing_is_smuggled_by_bdat() {
    let mut runs = 0;
    for end in ends() {
        // In one chunk, and over two, cut inside the doubtful end.
        let text = format!("Subject: outer\r\n\r\ntext{end}{INNER}");
        let (first, second) = text.as_bytes().split_at(text.find(INNER).unwrap() - 1);
        for chunks in [vec![text.as_bytes()], vec![first, second]] {
            let mut wire =
                b"EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n".to_vec();
            for (number, chunk) in chunks.iter().enumerate() {
                let last = if number + 1 == chunks.len() { " LAST" } else { "" };
                wire.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
            }
            for cut in [wire.len(), 1, 7] {
                let heard = talk(Role::Smtp, &wire, cut);
                assert_eq!(heard.mails, 1, "{end:?} cut {cut}");
                assert!(heard.messages.iter().all(|message| message == text.as_bytes()));
                runs += 1;
            }
        }
    }
    println!("{runs} sessions by BDAT, 0 inner messages");
}

/// The true end is an end: otherwise the tests above could not fail.
#[test]
fn the_true_end_ends() {
    let wire = format!(
        "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\ntext\r\n.\r\n{INNER}"
    );
    for cut in [wire.len(), 1, 7] {
        let heard = talk(Role::Smtp, wire.as_bytes(), cut);
        assert_eq!(heard.messages, [b"text\r\n".to_vec(), b"smuggled\r\n".to_vec()]);
    }
}
