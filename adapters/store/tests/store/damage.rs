//! What is found on the disk at a start, and is not what was left there.

use super::common::*;
use posthaste_store::disk::{Disk, SimDisk};
use posthaste_store::*;
use std::sync::Arc;

fn steps(seed: u8, count: u8) -> Vec<Step> {
    let octet = |n: u8, i: u8| blake3::hash(&[seed, n, i]).as_bytes()[0];
    (0..count).map(|n| std::array::from_fn(|i| octet(n, i as u8))).collect()
}

fn open(disk: &SimDisk) -> Result<Inline, OpenError> {
    Inline::open(Arc::new(disk.clone()), small())
}

fn fill(engine: &Inline, model: &Memory, steps: &[Step]) {
    for batch in batches(steps) {
        run(model, &batch);
        let told = submit(engine, &batch);
        engine.step();
        told.try_recv().unwrap();
    }
}

fn without_index(disk: &SimDisk) -> SimDisk {
    let disk = disk.copy();
    for (name, _) in disk.files() {
        if name.starts_with("index/") {
            disk.remove(&name).unwrap();
        }
    }
    disk
}

fn log(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    disk.files().into_iter().filter(|(name, _)| name.starts_with("log/0")).collect()
}

#[test]
fn flipped_bits_are_reported() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &steps(1, 60));
    engine.idle();
    drop(engine);
    let expected = picture(&model);
    let disk = without_index(&disk);
    let total: usize = log(&disk).iter().map(|(_, content)| content.len()).sum();
    let stride = (total / cases(40) as usize).max(1);
    let (mut refused, mut unread, mut unharmed) = (0, 0, 0);
    for (name, content) in log(&disk) {
        // The last batch is a mark, which may be lost without harm.
        let end = content.len() - if content.len() > 120 { 56 } else { 0 };
        for at in (0..end).step_by(stride) {
            let disk = disk.copy();
            disk.damage(&name, |content| content[at] ^= 1 << (at % 8));
            match open(&disk) {
                Err(OpenError::Damaged { .. }) => refused += 1,
                Err(other) => panic!("{name} at {at}: {other}"),
                // Bodies that were synced are looked at when they are read.
                Ok(engine) => match first_fault(&engine) {
                    Some(Fault::Damaged(_)) => unread += 1,
                    Some(fault) => panic!("{name} at {at}: {fault}"),
                    None => {
                        // Padding, or a body that nobody has any more.
                        unharmed += 1;
                        assert_same(&expected, &picture(&engine), &format!("{name} at {at}"));
                    }
                },
            }
        }
    }
    assert!(refused > 2 && unread > 2, "{refused} refused, {unread} unread, {unharmed} unharmed");
}

fn first_fault(store: &dyn Store) -> Option<Fault> {
    for account in store.accounts().unwrap() {
        let view = store.view(account.id).unwrap().unwrap();
        for mailbox in view.mailboxes().unwrap() {
            let mut rows = Vec::new();
            view.rows(mailbox.id, Uid::MIN..=Uid::MAX, usize::MAX, &mut rows).unwrap();
            let fault = rows.iter().find_map(|row| store.read(&row.blob, 0..u64::MAX).err());
            if fault.is_some() {
                return fault;
            }
        }
    }
    None
}

#[test]
fn an_unfinished_tail_opens_whatever_holes_it_has() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &steps(2, 20));
    let expected = picture(&model);
    let before: usize = log(&disk).iter().map(|(_, content)| content.len()).sum();
    // One last round that nobody was told of.
    let big = |n: u8| Mutation::Deliver {
        message: Message {
            body: Body::whole(vec![n; 2000]),
            internal: Timestamp(0),
            received: Timestamp(0),
            summary: Default::default(),
        },
        flags: FlagNames::default(),
        to: smallvec::smallvec![Target { account: AccountId(1), mailbox: MailboxId::INBOX }],
        whole: true,
    };
    let told: Vec<_> = (1..5).map(|n| submit(&engine, &Batch::one(Timestamp(0), big(n)))).collect();
    engine.step();
    drop((told, engine));
    let (name, content) = log(&disk).pop().unwrap();
    let others: usize = log(&disk).iter().map(|(_, c)| c.len()).sum::<usize>() - content.len();
    // A new pack begins with a header, which is not part of the batch.
    let start = if before > others { before - others } else { 64 };
    assert!(content.len() > start + 8000);
    let mut holes: Vec<(usize, usize)> = (start..content.len())
        .step_by(512)
        .map(|at| (at, content.len().min(at / 512 * 512 + 512)))
        .collect();
    holes.push((start, content.len() - 8));
    for (from, to) in holes {
        // With the index gone, and with an index that has everything but this batch.
        let disk = without_index(&disk);
        disk.damage(&name, |content| content[from..to].fill(0));
        let engine = open(&disk).unwrap_or_else(|e| panic!("hole {from}..{to}: {e}"));
        assert_same(&expected, &picture(&engine), &format!("hole {from}..{to}"));
        drop(engine);
        let kept = disk.files().into_iter().any(|(name, _)| name.starts_with("log/tail-"));
        assert!(kept, "the tail is kept in a side file");
        assert_same(&expected, &picture(&open(&disk).unwrap()), "opened a second time");
    }
    // Cut anywhere, too.
    for to in (start..content.len()).step_by(1777) {
        let disk = without_index(&disk);
        disk.damage(&name, |content| content.truncate(to));
        assert_same(&expected, &picture(&open(&disk).unwrap()), &format!("cut at {to}"));
    }
}

#[test]
fn a_mark_makes_damage_of_a_tail() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &steps(3, 10));
    let (name, content) = log(&disk).pop().unwrap();
    // The last batch that says anything begins where the log ends now.
    fill(&engine, &Memory::new(), &[]);
    let without_mark = disk.copy();
    engine.idle();
    drop(engine);
    for at in [0, 20, 54, 60] {
        let open_damaged = |disk: &SimDisk| {
            let disk = without_index(disk);
            disk.damage(&name, |now| now[content.len() + at] ^= 1);
            open(&disk).map(drop)
        };
        let error = open_damaged(&disk).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { lsn, .. } if lsn > 1), "{at}: {error}");
        // The last but one of two batches is known to be synced by the last.
        assert!(open_damaged(&without_mark).is_err());
    }
}

#[test]
fn an_index_ahead_of_the_log_is_reported() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &steps(4, 30));
    engine.apply();
    engine.checkpoint();
    drop(engine);
    let (name, content) = log(&disk).pop().unwrap();
    for lost in [1, 40, 56, 300] {
        let disk = disk.copy();
        disk.damage(&name, |now| now.truncate(content.len() - lost));
        let error = open(&disk).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{lost} octets lost: {error}");
    }
    let disk = disk.copy();
    log(&disk).iter().for_each(|(name, _)| disk.remove(name).unwrap());
    let error = open(&disk).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "no log at all: {error}");
}

#[test]
fn an_unusable_shard_is_made_anew() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &steps(5, 30));
    engine.apply();
    engine.checkpoint();
    drop(engine);
    for (name, _) in disk.files().into_iter().filter(|(name, _)| name.starts_with("index/")) {
        let disk = disk.copy();
        disk.damage(&name, |content| content[..512].fill(0x55));
        let engine = open(&disk).unwrap();
        assert_same(&picture(&model), &picture(&engine), &name);
        let aside = format!("{name}.bad");
        assert!(disk.files().iter().any(|(name, _)| *name == aside), "kept aside");
    }
}

#[test]
fn a_missing_pack_is_reported() {
    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    for seed in 6..10 {
        fill(&engine, &model, &steps(seed, 120));
    }
    drop(engine);
    let packs = log(&disk);
    assert!(packs.len() > 2, "{}", packs.len());
    let disk = without_index(&disk);
    disk.remove(&packs[1].0).unwrap();
    let error = open(&disk).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_in_use_is_refused() {
    let disk = SimDisk::new();
    let engine = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::InUse(_))));
    drop(engine);
    open(&disk).unwrap();
}

#[test]
fn a_body_cannot_forge_a_frame() {
    // A message that carries a whole log of another store: its frames bear another mark.
    let (other, model) = (SimDisk::new(), Memory::new());
    let engine =
        Inline::open(Arc::new(other.clone()), Options { mark: Some(99), ..small() }).unwrap();
    fill(&engine, &model, &steps(7, 20));
    drop(engine);
    let forged = log(&other).remove(0).1;

    let (disk, model) = (SimDisk::new(), Memory::new());
    let engine = open(&disk).unwrap();
    fill(&engine, &model, &[]);
    let expected = picture(&model);
    let message = Message {
        body: Body::whole(forged),
        internal: Timestamp(0),
        received: Timestamp(0),
        summary: Default::default(),
    };
    let to = Target { account: AccountId(1), mailbox: MailboxId::INBOX };
    let messages = smallvec::smallvec![(message, FlagNames::default())];
    let append = Batch::one(Timestamp(0), Mutation::Append { to, messages });
    let told = submit(&engine, &append);
    let before = log(&disk).pop().unwrap().1.len();
    engine.step();
    assert!(matches!(told.try_recv().unwrap()[0], Outcome::Appended(_)));
    drop(engine);
    let disk = without_index(&disk);
    let name = log(&disk).pop().unwrap().0;
    disk.damage(&name, |content| content[before + 30] ^= 1);
    assert_same(&expected, &picture(&open(&disk).unwrap()), "the tail is cut");
}
