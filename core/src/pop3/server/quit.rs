//! QUIT: deletions become real here, and nowhere else (RFC 1939 §6).

use alloc::vec::Vec;
use core::mem;

use super::{Asked, Event, Server, State, Updated};
use crate::machine::End;
use crate::pop3::reply::{self, Code};

impl Server {
    pub(super) fn quit<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        match &mut self.state {
            State::Transaction(transaction) if !transaction.deletions.is_empty() => {
                let deletions = mem::take(&mut transaction.deletions);
                self.state = State::Updating;
                Event::Update(self.ask(Asked::Update), deletions)
            }
            _ => {
                reply::ok("Bye", out);
                self.end(End::Quit);
                Event::Quit
            }
        }
    }

    /// `+OK` only for what is durable; RFC 1939 §6 has `-ERR` for "some deleted messages not removed".
    pub(super) fn updated(&mut self, updated: Updated, out: &mut Vec<u8>) {
        let failed = "Some deleted messages were not removed";
        match updated {
            Updated::Broken => reply::err_with(Code::SysPerm, failed, out),
            Updated::Durable => reply::ok("Bye", out),
            Updated::Unavailable => reply::err_with(Code::SysTemp, failed, out),
        }
        self.end(End::Quit);
    }
}
