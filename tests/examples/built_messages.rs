//! Prints messages that the builder made, one a line, with the values that went into them: what
//! `tests/interop/built.py` reads.

use posthaste_tests::{fuzz::mime_build, simulator::random::Random};

fn main() {
    let cases = std::env::args().nth(1).and_then(|cases| cases.parse().ok()).unwrap_or(1_000);
    for case in 0..cases {
        let mut random = Random::new(case);
        let octets = 16 << random.below(8);
        let octets: Vec<u8> = (0..random.below(octets)).map(|_| random.bits() as u8).collect();
        println!("{}", mime_build::sample(&octets));
    }
}
