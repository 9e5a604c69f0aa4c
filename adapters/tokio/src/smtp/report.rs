//! What became of a message that was sent, and what may go wrong.

use std::fmt;
use std::io;

use posthaste_core::smtp::client::Response;
use posthaste_core::smtp::client::event::Why;
use posthaste_core::smtp::reply::{Enhanced, REPLY_LINES, Reply};
use posthaste_core::smtp::server::Outcome;
use posthaste_tls::link::Fault;

use super::refusal::Refusal;

/// What became of a message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fate {
    /// The server said yes, in these words: the message is its business now. (Of a recipient alone, by
    /// [`Client::rcpt`](super::Client::rcpt): it will have the message.)
    Taken(Reply),
    /// The server said no, to the sender, the recipient or the message. A 4xx may be tried again.
    Refused(Reply),
    /// The server cannot take such a message, as it said beforehand what it can; nothing was sent.
    Unfit(Why),
    /// The session ended before the message was sent. It can be sent again.
    Unsent,
    /// The session ended when the message was sent, and before the server said what became of it: it may
    /// have been taken. Sent again, it may arrive twice; not sent again, it may be lost (RFC 5321 §4.2.5 is for
    /// sending again).
    Unknown,
}

impl Fate {
    /// Whether the server said yes.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Taken(_))
    }

    /// Whether there is a point in trying again later: a 4xx, or the session ended.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Taken(_) | Self::Unfit(_) => false,
            Self::Refused(reply) => reply.is_transient(),
            Self::Unsent | Self::Unknown => true,
        }
    }

    /// The same as an error, to be passed on by a server that asked another.
    ///
    /// # Errors
    /// Everything but [`Taken`](Self::Taken).
    pub fn into_result(self) -> Result<(), Refusal> {
        let reply = self.into_reply();
        if reply.is_positive() { Ok(()) } else { Err(reply.into()) }
    }

    /// The same as a reply, to be passed on by a server that asked another.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        match self {
            Self::Taken(reply) | Self::Refused(reply) => reply,
            Self::Unfit(why) => unfit(why),
            Self::Unsent | Self::Unknown => cut_off(),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(reply) => write!(f, "taken: {reply}"),
            Self::Refused(reply) => write!(f, "refused: {reply}"),
            Self::Unfit(why) => write!(f, "not sent: {why}"),
            Self::Unsent => f.write_str("not sent"),
            Self::Unknown => f.write_str("sent, but the server did not say what became of it"),
        }
    }
}

/// What became of a message: for each recipient, in the order of the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// By recipient.
    pub fates: Vec<Fate>,
}

impl Report {
    /// Whether there are recipients, and all of them have it.
    #[must_use]
    pub fn is_taken_by_all(&self) -> bool {
        !self.fates.is_empty() && self.fates.iter().all(Fate::is_taken)
    }

    /// Whether it may have been taken for a recipient of whom nothing was said.
    #[must_use]
    pub fn may_have_been_taken(&self) -> bool {
        self.fates.contains(&Fate::Unknown)
    }

    /// The recipients that do not have it, by their number in the envelope.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Fate)> {
        self.fates.iter().enumerate().filter(|(_, fate)| !fate.is_taken())
    }
}

impl From<Report> for Outcome {
    /// What a server says that passed a message on: to each recipient its own reply in LMTP, in SMTP the
    /// worst. There, refusals of single recipients must have been passed on before
    /// ([`Client::rcpt`](super::Client::rcpt)), or the sender takes them for all.
    fn from(report: Report) -> Self {
        Self::Each(report.fates.into_iter().map(Fate::into_reply).collect())
    }
}

/// A message was not sent as it should, since the session ended meanwhile: why, and what is known of each
/// recipient.
#[derive(Debug)]
pub struct Failed {
    /// Why the session ended.
    pub error: Error,
    /// What is known. [`Fate::Unsent`] and [`Fate::Unknown`] tell apart what can be sent again safely and what
    /// may have been taken.
    pub report: Report,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        if self.report.may_have_been_taken() {
            f.write_str("; the message was sent and may have been taken")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<Failed> for Outcome {
    fn from(failed: Failed) -> Self {
        failed.report.into()
    }
}

/// What ends a client's session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is there.
    Connect(io::Error),
    /// The connection broke, or the server closed it without a word.
    Lost(Option<io::Error>),
    /// The server offers no mechanism to sign in that may be used.
    NoMechanism,
    /// TLS is required, and the server does not offer it or refused it.
    NoTls(Option<Reply>),
    /// The session was over before: it had failed, or a call was dropped before it was done. Connect anew.
    Over,
    /// The server refused the sign-in. The session goes on.
    SignIn(Reply),
    /// The message could not be had from its [`Source`](super::Source).
    Source(io::Error),
    /// The server, or the source of the message, took too long.
    Timeout,
    /// TLS failed.
    Tls(posthaste_tls::Error),
    /// The server let us in without proving that it knows us, as SCRAM wants it.
    Unproved,
    /// The server does not want us: it said no to the connection or to hello, or said 421.
    Unwelcome(Reply),
    /// The server said what makes no sense, too much, or something in clear where TLS had to start.
    Violation,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Lost(Some(error)) => write!(f, "the connection broke: {error}"),
            Self::Lost(None) => f.write_str("the server closed the connection"),
            Self::NoMechanism => f.write_str("the server offers no way to sign in"),
            Self::NoTls(None) => f.write_str("the server does not offer TLS"),
            Self::NoTls(Some(reply)) => write!(f, "the server does not start TLS: {reply}"),
            Self::Over => f.write_str("the session was over before"),
            Self::SignIn(reply) => write!(f, "the server refused the sign-in: {reply}"),
            Self::Source(error) => write!(f, "the message cannot be had: {error}"),
            Self::Timeout => f.write_str("waited too long"),
            Self::Tls(error) => error.fmt(f),
            Self::Unproved => f.write_str("the server could not prove who it is"),
            Self::Unwelcome(reply) => write!(f, "the server does not want us: {reply}"),
            Self::Violation => f.write_str("the server does not keep to the protocol"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) | Self::Lost(Some(error)) | Self::Source(error) => Some(error),
            Self::Tls(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoTls => Self::NoTls(None),
            // Nobody introduces a client's server.
            Fault::Proxy => Self::Violation,
            Fault::Socket(error) => Self::Lost(Some(error)),
            Fault::Timeout => Self::Timeout,
            Fault::Tls(error) => Self::Tls(error),
        }
    }
}

impl From<Error> for Refusal {
    /// For servers that pass messages on: `451 4.4.1` or `451 4.4.2`, RFC 3463 §3.5. Whose fault it is, is not
    /// told.
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "the next server cannot be used; the peer is told to try again");
        match error {
            Error::Connect(_) => Reply::constant(
                451,
                Enhanced(4, 4, 1),
                "The next server does not answer, try again later",
            )
            .into(),
            _ => cut_off().into(),
        }
    }
}

/// A response of the server, kept: without the enhanced code in front of each line, which the reply has.
pub(super) fn keep(response: Response<'_>) -> Reply {
    let enhanced = response.enhanced();
    let prefix = enhanced.map(|enhanced| enhanced.to_string()).unwrap_or_default();
    let mut text = String::new();
    for line in response.lines().take(REPLY_LINES) {
        let line = line.as_bytes();
        let rest = line.strip_prefix(prefix.as_bytes()).unwrap_or(line);
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&posthaste_core::text::Text(rest.trim_ascii()).to_string());
    }
    match enhanced {
        Some(enhanced) => Reply::new(response.code(), enhanced, text),
        None => Reply::bare(response.code(), text),
    }
}

/// What a server tells its peer of a message that the next server cannot take. RFC 3463 §3.4, §3.7.
fn unfit(why: Why) -> Reply {
    let (code, enhanced, text) = match why {
        Why::Binary | Why::EightBit => {
            (554, Enhanced(5, 6, 3), "The next server does not take such octets")
        }
        Why::DeliverBy | Why::FutureRelease => {
            (554, Enhanced(5, 3, 3), "The next server does not keep to such times")
        }
        // RFC 8689 §5.
        Why::RequireTls => (554, Enhanced(5, 7, 30), "The next server does not keep to REQUIRETLS"),
        Why::Recipients => (452, Enhanced(4, 5, 3), "Too many recipients for the next server"),
        Why::Size => (552, Enhanced(5, 3, 4), "The message is too big for the next server"),
        // RFC 6531 §3.5.
        Why::SmtpUtf8 => (553, Enhanced(5, 6, 7), "The next server does not take SMTPUTF8"),
        _ => return cut_off(),
    };
    Reply::constant(code, enhanced, text)
}

const fn cut_off() -> Reply {
    Reply::constant(451, Enhanced(4, 4, 2), "The next server cannot be used now, try again later")
}
