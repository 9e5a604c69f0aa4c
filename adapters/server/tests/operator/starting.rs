//! What keeps a server from starting is named, and what to do about it.

use std::net::TcpListener;

use crate::place::Place;
use crate::program::run;

#[test]
fn a_port_in_use() {
    let place = Place::new();
    let _taken = TcpListener::bind(("127.0.0.1", place.imap)).unwrap();
    let words = format!("127.0.0.1:{} is in use", place.imap);
    place.fail_to_serve().fails(69, &[&words, "-> ", "[[listener]]"]);
}

#[test]
fn a_folder_that_cannot_be_made() {
    let place = Place::new();
    // Even root cannot make a folder where a file is, or in /proc.
    std::fs::write(place.data(), "a file").unwrap();
    let folder = place.data().display().to_string();
    place.fail_to_serve().fails(73, &[&folder, "->"]);
    let said = run(&["dev", "--data", "/proc/posthaste"]);
    assert!([73, 77].contains(&said.code), "{said:?}");
    said.fails(said.code, &["/proc/posthaste", "->"]);
}

/// The control socket would not fit.
#[test]
fn a_folder_with_a_long_path() {
    let place = Place::new();
    let text = std::fs::read_to_string(place.config()).unwrap();
    let long = format!("data = \"{}\"", "long".repeat(30));
    std::fs::write(place.config(), text.replace("data = \"data\"", &long)).unwrap();
    let said = place.fail_to_serve();
    said.fails(said.code, &["control.sock", "choose a data folder with a shorter path"]);
    assert_ne!(said.code, 0);
}

#[test]
fn a_second_server_names_the_first() {
    let place = Place::new();
    let server = place.serve();
    let process = format!("process {}", server.pid());
    let folder = place.data().display().to_string();
    place.fail_to_serve().fails(69, &[&process, &folder, "stop that process"]);
    // The first one is none the worse for it, nor is its control socket.
    place.account(&["list"], "").fine();
    server.stop();
    // It left nothing behind that keeps the next one from starting.
    place.serve().stop();
}
