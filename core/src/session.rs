//! The loop that joins a machine and its handler, written once.
//!
//! A [`Handler`] answers what a machine asks. The two together are a [`Session`], which is all an
//! adapter knows: it names no protocol and no runtime. What the outside tells a session is a
//! [`Note`], posted through its [`Place`] from any thread.
//!
//! ```text
//!   adapter ──turn(now, input, out)──▶ Session = Pair { machine, handler }
//!      ▲                                 │ event ▼         ▲ Act
//!      └── Inbox ◀──post, ring── Place ◀─┴── Responder (other threads)
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::machine::{
    Advance, Answered, Ask, Input, Instant, Machine, Protocol, Question, Reason, Stale, TlsFacts,
};

/// How long an event may wait for the [`Note::Resume`] that its handler owes. Then the session is closed as
/// [`Overload`](Reason::Overload), which lets go of the half of a body that it has.
///
/// Meanwhile nothing is read, so nobody sees whether the peer is still there, and the machine's own waits
/// rest, because the peer is not late. It is shorter than the three minutes that a sender waits
/// for a block of its message to leave (RFC 5321 §4.5.3.2.5), so that it hears why.
pub const HOLD_WAIT: Duration = Duration::from_secs(120);

/// Answers the questions of one session. Must not block.
pub trait Handler<P: Protocol> {
    /// Hears what happened. `at` is where this session can be reached, for answers that come later.
    fn handle(&mut self, event: P::Event<'_>, at: &Place<P>) -> Act<P>;
}

impl<P: Protocol, F: FnMut(P::Event<'_>, &Place<P>) -> Act<P>> Handler<P> for F {
    fn handle(&mut self, event: P::Event<'_>, at: &Place<P>) -> Act<P> {
        self(event, at)
    }
}

/// What a handler does about an event.
#[must_use]
pub enum Act<P: Protocol> {
    /// The answer.
    Answer(Answered<P>),
    /// End the conversation.
    Close(Reason),
    /// Nothing to say. If the event asked something, it is settled by its refusal.
    Done,
    /// Enough of this body for now; a [`Note::Resume`] will come, within [`HOLD_WAIT`].
    Hold,
    /// A [`Responder`] was taken and will answer.
    Later,
}

impl<P: Protocol> From<Answered<P>> for Act<P> {
    fn from(answered: Answered<P>) -> Self {
        Self::Answer(answered)
    }
}

/// All that the outside can tell a session.
pub enum Note<P: Protocol> {
    /// The answer to the open question.
    Answered(Answered<P>),
    /// End the conversation.
    Close(Reason),
    /// Something changed elsewhere.
    Poke,
    /// Go on after [`Act::Hold`].
    Resume,
}

impl<P: Protocol> fmt::Debug for Note<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered(_) => "Answered",
            Self::Close(_) => "Close",
            Self::Poke => "Poke",
            Self::Resume => "Resume",
        })
    }
}

/// Where notes for the sessions of one reactor are left. Implemented by adapters.
pub trait Inbox<P: Protocol>: Send + Sync {
    /// Leaves a note for the session `key`. Does not wake anybody.
    fn post(&self, key: u64, note: Note<P>);
    /// Wakes the reactor, so that it looks. A committer posts a batch and then rings once.
    fn ring(&self);
}

/// Where one session can be reached: 24 bytes, cheap to clone, usable from any thread. A note to a
/// session that has ended is dropped.
pub struct Place<P: Protocol> {
    inbox: Arc<dyn Inbox<P>>,
    key: u64,
}

impl<P: Protocol> Place<P> {
    /// The session that `inbox` knows as `key` (adapters use generation << 32 | slot).
    pub fn new(inbox: Arc<dyn Inbox<P>>, key: u64) -> Self {
        Self { inbox, key }
    }

    /// A place that nobody listens at, for tests and for handlers that never answer later.
    #[must_use]
    pub fn nowhere() -> Self {
        struct Nowhere;
        impl<P: Protocol> Inbox<P> for Nowhere {
            fn post(&self, _: u64, _: Note<P>) {}
            fn ring(&self) {}
        }
        Self::new(Arc::new(Nowhere), 0)
    }

    /// Takes the duty to answer `ask` later, from any thread.
    pub fn later<Q: Question<Protocol = P>>(&self, ask: Ask<Q>) -> Responder<Q> {
        Responder { ask: Some(ask), place: self.clone() }
    }

    /// Leaves a note and wakes the session.
    pub fn send(&self, note: Note<P>) {
        self.post(note);
        self.ring();
    }

    /// Leaves a note without waking the session.
    pub fn post(&self, note: Note<P>) {
        self.inbox.post(self.key, note);
    }

    /// Wakes the session's reactor.
    pub fn ring(&self) {
        self.inbox.ring();
    }

    /// The inbox, to tell which places share a reactor and need one ring only.
    #[must_use]
    pub fn inbox(&self) -> &Arc<dyn Inbox<P>> {
        &self.inbox
    }

    /// The key by which the inbox knows the session.
    #[must_use]
    pub const fn key(&self) -> u64 {
        self.key
    }
}

impl<P: Protocol> Clone for Place<P> {
    fn clone(&self) -> Self {
        Self { inbox: Arc::clone(&self.inbox), key: self.key }
    }
}

impl<P: Protocol> fmt::Debug for Place<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({:#x})", self.key)
    }
}

/// The duty to answer one question later. Dropping it posts the refusal, so nothing hangs.
#[must_use = "dropping a responder refuses"]
pub struct Responder<Q: Question> {
    ask: Option<Ask<Q>>,
    place: Place<Q::Protocol>,
}

impl<Q: Question> Responder<Q> {
    /// Answers, and wakes the session.
    pub fn answer(self, answer: Q::Answer) {
        let place = self.post(answer);
        place.ring();
    }

    /// Answers without waking the session. The caller rings the returned place, once for many.
    pub fn post(mut self, answer: Q::Answer) -> Place<Q::Protocol> {
        if let Some(ask) = self.ask.take() {
            self.place.post(Note::Answered(ask.with(answer)));
        }
        self.place.clone()
    }

    /// Where the session is.
    #[must_use]
    pub const fn place(&self) -> &Place<Q::Protocol> {
        &self.place
    }
}

impl<Q: Question> Drop for Responder<Q> {
    fn drop(&mut self) {
        if let Some(ask) = self.ask.take() {
            self.place.send(Note::Answered(ask.refused()));
        }
    }
}

impl<Q: Question> fmt::Debug for Responder<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Responder at {:?}", self.place)
    }
}

/// What a session waits for. The whole of an adapter's interest logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wait {
    /// Write what is left, then close.
    Closed,
    /// Write, then take the next turn.
    Flush,
    /// A note, or the deadline; neither read nor (but for what is left) write.
    Host,
    /// Bytes from the peer.
    Read,
    /// Write everything, then put TLS between socket and session and call `secured`.
    Secure,
}

/// A machine with its handler, as adapters see it. Object-safe.
pub trait Session {
    /// What its inbox carries.
    type Note: Send + 'static;

    /// Goes as far as it can. Call it after bytes, a note, a write that followed `Flush`, or the
    /// deadline.
    fn turn(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait;

    /// Hears a note; then wants a turn.
    ///
    /// # Errors
    /// [`Stale`] for an answer that came too late. Harmless.
    fn note(&mut self, note: Self::Note, out: &mut Vec<u8>) -> Result<(), Stale>;

    /// Something changed elsewhere; then wants a turn.
    fn poke(&mut self);

    /// Ends politely; then wants a turn.
    fn close(&mut self, why: Reason, out: &mut Vec<u8>);

    /// When it wants a turn even if nothing happens.
    fn deadline(&self) -> Option<Instant>;

    /// TLS is up; then wants a turn.
    fn secured(&mut self, facts: TlsFacts);
}

impl<S: Session + ?Sized> Session for alloc::boxed::Box<S> {
    type Note = S::Note;

    fn turn(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        (**self).turn(now, input, out)
    }

    fn note(&mut self, note: Self::Note, out: &mut Vec<u8>) -> Result<(), Stale> {
        (**self).note(note, out)
    }

    fn poke(&mut self) {
        (**self).poke();
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        (**self).close(why, out);
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }

    fn secured(&mut self, facts: TlsFacts) {
        (**self).secured(facts);
    }
}

/// A machine and its handler.
#[derive(Debug)]
pub struct Pair<M: Machine, H> {
    machine: M,
    handler: H,
    place: Place<M::Protocol>,
    /// The handler asked for a pause between body runs.
    held: bool,
    /// An event waits for the end of that pause, until then at most.
    held_until: Option<Instant>,
    /// A responder was taken for the open question.
    later: bool,
}

impl<M: Machine, H: Handler<M::Protocol>> Pair<M, H> {
    /// Joins them; `place` is where the session will be reached.
    pub fn new(machine: M, handler: H, place: Place<M::Protocol>) -> Self {
        Self { machine, handler, place, held: false, held_until: None, later: false }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The handler.
    pub const fn handler(&self) -> &H {
        &self.handler
    }

    fn resume(&mut self) {
        self.held = false;
        self.held_until = None;
    }

    fn act(&mut self, act: Act<M::Protocol>, out: &mut Vec<u8>) {
        match act {
            Act::Answer(answered) => {
                // Stale only if the handler kept an old ask; the loop then refuses this one.
                let _ = self.machine.settle(answered, out);
            }
            Act::Close(why) => self.machine.close(why, out),
            Act::Done => {}
            Act::Hold => self.held = true,
            Act::Later => self.later = true,
        }
    }
}

impl<M: Machine, H: Handler<M::Protocol>> Session for Pair<M, H>
where
    Note<M::Protocol>: Send,
{
    type Note = Note<M::Protocol>;

    fn turn(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        loop {
            let wanted = self.machine.advance(now, input, out);
            if wanted != Advance::Answer {
                // A deadline may have settled the question in the responder's stead.
                self.later = false;
            }
            match wanted {
                Advance::Answer if self.later => return Wait::Host,
                // The event asked and the handler said `Done`.
                Advance::Answer => self.machine.refuse(out),
                Advance::Closed => return Wait::Closed,
                Advance::Event if self.held => {
                    if now < *self.held_until.get_or_insert(now + HOLD_WAIT) {
                        return Wait::Host;
                    }
                    self.close(Reason::Overload, out);
                }
                Advance::Event => {
                    if let Some(event) = self.machine.event(input, out) {
                        let act = self.handler.handle(event, &self.place);
                        self.act(act, out);
                    }
                }
                Advance::Flush => return Wait::Flush,
                // Neither read nor asked: only the deadline takes it further.
                Advance::Pause => return Wait::Host,
                Advance::Read => return Wait::Read,
                Advance::Secure => return Wait::Secure,
            }
        }
    }

    fn note(&mut self, note: Self::Note, out: &mut Vec<u8>) -> Result<(), Stale> {
        match note {
            Note::Answered(answered) => {
                self.machine.settle(answered, out)?;
                self.later = false;
            }
            Note::Close(why) => self.close(why, out),
            Note::Poke => self.machine.poke(),
            Note::Resume => self.resume(),
        }
        Ok(())
    }

    fn poke(&mut self) {
        self.machine.poke();
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        // The end must be heard even by a handler that paused its body.
        self.resume();
        self.machine.close(why, out);
    }

    fn deadline(&self) -> Option<Instant> {
        // What the machine waits for is not the peer's fault while an event is held back; and a wait
        // that is over already would have the adapter call without end.
        self.held_until.or_else(|| self.machine.deadline())
    }

    fn secured(&mut self, facts: TlsFacts) {
        self.machine.secured(facts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::End;
    use crate::smtp::Smtp;
    use crate::smtp::server::{Admission, Config, Decision, Event, Role, Server};
    use std::string::String;

    /// A session that holds at every run of a body, how it ended, and the octets of a message under way.
    fn held(
        ended: &mut Option<End>,
    ) -> (Pair<Server, impl Handler<Smtp> + use<'_>>, Input, Vec<u8>) {
        let handler = |event: Event<'_>, _: &Place<Smtp>| match event {
            Event::Connected(ask) => ask.with(Admission::Accept).into(),
            Event::Mail(ask, _) => ask.with(Decision::Accept).into(),
            Event::Recipient(ask, _) => ask.with(Decision::Accept).into(),
            Event::Data(ask, _) => ask.with(Decision::Accept).into(),
            Event::Body(_) => Act::Hold,
            Event::Ended(how) => {
                *ended = Some(how);
                Act::Done
            }
            _ => Act::Done,
        };
        let config = Config::new(Role::Smtp, "mx.example.test");
        let machine = Server::new(Arc::new(config));
        let mut pair = Pair::new(machine, handler, Place::nowhere());
        let (mut input, mut out) = (Input::new(), Vec::new());
        for line in
            ["EHLO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nDATA\r\n", "a\r\n", "b\r\n"]
        {
            input.push(line.as_bytes());
            let _ = pair.turn(Instant::ZERO, &mut input, &mut out);
        }
        out.clear();
        (pair, input, out)
    }

    #[test]
    fn who_is_held_is_not_late() {
        let mut ended = None;
        let (mut pair, mut input, mut out) = held(&mut ended);
        let last = Instant::ZERO + HOLD_WAIT;
        assert_eq!(pair.deadline(), Some(last));
        let before = Instant::from_millis(119_999);
        assert_eq!(pair.turn(before, &mut input, &mut out), Wait::Host);
        // Let go on, and held again: the wait begins anew.
        pair.note(Note::Resume, &mut out).unwrap();
        assert_eq!(pair.turn(before, &mut input, &mut out), Wait::Read);
        input.push(b"c\r\n");
        assert_eq!(pair.turn(last, &mut input, &mut out), Wait::Host);
        assert_eq!(pair.deadline(), Some(last + HOLD_WAIT));
        assert!(out.is_empty());
    }

    #[test]
    fn nobody_is_held_for_ever() {
        let mut ended = None;
        let (mut pair, mut input, mut out) = held(&mut ended);
        let last = pair.deadline().unwrap();
        assert_eq!(pair.turn(last, &mut input, &mut out), Wait::Closed);
        assert_eq!(String::from_utf8_lossy(&out), "421 4.3.2 Too busy, closing the connection\r\n");
        drop(pair);
        assert_eq!(ended, Some(End::Closed(Reason::Overload)));
    }
}
