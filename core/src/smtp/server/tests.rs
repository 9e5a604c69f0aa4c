use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::event::*;
use super::*;
use crate::machine::{Advance, Input, Instant, Machine, Reason, TlsFacts};
use crate::sasl::{Mechanism, Verdict};
use crate::smtp::Smtp;
use crate::smtp::reply::{Enhanced, Reply};
use alloc::sync::Arc;
use core::time::Duration;

/// A session whose handler says yes to everything, but to names with `no` in them.
struct Desk {
    server: Server,
    input: Input,
    now: Instant,
    out: Vec<u8>,
    /// Events, body runs joined.
    heard: Vec<String>,
    body: Vec<u8>,
    last: Advance,
    wants_data: bool,
}

impl Desk {
    fn new(config: Config) -> Self {
        let mut desk = Self {
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            now: Instant::ZERO,
            out: Vec::new(),
            heard: Vec::new(),
            body: Vec::new(),
            last: Advance::Read,
            wants_data: true,
        };
        desk.turn();
        desk
    }

    fn smtp() -> Self {
        Self::new(Config::new(Role::Smtp, "mx.test"))
    }

    fn answer(event: &Event<'_>) -> bool {
        !format!("{event:?}").contains("no@")
    }

    fn turn(&mut self) {
        loop {
            self.last = self.server.advance(self.now, &mut self.input, &mut self.out);
            if self.last != Advance::Event {
                return;
            }
            let event = self.server.event(&self.input, &mut self.out).expect("it said Event");
            let yes = Self::answer(&event);
            if let Event::Body(run) = event {
                self.body.extend_from_slice(run.as_bytes());
            } else {
                self.heard.push(format!("{event:?}"));
            }
            let decision = || {
                if yes {
                    Decision::Accept
                } else {
                    Decision::Refuse(Reply::new(550, Enhanced(5, 1, 1), "no"))
                }
            };
            let answered = match event {
                Event::Connected(ask) | Event::XClient(ask, _) => ask.with(Admission::Accept),
                Event::Mail(ask, from) if from.path.to_string() == "<later@b>" => {
                    ask.with(Decision::Refuse(Reply::new(450, Enhanced(4, 2, 0), "not now")))
                }
                Event::Mail(ask, _) => ask.with(decision()),
                Event::Recipient(ask, to) if to.path.to_string() == "<later@b>" => {
                    ask.with(Decision::Refuse(Reply::new(450, Enhanced(4, 2, 0), "not now")))
                }
                Event::Recipient(ask, _) => ask.with(decision()),
                Event::Data(ask, _) => ask.with(if self.wants_data {
                    Decision::Accept
                } else {
                    Decision::Refuse(Reply::new(450, Enhanced(4, 2, 0), "not now"))
                }),
                Event::BodyEnd(ask, _) => ask.with(Outcome::All(Reply::taken("taken"))),
                Event::SignIn(ask, credentials) => {
                    ask.with(if credentials.user().as_bytes() == b"tim" {
                        Verdict::Accepted
                    } else {
                        Verdict::Rejected
                    })
                }
                Event::Expand(ask, _) => ask.refused(),
                Event::Verify(ask, _) => ask.refused(),
                Event::Lookup(ask, _) => ask.refused(),
                _ => continue,
            };
            self.server.settle(answered, &mut self.out).expect("the question is open");
        }
    }

    /// Sends, and returns what was said.
    fn say(&mut self, text: impl AsRef<[u8]>) -> String {
        self.out.clear();
        self.input.push(text.as_ref());
        self.turn();
        String::from_utf8(core::mem::take(&mut self.out)).expect("replies are ASCII")
    }

    /// Sends lines and returns the codes of the replies.
    fn codes(&mut self, text: &str) -> Vec<u16> {
        let said = self.say(text);
        said.lines()
            .filter(|l| l.as_bytes().get(3) == Some(&b' '))
            .map(|l| l[..3].parse().unwrap())
            .collect()
    }

    fn wait(&mut self, time: Duration) -> String {
        self.out.clear();
        self.now = self.now + time;
        self.turn();
        String::from_utf8(core::mem::take(&mut self.out)).unwrap()
    }
}

const MESSAGE: &str = "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n";

// RFC: 5321-4.3.1-4 5321-4.3.2-4
#[test]
fn a_message_arrives() {
    let mut desk = Desk::smtp();
    assert_eq!(String::from_utf8_lossy(&desk.out), "220 mx.test ESMTP Posthaste\r\n");
    assert_eq!(desk.codes(MESSAGE), [250, 250, 250, 354]);
    assert_eq!(desk.say("Subject: x\r\n\r\n..dot\r\n.\r\n"), "250 2.0.0 taken\r\n");
    assert_eq!(desk.body, b"Subject: x\r\n\r\n.dot\r\n");
    assert_eq!(desk.say("QUIT\r\n"), "221 2.0.0 Goodbye\r\n");
    assert_eq!(desk.last, Advance::Closed);
    assert_eq!(
        desk.heard,
        [
            "Connected",
            "Hello EHLO \"a.test\"",
            "Mail <a@b.test>",
            "Recipient <c@d.test>",
            "Data lines",
            "BodyEnd 20",
            "Quit",
            "Ended Quit",
        ]
    );
}

// RFC: 3207-4.2-6 6531-3.1-1 6531-3.1-4
#[test]
fn the_offer_follows_the_settings() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.starttls = true;
    config.mechanisms = Mechanism::PASSWORD.to_vec();
    config.dsn = true;
    let mut desk = Desk::new(config);
    assert_eq!(
        desk.say("EHLO a\r\n"),
        "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-STARTTLS\r\n\
         250-AUTH SCRAM-SHA-256\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n\
         250-HELP\r\n250-LIMITS MAILMAX=1000 RCPTMAX=1000\r\n250 ENHANCEDSTATUSCODES\r\n"
    );
    assert_eq!(desk.say("STARTTLS\r\n"), "220 2.0.0 Ready to start TLS\r\n");
    assert_eq!(desk.last, Advance::Secure);
    desk.server.secured(TlsFacts::TEST);
    let offer = desk.say("EHLO a\r\n");
    assert!(offer.contains("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n"), "{offer}");
    assert!(!offer.contains("STARTTLS"), "{offer}");
    assert_eq!(desk.heard[2..4], ["StartTls", "Secured TLSv1.3"]);
}

/// RFC 5321 §4.1.4 and the table in the module's documentation.
// RFC: 3030-2-9 5321-3.3-7 5321-3.3-13 5321-3.5.3-1 5321-3.5.3-2 5321-3.5.3-4 5321-4.1.1.1-4
// RFC: 5321-4.1.1.8-1 5321-4.1.4-1 5321-4.1.4-2 5321-4.1.4-3 5321-4.1.4-4 5321-4.1.4-8
// RFC: 5321-4.1.4-9 5321-4.1.4-11 5321-4.1.4-14 5321-4.2-1 5321-4.2-3 5321-4.2.4-1 5321-4.2.4-2
// RFC: 5321-4.3.1-3 5321-4.3.2-5 5321-4.5.1-1
#[test]
fn the_order_of_commands() {
    let table = [
        ("", "MAIL FROM:<a@b>", 503),
        ("", "RCPT TO:<a@b>", 503),
        ("", "DATA", 503),
        ("", "BDAT 0 LAST", 503),
        ("", "NOOP", 250),
        ("", "HELP", 214),
        ("", "VRFY a", 252),
        ("", "RSET", 250),
        ("EHLO a", "RCPT TO:<a@b>", 503),
        ("EHLO a", "DATA", 503),
        ("EHLO a|MAIL FROM:<a@b>", "MAIL FROM:<a@b>", 503),
        ("EHLO a|MAIL FROM:<a@b>", "DATA", 503),
        ("EHLO a|MAIL FROM:<a@b>", "BDAT 0 LAST", 503),
        ("EHLO a|MAIL FROM:<a@b>|EHLO a", "RCPT TO:<a@b>", 503),
        ("EHLO a|MAIL FROM:<a@b>|RSET", "RCPT TO:<a@b>", 503),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>", "DATA", 354),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>", "DATA x", 501),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<no@b>", "DATA", 503),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>|BDAT 0", "DATA", 503),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>|BDAT 0", "RCPT TO:<c@b>", 503),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>|BDAT 0", "MAIL FROM:<c@b>", 503),
        ("EHLO a|MAIL FROM:<a@b>|RCPT TO:<a@b>|BDAT 0", "BDAT 0 LAST", 250),
        ("EHLO a|MAIL FROM:<no@b>", "RCPT TO:<a@b>", 503),
        ("HELO a", "MAIL FROM:<a@b>", 250),
        ("", "LHLO a", 500),
        ("", "EHLO", 501),
        ("", "EHLO a b", 501),
        ("", "EHLO a(b", 501),
        ("", "EHLO a\tb", 501),
        ("", "EHLO a\u{85}b", 501),
        ("", "EHLO [192.0.2.1]", 250),
        ("", "EHLO _odd-name's.host", 250),
        ("", "STARTTLS", 502),
        ("", "AUTH PLAIN", 502),
        ("", "EXPN a", 502),
        ("", "VRFY", 501),
        ("", "RSET x", 501),
        ("", "QUIT x", 501),
        ("", "FOO", 500),
        ("", "", 500),
    ];
    for (before, command, code) in table {
        let mut desk = Desk::smtp();
        for line in before.split('|').filter(|l| !l.is_empty()) {
            desk.say(format!("{line}\r\n"));
        }
        assert_eq!(desk.codes(&format!("{command}\r\n")), [code], "{before:?} then {command:?}");
    }
}

// RFC: 3461-4.3-1 3461-4.4-1 3461-4.4-2 3461-4.5-1 3461-4.5-2 3461-5.1-1 3461-5.1-2 3461-5.1-3
// RFC: 5321-3.3-1 5321-4.1.1-2 5321-4.1.1.3-2 5321-4.1.2-1 5321-4.1.2-11 5321-4.1.4-12 6409-5.1-1
#[test]
fn mail_says_what_is_wrong() {
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.dsn = true;
    config.limits.message_size = 1000;
    let table = [
        ("FROM:<>", "250 2.1.0 Sender ok"),
        ("from: <a@b>", "250 2.1.0 Sender ok"),
        ("FROM:<@x,@y:a@b>", "250 2.1.0 Sender ok"),
        ("FROM:<\"a b\"@[192.0.2.1]>", "250 2.1.0 Sender ok"),
        ("FROM:<\"a>b\"@[IPv6:2001:db8::1]>", "250 2.1.0 Sender ok"),
        ("FROM:<a@b> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=x+2By", "250 2.1.0 Sender ok"),
        ("FROM:<\u{e9}@b\u{fc}cher.test> SMTPUTF8", "250 2.1.0 Sender ok"),
        ("", "501 5.5.4 MAIL wants FROM:<address>"),
        ("TO:<a@b>", "501 5.5.4 MAIL wants FROM:<address>"),
        ("FROM:a@b", "501 5.1.7 The address wants angle brackets around it"),
        ("FROM:<a@b", "501 5.1.7 The address wants angle brackets around it"),
        ("FROM:<a>", "501 5.1.7 The address has no domain"),
        ("FROM:<a b@c>", "501 5.1.7 The part before the @ is not well formed"),
        ("FROM:<a@-b>", "501 5.1.7 The part behind the @ is not a domain"),
        ("FROM:<@x:>", "501 5.1.7 The part before the @ is not well formed"),
        ("FROM:<@x>", "501 5.1.7 The source route is not well formed"),
        ("FROM:<a@b>SIZE=1", "501 5.5.4 There is something right behind the address"),
        ("FROM:<a@b> SIZE=1001", "552 5.3.4 The message is too big"),
        ("FROM:<a@b> SIZE=x", "501 5.5.4 SIZE wants a number"),
        ("FROM:<a@b> SIZE=1 SIZE=1", "501 5.5.4 There is a parameter twice"),
        ("FROM:<a@b> BODY=BINARYMIME", "501 5.5.4 BODY wants 7BIT or 8BITMIME"),
        ("FROM:<a@b> FOO=1", "555 5.5.4 There is a parameter that is not known here"),
        ("FROM:<a@b> AUTH=<>", "555 5.5.4 There is a parameter that is not known here"),
        ("FROM:<a@b> RET=ALL", "501 5.5.4 RET wants FULL or HDRS"),
        ("FROM:<a@b> ENVID=+E9", "501 5.5.4 ENVID wants at most 100 octets of xtext"),
        ("FROM:<a@b> ENVID", "501 5.5.4 ENVID wants at most 100 octets of xtext"),
        ("FROM:<a@b> RET", "501 5.5.4 RET wants FULL or HDRS"),
        ("FROM:<a@b> RET=FULL RET=FULL", "501 5.5.4 There is a parameter twice"),
        ("FROM:<a@b> ENVID=x ENVID=x", "501 5.5.4 There is a parameter twice"),
        ("FROM:<a@b> BODY=7BIT BODY=7BIT", "501 5.5.4 There is a parameter twice"),
        ("FROM:<a@b> ENVID=+2", "501 5.5.4 ENVID wants at most 100 octets of xtext"),
        ("FROM:<\u{e9}@b>", "550 5.6.7 The address wants SMTPUTF8, which MAIL did not say"),
    ];
    for (args, reply) in table {
        let mut desk = Desk::new(config.clone());
        desk.say("EHLO a\r\n");
        assert_eq!(desk.say(format!("MAIL {args}\r\n")), format!("{reply}\r\n"), "{args:?}");
    }
}

// RFC: 3461-4.1-1 3461-4.1-2 3461-4.2-1 3461-4.2-5 3461-4.5-3 3461-4.5-4 3461-5.1-4 3461-5.1-5
// RFC: 3461-5.1-6 5321-3.3-1 5321-4.5.1-3 6409-5.1-1
#[test]
fn rcpt_says_what_is_wrong() {
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.dsn = true;
    let table = [
        ("TO:<postmaster>", "250 2.1.5 Recipient ok"),
        ("TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c", "250 2.1.5 Recipient ok"),
        ("TO:<a@b> NOTIFY=NEVER", "250 2.1.5 Recipient ok"),
        ("TO:<a@b> NOTIFY=NEVER,DELAY", "501 5.5.4 NOTIFY wants NEVER, or SUCCESS, FAILURE, DELAY"),
        ("TO:<a@b> NOTIFY", "501 5.5.4 NOTIFY wants NEVER, or SUCCESS, FAILURE, DELAY"),
        ("TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4 There is a parameter twice"),
        ("TO:<a@b> ORCPT=rfc822;a ORCPT=rfc822;a", "501 5.5.4 There is a parameter twice"),
        ("TO:<a@b> ORCPT", "501 5.5.4 ORCPT wants a kind, a semicolon and xtext"),
        ("TO:<a@b> ORCPT=rfc822;+E9@b", "501 5.5.4 ORCPT wants a kind, a semicolon and xtext"),
        ("TO:<a@b> ORCPT=a", "501 5.5.4 ORCPT wants a kind, a semicolon and xtext"),
        ("TO:<a@b> SIZE=1", "555 5.5.4 There is a parameter that is not known here"),
        ("TO:<>", "501 5.1.3 The part before the @ is not well formed"),
        ("TO:<\u{e9}@b>", "553 5.6.7 The address wants SMTPUTF8, which MAIL did not say"),
        ("TO:<no@b>", "550 5.1.1 no"),
    ];
    for (args, reply) in table {
        let mut desk = Desk::new(config.clone());
        desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\n");
        assert_eq!(desk.say(format!("RCPT {args}\r\n")), format!("{reply}\r\n"), "{args:?}");
    }
}

// RFC: 4954-4-2 4954-4-6 4954-4-24 4954-6-7 4954-9-2 4954-9-3
#[test]
fn sign_in() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = Mechanism::ALL.to_vec();
    let mut desk = Desk::new(config.clone());
    assert_eq!(desk.codes("AUTH PLAIN\r\n"), [503]);
    desk.say("EHLO a\r\n");
    assert_eq!(desk.say("MAIL FROM:<a@b>\r\n"), "530 5.7.0 Sign in first\r\n");
    assert_eq!(desk.codes("AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n"), [538]);
    assert_eq!(
        desk.heard.last().unwrap(),
        "Bad \"AUTH PLAIN\" 538 This mechanism wants TLS: say STARTTLS first"
    );
    config.auth_before_tls = false;
    let mut desk = Desk::new(config.clone());
    assert!(!desk.say("EHLO a\r\n").contains("AUTH"));
    assert_eq!(desk.codes("AUTH SCRAM-SHA-256\r\n"), [538]);
    config.plaintext_auth = true;
    let mut desk = Desk::new(config.clone());
    desk.say("EHLO a\r\n");
    assert_eq!(desk.codes("AUTH FOO\r\n"), [504]);
    assert_eq!(desk.codes("AUTH\r\n"), [501]);
    assert_eq!(desk.say("AUTH PLAIN\r\n"), "334 \r\n");
    assert_eq!(desk.say("*\r\n"), "501 5.7.0 The sign-in was cancelled\r\n");
    assert_eq!(desk.say("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n");
    assert_eq!(desk.say("dGlt\r\n"), "334 UGFzc3dvcmQ6\r\n");
    assert_eq!(desk.say("dGFuc3RhYWY=\r\n"), "235 2.7.0 Welcome\r\n");
    assert_eq!(desk.codes("AUTH PLAIN\r\nMAIL FROM:<a@b> AUTH=<>\r\n"), [503, 250]);
    for event in &desk.heard {
        assert!(!event.contains("dGFuc3RhYWY") && !event.contains("tanstaaf"), "{event}");
    }

    let mut desk = Desk::new(config);
    desk.say("EHLO a\r\n");
    let wrong = "AUTH PLAIN AHg=\r\nAUTH PLAIN AHgAeA==\r\n";
    assert_eq!(desk.codes(wrong), [501, 535]);
    assert_eq!(desk.codes(wrong), [501, 535]);
    assert_eq!(desk.codes("AUTH PLAIN AHgAeA==\r\nNOOP\r\n"), [535, 421]);
    assert_eq!(desk.heard.last().unwrap(), "Ended Errors");
}

// RFC: 4954-4-15 4954-4-16 4954-6-8
#[test]
fn a_sign_in_line_may_be_long_but_not_longer() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = Mechanism::ALL.to_vec();
    config.plaintext_auth = true;
    let mut desk = Desk::new(config);
    desk.say("EHLO a\r\nAUTH PLAIN\r\n");
    assert_eq!(desk.codes(&format!("{}\r\n", "=".repeat(12_286))), [501]);
    desk.say("AUTH PLAIN\r\n");
    assert_eq!(desk.codes(&format!("{}\r\nNOOP\r\n", "A".repeat(12_287))), [500, 250]);
    assert!(desk.heard.iter().any(|e| e.starts_with("Bad \"\" 500")), "{:?}", desk.heard);
}

#[test]
fn limits_at_the_edge_and_one_past() {
    let mut desk = Desk::smtp();
    assert_eq!(desk.codes(&format!("NOOP {}\r\n", "x".repeat(2_048 - 7))), [250]);
    assert_eq!(desk.codes(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(2_048 - 6))), [500, 250]);

    let mut config = Config::new(Role::Smtp, "mx.test");
    config.limits.recipients = 2;
    config.limits.transactions = 1;
    config.limits.errors = 2;
    config.limits.junk_commands = 2;
    let mut desk = Desk::new(config.clone());
    desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\n");
    assert_eq!(desk.codes(&"RCPT TO:<a@b>\r\n".repeat(4)), [250, 250, 452, 452]);
    assert_eq!(desk.codes("RSET\r\nMAIL FROM:<a@b>\r\n"), [250, 421]);

    let mut desk = Desk::new(config.clone());
    assert_eq!(desk.codes("FOO\r\nFOO\r\n"), [500, 500]);
    assert_eq!(desk.codes("FOO\r\nNOOP\r\n"), [421]);
    assert_eq!(desk.heard.last().unwrap(), "Ended Errors");

    let mut desk = Desk::new(config);
    assert_eq!(desk.codes("NOOP\r\nNOOP\r\n"), [250, 250]);
    assert_eq!(desk.codes("NOOP\r\nNOOP\r\n"), [421]);
}

/// RFC 5321 §4.5.3.1, with the limits as they come.
// RFC: 5321-4.5.3.1-1 5321-4.5.3.1.7-1 5321-4.5.3.1.8-1
#[test]
fn what_everybody_must_take() {
    let mut desk = Desk::smtp();
    desk.say("EHLO a\r\n");
    assert_eq!(desk.codes(&format!("NOOP {}\r\n", "x".repeat(512 - 7))), [250], "a command line");
    let local = "l".repeat(64);
    let domain = ["d".repeat(63), "e".repeat(63), "f".repeat(63), "g".repeat(63)].join(".");
    assert_eq!(domain.len(), 255);
    let path = format!("<{local}@{}>", &domain[..256 - 67]);
    assert_eq!(path.len(), 256);
    assert_eq!(desk.codes(&format!("MAIL FROM:<{local}@a.test>\r\n")), [250], "a local part");
    assert_eq!(desk.codes(&format!("RCPT TO:<a@{domain}>\r\n")), [250], "a domain");
    assert_eq!(desk.codes(&format!("RCPT TO:{path}\r\n")), [250], "a path");
    assert_eq!(desk.codes(&"RCPT TO:<a@b.test>\r\n".repeat(98)), [250; 98], "recipients");
    let line = format!("{}\r\n", "x".repeat(1_000 - 2));
    let message = line.repeat(66);
    assert!(message.len() > 64 * 1024);
    assert_eq!(desk.codes(&format!("DATA\r\n{message}.\r\n")), [354, 250], "lines, a message");
    assert_eq!(desk.body, message.as_bytes());
}

/// RFC 3461 §5.4: parameters and a command as long as they may be.
// RFC: 3461-5.4-1 3461-5.4-3 3461-5.4-4
#[test]
fn long_parameters_are_taken() {
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.dsn = true;
    let mut desk = Desk::new(config);
    desk.say("EHLO a\r\n");
    let envid = "+2B".repeat(100);
    let mail = format!(
        "MAIL FROM:<{}@b> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID={envid}\r\n",
        "l".repeat(255)
    );
    assert_eq!(desk.codes(&mail), [250]);
    let orcpt = format!("rfc822;{}", "x".repeat(493));
    let domain = ["d".repeat(63), "e".repeat(63), "f".repeat(63), "g".repeat(63)].join(".");
    let rcpt = format!(
        "RCPT TO:<{}@{domain}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={orcpt}\r\n",
        "l".repeat(255)
    );
    assert!(rcpt.len() > 1_036, "{}", rcpt.len());
    assert_eq!(desk.codes(&rcpt), [250]);
}

/// RFC 9422 §4: six digits at most, and not zero. RFC 1870 §3: up to twenty.
// RFC: 1870-3-1 9422-4.1-1 9422-4.2-1 9422-4.3-1
#[test]
fn what_is_told_of_limits_is_well_formed() {
    for (most, size, told) in [
        (0, 0, "SIZE 0|LIMITS MAILMAX=1 RCPTMAX=1 RCPTDOMAINMAX=1"),
        (
            999_999,
            5_000_000_000,
            "SIZE 5000000000|LIMITS MAILMAX=999999 RCPTMAX=999999 RCPTDOMAINMAX=999999",
        ),
        (u32::MAX, u64::MAX, "SIZE 0|LIMITS MAILMAX=999999 RCPTMAX=999999 RCPTDOMAINMAX=999999"),
    ] {
        let mut config = Config::new(Role::Smtp, "mx.test");
        config.limits.transactions = most;
        config.limits.recipients = most;
        config.recipient_domains = Some(most);
        config.limits.message_size = size;
        let said = Desk::new(config).say("EHLO a\r\n");
        for line in told.split('|') {
            assert!(said.contains(&format!("250-{line}\r\n")), "no {line} in {said}");
        }
    }
}

/// RFC 6409 §5.3: who submits is not kept waiting for two minutes.
// RFC: 6409-5.3-1
#[test]
fn submission_answers_in_time() {
    for (role, seconds) in [(Role::Submission, 115), (Role::Smtp, 240)] {
        let mut server = Server::new(Arc::new(Config::new(role, "mx.test")));
        let (mut input, mut out) = (Input::new(), Vec::new());
        assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Event);
        let Some(Event::Connected(_ask)) = server.event(&input, &mut out) else { panic!() };
        assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Answer);
        let late = Instant::ZERO + Duration::from_secs(seconds);
        assert_eq!(server.deadline(), Some(late));
        assert_eq!(server.advance(late, &mut input, &mut out), Advance::Event);
        assert_eq!(out, b"421 4.3.2 Too busy, try again later\r\n");
    }
}

#[test]
fn size_at_the_edge_and_one_past() {
    for (size, codes) in [(10, [250]), (11, [552])] {
        for bdat in [false, true] {
            let mut config = Config::new(Role::Smtp, "mx.test");
            config.limits.message_size = 10;
            let mut desk = Desk::new(config);
            let text = format!("{}\r\n", "x".repeat(size - 2));
            desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
            if bdat {
                assert_eq!(desk.codes(&format!("BDAT {size} LAST\r\n{text}")), codes);
            } else {
                assert_eq!(desk.codes(&format!("DATA\r\n{text}.\r\n"))[1..], codes);
            }
            assert_eq!(desk.codes("RCPT TO:<a@b>\r\n"), [503], "the transaction is over");
        }
    }
}

#[test]
fn text_lines_at_the_edge_and_one_past() {
    for (length, code) in [(20, 250), (21, 550)] {
        let mut config = Config::new(Role::Smtp, "mx.test");
        config.limits.text_line = 20;
        let mut desk = Desk::new(config);
        desk.say(MESSAGE);
        let text = format!("a\r\n{}\r\n.\r\n", "x".repeat(length - 2));
        assert_eq!(desk.codes(&text), [code]);
    }
}

// RFC: 3030-2-2 3030-2-4
#[test]
fn chunks() {
    let mut desk = Desk::smtp();
    desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
    // A CR LF may be cut by a chunk, and a dot means nothing.
    assert_eq!(desk.codes("BDAT 5\r\na\r\n.\rBDAT 4\r\n\n.\r\nBDAT 0 LAST\r\n"), [250, 250, 250]);
    assert_eq!(desk.body, b"a\r\n.\r\n.\r\n");
    // Octets that nobody wants are read all the same.
    assert_eq!(desk.codes("BDAT 6\r\nQUIT\r\nNOOP\r\n"), [503, 250]);
    // A held CR at the end is bare.
    desk.say("MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
    assert_eq!(desk.codes("BDAT 2\r\na\rBDAT 0 LAST\r\n"), [250, 550]);
    assert_eq!(desk.codes("BDAT x\r\n"), [501]);
    assert_eq!(desk.last, Advance::Closed);
}

/// Where the line cannot be read, nobody knows how many octets of a message follow. They were taken for commands: a
/// sender whose BDAT was too long, or held a NUL, had the text of its message obeyed.
#[test]
fn no_octet_behind_a_bdat_that_cannot_be_read_is_a_command() {
    let long = format!("BDAT {}6", " ".repeat(3_000));
    for line in ["BDAT 6\0", "BDAT 6\n", "bdat 6 \rLAST", "BDAT 6 LAST\nX", &long] {
        let mut desk = Desk::smtp();
        desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
        let codes = desk.codes(&format!("{line}\r\nRSET\r\nMAIL FROM:<x@y>\r\n"));
        assert!(codes == [501] || codes == [500], "{line:?}: {codes:?}");
        assert_eq!(desk.last, Advance::Closed, "{line:?}");
        assert!(!desk.heard.iter().any(|event| event.contains("x@y")), "{:?}", desk.heard);
    }
}

/// Chunks of nothing, and what is refused for now, could go on for ever: neither was counted anywhere.
#[test]
fn nothing_goes_on_for_ever() {
    let most = 5;
    let desk = || {
        let mut config = Config::new(Role::Smtp, "mx.test");
        config.limits.junk_commands = most;
        Desk::new(config)
    };
    // Chunks of nothing.
    let mut chunks = desk();
    chunks.say("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
    let mut taken = vec![250; most as usize];
    taken.push(421);
    assert_eq!(chunks.codes(&"BDAT 0\r\n".repeat(9)), taken);
    assert_eq!(chunks.last, Advance::Closed);
    // Recipients, beyond what a long list is.
    let mut list = desk();
    list.say("EHLO a\r\nMAIL FROM:<a@b>\r\n");
    let codes = list.codes(&"RCPT TO:<later@b>\r\n".repeat(1_100));
    assert_eq!((codes.len(), codes.last()), (1_000 + most as usize + 2, Some(&421)));
    assert_eq!(list.last, Advance::Closed);
    // Senders who are to come again.
    let mut senders = desk();
    senders.say("EHLO a\r\n");
    let mut refused = vec![450; most as usize + 1];
    refused.push(421);
    assert_eq!(senders.codes(&"MAIL FROM:<later@b>\r\n".repeat(9)), refused);
    assert_eq!(senders.last, Advance::Closed);
}

// RFC: 5321-4.1.1.4-4 5321-4.1.1.4-5
#[test]
fn strays_are_refused_or_normalised() {
    for (text, defect) in [
        ("a\nb\r\n", "bare LF"),
        ("a\rb\r\n", "bare CR"),
        ("a\r\r\n", "bare CR"),
        ("a\0b\r\n", "NUL"),
        ("a\r\n\n", "bare LF"),
    ] {
        let mut desk = Desk::smtp();
        desk.say(MESSAGE);
        let said = desk.say(format!("{text}x\r\n.\r\nNOOP\r\n"));
        assert!(said.starts_with("550 5.6.0 ") && said.ends_with("250 2.0.0 Ok\r\n"), "{said}");
        assert!(desk.heard.contains(&format!("BodyLost {defect}")), "{:?}", desk.heard);
    }
    let mut config = Config::new(Role::Submission, "mx.test");
    config.require_auth = false;
    let mut desk = Desk::new(config.clone());
    desk.say(MESSAGE);
    assert_eq!(desk.codes("a\nb\rc\r\n..d\n.\r\n.\r\n"), [250]);
    assert_eq!(desk.body, b"a\r\nb\r\nc\r\n.d\r\n.\r\n");
    let mut desk = Desk::new(config);
    desk.say(MESSAGE);
    assert_eq!(desk.codes("a\0b\r\n.\r\n"), [550]);
}

#[test]
fn a_doubtful_end_ends_the_session() {
    let mut desk = Desk::smtp();
    desk.say(MESSAGE);
    assert_eq!(desk.codes("a\r\r\n.\r\nMAIL FROM:<x@y>\r\n"), [550]);
    assert_eq!(
        desk.heard[5..].join(" "),
        "Skipped \"\\r\\r\\n\" BodyLost doubtful end Ended Injection"
    );
}

#[test]
fn plaintext_behind_starttls_ends_the_session() {
    for cut in [true, false] {
        let mut config = Config::new(Role::Smtp, "mx.test");
        config.starttls = true;
        let mut desk = Desk::new(config);
        let said = if cut {
            desk.say("STARTTLS\r\n") + &desk.say("NOOP\r\n")
        } else {
            desk.say("STARTTLS\r\nNOOP\r\n")
        };
        assert_eq!(said, "220 2.0.0 Ready to start TLS\r\n");
        assert_eq!(desk.last, Advance::Closed);
        assert_eq!(desk.heard[1..], ["StartTls", "Ended Injection"]);
    }
}

#[test]
fn waits_end() {
    let mut desk = Desk::smtp();
    assert_eq!(desk.wait(Duration::from_secs(299)), "");
    assert_eq!(
        desk.wait(Duration::from_secs(1)),
        "421 4.4.2 Waited too long, closing the connection\r\n"
    );
    assert_eq!(desk.heard[1..], ["Limited smtp_command_wait", "Ended Timeout"]);

    // A line that drips does not earn more time.
    let mut desk = Desk::smtp();
    for _ in 0..4 {
        desk.say("N");
        assert_eq!(desk.wait(Duration::from_secs(60)), "");
    }
    assert!(desk.wait(Duration::from_secs(60)).starts_with("421"));

    // A message that drips ends when the rate was too low over a minute.
    for (octets, survives) in [(5_119, false), (5_120, true)] {
        let mut desk = Desk::smtp();
        desk.say(MESSAGE);
        for _ in 0..6 {
            desk.wait(Duration::from_secs(10));
            desk.say("x".repeat(octets));
        }
        assert_eq!(desk.last == Advance::Read, survives, "{octets}");
    }
    let mut desk = Desk::smtp();
    desk.say(MESSAGE);
    assert_eq!(desk.wait(Duration::from_secs(179)), "");
    assert!(desk.wait(Duration::from_secs(1)).starts_with("421"));
}

/// However it drips, commands have an end: each of them, those before hello, and those up to a message.
#[test]
fn waits_add_up() {
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.starttls = true;
    config.limits.command_wait = Duration::from_secs(10);
    config.limits.hello_wait = Duration::from_secs(25);
    config.limits.transaction_wait = Duration::from_secs(45);
    let nine = Duration::from_secs(9);
    let last = |desk: &Desk| desk.heard.iter().rev().nth(1).cloned().unwrap_or_default();

    // Half a line, and the rest of an overlong one, earn no more time than none.
    for begin in ["NO", &"x".repeat(3_000)] {
        let mut desk = Desk::new(config.clone());
        desk.say(begin);
        desk.wait(nine);
        desk.say("x");
        assert!(desk.wait(Duration::from_secs(1)).contains("421 4.4.2 "));
        assert_eq!(last(&desk), "Limited smtp_command_wait");
    }

    // Before hello: 18 s of 25 are gone, so 7 are left. What TLS makes forgotten begins anew.
    for tls in [false, true] {
        let mut desk = Desk::new(config.clone());
        desk.wait(nine);
        desk.say("NOOP\r\n");
        desk.wait(nine);
        desk.say(if tls { "STARTTLS\r\n" } else { "NOOP\r\n" });
        if tls {
            desk.server.secured(TlsFacts::TEST);
            desk.turn();
            assert_eq!(desk.wait(nine), "");
            desk.say("NOOP\r\n");
            desk.wait(nine);
            desk.say("NOOP\r\n");
        }
        assert_eq!(desk.wait(Duration::from_millis(6_999)), "");
        assert!(desk.wait(Duration::from_millis(1)).starts_with("421 4.4.2 "));
        assert_eq!(last(&desk), "Limited smtp_hello_wait");
    }

    // Behind hello; a message that was taken begins it anew, RSET does not.
    for message in [false, true] {
        let mut desk = Desk::new(config.clone());
        desk.say("EHLO a\r\n");
        if message {
            desk.wait(nine);
            desk.say("MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n");
        }
        for command in ["MAIL FROM:<a@b>", "RCPT TO:<a@b>", "RSET", "MAIL FROM:<a@b>"] {
            assert_eq!(desk.wait(nine), "");
            assert_eq!(desk.codes(&format!("{command}\r\n")), [250]);
        }
        assert_eq!(desk.wait(Duration::from_millis(8_999)), "");
        assert!(desk.wait(Duration::from_millis(1)).starts_with("421 4.4.2 "));
        assert_eq!(last(&desk), "Limited smtp_transaction_wait");
    }

    // What the host takes to answer, and what it takes to let replies go, is not the peer's.
    let mut desk = Desk::new(Config { limits: Limits { errors: 99, ..config.limits }, ..config });
    desk.say("EHLO a\r\n");
    desk.say("FOO\r\n".repeat(60));
    for _ in 0..50 {
        assert_eq!(desk.wait(Duration::from_secs(1)), "500 5.5.1 There is no such command\r\n");
    }
    assert_eq!(desk.last, Advance::Read);
    assert_eq!(desk.wait(nine), "");
}

/// A message has to come at its rate also if each chunk of it is tiny, and whether the wait is for a chunk or in it.
#[test]
fn chunks_are_no_way_round_the_rate() {
    for (octets, survives) in [(5_119, false), (5_120, true)] {
        let mut desk = Desk::smtp();
        desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n");
        for _ in 0..6 {
            desk.wait(Duration::from_secs(5));
            desk.say(format!("BDAT {octets}\r\n"));
            desk.wait(Duration::from_secs(5));
            desk.say("x".repeat(octets));
        }
        // The first wait is not one for a message.
        desk.wait(Duration::from_secs(5));
        desk.say("BDAT 2\r\n");
        assert_eq!(desk.last == Advance::Read, survives, "{octets}");
        assert_eq!(desk.heard.contains(&"Limited body_rate".to_string()), !survives);
    }
}

/// The tenth error is answered at once, the next one a second later; meanwhile nothing is heard.
#[test]
fn the_tarpit_at_the_edge_and_one_past() {
    let mut desk = Desk::smtp();
    assert_eq!(desk.codes(&"FOO\r\n".repeat(10)), [500; 10]);
    assert_eq!(desk.say("BAR\r\nNOOP\r\n"), "");
    assert_eq!(desk.last, Advance::Pause);
    assert_eq!(desk.server.deadline(), Some(Instant::ZERO + Duration::from_secs(1)));
    assert_eq!(desk.wait(Duration::from_millis(999)), "");
    assert_eq!(desk.heard.last().unwrap(), "Limited tarpit_errors");
    let said = "500 5.5.1 There is no such command\r\n250 2.0.0 Ok\r\n";
    assert_eq!(desk.wait(Duration::from_millis(1)), said);
    assert_eq!(desk.last, Advance::Read);

    // The host's words wait as well; what it refuses for now does not, and what ends the session does not.
    let mut desk = Desk::smtp();
    desk.say("EHLO a\r\nMAIL FROM:<a@b>\r\n");
    assert_eq!(desk.codes(&"RCPT TO:<no@b>\r\n".repeat(11)), [550; 10]);
    assert_eq!(desk.wait(Duration::from_secs(1)), "550 5.1.1 no\r\n");
    for _ in 0..9 {
        assert_eq!(desk.say("RCPT TO:<no@b>\r\n"), "");
        desk.wait(Duration::from_secs(1));
    }
    assert_eq!(desk.codes("RCPT TO:<no@b>\r\n"), [421]);
    assert_eq!(desk.last, Advance::Closed);

    // LMTP's peer is ours.
    let mut desk = Desk::new(Config::new(Role::Lmtp, "mx.test"));
    assert_eq!(desk.codes(&"FOO\r\n".repeat(20)), [500; 20]);

    // The last sign-in that fails is told at once, and whole.
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = vec![Mechanism::Plain];
    config.plaintext_auth = true;
    config.limits.tarpit_errors = 0;
    config.limits.auth_failures = 2;
    let mut desk = Desk::new(config);
    let guess = "AUTH PLAIN AHgAeA==\r\n";
    assert_eq!(desk.say(format!("EHLO a\r\n{guess}")).matches("535").count(), 0);
    assert_eq!(desk.wait(Duration::from_secs(1)).matches("535 5.7.8").count(), 1);
    assert_eq!(desk.codes(guess), [535, 421]);

    // Whoever is sent away hears what was kept back, and before why.
    let mut desk = Desk::smtp();
    desk.say("FOO\r\n".repeat(11));
    desk.out.clear();
    desk.server.close(Reason::Shutdown, &mut desk.out);
    assert_eq!(
        String::from_utf8_lossy(&desk.out),
        "500 5.5.1 There is no such command\r\n421 4.3.2 Shutting down, closing the connection\r\n"
    );
}

/// The host has no time to check a password: nobody's guess, but who goes on asking is sent away like anybody who fails.
#[test]
fn a_sign_in_that_cannot_be_checked_is_an_error() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = Mechanism::PASSWORD.to_vec();
    config.limits.errors = 3;
    config.limits.tarpit_errors = 2;
    let mut desk = Desk::new(config);
    let ask = "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n";
    assert_eq!(desk.codes(&format!("EHLO a\r\n{ask}{ask}{ask}")), [250, 454, 454]);
    assert_eq!(desk.wait(Duration::from_secs(1)).matches("454 4.7.0").count(), 1);
    assert_eq!(desk.codes(ask), [421]);
    assert_eq!(desk.heard.last().unwrap(), "Ended Errors");
}

/// Each limit that is reached is told once.
#[test]
fn limits_are_reported() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = vec![Mechanism::Plain];
    config.plaintext_auth = true;
    config.require_auth = false;
    config.limits = Limits {
        message_size: 10,
        text_line: 8,
        recipients: 1,
        transactions: 1,
        auth_failures: 1,
        junk_commands: 1,
        errors: 2,
        tarpit_errors: 1,
        ..Limits::DEFAULT
    };
    let begin = "MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n";
    let long = "x".repeat(13_000);
    let table = [
        (Limit::AuthFailures, "AUTH PLAIN AHgAeA==\r\n".to_string()),
        (Limit::AuthLine, format!("AUTH PLAIN {long}\r\n")),
        (Limit::CommandLine, format!("NOOP {long}\r\n")),
        (Limit::Errors, "FOO\r\nFOO\r\nFOO\r\n".to_string()),
        (Limit::JunkCommands, "NOOP\r\nNOOP\r\n".to_string()),
        (Limit::MessageSize, "MAIL FROM:<a@b> SIZE=11\r\n".to_string()),
        (Limit::MessageSize, format!("{begin}DATA\r\nxxxx\r\nxxxx\r\n.\r\n")),
        (Limit::MessageSize, format!("{begin}BDAT 11 LAST\r\nxxxx\r\nxxx\r\n")),
        (Limit::MessageSize, format!("{begin}BDAT 21 LAST\r\n")),
        (Limit::Recipients, format!("{begin}RCPT TO:<c@b>\r\n")),
        (Limit::Tarpit, "FOO\r\nFOO\r\n".to_string()),
        (Limit::TextLine, format!("{begin}DATA\r\nxxxxxxx\r\n.\r\n")),
        (Limit::Transactions, format!("{begin}RSET\r\nMAIL FROM:<a@b>\r\n")),
    ];
    for (limit, text) in table {
        let mut desk = Desk::new(config.clone());
        desk.say("EHLO a\r\n");
        desk.say(text);
        desk.wait(Duration::from_secs(1));
        let told: Vec<_> = desk.heard.iter().filter(|e| e.starts_with("Limited")).collect();
        let kept_back = limit == Limit::Errors;
        assert_eq!(told.last(), Some(&&format!("Limited {limit}")), "{:?}", desk.heard);
        assert_eq!(told.len(), 1 + usize::from(kept_back), "{:?}", desk.heard);
    }
    for (number, limit) in Limit::ALL.into_iter().enumerate() {
        assert_eq!(limit as usize, number);
    }
}

#[test]
fn a_question_that_nobody_answers_is_refused() {
    let mut server = Server::new(Arc::new(Config::new(Role::Smtp, "mx.test")));
    let (mut input, mut out) = (Input::new(), Vec::new());
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Event);
    let Some(Event::Connected(ask)) = server.event(&input, &mut out) else { panic!() };
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Answer);
    let late = server.deadline().unwrap();
    assert_eq!(late, Instant::ZERO + Duration::from_secs(240));
    assert_eq!(server.advance(late, &mut input, &mut out), Advance::Event);
    assert_eq!(out, b"421 4.3.2 Too busy, try again later\r\n");
    assert!(server.answer(ask, Admission::Accept, &mut out).is_err());
}

// RFC: 2033-4.2-2 2033-5-6
#[test]
fn lmtp_answers_for_each() {
    let mut desk = Desk::new(Config::new(Role::Lmtp, "mx.test"));
    assert_eq!(desk.codes("EHLO a\r\nLHLO a\r\nMAIL FROM:<a@b>\r\n"), [500, 250, 250]);
    assert_eq!(desk.codes("RCPT TO:<a@b>\r\nRCPT TO:<no@b>\r\nRCPT TO:<c@b>\r\n"), [250, 550, 250]);
    assert_eq!(desk.codes("DATA\r\nx\r\n.\r\n"), [354, 250, 250]);
    desk.say("MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\n");
    assert_eq!(desk.codes("DATA\r\nx\ny\r\n.\r\n"), [354, 550, 550]);
    desk.say("MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\n");
    assert_eq!(desk.codes("BDAT 1\r\nxBDAT 2 LAST\r\n\r\n"), [250, 250, 250]);
}

#[test]
fn a_thousand_replies_leave_in_parts() {
    let mut config = Config::new(Role::Lmtp, "mx.test");
    config.limits.errors = 0;
    let mut desk = Desk::new(config);
    desk.say("LHLO a\r\nMAIL FROM:<a@b>\r\n");
    desk.say("RCPT TO:<a@b>\r\n".repeat(1_000));
    let mut said = desk.say("DATA\r\nx\r\n.\r\nNOOP\r\n");
    let mut turns = 0;
    while desk.last == Advance::Flush {
        assert!(said.len() <= 64 * 1024 + Server::OUTPUT);
        said += &desk.say("");
        turns += 1;
    }
    assert!(turns > 0);
    assert_eq!(said.matches("250 2.0.0 taken\r\n").count(), 1_000);
    assert!(said.ends_with("250 2.0.0 Ok\r\n"));
}

/// Who does not hear of a message that was taken sends it again.
#[test]
fn closing_waits_for_replies() {
    let mut desk = Desk::new(Config::new(Role::Lmtp, "mx.test"));
    desk.say("LHLO a\r\nMAIL FROM:<a@b>\r\n");
    desk.say("RCPT TO:<a@b>\r\n".repeat(1_000));
    let mut said = desk.say("DATA\r\nx\r\n.\r\n");
    assert_eq!(desk.last, Advance::Flush);
    desk.server.close(Reason::Shutdown, &mut desk.out);
    while desk.last == Advance::Flush {
        said += &desk.say("");
    }
    assert_eq!(said.matches("250 2.0.0 taken\r\n").count(), 1_000);
    assert_eq!(desk.heard.last().unwrap(), "Ended Closed(Shutdown)");
}

/// A handler that refuses with a yes, or ends a message with "go on".
#[test]
fn answers_that_make_no_sense_are_refusals() {
    let mut server = Server::new(Arc::new(Config::new(Role::Smtp, "mx.test")));
    let (mut input, mut out) = (Input::new(), Vec::new());
    input.push(MESSAGE.as_bytes());
    input.push(b".\r\nMAIL FROM:<a@b>\r\n");
    let mut refused = false;
    while server.advance(Instant::ZERO, &mut input, &mut out) == Advance::Event {
        let answered = match server.event(&input, &mut out) {
            Some(Event::Connected(ask)) => ask.with(Admission::Accept),
            Some(Event::Mail(ask, _)) if refused => {
                ask.with(Decision::Refuse(Reply::taken("yes, no")))
            }
            Some(Event::Mail(ask, _)) => ask.with(Decision::Accept),
            Some(Event::Recipient(ask, _)) => ask.with(Decision::Accept),
            Some(Event::Data(ask, _)) => ask.with(Decision::Accept),
            Some(Event::BodyEnd(ask, _)) => {
                refused = true;
                ask.with(Outcome::All(Reply::bare(354, "go on")))
            }
            _ => continue,
        };
        server.settle(answered, &mut out).unwrap();
    }
    let said = String::from_utf8(out).unwrap();
    assert!(said.ends_with(&"451 4.3.0 Not now, try again later\r\n".repeat(2)), "{said}");
}

// RFC: 5321-3.8-2
#[test]
fn closing_says_why() {
    // RFC 3463 §3.4, §3.8: 4.3.2 while we take no mail, 4.7.0 for reasons of policy.
    for why in Reason::ALL {
        let mut desk = Desk::smtp();
        desk.out.clear();
        desk.server.close(why, &mut desk.out);
        let status = match why {
            Reason::Lost => "",
            Reason::Overload | Reason::Shutdown => "421 4.3.2 ",
            Reason::Abuse | Reason::Account | Reason::Crowd | Reason::Haste => "421 4.7.0 ",
        };
        let said = String::from_utf8_lossy(&desk.out).into_owned();
        assert!(
            said.starts_with(status) && said.is_empty() == status.is_empty(),
            "{why:?}: {said}"
        );
    }
    let mut desk = Desk::smtp();
    desk.out.clear();
    desk.server.close(Reason::Shutdown, &mut desk.out);
    assert_eq!(desk.out, b"421 4.3.2 Shutting down, closing the connection\r\n");
    desk.turn();
    assert_eq!(desk.heard[1..], ["Ended Closed(Shutdown)".to_string()]);
    assert_eq!(desk.last, Advance::Closed);
    desk.out.clear();
    desk.server.close(Reason::Lost, &mut desk.out);
    assert!(desk.out.is_empty() && desk.say("NOOP\r\n").is_empty());
}

#[test]
fn strained_sessions_must_be_quick() {
    let mut server = Server::new(Arc::new(Config::new(Role::Smtp, "mx.test")));
    let (mut input, mut out) = (Input::new(), Vec::new());
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Event);
    let Some(Event::Connected(ask)) = server.event(&input, &mut out) else { panic!() };
    server.answer(ask, Admission::Strained, &mut out).unwrap();
    assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Read);
    assert_eq!(server.deadline(), Some(Instant::ZERO + Duration::from_secs(10)));
    let limits = Limits::STRAINED;
    assert_eq!((limits.errors, limits.junk_commands), (1, 1));
    let waits = [limits.command_wait, limits.hello_wait, limits.body_wait];
    assert_eq!(waits, [Duration::from_secs(10); 3]);
}

#[test]
fn the_marker_fits_the_machine() {
    fn speaks<M: Machine<Protocol = Smtp>>() {}
    speaks::<Server>();
}

/// A host that did not want a message which came in one chunk said so once; an LMTP client waited for as many replies
/// as it had recipients, for ten minutes.
#[test]
fn each_recipient_hears_that_the_only_chunk_is_unwelcome() {
    for (role, hello, replies) in [(Role::Lmtp, "LHLO", 2), (Role::Smtp, "EHLO", 1)] {
        let mut desk = Desk::new(Config::new(role, "mx.test"));
        desk.wants_data = false;
        desk.say(format!(
            "{hello} a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<no@d.test>\r\n\
             RCPT TO:<e@d.test>\r\n"
        ));
        assert_eq!(desk.codes("BDAT 6 LAST\r\nQUIT\r\n"), vec![450; replies], "{role:?}");
        // What is not the last chunk has one reply in any case, and the transaction is over.
        let again = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<e@d.test>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n";
        assert_eq!(desk.codes(again), [250, 250, 250, 450, 250], "{role:?}");
        assert_eq!(desk.codes("DATA\r\n"), [503]);
    }
}

/// A filter that showed a certificate spoke for a client, who said AUTH EXTERNAL and was the filter then.
#[test]
fn nobody_signs_in_by_the_certificate_of_a_filter() {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = Mechanism::ALL.to_vec();
    config.xclient = true;
    let mut desk = Desk::new(config);
    let certificate = Some(crate::machine::Fingerprint([1; 32]));
    desk.server.secured(TlsFacts { certificate, ..TlsFacts::TEST });
    let own = desk.say("EHLO filter.test\r\n");
    assert!(own.contains(" SCRAM-SHA-256-PLUS ") && own.contains(" EXTERNAL "), "{own}");
    assert!(desk.say("XCLIENT ADDR=192.0.2.1\r\n").starts_with("220 "));
    let theirs = desk.say("EHLO a.test\r\n");
    assert!(!theirs.contains("-PLUS") && !theirs.contains("EXTERNAL"), "{theirs}");
    assert!(theirs.contains(" PLAIN "), "{theirs}");
    assert_eq!(desk.codes("AUTH EXTERNAL =\r\n"), [504]);
    assert!(!desk.heard.iter().any(|event| event.starts_with("External")), "{:?}", desk.heard);
}

/// RFC 2033 §4.3: as many replies as there are recipients, so none. A client that pipelines takes one for the answer
/// to its next command, and everything behind it for the answer to the one before.
#[test]
fn the_last_chunk_for_nobody_has_no_reply_in_lmtp() {
    let mut desk = Desk::new(Config::new(Role::Lmtp, "mx.test"));
    let codes = desk.codes(
        "LHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<no@d.test>\r\nBDAT 6 LAST\r\nQUIT\r\n\
         MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 3 LAST\r\nx\r\n",
    );
    assert_eq!(codes, [250, 250, 550, 250, 250, 250]);
    assert_eq!(desk.body, b"x\r\n");
    // Without a sender there is no transaction, and so an answer; and a chunk that is not the last has one.
    assert_eq!(desk.codes("BDAT 0 LAST\r\n"), [503]);
    assert_eq!(desk.codes("MAIL FROM:<a@b.test>\r\nBDAT 0\r\n"), [250, 503]);
    // SMTP has one answer to each.
    let codes = Desk::smtp()
        .codes("EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(codes, [250, 250, 503, 250]);
}

/// A message far over the limit, whose size was not told, heard `421`: come again later. So it did, for days.
#[test]
fn what_is_far_too_big_is_refused_for_good() {
    let begin = |role: Role, recipients: usize| {
        let mut config = Config::new(role, "mx.test");
        config.limits.message_size = 100;
        let mut desk = Desk::new(config);
        let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
        desk.say(format!("{hello} a.test\r\nMAIL FROM:<a@b.test>\r\n"));
        desk.say("RCPT TO:<c@d.test>\r\n".repeat(recipients));
        desk
    };
    for (role, recipients, replies) in [(Role::Smtp, 2, 1), (Role::Lmtp, 2, 2)] {
        // The end of a chunk that nobody waits for.
        let codes = [vec![552; replies], vec![421]].concat();
        let mut desk = begin(role, recipients);
        assert_eq!(desk.codes("BDAT 201 LAST\r\n"), codes, "{role:?}");
        assert_eq!(desk.last, Advance::Closed);
        // What is not the last has one answer in any case, and so has what is out of order.
        assert_eq!(begin(role, recipients).codes("BDAT 18446744073709551615\r\n"), [552, 421]);
        assert_eq!(begin(role, 0).codes("RSET\r\nBDAT 201 LAST\r\n"), [250, 503, 421]);
        // Lines without end.
        let mut desk = begin(role, recipients);
        assert_eq!(desk.codes("DATA\r\n"), [354]);
        let mut said = Vec::new();
        while desk.last != Advance::Closed {
            said.extend(desk.codes(&"x\r\n".repeat(10_000)));
        }
        assert_eq!(said, codes, "{role:?}");
    }
}
