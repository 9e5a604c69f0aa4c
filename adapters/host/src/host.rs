//! The host itself: what all handlers share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use posthaste_store::{AccountId, Batch, Fault, Mutation, Outcome, Refusal, Store, Timestamp};

use crate::budget::Budget;
use crate::config::Config;
use crate::counters::Counters;
use crate::directory::{Account, Directory, Rules, RulesError, Settings};
use crate::guesses::Guesses;
use crate::inputs::Inputs;
use crate::password::Passwords;
use crate::pop3::Locks;
use crate::presence::Present;
use crate::rings::Rings;

/// The setting in which the server keeps the secret that keys what it invents.
const SECRET: &str = "host.secret";

/// Seconds for which no message is taken after the disk was full.
const FULL_WAIT: u64 = 2;

/// What all handlers of a server share: the store, who is here, and the rules.
pub struct Host {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) inputs: Inputs,
    pub(crate) config: ArcSwap<Config>,
    pub(crate) directory: Directory,
    pub(crate) passwords: Passwords,
    pub(crate) guesses: Guesses,
    pub(crate) rings: Arc<Rings>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
    /// Who is signed in.
    pub(crate) present: Arc<Present>,
    /// When the disk was full last, in seconds since 1970.
    full: AtomicU64,
    /// The last number that a message was given.
    number: AtomicU64,
    /// POP3 maildrops that are open.
    pub(crate) locks: Locks,
    /// Changes of accounts happen one after the other.
    pub(crate) administration: Mutex<()>,
}

/// Why a host does not start, or does not take a new configuration.
#[derive(Debug)]
pub enum StartError {
    /// An account in the store cannot be read.
    Account(AccountId),
    /// The configured names do not hold together.
    Rules(RulesError),
    /// The store cannot be read.
    Read(Fault),
    /// The store cannot be written.
    Write(Refusal),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(
                f,
                "account {} in the store is damaged or was written by a newer version",
                id.0
            ),
            Self::Rules(error) => error.fmt(f),
            Self::Read(fault) => write!(f, "the store cannot be read: {fault}"),
            Self::Write(refusal) => write!(f, "the store cannot be written: {refusal}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<RulesError> for StartError {
    fn from(error: RulesError) -> Self {
        Self::Rules(error)
    }
}

impl From<Fault> for StartError {
    fn from(fault: Fault) -> Self {
        Self::Read(fault)
    }
}

impl Host {
    /// Reads the accounts and takes the store's rounds: nobody else may set
    /// [`Store::on_round`].
    ///
    /// # Errors
    /// [`StartError`] says what does not hold together.
    pub fn new(
        store: Arc<dyn Store>,
        config: Config,
        inputs: Inputs,
    ) -> Result<Arc<Self>, StartError> {
        let directory = Directory::new(Rules::new(&config.names)?);
        for kept in store.accounts()? {
            let settings =
                Settings::decode(&kept.settings).map_err(|_| StartError::Account(kept.id))?;
            directory.put(Account { id: kept.id, quota: kept.quota.bytes, settings });
        }
        let secret = secret(&*store, &inputs)?;
        let mut passwords = Passwords::new(config.password, Arc::clone(&inputs.random), secret);
        if config.scram_sha1 {
            passwords = passwords.with_sha1();
        }
        let rings = Arc::new(Rings::default());
        let budget = Arc::new(Budget::new(Arc::clone(&store), config.limits.bytes_in_flight));
        let mut number = [0; 8];
        inputs.random.fill(&mut number);
        let round = (Arc::clone(&rings), Arc::clone(&budget));
        store.on_round(Arc::new(move || {
            round.0.ring();
            round.1.release();
        }));
        Ok(Arc::new(Self {
            store,
            passwords,
            guesses: Guesses::new(config.limits.auth_checks),
            inputs,
            directory,
            config: ArcSwap::from_pointee(config),
            rings,
            budget,
            counters: Arc::default(),
            present: Arc::default(),
            full: AtomicU64::new(0),
            number: AtomicU64::new(u64::from_be_bytes(number)),
            locks: Locks::default(),
            administration: Mutex::new(()),
        }))
    }

    /// What it did since it started.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether so many octets of messages are in flight that strangers have to be quick (`stress_bytes`).
    #[must_use]
    pub fn is_stressed(&self) -> bool {
        self.budget.is_stressed(self.config.load().limits.stress_bytes, &self.counters)
    }

    /// Takes a new configuration for all that begins from now on. Bounds that are fixed at the start
    /// (`bytes_in_flight`, `auth_checks`, the cost of passwords) stay.
    ///
    /// # Errors
    /// [`RulesError`]; the old configuration stays then.
    pub fn reload(&self, config: Config) -> Result<(), RulesError> {
        let rules = Rules::new(&config.names)?;
        self.directory.reload(rules);
        self.config.store(Arc::new(config));
        Ok(())
    }

    /// Who is here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The store underneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time of day, as the store has it.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.inputs.clock.now_millis()).unwrap_or(i64::MAX))
    }

    /// A number for a message, in its trace field and in logs: unique since the start, and hardly the
    /// same after another.
    pub(crate) fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// The store has said that the disk is full.
    pub(crate) fn note_full(&self) {
        self.full.store(self.inputs.clock.now_unix(), Ordering::Relaxed);
    }

    /// Whether the disk was full a moment ago, so that it is not worth to ask for a message. After
    /// [`FULL_WAIT`] the next one tries.
    pub(crate) fn is_full(&self) -> bool {
        let since = self.full.load(Ordering::Relaxed);
        since != 0 && self.inputs.clock.now_unix().saturating_sub(since) < FULL_WAIT
    }

    /// Does one thing and waits until it is durable: for administration, not for sessions.
    pub(crate) fn run(&self, mutation: Mutation) -> Result<Outcome, Refusal> {
        run(&*self.store, self.now(), mutation)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("config", &self.config.load()).finish_non_exhaustive()
    }
}

fn run(store: &dyn Store, now: Timestamp, mutation: Mutation) -> Result<Outcome, Refusal> {
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |outcomes| {
        // Nobody listens any more only if the process is going down.
        let _ = tell.send(outcomes);
    });
    store.submit(Batch::one(now, mutation), done);
    let outcomes: posthaste_store::Outcomes = told.recv().map_err(|_| Refusal::Unavailable)?;
    match outcomes.into_iter().next() {
        None => Err(Refusal::Unavailable),
        Some(Outcome::Refused(refusal)) => Err(refusal),
        Some(outcome) => Ok(outcome),
    }
}

/// The server's secret; made at the first start.
fn secret(store: &dyn Store, inputs: &Inputs) -> Result<[u8; 32], StartError> {
    if let Some(kept) = store.setting(AccountId::SERVER, SECRET)?
        && let Ok(secret) = <[u8; 32]>::try_from(&*kept)
    {
        return Ok(secret);
    }
    let mut secret = [0; 32];
    inputs.random.fill(&mut secret);
    let now = Timestamp(i64::try_from(inputs.clock.now_millis()).unwrap_or(i64::MAX));
    let put = Mutation::SettingPut {
        account: AccountId::SERVER,
        name: SECRET.into(),
        value: Some(secret.to_vec().into()),
    };
    run(store, now, put).map_err(StartError::Write)?;
    Ok(secret)
}
