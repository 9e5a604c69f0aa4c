//! `posthaste smtp-sink`: takes mail and counts it, keeps it or refuses it.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | here | what all sessions share, starting, showing, stopping |
//! | [`setup`] | what the command line asks for, ready to be served |
//! | [`session`] | one session: says yes, unless it is to go wrong |
//! | [`fate`], [`delays`] | what goes wrong on purpose, and answers that come late |
//! | [`offer`] | the extensions that can be switched |
//! | [`keep`], [`mbox`] | where messages go |
//! | [`figures`], [`report`] | what is counted, and how it is told |
//!
//! The sessions are core's server machine on the mio adapter's reactors, as the server's are; only the
//! answers differ.

mod delays;
mod fate;
mod figures;
mod keep;
mod mbox;
mod offer;
mod report;
mod session;
mod setup;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use delays::Delays;
use fate::Fates;
pub(crate) use fate::{Delay, Disconnect, Fail};
use figures::{Figures, count, read};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use keep::{Keeper, unkept};
pub(crate) use offer::Extension;
use posthaste_core::smtp::reply::Reply;
use posthaste_core::smtp::server::{Config, Outcome, Role};
use posthaste_tls::Handle;
use session::{Auth, Takers, Verdicts, refusal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::smtp_load::grouped;
use crate::cli::SmtpSink;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// How often the figures on the terminal change.
const SHOW: Duration = Duration::from_millis(100);

/// What all sessions share.
struct Sink {
    config: Arc<Config>,
    auth: Auth,
    fates: Fates,
    /// There only if something is late.
    delays: Option<Arc<Delays>>,
    /// There only if messages are kept.
    keeper: Option<Keeper>,
    figures: Figures,
    verbose: bool,
    seed: u64,
    sessions: AtomicU64,
    stop_after: Option<u64>,
    handle: OnceLock<Handle>,
}

impl Sink {
    /// The number of the next session.
    fn session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A message was taken, for whom the verdict has it; what is to be said.
    fn took(&self, verdict: &Verdicts) -> Outcome {
        if verdict.taken > 0 {
            let count = self.figures.took(verdict.octets, verdict.taken);
            if self.stop_after.is_some_and(|most| count >= most)
                && let Some(handle) = self.handle.get()
            {
                handle.shutdown();
            }
        }
        let taken = || Reply::taken("Taken");
        let reply = |code: &Option<u16>| code.map_or_else(taken, refusal);
        match &verdict.codes[..] {
            [code] if self.config.role != Role::Lmtp => Outcome::All(reply(code)),
            codes => Outcome::Each(codes.iter().map(reply).collect()),
        }
    }

    /// A message could not be kept; what is to be said.
    fn lost(&self) -> Outcome {
        count(&self.figures.unkept);
        Outcome::All(unkept())
    }
}

pub(super) fn run(arguments: &SmtpSink) -> Result<(), Failure> {
    let sink = Arc::new(setup::sink(arguments)?);
    let server = posthaste_mio::Server::bind(setup::server(arguments)?, Takers(Arc::clone(&sink)))
        .map_err(|error| {
            Failure::new(Exit::Unavailable, error.to_string(), "choose another address")
        })?;
    let handle = server.handle();
    let _ = sink.handle.set(handle.clone());
    interrupts(&handle)?;
    for address in handle.addresses() {
        eprintln!("listening on {address}");
    }
    serve(server, &sink)?;
    let counts = handle.counts();
    if arguments.json {
        terminal::print(&format!("{:#}\n", report::json(&sink, &counts)))?;
    } else {
        terminal::print(&report::text(&sink, &counts))?;
    }
    match read(&sink.figures.unkept) {
        0 => Ok(()),
        lost => {
            let what = format!("{} messages could not be kept", grouped(lost));
            Err(Failure::new(Exit::CannotCreate, what, "see above"))
        }
    }
}

/// SIGINT and SIGTERM end the sink, once politely and twice at once; the report comes in any case.
fn interrupts(handle: &Handle) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io("cannot listen to signals", error);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| failed(&error))?;
    let handle = handle.clone();
    let watch = move || {
        let mut stopping = false;
        for _ in signals.forever() {
            if stopping {
                handle.abort()
            } else {
                handle.shutdown()
            }
            stopping = true;
        }
    };
    let thread = thread::Builder::new().name("signals".into()).spawn(watch);
    thread.map(drop).map_err(|error| failed(&error))
}

/// Serves to the end, and shows what happens.
fn serve(server: posthaste_mio::Server<Takers>, sink: &Sink) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io("the sink stopped", error);
    let (sender, receiver) = mpsc::channel();
    let serve = move || {
        // Somebody listens until this comes.
        let _ = sender.send(server.run());
    };
    thread::Builder::new().name("sink".into()).spawn(serve).map_err(|error| failed(&error))?;
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let mut before = 0;
    let ended = loop {
        match receiver.recv_timeout(SHOW) {
            Ok(ended) => break ended,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let accepted = read(&sink.figures.accepted);
                let rate = (accepted - before) as f64 / SHOW.as_secs_f64();
                before = accepted;
                bar.set_message(format!(
                    "{} messages, {}, {} a second, {} sessions",
                    grouped(accepted),
                    HumanBytes(read(&sink.figures.octets)),
                    grouped(rate as u64),
                    grouped(read(&sink.figures.open)),
                ));
                bar.tick();
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                break Err(std::io::Error::other("a thread of the sink broke"));
            }
        }
    };
    bar.finish_and_clear();
    ended.map_err(|error| failed(&error))
}
