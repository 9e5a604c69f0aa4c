//! Both adapters serve the toy protocol: the same bytes, limits, waits and ends.

#[path = "../../adapters/tls/tests/toy/mod.rs"]
mod toy;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use posthaste_core::machine::{End, Input, Reason};
use posthaste_core::session::Note;
use posthaste_tls::{Certificates, Source};
use posthaste_tokio::{
    ClientTls, Config, Counts, Handle, Limits, Listener, Network, ServerTls, TlsMode, Trust,
};
use toy::Toys;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn local() -> Limits {
    Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT }
}

fn tls() -> ServerTls {
    static TLS: std::sync::OnceLock<ServerTls> = std::sync::OnceLock::new();
    TLS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
        ServerTls::new(Arc::new(Certificates::load(vec![source]).unwrap())).unwrap()
    })
    .clone()
}

fn config(limits: Limits, threads: usize) -> Config {
    let address = ([127, 0, 0, 1], 0).into();
    let listener = |mode| Listener { address, mode, tls: Some(tls()), proxies: Vec::new() };
    let listeners = vec![listener(TlsMode::StartTls), listener(TlsMode::Implicit)];
    Config { listeners, reactors: threads, limits }
}

struct Running {
    handle: Handle,
    thread: JoinHandle<std::io::Result<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Runtime {
    Mio,
    Tokio,
}

fn start(runtime: Runtime, toys: &Toys, config: Config) -> Running {
    match runtime {
        Runtime::Mio => {
            let server = posthaste_mio::Server::bind(config, toys.clone()).unwrap();
            Running { handle: server.handle(), thread: thread::spawn(|| server.run()) }
        }
        Runtime::Tokio => {
            let server = posthaste_tokio::Server::bind(config, toys.clone()).unwrap();
            Running { handle: server.handle(), thread: thread::spawn(|| server.run()) }
        }
    }
}

impl Running {
    fn address(&self, listener: usize) -> SocketAddr {
        self.handle.addresses()[listener]
    }

    fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address(0)).unwrap())
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

    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
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

/// Everything that a client hears when it sends `script` in pieces of `cut`, in the clear or over TLS.
fn transcript(address: SocketAddr, script: &[u8], cut: usize, over: TlsMode) -> Vec<u8> {
    transcript_behind(b"", address, script, cut, over)
}

/// The same, behind what a proxy says first.
fn transcript_behind(
    header: &[u8],
    address: SocketAddr,
    script: &[u8],
    cut: usize,
    over: TlsMode,
) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    if over == TlsMode::None {
        for piece in [header, script].concat().chunks(cut) {
            stream.write_all(piece).unwrap();
        }
        stream.read_to_end(&mut heard).unwrap();
        return heard;
    }
    // The header and the first octets of TLS come together.
    let mut wire = header.to_vec();
    if over == TlsMode::StartTls {
        wire.extend_from_slice(b"STARTTLS\r\n");
        for piece in std::mem::take(&mut wire).chunks(cut) {
            stream.write_all(piece).unwrap();
        }
        while !heard.ends_with(b"GO\r\n") {
            let mut octet = [0];
            stream.read_exact(&mut octet).unwrap();
            heard.push(octet[0]);
        }
    }
    let client = ClientTls::new(&Trust::Only(tls().certificates().first())).unwrap();
    let mut tls = client.start("localhost").unwrap();
    let (mut plain, mut sent) = (Input::new(), false);
    let mut room = vec![0; 10_000];
    while !plain.is_ended() {
        tls.send(if tls.ready().is_some() && !sent { script } else { b"" }, &mut wire);
        sent |= tls.ready().is_some();
        for piece in std::mem::take(&mut wire).chunks(cut.max(10)) {
            stream.write_all(piece).unwrap();
        }
        if tls.ready().is_none() || sent {
            let n = stream.read(&mut room).unwrap();
            assert!(n > 0, "the end came without close_notify");
            tls.receive(&room[..n], &mut plain).unwrap();
        }
    }
    heard.extend_from_slice(plain.bytes());
    heard
}

#[test]
fn one_script_one_transcript() {
    let script = b"one\r\nlater two\r\nBODY 31\r\nhello, world\r\n and more words..later three\r\n\
        SPEW 300000\r\nfour\r\nlater five\r\nQUIT\r\n";
    let mut all = Vec::new();
    let mut ends = Vec::new();
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        for threads in [1, 2] {
            let toys = Toys::new();
            let server = start(runtime, &toys, config(local(), threads));
            for over in [TlsMode::None, TlsMode::StartTls, TlsMode::Implicit] {
                let address = server.address(usize::from(over == TlsMode::Implicit));
                for cut in [1, 7, usize::MAX] {
                    let mut heard = transcript(address, script, cut, over);
                    if over == TlsMode::StartTls {
                        assert_eq!(heard.drain(..11).collect::<Vec<_>>(), b"HELLO\r\nGO\r\n");
                        heard.splice(0..0, *b"HELLO\r\n");
                    }
                    all.push((runtime, threads, over, cut, heard));
                }
            }
            until(|| server.handle.counts().open == 0);
            ends.push(toys.book.ends.lock().unwrap().clone());
            assert_eq!(toys.book.octets.load(Ordering::SeqCst), 9 * 31);
            server.stop();
        }
    }
    let expected = format!(
        "HELLO\r\none\r\nlater two\r\nGOT 31\r\nlater three\r\n{}four\r\nlater five\r\nBYE\r\n",
        "x".repeat(300_000)
    );
    assert_eq!(all.len(), 36);
    for (runtime, threads, over, cut, heard) in all {
        assert!(heard == expected.as_bytes(), "{runtime:?} {threads} {over} {cut}");
    }
    for ends in ends {
        assert_eq!(ends, [End::Quit; 9]);
    }
}

#[test]
fn drain_lets_work_finish_and_ends_the_idle() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let server = start(runtime, &toys, config(local(), 2));
        let address = server.address(0);
        let mut idle = server.connect();
        let mut asking = server.connect();
        let mut sending = server.connect();
        for peer in [&mut idle, &mut asking, &mut sending] {
            assert_eq!(peer.hear(), "HELLO\r\n");
        }
        asking.say("never mind\r\n");
        until(|| toys.book.held.lock().unwrap().len() == 1);
        sending.say("BODY 10\r\n12345");
        until(|| toys.book.octets.load(Ordering::SeqCst) == 5);
        server.handle.shutdown();
        assert_eq!(idle.rest(), "CLOSING Shutdown\r\n", "{runtime:?}");
        until(|| TcpStream::connect(address).is_err());
        let responder = toys.book.held.lock().unwrap().pop().unwrap();
        responder.answer(b"done".to_vec());
        assert_eq!(asking.rest(), "done\r\nCLOSING Shutdown\r\n", "{runtime:?}");
        sending.say("67890");
        assert_eq!(sending.rest(), "GOT 10\r\nCLOSING Shutdown\r\n", "{runtime:?}");
        drop((idle, asking, sending));
        assert_eq!(server.stop().open, 0);
        let closed = End::Closed(Reason::Shutdown);
        assert_eq!(*toys.book.ends.lock().unwrap(), [closed, closed, closed]);
    }
}

#[test]
fn drain_has_an_end() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        for abort in [false, true] {
            let toys = Toys::new();
            let drain = Duration::from_millis(if abort { 60_000 } else { 50 });
            let server = start(runtime, &toys, config(Limits { drain, ..local() }, 1));
            let mut asking = server.connect();
            asking.say("never\r\n");
            until(|| toys.book.held.lock().unwrap().len() == 1);
            server.handle.shutdown();
            if abort {
                server.handle.abort();
            }
            assert_eq!(asking.rest(), "HELLO\r\nCLOSING Shutdown\r\n", "{runtime:?}");
            drop(asking);
            assert_eq!(server.stop().open, 0);
            assert_eq!(*toys.book.ends.lock().unwrap(), [End::Closed(Reason::Shutdown)]);
        }
    }
}

#[test]
fn limits_at_the_door() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { connections_per_address: 2, ..Limits::DEFAULT };
        let server = start(runtime, &toys, config(limits, 1));
        let mut inside: Vec<_> = (0..2).map(|_| server.connect()).collect();
        for peer in &mut inside {
            assert_eq!(peer.hear(), "HELLO\r\n");
        }
        // The protocol's own words, while they are few.
        assert_eq!(server.connect().rest(), "CLOSING Crowd\r\n", "{runtime:?}");
        // With TLS first there are none.
        let mut tls = Peer::new(TcpStream::connect(server.address(1)).unwrap());
        assert!(tls.0.read_to_end(&mut Vec::new()).is_ok_and(|n| n == 0));
        drop(tls);
        inside.pop();
        until(|| server.handle.counts().open == 1);
        let mut again = server.connect();
        assert_eq!(again.hear(), "HELLO\r\n");
        // Other limits count from now on.
        server.handle.set_limits(local());
        let mut more: Vec<_> = (0..10).map(|_| server.connect()).collect();
        for peer in &mut more {
            assert_eq!(peer.hear(), "HELLO\r\n");
        }
        drop((inside, again, more));
        let counts = server.stop();
        assert_eq!((counts.accepted, counts.refused, counts.dropped), (15, 1, 1), "{runtime:?}");
        assert_eq!(counts.gate.address, 2, "{runtime:?}: {counts:?}");
    }
}

/// Half of ten begin the stress: sessions that are made from then on have to be quick, with TLS first, too.
#[test]
fn stress_is_told_to_the_sessions() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits =
            Limits { connections: 10, reserved: 0, stress_connections: 50, ..Limits::DEFAULT };
        let server = start(runtime, &toys, config(limits, 1));
        let strained =
            || toys.book.arrivals.lock().unwrap().iter().filter(|from| from.strained).count();
        let mut calm: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for peer in &mut calm {
            assert_eq!(peer.hear(), "HELLO\r\n");
        }
        assert_eq!((strained(), server.handle.counts().stressed), (0, true), "{runtime:?}");
        assert_eq!(server.connect().hear(), "HELLO\r\n");
        let said = transcript(server.address(1), b"QUIT\r\n", 6, TlsMode::Implicit);
        assert_eq!(String::from_utf8_lossy(&said), "HELLO\r\nBYE\r\n");
        assert_eq!(strained(), 2, "{runtime:?}");
        drop(calm);
        until(|| server.handle.counts().open == 0);
        assert_eq!(server.connect().hear(), "HELLO\r\n");
        assert_eq!(strained(), 2, "{runtime:?}");
        let gate = server.stop().gate;
        assert_eq!((gate.strained, gate.stress), (2, 1), "{runtime:?}");
    }
}

#[test]
fn a_flood_is_dropped_and_the_door_works_on() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { connections: 10, reserved: 0, ..local() };
        let server = start(runtime, &toys, config(limits, 2));
        let flood: Vec<_> = (0..300).map(|_| server.connect()).collect();
        until(|| server.handle.counts().accepted == 300);
        assert!(toys.book.made.load(Ordering::SeqCst) <= 40, "refusals with words are bounded");
        drop(flood);
        until(|| server.handle.counts().open == 0);
        let mut peer = server.connect();
        assert_eq!(peer.hear(), "HELLO\r\n", "{runtime:?}");
        drop(peer);
        let counts = server.stop();
        assert!(counts.dropped > 200, "{counts:?}");
    }
}

#[test]
fn handshakes_that_fail_or_never_come_are_counted() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { tls_handshake: Duration::from_millis(50), ..local() };
        let server = start(runtime, &toys, config(limits, 1));
        let mut silent = Peer::new(TcpStream::connect(server.address(1)).unwrap());
        assert!(silent.0.read_to_end(&mut Vec::new()).is_ok_and(|n| n == 0));
        // A record of 512 octets, one at a time: an octet earns no more time.
        let drip = TcpStream::connect(server.address(1)).unwrap();
        let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[0; 506]].concat();
        let sent = hello.iter().take_while(|octet| {
            std::thread::sleep(Duration::from_millis(5));
            (&drip).write_all(&[**octet]).is_ok()
        });
        assert!(sent.count() < hello.len(), "{runtime:?}: it may drip for ever");
        let mut garbage = Peer::new(TcpStream::connect(server.address(1)).unwrap());
        garbage.say("EHLO a plain client\r\n");
        let mut alert = Vec::new();
        garbage.0.read_to_end(&mut alert).unwrap();
        assert_eq!(alert.first(), Some(&21));
        let mut injected = server.connect();
        injected.say("STARTTLS\r\n");
        assert_eq!((injected.hear(), injected.hear()), ("HELLO\r\n".into(), "GO\r\n".into()));
        injected.say("MAIL FROM:<>\r\n");
        let mut alert = Vec::new();
        injected.0.read_to_end(&mut alert).unwrap();
        assert_eq!(alert.first(), Some(&21));
        let counts = server.stop();
        assert_eq!((counts.handshakes_failed, counts.handshakes_late), (2, 2), "{runtime:?}");
        assert_eq!(counts.open, 0, "{runtime:?}");
        // Only the third ever had a session.
        assert_eq!(*toys.book.ends.lock().unwrap(), [End::Closed(Reason::Lost)]);
    }
}

#[test]
fn slow_readers_are_given_up_and_hurt_nobody() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { write_stall: Duration::from_millis(100), ..local() };
        let server = start(runtime, &toys, config(limits, 1));
        let mut slow = server.connect();
        slow.say("SPEW 500000000\r\n");
        let mut other = server.connect();
        other.say("one\r\nQUIT\r\n");
        assert_eq!(other.rest(), "HELLO\r\none\r\nBYE\r\n");
        until(|| server.handle.counts().stalled == 1);
        drop((slow, other));
        server.stop();
        assert_eq!(*toys.book.ends.lock().unwrap(), [End::Quit, End::Closed(Reason::Lost)]);
    }
}

#[test]
fn timers_notes_and_panics() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let mut toys = Toys::new();
        toys.wait = Duration::from_millis(300);
        let server = start(runtime, &toys, config(local(), 2));
        let mut timed = server.connect();
        assert_eq!(timed.hear(), "HELLO\r\n");
        toys.book.places.lock().unwrap()[0].send(Note::Poke);
        assert_eq!(timed.rest(), "POKED\r\nTIMEOUT\r\n", "{runtime:?}");
        let mut broken = server.connect();
        assert_eq!(broken.hear(), "HELLO\r\n");
        broken.say("panic\r\n");
        assert_eq!(broken.rest(), "");
        drop((timed, broken));
        let counts = server.stop();
        assert_eq!((counts.panics, counts.open), (1, 0), "{runtime:?}");
    }
}

#[test]
fn thousands_at_once() {
    const MANY: usize = 3_000;
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let server = start(runtime, &toys, config(local(), 2));
        let mut peers: Vec<_> =
            (0..MANY).map(|_| TcpStream::connect(server.address(0)).unwrap()).collect();
        for (index, peer) in peers.iter_mut().enumerate() {
            let late = if index % 2 == 0 { "" } else { "later " };
            peer.write_all(format!("{late}{index}\r\nQUIT\r\n").as_bytes()).unwrap();
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            let mut heard = String::new();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.read_to_string(&mut heard).unwrap();
            let late = if index % 2 == 0 { "" } else { "later " };
            assert_eq!(heard, format!("HELLO\r\n{late}{index}\r\nBYE\r\n"), "{runtime:?}");
        }
        drop(peers);
        assert_eq!(server.stop().accepted, MANY as u64);
        assert_eq!(toys.book.ends.lock().unwrap().len(), MANY);
    }
}

fn behind_proxies(limits: Limits) -> Config {
    let mut config = config(limits, 1);
    for listener in &mut config.listeners {
        listener.proxies = Network::LOOPBACK.to_vec();
    }
    config
}

/// Both versions of the header, before the protocol and before TLS, in one piece and octet by octet; and the
/// session is made for whom the proxy speaks.
#[test]
fn proxies_say_whose_connection_it_is() {
    let v1: &[u8] = b"PROXY TCP4 192.0.2.9 198.51.100.1 50123 25\r\n";
    let v2: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\xc6\x33\x64\x01\xc3\xcb\0\x19";
    let own: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let server = start(runtime, &toys, behind_proxies(local()));
        let mut wanted = Vec::new();
        for (header, peer) in
            [(v1, Some("192.0.2.9:50123")), (v2, Some("192.0.2.9:50123")), (own, None)]
        {
            for (over, listener) in
                [(TlsMode::None, 0), (TlsMode::StartTls, 0), (TlsMode::Implicit, 1)]
            {
                for cut in [1_000, 1] {
                    let address = server.address(listener);
                    let heard = transcript_behind(header, address, b"one\r\nQUIT\r\n", cut, over);
                    let heard = String::from_utf8(heard).unwrap();
                    assert!(
                        heard.ends_with("one\r\nBYE\r\n"),
                        "{runtime:?} {over:?} {cut}: {heard}"
                    );
                    wanted.push(peer);
                }
            }
        }
        let counts = server.stop();
        assert_eq!((counts.open, counts.proxy_errors), (0, 0));
        let arrivals = toys.book.arrivals.lock().unwrap();
        assert_eq!(arrivals.len(), wanted.len());
        for (arrival, peer) in arrivals.iter().zip(wanted) {
            match peer {
                Some(peer) => {
                    assert_eq!(arrival.peer.to_string(), peer, "{runtime:?}");
                    assert_eq!(arrival.local.to_string(), "198.51.100.1:25");
                    assert!(!arrival.trusted, "who stands behind a trusted proxy is a stranger");
                }
                None => assert!(arrival.peer.ip().is_loopback() && arrival.trusted),
            }
        }
    }
}

/// A listed proxy that does not say it, says nonsense or says nothing is closed without a word; and whoever is not
/// listed is not asked.
#[test]
fn proxies_that_do_not_say_it_are_closed() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { tls_handshake: Duration::from_millis(200), ..local() };
        let server = start(runtime, &toys, behind_proxies(limits));
        for front in ["one\r\n", "PROXY TCP9 x\r\n", "PROXY TCP4 192.0.2.9"] {
            let mut peer = server.connect();
            peer.say(front);
            let mut heard = Vec::new();
            // Closing with something unread resets the connection.
            let _ = peer.0.read_to_end(&mut heard);
            assert!(heard.is_empty(), "{runtime:?} {front:?}: {heard:?}");
        }
        let counts = server.stop();
        assert_eq!((counts.open, counts.proxy_errors, counts.stalled), (0, 2, 1), "{runtime:?}");
        assert_eq!(toys.book.made.load(Ordering::SeqCst), 0);
        let server = start(runtime, &toys, config(local(), 1));
        let mut peer = server.connect();
        peer.say("PROXY UNKNOWN\r\nQUIT\r\n");
        assert_eq!(peer.rest(), "HELLO\r\nPROXY UNKNOWN\r\nBYE\r\n");
        server.stop();
    }
}

/// Who stands behind a proxy is counted by its own address, not by that of the proxy.
#[test]
fn the_caps_are_those_of_whom_a_proxy_speaks_for() {
    for runtime in [Runtime::Mio, Runtime::Tokio] {
        let toys = Toys::new();
        let limits = Limits { connections_per_address: 2, ..Limits::DEFAULT };
        let server = start(runtime, &toys, behind_proxies(limits));
        let visit = |address: &str| {
            let mut peer = server.connect();
            peer.say(&format!("PROXY TCP4 {address} 198.51.100.1 1 25\r\n"));
            let said = peer.hear();
            (peer, said)
        };
        let (one, two) = (visit("192.0.2.9"), visit("192.0.2.9"));
        assert_eq!((&*one.1, &*two.1), ("HELLO\r\n", "HELLO\r\n"));
        assert_ne!(visit("192.0.2.9").1, "HELLO\r\n", "{runtime:?}");
        assert_eq!(visit("198.51.100.77").1, "HELLO\r\n", "{runtime:?}");
        drop((one, two));
        until(|| server.handle.counts().open == 0);
        assert_eq!(visit("192.0.2.9").1, "HELLO\r\n", "{runtime:?}");
        assert_eq!(server.stop().refused, 1);
    }
}
