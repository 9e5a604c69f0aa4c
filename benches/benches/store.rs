//! Durable deliveries into the embedded store: messages a second, syncs and CPU time a message,
//! octets written per octet delivered, against the gates of the store's design.
//!
//! `cargo bench -p posthaste-benches --bench store [-- --seconds 3 --body 10240 --sessions 1,10,64,100,500]`
//!
//! Sessions are driven by two loops, as reactors would: each session has one delivery on its way.
//! The folder is under `POSTHASTE_BENCH_DIR`, else the system's temporary folder.

use posthaste_store::disk::RealDisk;
use posthaste_store::{
    AccountId, Batch, Engine, FlagNames, MailboxId, Message, Mutation, NewMailbox, Options,
    Outcome, Quota, Store, Target, Timestamp,
};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

const ACCOUNTS: u32 = 2000;
const LOOPS: usize = 2;

fn main() {
    let mut seconds = 3.0;
    let mut body = 10 * 1024;
    let mut sessions = vec![1, 10, 64, 100, 500];
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().expect("a value follows");
        match arg.as_str() {
            "--seconds" => seconds = value().parse().expect("seconds"),
            "--body" => body = value().parse().expect("octets"),
            "--sessions" => {
                sessions = value().split(',').map(|n| n.parse().expect("a number")).collect();
            }
            // What `cargo bench` adds by itself.
            _ => {}
        }
    }
    println!(
        "{:>8} {:>9} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "sessions",
        "msg/s",
        "syncs/msg",
        "commit us",
        "apply us",
        "all us",
        "wr/byte",
        "p50 ms",
        "p99 ms",
        "max ms"
    );
    for sessions in sessions {
        run(sessions, body, Duration::from_secs_f64(seconds));
    }
}

/// What completions leave for a loop.
struct Loop {
    done: Mutex<Vec<(u32, Instant)>>,
    thread: Mutex<Option<Thread>>,
    rung: AtomicBool,
}

fn run(sessions: usize, body: usize, time: Duration) {
    let root = std::env::var_os("POSTHASTE_BENCH_DIR");
    let folder = match root {
        Some(root) => tempfile::tempdir_in(root),
        None => tempfile::tempdir(),
    }
    .expect("a folder");
    let disk = RealDisk::new(folder.path()).expect("the folder can be used");
    let engine = Engine::open(Arc::new(disk), Options::default()).expect("the store opens");
    create_accounts(&engine);

    let loops: Arc<Vec<Loop>> = Arc::new(
        (0..LOOPS)
            .map(|_| Loop { done: Mutex::default(), thread: Mutex::default(), rung: false.into() })
            .collect(),
    );
    let ringing = Arc::clone(&loops);
    engine.on_round(Arc::new(move || {
        for one in ringing.iter().filter(|one| one.rung.swap(false, Ordering::AcqRel)) {
            if let Some(thread) = &*one.thread.lock().unwrap() {
                thread.unpark();
            }
        }
    }));
    let before = Usage::now();
    let syncs = engine.counters().syncs.load(Ordering::Relaxed);
    let start = Instant::now();
    let mut waits: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..LOOPS)
            .map(|n| {
                let (engine, loops) = (&engine, &loops);
                let mine = (n..sessions).step_by(LOOPS).count();
                scope.spawn(move || drive(engine, loops, n, mine, body, start + time))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a loop")).collect()
    });
    let elapsed = start.elapsed();
    let syncs = engine.counters().syncs.load(Ordering::Relaxed) - syncs;
    // The applier's share counts whole: everything is applied and durable after the drop.
    let threads = Usage::threads_now();
    let used = Usage::now();
    drop(engine);
    let written = Usage::now().written - before.written;

    let messages = waits.len() as f64;
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let micros = |name: &str| {
        threads.iter().find(|(n, _)| n == name).map_or(0.0, |(_, ns)| *ns as f64 / 1e3 / messages)
    };
    println!(
        "{sessions:>8} {:>9.0} {:>10.4} {:>10.1} {:>9.1} {:>9.1} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
        messages / elapsed.as_secs_f64(),
        syncs as f64 / messages,
        micros("store-commit"),
        micros("store-apply"),
        (used.cpu - before.cpu).as_secs_f64() * 1e6 / messages,
        written as f64 / (messages * body as f64),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

/// Delivers for `mine` sessions until the time is over; how long each delivery took.
fn drive(
    engine: &Engine,
    loops: &Arc<Vec<Loop>>,
    number: usize,
    mine: usize,
    body: usize,
    end: Instant,
) -> Vec<Duration> {
    let own = &loops[number];
    *own.thread.lock().unwrap() = Some(std::thread::current());
    let mut octets = vec![b'x'; body];
    let mut serial = (number as u64) << 40;
    let mut began = vec![Instant::now(); mine];
    let mut waits = Vec::new();
    let (mut ready, mut open) = ((0..mine as u32).collect::<Vec<_>>(), 0);
    let mut done = Vec::new();
    loop {
        for session in ready.drain(..) {
            serial += 1;
            octets[..8].copy_from_slice(&serial.to_be_bytes());
            let mut staging = engine.staging(body as u64);
            for piece in octets.chunks(4096) {
                staging.append(piece).expect("staged");
            }
            let message = Message {
                body: staging.finish().expect("staged"),
                internal: Timestamp(0),
                received: Timestamp(0),
                summary: vec![7; 300].into(),
            };
            let account =
                AccountId((serial.wrapping_mul(0x9e37_79b9) % u64::from(ACCOUNTS)) as u32 + 1);
            let deliver = Mutation::Deliver {
                message,
                flags: FlagNames::default(),
                to: smallvec::smallvec![Target { account, mailbox: MailboxId::INBOX }],
                whole: true,
            };
            began[session as usize] = Instant::now();
            let loops = Arc::clone(loops);
            engine.submit(
                Batch::one(Timestamp(0), deliver),
                Box::new(move |outcomes| {
                    assert!(matches!(outcomes[0], Outcome::Delivered(_)), "{outcomes:?}");
                    let own = &loops[number];
                    own.done.lock().unwrap().push((session, Instant::now()));
                    own.rung.store(true, Ordering::Release);
                }),
            );
            open += 1;
        }
        std::mem::swap(&mut done, &mut *own.done.lock().unwrap());
        if done.is_empty() {
            if open == 0 {
                return waits;
            }
            std::thread::park_timeout(Duration::from_millis(100));
            continue;
        }
        let now = Instant::now();
        for (session, when) in done.drain(..) {
            open -= 1;
            waits.push(when - began[session as usize]);
            if now < end {
                ready.push(session);
            }
        }
    }
}

fn create_accounts(engine: &Engine) {
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..ACCOUNTS {
        let tell = tell.clone();
        let create = Mutation::AccountCreate {
            settings: Default::default(),
            quota: Quota::default(),
            mailboxes: vec![NewMailbox { name: "Junk".into(), role: None, subscribed: true }],
        };
        engine.submit(
            Batch::one(Timestamp(0), create),
            Box::new(move |_| {
                let _ = tell.send(());
            }),
        );
    }
    drop(tell);
    assert_eq!(told.iter().count(), ACCOUNTS as usize);
}

/// What this process used so far.
struct Usage {
    cpu: Duration,
    written: u64,
}

impl Usage {
    fn now() -> Self {
        let line = |file: &str, key: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        // User and system time in ticks, threads that have ended included.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
        let ticks: u64 = fields.skip(12).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Self {
            cpu: Duration::from_millis(ticks * 10),
            written: line("/proc/self/io", "write_bytes:"),
        }
    }

    /// Threads by name, and nanoseconds each was on a processor.
    fn threads_now() -> Vec<(String, u64)> {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let of = |path: std::path::PathBuf| {
            let name = std::fs::read_to_string(path.join("comm")).ok()?.trim().to_owned();
            let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
            Some((name, stat.split(' ').next()?.parse().ok()?))
        };
        tasks.filter_map(|task| of(task.path())).collect()
    }
}
