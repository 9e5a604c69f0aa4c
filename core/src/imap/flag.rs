//! Flags of messages (RFC 9051 §2.3.2) and special uses of mailboxes (RFC 6154 §2).

use core::fmt;

use super::Atom;
use super::cursor::{Cursor, Read, pack};
use super::encode::Encoder;
use super::list::Element;
use super::words as w;

/// A flag as a command names it. Names compare without regard to case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag<'i> {
    /// `\Answered`
    Answered,
    /// `\Deleted`
    Deleted,
    /// `\Draft`
    Draft,
    /// `\Flagged`
    Flagged,
    /// `\Seen`
    Seen,
    /// Another flag with `\` in front, named without it. No client can set one that we know; among them is
    /// `\Recent`, which only RFC 3501 servers set.
    Extension(Atom<'i>),
    /// A keyword: `$Forwarded`, `work`…
    Keyword(Atom<'i>),
}

impl<'i> Element<'i> for Flag<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        if !cursor.eat(b'\\') {
            return cursor.atom("expected a flag").map(Self::Keyword);
        }
        let name = cursor.atom("expected the name of a flag behind \\")?;
        Ok(Self::system(name))
    }

    fn write(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Keyword(name) => to.atom(*name),
            Self::Extension(name) => {
                to.octet(b'\\');
                to.atom(*name);
            }
            system => to.word(system.name()),
        }
    }
}

impl<'i> Flag<'i> {
    /// The flag that stands behind a `\`.
    #[must_use]
    pub fn system(name: Atom<'i>) -> Self {
        match pack(name.as_bytes()) {
            w::ANSWERED => Self::Answered,
            w::DELETED => Self::Deleted,
            w::DRAFT => Self::Draft,
            w::FLAGGED => Self::Flagged,
            w::SEEN => Self::Seen,
            _ => Self::Extension(name),
        }
    }

    /// Its name: with the `\` for the five system flags, without for an extension.
    #[must_use]
    pub fn name(&self) -> &'i str {
        match self {
            Self::Answered => "\\Answered",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::Flagged => "\\Flagged",
            Self::Seen => "\\Seen",
            Self::Extension(name) | Self::Keyword(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Extension(_) = self {
            f.write_str("\\")?;
        }
        f.write_str(self.name())
    }
}

impl fmt::Debug for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a mailbox is for (RFC 6154 §2), as CREATE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecialUse<'i> {
    /// `\All`: all messages.
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`: all flagged messages.
    Flagged,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
    /// Another, named without its `\`.
    Other(Atom<'i>),
}

impl<'i> SpecialUse<'i> {
    /// Its name; without the `\` for [`Other`](Self::Other).
    #[must_use]
    pub fn name(&self) -> &'i str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl<'i> Element<'i> for SpecialUse<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.expect(b'\\', "expected a special use like \\Sent")?;
        let name = cursor.atom("expected the name of a special use behind \\")?;
        Ok(match pack(name.as_bytes()) {
            w::ALL => Self::All,
            w::ARCHIVE => Self::Archive,
            w::DRAFTS => Self::Drafts,
            w::FLAGGED => Self::Flagged,
            w::JUNK => Self::Junk,
            w::SENT => Self::Sent,
            w::TRASH => Self::Trash,
            _ => Self::Other(name),
        })
    }

    fn write(&self, to: &mut Encoder<'_>) {
        if let Self::Other(_) = self {
            to.octet(b'\\');
        }
        to.word(self.name());
    }
}
