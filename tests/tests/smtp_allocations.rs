//! Commands of SMTP and octets of messages cost no allocation.

use std::sync::Arc;

use posthaste_core::machine::{Advance, Input, Instant, Machine};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};
use posthaste_tests::property::heap::{Counting, calls, is_counting};

#[global_allocator]
static HEAP: Counting = Counting;

fn turn(server: &mut Server, input: &mut Input, out: &mut Vec<u8>) -> usize {
    let mut octets = 0;
    loop {
        match server.advance(Instant::ZERO, input, out) {
            Advance::Event => {}
            _ => return octets,
        }
        let answered = match server.event(input, out).expect("it said Event") {
            Event::Connected(ask) => ask.with(Admission::Accept),
            Event::Mail(ask, _) => ask.with(Decision::Accept),
            Event::Recipient(ask, to) => {
                ask.with(match to.path.mailbox().is_some_and(|m| m.local.as_str() == "no") {
                    true => {
                        Decision::Refuse(Reply::constant(550, Enhanced(5, 1, 1), "No such user"))
                    }
                    false => Decision::Accept,
                })
            }
            Event::Data(ask, _) => ask.with(Decision::Accept),
            Event::BodyEnd(ask, _) => ask.with(Outcome::All(Reply::taken("Ok"))),
            Event::Verify(ask, _) => ask.refused(),
            Event::Body(run) => {
                octets += run.as_bytes().len();
                continue;
            }
            _ => continue,
        };
        server.settle(answered, out).expect("the question is open");
    }
}

#[test]
fn nothing_is_allocated() {
    assert!(is_counting());
    let body =
        "The quick brown fox jumps over the lazy dog, and comes home late.\r\n..\r\n".repeat(300);
    for role in [Role::Smtp, Role::Submission, Role::Lmtp] {
        let mut config = Config::new(role, "mx.test");
        config.dsn = true;
        config.require_auth = false;
        config.limits.errors = 1_000;
        let mut server = Server::new(Arc::new(config));
        let mut input = Input::new();
        let mut out = Vec::with_capacity(64 * 1024);
        input.push(&vec![b' '; 64 * 1024]);
        input.discard(64 * 1024);
        turn(&mut server, &mut input, &mut out);
        let hello = if role == Role::Lmtp { "LHLO a.test\r\n" } else { "EHLO a.test\r\n" };
        let data = format!("DATA\r\n{body}.\r\n");
        let bdat = format!("BDAT {} LAST\r\n{body}", body.len());
        for (line, shown) in [
            (hello, 0),
            ("NOOP\r\n", 0),
            ("HELP\r\n", 0),
            ("VRFY someone\r\n", 0),
            ("XYZZY\r\n", 0),
            ("MAIL FROM:no brackets\r\n", 0),
            ("MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x SMTPUTF8\r\n", 0),
            ("RSET\r\n", 0),
            ("MAIL FROM:<\"quoted local\"@[192.0.2.1]>\r\n", 0),
            ("RCPT TO:<c@d.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@d.test\r\n", 0),
            ("RCPT TO:<no@d.test>\r\nRCPT TO:<e@d.test>\r\n", 0),
            (data.as_str(), body.len() - 300),
            ("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n", 0),
            (bdat.as_str(), body.len()),
            ("QUIT\r\n", 0),
        ] {
            out.clear();
            input.push(line.as_bytes());
            let before = calls();
            let octets = turn(&mut server, &mut input, &mut out);
            assert_eq!(calls() - before, 0, "{role:?} {}", &line[..line.len().min(40)]);
            assert_eq!(octets, shown);
            assert!(!out.is_empty());
        }
    }
}
