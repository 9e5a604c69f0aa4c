//! What a search found, in the form that was asked for.

use crate::imap::Tag;
use crate::imap::command::{By, Key, Returns, Search};
use crate::imap::fetch::Facts;
use crate::imap::response::{Esearch, Mode, Responses};
use crate::imap::view::{Set, View};

/// What a search found so far.
#[derive(Clone, Debug)]
pub struct Found {
    by: By,
    returns: Option<Returns>,
    /// The mod-sequence is wanted: a key was MODSEQ.
    modseq: bool,
    seqs: Set,
    numbers: Set,
    count: u32,
    /// The highest mod-sequence, and those of the first and the last message.
    highest: u64,
    first: u64,
    last: u64,
}

impl Found {
    /// Nothing found yet by `search`, for a client that enabled `mode`.
    #[must_use]
    pub fn new(search: &Search<'_>, mode: Mode) -> Self {
        // RFC 9051 §6.4.4: for a client of IMAP4rev2 ESEARCH is the only form, and no option means ALL.
        let plain = mode.rev2.then_some(Returns { all: true, ..Returns::default() });
        Self {
            by: search.by,
            returns: search.returns.or(plain),
            modseq: search.keys.iter().any(|key| matches!(key, Key::ModSeq(_))),
            seqs: Set::new(),
            numbers: Set::new(),
            count: 0,
            highest: 0,
            first: 0,
            last: 0,
        }
    }

    /// A message matches. Call it in ascending order.
    pub fn push(&mut self, facts: &Facts<'_>) {
        if self.count == 0 {
            self.first = facts.modseq;
        }
        self.last = facts.modseq;
        self.highest = self.highest.max(facts.modseq);
        self.count += 1;
        self.seqs.push(facts.seq);
        if self.by == By::Uid {
            self.numbers.push(facts.uid);
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keeps what `$` will stand for, if the search asked for that (RFC 9051 §6.4.4.1). Call it
    /// also when a search with SAVE failed, with nothing found: `$` is empty then (§6.4.4.4).
    pub fn save(&self, view: &mut View) {
        let Some(returns) = self.returns.filter(|returns| returns.save) else { return };
        // RFC 9051 §6.4.4.4, its table: with MIN or MAX alone only those are kept.
        let part = (returns.min || returns.max) && !returns.all && !returns.count;
        if !part {
            return view.save(&self.seqs);
        }
        let min = self.seqs.first().filter(|_| returns.min);
        let max = self.seqs.last().filter(|_| returns.max);
        view.save(&min.into_iter().chain(max).collect());
    }

    /// Writes the response.
    pub fn write(&self, tag: Tag<'_>, out: &mut Responses) {
        let numbers = match self.by {
            By::Sequence => &self.seqs,
            By::Uid => &self.numbers,
        };
        let Some(returns) = self.returns else {
            out.search(numbers.iter(), self.modseq.then_some(self.highest));
            return;
        };
        // RFC 9051 §6.4.4.1: SAVE alone says nothing.
        if returns.save && !(returns.min || returns.max || returns.all || returns.count) {
            return;
        }
        let found = Esearch {
            all: returns.all.then(|| numbers.ranges()),
            count: returns.count.then_some(self.count),
            max: numbers.last().filter(|_| returns.max),
            min: numbers.first().filter(|_| returns.min),
            modseq: self.modseq(returns),
        };
        out.esearch(tag, self.by, &found);
    }

    /// RFC 7162 §3.1.10: of the messages that are reported.
    fn modseq(&self, returns: Returns) -> Option<u64> {
        if !self.modseq || self.count == 0 {
            return None;
        }
        if returns.all || returns.count {
            return Some(self.highest);
        }
        let min = if returns.min { self.first } else { 0 };
        let max = if returns.max { self.last } else { 0 };
        Some(min.max(max))
    }
}
