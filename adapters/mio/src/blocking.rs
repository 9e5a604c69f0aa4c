//! One session over one blocking socket: for clients on the command line, and for tests.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use posthaste_core::gate::Limits;
use posthaste_core::machine::Instant;
use posthaste_core::session::Session;
use posthaste_tls::link::Fault;
use posthaste_tls::{Driver, Inbox, Next, Pool, Rules, Upgrade};

/// How long a read waits before it looks for notes.
const SLICE: Duration = Duration::from_millis(50);

/// Carries on one conversation to its end, on this thread.
///
/// `make` gets the inbox by which the session can be reached from other threads, with key 0. With
/// `implicit`, TLS comes first; otherwise when the session asks for it. `upgrade` says how.
///
/// # Errors
/// Why the connection broke; the session has heard that it is lost. How a conversation ended that did
/// not break is the session's to know.
pub fn converse<S: Session>(
    mut stream: TcpStream,
    make: impl FnOnce(&Arc<Inbox<S::Note>>) -> S,
    upgrade: Option<&Upgrade>,
    implicit: bool,
) -> Result<(), Fault> {
    let limits = Limits::DEFAULT;
    let (tls_handshake, write_stall) = (limits.tls_handshake, limits.write_stall);
    let rules = Rules { upgrade, tls_handshake, write_stall, salvage: true };
    let epoch = std::time::Instant::now();
    let now =
        || Instant::from_micros(u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX));
    let mut pool = Pool::new();
    let here = thread::current();
    let inbox = Arc::new(Inbox::new(move || here.unpark()));
    inbox.rouse();
    let session = make(&inbox);
    let mut driver = if implicit {
        let tls = upgrade.ok_or(Fault::NoTls)?.start()?;
        Driver::tls(tls, Some(session), now(), &rules)
    } else {
        Driver::plain(session)
    };
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(write_stall))?;
    let mut notes = Vec::new();
    loop {
        inbox.take(&mut notes);
        for (_, note) in notes.drain(..) {
            // A late answer is harmless.
            let _ = driver.note(note, &mut pool);
        }
        let wait = driver.deadline().map_or(SLICE, |deadline| deadline.since(now()).min(SLICE));
        stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        driver.link().set_readable(false);
        driver.link().set_writable();
        match driver.run(now(), &mut stream, &mut pool, &rules) {
            Next::Over => break,
            // The read of this run was the wait, unless the session waits for an answer.
            Next::Wait if driver.awaits_host() && inbox.doze() => {
                thread::park_timeout(wait);
                inbox.rouse();
            }
            Next::Again | Next::Introduced | Next::Ready | Next::Wait => {}
        }
    }
    match driver.into_fault() {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// Connects to `host`, trying each of its addresses for `wait`.
///
/// # Errors
/// The last address's error, or that the name has none.
pub fn connect(host: &str, port: u16, wait: Duration) -> io::Result<TcpStream> {
    use std::net::ToSocketAddrs;
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
