//! Stands between two servers: takes messages, drops and adds header fields while they stream through, and
//! passes on what the next server says, of each recipient and of the message. Nothing is kept here: a
//! sender hears that its message was taken when the next server has taken it.
//!
//! ```text
//! cargo run -p posthaste-tokio --example filter -- --next 127.0.0.1:2525 --listen 127.0.0.1:2526 \
//!     --drop X-Internal-Id --add 'X-Filtered: yes'
//! ```
//!
//! It takes recipients as the next server does, so let only those connect to it that may use that one:
//! `--from` lists their networks; default loopback.

mod common;

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use common::{Args, Failure, Hops};
use posthaste_tokio::smtp::{
    Admission, Body, Client, Config, Enhanced, Handler, Outcome, Peer, Recipient, Refusal, Remote,
    Reply, Role, Server, Source, Transaction,
};
use posthaste_tokio::{ClientTls, Limits, Listener, Network, Trust};

const USAGE: &str = "filter [OPTION...] --next HOST:PORT
  --next HOST:PORT     the next server
  --next-tls MODE      none (default), starttls: required and verified
  --next-ca FILE       whom to believe to be the next server, in PEM; default: whom the system believes
  --next-lmtp          speak LMTP with the next server
  --drop NAME          drop the fields of this name (as often as you like)
  --add 'NAME: VALUE'  add this field in front (as often as you like)
  --from NETWORK       who may connect (as often as you like); default loopback
  --listen ADDRESS     listen here; default 127.0.0.1:2526
  --hostname NAME      our name; default localhost
  --lmtp               speak LMTP with our clients";

/// Octets of the beginning of a field that are looked at, to find its name.
const NAME: usize = 1_000;

fn main() -> ExitCode {
    common::run(USAGE, |args| common::block_on(filter(args)))
}

/// What all sessions share.
#[derive(Debug)]
struct Rules {
    next: Remote,
    drop: Vec<String>,
    add: Vec<String>,
    hostname: String,
    from: Vec<Network>,
    /// Messages since the start.
    count: AtomicU64,
}

/// One session, and its connection to the next server, which serves all its messages.
struct Filter {
    rules: Arc<Rules>,
    next: Option<Client>,
}

impl Filter {
    /// The connection to the next server.
    async fn next(&mut self) -> Result<&mut Client, Refusal> {
        let usable = self.next.as_mut().is_some_and(Client::is_usable);
        if !usable {
            self.next = Some(Client::connect(&self.rules.next).await?);
        }
        self.next.as_mut().ok_or_else(Refusal::later)
    }
}

impl Handler for Filter {
    async fn connected(&mut self, peer: &Peer) -> Admission {
        let address = peer.address.ip();
        if self.rules.from.iter().any(|network| network.contains(address)) {
            Admission::Accept
        } else {
            Admission::Refuse(Reply::new(554, Enhanced(5, 7, 1), "Not for you"))
        }
    }

    async fn mail(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
        self.next().await?.mail(&transaction.envelope).await?.into_result()
    }

    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        let next = self.next.as_mut().ok_or_else(Refusal::later)?;
        next.rcpt(to).await?.into_result()
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        let rules = self.rules.clone();
        let count = rules.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}.{count}", std::process::id());
        let mut front = transaction.received(&rules.hostname, &id, SystemTime::now());
        for field in &rules.add {
            front.push_str(field);
            front.push_str("\r\n");
        }
        let rewriter = Rewriter::new(front, rules.drop.clone());
        let mut message = Rewritten { rewriter, body };
        let next = self.next.as_mut().ok_or_else(Refusal::later)?;
        let sent = next.data(&mut message).await;
        if message.rewriter.hops.count > Hops::MOST {
            return Err(Refusal::new(554, Enhanced(5, 4, 6), "The message goes in circles"));
        }
        Ok(match sent {
            Ok(report) => report.into(),
            Err(failed) => {
                tracing::warn!(%failed, "the next server is lost");
                failed.into()
            }
        })
    }
}

/// A message on its way through.
struct Rewritten<'a, 'b> {
    rewriter: Rewriter,
    body: &'a mut Body<'b>,
}

impl Source for Rewritten<'_, '_> {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.rewriter.hops.count > Hops::MOST {
                return Err(io::Error::other("a loop"));
            }
            let mut out = Vec::new();
            let more = match self.body.chunk().await? {
                Some(run) => {
                    self.rewriter.push(run, &mut out);
                    true
                }
                None => {
                    self.rewriter.end(&mut out);
                    false
                }
            };
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
            if !more {
                return Ok(None);
            }
        }
    }
}

/// Rewrites the header of a message that comes in runs, cut anywhere. Holds no more than the beginning of one
/// field.
#[derive(Debug)]
pub(crate) struct Rewriter {
    /// What goes in front.
    front: String,
    drop: Vec<String>,
    state: State,
    /// The line that is arriving, as far as it is needed to know what it is.
    line: Vec<u8>,
    hops: Hops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Body,
    /// At the beginning of a line of the header; a line that continues the field before shares its fate.
    Line {
        dropping: bool,
    },
    /// Within a line whose fate is known.
    Rest {
        dropping: bool,
    },
}

impl Rewriter {
    pub(crate) fn new(front: String, drop: Vec<String>) -> Self {
        let state = State::Line { dropping: false };
        Self { front, drop, state, line: Vec::new(), hops: Hops::default() }
    }

    /// Takes octets of the message, and appends what becomes of them.
    pub(crate) fn push(&mut self, mut run: &[u8], out: &mut Vec<u8>) {
        self.hops.push(run);
        out.extend_from_slice(mem::take(&mut self.front).as_bytes());
        while !run.is_empty() {
            let end = run.iter().position(|octet| *octet == b'\n').map_or(run.len(), |at| at + 1);
            let (part, rest) = run.split_at(end);
            match self.state {
                State::Body => {
                    out.extend_from_slice(run);
                    return;
                }
                State::Line { dropping } => {
                    self.line.extend_from_slice(part);
                    if part.ends_with(b"\n") || self.line.contains(&b':') || self.line.len() > NAME
                    {
                        self.decide(dropping, out);
                    }
                }
                State::Rest { dropping } => {
                    if !dropping {
                        out.extend_from_slice(part);
                    }
                    if part.ends_with(b"\n") {
                        self.state = State::Line { dropping };
                    }
                }
            }
            run = rest;
        }
    }

    /// The message is over.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(mem::take(&mut self.front).as_bytes());
        if let State::Line { dropping } = self.state {
            self.decide(dropping, out);
        }
    }

    /// Enough of a line is here to know what it is.
    fn decide(&mut self, before: bool, out: &mut Vec<u8>) {
        let line = mem::take(&mut self.line);
        let dropping = match line.first() {
            None => return,
            // RFC 5322 §2.2.3: it goes on with the field before.
            Some(b' ' | b'\t') => before,
            Some(_) if line == b"\r\n" => {
                self.state = State::Body;
                out.extend_from_slice(&line);
                return;
            }
            Some(_) => {
                let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
                let name = name.trim_ascii_end();
                self.drop.iter().any(|drop| name.eq_ignore_ascii_case(drop.as_bytes()))
            }
        };
        if !dropping {
            out.extend_from_slice(&line);
        }
        self.state = match line.ends_with(b"\n") {
            true => State::Line { dropping },
            false => State::Rest { dropping },
        };
    }
}

/// A field as `--add` gives it, if it can stand in a header.
fn field(text: &str) -> Result<String, Failure> {
    let name = text.split(':').next().unwrap_or_default();
    let sound = text.contains(':')
        && !name.is_empty()
        && name.bytes().all(|octet| octet.is_ascii_graphic())
        && text.bytes().all(|octet| !octet.is_ascii_control());
    if sound { Ok(text.to_owned()) } else { Err(format!("{text:?} is no header field").into()) }
}

async fn filter(mut args: Args) -> Result<ExitCode, Failure> {
    let mut listen: SocketAddr = "127.0.0.1:2526".parse()?;
    let (mut next, mut next_tls, mut next_lmtp, mut trust) = (None, false, false, None);
    let (mut drop, mut add, mut from) = (Vec::new(), Vec::new(), Vec::new());
    let (mut hostname, mut role) = ("localhost".to_owned(), Role::Smtp);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--add" => add.push(field(&args.value::<String>(&arg)?)?),
            "--drop" => drop.push(args.value(&arg)?),
            "--from" => from.push(args.value::<Network>(&arg)?),
            "--hostname" => hostname = args.value(&arg)?,
            "--listen" => listen = args.value(&arg)?,
            "--lmtp" => role = Role::Lmtp,
            "--next" => next = Some(args.value::<String>(&arg)?),
            "--next-ca" => trust = Some(Trust::file(&args.value::<std::path::PathBuf>(&arg)?)?),
            "--next-lmtp" => next_lmtp = true,
            "--next-tls" => next_tls = args.value::<String>(&arg)? == "starttls",
            _ => return Err(format!("{arg} is not known").into()),
        }
    }
    let next = next.ok_or("which server is the next?")?;
    let (host, port) = next.rsplit_once(':').ok_or("--next wants HOST:PORT")?;
    let port = port.parse()?;
    let mut next = if next_tls {
        let trust = trust.map_or_else(Trust::system, Ok)?;
        Remote::submission(host, ClientTls::new(&trust)?).port(port)
    } else {
        Remote::plain(host, port)
    };
    next = next.hostname(&hostname);
    next.config.lmtp = next_lmtp;
    if from.is_empty() {
        from = Network::LOOPBACK.to_vec();
    }
    let config = Config::new(role, &hostname);
    // These are our own servers, and none of them is a stranger.
    let limits = Limits { trusted: from.clone(), ..Limits::DEFAULT };
    let count = AtomicU64::new(0);
    let rules = Arc::new(Rules { next, drop, add, hostname, from, count });
    let server = Server::builder(move |_| Filter { rules: rules.clone(), next: None })
        .listen(Listener::plain(listen), config)
        .limits(limits)
        .bind()?;
    println!("listening on {}", server.addresses()[0]);
    server.serve_until(common::told_to_stop()).await?;
    Ok(ExitCode::SUCCESS)
}
