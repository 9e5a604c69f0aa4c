//! What is at the front of the input: a line, octets of a message, or nothing yet; and for how long we
//! wait for more.

use alloc::vec::Vec;
use core::time::Duration;

use super::Server;
use super::limit::Limit;
use super::state::{Phase, Stage, Unit};
use crate::machine::{Advance, End, Input, Instant};
use crate::smtp::body::{Reader, Step};
use crate::smtp::reply::{Enhanced, ready};

/// Octets of an overlong line that are read in hope of its end; then the session ends.
const OVERLONG: u32 = 1024 * 1024;

impl Server {
    pub(super) fn line(
        &mut self,
        now: Instant,
        input: &mut Input,
        out: &mut Vec<u8>,
    ) -> Option<Advance> {
        if self.overlong {
            return self.rest_of_line(now, input, out);
        }
        let end = input.line();
        let bytes = input.bytes();
        let limit = self.line_limit(bytes);
        match end {
            Some((length, clean)) if length <= limit => {
                self.waited_for(now);
                self.frame(Unit::Line(clean), length)
            }
            // Chunks of a message that come one by one are no way round the rate.
            None if self.stage == Stage::Chunks && self.is_slow() => {
                self.time_out(Limit::BodyRate, out);
                None
            }
            None if bytes.len() < limit => self.wait(now, input, out),
            _ => {
                // A CR at the cut may belong to the end of the line.
                let cut = if bytes.get(limit.saturating_sub(1)) == Some(&b'\r') {
                    limit.saturating_sub(1)
                } else {
                    limit
                };
                self.waited_for(now);
                self.overlong = true;
                self.arrived = 0;
                self.frame(Unit::Overlong, cut)
            }
        }
    }

    /// Drops the rest of an overlong line.
    fn rest_of_line(
        &mut self,
        now: Instant,
        input: &mut Input,
        out: &mut Vec<u8>,
    ) -> Option<Advance> {
        let end = input.line_end(0);
        let dropped = end.unwrap_or_else(|| {
            let bytes = input.bytes();
            bytes.len() - usize::from(bytes.last() == Some(&b'\r'))
        });
        input.discard(dropped);
        self.arrived = self.arrived.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
        if end.is_some() {
            self.overlong = false;
            self.waited_for(now);
            return None;
        }
        if self.arrived > OVERLONG {
            self.reach(Limit::CommandLine);
            self.end(End::Errors);
            return None;
        }
        self.wait(now, input, out)
    }

    /// Octets that the line in front may have.
    fn line_limit(&self, bytes: &[u8]) -> usize {
        let limits = self.limits();
        // RFC 4954 §4: the initial response may be as long as a line of the exchange.
        let is_auth = bytes.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "));
        if is_auth || matches!(self.phase, Phase::Auth(_)) {
            limits.auth_line
        } else {
            limits.command_line
        }
        .max(16)
    }

    pub(super) fn body_step(
        &mut self,
        step: Step,
        now: Instant,
        input: &mut Input,
        out: &mut Vec<u8>,
    ) -> Option<Advance> {
        if step != Step::More {
            self.came(step, now);
        }
        match step {
            Step::Drop(n) => {
                input.discard(n);
                None
            }
            Step::End(n) if self.body.is_unwanted() => {
                input.discard(n);
                self.phase = Phase::Command;
                self.body = Reader::new();
                None
            }
            Step::End(n) if self.body.defect().is_some() => self.frame(Unit::BodyLost, n),
            Step::End(n) if self.phase == Phase::Chunk(false) => {
                input.discard(n);
                self.phase = Phase::Command;
                out.extend_from_slice(ready::CHUNK);
                None
            }
            Step::End(n) => self.frame(Unit::BodyEnd, n),
            Step::Flood => {
                if let Some(defect) = self.body.defect().filter(|_| !self.body.is_unwanted()) {
                    // Its sender is not to come again with it.
                    let (code, enhanced, why) = Self::verdict_on(defect);
                    self.deny_each(true, code, enhanced, why, out);
                }
                self.have_enough(out);
                None
            }
            Step::More => {
                if self.is_slow() {
                    self.time_out(Limit::BodyRate, out);
                    return None;
                }
                self.wait(now, input, out)
            }
            Step::Newline(n) => self.frame(Unit::Newline, n),
            Step::Run(n) => self.frame(Unit::Run, n),
            Step::Skip(n) => self.frame(Unit::Skipped, n),
        }
    }

    /// What we waited for came: how long did that take?
    fn waited_for(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            let waited = u32::try_from(now.since(since).as_millis()).unwrap_or(u32::MAX);
            self.waited = self.waited.saturating_add(waited);
        }
    }

    /// Octets of a message came.
    fn came(&mut self, step: Step, now: Instant) {
        self.waited_for(now);
        let (Step::Drop(n) | Step::End(n) | Step::Newline(n) | Step::Run(n) | Step::Skip(n)) = step
        else {
            return;
        };
        self.arrived = self.arrived.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
    }

    /// Whether the octets of a message came too slowly, over the last `body_rate_span` of waiting for them.
    /// Only what we waited for the peer counts, not what the host took.
    fn is_slow(&mut self) -> bool {
        if u128::from(self.waited) < self.limits().body_rate_span.as_millis() {
            return false;
        }
        let wanted = u64::from(self.waited) * u64::from(self.limits().body_rate) / 1_000;
        let slow = u64::from(self.arrived) < wanted;
        self.waited = 0;
        self.arrived = 0;
        slow
    }

    /// Nothing can be framed: is there time to wait for more?
    fn wait(&mut self, now: Instant, input: &Input, out: &mut Vec<u8>) -> Option<Advance> {
        if input.is_ended() {
            self.end(End::Eof);
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let (wait, limit) = self.patience();
        if now < since + wait {
            return Some(Advance::Read);
        }
        self.time_out(limit, out);
        None
    }

    /// How long we wait for what is to come next, and which limit says so.
    pub(super) fn patience(&self) -> (Duration, Limit) {
        let limits = self.limits();
        if matches!(self.phase, Phase::Lines | Phase::Chunk(_)) {
            return (limits.body_wait, Limit::BodyWait);
        }
        let (all, limit) = match self.hello {
            None => (limits.hello_wait, Limit::HelloWait),
            Some(_) => (limits.transaction_wait, Limit::TransactionWait),
        };
        let left = all.saturating_sub(Duration::from_millis(self.waited.into()));
        if left < limits.command_wait {
            (left, limit)
        } else {
            (limits.command_wait, Limit::CommandWait)
        }
    }

    fn time_out(&mut self, limit: Limit, out: &mut Vec<u8>) {
        self.reach(limit);
        Self::say(out, 421, Enhanced(4, 4, 2), "Waited too long, closing the connection");
        self.end(End::Timeout);
    }
}
