//! What the examples share: their arguments, TLS by files, and when to stop.

#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use posthaste_tls::{Certificates, Source as Files};
use posthaste_tokio::ServerTls;
use tokio::signal::unix::{SignalKind, signal};

/// Any error: examples only show it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The arguments that are still to be read.
pub struct Args(VecDeque<String>);

impl Args {
    /// Those of this program.
    pub fn of_this_program() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// The next one.
    pub fn next(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// The value of the option that was just read.
    pub fn value<T: FromStr<Err: fmt::Display>>(&mut self, option: &str) -> Result<T, Failure> {
        let text = self.next().ok_or_else(|| format!("{option} wants a value"))?;
        text.parse().map_err(|error| format!("{option} {text}: {error}").into())
    }
}

/// Runs a program; shows what went wrong, with its usage where the arguments are to blame.
pub fn run(usage: &str, program: impl FnOnce(Args) -> Result<ExitCode, Failure>) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("info"))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let args = Args::of_this_program();
    if args.0.iter().any(|arg| arg == "--help") {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    program(args).unwrap_or_else(|error| {
        eprintln!("{error}\n\n{usage}");
        // EX_USAGE
        ExitCode::from(64)
    })
}

/// Runs an async program on all cores.
pub fn block_on<T>(program: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(program)
}

/// TLS with a certificate for `hostname` that stands in `folder`, and is made there if it does not.
pub fn tls(folder: &Path, hostname: &str) -> Result<ServerTls, Failure> {
    let files = Files::self_signed(folder, &[hostname.to_owned(), "127.0.0.1".to_owned()])?;
    Ok(ServerTls::new(Arc::new(Certificates::load(vec![files])?))?)
}

/// Waits until somebody wants this program to end: SIGTERM, or Ctrl-C.
pub async fn told_to_stop() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Counts the Received fields of a message that comes in runs, cut anywhere: whoever passes messages on must
/// see when one goes in circles (RFC 5321 §6.3).
#[derive(Debug, Default)]
pub struct Hops {
    /// How many there were.
    pub count: u32,
    /// Octets of the line that have come.
    at: usize,
    /// So far the line is `Received:`.
    is: bool,
    /// The header is over.
    body: bool,
}

impl Hops {
    /// Fields of a message that is let pass. RFC 5321 asks for a hundred at least.
    pub const MOST: u32 = 100;

    /// Looks at the next octets.
    pub fn push(&mut self, run: &[u8]) {
        const FIELD: &[u8] = b"received:";
        for octet in run {
            match octet {
                _ if self.body => return,
                b'\n' => {
                    self.body = self.at <= 1;
                    self.at = 0;
                }
                _ => {
                    self.is = (self.at == 0 || self.is)
                        && FIELD.get(self.at) == Some(&octet.to_ascii_lowercase());
                    self.at += 1;
                    self.count += u32::from(self.is && self.at == FIELD.len());
                }
            }
        }
    }
}
