//! What is said about a message: one reply, or in LMTP one for each recipient (RFC 2033 §4.2).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Server;
use super::config::Role;
use super::event::{Decision, Outcome};
use super::limit::Limit;
use super::state::Phase;
use crate::machine::End;
use crate::smtp::reply::{Enhanced, REPLY_OCTETS, Reply};

/// Octets of replies that are written at once; the rest waits until they have left.
const AT_ONCE: usize = 16 * 1024;

/// Replies that wait to be written.
#[derive(Debug)]
pub(super) struct Tail {
    /// The replies, the next one last.
    each: Vec<Reply>,
    /// What recipients hear that have no reply of their own.
    rest: Reply,
    /// How many replies are still to be written.
    left: u32,
    /// It is kept back, and the peer has to wait for it.
    kept_back: bool,
}

const _: () = assert!(AT_ONCE + REPLY_OCTETS <= 40 * 1024);

impl Server {
    pub(super) fn delivered(&mut self, outcome: Outcome, out: &mut Vec<u8>) {
        let recipients = self.recipients;
        self.reset();
        // Neither "go on" nor nonsense is an end.
        let sound = |reply: Reply| if reply.code() / 100 == 3 { Reply::later() } else { reply };
        if self.config.role == Role::Lmtp {
            let (mut each, rest) = match outcome {
                Outcome::All(reply) => (Vec::new(), sound(reply)),
                Outcome::Each(each) => (each, Reply::later()),
            };
            self.forgive();
            // More than there are recipients would be taken for answers to the next commands.
            each.truncate(recipients as usize);
            each.reverse();
            return self.tell_each(Tail { each, rest, left: recipients, kept_back: false }, out);
        }
        let reply = match outcome {
            Outcome::All(reply) => sound(reply),
            Outcome::Each(each) => {
                each.into_iter().max_by_key(Reply::code).unwrap_or_else(Reply::later)
            }
        };
        if reply.is_positive() {
            self.forgive();
        }
        self.deny_with(out, &reply);
    }

    /// Says no about a message; in LMTP, to each recipient if it `ends` here.
    pub(super) fn deny_each(
        &mut self,
        ends: bool,
        code: u16,
        enhanced: Enhanced,
        why: &'static str,
        out: &mut Vec<u8>,
    ) {
        if self.config.role == Role::Lmtp && ends {
            let rest = Reply::constant(code, enhanced, why);
            let left = self.recipients;
            self.tell_each(Tail::all(rest, left), out);
        } else {
            self.deny(out, code, enhanced, why);
        }
    }

    /// Ends a session that has more to send than anybody waits for. What it was about has its own reply; this one
    /// says that the connection closes (RFC 5321 §3.8).
    pub(super) fn have_enough(&mut self, out: &mut Vec<u8>) {
        if matches!(self.phase, Phase::Ending(_)) {
            return;
        }
        // Behind a long list of replies there is no saying more.
        if !self.waits_to_speak(out) {
            Self::say(out, 421, Enhanced(4, 7, 0), "Too much to wait for, closing the connection");
        }
        self.reach(Limit::MessageSize);
        self.end(End::Errors);
    }

    /// Whether a decision about a whole message is yes; if it is no, says so, in LMTP to each recipient.
    pub(super) fn agreed_each(&mut self, decision: &Decision, out: &mut Vec<u8>) -> bool {
        match decision {
            // After 421 nobody waits for more.
            Decision::Refuse(reply)
                if self.config.role == Role::Lmtp
                    && !reply.is_positive()
                    && reply.code() != 421 =>
            {
                let left = self.recipients;
                self.tell_each(Tail::all(reply.clone(), left), out);
                false
            }
            _ => self.agreed(decision, out),
        }
    }

    fn tell_each(&mut self, mut tail: Tail, out: &mut Vec<u8>) {
        let start = out.len();
        while out.len() - start < AT_ONCE && tail.write(out) {}
        if tail.left > 0 {
            self.tail = Some(Box::new(tail));
        }
    }

    /// Keeps a reply back, until it is [let go](Self::let_go).
    pub(super) fn keep_back(&mut self, reply: Reply) {
        self.tail = Some(Box::new(Tail { kept_back: true, ..Tail::all(reply, 1) }));
    }

    /// Whether a reply is kept back.
    pub(super) fn keeps_back(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| tail.kept_back)
    }

    /// Says what was kept back.
    pub(super) fn let_go(&mut self, out: &mut Vec<u8>) {
        if let Some(mut tail) = self.tail.take_if(|tail| tail.kept_back) {
            tail.write(out);
        }
    }

    /// Whether replies wait to be written that must leave before anything else is said. What was kept back is said now.
    pub(super) fn waits_to_speak(&mut self, out: &mut Vec<u8>) -> bool {
        self.let_go(out);
        self.tail.is_some()
    }

    /// Writes replies that wait, if there are any and there is room. Says whether none is left.
    pub(super) fn write_tail(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(tail) = &mut self.tail else {
            return true;
        };
        while tail.left > 0 {
            if out.len() >= AT_ONCE {
                return false;
            }
            tail.write(out);
        }
        self.tail = None;
        true
    }
}

impl Tail {
    /// The same for so many.
    const fn all(rest: Reply, left: u32) -> Self {
        Self { each: Vec::new(), rest, left, kept_back: false }
    }

    /// Writes one reply. Says whether there was one.
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        self.each.pop().as_ref().unwrap_or(&self.rest).write(out);
        true
    }
}
