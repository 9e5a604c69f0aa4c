//! The view against a plain vector.

use core::num::NonZeroU32;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::imap::sequence::{Bound, Range};

fn bound(n: u32) -> Bound {
    NonZeroU32::new(n).map_or(Bound::Last, Bound::Number)
}

fn range(from: u32, to: u32) -> Range {
    Range { from: bound(from), to: bound(to) }
}

fn check(view: &View, model: &[u32]) {
    assert_eq!(view.len() as usize, model.len());
    assert_eq!(view.last_uid(), model.last().copied());
    assert_eq!(view.uids().collect::<Vec<_>>(), model);
    for (at, &uid) in model.iter().enumerate() {
        let seq = at as u32 + 1;
        assert_eq!(view.uid(seq), Some(uid));
        assert_eq!(view.seq(uid), Some(seq));
    }
    assert_eq!(view.uid(0), None);
    assert_eq!(view.uid(model.len() as u32 + 1), None);
}

#[derive(Clone, Debug)]
enum Step {
    Append(u32, u32),
    Expunge(Vec<prop::sample::Index>),
    Pick(Vec<(u32, u32)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4_u32, 1..12_u32).prop_map(|(gap, n)| Step::Append(gap, n)),
        prop::collection::vec(any::<prop::sample::Index>(), 1..6).prop_map(Step::Expunge),
        prop::collection::vec((0..60_u32, 0..60_u32), 1..4).prop_map(Step::Pick),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn behaves_like_a_vector(steps in steps()) {
        let mut view = View::new();
        let mut model: Vec<u32> = vec![];
        let mut next = 1;
        for step in steps {
            match step {
                Step::Append(gap, n) => {
                    let first = next + gap;
                    let mut out = Responses::new();
                    view.append(first..first + n, &mut out);
                    model.extend(first..first + n);
                    next = first + n;
                }
                Step::Expunge(picks) => {
                    let mut gone: Vec<u32> = picks
                        .iter()
                        .filter(|_| !model.is_empty())
                        .map(|pick| *pick.get(&model))
                        .collect();
                    gone.sort_unstable();
                    gone.dedup();
                    prop_assert_eq!(view.expunge(&gone, &mut Responses::new()), 0);
                    model.retain(|uid| !gone.contains(uid));
                }
                Step::Pick(ranges) => {
                    let ranges: Vec<Range> = ranges.iter().map(|&(a, b)| range(a, b)).collect();
                    let set = SequenceSet::of(&ranges);
                    let top = model.len() as u32;
                    let bad = ranges.iter().any(|r| r.resolve(top).0 == 0 || r.resolve(top).1 > top);
                    let seqs = view.pick(&set, By::Sequence);
                    prop_assert_eq!(seqs.is_err(), bad);
                    let hit = |n: u32, last: u32| {
                        ranges.iter().any(|r| (r.resolve(last).0..=r.resolve(last).1).contains(&n))
                    };
                    if let Ok(seqs) = seqs {
                        let wanted: Vec<u32> = (1..=top).filter(|&seq| hit(seq, top)).collect();
                        prop_assert_eq!(seqs.iter().collect::<Vec<_>>(), wanted);
                    }
                    let last = model.last().copied().unwrap_or(0);
                    let wanted: Vec<(u32, u32)> = (1..)
                        .zip(model.iter().copied())
                        .filter(|&(_, uid)| hit(uid, last))
                        .collect();
                    let picked = view.pick(&set, By::Uid).unwrap();
                    prop_assert_eq!(view.each(&picked).collect::<Vec<_>>(), wanted);
                }
            }
            check(&view, &model);
        }
    }

    #[test]
    fn a_set_is_sorted_and_joined(numbers in prop::collection::vec(1..60_u32, 0..30)) {
        let mut model = numbers.clone();
        model.sort_unstable();
        model.dedup();
        let set: Set = numbers.iter().copied().collect();
        let mut pushed = Set::new();
        for n in numbers {
            pushed.push(n);
        }
        prop_assert_eq!(&set, &pushed);
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), &model[..]);
        prop_assert_eq!(set.len() as usize, model.len());
        for n in 0..61 {
            prop_assert_eq!(set.contains(n), model.contains(&n));
        }
        prop_assert!(set.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0));
        let late: Vec<u32> = model.iter().copied().filter(|&n| n >= 30).collect();
        prop_assert_eq!(set.since(30).iter().collect::<Vec<_>>(), late);
    }
}

#[test]
fn a_mailbox_without_gaps_takes_one_run() {
    let view: View = (1..=100_000).collect();
    assert_eq!(view.runs.len(), 1);
    assert!(view.heap() <= 64, "{}", view.heap());
}

#[test]
fn expunges_are_told_from_the_end() {
    let mut view: View = (1..=9).collect();
    let mut out = Responses::new();
    assert_eq!(view.expunge(&[5, 6, 7, 8, 9], &mut out), 0);
    let reply = out.ok("Done");
    let wire = reply.octets().0;
    assert_eq!(
        wire,
        b"* 9 EXPUNGE\r\n* 8 EXPUNGE\r\n* 7 EXPUNGE\r\n* 6 EXPUNGE\r\n* 5 EXPUNGE\r\n"
    );
    check(&view, &[1, 2, 3, 4]);
}

#[test]
fn many_expunges_come_in_parts() {
    let mut view: View = (1..=10_000).collect();
    let gone: Vec<u32> = (1..=10_000).collect();
    let mut left = gone.len();
    let mut parts = 0;
    while left > 0 {
        let mut out = Responses::new();
        left = view.expunge(&gone[..left], &mut out);
        assert!(out.len() < Responses::PART + 64);
        assert_eq!(view.len() as usize, left);
        parts += 1;
    }
    assert!(parts > 1);
}

#[test]
fn what_was_saved_outlives_numbers_but_not_messages() {
    let mut view: View = (10..=20).collect();
    view.save(&[1, 2, 5].into_iter().collect());
    view.expunge(&[11], &mut Responses::new());
    let found = view.pick(&SequenceSet::Saved, By::Sequence).unwrap();
    assert_eq!(view.uids_of(&found).ranges(), [(10, 10), (14, 14)]);
}

#[test]
fn uids_at_the_end_of_their_range() {
    let mut view: View = [1, u32::MAX - 1, u32::MAX].into_iter().collect();
    assert_eq!(view.push(u32::MAX), None);
    check(&view, &[1, u32::MAX - 1, u32::MAX]);
    let all = view.pick(&SequenceSet::of(&[range(1, 0)]), By::Uid).unwrap();
    assert_eq!(all.ranges(), [(1, 3)]);
    view.remove(&[2]);
    check(&view, &[1, u32::MAX]);
}

#[test]
fn a_star_in_an_empty_mailbox_is_no_sequence_number() {
    let set = [range(0, 0)];
    let view = View::new();
    assert_eq!(view.pick(&SequenceSet::of(&set), By::Sequence), Err(NoSuchMessage));
    assert!(view.pick(&SequenceSet::of(&set), By::Uid).unwrap().is_empty());
    assert!(view.pick_known(&SequenceSet::of(&set), By::Sequence).is_empty());
    let all = [range(1, 0)];
    assert!(view.pick_known(&SequenceSet::of(&all), By::Sequence).is_empty());
}
