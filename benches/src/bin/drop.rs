//! `drop [--reactors N] [--late]`: an SMTP server on the mio adapter that accepts everything and keeps
//! nothing. What it costs is machine, reactor and kernel: the floor below host and store.
//!
//! It prints its addresses (STARTTLS, then TLS from the first octet), and at the end of its input what
//! the processor spent.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use clap::Parser;
use posthaste_core::gate::Arrival;
use posthaste_core::session::{Act, Handler, Pair, Place, Responder};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::{Admission, Decision, Delivery, Outcome};
use posthaste_core::smtp::server::{Config, Event, Role, Server as Machine};
use posthaste_mio::{Factory, InboxOf, Limits, Listener, Network, Server, ServerTls, TlsMode};
use posthaste_tls::{Certificates, Source};

#[derive(Parser)]
struct Arguments {
    /// Reactor threads
    #[arg(long, default_value_t = 1)]
    reactors: usize,
    /// Answer the data from another thread, in batches
    #[arg(long)]
    late: bool,
}

type Late = Option<Sender<Responder<Delivery>>>;

struct Dropper {
    late: Late,
}

fn kept() -> Outcome {
    Outcome::All(Reply::constant(250, Enhanced(2, 0, 0), "Dropped"))
}

impl Handler<Smtp> for Dropper {
    fn handle(&mut self, event: Event<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        match event {
            Event::Connected(ask) => ask.with(Admission::Accept).into(),
            Event::Mail(ask, _) => ask.with(Decision::Accept).into(),
            Event::Recipient(ask, _) => ask.with(Decision::Accept).into(),
            Event::Data(ask, _) => ask.with(Decision::Accept).into(),
            Event::BodyEnd(ask, _) => match &self.late {
                None => ask.with(kept()).into(),
                Some(late) => match late.send(at.later(ask)) {
                    Ok(()) => Act::Later,
                    Err(_) => Act::Done,
                },
            },
            _ => Act::Done,
        }
    }
}

struct Droppers {
    config: Arc<Config>,
    late: Late,
}

impl Factory for Droppers {
    type Session = Pair<Machine, Dropper>;

    fn make(&self, _: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session {
        let inbox: Arc<dyn posthaste_core::session::Inbox<Smtp>> = inbox.clone();
        let handler = Dropper { late: self.late.clone() };
        Pair::new(Machine::new(self.config.clone()), handler, Place::new(inbox, key))
    }
}

/// Answers what has gathered, and rings each reactor once.
fn answer(questions: &Receiver<Responder<Delivery>>) {
    let mut places: Vec<Place<Smtp>> = Vec::new();
    while let Ok(first) = questions.recv() {
        for responder in std::iter::once(first).chain(questions.try_iter().take(1_000)) {
            let place = responder.post(kept());
            if !places.iter().any(|known| Arc::ptr_eq(known.inbox(), place.inbox())) {
                places.push(place);
            }
        }
        for place in places.drain(..) {
            place.ring();
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let late = arguments.late.then(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || answer(&receiver));
        sender
    });
    let folder = std::env::temp_dir().join(format!("posthaste-drop-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let source = Source::self_signed(&folder, &["localhost".to_owned()]).expect("a certificate");
    let certificates = Certificates::load(vec![source]).expect("the certificate");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    let tls = ServerTls::new(Arc::new(certificates)).expect("TLS");
    let mut config = Config::new(Role::Smtp, "drop.localhost.test");
    config.starttls = true;
    config.limits.transactions = u32::MAX;
    let listener = |mode| Listener {
        address: ([127, 0, 0, 1], 0).into(),
        mode,
        tls: Some(tls.clone()),
        proxies: Vec::new(),
    };
    let server = Server::bind(
        posthaste_mio::Config {
            listeners: vec![listener(TlsMode::StartTls), listener(TlsMode::Implicit)],
            reactors: arguments.reactors,
            limits: Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT },
        },
        Droppers { config: Arc::new(config), late },
    )
    .expect("free ports");
    for address in server.addresses() {
        println!("{address}");
    }
    let handle = server.handle();
    let thread = std::thread::spawn(|| server.run());
    let _ = std::io::read_to_string(std::io::stdin());
    handle.shutdown();
    let ended = thread.join();
    println!("{:?} of processor", processor());
    if matches!(ended, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// User and system time of this process.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    // Linux counts 100 a second for user space, on every architecture.
    Duration::from_millis(ticks * 10)
}
