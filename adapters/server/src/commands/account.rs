//! `posthaste account add|remove|list|password|certificate`.

use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table};
use posthaste_core::machine::Fingerprint;

use crate::cli::{self, Where};
use crate::config::Config;
use crate::config::units::{SIZE_FORM, parse_size, show_size};
use crate::control::{Account, Answer, Reply, Request, client};
use crate::exit::{Exit, Failure};
use crate::{desk, terminal};

pub(super) fn run(command: cli::Account) -> Result<(), Failure> {
    match command {
        cli::Account::Add { address, quota, password, at } => {
            let quota = match quota {
                None => None,
                Some(text) => Some(parse_size(&text).ok_or_else(|| {
                    let hint = format!("expected {SIZE_FORM}");
                    Failure::new(Exit::Usage, format!("--quota cannot be {text:?}"), hint)
                })?),
            };
            let password = terminal::new_password(password.password_stdin)?;
            ask(&at, Request::Add { address: address.clone(), password, quota })?;
            println!("added {address}");
        }
        cli::Account::Certificate(command) => certificate(command)?,
        cli::Account::Remove { address, yes, at } => {
            if !yes && !terminal::agrees(&format!("Remove {address} and all its mail?"))? {
                return Ok(());
            }
            ask(&at, Request::Remove { address: address.clone() })?;
            println!("removed {address}");
        }
        cli::Account::List { at, json } => {
            let accounts = list(&at)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&accounts).unwrap_or_default());
            } else if accounts.is_empty() {
                println!("no accounts yet; make one with `posthaste account add ADDRESS`");
            } else {
                println!("{}", table(&accounts));
            }
        }
        cli::Account::Password { address, password, at } => {
            let password = terminal::new_password(password.password_stdin)?;
            ask(&at, Request::Password { address: address.clone(), password })?;
            println!("set the password of {address}");
        }
    }
    Ok(())
}

fn certificate(command: cli::Certificate) -> Result<(), Failure> {
    match command {
        cli::Certificate::Add { address, certificate, at } => {
            let fingerprint = fingerprint(&certificate)?;
            let request = Request::AddCertificate { address, fingerprint: fingerprint.clone() };
            ask(&at, request)?;
            println!("added {fingerprint}");
        }
        cli::Certificate::Remove { address, certificate, at } => {
            let fingerprint = fingerprint(&certificate)?;
            let request = Request::RemoveCertificate { address, fingerprint: fingerprint.clone() };
            ask(&at, request)?;
            println!("removed {fingerprint}");
        }
        cli::Certificate::List { address, at } => {
            let accounts = list(&at)?;
            let account =
                accounts.iter().find(|known| known.address.eq_ignore_ascii_case(&address));
            let account = account.ok_or_else(|| {
                let hint = "see `posthaste account list`";
                Failure::new(Exit::Data, format!("there is no {address}"), hint)
            })?;
            account.certificates.iter().for_each(|fingerprint| println!("{fingerprint}"));
        }
    }
    Ok(())
}

/// The fingerprint of a certificate that is given by a file or by its fingerprint.
fn fingerprint(text: &str) -> Result<String, Failure> {
    let known = match Fingerprint::parse(text) {
        Some(known) => known,
        None => posthaste_tls::certificates::fingerprint(Path::new(text)).map_err(|error| {
            let hint = "expected a PEM file, or a SHA-256 fingerprint of 64 hexadecimal digits";
            Failure::new(Exit::Data, error.to_string(), hint)
        })?,
    };
    Ok(known.to_string())
}

fn list(at: &Where) -> Result<Vec<Account>, Failure> {
    let Reply::Accounts { accounts } = ask(at, Request::List)? else {
        return Err(Failure::new(Exit::Unavailable, "the server gave another answer", ""));
    };
    Ok(accounts)
}

/// Asks the running server, or the store itself when none runs.
fn ask(at: &Where, request: Request) -> Answer {
    let (data, config) = match (&at.config, &at.data) {
        (Some(file), _) => {
            let config = Config::load(file)?;
            (config.server.data.clone(), Some(config))
        }
        (None, data) => (data.clone().unwrap_or_else(|| PathBuf::from("posthaste-data")), None),
    };
    match client::ask(&data, &request)? {
        Some(answer) => answer,
        None => desk::offline(&data, config, request),
    }
}

fn table(accounts: &[Account]) -> Table {
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header(["account", "messages", "size", "quota"]);
    for account in accounts {
        table.add_row([
            account.address.clone(),
            account.messages.to_string(),
            human(account.octets),
            account.quota.map_or_else(|| "none".to_owned(), show_size),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A size to look at, not to read back: `3.4 MiB`.
fn human(octets: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = octets as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{octets} B") } else { format!("{size:.1} {}", units[unit]) }
}
