//! The SMTP server over real sockets: slow handlers, peers that go away, panics, stopping, limits.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Keeper, Running, envelope, keep, loopback, serve, tls};
use posthaste_core::machine::{End, Fingerprint, Reason};
use posthaste_core::sasl::{Hash, Known, Verifier};
use posthaste_core::smtp::server::Server as Machine;
use posthaste_core::text::Secret;
use posthaste_tls::{Certificates, ClientCertificates, Source as Files};
use posthaste_tokio::smtp::{
    Access, Account, Body, Certificate, Client, Config, Credentials, Denial, Error, Found, Handler,
    Identity, Mechanism, Outcome, Peer, Recipient, Refusal, Remote, Role, Server, Token,
    Transaction, Verdict, converse,
};
use posthaste_tokio::{ClientTls, Connection, Limits, Listener, Network, ServerTls, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says things, and hears until the server has said `until`.
async fn talk(stream: &mut TcpStream, says: &str, until: &str) -> String {
    stream.write_all(says.as_bytes()).await.unwrap();
    let (mut heard, mut room) = (String::new(), [0; 4096]);
    while !heard.contains(until) {
        let n = timeout(PATIENCE, stream.read(&mut room)).await.expect("in time").unwrap();
        assert!(n > 0, "closed after {heard:?}");
        heard.push_str(std::str::from_utf8(&room[..n]).unwrap());
    }
    heard
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset counts as an end.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("in time");
    String::from_utf8(heard).unwrap()
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Waits for something to become true.
async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 10 {
        if is() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

fn plain() -> Listener {
    Listener::plain(loopback())
}

fn config() -> Config {
    Config::new(Role::Smtp, "mx.example.test")
}

const MAIL: &str = "EHLO me.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\n";

/// What the tests see of a handler that waits.
#[derive(Clone, Default)]
struct Bench {
    go: Arc<Notify>,
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    octets: Arc<AtomicU64>,
    ended: Arc<Mutex<Vec<End>>>,
}

/// Counts futures that were dropped before they were done.
struct Guard(Arc<AtomicU64>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Bench {
    async fn wait(&self) {
        let mut guard = Guard(self.dropped.clone(), false);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.go.notified().await;
        guard.1 = true;
    }

    fn count(figure: &AtomicU64) -> u64 {
        figure.load(Ordering::SeqCst)
    }
}

/// Waits at recipients called `wait`, and after the first octets of every message.
#[derive(Clone)]
struct Waiter(Bench);

impl Handler for Waiter {
    async fn recipient(&mut self, _: &Transaction, to: &Recipient) -> Result<(), Refusal> {
        if to.address.local() == "wait" {
            self.0.wait().await;
        }
        Ok(())
    }

    async fn message(&mut self, _: &Transaction, body: &mut Body<'_>) -> Result<Outcome, Refusal> {
        body.chunk().await?;
        self.0.octets.store(body.octets(), Ordering::SeqCst);
        self.0.wait().await;
        body.skip().await?;
        self.0.octets.store(body.octets(), Ordering::SeqCst);
        Ok(Outcome::taken("At last"))
    }

    fn ended(&mut self, _: &Peer, how: End) {
        self.0.ended.lock().unwrap().push(how);
    }
}

fn waiter(limits: Limits) -> (Running, Bench) {
    let bench = Bench::default();
    let made = Waiter(bench.clone());
    let mut config = config();
    config.limits.message_size = 1 << 40;
    let server = Server::builder(move |_| made.clone())
        .listen(plain(), config)
        .limits(limits)
        .bind()
        .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    (Running { address, handle, served: tokio::spawn(server.serve()) }, bench)
}

#[tokio::test]
async fn a_slow_handler_makes_a_slow_peer() {
    let (server, bench) = waiter(Limits::DEFAULT);
    let mut peer = connect(&server).await;
    talk(&mut peer, &format!("{MAIL}DATA\r\n"), "354 ").await;
    let line = [&[b'x'; 998][..], b"\r\n"].concat().repeat(64);
    // Far more than sockets hold.
    let (mut sent, all) = (0, 256 << 20);
    while sent < all {
        match timeout(Duration::from_millis(500), peer.write_all(&line)).await {
            Ok(written) => written.unwrap(),
            Err(_) => break,
        }
        sent += line.len();
    }
    // What left waits in the sockets; the server has one read of it.
    assert!(sent < 32 << 20, "{sent} octets left for a handler that reads none");
    assert!(Bench::count(&bench.octets) <= 64 << 10);
    drop(peer);

    // And when it goes on, so does the peer, and nothing was lost.
    let mut peer = connect(&server).await;
    talk(&mut peer, &format!("{MAIL}DATA\r\n"), "354 ").await;
    let go = bench.go.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..512 {
            peer.write_all(&line).await.unwrap();
        }
        talk(&mut peer, ".\r\n", "At last").await
    });
    eventually("the handler waits", || Bench::count(&bench.waiting) >= 2).await;
    sleep(Duration::from_millis(100)).await;
    assert!(!sending.is_finished());
    go.notify_waiters();
    sending.await.unwrap();
    assert_eq!(Bench::count(&bench.octets), 512 * 64 * 1000);
}

#[tokio::test]
async fn what_was_said_before_a_slow_question_leaves() {
    let (server, bench) = waiter(Limits::DEFAULT);
    let mut peer = connect(&server).await;
    let says = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<wait@example.test>\r\nNOOP\r\n";
    let heard = talk(&mut peer, says, "2.1.0 Sender ok\r\n").await;
    assert!(heard.ends_with("Sender ok\r\n"), "{heard}");
    bench.go.notify_one();
    talk(&mut peer, "", "2.0.0 Ok\r\n").await;
}

#[tokio::test]
async fn handlers_of_peers_that_are_gone_are_dropped() {
    for at in [
        "MAIL FROM:<>\r\nRCPT TO:<wait@example.test>\r\n",
        "MAIL FROM:<>\r\nRCPT TO:<a@example.test>\r\nBDAT 5\r\nhello",
    ] {
        let (server, bench) = waiter(Limits::DEFAULT);
        let mut peer = connect(&server).await;
        peer.write_all(format!("EHLO a\r\n{at}").as_bytes()).await.unwrap();
        eventually("the handler waits", || Bench::count(&bench.waiting) == 1).await;
        // Gone for good: the connection is reset.
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        eventually("the future is dropped", || Bench::count(&bench.dropped) == 1).await;
        eventually("the end is told", || !bench.ended.lock().unwrap().is_empty()).await;
        assert_eq!(*bench.ended.lock().unwrap(), [End::Closed(Reason::Lost)]);
        eventually("the gate is left", || server.handle.counts().open == 0).await;
    }
}

#[tokio::test]
async fn peers_that_closed_their_side_get_their_replies() {
    let (server, bench) = waiter(Limits::DEFAULT);
    let mut peer = connect(&server).await;
    peer.write_all(format!("{MAIL}DATA\r\nhi\r\n.\r\nQUIT\r\n").as_bytes()).await.unwrap();
    peer.shutdown().await.unwrap();
    eventually("the handler waits", || Bench::count(&bench.waiting) == 1).await;
    sleep(Duration::from_millis(50)).await;
    bench.go.notify_one();
    let heard = rest(&mut peer).await;
    assert!(heard.ends_with("250 2.0.0 At last\r\n221 2.0.0 Goodbye\r\n"), "{heard}");
    assert_eq!(Bench::count(&bench.dropped), 0);
}

#[tokio::test]
async fn a_panic_ends_one_session() {
    struct Touchy;

    impl Handler for Touchy {
        async fn mail(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
            assert!(transaction.envelope.sender.is_none(), "a bug in a handler");
            Ok(())
        }
    }

    let server = serve(plain(), config(), |_| Touchy);
    let mut other = connect(&server).await;
    talk(&mut other, "EHLO a\r\n", "ENHANCEDSTATUSCODES\r\n").await;
    let mut peer = connect(&server).await;
    let says = "EHLO a\r\nMAIL FROM:<a@b.test>\r\n";
    peer.write_all(says.as_bytes()).await.unwrap();
    rest(&mut peer).await;
    eventually("it is counted", || server.handle.counts().panics == 1).await;
    eventually("the gate is left", || server.handle.counts().open == 1).await;
    talk(&mut other, "MAIL FROM:<>\r\n", "Sender ok").await;
    let mut third = connect(&server).await;
    talk(&mut third, "EHLO a\r\n", "ENHANCEDSTATUSCODES\r\n").await;
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way() {
    let (server, bench) = waiter(Limits::DEFAULT);
    let mut idle = connect(&server).await;
    talk(&mut idle, "EHLO a\r\n", "ENHANCEDSTATUSCODES\r\n").await;
    let mut busy = connect(&server).await;
    busy.write_all(format!("{MAIL}BDAT 2 LAST\r\nhi").as_bytes()).await.unwrap();
    eventually("the handler waits", || Bench::count(&bench.waiting) == 1).await;
    server.handle.shutdown();
    assert_eq!(rest(&mut idle).await, "421 4.3.2 Shutting down, closing the connection\r\n");
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.served.is_finished());
    bench.go.notify_one();
    let heard = rest(&mut busy).await;
    assert!(
        heard.ends_with("At last\r\n421 4.3.2 Shutting down, closing the connection\r\n"),
        "{heard}"
    );
    timeout(PATIENCE, server.served).await.unwrap().unwrap().unwrap();
    assert_eq!(Bench::count(&bench.dropped), 0);
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    for abort in [false, true] {
        for message in [false, true] {
            let drain = Duration::from_millis(if abort { 60_000 } else { 200 });
            let (server, bench) = waiter(Limits { drain, ..Limits::DEFAULT });
            let mut peer = connect(&server).await;
            let says = if message {
                "RCPT TO:<a@b.test>\r\nBDAT 1\r\nx"
            } else {
                "RCPT TO:<wait@b.test>\r\n"
            };
            peer.write_all(format!("EHLO a\r\nMAIL FROM:<>\r\n{says}").as_bytes()).await.unwrap();
            eventually("the handler waits", || Bench::count(&bench.waiting) == 1).await;
            if abort {
                server.handle.abort()
            } else {
                server.handle.shutdown()
            }
            timeout(PATIENCE, server.served).await.unwrap().unwrap().unwrap();
            assert_eq!(Bench::count(&bench.dropped), 1, "{abort} {message}");
            assert_eq!(*bench.ended.lock().unwrap(), [End::Closed(Reason::Shutdown)]);
            let heard = rest(&mut peer).await;
            assert!(
                heard.ends_with("421 4.3.2 Shutting down, closing the connection\r\n"),
                "{heard}"
            );
        }
    }
}

#[tokio::test]
async fn serve_until_stops_by_itself() {
    let server = Server::builder(|_| Keeper::default()).listen(plain(), config()).bind().unwrap();
    let stop = Arc::new(Notify::new());
    let told = stop.clone();
    let served = tokio::spawn(server.serve_until(async move { told.notified().await }));
    stop.notify_one();
    timeout(PATIENCE, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_may_go_away_at_any_octet() {
    let (server, bench) = waiter(Limits { connect_burst: 1_000, ..Limits::DEFAULT });
    let script =
        "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 2\r\nhiBDAT 0 LAST\r\nDATA\r\nx";
    bench.go.notify_one();
    let go = bench.go.clone();
    let going = tokio::spawn(async move {
        loop {
            go.notify_one();
            sleep(Duration::from_millis(1)).await;
        }
    });
    for cut in 0..=script.len() {
        let mut peer = connect(&server).await;
        peer.write_all(&script.as_bytes()[..cut]).await.unwrap();
        if cut % 2 == 0 {
            socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    eventually("all are gone", || server.handle.counts().open == 0).await;
    going.abort();
    let ended = bench.ended.lock().unwrap().clone();
    // A connection that was reset before it was accepted has no session.
    assert!(ended.len() <= script.len() + 1 && ended.len() > script.len() / 2, "{}", ended.len());
    assert!(ended.iter().all(|end| matches!(end, End::Eof | End::Closed(Reason::Lost))));
    assert_eq!(server.handle.counts().panics, 0);
}

/// Knows one user.
#[derive(Clone)]
struct Porter;

impl Handler for Porter {
    async fn sign_in(&mut self, _: &Peer, credentials: &Credentials<'_>) -> Verdict {
        let right =
            credentials.user().as_bytes() == b"joe" && credentials.password().expose() == b"secret";
        if right { Verdict::Accepted } else { Verdict::Rejected }
    }

    async fn lookup(&mut self, _: &Peer, identity: &Identity) -> Found {
        assert_eq!(identity.user, "joe");
        let verifier = Verifier::derive(Hash::Sha256, Secret::new(b"secret"), b"salt", 4_096);
        Found::Known(Box::new(Known { verifier, nonce: [3; 18] }))
    }

    async fn recipient(&mut self, transaction: &Transaction, _: &Recipient) -> Result<(), Refusal> {
        // Users may send anywhere.
        if transaction.peer.user.is_some() { Ok(()) } else { Err(Refusal::relay()) }
    }

    async fn message(
        &mut self,
        transaction: &Transaction,
        body: &mut Body<'_>,
    ) -> Result<Outcome, Refusal> {
        body.skip().await?;
        Ok(Outcome::taken(format!("{} {:?}", transaction.protocol(), transaction.peer.user)))
    }
}

#[tokio::test]
async fn users_sign_in() {
    let (server_tls, client_tls) = tls();
    let mut config = Config::new(Role::Submission, "mx.example.test");
    config.mechanisms = vec![Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];
    config.auth_before_tls = false;
    let server = serve(Listener::starttls(loopback(), server_tls), config, |_| Porter);
    let port = server.address.port();
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login] {
        let mut remote = Remote::submission("127.0.0.1", client_tls.clone()).port(port);
        remote.config.mechanisms = vec![mechanism];
        let mut client = Client::connect(&remote).await.unwrap();
        let report = client.send(&envelope(&["a"]), "x").await.unwrap();
        assert!(!report.is_taken_by_all(), "before the sign-in: {report:?}");
        // A wrong password is not the end.
        match client.authenticate(Account::new("joe", "wrong").unwrap()).await {
            Err(Error::SignIn(reply)) => assert_eq!(reply.code(), 535),
            other => panic!("{mechanism}: {other:?}"),
        }
        client.authenticate(Account::new("joe", "secret").unwrap()).await.unwrap();
        let report = client.send(&envelope(&["a"]), "x").await.unwrap();
        assert_eq!(report.fates[0].to_string(), "taken: 250 2.0.0 ESMTPSA Some(\\\"joe\\\")");
        client.quit().await.unwrap();
        // As a setting.
        let remote = remote.account(Account::new("joe", "secret").unwrap());
        let mut client = Client::connect(&remote).await.unwrap();
        assert!(client.send(&envelope(&["a"]), "x").await.unwrap().is_taken_by_all());
        let remote = remote.account(Account::new("joe", "wrong").unwrap());
        let refused = Client::connect(&remote).await;
        assert!(matches!(refused, Err(Error::SignIn(_))), "{refused:?}");
    }
    // No mechanism in common, and none in clear.
    let mut remote = Remote::plain("127.0.0.1", port);
    remote.config.mechanisms = vec![Mechanism::Plain];
    let mut client = Client::connect(&remote).await.unwrap();
    let refused = client.authenticate(Account::new("joe", "secret").unwrap()).await;
    assert!(matches!(refused, Err(Error::NoMechanism)), "{refused:?}");
    client.quit().await.unwrap();
}

/// Lets in who bears the token, and who holds the certificate.
#[derive(Clone)]
struct Gatekeeper(Option<Fingerprint>);

impl Handler for Gatekeeper {
    async fn bearer(&mut self, _: &Peer, token: &Token) -> Access {
        match token.secret().expose() {
            b"good" => Access::As("joe".into()),
            b"old" => Access::Denied(Denial::invalid()),
            _ => Access::Rejected,
        }
    }

    async fn certificate(&mut self, _: &Peer, certificate: &Certificate) -> Access {
        if Some(&certificate.fingerprint) == self.0.as_ref() {
            Access::As("holder".into())
        } else {
            Access::Rejected
        }
    }

    async fn recipient(&mut self, transaction: &Transaction, _: &Recipient) -> Result<(), Refusal> {
        Err(Refusal::new(
            550,
            posthaste_tokio::smtp::Enhanced(5, 0, 0),
            format!("{:?}", transaction.peer.user),
        ))
    }
}

#[tokio::test]
async fn tokens_and_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::self_signed(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let certificates = Arc::new(Certificates::load(vec![files.clone()]).unwrap());
    let own = Fingerprint::of(&certificates.first());
    let trust = Trust::Roots(vec![certificates.first()]);
    let server_tls = ServerTls::asking(certificates, ClientCertificates::Requested).unwrap();
    let client_tls = ClientTls::with_certificate(&trust, &files).unwrap();
    let mut config = Config::new(Role::Submission, "mx.example.test");
    config.require_auth = false;
    config.mechanisms = vec![Mechanism::External, Mechanism::OauthBearer, Mechanism::Xoauth2];
    let known = Arc::new(Mutex::new(None));
    let seen = known.clone();
    let server = serve(Listener::starttls(loopback(), server_tls), config, move |_| {
        Gatekeeper(*seen.lock().unwrap())
    });
    let token = |token: &str| Account::bearer("joe", token).unwrap();
    let who = |report: posthaste_tokio::smtp::Report| report.fates[0].to_string();
    for mechanism in [Mechanism::OauthBearer, Mechanism::Xoauth2, Mechanism::External] {
        let mut remote =
            Remote::submission("127.0.0.1", client_tls.clone()).port(server.address.port());
        remote.config.mechanisms = vec![mechanism];
        let accounts = match mechanism {
            Mechanism::External => [Account::certificate(), Account::certificate()],
            _ => [token("old"), token("good")],
        };
        let [bad, good] = accounts;
        *known.lock().unwrap() = None;
        let mut client = Client::connect(&remote).await.unwrap();
        let refused = client.authenticate(bad).await;
        assert!(matches!(refused, Err(Error::SignIn(_))), "{mechanism} {refused:?}");
        let report = client.send(&envelope(&["a"]), "x").await.unwrap();
        assert_eq!(who(report), "refused: 550 5.0.0 None");
        *known.lock().unwrap() = Some(own);
        let mut client = Client::connect(&remote).await.unwrap();
        client.authenticate(good).await.unwrap();
        let report = client.send(&envelope(&["a"]), "x").await.unwrap();
        let user = if mechanism == Mechanism::External { "holder" } else { "joe" };
        assert_eq!(who(report), format!("refused: 550 5.0.0 Some(\\\"{user}\\\")"));
    }
}

#[tokio::test]
async fn starttls_forgets_what_was_said() {
    struct Witness(Arc<Mutex<Vec<String>>>);

    impl Handler for Witness {
        async fn hello(&mut self, peer: &Peer) {
            let line = format!("{} {}", peer.name(), peer.tls.is_some());
            self.0.lock().unwrap().push(line);
        }

        fn ended(&mut self, peer: &Peer, _: End) {
            self.0.lock().unwrap().push(format!("{:?}", peer.hello.is_some()));
        }
    }

    let (server_tls, client_tls) = tls();
    let log = Arc::new(Mutex::new(Vec::new()));
    let shared = log.clone();
    let listener = Listener::starttls(loopback(), server_tls);
    let server = serve(listener, config(), move |_| Witness(shared.clone()));
    let remote =
        Remote::submission("127.0.0.1", client_tls).port(server.address.port()).hostname("me.test");
    Client::connect(&remote).await.unwrap().quit().await.unwrap();
    eventually("it is over", || log.lock().unwrap().len() == 3).await;
    assert_eq!(*log.lock().unwrap(), ["me.test false", "me.test true", "true"]);
}

#[tokio::test]
async fn lmtp_over_a_unix_socket() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let keeper = Keeper::default();
    let mut handler = keeper.clone();
    let served = tokio::spawn(async move {
        let machine = Machine::new(Arc::new(Config::new(Role::Lmtp, "mx.example.test")));
        let mut connection = Connection::accept(theirs, None, machine).unwrap();
        converse(&mut connection, Peer::here(), &mut handler).await
    });
    let remote = Remote::lmtp("localhost", 0);
    let mut client = Client::over(ours, &remote).await.unwrap();
    let report = client.send(&envelope(&["a", "full", "b"]), "hi\r\n").await.unwrap();
    let taken: Vec<_> = report.fates.iter().map(|fate| fate.is_taken()).collect();
    assert_eq!(taken, [true, false, true]);
    client.quit().await.unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(keeper.kept()[0].transaction.protocol(), "LMTP");
    assert_eq!(keeper.kept()[0].octets, b"hi\r\n");
}

/// Says in its answer whom it takes the peer for.
struct Herald;

impl Handler for Herald {
    async fn mail(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
        let peer = &transaction.peer;
        Err(Refusal::new(
            550,
            posthaste_tokio::smtp::Enhanced(5, 0, 0),
            format!("{} at {} trusted {}", peer.address, peer.local.ip(), peer.trusted),
        ))
    }
}

#[tokio::test]
async fn proxies_and_filters_say_for_whom_they_speak() {
    let proxied = Listener { proxies: Network::LOOPBACK.to_vec(), ..plain() };
    let limits = Limits { trusted: Network::LOOPBACK.to_vec(), ..Limits::DEFAULT };
    let server = Server::builder(|_| Herald)
        .listen(proxied, config())
        .listen(plain(), config())
        .filters(Network::LOOPBACK.to_vec())
        .limits(limits)
        .bind()
        .unwrap();
    let addresses = server.addresses().to_vec();
    let handle = server.handle();
    tokio::spawn(server.serve());
    let mail = "EHLO a\r\nMAIL FROM:<>\r\n";
    let mut peer = TcpStream::connect(addresses[0]).await.unwrap();
    let says = format!("PROXY TCP4 192.0.2.7 192.0.2.1 1025 25\r\n{mail}");
    let heard = talk(&mut peer, &says, "550 ").await;
    assert!(heard.ends_with("192.0.2.7:1025 at 192.0.2.1 trusted false\r\n"), "{heard}");
    // Without the header there is nothing to hear.
    let mut peer = TcpStream::connect(addresses[0]).await.unwrap();
    peer.write_all(mail.as_bytes()).await.unwrap();
    assert_eq!(rest(&mut peer).await, "");
    eventually("it is counted", || handle.counts().proxy_errors == 1).await;

    let mut peer = TcpStream::connect(addresses[1]).await.unwrap();
    let heard = talk(&mut peer, mail, "550 ").await;
    assert!(heard.ends_with("at 127.0.0.1 trusted true\r\n"), "{heard}");
    talk(&mut peer, "XCLIENT ADDR=192.0.2.9 PORT=77\r\n", "220 ").await;
    let heard = talk(&mut peer, mail, "550 ").await;
    assert!(heard.ends_with("192.0.2.9:77 at 127.0.0.1 trusted false\r\n"), "{heard}");
}

#[tokio::test]
async fn xclient_is_for_filters_that_are_listed() {
    // Even where the settings say otherwise.
    let mut settings = config();
    settings.xclient = true;
    let server = serve(plain(), settings, |_| Herald);
    let mut peer = connect(&server).await;
    talk(&mut peer, "EHLO a\r\nXCLIENT ADDR=192.0.2.9\r\n", "550 5.7.0").await;
}

#[tokio::test]
async fn too_many_hear_so() {
    let limits = Limits { connections: 1, reserved: 0, ..Limits::DEFAULT };
    let server = Server::builder(|_| Keeper::default())
        .listen(plain(), config())
        .limits(limits)
        .bind()
        .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    tokio::spawn(server.serve());
    let mut first = TcpStream::connect(address).await.unwrap();
    talk(&mut first, "", "220 ").await;
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut second).await, "421 4.3.2 Too busy, closing the connection\r\n");
    assert_eq!(handle.counts().refused, 1);
}

#[tokio::test]
async fn handlers_are_made_for_each_session() {
    let made = Arc::new(AtomicU64::new(0));
    let counter = made.clone();
    let server = serve(plain(), config(), move |peer: &Peer| {
        assert!(peer.address.ip().is_loopback() && peer.hello.is_none());
        counter.fetch_add(1, Ordering::SeqCst);
        Keeper::default()
    });
    for _ in 0..3 {
        let remote = Remote::plain("127.0.0.1", server.address.port());
        Client::connect(&remote).await.unwrap().quit().await.unwrap();
    }
    assert_eq!(made.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_greedy_sender_starves_nobody() {
    // Both run on one thread here; a sender that never pauses must not starve the other.
    let (server, keeper) = keep(Role::Smtp);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let mut greedy = connect(&server).await;
    talk(&mut greedy, &format!("{MAIL}DATA\r\n"), "354 ").await;
    let greedy = tokio::spawn(async move {
        let line = [&[b'x'; 998][..], b"\r\n"].concat().repeat(64);
        while !stopped.load(Ordering::SeqCst) && greedy.write_all(&line).await.is_ok() {}
    });
    let remote = Remote::plain("127.0.0.1", server.address.port());
    let mut client = timeout(PATIENCE, Client::connect(&remote)).await.unwrap().unwrap();
    let sent = timeout(PATIENCE, client.send(&envelope(&["a"]), "hi\r\n")).await.unwrap();
    assert!(sent.unwrap().is_taken_by_all());
    assert_eq!(keeper.kept().len(), 1);
    stop.store(true, Ordering::SeqCst);
    greedy.await.unwrap();
}
