//! `posthaste send`, against the server, and what the server says to it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::place::{PASSWORD, Place, free_ports};
use crate::program::{Said, run_with_input};

const ANN: &str = "ann@example.org";

fn send(port: u16, arguments: &[&str]) -> Said {
    let server = format!("127.0.0.1:{port}");
    let all = [&["send", "--server", &server], arguments].concat();
    run_with_input(&all, &format!("{PASSWORD}\n"))
}

// RFC: 5321-4.1.1.1-1 5321-4.1.1.1-2 6531-3.7.1-1
#[test]
fn every_way_to_send() {
    let place = Place::with(&[ANN]);
    let server = place.serve();
    let to = ["--to", ANN];
    let sign_in = ["--user", ANN, "--password-stdin"];
    let certificate = place.data().join(posthaste_tls::Source::CERTIFICATE);
    let ca = ["--ca", certificate.to_str().unwrap()];
    let starttls = ["--tls", "starttls"];

    let said = send(place.smtp, &[&to[..], &["--text", "plain"]].concat()).fine();
    assert!(said.starts_with("250 2.0.0"), "{said}");
    send(place.lmtp, &[&to[..], &["--lmtp", "--text", "lmtp"]].concat()).fine();
    send(place.smtp, &[&to[..], &starttls, &["--insecure", "--text", "insecure"]].concat()).fine();
    send(place.smtp, &[&to[..], &starttls, &ca, &["--text", "trusted"]].concat()).fine();
    let signed = [&to[..], &starttls, &ca, &sign_in, &["--text", "signed in"]].concat();
    send(place.submission, &signed).fine();
    let file = place.path().join("message");
    std::fs::write(&file, "Subject: whole\r\n\r\nfrom a file\r\n.dot\r\n").unwrap();
    send(place.smtp, &[&to[..], &["--file", file.to_str().unwrap()]].concat()).fine();

    let inbox = place.inbox(ANN);
    for text in ["plain", "lmtp", "insecure", "trusted", "signed in", "from a file\r\n.dot\r\n"] {
        assert!(inbox.contains(text), "no {text:?} in {inbox}");
    }

    // Who has no name says its address.
    assert!(inbox.contains("Received: from [127.0.0.1] ([127.0.0.1])"), "{inbox}");

    // Failures carry the server's own words.
    let said = send(place.smtp, &["--to", "nobody@example.org"]);
    said.fails(69, &["nobody@example.org: 550 5.1.1"]);
    send(place.smtp, &["--to", "x@elsewhere.test"]).fails(69, &["550 5.7.1"]);
    send(place.submission, &to).fails(69, &["530 5.7.0"]);
    let elsewhere = [&["--to", "x@elsewhere.test"][..], &sign_in].concat();
    send(place.submission, &elsewhere).fails(69, &["550 5.4.4", "no outbound route"]);
    let forged = [&to[..], &sign_in, &["--from", "boss@example.org"]].concat();
    send(place.submission, &forged).fails(69, &["553 5.7.1"]);
    place.account(&["password", ANN, "--password-stdin"], "changed").fine();
    send(place.submission, &[&to[..], &sign_in].concat()).fails(69, &["535 5.7.8"]);
    // Nobody vouches for the self-signed certificate.
    send(place.smtp, &[&to[..], &starttls].concat())
        .fails(69, &["UnknownIssuer", "--ca FILE", "--insecure"]);
    server.stop();
}

/// Several messages over one connection, and what else can be said of them.
#[test]
fn many_files_and_parameters() {
    let place = Place::with(&[ANN]);
    let server = place.serve();
    let to = ["--to", ANN];
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let first = file("first", "Subject: 1\r\n\r\nthe first\r\n");
    let second = file("second", "Subject: 2\r\n\r\nzw\u{f6}lf\r\n");
    let files = ["--file", &first, "--file", &second];

    // Parameters that the server does not offer and the message does not need are left out.
    let more = [
        "--pipelining",
        "off",
        "--chunking",
        "off",
        "--notify",
        "never",
        "--ret",
        "headers",
        "--envid",
        "x y",
    ];
    let orcpt = ["--orcpt", "rfc822;old@example.org", "--priority", "3", "--from", "<>"];
    let said = send(place.smtp, &[&to[..], &files, &more, &orcpt].concat()).fine();
    assert!(said.contains("first: 250 2.0.0") && said.contains("second: 250 2.0.0"), "{said}");
    let inbox = place.inbox(ANN);
    for text in ["the first", "zw\u{f6}lf", "Return-Path: <>"] {
        assert!(inbox.contains(text), "no {text:?} in {inbox}");
    }
    let sign_in = ["--user", ANN, "--password-stdin", "--mechanism"];
    for mechanism in ["PLAIN", "login", "SCRAM-SHA-256"] {
        send(place.submission, &[&to[..], &sign_in, &[mechanism]].concat()).fine();
    }

    // What it needs and the server cannot do is said, with the message that it is about.
    let held = ["--hold", "4h"];
    let said = send(place.smtp, &[&to[..], &files, &held].concat());
    said.fails(69, &["first: the server does not hold", "second: the server does not hold"]);
    send(place.smtp, &[&to[..], &["--requiretls"]].concat()).fails(69, &["requires TLS"]);
    send(place.smtp, &[&to[..], &["--body", "binarymime"]].concat()).fails(69, &["binary"]);
    let unknown = ["--to", "nobody@example.org"];
    let said = send(place.smtp, &[&unknown[..], &files].concat());
    said.fails(
        69,
        &["first to nobody@example.org: 550 5.1.1", "second to nobody@example.org: 550"],
    );

    // What cannot be meant is not sent.
    send(place.smtp, &[&to[..], &["--notify", "often"]].concat()).fails(64, &["--notify"]);
    send(place.smtp, &[&to[..], &["--envid", "a\nb"]].concat()).fails(64, &["--envid"]);
    send(place.submission, &[&to[..], &sign_in, &["GUESS"]].concat()).fails(64, &["--mechanism"]);
    send(place.smtp, &[&to[..], &["--file", "nowhere"]].concat()).fails(74, &["nowhere"]);
    server.stop();
}

/// A server that refuses in the middle of a message and closes resets the connection: its words come through.
#[test]
fn refused_in_the_middle() {
    let place = Place::with(&[ANN]);
    let file = place.path().join("long");
    std::fs::write(&file, [b"Subject: long\r\n\r\n", &[b'w'; 8_000_000][..], b"\r\n"].concat())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mx.example.org\r\n").unwrap();
        let mut room = [0; 4096];
        for reply in ["250 mx.example.org\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"] {
            assert_ne!(stream.read(&mut room).unwrap(), 0);
            stream.write_all(reply.as_bytes()).unwrap();
        }
        let mut heard = 0;
        while heard < 70_000 {
            heard += stream.read(&mut room).unwrap();
        }
        stream.write_all(b"500 5.5.2 Line too long\r\n").unwrap();
    });
    send(port, &["--to", ANN, "--file", file.to_str().unwrap()])
        .fails(69, &["500 5.5.2 Line too long"]);
    server.join().unwrap();
}

#[test]
fn nobody_listens() {
    let [port] = free_ports();
    let words = format!("cannot connect to 127.0.0.1:{port}");
    send(port, &["--to", ANN]).fails(69, &[&words, "is the server running?"]);
}

// RFC: 2033-5-5
#[test]
fn lmtp_from_elsewhere() {
    let place = Place::with(&[ANN]);
    place.configure("lmtp_from = [\"192.0.2.0/24\"]", "");
    let server = place.serve();
    let said = send(place.lmtp, &["--to", ANN, "--lmtp"]);
    said.fails(69, &["554"]);
    server.stop();
}
