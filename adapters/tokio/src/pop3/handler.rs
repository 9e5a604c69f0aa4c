//! What a server asks a program.

use std::future::{Future, ready};

use posthaste_core::machine::{End, Question};
use posthaste_core::pop3::Deletions;
use posthaste_core::pop3::server::{
    Admission, Event, Opened, Piece, Source, Update, Updated, Wanted,
};
use posthaste_core::sasl::{Certificate, Credentials, Found, Identity, Token, Verdict};

use crate::answerer::Access;
use crate::host::Peer;

/// Answers the questions of one POP3 session. Each method has a default that is safe: as it stands a handler
/// signs nobody in, shows no mail and deletes none.
///
/// ```
/// use std::sync::Arc;
/// use posthaste_tokio::pop3::{
///     Credentials, Handler, Maildrop, Opened, Peer, Piece, Uid, Verdict, Wanted,
/// };
///
/// /// One message, for everybody who knows the word.
/// #[derive(Clone)]
/// struct OneMessage;
///
/// impl Maildrop for OneMessage {
///     fn count(&self) -> u32 { 1 }
///     fn size(&self, _: u32) -> u64 { 18 }
///     fn uid(&self, _: u32, uid: &mut Uid<'_>) { uid.push(b"first") }
/// }
///
/// impl Handler for OneMessage {
///     async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
///         match credentials.password().expose() {
///             b"sesame" => Verdict::Accepted,
///             _ => Verdict::Rejected,
///         }
///     }
///
///     async fn open(&mut self, _: &Peer) -> Opened {
///         Opened::Ready(Arc::new(self.clone()))
///     }
///
///     async fn retrieve(&mut self, _: Wanted, _: Option<u64>) -> Piece {
///         Piece::Last("Subject: hello\r\n\r\n".into())
///     }
/// }
/// ```
///
/// A handler is made for each session, and is its state; its methods are called one at a time, and meanwhile
/// nothing is read from the peer. A method's future is dropped, and its question refused, when it takes longer than
/// [`Limits::answer_wait`](posthaste_core::pop3::server::Limits::answer_wait), when the connection breaks, and when
/// the server stops and the time to finish is up. A panic ends the session of this handler, and no other.
pub trait Handler: Send {
    /// May this peer have a session? Default: yes.
    fn connected(&mut self, peer: &Peer) -> impl Future<Output = Admission> + Send {
        let _ = peer;
        ready(Admission::Accept)
    }

    /// Are this name and password right? Asked by PASS and by the mechanisms PLAIN and LOGIN. The credentials
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

    /// May whoever bears this token come in, and as whom? Asked by OAUTHBEARER and XOAUTH2. One that is
    /// [empty](Token::is_empty) only asks which token is wanted, and is let in by no answer. Default: no.
    fn bearer(&mut self, peer: &Peer, token: &Token) -> impl Future<Output = Access> + Send {
        let _ = (peer, token);
        ready(Access::Rejected)
    }

    /// May whoever holds the key of this TLS certificate come in, and as whom? Asked by EXTERNAL. Default: no.
    fn certificate(
        &mut self,
        peer: &Peer,
        certificate: &Certificate,
    ) -> impl Future<Output = Access> + Send {
        let _ = (peer, certificate);
        ready(Access::Rejected)
    }

    /// What is in the maildrop of [`Peer::user`]? The lock is taken now, and let go when the session has
    /// [`ended`](Self::ended). Default: it cannot be opened now.
    fn open(&mut self, peer: &Peer) -> impl Future<Output = Opened> + Send {
        let _ = peer;
        ready(Opened::Unavailable)
    }

    /// RETR and TOP: the first octets of this message, of which `lines` lines of the body are wanted, or all. For
    /// TOP you may give all of it as well. Default: it cannot be read now.
    fn retrieve(
        &mut self,
        wanted: Wanted,
        lines: Option<u64>,
    ) -> impl Future<Output = Piece> + Send {
        let _ = (wanted, lines);
        ready(Source::refusal())
    }

    /// The next octets of the message that [`retrieve`](Self::retrieve) began. It may not be asked for to
    /// its end. Default: they cannot be read now.
    fn more(&mut self) -> impl Future<Output = Piece> + Send {
        ready(Source::refusal())
    }

    /// QUIT: delete these messages, durably, and let the lock go. Without this question nothing is deleted
    /// (RFC 1939 §6). Default: they cannot be deleted now.
    fn update(&mut self, deletions: &Deletions) -> impl Future<Output = Updated> + Send {
        let _ = deletions;
        ready(Update::refusal())
    }

    /// Anything happened: for logs. Called before the method that answers it, if there is one. Default:
    /// nothing.
    fn observe(&mut self, peer: &Peer, event: &Event<'_>) {
        let _ = (peer, event);
    }

    /// The session is over; the handler is dropped next. Default: nothing.
    fn ended(&mut self, peer: &Peer, how: End) {
        let _ = (peer, how);
    }
}
