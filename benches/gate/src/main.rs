//! The gate: how many instructions the MIME parser takes for messages made here, and the SMTP server machine
//! for what clients send, held against `ceilings.txt`. Time varies with the machine and with what else runs on it; these counts do not.
//!
//! ```text
//! posthaste-gate               compare; fails where a count is above its ceiling, or not linear
//! posthaste-gate --update      write the counts of today as the ceilings
//! posthaste-gate --shapes      the hostile shapes at 10 KB and at 10 MB: instructions, MB/s
//! ```
//! The counts are callgrind's: the program runs itself under valgrind, which knows AVX2 but not
//! AVX-512, so they are those of the AVX2 paths.

use std::{
    collections::BTreeMap,
    env, fs,
    hint::black_box,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use posthaste_core::mime::structure::Encoding;
use posthaste_gate::{shapes, smtp, work};

/// How far above its ceiling a count may be: what another library, or the same source under another
/// path, changes (up to 4 % was seen).
const TOLERANCE: f64 = 1.05;
/// How far below its ceiling a count may be before the ceiling should follow.
const SLACK: f64 = 0.9;
/// Twice the octets may take this many times the instructions.
const TWICE: f64 = 2.2;
/// The octets of hostile shapes, and twice as many.
const SIZES: [usize; 2] = [100_000, 200_000];
/// The octets that "linear" is about, and how much more an octet of the larger may cost.
const EXTREMES: [usize; 2] = [10_000, 10_000_000];
const EXTREMES_RATIO: f64 = 1.2;
/// MB/s that every hostile shape must reach.
const SLOWEST: f64 = 50.0;

/// Work on the octets of a message, which gives a number that depends on what it found.
type Work = Box<dyn FnMut(&[u8]) -> usize>;

/// Instructions by the name of the case, in order.
type Counts = Vec<(String, u64)>;

/// Work for one message.
struct Case {
    name: String,
    message: Box<dyn Fn() -> Vec<u8>>,
    work: Work,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => compare(),
        ["--update"] => update(),
        ["--shapes"] => linearity(),
        ["--run", set] => {
            run(set);
            return ExitCode::SUCCESS;
        }
        _ => Err(io::Error::other("posthaste-gate [--update | --shapes]")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The work that is done to every message.
fn works() -> Vec<(&'static str, Work)> {
    vec![
        ("scan", Box::new(work::structure(usize::MAX, false))),
        ("scan-pieces-kept", Box::new(work::structure(4096, true))),
        ("envelope-fields", Box::new(work::envelope_fields())),
        ("fetch", Box::new(work::fetched())),
        ("full", Box::new(work::full())),
    ]
}

/// The same without those that differ little, for the many hostile shapes.
fn hostile_works() -> Vec<(&'static str, Work)> {
    works().into_iter().filter(|(name, _)| !name.starts_with("scan-")).collect()
}

/// The cases of a set, in order.
fn cases(set: &str) -> Vec<Case> {
    match set {
        "usual" => usual(),
        "hostile" => hostile(SIZES).into_iter().chain(growing(SIZES)).collect(),
        "extremes" => hostile(EXTREMES),
        set => panic!("no set of cases has the name {set}"),
    }
}

fn usual() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, message) in shapes::usual() {
        for (name, work) in works() {
            let message = message.clone();
            let message = Box::new(move || message.clone());
            cases.push(Case { name: format!("{shape}/{name}"), message, work });
        }
    }
    let bodies = [
        ("base64_lines", shapes::folded_base64(75_000), Encoding::Base64),
        ("printable_newsletter", shapes::newsletter(100_000), Encoding::QuotedPrintable),
        ("printable_escaped", shapes::printable(100_000), Encoding::QuotedPrintable),
    ];
    for (name, body, encoding) in bodies {
        cases.push(Case {
            name: format!("{name}/pieces"),
            message: Box::new(move || body.clone()),
            work: Box::new(work::decoder(encoding, 8192)),
        });
    }
    cases.extend(sessions());
    cases
}

/// What clients send: transactions of 10 KB, and commands alone.
fn sessions() -> Vec<Case> {
    let message = smtp::lines(10_240, 78, 8);
    let case = |name: &str, octets: Vec<u8>, work: Work| Case {
        name: format!("smtp/{name}"),
        message: Box::new(move || octets.clone()),
        work,
    };
    let [data, bdat] = [smtp::data(&message), smtp::bdat(&message)];
    let mails = |mail: &str| format!("{mail}RSET\r\n").repeat(10).into_bytes();
    let rcpts = |rcpt: &str| [smtp::MAIL, &rcpt.repeat(10), "RSET\r\n"].concat().into_bytes();
    vec![
        case("data_10k_pipelined", data.clone(), Box::new(smtp::pipelined())),
        case("data_10k_in_turn", data, Box::new(smtp::in_turn())),
        case("bdat_10k_pipelined", bdat.clone(), Box::new(smtp::pipelined())),
        case("bdat_10k_in_turn", bdat, Box::new(smtp::in_turn())),
        case("mail_rset_10", mails(smtp::MAIL), Box::new(smtp::pipelined())),
        case("mail_all_rset_10", mails(smtp::MAIL_ALL), Box::new(smtp::pipelined())),
        case("rcpt_10", rcpts(smtp::RCPT), Box::new(smtp::pipelined())),
        case("rcpt_all_10", rcpts(smtp::RCPT_ALL), Box::new(smtp::pipelined())),
    ]
}

/// Sessions that grow: with recipients, with the message, with what is refused of it.
fn growing(sizes: [usize; 2]) -> Vec<Case> {
    type Make = fn(usize) -> Vec<u8>;
    let makes: [(&str, Make); 4] = [
        ("smtp_recipients", |size| {
            let rcpts = smtp::RCPT.repeat(size / smtp::RCPT.len());
            [smtp::MAIL, &rcpts, "RSET\r\n"].concat().into_bytes()
        }),
        ("smtp_data", |size| smtp::data(&smtp::lines(size, 78, 8))),
        ("smtp_data_dots", |size| smtp::data(&b"..\r\n".repeat(size / 4))),
        ("smtp_bdat", |size| smtp::bdat(&smtp::lines(size, 78, 8))),
    ];
    let mut cases = Vec::new();
    for (name, make) in makes {
        cases.extend(sizes.map(|size| Case {
            name: format!("{name}/session/{size}"),
            message: Box::new(move || make(size)),
            work: Box::new(smtp::pipelined()),
        }));
    }
    cases
}

fn hostile(sizes: [usize; 2]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, make) in shapes::HOSTILE {
        for size in sizes {
            cases.extend(hostile_works().into_iter().map(|(name, work)| Case {
                name: format!("{shape}/{name}/{size}"),
                message: Box::new(move || make(size)),
                work,
            }));
        }
    }
    cases
}

/// Does the work of every case once where it is counted, after once to grow storage.
fn run(set: &str) {
    for mut case in cases(set) {
        let message = (case.message)();
        // What is large needs no storage that has grown, and takes long enough.
        if set != "extremes" {
            black_box((case.work)(&message));
        }
        posthaste_gate_measured(&mut *case.work, &message);
    }
}

/// Callgrind counts between entering and leaving this function, by its name.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn posthaste_gate_measured(work: &mut dyn FnMut(&[u8]) -> usize, message: &[u8]) {
    black_box(work(black_box(message)));
}

/// Runs a set under callgrind: instructions by the name of the case, in order, and its octets.
fn count(set: &str) -> io::Result<Counts> {
    let folder = env::temp_dir().join(format!("posthaste-gate-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let out = folder.join("out");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--dump-line=no", "--quiet"])
        .arg("--toggle-collect=posthaste_gate_measured")
        .arg("--dump-after=posthaste_gate_measured")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .args(["--run", set])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| io::Error::other(format!("valgrind cannot be run: {error}")))?;
    if !status.success() {
        return Err(io::Error::other("valgrind failed"));
    }
    let counts = cases(set).into_iter().zip(1..);
    let counts = counts
        .map(|(case, number)| Ok((case.name, total(&folder.join(format!("out.{number}")))?)))
        .collect();
    fs::remove_dir_all(&folder)?;
    counts
}

/// What a file of callgrind sums up.
fn total(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    total
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("{} has no total", file.display())))
}

fn ceilings_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ceilings.txt")
}

fn ceilings() -> io::Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string(ceilings_file())?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, count) = line.split_once(' ').unwrap_or((line, ""));
            let count = count.trim().parse();
            count.map(|count| (name.to_owned(), count)).map_err(|_| {
                io::Error::other(format!("ceilings.txt: {line:?} is not a name and a count"))
            })
        })
        .collect()
}

/// All that has a ceiling: the usual mail, and the smaller of each hostile shape.
fn all() -> io::Result<(Counts, Counts)> {
    let hostile = count("hostile")?;
    let small = format!("/{}", SIZES[0]);
    let mut counts = count("usual")?;
    counts.extend(hostile.iter().filter(|(name, _)| name.ends_with(&small)).cloned());
    Ok((counts, hostile))
}

fn update() -> io::Result<bool> {
    let (counts, _) = all()?;
    let mut text = String::from(
        "# Instructions that each case may take, as callgrind counts them (AVX2). Written by\n\
        # `cargo run --release -p posthaste-gate -- --update`; a change that raises one says why.\n",
    );
    counts.iter().for_each(|(name, count)| text.push_str(&format!("{name} {count}\n")));
    fs::write(ceilings_file(), text)?;
    println!("{} ceilings written", counts.len());
    Ok(true)
}

fn compare() -> io::Result<bool> {
    let ceilings = ceilings()?;
    let (counts, hostile) = all()?;
    let (mut above, mut below) = (0, 0);
    for (name, count) in &counts {
        let Some(ceiling) = ceilings.get(name) else {
            println!("{name}: no ceiling; {count} instructions");
            above += 1;
            continue;
        };
        let ratio = *count as f64 / (*ceiling).max(1) as f64;
        if ratio > TOLERANCE {
            println!("{name}: {count} instructions, {:+.1} % of {ceiling}", (ratio - 1.0) * 100.0);
            above += 1;
        } else if ratio < SLACK {
            below += 1;
        }
    }
    let lookup: BTreeMap<&str, u64> =
        hostile.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let mut bent = 0;
    for (name, count) in &hostile {
        let Some(base) = name.strip_suffix(&format!("/{}", SIZES[1])) else { continue };
        let Some(half) = lookup.get(format!("{base}/{}", SIZES[0]).as_str()) else { continue };
        let ratio = *count as f64 / (*half).max(1) as f64;
        if ratio > TWICE {
            println!("{base}: twice the octets take {ratio:.2} times the instructions");
            bent += 1;
        }
    }
    println!(
        "{} counts: {above} above their ceiling, {bent} not linear, {below} far below",
        counts.len()
    );
    if above > 0 {
        println!(
            "If the work is worth it, write new ceilings and say why in the commit:\n    \
            cargo run --release -p posthaste-gate -- --update"
        );
    } else if below > 0 {
        println!("Keep what was won: cargo run --release -p posthaste-gate -- --update");
    }
    Ok(above + bent == 0)
}

/// The table of hostile shapes.
fn linearity() -> io::Result<bool> {
    let [small, large] = EXTREMES;
    let (counts, halves) = (count("extremes")?, count("hostile")?);
    let find = |counts: &[(String, u64)], name: String| {
        counts.iter().find(|(found, _)| *found == name).map_or(0, |(_, count)| *count)
    };
    println!(
        "| shape | work | instructions an octet, 10 KB | 10 MB | ratio | 2n / n | MB/s | |\n\
        |---|---|---:|---:|---:|---:|---:|---|"
    );
    let mut all_met = true;
    for (shape, make) in shapes::HOSTILE {
        let messages = [make(small), make(large)];
        for (name, mut work) in hostile_works() {
            let an_octet = |at: usize, size: usize| {
                let count = find(&counts, format!("{shape}/{name}/{size}"));
                count as f64 / messages[at].len() as f64
            };
            let (few, many) = (an_octet(0, small), an_octet(1, large));
            let [n, twice] = SIZES.map(|size| find(&halves, format!("{shape}/{name}/{size}")));
            let speed = speed(&mut *work, &messages[1]);
            let ratio = many / few;
            let met = ratio <= EXTREMES_RATIO && speed >= SLOWEST;
            all_met &= met;
            println!(
                "| {shape} | {name} | {few:.2} | {many:.2} | {ratio:.2} | {:.2} | {speed:.0} | {} |",
                twice as f64 / n as f64,
                if met { "" } else { "**missed**" }
            );
        }
    }
    Ok(all_met)
}

/// Megabytes a second of CPU time, the best of five.
fn speed(work: &mut dyn FnMut(&[u8]) -> usize, message: &[u8]) -> f64 {
    let best = (0..5)
        .map(|_| {
            let start = cpu();
            let mut turns = 0_u32;
            // The kernel tells the time in ticks of some milliseconds.
            while turns == 0 || cpu() - start < 0.05 {
                black_box(work(black_box(message)));
                turns += 1;
            }
            (cpu() - start) / f64::from(turns)
        })
        .fold(f64::INFINITY, f64::min);
    message.len() as f64 / best / 1e6
}

/// Seconds of CPU time of this thread.
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<u64>().ok());
    nanoseconds.unwrap_or_default() as f64 / 1e9
}
