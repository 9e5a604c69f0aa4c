//! LOGIN and AUTHENTICATE. RFC 9051 §6.2.2 and §6.2.3, RFC 4959 (SASL-IR).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Event, Kind, Phase, Server, Stage, Status, Why, capability};
use crate::imap::Imap;
use crate::imap::command::{Authenticate, Command, Login};
use crate::imap::response::{Code, words};
use crate::machine::End;
use crate::sasl::server::{Exchange, Step};
use crate::sasl::{
    Bearer, Credentials, External, Failure, Found, Grant, Lookup, Mechanism, SignIn, Verdict,
};
use crate::text::{Secret, Text};

impl Server {
    pub(super) fn login<'i>(&mut self, login: Login<'i>, out: &mut Vec<u8>) -> Event<'i> {
        if !capability::terms(&self.config, self.tls.as_ref()).allows_clear() {
            return self.private(out);
        }
        let password = login.password.expose();
        let credentials = match password.borrowed() {
            Some(octets) => Credentials::new(login.user.decode(), Secret::new(octets)),
            None => Credentials::owned(
                login.user.decode(),
                crate::text::OwnedSecret::new(password.decode().into_owned()),
            ),
        };
        match credentials.prepared() {
            Ok(credentials) => Event::SignIn(self.ask::<SignIn<Imap>>(Kind::SignIn), credentials),
            Err(_) => {
                self.fail(Failure::Rejected, out);
                Event::SignInFailed(Failure::Rejected)
            }
        }
    }

    pub(super) fn authenticate<'i>(
        &mut self,
        authenticate: Authenticate<'i>,
        out: &mut Vec<u8>,
    ) -> Event<'i> {
        let terms = capability::terms(&self.config, self.tls.as_ref());
        let known = Mechanism::parse(authenticate.mechanism.as_bytes());
        if known.is_some_and(|known| terms.wants_tls(known)) {
            return self.private(out);
        }
        let Some(mechanism) = known.filter(|known| terms.offers(*known)) else {
            self.tagged(out, Status::No, Some(&Code::Cannot), "No such mechanism here");
            return Event::Heard(Command::Authenticate(authenticate));
        };
        // The grammar shows `=` as an empty response; an exchange knows it by its sign.
        let initial = authenticate.initial.map(|initial| match initial.0.expose() {
            b"" => b"=",
            octets => octets,
        });
        let (exchange, step) = Exchange::start(mechanism, initial, terms.channel());
        self.exchange = Some(Box::new(exchange));
        self.step(step, out).unwrap_or(Event::Heard(Command::Authenticate(authenticate)))
    }

    /// Hears a line of the exchange.
    pub(super) fn response<'i>(&mut self, line: &'i [u8], out: &mut Vec<u8>) -> Event<'i> {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let step = match &mut self.exchange {
            Some(exchange) => exchange.respond(line),
            None => Step::Failed(Failure::Malformed),
        };
        self.step(step, out).unwrap_or(Event::Response(Secret::new(line)))
    }

    /// Hears what the host knows of the user.
    pub(super) fn found(&mut self, found: Found, out: &mut Vec<u8>) {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.found(found),
            None => Step::Failed(Failure::Unavailable),
        };
        if let Step::Challenge(challenge) = step {
            challenge.write("+ ", out);
            self.phase = Phase::Exchange;
        } else {
            self.fail(Failure::Unavailable, out);
        }
    }

    /// Hears whether the token was right.
    pub(super) fn granted(&mut self, grant: Grant, out: &mut Vec<u8>) {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.granted(grant),
            None => Err(Failure::Unavailable),
        };
        match step {
            Ok(Some(denial)) => {
                denial.write("+ ", out);
                self.phase = Phase::Exchange;
            }
            Ok(None) => self.signed_in(out),
            Err(why) => self.fail(why, out),
        }
    }

    /// Hears whether the credentials were right.
    pub(super) fn verdict(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        match verdict {
            Verdict::Accepted => self.signed_in(out),
            Verdict::Rejected => self.fail(Failure::Rejected, out),
            Verdict::Unavailable => self.fail(Failure::Unavailable, out),
        }
    }

    /// Does what the exchange wants; an event if there is one to show.
    fn step(&mut self, step: Step, out: &mut Vec<u8>) -> Option<Event<'static>> {
        match step {
            Step::Bearer(token) => {
                Some(Event::Bearer(self.ask::<Bearer<Imap>>(Kind::Bearer), token))
            }
            Step::Challenge(challenge) => {
                challenge.write("+ ", out);
                self.phase = Phase::Exchange;
                None
            }
            Step::External(certificate) => {
                Some(Event::External(self.ask::<External<Imap>>(Kind::External), certificate))
            }
            Step::Failed(failure) => {
                self.fail(failure, out);
                Some(Event::SignInFailed(failure))
            }
            Step::Lookup(identity) => {
                Some(Event::Lookup(self.ask::<Lookup<Imap>>(Kind::Lookup), identity))
            }
            Step::SignIn(credentials) => {
                Some(Event::SignIn(self.ask::<SignIn<Imap>>(Kind::SignIn), credentials))
            }
            Step::SignedIn { user } => {
                self.signed_in(out);
                Some(Event::SignedIn { user })
            }
        }
    }

    fn signed_in(&mut self, out: &mut Vec<u8>) {
        self.exchange = None;
        self.stage = Stage::Authenticated;
        self.phase = Phase::Command;
        self.active = self.now;
        (self.errors, self.junk, self.failures) = (0, 0, 0);
        // RFC 9051 §7.1: saves the client a CAPABILITY, as what is offered has changed.
        out.extend_from_slice(self.tag.as_bytes());
        out.extend_from_slice(b" OK [CAPABILITY");
        capability::write(out, &self.config, self.tls.as_ref(), true);
        out.extend_from_slice(b"] ");
        words::human(out, "Signed in");
        out.extend_from_slice(b"\r\n");
    }

    /// The exchange is over, in vain.
    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<u8>) {
        self.exchange = None;
        self.phase = Phase::Command;
        match failure {
            // RFC 9051 §6.2.2: a cancelled exchange gets BAD.
            Failure::Cancelled => self.tagged(out, Status::Bad, None, "Cancelled"),
            Failure::ChannelBinding => {
                let why = "This channel binding is not offered";
                self.tagged(out, Status::No, Some(&Code::Cannot), why);
            }
            Failure::Downgrade => {
                let why = "Channel binding is offered, and was hidden from you";
                self.tagged(out, Status::No, Some(&Code::AuthenticationFailed), why);
            }
            Failure::Malformed => self.tagged(out, Status::Bad, None, "Not a response"),
            Failure::Rejected => {
                let code = Code::AuthenticationFailed;
                self.tagged(out, Status::No, Some(&code), "Wrong name or password");
            }
            Failure::Unavailable => {
                self.tagged(out, Status::No, Some(&Code::Unavailable), "Try again later");
            }
        }
        // What could not be looked at is nobody's guess, but no way either to go on without an end.
        if failure.is_fault() || failure == Failure::Unavailable {
            self.fault(out);
        } else if failure == Failure::Rejected {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= self.config.limits.auth_failures {
                self.bye(out, End::Errors, None, "Too many failed sign-ins");
            }
        }
    }

    /// Refuses a password without TLS.
    fn private(&mut self, out: &mut Vec<u8>) -> Event<'static> {
        // RFC 9051 §7.1, PRIVACYREQUIRED.
        self.tagged(out, Status::No, Some(&Code::PrivacyRequired), "TLS first");
        Event::Bad { line: Text::default(), why: Why::Privacy }
    }
}
