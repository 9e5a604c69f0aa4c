//! Commands of a client: what they are, how they are read and written (RFC 9051 §6, RFC 3501 §6).
//!
//! [`Tagged::read`] reads what [`frame`](super::frame) framed; [`Tagged::write`] is its inverse. Each
//! command that has any substance has a file here; the rest is in this one.

mod append;
mod authenticate;
mod copy;
mod create;
mod fetch;
mod id;
mod list;
mod login;
mod rename;
mod search;
mod select;
mod status;
mod store;

pub use append::Append;
pub use authenticate::{Authenticate, Initial, Response};
pub use copy::CopyTo;
pub use create::Create;
pub use fetch::{ALL, FAST, FULL, Fetch, FetchItem};
pub use id::IdField;
pub use list::{List, ListReturn, ListSelect};
pub use login::Login;
pub use rename::Rename;
pub use search::{Entry, EntryKind, Key, Keys, ModSeq, Returns, Search};
pub use select::{Select, SelectParam};
pub use status::{Status, StatusItems};
pub use store::{Change, Store};

use core::fmt;

use super::cursor::{ASTRING, Cursor, Read, Syntax, is, pack};
use super::encode::Encoder;
use super::list::{Element, List as Items};
use super::mailbox::Pattern;
use super::words as w;
use super::{Atom, Fault, Mailbox, SequenceSet, Tag};
use crate::text::Text;

/// Whether numbers in a command are sequence numbers or UIDs (RFC 9051 §6.4.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// Message sequence numbers.
    #[default]
    Sequence,
    /// Unique identifiers: the command had `UID` in front.
    Uid,
}

/// A command with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<'i> {
    /// What its replies are tagged with.
    pub tag: Tag<'i>,
    /// The command.
    pub command: Command<'i>,
}

/// What a client asks for. Borrows the framed octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'i> {
    /// `APPEND`: this is its head; the message is streamed behind it (RFC 9051 §6.3.12).
    Append(Append<'i>),
    /// `AUTHENTICATE` (RFC 9051 §6.2.2).
    Authenticate(Authenticate<'i>),
    /// `CAPABILITY` (RFC 9051 §6.1.1).
    Capability,
    /// `CHECK` (RFC 3501 §6.4.1).
    Check,
    /// `CLOSE` (RFC 9051 §6.4.1).
    Close,
    /// `COPY` and `UID COPY` (RFC 9051 §6.4.7).
    Copy(CopyTo<'i>),
    /// `CREATE` (RFC 9051 §6.3.4, RFC 6154 §3).
    Create(Create<'i>),
    /// `DELETE` (RFC 9051 §6.3.5).
    Delete(Mailbox<'i>),
    /// `ENABLE` (RFC 9051 §6.3.1).
    Enable(Items<'i, Atom<'i>>),
    /// `EXAMINE` (RFC 9051 §6.3.3).
    Examine(Select<'i>),
    /// `EXPUNGE` (RFC 9051 §6.4.3).
    Expunge,
    /// `FETCH` and `UID FETCH` (RFC 9051 §6.4.5).
    Fetch(Fetch<'i>),
    /// `ID`; none for `NIL` (RFC 2971 §3.1).
    Id(Option<Items<'i, IdField<'i>>>),
    /// `IDLE`; a line with `DONE` will end it ([`is_done`]; RFC 9051 §6.3.13).
    Idle,
    /// `LIST` (RFC 9051 §6.3.9, RFC 5258).
    List(List<'i>),
    /// `LOGIN` (RFC 9051 §6.2.3).
    Login(Login<'i>),
    /// `LOGOUT` (RFC 9051 §6.1.3).
    Logout,
    /// `LSUB` (RFC 3501 §6.3.9).
    Lsub {
        /// The reference.
        reference: Mailbox<'i>,
        /// The pattern.
        pattern: super::mailbox::Pattern<'i>,
    },
    /// `MOVE` and `UID MOVE` (RFC 9051 §6.4.8).
    Move(CopyTo<'i>),
    /// `NAMESPACE` (RFC 9051 §6.3.10).
    Namespace,
    /// `NOOP` (RFC 9051 §6.1.2).
    Noop,
    /// `RENAME` (RFC 9051 §6.3.6).
    Rename(Rename<'i>),
    /// `SEARCH` and `UID SEARCH` (RFC 9051 §6.4.4).
    Search(Search<'i>),
    /// `SELECT` (RFC 9051 §6.3.2).
    Select(Select<'i>),
    /// `STARTTLS` (RFC 9051 §6.2.1).
    StartTls,
    /// `STATUS` (RFC 9051 §6.3.11).
    Status(Status<'i>),
    /// `STORE` and `UID STORE` (RFC 9051 §6.4.6).
    Store(Store<'i>),
    /// `SUBSCRIBE` (RFC 9051 §6.3.7).
    Subscribe(Mailbox<'i>),
    /// `UID EXPUNGE` (RFC 9051 §6.4.9).
    UidExpunge(SequenceSet<'i>),
    /// `UNSELECT` (RFC 9051 §6.4.2).
    Unselect,
    /// `UNSUBSCRIBE` (RFC 9051 §6.3.8).
    Unsubscribe(Mailbox<'i>),
}

const _: () = assert!(size_of::<Command<'static>>() <= 88);

/// A line of the client that is no command we know.
///
/// Prints as the text of a `BAD` reply: what was wrong, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bad<'i> {
    /// The tag, if it could be read.
    pub tag: Option<Tag<'i>>,
    /// The command's name, if it is one; empty otherwise.
    pub verb: &'static str,
    /// What was wrong.
    pub fault: Fault,
    /// The word at which it was, for people; empty where a secret could stand.
    pub near: Text<'i>,
}

impl<'i> Tagged<'i> {
    /// Reads one framed command: its lines with their CR LF, and its literals. Of APPEND only the head, up
    /// to the CR LF behind which its message begins.
    ///
    /// # Errors
    /// If it is no command of this grammar.
    pub fn read(frame: &'i [u8], syntax: Syntax) -> Result<Self, Bad<'i>> {
        let mut cursor = Cursor::new(frame, syntax);
        let tag = cursor.tag().map_err(|fault| Bad::new(frame, None, 0, fault))?;
        let mut verb = 0;
        let command = read(&mut cursor, &mut verb);
        match command {
            Ok(command) => Ok(Self { tag, command }),
            Err(fault) => Err(Bad::new(frame, Some(tag), verb, fault)),
        }
    }

    /// Writes it as [`read`](Self::read) reads it.
    pub fn write(&self, to: &mut Encoder<'_>) {
        to.raw(self.tag.as_bytes());
        to.octet(b' ');
        self.command.write(to);
    }
}

fn read<'i>(cursor: &mut Cursor<'i>, verb: &mut u128) -> Read<Command<'i>> {
    cursor.sp()?;
    let from = cursor.at();
    *verb = cursor.word();
    let by = if *verb == w::UID {
        cursor.sp()?;
        *verb = cursor.word();
        By::Uid
    } else {
        By::Sequence
    };
    let command = match (*verb, by) {
        (w::COPY, _) => CopyTo::read(cursor, by).map(Command::Copy),
        (w::FETCH, _) => Fetch::read(cursor, by).map(Command::Fetch),
        (w::MOVE, _) => CopyTo::read(cursor, by).map(Command::Move),
        (w::SEARCH, _) => Search::read(cursor, by).map(Command::Search),
        (w::STORE, _) => Store::read(cursor, by).map(Command::Store),
        (w::EXPUNGE, By::Uid) => {
            cursor.sp()?;
            SequenceSet::read(cursor).map(Command::UidExpunge)
        }
        (_, By::Uid) => cursor.fault_at(from, "unknown command behind UID"),
        (w::APPEND, _) => return Append::read(cursor).map(Command::Append),
        (w::AUTHENTICATE, _) => Authenticate::read(cursor).map(Command::Authenticate),
        (w::CAPABILITY, _) => Ok(Command::Capability),
        (w::CHECK, _) => Ok(Command::Check),
        (w::CLOSE, _) => Ok(Command::Close),
        (w::CREATE, _) => Create::read(cursor).map(Command::Create),
        (w::DELETE, _) => mailbox(cursor).map(Command::Delete),
        (w::ENABLE, _) => {
            cursor.sp()?;
            Items::read_bare(cursor, |c| c == b'\r').map(Command::Enable)
        }
        (w::EXAMINE, _) => Select::read(cursor).map(Command::Examine),
        (w::EXPUNGE, _) => Ok(Command::Expunge),
        (w::ID, _) => id::read(cursor).map(Command::Id),
        (w::IDLE, _) => Ok(Command::Idle),
        (w::LIST, _) => List::read(cursor).map(Command::List),
        (w::LOGIN, _) => Login::read(cursor).map(Command::Login),
        (w::LOGOUT, _) => Ok(Command::Logout),
        (w::LSUB, _) => {
            let reference = mailbox(cursor)?;
            cursor.sp()?;
            Pattern::read(cursor).map(|pattern| Command::Lsub { reference, pattern })
        }
        (w::NAMESPACE, _) => Ok(Command::Namespace),
        (w::NOOP, _) => Ok(Command::Noop),
        (w::RENAME, _) => Rename::read(cursor).map(Command::Rename),
        (w::SELECT, _) => Select::read(cursor).map(Command::Select),
        (w::STARTTLS, _) => Ok(Command::StartTls),
        (w::STATUS, _) => Status::read(cursor).map(Command::Status),
        (w::SUBSCRIBE, _) => mailbox(cursor).map(Command::Subscribe),
        (w::UNSELECT, _) => Ok(Command::Unselect),
        (w::UNSUBSCRIBE, _) => mailbox(cursor).map(Command::Unsubscribe),
        _ => cursor.fault_at(from, "unknown command"),
    }?;
    cursor.end()?;
    Ok(command)
}

/// A mailbox behind a space.
fn mailbox<'i>(cursor: &mut Cursor<'i>) -> Read<Mailbox<'i>> {
    cursor.sp()?;
    Mailbox::read(cursor)
}

impl<'i> Element<'i> for Atom<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.atom("expected a capability")
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.atom(*self);
    }
}

impl Command<'_> {
    /// The word it begins with, `UID` left out.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Append(_) => "APPEND",
            Self::Authenticate(_) => "AUTHENTICATE",
            Self::Capability => "CAPABILITY",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Copy(_) => "COPY",
            Self::Create(_) => "CREATE",
            Self::Delete(_) => "DELETE",
            Self::Enable(_) => "ENABLE",
            Self::Examine(_) => "EXAMINE",
            Self::Expunge | Self::UidExpunge(_) => "EXPUNGE",
            Self::Fetch(_) => "FETCH",
            Self::Id(_) => "ID",
            Self::Idle => "IDLE",
            Self::List(_) => "LIST",
            Self::Login(_) => "LOGIN",
            Self::Logout => "LOGOUT",
            Self::Lsub { .. } => "LSUB",
            Self::Move(_) => "MOVE",
            Self::Namespace => "NAMESPACE",
            Self::Noop => "NOOP",
            Self::Rename(_) => "RENAME",
            Self::Search(_) => "SEARCH",
            Self::Select(_) => "SELECT",
            Self::StartTls => "STARTTLS",
            Self::Status(_) => "STATUS",
            Self::Store(_) => "STORE",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unselect => "UNSELECT",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
        }
    }

    /// Whether its numbers are UIDs.
    #[must_use]
    pub const fn by(&self) -> By {
        match self {
            Self::Copy(CopyTo { by, .. }) | Self::Move(CopyTo { by, .. }) => *by,
            Self::Fetch(Fetch { by, .. }) | Self::Search(Search { by, .. }) => *by,
            Self::Store(Store { by, .. }) => *by,
            Self::UidExpunge(_) => By::Uid,
            _ => By::Sequence,
        }
    }

    /// Writes it without its tag; of APPEND, the head.
    pub fn write(&self, to: &mut Encoder<'_>) {
        if self.by() == By::Uid {
            to.word("UID ");
        }
        to.word(self.verb());
        match self {
            Self::Append(append) => {
                to.octet(b' ');
                append.write(to);
                return;
            }
            Self::Capability
            | Self::Check
            | Self::Close
            | Self::Expunge
            | Self::Idle
            | Self::Logout
            | Self::Namespace
            | Self::Noop
            | Self::StartTls
            | Self::Unselect => {}
            _ => {
                to.octet(b' ');
                self.write_arguments(to);
            }
        }
        to.raw(b"\r\n");
    }

    fn write_arguments(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Authenticate(authenticate) => authenticate.write(to),
            Self::Copy(copy) | Self::Move(copy) => copy.write(to),
            Self::Create(create) => create.write(to),
            Self::Delete(mailbox) | Self::Subscribe(mailbox) | Self::Unsubscribe(mailbox) => {
                mailbox.write(to);
            }
            Self::Enable(capabilities) => capabilities.write(to),
            Self::Examine(select) | Self::Select(select) => select.write(to),
            Self::Fetch(fetch) => fetch.write(to),
            Self::Id(fields) => id::write(*fields, to),
            Self::List(list) => list.write(to),
            Self::Login(login) => login.write(to),
            Self::Lsub { reference, pattern } => {
                reference.write(to);
                to.octet(b' ');
                pattern.write(to);
            }
            Self::Rename(rename) => rename.write(to),
            Self::Search(search) => search.write(to),
            Self::Status(status) => status.write(to),
            Self::Store(store) => store.write(to),
            Self::UidExpunge(set) => set.write(to),
            _ => {}
        }
    }
}

impl<'i> Bad<'i> {
    #[cold]
    fn new(frame: &'i [u8], tag: Option<Tag<'i>>, verb: u128, fault: Fault) -> Self {
        let verb = VERBS.into_iter().find(|name| pack(name.as_bytes()) == verb).unwrap_or_default();
        // What stands behind LOGIN, or where no command was known, may be a password.
        let near = match verb {
            "" | "LOGIN" | "AUTHENTICATE" => &[],
            _ => {
                let rest = frame.get(fault.at as usize..).unwrap_or_default();
                let n = rest.iter().take(32).take_while(|&&c| is(c, ASTRING)).count();
                rest.get(..n).unwrap_or_default()
            }
        };
        Self { tag, verb, fault, near: Text(near) }
    }
}

/// Names of commands, for [`Bad::verb`].
const VERBS: [&str; 30] = [
    "APPEND",
    "AUTHENTICATE",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COPY",
    "CREATE",
    "DELETE",
    "ENABLE",
    "EXAMINE",
    "EXPUNGE",
    "FETCH",
    "ID",
    "IDLE",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "MOVE",
    "NAMESPACE",
    "NOOP",
    "RENAME",
    "SEARCH",
    "SELECT",
    "STARTTLS",
    "STATUS",
    "STORE",
    "SUBSCRIBE",
    "UNSELECT",
    "UNSUBSCRIBE",
];

impl fmt::Display for Bad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.verb.is_empty() {
            write!(f, "{}: ", self.verb)?;
        }
        write!(f, "{} at octet {}", self.fault.what, self.fault.at)?;
        if !self.near.is_empty() {
            write!(f, " ({})", self.near)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Bad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag {
            // A tag that is a password of a client gone astray must not be printed: only one with a known
            // command behind it is.
            Some(tag) if !self.verb.is_empty() => write!(f, "Bad({tag:?} {self})"),
            _ => write!(f, "Bad({self})"),
        }
    }
}

/// Whether a line with its CR LF ends IDLE (RFC 9051 §6.3.13).
#[must_use]
pub fn is_done(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|word| word.eq_ignore_ascii_case(b"DONE"))
}
