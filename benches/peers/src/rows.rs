//! Who is measured, doing what.

use memchr::memmem;
use posthaste_core::mime::structure::Encoding;

use posthaste_gate::work;

use crate::{
    c::{self, Asked},
    corpora::Corpus,
    others,
};

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Structure,
    Envelope,
    Full,
    Fetch,
}

impl Kind {
    /// What it is called in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Envelope => "structure and ENVELOPE fields decoded",
            Self::Full => "all fields and bodies decoded",
            Self::Fetch => "ENVELOPE and BODYSTRUCTURE from octets",
        }
    }
}

/// Somebody doing something to a message; it gives what it found.
pub struct Row {
    pub name: &'static str,
    pub kind: Kind,
    pub work: Box<dyn FnMut(&[u8]) -> usize>,
}

/// Posthaste's rows, which the targets speak of.
pub const WHOLE: &str = "Posthaste";
pub const PIECES: &str = "Posthaste, fed 4 KiB";
pub const ENVELOPE: &str = "Posthaste, ENVELOPE fields";
pub const FULL: &str = "Posthaste, full";
pub const FETCH: &str = "Posthaste, fetch";
pub const COLD: &str = "Posthaste, new storage";

pub const DECODED: &str = "Posthaste, fed 8 KiB";
/// The fastest decoders of others.
pub const ENCODIFY: &str = "encodify 1.0.2, whole";

/// Parsers that tell how many parts a message has: how the names of their rows start, and the row that
/// counts them.
pub const READERS: [(&str, &str); 4] = [
    ("mail-parser 1.0.1", "mail-parser 1.0.1"),
    ("mailparse", "mailparse 0.18"),
    ("Dovecot", "Dovecot lib-mail"),
    ("GMime", "GMime"),
];

/// Which of [`READERS`] a row is of.
pub fn reader(row: &str) -> Option<usize> {
    READERS.iter().position(|(name, _)| row.starts_with(name))
}

/// The rows for a corpus.
pub fn of(corpus: &Corpus) -> Vec<Row> {
    match corpus.encoding {
        Some(encoding) => decoders(encoding),
        None => parsers(),
    }
}

fn parsers() -> Vec<Row> {
    let finder = memmem::Finder::new(b"\n--").into_owned();
    let mut rows = vec![
        row("floor: memmem", Kind::Structure, move |bytes| finder.find_iter(bytes).count()),
        row(WHOLE, Kind::Structure, work::structure(usize::MAX, false)),
        row(PIECES, Kind::Structure, work::structure(4096, false)),
        row("Posthaste, fed 4 KiB, fields kept", Kind::Structure, work::structure(4096, true)),
        row(COLD, Kind::Structure, work::cold),
        row(
            "mail-parser 1.0.1, values ignored",
            Kind::Structure,
            others::parsed(others::ignoring(), others::parts),
        ),
        row(
            "mail-parser 1.0.1",
            Kind::Structure,
            others::parsed(others::configured(), others::parts),
        ),
        row("mailparse 0.18", Kind::Structure, others::mailparse),
        row("mail-parser 0.11.9", Kind::Structure, others::before),
    ];
    let mut others_c = |name, kind, work: Option<Box<dyn FnMut(&[u8]) -> usize>>| {
        rows.extend(work.map(|work| Row { name, kind, work }));
    };
    others_c("Dovecot lib-mail", Kind::Structure, c::dovecot(Asked::Structure));
    others_c("GMime", Kind::Structure, c::gmime(false));
    rows.extend([
        row(ENVELOPE, Kind::Envelope, work::envelope_fields()),
        row(
            "mail-parser 1.0.1, ENVELOPE fields",
            Kind::Envelope,
            others::parsed(others::envelope(), others::values),
        ),
        row(FETCH, Kind::Fetch, work::fetched()),
    ]);
    rows.extend(c::dovecot(Asked::Fetched).map(|work| Row {
        name: "Dovecot, fetch",
        kind: Kind::Fetch,
        work,
    }));
    rows.extend([
        row(FULL, Kind::Full, work::full()),
        row(
            "mail-parser 1.0.1, full",
            Kind::Full,
            others::parsed(others::configured(), others::borrowed_bodies),
        ),
        row(
            "mail-parser 1.0.1, full, into storage",
            Kind::Full,
            others::parsed(others::configured(), others::bodies()),
        ),
        row("mailparse 0.18, full", Kind::Full, others::mailparse_full),
        row("mail-parser 0.11.9, full", Kind::Full, others::before),
    ]);
    rows.extend(c::dovecot(Asked::Full).map(|work| Row {
        name: "Dovecot, full",
        kind: Kind::Full,
        work,
    }));
    rows.extend(c::gmime(true).map(|work| Row { name: "GMime, full", kind: Kind::Full, work }));
    rows
}

/// Decoders beside each other, for a body of this encoding.
fn decoders(encoding: Encoding) -> Vec<Row> {
    let other = match encoding {
        Encoding::Base64 => row(ENCODIFY, Kind::Full, others::base64()),
        _ => row(ENCODIFY, Kind::Full, others::printable()),
    };
    vec![
        row(DECODED, Kind::Full, work::decoder(encoding, 8192)),
        row("Posthaste, whole", Kind::Full, work::decoder(encoding, usize::MAX)),
        other,
    ]
}

fn row(name: &'static str, kind: Kind, work: impl FnMut(&[u8]) -> usize + 'static) -> Row {
    Row { name, kind, work: Box::new(work) }
}
