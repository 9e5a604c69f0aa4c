//! The embedded engine does what the memory model does, whatever is done, whenever it is applied,
//! checkpointed or opened again.

use super::common::*;
use posthaste_store::disk::SimDisk;
use posthaste_store::*;
use proptest::prelude::*;
use std::sync::Arc;

fn open(disk: &SimDisk) -> Inline {
    Inline::open(Arc::new(disk.clone()), small()).expect("the store opens")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(14)))]

    #[test]
    fn engine_equals_model(steps in proptest::collection::vec(any::<Step>(), 1..80)) {
        let (model, disk) = (Memory::new(), SimDisk::new());
        let mut engine = open(&disk);
        for (at, batch) in batches(&steps).iter().enumerate() {
            let expected = run(&model, batch);
            let told = submit(&engine, batch);
            engine.step();
            let got = told.try_recv().expect("every batch is completed");
            prop_assert_eq!(&expected, &got, "batch {}: {:?}", at, batch);
            let dice = steps[at % steps.len()];
            match dice[1] % 16 {
                0..=4 => engine.apply(),
                5 => engine.checkpoint(),
                6 => {
                    engine.apply();
                    engine.checkpoint();
                }
                7 => engine.idle(),
                8 | 9 => {
                    drop(engine);
                    engine = open(&disk);
                }
                _ => {}
            }
            if dice[2] % 8 == 0 {
                assert_same(&picture(&model), &picture(&engine), "on the way");
            }
        }
        let expected = picture(&model);
        assert_same(&expected, &picture(&engine), "at the end");
        engine.apply();
        assert_same(&expected, &picture(&engine), "applied");
        drop(engine);
        assert_same(&expected, &picture(&open(&disk)), "opened again");

        // Without the index everything comes back from the log alone.
        let disk = disk.copy();
        for (name, _) in disk.files() {
            if name.starts_with("index/") {
                posthaste_store::disk::Disk::remove(&disk, &name).unwrap();
            }
        }
        assert_same(&expected, &picture(&open(&disk)), "index rebuilt");
    }

    /// Several batches in one round see each other's effects as if they came one by one.
    #[test]
    fn rounds_of_many(steps in proptest::collection::vec(any::<Step>(), 1..120), size in 2usize..9) {
        let (model, disk) = (Memory::new(), SimDisk::new());
        let engine = open(&disk);
        for round in batches(&steps).chunks(size) {
            let expected: Vec<_> = round.iter().map(|batch| run(&model, batch)).collect();
            let told: Vec<_> = round.iter().map(|batch| submit(&engine, batch)).collect();
            prop_assert_eq!(engine.step(), round.len());
            let got: Vec<_> = told.iter().map(|t| t.try_recv().unwrap()).collect();
            for ((e, g), batch) in expected.iter().zip(&got).zip(round) {
                prop_assert_eq!(e, g, "{:?} of {:?}", batch, round);
            }
            if round.len() % 2 == 0 {
                engine.apply();
            }
        }
        assert_same(&picture(&model), &picture(&engine), "at the end");
    }
}
