//! Posthaste's SMTP server machine beside smtp-proto: the same octets, the same process, in turns.
//!
//! The rows take turns, round after round, on one core, and the fastest round of each counts (CPU time of
//! the thread), as the rest of the machine can only add to it. Allocations are counted in the steady state.
//!
//! By itself smtp-proto reads a command into a value, and copies a message without the dots; the rest is left to
//! its caller. The machine frames the line, refuses bare CR, LF and NUL in it, reads it, checks it against the state,
//! the limits and what is offered, asks, hears the answer and writes the reply; a message it shows where it stands.
//! So there are two rows of smtp-proto: alone, and in the least server that does what has to be done (`around.rs`).
//! The second is what the machine is held against.
//!
//! ```text
//! cargo run --release --ignore-rust-version --bin smtp -- [--rounds N] [--core N] [--only TEXT] [--write]
//! ```
//! `--write` puts the result into `SMTP.md` beside the manifest.

mod around;
mod cases;
#[path = "../../measure.rs"]
mod measure;
mod show;

use std::{env, fs, path::Path, time::Duration};

use cases::Case;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// What was measured of one row of a case.
pub struct Measured {
    /// Who.
    pub name: &'static str,
    /// The time of each round.
    times: Vec<Duration>,
    /// Allocations a turn.
    pub allocations: f64,
    /// What it found.
    pub found: usize,
}

impl Measured {
    /// The fastest round.
    pub fn best(&self) -> Duration {
        self.times.iter().min().copied().unwrap_or_default()
    }

    /// The median of the rounds.
    pub fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

fn main() {
    let (mut rounds, mut core, mut only, mut write) = (60, 1, String::new(), false);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--rounds" => rounds = next().parse().expect("a number"),
            "--core" => core = next().parse().expect("a number"),
            "--only" => only = next(),
            "--write" => write = true,
            word => panic!("{word} is not known; see the top of main.rs"),
        }
    }
    measure::pin(core);
    let mut rows = Vec::new();
    for mut case in cases::all().into_iter().filter(|case| case.name.contains(&only)) {
        let measured = measure(&mut case, rounds);
        rows.push((case, measured));
    }
    let text = show::text(rounds, &rows);
    print!("{text}");
    if write {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("SMTP.md");
        fs::write(at, text).expect("SMTP.md can be written");
    }
}

fn measure(case: &mut Case, rounds: usize) -> Vec<Measured> {
    let mut all: Vec<Measured> = case
        .rows
        .iter()
        .map(|row| Measured { name: row.name, times: Vec::new(), allocations: 0.0, found: 0 })
        .collect();
    // One round more, to fill caches and storage.
    for round in 0..=rounds {
        for (row, measured) in case.rows.iter_mut().zip(&mut all) {
            let before = measure::allocations();
            let start = measure::cpu();
            for _ in 0..case.turns {
                measured.found = measure::posthaste_peers_measured(&mut *row.work, &[&case.octets]);
            }
            let time = (measure::cpu() - start) / case.turns;
            if round > 0 {
                measured.times.push(time);
                let count = (measure::allocations() - before) as f64 / f64::from(case.turns);
                measured.allocations = count;
            }
        }
    }
    all
}
