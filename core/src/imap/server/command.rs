//! What each command does, as far as the machine decides it.

use alloc::vec::Vec;

use super::{
    Allowed, Append, Appended, Context, Decision, Event, Head, Kind, Phase, Run, Running, Server,
    Stage, Why, capability,
};
use crate::imap::command::{
    By, Command, FetchItem, Key, SelectParam, StatusItems, Tagged, is_done,
};
use crate::imap::frame::{Frame, Literal};
use crate::imap::response::{Code, Responses, Status, status, words};
use crate::imap::{Atom, Bad, List, Syntax};
use crate::machine::{End, Input};
use crate::sasl::Failure;
use crate::text::{Secret, Text};

/// Octets of a refused command that are read in hope of its end; then the session ends.
const OVERLONG: u64 = 1024 * 1024;

impl Server {
    /// What the grammar allows now.
    pub(super) fn syntax(&self) -> Syntax {
        Syntax { utf8: self.mode.utf8(), ..self.config.limits.syntax }
    }

    /// Shows what was framed.
    pub(super) fn framed<'i>(
        &mut self,
        frame: Frame,
        input: &'i Input,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let take = |n: usize| input.bytes().get(..n).unwrap_or_default();
        if !matches!(frame, Frame::Skipped(_)) {
            self.skipped = 0;
        }
        match frame {
            Frame::Append(n, _) => {
                // Unless its head is good and the handler wants it.
                self.head = Head::Refuse;
                self.command(take(n), out)
            }
            Frame::Command(n) => self.command(take(n), out),
            Frame::End(n) => self.append_end(take(n), out),
            Frame::Line(n) if self.phase == Phase::Exchange => self.response(take(n), out),
            Frame::Line(n) => self.done(take(n), out),
            Frame::Message(n) => self.message(take(n)),
            Frame::Skipped(n) => self.skip(take(n), out),
            Frame::TooBig(n, literal) => self.too_big(take(n), literal, out),
            Frame::TooLong(n) => self.too_long(take(n), out),
            // Neither is ever shown.
            Frame::Continue | Frame::Read => Event::Skipped(Secret::new(b"")),
        }
    }

    /// A whole command, or the head of an APPEND.
    fn command<'i>(&mut self, octets: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        self.active = self.now;
        self.running = Running::Other;
        self.sync = None;
        let Tagged { tag, command } = match Tagged::read(octets, self.syntax()) {
            Ok(tagged) => tagged,
            Err(bad) => return self.bad(octets, bad, out),
        };
        self.tag.keep(tag);
        if self.stage == Stage::NotAuthenticated {
            self.junk = self.junk.saturating_add(1);
            if self.junk > self.config.limits.junk_commands {
                self.bye(out, End::Errors, None, "Too many commands before signing in");
                return Event::Bad { line: shown(octets, command.verb()), why: Why::Limit };
            }
        }
        if !self.allows(&command) {
            let text = match self.stage {
                _ if stage_of(&command) == Some(Stage::NotAuthenticated) => "Not now",
                Stage::NotAuthenticated => "Sign in first",
                Stage::Authenticated if stage_of(&command) == Some(Stage::Selected) => {
                    "Select a mailbox first"
                }
                Stage::Authenticated | Stage::Selected => "Not now",
            };
            self.tagged(out, Status::Bad, None, text);
            self.fault(out);
            return Event::Bad { line: shown(octets, command.verb()), why: Why::State };
        }
        let before = self.mode.condstore;
        self.mode.condstore |= asks_condstore(&command);
        let context = Context {
            condstore_now: !before && self.mode.condstore && self.stage == Stage::Selected,
            mode: self.mode,
            tag,
        };
        match command {
            Command::Append(head) => {
                if head.literal.octets > self.config.limits.message_size {
                    if !self.may_skip(head.literal, out) {
                        return Event::Bad { line: shown(octets, command.verb()), why: Why::Limit };
                    }
                    self.tagged(out, Status::No, Some(&Code::Limit), "The message is too long");
                    return Event::Bad { line: shown(octets, command.verb()), why: Why::Limit };
                }
                (self.binary, self.utf8) = (head.literal.binary, head.utf8);
                self.sync = self.selected().then_some(Allowed::Everything);
                Event::Append(self.ask::<Append>(Kind::Append), context, head)
            }
            Command::Authenticate(authenticate) => self.authenticate(authenticate, out),
            Command::Capability => {
                out.extend_from_slice(b"* CAPABILITY");
                let signed_in = self.stage != Stage::NotAuthenticated;
                capability::write(out, &self.config, self.tls.as_ref(), signed_in);
                out.extend_from_slice(b"\r\n");
                self.tagged(out, Status::Ok, None, "Done");
                Event::Heard(command)
            }
            Command::Check | Command::Noop => {
                if self.selected() {
                    self.sync = Some(Allowed::Everything);
                    self.poked = true;
                    self.replied(Responses::new().ok("Done"));
                } else {
                    self.tagged(out, Status::Ok, None, "Done");
                }
                Event::Heard(command)
            }
            Command::Enable(names) => {
                self.enable(names, out);
                Event::Heard(command)
            }
            Command::Id(_) => {
                self.id(out);
                Event::Heard(command)
            }
            Command::Idle => {
                out.extend_from_slice(b"+ Idling\r\n");
                // What changed up to now comes first.
                self.poked = true;
                self.told = None;
                self.phase = Phase::Idle;
                Event::Heard(command)
            }
            Command::Login(login) => self.login(login, out),
            Command::Logout => {
                out.extend_from_slice(b"* BYE Goodbye\r\n");
                self.tagged(out, Status::Ok, None, "Done");
                self.end(End::Quit);
                Event::Heard(command)
            }
            Command::StartTls => {
                self.tagged(out, Status::Ok, None, "Begin TLS");
                self.phase = Phase::Secure;
                Event::StartTls
            }
            command => {
                self.running = running(&command);
                if self.running == Running::Select && self.selected() {
                    // RFC 9051 §6.3.2: the old mailbox is left even if the new one cannot be had.
                    let mut closed = Responses::new();
                    closed.note(&Code::Closed, "The mailbox before is closed");
                    out.extend_from_slice(closed.octets());
                    self.poked = false;
                }
                self.sync =
                    if self.running == Running::Other { self.sync_of(&command) } else { None };
                if self.running == Running::Select {
                    self.stage = Stage::Authenticated;
                }
                Event::Command(self.ask::<Run>(Kind::Reply), context, command)
            }
        }
    }

    /// Hears whether the message of an APPEND may come.
    pub(super) fn decided(&mut self, decision: Decision) {
        match decision {
            Decision::Accept => {
                self.head = Head::Accept;
                (self.appending, self.spoiled) = (true, false);
                self.phase = Phase::Append;
                self.active = self.now;
            }
            // A client that does not wait sends its message whatever we say (RFC 7888 §4); it is skipped.
            Decision::Refuse(reply) => self.replied(reply),
        }
    }

    /// Octets of the message.
    fn message<'i>(&mut self, run: &'i [u8]) -> Event<'i> {
        // RFC 9051 §9: CHAR8 is no NUL; literal8 may hold it.
        self.spoiled |= !self.binary && memchr::memchr(0, run).is_some();
        Event::Body(Text(run))
    }

    /// The line behind the message.
    fn append_end<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        if self.spoiled {
            return self.lose(out, "NUL in the message");
        }
        // Behind it MULTIAPPEND and CATENATE would go on.
        if line == if self.utf8 { &b")\r\n"[..] } else { b"\r\n" } {
            self.appending = false;
            return Event::Appended(self.ask::<Appended>(Kind::Reply));
        }
        self.lose(out, "Expected the end of the command behind the message")
    }

    /// The message is of no use.
    fn lose(&mut self, out: &mut Vec<u8>, text: &str) -> Event<'static> {
        self.appending = false;
        self.phase = Phase::Command;
        self.tagged(out, Status::Bad, None, text);
        self.fault(out);
        Event::BodyLost
    }

    /// A literal over its limit; `head` is the command up to it.
    fn too_big<'i>(&mut self, head: &'i [u8], literal: Literal, out: &mut Vec<u8>) -> Event<'i> {
        if self.may_skip(literal, out) {
            self.refuse_limit(head, "The literal is too long", out);
        }
        Event::Bad { line: shown(head, self.verb_of(head)), why: Why::Limit }
    }

    /// A line over its limit; `head` is its front.
    fn too_long<'i>(&mut self, head: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        match self.phase {
            Phase::Exchange => {
                self.fail(Failure::Malformed, out);
                Event::SignInFailed(Failure::Malformed)
            }
            Phase::Append => self.lose(out, "Expected the end of the command behind the message"),
            Phase::Idle => self.done(head, out),
            _ => {
                self.refuse_limit(head, "The line is too long", out);
                Event::Bad { line: shown(head, self.verb_of(head)), why: Why::Limit }
            }
        }
    }

    /// Refuses a command that was not read to its end.
    fn refuse_limit(&mut self, head: &[u8], text: &str, out: &mut Vec<u8>) {
        match Tagged::read(head, self.syntax()).map_or_else(|bad| bad.tag, |ok| Some(ok.tag)) {
            Some(tag) => {
                self.tag.keep(tag);
                self.tagged(out, Status::Bad, Some(&Code::Limit), text);
            }
            None => {
                out.extend_from_slice(b"* ");
                status(out, Status::Bad, Some(&Code::Limit), text);
            }
        }
        self.fault(out);
    }

    /// The word that a command begins with of which only the front is there.
    fn verb_of(&self, head: &[u8]) -> &'static str {
        Tagged::read(head, self.syntax())
            .map_or_else(|bad| bad.verb, |tagged| tagged.command.verb())
    }

    /// Octets of what was refused. Their end has to come.
    fn skip<'i>(&mut self, octets: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        let room =
            usize::try_from(self.overlong().saturating_sub(self.skipped)).unwrap_or(usize::MAX);
        if octets.len() > room {
            self.bye(out, End::Errors, Some(&Code::Limit), "The command is too long");
        }
        let octets = octets.get(..room).unwrap_or(octets);
        self.skipped += octets.len() as u64;
        Event::Skipped(Secret::new(octets))
    }

    /// Octets that are skipped in hope of the end of what was refused. Only who signed in has messages.
    fn overlong(&self) -> u64 {
        match self.stage {
            Stage::NotAuthenticated => OVERLONG,
            _ => OVERLONG.saturating_add(self.config.limits.message_size),
        }
    }

    /// Whether a literal that nobody wants may be skipped. What comes without waiting has to be read to its
    /// end; where that end is too far the session ends instead (RFC 7888 §4).
    fn may_skip(&mut self, literal: Literal, out: &mut Vec<u8>) -> bool {
        let most = self.config.limits.message_size.min(self.overlong());
        let skip = literal.wait || literal.octets <= most;
        if !skip {
            self.bye(out, End::Errors, Some(&Code::Limit), "The literal is too long");
        }
        skip
    }

    /// A line while idling.
    fn done(&mut self, line: &[u8], out: &mut Vec<u8>) -> Event<'static> {
        self.active = self.now;
        self.phase = Phase::Command;
        // RFC 9051 §6.3.13
        if is_done(line) {
            self.tagged(out, Status::Ok, None, "Done");
            return Event::Done;
        }
        self.tagged(out, Status::Bad, None, "Expected DONE");
        self.fault(out);
        Event::Bad { line: Text::default(), why: Why::Syntax }
    }

    /// A command that cannot be parsed.
    fn bad<'i>(&mut self, octets: &'i [u8], bad: Bad<'i>, out: &mut Vec<u8>) -> Event<'i> {
        match bad.tag {
            Some(tag) => out.extend_from_slice(tag.as_bytes()),
            None => out.push(b'*'),
        }
        out.extend_from_slice(b" BAD ");
        let start = out.len();
        words::show(out, bad);
        tidy(out, start);
        out.extend_from_slice(b"\r\n");
        self.fault(out);
        // Up to where it is a command: lines that ran together may end in a password.
        let known = octets.get(..bad.fault.at as usize).unwrap_or(octets);
        Event::Bad { line: shown(known, bad.verb), why: Why::Syntax }
    }

    /// RFC 9051 §6.3.1.
    fn enable(&mut self, names: List<'_, Atom<'_>>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* ENABLED");
        let (mut condstore, mut rev2) = (false, false);
        for name in names.iter() {
            if name.is("CONDSTORE") && !core::mem::replace(&mut condstore, true) {
                out.extend_from_slice(b" CONDSTORE");
            } else if name.is("IMAP4rev2") && !core::mem::replace(&mut rev2, true) {
                out.extend_from_slice(b" IMAP4rev2");
            }
        }
        self.mode.condstore |= condstore;
        self.mode.rev2 |= rev2;
        out.extend_from_slice(b"\r\n");
        self.tagged(out, Status::Ok, None, "Done");
    }

    /// RFC 2971 §3.2.
    fn id(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* ID ");
        if self.config.id.is_empty() {
            out.extend_from_slice(b"NIL");
        } else {
            for (i, (field, value)) in self.config.id.iter().take(ID_FIELDS).enumerate() {
                out.push(if i == 0 { b'(' } else { b' ' });
                for (text, most) in [(field, ID_FIELD), (value, ID_VALUE)] {
                    let octets = text.as_bytes();
                    words::string(out, octets.get(..most).unwrap_or(octets), false);
                    out.push(b' ');
                }
                out.pop();
            }
            out.push(b')');
        }
        out.extend_from_slice(b"\r\n");
        self.tagged(out, Status::Ok, None, "Done");
    }

    fn selected(&self) -> bool {
        self.stage == Stage::Selected
    }

    /// Whether the command may come now.
    fn allows(&self, command: &Command<'_>) -> bool {
        match stage_of(command) {
            None => true,
            // RFC 9051 §3: sign-in and STARTTLS belong before it, everything else from its state on.
            Some(Stage::NotAuthenticated) => {
                self.stage == Stage::NotAuthenticated
                    && (!matches!(command, Command::StartTls)
                        || (self.config.starttls && self.tls.is_none()))
            }
            // RFC 5161 §3.1
            Some(_) if matches!(command, Command::Enable(_)) => self.stage == Stage::Authenticated,
            Some(stage) => self.stage >= stage,
        }
    }

    /// Which Sync may come before the end of the command.
    fn sync_of(&self, command: &Command<'_>) -> Option<Allowed> {
        let fixed = match command {
            Command::Fetch(fetch) => fetch.by == By::Sequence,
            Command::Search(search) => search.by == By::Sequence,
            Command::Store(store) => store.by == By::Sequence,
            _ => false,
        };
        let allowed = if fixed { Allowed::Additions } else { Allowed::Everything };
        self.selected().then_some(allowed)
    }
}

/// From which state on a command may come: nothing if always; before sign-in only, for
/// [`Stage::NotAuthenticated`].
fn stage_of(command: &Command<'_>) -> Option<Stage> {
    match command {
        Command::Capability | Command::Id(_) | Command::Logout | Command::Noop => None,
        Command::Authenticate(_) | Command::Login(_) | Command::StartTls => {
            Some(Stage::NotAuthenticated)
        }
        Command::Append(_)
        | Command::Create(_)
        | Command::Delete(_)
        | Command::Enable(_)
        | Command::Examine(_)
        | Command::Idle
        | Command::List(_)
        | Command::Lsub { .. }
        | Command::Namespace
        | Command::Rename(_)
        | Command::Select(_)
        | Command::Status(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe(_) => Some(Stage::Authenticated),
        Command::Check
        | Command::Close
        | Command::Copy(_)
        | Command::Expunge
        | Command::Fetch(_)
        | Command::Move(_)
        | Command::Search(_)
        | Command::Store(_)
        | Command::UidExpunge(_)
        | Command::Unselect => Some(Stage::Selected),
    }
}

fn running(command: &Command<'_>) -> Running {
    match command {
        Command::Close | Command::Unselect => Running::Leave,
        Command::Examine(_) | Command::Select(_) => Running::Select,
        _ => Running::Other,
    }
}

/// The CONDSTORE enabling commands of RFC 7162 §3.1.
fn asks_condstore(command: &Command<'_>) -> bool {
    match command {
        Command::Examine(select) | Command::Select(select) => {
            select.params.iter().any(|param| param == SelectParam::Condstore)
        }
        Command::Fetch(fetch) => {
            fetch.changed_since.is_some()
                || fetch.items.iter().any(|item| item == FetchItem::ModSeq)
        }
        Command::Search(search) => search.keys.iter().any(|key| matches!(key, Key::ModSeq(_))),
        Command::Status(status) => status.items.has(StatusItems::HIGHESTMODSEQ),
        Command::Store(store) => store.unchanged_since.is_some(),
        _ => false,
    }
}

/// What an event shows of a refused command, which begins with the known word `verb` (nothing if it does
/// not): its first line, without its end. A line that is no command may be a password gone astray, and
/// what signs in holds one: of these nothing is shown.
fn shown<'i>(octets: &'i [u8], verb: &str) -> Text<'i> {
    if matches!(verb, "" | "AUTHENTICATE" | "LOGIN") {
        return Text::default();
    }
    let end = memchr::memmem::find(octets, b"\r\n").unwrap_or(octets.len());
    Text(octets.get(..end).unwrap_or_default())
}

/// Makes what stands from `start` on printable.
fn tidy(out: &mut Vec<u8>, start: usize) {
    out.truncate(out.len().min(start + BAD_TEXT));
    if let Some(text) = out.get_mut(start..) {
        for b in text {
            if !(b' '..0x7f).contains(b) {
                *b = b'?';
            }
        }
    }
    if out.len() == start {
        out.push(b'-');
    }
}

/// Octets of the text behind BAD at most.
const BAD_TEXT: usize = 512;
/// RFC 2971 §3.3: not more than 30 fields, of 30 octets, with values of 1,024.
const ID_FIELDS: usize = 30;
const ID_FIELD: usize = 30;
const ID_VALUE: usize = 128;
