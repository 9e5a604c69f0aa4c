//! CAPA (RFC 2449 §5): what this server can do.

use alloc::vec::Vec;

use super::{Event, Server, State};
use crate::line::CRLF;
use crate::pop3::reply;
use crate::sasl::Mechanism;

impl Server {
    pub(super) fn capa<'i>(&self, out: &mut Vec<u8>) -> Event<'i> {
        reply::ok("Capabilities follow", out);
        let mut say = |text: &str| {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(CRLF);
        };
        // What AUTHORIZATION announces TRANSACTION must announce too (§5); STLS alone is said only
        // where it is permitted (RFC 2595 §4).
        say("TOP");
        say("UIDL");
        say("PIPELINING");
        say("RESP-CODES");
        say("AUTH-RESP-CODE");
        say("EXPIRE NEVER");
        // RFC 6856 §2.2: names and passwords may be UTF-8.
        say("UTF8 USER");
        say("LANG");
        if self.is_stls_offered() && !matches!(self.state, State::Transaction(_)) {
            say("STLS");
        }
        if self.terms().allows_clear() {
            say("USER");
        }
        if self.terms().offered().next().is_some() {
            out.extend_from_slice(b"SASL");
            for name in self.terms().offered().map(Mechanism::name) {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
            }
            out.extend_from_slice(CRLF);
        }
        if !self.config.implementation.is_empty() {
            out.extend_from_slice(b"IMPLEMENTATION ");
            out.extend_from_slice(self.config.implementation.as_bytes());
            out.extend_from_slice(CRLF);
        }
        reply::dot(out);
        Event::Capa
    }
}
