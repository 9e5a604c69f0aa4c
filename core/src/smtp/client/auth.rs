//! The sign-in, RFC 4954.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::event::{Event, SignIn, Why};
use super::machine::{Client, Phase};
use super::response::Response;
use crate::grammar::base64;
use crate::sasl::client::{Account, Exchange};
use crate::sasl::{Channel, Mechanism, Terms};

/// Octets of a command line, with CR LF, RFC 5321 §4.5.3.1.4.
const COMMAND_LINE: usize = 512;

impl Client {
    /// Signs in if that is wanted; else is ready.
    pub(super) fn sign_in(&mut self, out: &mut Vec<u8>) {
        let Some(account) = self.config.account.clone() else {
            self.phase = Phase::Idle;
            return;
        };
        match self.begin_auth(account, self.nonce) {
            Some((mechanism, exchange)) => self.say_auth(mechanism, exchange, out),
            None => self.give_up(Why::NoMechanism, out),
        }
    }

    /// Signs in because that was ordered.
    pub(super) fn sign_in_ordered(&mut self, order: SignIn, out: &mut Vec<u8>) {
        match self.begin_auth(order.account, order.nonce) {
            Some((mechanism, exchange)) => {
                self.ordered = true;
                self.say_auth(mechanism, exchange, out);
            }
            None => self.phase = Phase::NotSent(Why::NoMechanism),
        }
    }

    /// Begins by the first of our mechanisms that the server offers, that suits the account and that may be used
    /// here.
    fn begin_auth(
        &self,
        account: Account,
        nonce: [u8; Exchange::NONCE],
    ) -> Option<(Mechanism, Exchange)> {
        // What may be used is judged as a server does it.
        let terms = Terms {
            mechanisms: &self.config.mechanisms,
            tls: self.tls.as_ref(),
            plaintext_auth: self.config.plaintext_auth,
            auth_before_tls: true,
        };
        // RFC 6750 §5.3 for tokens: whoever sends a secret itself has to know to whom. TLS with just anybody keeps it
        // from those who listen, and hands it to those who stand between.
        let known_server =
            self.config.plaintext_auth || self.tls.is_some_and(|facts| facts.verified);
        let usable = |known: &Mechanism| {
            let carried = match known {
                // The certificate is ours, and the server's facts say whether it was shown.
                Mechanism::External => self.tls.is_some(),
                other => terms.offers(*other) && (known_server || !other.is_clear()),
            };
            self.offer.has(*known) && account.suits(*known) && carried
        };
        let mechanism = self.config.mechanisms.iter().copied().find(usable)?;
        let exchange = Exchange::new(mechanism, account, &self.channel(), nonce).ok()?;
        Some((mechanism, exchange))
    }

    fn say_auth(&mut self, mechanism: Mechanism, mut exchange: Exchange, out: &mut Vec<u8>) {
        out.extend_from_slice(b"AUTH ");
        out.extend_from_slice(mechanism.name().as_bytes());
        // RFC 4954 §4: what would make the command's line too long waits for the server's first challenge.
        let fits = exchange.initial_size().is_some_and(|size| {
            "AUTH  \r\n".len() + mechanism.name().len() + size.div_ceil(3) * 4 <= COMMAND_LINE
        });
        if let Some(initial) = fits.then(|| exchange.initial()).flatten() {
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

    /// The channel, as far as our mechanisms may bind to it.
    fn channel(&self) -> Channel {
        // RFC 5802 §6: "y" is said by a client that would bind, so by none whose mechanisms do not.
        let binds = self.config.mechanisms.iter().any(|known| known.is_bound());
        Channel {
            exporter: self.tls.and_then(|tls| tls.exporter).filter(|_| binds),
            plus: Mechanism::ALL.iter().any(|known| known.is_bound() && self.offer.has(*known)),
            certificate: None,
        }
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
