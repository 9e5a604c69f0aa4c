//! The SMTP client against servers that are broken, slow or hostile: each ends soon, with the right error,
//! and what is known of each recipient is told apart from what is not.

mod common;

use std::time::Duration;

use common::{envelope, tls};
use posthaste_core::smtp::client::Limits;
use posthaste_tokio::smtp::{Account, Client, Error, Failed, Fate, Remote, Report, Source, Why};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What a scripted server does.
#[derive(Clone, Debug)]
enum Do {
    /// Says this.
    Say(&'static str),
    /// Says this, for ever.
    Flood(&'static str),
    /// Says this, an octet every 20 milliseconds.
    Drip(&'static str),
    /// Waits until the client has said this.
    Hear(&'static str),
    /// Reads and says nothing more.
    Hang,
    /// Does not even read.
    Freeze,
    /// Resets the connection.
    Reset,
}

use Do::{Drip, Flood, Freeze, Hang, Hear, Reset, Say};

/// Plays a script for one client, and closes the connection. Gives what the client said.
async fn serve(script: Vec<Do>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut heard, mut from) = (String::new(), 0);
        for act in script {
            if play(act, &mut stream, &mut heard, &mut from).await.is_none() {
                break;
            }
        }
        heard
    });
    (port, served)
}

async fn play(act: Do, stream: &mut TcpStream, heard: &mut String, from: &mut usize) -> Option<()> {
    let mut room = vec![0; 64 << 10];
    match act {
        Say(text) => stream.write_all(text.as_bytes()).await.ok()?,
        Flood(text) => {
            let text = text.repeat(1_000);
            while stream.write_all(text.as_bytes()).await.is_ok() {}
            return None;
        }
        Drip(text) => {
            for octet in text.bytes() {
                stream.write_all(&[octet]).await.ok()?;
                sleep(Duration::from_millis(20)).await;
            }
        }
        Hear(text) => loop {
            if let Some(at) = heard[*from..].find(text) {
                *from += at + text.len();
                break;
            }
            match stream.read(&mut room).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => heard.push_str(std::str::from_utf8(&room[..n]).unwrap()),
            }
        },
        Hang => while stream.read(&mut room).await.is_ok_and(|n| n > 0) {},
        Freeze => sleep(Duration::from_secs(3)).await,
        Reset => socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap(),
    }
    Some(())
}

/// The waits of a client that has little patience.
const WAIT: Duration = Duration::from_millis(300);

fn remote(port: u16) -> Remote {
    let mut remote =
        Remote::plain("127.0.0.1", port).hostname("me.test").limits(&posthaste_tokio::Limits {
            tls_handshake: WAIT,
            write_stall: WAIT,
            ..posthaste_tokio::Limits::DEFAULT
        });
    remote.config.limits = Limits {
        greeting: WAIT,
        mail: WAIT,
        rcpt: WAIT,
        data: WAIT,
        block: WAIT,
        end: WAIT,
        quit: WAIT,
        answer_wait: WAIT,
        ..Limits::DEFAULT
    };
    remote
}

/// Nothing takes longer than a few waits; on a busy machine a few seconds.
async fn soon<T>(what: &impl std::fmt::Debug, future: impl Future<Output = T>) -> T {
    let done = timeout(Duration::from_secs(30), future).await;
    done.unwrap_or_else(|_| panic!("no end: {what:?}"))
}

fn unwelcome(code: u16) -> impl Fn(&Error) -> bool {
    move |error| matches!(error, Error::Unwelcome(reply) if reply.code() == code)
}

fn lost(error: &Error) -> bool {
    matches!(error, Error::Lost(_))
}

fn violation(error: &Error) -> bool {
    matches!(error, Error::Violation)
}

fn late(error: &Error) -> bool {
    matches!(error, Error::Timeout)
}

#[tokio::test]
async fn servers_that_cannot_say_hello() {
    type Check = Box<dyn Fn(&Error) -> bool>;
    let cases: Vec<(Vec<Do>, Check)> = vec![
        (vec![], Box::new(lost)),
        (vec![Reset], Box::new(lost)),
        (vec![Hang], Box::new(late)),
        (vec![Say("hello\r\n")], Box::new(violation)),
        (vec![Say("220-a\r\n250 b\r\n"), Hang], Box::new(violation)),
        (vec![Say("220\0\r\n"), Hang], Box::new(violation)),
        (vec![Flood("220-welcome\r\n")], Box::new(violation)),
        (vec![Flood("2")], Box::new(violation)),
        (
            vec![Drip("220 one letter at a time, and never fast enough to be heard\r\n"), Hang],
            Box::new(late),
        ),
        (vec![Say("554 5.7.1 go away\r\n"), Hang], Box::new(unwelcome(554))),
        (vec![Say("421 4.3.2 later\r\n")], Box::new(unwelcome(421))),
        (vec![Say("220 mx\r\n"), Hear("EHLO"), Say("421 later\r\n")], Box::new(unwelcome(421))),
        (vec![Say("220 mx\r\n"), Hear("EHLO me.test\r\n")], Box::new(lost)),
        (vec![Say("220 mx\r\n"), Hear("EHLO"), Hang], Box::new(late)),
        (vec![Say("220 mx\r\n"), Hear("EHLO"), Flood("250-X\r\n")], Box::new(violation)),
        (
            vec![
                Say("220 mx\r\n"),
                Hear("EHLO"),
                Say("550 no\r\n"),
                Hear("HELO"),
                Say("550 5.0.0 no\r\n"),
                Hang,
            ],
            Box::new(unwelcome(550)),
        ),
    ];
    for (script, check) in cases {
        let (port, _served) = serve(script.clone()).await;
        let error = soon(&script, Client::connect(&remote(port))).await.expect_err("it fails");
        assert!(check(&error), "{script:?}: {error:?}");
    }
    // Nobody there at all.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Client::connect(&remote(port)).await.expect_err("nobody is there");
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn servers_that_do_not_start_tls() {
    type Check = fn(&Error) -> bool;
    let (_, client_tls) = tls();
    let hello = |rest: &[Do]| {
        let mut script = vec![
            Say("220 mx\r\n"),
            Hear("EHLO"),
            Say("250-mx\r\n250 STARTTLS\r\n"),
            Hear("STARTTLS"),
        ];
        script.extend_from_slice(rest);
        script
    };
    let cases: [(Vec<Do>, Check); 7] = [
        (vec![Say("220 mx\r\n"), Hear("EHLO"), Say("250 mx\r\n"), Hang], |e| {
            matches!(e, Error::NoTls(None))
        }),
        (
            hello(&[Say("454 4.7.0 not now\r\n"), Hang]),
            |e| matches!(e, Error::NoTls(Some(reply)) if reply.code() == 454),
        ),
        (hello(&[Say("220 go\r\n250 mx\r\n"), Hang]), violation),
        (hello(&[Say("220 go\r\n"), Hang]), late),
        (hello(&[Say("220 go\r\n")]), |e| matches!(e, Error::Tls(_))),
        (
            hello(&[Say("220 go\r\n"), Hear("\u{1}"), Say("no TLS at all, just words\r\n"), Hang]),
            |e| matches!(e, Error::Tls(_)),
        ),
        (hello(&[Say("421 4.3.2 later\r\n")]), |e| unwelcome(421)(e)),
    ];
    for (script, check) in cases {
        let (port, served) = serve(script.clone()).await;
        let mut remote = remote(port);
        let submission = Remote::submission("127.0.0.1", client_tls.clone());
        remote = submission
            .port(port)
            .hostname("me.test")
            .limits(&posthaste_tokio::Limits {
                tls_handshake: WAIT,
                ..posthaste_tokio::Limits::DEFAULT
            })
            .account(Account::new("a", "secret").unwrap())
            .limits_of(&remote);
        let error = soon(&script, Client::connect(&remote)).await.expect_err("it fails");
        assert!(check(&error), "{script:?}: {error:?}");
        served.abort();
    }
}

/// So that the cases share their waits.
trait LimitsOf {
    fn limits_of(self, other: &Self) -> Self;
}

impl LimitsOf for Remote {
    fn limits_of(mut self, other: &Self) -> Self {
        self.config.limits = other.config.limits.clone();
        self
    }
}

const OFFER: &str = "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n";
const ENVELOPE_OK: &str = "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n";

/// A greeting, an offer, and what follows.
fn open(rest: &[Do]) -> Vec<Do> {
    let mut script = vec![Say("220 mx\r\n"), Hear("EHLO me.test\r\n"), Say(OFFER)];
    script.extend_from_slice(rest);
    script
}

/// Sends to two recipients.
async fn send(script: &[Do], lmtp: bool, message: impl Source) -> (Result<Report, Failed>, bool) {
    let mut script = open(script);
    if lmtp {
        script[1] = Hear("LHLO me.test\r\n");
    }
    let (port, _served) = serve(script.clone()).await;
    let mut remote = remote(port);
    remote.config.lmtp = lmtp;
    let mut client = soon(&script, Client::connect(&remote)).await.expect("hello goes well");
    let sent = soon(&script, client.send(&envelope(&["a", "b"]), message)).await;
    let usable = client.is_usable();
    (sent, usable)
}

/// How one fate looks, in a word.
fn word(fate: &Fate) -> String {
    match fate {
        Fate::Taken(reply) => format!("taken {}", reply.code()),
        Fate::Refused(reply) => format!("refused {}", reply.code()),
        Fate::Unfit(why) => format!("unfit {why:?}"),
        Fate::Unsent => "unsent".into(),
        Fate::Unknown => "unknown".into(),
    }
}

fn words(report: &Report) -> Vec<String> {
    report.fates.iter().map(word).collect()
}

#[tokio::test]
async fn refusals_are_told_and_the_session_goes_on() {
    let mail = [Hear("MAIL"), Say("")];
    for (script, fates) in [
        (
            vec![Say("550 5.7.1 no\r\n503 no\r\n503 no\r\n503 no\r\n")],
            ["refused 550", "refused 550"],
        ),
        (
            vec![
                Say("250 ok\r\n450 4.2.1 no\r\n550 no\r\n354 go\r\n"),
                Hear("\r\n.\r\n"),
                Say("554 nobody\r\n"),
            ],
            ["refused 450", "refused 550"],
        ),
        (
            vec![
                Say("250 ok\r\n450 no\r\n550 no\r\n503 nobody\r\n"),
                Hear("RSET"),
                Say("250 ok\r\n"),
            ],
            ["refused 450", "refused 550"],
        ),
        (
            vec![
                Say("250 ok\r\n250 ok\r\n250 ok\r\n451 not now\r\n"),
                Hear("RSET"),
                Say("250 ok\r\n"),
            ],
            ["refused 451", "refused 451"],
        ),
        (
            vec![
                Say("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n"),
                Hear("\r\n.\r\n"),
                Say("250 ok\r\n"),
            ],
            ["taken 250", "refused 550"],
        ),
        (
            vec![Say(ENVELOPE_OK), Hear("\r\n.\r\n"), Say("552-5.3.4 too\r\n552 5.3.4 big\r\n")],
            ["refused 552", "refused 552"],
        ),
    ] {
        let mut all = mail.to_vec();
        all.extend(script);
        all.push(Hang);
        let (sent, usable) = send(&all, false, "hi\r\n").await;
        assert_eq!(words(&sent.unwrap()), fates, "{all:?}");
        assert!(usable, "{all:?}");
    }
    // The words are kept, line by line, without the codes in front.
    let script = [
        Hear("MAIL"),
        Say(ENVELOPE_OK),
        Hear("\r\n.\r\n"),
        Say("552-5.3.4 too\r\n552 5.3.4 big\r\n"),
        Hang,
    ];
    let (sent, _) = send(&script, false, "hi\r\n").await;
    let Fate::Refused(reply) = &sent.unwrap().fates[0] else { panic!() };
    assert_eq!((reply.text(), reply.enhanced().unwrap().to_string()), ("too\nbig", "5.3.4".into()));
}

#[tokio::test]
async fn what_a_server_cannot_take_is_not_sent() {
    let (sent, usable) = send(&[Hang], false, vec![b'x'; 1001]).await;
    assert_eq!(words(&sent.unwrap()), ["unfit Size", "unfit Size"]);
    assert!(usable);
}

#[tokio::test]
async fn sessions_that_end_in_the_middle() {
    type Check = fn(&Error) -> bool;
    let dot = "\r\n.\r\n";
    let unwelcome: Check = |e| unwelcome(421)(e);
    let cases: Vec<(Vec<Do>, Check, [&str; 2])> = vec![
        // Before anything was taken.
        (vec![Hear("MAIL")], lost, ["unsent"; 2]),
        (vec![Hear("MAIL"), Reset], lost, ["unsent"; 2]),
        (vec![Hear("MAIL"), Hang], late, ["unsent"; 2]),
        (vec![Hear("MAIL"), Say("what?\r\n"), Hang], violation, ["unsent"; 2]),
        (vec![Hear("MAIL"), Flood("250-ok\r\n")], violation, ["unsent"; 2]),
        (
            vec![Hear("MAIL"), Drip("250 ok, but so slowly that nobody waits for it\r\n"), Hang],
            late,
            ["unsent"; 2],
        ),
        (vec![Hear("MAIL"), Say("250 ok\r\n250 ok\r\n")], lost, ["unsent"; 2]),
        (vec![Hear("MAIL"), Say("250 ok\r\n550 no\r\n")], lost, ["refused 550", "unsent"]),
        (vec![Hear("MAIL"), Say("421 4.3.2 later\r\n")], unwelcome, ["refused 421"; 2]),
        (
            vec![Hear("MAIL"), Say("250 ok\r\n421 4.3.2 later\r\n")],
            unwelcome,
            ["refused 421", "unsent"],
        ),
        (
            vec![Hear("MAIL"), Say("250 ok\r\n250 ok\r\n250 ok\r\n421 later\r\n")],
            unwelcome,
            ["refused 421"; 2],
        ),
        (
            vec![Hear("MAIL"), Say("250 ok\r\n354 what\r\n250 ok\r\n354 go\r\n"), Hang],
            violation,
            ["unsent"; 2],
        ),
        // With the message sent, nobody knows.
        (
            vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("354 more\r\n"), Hang],
            violation,
            ["unknown"; 2],
        ),
        (vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot)], lost, ["unknown"; 2]),
        (vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Reset], lost, ["unknown"; 2]),
        (vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Hang], late, ["unknown"; 2]),
        (
            vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("ok!\r\n"), Hang],
            violation,
            ["unknown"; 2],
        ),
        (
            vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Flood("250-ok\r\n")],
            violation,
            ["unknown"; 2],
        ),
        (vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("250-ok\r\n")], lost, ["unknown"; 2]),
        (
            vec![Hear("MAIL"), Say("250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n"), Hear(dot)],
            lost,
            ["refused 550", "unknown"],
        ),
        // But 421 is an answer.
        (
            vec![Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("421 4.3.2 later\r\n")],
            unwelcome,
            ["refused 421"; 2],
        ),
    ];
    for (script, check, fates) in cases {
        let (sent, usable) = send(&script, false, "hi\r\n").await;
        let failed = sent.expect_err("the session ended");
        assert!(check(&failed.error), "{script:?}: {failed:?}");
        assert_eq!(words(&failed.report), fates, "{script:?}");
        let unknown = fates.contains(&"unknown");
        assert_eq!(failed.report.may_have_been_taken(), unknown);
        assert_eq!(failed.to_string().contains("may have been taken"), unknown, "{failed}");
        assert!(!usable, "{script:?}");
    }
}

#[tokio::test]
async fn lmtp_tells_of_each_as_far_as_it_comes() {
    let dot = "\r\n.\r\n";
    let script = [Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("250 one\r\n452 two\r\n"), Hang];
    let (sent, usable) = send(&script, true, "hi\r\n").await;
    assert_eq!(words(&sent.unwrap()), ["taken 250", "refused 452"]);
    assert!(usable);
    let script = [Hear("MAIL"), Say(ENVELOPE_OK), Hear(dot), Say("250 one\r\n")];
    let (sent, _) = send(&script, true, "hi\r\n").await;
    let failed = sent.unwrap_err();
    assert_eq!(words(&failed.report), ["taken 250", "unknown"]);
    assert!(lost(&failed.error));
}

#[tokio::test]
async fn servers_that_speak_in_the_middle_of_a_message() {
    // Enough that sockets cannot hold it: the server has time to have enough.
    let message =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(1 << 18);
    let mut script =
        vec![Hear("MAIL"), Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), Hear("cd\r\n")];
    // It has had enough, says so, and goes away.
    script.push(Say("552 5.3.4 enough\r\n"));
    let huge = |message: String| posthaste_tokio::smtp::from_reader(std::io::Cursor::new(message));
    let (sent, usable) = send(&script, false, huge(message.clone())).await;
    match sent {
        Ok(report) => assert_eq!(words(&report), ["refused 552"; 2]),
        // The reset may be faster than its last words.
        Err(failed) => assert_eq!(words(&failed.report), ["unsent"; 2], "{failed:?}"),
    }
    assert!(!usable);
    // It takes nothing more, without a word.
    script.pop();
    script.push(Freeze);
    let (sent, usable) = send(&script, false, huge(message.clone())).await;
    let failed = sent.unwrap_err();
    assert!(late(&failed.error), "{failed:?}");
    assert_eq!(words(&failed.report), ["unsent"; 2]);
    assert!(!usable);
    // It goes away.
    script.pop();
    script.push(Reset);
    let (sent, _) = send(&script, false, huge(message)).await;
    let failed = sent.unwrap_err();
    assert!(lost(&failed.error) && !failed.report.may_have_been_taken(), "{failed:?}");
}

#[tokio::test]
async fn what_is_said_out_of_turn_answers_nothing() {
    let (port, _served) =
        serve(open(&[Hear("NOOP"), Say("250 ok\r\n250 taken\r\n250 taken\r\n"), Hang])).await;
    let mut client = Client::connect(&remote(port)).await.unwrap();
    client.noop().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let failed = client.send(&envelope(&["a"]), "hi\r\n").await.unwrap_err();
    assert!(violation(&failed.error), "{failed:?}");
    assert_eq!(words(&failed.report), ["unsent"]);
    // And then it is over.
    assert!(matches!(client.noop().await, Err(Error::Over)));
    assert!(!client.is_usable());
}

/// A reply too many before a message that leaves in one chunk: it was taken for the server's yes to the message, and
/// the no that followed was never heard.
#[tokio::test]
async fn a_reply_too_many_is_no_receipt() {
    let offer = Say("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    for (said, ends) in [
        ("250 ok\r\n250 ok\r\n250 ok again\r\n", violation as fn(&Error) -> bool),
        ("250 ok\r\n250 ok\r\n421 4.3.2 no more\r\n", |e| unwelcome(421)(e)),
    ] {
        let script = vec![
            Say("220 mx\r\n"),
            Hear("EHLO me.test\r\n"),
            offer.clone(),
            Hear("RCPT"),
            Say(said),
            Hear("LAST\r\n"),
            Say("550 5.7.1 not this one\r\n"),
            Hang,
        ];
        let (port, _served) = serve(script).await;
        let mut client = Client::connect(&remote(port)).await.unwrap();
        let failed = client.send(&envelope(&["a"]), "hi\r\n").await.unwrap_err();
        assert!(ends(&failed.error), "{failed:?}");
        assert_eq!(words(&failed.report), ["unsent"]);
        assert!(!client.is_usable());
    }
}

#[tokio::test]
async fn a_session_that_was_ended_while_it_idled_is_seen() {
    for (rest, check) in [
        (vec![Say("421 4.4.2 idle\r\n")], Box::new(unwelcome(421)) as Box<dyn Fn(&Error) -> bool>),
        (vec![], Box::new(lost)),
        (vec![Reset], Box::new(lost)),
    ] {
        let mut script = vec![Hear("NOOP"), Say("250 ok\r\n")];
        script.extend(rest.clone());
        for ask in [false, true] {
            let (port, served) = serve(open(&script)).await;
            let mut client = Client::connect(&remote(port)).await.unwrap();
            client.noop().await.unwrap();
            served.await.unwrap();
            sleep(Duration::from_millis(50)).await;
            if ask {
                assert!(!client.is_usable());
            } else {
                let failed = client.send(&envelope(&["a"]), "hi\r\n").await.unwrap_err();
                assert!(check(&failed.error), "{rest:?} {failed:?}");
                // So it is safe to send it again at once.
                assert_eq!(words(&failed.report), ["unsent"]);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_had_is_not_half_sent() {
    /// Gives something, and then this.
    struct Broken(u8);

    impl Source for Broken {
        async fn piece(&mut self) -> std::io::Result<Option<bytes::Bytes>> {
            self.0 += 1;
            match self.0 {
                1..=3 => Ok(Some("half a message\r\n".into())),
                4 => Err(std::io::Error::other("the disk is gone")),
                _ => std::future::pending().await,
            }
        }
    }

    for (start, slow) in [(0, false), (10, true)] {
        let (port, served) = serve(open(&[Hear("MAIL"), Say(ENVELOPE_OK), Hang])).await;
        let mut client = Client::connect(&remote(port)).await.unwrap();
        let failed =
            soon(&slow, client.send(&envelope(&["a", "b"]), Broken(start))).await.unwrap_err();
        match failed.error {
            Error::Source(ref error) if !slow => assert_eq!(error.to_string(), "the disk is gone"),
            Error::Timeout if slow => {}
            ref error => panic!("{error:?}"),
        }
        assert_eq!(words(&failed.report), ["unsent"; 2]);
        drop(client);
        let said = served.await.unwrap();
        assert!(!said.contains("\r\n.\r\n"), "{said:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_dropped_ends_the_session() {
    let (port, _served) = serve(open(&[Hear("MAIL"), Hang])).await;
    let mut slow = remote(port);
    slow.config.limits = Limits::DEFAULT;
    let mut client = Client::connect(&slow).await.unwrap();
    let to = envelope(&["a"]);
    assert!(timeout(WAIT, client.send(&to, "hi\r\n")).await.is_err());
    let failed = client.send(&to, "hi\r\n").await.unwrap_err();
    assert!(matches!(failed.error, Error::Over));
    assert_eq!(words(&failed.report), ["unsent"]);
}

#[tokio::test]
async fn sign_ins_that_prove_nothing() {
    let offer = "250-mx\r\n250 AUTH SCRAM-SHA-256\r\n";
    for (reply, check) in [
        ("235 2.7.0 come in\r\n", (|e| matches!(e, Error::Unproved)) as fn(&Error) -> bool),
        ("334 bm9uc2Vuc2U=\r\n", |e| matches!(e, Error::SignIn(_))),
        ("421 later\r\n", |e| unwelcome(421)(e)),
    ] {
        let script = vec![
            Say("220 mx\r\n"),
            Hear("EHLO"),
            Say(offer),
            Hear("AUTH"),
            Say(reply),
            Hear("*\r\n"),
            Say("501 cancelled\r\n"),
            Hang,
        ];
        let (port, _served) = serve(script).await;
        let mut client = Client::connect(&remote(port)).await.unwrap();
        let account = Account::new("joe", "secret").unwrap();
        let error = soon(&reply, client.authenticate(account)).await.unwrap_err();
        assert!(check(&error), "{reply:?} {error:?}");
    }
}

#[tokio::test]
async fn an_open_transaction_against_a_real_server() {
    let (server, keeper) = common::keep(posthaste_tokio::smtp::Role::Smtp);
    for lmtp in [false, true] {
        let (lmtp_server, lmtp_keeper);
        let (port, keeper) = if lmtp {
            (lmtp_server, lmtp_keeper) = common::keep(posthaste_tokio::smtp::Role::Lmtp);
            (lmtp_server.address.port(), &lmtp_keeper)
        } else {
            (server.address.port(), &keeper)
        };
        let mut remote = remote(port);
        remote.config.lmtp = lmtp;
        let mut client = Client::connect(&remote).await.unwrap();
        let to = envelope(&["a", "full", "b"]);
        // A recipient without a transaction is the caller's mistake, and harms nothing.
        assert!(matches!(client.rcpt(&to.recipients[0]).await, Err(Error::Over)));
        assert_eq!(word(&client.mail(&to).await.unwrap()), "taken 250");
        let mut fates = Vec::new();
        for recipient in &to.recipients {
            fates.push(word(&client.rcpt(recipient).await.unwrap()));
        }
        assert_eq!(fates, ["taken 250", "refused 452", "taken 250"]);
        let mut far = "x@example.test".parse::<posthaste_tokio::smtp::Address>().unwrap();
        far = posthaste_tokio::smtp::Address::parse(format!("\u{e9}{far}").as_bytes()).unwrap();
        assert_eq!(client.rcpt(&far.into()).await.unwrap(), Fate::Unfit(Why::SmtpUtf8));
        let report = client.data("hi\r\n").await.unwrap();
        assert_eq!(words(&report), ["taken 250"; 2], "lmtp {lmtp}");
        // One that is taken back leaves nothing, whether that is said or not.
        assert!(client.mail(&to).await.unwrap().is_taken());
        client.reset().await.unwrap();
        assert!(client.mail(&to).await.unwrap().is_taken());
        assert!(client.rcpt(&to.recipients[0]).await.unwrap().is_taken());
        assert!(client.send(&envelope(&["c"]), "two\r\n").await.unwrap().is_taken_by_all());
        assert!(client.mail(&to).await.unwrap().is_taken());
        assert!(client.data("nobody").await.unwrap().fates.is_empty());
        client.quit().await.unwrap();
        let kept: Vec<_> = keeper.kept().iter().map(|kept| kept.octets.clone()).collect();
        assert_eq!(kept, [&b"hi\r\n"[..], b"two\r\n"]);
        assert_eq!(keeper.kept()[0].transaction.envelope.recipients.len(), 2);
    }
}
