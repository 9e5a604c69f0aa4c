//! A process without file descriptors left. Alone in its file, because the limit is the process's.

#[path = "../../tls/tests/toy/mod.rs"]
mod toy;

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use posthaste_mio::{Config, Limits, Listener, Network, Server, TlsMode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use toy::Toys;

// RFC: 5321-4.5.4.2-1
#[test]
fn accepting_pauses_and_goes_on() {
    let listener = Listener {
        address: ([127, 0, 0, 1], 0).into(),
        mode: TlsMode::None,
        tls: None,
        proxies: Vec::new(),
    };
    let limits = Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT };
    let config = Config { listeners: vec![listener], reactors: 1, limits };
    let server = Server::bind(config, Toys::new()).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run());
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(60), maximum: most }).unwrap();
    // Each takes a descriptor here and one there, until there is none for either.
    let mut peers = Vec::new();
    while let Ok(peer) = TcpStream::connect(handle.addresses()[0]) {
        peers.push(peer);
    }
    let begun = Instant::now();
    while handle.counts().accept_errors < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", handle.counts());
        thread::yield_now();
    }
    // Two errors are a pause apart: it does not spin.
    let errors = handle.counts().accept_errors;
    assert!(errors as u128 <= 2 + begun.elapsed().as_millis() / 90, "{errors} errors");
    let waiting = peers.split_off(peers.len() - 2);
    drop(peers);
    // Those who waited are served without a new edge.
    for mut peer in waiting {
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut heard = [0; 7];
        peer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"HELLO\r\n");
    }
    handle.shutdown();
    thread.join().unwrap().unwrap();
}
