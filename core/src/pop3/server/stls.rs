//! STLS (RFC 2595 §4) and UTF8 (RFC 6856 §2): what changes the session before sign-in.

use alloc::vec::Vec;

use super::{Event, Server, State};
use crate::pop3::command;
use crate::pop3::reply;

impl Server {
    pub(super) fn is_stls_offered(&self) -> bool {
        self.config.starttls && self.tls.is_none() && !self.utf8
    }

    pub(super) fn stls<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        let why = if self.tls.is_some() {
            "TLS is up already"
        } else if !self.config.starttls {
            "Not offered"
        } else if self.utf8 {
            // RFC 6856 §2.1: clients MUST NOT.
            "Not after UTF8"
        } else {
            reply::ok("Begin TLS", out);
            self.state = State::Secure;
            return Event::Stls;
        };
        self.bad(command::shown(line), why, out)
    }

    pub(super) fn utf8<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        self.utf8 = true;
        reply::ok("UTF-8 it is", out);
        Event::Utf8
    }
}
