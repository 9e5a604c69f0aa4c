//! The SMTP client as a subject: its peer is a server, good or not.

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::machine::{Answered, Machine, TlsFacts};
use posthaste_core::sasl::client::Account;
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::client::{Client, Config, Envelope, Event, Limits, Order, Piece};
use posthaste_core::smtp::extension::{BodyKind, ByMode, DeliverBy, Priority, Release};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Look, Script, Subject, Unit};
use crate::sign_in;
use crate::simulator::random::Random;

/// A client that signs in, if it may, and sends messages until it has enough.
#[derive(Debug)]
pub struct Sender {
    config: Arc<Config>,
    /// TLS comes first.
    tls: bool,
}

impl Sender {
    /// For SMTP, or for LMTP.
    #[must_use]
    pub fn new(lmtp: bool) -> Self {
        let account = Account::new("alice", "c4narybird").ok();
        let config = Config {
            lmtp,
            account: account.filter(|_| !lmtp),
            plaintext_auth: true,
            limits: Limits { reply_octets: 2_000, ..Limits::DEFAULT },
            ..Config::new("me.example")
        };
        Self { config: Arc::new(config), tls: false }
    }

    /// For SMTP under TLS, signing in by a token.
    #[must_use]
    pub fn with_token() -> Self {
        let account = Account::bearer("alice", "c4narybird").ok();
        let config = Config { account, ..(*Self::new(false).config).clone() };
        Self { config: Arc::new(config), tls: true }
    }

    /// For SMTP under TLS, signing in by a password.
    #[must_use]
    pub fn bound() -> Self {
        Self { tls: true, ..Self::new(false) }
    }
}

impl Subject for Sender {
    type Protocol = SmtpClient;
    type Machine = Client;
    type Script = Outbox;

    const SECRETS: &'static [&'static str] = sign_in::SECRETS;

    // Events stand for replies, which have many lines.
    fn counts_lines(&self, _: &[u8]) -> bool {
        false
    }

    fn machine(&self) -> Client {
        let mut client = Client::new(self.config.clone(), [7; 18]);
        if self.tls {
            client.secured(TlsFacts::TEST);
        }
        client
    }

    fn script(&self, calm: bool) -> Outbox {
        Outbox { calm, pieces: 0 }
    }

    fn talk(&self) -> BoxedStrategy<Vec<Unit>> {
        let hello = prop_oneof![
            3 => Just("250-mx\r\n250-PIPELINING\r\n250-SIZE 9000\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n"),
            1 => Just("250-mx\r\n250-CHUNKING\r\n250-PIPELINING\r\n250 AUTH LOGIN\r\n"),
            1 => Just("250-mx\r\n250-AUTH SCRAM-SHA-256\r\n250 SMTPUTF8\r\n"),
            1 => Just("250-mx\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250-MT-PRIORITY\r\n250-DELIVERBY\r\n\
                       250-LIMITS MAILMAX=3\r\n250 FUTURERELEASE 99 2030-01-01T00:00:00Z\r\n"),
            1 => Just("250-mx\r\n250-AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n250 SMTPUTF8\r\n"),
            1 => Just("250-mx\r\n250 AUTH XOAUTH2 OAUTHBEARER EXTERNAL\r\n"),
            1 => Just("250-mx\r\n250 AUTH XOAUTH2\r\n"),
            1 => Just("250 mx\r\n"),
        ];
        let opening = prop_oneof![
            1 => Just(Vec::new()).boxed(),
            4 => hello.prop_map(|hello| vec![
                Unit::new("220 mx ready\r\n"), Unit::new(hello), Unit::new("235 2.7.0 in\r\n"),
            ]).boxed(),
            1 => Just(vec![
                Unit::new("220 mx ready\r\n"),
                Unit::new("250-mx\r\n250 STARTTLS\r\n"),
                Unit::waiting("220 go ahead\r\n"),
                Unit::new("250-mx\r\n250 PIPELINING\r\n"),
            ]).boxed(),
        ];
        (opening, vec(unit(), 0..16))
            .prop_map(|(mut talk, more)| {
                talk.extend(more);
                talk
            })
            .boxed()
    }

    fn idle(&self) -> Vec<Unit> {
        Unit::lines(&["220 mx ready"])
    }

    fn injection(&self) -> Option<Vec<Unit>> {
        let talk = ["220 mx ready", "250-mx", "250 STARTTLS", "220 go ahead", "250 evil"];
        (!self.tls).then(|| Unit::lines(&talk))
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        8 => "(250 2.1.0 ok|250 ok|354 go on|235 in|221 bye|550 5.1.1 no|451 4.3.0 later|421 4.3.2 bye|334 |220 x)"
            .prop_map(|line| Unit::new(format!("{line}\r\n"))),
        2 => "(250-[a-zA-Z ]{0,9}\r\n){0,3}250 x\r\n".prop_map(Unit::new),
        1 => "334 [A-Za-z0-9+/]{0,12}={0,2}\r\n".prop_map(Unit::new),
        1 => "(250-a\r\n251 b|25 x|2500 x|999 x|250|250 |-|abc)\r\n".prop_map(Unit::new),
        1 => (500_usize..700).prop_map(|n| Unit::new(format!("250 {}\r\n", "x".repeat(n)))),
        1 => (4_usize..8).prop_map(|n| Unit::new(format!("250-{}\r\n", "x".repeat(300)).repeat(n))),
        1 => vec(any::<u8>(), 0..9).prop_map(Unit::new),
        1 => "[ -~\r\n\0]{0,12}(\r\n)?".prop_map(Unit::new),
    ]
}

/// Messages to send.
#[derive(Debug)]
pub struct Outbox {
    calm: bool,
    pieces: u64,
}

impl Script<SmtpClient> for Outbox {
    fn look(&self, event: &Event<'_>) -> Look {
        Look { ended: matches!(event, Event::Ended(_)), ..Look::default() }
    }

    fn answer(&mut self, event: Event<'_>, random: &mut Random) -> Option<Answered<SmtpClient>> {
        Some(match event {
            Event::Ready(ask) => {
                self.pieces = random.below(4);
                let recipients = ["bob@b.example", "carol@c.example", "j\u{f6}rg@d.example"];
                let count = 1 + random.below(3) as usize;
                let order = Order::Send(Box::new(Envelope {
                    sender: "alice@a.example".parse().ok(),
                    recipients: recipients[..count]
                        .iter()
                        .filter_map(|text| text.parse().ok())
                        .map(|address: posthaste_core::grammar::address::Address| {
                            Recipient::from(address)
                        })
                        .collect(),
                    size: (random.below(2) == 0).then_some(9_000 + random.below(2)),
                    body: match random.below(6) {
                        0 => BodyKind::BinaryMime,
                        1 => BodyKind::EightBitMime,
                        _ => BodyKind::SevenBit,
                    },
                    priority: Priority::new(random.below(19) as i8 - 9),
                    release: (random.below(4) == 0).then_some(Release::For(99)),
                    by: DeliverBy::new(60, ByMode::Return).filter(|_| random.below(4) == 0),
                    requiretls: random.below(9) == 0,
                    ..Envelope::default()
                }));
                ask.with(match random.below(8) {
                    0 | 1 => Order::Quit,
                    2 => Order::Noop,
                    _ => order,
                })
            }
            Event::Source(ask) => {
                let octets =
                    Bytes::from_static(&b"A: b\r\n\r\n.c\n..\r"[..random.below(15) as usize]);
                if self.pieces == 0 {
                    return Some(ask.with(Piece::Last(octets)));
                }
                self.pieces -= 1;
                let bad = !self.calm && random.below(30) == 0;
                ask.with(if bad { Piece::Abort } else { Piece::More(octets) })
            }
            _ => return None,
        })
    }
}
