//! Power cuts, I/O errors and full disks, at every operation on the simulated disk.

use super::common::*;
use posthaste_store::disk::{Fail, SimDisk};
use posthaste_store::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a run came to.
struct Ran {
    /// Batches that count for certain.
    acknowledged: Vec<Batch>,
    /// Batches of the round that failed: all of them happened, or none.
    unknown: Vec<Batch>,
}

impl Ran {
    /// Pictures of the states that are allowed after it.
    fn allowed(&self) -> (Memory, Memory) {
        let (without, with) = (Memory::new(), Memory::new());
        for batch in &self.acknowledged {
            run(&without, batch);
            run(&with, batch);
        }
        self.unknown.iter().for_each(|batch| drop(run(&with, batch)));
        (without, with)
    }
}

/// Steps from a seed.
fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut hash = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut all = vec![[0; 8]; count];
    all.iter_mut().for_each(|step| hash.fill(step));
    all
}

fn refused_with(outcomes: &Outcomes, refusal: Refusal) -> bool {
    outcomes.iter().any(|outcome| *outcome == Outcome::Refused(refusal))
}

/// Does batches in rounds of up to three, applying and checkpointing in between, until the disk
/// fails so badly that a round is not acknowledged.
fn drive(disk: &SimDisk, steps: &[Step]) -> Ran {
    let mut ran = Ran { acknowledged: Vec::new(), unknown: Vec::new() };
    let Ok(engine) = Inline::open(Arc::new(disk.clone()), small()) else { return ran };
    let batches = batches(steps);
    let mut rest = &batches[..];
    while !rest.is_empty() {
        let dice = steps[rest.len() % steps.len()];
        let (round, later) = rest.split_at(rest.len().min(usize::from(dice[0] % 3) + 1));
        rest = later;
        let told: Vec<_> = round.iter().map(|batch| submit(&engine, batch)).collect();
        engine.step();
        let outcomes: Vec<_> = told.iter().map(|t| t.try_recv().expect("completed")).collect();
        let broken = |o: &Outcomes| {
            refused_with(o, Refusal::Unavailable) || refused_with(o, Refusal::ReadOnly)
        };
        if outcomes.iter().any(broken) {
            ran.unknown = round.to_vec();
            return ran;
        }
        for (batch, outcomes) in round.iter().zip(&outcomes) {
            if !refused_with(outcomes, Refusal::Full) {
                ran.acknowledged.push(batch.clone());
            }
        }
        match dice[1] % 8 {
            0..=2 => engine.apply(),
            3 => engine.checkpoint(),
            4 => {
                engine.apply();
                engine.checkpoint();
            }
            5 => engine.idle(),
            _ => {}
        }
    }
    ran
}

/// Opens what a crash left, compares, and goes on working.
fn check(disk: &SimDisk, ran: &Ran, when: &str) {
    let engine = match Inline::open(Arc::new(disk.clone()), small()) {
        Ok(engine) => engine,
        Err(error) => panic!("{when}: {error}"),
    };
    let (without, with) = ran.allowed();
    let got = picture(&engine);
    let model = if got == picture(&with) { with } else { without };
    assert_same(&picture(&model), &got, when);
    for batch in batches(&steps(77, 4)) {
        // Ids may be known from before the crash; what happens then is compared as well.
        let told = submit(&engine, &batch);
        engine.step();
        assert_eq!(told.try_recv().unwrap(), run(&model, &batch), "{when}");
    }
    engine.apply();
    assert_same(&picture(&model), &picture(&engine), when);
}

/// Operations of a run in which nothing fails.
fn operations(steps: &[Step]) -> u64 {
    let disk = SimDisk::new();
    let ran = drive(&disk, steps);
    assert!(ran.unknown.is_empty());
    disk.operations()
}

/// Points to fail at: all of them, or as many as there is time for, spread evenly.
fn points(operations: u64, wanted: u32) -> impl Iterator<Item = u64> {
    let stride = (operations / u64::from(wanted.max(1))).max(1);
    (0..operations).step_by(stride as usize)
}

#[test]
fn power_cuts() {
    let wanted = cases(14);
    for seed in 0..3 {
        let steps = steps(seed, 40);
        for at in points(operations(&steps), wanted) {
            let at = at + seed;
            let disk = SimDisk::new();
            disk.fail(at, Fail::Crash);
            let ran = drive(&disk, &steps);
            let when = format!("seed {seed}, power cut at operation {at}");
            let found = disk.crash(at * 31 + seed);
            if at % 3 == 0 {
                // And once more while recovering from it.
                found.fail(at % 23, Fail::Crash);
                let again = Inline::open(Arc::new(found.clone()), small());
                drop(again);
                check(&found.crash(at), &ran, &format!("{when}, and again at {}", at % 23));
            } else {
                check(&found, &ran, &when);
            }
        }
    }
}

#[test]
fn errors_that_come_once() {
    let wanted = cases(12);
    for seed in 10..12 {
        let steps = steps(seed, 40);
        for at in points(operations(&steps), wanted) {
            let disk = SimDisk::new();
            disk.fail(at, Fail::Once);
            let ran = drive(&disk, &steps);
            let when = format!("seed {seed}, error at operation {at}");
            // Whoever trusted the second sync of a descriptor would lose something here.
            disk.heal();
            check(&disk.crash(at), &ran, &when);
        }
    }
}

#[test]
fn full_disks() {
    let wanted = cases(10);
    for seed in 20..22 {
        let steps = steps(seed, 60);
        for at in points(operations(&steps), wanted) {
            let disk = SimDisk::new();
            disk.fail(at, Fail::Full);
            let ran = drive(&disk, &steps);
            let when = format!("seed {seed}, full from operation {at}");
            disk.heal();
            check(&disk.crash(at), &ran, &when);
        }
    }
}

#[test]
fn a_full_disk_takes_deletions_and_recovers() {
    let disk = SimDisk::new();
    let engine = Inline::open(Arc::new(disk.clone()), small()).unwrap();
    let step = |mutation: Mutation| {
        let told = submit(&engine, &Batch::one(Timestamp(0), mutation));
        engine.step();
        told.try_recv().unwrap().remove(0)
    };
    let Outcome::Account(account) = step(create_account()) else { panic!("no account") };
    let deliver = |octets: Vec<u8>| deliver(account, Body::whole(octets));
    let one = || step(deliver(vec![7; 3000]));
    let inbox = Target { account, mailbox: MailboxId::INBOX };
    assert!(matches!(one(), Outcome::Delivered(_)));
    disk.fail(0, Fail::Full);
    // Sooner or later there is no room for another pack.
    let mut refused = None;
    for n in 0..100u32 {
        let outcome = step(deliver(n.to_be_bytes().repeat(1000)));
        if outcome == Outcome::Refused(Refusal::Full) {
            refused = Some(n);
            break;
        }
        engine.apply();
    }
    assert!(refused.is_some_and(|n| n > 2), "{refused:?}");
    let gone = step(Mutation::Expunge { mailbox: inbox, which: Expunged::Uids(Uid::MIN.into()) });
    assert!(matches!(gone, Outcome::Expunged { ref uids, .. } if uids.len() == 1), "{gone:?}");
    let view = engine.view(account).unwrap().unwrap();
    assert_eq!(view.row(MailboxId::INBOX, Uid::MIN).unwrap(), None);
    drop(view);
    assert_eq!(one(), Outcome::Refused(Refusal::Full));
    engine.idle();
    assert_eq!(one(), Outcome::Refused(Refusal::Full));
    disk.heal();
    engine.idle();
    assert!(matches!(one(), Outcome::Delivered(_)));
}

#[test]
fn a_sync_that_fails_is_not_believed_later() {
    let disk = SimDisk::new();
    let engine = Inline::open(Arc::new(disk.clone()), small()).unwrap();
    let steps = steps(5, 16);
    let mut model = Ran { acknowledged: Vec::new(), unknown: Vec::new() };
    for (at, batch) in batches(&steps).into_iter().enumerate() {
        // The write, then the sync of a round: the second operation from here.
        disk.fail(1, if at % 3 == 0 { Fail::Once } else { Fail::Full });
        if at % 3 != 0 {
            disk.heal();
        }
        let told = submit(&engine, &batch);
        engine.step();
        let outcomes = told.try_recv().unwrap();
        assert!(!refused_with(&outcomes, Refusal::Unavailable), "{outcomes:?}");
        model.acknowledged.push(batch);
        disk.heal();
        check(&disk.crash(at as u64), &model, &format!("after batch {at}"));
    }
}

#[test]
fn a_process_that_dies_of_a_failed_sync_leaves_no_trap() {
    for seed in 0..cases(80) {
        let disk = SimDisk::new();
        let steps = steps(u64::from(seed) + 40, 12);
        let batches = batches(&steps);
        let (last, before) = batches.split_last().unwrap();
        let mut ran = Ran { acknowledged: before.to_vec(), unknown: vec![last.clone()] };
        let engine = Inline::open(Arc::new(disk.clone()), small()).unwrap();
        for batch in before {
            drop(submit(&engine, batch));
            engine.step();
        }
        // The sync fails, and the process dies before it can do anything about it.
        disk.fail(1, Fail::Once);
        disk.fail(2, Fail::Crash);
        let told = submit(&engine, last);
        engine.step();
        if !refused_with(&told.try_recv().unwrap(), Refusal::Unavailable) {
            // Nothing to write for this one.
            continue;
        }
        drop(engine);
        // Started again, it reads the batch from the system's memory, though the disk has never had it.
        disk.heal();
        let when = format!("seed {seed}");
        // Every second time the power goes while it starts, about when it has replayed, and takes the batch with it.
        let cut = 160 + u64::from(seed) * 2 % 120;
        if seed % 2 == 1 {
            disk.fail(cut, Fail::Crash);
        }
        let eager = Options { group_messages: 0, checkpoint_messages: 0, ..small() };
        let Ok(engine) = Inline::open(Arc::new(disk.clone()), eager) else {
            check(
                &disk.crash(u64::from(seed)),
                &ran,
                &format!("{when}, power cut at operation {cut}"),
            );
            continue;
        };
        disk.heal();
        let with = picture(&ran.allowed().1);
        if picture(&engine) == with {
            ran.acknowledged.append(&mut ran.unknown);
        }
        drop(engine);
        check(&disk.crash(u64::from(seed)), &ran, &when);
    }
}

/// A store with 200 messages in its log and none in its index.
fn log_only() -> SimDisk {
    let disk = SimDisk::new();
    let engine = Inline::open(Arc::new(disk.clone()), small()).unwrap();
    let step = |mutation| {
        let told = submit(&engine, &Batch::one(Timestamp(0), mutation));
        engine.step();
        told.try_recv().unwrap().remove(0)
    };
    let Outcome::Account(account) = step(create_account()) else { panic!("no account") };
    for n in 0..200u32 {
        let done = step(deliver(account, Body::whole(n.to_be_bytes().to_vec())));
        assert!(matches!(done, Outcome::Delivered(_)), "{done:?}");
    }
    disk.crash(1)
}

fn replayed(engine: &Counters) -> u64 {
    engine.replayed.load(Ordering::Relaxed)
}

/// A server that was killed every second or so never came to its checkpoint, which is due after five, and replayed
/// more at each start.
#[test]
fn what_was_replayed_is_durable_soon() {
    let disk = log_only();
    // Nothing but having replayed makes one due in time.
    let options = Options { checkpoint_messages: 50_000, ..small() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    assert!(replayed(engine.counters()) >= 200);
    let begun = Instant::now();
    while engine.counters().checkpoints.load(Ordering::Relaxed) < small().shards as u64 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    let again = Inline::open(Arc::new(disk.crash(2)), small()).unwrap();
    assert_eq!(replayed(again.counters()), 0);
}

#[test]
fn a_long_replay_that_is_killed_goes_on_from_where_it_was() {
    let options = || Options { checkpoint_messages: 50, group_messages: 10, ..small() };
    let disk = log_only();
    let engine = Inline::open(Arc::new(disk.clone()), options()).unwrap();
    assert!(replayed(engine.counters()) >= 200);
    let again = Inline::open(Arc::new(disk.crash(2)), options()).unwrap();
    let count = replayed(again.counters());
    assert!(count < 100, "{count}");
    assert_same(&picture(&engine), &picture(&again), "after the second start");
}
