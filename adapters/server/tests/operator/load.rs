//! `posthaste smtp-load`, against the sink and against the server.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{PASSWORD as SERVER_PASSWORD, Place, free_ports};
use crate::program::{Running, Said, run, run_with_input};
use crate::sink::{PASSWORD, Sink};
use crate::wire::Wire;

/// What a load said.
pub(crate) struct Loaded(Said);

impl Loaded {
    /// Its report. It must have gone well.
    #[track_caller]
    pub(crate) fn fine(self) -> Value {
        assert_eq!(self.0.code, 0, "{:?}", self.0);
        self.report()
    }

    /// Its report, which has to add up.
    #[track_caller]
    pub(crate) fn report(self) -> Value {
        let report: Value = serde_json::from_str(&self.0.out).unwrap();
        let count = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let ended =
            ["accepted", "refused", "failed"].map(|name| count(&format!("/messages/{name}")));
        assert_eq!(count("/messages/begun"), ended.iter().sum::<u64>(), "{report:#}");
        assert_eq!(count("/latency_us/transaction/count"), count("/messages/accepted"));
        assert_eq!(count("/latency_us/connect/count"), count("/connections/opened"));
        for (phase, times) in report["latency_us"].as_object().unwrap() {
            let order = ["min", "p50", "p90", "p99", "p99_9", "max"];
            let times = order.map(|name| times[name].as_u64().unwrap());
            assert!(times.is_sorted(), "{phase}: {times:?}");
        }
        report
    }
}

/// Loads what listens at `port`.
#[track_caller]
pub(crate) fn load(port: u16, arguments: &[&str]) -> Loaded {
    load_with(port, arguments, PASSWORD)
}

fn load_with(port: u16, arguments: &[&str], password: &str) -> Loaded {
    let server = format!("127.0.0.1:{port}");
    let to: &[&str] = if arguments.contains(&"--to") { &[] } else { &["--to", "u%d@sink.test"] };
    let all = [&["smtp-load", &server, "--json"], to, arguments].concat();
    Loaded(run_with_input(&all, password))
}

/// What both sides counted is the same.
#[track_caller]
fn agree(load: &Value, sink: &Value) {
    for (ours, theirs) in [
        ("/messages/accepted", "/messages/accepted"),
        ("/recipients/accepted", "/recipients"),
        ("/octets", "/octets"),
        ("/connections/opened", "/connections/accepted"),
    ] {
        let (ours_, theirs_) = (load.pointer(ours), sink.pointer(theirs));
        assert!(ours_.is_some() && ours_ == theirs_, "{ours}: {load:#} {sink:#}");
    }
}

/// Refusals that the load counted in a phase.
fn refusals(report: &Value, phase: &str) -> u64 {
    let all = report["refusals"].as_array().unwrap().iter();
    all.filter(|seen| seen["phase"] == phase).map(|seen| seen["count"].as_u64().unwrap()).sum()
}

#[test]
fn both_sides_count_the_same() {
    let signed = ["--user", "joe", "--password-stdin"];
    for (sink, load_) in [
        (&[][..], &[][..]),
        (&[], &["--pipelining", "off", "--chunking", "off"]),
        (&["--hide", "pipelining,chunking"], &["--size", "1-100000"]),
        (&[], &["--chunking", "off", "--size", "1 MiB", "--messages", "20"]),
        (&[], &["--size", "1 MiB", "--messages", "20", "--per-connection", "3"]),
        (&["--role", "lmtp"], &["--lmtp", "--recipients", "3"]),
        (&["--threads", "2"], &["--threads", "2", "--recipients", "100", "--to-range", "5-70"]),
        (&["--tls", "starttls"], &["--tls", "starttls", "--insecure"]),
        (&["--tls", "implicit"], &["--tls", "implicit", "--insecure", "--per-connection", "10"]),
        (&["--role", "submission", "--auth", "--require-auth"], &signed),
        (&["--user", "joe", "--password-stdin", "--require-auth"], &signed),
        (&["--auth"], &["--user", "x", "--password-stdin", "--mechanism", "login"]),
        (&["--delay", "mail=1ms,rcpt=1ms-3ms,message=2ms"], &["--sessions", "50"]),
        (&[], &["--rate", "400", "--arrivals", "poisson", "--per-connection", "1"]),
        (&["--hostname", "other.test"], &["--source", "127.0.0.2,127.0.0.3"]),
    ] {
        let sink = Sink::start(sink);
        let count = if load_.contains(&"--messages") { 20 } else { 200 };
        let more: &[&str] = if count == 20 { &[] } else { &["--messages", "200"] };
        let load = load(sink.port, &[more, load_].concat()).fine();
        let sink = sink.report();
        assert_eq!(load["messages"]["accepted"], count, "{load_:?}");
        agree(&load, &sink);
        let secured =
            if load_.contains(&"--tls") { &load["connections"]["opened"] } else { &0.into() };
        assert_eq!(&sink["sessions"]["secured"], secured);
        if load_.contains(&"--user") {
            assert_eq!(sink["sessions"]["signed_in"], load["connections"]["ready"]);
        }
        assert_eq!(sink["sessions"]["ended"]["quit"], load["connections"]["opened"]);
    }
}

#[test]
fn what_is_refused_is_counted() {
    let faults = ["mail=451:3%", "rcpt=450:5%", "rcpt=550:5%", "data=554:2%", "message=552:4%"];
    let faults = faults.join(",");
    for role in [&["--role", "smtp"][..], &["--role", "lmtp"]] {
        let lmtp: &[&str] = if role[1] == "lmtp" { &["--lmtp"] } else { &[] };
        for chunking in ["on", "off"] {
            let arguments = [role, &["--fail", &faults, "--seed", "7"]].concat();
            let sink = Sink::start(&arguments);
            let arguments =
                [lmtp, &["--messages", "500", "--recipients", "2", "--chunking", chunking]];
            let said = load(sink.port, &arguments.concat());
            said.0.fails(69, &["of 500 messages were not accepted"]);
            let (load, sink) = (said.report(), sink.report());
            agree(&load, &sink);
            assert_eq!(
                (&load["messages"]["failed"], &load["messages"]["unsent"]),
                (&0.into(), &0.into())
            );
            assert!(load["messages"]["refused"].as_u64().unwrap() > 20);
            for stage in ["mail", "rcpt", "message"] {
                let failed = sink["faults"][stage]["failed"].as_u64().unwrap();
                assert!(
                    failed > 0 && failed == refusals(&load, stage),
                    "{stage}: {load:#} {sink:#}"
                );
            }
            let sample = load["refusals"].as_array().unwrap().iter();
            let mut sample = sample.filter(|seen| seen["code"] == 550);
            assert_eq!(sample.next().unwrap()["sample"], "550 5.3.0 Refused, as was wanted");
        }
    }
}

#[test]
fn what_breaks_is_counted() {
    let sink = Sink::start(&["--disconnect", "rcpt=2%,body=2%,message=2%", "--seed", "7"]);
    let said = load(sink.port, &["--messages", "500"]);
    assert_eq!(said.0.code, 69);
    let (load, sink) = (said.report(), sink.report());
    agree(&load, &sink);
    let cut: u64 = ["rcpt", "body", "message"]
        .map(|stage| sink["faults"][stage]["disconnected"].as_u64().unwrap())
        .iter()
        .sum();
    assert!(cut > 10);
    assert_eq!(load["messages"]["failed"], cut);
    let faults = load["connections"]["faults"].as_array().unwrap();
    assert_eq!(faults.iter().map(|seen| seen["count"].as_u64().unwrap()).sum::<u64>(), cut);
    // Each was followed by another one, or by none at the end.
    assert!(load["connections"]["opened"].as_u64().unwrap() >= cut);
}

#[test]
fn refused_at_the_door() {
    let sink = Sink::start(&["--fail", "connect=554:30%", "--seed", "3"]);
    let said = load(sink.port, &["--messages", "40", "--per-connection", "1", "-s", "4"]);
    assert_eq!(said.0.code, 69);
    let (load, sink) = (said.report(), sink.report());
    agree(&load, &sink);
    // Who is not let in comes again: all messages arrive.
    assert_eq!(load["messages"]["accepted"], 40);
    assert_eq!(sink["faults"]["connect"]["failed"], refusals(&load, "greeting"));
    let sink = Sink::start(&["--user", "joe", "--password-stdin"]);
    let said = load_with(sink.port, &["--user", "joe", "--password-stdin"], "wrong\n");
    assert_eq!(said.0.code, 69);
    let load = said.report();
    assert_eq!((&load["messages"]["begun"], &load["gave_up"]), (&0.into(), &true.into()));
    assert_eq!(load["messages"]["unsent"], 1_000);
    assert!(refusals(&load, "auth") > 0);
    assert_eq!(sink.report()["sessions"]["signed_in"], 0);
}

#[test]
fn the_server_takes_it() {
    let accounts = ["ann@example.org", "bob@example.org"];
    let place = Place::with(&accounts);
    let server = place.serve();
    let to = ["--to", "ann@example.org,bob@example.org"];
    let starttls = ["--tls", "starttls", "--insecure"];
    let certificate = place.data().join(posthaste_tls::Source::CERTIFICATE);
    let signed = ["--user", "ann@example.org", "--password-stdin", "--from", "ann@example.org"];
    let password = format!("{SERVER_PASSWORD}\n");
    let submission =
        [&signed[..], &["--tls", "starttls", "--ca", certificate.to_str().unwrap()]].concat();
    for (port, more) in [
        (place.smtp, &["--size", "mail", "--seed", "4"][..]),
        (place.smtp, &starttls),
        (place.lmtp, &["--lmtp", "--recipients", "2", "--pipelining", "off"]),
        (place.submission, &submission),
    ] {
        let arguments = [&to, &["--messages", "20"][..], more].concat();
        let report = load_with(port, &arguments, &password).fine();
        assert_eq!(report["messages"]["accepted"], 20, "{more:?}");
    }
    let held: usize = accounts
        .iter()
        .map(|account| {
            let mut imap = Wire::connect(place.imap);
            imap.line();
            imap.imap(&format!("LOGIN {account} \"{SERVER_PASSWORD}\""));
            let selected = imap.imap("SELECT INBOX");
            let line = selected.lines().find(|line| line.ends_with(" EXISTS")).unwrap();
            line.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(held, 20 + 20 + 40 + 20);
    // Its own words for whom it does not know.
    let said = load(place.smtp, &["--to", "no%d@example.org", "--messages", "5", "-s", "1"]);
    said.0.fails(69, &["5 of 5 messages were not accepted", "5 recipients refused"]);
    let report = said.report();
    assert_eq!((&report["messages"]["refused"], refusals(&report, "rcpt")), (&5.into(), 5));
    let sample = report["refusals"][0]["sample"].as_str().unwrap();
    assert!(sample.starts_with("550 5.1.1"), "{sample}");
    server.stop();
}

#[test]
fn an_interrupt_brings_the_report() {
    for times in [1, 2] {
        // The second waits for an answer that never comes, and is cut off.
        let never: &[&str] = if times == 2 { &["--delay", "message=1h"] } else { &[] };
        let sink = Sink::start(&[&["--verbose"], never].concat());
        let server = format!("127.0.0.1:{}", sink.port);
        let arguments =
            ["smtp-load", &server, "--to", "a@x.test", "--duration", "1h", "--json", "-s", "3"];
        let running = Running::begin(Path::new("."), &arguments, "");
        sink.logs_times("BodyEnd", 3);
        for _ in 0..times {
            running.signal(Signal::INT);
            // Two of one kind that wait become one.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        let said = Loaded(running.said());
        assert_eq!(said.0.code, if times == 2 { 69 } else { 0 }, "{:?}", said.0);
        let report = said.report();
        assert_eq!(report["interrupted"], true);
        let failed = if times == 2 { 3 } else { 0 };
        assert_eq!(report["messages"]["failed"], failed);
        let sink = sink.report();
        assert_eq!(sink["messages"]["accepted"], report["messages"]["accepted"]);
    }
}

#[test]
fn nobody_there() {
    let [port] = free_ports();
    let said = load(port, &["--messages", "7"]);
    said.0.fails(69, &["7 of 7 messages were not accepted"]);
    let report = said.report();
    assert_eq!((&report["gave_up"], &report["messages"]["unsent"]), (&true.into(), &7.into()));
    assert_eq!(report["connections"]["faults"][0]["kind"], "connection refused");
    // By the clock and for a time, it goes on to the end, and knows what it did not send.
    let said = load(port, &["--rate", "100", "--duration", "300ms"]);
    assert_eq!(said.0.code, 69);
    assert_eq!(said.report()["messages"]["unsent"], 30);
}

#[test]
fn a_table_for_people() {
    let sink = Sink::start(&["--fail", "rcpt=450"]);
    let server = format!("127.0.0.1:{}", sink.port);
    let said = run(&["smtp-load", &server, "--to", "a@x.test", "--messages", "3", "--seed", "1"]);
    assert_eq!(said.code, 69);
    for words in
        ["accepted", "p99.9", "transaction", "rcpt 450", "450 4.3.0 Refused, as was wanted"]
    {
        // Nothing was accepted, so nothing was timed as that.
        assert_eq!(said.out.contains(words), words != "transaction", "{words}: {}", said.out);
    }
    sink.report();
}

#[test]
fn the_same_seed_sends_the_same() {
    let octets = |seed| {
        let sink = Sink::start(&[]);
        load(sink.port, &["--messages", "50", "--size", "mail", "--seed", seed, "-s", "1"]).fine();
        sink.report()["octets"].clone()
    };
    assert_eq!(octets("1"), octets("1"));
    assert_ne!(octets("1"), octets("2"));
}

#[test]
fn what_makes_no_sense() {
    for (arguments, code, words) in [
        (&["nowhere", "--to", "a@x.test"][..], 64, "expected HOST:PORT"),
        (&["127.0.0.1:1"], 64, "--to"),
        (&["127.0.0.1:1", "--to", "a%d%d@x.test"], 64, "more than one counter"),
        (&["127.0.0.1:1", "--to", "a@x.test", "--size", "huge"], 64, "lognormal:MEDIAN,SIGMA"),
        (&["127.0.0.1:1", "--to", "a@x.test", "--sessions", "0"], 64, "from 1 to 1000000"),
        (&["127.0.0.1:1", "--to", "a@x.test", "--rate", "0"], 64, "messages a second"),
        (&["127.0.0.1:1", "--to", "a@x.test", "--corpus", "/nowhere"], 74, "/nowhere"),
        (&["127.0.0.1:1", "--to", "a@x.test", "--to-range", "9-1"], 64, "FIRST-LAST"),
        (
            &[
                "127.0.0.1:1",
                "--to",
                "a@x.test",
                "--user",
                "a",
                "--password-stdin",
                "--mechanism",
                "X",
            ],
            64,
            "SCRAM-SHA-256",
        ),
    ] {
        run(&[&["smtp-load"], arguments].concat()).fails(code, &[words]);
    }
}
