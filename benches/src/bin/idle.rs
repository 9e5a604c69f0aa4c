//! What an idle connection costs: user-space memory of the adapters alone, plain and with TLS.
//!
//! ```text
//! cargo run --release -p posthaste-benches --bin idle [-- CONNECTIONS]
//! ```
//! The server is a process of its own (this program again), so that the clients' memory is not
//! counted. Each connection has spoken once, and then waits. Its session is nearly empty: what a
//! machine, a handler and an open mailbox need comes on top.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use posthaste_core::gate::Arrival;
use posthaste_core::machine::{Input, Instant, Reason, Stale, TlsFacts};
use posthaste_core::session::{Session, Wait};
use posthaste_mio::{
    Config, Factory, InboxOf, Limits, Listener, Network, Server, ServerTls, TlsMode,
};
use posthaste_tls::{Certificates, ClientTls, Source, Trust};

/// Counts what is allocated and not freed.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);
static BLOCKS: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as i64, Ordering::Relaxed);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Greets, and gives back what it hears.
struct Still {
    greeted: bool,
}

impl Session for Still {
    type Note = ();

    fn turn(&mut self, _: Instant, input: &mut Input, out: &mut Vec<u8>) -> Wait {
        if !std::mem::replace(&mut self.greeted, true) {
            out.extend_from_slice(b"HELLO\r\n");
        }
        out.extend_from_slice(input.bytes());
        input.discard(input.len());
        if input.is_ended() { Wait::Closed } else { Wait::Read }
    }

    fn note(&mut self, (): (), _: &mut Vec<u8>) -> Result<(), Stale> {
        Ok(())
    }

    fn poke(&mut self) {}

    fn close(&mut self, _: Reason, _: &mut Vec<u8>) {}

    fn deadline(&self) -> Option<Instant> {
        Some(Instant::from_millis(1_800_000))
    }

    fn secured(&mut self, _: TlsFacts) {}
}

struct Stills;

impl Factory for Stills {
    type Session = Still;

    fn make(&self, _: &Arrival, _: &Arc<InboxOf<Self>>, _: u64) -> Still {
        Still { greeted: false }
    }
}

fn main() {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("serve") {
        return serve();
    }
    let most = argument.map_or(2_000, |text| text.parse().expect("a number of connections"));
    println!("{:>12} {:>8} {:>12} {:>12} {:>10}", "", "number", "heap each", "RSS each", "blocks");
    // A peer that sent large records made rustls hold more meanwhile; it must not stay.
    for (name, tls, size) in
        [("plain", false, 6), ("TLS 1.3", true, 6), ("TLS, 60 KB", true, 60_000)]
    {
        // The first few pay for pools, tables and threads.
        let few = most / 10;
        let (a, b) = (measure(few, tls, size), measure(most, tls, size));
        let each = |what: fn(&Held) -> i64| (what(&b) - what(&a)) / (most - few) as i64;
        println!(
            "{name:>12} {most:>8} {:>10} B {:>10} B {:>10}",
            each(|held| held.heap),
            each(|held| held.rss),
            each(|held| held.blocks),
        );
    }
}

struct Held {
    heap: i64,
    rss: i64,
    blocks: i64,
}

/// What a server process holds with `number` idle connections.
fn measure(number: usize, tls: bool, size: usize) -> Held {
    let me = std::env::current_exe().expect("this program's path");
    let mut child = Command::new(me)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut says = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut asks = child.stdin.take().expect("a pipe");
    let mut line = || {
        let mut line = String::new();
        says.read_line(&mut line).expect("the server's answer");
        line.trim().to_owned()
    };
    let addresses: Vec<SocketAddr> = (0..2).map(|_| line().parse().expect("an address")).collect();
    let client = ClientTls::new(&Trust::Anybody).expect("a TLS client");
    let clients: Vec<TcpStream> = (0..number)
        .map(|_| speak(addresses[usize::from(tls)], tls.then_some(&client), size))
        .collect();
    asks.write_all(b"held\n").expect("the server listens");
    let figures = line();
    let mut figures = figures.split(' ').map(|figure| figure.parse().expect("a figure"));
    let mut next = || figures.next().expect("three figures");
    let held = Held { heap: next(), blocks: next(), rss: next() };
    drop(asks);
    drop(clients);
    child.wait().expect("the server ends");
    held
}

/// A connection that has been greeted, has said `size` octets and heard them.
fn speak(address: SocketAddr, tls: Option<&ClientTls>, size: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let say = vec![b'x'; size];
    let expected = b"HELLO\r\n".len() + size;
    let mut room = vec![0; 100_000];
    let Some(client) = tls else {
        stream.write_all(&say).expect("the server reads");
        stream.read_exact(&mut room[..expected]).expect("the server answers");
        return stream;
    };
    let mut tls = client.start("localhost").expect("a name");
    let (mut plain, mut wire, mut said) = (Input::new(), Vec::new(), false);
    while plain.len() < expected {
        let now = tls.ready().is_some() && !said;
        tls.send(if now { &say } else { b"" }, &mut wire);
        said |= now;
        stream.write_all(&wire).expect("the server reads");
        wire.clear();
        if tls.ready().is_none() || said {
            let n = stream.read(&mut room).expect("the server answers");
            tls.receive(&room[..n], &mut plain).expect("TLS");
        }
    }
    stream
}

fn serve() {
    let folder = std::env::temp_dir().join(format!("posthaste-idle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let source = Source::self_signed(&folder, &["localhost".to_owned()]).expect("a certificate");
    let certificates = Certificates::load(vec![source]).expect("the certificate");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    let tls = ServerTls::new(Arc::new(certificates)).expect("TLS");
    let address = ([127, 0, 0, 1], 0).into();
    let listener = |mode| Listener { address, mode, tls: Some(tls.clone()), proxies: Vec::new() };
    let limits = Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT };
    let config = Config {
        listeners: vec![listener(TlsMode::None), listener(TlsMode::Implicit)],
        reactors: 2,
        limits,
    };
    let server = Server::bind(config, Stills).expect("free ports");
    for address in server.addresses() {
        println!("{address}");
    }
    let handle = server.handle();
    let thread = std::thread::spawn(|| server.run());
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
        let pages: i64 =
            statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("resident pages");
        let held = HELD.load(Ordering::Relaxed);
        println!("{held} {} {}", BLOCKS.load(Ordering::Relaxed), pages * 4_096);
        line.clear();
    }
    handle.abort();
    thread.join().expect("no panic").expect("no failure");
}
