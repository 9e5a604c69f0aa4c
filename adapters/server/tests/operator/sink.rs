//! `posthaste smtp-sink`, and the sink as other tests use it.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::load::load;
use crate::program::{Running, run};
use crate::wire::Wire;

/// A sink on a free port.
pub(crate) struct Sink {
    running: Running,
    pub(crate) port: u16,
}

/// The sign-in of sinks that want one.
pub(crate) const PASSWORD: &str = "a sink's password\n";

impl Sink {
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(Path::new("."), arguments)
    }

    #[track_caller]
    pub(crate) fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        let all = [&["smtp-sink", "127.0.0.1:0", "--json"], arguments].concat();
        let running = Running::begin(folder, &all, PASSWORD);
        let said = running.logs("listening on 127.0.0.1:");
        let port = said.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        Self { running, port }
    }

    /// Waits until standard error holds `words` this many times.
    #[track_caller]
    pub(crate) fn logs_times(&self, words: &str, times: usize) {
        self.running.logs_times(words, times);
    }

    /// Ends it by SIGINT; gives its report.
    #[track_caller]
    pub(crate) fn report(self) -> Value {
        self.running.signal(Signal::INT);
        self.ended()
    }

    /// Waits for its end; gives its report.
    #[track_caller]
    pub(crate) fn ended(self) -> Value {
        serde_json::from_str(&self.running.said().fine()).unwrap()
    }
}

#[test]
fn messages_become_files() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    std::fs::create_dir(&corpus).unwrap();
    let messages = [
        "Subject: one\r\n\r\n.\r\n..two dots\r\n",
        "Subject: gr\u{fc}n\r\n\r\n",
        "Subject: three\r\n\r\nFrom me\r\n",
    ];
    for (number, message) in messages.iter().enumerate() {
        std::fs::write(corpus.join(number.to_string()), message).unwrap();
    }
    for sync in [&["--sync"][..], &[]] {
        let sink = Sink::start_in(
            folder.path(),
            &[&["--store", "kept", "--envelopes", "--offer", "DSN"], sync].concat(),
        );
        let corpus = corpus.to_str().unwrap();
        let more = ["--corpus", corpus, "--messages", "6", "--recipients", "2", "-s", "2"];
        let report = load(sink.port, &more).fine();
        assert_eq!(report["messages"]["accepted"], 6);
        let report = sink.report();
        assert_eq!(
            (&report["messages"]["accepted"], &report["recipients"]),
            (&6.into(), &12.into())
        );
    }
    // The second sink goes on where the first one ended.
    let mut kept = Vec::new();
    for number in 1..=12 {
        let file = folder.path().join(format!("kept/{number:08}.eml"));
        kept.push(std::fs::read_to_string(&file).unwrap());
        let envelope = std::fs::read_to_string(file.with_extension("json")).unwrap();
        let envelope: Value = serde_json::from_str(&envelope).unwrap();
        assert!(envelope["from"].as_str().unwrap().starts_with("<load@load.test>"), "{envelope}");
        assert_eq!(envelope["to"].as_array().unwrap().len(), 2);
        assert_eq!((&envelope["hello"], &envelope["tls"]), (&"load.test".into(), &false.into()));
    }
    kept.sort();
    let mut wanted = [messages; 4].concat();
    wanted.sort_unstable();
    assert_eq!(kept, wanted);
    assert_eq!(std::fs::read_dir(folder.path().join("kept")).unwrap().count(), 24);
}

#[test]
fn messages_become_an_mbox() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start_in(folder.path(), &["--mbox", "all.mbox", "--sync"]);
    load(sink.port, &["--messages", "50", "--from", "a%d@x.test", "--seed", "1"]).fine();
    assert_eq!(sink.report()["messages"]["accepted"], 50);
    let mbox = std::fs::read_to_string(folder.path().join("all.mbox")).unwrap();
    let mut senders: Vec<_> = mbox
        .lines()
        .filter_map(|line| line.strip_prefix("From ")?.split(' ').next().map(str::to_owned))
        .collect();
    let mut wanted: Vec<_> = (0..50).map(|number| format!("a{number}@x.test")).collect();
    senders.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(senders, wanted);
    assert_eq!(mbox.lines().filter(|line| line.starts_with("Subject: Load ")).count(), 50);
}

/// A message whose connection breaks leaves nothing behind.
#[test]
fn half_a_message_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start_in(folder.path(), &["--store", "kept", "--verbose"]);
    let mut wire = Wire::connect(sink.port);
    wire.reply();
    for line in ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<a@x.test>", "DATA"] {
        wire.ask(line);
    }
    wire.say("Subject: half\r\n\r\nof a message");
    let kept = folder.path().join("kept");
    drop(wire);
    sink.logs_times("Ended", 1);
    let report = sink.report();
    assert_eq!(report["messages"]["accepted"], 0);
    assert_eq!(report["sessions"]["ended"]["eof"], 1);
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 0);
}

#[test]
fn extensions_are_offered_as_told() {
    let offers = |arguments: &[&str]| {
        let sink = Sink::start(arguments);
        let mut wire = Wire::connect(sink.port);
        wire.reply();
        let offer = wire.ask("EHLO x.test");
        wire.ask("QUIT");
        sink.report();
        let words = offer.lines().skip(1).map(|line| line[4..].split(' ').next().unwrap());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let usual = [
        "PIPELINING",
        "SIZE",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "HELP",
        "LIMITS",
        "ENHANCEDSTATUSCODES",
    ];
    assert_eq!(offers(&[]), usual);
    let hidden = ["--hide", "pipelining,8bitmime", "--hide", "smtputf8,chunking"];
    assert_eq!(offers(&hidden), ["SIZE", "HELP", "LIMITS", "ENHANCEDSTATUSCODES"]);
    let more = offers(&["--offer", "dsn,binarymime,mt-priority", "--auth", "--tls", "starttls"]);
    for name in ["DSN", "BINARYMIME", "MT-PRIORITY", "AUTH", "STARTTLS"] {
        assert!(more.contains(&name.to_owned()), "{more:?}");
    }
}

#[test]
fn it_ends_by_itself() {
    let sink = Sink::start(&["--stop-after", "10"]);
    // More than that may be under way; none is lost.
    let report = load(sink.port, &["--messages", "10", "-s", "1"]).report();
    assert_eq!(report["messages"]["accepted"], 10);
    assert_eq!(sink.ended()["messages"]["accepted"], 10);
}

#[test]
fn loopback_only_unless_told() {
    let said = run(&["smtp-sink", "0.0.0.0:0"]);
    said.fails(64, &["0.0.0.0:0 is not a loopback address", "--anybody"]);
}

#[test]
fn what_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("below");
    for (arguments, code, words) in [
        (&["--fail", "rcpt"][..], 64, "rcpt=450:5%"),
        (&["--delay", "body=1s"], 64, "delay data or message"),
        (&["--require-auth"], 64, "nobody can sign in"),
        (&["--hostname", "a b"], 64, "is not a name"),
        (&["--hide", "size"], 64, "PIPELINING"),
        (&["--store", below.to_str().unwrap()], 74, "cannot write"),
        (&["--mbox", "x", "--store", "y"], 64, "cannot be used with"),
        (&["--tls", "implicit", "--certificate", "no.pem", "--key", "no.pem"], 69, "no.pem"),
    ] {
        run(&[&["smtp-sink", "127.0.0.1:0"], arguments].concat()).fails(code, &[words]);
    }
}
