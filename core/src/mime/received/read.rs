//! Reads a hop: finds its clauses, and what its comments tell, in one walk over its octets.

use core::mem;

use memchr::memchr;
use posthaste_simd::octets::{self, Set};

use super::{BY, CLAUSES, FOR, FROM, Received, Tls, Told, VIA, WITH, after, ip};
use crate::mime::lexer::{BLANK, Lexer, WORD, is, trim};

impl<'a> Received<'a> {
    /// Reads the value, which nothing else has been read of.
    #[inline(never)]
    pub(super) fn read(&mut self) {
        let value = self.value;
        let mut walk = Walk { text: value, base: 0, stops: 0, events: 0, last: &[] };
        walk.load(0);
        // The open clause, and where its text starts.
        let mut open: Option<(usize, usize)> = None;
        // Whether it has a word, and the first one, if that stands for itself.
        let (mut has_word, mut first) = (true, None);
        // Up to where all is read; a word starts there, whatever stands before it.
        let mut at = 0;
        loop {
            if !has_word {
                while value.get(at).is_some_and(|octet| is(*octet, BLANK)) {
                    at += 1;
                }
                let end = walk.word_end(at);
                if end > at {
                    first = value.get(end).is_none_or(|next| ends_word(*next)).then_some((at, end));
                    (at, has_word) = (end, true);
                }
            }
            let here = walk.event(at);
            let Some(octet) = value.get(here) else { break };
            match octet {
                b'(' => {
                    at = self.comment(&mut walk, open.map(|(clause, _)| clause), here + 1);
                    continue;
                }
                b';' => {
                    self.close(open.take(), first.take(), here);
                    at = here + 1;
                    self.date = value.get(at..).unwrap_or_default();
                    if memchr(b';', self.date).is_none() {
                        break;
                    }
                }
                b'[' => {
                    at = walk.behind(b']', here + 1);
                    let ends = value.get(at).is_none_or(|next| ends_word(*next));
                    if !has_word && ends {
                        first = Some((here, at));
                    }
                }
                b'<' => at = walk.behind(b'>', here + 1),
                b'"' => at = walk.behind(b'"', here + 1),
                b'\\' => {
                    at = here + 2;
                    // A word may start behind what is escaped.
                    walk.load(at);
                }
                _ => {
                    let end = walk.stop(here);
                    if let Some(new) = clause(value, here, end)
                        && (here == at || !value.get(here - 1).is_some_and(|last| is(*last, WORD)))
                        && self.clause(new).is_empty()
                        && value.get(end).is_none_or(|next| {
                            ends_word(*next) || matches!(next, b'<' | b'[' | b'"')
                        })
                    {
                        self.close(open, first, here);
                        (open, first, has_word) = (Some((new, end)), None, false);
                        at = end;
                        continue;
                    }
                    at = walk.word_end(here).max(here + 1);
                }
            }
            has_word = true;
        }
        self.close(open, first, value.len());
    }

    /// Reads the comment whose text starts at `at`, in `clause`: the words in it, those of comments
    /// within it too. Gives where it ends.
    fn comment(&mut self, walk: &mut Walk<'a>, clause: Option<usize>, mut at: usize) -> usize {
        let mut depth = 1_usize;
        loop {
            let (mut end, mut marked) = walk.comment_word_end(at, at);
            if end == at
                && walk.text.get(at) == Some(&b'\\')
                && !walk.text.get(at + 1).is_some_and(|octet| is(*octet, BLANK))
            {
                // What is escaped starts a word.
                at += 1;
                (end, marked) = (walk.comment_word_end(at, at + 1).0, true);
            }
            let text = walk.text.get(at..).unwrap_or_default();
            if let Some(word) = text.get(..end.saturating_sub(at))
                && let Some(start) = word.first()
            {
                let before = mem::replace(&mut walk.last, word);
                let hint = HINTS[usize::from(*start)];
                match clause {
                    Some(FROM) => self.from.take(word, text, before, hint, marked),
                    Some(BY) => self.by.take(word, text, before, hint, marked),
                    _ => {}
                }
                if hint & OF_TLS != 0 || before.len() == CIPHER.len() {
                    self.tls.take(word, before);
                }
            }
            at = end + 1;
            match walk.text.get(end) {
                None => return end,
                Some(b'(') => depth += 1,
                Some(b')') => {
                    depth -= 1;
                    if depth == 0 {
                        return at;
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Ends a clause at `end`. `first` is its first word, if that stands for itself.
    #[inline]
    fn close(&mut self, open: Option<(usize, usize)>, first: Option<(usize, usize)>, end: usize) {
        if let Some((at, start)) = open
            && let Some(clause) = self.clauses.get_mut(at)
        {
            *clause = match (at, first) {
                (VIA | WITH | FOR, _) => trim(self.value.get(start..end).unwrap_or_default()),
                (_, Some((start, end))) => self.value.get(start..end).unwrap_or_default(),
                (_, None) => {
                    let text = self.value.get(start..end).unwrap_or_default();
                    first_word(text).unwrap_or_default()
                }
            };
        }
    }
}

/// The way through a value.
struct Walk<'a> {
    text: &'a [u8],
    /// Where the octets start that the bits below tell of.
    base: usize,
    /// What means something, in comments or outside of them.
    stops: u64,
    /// What means something outside of comments: stops that are no blanks, and words that may start a
    /// clause by their length. The first octet and the last ones may be no such words.
    events: u64,
    /// The last word of the comments, which some words mean something behind.
    last: &'a [u8],
}

impl Walk<'_> {
    /// The next stop at or behind `at`.
    #[inline]
    fn stop(&mut self, at: usize) -> usize {
        self.next(at, |walk| walk.stops)
    }

    /// The next event at or behind `at`.
    #[inline]
    fn event(&mut self, at: usize) -> usize {
        self.next(at, |walk| walk.events)
    }

    #[inline]
    fn next(&mut self, mut at: usize, bits: impl Fn(&Self) -> u64) -> usize {
        loop {
            let passed = at.wrapping_sub(self.base);
            if passed < octets::BLOCK {
                let bits = bits(self) >> passed;
                if bits != 0 {
                    return at + bits.trailing_zeros() as usize;
                }
                at = self.base + octets::BLOCK;
            }
            if at >= self.text.len() {
                return self.text.len();
            }
            self.load(at);
        }
    }

    /// Looks at the octets from `at` on.
    #[inline(never)]
    fn load(&mut self, at: usize) {
        let text = self.text.get(at..).unwrap_or_default();
        let stops = octets::members(text, &STOPS);
        let starts = !stops & (stops << 1 | 1);
        let short = stops >> 2 | stops >> 3 | stops >> 4 | 0xf << 60;
        // The last word may end with the text.
        let ends =
            if text.len() < octets::BLOCK { u64::MAX << text.len().saturating_sub(4) } else { 0 };
        self.base = at;
        self.stops = stops;
        self.events = stops & !octets::members(text, &BLANKS) | starts & (short | ends);
    }

    /// Where the word ends that starts at `at`, outside of comments: at an octet that is not of
    /// [`WORD`].
    #[inline]
    fn word_end(&mut self, at: usize) -> usize {
        let mut end = self.stop(at);
        while let Some(b')' | b']') = self.text.get(end) {
            end = self.stop(end + 1);
        }
        end
    }

    /// Where the word of a comment ends that starts at `at`, and whether there may be a mark in it
    /// without which no word is an address, but for those of IPv4. It does not end before `from`.
    #[inline]
    fn comment_word_end(&mut self, at: usize, from: usize) -> (usize, bool) {
        let (mut end, mut marked) = (self.stop(from), false);
        loop {
            match self.text.get(end) {
                Some(b'[' | b']' | b'<' | b'>' | b'"') => end = self.stop(end + 1),
                Some(b':' | b'@') => {
                    marked = true;
                    end = self.stop(end + 1);
                }
                Some(b'\\') if end > at => {
                    // What is escaped may be one as well.
                    marked = true;
                    end = self.stop(end + 2);
                }
                _ => return (end, marked),
            }
        }
    }

    /// What follows `close`, the next one behind `at` that is not escaped.
    #[inline]
    fn behind(&mut self, close: u8, mut at: usize) -> usize {
        loop {
            let stop = self.stop(at);
            match self.text.get(stop) {
                None => return stop,
                Some(octet) if *octet == close => return stop + 1,
                Some(b'\\') => at = stop + 2,
                Some(_) => at = stop + 1,
            }
        }
    }
}

static STOPS: Set = Set::of(b" \t\r\n()[]<>\",;:@\\");
static BLANKS: Set = Set::of(b" \t\r\n");

/// Whether an octet ends a word, whatever that is made of.
const fn ends_word(octet: u8) -> bool {
    is(octet, BLANK) || matches!(octet, b'(' | b';')
}

impl<'a> Told<'a> {
    /// Notes what a word of a comment, which follows `last`, tells. `hint` is what [`HINTS`] has for it,
    /// `marked` whether there may be a colon or an `@` in it.
    #[inline]
    fn take(&mut self, word: &'a [u8], text: &[u8], last: &[u8], hint: u8, marked: bool) {
        self.first.get_or_insert(word);
        if last.len() == 4 && is_helo(last) {
            self.said.get_or_insert(word);
            return;
        }
        if hint & OF_HELO != 0
            && let Some(said) = after(word, b"helo=").or_else(|| after(word, b"ehlo="))
        {
            self.said.get_or_insert(said);
        } else if self.ip.is_none() && (marked || hint & OF_ADDRESS != 0) {
            // What the client says in its HELO is no evidence.
            self.ip = if marked { ip::marked(word) } else { ip::unmarked(word, text) };
        }
    }
}

/// What a word of a comment may tell, by its first octet.
static HINTS: [u8; 256] = {
    let (mut hints, mut octet) = ([0; 256], 0);
    while octet < 256 {
        hints[octet] = match octet as u8 {
            b'0'..=b'9' | b'[' => OF_ADDRESS,
            b'h' | b'H' | b'e' | b'E' => OF_HELO,
            b'v' | b'V' | b'c' | b'C' | b'b' | b'B' | b'T' | b'S' => OF_TLS,
            _ => 0,
        };
        octet += 1;
    }
    hints
};
const OF_ADDRESS: u8 = 1;
const OF_HELO: u8 = 1 << 1;
const OF_TLS: u8 = 1 << 2;

impl<'a> Tls<'a> {
    /// Notes what a word of a comment, which follows `last`, tells.
    fn take(&mut self, word: &'a [u8], last: &[u8]) {
        if last.eq_ignore_ascii_case(CIPHER) {
            self.cipher = word;
            return;
        }
        match word.first() {
            // As sendmail, Gmail and Exchange write it.
            Some(b'v' | b'V') => {
                if let Some(version) = after(word, b"version=") {
                    self.version = version;
                }
            }
            Some(b'c' | b'C') => {
                if let Some(cipher) = after(word, b"cipher=") {
                    self.cipher = cipher;
                }
            }
            Some(b'b' | b'B') => {
                if let Some(bits) = after(word, b"bits=") {
                    self.bits = decimal(bits);
                } else if word.eq_ignore_ascii_case(b"bits") {
                    // As Postfix does: (256/256 bits)
                    self.bits = self.bits.or_else(|| decimal(last));
                }
            }
            Some(b'T' | b'S') if self.version.is_empty() => self.take_exim(word),
            _ => {}
        }
    }

    /// As Exim writes it: `TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256`.
    fn take_exim(&mut self, word: &'a [u8]) {
        if (word.starts_with(b"TLS") || word.starts_with(b"SSL"))
            && word.get(3..5).is_some_and(|rest| rest.iter().any(u8::is_ascii_digit))
        {
            let mut parts = word.split(|octet| *octet == b':');
            self.version = parts.next().unwrap_or_default();
            self.cipher = parts.next().unwrap_or(self.cipher);
            self.bits = parts.next().and_then(decimal).or(self.bits);
        }
    }
}

/// What a cipher stands behind in the comments.
const CIPHER: &[u8] = b"cipher";

/// The number at the start of `text`.
fn decimal(text: &[u8]) -> Option<u32> {
    let digits = text.split(|octet| !octet.is_ascii_digit()).next()?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// The first word of a clause, whatever it is made of.
fn first_word(clause: &[u8]) -> Option<&[u8]> {
    let mut lexer = Lexer::new(clause);
    lexer.cfws();
    let start = lexer.rest();
    if lexer.peek() == Some(b'[') {
        lexer.delimited(b']');
    }
    lexer.take_while(|octet| !is(octet, BLANK) && !matches!(octet, b'(' | b';'));
    let word = start.get(..start.len().saturating_sub(lexer.rest().len()));
    word.filter(|word| !word.is_empty())
}

/// Which clause the word of `text` from `start` to `end` starts.
#[inline]
fn clause(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let len = end - start;
    if !matches!(len, 2..=4) {
        return None;
    }
    // The bit that makes letters small tells nothing else apart from a letter.
    let word = match text.get(start..).and_then(|word| word.first_chunk()) {
        Some(word) => u32::from_le_bytes(*word) | 0x2020_2020,
        None => small(text.get(start..end)?),
    };
    let word = word & (u32::MAX >> (32 - 8 * len));
    let (clause, name) = NAMES.get(word as usize % NAMES.len())?;
    (*name == word).then_some(usize::from(*clause))
}

/// The letters of a word of at most four, small, the first one lowest.
const fn small(word: &[u8]) -> u32 {
    let (mut letters, mut at) = (0, word.len());
    while at > 0 {
        at -= 1;
        letters = letters << 8 | word[at] as u32 | 0x20;
    }
    letters
}

/// The clauses and the words that start them, each at the place that [`small`] letters of it tell.
static NAMES: [(u8, u32); 17] = {
    let words: [&[u8]; CLAUSES] = [b"from", b"by", b"via", b"with", b"id", b"for", b"tls"];
    let (mut names, mut at) = ([(0, 0); 17], 0);
    while at < CLAUSES {
        let word = small(words[at]);
        let place = word as usize % names.len();
        assert!(names[place].1 == 0, "two words at one place");
        names[place] = (at as u8, word);
        at += 1;
    }
    names
};

fn is_helo(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"helo") || word.eq_ignore_ascii_case(b"ehlo")
}
