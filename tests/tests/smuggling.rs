//! Ends of data that are none: whatever a careless relay takes for one, nothing behind it is a command to us, and
//! nothing that we send on can be read in two ways.
//!
//! `tests/SMUGGLING.md` is the list, as these tests found it; `BLESS=1` writes it anew. The same forms against the
//! program as it is served: `adapters/server/tests/operator/smuggling.rs`.

use std::fmt::Write;
use std::sync::Arc;

use posthaste_core::machine::End;
use posthaste_core::smtp::client;
use posthaste_core::smtp::server::event::Defect;
use posthaste_core::smtp::server::{Config, Role};
use posthaste_tests::safety::cut::Cut;
use posthaste_tests::safety::ends::{Form, OUTER, forms, inner, text};
use posthaste_tests::safety::receive::{Heard, receive};
use posthaste_tests::safety::send::{envelope, send};
use posthaste_tests::safety::wire::{self, Read, Strays, careless_ends, normal, strays};

const ROLES: [Role; 3] = [Role::Smtp, Role::Lmtp, Role::Submission];
const FROM: &str = "admin@victim.test";
const TO: &str = "c@d.test";

fn config(role: Role) -> Arc<Config> {
    let mut config = Config::new(role, "mx.test");
    config.require_auth = false;
    config.limits.errors = 1_000;
    Arc::new(config)
}

fn begin(role: Role) -> &'static str {
    match role {
        Role::Lmtp => "LHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n",
        _ => "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n",
    }
}

/// What became of a message whose form is no end, in words. Panics if anything of it was taken for a command.
fn outcome(heard: &Heard, text: &[u8], context: &str) -> &'static str {
    assert_eq!(heard.mails, 1, "{context}");
    match (heard.messages.as_slice(), heard.lost.as_slice()) {
        ([message], []) if message == text => "text",
        ([message], []) if *message == normal(text) => "text, lines end with CR LF",
        ([message], []) if *message == unstuffed(text) => "text, its dot unstuffed",
        ([message], []) if *message == normal(&unstuffed(text)) => {
            "text, its dot unstuffed, lines end with CR LF"
        }
        ([], [Defect::BareCr]) => "550 bare CR",
        ([], [Defect::BareLf]) => "550 bare LF",
        ([], [Defect::Nul]) => "550 NUL",
        ([], [Defect::DoubtfulEnd]) if heard.end == Some(End::Injection) => {
            "550 doubtful end, closed"
        }
        _ => panic!("{context}: {heard:?}"),
    }
}

/// Dots that begin a line and are not alone in it go, by DATA.
fn unstuffed(text: &[u8]) -> Vec<u8> {
    let on_the_wire = [b"DATA\r\n", text, b".\r\n"].concat();
    match &wire::read(&on_the_wire)[..] {
        [_, Read::Message(message)] => message.clone(),
        other => panic!("{other:?}"),
    }
}

/// What DATA does with a form, the same however the octets arrive; and how many sessions that took.
fn by_data(role: Role, form: &Form) -> (&'static str, usize) {
    let config = config(role);
    let text = text(form, FROM, TO);
    let wire = [begin(role).as_bytes(), b"DATA\r\n", &text, b".\r\n"].concat();
    let cuts = [Cut::Whole, Cut::Every(1), Cut::Every(2), Cut::Every(7)];
    let cuts: Vec<Cut> = cuts.into_iter().chain((1..wire.len()).map(Cut::At)).collect();
    let mut all = cuts.iter().map(|cut| {
        let context = format!("{role:?} {} {cut:?}", form.name);
        outcome(&receive(&config, &wire, *cut), &text, &context)
    });
    let first = all.next().expect("there are cuts");
    for (other, cut) in all.zip(&cuts[1..]) {
        assert_eq!(other, first, "{role:?} {} {cut:?}", form.name);
    }
    (first, cuts.len())
}

/// What BDAT does with a form, in one chunk and in two, cut anywhere; and how many sessions that took.
fn by_bdat(role: Role, form: &Form) -> (&'static str, usize) {
    let config = config(role);
    let text = text(form, FROM, TO);
    let (mut first, mut runs) = (None, 0);
    // At each octet around the form; an empty first chunk is one of them, and a form alone in a chunk.
    let around = OUTER.len() - 1..=OUTER.len() + form.octets.len() + 1;
    let two = around.map(|at| vec![&text[..at], &text[at..]]);
    let form_alone = vec![
        &text[..OUTER.len()],
        form.octets.as_slice(),
        b"".as_slice(),
        &text[OUTER.len() + form.octets.len()..],
        b"".as_slice(),
    ];
    for chunks in two.chain([vec![&text[..]], vec![b"", &text[..]], form_alone]) {
        let mut wire = begin(role).as_bytes().to_vec();
        for (number, chunk) in chunks.iter().enumerate() {
            let last = if number + 1 == chunks.len() { " LAST" } else { "" };
            wire.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
        }
        for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Seed(runs as u64)] {
            let context = format!("{role:?} {} {chunks:?} {cut:?}", form.name);
            let found = outcome(&receive(&config, &wire, cut), &text, &context);
            assert_eq!(found, *first.get_or_insert(found), "{context}");
            runs += 1;
        }
    }
    (first.expect("there are cuts"), runs)
}

/// What our client makes of a form that stands in a message it is given, in pieces cut anywhere; and how often it
/// was asked.
fn sent_on(chunking: bool, form: &Form) -> (String, usize) {
    let mut config = client::Config::new("me.test");
    config.chunking = chunking;
    let config = Arc::new(config);
    let server = self::config(Role::Smtp);
    let text = text(form, FROM, TO);
    let holds_nul = text.contains(&0);
    let cuts = [Cut::Whole, Cut::Every(1), Cut::Every(2), Cut::Every(7)];
    let around = OUTER.len() - 4..OUTER.len() + form.octets.len() + 8;
    let (mut first, mut runs) = (None, 0);
    for cut in cuts.into_iter().chain(around.map(Cut::At)) {
        let context = format!("{} {cut:?}", form.name);
        let sent = send(&config, &server, envelope(), &cut.pieces(&text));
        let strays = strays(&sent.said);
        let nuls = text.iter().filter(|octet| **octet == 0).count();
        assert_eq!(strays, Strays { cr: 0, lf: 0, nul: nuls }, "{context}");
        // A reader of its own mind finds one message, with the octets that were promised.
        let read = wire::read(&sent.said);
        let messages: Vec<_> =
            read.iter().filter(|read| matches!(read, Read::Message(_))).collect();
        // A chunk with a NUL is refused, and the client takes the message back before its last.
        if !(chunking && holds_nul && messages.is_empty()) {
            assert_eq!(messages, [&Read::Message(normal(&text))], "{context}");
        }
        assert!(matches!(&read[read.len() - 1], Read::Command(quit) if quit == "QUIT"));
        if !chunking {
            let data = wire::find(&sent.said, b"DATA\r\n").expect("it said DATA") + 6;
            assert_eq!(careless_ends(&sent.said[data..]), 1, "{context}");
        }
        // And so does our server, but for a NUL, which it refuses.
        assert_eq!(sent.heard.mails, 1, "{context}");
        let taken = if holds_nul { vec![] } else { vec![normal(&text)] };
        assert_eq!(sent.heard.messages, taken, "{context}");
        assert_eq!(sent.codes, [if holds_nul { 550 } else { 250 }], "{context}");
        // Chunks cut the form wherever a piece ended; what it is, is what their octets are together.
        let left = if chunking { normal(&text) } else { sent.said };
        let at = wire::find(&left, b"\r\n\r\ntext").expect("the header") + 8;
        let end = wire::find(&left[at..], b"MAIL FROM:<admin@").expect("the text behind it");
        let form = left[at..at + end].to_vec();
        assert_eq!(form, *first.get_or_insert(form.clone()), "{context}");
        runs += 1;
    }
    (posthaste_tests::safety::ends::words(&first.expect("there are cuts")), runs)
}

/// 0 inner messages, by DATA and by BDAT, in all roles, and out of our client; and the list says what happens.
#[test]
fn the_list() {
    let forms = forms();
    let (mut by_data_runs, mut by_bdat_runs, mut sent_runs) = (0, 0, 0);
    let mut list = String::from(HEAD);
    for form in &forms {
        let mut cells = Vec::new();
        for role in ROLES {
            let (cell, runs) = by_data(role, form);
            cells.push(cell.to_owned());
            by_data_runs += runs;
        }
        for role in ROLES {
            let (cell, runs) = by_bdat(role, form);
            cells.push(cell.to_owned());
            by_bdat_runs += runs;
        }
        for chunking in [false, true] {
            let (cell, runs) = sent_on(chunking, form);
            cells.push(format!("`{cell}`"));
            sent_runs += runs;
        }
        // Strangers and LMTP are held to the same.
        assert_eq!(cells[0], cells[1], "{}", form.name);
        assert_eq!(cells[3], cells[4], "{}", form.name);
        let [data, _, submitted, bdat, _, bdat_submitted, dots, chunks] = &cells[..] else {
            panic!("{cells:?}")
        };
        writeln!(
            list,
            "| `{}` | {data} | {submitted} | {bdat} | {bdat_submitted} | {dots} | {chunks} |",
            form.name
        )
        .unwrap();
    }
    let summary = format!(
        "{} forms: {by_data_runs} sessions by DATA and {by_bdat_runs} by BDAT, 0 inner messages; {sent_runs} times \
         sent on by the client, 0 bare CR, 0 bare LF, 1 message read each time",
        forms.len()
    );
    println!("{summary}");
    writeln!(list, "\n{summary}.").unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/SMUGGLING.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &list).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(known, list, "tests/SMUGGLING.md says otherwise; BLESS=1 writes it anew");
}

const HEAD: &str = "\
# Ends of data that are none

Each form stands in the text of a message, and behind it another message: `MAIL FROM:<admin@victim.test>`, `RCPT`,
`DATA`, a text. Who takes the form for an end has smuggled that. Only CR LF ends a line and only CR LF `.` CR LF ends a
message that comes by DATA; one that comes by BDAT ends where its octets are counted out. Strangers and LMTP are held
to that; what a signed-in user submits has its bare CRs and LFs turned into CR LF; a NUL is refused everywhere. A CR
right before the CR LF of a dot line is doubtful, so the message is refused and the connection ends.

What our client sends never holds a bare CR or LF, since each leaves as CR LF; a NUL leaves as it came, and is the next
server's to refuse. The last two columns show the form as it leaves.

`cargo test -p posthaste-tests --test smuggling` runs each form whole, octet by octet and cut in two behind each octet,
and compares this list; `BLESS=1` writes it.

| form | DATA, strangers and LMTP | DATA, submission | BDAT, strangers and LMTP | BDAT, submission | client by DATA | client by BDAT |
|---|---|---|---|---|---|---|
";

/// A conversation in chunks, from behind RCPT on.
struct Sequence {
    what: &'static str,
    wire: &'static str,
    /// Of the replies.
    codes: &'static [u16],
    messages: &'static [&'static str],
    end: End,
}

/// Chunks, commands between them, numbers that are wrong. `Exim` stands where CVE-2017-16943 and CVE-2017-16944 have
/// their like.
const SEQUENCES: &[Sequence] = &[
    Sequence {
        what: "a dot line alone in a chunk (Exim read it as the end, and went round for ever)",
        wire: "BDAT 3\r\n.\r\nBDAT 4 LAST\r\nabc\n",
        codes: &[250, 550],
        messages: &[],
        end: End::Eof,
    },
    Sequence {
        what: "a dot line at the beginning of the only chunk",
        wire: "BDAT 8 LAST\r\n.\r\nabc\r\nQUIT\r\n",
        codes: &[250, 221],
        messages: &[".\r\nabc\r\n"],
        end: End::Quit,
    },
    Sequence {
        what: "the end of DATA inside a chunk, commands behind it",
        wire: "BDAT 40 LAST\r\nabc\r\n.\r\nMAIL FROM:<x@y.test>\r\nRSET\r\nab\r\n",
        codes: &[250],
        messages: &["abc\r\n.\r\nMAIL FROM:<x@y.test>\r\nRSET\r\nab\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "the end of DATA over three chunks",
        wire: "BDAT 4\r\na\r\n.BDAT 1\r\n\rBDAT 6 LAST\r\n\nRSET\n",
        codes: &[250, 250, 550],
        messages: &[],
        end: End::Eof,
    },
    Sequence {
        what: "CR and LF in two chunks are one end of a line",
        wire: "BDAT 2\r\na\rBDAT 4 LAST\r\n\nb\r\n",
        codes: &[250, 250],
        messages: &["a\r\nb\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "DATA after BDAT is refused, and the message goes on (Exim took both)",
        wire: "BDAT 3\r\na\r\nDATA\r\nBDAT 3 LAST\r\nb\r\n",
        codes: &[250, 503, 250],
        messages: &["a\r\nb\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "RSET between chunks: what comes then belongs to nothing",
        wire: "BDAT 3\r\na\r\nRSET\r\nBDAT 22 LAST\r\nMAIL FROM:<x@y.test>\r\nNOOP\r\n",
        codes: &[250, 250, 503, 250],
        messages: &[],
        end: End::Eof,
    },
    Sequence {
        what: "RSET between chunks, then another message: the first leaves nothing behind",
        wire: "BDAT 3\r\na\r\nRSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 3 LAST\r\nb\r\n",
        codes: &[250, 250, 250, 250, 250],
        messages: &["b\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "RSET between chunks, then another message by DATA",
        wire: "BDAT 3\r\na\r\nRSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nb\r\n.\r\n",
        codes: &[250, 250, 250, 250, 354, 250],
        messages: &["b\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "EHLO between chunks ends the message as RSET does",
        wire: "BDAT 3\r\na\r\nEHLO a.test\r\nBDAT 6 LAST\r\nRSET\r\nQUIT\r\n",
        codes: &[250, 250, 503, 221],
        messages: &[],
        end: End::Quit,
    },
    Sequence {
        what: "MAIL and RCPT between chunks are refused",
        wire: "BDAT 3\r\na\r\nMAIL FROM:<x@y.test>\r\nRCPT TO:<e@f.test>\r\nBDAT 3 LAST\r\nb\r\n",
        codes: &[250, 503, 503, 250],
        messages: &["a\r\nb\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "QUIT between chunks: nothing is taken",
        wire: "BDAT 3\r\na\r\nQUIT\r\nBDAT 0 LAST\r\n",
        codes: &[250, 221],
        messages: &[],
        end: End::Quit,
    },
    Sequence {
        what: "BDAT 0 LAST alone is an empty message",
        wire: "BDAT 0 LAST\r\nNOOP\r\n",
        codes: &[250, 250],
        messages: &[""],
        end: End::Eof,
    },
    Sequence {
        what: "BDAT 0 LAST ends what came before",
        wire: "BDAT 3\r\na\r\nBDAT 0\r\nBDAT 0 LAST\r\nNOOP\r\n",
        codes: &[250, 250, 250, 250],
        messages: &["a\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "a second BDAT LAST belongs to nothing",
        wire: "BDAT 3 LAST\r\na\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n",
        codes: &[250, 503, 250],
        messages: &["a\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "a number too small: what is behind it is no message any more, and no command either if it is none",
        wire: "BDAT 3 LAST\r\na\r\nb\r\nNOOP\r\n",
        codes: &[250, 500, 250],
        messages: &["a\r\n"],
        end: End::Eof,
    },
    Sequence {
        what: "a number too big: the commands behind it are octets of the message",
        wire: "BDAT 9 LAST\r\na\r\nNOOP\r\nQUIT\r\n",
        codes: &[250, 221],
        messages: &["a\r\nNOOP\r\n"],
        end: End::Quit,
    },
    Sequence {
        what: "a number that the octets never reach",
        wire: "BDAT 900 LAST\r\na\r\n.\r\nQUIT\r\n",
        codes: &[],
        messages: &[],
        end: End::Eof,
    },
    Sequence {
        what: "a number far beyond what is taken",
        wire: "BDAT 4294967295 LAST\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[552, 421],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "a number over 64 bits",
        wire: "BDAT 18446744073709551616 LAST\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "a number below zero",
        wire: "BDAT -1 LAST\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "a number in another base",
        wire: "BDAT 0x10 LAST\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "no number",
        wire: "BDAT LAST\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "octets that are no number (Exim lost its memory over them)",
        wire: "BDAT \u{7f}\u{7f}\u{7f}\r\nMAIL FROM:<x@y.test>\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "something behind LAST",
        wire: "BDAT 6 LAST LAST\r\nQUIT\r\n",
        codes: &[501],
        messages: &[],
        end: End::Errors,
    },
    Sequence {
        what: "BDAT right behind BDAT, whose octets it is",
        wire: "BDAT 17 LAST\r\nBDAT 100000000\r\n\nQUIT\r\n",
        codes: &[550, 221],
        messages: &[],
        end: End::Quit,
    },
    Sequence {
        what: "a spoiled chunk, and the last one that followed it at once",
        wire: "BDAT 4\r\na\nb\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n",
        codes: &[550, 503, 250],
        messages: &[],
        end: End::Eof,
    },
    Sequence {
        what: "a CR at the end of the last chunk",
        wire: "BDAT 4 LAST\r\na\r\n\rNOOP\r\n",
        codes: &[550, 250],
        messages: &[],
        end: End::Eof,
    },
];

#[test]
fn chunks_in_every_order() {
    let mut runs = 0;
    for sequence in SEQUENCES {
        let wire = [begin(Role::Smtp), sequence.wire].concat();
        let cuts = [Cut::Whole, Cut::Every(1), Cut::Every(3)];
        for cut in cuts.into_iter().chain((1..wire.len()).map(Cut::At)) {
            let heard = receive(&config(Role::Smtp), wire.as_bytes(), cut);
            let context = format!("{} {cut:?}: {heard:?}", sequence.what);
            assert_eq!(heard.codes()[4..], *sequence.codes, "{context}");
            let messages: Vec<&[u8]> = heard.messages.iter().map(Vec::as_slice).collect();
            let expected: Vec<&[u8]> = sequence.messages.iter().map(|m| m.as_bytes()).collect();
            assert_eq!(messages, expected, "{context}");
            assert_eq!(heard.end, Some(sequence.end), "{context}");
            assert!(heard.mails <= 1 + usize::from(sequence.wire.contains("RSET\r\nMAIL")));
            runs += 1;
        }
    }
    println!("{} sequences of chunks, {runs} sessions", SEQUENCES.len());
}

/// The true end is an end: otherwise the tests above could not fail.
#[test]
fn the_true_end_ends() {
    let wire = format!("{}DATA\r\n{OUTER}\r\n.\r\n{}.\r\n", begin(Role::Smtp), inner(FROM, TO));
    for cut in [Cut::Whole, Cut::Every(1), Cut::Every(7)] {
        let heard = receive(&config(Role::Smtp), wire.as_bytes(), cut);
        let inner = b"Subject: inner\r\n\r\nsmuggled\r\n".to_vec();
        assert_eq!(heard.messages, [format!("{OUTER}\r\n").into_bytes(), inner]);
    }
    assert_eq!(careless_ends(b"a\n.\nb\r\n.\r\n"), 2);
    assert_eq!(strays(b"\ra\n\0\r\n"), Strays { cr: 1, lf: 1, nul: 1 });
}
