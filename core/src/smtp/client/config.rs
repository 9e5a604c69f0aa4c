//! What a client machine is told once.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::sasl::Mechanism;
use crate::sasl::client::Account;

/// Settings of a client, shared by its sessions in an `Arc`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in EHLO: a domain, or an address literal for hosts without a name.
    pub hostname: Box<str>,
    /// Speak LMTP.
    pub lmtp: bool,
    /// When to say STARTTLS. Does not matter where TLS comes first.
    pub tls: TlsPolicy,
    /// Sign in as this.
    pub account: Option<Account>,
    /// The mechanisms to sign in with; the first that is offered is used.
    pub mechanisms: Vec<Mechanism>,
    /// Send the password itself although TLS is not up, and the password or the token although TLS does not say who
    /// the server is.
    pub plaintext_auth: bool,
    /// Do not wait for each reply, where PIPELINING is offered.
    pub pipelining: bool,
    /// Send messages by BDAT, where CHUNKING is offered.
    pub chunking: bool,
    /// Send 8-bit messages as they are to servers that do not offer 8BITMIME. Against RFC 6152 §3; most such
    /// servers take them.
    pub eight_bit_anyway: bool,
    /// Limits.
    pub limits: Limits,
}

impl Config {
    /// A client with the defaults: TLS where it is offered, no sign-in.
    #[must_use]
    pub fn new(hostname: &str) -> Self {
        Self {
            hostname: hostname.into(),
            lmtp: false,
            tls: TlsPolicy::Offered,
            account: None,
            mechanisms: Mechanism::ALL.to_vec(),
            plaintext_auth: false,
            pipelining: true,
            chunking: true,
            eight_bit_anyway: false,
            limits: Limits::DEFAULT,
        }
    }
}

/// When to start TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsPolicy {
    /// Never.
    Never,
    /// If the server offers it.
    Offered,
    /// Always; give up if the server does not.
    Required,
}

/// How long a session waits and how much it listens to; RFC 5321 §4.5.3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `out_greeting`: for the greeting, and the replies to EHLO, STARTTLS and AUTH.
    pub greeting: Duration,
    /// `out_mail`: for the reply to MAIL, and to RSET.
    pub mail: Duration,
    /// `out_rcpt`: for the reply to RCPT.
    pub rcpt: Duration,
    /// `out_data`: for the reply to DATA.
    pub data: Duration,
    /// `out_block`: for the reply to a chunk of BDAT that is not the last.
    pub block: Duration,
    /// `out_end`: for the reply to the end of a message.
    pub end: Duration,
    /// `out_quit`: for the reply to QUIT.
    pub quit: Duration,
    /// `answer_wait`: how long the handler may think about a question.
    pub answer_wait: Duration,
    /// `out_reply_octets`: of one reply, all its lines together.
    pub reply_octets: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        greeting: Duration::from_secs(300),
        mail: Duration::from_secs(300),
        rcpt: Duration::from_secs(300),
        data: Duration::from_secs(120),
        block: Duration::from_secs(180),
        end: Duration::from_secs(600),
        quit: Duration::from_secs(10),
        answer_wait: Duration::from_secs(240),
        reply_octets: 64 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
