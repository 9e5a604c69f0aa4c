//! Sign-ins over real TLS: what both ends can bind to, what a client's certificate is good for, and what somebody in
//! between gets.

use std::sync::{Arc, OnceLock};

use posthaste_core::machine::{
    Advance, Fingerprint, Input, Instant, Machine, TlsFacts, TlsVersion,
};
use posthaste_core::sasl::client::Account;
use posthaste_core::sasl::{Found, Hash, Known, Mechanism, Verdict, Verifier};
use posthaste_core::smtp::client::{self, Client, TlsPolicy};
use posthaste_core::smtp::server::{self, Admission, Role, Server};
use posthaste_core::text::Secret;
use posthaste_tls::{Certificates, ClientCertificates, ClientTls, ServerTls, Source, Tls, Trust};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;

/// Certificates on disk; made once, since keys are what costs.
struct Files {
    _folder: tempfile::TempDir,
    server: Source,
    alice: Source,
    mallory: Source,
}

fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let place = folder.path().join(name);
            std::fs::create_dir(&place).unwrap();
            Source::self_signed(&place, &[name.to_owned()]).unwrap()
        };
        let [server, alice, mallory] = ["localhost", "alice", "mallory"].map(make);
        Files { _folder: folder, server, alice, mallory }
    })
}

fn server_tls(clients: ClientCertificates) -> ServerTls {
    let certificates = Certificates::load(vec![files().server.clone()]).unwrap();
    ServerTls::asking(Arc::new(certificates), clients).unwrap()
}

fn client_tls(own: Option<&Source>) -> ClientTls {
    match own {
        Some(own) => ClientTls::with_certificate(&Trust::Anybody, own).unwrap(),
        None => ClientTls::new(&Trust::Anybody).unwrap(),
    }
}

fn fingerprint(source: &Source) -> Fingerprint {
    Fingerprint::of(&CertificateDer::from_pem_file(&source.certificate).unwrap())
}

/// A pair that has shaken hands; the client's facts, then the server's.
fn shaken(client: &ClientTls, server: &ServerTls) -> ([Tls; 2], [TlsFacts; 2]) {
    let mut ends = [client.start("localhost").unwrap(), server.start().unwrap()];
    let mut inputs = [Input::new(), Input::new()];
    for _ in 0..4 {
        carry(&mut ends, &mut inputs, [&[], &[]]);
    }
    let facts = [ends[0].ready().unwrap(), ends[1].ready().unwrap()];
    (ends, facts)
}

/// What both ends have to say goes to the other one.
fn carry(ends: &mut [Tls; 2], inputs: &mut [Input; 2], plain: [&[u8]; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut wire = Vec::new();
        ends[from].send(plain[from], &mut wire);
        ends[to].receive(&wire, &mut inputs[to]).unwrap();
    }
}

#[test]
fn both_ends_have_one_exporter_and_no_other_session_has_it() {
    let (client, server) = (client_tls(None), server_tls(ClientCertificates::Ignored));
    let mut seen = Vec::new();
    // From the second on the sessions resume the first.
    for _ in 0..4 {
        let (_, [ours, theirs]) = shaken(&client, &server);
        assert_eq!((ours.version, theirs.version), (TlsVersion::Tls13, TlsVersion::Tls13));
        let (Some(one), Some(two)) = (ours.exporter, theirs.exporter) else { panic!() };
        assert_eq!(one, two);
        assert!(!seen.contains(&one), "an exporter of another session");
        seen.push(one);
        assert_eq!(ours.certificate, Some(fingerprint(&files().server)));
        assert_eq!(theirs.certificate, None);
    }
}

/// A client of rustls alone, as far as ours cannot be told to be like that.
fn raw_client(
    versions: &[&'static rustls::SupportedProtocolVersion],
    own: Option<CertifiedKey>,
) -> rustls::ClientConnection {
    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesClientCert for Shows {
        fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }

        fn has_certs(&self) -> bool {
            true
        }
    }

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files().server.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        Some(key) => builder.with_client_cert_resolver(Arc::new(Shows(Arc::new(key)))),
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("localhost").unwrap();
    rustls::ClientConnection::new(Arc::new(config), name).unwrap()
}

/// Shakes hands with such a client. The server's facts, or what it has against the client.
fn shake_raw(
    mut client: rustls::ClientConnection,
    server: &ServerTls,
) -> Result<TlsFacts, posthaste_tls::Error> {
    let mut server = server.start().unwrap();
    let mut input = Input::new();
    for _ in 0..4 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.receive(&wire, &mut input)?;
        wire.clear();
        server.send(b"", &mut wire);
        let mut rest = &wire[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    Ok(server.ready().unwrap())
}

fn key(certificate: &Source, key: &Source) -> CertifiedKey {
    let chain = vec![CertificateDer::from_pem_file(&certificate.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&key.key).unwrap();
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    // Unlike `from_der` this does not look whether they belong together.
    CertifiedKey::new(chain, signing)
}

/// RFC 9266 §4.2: an exporter of TLS 1.2 may belong to two sessions, so that nothing binds to it.
#[test]
fn tls_1_2_has_nothing_to_bind_to() {
    let server = server_tls(ClientCertificates::Requested);
    let old = &[&rustls::version::TLS12];
    let facts = shake_raw(raw_client(old, None), &server).unwrap();
    assert_eq!((facts.version, facts.exporter), (TlsVersion::Tls12, None));
    // A certificate is proved there as well.
    let alice = &files().alice;
    let facts = shake_raw(raw_client(old, Some(key(alice, alice))), &server).unwrap();
    assert_eq!(facts.certificate, Some(fingerprint(alice)));
    assert_eq!((facts.exporter, facts.verified), (None, false));
}

#[test]
fn a_client_shows_a_certificate_where_it_is_asked_for() {
    let alice = &files().alice;
    let (with, without) = (client_tls(Some(alice)), client_tls(None));
    let asking = server_tls(ClientCertificates::Requested);
    let ignoring = server_tls(ClientCertificates::Ignored);
    // The second of each resumes the first: it is the same client still.
    for _ in 0..2 {
        let shown = |client, server| shaken(client, server).1[1];
        assert_eq!(shown(&with, &asking).certificate, Some(fingerprint(alice)));
        assert!(!shown(&with, &asking).verified, "nobody has signed it");
        assert_eq!(shown(&without, &asking).certificate, None);
        assert_eq!(shown(&with, &ignoring).certificate, None);
    }
}

#[test]
fn nobody_shows_a_certificate_without_its_key() {
    let (alice, mallory) = (&files().alice, &files().mallory);
    let server = server_tls(ClientCertificates::Requested);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let stolen = raw_client(&[version], Some(key(alice, mallory)));
        let refused = shake_raw(stolen, &server);
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let (alice, mallory) = (&files().alice, &files().mallory);
    let mixed = Source { certificate: alice.certificate.clone(), key: mallory.key.clone() };
    let error = ClientTls::with_certificate(&Trust::Anybody, &mixed).unwrap_err().to_string();
    assert!(error.contains("does not belong to the first certificate"), "{error}");
}

/// An SMTP client and server, each at its end of a TLS session.
struct Wire {
    client: Client,
    server: Server,
    inputs: [Input; 2],
    heard: Vec<String>,
}

const TEST: Instant = Instant::ZERO;

impl Wire {
    fn new(account: Account, mechanisms: &[Mechanism]) -> Self {
        let mut config = client::Config::new("me.test");
        config.tls = TlsPolicy::Required;
        config.account = Some(account);
        config.mechanisms = mechanisms.to_vec();
        let mut theirs = server::Config::new(Role::Submission, "mx.test");
        theirs.mechanisms = Mechanism::ALL.to_vec();
        Self {
            client: Client::new(Arc::new(config), [3; 18]),
            server: Server::new(Arc::new(theirs)),
            inputs: [Input::new(), Input::new()],
            heard: Vec::new(),
        }
    }

    /// What the two say now.
    fn turn(&mut self) -> [Vec<u8>; 2] {
        let mut said = [Vec::new(), Vec::new()];
        while self.client.advance(TEST, &mut self.inputs[0], &mut said[0]) == Advance::Event {
            let event = self.client.event(&self.inputs[0], &mut said[0]).unwrap();
            self.heard.push(format!("{event:?}"));
        }
        self.client.refuse(&mut said[0]);
        while self.server.advance(TEST, &mut self.inputs[1], &mut said[1]) == Advance::Event {
            let answered = match self.server.event(&self.inputs[1], &mut said[1]).unwrap() {
                server::Event::Connected(ask) => ask.with(Admission::Accept),
                server::Event::External(ask, shown) => {
                    let right = shown.fingerprint == fingerprint(&files().alice);
                    ask.with(if right { Verdict::Accepted } else { Verdict::Rejected })
                }
                server::Event::Lookup(ask, who) => {
                    let hash: Hash = who.mechanism.hash().unwrap();
                    let verifier = Verifier::derive(hash, Secret::new(b"pencil"), b"salt", 4_096);
                    ask.with(Found::Known(Box::new(Known { verifier, nonce: [1; 18] })))
                }
                server::Event::SignIn(ask, given) => {
                    let right = given.password().expose() == b"pencil";
                    ask.with(if right { Verdict::Accepted } else { Verdict::Rejected })
                }
                _ => continue,
            };
            self.server.settle(answered, &mut said[1]).unwrap();
        }
        said
    }

    /// Talks through one TLS session.
    fn talk(mut self, client: &ClientTls, server: &ServerTls) -> Vec<String> {
        let (mut ends, facts) = shaken(client, server);
        self.client.secured(facts[0]);
        self.server.secured(facts[1]);
        for _ in 0..30 {
            let [one, two] = self.turn();
            carry(&mut ends, &mut self.inputs, [&one, &two]);
        }
        self.heard
    }

    /// Talks through two TLS sessions, with somebody in between who hands on what is said, and takes `hidden` out of
    /// what the server says.
    fn intercepted(mut self, server: &ServerTls, hidden: &str) -> Vec<String> {
        let mallory = server_tls(ClientCertificates::Ignored);
        let (mut near, near_facts) = shaken(&client_tls(None), &mallory);
        let (mut far, far_facts) = shaken(&client_tls(None), server);
        self.client.secured(near_facts[0]);
        self.server.secured(far_facts[1]);
        for _ in 0..30 {
            let [from_client, from_server] = self.turn();
            let mut between = [Input::new(), Input::new()];
            let [to_client, to_mallory] = &mut self.inputs;
            let mut wire = Vec::new();
            near[0].send(&from_client, &mut wire);
            near[1].receive(&wire, &mut between[0]).unwrap();
            wire.clear();
            far[0].send(between[0].bytes(), &mut wire);
            far[1].receive(&wire, to_mallory).unwrap();
            wire.clear();
            far[1].send(&from_server, &mut wire);
            far[0].receive(&wire, &mut between[1]).unwrap();
            let said = String::from_utf8(between[1].bytes().to_vec()).unwrap();
            wire.clear();
            near[1].send(said.replace(hidden, "").as_bytes(), &mut wire);
            near[0].receive(&wire, to_client).unwrap();
        }
        self.heard
    }
}

fn password() -> Account {
    Account::new("user", "pencil").unwrap()
}

fn outcome(heard: &[String]) -> (Option<&str>, bool) {
    let tried = heard.iter().find_map(|event| event.strip_prefix("Challenge "));
    (tried, heard.iter().any(|event| event.starts_with("SignedIn")))
}

#[test]
fn a_sign_in_is_bound_to_the_session() {
    let (client, server) = (client_tls(None), server_tls(ClientCertificates::Ignored));
    let heard = Wire::new(password(), &Mechanism::ALL).talk(&client, &server);
    assert_eq!(outcome(&heard), (Some("SCRAM-SHA-256-PLUS"), true), "{heard:?}");
    let heard = Wire::new(password(), &[Mechanism::ScramSha1Plus]).talk(&client, &server);
    assert_eq!(outcome(&heard), (Some("SCRAM-SHA-1-PLUS"), true), "{heard:?}");
    let wrong = Account::new("user", "wrong").unwrap();
    let heard = Wire::new(wrong, &Mechanism::ALL).talk(&client, &server);
    assert_eq!(outcome(&heard), (Some("SCRAM-SHA-256-PLUS"), false), "{heard:?}");
}

/// The certificate in between is believed here, as by a client that believes anybody: what TLS did not see, the
/// sign-in does.
#[test]
fn somebody_between_two_sessions_gets_no_sign_in() {
    let server = server_tls(ClientCertificates::Ignored);
    for (hidden, tried) in [
        ("nothing", "SCRAM-SHA-256-PLUS"),
        ("SCRAM-SHA-256-PLUS ", "SCRAM-SHA-1-PLUS"),
        ("SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS ", "SCRAM-SHA-256"),
    ] {
        let heard = Wire::new(password(), &Mechanism::ALL).intercepted(&server, hidden);
        let failed = heard.iter().any(|event| event.starts_with("SignInFailed 53"));
        assert!(failed && !outcome(&heard).1, "{heard:?}");
        // Without an offer to bind the first message is refused already.
        if hidden.ends_with("-1-PLUS ") {
            assert!(heard.iter().any(|event| event.starts_with("SignInFailed 534")), "{heard:?}");
        } else {
            assert_eq!(outcome(&heard).0, Some(tried), "{heard:?}");
        }
    }
    // Who does not bind is what somebody in between hopes for.
    let heard = Wire::new(password(), &[Mechanism::ScramSha256]).intercepted(&server, "nothing");
    assert!(outcome(&heard).1, "{heard:?}");
}

#[test]
fn a_certificate_signs_in_its_holder() {
    let asking = server_tls(ClientCertificates::Requested);
    let external = || Wire::new(Account::certificate(), &Mechanism::ALL);
    let alice = client_tls(Some(&files().alice));
    assert!(outcome(&external().talk(&alice, &asking)).1);
    for (client, why) in [(Some(&files().mallory), "SignInFailed 535"), (None, "GaveUp")] {
        let heard = external().talk(&client_tls(client), &asking);
        assert!(heard.iter().any(|event| event.starts_with(why)), "{heard:?}");
    }
}
