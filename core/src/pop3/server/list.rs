//! STAT, LIST and UIDL: what is in the maildrop.

use alloc::vec::Vec;

use super::{Event, Job, Server, State, Transaction};
use crate::grammar::decimal;
use crate::line::CRLF;
use crate::machine::OUTPUT_HIGH;
use crate::pop3::body::Next;
use crate::pop3::command::Number;
use crate::pop3::maildrop::Uid;
use crate::pop3::reply;

/// What a listing says of each message.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// LIST.
    Size,
    /// UIDL.
    Uid,
}

impl Server {
    /// RFC 1939 §5.
    pub(super) fn stat<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        if let State::Transaction(transaction) = &self.state {
            out.extend_from_slice(b"+OK ");
            decimal::push(transaction.left().into(), out);
            out.push(b' ');
            decimal::push(transaction.octets(), out);
            out.extend_from_slice(CRLF);
        }
        Event::Stat
    }

    /// RFC 1939 §5 (LIST), §7 (UIDL).
    pub(super) fn list<'i>(
        &mut self,
        what: Column,
        number: Option<Number>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let State::Transaction(transaction) = &self.state else { return self.missing(line, out) };
        let number = match number.map(|number| transaction.find(number)) {
            None => {
                out.extend_from_slice(b"+OK ");
                transaction.summary(out);
                out.extend_from_slice(CRLF);
                self.job = Job::List { what, next: 1 };
                None
            }
            Some(None) => return self.missing(line, out),
            Some(Some(number)) => {
                out.extend_from_slice(b"+OK ");
                transaction.row(what, number, out);
                Some(number)
            }
        };
        match what {
            Column::Size => Event::List(number),
            Column::Uid => Event::Uidl(number),
        }
    }
}

impl Transaction {
    /// Messages that are not marked.
    pub(super) fn left(&self) -> u32 {
        self.count.saturating_sub(self.deletions.count())
    }

    /// Octets of the messages that are not marked.
    pub(super) const fn octets(&self) -> u64 {
        self.total.saturating_sub(self.marked)
    }

    /// The message that a client means: RFC 1939 §5 has no words for one that is marked.
    pub(super) fn find(&self, number: Number) -> Option<u32> {
        let number = u32::try_from(number).ok()?;
        let known = (1..=self.count).contains(&number) && !self.deletions.contains(number);
        known.then_some(number)
    }

    /// `2 messages (320 octets)`.
    pub(super) fn summary(&self, out: &mut Vec<u8>) {
        decimal::push(self.left().into(), out);
        out.extend_from_slice(if self.left() == 1 { b" message (" } else { b" messages (" });
        decimal::push(self.octets(), out);
        out.extend_from_slice(b" octets)");
    }

    /// Writes rows from `next` on, up to the high mark.
    pub(super) fn list(&self, what: Column, next: &mut u32, out: &mut Vec<u8>) -> Next {
        while *next <= self.count {
            if out.len() >= OUTPUT_HIGH {
                return Next::Step;
            }
            if !self.deletions.contains(*next) {
                self.row(what, *next, out);
            }
            let Some(after) = next.checked_add(1) else { break };
            *next = after;
        }
        reply::dot(out);
        Next::Done
    }

    fn row(&self, what: Column, number: u32, out: &mut Vec<u8>) {
        decimal::push(number.into(), out);
        out.push(b' ');
        match what {
            Column::Size => decimal::push(self.maildrop.size(number), out),
            Column::Uid => {
                let mut uid = Uid::new(out);
                self.maildrop.uid(number, &mut uid);
                // RFC 1939 §7: one character at least. A host that has none has a bug, not the listing.
                if uid.is_empty() {
                    uid.push(b"?");
                }
            }
        }
        out.extend_from_slice(CRLF);
    }
}
