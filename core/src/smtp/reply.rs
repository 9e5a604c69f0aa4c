//! Replies as the server side builds them: a code, an enhanced status code, a text.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

/// Octets of text on one line of a reply: the line has 512 with code and CR LF, RFC 5321 §4.5.3.1.5.
pub const REPLY_TEXT: usize = 480;
/// Lines of one reply that are written; what follows them is left out.
pub const REPLY_LINES: usize = 16;
/// Octets that writing one reply appends at most.
pub const REPLY_OCTETS: usize = REPLY_LINES * 512;

/// What the server says to one command: 32 octets, and no heap when the text is a constant.
///
/// ```
/// use posthaste_core::smtp::reply::{Enhanced, Reply};
///
/// let mut out = Vec::new();
/// Reply::new(550, Enhanced(5, 1, 1), "no such user here\nask postmaster").write(&mut out);
/// assert_eq!(out, b"550-5.1.1 no such user here\r\n550 5.1.1 ask postmaster\r\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    text: Cow<'static, str>,
    code: u16,
    enhanced: Option<Enhanced>,
}

/// An enhanced status code, RFC 3463: class, subject, detail. In a reply its class is written as that of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl Reply {
    /// A reply with an enhanced status code. `\n` in the text starts another line.
    pub fn new(code: u16, enhanced: Enhanced, text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), code, enhanced: Some(enhanced) }
    }

    /// A reply without one: greetings, 221 and 354 of old, 334.
    pub fn bare(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), code, enhanced: None }
    }

    /// The message was taken: `250 2.0.0`, with a text that says as what.
    pub fn taken(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(250, Enhanced(2, 0, 0), text)
    }

    /// Come back later: `451 4.3.0`. What the server says when nobody answers its question.
    #[must_use]
    pub const fn later() -> Self {
        Self::constant(451, Enhanced(4, 3, 0), "Not now, try again later")
    }

    /// A reply of constants.
    #[must_use]
    pub const fn constant(code: u16, enhanced: Enhanced, text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), code, enhanced: Some(enhanced) }
    }

    /// The code, 200 to 599.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code, if it has one.
    #[must_use]
    pub const fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The text, lines parted by `\n`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it says yes: 2xx or 3xx.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Whether it says "not now": 4xx.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.code >= 400 && self.code < 500
    }

    /// Whether it says "never": 5xx.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Appends it as the protocol has it, every line with code and enhanced code (RFC 2034 §4).
    ///
    /// Whatever the text holds, the lines are well formed: printable ASCII, at most 512 octets, at
    /// most [`REPLY_LINES`] of them.
    pub fn write(&self, out: &mut Vec<u8>) {
        write(out, self.code, self.enhanced, &self.text);
    }

    /// Appends it as the answer to VRFY or EXPN, whose reply may have names in UTF-8 if the peer said that
    /// it takes them; a reply that has some and may not is told as RFC 6531 §3.7.4.2 has it.
    pub(crate) fn write_query(&self, utf8: bool, out: &mut Vec<u8>) {
        if self.text.is_ascii() {
            return self.write(out);
        }
        if !utf8 {
            let why = "The name cannot be shown without SMTPUTF8";
            return write(out, 252, Some(Enhanced(2, 6, 8)), why);
        }
        let mut lines = self.text.split('\n').take(REPLY_LINES).peekable();
        while let Some(line) = lines.next() {
            write_head(out, self.code, self.enhanced, lines.peek().is_none());
            let line = line.get(..line.floor_char_boundary(REPLY_TEXT)).unwrap_or_default();
            for c in line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.escape_debug())
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What is said most, as it is sent.
pub(crate) mod ready {
    /// To MAIL.
    pub(crate) const SENDER: &[u8] = b"250 2.1.0 Sender ok\r\n";
    /// To RCPT.
    pub(crate) const RECIPIENT: &[u8] = b"250 2.1.5 Recipient ok\r\n";
    /// To a chunk that was not the last.
    pub(crate) const CHUNK: &[u8] = b"250 2.0.0 Chunk received\r\n";
    /// To NOOP and RSET.
    pub(crate) const OK: &[u8] = b"250 2.0.0 Ok\r\n";
}

/// Writes a reply without building one.
pub(crate) fn write(out: &mut Vec<u8>, code: u16, enhanced: Option<Enhanced>, text: &str) {
    if memchr::memchr(b'\n', text.as_bytes()).is_none() {
        return write_line(out, code, enhanced, true, text);
    }
    let mut lines = text.split('\n').take(REPLY_LINES).peekable();
    while let Some(line) = lines.next() {
        write_line(out, code, enhanced, lines.peek().is_none(), line);
    }
}

/// Writes one line of a reply.
pub(crate) fn write_line(
    out: &mut Vec<u8>,
    code: u16,
    enhanced: Option<Enhanced>,
    last: bool,
    text: &str,
) {
    write_head(out, code, enhanced, last);
    let text = text.as_bytes();
    let text = text.get(..REPLY_TEXT).unwrap_or(text);
    // RFC 5321 §4.2: textstring is HT and printable ASCII.
    let start = out.len();
    out.extend_from_slice(text);
    for c in out.get_mut(start..).unwrap_or_default() {
        *c = if matches!(*c, b'\t' | b' '..=b'~') { *c } else { b'?' };
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes what stands before the text of a line.
fn write_head(out: &mut Vec<u8>, code: u16, enhanced: Option<Enhanced>, last: bool) {
    let code = code.clamp(200, 599);
    let digit = |n: u16| b'0' + (n % 10) as u8;
    let between = if last { b' ' } else { b'-' };
    let class = digit(code / 100);
    out.extend_from_slice(&[class, digit(code / 10), digit(code), between]);
    // RFC 2034 §4: a class that is the code's, and none with 3yz.
    match enhanced.filter(|_| class != b'3') {
        None => {}
        // Almost all have one digit each.
        Some(Enhanced(_, subject @ 0..=9, detail @ 0..=9)) => {
            out.extend_from_slice(&[class, b'.', digit(subject), b'.', digit(detail), b' ']);
        }
        Some(Enhanced(_, subject, detail)) => {
            out.extend_from_slice(&[class, b'.']);
            number(out, u32::from(subject));
            out.push(b'.');
            number(out, u32::from(detail));
            out.push(b' ');
        }
    }
}

/// Writes a number in decimal.
pub(crate) fn number(out: &mut Vec<u8>, n: u32) {
    let mut digits = [0u8; 10];
    let mut left = n;
    for (count, digit) in (1..).zip(digits.iter_mut().rev()) {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            out.extend_from_slice(digits.get(10 - count..).unwrap_or_default());
            return;
        }
    }
}

const _: () = assert!(size_of::<Reply>() <= 40);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    // RFC: 6531-3.7.4.1-2 6531-3.7.4.2-7
    #[test]
    fn hostile_text_cannot_break_the_lines() {
        let reply = Reply::new(550, Enhanced(5, 7, 1), "a\r\n\0b\u{e9}\u{2028}");
        assert_eq!(written(&reply), "550-5.7.1 a?\r\n550 5.7.1 ?b?????\r\n");
    }

    #[test]
    fn a_long_text_is_cut_at_the_line() {
        let reply = Reply::new(550, Enhanced(5, 999, 999), "x".repeat(5_000));
        let text = written(&reply);
        assert!(text.len() <= 512 && text.ends_with("x\r\n"), "{}", text.len());
    }

    #[test]
    fn what_is_ready_is_what_is_written() {
        for (ready, enhanced, text) in [
            (ready::SENDER, Enhanced(2, 1, 0), "Sender ok"),
            (ready::RECIPIENT, Enhanced(2, 1, 5), "Recipient ok"),
            (ready::CHUNK, Enhanced(2, 0, 0), "Chunk received"),
            (ready::OK, Enhanced(2, 0, 0), "Ok"),
        ] {
            assert_eq!(written(&Reply::new(250, enhanced, text)).as_bytes(), ready);
        }
    }

    #[test]
    fn heads_are_their_numbers() {
        for code in [200, 250, 354, 421, 550, 599] {
            for (subject, detail) in [(0, 0), (9, 9), (10, 0), (1, 10), (7, 999), (999, 1)] {
                let class = code / 100;
                let enhanced = match class {
                    3 => String::new(),
                    _ => std::format!("{class}.{subject}.{detail} "),
                };
                for (last, between) in [(true, ' '), (false, '-')] {
                    let mut out = Vec::new();
                    write_line(&mut out, code, Some(Enhanced(5, subject, detail)), last, "x");
                    let expected = std::format!("{code}{between}{enhanced}x\r\n");
                    assert_eq!(out, expected.as_bytes());
                    out.clear();
                    write_line(&mut out, code, None, last, "x");
                    assert_eq!(out, std::format!("{code}{between}x\r\n").as_bytes());
                }
            }
        }
    }

    // RFC: 5321-4.2.1-5
    #[test]
    fn many_lines_are_cut() {
        let text = written(&Reply::bare(214, "x\n".repeat(100)));
        assert_eq!(text.lines().count(), REPLY_LINES);
        assert!(text.ends_with("214 x\r\n"));
        assert!(text.len() <= REPLY_OCTETS);
    }

    // RFC: 5321-4.2-12 5321-4.2.1-3 5321-4.3.2-3
    #[test]
    fn codes_have_three_digits_and_a_blank() {
        for (code, line) in [
            (0, "200 \r\n"),
            (199, "200 \r\n"),
            (200, "200 \r\n"),
            (354, "354 \r\n"),
            (599, "599 \r\n"),
            (600, "599 \r\n"),
            (u16::MAX, "599 \r\n"),
        ] {
            assert_eq!(written(&Reply::bare(code, "")), line, "{code}");
        }
    }

    // RFC: 2034-4-2 2034-4-3 3463-2-1 3463-2-2
    #[test]
    fn status_codes_agree_with_codes() {
        for (code, enhanced, line) in [
            (250, Enhanced(5, 1, 0), "250-2.1.0 a\r\n250 2.1.0 b\r\n"),
            (550, Enhanced(2, 70, 700), "550-5.70.700 a\r\n550 5.70.700 b\r\n"),
            (451, Enhanced(0, 0, 0), "451-4.0.0 a\r\n451 4.0.0 b\r\n"),
            (354, Enhanced(3, 0, 0), "354-a\r\n354 b\r\n"),
        ] {
            assert_eq!(written(&Reply::new(code, enhanced, "a\nb")), line);
        }
    }

    #[test]
    fn numbers() {
        for n in [0, 7, 10, 250, 599, u32::MAX] {
            let mut out = Vec::new();
            number(&mut out, n);
            assert_eq!(out, alloc::format!("{n}").as_bytes());
        }
    }
}
