//! The bytes that arrived and were not used yet.

use alloc::vec::Vec;
use core::fmt;

use memchr::memchr;

/// What has arrived from the peer and was not consumed yet, in a buffer that belongs to the caller.
///
/// The driver fills it ([`space`](Self::space), [`filled`](Self::filled)), a machine reads it
/// ([`bytes`](Self::bytes)) and gives up what it has used ([`discard`](Self::discard)). An `Input`
/// without a buffer is 40 bytes and holds no heap: a pool [`lend`](Self::lend)s one when the socket
/// turns readable and [`take_back`](Self::take_back)s it when everything was consumed.
///
/// It grows when it is full and nothing was consumed. The machine bounds that growth: each has a
/// limit for its longest line, and drops (and answers for) what passes it, so a buffer never holds
/// more than that limit and one read.
///
/// ```
/// use posthaste_core::machine::Input;
///
/// let mut input = Input::new();
/// input.push(b"NOOP\r\nQU");
/// assert_eq!(input.line_end(0), Some(6));
/// input.discard(6);
/// assert_eq!(input.line_end(0), None);
/// input.push(b"IT\r\n");
/// assert_eq!(input.line_end(0), Some(6));
/// assert_eq!(input.bytes(), b"QUIT\r\n");
/// ```
#[derive(Default)]
pub struct Input {
    /// Initialised throughout; the unread bytes are `buffer[start..end]`.
    buffer: Vec<u8>,
    start: u32,
    end: u32,
    /// Bytes after `start` that are known to hold no end of line.
    scanned: u32,
    ended: bool,
}

impl Input {
    /// Octets allocated when a driver asks for space and has lent no buffer.
    pub const FIRST: usize = 4 * 1024;
    /// The least room that [`space`](Self::space) offers.
    pub const LEAST: usize = 1024;
    /// Octets an input can hold at most; the limits of all machines are far below.
    pub const MOST: usize = 1 << 30;

    /// An input without a buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, scanned: 0, ended: false }
    }

    /// Gives the input a buffer to fill. Its content does not matter, its length does: a pool hands
    /// out buffers that were initialised once. Ignored when the input holds a buffer already.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        if self.buffer.is_empty() {
            self.buffer = buffer;
            self.buffer.truncate(Self::MOST);
            (self.start, self.end, self.scanned) = (0, 0, 0);
        }
    }

    /// Takes the buffer away if nothing in it is unread.
    pub fn take_back(&mut self) -> Option<Vec<u8>> {
        if self.start != self.end || self.buffer.is_empty() {
            return None;
        }
        (self.start, self.end, self.scanned) = (0, 0, 0);
        Some(core::mem::take(&mut self.buffer))
    }

    /// Room for at least [`LEAST`](Self::LEAST) octets, to read from the peer into; then call
    /// [`filled`](Self::filled). Moves what is unread to the front, or grows the buffer, when it must.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - (self.end as usize) < Self::LEAST {
            self.make_room();
        }
        let end = self.end as usize;
        &mut self.buffer[end..]
    }

    /// Says that `n` octets were written to the front of [`space`](Self::space). More than there was
    /// room for counts as all of it.
    pub fn filled(&mut self, n: usize) {
        let room = self.buffer.len() - self.end as usize;
        // At most MOST, which fits.
        self.end += n.min(room) as u32;
    }

    /// Appends `bytes`, for callers that have them in memory.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.space();
            let n = room.len().min(bytes.len());
            if n == 0 {
                return;
            }
            let (now, later) = bytes.split_at(n);
            room[..n].copy_from_slice(now);
            self.filled(n);
            bytes = later;
        }
    }

    /// The peer will send no more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the peer will send no more; unread bytes may remain.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// The unread bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    /// How many bytes are unread.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether nothing is unread.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Octets the buffer occupies.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Gives up the first `n` unread bytes (all, if there are fewer).
    pub fn discard(&mut self, n: usize) {
        let n = n.min(self.len()) as u32;
        self.start += n;
        self.scanned = self.scanned.saturating_sub(n);
    }

    /// Where the first line at or after `from` ends: the offset behind its CR LF. Only CR LF ends a
    /// line; see [`line`](crate::line).
    ///
    /// What was searched in vain is not searched again as long as `from` stays where it is or grows, so
    /// a line that drips in costs linear time.
    pub fn line_end(&mut self, from: usize) -> Option<usize> {
        let mut at = from.max(self.scanned as usize);
        let bytes = &self.buffer[self.start as usize..self.end as usize];
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
            let lf = at + found;
            if lf > from && bytes[lf - 1] == b'\r' {
                // Behind this line nothing is known, but a second look for the same line is cheap.
                self.scanned = lf as u32;
                return Some(lf + 1);
            }
            at = lf + 1;
        }
        self.scanned = self.end - self.start;
        None
    }

    /// As [`line_end`](Self::line_end) of what is in front; and whether the line is known to hold no stray octet
    /// ([`find_stray`](crate::line::find_stray)). `false` says nothing.
    pub(crate) fn line(&mut self) -> Option<(usize, bool)> {
        if self.scanned == 0
            && let Some(end) = plain_line(self.bytes())
        {
            return Some((end, true));
        }
        self.line_end(0).map(|end| (end, false))
    }

    #[cold]
    fn make_room(&mut self) {
        let unread = self.len();
        if self.buffer.is_empty() {
            self.buffer.resize(Self::FIRST, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start as usize..self.end as usize, 0);
            (self.start, self.end) = (0, unread as u32);
        }
        let size = self.buffer.len();
        if size - unread < Self::LEAST {
            self.buffer.resize((size * 2).clamp(Self::FIRST, Self::MOST), 0);
        }
    }
}

/// The end of the line in front, if nothing below SO (14) stands in it but its CR LF, and it is not long: eight octets
/// are looked at together.
fn plain_line(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::MAX / 255;
    let bytes = bytes.get(..PLAIN_LINE).unwrap_or(bytes);
    let (words, rest) = bytes.as_chunks::<8>();
    // The high bit of an octet below 14 is set by the subtraction: the lowest such bit is exact, since only an octet
    // below 14 borrows from the next.
    let low = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let low = word.wrapping_sub(EACH * 14) & !word & (EACH * 128);
        (low != 0).then(|| low.trailing_zeros() as usize / 8)
    };
    let at = match words.iter().enumerate().find_map(|(n, word)| Some(n * 8 + low(word)?)) {
        Some(at) => at,
        None => bytes.len() - rest.len() + rest.iter().position(|c| *c < 14)?,
    };
    bytes.get(at..)?.starts_with(b"\r\n").then_some(at + 2)
}

/// The octets of a line that [`plain_line`] looks at.
const PLAIN_LINE: usize = 512;

impl fmt::Debug for Input {
    /// Sizes only: what is unread may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("unread", &self.len())
            .field("capacity", &self.capacity())
            .field("ended", &self.ended)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::find_stray;

    proptest::proptest! {
        /// A line that is seen at one glance is the line.
        #[test]
        fn a_plain_line_is_a_line(
            text in proptest::collection::vec(
                proptest::prop_oneof![
                    6 => 14..=255u8,
                    2 => proptest::sample::select(b"\r\n\t\0\x0b\x0d\x0e\x7f\x80\x8d\xff".to_vec()),
                ],
                0..40,
            ),
            long in 0..600usize,
            behind in "[a-z\r\n]{0,20}",
        ) {
            for text in [text.clone(), [&b"x".repeat(long)[..], &text].concat()] {
                let text = [&text, &b"\r\n"[..], behind.as_bytes()].concat();
                let mut input = Input::new();
                input.push(&text);
                let whole = input.line_end(0);
                if let Some(end) = plain_line(&text) {
                    proptest::prop_assert_eq!(Some(end), whole);
                    proptest::prop_assert_eq!(find_stray(&text[..end - 2]), None);
                } else if let Some(end) = whole.filter(|end| *end <= PLAIN_LINE) {
                    // It is not given up for nothing.
                    proptest::prop_assert!(text[..end - 2].iter().any(|c| *c < 14));
                }
            }
        }
    }

    #[test]
    fn each_octet_in_each_place_of_a_plain_line() {
        for length in 0..34 {
            for at in 0..length {
                for octet in 0..=255 {
                    let mut text = std::vec![b'x'; length];
                    text[at] = octet;
                    text.extend_from_slice(b"\r\nQUIT\r\n");
                    let expected = (octet >= 14).then_some(length + 2);
                    assert_eq!(plain_line(&text), expected, "{octet} at {at} of {length}");
                }
            }
        }
    }
}
