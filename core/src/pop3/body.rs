//! A message on its way out: dots stuffed, lines cut for TOP, the last line ended.

use alloc::vec::Vec;

use bytes::{Buf, Bytes};
use memchr::{memchr, memmem};

use super::reply;
use crate::line::CRLF;

/// Octets of a message that one step writes at most, before stuffing: three octets become four at worst.
pub const STEP: usize = 24 * 1024;

/// Octets that one step appends at most: all of [`STEP`] stuffed, the missing end of line, the dot.
pub const OUTPUT: usize = STEP + STEP / 3 + 8;

/// A message on its way out. It is fed pieces, and writes them step by step.
#[derive(Debug)]
pub struct Body {
    /// Octets that came and have not left.
    piece: Bytes,
    /// No other piece will come.
    last: bool,
    at: At,
    cut: Cut,
}

/// Where in a line the next octet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Behind a CR in a line.
    Cr,
    /// In a line.
    Middle,
    /// At the start of a line.
    Start,
    /// Behind a CR that began a line.
    StartCr,
}

impl At {
    /// Where the octet behind `octets` stands, if their first stood here.
    fn after(self, octets: &[u8]) -> Self {
        match octets {
            [] => self,
            [.., b'\r', b'\n'] => Self::Start,
            [b'\n'] if self.is_cr() => Self::Start,
            [before @ .., b'\r'] if self.after_end_of_line(before) => Self::StartCr,
            [.., b'\r'] => Self::Cr,
            _ => Self::Middle,
        }
    }

    fn after_end_of_line(self, octets: &[u8]) -> bool {
        match octets {
            [] => self == Self::Start,
            [b'\n'] => self.is_cr(),
            _ => octets.ends_with(CRLF),
        }
    }

    const fn is_cr(self) -> bool {
        matches!(self, Self::Cr | Self::StartCr)
    }
}

/// How much of a message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// So many more lines of the body.
    Lines(u64),
    /// The header, with the empty line behind it, and so many lines of the body.
    Header(u64),
    /// Everything.
    Whole,
    /// Nothing more.
    Enough,
}

/// What a body wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// All was written, the dot too.
    Done,
    /// Another piece.
    Piece,
    /// Another step.
    Step,
}

impl Body {
    /// A whole message (RETR).
    #[must_use]
    pub const fn whole() -> Self {
        Self { piece: Bytes::new(), last: false, at: At::Start, cut: Cut::Whole }
    }

    /// The header of a message and the first `lines` lines of its body (TOP, RFC 1939 §7).
    #[must_use]
    pub const fn top(lines: u64) -> Self {
        Self { piece: Bytes::new(), last: false, at: At::Start, cut: Cut::Header(lines) }
    }

    /// Takes the next piece. Call it when a step said [`Next::Piece`], and at first.
    pub fn feed(&mut self, piece: Bytes, last: bool) {
        self.piece = piece;
        self.last = last;
    }

    /// Writes on: [`OUTPUT`] octets at most.
    pub fn step(&mut self, out: &mut Vec<u8>) -> Next {
        let piece = core::mem::take(&mut self.piece);
        let mut now = piece.get(..STEP).unwrap_or(&piece);
        if let Some(wanted) = self.wanted(now) {
            now = now.get(..wanted).unwrap_or(now);
            self.cut = Cut::Enough;
        }
        self.stuff(now, out);
        if self.cut == Cut::Enough || (self.last && now.len() == piece.len()) {
            self.finish(out);
            return Next::Done;
        }
        if now.len() == piece.len() {
            return Next::Piece;
        }
        let written = now.len();
        self.piece = piece;
        self.piece.advance(written);
        Next::Step
    }

    /// How many of these octets are wanted, if not all: where the last line that TOP asks for ends.
    fn wanted(&mut self, octets: &[u8]) -> Option<usize> {
        if self.cut == Cut::Whole {
            return None;
        }
        // Where the line began, if it did so here.
        let mut start = (self.at == At::Start).then_some(0);
        let mut from = 0;
        while let Some(found) = octets.get(from..).and_then(|rest| memchr(b'\n', rest)) {
            let lf = from + found;
            from = lf + 1;
            let before = lf.checked_sub(1);
            let cr = before.map_or(self.at.is_cr(), |at| octets.get(at) == Some(&b'\r'));
            if !cr {
                continue;
            }
            let empty = match before {
                None => self.at == At::StartCr,
                Some(_) => start.is_some_and(|start| lf - start == 1),
            };
            start = Some(from);
            self.cut = match self.cut {
                Cut::Header(lines) if empty => Cut::Lines(lines),
                Cut::Lines(lines) => Cut::Lines(lines.saturating_sub(1)),
                same => same,
            };
            if self.cut == Cut::Lines(0) {
                return Some(from);
            }
        }
        None
    }

    /// Appends octets with a second dot before each that begins a line (RFC 1939 §3).
    fn stuff(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        let at = self.at;
        self.at = at.after(octets);
        // What stands across the edge between two pieces.
        let mut start = at == At::Start;
        if at.is_cr() && octets.first() == Some(&b'\n') {
            out.push(b'\n');
            octets = octets.get(1..).unwrap_or_default();
            start = true;
        }
        if start && octets.first() == Some(&b'.') {
            out.push(b'.');
        }
        let mut written = 0;
        for found in memmem::find_iter(octets, b"\r\n.") {
            let dot = found + CRLF.len();
            out.extend_from_slice(octets.get(written..dot).unwrap_or_default());
            out.push(b'.');
            written = dot;
        }
        out.extend_from_slice(octets.get(written..).unwrap_or_default());
    }

    /// Ends the last line, if it has no end, and the reply.
    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.at != At::Start {
            out.extend_from_slice(CRLF);
        }
        reply::dot(out);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// The whole reply, for pieces of at most `size` octets.
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

    /// The same, said line by line.
    fn simply(message: &[u8], lines: Option<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = message;
        let mut left: Option<usize> = None;
        while !rest.is_empty() && left != Some(0) {
            let end = memmem::find(rest, CRLF).map_or(rest.len(), |at| at + 2);
            let (line, behind) = rest.split_at(end);
            rest = behind;
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            if !line.ends_with(CRLF) {
                out.extend_from_slice(CRLF);
            }
            left = match left {
                None if line == CRLF => lines,
                Some(n) => Some(n - 1),
                None => None,
            };
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    #[test]
    fn retr() {
        for (message, reply) in [
            (&b""[..], &b".\r\n"[..]),
            (b".", b"..\r\n.\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b"a\r", b"a\r\r\n.\r\n"),
            (b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n.\r\n"),
            // Only CR LF ends a line.
            (b"a\n.\r.\r\n", b"a\n.\r.\r\n.\r\n"),
        ] {
            for size in 1..5 {
                assert_eq!(sent(Body::whole(), message, size), reply, "{size}");
            }
        }
    }

    #[test]
    fn top() {
        let message = b"A: b\r\nC: d\r\n\r\none\r\n.two\r\nthree";
        for size in [1, 2, 3, 7, 99] {
            let top = |lines| sent(Body::top(lines), message, size);
            assert_eq!(top(0), b"A: b\r\nC: d\r\n\r\n.\r\n");
            assert_eq!(top(2), b"A: b\r\nC: d\r\n\r\none\r\n..two\r\n.\r\n");
            assert_eq!(top(3), b"A: b\r\nC: d\r\n\r\none\r\n..two\r\nthree\r\n.\r\n");
            assert_eq!(top(u64::MAX), top(3));
            // A message without a header, and one without a body.
            assert_eq!(sent(Body::top(1), b"\r\na\r\nb\r\n", size), b"\r\na\r\n.\r\n");
            assert_eq!(sent(Body::top(1), b"A: b\r\n", size), b"A: b\r\n.\r\n");
        }
    }

    #[test]
    fn a_large_piece_leaves_in_steps() {
        let message = b".\r\n".repeat(40_000);
        assert_eq!(sent(Body::whole(), &message, usize::MAX), simply(&message, None));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            parts in proptest::collection::vec(
                prop_oneof![Just("\r\n"), Just("\r"), Just("\n"), Just("."), Just("x"), Just("\r\n\r\n")],
                0..24,
            ),
            size in 1_usize..9,
            lines in 0_usize..6,
        ) {
            let message = parts.concat();
            let message = message.as_bytes();
            prop_assert_eq!(sent(Body::whole(), message, size), simply(message, None));
            prop_assert_eq!(sent(Body::top(lines as u64), message, size), simply(message, Some(lines)));
        }
    }
}
