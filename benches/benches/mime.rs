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
        Limits, Message, Scanner, Structure, address, build, encoded_word,
        envelope::{Entries, Envelope},
        header,
        parameter::ContentType,
        structure::Encoding,
        transfer,
    },
};
use posthaste_gate::shapes;

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
    built(&mut criterion);
    hostile(&mut criterion);
    criterion.final_summary();
}

/// Messages by the name of their shape.
type Sets = Vec<(&'static str, Vec<Vec<u8>>)>;

fn sets() -> Sets {
    let mut sets: Sets =
        shapes::usual().into_iter().map(|(name, message)| (name, vec![message])).collect();
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
    let message = shapes::plain(0);
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

/// Transfer encodings undone in pieces of 8 KiB into room that is there, and written.
fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime_bodies");
    let html = html(1 << 20);
    let mut printable = Vec::new();
    transfer::encode(Encoding::QuotedPrintable, transfer::Form::Text, &html, &mut printable);
    for (name, encoding, body) in [
        ("base64", Encoding::Base64, shapes::folded_base64(750_000)),
        ("printable", Encoding::QuotedPrintable, printable),
        ("printable_dense", Encoding::QuotedPrintable, escapes(1 << 20)),
        ("uuencode", Encoding::Uuencode, uuencoded(1 << 20)),
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
        let Some(strict) = transfer::Strict::new(encoding) else { continue };
        group.bench_function(format!("{name}/to_the_letter"), |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut decoder = strict.clone();
                let mut pieces = body.chunks(8192);
                pieces.try_for_each(|piece| decoder.feed(piece, &mut out)).is_ok()
            });
        });
    }
    for (name, encoding) in [("base64", Encoding::Base64), ("printable", Encoding::QuotedPrintable)]
    {
        group.throughput(Throughput::Bytes(html.len() as u64));
        let mut out = Vec::with_capacity(2 * html.len());
        group.bench_function(format!("{name}/written"), |bencher| {
            bencher.iter(|| {
                out.clear();
                transfer::encode(encoding, transfer::Form::Text, &html, &mut out)
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

/// Messages written: a short one from its values on, then large bodies in each encoding, whole and in
/// pieces. Octets are those of the message.
fn built(criterion: &mut Criterion) {
    use build::{Mailbox, MediaType, Options, Part, Text, Transport};

    let mut group = criterion.benchmark_group("mime_build");
    let letter = |body| {
        build::Message::new(body)
            .date(posthaste_core::mime::date::DateTime::from_unix(1_700_000_000, 60))
            .from(
                [Mailbox::named("J\u{fc}rgen Example", "juergen@example.org").expect("a mailbox")],
            )
            .to([Mailbox::named("Anna", "anna@example.net").expect("a mailbox")])
            .subject(Text::new("Gr\u{fc}\u{df}e aus M\u{fc}nchen").expect("a line"))
    };
    let short = || letter(Part::alternative([Part::text("Hallo\n"), Part::html("<p>Hallo\n")]));
    let mut out = Vec::new();
    short().write(&Options::seeded(1), &mut out).expect("a message");
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("alternative", |bencher| {
        bencher.iter(|| {
            out.clear();
            short().write(&Options::seeded(1), &mut out).expect("a message");
            black_box(out.len())
        });
    });
    let octets: Vec<u8> = (0..1 << 20).map(|at: u32| ((at * 31) >> 3) as u8).collect();
    let text = "Ein Satz mit \u{dc}ml\u{e4}uten, der nicht sehr lang ist.\r\n".repeat(17_000);
    let media = || MediaType::new("application/octet-stream").expect("a media type");
    let eight_bit = Options { transport: Transport::EightBit, ..Options::seeded(1) };
    for (name, message, options) in [
        ("base64_1m", letter(Part::octets(media(), octets.as_slice())), Options::seeded(1)),
        ("printable_1m", letter(Part::text(text.as_str())), Options::seeded(1)),
        ("eight_bit_1m", letter(Part::text(text.as_str())), eight_bit),
    ] {
        let plan = message.plan(&options).expect("a message");
        group.throughput(Throughput::Bytes(plan.size()));
        group.bench_function(format!("{name}/whole"), |bencher| {
            bencher.iter(|| {
                out.clear();
                message.write(&options, &mut out).expect("a message");
                black_box(out.len())
            });
        });
        group.bench_function(format!("{name}/pieces"), |bencher| {
            let mut piece = Vec::with_capacity(64 << 10);
            bencher.iter(|| {
                let plan = message.plan(&options).expect("a message");
                let (mut octets, mut pieces) = (0, plan.pieces());
                while pieces.next(&mut piece) {
                    octets += piece.len();
                    piece.clear();
                }
                octets += piece.len();
                piece.clear();
                black_box(octets)
            });
        });
    }
}

/// Text as mailers send it: quoted-printable makes about 3 % of it a `=`, at no even distance.
fn html(octets: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "<td class=\"cell\">",
        "padding: 0 10px;",
        "the quick brown fox ",
        "Grüße aus ",
        "jumps over the lazy dog ",
        "<br/>",
        " style=\"color: #333\" ",
        "lorem ipsum dolor sit amet, ",
        "</td></tr>",
        "consectetur adipiscing elit ",
        "<b>München</b>",
        "plain words and more of them ",
        "<p>Some text to read.</p>\r\n",
        "sed do eiusmod tempor ",
        "font-family: sans-serif;",
        "and so on and so forth ",
    ];
    let mut random = 12_345_u32;
    let mut text = String::new();
    while text.len() < octets {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += WORDS[(random >> 16) as usize % WORDS.len()];
    }
    text.into_bytes()
}

/// Nothing but escapes and soft line ends.
fn escapes(octets: usize) -> Vec<u8> {
    let line: String = (0..25).map(|at| format!("={:02X}", at * 37 % 256)).collect();
    (line + "=\r\n").repeat(octets / 78).into_bytes()
}

fn uuencoded(octets: usize) -> Vec<u8> {
    let line = format!("M{}\n", "0V%T".repeat(15));
    format!("begin 644 a\n{}`\nend\n", line.repeat(octets / line.len())).into_bytes()
}

/// Shapes that are made to be slow, at two sizes.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime_hostile");
    for (name, make) in shapes::HOSTILE {
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
