//! The SMTP server as a subject, in its three roles.

use std::sync::Arc;

use posthaste_core::machine::{Answered, Machine, TlsFacts};
use posthaste_core::sasl::{Found, Grant, Mechanism, Verdict};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::extension::{FutureRelease, Until};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::{
    Admission, Config, Decision, Event, Limits, Outcome, Role, Server,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Look, Script, Subject, Unit};
use crate::sign_in;
use crate::simulator::random::Random;

/// A server that offers everything. With `BODIES` its peers send messages; without, each octet they send stands
/// in a line of its own event, which is then counted.
#[derive(Debug)]
pub struct SmtpServer<const BODIES: bool> {
    config: Arc<Config>,
    /// TLS that comes first.
    tls: Option<TlsFacts>,
}

impl<const BODIES: bool> SmtpServer<BODIES> {
    /// In this role.
    #[must_use]
    pub fn new(role: Role) -> Self {
        let config = Config {
            starttls: true,
            mechanisms: Mechanism::ALL.to_vec(),
            plaintext_auth: true,
            dsn: true,
            binarymime: true,
            requiretls: true,
            mt_priority: true,
            xclient: true,
            future_release: Until::from_unix(4_000_000_000)
                .map(|until| FutureRelease { seconds: 999, until }),
            deliver_by: Some(60),
            limits: Limits { message_size: 2_000, text_line: 100, ..Limits::DEFAULT },
            ..Config::new(role, "mx.example")
        };
        Self { config: Arc::new(config), tls: None }
    }

    /// In this role, with TLS from the first octet and a client that showed a certificate.
    #[must_use]
    pub fn under_tls(role: Role) -> Self {
        Self { tls: Some(sign_in::SHOWN), ..Self::new(role) }
    }
}

impl<const BODIES: bool> Subject for SmtpServer<BODIES> {
    type Protocol = Smtp;
    type Machine = Server;
    type Script = Host;

    const SECRETS: &'static [&'static str] = sign_in::SECRETS;

    fn counts_lines(&self, _: &[u8]) -> bool {
        !BODIES
    }

    fn machine(&self) -> Server {
        let mut server = Server::new(self.config.clone());
        if let Some(facts) = self.tls {
            server.secured(facts);
        }
        server
    }

    fn script(&self, calm: bool) -> Host {
        Host { calm }
    }

    fn talk(&self) -> BoxedStrategy<Vec<Unit>> {
        let hello =
            if self.config.role == Role::Lmtp { "LHLO me.example" } else { "EHLO me.example" };
        let sign_in = "AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ=";
        let bound = sign_in::talks("AUTH").prop_map(move |mut talk| {
            talk.insert(0, Unit::new(format!("{hello}\r\n")));
            talk
        });
        let opening = prop_oneof![
            1 => Just(Vec::new()),
            if self.tls.is_some() { 12 } else { 1 } => bound,
            3 => Just(Unit::lines(&[hello, sign_in])),
            3 => Just(Unit::lines(&[
                hello, sign_in, "MAIL FROM:<alice@a.example>", "RCPT TO:<bob@b.example>",
                "RCPT TO:<carol@b.example>",
            ])),
            1 => Just(Unit::lines(&[hello, "AUTH LOGIN", "YWxpY2U=", "YzRuYXJ5YmlyZA=="])),
            // The password where the name is asked for.
            1 => Just(Unit::lines(&[hello, "AUTH LOGIN", "YzRuYXJ5YmlyZA==", "YzRuYXJ5YmlyZA=="])),
            1 => Just(vec![
                Unit::new(format!("{hello}\r\n")),
                Unit::waiting("STARTTLS\r\n"),
                Unit::new(format!("{hello}\r\n")),
            ]),
        ];
        let unit = if BODIES { unit().boxed() } else { command().boxed() };
        (opening, vec(unit, 0..14))
            .prop_map(|(mut talk, more)| {
                talk.extend(more);
                talk
            })
            .boxed()
    }

    fn idle(&self) -> Vec<Unit> {
        let hello =
            if self.config.role == Role::Lmtp { "LHLO me.example" } else { "EHLO me.example" };
        if !BODIES {
            return Unit::lines(&[hello, "AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ=", "NOOP"]);
        }
        Unit::lines(&[
            hello,
            "AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ=",
            "MAIL FROM:<a@a.example>",
            "RCPT TO:<b@b.example>",
            "DATA",
            "A: b",
            "",
            "c",
            ".",
            "NOOP",
        ])
    }

    fn injection(&self) -> Option<Vec<Unit>> {
        if self.tls.is_some() {
            return None;
        }
        let hello =
            if self.config.role == Role::Lmtp { "LHLO me.example" } else { "EHLO me.example" };
        Some(Unit::lines(&[hello, "STARTTLS", hello, "MAIL FROM:<mallory@a.example>"]))
    }
}

fn command() -> impl Strategy<Value = Unit> {
    prop_oneof![
        8 => prop_oneof![
            "(EHLO|HELO|LHLO) [a-z.]{1,9}",
            "(NOOP|RSET|HELP|VRFY bob|EXPN x|VRFY bob SMTPUTF8|ETRN x|XCLIENT ADDR=192.0.2.1|XCLIENT X|EHLO|AUTH|AUTH PLAIN|AUTH LOGIN|AUTH SCRAM-SHA-256|AUTH X)",
            "MAIL FROM:<(|[a-z]{1,5}@a.example)>( SIZE=[0-9]{1,5}| BODY=8BITMIME| BODY=BINARYMIME| SMTPUTF8| RET=FULL| REQUIRETLS| MT-PRIORITY=3| HOLDFOR=[0-9]{1,4}| BY=[0-9]{1,3};[NR]| X=Y){0,2}",
            "RCPT TO:<(postmaster|[a-z]{1,5}@b.example)>( NOTIFY=NEVER| ORCPT=rfc822;x)?",
            "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj",
            "AUTH (OAUTHBEARER|XOAUTH2|EXTERNAL|SCRAM-SHA-256-PLUS)( [=*])?",
        ].prop_map(|line| Unit::new(format!("{line}\r\n"))),
        1 => Just(Unit::new("QUIT\r\n")),
        1 => Just(Unit::waiting("STARTTLS\r\n")),
        1 => Just(Unit::new("AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ=\r\n")),
        1 => Just(Unit::new("YzRuYXJ5YmlyZA==\r\n")),
        1 => Just(Unit::new("*\r\n")),
        1 => (2_030_usize..2_070).prop_map(|n| Unit::new(format!("NOOP {}\r\n", "x".repeat(n)))),
        2 => vec(any::<u8>(), 0..9).prop_map(Unit::new),
        2 => "[ -~\r\n\0]{0,12}(\r\n)?".prop_map(Unit::new),
        1 => "[A-Za-z]{3,6}( [ -~]{0,9})?\r\n".prop_map(Unit::new),
    ]
}

fn unit() -> impl Strategy<Value = Unit> {
    let end = prop_oneof![
        8 => Just("\r\n.\r\n"),
        1 => Just("\n.\n"),
        1 => Just("\n.\r\n"),
        1 => Just("\r\n.\n"),
        1 => Just("\r.\r"),
        1 => Just("\r\r\n.\r\n"),
    ];
    prop_oneof![
        6 => command(),
        4 => ("(A: b\r\n)?(\r\n)?([a-z.]{0,9}\r\n){0,4}[a-z.]{0,9}", end)
            .prop_map(|(text, end)| Unit::new(format!("DATA\r\n{text}{end}"))),
        1 => "[\0\r\n.a-c]{0,20}\r\n.\r\n".prop_map(|text| Unit::new(format!("DATA\r\n{text}"))),
        1 => (90_usize..2_100).prop_map(|n| Unit::new(format!("DATA\r\n{}\r\n.\r\n", "x".repeat(n)))),
        1 => (20_usize..120)
            .prop_map(|n| Unit::new(format!("DATA\r\n{}.\r\n", "yyyyyyyyyyyyyyyy\r\n".repeat(n)))),
        3 => ("[\r\na-c]{0,30}", "( LAST)?")
            .prop_map(|(text, last)| Unit::new(format!("BDAT {}{last}\r\n{text}", text.len()))),
        1 => "BDAT [0-9x]{0,5}( LAST)?\r\n".prop_map(Unit::new),
    ]
}

/// A host that now and then says no.
#[derive(Debug)]
pub struct Host {
    calm: bool,
}

impl Host {
    /// Below `bound`; small means trouble.
    fn mood(&self, bound: u64, random: &mut Random) -> u64 {
        if self.calm { bound - 1 } else { random.below(bound) }
    }

    fn decide(&self, random: &mut Random) -> Decision {
        match self.mood(12, random) {
            0 => Decision::Refuse(Reply::later()),
            1 => Decision::Refuse(Reply::new(550, Enhanced(5, 1, 1), "nobody")),
            2 if self.mood(4, random) == 0 => {
                Decision::Refuse(Reply::new(421, Enhanced(4, 3, 0), "go away"))
            }
            _ => Decision::Accept,
        }
    }
}

impl Script<Smtp> for Host {
    fn look(&self, event: &Event<'_>) -> Look {
        let lines = match event {
            Event::Body(_)
            | Event::BodyEnd(..)
            | Event::BodyLost(_)
            | Event::Connected(_)
            | Event::Ended(_)
            | Event::Limited(_)
            | Event::Secured(_)
            | Event::Skipped(_) => 0,
            _ => 1,
        };
        let run = match event {
            Event::Body(run) | Event::Skipped(run) => Some(run.as_bytes().to_vec()),
            _ => None,
        };
        let user = match event {
            Event::SignIn(_, credentials) => Some(credentials.user().to_string()),
            Event::Bearer(_, token) => token.user.clone(),
            Event::External(_, certificate) => certificate.authorization.clone(),
            _ => None,
        };
        Look { run, lines, ended: matches!(event, Event::Ended(_)), user }
    }

    fn answer(&mut self, event: Event<'_>, random: &mut Random) -> Option<Answered<Smtp>> {
        Some(match event {
            Event::Connected(ask) | Event::XClient(ask, _) => {
                ask.with(match self.mood(20, random) {
                    0 => Admission::Refuse(Reply::new(554, Enhanced(5, 7, 1), "no")),
                    1 => Admission::Strained,
                    _ => Admission::Accept,
                })
            }
            Event::SignIn(ask, credentials) => ask.with(match self.mood(10, random) {
                0 => Verdict::Unavailable,
                _ if credentials.password().expose() == b"c4narybird" => Verdict::Accepted,
                _ => Verdict::Rejected,
            }),
            Event::Lookup(ask, identity) => ask.with(match self.mood(4, random) {
                0 => Found::Unavailable,
                _ => sign_in::known(&identity, "c4narybird"),
            }),
            Event::Bearer(ask, token) => ask.with(match self.mood(6, random) {
                0 => Grant::Unavailable,
                _ => sign_in::grant(&token, "c4narybird"),
            }),
            Event::External(ask, _) => ask.with(match self.mood(3, random) {
                0 => Verdict::Unavailable,
                1 => Verdict::Rejected,
                _ => Verdict::Accepted,
            }),
            Event::Mail(ask, _) => ask.with(self.decide(random)),
            Event::Recipient(ask, _) => ask.with(self.decide(random)),
            Event::Data(ask, _) => ask.with(self.decide(random)),
            Event::BodyEnd(ask, received) => ask.with(match self.mood(6, random) {
                0 => Outcome::All(Reply::later()),
                1 => Outcome::Each(
                    (0..received.recipients.saturating_sub(random.below(2) as u32))
                        .map(|n| if n % 2 == 0 { Reply::taken("kept") } else { Reply::later() })
                        .collect(),
                ),
                _ => Outcome::All(Reply::taken("kept")),
            }),
            Event::Verify(ask, _) => ask.with(Reply::new(250, Enhanced(2, 1, 5), "yes")),
            Event::Expand(ask, _) => {
                ask.with(Reply::new(250, Enhanced(2, 1, 5), "J\u{f6}rg <j\u{f6}rg@b.example>"))
            }
            _ => return None,
        })
    }
}
