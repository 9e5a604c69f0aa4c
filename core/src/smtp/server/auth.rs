//! AUTH, RFC 4954: a SASL exchange in words of SMTP.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Server;
use super::event::Event;
use super::limit::Limit;
use super::state::{Open, Phase, Stage};
use crate::machine::End;
use crate::sasl::server::{Exchange, Step};
use crate::sasl::{Failure, Found, Grant, Mechanism, Verdict};
use crate::smtp::command::{Command, word};
use crate::smtp::reply::Enhanced;

impl Server {
    pub(super) fn auth<'i>(&mut self, command: Command<'i>, out: &mut Vec<u8>) -> Event<'i> {
        let (name, initial) = word(command.args);
        let initial = Some(initial.trim_ascii()).filter(|text| !text.is_empty());
        let mechanism = Mechanism::parse(name);
        let terms = self.terms();
        // RFC 4954 §4: once in a session, after EHLO, not in a transaction.
        let (code, enhanced, why) = if self.config.mechanisms.is_empty() {
            (502, Enhanced(5, 5, 1), "AUTH is not offered here")
        } else if self.hello.is_none() {
            (503, Enhanced(5, 5, 1), "Say hello first")
        } else if self.signed_in {
            (503, Enhanced(5, 5, 1), "Signed in already")
        } else if self.stage != Stage::None {
            (503, Enhanced(5, 5, 1), "AUTH cannot come inside a transaction")
        } else if name.is_empty() {
            (501, Enhanced(5, 5, 4), "AUTH wants the name of a mechanism")
        } else if let Some(mechanism) = mechanism.filter(|known| terms.offers(*known)) {
            let (exchange, step) = Exchange::start(mechanism, initial, terms.channel());
            self.exchange = Some(Box::new(exchange));
            return self.auth_step(mechanism, step, out);
        } else if mechanism.is_some_and(|known| terms.wants_tls(known)) {
            // RFC 4954 §6.
            (538, Enhanced(5, 7, 11), "This mechanism wants TLS: say STARTTLS first")
        } else {
            (504, Enhanced(5, 5, 4), "There is no such mechanism here")
        };
        self.bad(command, out, code, enhanced, why)
    }

    /// A line of the exchange, without its CR LF.
    pub(super) fn auth_line<'i>(
        &mut self,
        mechanism: Mechanism,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.respond(line),
            None => Step::Failed(Failure::Malformed),
        };
        self.auth_step(mechanism, step, out)
    }

    fn auth_step<'i>(&mut self, mechanism: Mechanism, step: Step, out: &mut Vec<u8>) -> Event<'i> {
        self.phase = Phase::Command;
        match step {
            Step::Bearer(token) => {
                // A denial is a challenge, and leads to another line.
                self.phase = Phase::Auth(mechanism);
                Event::Bearer(self.ask(Open::Bearer), token)
            }
            Step::Challenge(challenge) => {
                challenge.write("334 ", out);
                self.phase = Phase::Auth(mechanism);
                Event::Auth(mechanism)
            }
            Step::External(certificate) => {
                self.exchange = None;
                Event::External(self.ask(Open::External), certificate)
            }
            Step::Failed(why) => {
                self.failed(why, out);
                Event::SignInFailed(why)
            }
            Step::Lookup(identity) => {
                // The lookup leads to a challenge, and so to another line.
                self.phase = Phase::Auth(mechanism);
                Event::Lookup(self.ask(Open::Lookup), identity)
            }
            Step::SignIn(credentials) => {
                self.exchange = None;
                Event::SignIn(self.ask(Open::SignIn), credentials)
            }
            Step::SignedIn { user } => {
                self.welcome(out);
                Event::SignedIn { user }
            }
        }
    }

    pub(super) fn looked_up(&mut self, found: Found, out: &mut Vec<u8>) {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.found(found),
            None => Step::Failed(Failure::Unavailable),
        };
        match step {
            Step::Challenge(challenge) => challenge.write("334 ", out),
            Step::Failed(why) => self.failed(why, out),
            // An exchange answers a lookup with a challenge or gives up.
            _ => self.failed(Failure::Unavailable, out),
        }
    }

    pub(super) fn granted(&mut self, grant: Grant, out: &mut Vec<u8>) {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.granted(grant),
            None => Err(Failure::Unavailable),
        };
        match step {
            Ok(Some(denial)) => denial.write("334 ", out),
            Ok(None) => self.welcome(out),
            Err(why) => self.failed(why, out),
        }
    }

    pub(super) fn judged(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        match verdict {
            Verdict::Accepted => self.welcome(out),
            Verdict::Rejected => self.failed(Failure::Rejected, out),
            Verdict::Unavailable => self.failed(Failure::Unavailable, out),
        }
    }

    fn welcome(&mut self, out: &mut Vec<u8>) {
        self.exchange = None;
        self.phase = Phase::Command;
        self.signed_in = true;
        Self::say(out, 235, Enhanced(2, 7, 0), "Welcome");
    }

    /// RFC 4954 §6.
    fn failed(&mut self, why: Failure, out: &mut Vec<u8>) {
        self.exchange = None;
        self.phase = Phase::Command;
        match why {
            Failure::Cancelled => {
                self.deny(out, 501, Enhanced(5, 7, 0), "The sign-in was cancelled");
            }
            Failure::ChannelBinding => {
                self.deny(out, 501, Enhanced(5, 5, 4), "This channel binding is not offered");
            }
            Failure::Downgrade => {
                let why =
                    "Use a mechanism with channel binding: it is offered, and was hidden from you";
                self.deny(out, 534, Enhanced(5, 7, 9), why);
            }
            Failure::Malformed => {
                self.deny(out, 501, Enhanced(5, 5, 2), "That is not what the mechanism has here");
            }
            Failure::Rejected => {
                self.deny(out, 535, Enhanced(5, 7, 8), "Name or password is wrong");
                self.auth_failures = self.auth_failures.saturating_add(1);
                let over = matches!(self.phase, Phase::Ending(_));
                if self.auth_failures >= self.limits().auth_failures && !over {
                    self.let_go(out);
                    self.reach(Limit::AuthFailures);
                    Self::say(out, 421, Enhanced(4, 7, 0), "Too many sign-ins failed");
                    self.end(End::Errors);
                }
            }
            // Nobody's guess, but no way either to go on without an end.
            Failure::Unavailable => {
                self.deny(out, 454, Enhanced(4, 7, 0), "Cannot check that now, try again later");
            }
        }
    }
}
