//! The figures of a running server: what it did, and how often each limit was met.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use posthaste_core::smtp::server::Limit;
use posthaste_host::Host;
use posthaste_tls::Handle;
use serde::{Deserialize, Serialize};

/// What a server tells of itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// Whole seconds since it began to serve.
    pub(crate) seconds: u64,
    /// There are so many connections, or octets in flight, that strangers have to be quick.
    pub(crate) stressed: bool,
    pub(crate) groups: Vec<Group>,
}

/// Figures that belong together.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// The group whose names are those of `[limits]`: how often each refused, ended or delayed something.
pub(crate) const LIMITS: &str = "limits";

/// All figures as they are now.
pub(crate) fn status(host: &Host, handle: &Handle, since: Instant) -> Status {
    let counts = handle.counts();
    let done = host.counters();
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let connections = [
        ("open", counts.open.into()),
        ("accepted", counts.accepted),
        ("refused", counts.refused),
        ("dropped", counts.dropped),
        ("strained", counts.gate.strained),
        ("accept_errors", counts.accept_errors),
        ("handshakes_failed", counts.handshakes_failed),
        ("proxy_errors", counts.proxy_errors),
        ("panics", counts.panics),
    ];
    let mail = [
        ("messages", read(&done.messages)),
        ("octets", read(&done.delivered)),
        ("in_flight", host.store().staged()),
        ("strained_sessions", read(&done.strained)),
        ("injections", read(&done.injections)),
        ("sign_ins", read(&done.sign_ins)),
        ("sign_ins_failed", read(&done.sign_ins_failed)),
    ];
    let limits = [
        ("connections", counts.gate.total),
        ("connections_per_address", counts.gate.address),
        ("connections_per_network", counts.gate.network),
        ("connect_rate", counts.gate.rate),
        ("stress_connections", counts.gate.stress),
        ("stress_bytes", read(&done.stress)),
        ("shed_connect", read(&done.shed_connect)),
        ("shed_data", read(&done.shed_data)),
        ("shed_bulk", read(&done.shed_bulk)),
        ("tls_handshake", counts.handshakes_late),
        ("write_stall", counts.stalled),
        ("auth_checks", read(&done.sign_ins_unchecked)),
    ];
    let smtp = Limit::ALL.map(|limit| (limit.name(), done.limit(limit)));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        seconds: since.elapsed().as_secs(),
        stressed: counts.stressed || host.is_stressed(),
        groups: vec![
            group("connections", connections),
            group("mail", mail),
            group(LIMITS, limits.into_iter().chain(smtp)),
        ],
    }
}

fn group(name: &str, figures: impl IntoIterator<Item = (&'static str, u64)>) -> Group {
    let figure = |(name, value): (&str, u64)| Figure { name: name.to_owned(), value };
    Group { name: name.to_owned(), figures: figures.into_iter().map(figure).collect() }
}

impl Status {
    /// The limits that were met, as they are logged.
    pub(crate) fn limits_met(&self) -> String {
        let met = self.groups.iter().filter(|group| group.name == LIMITS);
        let met = met.flat_map(|group| &group.figures).filter(|figure| figure.value > 0);
        met.map(|figure| format!("{}={}", figure.name, figure.value)).collect::<Vec<_>>().join(" ")
    }

    /// As one object of objects.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut all = serde_json::json!({
            "version": self.version,
            "pid": self.pid,
            "seconds": self.seconds,
            "stressed": self.stressed,
        });
        for group in &self.groups {
            let figures = group.figures.iter().map(|one| (one.name.clone(), one.value.into()));
            all[&group.name] = serde_json::Value::Object(figures.collect());
        }
        all
    }
}
