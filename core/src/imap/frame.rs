//! Finding whole commands in what arrived (RFC 9051 §2.2.1, §4.3, RFC 7888).
//!
//! A command is lines and literals, and is parsed when all of it lies in the caller's buffer. Three things are
//! not kept: the message of APPEND, which is streamed; a literal over its limit; and a line over its limit. What
//! is refused is still passed by, octet by octet, so that the next command is found where it begins.

use super::cursor::{Cursor, Syntax};
use super::words as w;
use crate::machine::Input;

/// A counted string that a line announces: `{n}`, `{n+}` or `~{n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// How many octets follow.
    pub octets: u64,
    /// The client waits for `+` before it sends them: it is not `{n+}`.
    pub wait: bool,
    /// It is `literal8` and may hold NUL (RFC 3516 §4.4).
    pub binary: bool,
}

/// What a command may cost to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all lines of one command, literals apart; at least [`Framer::LINE_LEAST`].
    pub line: usize,
    /// Octets of one literal, the message of APPEND apart.
    pub literal: usize,
    /// Octets of all literals of one command, the message of APPEND apart.
    pub literals: usize,
}

impl Limits {
    /// Defaults of `imap_line_before_login` and `imap_literal_before_login`; user name and password are all that
    /// a stranger needs literals for.
    pub const BEFORE_LOGIN: Self = Self { line: 8 * 1024, literal: 4 * 1024, literals: 8 * 1024 };
    /// Defaults of `imap_line`, `imap_literal` and `imap_literals`.
    pub const AFTER_LOGIN: Self =
        Self { line: 64 * 1024, literal: 64 * 1024, literals: 1024 * 1024 };
}

/// What lies at the front of the input. Lengths count from its first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The head of APPEND, up to where its message begins. Consume it, then call
    /// [`accept`](Framer::accept) or [`refuse`](Framer::refuse).
    Append(usize, Literal),
    /// A whole command, for [`Tagged::read`](super::Tagged::read).
    Command(usize),
    /// The client waits for `+` before a literal: send it, and call again. Said once; there is nothing to
    /// consume.
    Continue,
    /// The line behind the message of APPEND, for [`Append::read_end`](super::command::Append::read_end).
    End(usize),
    /// A line as such, where [`line`](Framer::line) asked for one.
    Line(usize),
    /// Octets of APPEND's message.
    Message(usize),
    /// Nothing whole: read more.
    Read,
    /// Octets of what was refused.
    Skipped(usize),
    /// The command so far, whose last line announces a literal over its limit. Refuse the command. If
    /// the client does not wait, what it sends is skipped.
    TooBig(usize, Literal),
    /// The front of a command whose lines pass their limit. Refuse it; the rest is skipped.
    TooLong(usize),
}

/// Finds commands, one after the other.
///
/// [`frame`](Self::frame) says what lies in front, and says it again until [`consume`](Self::consume) discards it.
/// However often it is called, and however the input drips in, no octet is looked at more than a few times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framer {
    state: State,
    /// What `frame` said and nobody consumed.
    framed: Option<Frame>,
    /// Where the line begins that is looked for.
    at: usize,
    /// Octets of the lines before it.
    lines: usize,
    /// Octets of the literals before it.
    literals: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// A command.
    #[default]
    Command,
    /// The line behind a message.
    End,
    /// Nothing, until the head of APPEND is accepted or refused.
    Head(Literal),
    /// Octets of a message.
    Message(u64),
    /// The rest of the last line of what was refused; what was skipped of it ends with `{` and the digits of this
    /// number.
    SkipLine(Option<u64>),
    /// Octets of a literal of what was refused.
    SkipOctets(u64),
}

const _: () = assert!(size_of::<Framer>() <= 80);

impl Framer {
    /// What [`Limits::line`] is at least.
    pub const LINE_LEAST: usize = 256;
    /// So many octets at the end of a line are held back while it is skipped, since they can announce octets that
    /// must be skipped too. At least a digit, `+}` and CR LF; with the digits of most lengths it is seldom that one is cut.
    const TAIL: usize = 32;

    /// Waits for a command.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What lies in front of `input`, where a command is expected.
    pub fn frame(&mut self, input: &mut Input, limits: &Limits) -> Frame {
        self.next(input, limits, false)
    }

    /// The same, where a line is expected that is no command: what AUTHENTICATE and IDLE wait for. Its length is
    /// bounded by [`Limits::line`].
    pub fn line(&mut self, input: &mut Input, limits: &Limits) -> Frame {
        self.next(input, limits, true)
    }

    /// Discards what the last frame covered.
    pub fn consume(&mut self, input: &mut Input) {
        let Some(framed) = self.framed.take() else { return };
        let bytes = input.bytes();
        let (n, state) = match framed {
            Frame::Append(n, literal) => (n, State::Head(literal)),
            Frame::Command(n) | Frame::Line(n) => (n, State::Command),
            // What goes on behind a message is refused as a whole.
            Frame::End(n) => (n, after_refusal(bytes.get(..n).and_then(announced))),
            Frame::TooBig(n, literal) => (n, after_refusal(Some(literal))),
            Frame::Skipped(n) => match self.state {
                State::SkipOctets(left) => (n, State::SkipOctets(left.saturating_sub(n as u64))),
                State::SkipLine(begun) => (n, skipped(bytes.get(..n).unwrap_or_default(), begun)),
                state => (n, state),
            },
            Frame::Message(n) => match self.state {
                State::Message(left) => (n, State::Message(left.saturating_sub(n as u64))),
                state => (n, state),
            },
            Frame::TooLong(n) => {
                (n, State::SkipLine(begun(bytes.get(self.at..n).unwrap_or_default(), None)))
            }
            Frame::Continue | Frame::Read => return,
        };
        *self = Self { state, ..Self::default() };
        input.discard(n);
    }

    /// Wants the message whose head was consumed. Whether the client waits for `+`.
    pub fn accept(&mut self) -> bool {
        let State::Head(literal) = self.state else { return false };
        self.state = State::Message(literal.octets);
        literal.wait
    }

    /// Does not want the message whose head was consumed; if the client did not wait, what it sends is
    /// skipped.
    pub fn refuse(&mut self) {
        if let State::Head(literal) = self.state {
            self.state =
                if literal.wait { State::Command } else { State::SkipOctets(literal.octets) };
        }
    }

    /// Does not want the rest of a message that was accepted: it is skipped with the line behind it.
    pub fn abandon(&mut self) {
        match self.state {
            State::Message(left) => self.state = State::SkipOctets(left),
            State::End => self.state = State::SkipLine(None),
            _ => return,
        }
        // What was framed as part of it stays framed, as skipped.
        self.framed = match self.framed {
            Some(Frame::Message(n)) => Some(Frame::Skipped(n)),
            framed => framed,
        };
    }

    /// Octets of an accepted message that were not consumed yet.
    #[must_use]
    pub const fn left(&self) -> u64 {
        match self.state {
            State::Message(left) => left,
            _ => 0,
        }
    }

    /// Whether a command, or a message, was begun and its end did not arrive.
    #[must_use]
    pub fn is_inside(&self, input: &Input) -> bool {
        !matches!(self.state, State::Command) || !input.is_empty()
    }

    fn next(&mut self, input: &mut Input, limits: &Limits, plain: bool) -> Frame {
        if let Some(framed) = self.framed {
            return framed;
        }
        let frame = loop {
            match self.state {
                State::Command if plain => break self.plain_line(input, limits, Frame::Line),
                State::Command => break self.command(input, limits),
                State::End => break self.plain_line(input, limits, Frame::End),
                State::Head(_) => break Frame::Read,
                State::Message(0) => self.state = State::End,
                State::SkipOctets(0) => self.state = State::SkipLine(None),
                State::Message(_) | State::SkipOctets(_) if input.is_empty() => break Frame::Read,
                State::Message(left) => break Frame::Message(at_most(input.len(), left)),
                State::SkipOctets(left) => break Frame::Skipped(at_most(input.len(), left)),
                State::SkipLine(_) => break skip_line(input),
            }
        };
        if !matches!(frame, Frame::Continue | Frame::Read) {
            self.framed = Some(frame);
        }
        frame
    }

    fn command(&mut self, input: &mut Input, limits: &Limits) -> Frame {
        loop {
            if input.len() < self.at {
                return Frame::Read;
            }
            let room = limits.line.max(Self::LINE_LEAST).saturating_sub(self.lines);
            let end = match line_within(input, self.at, room) {
                Line::Ends(end) => end,
                Line::Long => {
                    return Frame::TooLong(self.at + room.saturating_sub(Self::TAIL));
                }
                Line::Open => return Frame::Read,
            };
            let head = input.bytes().get(..end).unwrap_or_default();
            let Some(literal) = head.get(self.at..).and_then(announced) else {
                return Frame::Command(end);
            };
            if is_message(head, self.at) {
                return Frame::Append(end, literal);
            }
            let octets = usize::try_from(literal.octets).unwrap_or(usize::MAX);
            let literals = self.literals.saturating_add(octets);
            if octets > limits.literal || literals > limits.literals {
                return Frame::TooBig(end, literal);
            }
            self.literals = literals;
            self.lines += end - self.at;
            self.at = end + octets;
            if literal.wait {
                return Frame::Continue;
            }
        }
    }

    fn plain_line(
        &self,
        input: &mut Input,
        limits: &Limits,
        frame: impl Fn(usize) -> Frame,
    ) -> Frame {
        let room = limits.line.max(Self::LINE_LEAST);
        match line_within(input, 0, room) {
            Line::Ends(end) => frame(end),
            Line::Long => Frame::TooLong(room - Self::TAIL),
            Line::Open => Frame::Read,
        }
    }
}

enum Line {
    /// Behind its CR LF.
    Ends(usize),
    Long,
    Open,
}

/// The line at `at`, which with its CR LF may have `room` octets.
fn line_within(input: &mut Input, at: usize, room: usize) -> Line {
    match input.line_end(at) {
        Some(end) if end - at > room => Line::Long,
        Some(end) => Line::Ends(end),
        // As soon as it is certain, so that it does not depend on how the input was cut.
        None if input.len().saturating_sub(at) > room => Line::Long,
        None => Line::Open,
    }
}

fn skip_line(input: &mut Input) -> Frame {
    match input.line_end(0) {
        Some(end) => Frame::Skipped(end),
        None if input.len() > Framer::TAIL => Frame::Skipped(input.len() - Framer::TAIL),
        None => Frame::Read,
    }
}

/// What follows a refused part of a command: octets that it announced and that the client does not wait to
/// send, or the next command.
const fn after_refusal(literal: Option<Literal>) -> State {
    match literal {
        Some(literal) if !literal.wait => State::SkipOctets(literal.octets),
        _ => State::Command,
    }
}

fn at_most(n: usize, left: u64) -> usize {
    usize::try_from(left).map_or(n, |left| left.min(n))
}

/// What follows octets of a line that were skipped, behind others that ended with `{` and the digits of `before`.
fn skipped(octets: &[u8], before: Option<u64>) -> State {
    let Some(line) = octets.strip_suffix(b"\r\n") else {
        return State::SkipLine(begun(octets, before));
    };
    after_refusal(announced_behind(line, before))
}

/// The literal that a line announces with its last octets. A length that does not fit counts as the largest.
fn announced(line: &[u8]) -> Option<Literal> {
    announced_behind(line.strip_suffix(b"\r\n")?, None)
}

/// The same of a line without CR LF, whose front was skipped and ended with `{` and the digits of `before`.
fn announced_behind(line: &[u8], before: Option<u64>) -> Option<Literal> {
    let line = line.strip_suffix(b"}")?;
    let (line, wait) = match line.strip_suffix(b"+") {
        Some(line) => (line, false),
        None => (line, true),
    };
    let octets = begun(line, before)?;
    let brace = line.iter().rposition(|c| !c.is_ascii_digit());
    // `{}` announces nothing.
    if brace.is_some_and(|brace| brace + 1 == line.len()) {
        return None;
    }
    let binary = brace.and_then(|at| line.get(..at)).is_some_and(|front| front.ends_with(b"~"));
    Some(Literal { octets, wait, binary })
}

/// The number whose digits stand at the end of `octets` behind `{`. Octets that are nothing but digits go on
/// with those of `before`.
fn begun(octets: &[u8], before: Option<u64>) -> Option<u64> {
    let count = octets.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let (front, digits) = octets.split_at_checked(octets.len() - count)?;
    let start = match front.last() {
        None => before?,
        Some(b'{') => 0,
        Some(_) => return None,
    };
    Some(digits.iter().fold(start, |n, digit| {
        n.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}

/// Whether the literal that `head` ends with is the message of APPEND, whatever else is wrong with that
/// command; `at` is where the last line of `head` begins. The other literal that APPEND can have is its mailbox,
/// which stands right behind the word.
fn is_message(head: &[u8], at: usize) -> bool {
    let mut cursor = Cursor::new(head, Syntax::default());
    if cursor.tag().is_err() || !cursor.eat(b' ') || cursor.word() != w::APPEND {
        return false;
    }
    let mailbox = cursor.eat(b' ') && cursor.announcement().is_ok() && cursor.is_end();
    at > 0 || !mailbox
}
