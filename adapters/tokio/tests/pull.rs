//! A bare machine by `next().await` and `answer`.

#[path = "../../tls/tests/toy/mod.rs"]
mod toy;

use std::sync::Arc;
use std::time::Duration;

use posthaste_core::gate::Limits;
use posthaste_core::machine::{End, Input, Reason, TlsVersion};
use posthaste_tls::link::Fault;
use posthaste_tls::{Certificates, Source};
use posthaste_tokio::{ClientTls, Connection, ServerTls, Trust, Upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use toy::{Event, Server};

fn upgrade() -> Upgrade {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![source]).unwrap());
    Upgrade::Server(ServerTls::new(certificates).unwrap())
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// Serves one connection; gives how it ended.
fn serve(mut connection: Connection<Server>) -> JoinHandle<(Vec<End>, Option<Fault>)> {
    tokio::spawn(async move {
        let (mut ends, mut fault) = (Vec::new(), None);
        loop {
            let ask = match connection.next().await {
                Ok(Some(Event::Line(line, ask))) => {
                    // The event is borrowed from the connection while we wait for something else.
                    tokio::task::yield_now().await;
                    (!line.starts_with(b"forget")).then(|| (line.to_vec(), ask))
                }
                Ok(Some(Event::Ended(end))) => {
                    ends.push(end);
                    None
                }
                Ok(Some(_)) => None,
                Ok(None) => return (ends, fault),
                Err(error) => {
                    fault = Some(error);
                    None
                }
            };
            if let Some((line, ask)) = ask {
                connection.answer(ask, line).unwrap();
            }
        }
    })
}

fn machine() -> Server {
    Server::new(Duration::from_secs(60))
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_conversation() {
    let (mut client, server) = sockets().await;
    let served = serve(Connection::new(server, machine()).unwrap());
    client.write_all(b"one\r\nforget it\r\nBODY 5\r\n12345SPEW 200000\r\nQUIT\r\n").await.unwrap();
    let expected = format!("HELLO\r\none\r\nrefused\r\nGOT 5\r\n{}BYE\r\n", "x".repeat(200_000));
    assert!(rest(&mut client).await == expected);
    drop(client);
    let (ends, fault) = served.await.unwrap();
    assert_eq!(ends, [End::Quit]);
    assert!(fault.is_none(), "{fault:?}");
}

#[tokio::test]
async fn starttls_and_tls_first() {
    for first in [false, true] {
        let (mut client, server) = sockets().await;
        let upgrade = upgrade();
        let connection = Connection::new(server, machine()).unwrap();
        let served = tokio::spawn(async move {
            let mut connection = connection.with_upgrade(upgrade.clone());
            if first {
                let facts = connection.secure(&upgrade).await.unwrap();
                assert_eq!(facts.version, TlsVersion::Tls13);
            }
            serve(connection).await.unwrap()
        });
        if !first {
            client.write_all(b"STARTTLS\r\n").await.unwrap();
            let mut heard = [0; 11];
            client.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"HELLO\r\nGO\r\n");
        }
        let mut tls = ClientTls::new(&Trust::Anybody).unwrap().start("localhost").unwrap();
        let (mut plain, mut wire, mut room) = (Input::new(), Vec::new(), vec![0; 5_000]);
        let mut sent = false;
        while !plain.is_ended() {
            let say = tls.ready().is_some() && !sent;
            tls.send(if say { b"TLS\r\nQUIT\r\n" } else { b"" }, &mut wire);
            sent |= say;
            client.write_all(&wire).await.unwrap();
            wire.clear();
            let n = client.read(&mut room).await.unwrap();
            tls.receive(&room[..n], &mut plain).unwrap();
        }
        let expected: &[u8] = b"HELLO\r\nSome(Tls13)\r\nBYE\r\n";
        assert_eq!(plain.bytes(), &expected[if first { 0 } else { 7 }..]);
        drop(client);
        assert_eq!(served.await.unwrap().0, [End::Quit]);
    }
}

#[tokio::test]
async fn what_breaks_is_told_and_the_machine_still_ends() {
    // TLS that never comes.
    let (mut client, server) = sockets().await;
    let limits = Limits { tls_handshake: Duration::from_millis(20), ..Limits::DEFAULT };
    let connection = Connection::new(server, machine()).unwrap();
    let served = serve(connection.with_upgrade(upgrade()).with_limits(&limits));
    client.write_all(b"STARTTLS\r\n").await.unwrap();
    let (ends, fault) = served.await.unwrap();
    assert_eq!(ends, [End::Closed(Reason::Lost)]);
    assert!(matches!(fault, Some(Fault::Timeout)), "{fault:?}");
    // A peer that takes nothing.
    let (mut client, server) = sockets().await;
    let limits = Limits { write_stall: Duration::from_millis(20), ..Limits::DEFAULT };
    let served = serve(Connection::new(server, machine()).unwrap().with_limits(&limits));
    client.write_all(b"SPEW 100000000\r\n").await.unwrap();
    let (ends, fault) = served.await.unwrap();
    assert_eq!(ends, [End::Closed(Reason::Lost)]);
    assert!(matches!(fault, Some(Fault::Timeout)), "{fault:?}");
}

#[tokio::test]
async fn deadlines_fire() {
    let (mut client, server) = sockets().await;
    let served = serve(Connection::new(server, Server::new(Duration::from_millis(20))).unwrap());
    assert_eq!(rest(&mut client).await, "HELLO\r\nTIMEOUT\r\n");
    drop(client);
    assert_eq!(served.await.unwrap().0, [End::Timeout]);
}

#[tokio::test]
async fn half_closed_peers_get_their_replies() {
    let (mut client, server) = sockets().await;
    let served = serve(Connection::new(server, machine()).unwrap());
    client.write_all(b"one\r\ntwo\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, "HELLO\r\none\r\ntwo\r\n");
    assert_eq!(served.await.unwrap().0, [End::Eof]);
}
