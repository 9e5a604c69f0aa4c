//! A session of any protocol, for adapters that carry several on one thread.

use std::net::IpAddr;
use std::sync::Arc;

use posthaste_core::gate::Arrival;
use posthaste_core::imap::{self, Imap};
use posthaste_core::machine::{Input, Instant, Reason, Stale, TlsFacts};
use posthaste_core::pop3::{self, Pop3};
use posthaste_core::session::{self, Inbox, Pair, Place, Wait};
use posthaste_core::smtp::{self, Smtp};

use crate::{Delivery, Host, Mailboxes, Maildrop};

/// What a listener speaks, and its machines' settings.
#[derive(Clone, Debug)]
pub enum Machines {
    /// IMAP.
    Imap(Arc<imap::server::Config>),
    /// POP3.
    Pop3(Arc<pop3::server::Config>),
    /// SMTP, submission or LMTP, as the role says.
    Smtp(Arc<smtp::server::Config>),
}

/// A machine with its handler.
pub enum Session {
    /// IMAP.
    Imap(Box<Pair<imap::server::Server, Mailboxes>>),
    /// POP3.
    Pop3(Box<Pair<pop3::server::Server, Maildrop>>),
    /// SMTP, submission or LMTP.
    Smtp(Box<Pair<smtp::server::Server, Delivery>>),
}

/// What the inbox of such sessions carries.
#[derive(Debug)]
pub enum Note {
    /// For an IMAP session.
    Imap(session::Note<Imap>),
    /// For a POP3 session.
    Pop3(session::Note<Pop3>),
    /// For an SMTP session.
    Smtp(session::Note<Smtp>),
}

/// Who is at the other end of a session that begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address; none for a Unix socket.
    pub address: Option<IpAddr>,
    /// The door wants it to be quick.
    pub strained: bool,
    /// Its network is trusted: it is no stranger.
    pub trusted: bool,
}

impl From<&Arrival> for Peer {
    fn from(arrival: &Arrival) -> Self {
        Self {
            address: Some(arrival.peer.ip()),
            strained: arrival.strained,
            trusted: arrival.trusted,
        }
    }
}

impl From<Option<IpAddr>> for Peer {
    /// A stranger that has time.
    fn from(address: Option<IpAddr>) -> Self {
        Self { address, ..Self::default() }
    }
}

impl Host {
    /// The session of a connection from this peer, which `inbox` knows as `key`.
    pub fn session<I>(
        self: &Arc<Self>,
        machines: &Machines,
        peer: impl Into<Peer>,
        inbox: &Arc<I>,
        key: u64,
    ) -> Session
    where
        I: Inbox<Imap> + Inbox<Pop3> + Inbox<Smtp> + 'static,
    {
        let Peer { address: peer, strained, trusted } = peer.into();
        match machines {
            Machines::Imap(config) => {
                let place = Place::new(Arc::clone(inbox) as Arc<dyn Inbox<Imap>>, key);
                let machine = imap::server::Server::new(Arc::clone(config));
                Session::Imap(Box::new(Pair::new(machine, self.imap(peer), place)))
            }
            Machines::Pop3(config) => {
                let place = Place::new(Arc::clone(inbox) as Arc<dyn Inbox<Pop3>>, key);
                let machine = pop3::server::Server::new(Arc::clone(config));
                Session::Pop3(Box::new(Pair::new(machine, self.pop3(peer), place)))
            }
            Machines::Smtp(config) => {
                let place = Place::new(Arc::clone(inbox) as Arc<dyn Inbox<Smtp>>, key);
                let machine = smtp::server::Server::new(Arc::clone(config));
                let mut delivery = self.smtp(config.role, peer);
                (delivery.strained, delivery.trusted) = (strained, trusted);
                Session::Smtp(Box::new(Pair::new(machine, delivery, place)))
            }
        }
    }
}

impl session::Session for Session {
    type Note = Note;

    fn turn(&mut self, now: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        match self {
            Self::Imap(pair) => pair.turn(now, input, out),
            Self::Pop3(pair) => pair.turn(now, input, out),
            Self::Smtp(pair) => pair.turn(now, input, out),
        }
    }

    fn note(&mut self, note: Note, out: &mut Vec<u8>) -> Result<(), Stale> {
        match (self, note) {
            (Self::Imap(pair), Note::Imap(note)) => pair.note(note, out),
            (Self::Pop3(pair), Note::Pop3(note)) => pair.note(note, out),
            (Self::Smtp(pair), Note::Smtp(note)) => pair.note(note, out),
            // For whoever had the place before.
            (Self::Imap(_) | Self::Pop3(_) | Self::Smtp(_), _) => Err(Stale),
        }
    }

    fn poke(&mut self) {
        match self {
            Self::Imap(pair) => pair.poke(),
            Self::Pop3(pair) => pair.poke(),
            Self::Smtp(pair) => pair.poke(),
        }
    }

    fn close(&mut self, why: Reason, out: &mut Vec<u8>) {
        match self {
            Self::Imap(pair) => pair.close(why, out),
            Self::Pop3(pair) => pair.close(why, out),
            Self::Smtp(pair) => pair.close(why, out),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Imap(pair) => pair.deadline(),
            Self::Pop3(pair) => pair.deadline(),
            Self::Smtp(pair) => pair.deadline(),
        }
    }

    fn secured(&mut self, facts: TlsFacts) {
        match self {
            Self::Imap(pair) => pair.secured(facts),
            Self::Pop3(pair) => pair.secured(facts),
            Self::Smtp(pair) => pair.secured(facts),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Imap(_) => "Imap",
            Self::Pop3(_) => "Pop3",
            Self::Smtp(_) => "Smtp",
        })
    }
}

impl From<session::Note<Imap>> for Note {
    fn from(note: session::Note<Imap>) -> Self {
        Self::Imap(note)
    }
}

impl From<session::Note<Pop3>> for Note {
    fn from(note: session::Note<Pop3>) -> Self {
        Self::Pop3(note)
    }
}

impl From<session::Note<Smtp>> for Note {
    fn from(note: session::Note<Smtp>) -> Self {
        Self::Smtp(note)
    }
}

/// Octets of heap that an idle session takes, beside what a selected mailbox needs.
pub const IDLE: usize = 1_024;

const _: () = assert!(size_of::<Pair<imap::server::Server, Mailboxes>>() <= IDLE);
const _: () = assert!(size_of::<Pair<pop3::server::Server, Maildrop>>() <= IDLE);
const _: () = assert!(size_of::<Pair<smtp::server::Server, Delivery>>() <= IDLE);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PASSWORD, host};
    use parking_lot::Mutex;
    use posthaste_core::session::Session as _;

    /// An inbox as adapters have it.
    #[derive(Default)]
    struct Letters(Mutex<Vec<(u64, Note)>>);

    impl<P: posthaste_core::machine::Protocol> Inbox<P> for Letters
    where
        Note: From<session::Note<P>>,
    {
        fn post(&self, key: u64, note: session::Note<P>) {
            self.0.lock().push((key, note.into()));
        }

        fn ring(&self) {}
    }

    #[test]
    fn protocols_share_a_thread() {
        let host = host();
        let letters = Arc::new(Letters::default());
        let mut pop3 = pop3::server::Config::new("mail.example.test");
        pop3.plaintext_auth = true;
        let mut imap = imap::server::Config::new("mail.example.test");
        imap.plaintext_auth = true;
        let all = [Machines::Imap(Arc::new(imap)), Machines::Pop3(Arc::new(pop3))];
        let mut sessions: Vec<Session> = (0..)
            .zip(&all)
            .map(|(key, machines)| host.session(machines, None::<IpAddr>, &letters, key))
            .collect();
        let says = [
            format!("a LOGIN alice \"{PASSWORD}\"\r\na SELECT INBOX\r\n"),
            format!("USER alice\r\nPASS {PASSWORD}\r\nSTAT\r\n"),
        ];
        let mut outs = [Vec::new(), Vec::new()];
        let mut inputs = [Input::new(), Input::new()];
        for (input, say) in inputs.iter_mut().zip(&says) {
            input.push(say.as_bytes());
        }
        for _ in 0..20 {
            for key in 0..2 {
                let _ = sessions[key].turn(Instant::ZERO, &mut inputs[key], &mut outs[key]);
            }
            let notes = std::mem::take(&mut *letters.0.lock());
            for (key, note) in notes {
                sessions[key as usize].note(note, &mut outs[key as usize]).unwrap();
            }
        }
        assert!(String::from_utf8_lossy(&outs[0]).contains("a OK [READ-WRITE]"));
        assert!(String::from_utf8_lossy(&outs[1]).ends_with("+OK 0 0\r\n"));
        let stray = Note::Smtp(session::Note::Poke);
        assert_eq!(sessions[0].note(stray, &mut Vec::new()), Err(Stale));
    }

    /// Who comes in under stress has one junk command instead of a hundred; but only a stranger.
    #[test]
    fn strangers_have_to_be_quick_when_the_door_says_so() {
        let host = host();
        let letters = Arc::new(Letters::default());
        for (role, strained, answered) in [
            (smtp::server::Role::Smtp, false, 3),
            (smtp::server::Role::Smtp, true, 1),
            (smtp::server::Role::Submission, true, 3),
        ] {
            let machines = Machines::Smtp(Arc::new(smtp::server::Config::new(role, "mx.test")));
            let address = Some([192, 0, 2, 1].into());
            let peer = Peer { address, strained, ..Peer::default() };
            let mut session = host.session(&machines, peer, &letters, 0);
            let (mut input, mut out) = (Input::new(), Vec::new());
            input.push(b"NOOP\r\nNOOP\r\nNOOP\r\n");
            let wait = session.turn(Instant::ZERO, &mut input, &mut out);
            let said = String::from_utf8(out).unwrap();
            assert_eq!(said.matches("250 2.0.0").count(), answered, "{role:?}: {said}");
            assert_eq!(wait == Wait::Closed, answered == 1);
            assert_eq!(said.contains("421 4.7.0 "), answered == 1, "{said}");
        }
    }
}
