//! The POP3 server with a handler: each default, a whole session, and a real socket.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::loopback;
use posthaste_core::machine::{End, TlsFacts};
use posthaste_tokio::Listener;
use posthaste_tokio::pop3::{
    Config, Credentials, Deletions, Event, Handler, Maildrop, Opened, Peer, Piece, Server, Uid,
    Updated, Verdict, Wanted, rehearse,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn under_tls() -> Peer {
    let mut peer = Peer::here();
    peer.tls = Some(TlsFacts::TEST);
    peer
}

/// Says whether each reply is good, in a letter.
fn signs(heard: &str) -> String {
    let sign = |line: &str| match line.get(..1) {
        Some(sign @ ("+" | "-")) => sign.to_owned(),
        _ => String::new(),
    };
    heard.lines().map(sign).collect()
}

#[tokio::test]
async fn every_default_is_safe() {
    struct Nobody;
    impl Handler for Nobody {}

    let says = "USER joe\r\nPASS x\r\nAUTH PLAIN AGEAYg==\r\nSTAT\r\nQUIT\r\n";
    let heard = rehearse(Config::new("pop.test"), under_tls(), &mut Nobody, says).await;
    assert_eq!(signs(&heard), "++---+", "{heard}");
    assert_eq!(heard.matches("[AUTH]").count(), 2, "{heard}");

    /// Signs in, and has every other default.
    struct Open(bool);

    impl Handler for Open {
        async fn sign_in(&mut self, _: &Peer, _: &Credentials<'_>) -> Verdict {
            Verdict::Accepted
        }

        async fn open(&mut self, _: &Peer) -> Opened {
            if self.0 {
                Opened::Ready(Arc::new(Messages(Arc::default())))
            } else {
                Opened::Unavailable
            }
        }
    }

    struct Nothing;
    impl Handler for Nothing {
        async fn sign_in(&mut self, _: &Peer, _: &Credentials<'_>) -> Verdict {
            Verdict::Accepted
        }
    }

    let says = "USER joe\r\nPASS x\r\nQUIT\r\n";
    let heard = rehearse(Config::new("pop.test"), under_tls(), &mut Nothing, says).await;
    assert!(heard.contains("-ERR [SYS/TEMP]"), "{heard}");
    // A maildrop with a message that no method knows how to read or delete.
    let says = "USER joe\r\nPASS x\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\n";
    let heard = rehearse(Config::new("pop.test"), under_tls(), &mut Open(true), says).await;
    assert_eq!(signs(&heard), "+++--+-", "{heard}");
    assert_eq!(heard.matches("-ERR [SYS/TEMP]").count(), 3, "{heard}");
}

/// Messages in memory; one, if there are none.
#[derive(Clone)]
struct Messages(Arc<Vec<Vec<u8>>>);

impl Maildrop for Messages {
    fn count(&self) -> u32 {
        self.0.len().max(1) as u32
    }

    fn size(&self, number: u32) -> u64 {
        self.0.get(number as usize - 1).map_or(0, Vec::len) as u64
    }

    fn uid(&self, number: u32, uid: &mut Uid<'_>) {
        uid.push(format!("m{number}").as_bytes());
    }
}

/// Serves one maildrop in pieces, and writes down what happened.
#[derive(Clone)]
struct Keeper {
    messages: Messages,
    rest: Vec<u8>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Keeper {
    fn new(messages: &[&[u8]]) -> Self {
        let messages = messages.iter().map(|message| message.to_vec()).collect();
        Self { messages: Messages(Arc::new(messages)), rest: Vec::new(), log: Arc::default() }
    }

    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    fn piece(&mut self) -> Piece {
        let rest = self.rest.split_off(self.rest.len().min(10_000));
        let piece = std::mem::replace(&mut self.rest, rest).into();
        if self.rest.is_empty() { Piece::Last(piece) } else { Piece::Part(piece) }
    }
}

impl Handler for Keeper {
    async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
        match (credentials.user().as_bytes(), credentials.password().expose()) {
            (b"joe", b"sesame") => Verdict::Accepted,
            _ => Verdict::Rejected,
        }
    }

    async fn open(&mut self, peer: &Peer) -> Opened {
        self.note(format!("open {:?}", peer.user));
        Opened::Ready(Arc::new(self.messages.clone()))
    }

    async fn retrieve(&mut self, wanted: Wanted, lines: Option<u64>) -> Piece {
        self.note(format!("retrieve {} {lines:?}", wanted.number));
        self.rest = self.messages.0[wanted.number as usize - 1].clone();
        self.piece()
    }

    async fn more(&mut self) -> Piece {
        tokio::task::yield_now().await;
        self.piece()
    }

    async fn update(&mut self, deletions: &Deletions) -> Updated {
        self.note(format!("update {deletions:?}"));
        Updated::Durable
    }

    fn observe(&mut self, _: &Peer, event: &Event<'_>) {
        assert!(!format!("{event:?}").contains("sesame"));
    }

    fn ended(&mut self, _: &Peer, how: End) {
        self.note(format!("ended {how:?}"));
    }
}

#[tokio::test]
async fn a_whole_session() {
    let long = [b"Subject: long\r\n\r\n".to_vec(), b".dots and more\r\n".repeat(5_000)].concat();
    let mut keeper = Keeper::new(&[b"Subject: a\r\n\r\nhi\r\n", &long]);
    let says = "USER joe\r\nPASS wrong\r\nUSER joe\r\nPASS sesame\r\nSTAT\r\nUIDL 2\r\nTOP 1 0\r\n\
                RETR 2\r\nDELE 1\r\nQUIT\r\n";
    let heard = rehearse(Config::new("pop.test"), under_tls(), &mut keeper, says).await;
    let stat = format!("+OK 2 {}\r\n", 18 + long.len());
    assert!(heard.contains(&stat) && heard.contains("+OK 2 m2\r\n"), "{}", &heard[..500]);
    assert!(heard.contains("Subject: a\r\n\r\n.\r\n"));
    let stuffed = String::from_utf8(long).unwrap().replace("\r\n.", "\r\n..");
    assert!(heard.contains(&format!("{stuffed}.\r\n")));
    assert_eq!(
        *keeper.log.lock().unwrap(),
        ["open Some(\"joe\")", "retrieve 1 Some(0)", "retrieve 2 None", "update [1]", "ended Quit"]
    );
    // Without QUIT nothing is deleted.
    let mut keeper = Keeper::new(&[b"Subject: a\r\n\r\nhi\r\n"]);
    let says = "USER joe\r\nPASS sesame\r\nDELE 1\r\n";
    rehearse(Config::new("pop.test"), under_tls(), &mut keeper, says).await;
    assert_eq!(*keeper.log.lock().unwrap(), ["open Some(\"joe\")", "ended Eof"]);
}

#[tokio::test]
async fn over_a_socket() {
    let keeper = Keeper::new(&[b"Subject: a\r\n\r\nhi\r\n"]);
    let log = keeper.log.clone();
    let mut config = Config::new("pop.test");
    config.plaintext_auth = true;
    let server = Server::builder(move |peer: &Peer| {
        assert!(peer.address.ip().is_loopback());
        keeper.clone()
    })
    .listen(Listener::plain(loopback()), config)
    .bind()
    .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let served = tokio::spawn(server.serve());
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"USER joe\r\nPASS sesame\r\nRETR 1\r\n").await.unwrap();
    let mut heard = String::new();
    while !heard.contains("hi\r\n.\r\n") {
        let mut room = [0; 1000];
        let read = tokio::time::timeout(Duration::from_secs(20), peer.read(&mut room));
        let n = read.await.unwrap().unwrap();
        assert!(n > 0, "{heard}");
        heard.push_str(std::str::from_utf8(&room[..n]).unwrap());
    }
    handle.shutdown();
    tokio::time::timeout(Duration::from_secs(20), served).await.unwrap().unwrap().unwrap();
    assert!(log.lock().unwrap().last().unwrap().contains("Shutdown"));
}
