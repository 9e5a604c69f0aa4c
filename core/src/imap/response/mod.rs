//! What the server says, in types: nothing here can write a response that the grammar does not have.
//!
//! | module | holds |
//! |---|---|
//! | this one | [`Responses`], the buffer that the writers fill; [`Reply`], what answers a command |
//! | [`code`] | [`Code`]: what stands in brackets behind OK, NO and BAD |
//! | [`row`] | [`Row`]: one FETCH response, also one whose literals flow through several parts |
//! | [`list`] | LIST, LSUB, STATUS, NAMESPACE |
//! | [`message`] | ENVELOPE, BODY, BODYSTRUCTURE |
//! | [`words`] | numbers and strings |
//!
//! # Parts
//! A handler answers a command with one [`Reply`]: either everything ([`Responses::ok`] and its
//! sisters), or a part ([`Responses::part`]), upon which the machine asks for the
//! [`Next`](super::server::Next). A part should be closed when [`Responses::is_full`] says so; the machine holds one
//! part at a time, so that bounds what a listing of any length costs.
//!
//! A large body flows as one literal through several parts:
//! ```
//! use posthaste_core::imap::response::{Label, Responses};
//!
//! let mut first = Responses::new();
//! // `* 12 FETCH (UID 7 BODY[] {300000}`
//! first.row(12).uid(7).literal(&Label::default(), 300_000);
//! first.chunk(&[b'x'; 32_768]);
//! let seam = first.seam();
//! let reply = first.part(); // …to the machine; then it asks for the next
//!
//! let mut next = Responses::resume(seam);
//! while next.left() > 0 {
//!     next.chunk(&[b'x'; 32_768]); // never takes more than is left
//! }
//! next.row_again().expect("no octets are left").end();
//! let reply = next.ok("Done");
//! ```
//! That is what [`fetch`](super::fetch) does for a handler.
//!
//! The octets announced must come. A reply that does not go on where the last one stopped, or one
//! that ends the command inside a literal, ends the session: a client that was told of n octets
//! would take whatever follows for them.

pub mod code;
pub mod list;
pub mod message;
pub mod row;
#[cfg(test)]
mod tests;
pub mod words;

pub use code::Code;
pub use list::{ListAttribute, Listed, StatusValue};
pub use row::{Label, Row};

use alloc::vec::Vec;
use core::fmt;

use words::number;

use super::command::By;
use super::{Flag, Tag};
use crate::text::Text;

/// What the client has told us it understands; it decides how some things are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// `ENABLE CONDSTORE`, or a command that implies it (RFC 7162 §3.1): untagged FETCH responses
    /// carry MODSEQ from then on.
    pub condstore: bool,
    /// `ENABLE IMAP4rev2`: no RECENT, ESEARCH instead of SEARCH, UTF-8 mailbox names.
    pub rev2: bool,
}

impl Mode {
    /// Whether strings and mailbox names are written in UTF-8 rather than in literals and modified
    /// UTF-7.
    #[must_use]
    pub const fn utf8(self) -> bool {
        self.rev2
    }
}

/// Untagged responses in wire form. Only the writers of this module fill it.
#[derive(Clone, Default)]
pub struct Responses {
    octets: Vec<u8>,
    mode: Mode,
    /// Where the responses before these stopped.
    from: Seam,
    /// Where these stop.
    at: Seam,
}

/// Where one part of a reply stops and the next goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seam {
    /// Octets that an open literal still wants.
    left: u32,
    /// Whether the parentheses of a FETCH response are open.
    row: bool,
    /// Whether the open literal may hold NUL.
    binary: bool,
}

impl Seam {
    /// Between two responses.
    pub const WHOLE: Self = Self { left: 0, row: false, binary: false };

    /// Octets that an open literal still wants.
    #[must_use]
    pub const fn left(self) -> u32 {
        self.left
    }

    /// Whether nothing is open.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.left == 0 && !self.row
    }
}

impl Responses {
    /// Octets after which a part should be closed ([`is_full`](Self::is_full)).
    pub const PART: usize = 32 * 1024;

    /// Nothing yet, for a client that enabled nothing. No allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            octets: Vec::new(),
            mode: Mode { condstore: false, rev2: false },
            from: Seam::WHOLE,
            at: Seam::WHOLE,
        }
    }

    /// Nothing yet, for a client that enabled `mode`.
    #[must_use]
    pub const fn with(mode: Mode) -> Self {
        Self::new().mode(mode)
    }

    /// Nothing yet, but it goes on where an earlier part stopped ([`seam`](Self::seam)).
    #[must_use]
    pub const fn resume(seam: Seam) -> Self {
        let mut responses = Self::new();
        (responses.from, responses.at) = (seam, seam);
        responses
    }

    /// The same, for a client that enabled `mode`. Set it before anything is written.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What the client enabled.
    #[must_use]
    pub const fn client(&self) -> Mode {
        self.mode
    }

    /// Where it stops now.
    #[must_use]
    pub const fn seam(&self) -> Seam {
        self.at
    }

    /// Octets so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether there is nothing yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Whether it is time to close this part. A writer may pass the mark with one response; the
    /// machine gives output on in bounded pieces whatever the size.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.octets.len() >= Self::PART
    }

    /// `* n EXISTS`: how many messages there are. RFC 9051 §7.4.1.
    pub fn exists(&mut self, messages: u32) -> &mut Self {
        self.counted(messages, b" EXISTS\r\n")
    }

    /// `* n RECENT`, RFC 3501 §7.3.2. Nothing for a client of IMAP4rev2, which has no such response.
    pub fn recent(&mut self, messages: u32) -> &mut Self {
        if self.mode.rev2 { self } else { self.counted(messages, b" RECENT\r\n") }
    }

    /// `* n EXPUNGE`: the message of that number is gone, and those behind it move up. RFC 9051
    /// §7.5.1. Only where the machine allowed it ([`Sync`](super::server::Sync)), or as the doing of
    /// EXPUNGE and MOVE.
    pub fn expunge(&mut self, seq: u32) -> &mut Self {
        self.counted(seq, b" EXPUNGE\r\n")
    }

    /// `* FLAGS (…)`: the flags that exist in the mailbox. RFC 9051 §7.3.5.
    pub fn flags<'f>(&mut self, flags: impl IntoIterator<Item = Flag<'f>>) -> &mut Self {
        if self.between() {
            self.octets.extend_from_slice(b"* FLAGS ");
            row::flag_list(&mut self.octets, flags);
            self.octets.extend_from_slice(b"\r\n");
        }
        self
    }

    /// `* OK [code] text`: something about the mailbox or the session. RFC 9051 §7.1.
    pub fn note(&mut self, code: &Code<'_>, text: &str) -> &mut Self {
        if self.between() {
            self.octets.extend_from_slice(b"* ");
            status(&mut self.octets, Status::Ok, Some(code), text);
        }
        self
    }

    /// `* SEARCH 2 3 6`, RFC 3501 §7.2.5, with the highest mod-sequence where one was asked for
    /// (RFC 7162 §3.1.5).
    pub fn search(
        &mut self,
        found: impl IntoIterator<Item = u32>,
        modseq: Option<u64>,
    ) -> &mut Self {
        if self.between() {
            self.octets.extend_from_slice(b"* SEARCH");
            let mut any = false;
            for n in found {
                any = true;
                self.octets.push(b' ');
                number(&mut self.octets, u64::from(n));
            }
            // RFC 7162 §3.1.5: no mod-sequence if nothing was found.
            if let (true, Some(modseq)) = (any, modseq) {
                self.octets.extend_from_slice(b" (MODSEQ ");
                number(&mut self.octets, modseq);
                self.octets.push(b')');
            }
            self.octets.extend_from_slice(b"\r\n");
        }
        self
    }

    /// `* ESEARCH (TAG "…") UID …`, RFC 9051 §7.3.4.
    pub fn esearch(&mut self, tag: Tag<'_>, by: By, found: &Esearch<'_>) -> &mut Self {
        if self.between() {
            let out = &mut self.octets;
            out.extend_from_slice(b"* ESEARCH (TAG ");
            words::string(out, tag.as_bytes(), false);
            out.push(b')');
            if by == By::Uid {
                out.extend_from_slice(b" UID");
            }
            for (name, value) in [
                (&b" MIN "[..], found.min.map(u64::from)),
                (b" MAX ", found.max.map(u64::from)),
                (b" COUNT ", found.count.map(u64::from)),
                (b" MODSEQ ", found.modseq),
            ] {
                if let Some(value) = value {
                    out.extend_from_slice(name);
                    number(out, value);
                }
            }
            // RFC 9051 §7.3.4: an empty set cannot be written, so nothing found has no ALL.
            if let Some(all) = found.all.filter(|all| !all.is_empty()) {
                out.extend_from_slice(b" ALL ");
                ranges(out, all);
            }
            out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Opens `* n FETCH (`. [`Row::end`] closes it.
    pub fn row(&mut self, seq: u32) -> Row<'_> {
        let open = self.between();
        if open {
            self.octets.extend_from_slice(b"* ");
            number(&mut self.octets, u64::from(seq));
            self.octets.extend_from_slice(b" FETCH (");
            self.at.row = true;
        }
        Row::new(self, true)
    }

    /// Opens `* n FETCH (` for [`fetch`](super::fetch), which closes it by [`close_row`](Self::close_row).
    pub(crate) fn open_row(&mut self, seq: u32) {
        self.row(seq).leave();
    }

    /// Adds items to the open row.
    pub(crate) fn in_row(&mut self, write: impl FnOnce(Row<'_>) -> Row<'_>) {
        let first = self.octets.ends_with(b"(");
        write(Row::new(self, first)).leave();
    }

    /// Adds an item to the open row whose literal is to follow.
    pub(crate) fn announce(&mut self, label: &[u8], octets: u32, binary: bool) {
        let first = self.octets.ends_with(b"(");
        Row::new(self, first).announce(label, octets, binary);
    }

    /// Closes the open row.
    pub(crate) fn close_row(&mut self) {
        Row::new(self, false).end();
    }

    /// Goes on with the FETCH response whose literal is complete now; `None` if none is open or
    /// octets are left.
    pub fn row_again(&mut self) -> Option<Row<'_>> {
        (self.at.row && self.at.left == 0).then(|| Row::new(self, false))
    }

    /// Octets that the open literal still wants.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.at.left
    }

    /// Octets of the open literal. Takes what is still wanted, and says how many that were.
    pub fn chunk(&mut self, octets: &[u8]) -> usize {
        let n = octets.len().min(self.at.left as usize);
        let (octets, _) = octets.split_at(n);
        if self.at.binary || !octets.contains(&0) {
            self.octets.extend_from_slice(octets);
        } else {
            // RFC 9051 §9: no NUL but in literal8. See `words::literal`.
            self.octets.extend(octets.iter().map(|&b| if b == 0 { 0x80 } else { b }));
        }
        // n is at most `left`.
        self.at.left = self.at.left.saturating_sub(n as u32);
        n
    }

    /// These responses, with more to follow: the machine asks for the
    /// [`Next`](super::server::Next).
    pub fn part(self) -> Reply {
        let tagged = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        let Self { octets, from, at, .. } = self;
        Reply { octets, from, at, tagged, status: None, changed: false }
    }

    /// These responses, and the command succeeded.
    pub fn ok(self, text: &str) -> Reply {
        self.done(Status::Ok, None, text)
    }

    /// These responses, and the command failed.
    pub fn no(self, code: Code<'_>, text: &str) -> Reply {
        self.done(Status::No, Some(&code), text)
    }

    /// These responses, and the command made no sense: it names a message that is not there, say.
    pub fn bad(self, text: &str) -> Reply {
        self.done(Status::Bad, None, text)
    }

    /// These responses, and how the command ended.
    pub fn done(mut self, is: Status, code: Option<&Code<'_>>, text: &str) -> Reply {
        let tagged = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        status(&mut self.octets, is, code, text);
        let Self { octets, from, at, .. } = self;
        Reply { octets, from, at, tagged, status: Some(is), changed: false }
    }

    /// What was written so far.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether a new response may begin here. It may not inside a row: such a call writes nothing.
    fn between(&self) -> bool {
        debug_assert!(self.at.is_whole(), "a response inside an open FETCH response");
        self.at.is_whole()
    }

    fn counted(&mut self, n: u32, word: &[u8]) -> &mut Self {
        if self.between() {
            self.octets.extend_from_slice(b"* ");
            number(&mut self.octets, u64::from(n));
            self.octets.extend_from_slice(word);
        }
        self
    }
}

impl fmt::Debug for Responses {
    /// The size: what is in it is somebody's mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.octets.len())
    }
}

/// What an ESEARCH response reports; what was not asked for, or has no value, is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Esearch<'s> {
    /// All that was found: ascending ranges.
    pub all: Option<&'s [(u32, u32)]>,
    /// How many were found.
    pub count: Option<u32>,
    /// The highest number found.
    pub max: Option<u32>,
    /// The lowest number found.
    pub min: Option<u32>,
    /// The highest mod-sequence of those found, if the search had a MODSEQ key (RFC 7162 §3.1.10).
    pub modseq: Option<u64>,
}

/// How a command ended. RFC 9051 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It made no sense.
    Bad,
    /// It failed.
    No,
    /// It succeeded.
    Ok,
}

/// The answer to a command: untagged responses, then the end or a promise of more. Made by
/// [`Responses::ok`], [`no`](Responses::no), [`bad`](Responses::bad), [`done`](Responses::done) and
/// [`part`](Responses::part).
#[must_use]
pub struct Reply {
    octets: Vec<u8>,
    /// Where it begins and where it stops.
    from: Seam,
    at: Seam,
    /// Where the tagged line stands, without its tag; the end, in a part.
    tagged: u32,
    status: Option<Status>,
    changed: bool,
}

impl Reply {
    /// No responses, and the command failed for a reason that has no better word.
    pub fn unavailable() -> Self {
        Responses::new().no(Code::Unavailable, "Try again later")
    }

    /// Asks the machine to put a [`Sync`](super::server::Sync) before the tagged line, because this
    /// command changed the selected mailbox (an APPEND or COPY into it). A change by this session
    /// must not come by `poke`: a note takes its time, and the client would see the change at random.
    pub const fn changed(mut self) -> Self {
        self.changed = true;
        self
    }

    /// How the command ended; `None` for a part.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        self.status
    }

    /// Whether a Sync shall come before the tagged line.
    pub(crate) const fn wants_sync(&self) -> bool {
        self.changed
    }

    /// Where it begins and where it stops.
    pub(crate) const fn seams(&self) -> (Seam, Seam) {
        (self.from, self.at)
    }

    /// The octets of the responses, and those of the tagged line behind its tag and space.
    pub(crate) fn octets(&self) -> (&[u8], &[u8]) {
        self.octets.split_at((self.tagged as usize).min(self.octets.len()))
    }
}

impl fmt::Debug for Reply {
    /// The size and the end: what is in it is somebody's mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.tagged)?;
        match self.status {
            Some(_) => write!(f, ", {:?}", Text(self.octets().1.trim_ascii_end())),
            None => f.write_str(", more"),
        }
    }
}

/// `OK [code] text` with its CR LF.
pub(crate) fn status(out: &mut Vec<u8>, is: Status, code: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(match is {
        Status::Bad => b"BAD ",
        Status::No => b"NO ",
        Status::Ok => b"OK ",
    });
    if let Some(code) = code {
        code.write(out);
        out.push(b' ');
    }
    words::human(out, text);
    out.extend_from_slice(b"\r\n");
}

/// A set of numbers from ascending ranges. The caller has seen that there is one.
pub(crate) fn ranges(out: &mut Vec<u8>, set: &[(u32, u32)]) {
    for (i, &(first, last)) in set.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        number(out, u64::from(first));
        if last != first {
            out.push(b':');
            number(out, u64::from(last));
        }
    }
}

const _: () = assert!(size_of::<Reply>() <= 48);
