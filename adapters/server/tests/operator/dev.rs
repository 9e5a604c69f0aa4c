//! `posthaste dev`: what it prints, and that it is true.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::place::free_ports;
use crate::program::{Running, run, run_with};

/// What `dev` listens at.
const PORTS: [u16; 8] = [2525, 2587, 2465, 2424, 2143, 2993, 2110, 2995];

/// An offset that leads to free ports only.
fn offset() -> String {
    loop {
        let [port] = free_ports();
        let Some(offset) = port.checked_sub(PORTS[0]) else { continue };
        let free = |port: u16| {
            port.checked_add(offset).is_some_and(|p| TcpListener::bind(("127.0.0.1", p)).is_ok())
        };
        if PORTS.iter().all(|port| free(*port)) {
            return format!("--port-offset={offset}");
        }
    }
}

fn start(folder: &Path, offset: &str) -> Running {
    Running::start(folder, &["dev", offset])
}

/// The line that follows `title`.
fn line<'a>(banner: &'a str, title: &str) -> &'a str {
    banner.split(title).nth(1).unwrap().lines().nth(1).unwrap().trim()
}

/// Runs a printed line as a person does who copies it.
fn shell(folder: &Path, line: &str) -> crate::program::Said {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    run_with(command, "")
}

#[test]
fn what_it_prints_works() {
    let folder = tempfile::tempdir().unwrap();
    let offset = offset();
    let server = start(folder.path(), &offset);
    let banner = server.prints("Ctrl-C");
    let number: u16 = offset.rsplit_once('=').unwrap().1.parse().unwrap();
    for port in PORTS {
        assert!(banner.contains(&format!("127.0.0.1:{}", port + number)), "{banner}");
    }
    for word in ["STARTTLS", "alice@localhost.test", "bob@localhost.test", "posthaste-data"] {
        assert!(banner.contains(word), "no {word:?} in {banner}");
    }
    let sent = shell(folder.path(), line(&banner, "Send a mail:")).fine();
    assert!(sent.starts_with("250 "), "{sent}");
    let read = shell(folder.path(), line(&banner, "Read it:"));
    if read.code == 127 {
        eprintln!("curl is not here: reading was not tried");
    } else {
        assert!(read.fine().contains("\r\n\r\nhi\r\n"));
    }

    // A second one in the same folder, and one elsewhere on the same ports.
    let second = run(&["dev", "--data", folder.path().join("posthaste-data").to_str().unwrap()]);
    second.fails(69, &[&format!("process {}", server.pid())]);
    let other = folder.path().join("other");
    let other = run(&["dev", &offset, "--data", other.to_str().unwrap()]);
    other.fails(69, &["is in use", "--port-offset"]);
    server.stop();
}

/// `--fresh` deletes only what is a data folder, after asking, when no server uses it.
#[test]
fn fresh() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("posthaste-data");
    let data = data.to_str().unwrap();
    let offset = offset();
    let count = || {
        let listed = run(&["account", "list", "--json", "--data", data]).fine();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed[0]["address"], "alice@localhost.test");
        listed[0]["messages"].as_u64().unwrap()
    };
    let server = start(folder.path(), &offset);
    shell(folder.path(), line(&server.prints("Ctrl-C"), "Send a mail:")).fine();
    run(&["dev", "--fresh", "--yes", "--data", data]).fails(69, &["process"]);
    assert_eq!(count(), 1);
    server.stop();

    let server = start(folder.path(), &offset);
    assert_eq!(count(), 1, "dev keeps its data");
    server.stop();

    run(&["dev", "--fresh", "--data", data]).fails(64, &["Delete all mail", "--yes"]);
    assert_eq!(count(), 1);

    let server = Running::start(folder.path(), &["dev", "--fresh", "--yes", &offset]);
    assert_eq!(count(), 0);
    server.stop();

    let strange = folder.path().join("thesis");
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(strange.join("chapter"), "years of work").unwrap();
    let said = run(&["dev", "--fresh", "--yes", "--data", strange.to_str().unwrap()]);
    said.fails(65, &["does not look like a data folder"]);
    assert!(strange.join("chapter").exists());
}
