//! A small protocol with everything that adapters have to cope with, for the tests of all three.
//!
//! | line | what happens |
//! |---|---|
//! | `BODY n` | n octets follow, counted in runs; then `GOT n` |
//! | `QUIT` | `BYE`, the end |
//! | `SPEW n` | n octets come, in pieces as the peer takes them |
//! | `STARTTLS` | `GO`, then TLS |
//! | `TLS` | says what is known of TLS |
//! | anything else | a question to the handler, whose answer is the reply |
//!
//! The handler echoes; `later …` from another thread, `never …` not at all, `panic` panics.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses its part of this one")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use posthaste_core::gate::Arrival;
use posthaste_core::machine::{
    Advance, Answered, Ask, Asking, End, Input, Instant, Machine, Protocol, Question, Reason,
    Stale, TlsFacts,
};
use posthaste_core::session::{Act, Handler, Note, Pair, Place, Responder};
use posthaste_tls::{Factory, Inbox};

#[derive(Debug)]
pub enum Toy {}

#[derive(Debug)]
pub enum Event<'i> {
    Body(&'i [u8]),
    Ended(End),
    Line(&'i [u8], Ask<Echo>),
    Plain(&'i [u8]),
}

#[derive(Debug)]
pub enum Echo {}

impl Protocol for Toy {
    type Event<'i> = Event<'i>;
    type Answer = Vec<u8>;
}

impl Question for Echo {
    type Protocol = Toy;
    type Answer = Vec<u8>;

    fn refusal() -> Vec<u8> {
        b"refused".to_vec()
    }
}

#[derive(Debug)]
pub struct Server {
    asking: Asking,
    /// Octets that the last event showed.
    shown: usize,
    framed: bool,
    body: Option<(usize, usize)>,
    spew: usize,
    secure: bool,
    facts: Option<TlsFacts>,
    greeted: bool,
    poked: bool,
    wait: Duration,
    deadline: Option<Instant>,
    end: Option<End>,
    over: bool,
}

impl Server {
    pub fn new(wait: Duration) -> Self {
        Self {
            asking: Asking::new(),
            shown: 0,
            framed: false,
            body: None,
            spew: 0,
            secure: false,
            facts: None,
            greeted: false,
            poked: false,
            wait,
            deadline: None,
            end: None,
            over: false,
        }
    }
}

const PIECE: usize = 16 * 1024;
const MARK: usize = posthaste_core::machine::OUTPUT_HIGH;

impl Machine for Server {
    type Protocol = Toy;

    const OUTPUT: usize = PIECE;

    fn advance(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Advance {
        if self.shown > 0 {
            input.discard(self.shown);
            self.shown = 0;
            self.deadline = None;
        }
        if self.over {
            return Advance::Closed;
        }
        if self.end.is_some() {
            return Advance::Event;
        }
        if !self.greeted {
            self.greeted = true;
            out.extend_from_slice(b"HELLO\r\n");
        }
        let deadline = *self.deadline.get_or_insert(now + self.wait);
        if deadline <= now {
            self.asking.forget();
            out.extend_from_slice(b"TIMEOUT\r\n");
            self.end = Some(End::Timeout);
            return Advance::Event;
        }
        if std::mem::take(&mut self.poked) {
            out.extend_from_slice(b"POKED\r\n");
        }
        if self.asking.is_open() {
            return Advance::Answer;
        }
        if self.secure {
            if !input.is_empty() {
                self.end = Some(End::Injection);
                return Advance::Event;
            }
            return Advance::Secure;
        }
        while self.spew > 0 {
            if out.len() > MARK {
                return Advance::Flush;
            }
            let n = self.spew.min(PIECE);
            self.spew -= n;
            out.resize(out.len() + n, b'x');
        }
        if out.len() > MARK {
            return Advance::Flush;
        }
        if let Some((got, left)) = self.body {
            if left == 0 {
                self.body = None;
                out.extend_from_slice(format!("GOT {got}\r\n").as_bytes());
            } else if !input.is_empty() {
                self.framed = true;
                return Advance::Event;
            }
        }
        if self.body.is_none() && input.line_end(0).is_some() {
            self.framed = true;
            return Advance::Event;
        }
        if input.is_ended() {
            self.end = Some(End::Eof);
            return Advance::Event;
        }
        Advance::Read
    }

    fn event<'i>(&mut self, input: &'i Input, out: &mut Vec<u8>) -> Option<Event<'i>> {
        if let Some(end) = self.end.take() {
            self.over = true;
            return Some(Event::Ended(end));
        }
        if !std::mem::take(&mut self.framed) {
            return None;
        }
        if let Some((got, left)) = &mut self.body {
            let n = input.len().min(*left);
            (*got, *left) = (*got + n, *left - n);
            self.shown = n;
            return Some(Event::Body(&input.bytes()[..n]));
        }
        let end = input.bytes().iter().position(|&b| b == b'\n').map(|at| at + 1)?;
        self.shown = end;
        let line = &input.bytes()[..end - 2];
        let text = std::str::from_utf8(line).unwrap_or("?");
        let number = |text: &str| text.parse().unwrap_or(0);
        if let Some(n) = text.strip_prefix("BODY ") {
            self.body = Some((0, number(n)));
        } else if let Some(n) = text.strip_prefix("SPEW ") {
            self.spew = number(n);
        } else if text == "STARTTLS" {
            out.extend_from_slice(b"GO\r\n");
            self.secure = true;
        } else if text == "TLS" {
            out.extend_from_slice(format!("{:?}\r\n", self.facts.map(|f| f.version)).as_bytes());
        } else if text == "QUIT" {
            out.extend_from_slice(b"BYE\r\n");
            self.end = Some(End::Quit);
        } else {
            return Some(Event::Line(line, self.asking.ask()));
        }
        Some(Event::Plain(line))
    }

    fn settle(&mut self, answered: Answered<Toy>, out: &mut Vec<u8>) -> Result<(), Stale> {
        let line = self.asking.take(answered)?;
        out.extend_from_slice(&line);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn refuse(&mut self, out: &mut Vec<u8>) {
        if self.asking.forget() {
            out.extend_from_slice(b"refused\r\n");
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn poke(&mut self) {
        self.poked = true;
    }

    fn secured(&mut self, facts: TlsFacts) {
        self.secure = false;
        self.facts = Some(facts);
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        if self.over || self.end.is_some() {
            return;
        }
        self.asking.forget();
        if why != Reason::Lost {
            out.extend_from_slice(format!("CLOSING {why:?}\r\n").as_bytes());
        }
        self.end = Some(End::Closed(why));
    }
}

/// What a test can see of its sessions.
#[derive(Debug, Default)]
pub struct Book {
    pub ends: Mutex<Vec<End>>,
    pub octets: AtomicU64,
    pub made: AtomicU64,
    pub places: Mutex<Vec<Place<Toy>>>,
    pub held: Mutex<Vec<Responder<Echo>>>,
    /// Whom sessions were made for.
    pub arrivals: Mutex<Vec<Arrival>>,
}

#[derive(Debug)]
pub struct Echoes(pub Arc<Book>);

impl Handler<Toy> for Echoes {
    fn handle(&mut self, event: Event<'_>, at: &Place<Toy>) -> Act<Toy> {
        match event {
            Event::Body(run) => {
                self.0.octets.fetch_add(run.len() as u64, Ordering::SeqCst);
                Act::Done
            }
            Event::Ended(end) => {
                self.0.ends.lock().unwrap().push(end);
                Act::Done
            }
            Event::Line(b"panic", _) => panic!("as the test wants it"),
            Event::Line(line, ask) if line.starts_with(b"later") => {
                let (line, responder) = (line.to_vec(), at.later(ask));
                std::thread::spawn(move || responder.answer(line));
                Act::Later
            }
            Event::Line(line, ask) if line.starts_with(b"never") => {
                self.0.held.lock().unwrap().push(at.later(ask));
                Act::Later
            }
            Event::Line(line, ask) => ask.with(line.to_vec()).into(),
            Event::Plain(_) => Act::Done,
        }
    }
}

pub type Session = Pair<Server, Echoes>;

/// Makes toy sessions with an idle wait.
#[derive(Clone, Debug)]
pub struct Toys {
    pub book: Arc<Book>,
    pub wait: Duration,
}

impl Toys {
    pub fn new() -> Self {
        Self { book: Arc::default(), wait: Duration::from_secs(600) }
    }
}

impl Factory for Toys {
    type Session = Session;

    fn make(&self, arrival: &Arrival, inbox: &Arc<Inbox<Note<Toy>>>, key: u64) -> Session {
        self.book.made.fetch_add(1, Ordering::SeqCst);
        self.book.arrivals.lock().unwrap().push(*arrival);
        let place = Place::new(inbox.clone(), key);
        self.book.places.lock().unwrap().push(place.clone());
        Pair::new(Server::new(self.wait), Echoes(self.book.clone()), place)
    }
}
