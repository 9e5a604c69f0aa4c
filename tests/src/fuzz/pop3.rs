//! What a POP3 client can send, and what a message can be made of.

use bytes::Bytes;
use posthaste_core::pop3::body::{Body, Next, OUTPUT};
use posthaste_core::pop3::command::{Command, shown};

use super::{contains, tells_a_secret};
use crate::property::pop3::Pop3Server;
use crate::property::{Unit, rules};

/// A whole session holds all the rules, at every cutting. The first two octets are the host's mood.
pub fn server(octets: &[u8]) {
    let Some((mood, talk)) = octets.split_at_checked(2) else { return };
    if tells_a_secret::<Pop3Server>(talk) {
        return;
    }
    for line in talk.split(|octet| *octet == b'\n') {
        let _ = format!("{:?} {:?}", Command::parse(line), shown(line));
    }
    let seed = u64::from(mood[0]) << 8 | u64::from(mood[1]);
    // A peer that says STLS waits for the reply now and then.
    let waits = mood[0] & 1 == 1;
    let units: Vec<Unit> = talk
        .split_inclusive(|octet| *octet == b'\n')
        .map(|line| {
            let is_stls = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"STLS"));
            if waits && is_stls { Unit::waiting(line) } else { Unit::new(line) }
        })
        .collect();
    rules::cutting(&Pop3Server::default(), &units, seed);
}

/// A message leaves the same in any pieces, and its reply ends where its dot is. The first two octets say how it is
/// cut and how many lines are wanted.
pub fn body(octets: &[u8]) {
    let Some((how, message)) = octets.split_at_checked(2) else { return };
    let lines = u64::from(how[1] % 8);
    let size = usize::from(how[0] % 9) + 1;
    for make in [|_| Body::whole(), Body::top] {
        let reply = sent(make(lines), message, message.len().max(1));
        assert_eq!(sent(make(lines), message, size), reply);
        assert!(reply.ends_with(b".\r\n"));
        let text = &reply[..reply.len() - 3];
        assert!(text.is_empty() || text.ends_with(b"\r\n"), "the last line has an end");
        assert!(!text.starts_with(b".\r\n") && !contains(text, b"\r\n.\r\n"), "another end");
    }
}

fn sent(mut body: Body, message: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut pieces = message.chunks(size).peekable();
    let mut next = Next::Piece;
    loop {
        if next == Next::Piece {
            let piece = pieces.next().unwrap_or_default();
            body.feed(Bytes::copy_from_slice(piece), pieces.peek().is_none());
        }
        let before = out.len();
        next = body.step(&mut out);
        assert!(out.len() - before <= OUTPUT);
        if next == Next::Done {
            return out;
        }
    }
}
