use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use posthaste_core::grammar::base64;
use posthaste_core::machine::{Fingerprint, TlsFacts};
use posthaste_core::pop3::server::Server;
use posthaste_core::sasl::{Channel, Mechanism, client};
use posthaste_core::session::Wait;
use posthaste_store::{
    Account, AccountId, Batch, BlobId, Completion, Fault, Memory, Staging, Store, View, Watch,
    Watcher,
};

use super::Maildrop;
use crate::admin::NewPassword;
use crate::testing::{PASSWORD, Talk, config, deliver, host, host_with, inbox, pop3};

#[test]
fn what_comes_in_goes_out_unchanged() {
    let host = host();
    for text in ["Subject: one\n\n.hidden dot\n..\n", "Subject: two\n\nsecond\n"] {
        deliver(&host, "alice", text);
    }
    let stored = inbox(&host, "alice");
    let mut talk = pop3(&host, Some("alice"));
    let octets: usize = stored.iter().map(String::len).sum();
    assert_eq!(talk.say("STAT\n"), format!("+OK 2 {octets}\r\n"));
    for (n, message) in stored.iter().enumerate() {
        let reply = talk.say(&format!("RETR {}\n", n + 1));
        let (_, body) = reply.split_once("\r\n").unwrap();
        let body = body.strip_suffix("\r\n.\r\n").unwrap().replace("\r\n..", "\r\n.");
        assert_eq!(format!("{body}\r\n"), *message);
    }
    let uidl = talk.say("UIDL\n");
    assert_eq!(uidl.lines().filter(|line| line.contains('.')).count(), 3, "{uidl}");
    assert_eq!(talk.say("TOP 2 0\n").matches("second").count(), 0);
}

#[test]
fn a_large_message_comes_in_pieces() {
    let host = host();
    let text = format!("\n{}", "0123456789012345678901234567890123456789\n".repeat(5_000));
    deliver(&host, "bob", &text);
    let mut talk = pop3(&host, Some("bob"));
    let reply = talk.say("RETR 1\nNOOP\n");
    assert!(reply.contains(&inbox(&host, "bob")[0]), "whole and in order");
    assert!(reply.contains("\r\n.\r\n+OK"), "and then the next command");
}

#[test]
fn deletions_happen_at_quit_and_only_then() {
    let host = host();
    for text in ["\none\n", "\ntwo\n", "\nthree\n"] {
        deliver(&host, "alice", text);
    }
    let mut talk = pop3(&host, Some("alice"));
    talk.say("DELE 1\nDELE 3\n");
    drop(talk);
    assert_eq!(inbox(&host, "alice").len(), 3, "a lost connection deletes nothing");
    let mut talk = pop3(&host, Some("alice"));
    talk.say("DELE 1\nDELE 3\n");
    deliver(&host, "alice", "\nlate\n");
    assert!(talk.say("QUIT\n").starts_with("+OK"));
    let left = inbox(&host, "alice");
    assert!(left[0].ends_with("two\r\n") && left[1].ends_with("late\r\n") && left.len() == 2);
}

#[test]
fn one_session_a_maildrop() {
    let host = host();
    let first = pop3(&host, Some("alice"));
    let mut second = pop3(&host, None);
    second.say("USER alice@example.test\n");
    let reply = second.say("PASS correct horse\n");
    assert!(reply.starts_with("-ERR [IN-USE]"), "{reply}");
    let _other = pop3(&host, Some("bob"));
    drop(first);
    let mut third = pop3(&host, Some("alice"));
    assert!(third.say("QUIT\n").starts_with("+OK"));
    assert_eq!(third.wait(), Wait::Closed);
    let _fourth = pop3(&host, Some("alice"));
}

/// A store whose views fail while it is told so.
struct Faulty(Memory, AtomicBool);

impl Store for Faulty {
    fn submit(&self, batch: Batch, done: Completion) {
        self.0.submit(batch, done);
    }

    fn on_round(&self, flush: Arc<dyn Fn() + Send + Sync>) {
        self.0.on_round(flush);
    }

    fn view(&self, account: AccountId) -> Result<Option<Box<dyn View>>, Fault> {
        if self.1.load(Ordering::Relaxed) {
            return Err(Fault::Disk("it is away".into()));
        }
        self.0.view(account)
    }

    fn accounts(&self) -> Result<Vec<Account>, Fault> {
        self.0.accounts()
    }

    fn setting(&self, account: AccountId, name: &str) -> Result<Option<Bytes>, Fault> {
        self.0.setting(account, name)
    }

    fn staging(&self, expected: u64) -> Staging {
        self.0.staging(expected)
    }

    fn staged(&self) -> u64 {
        self.0.staged()
    }

    fn read(&self, blob: &BlobId, range: Range<u64>) -> Result<Bytes, Fault> {
        self.0.read(blob, range)
    }

    fn watch(&self, account: AccountId, watcher: Arc<dyn Watcher>) -> Watch {
        self.0.watch(account, watcher)
    }
}

#[test]
fn a_maildrop_that_cannot_be_read_is_not_locked() {
    let store = Arc::new(Faulty(Memory::new(), AtomicBool::new(false)));
    let host = host_with(config(), Arc::clone(&store) as Arc<dyn Store>);
    let mut talk = pop3(&host, None);
    let sign_in = format!("USER alice@example.test\nPASS {PASSWORD}\n");
    store.1.store(true, Ordering::Relaxed);
    let reply = talk.say(&sign_in);
    assert!(reply.contains("-ERR [SYS/TEMP]"), "{reply}");
    store.1.store(false, Ordering::Relaxed);
    // Neither for others nor for itself.
    drop(pop3(&host, Some("alice")));
    let reply = talk.say(&sign_in);
    assert!(reply.ends_with("+OK 0 messages (0 octets)\r\n"), "{reply}");
}

#[test]
fn a_message_without_an_end_of_line_counts_the_one_it_gets() {
    use posthaste_store::{Batch, FlagNames, MailboxId, Message, Mutation, Target, Timestamp};
    let host = host();
    let account = host.directory().by_name("alice").unwrap().id;
    let mut staged = crate::staged::Staged::new(&host, 0);
    staged.append(b"Subject: x\r\n\r\nno end").unwrap();
    let (body, summary) = staged.finish().unwrap();
    let when = Timestamp(0);
    let message = Message { body, internal: when, received: when, summary };
    let to = Target { account, mailbox: MailboxId::INBOX };
    let messages = smallvec::smallvec![(message, FlagNames::default())];
    let append = Mutation::Append { to, messages };
    host.store().submit(Batch::one(when, append), Box::new(|_| ()));
    let mut talk = pop3(&host, Some("alice"));
    assert_eq!(talk.say("STAT\n"), "+OK 1 22\r\n");
    assert!(talk.say("RETR 1\n").ends_with("\r\n\r\nno end\r\n.\r\n"));
}

/// Signs in by SCRAM; the last line that the server said.
fn scram(talk: &mut Talk<Server, Maildrop>, user: &str, password: &str) -> String {
    scram_by(Mechanism::ScramSha256, talk, user, password)
}

fn scram_by(
    mechanism: Mechanism,
    talk: &mut Talk<Server, Maildrop>,
    user: &str,
    password: &str,
) -> String {
    let account = client::Account::new(user, password).unwrap();
    let channel = Channel { exporter: TlsFacts::TEST.exporter, plus: true, certificate: None };
    let mut exchange = client::Exchange::new(mechanism, account, &channel, [7; 18]).unwrap();
    let first = exchange.initial().unwrap();
    let mut line = format!("AUTH {mechanism} ").into_bytes();
    base64::encode(&first, &mut line);
    let mut reply = talk.say(&format!("{}\n", str::from_utf8(&line).unwrap()));
    while let Some(challenge) = reply.strip_prefix("+ ") {
        let mut line = Vec::new();
        exchange.respond(challenge.trim_end().as_bytes(), &mut line).unwrap();
        reply = talk.say(&format!("{}\n", str::from_utf8(&line).unwrap()));
    }
    assert_eq!(reply.starts_with("+OK"), exchange.is_satisfied());
    reply
}

#[test]
fn scram_signs_in_whoever_has_the_password() {
    let host = host();
    let mut talk = pop3(&host, None);
    assert!(scram(&mut talk, "alice@example.test", PASSWORD).starts_with("+OK"));
    assert_eq!(talk.say("STAT\n"), "+OK 0 0\r\n");
    for user in ["bob@example.test", "nobody@example.test"] {
        let reply = scram(&mut pop3(&host, None), user, "wrong");
        assert!(reply.starts_with("-ERR [AUTH]"), "{reply}");
    }
}

#[test]
fn an_imported_hash_gets_its_verifier_at_the_next_sign_in() {
    let host = host();
    let bob = || host.directory().by_name("bob").unwrap();
    let hash = bob().settings.hash.0.clone();
    host.set_password("bob", NewPassword::Hashed(&hash)).unwrap();
    assert!(bob().settings.scram.is_empty());
    assert!(scram(&mut pop3(&host, None), "bob", PASSWORD).starts_with("-ERR"));
    drop(pop3(&host, Some("bob")));
    assert_eq!(bob().settings.scram.len(), 1);
    assert!(scram(&mut pop3(&host, None), "bob", PASSWORD).starts_with("+OK"));
}

/// With `scram_sha1` the host knows what is needed for SHA-1 too; passwords from before get it at the next sign-in
/// in clear. The verifiers do for the mechanisms that bind to the channel.
#[test]
fn scram_with_every_hash_and_bound_to_the_channel() {
    let store = Arc::new(Memory::new());
    drop(host_with(config(), Arc::clone(&store) as Arc<dyn posthaste_store::Store>));
    let told = crate::config::Config { scram_sha1: true, ..config() };
    let host = crate::Host::new(store, told, crate::inputs::Inputs::inline()).unwrap();
    let talk = || {
        let mut config = posthaste_core::pop3::server::Config::new("mail.example.test");
        config.mechanisms = Mechanism::ALL.to_vec();
        let mut machine = Server::new(Arc::new(config));
        posthaste_core::machine::Machine::secured(&mut machine, TlsFacts::TEST);
        Talk::new(machine, host.pop3(None))
    };
    use Mechanism::{ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus};
    for mechanism in [ScramSha256, ScramSha256Plus] {
        assert!(scram_by(mechanism, &mut talk(), "alice", PASSWORD).starts_with("+OK"));
        assert!(scram_by(mechanism, &mut talk(), "alice", "wrong").starts_with("-ERR [AUTH]"));
    }
    let reply = scram_by(ScramSha1, &mut talk(), "alice", PASSWORD);
    assert!(reply.starts_with("-ERR [AUTH]"), "not known yet: {reply}");
    drop(pop3(&host, Some("alice")));
    for mechanism in [ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus] {
        assert!(scram_by(mechanism, &mut talk(), "alice", PASSWORD).starts_with("+OK"));
        assert!(scram_by(mechanism, &mut talk(), "alice", "wrong").starts_with("-ERR [AUTH]"));
        assert!(scram_by(mechanism, &mut talk(), "nobody", "wrong").starts_with("-ERR [AUTH]"));
    }
}

#[test]
fn guesses_are_bounded_and_say_nothing() {
    let mut config = config();
    config.limits.auth_checks = 2;
    let host = host_with(config, Arc::new(Memory::new()));
    let try_it = |user: &str, password: &str| {
        let mut talk = pop3(&host, None);
        talk.say(&format!("USER {user}\n"));
        talk.say(&format!("PASS {password}\n"))
    };
    for user in ["alice", "nobody"] {
        assert!(try_it(user, "wrong").starts_with("-ERR [AUTH]"));
        assert!(try_it(user, "wrong").starts_with("-ERR [AUTH]"));
        assert!(try_it(user, "wrong").starts_with("-ERR [SYS/TEMP]"));
    }
    assert!(try_it("alice", PASSWORD).starts_with("-ERR [SYS/TEMP]"), "not even the right one");
    assert!(try_it("bob", PASSWORD).starts_with("+OK"));
}

/// A certificate opens the account that knows it, for nobody else, until it is taken away.
#[test]
fn certificates_sign_in_their_holders() {
    let store = Arc::new(Memory::new());
    let host = host_with(config(), Arc::clone(&store) as Arc<dyn posthaste_store::Store>);
    let certificate = Fingerprint([0xce; 32]);
    host.add_certificate("alice", certificate).unwrap();
    let taken = host.add_certificate("bob", certificate).unwrap_err().to_string();
    assert!(taken.ends_with("of alice@example.test exists already"), "{taken}");
    drop(host);
    let host = crate::Host::new(store, config(), crate::inputs::Inputs::inline()).unwrap();
    assert_eq!(*host.list_accounts().unwrap()[0].certificates, [certificate]);
    let sign_in = |shown: u8, message: &str| {
        let mut config = posthaste_core::pop3::server::Config::new("mail.example.test");
        config.mechanisms = vec![Mechanism::External];
        let mut machine = Server::new(Arc::new(config));
        let certificate = Some(Fingerprint([shown; 32]));
        let facts = TlsFacts { certificate, ..TlsFacts::TEST };
        posthaste_core::machine::Machine::secured(&mut machine, facts);
        let mut talk = Talk::new(machine, host.pop3(None));
        talk.say(&format!("AUTH EXTERNAL {message}\n"))
    };
    let b64 = |text: &str| {
        let mut out = Vec::new();
        base64::encode(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    for message in ["=".to_owned(), b64("alice"), b64("alice@example.test")] {
        assert!(sign_in(0xce, &message).starts_with("+OK"), "{message}");
    }
    for (shown, message) in [(0xcf, "=".to_owned()), (0xce, b64("bob")), (0xce, b64("nobody"))] {
        let reply = sign_in(shown, &message);
        assert!(reply.starts_with("-ERR [AUTH]"), "{message}: {reply}");
    }
    host.remove_certificate("bob", certificate).unwrap_err();
    host.remove_certificate("alice", certificate).unwrap();
    assert!(sign_in(0xce, "=").starts_with("-ERR [AUTH]"));
    for n in 0..crate::admin::CERTIFICATES {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&(n as u64).to_be_bytes());
        host.add_certificate("bob", Fingerprint(octets)).unwrap();
    }
    assert!(host.add_certificate("bob", certificate).is_err(), "there is a limit");
    host.remove_account("bob").unwrap();
    host.add_certificate("alice", Fingerprint([0; 32])).unwrap();
}
