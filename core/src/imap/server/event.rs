//! What the server machine reports and asks, and what answers it.

use alloc::string::String;

use crate::imap::command::{Append as AppendHead, Command};
use crate::imap::response::{Code, Mode, Reply, Responses};
use crate::imap::{Imap, Tag};
use crate::machine::{Ask, End, Question, TlsFacts, answers};
use crate::sasl::{
    Bearer, Certificate, Credentials, External, Failure, Found, Grant, Identity, Lookup, SignIn,
    Token, Verdict,
};
use crate::text::{Secret, Text};

/// What happened in a session, in the order it happened. Each line of the peer shows up in exactly one
/// event.
#[derive(Debug)]
pub enum Event<'i> {
    /// APPEND: its head is here, its message is not. Shall it come?
    Append(Ask<Append>, Context<'i>, AppendHead<'i>),
    /// The message that was being appended is complete. The answer ends the command, and OK means
    /// that the message is durable.
    Appended(Ask<Appended>),
    /// OAUTHBEARER or XOAUTH2: may whoever bears this token come in?
    Bearer(Ask<Bearer<Imap>>, Token),
    /// Octets of the message that is being appended, in order.
    Body(Text<'i>),
    /// The message that was being appended will not come whole: drop what was staged. The client was
    /// told. Also when the session ends in the middle, before `Ended`.
    BodyLost,
    /// A command about mailboxes or messages. What the machine handles by itself is never here:
    /// AUTHENTICATE, CAPABILITY, CHECK, ENABLE, ID, IDLE, LOGIN, LOGOUT, NOOP, STARTTLS.
    Command(Ask<Run>, Context<'i>, Command<'i>),
    /// Somebody connected. Always the first event.
    Connected(Ask<Connect>),
    /// The client ended its IDLE.
    Done,
    /// It is over. Always the last event.
    Ended(End),
    /// EXTERNAL: may whoever holds the key of this TLS certificate come in?
    External(Ask<External<Imap>>, Certificate),
    /// A command that the machine handles by itself: nothing to answer.
    Heard(Command<'i>),
    /// A SCRAM exchange needs what is known of this user.
    Lookup(Ask<Lookup<Imap>>, Identity),
    /// More of the reply, whose last part has left. It stopped where the
    /// [`seam`](Responses::seam) says.
    Next(Ask<Next>),
    /// A command that the machine refused by itself: it could not be parsed, came in the wrong state or
    /// passed a limit.
    Bad {
        /// The line up to the first literal, or as much as was kept; only its verb, or nothing, where
        /// the rest may be secret.
        line: Text<'i>,
        /// Why.
        why: Why,
    },
    /// A line of an AUTHENTICATE exchange that led to another challenge.
    Response(Secret<'i>),
    /// TLS is up. What was said before is forgotten.
    Secured(TlsFacts),
    /// Are these credentials right?
    SignIn(Ask<SignIn<Imap>>, Credentials<'i>),
    /// An AUTHENTICATE exchange failed.
    SignInFailed(Failure),
    /// A SCRAM client has proved to be this user (or may act for them).
    SignedIn {
        /// The account's name as the client wrote it, prepared.
        user: String,
    },
    /// Octets of what was refused: literals that came unasked, the rest of a line. A password may be among
    /// them.
    Skipped(Secret<'i>),
    /// STARTTLS: TLS starts when the reply has left.
    StartTls,
    /// What changed in the selected mailbox since the client heard of it last?
    Sync(Ask<Sync>, Mode, Allowed),
}

/// What surrounds a command.
#[derive(Clone, Copy, Debug)]
pub struct Context<'i> {
    /// This command is the first that says the client knows CONDSTORE: if a mailbox is selected, its
    /// HIGHESTMODSEQ has to be told (RFC 7162 §3.1).
    pub condstore_now: bool,
    /// What the client enabled; this command counts.
    pub mode: Mode,
    /// The command's tag, for [`Responses::esearch`].
    pub tag: Tag<'i>,
}

/// Which changes the protocol allows to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Messages that came, and flags. Not EXPUNGE: sequence numbers must stay what they are while a
    /// FETCH, STORE or SEARCH runs (RFC 9051 §7.5.1).
    Additions,
    /// EXPUNGE as well.
    Everything,
}

/// Why a command was refused without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its line, its literals or its message are longer than the limits allow.
    Limit,
    /// Only with TLS.
    Privacy,
    /// It has no business before or after sign-in, or without a selected mailbox.
    State,
    /// It cannot be parsed, or there is no such command.
    Syntax,
}

/// May this peer have a session?
#[derive(Debug)]
pub enum Connect {}

impl Question for Connect {
    type Protocol = Imap;
    type Answer = Admission;

    fn refusal() -> Admission {
        Admission::Refuse
    }
}

/// The answer to [`Connect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Come in.
    Accept,
    /// Not now: `* BYE`, and the connection is closed.
    Refuse,
}

/// What does this command do? The event beside the ask shows it.
#[derive(Debug)]
pub enum Run {}

impl Question for Run {
    type Protocol = Imap;
    type Answer = Reply;

    fn refusal() -> Reply {
        Reply::unavailable()
    }
}

/// What comes next of a reply that came in parts?
#[derive(Debug)]
pub enum Next {}

impl Question for Next {
    type Protocol = Imap;
    type Answer = Reply;

    fn refusal() -> Reply {
        Reply::unavailable()
    }
}

/// May this message come? Answered before its literal is invited, so that nothing is sent in vain.
#[derive(Debug)]
pub enum Append {}

impl Question for Append {
    type Protocol = Imap;
    type Answer = Decision;

    fn refusal() -> Decision {
        Decision::Refuse(Reply::unavailable())
    }
}

/// The answer to [`Append`].
#[derive(Debug)]
pub enum Decision {
    /// It may.
    Accept,
    /// It may not: `NO [TRYCREATE]`, `NO [OVERQUOTA]`… The machine swallows what comes nevertheless.
    Refuse(Reply),
}

impl Decision {
    /// It may not, because of this.
    #[must_use]
    pub fn refuse(code: Code<'_>, text: &str) -> Self {
        Self::Refuse(Responses::new().no(code, text))
    }
}

/// Was the message that came stored? OK means durable.
#[derive(Debug)]
pub enum Appended {}

impl Question for Appended {
    type Protocol = Imap;
    type Answer = Reply;

    fn refusal() -> Reply {
        Reply::unavailable()
    }
}

/// What changed in the selected mailbox? Asked when the protocol lets it be told: before the end of
/// a command if there was a [`poke`](crate::machine::Machine::poke) or the reply asked for it
/// ([`Reply::changed`]), at every NOOP, CHECK and start of IDLE, and upon a poke while idling.
#[derive(Debug)]
pub enum Sync {}

impl Question for Sync {
    type Protocol = Imap;
    type Answer = Update;

    fn refusal() -> Update {
        Update::nothing()
    }
}

/// The answer to [`Sync`].
#[derive(Debug)]
pub struct Update {
    /// EXPUNGE, EXISTS, RECENT, FETCH with flags. Whole responses only.
    pub responses: Responses,
    /// There is more: ask again.
    pub more: bool,
}

impl Update {
    /// Nothing changed.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { responses: Responses::new(), more: false }
    }

    /// This changed, and no more.
    #[must_use]
    pub const fn of(responses: Responses) -> Self {
        Self { responses, more: false }
    }
}

/// Every answer to a server machine.
#[derive(Debug)]
pub enum Answer {
    /// To [`Connect`].
    Admission(Admission),
    /// To [`Append`].
    Decision(Decision),
    /// To [`Lookup`].
    Found(Found),
    /// To [`Bearer`].
    Grant(Grant),
    /// To [`Run`], [`Next`] and [`Appended`].
    Reply(Reply),
    /// To [`Sync`].
    Update(Update),
    /// To [`SignIn`] and [`External`].
    Verdict(Verdict),
}

answers!(Admission, Decision, Found, Grant, Reply, Update, Verdict);
