//! USER, PASS, AUTH (RFC 5034), and the way into the maildrop.

use alloc::vec::Vec;
use core::mem;

use super::{Asked, Event, Name, Opened, Server, State, Transaction};
use crate::line::CRLF;
use crate::machine::End;
use crate::pop3::Deletions;
use crate::pop3::command;
use crate::pop3::reply::{self, Code};
use crate::sasl::server::{Exchange, Step};
use crate::sasl::{Credentials, Failure, Found, Grant, Mechanism, Terms, Verdict};
use crate::text::{Secret, Text};

impl Server {
    /// The mechanisms that are offered here and now.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            mechanisms: &self.config.mechanisms,
            tls: self.tls.as_ref(),
            plaintext_auth: self.config.plaintext_auth,
            auth_before_tls: self.config.auth_before_tls,
        }
    }

    /// RFC 1939 §7. Any name is taken, so that nobody learns which ones exist.
    pub(super) fn user<'i>(
        &mut self,
        name: Text<'i>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        if !self.terms().allows_clear() {
            return self.bad(command::shown(line), NO_TLS, out);
        }
        self.state = State::Authorization(Name::from_slice(name.as_bytes()));
        reply::ok("Now the password", out);
        Event::User(name)
    }

    /// RFC 1939 §7: after USER only. Names and passwords may be UTF-8 and are prepared (RFC 6856 §2.2).
    pub(super) fn pass<'i>(
        &mut self,
        password: Secret<'i>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let user = match &mut self.state {
            State::Authorization(name) if !name.is_empty() => mem::take(name).into_vec(),
            _ => return self.bad(command::shown(line), "USER first", out),
        };
        match Credentials::new(user, password).prepared() {
            Ok(credentials) => {
                self.state = State::SigningIn;
                Event::SignIn(self.ask(Asked::SignIn), credentials)
            }
            Err(_) => {
                // It is nobody's password: as wrong as any other, and it counts as a guess.
                self.failed(Failure::Rejected, out);
                Event::SignInFailed(Failure::Malformed)
            }
        }
    }

    /// RFC 5034 §4.
    pub(super) fn auth<'i>(
        &mut self,
        mechanism: Text<'i>,
        initial: Option<Secret<'i>>,
        line: &'i [u8],
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let known = Mechanism::parse(mechanism.as_bytes());
        let terms = self.terms();
        if known.is_some_and(|known| terms.wants_tls(known)) {
            return self.bad(command::shown(line), NO_TLS, out);
        }
        let Some(mechanism) = known.filter(|known| terms.offers(*known)) else {
            return self.bad(command::shown(line), "Mechanism not offered", out);
        };
        let initial = initial.map(Secret::expose);
        let (exchange, step) = Exchange::start(mechanism, initial, terms.channel());
        self.step(mechanism, exchange, step, out)
    }

    /// A line of an exchange.
    pub(super) fn response<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        let (mechanism, mut exchange) =
            match mem::replace(&mut self.state, State::Authorization(Name::new())) {
                State::Exchange(mechanism, exchange) => (mechanism, exchange),
                other => {
                    self.state = other;
                    return self.bad(Text(b""), "Unexpected line", out);
                }
            };
        let step = exchange.respond(line);
        self.step(mechanism, exchange, step, out)
    }

    /// A line over the limit, of which nothing was kept. It ends an exchange.
    pub(super) fn too_long<'i>(&mut self, out: &mut Vec<u8>) -> Event<'i> {
        if let State::Exchange(..) = self.state {
            self.failed(Failure::Malformed, out);
            return Event::SignInFailed(Failure::Malformed);
        }
        self.bad(Text(b""), "Line too long", out)
    }

    fn step<'i>(
        &mut self,
        mechanism: Mechanism,
        exchange: Exchange,
        step: Step,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        match step {
            Step::Bearer(token) => {
                self.state = State::Exchange(mechanism, exchange);
                Event::Bearer(self.ask(Asked::Bearer), token)
            }
            Step::External(certificate) => {
                self.state = State::SigningIn;
                Event::External(self.ask(Asked::External), certificate)
            }
            Step::Challenge(challenge) => {
                challenge.write(CHALLENGE, out);
                self.state = State::Exchange(mechanism, exchange);
                Event::Auth(mechanism)
            }
            Step::Failed(why) => {
                self.failed(why, out);
                Event::SignInFailed(why)
            }
            Step::Lookup(identity) => {
                self.state = State::Exchange(mechanism, exchange);
                Event::Lookup(self.ask(Asked::Lookup), identity)
            }
            Step::SignIn(credentials) => {
                self.state = State::SigningIn;
                Event::SignIn(self.ask(Asked::SignIn), credentials)
            }
            Step::SignedIn { user } => {
                self.state = State::SignedIn;
                Event::SignedIn { user }
            }
        }
    }

    /// The host has looked up what SCRAM needs.
    pub(super) fn found(&mut self, found: Found, out: &mut Vec<u8>) {
        let State::Exchange(_, exchange) = &mut self.state else { return };
        match exchange.found(found) {
            Step::Challenge(challenge) => challenge.write(CHALLENGE, out),
            _ => self.failed(Failure::Unavailable, out),
        }
    }

    /// The host has looked at the token.
    pub(super) fn granted(&mut self, grant: Grant, out: &mut Vec<u8>) {
        let State::Exchange(_, exchange) = &mut self.state else { return };
        match exchange.granted(grant) {
            Ok(Some(denial)) => denial.write(CHALLENGE, out),
            Ok(None) => self.state = State::SignedIn,
            Err(why) => self.failed(why, out),
        }
    }

    /// The host has looked at the credentials.
    pub(super) fn judged(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        match verdict {
            Verdict::Accepted => self.state = State::SignedIn,
            Verdict::Rejected => self.failed(Failure::Rejected, out),
            Verdict::Unavailable => self.failed(Failure::Unavailable, out),
        }
    }

    /// Back to AUTHORIZATION, with the reply that says why.
    fn failed(&mut self, why: Failure, out: &mut Vec<u8>) {
        self.state = State::Authorization(Name::new());
        match why {
            Failure::Rejected => {
                reply::err_with(Code::Auth, "Wrong name or password", out);
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.config.limits.auth_failures {
                    self.end(End::Errors);
                }
            }
            // Nobody's guess, but no way either to go on without an end.
            Failure::Unavailable => {
                reply::err_with(Code::SysTemp, "Cannot sign in now", out);
                self.error(out);
            }
            Failure::Cancelled => {
                reply::err("Cancelled", out);
                self.error(out);
            }
            Failure::ChannelBinding => {
                reply::err("This channel binding is not supported", out);
                self.error(out);
            }
            Failure::Downgrade => {
                let why = "Channel binding is offered, and was hidden from you";
                reply::err_with(Code::Auth, why, out);
                self.error(out);
            }
            Failure::Malformed => {
                reply::err("Malformed response", out);
                self.error(out);
            }
        }
    }

    /// The host has opened the maildrop, or not.
    pub(super) fn opened(&mut self, opened: Opened, out: &mut Vec<u8>) {
        self.state = State::Authorization(Name::new());
        match opened {
            Opened::Broken => {
                reply::err_with(Code::SysPerm, "The maildrop cannot be opened", out);
            }
            Opened::InUse => {
                reply::err_with(Code::InUse, "Another session has the maildrop", out);
            }
            Opened::Ready(maildrop) => {
                let count = maildrop.count();
                let total = (1..=count).fold(0, |sum: u64, n| sum.saturating_add(maildrop.size(n)));
                let transaction =
                    Transaction { maildrop, deletions: Deletions::new(), count, total, marked: 0 };
                out.extend_from_slice(b"+OK ");
                transaction.summary(out);
                out.extend_from_slice(CRLF);
                self.state = State::Transaction(transaction);
            }
            Opened::Unavailable => {
                reply::err_with(Code::SysTemp, "The maildrop cannot be opened now", out);
            }
        }
    }
}

/// What a challenge begins with (RFC 5034 §4).
const CHALLENGE: &str = "+ ";

const NO_TLS: &str = "Only under TLS";
