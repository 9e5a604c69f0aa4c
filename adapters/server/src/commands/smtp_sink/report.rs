//! The report: a table for people, JSON for programs.

use comfy_table::{CellAlignment, Table};
use posthaste_core::smtp::server::Role;
use posthaste_tls::Counts;
use serde_json::{Map, Value, json};

use super::Sink;
use super::fate::Stage;
use super::figures::read;
use crate::commands::smtp_load::grouped;
use crate::terminal;

fn role(sink: &Sink) -> &'static str {
    match sink.config.role {
        Role::Lmtp => "lmtp",
        Role::Smtp => "smtp",
        Role::Submission => "submission",
    }
}

/// What went wrong on purpose, by stage: refusals, broken connections.
fn faults(sink: &Sink) -> impl Iterator<Item = (Stage, u64, u64)> {
    let figures = &sink.figures;
    Stage::ALL
        .into_iter()
        .map(|stage| {
            let at = stage as usize;
            (stage, read(&figures.failed[at]), read(&figures.disconnected[at]))
        })
        .filter(|(_, failed, disconnected)| failed + disconnected > 0)
}

fn rate(sink: &Sink, count: u64) -> f64 {
    let seconds = sink.figures.seconds();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// For programs.
pub(super) fn json(sink: &Sink, counts: &Counts) -> Value {
    let figures = &sink.figures;
    let (accepted, octets) = (read(&figures.accepted), read(&figures.octets));
    let faults: Map<_, _> = faults(sink)
        .map(|(stage, failed, disconnected)| {
            let told = json!({"failed": failed, "disconnected": disconnected});
            (stage.name().to_owned(), told)
        })
        .collect();
    let ends: Map<_, _> =
        figures.ends().map(|(name, count)| (name.to_owned(), count.into())).collect();
    json!({
        "role": role(sink),
        "seed": sink.seed,
        "seconds": figures.seconds(),
        "connections": {
            "accepted": counts.accepted,
            "handshakes_failed": counts.handshakes_failed,
        },
        "sessions": {
            "begun": read(&figures.sessions),
            "secured": read(&figures.secured),
            "signed_in": read(&figures.signed_in),
            "ended": ends,
        },
        "messages": {
            "accepted": accepted,
            "spoiled": read(&figures.spoiled),
            "unkept": read(&figures.unkept),
        },
        "recipients": read(&figures.recipients),
        "octets": octets,
        "bad_commands": read(&figures.bad),
        "messages_per_second": rate(sink, accepted),
        "octets_per_second": rate(sink, octets),
        "faults": faults,
    })
}

/// For people.
pub(super) fn text(sink: &Sink, counts: &Counts) -> String {
    let figures = &sink.figures;
    let (accepted, octets) = (read(&figures.accepted), read(&figures.octets));
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header([format!("{} sink", role(sink).to_uppercase()), "count".into()]);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("connections", grouped(counts.accepted));
    for (name, count) in [
        ("handshakes failed", counts.handshakes_failed),
        ("sessions with TLS", read(&figures.secured)),
        ("sign-ins", read(&figures.signed_in)),
    ] {
        if count > 0 {
            row(name, grouped(count));
        }
    }
    row("messages", grouped(accepted));
    row("recipients", grouped(read(&figures.recipients)));
    row("octets", grouped(octets));
    row("seconds", format!("{:.2}", figures.seconds()));
    row("messages a second", format!("{:.1}", rate(sink, accepted)));
    row("MB/s", format!("{:.2}", rate(sink, octets) / 1e6));
    for (name, count) in [
        ("messages spoiled", read(&figures.spoiled)),
        ("messages not kept", read(&figures.unkept)),
        ("bad commands", read(&figures.bad)),
    ] {
        if count > 0 {
            row(name, grouped(count));
        }
    }
    for (stage, failed, disconnected) in faults(sink) {
        for (what, count) in [("refused", failed), ("disconnected", disconnected)] {
            if count > 0 {
                row(&format!("{what} at {stage}"), grouped(count));
            }
        }
    }
    for (name, count) in figures.ends().filter(|(_, count)| *count > 0) {
        row(&format!("ended: {name}"), grouped(count));
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}
