use std::path::Path;

use super::read::show;
use super::*;

const SMALL: &str = r#"
[server]
hostname = "mail.example.org"
data = "data"

[[listener]]
protocol = "smtp"
address = "127.0.0.1:2525"

[[domain]]
name = "example.org"
"#;

fn parse(source: &str) -> Result<Config, String> {
    Config::parse(source, Path::new("/etc/posthaste"))
        .map_err(|problems| show("posthaste.toml", source, &problems))
}

#[test]
fn a_small_config_gets_every_default() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.server.data, Path::new("/etc/posthaste/data"));
    assert_eq!(config.server.runtime, Runtime::Mio);
    assert_eq!(config.server.subaddress, Some('+'));
    assert_eq!(config.server.plaintext_auth, PlaintextAuth::Never);
    assert_eq!(config.listeners[0].tls, TlsMode::StartTls);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.limits.message_size, 50 << 20);
}

/// A name in UTF-8 is told to others in the form that all of them read (RFC 6531 §3.7.1).
// RFC: 6531-3.7.1-2
#[test]
fn our_name_is_ascii() {
    let config = parse(&SMALL.replace("mail.example.org", "b\u{fc}cher.example.org")).unwrap();
    assert_eq!(config.server.hostname, "xn--bcher-kva.example.org");
}

/// What `config show` prints is a config, and the same one.
#[test]
fn shown_and_read_again() {
    let mut source =
        SMALL.replace("[[domain]]", "[limits]\nmessage_size = \"7 MiB\"\nhops = 9\n\n[[domain]]");
    source.push_str("\n[[alias]]\naddress = \"sales@example.org\"\nto = [\"ann@example.org\"]\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n");
    let config = parse(&source).unwrap();
    assert_eq!(config.limits.message_size, 7 << 20);
    assert_eq!(config.limits.hops, 9);
    assert_eq!(parse(&show::toml(&config)).unwrap(), config);
}

/// Every mistake is told in one go, each with its line, its text and what was expected.
#[test]
fn mistakes_are_shown_where_they_stand() {
    let source = SMALL
        .replace("hostname =", "hostnam =")
        .replace("\"smtp\"", "\"smpt\"")
        .replace("127.0.0.1:2525", "127.0.0.1")
        + "\n[limits]\nmessage_size = \"50 MiBs\"\nhops = 0\ndrain = 30\n";
    let told = parse(&source).unwrap_err();
    for expected in [
        "posthaste.toml:3:1: nothing is called `hostnam` in [server]",
        "expected `hostname`, perhaps",
        "server has no `hostname`",
        "posthaste.toml:7:12: `protocol` cannot be \"smpt\"",
        " 7 | protocol = \"smpt\"\n   |            ^^^^^^",
        "one of \"smtp\", \"submission\", \"lmtp\", \"imap\", \"pop3\"",
        "posthaste.toml:8:11: `address` cannot be \"127.0.0.1\"",
        "`message_size` cannot be \"50 MiBs\"",
        "`hops` cannot be 0",
        "`drain` cannot be 30",
        "a duration such as",
    ] {
        assert!(told.contains(expected), "no {expected:?} in\n{told}");
    }
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    let told = parse("[server\nhostname = 1\n").unwrap_err();
    assert!(told.starts_with("posthaste.toml:1:8: "), "{told}");
    let told = parse("[server]\nhostname = \"é\u{301}\n").unwrap_err();
    assert!(told.contains("posthaste.toml:2:"), "{told}");
}

#[test]
fn an_empty_file_says_what_a_config_needs() {
    let told = parse("").unwrap_err();
    for expected in ["`[server]`", "no domain is served", "nothing listens"] {
        assert!(told.contains(expected), "no {expected:?} in\n{told}");
    }
}
