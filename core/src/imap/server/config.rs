//! What an IMAP server is told about itself: names, what to offer, limits.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::imap::Syntax;
use crate::sasl::Mechanism;

/// What one listener's sessions share. The machines hold it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Capabilities to advertise after sign-in beside those of this machine: what the host honours on its
    /// own, as `CREATE-SPECIAL-USE` or `APPENDLIMIT=52428800`.
    pub extensions: Vec<String>,
    /// What ID says (RFC 2971 §3.3): pairs of field and value. Empty: `NIL`.
    pub id: Vec<(String, String)>,
    /// The limits.
    pub limits: Limits,
    /// The SASL mechanisms to offer, strongest first. Those that send the password itself are
    /// offered only where [`plaintext`](Self::plaintext) allows it.
    pub mechanisms: Vec<Mechanism>,
    /// Whom the greeting names: the server's host name. Printable ASCII.
    pub name: String,
    /// Whether passwords may come without TLS. If not, LOGINDISABLED is advertised and LOGIN gets
    /// `NO [PRIVACYREQUIRED]` (RFC 9051 §6.2.3).
    pub plaintext: bool,
    /// Whether STARTTLS is offered where there is no TLS yet.
    pub starttls: bool,
}

/// Limits of one session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `answer`: how long a question to the host may stay open. Then it is refused.
    pub answer_wait: Duration,
    /// `auth_failures`: after so many the session ends.
    pub auth_failures: u8,
    /// `imap_body_wait`: how long a literal may make no progress.
    pub body_wait: Duration,
    /// `errors`: after so many commands in a row that made no sense the session ends.
    pub errors: u8,
    /// `imap_idle`: how long a client that has signed in may be silent. RFC 9051 §5.4: not less than
    /// 30 minutes. IDLE ends with it too.
    pub idle: Duration,
    /// `imap_idle_gap`: the least time between two updates to a client in IDLE, so that a busy mailbox
    /// gives one update for many changes. The first change after a quiet time is told at once.
    pub idle_gap: Duration,
    /// `junk_commands`: how many commands may come before sign-in. Then the session ends.
    pub junk: u8,
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
    /// `imap_login_wait`: how long after the connection (or the start of TLS) a client may take to
    /// sign in.
    pub login_wait: Duration,
    /// `message_size`: octets of an appended message.
    pub message_size: u64,
    /// `imap_nesting` and `imap_set_ranges`.
    pub syntax: Syntax,
}

impl Config {
    /// The defaults, for a server of that name: STARTTLS, no password without TLS, all mechanisms.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            extensions: Vec::new(),
            id: Vec::from([(String::from("name"), String::from("Posthaste"))]),
            limits: Limits::default(),
            mechanisms: Mechanism::ALL.to_vec(),
            name: name.into(),
            plaintext: false,
            starttls: true,
        }
    }
}

impl Default for Limits {
    /// The defaults that the manual documents.
    fn default() -> Self {
        Self {
            answer_wait: Duration::from_secs(300),
            auth_failures: 3,
            body_wait: Duration::from_secs(180),
            errors: 20,
            idle: Duration::from_secs(30 * 60),
            idle_gap: Duration::from_millis(50),
            junk: 100,
            line: 64 * 1024,
            line_before_login: 8 * 1024,
            literal: 64 * 1024,
            literal_before_login: 4 * 1024,
            literals: 1024 * 1024,
            login_wait: Duration::from_secs(60),
            message_size: 50 * 1024 * 1024,
            syntax: Syntax::default(),
        }
    }
}
