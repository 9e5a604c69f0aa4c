//! Finding messages. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 7162 §3.1.5.
//!
//! A [`Query`] is a SEARCH command made independent of its line: sequence sets resolved, strings
//! decoded from their charset and folded. [`Query::matches`] judges one message, and asks for no more
//! of it than it must: first what is known without reading (flags, dates, sizes, numbers), then the
//! header, then the text, each only if what came before leaves the matter open. [`Found`] collects the
//! hits and writes them in the form that was asked for.
//!
//! | file | holds |
//! |---|---|
//! | this one | [`Query`]: from keys to a tree in a row, and its evaluation without recursion |
//! | `text` | how header fields and bodies are searched |
//! | `found` | [`Found`]: SEARCH and ESEARCH responses, MIN, MAX, COUNT, ALL, SAVE |
//!
//! Text matches without regard to case, by substring, in whatever charset and transfer encoding
//! it was sent.

mod found;
#[cfg(test)]
mod tests;
mod text;

pub use found::Found;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::command::{By, Key, Search};
use super::fetch::{Facts, Needs, Source};
use super::response::{Code, Reply, Responses};
use super::view::{Set, View};
use super::{AString, Flag};
use crate::mime::charset::Charset;
use text::{Field, Text};

/// A SEARCH, ready to be carried out.
#[derive(Clone, Debug)]
pub struct Query {
    /// The tree of keys, each operator before its operands.
    nodes: Vec<Node>,
}

/// Why a SEARCH cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its charset is not known, or a string is not in it.
    Charset,
}

impl Refusal {
    /// The answer to the command.
    pub fn reply(self) -> Reply {
        match self {
            Self::Charset => {
                let known = Code::BadCharset(&["UTF-8", "US-ASCII"]);
                Responses::new().no(known, "The charset is not known")
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    /// Everything up to `end` must hold, or one of it, or it must not.
    Group {
        kind: Kind,
        end: u32,
    },
    Test(Test),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    And,
    Not,
    Or,
}

/// One thing to look at.
#[derive(Clone, Debug)]
enum Test {
    All,
    /// The internal date, in days.
    Date(Order, i64),
    /// A flag, by its name.
    Flag(Box<str>),
    Header(Field),
    Larger(u64),
    ModSeq(u64),
    Recent,
    /// The date of the Date field, in days.
    Sent(Order, i64),
    /// Sequence numbers; UIDs were resolved to them.
    Sequence(Set),
    Smaller(u64),
    System(Flag<'static>),
    Text(Text),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Before,
    On,
    Since,
}

impl Order {
    const fn holds(self, day: i64, wanted: i64) -> bool {
        match self {
            Self::Before => day < wanted,
            Self::On => day == wanted,
            Self::Since => day >= wanted,
        }
    }
}

/// What has to be read to know whether a test holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Nothing,
    Header,
    Body,
}

impl Test {
    const fn cost(&self) -> Cost {
        match self {
            Self::Header(_) | Self::Sent(..) => Cost::Header,
            Self::Text(_) => Cost::Body,
            _ => Cost::Nothing,
        }
    }
}

impl Query {
    /// What a SEARCH looks for, in a mailbox as `view` shows it.
    ///
    /// # Errors
    /// [`Refusal`], whose [`reply`](Refusal::reply) is the answer.
    pub fn new(search: &Search<'_>, view: &View) -> Result<Self, Refusal> {
        let charset = match search.charset {
            // RFC 3501 §6.4.4: US-ASCII. UTF-8 includes it, and clients that do not say send that.
            None => None,
            Some(label) => Some(Charset::of(&label.decode()).ok_or(Refusal::Charset)?),
        };
        let mut query = Builder { nodes: Vec::new(), open: SmallVec::new() };
        query.group(Kind::And, None);
        for key in search.keys.iter() {
            query.key(key, charset, view)?;
        }
        let end = query.nodes.len() as u32;
        if let Some(Node::Group { end: place, .. }) = query.nodes.first_mut() {
            *place = end;
        }
        Ok(Self { nodes: query.nodes })
    }

    /// What must be known of each message; what it turns out not to need is never read.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let reads = self.cost() > Cost::Nothing;
        Needs { body: reads, structure: reads }
    }

    /// Whether a message is one that is looked for.
    ///
    /// # Errors
    /// What the source says, if octets that matter cannot be read.
    pub fn matches<S: Source>(&self, facts: &Facts<'_>, source: &mut S) -> Result<bool, S::Error> {
        let most = self.cost();
        let mut message = text::Reader::new(facts, source);
        for cost in [Cost::Nothing, Cost::Header, Cost::Body] {
            if let Some(verdict) = self.judge(facts, &mut message, cost)? {
                return Ok(verdict);
            }
            if cost == most {
                break;
            }
        }
        // With everything read nothing is left open.
        Ok(false)
    }

    fn cost(&self) -> Cost {
        let costs = self.nodes.iter().map(|node| match node {
            Node::Group { .. } => Cost::Nothing,
            Node::Test(test) => test.cost(),
        });
        costs.max().unwrap_or(Cost::Nothing)
    }

    /// The verdict, with tests that cost more than `most` left open: `None` if it depends on them.
    fn judge<S: Source>(
        &self,
        facts: &Facts<'_>,
        message: &mut text::Reader<'_, S>,
        most: Cost,
    ) -> Result<Option<bool>, S::Error> {
        let mut open: SmallVec<[Open; 8]> = SmallVec::new();
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            at += 1;
            let mut verdict = match node {
                Node::Group { kind, end } => {
                    open.push(Open { kind: *kind, end: *end as usize, verdict: kind.nothing() });
                    if at < *end as usize {
                        continue;
                    }
                    // A group of nothing: all of nothing holds.
                    open.pop();
                    kind.nothing()
                }
                Node::Test(test) if test.cost() > most => None,
                Node::Test(test) => Some(message.test(facts, test)?),
            };
            loop {
                let Some(group) = open.last_mut() else { return Ok(verdict) };
                group.verdict = group.kind.with(group.verdict, verdict);
                if group.kind.is_settled(group.verdict) {
                    at = group.end;
                }
                if at < group.end {
                    break;
                }
                verdict = group.verdict;
                open.pop();
            }
        }
        Ok(Some(true))
    }
}

/// A group that is being judged.
struct Open {
    kind: Kind,
    end: usize,
    verdict: Option<bool>,
}

impl Kind {
    /// What a group of nothing is.
    const fn nothing(self) -> Option<bool> {
        Some(matches!(self, Self::And | Self::Not))
    }

    /// A verdict with another operand: Kleene's logic, where `None` is what is not known yet.
    const fn with(self, verdict: Option<bool>, operand: Option<bool>) -> Option<bool> {
        match (self, verdict, operand) {
            (Self::Not, _, Some(operand)) => Some(!operand),
            (Self::Not, _, None) => None,
            (Self::And, Some(false), _) | (Self::And, _, Some(false)) => Some(false),
            (Self::Or, Some(true), _) | (Self::Or, _, Some(true)) => Some(true),
            (_, None, _) | (_, _, None) => None,
            (Self::And | Self::Or, Some(_), Some(operand)) => Some(operand),
        }
    }

    /// Whether no other operand can change it.
    const fn is_settled(self, verdict: Option<bool>) -> bool {
        matches!((self, verdict), (Self::And, Some(false)) | (Self::Or, Some(true)))
    }
}

struct Builder {
    nodes: Vec<Node>,
    /// Groups that wait for operands: where they stand, and how many they want (as many as come, up to
    /// a `)`, for `None`).
    open: SmallVec<[(usize, Option<u8>); 8]>,
}

impl Builder {
    fn group(&mut self, kind: Kind, wants: Option<u8>) {
        self.open.push((self.nodes.len(), wants));
        self.nodes.push(Node::Group { kind, end: 0 });
    }

    fn test(&mut self, test: Test) {
        self.nodes.push(Node::Test(test));
        self.operand();
    }

    /// A test and its opposite.
    fn either(&mut self, test: Test, holds: bool) {
        if !holds {
            self.group(Kind::Not, Some(1));
        }
        self.test(test);
    }

    /// An operand is complete, and with it perhaps the groups around it.
    fn operand(&mut self) {
        while let Some((at, Some(wants))) = self.open.last_mut() {
            *wants = wants.saturating_sub(1);
            if *wants > 0 {
                return;
            }
            let at = *at;
            self.close(at);
        }
    }

    fn close(&mut self, at: usize) {
        self.open.pop();
        let here = self.nodes.len() as u32;
        if let Some(Node::Group { end, .. }) = self.nodes.get_mut(at) {
            *end = here;
        }
    }

    fn key(&mut self, key: Key<'_>, charset: Option<Charset>, view: &View) -> Result<(), Refusal> {
        let needle = |string: AString<'_>| needle(string, charset);
        let header = |name: &str, string: AString<'_>| {
            Ok(Test::Header(Field::new(name.as_bytes(), needle(string)?)))
        };
        match key {
            Key::Open => self.group(Kind::And, None),
            Key::Close => {
                // The keys are complete, so this closes a `(`.
                if let Some(&(at, None)) = self.open.last()
                    && at > 0
                {
                    self.close(at);
                    self.operand();
                }
            }
            Key::Not => self.group(Kind::Not, Some(1)),
            Key::Or => self.group(Kind::Or, Some(2)),
            Key::All => self.test(Test::All),
            Key::Answered => self.test(Test::System(Flag::Answered)),
            Key::Bcc(string) => self.test(header("Bcc", string)?),
            Key::Before(date) => self.test(Test::Date(Order::Before, date.days())),
            Key::Body(string) => self.test(Test::Text(Text::body(needle(string)?))),
            Key::Cc(string) => self.test(header("Cc", string)?),
            Key::Deleted => self.test(Test::System(Flag::Deleted)),
            Key::Draft => self.test(Test::System(Flag::Draft)),
            Key::Flagged => self.test(Test::System(Flag::Flagged)),
            Key::From(string) => self.test(header("From", string)?),
            Key::Header { name, value } => {
                self.test(Test::Header(Field::new(&name.decode(), needle(value)?)));
            }
            Key::Keyword(name) => self.test(Test::Flag(name.as_str().into())),
            Key::Larger(size) => self.test(Test::Larger(size)),
            Key::ModSeq(modseq) => self.test(Test::ModSeq(modseq.since)),
            Key::New => {
                self.group(Kind::And, Some(2));
                self.test(Test::Recent);
                self.either(Test::System(Flag::Seen), false);
            }
            Key::Old => self.either(Test::Recent, false),
            Key::On(date) => self.test(Test::Date(Order::On, date.days())),
            Key::Recent => self.test(Test::Recent),
            Key::Seen => self.test(Test::System(Flag::Seen)),
            Key::SentBefore(date) => self.test(Test::Sent(Order::Before, date.days())),
            Key::SentOn(date) => self.test(Test::Sent(Order::On, date.days())),
            Key::SentSince(date) => self.test(Test::Sent(Order::Since, date.days())),
            Key::Sequence(set) => self.test(Test::Sequence(view.pick_known(&set, By::Sequence))),
            Key::Since(date) => self.test(Test::Date(Order::Since, date.days())),
            Key::Smaller(size) => self.test(Test::Smaller(size)),
            Key::Subject(string) => self.test(header("Subject", string)?),
            Key::Text(string) => self.test(Test::Text(Text::all(needle(string)?))),
            Key::To(string) => self.test(header("To", string)?),
            Key::Uid(set) => self.test(Test::Sequence(view.pick_known(&set, By::Uid))),
            Key::Unanswered => self.either(Test::System(Flag::Answered), false),
            Key::Undeleted => self.either(Test::System(Flag::Deleted), false),
            Key::Undraft => self.either(Test::System(Flag::Draft), false),
            Key::Unflagged => self.either(Test::System(Flag::Flagged), false),
            Key::Unkeyword(name) => self.either(Test::Flag(name.as_str().into()), false),
            Key::Unseen => self.either(Test::System(Flag::Seen), false),
        }
        Ok(())
    }
}

/// The string to look for, in UTF-8 and folded.
fn needle(string: AString<'_>, charset: Option<Charset>) -> Result<String, Refusal> {
    let octets = string.decode();
    match charset {
        Some(charset) => Ok(text::fold(&charset.decode(&octets))),
        None => match core::str::from_utf8(&octets) {
            Ok(text) => Ok(text::fold(text)),
            Err(_) => Err(Refusal::Charset),
        },
    }
}
