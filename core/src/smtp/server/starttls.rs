//! STARTTLS, RFC 3207.

use alloc::vec::Vec;

use super::Server;
use super::event::Event;
use super::state::Phase;
use crate::smtp::command::Command;
use crate::smtp::reply::Enhanced;

impl Server {
    pub(super) fn starttls<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let (code, enhanced, why) = if !self.config.starttls {
            (502, Enhanced(5, 5, 1), "STARTTLS is not offered here")
        } else if self.tls.is_some() {
            (503, Enhanced(5, 5, 1), "TLS is up already")
        } else if !command.args.is_empty() {
            // RFC 3207 §4.
            (501, Enhanced(5, 5, 4), "STARTTLS takes no arguments")
        } else {
            self.reset();
            Self::say(out, 220, Enhanced(2, 0, 0), "Ready to start TLS");
            self.phase = Phase::Secure;
            return Event::StartTls;
        };
        self.bad(command, out, code, enhanced, why)
    }
}
