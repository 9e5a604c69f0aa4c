//! RETR and TOP: a message, or its beginning.

use alloc::vec::Vec;

use super::{Asked, Event, Job, Piece, Server, State, Wanted};
use crate::grammar::decimal;
use crate::machine::{End, OUTPUT_HIGH, Reason};
use crate::pop3::body::{Body, Next};
use crate::pop3::command::Number;
use crate::pop3::reply::{self, Code};

impl Server {
    /// RFC 1939 §5.
    pub(super) fn retr<'i>(
        &mut self,
        number: Number,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        match self.send(number, Body::whole()) {
            Some(wanted) => Event::Retr(self.ask(Asked::Source), wanted),
            None => self.missing(line, out),
        }
    }

    /// RFC 1939 §7.
    pub(super) fn top<'i>(
        &mut self,
        number: Number,
        lines: u64,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        match self.send(number, Body::top(lines)) {
            Some(wanted) => Event::Top(self.ask(Asked::Source), wanted, lines),
            None => self.missing(line, out),
        }
    }

    fn send(&mut self, number: Number, body: Body) -> Option<Wanted> {
        let State::Transaction(transaction) = &self.state else { return None };
        let number = transaction.find(number)?;
        self.job = Job::Body { body, number, begun: false };
        Some(Wanted { number, utf8: self.utf8 })
    }

    /// The host has the next octets, or not.
    pub(super) fn piece(&mut self, piece: Piece, out: &mut Vec<u8>) {
        let Job::Body { body, number, begun } = &mut self.job else { return };
        let last = matches!(piece, Piece::Last(_));
        let (code, text) = match piece {
            Piece::Last(octets) | Piece::Part(octets) => {
                if !*begun {
                    *begun = true;
                    out.extend_from_slice(b"+OK ");
                    if let State::Transaction(transaction) = &self.state {
                        decimal::push(transaction.maildrop.size(*number), out);
                    }
                    out.extend_from_slice(b" octets\r\n");
                }
                body.feed(octets, last);
                return;
            }
            Piece::Broken => (Code::SysPerm, "The message cannot be read"),
            Piece::Unavailable => (Code::SysTemp, "The message cannot be read now"),
            Piece::Utf8 => (Code::Utf8, "The message needs UTF-8 mode"),
        };
        if *begun {
            // Half a message has left. Only the missing dot can say so.
            self.end(End::Closed(Reason::Overload));
        } else {
            self.job = super::Job::Nothing;
            reply::err_with(code, text, out);
        }
    }
}

/// Writes on, up to the high mark.
pub(super) fn work(body: &mut Body, out: &mut Vec<u8>) -> Next {
    loop {
        match body.step(out) {
            Next::Step if out.len() < OUTPUT_HIGH => {}
            next => return next,
        }
    }
}
