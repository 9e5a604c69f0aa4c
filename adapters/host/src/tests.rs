//! What concerns all protocols at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Clock};

use parking_lot::Mutex;
use posthaste_core::sasl::Hash;
use posthaste_core::session::Wait;
use posthaste_core::smtp::server::Role;
use posthaste_store::{
    Account, AccountId, Batch, BlobId, Completion, Fault, Memory, Outcome, Outcomes, Refusal,
    Staging, Store, View, Watch, Watcher,
};

use crate::Host;
use crate::admin::{AdminError, MAILBOXES, NewPassword};
use crate::inputs::Inputs;
use crate::testing::{PASSWORD, config, deliver, host, host_with, imap, inbox, pop3, smtp};

/// A memory store that keeps its completions to itself, or refuses.
#[derive(Default)]
struct Slow {
    memory: Memory,
    holding: AtomicBool,
    full: AtomicBool,
    held: Mutex<Vec<(Batch, Completion)>>,
    flush: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Slow {
    fn release(&self) {
        self.holding.store(false, Ordering::SeqCst);
        let held = std::mem::take(&mut *self.held.lock());
        for (batch, done) in held {
            self.memory.submit(batch, done);
        }
    }
}

impl Store for Slow {
    fn submit(&self, batch: Batch, done: Completion) {
        if self.full.load(Ordering::SeqCst) {
            let refused = batch.mutations.iter().map(|_| Outcome::Refused(Refusal::Full));
            let outcomes: Outcomes = refused.collect();
            drop(batch);
            done(outcomes);
            let flush = self.flush.lock().clone();
            flush.unwrap()();
        } else if self.holding.load(Ordering::SeqCst) {
            self.held.lock().push((batch, done));
        } else {
            self.memory.submit(batch, done);
        }
    }

    fn on_round(&self, flush: Arc<dyn Fn() + Send + Sync>) {
        *self.flush.lock() = Some(Arc::clone(&flush));
        self.memory.on_round(flush);
    }

    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
        self.memory.view(account)
    }

    fn accounts(&self) -> Result<Vec<Account>, Fault> {
        self.memory.accounts()
    }

    fn setting(&self, account: AccountId, name: &str) -> Result<Option<bytes::Bytes>, Fault> {
        self.memory.setting(account, name)
    }

    fn staging(&self, expected: u64) -> Staging {
        self.memory.staging(expected)
    }

    fn staged(&self) -> u64 {
        self.memory.staged()
    }

    fn read(&self, blob: &BlobId, range: std::ops::Range<u64>) -> Result<bytes::Bytes, Fault> {
        self.memory.read(blob, range)
    }

    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
        self.memory.watch(account, watcher)
    }
}

// RFC: 2033-4.2-3 2033-4.3-2
#[test]
fn nothing_is_said_before_it_is_durable() {
    let slow = Arc::new(Slow::default());
    let host = host_with(config(), Arc::clone(&slow) as Arc<dyn Store>);
    deliver(&host, "alice", "\nfirst\n");
    let mut sender = smtp(&host, Role::Lmtp, None);
    sender.say("MAIL FROM:<>\nRCPT TO:<alice@example.test>\nDATA\n");
    let mut reader = imap(&host, Some("alice"));
    reader.say("t SELECT INBOX\n");
    let mut other = imap(&host, Some("alice"));
    let mut popper = pop3(&host, Some("alice"));
    popper.say("DELE 1\n");

    slow.holding.store(true, Ordering::SeqCst);
    assert_eq!(sender.say("\nhello\n.\n"), "");
    assert_eq!(reader.say("t STORE 1 +FLAGS (\\Seen)\n"), "");
    assert_eq!(other.say("t APPEND Drafts {3+}\nabc\n"), "");
    assert_eq!(popper.say("QUIT\n"), "");
    for wait in [sender.wait(), reader.wait(), other.wait(), popper.wait()] {
        assert_eq!(wait, Wait::Host);
    }

    slow.release();
    assert!(sender.say("").starts_with("250 2.0.0 Stored"));
    assert!(reader.say("").contains("t OK"));
    assert!(other.say("").starts_with("t OK [APPENDUID"));
    assert!(popper.say("").starts_with("+OK"));
}

// RFC: 1870-6.1-2
#[test]
fn a_full_disk_refuses_mail_and_reading_goes_on() {
    let slow = Arc::new(Slow::default());
    let host = host_with(config(), Arc::clone(&slow) as Arc<dyn Store>);
    deliver(&host, "alice", "\nfirst\n");
    slow.full.store(true, Ordering::SeqCst);
    let mut sender = smtp(&host, Role::Smtp, None);
    sender.say("MAIL FROM:<>\nRCPT TO:<alice@example.test>\nDATA\n");
    let reply = sender.say("\nhello\n.\n");
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
    assert!(sender.say("MAIL FROM:<>\n").starts_with("452 4.3.1 "));
    let mut reader = imap(&host, Some("alice"));
    assert!(reader.say("t SELECT INBOX\n").contains("* 1 EXISTS"));
    assert!(reader.say("t FETCH 1 BODY[TEXT]\n").contains("first"));
    assert!(reader.say("t APPEND INBOX {3}\n").starts_with("t NO "));
}

#[test]
fn accounts_outlive_the_host() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let host = host_with(config(), Arc::clone(&store));
    host.set_quota("alice", Some(12_345)).unwrap();
    host.add_address("bob", "robert@example.test").unwrap();
    let salt =
        |host: &Host| host.passwords.known(Hash::Sha256, "nobody@example.test", None).verifier;
    let invented = salt(&host);
    drop(host);
    let host = Host::new(store, config(), Inputs::inline()).unwrap();
    let listed = host.list_accounts().unwrap();
    let names: Vec<&str> = listed.iter().map(|account| &*account.name).collect();
    assert_eq!(names, ["alice@example.test", "bob@example.test"]);
    assert_eq!(listed[0].quota, Some(12_345));
    assert_eq!(*listed[1].addresses, ["robert@example.test".into()]);
    assert_eq!(salt(&host), invented, "what is invented stays the same");
    deliver(&host, "robert", "\nhello\n");
    assert_eq!(inbox(&host, "bob").len(), 1);
    let _session = pop3(&host, Some("bob"));
}

#[test]
fn administration_refuses_what_makes_no_sense() {
    let host = host();
    let clear = NewPassword::Clear(b"secret");
    let add = |name: &str| host.add_account(name, clear, None).map(|account| account.id.0);
    assert!(matches!(add("alice@EXAMPLE.test"), Err(AdminError::Exists(_))));
    assert!(matches!(add("carol@far.test"), Err(AdminError::NotLocal(_))));
    assert!(matches!(add("carol+x@example.test"), Err(AdminError::BadAddress(_))));
    assert!(matches!(add("no address"), Err(AdminError::BadAddress(_))));
    let empty = host.add_account("carol", NewPassword::Clear(b""), None);
    assert!(matches!(empty, Err(AdminError::Password(_))));
    assert!(matches!(host.remove_account("carol"), Err(AdminError::Unknown(_))));
    assert!(matches!(host.set_password("carol", clear), Err(AdminError::Unknown(_))));
    assert!(matches!(host.add_address("bob", "alice"), Err(AdminError::Exists(_))));
    host.add_address("bob", "b@example.test").unwrap();
    assert!(matches!(add("b@example.test"), Err(AdminError::Exists(_))));
    host.remove_address("bob", "b").unwrap();
    assert!(matches!(host.remove_address("bob", "b"), Err(AdminError::Unknown(_))));
    assert!(add("b@example.test").is_ok());
    let id = host.directory().by_name("b").unwrap().id;
    let view = host.store().view(id).unwrap().unwrap();
    assert_eq!(view.mailboxes().unwrap().len(), MAILBOXES.len() + 1);
    assert_eq!(view.subscriptions().unwrap().len(), MAILBOXES.len() + 1);
}

#[test]
fn a_new_password_ends_the_sessions_of_the_old_one() {
    let host = host();
    let mut reader = imap(&host, Some("alice"));
    let mut other = imap(&host, Some("bob"));
    let mut popper = pop3(&host, Some("alice"));
    host.set_password("alice", NewPassword::Clear(b"another")).unwrap();
    assert!(reader.say("").starts_with("* BYE"));
    assert_eq!((reader.wait(), popper.wait()), (Wait::Closed, Wait::Read));
    popper.say("");
    assert_eq!(popper.wait(), Wait::Closed);
    assert!(other.say("t NOOP\n").starts_with("t OK"));
    let mut old = pop3(&host, None);
    old.say("USER alice\n");
    assert!(old.say(&format!("PASS {PASSWORD}\n")).starts_with("-ERR [AUTH]"));
    host.remove_account("bob").unwrap();
    assert!(other.say("").starts_with("* BYE"));
    let mut sender = smtp(&host, Role::Smtp, None);
    sender.say("MAIL FROM:<>\n");
    assert!(sender.say("RCPT TO:<bob@example.test>\n").starts_with("550 5.1.1 "));
}

#[test]
fn a_reload_changes_the_rules_and_a_bad_one_does_not() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    talk.say("MAIL FROM:<>\n");
    let mut config = config();
    config.names.domains.push("more.test".to_owned());
    host.reload(config.clone()).unwrap();
    host.add_account("carol@more.test", NewPassword::Clear(b"secret"), None).unwrap();
    assert!(talk.say("RCPT TO:<carol@more.test>\n").starts_with("250 "));
    config.names.domains.push("not a domain".to_owned());
    assert!(host.reload(config).is_err());
    assert!(talk.say("RCPT TO:<carol@more.test>\n").starts_with("250 "));
}

#[test]
fn sessions_on_many_threads_lose_nothing() {
    const SENDERS: usize = 4;
    const MESSAGES: usize = 20;
    let inputs = Inputs::system(&crate::config::Pools::default()).unwrap();
    let host = Host::new(Arc::new(Memory::new()), config(), inputs).unwrap();
    for name in ["alice", "bob"] {
        host.add_account(name, NewPassword::Clear(PASSWORD.as_bytes()), None).unwrap();
    }
    let deadline = Clock::now() + Duration::from_secs(60);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let host = &host;
            scope.spawn(move || {
                for n in 0..MESSAGES {
                    deliver(host, ["alice", "bob"][n % 2], &format!("\n{sender}-{n}\n"));
                }
            });
        }
        let host = &host;
        scope.spawn(move || {
            // A reader that deletes what it has seen, until all has passed.
            let mut reader = imap_later(host, "alice");
            let mut seen = 0;
            while seen < SENDERS * MESSAGES / 2 {
                assert!(Clock::now() < deadline, "only {seen} came");
                said(&mut reader, "a NOOP");
                said(&mut reader, "b STORE 1:* +FLAGS.SILENT (\\Deleted)");
                seen += said(&mut reader, "c EXPUNGE").matches(" EXPUNGE\r\n").count();
            }
            assert_eq!(seen, SENDERS * MESSAGES / 2);
        });
    });
    assert_eq!(inbox(&host, "bob").len(), SENDERS * MESSAGES / 2);
    assert_eq!(inbox(&host, "alice").len(), 0);

    fn said(
        talk: &mut crate::testing::Talk<posthaste_core::imap::server::Server, crate::Mailboxes>,
        command: &str,
    ) -> String {
        let tag = &command[..1];
        let mut reply = talk.say(&format!("{command}\n"));
        while !reply.contains(&format!("{tag} OK")) && !reply.contains(&format!("{tag} BAD")) {
            std::thread::sleep(Duration::from_millis(1));
            reply.push_str(&talk.say(""));
        }
        reply
    }

    fn imap_later(
        host: &Arc<Host>,
        user: &str,
    ) -> crate::testing::Talk<posthaste_core::imap::server::Server, crate::Mailboxes> {
        let mut talk = imap(host, None);
        said(&mut talk, &format!("l LOGIN {user} \"{PASSWORD}\""));
        said(&mut talk, "s SELECT INBOX");
        talk
    }
}
