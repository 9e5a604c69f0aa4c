//! What a server asks a program.

use std::future::{Future, ready};

use posthaste_core::imap::command::{Append as Head, Command};
use posthaste_core::imap::response::{Mode, Reply};
use posthaste_core::imap::server::{Admission, Allowed, Append, Context, Decision, Event, Update};
use posthaste_core::machine::{End, Question};
use posthaste_core::sasl::{Certificate, Credentials, Found, Identity, Token, Verdict};

use crate::answerer::Access;
use crate::connection::Poker;
use crate::host::Peer;

/// Answers the questions of one IMAP session. Each method has a default that refuses: as it stands a handler
/// signs nobody in, shows no mail and takes none.
///
/// The machine speaks the protocol: it parses, keeps states and limits, streams APPEND, and handles
/// AUTHENTICATE, CAPABILITY, CHECK, ENABLE, ID, IDLE, LOGIN, LOGOUT, NOOP and STARTTLS by itself. A handler has
/// the mailboxes:
/// ```
/// use posthaste_tokio::imap::{
///     Code, Command, Context, Credentials, Handler, Peer, Reply, Responses, Verdict,
/// };
///
/// /// An empty INBOX for everybody who knows the word.
/// struct Empty;
///
/// impl Handler for Empty {
///     async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
///         match credentials.password().expose() {
///             b"sesame" => Verdict::Accepted,
///             _ => Verdict::Rejected,
///         }
///     }
///
///     async fn command(&mut self, _: &Peer, context: Context<'_>, command: Command<'_>) -> Reply {
///         let mut out = Responses::with(context.mode);
///         match command {
///             Command::Select(select) if select.mailbox.is_inbox() => {
///                 out.flags([]).exists(0).note(&Code::UidValidity(1), "Always");
///                 out.ok("It is empty")
///             }
///             Command::Select(_) => out.no(Code::NonExistent, "There is INBOX only"),
///             _ => out.no(Code::Cannot, "Not here"),
///         }
///     }
/// }
/// ```
///
/// A handler is made for each session, and is its state; its methods are called one at a time, and meanwhile
/// nothing is read from the peer. A method's future is dropped, and its question refused, when it takes longer than
/// [`Limits::answer_wait`](posthaste_core::imap::server::Limits::answer_wait), when the connection breaks, and when
/// the server stops and the time to finish is up. A panic ends the session of this handler, and no other.
pub trait Handler: Send {
    /// The session begins. Whoever changes its mailbox elsewhere pokes it by this, also while the client idles;
    /// then [`sync`](Self::sync) is asked. Default: nothing.
    fn begins(&mut self, peer: &Peer, poker: Poker) {
        let _ = (peer, poker);
    }

    /// May this peer have a session? Default: yes.
    fn connected(&mut self, peer: &Peer) -> impl Future<Output = Admission> + Send {
        let _ = peer;
        ready(Admission::Accept)
    }

    /// Are this name and password right? Asked by LOGIN and by the mechanisms PLAIN and LOGIN. The credentials
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

    /// What does this command do? It is one about mailboxes or messages, and the client has signed in. Default:
    /// `NO [UNAVAILABLE]`.
    fn command(
        &mut self,
        peer: &Peer,
        context: Context<'_>,
        command: Command<'_>,
    ) -> impl Future<Output = Reply> + Send {
        let _ = (peer, context, command);
        ready(Reply::unavailable())
    }

    /// The next part of a reply that came in [parts](posthaste_core::imap::response::Responses::part). Default:
    /// there is none, and the session ends if octets were announced.
    fn next(&mut self) -> impl Future<Output = Reply> + Send {
        ready(Reply::unavailable())
    }

    /// APPEND: may this message come? Default: no.
    fn append(
        &mut self,
        peer: &Peer,
        context: Context<'_>,
        head: Head<'_>,
    ) -> impl Future<Output = Decision> + Send {
        let _ = (peer, context, head);
        ready(Append::refusal())
    }

    /// Octets of the message that is being appended, in order. Nothing more is read until this is done.
    /// Default: they are dropped.
    fn body(&mut self, octets: &[u8]) -> impl Future<Output = ()> + Send {
        let _ = octets;
        ready(())
    }

    /// The message that came is whole: was it stored? OK means durable. Default: no.
    fn appended(&mut self) -> impl Future<Output = Reply> + Send {
        ready(Reply::unavailable())
    }

    /// The message that was being appended will not come whole: drop what was staged. Default: nothing.
    fn body_lost(&mut self) {}

    /// What changed in the selected mailbox, since the client heard of it last, of what may be told now?
    /// Default: nothing.
    fn sync(&mut self, mode: Mode, allowed: Allowed) -> impl Future<Output = Update> + Send {
        let _ = (mode, allowed);
        ready(Update::nothing())
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
