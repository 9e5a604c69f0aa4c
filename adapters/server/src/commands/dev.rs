//! `posthaste dev`: a complete server on loopback high ports, with two test accounts.

use std::path::{Path, PathBuf};

use comfy_table::Table;

use crate::cli::Dev;
use crate::config::{Config, Protocol, TlsMode};
use crate::control::Request;
use crate::exit::{Exit, Failure};
use crate::{desk, logs, terminal, wiring};

/// The domain of the test accounts.
const DOMAIN: &str = "localhost.test";
/// The test accounts, first the one that gets the postmaster's mail.
const ACCOUNTS: [&str; 2] = ["alice", "bob"];
/// Their password.
const PASSWORD: &str = "posthaste";

/// Protocol, port, how it encrypts.
const PORTS: &[(Protocol, u16, TlsMode)] = &[
    (Protocol::Smtp, 2525, TlsMode::StartTls),
    (Protocol::Submission, 2587, TlsMode::StartTls),
    (Protocol::Submission, 2465, TlsMode::Implicit),
    (Protocol::Lmtp, 2424, TlsMode::None),
    (Protocol::Imap, 2143, TlsMode::StartTls),
    (Protocol::Imap, 2993, TlsMode::Implicit),
    (Protocol::Pop3, 2110, TlsMode::StartTls),
    (Protocol::Pop3, 2995, TlsMode::Implicit),
];

pub(super) fn run(dev: &Dev) -> Result<(), Failure> {
    let config = config(dev)?;
    logs::start(&config.log);
    if dev.fresh {
        empty(&config.server.data, dev.yes)?;
    }
    let ready = config.clone();
    wiring::serve(
        config,
        |host| {
            let desk = desk::Desk::new(host);
            for name in ACCOUNTS {
                let address = format!("{name}@{DOMAIN}");
                if !desk.has(&address) {
                    let password = PASSWORD.to_owned();
                    desk.answer(Request::Add { address, password, quota: None })?;
                }
            }
            Ok(())
        },
        // SIGHUP: `dev` has no file to read again.
        || Err(Failure::new(Exit::Config, "dev has no config file to reload", "")),
        move || print!("{}", banner(&ready)),
    )
}

/// The settings of `dev`, with what `--set` changed.
fn config(dev: &Dev) -> Result<Config, Failure> {
    let data = std::path::absolute(&dev.data)
        .map_err(|error| Failure::io(format!("cannot find {}", dev.data.display()), &error))?;
    let mut text = format!(
        "[server]\nhostname = \"{DOMAIN}\"\ndefault_domain = \"{DOMAIN}\"\ndata = {:?}\n\
         plaintext_auth = \"loopback\"\n[[domain]]\nname = \"{DOMAIN}\"\n",
        data.display().to_string(),
    );
    for (protocol, port, tls) in PORTS {
        let port = u16::try_from(i32::from(*port) + dev.port_offset).map_err(|_| {
            let what = format!("--port-offset {} leaves the range of ports", dev.port_offset);
            Failure::new(Exit::Usage, what, "choose a smaller one")
        })?;
        text.push_str(&format!(
            "[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\ntls = \"{tls}\"\n"
        ));
    }
    let text = set(text, &dev.set)?;
    Config::parse(&text, Path::new("")).map_err(|problems| {
        let told = problems.iter().map(|p| format!("--set: {}: expected {}", p.wrong, p.expected));
        let hint = "see `posthaste help config`";
        Failure::new(Exit::Usage, told.collect::<Vec<_>>().join("\n"), hint)
    })
}

/// Applies `section.key=value` to a config text.
fn set(text: String, settings: &[String]) -> Result<String, Failure> {
    if settings.is_empty() {
        return Ok(text);
    }
    let wrong = |setting: &str, why: String| {
        Failure::new(
            Exit::Usage,
            format!("--set {setting:?}: {why}"),
            "expected SECTION.KEY=VALUE, such as server.submission_fixups=false",
        )
    };
    let mut table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| wrong("", error.to_string()))?;
    for setting in settings {
        let (key, value) =
            setting.split_once('=').ok_or_else(|| wrong(setting, "there is no `=`".into()))?;
        let (section, key) =
            key.trim().split_once('.').ok_or_else(|| wrong(setting, "there is no `.`".into()))?;
        let value = value.trim();
        let value = value.parse().unwrap_or_else(|_| toml::Value::String(value.to_owned()));
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        match section {
            toml::Value::Table(section) => section.insert(key.to_owned(), value),
            _ => return Err(wrong(setting, "that is not a table".into())),
        };
    }
    toml::to_string(&table).map_err(|error| wrong("", error.to_string()))
}

/// Deletes the data folder of an earlier `dev`, and nothing else.
fn empty(data: &Path, yes: bool) -> Result<(), Failure> {
    if !data.exists() {
        return Ok(());
    }
    if !wiring::is_data_folder(data) {
        return Err(Failure::new(
            Exit::Data,
            format!("{} does not look like a data folder of posthaste", data.display()),
            "delete it yourself if you are sure, or choose another one with --data",
        ));
    }
    if !yes && !terminal::agrees(&format!("Delete all mail in {}?", data.display()))? {
        return Err(Failure::new(Exit::Usage, "nothing was deleted", "leave out --fresh"));
    }
    wiring::not_running(data)?;
    std::fs::remove_dir_all(data)
        .map_err(|error| Failure::io(format!("cannot delete {}", data.display()), &error))
}

fn banner(config: &Config) -> String {
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header(["protocol", "address", "encryption"]);
    for listener in &config.listeners {
        let tls = match listener.tls {
            TlsMode::None => "none",
            TlsMode::StartTls => "STARTTLS (or none, from loopback)",
            TlsMode::Implicit => "TLS",
        };
        let address = listener.address.to_string();
        table.add_row([listener.protocol.to_string(), address, tls.to_owned()]);
    }
    let port = |protocol| {
        let listener = config.listeners.iter().find(|l| l.protocol == protocol);
        listener.map_or(0, |l| l.address.port())
    };
    let accounts: Vec<_> = ACCOUNTS.iter().map(|name| format!("{name}@{DOMAIN}")).collect();
    let program = program();
    format!(
        "{table}\n\
         accounts   {}\n\
         password   {PASSWORD}\n\
         data       {}\n\n\
         Send a mail:\n  {program} send --to alice@{DOMAIN} --text hi --server 127.0.0.1:{}\n\
         Read it:\n  curl -s -u alice:{PASSWORD} 'imap://127.0.0.1:{}/INBOX;MAILINDEX=*'\n\n\
         Ctrl-C stops it. More: {program} help\n\n",
        accounts.join(", "),
        config.server.data.display(),
        port(Protocol::Smtp),
        port(Protocol::Imap),
    )
}

/// The program as it can be typed here.
fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("posthaste"));
    exe.strip_prefix(&here).unwrap_or(&exe).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev(settings: &[&str]) -> Dev {
        Dev {
            data: "data".into(),
            fresh: false,
            yes: false,
            set: settings.iter().map(|s| (*s).to_owned()).collect(),
            port_offset: 0,
        }
    }

    #[test]
    fn listens_on_loopback_only() {
        let config = config(&dev(&[])).unwrap();
        assert_eq!(config.listeners.len(), PORTS.len());
        assert!(config.listeners.iter().all(|l| l.address.ip().is_loopback()));
    }

    #[test]
    fn settings_can_be_changed() {
        let config =
            config(&dev(&["server.submission_fixups=false", "limits.message_size=1 MiB"])).unwrap();
        assert!(!config.server.submission_fixups);
        assert_eq!(config.limits.message_size, 1 << 20);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for wrong in ["x", "x=1", "limits.nonsense=1", "server.data.x=1"] {
            assert!(config(&dev(&[wrong])).is_err(), "{wrong}");
        }
    }

    /// `--fresh` never deletes a folder that is not ours.
    #[test]
    fn fresh_spares_strange_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        assert_eq!(empty(folder.path(), true).unwrap_err().exit, Exit::Data);
        assert!(folder.path().join("thesis.txt").exists());
    }
}
