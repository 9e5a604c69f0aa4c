//! What happened to others, tried on us. Each test names the cases and says what was done to them; what is asserted is
//! what we do.
//!
//! Smuggling, STARTTLS and relaying have files of their own (`smuggling`, `starttls`, `relay`); here stand their first
//! cases, as they were reported.

use std::sync::Arc;

use posthaste_core::grammar::base64;
use posthaste_core::machine::{Advance, End, Instant, Machine};
use posthaste_core::sasl::Mechanism;
use posthaste_core::smtp::client::{self, TlsPolicy};
use posthaste_core::smtp::server::{Config, Role};
use posthaste_tests::property::heap;
use posthaste_tests::safety::cut::Cut;
use posthaste_tests::safety::receive::{Receiver, codes, receive};
use posthaste_tests::safety::send::{envelope, send};
use posthaste_tests::safety::town::{Talk, Town, sign_in};
use posthaste_tests::simulator::random::Random;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::new(Role::Smtp, "mx.test");
    config.dsn = true;
    config.mechanisms = Mechanism::ALL.to_vec();
    config.plaintext_auth = true;
    config.limits.errors = u32::MAX;
    config.limits.junk_commands = u32::MAX;
    config.limits.auth_failures = u32::MAX;
    change(&mut config);
    Arc::new(config)
}

/// A session in which hello was said.
fn greeted(change: impl FnOnce(&mut Config)) -> Receiver {
    let mut receiver = Receiver::new(&config(change));
    receiver.ask(b"EHLO a.test\r\n");
    receiver
}

/// The code of the only reply to a line.
fn code(receiver: &mut Receiver, line: &str) -> u16 {
    let said = receiver.ask(format!("{line}\r\n").as_bytes());
    let [code] = codes(&said)[..] else { panic!("{line:?}: {}", said.escape_ascii()) };
    code
}

fn encoded(octets: &[u8]) -> String {
    let mut text = Vec::new();
    base64::encode(octets, &mut text);
    String::from_utf8(text).unwrap()
}

/// Sends a message, and says how the replies begin.
fn deliver(talk: &mut Talk, from: &str, to: &str, text: &str) -> [String; 3] {
    let mail = talk.say(format!("MAIL FROM:{from}\r\n").as_bytes());
    let rcpt = talk.say(format!("RCPT TO:{to}\r\n").as_bytes());
    let mut data = talk.say(b"DATA\r\n");
    if data.starts_with("354") {
        data = talk.say(format!("{text}.\r\n").as_bytes());
    }
    talk.say(b"RSET\r\n");
    [mail, rcpt, data].map(|reply| reply.chars().take(3).collect())
}

/// Words that a shell, an expansion language or a template would do something with; done, they leave this file.
fn words(marker: &std::path::Path) -> Vec<String> {
    let marker = marker.display();
    vec![
        format!(";touch${{IFS}}{marker};"),
        format!("`touch${{IFS}}{marker}`"),
        format!("$(touch${{IFS}}{marker})"),
        format!("|touch${{IFS}}{marker}"),
        format!("${{run{{touch {marker}}}}}"),
        format!("${{run{{\\x2fbin\\x2fsh\\t-c\\t\\x22touch {marker}\\x22}}}}"),
        "${lookup{x}lsearch{/etc/passwd}}".to_owned(),
        "%n%n%s%u%d".to_owned(),
        "{{7*7}}".to_owned(),
        "%{user}".to_owned(),
        "$local_part".to_owned(),
        "' OR '1'='1".to_owned(),
        "*)(uid=*".to_owned(),
        "../../../../etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        ":include:/etc/passwd".to_owned(),
    ]
}

/// As a local part: in quotes, so that it is one.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

// Shell, path, expansion.

/// OpenSMTPD CVE-2020-7247: a sender that was no address was handed to a shell, with its semicolons.
#[test]
fn shell_characters_in_the_sender_stay_characters() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ran");
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    // As it was: no domain, and so it passed the check.
    for sender in ["<;sleep 66;>", "<;for i in 0 1 2 3;do read r;done;sh;exit 0;>"] {
        let [mail, ..] = deliver(&mut talk, sender, "<alice@local.test>", "x\r\n");
        assert_eq!(mail, "501", "{sender}");
    }
    let words = words(&marker);
    for word in &words {
        let sender = format!("<{}@far.test>", quoted(word));
        let replies = deliver(&mut talk, &sender, "<alice@local.test>", "Subject: x\r\n\r\n");
        assert_eq!(replies, ["250", "250", "250"], "{sender}");
    }
    let kept = town.inbox("alice@local.test");
    assert_eq!(kept.len(), words.len());
    for (message, word) in kept.iter().zip(&words) {
        let begin = format!("Return-Path: <{}@far.test>\r\n", quoted(word));
        assert!(message.starts_with(begin.as_bytes()), "{}", message.escape_ascii());
    }
    assert!(!marker.exists());
}

/// Exim CVE-2019-10149: a recipient `${run{..}@localhost}` was expanded, as root. Dovecot CVE-2017-2669: `%` in names.
/// James CVE-2021-40525: `../` in names became paths.
#[test]
fn recipients_are_data() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ran");
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    let before = talk.say(b"VRFY x\r\n");
    for word in words(&marker) {
        let quoted = quoted(&word);
        for to in [format!("<{quoted}@local.test>"), format!("<{word}@local.test>")] {
            let [_, rcpt, data] = deliver(&mut talk, "<a@far.test>", &to, "x\r\n");
            assert!(["501", "550"].contains(&rcpt.as_str()), "{to}: {rcpt}");
            assert_eq!(data, "503", "{to}");
        }
    }
    // Behind a subaddress sign anything may stand. It goes no further than the trace field.
    let to = "<alice+${run{touch${IFS}ran}}@local.test>";
    assert_eq!(deliver(&mut talk, "<a@far.test>", to, "x\r\n"), ["250", "250", "250"]);
    let [message] = &town.inbox("alice@local.test")[..] else { panic!() };
    assert!(String::from_utf8_lossy(message).contains(&format!("\tfor {to};\r\n")));
    assert_eq!(talk.say(b"VRFY x\r\n"), before);
    assert!(!marker.exists());
}

/// Exim CVE-2019-13917: what a message said was expanded a second time by rules.
#[test]
fn messages_are_data() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ran");
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    let mut text = String::from("Received: ${run{x}}\r\n");
    for (number, word) in words(&marker).iter().enumerate() {
        text += &format!("X-{number}: {word}\r\n");
    }
    text += "\r\n${run{x}}\r\n";
    let replies = deliver(&mut talk, "<a@far.test>", "<alice@local.test>", &text);
    assert_eq!(replies, ["250", "250", "250"]);
    let [message] = &town.inbox("alice@local.test")[..] else { panic!() };
    assert!(message.ends_with(text.as_bytes()));
    assert!(!marker.exists());
}

/// Exim CVE-2025-26794: the argument of ETRN went into SQL.
#[test]
fn etrn_is_refused_politely_whatever_it_says() {
    let mut session = greeted(|_| {});
    for argument in
        ["", "a.test", "@a.test", "#queue", "' OR 1=1 --", "`id`", "${run{id}}", "\u{e9}"]
    {
        assert_eq!(code(&mut session, &format!("ETRN {argument}")), 502, "{argument}");
    }
    assert_eq!(code(&mut session, &format!("ETRN {}", "x".repeat(3_000))), 500);
    assert_eq!(code(&mut session, "MAIL FROM:<a@b.test>"), 250);
}

// Lengths, memory.

/// Numbers around the widths of integers.
fn numbers() -> Vec<u128> {
    let mut numbers = Vec::new();
    for width in [15, 16, 31, 32, 63, 64, 127] {
        let power = 1u128 << width;
        numbers.extend([power - 1, power, power + 1]);
    }
    numbers.extend([10u128.pow(20), 10u128.pow(30)]);
    numbers
}

/// qmail CVE-2005-1513 ("needs gigabytes", it was said; 15 years later it was exploited): lengths that wrap around.
#[test]
fn lengths_do_not_wrap_around() {
    for number in numbers() {
        let mut session = greeted(|_| {});
        let small = number <= 50 << 20;
        let code_of = code(&mut session, &format!("MAIL FROM:<a@b.test> SIZE={number}"));
        let expected: &[u16] = if small { &[250] } else { &[552, 501] };
        assert!(expected.contains(&code_of), "SIZE={number}: {code_of}");
        session.ask(b"RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");
        let before = heap::held();
        let said = codes(&session.ask(format!("BDAT {number} LAST\r\nx").as_bytes()));
        // What was said, and a buffer for what comes.
        let most = 8_192;
        assert!(heap::held() - before <= most, "BDAT {number} holds {}", heap::held() - before);
        let ended = session.turn() == Advance::Closed;
        match u64::try_from(number) {
            Ok(_) if number <= 100 << 20 => assert_eq!((said, ended), (vec![], false), "{number}"),
            Ok(_) => assert_eq!((said, ended), (vec![552, 421], true), "{number}"),
            Err(_) => assert_eq!((said, ended), (vec![501], true), "{number}"),
        }
    }
}

/// The same, where the configuration sets no limit worth the name: the sums of chunks do not wrap either.
#[test]
fn sums_of_lengths_do_not_wrap_around() {
    let mut session = greeted(|config| config.limits.message_size = u64::MAX);
    session.ask(b"MAIL FROM:<a@b.test> SIZE=18446744073709551615\r\nRCPT TO:<c@d.test>\r\n");
    assert_eq!(session.heard.mails, 1);
    assert_eq!(codes(&session.ask(b"BDAT 3\r\na\r\n")), [250]);
    // With the three octets before it is over 64 bits, and over the limit.
    assert!(session.ask(b"BDAT 18446744073709551615 LAST\r\nabc").is_empty());
    session.hang_up();
    assert_eq!((session.heard.messages.len(), session.heard.end), (0, Some(End::Eof)));
}

/// Exim CVE-2018-6789: base64 whose length is no multiple of four wrote one octet too far. CVE-2023-42114 to 42116:
/// authenticators that trusted what they decoded.
#[test]
fn sign_ins_of_any_length_decode_or_do_not() {
    let mut random = Random::new(7);
    let mut tried = 0;
    for mechanism in Mechanism::ALL {
        for length in (0..80).chain([255, 256, 1_023, 4_096, 9_000]) {
            let mut session = greeted(|_| {});
            let octets: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            let whole = encoded(&octets);
            for cut in 0..4 {
                let text = &whole[..whole.len().saturating_sub(cut)];
                let said = session.ask(format!("AUTH {mechanism} {text}\r\n").as_bytes());
                let first = codes(&said).first().copied();
                // Accepted is nothing; what goes on is cancelled.
                let known = [334, 501, 504, 535, 538, 454, 500, 503];
                assert!(
                    first.is_some_and(|code| known.contains(&code)),
                    "{mechanism} {text}: {first:?}"
                );
                if first == Some(334) {
                    session.ask(b"*\r\n");
                }
                assert_eq!(session.heard.sign_ins, 0, "{mechanism} {text}");
                tried += 1;
            }
            assert_eq!(code(&mut session, "NOOP"), 250);
        }
    }
    println!("{tried} sign-ins of {} mechanisms, 0 accepted", Mechanism::ALL.len());
}

/// Exim CVE-2019-16928: an EHLO of more than a kilobyte overflowed the heap.
#[test]
fn a_long_hello_is_a_long_line() {
    let mut session = greeted(|_| {});
    for length in [1, 63, 64, 255, 256, 1_023, 1_024, 1_025, 2_041, 2_042, 4_096, 65_536, 1_000_000]
    {
        let expected = if length + "EHLO \r\n".len() <= 2_048 { 250 } else { 500 };
        assert_eq!(
            code(&mut session, &format!("EHLO {}", "A".repeat(length))),
            expected,
            "{length}"
        );
    }
    // What such a name leaves in the trace field is a field.
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    assert!(talk.say(format!("EHLO {}\r\n", "A".repeat(2_000)).as_bytes()).starts_with("250-"));
    deliver(&mut talk, "<a@far.test>", "<alice@local.test>", "Subject: x\r\n\r\n");
    let [message] = &town.inbox("alice@local.test")[..] else { panic!() };
    let longest = message.split(|octet| *octet == b'\n').map(<[u8]>::len).max();
    assert!(longest < Some(998), "{longest:?}");
}

/// Exim CVE-2020-28017: the number of recipients overflowed; and each was kept.
#[test]
fn very_many_recipients() {
    let mut session = greeted(|_| {});
    session.ask(b"MAIL FROM:<a@b.test>\r\n");
    let before = heap::held();
    let mut said = Vec::new();
    for _ in 0..100 {
        said.extend(codes(&session.ask(&b"RCPT TO:<c@d.test>\r\n".repeat(1_000))));
        session.heard.said.clear();
    }
    assert_eq!(said.len(), 100_000);
    assert!(said[..1_000].iter().all(|code| *code == 250));
    assert!(said[1_000..].iter().all(|code| *code == 452));
    // Codes, the input's buffer and what was said, no more.
    let held = heap::held() - before - (said.capacity() * 2) as i64;
    assert!(held < 256 * 1024, "{held}");
    let codes = codes(&session.ask(b"DATA\r\nx\r\n.\r\n"));
    assert_eq!(codes, [354, 250]);
}

/// Sendmail CVE-2003-0161 and CVE-2002-1337: comments and brackets in addresses, counted wrongly.
#[test]
fn nests_of_brackets_and_comments() {
    let mut session = greeted(|_| {});
    session.ask(b"MAIL FROM:<a@b.test>\r\n");
    for (open, close) in
        [("<", ">"), ("(", ")"), ("\"", "\""), ("\\", ""), ("[", "]"), ("@a,", ""), ("<>", "")]
    {
        for count in [1, 2, 50, 500] {
            let nest = format!("{}c@d.test{}", open.repeat(count), close.repeat(count));
            for path in [nest.clone(), format!("<{nest}>"), format!("<c{nest}@d.test>")] {
                let code = code(&mut session, &format!("RCPT TO:{path}"));
                let plain = ["<c@d.test>", "<\"c@d.test\">"].contains(&path.as_str());
                assert!(code == 501 || (code == 250 && plain) || code == 500, "{path}: {code}");
            }
        }
    }
}

/// Dovecot CVE-2017-15132 and CVE-2025-59028: a hundred thousand sign-ins, aborted or bad, took the memory and then the
/// sign-in of everybody.
#[test]
fn a_hundred_thousand_aborted_sign_ins_leave_nothing() {
    let ways = [
        "AUTH PLAIN\r\n*\r\n",
        "AUTH LOGIN\r\nYQ==\r\n*\r\n",
        "AUTH PLAIN !!!!\r\n",
        "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj\r\n*\r\n",
    ];
    let mut session = greeted(|_| {});
    let round = |session: &mut Receiver| {
        for way in ways {
            session.ask(way.as_bytes());
        }
        session.heard.said = Vec::new();
    };
    round(&mut session);
    let before = heap::held();
    for _ in 0..25_000 {
        round(&mut session);
    }
    assert_eq!(heap::held() - before, 0);
    assert_eq!(session.heard.sign_ins, 0);
    assert_eq!(code(&mut session, "AUTH PLAIN AGEAYg=="), 235);
    // By default it does not come to that.
    let mut session = Receiver::new(&Arc::new(Config {
        mechanisms: Mechanism::ALL.to_vec(),
        plaintext_auth: true,
        ..Config::new(Role::Submission, "mx.test")
    }));
    session.ask(b"EHLO a.test\r\n");
    let mut rounds = 0;
    while session.turn() != Advance::Closed {
        session.ask(ways[0].as_bytes());
        rounds += 1;
    }
    assert_eq!((rounds, session.heard.end), (21, Some(End::Errors)));
}

// The state machine.

/// Postfix CVE-2011-1720: what one mechanism had left behind was used by the next.
#[test]
fn a_sign_in_leaves_nothing_to_the_next() {
    // The name of one LOGIN is no name for another; PLAIN's password is not LOGIN's.
    for half in ["AUTH LOGIN\r\nYQ==\r\n*\r\n", "AUTH PLAIN\r\n*\r\n", "AUTH LOGIN YQ==\r\n!\r\n"] {
        let mut session = greeted(|_| {});
        session.ask(half.as_bytes());
        // Right where a password would be: it is a name, or no command.
        assert_eq!(code(&mut session, "Yg=="), 500, "{half}");
        assert_eq!(code(&mut session, "AUTH LOGIN"), 334);
        assert_eq!(code(&mut session, "Yg=="), 334, "a name");
        assert_eq!(code(&mut session, "*"), 501);
        assert_eq!(session.heard.sign_ins, 0);
    }
    // Any order of all mechanisms, each cut short somewhere, then one that is right.
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let mut session = greeted(|_| {});
        for _ in 0..6 {
            let mechanism = Mechanism::ALL[random.below(Mechanism::ALL.len() as u64) as usize];
            let initial =
                ["", " =", " YQ==", " biwsbj1hLHI9YWJj", " AGEAYw=="][random.below(5) as usize];
            let said = session.ask(format!("AUTH {mechanism}{initial}\r\n").as_bytes());
            let mut goes_on = codes(&said).last() == Some(&334);
            while goes_on {
                let line = ["*", "YQ==", "", "biws"][random.below(4) as usize];
                let said = session.ask(format!("{line}\r\n").as_bytes());
                goes_on = codes(&said).last() == Some(&334);
            }
        }
        let signed_in = session.heard.sign_ins;
        let expected = if signed_in > 0 { 503 } else { 235 };
        assert_eq!(code(&mut session, "AUTH PLAIN AGEAYg=="), expected, "seed {seed}");
    }
}

/// Cyrus CVE-2019-18928: a request inherited the sign-in of the one before it, on the same connection of a proxy.
#[test]
fn a_session_inherits_no_sign_in() {
    let town = Town::new();
    let mut first = town.greeted(Role::Submission);
    assert!(first.say(b"MAIL FROM:<alice@local.test>\r\n").starts_with("250"));
    let mut second = town.connect(Role::Submission, [127, 0, 0, 1].into(), |_| {});
    second.say(b"EHLO a.test\r\n");
    assert!(second.say(b"MAIL FROM:<alice@local.test>\r\n").starts_with("530"));
    assert!(second.say(sign_in("bob@local.test").as_bytes()).starts_with("235"));
    assert!(second.say(b"MAIL FROM:<alice@local.test>\r\n").starts_with("553"));
}

/// Dovecot CVE-2019-11494 and 11499: who went away in the middle of a sign-in, or said nonsense there, took the process
/// along.
#[test]
fn whoever_goes_away_goes_alone() {
    let town = Town::new();
    let talk = "EHLO a.test\r\nAUTH PLAIN\r\nAGFsaWNlQGxvY2FsLnRlc3QAeA==\r\nMAIL FROM:<a@b.test>\r\n\
        RCPT TO:<alice@local.test>\r\nDATA\r\nx\r\n.\r\nBDAT 3\r\nabc";
    for role in [Role::Smtp, Role::Submission] {
        for end in 0..=talk.len() {
            let mut gone = town.connect(role, [127, 0, 0, 1].into(), |_| {});
            gone.say(&talk.as_bytes()[..end]);
            gone.hang_up();
            assert!(gone.is_over(), "{role:?} gone at {end}");
        }
    }
    let replies =
        deliver(&mut town.greeted(Role::Smtp), "<a@far.test>", "<bob@local.test>", "x\r\n");
    assert_eq!(replies, ["250", "250", "250"]);
}

/// Exim CVE-2017-16943: BDAT, an octet that is no number, BDAT again, and memory that was given back was used.
/// CVE-2017-16944: BDAT and a dot, and it went round for ever. More of it in `smuggling`.
#[test]
fn chunks_as_they_were_reported() {
    let begin = "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";
    let uaf = format!("{begin}BDAT 1\r\nBDAT \u{7f}{}\r\n", "\u{7f}".repeat(400));
    let heard = receive(&config(|_| {}), uaf.as_bytes(), Cut::Every(1));
    // The first chunk is `B`, and what follows is no command.
    assert_eq!(heard.codes()[4..], [250, 500]);
    assert_eq!(heard.messages.len(), 0);
    let round = format!("{begin}BDAT 10\r\n.\r\n");
    let heard = receive(&config(|_| {}), round.as_bytes(), Cut::Whole);
    assert_eq!((heard.codes()[4..].len(), heard.end), (0, Some(End::Eof)));
}

// Smuggling and STARTTLS, as reported.

/// Postfix CVE-2023-51764, Sendmail 51765, Exim 51766, James 51747, aiosmtpd CVE-2024-27305: an end of data that one
/// side saw and the other did not.
#[test]
fn smuggling_as_it_was_reported() {
    let town = Town::new();
    for end in ["\n.\r\n", "\n.\n", "\r.\r", "\r\n.\r", "\r\n.\n", "\r\n\0.\r\n", "\r\n.\0\r\n"] {
        let mut talk = town.greeted(Role::Smtp);
        talk.say(b"MAIL FROM:<a@far.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n");
        let reply = talk.say(
            format!(
                "Subject: outer\r\n\r\ntext{end}MAIL FROM:<admin@far.test>\r\nRCPT TO:<bob@local.test>\r\nDATA\r\n\
                 Subject: inner\r\n\r\nsmuggled\r\n.\r\n"
            )
            .as_bytes(),
        );
        assert!(reply.starts_with("550 5.6.0 "), "{end:?}: {reply}");
        assert_eq!(reply.matches("\r\n").count(), 1, "{end:?}: {reply}");
    }
    assert_eq!(town.counts().values().sum::<u64>(), 0);
}

/// Postfix CVE-2011-0411, Cyrus CVE-2011-1926, James CVE-2021-38542: a command behind STARTTLS in the same segment was
/// done under TLS. Exim CVE-2021-38371, libetpan: a client believed the reply behind the go-ahead.
#[test]
fn starttls_as_it_was_reported() {
    let mut session = greeted(|config| config.starttls = true);
    assert_eq!(session.hear(b"STARTTLS\r\nRSET\r\n"), Advance::Closed);
    assert_eq!(session.heard.end, Some(End::Injection));
    assert_eq!(session.heard.codes().last(), Some(&220));

    let mut config = client::Config::new("me.test");
    config.tls = TlsPolicy::Required;
    let mut client = client::Client::new(Arc::new(config), [9; 18]);
    let (mut input, mut said) = (posthaste_core::machine::Input::new(), Vec::new());
    input.push(b"220 a\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n250-a\r\n250 AUTH PLAIN\r\n");
    loop {
        match client.advance(Instant::ZERO, &mut input, &mut said) {
            Advance::Event => drop(client.event(&input, &mut said)),
            wanted => {
                assert_eq!(wanted, Advance::Closed);
                break;
            }
        }
    }
    assert_eq!(said, b"EHLO me.test\r\nSTARTTLS\r\n");
}

/// CVE-2021-3618 (ALPACA) and all before it: a browser was made to say HTTP to a mail port, with mail in the body of the
/// request, and each line that was no command was forgiven.
#[test]
fn browsers_are_sent_away_at_their_first_word() {
    let mail = "EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n";
    let long = "x".repeat(4_000);
    for first in [
        "POST / HTTP/1.1",
        "GET / HTTP/1.0",
        "PUT /a b HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT a.test:25 HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET /",
        "POST",
        &format!("POST /{long} HTTP/1.1"),
        &format!("GET /{long}"),
    ] {
        let wire =
            format!("{first}\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{mail}", mail.len());
        for cut in [Cut::Whole, Cut::Every(1)] {
            let heard = receive(&config(|_| {}), wire.as_bytes(), cut);
            assert_eq!((heard.codes(), heard.mails), (vec![220, 421], 0), "{first}");
            assert_eq!(heard.end, Some(End::Errors));
        }
    }
    // Whoever mistypes is no browser.
    for line in ["GETS x", "get me", "HELLO HTTP/1.1", "POSTMASTER"] {
        assert_eq!(code(&mut greeted(|_| {}), line), 500, "{line}");
    }
}

// CR, LF, NUL in values.

/// Exim CVE-2020-28021: `+0A` in AUTH= became an end of line in the spool, and what followed it a line of its own.
#[test]
fn xtext_carries_no_end_of_line() {
    let mut session = greeted(|_| {});
    for evil in
        ["a+0Ab", "a+0Db", "a+0D+0Ab", "+0A", "a+00b", "a+0a", "+7F", "a\nb", "a\rb", "a\0b"]
    {
        for command in [
            format!("MAIL FROM:<a@b.test> AUTH={evil}"),
            format!("MAIL FROM:<a@b.test> ENVID={evil}"),
            format!("MAIL FROM:<a@b.test> AUTH=<{evil}>"),
        ] {
            assert_eq!(code(&mut session, &command), 501, "{command:?}");
        }
        session.ask(b"MAIL FROM:<a@b.test>\r\n");
        let command = format!("RCPT TO:<c@d.test> ORCPT=rfc822;{evil}");
        assert_eq!(code(&mut session, &command), 501, "{command:?}");
        session.ask(b"RSET\r\n");
    }
    // What it may carry.
    assert_eq!(code(&mut session, "MAIL FROM:<a@b.test> AUTH=a+2Bb@c.test ENVID=QQ+3D1"), 250);
}

/// Our own client, with such values from its program: none leaves, and the message does.
#[test]
fn the_client_lets_no_end_of_line_out() {
    let client = Arc::new(client::Config::new("me.test"));
    let server = config(|_| {});
    for evil in [
        "a\r\nRSET",
        "a\nb",
        "a\rb",
        "a\0b",
        "\r\n.\r\n",
        "\u{85}",
        "",
        "a b=c+d",
        &"x".repeat(600),
    ] {
        let mut envelope = envelope();
        envelope.envid = Some(evil.into());
        envelope.auth = Some(evil.into());
        envelope.recipients[0].orcpt = Some(format!("rfc822;{evil}").into());
        let sent = send(&client, &server, envelope, &[b"x\r\n"]);
        let said = String::from_utf8(sent.said).unwrap();
        let lines: Vec<&str> = said.split("\r\n").take(3).collect();
        let told = evil == "a b=c+d";
        let mail = if told { " ENVID=a+20b+3Dc+2Bd AUTH=<>" } else { " AUTH=<>" };
        assert_eq!(lines[1], format!("MAIL FROM:<a@b.test>{mail}"), "{evil:?}");
        let rcpt = match evil {
            "" => " ORCPT=rfc822;",
            _ if told => " ORCPT=rfc822;a+20b+3Dc+2Bd",
            _ => "",
        };
        assert_eq!(lines[2], format!("RCPT TO:<c@d.test>{rcpt}"), "{evil:?}");
        assert_eq!(sent.codes, [250], "{evil:?}: {said:?}");
    }
}

/// Zimbra CVE-2022-27924: CR LF in a user's name went on to a back end as a command. Dovecot CVE-2019-10691: a name in
/// 8 bits, and no more sign-ins. CVE-2017-2669: `%` in it was a variable.
#[test]
fn names_that_sign_in_are_data() {
    let town = Town::new();
    for name in [
        "alice@local.test\r\nset x",
        "alice\r\n@local.test",
        "alice\n@local.test",
        "\u{e9}@local.test",
        "%u@local.test",
        "%{user}@local.test",
        "alice@local.test ",
        "alice@local.test%00",
        "'; DROP TABLE users; --",
        "*)(uid=*",
        "../../alice@local.test",
        "alice@elsewhere.test",
        &"a".repeat(5_000),
    ] {
        let mut talk = town.connect(Role::Submission, [127, 0, 0, 1].into(), |_| {});
        talk.say(b"EHLO a.test\r\n");
        let reply = talk.say(sign_in(name).as_bytes());
        assert!(["535", "501"].contains(&&reply[..3]), "{name:?}: {reply}");
        assert_eq!(reply.matches("\r\n").count(), 1, "{name:?}: {reply}");
    }
    for octets in
        [&b"\0\xff\xfe@local.test\0x"[..], b"\0alice@local.test\0\xff", b"\xff\0a\0b", b"\0\0", b""]
    {
        let mut talk = town.connect(Role::Submission, [127, 0, 0, 1].into(), |_| {});
        talk.say(b"EHLO a.test\r\n");
        let reply = talk.say(format!("AUTH PLAIN {}\r\n", encoded(octets)).as_bytes());
        assert!(["535", "501", "334"].contains(&&reply[..3]), "{}: {reply}", octets.escape_ascii());
    }
    drop(town.greeted(Role::Submission));
}

// Odd mail.

/// Dovecot CVE-2020-10967: mail for `<""@d>` ended the delivery process; CVE-2017-14461: addresses that end too soon;
/// CVE-2020-7046: UTF-8 that ends too soon.
#[test]
fn addresses_that_are_hardly_any() {
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    for path in [
        "<\"\"@local.test>",
        "<\"\">",
        "<\"\"@>",
        "<alice@",
        "<alice",
        "<\"alice",
        "<\"alice\\",
        "<\"alice\\\"",
        "<@",
        "<@a",
        "<@a:",
        "<@a:\"",
        "<alice@[",
        "<alice@[IPv6:",
        "<alice@[127.0.0.1",
        "<\"",
        "<",
        "",
    ] {
        let [mail, ..] = deliver(&mut talk, path, "<alice@local.test>", "x\r\n");
        let [_, rcpt, _] = deliver(&mut talk, "<a@far.test>", path, "x\r\n");
        assert!(["501", "250", "550"].contains(&mail.as_str()), "{path}: {mail}");
        assert!(["501", "550"].contains(&rcpt.as_str()), "{path}: {rcpt}");
    }
    for octets in [
        &b"<\xc3>"[..],
        b"<\xc3@far.test>",
        b"<a@\xe2\x82>",
        b"<\xf0\x9f\x98@far.test>",
        b"<a\xed\xa0\x80@far.test>",
    ] {
        for command in [&b"MAIL FROM:"[..], b"EHLO ", b"VRFY ", b"RCPT TO:"] {
            let reply = talk.say(&[command, octets, b" SMTPUTF8\r\n"].concat());
            assert_eq!(reply.matches("\r\n").count(), 1, "{reply}");
            assert!(!reply.starts_with("250"), "{}: {reply}", octets.escape_ascii());
        }
    }
    // An empty local part in quotes is an address, and a sender with it reaches its reader.
    let replies = deliver(&mut talk, "<\"\"@far.test>", "<bob@local.test>", "Subject: x\r\n\r\n");
    assert_eq!(replies, ["250", "250", "250"]);
    let [message] = &town.inbox("bob@local.test")[..] else { panic!() };
    assert!(message.starts_with(b"Return-Path: <\"\"@far.test>\r\n"));
}

// Who says what he is not.

/// Exim CVE-2023-42117: the PROXY header was believed, and parsed badly. XCLIENT likewise: from strangers neither is
/// anything but a command that nobody knows, or may not say.
#[test]
fn strangers_speak_for_themselves() {
    let town = Town::new();
    let lines: [&[u8]; 9] = [
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 25\r\n",
        b"PROXY TCP6 ::1 ::1 1 25\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY TCP4 999.999.999.999 x -1 99999\r\n",
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x19\0\x19\r\n",
        b"XCLIENT ADDR=127.0.0.1 NAME=localhost LOGIN=alice@local.test\r\n",
        b"XCLIENT ADDR=[IPV6:::1]\r\n",
        b"XCLIENT\r\n",
        b"XFORWARD ADDR=127.0.0.1\r\n",
    ];
    for role in [Role::Smtp, Role::Submission] {
        for line in lines {
            let mut talk = town.connect(role, [198, 51, 100, 7].into(), |_| {});
            talk.say(b"");
            let reply = talk.say(line);
            for reply in reply.split_terminator("\r\n") {
                assert!(
                    reply.starts_with('5') || reply.starts_with("421"),
                    "{}: {reply}",
                    line.escape_ascii()
                );
            }
            if talk.is_over() {
                continue;
            }
            talk.say(b"EHLO a.test\r\n");
            let mail = talk.say(b"MAIL FROM:<alice@local.test>\r\n");
            if role == Role::Submission {
                assert!(mail.starts_with("530"), "{mail}");
                continue;
            }
            talk.say(b"RCPT TO:<bob@local.test>\r\nDATA\r\n");
            assert!(talk.say(b"Subject: x\r\n\r\n.\r\n").starts_with("250"));
        }
    }
    let kept = town.inbox("bob@local.test");
    assert!(!kept.is_empty());
    for message in kept {
        let text = String::from_utf8_lossy(&message).into_owned();
        assert!(text.contains("([198.51.100.7])"), "{text}");
        assert!(!text.contains("10.0.0.1") && !text.contains("127.0.0.1"), "{text}");
    }
}

/// Forged Return-Path fields, and none from us that the sender did not say.
#[test]
fn a_return_path_is_the_envelopes() {
    let town = Town::new();
    let mut talk = town.greeted(Role::Smtp);
    let text =
        "Return-Path: <boss@local.test>\r\nreturn-path : <boss@local.test>\r\nSubject: x\r\n\r\n";
    deliver(&mut talk, "<a@far.test>", "<alice@local.test>", text);
    let [message] = &town.inbox("alice@local.test")[..] else { panic!() };
    let text = String::from_utf8_lossy(message).to_ascii_lowercase();
    assert_eq!(text.matches("return-path").count(), 1);
    assert!(text.starts_with("return-path: <a@far.test>\r\n"));
}

/// Stalwart CVE-2025-61600 and many: a line, or a reply, without an end.
#[test]
fn lines_without_end_end() {
    let mut session = greeted(|_| {});
    let before = heap::held();
    let mut sent = 0;
    while session.turn() != Advance::Closed {
        session.ask(&[b'x'; 4_096]);
        sent += 4_096;
        assert!(heap::held() - before < 64 * 1024, "after {sent}: {}", heap::held() - before);
        assert!(sent < 4 << 20, "it reads for ever");
    }
    assert_eq!(session.heard.codes()[2..], [500]);
    assert_eq!(session.heard.end, Some(End::Errors));
}
