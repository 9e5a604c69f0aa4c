//! Random commands against the server machine and against a [model] that was written from the RFCs: after each the
//! same codes, and the same answers to everything that could be said next, which is what a state is.
//!
//! [model]: posthaste_tests::safety::model

use std::sync::Arc;

use posthaste_core::machine::Advance;
use posthaste_core::sasl::Mechanism;
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::{Config, Role};
use posthaste_tests::safety::cut::Cut;
use posthaste_tests::safety::model::{self, Model, Settings};
use posthaste_tests::safety::receive::{Asked, Receiver, codes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

fn opinion(asked: &Asked<'_>) -> Option<Reply> {
    let code = match asked {
        Asked::SignIn(password) => (*password != b"b").then_some(535),
        Asked::Mail(path) | Asked::Recipient(path) => model::opinion(path),
        Asked::Data(sender) => model::data_opinion(sender),
        Asked::Message(text) => model::opinion(&String::from_utf8_lossy(text)),
    };
    code.map(|code| Reply::new(code, Enhanced((code / 100) as u8, 0, 0), "no"))
}

fn config(settings: Settings) -> Arc<Config> {
    let role = match (settings.lmtp, settings.submission) {
        (true, _) => Role::Lmtp,
        (_, true) => Role::Submission,
        _ => Role::Smtp,
    };
    let mut config = Config::new(role, "mx.test");
    config.starttls = settings.starttls;
    config.require_tls = settings.require_tls;
    config.mechanisms =
        if settings.auth { vec![Mechanism::Plain, Mechanism::Login] } else { Vec::new() };
    config.plaintext_auth = settings.auth_in_clear;
    config.chunking = settings.chunking;
    config.binarymime = settings.chunking;
    config.limits.recipients = settings.recipients as u32;
    config.limits.message_size = settings.message_size as u64;
    // Counted elsewhere.
    config.limits.errors = u32::MAX;
    config.limits.tarpit_errors = u32::MAX;
    config.limits.junk_commands = u32::MAX;
    config.limits.auth_failures = u32::MAX;
    Arc::new(config)
}

fn settings() -> impl Strategy<Value = Settings> {
    (0..3u8, any::<[bool; 5]>()).prop_map(
        |(role, [starttls, require_tls, auth, clear, chunking])| Settings {
            lmtp: role == 1,
            submission: role == 2,
            starttls,
            require_tls: require_tls && starttls,
            auth,
            auth_in_clear: clear,
            chunking,
            recipients: 3,
            message_size: 200,
        },
    )
}

/// What a client sends at a time.
#[derive(Clone)]
struct Unit(Vec<u8>);

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A talk with a listener: most begin well, and then anything comes.
fn talk() -> impl Strategy<Value = (Settings, Vec<Unit>)> {
    let unit = octets().prop_map(Unit);
    (settings(), 0..12u8, vec(unit, 1..20)).prop_map(|(settings, begin, more)| {
        let hello = if settings.lmtp { "LHLO a.test\r\n" } else { "EHLO a.test\r\n" };
        let mut lines = Vec::new();
        if settings.starttls && begin % 2 == 1 {
            lines.push("STARTTLS\r\n");
        }
        if begin >= 1 {
            lines.push(hello);
        }
        if begin >= 2 {
            lines.push("AUTH PLAIN AGEAYg==\r\n");
        }
        if begin >= 4 {
            lines.extend(["MAIL FROM:<a@b.test>\r\n", "RCPT TO:<c@d.test>\r\n"]);
        }
        lines.extend(match begin {
            6 | 7 => ["DATA\r\n", "Subject: x\r\n\r\ntext\r\n.\r\n"].as_slice(),
            8 => &["BDAT 3\r\na\r\n", "BDAT 3 LAST\r\na\r\n"],
            9 => &["BDAT 3\r\na\r\n"],
            10 => &["DATA\r\n"],
            11 => &["RCPT TO:<e@d.test>\r\n", "RCPT TO:<no@d.test>\r\n"],
            _ => &[],
        });
        let units = lines.into_iter().map(|line| Unit(line.as_bytes().to_vec()));
        (settings, units.chain(more).collect())
    })
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        // What leads somewhere.
        4 => Just("EHLO a.test"),
        2 => Just("LHLO a.test"),
        1 => Just("HELO [192.0.2.1]"),
        6 => Just("MAIL FROM:<a@b.test>"),
        1 => Just("MAIL FROM:<>"),
        2 => Just("MAIL FROM:<a@b.test> BODY=BINARYMIME"),
        1 => Just("MAIL FROM:<nodata@b.test>"),
        6 => Just("RCPT TO:<c@d.test>"),
        1 => Just("RCPT TO:<postmaster>"),
        3 => Just("DATA"),
        2 => Just("AUTH PLAIN AGEAYg=="),
        1 => Just("AUTH PLAIN AGEAYw=="),
        1 => Just("AUTH PLAIN"),
        1 => Just("AUTH LOGIN"),
        1 => Just("YQ=="),
        1 => Just("Yg=="),
        1 => Just("AGEAYg=="),
        1 => Just("RSET"),
        // What leads nowhere.
        6 => prop_oneof![
            Just("EHLO"), Just("HELO a b"), Just("EHLO <a>"), Just("LHLO"), Just("STARTTLS now"),
            Just("MAIL"), Just("MAIL FROM:"), Just("MAIL FROM:a@b.test"), Just("MAIL TO:<a@b.test>"),
            Just("MAIL FROM:<a@b.test>X"), Just("MAIL FROM:<a@b.test> X=Y"),
            Just("MAIL FROM:<a@b.test> SIZE=200"), Just("MAIL FROM:<a@b.test> SIZE=201"),
            Just("MAIL FROM:<a@b.test> SIZE=x"), Just("MAIL FROM:<\u{e9}@b.test>"),
            Just("MAIL FROM:<\u{e9}@b.test> SMTPUTF8"), Just("MAIL FROM:<no@b.test>"),
            Just("MAIL FROM:<later@b.test>"), Just("MAIL FROM:<a>"),
            Just("RCPT"), Just("RCPT TO:<>"), Just("RCPT TO:c@d.test"), Just("RCPT TO:<no@d.test>"),
            Just("RCPT TO:<later@d.test>"), Just("RCPT TO:<c@d.test> X"), Just("RCPT FROM:<c@d.test>"),
            Just("DATA now"), Just("RSET now"), Just("QUIT now"), Just("NOOP"), Just("NOOP x"), Just("HELP"),
            Just("HELP me"), Just("VRFY"), Just("VRFY a"), Just("EXPN a"), Just("EXPN"), Just("ETRN a.test"),
            Just("AUTH"), Just("AUTH X"), Just("AUTH PLAIN ="), Just("AUTH PLAIN AGEAYw=="), Just("auth login YQ=="),
            Just("AUTH PLAIN !"), Just("*"), Just("YW=="), Just(""), Just("."), Just("X"), Just("BDAT"),
            Just("BDAT x"), Just("BDAT 3 LAST X"), Just("BDAT 401"), Just("BDAT -1 LAST"), Just(" NOOP"),
            Just("mail from:<a@b.test>"), Just("rcpt to:<c@d.test>"), Just("data"), Just("NOOP  "),
        ],
        1 => prop_oneof![
            Just("NOOP \0"), Just("NOOP a\rb"), Just("MAIL FROM:<a@b.test>\nRCPT TO:<c@d.test>"), Just("DATA\r"),
        ],
    ];
    prop_oneof![
        20 => line.prop_map(|line| format!("{line}\r\n").into_bytes()),
        4 => Just(b"STARTTLS\r\n".to_vec()),
        1 => Just(b"QUIT\r\n".to_vec()),
        // Messages: if nobody waits for one, their lines are commands.
        4 => prop_oneof![
            8 => Just("Subject: x\r\n\r\ntext\r\n.\r\n"),
            1 => Just(".\r\n"),
            1 => Just("x\r\n..\r\n.x\r\n.\r\n"),
            1 => Just("unwanted\r\n.\r\n"),
            1 => Just("bare\nLF\r\n.\r\n"),
            1 => Just("bare\rCR\r\n.\r\n"),
            1 => Just("a\0b\r\n.\r\n"),
            1 => Just("half"),
            1 => Just("doubtful\r\r\n.\r\n"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        1 => (190usize..220).prop_map(|n| [vec![b'x'; n], b"\r\n.\r\n".to_vec()].concat()),
        // Chunks: their octets are octets, whoever waits for what.
        5 => ("[a-z\r\n]{0,6}(\r\n)?", any::<bool>()).prop_map(|(text, last)| chunk(text.as_bytes(), last)),
        1 => Just(chunk(b"unwanted\r\n", true)),
        1 => Just(chunk(b"QUIT\r\n", false)),
        1 => Just(chunk(b"a\0\r\n", true)),
        1 => (90usize..220, any::<bool>()).prop_map(|(n, last)| chunk(&vec![b'x'; n], last)),
        1 => Just(b"BDAT 40\r\n".to_vec()),
        1 => Just(b"BDAT 7 LAST\r\nab".to_vec()),
        1 => prop_oneof![
            20 => (2_038usize..2_045).prop_map(|n| format!("NOOP {}\r\n", "x".repeat(n)).into_bytes()),
            1 => (12_272usize..12_281).prop_map(|n| format!("AUTH PLAIN {}\r\n", "A".repeat(n)).into_bytes()),
        ],
        1 => "[A-Z]{1,5}".prop_map(String::into_bytes),
    ]
}

fn chunk(octets: &[u8], last: bool) -> Vec<u8> {
    let last = if last { " LAST" } else { "" };
    [format!("BDAT {}{last}\r\n", octets.len()).as_bytes(), octets].concat()
}

/// What is said next, to see what the state is.
const PROBES: [&[u8]; 9] = [
    b"MAIL FROM:<a@b.test>\r\n",
    b"RCPT TO:<c@d.test>\r\n",
    b"DATA\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 0\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"STARTTLS\r\n",
    b"NOOP\r\n",
    b"EHLO b.test\r\n",
];

/// The machine and the model.
struct Both {
    machine: Receiver,
    model: Model,
}

impl Both {
    fn new(settings: Settings) -> Self {
        Self { machine: Receiver::with(&config(settings), opinion), model: Model::new(settings) }
    }

    /// Octets arrive, cut like this: what the machine says, and what it should.
    fn hear(&mut self, octets: &[u8], cut: Cut) -> (Vec<u16>, Vec<u16>) {
        let before = self.machine.heard.said.len();
        for piece in cut.pieces(octets) {
            let _ = self.machine.hear(piece);
        }
        let said = codes(&self.machine.heard.said[before..]);
        let due = self.model.hear(octets);
        if self.model.wants_tls() && self.machine.turn() == Advance::Secure {
            self.model.secured();
            self.machine.secure();
        }
        (said, due)
    }
}

#[test]
fn the_machine_is_the_model() {
    let runs = Runs { failure_persistence: None, ..Runs::default() };
    let runs = Runs { cases: runs.cases * 4, ..runs };
    let cases = runs.cases;
    let talks = (talk(), any::<u64>());
    let (steps, probes, messages) = (Count::default(), Count::default(), Count::default());
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    TestRunner::new(runs)
        .run(&talks, |((settings, units), seed)| {
            let mut both = Both::new(settings);
            for (at, unit) in units.iter().enumerate() {
                let (said, due) = both.hear(&unit.0, Cut::Seed(seed ^ at as u64));
                seen.borrow_mut().extend(due.iter().copied());
                prop_assert_eq!(said, due, "step {} {:?}", at, unit);
                prop_assert_eq!(
                    both.model.messages,
                    both.machine.heard.messages.len(),
                    "step {}",
                    at
                );
                prop_assert_eq!(both.model.is_over(), both.machine.turn() == Advance::Closed);
                steps.add(1);
                if both.model.is_over() {
                    break;
                }
                // Anything that could come next: the same, in a session that came here by the same way.
                let probe = PROBES[(seed as usize).wrapping_add(at) % PROBES.len()];
                {
                    let mut again = Both::new(settings);
                    for unit in &units[..=at] {
                        again.hear(&unit.0, Cut::Whole);
                    }
                    let (said, due) = again.hear(probe, Cut::Whole);
                    prop_assert_eq!(
                        said,
                        due,
                        "step {} {:?}, then {}",
                        at,
                        unit,
                        probe.escape_ascii()
                    );
                    probes.add(1);
                }
            }
            messages.add(both.model.messages);

            // The same, with as much at a time as may be said without waiting.
            let (mut both, mut batch, mut all) = (Both::new(settings), Vec::new(), Vec::new());
            let mut ahead = both.model.clone();
            for unit in &units {
                batch.extend_from_slice(&unit.0);
                all.extend(ahead.hear(&unit.0));
                if ahead.wants_tls() {
                    let (said, _) = both.hear(&std::mem::take(&mut batch), Cut::Seed(seed));
                    prop_assert_eq!(said, std::mem::take(&mut all), "pipelined");
                    ahead.secured();
                }
            }
            let (said, _) = both.hear(&batch, Cut::Seed(seed));
            prop_assert_eq!(said, all, "pipelined");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner();
    println!(
        "{cases} talks, {} steps and {} probes of the state, {} messages taken, codes {seen:?}: the machine is the \
         model",
        steps.get(),
        probes.get(),
        messages.get()
    );
    // Few talks may miss one by chance.
    if cases >= 8_000 {
        assert!(messages.get() > 50, "talks that bring no message prove little");
        let missing: Vec<u16> = CODES.into_iter().filter(|code| !seen.contains(code)).collect();
        assert!(missing.is_empty(), "no talk came to {missing:?}");
    }
}

/// What talks have to come to, together.
const CODES: [u16; 24] = [
    214, 220, 221, 235, 250, 252, 334, 354, 421, 451, 452, 500, 501, 502, 503, 504, 530, 535, 538,
    550, 552, 553, 554, 555,
];

#[derive(Default)]
struct Count(std::cell::Cell<usize>);

impl Count {
    fn add(&self, n: usize) {
        self.0.set(self.0.get() + n);
    }

    fn get(&self) -> usize {
        self.0.get()
    }
}
