//! Where a message ends, and what may stand in one: the only place that decides it.
//!
//! A message sent by DATA ends at CR LF `.` CR LF and nowhere else (RFC 5321 §4.1.1.4). One sent by BDAT
//! ends where its octets are counted out (RFC 3030). In both, only CR LF ends a line; a bare CR, a bare
//! LF or a NUL spoils the message, or, where the [`Rules`] say so, a bare CR or LF is turned into CR LF.
//! A spoiled message is read on to its end, so that no octet of it is ever taken for a command.
//!
//! | who sends | bare CR, bare LF | NUL |
//! |---|---|---|
//! | strangers (SMTP), LMTP | `550 5.6.0` | `550 5.6.0` |
//! | signed-in users (submission) | made CR LF | `550 5.6.0` |
//! | anybody, with `BODY=BINARYMIME` and BDAT | kept | kept |
//! | we, by DATA or BDAT | leave as CR LF | kept |
//!
//! [`Reader`] is the receiving side: it never copies, it says how many octets of the input to show,
//! to drop, to skip. [`Stuffer`] is the sending side.

use alloc::vec::Vec;

use memchr::{memchr, memchr2, memchr3, memrchr};

use super::server::event::Defect;

/// What a message must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Octets it may have.
    pub(crate) octets: u64,
    /// Octets a line may have, with its CR LF.
    pub(crate) line: usize,
    /// What becomes of a bare CR, a bare LF or a NUL.
    pub(crate) strays: Strays,
}

/// What becomes of octets that have no business in a message of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strays {
    /// They stay: the message is BINARYMIME, and its lines mean nothing. Chunks only.
    Kept,
    /// A bare CR or LF becomes CR LF; a NUL spoils the message.
    Mended,
    /// They spoil the message.
    Refused,
}

/// What the octets at the front of the input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The chunk is used up, or the dot line (so many octets) is here.
    End(usize),
    /// So many octets that are not part of the message (a stuffed dot): none to be shown.
    Drop(usize),
    /// The message was spoiled long ago and does not end.
    Flood,
    /// Nothing can be said before more arrives.
    More,
    /// So many octets to be shown as CR LF.
    Newline(usize),
    /// So many octets to be shown.
    Run(usize),
    /// So many octets of a message that is spoiled.
    Skip(usize),
}

/// The state of one message that arrives. No heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// Octets shown.
    octets: u64,
    /// Octets skipped.
    skipped: u64,
    /// Octets of the chunk that are still to come.
    left: u64,
    /// Octets shown of the line that is arriving.
    line: usize,
    defect: Option<Defect>,
    /// The octet consumed last.
    last: u8,
    /// Directly behind a CR LF, or at the beginning.
    fresh: bool,
    /// The last CR LF stood behind a CR.
    doubtful: bool,
    /// The last chunk ended with a CR that is not yet shown.
    held: bool,
    /// Nobody wants what comes.
    unwanted: bool,
}

impl Reader {
    /// A message that begins.
    pub(crate) const fn new() -> Self {
        Self {
            octets: 0,
            skipped: 0,
            left: 0,
            line: 0,
            defect: None,
            last: b'\n',
            fresh: true,
            doubtful: false,
            held: false,
            unwanted: false,
        }
    }

    /// So many octets come that nobody wants.
    pub(crate) const fn unwanted(octets: u64) -> Self {
        let mut reader = Self::new();
        reader.left = octets;
        reader.unwanted = true;
        reader
    }

    /// A chunk of so many octets begins.
    pub(crate) const fn chunk(&mut self, octets: u64) {
        self.left = octets;
    }

    /// Octets shown so far.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// What spoiled it, if something did.
    pub(crate) const fn defect(&self) -> Option<Defect> {
        self.defect
    }

    /// Spoils it from outside: it was announced to be too big.
    pub(crate) const fn spoil(&mut self, defect: Defect) {
        self.defect = Some(defect);
    }

    /// Whether nobody wants it and the peer was told already.
    pub(crate) const fn is_unwanted(&self) -> bool {
        self.unwanted
    }

    /// Looks at the front of a message sent by DATA.
    pub(crate) fn lines(&mut self, bytes: &[u8], rules: Rules) -> Step {
        if self.defect.is_none() {
            let step = self.scan(bytes, rules, true);
            if self.defect.is_none() || step != Step::More {
                return step;
            }
        }
        self.skip_lines(bytes, rules)
    }

    /// Looks at the front of a chunk. `last` if no other follows.
    pub(crate) fn counted(&mut self, bytes: &[u8], rules: Rules, last: bool) -> Step {
        if self.left == 0 {
            return self.end_of_chunk(rules, last);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let whole = bytes.len() >= left;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        if bytes.is_empty() {
            return Step::More;
        }
        if self.defect.is_none() && !self.unwanted {
            if rules.strays == Strays::Kept {
                return self.octets_only(bytes, rules);
            }
            let step = match (self.held, bytes) {
                (true, [b'\n', ..]) => self.newline(bytes, 1, rules),
                (true, _) => self.stray(bytes, 0, Defect::BareCr, rules),
                // What follows the CR comes with the next chunk.
                (false, b"\r") if whole => {
                    self.held = true;
                    return self.took(bytes, 1, Step::Drop(1));
                }
                (false, _) => self.scan(bytes, rules, false),
            };
            if self.defect.is_none() || step != Step::More {
                return step;
            }
        }
        self.took(bytes, bytes.len(), Step::Skip(bytes.len()))
    }

    /// Takes octets as they are: in them, only the limit of the whole counts.
    fn octets_only(&mut self, bytes: &[u8], rules: Rules) -> Step {
        let room = self.room(0, rules);
        if room == 0 {
            self.defect = Some(Defect::TooBig);
            return self.took(bytes, bytes.len(), Step::Skip(bytes.len()));
        }
        self.run(bytes, bytes.len().min(room))
    }

    fn end_of_chunk(&mut self, rules: Rules, last: bool) -> Step {
        if last && self.held && self.defect.is_none() && !self.unwanted {
            let step = self.stray(b"", 0, Defect::BareCr, rules);
            if self.defect.is_none() {
                return step;
            }
        }
        Step::End(0)
    }

    /// Goes over what may be shown in one run. `More` with a defect set: nothing may be shown.
    fn scan(&mut self, bytes: &[u8], rules: Rules, dots: bool) -> Step {
        let mut at = 0;
        // Where to look for whole clean blocks again.
        let mut next = 0;
        loop {
            if at >= next {
                at = self.pass(bytes, at, rules, dots);
                // In front of the first octet there is none to look at: behind the first line, then.
                next = if at == 0 { 1 } else { at + BLOCK };
            }
            let rest = bytes.get(at..).unwrap_or_default();
            if dots && self.fresh {
                match rest {
                    [] | [b'.'] | [b'.', b'\r'] => return self.run(bytes, at),
                    [b'.', ..] if at > 0 => return self.run(bytes, at),
                    [b'.', b'\r', b'\n', ..] => return self.end_of_lines(),
                    // RFC 5321 §4.5.2: a dot with more behind it was stuffed.
                    [b'.', ..] => {
                        self.fresh = false;
                        return self.took(bytes, 1, Step::Drop(1));
                    }
                    _ => {}
                }
            }
            let found = memchr3(b'\r', b'\n', 0, rest);
            let length = found.unwrap_or(rest.len());
            let octets = self.room(at, rules);
            let line = rules.line.saturating_sub(2).saturating_sub(self.line);
            let room = octets.min(line);
            if length > room {
                self.defect = Some(if octets <= line { Defect::TooBig } else { Defect::LongLine });
                // What is left of the line does not begin one: a dot in it ends nothing.
                self.fresh &= room == 0;
                return self.run(bytes, at + room);
            }
            at += length;
            self.line += length;
            self.fresh &= length == 0;
            let stray = match bytes.get(at..).unwrap_or_default() {
                // Nothing more is here, or what follows a CR decides.
                [] | [b'\r'] => return self.run(bytes, at),
                [b'\r', b'\n', ..] => {
                    if self.room(at, rules) < 2 {
                        self.defect = Some(Defect::TooBig);
                        return self.run(bytes, at);
                    }
                    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
                    self.doubtful = *before.unwrap_or(&self.last) == b'\r';
                    self.fresh = true;
                    self.line = 0;
                    at += 2;
                    continue;
                }
                [b'\r', ..] => Defect::BareCr,
                [b'\n', ..] => Defect::BareLf,
                _ => Defect::Nul,
            };
            self.fresh = false;
            // What stands before it goes first; then we come here again.
            return if at > 0 { self.run(bytes, at) } else { self.stray(bytes, 1, stray, rules) };
        }
    }

    /// Passes whole blocks that are clean: what lines are made of, with whole line ends, all within the limits,
    /// no line beginning with a dot if `dots` matter. Says where it stopped; most of a message goes by here.
    fn pass(&mut self, bytes: &[u8], start: usize, rules: Rules, dots: bool) -> usize {
        let mut at = start;
        // A block is looked at with the octets around it. Where it ends in LF, the one behind it is no dot.
        if dots && bytes.get(at) == Some(&b'.') {
            return at;
        }
        let window = |at: usize| bytes.get(at.checked_sub(1)?..)?.first_chunk::<{ BLOCK + 2 }>();
        while let Some(block) = window(at) {
            let line = rules.line.saturating_sub(2).saturating_sub(self.line);
            let clean = if dots { is_clean::<true>(block) } else { is_clean::<false>(block) };
            if line < BLOCK || self.room(at, rules) < BLOCK || !clean {
                break;
            }
            let [_, block @ .., _] = block;
            // What follows a CR decides what it is.
            let length = BLOCK - usize::from(block.ends_with(b"\r"));
            let passed = block.get(..length).unwrap_or_default();
            match memrchr(b'\n', passed) {
                Some(end) => {
                    self.line = length - end - 1;
                    self.doubtful = false;
                }
                None => self.line += length,
            }
            self.fresh = passed.ends_with(b"\n");
            at += length;
        }
        at
    }

    /// The dot line is in front.
    fn end_of_lines(&mut self) -> Step {
        if self.doubtful {
            self.defect = Some(Defect::DoubtfulEnd);
        }
        Step::End(3)
    }

    /// A stray octet in front (`width` 1), or one that was held back (0).
    fn stray(&mut self, bytes: &[u8], width: usize, defect: Defect, rules: Rules) -> Step {
        if rules.strays == Strays::Mended && defect != Defect::Nul {
            return self.newline(bytes, width, rules);
        }
        self.defect = Some(defect);
        Step::More
    }

    fn newline(&mut self, bytes: &[u8], width: usize, rules: Rules) -> Step {
        self.held = false;
        if self.room(0, rules) < 2 {
            self.defect = Some(Defect::TooBig);
            return Step::More;
        }
        self.octets = self.octets.saturating_add(2);
        self.line = 0;
        self.took(bytes, width, Step::Newline(width))
    }

    /// Looks at the front of a spoiled message: only its end matters.
    fn skip_lines(&mut self, bytes: &[u8], rules: Rules) -> Step {
        let mut at = 0;
        let length = loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if self.fresh {
                match rest {
                    [] | [b'.'] | [b'.', b'\r'] => break at,
                    [b'.', b'\r', b'\n', ..] if at > 0 => break at,
                    [b'.', b'\r', b'\n', ..] => return self.end_of_lines(),
                    _ => self.fresh = false,
                }
            }
            let Some(found) = memchr(b'\r', rest) else {
                break bytes.len();
            };
            at += found;
            match bytes.get(at + 1) {
                None => break at,
                Some(b'\n') => {
                    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
                    self.doubtful = *before.unwrap_or(&self.last) == b'\r';
                    self.fresh = true;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        };
        if length == 0 {
            return Step::More;
        }
        let patience = rules.octets.max(PATIENCE).saturating_sub(self.skipped);
        let taken = length.min(usize::try_from(patience).unwrap_or(usize::MAX));
        if taken == 0 {
            return Step::Flood;
        }
        self.fresh &= taken == length;
        self.skipped = self.skipped.saturating_add(taken as u64);
        self.took(bytes, taken, Step::Skip(taken))
    }

    /// How many octets may be shown behind `at` more.
    fn room(&self, at: usize, rules: Rules) -> usize {
        let shown = self.octets.saturating_add(at as u64);
        usize::try_from(rules.octets.saturating_sub(shown)).unwrap_or(usize::MAX)
    }

    fn run(&mut self, bytes: &[u8], length: usize) -> Step {
        if length == 0 {
            return Step::More;
        }
        self.octets = self.octets.saturating_add(length as u64);
        self.took(bytes, length, Step::Run(length))
    }

    fn took(&mut self, bytes: &[u8], length: usize, step: Step) -> Step {
        if let Some(&last) = length.checked_sub(1).and_then(|i| bytes.get(i)) {
            self.last = last;
        }
        self.left = self.left.saturating_sub(length as u64);
        step
    }
}

/// Octets that are looked at together.
const BLOCK: usize = 256;

/// Whether a block, which stands between the first and the last octet, holds no NUL, no CR without LF and no LF
/// without CR (but a CR at its end, which what follows decides), and, if `DOTS` matter, no LF with a dot behind it.
/// One pass without branches, which the compiler turns into vector instructions.
fn is_clean<const DOTS: bool>(window: &[u8; BLOCK + 2]) -> bool {
    let ([before @ .., _, _], [_, octets @ .., _], [_, _, behind @ ..]) = (window, window, window);
    let mut wrong = 0;
    let mut least = u8::MAX;
    for ((before, octet), behind) in before.iter().zip(octets).zip(behind) {
        let ends = u8::from(*octet == b'\n');
        wrong |= ends ^ u8::from(*before == b'\r');
        if DOTS {
            wrong |= ends & u8::from(*behind == b'.');
        }
        least = least.min(*octet);
    }
    wrong == 0 && least != 0
}

/// Octets of a spoiled message that are read in any case, in hope of its end.
const PATIENCE: u64 = 1024 * 1024;

/// The sending side: makes lines end with CR LF and, for DATA, stuffs dots.
///
/// A bare CR or a bare LF leaves as CR LF, so that nothing we send can be read in two ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stuffer {
    dots: bool,
    fresh: bool,
    /// A CR came, and was written as CR LF; an LF that follows belongs to it.
    after_cr: bool,
}

impl Stuffer {
    /// A message that begins; `dots` for DATA.
    pub(crate) const fn new(dots: bool) -> Self {
        Self { dots, fresh: true, after_cr: false }
    }

    /// Appends a piece of the message; cut it wherever. Grows by twice its octets at most.
    pub(crate) fn write(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = piece.first() {
            if core::mem::take(&mut self.after_cr) && first == b'\n' {
                piece = piece.get(1..).unwrap_or_default();
                continue;
            }
            if self.dots && self.fresh && first == b'.' {
                out.push(b'.');
            }
            let end = memchr2(b'\r', b'\n', piece).unwrap_or(piece.len());
            let (text, rest) = piece.split_at_checked(end).unwrap_or((piece, b""));
            out.extend_from_slice(text);
            self.fresh &= text.is_empty();
            piece = match rest {
                [] => return,
                [c, rest @ ..] => {
                    out.extend_from_slice(b"\r\n");
                    self.fresh = true;
                    self.after_cr = *c == b'\r';
                    rest
                }
            };
        }
    }

    /// Appends the end of the message: of its last line if that has none, and the dot where dots are stuffed.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        if !self.fresh {
            out.extend_from_slice(b"\r\n");
        }
        if self.dots {
            out.extend_from_slice(b".\r\n");
        }
    }
}

#[cfg(test)]
mod tests;
