//! One field on its lines (RFC 5322 §2.1.1, §2.2.3): words come in, folds go between them.
//!
//! Lines are folded at 78 octets where there is a blank to fold at, at 76 where an encoded word
//! stands (RFC 2047 §2). What the callers pass as one word is shorter than [`WORD_OCTETS`], so that
//! no line reaches 998 octets, its hard limit.

use alloc::vec::Vec;

/// Octets of a line at most where there is a choice (RFC 5322 §2.1.1).
pub(super) const LINE: usize = 78;
/// Octets of a line that has an encoded word in it (RFC 2047 §2).
pub(super) const ENCODED_LINE: usize = 76;
/// Octets at most of what is written without a fold: with the name of a field before it and a mark
/// behind it, it stays below 998 (RFC 5322 §2.1.1).
pub(super) const WORD_OCTETS: usize = 900;

/// Writes one field.
pub(super) struct Folder<'o> {
    out: &'o mut Vec<u8>,
    /// Where the line at hand starts.
    line: usize,
    /// How long it may be.
    limit: usize,
    /// The line holds more than the blank of its fold.
    started: bool,
    /// Nothing but the name has been written.
    bare: bool,
    /// Octets to be left for what will be [joined](Self::join) to the next words.
    tail: usize,
}

impl<'o> Folder<'o> {
    /// Starts the field `name`.
    pub(super) fn new(name: &str, out: &'o mut Vec<u8>) -> Self {
        let line = out.len();
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, line, limit: LINE, started: true, bare: true, tail: 0 }
    }

    /// How many octets more the line takes behind one blank, if an encoded word is among them.
    pub(super) fn room(&self) -> usize {
        ENCODED_LINE.saturating_sub(self.column() + 1 + self.tail)
    }

    /// Leaves `octets` at the end of each line from here on.
    pub(super) fn leave(&mut self, octets: usize) {
        self.tail = octets;
    }

    /// A blank and `word`, behind a fold if the line is full.
    pub(super) fn word(&mut self, word: &[u8]) {
        self.spaced(1, word);
    }

    /// As [`spaced`](Self::spaced), but the first word stays beside the name of the field, however long
    /// it is: some readers take a fold there for a blank of the text.
    pub(super) fn text(&mut self, blanks: usize, word: &[u8]) {
        if self.bare {
            self.blank(blanks);
            self.join(word);
        } else {
            self.spaced(blanks, word);
        }
    }

    /// `blanks` spaces and `word`, behind a fold if the line is full.
    pub(super) fn spaced(&mut self, blanks: usize, word: &[u8]) {
        let wanted = blanks.saturating_add(word.len()).saturating_add(self.tail);
        // A word that is too long for any line stays beside the name of its field.
        let helps = self.started && !(self.bare && wanted > LINE);
        if helps && self.column() + wanted > self.limit {
            self.fold();
        }
        self.blank(blanks);
        self.join(word);
    }

    /// A blank and an encoded word, which asked for its [`room`](Self::room) before.
    pub(super) fn encoded(&mut self, word: &[u8]) {
        if self.started && self.column() + 1 + word.len() > ENCODED_LINE {
            self.fold();
        }
        self.limit = ENCODED_LINE;
        self.blank(1);
        self.join(word);
    }

    /// `text` without a blank before it: no fold can stand there.
    pub(super) fn join(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        self.started = true;
        self.bare = false;
    }

    /// Goes on in a new line, which has to begin with a blank.
    pub(super) fn fold(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.line = self.out.len();
        self.limit = LINE;
        self.started = false;
    }

    /// Ends the field.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn blank(&mut self, count: usize) {
        self.out.resize(self.out.len() + count, b' ');
    }

    fn column(&self) -> usize {
        self.out.len() - self.line
    }
}

/// The words of `text` with the number of spaces before each; blanks at the end come before an empty
/// word.
pub(super) fn chunks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.trim_start_matches(' ');
        let blanks = rest.len() - word.len();
        let (word, after) = word.split_at(word.find(' ').unwrap_or(word.len()));
        rest = after;
        Some((blanks, word))
    })
}
