//! Posthaste's MIME parser beside others: the same mail, the same process, in turns.
//!
//! Every row runs over all messages of a corpus, held in memory; the rows take turns, round after
//! round, on one core, and the fastest round of each counts (CPU time of the thread), as the rest of
//! the machine can only add to it. Who is faster is said of the messages that both read alike.
//! Instructions are counted by callgrind, which runs this program
//! once a row. Allocations are those of Rust code.
//!
//! ```text
//! cargo run --release --ignore-rust-version -- [--rounds N] [--core N] [--corpus NAME]
//!     [--only TEXT] [--instructions] [--write]
//! ```
//! `--corpus` and `--only` choose among the corpora and rows by a part of their names;
//! `--instructions` fills that column for real mail (valgrind, some minutes); what made messages
//! take is counted by `benches/gate`. `--write` puts the result into `RESULTS.md`
//! beside the manifest.

mod alike;
mod c;
mod corpora;
mod measure;
mod others;
mod rows;
mod show;

use std::{env, fmt::Write as _, fs, path::Path, process::Command, time::Duration};

use alike::Group;
use corpora::Corpus;
use rows::Row;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// What the command line says.
struct Options {
    rounds: usize,
    core: usize,
    corpus: String,
    only: String,
    instructions: bool,
    write: bool,
    /// Run this row once, for callgrind.
    once: Option<String>,
}

/// What was measured of a row.
pub struct Measured {
    pub row: &'static str,
    pub kind: rows::Kind,
    /// The time of each group of messages, in each round.
    times: Vec<Vec<Duration>>,
    /// Instructions an octet.
    pub instructions: Option<f64>,
    /// Allocations a message, when storage has grown to what is needed.
    pub allocations: f64,
    /// What the row says it found: parts, octets.
    pub found: usize,
}

impl Measured {
    /// The fastest round, over the groups that are `wanted`.
    pub fn best(&self, wanted: impl Fn(usize) -> bool) -> Duration {
        let sums = self.times.iter().map(|times| {
            let wanted = times.iter().enumerate().filter(|(group, _)| wanted(*group));
            wanted.map(|(_, time)| time).sum()
        });
        sums.min().unwrap_or_default()
    }

    /// The median of the rounds.
    pub fn median(&self) -> Duration {
        let mut sums: Vec<Duration> = self.times.iter().map(|times| times.iter().sum()).collect();
        sums.sort();
        sums.get(sums.len() / 2).copied().unwrap_or_default()
    }
}

fn main() {
    let options = options();
    if let Some(row) = &options.once {
        return once(row, &options);
    }
    measure::pin(options.core);
    let mut out = String::new();
    for corpus in corpora::all().iter().filter(|corpus| corpus.name.contains(&options.corpus)) {
        let groups = alike::groups(corpus);
        let measured = measure(corpus, &groups, &options);
        let table = show::table(corpus, &groups, &measured);
        print!("{table}");
        out.push_str(&table);
        let targets = show::targets(corpus, &groups, &measured);
        print!("{targets}");
        out.push_str(&targets);
    }
    if options.write {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let mut text = show::head(options.rounds);
        write!(text, "{out}").expect("a string takes all");
        fs::write(at, text).expect("RESULTS.md can be written");
    }
}

fn options() -> Options {
    let mut options = Options {
        rounds: 15,
        core: 1,
        corpus: String::new(),
        only: String::new(),
        instructions: false,
        write: false,
        once: None,
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--rounds" => options.rounds = next().parse().expect("a number"),
            "--core" => options.core = next().parse().expect("a number"),
            "--corpus" => options.corpus = next(),
            "--only" => options.only = next(),
            "--once" => options.once = Some(next()),
            "--instructions" => options.instructions = true,
            "--write" => options.write = true,
            word => panic!("{word} is not known; see the top of main.rs"),
        }
    }
    options
}

/// How many rounds bodies alone have for one of messages.
pub const BODY_ROUNDS: usize = 8;

fn measure(corpus: &Corpus, groups: &[Group<'_>], options: &Options) -> Vec<Measured> {
    let mut rows: Vec<Row> =
        rows::of(corpus).into_iter().filter(|row| row.name.contains(&options.only)).collect();
    let mut times = vec![Vec::new(); rows.len()];
    let (mut found, mut allocations) = (vec![0; rows.len()], vec![0; rows.len()]);
    // One round more, to fill caches and storage. Small corpora are run over again, so that a turn is
    // as long as with the SpamAssassin corpus: most of a short one would be the start, when caches
    // hold what the row before used.
    let octets = corpus.octets().max(1);
    let turns = (33_000_000 / octets).max(1);
    // A turn of a body is over in milliseconds: it takes more of them to meet a quiet moment.
    let rounds = options.rounds * if corpus.encoding.is_some() { BODY_ROUNDS } else { 1 };
    for round in 0..=rounds {
        for (at, row) in rows.iter_mut().enumerate() {
            // Before what is counted.
            let mut turn = Vec::with_capacity(groups.len());
            let before = measure::allocations();
            found[at] = 0;
            for group in groups {
                let start = measure::cpu();
                let mut sum = 0;
                for _ in 0..turns {
                    sum = measure::posthaste_peers_measured(&mut *row.work, &group.messages);
                }
                turn.push((measure::cpu() - start) / turns as u32);
                found[at] += sum;
            }
            if round > 0 {
                allocations[at] = (measure::allocations() - before) / turns as u64;
                times[at].push(turn);
            }
        }
    }
    let messages = corpus.messages.len() as f64;
    rows.iter()
        .zip(times)
        .zip(found.into_iter().zip(allocations))
        .map(|((row, times), (found, allocations))| Measured {
            row: row.name,
            kind: row.kind,
            times,
            instructions: (options.instructions && corpus.is_real())
                .then(|| instructions(row.name, corpus))
                .flatten()
                .map(|count| count as f64 / octets as f64),
            allocations: allocations as f64 / messages,
            found,
        })
        .collect()
}

/// Runs a row over a corpus once, with storage that has grown to what is needed.
fn once(row: &str, options: &Options) {
    let corpus = corpora::all()
        .into_iter()
        .find(|corpus| corpus.name == options.corpus)
        .expect("a corpus of this name");
    let mut row =
        rows::of(&corpus).into_iter().find(|found| found.name == row).expect("a row of this name");
    // The counted run is the one through the named function.
    let messages: Vec<&[u8]> = corpus.messages.iter().map(Vec::as_slice).collect();
    messages.iter().for_each(|message| _ = (row.work)(message));
    measure::posthaste_peers_measured(&mut *row.work, &messages);
}

/// Instructions that a row takes for a corpus, as callgrind counts them; `None` without valgrind.
fn instructions(row: &str, corpus: &Corpus) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=posthaste_peers_measured")
        .arg(env::current_exe().ok()?)
        .args(["--corpus", corpus.name, "--once", row])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1))?;
    collected.trim().parse().ok()
}
