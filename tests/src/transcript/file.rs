//! What a transcript file says.

use std::fmt;
use std::time::Duration;

/// What is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// In words.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// One step of a conversation: something happens, and then something is expected.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line where it begins.
    pub line: usize,
    /// What happens.
    pub cause: Cause,
    /// What the machine says.
    pub said: Vec<u8>,
    /// What it reports, each with its answer; not compared if empty.
    pub events: Vec<(String, Option<String>)>,
}

/// What happens to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its driver closes it.
    Close(String),
    /// Its peer goes away, unless it is over; and how it ended.
    End(String),
    /// Its driver pokes it.
    Poke,
    /// TLS starts.
    Secure,
    /// Its peer sends octets.
    Send(Vec<u8>),
    /// It is made.
    Start,
    /// Time passes.
    Wait(Duration),
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Names and values of the `!` lines in front.
    pub settings: Vec<(String, String)>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Transcript {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut settings = Vec::new();
        let mut steps = vec![Step::new(1, Cause::Start)];
        // The peer speaks: more of it belongs to the same step.
        let mut speaking = false;
        for (number, line) in (1..).zip(text.lines()) {
            let fault = |what: &str| Fault { line: number, what: what.into() };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (kind, rest) = line.split_at_checked(2).ok_or_else(|| fault("too short"))?;
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            let was_speaking = std::mem::take(&mut speaking);
            let last = steps.len() - 1;
            match kind {
                "! " => {
                    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                    match name {
                        "secure" => steps.push(Step::new(number, Cause::Secure)),
                        "poke" => steps.push(Step::new(number, Cause::Poke)),
                        "close" => steps.push(Step::new(number, Cause::Close(value.into()))),
                        _ if last == 0
                            && steps[0].said.is_empty()
                            && steps[0].events.is_empty() =>
                        {
                            settings.push((name.into(), value.into()));
                        }
                        _ => return Err(fault("a setting stands behind other lines")),
                    }
                }
                "C:" | "c:" => {
                    speaking = true;
                    let mut octets = unescape(rest).ok_or_else(|| fault("bad escape"))?;
                    if kind == "C:" {
                        octets.extend_from_slice(b"\r\n");
                    }
                    match &mut steps[last].cause {
                        Cause::Send(sent) if was_speaking => sent.extend_from_slice(&octets),
                        _ => steps.push(Step::new(number, Cause::Send(octets))),
                    }
                }
                "S:" | "s:" => {
                    let octets = unescape(rest).ok_or_else(|| fault("bad escape"))?;
                    steps[last].said.extend_from_slice(&octets);
                    if kind == "S:" {
                        steps[last].said.extend_from_slice(b"\r\n");
                    }
                }
                "E:" => steps[last].events.push((rest.into(), None)),
                "A:" => match steps[last].events.last_mut() {
                    Some((_, answer @ None)) => *answer = Some(rest.into()),
                    _ => return Err(fault("an answer wants an event in front of it")),
                },
                "T:" => {
                    let wait = duration(rest).ok_or_else(|| fault("a time is 10ms, 10s or 10m"))?;
                    steps.push(Step::new(number, Cause::Wait(wait)));
                }
                "X:" => steps.push(Step::new(number, Cause::End(rest.into()))),
                _ => return Err(fault("a line begins with one of # ! C: c: S: s: E: A: T: X:")),
            }
        }
        Ok(Self { settings, steps })
    }
}

impl Step {
    fn new(line: usize, cause: Cause) -> Self {
        Self { line, cause, said: Vec::new(), events: Vec::new() }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = digits.parse().ok()?;
    match text.get(digits.len()..)? {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

/// The octets that `\r`, `\xNN` and the like stand for.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Some(octets),
            [b'\\', b'x', rest @ ..] => {
                let (digits, rest) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                octets.push(u8::from_str_radix(digits, 16).ok()?);
                rest
            }
            [b'\\', c, rest @ ..] => {
                octets.push(match c {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'\\' => b'\\',
                    _ => return None,
                });
                rest
            }
            [b'\\'] => return None,
            [c, rest @ ..] => {
                octets.push(*c);
                rest
            }
        };
    }
}
