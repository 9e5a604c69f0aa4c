//! What a server machine reports and asks, and what answers it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::limit::Limit;
use crate::grammar::address::{ForwardPath, ReversePath};
use crate::machine::{Ask, End, Question, TlsFacts, answers};
use crate::sasl::{
    self, Certificate, Credentials, Failure, Found, Grant, Identity, Mechanism, Token, Verdict,
};
use crate::smtp::Smtp;
use crate::smtp::extension::{
    BodyKind, DeliverBy, Notify, OriginalRecipient, Priority, Release, Ret, Submitter, Xtext,
};
use crate::smtp::reply::Reply;
use crate::text::Text;

/// What happened in a session, in the order it happened.
///
/// Each line of the peer shows up in exactly one event; octets of messages are runs.
///
/// A transaction begins when [`Mail`](Self::Mail) was accepted. It ends with the answer to
/// [`BodyEnd`](Self::BodyEnd), with [`BodyLost`](Self::BodyLost), [`Reset`](Self::Reset),
/// [`Hello`](Self::Hello), [`Secured`](Self::Secured), [`Ended`](Self::Ended), or when
/// [`Data`](Self::Data) was refused: drop what was staged then.
pub enum Event<'i> {
    /// Somebody connected. Always the first event.
    Connected(Ask<Connect>),
    /// XCLIENT: a listed peer speaks for somebody else, who begins anew. May that one have a session?
    XClient(Ask<Connect>, Introduced<'i>),
    /// HELO, EHLO or LHLO: the peer's name for itself. Ends a transaction.
    Hello {
        /// Which of the three.
        verb: Hello,
        /// A domain or an address literal, as written: printable, without blanks and without what would end a
        /// comment or a word of a header field; else not checked.
        name: Text<'i>,
    },

    /// AUTH began, or a line of it came that leads to no other event. What it said is not shown.
    Auth(Mechanism),
    /// A name and a password in clear: are they right?
    SignIn(Ask<sasl::SignIn<Smtp>>, Credentials<'i>),
    /// SCRAM: what is needed to check this user's proof?
    Lookup(Ask<sasl::Lookup<Smtp>>, Identity),
    /// OAUTHBEARER or XOAUTH2: may whoever bears this token come in?
    Bearer(Ask<sasl::Bearer<Smtp>>, Token),
    /// EXTERNAL: may whoever holds the key of this TLS certificate come in?
    External(Ask<sasl::External<Smtp>>, Certificate),
    /// SCRAM: the peer has proved who it is, and was told. (After the other questions the answer
    /// says the same.)
    SignedIn {
        /// Whom it acts as.
        user: String,
    },
    /// The exchange failed; the peer was told.
    SignInFailed(Failure),

    /// MAIL: may this sender begin a transaction?
    Mail(Ask<Mail>, MailFrom<'i>),
    /// RCPT: may this recipient have it?
    Recipient(Ask<Recipient>, RcptTo<'i>),
    /// DATA or the first BDAT, with at least one accepted recipient: is the message welcome?
    Data(Ask<Data>, Transfer),
    /// Another BDAT; in LMTP also the last one of a message that no recipient was accepted for.
    Chunk(Transfer),
    /// Octets of the message, as they are to be kept: no dots were stuffed, lines end with CR LF.
    Body(Text<'i>),
    /// The message is whole: what became of it? Accept only what is durable.
    BodyEnd(Ask<Delivery>, Received),
    /// The message is of no use, and the peer was told: drop what was staged.
    BodyLost(Defect),
    /// Octets of a message that nobody wants: it was refused or spoiled before.
    Skipped(Text<'i>),

    /// RSET. Ends a transaction.
    Reset,
    /// VRFY: is there such a user? (RFC 5321 §3.5.3 allows to say `252`, which is the refusal.)
    Verify(Ask<Verify>, Query<'i>),
    /// EXPN, where [`Config::expn`](super::Config::expn) is set: who is on this list?
    Expand(Ask<Expand>, Query<'i>),
    /// HELP, with what was asked.
    Help(Text<'i>),
    /// NOOP, with what it said.
    Noop(Text<'i>),
    /// STARTTLS: TLS starts when the reply has left.
    StartTls,
    /// TLS is up. What was said before must be forgotten; the peer says EHLO again.
    Secured(TlsFacts),
    /// QUIT.
    Quit,
    /// A line that the machine refused by itself.
    Bad {
        /// The line without its end; only its beginning if it was over the limit, only command and mechanism if
        /// it was AUTH.
        line: Text<'i>,
        /// What the peer was told.
        code: u16,
        /// Why, in the words the peer was told.
        why: &'static str,
    },
    /// A limit was reached, and the peer was told, or is no more: for counting.
    Limited(Limit),
    /// It is over. Always the last event.
    Ended(End),
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(_) => f.write_str("Connected"),
            Self::XClient(_, whom) => write!(f, "XClient {whom:?}"),
            Self::Hello { verb, name } => write!(f, "Hello {verb} {name:?}"),
            Self::Auth(mechanism) => write!(f, "Auth {mechanism}"),
            Self::SignIn(_, credentials) => write!(f, "SignIn {credentials:?}"),
            Self::Lookup(_, identity) => write!(f, "Lookup {identity:?}"),
            Self::Bearer(_, token) => write!(f, "Bearer {token:?}"),
            Self::External(_, certificate) => write!(f, "External {certificate:?}"),
            Self::SignedIn { user } => write!(f, "SignedIn {user:?}"),
            Self::SignInFailed(why) => write!(f, "SignInFailed {why}"),
            Self::Mail(_, from) => write!(f, "Mail {from:?}"),
            Self::Recipient(_, to) => write!(f, "Recipient {to:?}"),
            Self::Data(_, transfer) => write!(f, "Data {transfer:?}"),
            Self::Chunk(transfer) => write!(f, "Chunk {transfer:?}"),
            Self::Body(run) => write!(f, "Body {run:?}"),
            Self::BodyEnd(_, received) => write!(f, "BodyEnd {}", received.octets),
            Self::BodyLost(defect) => write!(f, "BodyLost {defect}"),
            Self::Skipped(run) => write!(f, "Skipped {run:?}"),
            Self::Reset => f.write_str("Reset"),
            Self::Verify(_, who) => write!(f, "Verify {who:?}"),
            Self::Expand(_, list) => write!(f, "Expand {list:?}"),
            Self::Help(what) => write!(f, "Help {what:?}"),
            Self::Noop(what) => write!(f, "Noop {what:?}"),
            Self::StartTls => f.write_str("StartTls"),
            Self::Secured(facts) => write!(f, "Secured {}", facts.version),
            Self::Quit => f.write_str("Quit"),
            Self::Bad { line, code, why } => write!(f, "Bad {line:?} {code} {why}"),
            Self::Limited(limit) => write!(f, "Limited {limit}"),
            Self::Ended(end) => write!(f, "Ended {end:?}"),
        }
    }
}

/// The three ways to say hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hello {
    /// SMTP with extensions.
    Ehlo,
    /// SMTP without.
    Helo,
    /// LMTP.
    Lhlo,
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Lhlo => "LHLO",
        })
    }
}

/// What XCLIENT said of somebody. What it did not say, or said to be unavailable, is not known; what was said
/// before holds no longer.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Introduced<'i> {
    /// `ADDR=`: its address.
    pub address: Option<IpAddr>,
    /// `PORT=`: its port.
    pub port: Option<u16>,
    /// `NAME=`: its name by DNS.
    pub name: Option<Xtext<'i>>,
    /// `HELO=`: its name for itself.
    pub hello: Option<Xtext<'i>>,
    /// `DESTADDR=`: where it connected to.
    pub to: Option<IpAddr>,
    /// `DESTPORT=`: the port it connected to.
    pub to_port: Option<u16>,
}

impl fmt::Debug for Introduced<'_> {
    /// As it stood in the command, in a fixed order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        let mut say = |word: &str, value: Option<&dyn fmt::Display>| {
            let Some(value) = value else { return Ok(()) };
            write!(f, "{blank}{word}={value}")?;
            blank = " ";
            Ok(())
        };
        let name = self.name.map(|name| Text(name.encoded()));
        let hello = self.hello.map(|name| Text(name.encoded()));
        say("ADDR", self.address.as_ref().map(|a| a as _))?;
        say("PORT", self.port.as_ref().map(|p| p as _))?;
        say("NAME", name.as_ref().map(|n| n as _))?;
        say("HELO", hello.as_ref().map(|n| n as _))?;
        say("DESTADDR", self.to.as_ref().map(|a| a as _))?;
        say("DESTPORT", self.to_port.as_ref().map(|p| p as _))
    }
}

/// What MAIL said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MailFrom<'i> {
    /// Who sends, for reports.
    pub path: ReversePath<'i>,
    /// `SIZE=`: the octets that will come, as far as the sender knows; within our limit.
    pub size: Option<u64>,
    /// `BODY=`.
    pub body: BodyKind,
    /// `SMTPUTF8`: addresses and header fields may be UTF-8.
    pub smtputf8: bool,
    /// `RET=`.
    pub ret: Option<Ret>,
    /// `ENVID=`: the sender's name for this transaction.
    pub envid: Option<Xtext<'i>>,
    /// `AUTH=`.
    pub auth: Option<Submitter<'i>>,
    /// `REQUIRETLS`: only hops with TLS may have it, RFC 8689.
    pub requiretls: bool,
    /// `MT-PRIORITY=`.
    pub priority: Option<Priority>,
    /// `HOLDFOR=` or `HOLDUNTIL=`.
    pub release: Option<Release>,
    /// `BY=`.
    pub by: Option<DeliverBy>,
}

impl fmt::Debug for MailFrom<'_> {
    /// As it stood in the command, parameters in a fixed order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        match self.body {
            BodyKind::SevenBit => {}
            BodyKind::EightBitMime => f.write_str(" BODY=8BITMIME")?,
            BodyKind::BinaryMime => f.write_str(" BODY=BINARYMIME")?,
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        match self.ret {
            None => {}
            Some(Ret::Full) => f.write_str(" RET=FULL")?,
            Some(Ret::Headers) => f.write_str(" RET=HDRS")?,
        }
        if let Some(envid) = self.envid {
            write!(f, " ENVID={}", Text(envid.encoded()))?;
        }
        match self.auth {
            None => {}
            Some(Submitter::Unknown) => f.write_str(" AUTH=<>")?,
            Some(Submitter::Named(name)) => write!(f, " AUTH={}", Text(name.encoded()))?,
        }
        if self.requiretls {
            f.write_str(" REQUIRETLS")?;
        }
        if let Some(priority) = self.priority {
            write!(f, " MT-PRIORITY={priority}")?;
        }
        if let Some(release) = self.release {
            write!(f, " {release}")?;
        }
        if let Some(by) = self.by {
            write!(f, " BY={by}")?;
        }
        Ok(())
    }
}

/// What RCPT said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RcptTo<'i> {
    /// Who is to get it.
    pub path: ForwardPath<'i>,
    /// `NOTIFY=`.
    pub notify: Option<Notify>,
    /// `ORCPT=`.
    pub orcpt: Option<OriginalRecipient<'i>>,
}

impl fmt::Debug for RcptTo<'_> {
    /// As it stood in the command, parameters in a fixed order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(orcpt) = self.orcpt {
            write!(f, " ORCPT={};{}", orcpt.kind, Text(orcpt.address.encoded()))?;
        }
        Ok(())
    }
}

/// What VRFY or EXPN asks about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Query<'i> {
    /// The user or list, as written: a name, an address, or a part of one.
    pub name: Text<'i>,
    /// The peer takes UTF-8 in the reply (RFC 6531 §3.7.4.2). Else a reply that has some is told as `252 2.6.8`.
    pub smtputf8: bool,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.name, if self.smtputf8 { " SMTPUTF8" } else { "" })
    }
}

/// How octets of a message come.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// BDAT: so many octets.
    Chunk {
        /// How many.
        octets: u64,
        /// Nothing follows them.
        last: bool,
    },
    /// DATA: lines, ended by a dot.
    Lines,
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk { octets, last: false } => write!(f, "{octets}"),
            Self::Chunk { octets, last: true } => write!(f, "{octets} LAST"),
            Self::Lines => f.write_str("lines"),
        }
    }
}

/// What is known of a message that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Octets that the `Body` events showed.
    pub octets: u64,
    /// Recipients that were accepted; LMTP wants a reply for each.
    pub recipients: u32,
}

/// Why a message is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Defect {
    /// A CR without LF, from strangers or over LMTP.
    BareCr,
    /// An LF without CR, from strangers or over LMTP.
    BareLf,
    /// A bare CR right before the CR LF that the last dot follows: other servers see no end there, so what
    /// follows may be message or command. The session ends.
    DoubtfulEnd,
    /// A line over the limit.
    LongLine,
    /// A NUL.
    Nul,
    /// More octets than the limit.
    TooBig,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareCr => "bare CR",
            Self::BareLf => "bare LF",
            Self::DoubtfulEnd => "doubtful end",
            Self::LongLine => "line too long",
            Self::Nul => "NUL",
            Self::TooBig => "too big",
        })
    }
}

/// May this peer have a session?
#[derive(Debug)]
pub enum Connect {}

/// May this sender begin a transaction? The refusal is `451 4.3.0`.
#[derive(Debug)]
pub enum Mail {}

/// May this recipient have the message?
#[derive(Debug)]
pub enum Recipient {}

/// Is the message welcome? A refusal ends the transaction before the message is sent.
#[derive(Debug)]
pub enum Data {}

/// What became of the message?
#[derive(Debug)]
pub enum Delivery {}

/// Is there such a user?
#[derive(Debug)]
pub enum Verify {}

/// Who is on this list? The refusal tells nobody.
#[derive(Debug)]
pub enum Expand {}

impl Question for Connect {
    type Protocol = Smtp;
    type Answer = Admission;

    fn refusal() -> Admission {
        Admission::Refuse(Reply::constant(
            421,
            crate::smtp::reply::Enhanced(4, 3, 2),
            "Too busy, try again later",
        ))
    }
}

impl Question for Mail {
    type Protocol = Smtp;
    type Answer = Decision;

    fn refusal() -> Decision {
        Decision::Refuse(Reply::later())
    }
}

impl Question for Recipient {
    type Protocol = Smtp;
    type Answer = Decision;

    fn refusal() -> Decision {
        Decision::Refuse(Reply::later())
    }
}

impl Question for Data {
    type Protocol = Smtp;
    type Answer = Decision;

    fn refusal() -> Decision {
        Decision::Refuse(Reply::later())
    }
}

impl Question for Delivery {
    type Protocol = Smtp;
    type Answer = Outcome;

    fn refusal() -> Outcome {
        Outcome::All(Reply::later())
    }
}

impl Question for Verify {
    type Protocol = Smtp;
    type Answer = Reply;

    fn refusal() -> Reply {
        Reply::constant(
            252,
            crate::smtp::reply::Enhanced(2, 5, 2),
            "Cannot verify the user, but will take mail and try to deliver it",
        )
    }
}

impl Question for Expand {
    type Protocol = Smtp;
    type Answer = Reply;

    /// RFC 5321 §3.5.1 and §7.3: a site that keeps its lists to itself says neither yes nor no.
    fn refusal() -> Reply {
        Reply::constant(
            252,
            crate::smtp::reply::Enhanced(2, 5, 2),
            "Cannot say who is on a list, but will take mail and try to deliver it",
        )
    }
}

/// The answer to [`Connect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Come in.
    Accept,
    /// Go away: with 421 (later), and the connection is closed; or with 554 (never), and the peer has as long as a
    /// [`Strained`](Self::Strained) session to say QUIT, RFC 5321 §3.1.
    Refuse(Reply),
    /// Come in, but there is much to do: the limits are [`Config::strained`](super::Config::strained).
    Strained,
}

/// The answer to [`Mail`], [`Recipient`] and [`Data`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; the machine has the words.
    Accept,
    /// No, with the words to say: 4xx or 5xx. A 421 ends the session after it was said.
    Refuse(Reply),
}

/// The answer to [`Delivery`]. A positive reply means that the message is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One reply for all; LMTP repeats it for every recipient.
    All(Reply),
    /// LMTP: a reply for each accepted recipient in the order of their RCPT. If there are too few the
    /// rest is told `451 4.3.0`. In SMTP the worst of them is said.
    Each(Vec<Reply>),
}

impl Outcome {
    /// The message was taken, for all its recipients: `250 2.0.0`, with a text that says as what.
    pub fn taken(text: impl Into<Cow<'static, str>>) -> Self {
        Self::All(Reply::taken(text))
    }
}

/// Every answer to a server machine.
#[derive(Debug)]
pub enum Answer {
    /// To [`Connect`].
    Admission(Admission),
    /// To [`Mail`], [`Recipient`] and [`Data`].
    Decision(Decision),
    /// To [`sasl::Lookup`].
    Found(Found),
    /// To [`sasl::Bearer`].
    Grant(Grant),
    /// To [`Delivery`].
    Outcome(Outcome),
    /// To [`Verify`] and [`Expand`].
    Reply(Reply),
    /// To [`sasl::SignIn`] and [`sasl::External`].
    Verdict(Verdict),
}

answers!(Admission, Decision, Found, Grant, Outcome, Reply, Verdict);
