//! What a reader who knows nothing of our machines makes of octets on the wire.
//!
//! Written from the RFCs, slowly and plainly, so that it shares no mistake with what it checks.

/// Octets that may not stand in what we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// CRs without LF behind them.
    pub cr: usize,
    /// LFs without CR before them.
    pub lf: usize,
    /// NULs.
    pub nul: usize,
}

/// Counts what may not stand in `octets`.
#[must_use]
pub fn strays(octets: &[u8]) -> Strays {
    let mut strays = Strays::default();
    for (at, octet) in octets.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| octets[before]);
        match octet {
            b'\r' if octets.get(at + 1) != Some(&b'\n') => strays.cr += 1,
            b'\n' if before != Some(b'\r') => strays.lf += 1,
            0 => strays.nul += 1,
            _ => {}
        }
    }
    strays
}

/// `text` with every line ended by CR LF, the last one too: what is promised of what our client sends.
#[must_use]
pub fn normal(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (octet, next) = (text[at], text.get(at + 1));
        match (octet, next) {
            (b'\r', Some(b'\n')) => {
                lines.extend_from_slice(b"\r\n");
                at += 1;
            }
            (b'\r' | b'\n', _) => lines.extend_from_slice(b"\r\n"),
            _ => lines.push(octet),
        }
        at += 1;
    }
    if !lines.is_empty() && !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// A command or a message that a strict server reads from a client's side of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A line, without its CR LF.
    Command(String),
    /// A message as it was meant: dots unstuffed, chunks joined.
    Message(Vec<u8>),
}

/// Reads a client's side of a conversation: lines end with CR LF, messages sent by DATA with CR LF `.` CR LF (RFC
/// 5321 §4.1.1.4), chunks where their octets are counted out (RFC 3030 §2). Every DATA is taken to be welcome.
///
/// # Panics
/// When the octets end in the middle of something.
#[must_use]
pub fn read(octets: &[u8]) -> Vec<Read> {
    let (mut all, mut rest, mut chunks) = (Vec::new(), octets, Vec::new());
    while !rest.is_empty() {
        let end = find(rest, b"\r\n").expect("a command has an end");
        let line = String::from_utf8(rest[..end].to_vec()).expect("a command is UTF-8");
        rest = &rest[end + 2..];
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["DATA"] => {
                all.push(Read::Command(line));
                // The CR LF of DATA counts as the one before the first dot.
                let message = if let Some(behind) = rest.strip_prefix(b".\r\n") {
                    rest = behind;
                    Vec::new()
                } else {
                    let end = find(rest, b"\r\n.\r\n").expect("a message has an end");
                    let message = rest[..end + 2].to_vec();
                    rest = &rest[end + 5..];
                    message
                };
                all.push(Read::Message(unstuffed(&message)));
            }
            ["BDAT", octets, ref last @ ..] => {
                let octets: usize = octets.parse().expect("a number of octets");
                chunks.extend_from_slice(&rest[..octets]);
                rest = &rest[octets..];
                match last {
                    [] => {}
                    ["LAST"] => all.push(Read::Message(std::mem::take(&mut chunks))),
                    _ => panic!("{line:?}"),
                }
            }
            _ => {
                if line == "RSET" {
                    chunks.clear();
                }
                all.push(Read::Command(line));
            }
        }
    }
    assert!(chunks.is_empty(), "the last chunk did not come");
    all
}

/// RFC 5321 §4.5.2: the first of the dots that begin a line goes.
#[must_use]
pub fn unstuffed(message: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = message;
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end + 2];
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        rest = &rest[end + 2..];
    }
    text.extend_from_slice(rest);
    text
}

/// How many ends of data a careless server finds behind DATA: it takes CR LF, a bare CR and a bare LF for the end
/// of a line.
#[must_use]
pub fn careless_ends(message: &[u8]) -> usize {
    let text = normal(message);
    usize::from(text.starts_with(b".\r\n"))
        + (0..text.len()).filter(|at| text[*at..].starts_with(b"\r\n.\r\n")).count()
}

/// Where `what` begins in `octets`.
#[must_use]
pub fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}
