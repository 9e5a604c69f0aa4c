//! The command line.

mod client;
mod smtp_load;
mod smtp_sink;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use client::Client;
pub(crate) use smtp_load::SmtpLoad;
pub(crate) use smtp_sink::{Keeping, SmtpSink};

use crate::config::units;

/// A complete mail server: SMTP, LMTP, submission, IMAP and POP3 in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "posthaste",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Try it: posthaste dev"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a complete server on loopback high ports, with two test accounts
    Dev(Dev),
    /// Run the server that a config file describes
    Serve(Serve),
    /// Check or print a config file
    #[command(subcommand)]
    Config(Config),
    /// Add, remove and list accounts, set passwords; works while the server runs
    #[command(subcommand)]
    Account(Account),
    /// Show what the running server did, and how often each limit was met
    Status(Status),
    /// Show what a message is made of
    Mime(Mime),
    /// Send a message by SMTP, for trying things
    Send(Box<Send>),
    /// Make load for any SMTP or LMTP server, and tell how it fares
    SmtpLoad(Box<SmtpLoad>),
    /// Take mail and count it, keep it or refuse it: a server for trying and measuring clients
    SmtpSink(Box<SmtpSink>),
    /// Read the manual
    Help {
        /// What to read about; without it, the list of topics
        topic: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where mail and accounts are kept
    #[arg(long, default_value = "posthaste-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Start with an empty data folder: deletes what is there
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Do not ask before deleting
    #[arg(long)]
    pub(crate) yes: bool,
    /// Change a setting, as in `--set limits.message_size="1 MiB"`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Added to every port, to run more than one
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    pub(crate) port_offset: i32,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The config file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether a config file is right, and every place where it is not
    Check(Serve),
    /// Print a config with all its defaults
    Show(Serve),
}

/// Which server a command speaks to.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The server's config file
    #[arg(long, value_name = "FILE", conflicts_with = "data", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The server's data folder (else ./posthaste-data)
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) at: Where,
    /// Print JSON: all figures, those that are zero, too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Make an account with its mailboxes
    Add {
        /// Its full address
        address: String,
        /// Most octets it may keep, such as "5 GiB"
        #[arg(long, value_name = "SIZE")]
        quota: Option<String>,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        at: Where,
    },
    /// Remove an account and its mail
    Remove {
        /// Its full address
        address: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: Where,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        at: Where,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say which TLS certificates sign in to an account (SASL EXTERNAL)
    #[command(subcommand)]
    Certificate(Certificate),
    /// Set an account's password
    Password {
        /// Its full address
        address: String,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        at: Where,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Certificate {
    /// Let whoever holds the certificate's key sign in
    Add {
        /// The account's full address
        address: String,
        /// The certificate: a PEM file, or its SHA-256 fingerprint
        certificate: String,
        #[command(flatten)]
        at: Where,
    },
    /// Let it sign in no more, and end the account's sessions
    Remove {
        /// The account's full address
        address: String,
        /// The certificate: a PEM file, or its SHA-256 fingerprint
        certificate: String,
        #[command(flatten)]
        at: Where,
    },
    /// List the fingerprints of an account's certificates
    List {
        /// The account's full address
        address: String,
        #[command(flatten)]
        at: Where,
    },
}

#[derive(Debug, Args)]
#[group(id = "password-source")]
pub(crate) struct Password {
    /// Read the password from the first line of standard input instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Mime {
    /// Messages; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) form: MimeForm,
    /// Read each bare CR or LF as CR LF, which is how a server keeps mail
    #[arg(long)]
    pub(crate) crlf: bool,
}

/// What to show; the tree, if nothing is said.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct MimeForm {
    /// Draw the parts: what they are, and where they stand (the default)
    #[arg(long)]
    pub(crate) tree: bool,
    /// Print all that is known, one JSON object a line for each message
    #[arg(long)]
    pub(crate) json: bool,
    /// Print IMAP's ENVELOPE
    #[arg(long)]
    pub(crate) envelope: bool,
    /// Print IMAP's BODYSTRUCTURE
    #[arg(long)]
    pub(crate) bodystructure: bool,
    /// Write the content of one part, decoded, and nothing else; IMAP's numbers, such as 1.2
    #[arg(long, value_name = "N")]
    pub(crate) part: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Whom to; may be repeated
    #[arg(long, required = true, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// Who from (else the sign-in name, or postmaster@localhost); `<>` is nobody, as reports have it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// The subject
    #[arg(long, default_value = "Hello from posthaste")]
    pub(crate) subject: String,
    /// The text
    #[arg(long, conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// A whole message to send as it is; `-` is standard input. If repeated, each goes over the same connection
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Where the server is
    #[arg(long, default_value = "127.0.0.1:2525", value_name = "HOST:PORT")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    /// Print the conversation
    #[arg(long, short)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// What is said of a message beside its sender and recipients.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Parameters, for servers that offer them")]
pub(crate) struct Parameters {
    /// What the octets are: `7bit`, `8bitmime` or `binarymime` (else found out)
    #[arg(long, value_parser = ["7bit", "8bitmime", "binarymime"])]
    pub(crate) body: Option<String>,
    /// The header fields are UTF-8
    #[arg(long)]
    pub(crate) smtputf8: bool,
    /// When to report: `never`, or some of success,failure,delay
    #[arg(long, value_name = "WHEN")]
    pub(crate) notify: Option<String>,
    /// The recipient as first written, such as rfc822;ann@example.org; the first goes with the first --to
    #[arg(long, value_name = "TYPE;ADDRESS")]
    pub(crate) orcpt: Vec<String>,
    /// What a report carries: `full` (the message) or `headers`
    #[arg(long, value_parser = ["full", "headers"])]
    pub(crate) ret: Option<String>,
    /// A name for the message, which comes back in reports
    #[arg(long, value_name = "TEXT")]
    pub(crate) envid: Option<String>,
    /// Send it only over TLS with a verified certificate, and only to servers that promise the same
    #[arg(long)]
    pub(crate) requiretls: bool,
    /// -9 to 9
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i8>,
    /// Hold it so long ("4h"), or until such a time (2027-01-31T08:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) hold: Option<String>,
    /// Deliver it in so many seconds, or else return it (`3600;R`) or report that (`3600;N`)
    #[arg(long, value_name = "SECONDS;MODE", allow_hyphen_values = true)]
    pub(crate) by: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wait = units::parse_duration(text).filter(|wait| !wait.is_zero());
    wait.ok_or_else(|| format!("expected {}", units::DURATION_FORM))
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "expected a number from 1 to 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
