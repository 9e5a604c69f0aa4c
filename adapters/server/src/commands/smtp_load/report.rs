//! The report: a table for people, JSON for programs.

use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value, json};

use super::histogram::Histogram;
use super::plan::Plan;
use super::tally::{Phase, Seen, Tally};
use crate::terminal;

/// The quantiles that are told, and what JSON calls them.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999)];

/// What came of the load.
pub(super) struct Report<'a> {
    /// What was asked for.
    pub(super) plan: &'a Plan,
    /// What was counted.
    pub(super) tally: &'a Tally,
    /// Somebody stopped it.
    pub(super) interrupted: bool,
}

impl Report<'_> {
    /// Seconds from the beginning to the last reply to a message.
    fn seconds(&self) -> f64 {
        self.tally.last as f64 / 1e6
    }

    /// So many in all are so many a second.
    fn rate(&self, count: u64) -> f64 {
        if self.tally.last == 0 { 0.0 } else { count as f64 / self.seconds() }
    }

    /// For programs. Times are microseconds.
    pub(super) fn json(&self) -> Value {
        let Self { plan, tally, .. } = self;
        let timed = Phase::ALL.iter().filter(|phase| tally.times(**phase).count() > 0);
        let times: Map<_, _> =
            timed.map(|phase| (phase.name().to_owned(), times(tally.times(*phase)))).collect();
        let refusals = tally.refusals.iter().map(|((phase, code), seen)| {
            json!({"phase": phase.name(), "code": code, "count": seen.count, "sample": seen.sample})
        });
        let faults = tally
            .faults
            .iter()
            .map(|(kind, seen)| json!({"kind": kind, "count": seen.count, "sample": seen.sample}));
        json!({
            "server": plan.peer.address.to_string(),
            "protocol": self.protocol(),
            "seed": plan.seed,
            "sessions": plan.sessions,
            "threads": plan.threads,
            "rate": plan.rate,
            "seconds": self.seconds(),
            "interrupted": self.interrupted,
            "gave_up": tally.gave_up,
            "messages": {
                "begun": tally.begun,
                "accepted": tally.accepted,
                "refused": tally.refused,
                "failed": tally.failed,
                "unsent": tally.unsent,
            },
            "recipients": {"accepted": tally.delivered, "refused": tally.undelivered},
            "octets": tally.octets,
            "messages_per_second": self.rate(tally.accepted),
            "octets_per_second": self.rate(tally.octets),
            "connections": {
                "opened": tally.connected,
                "ready": tally.ready,
                "faults": faults.collect::<Vec<_>>(),
            },
            "refusals": refusals.collect::<Vec<_>>(),
            "latency_us": times,
        })
    }

    fn protocol(&self) -> &'static str {
        if self.plan.config.lmtp { "lmtp" } else { "smtp" }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { plan, tally, .. } = self;
        let mut text = format!(
            "{} to {}: sessions {}, threads {}, {:.2} s{}\n",
            self.protocol().to_uppercase(),
            plan.peer.address,
            grouped(plan.sessions as u64),
            plan.threads,
            self.seconds(),
            match (tally.gave_up, self.interrupted) {
                (true, _) => "; nobody answered, gave up",
                (_, true) => "; interrupted",
                _ => "",
            }
        );
        let mut counts = table(["messages", "count", "a second", "MB/s", "recipients"]);
        let rate = format!("{:.1}", self.rate(tally.accepted));
        let octets = format!("{:.2}", self.rate(tally.octets) / 1e6);
        counts.add_row([
            "accepted".to_owned(),
            grouped(tally.accepted),
            rate,
            octets,
            grouped(tally.delivered),
        ]);
        let lost = [
            ("refused", tally.refused, grouped(tally.undelivered)),
            ("failed", tally.failed, String::new()),
            ("unsent", tally.unsent, String::new()),
        ];
        for (name, count, recipients) in lost {
            counts.add_row([
                name.to_owned(),
                grouped(count),
                String::new(),
                String::new(),
                recipients,
            ]);
        }
        text.push_str(&format!("{counts}\n"));
        let mut times =
            table(["milliseconds", "count", "min", "p50", "p90", "p99", "p99.9", "max"]);
        for phase in Phase::ALL {
            let taken = tally.times(phase);
            if taken.count() == 0 {
                continue;
            }
            let mut row = vec![phase.name().to_owned(), grouped(taken.count())];
            let quantiles = QUANTILES.map(|(_, part)| taken.quantile(part));
            let all = [&[taken.min()], &quantiles[..], &[taken.max()]].concat();
            row.extend(all.into_iter().map(millis));
            times.add_row(row);
        }
        text.push_str(&format!("{times}\n"));
        let refusals = tally
            .refusals
            .iter()
            .map(|((phase, code), seen)| (format!("{} {code}", phase.name()), seen));
        text.push_str(&seen("refused", refusals));
        let faults = tally.faults.iter().map(|(kind, seen)| ((*kind).to_owned(), seen));
        text.push_str(&seen("connections", faults));
        text
    }
}

fn times(taken: &Histogram) -> Value {
    let mut times = Map::new();
    times.insert("count".into(), taken.count().into());
    times.insert("min".into(), taken.min().into());
    for (name, part) in QUANTILES {
        times.insert(name.into(), taken.quantile(part).into());
    }
    times.insert("max".into(), taken.max().into());
    times.insert("mean".into(), taken.mean().into());
    times.into()
}

/// What was seen, with a sample of each.
fn seen<'a>(name: &str, all: impl Iterator<Item = (String, &'a Seen)>) -> String {
    let mut table = table([name, "count", "such as"]);
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for (what, Seen { count, sample }) in all {
        table.add_row([what, grouped(*count), terminal::printable(sample)]);
    }
    if table.is_empty() { String::new() } else { format!("{table}\n") }
}

/// A table whose first column is text and whose others are numbers.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn millis(micros: u64) -> String {
    format!("{:.3}", micros as f64 / 1e3)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
