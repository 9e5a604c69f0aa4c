//! What the tests of all handlers share: a host on a memory store, and conversations without sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::machine::{Input, Instant, Machine, Protocol};
use posthaste_core::session::{Handler, Inbox, Note, Pair, Place, Session, Wait};
use posthaste_core::smtp::server::Role;
use posthaste_core::{imap, pop3, smtp};
use posthaste_store::{Memory, Store};

use crate::admin::NewPassword;
use crate::config::Config;
use crate::inputs::{Clock, Inputs};
use crate::password::PasswordCost;
use crate::{Delivery, Host, Mailboxes, Maildrop};

/// What all test accounts sign in with.
pub(crate) const PASSWORD: &str = "correct horse";
/// When it is in tests: Tue, 14 Nov 2023 22:13:20 +0000.
pub(crate) const NOW: u64 = 1_700_000_000;

struct Stopped;

impl Clock for Stopped {
    fn now_millis(&self) -> u64 {
        NOW * 1_000
    }
}

/// A configuration for `example.test` that checks passwords cheaply.
pub(crate) fn config() -> Config {
    let mut config = Config::new("mail.example.test", &["example.test"]);
    config.names.default_domain = Some("example.test".to_owned());
    config.password = PasswordCost { memory: 8, passes: 1, iterations: 4_096 };
    config
}

/// A host where alice and bob live.
pub(crate) fn host_with(config: Config, store: Arc<dyn Store>) -> Arc<Host> {
    let inputs = Inputs { clock: Arc::new(Stopped), ..Inputs::inline() };
    let host = Host::new(store, config, inputs).unwrap();
    for name in ["alice@example.test", "bob@example.test"] {
        host.add_account(name, NewPassword::Clear(PASSWORD.as_bytes()), None).unwrap();
    }
    host
}

/// The same on a fresh memory store.
pub(crate) fn host() -> Arc<Host> {
    host_with(config(), Arc::new(Memory::new()))
}

/// Notes that wait for one session.
pub(crate) struct Queue<P: Protocol>(Mutex<VecDeque<Note<P>>>);

impl<P: Protocol> Inbox<P> for Queue<P>
where
    Note<P>: Send,
{
    fn post(&self, _: u64, note: Note<P>) {
        self.0.lock().push_back(note);
    }

    fn ring(&self) {}
}

/// One conversation.
pub(crate) struct Talk<M: Machine, H> {
    session: Pair<M, H>,
    queue: Arc<Queue<M::Protocol>>,
    input: Input,
    wait: Wait,
    now: Instant,
    most: usize,
    notes: usize,
}

impl<M: Machine, H: Handler<M::Protocol>> Talk<M, H>
where
    Note<M::Protocol>: Send,
{
    /// Somebody connects; the greeting is read.
    pub(crate) fn new(machine: M, handler: H) -> Self {
        let mut talk = Self::silent(machine, handler);
        talk.say("");
        talk
    }

    /// Somebody connects, and nothing was read.
    pub(crate) fn silent(machine: M, handler: H) -> Self {
        let queue = Arc::new(Queue(Mutex::default()));
        let place = Place::new(Arc::clone(&queue) as Arc<dyn Inbox<M::Protocol>>, 1);
        let session = Pair::new(machine, handler, place);
        Self {
            session,
            queue,
            input: Input::new(),
            wait: Wait::Read,
            now: Instant::ZERO,
            most: 0,
            notes: 0,
        }
    }

    /// Sends octets and gives what came back.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Vec<u8> {
        self.input.push(octets);
        let mut out = Vec::new();
        loop {
            while let Some(note) = self.queue.0.lock().pop_front() {
                let _ = self.session.note(note, &mut out);
                self.notes += 1;
            }
            self.wait = self.session.turn(self.now, &mut self.input, &mut out);
            self.most = self.most.max(out.len());
            let idle = !matches!(self.wait, Wait::Flush);
            if idle && self.queue.0.lock().is_empty() {
                return out;
            }
            if self.wait == Wait::Flush && out.len() > 64 << 20 {
                panic!("too much output");
            }
            if self.wait == Wait::Flush {
                // The driver has written everything.
                let mut more = std::mem::take(&mut out);
                more.extend(self.send(b""));
                return more;
            }
        }
    }

    /// Says lines and gives the reply as text.
    pub(crate) fn say(&mut self, text: &str) -> String {
        let octets = text.replace('\n', "\r\n");
        String::from_utf8_lossy(&self.send(octets.as_bytes())).into_owned()
    }

    /// The peer goes away.
    pub(crate) fn gone(&mut self) {
        self.input.end();
        self.send(b"");
    }

    /// Lets time pass up to the session's deadline, and gives what it says then.
    pub(crate) fn pass(&mut self) -> String {
        self.now = self.session.deadline().unwrap_or(self.now).max(self.now);
        self.say("")
    }

    /// The most octets that lay in the output at once, and how many notes came.
    pub(crate) fn measured(&self) -> (usize, usize) {
        (self.most, self.notes)
    }

    /// What the session waits for.
    pub(crate) fn wait(&self) -> Wait {
        self.wait
    }
}

/// An SMTP, submission or LMTP conversation from a loopback address, hello said. Submission has signed
/// in as `user`.
pub(crate) fn smtp(
    host: &Arc<Host>,
    role: Role,
    user: Option<&str>,
) -> Talk<smtp::server::Server, Delivery> {
    let mut config = smtp::server::Config::new(role, "mail.example.test");
    config.mechanisms = vec![posthaste_core::sasl::Mechanism::Plain];
    config.plaintext_auth = true;
    let machine = smtp::server::Server::new(Arc::new(config));
    let peer = Some("127.0.0.1".parse().unwrap());
    let mut talk = Talk::new(machine, host.smtp(role, peer));
    let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
    assert!(talk.say(&format!("{hello} client.test\n")).contains("250 "));
    if let Some(user) = user {
        let reply = talk.say(&format!("AUTH PLAIN {}\n", plain(user, PASSWORD)));
        assert!(reply.starts_with("235 "), "{reply}");
    }
    talk
}

/// A POP3 conversation; signed in as `user`.
pub(crate) fn pop3(host: &Arc<Host>, user: Option<&str>) -> Talk<pop3::server::Server, Maildrop> {
    let mut config = pop3::server::Config::new("mail.example.test");
    config.plaintext_auth = true;
    let machine = pop3::server::Server::new(Arc::new(config));
    let mut talk = Talk::new(machine, host.pop3(None));
    if let Some(user) = user {
        talk.say(&format!("USER {user}\n"));
        let reply = talk.say(&format!("PASS {PASSWORD}\n"));
        assert!(reply.starts_with("+OK"), "{reply}");
    }
    talk
}

/// An IMAP conversation; signed in as `user`.
pub(crate) fn imap(host: &Arc<Host>, user: Option<&str>) -> Talk<imap::server::Server, Mailboxes> {
    let mut config = imap::server::Config::new("mail.example.test");
    config.plaintext_auth = true;
    config.extensions = crate::IMAP_EXTENSIONS.map(str::to_owned).to_vec();
    let machine = imap::server::Server::new(Arc::new(config));
    let mut talk = Talk::new(machine, host.imap(None));
    if let Some(user) = user {
        let reply = talk.say(&format!("a LOGIN {user} \"{PASSWORD}\"\n"));
        assert!(reply.contains("a OK"), "{reply}");
    }
    talk
}

/// Puts a message into INBOX of a user, as a stranger would.
pub(crate) fn deliver(host: &Arc<Host>, user: &str, message: &str) {
    let mut talk = smtp(host, Role::Smtp, None);
    talk.say(&format!("MAIL FROM:<>\nRCPT TO:<{user}@example.test>\nDATA\n"));
    let stuffed = format!("\n{message}").replace("\n.", "\n..");
    let reply = talk.say(&format!("{}.\n", &stuffed[1..]));
    assert!(reply.starts_with("250 "), "{reply}");
}

/// The initial response of AUTH PLAIN.
pub(crate) fn plain(user: &str, password: &str) -> String {
    let mut out = Vec::new();
    posthaste_core::grammar::base64::encode(format!("\0{user}\0{password}").as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

/// All messages in INBOX of an account, whole.
pub(crate) fn inbox(host: &Host, name: &str) -> Vec<String> {
    let account = host.directory.by_name(name).unwrap();
    let view = host.store.view(account.id).unwrap().unwrap();
    let mut rows = Vec::new();
    let all = posthaste_store::Uid::MIN..=posthaste_store::Uid::MAX;
    view.rows(posthaste_store::MailboxId::INBOX, all, usize::MAX, &mut rows).unwrap();
    let body = |blob| host.store.read(blob, 0..u64::MAX).unwrap();
    rows.iter().map(|row| String::from_utf8_lossy(&body(&row.blob)).into_owned()).collect()
}
