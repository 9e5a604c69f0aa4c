//! The sessions of one thread: what each sends next, and what each hears.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use posthaste_core::machine::{Ask, End};
use posthaste_core::sasl::client::Exchange;
use posthaste_core::session::{Act, Handler, Pair, Place, Responder};
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::event::{Next, Why};
use posthaste_core::smtp::client::{Client, Envelope, Event, Order, Piece, Response};
use posthaste_core::smtp::extension::BodyKind;
use posthaste_mio::clients::{Caller, InboxOf};
use posthaste_tls::link::Fault;
use slab::Slab;

use super::live::{Live, Stop};
use super::message::{Clock, Source};
use super::plan::Plan;
use super::schedule::{Micros, Schedule, Take};
use super::tally::{Phase, Tally};
use crate::random::Random;

/// Connections of a thread that may be on their way to their first message. More would only fall out of the
/// server's queue.
const RAMP: usize = 128;
/// How long no connection is opened after one has failed, at first and at most; it doubles.
const PAUSE: (Micros, Micros) = (20_000, 1_000_000);
/// How long nothing but failures is borne, before any connection came about and later. Unless the load has a
/// duration: then it lasts as long.
const BORNE: (Micros, Micros) = (2_000_000, 10_000_000);
/// How often to look whether somebody wants it to stop.
const LOOK: Micros = 100_000;

/// What a session is.
pub(super) type Session = Pair<Client, Ear>;

/// The sessions of one thread, what they share, and what was counted.
pub(super) struct Shift {
    plan: Arc<Plan>,
    live: Arc<Live>,
    schedule: Schedule,
    /// What was counted.
    pub(super) tally: Tally,
    random: Random,
    clock: Clock,
    sessions: usize,
    talks: Slab<Talk>,
    /// Sessions that wait for a message.
    idle: VecDeque<(Responder<Next>, usize)>,
    /// Connections that were not ready yet.
    coming: usize,
    /// Since when every connection failed.
    failing: Option<Micros>,
    pause: Micros,
    /// No connection is opened before.
    resume: Micros,
    connected: usize,
}

/// One connection.
struct Talk {
    /// Since when the next reply is waited for.
    since: Micros,
    /// TCP was up.
    connected: bool,
    /// It was ready for a message, once.
    ready: bool,
    /// Commands of one envelope leave together.
    pipelined: bool,
    messages: u64,
    job: Option<Box<Job>>,
    /// Why it ended was told.
    told: bool,
}

/// One message under way.
struct Job {
    source: Source,
    /// When it was due.
    due: Micros,
    size: u64,
    /// Recipients in all, those accepted, those whose message was.
    recipients: u64,
    accepted: u64,
    delivered: u64,
    /// The server has refused all of it.
    refused: bool,
}

/// What there is to do before the next turn.
pub(super) struct Todo {
    /// Connections to be opened.
    pub(super) connect: usize,
    /// When to look again.
    pub(super) wake: Micros,
    /// No message begins any more.
    pub(super) over: bool,
}

impl Shift {
    pub(super) fn new(plan: &Arc<Plan>, live: &Arc<Live>, thread: usize) -> Self {
        let mut random = Random::new(plan.seed.wrapping_add(thread as u64));
        Self {
            schedule: plan.schedule(thread, &mut random),
            sessions: plan.share(thread),
            plan: Arc::clone(plan),
            live: Arc::clone(live),
            tally: Tally::new(),
            random,
            clock: Clock::default(),
            talks: Slab::new(),
            idle: VecDeque::new(),
            coming: 0,
            failing: None,
            pause: PAUSE.0,
            resume: 0,
            connected: thread,
        }
    }

    /// Hands out messages that are due, and says what else there is to do. `open` connections are open.
    pub(super) fn plan(&mut self, open: usize) -> Todo {
        let now = self.plan.now();
        while let Some((responder, talk)) = self.idle.pop_front() {
            match self.next(talk, now) {
                Some(order) => drop(responder.post(order)),
                None => {
                    self.idle.push_front((responder, talk));
                    break;
                }
            }
        }
        let look = if self.is_over(now) { Take::Over } else { self.schedule.look(now) };
        let wake = now + LOOK;
        let connect = match look {
            Take::Over => 0,
            _ if now < self.resume || !self.idle.is_empty() => 0,
            _ => {
                let ready = usize::try_from(self.schedule.ready(now)).unwrap_or(usize::MAX);
                let wanted = ready.saturating_sub(self.coming);
                wanted.min(self.sessions.saturating_sub(open)).min(RAMP.saturating_sub(self.coming))
            }
        };
        let wake = match look {
            Take::Wait(until) => wake.min(until),
            Take::Begin(_) if now < self.resume => wake.min(self.resume),
            _ => wake,
        };
        Todo { connect, wake, over: look == Take::Over }
    }

    /// Whether no message begins any more, whatever the schedule says.
    fn is_over(&mut self, now: Micros) -> bool {
        let borne = if self.tally.ready == 0 { BORNE.0 } else { BORNE.1 };
        let nobody = self.talks.len() == self.coming;
        let long = self.failing.is_some_and(|since| now.saturating_sub(since) > borne);
        let hopeless = nobody && long;
        if hopeless && self.plan.until == Micros::MAX {
            self.tally.gave_up = true;
        }
        self.tally.gave_up || self.live.stop() != Stop::No
    }

    /// A connection begins.
    pub(super) fn call(&mut self) -> u64 {
        let talk = Talk {
            since: self.plan.now(),
            connected: false,
            ready: false,
            pipelined: false,
            messages: 0,
            job: None,
            told: false,
        };
        self.coming += 1;
        self.talks.insert(talk) as u64
    }

    /// The address for the next connection.
    pub(super) fn source(&mut self) -> Option<std::net::IpAddr> {
        let sources = &self.plan.sources;
        let source = sources.get(self.connected % sources.len().max(1)).copied();
        self.connected += self.plan.threads;
        source
    }

    /// Counts what never began. To be called once, at the end.
    pub(super) fn end(&mut self) {
        let stopped = self.live.stop() != Stop::No;
        let missed = self.schedule.missed(self.plan.now(), &mut self.random);
        if !stopped {
            self.tally.unsent += missed;
            if self.tally.gave_up && self.plan.rate.is_none() {
                self.tally.unsent += self.plan.left.swap(0, Ordering::Relaxed);
            }
        }
    }

    /// What a session that is ready does; nothing, if it is to wait.
    fn next(&mut self, id: usize, now: Micros) -> Option<Order> {
        let spent = self.talks.get(id).is_none_or(|talk| talk.messages >= self.plan.per_connection);
        if spent || self.is_over(now) {
            self.expect(id, now);
            return Some(Order::Quit);
        }
        match self.schedule.take(now, &mut self.random) {
            Take::Begin(due) => Some(self.begin(id, due.unwrap_or(now), now)),
            Take::Over => {
                self.expect(id, now);
                Some(Order::Quit)
            }
            Take::Wait(_) => None,
        }
    }

    /// The next reply counts from now.
    fn expect(&mut self, id: usize, now: Micros) {
        if let Some(talk) = self.talks.get_mut(id) {
            talk.since = now;
        }
    }

    fn begin(&mut self, id: usize, due: Micros, now: Micros) -> Order {
        let number = self.live.number();
        self.tally.begun += 1;
        let plan = Arc::clone(&self.plan);
        let count = plan.recipients as u64;
        let first = number.wrapping_mul(count);
        let from = plan.from.get(number);
        let to: Vec<_> =
            (0..count).filter_map(|more| plan.to.get(first.wrapping_add(more))).collect();
        let name = |address: Option<&posthaste_core::grammar::address::Address>| {
            address.map_or_else(String::new, |address| address.as_str().to_owned())
        };
        let source = plan.maker.make(
            number,
            &name(from.as_ref()),
            &name(to.first()),
            self.clock.date(),
            &mut self.random,
        );
        let source = match source {
            Ok(source) => source,
            Err(error) => {
                self.tally.failed += 1;
                self.live.failed.fetch_add(1, Ordering::Relaxed);
                self.tally.fault("file", || error.to_string());
                return Order::Quit;
            }
        };
        let ascii = source.is_ascii();
        let envelope = Envelope {
            sender: from,
            recipients: to.into_iter().map(Into::into).collect(),
            size: Some(source.size()),
            body: if ascii { BodyKind::SevenBit } else { BodyKind::EightBitMime },
            ..Envelope::default()
        };
        let Some(talk) = self.talks.get_mut(id) else { return Order::Quit };
        talk.messages += 1;
        talk.since = now;
        talk.job = Some(Box::new(Job {
            size: source.size(),
            source,
            due,
            recipients: count,
            accepted: 0,
            delivered: 0,
            refused: false,
        }));
        Order::Send(Box::new(envelope))
    }

    fn hear(&mut self, id: usize, event: Event<'_>, at: &Place<SmtpClient>) -> Act<SmtpClient> {
        let now = self.plan.now();
        match event {
            Event::Ready(ask) => return self.ready(id, ask, now, at),
            Event::Source(ask) => {
                let job = self.talks.get_mut(id).and_then(|talk| talk.job.as_mut());
                let piece = job.map_or(Piece::Abort, |job| job.source.next());
                match piece {
                    Piece::Abort => self.tally.fault("file", || "cannot be read on".into()),
                    Piece::Last(_) => self.expect(id, now),
                    Piece::More(_) => {}
                }
                return ask.with(piece).into();
            }
            Event::Greeted(response) => self.reply(id, Phase::Greeting, response, now),
            Event::Hello(response, offer) => {
                self.reply(id, Phase::Hello, response, now);
                if let Some(talk) = self.talks.get_mut(id) {
                    talk.pipelined = offer.pipelining && self.plan.config.pipelining;
                }
            }
            Event::StartTls(response) => self.refusal(id, Phase::Tls, response),
            Event::Secured(_) => self.timed(id, Phase::Tls, now),
            Event::SignedIn(response) | Event::SignInFailed(response) => {
                self.reply(id, Phase::Auth, response, now);
            }
            Event::GaveUp(why) => self.gave_up(id, why),
            Event::NotSent(why) => {
                self.tally.fault("not sent", || why.to_string());
                self.settle(id, now, true);
            }
            Event::Sender(response) => self.answered(id, Phase::Mail, response, now),
            Event::Recipient(_, response) => {
                if response.is_positive()
                    && let Some(job) = self.talks.get_mut(id).and_then(|talk| talk.job.as_mut())
                {
                    job.accepted += 1;
                }
                self.answered(id, Phase::Rcpt, response, now);
            }
            Event::Data(response) => self.answered(id, Phase::Data, response, now),
            Event::Chunk(response) => self.refusal(id, Phase::Chunk, response),
            Event::Delivery(recipient, response) => {
                if response.is_positive()
                    && let Some(job) = self.talks.get_mut(id).and_then(|talk| talk.job.as_mut())
                {
                    // SMTP answers for all, LMTP for each.
                    job.delivered += if recipient.is_some() { 1 } else { job.accepted };
                }
                self.refusal(id, Phase::Message, response);
                let since = self.talks.get(id).map_or(now, |talk| talk.since);
                self.tally.time(Phase::Message, now.saturating_sub(since));
            }
            Event::Reset(response) => {
                self.refusal(id, Phase::Reset, response);
                self.expect(id, now);
            }
            Event::Finished => self.settle(id, now, false),
            Event::Quit(response) => self.reply(id, Phase::Quit, response, now),
            Event::Ended(end) => self.ended(id, end, now),
            _ => {}
        }
        Act::Done
    }

    fn ready(
        &mut self,
        id: usize,
        ask: Ask<Next>,
        now: Micros,
        at: &Place<SmtpClient>,
    ) -> Act<SmtpClient> {
        self.failing = None;
        if let Some(talk) = self.talks.get_mut(id)
            && !talk.ready
        {
            talk.ready = true;
            self.coming = self.coming.saturating_sub(1);
            self.tally.ready += 1;
            self.pause = PAUSE.0;
        }
        match self.next(id, now) {
            Some(order) => ask.with(order).into(),
            None => {
                self.idle.push_back((at.later(ask), id));
                Act::Later
            }
        }
    }

    /// A reply that the next command follows.
    fn reply(&mut self, id: usize, phase: Phase, response: Response<'_>, now: Micros) {
        self.refusal(id, phase, response);
        self.timed(id, phase, now);
    }

    /// A reply about the envelope, whose commands may have left together.
    fn answered(&mut self, id: usize, phase: Phase, response: Response<'_>, now: Micros) {
        self.refusal(id, phase, response);
        let Some(talk) = self.talks.get_mut(id) else { return };
        self.tally.time(phase, now.saturating_sub(talk.since));
        if !talk.pipelined {
            talk.since = now;
        }
    }

    fn timed(&mut self, id: usize, phase: Phase, now: Micros) {
        let Some(talk) = self.talks.get_mut(id) else { return };
        self.tally.time(phase, now.saturating_sub(talk.since));
        talk.since = now;
    }

    fn refusal(&mut self, id: usize, phase: Phase, response: Response<'_>) {
        if response.code() < 400 {
            return;
        }
        let job = self.talks.get_mut(id).and_then(|talk| talk.job.as_mut());
        if let Some(job) = job {
            // What follows from a refusal was said because it had left already: it tells nothing new.
            let follows = job.refused || (phase == Phase::Data && job.accepted == 0);
            // One recipient is not the whole message; and 421 is about everything.
            job.refused |= phase != Phase::Rcpt || response.code() == 421;
            // LMTP has a reply for each recipient.
            if follows && phase != Phase::Message {
                return;
            }
        }
        self.tally.refusal(phase, response.code(), || response.to_string());
    }

    /// The message under way is over. It `failed` if the server did not decide about it.
    fn settle(&mut self, id: usize, now: Micros, failed: bool) {
        let Some(job) = self.talks.get_mut(id).and_then(|talk| talk.job.take()) else { return };
        self.tally.last = now;
        self.tally.delivered += job.delivered;
        self.tally.undelivered += job.recipients.saturating_sub(job.delivered);
        if job.delivered > 0 {
            self.tally.accepted += 1;
            self.tally.octets += job.size;
            self.tally.time(Phase::Transaction, now.saturating_sub(job.due));
            self.live.accepted.fetch_add(1, Ordering::Relaxed);
            self.live.octets.fetch_add(job.size, Ordering::Relaxed);
        } else if failed && !job.refused {
            self.tally.failed += 1;
            self.live.failed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.tally.refused += 1;
            self.live.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn gave_up(&mut self, id: usize, why: Why) {
        if let Some(talk) = self.talks.get_mut(id) {
            talk.told = true;
        }
        self.tally.fault("gave up", || why.to_string());
    }

    fn ended(&mut self, id: usize, end: End, now: Micros) {
        self.settle(id, now, true);
        let told = self.talks.get(id).is_none_or(|talk| talk.told);
        let (kind, text) = match end {
            // What broke below is told when the connection is over; the others are our doing.
            End::Quit | End::Closed(_) => return,
            _ if told => return,
            End::Eof => ("closed", "the server closed the connection"),
            End::Timeout => ("timeout", "no reply in time"),
            End::Injection => ("injection", "plaintext behind STARTTLS"),
            End::Errors | End::Refused => ("refused", "the server ended the session"),
            End::Violation => ("not SMTP", "the replies make no sense"),
        };
        self.tally.fault(kind, || text.to_owned());
    }

    /// The connection is over.
    fn over(&mut self, id: usize, fault: Option<Fault>) {
        let Some(talk) = self.talks.try_remove(id) else { return };
        if talk.connected {
            self.live.open.fetch_sub(1, Ordering::Relaxed);
        }
        self.idle.retain(|(_, waiting)| *waiting != id);
        if let Some(fault) = fault {
            self.tally.fault(kind(&fault), || fault.to_string());
        }
        if !talk.ready {
            self.coming = self.coming.saturating_sub(1);
            let now = self.plan.now();
            self.failing.get_or_insert(now);
            // Those that fail together count once.
            if now >= self.resume {
                self.resume = now + self.pause;
                self.pause = (self.pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// What kind of fault it is: few, so that they can be counted.
fn kind(fault: &Fault) -> &'static str {
    use std::io::ErrorKind;
    match fault {
        Fault::NoTls | Fault::Tls(_) => "TLS",
        // Servers alone hear proxies.
        Fault::Proxy => "proxy",
        Fault::Timeout => "stalled",
        Fault::Socket(error) => match error.kind() {
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => "no local port",
            ErrorKind::BrokenPipe => "broken pipe",
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => "reset",
            ErrorKind::ConnectionRefused => "connection refused",
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "unreachable",
            ErrorKind::TimedOut => "connection timed out",
            _ => "socket",
        },
    }
}

/// What hears the events of one session.
pub(super) struct Ear {
    shift: Rc<RefCell<Shift>>,
    talk: usize,
}

impl Handler<SmtpClient> for Ear {
    fn handle(&mut self, event: Event<'_>, at: &Place<SmtpClient>) -> Act<SmtpClient> {
        self.shift.borrow_mut().hear(self.talk, event, at)
    }
}

/// Makes the sessions of one thread.
pub(super) struct Maker(pub(super) Rc<RefCell<Shift>>);

impl Caller for Maker {
    type Session = Session;

    fn connected(&mut self, call: u64) {
        let shift = &mut *self.0.borrow_mut();
        let now = shift.plan.now();
        shift.tally.connected += 1;
        shift.live.open.fetch_add(1, Ordering::Relaxed);
        shift.timed(call as usize, Phase::Connect, now);
        if let Some(talk) = shift.talks.get_mut(call as usize) {
            talk.connected = true;
        }
    }

    fn begin(&mut self, call: u64, inbox: &Arc<InboxOf<Self>>, key: u64) -> Session {
        let talk = call as usize;
        let mut shift = self.0.borrow_mut();
        let now = shift.plan.now();
        if shift.plan.peer.implicit {
            shift.timed(talk, Phase::Tls, now);
        }
        let mut nonce = [0; Exchange::NONCE];
        if shift.plan.config.account.is_some() && getrandom::fill(&mut nonce).is_err() {
            nonce.fill_with(|| shift.random.next() as u8);
        }
        let machine = Client::new(Arc::clone(&shift.plan.config), nonce);
        let ear = Ear { shift: Rc::clone(&self.0), talk };
        Pair::new(machine, ear, Place::new(inbox.clone(), key))
    }

    fn over(&mut self, call: u64, fault: Option<Fault>) {
        self.0.borrow_mut().over(call as usize, fault);
    }
}
