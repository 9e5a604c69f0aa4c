//! MIME: structure, ENVELOPE, BODYSTRUCTURE, header fields and body decoding, in octets a second.
//!
//! Messages are made here, in the shapes that mail has; with the corpus at hand
//! (`POSTHASTE_CORPUS`, else beside the checkout) the same runs over it too. The hostile shapes are
//! measured at two sizes: cost for each octet must not grow with the message.

use std::{env, fs, hint::black_box, path::Path, time::Duration};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use posthaste_core::{
    grammar::base64,
    mime::{
        Limits, Message, Scanner, Structure, address, encoded_word,
        envelope::{Entries, Envelope},
        header,
        parameter::ContentType,
        structure::Encoding,
        transfer,
    },
};

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    let sets = sets();
    structure(&mut criterion, &sets);
    shown(&mut criterion, &sets);
    fields(&mut criterion);
    bodies(&mut criterion);
    hostile(&mut criterion);
    criterion.final_summary();
}

/// Messages by the name of their shape.
type Sets = Vec<(&'static str, Vec<Vec<u8>>)>;

fn sets() -> Sets {
    let mut sets = vec![
        ("plain_10k", vec![plain(10_000)]),
        ("alternative_60k", vec![alternative()]),
        ("attachment_1m", vec![attachment()]),
    ];
    if let Some(corpus) = corpus() {
        sets.push(("corpus", corpus));
    }
    sets
}

fn corpus() -> Option<Vec<Vec<u8>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = env::var_os("POSTHASTE_CORPUS").map_or(beside, Into::into);
    let list = fs::read_to_string(folder.join("messages.lst")).ok()?;
    let names = list.lines().filter(|name| !name.is_empty());
    names.map(|name| fs::read(folder.join(name)).ok()).collect()
}

fn throughput(group: &mut BenchmarkGroup<'_, WallTime>, messages: &[Vec<u8>]) {
    group.throughput(Throughput::Bytes(messages.iter().map(|message| message.len() as u64).sum()));
}

/// The scanner: whole, in pieces of 4 KiB, and keeping the fields that IMAP shows, as delivery does.
fn structure(criterion: &mut Criterion, sets: &Sets) {
    let mut group = criterion.benchmark_group("mime_structure");
    for (name, messages) in sets {
        throughput(&mut group, messages);
        for (how, piece, keeps) in
            [("whole", usize::MAX, false), ("pieces", 4096, false), ("kept", 4096, true)]
        {
            let mut scanner = Scanner::new(Limits::DEFAULT);
            if keeps {
                scanner = scanner.keep_fields();
            }
            group.bench_function(format!("{name}/{how}"), |bencher| {
                bencher.iter(|| {
                    for message in messages {
                        message
                            .chunks(piece.min(message.len().max(1)))
                            .for_each(|piece| scanner.feed(piece));
                        let tree = black_box(scanner.finish());
                        scanner.recycle(tree);
                    }
                });
            });
        }
    }
}

/// What FETCH shows: from the message and its tree, and from the stored tree alone.
fn shown(criterion: &mut Criterion, sets: &Sets) {
    let mut group = criterion.benchmark_group("mime_fetch");
    for (name, messages) in sets {
        throughput(&mut group, messages);
        let trees: Vec<Structure> = messages
            .iter()
            .map(|message| {
                let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
                scanner.feed(message);
                scanner.finish()
            })
            .collect();
        let stored: Vec<Vec<u8>> = trees
            .iter()
            .map(|tree| {
                let mut out = Vec::new();
                tree.encode(&mut out);
                out
            })
            .collect();
        let octets: usize = stored.iter().map(Vec::len).sum();
        println!("{name}: {} octets of stored tree a message", octets / stored.len().max(1));
        group.bench_function(format!("{name}/envelope"), |bencher| {
            bencher.iter(|| {
                for (message, tree) in messages.iter().zip(&trees) {
                    black_box(envelope(&Message::new(tree, message).envelope(0)));
                }
            });
        });
        group.bench_function(format!("{name}/body_structure"), |bencher| {
            bencher.iter(|| {
                for tree in &trees {
                    black_box(Message::kept(tree).body_structure().count());
                }
            });
        });
        group.bench_function(format!("{name}/scan_and_envelope"), |bencher| {
            bencher.iter(|| {
                for message in messages {
                    let tree = Structure::of(message);
                    black_box(envelope(&Message::new(&tree, message).envelope(0)));
                }
            });
        });
        group.bench_function(format!("{name}/stored"), |bencher| {
            bencher.iter(|| {
                for stored in &stored {
                    black_box(Structure::decode(stored).ok());
                }
            });
        });
    }
}

/// Looks at every value of an envelope.
fn envelope(envelope: &Envelope<'_>) -> usize {
    let texts =
        [envelope.date(), envelope.subject(), envelope.in_reply_to(), envelope.message_id()];
    let list = |entries: Entries<'_, '_>| -> usize {
        entries.map(|entry| entry.mailbox.map_or(0, |mailbox| mailbox.len())).sum()
    };
    texts.iter().flatten().map(|text| text.len()).sum::<usize>()
        + list(envelope.from())
        + list(envelope.sender())
        + list(envelope.reply_to())
        + list(envelope.to())
        + list(envelope.cc())
        + list(envelope.bcc())
}

fn fields(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime_fields");
    let message = plain(0);
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("split", |bencher| {
        bencher.iter(|| {
            header::fields(black_box(&message)).map(|field| field.kind() as usize).sum::<usize>()
        });
    });
    let many = b"\"Doe, John\" <john.doe@example.org>, ".repeat(50);
    group.throughput(Throughput::Bytes(many.len() as u64));
    group.bench_function("addresses", |bencher| {
        bencher.iter(|| address::addresses(black_box(&many)).count());
    });
    let words = b"=?utf-8?B?w7xiZXIgZGFz?= =?utf-8?Q?_Wetter_in_M=C3=BCnchen?= ".repeat(20);
    group.throughput(Throughput::Bytes(words.len() as u64));
    group.bench_function("encoded_words", |bencher| {
        bencher.iter(|| encoded_word::decode(black_box(&words)).len());
    });
    let value = b" multipart/mixed; boundary=\"----=_NextPart_000_0001_01D8ABCD.12345678\"; type=\"text/html\"";
    group.throughput(Throughput::Bytes(value.len() as u64));
    group.bench_function("content_type", |bencher| {
        bencher.iter(|| {
            ContentType::parse(black_box(value)).and_then(|found| found.params.raw("boundary"))
        });
    });
}

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime_bodies");
    for (name, encoding, body) in [
        ("base64", Encoding::Base64, folded_base64(750_000)),
        ("printable", Encoding::QuotedPrintable, printable(1 << 20)),
    ] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut out = Vec::with_capacity(body.len());
        group.bench_function(format!("{name}/pieces"), |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut decoder = transfer::Decoder::new(encoding).expect("a known encoding");
                body.chunks(8192).for_each(|piece| decoder.feed(piece, &mut out));
                decoder.finish(&mut out);
                black_box(out.len())
            });
        });
    }
    let octets = vec![0x5a; 48];
    let mut text = Vec::new();
    base64::encode(&octets, &mut text);
    group.throughput(Throughput::Bytes(text.len() as u64));
    let mut out = Vec::with_capacity(64);
    group.bench_function("base64/strict", |bencher| {
        bencher.iter(|| {
            out.clear();
            base64::decode(black_box(&text), &mut out).is_ok()
        });
    });
}

/// Shapes that are made to be slow, at two sizes.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime_hostile");
    for (name, make) in SHAPES {
        for (label, size) in [("10k", 10_000), ("1m", 1_000_000)] {
            let message = make(size);
            group.throughput(Throughput::Bytes(message.len() as u64));
            group.bench_function(format!("{name}/{label}"), |bencher| {
                bencher.iter(|| {
                    let tree = Structure::of(&message);
                    let message = Message::new(&tree, &message);
                    black_box(envelope(&message.envelope(0)));
                    let subject = message.field(0, header::Name::Subject);
                    black_box(subject.map(|field| encoded_word::decode(field.value()).len()));
                    black_box(message.body_part(0).map(|part| part.parameters().len()))
                });
            });
        }
    }
}

/// Makes a message of about so many octets.
type Make = fn(usize) -> Vec<u8>;

const SHAPES: [(&str, Make); 12] = [
    ("nesting", |size| {
        let level =
            |at: usize| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n");
        (0..size / 60).flat_map(|at| level(at).into_bytes()).collect()
    }),
    ("messages", |size| b"Content-Type: message/rfc822\r\n\r\n".repeat(size / 32)),
    ("wide", |size| multipart(&b"--b\r\n\r\nx\r\n".repeat(size / 10))),
    ("look_alikes", |size| multipart(&b"--b1\r\n".repeat(size / 6))),
    ("dashes", |size| multipart(&b"--\n".repeat(size / 3))),
    ("open_boundaries", |size| {
        let mut message: Vec<u8> = (0..60)
            .flat_map(|at| {
                format!("Content-Type: multipart/mixed; boundary=b{at:03}\r\n\r\n--b{at:03}\r\n")
                    .into_bytes()
            })
            .collect();
        message.extend(b"\r\n");
        message.extend(b"--b999\r\n".repeat(size / 8));
        message
    }),
    ("endless_header", |size| b"X-A: b\r\n".repeat(size / 8)),
    ("addresses", |size| [b"To: ".to_vec(), b"a@b,".repeat(size / 4)].concat()),
    ("comments", |size| [b"To: ".to_vec(), b"(".repeat(size)].concat()),
    ("words", |size| [b"Subject: ".to_vec(), b"=?u?q?a".repeat(size / 7)].concat()),
    ("pieces", |size| {
        let piece = |at: usize| format!("; n*{at}=x").into_bytes();
        [b"Content-Type: a/b".to_vec(), (0..size / 9).flat_map(piece).collect()].concat()
    }),
    ("quotes", |size| [b"To: ".to_vec(), b"\"\\".repeat(size / 2)].concat()),
];

fn multipart(body: &[u8]) -> Vec<u8> {
    [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", body].concat()
}

const HEADER: &str = "Return-Path: <sender@example.org>\r\n\
    Received: from mx.example.org (mx.example.org [192.0.2.25])\r\n\tby mail.example.net (Posthaste) with ESMTPS id 4XyZ1234\r\n\tfor <alice@example.net>; Tue, 17 Nov 2026 10:31:15 -0700 (PDT)\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=20230601;\r\n\th=to:subject:message-id:date:from:mime-version; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n\
    Message-ID: <20261117103115.4XyZ@example.org>\r\n\
    Date: Tue, 17 Nov 2026 10:31:15 -0700\r\n\
    From: \"Doe, John\" <john.doe@example.org>\r\n\
    To: Alice <alice@example.net>, =?utf-8?q?J=C3=B6rg?= <joerg@example.net>\r\n\
    Cc: list@example.org\r\n\
    Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from the bench\r\n\
    In-Reply-To: <20261116101010.1@example.net>\r\n\
    MIME-Version: 1.0\r\n";

fn plain(size: usize) -> Vec<u8> {
    let mut message =
        format!("{HEADER}Content-Type: text/plain; charset=utf-8\r\n\r\n").into_bytes();
    message.extend(
        b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
            .repeat(size / 73),
    );
    message
}

fn alternative() -> Vec<u8> {
    let mut message = format!(
        "{HEADER}Content-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n\
        --=_alt\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    .into_bytes();
    message.extend(printable(20_000));
    message.extend(b"\r\n--=_alt\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    message.extend(printable(40_000));
    message.extend(b"\r\n--=_alt--\r\n");
    message
}

fn attachment() -> Vec<u8> {
    let mut message = format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=\"=_mix\"\r\n\r\n\
        --=_mix\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n\
        --=_mix\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n"
    )
    .into_bytes();
    message.extend(folded_base64(750_000));
    message.extend(b"--=_mix--\r\n");
    message
}

fn folded_base64(octets: usize) -> Vec<u8> {
    let octets: Vec<u8> =
        (0..octets as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut text = Vec::new();
    base64::encode(&octets, &mut text);
    text.chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

fn printable(octets: usize) -> Vec<u8> {
    let line = b"<td style=3D\"padding: 0 10px; color: #333\">Gr=C3=BC=C3=9Fe aus M=C3=BCn=\r\nchen, the rest of this row is plain</td>\r\n";
    line.repeat(octets / line.len())
}
