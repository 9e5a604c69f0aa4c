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
        Posthaste is the whole server machine: framing, bare CR, LF and NUL refused, the command read with its \
        parameters typed, the state table, limits, the question, its answer and the reply written; message octets are \
        shown where they stand. *smtp-proto* is its receivers alone: a command read into a value, a message copied \
        without its dots; it looks for no bare CR, LF or NUL, and at no octet of a chunk. *smtp-proto, serving* is \
        the same with the least that a server does around them: stray octets refused (by memchr), the order of commands, \
        counts held against limits, the reply written.\n\n\
        | case | row | each | | allocations | Posthaste is | wanted | |\n\
        |---|---|---:|---:|---:|---:|---:|---|\n",
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("date", &["-u", "+%Y-%m-%d"]),
        said("rustc", &["--version"]),
    );
    for (case, measured) in rows {
        let best = |at: usize| measured[at].best().as_secs_f64();
        for (place, (row, measured)) in case.rows.iter().zip(measured).enumerate() {
            let (each, more) = figures(case.unit, measured);
            let faster = best(place) / best(0);
            let (wanted, met) = match row.wanted {
                _ if place == 0 => ("0 allocations".to_owned(), Some(measured.allocations == 0.0)),
                Some(wanted) => (format!("{wanted:.2}x"), Some(faster >= wanted)),
                None => (String::new(), None),
            };
            _ = writeln!(
                out,
                "| {} | {} | {each} | {more} | {:.2} | {} | {wanted} | {} |",
                if place == 0 { case.name } else { "" },
                row.name,
                measured.allocations,
                if place == 0 { String::new() } else { format!("{faster:.2}x") },
                met.map_or("", |met| if met { "met" } else { "**missed**" }),
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
