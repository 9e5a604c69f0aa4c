//! The driver over a socket in memory: cuttings, stalls, half-closes, STARTTLS, budget; no system.

mod toy;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use posthaste_core::machine::{End, Input, Instant, Reason};
use posthaste_core::session::{Note, Place};
use posthaste_tls::link::Fault;
use posthaste_tls::{
    Certificates, ClientTls, Driver, Inbox, Next, Pool, Rules, ServerTls, Socket, Source, Tls,
    Trust, Upgrade,
};
use proptest::prelude::*;
use toy::{Book, Echoes, Server, Session, Toy};

/// What a peer sends arrives in pieces, each followed by `WouldBlock`; what it is sent it takes as far
/// as `takes` goes.
#[derive(Default)]
struct Wire {
    pieces: VecDeque<Vec<u8>>,
    hung_up: bool,
    heard: Vec<u8>,
    takes: Option<usize>,
    broken: bool,
    deaf: bool,
    finished: bool,
    reads: usize,
    writes: usize,
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        match self.pieces.pop_front() {
            Some(mut piece) => {
                let n = piece.len().min(room.len());
                room[..n].copy_from_slice(&piece[..n]);
                if n < piece.len() {
                    self.pieces.push_front(piece.split_off(n));
                }
                Ok(n)
            }
            None if self.hung_up => Ok(0),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.broken || self.deaf {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let n = bytes.len().min(self.takes.unwrap_or(usize::MAX));
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some(takes) = &mut self.takes {
            *takes -= n;
        }
        self.heard.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Wire {
    fn finish(&mut self) -> io::Result<()> {
        self.finished = true;
        Ok(())
    }
}

struct Bench {
    driver: Driver<Session>,
    wire: Wire,
    pool: Pool,
    now: Instant,
    upgrade: Option<Upgrade>,
    salvage: bool,
    book: Arc<Book>,
}

impl Bench {
    fn new(wait: Duration) -> Self {
        let book = Arc::new(Book::default());
        let session = Session::new(Server::new(wait), Echoes(book.clone()), Place::nowhere());
        Self {
            driver: Driver::plain(session),
            wire: Wire::default(),
            pool: Pool::new(),
            now: Instant::ZERO,
            upgrade: None,
            salvage: false,
            book,
        }
    }

    fn plain() -> Self {
        Self::new(Duration::from_secs(600))
    }

    fn run(&mut self) -> Next {
        let rules = Rules {
            upgrade: self.upgrade.as_ref(),
            tls_handshake: Duration::from_secs(10),
            write_stall: Duration::from_secs(60),
            salvage: self.salvage,
        };
        self.driver.run(self.now, &mut self.wire, &mut self.pool, &rules)
    }

    /// The peer sends one piece.
    fn arrives(&mut self, piece: &[u8]) -> Next {
        self.wire.pieces.push_back(piece.to_vec());
        self.ready()
    }

    fn ready(&mut self) -> Next {
        self.driver.link().set_readable(self.wire.hung_up);
        self.driver.link().set_writable();
        loop {
            match self.run() {
                Next::Again => {}
                next => return next,
            }
        }
    }

    fn hang_up(&mut self) -> Next {
        self.wire.hung_up = true;
        self.ready()
    }

    fn heard(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire.heard)).unwrap()
    }

    fn ends(&self) -> Vec<End> {
        self.book.ends.lock().unwrap().clone()
    }
}

#[test]
fn a_batch_costs_one_read_and_one_write() {
    let mut bench = Bench::plain();
    assert_eq!(bench.ready(), Next::Wait);
    assert_eq!(bench.heard(), "HELLO\r\n");
    (bench.wire.reads, bench.wire.writes) = (0, 0);
    assert_eq!(bench.arrives(b"a\r\nb\r\nBODY 5\r\n12345c\r\n"), Next::Wait);
    assert_eq!(bench.heard(), "a\r\nb\r\nGOT 5\r\nc\r\n");
    assert_eq!((bench.wire.reads, bench.wire.writes), (1, 1));
}

#[test]
fn idle_it_holds_no_heap() {
    let mut bench = Bench::plain();
    assert_eq!(bench.arrives(b"a\r\n"), Next::Wait);
    let link = bench.driver.link();
    assert_eq!((link.input.capacity(), link.out.capacity()), (0, 0));
    // The rest of a line waits in a small buffer.
    assert_eq!(bench.arrives(b"half a li"), Next::Wait);
    assert_eq!(bench.driver.link().input.capacity(), Pool::REST);
    assert_eq!(bench.arrives(b"ne\r\n"), Next::Wait);
    assert_eq!(bench.driver.link().input.capacity(), 0);
    assert_eq!(bench.heard(), "HELLO\r\na\r\nhalf a line\r\n");
    assert!(size_of::<Driver<Session>>() < 600, "{}", size_of::<Driver<Session>>());
}

#[test]
fn a_short_read_at_the_end_of_a_stream_is_read_on() {
    // One edge announces data and hang-up together.
    let mut bench = Bench::plain();
    bench.wire.pieces.push_back(b"a\r\n".to_vec());
    assert_eq!(bench.hang_up(), Next::Over);
    assert_eq!(bench.heard(), "HELLO\r\na\r\n");
    assert_eq!(bench.ends(), [End::Eof]);
}

#[test]
fn after_the_end_the_peer_may_still_send_a_little() {
    let mut bench = Bench::plain();
    assert_eq!(bench.arrives(b"QUIT\r\nand more"), Next::Wait);
    assert_eq!(bench.heard(), "HELLO\r\nBYE\r\n");
    assert!(bench.wire.finished);
    assert_eq!(bench.ends(), [End::Quit]);
    assert_eq!(bench.arrives(b"what?"), Next::Wait);
    assert_eq!(bench.hang_up(), Next::Over);
    // Or it does not close its side, and is closed.
    let mut bench = Bench::plain();
    assert_eq!(bench.arrives(b"QUIT\r\n"), Next::Wait);
    bench.now = bench.driver.deadline().unwrap();
    assert_eq!(bench.run(), Next::Over);
    // Or it sends without end.
    let mut bench = Bench::plain();
    let _ = bench.arrives(b"QUIT\r\n");
    let piece = vec![b'x'; 60_000];
    let sent = (0..100).take_while(|_| bench.arrives(&piece) == Next::Wait).count();
    assert!((10..30).contains(&sent), "{sent}");
}

#[test]
fn a_slow_reader_bounds_memory() {
    let mut bench = Bench::plain();
    bench.wire.takes = Some(0);
    let mut next = bench.arrives(b"SPEW 50000000\r\n");
    let mut total = 0;
    let mut most = 0;
    while total < 50_000_000 + 7 {
        assert_eq!(next, Next::Wait);
        most = most.max(bench.driver.link().pending());
        bench.wire.takes = Some(50_000);
        next = bench.ready();
        total += bench.wire.heard.len();
        bench.wire.heard.clear();
    }
    assert!(most <= 128 * 1024, "output held: {most}");
}

#[test]
fn pipelining_without_reading_stops_us_from_reading() {
    let mut bench = Bench::plain();
    bench.wire.takes = Some(0);
    for _ in 0..200 {
        bench.wire.pieces.push_back("0123456789\r\n".repeat(1_000).into_bytes());
    }
    assert_eq!(bench.ready(), Next::Wait);
    assert!(bench.driver.link().pending() <= 160 * 1024);
    assert!(bench.wire.pieces.len() > 150, "the rest stays in the kernel");
    bench.wire.takes = None;
    while !bench.wire.pieces.is_empty() {
        assert_eq!(bench.ready(), Next::Wait);
    }
    assert_eq!(bench.wire.heard.len(), 7 + 200 * 12_000);
}

#[test]
fn a_reader_that_stalls_is_given_up() {
    let mut bench = Bench::plain();
    bench.wire.takes = Some(3);
    assert_eq!(bench.arrives(b"a\r\n"), Next::Wait);
    assert_eq!(bench.heard(), "HEL");
    let deadline = bench.driver.deadline().unwrap();
    assert_eq!(deadline, Instant::ZERO + Duration::from_secs(60));
    // Progress buys time.
    bench.now = Instant::from_millis(59_000);
    bench.wire.takes = Some(1);
    assert_eq!(bench.ready(), Next::Wait);
    assert_eq!(bench.driver.deadline().unwrap(), bench.now + Duration::from_secs(60));
    bench.now = bench.driver.deadline().unwrap();
    assert_eq!(bench.run(), Next::Over);
    assert!(matches!(bench.driver.fault(), Some(Fault::Timeout)));
    assert_eq!(bench.ends(), [End::Closed(Reason::Lost)]);
}

#[test]
fn a_reset_is_heard_by_the_session() {
    let mut bench = Bench::plain();
    assert_eq!(bench.ready(), Next::Wait);
    bench.wire.broken = true;
    assert_eq!(bench.ready(), Next::Over);
    assert_eq!(bench.ends(), [End::Closed(Reason::Lost)]);
    assert!(matches!(bench.driver.fault(), Some(Fault::Socket(_))));
}

/// A peer that takes no more has said why: who salvages hears all of it, nobody else any of it.
#[test]
fn what_was_said_before_output_was_refused() {
    for salvage in [false, true] {
        let mut bench = Bench::plain();
        bench.salvage = salvage;
        assert_eq!(bench.ready(), Next::Wait);
        bench.wire.deaf = true;
        bench.wire.pieces.extend([
            b"one\r\n".to_vec(),
            b"SPEW 40000\r\n".to_vec(),
            b"QUIT\r\n".to_vec(),
        ]);
        let _ = bench.ready();
        let end = if salvage { End::Quit } else { End::Closed(Reason::Lost) };
        assert_eq!(bench.ends(), [end]);
        assert!(matches!(bench.driver.fault(), Some(Fault::Socket(_))), "salvage {salvage}");
        assert_eq!(bench.heard(), "HELLO\r\n");
    }
    // It said nothing, and is gone.
    let mut bench = Bench::plain();
    bench.salvage = true;
    bench.wire.pieces.push_back(b"one\r\n".to_vec());
    bench.wire.deaf = true;
    assert_eq!(bench.hang_up(), Next::Over);
    assert!(matches!(bench.driver.fault(), Some(Fault::Socket(_))));
}

#[test]
fn fairness_gives_others_their_turn() {
    let mut bench = Bench::plain();
    bench.wire.pieces.extend((0..100).map(|_| b"a\r\n".to_vec()));
    bench.wire.hung_up = true;
    bench.driver.link().set_readable(true);
    assert_eq!(bench.run(), Next::Again);
    assert!(bench.wire.pieces.len() > 50);
    assert!(bench.wire.heard.len() > 7, "what was produced has left");
    assert_eq!(bench.ready(), Next::Over);
    assert_eq!(bench.heard(), format!("HELLO\r\n{}", "a\r\n".repeat(100)));
}

#[test]
fn notes_and_closing() {
    let mut bench = Bench::plain();
    assert_eq!(bench.arrives(b"never\r\nnext\r\n"), Next::Wait);
    assert!(bench.driver.awaits_host() && !bench.driver.is_idle());
    bench.driver.note(Note::Poke, &mut bench.pool).unwrap();
    assert_eq!(bench.ready(), Next::Wait);
    assert_eq!(bench.heard(), "HELLO\r\nPOKED\r\n");
    bench.driver.close(Reason::Shutdown, &mut bench.pool);
    assert_eq!(bench.ready(), Next::Wait);
    assert_eq!(bench.heard(), "CLOSING Shutdown\r\n");
    assert_eq!(bench.ends(), [End::Closed(Reason::Shutdown)]);
    assert!(bench.driver.note(Note::Poke, &mut bench.pool).is_err());
}

#[test]
fn deadlines_end_sessions_even_behind_a_question() {
    let mut bench = Bench::new(Duration::from_secs(5));
    assert_eq!(bench.arrives(b"never\r\n"), Next::Wait);
    bench.now = bench.driver.deadline().unwrap();
    assert_eq!(bench.run(), Next::Wait);
    assert_eq!(bench.heard(), "HELLO\r\nTIMEOUT\r\n");
    assert_eq!(bench.ends(), [End::Timeout]);
}

fn tls() -> (ServerTls, ClientTls) {
    static TLS: std::sync::OnceLock<(ServerTls, ClientTls)> = std::sync::OnceLock::new();
    TLS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
        let server = ServerTls::new(Arc::new(Certificates::load(vec![source]).unwrap())).unwrap();
        (server, ClientTls::new(&Trust::Anybody).unwrap())
    })
    .clone()
}

/// A TLS client beside a bench.
struct Client {
    tls: Tls,
    input: Input,
}

impl Client {
    fn new() -> Self {
        Self { tls: tls().1.start("localhost").unwrap(), input: Input::new() }
    }

    /// Sends `plain`, in pieces, with all that TLS has to say, until both are silent.
    fn exchange(&mut self, bench: &mut Bench, plain: &[u8], cut: usize) -> Next {
        let mut wire = Vec::new();
        self.tls.send(plain, &mut wire);
        let mut next = bench.ready();
        loop {
            for piece in wire.chunks(cut) {
                next = bench.arrives(piece);
            }
            wire.clear();
            let heard = std::mem::take(&mut bench.wire.heard);
            if heard.is_empty() {
                return next;
            }
            self.tls.receive(&heard, &mut self.input).unwrap();
            self.tls.send(b"", &mut wire);
        }
    }

    fn heard(&mut self) -> String {
        let text = String::from_utf8(self.input.bytes().to_vec()).unwrap();
        self.input.discard(text.len());
        text
    }
}

fn over_starttls(cut: usize, script: &[u8]) -> (String, Vec<End>) {
    let mut bench = Bench::plain();
    bench.upgrade = Some(Upgrade::Server(tls().0));
    assert_eq!(bench.arrives(b"STARTTLS\r\n"), Next::Wait);
    assert_eq!(bench.heard(), "HELLO\r\nGO\r\n");
    let mut client = Client::new();
    assert_eq!(client.exchange(&mut bench, b"", cut), Next::Wait);
    let _ = client.exchange(&mut bench, script, cut);
    assert!(client.input.is_ended(), "close_notify came");
    (client.heard(), bench.ends())
}

const SCRIPT: &[u8] = b"one\r\nBODY 12\r\nhello, worldtwo\r\nSPEW 40000\r\n\r\nQUIT\r\n";

fn expected() -> String {
    format!("one\r\nGOT 12\r\ntwo\r\n{}\r\nBYE\r\n", "x".repeat(40_000))
}

#[test]
fn starttls_carries_the_same_conversation() {
    for cut in [1, 2, 3, 7, 61, 1_000, usize::MAX] {
        let (heard, ends) = over_starttls(cut, SCRIPT);
        assert_eq!(heard, expected(), "cut {cut}");
        assert_eq!(ends, [End::Quit]);
    }
}

#[test]
fn tls_first_makes_the_session_when_it_is_up() {
    let mut bench = Bench::plain();
    let rules = Rules {
        upgrade: None,
        tls_handshake: Duration::from_secs(10),
        write_stall: Duration::from_secs(60),
        salvage: false,
    };
    let tls = tls().0.start().unwrap();
    bench.driver = Driver::tls(tls, None, bench.now, &rules);
    let mut client = Client::new();
    assert_eq!(client.exchange(&mut bench, b"", 100), Next::Ready);
    let book = bench.book.clone();
    bench.driver.begin(Session::new(
        Server::new(Duration::from_secs(9)),
        Echoes(book),
        Place::nowhere(),
    ));
    assert_eq!(client.exchange(&mut bench, b"TLS\r\nQUIT\r\n", 100), Next::Wait);
    assert_eq!(client.heard(), "HELLO\r\nSome(Tls13)\r\nBYE\r\n");
}

#[test]
fn a_handshake_has_a_limit() {
    let mut bench = Bench::plain();
    bench.upgrade = Some(Upgrade::Server(tls().0));
    assert_eq!(bench.arrives(b"STARTTLS\r\n"), Next::Wait);
    assert_eq!(bench.driver.deadline(), Some(Instant::ZERO + Duration::from_secs(10)));
    bench.now = Instant::from_millis(10_000);
    assert_eq!(bench.run(), Next::Over);
    assert!(bench.driver.is_handshaking());
    assert_eq!(bench.ends(), [End::Closed(Reason::Lost)]);
}

#[test]
fn plaintext_behind_starttls_ends_it() {
    // In the same segment: the machine sees it.
    let mut bench = Bench::plain();
    bench.upgrade = Some(Upgrade::Server(tls().0));
    let _ = bench.arrives(b"STARTTLS\r\nMAIL\r\n");
    assert_eq!(bench.ends(), [End::Injection]);
    // Later: TLS sees it, and answers with an alert.
    let mut bench = Bench::plain();
    bench.upgrade = Some(Upgrade::Server(tls().0));
    let _ = bench.arrives(b"STARTTLS\r\n");
    bench.wire.heard.clear();
    assert_eq!(bench.arrives(b"MAIL FROM:<x@y>\r\n"), Next::Over);
    assert_eq!(bench.wire.heard.first(), Some(&21));
    assert!(matches!(bench.driver.fault(), Some(Fault::Tls(_))));
    assert_eq!(bench.ends(), [End::Closed(Reason::Lost)]);
}

#[test]
fn tls_without_a_certificate_is_our_mistake() {
    let mut bench = Bench::plain();
    assert_eq!(bench.arrives(b"STARTTLS\r\n"), Next::Over);
    assert!(matches!(bench.driver.fault(), Some(Fault::NoTls)));
    assert_eq!(bench.ends(), [End::Closed(Reason::Lost)]);
}

#[test]
fn a_slow_reader_bounds_memory_over_tls_too() {
    let mut bench = Bench::plain();
    bench.upgrade = Some(Upgrade::Server(tls().0));
    let _ = bench.arrives(b"STARTTLS\r\n");
    let _ = bench.heard();
    let mut client = Client::new();
    let _ = client.exchange(&mut bench, b"", 10_000);
    bench.wire.takes = Some(0);
    let mut wire = Vec::new();
    client.tls.send(b"SPEW 3000000\r\n", &mut wire);
    let mut next = bench.arrives(&wire);
    let (mut total, mut most) = (0, 0);
    while total < 3_000_000 {
        assert_eq!(next, Next::Wait);
        most = most.max(bench.driver.link().pending());
        bench.wire.takes = Some(30_000);
        next = bench.ready();
        client.tls.receive(&std::mem::take(&mut bench.wire.heard), &mut client.input).unwrap();
        total += client.input.len();
        client.input.discard(client.input.len());
    }
    assert!(most <= 256 * 1024, "output held: {most}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any cutting of the wire, and any way in which the peer takes output, is the same conversation.
    #[test]
    fn cuttings(sizes in prop::collection::vec(1..30_usize, 1..20), takes in 1..5_000_usize) {
        let mut bench = Bench::plain();
        let mut rest = SCRIPT;
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*size).min(rest.len()));
            bench.wire.pieces.push_back(now.to_vec());
            rest = later;
        }
        // Each round delivers a piece, takes some output, or both.
        let rounds = bench.wire.pieces.len() + 41_000 / takes + 2;
        for _ in 0..rounds {
            bench.wire.takes = Some(takes);
            let _ = bench.ready();
        }
        let same = bench.heard() == format!("HELLO\r\n{}", expected());
        prop_assert!(same);
        prop_assert_eq!(bench.ends(), [End::Quit]);
    }
}

#[test]
fn an_inbox_wakes_once_and_only_sleepers() {
    use std::sync::atomic::AtomicUsize;
    let rings = Arc::new(AtomicUsize::new(0));
    let bell = rings.clone();
    let inbox: Inbox<Note<Toy>> = Inbox::new(move || {
        bell.fetch_add(1, Ordering::SeqCst);
    });
    inbox.rouse();
    inbox.post(1, Note::Poke);
    inbox.ring();
    assert_eq!(rings.load(Ordering::SeqCst), 0, "it runs, and will look");
    assert!(!inbox.doze(), "there is a note");
    let mut notes = Vec::new();
    inbox.take(&mut notes);
    assert_eq!(notes.len(), 1);
    assert!(inbox.doze());
    for key in 0..5 {
        inbox.post(key, Note::Poke);
        inbox.ring();
    }
    assert_eq!(rings.load(Ordering::SeqCst), 1);
}
