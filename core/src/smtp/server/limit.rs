//! What happens at a limit: the session says so in an event, and who makes many errors waits for the replies.

use alloc::vec::Vec;
use core::fmt;

use super::Server;
use super::config::Role;
use crate::machine::{End, Instant};
use crate::smtp::reply::{Enhanced, Reply};

/// The limits of a session, by which [`Event::Limited`](super::Event::Limited) says what was reached. Each is a field of
/// [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The host thought longer than `answer_wait`: its question was refused.
    AnswerWait,
    /// `auth_failures`: the session ended.
    AuthFailures,
    /// `smtp_auth_line`: a line of a sign-in was refused.
    AuthLine,
    /// `body_rate`: the session ended.
    BodyRate,
    /// `smtp_body_wait`: the session ended.
    BodyWait,
    /// `smtp_command_line`: a command was refused, or did not end, and so the session did.
    CommandLine,
    /// `smtp_command_wait`: the session ended.
    CommandWait,
    /// `errors`: the session ended.
    Errors,
    /// `smtp_hello_wait`: the session ended.
    HelloWait,
    /// `junk_commands`: the session ended.
    JunkCommands,
    /// `message_size`: a message was refused, or did not end, and so the session did.
    MessageSize,
    /// `smtp_recipients`: a recipient was refused.
    Recipients,
    /// `tarpit_errors`: a reply is kept back for `tarpit_delay`.
    Tarpit,
    /// `smtp_text_line`: a message was refused.
    TextLine,
    /// `smtp_transaction_wait`: the session ended.
    TransactionWait,
    /// `smtp_transactions`: the session ended.
    Transactions,
}

impl Limit {
    /// All of them, in the order of their numbers (`as usize`).
    pub const ALL: [Self; 16] = [
        Self::AnswerWait,
        Self::AuthFailures,
        Self::AuthLine,
        Self::BodyRate,
        Self::BodyWait,
        Self::CommandLine,
        Self::CommandWait,
        Self::Errors,
        Self::HelloWait,
        Self::JunkCommands,
        Self::MessageSize,
        Self::Recipients,
        Self::Tarpit,
        Self::TextLine,
        Self::TransactionWait,
        Self::Transactions,
    ];

    /// The name in the config file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnswerWait => "answer_wait",
            Self::AuthFailures => "auth_failures",
            Self::AuthLine => "smtp_auth_line",
            Self::BodyRate => "body_rate",
            Self::BodyWait => "smtp_body_wait",
            Self::CommandLine => "smtp_command_line",
            Self::CommandWait => "smtp_command_wait",
            Self::Errors => "errors",
            Self::HelloWait => "smtp_hello_wait",
            Self::JunkCommands => "junk_commands",
            Self::MessageSize => "message_size",
            Self::Recipients => "smtp_recipients",
            Self::Tarpit => "tarpit_errors",
            Self::TextLine => "smtp_text_line",
            Self::TransactionWait => "smtp_transaction_wait",
            Self::Transactions => "smtp_transactions",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Server {
    /// A limit is reached. Of two that are reached at once, the one that is told last shows.
    pub(super) fn reach(&mut self, limit: Limit) {
        self.reached = Some(limit);
    }

    /// Counts an error. Says whether it may be answered; if not, the session has ended.
    pub(super) fn may_err(&mut self, out: &mut Vec<u8>) -> bool {
        self.errors = self.errors.saturating_add(1);
        if self.errors <= self.limits().errors {
            return true;
        }
        Self::say(out, 421, Enhanced(4, 7, 0), "Too many errors, closing the connection");
        self.reach(Limit::Errors);
        self.end(End::Errors);
        false
    }

    /// Says no, at once or, to a peer with many errors, after a while in which it is not heard. In LMTP the peer is
    /// ours, and others wait behind it.
    pub(super) fn say_no(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        let patient = self.errors <= self.limits().tarpit_errors;
        if patient || reply.code() == 421 || self.config.role == Role::Lmtp {
            return reply.write(out);
        }
        self.keep_back(reply.clone());
        self.reach(Limit::Tarpit);
    }

    /// Whether a reply is kept back at this time; if it has been long enough, says it.
    pub(super) fn is_stuck(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if !self.keeps_back() {
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if now < since + self.limits().tarpit_delay {
            return true;
        }
        self.since = None;
        self.let_go(out);
        false
    }
}
