//! The POP3 server machine in memory: commands, listings, messages on their way out.
//!
//! Each figure counts everything a driver does but the socket: octets copied into the input, `advance`,
//! `event`, the answer, the reply written.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use posthaste_core::machine::{Advance, Input, Instant, Machine};
use posthaste_core::pop3::command::Command;
use posthaste_core::pop3::server::{Admission, Config, Event, Opened, Piece, Server, Updated};
use posthaste_core::pop3::{Maildrop, Uid};
use posthaste_core::sasl::Verdict;

/// Messages of one size.
struct Mails {
    count: u32,
    octets: Bytes,
}

impl Maildrop for Mails {
    fn count(&self) -> u32 {
        self.count
    }

    fn size(&self, _: u32) -> u64 {
        self.octets.len() as u64
    }

    fn uid(&self, number: u32, uid: &mut Uid<'_>) {
        uid.push(b"1700000000.");
        uid.push(&number.to_le_bytes().map(|octet| b'a' + (octet & 15)));
    }
}

/// A session that has signed in.
struct Session {
    server: Server,
    input: Input,
    out: Vec<u8>,
    mails: Arc<Mails>,
    said: u64,
}

impl Session {
    fn new(count: u32, octets: Vec<u8>) -> Self {
        let config = Config { plaintext_auth: true, ..Config::new("pop.example.test") };
        let mut session = Self {
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            out: Vec::with_capacity(256 * 1024),
            mails: Arc::new(Mails { count, octets: octets.into() }),
            said: 0,
        };
        session.hear(b"USER alice\r\nPASS geheim\r\n");
        session
    }

    fn hear(&mut self, octets: &[u8]) {
        self.input.push(octets);
        loop {
            match self.server.advance(Instant::ZERO, &mut self.input, &mut self.out) {
                Advance::Event => {}
                Advance::Flush | Advance::Read if !self.out.is_empty() => {
                    self.said += black_box(&self.out).len() as u64;
                    self.out.clear();
                    continue;
                }
                Advance::Read => return,
                other => panic!("{other:?}: {}", String::from_utf8_lossy(&self.out)),
            }
            let answered = match self.server.event(&self.input, &mut self.out) {
                Some(Event::Connected(ask)) => ask.with(Admission::Accept),
                Some(Event::SignIn(ask, _)) => ask.with(Verdict::Accepted),
                Some(Event::Open(ask)) => ask.with(Opened::Ready(self.mails.clone())),
                Some(Event::Retr(ask, _) | Event::Top(ask, ..)) => {
                    ask.with(Piece::Last(self.mails.octets.clone()))
                }
                Some(Event::Update(ask, _)) => ask.with(Updated::Durable),
                _ => continue,
            };
            let _ = self.server.settle(answered, &mut self.out);
        }
    }
}

/// Lines of mail, one in eight with a dot in front.
fn text(octets: usize) -> Vec<u8> {
    let mut text = b"Subject: fox\r\n\r\n".to_vec();
    let mut line = 0;
    while text.len() < octets {
        if line % 8 == 0 {
            text.push(b'.');
        }
        text.extend_from_slice(
            b"The quick brown fox jumps over the lazy dog, and comes home late at night.\r\n",
        );
        line += 1;
    }
    text
}

fn commands(c: &mut Criterion) {
    let mut group = c.benchmark_group("pop3/commands");
    let parsed: [&[u8]; 6] = [b"STAT", b"LIST 17", b"RETR 17", b"TOP 17 0", b"DELE 17", b"UIDL"];
    group.throughput(Throughput::Elements(parsed.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| {
            for line in parsed {
                let _ = black_box(Command::parse(black_box(line)));
            }
        });
    });
    let mut session = Session::new(100, text(100));
    let talk: &[u8] = b"STAT\r\nLIST 17\r\nUIDL 17\r\nDELE 17\r\nNOOP\r\nRSET\r\n";
    group.throughput(Throughput::Elements(6));
    group.bench_function("session", |b| b.iter(|| session.hear(black_box(talk))));
    group.finish();
}

fn listings(c: &mut Criterion) {
    let mut group = c.benchmark_group("pop3/listings");
    let count = 10_000;
    let mut session = Session::new(count, text(100));
    group.throughput(Throughput::Elements(count.into()));
    group.bench_function("list", |b| b.iter(|| session.hear(b"LIST\r\n")));
    group.bench_function("uidl", |b| b.iter(|| session.hear(b"UIDL\r\n")));
    group.finish();
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("pop3/messages");
    for (name, octets) in [("10 KB", 10_000), ("1 MB", 1_000_000)] {
        let mut session = Session::new(1, text(octets));
        group.throughput(Throughput::Bytes(session.mails.octets.len() as u64));
        group.bench_function(format!("retr {name}"), |b| b.iter(|| session.hear(b"RETR 1\r\n")));
    }
    let mut session = Session::new(1, text(10_000));
    group.throughput(Throughput::Elements(1));
    group.bench_function("top 10 KB, 0 lines", |b| b.iter(|| session.hear(b"TOP 1 0\r\n")));
    group.finish();
}

criterion_group!(benches, commands, listings, messages);
criterion_main!(benches);
