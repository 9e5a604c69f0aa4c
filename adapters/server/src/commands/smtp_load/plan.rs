//! What the command line asks for, ready to be done.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use posthaste_core::smtp::client::{Config, Limits};
use posthaste_mio::clients;

use super::corpus::Corpus;
use super::message::Maker;
use super::pattern::Addresses;
use super::schedule::{Arrivals, Micros, Schedule};
use crate::cli::SmtpLoad;
use crate::commands::client;
use crate::exit::{Exit, Failure};
use crate::random::Random;
use crate::{system, terminal};

/// Messages that are sent when nothing is said.
const MESSAGES: u64 = 1_000;
/// How long a session may wait for its next message: as long as it takes.
const IDLE: Duration = Duration::from_secs(365 * 86_400);
/// File descriptors for other things than connections.
const SPARE: u64 = 64;
/// How long an address is tried, where a name has several.
const TRY: Duration = Duration::from_secs(5);

/// All that the threads share.
pub(super) struct Plan {
    /// The machines' settings.
    pub(super) config: Arc<Config>,
    /// The server, and how TLS starts.
    pub(super) peer: clients::Peer,
    /// Whose addresses to connect from.
    pub(super) sources: Vec<std::net::IpAddr>,
    /// What the wire may take.
    pub(super) limits: clients::Limits,
    /// Makes the messages.
    pub(super) maker: Maker,
    /// Who sends.
    pub(super) from: Addresses,
    /// Who gets it.
    pub(super) to: Addresses,
    /// Recipients of a message.
    pub(super) recipients: usize,
    /// Connections at once.
    pub(super) sessions: usize,
    /// Threads that share them.
    pub(super) threads: usize,
    /// Messages on a connection.
    pub(super) per_connection: u64,
    /// Messages in all; `u64::MAX` if time ends it.
    pub(super) messages: u64,
    /// How long messages begin.
    pub(super) until: Micros,
    /// Messages a second, by the clock.
    pub(super) rate: Option<f64>,
    arrivals: Arrivals,
    /// Messages that may begin yet.
    pub(super) left: Arc<AtomicU64>,
    /// Where all randomness comes from.
    pub(super) seed: u64,
    /// When it began.
    pub(super) begin: Instant,
}

impl Plan {
    pub(super) fn new(load: &SmtpLoad) -> Result<Self, Failure> {
        let SmtpLoad { messages, pace, wire, .. } = load;
        let (host, address) = server(&load.server)?;
        let usage =
            |what: String| Failure::new(Exit::Usage, what, "see `posthaste help smtp-load`");
        let addresses = |name, patterns: &[String], range| {
            Addresses::new(patterns, range).map_err(|error| usage(format!("{name}: {error}")))
        };
        let corpus = messages.corpus.as_ref().map(|folder| {
            Corpus::open(folder)
                .map_err(|error| Failure::io(format!("cannot read {}", folder.display()), &error))
        });
        let seed = match pace.seed {
            Some(seed) => seed,
            None => fresh()?,
        };
        let mut random = Random::new(seed);
        let run = random.next();
        let hostname = &wire.hostname;
        if !hostname.bytes().all(|c| c.is_ascii_graphic()) || hostname.is_empty() {
            return Err(usage(format!("--hostname: {hostname:?} is not a name")));
        }
        let timeout = wire.timeout;
        let sessions = pace.sessions;
        descriptors(sessions as u64)?;
        let count = match (pace.messages, pace.duration) {
            (Some(messages), _) => messages,
            (None, Some(_)) => u64::MAX,
            (None, None) => MESSAGES,
        };
        Ok(Self {
            config: Arc::new(config(load)?),
            peer: clients::Peer {
                address,
                upgrade: client::upgrade(&load.client, &host)?,
                implicit: load.client.tls == "implicit",
            },
            sources: wire.source.clone(),
            limits: clients::Limits {
                connect: timeout,
                tls_handshake: timeout,
                write_stall: timeout,
            },
            maker: Maker::new(messages.size, corpus.transpose()?, hostname, run, &mut random),
            from: addresses("--from", &messages.from, messages.from_range)?,
            to: addresses("--to", &messages.to, messages.to_range)?,
            recipients: messages.recipients,
            sessions,
            threads: pace.threads.min(sessions),
            per_connection: pace.per_connection.unwrap_or(u64::MAX),
            messages: count,
            until: pace.duration.map_or(Micros::MAX, micros),
            rate: pace.rate,
            arrivals: pace.arrivals(),
            left: Arc::new(AtomicU64::new(count)),
            seed: random.next(),
            begin: Instant::now(),
        })
    }

    /// When the messages of a thread begin.
    pub(super) fn schedule(&self, thread: usize, random: &mut Random) -> Schedule {
        let left = Arc::clone(&self.left);
        match self.rate {
            None => Schedule::closed(left, self.until),
            Some(rate) => {
                let place = (thread, self.threads);
                Schedule::open(left, self.until, rate, self.arrivals, place, random)
            }
        }
    }

    /// The sessions of a thread.
    pub(super) const fn share(&self, thread: usize) -> usize {
        let more = if thread < self.sessions % self.threads { 1 } else { 0 };
        self.sessions / self.threads + more
    }

    /// Time since the load began.
    pub(super) fn now(&self) -> Micros {
        micros(self.begin.elapsed())
    }
}

fn micros(time: Duration) -> Micros {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn fresh() -> Result<u64, Failure> {
    getrandom::u64()
        .map_err(|error| Failure::new(Exit::Unavailable, format!("no randomness: {error}"), ""))
}

/// The server's name, and its address: the first that answers, if there are several.
fn server(text: &str) -> Result<(String, SocketAddr), Failure> {
    let (host, port) = terminal::host_and_port(text).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("{text:?} is not the address of a server"),
            "expected HOST:PORT, such as 127.0.0.1:2525",
        )
    })?;
    let unknown = |why: String| {
        Failure::new(Exit::Unavailable, format!("cannot find {host}: {why}"), "check the name")
    };
    let found: Vec<_> = match (host, port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => return Err(unknown(error.to_string())),
    };
    let first = *found.first().ok_or_else(|| unknown("it has no address".into()))?;
    let answers =
        |address: &&SocketAddr| std::net::TcpStream::connect_timeout(address, TRY).is_ok();
    let address =
        if found.len() == 1 { first } else { *found.iter().find(answers).unwrap_or(&first) };
    Ok((host.to_owned(), address))
}

fn config(load: &SmtpLoad) -> Result<Config, Failure> {
    let wire = &load.wire;
    let mut config = client::config(&load.client, &wire.hostname)?;
    let wait = wire.timeout;
    config.limits = Limits {
        greeting: wait,
        mail: wait,
        rcpt: wait,
        data: wait,
        block: wait,
        end: wait,
        quit: wait,
        answer_wait: IDLE,
        ..Limits::DEFAULT
    };
    Ok(config)
}

/// Sees to it that the system lets us have so many connections.
fn descriptors(sessions: u64) -> Result<(), Failure> {
    let wanted = sessions + SPARE;
    let allowed = system::descriptors(wanted);
    if allowed >= wanted {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Unavailable,
        format!("the system allows {allowed} open files, and {wanted} are needed"),
        "raise it (`ulimit -n`), or give fewer --sessions",
    ))
}
