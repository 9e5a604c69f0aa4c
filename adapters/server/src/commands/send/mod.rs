//! `posthaste send`: an SMTP client, for trying things.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`envelope`] | sender, recipients and parameters, from the command line |
//! | [`message`] | the messages: files, or one that is made |

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use posthaste_core::grammar::address::Address;
use posthaste_core::grammar::domain::Host;
use posthaste_core::machine::End;
use posthaste_core::session::{Act, Pair, Place};
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::{Client, Envelope, Event, Order, Piece, Response};
use posthaste_mio::blocking;
use posthaste_tls::link::Fault;

use self::message::Job;
use crate::cli::{Parameters, Send};
use crate::commands::client;
use crate::exit::{Exit, Failure};
use crate::terminal;

mod envelope;
mod message;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What to do when the server's certificate is not believed.
/// Octets of a message handed over at a time.
const PIECE: usize = 64 * 1024;

pub(super) fn run(send: &Send) -> Result<(), Failure> {
    let begin = Instant::now();
    let (host, port) = terminal::host_and_port(&send.server).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("--server cannot be {:?}", send.server),
            "expected HOST:PORT, such as 127.0.0.1:2525",
        )
    })?;
    let to = send.to.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
    let from = match send.from.as_deref().or(send.client.user.as_deref()) {
        Some("<>" | "") => None,
        Some(text) => Some(address(text)?),
        None => Some(address("postmaster@localhost")?),
    };
    let jobs = message::jobs(send, from.as_ref(), &to)?;
    let envelope = envelope::envelope(send, from, &to)?;
    let mut config = client::config(&send.client, "localhost")?;
    let upgrade = client::upgrade(&send.client, host)?;

    let stream = blocking::connect(host, port, CONNECT).map_err(|error| {
        Failure::new(
            Exit::Unavailable,
            format!("cannot connect to {}: {error}", send.server),
            "is the server running? Its address is given with --server HOST:PORT",
        )
    })?;
    if let Ok(ours) = stream.local_addr() {
        config.hostname = literal(ours.ip()).into();
    }
    let config = Arc::new(config);
    let mut nonce = [0; posthaste_core::sasl::client::Exchange::NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| Failure::new(Exit::Unavailable, format!("no randomness: {error}"), ""))?;
    let count = jobs.len();
    let report = Arc::new(Mutex::new(Report::default()));
    let mut sender = Sender {
        envelope,
        parameters: send.parameters.clone(),
        jobs: jobs.into_iter(),
        many: count > 1,
        message: bytes::Bytes::new(),
        to: send.to.clone(),
        verbose: send.verbose,
        report: Arc::clone(&report),
    };
    let conversed = blocking::converse(
        stream,
        |inbox| {
            let handler = move |event: Event<'_>, _: &Place<SmtpClient>| sender.handle(event);
            Pair::new(Client::new(config, nonce), handler, Place::new(inbox.clone(), 0))
        },
        upgrade.as_ref(),
        send.client.tls == "implicit",
    );
    let mut report = std::mem::take(&mut *report.lock());
    for line in &report.accepted {
        println!("{line} ({} ms)", begin.elapsed().as_millis());
    }
    let left = count - report.begun;
    if left > 0 && !report.refused.is_empty() {
        let ended =
            if report.ended == Some(End::Quit) { "" } else { ": the connection was closed" };
        report.refused.push(format!("{left} more were not sent{ended}"));
    }
    // What was refused is a failure even if others got the message.
    if !report.refused.is_empty() {
        return Err(Failure::new(Exit::Unavailable, report.refused.join("\n"), ""));
    }
    if report.done < count {
        return Err(broken(&send.server, conversed.err(), report.ended));
    }
    Ok(())
}

/// What the server said, as far as it decides the outcome.
#[derive(Default)]
struct Report {
    /// The reply to each message that it took.
    accepted: Vec<String>,
    /// What it refused, in its words, and why nothing was sent, in ours.
    refused: Vec<String>,
    /// What the message under way is called.
    name: Option<String>,
    /// Whether the message under way was taken.
    taken: Option<String>,
    /// Messages that were begun.
    begun: usize,
    /// Messages that it took.
    done: usize,
    ended: Option<End>,
}

impl Report {
    /// With what it is about in front.
    fn refuse(&mut self, recipient: Option<&str>, text: &str) {
        let about = [self.name.as_deref(), recipient];
        let about: Vec<_> = about.into_iter().flatten().collect();
        let about = about.join(" to ");
        self.refused.push(if about.is_empty() { text.into() } else { format!("{about}: {text}") });
    }

    /// The message under way is over.
    fn finish(&mut self) {
        if let Some(reply) = self.taken.take() {
            self.done += 1;
            self.accepted.push(match &self.name {
                Some(name) => format!("{name}: {reply}"),
                None => reply,
            });
        }
        self.name = None;
    }
}

/// Why the message was not sent though the server refused nothing.
fn broken(server: &str, fault: Option<Fault>, end: Option<End>) -> Failure {
    let (why, hint) = match (&fault, end) {
        (Some(fault @ Fault::Tls(_)), _) => (fault.to_string(), client::TRUST),
        (Some(fault), _) => (fault.to_string(), ""),
        (None, Some(End::Timeout)) => ("it did not answer in time".into(), ""),
        (None, Some(End::Violation)) => {
            ("its replies are not SMTP".into(), "is it another server?")
        }
        (None, _) => ("it closed the connection before it took the message".into(), ""),
    };
    Failure::new(Exit::Unavailable, format!("{server}: {why}"), hint)
}

struct Sender {
    /// Of every message, but for size and body.
    envelope: Envelope,
    parameters: Parameters,
    jobs: std::vec::IntoIter<Job>,
    many: bool,
    /// What is left of the message under way.
    message: bytes::Bytes,
    to: Vec<String>,
    verbose: bool,
    report: Arc<Mutex<Report>>,
}

impl Sender {
    fn handle(&mut self, event: Event<'_>) -> Act<SmtpClient> {
        if self.verbose && !matches!(event, Event::Source(_) | Event::Ready(_)) {
            eprintln!("{event:?}");
        }
        let report = Arc::clone(&self.report);
        let mut report = report.lock();
        let mut refuse = |recipient: Option<u32>, response: Response<'_>| {
            if response.code() >= 400 {
                let recipient = recipient.and_then(|n| self.to.get(n as usize));
                report.refuse(recipient.map(String::as_str), &response.to_string());
            }
        };
        match event {
            Event::Ready(ask) => return ask.with(self.next(&mut report)).into(),
            Event::Source(ask) => {
                let piece = self.message.split_to(self.message.len().min(PIECE));
                let last = self.message.is_empty();
                return ask.with(if last { Piece::Last(piece) } else { Piece::More(piece) }).into();
            }
            Event::Recipient(number, response) => refuse(Some(number), response),
            Event::Delivery(number, response) if response.code() >= 400 => refuse(number, response),
            Event::Delivery(_, response) => report.taken = Some(response.to_string()),
            Event::Greeted(response)
            | Event::Hello(response, _)
            | Event::StartTls(response)
            | Event::SignInFailed(response)
            | Event::Sender(response)
            | Event::Data(response)
            | Event::Chunk(response) => refuse(None, response),
            Event::GaveUp(why) | Event::NotSent(why) => report.refuse(None, &why.to_string()),
            Event::Finished => report.finish(),
            Event::Ended(end) => {
                report.finish();
                report.ended = Some(end);
            }
            _ => {}
        }
        Act::Done
    }

    /// The next message that can be read, or goodbye.
    fn next(&mut self, report: &mut Report) -> Order {
        for job in self.jobs.by_ref() {
            report.begun += 1;
            report.name = job.name().filter(|_| self.many);
            match job.read() {
                Ok(octets) => {
                    self.message = octets.into();
                    return Order::Send(Box::new(Envelope {
                        size: Some(self.message.len() as u64),
                        body: envelope::body(&self.parameters, &self.message),
                        ..self.envelope.clone()
                    }));
                }
                Err(failure) => report.refused.push(failure.what),
            }
        }
        report.name = None;
        Order::Quit
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("{text:?} is not an address: {error}"), "")
    })
}

/// What a client without a name of its own says to EHLO, RFC 5321 §4.1.1.1.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => Host::V4(address).to_string(),
        IpAddr::V6(address) => Host::V6(address).to_string(),
    }
}
