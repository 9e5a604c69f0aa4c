//! Limits as an operator meets them: by config, on the wire, and in `posthaste status`.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place::{PASSWORD, Place};
use crate::program::{PATIENCE, run};
use crate::wire::Wire;

const ANN: &str = "ann@example.org";

fn status(place: &Place) -> Value {
    let data = place.data();
    let said = run(&["status", "--json", "--data", data.to_str().unwrap()]).fine();
    serde_json::from_str(&said).unwrap()
}

/// Waits until nobody is connected: a session's end is heard a moment before its place is free.
#[track_caller]
fn alone(place: &Place) {
    let until = Instant::now() + PATIENCE;
    while status(place)["connections"]["open"] != 0 {
        assert!(Instant::now() < until, "somebody stays");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Each limit has a name in the config, refuses or ends what is beyond it with a reason, and is counted by its name.
#[test]
fn limits_refuse_with_a_reason_and_are_counted() {
    let place = Place::with(&[ANN]);
    place.configure(
        "trusted = []",
        "[limits]\nconnections_per_address = 3\nconnect_burst = 1000\njunk_commands = 1\nerrors = 3\n\
         tarpit_errors = 1\ntarpit_delay = \"300ms\"\nsmtp_hello_wait = \"1000ms\"\nsmtp_command_wait = \"1500ms\"\n\
         smtp_body_wait = \"900ms\"\nmessage_size = 2000\ntls_handshake = \"500ms\"\nauth_failures = 1\n",
    );
    let data = place.data();
    let nobody = run(&["status", "--data", data.to_str().unwrap()]);
    nobody.fails(69, &["no server runs on"]);
    let server = place.serve();
    let greeted = || {
        let mut smtp = Wire::connect(place.smtp);
        assert!(smtp.reply().starts_with("220 "));
        smtp
    };
    let welcome = || {
        alone(&place);
        let mut smtp = greeted();
        assert!(smtp.ask("EHLO stranger.test").starts_with("250"));
        smtp
    };

    {
        let mut inside: Vec<Wire> = (0..3).map(|_| greeted()).collect();
        let refused = Wire::connect(place.smtp).rest();
        assert!(refused.starts_with("421 4.7.0 Too many connections"), "{refused}");
        for silent in &mut inside {
            assert!(silent.rest().starts_with("421 4.4.2 "), "hello never came");
        }
    }
    assert!(welcome().rest().starts_with("421 4.4.2 "), "a command never came");
    {
        let mut silent = welcome();
        silent.ask("MAIL FROM:<a@b.test>");
        silent.ask(&format!("RCPT TO:<{ANN}>"));
        assert!(silent.ask("DATA").starts_with("354 "));
        assert!(silent.rest().starts_with("421 4.4.2 "), "the message never came");
    }
    {
        let mut idle = welcome();
        idle.ask("NOOP");
        assert!(idle.ask("NOOP").starts_with("421 4.7.0 "));
    }
    {
        let mut clumsy = welcome();
        let begin = Instant::now();
        clumsy.ask("FOO");
        clumsy.ask("FOO");
        assert!(begin.elapsed().as_millis() >= 300, "the second error is told later");
        clumsy.ask("FOO");
        assert!(clumsy.ask("FOO").starts_with("421 4.7.0 "));
    }
    assert!(welcome().ask("MAIL FROM:<a@b.test> SIZE=2001").starts_with("552 5.3.4 "));
    {
        alone(&place);
        let mut guess = Wire::connect(place.submission);
        guess.reply();
        guess.ask("EHLO stranger.test");
        // "\0x\0x", which nobody signs in with.
        assert!(guess.ask("AUTH PLAIN AHgAeA==").starts_with("535 5.7.8 "));
        assert!(guess.reply().starts_with("421 4.7.0 "));
    }
    {
        let mut late = welcome();
        late.ask("STARTTLS");
        assert_eq!(late.rest(), "", "the handshake never came");
    }
    alone(&place);

    let told = status(&place);
    for (name, times) in [
        ("connections_per_address", 1),
        ("smtp_hello_wait", 3),
        ("smtp_command_wait", 1),
        ("smtp_body_wait", 1),
        ("junk_commands", 1),
        ("errors", 1),
        ("tarpit_errors", 2),
        ("message_size", 1),
        ("auth_failures", 1),
        ("tls_handshake", 1),
    ] {
        assert_eq!(told["limits"][name], times, "{name}: {told:#}");
    }
    assert_eq!(told["mail"]["sign_ins_failed"], 1);
    assert!(told["connections"]["accepted"].as_u64() >= Some(11), "{told:#}");

    let log = server.stop();
    assert!(log.contains("smtp_hello_wait=3") && log.contains("stopped"), "{log}");
}

/// Two of four connections begin the stress, which the log and `status` show; a stranger that comes then has one
/// junk command. It ends by itself.
#[test]
fn stress_comes_and_goes() {
    let place = Place::with(&[ANN]);
    let limits = "[limits]\nconnections = 5\nreserved = 20\nstress_connections = 50\n";
    place.configure("trusted = []", limits);
    let server = place.serve();
    let greeted = || {
        let mut smtp = Wire::connect(place.smtp);
        assert!(smtp.reply().starts_with("220 "));
        smtp
    };
    let mut calm = [greeted(), greeted()];
    let mut strained = greeted();
    assert!(strained.ask("NOOP").starts_with("250 "));
    assert!(strained.ask("NOOP").starts_with("421 4.7.0 "));
    // Who came before may take its time.
    for _ in 0..3 {
        assert!(calm[0].ask("NOOP").starts_with("250 "));
    }
    server.logs("strangers have to be quick");
    assert_eq!(status(&place)["stressed"], true);
    drop((calm, strained));
    server.logs("strangers may take their time again");
    let told = status(&place);
    assert_eq!(
        (&told["stressed"], &told["limits"]["stress_connections"]),
        (&false.into(), &1.into())
    );
    assert_eq!(told["mail"]["strained_sessions"], 1);
    server.stop();
}

/// The names of the figures are those of the config, and people see what is not zero.
#[test]
fn status_shows_what_was_done() {
    let place = Place::with(&[ANN]);
    let server = place.serve();
    let config = place.config();
    let config = config.to_str().unwrap();
    let quiet = run(&["status", "--config", config]).fine();
    assert!(quiet.contains("none was met") && quiet.contains("accepted"), "{quiet}");
    assert!(place.deliver(ANN, "hello").starts_with("250 "));
    assert!(place.signs_in(ANN, PASSWORD));
    let told = status(&place);
    assert_eq!((&told["mail"]["messages"], &told["mail"]["sign_ins"]), (&1.into(), &1.into()));
    assert!(told["mail"]["octets"].as_u64() > Some(20), "{told:#}");
    let shown = run(&["config", "show", "--config", config]).fine();
    let known: BTreeSet<&str> = shown.lines().filter_map(|line| line.split(" = ").next()).collect();
    for (name, times) in told["limits"].as_object().unwrap() {
        assert!(known.contains(name.as_str()), "{name} is no limit");
        assert_eq!(times, 0, "{name}");
    }
    server.stop();
}
