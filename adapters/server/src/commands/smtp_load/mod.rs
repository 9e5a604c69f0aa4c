//! `posthaste smtp-load`: load for any SMTP or LMTP server, and how it fares.
//!
//! # The map
//! | module | holds |
//! |---|---|
//! | here | starting the threads, showing what they do, the report's way out |
//! | [`plan`] | what the command line asks for, ready to be done |
//! | [`schedule`] | when messages begin: as soon as a session is free, or by the clock |
//! | [`sizes`], [`message`], [`corpus`], [`pattern`] | what is sent, from whom, to whom |
//! | [`worker`], [`shift`] | one thread: its reactor, and what its sessions send and hear |
//! | [`live`] | what the threads show while they work, and how they are told to stop |
//! | [`tally`], [`histogram`] | what is counted and timed |
//! | [`report`] | the table, and JSON |
//!
//! The sessions are core's client machine on the mio adapter's [`Clients`](posthaste_mio::Clients): many
//! thousand on a thread. Messages are made as they leave, from octets that all share, and times go into
//! histograms of fixed size; so memory does not grow with the load.

mod corpus;
mod histogram;
mod live;
mod message;
mod pattern;
mod plan;
mod report;
mod schedule;
mod shift;
mod sizes;
mod tally;
mod worker;

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use live::{Live, Stop};
use plan::Plan;
use report::Report;
pub(super) use report::grouped;
pub(crate) use schedule::Arrivals;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
pub(crate) use sizes::Sizes;
use tally::Tally;

use crate::cli::SmtpLoad;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// How often the figures on the terminal change.
const SHOW: Duration = Duration::from_millis(100);

pub(super) fn run(load: &SmtpLoad) -> Result<(), Failure> {
    let plan = Arc::new(Plan::new(load)?);
    let live = Arc::new(Live::default());
    interrupts(&live)?;
    let tally = work(&plan, &live)?;
    let interrupted = live.stop() != Stop::No;
    let report = Report { plan: &plan, tally: &tally, interrupted };
    if load.json {
        terminal::print(&format!("{:#}\n", report.json()))?;
    } else {
        terminal::print(&report.text())?;
    }
    if !tally.is_flawed() {
        return Ok(());
    }
    let lost = tally.refused + tally.failed + tally.unsent;
    let what = format!(
        "{} of {} messages were not accepted; {} recipients refused, {} connections broken",
        grouped(lost),
        grouped(tally.begun + tally.unsent),
        grouped(tally.undelivered),
        grouped(tally.broken()),
    );
    Err(Failure::new(Exit::Unavailable, what, ""))
}

/// SIGINT and SIGTERM end the load, once politely and twice at once; the report comes in any case.
fn interrupts(live: &Arc<Live>) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io("cannot listen to signals", error);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| failed(&error))?;
    let live = Arc::clone(live);
    let watch = move || signals.forever().for_each(|_| live.interrupt());
    let thread = thread::Builder::new().name("signals".into()).spawn(watch);
    thread.map(drop).map_err(|error| failed(&error))
}

/// Runs the threads to their end, and shows what they do meanwhile.
fn work(plan: &Arc<Plan>, live: &Arc<Live>) -> Result<Tally, Failure> {
    let failed = |error: &std::io::Error| Failure::io("cannot make load", error);
    let (sender, receiver) = mpsc::channel();
    for number in 0..plan.threads {
        let (plan, live, sender) = (Arc::clone(plan), Arc::clone(live), sender.clone());
        let work = move || {
            // Nobody listens only if another thread has failed.
            let _ = sender.send(worker::work(&plan, &live, number));
        };
        let thread = thread::Builder::new().name(format!("load-{number}")).spawn(work);
        thread.map_err(|error| failed(&error))?;
    }
    drop(sender);
    let bar = bar(plan);
    let mut tally = Tally::new();
    let mut ended = 0;
    while ended < plan.threads {
        match receiver.recv_timeout(SHOW) {
            Ok(done) => {
                tally.add(done.map_err(|error| failed(&error))?);
                ended += 1;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(Exit::Unavailable, "a thread of the load broke", ""));
            }
        }
        show(&bar, plan, live);
    }
    bar.finish_and_clear();
    Ok(tally)
}

/// A bar on standard error, if that is a terminal: over messages, or over time.
fn bar(plan: &Plan) -> ProgressBar {
    let (length, form) = match (plan.messages, plan.until) {
        (u64::MAX, until) => (until, "{bar:32} {elapsed} {msg}"),
        (messages, _) => (messages, "{bar:32} {human_pos} of {human_len} {msg}"),
    };
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, plan: &Plan, live: &Live) {
    let read = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let (accepted, lost) = (read(&live.accepted), read(&live.refused) + read(&live.failed));
    let now = plan.now();
    bar.set_position(if plan.messages == u64::MAX { now } else { accepted + lost });
    let seconds = (now as f64 / 1e6).max(1e-3);
    let mut text = format!(
        "{} messages/s, {}/s, {} connections",
        grouped((accepted as f64 / seconds) as u64),
        HumanBytes((read(&live.octets) as f64 / seconds) as u64),
        grouped(read(&live.open)),
    );
    if lost > 0 {
        text.push_str(&format!(", {} not accepted", grouped(lost)));
    }
    if live.stop() != Stop::No {
        text.push_str(", stopping");
    }
    bar.set_message(text);
}
