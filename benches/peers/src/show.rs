//! The results as Markdown.

use std::{fmt::Write, fs, process::Command};

use posthaste_core::mime::{
    Part,
    structure::{Encoding, Field},
};
use posthaste_gate::work;

use crate::{Measured, alike::Group, corpora::Corpus, rows};

/// What stands above all tables: where and how this was measured.
pub fn head(rounds: usize) -> String {
    let said = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok();
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("?");
    format!(
        "# MIME parsers beside each other\n\n\
        Written by `benches/peers` at commit {} on {}, {}; {cpu}, one core, {rounds} rounds in turns \
        ({} of bodies alone), the fastest of each (CPU time of the thread). Lazy or eager, storage reused or not, is said in the \
        rows; `found` is what a row counted (parts, octets of decoded bodies or written values), to show \
        that the same was done. Instructions are callgrind's, which knows no AVX-512. Allocations are \
        those of Rust code in the steady state; C parsers have their own.\n\n\
        Real mail is held to all marks, made messages to that of full decoding. What `Posthaste is`, and \
        each ratio among the targets, is said of the messages in which the other one finds as many parts \
        as Posthaste (`alike` counts them), for only there both did the same: some parsers stop at what \
        they do not like, or do not look into messages within messages. MB/s and instructions are of all \
        messages.\n\n",
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("date", &["-u", "+%Y-%m-%d"]),
        said("rustc", &["--version"]),
        rounds * crate::BODY_ROUNDS,
    )
}

/// All rows of a corpus.
pub fn table(corpus: &Corpus, groups: &[Group<'_>], measured: &[Measured]) -> String {
    let octets = corpus.octets();
    let mut out = String::new();
    _ = writeln!(
        out,
        "## {}: {} {}, {:.1} MB\n\n\
        | row | MB/s | median | alike | Posthaste is | instructions an octet | allocations a message | found |\n\
        |---|---:|---:|---:|---:|---:|---:|---:|",
        corpus.name,
        corpus.messages.len(),
        if corpus.encoding.is_some() { "body" } else { "messages" },
        octets as f64 / 1e6,
    );
    let mut kind = None;
    for row in measured {
        if kind.replace(row.kind) != Some(row.kind) && corpus.encoding.is_none() {
            _ = writeln!(out, "| **{}** | | | | | | | |", row.kind.title());
        }
        let ours = measured.iter().find(|ours| ours.kind == row.kind && is_ours(ours));
        let ratio = ours.filter(|_| !is_ours(row)).map(|ours| ratio(groups, ours, row));
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}x"));
        let alike = groups.iter().filter(|group| group.is_alike(row.row));
        let alike = alike.map(|group| group.messages.len()).sum::<usize>();
        let alike = rows::reader(row.row).map_or_else(String::new, |_| alike.to_string());
        let is_c = row.row.starts_with("GMime") || row.row.starts_with("Dovecot");
        let allocations = if is_c { "n/a".to_owned() } else { format!("{:.2}", row.allocations) };
        let instructions = row.instructions.map_or_else(String::new, |count| format!("{count:.2}"));
        _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {alike} | {ratio} | {instructions} | {allocations} | {} |",
            row.row,
            speed(octets, row.best(|_| true)),
            speed(octets, row.median()),
            row.found,
        );
    }
    out.push('\n');
    out
}

/// Whether this is the row of ours that the others are held against.
fn is_ours(row: &Measured) -> bool {
    [rows::WHOLE, rows::ENVELOPE, rows::FULL, rows::FETCH, rows::DECODED].contains(&row.row)
}

/// How many times the time of `ours` another row takes, for the messages that it sees alike.
fn ratio(groups: &[Group<'_>], ours: &Measured, other: &Measured) -> f64 {
    let alike = |group: usize| groups[group].is_alike(other.row);
    other.best(alike).as_secs_f64() / ours.best(alike).as_secs_f64()
}

/// Megabytes a second.
fn speed(octets: usize, time: std::time::Duration) -> f64 {
    octets as f64 / time.as_secs_f64() / 1e6
}

/// A line of the table of targets.
struct Target<'m> {
    text: &'static str,
    /// The row it speaks of, and the rows of which the faster is held against it.
    ours: &'static str,
    others: &'static [&'static str],
    least: f64,
    groups: &'m [Group<'m>],
    measured: &'m [Measured],
}

impl Target<'_> {
    fn ratio(&self) -> Option<f64> {
        let find = |name: &str| self.measured.iter().find(|row| row.row == name);
        let ours = find(self.ours)?;
        let others = self.others.iter().filter_map(|other| find(other));
        others.map(|other| ratio(self.groups, ours, other)).reduce(f64::min)
    }
}

/// The targets, line by line, and whether they are met.
pub fn targets(corpus: &Corpus, groups: &[Group<'_>], measured: &[Measured]) -> String {
    let target = |text, ours, others, least| Target { text, ours, others, least, groups, measured };
    let full = match corpus.name {
        "newsletter_256k" | "escaped_256k" => 2.0,
        _ => 1.3,
    };
    let ratios = [
        target("structure, of mail-parser as configured", rows::WHOLE, &["mail-parser 1.0.1"], 5.0),
        target(
            "structure, of mail-parser with values ignored",
            rows::WHOLE,
            &["mail-parser 1.0.1, values ignored"],
            1.4,
        ),
        target("structure, of mailparse", rows::WHOLE, &["mailparse 0.18"], 6.0),
        target("structure, of Dovecot", rows::WHOLE, &["Dovecot lib-mail"], 6.0),
        target("structure, of GMime", rows::WHOLE, &["GMime"], 40.0),
        target(
            "structure and ENVELOPE fields, of mail-parser limited to them",
            rows::ENVELOPE,
            &["mail-parser 1.0.1, ENVELOPE fields"],
            1.5,
        ),
        target(
            "full decode, of mail-parser at its better",
            rows::FULL,
            &["mail-parser 1.0.1, full", "mail-parser 1.0.1, full, into storage"],
            full,
        ),
        target(
            "ENVELOPE and BODYSTRUCTURE from octets, of Dovecot",
            rows::FETCH,
            &["Dovecot, fetch"],
            5.0,
        ),
        target("fed in pieces, of whole", rows::PIECES, &[rows::WHOLE], 1.0 / 1.15),
    ];
    let mut out = format!(
        "### Targets on {}\n\n| target | wanted | measured | |\n|---|---:|---:|---|\n",
        corpus.name
    );
    let mut line = |text: &str, wanted: String, value: String, met: bool| {
        let met = if met { "met" } else { "**missed**" };
        _ = writeln!(out, "| {text} | {wanted} | {value} | {met} |");
    };
    let decoded = measured.iter().find(|row| row.row == rows::DECODED);
    if let (Some(encoding), Some(row)) = (corpus.encoding, decoded) {
        let least = if encoding == Encoding::Base64 { 8.0 } else { 6.0 };
        let speed = speed(corpus.octets(), row.best(|_| true)) / 1e3;
        line("GB/s, fed 8 KiB", format!("≥ {least}"), format!("{speed:.2}"), speed >= least);
        out.push('\n');
        return out;
    }
    // Made messages are not what the ratios of structure are about.
    for target in ratios.iter().filter(|target| corpus.is_real() || target.ours == rows::FULL) {
        let Some(ratio) = target.ratio() else { continue };
        let (wanted, value) = (format!("≥ {:.2}x", target.least), format!("{ratio:.2}x"));
        line(target.text, wanted, value, ratio >= target.least);
    }
    if !corpus.is_real() {
        out.push('\n');
        return out;
    }
    let find = |name: &str| measured.iter().find(|row| row.row == name);
    if let Some(count) = find(rows::WHOLE).and_then(|row| row.instructions) {
        line(
            "structure, instructions an octet",
            "≤ 1.7".into(),
            format!("{count:.2}"),
            count <= 1.7,
        );
    }
    for (text, row, most) in [
        ("structure, allocations a message, steady", rows::WHOLE, 0.0),
        ("the same, fed in pieces", rows::PIECES, 0.0),
        ("the same, cold", rows::COLD, 4.0),
    ] {
        if let Some(row) = find(row) {
            line(
                text,
                format!("≤ {most}"),
                format!("{:.3}", row.allocations),
                row.allocations <= most,
            );
        }
    }
    for (text, size, most) in [
        ("octets of tree, a field", size_of::<Field>(), 16),
        ("octets of tree, a part", size_of::<Part>(), 48),
    ] {
        line(text, format!("≤ {most}"), size.to_string(), size <= most);
    }
    let stored: usize = corpus.messages.iter().map(|message| work::stored(message)).sum();
    _ = writeln!(
        out,
        "| octets of stored tree a message, with the fields of ENVELOPE and BODYSTRUCTURE | | {} | |\n",
        stored / corpus.messages.len().max(1)
    );
    out
}
