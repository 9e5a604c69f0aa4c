//! Who sends, and what is to become of one message: what handlers are shown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use posthaste_core::grammar::address::Address;
use posthaste_core::machine::TlsFacts;
use posthaste_core::mime::date::DateTime;
use posthaste_core::smtp::client::Envelope;
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::extension::{Submitter, Xtext};
use posthaste_core::smtp::server::event::{Hello, MailFrom, RcptTo};

/// Who is at the other end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Which of the server's listeners it came to, counted from 0.
    pub listener: usize,
    /// It lies in one of the networks that [`Limits::trusted`](crate::Limits::trusted) lists.
    pub trusted: bool,
    /// The server is under stress ([`Limits::stress_connections`](crate::Limits::stress_connections)), and this
    /// one has to be quick.
    pub strained: bool,
    /// What TLS agreed upon, if it is up.
    pub tls: Option<TlsFacts>,
    /// Whom it signed in as: prepared by SASLprep, as the peer wrote it.
    pub user: Option<String>,
    /// How it said hello, and what it called itself: a domain or an address literal, not checked, but
    /// without blanks and what would break out of a header field. Forgotten when TLS starts.
    pub hello: Option<(Hello, String)>,
}

impl Peer {
    /// Somebody at `address`, of whom nothing else is known.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        crate::Peer::new(address).into()
    }

    /// Somebody on this machine.
    #[must_use]
    pub fn here() -> Self {
        crate::Peer::here().into()
    }

    /// What it called itself; `unknown` before that.
    #[must_use]
    pub fn name(&self) -> &str {
        self.hello.as_ref().map_or("unknown", |(_, name)| name)
    }
}

impl From<crate::Peer> for Peer {
    fn from(peer: crate::Peer) -> Self {
        let crate::Peer { address, local, listener, trusted, strained, tls, user } = peer;
        Self { address, local, listener, trusted, strained, tls, user, hello: None }
    }
}

/// One message on its way in: from MAIL on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// Who sends it.
    pub peer: Arc<Peer>,
    /// Sender, recipients that were accepted, and what the parameters of MAIL and RCPT said, typed. What
    /// stands in `auth` is to be believed only from peers that are trusted (RFC 4954 §5). It is what
    /// [`Client::send`](crate::smtp::Client::send) takes, so that a message can be passed on as it came.
    pub envelope: Envelope,
}

impl Transaction {
    /// A message from `peer` with this envelope; for tests of handlers.
    #[must_use]
    pub fn new(peer: Peer, envelope: Envelope) -> Self {
        Self { peer: Arc::new(peer), envelope }
    }

    /// What MAIL said.
    pub(crate) fn begin(peer: Arc<Peer>, from: &MailFrom<'_>) -> Self {
        Self {
            peer,
            envelope: Envelope {
                sender: from.path.mailbox().map(|mailbox| mailbox.to_address()),
                size: from.size,
                body: from.body,
                smtputf8: from.smtputf8,
                ret: from.ret,
                envid: from.envid.map(decoded),
                auth: from.auth.map(|submitter| match submitter {
                    Submitter::Named(name) => decoded(name),
                    Submitter::Unknown => Box::default(),
                }),
                requiretls: from.requiretls,
                priority: from.priority,
                release: from.release,
                by: from.by,
                recipients: Vec::new(),
            },
        }
    }

    /// The name that RFC 3848 (and RFC 6531 §4.3) has for how the message came, as `ESMTPS`.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        let words = match (&self.peer.hello, self.envelope.smtputf8) {
            (Some((Hello::Helo, _)) | None, _) => return "SMTP",
            (Some((Hello::Ehlo, _)), true) => ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"],
            (Some((Hello::Ehlo, _)), false) => ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"],
            (Some((Hello::Lhlo, _)), true) => ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"],
            (Some((Hello::Lhlo, _)), false) => ["LMTP", "LMTPA", "LMTPS", "LMTPSA"],
        };
        words[usize::from(self.peer.tls.is_some()) * 2 + usize::from(self.peer.user.is_some())]
    }

    /// The Received field that whoever takes the message on must put in front of it (RFC 5321 §4.4), with
    /// its CR LF. `by` is our name; `id` is ours for the message. The recipient is named if there is one
    /// only, so that nobody learns of others.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use posthaste_tokio::smtp::{Envelope, Peer, Transaction};
    ///
    /// let peer = Peer::new("192.0.2.7:1025".parse().unwrap());
    /// let transaction = Transaction::new(peer, Envelope::default());
    /// let when = UNIX_EPOCH + Duration::from_secs(880_127_706);
    /// assert_eq!(
    ///     transaction.received("mx.example", "17", when),
    ///     "Received: from unknown ([192.0.2.7])\r\n\tby mx.example with SMTP id 17;\r\n\
    ///      \tFri, 21 Nov 1997 15:55:06 +0000\r\n"
    /// );
    /// ```
    #[must_use]
    pub fn received(&self, by: &str, id: &str, when: SystemTime) -> String {
        let (name, protocol) = (self.peer.name(), self.protocol());
        let address = match self.peer.address.ip().to_canonical() {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("IPv6:{address}"),
        };
        let mut field =
            format!("Received: from {name} ([{address}])\r\n\tby {by} with {protocol} id {id}");
        if let [recipient] = &self.envelope.recipients[..] {
            field.push_str("\r\n\tfor <");
            field.push_str(recipient.address.as_str());
            field.push('>');
        }
        let seconds = when.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut date = Vec::new();
        DateTime::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX), 0).write_rfc5322(&mut date);
        field.push_str(";\r\n\t");
        field.push_str(&String::from_utf8_lossy(&date));
        field.push_str("\r\n");
        field
    }
}

/// What RCPT said. `<Postmaster>` without a domain is the postmaster of `hostname` (RFC 5321 §4.5.1).
pub(crate) fn recipient(to: &RcptTo<'_>, hostname: &str) -> Option<Recipient> {
    let address = match to.path.mailbox() {
        Some(mailbox) => mailbox.to_address(),
        None => Address::parse(format!("postmaster@{hostname}").as_bytes())
            .or_else(|_| Address::parse(b"postmaster@localhost"))
            .ok()?,
    };
    let orcpt = to.orcpt.map(|orcpt| format!("{};{}", orcpt.kind, decoded(orcpt.address)).into());
    Some(Recipient { address, notify: to.notify, orcpt })
}

/// What xtext means. What is not UTF-8 cannot be kept, and no sender has cause to write it.
fn decoded(text: Xtext<'_>) -> Box<str> {
    String::from_utf8_lossy(&text.decoded()).into()
}
