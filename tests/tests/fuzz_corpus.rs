//! Replays the committed corpus of every fuzz target, and mutations of it, without a fuzzer.

use std::fs;
use std::path::Path;

use posthaste_tests::fuzz::TARGETS;
use posthaste_tests::simulator::random::Random;

/// Mutations of each corpus file.
const MUTATIONS: u64 = 20;

#[test]
fn every_target_survives_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut replayed = 0;
    for (name, body) in TARGETS {
        let folder = corpus.join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for (number, file) in files.iter().enumerate() {
            let octets = fs::read(file).unwrap();
            body(&octets);
            let mut random = Random::new(number as u64);
            for _ in 0..MUTATIONS {
                body(&mutated(&octets, &mut random));
            }
            replayed += 1;
        }
    }
    println!("{} targets, {replayed} corpus files, {MUTATIONS} mutations each", TARGETS.len());
}

/// A target without a file for the fuzzer is never fuzzed.
#[test]
fn every_target_has_its_file() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let file = fuzz.join("fuzz_targets").join(format!("{name}.rs"));
        assert!(file.exists(), "no {}: run fuzz/make-targets", file.display());
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}

fn mutated(octets: &[u8], random: &mut Random) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(octets.len() as u64 + 1) as usize;
        match random.below(5) {
            0 if at < octets.len() => octets[at] ^= 1 << random.below(8),
            1 if at < octets.len() => drop(octets.remove(at)),
            2 => octets.truncate(at),
            3 => {
                let interesting = b"\r\n\0 (){}\"\\*+=%.~<>@:;,0123456789-\xff\xc3";
                let pick = random.below(interesting.len() as u64) as usize;
                octets.insert(at, interesting[pick]);
            }
            _ => {
                let from = random.below(octets.len() as u64 + 1) as usize;
                let copy = octets[from.min(at)..from.max(at)].to_vec();
                octets.splice(at..at, copy.into_iter().take(64));
            }
        }
    }
    octets
}
