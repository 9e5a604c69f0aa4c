//! The boundaries of the open multiparts, and which of them a line begins with.

use memchr::memchr2;
use smallvec::SmallVec;

use crate::mime::lexer::trim;

/// The boundaries of the open multiparts, outermost first, and perhaps that of the header at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Boundaries {
    /// Their octets, end to end.
    octets: SmallVec<[u8; 128]>,
    open: SmallVec<[Boundary; 4]>,
    /// How many octets the boundary of the header at hand has; 0 if it has none.
    noted: usize,
    /// What [`enough`](Self::enough) says; 0 without any boundary.
    enough: usize,
}

#[derive(Clone, Copy, Debug)]
struct Boundary {
    /// Its first octets, as many as [`mask`](Self::mask) says: most lines differ in them already.
    key: u32,
    mask: u32,
    start: u32,
    end: u32,
    /// Which of the open parts it belongs to.
    level: u32,
    /// The length of the longest one up to here.
    longest: u32,
}

/// What a line is that begins with `--`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A delimiter of the open part at this level; the last one of it or not. Its dashes and its
    /// boundary have `len` octets.
    Delimiter { level: usize, last: bool, len: usize },
    /// A delimiter of the multipart whose header is at hand.
    Own,
    /// Text that begins with a boundary.
    Prefix,
    /// Text.
    Text,
}

impl Boundaries {
    /// How long a boundary may be. RFC 2046 §5.1.1 says 70; some mailers write much more, and
    /// whoever scans for malware may read them.
    pub(super) const LONGEST: usize = 8_192;

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.open.clear();
        self.set_noted(0);
    }

    /// Sets the length of the boundary of the header at hand, after each change of the others.
    fn set_noted(&mut self, noted: usize) {
        self.noted = noted;
        let longest = self.open.last().map_or(0, |open| open.longest as usize).max(noted);
        // The dashes before and behind the boundary.
        self.enough = if longest == 0 { 0 } else { longest + 4 };
    }

    /// Whether no delimiter means anything in a body.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether no delimiter means anything in the header at hand.
    pub(super) const fn is_empty_in_header(&self) -> bool {
        self.enough == 0
    }

    /// Notes the boundary of the header at hand, in place of any it had, if it can be one. Blanks at
    /// its end, which RFC 2046 §5.1.1 forbids, count.
    pub(super) fn note(&mut self, boundary: &[u8]) {
        self.forget();
        let is_line = memchr2(b'\r', b'\n', boundary).is_none();
        let fits = !trim(boundary).is_empty() && boundary.len() <= Self::LONGEST;
        if fits && is_line {
            self.octets.extend_from_slice(boundary);
            self.set_noted(boundary.len());
        }
    }

    /// Forgets the boundary of the header at hand.
    pub(super) fn forget(&mut self) {
        if self.noted > 0 {
            self.octets.truncate(self.end());
            self.set_noted(0);
        }
    }

    /// Opens the boundary of the header at hand for the open part at `level`. Says whether it is
    /// the start of one that is open or the other way round; `None` if no boundary was noted.
    pub(super) fn open(&mut self, level: usize) -> Option<bool> {
        let (start, end) = (self.end(), self.octets.len());
        let new = self.octets.get(start..end).filter(|new| !new.is_empty())?;
        let clash = self.open.iter().any(|open| {
            let old = self.octets.get(open.start as usize..open.end as usize).unwrap_or_default();
            old.starts_with(new) || new.starts_with(old)
        });
        let longest = self.open.last().map_or(0, |open| open.longest).max(new.len() as u32);
        let mask = mask(new.len());
        let (start, end, level) = (start as u32, end as u32, level as u32);
        let open = Boundary { key: key(new) & mask, mask, start, end, level, longest };
        self.open.push(open);
        self.set_noted(0);
        Some(clash)
    }

    /// Closes the boundary of the open part at `level`, which is the innermost one that has any.
    /// `false` if it has none.
    pub(super) fn close(&mut self, level: usize) -> bool {
        let is_open = self.open.last().is_some_and(|open| open.level as usize == level);
        if is_open {
            self.open.pop();
            self.octets.truncate(self.end());
            self.set_noted(0);
        }
        is_open
    }

    /// How many octets of a line without an end are enough to know what it is.
    pub(super) const fn enough(&self) -> usize {
        self.enough
    }

    /// What `line` is, whole or at least [`enough`](Self::enough) of it.
    ///
    /// A delimiter is `--` and a boundary at the start of a line, then blanks and anything, or the
    /// line end, or, in the last one, `--` and anything. RFC 2046 §5.1.1 would let anything follow
    /// the boundary; then one boundary could be the start of another. The innermost open multipart
    /// that it fits is meant.
    #[inline]
    pub(super) fn find(&self, line: &[u8]) -> Line {
        let Some(line) = line.strip_prefix(b"--") else { return Line::Text };
        let start = key(line);
        let mut found = Line::Text;
        if self.noted > 0 {
            match self.own(line) {
                Line::Own => return Line::Own,
                other => found = other,
            }
        }
        for open in self.open.iter().rev() {
            if start & open.mask != open.key {
                continue;
            }
            let boundary = self.octets.get(open.start as usize..open.end as usize);
            let Some(behind) = boundary.and_then(|boundary| line.strip_prefix(boundary)) else {
                continue;
            };
            let Some(last) = ends(behind) else {
                found = Line::Prefix;
                continue;
            };
            let len = 2 + (open.end - open.start) as usize;
            return Line::Delimiter { level: open.level as usize, last, len };
        }
        found
    }

    /// Whether the line behind its dashes is a delimiter of the header at hand.
    #[cold]
    fn own(&self, line: &[u8]) -> Line {
        let noted = self.octets.get(self.end()..).unwrap_or_default();
        match line.strip_prefix(noted).map(ends) {
            Some(Some(_)) => Line::Own,
            Some(None) => Line::Prefix,
            None => Line::Text,
        }
    }

    /// Where the octets of the open ones end.
    fn end(&self) -> usize {
        self.open.last().map_or(0, |open| open.end as usize)
    }
}

/// Whether what stands behind a boundary makes its line the last delimiter or another one; `None` if
/// it makes it none.
const fn ends(behind: &[u8]) -> Option<bool> {
    match behind {
        [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => Some(false),
        [b'-', b'-', ..] => Some(true),
        _ => None,
    }
}

/// The first four octets, with zeros where there are fewer.
fn key(octets: &[u8]) -> u32 {
    match octets.first_chunk() {
        Some(four) => u32::from_le_bytes(*four),
        None => octets.iter().rev().fold(0, |key, octet| key << 8 | u32::from(*octet)),
    }
}

/// Covers as many octets of a key as a boundary of this length has.
const fn mask(len: usize) -> u32 {
    if len >= 4 { u32::MAX } else { (1 << (8 * len)) - 1 }
}
