//! What a server machine is told once: its name, what it offers, its limits.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::imap::Syntax;
use crate::sasl::Mechanism;

/// Settings of a listener, shared by its sessions in an `Arc`.
///
/// Peers that deserve other settings (loopback may sign in without TLS, say) get another `Config`: the host
/// chooses when it makes the session.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in the greeting. Printable ASCII.
    pub hostname: Box<str>,
    /// Offer STARTTLS, unless TLS is up.
    pub starttls: bool,
    /// The SASL mechanisms offered, in the order they are listed. None: no AUTHENTICATE.
    pub mechanisms: Vec<Mechanism>,
    /// Offer LOGIN and mechanisms that send the password itself although TLS is not up. If not,
    /// LOGINDISABLED is advertised and LOGIN gets `NO [PRIVACYREQUIRED]` (RFC 9051 §6.2.3).
    pub plaintext_auth: bool,
    /// Offer the other mechanisms although TLS is not up. They keep the password, not the session, from whoever
    /// is on the path. [`plaintext_auth`](Self::plaintext_auth) includes it.
    pub auth_before_tls: bool,
    /// Capabilities to advertise after sign-in beside those of this machine: what the host honours on its
    /// own, as `CREATE-SPECIAL-USE`.
    pub extensions: Vec<String>,
    /// What ID says (RFC 2971 §3.3): pairs of field and value. Empty: `NIL`.
    pub id: Vec<(String, String)>,
    /// Limits.
    pub limits: Limits,
}

impl Config {
    /// The defaults: sign-in with a password in clear needs TLS, which STARTTLS gives unless the listener
    /// gave it from the start.
    #[must_use]
    pub fn new(hostname: &str) -> Self {
        Self {
            hostname: hostname.into(),
            starttls: true,
            mechanisms: Mechanism::PASSWORD.to_vec(),
            plaintext_auth: false,
            auth_before_tls: true,
            extensions: Vec::new(),
            id: Vec::from([(String::from("name"), String::from("Posthaste"))]),
            limits: Limits::DEFAULT,
        }
    }
}

/// How much one session may do and how long it may take. The names are those of the config file,
/// there with `imap_` in front where other protocols have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `message_size`: octets of an appended message.
    pub message_size: u64,
    /// `imap_line`: octets of a command without its literals, after sign-in.
    pub line: usize,
    /// `imap_line_before_login`: the same, before.
    pub line_before_login: usize,
    /// `imap_literal`: octets of one literal, after sign-in. Not the message of an APPEND.
    pub literal: usize,
    /// `imap_literal_before_login`: the same, before.
    pub literal_before_login: usize,
    /// `imap_literals`: octets of all literals of one command.
    pub literals: usize,
    /// `imap_nesting` and `imap_set_ranges`.
    pub syntax: Syntax,
    /// `imap_login_wait`: how long after the connection (or the start of TLS) a client may take to
    /// sign in.
    pub login_wait: Duration,
    /// `imap_idle`: how long a client that has signed in may be silent. RFC 9051 §5.4: not less than
    /// 30 minutes. IDLE ends with it too.
    pub idle: Duration,
    /// `imap_idle_gap`: the least time between two updates to a client in IDLE, so that a busy mailbox
    /// gives one update for many changes. The first change after a quiet time is told at once.
    pub idle_gap: Duration,
    /// `imap_body_wait`: how long a literal may make no progress.
    pub body_wait: Duration,
    /// `answer_wait`: how long the host may think; then its question is settled by the refusal.
    pub answer_wait: Duration,
    /// `errors` in a row that are answered; the next one ends the session.
    pub errors: u32,
    /// `junk_commands` before sign-in; the next one ends the session.
    pub junk_commands: u32,
    /// `auth_failures` of a session; the last one ends it.
    pub auth_failures: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        message_size: 50 * 1024 * 1024,
        line: 64 * 1024,
        line_before_login: 8 * 1024,
        literal: 64 * 1024,
        literal_before_login: 4 * 1024,
        literals: 1024 * 1024,
        syntax: Syntax::DEFAULT,
        login_wait: Duration::from_secs(60),
        idle: Duration::from_secs(30 * 60),
        idle_gap: Duration::from_millis(50),
        body_wait: Duration::from_secs(180),
        answer_wait: Duration::from_secs(240),
        errors: 20,
        junk_commands: 100,
        auth_failures: 3,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
