//! Commands of IMAP: framed, read, walked. Each input is a whole command, and nothing is reused but the buffer.
//!
//! "read" parses the framed octets, which checks all of it; "walk" also visits what is lazy, so it is the fair
//! figure beside parsers that build lists.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use posthaste_core::imap::command::Command;
use posthaste_core::imap::frame::{Frame, Framer, Limits};
use posthaste_core::imap::{Syntax, Tagged};
use posthaste_core::machine::Input;

const COMMANDS: &[(&str, &str)] = &[
    (
        "FETCH 7 items",
        "A1 UID FETCH 1:100 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE \
         BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT)])\r\n",
    ),
    (
        "SEARCH",
        "A2 UID SEARCH RETURN (MIN MAX COUNT) UNSEEN SINCE 1-Feb-1994 NOT FROM \"Smith\" OR TO \"a\" CC \"b\"\r\n",
    ),
    ("STORE", "A3 UID STORE 1:5,7,9:* +FLAGS.SILENT (\\Seen \\Deleted $Junk)\r\n"),
    ("LOGIN", "A4 LOGIN alice@example.test \"correct horse\"\r\n"),
    ("LOGIN literals", "A5 LOGIN {18+}\r\nalice@example.test {13+}\r\ncorrect horse\r\n"),
    ("SELECT", "A6 SELECT \"Sent Mail\" (CONDSTORE)\r\n"),
    (
        "LIST",
        "A7 LIST (SUBSCRIBED) \"\" (\"INBOX\" \"%\") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))\r\n",
    ),
    ("NOOP", "A8 NOOP\r\n"),
];

fn walk(command: &Command<'_>) {
    match command {
        Command::Fetch(fetch) => {
            fetch.set.ranges().for_each(|range| {
                black_box(range);
            });
            fetch.items.iter().for_each(|item| {
                black_box(item);
            });
        }
        Command::Search(search) => search.keys.iter().for_each(|key| {
            black_box(key);
        }),
        Command::Store(store) => {
            store.set.ranges().for_each(|range| {
                black_box(range);
            });
            store.flags.iter().for_each(|flag| {
                black_box(flag);
            });
        }
        Command::List(list) => list.patterns.iter().for_each(|pattern| {
            black_box(pattern);
        }),
        other => {
            black_box(other);
        }
    }
}

fn commands(c: &mut Criterion) {
    let syntax = Syntax::default();
    let mut group = c.benchmark_group("imap/read");
    for (name, line) in COMMANDS {
        group.bench_function(*name, |b| {
            b.iter(|| black_box(Tagged::read(black_box(line.as_bytes()), syntax)).is_ok());
        });
    }
    group.finish();
    let mut group = c.benchmark_group("imap/read and walk");
    for (name, line) in COMMANDS {
        group.bench_function(*name, |b| {
            b.iter(|| {
                if let Ok(read) = Tagged::read(black_box(line.as_bytes()), syntax) {
                    walk(&read.command);
                }
            });
        });
    }
    group.finish();
}

fn framing(c: &mut Criterion) {
    let mut group = c.benchmark_group("imap/frame");
    let mixed: String = COMMANDS.iter().map(|(_, line)| *line).collect();
    group.throughput(Throughput::Elements(COMMANDS.len() as u64));
    group.bench_function("pipelined mix, frame and read", |b| {
        let mut input = Input::new();
        let mut framer = Framer::new();
        b.iter(|| {
            input.push(mixed.as_bytes());
            while let Frame::Command(n) = framer.frame(&mut input, &Limits::AFTER_LOGIN) {
                let octets = input.bytes().get(..n).unwrap_or_default();
                let _ = black_box(Tagged::read(octets, Syntax::default()));
                framer.consume(&mut input);
            }
        });
    });
    // A message in one piece. Without the copy into the buffer, which is the driver's.
    let message = vec![b'x'; 1 << 20];
    let mut append = format!("A1 APPEND INBOX (\\Seen) {{{}+}}\r\n", message.len()).into_bytes();
    append.extend_from_slice(&message);
    append.extend_from_slice(b"\r\n");
    group.throughput(Throughput::Elements(1));
    group.bench_function("APPEND 1 MB", |b| {
        b.iter_batched_ref(
            || {
                let mut input = Input::new();
                input.push(&append);
                input
            },
            |input| {
                let mut framer = Framer::new();
                let mut octets = 0;
                loop {
                    match framer.frame(input, &Limits::AFTER_LOGIN) {
                        Frame::Append(n, _) => {
                            let head = input.bytes().get(..n).unwrap_or_default();
                            let _ = black_box(Tagged::read(head, Syntax::default()));
                            framer.consume(input);
                            framer.accept();
                            continue;
                        }
                        Frame::Message(n) => octets += n,
                        Frame::Read => break,
                        _ => {}
                    }
                    framer.consume(input);
                }
                octets
            },
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, commands, framing);
criterion_main!(benches);
