use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

use super::event::{Recipient, Source};
use super::*;
use crate::machine::{Advance, Ask, Exporter, Fingerprint, Input, Instant, Machine, TlsFacts};
use crate::sasl::client::Account;
use crate::sasl::{Denial, Found, Grant, Known, Mechanism, Verdict, Verifier};
use crate::smtp::reply::{Enhanced, Reply};
use crate::smtp::server::{self, Admission, Decision, Outcome, Role, Server};
use crate::text::Secret;

/// A client, whose handler sends one message and then quits.
struct Desk {
    client: Client,
    input: Input,
    now: Instant,
    out: Vec<u8>,
    heard: Vec<String>,
    /// What is ordered before the message, the next one last.
    orders: Vec<Order>,
    /// How the open transaction goes on, the next step last.
    steps: Vec<Step>,
    envelope: Option<Envelope>,
    message: Bytes,
    piece: usize,
    /// It has no answer to `Source` yet.
    stalls: bool,
    asked: Option<Ask<Source>>,
    last: Advance,
}

impl Desk {
    fn new(config: Config, recipients: &[&str], message: &[u8]) -> Self {
        Self {
            client: Client::new(Arc::new(config), [9; 18]),
            input: Input::new(),
            now: Instant::ZERO,
            out: Vec::new(),
            heard: Vec::new(),
            orders: Vec::new(),
            steps: Vec::new(),
            envelope: Some(Envelope {
                sender: Some("a@b.test".parse().unwrap()),
                recipients: recipients
                    .iter()
                    .map(|r| {
                        Recipient::from(r.parse::<crate::grammar::address::Address>().unwrap())
                    })
                    .collect(),
                size: Some(message.len() as u64),
                ..Envelope::default()
            }),
            message: Bytes::copy_from_slice(message),
            piece: 7,
            stalls: false,
            asked: None,
            last: Advance::Read,
        }
    }

    fn turn(&mut self) {
        loop {
            self.last = self.client.advance(self.now, &mut self.input, &mut self.out);
            if self.last != Advance::Event {
                return;
            }
            let event = self.client.event(&self.input, &mut self.out).expect("it said Event");
            self.heard.push(format!("{event:?}"));
            let answered = match event {
                Event::Ready(ask) => ask.with(match (self.orders.pop(), self.envelope.take()) {
                    (Some(order), envelope) => {
                        self.envelope = envelope;
                        order
                    }
                    (None, Some(envelope)) => Order::Send(Box::new(envelope)),
                    (None, None) => Order::Quit,
                }),
                Event::Open(ask) => match self.steps.pop() {
                    Some(step) => ask.with(step),
                    None => ask.refused(),
                },
                Event::Source(ask) if self.stalls => {
                    self.asked = Some(ask);
                    continue;
                }
                Event::Source(ask) => {
                    self.heard.pop();
                    let piece = self.message.split_to(self.message.len().min(self.piece));
                    ask.with(if self.message.is_empty() {
                        Piece::Last(piece)
                    } else {
                        Piece::More(piece)
                    })
                }
                _ => continue,
            };
            self.client.settle(answered, &mut self.out).expect("the question is open");
        }
    }

    /// Answers `Source` at last.
    fn give(&mut self, piece: Piece) {
        let ask = self.asked.take().expect("it was asked");
        self.client.answer(ask, piece, &mut self.out).expect("the question is open");
        self.turn();
    }

    /// The server says this; returns what the client says to it.
    fn hear(&mut self, text: &str) -> String {
        self.out.clear();
        self.input.push(text.as_bytes());
        self.turn();
        String::from_utf8(core::mem::take(&mut self.out)).unwrap()
    }
}

const OFFER: &str = "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME\r\n";

fn plain() -> Config {
    let mut config = Config::new("me.test");
    config.tls = TlsPolicy::Never;
    config
}

// RFC: 2920-3.1-2
#[test]
fn a_message_leaves_pipelined() {
    let mut desk = Desk::new(plain(), &["c@d.test", "e@d.test"], b"x\n.y");
    assert_eq!(desk.hear("220 mx.test\r\n"), "EHLO me.test\r\n");
    assert_eq!(
        desk.hear(OFFER),
        "MAIL FROM:<a@b.test> SIZE=4\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<e@d.test>\r\nDATA\r\n"
    );
    assert_eq!(desk.hear("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n"), "x\r\n..y\r\n.\r\n");
    assert_eq!(desk.hear("250 2.0.0 taken\r\n"), "QUIT\r\n");
    assert_eq!(desk.hear("221 bye\r\n"), "");
    assert_eq!(desk.last, Advance::Closed);
    assert_eq!(
        desk.heard[2..],
        [
            "Ready",
            "Sender 250 ok",
            "Recipient 0 250 ok",
            "Recipient 1 550 5.1.1 no",
            "Data 354 go",
            "Delivery 250 2.0.0 taken",
            "Finished",
            "Ready",
            "Quit 221 bye",
            "Ended Quit",
        ]
    );
}

// RFC: 5321-3.3-13 5321-4.1.1-3 5321-4.1.1.1-5 5321-4.1.1.3-6 5321-4.1.4-1 5321-4.3.1-1
// RFC: 5321-4.5.4.1-8 5321-4.5.4.1-9 5321-4.5.4.1-10
#[test]
fn a_message_leaves_step_by_step() {
    let mut desk = Desk::new(plain(), &["c@d.test", "e@d.test"], b"x\r\n");
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear("250 mx.test\r\n"), "MAIL FROM:<a@b.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "RCPT TO:<c@d.test>\r\n");
    assert_eq!(desk.hear("550 no\r\n"), "RCPT TO:<e@d.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "DATA\r\n");
    assert_eq!(desk.hear("354 go\r\n"), "x\r\n.\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "QUIT\r\n");
}

// RFC: 1870-6.2-1 2920-3.1-3 5321-3.3-8 5321-3.3-9 5321-4.2.1-2
#[test]
fn nobody_wants_it() {
    // RFC 2920 §3.1: DATA was sent already, and the server waits for a message.
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x\r\n");
    desk.hear("220 mx.test\r\n");
    desk.hear(OFFER);
    assert_eq!(desk.hear("250 ok\r\n550 no\r\n354 go\r\n"), ".\r\n");
    assert_eq!(desk.hear("554 nothing\r\n"), "QUIT\r\n");

    let mut desk = Desk::new(plain(), &["c@d.test"], b"x\r\n");
    desk.hear("220 mx.test\r\n");
    desk.hear(OFFER);
    assert_eq!(desk.hear("250 ok\r\n550 no\r\n503 no\r\n"), "RSET\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "QUIT\r\n");

    let mut desk = Desk::new(plain(), &["c@d.test"], b"x\r\n");
    desk.hear("220 mx.test\r\n");
    desk.hear("250 mx.test\r\n");
    assert_eq!(desk.hear("550 no\r\n"), "QUIT\r\n");
    assert_eq!(desk.heard[3..5], ["Sender 550 no", "Finished"]);
}

// RFC: 5321-4.5.4.1-8 5321-4.5.4.1-9 5321-4.5.4.1-10
#[test]
fn many_recipients_go_through_a_window() {
    let recipients: Vec<String> = (0..200).map(|n| format!("u{n}@d.test")).collect();
    let names: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut desk = Desk::new(plain(), &names, b"x\r\n");
    desk.hear("220 mx.test\r\n");
    let mut said = desk.hear(OFFER);
    assert_eq!(said.lines().count(), 64);
    for _ in 0..201 {
        said += &desk.hear("250 ok\r\n");
    }
    assert_eq!(said.matches("RCPT").count(), 200);
    assert!(said.ends_with("DATA\r\n"), "{said}");
}

// RFC: 3030-2-6 3030-2-8 3030-2-11
#[test]
fn chunks() {
    let offer = "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x\n.y\r\nlast");
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear(offer), "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n250 ok\r\n"), "BDAT 8\r\nx\r\n.y\r\nlBDAT 5 LAST\r\nast\r\n");
    assert_eq!(desk.hear("250 ok\r\n250 taken\r\n"), "QUIT\r\n");

    // A refused chunk ends it.
    let mut desk = Desk::new(plain(), &["c@d.test"], &[b'x'; 20]);
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear("250-mx\r\n250 CHUNKING\r\n"), "MAIL FROM:<a@b.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "RCPT TO:<c@d.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "BDAT 7\r\nxxxxxxx");
    assert_eq!(desk.hear("452 full\r\n"), "RSET\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "QUIT\r\n");
    assert!(desk.heard.contains(&"Chunk 452 full".to_string()));
}

/// The last chunk had left when an earlier one was refused for now. The server then refused the last one for ever,
/// being out of order, and this was reported as what became of the message: a mail that only had to wait came back.
#[test]
fn a_chunk_refused_for_now_is_no_message_refused_for_ever() {
    let mut desk = Desk::new(plain(), &["c@d.test"], &[b'x'; 10]);
    desk.hear("220 mx.test\r\n");
    desk.hear("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    let said = desk.hear("250 ok\r\n250 ok\r\n");
    assert_eq!(said, "BDAT 7\r\nxxxxxxxBDAT 5 LAST\r\nxxx\r\n");
    assert_eq!(desk.hear("452 full\r\n503 say MAIL first\r\n"), "RSET\r\n");
    assert!(!desk.heard.iter().any(|event| event.starts_with("Delivery")), "{:?}", desk.heard);
    let chunks: Vec<_> = desk.heard.iter().filter(|event| event.starts_with("Chunk")).collect();
    assert_eq!(chunks, ["Chunk 452 full", "Chunk 503 say MAIL first"]);
    assert_eq!(desk.hear("250 ok\r\n"), "QUIT\r\n");
}

/// The server said yes in the middle of the message, and went away: the message was reported as taken, and was not.
#[test]
fn no_message_is_taken_before_it_has_left() {
    let chunking = "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    for (offer, go) in [(OFFER, "354 go\r\n"), (chunking, "")] {
        for (word, heard) in [
            ("250 taken\r\n", &["Reset 250 taken", "Ended Violation"][..]),
            ("452 full\r\n", &["Delivery 452 full", "Finished", "Ready", "Ended Quit"]),
        ] {
            let mut desk = Desk::new(plain(), &["c@d.test"], b"");
            desk.stalls = true;
            desk.hear("220 mx.test\r\n");
            desk.hear(offer);
            desk.hear(&format!("250 ok\r\n250 ok\r\n{go}"));
            assert_eq!(desk.last, Advance::Answer, "{:?}", desk.heard);
            desk.heard.clear();
            desk.input.push(word.as_bytes());
            desk.input.end();
            desk.give(Piece::More(Bytes::from_static(b"x\r\n")));
            let taken = desk.heard.iter().any(|event| event.starts_with("Delivery 2"));
            assert!(!taken, "{offer:?}: {:?}", desk.heard);
            assert_eq!(desk.heard, heard, "{offer:?}");
        }
    }
}

// RFC: 2033-5-8
#[test]
fn lmtp_hears_each() {
    let mut config = plain();
    config.lmtp = true;
    let mut desk = Desk::new(config, &["c@d.test", "e@d.test", "f@d.test"], b"x\r\n");
    assert_eq!(desk.hear("220 mx.test\r\n"), "LHLO me.test\r\n");
    desk.hear(OFFER);
    desk.hear("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n");
    assert_eq!(desk.hear("250 one\r\n"), "");
    assert_eq!(desk.hear("452 three\r\n"), "QUIT\r\n");
    let deliveries: Vec<_> = desk.heard.iter().filter(|e| e.starts_with("Delivery")).collect();
    assert_eq!(deliveries, ["Delivery 0 250 one", "Delivery 2 452 three"]);
}

/// Behind a chunk that was refused some servers have one reply to the last, some one for each recipient. The client
/// counted on one, and took the others for answers to what it said next.
#[test]
fn in_lmtp_the_last_chunk_leaves_when_all_others_were_taken() {
    let mut config = plain();
    config.lmtp = true;
    let begin = || {
        let mut desk = Desk::new(config.clone(), &["c@d.test", "e@d.test"], &[b'x'; 20]);
        desk.hear("220 mx.test\r\n");
        desk.hear("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
        let said = desk.hear("250 ok\r\n250 ok\r\n250 ok\r\n");
        assert_eq!(said, "BDAT 7\r\nxxxxxxxBDAT 7\r\nxxxxxxx");
        desk
    };
    let mut desk = begin();
    assert_eq!(desk.hear("250 ok\r\n"), "");
    assert_eq!(desk.hear("250 ok\r\n"), "BDAT 8 LAST\r\nxxxxxx\r\n");
    assert_eq!(desk.hear("250 one\r\n250 two\r\n"), "QUIT\r\n");
    let mut desk = begin();
    assert_eq!(desk.hear("250 ok\r\n452 full\r\n"), "RSET\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "QUIT\r\n");
}

// RFC: 5321-4.1.2-9 5321-4.5.3.1.7-3 6531-3.2-4 6531-3.2-6 6531-3.5-1
#[test]
fn what_the_server_cannot_take_is_not_sent() {
    let mut desk = Desk::new(plain(), &["c@d.test"], &[b'x'; 1001]);
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear(OFFER), "QUIT\r\n");
    assert!(desk.heard.contains(&"NotSent the message is bigger than the server takes".into()));
    let mut desk = Desk::new(plain(), &["\u{e9}@d.test"], b"x");
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear(OFFER), "QUIT\r\n");
    let mut desk = Desk::new(plain(), &[], b"x");
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear(OFFER), "QUIT\r\n");
}

/// RFC 8689 §4.2.1: under TLS, with a certificate that was verified, to a server that offers it.
// RFC: 8689-2-1 8689-2-2 8689-2-4 8689-4.2.1-6 8689-4.3-1
#[test]
fn what_requires_tls_goes_to_who_is_vouched_for() {
    for (verified, offer, sent) in
        [(true, "REQUIRETLS", true), (false, "REQUIRETLS", false), (true, "SIZE", false)]
    {
        let mut desk = Desk::new(Config::new("me.test"), &["c@d.test"], b"x");
        let envelope = desk.envelope.take().map(|e| Envelope { requiretls: true, ..e });
        desk.envelope = envelope;
        desk.client.secured(TlsFacts { verified, ..TlsFacts::TEST });
        desk.hear("220 mx.test\r\n");
        let said = desk.hear(&format!("250-mx.test\r\n250 {offer}\r\n"));
        let mail = if offer == "SIZE" { "" } else { "MAIL FROM:<a@b.test> REQUIRETLS\r\n" };
        assert_eq!(said, if sent { mail } else { "QUIT\r\n" }, "{verified} {offer}");
    }
}

// RFC: 5321-3.2-2
#[test]
fn old_servers_hear_helo() {
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.hear("220 mx.test\r\n");
    assert_eq!(desk.hear("502 what\r\n"), "HELO me.test\r\n");
    assert_eq!(desk.hear("250 mx.test\r\n"), "MAIL FROM:<a@b.test>\r\n");
}

// RFC: 3207-4-5 3207-4.2-3 3207-6-1 3207-6-2
#[test]
fn tls_as_the_policy_says() {
    for (policy, offer, reply, said) in [
        (TlsPolicy::Offered, "250 mx\r\n", "", "MAIL FROM:<a@b.test>\r\n"),
        (TlsPolicy::Required, "250 mx\r\n", "", "QUIT\r\n"),
        (TlsPolicy::Required, "502 what\r\n", "", "QUIT\r\n"),
        (TlsPolicy::Required, "250-mx\r\n250 STARTTLS\r\n", "454 no\r\n", "STARTTLS\r\nQUIT\r\n"),
        (
            TlsPolicy::Offered,
            "250-mx\r\n250 STARTTLS\r\n",
            "454 no\r\n",
            "STARTTLS\r\nMAIL FROM:<a@b.test>\r\n",
        ),
        (TlsPolicy::Never, "250-mx\r\n250 STARTTLS\r\n", "", "MAIL FROM:<a@b.test>\r\n"),
    ] {
        let mut config = Config::new("me.test");
        config.tls = policy;
        let mut desk = Desk::new(config, &["c@d.test"], b"x");
        desk.hear("220 mx.test\r\n");
        let mut all = desk.hear(offer);
        all += &desk.hear(reply);
        assert_eq!(all, said, "{policy:?} {offer:?}");
    }
    // Words in clear behind the 220 are an attack.
    let mut desk = Desk::new(Config::new("me.test"), &["c@d.test"], b"x");
    desk.hear("220 mx.test\r\n");
    desk.hear("250-mx\r\n250 STARTTLS\r\n");
    desk.hear("220 go\r\n250 mx\r\n");
    assert_eq!(desk.heard.last().unwrap(), "Ended Injection");
    let mut desk = Desk::new(Config::new("me.test"), &["c@d.test"], b"x");
    desk.hear("220 mx.test\r\n");
    desk.hear("250-mx\r\n250 STARTTLS\r\n");
    desk.hear("220 go\r\n");
    assert_eq!(desk.last, Advance::Secure);
    desk.client.secured(TlsFacts::TEST);
    assert_eq!(desk.hear(""), "EHLO me.test\r\n");
}

// RFC: 5321-4.1.4-17 5321-4.2-13 5321-4.2.1-5
#[test]
fn nonsense_ends_the_session() {
    let long = format!("220-{}\r\n", "x".repeat(70_000));
    for nonsense in
        ["hello\r\n", "220-a\r\n221 b\r\n", "99 a\r\n", "600 a\r\n", "220a\r\n", "\r\n", &long]
    {
        let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
        desk.hear(nonsense);
        assert_eq!(
            desk.heard.last().unwrap(),
            "Ended Violation",
            "{:?}",
            &nonsense[..5.min(nonsense.len())]
        );
    }
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    assert_eq!(desk.hear("554 no\r\n"), "QUIT\r\n");
    assert_eq!(desk.heard[1..], ["GaveUp the server does not want us"]);
    desk.hear("221 bye\r\n");
    assert_eq!(desk.heard[2..], ["Quit 221 bye", "Ended Refused"]);
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.hear("220 mx\r\n");
    desk.hear("421 later\r\n");
    assert_eq!(desk.heard.last().unwrap(), "Ended Refused");
}

#[test]
fn a_server_that_never_stops_asking_is_left() {
    let mut config = plain();
    config.plaintext_auth = true;
    config.mechanisms = vec![Mechanism::Plain];
    config.account = Some(Account::new("user", "pencil").unwrap());
    let mut desk = Desk::new(config, &["c@d.test"], b"x");
    desk.hear("220 mx\r\n");
    desk.hear("250-mx\r\n250 AUTH PLAIN\r\n");
    assert_eq!(desk.hear("334 \r\n"), "*\r\n");
    assert_eq!(desk.hear("334 \r\n"), "");
    assert_eq!(desk.heard.last().unwrap(), "Ended Violation");
}

// RFC: 5321-4.5.3.2-1
#[test]
fn waits_end() {
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.turn();
    assert_eq!(desk.client.deadline(), Some(Instant::ZERO + Duration::from_secs(300)));
    desk.now = Instant::ZERO + Duration::from_secs(300);
    desk.turn();
    assert_eq!(desk.heard, ["Ended Timeout"]);

    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.hear("220 mx\r\n");
    desk.hear("250 mx\r\n");
    desk.hear("250 ok\r\n");
    desk.hear("250 ok\r\n");
    assert_eq!(desk.client.deadline(), Some(Instant::ZERO + Duration::from_secs(120)));
    desk.hear("354 go\r\n");
    assert_eq!(desk.client.deadline(), Some(Instant::ZERO + Duration::from_secs(600)));
    desk.input.end();
    desk.turn();
    assert_eq!(desk.heard.last().unwrap(), "Ended Eof");
}

fn sign_in(password: &str) -> Order {
    let account = Account::new("user", password).unwrap();
    Order::SignIn(Box::new(SignIn { account, nonce: [7; 18] }))
}

#[test]
fn noop_and_sign_in_when_they_are_ordered() {
    let mut config = plain();
    config.plaintext_auth = true;
    let mut desk = Desk::new(config, &["c@d.test"], b"x");
    desk.orders = vec![Order::Noop, sign_in("right"), sign_in("wrong"), Order::Noop];
    desk.hear("220 mx\r\n");
    assert_eq!(desk.hear("250-mx\r\n250 AUTH PLAIN\r\n"), "NOOP\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n");
    // A refusal is not the end, since it was not asked for in the settings.
    assert_eq!(desk.hear("535 5.7.8 no\r\n"), "AUTH PLAIN AHVzZXIAcmlnaHQ=\r\n");
    assert_eq!(desk.hear("235 2.7.0 ok\r\n"), "NOOP\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "MAIL FROM:<a@b.test>\r\n");
    assert_eq!(
        desk.heard[2..],
        [
            "Ready",
            "Noop 250 ok",
            "Ready",
            "SignInFailed 535 5.7.8 no",
            "Ready",
            "SignedIn 235 2.7.0 ok",
            "Ready",
            "Noop 250 ok",
            "Ready",
        ]
    );
}

#[test]
fn a_sign_in_that_cannot_be_is_told_and_nothing_is_said() {
    // PLAIN is offered in clear only, where we do not send passwords.
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.orders = vec![sign_in("right")];
    desk.hear("220 mx\r\n");
    assert_eq!(desk.hear("250-mx\r\n250 AUTH PLAIN\r\n"), "MAIL FROM:<a@b.test>\r\n");
    assert_eq!(desk.heard[3], "NotSent the server offers no way to sign in");
    // A server that says yes without the proof that SCRAM owes is left, ordered or not.
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.orders = vec![sign_in("right")];
    desk.hear("220 mx\r\n");
    desk.hear("250-mx\r\n250 AUTH SCRAM-SHA-256\r\n");
    assert_eq!(desk.hear("235 come in\r\n"), "QUIT\r\n");
    assert_eq!(desk.heard.last().unwrap(), "GaveUp the server could not prove who it is");
    // And 421 ends it here too.
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.orders = vec![Order::Noop];
    desk.hear("220 mx\r\n");
    desk.hear("250 mx\r\n");
    desk.hear("421 later\r\n");
    assert_eq!(desk.heard[3..], ["Noop 421 later", "Ended Refused"]);
}

/// An order to begin an open transaction, with one recipient.
fn open() -> Order {
    let recipient =
        |r: &str| Recipient::from(r.parse::<crate::grammar::address::Address>().unwrap());
    Order::Open(Box::new(Envelope {
        sender: Some("o@b.test".parse().unwrap()),
        recipients: vec![recipient("p@d.test")],
        ..Envelope::default()
    }))
}

fn rcpt(address: &str) -> Step {
    let address: crate::grammar::address::Address = address.parse().unwrap();
    Step::Recipient(Box::new(address.into()))
}

#[test]
fn an_open_transaction_goes_on_as_it_is_told() {
    for chunking in [false, true] {
        let offer =
            if chunking { "250-PIPELINING\r\n250 CHUNKING\r\n" } else { "250 PIPELINING\r\n" };
        let mut desk = Desk::new(plain(), &["c@d.test"], b"x\r\n");
        desk.orders = vec![open()];
        desk.steps = vec![Step::Deliver, rcpt("r@d.test"), rcpt("q@d.test")];
        desk.hear("220 mx\r\n");
        // DATA does not ride along: nobody knows yet whether it is wanted.
        let said = desk.hear(&format!("250-mx\r\n{offer}"));
        assert_eq!(said, "MAIL FROM:<o@b.test>\r\nRCPT TO:<p@d.test>\r\n");
        assert_eq!(desk.hear("250 ok\r\n250 ok\r\n"), "RCPT TO:<q@d.test>\r\n");
        assert_eq!(desk.hear("550 no\r\n"), "RCPT TO:<r@d.test>\r\n");
        let said = desk.hear("250 ok\r\n");
        if chunking {
            assert_eq!(said, "BDAT 3 LAST\r\nx\r\n");
        } else {
            assert_eq!(said, "DATA\r\n");
            assert_eq!(desk.hear("354 go\r\n"), "x\r\n.\r\n");
        }
        assert!(desk.hear("250 taken\r\n").starts_with("MAIL FROM:<a@b.test>"));
        let heard: Vec<_> = desk.heard.iter().skip(2).filter(|e| !e.starts_with("Data")).collect();
        assert_eq!(
            heard,
            [
                "Ready",
                "Sender 250 ok",
                "Recipient 0 250 ok",
                "Open",
                "Recipient 1 550 no",
                "Open",
                "Recipient 2 250 ok",
                "Open",
                "Delivery 250 taken",
                "Finished",
                "Ready",
            ]
        );
    }
}

#[test]
fn an_open_transaction_is_taken_back() {
    // By order, by its refusal, and when it is to be delivered to nobody.
    for (steps, reply) in [
        (vec![Step::Reset], "250 ok\r\n"),
        (vec![], "250 ok\r\n"),
        (vec![Step::Deliver], "550 no\r\n"),
    ] {
        let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
        desk.orders = vec![open()];
        desk.steps = steps;
        desk.hear("220 mx\r\n");
        desk.hear(OFFER);
        assert_eq!(desk.hear(&format!("250 ok\r\n{reply}")), "RSET\r\n");
        assert!(desk.hear("250 ok\r\n").starts_with("MAIL FROM:<a@b.test>"));
        assert_eq!(desk.heard[6..9], ["Reset 250 ok", "Finished", "Ready"], "{:?}", desk.heard);
    }
    // A sender that is refused ends it at once.
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.orders = vec![open()];
    desk.hear("220 mx\r\n");
    desk.hear(OFFER);
    desk.hear("550 no\r\n503 no\r\n");
    assert_eq!(
        desk.heard[2..],
        ["Ready", "Sender 550 no", "Recipient 0 503 no", "Finished", "Ready"]
    );
}

#[test]
fn a_recipient_that_comes_too_late_is_not_told() {
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.orders = vec![open()];
    desk.steps = vec![Step::Reset, rcpt("r@d.test"), rcpt("q@d.test"), rcpt("\u{e9}@d.test")];
    desk.hear("220 mx\r\n");
    desk.hear("250-mx\r\n250-SMTPUTF8\r\n250 LIMITS RCPTMAX=2\r\n");
    desk.hear("250 ok\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "RCPT TO:<q@d.test>\r\n");
    assert_eq!(desk.hear("250 ok\r\n"), "RSET\r\n");
    let unfit: Vec<_> = desk.heard.iter().filter(|e| e.starts_with("NotSent")).collect();
    assert_eq!(unfit.len(), 2, "{unfit:?}");
    assert!(unfit[0].contains("internationalized") && unfit[1].contains("recipient"), "{unfit:?}");
}

#[test]
fn an_open_transaction_is_not_held_for_ever() {
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    desk.hear("220 mx\r\n");
    // Asked, and nobody answers.
    desk.orders = vec![open()];
    desk.hear(OFFER);
    desk.input.push(b"250 ok\r\n250 ok\r\n");
    desk.out.clear();
    for _ in 0..2 {
        assert_eq!(desk.client.advance(desk.now, &mut desk.input, &mut desk.out), Advance::Event);
        let _ = desk.client.event(&desk.input, &mut desk.out);
    }
    assert_eq!(desk.client.advance(desk.now, &mut desk.input, &mut desk.out), Advance::Event);
    let Some(Event::Open(_)) = desk.client.event(&desk.input, &mut desk.out) else { panic!() };
    assert_eq!(desk.client.advance(desk.now, &mut desk.input, &mut desk.out), Advance::Answer);
    let late = desk.client.deadline().unwrap();
    assert_eq!(desk.client.advance(late, &mut desk.input, &mut desk.out), Advance::Read);
    assert_eq!(desk.out, b"RSET\r\n");
}

/// RFC 5321 §4.5.3.2: a time for each command, and each can be set.
// RFC: 5321-4.5.3.2-1 5321-4.5.3.2-2 5321-4.5.3.2-3 5321-4.5.3.2-4
#[test]
fn each_command_has_its_time() {
    let said = [
        ("", 300),
        ("220 mx\r\n", 300),
        ("250-mx\r\n250 CHUNKING\r\n", 300),
        ("250 ok\r\n", 300),
        ("250 ok\r\n", 180),
        ("250 ok\r\n", 600),
    ];
    let plain_said = [
        ("", 300),
        ("220 mx\r\n", 300),
        ("250 mx\r\n", 300),
        ("250 ok\r\n", 300),
        ("250 ok\r\n", 120),
        ("354 go\r\n", 600),
        ("250 ok\r\n", 10),
    ];
    let mut short = plain();
    short.limits = Limits {
        greeting: Duration::from_secs(1),
        mail: Duration::from_secs(2),
        rcpt: Duration::from_secs(3),
        data: Duration::from_secs(4),
        block: Duration::from_secs(5),
        end: Duration::from_secs(6),
        quit: Duration::from_secs(7),
        ..Limits::DEFAULT
    };
    let short_said = plain_said.iter().zip([1, 1, 2, 3, 4, 6, 7]).map(|((text, _), n)| (*text, n));
    for (config, said) in
        [(plain(), said.to_vec()), (plain(), plain_said.to_vec()), (short, short_said.collect())]
    {
        let mut desk = Desk::new(config, &["c@d.test"], b"12345678");
        // Time passes between the replies: each command has its own.
        for (text, seconds) in said {
            desk.now = desk.now + Duration::from_millis(500);
            desk.hear(text);
            assert_eq!(
                desk.client.deadline(),
                Some(desk.now + Duration::from_secs(seconds)),
                "{text:?}"
            );
        }
    }
}

/// RFC 5321 §4.5.3.1.5.
// RFC: 5321-4.5.3.1-1
#[test]
fn a_long_line_is_a_reply() {
    let mut desk = Desk::new(plain(), &["c@d.test"], b"x");
    let line = format!("220 {}\r\n", "x".repeat(512 - 6));
    assert_eq!((line.len(), desk.hear(&line).as_str()), (512, "EHLO me.test\r\n"));
}

/// Both machines, joined by a wire that is cut after every `cut` octets.
struct Wire {
    desk: Desk,
    server: Server,
    input: Input,
    out: Vec<u8>,
    body: Vec<u8>,
    received: Vec<Vec<u8>>,
    recipients: u32,
    /// TLS as the client and as the server see it.
    tls: [TlsFacts; 2],
    /// What somebody on the way takes out of what the server says.
    hidden: &'static str,
}

impl Wire {
    fn new(desk: Desk, config: server::Config) -> Self {
        Self {
            desk,
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            out: Vec::new(),
            body: Vec::new(),
            received: Vec::new(),
            recipients: 0,
            tls: [TlsFacts::TEST; 2],
            hidden: "",
        }
    }

    fn serve(&mut self) -> Advance {
        loop {
            let wanted = self.server.advance(Instant::ZERO, &mut self.input, &mut self.out);
            if wanted != Advance::Event {
                return wanted;
            }
            use server::Event;
            let answered = match self.server.event(&self.input, &mut self.out).unwrap() {
                Event::Connected(ask) => ask.with(Admission::Accept),
                Event::Mail(ask, _) => ask.with(Decision::Accept),
                Event::Recipient(ask, _) => ask.with(Decision::Accept),
                Event::Data(ask, _) => ask.with(Decision::Accept),
                Event::Body(run) => {
                    self.body.extend_from_slice(run.as_bytes());
                    continue;
                }
                Event::BodyEnd(ask, received) => {
                    self.received.push(core::mem::take(&mut self.body));
                    self.recipients = received.recipients;
                    ask.with(Outcome::All(Reply::taken("ok")))
                }
                Event::SignIn(ask, credentials) => {
                    let right = credentials.user().as_bytes() == b"user"
                        && credentials.password().expose() == b"pencil";
                    ask.with(if right { Verdict::Accepted } else { Verdict::Rejected })
                }
                Event::Bearer(ask, token) => {
                    let right = token.user.as_deref() == Some("user")
                        && token.secret().expose().starts_with(b"pencil");
                    let denied = || Grant::Rejected(Box::new(Denial::invalid()));
                    ask.with(if right { Grant::Accepted } else { denied() })
                }
                Event::External(ask, certificate) => {
                    let right = certificate.fingerprint == Fingerprint([1; 32]);
                    ask.with(if right { Verdict::Accepted } else { Verdict::Rejected })
                }
                Event::Lookup(ask, identity) => {
                    let hash = identity.mechanism.hash().unwrap();
                    let verifier = Verifier::derive(hash, Secret::new(b"pencil"), b"salt", 4_096);
                    ask.with(Found::Known(Box::new(Known { verifier, nonce: [1; 18] })))
                }
                _ => continue,
            };
            self.server.settle(answered, &mut self.out).unwrap();
        }
    }

    fn run(&mut self, cut: usize) {
        for _ in 0..100_000 {
            self.desk.turn();
            let served = self.serve();
            if self.desk.last == Advance::Secure && served == Advance::Secure {
                assert!(self.desk.out.is_empty());
                if self.out.is_empty() {
                    self.desk.client.secured(self.tls[0]);
                    self.server.secured(self.tls[1]);
                    continue;
                }
            }
            if self.desk.last == Advance::Closed {
                return;
            }
            if !self.hidden.is_empty() {
                let said = String::from_utf8(self.out.clone()).unwrap();
                self.out = said.replace(self.hidden, "").into_bytes();
            }
            let n = self.out.len().min(cut);
            self.desk.input.push(&self.out[..n]);
            self.out.drain(..n);
            let n = self.desk.out.len().min(cut);
            self.input.push(&self.desk.out[..n]);
            self.desk.out.drain(..n);
        }
        panic!("no end: {:?}", self.desk.heard);
    }
}

/// A wire between a client that signs in, at once or because it is ordered to, and a server that offers everything.
fn signing_in(account: Account, mechanisms: &[Mechanism], ordered: bool) -> Wire {
    let mut config = Config::new("me.test");
    config.tls = TlsPolicy::Required;
    config.account = (!ordered).then(|| account.clone());
    config.mechanisms = mechanisms.to_vec();
    let mut theirs = server::Config::new(Role::Submission, "mx.test");
    theirs.starttls = true;
    theirs.mechanisms = Mechanism::ALL.to_vec();
    let mut desk = Desk::new(config, &["c@d.test"], b"x\r\n");
    let order = || Order::SignIn(Box::new(SignIn { account, nonce: [7; 18] }));
    desk.orders.extend(ordered.then(order));
    Wire::new(desk, theirs)
}

const SHOWN: TlsFacts = TlsFacts { certificate: Some(Fingerprint([1; 32])), ..TlsFacts::TEST };
const OTHER: TlsFacts = TlsFacts { certificate: Some(Fingerprint([2; 32])), ..TlsFacts::TEST };
const OLD: TlsFacts = TlsFacts { exporter: None, ..TlsFacts::TEST };

// RFC: 4954-4-1 4954-4-26 4954-4-27
#[test]
fn every_way_to_sign_in_over_tls() {
    let password = |password: &str| Account::new("user", password).unwrap();
    let token = |token: &str| Account::bearer("user", token).unwrap();
    // So long that no command line holds it: it waits for the server's challenge.
    let long = format!("pencil{}", "x".repeat(3_000));
    let mut cases = vec![
        (Mechanism::External, Account::certificate(), SHOWN, true),
        (Mechanism::External, Account::certificate(), OTHER, false),
        // Not offered without.
        (Mechanism::External, Account::certificate(), TlsFacts::TEST, false),
    ];
    for mechanism in Mechanism::ALL {
        match mechanism {
            Mechanism::External => {}
            Mechanism::OauthBearer | Mechanism::Xoauth2 => {
                cases.push((mechanism, token("pencil"), TlsFacts::TEST, true));
                cases.push((mechanism, token("wrong"), TlsFacts::TEST, false));
                cases.push((mechanism, token(&long), OLD, true));
            }
            _ => {
                cases.push((mechanism, password("pencil"), TlsFacts::TEST, true));
                cases.push((mechanism, password("wrong"), TlsFacts::TEST, false));
                // Below TLS 1.3 there is nothing to bind to, so that it is not offered.
                cases.push((mechanism, password("pencil"), OLD, !mechanism.is_bound()));
            }
        }
    }
    for (mechanism, account, tls, works) in cases {
        for (cut, ordered) in [(1, false), (7, true), (100_000, false), (100_000, true)] {
            let mut wire = signing_in(account.clone(), &[mechanism], ordered);
            wire.tls = [TlsFacts { verified: true, ..tls }, tls];
            wire.run(cut);
            let heard = &wire.desk.heard;
            assert_eq!(wire.received.len(), usize::from(works), "{mechanism} {heard:?}");
        }
    }
}

/// Which mechanism the client chose.
fn chosen(wire: &Wire) -> Option<&str> {
    let tried = wire.desk.heard.iter().find_map(|event| event.strip_prefix("Challenge "));
    tried.or_else(|| wire.desk.heard.iter().find_map(|event| event.strip_prefix("GaveUp ")))
}

#[test]
fn what_binds_to_the_channel_is_preferred() {
    let password = || Account::new("user", "pencil").unwrap();
    let mut wire = signing_in(password(), &Mechanism::ALL, false);
    wire.run(100);
    assert_eq!((chosen(&wire), wire.received.len()), (Some("SCRAM-SHA-256-PLUS"), 1));
    let mut wire = signing_in(password(), &Mechanism::ALL, false);
    wire.tls = [OLD; 2];
    wire.run(100);
    assert_eq!((chosen(&wire), wire.received.len()), (Some("SCRAM-SHA-256"), 1));
    // The client's mechanisms do not bind: it says "n" though it could.
    let mut wire = signing_in(password(), &[Mechanism::ScramSha256], false);
    wire.run(100);
    assert_eq!((chosen(&wire), wire.received.len()), (Some("SCRAM-SHA-256"), 1));
}

/// Somebody ends TLS on the way and starts another: neither a bound sign-in gets through, nor one that is not bound
/// any more because the offer was hidden.
#[test]
fn nobody_on_the_way_gets_a_password_proved() {
    let mallory = TlsFacts { exporter: Some(Exporter::new([b'm'; 32])), ..TlsFacts::TEST };
    for hidden in ["", "SCRAM-SHA-256-PLUS ", "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS "] {
        let mut wire = signing_in(Account::new("user", "pencil").unwrap(), &Mechanism::ALL, false);
        wire.tls = [mallory, TlsFacts::TEST];
        wire.hidden = hidden;
        wire.run(100_000);
        let heard = &wire.desk.heard;
        assert!(wire.received.is_empty(), "{hidden:?} {heard:?}");
        assert!(heard.iter().any(|event| event.starts_with("SignInFailed 53")), "{heard:?}");
    }
}

/// TLS with just anybody: whoever stood between, and offered PLAIN alone, was sent the password.
#[test]
fn nobody_on_the_way_is_sent_a_password() {
    let password = Account::new("user", "pencil").unwrap();
    let token = Account::bearer("user", "pencil").unwrap();
    for mechanism in Mechanism::ALL {
        let account = if password.suits(mechanism) { &password } else { &token };
        if !account.suits(mechanism) {
            continue;
        }
        for (verified, anyway) in [(false, false), (true, false), (false, true)] {
            let mut wire = signing_in(account.clone(), &Mechanism::ALL, false);
            wire.tls = [TlsFacts { verified, ..TlsFacts::TEST }, TlsFacts::TEST];
            let mut config = (*wire.desk.client.config).clone();
            config.plaintext_auth = anyway;
            wire.desk.client.config = Arc::new(config);
            let mut theirs = (**wire.server.config()).clone();
            theirs.mechanisms = vec![mechanism];
            wire.server = Server::new(Arc::new(theirs));
            wire.run(100_000);
            let sent = !mechanism.is_clear() || verified || anyway;
            let heard = &wire.desk.heard;
            assert_eq!(wire.received.len(), usize::from(sent), "{mechanism} {verified} {heard:?}");
            let gave_up = heard.iter().any(|e| e == "GaveUp the server offers no way to sign in");
            assert_eq!(gave_up, !sent, "{mechanism} {verified} {heard:?}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    /// Whatever is sent arrives, in the form that has CR LF at the end of each line.
    // RFC: 5321-4.1.1.4-2 5321-4.5.2-1
    #[test]
    fn what_is_sent_arrives(
        lines in proptest::collection::vec("[.a\u{e9}]{0,6}", 0..12),
        piece in 1usize..40,
        cut in 1usize..60,
        pipelining: bool,
        chunking: bool,
        lmtp: bool,
    ) {
        let mut message = Vec::new();
        for line in &lines {
            message.extend_from_slice(line.as_bytes());
            message.extend_from_slice(b"\r\n");
        }
        let mut config = plain();
        config.pipelining = pipelining;
        config.chunking = chunking;
        config.lmtp = lmtp;
        let role = if lmtp { Role::Lmtp } else { Role::Smtp };
        let mut desk = Desk::new(config, &["c@d.test", "e@d.test"], &message);
        desk.piece = piece;
        let mut wire = Wire::new(desk, server::Config::new(role, "mx.test"));
        wire.run(cut);
        proptest::prop_assert_eq!(&wire.received, &vec![message]);
        proptest::prop_assert_eq!(wire.recipients, 2);
        let deliveries = wire.desk.heard.iter().filter(|e| e.starts_with("Delivery")).count();
        proptest::prop_assert_eq!(deliveries, if lmtp { 2 } else { 1 });
    }

    /// Whatever a server says, the client neither panics nor goes on for ever.
    #[test]
    fn any_server_is_survived(words in "[0-9 \\-A-Z\r\n]{0,200}", good in 0usize..6) {
        let script = ["220 a\r\n", "250-a\r\n250 PIPELINING\r\n", "250 a\r\n", "250 a\r\n", "354 a\r\n"];
        let mut desk = Desk::new(plain(), &["c@d.test"], b"x\r\n");
        for line in script.iter().take(good) {
            desk.hear(line);
        }
        desk.hear(&words);
        desk.input.end();
        desk.turn();
        proptest::prop_assert_eq!(desk.last, Advance::Closed);
        proptest::prop_assert!(desk.heard.last().unwrap().starts_with("Ended"));
    }
}

// RFC: 5321-4.2-2 5321-4.2.1-4
/// RFC 9422 §3.7, §4: what is not well formed says nothing.
// RFC: 9422-3.7-1 9422-3.7-2
#[test]
fn limits_are_read() {
    for (limits, read) in [
        ("RCPTMAX=20 MAILMAX=5", (Some(20), Some(5))),
        ("rcptmax=999999", (Some(999_999), None)),
        ("MAILMAX=5 RCPTMAX=0", (None, Some(5))),
        ("MAILMAX=5 RCPTMAX=020", (None, Some(5))),
        ("MAILMAX=5 RCPTMAX=1000000", (None, Some(5))),
        ("MAILMAX=5 RCPTMAX=many", (None, Some(5))),
        ("MAILMAX=5 RCPTMAX", (None, Some(5))),
        ("MAILMAX=5 FOO BAR_-1=x=y", (None, Some(5))),
        ("MAILMAX=5 RCPTMAX=20;", (None, None)),
        ("MAILMAX=5 RCPT.MAX=20", (None, None)),
        ("MAILMAX=5 =20", (None, None)),
        ("MAILMAX=5 RCPTMAX=", (None, None)),
        ("MAILMAX=5 RCPTMAX=\u{b2}", (None, None)),
        ("", (None, None)),
    ] {
        let raw = format!("250-mx\r\n250 LIMITS {limits}\r\n");
        let offer = Offer::parse(Response::parse(raw.as_bytes()).unwrap());
        assert_eq!((offer.recipients, offer.transactions), read, "{limits:?}");
    }
}

// RFC: 3463-2-4 3463-2-5
#[test]
fn enhanced_codes_are_read() {
    for (raw, code) in [
        ("250 2.1.5 ok\r\n", Some(Enhanced(2, 1, 5))),
        ("550-5.1.1 no\r\n550 5.1.1 such\r\n", Some(Enhanced(5, 1, 1))),
        ("250 5.1.5 ok\r\n", None),
        ("250 2.1 ok\r\n", None),
        ("250 2.1.1234 ok\r\n", None),
        ("550 5.999.999 new\r\n", Some(Enhanced(5, 999, 999))),
        ("451 4.7.999 new\r\n", Some(Enhanced(4, 7, 999))),
        ("250\r\n", None),
    ] {
        let response = Response::parse(raw.as_bytes()).unwrap();
        assert_eq!(response.enhanced(), code, "{raw:?}");
    }
    assert!(Response::parse(b"250-a\r\n").is_none());
    assert!(Response::parse(b"250 a\r\n250 b\r\n").is_none());
    assert_eq!(Response::parse(b"550-a\r\n550 b\r\n").unwrap().to_string(), "550 a b");
}
