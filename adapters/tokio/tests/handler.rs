//! What an SMTP server asks its handler, in which order, and what the defaults say. Without sockets.

mod common;

use std::time::Duration;

use common::Keeper;
use posthaste_core::machine::{End, Fingerprint, TlsFacts};
use posthaste_core::smtp::extension::{BodyKind, Notify, Ret};
use posthaste_tokio::smtp::{
    Access, Admission, Body, Config, Credentials, Defect, Enhanced, Event, Handler, Hello, Lost,
    Mechanism, Outcome, Peer, Query, Recipient, Refusal, Reply, Role, Token, Transaction, Verdict,
    rehearse,
};

/// Plays a script; gives what the server said behind its offer.
async fn heard(config: Config, handler: &mut impl Handler, says: &str) -> String {
    let heard = rehearse(config, Peer::here(), handler, says).await;
    let (_, rest) = heard.split_once("250 ENHANCEDSTATUSCODES\r\n").unwrap_or(("", &heard));
    rest.replace("\r\n", "\n")
}

fn config(role: Role) -> Config {
    let mut config = Config::new(role, "mx.example.test");
    config.require_auth = false;
    config
}

struct Nobody;
impl Handler for Nobody {}

#[tokio::test]
async fn every_default_is_safe() {
    let mut config = config(Role::Smtp);
    config.mechanisms = vec![Mechanism::Plain, Mechanism::ScramSha256];
    config.plaintext_auth = true;
    config.expn = true;
    let says = "EHLO a\r\nVRFY c\r\nEXPN c\r\nAUTH PLAIN AGEAYg==\r\n\
                AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9YWJjZGVm\r\n\
                MAIL FROM:<a@b.test>\r\nRCPT TO:<c@mx.example.test>\r\nRCPT TO:<Postmaster>\r\n\
                RCPT TO:<\"a@b.test\"@c.test>\r\nDATA\r\nQUIT\r\n";
    assert_eq!(
        heard(config, &mut Nobody, says).await,
        "252 2.5.2 Cannot verify the user, but will take mail and try to deliver it\n\
         252 2.5.2 Cannot say who is on a list, but will take mail and try to deliver it\n\
         535 5.7.8 Name or password is wrong\n\
         454 4.7.0 Cannot check that now, try again later\n\
         250 2.1.0 Sender ok\n\
         550 5.7.1 Mail for there is not taken here\n\
         550 5.7.1 Mail for there is not taken here\n\
         550 5.7.1 Mail for there is not taken here\n\
         503 5.5.1 There is no recipient: say RCPT first\n\
         221 2.0.0 Goodbye\n"
    );
}

/// Says yes to recipients, and has every other default.
struct Careless;

impl Handler for Careless {
    async fn recipient(&mut self, _: &Transaction, _: &Recipient) -> Result<(), Refusal> {
        Ok(())
    }
}

#[tokio::test]
async fn a_message_is_not_taken_by_default() {
    let says = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\n";
    assert_eq!(
        heard(config(Role::Smtp), &mut Careless, says).await,
        "250 2.1.0 Sender ok\n250 2.1.5 Recipient ok\n354 Send the message, end it with a dot on a line\n\
         451 4.3.0 Not now, try again later\n250 2.0.0 Ok\n"
    );
}

/// Writes down what it is asked.
#[derive(Default)]
struct Clerk {
    log: Vec<String>,
    lost: Option<Lost>,
    refuse_data: bool,
}

impl Clerk {
    fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }
}

impl Handler for Clerk {
    async fn connected(&mut self, _: &Peer) -> Admission {
        self.note("connected");
        Admission::Accept
    }

    async fn hello(&mut self, peer: &Peer) {
        let (verb, name) = peer.hello.clone().unwrap();
        self.note(format!("hello {verb} {name}"));
    }

    async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
        self.note(format!("sign_in {credentials:?}"));
        match credentials.password().expose() {
            b"right" => Verdict::Accepted,
            _ => Verdict::Rejected,
        }
    }

    async fn mail(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
        let sender = transaction.envelope.sender.as_ref().map(ToString::to_string);
        self.note(format!("mail {sender:?} by {:?}", transaction.peer.user));
        match sender.as_deref() {
            Some("spam@b.test") => Err(Refusal::new(550, Enhanced(5, 7, 1), "Not you")),
            _ => Ok(()),
        }
    }

    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        self.note(format!("recipient {}", to.address));
        match to.address.local() {
            "no" => Err(Refusal::nobody()),
            _ => Ok(()),
        }
    }

    async fn data(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
        self.note(format!("data for {}", transaction.envelope.recipients.len()));
        if self.refuse_data { Err(Refusal::later()) } else { Ok(()) }
    }

    async fn message(&mut self, _: &Transaction, body: &mut Body<'_>) -> Result<Outcome, Refusal> {
        let mut message = Vec::new();
        loop {
            match body.chunk().await {
                Ok(Some(run)) => message.extend_from_slice(run),
                Ok(None) => break,
                Err(lost) => {
                    self.note(format!("lost {lost:?} after {} octets", message.len()));
                    self.lost = Some(lost);
                    return Err(lost.into());
                }
            }
        }
        self.note(format!("message {:?}", String::from_utf8_lossy(&message)));
        Ok(Outcome::taken("Kept"))
    }

    fn reset(&mut self, transaction: &Transaction) {
        self.note(format!("reset {}", transaction.envelope.recipients.len()));
    }

    async fn verify(&mut self, _: &Peer, query: &Query<'_>) -> Reply {
        self.note(format!("verify {}", query.name));
        Reply::new(250, Enhanced(2, 1, 5), "<a@b.test>")
    }

    fn ended(&mut self, _: &Peer, how: End) {
        self.note(format!("ended {how:?}"));
    }
}

#[tokio::test]
async fn the_order_of_questions() {
    let mut clerk = Clerk::default();
    let says = "EHLO a\r\nVRFY joe\r\nMAIL FROM:<spam@b.test>\r\nMAIL FROM:<a@b.test>\r\n\
                RCPT TO:<no@c.test>\r\nRCPT TO:<yes@c.test>\r\nDATA\r\n..hi\r\n.\r\n\
                MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRSET\r\nRSET\r\n\
                MAIL FROM:<>\r\nHELO b\r\nMAIL FROM:<>\r\nQUIT\r\n";
    heard(config(Role::Smtp), &mut clerk, says).await;
    assert_eq!(
        clerk.log,
        [
            "connected",
            "hello EHLO a",
            "verify joe",
            "mail Some(\"spam@b.test\") by None",
            "mail Some(\"a@b.test\") by None",
            "recipient no@c.test",
            "recipient yes@c.test",
            "data for 1",
            "message \".hi\\r\\n\"",
            "mail None by None",
            "recipient postmaster@mx.example.test",
            "reset 1",
            "mail None by None",
            "reset 0",
            "hello HELO b",
            "mail None by None",
            "reset 0",
            "ended Quit",
        ]
    );
}

#[tokio::test]
async fn who_signed_in_is_known_from_then_on() {
    let mut config = config(Role::Submission);
    config.mechanisms = vec![Mechanism::Plain];
    config.plaintext_auth = true;
    let mut clerk = Clerk::default();
    // "\0joe\0wrong", then "boss\0joe\0right".
    let says = "EHLO a\r\nAUTH PLAIN AGpvZQB3cm9uZw==\r\nMAIL FROM:<>\r\nRSET\r\n\
                AUTH PLAIN Ym9zcwBqb2UAcmlnaHQ=\r\nMAIL FROM:<>\r\n";
    heard(config, &mut clerk, says).await;
    let mails: Vec<_> = clerk.log.iter().filter(|line| line.starts_with("mail")).collect();
    assert_eq!(mails, ["mail None by None", "mail None by Some(\"boss\")"]);
    assert!(clerk.log.iter().all(|line| !line.contains("right")), "{:?}", clerk.log);
    assert_eq!(clerk.log.last().unwrap(), "ended Eof");
}

#[tokio::test]
async fn a_question_for_tokens_lets_nobody_in() {
    struct Open(Vec<Option<String>>);

    impl Handler for Open {
        async fn bearer(&mut self, _: &Peer, _: &Token) -> Access {
            Access::As("joe".into())
        }

        async fn mail(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
            self.0.push(transaction.peer.user.clone());
            Ok(())
        }
    }

    let mut config = config(Role::Submission);
    config.mechanisms = vec![Mechanism::OauthBearer];
    let mut open = Open(Vec::new());
    // No token, then one.
    let says = "EHLO a\r\nAUTH OAUTHBEARER biwsAWF1dGg9AQE=\r\nAQ==\r\nMAIL FROM:<>\r\nRSET\r\n\
                AUTH OAUTHBEARER biwsAWF1dGg9QmVhcmVyIGdvb2QBAQ==\r\nMAIL FROM:<>\r\n";
    let mut peer = Peer::here();
    peer.tls = Some(TlsFacts::TEST);
    let heard = rehearse(config, peer, &mut open, says).await;
    assert_eq!(open.0, [None, Some("joe".to_owned())], "{heard}");
}

#[tokio::test]
async fn refused_data_ends_the_transaction() {
    let mut clerk = Clerk { refuse_data: true, ..Clerk::default() };
    let says = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n\
                MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 4 LAST\r\nabcdQUIT\r\n";
    let heard = heard(config(Role::Smtp), &mut clerk, says).await;
    assert_eq!(heard.matches("451 4.3.0").count(), 2, "{heard}");
    let tail: Vec<_> = clerk.log.iter().skip(2).map(String::as_str).collect();
    let one = ["mail None by None", "recipient a@b.test", "data for 1", "reset 1"];
    assert_eq!(tail, [&one[..], &one[..], &["ended Quit"]].concat());
}

#[tokio::test]
async fn parameters_come_typed() {
    let keeper = Keeper::default();
    let mut settings = config(Role::Smtp);
    settings.dsn = true;
    let says = "EHLO a\r\nMAIL FROM:<a@b.test> SIZE=2 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n\
                RCPT TO:<c@example.test> NOTIFY=FAILURE ORCPT=rfc822;C+40x\r\nDATA\r\n.\r\nQUIT\r\n";
    heard(settings, &mut keeper.clone(), says).await;
    let kept = &keeper.kept()[0];
    let envelope = &kept.transaction.envelope;
    assert_eq!(envelope.sender.as_ref().unwrap().as_str(), "a@b.test");
    assert_eq!((envelope.size, envelope.body), (Some(2), BodyKind::EightBitMime));
    assert!(envelope.smtputf8);
    assert_eq!((envelope.ret, envelope.envid.as_deref()), (Some(Ret::Headers), Some("a+b")));
    let recipient = &envelope.recipients[0];
    assert_eq!(recipient.notify, Some(Notify::FAILURE));
    assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;C@x"));
    assert_eq!(kept.transaction.protocol(), "UTF8SMTP");
    assert!(matches!(&kept.transaction.peer.hello, Some((Hello::Ehlo, name)) if name == "a"));
}

#[tokio::test]
async fn a_yes_counts_only_for_a_message_that_was_read() {
    struct Hasty(usize);

    impl Handler for Hasty {
        async fn recipient(&mut self, _: &Transaction, _: &Recipient) -> Result<(), Refusal> {
            Ok(())
        }

        async fn message(
            &mut self,
            _: &Transaction,
            body: &mut Body<'_>,
        ) -> Result<Outcome, Refusal> {
            self.0 += 1;
            match self.0 {
                1 => Ok(Outcome::taken("Surely")),
                2 => Err(Refusal::new(554, Enhanced(5, 7, 1), "Not worth reading")),
                3 => {
                    body.skip().await?;
                    Ok(Outcome::taken("Gone"))
                }
                _ => Err(body.to_vec(5).await.unwrap_err()),
            }
        }
    }

    let one = "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\nabc\r\ndef\r\n.\r\n";
    let says = format!("EHLO a\r\n{}QUIT\r\n", one.repeat(4));
    let heard = heard(config(Role::Smtp), &mut Hasty(0), &says).await;
    let ends: Vec<_> =
        heard.lines().filter(|l| !l.starts_with("250 2.1") && !l.starts_with("354")).collect();
    assert_eq!(
        ends,
        [
            "451 4.3.0 Not now, try again later",
            "554 5.7.1 Not worth reading",
            "250 2.0.0 Gone",
            "552 5.3.4 The message is too big",
            "221 2.0.0 Goodbye",
        ]
    );
}

#[tokio::test]
async fn messages_that_do_not_come_whole() {
    let mail = "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n";
    for (rest, lost, last) in [
        ("DATA\r\na\nb\r\n.\r\nQUIT\r\n", Lost::Defect(Defect::BareLf), "ended Quit"),
        ("DATA\r\nabc\r\n", Lost::Ended(End::Eof), "ended Eof"),
        ("BDAT 3\r\nabcRSET\r\nQUIT\r\n", Lost::Reset, "ended Quit"),
        ("BDAT 3\r\nabcEHLO again\r\nQUIT\r\n", Lost::Reset, "ended Quit"),
        ("BDAT 3\r\nabcNOOP\r\nVRFY x\r\nQUIT\r\n", Lost::Ended(End::Quit), "ended Quit"),
    ] {
        let mut clerk = Clerk::default();
        let says = format!("EHLO a\r\n{mail}{rest}");
        let heard = heard(config(Role::Smtp), &mut clerk, &says).await;
        assert_eq!(clerk.lost, Some(lost), "{rest:?} {heard}");
        assert_eq!(clerk.log.last().unwrap(), last, "{rest:?}");
        let again = rest.contains("again");
        assert_eq!(clerk.log.contains(&"hello EHLO again".to_owned()), again, "{rest:?}");
        assert!(!clerk.log.iter().any(|line| line.starts_with("reset")), "{rest:?}");
    }
}

#[tokio::test]
async fn chunks_and_lines_make_the_same_message() {
    let mail = "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n";
    for rest in [
        "DATA\r\n..a\r\nb\r\n.\r\n",
        "BDAT 7 LAST\r\n.a\r\nb\r\n",
        "BDAT 1\r\n.BDAT 4\r\na\r\nbNOOP\r\nBDAT 2\r\n\r\nBDAT 0 LAST\r\n",
    ] {
        let mut clerk = Clerk::default();
        heard(config(Role::Smtp), &mut clerk, &format!("EHLO a\r\n{mail}{rest}")).await;
        assert!(clerk.log.contains(&"message \".a\\r\\nb\\r\\n\"".to_owned()), "{:?}", clerk.log);
    }
    // At submission bare line ends are mended, and do not stand in the input as they are shown.
    let mut clerk = Clerk::default();
    heard(
        config(Role::Submission),
        &mut clerk,
        &format!("EHLO a\r\n{mail}DATA\r\na\nb\rc\r\n.\r\n"),
    )
    .await;
    let mended = "message \"a\\r\\nb\\r\\nc\\r\\n\"".to_owned();
    assert!(clerk.log.contains(&mended), "{:?}", clerk.log);
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    struct Sorter(bool);

    impl Handler for Sorter {
        async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
            if to.address.local() == "x" { Err(Refusal::nobody()) } else { Ok(()) }
        }

        async fn message(
            &mut self,
            transaction: &Transaction,
            body: &mut Body<'_>,
        ) -> Result<Outcome, Refusal> {
            body.skip().await?;
            if self.0 {
                return Err(Refusal::full());
            }
            let each = transaction.envelope.recipients.iter().map(|to| match to.address.local() {
                "full" => Refusal::full().into_reply(),
                name => Reply::taken(format!("For {name}")),
            });
            Ok(Outcome::Each(each.collect()))
        }
    }

    let mail =
        "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<x@b.test>\r\nRCPT TO:<full@b.test>\r\n";
    let says = format!("{mail}DATA\r\nhi\r\n.\r\nQUIT\r\n");
    let tail =
        |heard: String| heard.split_once("354").unwrap().1.split_once('\n').unwrap().1.to_owned();
    let lmtp = format!("LHLO a\r\n{says}");
    assert_eq!(
        tail(heard(config(Role::Lmtp), &mut Sorter(false), &lmtp).await),
        "250 2.0.0 For a\n452 4.3.1 There is no room now, try again later\n221 2.0.0 Goodbye\n"
    );
    let no = "452 4.3.1 There is no room now, try again later\n";
    assert_eq!(
        tail(heard(config(Role::Lmtp), &mut Sorter(true), &lmtp).await),
        format!("{no}{no}221 2.0.0 Goodbye\n")
    );
    // In SMTP there is one reply, the worst.
    let smtp = format!("EHLO a\r\n{says}");
    assert_eq!(
        tail(heard(config(Role::Smtp), &mut Sorter(false), &smtp).await),
        format!("{no}221 2.0.0 Goodbye\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_answer_is_answered_for() {
    /// Hangs at the n-th question.
    struct Sleeper(u32);

    impl Sleeper {
        async fn hang(&mut self) {
            self.0 = self.0.wrapping_sub(1);
            if self.0 == 0 {
                std::future::pending::<()>().await;
            }
        }
    }

    impl Handler for Sleeper {
        async fn mail(&mut self, _: &Transaction) -> Result<(), Refusal> {
            self.hang().await;
            Ok(())
        }

        async fn recipient(&mut self, _: &Transaction, _: &Recipient) -> Result<(), Refusal> {
            self.hang().await;
            Ok(())
        }

        async fn data(&mut self, _: &Transaction) -> Result<(), Refusal> {
            self.hang().await;
            Ok(())
        }

        async fn message(
            &mut self,
            _: &Transaction,
            body: &mut Body<'_>,
        ) -> Result<Outcome, Refusal> {
            self.hang().await;
            body.skip().await?;
            self.hang().await;
            Ok(Outcome::taken("At last"))
        }
    }

    let says =
        "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\nQUIT\r\n";
    let expected = [
        "451 503 503 500 500 250 221",
        "250 451 503 500 500 250 221",
        "250 250 451 500 500 250 221",
        "250 250 354 451 250 221",
        "250 250 354 451 250 221",
        "250 250 354 250 250 221",
    ];
    // RFC 6409 §5.3: who submits is not kept waiting for two minutes.
    for (role, seconds) in [(Role::Smtp, 240), (Role::Submission, 115)] {
        for (at, expected) in (1..).zip(expected) {
            let began = tokio::time::Instant::now();
            let heard = heard(config(role), &mut Sleeper(at), says).await;
            let codes: Vec<_> = heard.lines().map(|line| &line[..3]).collect();
            assert_eq!(codes.join(" "), expected, "{at} {heard}");
            let waited = Duration::from_secs(if at == 6 { 0 } else { seconds });
            let took = began.elapsed();
            assert!(took >= waited && took < waited + Duration::from_secs(1), "{role:?} {took:?}");
        }
    }
}

#[tokio::test]
async fn everything_can_be_watched() {
    #[derive(Default)]
    struct Watcher(Vec<String>);

    impl Handler for Watcher {
        fn observe(&mut self, _: &Peer, event: &Event<'_>) {
            self.0.push(format!("{event:?}"));
        }
    }

    let mut watcher = Watcher::default();
    let says = "EHLO a\r\nNOOP x\r\nHELP\r\nWHAT\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n";
    heard(config(Role::Smtp), &mut watcher, says).await;
    assert_eq!(watcher.0.len(), 8, "{:?}", watcher.0);
    assert_eq!(watcher.0[1], "Hello EHLO \"a\"");
    assert!(watcher.0[4].starts_with("Bad \"WHAT\" 500"), "{:?}", watcher.0);
}

/// A filter that showed a certificate speaks for somebody who showed none.
#[tokio::test]
async fn a_certificate_stays_with_its_filter() {
    #[derive(Default)]
    struct Porter(Vec<bool>);

    impl Handler for Porter {
        async fn connected(&mut self, peer: &Peer) -> Admission {
            self.0.push(peer.tls.is_some_and(|tls| tls.certificate.is_some() || tls.verified));
            Admission::Accept
        }
    }

    let certificate = Some(Fingerprint([1; 32]));
    let mut peer = Peer::here();
    peer.tls = Some(TlsFacts { certificate, verified: true, ..TlsFacts::TEST });
    let mut settings = config(Role::Smtp);
    settings.xclient = true;
    let mut porter = Porter::default();
    rehearse(settings, peer, &mut porter, "XCLIENT ADDR=192.0.2.9\r\nQUIT\r\n").await;
    assert_eq!(porter.0, [true, false]);
}

#[tokio::test]
async fn who_is_not_wanted_hears_it_at_the_door() {
    struct Bouncer;

    impl Handler for Bouncer {
        async fn connected(&mut self, _: &Peer) -> Admission {
            Admission::Refuse(Reply::new(554, Enhanced(5, 7, 1), "Not you"))
        }
    }

    let heard = rehearse(config(Role::Smtp), Peer::here(), &mut Bouncer, "EHLO a\r\n").await;
    assert!(heard.starts_with("554 5.7.1 Not you\r\n503 "), "{heard}");
}

#[test]
fn what_is_no_refusal_becomes_one() {
    for code in [199, 200, 250, 354, 399, 600] {
        assert_eq!(Refusal::new(code, Enhanced(2, 0, 0), "Yes").reply().code(), 451, "{code}");
    }
    assert_eq!(Refusal::new(400, Enhanced(4, 0, 0), "No").reply().code(), 400);
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(Refusal::from(full), Refusal::full());
    let other = std::io::Error::other("secret: the path /var/spool");
    assert_eq!(Refusal::from(other).to_string(), "451 4.3.0 Not now, try again later");
}
