//! What a server asks a program.

use std::future::{Future, ready};

use posthaste_core::machine::{End, Question};
use posthaste_core::sasl::{Certificate, Credentials, Found, Identity, Token, Verdict};
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::event::{self, Query};
use posthaste_core::smtp::server::{Admission, Event, Outcome};

use super::body::Body;
use super::refusal::Refusal;
use super::transaction::{Peer, Transaction};
use crate::answerer::Access;

/// Answers the questions of one SMTP, submission or LMTP session. Each method has a default that is safe:
/// as it stands a handler takes no mail, signs nobody in, and tells nobody who its users are.
///
/// Write the methods as `async fn`:
/// ```
/// use posthaste_tokio::smtp::{Body, Handler, Outcome, Recipient, Refusal, Transaction};
///
/// #[derive(Clone)]
/// struct Keeper;
///
/// impl Handler for Keeper {
///     async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
///         if to.address.host() == "example.test" { Ok(()) } else { Err(Refusal::relay()) }
///     }
///
///     async fn message(
///         &mut self,
///         transaction: &Transaction,
///         body: &mut Body<'_>,
///     ) -> Result<Outcome, Refusal> {
///         let message = body.to_vec(1 << 20).await?;
///         println!("{:?}: {} octets", transaction.envelope.sender, message.len());
///         Ok(Outcome::taken("Seen"))
///     }
/// }
/// ```
///
/// A handler is made for each session, and is its state. Its methods are called in the order of the
/// session, one at a time; none is called before the one before it is done, and meanwhile nothing is read
/// from the peer.
///
/// A method's future is dropped, and its question refused, when it takes longer than
/// [`Limits::answer_wait`](posthaste_core::smtp::server::Limits::answer_wait) (where mail is submitted, 115 seconds
/// at most) without asking the body for more;
/// when the connection breaks; and when the server stops and the time to finish is up. So what must be done
/// to its end belongs into a task of its own. A peer that only closed its side of the connection may still
/// wait for replies, so that is no reason to drop anything. A panic ends the session of this handler, and
/// no other.
pub trait Handler: Send {
    /// May this peer have a session? Default: yes, and a [strained](Peer::strained) one has to be quick.
    fn connected(&mut self, peer: &Peer) -> impl Future<Output = Admission> + Send {
        ready(if peer.strained { Admission::Strained } else { Admission::Accept })
    }

    /// The peer has said hello, by the name in [`Peer::hello`]. There is no saying no here; do so in
    /// [`mail`](Self::mail). Default: nothing.
    fn hello(&mut self, peer: &Peer) -> impl Future<Output = ()> + Send {
        let _ = peer;
        ready(())
    }

    /// Are this name and password right? Asked by the mechanisms PLAIN and LOGIN, which are offered if
    /// [`Config::mechanisms`](posthaste_core::smtp::server::Config::mechanisms) lists them. The credentials
    /// are prepared by SASLprep. Default: no.
    fn sign_in(
        &mut self,
        peer: &Peer,
        credentials: &Credentials<'_>,
    ) -> impl Future<Output = Verdict> + Send {
        let _ = (peer, credentials);
        ready(Verdict::Rejected)
    }

    /// What is needed to check the proof of this user? Asked by SCRAM, if it is among the mechanisms.
    /// Default: nobody knows now.
    fn lookup(&mut self, peer: &Peer, identity: &Identity) -> impl Future<Output = Found> + Send {
        let _ = (peer, identity);
        ready(Found::Unavailable)
    }

    /// May whoever bears this token come in, and as whom? Asked by OAUTHBEARER and XOAUTH2, if they are among
    /// the mechanisms. One that is [empty](Token::is_empty) only asks which token is wanted, and is let in by no
    /// answer. Default: no.
    fn bearer(&mut self, peer: &Peer, token: &Token) -> impl Future<Output = Access> + Send {
        let _ = (peer, token);
        ready(Access::Rejected)
    }

    /// May whoever holds the key of this TLS certificate come in, and as whom? Nothing but the key was checked.
    /// Asked by EXTERNAL, if it is among the mechanisms and TLS asked for a certificate. Default: no.
    fn certificate(
        &mut self,
        peer: &Peer,
        certificate: &Certificate,
    ) -> impl Future<Output = Access> + Send {
        let _ = (peer, certificate);
        ready(Access::Rejected)
    }

    /// MAIL: may this sender begin a transaction? The transaction has no recipients yet. Default: yes.
    fn mail(
        &mut self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), Refusal>> + Send {
        let _ = transaction;
        ready(Ok(()))
    }

    /// RCPT: may this recipient have it? Say yes only to recipients that are yours, or that this peer may
    /// send to: a server that says yes to all is an open relay. Default: no (`550 5.7.1`).
    fn recipient(
        &mut self,
        transaction: &Transaction,
        recipient: &Recipient,
    ) -> impl Future<Output = Result<(), Refusal>> + Send {
        let _ = (transaction, recipient);
        ready(Err(Refusal::relay()))
    }

    /// DATA or the first BDAT, with at least one recipient: is the message welcome? Default: yes.
    fn data(
        &mut self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), Refusal>> + Send {
        let _ = transaction;
        ready(Ok(()))
    }

    /// The message comes: take it, and say what became of it.
    ///
    /// A positive outcome makes the message yours: say it when the message is durable, or was passed on
    /// (RFC 5321 §4.2.5). It counts only if the body was read to its end. In LMTP
    /// [`Outcome::Each`] has a reply for each of the envelope's recipients, in their order; [`Outcome::All`]
    /// and a refusal are for all. What is said of a message that is [lost](super::Lost) is not heard.
    ///
    /// Default: nothing is taken (`451 4.3.0`).
    fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> impl Future<Output = Result<Outcome, Refusal>> + Send {
        let _ = (transaction, body);
        ready(Err(Refusal::later()))
    }

    /// The transaction is over without [`message`](Self::message) having been called: the peer took it back,
    /// or you refused its data. Default: nothing.
    fn reset(&mut self, transaction: &Transaction) {
        let _ = transaction;
    }

    /// VRFY: is there such a user? Default: `252`, which says nothing (RFC 5321 §3.5.3).
    fn verify(&mut self, peer: &Peer, query: &Query<'_>) -> impl Future<Output = Reply> + Send {
        let _ = (peer, query);
        ready(event::Verify::refusal())
    }

    /// EXPN: who is on this list? Default: `252`, which says nothing.
    fn expand(&mut self, peer: &Peer, query: &Query<'_>) -> impl Future<Output = Reply> + Send {
        let _ = (peer, query);
        ready(event::Expand::refusal())
    }

    /// Anything happened: for logs. Called before the method that answers it, if there is one; not while a
    /// message is coming in. Events never print a password. Default: nothing.
    fn observe(&mut self, peer: &Peer, event: &Event<'_>) {
        let _ = (peer, event);
    }

    /// The session is over; the handler is dropped next. Not called if it panicked. Default: nothing.
    fn ended(&mut self, peer: &Peer, how: End) {
        let _ = (peer, how);
    }
}
