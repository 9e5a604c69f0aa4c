//! The command line itself.

use crate::program::run;

#[test]
fn wrong_usage_is_64() {
    for (wrong, words) in [
        (&["--nonsense"][..], &["--nonsense"][..]),
        (&["sevre"], &["sevre", "serve"]),
        (&["serve"], &["--config"]),
        (&["account", "add"], &["ADDRESS"]),
        (&["dev", "--port-offset", "99999"], &["--port-offset 99999", "smaller"]),
        (
            &["dev", "--set", "limits.hop=1"],
            &["--set: nothing is called `hop` in [limits]: expected `hops`, perhaps"],
        ),
        (&["dev", "--set", "nothing"], &["SECTION.KEY=VALUE"]),
        (&["send", "--to", "nobody", "--server", "127.0.0.1:1"], &["\"nobody\" is not an address"]),
        (&["send", "--to", "ann@example.org", "--server", "nowhere"], &["HOST:PORT"]),
        (&["help", "nothing"], &["nothing", "start"]),
    ] {
        run(wrong).fails(64, words);
    }
    assert_eq!(run(&[]).code, 64);
}

#[test]
fn help_and_version() {
    let version = run(&["--version"]).fine();
    assert_eq!(version, format!("posthaste {}\n", env!("CARGO_PKG_VERSION")));
    assert!(run(&["--help"]).fine().contains("posthaste dev"));
    let topics = run(&["help"]).fine();
    for topic in ["start", "config", "accounts", "operation", "protocols", "mime"] {
        assert!(topics.contains(topic), "{topics}");
        assert!(run(&["help", topic]).fine().starts_with("# "), "{topic}");
    }
}
