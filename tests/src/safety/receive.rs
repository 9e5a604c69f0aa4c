//! The server machine, with a host that says yes to everything and remembers.

use std::sync::Arc;

use posthaste_core::machine::{Advance, Answered, End, Input, Instant, Machine, TlsFacts};
use posthaste_core::sasl::Verdict;
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::event::Defect;
use posthaste_core::smtp::server::{Admission, Config, Decision, Event, Outcome, Server};

use super::cut::Cut;

/// What came out of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Transactions that began.
    pub mails: usize,
    /// The sender of the last one.
    pub sender: String,
    /// Recipients that were accepted.
    pub recipients: usize,
    /// Sign-ins that succeeded.
    pub sign_ins: usize,
    /// Messages that were whole and taken.
    pub messages: Vec<Vec<u8>>,
    /// Messages that were of no use, and why.
    pub lost: Vec<Defect>,
    /// Everything the server said.
    pub said: Vec<u8>,
    /// How it ended, if it did.
    pub end: Option<End>,
}

impl Heard {
    /// The codes of the server's replies, in their order.
    #[must_use]
    pub fn codes(&self) -> Vec<u16> {
        codes(&self.said)
    }
}

/// The codes of replies, in their order: the first three octets of each last line.
#[must_use]
pub fn codes(said: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(said);
    let lines = text.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    lines.map(|line| line.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)).collect()
}

/// What a host is asked.
#[derive(Clone, Debug)]
pub enum Asked<'a> {
    /// May somebody with this password sign in?
    SignIn(&'a [u8]),
    /// May this sender, as it stands in the command, send?
    Mail(String),
    /// May this recipient have it?
    Recipient(String),
    /// Is a message of this sender welcome, or the first chunk of one?
    Data(&'a str),
    /// What of this message?
    Message(&'a [u8]),
}

/// What a host thinks: nothing is yes.
pub type Opinion = fn(&Asked<'_>) -> Option<Reply>;

/// A session of the server machine.
#[derive(Debug)]
pub struct Receiver {
    /// The machine.
    pub server: Server,
    /// What has arrived.
    pub input: Input,
    /// What was heard and said.
    pub heard: Heard,
    opinion: Opinion,
    body: Vec<u8>,
    out: Vec<u8>,
    now: Instant,
}

impl Receiver {
    /// Somebody connects; the greeting is said. The host says yes to everything.
    #[must_use]
    pub fn new(config: &Arc<Config>) -> Self {
        Self::with(config, |_| None)
    }

    /// Somebody connects; the greeting is said.
    #[must_use]
    pub fn with(config: &Arc<Config>, opinion: Opinion) -> Self {
        let mut receiver = Self {
            opinion,
            server: Server::new(Arc::clone(config)),
            input: Input::new(),
            heard: Heard::default(),
            body: Vec::new(),
            out: Vec::new(),
            now: Instant::ZERO,
        };
        let _ = receiver.turn();
        receiver
    }

    /// Octets arrive. Says what the machine waits for then.
    pub fn hear(&mut self, octets: &[u8]) -> Advance {
        self.input.push(octets);
        self.turn()
    }

    /// Octets arrive; gives what is said to them.
    pub fn ask(&mut self, octets: &[u8]) -> Vec<u8> {
        let before = self.heard.said.len();
        let _ = self.hear(octets);
        self.heard.said[before..].to_vec()
    }

    /// The peer goes away.
    pub fn hang_up(&mut self) {
        self.input.end();
        let _ = self.turn();
    }

    /// TLS is up.
    pub fn secure(&mut self) {
        self.server.secured(TlsFacts::TEST);
        let _ = self.turn();
    }

    /// Goes as far as it can.
    pub fn turn(&mut self) -> Advance {
        loop {
            let wanted = self.server.advance(self.now, &mut self.input, &mut self.out);
            match wanted {
                Advance::Event => {}
                Advance::Flush => self.heard.said.append(&mut self.out),
                // Who makes many errors has to wait.
                Advance::Pause => self.now = self.server.deadline().expect("a pause has an end"),
                // What it has no opinion about is refused, as `Session` does it.
                Advance::Answer => self.server.refuse(&mut self.out),
                Advance::Closed | Advance::Read | Advance::Secure => {
                    self.heard.said.append(&mut self.out);
                    return wanted;
                }
            }
            if wanted == Advance::Event
                && let Some(event) = self.server.event(&self.input, &mut self.out)
                && let Some(answered) = answer(event, self.opinion, &mut self.heard, &mut self.body)
            {
                self.server.settle(answered, &mut self.out).expect("the question is open");
            }
        }
    }
}

/// Says what the host thinks, and remembers.
fn answer(
    event: Event<'_>,
    opinion: Opinion,
    heard: &mut Heard,
    body: &mut Vec<u8>,
) -> Option<Answered<Smtp>> {
    let decide = |asked: &Asked<'_>| opinion(asked).map_or(Decision::Accept, Decision::Refuse);
    Some(match event {
        Event::Connected(ask) => ask.with(Admission::Accept),
        Event::SignIn(ask, credentials) => {
            let right = opinion(&Asked::SignIn(credentials.password().expose())).is_none();
            heard.sign_ins += usize::from(right);
            ask.with(if right { Verdict::Accepted } else { Verdict::Rejected })
        }
        Event::Mail(ask, from) => {
            heard.sender = from.path.to_string();
            let decision = decide(&Asked::Mail(heard.sender.clone()));
            heard.mails += usize::from(decision == Decision::Accept);
            ask.with(decision)
        }
        Event::Recipient(ask, to) => {
            let decision = decide(&Asked::Recipient(to.path.to_string()));
            heard.recipients += usize::from(decision == Decision::Accept);
            ask.with(decision)
        }
        Event::Data(ask, _) => {
            body.clear();
            ask.with(decide(&Asked::Data(&heard.sender)))
        }
        Event::Body(run) => {
            body.extend_from_slice(run.as_bytes());
            return None;
        }
        Event::BodyEnd(ask, received) => {
            assert_eq!(received.octets, body.len() as u64, "octets shown and octets counted");
            let message = std::mem::take(body);
            let reply = opinion(&Asked::Message(&message)).unwrap_or_else(|| Reply::taken("Ok"));
            if reply.is_positive() {
                heard.messages.push(message);
            }
            ask.with(Outcome::All(reply))
        }
        Event::BodyLost(defect) => {
            heard.lost.push(defect);
            body.clear();
            return None;
        }
        Event::Ended(end) => {
            assert_eq!(heard.end.replace(end), None, "it ends once");
            return None;
        }
        _ => return None,
    })
}

/// A whole session: `octets` arrive as `cut` says, then the peer goes away.
#[must_use]
pub fn receive(config: &Arc<Config>, octets: &[u8], cut: Cut) -> Heard {
    let mut receiver = Receiver::new(config);
    for piece in cut.pieces(octets) {
        let _ = receiver.hear(piece);
    }
    receiver.hang_up();
    receiver.heard
}
