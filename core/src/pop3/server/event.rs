//! What a server machine reports and asks, and what answers it.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;

use crate::machine::{Ask, End, Question, TlsFacts, answers};
use crate::pop3::{Deletions, Maildrop, Pop3};
use crate::sasl::{
    self, Certificate, Credentials, Failure, Found, Grant, Identity, Mechanism, Token, Verdict,
};
use crate::text::Text;

/// What happened in a session, in the order it happened. Each line of the peer shows up in exactly one
/// event.
pub enum Event<'i> {
    /// Somebody connected. Always the first event.
    Connected(Ask<Connect>),

    /// AUTH began, or a line of it came that leads to no other event. What it said is not shown.
    Auth(Mechanism),
    /// USER: a name, of which nothing is known yet.
    User(Text<'i>),
    /// A name and a password in clear, by PASS or AUTH: are they right?
    SignIn(Ask<sasl::SignIn<Pop3>>, Credentials<'i>),
    /// SCRAM: what is needed to check this user's proof?
    Lookup(Ask<sasl::Lookup<Pop3>>, Identity),
    /// OAUTHBEARER or XOAUTH2: may whoever bears this token come in?
    Bearer(Ask<sasl::Bearer<Pop3>>, Token),
    /// EXTERNAL: may whoever holds the key of this TLS certificate come in?
    External(Ask<sasl::External<Pop3>>, Certificate),
    /// SCRAM: the peer has proved who it is. (After the other questions the answer says the same.)
    SignedIn {
        /// Whom it acts as.
        user: String,
    },
    /// The exchange failed, or the password could not be looked at; the peer was told.
    SignInFailed(Failure),
    /// The peer has signed in: what is in its maildrop? The lock is taken now; [`Ended`](Self::Ended)
    /// lets it go.
    Open(Ask<Open>),

    /// STAT.
    Stat,
    /// LIST, of one message or of all.
    List(Option<u32>),
    /// UIDL, of one message or of all.
    Uidl(Option<u32>),
    /// RETR: the first octets of this message, which exists. [`More`](Self::More) asks for the
    /// rest; any other event says that no more is wanted.
    Retr(Ask<Source>, Wanted),
    /// TOP: as `Retr`, of which the header and this many lines will be sent.
    Top(Ask<Source>, Wanted, u64),
    /// The next octets of the message. No line of the peer.
    More(Ask<Source>),
    /// DELE: the message was marked.
    Dele(u32),
    /// RSET: all marks were taken away.
    Rset,
    /// QUIT, with nothing to delete or before sign-in.
    Quit,
    /// QUIT: delete these messages, durably, and let the lock go.
    Update(Ask<Update>, Deletions),

    /// CAPA.
    Capa,
    /// LANG, with the range if one was asked for.
    Lang(Text<'i>),
    /// NOOP.
    Noop,
    /// UTF8: from now on the peer takes messages with UTF-8 in their headers.
    Utf8,
    /// STLS: TLS starts when the reply has left.
    Stls,
    /// TLS is up. What was said before is forgotten.
    Secured(TlsFacts),
    /// A line that the machine refused by itself.
    Bad {
        /// The line without its end; only its keyword, or nothing, where the rest may be secret or is over the limit.
        line: Text<'i>,
        /// Why, in the words the peer was told.
        why: &'static str,
    },
    /// It is over. Always the last event. Without [`Update`](Self::Update) nothing is deleted.
    Ended(End),
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(_) => f.write_str("Connected"),
            Self::Auth(mechanism) => write!(f, "Auth {mechanism}"),
            Self::User(name) => write!(f, "User {name:?}"),
            Self::SignIn(_, credentials) => write!(f, "SignIn {credentials:?}"),
            Self::Lookup(_, identity) => write!(f, "Lookup {identity:?}"),
            Self::Bearer(_, token) => write!(f, "Bearer {token:?}"),
            Self::External(_, certificate) => write!(f, "External {certificate:?}"),
            Self::SignedIn { user } => write!(f, "SignedIn {user:?}"),
            Self::SignInFailed(why) => write!(f, "SignInFailed {why}"),
            Self::Open(_) => f.write_str("Open"),
            Self::Stat => f.write_str("Stat"),
            Self::List(None) => f.write_str("List"),
            Self::List(Some(number)) => write!(f, "List {number}"),
            Self::Uidl(None) => f.write_str("Uidl"),
            Self::Uidl(Some(number)) => write!(f, "Uidl {number}"),
            Self::Retr(_, wanted) => write!(f, "Retr {wanted:?}"),
            Self::Top(_, wanted, lines) => write!(f, "Top {wanted:?} {lines}"),
            Self::More(_) => f.write_str("More"),
            Self::Dele(number) => write!(f, "Dele {number}"),
            Self::Rset => f.write_str("Rset"),
            Self::Quit => f.write_str("Quit"),
            Self::Update(_, deletions) => write!(f, "Update {deletions:?}"),
            Self::Capa => f.write_str("Capa"),
            Self::Lang(range) => write!(f, "Lang {range:?}"),
            Self::Noop => f.write_str("Noop"),
            Self::Utf8 => f.write_str("Utf8"),
            Self::Stls => f.write_str("Stls"),
            Self::Secured(facts) => write!(f, "Secured {}", facts.version),
            Self::Bad { line, why } => write!(f, "Bad {line:?} {why}"),
            Self::Ended(end) => write!(f, "Ended {end:?}"),
        }
    }
}

/// Which message is wanted, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The message's number in its [`Maildrop`].
    pub number: u32,
    /// The peer said UTF8. If not, a message whose header is UTF-8 must not be sent as it is (RFC 6856 §2.1):
    /// send another form of it, or answer [`Piece::Utf8`].
    pub utf8: bool,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, if self.utf8 { " utf8" } else { "" })
    }
}

/// May this peer have a session?
#[derive(Debug)]
pub enum Connect {}

/// What is in the maildrop of the user who signed in?
#[derive(Debug)]
pub enum Open {}

/// What are the next octets of the message?
#[derive(Debug)]
pub enum Source {}

/// Are the deletions durable?
#[derive(Debug)]
pub enum Update {}

impl Question for Connect {
    type Protocol = Pop3;
    type Answer = Admission;

    fn refusal() -> Admission {
        Admission::Refuse
    }
}

impl Question for Open {
    type Protocol = Pop3;
    type Answer = Opened;

    fn refusal() -> Opened {
        Opened::Unavailable
    }
}

impl Question for Source {
    type Protocol = Pop3;
    type Answer = Piece;

    fn refusal() -> Piece {
        Piece::Unavailable
    }
}

impl Question for Update {
    type Protocol = Pop3;
    type Answer = Updated;

    fn refusal() -> Updated {
        Updated::Unavailable
    }
}

/// The answer to [`Connect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Come in.
    Accept,
    /// Not now: `-ERR [SYS/TEMP]`, and the connection is closed.
    Refuse,
}

/// The answer to [`Open`].
#[derive(Clone)]
pub enum Opened {
    /// It cannot be opened, and trying again will not help: `-ERR [SYS/PERM]`.
    Broken,
    /// Another session has it: `-ERR [IN-USE]`.
    InUse,
    /// The lock is ours, and this is in it.
    Ready(Arc<dyn Maildrop>),
    /// It cannot be opened now: `-ERR [SYS/TEMP]`.
    Unavailable,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("Broken"),
            Self::InUse => f.write_str("InUse"),
            Self::Ready(maildrop) => write!(f, "Ready({})", maildrop.count()),
            Self::Unavailable => f.write_str("Unavailable"),
        }
    }
}

/// The answer to [`Source`]. As the first piece of a message the last three are said to the peer; later, when half a
/// message has left, they can only end the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The last octets; none is fine.
    Last(Bytes),
    /// These octets, and there are more. 16 to 64 KiB is a good size.
    Part(Bytes),
    /// The message cannot be read, and trying again will not help: `-ERR [SYS/PERM]`.
    Broken,
    /// It cannot be read now: `-ERR [SYS/TEMP]`.
    Unavailable,
    /// It can only be had in UTF-8 mode: `-ERR [UTF8]` (RFC 6856 §5).
    Utf8,
}

/// The answer to [`Update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// Some messages could not be deleted, and trying again will not help: `-ERR [SYS/PERM]`.
    Broken,
    /// All of them are gone, durably.
    Durable,
    /// Some messages could not be deleted now: `-ERR [SYS/TEMP]`.
    Unavailable,
}

/// Every answer to a server machine.
#[derive(Debug)]
pub enum Answer {
    /// To [`Connect`].
    Admission(Admission),
    /// To [`sasl::Lookup`].
    Found(Found),
    /// To [`sasl::Bearer`].
    Grant(Grant),
    /// To [`Open`].
    Opened(Opened),
    /// To [`Source`].
    Piece(Piece),
    /// To [`Update`].
    Updated(Updated),
    /// To [`sasl::SignIn`] and [`sasl::External`].
    Verdict(Verdict),
}

answers!(Admission, Found, Grant, Opened, Piece, Updated, Verdict);
