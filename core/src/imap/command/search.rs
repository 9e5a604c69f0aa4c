use core::fmt;

use super::super::atom::{AString, Atom};
use super::super::cursor::{Cursor, NESTING_MOST, Read};
use super::super::date::Date;
use super::super::encode::Encoder;
use super::super::list::{Element, Iter, List};
use super::super::sequence::SequenceSet;
use super::super::words as w;
use super::By;

/// SEARCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search<'i> {
    /// What the numbers in the reply shall be.
    pub by: By,
    /// `RETURN (…)`; none for the plain form, whose reply RFC 3501 §7.2.5 has.
    pub returns: Option<Returns>,
    /// In which charset the strings are; US-ASCII (UTF-8, once enabled) if nothing is said.
    pub charset: Option<AString<'i>>,
    /// What to look for; all of it must hold.
    pub keys: Keys<'i>,
}

/// What SEARCH shall return (RFC 9051 §6.4.4, RFC 4731, RFC 5182). `RETURN ()` is `RETURN (ALL)`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Returns {
    /// `MIN`
    pub min: bool,
    /// `MAX`
    pub max: bool,
    /// `ALL`
    pub all: bool,
    /// `COUNT`
    pub count: bool,
    /// `SAVE`: keep the result as `$`.
    pub save: bool,
}

/// What a message must be to be found, one step after the other, each operator before its operands:
/// `NOT SEEN` is [`Key::Not`], [`Key::Seen`]; `OR (A B) C` is [`Key::Or`], [`Key::Open`], A, B,
/// [`Key::Close`], C. Always complete, and nested no deeper than [`Syntax::nesting`].
///
/// [`Syntax::nesting`]: super::super::Syntax::nesting
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys<'i>(List<'i, Key<'i>>);

/// One step of [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'i> {
    /// `(`: the keys up to its [`Close`](Self::Close) are one, and all of them must hold.
    Open,
    /// `)`
    Close,
    /// The next key must not hold.
    Not,
    /// One of the next two keys must hold.
    Or,
    /// `ALL`
    All,
    /// `ANSWERED`
    Answered,
    /// `BCC`
    Bcc(AString<'i>),
    /// `BEFORE`: the internal date is earlier.
    Before(Date),
    /// `BODY`
    Body(AString<'i>),
    /// `CC`
    Cc(AString<'i>),
    /// `DELETED`
    Deleted,
    /// `DRAFT`
    Draft,
    /// `FLAGGED`
    Flagged,
    /// `FROM`
    From(AString<'i>),
    /// `HEADER`: the field is there and its text holds this (an empty string: is there).
    Header {
        /// The name of the field.
        name: AString<'i>,
        /// What to look for in it.
        value: AString<'i>,
    },
    /// `KEYWORD`
    Keyword(Atom<'i>),
    /// `LARGER`: has more octets.
    Larger(u64),
    /// `MODSEQ` (RFC 7162 §3.1.5)
    ModSeq(ModSeq<'i>),
    /// `NEW`: `(RECENT UNSEEN)` (RFC 3501 §6.4.4)
    New,
    /// `OLD`: `NOT RECENT` (RFC 3501 §6.4.4)
    Old,
    /// `ON`: the internal date is this day.
    On(Date),
    /// `RECENT` (RFC 3501 §6.4.4)
    Recent,
    /// `SEEN`
    Seen,
    /// `SENTBEFORE`: the Date field is earlier.
    SentBefore(Date),
    /// `SENTON`
    SentOn(Date),
    /// `SENTSINCE`
    SentSince(Date),
    /// Sequence numbers.
    Sequence(SequenceSet<'i>),
    /// `SINCE`: the internal date is this day or later.
    Since(Date),
    /// `SMALLER`: has fewer octets.
    Smaller(u64),
    /// `SUBJECT`
    Subject(AString<'i>),
    /// `TEXT`: header or body.
    Text(AString<'i>),
    /// `TO`
    To(AString<'i>),
    /// `UID`
    Uid(SequenceSet<'i>),
    /// `UNANSWERED`
    Unanswered,
    /// `UNDELETED`
    Undeleted,
    /// `UNDRAFT`
    Undraft,
    /// `UNFLAGGED`
    Unflagged,
    /// `UNKEYWORD`
    Unkeyword(Atom<'i>),
    /// `UNSEEN`
    Unseen,
}

/// `MODSEQ`: changed at this mod-sequence or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModSeq<'i> {
    /// Of which metadata item, if not of any; a server without one for each may ignore it.
    pub entry: Option<Entry<'i>>,
    /// The mod-sequence.
    pub since: u64,
}

/// A metadata item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'i> {
    /// `/flags/\seen`…
    pub name: AString<'i>,
    /// Whose.
    pub kind: EntryKind,
}

/// Whose metadata item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Both.
    All,
    /// The user's own.
    Private,
    /// Everybody's.
    Shared,
}

impl<'i> Keys<'i> {
    /// These steps, if they are complete and nested no deeper than
    /// [`NESTING_MOST`](super::super::cursor::NESTING_MOST).
    #[must_use]
    pub fn of(steps: &'i [Key<'i>]) -> Option<Self> {
        let mut shape = Shape::new(NESTING_MOST);
        let fits = steps.iter().all(|step| shape.step(step).is_ok());
        (fits && shape.is_done()).then_some(Self(List::of(steps)))
    }

    /// The steps, in order.
    pub fn iter(&self) -> Iter<'i, Key<'i>> {
        self.0.iter()
    }
}

impl<'i> IntoIterator for Keys<'i> {
    type Item = Key<'i>;
    type IntoIter = Iter<'i, Key<'i>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Whether steps make a whole: what each operator and parenthesis still waits for.
struct Shape {
    /// Operands that an operator waits for, or 0 for an open parenthesis.
    open: [u8; NESTING_MOST as usize],
    depth: u8,
    most: u8,
    /// A key just ended, and nothing but the end, `)` or another key can follow.
    ended: bool,
}

impl Shape {
    fn new(most: u8) -> Self {
        Self {
            open: [0; NESTING_MOST as usize],
            depth: 0,
            most: most.min(NESTING_MOST),
            ended: false,
        }
    }

    fn is_done(&self) -> bool {
        self.depth == 0 && self.ended
    }

    fn step(&mut self, step: &Key<'_>) -> Result<(), &'static str> {
        match step {
            Key::Open => self.push(0),
            Key::Not => self.push(1),
            Key::Or => self.push(2),
            Key::Close if self.ended && self.top() == Some(0) => {
                self.depth -= 1;
                self.end();
                Ok(())
            }
            Key::Close if self.ended => Err("no ( for this )"),
            Key::Close => Err("expected a search key"),
            _ => {
                self.end();
                Ok(())
            }
        }
    }

    fn push(&mut self, operands: u8) -> Result<(), &'static str> {
        match self.open.get_mut(usize::from(self.depth)) {
            Some(place) if self.depth < self.most => *place = operands,
            _ => return Err("search keys are nested too deep"),
        }
        self.depth += 1;
        self.ended = false;
        Ok(())
    }

    fn top(&self) -> Option<u8> {
        let top = self.depth.checked_sub(1)?;
        self.open.get(usize::from(top)).copied()
    }

    /// A key ended, and with it perhaps the operators in front of it.
    fn end(&mut self) {
        self.ended = true;
        while let Some(left @ 1..) = self.top() {
            if left > 1 {
                let top = usize::from(self.depth - 1);
                self.open.iter_mut().skip(top).take(1).for_each(|place| *place = left - 1);
                self.ended = false;
                return;
            }
            self.depth -= 1;
        }
    }
}

impl<'i> Keys<'i> {
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let start = cursor.at();
        let mut shape = Shape::new(cursor.syntax.nesting);
        loop {
            let from = cursor.at();
            let step = Key::read(cursor)?;
            if let Err(what) = shape.step(&step) {
                return cursor.fault_at(from, what);
            }
            match cursor.peek() {
                _ if step == Key::Open => {}
                Some(b')') => {}
                Some(b'\r') if shape.is_done() => return Ok(Self(List::since(cursor, start))),
                _ => cursor.sp()?,
            }
        }
    }
}

impl<'i> Element<'i> for Key<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        match cursor.peek() {
            Some(b'(') => {
                cursor.step();
                return Ok(Self::Open);
            }
            Some(b')') => {
                cursor.step();
                return Ok(Self::Close);
            }
            Some(b'*' | b'$' | b'0'..=b'9') => {
                return SequenceSet::read(cursor).map(Self::Sequence);
            }
            _ => {}
        }
        let from = cursor.at();
        Ok(match cursor.word() {
            w::ALL => Self::All,
            w::ANSWERED => Self::Answered,
            w::BCC => Self::Bcc(string(cursor)?),
            w::BEFORE => Self::Before(date(cursor)?),
            w::BODY => Self::Body(string(cursor)?),
            w::CC => Self::Cc(string(cursor)?),
            w::DELETED => Self::Deleted,
            w::DRAFT => Self::Draft,
            w::FLAGGED => Self::Flagged,
            w::FROM => Self::From(string(cursor)?),
            w::HEADER => Self::Header { name: string(cursor)?, value: string(cursor)? },
            w::KEYWORD => Self::Keyword(keyword(cursor)?),
            w::LARGER => Self::Larger(size(cursor)?),
            w::MODSEQ => Self::ModSeq(ModSeq::read(cursor)?),
            w::NEW => Self::New,
            w::NOT => Self::Not,
            w::OLD => Self::Old,
            w::ON => Self::On(date(cursor)?),
            w::OR => Self::Or,
            w::RECENT => Self::Recent,
            w::SEEN => Self::Seen,
            w::SENTBEFORE => Self::SentBefore(date(cursor)?),
            w::SENTON => Self::SentOn(date(cursor)?),
            w::SENTSINCE => Self::SentSince(date(cursor)?),
            w::SINCE => Self::Since(date(cursor)?),
            w::SMALLER => Self::Smaller(size(cursor)?),
            w::SUBJECT => Self::Subject(string(cursor)?),
            w::TEXT => Self::Text(string(cursor)?),
            w::TO => Self::To(string(cursor)?),
            w::UID => {
                cursor.sp()?;
                Self::Uid(SequenceSet::read(cursor)?)
            }
            w::UNANSWERED => Self::Unanswered,
            w::UNDELETED => Self::Undeleted,
            w::UNDRAFT => Self::Undraft,
            w::UNFLAGGED => Self::Unflagged,
            w::UNKEYWORD => Self::Unkeyword(keyword(cursor)?),
            w::UNSEEN => Self::Unseen,
            0 => return cursor.fault_at(from, "expected a search key"),
            _ => return cursor.fault_at(from, "unknown search key"),
        })
    }

    fn gap(cursor: &mut Cursor<'i>) -> Read<()> {
        // None stands inside parentheses.
        cursor.eat(b' ');
        Ok(())
    }

    fn write_gap(&self, next: &Self, to: &mut Encoder<'_>) {
        if *self != Self::Open && *next != Self::Close {
            to.octet(b' ');
        }
    }

    fn write(&self, to: &mut Encoder<'_>) {
        let word = self.word();
        to.word(word);
        if !word.is_empty() && self.has_value() {
            to.octet(b' ');
        }
        match self {
            Self::Bcc(s) | Self::Body(s) | Self::Cc(s) | Self::From(s) => to.astring(*s),
            Self::Subject(s) | Self::Text(s) | Self::To(s) => to.astring(*s),
            Self::Before(date) | Self::On(date) | Self::Since(date) => date.write(to),
            Self::SentBefore(date) | Self::SentOn(date) | Self::SentSince(date) => date.write(to),
            Self::Header { name, value } => {
                to.astring(*name);
                to.octet(b' ');
                to.astring(*value);
            }
            Self::Keyword(keyword) | Self::Unkeyword(keyword) => to.atom(*keyword),
            Self::Larger(octets) | Self::Smaller(octets) => to.number(*octets),
            Self::ModSeq(modseq) => modseq.write(to),
            Self::Sequence(set) | Self::Uid(set) => set.write(to),
            _ => {}
        }
    }
}

impl Key<'_> {
    /// Its word; empty for sequence numbers.
    fn word(&self) -> &'static str {
        match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "NOT",
            Self::Or => "OR",
            Self::All => "ALL",
            Self::Answered => "ANSWERED",
            Self::Bcc(_) => "BCC",
            Self::Before(_) => "BEFORE",
            Self::Body(_) => "BODY",
            Self::Cc(_) => "CC",
            Self::Deleted => "DELETED",
            Self::Draft => "DRAFT",
            Self::Flagged => "FLAGGED",
            Self::From(_) => "FROM",
            Self::Header { .. } => "HEADER",
            Self::Keyword(_) => "KEYWORD",
            Self::Larger(_) => "LARGER",
            Self::ModSeq(_) => "MODSEQ",
            Self::New => "NEW",
            Self::Old => "OLD",
            Self::On(_) => "ON",
            Self::Recent => "RECENT",
            Self::Seen => "SEEN",
            Self::SentBefore(_) => "SENTBEFORE",
            Self::SentOn(_) => "SENTON",
            Self::SentSince(_) => "SENTSINCE",
            Self::Sequence(_) => "",
            Self::Since(_) => "SINCE",
            Self::Smaller(_) => "SMALLER",
            Self::Subject(_) => "SUBJECT",
            Self::Text(_) => "TEXT",
            Self::To(_) => "TO",
            Self::Uid(_) => "UID",
            Self::Unanswered => "UNANSWERED",
            Self::Undeleted => "UNDELETED",
            Self::Undraft => "UNDRAFT",
            Self::Unflagged => "UNFLAGGED",
            Self::Unkeyword(_) => "UNKEYWORD",
            Self::Unseen => "UNSEEN",
        }
    }

    fn has_value(&self) -> bool {
        !matches!(
            self,
            Self::Open
                | Self::Close
                | Self::Not
                | Self::Or
                | Self::All
                | Self::Answered
                | Self::Deleted
                | Self::Draft
                | Self::Flagged
                | Self::New
                | Self::Old
                | Self::Recent
                | Self::Seen
                | Self::Unanswered
                | Self::Undeleted
                | Self::Undraft
                | Self::Unflagged
                | Self::Unseen
        )
    }
}

fn string<'i>(cursor: &mut Cursor<'i>) -> Read<AString<'i>> {
    cursor.sp()?;
    cursor.astring("expected a string to search for")
}

fn date(cursor: &mut Cursor<'_>) -> Read<Date> {
    cursor.sp()?;
    Date::read(cursor)
}

fn keyword<'i>(cursor: &mut Cursor<'i>) -> Read<Atom<'i>> {
    cursor.sp()?;
    cursor.atom("expected a keyword")
}

fn size(cursor: &mut Cursor<'_>) -> Read<u64> {
    cursor.sp()?;
    cursor.number64("expected a number of octets")
}

impl<'i> ModSeq<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let entry = if cursor.peek() == Some(b'"') {
            let name = cursor.quoted()?;
            cursor.sp()?;
            let from = cursor.at();
            let kind = match cursor.word() {
                w::ALL => EntryKind::All,
                w::PRIV => EntryKind::Private,
                w::SHARED => EntryKind::Shared,
                _ => return cursor.fault_at(from, "expected priv, shared or all"),
            };
            cursor.sp()?;
            Some(Entry { name, kind })
        } else {
            None
        };
        Ok(Self { entry, since: cursor.number64("expected a mod-sequence")? })
    }

    fn write(&self, to: &mut Encoder<'_>) {
        if let Some(Entry { name, kind }) = self.entry {
            to.string(name);
            to.word(match kind {
                EntryKind::All => " all ",
                EntryKind::Private => " priv ",
                EntryKind::Shared => " shared ",
            });
        }
        to.number(self.since);
    }
}

impl<'i> Search<'i> {
    /// Reads what follows `SEARCH`.
    pub(super) fn read(cursor: &mut Cursor<'i>, by: By) -> Read<Self> {
        cursor.sp()?;
        let returns = if word_ahead(cursor, w::RETURN) {
            let returns = Returns::read(cursor)?;
            cursor.sp()?;
            Some(returns)
        } else {
            None
        };
        let charset = if word_ahead(cursor, w::CHARSET) {
            let charset = cursor.astring("expected a charset")?;
            cursor.sp()?;
            Some(charset)
        } else {
            None
        };
        Ok(Self { by, returns, charset, keys: Keys::read(cursor)? })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        if let Some(returns) = self.returns {
            returns.write(to);
            to.octet(b' ');
        }
        if let Some(charset) = self.charset {
            to.word("CHARSET ");
            to.atom_or_quoted(charset);
            to.octet(b' ');
        }
        self.keys.0.write(to);
    }
}

/// Passes `word` and a space, if they stand here.
fn word_ahead(cursor: &mut Cursor<'_>, word: u128) -> bool {
    let mut ahead = *cursor;
    let found = ahead.word() == word && ahead.eat(b' ');
    if found {
        *cursor = ahead;
    }
    found
}

impl Returns {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        cursor.expect(b'(', "expected ( with what to return")?;
        let mut returns = Self::default();
        if cursor.eat(b')') {
            // RFC 9051 §6.4.4: an empty list is ALL.
            return Ok(Self { all: true, ..returns });
        }
        loop {
            let from = cursor.at();
            match cursor.word() {
                w::MIN => returns.min = true,
                w::MAX => returns.max = true,
                w::ALL => returns.all = true,
                w::COUNT => returns.count = true,
                w::SAVE => returns.save = true,
                _ => return cursor.fault_at(from, "unknown return option"),
            }
            if cursor.eat(b')') {
                return Ok(returns);
            }
            cursor.sp()?;
        }
    }

    /// The words of those that are wanted.
    fn words(self) -> impl Iterator<Item = &'static str> {
        let Self { min, max, all, count, save } = self;
        let words = [(min, "MIN"), (max, "MAX"), (all, "ALL"), (count, "COUNT"), (save, "SAVE")];
        words.into_iter().filter(|(wanted, _)| *wanted).map(|(_, word)| word)
    }

    fn write(self, to: &mut Encoder<'_>) {
        to.word("RETURN ");
        to.parens(self.words());
    }
}

impl fmt::Debug for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words().map(Atom::of)).finish()
    }
}
