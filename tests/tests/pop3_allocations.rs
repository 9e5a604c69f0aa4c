//! POP3 commands allocate nothing, but for the first mark of a session.

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::machine::{Advance, Answered, Input, Instant, Machine};
use posthaste_core::pop3::server::{Admission, Config, Event, Opened, Piece, Server};
use posthaste_core::pop3::{Maildrop, Pop3, Uid};
use posthaste_core::sasl::Verdict;
use posthaste_tests::property::heap::{self, Counting};

#[global_allocator]
static HEAP: Counting = Counting;

const MAIL: &[u8] = b"A: b\r\n\r\n.one\r\ntwo\r\n";

struct Mails;

impl Maildrop for Mails {
    fn count(&self) -> u32 {
        50
    }

    fn size(&self, _: u32) -> u64 {
        MAIL.len() as u64
    }

    fn uid(&self, _: u32, uid: &mut Uid<'_>) {
        uid.push(b"x");
    }
}

fn answer(event: Event<'_>, mails: &Arc<Mails>) -> Option<Answered<Pop3>> {
    Some(match event {
        Event::Connected(ask) => ask.with(Admission::Accept),
        Event::SignIn(ask, _) => ask.with(Verdict::Accepted),
        Event::Open(ask) => ask.with(Opened::Ready(mails.clone())),
        Event::Retr(ask, _) => ask.with(Piece::Part(Bytes::from_static(&MAIL[..9]))),
        Event::Top(ask, ..) => ask.with(Piece::Last(Bytes::from_static(MAIL))),
        Event::More(ask) => ask.with(Piece::Last(Bytes::from_static(&MAIL[9..]))),
        _ => return None,
    })
}

/// Allocations that the machine makes for these lines.
fn calls(server: &mut Server, mails: &Arc<Mails>, lines: &str) -> u64 {
    let mut input = Input::new();
    input.push(lines.as_bytes());
    let mut out = Vec::with_capacity(64 * 1024);
    let before = heap::calls();
    loop {
        match server.advance(Instant::ZERO, &mut input, &mut out) {
            Advance::Event => {
                let event = server.event(&input, &mut out).expect("it said so");
                if let Some(answered) = answer(event, mails) {
                    server.settle(answered, &mut out).expect("it is open");
                }
            }
            wanted => {
                assert_eq!(wanted, Advance::Read);
                return heap::calls() - before;
            }
        }
    }
}

#[test]
fn commands_allocate_nothing() {
    let config = Config { plaintext_auth: true, ..Config::new("pop.example") };
    let mut server = Server::new(Arc::new(config));
    let mails = Arc::new(Mails);
    calls(&mut server, &mails, "USER alice\r\nPASS geheim\r\n");
    assert!(heap::is_counting());
    for line in [
        "STAT", "LIST", "LIST 7", "UIDL", "UIDL 7", "RETR 7", "TOP 7 1", "NOOP", "RSET", "CAPA",
        "LANG", "XTND", "RETR 99",
    ] {
        assert_eq!(calls(&mut server, &mails, &format!("{line}\r\n")), 0, "{line}");
    }
    assert_eq!(calls(&mut server, &mails, "DELE 7\r\n"), 1, "the marks");
    assert_eq!(calls(&mut server, &mails, "DELE 8\r\nDELE 9\r\nSTAT\r\n"), 0);
}

/// USER keeps a name of common length without heap.
#[test]
fn a_name_is_kept_without_heap() {
    let config = Config { plaintext_auth: true, ..Config::new("pop.example") };
    let mut server = Server::new(Arc::new(config));
    let mails = Arc::new(Mails);
    calls(&mut server, &mails, "");
    assert_eq!(calls(&mut server, &mails, "USER alice@example.org\r\n"), 0);
}
