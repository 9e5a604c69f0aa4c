//! What is measured: octets, and who reads them.

use std::hint::black_box;

use posthaste_gate::smtp::{MAIL, RCPT, RCPT_ALL, Session, lines};
use smtp_proto::request::receiver::{BdatReceiver, DataReceiver, RequestReceiver};
use smtp_proto::{Error, Request};

use crate::around::{Around, is_sound};

/// Octets that a client sends, and those who read them.
pub struct Case {
    pub name: &'static str,
    /// What is counted: commands, or octets of messages.
    pub unit: Unit,
    pub octets: Vec<u8>,
    /// How often they are read in a round.
    pub turns: u32,
    pub rows: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many commands.
    Commands(usize),
    /// So many octets.
    Octets(usize),
}

/// Somebody who reads them; it gives what it found.
pub struct Row {
    pub name: &'static str,
    pub work: Box<dyn FnMut(&[u8]) -> usize>,
    /// How many times faster than this row the first is to be.
    pub wanted: Option<f64>,
}

/// Commands in one read.
const BLOCK: usize = 32;
/// Octets of a read of message octets: whole lines of 80 and of 42, since what is cut in a line's end waits for
/// its rest, and a bench that waits measures nothing.
const READ: usize = 65_520;
/// Octets of message in a turn.
const MESSAGE: usize = 4 * 1024 * 1024;

pub fn all() -> Vec<Case> {
    // What both know: smtp-proto has no AUTH= and no HOLDFOR with it.
    let all_mail = "MAIL FROM:<alice@client.example.test> SIZE=10240 BODY=8BITMIME SMTPUTF8 RET=HDRS \
                    ENVID=QQ314159 BY=120;R MT-PRIORITY=3\r\n";
    let mix = "NOOP\r\nMAIL FROM:<alice@client.example.test>\r\nRCPT TO:<bob@example.test>\r\n\
         RCPT TO:<carol@example.test>\r\nRCPT TO:<dave@example.test>\r\nRSET\r\n";
    let begun = "MAIL FROM:<alice@client.example.test>\r\n";
    vec![
        commands("MAIL with SIZE and BODY, RSET", "", &format!("{MAIL}RSET\r\n"), 2),
        commands("MAIL with all parameters, RSET", "", &format!("{all_mail}RSET\r\n"), 2),
        commands("RCPT", begun, RCPT, 1),
        commands("RCPT with NOTIFY and ORCPT", begun, RCPT_ALL, 1),
        commands("pipelined mix", "", mix, 6),
        commands("NOOP", "", "NOOP\r\n", 1),
        body("DATA, lines of 78", &lines(MESSAGE, 78, 0)),
        body("DATA, lines of 78, one in eight with a dot", &lines(MESSAGE, 78, 8)),
        body("DATA, lines of 40", &lines(MESSAGE, 40, 0)),
        body("DATA, one long line", &[&vec![b'x'; MESSAGE / 8][..], b"\r\n"].concat().repeat(8)),
        chunks(&lines(MESSAGE, 78, 8)),
        transactions(false),
        transactions(true),
    ]
}

/// `block` many times in one read, after `before`.
fn commands(name: &'static str, before: &'static str, block: &str, count: usize) -> Case {
    Case {
        name,
        unit: Unit::Commands(BLOCK * count),
        octets: block.repeat(BLOCK).into_bytes(),
        turns: 100,
        rows: vec![
            row("Posthaste", ours(before.as_bytes(), usize::MAX)),
            row(PARSED, requests()),
            wanted(served(before.as_bytes())),
        ],
    }
}

/// A message, or lines of one that does not end, in reads of 64 KiB.
fn body(name: &'static str, octets: &[u8]) -> Case {
    let begun = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n";
    let theirs = |checked: bool| {
        let mut buffer = Vec::new();
        move |octets: &[u8]| {
            let mut receiver = DataReceiver::new();
            let mut found = 0;
            for read in octets.chunks(READ) {
                buffer.clear();
                black_box(receiver.ingest(&mut read.iter(), &mut buffer));
                assert!(!checked || is_sound(&buffer));
                found += black_box(&buffer).len();
            }
            found
        }
    };
    Case {
        name,
        unit: Unit::Octets(octets.len()),
        octets: octets.to_vec(),
        turns: 1,
        rows: vec![
            row("Posthaste", ours(begun, READ)),
            row(PARSED, theirs(false)),
            wanted(row(SERVED, theirs(true))),
        ],
    }
}

/// The same by BDAT: chunks of 60,000 octets.
fn chunks(message: &[u8]) -> Case {
    let mut octets = Vec::new();
    for chunk in message.chunks(60_000) {
        octets.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
        octets.extend_from_slice(chunk);
    }
    let begun = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n";
    Case {
        name: "BDAT, chunks of 60 KB",
        unit: Unit::Octets(message.len()),
        octets,
        turns: 1,
        rows: rows(begun),
    }
}

/// Whole transactions of 10 KB, everything in one read.
fn transactions(bdat: bool) -> Case {
    let message = &lines(10_240, 78, 8);
    let mut one = b"MAIL FROM:<alice@client.example.test> SIZE=10240\r\n\
                    RCPT TO:<bob@example.test>\r\n"
        .to_vec();
    if bdat {
        one.extend_from_slice(format!("BDAT {} LAST\r\n", message.len()).as_bytes());
        one.extend_from_slice(message);
    } else {
        one.extend_from_slice(b"DATA\r\n");
        one.extend_from_slice(message);
        one.extend_from_slice(b".\r\n");
    }
    Case {
        name: if bdat { "transactions of 10 KB, BDAT" } else { "transactions of 10 KB, DATA" },
        unit: Unit::Octets(6 * message.len()),
        octets: one.repeat(6),
        turns: 20,
        rows: rows(b""),
    }
}

/// The three of them, where commands and messages come by turns.
fn rows(begun: &'static [u8]) -> Vec<Row> {
    vec![row("Posthaste", ours(begun, usize::MAX)), row(PARSED, received()), wanted(served(begun))]
}

/// smtp-proto reading commands and messages.
fn received() -> impl FnMut(&[u8]) -> usize {
    let mut buffer = Vec::new();
    move |octets: &[u8]| {
        let mut requests = RequestReceiver::default();
        let mut bytes = octets.iter();
        let mut found = 0;
        loop {
            match requests.ingest(&mut bytes) {
                Ok(Request::Data) => {
                    buffer.clear();
                    black_box(DataReceiver::new().ingest(&mut bytes, &mut buffer));
                    found += black_box(&buffer).len();
                }
                Ok(Request::Bdat { chunk_size, is_last }) => {
                    buffer.clear();
                    let mut receiver = BdatReceiver::new(chunk_size, is_last);
                    black_box(receiver.ingest(&mut bytes, &mut buffer));
                    found += black_box(&buffer).len();
                }
                Ok(request) => _ = black_box(request),
                Err(_) => return found,
            }
        }
    }
}

/// smtp-proto in a session where `begun` was said.
fn served(begun: &'static [u8]) -> Row {
    let mut around = Around::default();
    around.hear(b"EHLO client.example.test\r\n");
    around.hear(begun);
    row(SERVED, move |octets| around.hear(octets))
}

/// What smtp-proto does by itself.
const PARSED: &str = "smtp-proto 0.2.5";
/// smtp-proto with what a server has to do besides.
const SERVED: &str = "smtp-proto 0.2.5, serving";

/// The row that ours is held against.
fn wanted(row: Row) -> Row {
    Row { wanted: Some(1.25), ..row }
}

fn row(name: &'static str, work: impl FnMut(&[u8]) -> usize + 'static) -> Row {
    Row { name, work: Box::new(work), wanted: None }
}

/// smtp-proto reading commands.
fn requests() -> impl FnMut(&[u8]) -> usize {
    let mut receiver = RequestReceiver::default();
    move |octets| {
        let mut bytes = octets.iter();
        let mut found = 0;
        loop {
            match receiver.ingest(&mut bytes) {
                Ok(request) => {
                    black_box(request);
                    found += 1;
                }
                Err(Error::NeedsMoreData { .. }) => return found,
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

/// The machine in a session where `before` was said, hearing the octets in reads of `read`. They come as from a
/// socket: into the input's own buffer, which was filled before; nothing is copied that a server would not copy.
fn ours(before: &'static [u8], read: usize) -> impl FnMut(&[u8]) -> usize {
    let mut session = Session::new();
    session.hear(before);
    let (mut buffers, mut sent): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
    move |octets| {
        if sent != octets.len() {
            // The first turn: what is read is in the buffers from now on.
            sent = octets.len();
            buffers = octets.chunks(read.min(octets.len())).map(<[u8]>::to_vec).collect();
        }
        session.found = 0;
        for buffer in &mut buffers {
            *buffer = session.read(std::mem::take(buffer));
        }
        session.found
    }
}
