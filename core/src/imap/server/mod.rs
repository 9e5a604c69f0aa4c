//! The server's side of IMAP.
//!
//! | module | holds |
//! |---|---|
//! | this one | [`Server`], the machine: what it waits for, its timers, how it ends |
//! | [`event`] | what the machine reports and asks ([`Event`], the questions), and [`Answer`] |
//! | [`config`] | [`Config`]: names, what to offer, limits |
//! | `command` | what each command does as far as the machine decides it |
//! | `auth` | LOGIN, AUTHENTICATE |
//! | `state` | what the machine waits for, shows and remembers |
//! | `reply` | how replies leave: in pieces, with Sync before the tagged line |
//! | `capability` | the capability lists |
//!
//! # Who does what
//! The machine does all that is protocol: framing, states, STARTTLS, sign-in, literals and their
//! continuations, IDLE, ENABLE, timers, the order of responses. What a command means for mailboxes
//! and messages is its handler's business, which gets the parsed [`Command`](Event::Command) and
//! answers with typed [`Responses`](crate::imap::response::Responses). A
//! [`View`](crate::imap::view::View) resolves the numbers of a command.
//!
//! # A handler
//! ```text
//! Connected(ask)                → Admission
//! SignIn(ask, credentials)      → Verdict            or Lookup(ask, identity) → Found, SignedIn
//! Command(ask, context, SELECT) → responses.flags(…).exists(…)….ok("…")
//! Command(ask, context, FETCH)  → part, Next(ask) → part, …, Next(ask) → responses.ok("…")
//! Append(ask, context, head)    → Accept, Body…, Appended(ask) → responses.done(Ok, APPENDUID, "…")
//! Sync(ask, mode, allowed)      → Update: what changed in the selected mailbox
//! Ended(how)
//! ```

mod auth;
mod capability;
mod command;
pub mod config;
pub mod event;
mod reply;
mod state;
#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use event::{
    Admission, Allowed, Answer, Append, Appended, Connect, Context, Decision, Event, Next, Run,
    Sync, Update, Why,
};

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::Imap;
use super::frame::{self, Frame, Framer};
use super::response::{Code, Mode, Reply, Seam, Status, status};
use crate::machine::{
    Advance, Answered, Asking, End, Input, Instant, Machine, OUTPUT_HIGH, Question, Reason, Stale,
    TlsFacts,
};
use crate::sasl::server::{Challenge, Exchange};
use crate::sasl::{Bearer, External, Lookup, SignIn};
use state::{Head, Kind, Phase, Running, Show, Stage, TagBuffer};

/// The server side of one IMAP conversation.
pub struct Server {
    config: Arc<Config>,
    asking: Asking,
    /// Since when the open question waits, the client is silent, the client may sign in.
    asked: Instant,
    active: Instant,
    began: Instant,
    now: Instant,
    phase: Phase,
    show: Show,
    kind: Kind,
    stage: Stage,
    mode: Mode,
    tag: TagBuffer,
    running: Running,
    /// Which Sync may come before the tagged line of the running command.
    sync: Option<Allowed>,
    /// What the Sync that is being answered may tell.
    syncing: Allowed,
    framer: Framer,
    /// The last event showed what was framed, so that it can go.
    shown: bool,
    /// What to do about the message of an APPEND, once its head has gone.
    head: Head,
    /// Octets of a refused command that were skipped.
    skipped: u64,
    /// Octets that were unread when the machine last looked, to see progress.
    unread: u32,
    /// What the last part of the running reply left open.
    seam: Seam,
    /// The reply that is leaving, and how much of it has left.
    reply: Option<Reply>,
    written: u32,
    /// The answer to Sync that is leaving, and how much of it has left.
    update: Option<Update>,
    updated: u32,
    exchange: Option<Box<Exchange>>,
    errors: u32,
    junk: u32,
    failures: u32,
    tls: Option<TlsFacts>,
    poked: bool,
    /// A question was settled since the last `advance`.
    settled: bool,
    /// When the client was last told of changes while idling.
    told: Option<Instant>,
    /// A message is being appended, and the handler has not heard how that ended.
    appending: bool,
    /// Its literal may hold NUL.
    binary: bool,
    /// NUL came where it may not.
    spoiled: bool,
    /// It came as `UTF8 (…)`, whose parenthesis is still open.
    utf8: bool,
}

const _: () = assert!(size_of::<Server>() <= 512);

impl Server {
    /// A machine for a connection that was just accepted. Where TLS comes first, call
    /// [`secured`](Machine::secured) before the first `advance`.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            asking: Asking::new(),
            asked: Instant::ZERO,
            active: Instant::ZERO,
            began: Instant::ZERO,
            now: Instant::ZERO,
            phase: Phase::Start,
            show: Show::Nothing,
            kind: Kind::Connect,
            stage: Stage::NotAuthenticated,
            mode: Mode::default(),
            tag: TagBuffer::new(),
            running: Running::Other,
            sync: None,
            syncing: Allowed::Additions,
            framer: Framer::new(),
            shown: false,
            head: Head::Settled,
            skipped: 0,
            unread: 0,
            seam: Seam::WHOLE,
            reply: None,
            written: 0,
            update: None,
            updated: 0,
            exchange: None,
            errors: 0,
            junk: 0,
            failures: 0,
            tls: None,
            poked: false,
            settled: false,
            told: None,
            appending: false,
            binary: false,
            spoiled: false,
            utf8: false,
        }
    }

    /// What the client has enabled.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Opens a question.
    fn ask<Q: Question<Protocol = Imap>>(&mut self, kind: Kind) -> crate::machine::Ask<Q> {
        self.kind = kind;
        self.asked = self.now;
        if !matches!(kind, Kind::Sync) {
            self.phase = Phase::Asked;
        }
        self.asking.ask()
    }

    /// The conversation ends; nothing more is said.
    fn end(&mut self, how: End) {
        self.asking.forget();
        self.show = Show::Nothing;
        self.reply = None;
        self.update = None;
        self.exchange = None;
        if !matches!(self.phase, Phase::Ended | Phase::Ending(_)) {
            self.phase = Phase::Ending(how);
        }
    }

    /// `* BYE`, unless that would fall into an open literal or response, and the end.
    fn bye(&mut self, out: &mut Vec<u8>, how: End, code: Option<&Code<'_>>, text: &str) {
        if self.may_speak() {
            out.extend_from_slice(b"* BYE ");
            if let Some(code) = code {
                code.write(out);
                out.push(b' ');
            }
            super::response::words::human(out, text);
            out.extend_from_slice(b"\r\n");
        }
        self.end(how);
    }

    /// Whether what was said so far ends between two responses.
    fn may_speak(&self) -> bool {
        let replied = match &self.reply {
            Some(_) if self.written > 0 => false,
            _ => self.seam.is_whole(),
        };
        replied
            && (self.update.is_none() || self.updated == 0)
            && !matches!(self.phase, Phase::Ended | Phase::Ending(_) | Phase::Secure)
    }

    /// Writes `tag OK [code] text`.
    fn tagged(&mut self, out: &mut Vec<u8>, is: Status, code: Option<&Code<'_>>, text: &str) {
        out.extend_from_slice(self.tag.as_bytes());
        out.push(b' ');
        status(out, is, code, text);
    }

    /// A command made no sense. Too many of those in a row end the session.
    fn fault(&mut self, out: &mut Vec<u8>) {
        self.errors = self.errors.saturating_add(1);
        if self.errors > self.config.limits.errors {
            self.bye(out, End::Errors, None, "Too many errors");
        }
    }

    /// Whether the client has been heard of since the last look; keeps the time if so.
    fn look(&mut self, input: &Input) {
        let unread = u32::try_from(input.len()).unwrap_or(u32::MAX);
        if unread > self.unread {
            self.active = self.now;
        }
        self.unread = unread;
    }

    /// Whether an idling client is to be told of changes now: at most so often, so that a busy mailbox
    /// gives one Sync for many pokes.
    fn may_tell(&self) -> bool {
        self.poked
            && self.stage == Stage::Selected
            && self.told.is_none_or(|told| told + self.config.limits.idle_gap <= self.now)
    }

    /// A wait ran out.
    fn expire(&mut self, out: &mut Vec<u8>) {
        if self.asking.is_open() {
            self.refuse(out);
            self.active = self.now;
        } else if self.stage == Stage::NotAuthenticated {
            self.bye(out, End::Timeout, None, "Signing in took too long");
        } else {
            self.bye(out, End::Timeout, None, "Idle for too long");
        }
    }

    /// Frames what comes next. Nothing if a continuation was sent, so that there may be more.
    fn read(&mut self, input: &mut Input, out: &mut Vec<u8>) -> Option<Advance> {
        let limits = self.frame_limits();
        let frame = match self.phase {
            Phase::Exchange | Phase::Idle => self.framer.line(input, &limits),
            _ => self.framer.frame(input, &limits),
        };
        match frame {
            Frame::Continue => {
                out.extend_from_slice(b"+ Go ahead\r\n");
                None
            }
            Frame::Read => Some(self.wait(input)),
            frame => Some(self.shows(Show::Frame(frame))),
        }
    }

    fn frame_limits(&self) -> frame::Limits {
        let limits = &self.config.limits;
        let (line, literal) = match (self.phase, self.stage) {
            (Phase::Exchange, _) => (crate::sasl::LINE, 0),
            (Phase::Idle, _) => (Framer::LINE_LEAST, 0),
            (_, Stage::NotAuthenticated) => (limits.line_before_login, limits.literal_before_login),
            _ => (limits.line, limits.literal),
        };
        frame::Limits { line, literal, literals: limits.literals }
    }

    /// More bytes are needed; if none will come, this is the end.
    fn wait(&mut self, input: &Input) -> Advance {
        if input.is_ended() {
            self.end(End::Eof);
            return self.ending();
        }
        Advance::Read
    }

    fn shows(&mut self, show: Show) -> Advance {
        self.show = show;
        Advance::Event
    }

    /// Reports the end, step by step.
    fn ending(&mut self) -> Advance {
        match self.phase {
            Phase::Ending(_) if self.appending => self.shows(Show::BodyLost),
            Phase::Ending(how) => self.shows(Show::Ended(how)),
            _ => Advance::Closed,
        }
    }
}

impl Machine for Server {
    type Protocol = Imap;

    /// The high mark, a piece of a reply behind it, and what the machine says by itself.
    const OUTPUT: usize = OUTPUT_HIGH + reply::PIECE + Challenge::OUTPUT + 8 * 1024;

    fn advance(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Advance {
        self.now = self.now.max(now);
        if core::mem::replace(&mut self.shown, false) {
            self.framer.consume(input);
            self.unread = 0;
        }
        if core::mem::replace(&mut self.settled, false) {
            // The client had to wait for us.
            self.active = self.now;
        }
        self.look(input);
        if self.phase == Phase::Start && self.show == Show::Nothing {
            (self.active, self.began) = (self.now, self.now);
            return self.shows(Show::Connected);
        }
        // A refusal may leave another wait that has run out; then the session ends.
        while self.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.expire(out);
        }
        loop {
            if self.show != Show::Nothing {
                return Advance::Event;
            }
            match self.phase {
                Phase::Ended => return Advance::Closed,
                Phase::Ending(_) => return self.ending(),
                _ => {}
            }
            if self.asking.is_open() {
                return Advance::Answer;
            }
            // The head of an APPEND has gone, and what becomes of its message is settled.
            match core::mem::replace(&mut self.head, Head::Settled) {
                Head::Accept if self.framer.accept() => out.extend_from_slice(b"+ Go ahead\r\n"),
                Head::Refuse => self.framer.refuse(),
                Head::Accept | Head::Settled => {}
            }
            if out.len() >= OUTPUT_HIGH {
                self.active = self.now;
                return Advance::Flush;
            }
            if self.update.is_some() {
                self.write_update(out);
                continue;
            }
            match self.phase {
                Phase::Reply => {
                    self.write_reply(out);
                    continue;
                }
                Phase::Idle if self.may_tell() => {
                    self.poked = false;
                    self.told = Some(self.now);
                    return self.shows(Show::Sync(Allowed::Everything));
                }
                // What comes before TLS is up was not said under TLS: RFC 9051 §6.2.1 and CVE-2011-0411.
                Phase::Secure if !input.is_empty() => {
                    self.end(End::Injection);
                    continue;
                }
                Phase::Secure if input.is_ended() => {
                    self.end(End::Eof);
                    continue;
                }
                Phase::Secure => return Advance::Secure,
                Phase::Secured => {
                    self.phase = Phase::Command;
                    return self.shows(Show::Secured);
                }
                _ => {}
            }
            if let Some(wanted) = self.read(input, out) {
                return wanted;
            }
        }
    }

    fn event<'i>(&mut self, input: &'i Input, out: &mut Vec<u8>) -> Option<Event<'i>> {
        let show = core::mem::replace(&mut self.show, Show::Nothing);
        match show {
            Show::BodyLost => {
                self.appending = false;
                Some(Event::BodyLost)
            }
            Show::Connected => Some(Event::Connected(self.ask::<Connect>(Kind::Connect))),
            Show::Ended(how) => {
                self.phase = Phase::Ended;
                Some(Event::Ended(how))
            }
            Show::Frame(frame) => {
                self.shown = true;
                Some(self.framed(frame, input, out))
            }
            Show::Next => Some(Event::Next(self.ask::<Next>(Kind::Reply))),
            Show::Nothing => None,
            Show::Secured => self.tls.map(Event::Secured),
            Show::Sync(allowed) => {
                self.syncing = allowed;
                let ask = self.ask::<Sync>(Kind::Sync);
                Some(Event::Sync(ask, self.mode, allowed))
            }
        }
    }

    fn settle(&mut self, answered: Answered<Imap>, out: &mut Vec<u8>) -> Result<(), Stale> {
        let answer = self.asking.take(answered)?;
        self.settled(answer, out);
        Ok(())
    }

    fn refuse(&mut self, out: &mut Vec<u8>) {
        if self.asking.forget() {
            let refusal = match self.kind {
                Kind::Append => Append::refusal().into(),
                Kind::Bearer => Bearer::<Imap>::refusal().into(),
                Kind::Connect => Connect::refusal().into(),
                Kind::External => External::<Imap>::refusal().into(),
                Kind::Lookup => Lookup::<Imap>::refusal().into(),
                Kind::Reply => Run::refusal().into(),
                Kind::SignIn => SignIn::<Imap>::refusal().into(),
                Kind::Sync => Sync::refusal().into(),
            };
            self.settled(refusal, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let limits = &self.config.limits;
        if self.asking.is_open() {
            return Some(self.asked + limits.answer_wait);
        }
        match self.phase {
            Phase::Start | Phase::Ending(_) | Phase::Ended => None,
            _ if self.stage == Stage::NotAuthenticated => Some(self.began + limits.login_wait),
            Phase::Append => Some(self.active + limits.body_wait),
            Phase::Command if self.unread > 0 => Some(self.active + limits.body_wait),
            Phase::Idle if self.poked && self.stage == Stage::Selected && self.told.is_some() => {
                let told = self.told.map(|told| told + limits.idle_gap);
                told.filter(|told| *told > self.now).or(Some(self.active + limits.idle))
            }
            _ => Some(self.active + limits.idle),
        }
    }

    fn poke(&mut self) {
        self.poked = true;
    }

    fn secured(&mut self, facts: TlsFacts) {
        self.tls = Some(facts);
        match self.phase {
            // TLS from the first octet: nothing was said before.
            Phase::Start => {}
            Phase::Ending(_) | Phase::Ended => {}
            // RFC 9051 §6.2.1: forget all that was heard.
            _ => {
                self.phase = Phase::Secured;
                self.framer = Framer::new();
                self.stage = Stage::NotAuthenticated;
                self.mode = Mode::default();
                (self.errors, self.junk) = (0, 0);
                (self.began, self.active) = (self.now, self.now);
            }
        }
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        let (code, text) = match why {
            Reason::Abuse => (None, "Enough"),
            Reason::Account => (None, "The account has changed, sign in again"),
            // RFC 5530 §3.
            Reason::Crowd => (Some(Code::Limit), "Too many connections from your network"),
            Reason::Haste => (Some(Code::Limit), "You connect too often, come back later"),
            Reason::Lost => return self.end(End::Closed(why)),
            Reason::Overload => (Some(Code::Unavailable), "Too busy, come back later"),
            Reason::Shutdown => (Some(Code::Unavailable), "The server shuts down"),
        };
        self.bye(out, End::Closed(why), code.as_ref(), text);
    }
}

impl Server {
    /// Hears the answer to the question that was open.
    fn settled(&mut self, answer: Answer, out: &mut Vec<u8>) {
        // While idling the client waits for nothing, and what it is told says nothing of it.
        self.settled = self.phase != Phase::Idle;
        match (self.kind, answer) {
            (Kind::Append, Answer::Decision(decision)) => self.decided(decision),
            (Kind::Bearer, Answer::Grant(grant)) => self.granted(grant, out),
            (Kind::Connect, Answer::Admission(admission)) => self.greet(admission, out),
            (Kind::Lookup, Answer::Found(found)) => self.found(found, out),
            (Kind::Reply, Answer::Reply(reply)) => self.replied(reply),
            (Kind::External | Kind::SignIn, Answer::Verdict(verdict)) => self.verdict(verdict, out),
            (Kind::Sync, Answer::Update(update)) => {
                self.update = Some(update);
                self.updated = 0;
            }
            // An ask belongs to its question, so its answer does too.
            (_, Answer::Decision(_) | Answer::Admission(_) | Answer::Found(_)) => {}
            (_, Answer::Grant(_)) => {}
            (_, Answer::Reply(_) | Answer::Verdict(_) | Answer::Update(_)) => {}
        }
    }

    fn greet(&mut self, admission: Admission, out: &mut Vec<u8>) {
        if admission == Admission::Refuse {
            return self.bye(
                out,
                End::Refused,
                Some(&Code::Unavailable),
                "No service for you now, come back later",
            );
        }
        out.extend_from_slice(b"* OK [CAPABILITY");
        capability::write(out, &self.config, self.tls.as_ref(), false);
        out.extend_from_slice(b"] ");
        super::response::words::human(out, &self.config.hostname);
        out.extend_from_slice(b" ready\r\n");
        self.phase = Phase::Command;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("phase", &self.phase)
            .field("stage", &self.stage)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
