//! The results as Markdown.

use std::{fmt::Write, fs, process::Command};

use crate::Measured;
use crate::cases::{Case, Unit};

/// The whole text.
pub fn text(rounds: usize, rows: &[(Case, Vec<Measured>)]) -> String {
    let said = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok();
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("?");
    let mut out = format!(
        "# SMTP beside smtp-proto\n\n\
        Written by `benches/peers --bin smtp` at commit {} on {}, {}; {cpu}, one core, {rounds} rounds \
        in turns, the fastest of each (CPU time of the thread; the median in brackets).\n\n\
        Posthaste's rows are the whole server machine: framing, bare CR, LF and NUL refused, the command \
        read with its parameters typed, the state table, limits, the question, its answer and the reply \
        written. smtp-proto's are its receivers: a command read into a value, nothing else. In message octets, \
        Posthaste refuses bare CR, LF and NUL and shows runs where they stand; smtp-proto looks for dots \
        and copies.\n\n\
        | case | row | each | | allocations | Posthaste is | wanted | |\n\
        |---|---|---:|---:|---:|---:|---:|---|\n",
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("date", &["-u", "+%Y-%m-%d"]),
        said("rustc", &["--version"]),
    );
    for (case, measured) in rows {
        let best = |at: usize| measured[at].best().as_secs_f64();
        let ratio = best(1) / best(0);
        for (place, row) in measured.iter().enumerate() {
            let (each, more) = figures(case.unit, row);
            let (ratio, wanted, met) = if place == 0 {
                let clean = row.allocations == 0.0;
                let met = clean && ratio >= case.wanted;
                let wanted = if case.wanted > 0.0 {
                    format!("{:.2}x, 0", case.wanted)
                } else {
                    "0 allocations".to_owned()
                };
                (format!("{ratio:.2}x"), wanted, if met { "met" } else { "**missed**" })
            } else {
                (String::new(), String::new(), "")
            };
            _ = writeln!(
                out,
                "| {} | {} | {each} | {more} | {:.2} | {ratio} | {wanted} | {met} |",
                if place == 0 { case.name } else { "" },
                row.name,
                row.allocations,
            );
        }
    }
    out
}

/// What one takes, and how many that is a second.
fn figures(unit: Unit, row: &Measured) -> (String, String) {
    let (best, median) = (row.best().as_secs_f64(), row.median().as_secs_f64());
    match unit {
        Unit::Commands(count) => {
            let count = count as f64;
            (
                format!("{:.1} ns ({:.1})", best / count * 1e9, median / count * 1e9),
                format!("{:.1} M/s", count / best / 1e6),
            )
        }
        Unit::Octets(count) => {
            let count = count as f64;
            (
                format!("{:.3} ns/B", best / count * 1e9),
                format!("{:.2} GB/s ({:.2})", count / best / 1e9, count / median / 1e9),
            )
        }
    }
}
