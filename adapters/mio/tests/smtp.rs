//! A message from the SMTP client machine, on a blocking socket, to the server machine on a reactor.

use std::io::Read;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use posthaste_core::gate::Arrival;
use posthaste_core::grammar::address::Address;
use posthaste_core::machine::End;
use posthaste_core::session::{Act, Handler, Note, Pair, Place};
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::client::{self, Envelope, Order, Piece};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::{Admission, Decision, Outcome};
use posthaste_core::smtp::server::{self, Role};
use posthaste_core::smtp::{Smtp, SmtpClient};
use posthaste_mio::blocking::{connect, converse};
use posthaste_mio::{
    Config, Factory, InboxOf, Limits, Listener, Network, Server, ServerTls, TlsMode,
};
use posthaste_tls::{Certificates, ClientTls, Source, Trust, Upgrade};

/// Keeps messages; says so from another thread.
struct Keeper {
    message: Vec<u8>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Handler<Smtp> for Keeper {
    fn handle(&mut self, event: server::Event<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        use server::Event;
        match event {
            Event::Connected(ask) => ask.with(Admission::Accept).into(),
            Event::Mail(ask, _) => ask.with(Decision::Accept).into(),
            Event::Recipient(ask, _) => ask.with(Decision::Accept).into(),
            Event::Data(ask, _) => ask.with(Decision::Accept).into(),
            Event::Body(run) => {
                self.message.extend_from_slice(run.as_bytes());
                Act::Done
            }
            Event::BodyEnd(ask, _) => {
                let (kept, responder) = (self.kept.clone(), at.later(ask));
                let message = std::mem::take(&mut self.message);
                thread::spawn(move || {
                    kept.lock().unwrap().push(message);
                    let reply = Reply::new(250, Enhanced(2, 0, 0), "Kept");
                    responder.answer(Outcome::All(reply));
                });
                Act::Later
            }
            _ => Act::Done,
        }
    }
}

#[derive(Clone)]
struct Keepers {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Factory for Keepers {
    type Session = Pair<server::Server, Keeper>;

    fn make(&self, from: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session {
        let mut config = server::Config::new(Role::Smtp, "mx.example");
        config.starttls = from.tls == TlsMode::StartTls;
        let keeper = Keeper { message: Vec::new(), kept: self.kept.clone() };
        Pair::new(server::Server::new(config.into()), keeper, Place::new(inbox.clone(), key))
    }
}

/// Sends one message, and remembers what became of it.
struct Sender {
    envelope: Option<Box<Envelope>>,
    pieces: Vec<Vec<u8>>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    codes: Vec<u16>,
    verified: Option<bool>,
    greeting: u16,
    end: Option<End>,
}

impl Handler<SmtpClient> for Sender {
    fn handle(&mut self, event: client::Event<'_>, _: &Place<SmtpClient>) -> Act<SmtpClient> {
        use client::Event;
        let mut heard = self.heard.lock().unwrap();
        match event {
            Event::Greeted(response) => heard.greeting = response.code(),
            Event::Secured(facts) => heard.verified = Some(facts.verified),
            Event::Delivery(_, response) => heard.codes.push(response.code()),
            Event::Ended(end) => heard.end = Some(end),
            Event::Ready(ask) => {
                return ask.with(self.envelope.take().map_or(Order::Quit, Order::Send)).into();
            }
            Event::Source(ask) => {
                let piece = self.pieces.pop().unwrap_or_default().into();
                let last = self.pieces.is_empty();
                return ask.with(if last { Piece::Last(piece) } else { Piece::More(piece) }).into();
            }
            _ => {}
        }
        Act::Done
    }
}

fn send(port: u16, mode: TlsMode, tls: &ClientTls, message: &[u8]) -> Heard {
    let address = |text: &str| Address::parse(text.as_bytes()).unwrap();
    let recipient = Recipient { address: address("alice@mx.example"), notify: None, orcpt: None };
    let envelope = Envelope {
        sender: Some(address("bob@client.example")),
        recipients: vec![recipient],
        ..Envelope::default()
    };
    let heard = Arc::new(Mutex::new(Heard::default()));
    let sender = Sender {
        envelope: Some(Box::new(envelope)),
        pieces: message.chunks(9_000).map(<[u8]>::to_vec).rev().collect(),
        heard: heard.clone(),
    };
    let config = Arc::new(client::Config::new("client.example"));
    let machine = client::Client::new(config, [7; 18]);
    let upgrade = Upgrade::Client(tls.clone(), "127.0.0.1".to_owned());
    let stream = connect("127.0.0.1", port, Duration::from_secs(20)).unwrap();
    converse(
        stream,
        |inbox: &Arc<posthaste_mio::Inbox<Note<SmtpClient>>>| {
            Pair::new(machine, sender, Place::new(inbox.clone(), 0))
        },
        Some(&upgrade),
        mode == TlsMode::Implicit,
    )
    .unwrap();
    std::mem::take(&mut heard.lock().unwrap())
}

#[test]
fn a_message_arrives_however_tls_comes_and_overload_has_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::self_signed(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![source]).unwrap());
    let trust = Trust::Roots(vec![certificates.first()]);
    let client = ClientTls::new(&trust).unwrap();
    let tls = ServerTls::new(certificates).unwrap();
    let modes = [TlsMode::None, TlsMode::StartTls, TlsMode::Implicit];
    let listener = |mode| Listener {
        address: ([127, 0, 0, 1], 0).into(),
        mode,
        tls: Some(tls.clone()),
        proxies: Vec::new(),
    };
    let limits = Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT };
    let listeners = modes.map(listener).to_vec();
    let keepers = Keepers { kept: Arc::default() };
    let config = Config { listeners, reactors: 2, limits: limits.clone() };
    let server = Server::bind(config, keepers.clone()).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run());

    let mut message = b"Subject: hello\r\n\r\n.dots\r\n..more\r\n".to_vec();
    message.extend(b"0123456789012345678901234567890123456789\r\n".repeat(20_000));
    for (mode, address) in modes.into_iter().zip(handle.addresses()) {
        let heard = send(address.port(), mode, &client, &message);
        assert_eq!((heard.greeting, heard.end), (220, Some(End::Quit)), "{mode}");
        assert_eq!(heard.codes, [250]);
        let verified = (mode != TlsMode::None).then_some(true);
        assert!(mode == TlsMode::Implicit || heard.verified == verified, "{mode}");
        assert!(keepers.kept.lock().unwrap().pop().as_ref() == Some(&message), "{mode}");
    }

    while handle.counts().open > 0 {
        thread::yield_now();
    }
    handle.set_limits(Limits { connections: 0, reserved: 0, ..limits });
    let mut refused = String::new();
    TcpStream::connect(handle.addresses()[0]).unwrap().read_to_string(&mut refused).unwrap();
    assert!(refused.starts_with("421 "), "{refused}");
    handle.shutdown();
    thread.join().unwrap().unwrap();
}
