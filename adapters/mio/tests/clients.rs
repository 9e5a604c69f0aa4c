//! Connections that we open, against peers on loopback.

#[path = "../../tls/tests/toy/mod.rs"]
mod toy;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use posthaste_core::machine::{End, Instant, Reason};
use posthaste_core::session::{Note, Place};
use posthaste_mio::clients::{Caller, Clients, InboxOf, Limits, Peer};
use posthaste_tls::link::Fault;
use posthaste_tls::{Certificates, ClientTls, ServerTls, Source, Trust, Upgrade};
use toy::{Book, Echoes, Server, Session};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes toy sessions, and remembers what it heard.
#[derive(Default)]
struct Toys {
    book: Arc<Book>,
    connected: Vec<u64>,
    over: Vec<(u64, Option<Fault>)>,
}

impl Caller for Toys {
    type Session = Session;

    fn connected(&mut self, call: u64) {
        self.connected.push(call);
    }

    fn begin(&mut self, _: u64, inbox: &Arc<InboxOf<Self>>, key: u64) -> Session {
        let place = Place::new(inbox.clone(), key);
        self.book.places.lock().unwrap().push(place.clone());
        Session::new(Server::new(PATIENCE), Echoes(self.book.clone()), place)
    }

    fn over(&mut self, call: u64, fault: Option<Fault>) {
        self.over.push((call, fault));
    }
}

fn plain(address: SocketAddr) -> Peer {
    Peer { address, upgrade: None, implicit: false }
}

fn clients(peer: Peer) -> Clients<Toys> {
    Clients::new(peer, Limits::DEFAULT, Toys::default()).unwrap()
}

/// Turns until `enough`, or fails.
fn turn_until(clients: &mut Clients<Toys>, enough: impl Fn(&mut Clients<Toys>) -> bool) {
    let last = clients.now() + PATIENCE;
    while !enough(clients) {
        assert!(clients.now() < last, "{clients:?} never gets there");
        let soon = clients.now() + Duration::from_millis(50);
        clients.turn(Some(soon)).unwrap();
    }
}

/// Serves `times` connections at once: says `said` to each and hears it to its end.
fn peers(times: usize, said: &str) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let said = said.to_owned();
    let serve = move || {
        let mut streams: Vec<TcpStream> =
            (0..times).map(|_| listener.accept().unwrap().0).collect();
        for stream in &mut streams {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
        }
        let hear = |mut stream: TcpStream| {
            let mut heard = Vec::new();
            // It may be cut off.
            let _ = stream.read_to_end(&mut heard);
            String::from_utf8(heard).unwrap()
        };
        streams.into_iter().map(hear).collect()
    };
    (address, thread::spawn(serve))
}

#[test]
fn many_at_once_to_their_ends() {
    // The peer answers nobody before all have come.
    let (address, peers) = peers(200, "one\r\nlater two\r\nSPEW 300000\r\nthree\r\nQUIT\r\n");
    let mut clients = clients(plain(address));
    (0..200).for_each(|call| clients.connect(call));
    turn_until(&mut clients, |clients| clients.open() == 0);
    let spewed = "x".repeat(300_000);
    let wanted = format!("HELLO\r\none\r\nlater two\r\n{spewed}three\r\nBYE\r\n");
    assert!(peers.join().unwrap().iter().all(|heard| *heard == wanted));
    let toys = clients.caller();
    assert_eq!(toys.connected.len(), 200);
    toys.over.sort_by_key(|(call, _)| *call);
    assert!(toys.over.iter().map(|(call, _)| *call).eq(0..200));
    assert!(toys.over.iter().all(|(_, fault)| fault.is_none()));
    assert!(toys.book.ends.lock().unwrap().iter().all(|end| *end == End::Quit));
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut clients = clients(plain(address));
    clients.connect(7);
    turn_until(&mut clients, |clients| clients.open() == 0);
    let toys = clients.caller();
    let [(7, Some(Fault::Socket(error)))] = &toys.over[..] else { panic!("{:?}", toys.over) };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(toys.connected.is_empty());
}

/// A server whose queue is full lets SYNs fall: nothing is heard.
#[test]
fn connecting_has_an_end() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let limits = Limits { connect: Duration::from_millis(200), ..Limits::DEFAULT };
    let mut clients = Clients::new(plain(address), limits, Toys::default()).unwrap();
    (0..8).for_each(|call| clients.connect(call));
    let failed = |clients: &mut Clients<Toys>| clients.caller().over.len();
    turn_until(&mut clients, |clients| failed(clients) + clients.caller().connected.len() == 8);
    assert!(failed(&mut clients) >= 6);
    for (_, fault) in &clients.caller().over {
        let Some(Fault::Socket(error)) = fault else { panic!("{fault:?}") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

#[test]
fn a_source_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut clients = clients(plain(listener.local_addr().unwrap()));
    let source = Ipv4Addr::new(127, 1, 2, 3).into();
    clients.connect_from(0, Some(source));
    let (stream, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), source);
    drop(stream);
    turn_until(&mut clients, |clients| clients.open() == 0);
    // Not an address of ours.
    clients.connect_from(1, Some(Ipv4Addr::new(192, 0, 2, 1).into()));
    assert_eq!(clients.open(), 0);
    assert!(matches!(clients.caller().over[1..], [(1, Some(Fault::Socket(_)))]));
}

#[test]
fn notes_end_a_sleep() {
    let (address, peers) = peers(1, "");
    let mut clients = clients(plain(address));
    clients.connect(0);
    turn_until(&mut clients, |clients| !clients.caller().book.places.lock().unwrap().is_empty());
    let place = clients.caller().book.places.lock().unwrap()[0].clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        place.send(Note::Close(Reason::Shutdown));
    });
    while clients.open() > 0 {
        // Nothing but the note ends this sleep.
        clients.turn(None).unwrap();
    }
    assert_eq!(peers.join().unwrap(), ["HELLO\r\nCLOSING Shutdown\r\n"]);
}

#[test]
fn close_says_goodbye_and_abort_does_not() {
    for (abort, wanted) in [(false, "HELLO\r\nCLOSING Shutdown\r\n"), (true, "HELLO\r\n")] {
        let (address, peers) = peers(3, "x");
        let mut clients = clients(plain(address));
        (0..3).for_each(|call| clients.connect(call));
        turn_until(&mut clients, |clients| clients.caller().book.places.lock().unwrap().len() == 3);
        if abort {
            clients.abort(Reason::Shutdown)
        } else {
            clients.close(Reason::Shutdown)
        }
        turn_until(&mut clients, |clients| clients.open() == 0);
        let heard = peers.join().unwrap();
        // What was cut off may not have been heard.
        assert!(heard.iter().all(|heard| wanted == heard || abort && wanted.starts_with(heard)));
        let toys = clients.caller();
        assert_eq!(toys.over.len(), 3);
        assert_eq!(*toys.book.ends.lock().unwrap(), [End::Closed(Reason::Shutdown); 3]);
    }
}

/// A turn ends when it was told to, though nothing happens.
#[test]
fn sleeps_end() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut clients = clients(plain(address));
    for micros in [1, 100, 300, 2_000, 20_000] {
        let until = clients.now() + Duration::from_micros(micros);
        while clients.now() < until {
            clients.turn(Some(until)).unwrap();
        }
    }
    // One that is over already does not sleep at all.
    clients.turn(Some(Instant::ZERO)).unwrap();
}

#[test]
fn tls_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![source.clone()]).unwrap());
    let server = ServerTls::new(certificates.clone()).unwrap();
    let listener = posthaste_mio::Listener {
        address: ([127, 0, 0, 1], 0).into(),
        mode: posthaste_mio::TlsMode::Implicit,
        tls: Some(server),
        proxies: Vec::new(),
    };
    let config =
        posthaste_mio::Config { listeners: vec![listener], reactors: 1, ..Default::default() };
    let book = toy::Toys::new();
    let server = posthaste_mio::Server::bind(config, book.clone()).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run());
    let trusted = Trust::file(&source.certificate).unwrap();
    for (trust, believed) in [(trusted, true), (Trust::Only(Vec::new()), false)] {
        let upgrade = Upgrade::Client(ClientTls::new(&trust).unwrap(), "localhost".to_owned());
        let peer = Peer { upgrade: Some(upgrade), implicit: true, ..plain(handle.addresses()[0]) };
        let mut clients = clients(peer);
        clients.connect(0);
        // Both sides are the toy that echoes: they have no end.
        let made = |clients: &mut Clients<Toys>| clients.caller().book.places.lock().unwrap().len();
        turn_until(&mut clients, |clients| made(clients) == 1 || clients.open() == 0);
        assert_eq!(made(&mut clients), usize::from(believed));
        assert_eq!(clients.caller().connected, [0]);
        clients.abort(Reason::Shutdown);
        let over = &clients.caller().over;
        assert_eq!(matches!(over[..], [(0, Some(Fault::Tls(_)))]), !believed, "{over:?}");
    }
    handle.abort();
    thread.join().unwrap().unwrap();
}
