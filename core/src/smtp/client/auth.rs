//! The sign-in, RFC 4954.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::event::{Event, SignIn, Why};
use super::machine::{Client, Phase};
use super::response::Response;
use crate::grammar::base64;
use crate::sasl::Mechanism;
use crate::sasl::client::{Account, Exchange};

impl Client {
    /// Signs in if that is wanted; else is ready.
    pub(super) fn sign_in(&mut self, out: &mut Vec<u8>) {
        let Some(account) = self.config.account.clone() else {
            self.phase = Phase::Idle;
            return;
        };
        match self.usable() {
            Some(mechanism) => self.say_auth(mechanism, account, self.nonce, out),
            None => self.give_up(Why::NoMechanism, out),
        }
    }

    /// Signs in because that was ordered.
    pub(super) fn sign_in_ordered(&mut self, order: SignIn, out: &mut Vec<u8>) {
        match self.usable() {
            Some(mechanism) => {
                self.ordered = true;
                self.say_auth(mechanism, order.account, order.nonce, out);
            }
            None => self.phase = Phase::NotSent(Why::NoMechanism),
        }
    }

    /// The first of our mechanisms that the server offers and that may be used here.
    fn usable(&self) -> Option<Mechanism> {
        let clear = self.tls.is_some() || self.config.plaintext_auth;
        let usable = |m: &Mechanism| self.offer.has(*m) && (clear || !m.is_clear());
        self.config.mechanisms.iter().copied().find(usable)
    }

    fn say_auth(
        &mut self,
        mechanism: Mechanism,
        account: Account,
        nonce: [u8; Exchange::NONCE],
        out: &mut Vec<u8>,
    ) {
        let mut exchange = Exchange::new(mechanism, account, nonce);
        out.extend_from_slice(b"AUTH ");
        out.extend_from_slice(mechanism.name().as_bytes());
        if let Some(initial) = exchange.initial() {
            out.push(b' ');
            if initial.is_empty() {
                out.push(b'=');
            }
            base64::encode(&initial, out);
        }
        out.extend_from_slice(b"\r\n");
        self.exchange = Some(Box::new(exchange));
        self.phase = Phase::Auth(mechanism);
    }

    pub(super) fn heard_auth<'i>(
        &mut self,
        mechanism: Mechanism,
        response: Response<'i>,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        match response.code() {
            334 if self.exchange.is_none() => {
                // The exchange was cancelled, and the server goes on.
                self.end(crate::machine::End::Violation);
                Event::Challenge(mechanism)
            }
            334 => {
                let challenge = response.lines().next().unwrap_or_default();
                let going = self
                    .exchange
                    .as_mut()
                    .is_some_and(|exchange| exchange.respond(challenge.0, out).is_ok());
                if !going {
                    // RFC 4954 §4: the server answers with 501.
                    self.exchange = None;
                    out.push(b'*');
                }
                out.extend_from_slice(b"\r\n");
                Event::Challenge(mechanism)
            }
            235 => {
                if self.exchange.take().is_some_and(|exchange| exchange.is_satisfied()) {
                    self.phase = Phase::Idle;
                } else {
                    self.give_up(Why::Unproved, out);
                }
                Event::SignedIn(response)
            }
            _ => {
                if self.ordered {
                    self.exchange = None;
                    self.phase = Phase::Idle;
                } else {
                    self.give_up(Why::Unwelcome, out);
                }
                Event::SignInFailed(response)
            }
        }
    }
}
