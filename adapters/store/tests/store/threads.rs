//! The engine with its threads, on a real disk.

use super::common::*;
use posthaste_store::disk::RealDisk;
use posthaste_store::*;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn open(path: &Path) -> Result<Engine, OpenError> {
    Engine::open(Arc::new(RealDisk::new(path).unwrap()), Options { mark: None, ..small() })
}

fn wait(store: &dyn Store, mutation: Mutation) -> Outcome {
    let told = submit(store, &Batch::one(Timestamp(0), mutation));
    told.recv_timeout(Duration::from_secs(60)).expect("completed").remove(0)
}

fn create(store: &dyn Store) -> AccountId {
    let made = wait(store, create_account());
    let Outcome::Account(account) = made else { panic!("{made:?}") };
    account
}

#[derive(Default)]
struct Told(AtomicUsize);

impl Watcher for Told {
    fn changed(&self, _: AccountId, _: ModSeq) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn many_threads_deliver_and_read_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).unwrap();
    let account = create(&engine);
    let told = Arc::new(Told::default());
    let rounds = Arc::new(AtomicUsize::new(0));
    let watch = engine.watch(account, Arc::clone(&told) as Arc<dyn Watcher>);
    let counted = Arc::clone(&rounds);
    engine.on_round(Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let engine = &engine;
            scope.spawn(move || {
                for n in 0..25u32 {
                    let mut staging = engine.staging(0);
                    staging.append(&thread.to_be_bytes()).unwrap();
                    staging.append(&n.to_be_bytes().repeat(500)).unwrap();
                    let body = staging.finish().unwrap();
                    let id = body.id();
                    let done = wait(engine, deliver(account, body));
                    let Outcome::Delivered(done) = done else { panic!("{done:?}") };
                    let uid = done[0].unwrap().uid;
                    let view = engine.view(account).unwrap().unwrap();
                    let row = view.row(MailboxId::INBOX, uid).unwrap().unwrap();
                    assert_eq!(row.blob, id);
                    assert_eq!(engine.read(&id, 0..4).unwrap(), thread.to_be_bytes().as_slice());
                }
            });
        }
    });
    // Watchers and flush come right after the last completion.
    let modseq = engine.view(account).unwrap().unwrap().account().modseq;
    while watch.modseq() < modseq || rounds.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(engine.staged(), 0, "staged octets are given back");
    let (told, rounds) = (told.0.load(Ordering::Relaxed), rounds.load(Ordering::Relaxed));
    assert!(told > 0 && told <= 200 && rounds > 0 && rounds <= 200, "{told} {rounds}");
    drop(watch);
    let expected = picture(&engine);
    drop(engine);
    assert_same(&expected, &picture(&open(folder.path()).unwrap()), "opened again");
}

#[test]
fn long_bodies_go_to_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).unwrap();
    let account = create(&engine);
    let long: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n as u8).to_be_bytes()).collect();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut staging = engine.staging(long.len() as u64);
        for piece in long.chunks(10_001) {
            staging.append(piece).unwrap();
        }
        assert!(engine.staged() < 1 << 20, "what was spilled is not in memory");
        let body = staging.finish().unwrap();
        ids.push(body.id());
        assert!(matches!(wait(&engine, deliver(account, body)), Outcome::Delivered(_)));
    }
    // One that is never handed in leaves nothing behind.
    let mut forgotten = engine.staging(0);
    forgotten.append(&long).unwrap();
    drop(forgotten);
    assert_eq!(ids[0], ids[1]);
    drop(engine);
    let files = |name: &str| std::fs::read_dir(folder.path().join(name)).unwrap().count();
    assert_eq!((files("big"), files("tmp")), (1, 0));
    let engine = open(folder.path()).unwrap();
    assert_eq!(engine.read(&ids[0], 0..u64::MAX).unwrap(), long);
    assert_eq!(engine.read(&ids[0], 2_999_990..9_999_999).unwrap(), long[2_999_990..]);
}

/// A long body in front of short ones in the same batch once took the head of the next, and the last of them was not
/// written at all, though its delivery was confirmed.
#[test]
fn a_long_body_among_short_ones() {
    let long: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n as u8).to_be_bytes()).collect();
    let bodies = [long.as_slice(), b"first", &[7; 621], &long[1..], &[8; 16_124], &long[2..]];
    // Every order in which long and short can follow each other, in one batch.
    for turn in 0..bodies.len() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path()).unwrap();
        let account = create(&engine);
        let mut ids = Vec::new();
        let turned = || bodies[turn..].iter().chain(&bodies[..turn]);
        let messages = turned().map(|octets| {
            let mut staging = engine.staging(octets.len() as u64);
            staging.append(octets).unwrap();
            let body = staging.finish().unwrap();
            ids.push(body.id());
            let (internal, received) = (Timestamp(0), Timestamp(0));
            let message = Message { body, internal, received, summary: Default::default() };
            (message, FlagNames::default())
        });
        let to = Target { account, mailbox: MailboxId::INBOX };
        let append = Mutation::Append { to, messages: messages.collect() };
        assert!(matches!(wait(&engine, append), Outcome::Appended(_)));
        let read = |engine: &Engine| {
            for (octets, id) in turned().zip(&ids) {
                assert!(engine.read(id, 0..u64::MAX).unwrap() == *octets, "turn {turn}");
            }
        };
        read(&engine);
        // The log alone has all of it, too.
        drop(engine);
        std::fs::remove_dir_all(folder.path().join("index")).unwrap();
        read(&open(folder.path()).unwrap());
    }
}

#[test]
fn a_folder_in_use_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).unwrap();
    let Err(OpenError::InUse(who)) = open(folder.path()) else { panic!("opened twice") };
    assert!(who.contains(&std::process::id().to_string()), "{who}");
    drop(engine);
    open(folder.path()).unwrap();
}

/// Names the folder to the child of [`killed_processes_lose_nothing`].
const CHILD: &str = "POSTHASTE_STORE_CHILD";

/// Not a test of its own: what [`killed_processes_lose_nothing`] starts and kills. It prints the
/// number of every message once it is acknowledged.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let engine = open(Path::new(&folder)).unwrap();
    let account = match engine.accounts().unwrap().first() {
        Some(account) => account.id,
        None => create(&engine),
    };
    let next = AtomicUsize::new(engine.view(account).unwrap().unwrap().account().modseq.0 as usize);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed) as u64 + 1_000_000;
                    let body = Body::whole(n.to_be_bytes().repeat(200));
                    let done = wait(&engine, deliver(account, body));
                    let Outcome::Delivered(done) = done else { panic!("{done:?}") };
                    let uid = done[0].unwrap().uid.number();
                    let line = format!("\nack {n} {uid}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn killed_processes_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = std::collections::BTreeMap::new();
    for cycle in 0..cases(4) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["threads::child", "--exact", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in stdout.lines().map_while(Result::ok) {
                let mut words = line.split(' ');
                if let (Some("ack"), Some(n), Some(uid)) =
                    (words.next(), words.next(), words.next())
                    && let (Ok(n), Ok(uid)) = (n.parse::<u64>(), uid.parse::<u32>())
                {
                    lines.push((uid, n));
                }
            }
            lines
        });
        std::thread::sleep(Duration::from_millis(40 + 170 * u64::from(cycle % 7)));
        child.kill().unwrap();
        child.wait().unwrap();
        for (uid, n) in reader.join().unwrap() {
            // A line may be cut short by the kill; only its last number can be, so check with care.
            let before = acknowledged.insert(uid, n);
            assert!(before.is_none() || before == Some(n), "UID {uid} was given twice");
        }
        let engine = open(folder.path()).unwrap();
        let Some(account) = engine.accounts().unwrap().first().map(|a| a.id) else { continue };
        let view = engine.view(account).unwrap().unwrap();
        let mut rows = Vec::new();
        view.rows(MailboxId::INBOX, Uid::MIN..=Uid::MAX, usize::MAX, &mut rows).unwrap();
        let mut found = std::collections::BTreeMap::new();
        for row in &rows {
            let body = engine.read(&row.blob, 0..u64::MAX).unwrap();
            let n = u64::from_be_bytes(body[..8].try_into().unwrap());
            assert!(found.insert(row.uid.number(), n).is_none());
        }
        for (uid, n) in &acknowledged {
            assert_eq!(found.get(uid), Some(n), "cycle {cycle}: an acknowledged message");
        }
    }
    assert!(acknowledged.len() > 20, "{} messages were acknowledged", acknowledged.len());
}

/// Two IMAP sessions on one mailbox: one stored flags and got its OK, the other said NOOP at once and was
/// told nothing, because its watch was raised only after the OK had left.
#[test]
fn no_watch_lags_behind_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 2] =
        [Arc::new(Memory::new()), Arc::new(open(folder.path()).unwrap())];
    for store in stores {
        let account = create(&*store);
        let told = Arc::new(Told::default());
        let watch = Arc::new(store.watch(account, told.clone()));
        for number in 0..50_u32 {
            let mut staging = store.staging(0);
            staging.append(format!("Subject: {number}\r\n\r\n").as_bytes()).unwrap();
            let body = staging.finish().unwrap();
            let (tell, behind) = std::sync::mpsc::channel();
            let seen = Arc::clone(&watch);
            let done = move |outcomes: Outcomes| {
                let Outcome::Delivered(stored) = &outcomes[0] else { panic!("{outcomes:?}") };
                tell.send((stored[0].unwrap().modseq, seen.modseq())).unwrap();
            };
            store.submit(Batch::one(Timestamp(0), deliver(account, body)), Box::new(done));
            let (stored, seen) = behind.recv_timeout(Duration::from_secs(60)).unwrap();
            assert!(seen >= stored, "answered at {stored:?}, watched {seen:?}");
        }
    }
}
