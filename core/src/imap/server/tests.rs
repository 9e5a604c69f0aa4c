//! The machine with a toy mailbox behind it, driven byte by byte and otherwise.

mod scripts;

use alloc::sync::Arc;
use core::time::Duration;
use std::cell::RefCell;
use std::format;
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::imap::Command;
use crate::imap::command::{By, Change};
use crate::imap::flag::Flag;
use crate::imap::response::{Label, Responses};
use crate::imap::view::View;
use crate::session::{Act, Handler, Pair, Place, Session, Wait};
use crate::text::Text;

/// One mailbox, INBOX. Messages have a body and perhaps `\Seen`.
#[derive(Default)]
struct Toy {
    messages: Vec<Message>,
    view: View,
    next: u32,
    staged: Vec<u8>,
    /// What is left of the reply that is leaving: rows, and octets of the last row's literal.
    rows: Vec<(u32, u32)>,
    rest: Vec<u8>,
    seam: Seam,
    mode: Mode,
    log: Vec<String>,
    /// Break the promise that a literal makes.
    traitor: bool,
}

#[derive(Clone)]
struct Message {
    uid: u32,
    seen: bool,
    body: Vec<u8>,
}

impl Toy {
    fn new(bodies: &[&[u8]]) -> Self {
        let mut toy = Self { next: 1, ..Self::default() };
        for body in bodies {
            toy.deliver(body);
        }
        toy
    }

    fn deliver(&mut self, body: &[u8]) -> u32 {
        let uid = self.next;
        self.next += 1;
        self.messages.push(Message { uid, seen: false, body: body.to_vec() });
        uid
    }

    fn message(&mut self, uid: u32) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.uid == uid)
    }

    fn flags(&self, uid: u32) -> Vec<Flag<'static>> {
        let seen = self.messages.iter().any(|message| message.uid == uid && message.seen);
        if seen { vec![Flag::Seen] } else { vec![] }
    }

    /// Goes on with the rows that are left, in parts of at most 40 octets of literal.
    fn rows(&mut self) -> Reply {
        let mut out = Responses::resume(self.seam).mode(self.mode);
        loop {
            if out.left() > 0 {
                let n = self.rest.len().min(40);
                let piece: Vec<u8> = self.rest.drain(..n).collect();
                if self.traitor {
                    return out.ok("Done");
                }
                out.chunk(&piece);
                if out.left() > 0 {
                    self.seam = out.seam();
                    return out.part();
                }
            }
            if let Some(row) = out.row_again() {
                row.end();
            }
            let Some((seq, uid)) = self.rows.pop() else {
                self.seam = Seam::WHOLE;
                return out.ok("Done");
            };
            let Some(message) = self.message(uid) else { continue };
            self.rest = message.body.clone();
            let octets = self.rest.len() as u32;
            out.row(seq).uid(uid).literal(&Label::default(), octets);
        }
    }

    fn command(&mut self, command: Command<'_>) -> Reply {
        let mut out = Responses::with(self.mode);
        match command {
            Command::Select(select) if select.mailbox.is_inbox() => {
                self.view = self.messages.iter().map(|message| message.uid).collect();
                out.flags([Flag::Seen]).exists(self.view.len()).recent(0);
                out.note(&Code::UidValidity(7), "UIDs last");
                out.done(Status::Ok, Some(&Code::ReadWrite), "Selected")
            }
            Command::Fetch(fetch) => {
                let Ok(picked) = self.view.pick(&fetch.set, fetch.by) else {
                    return out.bad("No such message");
                };
                self.rows = self.view.each(&picked).collect();
                self.rows.reverse();
                self.rows()
            }
            Command::Store(store) => {
                let Ok(picked) = self.view.pick(&store.set, store.by) else {
                    return out.bad("No such message");
                };
                let rows: Vec<_> = self.view.each(&picked).collect();
                for (seq, uid) in rows {
                    if let Some(message) = self.message(uid) {
                        message.seen = store.change != Change::Remove;
                    }
                    let flags = self.flags(uid);
                    out.row(seq).uid(uid).flags(flags).end();
                }
                out.ok("Stored")
            }
            Command::Search(search) => {
                let found: Vec<u32> = match search.by {
                    By::Uid => self.view.uids().collect(),
                    By::Sequence => (1..=self.view.len()).collect(),
                };
                out.search(found, None);
                out.ok("Searched")
            }
            Command::Expunge => {
                let gone: Vec<u32> =
                    self.messages.iter().filter(|m| m.seen).map(|m| m.uid).collect();
                self.messages.retain(|message| !message.seen);
                self.view.expunge(&gone, &mut out);
                out.ok("Expunged")
            }
            Command::Close | Command::Unselect => out.ok("Closed"),
            _ => out.no(Code::NonExistent, "No such mailbox"),
        }
    }

    fn sync(&mut self, allowed: Allowed) -> Update {
        let mut out = Responses::with(self.mode);
        if allowed == Allowed::Everything {
            let here: Vec<u32> = self.messages.iter().map(|message| message.uid).collect();
            let gone: Vec<u32> = self.view.uids().filter(|uid| !here.contains(uid)).collect();
            self.view.expunge(&gone, &mut out);
        }
        let last = self.view.last_uid().unwrap_or(0);
        let new = self.messages.iter().map(|message| message.uid).filter(|&uid| uid > last);
        self.view.append(new, &mut out);
        Update::of(out)
    }
}

impl Handler<Imap> for Toy {
    fn handle(&mut self, event: Event<'_>, _: &Place<Imap>) -> Act<Imap> {
        let line = format!("{event:?}");
        // Runs are joined: how they were cut means nothing.
        match (&event, self.log.last_mut()) {
            (Event::Body(run), Some(last)) if last.starts_with("Body ") => {
                last.push_str(&run.to_string());
            }
            (Event::Skipped(run), Some(last)) if last.starts_with("Skipped ") => {
                last.push_str(&Text(run.expose()).to_string());
            }
            (Event::Body(run), _) => self.log.push(format!("Body {run}")),
            (Event::Skipped(run), _) => self.log.push(format!("Skipped {}", Text(run.expose()))),
            _ => self.log.push(line),
        }
        match event {
            Event::Append(ask, _, head) if head.mailbox.is_inbox() => {
                ask.with(Decision::Accept).into()
            }
            Event::Append(ask, ..) => {
                ask.with(Decision::refuse(Code::TryCreate, "No such mailbox")).into()
            }
            Event::Appended(ask) => {
                let body = core::mem::take(&mut self.staged);
                let uid = self.deliver(&body);
                let code = Code::AppendUid(7, uid);
                let reply = Responses::new().done(Status::Ok, Some(&code), "Stored").changed();
                ask.with(reply).into()
            }
            Event::Body(run) => {
                self.staged.extend_from_slice(run.as_bytes());
                Act::Done
            }
            Event::BodyLost => {
                self.staged.clear();
                Act::Done
            }
            Event::Command(ask, context, command) => {
                self.mode = context.mode;
                ask.with(self.command(command)).into()
            }
            Event::Connected(ask) => ask.with(Admission::Accept).into(),
            Event::Next(ask) => ask.with(self.rows()).into(),
            Event::SignIn(ask, credentials) => {
                let right = credentials.user().as_bytes() == b"tim"
                    && credentials.password().expose() == b"tanstaafl";
                let verdict = if right {
                    crate::sasl::Verdict::Accepted
                } else if credentials.user().as_bytes() == b"busy" {
                    crate::sasl::Verdict::Unavailable
                } else {
                    crate::sasl::Verdict::Rejected
                };
                ask.with(verdict).into()
            }
            Event::Sync(ask, _, allowed) => ask.with(self.sync(allowed)).into(),
            _ => Act::Done,
        }
    }
}

/// The toy where the world can reach it too.
struct Shared(Rc<RefCell<Toy>>);

impl Handler<Imap> for Shared {
    fn handle(&mut self, event: Event<'_>, at: &Place<Imap>) -> Act<Imap> {
        self.0.borrow_mut().handle(event, at)
    }
}

/// What happens to a session, in order.
#[derive(Clone, Copy, Debug)]
enum Step<'s> {
    /// The client sends.
    C(&'s [u8]),
    /// Somebody else delivers a message, or removes the first.
    Deliver(&'s [u8]),
    Remove,
    /// So many seconds pass.
    T(u64),
    /// TLS comes up.
    Tls,
    /// The client closes its side.
    Eof,
}

use Step::{C, Deliver, Eof, Remove, T, Tls};

struct Talk {
    out: String,
    log: Vec<String>,
    wait: Wait,
}

fn config() -> Config {
    Config { plaintext_auth: true, ..Config::new("mail.example.test") }
}

/// Runs a session, with the client's bytes in pieces of `cut`.
fn run(config: Config, toy: Toy, steps: &[Step<'_>], cut: usize) -> Talk {
    let machine = Server::new(Arc::new(config));
    let toy = Rc::new(RefCell::new(toy));
    let mut session = Pair::new(machine, Shared(Rc::clone(&toy)), Place::nowhere());
    let mut input = Input::new();
    let mut now = Instant::from_millis(0);
    let (mut all, mut out) = (Vec::new(), Vec::new());
    let mut turn = |session: &mut Pair<Server, Shared>, input: &mut Input, now| {
        loop {
            let wait = session.turn(now, input, &mut out);
            all.append(&mut out);
            if wait != Wait::Flush {
                return wait;
            }
        }
    };
    let mut wait = turn(&mut session, &mut input, now);
    for step in steps {
        match *step {
            C(bytes) => {
                for piece in bytes.chunks(cut.max(1)) {
                    input.push(piece);
                    wait = turn(&mut session, &mut input, now);
                }
                continue;
            }
            Deliver(body) => {
                toy.borrow_mut().deliver(body);
                session.poke();
            }
            Remove => {
                toy.borrow_mut().messages.remove(0);
                session.poke();
            }
            T(seconds) => now = now + Duration::from_secs(seconds),
            Tls => session.secured(TlsFacts::TEST),
            Eof => input.end(),
        }
        wait = turn(&mut session, &mut input, now);
    }
    let log = toy.borrow().log.clone();
    Talk { out: String::from_utf8(all).unwrap(), log, wait }
}

/// Runs a session under several cuttings, which must not be told apart.
fn talk(config: &Config, toy: impl Fn() -> Toy, steps: &[Step<'_>]) -> Talk {
    let whole = run(config.clone(), toy(), steps, usize::MAX);
    for cut in [1, 2, 3, 7, 16, 61] {
        let other = run(config.clone(), toy(), steps, cut);
        assert_eq!(other.out, whole.out, "cut {cut}");
        assert_eq!(other.log, whole.log, "cut {cut}");
    }
    whole
}

fn lines(run: &Talk) -> Vec<&str> {
    run.out.split_terminator("\r\n").collect()
}

const LOGIN: Step<'_> = C(b"a LOGIN tim tanstaafl\r\n");
const SELECT: Step<'_> = C(b"b SELECT inbox\r\n");
