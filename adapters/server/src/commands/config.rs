//! `posthaste config check|show`.

use crate::cli;
use crate::config::{Config, show};
use crate::exit::Failure;
use crate::wiring;

pub(super) fn run(command: cli::Config) -> Result<(), Failure> {
    match command {
        cli::Config::Check(serve) => {
            let config = Config::load(&serve.config)?;
            wiring::check_certificates(&config)?;
            println!(
                "{} is right: {}, {}, {}",
                serve.config.display(),
                count(config.listeners.len(), "listener"),
                count(config.domains.len(), "domain"),
                count(config.aliases.len(), "alias"),
            );
        }
        cli::Config::Show(serve) => print!("{}", show::toml(&Config::load(&serve.config)?)),
    }
    Ok(())
}

fn count(n: usize, thing: &str) -> String {
    match (n, thing) {
        (1, _) => format!("1 {thing}"),
        (_, "alias") => format!("{n} aliases"),
        _ => format!("{n} {thing}s"),
    }
}
