//! The example programs, run as they are: processes on loopback that talk to each other.

mod common;

#[allow(dead_code)]
#[path = "../examples/filter.rs"]
mod filter;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Once, mpsc};
use std::time::{Duration, Instant, SystemTime};

use common::{Keeper, loopback};
use posthaste_tokio::Listener;
use posthaste_tokio::smtp::{
    Body, Config, Enhanced, Handler, Outcome, Recipient, Refusal, Reply, Role, Transaction,
};
use rustix::process::{Pid, Signal, kill_process};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where cargo puts the example. `cargo test` builds them all; where only these tests were built, they are
/// built here, if they are not there or older than what they are made of.
fn example(name: &str) -> Command {
    static BUILT: Once = Once::new();
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap().join("examples");
    let path = folder.join(name);
    BUILT.call_once(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = newest(&here.join("examples")).max(newest(&here.join("src")));
        let fresh = |name| modified(&folder.join(name)).is_some_and(|built| built > sources);
        if !["filter", "relay", "send", "sink"].into_iter().all(fresh) {
            let release = if cfg!(debug_assertions) { &[][..] } else { &["--release"] };
            let build = ["build", "--quiet", "--package", "posthaste-tokio", "--examples"];
            let built = Command::new(env!("CARGO")).args(build).args(release).status().unwrap();
            assert!(built.success());
        }
    });
    Command::new(path)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// When the newest file of a folder was changed.
fn newest(folder: &Path) -> SystemTime {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| match path.is_dir() {
            true => newest(&path),
            false => modified(&path).unwrap(),
        })
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A program that serves, until it is dropped or stopped.
struct Program {
    child: Child,
    addresses: Vec<SocketAddr>,
    /// What it has printed.
    printed: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it, and waits until it listens at so many addresses.
    fn start(name: &str, listeners: usize, args: &[&str]) -> Self {
        let mut child = example(name)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = mpsc::channel();
        let log = printed.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on ") {
                    let _ = tell.send(address.parse().unwrap());
                }
                log.lock().unwrap().push(line);
            }
        });
        let addresses = (0..listeners).map(|_| told.recv_timeout(PATIENCE).expect("it listens"));
        let addresses = addresses.collect();
        Self { child, addresses, printed }
    }

    fn server(&self) -> String {
        self.addresses[0].to_string()
    }

    /// Asks it to end, and waits for that. Says whether it ended well.
    fn stop(mut self) -> bool {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Waits until it has printed a line with this in it.
    fn wait_for(&self, what: &str) {
        eventually(what, || self.printed.lock().unwrap().iter().any(|line| line.contains(what)));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder for one test, with a message in it that tries everything that may go wrong on the way.
struct Desk {
    folder: tempfile::TempDir,
    message: Vec<u8>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut message = b"Subject: hello\r\nX-Internal-Id: 17\r\n\tstill\r\nTo: you\r\n\r\n\
            .dots\r\n..more\r\n.\r\nd\xc3\xb6ts\r\n"
            .to_vec();
        message.extend(b"0123456789012345678901234567890123456789\r\n".repeat(5_000));
        message.extend([&[b'x'; 50_000][..], b"\r\n"].concat());
        fs::write(folder.path().join("message.eml"), &message).unwrap();
        Self { folder, message }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn send(&self, args: &[&str]) -> Output {
        let output = example("send").args(args).arg(self.path("message.eml")).output().unwrap();
        println!("{}{}", text(&output.stdout), text(&output.stderr));
        output
    }

    /// The messages in a sink's folder: what it put in front, and the rest.
    fn kept(&self, sink: &str) -> Vec<(String, Vec<u8>)> {
        let mut kept = Vec::new();
        let Ok(files) = fs::read_dir(self.path(sink).join("new")) else { return kept };
        for file in files {
            let octets = fs::read(file.unwrap().path()).unwrap();
            let date = octets.windows(7).position(|w| w == b" +0000\r").unwrap();
            let (front, rest) = octets.split_at(date + 8);
            kept.push((text(front), rest.to_vec()));
        }
        assert_eq!(fs::read_dir(self.path(sink).join("tmp")).unwrap().count(), 0);
        kept
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn sink(desk: &Desk, name: &str, args: &[&str]) -> Program {
    let listeners = 1 + args.iter().filter(|arg| **arg == "--listen-tls").count();
    let folder = desk.text(name);
    let all = [&["--listen", "127.0.0.1:0", "--domain", "example.test", &folder], args].concat();
    Program::start("sink", listeners, &all)
}

/// A server in this process.
fn serve<H: Handler + Clone + Sync + 'static>(role: Role, handler: H) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = Config::new(role, "next.test");
            let running =
                common::serve(Listener::plain(loopback()), config, move |_| handler.clone());
            tell.send(running.address).unwrap();
            running.served.await.unwrap().unwrap();
        });
    });
    told.recv_timeout(PATIENCE).unwrap()
}

const ME: [&str; 2] = ["--from", "me@client.test"];
const YOU: [&str; 2] = ["--to", "you@example.test"];
const OTHER: [&str; 2] = ["--to", "other@elsewhere.test"];

#[test]
fn send_to_sink_however_tls_comes() {
    let desk = Desk::new();
    let certificates = desk.text("tls");
    fs::create_dir(desk.path("tls")).unwrap();
    let sink = sink(&desk, "mail", &["--tls", &certificates, "--listen-tls", "127.0.0.1:0"]);
    let ca = desk.text("tls/tls-self-signed.pem");
    let (plain, implicit) = (sink.addresses[0].to_string(), sink.addresses[1].to_string());
    for (count, (server, tls, with)) in (1..).zip([
        (&plain, "none", "ESMTP"),
        (&plain, "starttls", "ESMTPS"),
        (&implicit, "implicit", "ESMTPS"),
    ]) {
        let to = ["--server", server, "--tls", tls, "--ca", &ca];
        let output = desk.send(&[&to[..], &ME, &YOU, &["--to", "second@example.test"]].concat());
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout).matches("taken: 250 2.0.0 Kept as").count(), 2);
        // It is on the disk by now, whatever becomes of the program.
        let kept = desk.kept("mail");
        assert_eq!(kept.len(), count);
        assert!(kept.iter().all(|(_, octets)| *octets == desk.message), "{tls}");
        let fronts: Vec<_> =
            kept.iter().filter(|(f, _)| f.contains(&format!("with {with} id"))).collect();
        assert!(!fronts.is_empty(), "{tls}: {kept:?}", kept = kept[0].0);
        assert!(fronts[0].0.starts_with(
            "Return-Path: <me@client.test>\r\nDelivered-To: you@example.test\r\n\
             Delivered-To: second@example.test\r\nReceived: from [127.0.0.1] ([127.0.0.1])\r\n"
        ));
    }
    // TLS that is wanted and not to be had, or not to be believed.
    let to = ["--server", &plain, "--tls", "starttls"];
    let output = desk.send(&[&to[..], &ME, &YOU].concat());
    assert_eq!(output.status.code(), Some(69), "the system does not know that certificate");
    let output = desk.send(&[&to[..], &["--insecure"], &ME, &YOU].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(sink.stop());
}

#[test]
fn what_the_sink_does_not_want() {
    let desk = Desk::new();
    let running = sink(&desk, "mail", &[]);
    let server = running.server();
    let to = ["--server", &server, "--tls", "none"];
    let output = desk.send(&[&to[..], &ME, &OTHER].concat());
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output.stdout).contains("other@elsewhere.test: refused: 550 5.7.1"));
    // One of two.
    let output = desk.send(&[&to[..], &ME, &OTHER, &YOU].concat());
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output.stdout).contains("you@example.test: taken"));
    assert_eq!(desk.kept("mail").len(), 1);
    assert!(running.stop());
    // Nobody there.
    let output = desk.send(&[&to[..], &ME, &YOU].concat());
    assert_eq!(output.status.code(), Some(75));
    // Mistakes show the usage.
    let output = desk.send(&["--serve", "x"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("--serve is not known"));
    // LMTP.
    let running = sink(&desk, "lmtp", &["--lmtp"]);
    let server = running.server();
    let to = ["--server", &server, "--tls", "none", "--lmtp"];
    let output = desk.send(&[&to[..], &ME, &YOU, &OTHER].concat());
    assert!(text(&output.stdout).contains("you@example.test: taken"));
    let kept = desk.kept("lmtp");
    assert!(kept[0].0.contains("with LMTP id") && kept[0].1 == desk.message);
}

#[test]
fn the_filter_passes_messages_and_verdicts_on() {
    let desk = Desk::new();
    let certificates = desk.text("tls");
    fs::create_dir(desk.path("tls")).unwrap();
    let sink = sink(&desk, "mail", &["--tls", &certificates]);
    let (next, ca) = (sink.server(), desk.text("tls/tls-self-signed.pem"));
    let mut expected = b"X-Filtered: yes\r\nX-Too: 1\r\n".to_vec();
    expected
        .extend(text(&desk.message[..64]).replace("X-Internal-Id: 17\r\n\tstill\r\n", "").bytes());
    expected.extend(&desk.message[64..]);
    for (count, tls) in
        (1..).zip([&["--next-tls", "none"][..], &["--next-tls", "starttls", "--next-ca", &ca]])
    {
        let rules = ["--drop", "x-internal-id", "--add", "X-Filtered: yes", "--add", "X-Too: 1"];
        let args = [&["--next", &next, "--listen", "127.0.0.1:0"], &rules[..], tls].concat();
        let filter = Program::start("filter", 1, &args);
        let server = filter.server();
        let to = ["--server", &server, "--tls", "none"];
        let output = desk.send(&[&to[..], &ME, &YOU, &OTHER].concat());
        // The sink's own words, for each.
        let said = text(&output.stdout);
        assert!(said.contains("you@example.test: taken: 250 2.0.0 Kept as "), "{said}");
        assert!(said.contains("other@elsewhere.test: refused: 550 5.7.1 Mail for there"), "{said}");
        let kept = desk.kept("mail");
        assert_eq!(kept.len(), count);
        for (front, octets) in kept {
            assert!(front.starts_with("Return-Path: <me@client.test>\r\nDelivered-To: you@"));
            // The filter's Received field stands before what it adds.
            let octets = text(&octets);
            let (received, rest) = octets.split_once(" +0000\r\n").unwrap();
            assert!(received.starts_with("Received: from [127.0.0.1] "), "{received}");
            assert!(rest.as_bytes() == expected, "{}", &rest[..200]);
        }
        assert!(filter.stop());
    }
    assert!(sink.stop());
    // The next server is gone.
    let filter = Program::start("filter", 1, &["--next", &next, "--listen", "127.0.0.1:0"]);
    let server = filter.server();
    let output = desk.send(&[&["--server", &server, "--tls", "none"], &ME[..], &YOU].concat());
    assert_eq!(output.status.code(), Some(75));
    assert!(text(&output.stdout).contains("refused: 451 4.4.1"), "{}", text(&output.stdout));
}

/// Says what it thinks of a message by the local part of its recipients.
#[derive(Clone)]
struct Judge;

impl Handler for Judge {
    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        match to.address.local() {
            "later" => Err(Refusal::new(450, Enhanced(4, 2, 1), "Not today")),
            "never" => Err(Refusal::nobody()),
            _ => Ok(()),
        }
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        body.skip().await?;
        let each = transaction.envelope.recipients.iter().map(|to| match to.address.local() {
            "spam" => Reply::new(554, Enhanced(5, 7, 1), "Looks like spam\nto us"),
            "full" => Reply::new(452, Enhanced(4, 2, 2), "Full"),
            name => Reply::taken(format!("For {name}")),
        });
        Ok(Outcome::Each(each.collect()))
    }
}

#[test]
fn the_filter_passes_every_kind_of_verdict_on() {
    let desk = Desk::new();
    for lmtp in [false, true] {
        let next = serve(if lmtp { Role::Lmtp } else { Role::Smtp }, Judge).to_string();
        let both: &[&str] = if lmtp { &["--lmtp", "--next-lmtp"] } else { &[] };
        let args = [&["--next", &next, "--listen", "127.0.0.1:0"], both].concat();
        let filter = Program::start("filter", 1, &args);
        let server = filter.server();
        let send = |recipients: &[&str]| {
            let recipients: Vec<_> =
                recipients.iter().map(|to| format!("{to}@example.test")).collect();
            let mut args = vec!["--server", &server, "--tls", "none"];
            args.extend(ME);
            args.extend(if lmtp { &["--lmtp"][..] } else { &[] });
            for recipient in &recipients {
                args.extend(["--to", recipient]);
            }
            let output = desk.send(&args);
            let said = text(&output.stdout).replace("@example.test", "").replace('\n', "; ");
            (said, output.status.code().unwrap())
        };
        let (said, code) = send(&["a", "later", "never"]);
        assert_eq!(
            said,
            "a: taken: 250 2.0.0 For a; later: refused: 450 4.2.1 Not today; \
             never: refused: 550 5.1.1 There is no such user here; "
        );
        assert_eq!(code, 69);
        assert_eq!(send(&["later"]), ("later: refused: 450 4.2.1 Not today; ".into(), 75));
        let spam = "spam: refused: 554 5.7.1 Looks like spam\\nto us; ";
        assert_eq!(send(&["spam"]), (spam.into(), 69));
        assert_eq!(send(&["full"]), ("full: refused: 452 4.2.2 Full; ".into(), 75));
        if lmtp {
            let (said, _) = send(&["a", "spam", "full"]);
            assert_eq!(
                said,
                format!("a: taken: 250 2.0.0 For a; {spam}full: refused: 452 4.2.2 Full; ")
            );
        }
        assert_eq!(send(&["b"]).1, 0);
    }
}

#[test]
fn a_header_is_rewritten_however_it_comes() {
    let message = "Subject: a\r\nX-No: b\r\n c\r\n\td\r\nx-no : e\r\nReceived: f\r\nX-Not: g\r\n\
        Long: {long}\r\nno field at all\r\nX-No:\r\n\r\nX-No: body\r\n\r\nend";
    let message = message.replace("{long}", &"y".repeat(3_000));
    let expected = "Front: 1\r\nSubject: a\r\nReceived: f\r\nX-Not: g\r\n\
        Long: {long}\r\nno field at all\r\n\r\nX-No: body\r\n\r\nend";
    let expected = expected.replace("{long}", &"y".repeat(3_000));
    let rewrite = |runs: &[&[u8]]| {
        let mut rewriter = filter::Rewriter::new("Front: 1\r\n".into(), vec!["X-No".into()]);
        let mut out = Vec::new();
        for run in runs {
            rewriter.push(run, &mut out);
        }
        rewriter.end(&mut out);
        text(&out)
    };
    let octets = message.as_bytes();
    assert_eq!(rewrite(&[octets]), expected);
    for at in 0..octets.len() {
        assert_eq!(rewrite(&[&octets[..at], &octets[at..]]), expected, "cut at {at}");
    }
    for size in 1..20 {
        assert_eq!(rewrite(&octets.chunks(size).collect::<Vec<_>>()), expected, "runs of {size}");
    }
    // Nothing but a header, cut off anywhere: whatever is dropped, nothing else is lost.
    for end in 0..octets.len() {
        let all = rewrite(&[&octets[..end]]);
        assert!(
            expected
                .starts_with(all.trim_end_matches(['\r', '\n', 'X', 'x', '-', 'N', 'n', 'o', ' '])),
            "{end} {all:?}"
        );
    }
    assert_eq!(rewrite(&[]), "Front: 1\r\n");
}

#[test]
fn the_relay_keeps_what_it_took_until_it_is_gone() {
    let desk = Desk::new();
    let spool = desk.text("spool");
    // The next server is not there yet.
    let quiet = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let next = quiet.local_addr().unwrap().to_string();
    drop(quiet);
    let route = format!("example.test={next}");
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--from",
        "127.0.0.0/8",
        "--route",
        &route,
        "--retry",
        "1",
        &spool,
    ];
    let relay = Program::start("relay", 1, &args);
    let server = relay.server();
    let to = ["--server", &server, "--tls", "none"];
    let output = desk.send(&[&to[..], &ME, &YOU, &OTHER].concat());
    let said = text(&output.stdout);
    assert!(said.contains("you@example.test: taken: 250 2.0.0 Queued as "), "{said}");
    assert!(said.contains("other@elsewhere.test: refused: 550 5.7.1"), "{said}");
    relay.wait_for("you@example.test: not sent");
    // It is killed, and what it took is still there.
    drop(relay);
    let relay = Program::start("relay", 1, &args);
    relay.wait_for("you@example.test: not sent");
    let folder = desk.text("mail");
    let sink = Program::start("sink", 1, &["--listen", &next, "--domain", "example.test", &folder]);
    relay.wait_for("you@example.test: taken");
    let kept = desk.kept("mail");
    assert_eq!(kept.len(), 1);
    let (received, rest) = kept[0].1.split_at(kept[0].1.len() - desk.message.len());
    assert!(rest == desk.message && received.starts_with(b"Received: from "), "{}", text(received));
    assert!(kept[0].0.contains("Return-Path: <me@client.test>\r\n"));
    let left =
        || fs::read_dir(&spool).unwrap().filter(|f| f.as_ref().unwrap().path().is_file()).count();
    eventually("the spool is empty", || left() == 0);
    assert!(relay.stop());
    assert!(sink.stop());
}

#[test]
fn the_relay_gives_up_where_it_must() {
    let desk = Desk::new();
    let spool = desk.text("spool");
    let next = serve(Role::Smtp, Judge);
    let keeper = Keeper::default();
    let other = serve(Role::Smtp, keeper.clone());
    let (judge, kept) = (format!("judge.test={next}"), format!("example.test={other}"));
    let relay = Program::start(
        "relay",
        1,
        &[
            "--listen",
            "127.0.0.1:0",
            "--from",
            "127.0.0.0/8",
            "--route",
            &judge,
            "--route",
            &kept,
            "--retry",
            "1",
            "--give-up",
            "3",
            &spool,
        ],
    );
    let server = relay.server();
    let to = ["--server", &server, "--tls", "none"];
    let output = desk.send(
        &[&to[..], &ME, &YOU, &["--to", "never@judge.test", "--to", "later@judge.test"]].concat(),
    );
    assert_eq!(output.status.code(), Some(0));
    let why = || -> String {
        let files = fs::read_dir(desk.path("spool/failed")).unwrap();
        let path =
            files.map(|file| file.unwrap().path()).find(|path| path.extension().unwrap() == "why");
        path.map(|path| fs::read_to_string(path).unwrap()).unwrap_or_default()
    };
    eventually("the refused one has failed", || {
        why().contains("never@judge.test: refused: 550 5.1.1")
    });
    eventually("the delayed one is too old", || {
        why().contains("later@judge.test: refused: 450 4.2.1")
    });
    assert_eq!(why().lines().count(), 2);
    assert_eq!(keeper.kept().len(), 1, "and was not sent again to who has it");
    let left =
        || fs::read_dir(&spool).unwrap().filter(|f| f.as_ref().unwrap().path().is_file()).count();
    eventually("the spool is empty", || left() == 0);
    assert!(relay.stop());
    // Strangers.
    let relay = Program::start(
        "relay",
        1,
        &["--listen", "127.0.0.1:0", "--from", "192.0.2.0/24", "--route", &kept, &spool],
    );
    let server = relay.server();
    let output = desk.send(&[&["--server", &server, "--tls", "none"], &ME[..], &YOU].concat());
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output.stderr).contains("554 5.7.1 Not for you"));
}

#[test]
fn messages_that_go_in_circles_are_refused() {
    let desk = Desk::new();
    let sink = sink(&desk, "mail", &[]);
    let (next, spool) = (sink.server(), desk.text("spool"));
    let route = format!("example.test={next}");
    let filter = Program::start("filter", 1, &["--next", &next, "--listen", "127.0.0.1:0"]);
    let relay = Program::start(
        "relay",
        1,
        &["--listen", "127.0.0.1:0", "--from", "127.0.0.0/8", "--route", &route, &spool],
    );
    for (hops, code) in [(100, 0), (101, 69)] {
        let mut message = "Received: x\r\n\ty\r\n".repeat(hops).into_bytes();
        message.extend(b"\r\nReceived: z\r\n");
        fs::write(desk.path("message.eml"), message).unwrap();
        for server in [filter.server(), relay.server()] {
            let output =
                desk.send(&[&["--server", &server, "--tls", "none"], &ME[..], &YOU].concat());
            assert_eq!(output.status.code(), Some(code), "{hops}");
        }
    }
    eventually("both have arrived", || desk.kept("mail").len() == 2);
}
