//! The commands, one file each. A command returns how the program failed, or nothing.

mod account;
mod config;
mod dev;
mod help;
mod mime;
mod send;
mod serve;

use crate::cli::{Cli, Command};
use crate::exit::Failure;

/// Runs what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Account(account) => account::run(account),
        Command::Config(config) => config::run(config),
        Command::Dev(dev) => dev::run(&dev),
        Command::Help { topic } => help::run(topic.as_deref()),
        Command::Mime(mime) => mime::run(&mime),
        Command::Send(send) => send::run(&send),
        Command::Serve(serve) => serve::run(&serve),
    }
}
