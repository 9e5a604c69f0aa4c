//! How the machine is driven: questions, answers, the end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::config::{Config, Limits, Role};
use super::event::{
    Admission, Answer, Connect, Data, Decision, Defect, Delivery, Event, Expand, Hello, Mail,
    Recipient, Verify,
};
use super::limit::Limit;
use super::outcome::Tail;
use super::state::{Open, Phase, Stage, Unit};
use crate::line::find_stray;
use crate::machine::{
    Advance, Answered, Asking, End, Input, Instant, Machine, OUTPUT_HIGH, Question, Reason, Stale,
    TlsFacts,
};
use crate::sasl;
use crate::sasl::server::Exchange;
use crate::smtp::Smtp;
use crate::smtp::body::{Reader, Rules, Strays};
use crate::smtp::command::{Command, Verb};
use crate::smtp::reply::{self, Enhanced, Reply};
use crate::text::Text;

/// The server side of one session. Holds no heap but the shared [`Config`], unless a sign-in is going
/// on or a long list of LMTP replies waits to be written.
///
/// ```
/// use std::sync::Arc;
/// use posthaste_core::machine::{Advance, Input, Instant, Machine};
/// use posthaste_core::smtp::server::{Admission, Config, Event, Role, Server};
///
/// let mut server = Server::new(Arc::new(Config::new(Role::Smtp, "mx.example.test")));
/// let (mut input, mut out) = (Input::new(), Vec::new());
/// assert_eq!(server.advance(Instant::ZERO, &mut input, &mut out), Advance::Event);
/// let Some(Event::Connected(ask)) = server.event(&input, &mut out) else { panic!() };
/// server.answer(ask, Admission::Accept, &mut out).unwrap();
/// assert_eq!(out, b"220 mx.example.test ESMTP Posthaste\r\n");
/// ```
#[derive(Debug)]
pub struct Server {
    pub(super) config: Arc<Config>,
    pub(super) exchange: Option<Box<Exchange>>,
    pub(super) tail: Option<Box<Tail>>,
    pub(super) asking: Asking,
    /// Since when we wait for what we wait for.
    pub(super) since: Option<Instant>,
    pub(super) body: Reader,
    /// Milliseconds spent waiting for commands since hello or the last message; or for octets of a message, and how
    /// many came, in this span.
    pub(super) waited: u32,
    pub(super) arrived: u32,
    pub(super) recipients: u32,
    pub(super) transactions: u32,
    pub(super) errors: u32,
    junk: u32,
    /// Recipients that were refused for now since a message was taken.
    pub(super) overshoot: u32,
    /// A limit that the handler has not heard of yet.
    pub(super) reached: Option<Limit>,
    pub(super) auth_failures: u32,
    /// What was framed at the front of the input, and how many octets it has.
    unit: Option<Unit>,
    length: u32,
    /// `event` has returned it.
    shown: bool,
    pub(super) phase: Phase,
    open: Open,
    pub(super) tls: Option<TlsFacts>,
    /// TLS is up and the handler does not know yet.
    tell: bool,
    pub(super) hello: Option<Hello>,
    pub(super) signed_in: bool,
    pub(super) strained: bool,
    /// The greeting was a refusal: only QUIT is awaited.
    pub(super) turned_away: bool,
    /// The rest of an overlong line is still to come.
    pub(super) overlong: bool,
    /// How far the transaction is.
    pub(super) stage: Stage,
    pub(super) smtputf8: bool,
    /// MAIL said BINARYMIME.
    pub(super) binary: bool,
}

// Of these, 72 are what is known of TLS.
const _: () = assert!(size_of::<Server>() <= 264);

impl Server {
    /// A session that begins.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            exchange: None,
            tail: None,
            asking: Asking::new(),
            since: None,
            body: Reader::new(),
            waited: 0,
            arrived: 0,
            recipients: 0,
            transactions: 0,
            errors: 0,
            junk: 0,
            overshoot: 0,
            reached: None,
            auth_failures: 0,
            unit: None,
            length: 0,
            shown: false,
            phase: Phase::Fresh,
            open: Open::Connect,
            tls: None,
            tell: false,
            hello: None,
            signed_in: false,
            strained: false,
            turned_away: false,
            overlong: false,
            stage: Stage::None,
            smtputf8: false,
            binary: false,
        }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(super) fn limits(&self) -> &Limits {
        if self.strained { &self.config.strained } else { &self.config.limits }
    }

    pub(super) fn rules(&self) -> Rules {
        let limits = self.limits();
        Rules {
            octets: limits.message_size,
            line: limits.text_line,
            strays: match self.config.role {
                _ if self.binary => Strays::Kept,
                Role::Submission => Strays::Mended,
                Role::Lmtp | Role::Smtp => Strays::Refused,
            },
        }
    }

    /// Asks, and remembers what.
    pub(super) fn ask<Q: Question>(&mut self, open: Open) -> crate::machine::Ask<Q> {
        self.open = open;
        self.asking.ask()
    }

    /// Says something that is no error.
    pub(super) fn say(out: &mut Vec<u8>, code: u16, enhanced: Enhanced, text: &str) {
        reply::write(out, code, Some(enhanced), text);
    }

    /// Says no by itself: counts the error, and ends the session if there were too many.
    pub(super) fn deny(
        &mut self,
        out: &mut Vec<u8>,
        code: u16,
        enhanced: Enhanced,
        why: &'static str,
    ) {
        if !self.may_err(out) {
            return;
        }
        if code == 421 {
            Self::say(out, code, enhanced, why);
            return self.end(End::Errors);
        }
        self.say_no(&Reply::constant(code, enhanced, why), out);
    }

    /// Says no in the host's words. In LMTP the peer is ours, and not punished for its recipients.
    pub(super) fn deny_with(&mut self, out: &mut Vec<u8>, reply: &Reply) {
        if reply.is_permanent() && self.config.role != Role::Lmtp {
            if self.may_err(out) {
                self.say_no(reply, out);
            }
            return;
        }
        reply.write(out);
        if reply.code() == 421 {
            self.end(End::Refused);
        }
    }

    /// Refuses a command, and shows it.
    pub(super) fn bad<'i>(
        &mut self,
        command: Command<'i>,
        out: &mut Vec<u8>,
        code: u16,
        enhanced: Enhanced,
        why: &'static str,
    ) -> Event<'i> {
        self.deny(out, code, enhanced, why);
        Event::Bad { line: Text(command.shown()), code, why }
    }

    /// Counts a command that brings no mail nearer. Says whether it may be answered.
    pub(super) fn may_idle(&mut self, out: &mut Vec<u8>) -> bool {
        self.junk = self.junk.saturating_add(1);
        if self.junk <= self.limits().junk_commands {
            return true;
        }
        Self::say(out, 421, Enhanced(4, 7, 0), "Too many commands without mail");
        self.reach(Limit::JunkCommands);
        self.end(End::Errors);
        false
    }

    /// Forgets the transaction.
    pub(super) fn reset(&mut self) {
        self.stage = Stage::None;
        self.recipients = 0;
        self.smtputf8 = false;
        self.binary = false;
        self.body = Reader::new();
    }

    /// A message was taken: what the peer did before is forgiven.
    pub(super) fn forgive(&mut self) {
        self.junk = 0;
        self.overshoot = 0;
    }

    /// A message came to its end: how long the peer takes is measured anew.
    pub(super) fn measure_anew(&mut self) {
        self.waited = 0;
        self.arrived = 0;
    }

    /// Takes lines or octets of a message from now on.
    pub(super) fn receive(&mut self, phase: Phase) {
        self.phase = phase;
        self.measure_anew();
    }

    /// It is over, but for saying so.
    pub(super) fn end(&mut self, how: End) {
        if !matches!(self.phase, Phase::Ending(_) | Phase::Closed) {
            self.phase = Phase::Ending(how);
        }
        self.asking.forget();
        self.exchange = None;
        self.since = None;
        self.overlong = false;
    }

    pub(super) fn frame(&mut self, unit: Unit, length: usize) -> Option<Advance> {
        self.unit = Some(unit);
        // An input is smaller than that.
        self.length = u32::try_from(length).unwrap_or(u32::MAX);
        self.shown = false;
        self.since = None;
        Some(Advance::Event)
    }

    /// One step; `None` if another is to be taken at once.
    fn step(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Option<Advance> {
        match self.phase {
            Phase::Fresh => self.frame(Unit::Connected, 0),
            Phase::Command if self.tell => {
                self.tell = false;
                self.frame(Unit::Secured, 0)
            }
            Phase::Auth(_) | Phase::Command => self.line(now, input, out),
            Phase::Lines => {
                let rules = self.rules();
                let step = self.body.lines(input.bytes(), rules);
                self.body_step(step, now, input, out)
            }
            Phase::Chunk(last) => {
                let rules = self.rules();
                let step = self.body.counted(input.bytes(), rules, last);
                self.body_step(step, now, input, out)
            }
            Phase::Secure => {
                // RFC 3207 §4: nothing that came in clear may be taken for something said under TLS.
                if !input.is_empty() {
                    self.end(End::Injection);
                    return None;
                }
                if input.is_ended() {
                    self.end(End::Eof);
                    return None;
                }
                Some(Advance::Secure)
            }
            Phase::Ending(_) => self.frame(Unit::Ended, 0),
            Phase::Closed => Some(Advance::Closed),
        }
    }

    /// How long the host may think.
    fn answer_wait(&self) -> Duration {
        self.limits().answer_wait_in(self.config.role)
    }

    /// What the open question's deadline or the wait for the peer allows.
    fn allowance(&self) -> Duration {
        if self.asking.is_open() {
            self.answer_wait()
        } else if self.keeps_back() {
            self.limits().tarpit_delay
        } else {
            self.patience().0
        }
    }

    /// Hears a line; `clean` if it is known to hold no stray octet.
    fn command<'i>(&mut self, line: &'i [u8], clean: bool, out: &mut Vec<u8>) -> Event<'i> {
        if let Phase::Auth(mechanism) = self.phase {
            return self.auth_line(mechanism, line, out);
        }
        let command = Command::parse(line);
        if !clean && let Some((_, stray)) = find_stray(line) {
            let why = match stray {
                crate::line::Stray::Cr => "A bare CR in a command",
                crate::line::Stray::Lf => "A bare LF in a command",
                crate::line::Stray::Nul => "A NUL in a command",
            };
            // RFC 5321 §4.1.2.
            return self.unread(command, out, 501, why);
        }
        if self.turned_away && command.verb != Verb::Quit {
            // RFC 5321 §3.1.
            return self.bad(command, out, 503, Enhanced(5, 5, 1), "Nothing is done here but QUIT");
        }
        // RFC 3207 §4: what may be said before TLS where TLS is required.
        let free = matches!(
            command.verb,
            Verb::Ehlo
                | Verb::Helo
                | Verb::Lhlo
                | Verb::Noop
                | Verb::Quit
                | Verb::Rset
                | Verb::StartTls
                | Verb::Bdat
        );
        if self.config.require_tls && self.tls.is_none() && !free {
            let why = "Say STARTTLS first";
            return self.bad(command, out, 530, Enhanced(5, 7, 0), why);
        }
        match command.verb {
            Verb::Auth => self.auth(command, out),
            Verb::Bdat => self.bdat(command, out),
            Verb::Data => self.data(command, out),
            Verb::Ehlo => self.hello(command, Hello::Ehlo, out),
            // RFC 1985: a server that does not offer it does not know it; nothing waits here for dial-up.
            Verb::Etrn => {
                self.bad(command, out, 502, Enhanced(5, 5, 1), "No mail waits here to be fetched")
            }
            Verb::Expn => self.expn(command, out),
            Verb::Helo => self.hello(command, Hello::Helo, out),
            Verb::Help => self.help(command, out),
            Verb::Lhlo => self.hello(command, Hello::Lhlo, out),
            Verb::Mail => self.mail(command, out),
            Verb::Noop => self.noop(command, out),
            Verb::Quit => self.quit(command, out),
            Verb::Rcpt => self.rcpt(command, out),
            Verb::Rset => self.rset(command, out),
            Verb::StartTls => self.starttls(command, out),
            Verb::Unknown => self.unknown(command, out),
            Verb::Vrfy => self.vrfy(command, out),
            Verb::XClient => self.xclient(command, out),
        }
    }

    /// A line over its limit: its beginning is here.
    fn too_long<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        if matches!(self.phase, Phase::Auth(_)) {
            self.exchange = None;
            self.phase = Phase::Command;
            self.reach(Limit::AuthLine);
            // RFC 4954 §4.
            let why = "The line of the sign-in is too long";
            self.deny(out, 500, Enhanced(5, 5, 6), why);
            return Event::Bad { line: Text(b""), code: 500, why };
        }
        let command = Command::parse(line);
        let is_auth = command.verb == Verb::Auth && !command.args.is_empty();
        self.reach(if is_auth { Limit::AuthLine } else { Limit::CommandLine });
        if command.is_http() {
            return self.unknown(command, out);
        }
        self.unread(command, out, 500, "The line is too long")
    }

    /// Refuses a line that was not taken apart.
    fn unread<'i>(
        &mut self,
        command: Command<'i>,
        out: &mut Vec<u8>,
        code: u16,
        why: &'static str,
    ) -> Event<'i> {
        let event = self.bad(command, out, code, Enhanced(5, 5, 2), why);
        if command.verb == Verb::Bdat {
            // How many octets of a message follow is not known, and none of them may be taken for a command.
            self.end(End::Errors);
        }
        event
    }

    fn admit(&mut self, admission: Admission, out: &mut Vec<u8>) {
        match admission {
            Admission::Refuse(reply) => {
                // RFC 5321 §3.8: after 421 the connection is closed.
                if reply.code() == 421 {
                    reply.write(out);
                    return self.end(End::Refused);
                }
                // RFC 5321 §3.1: after 554 the peer says QUIT; it has not long for that.
                reply::write(out, 554, reply.enhanced(), reply.text());
                self.turned_away = true;
                self.strained = true;
                self.phase = Phase::Command;
                return;
            }
            Admission::Accept => {}
            Admission::Strained => self.strained = true,
        }
        self.phase = Phase::Command;
        let kind = if self.config.role == Role::Lmtp { " LMTP" } else { " ESMTP" };
        out.extend_from_slice(b"220 ");
        out.extend_from_slice(self.config.hostname.as_bytes());
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b" Posthaste\r\n");
    }

    fn apply(&mut self, answer: Answer, out: &mut Vec<u8>) {
        self.since = None;
        match (self.open, answer) {
            (Open::Bearer, Answer::Grant(grant)) => self.granted(grant, out),
            (Open::Connect, Answer::Admission(admission)) => self.admit(admission, out),
            (Open::Data(transfer), Answer::Decision(decision)) => {
                self.data_decided(transfer, &decision, out);
            }
            (Open::Delivery, Answer::Outcome(outcome)) => self.delivered(outcome, out),
            (Open::Lookup, Answer::Found(found)) => self.looked_up(found, out),
            (Open::Mail, Answer::Decision(decision)) => self.mail_decided(&decision, out),
            (Open::Recipient, Answer::Decision(decision)) => self.rcpt_decided(&decision, out),
            (Open::External | Open::SignIn, Answer::Verdict(verdict)) => self.judged(verdict, out),
            (Open::Expand(utf8) | Open::Verify(utf8), Answer::Reply(reply)) => {
                reply.write_query(utf8, out);
            }
            // The answer to another machine's question; its type says so.
            _ => self.apply(self.refusal(), out),
        }
    }

    fn refusal(&self) -> Answer {
        match self.open {
            Open::Bearer => sasl::Bearer::<Smtp>::refusal().into(),
            Open::Connect => Connect::refusal().into(),
            Open::Data(_) => Data::refusal().into(),
            Open::Delivery => Delivery::refusal().into(),
            Open::Expand(_) => Expand::refusal().into(),
            Open::External => sasl::External::<Smtp>::refusal().into(),
            Open::Lookup => sasl::Lookup::<Smtp>::refusal().into(),
            Open::Mail => Mail::refusal().into(),
            Open::Recipient => Recipient::refusal().into(),
            Open::SignIn => sasl::SignIn::<Smtp>::refusal().into(),
            Open::Verify(_) => Verify::refusal().into(),
        }
    }
}

impl Machine for Server {
    type Protocol = Smtp;

    const OUTPUT: usize = 40 * 1024;

    fn advance(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Advance {
        if let Some(unit) = self.unit {
            if !self.shown {
                return Advance::Event;
            }
            input.discard(self.length as usize);
            self.unit = None;
            if unit == Unit::Ended {
                self.phase = Phase::Closed;
            }
        }
        loop {
            let waits = out.len() >= OUTPUT_HIGH;
            if !waits && let Some(limit) = self.reached.take() {
                self.frame(Unit::Limited(limit), 0);
                return Advance::Event;
            }
            if !waits && self.is_stuck(now, out) {
                return Advance::Pause;
            }
            if waits || !self.write_tail(out) {
                // The peer is not late while it is our words that wait.
                self.since = None;
                return Advance::Flush;
            }
            if self.asking.is_open() {
                let since = *self.since.get_or_insert(now);
                if now < since + self.answer_wait() {
                    return Advance::Answer;
                }
                self.reach(Limit::AnswerWait);
                self.refuse(out);
                continue;
            }
            if let Some(advance) = self.step(now, input, out) {
                return advance;
            }
        }
    }

    fn event<'i>(&mut self, input: &'i Input, out: &mut Vec<u8>) -> Option<Event<'i>> {
        let unit = self.unit.filter(|_| !self.shown)?;
        self.shown = true;
        let bytes = input.bytes().get(..self.length as usize).unwrap_or_default();
        Some(match unit {
            Unit::BodyEnd => self.body_end(),
            Unit::BodyLost => self.body_lost(out),
            Unit::Connected => Event::Connected(self.ask(Open::Connect)),
            Unit::Ended => Event::Ended(match self.phase {
                Phase::Ending(end) => end,
                _ => End::Eof,
            }),
            Unit::Limited(limit) => Event::Limited(limit),
            Unit::Line(clean) => {
                let line = bytes.get(..bytes.len().saturating_sub(2)).unwrap_or_default();
                self.command(line, clean, out)
            }
            Unit::Newline => Event::Body(Text(b"\r\n")),
            Unit::Overlong => self.too_long(bytes, out),
            Unit::Run => Event::Body(Text(bytes)),
            Unit::Secured => Event::Secured(self.tls?),
            Unit::Skipped => Event::Skipped(Text(bytes)),
        })
    }

    fn settle(&mut self, answered: Answered<Smtp>, out: &mut Vec<u8>) -> Result<(), Stale> {
        let answer = self.asking.take(answered)?;
        self.apply(answer, out);
        Ok(())
    }

    fn refuse(&mut self, out: &mut Vec<u8>) {
        if self.asking.forget() {
            let answer = self.refusal();
            self.apply(answer, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.allowance())
    }

    /// Does nothing: there is no news in SMTP that could not wait.
    fn poke(&mut self) {}

    fn secured(&mut self, facts: TlsFacts) {
        self.tls = Some(facts);
        self.tell = true;
        if self.phase == Phase::Secure {
            // RFC 3207 §4.2: what the peer said before TLS is forgotten.
            self.phase = Phase::Command;
            self.hello = None;
            self.signed_in = false;
            self.measure_anew();
            self.reset();
        }
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Ending(_) | Phase::Closed) {
            return;
        }
        // RFC 5321 §3.8. While TLS starts there is nobody to talk to; and replies that wait come first, since
        // who does not hear them sends the message again.
        if why == Reason::Lost {
            self.tail = None;
        } else if self.phase != Phase::Secure && !self.waits_to_speak(out) {
            let (enhanced, text) = match why {
                Reason::Abuse => (Enhanced(4, 7, 0), "Enough of this, closing the connection"),
                Reason::Account => (Enhanced(4, 7, 0), "Sign in again, closing the connection"),
                Reason::Crowd => {
                    (Enhanced(4, 7, 0), "Too many connections from your network, closing this one")
                }
                Reason::Haste => {
                    (Enhanced(4, 7, 0), "You connect too often, closing the connection")
                }
                Reason::Overload => (Enhanced(4, 3, 2), "Too busy, closing the connection"),
                Reason::Lost | Reason::Shutdown => {
                    (Enhanced(4, 3, 2), "Shutting down, closing the connection")
                }
            };
            Self::say(out, 421, enhanced, text);
        }
        self.unit = None;
        self.end(End::Closed(why));
    }
}

impl Server {
    /// Whether a decision is yes; if it is no, says so.
    pub(super) fn agreed(&mut self, decision: &Decision, out: &mut Vec<u8>) -> bool {
        match decision {
            Decision::Accept => true,
            // A yes in the form of a no would leave peer and machine of two minds.
            Decision::Refuse(reply) if reply.is_positive() => {
                self.deny_with(out, &Reply::later());
                false
            }
            Decision::Refuse(reply) => {
                self.deny_with(out, reply);
                false
            }
        }
    }

    /// What a spoiled message is told.
    pub(super) const fn verdict_on(defect: Defect) -> (u16, Enhanced, &'static str) {
        match defect {
            Defect::BareCr => (550, Enhanced(5, 6, 0), "The message holds a bare CR"),
            Defect::BareLf => (550, Enhanced(5, 6, 0), "The message holds a bare LF"),
            Defect::DoubtfulEnd => {
                (550, Enhanced(5, 6, 0), "The message holds a bare CR before its end")
            }
            Defect::LongLine => {
                (550, Enhanced(5, 6, 0), "The message holds a line that is too long")
            }
            Defect::Nul => (550, Enhanced(5, 6, 0), "The message holds a NUL"),
            Defect::TooBig => (552, Enhanced(5, 3, 4), "The message is too big"),
        }
    }
}
