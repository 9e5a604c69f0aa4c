//! What a client machine reports and asks, and what answers it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::response::{Offer, Response};
use crate::grammar::address::Address;
use crate::machine::{Ask, End, Question, TlsFacts, answers};
use crate::sasl::Mechanism;
use crate::sasl::client::{Account, Exchange};
use crate::smtp::SmtpClient;
use crate::smtp::extension::{BodyKind, DeliverBy, Notify, Priority, Release, Ret};
use crate::smtp::reply::Enhanced;

/// What happened in a session, in the order it happened. Each reply of the server shows up in exactly
/// one event.
pub enum Event<'i> {
    /// The server's first words.
    Greeted(Response<'i>),
    /// The reply to EHLO, LHLO or HELO, and what it offers.
    Hello(Response<'i>, Offer),
    /// The reply to STARTTLS.
    StartTls(Response<'i>),
    /// TLS is up.
    Secured(TlsFacts),
    /// A challenge of a sign-in; what it says is not shown.
    Challenge(Mechanism),
    /// The sign-in succeeded.
    SignedIn(Response<'i>),
    /// The sign-in failed. The machine gives up; after [`Order::SignIn`] `Ready` follows.
    SignInFailed(Response<'i>),
    /// The machine gives up by itself, and says QUIT.
    GaveUp(Why),

    /// Nothing is going on: what next?
    Ready(Ask<Next>),
    /// What was ordered was not even begun, because the server cannot do it. `Ready` follows, or `Open` where
    /// that asked.
    NotSent(Why),
    /// The reply to NOOP. `Ready` follows.
    Noop(Response<'i>),
    /// The reply to MAIL.
    Sender(Response<'i>),
    /// The reply to RCPT of the recipient with this number, counted from 0.
    Recipient(u32, Response<'i>),
    /// The transaction that [`Order::Open`] began waits, everything in it being answered: go on how?
    Open(Ask<Open>),
    /// The reply to DATA.
    Data(Response<'i>),
    /// The next octets of the message?
    Source(Ask<Source>),
    /// The reply to a chunk that was not the last, or to one behind a chunk that was refused. The first refusal is
    /// what became of the message; others follow from it, since what had left already is out of order then.
    Chunk(Response<'i>),
    /// The reply to the message. With a number: in LMTP, for the recipient of this number.
    Delivery(Option<u32>, Response<'i>),
    /// The reply to a message that was cut short, since no recipient was accepted; to RSET; and a yes in the middle of
    /// a message, which nothing was to be said to yet and which ends the session.
    Reset(Response<'i>),
    /// The transaction is over, successful or not. `Ready` follows.
    Finished,
    /// The reply to QUIT.
    Quit(Response<'i>),
    /// It is over. Always the last event. What was not reported until now did not happen, as far as we
    /// know.
    Ended(End),
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greeted(response) => write!(f, "Greeted {response}"),
            Self::Hello(response, _) => write!(f, "Hello {response}"),
            Self::StartTls(response) => write!(f, "StartTls {response}"),
            Self::Secured(facts) => write!(f, "Secured {}", facts.version),
            Self::Challenge(mechanism) => write!(f, "Challenge {mechanism}"),
            Self::SignedIn(response) => write!(f, "SignedIn {response}"),
            Self::SignInFailed(response) => write!(f, "SignInFailed {response}"),
            Self::GaveUp(why) => write!(f, "GaveUp {why}"),
            Self::Ready(_) => f.write_str("Ready"),
            Self::NotSent(why) => write!(f, "NotSent {why}"),
            Self::Noop(response) => write!(f, "Noop {response}"),
            Self::Sender(response) => write!(f, "Sender {response}"),
            Self::Recipient(number, response) => write!(f, "Recipient {number} {response}"),
            Self::Open(_) => f.write_str("Open"),
            Self::Data(response) => write!(f, "Data {response}"),
            Self::Source(_) => f.write_str("Source"),
            Self::Chunk(response) => write!(f, "Chunk {response}"),
            Self::Delivery(None, response) => write!(f, "Delivery {response}"),
            Self::Delivery(Some(number), response) => write!(f, "Delivery {number} {response}"),
            Self::Reset(response) => write!(f, "Reset {response}"),
            Self::Finished => f.write_str("Finished"),
            Self::Quit(response) => write!(f, "Quit {response}"),
            Self::Ended(end) => write!(f, "Ended {end:?}"),
        }
    }
}

/// Why the machine does not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The octets may be anything, and the server does not offer BINARYMIME (RFC 3030 §3).
    Binary,
    /// It shall come back if it is late, and the server does not promise that (RFC 2852 §4.1).
    DeliverBy,
    /// The message is 8-bit, and the server does not offer 8BITMIME (RFC 6152 §3).
    EightBit,
    /// It shall not be released now, and the server does not hold messages, or not for so long (RFC 4865 §4).
    FutureRelease,
    /// The server offers no mechanism that we may use.
    NoMechanism,
    /// The server did not offer TLS, or refused it.
    NoTls,
    /// There is no recipient, or there are more than the server takes at a time (RFC 9422 §4.2).
    Recipients,
    /// Only hops with TLS may have it, and here is none, or one that nobody vouches for, or the server does
    /// not offer REQUIRETLS (RFC 8689 §4.2.1).
    RequireTls,
    /// The message is bigger than the server takes.
    Size,
    /// An address wants SMTPUTF8, and the server does not offer it.
    SmtpUtf8,
    /// The server takes no more messages in this session (RFC 9422 §4.1).
    Transactions,
    /// The server let us in without proving that it knows us.
    Unproved,
    /// The server does not want us.
    Unwelcome,
}

impl Why {
    /// The enhanced status code that tells a sender the same. Class 4: another session or another server may
    /// take the message; class 5: this server never will.
    #[must_use]
    pub const fn enhanced(self) -> Enhanced {
        match self {
            Self::Binary | Self::EightBit => Enhanced(5, 6, 3),
            Self::DeliverBy => Enhanced(5, 4, 7),
            Self::FutureRelease => Enhanced(5, 5, 4),
            Self::NoMechanism => Enhanced(4, 7, 4),
            Self::NoTls => Enhanced(4, 7, 10),
            Self::Recipients => Enhanced(4, 5, 3),
            Self::RequireTls => Enhanced(5, 7, 30),
            Self::Size => Enhanced(5, 3, 4),
            Self::SmtpUtf8 => Enhanced(5, 6, 7),
            Self::Transactions => Enhanced(4, 3, 2),
            Self::Unproved => Enhanced(4, 7, 8),
            Self::Unwelcome => Enhanced(4, 3, 2),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "the server does not take binary messages",
            Self::DeliverBy => "the server does not promise to return the message in time",
            Self::EightBit => "the server does not take 8-bit messages",
            Self::FutureRelease => "the server does not hold messages, or not for so long",
            Self::NoMechanism => "the server offers no way to sign in",
            Self::NoTls => "the server does not start TLS",
            Self::Recipients => "there is no recipient, or there are more than the server takes",
            Self::RequireTls => "the message requires TLS, and this server cannot vouch for it",
            Self::Size => "the message is bigger than the server takes",
            Self::SmtpUtf8 => "the server does not take internationalized addresses",
            Self::Transactions => "the server takes no more messages in this session",
            Self::Unproved => "the server could not prove who it is",
            Self::Unwelcome => "the server does not want us",
        })
    }
}

/// One message's envelope.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Who sends; nobody for reports.
    pub sender: Option<Address>,
    /// Who is to get it. At least one.
    pub recipients: Vec<Recipient>,
    /// Octets of the message, if they are known; told by SIZE.
    pub size: Option<u64>,
    /// What its octets may be. A server that cannot take them does not get them, unless
    /// [`Config::eight_bit_anyway`](super::Config::eight_bit_anyway) says so.
    pub body: BodyKind,
    /// Its header fields are UTF-8, so that SMTPUTF8 is needed whatever the addresses are.
    pub smtputf8: bool,
    /// `RET=`, told if the server knows DSN.
    pub ret: Option<Ret>,
    /// `ENVID=`, not encoded, printable ASCII of 100 octets at most; else left out. Told if the server knows DSN.
    pub envid: Option<Box<str>>,
    /// `AUTH=`, not encoded: who submitted it first. What is no mailbox means that nobody knows. Told if the server
    /// knows AUTH.
    pub auth: Option<Box<str>>,
    /// `REQUIRETLS`: it goes under TLS, with a certificate that was verified, to servers that offer it; or
    /// not at all.
    pub requiretls: bool,
    /// `MT-PRIORITY=`, told if the server knows it.
    pub priority: Option<Priority>,
    /// `HOLDFOR=` or `HOLDUNTIL=`: it goes to servers that hold it so long, or not at all.
    pub release: Option<Release>,
    /// `BY=`. Where it shall come back if it is late, it goes to servers that promise that, or not at all; else
    /// it is told if the server knows it.
    pub by: Option<DeliverBy>,
}

/// One recipient.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its address.
    pub address: Address,
    /// `NOTIFY=`, told if the server knows DSN.
    pub notify: Option<Notify>,
    /// `ORCPT=`, as `kind;address` not encoded, printable ASCII and encoded within 500 octets; else left out. Told
    /// if the server knows DSN.
    pub orcpt: Option<Box<str>>,
}

impl From<Address> for Recipient {
    fn from(address: Address) -> Self {
        Self { address, notify: None, orcpt: None }
    }
}

/// What is to be done next? The refusal is QUIT.
#[derive(Debug)]
pub enum Next {}

/// How does the open transaction go on? The refusal takes it back.
#[derive(Debug)]
pub enum Open {}

/// What are the next octets of the message?
#[derive(Debug)]
pub enum Source {}

impl Question for Next {
    type Protocol = SmtpClient;
    type Answer = Order;

    fn refusal() -> Order {
        Order::Quit
    }
}

impl Question for Open {
    type Protocol = SmtpClient;
    type Answer = Step;

    fn refusal() -> Step {
        Step::Reset
    }
}

impl Question for Source {
    type Protocol = SmtpClient;
    type Answer = Piece;

    fn refusal() -> Piece {
        Piece::Abort
    }
}

/// The answer to [`Next`].
#[derive(Clone, Debug)]
pub enum Order {
    /// Say NOOP: is the server still there?
    Noop,
    /// Begin a transaction that stays open: its envelope, which need not have recipients yet, is told and
    /// [`Event::Open`] asks how to go on. For programs that pass on each answer before they know what comes
    /// next.
    Open(Box<Envelope>),
    /// Say goodbye.
    Quit,
    /// Send a message.
    Send(Box<Envelope>),
    /// Sign in now, for programs that ask who somebody is after they saw what the server offers. A server
    /// takes one sign-in a session (RFC 4954 §4).
    SignIn(Box<SignIn>),
}

/// Who signs in by [`Order::SignIn`].
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The account.
    pub account: Account,
    /// Fresh randomness, for this exchange only; SCRAM uses it.
    pub nonce: [u8; Exchange::NONCE],
}

/// The answer to [`Open`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Send the message to the recipients that were accepted. If there are none, as [`Reset`](Self::Reset).
    Deliver,
    /// Another recipient.
    Recipient(Box<Recipient>),
    /// Take the transaction back: RSET.
    Reset,
}

/// The answer to [`Source`]: octets of the message, in pieces of any size, cut anywhere. Its lines
/// leave with CR LF whatever they end with: CR LF, a bare CR or a bare LF. A NUL leaves as it is, for the server to
/// refuse.
#[derive(Clone, Debug)]
pub enum Piece {
    /// The message cannot be had: the connection is dropped, so that the server does not take half of it.
    Abort,
    /// These, and nothing more.
    Last(Bytes),
    /// These, and there are more.
    More(Bytes),
}

/// Every answer to a client machine.
#[derive(Debug)]
pub enum Answer {
    /// To [`Next`].
    Order(Order),
    /// To [`Source`].
    Piece(Piece),
    /// To [`Open`].
    Step(Step),
}

answers!(Order, Piece, Step);
