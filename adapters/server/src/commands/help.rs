//! `posthaste help`: the manual, carried inside the binary.

use crate::exit::{Exit, Failure};

/// Name, one line, text.
const TOPICS: &[(&str, &str, &str)] = &[
    (
        "start",
        "a server in two minutes, and one for a domain",
        include_str!("../../manual/start.md"),
    ),
    ("config", "posthaste.toml, every setting", include_str!("../../manual/config.md")),
    ("accounts", "accounts, passwords, aliases", include_str!("../../manual/accounts.md")),
    (
        "operation",
        "signals, logs, exit codes, what is on disk",
        include_str!("../../manual/operation.md"),
    ),
    ("protocols", "what is spoken, and how strictly", include_str!("../../manual/protocols.md")),
    ("mime", "what a message is made of", include_str!("../../manual/mime.md")),
    ("smtp-load", "load for any SMTP or LMTP server", include_str!("../../manual/smtp-load.md")),
    ("smtp-sink", "a sink for trying clients", include_str!("../../manual/smtp-sink.md")),
];

pub(super) fn run(topic: Option<&str>) -> Result<(), Failure> {
    let Some(topic) = topic else {
        println!("posthaste help TOPIC\n");
        for (name, about, _) in TOPICS {
            println!("  {name:<10} {about}");
        }
        println!("\nThe options of a command: posthaste COMMAND --help");
        return Ok(());
    };
    match TOPICS.iter().find(|(name, ..)| *name == topic) {
        Some((.., text)) => {
            print!("{text}");
            Ok(())
        }
        None => {
            let names: Vec<_> = TOPICS.iter().map(|(name, ..)| *name).collect();
            Err(Failure::new(
                Exit::Usage,
                format!("the manual has no topic `{topic}`"),
                format!("topics: {}", names.join(", ")),
            ))
        }
    }
}
