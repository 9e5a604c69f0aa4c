//! The command line of `posthaste smtp-load`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Client, duration, positive};
use crate::commands::{Arrivals, Sizes};

/// What `posthaste smtp-load` is told.
#[derive(Debug, Args)]
#[command(after_help = "Try it: posthaste dev & posthaste smtp-load 127.0.0.1:2525 --to \
                        alice@localhost.test\nMore: posthaste help smtp-load")]
pub(crate) struct SmtpLoad {
    /// Where the server is
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) messages: Messages,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) wire: Wire,
    #[command(flatten)]
    pub(crate) client: Client,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Messages {
    /// Recipients, taken in turn; `%d` counts; may be repeated
    #[arg(long, required = true, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// What `%d` in --to counts through, such as 1-1000
    #[arg(long, default_value = "0-", value_parser = range, value_name = "FIRST-LAST")]
    pub(crate) to_range: (u64, u64),
    /// Senders, taken in turn; `%d` counts
    #[arg(long, default_value = "load@load.test", value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) from: Vec<String>,
    /// What `%d` in --from counts through
    #[arg(long, default_value = "0-", value_parser = range, value_name = "FIRST-LAST")]
    pub(crate) from_range: (u64, u64),
    /// Recipients of each message
    #[arg(long, default_value = "1", value_parser = positive, value_name = "N")]
    pub(crate) recipients: usize,
    /// Octets of each message: a size, a range, lognormal:MEDIAN,SIGMA, or `mail`, a mix like real mail
    #[arg(long, default_value = "10 KiB", value_name = "SIZE", conflicts_with = "corpus")]
    pub(crate) size: Sizes,
    /// Send the files of this folder, in turn, each as one message
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,
}

/// How much, and how fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct Pace {
    /// Messages in all (1000, if there is no --duration)
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<u64>,
    /// How long messages begin, such as 30s or 5m
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) duration: Option<Duration>,
    /// Messages a second, by the clock, however slow the server is; else as fast as it goes
    #[arg(long, value_parser = rate, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// With --rate, how messages follow each other
    #[arg(long, default_value = "even", value_parser = ["even", "poisson"], requires = "rate")]
    pub(crate) arrivals: String,
    /// Connections at once, at most
    #[arg(long, short, default_value = "10", value_parser = positive, value_name = "N")]
    pub(crate) sessions: usize,
    /// Messages on a connection, before another is opened
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) per_connection: Option<u64>,
    /// Threads that share the sessions
    #[arg(long, default_value = "1", value_parser = positive, value_name = "N")]
    pub(crate) threads: usize,
    /// Makes the same messages again
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

impl Pace {
    /// How messages follow each other.
    pub(crate) fn arrivals(&self) -> Arrivals {
        if self.arrivals == "poisson" { Arrivals::Poisson } else { Arrivals::Even }
    }
}

/// Over what it is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(crate) struct Wire {
    /// What we call ourselves in EHLO
    #[arg(long, default_value = "load.test", value_name = "NAME")]
    pub(crate) hostname: String,
    /// Connect from these addresses, taken in turn
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) source: Vec<IpAddr>,
    /// How long to wait for a connection, and for each reply
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Duration,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let read = || {
        let (first, last) = text.split_once('-')?;
        let first = first.parse().ok()?;
        let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
        (first <= last).then_some((first, last))
    };
    read().ok_or_else(|| "expected FIRST-LAST, such as 1-1000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (1e-3..=1e9).contains(rate));
    rate.ok_or_else(|| "expected messages a second, such as 250 or 0.5".to_owned())
}
