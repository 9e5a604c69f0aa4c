//! Config files: every mistake at once, each where it stands.

use crate::place::Place;
use crate::program::run;

/// Runs `config check` on this text.
fn check(place: &Place) -> crate::program::Said {
    run(&["config", "check", "--config", place.config().to_str().unwrap()])
}

#[test]
fn every_mistake_is_told_at_once() {
    let place = Place::new();
    let text = std::fs::read_to_string(place.config())
        .unwrap()
        .replace("hostname =", "hostnam =")
        .replace("\"pop3\"", "\"pop4\"")
        + "[limits]\nmessage_size = \"50 MiBs\"\ndrian = \"30s\"\n";
    std::fs::write(place.config(), &text).unwrap();
    let line = |words: &str| text.lines().position(|line| line.contains(words)).unwrap() + 1;
    let file = place.config().display().to_string();
    let config = place.config();
    for command in [&["config", "check"][..], &["config", "show"], &["serve"]] {
        let said = run(&[command, &["--config", config.to_str().unwrap()]].concat());
        said.fails(
            78,
            &[
                &format!("5 mistakes in {file}"),
                &format!("{file}:2:1: nothing is called `hostnam` in [server]"),
                "2 | hostnam = \"mail.example.org\"",
                "expected `hostname`, perhaps",
                &format!("{file}:{}:12: `protocol` cannot be \"pop4\"", line("pop4")),
                "one of \"smtp\", \"submission\", \"lmtp\", \"imap\", \"pop3\"",
                &format!("{file}:{}:16: `message_size` cannot be \"50 MiBs\"", line("MiBs")),
                &format!("{file}:{}:1: nothing is called `drian` in [limits]", line("drian")),
                "expected `drain`, perhaps",
            ],
        );
        assert!(!place.data().exists(), "a wrong config made a folder");
    }
}

/// Aliases and addresses that do not fit together are shown where they stand, too.
#[test]
fn names_that_do_not_fit_together() {
    let place = Place::new();
    place.configure(
        "postmaster = \"root@elsewhere.test\"",
        "[[alias]]\naddress = \"sales@example.org\"\nto = [\"all@example.org\"]\n\
         [[alias]]\naddress = \"all@example.org\"\nto = [\"sales@example.org\"]\n\
         [[alias]]\naddress = \"far@example.org\"\nto = [\"ann@elsewhere.test\"]\n",
    );
    let text = std::fs::read_to_string(place.config()).unwrap();
    let line = |words: &str| text.lines().position(|line| line.contains(words)).unwrap();
    let file = place.config().display().to_string();
    let said = check(&place);
    said.fails(
        78,
        &[
            "3 mistakes",
            &format!("{file}:1:1: in [server]: root@elsewhere.test is in none"),
            "aliases form a loop: ",
            &format!("{file}:{}:1: ann@elsewhere.test is in none", line("far@")),
            "expected an address in a domain that a [[domain]] names",
        ],
    );
    let looped = ["sales@example.org -> all@example.org", "all@example.org -> sales@example.org"];
    assert!(looped.iter().any(|path| said.err.contains(path)), "{}", said.err);
    place.fail_to_serve().fails(78, &["aliases form a loop"]);
}

#[test]
fn two_listeners_cannot_share_an_address() {
    let place = Place::new();
    let more = format!(
        "[[listener]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:{}\"\ntls = \"implicit\"\n",
        place.smtp
    );
    place.configure("", &more);
    let words = format!("two listeners have the address 127.0.0.1:{}", place.smtp);
    check(&place).fails(78, &[&words]);
}

/// A wrong one is not also a missing one.
#[test]
fn the_only_listener_is_wrong() {
    let place = Place::new();
    let text = "[server]\nhostname = \"mail.example.org\"\ndata = \"data\"\n\
                [[listener]]\nprotocol = \"smpt\"\naddress = \"127.0.0.1:0\"\n\
                [[domain]]\nname = \"example..org\"\n";
    std::fs::write(place.config(), text).unwrap();
    let said = check(&place);
    said.fails(78, &["2 mistakes", "`protocol` cannot be \"smpt\"", "\"example..org\""]);
}

#[test]
fn files_that_are_not_there() {
    let said = run(&["config", "check", "--config", "/nowhere/posthaste.toml"]);
    said.fails(78, &["/nowhere/posthaste.toml", "->"]);
    let place = Place::new();
    place.configure("", "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n");
    let missing = place.path().join("chain.pem").display().to_string();
    check(&place).fails(78, &[&missing]);
    place.fail_to_serve().fails(78, &[&missing]);
}

#[test]
fn checked_and_shown() {
    let place = Place::new();
    place.configure(
        "",
        "[limits]\nhops = 9\n[[alias]]\naddress = \"info@example.org\"\nto = [\"ann@example.org\"]\n",
    );
    assert!(check(&place).fine().contains("is right: 5 listeners, 1 domain, 1 alias"));
    let show = |file: &str| run(&["config", "show", "--config", file]).fine();
    let shown = show(place.config().to_str().unwrap());
    assert!(shown.contains("hops = 9"), "{shown}");
    assert!(shown.contains("drain = \"30s\""), "{shown}");
    let again = place.path().join("again.toml");
    std::fs::write(&again, &shown).unwrap();
    assert_eq!(show(again.to_str().unwrap()), shown);
}
