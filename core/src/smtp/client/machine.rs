//! How the machine is driven: framing, timers, from the greeting to the goodbye.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::config::{Config, TlsPolicy};
use super::event::{Answer, Event, Next, Open, Order, Piece, Source, Why};
use super::response::{Offer, Response, head};
use super::transaction::{Stage, Transaction};
use crate::machine::{
    Advance, Answered, Asking, End, Input, Instant, Machine, OUTPUT_HIGH, Question, Reason, Stale,
    TlsFacts,
};
use crate::sasl::Mechanism;
use crate::sasl::client::Exchange;
use crate::smtp::SmtpClient;

/// The client side of one session.
#[derive(Debug)]
pub struct Client {
    pub(super) config: Arc<Config>,
    pub(super) exchange: Option<Box<Exchange>>,
    pub(super) transaction: Option<Box<Transaction>>,
    asking: Asking,
    since: Option<Instant>,
    pub(super) offer: Offer,
    /// What was framed at the front of the input, and how many octets it has.
    unit: Option<Unit>,
    length: u32,
    shown: bool,
    /// Octets of the reply that were looked at, up to the end of a line; and its code.
    seen: u32,
    code: u16,
    /// Transactions that were begun.
    pub(super) begun: u32,
    pub(super) phase: Phase,
    pub(super) tls: Option<TlsFacts>,
    tell: bool,
    /// The sign-in was an order, and its failure is not the end.
    pub(super) ordered: bool,
    pub(super) nonce: [u8; Exchange::NONCE],
}

// Of these, 72 are what is known of TLS.
const _: () = assert!(size_of::<Client>() <= 288);

/// What the machine waits for or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A reply of a sign-in.
    Auth(Mechanism),
    /// Everything was said.
    Closed,
    /// Says how it ended.
    Ending(End),
    /// Says why it gives up.
    GivingUp(Why),
    /// The greeting.
    Greeting,
    /// The reply to EHLO or LHLO.
    Hello,
    /// The reply to HELO.
    Helo,
    /// Nothing: asks what to do.
    Idle,
    /// The reply to NOOP.
    Noop,
    /// Says why an order is not carried out.
    NotSent(Why),
    /// The reply to QUIT; and how it will have ended.
    Quit(End),
    /// TLS.
    Secure,
    /// The reply to STARTTLS.
    StartTls,
    /// A transaction.
    Transaction,
}

/// What was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Ended,
    Finished,
    GaveUp(Why),
    NotSent(Why),
    Open,
    Ready,
    Reply,
    Secured,
    Source,
}

impl Client {
    /// A session that begins. `nonce` is fresh randomness for this session only; a SCRAM sign-in uses it.
    #[must_use]
    pub fn new(config: Arc<Config>, nonce: [u8; Exchange::NONCE]) -> Self {
        Self {
            config,
            exchange: None,
            transaction: None,
            asking: Asking::new(),
            since: None,
            offer: Offer::default(),
            unit: None,
            length: 0,
            shown: false,
            seen: 0,
            code: 0,
            begun: 0,
            phase: Phase::Greeting,
            tls: None,
            tell: false,
            ordered: false,
            nonce,
        }
    }

    /// What the server offers.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    pub(super) fn end(&mut self, how: End) {
        if !matches!(self.phase, Phase::Ending(_) | Phase::Closed) {
            self.phase = Phase::Ending(how);
        }
        self.asking.forget();
        self.exchange = None;
        self.transaction = None;
        self.since = None;
    }

    /// Gives up: says QUIT.
    pub(super) fn give_up(&mut self, why: Why, out: &mut Vec<u8>) {
        out.extend_from_slice(b"QUIT\r\n");
        self.exchange = None;
        self.phase = Phase::GivingUp(why);
    }

    pub(super) fn frame(&mut self, unit: Unit, length: usize) -> Option<Advance> {
        self.unit = Some(unit);
        self.length = u32::try_from(length).unwrap_or(u32::MAX);
        self.shown = false;
        self.since = None;
        Some(Advance::Event)
    }

    fn step(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Option<Advance> {
        if self.tell && self.phase == Phase::Hello {
            self.tell = false;
            self.say_hello(out);
            return self.frame(Unit::Secured, 0);
        }
        match self.phase {
            Phase::Auth(_)
            | Phase::Greeting
            | Phase::Hello
            | Phase::Helo
            | Phase::Noop
            | Phase::Quit(_)
            | Phase::StartTls => self.reply(now, input),
            Phase::Closed => Some(Advance::Closed),
            Phase::Ending(_) => self.frame(Unit::Ended, 0),
            Phase::GivingUp(why) => {
                // RFC 5321 §4.1.1.10: the reply to QUIT is waited for, also after an error.
                self.phase = Phase::Quit(End::Refused);
                self.frame(Unit::GaveUp(why), 0)
            }
            Phase::Idle => self.frame(Unit::Ready, 0),
            Phase::NotSent(why) => {
                let open = self.transaction.is_some();
                self.phase = if open { Phase::Transaction } else { Phase::Idle };
                self.frame(Unit::NotSent(why), 0)
            }
            Phase::Secure => {
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
            Phase::Transaction => self.transact(now, input, out),
        }
    }

    /// Frames one reply, or waits for it.
    pub(super) fn reply(&mut self, now: Instant, input: &mut Input) -> Option<Advance> {
        loop {
            let seen = self.seen as usize;
            let Some(end) = input.line_end(seen) else {
                break;
            };
            let line = input.bytes().get(seen..end.saturating_sub(2)).unwrap_or_default();
            let parsed = head(line).filter(|(code, _)| seen == 0 || *code == self.code);
            let Some((code, last)) = parsed.filter(|_| end <= self.config.limits.reply_octets)
            else {
                self.end(End::Violation);
                return None;
            };
            if last {
                self.seen = 0;
                return self.frame(Unit::Reply, end);
            }
            self.code = code;
            self.seen = u32::try_from(end).unwrap_or(u32::MAX);
        }
        if input.len() > self.config.limits.reply_octets {
            self.end(End::Violation);
            return None;
        }
        if input.is_ended() {
            self.end(self.leaving().unwrap_or(End::Eof));
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now < since + self.allowance() {
            return Some(Advance::Read);
        }
        self.end(self.leaving().unwrap_or(End::Timeout));
        None
    }

    /// How it will have ended, if QUIT was said.
    const fn leaving(&self) -> Option<End> {
        match self.phase {
            Phase::Quit(how) => Some(how),
            _ => None,
        }
    }

    fn allowance(&self) -> Duration {
        let limits = &self.config.limits;
        if self.asking.is_open() {
            return limits.answer_wait;
        }
        match self.phase {
            Phase::Quit(_) => limits.quit,
            Phase::Transaction => match self.transaction.as_ref().map(|t| t.stage) {
                Some(Stage::Envelope { answered: 0, .. } | Stage::Reset) | None => limits.mail,
                Some(Stage::Envelope { .. }) => limits.rcpt,
                Some(Stage::Data) => limits.data,
                Some(Stage::Body) => limits.block,
                Some(Stage::End { .. } | Stage::Cut) => limits.end,
                // A question is open, and has its own limit.
                Some(Stage::Open) => limits.answer_wait,
            },
            _ => limits.greeting,
        }
    }

    fn hear<'i>(&mut self, raw: &'i [u8], out: &mut Vec<u8>) -> Option<Event<'i>> {
        // It was framed, so that it can be parsed.
        let response = Response::parse(raw)?;
        let phase = self.phase;
        let makes_sense = match phase {
            Phase::Auth(_) => response.code() == 334 || response.class() != 3,
            Phase::Transaction => self.transaction.as_ref().is_none_or(|t| t.may_hear(response)),
            _ => response.class() != 3,
        };
        let begin = out.len();
        let event = match phase {
            Phase::Greeting => {
                if response.code() == 220 {
                    self.say_hello(out);
                } else {
                    self.give_up(Why::Unwelcome, out);
                }
                Event::Greeted(response)
            }
            Phase::Hello | Phase::Helo => self.heard_hello(response, out),
            Phase::StartTls => {
                if response.code() == 220 {
                    self.phase = Phase::Secure;
                } else if self.config.tls == TlsPolicy::Required {
                    self.give_up(Why::NoTls, out);
                } else {
                    self.sign_in(out);
                }
                Event::StartTls(response)
            }
            Phase::Auth(mechanism) => self.heard_auth(mechanism, response, out),
            Phase::Noop => {
                self.phase = Phase::Idle;
                Event::Noop(response)
            }
            Phase::Transaction => self.heard_transaction(response, out),
            _ => {
                self.end(self.leaving().unwrap_or(End::Quit));
                Event::Quit(response)
            }
        };
        if !makes_sense {
            out.truncate(begin);
            self.end(End::Violation);
        }
        // RFC 5321 §3.8: after 421 the server closes, whatever it was about.
        if response.code() == 421 && !matches!(phase, Phase::Quit(_)) {
            self.end(End::Refused);
        }
        Some(event)
    }

    pub(super) fn say_hello(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.config.lmtp { b"LHLO " } else { b"EHLO " });
        out.extend_from_slice(self.config.hostname.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.phase = Phase::Hello;
    }

    fn heard_hello<'i>(&mut self, response: Response<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let first = self.phase == Phase::Hello;
        if !response.is_positive() {
            // RFC 5321 §3.2: an old server knows HELO only; one that must start TLS is not that old.
            let wants_more =
                self.config.tls == TlsPolicy::Required || self.config.account.is_some();
            if first && response.is_permanent() && !self.config.lmtp && !wants_more {
                out.extend_from_slice(b"HELO ");
                out.extend_from_slice(self.config.hostname.as_bytes());
                out.extend_from_slice(b"\r\n");
                self.phase = Phase::Helo;
            } else {
                self.give_up(Why::Unwelcome, out);
            }
            return Event::Hello(response, Offer::default());
        }
        self.offer = if first { Offer::parse(response) } else { Offer::default() };
        match self.config.tls {
            TlsPolicy::Offered | TlsPolicy::Required
                if self.tls.is_none() && self.offer.starttls =>
            {
                out.extend_from_slice(b"STARTTLS\r\n");
                self.phase = Phase::StartTls;
            }
            TlsPolicy::Required if self.tls.is_none() => self.give_up(Why::NoTls, out),
            _ => self.sign_in(out),
        }
        Event::Hello(response, self.offer)
    }

    fn apply(&mut self, answer: Answer, out: &mut Vec<u8>) {
        self.since = None;
        match (answer, self.transaction.is_some()) {
            (Answer::Order(Order::Open(envelope)), false) => self.begin(*envelope, true),
            (Answer::Order(Order::Send(envelope)), false) => self.begin(*envelope, false),
            (Answer::Step(step), true) if self.is_open() => self.step_on(step, out),
            (Answer::Piece(_), true) if self.is_open() => self.apply(self.refusal(), out),
            (Answer::Piece(Piece::Abort), true) => self.end(End::Closed(Reason::Lost)),
            (Answer::Piece(Piece::Last(octets)), true) => self.supply(octets, true),
            (Answer::Piece(Piece::More(octets)), true) => self.supply(octets, false),
            (Answer::Order(Order::Noop), false) => {
                out.extend_from_slice(b"NOOP\r\n");
                self.phase = Phase::Noop;
            }
            (Answer::Order(Order::Quit), false) => {
                out.extend_from_slice(b"QUIT\r\n");
                self.phase = Phase::Quit(End::Quit);
            }
            (Answer::Order(Order::SignIn(order)), false) => self.sign_in_ordered(*order, out),
            // The answer to another machine's question.
            _ => self.apply(self.refusal(), out),
        }
    }

    fn refusal(&self) -> Answer {
        if self.is_open() {
            Open::refusal().into()
        } else if self.transaction.is_some() {
            Source::refusal().into()
        } else {
            Next::refusal().into()
        }
    }
}

impl Machine for Client {
    type Protocol = SmtpClient;

    const OUTPUT: usize = OUTPUT_HIGH + 64 * 1024;

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
            if out.len() >= OUTPUT_HIGH {
                self.since = None;
                return Advance::Flush;
            }
            if self.asking.is_open() {
                let since = *self.since.get_or_insert(now);
                if now < since + self.config.limits.answer_wait {
                    return Advance::Answer;
                }
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
            Unit::Ended => Event::Ended(match self.phase {
                Phase::Ending(end) => end,
                _ => End::Eof,
            }),
            Unit::Finished => Event::Finished,
            Unit::GaveUp(why) => Event::GaveUp(why),
            Unit::NotSent(why) => Event::NotSent(why),
            Unit::Open => Event::Open(self.asking.ask()),
            Unit::Ready => Event::Ready(self.asking.ask()),
            Unit::Reply => return self.hear(bytes, out),
            Unit::Secured => Event::Secured(self.tls?),
            Unit::Source => Event::Source(self.asking.ask()),
        })
    }

    fn settle(&mut self, answered: Answered<SmtpClient>, out: &mut Vec<u8>) -> Result<(), Stale> {
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

    /// Does nothing: a client asks when it is ready.
    fn poke(&mut self) {}

    fn secured(&mut self, facts: TlsFacts) {
        self.tls = Some(facts);
        if self.phase == Phase::Secure {
            // RFC 3207 §4.2: what the server said before TLS is forgotten, and hello is said again.
            self.offer = Offer::default();
            self.tell = true;
            self.phase = Phase::Hello;
        }
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Ending(_) | Phase::Closed) {
            return;
        }
        // In the middle of a message there is no polite end.
        if why != Reason::Lost && self.phase == Phase::Idle {
            out.extend_from_slice(b"QUIT\r\n");
        }
        self.unit = None;
        self.end(End::Closed(why));
    }
}
