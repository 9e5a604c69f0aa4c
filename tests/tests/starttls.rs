//! Nothing that is said in clear is heard under TLS: plaintext before, with and behind STARTTLS and its go-ahead.
//!
//! First the machines alone, 1,000 cuttings each from seeds; then real servers and a real client, with real TLS, for
//! which a go-between writes into the clear part of the conversation.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use posthaste_core::gate::{Arrival, Limits, Network, TlsMode};
use posthaste_core::machine::{Advance, End, Input, Instant, Machine, TlsFacts};
use posthaste_core::sasl::Mechanism;
use posthaste_core::sasl::client::Account;
use posthaste_core::smtp::client::{self, Client, Event, Order, Piece, TlsPolicy};
use posthaste_core::smtp::server::{Config, Role};
use posthaste_core::{imap, pop3, smtp};
use posthaste_host::{Host, Machines};
use posthaste_store::Memory;
use posthaste_tests::safety::cut::Cut;
use posthaste_tests::safety::receive::{Heard, Receiver};
use posthaste_tests::safety::send::envelope;
use posthaste_tests::simulator::inputs::inputs;
use posthaste_tests::simulator::random::Random;
use posthaste_tls::{
    Certificates, ClientTls, Factory, Handle, InboxOf, Listener, ServerTls, Source, Tls, Trust,
    Upgrade,
};

/// Cuttings of each machine.
const CUTTINGS: u64 = 1_000;

/// `NUL a NUL b` in base64.
const SIGN_IN: &str = "AUTH PLAIN AGEAYg==\r\n";

/// What a go-between says for the client. None of it is ever to be answered.
const SAID_FOR_THE_CLIENT: [&str; 24] = [
    "EHLO evil.test\r\n",
    "LHLO evil.test\r\n",
    "HELO evil.test\r\n",
    "AUTH PLAIN AGEAYg==\r\n",
    "AUTH LOGIN\r\nYQ==\r\nYg==\r\n",
    "AUTH SCRAM-SHA-256 biwsbj1hLHI9YWJj\r\n",
    "AUTH PLAIN\r\n",
    "*\r\n",
    "MAIL FROM:<evil@a.test>\r\n",
    "RCPT TO:<c@d.test>\r\n",
    "MAIL FROM:<evil@a.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nevil\r\n.\r\n",
    "MAIL FROM:<evil@a.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 6 LAST\r\nevil\r\n",
    "STARTTLS\r\n",
    "NOOP\r\n",
    "RSET\r\n",
    "QUIT\r\n",
    "EH",
    "M",
    "\r\n",
    "\n",
    "\0",
    " ",
    "\u{16}\u{3}\u{1}",
    "\u{15}\u{3}\u{3}\0\u{2}\u{1}\0",
];

/// What a client may have said before it says STARTTLS. Of this nothing is to be remembered.
const SAID_BEFORE: [&str; 9] = [
    "",
    "NOOP\r\n",
    SIGN_IN,
    "MAIL FROM:<a@b.test>\r\n",
    "MAIL FROM:<a@b.test> SMTPUTF8\r\nRCPT TO:<c@d.test>\r\n",
    "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 3\r\na\r\n",
    "AUTH LOGIN\r\n*\r\n",
    "BDAT 6 LAST\r\nNOOP\r\n",
    "EHLO again.test\r\nVRFY x\r\n",
];

/// What is asked under TLS to find out whether anything is remembered: the answers to these in a fresh session
/// under TLS are the answers.
const PROBES: [&str; 9] = [
    "RCPT TO:<c@d.test>\r\n",
    "BDAT 3 LAST\r\nb\r\n",
    "DATA\r\n",
    "MAIL FROM:<a@b.test>\r\n",
    SIGN_IN,
    "EHLO me.test\r\n",
    "RCPT TO:<c@d.test>\r\n",
    "MAIL FROM:<a@b.test>\r\n",
    "STARTTLS\r\n",
];

fn server(role: Role) -> Arc<Config> {
    let mut config = Config::new(role, "mx.test");
    config.starttls = true;
    config.mechanisms = Mechanism::ALL.to_vec();
    config.plaintext_auth = true;
    Arc::new(config)
}

fn hello(role: Role) -> &'static str {
    if role == Role::Lmtp { "LHLO me.test\r\n" } else { "EHLO me.test\r\n" }
}

fn probed(receiver: &mut Receiver, role: Role) -> Vec<String> {
    let probes = PROBES.iter().map(|probe| probe.replace("EHLO me.test\r\n", hello(role)));
    probes.map(|probe| String::from_utf8(receiver.ask(probe.as_bytes())).unwrap()).collect()
}

fn pick<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    from[random.below(from.len() as u64) as usize]
}

#[test]
fn the_server_answers_nothing_and_remembers_nothing() {
    let (mut injected, mut clean) = (0, 0);
    for seed in 0..CUTTINGS {
        let mut random = Random::new(seed);
        let role = [Role::Smtp, Role::Submission, Role::Lmtp][random.below(3) as usize];
        let before = format!("{}{}", hello(role), pick(&mut random, &SAID_BEFORE));
        let evil: String =
            (0..1 + random.below(3)).map(|_| pick(&mut random, &SAID_FOR_THE_CLIENT)).collect();
        let config = server(role);
        let context = format!("seed {seed}: {role:?} {before:?} {evil:?}");

        // A session without a go-between, for what is said in clear and nothing more.
        let mut honest = Receiver::new(&config);
        let _ = honest.hear(before.as_bytes());
        assert_eq!(honest.hear(b"STARTTLS\r\n"), Advance::Secure, "{context}");
        let said = honest.heard.said.clone();
        assert!(said.ends_with(b"220 2.0.0 Ready to start TLS\r\n"), "{context}");

        // With the command, cut anywhere; or behind it, when the machine waits for TLS already.
        let behind = random.chance(300);
        let mut victim = Receiver::new(&config);
        let wire = [before.as_bytes(), b"STARTTLS\r\n", if behind { b"" } else { evil.as_bytes() }];
        for piece in Cut::Seed(seed).pieces(&wire.concat()) {
            let _ = victim.hear(piece);
        }
        if behind {
            assert_eq!(victim.turn(), Advance::Secure, "{context}");
            for piece in Cut::Seed(seed).pieces(evil.as_bytes()) {
                let _ = victim.hear(piece);
            }
        }
        assert_eq!(victim.turn(), Advance::Closed, "{context}");
        assert_eq!(victim.heard.end, Some(End::Injection), "{context}");
        let text = |said: &[u8]| String::from_utf8_lossy(said).into_owned();
        assert_eq!(text(&victim.heard.said), text(&said), "{context}");
        let Heard { mails, recipients, sign_ins, messages, .. } = &honest.heard;
        assert_eq!(
            (&victim.heard.mails, &victim.heard.recipients, &victim.heard.sign_ins),
            (mails, recipients, sign_ins),
            "{context}"
        );
        assert_eq!(victim.heard.messages, *messages, "{context}");
        // Nor does TLS bring it back, should an adapter start it all the same.
        victim.server.secured(TlsFacts::TEST);
        assert_eq!(victim.ask(hello(role).as_bytes()), b"", "{context}");
        injected += 1;

        // The honest one goes on, as if it had just begun under TLS.
        honest.secure();
        let mut fresh = Receiver::new(&config);
        fresh.secure();
        assert_eq!(probed(&mut honest, role), probed(&mut fresh, role), "{context}");
        clean += 1;
    }
    println!(
        "server: {injected} cuttings with plaintext, 0 answers; {clean} sessions probed under TLS, 0 state kept"
    );
}

/// What a go-between says for the server, with or behind its go-ahead.
const SAID_FOR_THE_SERVER: [&str; 14] = [
    "250 2.0.0 Ok\r\n",
    "250-evil.test\r\n250 AUTH PLAIN LOGIN\r\n",
    "250-evil.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    "250-evil.test\r\n250 STARTTLS\r\n",
    "235 2.7.0 Welcome\r\n",
    "334 \r\n",
    "220 2.0.0 Ready to start TLS\r\n",
    "354 Go on\r\n",
    "421 4.3.2 Goodbye\r\n",
    "550 5.7.1 No\r\n",
    "25",
    "\r\n",
    "\0",
    "\u{16}\u{3}\u{3}",
];

/// A client with something to lose: a password, and a message.
struct Sender {
    client: Client,
    input: Input,
    said: Vec<u8>,
    events: Vec<String>,
    end: Option<End>,
}

impl Sender {
    fn new(tls: TlsPolicy) -> Self {
        let mut config = client::Config::new("me.test");
        config.tls = tls;
        config.account = Account::new("a", "b").ok();
        Self {
            client: Client::new(Arc::new(config), [9; 18]),
            input: Input::new(),
            said: Vec::new(),
            events: Vec::new(),
            end: None,
        }
    }

    fn hear(&mut self, octets: &[u8]) -> Advance {
        self.input.push(octets);
        loop {
            let wanted = self.client.advance(Instant::ZERO, &mut self.input, &mut self.said);
            if wanted != Advance::Event {
                return wanted;
            }
            let Some(event) = self.client.event(&self.input, &mut self.said) else { continue };
            self.events.push(format!("{event:?}"));
            let answered = match event {
                Event::Ready(ask) => ask.with(Order::Send(Box::new(envelope()))),
                Event::Source(ask) => ask.with(Piece::Last(b"text\r\n".as_slice().into())),
                Event::Ended(end) => {
                    self.end = Some(end);
                    continue;
                }
                _ => continue,
            };
            self.client.settle(answered, &mut self.said).unwrap();
        }
    }
}

#[test]
fn the_client_believes_nothing_and_remembers_nothing() {
    const GREETING: &str = "220 mx.test ESMTP\r\n";
    const OFFER: &str =
        "250-mx.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n";
    const GO: &str = "220 2.0.0 Ready to start TLS\r\n";
    let (mut dropped, mut refused, mut clean) = (0, 0, 0);
    for seed in 0..CUTTINGS {
        let mut random = Random::new(seed);
        let evil: String =
            (0..1 + random.below(3)).map(|_| pick(&mut random, &SAID_FOR_THE_SERVER)).collect();
        let context = format!("seed {seed}: {evil:?}");
        let mut sender = Sender::new(TlsPolicy::Required);
        let place = random.below(4);
        let pieces = |text: String| -> Vec<Vec<u8>> {
            Cut::Seed(seed).pieces(text.as_bytes()).into_iter().map(<[u8]>::to_vec).collect()
        };
        match place {
            // With the go-ahead, after everything was heard in its turn; or all of it before anything was asked.
            0 | 1 => {
                let early = if place == 0 { "" } else { OFFER };
                if place == 0 {
                    let _ = sender.hear(GREETING.as_bytes());
                    let _ = sender.hear(OFFER.as_bytes());
                } else {
                    let _ = sender.hear(GREETING.as_bytes());
                }
                for piece in pieces(format!("{early}{GO}{evil}")) {
                    let _ = sender.hear(&piece);
                }
            }
            // Behind it.
            2 => {
                let _ = sender.hear(GREETING.as_bytes());
                let _ = sender.hear(OFFER.as_bytes());
                assert_eq!(sender.hear(GO.as_bytes()), Advance::Secure, "{context}");
                for piece in pieces(evil.clone()) {
                    let _ = sender.hear(&piece);
                }
            }
            // Before it: between the offer and the go-ahead.
            _ => {
                let _ = sender.hear(GREETING.as_bytes());
                for piece in pieces(format!("{OFFER}{evil}{GO}")) {
                    let _ = sender.hear(&piece);
                }
            }
        }
        let said = String::from_utf8(sender.said.clone()).unwrap();
        let rest = said.strip_prefix("EHLO me.test\r\nSTARTTLS\r\n");
        let rest = rest.unwrap_or_else(|| panic!("{context}: {said:?}"));
        if place == 3 && sender.end != Some(End::Injection) {
            // What stood before was taken for the reply, and TLS is wanted: nothing but goodbye. Or it was no reply at
            // all. Or it was half of one, and the go-ahead its other half. Or it was the go-ahead, all alone.
            assert!(["", "QUIT\r\n"].contains(&rest), "{context}: {said:?}");
            refused += 1;
        } else {
            assert_eq!(sender.hear(b""), Advance::Closed, "{context}");
            assert_eq!(sender.end, Some(End::Injection), "{context}");
            assert_eq!(rest, "", "{context}");
            dropped += 1;
        }
        assert!(!sender.events.iter().any(|e| e.starts_with("Ready")), "{:?}", sender.events);
        assert!(!sender.events.iter().any(|e| e.starts_with("SignedIn")), "{:?}", sender.events);

        // Without a go-between: what was offered in clear counts no more.
        let mut honest = Sender::new(TlsPolicy::Required);
        for text in [GREETING, OFFER, GO] {
            for piece in pieces(text.to_owned()) {
                let _ = honest.hear(&piece);
            }
        }
        let before = honest.said.len();
        honest.client.secured(TlsFacts { verified: true, ..TlsFacts::TEST });
        let _ = honest.hear(b"");
        assert_eq!(honest.said[before..], *b"EHLO me.test\r\n", "{context}");
        let _ = honest.hear(b"250-mx.test\r\n250 AUTH LOGIN\r\n");
        assert!(honest.said.ends_with(b"AUTH LOGIN\r\n"), "{context}");
        assert!(!honest.client.offer().chunking && !honest.client.offer().pipelining);
        clean += 1;
    }
    println!(
        "client: {dropped} cuttings with plaintext behind the go-ahead, all dropped, 0 words said; {refused} with \
         plaintext before it, nothing said but QUIT; {clean} sessions went on under TLS with 0 of the offer kept"
    );
}

// Real sockets, real TLS.

const PATIENCE: Duration = Duration::from_secs(20);

struct Sessions {
    host: Arc<Host>,
    machines: Vec<Machines>,
    /// Sessions that were made.
    made: AtomicUsize,
}

impl Factory for Sessions {
    type Session = posthaste_host::Session;

    fn make(&self, from: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.host.session(&self.machines[from.listener], Some(from.peer.ip()), inbox, key)
    }
}

fn certificates() -> Arc<Certificates> {
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let source = Source::self_signed(folder.path(), &names).unwrap();
    Arc::new(Certificates::load(vec![source]).unwrap())
}

/// SMTP, submission, LMTP, IMAP and POP3.
fn machines() -> Vec<Machines> {
    let smtp = |role| {
        let mut config = smtp::server::Config::new(role, "mx.test");
        config.starttls = true;
        config.mechanisms = Mechanism::ALL.to_vec();
        Machines::Smtp(config.into())
    };
    let mut imap = imap::server::Config::new("mx.test");
    imap.starttls = true;
    let mut pop3 = pop3::server::Config::new("mx.test");
    pop3.starttls = true;
    vec![
        smtp(Role::Smtp),
        smtp(Role::Submission),
        smtp(Role::Lmtp),
        Machines::Imap(imap.into()),
        Machines::Pop3(pop3.into()),
    ]
}

/// What a protocol says: its hello, STARTTLS, how the go-ahead begins, and what it would answer under TLS.
struct Words {
    hello: &'static str,
    starttls: &'static str,
    go: &'static str,
    evil: [&'static str; 4],
    /// Under TLS: said, and how the reply begins.
    then: [(&'static str, &'static str); 2],
}

const WORDS: [Words; 5] = [
    Words {
        hello: "EHLO a.test\r\n",
        starttls: "STARTTLS\r\n",
        go: "220 2.0.0 ",
        evil: ["EHLO evil.test\r\n", "MAIL FROM:<a@b.test>\r\n", "QUIT\r\n", "E"],
        then: [("MAIL FROM:<a@b.test>\r\n", "503 "), ("EHLO a.test\r\n", "250-")],
    },
    Words {
        hello: "EHLO a.test\r\n",
        starttls: "STARTTLS\r\n",
        go: "220 2.0.0 ",
        evil: ["EHLO evil.test\r\n", "AUTH PLAIN AGEAYg==\r\n", "NOOP\r\n", "\r\n"],
        then: [("AUTH PLAIN AGEAYg==\r\n", "503 "), ("EHLO a.test\r\n", "250-")],
    },
    Words {
        hello: "LHLO a.test\r\n",
        starttls: "STARTTLS\r\n",
        go: "220 2.0.0 ",
        evil: ["LHLO evil.test\r\n", "MAIL FROM:<a@b.test>\r\n", "RSET\r\n", "\0"],
        then: [("MAIL FROM:<a@b.test>\r\n", "503 "), ("LHLO a.test\r\n", "250-")],
    },
    Words {
        hello: "a CAPABILITY\r\n",
        starttls: "b STARTTLS\r\n",
        go: "b OK ",
        evil: ["c LOGIN a b\r\n", "c AUTHENTICATE PLAIN AGEAYg==\r\n", "c NOOP\r\n", "c"],
        then: [("d SELECT INBOX\r\n", "d "), ("e NOOP\r\n", "e OK")],
    },
    Words {
        hello: "CAPA\r\n",
        starttls: "STLS\r\n",
        go: "+OK ",
        evil: ["USER a\r\n", "AUTH PLAIN AGEAYg==\r\n", "CAPA\r\n", "U"],
        then: [("PASS b\r\n", "-ERR"), ("CAPA\r\n", "+OK")],
    },
];

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads until `enough`.
fn hear(stream: &mut TcpStream, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut heard = Vec::new();
    while !enough(&heard) {
        let mut octet = [0];
        assert_eq!(stream.read(&mut octet).unwrap(), 1, "{}", heard.escape_ascii());
        heard.push(octet[0]);
    }
    heard
}

/// Everything up to the end, however it ends.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it does not end"),
        _ => heard,
    }
}

/// Greeted, and hello was said in clear.
fn greeted(address: SocketAddr, words: &Words) -> TcpStream {
    let mut stream = connect(address);
    hear(&mut stream, |heard| heard.ends_with(b"\r\n"));
    stream.write_all(words.hello.as_bytes()).unwrap();
    let ends = ["250 ENHANCEDSTATUSCODES\r\n", "a OK", "\r\n.\r\n"];
    hear(&mut stream, |heard| {
        let text = String::from_utf8_lossy(heard);
        ends.iter().any(|end| text.contains(end)) && heard.ends_with(b"\r\n")
    });
    stream
}

/// A client's side of TLS, and its first flight.
fn client_tls(trust: &Trust) -> (Tls, Vec<u8>) {
    let mut tls = ClientTls::new(trust).unwrap().start("localhost").unwrap();
    let mut hello = Vec::new();
    tls.send(b"", &mut hello);
    assert_eq!(hello.first(), Some(&22));
    (tls, hello)
}

/// Talks under TLS that begins now: each said thing, and how the reply to it begins.
fn under_tls(stream: &mut TcpStream, trust: &Trust, talk: &[(&str, &str)]) {
    let (mut tls, mut wire) = client_tls(trust);
    let (mut plain, mut room) = (Input::new(), [0; 4_000]);
    stream.write_all(&std::mem::take(&mut wire)).unwrap();
    while tls.ready().is_none() {
        let n = stream.read(&mut room).unwrap();
        assert!(n > 0, "no handshake");
        tls.receive(&room[..n], &mut plain).unwrap();
        tls.send(b"", &mut wire);
        stream.write_all(&std::mem::take(&mut wire)).unwrap();
    }
    for (say, begins) in talk {
        plain.discard(plain.len());
        tls.send(say.as_bytes(), &mut wire);
        stream.write_all(&std::mem::take(&mut wire)).unwrap();
        while !plain.bytes().ends_with(b"\r\n") {
            let n = stream.read(&mut room).unwrap();
            assert!(n > 0, "closed after {say:?}");
            tls.receive(&room[..n], &mut plain).unwrap();
        }
        let heard = String::from_utf8_lossy(plain.bytes()).into_owned();
        assert!(heard.starts_with(begins), "{say:?}: {heard:?}");
    }
}

fn against_servers(handle: &Handle, trust: &Trust) -> usize {
    let mut tried = 0;
    for (words, address) in WORDS.iter().zip(handle.addresses()) {
        let is_go = |heard: &[u8]| {
            heard.starts_with(words.go.as_bytes())
                && heard.ends_with(b"\r\n")
                && heard.iter().filter(|octet| **octet == b'\n').count() == 1
        };
        for evil in words.evil {
            // With the command, in one segment; and what the client says honestly, too: the hello of TLS.
            for honest in [false, true] {
                let mut stream = greeted(*address, words);
                let mut wire = format!("{}{evil}", words.starttls).into_bytes();
                if honest {
                    wire.extend_from_slice(&client_tls(trust).1);
                }
                stream.write_all(&wire).unwrap();
                let heard = rest(&mut stream);
                assert!(is_go(&heard), "{:?} {evil:?}: {}", words.go, heard.escape_ascii());
                tried += 1;
            }
            // Behind the go-ahead, where the server expects TLS: an alert and the end.
            let mut stream = greeted(*address, words);
            stream.write_all(words.starttls.as_bytes()).unwrap();
            hear(&mut stream, is_go);
            stream.write_all(evil.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let heard = rest(&mut stream);
            assert!(heard.is_empty() || heard[0] == 21, "{evil:?}: {}", heard.escape_ascii());
            tried += 1;
        }
        // Nobody between: TLS comes up, and nothing that was said before counts.
        let mut stream = greeted(*address, words);
        stream.write_all(words.starttls.as_bytes()).unwrap();
        hear(&mut stream, is_go);
        under_tls(&mut stream, trust, &words.then);
    }
    tried
}

/// Stops the server also when something goes wrong.
struct Stop(Handle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[test]
fn real_servers_answer_nothing() {
    let certificates = certificates();
    let trust = Trust::Only(certificates.first());
    let tls = ServerTls::new(certificates).unwrap();
    let settings = || {
        let address = ([127, 0, 0, 1], 0).into();
        let listener = || Listener {
            address,
            mode: TlsMode::StartTls,
            tls: Some(tls.clone()),
            proxies: Vec::new(),
        };
        posthaste_tls::Config {
            listeners: (0..5).map(|_| listener()).collect(),
            reactors: 1,
            limits: Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT },
        }
    };
    let sessions = || {
        let config = posthaste_host::config::Config::new("mx.test", &["d.test"]);
        let host = Host::new(Arc::new(Memory::new()), config, inputs(1, 0).0).unwrap();
        Sessions { host, machines: machines(), made: AtomicUsize::new(0) }
    };
    let mut tried = 0;
    let mio = posthaste_mio::Server::bind(settings(), sessions()).unwrap();
    let handle = mio.handle();
    thread::scope(|scope| {
        let served = scope.spawn(|| mio.run());
        let stop = Stop(handle.clone());
        tried += against_servers(&handle, &trust);
        drop(stop);
        served.join().unwrap().unwrap();
    });
    let tokio = posthaste_tokio::Server::bind(settings(), sessions()).unwrap();
    let handle = tokio.handle();
    thread::scope(|scope| {
        let served = scope.spawn(|| tokio.run());
        let stop = Stop(handle.clone());
        tried += against_servers(&handle, &trust);
        drop(stop);
        served.join().unwrap().unwrap();
    });
    println!(
        "5 protocols on 2 runtimes: {tried} sessions with plaintext around STARTTLS, 0 answers"
    );
}

/// A server that has TLS, and something between it and the client that writes into the clear part.
fn hostile(listener: &TcpListener, evil: &str, tls: &ServerTls) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"220 mx.test ESMTP\r\n").unwrap();
    let mut said = hear(&mut stream, |heard| heard.ends_with(b"\r\n"));
    stream.write_all(b"250-mx.test\r\n250 STARTTLS\r\n").unwrap();
    said.extend(hear(&mut stream, |heard| heard.ends_with(b"\r\n")));
    stream.write_all(format!("220 go\r\n{evil}").as_bytes()).unwrap();
    let said = String::from_utf8(said).unwrap();
    if !evil.is_empty() {
        // Whatever else it says.
        return said + &String::from_utf8_lossy(&rest(&mut stream));
    }
    let (mut tls, mut plain, mut wire) = (tls.start().unwrap(), Input::new(), Vec::new());
    let mut room = [0; 4_000];
    while plain.is_empty() {
        let n = stream.read(&mut room).unwrap();
        assert!(n > 0, "the client went away");
        tls.receive(&room[..n], &mut plain).unwrap();
        tls.send(b"", &mut wire);
        stream.write_all(&std::mem::take(&mut wire)).unwrap();
    }
    said + "under TLS: " + &String::from_utf8_lossy(plain.bytes())
}

#[tokio::test]
async fn a_real_client_believes_nothing() {
    let certificates = certificates();
    let trust = Trust::Only(certificates.first());
    let tls = ServerTls::new(certificates).unwrap();
    let client_tls = ClientTls::new(&trust).unwrap();
    let mut dropped = 0;
    for evil in SAID_FOR_THE_SERVER.into_iter().chain([""]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (server_tls, evil_text) = (tls.clone(), evil.to_owned());
        let served = thread::spawn(move || hostile(&listener, &evil_text, &server_tls));
        let mut config = client::Config::new("me.test");
        config.tls = TlsPolicy::Required;
        config.account = Account::new("a", "b").ok();
        let upgrade = Upgrade::Client(client_tls.clone(), "127.0.0.1".to_owned());
        let machine = client::Client::new(Arc::new(config), [9; 18]);
        let mode = TlsMode::StartTls;
        let mut client =
            posthaste_tokio::Connection::connect("127.0.0.1", port, mode, upgrade, machine)
                .await
                .unwrap();
        let mut events = Vec::new();
        loop {
            match client.next().await {
                Ok(Some(event)) => events.push(format!("{event:?}")),
                Ok(None) => break,
                // The other side of TLS is gone, in the honest case.
                Err(_) => {}
            }
        }
        drop(client);
        let said = served.join().unwrap();
        let clear = "EHLO me.test\r\nSTARTTLS\r\n";
        if evil.is_empty() {
            assert_eq!(said, format!("{clear}under TLS: EHLO me.test\r\n"), "{events:?}");
        } else {
            assert_eq!(said, clear, "{evil:?} {events:?}");
            assert_eq!(events.last().map(String::as_str), Some("Ended Injection"), "{evil:?}");
            dropped += 1;
        }
    }
    println!(
        "a real client: {dropped} go-aheads with plaintext behind them, all dropped, 0 words said"
    );
}
