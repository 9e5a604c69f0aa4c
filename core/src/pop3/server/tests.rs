//! Sessions, told line by line.

use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::grammar::base64;
use crate::pop3::Uid;
use crate::sasl::{Channel, Found, Hash, Known, Verdict, Verifier};
use crate::text::Secret;

struct Mails(Vec<&'static [u8]>);

impl Maildrop for Mails {
    fn count(&self) -> u32 {
        self.0.len() as u32
    }
    fn size(&self, number: u32) -> u64 {
        self.0[number as usize - 1].len() as u64
    }
    fn uid(&self, number: u32, uid: &mut Uid<'_>) {
        uid.push(format!("id{number}").as_bytes());
    }
}

/// A peer's view of a server whose host answers at once.
struct Talk {
    server: Server,
    input: Input,
    now: Instant,
    mails: Arc<Mails>,
    /// Octets of a piece of a message.
    piece: usize,
    opened: Option<Opened>,
    updated: Updated,
    verdict: Verdict,
    /// How messages are answered, if not with their octets.
    broken: Option<Piece>,
    sent: usize,
    number: u32,
    events: Vec<String>,
}

impl Talk {
    fn with(config: Config) -> Self {
        Self {
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            now: Instant::ZERO,
            mails: Arc::new(Mails(vec![
                b"A: b\r\n\r\n.one\r\ntwo\r\n",
                b"C: d\r\n\r\n",
                b"E: f\r\n\r\nx\r\n",
            ])),
            piece: 5,
            opened: None,
            updated: Updated::Durable,
            verdict: Verdict::Accepted,
            broken: None,
            sent: 0,
            number: 0,
            events: Vec::new(),
        }
    }

    fn new() -> Self {
        Self::with(Config { plaintext_auth: true, starttls: true, ..Config::new("pop.example") })
    }

    fn signed_in() -> Self {
        let mut talk = Self::new();
        assert_eq!(talk.says(""), "+OK pop.example POP3 ready\r\n");
        assert_eq!(
            talk.says("USER alice\r\nPASS geheim\r\n"),
            "+OK Now the password\r\n+OK 3 messages (38 octets)\r\n"
        );
        talk.events.clear();
        talk
    }

    fn answer(&mut self, event: Event<'_>) -> Option<Answered<Pop3>> {
        Some(match event {
            Event::Connected(ask) => ask.with(Admission::Accept),
            Event::SignIn(ask, _) => ask.with(self.verdict),
            Event::Lookup(ask, _) => ask.with(Found::Known(std::boxed::Box::new(Known {
                verifier: Verifier::derive(Hash::Sha256, Secret::new(b"geheim"), b"salt", 4_096),
                nonce: [1; Known::NONCE],
            }))),
            Event::Open(ask) => {
                let ready = Opened::Ready(self.mails.clone());
                ask.with(self.opened.clone().unwrap_or(ready))
            }
            Event::Retr(ask, wanted) | Event::Top(ask, wanted, _) => {
                (self.number, self.sent) = (wanted.number, 0);
                ask.with(self.next_piece())
            }
            Event::More(ask) => ask.with(self.next_piece()),
            Event::Update(ask, _) => ask.with(self.updated),
            _ => return None,
        })
    }

    fn next_piece(&mut self) -> Piece {
        if let Some(broken) = &self.broken {
            return broken.clone();
        }
        let message = self.mails.0[self.number as usize - 1];
        let from = self.sent;
        self.sent = message.len().min(from + self.piece);
        let octets = Bytes::from_static(&message[from..self.sent]);
        if self.sent == message.len() { Piece::Last(octets) } else { Piece::Part(octets) }
    }

    /// Goes on as far as it can; what was said, and what is wanted.
    fn turn(&mut self) -> (String, Advance) {
        let mut out = Vec::new();
        loop {
            let mut input = core::mem::take(&mut self.input);
            let wanted = self.server.advance(self.now, &mut input, &mut out);
            let mut answered = None;
            if wanted == Advance::Event {
                let event = self.server.event(&input, &mut out).expect("an event was promised");
                self.events.push(format!("{event:?}"));
                answered = self.answer(event);
            }
            self.input = input;
            if let Some(answered) = answered {
                self.server.settle(answered, &mut out).unwrap();
            }
            if wanted != Advance::Event {
                return (String::from_utf8(out).unwrap(), wanted);
            }
        }
    }

    fn says(&mut self, text: &str) -> String {
        self.input.push(text.as_bytes());
        self.turn().0
    }
}

fn b64(text: &str) -> String {
    let mut out = Vec::new();
    base64::encode(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_session() {
    let mut talk = Talk::signed_in();
    assert_eq!(talk.says("STAT\r\n"), "+OK 3 38\r\n");
    assert_eq!(talk.says("LIST\r\n"), "+OK 3 messages (38 octets)\r\n1 19\r\n2 8\r\n3 11\r\n.\r\n");
    assert_eq!(talk.says("LIST 2\r\n"), "+OK 2 8\r\n");
    assert_eq!(
        talk.says("UIDL\r\n"),
        "+OK 3 messages (38 octets)\r\n1 id1\r\n2 id2\r\n3 id3\r\n.\r\n"
    );
    assert_eq!(talk.says("uidl 3\r\n"), "+OK 3 id3\r\n");
    assert_eq!(talk.says("RETR 1\r\n"), "+OK 19 octets\r\nA: b\r\n\r\n..one\r\ntwo\r\n.\r\n");
    assert_eq!(talk.says("TOP 1 1\r\n"), "+OK 19 octets\r\nA: b\r\n\r\n..one\r\n.\r\n");
    assert_eq!(talk.says("TOP 1 0\r\n"), "+OK 19 octets\r\nA: b\r\n\r\n.\r\n");
    assert_eq!(talk.says("DELE 1\r\n"), "+OK Marked\r\n");
    // A marked message is none (RFC 1939 §5), and does not count.
    for line in ["DELE 1", "RETR 1", "TOP 1 0", "LIST 1", "UIDL 1", "RETR 0", "RETR 4"] {
        assert_eq!(talk.says(&format!("{line}\r\n")), "-ERR No such message\r\n");
    }
    assert_eq!(talk.says("STAT\r\n"), "+OK 2 19\r\n");
    assert_eq!(talk.says("LIST\r\n"), "+OK 2 messages (19 octets)\r\n2 8\r\n3 11\r\n.\r\n");
    assert_eq!(talk.says("RSET\r\n"), "+OK 3 messages (38 octets)\r\n");
    assert_eq!(talk.says("STAT\r\n"), "+OK 3 38\r\n");
    assert_eq!(talk.says("NOOP\r\nDELE 2\r\nDELE 3\r\nQUIT\r\n").lines().last(), Some("+OK Bye"));
    assert_eq!(talk.events[talk.events.len() - 2..], ["Update [2, 3]", "Ended Quit"]);
}

#[test]
fn quit_says_ok_only_for_what_is_durable() {
    for (updated, reply) in [
        (Updated::Durable, "+OK Bye\r\n"),
        (Updated::Unavailable, "-ERR [SYS/TEMP] Some deleted messages were not removed\r\n"),
        (Updated::Broken, "-ERR [SYS/PERM] Some deleted messages were not removed\r\n"),
    ] {
        let mut talk = Talk::signed_in();
        talk.updated = updated;
        talk.says("DELE 1\r\n");
        assert_eq!(talk.says("QUIT\r\nSTAT\r\n"), reply);
        assert_eq!(talk.turn(), (String::new(), Advance::Closed));
    }
    // Nothing to delete: nothing to ask.
    let mut talk = Talk::signed_in();
    assert_eq!(talk.says("QUIT\r\n"), "+OK Bye\r\n");
    assert_eq!(talk.events, ["Quit", "Ended Quit"]);
}

#[test]
fn marks_are_lost_without_quit() {
    let mut talk = Talk::signed_in();
    talk.says("DELE 1\r\n");
    talk.input.end();
    assert_eq!(talk.turn(), (String::new(), Advance::Closed));
    assert_eq!(talk.events, ["Dele 1", "Ended Eof"]);
}

#[test]
fn pipelined_commands_are_answered_though_the_peer_has_ended() {
    let mut talk = Talk::new();
    talk.input.push(b"USER a\r\nPASS b\r\nSTAT\r\nQUIT\r\n");
    talk.input.end();
    let (said, wanted) = talk.turn();
    assert_eq!(said.lines().last(), Some("+OK Bye"));
    assert_eq!(wanted, Advance::Closed);
}

#[test]
fn wrong_passwords() {
    let mut talk = Talk::new();
    talk.verdict = Verdict::Rejected;
    talk.says("");
    assert_eq!(talk.says("PASS x\r\n"), "-ERR USER first\r\n");
    let refused = "-ERR [AUTH] Wrong name or password\r\n";
    assert_eq!(talk.says("USER a\r\nPASS x\r\n").split_once("\r\n").unwrap().1, refused);
    assert_eq!(talk.says("PASS x\r\n"), "-ERR USER first\r\n");
    assert_eq!(talk.says(&format!("AUTH PLAIN {}\r\n", b64("\0a\0x"))), refused);
    // One that cannot be prepared is a guess as well; the third is the last.
    assert!(talk.says("USER a\r\nPASS \u{7}\r\n").ends_with(refused));
    assert_eq!(talk.events.last().unwrap(), "Ended Errors");
    assert_eq!(talk.turn().1, Advance::Closed);
}

#[test]
fn a_host_that_cannot_say() {
    let mut talk = Talk::new();
    talk.verdict = Verdict::Unavailable;
    talk.says("");
    for _ in 0..9 {
        let said = talk.says(&format!("AUTH PLAIN {}\r\n", b64("\0a\0x")));
        assert_eq!(said, "-ERR [SYS/TEMP] Cannot sign in now\r\n");
    }
    talk.verdict = Verdict::Accepted;
    for (opened, reply) in [
        (Opened::InUse, "-ERR [IN-USE] Another session has the maildrop\r\n"),
        (Opened::Unavailable, "-ERR [SYS/TEMP] The maildrop cannot be opened now\r\n"),
        (Opened::Broken, "-ERR [SYS/PERM] The maildrop cannot be opened\r\n"),
    ] {
        talk.opened = Some(opened);
        assert_eq!(talk.says(&format!("AUTH PLAIN {}\r\n", b64("\0a\0x"))), reply);
    }
    talk.opened = None;
    assert!(talk.says(&format!("AUTH PLAIN {}\r\n", b64("\0a\0x"))).starts_with("+OK 3"));
    for (piece, reply) in [
        (Piece::Broken, "-ERR [SYS/PERM] The message cannot be read\r\n"),
        (Piece::Unavailable, "-ERR [SYS/TEMP] The message cannot be read now\r\n"),
        (Piece::Utf8, "-ERR [UTF8] The message needs UTF-8 mode\r\n"),
    ] {
        talk.broken = Some(piece);
        assert_eq!(talk.says("RETR 1\r\n"), reply);
    }
    talk.broken = None;
    assert!(talk.says("RETR 2\r\n").ends_with("\r\n.\r\n"));
}

#[test]
fn a_message_that_breaks_off_has_no_dot() {
    let mut talk = Talk::signed_in();
    let mut out = Vec::new();
    talk.input.push(b"RETR 1\r\n");
    let mut input = core::mem::take(&mut talk.input);
    assert_eq!(talk.server.advance(talk.now, &mut input, &mut out), Advance::Event);
    let Some(Event::Retr(ask, _)) = talk.server.event(&input, &mut out) else { panic!() };
    talk.server.answer(ask, Piece::Part(Bytes::from_static(b"A: b")), &mut out).unwrap();
    assert_eq!(talk.server.advance(talk.now, &mut input, &mut out), Advance::Event);
    let Some(Event::More(ask)) = talk.server.event(&input, &mut out) else { panic!() };
    talk.server.answer(ask, Piece::Broken, &mut out).unwrap();
    assert_eq!(out, b"+OK 19 octets\r\nA: b");
    assert_eq!(talk.turn(), (String::new(), Advance::Closed));
    assert_eq!(talk.events, ["Ended Closed(Overload)"]);
}

#[test]
fn rfc5034_exchanges() {
    let mut talk = Talk::new();
    talk.says("");
    assert_eq!(talk.says("AUTH PLAIN\r\n"), "+ \r\n");
    assert_eq!(talk.says("*\r\n"), "-ERR Cancelled\r\n");
    assert_eq!(talk.says("AUTH LOGIN\r\n"), format!("+ {}\r\n", b64("Username:")));
    assert_eq!(talk.says("!\r\n"), "-ERR Malformed response\r\n");
    assert_eq!(talk.says("AUTH KERBEROS_V4\r\n"), "-ERR Mechanism not offered\r\n");
    assert_eq!(talk.says("AUTH PLAIN ==\r\n"), "-ERR Malformed response\r\n");
    assert_eq!(talk.says("AUTH LOGIN\r\n"), format!("+ {}\r\n", b64("Username:")));
    assert_eq!(talk.says(&format!("{}\r\n", b64("alice"))), format!("+ {}\r\n", b64("Password:")));
    let said = talk.says(&format!("{}\r\n", b64("geheim")));
    assert_eq!(said, "+OK 3 messages (38 octets)\r\n");
    assert_eq!(
        talk.events,
        [
            "Connected",
            "Auth PLAIN",
            "SignInFailed cancelled",
            "Auth LOGIN",
            "SignInFailed malformed message",
            "Bad \"AUTH\" Mechanism not offered",
            "SignInFailed malformed message",
            "Auth LOGIN",
            "Auth LOGIN",
            "SignIn LOGIN \"alice\" [secret]",
            "Open",
        ]
    );
}

#[test]
fn scram() {
    use crate::sasl::client::{Account, Exchange};
    let mut talk = Talk::new();
    talk.says("");
    let account = Account::new("alice", "geheim").unwrap();
    let channel = Channel::default();
    let mut client =
        Exchange::new(Mechanism::ScramSha256, account, &channel, [2; Exchange::NONCE]).unwrap();
    let mut line = Vec::new();
    base64::encode(&client.initial().unwrap(), &mut line);
    let mut said =
        talk.says(&format!("AUTH SCRAM-SHA-256 {}\r\n", String::from_utf8(line).unwrap()));
    for _ in 0..2 {
        let challenge = said.strip_prefix("+ ").unwrap().trim_end().as_bytes().to_vec();
        let mut line = Vec::new();
        client.respond(&challenge, &mut line).unwrap();
        line.extend_from_slice(b"\r\n");
        said = talk.says(core::str::from_utf8(&line).unwrap());
    }
    assert!(client.is_satisfied());
    assert_eq!(said, "+OK 3 messages (38 octets)\r\n");
    assert_eq!(
        talk.events[1..],
        ["Lookup SCRAM-SHA-256 \"alice\"", "Auth SCRAM-SHA-256", "SignedIn \"alice\"", "Open",]
    );
}

#[test]
fn no_mechanism_comes_before_tls_where_none_may() {
    let config = Config { starttls: true, auth_before_tls: false, ..Config::new("pop.example") };
    let mut talk = Talk::with(config);
    talk.says("");
    assert!(!talk.says("CAPA\r\n").contains("SASL"));
    assert_eq!(talk.says("AUTH SCRAM-SHA-256\r\n"), "-ERR Only under TLS\r\n");
    talk.says("STLS\r\n");
    assert_eq!(talk.turn().1, Advance::Secure);
    talk.server.secured(TlsFacts::TEST);
    assert!(
        talk.says("CAPA\r\n").contains("SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n")
    );
}

#[test]
fn tls_comes_first_where_it_must() {
    let mut talk = Talk::with(Config { starttls: true, ..Config::new("pop.example") });
    talk.says("");
    let capa = talk.says("CAPA\r\n");
    assert!(capa.contains("\r\nSTLS\r\n") && capa.contains("\r\nSASL SCRAM-SHA-256\r\n"), "{capa}");
    assert!(!capa.contains("USER\r\n") || capa.contains("UTF8 USER\r\n"));
    assert!(!capa.contains("\r\nUSER\r\n"));
    assert_eq!(talk.says("USER a\r\n"), "-ERR Only under TLS\r\n");
    assert_eq!(talk.says("AUTH PLAIN\r\n"), "-ERR Only under TLS\r\n");
    assert_eq!(talk.says("STLS\r\n"), "+OK Begin TLS\r\n");
    assert_eq!(talk.turn().1, Advance::Secure);
    talk.server.secured(TlsFacts::TEST);
    let capa = talk.says("CAPA\r\n");
    assert!(
        !capa.contains("STLS")
            && capa.contains("SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n"),
        "{capa}"
    );
    assert!(capa.contains("\r\nUSER\r\n"));
    assert_eq!(talk.says("STLS\r\n"), "-ERR TLS is up already\r\n");
    assert!(talk.says("USER a\r\n").starts_with("+OK"));
    assert_eq!(talk.events[3..6], ["Bad \"AUTH\" Only under TLS", "Stls", "Secured TLSv1.3"]);
}

#[test]
fn what_was_said_before_tls_is_forgotten() {
    let mut talk = Talk::new();
    talk.says("USER mallory\r\nSTLS\r\n");
    talk.server.secured(TlsFacts::TEST);
    assert_eq!(talk.says("PASS x\r\n"), "-ERR USER first\r\n");
    // RFC 6856 §2.1.
    let mut talk = Talk::new();
    talk.says("UTF8\r\n");
    assert_eq!(talk.says("STLS\r\n"), "-ERR Not after UTF8\r\n");
}

#[test]
fn plaintext_behind_stls_ends_the_session() {
    for late in [false, true] {
        let mut talk = Talk::new();
        let mut said = talk.says(if late { "STLS\r\n" } else { "STLS\r\nCAPA\r\n" });
        if late {
            said += &talk.says("CAPA\r\n");
        }
        assert_eq!(said, "+OK pop.example POP3 ready\r\n+OK Begin TLS\r\n");
        assert_eq!(talk.events, ["Connected", "Stls", "Ended Injection"]);
        assert_eq!(talk.turn().1, Advance::Closed);
    }
}

#[test]
fn capabilities() {
    let mut talk = Talk::signed_in();
    assert_eq!(
        talk.says("CAPA\r\n").lines().collect::<Vec<_>>(),
        [
            "+OK Capabilities follow",
            "TOP",
            "UIDL",
            "PIPELINING",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "EXPIRE NEVER",
            "UTF8 USER",
            "LANG",
            "USER",
            "SASL SCRAM-SHA-256 PLAIN LOGIN",
            "IMPLEMENTATION Posthaste",
            "."
        ]
    );
    assert_eq!(talk.says("LANG\r\n"), "+OK Languages follow\r\nen English\r\n.\r\n");
    assert_eq!(talk.says("LANG EN\r\n"), "+OK en English it is\r\n");
    assert_eq!(talk.says("LANG *\r\n"), "+OK en English it is\r\n");
    assert_eq!(talk.says("LANG de\r\n"), "-ERR No such language\r\n");
}

#[test]
fn utf8_mode_is_told() {
    let mut talk = Talk::new();
    assert!(talk.says("UTF8\r\n").ends_with("+OK UTF-8 it is\r\n"));
    talk.says("USER j\u{f6}rg\r\nPASS stra\u{df}e\r\nRETR 2\r\n");
    assert_eq!(talk.events[2..5], ["User \"jörg\"", "SignIn \"jörg\" [secret]", "Open"]);
    assert!(talk.events.contains(&"Retr 2 utf8".to_string()));
    let mut talk = Talk::new();
    talk.input.push(b"USER \xff\r\nPASS x\r\n");
    assert!(talk.turn().0.ends_with("-ERR [AUTH] Wrong name or password\r\n"));
}

#[test]
fn commands_have_their_state() {
    let mut talk = Talk::new();
    talk.says("");
    let before = ["STAT", "LIST", "UIDL", "RETR 1", "TOP 1 1", "DELE 1", "RSET", "NOOP"];
    for line in before {
        assert_eq!(talk.says(&format!("{line}\r\n")), "-ERR Sign in first\r\n");
    }
    let mut talk = Talk::signed_in();
    for line in ["USER a", "PASS a", "AUTH PLAIN", "STLS", "UTF8"] {
        assert_eq!(talk.says(&format!("{line}\r\n")), "-ERR Only before sign-in\r\n");
    }
    assert_eq!(talk.says("APOP a b\r\n"), "-ERR Unknown command\r\n");
    assert_eq!(talk.says("RETR\r\n"), "-ERR Wrong arguments\r\n");
    assert_eq!(talk.says("NO\nOP\r\n"), "-ERR Line holds CR, LF or NUL\r\n");
}

#[test]
fn errors_are_counted() {
    let mut talk = Talk::new();
    talk.says("");
    for _ in 0..20 {
        assert_eq!(talk.says("XTND\r\n"), "-ERR Unknown command\r\n");
    }
    assert_eq!(talk.says("XTND\r\nNOOP\r\n"), "-ERR Unknown command\r\n-ERR Too many errors\r\n");
    assert_eq!(talk.events.last().unwrap(), "Ended Errors");
}

/// The host has no time to check a password: nobody's guess, but who goes on asking is sent away like anybody who fails.
#[test]
fn a_sign_in_that_cannot_be_checked_is_an_error() {
    let mut talk = Talk::new();
    talk.verdict = Verdict::Unavailable;
    talk.says("");
    let ask = format!("AUTH PLAIN {}\r\n", b64("\0a\0x"));
    let no = "-ERR [SYS/TEMP] Cannot sign in now\r\n";
    assert_eq!(talk.says(&ask.repeat(20)), no.repeat(20));
    assert_eq!(talk.says(&ask), format!("{no}-ERR Too many errors\r\n"));
    assert_eq!(talk.events.last().unwrap(), "Ended Errors");
}

/// A line that is too long is passed by up to its end, but not for longer than a mebibyte.
#[test]
fn a_line_without_an_end_ends_the_session() {
    for (length, ends) in [(1 << 20, false), ((1 << 20) + 1, true), (3 << 20, true)] {
        for cut in [usize::MAX, 1_000, 65_536] {
            let mut talk = Talk::new();
            talk.says("");
            let line = format!("USER {}\r\n", "x".repeat(length - 7));
            let mut said = String::new();
            for part in line.as_bytes().chunks(cut) {
                said += &talk.says(core::str::from_utf8(part).unwrap());
            }
            let over = talk.events.last().is_some_and(|event| event == "Ended Errors");
            let reply = if ends { "" } else { "-ERR Line too long\r\n" };
            assert_eq!((said.as_str(), over), (reply, ends), "{length} {cut}");
        }
    }
}

#[test]
fn lines_at_the_limit() {
    for (length, fits) in [(511, true), (512, true), (513, false), (5_000, false)] {
        for cut in [usize::MAX, 1, 500] {
            let mut talk = Talk::new();
            talk.says("");
            let line = format!("USER {}\r\n", "x".repeat(length - 7));
            let mut said = String::new();
            for part in line.as_bytes().chunks(cut) {
                said += &talk.says(core::str::from_utf8(part).unwrap());
                assert!(talk.input.len() <= 512, "nothing is kept");
            }
            let reply = if fits { "+OK Now the password\r\n" } else { "-ERR Line too long\r\n" };
            assert_eq!(said, reply, "{length} {cut}");
            assert!(talk.says("QUIT\r\n").starts_with("+OK"));
        }
    }
    // An exchange has a limit of its own.
    for (length, reply) in [
        (sasl::LINE, "-ERR Malformed response\r\n"),
        (sasl::LINE + 1, "-ERR Malformed response\r\n"),
        (4_000, "+ UGFzc3dvcmQ6\r\n"),
    ] {
        let mut talk = Talk::new();
        talk.says("AUTH LOGIN\r\n");
        let line = format!("{}\r\n", "x".repeat(length - 2).replace("xxxx", "YWJj"));
        let line = if length == 4_000 { format!("{}\r\n", "YWJj".repeat(999)) } else { line };
        assert_eq!(talk.says(&line), reply);
    }
}

#[test]
fn waits_run_out() {
    let idle = Limits::DEFAULT.idle;
    let mut talk = Talk::signed_in();
    assert_eq!(talk.server.deadline(), Some(talk.now + idle));
    talk.now = talk.now + idle / 2;
    // Half a line is no command.
    talk.says("NOO");
    assert_eq!(talk.server.deadline(), Some(Instant::ZERO + idle));
    talk.says("P\r\n");
    assert_eq!(talk.server.deadline(), Some(talk.now + idle));
    talk.now = talk.now + idle;
    assert_eq!(talk.turn(), (String::new(), Advance::Closed));
    assert_eq!(talk.events, ["Noop", "Ended Timeout"]);
    assert_eq!(talk.server.deadline(), None);
}

#[test]
fn a_question_that_nobody_answers_is_refused() {
    let mut server = Server::new(Arc::new(Config::new("pop.example")));
    let (mut input, mut out) = (Input::new(), Vec::new());
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Event);
    let Some(Event::Connected(ask)) = server.event(&input, &mut out) else { panic!() };
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Answer);
    let due = server.deadline().unwrap();
    assert_eq!(due, Instant::ZERO + Limits::DEFAULT.answer_wait);
    assert_eq!(server.advance(due, &mut input, &mut out), Advance::Event);
    assert_eq!(out, b"-ERR [SYS/TEMP] Too busy, try again later\r\n");
    assert_eq!(server.answer(ask, Admission::Accept, &mut out), Err(Stale));
    assert!(matches!(server.event(&input, &mut out), Some(Event::Ended(End::Refused))));
    assert_eq!(server.advance(due, &mut input, &mut out), Advance::Closed);
}

#[test]
fn closing() {
    for (why, said) in [
        (Reason::Shutdown, "-ERR [SYS/TEMP] Shutting down\r\n"),
        (Reason::Overload, "-ERR [SYS/TEMP] Too busy\r\n"),
        (Reason::Account, "-ERR The session was ended by its administrator\r\n"),
        (Reason::Abuse, "-ERR Enough\r\n"),
        (Reason::Crowd, "-ERR [SYS/TEMP] Too many connections from your network\r\n"),
        (Reason::Haste, "-ERR [SYS/TEMP] You connect too often\r\n"),
        (Reason::Lost, ""),
    ] {
        let mut talk = Talk::signed_in();
        talk.says("DELE 1\r\n");
        let mut out = Vec::new();
        talk.server.close(why, &mut out);
        talk.server.close(Reason::Lost, &mut out);
        assert_eq!(out, said.as_bytes());
        assert_eq!(talk.turn(), (String::new(), Advance::Closed));
        assert_eq!(talk.events, ["Dele 1".to_string(), format!("Ended Closed({why:?})")]);
    }
}

#[test]
fn a_long_listing_waits_for_its_reader() {
    let mut talk = Talk::new();
    talk.mails = Arc::new(Mails(vec![b"\r\n"; 50_000]));
    talk.says("USER a\r\nPASS b\r\n");
    talk.input.push(b"UIDL\r\nSTAT\r\n");
    let mut said = String::new();
    loop {
        let (now, wanted) = talk.turn();
        assert!(now.len() <= OUTPUT_HIGH + 100, "{}", now.len());
        said += &now;
        match wanted {
            Advance::Flush => {}
            Advance::Read => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said.lines().count(), 50_003);
    assert!(said.ends_with("\r\n50000 id50000\r\n.\r\n+OK 50000 100000\r\n"));
}

#[test]
fn a_slow_reader_is_not_asked_for_more() {
    let mut talk = Talk::signed_in();
    let message: &'static [u8] = std::boxed::Box::leak(b"line\r\n".repeat(100_000).into());
    talk.mails = Arc::new(Mails(vec![message]));
    talk.server = Server::new(talk.server.config.clone());
    talk.says("USER a\r\nPASS b\r\n");
    talk.piece = 30_000;
    talk.input.push(b"RETR 1\r\n");
    let (said, wanted) = talk.turn();
    assert_eq!(wanted, Advance::Flush);
    assert!(said.len() < OUTPUT_HIGH + 30_000 && talk.sent <= 120_000, "{}", talk.sent);
}
