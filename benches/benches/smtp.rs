//! The SMTP server machine in memory: commands, message octets, whole transactions.
//!
//! Each figure counts everything a driver does but the socket: octets copied into the input, `advance`,
//! `event`, the answer, the reply written.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use posthaste_gate::smtp::{self, Session};

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
    let block = smtp::lines(64 * 1024, 78, 8);
    group.throughput(Throughput::Bytes(block.len() as u64));
    group.bench_function("lines, 64 KB blocks", |b| {
        let mut session = Session::new();
        session.hear(envelope);
        b.iter(|| session.hear(&block));
        assert!(session.found > 0);
    });
    group.bench_function("chunks, 64 KB", |b| {
        let mut session = Session::new();
        session.hear(b"MAIL FROM:<alice@client.example.test>\r\nRCPT TO:<bob@example.test>\r\n");
        let mut chunk = format!("BDAT {}\r\n", block.len()).into_bytes();
        chunk.extend_from_slice(&block);
        b.iter(|| session.hear(&chunk));
    });
    let mut whole = envelope.to_vec();
    whole.extend_from_slice(&smtp::lines(10 * 1024, 78, 8));
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
