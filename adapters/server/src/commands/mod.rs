//! The commands, one file each. A command returns how the program failed, or nothing. `client` is what those that
//! speak to a server have alike.

mod account;
mod client;
mod config;
mod dev;
mod help;
mod mime;
mod send;
mod serve;
mod smtp_load;
mod smtp_sink;
mod status;

pub(crate) use smtp_load::{Arrivals, Sizes};
pub(crate) use smtp_sink::{Delay, Disconnect, Extension, Fail};

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
        Command::SmtpLoad(load) => smtp_load::run(&load),
        Command::SmtpSink(sink) => smtp_sink::run(&sink),
        Command::Status(status) => status::run(&status),
    }
}
