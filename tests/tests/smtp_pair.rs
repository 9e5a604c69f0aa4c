//! Our client against our server: any message, any envelope, any extensions, over a network that cuts everything and
//! now and then breaks, with a host that now and then refuses or hangs up.
//!
//! A message arrives as it was promised, at exactly the recipients of which the sender heard yes; or the sender knows
//! why not; or the connection ended behind the end of the message, and then nobody can say. Never two of these,
//! never a part, never for ever.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use posthaste_core::grammar::address::Address;
use posthaste_core::machine::{End, Reason};
use posthaste_core::sasl::client::{Account, Exchange};
use posthaste_core::sasl::{Found, Hash, Known, Mechanism, Verdict, Verifier};
use posthaste_core::session::{Act, Pair, Place};
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::client::{self, Client, Envelope, Order, Piece, TlsPolicy};
use posthaste_core::smtp::extension::{
    BodyKind, ByMode, DeliverBy, FutureRelease, Notify, Priority, Release, Ret, Until,
};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::MailFrom;
use posthaste_core::smtp::server::{self, Admission, Decision, Outcome, Role, Server};
use posthaste_core::smtp::{Smtp, SmtpClient};
use posthaste_core::text::Secret;
use posthaste_tests::safety::wire::normal;
use posthaste_tests::simulator::link::Weather;
use posthaste_tests::simulator::random::Random;
use posthaste_tests::simulator::world::World;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

/// A message to send.
#[derive(Clone, Debug)]
struct Message {
    text: Text,
    kind: BodyKind,
    recipients: usize,
    /// Addresses are UTF-8.
    utf8: bool,
    /// SIZE is told.
    sized: bool,
    /// It says what it says in parameters of DSN, MT-PRIORITY, FUTURERELEASE, DELIVERBY, REQUIRETLS.
    says: [bool; 5],
    /// It cannot be had behind so many pieces.
    breaks_off: Option<usize>,
}

#[derive(Clone)]
struct Text(Vec<u8>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Who talks to whom, and about what.
#[derive(Clone, Debug)]
struct Case {
    role: Role,
    /// Of the server.
    offers: Offers,
    /// Of the client: pipelining, chunking, sign-in in clear, signs in.
    uses: [bool; 4],
    tls: u8,
    message_size: u64,
    text_line: usize,
    most_recipients: u32,
    transactions: u32,
    messages: Vec<Message>,
    /// In a thousand: how often the host refuses, and hangs up.
    refuses: u64,
    hangs_up: u64,
    foul: bool,
    breaks: u64,
    seed: u64,
}

/// What a server may offer, or not.
#[derive(Clone, Debug)]
struct Offers {
    starttls: bool,
    require_tls: bool,
    plain: bool,
    scram: bool,
    auth_in_clear: bool,
    pipelining: bool,
    eight_bit: bool,
    chunking: bool,
    binarymime: bool,
    smtputf8: bool,
    dsn: bool,
    mt_priority: bool,
    future_release: bool,
    deliver_by: bool,
    requiretls: bool,
}

/// Seconds for which a server holds messages, and for which it is asked to.
const HOLDS: u32 = 60;

fn offers() -> impl Strategy<Value = Offers> {
    // Most pairs come to mail: a server that offers no sign-in, and a client that wants one, do not.
    let at = proptest::bool::weighted;
    let sessions = (at(0.6), at(0.2), at(0.9), at(0.3), at(0.8), at(0.7), at(0.8));
    let messages = (at(0.6), at(0.7), at(0.7), at(0.6), at(0.6), at(0.7), at(0.7), at(0.5));
    (sessions, messages).prop_map(
        |(
            (starttls, require_tls, plain, scram, auth_in_clear, pipelining, eight_bit),
            (
                chunking,
                binarymime,
                smtputf8,
                dsn,
                mt_priority,
                future_release,
                deliver_by,
                requiretls,
            ),
        )| Offers {
            starttls,
            require_tls: starttls && require_tls,
            plain,
            scram,
            auth_in_clear,
            pipelining,
            eight_bit,
            chunking,
            binarymime: chunking && binarymime,
            smtputf8,
            dsn,
            mt_priority,
            future_release,
            deliver_by,
            requiretls,
        },
    )
}

fn text() -> impl Strategy<Value = Text> {
    let piece = prop_oneof![
        6 => "[a-z .]{0,20}\r\n".prop_map(String::into_bytes),
        2 => "\\.{0,3}\r\n".prop_map(String::into_bytes),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n.\n".to_vec()),
        1 => Just(b"\r\n.\r\nMAIL FROM:<x@c.test>\r\n".to_vec()),
        1 => vec(128u8..=255, 0..20),
        1 => (0usize..300).prop_map(|n| vec![b'x'; n]),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..12).prop_map(|pieces| Text(pieces.concat()))
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![
        4 => Just(BodyKind::SevenBit),
        3 => Just(BodyKind::EightBitMime),
        2 => Just(BodyKind::BinaryMime),
    ];
    let at = proptest::bool::weighted;
    let says = [at(0.4), at(0.2), at(0.1), at(0.2), at(0.03)];
    let breaks_off = proptest::option::weighted(0.1, 0usize..4);
    (text(), kind, 1usize..5, at(0.2), any::<bool>(), says, breaks_off).prop_map(
        |(text, kind, recipients, utf8, sized, says, breaks_off)| Message {
            text,
            kind,
            recipients,
            utf8,
            sized,
            says,
            breaks_off,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let role = prop_oneof![Just(Role::Smtp), Just(Role::Lmtp), Just(Role::Submission)];
    let trouble = prop_oneof![
        3 => Just((0, 0, 0)),
        2 => Just((150, 0, 0)),
        2 => Just((60, 40, 0)),
        1 => Just((30, 0, 4)),
        1 => Just((100, 20, 2)),
    ];
    let at = proptest::bool::weighted;
    let uses = [at(0.6), at(0.7), at(0.8), at(0.2)];
    let tls = prop_oneof![2 => Just(0u8), 5 => Just(1), 1 => Just(2)];
    (
        (role, offers(), uses, tls),
        (
            prop_oneof![1 => 60u64..900, 2 => Just(100_000)],
            prop_oneof![1 => 20usize..400, 2 => Just(100_000)],
            3u32..9,
            3u32..7,
        ),
        vec(message(), 1..5),
        (trouble, any::<bool>(), any::<u64>()),
    )
        .prop_map(
            |(
                (role, offers, uses, tls),
                (message_size, text_line, most_recipients, transactions),
                messages,
                ((refuses, hangs_up, breaks), foul, seed),
            )| Case {
                role,
                offers,
                uses,
                tls,
                message_size,
                text_line,
                most_recipients,
                transactions,
                messages,
                refuses,
                hangs_up,
                foul,
                breaks,
                seed,
            },
        )
}

impl Case {
    fn server(&self) -> server::Config {
        let offers = &self.offers;
        let mut config = server::Config::new(self.role, "mx.test");
        config.starttls = offers.starttls;
        config.require_tls = offers.require_tls;
        if offers.plain {
            config.mechanisms.push(Mechanism::Plain);
        }
        if offers.scram {
            config.mechanisms.push(Mechanism::ScramSha256);
        }
        config.plaintext_auth = offers.auth_in_clear;
        config.pipelining = offers.pipelining;
        config.eight_bit = offers.eight_bit;
        config.chunking = offers.chunking;
        config.binarymime = offers.binarymime;
        config.smtputf8 = offers.smtputf8;
        config.dsn = offers.dsn;
        config.mt_priority = offers.mt_priority;
        config.future_release = offers.future_release.then_some(FutureRelease {
            seconds: HOLDS,
            until: Until::from_unix(4_000_000_000).expect("a time"),
        });
        config.deliver_by = offers.deliver_by.then_some(0);
        config.requiretls = offers.requiretls;
        config.limits.message_size = self.message_size;
        config.limits.text_line = self.text_line;
        config.limits.recipients = self.most_recipients;
        config.limits.transactions = self.transactions;
        config
    }

    fn client(&self) -> client::Config {
        let [pipelining, chunking, clear, signs_in] = self.uses;
        let mut config = client::Config::new("me.test");
        config.lmtp = self.role == Role::Lmtp;
        config.tls =
            [TlsPolicy::Never, TlsPolicy::Offered, TlsPolicy::Required][usize::from(self.tls)];
        config.pipelining = pipelining;
        config.chunking = chunking;
        config.plaintext_auth = clear;
        if signs_in || self.role == Role::Submission {
            config.account = Account::new("ann", "secret").ok();
        }
        config
    }

    fn weather(&self) -> Weather {
        let weather = if self.foul { Weather::FOUL } else { Weather::FAIR };
        Weather { breaks: self.breaks, ..weather }
    }

    /// The text as it is promised to arrive.
    fn promised(message: &Message) -> Vec<u8> {
        match message.kind {
            BodyKind::BinaryMime => message.text.0.clone(),
            _ => normal(&message.text.0),
        }
    }

    /// Whether nothing stands between a message and its recipients, if both sides get as far as that.
    fn must_arrive(&self, at: usize, message: &Message) -> bool {
        let offers = &self.offers;
        let promised = Self::promised(message);
        let [_, _, held, returned, requires_tls] = message.says;
        let lines_fit =
            promised.split_inclusive(|c| *c == b'\n').all(|l| l.len() <= self.text_line);
        let fits = match message.kind {
            BodyKind::BinaryMime => offers.binarymime,
            BodyKind::EightBitMime if !offers.eight_bit => false,
            _ => lines_fit && !promised.contains(&0),
        };
        message.breaks_off.is_none()
            && !(offers.require_tls && self.tls == 0)
            && promised.len() as u64 <= self.message_size
            && (!message.sized || message.text.0.len() as u64 <= self.message_size)
            && fits
            && (offers.smtputf8 || !message.utf8)
            // RFC 4865 §4: submission has it, and nobody else.
            && (offers.future_release && self.role == Role::Submission || !held)
            && (offers.deliver_by || !returned)
            // Nobody vouches for the TLS of this world.
            && !requires_tls
            && message.recipients <= self.most_recipients as usize
            && at < self.transactions as usize
    }
}

const NOTIFY: Notify = Notify::FAILURE.and(Notify::DELAY);
const ORCPT: &str = "a+b=c@d.test";
const ENVID: &str = "an id, with +=";

/// What the sender knows of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    /// The session ended behind the end of the message.
    Maybe,
    /// The session ended before.
    NotSent,
    /// Nothing was heard yet.
    Open,
    /// In the words that the sender heard.
    Refused(String),
}

#[derive(Default)]
struct Book {
    /// By message and recipient.
    fates: BTreeMap<(usize, usize), Fate>,
    /// What the server's host has kept: message, recipient, text.
    kept: Vec<(usize, usize, Vec<u8>)>,
    client_end: Option<End>,
    server_end: Option<End>,
    gave_up: Option<String>,
}

type Shared = Rc<RefCell<Book>>;

/// The sender's side.
struct Sender {
    case: Case,
    book: Shared,
    random: Random,
    /// The message under way, what is left of it, and whether its last octets were handed over.
    now: Option<usize>,
    next: usize,
    rest: Bytes,
    pieces: usize,
    all_said: bool,
    accepted: Vec<usize>,
}

impl Sender {
    fn set(&self, which: impl IntoIterator<Item = usize>, fate: &Fate) {
        let Some(now) = self.now else { return };
        let mut book = self.book.borrow_mut();
        for recipient in which {
            let known = book.fates.get_mut(&(now, recipient)).expect("a recipient");
            if *known == Fate::Open {
                *known = fate.clone();
            }
        }
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.now.map_or(0, |now| self.case.messages[now].recipients)
    }

    fn heard(&self, which: impl IntoIterator<Item = usize>, response: client::Response<'_>) {
        match response.code() {
            200..300 => self.set(which, &Fate::Accepted),
            400.. => self.set(which, &Fate::Refused(response.to_string())),
            other => panic!("{other}"),
        }
    }

    fn envelope(&self, message: &Message, number: usize) -> Envelope {
        let [dsn, urgent, held, returned, requiretls] = message.says;
        let name = if message.utf8 { "\u{e9}" } else { "r" };
        let address = |text: String| text.parse::<Address>().expect("an address");
        let recipient = |n| Recipient {
            address: address(format!("{name}{n}@d.test")),
            notify: dsn.then_some(NOTIFY),
            orcpt: dsn.then(|| format!("rfc822;{ORCPT}").into()),
        };
        Envelope {
            sender: Some(address(format!("m{number}@c.test"))),
            recipients: (0..message.recipients).map(recipient).collect(),
            size: message.sized.then_some(message.text.0.len() as u64),
            body: message.kind,
            ret: dsn.then_some(Ret::Headers),
            envid: dsn.then(|| ENVID.into()),
            priority: Priority::new(4).filter(|_| urgent),
            release: held.then_some(Release::For(HOLDS)),
            by: DeliverBy::new(100, ByMode::Return).filter(|_| returned),
            requiretls,
            ..Envelope::default()
        }
    }

    fn handle(&mut self, event: client::Event<'_>) -> Act<SmtpClient> {
        use client::Event;
        match event {
            Event::Ready(ask) => {
                // What came of the one before is known, for each recipient.
                if let Some(now) = self.now.take() {
                    let book = self.book.borrow();
                    let open =
                        book.fates.iter().find(|((m, _), fate)| *m == now && **fate == Fate::Open);
                    assert_eq!(open, None, "nobody knows");
                }
                let number = self.next;
                let Some(message) = self.case.messages.get(number) else {
                    return ask.with(Order::Quit).into();
                };
                self.next += 1;
                self.now = Some(number);
                self.rest = message.text.0.clone().into();
                (self.pieces, self.all_said) = (0, false);
                self.accepted.clear();
                return ask.with(Order::Send(Box::new(self.envelope(message, number)))).into();
            }
            Event::NotSent(why) => self.set(self.all(), &Fate::Refused(why.to_string())),
            Event::GaveUp(why) => self.book.borrow_mut().gave_up = Some(why.to_string()),
            Event::Sender(response) if response.code() >= 400 => self.heard(self.all(), response),
            Event::Recipient(number, response) => {
                if response.is_positive() {
                    self.accepted.push(number as usize);
                } else {
                    self.heard([number as usize], response);
                }
            }
            Event::Data(response) | Event::Chunk(response) if response.code() >= 400 => {
                self.heard(self.accepted.clone(), response);
            }
            Event::Source(ask) => {
                let message = &self.case.messages[self.now.expect("a message")];
                if message.breaks_off.is_some_and(|pieces| pieces <= self.pieces) {
                    return ask.with(Piece::Abort).into();
                }
                self.pieces += 1;
                let size = self.random.below(self.rest.len() as u64 + 2) as usize;
                let piece = self.rest.split_to(size.min(self.rest.len()));
                if self.rest.is_empty() && self.random.chance(700) {
                    self.all_said = true;
                    return ask.with(Piece::Last(piece)).into();
                }
                return ask.with(Piece::More(piece)).into();
            }
            Event::Delivery(None, response) => self.heard(self.accepted.clone(), response),
            Event::Delivery(Some(number), response) => self.heard([number as usize], response),
            Event::Ended(end) => {
                let fate = if self.all_said { Fate::Maybe } else { Fate::NotSent };
                self.set(self.all(), &fate);
                self.book.borrow_mut().client_end = Some(end);
            }
            _ => {}
        }
        Act::Done
    }
}

/// The server's host.
struct Host {
    case: Case,
    book: Shared,
    random: Random,
    message: usize,
    recipients: Vec<usize>,
    text: Vec<u8>,
}

impl Host {
    fn refusal(&mut self) -> Option<Reply> {
        if !self.random.chance(self.case.refuses) {
            return None;
        }
        Some(match self.random.below(8) {
            0 => Reply::new(421, Enhanced(4, 3, 2), "go away"),
            1..=4 => Reply::new(450, Enhanced(4, 2, 0), "not now"),
            _ => Reply::new(550, Enhanced(5, 7, 1), "not ever"),
        })
    }

    fn decide(&mut self) -> Decision {
        self.refusal().map_or(Decision::Accept, Decision::Refuse)
    }

    /// What MAIL says is what the sender had in mind, as far as it was offered.
    fn check_envelope(&self, from: &MailFrom<'_>) {
        let (message, offers) = (&self.case.messages[self.message], &self.case.offers);
        let [dsn, urgent, held, returned, _] = message.says;
        assert_eq!(from.size, message.sized.then_some(message.text.0.len() as u64));
        assert_eq!(from.body, message.kind);
        assert_eq!(from.smtputf8, message.utf8);
        assert_eq!(from.ret, (dsn && offers.dsn).then_some(Ret::Headers));
        let envid = from.envid.map(|envid| envid.decoded().to_vec());
        assert_eq!(envid, (dsn && offers.dsn).then(|| ENVID.as_bytes().to_vec()));
        let level = from.priority.map(Priority::level);
        assert_eq!(level, (urgent && offers.mt_priority).then_some(4));
        assert_eq!(from.release, held.then_some(Release::For(HOLDS)));
        assert_eq!(from.by.map(DeliverBy::seconds), returned.then_some(100));
        assert!(!from.requiretls);
    }

    fn keep(&mut self, recipient: usize) {
        let kept = (self.message, recipient, self.text.clone());
        self.book.borrow_mut().kept.push(kept);
    }

    fn handle(&mut self, event: server::Event<'_>) -> Act<Smtp> {
        use server::Event;
        let hangs_up = self.random.chance(self.case.hangs_up);
        let reasons = [Reason::Abuse, Reason::Lost, Reason::Overload, Reason::Shutdown];
        let why = reasons[self.random.below(4) as usize];
        if hangs_up && !matches!(event, Event::BodyEnd(..) | Event::Ended(_)) {
            return Act::Close(why);
        }
        match event {
            Event::Connected(ask) => {
                let refused = self.refusal().map_or(Admission::Accept, Admission::Refuse);
                ask.with(refused).into()
            }
            Event::SignIn(ask, credentials) => {
                let right = credentials.password().expose() == b"secret";
                ask.with(if right { Verdict::Accepted } else { Verdict::Rejected }).into()
            }
            Event::Lookup(ask, _) => {
                // The fewest rounds that our client goes along with (RFC 7677 §4).
                static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
                    Verifier::derive(Hash::Sha256, Secret::new(b"secret"), b"salt", 4_096)
                });
                let verifier = VERIFIER.clone();
                ask.with(Found::Known(Box::new(Known { verifier, nonce: [9; Known::NONCE] })))
                    .into()
            }
            Event::Mail(ask, from) => {
                let mailbox = from.path.mailbox().expect("a sender");
                let number = mailbox.local.as_str().strip_prefix('m').expect("our sender");
                self.message = number.parse().expect("a number");
                self.check_envelope(&from);
                self.recipients.clear();
                ask.with(self.decide()).into()
            }
            Event::Recipient(ask, to) => {
                let mailbox = to.path.mailbox().expect("a mailbox");
                let number = mailbox.local.as_str().trim_start_matches(['r', '\u{e9}']);
                let message = &self.case.messages[self.message];
                let dsn = message.says[0] && self.case.offers.dsn;
                assert_eq!(to.notify, dsn.then_some(NOTIFY));
                let orcpt = to.orcpt.map(|orcpt| orcpt.address.decoded().to_vec());
                assert_eq!(orcpt, dsn.then(|| ORCPT.as_bytes().to_vec()));
                let decision = self.decide();
                if decision == Decision::Accept {
                    self.recipients.push(number.parse().expect("a number"));
                }
                ask.with(decision).into()
            }
            Event::Data(ask, _) => {
                self.text.clear();
                ask.with(self.decide()).into()
            }
            Event::Body(run) => {
                self.text.extend_from_slice(run.as_bytes());
                Act::Done
            }
            Event::BodyEnd(ask, received) => {
                assert_eq!(received.recipients as usize, self.recipients.len());
                let recipients = self.recipients.clone();
                if self.case.role == Role::Lmtp {
                    let each = recipients.into_iter().map(|recipient| match self.refusal() {
                        Some(refusal) if refusal.code() != 421 => refusal,
                        _ => {
                            self.keep(recipient);
                            Reply::taken("kept")
                        }
                    });
                    let each = each.collect();
                    return ask.with(Outcome::Each(each)).into();
                }
                if let Some(refusal) = self.refusal() {
                    return ask.with(Outcome::All(refusal)).into();
                }
                recipients.into_iter().for_each(|recipient| self.keep(recipient));
                if self.random.chance(6 * self.case.hangs_up) {
                    // It is kept, and nobody says so.
                    return Act::Close(Reason::Lost);
                }
                ask.with(Outcome::All(Reply::taken("kept"))).into()
            }
            Event::Ended(end) => {
                self.book.borrow_mut().server_end = Some(end);
                Act::Done
            }
            _ => Act::Done,
        }
    }
}

/// What came of all cases.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    accepted: usize,
    refused: usize,
    not_sent: usize,
    maybe: usize,
    maybe_kept: usize,
    by_bdat: usize,
    binary: usize,
}

fn run(case: &Case, tally: &RefCell<Tally>) {
    let book = Shared::default();
    for (number, message) in case.messages.iter().enumerate() {
        for recipient in 0..message.recipients {
            book.borrow_mut().fates.insert((number, recipient), Fate::Open);
        }
    }
    let mut random = Random::new(case.seed);
    let mut sender = Sender {
        case: case.clone(),
        book: book.clone(),
        random: Random::new(random.bits()),
        now: None,
        next: 0,
        rest: Bytes::new(),
        pieces: 0,
        all_said: false,
        accepted: Vec::new(),
    };
    let mut host = Host {
        case: case.clone(),
        book: book.clone(),
        random: Random::new(random.bits()),
        message: 0,
        recipients: Vec::new(),
        text: Vec::new(),
    };
    let mut world: World<_, _> = World::new(random.bits(), case.weather());
    let key = world.next_key();
    let client = Pair::new(
        Client::new(Arc::new(case.client()), [7; Exchange::NONCE]),
        move |event: client::Event<'_>, _: &Place<SmtpClient>| sender.handle(event),
        Place::new(world.to_clients.clone(), key),
    );
    let server = Pair::new(
        Server::new(Arc::new(case.server())),
        move |event: server::Event<'_>, _: &Place<Smtp>| host.handle(event),
        Place::new(world.to_servers.clone(), key),
    );
    world.connect(client, server);
    // Panics when both wait for ever.
    world.run();
    // Whatever waits in clocks: nobody waited for one.
    assert!(world.now < 240_000_000, "somebody waited for a deadline: {} µs", world.now);
    let book = book.borrow();
    check(case, &book);
    let mut tally = tally.borrow_mut();
    tally.cases += 1;
    let chunks = case.offers.chunking && case.uses[1];
    for ((number, recipient), fate) in &book.fates {
        match fate {
            Fate::Accepted => {
                tally.accepted += 1;
                tally.by_bdat += usize::from(chunks);
                tally.binary += usize::from(case.messages[*number].kind == BodyKind::BinaryMime);
            }
            Fate::Maybe => {
                tally.maybe += 1;
                let kept = book.kept.iter().any(|(m, r, _)| (m, r) == (number, recipient));
                tally.maybe_kept += usize::from(kept);
            }
            Fate::NotSent | Fate::Open => tally.not_sent += 1,
            Fate::Refused(_) => tally.refused += 1,
        }
    }
}

fn check(case: &Case, book: &Book) {
    let ends = (book.client_end, book.server_end, &book.gave_up);
    // Neither breaks the protocol in the eyes of the other.
    for end in [book.client_end.expect("an end"), book.server_end.expect("an end")] {
        let fine = !matches!(end, End::Violation | End::Injection | End::Timeout);
        assert!(fine, "{ends:?}");
    }
    for ((number, recipient), fate) in &book.fates {
        let message = &case.messages[*number];
        let copies: Vec<&Vec<u8>> = book
            .kept
            .iter()
            .filter(|(m, r, _)| (m, r) == (number, recipient))
            .map(|(_, _, text)| text)
            .collect();
        let context = format!("message {number}, recipient {recipient}: {fate:?}, {ends:?}");
        assert!(copies.iter().all(|copy| **copy == Case::promised(message)), "changed: {context}");
        match fate {
            Fate::Accepted => assert_eq!(copies.len(), 1, "{context}"),
            Fate::Maybe => assert!(copies.len() <= 1, "{context}"),
            Fate::NotSent | Fate::Open => assert_eq!(copies.len(), 0, "{context}"),
            Fate::Refused(why) => {
                assert_eq!(copies.len(), 0, "{context}");
                assert!(!why.is_empty(), "{context}");
            }
        }
        if *fate == Fate::Open {
            // The session did not come to it: it gave up and said why, it broke off, or it was told to go.
            assert_ne!(book.client_end, Some(End::Quit), "{context}");
        }
        let calm = case.refuses + case.hangs_up + case.breaks == 0;
        // One that breaks off, or is far too big for what was told, ends the session.
        let far_too_big =
            |m: &Message| Case::promised(m).len() as u64 > case.message_size && !m.sized;
        let earlier = &case.messages[..*number];
        let all_before = !earlier.iter().any(|m| m.breaks_off.is_some() || far_too_big(m));
        if calm && all_before && book.gave_up.is_none() && case.must_arrive(*number, message) {
            assert_eq!(*fate, Fate::Accepted, "nothing stood against it: {context}");
        }
    }
}

#[test]
fn every_message_arrives_or_the_sender_knows_why_not() {
    let runs = Runs { failure_persistence: None, ..Runs::default() };
    let runs = Runs { cases: runs.cases * 4, ..runs };
    let (tally, many) = (RefCell::new(Tally::default()), runs.cases >= 1_000);
    TestRunner::new(runs)
        .run(&case(), |case| {
            run(&case, &tally);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let tally = tally.into_inner();
    println!(
        "{} sessions: {} copies answered 250 and all there, unchanged ({} by BDAT, {} of them binary); {} refused with \
         a reason and none there; {} not sent and none there; {} cut off behind their end, of which {} there",
        tally.cases,
        tally.accepted,
        tally.by_bdat,
        tally.binary,
        tally.refused,
        tally.not_sent,
        tally.maybe,
        tally.maybe_kept
    );
    if many {
        let all = [tally.accepted, tally.by_bdat, tally.binary, tally.refused, tally.not_sent];
        assert!(all.iter().all(|count| *count > 20), "the cases are too kind, or too hard");
        assert!(tally.maybe > tally.maybe_kept && tally.maybe_kept > 0, "nothing was cut off");
    }
}
