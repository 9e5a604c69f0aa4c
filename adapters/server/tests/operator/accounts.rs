//! Account commands, with and without a running server.

use std::os::unix::fs::PermissionsExt;

use crate::place::{PASSWORD, Place};
use crate::program::run_with_input;

const ANN: &str = "ann@example.org";

/// Mistakes, each named. None changes anything.
fn mistakes(place: &Place) {
    place.add("Ann@EXAMPLE.org").fails(65, &["exists already"]);
    place.add("nonsense").fails(65, &["\"nonsense\" is not an address"]);
    let carl = ["add", "carl@example.org", "--password-stdin"];
    place.account(&carl, "").fails(65, &["the password is empty"]);
    place.account(&carl[..2], "").fails(64, &["--password-stdin"]);
    let wrong = ["add", "carl@example.org", "--quota", "lots", "--password-stdin"];
    place.account(&wrong, PASSWORD).fails(64, &["--quota cannot be \"lots\"", "50 MiB"]);
    let nobody = ["password", "carl@example.org", "--password-stdin"];
    place.account(&nobody, PASSWORD).fails(65, &["there is no", "carl@example.org"]);
    place.account(&["remove", "carl@example.org", "--yes"], "").fails(65, &["carl@example.org"]);
}

/// What holds whether or not a server runs.
fn manage(place: &Place) {
    assert_eq!(place.add(ANN).fine(), format!("added {ANN}\n"));
    let quota = ["add", "bob@example.org", "--quota", "5 MiB", "--password-stdin"];
    place.account(&quota, PASSWORD).fine();
    let listed = place.account(&["list"], "").fine();
    for word in [ANN, "bob@example.org", "5 MiB", "quota"] {
        assert!(listed.contains(word), "{listed}");
    }
    let json = place.account(&["list", "--json"], "").fine();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["address"], ANN);
    assert_eq!(json[1]["quota"], 5 << 20);

    place.add(ANN).fails(65, &[ANN, "exists already"]);
    place.add("ann@elsewhere.test").fails(65, &["none of the configured domains", "[[domain]]"]);
    place.account(&["remove", ANN], "").fails(64, &["Remove", ANN, "--yes"]);
    assert!(place.account(&["list"], "").fine().contains(ANN));
    place.account(&["password", ANN, "--password-stdin"], "another").fine();
    place.account(&["remove", "bob@example.org", "--yes"], "").fine();
    assert!(!place.account(&["list"], "").fine().contains("bob@"));
}

#[test]
fn without_a_server() {
    let place = Place::new();
    manage(&place);
    let server = place.serve();
    assert!(place.signs_in(ANN, "another"));
    assert!(!place.signs_in(ANN, PASSWORD));
    server.stop();
}

#[test]
fn while_the_server_runs() {
    let place = Place::new();
    let server = place.serve();
    let socket = place.data().join("control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    manage(&place);
    mistakes(&place);
    assert!(place.signs_in(ANN, "another"));
    assert!(!place.signs_in(ANN, PASSWORD));
    let reply = place.deliver("bob@example.org", "too late");
    assert!(reply.starts_with("550 5.1.1"), "{reply}");
    assert!(place.deliver("Ann+tag@example.org", "hello").starts_with("250"));
    let listed = place.account(&["list", "--json"], "").fine();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["messages"], 1);
    server.stop();
    assert!(!socket.exists());
    // `--data` alone finds it, too.
    let data = place.data().display().to_string();
    let listed = run_with_input(&["account", "list", "--data", &data], "").fine();
    assert!(listed.contains(ANN), "{listed}");
}

#[test]
fn a_folder_that_is_not_there() {
    let said = run_with_input(&["account", "list", "--data", "/nowhere/data"], "");
    said.fails(74, &["/nowhere/data", "--data DIR or --config FILE"]);
}
