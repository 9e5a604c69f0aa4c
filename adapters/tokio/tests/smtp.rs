//! A message from the SMTP client machine to the server machine, both awaited.

use std::sync::Arc;

use posthaste_core::grammar::address::Address;
use posthaste_core::machine::End;
use posthaste_core::smtp::client::event::Recipient;
use posthaste_core::smtp::client::{self, Envelope, Order, Piece};
use posthaste_core::smtp::reply::{Enhanced, Reply};
use posthaste_core::smtp::server::event::{Admission, Decision, Outcome};
use posthaste_core::smtp::server::{self, Role};
use posthaste_tls::{Certificates, Source};
use posthaste_tokio::{ClientTls, ServerTls, TlsMode, Trust, Upgrade, smtp};
use tokio::net::TcpListener;

/// Takes one connection's mail; gives the messages and whether TLS was up.
async fn serve(listener: TcpListener, tls: ServerTls, mode: TlsMode) -> (Vec<Vec<u8>>, bool, End) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut config = server::Config::new(Role::Smtp, "mx.example");
    config.starttls = mode == TlsMode::StartTls;
    let mut connection = smtp::accept(stream, Arc::new(config), Some(tls.clone())).unwrap();
    if mode == TlsMode::Implicit {
        connection.secure(&Upgrade::Server(tls)).await.unwrap();
    }
    let (mut messages, mut message, mut secure) = (Vec::new(), Vec::new(), false);
    loop {
        use server::Event;
        match connection.next().await.unwrap() {
            Some(Event::Connected(ask)) => connection.answer(ask, Admission::Accept).unwrap(),
            Some(Event::Mail(ask, _)) => connection.answer(ask, Decision::Accept).unwrap(),
            Some(Event::Recipient(ask, _)) => connection.answer(ask, Decision::Accept).unwrap(),
            Some(Event::Data(ask, _)) => connection.answer(ask, Decision::Accept).unwrap(),
            Some(Event::Body(run)) => message.extend_from_slice(run.as_bytes()),
            Some(Event::BodyEnd(ask, _)) => {
                messages.push(std::mem::take(&mut message));
                // Something durable would be awaited here.
                tokio::task::yield_now().await;
                let reply = Reply::new(250, Enhanced(2, 0, 0), "Kept");
                connection.answer(ask, Outcome::All(reply)).unwrap();
            }
            Some(Event::Secured(_)) => secure = true,
            Some(Event::Ended(end)) => {
                assert!(connection.next().await.unwrap().is_none());
                return (messages, secure || mode == TlsMode::Implicit, end);
            }
            Some(_) => {}
            None => unreachable!("the end is an event"),
        }
    }
}

#[tokio::test]
async fn a_message_arrives_however_tls_comes() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::self_signed(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![source]).unwrap());
    let trust = Trust::Roots(vec![certificates.first()]);
    let (server_tls, client_tls) =
        (ServerTls::new(certificates).unwrap(), ClientTls::new(&trust).unwrap());
    let mut message = b"Subject: hello\r\n\r\n.dots\r\n..more\r\n".to_vec();
    message.extend(b"0123456789012345678901234567890123456789\r\n".repeat(10_000));
    for mode in [TlsMode::None, TlsMode::StartTls, TlsMode::Implicit] {
        for chunking in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let served = tokio::spawn(serve(listener, server_tls.clone(), mode));
            let mut config = client::Config::new("client.example");
            config.chunking = chunking;
            let mut client =
                smtp::connect("127.0.0.1", port, mode, &client_tls, Arc::new(config), [7; 18])
                    .await
                    .unwrap();
            let address = |text: &str| Address::parse(text.as_bytes()).unwrap();
            let recipient =
                Recipient { address: address("alice@mx.example"), notify: None, orcpt: None };
            let mut envelope = Some(Box::new(Envelope {
                sender: Some(address("bob@client.example")),
                recipients: vec![recipient],
                size: Some(message.len() as u64),
                ..Envelope::default()
            }));
            let mut pieces: Vec<_> = message.chunks(7_000).map(<[u8]>::to_vec).rev().collect();
            let mut codes = Vec::new();
            loop {
                use client::Event;
                match client.next().await.unwrap() {
                    None => break,
                    Some(Event::Ready(ask)) => {
                        let order = envelope.take().map_or(Order::Quit, Order::Send);
                        client.answer(ask, order).unwrap();
                    }
                    Some(Event::Source(ask)) => {
                        let piece = pieces.pop().unwrap_or_default().into();
                        let last = pieces.is_empty();
                        let piece = if last { Piece::Last(piece) } else { Piece::More(piece) };
                        client.answer(ask, piece).unwrap();
                    }
                    Some(Event::Delivery(_, response)) => codes.push(response.code()),
                    Some(_) => {}
                }
            }
            drop(client);
            assert_eq!(codes, [250], "{mode} {chunking}");
            let (messages, secure, end) = served.await.unwrap();
            assert_eq!((messages.len(), secure, end), (1, mode != TlsMode::None, End::Quit));
            assert!(messages[0] == message, "{mode} {chunking}");
        }
    }
}
