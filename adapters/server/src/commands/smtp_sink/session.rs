//! One session of the sink: says yes, unless it is to go wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::Arrival;
use posthaste_core::machine::{Ask, Question, Reason};
use posthaste_core::sasl::scram::{Hash, Key, Verifier};
use posthaste_core::sasl::{Credentials, Found, Identity, Known, Verdict};
use posthaste_core::session::{Act, Handler, Note, Pair, Place, Responder};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::{Delivery, Received};
use posthaste_core::smtp::server::{Admission, Decision, Event, Role, Server};
use posthaste_mio::{Factory, InboxOf};
use serde_json::json;

use super::Sink;
use super::fate::{Fate, Stage, Turn};
use super::figures::count;
use super::keep::{Arriving, Kept};
use crate::random::Random;

/// Makes sessions.
pub(super) struct Takers(pub(super) Arc<Sink>);

impl Factory for Takers {
    type Session = Pair<Server, Taker>;

    fn make(&self, arrival: &Arrival, inbox: &Arc<InboxOf<Self>>, key: u64) -> Self::Session {
        let sink = Arc::clone(&self.0);
        sink.figures.came();
        let taker = Taker {
            random: Random::new(sink.seed.wrapping_add(sink.session())),
            peer: arrival.peer,
            hello: String::new(),
            tls: false,
            sender: String::new(),
            envelope: None,
            message: None,
            arriving: false,
            sink: Arc::clone(&sink),
        };
        Pair::new(Server::new(Arc::clone(&sink.config)), taker, Place::new(inbox.clone(), key))
    }
}

/// Who may sign in.
#[derive(Debug)]
pub(super) enum Auth {
    /// Anybody, by any password.
    Anybody,
    /// Nobody: it is not offered.
    Nobody,
    /// One.
    One {
        /// The name.
        user: String,
        /// The password.
        password: String,
        /// What proves that somebody knows it, for each hash.
        verifiers: Box<[Verifier; 2]>,
    },
}

/// Hears one session.
pub(super) struct Taker {
    sink: Arc<Sink>,
    random: Random,
    peer: SocketAddr,
    hello: String,
    tls: bool,
    /// The sender of this transaction; kept only where messages are.
    sender: String,
    envelope: Option<Envelope>,
    message: Option<Arriving>,
    /// Octets of this message came.
    arriving: bool,
}

/// What becomes of a message.
pub(super) struct Verdicts {
    /// Octets it has.
    pub(super) octets: u64,
    /// A code for each reply that refuses it; one reply, or in LMTP one a recipient.
    pub(super) codes: Vec<Option<u16>>,
    /// Recipients that get it.
    pub(super) taken: u32,
    delay: Duration,
    /// The connection breaks.
    cut: bool,
}

/// What MAIL and RCPT said, parameters and all.
struct Envelope {
    from: String,
    to: Vec<String>,
}

impl Taker {
    fn draw(&mut self, stage: Stage) -> Fate {
        self.sink.fates.draw(stage, &mut self.random)
    }

    /// Answers with `yes`, or as fate has it.
    fn answer<Q>(
        &mut self,
        stage: Stage,
        ask: Ask<Q>,
        at: &Place<Smtp>,
        yes: Q::Answer,
        no: impl FnOnce(u16) -> Q::Answer,
    ) -> Act<Smtp>
    where
        Q: Question<Protocol = Smtp>,
        Q::Answer: Send,
    {
        let fate = self.draw(stage);
        self.meet(stage, fate, ask, at, yes, no)
    }

    /// Answers as this fate has it.
    fn meet<Q>(
        &self,
        stage: Stage,
        fate: Fate,
        ask: Ask<Q>,
        at: &Place<Smtp>,
        yes: Q::Answer,
        no: impl FnOnce(u16) -> Q::Answer,
    ) -> Act<Smtp>
    where
        Q: Question<Protocol = Smtp>,
        Q::Answer: Send,
    {
        self.sink.figures.fate(stage, fate.turn);
        let answer = match fate.turn {
            Turn::Accept => Some(yes),
            Turn::Disconnect => None,
            Turn::Fail(code) => Some(no(code)),
        };
        match (answer, &self.sink.delays) {
            (answer, Some(delays)) if !fate.delay.is_zero() => {
                let responder = at.later(ask);
                delays.later(fate.delay, move || match answer {
                    Some(answer) => responder.answer(answer),
                    None => cut(responder),
                });
                Act::Later
            }
            (Some(answer), _) => ask.with(answer).into(),
            (None, _) => Act::Close(Reason::Lost),
        }
    }

    /// Octets of a message: kept, unless the connection breaks here.
    fn body(&mut self, run: &[u8]) -> Act<Smtp> {
        if !std::mem::replace(&mut self.arriving, true) {
            let fate = self.draw(Stage::Body);
            self.sink.figures.fate(Stage::Body, fate.turn);
            if fate.turn == Turn::Disconnect {
                return Act::Close(Reason::Lost);
            }
        }
        if let Some(keeper) = &self.sink.keeper {
            self.message.get_or_insert_with(|| keeper.begin()).write(run);
        }
        Act::Done
    }

    fn whole(&mut self, ask: Ask<Delivery>, received: Received, at: &Place<Smtp>) -> Act<Smtp> {
        let verdict = self.judge(received);
        let message = self.message.take();
        let (sender, envelope) = (std::mem::take(&mut self.sender), self.envelope.take());
        let sink = Arc::clone(&self.sink);
        if verdict.delay.is_zero() {
            if verdict.cut {
                return Act::Close(Reason::Lost);
            }
            if sink.keeper.is_none() {
                return ask.with(sink.took(&verdict)).into();
            }
        }
        let envelope = envelope.map(|envelope| self.envelope_text(&envelope));
        let delay = verdict.delay;
        let responder = at.later(ask);
        let finish = move || {
            if verdict.cut {
                return cut(responder);
            }
            match &sink.keeper {
                Some(keeper) if verdict.taken > 0 => {
                    let told = Arc::clone(&sink);
                    keeper.keep(Kept {
                        // It may be without an octet.
                        message: message.unwrap_or_else(|| keeper.begin()),
                        sender,
                        envelope,
                        outcome: Box::new(
                            move |kept| {
                                if kept { told.took(&verdict) } else { told.lost() }
                            },
                        ),
                        responder,
                    });
                }
                _ => responder.answer(sink.took(&verdict)),
            }
        };
        match &self.sink.delays {
            Some(delays) if !delay.is_zero() => delays.later(delay, finish),
            _ => finish(),
        }
        Act::Later
    }

    /// What becomes of a message that is whole.
    fn judge(&mut self, received: Received) -> Verdicts {
        let lmtp = self.sink.config.role == Role::Lmtp;
        let mut verdict = Verdicts {
            octets: received.octets,
            codes: Vec::new(),
            taken: 0,
            delay: Duration::ZERO,
            cut: false,
        };
        // LMTP has a fate for each recipient.
        for _ in 0..if lmtp { received.recipients } else { 1 } {
            let fate = self.draw(Stage::Message);
            self.sink.figures.fate(Stage::Message, fate.turn);
            verdict.delay = verdict.delay.max(fate.delay);
            verdict.codes.push(match fate.turn {
                Turn::Accept => {
                    verdict.taken += if lmtp { 1 } else { received.recipients };
                    None
                }
                Turn::Disconnect => {
                    verdict.cut = true;
                    break;
                }
                Turn::Fail(code) => Some(code),
            });
        }
        verdict
    }

    fn envelope_text(&self, envelope: &Envelope) -> String {
        let envelope = json!({
            "from": envelope.from,
            "to": envelope.to,
            "hello": self.hello,
            "peer": self.peer.to_string(),
            "tls": self.tls,
        });
        format!("{envelope:#}\n")
    }

    fn sign_in(&self, credentials: &Credentials<'_>) -> Verdict {
        match &self.sink.auth {
            Auth::Anybody => Verdict::Accepted,
            Auth::Nobody => Verdict::Rejected,
            Auth::One { user, password, .. } => {
                let right = credentials.user().as_bytes() == user.as_bytes()
                    && credentials.password().expose() == password.as_bytes();
                if right { Verdict::Accepted } else { Verdict::Rejected }
            }
        }
    }

    fn lookup(&mut self, identity: &Identity) -> Found {
        let Auth::One { user, verifiers, .. } = &self.sink.auth else { return Found::Unavailable };
        let wanted =
            |known: &&Verifier| identity.mechanism.hash().is_some_and(|hash| known.is_for(hash));
        let Some(mut verifier) = verifiers.iter().find(wanted).cloned() else {
            return Found::Unavailable;
        };
        if identity.user != *user {
            // A proof of keys that nobody has fails.
            let octets: [u8; Hash::MOST] = std::array::from_fn(|_| self.random.next() as u8);
            let hash = verifier.stored_key.hash();
            if let Some(nobodys) = Key::new(hash, &octets[..hash.size()]) {
                verifier.stored_key = nobodys;
            }
        }
        let mut nonce = [0; Known::NONCE];
        if getrandom::fill(&mut nonce).is_err() {
            return Found::Unavailable;
        }
        Found::Known(Box::new(Known { verifier, nonce }))
    }
}

impl Handler<Smtp> for Taker {
    fn handle(&mut self, event: Event<'_>, at: &Place<Smtp>) -> Act<Smtp> {
        if self.sink.verbose && !matches!(event, Event::Body(_) | Event::Skipped(_)) {
            eprintln!("{} {event:?}", self.peer);
        }
        let refuse = |code| Decision::Refuse(refusal(code));
        match event {
            Event::Connected(ask) => {
                let refuse = |code| Admission::Refuse(refusal(code));
                return self.answer(Stage::Connect, ask, at, Admission::Accept, refuse);
            }
            Event::SignIn(ask, credentials) => {
                let verdict = self.sign_in(&credentials);
                if verdict == Verdict::Accepted {
                    count(&self.sink.figures.signed_in);
                }
                let refuse = |code| {
                    if code == 454 { Verdict::Unavailable } else { Verdict::Rejected }
                };
                return self.answer(Stage::Auth, ask, at, verdict, refuse);
            }
            Event::Lookup(ask, identity) => {
                let found = self.lookup(&identity);
                return self.answer(Stage::Auth, ask, at, found, |_| Found::Unavailable);
            }
            Event::SignedIn { .. } => count(&self.sink.figures.signed_in),
            Event::Mail(ask, from) => {
                self.message = None;
                self.arriving = false;
                if let Some(keeper) = &self.sink.keeper {
                    self.sender = from.path.to_string().trim_matches(['<', '>']).to_owned();
                    let from = format!("{from:?}");
                    self.envelope =
                        keeper.wants_envelopes().then(|| Envelope { from, to: Vec::new() });
                }
                return self.answer(Stage::Mail, ask, at, Decision::Accept, refuse);
            }
            Event::Recipient(ask, to) => {
                let fate = self.draw(Stage::Rcpt);
                if let (Some(envelope), Turn::Accept) = (&mut self.envelope, fate.turn) {
                    envelope.to.push(format!("{to:?}"));
                }
                return self.meet(Stage::Rcpt, fate, ask, at, Decision::Accept, refuse);
            }
            Event::Data(ask, _) => {
                return self.answer(Stage::Data, ask, at, Decision::Accept, refuse);
            }
            Event::Body(run) => return self.body(run.as_bytes()),
            Event::BodyEnd(ask, received) => return self.whole(ask, received, at),
            Event::BodyLost(_) => {
                self.message = None;
                count(&self.sink.figures.spoiled);
            }
            Event::Hello { name, .. } => {
                self.message = None;
                self.hello = name.to_string();
            }
            Event::Reset => self.message = None,
            Event::Secured(_) => {
                self.tls = true;
                count(&self.sink.figures.secured);
            }
            Event::Bad { .. } => count(&self.sink.figures.bad),
            Event::Ended(end) => {
                self.message = None;
                self.sink.figures.went(end);
            }
            _ => {}
        }
        Act::Done
    }
}

/// Breaks the connection. What the responder says when it is dropped comes too late then.
fn cut<Q: Question<Protocol = Smtp>>(responder: Responder<Q>) {
    responder.place().send(Note::Close(Reason::Lost));
}

/// What is said when it goes wrong.
pub(super) fn refusal(code: u16) -> Reply {
    // 4xx or 5xx: that is the class too.
    let class = (code / 100) as u8;
    Reply::constant(code, Enhanced(class, 3, 0), "Refused, as was wanted")
}
