//! `posthaste send`, against the server, and what the server says to it.

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
