//! What went wrong before and during sign-in elsewhere must not here: state that one mechanism leaves to the next
//! (Postfix CVE-2011-1720), sign-ins that are begun and given up without end (Dovecot CVE-2017-15132, CVE-2025-59028),
//! messages that are shorter or longer than they say (Dovecot CVE-2020-12674, CVE-2019-11499; Exim CVE-2023-42115 and
//! the two beside it), names that are not ASCII (Dovecot CVE-2019-10691), and a certificate without a name
//! (Dovecot CVE-2019-3814).

use std::collections::HashMap;
use std::sync::Arc;

use posthaste_core::grammar::base64;
use posthaste_core::machine::{Advance, Input, Instant, Machine, Protocol};
use posthaste_core::sasl::client::{Account, Exchange as Client};
use posthaste_core::sasl::server::{Exchange, Step};
use posthaste_core::sasl::{Channel, Found, Hash, Known, Mechanism, Verdict, Verifier};
use posthaste_core::smtp::server::{Admission, Config, Event, Limits, Role, Server};
use posthaste_core::text::Secret;
use posthaste_core::{imap, pop3};
use posthaste_tests::property::heap::{self, Counting};
use posthaste_tests::sign_in;

#[global_allocator]
static HEAP: Counting = Counting;

const SECRET: &str = "c4narybird";

fn channel() -> Channel {
    let tls = sign_in::SHOWN;
    Channel { exporter: tls.exporter, plus: true, certificate: tls.certificate }
}

/// What checks a proof, with as many rounds as a client wants; derived once.
fn known(hash: Hash) -> Found {
    static VERIFIERS: std::sync::OnceLock<HashMap<Hash, Verifier>> = std::sync::OnceLock::new();
    let verifiers = VERIFIERS.get_or_init(|| {
        let derive = |hash| Verifier::derive(hash, Secret::new(SECRET.as_bytes()), b"salt", 4_096);
        [Hash::Sha1, Hash::Sha256].map(|hash| (hash, derive(hash))).into()
    });
    Found::Known(Box::new(Known { verifier: verifiers[&hash].clone(), nonce: [9; 18] }))
}

fn account(mechanism: Mechanism) -> Account {
    let accounts = [
        Account::new("alice", SECRET),
        Account::bearer("alice", SECRET),
        Ok(Account::certificate()),
    ];
    accounts.into_iter().flatten().find(|account| account.suits(mechanism)).unwrap()
}

/// A message as a line of an exchange.
fn encoded(message: &[u8]) -> String {
    let mut out = Vec::new();
    base64::encode(message, &mut out);
    String::from_utf8(out).unwrap()
}

/// The client's messages of a sign-in that succeeds, not in base64.
fn messages(mechanism: Mechanism) -> Vec<Vec<u8>> {
    let begun = Client::new(mechanism, account(mechanism), &channel(), [3; Client::NONCE]);
    let mut client = begun.unwrap();
    let mut said = Vec::new();
    let (mut server, mut step) = Exchange::start(mechanism, None, channel());
    loop {
        step = match step {
            Step::Challenge(challenge) => {
                let message = client.response(challenge.as_bytes()).unwrap();
                said.push(message.to_vec());
                server.respond(encoded(&message).as_bytes())
            }
            Step::Lookup(who) => server.found(known(who.mechanism.hash().unwrap())),
            Step::Failed(why) => panic!("{mechanism}: {why}"),
            _ => return said,
        };
    }
}

/// Whether these messages sign somebody in.
fn signs_in(mechanism: Mechanism, messages: &[Vec<u8>]) -> bool {
    let (mut server, mut step) = Exchange::start(mechanism, None, channel());
    let mut messages = messages.iter();
    loop {
        step = match step {
            Step::Challenge(_) => {
                let Some(message) = messages.next() else { return false };
                server.respond(encoded(message).as_bytes())
            }
            Step::Lookup(who) => server.found(known(who.mechanism.hash().unwrap())),
            Step::Bearer(token) => {
                let right = token.user.as_deref() == Some("alice");
                match server.granted(sign_in::grant(&token, SECRET)) {
                    Ok(None) => return right,
                    Ok(Some(denial)) => Step::Challenge(denial),
                    Err(why) => panic!("{why}"),
                }
            }
            Step::SignIn(given) => {
                return given.user().as_bytes() == b"alice"
                    && given.authorization().is_none()
                    && given.password().expose() == SECRET.as_bytes();
            }
            Step::External(shown) => return shown.authorization.is_none(),
            Step::SignedIn { user } => return user == "alice",
            Step::Failed(_) => return false,
        };
    }
}

/// Every message of every mechanism, cut anywhere, lengthened, and with each octet changed: none of them signs anybody
/// in, and none panics.
#[test]
fn messages_of_the_wrong_length_sign_nobody_in() {
    let mut tried = 0;
    for mechanism in Mechanism::ALL {
        let right = messages(mechanism);
        assert!(signs_in(mechanism, &right), "{mechanism}");
        for at in 0..right.len() {
            let mut wrong: Vec<Vec<u8>> =
                (0..right[at].len()).map(|n| right[at][..n].to_vec()).collect();
            for octet in [b"\0", b"\x01", b",", b"=", b"\xff", b"a"] {
                wrong.push([&right[at][..], octet].concat());
                wrong.push([octet, &right[at][..]].concat());
                for change in 0..right[at].len() {
                    let mut changed = right[at].clone();
                    changed[change] = octet[0];
                    wrong.push(changed);
                }
            }
            wrong.push(right[at].repeat(2));
            wrong.push(vec![b'x'; 9_000]);
            wrong.push(vec![0; 9_000]);
            for message in wrong {
                if message == right[at] {
                    continue;
                }
                let mut messages = right.clone();
                messages[at] = message;
                assert!(
                    !signs_in(mechanism, &messages),
                    "{mechanism} {at}: {}",
                    messages[at].escape_ascii()
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
}

/// Drives a machine over `lines`, each after the other, and says what it says.
fn drive<M: Machine>(
    machine: &mut M,
    lines: &str,
    mut answer: impl FnMut(
        <M::Protocol as Protocol>::Event<'_>,
    ) -> Option<posthaste_core::machine::Answered<M::Protocol>>,
) -> String {
    let (mut input, mut out) = (Input::new(), Vec::new());
    input.push(lines.as_bytes());
    loop {
        match machine.advance(Instant::ZERO, &mut input, &mut out) {
            Advance::Event => {
                let event = machine.event(&input, &mut out).unwrap();
                if let Some(answered) = answer(event) {
                    machine.settle(answered, &mut out).unwrap();
                }
            }
            Advance::Answer => machine.refuse(&mut out),
            Advance::Flush => {}
            _ => return String::from_utf8(out).unwrap(),
        }
    }
}

fn smtp() -> Server {
    let mut config = Config::new(Role::Submission, "mx.test");
    config.mechanisms = Mechanism::ALL.to_vec();
    config.limits = Limits {
        errors: u32::MAX,
        tarpit_errors: u32::MAX,
        auth_failures: u32::MAX,
        junk_commands: u32::MAX,
        ..Limits::DEFAULT
    };
    let mut server = Server::new(Arc::new(config));
    server.secured(sign_in::SHOWN);
    server
}

fn answer_smtp(
    event: Event<'_>,
) -> Option<posthaste_core::machine::Answered<posthaste_core::smtp::Smtp>> {
    let judge = |right| if right { Verdict::Accepted } else { Verdict::Rejected };
    Some(match event {
        Event::Connected(ask) => ask.with(Admission::Accept),
        Event::Bearer(ask, token) => ask.with(sign_in::grant(&token, SECRET)),
        Event::External(ask, shown) => ask.with(judge(shown.authorization.is_none())),
        Event::Lookup(ask, who) => ask.with(known(who.mechanism.hash().unwrap())),
        Event::SignIn(ask, given) => {
            ask.with(judge(given.password().expose() == SECRET.as_bytes()))
        }
        _ => return None,
    })
}

/// The lines of a sign-in that succeeds, the first of them a command.
fn lines(command: &str, mechanism: Mechanism) -> Vec<String> {
    let mut lines: Vec<String> =
        messages(mechanism).iter().map(|message| encoded(message)).collect();
    lines.insert(0, format!("{command} {mechanism}"));
    lines
}

/// A mechanism is begun and left at any point, by giving up, by nonsense, or by a line too long; then another begins.
/// The lines that were left over are worth nothing there, and a whole sign-in still is.
#[test]
fn nothing_of_one_mechanism_is_left_to_the_next() {
    let all = Mechanism::ALL.map(|mechanism| (mechanism, lines("AUTH", mechanism)));
    let long = "x".repeat(20_000);
    for (first, left) in &all {
        for (second, whole) in &all {
            let leaves = ["*", "!", &long];
            for (depth, leave) in (1..left.len()).flat_map(|at| leaves.map(|leave| (at, leave))) {
                let mut server = smtp();
                drive(&mut server, "EHLO a.test\r\n", answer_smtp);
                let begun = format!("{}\r\n{leave}\r\n", left[..depth].join("\r\n"));
                let said = drive(&mut server, &begun, answer_smtp);
                assert!(!said.contains("235"), "{first}: {said}");
                // The other one, with what the first one would have heard now.
                let mixed = format!("AUTH {second}\r\n{}\r\n*\r\n", left[depth]);
                let said = drive(&mut server, &mixed, answer_smtp);
                // Unless that is all it wants to hear.
                if whole.len() == 2 && whole[1] == left[depth] {
                    assert!(
                        said.contains("235 2.7.0 Welcome\r\n"),
                        "{first} then {second}: {said}"
                    );
                    continue;
                }
                assert!(!said.contains("235"), "{first} then {second}: {said}");
                let said = drive(&mut server, &(whole.join("\r\n") + "\r\n"), answer_smtp);
                assert!(said.ends_with("235 2.7.0 Welcome\r\n"), "{first} then {second}: {said}");
            }
        }
    }
}

/// A hundred thousand sign-ins that are begun and given up, at every point of every mechanism: no octet of heap stays,
/// and whoever means it gets in then.
#[test]
fn sign_ins_that_are_given_up_leave_nothing() {
    let mut server = smtp();
    drive(&mut server, "EHLO a.test\r\n", answer_smtp);
    let mut begun = Vec::new();
    for mechanism in Mechanism::ALL {
        let whole = lines("AUTH", mechanism);
        for depth in 1..whole.len() {
            begun.push(format!("{}\r\n*\r\n", whole[..depth].join("\r\n")));
        }
    }
    let round = |server: &mut Server, number: usize| {
        let said = drive(server, &begun[number % begun.len()], answer_smtp);
        assert!(said.ends_with("501 5.7.0 The sign-in was cancelled\r\n"), "{said}");
    };
    (0..begun.len()).for_each(|number| round(&mut server, number));
    assert!(heap::is_counting());
    let before = heap::held();
    (0..100_000).for_each(|number| round(&mut server, number));
    assert_eq!(heap::held(), before, "octets of heap stay");
    let said = drive(&mut server, "AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ=\r\n", answer_smtp);
    assert_eq!(said, "235 2.7.0 Welcome\r\n");
}

/// The same in POP3 and in IMAP, whose limits end a session long before: by new sessions, each dropped in the middle of
/// its exchange.
#[test]
fn sessions_that_are_dropped_in_the_middle_leave_nothing() {
    let mut config = pop3::server::Config::new("pop.test");
    config.mechanisms = Mechanism::ALL.to_vec();
    let config = Arc::new(config);
    let mut other = imap::server::Config::new("imap.test");
    other.mechanisms = Mechanism::ALL.to_vec();
    let other = Arc::new(other);
    let starts: Vec<(String, String)> = Mechanism::ALL
        .into_iter()
        .map(|mechanism| {
            let lines = |command: &str| {
                let all = lines(command, mechanism);
                format!("{}\r\n", all[..all.len() - 1].join("\r\n"))
            };
            (lines("AUTH"), lines("a AUTHENTICATE"))
        })
        .collect();
    let round = |number: usize| {
        let (pop, im) = &starts[number % starts.len()];
        let mut server = pop3::server::Server::new(config.clone());
        server.secured(sign_in::SHOWN);
        let said = drive(&mut server, pop, |event| match event {
            pop3::server::Event::Connected(ask) => Some(ask.with(pop3::server::Admission::Accept)),
            pop3::server::Event::Lookup(ask, who) => {
                Some(ask.with(known(who.mechanism.hash().unwrap())))
            }
            _ => None,
        });
        assert!(said.lines().last().is_some_and(|line| line.starts_with("+ ")), "{pop}: {said}");
        let mut server = imap::server::Server::new(other.clone());
        server.secured(sign_in::SHOWN);
        let said = drive(&mut server, im, |event| match event {
            imap::server::Event::Connected(ask) => Some(ask.with(imap::server::Admission::Accept)),
            imap::server::Event::Lookup(ask, who) => {
                Some(ask.with(known(who.mechanism.hash().unwrap())))
            }
            _ => None,
        });
        assert!(said.lines().last().is_some_and(|line| line.starts_with("+ ")), "{im}: {said}");
    };
    (0..starts.len()).for_each(round);
    let before = heap::held();
    (0..10_000).for_each(round);
    assert_eq!(heap::held(), before, "octets of heap stay");
}

/// A certificate is no name: without one in the message the host is asked about the certificate alone, and the machine
/// invents none. And names may be in any script, which SASLprep decides, not a table of 128 octets.
#[test]
fn names_that_are_absent_and_names_that_are_not_ascii() {
    let (_, step) = Exchange::start(Mechanism::External, Some(b"="), channel());
    let Step::External(shown) = step else { panic!("{step:?}") };
    assert_eq!(shown.authorization, None);
    for octet in 0x80..=0xff_u8 {
        for name in [vec![octet], vec![b'a', octet, b'b'], vec![0xc3, octet]] {
            let plain = [b"\0", name.as_slice(), b"\0x"].concat();
            let (_, step) =
                Exchange::start(Mechanism::Plain, Some(encoded(&plain).as_bytes()), channel());
            let fit = posthaste_core::sasl::prep::prepare_octets(&name).is_ok();
            assert_eq!(matches!(step, Step::SignIn(_)), fit, "{}", name.escape_ascii());
            assert!(fit || matches!(step, Step::Failed(why) if why.is_fault()));
        }
    }
}
