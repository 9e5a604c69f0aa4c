//! What a server machine is told once: its role, its name, what it offers, its limits.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::sasl::{self, Mechanism};
use crate::smtp::extension::FutureRelease;

/// Settings of a listener, shared by its sessions in an `Arc`.
///
/// Peers that deserve other settings (networks that may sign in without TLS, say) get another
/// `Config`: the host chooses when it makes the session.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is spoken.
    pub role: Role,
    /// Our name, in the greeting and in the answer to EHLO.
    pub hostname: Box<str>,
    /// Offer STARTTLS, unless TLS is up.
    pub starttls: bool,
    /// Refuse everything but HELO, EHLO, NOOP, RSET, STARTTLS and QUIT before TLS is up (`530 5.7.0`).
    pub require_tls: bool,
    /// The SASL mechanisms offered, in the order they are advertised. None: no AUTH.
    pub mechanisms: Vec<Mechanism>,
    /// Offer mechanisms that send the password itself although TLS is not up.
    pub plaintext_auth: bool,
    /// Offer the other mechanisms although TLS is not up. They keep the password, not the session, from whoever
    /// is on the path. [`plaintext_auth`](Self::plaintext_auth) includes it.
    pub auth_before_tls: bool,
    /// Refuse MAIL before sign-in (`530 5.7.0`), RFC 6409 §4.3.
    pub require_auth: bool,
    /// Offer PIPELINING. Commands that come without waiting are done in any case.
    pub pipelining: bool,
    /// Offer 8BITMIME. Octets beyond ASCII are taken in any case.
    pub eight_bit: bool,
    /// Offer CHUNKING, and take BDAT.
    pub chunking: bool,
    /// Offer SMTPUTF8.
    pub smtputf8: bool,
    /// Offer DSN. Its parameters are parsed and kept in any case, RFC 3461 §5.1 note: without the
    /// offer they are refused with 555.
    pub dsn: bool,
    /// Offer BINARYMIME, where CHUNKING is offered too (RFC 3030 §3): messages whose octets are anything.
    pub binarymime: bool,
    /// Offer REQUIRETLS, once TLS is up (RFC 8689 §2).
    pub requiretls: bool,
    /// Offer MT-PRIORITY, RFC 6710.
    pub mt_priority: bool,
    /// Offer FUTURERELEASE, RFC 4865, in the role of submission: how long a message may be held at most.
    pub future_release: Option<FutureRelease>,
    /// Offer DELIVERBY, RFC 2852, and take `BY=` with return of the message for no fewer seconds than that;
    /// zero: any.
    pub deliver_by: Option<u32>,
    /// Recipient domains of a transaction at most, told by LIMITS as RCPTDOMAINMAX (RFC 9422 §4.3); the host
    /// counts them.
    pub recipient_domains: Option<u32>,
    /// Know EXPN, list it, and ask the host who is on the list; else it is refused with 502 (RFC 5321 §3.5.2).
    pub expn: bool,
    /// Take XCLIENT: for peers that are listed, and may say for whom they speak.
    pub xclient: bool,
    /// Limits in quiet times.
    pub limits: Limits,
    /// Limits for sessions that were admitted as [`Strained`](super::Admission::Strained).
    pub strained: Limits,
}

/// What a server machine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// LMTP, RFC 2033: LHLO, and after the data one reply a recipient.
    Lmtp,
    /// SMTP with strangers, RFC 5321.
    Smtp,
    /// Message submission, RFC 6409.
    Submission,
}

impl Config {
    /// A listener of this role with the defaults: nothing that needs TLS or accounts is offered, but
    /// submission wants sign-in.
    #[must_use]
    pub fn new(role: Role, hostname: &str) -> Self {
        Self {
            role,
            hostname: hostname.into(),
            starttls: false,
            require_tls: false,
            mechanisms: Vec::new(),
            plaintext_auth: false,
            auth_before_tls: true,
            require_auth: role == Role::Submission,
            pipelining: true,
            eight_bit: true,
            chunking: true,
            smtputf8: true,
            dsn: false,
            binarymime: false,
            requiretls: false,
            mt_priority: false,
            future_release: None,
            deliver_by: None,
            recipient_domains: None,
            expn: false,
            xclient: false,
            limits: Limits::DEFAULT,
            strained: Limits::STRAINED,
        }
    }
}

/// How much one session may do and how long it may take. The names are those of the config file,
/// there with `smtp_` in front where other protocols have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `message_size`: octets of a message; told by SIZE, checked at MAIL and while it arrives.
    pub message_size: u64,
    /// `smtp_recipients` of a transaction; `452 4.5.3` for more. Told by LIMITS as RCPTMAX.
    pub recipients: u32,
    /// `smtp_transactions` of a session; `421 4.7.0` for more. Told by LIMITS as MAILMAX.
    pub transactions: u32,
    /// `smtp_command_line`: octets of a command with its CR LF.
    pub command_line: usize,
    /// `smtp_auth_line`: octets of a line of AUTH with its CR LF, RFC 4954 §4.
    pub auth_line: usize,
    /// `smtp_text_line`: octets of a line of a message with its CR LF; `550 5.6.0` for more.
    pub text_line: usize,
    /// `smtp_command_wait`: how long to wait for a command, whole; then `421 4.4.2`. RFC 5321 §4.5.3.2.7: at
    /// least five minutes.
    pub command_wait: Duration,
    /// `smtp_hello_wait`: how long to wait, all in all, until the peer has said hello; under TLS again.
    pub hello_wait: Duration,
    /// `smtp_transaction_wait`: how long to wait, all in all, for the commands between hello, or a message, and the
    /// next message. Who is slow with each of a thousand recipients is so for a long time.
    pub transaction_wait: Duration,
    /// `smtp_body_wait`: how long to wait for the next octets of a message.
    pub body_wait: Duration,
    /// `body_rate`: octets a second that a message must arrive with, over any `body_rate_span` spent waiting for
    /// it; what the host takes does not count.
    pub body_rate: u32,
    /// `body_rate_span`: what `body_rate` is measured over.
    pub body_rate_span: Duration,
    /// `answer_wait`: how long the host may think; then its question is settled by the refusal. Where that is
    /// about a message which is delivered in the end, its sender will send it again.
    pub answer_wait: Duration,
    /// `errors` of a session that are answered; the next one ends it.
    pub errors: u32,
    /// `tarpit_errors` of a session that are answered at once; those that follow are answered after
    /// [`tarpit_delay`](Self::tarpit_delay). Not in LMTP. As many as `errors`, or more: never.
    pub tarpit_errors: u32,
    /// `tarpit_delay`: how long the reply to an error is kept back, and nothing read.
    pub tarpit_delay: Duration,
    /// `junk_commands` between messages (NOOP, RSET, VRFY, HELP, hellos, chunks of nothing, MAIL that was
    /// refused for now, and recipients beyond a thousand that were); the next one ends the session.
    pub junk_commands: u32,
    /// `auth_failures` of a session; the last one ends it.
    pub auth_failures: u32,
}

/// [`Limits::answer_wait`] of submission at most, RFC 6409 §5.3.
pub const SUBMISSION_WAIT: Duration = Duration::from_secs(115);

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        message_size: 50 * 1024 * 1024,
        recipients: 1_000,
        transactions: 1_000,
        command_line: 2_048,
        auth_line: sasl::LINE,
        text_line: 1024 * 1024,
        command_wait: Duration::from_secs(300),
        hello_wait: Duration::from_secs(600),
        transaction_wait: Duration::from_secs(1_800),
        body_wait: Duration::from_secs(180),
        body_rate: 512,
        body_rate_span: Duration::from_secs(60),
        answer_wait: Duration::from_secs(240),
        errors: 20,
        tarpit_errors: 10,
        tarpit_delay: Duration::from_secs(1),
        junk_commands: 100,
        auth_failures: 3,
    };

    /// The defaults while there is too much to do: strangers must be quick and make no mistakes.
    pub const STRAINED: Self = Self {
        command_wait: Duration::from_secs(10),
        hello_wait: Duration::from_secs(10),
        transaction_wait: Duration::from_secs(60),
        body_wait: Duration::from_secs(10),
        errors: 1,
        junk_commands: 1,
        ..Self::DEFAULT
    };

    /// How long the host may think in this role: [`answer_wait`](Self::answer_wait), and where mail is submitted
    /// [`SUBMISSION_WAIT`] at most. RFC 6409 §5.3: clients that submit wait for no reply longer than two minutes.
    #[must_use]
    pub fn answer_wait_in(&self, role: Role) -> Duration {
        if role == Role::Submission {
            self.answer_wait.min(SUBMISSION_WAIT)
        } else {
            self.answer_wait
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
