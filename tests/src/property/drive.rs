//! Drives one machine through one talk. What must hold at every step is checked at every step.

use posthaste_core::machine::{
    Advance, Answered, Input, Instant, Machine, Protocol, Reason, TlsFacts,
};

use super::{Script, Subject, Unit};
use crate::simulator::random::Random;

/// How the octets of a talk arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One by one.
    Bytes,
    /// Behind each CR LF, and between the two.
    Lines,
    /// In pieces of 1 to 40, by this seed.
    Random(u64),
    /// As much as the peer sends without waiting.
    Whole,
}

/// What is done to a session besides talking to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    /// Let the script say yes to everything.
    pub calm: bool,
    /// Close it before this step.
    pub close: Option<(u64, Reason)>,
    /// Do not answer questions at all: let the loop refuse them.
    pub mute: bool,
    /// Poke it before every step.
    pub poke: bool,
    /// Let the answer to this question (0 is the first) come after its deadline.
    pub late: Option<u64>,
    /// Let the peer go away at the end of the talk. Otherwise the session is left as it is.
    pub eof: bool,
}

/// What happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event, as it prints.
    Event(String),
    /// Runs of a body, joined.
    Run(Vec<u8>),
}

/// One session.
pub struct Driver<'s, S: Subject> {
    /// The machine.
    pub machine: S::Machine,
    script: S::Script,
    subject: &'s S,
    seed: u64,
    trouble: Trouble,
    /// What has arrived.
    pub input: Input,
    /// The time.
    pub now: Instant,
    out: Vec<u8>,
    /// All it has said.
    pub said: Vec<u8>,
    /// All that happened.
    pub heard: Vec<Heard>,
    lines: usize,
    sent: Vec<u8>,
    steps: u64,
    asked: u64,
    ended: bool,
    late: Option<Answered<S::Protocol>>,
}

/// Steps after which a session that gets nothing new is going round in circles.
const STEPS: u64 = 10_000;

impl<'s, S: Subject> Driver<'s, S> {
    /// A session that has not begun.
    pub fn new(subject: &'s S, seed: u64, trouble: Trouble) -> Self {
        Self {
            machine: subject.machine(),
            script: subject.script(trouble.calm),
            subject,
            seed,
            trouble,
            input: Input::new(),
            now: Instant::from_millis(1),
            out: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            lines: 0,
            sent: Vec::new(),
            steps: 0,
            asked: 0,
            ended: false,
            late: None,
        }
    }

    /// The whole talk; then, if the trouble says so, the end of input.
    pub fn talk(&mut self, talk: &[Unit], cut: Cut) -> Advance {
        let mut wanted = self.turn();
        let mut random =
            Random::new(self.seed ^ if let Cut::Random(seed) = cut { seed } else { 0 });
        let mut batch = Vec::new();
        for (at, unit) in talk.iter().enumerate() {
            batch.extend_from_slice(&unit.octets);
            if !unit.waits && at + 1 < talk.len() {
                continue;
            }
            if wanted == Advance::Secure {
                // The peer waited, and both sides do TLS now.
                self.machine.secured(TlsFacts::TEST);
                wanted = self.turn();
            }
            for piece in cut_up(&batch, cut, &mut random) {
                self.sent.extend_from_slice(piece);
                self.input.push(piece);
                wanted = self.turn();
            }
            batch.clear();
        }
        if self.trouble.eof {
            self.input.end();
            wanted = self.turn();
            assert_eq!(wanted, Advance::Closed, "the peer has gone");
        }
        self.check_lines();
        wanted
    }

    /// Goes as far as it can.
    pub fn turn(&mut self) -> Advance {
        let first = self.steps;
        loop {
            self.steps += 1;
            assert!(self.steps - first < STEPS, "goes round in circles");
            self.trouble_step();
            let wanted = self.advance();
            match wanted {
                Advance::Answer => {
                    // The script did not answer: the loop refuses, as `Session` does, or time passes.
                    if self.late.is_some() {
                        self.pass_the_deadline();
                    } else {
                        self.checked(|machine, out| machine.refuse(out));
                    }
                    self.steps += 1;
                }
                Advance::Closed => {
                    assert!(self.ended, "it closed without saying how it ended");
                    assert_eq!(self.machine.deadline(), None, "what is over waits for nothing");
                    self.flush();
                    return wanted;
                }
                Advance::Event => self.event(),
                Advance::Flush => {
                    assert!(!self.out.is_empty(), "nothing to flush");
                    self.flush();
                }
                Advance::Pause => {
                    self.flush();
                    let due = self.machine.deadline().expect("a pause has an end");
                    self.now = due;
                    assert_ne!(self.advance(), wanted, "its end ends it");
                }
                Advance::Read => {
                    self.flush();
                    return wanted;
                }
                Advance::Secure => {
                    assert!(self.input.is_empty(), "rule 6: plaintext is left");
                    self.flush();
                    return wanted;
                }
            }
        }
    }

    fn trouble_step(&mut self) {
        if self.trouble.poke {
            self.machine.poke();
        }
        if let Some((step, why)) = self.trouble.close
            && step == self.steps
        {
            self.checked(|machine, out| machine.close(why, out));
            // Whatever was asked is settled.
            if let Some(late) = self.late.take() {
                self.stale(late);
            }
        }
    }

    /// `advance`, twice: the second call must change nothing.
    fn advance(&mut self) -> Advance {
        let now = self.now;
        let wanted = self.checked_with(|machine, input, out| machine.advance(now, input, out));
        let (before, unread) = (self.out.len(), self.input.len());
        let again = self.checked_with(|machine, input, out| machine.advance(now, input, out));
        assert_eq!((again, self.out.len()), (wanted, before), "a second advance changed something");
        assert_eq!(self.input.len(), unread, "a second advance took input");
        if let Some(due) = self.machine.deadline() {
            assert!(due > now, "the deadline has passed already: {due:?}, it is {now:?}");
        }
        if wanted != Advance::Event {
            let mut nothing = Vec::new();
            assert!(
                self.machine.event(&self.input, &mut nothing).is_none() && nothing.is_empty(),
                "an event without {:?}",
                Advance::Event
            );
        }
        wanted
    }

    fn event(&mut self) {
        let mut random = Random::new(self.seed.wrapping_add(self.heard.len() as u64));
        let before = self.out.len();
        let event = self.machine.event(&self.input, &mut self.out).expect("an event was promised");
        assert!(self.out.len() - before <= S::Machine::OUTPUT, "rule 3: too much output");
        assert!(!self.ended, "an event behind the last one: {event:?}");
        let shown = format!("{event:?}");
        let look = self.script.look(&event);
        // Who gives the password where the name is asked for has it shown once, as the name.
        let name = look.user.as_ref().map_or(String::new(), |user| format!("{user:?}"));
        let beside_name = shown.replacen(&name, "", 1);
        for secret in S::SECRETS {
            // A message may say anything.
            assert!(look.run.is_some() || !beside_name.contains(secret), "rule 11: {shown}");
        }
        self.lines += look.lines;
        self.ended = look.ended;
        match look.run {
            None => self.heard.push(Heard::Event(shown)),
            Some(run) => match self.heard.last_mut() {
                Some(Heard::Run(all)) => all.extend_from_slice(&run),
                _ => self.heard.push(Heard::Run(run)),
            },
        }
        let Some(answered) = self.script.answer(event, &mut random) else { return };
        self.asked += 1;
        if self.trouble.late.is_some_and(|late| late + 1 == self.asked) {
            self.late = Some(answered);
        } else if !self.trouble.mute {
            let (machine, out) = (&mut self.machine, &mut self.out);
            let before = out.len();
            machine.settle(answered, out).expect("the question is open");
            assert!(out.len() - before <= S::Machine::OUTPUT, "rule 3: too much output");
        }
    }

    /// Rule 2: a question has a deadline, and is then settled by its refusal.
    fn pass_the_deadline(&mut self) {
        let due = self.machine.deadline().expect("rule 2: an open question has a deadline");
        self.now = due;
        let wanted = self.advance();
        assert_ne!(wanted, Advance::Answer, "rule 2: the deadline settles the question");
        if let Some(late) = self.late.take() {
            self.stale(late);
        }
    }

    fn stale(&mut self, late: Answered<S::Protocol>) {
        let before = self.out.len();
        assert!(self.machine.settle(late, &mut self.out).is_err(), "an answer that is too late");
        assert_eq!(self.out.len(), before, "a stale answer said something");
    }

    fn checked(&mut self, call: impl FnOnce(&mut S::Machine, &mut Vec<u8>)) {
        self.checked_with(|machine, _, out| call(machine, out));
    }

    fn checked_with<T>(
        &mut self,
        call: impl FnOnce(&mut S::Machine, &mut Input, &mut Vec<u8>) -> T,
    ) -> T {
        let before = self.out.len();
        let result = call(&mut self.machine, &mut self.input, &mut self.out);
        assert!(self.out.len() - before <= S::Machine::OUTPUT, "rule 3: too much output");
        if self.ended {
            assert_eq!(self.out.len(), before, "output behind the end");
        }
        result
    }

    fn flush(&mut self) {
        self.said.append(&mut self.out);
    }

    /// Rule 9: each line that was consumed stood in one event.
    fn check_lines(&self) {
        if !self.subject.counts_lines(&self.sent) {
            return;
        }
        let consumed = self.sent.len() - self.input.len();
        let consumed = &self.sent[..consumed];
        let lines = consumed.windows(2).filter(|two| two == b"\r\n").count();
        if self.ended && self.lines == lines + 1 {
            // It ended before it could give up the line of the last event, or all of a line over its limit.
            return;
        }
        assert_eq!(self.lines, lines, "rule 9: lines in events, lines consumed: {:?}", self.heard);
    }

    /// The subject.
    pub const fn subject(&self) -> &'s S {
        self.subject
    }

    /// How many questions the script could have answered.
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// How many steps were taken.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Gives up everything but the machine.
    pub fn into_machine(self) -> S::Machine {
        self.machine
    }
}

impl<P: Protocol, S: Subject<Protocol = P>> std::fmt::Debug for Driver<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("heard", &self.heard).finish_non_exhaustive()
    }
}

fn cut_up<'b>(mut batch: &'b [u8], cut: Cut, random: &mut Random) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    while !batch.is_empty() {
        let size = match cut {
            Cut::Bytes => 1,
            Cut::Lines => match batch.iter().position(|octet| matches!(octet, b'\r' | b'\n')) {
                Some(at) => at + 1,
                None => batch.len(),
            },
            Cut::Random(_) => 1 + random.below(40) as usize,
            Cut::Whole => batch.len(),
        };
        let (piece, rest) = batch.split_at(size.min(batch.len()));
        pieces.push(piece);
        batch = rest;
    }
    pieces
}
