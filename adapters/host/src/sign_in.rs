//! Signing in, for all protocols.
//!
//! A handler holds one [`Identity`] and passes to it the events of SASL and of its protocol's own
//! commands. A sign-in with a clear password is checked on the pool for passwords; whoever has
//! no account waits as long and reads the same words.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use posthaste_core::machine::{Ask, Protocol};
use posthaste_core::sasl::{self, Certificate, Credentials, Failure, Found, Verdict};
use posthaste_core::session::{Act, Place};

use crate::Host;
use crate::counters::tally;
use crate::directory::Account;
use crate::guesses::Guess;
use crate::presence::Presence;

/// Who is at the other end of a session, as far as it has proved it.
#[derive(Debug, Default)]
pub(crate) enum Identity {
    /// Nobody we know.
    #[default]
    Stranger,
    /// A clear password is being checked; the account is there when it was right.
    Checking(Arc<OnceLock<SignedIn>>),
    /// SCRAM goes on. For a name that nobody has there is no account.
    Proving(Guess, Option<Arc<Account>>),
    /// An account.
    Known(SignedIn),
}

/// An account with one of its sessions.
#[derive(Debug)]
pub(crate) struct SignedIn {
    account: Arc<Account>,
    _presence: Presence,
}

impl Identity {
    /// The account that signed in.
    pub(crate) fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Stranger | Self::Proving(..) => None,
            Self::Checking(found) => found.get().map(|signed_in| &signed_in.account),
            Self::Known(signed_in) => Some(&signed_in.account),
        }
    }

    /// A name and a password in clear came.
    pub(crate) fn check<P: Protocol>(
        &mut self,
        host: &Arc<Host>,
        from: Option<IpAddr>,
        ask: Ask<sasl::SignIn<P>>,
        credentials: &Credentials<'_>,
        place: &Place<P>,
    ) -> Act<P>
    where
        Verdict: Into<P::Answer>,
    {
        *self = Self::Stranger;
        let user = credentials.user();
        let other = credentials.authorization();
        let (name, account) = host.who(user.as_bytes(), other.map(|other| other.as_bytes()));
        let Some(guess) = host.guesses.take(&name, from, host.inputs.clock.now_unix()) else {
            tally(&host.counters.sign_ins_unchecked);
            return ask.with(Verdict::Unavailable).into();
        };
        let found = Arc::new(OnceLock::new());
        *self = Self::Checking(Arc::clone(&found));
        let password = credentials.password().to_owned();
        let responder = place.later(ask);
        let on = Arc::clone(host);
        let spawned = host.inputs.passwords.spawn(Box::new(move || {
            let settings = account.as_ref().map(|account| &account.settings);
            let right = on.passwords.check(settings, password.expose());
            log(&on, account.as_deref(), right, from);
            let Some(account) = account.filter(|_| right) else {
                return responder.answer(Verdict::Rejected);
            };
            on.guesses.was_right(guess);
            if !on.passwords.is_complete(&account.settings) {
                on.complete(&account, password.expose());
            }
            let presence = on.present.enter(account.id, responder.place());
            // Set before the machine hears of it: the next event finds the account here.
            let _ = found.set(SignedIn { account, _presence: presence });
            responder.answer(Verdict::Accepted);
        }));
        if spawned.is_err() {
            host.guesses.give_back(guess);
            *self = Self::Stranger;
        }
        Act::Later
    }

    /// SCRAM wants to know how somebody's proof is checked.
    pub(crate) fn look_up<P: Protocol>(
        &mut self,
        host: &Arc<Host>,
        from: Option<IpAddr>,
        ask: Ask<sasl::Lookup<P>>,
        who: &sasl::Identity,
    ) -> Act<P>
    where
        Found: Into<P::Answer>,
    {
        *self = Self::Stranger;
        let Some(hash) = who.mechanism.hash() else {
            return ask.with(Found::Unavailable).into();
        };
        let other = who.authorization.as_deref().map(str::as_bytes);
        let (name, account) = host.who(who.user.as_bytes(), other);
        let Some(guess) = host.guesses.take(&name, from, host.inputs.clock.now_unix()) else {
            tally(&host.counters.sign_ins_unchecked);
            return ask.with(Found::Unavailable).into();
        };
        let settings = account.as_ref().map(|account| &account.settings);
        let known = host.passwords.known(hash, &name, settings);
        *self = Self::Proving(guess, account);
        ask.with(Found::Known(Box::new(known))).into()
    }

    /// A certificate that was shown to TLS is to sign somebody in. Who holds its key was proved there; nobody may
    /// act as somebody else.
    pub(crate) fn shown<P: Protocol>(
        &mut self,
        host: &Host,
        from: Option<IpAddr>,
        ask: Ask<sasl::External<P>>,
        shown: &Certificate,
        place: &Place<P>,
    ) -> Act<P>
    where
        Verdict: Into<P::Answer>,
    {
        *self = Self::Stranger;
        let same = |account: &Arc<Account>| {
            shown.authorization.as_deref().is_none_or(|other| {
                host.directory.full_name(other).as_deref() == Some(&*account.settings.name)
            })
        };
        let account = host.directory.by_certificate(&shown.fingerprint).filter(same);
        log(host, account.as_deref(), account.is_some(), from);
        let Some(account) = account else { return ask.with(Verdict::Rejected).into() };
        let presence = host.present.enter(account.id, place);
        *self = Self::Known(SignedIn { account, _presence: presence });
        ask.with(Verdict::Accepted).into()
    }

    /// The machine has checked a proof, and it was right.
    pub(crate) fn proved<P: Protocol>(
        &mut self,
        host: &Host,
        from: Option<IpAddr>,
        place: &Place<P>,
    ) {
        if let Self::Proving(guess, account) = std::mem::take(self) {
            host.guesses.was_right(guess);
            log(host, account.as_deref(), true, from);
            if let Some(account) = account {
                let presence = host.present.enter(account.id, place);
                *self = Self::Known(SignedIn { account, _presence: presence });
            }
        }
    }

    /// The exchange ended without success.
    pub(crate) fn failed(&mut self, host: &Host, from: Option<IpAddr>, why: Failure) {
        if let Self::Proving(guess, account) = std::mem::take(self) {
            match why {
                Failure::Rejected => log(host, account.as_deref(), false, from),
                _ => host.guesses.give_back(guess),
            }
        }
    }

    /// TLS came up: what was said before is forgotten.
    pub(crate) fn forget(&mut self) {
        *self = Self::Stranger;
    }
}

/// Counts and logs a sign-in. A name that nobody has is not written down: it may be a password, typed at the wrong
/// place.
fn log(host: &Host, account: Option<&Account>, right: bool, from: Option<IpAddr>) {
    let counters = &host.counters;
    tally(if right { &counters.sign_ins } else { &counters.sign_ins_failed });
    let from = from.map(tracing::field::display);
    match account {
        Some(account) if right => {
            tracing::info!(account = &*account.settings.name, from, "signed in")
        }
        Some(account) => tracing::warn!(account = &*account.settings.name, from, "sign-in failed"),
        None => tracing::warn!(from, "sign-in failed: no such account"),
    }
}

impl Host {
    /// The name somebody gives, as guesses are counted by it, and the account behind it. Nobody may
    /// act as somebody else (yet), so that an authorization identity which is not the same account
    /// leads to none.
    fn who(&self, user: &[u8], other: Option<&[u8]>) -> (String, Option<Arc<Account>>) {
        let given = String::from_utf8_lossy(user);
        let name = self.directory.full_name(&given);
        let account = name.as_deref().and_then(|name| self.directory.by_name(name));
        let name = name.unwrap_or_else(|| given.to_ascii_lowercase());
        let same = other.is_none_or(|other| {
            let other = str::from_utf8(other).ok().and_then(|o| self.directory.full_name(o));
            other.as_deref() == Some(&*name)
        });
        (name, account.filter(|_| same))
    }
}
