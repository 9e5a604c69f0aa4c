//! What the host wants to know from the configuration. Every limit here has a name in the
//! configuration file, a default, and a test.

pub use posthaste_core::gate::Network;

use crate::password::PasswordCost;

/// Everything the host is told when it starts. What can change while it runs is changed by
/// [`Host::reload`](crate::Host::reload).
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in trace fields and message identifiers.
    pub hostname: String,
    /// Domains, aliases and the like.
    pub names: Names,
    /// `submission_fixups`: add Date and Message-ID to submitted messages that have none.
    pub submission_fixups: bool,
    /// `lmtp_from`: networks that may speak LMTP. A Unix socket always may.
    pub lmtp_from: Vec<Network>,
    /// Bounds.
    pub limits: Limits,
    /// What checking a password costs. Fixed when the host starts.
    pub password: PasswordCost,
    /// `scram_sha1`: keep verifiers for SCRAM-SHA-1 too, for clients that know no better. Fixed when the host
    /// starts.
    pub scram_sha1: bool,
}

impl Config {
    /// The defaults for a server of this name that accepts mail for these domains.
    #[must_use]
    pub fn new(hostname: &str, domains: &[&str]) -> Self {
        Self {
            hostname: hostname.to_owned(),
            names: Names {
                domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
                ..Names::default()
            },
            submission_fixups: true,
            lmtp_from: Network::LOOPBACK.to_vec(),
            limits: Limits::DEFAULT,
            password: PasswordCost::default(),
            scram_sha1: false,
        }
    }
}

/// The host's own bounds; those of a session are in the machines' configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hops`: Received fields of a message; one more is a loop.
    pub hops: u32,
    /// `bytes_in_flight`: octets of bodies that are not durable yet, of all senders together. Above
    /// it senders are not read from.
    pub bytes_in_flight: u64,
    /// `stress_bytes`: percent of `bytes_in_flight` in use from which on new strangers have to be quick; it is over
    /// at four fifths of that.
    pub stress_bytes: u32,
    /// `shed_connect`: percent of `bytes_in_flight` in use from which on new strangers hear `421 4.3.2`.
    pub shed_connect: u32,
    /// `shed_data`: percent from which on messages of strangers get `451 4.3.2`.
    pub shed_data: u32,
    /// `shed_bulk`: percent from which on submitted messages with more than `bulk_recipients` get `451 4.3.2`.
    pub shed_bulk: u32,
    /// `bulk_recipients`: recipients of a message that users send one by one.
    pub bulk_recipients: u32,
    /// `auth_checks`: passwords that are checked a minute, an account.
    pub auth_checks: u32,
    /// `message_size`: octets of a message that IMAP APPEND may bring; SMTP has its own in the
    /// machine's configuration.
    pub message_size: u64,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        hops: 50,
        bytes_in_flight: 256 * 1024 * 1024,
        stress_bytes: 50,
        shed_connect: 75,
        shed_data: 90,
        shed_bulk: 95,
        bulk_recipients: 20,
        auth_checks: 100,
        message_size: 50 * 1024 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The sizes of the pools that [`Inputs::system`](crate::inputs::Inputs::system) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pools {
    /// `password_threads`: passwords that are checked at the same time, each with the memory of
    /// [`PasswordCost`].
    pub password_threads: usize,
    /// `password_queue`: passwords that wait for a thread; who comes then is told to come later.
    pub password_queue: usize,
    /// `read_threads`: commands that read the store at the same time.
    pub read_threads: usize,
    /// `read_queue`: commands that wait for a thread. A session waits with one at most, so as many as
    /// `connections` never overflow it.
    pub read_queue: usize,
}

impl Default for Pools {
    fn default() -> Self {
        Self { password_threads: 2, password_queue: 256, read_threads: 4, read_queue: 20_000 }
    }
}

/// Domains, aliases and the like.
#[derive(Clone, Debug)]
pub struct Names {
    /// Domains that mail is accepted for.
    pub domains: Vec<String>,
    /// Whose names are accepted without a domain when signing in; is a local domain too.
    pub default_domain: Option<String>,
    /// The sign between a name and what its owner adds to it, as in `alice+shop@example.test`.
    pub subaddress: Option<char>,
    /// Who reads mail for the postmaster; otherwise the first account made does.
    pub postmaster: Option<String>,
    /// Aliases.
    pub aliases: Vec<Alias>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            default_domain: None,
            subaddress: Some('+'),
            postmaster: None,
            aliases: Vec::new(),
        }
    }
}

/// An address that leads to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The address.
    pub address: String,
    /// Where it leads: local addresses, which may be aliases themselves.
    pub to: Vec<String>,
}
