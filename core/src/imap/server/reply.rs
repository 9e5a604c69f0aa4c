//! How replies leave: in pieces, part by part, with what changed elsewhere before the tagged line.

use alloc::vec::Vec;

use super::{Allowed, Phase, Running, Server, Show, Stage};
use crate::imap::response::{Reply, Status};
use crate::machine::{End, Reason};

/// Octets of a reply that are written at once.
pub(super) const PIECE: usize = 32 * 1024;

impl Server {
    /// Takes a reply, or a part of one, and begins to write it.
    pub(super) fn replied(&mut self, reply: Reply) {
        let (from, at) = reply.seams();
        // The client waits for the octets of an open literal, and would take anything else for them.
        // There is nothing left to say to it.
        if from != self.seam || (reply.status().is_some() && !at.is_whole()) {
            return self.end(End::Closed(Reason::Lost));
        }
        self.poked |= reply.wants_sync() && self.sync.is_some();
        self.reply = Some(reply);
        self.written = 0;
        self.phase = Phase::Reply;
    }

    /// Writes the next piece of the reply; finishes the command behind the last.
    pub(super) fn write_reply(&mut self, out: &mut Vec<u8>) {
        let Some(reply) = &self.reply else {
            self.phase = Phase::Command;
            return;
        };
        let (responses, tagged) = reply.octets();
        if piece(responses, &mut self.written, out) {
            self.seam = reply.seams().1;
            let Some(is) = reply.status() else {
                self.reply = None;
                self.show = Show::Next;
                return;
            };
            if is != Status::Bad
                && self.poked
                && let Some(allowed) = self.sync.take()
            {
                // What may not be told now is told behind the next command.
                self.poked = allowed == Allowed::Additions;
                self.show = Show::Sync(allowed);
                return;
            }
            out.extend_from_slice(self.tag.as_bytes());
            out.push(b' ');
            out.extend_from_slice(tagged);
            self.reply = None;
            self.finish(is, out);
        }
    }

    /// Writes the next piece of the answer to Sync.
    pub(super) fn write_update(&mut self, out: &mut Vec<u8>) {
        let Some(update) = &self.update else { return };
        if !update.responses.seam().is_whole() {
            return self.end(End::Closed(Reason::Lost));
        }
        if piece(update.responses.octets(), &mut self.updated, out) {
            if update.more {
                self.show = Show::Sync(self.syncing);
            }
            self.update = None;
            self.updated = 0;
        }
    }

    /// The running command is over.
    fn finish(&mut self, is: Status, out: &mut Vec<u8>) {
        self.phase = Phase::Command;
        self.sync = None;
        self.active = self.now;
        match core::mem::replace(&mut self.running, Running::Other) {
            Running::Leave if is == Status::Ok => self.stage = Stage::Authenticated,
            Running::Select if is == Status::Ok => self.stage = Stage::Selected,
            Running::Leave | Running::Other | Running::Select => {}
        }
        match is {
            Status::Bad => self.fault(out),
            Status::No => {}
            Status::Ok => self.errors = 0,
        }
    }
}

/// Appends the next piece of `octets`; says whether it was the last.
fn piece(octets: &[u8], written: &mut u32, out: &mut Vec<u8>) -> bool {
    let rest = octets.get(*written as usize..).unwrap_or_default();
    let now = rest.len().min(PIECE);
    out.extend_from_slice(rest.get(..now).unwrap_or_default());
    *written = written.saturating_add(now as u32);
    now == rest.len()
}
