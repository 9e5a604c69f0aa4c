//! The POP3 server as a subject.

use std::sync::Arc;

use bytes::Bytes;
use posthaste_core::machine::{Answered, Machine, TlsFacts};
use posthaste_core::pop3::server::{
    Admission, Config, Event, Opened, Piece, Server, Updated, Wanted,
};
use posthaste_core::pop3::{Maildrop, Pop3, Uid};
use posthaste_core::sasl::{Found, Grant, Mechanism, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Look, Script, Subject, Unit};
use crate::sign_in;
use crate::simulator::random::Random;

/// A server that offers everything.
pub struct Pop3Server {
    config: Arc<Config>,
    /// TLS that comes first.
    tls: Option<TlsFacts>,
    mails: Arc<dyn Maildrop>,
}

impl Default for Pop3Server {
    fn default() -> Self {
        let config = Config {
            starttls: true,
            plaintext_auth: true,
            mechanisms: Mechanism::ALL.to_vec(),
            ..Config::new("pop.example")
        };
        Self { config: Arc::new(config), tls: None, mails: Arc::new(Mails) }
    }
}

impl Pop3Server {
    /// The same, with TLS from the first octet and a client that showed a certificate.
    #[must_use]
    pub fn under_tls() -> Self {
        Self { tls: Some(sign_in::SHOWN), ..Self::default() }
    }
}

impl Subject for Pop3Server {
    type Protocol = Pop3;
    type Machine = Server;
    type Script = Host;

    const SECRETS: &'static [&'static str] = sign_in::SECRETS;

    fn machine(&self) -> Server {
        let mut server = Server::new(self.config.clone());
        if let Some(facts) = self.tls {
            server.secured(facts);
        }
        server
    }

    fn script(&self, calm: bool) -> Host {
        Host { calm, mails: self.mails.clone(), number: 0, sent: 0 }
    }

    fn talk(&self) -> BoxedStrategy<Vec<Unit>> {
        let opening = prop_oneof![
            if self.tls.is_some() { 12 } else { 1 } => sign_in::talks("AUTH"),
            1 => Just(Vec::new()),
            1 => Just(Unit::lines(&["USER alice", "PASS c4narybird"])),
            1 => Just(Unit::lines(&["AUTH PLAIN AGFsaWNlAGM0bmFyeWJpcmQ="])),
            1 => Just(Unit::lines(&["AUTH LOGIN", "YWxpY2U=", "YzRuYXJ5YmlyZA=="])),
            1 => Just(Unit::lines(&["AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj", "Yz1iaXdz", "*"])),
            1 => Just(vec![Unit::waiting("STLS\r\n"), Unit::new("USER alice\r\nPASS c4narybird\r\n")]),
        ];
        (opening, vec(unit(), 0..14))
            .prop_map(|(mut talk, more)| {
                talk.extend(more);
                talk
            })
            .boxed()
    }

    fn idle(&self) -> Vec<Unit> {
        // Signed in, and behind a message and a listing.
        Unit::lines(&["USER alice", "PASS c4narybird", "LIST", "RETR 1", "UIDL", "NOOP"])
    }

    fn injection(&self) -> Option<Vec<Unit>> {
        self.tls.is_none().then(|| Unit::lines(&["STLS", "USER alice", "PASS c4narybird"]))
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        8 => prop_oneof![
            "(STAT|LIST|UIDL|NOOP|RSET|CAPA|UTF8|LANG|LANG en|LANG xx|list 2|UIDL 3|AUTH)",
            "(RETR|DELE|TOP|LIST) [0-6]{1,2}",
            "TOP [1-5] [0-4]",
            "(USER [a-z]{1,9}|PASS c4narybird|PASS .{0,9}|USER)",
        ].prop_map(|line| Unit::new(format!("{line}\r\n"))),
        1 => Just(Unit::new("QUIT\r\n")),
        1 => Just(Unit::waiting("STLS\r\n")),
        1 => Just(Unit::new("AUTH PLAIN\r\n")),
        1 => Just(Unit::new("AGFsaWNlAGM0bmFyeWJpcmQ=\r\n")),
        1 => Just(Unit::new("*\r\n")),
        1 => (480_usize..540).prop_map(|n| Unit::new(format!("USER {}\r\n", "x".repeat(n)))),
        2 => vec(any::<u8>(), 0..9).prop_map(Unit::new),
        2 => "[ -~\r\n\0]{0,12}(\r\n)?".prop_map(Unit::new),
        1 => "[A-Za-z]{3,6}( [ -~]{0,9})?\r\n".prop_map(Unit::new),
    ]
}

/// A host with five messages, which now and then says no.
pub struct Host {
    calm: bool,
    mails: Arc<dyn Maildrop>,
    number: u32,
    sent: usize,
}

const MAILS: [&[u8]; 5] = [
    b"A: b\r\n\r\n.one\r\n..\r\ntwo\r\n",
    b"C: d\r\n\r\n",
    b"",
    b".no end\r",
    b"E: f\r\n.g\n.h\r\n\r\nx\r\n.\r\ny",
];

struct Mails;

impl Maildrop for Mails {
    fn count(&self) -> u32 {
        MAILS.len() as u32
    }

    fn size(&self, number: u32) -> u64 {
        MAILS[number as usize - 1].len() as u64
    }

    fn uid(&self, number: u32, uid: &mut Uid<'_>) {
        uid.push(&b"abcde"[number as usize - 1..]);
    }
}

impl Host {
    /// Below `bound`; small means trouble.
    fn mood(&self, bound: u64, random: &mut Random) -> u64 {
        if self.calm { bound - 1 } else { random.below(bound) }
    }

    fn first(&mut self, wanted: Wanted, random: &mut Random) -> Piece {
        (self.number, self.sent) = (wanted.number, 0);
        match self.mood(12, random) {
            0 => Piece::Utf8,
            1 => Piece::Unavailable,
            _ => self.next(random),
        }
    }

    fn next(&mut self, random: &mut Random) -> Piece {
        if self.mood(50, random) == 0 {
            return Piece::Broken;
        }
        let mail = MAILS[self.number as usize - 1];
        let from = self.sent;
        self.sent = mail.len().min(from + random.below(9) as usize);
        let octets = Bytes::from_static(&mail[from..self.sent]);
        if self.sent == mail.len() { Piece::Last(octets) } else { Piece::Part(octets) }
    }
}

impl Script<Pop3> for Host {
    fn look(&self, event: &Event<'_>) -> Look {
        let lines = match event {
            Event::Connected(_)
            | Event::Ended(_)
            | Event::More(_)
            | Event::Open(_)
            | Event::Secured(_) => 0,
            _ => 1,
        };
        let user = match event {
            Event::Bearer(_, token) => token.user.clone(),
            Event::External(_, certificate) => certificate.authorization.clone(),
            _ => None,
        };
        Look { lines, ended: matches!(event, Event::Ended(_)), user, ..Look::default() }
    }

    fn answer(&mut self, event: Event<'_>, random: &mut Random) -> Option<Answered<Pop3>> {
        Some(match event {
            Event::Connected(ask) => ask.with(if self.mood(20, random) > 0 {
                Admission::Accept
            } else {
                Admission::Refuse
            }),
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
            Event::Open(ask) => ask.with(match self.mood(12, random) {
                0 => Opened::InUse,
                1 => Opened::Unavailable,
                2 => Opened::Broken,
                _ => Opened::Ready(self.mails.clone()),
            }),
            Event::Retr(ask, wanted) | Event::Top(ask, wanted, _) => {
                ask.with(self.first(wanted, random))
            }
            Event::More(ask) => ask.with(self.next(random)),
            Event::Update(ask, _) => ask.with(match self.mood(3, random) {
                0 => Updated::Unavailable,
                1 => Updated::Broken,
                _ => Updated::Durable,
            }),
            _ => return None,
        })
    }
}
