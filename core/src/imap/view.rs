//! The mailbox as one session sees it: which UID each sequence number stands for.
//!
//! A [`View`] belongs to whoever answers the questions of a session. It changes only when the client
//! is told: messages that came or went elsewhere wait until the machine asks
//! [`Sync`](super::server::Sync). So the numbers a client uses always mean what it thinks.
//!
//! # Memory
//! UIDs are kept in runs without gaps, eight octets each: a mailbox where nothing was ever expunged
//! takes eight octets, whatever its size. Each gap adds at most eight more, so the worst case (every
//! other message is gone) is eight octets a message that is left.

use alloc::vec::Vec;
use core::fmt;

use smallvec::SmallVec;

use super::command::By;
use super::response::Responses;
use super::sequence::SequenceSet;

/// A sequence number that names no message: the command gets a BAD (RFC 9051 §9, `seq-number`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchMessage;

impl fmt::Display for NoSuchMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no message has that sequence number")
    }
}

impl core::error::Error for NoSuchMessage {}

/// UIDs by sequence number, and what `$` stands for.
#[derive(Clone, Debug, Default)]
pub struct View {
    runs: Vec<Run>,
    messages: u32,
    /// UIDs that the last SEARCH saved. Those that are gone since match nothing any more, since UIDs
    /// do not come back.
    saved: Set,
}

/// Messages whose UIDs have no gap, up to where the next run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    seq: u32,
    uid: u32,
}

impl View {
    /// An empty mailbox. No heap.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.messages
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Octets of heap in use.
    #[must_use]
    pub fn heap(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.saved.heap()
    }

    /// The UID of the message with that sequence number.
    #[must_use]
    pub fn uid(&self, seq: u32) -> Option<u32> {
        if seq == 0 || seq > self.messages {
            return None;
        }
        let run = self.run_of_seq(seq)?;
        run.uid.checked_add(seq - run.seq)
    }

    /// The sequence number of the message with that UID.
    #[must_use]
    pub fn seq(&self, uid: u32) -> Option<u32> {
        let (at, run) = self.run_of_uid(uid)?;
        let seq = run.seq.checked_add(uid - run.uid)?;
        (seq < self.end_of(at)).then_some(seq)
    }

    /// The highest UID.
    #[must_use]
    pub fn last_uid(&self) -> Option<u32> {
        self.uid(self.messages)
    }

    /// The UIDs, ascending.
    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.segments(1, self.messages).flat_map(|(_, first, last)| first..=last)
    }

    /// A message came. Its UID must be higher than all others; one that is not is ignored, and `None`
    /// comes back instead of its sequence number.
    pub fn push(&mut self, uid: u32) -> Option<u32> {
        let last = self.last_uid();
        if uid == 0 || last.is_some_and(|last| uid <= last) {
            return None;
        }
        let seq = self.messages.checked_add(1)?;
        if last.is_none_or(|last| last + 1 != uid) {
            self.runs.push(Run { seq, uid });
        }
        self.messages = seq;
        Some(seq)
    }

    /// Messages came: takes their UIDs (ascending), and writes EXISTS if there were any.
    pub fn append(&mut self, uids: impl IntoIterator<Item = u32>, out: &mut Responses) {
        let before = self.messages;
        for uid in uids {
            self.push(uid);
        }
        if self.messages != before {
            out.exists(self.messages);
        }
    }

    /// Messages are gone: takes their UIDs (ascending; unknown ones are passed over) and writes an
    /// EXPUNGE for each, the last first, so that no number changes while it is used. Stops when the
    /// part is full; says how many UIDs at the front of the slice are still to be told.
    pub fn expunge(&mut self, uids: &[u32], out: &mut Responses) -> usize {
        let mut gone: SmallVec<[u32; 16]> = SmallVec::new();
        let mut left = uids.len();
        while let Some(&uid) = left.checked_sub(1).and_then(|at| uids.get(at)) {
            if out.is_full() {
                break;
            }
            left -= 1;
            if let Some(seq) = self.seq(uid)
                && gone.last().is_none_or(|&lowest| seq < lowest)
            {
                out.expunge(seq);
                gone.push(seq);
            }
        }
        gone.reverse();
        self.remove(&gone);
        left
    }

    /// Removes messages without a word, by ascending sequence numbers: for CLOSE, and for what
    /// QRESYNC will tell as VANISHED.
    pub fn remove(&mut self, seqs: &[u32]) {
        let Some(&first) = seqs.first() else { return };
        let at = self.runs.partition_point(|run| run.seq <= first).saturating_sub(1);
        let Some(start) = self.runs.get(at) else { return };
        let mut seqs = seqs.iter().copied().peekable();
        let tail: SmallVec<[(u32, u32, u32); 8]> =
            self.segments(start.seq, self.messages).collect();
        let mut seq = start.seq;
        self.runs.truncate(at);
        for (old, first, last) in tail {
            let end = old + (last - first);
            let mut low = old;
            // Each pass keeps what stands before the next message that goes, and steps over that.
            while low <= end {
                let gone = seqs.next_if(|&gone| gone <= end);
                let stop = gone.unwrap_or(end.saturating_add(1));
                if let Some(kept) = stop.checked_sub(low).filter(|&kept| kept > 0) {
                    self.runs.push(Run { seq, uid: first + (low - old) });
                    seq += kept;
                }
                low = low.max(stop.saturating_add(u32::from(gone.is_some())));
            }
        }
        self.messages = seq.saturating_sub(1);
        if self.runs.len() < self.runs.capacity() / 4 {
            self.runs.shrink_to_fit();
        }
    }

    /// The messages that a command names, as sequence numbers.
    ///
    /// # Errors
    /// [`NoSuchMessage`] for a sequence number that there is not, `*` in an empty mailbox included.
    /// UIDs that there are not are passed over (RFC 9051 §6.4.9).
    pub fn pick(&self, set: &SequenceSet<'_>, by: By) -> Result<Set, NoSuchMessage> {
        if let SequenceSet::Saved = set {
            return Ok(self.seqs_of(self.saved.ranges().iter().copied()));
        }
        match by {
            By::Sequence => {
                let mut picked = Set::new();
                for range in set.ranges() {
                    let (first, last) = range.resolve(self.messages);
                    if first == 0 || last > self.messages {
                        return Err(NoSuchMessage);
                    }
                    picked.add(first, last);
                }
                picked.tidy();
                Ok(picked)
            }
            By::Uid => {
                let last = self.last_uid().unwrap_or(0);
                Ok(self.seqs_of(set.ranges().map(|range| range.resolve(last))))
            }
        }
    }

    /// The messages that a SEARCH names: as in [`pick`](Self::pick), but a sequence number that there is
    /// not names nothing, as one that was expunged would. RFC 9051 §9 would have BAD said; but clients
    /// do ask an empty mailbox for `1:*`, and other servers let them.
    #[must_use]
    pub fn pick_known(&self, set: &SequenceSet<'_>, by: By) -> Set {
        self.pick(set, by).unwrap_or_else(|NoSuchMessage| {
            let mut picked = Set::new();
            for range in set.ranges() {
                let (first, last) = range.resolve(self.messages);
                if first <= self.messages && self.messages > 0 {
                    picked.add(first.max(1), last.min(self.messages));
                }
            }
            picked.tidy();
            picked
        })
    }

    /// Each picked message: sequence number and UID, ascending.
    pub fn each<'v>(&'v self, picked: &'v Set) -> impl Iterator<Item = (u32, u32)> + 'v {
        picked
            .ranges()
            .iter()
            .flat_map(|&(first, last)| self.segments(first, last))
            .flat_map(|(seq, first, last)| (seq..).zip(first..=last))
    }

    /// The UIDs of picked messages.
    #[must_use]
    pub fn uids_of(&self, picked: &Set) -> Set {
        let mut uids = Set::new();
        for &(first, last) in picked.ranges() {
            for (_, first, last) in self.segments(first, last) {
                uids.add(first, last);
            }
        }
        uids
    }

    /// What `$` stands for from now on: a SEARCH with RETURN (SAVE) found these sequence numbers
    /// (RFC 9051 §6.4.4.1). An empty set after one that failed.
    pub fn save(&mut self, found: &Set) {
        self.saved = self.uids_of(found);
    }

    /// The sequence numbers of the messages in ranges of UIDs.
    fn seqs_of(&self, ranges: impl Iterator<Item = (u32, u32)>) -> Set {
        let mut picked = Set::new();
        for (first, last) in ranges {
            let from = self.runs.partition_point(|run| run.uid <= first).saturating_sub(1);
            for at in from..self.runs.len() {
                let Some(run) = self.runs.get(at) else { break };
                if run.uid > last {
                    break;
                }
                let end = self.end_of(at);
                let highest = run.uid + (end - run.seq - 1);
                let (low, high) = (first.max(run.uid), last.min(highest));
                if low <= high {
                    picked.add(run.seq + (low - run.uid), run.seq + (high - run.uid));
                }
            }
        }
        picked.tidy();
        picked
    }

    /// The runs between two sequence numbers: each as its first sequence number, first UID, last UID.
    fn segments(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let last = last.min(self.messages);
        let from = self.runs.partition_point(|run| run.seq <= first).saturating_sub(1);
        self.runs.iter().enumerate().skip(from).map_while(move |(at, run)| {
            let low = first.max(run.seq).max(1);
            let high = last.min(self.end_of(at) - 1);
            (low <= high).then(|| (low, run.uid + (low - run.seq), run.uid + (high - run.seq)))
        })
    }

    /// The sequence number behind the last of a run.
    fn end_of(&self, at: usize) -> u32 {
        self.runs.get(at + 1).map_or(self.messages.saturating_add(1), |next| next.seq)
    }

    fn run_of_seq(&self, seq: u32) -> Option<Run> {
        let at = self.runs.partition_point(|run| run.seq <= seq).checked_sub(1)?;
        self.runs.get(at).copied()
    }

    fn run_of_uid(&self, uid: u32) -> Option<(usize, Run)> {
        let at = self.runs.partition_point(|run| run.uid <= uid).checked_sub(1)?;
        Some((at, *self.runs.get(at)?))
    }
}

impl FromIterator<u32> for View {
    /// A mailbox with these UIDs, ascending.
    fn from_iter<I: IntoIterator<Item = u32>>(uids: I) -> Self {
        let mut view = Self::new();
        for uid in uids {
            view.push(uid);
        }
        view
    }
}

/// A set of numbers as ascending ranges: messages picked, UIDs copied, what a search found.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Set(SmallVec<[(u32, u32); 2]>);

impl Set {
    /// Nothing. No heap, and none for up to two ranges.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number, which is higher than all before it (one that is not is sorted in at
    /// greater cost).
    pub fn push(&mut self, n: u32) {
        let sorted = self.0.last().is_none_or(|&(_, last)| n > last);
        self.add(n, n);
        if !sorted {
            self.tidy();
        }
    }

    /// The ranges, ascending, none touching another.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        let len: u64 = self.0.iter().map(|&(first, last)| u64::from(last - first) + 1).sum();
        u32::try_from(len).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lowest.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|&(first, _)| first)
    }

    /// The highest.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|&(_, last)| last)
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, n: u32) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < n);
        self.0.get(at).is_some_and(|&(first, _)| first <= n)
    }

    /// The numbers from `n` on.
    #[must_use]
    pub fn since(&self, n: u32) -> Self {
        let ranges = self.0.iter().filter(|&&(_, last)| last >= n);
        Self(ranges.map(|&(first, last)| (first.max(n), last)).collect())
    }

    fn heap(&self) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<(u32, u32)>() } else { 0 }
    }

    /// Adds a range anywhere; [`tidy`](Self::tidy) must follow unless it stands behind all others.
    fn add(&mut self, first: u32, last: u32) {
        match self.0.last_mut() {
            Some(end) if end.1.checked_add(1) == Some(first) => end.1 = last,
            _ => self.0.push((first, last)),
        }
    }

    /// Sorts the ranges and joins those that touch.
    fn tidy(&mut self) {
        if self.0.windows(2).all(|pair| matches!(pair, [(_, last), (first, _)] if last < first)) {
            return;
        }
        self.0.sort_unstable();
        let mut kept: usize = 0;
        for at in 0..self.0.len() {
            let Some(&(first, last)) = self.0.get(at) else { break };
            match kept.checked_sub(1).and_then(|end| self.0.get_mut(end)) {
                Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
                _ => {
                    if let Some(place) = self.0.get_mut(kept) {
                        *place = (first, last);
                    }
                    kept += 1;
                }
            }
        }
        self.0.truncate(kept);
    }
}

impl FromIterator<u32> for Set {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::new();
        for n in numbers {
            set.add(n, n);
        }
        set.tidy();
        set
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        super::response::ranges(&mut text, &self.0);
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
