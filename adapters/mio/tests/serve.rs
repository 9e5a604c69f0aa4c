//! Real sockets on loopback against the toy protocol.

#[path = "../../tls/tests/toy/mod.rs"]
mod toy;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use posthaste_core::machine::{End, Reason};
use posthaste_core::session::Note;
use posthaste_mio::{Config, Counts, Handle, Limits, Listener, Network, Server, TlsMode};
use toy::Toys;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    handle: Handle,
    thread: JoinHandle<std::io::Result<()>>,
}

fn local() -> Limits {
    Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT }
}

fn start(toys: &Toys, limits: Limits) -> Running {
    let listener = Listener {
        address: ([127, 0, 0, 1], 0).into(),
        mode: TlsMode::None,
        tls: None,
        proxies: Vec::new(),
    };
    run(toys, Config { listeners: vec![listener], reactors: 2, limits })
}

fn run(toys: &Toys, config: Config) -> Running {
    let server = Server::bind(config, toys.clone()).unwrap();
    let handle = server.handle();
    Running { handle, thread: thread::spawn(|| server.run()) }
}

impl Running {
    fn address(&self) -> SocketAddr {
        self.handle.addresses()[0]
    }

    fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address()).unwrap())
    }

    fn stop(self) -> Counts {
        self.handle.shutdown();
        self.thread.join().unwrap().unwrap();
        self.handle.counts()
    }
}

struct Peer(BufReader<TcpStream>);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// Everything until the end.
    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }

    fn finish(&self) {
        self.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    }
}

/// Waits until `what` is so.
fn until(what: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !what() {
        assert!(start.elapsed() < PATIENCE, "it never came to be");
        thread::yield_now();
    }
}

#[test]
fn echo_and_goodbye() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut peer = server.connect();
    assert_eq!(peer.hear(), "HELLO\r\n");
    peer.say("one\r\ntwo\r\nQUIT\r\n");
    assert_eq!(peer.rest(), "one\r\ntwo\r\nBYE\r\n");
    drop(peer);
    until(|| server.handle.counts().open == 0);
    assert_eq!(*toys.book.ends.lock().unwrap(), [End::Quit]);
    let counts = server.stop();
    assert_eq!((counts.accepted, counts.open), (1, 0));
}

#[test]
fn half_closed_peers_get_their_replies() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut peer = server.connect();
    peer.say("one\r\nlater two\r\nthree\r\n");
    peer.finish();
    assert_eq!(peer.rest(), "HELLO\r\none\r\nlater two\r\nthree\r\n");
    until(|| server.handle.counts().open == 0);
    assert_eq!(*toys.book.ends.lock().unwrap(), [End::Eof]);
    server.stop();
}

#[test]
fn late_answers_come_from_other_threads() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut peers: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for round in 0..10 {
        for peer in &mut peers {
            peer.say(&format!("later {round}\r\nat once {round}\r\n"));
        }
    }
    for peer in &mut peers {
        assert_eq!(peer.hear(), "HELLO\r\n");
        for round in 0..10 {
            assert_eq!(peer.hear(), format!("later {round}\r\n"));
            assert_eq!(peer.hear(), format!("at once {round}\r\n"));
        }
    }
    drop(peers);
    server.stop();
}

#[test]
fn notes_reach_their_session_and_no_other() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut first = server.connect();
    assert_eq!(first.hear(), "HELLO\r\n");
    let place = toys.book.places.lock().unwrap()[0].clone();
    let mut second = server.connect();
    assert_eq!(second.hear(), "HELLO\r\n");
    place.send(Note::Poke);
    assert_eq!(first.hear(), "POKED\r\n");
    place.send(Note::Close(Reason::Account));
    assert_eq!(first.rest(), "CLOSING Account\r\n");
    drop(first);
    until(|| server.handle.counts().open == 1);
    // Its slot may be taken again; its generation is not.
    let mut third = server.connect();
    assert_eq!(third.hear(), "HELLO\r\n");
    place.send(Note::Close(Reason::Account));
    for peer in [&mut second, &mut third] {
        peer.say("still here\r\n");
        assert_eq!(peer.hear(), "still here\r\n");
    }
    drop((second, third));
    server.stop();
}

#[test]
fn timers_fire() {
    let mut toys = Toys::new();
    toys.wait = Duration::from_millis(30);
    let server = start(&toys, local());
    let begun = std::time::Instant::now();
    assert_eq!(server.connect().rest(), "HELLO\r\nTIMEOUT\r\n");
    assert!(begun.elapsed() >= toys.wait);
    // An answer that never comes does not hang the session either.
    let mut peer = server.connect();
    peer.say("never\r\n");
    assert_eq!(peer.rest(), "HELLO\r\nTIMEOUT\r\n");
    drop(peer);
    server.stop();
    assert_eq!(*toys.book.ends.lock().unwrap(), [End::Timeout, End::Timeout]);
}

#[test]
fn a_panic_costs_its_own_connection() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut bystander = server.connect();
    let mut peer = server.connect();
    assert_eq!(peer.hear(), "HELLO\r\n");
    peer.say("panic\r\n");
    assert_eq!(peer.rest(), "");
    bystander.say("QUIT\r\n");
    assert_eq!(bystander.rest(), "HELLO\r\nBYE\r\n");
    drop((peer, bystander));
    assert_eq!(server.stop().panics, 1);
}

#[test]
fn large_bodies_come_through() {
    let toys = Toys::new();
    let server = start(&toys, local());
    let mut peer = server.connect();
    let size = 5_000_000;
    peer.say(&format!("BODY {size}\r\n"));
    peer.say(&"b".repeat(size));
    peer.say("QUIT\r\n");
    assert_eq!(peer.rest(), format!("HELLO\r\nGOT {size}\r\nBYE\r\n"));
    assert_eq!(toys.book.octets.load(Ordering::SeqCst), size as u64);
    drop(peer);
    server.stop();
}
