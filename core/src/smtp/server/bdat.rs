//! BDAT, RFC 3030: a message in counted chunks.

use alloc::vec::Vec;

use super::Server;
use super::config::Role;
use super::event::{Defect, Event, Transfer};
use super::state::{Open, Phase, Stage};
use crate::machine::End;
use crate::smtp::body::Reader;
use crate::smtp::command::{Command, number, word};
use crate::smtp::reply::Enhanced;
use crate::text::Text;

impl Server {
    pub(super) fn bdat<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let (octets, rest) = word(command.args);
        let last = match rest.trim_ascii() {
            b"" => Some(false),
            end if end.eq_ignore_ascii_case(b"LAST") => Some(true),
            _ => None,
        };
        let (Some(octets), Some(last)) = (number(octets), last) else {
            // What follows may be octets of a message or commands: nobody can tell.
            let why = "BDAT wants a number of octets and perhaps LAST, closing the connection";
            self.deny(out, 501, Enhanced(5, 5, 4), why);
            self.end(End::Errors);
            return Event::Bad { line: Text(command.shown()), code: 501, why };
        };
        // Whether its end is worth waiting for.
        let is_sane = octets <= self.limits().message_size.saturating_mul(2);
        let transfer = Transfer::Chunk { octets, last };
        let fault = if !self.config.chunking {
            Some((502, Enhanced(5, 5, 1), "BDAT is not offered here"))
        } else if self.config.require_tls && self.tls.is_none() {
            Some((530, Enhanced(5, 7, 0), "Say STARTTLS first"))
        } else {
            self.not_ready()
        };
        // RFC 2033 §4.3: the last chunk has a reply for each recipient. There is none, so there is no reply; one would
        // be taken for the answer to the next command. The message is over.
        let for_nobody = last && self.stage == Stage::Envelope && self.recipients == 0;
        if for_nobody && self.config.role == Role::Lmtp && self.config.chunking && is_sane {
            self.reset();
            self.body = Reader::unwanted(octets);
            self.receive(Phase::Chunk(last));
            return Event::Chunk(transfer);
        }
        if let Some((code, enhanced, why)) = fault {
            let event = self.bad(command, out, code, enhanced, why);
            if !is_sane {
                self.have_enough(out);
            } else if !matches!(self.phase, Phase::Ending(_)) {
                // RFC 3030 §2: the octets are read and dropped.
                self.body = Reader::unwanted(octets);
                self.receive(Phase::Chunk(last));
            }
            return event;
        }
        if !is_sane {
            let (code, enhanced, why) = Self::verdict_on(Defect::TooBig);
            self.deny_each(last, code, enhanced, why, out);
            self.have_enough(out);
            return Event::Bad { line: Text(command.shown()), code, why };
        }
        // RFC 3030 has chunks of nothing, and they bring the message no nearer to its end.
        if octets == 0 && !last && !self.may_idle(out) {
            let why = "Too many commands without mail";
            return Event::Bad { line: Text(command.shown()), code: 421, why };
        }
        if self.stage == Stage::Envelope {
            return Event::Data(self.ask(Open::Data(transfer)), transfer);
        }
        self.chunk(octets, last);
        Event::Chunk(transfer)
    }

    /// Takes a chunk of a message that is welcome.
    pub(super) fn chunk(&mut self, octets: u64, last: bool) {
        let room = self.limits().message_size.saturating_sub(self.body.octets());
        if octets > room {
            self.body.spoil(Defect::TooBig);
        }
        self.body.chunk(octets);
        // The rate is that of the message, not of the chunk.
        self.phase = Phase::Chunk(last);
    }
}
