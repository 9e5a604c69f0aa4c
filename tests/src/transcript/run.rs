//! Runs a transcript against a machine.

use posthaste_core::machine::{
    Advance, Answered, Input, Instant, Machine, Protocol, Reason, TlsFacts,
};
use posthaste_core::text::Text;

use super::file::{Cause, Fault, Step, Transcript};
use crate::simulator::random::Random;

/// What a transcript needs to know of a protocol: how to make its machine, and how to answer it.
pub trait Speaker: Sized {
    /// The machine.
    type Machine: Machine;

    /// Reads the settings; the speaker keeps what its answers need.
    ///
    /// # Errors
    /// Which setting is not known or makes no sense.
    fn new(settings: &[(String, String)]) -> Result<(Self, Self::Machine), String>;

    /// Answers an event, if it asks: as `text` says, or kindly.
    ///
    /// # Errors
    /// Why `text` is no answer to that.
    fn answer(&mut self, event: EventOf<'_, Self>, text: Option<&str>) -> Answer<Self>;

    /// The name and the octets of an event that shows a run, to be joined with its neighbours.
    fn run<'e>(event: &'e EventOf<'_, Self>) -> Option<(&'static str, &'e [u8])>;
}

/// What the speaker's machine reports.
pub type EventOf<'i, S> = <<<S as Speaker>::Machine as Machine>::Protocol as Protocol>::Event<'i>;

/// What a speaker does about an event: an answer if it asked.
pub type Answer<S> =
    Result<Option<Answered<<<S as Speaker>::Machine as Machine>::Protocol>>, String>;

/// How the input is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutting {
    /// Behind every CR LF.
    Lines,
    /// After every octet.
    Octets,
    /// At random, from a seed.
    Random(u64),
    /// Not at all.
    Whole,
}

impl Cutting {
    fn cut(self, octets: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Lines => octets.split_inclusive(|&c| c == b'\n').collect(),
            Self::Octets => octets.chunks(1).collect(),
            Self::Random(seed) => {
                let mut random = Random::new(seed);
                let mut pieces = Vec::new();
                let mut rest = octets;
                while !rest.is_empty() {
                    let most = if random.chance(500) { 4 } else { 64 };
                    let length = 1 + random.below(most).min(rest.len() as u64 - 1) as usize;
                    let (piece, after) = rest.split_at(length);
                    pieces.push(piece);
                    rest = after;
                }
                pieces
            }
            Self::Whole => vec![octets],
        }
    }
}

/// Runs a transcript under all cuttings, with answers at once and late. Says how many runs that were.
///
/// # Errors
/// Where and how it went otherwise.
pub fn run_all<S: Speaker>(transcript: &Transcript) -> Result<usize, Fault> {
    let cuttings = [
        Cutting::Whole,
        Cutting::Lines,
        Cutting::Octets,
        Cutting::Random(1),
        Cutting::Random(2),
        Cutting::Random(3),
    ];
    let mut runs = 0;
    for cutting in cuttings {
        for late in [false, true] {
            run::<S>(transcript, cutting, late).map_err(|fault| Fault {
                what: format!("{} ({cutting:?}, late answers: {late})", fault.what),
                ..fault
            })?;
            runs += 1;
        }
    }
    Ok(runs)
}

/// Runs a transcript once.
///
/// # Errors
/// Where and how it went otherwise.
pub fn run<S: Speaker>(transcript: &Transcript, cutting: Cutting, late: bool) -> Result<(), Fault> {
    let (speaker, machine) =
        S::new(&transcript.settings).map_err(|what| Fault { line: 1, what })?;
    let mut stage = Stage {
        speaker,
        machine,
        input: Input::new(),
        now: Instant::ZERO,
        out: Vec::new(),
        said: Vec::new(),
        heard: Vec::new(),
        runs: None,
        last: Advance::Read,
        late,
    };
    for step in &transcript.steps {
        stage.step(step, cutting).map_err(|what| Fault { line: step.line, what })?;
    }
    Ok(())
}

struct Stage<S: Speaker> {
    speaker: S,
    machine: S::Machine,
    input: Input,
    now: Instant,
    out: Vec<u8>,
    said: Vec<u8>,
    heard: Vec<String>,
    /// Runs of the same kind that follow each other.
    runs: Option<(&'static str, Vec<u8>)>,
    last: Advance,
    late: bool,
}

impl<S: Speaker> Stage<S> {
    fn step(&mut self, step: &Step, cutting: Cutting) -> Result<(), String> {
        match &step.cause {
            Cause::Start => self.turn(step)?,
            Cause::Send(octets) => {
                for piece in cutting.cut(octets) {
                    self.input.push(piece);
                    self.turn(step)?;
                }
            }
            Cause::Wait(time) => {
                self.now = self.now + *time;
                self.turn(step)?;
            }
            Cause::Poke => {
                self.machine.poke();
                self.turn(step)?;
            }
            Cause::Secure => {
                if self.last != Advance::Secure {
                    return Err(format!("TLS cannot start: the machine said {:?}", self.last));
                }
                // A client knows whom it talks to.
                self.machine.secured(TlsFacts { verified: true, ..TlsFacts::TEST });
                self.turn(step)?;
            }
            Cause::Close(why) => {
                self.machine.close(reason(why)?, &mut self.out);
                self.turn(step)?;
            }
            Cause::End(_) => {
                if self.last != Advance::Closed {
                    self.input.end();
                    self.turn(step)?;
                }
            }
        }
        self.flush_runs();
        self.compare(step)
    }

    fn compare(&mut self, step: &Step) -> Result<(), String> {
        let said = std::mem::take(&mut self.said);
        if said != step.said {
            return Err(format!("expected {:?}, it said {:?}", Text(&step.said), Text(&said)));
        }
        let is_end = matches!(step.cause, Cause::End(_));
        if let Cause::End(how) = &step.cause {
            let last = self.heard.last().cloned().unwrap_or_default();
            if last != format!("Ended {how}") && last != format!("Ended({how})") {
                return Err(format!("expected the end {how}, heard {last:?}"));
            }
            if self.last != Advance::Closed {
                return Err(format!("expected the end, the machine said {:?}", self.last));
            }
        }
        if !step.events.is_empty() {
            let expected = step.events.iter().map(|(event, _)| event);
            if !expected.clone().eq(self.heard.iter()) {
                let expected: Vec<_> = expected.collect();
                return Err(format!("expected the events {expected:#?}, heard {:#?}", self.heard));
            }
        }
        // An end that was reported earlier is looked at by its `X:` line, which follows.
        let ended = self.heard.last().filter(|e| e.starts_with("Ended") && !is_end).cloned();
        self.heard.clear();
        self.heard.extend(ended);
        Ok(())
    }

    fn flush_runs(&mut self) {
        if let Some((name, octets)) = self.runs.take() {
            self.heard.push(format!("{name} {:?}", Text(&octets)));
        }
    }

    fn turn(&mut self, step: &Step) -> Result<(), String> {
        loop {
            match self.advance()? {
                Advance::Event => self.event(step)?,
                Advance::Answer => {
                    // Nobody answered: by refusal, as the loop does.
                    self.machine.refuse(&mut self.out);
                }
                Advance::Flush if self.out.is_empty() => {
                    return Err("the machine wants to flush nothing".into());
                }
                Advance::Flush => self.flush(),
                wanted => {
                    self.last = wanted;
                    self.flush();
                    self.check_idle(wanted)?;
                    return Ok(());
                }
            }
        }
    }

    fn flush(&mut self) {
        self.said.append(&mut self.out);
    }

    fn advance(&mut self) -> Result<Advance, String> {
        let before = self.out.len();
        let wanted = self.machine.advance(self.now, &mut self.input, &mut self.out);
        self.check_output(before, "advance")?;
        Ok(wanted)
    }

    fn check_output(&self, before: usize, call: &str) -> Result<(), String> {
        let grown = self.out.len() - before;
        if grown > S::Machine::OUTPUT {
            return Err(format!("one {call} wrote {grown} octets"));
        }
        Ok(())
    }

    /// Nothing happened: nothing may change, and the deadline lies ahead.
    fn check_idle(&mut self, wanted: Advance) -> Result<(), String> {
        let unread = self.input.len();
        let again = self.machine.advance(self.now, &mut self.input, &mut self.out);
        if again != wanted || !self.out.is_empty() || self.input.len() != unread {
            return Err(format!("advance said {wanted:?}, and at once {again:?}"));
        }
        match self.machine.deadline() {
            Some(deadline) if deadline <= self.now => {
                Err(format!("the deadline {deadline:?} lies in the past"))
            }
            Some(_) if wanted == Advance::Closed => Err("closed, with a deadline".into()),
            _ => Ok(()),
        }
    }

    fn event(&mut self, step: &Step) -> Result<(), String> {
        let before = self.out.len();
        let Some(event) = self.machine.event(&self.input, &mut self.out) else {
            return Err("advance said Event, and there was none".into());
        };
        let grown = self.out.len() - before;
        if grown > S::Machine::OUTPUT {
            return Err(format!("one event wrote {grown} octets"));
        }
        if let Some((name, octets)) = S::run(&event) {
            match &mut self.runs {
                Some((same, runs)) if *same == name => runs.extend_from_slice(octets),
                _ => {
                    let octets = octets.to_vec();
                    if let Some((name, octets)) = self.runs.replace((name, octets)) {
                        self.heard.push(format!("{name} {:?}", Text(&octets)));
                    }
                }
            }
            let _ = self.speaker.answer(event, None)?;
            return Ok(());
        }
        if let Some((name, octets)) = self.runs.take() {
            self.heard.push(format!("{name} {:?}", Text(&octets)));
        }
        if self.heard.last().is_some_and(|last| last.starts_with("Ended")) {
            return Err(format!("{event:?} after the end"));
        }
        let text = step.events.get(self.heard.len()).and_then(|(_, answer)| answer.as_deref());
        self.heard.push(format!("{event:?}"));
        let asked = format!("{event:?}");
        let answered = self
            .speaker
            .answer(event, text)
            .map_err(|what| format!("{what}: {text:?} is no answer to {asked}"))?;
        match answered {
            None if text.is_some() => Err(format!("{asked} asks nothing")),
            None => Ok(()),
            Some(answered) => {
                if self.late {
                    let wanted = self.advance()?;
                    if wanted != Advance::Answer {
                        return Err(format!("an open question, and advance said {wanted:?}"));
                    }
                }
                let before = self.out.len();
                if self.machine.settle(answered, &mut self.out).is_err() {
                    return Err(format!("{asked} was stale at once"));
                }
                self.check_output(before, "settle")
            }
        }
    }
}

fn reason(name: &str) -> Result<Reason, String> {
    Reason::ALL
        .into_iter()
        .find(|reason| format!("{reason:?}") == name)
        .ok_or_else(|| format!("no reason is called {name:?}"))
}
