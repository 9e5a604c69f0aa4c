//! One session over one blocking socket.

#[path = "../../tls/tests/toy/mod.rs"]
mod toy;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use posthaste_core::machine::{End, Reason};
use posthaste_core::session::Place;
use posthaste_mio::blocking::{connect, converse};
use posthaste_tls::link::Fault;
use toy::{Book, Echoes, Server, Session};

/// Carries on a conversation whose peer says `said` and then closes, if `close`.
fn talk(said: &str, wait: Duration, close: bool) -> (String, Vec<End>, Result<(), Fault>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = said.to_owned();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        if close {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard
    });
    let stream = connect("127.0.0.1", port, Duration::from_secs(10)).unwrap();
    let book = Arc::new(Book::default());
    let handler = Echoes(book.clone());
    let outcome = converse(
        stream,
        |inbox| Session::new(Server::new(wait), handler, Place::new(inbox.clone(), 0)),
        None,
        false,
    );
    (peer.join().unwrap(), book.ends.lock().unwrap().clone(), outcome)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn to_the_end() {
    let said = "one\r\nlater two\r\nSPEW 3000000\r\nthree\r\nQUIT\r\n";
    let (heard, ends, outcome) = talk(said, LONG, false);
    let spewed = "x".repeat(3_000_000);
    assert!(heard == format!("HELLO\r\none\r\nlater two\r\n{spewed}three\r\nBYE\r\n"));
    assert_eq!(ends, [End::Quit]);
    outcome.unwrap();
}

#[test]
fn to_the_end_of_the_stream() {
    let (heard, ends, outcome) = talk("later one\r\n", LONG, true);
    assert_eq!(heard, "HELLO\r\nlater one\r\n");
    assert_eq!(ends, [End::Eof]);
    outcome.unwrap();
}

#[test]
fn deadlines_fire() {
    let (heard, ends, outcome) = talk("never\r\n", Duration::from_millis(80), false);
    assert_eq!(heard, "HELLO\r\nTIMEOUT\r\n");
    assert_eq!(ends, [End::Timeout]);
    outcome.unwrap();
}

// RFC: 3207-4-6
#[test]
fn tls_that_is_not_there_is_told() {
    let (heard, ends, outcome) = talk("STARTTLS\r\n", LONG, false);
    assert_eq!(heard, "HELLO\r\nGO\r\n");
    assert_eq!(ends, [End::Closed(Reason::Lost)]);
    assert!(matches!(outcome, Err(Fault::NoTls)), "{outcome:?}");
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(connect("127.0.0.1", port, Duration::from_secs(10)).is_err());
}
