//! RCPT, RFC 5321 §4.1.1.3, with the parameters of RFC 3461.

use alloc::vec::Vec;

use super::Server;
use super::event::{Decision, Event, RcptTo};
use super::limit::Limit;
use super::mail::{Fault, Seen, UNKNOWN_PARAM, behind, params_behind, path_fault};
use super::state::{Open, Phase, Stage};
use crate::grammar::address::ForwardPath;
use crate::smtp::command::Command;
use crate::smtp::extension::{Notify, OriginalRecipient};
use crate::smtp::reply::{Enhanced, ready};
use crate::text::Text;

/// Recipients that may be refused for now, or be too many for the message, before each counts as junk: whoever sends to a
/// long list goes on to its end.
const OVERSHOOT: u32 = 1_000;

impl Server {
    pub(super) fn rcpt<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let (code, enhanced, why) = match self.stage {
            Stage::None => (503, Enhanced(5, 5, 1), "There is no sender: say MAIL first"),
            Stage::Chunks => (503, Enhanced(5, 5, 1), "The message has begun already"),
            Stage::Envelope if self.recipients >= self.limits().recipients => {
                // RFC 5321 §4.5.3.1.10. Not an error: the peer sends the message again to the rest.
                let why = "Too many recipients for one message";
                Self::say(out, 452, Enhanced(4, 5, 3), why);
                self.reach(Limit::Recipients);
                self.overshot(out);
                return Event::Bad { line: Text(command.shown()), code: 452, why };
            }
            Stage::Envelope => match self.rcpt_to(command.args) {
                Ok(to) => return Event::Recipient(self.ask(Open::Recipient), to),
                Err(fault) => fault,
            },
        };
        self.bad(command, out, code, enhanced, why)
    }

    pub(super) fn rcpt_decided(&mut self, decision: &Decision, out: &mut Vec<u8>) {
        if self.agreed(decision, out) {
            self.recipients = self.recipients.saturating_add(1);
            out.extend_from_slice(ready::RECIPIENT);
        } else if matches!(decision, Decision::Refuse(reply) if !reply.is_permanent()) {
            self.overshot(out);
        }
    }

    /// A recipient was refused for now: no error of the peer, but it could go on for ever.
    fn overshot(&mut self, out: &mut Vec<u8>) {
        self.overshoot = self.overshoot.saturating_add(1);
        if self.overshoot > OVERSHOOT && !matches!(self.phase, Phase::Ending(_)) {
            self.may_idle(out);
        }
    }

    fn rcpt_to<'i>(&self, args: &'i [u8]) -> Result<RcptTo<'i>, Fault> {
        let path =
            behind(args, b"TO:").ok_or((501, Enhanced(5, 5, 4), "RCPT wants TO:<address>"))?;
        let (path, params) = ForwardPath::parse(path).map_err(|error| path_fault(error, 3))?;
        let mut to = RcptTo { path, notify: None, orcpt: None };
        let mut seen = Seen::default();
        for param in params_behind(params)? {
            if param.is("NOTIFY") && self.config.dsn {
                seen.once(1)?;
                let wrong =
                    (501, Enhanced(5, 5, 4), "NOTIFY wants NEVER, or SUCCESS, FAILURE, DELAY");
                to.notify = Some(param.value.and_then(Notify::parse).ok_or(wrong)?);
            } else if param.is("ORCPT") && self.config.dsn {
                seen.once(2)?;
                let wrong = (501, Enhanced(5, 5, 4), "ORCPT wants a kind, a semicolon and xtext");
                let orcpt = param
                    .value
                    .and_then(|value| OriginalRecipient::parse(value, self.smtputf8))
                    .ok_or(wrong)?;
                to.orcpt = Some(orcpt);
            } else {
                return Err(UNKNOWN_PARAM);
            }
        }
        if to.path.mailbox().is_some_and(|mailbox| mailbox.is_utf8()) && !self.smtputf8 {
            return Err(self.needs_utf8(3));
        }
        Ok(to)
    }
}
