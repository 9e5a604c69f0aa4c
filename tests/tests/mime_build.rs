//! parse(build(x)) = x, for messages that chance chose: structure, every field, every part.
//!
//! `PROPTEST_CASES` says how many (300 without it); a million take minutes:
//! `PROPTEST_CASES=1000000 cargo test --release -p posthaste-tests --test mime_build`.

use std::{
    env, panic,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use posthaste_tests::{fuzz::mime_build, simulator::random::Random};

#[test]
fn what_is_built_is_found_again() {
    let cases = env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        return;
                    }
                    let octets = chosen(case);
                    if let Err(error) = panic::catch_unwind(|| mime_build::build(&octets)) {
                        eprintln!("case {case}");
                        panic::resume_unwind(error);
                    }
                }
            });
        }
    });
    println!("{cases} messages built and found again");
}

/// The octets that make the message of this case: short ones make small messages.
fn chosen(case: u64) -> Vec<u8> {
    let mut random = Random::new(case);
    let octets = 16 << random.below(8);
    (0..random.below(octets)).map(|_| random.bits() as u8).collect()
}
