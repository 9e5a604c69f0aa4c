//! The IMAP server with a handler: each default, messages that are appended, and changes from elsewhere.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::loopback;
use posthaste_core::machine::{End, TlsFacts};
use posthaste_tokio::imap::{
    Allowed, Append, Code, Command, Config, Context, Credentials, Decision, Handler, Mode, Peer,
    Reply, Responses, Server, Update, Verdict, rehearse,
};
use posthaste_tokio::{Listener, Poker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn under_tls() -> Peer {
    let mut peer = Peer::here();
    peer.tls = Some(TlsFacts::TEST);
    peer
}

/// How each tagged command ended, and with which code.
fn ends(heard: &str) -> String {
    let end = |line: &str| -> Option<String> {
        let rest = line.strip_prefix('a')?;
        let (number, rest) = rest.split_once(' ')?;
        let words: Vec<_> = rest.split(' ').take(2).collect();
        let code = words.get(1).filter(|word| word.starts_with('[')).copied().unwrap_or_default();
        Some(format!("{number} {}{code}", words[0]))
    };
    heard.lines().filter_map(end).collect::<Vec<_>>().join(", ")
}

struct Nobody;
impl Handler for Nobody {}

/// Signs in, and has every other default.
struct Open;

impl Handler for Open {
    async fn sign_in(&mut self, _: &Peer, _: &Credentials<'_>) -> Verdict {
        Verdict::Accepted
    }
}

#[tokio::test]
async fn every_default_refuses() {
    let says =
        "a1 LOGIN joe secret\r\na2 AUTHENTICATE PLAIN AGEAYg==\r\na3 SELECT INBOX\r\na4 LOGOUT\r\n";
    let heard = rehearse(Config::new("imap.test"), under_tls(), &mut Nobody, says).await;
    assert_eq!(
        ends(&heard),
        "1 NO[AUTHENTICATIONFAILED], 2 NO[AUTHENTICATIONFAILED], 3 BAD, 4 OK",
        "{heard}"
    );
    let says = "a1 LOGIN joe secret\r\na2 SELECT INBOX\r\na3 LIST \"\" *\r\na4 APPEND INBOX {2+}\r\nhi\r\n\
                a5 NOOP\r\na6 IDLE\r\nDONE\r\na7 LOGOUT\r\n";
    let heard = rehearse(Config::new("imap.test"), under_tls(), &mut Open, says).await;
    assert_eq!(
        ends(&heard),
        "1 OK[CAPABILITY, 2 NO[UNAVAILABLE], 3 NO[UNAVAILABLE], 4 NO[UNAVAILABLE], 5 OK, 6 OK, 7 OK",
        "{heard}"
    );
}

/// One mailbox whose messages are counted.
#[derive(Clone, Default)]
struct Counter {
    /// Messages, and how many of them the client knows.
    messages: Arc<Mutex<Vec<Vec<u8>>>>,
    known: usize,
    coming: Vec<u8>,
    poker: Arc<Mutex<Option<Poker>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Counter {
    fn count(&self) -> usize {
        self.messages.lock().unwrap().len()
    }
}

impl Handler for Counter {
    fn begins(&mut self, _: &Peer, poker: Poker) {
        *self.poker.lock().unwrap() = Some(poker);
    }

    async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
        match credentials.password().expose() {
            b"secret" => Verdict::Accepted,
            _ => Verdict::Rejected,
        }
    }

    async fn command(&mut self, peer: &Peer, context: Context<'_>, command: Command<'_>) -> Reply {
        let mut out = Responses::with(context.mode);
        match command {
            Command::Select(select) if select.mailbox.is_inbox() => {
                self.known = self.count();
                out.flags([]).exists(self.known as u32).note(&Code::UidValidity(1), "Always");
                out.ok(&format!("For {}", peer.user.as_deref().unwrap_or_default()))
            }
            _ => out.no(Code::NonExistent, "Not here"),
        }
    }

    async fn append(&mut self, _: &Peer, _: Context<'_>, head: Append<'_>) -> Decision {
        if head.mailbox.is_inbox() {
            Decision::Accept
        } else {
            Decision::refuse(Code::TryCreate, "There is INBOX only")
        }
    }

    async fn body(&mut self, octets: &[u8]) {
        tokio::task::yield_now().await;
        self.coming.extend_from_slice(octets);
    }

    async fn appended(&mut self) -> Reply {
        self.messages.lock().unwrap().push(std::mem::take(&mut self.coming));
        Responses::new().ok("Kept").changed()
    }

    fn body_lost(&mut self) {
        self.log.lock().unwrap().push(format!("lost {}", self.coming.len()));
        self.coming.clear();
    }

    async fn sync(&mut self, mode: Mode, _: Allowed) -> Update {
        let (count, mut out) = (self.count(), Responses::with(mode));
        if count != self.known {
            self.known = count;
            out.exists(count as u32);
        }
        Update::of(out)
    }

    fn ended(&mut self, _: &Peer, how: End) {
        self.log.lock().unwrap().push(format!("ended {how:?}"));
    }
}

#[tokio::test]
async fn messages_are_appended_as_they_come() {
    let mut counter = Counter::default();
    let long = "x".repeat(200_000);
    let says = format!(
        "a1 LOGIN joe secret\r\na2 SELECT INBOX\r\na3 APPEND INBOX {{5+}}\r\nhello\r\n\
         a4 APPEND Other {{2+}}\r\nhi\r\na5 APPEND INBOX {{{}+}}\r\n{long}\r\na6 APPEND INBOX {{9+}}\r\nhalf",
        long.len()
    );
    let heard = rehearse(Config::new("imap.test"), under_tls(), &mut counter, says).await;
    assert_eq!(ends(&heard), "1 OK[CAPABILITY, 2 OK, 3 OK, 4 NO[TRYCREATE], 5 OK", "{heard}");
    assert!(heard.contains("a2 OK For joe\r\n"), "{heard}");
    assert!(heard.contains("* 0 EXISTS\r\n") && heard.contains("* 1 EXISTS\r\na3 OK"), "{heard}");
    assert!(heard.contains("* 2 EXISTS\r\na5 OK"), "{heard}");
    assert_eq!(*counter.messages.lock().unwrap(), [b"hello".to_vec(), long.into_bytes()]);
    assert_eq!(*counter.log.lock().unwrap(), ["lost 4", "ended Eof"]);
}

#[tokio::test]
async fn changes_from_elsewhere_reach_a_client_that_idles() {
    let counter = Counter::default();
    let made = counter.clone();
    let mut config = Config::new("imap.test");
    config.plaintext_auth = true;
    let server = Server::builder(move |_| made.clone())
        .listen(Listener::plain(loopback()), config)
        .bind()
        .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let served = tokio::spawn(server.serve());
    let mut peer = TcpStream::connect(address).await.unwrap();
    let mut heard = String::new();
    let mut hear = async |peer: &mut TcpStream, until: &str| {
        while !heard.contains(until) {
            let mut room = [0; 1000];
            let read = tokio::time::timeout(Duration::from_secs(20), peer.read(&mut room));
            let n = read.await.unwrap_or_else(|_| panic!("no {until}: {heard}")).unwrap();
            assert!(n > 0, "closed: {heard}");
            heard.push_str(std::str::from_utf8(&room[..n]).unwrap());
        }
    };
    peer.write_all(b"a1 LOGIN joe secret\r\na2 SELECT INBOX\r\na3 IDLE\r\n").await.unwrap();
    hear(&mut peer, "+ ").await;
    for count in 1..=3 {
        counter.messages.lock().unwrap().push(b"new".to_vec());
        let poker = counter.poker.lock().unwrap().clone().unwrap();
        poker.poke();
        hear(&mut peer, &format!("* {count} EXISTS\r\n")).await;
    }
    peer.write_all(b"DONE\r\n").await.unwrap();
    hear(&mut peer, "a3 OK").await;
    handle.shutdown();
    hear(&mut peer, "* BYE").await;
    tokio::time::timeout(Duration::from_secs(20), served).await.unwrap().unwrap().unwrap();
    // Poking who is gone harms nobody.
    counter.poker.lock().unwrap().clone().unwrap().poke();
}
