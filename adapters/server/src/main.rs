//! The `posthaste` binary: config, command line, and the wiring of everything else.
//!
//! - [`cli`]: the command line
//! - [`commands`]: one file a command
//! - [`config`][]: `posthaste.toml`
//! - [`control`], [`desk`]: the control socket, and what it asks for
//! - [`exit`]: exit codes and failures
//! - [`figures`]: what a server did, and how often each limit was met
//! - [`logs`]: log lines
//! - [`random`]: random numbers for load
//! - [`system`]: what the system allows
//! - [`terminal`]: asking the person at it
//! - [`wiring`]: everything else, joined

mod cli;
mod commands;
mod config;
mod control;
mod desk;
mod exit;
mod figures;
mod logs;
mod random;
mod system;
mod terminal;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}
