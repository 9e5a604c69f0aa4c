//! The server's side of POP3.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | [`event`](Event) | what it reports and asks, and the answers |
//! | [`config`](Config) | what it is told once |
//! | `auth` | USER, PASS, AUTH, and the way into the maildrop |
//! | `capa`, `lang` | CAPA; LANG |
//! | `list` | STAT, LIST, UIDL |
//! | `mark` | DELE, RSET |
//! | `quit` | QUIT |
//! | `retr` | RETR, TOP |
//! | `stls` | STLS, UTF8 |
//!
//! # States
//! ```text
//!            Connected        SignIn or Lookup…          Open
//!   greeting ────────▶ AUTHORIZATION ────────▶ signed in ────▶ TRANSACTION ──QUIT──▶ UPDATE ──▶ Ended
//!                        ▲    │ STLS             │ no
//!                        └────┴──────────────────┘
//! ```
//! A session that ends without QUIT deletes nothing (RFC 1939 §6). A wait that runs out ends it without a word (§3).
//! A [`poke`](Machine::poke) means nothing here: a maildrop does not change while it is open.

mod auth;
mod capa;
mod config;
mod event;
mod lang;
mod list;
mod mark;
mod quit;
mod retr;
mod stls;
#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use event::{
    Admission, Answer, Connect, Event, Open, Opened, Piece, Source, Update, Updated, Wanted,
};

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use smallvec::SmallVec;

use super::command::{self, Command, Fault};
use super::reply::{self, Code};
use super::{Deletions, Maildrop, Pop3, body};
use crate::line::{self, CRLF};
use crate::machine::{
    Advance, Answered, Ask, Asking, End, Input, Instant, Machine, OUTPUT_HIGH, Question, Reason,
    Stale, TlsFacts,
};
use crate::sasl::{self, Mechanism, server::Exchange};
use crate::text::Text;

/// Octets of a line over the limit that are read in hope of its end; then the session ends.
const OVERLONG: u32 = 1024 * 1024;

/// A POP3 server, as one session sees it.
pub struct Server {
    config: Arc<Config>,
    asking: Asking,
    asked: Asked,
    due: Option<Instant>,
    /// Something happened: the deadline begins anew.
    rearm: bool,
    framed: Framed,
    /// Octets that the last event showed.
    shown: u32,
    /// Octets of a line over the limit that were dropped; 0 outside of one.
    skipped: u32,
    tls: Option<TlsFacts>,
    utf8: bool,
    errors: u32,
    failures: u32,
    state: State,
    job: Job,
}

// Of these, 72 are what is known of TLS.
const _: () = assert!(size_of::<Server>() <= 272);

/// What `advance` framed for `event`.
#[derive(Clone, Copy, Default)]
enum Framed {
    Connected,
    Ended,
    /// A line of so many octets.
    Line(u32),
    More,
    #[default]
    Nothing,
    Open,
    Secured,
    /// The rest of a line over the limit.
    TooLong(u32),
}

/// The open question, to refuse it.
#[derive(Clone, Copy)]
enum Asked {
    Bearer,
    Connect,
    External,
    Lookup,
    Open,
    SignIn,
    Source,
    Update,
}

enum State {
    /// Waits for a command, with the name that USER gave.
    Authorization(Name),
    /// To be reported; then over.
    Ending(End),
    Exchange(Mechanism, Exchange),
    /// Nothing was said yet.
    New,
    Over,
    /// STLS was accepted.
    Secure,
    /// The maildrop is to be opened.
    SignedIn,
    /// The host looks at credentials.
    SigningIn,
    Transaction(Transaction),
    /// The host deletes.
    Updating,
}

/// A name without heap, if it is not very long.
type Name = SmallVec<[u8; 24]>;

struct Transaction {
    maildrop: Arc<dyn Maildrop>,
    deletions: Deletions,
    count: u32,
    /// Octets of all messages.
    total: u64,
    /// Octets of the marked ones.
    marked: u64,
}

/// What is on its way out.
enum Job {
    Body {
        body: body::Body,
        number: u32,
        /// `+OK` was said.
        begun: bool,
    },
    List {
        what: list::Column,
        next: u32,
    },
    Nothing,
}

impl Server {
    /// A session of the listener that `config` describes. Where TLS comes first, call
    /// [`secured`](Machine::secured) before the first [`advance`](Machine::advance).
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            asking: Asking::new(),
            asked: Asked::Connect,
            due: None,
            rearm: true,
            framed: Framed::Nothing,
            shown: 0,
            skipped: 0,
            tls: None,
            utf8: false,
            errors: 0,
            failures: 0,
            state: State::New,
            job: Job::Nothing,
        }
    }

    fn ask<Q: Question<Protocol = Pop3>>(&mut self, asked: Asked) -> Ask<Q> {
        self.asked = asked;
        self.asking.ask()
    }

    fn answered(&mut self, answer: Answer, out: &mut Vec<u8>) {
        match answer {
            Answer::Admission(admission) => self.admitted(admission, out),
            Answer::Found(found) => self.found(found, out),
            Answer::Grant(grant) => self.granted(grant, out),
            Answer::Opened(opened) => self.opened(opened, out),
            Answer::Piece(piece) => self.piece(piece, out),
            Answer::Updated(updated) => self.updated(updated, out),
            Answer::Verdict(verdict) => self.judged(verdict, out),
        }
    }

    fn admitted(&mut self, admission: Admission, out: &mut Vec<u8>) {
        match admission {
            Admission::Accept => {
                for part in ["+OK ", &*self.config.hostname, " POP3 ready"] {
                    out.extend_from_slice(part.as_bytes());
                }
                out.extend_from_slice(CRLF);
                self.state = State::Authorization(Name::new());
            }
            Admission::Refuse => {
                reply::err_with(Code::SysTemp, "Too busy, try again later", out);
                self.end(End::Refused);
            }
        }
    }

    fn line<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        if let State::Exchange(..) = self.state {
            return self.response(line, out);
        }
        if line::find_stray(line).is_some() {
            return self.bad(Text(b""), "Line holds CR, LF or NUL", out);
        }
        match Command::parse(line) {
            Ok(command) => self.command(command, line, out),
            Err(Fault::Syntax) => self.bad(command::shown(line), "Wrong arguments", out),
            Err(Fault::Unknown) => self.bad(command::shown(line), "Unknown command", out),
        }
    }

    fn command<'i>(
        &mut self,
        command: Command<'i>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let inside = matches!(self.state, State::Transaction(_));
        match command {
            Command::Capa => self.capa(out),
            Command::Lang(range) => self.lang(range, line, out),
            Command::Quit => self.quit(out),
            Command::Auth { mechanism, initial } if !inside => {
                self.auth(mechanism, initial, line, out)
            }
            Command::Pass(password) if !inside => self.pass(password, line, out),
            Command::Stls if !inside => self.stls(line, out),
            Command::User(name) if !inside => self.user(name, line, out),
            Command::Utf8 if !inside => self.utf8(out),
            Command::Auth { .. }
            | Command::Pass(_)
            | Command::Stls
            | Command::User(_)
            | Command::Utf8 => self.bad(command::shown(line), "Only before sign-in", out),
            _ if !inside => self.bad(command::shown(line), "Sign in first", out),
            Command::Dele(number) => self.dele(number, line, out),
            Command::List(number) => self.list(list::Column::Size, number, line, out),
            Command::Noop => {
                reply::ok("Nothing done", out);
                Event::Noop
            }
            Command::Retr(number) => self.retr(number, line, out),
            Command::Rset => self.rset(out),
            Command::Stat => self.stat(out),
            Command::Top(number, lines) => self.top(number, lines, line, out),
            Command::Uidl(number) => self.list(list::Column::Uid, number, line, out),
        }
    }

    /// A fault of the peer, which counts.
    fn bad<'i>(&mut self, line: Text<'i>, why: &'static str, out: &mut Vec<u8>) -> Event<'i> {
        reply::err(why, out);
        self.error(out);
        Event::Bad { line, why }
    }

    /// Something that cannot be had, which does not count.
    fn missing<'i>(&self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        let why = "No such message";
        reply::err(why, out);
        Event::Bad { line: command::shown(line), why }
    }

    /// Counts a fault, and ends the session when it was one too many.
    fn error(&mut self, out: &mut Vec<u8>) {
        self.errors = self.errors.saturating_add(1);
        if self.errors > self.config.limits.errors {
            reply::err("Too many errors", out);
            self.end(End::Errors);
        }
    }

    fn end(&mut self, how: End) {
        self.asking.forget();
        self.framed = Framed::Nothing;
        self.job = Job::Nothing;
        self.due = None;
        self.state = State::Ending(how);
    }

    /// The deadline has passed.
    fn expire(&mut self, out: &mut Vec<u8>) {
        if self.asking.is_open() {
            self.refuse(out);
        } else {
            // RFC 1939 §3: without a response, and without deleting anything.
            self.end(End::Timeout);
        }
    }

    fn rearm(&mut self, now: Instant) {
        let limits = &self.config.limits;
        let open = self.asking.is_open();
        self.due = Some(now + if open { limits.answer_wait } else { limits.idle });
        self.rearm = false;
    }

    /// Goes on with what is on its way out.
    fn work(&mut self, out: &mut Vec<u8>) -> Option<Advance> {
        let next = match &mut self.job {
            Job::Nothing => return None,
            Job::Body { body, .. } => retr::work(body, out),
            Job::List { what, next } => match &self.state {
                State::Transaction(transaction) => transaction.list(*what, next, out),
                _ => body::Next::Done,
            },
        };
        self.rearm = true;
        match next {
            body::Next::Done => {
                self.job = Job::Nothing;
                None
            }
            body::Next::Step => Some(Advance::Flush),
            // Not before what there is has left: a slow reader must not fill the memory.
            body::Next::Piece if out.len() >= OUTPUT_HIGH => Some(Advance::Flush),
            body::Next::Piece => {
                self.framed = Framed::More;
                Some(Advance::Event)
            }
        }
    }

    /// Looks for the next line.
    fn frame(&mut self, input: &mut Input) -> Advance {
        let limits = &self.config.limits;
        let exchange = matches!(self.state, State::Exchange(..));
        let limit = if exchange { limits.auth_line } else { limits.line };
        let end = input.line_end(0);
        // An input holds less than 4 GiB.
        let octets = u32::try_from(end.unwrap_or(input.len())).unwrap_or(u32::MAX);
        if self.skipped.saturating_add(octets) > OVERLONG {
            return self.ended(End::Errors);
        }
        if let Some(end) = end {
            let fits = end <= limit && self.skipped == 0;
            self.framed = if fits { Framed::Line(octets) } else { Framed::TooLong(octets) };
            self.skipped = 0;
            return Advance::Event;
        }
        if input.is_ended() {
            return self.ended(End::Eof);
        }
        if self.skipped > 0 || input.len() >= limit {
            // The last octet may be the CR of the end.
            let dropped = octets.saturating_sub(1);
            input.discard(dropped as usize);
            self.skipped = self.skipped.saturating_add(dropped);
        }
        Advance::Read
    }

    /// Nothing more is to be framed.
    fn ended(&mut self, how: End) -> Advance {
        self.end(how);
        self.framed = Framed::Ended;
        Advance::Event
    }
}

impl Machine for Server {
    type Protocol = Pop3;

    // A listing or a message is written up to the high mark and one step beyond. Nothing else is that long:
    // the longest line is a challenge, of 16 KiB.
    const OUTPUT: usize = OUTPUT_HIGH + body::OUTPUT;

    fn advance(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Advance {
        input.discard(mem::take(&mut self.shown) as usize);
        loop {
            match self.state {
                State::Over => return Advance::Closed,
                State::Ending(_) => {
                    self.framed = Framed::Ended;
                    return Advance::Event;
                }
                _ => {}
            }
            let late = self.due.is_some_and(|due| due <= now);
            if !matches!(self.framed, Framed::Nothing) {
                if late {
                    self.rearm(now);
                }
                return Advance::Event;
            }
            if self.rearm {
                self.rearm(now);
            } else if late {
                self.expire(out);
                continue;
            }
            if self.asking.is_open() {
                return Advance::Answer;
            }
            match self.state {
                State::New => self.framed = Framed::Connected,
                State::SignedIn => self.framed = Framed::Open,
                State::Secure if !input.is_empty() => self.end(End::Injection),
                State::Secure if input.is_ended() => self.end(End::Eof),
                State::Secure => return Advance::Secure,
                _ => {
                    if out.len() >= OUTPUT_HIGH {
                        return Advance::Flush;
                    }
                    if let Some(wanted) = self.work(out) {
                        self.rearm(now);
                        return wanted;
                    }
                    if self.rearm {
                        self.rearm(now);
                    }
                    if out.len() >= OUTPUT_HIGH {
                        return Advance::Flush;
                    }
                    return self.frame(input);
                }
            }
        }
    }

    fn event<'i>(&mut self, input: &'i Input, out: &mut Vec<u8>) -> Option<Event<'i>> {
        let framed = mem::take(&mut self.framed);
        if let Framed::Nothing = framed {
            return None;
        }
        self.rearm = true;
        Some(match framed {
            Framed::Connected => Event::Connected(self.ask(Asked::Connect)),
            Framed::Ended => {
                let State::Ending(how) = mem::replace(&mut self.state, State::Over) else {
                    return None;
                };
                Event::Ended(how)
            }
            Framed::Line(octets) => {
                self.shown = octets;
                let octets = octets as usize;
                let line = input.bytes().get(..octets.saturating_sub(CRLF.len()));
                self.line(line.unwrap_or_default(), out)
            }
            Framed::More => Event::More(self.ask(Asked::Source)),
            Framed::Nothing => return None,
            Framed::Open => Event::Open(self.ask(Asked::Open)),
            Framed::Secured => return self.tls.map(Event::Secured),
            Framed::TooLong(octets) => {
                self.shown = octets;
                self.too_long(out)
            }
        })
    }

    fn settle(&mut self, answered: Answered<Pop3>, out: &mut Vec<u8>) -> Result<(), Stale> {
        let answer = self.asking.take(answered)?;
        self.rearm = true;
        self.answered(answer, out);
        Ok(())
    }

    fn refuse(&mut self, out: &mut Vec<u8>) {
        if !self.asking.forget() {
            return;
        }
        self.rearm = true;
        let refusal = match self.asked {
            Asked::Bearer => sasl::Bearer::<Pop3>::refusal().into(),
            Asked::Connect => Connect::refusal().into(),
            Asked::External => sasl::External::<Pop3>::refusal().into(),
            Asked::Lookup => sasl::Lookup::<Pop3>::refusal().into(),
            Asked::Open => Open::refusal().into(),
            Asked::SignIn => sasl::SignIn::<Pop3>::refusal().into(),
            Asked::Source => Source::refusal().into(),
            Asked::Update => Update::refusal().into(),
        };
        self.answered(refusal, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn poke(&mut self) {}

    fn secured(&mut self, facts: TlsFacts) {
        self.tls = Some(facts);
        if let State::Secure = self.state {
            // RFC 2595 §4: the session begins anew, in AUTHORIZATION.
            self.state = State::Authorization(Name::new());
            self.framed = Framed::Secured;
            self.rearm = true;
        }
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        if matches!(self.state, State::Ending(_) | State::Over) {
            return;
        }
        // In the middle of a message or a listing there is no word for it, nor between STLS and TLS.
        let amid = matches!(self.job, Job::Body { begun: true, .. } | Job::List { .. })
            || matches!(self.state, State::Secure);
        if !amid {
            match why {
                Reason::Abuse => reply::err("Enough", out),
                Reason::Account => reply::err("The session was ended by its administrator", out),
                // RFC 3206 §3.
                Reason::Crowd => {
                    reply::err_with(Code::SysTemp, "Too many connections from your network", out);
                }
                Reason::Haste => reply::err_with(Code::SysTemp, "You connect too often", out),
                Reason::Lost => {}
                Reason::Overload => reply::err_with(Code::SysTemp, "Too busy", out),
                Reason::Shutdown => reply::err_with(Code::SysTemp, "Shutting down", out),
            }
        }
        self.end(End::Closed(why));
    }
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match self.state {
            State::Authorization(_) => "Authorization",
            State::Ending(_) => "Ending",
            State::Exchange(..) => "Exchange",
            State::New => "New",
            State::Over => "Over",
            State::Secure => "Secure",
            State::SignedIn => "SignedIn",
            State::SigningIn => "SigningIn",
            State::Transaction(_) => "Transaction",
            State::Updating => "Updating",
        };
        f.debug_struct("Server").field("state", &state).finish_non_exhaustive()
    }
}
