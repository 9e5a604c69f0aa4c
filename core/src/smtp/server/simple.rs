//! The commands without much substance: NOOP, HELP, VRFY, EXPN, RSET, QUIT; RFC 5321 §4.1.1.5 to §4.1.1.10. And what
//! is no command.

use alloc::vec::Vec;

use super::Server;
use super::event::{Event, Query};
use super::state::{Open, Stage};
use crate::machine::End;
use crate::smtp::command::Command;
use crate::smtp::reply::{self, Enhanced, ready};
use crate::text::Text;

impl Server {
    pub(super) fn noop<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if self.may_idle(out) {
            out.extend_from_slice(ready::OK);
        }
        Event::Noop(Text(command.args))
    }

    pub(super) fn help<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if self.may_idle(out) {
            Self::say(out, 214, Enhanced(2, 0, 0), "This is Posthaste; RFC 5321 says what to say");
        }
        Event::Help(Text(command.args))
    }

    pub(super) fn vrfy<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let Some(query) = self.query(command.args) else {
            return self.bad(command, out, 501, Enhanced(5, 5, 4), "VRFY wants a name");
        };
        if self.may_idle(out) {
            return Event::Verify(self.ask(Open::Verify(query.smtputf8)), query);
        }
        Event::Bad { line: Text(command.line), code: 421, why: "Too many commands without mail" }
    }

    pub(super) fn expn<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if !self.config.expn {
            // RFC 5321 §3.5.3.
            return self.bad(command, out, 502, Enhanced(5, 5, 1), "EXPN is not done here");
        }
        let Some(query) = self.query(command.args) else {
            return self.bad(command, out, 501, Enhanced(5, 5, 4), "EXPN wants the name of a list");
        };
        if self.may_idle(out) {
            return Event::Expand(self.ask(Open::Expand(query.smtputf8)), query);
        }
        Event::Bad { line: Text(command.line), code: 421, why: "Too many commands without mail" }
    }

    /// What VRFY or EXPN asks about, if it says so.
    fn query<'i>(&self, args: &'i [u8]) -> Option<Query<'i>> {
        // RFC 6531 §3.7.4.2.
        let parts = memchr::memrchr(b' ', args).and_then(|at| args.split_at_checked(at));
        let utf8 = parts.filter(|(_, last)| {
            self.config.smtputf8 && last.trim_ascii_start().eq_ignore_ascii_case(b"SMTPUTF8")
        });
        let name = utf8.map_or(args, |(name, _)| name.trim_ascii_end());
        (!name.is_empty()).then(|| Query { name: Text(name), smtputf8: utf8.is_some() })
    }

    pub(super) fn rset<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if !command.args.is_empty() {
            return self.bad(command, out, 501, Enhanced(5, 5, 4), "RSET takes no arguments");
        }
        if self.stage != Stage::None || self.may_idle(out) {
            self.reset();
            out.extend_from_slice(ready::OK);
        }
        Event::Reset
    }

    pub(super) fn unknown<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if command.is_http() {
            // A web page makes the browsers of those who read it say this, and mail in the lines that follow.
            return self.bad(command, out, 421, Enhanced(4, 7, 0), "This is no web server");
        }
        self.bad(command, out, 500, Enhanced(5, 5, 1), "There is no such command")
    }

    pub(super) fn quit<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if !command.args.is_empty() {
            return self.bad(command, out, 501, Enhanced(5, 5, 4), "QUIT takes no arguments");
        }
        reply::write(out, 221, Some(Enhanced(2, 0, 0)), "Goodbye");
        self.end(if self.turned_away { End::Refused } else { End::Quit });
        Event::Quit
    }
}
