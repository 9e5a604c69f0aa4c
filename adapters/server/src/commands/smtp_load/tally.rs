//! What came of it: counts and times, of one thread or of all.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::schedule::Micros;

/// Characters of a sample that are kept.
const SAMPLE: usize = 200;

/// What is timed, and what a reply was about. In the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// TCP: until the connection is up.
    Connect,
    /// TLS: from STARTTLS, or from the connection, until it is up.
    Tls,
    /// The greeting.
    Greeting,
    /// EHLO or LHLO.
    Hello,
    /// AUTH, all its rounds.
    Auth,
    /// MAIL. With pipelining, it and the two that follow count from the first command.
    Mail,
    /// RCPT, each.
    Rcpt,
    /// DATA.
    Data,
    /// A chunk that was not the last. Not timed.
    Chunk,
    /// From the message's last octet to its reply; in LMTP to each.
    Message,
    /// A message that was accepted, from the moment it was due to the last reply.
    Transaction,
    /// RSET. Not timed.
    Reset,
    /// QUIT.
    Quit,
}

impl Phase {
    /// All of them.
    pub(super) const ALL: [Self; 13] = [
        Self::Connect,
        Self::Tls,
        Self::Greeting,
        Self::Hello,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Chunk,
        Self::Message,
        Self::Transaction,
        Self::Reset,
        Self::Quit,
    ];

    /// As reports call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Hello => "hello",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Chunk => "chunk",
            Self::Message => "message",
            Self::Transaction => "transaction",
            Self::Reset => "reset",
            Self::Quit => "quit",
        }
    }
}

/// How often something was seen, and how it looked first.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How often.
    pub(super) count: u64,
    /// The first of them.
    pub(super) sample: String,
}

impl Seen {
    fn add(&mut self, count: u64, sample: impl FnOnce() -> String) {
        if self.count == 0 {
            self.sample = sample().chars().take(SAMPLE).collect();
        }
        self.count += count;
    }
}

/// Counts and times. Its size does not grow with the load: refusals are told apart by phase and code, faults
/// by kinds, of which there are few.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    times: Vec<Histogram>,
    /// What the server refused, by phase and code.
    pub(super) refusals: BTreeMap<(Phase, u16), Seen>,
    /// How connections broke.
    pub(super) faults: BTreeMap<&'static str, Seen>,
    /// Connections that TCP brought up.
    pub(super) connected: u64,
    /// Connections that were ready to take a message.
    pub(super) ready: u64,
    /// Messages that began.
    pub(super) begun: u64,
    /// Messages that the server took, for one recipient at least.
    pub(super) accepted: u64,
    /// Messages that it refused.
    pub(super) refused: u64,
    /// Messages that were under way when their connection broke, or could not be sent.
    pub(super) failed: u64,
    /// Messages that were due and never began.
    pub(super) unsent: u64,
    /// Octets of the messages accepted, before dots are stuffed.
    pub(super) octets: u64,
    /// Recipients whose message was accepted.
    pub(super) delivered: u64,
    /// Recipients that were refused, or whose message was.
    pub(super) undelivered: u64,
    /// The last reply to a message.
    pub(super) last: Micros,
    /// Nobody answered for so long that it ended early.
    pub(super) gave_up: bool,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            times: vec![Histogram::new(); Phase::ALL.len()],
            refusals: BTreeMap::new(),
            faults: BTreeMap::new(),
            connected: 0,
            ready: 0,
            begun: 0,
            accepted: 0,
            refused: 0,
            failed: 0,
            unsent: 0,
            octets: 0,
            delivered: 0,
            undelivered: 0,
            last: 0,
            gave_up: false,
        }
    }

    /// Something took so long.
    pub(super) fn time(&mut self, phase: Phase, took: Micros) {
        self.times[phase as usize].record(took);
    }

    /// How long a phase took.
    pub(super) fn times(&self, phase: Phase) -> &Histogram {
        &self.times[phase as usize]
    }

    /// The server refused.
    pub(super) fn refusal(&mut self, phase: Phase, code: u16, text: impl FnOnce() -> String) {
        self.refusals.entry((phase, code)).or_default().add(1, text);
    }

    /// A connection broke.
    pub(super) fn fault(&mut self, kind: &'static str, text: impl FnOnce() -> String) {
        self.faults.entry(kind).or_default().add(1, text);
    }

    /// Connections that broke.
    pub(super) fn broken(&self) -> u64 {
        self.faults.values().map(|seen| seen.count).sum()
    }

    /// Whether anything did not go as it should.
    pub(super) fn is_flawed(&self) -> bool {
        let lost = self.refused + self.failed + self.unsent + self.undelivered;
        lost > 0 || !self.refusals.is_empty() || !self.faults.is_empty() || self.gave_up
    }

    /// Counts what another thread has counted.
    pub(super) fn add(&mut self, other: Self) {
        for (mine, theirs) in self.times.iter_mut().zip(&other.times) {
            mine.add(theirs);
        }
        for (key, seen) in other.refusals {
            self.refusals.entry(key).or_default().add(seen.count, || seen.sample);
        }
        for (kind, seen) in other.faults {
            self.faults.entry(kind).or_default().add(seen.count, || seen.sample);
        }
        self.connected += other.connected;
        self.ready += other.ready;
        self.begun += other.begun;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.octets += other.octets;
        self.delivered += other.delivered;
        self.undelivered += other.undelivered;
        self.last = self.last.max(other.last);
        self.gave_up |= other.gave_up;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_know_their_places() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place, "{}", phase.name());
        }
    }

    #[test]
    fn threads_add_up() {
        let mut one = Tally::new();
        assert!(!one.is_flawed());
        one.time(Phase::Mail, 10);
        one.refusal(Phase::Rcpt, 450, || "450 later".into());
        one.refusal(Phase::Rcpt, 450, || "450 much later".into());
        one.last = 5;
        let mut other = Tally::new();
        other.time(Phase::Mail, 30);
        other.refusal(Phase::Rcpt, 450, || "450 other".into());
        other.fault("reset", || "by the peer".repeat(100));
        (other.accepted, other.octets, other.last) = (2, 2_000, 9);
        one.add(other);
        assert_eq!((one.times(Phase::Mail).count(), one.times(Phase::Mail).max()), (2, 30));
        let refused = &one.refusals[&(Phase::Rcpt, 450)];
        assert_eq!((refused.count, refused.sample.as_str()), (3, "450 later"));
        assert_eq!((one.broken(), one.faults["reset"].sample.len()), (1, SAMPLE));
        assert_eq!((one.accepted, one.octets, one.last), (2, 2_000, 9));
        assert!(one.is_flawed());
    }
}
