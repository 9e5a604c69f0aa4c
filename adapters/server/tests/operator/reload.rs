//! SIGHUP, and what is logged.

use std::path::Path;

use rustix::process::Signal;

use crate::place::{PASSWORD, Place};
use crate::program::run;
use crate::wire::Wire;

const ANN: &str = "ann@example.org";
const TOOK: &str = "took the new config";
const KEPT: &str = "kept the old config";

#[test]
fn a_new_config_without_dropping_a_session() {
    let place = Place::with(&[ANN]);
    let server = place.serve();
    let mut open = Wire::connect(place.smtp);
    open.reply();
    open.ask("EHLO stranger.test");
    let mut imap = Wire::connect(place.imap);
    imap.line();
    imap.imap(&format!("LOGIN {ANN} \"{PASSWORD}\""));
    assert!(place.deliver("info@example.org", "x").starts_with("550"));

    place.configure(
        "",
        "[limits]\nmessage_size = \"1 MiB\"\n\
         [[alias]]\naddress = \"info@example.org\"\nto = [\"ann@example.org\"]\n",
    );
    server.signal(Signal::HUP);
    server.logs(TOOK);
    assert!(place.deliver("info@example.org", "by alias").starts_with("250"));
    let mut new = Wire::connect(place.smtp);
    new.reply();
    let hello = new.ask("EHLO stranger.test");
    assert!(hello.contains("SIZE 1048576"), "{hello}");
    // The sessions of before go on.
    assert!(open.ask("NOOP").starts_with("250"));
    assert!(imap.imap("SELECT INBOX").contains("* 1 EXISTS"));

    // A broken file, and one that asks for what cannot change: as if nothing had been said.
    let good = std::fs::read_to_string(place.config()).unwrap();
    std::fs::write(place.config(), good.replace("1 MiB", "1 MiBs")).unwrap();
    server.signal(Signal::HUP);
    // What is wrong stands in the lines after the first: wait for it, not for that one.
    server.logs("`message_size` cannot be \"1 MiBs\"");
    std::fs::write(place.config(), good.replace("data = \"data\"", "data = \"other\"")).unwrap();
    server.signal(Signal::HUP);
    server.logs("cannot change while the server runs (restart it)");
    server.logs_times(KEPT, 2);
    std::fs::remove_file(place.config()).unwrap();
    server.signal(Signal::HUP);
    server.logs_times(KEPT, 3);
    assert!(place.deliver("info@example.org", "still").starts_with("250"));
    assert!(open.ask("NOOP").starts_with("250"));

    std::fs::write(place.config(), good).unwrap();
    server.signal(Signal::HUP);
    server.logs_times(TOOK, 2);
    server.stop();
}

/// Makes a certificate in a folder of its own.
fn certificate(folder: &Path) -> posthaste_tls::Source {
    std::fs::create_dir(folder).unwrap();
    let names = ["mail.example.org", "127.0.0.1"].map(str::to_owned);
    posthaste_tls::Source::self_signed(folder, &names).unwrap()
}

/// New connections are shown the new certificate.
#[test]
fn a_new_certificate() {
    let place = Place::with(&[ANN]);
    let old = certificate(&place.path().join("old"));
    let new = certificate(&place.path().join("new"));
    let (chain, key) = (place.path().join("chain.pem"), place.path().join("key.pem"));
    let install = |source: &posthaste_tls::Source| {
        std::fs::copy(&source.certificate, &chain).unwrap();
        std::fs::copy(&source.key, &key).unwrap();
    };
    install(&old);
    place.configure("", "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n");
    let server = place.serve();
    // Trusting one certificate alone tells which one is shown.
    let shows = |source: &posthaste_tls::Source| {
        let port = format!("127.0.0.1:{}", place.smtp);
        let ca = source.certificate.to_str().unwrap();
        run(&["send", "--to", ANN, "--server", &port, "--tls", "starttls", "--ca", ca]).code == 0
    };
    assert!(shows(&old) && !shows(&new));
    install(&new);
    server.signal(Signal::HUP);
    server.logs(TOOK);
    assert!(shows(&new) && !shows(&old));
    std::fs::write(&chain, "no certificate").unwrap();
    server.signal(Signal::HUP);
    let log = server.logs(KEPT);
    assert!(log.contains("chain.pem"), "{log}");
    assert!(shows(&new));
    server.stop();
}

/// Every log line is JSON, and none holds a password or the text of a message.
#[test]
fn logs_keep_secrets() {
    let secrets = ["Canary-Password", "Canary-Guess", "Canary-Body", "Canary-Appended"];
    let place = Place::new();
    place.configure("", "[log]\nformat = \"json\"\nlevel = \"trace\"\n");
    let server = place.serve();
    let add = place.account(&["add", ANN, "--password-stdin"], secrets[0]);
    add.fine();
    assert!(!place.signs_in(ANN, secrets[1]));
    let mut pop3 = Wire::connect(place.pop3);
    pop3.line();
    pop3.ask(&format!("USER {ANN}"));
    assert!(pop3.ask(&format!("PASS {}", secrets[1])).starts_with("-ERR"));
    let mut imap = Wire::connect(place.imap);
    imap.line();
    assert!(imap.imap(&format!("LOGIN {ANN} {}", secrets[0])).contains("a OK"));
    let text = format!("Subject: x\r\n\r\n{}\r\n", secrets[3]);
    let appended = imap.imap(&format!("APPEND INBOX {{{}+}}\r\n{text}", text.len()));
    assert!(appended.contains("a OK"), "{appended}");
    assert!(place.deliver(ANN, secrets[2]).starts_with("250"));
    // Refused and broken input is where logs are tempted to quote.
    assert!(place.deliver(ANN, &format!("{}\rbare", secrets[2])).starts_with("550"));
    imap.imap(&format!("LOGIN {ANN} {} {}", secrets[0], secrets[0]));
    std::fs::write(place.config(), "[server").unwrap();
    server.signal(Signal::HUP);
    server.logs(KEPT);
    drop((imap, pop3));
    let log = server.stop();
    for told in ["account added", "sign-in failed", "signed in", "message received"] {
        assert!(log.contains(told), "no {told:?} in {log}");
    }
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["timestamp", "level", "message"] {
            assert!(line[key].is_string(), "no {key} in {line}");
        }
    }
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}
