//! `posthaste send`: an SMTP client, for trying things.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use posthaste_core::grammar::address::Address;
use posthaste_core::grammar::domain::Host;
use posthaste_core::machine::End;
use posthaste_core::mime::build::{Message, MessageId, Options, Part, Text, Unfit};
use posthaste_core::mime::date::DateTime;
use posthaste_core::sasl::client::Account;
use posthaste_core::session::{Act, Pair, Place};
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::{
    Client, Config, Envelope, Event, Order, Piece, Response, TlsPolicy,
};
use posthaste_core::smtp::extension::BodyKind;
use posthaste_mio::blocking;
use posthaste_tls::link::Fault;
use posthaste_tls::{ClientTls, Trust, Upgrade};

use crate::cli::Send;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What to do when the server's certificate is not believed.
const TRUST: &str = "name whom to trust with --ca FILE, or accept anybody with --insecure";
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
    let from = match send.from.as_ref().or(send.user.as_ref()) {
        Some(text) => address(text)?,
        None => address("postmaster@localhost")?,
    };
    let message = message(send, &from, &to)?;
    let mut config = config(send)?;
    let upgrade = upgrade(send, host)?;

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
    let envelope = Envelope {
        sender: Some(from),
        recipients: to.iter().cloned().map(Into::into).collect(),
        size: Some(message.len() as u64),
        body: if message.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBitMime },
        ..Envelope::default()
    };
    let mut nonce = [0; posthaste_core::sasl::client::Exchange::NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| Failure::new(Exit::Unavailable, format!("no randomness: {error}"), ""))?;
    let report = Arc::new(Mutex::new(Report::default()));
    let mut sender = Sender {
        envelope: Some(Box::new(envelope)),
        message: message.into(),
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
        send.tls == "implicit",
    );
    let report = std::mem::take(&mut *report.lock());
    if let Some(failure) = report.failure(&send.to) {
        return Err(failure);
    }
    if report.accepted.is_empty() {
        return Err(broken(&send.server, conversed.err(), report.ended));
    }
    println!("{} ({} ms)", report.accepted, begin.elapsed().as_millis());
    Ok(())
}

/// What the server said, as far as it decides the outcome.
#[derive(Default)]
struct Report {
    accepted: String,
    refused: Vec<(Option<u32>, String)>,
    gave_up: Option<String>,
    ended: Option<End>,
}

impl Report {
    /// What the server refused, in its words.
    fn failure(&self, to: &[String]) -> Option<Failure> {
        let mut said: Vec<String> = self
            .refused
            .iter()
            .map(|(recipient, text)| {
                let recipient = recipient.and_then(|n| to.get(n as usize));
                recipient.map_or_else(|| text.clone(), |name| format!("{name}: {text}"))
            })
            .collect();
        said.extend(self.gave_up.clone());
        // What was refused is a failure even if others got the message.
        let what = said.join("\n");
        (!what.is_empty()).then(|| Failure::new(Exit::Unavailable, what, ""))
    }
}

/// Why the message was not sent though the server refused nothing.
fn broken(server: &str, fault: Option<Fault>, end: Option<End>) -> Failure {
    let (why, hint) = match (&fault, end) {
        (Some(fault @ Fault::Tls(_)), _) => (fault.to_string(), TRUST),
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
    envelope: Option<Box<Envelope>>,
    message: bytes::Bytes,
    verbose: bool,
    report: Arc<Mutex<Report>>,
}

impl Sender {
    fn handle(&mut self, event: Event<'_>) -> Act<SmtpClient> {
        if self.verbose && !matches!(event, Event::Source(_) | Event::Ready(_)) {
            eprintln!("{event:?}");
        }
        let mut report = self.report.lock();
        let mut refuse = |recipient, response: Response<'_>| {
            if response.code() >= 400 {
                report.refused.push((recipient, response.to_string()));
            }
        };
        match event {
            Event::Ready(ask) => {
                let order = self.envelope.take().map_or(Order::Quit, Order::Send);
                return ask.with(order).into();
            }
            Event::Source(ask) => {
                let piece = self.message.split_to(self.message.len().min(PIECE));
                let last = self.message.is_empty();
                return ask.with(if last { Piece::Last(piece) } else { Piece::More(piece) }).into();
            }
            Event::Recipient(number, response) => refuse(Some(number), response),
            Event::Delivery(number, response) if response.code() >= 400 => refuse(number, response),
            Event::Delivery(_, response) => report.accepted = response.to_string(),
            Event::Greeted(response)
            | Event::Hello(response, _)
            | Event::StartTls(response)
            | Event::SignInFailed(response)
            | Event::Sender(response)
            | Event::Data(response)
            | Event::Chunk(response) => refuse(None, response),
            Event::GaveUp(why) | Event::NotSent(why) => report.gave_up = Some(why.to_string()),
            Event::Ended(end) => report.ended = Some(end),
            _ => {}
        }
        Act::Done
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("{text:?} is not an address: {error}"), "")
    })
}

fn config(send: &Send) -> Result<Config, Failure> {
    let mut config = Config::new("localhost");
    config.lmtp = send.lmtp;
    config.tls = if send.tls == "starttls" { TlsPolicy::Required } else { TlsPolicy::Never };
    if let Some(user) = &send.user {
        let password = terminal::password(send.password.password_stdin)?;
        let unfit =
            |error| Failure::new(Exit::Data, format!("cannot sign in as {user}: {error}"), "");
        config.account = Some(Account::new(user, &password).map_err(unfit)?);
        // Who asks for no TLS and signs in means it; the server has the last word.
        config.plaintext_auth = true;
    }
    Ok(config)
}

/// What a client without a name of its own says to EHLO, RFC 5321 §4.1.1.1.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => Host::V4(address).to_string(),
        IpAddr::V6(address) => Host::V6(address).to_string(),
    }
}

fn upgrade(send: &Send, host: &str) -> Result<Option<Upgrade>, Failure> {
    if send.tls == "none" {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unavailable, format!("TLS: {error}"), TRUST)
    };
    let trust = match &send.ca {
        _ if send.insecure => Trust::Anybody,
        Some(file) => Trust::file(file).map_err(|error| failed(&error))?,
        None => Trust::system().map_err(|error| failed(&error))?,
    };
    let client = ClientTls::new(&trust).map_err(|error| failed(&error))?;
    Ok(Some(Upgrade::Client(client, host.to_owned())))
}

/// The message as it is to be sent: a file as it stands, or one made of subject and text.
fn message(send: &Send, from: &Address, to: &[Address]) -> Result<Vec<u8>, Failure> {
    if let Some(file) = &send.file {
        let mut octets = Vec::new();
        let read = if file.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut octets).map(drop)
        } else {
            std::fs::read(file).map(|read| octets = read)
        };
        read.map_err(|error| Failure::io(format!("cannot read {}", file.display()), &error))?;
        return Ok(octets);
    }
    composed(&send.subject, send.text.as_deref().unwrap_or_default(), from, to).map_err(|unfit| {
        Failure::new(Exit::Data, format!("the message cannot be written: {unfit}"), "")
    })
}

/// A message of one text that every transport takes, unless an address is not ASCII.
fn composed(subject: &str, text: &str, from: &Address, to: &[Address]) -> Result<Vec<u8>, Unfit> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let utf8 = !from.as_str().is_ascii() || to.iter().any(|to| !to.as_str().is_ascii());
    let options = Options { utf8, ..Options::default() };
    let mut octets = Vec::new();
    Message::new(Part::text(text))
        .date(DateTime::from_unix(seconds, 0))
        .from([from.clone().into()])
        .to(to.iter().cloned())
        .subject(Text::lossy(subject))
        .id(MessageId::generate(
            now.as_nanos() << 32 | u128::from(std::process::id()),
            "localhost",
        )?)
        .write(&options, &mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subject cannot smuggle a header field in, and is legible elsewhere.
    #[test]
    fn composed_messages() {
        let subject = "hi\r\nBcc: <everybody@example.org>";
        let ann: Address = "ann@example.org".parse().unwrap();
        let octets =
            composed(subject, "Gr\u{fc}\u{df}e\n", &ann, std::slice::from_ref(&ann)).unwrap();
        let text = String::from_utf8(octets).unwrap();
        assert!(text.is_ascii());
        assert!(text.contains("\r\nSubject: hi  Bcc: <everybody@example.org>\r\n"), "{text}");
        assert!(text.contains("\r\nFrom: ann@example.org\r\nTo: ann@example.org\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nR3LDvMOfZQ0K\r\n"), "{text}");
    }
}
