//! The SMTP client and the SMTP server against each other, over real sockets.

mod common;

use common::{Keeper, envelope, keep, loopback, serve, tls};
use posthaste_core::machine::TlsVersion;
use posthaste_tokio::smtp::{Client, Config, Fate, Remote, Role, from_reader};
use posthaste_tokio::{Listener, TlsMode};

fn message() -> Vec<u8> {
    let mut message = b"Subject: hello\r\n\r\n.dots\r\n..more\r\n".to_vec();
    message.extend(b"0123456789012345678901234567890123456789\r\n".repeat(10_000));
    message
}

#[tokio::test]
async fn a_message_arrives_however_tls_comes() {
    let (server_tls, client_tls) = tls();
    for mode in [TlsMode::None, TlsMode::StartTls, TlsMode::Implicit] {
        for chunking in [false, true] {
            let keeper = Keeper::default();
            let made = keeper.clone();
            let listener = Listener { mode, ..Listener::starttls(loopback(), server_tls.clone()) };
            let config = Config::new(Role::Smtp, "mx.example.test");
            let server = serve(listener, config, move |_| made.clone());
            let port = server.address.port();
            let mut remote = match mode {
                TlsMode::None => Remote::plain("127.0.0.1", port),
                TlsMode::StartTls => Remote::submission("127.0.0.1", client_tls.clone()).port(port),
                TlsMode::Implicit => {
                    Remote::submissions("127.0.0.1", client_tls.clone()).port(port)
                }
            };
            remote.config.chunking = chunking;
            let mut client = Client::connect(&remote).await.unwrap();
            assert_eq!(client.tls().is_some(), mode != TlsMode::None);
            let envelope = envelope(&["alice", "bob"]);
            // Bytes, and what reads.
            for streamed in [false, true] {
                let report = if streamed {
                    client.send(&envelope, from_reader(&message()[..])).await.unwrap()
                } else {
                    client.send(&envelope, message()).await.unwrap()
                };
                assert!(report.is_taken_by_all(), "{report:?}");
                assert_eq!(report.fates.len(), 2);
            }
            client.noop().await.unwrap();
            client.quit().await.unwrap();
            let kept = keeper.kept();
            assert_eq!(kept.len(), 2);
            for kept in kept {
                assert!(kept.octets == message(), "{mode} {chunking}");
                let peer = &kept.transaction.peer;
                assert_eq!(
                    peer.tls.map(|tls| tls.version),
                    (mode != TlsMode::None).then_some(TlsVersion::Tls13)
                );
                assert_eq!(peer.name(), "[127.0.0.1]");
                let expected = if mode == TlsMode::None { "ESMTP" } else { "ESMTPS" };
                assert_eq!(kept.transaction.protocol(), expected);
                assert_eq!(kept.transaction.envelope.recipients.len(), 2);
            }
        }
    }
}

#[tokio::test]
async fn refused_recipients_do_not_keep_the_others() {
    let (server, keeper) = keep(Role::Smtp);
    let remote = Remote::plain("127.0.0.1", server.address.port());
    let mut client = Client::connect(&remote).await.unwrap();
    let mut to = envelope(&["alice", "full"]);
    to.recipients
        .push("x@elsewhere.test".parse::<posthaste_tokio::smtp::Address>().unwrap().into());
    let report = client.send(&to, "hi\r\n").await.unwrap();
    let Fate::Taken(reply) = &report.fates[0] else { panic!("{report:?}") };
    assert_eq!(reply.text(), "Kept as 1");
    let Fate::Refused(reply) = &report.fates[1] else { panic!("{report:?}") };
    assert_eq!(
        (reply.code(), reply.to_string()),
        (452, "452 4.3.1 There is no room now, try again later".into())
    );
    assert!(report.fates[1].is_transient());
    assert_eq!(report.failed().map(|(number, _)| number).collect::<Vec<_>>(), [1, 2]);
    assert!(!report.fates[2].is_transient() && !report.may_have_been_taken());
    // Nobody at all; then the session goes on.
    let report = client.send(&envelope(&["full"]), "hi\r\n").await.unwrap();
    assert!(matches!(&report.fates[..], [Fate::Refused(_)]));
    assert!(client.send(&envelope(&["bob"]), "hi\r\n").await.unwrap().is_taken_by_all());
    assert_eq!(keeper.kept().len(), 2);
}
