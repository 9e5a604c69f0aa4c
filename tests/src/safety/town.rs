//! The real host over a store in memory: a few accounts, and conversations without sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use posthaste_core::grammar::base64;
use posthaste_core::machine::{Input, Instant};
use posthaste_core::sasl::Mechanism;
use posthaste_core::session::{Inbox, Note, Pair, Place, Session, Wait};
use posthaste_core::smtp::Smtp;
use posthaste_core::smtp::server::{Config, Role, Server};
use posthaste_host::admin::NewPassword;
use posthaste_host::config::{self, Alias};
use posthaste_host::password::PasswordCost;
use posthaste_host::{Delivery, Host};
use posthaste_store::{MailboxId, Memory, Uid};

use crate::simulator::inputs::inputs;

/// What every account signs in with.
pub const PASSWORD: &str = "correct horse";

/// A server's host with accounts.
#[derive(Debug)]
pub struct Town {
    /// The host.
    pub host: Arc<Host>,
}

impl Town {
    /// Mail for `local.test` and `bücher.test`. Here live alice, bob and, in the second, carol; `robert` is bob's,
    /// `all` alice's and bob's, `root` alice's, `office` of the second carol's. The postmaster's mail is alice's.
    ///
    /// # Panics
    /// Never, as long as the names hold together.
    #[must_use]
    pub fn new() -> Self {
        let mut config = config::Config::new("mx.local.test", &["local.test", "b\u{fc}cher.test"]);
        config.password = PasswordCost { memory: 8, passes: 1, iterations: 4_096 };
        let alias = |address: &str, to: &[&str]| Alias {
            address: address.to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
        };
        config.names.aliases = vec![
            alias("all@local.test", &["alice@local.test", "bob@local.test"]),
            alias("root@local.test", &["alice@local.test"]),
            alias("office@b\u{fc}cher.test", &["carol@b\u{fc}cher.test"]),
        ];
        let (inputs, _) = inputs(1, 0);
        let host = Host::new(Arc::new(Memory::new()), config, inputs).expect("a host");
        for name in ["alice@local.test", "bob@local.test", "carol@b\u{fc}cher.test"] {
            host.add_account(name, NewPassword::Clear(PASSWORD.as_bytes()), None).expect(name);
        }
        host.add_address("bob@local.test", "robert@local.test").expect("an address");
        Self { host }
    }

    /// How many messages everybody has, by the local part of the account's name.
    ///
    /// # Panics
    /// When the store cannot be read.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let count = |account: posthaste_store::Account| {
            let name = self.host.directory().by_id(account.id).expect("an account");
            let name = name.settings.name.split('@').next().unwrap_or_default().to_owned();
            (name, account.usage.messages)
        };
        self.host.store().accounts().expect("accounts").into_iter().map(count).collect()
    }

    /// The messages in somebody's INBOX, whole.
    ///
    /// # Panics
    /// When the store cannot be read.
    #[must_use]
    pub fn inbox(&self, name: &str) -> Vec<Vec<u8>> {
        let account = self.host.directory().by_name(name).expect("an account").id;
        let store = self.host.store();
        let view = store.view(account).expect("a view").expect("an account");
        let mut rows = Vec::new();
        view.rows(MailboxId::INBOX, Uid::MIN..=Uid::MAX, usize::MAX, &mut rows).expect("rows");
        rows.iter()
            .map(|row| store.read(&row.blob, 0..u64::MAX).expect("a body").to_vec())
            .collect()
    }

    /// A session with a peer at this address; `config` is changed by `change` first. Sign-in is possible in clear.
    pub fn connect(&self, role: Role, peer: IpAddr, change: impl FnOnce(&mut Config)) -> Talk {
        let mut config = Config::new(role, "mx.local.test");
        config.mechanisms = vec![Mechanism::Plain];
        config.plaintext_auth = true;
        // Who tries everything makes many errors.
        config.limits.errors = u32::MAX;
        config.limits.tarpit_errors = u32::MAX;
        config.limits.junk_commands = u32::MAX;
        config.limits.transactions = u32::MAX;
        change(&mut config);
        let queue = Arc::new(Queue::default());
        let place = Place::new(Arc::clone(&queue) as Arc<dyn Inbox<Smtp>>, 1);
        let session =
            Pair::new(Server::new(Arc::new(config)), self.host.smtp(role, Some(peer)), place);
        Talk { session, queue, input: Input::new(), wait: Wait::Read }
    }

    /// A session in which hello was said: strangers come from afar, LMTP and submission from here, and submission is
    /// signed in as `alice@local.test`.
    ///
    /// # Panics
    /// When any of it is refused.
    #[must_use]
    pub fn greeted(&self, role: Role) -> Talk {
        let peer: [u8; 4] = if role == Role::Smtp { [192, 0, 2, 1] } else { [127, 0, 0, 1] };
        let mut talk = self.connect(role, peer.into(), |_| {});
        assert!(talk.say(b"").starts_with("220 "));
        let hello: &[u8] =
            if role == Role::Lmtp { b"LHLO peer.test\r\n" } else { b"EHLO peer.test\r\n" };
        assert!(talk.say(hello).starts_with("250-"));
        if role == Role::Submission {
            let reply = talk.say(sign_in("alice@local.test").as_bytes());
            assert!(reply.starts_with("235 "), "{reply}");
        }
        talk
    }
}

impl Default for Town {
    fn default() -> Self {
        Self::new()
    }
}

/// The line that signs somebody in.
#[must_use]
pub fn sign_in(user: &str) -> String {
    let mut line = b"AUTH PLAIN ".to_vec();
    base64::encode(format!("\0{user}\0{PASSWORD}").as_bytes(), &mut line);
    String::from_utf8_lossy(&line).into_owned() + "\r\n"
}

#[derive(Debug, Default)]
struct Queue(Mutex<VecDeque<Note<Smtp>>>);

impl Inbox<Smtp> for Queue {
    fn post(&self, _: u64, note: Note<Smtp>) {
        self.0.lock().push_back(note);
    }

    fn ring(&self) {}
}

/// One conversation.
pub struct Talk {
    session: Pair<Server, Delivery>,
    queue: Arc<Queue>,
    input: Input,
    wait: Wait,
}

impl Talk {
    /// Octets arrive; gives what is said to them.
    pub fn say(&mut self, octets: &[u8]) -> String {
        self.input.push(octets);
        let (mut said, mut out) = (Vec::new(), Vec::new());
        loop {
            loop {
                let Some(note) = self.queue.0.lock().pop_front() else { break };
                let _ = self.session.note(note, &mut out);
            }
            self.wait = self.session.turn(Instant::ZERO, &mut self.input, &mut out);
            said.append(&mut out);
            if self.wait != Wait::Flush && self.queue.0.lock().is_empty() {
                return String::from_utf8_lossy(&said).into_owned();
            }
        }
    }

    /// The peer goes away.
    pub fn hang_up(&mut self) {
        self.input.end();
        self.say(b"");
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.wait == Wait::Closed
    }
}
