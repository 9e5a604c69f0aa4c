//! The SMTP server machine in memory: commands, message octets, whole transactions.
//!
//! Each figure counts everything a driver does but the socket: octets copied into the input, `advance`,
//! `event`, the answer, the reply written.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use posthaste_core::machine::{Advance, Input, Instant, Machine};
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Role, Server};

/// A session that says yes to everything.
struct Session {
    server: Server,
    input: Input,
    out: Vec<u8>,
    octets: u64,
}

impl Session {
    fn new() -> Self {
        let mut config = Config::new(Role::Smtp, "mx.example.test");
        config.limits.transactions = u32::MAX;
        config.limits.junk_commands = u32::MAX;
        config.limits.recipients = u32::MAX;
        config.limits.message_size = u64::MAX;
        let mut session = Self {
            server: Server::new(Arc::new(config)),
            input: Input::new(),
            out: Vec::with_capacity(256 * 1024),
            octets: 0,
        };
        session.hear(b"EHLO client.example.test\r\n");
        session
    }

    fn hear(&mut self, octets: &[u8]) {
        self.out.clear();
        self.input.push(octets);
        loop {
            match self.server.advance(Instant::ZERO, &mut self.input, &mut self.out) {
                Advance::Event => {}
                Advance::Read => return,
                other => panic!("{other:?}: {}", String::from_utf8_lossy(&self.out)),
            }
            let answered = match self.server.event(&self.input, &mut self.out) {
                Some(Event::Connected(ask)) => ask.with(Admission::Accept),
                Some(Event::Mail(ask, from)) => {
                    black_box(from);
                    ask.with(Decision::Accept)
                }
                Some(Event::Recipient(ask, to)) => {
                    black_box(to);
                    ask.with(Decision::Accept)
                }
                Some(Event::Data(ask, _)) => ask.with(Decision::Accept),
                Some(Event::BodyEnd(ask, _)) => ask.with(Outcome::All(Reply::taken("Ok"))),
                Some(Event::Body(run)) => {
                    self.octets += black_box(run.as_bytes()).len() as u64;
                    continue;
                }
                _ => continue,
            };
            let _ = self.server.settle(answered, &mut self.out);
        }
    }
}

/// Lines of mail, one in eight with a dot in front.
fn text(octets: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets + 80);
    let mut line = 0;
    while text.len() < octets {
        if line % 8 == 0 {
            text.extend_from_slice(b"..");
        }
        text.extend_from_slice(
            b"The quick brown fox jumps over the lazy dog, and comes home late at night.\r\n",
        );
        line += 1;
    }
    text
}

fn commands(c: &mut Criterion) {
    let mut group = c.benchmark_group("smtp");
    group.throughput(Throughput::Elements(1));
    group.bench_function("noop", |b| {
        let mut session = Session::new();
        b.iter(|| session.hear(b"NOOP\r\n"));
    });
    group.bench_function("rcpt", |b| {
        let mut session = Session::new();
        session.hear(b"MAIL FROM:<alice@client.example.test>\r\n");
        b.iter(|| session.hear(b"RCPT TO:<bob@example.test>\r\n"));
    });
    group.throughput(Throughput::Elements(2));
    group.bench_function("mail and rset", |b| {
        let mut session = Session::new();
        b.iter(|| {
            session.hear(b"MAIL FROM:<alice@client.example.test> SIZE=10240 BODY=8BITMIME\r\n");
            session.hear(b"RSET\r\n");
        });
    });
    group.throughput(Throughput::Elements(6));
    group.bench_function("pipelined mix", |b| {
        let mut session = Session::new();
        b.iter(|| {
            session.hear(
                b"NOOP\r\nMAIL FROM:<alice@client.example.test>\r\nRCPT TO:<bob@example.test>\r\n\
                  RCPT TO:<carol@example.test>\r\nRCPT TO:<dave@example.test>\r\nRSET\r\n",
            );
        });
    });
    group.finish();
}

fn bodies(c: &mut Criterion) {
    let mut group = c.benchmark_group("smtp body");
    let envelope =
        b"MAIL FROM:<alice@client.example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n";
    let block = text(64 * 1024);
    group.throughput(Throughput::Bytes(block.len() as u64));
    group.bench_function("lines, 64 KB blocks", |b| {
        let mut session = Session::new();
        session.hear(envelope);
        b.iter(|| session.hear(&block));
        assert!(session.octets > 0);
    });
    group.bench_function("chunks, 64 KB", |b| {
        let mut session = Session::new();
        session.hear(b"MAIL FROM:<alice@client.example.test>\r\nRCPT TO:<bob@example.test>\r\n");
        let mut chunk = format!("BDAT {}\r\n", block.len()).into_bytes();
        chunk.extend_from_slice(&block);
        b.iter(|| session.hear(&chunk));
    });
    let mut whole = envelope.to_vec();
    whole.extend_from_slice(&text(10 * 1024));
    whole.extend_from_slice(b".\r\n");
    group.throughput(Throughput::Bytes(whole.len() as u64));
    group.bench_function("a transaction of 10 KB, pipelined", |b| {
        let mut session = Session::new();
        b.iter(|| session.hear(&whole));
    });
    group.finish();
}

criterion_group!(benches, commands, bodies);
criterion_main!(benches);
