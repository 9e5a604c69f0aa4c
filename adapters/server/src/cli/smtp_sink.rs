//! The command line of `posthaste smtp-sink`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Password, positive};
use crate::commands::{Delay, Disconnect, Extension, Fail};
use crate::config::units;

/// What `posthaste smtp-sink` is told.
#[derive(Debug, Args)]
#[command(after_help = "Try it: posthaste smtp-sink 127.0.0.1:2500 & posthaste smtp-load \
                        127.0.0.1:2500 --to user%d@example.test\nMore: posthaste help smtp-sink")]
pub(crate) struct SmtpSink {
    /// Where to listen; port 0 takes a free one
    #[arg(value_name = "ADDRESS:PORT")]
    pub(crate) address: SocketAddr,
    #[command(flatten)]
    pub(crate) face: Face,
    #[command(flatten)]
    pub(crate) password: Password,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
    #[command(flatten)]
    pub(crate) faults: Faults,
    /// Threads that serve
    #[arg(long, default_value = "1", value_parser = positive, value_name = "N")]
    pub(crate) threads: usize,
    /// End when so many messages were accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: Option<u64>,
    /// Print what every session does to standard error
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How it looks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct Face {
    /// `smtp`, `submission` or `lmtp`
    #[arg(long, default_value = "smtp", value_parser = ["smtp", "submission", "lmtp"])]
    pub(crate) role: String,
    /// What it calls itself
    #[arg(long, default_value = "sink.test", value_name = "NAME")]
    pub(crate) hostname: String,
    /// `none`, `starttls` or `implicit`; self-signed, if no certificate is given
    #[arg(long, default_value = "none", value_parser = ["none", "starttls", "implicit"])]
    pub(crate) tls: String,
    /// A certificate chain, as PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key, as PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Offer AUTH, and let anybody in
    #[arg(long, conflicts_with = "user")]
    pub(crate) auth: bool,
    /// Offer AUTH, for this name and a password only
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Want a sign-in before MAIL
    #[arg(long)]
    pub(crate) require_auth: bool,
    /// Offer these extensions too: DSN, BINARYMIME, REQUIRETLS, MT-PRIORITY, DELIVERBY
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) offer: Vec<Extension>,
    /// Do not offer these: PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) hide: Vec<Extension>,
    /// Octets of a message at most
    #[arg(long, default_value = "50 MiB", value_parser = size, value_name = "SIZE")]
    pub(crate) max_size: u64,
    /// Recipients of a message at most
    #[arg(long, default_value = "1000", value_parser = positive, value_name = "N")]
    pub(crate) max_recipients: usize,
    /// Listen on other addresses than loopback, for anybody who can reach them
    #[arg(long)]
    pub(crate) anybody: bool,
}

/// What becomes of messages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages (counted and forgotten, if nothing is said)")]
pub(crate) struct Keeping {
    /// Keep each message as a file of its own
    #[arg(long, value_name = "DIR", conflicts_with = "mbox")]
    pub(crate) store: Option<PathBuf>,
    /// With --store, write the envelope of each beside it, as JSON
    #[arg(long, requires = "store")]
    pub(crate) envelopes: bool,
    /// Append all messages to this mbox
    #[arg(long, value_name = "FILE")]
    pub(crate) mbox: Option<PathBuf>,
    /// Accept a message when it is on the disk, and not before
    #[arg(long)]
    pub(crate) sync: bool,
}

/// What goes wrong.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults, by stage: connect, auth, mail, rcpt, data, body, message")]
pub(crate) struct Faults {
    /// Answer late: STAGE=TIME, or STAGE=LEAST-MOST
    #[arg(long, value_delimiter = ',', value_name = "STAGE=TIME")]
    pub(crate) delay: Vec<Delay>,
    /// Refuse: STAGE=CODE, or STAGE=CODE:PERCENT%
    #[arg(long, value_delimiter = ',', value_name = "STAGE=CODE:PERCENT%")]
    pub(crate) fail: Vec<Fail>,
    /// Close the connection without a word: STAGE, or STAGE=PERCENT%
    #[arg(long, value_delimiter = ',', value_name = "STAGE=PERCENT%")]
    pub(crate) disconnect: Vec<Disconnect>,
    /// Makes the same faults again
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

fn size(text: &str) -> Result<u64, String> {
    let size = units::parse_size(text).filter(|size| *size > 0);
    size.ok_or_else(|| format!("expected {}", units::SIZE_FORM))
}
