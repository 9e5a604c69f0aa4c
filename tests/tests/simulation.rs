//! Worlds from seeds. `SEEDS=N` runs more of them, `SEED=N` one alone.

use posthaste_tests::simulator::mail;

#[test]
fn nothing_is_lost_or_doubled_in_any_world() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(60),
    };
    let (mut accepted, mut refused, mut unheard, mut kept, mut seconds) = (0, 0, 0, 0, 0);
    for seed in seeds.clone() {
        let summary = mail::run(seed);
        accepted += summary.accepted;
        refused += summary.refused;
        unheard += summary.unheard;
        kept += summary.kept;
        seconds += summary.seconds;
    }
    println!(
        "{} worlds, {seconds} simulated seconds: {accepted} copies answered 250 and all there, {refused} \
         refused and none there, {unheard} unheard of which {kept} there",
        seeds.end - seeds.start
    );
    if seeds.end - seeds.start > 50 {
        assert!(accepted > 0 && refused > 0 && unheard > 0, "the worlds are too kind");
    }
}

/// The same seed gives the same trace.
#[test]
fn a_seed_is_a_world() {
    for seed in [3, 17, 40] {
        assert_eq!(mail::run(seed), mail::run(seed));
    }
}
