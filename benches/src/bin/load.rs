//! `load --server ADDRESS --to ADDRESS[,ADDRESS…] …`: makes load, prints one line of JSON.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use posthaste_benches::load::{Encryption, Options, run};

/// A load generator for any SMTP or LMTP server.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens
    #[arg(long)]
    server: std::net::SocketAddr,
    /// Recipients, taken in turn
    #[arg(long, value_delimiter = ',', required = true)]
    to: Vec<String>,
    /// LMTP instead of SMTP
    #[arg(long)]
    lmtp: bool,
    /// Sessions at once
    #[arg(long, default_value_t = 10)]
    sessions: usize,
    /// Messages in all
    #[arg(long, default_value_t = 1_000)]
    messages: usize,
    /// Messages a connection
    #[arg(long, default_value_t = usize::MAX)]
    per_connection: usize,
    /// Octets of a message
    #[arg(long, default_value_t = 10_240)]
    size: usize,
    /// MAIL, RCPT and DATA in one write
    #[arg(long)]
    pipelined: bool,
    /// STARTTLS
    #[arg(long)]
    starttls: bool,
    /// TLS from the first octet
    #[arg(long, conflicts_with = "starttls")]
    tls: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        server: arguments.server,
        lmtp: arguments.lmtp,
        sessions: arguments.sessions,
        messages: arguments.messages,
        per_connection: arguments.per_connection,
        size: arguments.size,
        pipelined: arguments.pipelined,
        encryption: match (arguments.tls, arguments.starttls) {
            (true, _) => Encryption::Implicit,
            (_, true) => Encryption::StartTls,
            _ => Encryption::None,
        },
        recipients: arguments.to,
        patience: Duration::from_secs(30),
    };
    let report = match run(&options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{}",
        serde_json::json!({
            "accepted": report.accepted,
            "refused": report.refused,
            "complaint": report.complaint,
            "seconds": report.elapsed.as_secs_f64(),
            "rate": report.accepted as f64 / report.elapsed.as_secs_f64(),
            "p50_us": report.percentile(50),
            "p99_us": report.percentile(99),
            "max_us": report.waits.last(),
        })
    );
    if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
