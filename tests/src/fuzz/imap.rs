//! What an IMAP client can send.

use posthaste_core::imap::command::Command;
use posthaste_core::imap::frame::{Frame, Framer, Limits};
use posthaste_core::imap::mailbox::Matcher;
use posthaste_core::imap::{Encoder, Literals, Syntax, Tagged, utf7};
use posthaste_core::machine::Input;

/// A framed command is read or named bad; what was read is written and read again unchanged. The first
/// octet says whether UTF-8 was enabled.
pub fn command(octets: &[u8]) {
    let Some((&first, line)) = octets.split_first() else { return };
    let syntax = Syntax { utf8: first & 1 == 1, ..Syntax::default() };
    read_and_write(line, syntax);
    read_and_write(&[line, b"\r\n"].concat(), syntax);
}

fn read_and_write(line: &[u8], syntax: Syntax) {
    let read = match Tagged::read(line, syntax) {
        Ok(read) => read,
        Err(bad) => {
            let text = bad.to_string();
            assert!(text.bytes().all(|c| matches!(c, b' '..=b'~')), "{text}");
            assert!(bad.fault.at as usize <= line.len());
            return;
        }
    };
    let _ = format!("{read:?}");
    let literals = match read.command {
        Command::Append(append) if append.literal.wait => Literals::Wait,
        _ => Literals::Plus,
    };
    let mut out = Vec::new();
    read.write(&mut Encoder::new(&mut out, literals, syntax.utf8));
    assert_eq!(Tagged::read(&out, syntax), Ok(read), "{}", out.escape_ascii());
}

/// Any cutting frames the same, and no octet is lost. The first octet says how to cut.
pub fn frame(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let whole = frames(rest, rest.len().max(1));
    assert_eq!(frames(rest, usize::from(first % 17) + 1), whole);
    let shown: Vec<u8> = whole.into_iter().flat_map(|(_, octets)| octets).collect();
    assert!(rest.starts_with(&shown));
}

/// What framing shows of an input that comes in pieces of `size`; runs are joined.
fn frames(octets: &[u8], size: usize) -> Vec<(u8, Vec<u8>)> {
    let limits = Limits { line: 256, literal: 64, literals: 100 };
    let mut input = Input::new();
    let mut framer = Framer::new();
    let mut shown: Vec<(u8, Vec<u8>)> = Vec::new();
    for piece in octets.chunks(size) {
        input.push(piece);
        loop {
            let frame = framer.frame(&mut input, &limits);
            let (kind, n, run) = match frame {
                Frame::Read => break,
                Frame::Continue => (b'+', 0, false),
                Frame::Append(n, _) => (b'a', n, false),
                Frame::Command(n) => (b'c', n, false),
                Frame::End(n) => (b'e', n, false),
                Frame::Line(n) => (b'l', n, false),
                Frame::Message(n) => (b'm', n, true),
                Frame::Skipped(n) => (b's', n, true),
                Frame::TooBig(n, _) => (b'b', n, false),
                Frame::TooLong(n) => (b't', n, false),
            };
            let octets = &input.bytes()[..n];
            match shown.last_mut() {
                Some((last, before)) if run && *last == kind => before.extend_from_slice(octets),
                _ => shown.push((kind, octets.to_vec())),
            }
            framer.consume(&mut input);
            if let Frame::Append(_, literal) = frame {
                if literal.octets % 2 == 0 {
                    framer.accept();
                } else {
                    framer.refuse();
                }
            }
        }
    }
    // What the last piece held back is open, or is skipped in the end: neither is compared.
    if let Some((b's', _)) = shown.last() {
        shown.pop();
    }
    shown
}

/// Names have one form in modified UTF-7, and a pattern matches or does not.
pub fn names(octets: &[u8]) {
    if let Some(name) = utf7::decode(octets) {
        assert_eq!(utf7::encode(&name).as_bytes(), octets);
    }
    let Ok(text) = std::str::from_utf8(octets) else { return };
    assert_eq!(utf7::decode(utf7::encode(text).as_bytes()).as_deref(), Some(text));
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "INBOX"));
    let matcher = Matcher::new(pattern);
    if matcher.is_name() && matcher.matches(name) {
        assert!(pattern.eq_ignore_ascii_case(name));
    }
    assert!(Matcher::new("*").matches(name));
}
