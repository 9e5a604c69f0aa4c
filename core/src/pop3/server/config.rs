//! What a server machine is told once: its name, what it offers, its limits.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::sasl::{self, Mechanism};

/// Settings of a listener, shared by its sessions in an `Arc`.
///
/// Peers that deserve other settings (loopback may sign in without TLS, say) get another `Config`: the host
/// chooses when it makes the session.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in the greeting.
    pub hostname: Box<str>,
    /// What CAPA says of us (IMPLEMENTATION, RFC 2449 §6.9). Empty: nothing.
    pub implementation: Box<str>,
    /// Offer STLS, unless TLS is up.
    pub starttls: bool,
    /// The SASL mechanisms offered, in the order they are listed. None: no AUTH.
    pub mechanisms: Vec<Mechanism>,
    /// Offer USER and mechanisms that send the password itself although TLS is not up.
    pub plaintext_auth: bool,
    /// Offer the other mechanisms although TLS is not up. They keep the password, not the session, from whoever
    /// is on the path. [`plaintext_auth`](Self::plaintext_auth) includes it.
    pub auth_before_tls: bool,
    /// Limits.
    pub limits: Limits,
}

impl Config {
    /// The defaults: sign-in with a password in clear needs TLS, which the listener gives from the start
    /// unless `starttls` is set.
    #[must_use]
    pub fn new(hostname: &str) -> Self {
        Self {
            hostname: hostname.into(),
            implementation: "Posthaste".into(),
            starttls: false,
            mechanisms: Mechanism::PASSWORD.to_vec(),
            plaintext_auth: false,
            auth_before_tls: true,
            limits: Limits::DEFAULT,
        }
    }
}

/// How much one session may do and how long it may take. The names are those of the config file,
/// there with `pop3_` in front where other protocols have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `pop3_line`: octets of a command with its CR LF (RFC 2449 §4 asks for 255).
    pub line: usize,
    /// `smtp_auth_line`: octets of a line of AUTH with its CR LF.
    pub auth_line: usize,
    /// `pop3_idle`: how long to wait for a command (RFC 1939 §3 asks for 10 minutes).
    pub idle: Duration,
    /// `answer_wait`: how long the host may think; then its question is settled by the refusal.
    pub answer_wait: Duration,
    /// `errors` of a session that are answered; the next one ends it.
    pub errors: u32,
    /// `auth_failures` of a session; the last one ends it.
    pub auth_failures: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        line: 512,
        auth_line: sasl::LINE,
        idle: Duration::from_secs(600),
        answer_wait: Duration::from_secs(240),
        errors: 20,
        auth_failures: 3,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
