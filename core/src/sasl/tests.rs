//! The RFCs' own exchanges, and what must fail.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::{Account, Exchange as Client, Fault};
use super::prep::{Unfit, prepare};
use super::server::{Exchange, Step};
use super::{
    Channel, Denial, Failure, Found, Grant, Hash, Known, Mechanism, Terms, Token, Verifier, scram,
};
use crate::grammar::base64;
use crate::machine::{Exporter, Fingerprint, TlsFacts, TlsVersion};
use crate::text::{OwnedSecret, Secret};

use Mechanism::{ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus};

const SCRAM: [Mechanism; 4] = [ScramSha256Plus, ScramSha1Plus, ScramSha256, ScramSha1];

/// TLS 1.3, where channel binding is offered, and a certificate was shown.
const TLS: Channel = Channel {
    exporter: TlsFacts::TEST.exporter,
    plus: true,
    certificate: Some(Fingerprint([0xce; 32])),
};
const PLAIN: Channel = Channel { exporter: None, plus: false, certificate: None };

fn b64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    base64::encode(text, &mut out);
    out
}

fn unb64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    base64::decode(text.as_bytes(), &mut out).unwrap();
    out
}

fn challenge(step: Step) -> Vec<u8> {
    match step {
        Step::Challenge(challenge) => challenge.as_bytes().to_vec(),
        other => panic!("{other:?}"),
    }
}

fn failure(step: Step) -> Failure {
    match step {
        Step::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn known(hash: Hash, password: &str) -> Found {
    let verifier =
        Verifier::derive(hash, Secret::new(password.as_bytes()), b"salt of alice", 4_096);
    Found::Known(Box::new(Known { verifier, nonce: [7; Known::NONCE] }))
}

/// An exchange as an RFC shows it.
struct Example {
    mechanism: Mechanism,
    client_nonce: &'static str,
    server_nonce: &'static str,
    salt: &'static str,
    first: &'static str,
    challenge: &'static str,
    last: [&'static str; 2],
}

/// RFC 7677 §3.
const RFC7677: Example = Example {
    mechanism: ScramSha256,
    client_nonce: "rOprNGfwEbeRWgbNEkqO",
    server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    last: [
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ],
};

/// RFC 5802 §5.
const RFC5802: Example = Example {
    mechanism: ScramSha1,
    client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
    server_nonce: "3rfcNHYJY1ZVvWVs7j",
    salt: "QSXCR+Q6sek8bf92",
    first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    challenge: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    last: [
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ],
};

impl Example {
    fn server(&self) -> scram::Server {
        let hash = self.mechanism.hash().unwrap();
        let verifier = Verifier::derive(hash, Secret::new(b"pencil"), &unb64(self.salt), 4_096);
        let mut server = scram::Server::new(self.mechanism, self.first.as_bytes(), &PLAIN).unwrap();
        server.extend_nonce(self.server_nonce.as_bytes());
        assert_eq!(server.challenge_with(&verifier), Some(self.challenge.as_bytes()));
        server
    }

    fn client(&self) -> scram::Client {
        let password = OwnedSecret::new(b"pencil".to_vec());
        let nonce = self.client_nonce.as_bytes().to_vec();
        scram::Client::with_nonce(self.mechanism, ("user", None), password, &PLAIN, nonce).unwrap()
    }
}

fn rfc7677_server() -> scram::Server {
    RFC7677.server()
}

const FINAL: &str = RFC7677.last[0];

// RFC: 5802-5.1-6 5802-5.1-12
#[test]
fn the_rfcs_examples_on_the_server_side() {
    for example in [RFC5802, RFC7677] {
        let server = example.server();
        assert_eq!(server.identity().user, "user");
        let [ours, theirs] = example.last;
        assert_eq!(server.prove(ours.as_bytes()).unwrap(), theirs.as_bytes());
    }
}

// RFC: 5802-5-2 5802-5.1-1
#[test]
fn the_rfcs_examples_on_the_client_side() {
    for example in [RFC5802, RFC7677] {
        let mut client = example.client();
        let [ours, theirs] = example.last;
        assert_eq!(client.first(), example.first.as_bytes());
        assert_eq!(client.prove(example.challenge.as_bytes()).unwrap(), ours.as_bytes());
        assert_eq!(client.verify(theirs.as_bytes()), Ok(()));
        let zeros = b64(&[0; 32][..example.mechanism.hash().unwrap().size()]);
        let forged = [b"v=", zeros.as_slice()].concat();
        assert_eq!(client.verify(&forged), Err(Fault::Signature));
        assert_eq!(client.verify(b"e=invalid-proof"), Err(Fault::Refused));
        assert_eq!(client.verify(b"v=AAAA"), Err(Fault::Malformed));
    }
    let other = RFC5802.last[1];
    assert_eq!(RFC7677.client().verify(other.as_bytes()), Err(Fault::Malformed), "another hash");
}

// RFC: 5802-5-1 5802-5.1-8 5802-5.1-10 5802-5.1-11 5802-5.1-15 5802-6-10
#[test]
fn a_wrong_final_message_is_refused() {
    let server = rfc7677_server();
    let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let cases = [
        // Another proof.
        (
            format!("c=biws,{nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVA="),
            Failure::Rejected,
        ),
        // A nonce that is not ours, ours cut off, nothing but the client's own.
        (format!("c=biws,{nonce}X,{proof}"), Failure::Rejected),
        (format!("c=biws,r=rOprNGfwEbeRWgbNEkqO,{proof}"), Failure::Rejected),
        // "y,," where the first message said "n,,".
        (format!("c=eSws,{nonce},{proof}"), Failure::Rejected),
        // A proof of the wrong size, no proof, no order, a mandatory extension.
        (format!("c=biws,{nonce},p=dHzb"), Failure::Malformed),
        (format!("c=biws,{nonce}"), Failure::Malformed),
        (format!("{nonce},c=biws,{proof}"), Failure::Malformed),
        (format!("c=biws,{nonce},m=x,{proof}"), Failure::Malformed),
    ];
    for (message, why) in cases {
        assert_eq!(server.prove(message.as_bytes()), Err(why), "{message}");
    }
}

// RFC: 5802-5.1-17 5802-7-1
#[test]
fn an_optional_extension_is_signed_and_ignored() {
    // The extension is part of what both sign, so an old proof does not fit any more.
    let server = rfc7677_server();
    let message = FINAL.replace(",p=", ",x=y,p=");
    assert_eq!(server.prove(message.as_bytes()), Err(Failure::Rejected));
    assert!(scram::Server::new(ScramSha256, b"n,,n=user,r=abc,x=y", &PLAIN).is_ok());
}

// RFC: 5802-3-1 5802-5-1 5802-5.1-4 5802-5.1-5 5802-5.1-7 5802-5.1-8 5802-5.1-15 5802-6-9
#[test]
fn first_messages() {
    let good = |text: &str| {
        let server = scram::Server::new(ScramSha256, text.as_bytes(), &PLAIN).unwrap();
        (server.identity().user.clone(), server.identity().authorization.clone())
    };
    assert_eq!(good("n,,n=user,r=a"), ("user".into(), None));
    assert_eq!(good("y,,n=user,r=a"), ("user".into(), None));
    assert_eq!(good("n,a=boss,n=user,r=a"), ("user".into(), Some("boss".into())));
    assert_eq!(good("n,,n=a=2Cb=3Dc,r=a"), ("a,b=c".into(), None));
    assert_eq!(good("n,,n=I\u{ad}X,r=a"), ("IX".into(), None));

    let bad = |text: &[u8]| scram::Server::new(ScramSha256, text, &PLAIN).unwrap_err();
    assert_eq!(bad(b"p=tls-unique,,n=user,r=a"), Failure::ChannelBinding);
    for text in [
        "",
        "n",
        "n,,",
        "x,,n=user,r=a",
        "p=,,n=user,r=a",
        "p=a b,,n=user,r=a",
        "F,n,,n=user,r=a",
        "n,b=boss,n=user,r=a",
        "n,a=,n=user,r=a",
        "n,,n=,r=a",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,r=a,n=user",
        "n,,m=x,n=user,r=a",
        "n,,n=user,r=a,m=x",
        "n,,n=us=er,r=a",
        "n,,n=us=2cer,r=a",
        "n,,n=us\0er,r=a",
        "n,,n=user,r=a,x",
        "n,,n=us\u{7}er,r=a",
    ] {
        assert_eq!(bad(text.as_bytes()), Failure::Malformed, "{text:?}");
    }
    assert_eq!(bad(b"n,,n=\xff,r=a"), Failure::Malformed);
}

// RFC: 5802-5.1-8 5802-5.1-9 5802-5.1-15 5802-5.1-17
#[test]
fn a_client_does_not_trust_its_server() {
    let client = || {
        let password = OwnedSecret::new(b"p".to_vec());
        let nonce = b"abc".to_vec();
        scram::Client::with_nonce(ScramSha256, ("user", None), password, &PLAIN, nonce).unwrap()
    };
    let prove = |text: &str| client().prove(text.as_bytes()).map(|_| ());
    assert_eq!(prove("r=abcdef,s=QQ==,i=4096"), Ok(()));
    assert_eq!(prove("r=abcdef,s=QQ==,i=4096,x=y"), Ok(()));
    assert_eq!(prove("r=abc,s=QQ==,i=4096"), Err(Fault::Nonce));
    assert_eq!(prove("r=xbcdef,s=QQ==,i=4096"), Err(Fault::Nonce));
    assert_eq!(prove("r=abcdef,s=QQ==,i=4095"), Err(Fault::Iterations));
    assert_eq!(prove("r=abcdef,s=QQ==,i=2000001"), Err(Fault::Iterations));
    assert_eq!(prove("r=abcdef,s=QQ==,i=99999999999"), Err(Fault::Iterations));
    assert_eq!(prove("r=abcdef,s=,i=4096"), Err(Fault::Iterations));
    for text in [
        "",
        "e=other-error",
        "r=abcdef",
        "r=abcdef,s=QQ,i=4096",
        "m=x,r=abcdef,s=QQ==,i=4096",
        "r=abcdef,s=QQ==,i=+4096",
        "r=abcdef,s=QQ==,i=04096",
        "r=abcdef,s=QQ==,i=",
    ] {
        assert_eq!(prove(text), Err(Fault::Malformed), "{text}");
    }
}

/// Lets both sides talk, each over the channel that it knows; what the server's exchange ended with, and whether
/// the client believes it. The server knows `secret`.
fn talk_over(
    mechanism: Mechanism,
    account: Account,
    secret: &str,
    [ours, theirs]: [&Channel; 2],
) -> (Step, bool) {
    let mut client = Client::new(mechanism, account, theirs, [3; Client::NONCE]).unwrap();
    let initial = client.initial().map(|message| match b64(&message) {
        empty if empty.is_empty() => b"=".to_vec(),
        other => other,
    });
    let (mut server, mut step) = Exchange::start(mechanism, initial.as_deref(), *ours);
    loop {
        step = match step {
            Step::Bearer(token) if token.secret().expose() == secret.as_bytes() => {
                assert_eq!(
                    server.granted(Grant::Accepted).map(|challenge| challenge.is_none()),
                    Ok(true)
                );
                return (Step::Bearer(token), client.is_satisfied());
            }
            Step::Bearer(_) => match server.granted(Grant::Rejected(Box::new(Denial::invalid()))) {
                Ok(Some(denial)) => Step::Challenge(denial),
                other => panic!("{other:?}"),
            },
            Step::Challenge(challenge) => {
                let mut line = Vec::new();
                challenge.write("", &mut line);
                let line = line.strip_suffix(b"\r\n").unwrap();
                let mut response = Vec::new();
                match client.respond(line, &mut response) {
                    Ok(()) => server.respond(&response),
                    Err(_) => server.respond(b"*"),
                }
            }
            Step::Lookup(_) => server.found(known(mechanism.hash().unwrap(), secret)),
            over => return (over, client.is_satisfied()),
        };
    }
}

fn talk(mechanism: Mechanism, account: Account, password: &str) -> (Step, bool) {
    talk_over(mechanism, account, password, [&TLS, &TLS])
}

// RFC: 5802-5.1-2 5802-5.1-4
#[test]
fn both_sides_agree() {
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        let account = Account::new("ali\u{ad}ce", "p\u{a0}w").unwrap();
        let (Step::SignIn(credentials), true) = talk(mechanism, account, "") else { panic!() };
        assert_eq!(credentials.user().as_bytes(), b"alice");
        assert_eq!(credentials.password().expose(), b"p w");
        assert_eq!(credentials.mechanism(), Some(mechanism));
        assert!(credentials.authorization().is_none());
    }
    let alice = || Account::new("alice", "geheim").unwrap();
    for mechanism in SCRAM {
        let (step, believed) = talk(mechanism, alice(), "geheim");
        assert!(matches!(step, Step::SignedIn { user } if user == "alice"));
        assert!(believed);
        let (step, believed) = talk(mechanism, alice(), "anders");
        assert!(matches!(step, Step::Failed(Failure::Rejected)));
        assert!(!believed);
        let boss = alice().acting_as("a,b=c").unwrap();
        let (step, _) = talk(mechanism, boss, "geheim");
        assert!(matches!(step, Step::SignedIn { user } if user == "a,b=c"));
    }
    let (Step::SignIn(credentials), _) =
        talk(Mechanism::Plain, alice().acting_as("boss").unwrap(), "")
    else {
        panic!()
    };
    assert_eq!(credentials.authorization().unwrap().as_bytes(), b"boss");
    for mechanism in [Mechanism::OauthBearer, Mechanism::Xoauth2] {
        let account = || Account::bearer("a,b=c", "vF9dft4qmTc2==").unwrap();
        let (Step::Bearer(token), true) = talk(mechanism, account(), "vF9dft4qmTc2==") else {
            panic!()
        };
        assert_eq!((token.mechanism, token.user.as_deref()), (mechanism, Some("a,b=c")));
        assert_eq!((token.host, token.port), (None, None));
        let (step, believed) = talk(mechanism, account(), "another");
        assert!(matches!(step, Step::Failed(Failure::Rejected)));
        assert!(!believed, "it was told why");
    }
    let (Step::External(shown), true) = talk(Mechanism::External, Account::certificate(), "")
    else {
        panic!()
    };
    assert_eq!((Some(shown.fingerprint), shown.authorization), (TLS.certificate, None));
    let boss = Account::certificate().acting_as("b\u{ad}oss").unwrap();
    let (Step::External(shown), true) = talk(Mechanism::External, boss, "") else { panic!() };
    assert_eq!(shown.authorization.as_deref(), Some("boss"));
}

/// Somebody between the two ends two TLS sessions and hands the messages through.
#[test]
fn a_channel_with_somebody_in_between_is_found_out() {
    let other = Channel { exporter: Some(Exporter::new([b'y'; Exporter::SIZE])), ..TLS };
    let alice = || Account::new("alice", "geheim").unwrap();
    for mechanism in [ScramSha256Plus, ScramSha1Plus] {
        let (step, believed) = talk_over(mechanism, alice(), "geheim", [&TLS, &other]);
        assert!(matches!(step, Step::Failed(Failure::Rejected)), "{mechanism}");
        assert!(!believed);
    }
}

/// Somebody on the way takes `-PLUS` out of the list that the client reads. The client says what it saw, and the
/// flag cannot be changed behind its back, since it is signed.
// RFC: 5802-6-8
#[test]
fn a_list_without_channel_binding_is_found_out() {
    let blind = Channel { plus: false, ..TLS };
    for mechanism in [ScramSha256, ScramSha1] {
        let alice = Account::new("alice", "geheim").unwrap();
        let (step, believed) = talk_over(mechanism, alice.clone(), "geheim", [&TLS, &blind]);
        assert!(matches!(step, Step::Failed(Failure::Downgrade)), "{mechanism}");
        assert!(!believed);

        let mut client = Client::new(mechanism, alice, &blind, [3; Client::NONCE]).unwrap();
        let first = client.initial().unwrap();
        assert!(first.starts_with(b"y,,"));
        let forged = [b"n", &first[1..]].concat();
        let (mut server, step) = Exchange::start(mechanism, Some(&b64(&forged)), TLS);
        assert!(matches!(step, Step::Lookup(_)));
        let challenge = challenge(server.found(known(mechanism.hash().unwrap(), "geheim")));
        let proof = client.response(&challenge).unwrap();
        assert_eq!(failure(server.respond(&b64(&proof))), Failure::Rejected);
    }
}

// RFC: 5802-6-4 5802-6-6 5802-6-7
#[test]
fn what_a_client_says_about_channel_binding() {
    let first = |mechanism, channel: &Channel| {
        let account = Account::new("u", "p").unwrap();
        let client = Client::new(mechanism, account, channel, [0; Client::NONCE]);
        client.map(|mut client| {
            let first = client.initial().unwrap();
            let text = core::str::from_utf8(&first).unwrap();
            String::from(text.split_once(",,").unwrap().0)
        })
    };
    assert_eq!(first(ScramSha256Plus, &TLS).as_deref(), Ok("p=tls-exporter"));
    // RFC 5802 §6: "y" if it could and the server does not offer it, "n" if it could not or does not want to.
    assert_eq!(first(ScramSha256, &Channel { plus: false, ..TLS }).as_deref(), Ok("y"));
    assert_eq!(first(ScramSha256, &PLAIN).as_deref(), Ok("n"));
    assert_eq!(first(ScramSha256, &TLS).as_deref(), Ok("n"));
    assert_eq!(first(ScramSha256Plus, &PLAIN), Err(Fault::Unsuited));
}

// RFC: 5802-6-8 5802-6-9 5802-6.1-4
#[test]
fn what_a_server_makes_of_it() {
    let start = |mechanism, channel: &Channel, flag: &str| {
        let first = format!("{flag},,n=user,r=abc");
        scram::Server::new(mechanism, first.as_bytes(), channel).map(|_| ())
    };
    for mechanism in [ScramSha256Plus, ScramSha1Plus] {
        assert_eq!(start(mechanism, &TLS, "p=tls-exporter"), Ok(()));
        for other in ["p=tls-unique", "p=tls-server-end-point", "p=TLS-EXPORTER", "p=x"] {
            assert_eq!(start(mechanism, &TLS, other), Err(Failure::ChannelBinding), "{other}");
        }
        assert_eq!(start(mechanism, &PLAIN, "p=tls-exporter"), Err(Failure::ChannelBinding));
        assert_eq!(start(mechanism, &TLS, "n"), Err(Failure::Malformed));
        assert_eq!(start(mechanism, &TLS, "y"), Err(Failure::Malformed));
    }
    for mechanism in [ScramSha256, ScramSha1] {
        assert_eq!(start(mechanism, &TLS, "n"), Ok(()));
        assert_eq!(start(mechanism, &TLS, "y"), Err(Failure::Downgrade));
        assert_eq!(start(mechanism, &PLAIN, "y"), Ok(()));
        assert_eq!(start(mechanism, &Channel { plus: false, ..TLS }, "y"), Ok(()));
        assert_eq!(start(mechanism, &TLS, "p=tls-exporter"), Err(Failure::ChannelBinding));
    }
    assert_eq!(start(Mechanism::Plain, &TLS, "n"), Err(Failure::Malformed), "not SCRAM");
}

/// The final message of a bound exchange whose channel data is cut, lengthened or left out.
// RFC: 5802-6-10 5802-7-2
#[test]
fn channel_data_that_was_tampered_with_is_refused() {
    let header = b"p=tls-exporter,,";
    let exporter = [b'x'; 32];
    let mut tampered: Vec<Vec<u8>> = (0..32).map(|n| exporter[..n].to_vec()).collect();
    tampered.push([&exporter[..], b"x"].concat());
    tampered.push([b'X'; 32].to_vec());
    for data in tampered {
        let mut client = Client::new(
            ScramSha256Plus,
            Account::new("alice", "x").unwrap(),
            &TLS,
            [1; Client::NONCE],
        )
        .unwrap();
        let first = b64(&client.initial().unwrap());
        let (mut server, _) = Exchange::start(ScramSha256Plus, Some(&first), TLS);
        let ours = challenge(server.found(known(Hash::Sha256, "x")));
        let proof = String::from_utf8(client.response(&ours).unwrap().to_vec()).unwrap();
        let right = String::from_utf8(b64(&[&header[..], &exporter].concat())).unwrap();
        let wrong = String::from_utf8(b64(&[&header[..], &data].concat())).unwrap();
        assert!(proof.starts_with(&format!("c={right},")), "{proof}");
        let forged = proof.replace(&right, &wrong);
        assert_eq!(failure(server.respond(&b64(forged.as_bytes()))), Failure::Rejected);
    }
}

// RFC: 4422-6.1.2-1 4616-5-1 5802-6-1 5802-6-2 7628-3-1 7677-4-1
#[test]
fn what_is_offered_over_which_channel() {
    let all = |tls: Option<TlsFacts>, plaintext_auth, auth_before_tls| -> Vec<&str> {
        let terms = Terms {
            mechanisms: &Mechanism::ALL,
            tls: tls.as_ref(),
            plaintext_auth,
            auth_before_tls,
        };
        let names: Vec<_> = terms.offered().map(Mechanism::name).collect();
        for mechanism in Mechanism::ALL {
            let offered = names.contains(&mechanism.name());
            assert_eq!(terms.offers(mechanism), offered);
            assert_eq!(terms.wants_tls(mechanism), !offered && tls.is_none());
        }
        assert_eq!(terms.channel().plus, names.iter().any(|name| name.ends_with("-PLUS")));
        names
    };
    let old = TlsFacts { version: TlsVersion::Tls12, exporter: None, ..TlsFacts::TEST };
    let shown = TlsFacts { certificate: TLS.certificate, ..old };
    let hidden = ["SCRAM-SHA-256", "SCRAM-SHA-1"];
    let clear = ["PLAIN", "LOGIN"];
    let tokens = ["OAUTHBEARER", "XOAUTH2"];
    let plus = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"];
    assert_eq!(all(None, false, false), [""; 0]);
    assert_eq!(all(None, false, true), hidden);
    // RFC 7628 §3: a token wants TLS, whatever the operator thinks of passwords.
    assert_eq!(all(None, true, false), [hidden, clear].concat());
    assert_eq!(all(Some(old), false, false), [hidden, tokens, clear].concat());
    assert_eq!(all(Some(TlsFacts::TEST), false, false), [plus, hidden, tokens, clear].concat());
    assert_eq!(
        all(Some(shown), false, false),
        [&hidden[..], &["EXTERNAL"], &tokens, &clear].concat()
    );
    let none = Terms {
        mechanisms: &[Mechanism::Plain],
        tls: Some(&TlsFacts::TEST),
        plaintext_auth: true,
        auth_before_tls: true,
    };
    assert!(!none.offers(ScramSha256) && !none.wants_tls(ScramSha256) && !none.channel().plus);
}

fn start_bearer(mechanism: Mechanism, text: &[u8]) -> Result<Token, Failure> {
    match Exchange::start(mechanism, Some(&b64(text)), TLS).1 {
        Step::Bearer(token) => Ok(token),
        Step::Failed(why) => Err(why),
        other => panic!("{other:?}"),
    }
}

/// RFC 7628 §4.1, for IMAP and for SMTP, on both sides.
#[test]
fn rfc7628_examples_that_succeed() {
    for (port, encoded) in [
        (
            143,
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9\
               QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
        ),
        (
            587,
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9\
               QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
        ),
    ] {
        let (mut server, step) =
            Exchange::start(Mechanism::OauthBearer, Some(encoded.as_bytes()), TLS);
        let Step::Bearer(token) = step else { panic!("{step:?}") };
        assert_eq!(token.user.as_deref(), Some("user@example.com"));
        assert_eq!(token.host.as_deref(), Some("server.example.com"));
        assert_eq!(token.port, Some(port));
        assert_eq!(token.secret().expose(), b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        assert!(matches!(server.granted(Grant::Accepted), Ok(None)));

        let secret = core::str::from_utf8(token.secret().expose()).unwrap();
        let account = Account::bearer("user@example.com", secret).unwrap();
        let account = account.connected_to("server.example.com", port);
        let mut client =
            Client::new(Mechanism::OauthBearer, account, &TLS, [0; Client::NONCE]).unwrap();
        assert_eq!(b64(&client.initial().unwrap()), encoded.as_bytes());
        assert!(client.is_satisfied());
    }
}

/// RFC 7628 §4.3: without a token the client asks for the scope, and is told no; whether it takes note of that or
/// gives up is the same.
// RFC: 7628-3-3 7628-3.2.2-1 7628-3.2.3-1
#[test]
fn rfc7628_example_that_fails() {
    let asked =
        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=";
    let told = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZp\
                Z3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9u\
                In0=";
    for dummy in ["AQ==", "*", "", "!"] {
        let (mut server, step) =
            Exchange::start(Mechanism::OauthBearer, Some(asked.as_bytes()), TLS);
        assert!(matches!(step, Step::Bearer(token) if token.is_empty()));
        let denial = Denial {
            scope: Some("example_scope".into()),
            openid_configuration: Some(
                "https://example.com/.well-known/openid-configuration".into(),
            ),
            ..Denial::invalid()
        };
        let challenge = server.granted(Grant::Rejected(Box::new(denial))).unwrap().unwrap();
        assert_eq!(b64(challenge.as_bytes()), told.as_bytes());
        assert_eq!(failure(server.respond(dummy.as_bytes())), Failure::Rejected, "{dummy}");
        assert_eq!(failure(server.respond(b"AQ==")), Failure::Malformed, "it is over");
    }
    // A host that lets in whoever has no token is not believed.
    let (mut server, _) = Exchange::start(Mechanism::OauthBearer, Some(asked.as_bytes()), TLS);
    let challenge = server.granted(Grant::Accepted).unwrap().unwrap();
    assert_eq!(challenge.as_bytes(), br#"{"status":"invalid_token"}"#);

    let account = Account::bearer("user@example.com", "x").unwrap();
    for (mechanism, dummy) in [(Mechanism::OauthBearer, &b"\x01"[..]), (Mechanism::Xoauth2, b"")] {
        let mut client = Client::new(mechanism, account.clone(), &TLS, [0; Client::NONCE]).unwrap();
        client.initial().unwrap();
        assert_eq!(*client.response(&unb64(told)).unwrap(), dummy);
        assert!(!client.is_satisfied(), "whatever the server says now");
        assert_eq!(client.response(&unb64(told)), Err(Fault::Malformed));
    }
}

// RFC: 7628-3.1-1 7628-3.1-2
#[test]
fn oauthbearer_messages() {
    let parse = |text: &str| start_bearer(Mechanism::OauthBearer, text.as_bytes());
    let token = parse("n,,\x01auth=bEaReR  x\x01\x01").unwrap();
    assert_eq!((token.user.as_deref(), token.secret().expose()), (None, &b"x"[..]));
    let token = parse("y,a=a=2Cb=3Dc,\x01qs=a=b\x01auth=Bearer a-._~+/9=\x01\x01").unwrap();
    assert_eq!(token.user.as_deref(), Some("a,b=c"));
    assert_eq!(token.secret().expose(), b"a-._~+/9=");
    let token = parse("n,,\x01port=65535\x01host=[::1]\x01auth=Bearer x\x01\x01").unwrap();
    assert_eq!((token.host.as_deref(), token.port), (Some("[::1]"), Some(65_535)));
    assert_eq!(
        parse("p=tls-exporter,,\x01auth=Bearer x\x01\x01").unwrap_err(),
        Failure::ChannelBinding
    );
    let many = "k".repeat(33);
    let many: String = (1..=33).map(|n| format!("{}=\x01", &many[..n])).collect();
    for wrong in [
        "",
        // Only after a denial.
        "\x01",
        "n,,",
        "n,,\x01",
        "n,,\x01\x01",
        "n,,auth=Bearer x\x01\x01",
        "n,,\x01auth=Bearer x\x01",
        "n,,\x01auth=Bearer x",
        "n,,\x01\x01auth=Bearer x\x01\x01",
        "n,,\x01auth=Bearer x\x01\x01\x01",
        // RFC 7628 §4.4 as it was printed.
        "n,user=someuser@example.com,\x01auth=Bearer x\x01\x01",
        "n,a=,\x01auth=Bearer x\x01\x01",
        "n,a=a=2cb,\x01auth=Bearer x\x01\x01",
        "n,a=\u{7},\x01auth=Bearer x\x01\x01",
        "F,n,,\x01auth=Bearer x\x01\x01",
        "n,,\x01host=a\x01port=1\x01\x01",
        "n,,\x01auth=Basic x\x01\x01",
        "n,,\x01auth=Bearer\x01\x01",
        "n,,\x01auth=Bearer \x01\x01",
        "n,,\x01auth=Bearer\tx\x01\x01",
        "n,,\x01auth=Bearer x y\x01\x01",
        "n,,\x01auth=Bearer x=y\x01\x01",
        "n,,\x01auth=Bearer ==\x01\x01",
        "n,,\x01auth=Bearer x,y\x01\x01",
        "n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
        "n,,\x01auth=Bearer x\x01host=a\x01host=a\x01\x01",
        "n,,\x01auth=Bearer x\x01host=\x01\x01",
        "n,,\x01auth=Bearer x\x01host=a b\x01\x01",
        "n,,\x01auth=Bearer x\x01port=\x01\x01",
        "n,,\x01auth=Bearer x\x01port=0\x01\x01",
        "n,,\x01auth=Bearer x\x01port=0143\x01\x01",
        "n,,\x01auth=Bearer x\x01port=+143\x01\x01",
        "n,,\x01auth=Bearer x\x01port=65536\x01\x01",
        "n,,\x01auth=Bearer x\x01k1=v\x01\x01",
        "n,,\x01auth=Bearer x\x01=v\x01\x01",
        "n,,\x01auth=Bearer x\x01k\x01\x01",
        "n,,\x01auth=Bearer x\x01k=\0\x01\x01",
        "n,,\x01auth=Bearer x\x01k=\u{e9}\x01\x01",
        &format!("n,,\x01auth=Bearer x\x01{many}\x01"),
    ] {
        assert_eq!(parse(wrong).unwrap_err(), Failure::Malformed, "{wrong:?}");
    }
    let bad = start_bearer(Mechanism::OauthBearer, b"n,a=\xff,\x01auth=Bearer x\x01\x01");
    assert_eq!(bad.unwrap_err(), Failure::Malformed);
}

#[test]
fn xoauth2_messages() {
    let parse = |text: &str| start_bearer(Mechanism::Xoauth2, text.as_bytes());
    // As its makers' documents show it.
    let good = "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
    let token = parse(good).unwrap();
    assert_eq!(token.user.as_deref(), Some("someuser@example.com"));
    assert_eq!(token.secret().expose(), b"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
    let encoded = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmh\
                   kSFJoZG1semRHRXVZMjl0Q2cBAQ==";
    assert_eq!(b64(good.as_bytes()), encoded.as_bytes());
    for wrong in [
        "",
        "user=a",
        "user=a\x01auth=Bearer x",
        "user=a\x01auth=Bearer x\x01",
        "user=a\x01auth=Bearer x\x01\x01\x01",
        "user=\x01auth=Bearer x\x01\x01",
        "auth=Bearer x\x01user=a\x01\x01",
        "user=a\x01host=b\x01auth=Bearer x\x01\x01",
        "user=a\x01auth=x\x01\x01",
        "user=a\0\x01auth=Bearer x\x01\x01",
        "n,a=a,\x01auth=Bearer x\x01\x01",
    ] {
        assert_eq!(parse(wrong).unwrap_err(), Failure::Malformed, "{wrong:?}");
    }
    let (mut server, _) = Exchange::start(Mechanism::Xoauth2, Some(encoded.as_bytes()), TLS);
    let denial = Denial {
        scope: Some("https://mail.google.com/".into()),
        openid_configuration: Some("https://example.com/".into()),
        ..Denial::invalid()
    };
    let challenge = server.granted(Grant::Rejected(Box::new(denial))).unwrap().unwrap();
    let text = br#"{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}"#;
    assert_eq!(challenge.as_bytes(), text);
    assert_eq!(failure(server.respond(b"")), Failure::Rejected);
}

#[test]
fn what_a_denial_tells_is_json_and_bounded() {
    let message = b64(b"user=a\x01auth=Bearer x\x01\x01");
    let told = |scope: &str| {
        let (mut server, _) = Exchange::start(Mechanism::Xoauth2, Some(&message), TLS);
        let denial = Denial {
            status: super::token::Status::InsufficientScope,
            scope: Some(scope.into()),
            openid_configuration: None,
        };
        let challenge = server.granted(Grant::Rejected(Box::new(denial))).unwrap().unwrap();
        String::from_utf8(challenge.as_bytes().to_vec()).unwrap()
    };
    let expected = r#"{"status":"403","schemes":"bearer","scope":"a\"\\\u000d\u0000\u00e9\ud83d\ude00\u007f"}"#;
    assert_eq!(told("a\"\\\r\0\u{e9}\u{1f600}\u{7f}"), expected);
    assert!(told(&"x".repeat(Denial::FIELD)).contains("scope"));
    assert!(!told(&"x".repeat(Denial::FIELD + 1)).contains("scope"));
    let longest = told(&"\0".repeat(Denial::FIELD)).len();
    assert!(longest * 2 < super::server::Challenge::OUTPUT);

    let (mut server, _) = Exchange::start(Mechanism::Xoauth2, Some(&message), TLS);
    assert_eq!(server.granted(Grant::Unavailable).unwrap_err(), Failure::Unavailable);
    let (mut server, _) = Exchange::start(Mechanism::Plain, None, TLS);
    assert_eq!(server.granted(Grant::Accepted).unwrap_err(), Failure::Unavailable, "not asked");
}

// RFC: 4422-A-1 4422-A-2 4422-A-3 4422-A-4
#[test]
fn external_messages() {
    let start = |initial: Option<&[u8]>, channel: Channel| {
        Exchange::start(Mechanism::External, initial, channel)
    };
    // RFC 4422 §A.3.
    let (mut server, step) = start(None, TLS);
    assert_eq!(challenge(step), b"");
    let Step::External(shown) = server.respond(b"ZnJlZEBleGFtcGxlLmNvbQ==") else { panic!() };
    assert_eq!(shown.authorization.as_deref(), Some("fred@example.com"));
    let Step::External(shown) = start(Some(b"="), TLS).1 else { panic!() };
    assert_eq!((Some(shown.fingerprint), shown.authorization), (TLS.certificate, None));
    for wrong in [&b"a\0"[..], b"\xff", b"\x07"] {
        assert_eq!(failure(start(Some(&b64(wrong)), TLS).1), Failure::Malformed);
    }
    // It was not offered.
    assert_eq!(failure(start(Some(b"="), PLAIN).1), Failure::Rejected);
}

#[test]
fn accounts_suit_their_mechanisms() {
    let password = Account::new("a", "b").unwrap();
    let token = Account::bearer("a", "b").unwrap();
    let certificate = Account::certificate();
    for mechanism in Mechanism::ALL {
        let kinds = [&password, &token, &certificate];
        let fit: Vec<_> = kinds.into_iter().filter(|kind| kind.suits(mechanism)).collect();
        assert_eq!(fit.len(), 1, "{mechanism}");
        for account in kinds {
            let begun = Client::new(mechanism, account.clone(), &TLS, [0; Client::NONCE]);
            assert_eq!(begun.is_ok(), account.suits(mechanism), "{mechanism}");
        }
    }
    for wrong in ["", "=", "a b", "a=b", "t\u{f6}ken"] {
        assert!(Account::bearer("a", wrong).is_err(), "{wrong}");
    }
}

/// A server that takes no initial response asks for it with an empty challenge.
#[test]
fn the_initial_response_may_come_later() {
    let cases = [
        (Account::new("alice", "geheim").unwrap(), Mechanism::Plain),
        (Account::new("alice", "geheim").unwrap(), ScramSha256Plus),
        (Account::bearer("alice", "geheim").unwrap(), Mechanism::OauthBearer),
        (Account::certificate(), Mechanism::External),
    ];
    for (account, mechanism) in cases {
        let begin = || Client::new(mechanism, account.clone(), &TLS, [0; Client::NONCE]).unwrap();
        let (mut early, mut late) = (begin(), begin());
        let initial = early.initial().unwrap();
        assert_eq!(begin().initial_size(), Some(initial.len()));
        assert_eq!(late.response(b"").unwrap(), initial);
        assert_eq!(early.is_satisfied(), late.is_satisfied());
        assert_eq!(early.initial_size(), None);
        assert_eq!(begin().response(b"x"), Err(Fault::Malformed), "no challenge was due");
    }
}

/// What one exchange held is no use to the next (a server's state of one mechanism, used by another, was once a hole
/// in a widely used mail server).
#[test]
fn every_mechanism_refuses_the_messages_of_the_others() {
    let messages: Vec<(Mechanism, Vec<u8>)> = [
        (Mechanism::Plain, Account::new("alice", "geheim").unwrap()),
        (ScramSha1, Account::new("alice", "geheim").unwrap()),
        (ScramSha256, Account::new("alice", "geheim").unwrap()),
        (ScramSha256Plus, Account::new("alice", "geheim").unwrap()),
        (Mechanism::OauthBearer, Account::bearer("alice", "geheim").unwrap()),
        (Mechanism::Xoauth2, Account::bearer("alice", "geheim").unwrap()),
    ]
    .into_iter()
    .map(|(mechanism, account)| {
        let mut client = Client::new(mechanism, account, &TLS, [0; Client::NONCE]).unwrap();
        (mechanism, client.initial().unwrap().to_vec())
    })
    .collect();
    for (mechanism, _) in &messages {
        for (other, message) in &messages {
            let step = Exchange::start(*mechanism, Some(&b64(message)), TLS).1;
            // The two hashes have the same first message.
            let same = mechanism == other
                || [mechanism, other].iter().all(|it| [ScramSha1, ScramSha256].contains(it));
            assert_eq!(!matches!(step, Step::Failed(_)), same, "{other} to {mechanism}");
        }
    }
}

/// RFC 4616 §2: 255 octets each, of UTF-8.
// RFC: 4616-2-1 4616-2-2 4616-2-4
#[test]
fn plain_takes_long_names() {
    let long = |letter: char| -> String { core::iter::repeat_n(letter, 255).collect() };
    let wide = "\u{e9}".repeat(127);
    for (authorization, user, password) in [
        (long('a'), long('b'), long('c')),
        (wide.clone(), wide.clone() + "x", wide.clone() + "y"),
        (String::new(), long('b'), long('c')),
    ] {
        let message = format!("{authorization}\0{user}\0{password}");
        let step = Exchange::start(Mechanism::Plain, Some(&b64(message.as_bytes())), PLAIN).1;
        let Step::SignIn(credentials) = step else { panic!("{message}") };
        assert_eq!(credentials.user().as_bytes(), user.as_bytes());
        assert_eq!(credentials.password().expose(), password.as_bytes());
        let named = credentials.authorization().map(|name| name.as_bytes().to_vec());
        assert_eq!(named.unwrap_or_default(), authorization.as_bytes());
    }
}

// RFC: 4616-2-2 4616-2-3 4616-2-7 4954-4-18
#[test]
fn plain_messages() {
    // RFC 4616 §4.
    let (_, step) =
        Exchange::start(Mechanism::Plain, Some(&b64(b"\0tim\0tanstaaftanstaaf")), PLAIN);
    let Step::SignIn(credentials) = step else { panic!() };
    assert_eq!(credentials.user().as_bytes(), b"tim");
    assert_eq!(credentials.password().expose(), b"tanstaaftanstaaf");
    let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"Ursel\0Kurt\0xipj3plmq")), PLAIN);
    let Step::SignIn(credentials) = step else { panic!() };
    assert_eq!(credentials.authorization().unwrap().as_bytes(), b"Ursel");
    // Acting as oneself is not acting as another.
    let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"tim\0tim\0x")), PLAIN);
    let Step::SignIn(credentials) = step else { panic!() };
    assert!(credentials.authorization().is_none());

    for text in [
        &b""[..],
        b"tim",
        b"\0tim",
        b"\0\0x",
        b"\0tim\0",
        b"\0tim\0x\0y",
        b"\0t\xff\0x",
        b"\0t\x07\0x",
    ] {
        let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(text)), PLAIN);
        assert_eq!(failure(step), Failure::Malformed, "{text:?}");
    }
}

#[test]
fn lines() {
    // No initial response: an empty challenge for the mechanisms where the client begins.
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        assert_eq!(challenge(Exchange::start(mechanism, None, PLAIN).1), b"");
    }
    assert_eq!(challenge(Exchange::start(Mechanism::Login, None, PLAIN).1), b"Username:");
    // "=" is an empty one; PLAIN has no use for it, and an empty name is no name.
    assert_eq!(failure(Exchange::start(Mechanism::Plain, Some(b"="), PLAIN).1), Failure::Malformed);
    assert_eq!(challenge(Exchange::start(Mechanism::Login, Some(b"="), PLAIN).1), b"Password:");
    assert_eq!(
        challenge(Exchange::start(Mechanism::Login, Some(b"YWxpY2U="), PLAIN).1),
        b"Password:"
    );
    for line in [&b"!"[..], b"YQ", b"YQ=", b"Y Q=", b"YQ==\r", b""] {
        assert_eq!(
            failure(Exchange::start(Mechanism::Plain, Some(line), PLAIN).1),
            Failure::Malformed,
            "{line:?}"
        );
    }
    let (mut exchange, _) = Exchange::start(Mechanism::Login, Some(b"YWxpY2U="), PLAIN);
    assert_eq!(failure(exchange.respond(b"*")), Failure::Cancelled);
    // After the end nothing counts.
    assert_eq!(failure(exchange.respond(b"YQ==")), Failure::Malformed);
    assert_eq!(failure(exchange.found(Found::Unavailable)), Failure::Unavailable);
}

#[test]
fn scram_may_be_cancelled_after_the_proof() {
    let mut client = Client::new(
        Mechanism::ScramSha256,
        Account::new("alice", "x").unwrap(),
        &PLAIN,
        [1; Client::NONCE],
    )
    .unwrap();
    let first = b64(&client.initial().unwrap());
    for (last, right) in [(&b""[..], true), (b"*", false), (b"YQ==", false)] {
        let mut client = Client::new(
            Mechanism::ScramSha256,
            Account::new("alice", "x").unwrap(),
            &PLAIN,
            [1; Client::NONCE],
        )
        .unwrap();
        assert_eq!(b64(&client.initial().unwrap()), first);
        let (mut server, step) = Exchange::start(Mechanism::ScramSha256, Some(&first), PLAIN);
        assert!(matches!(step, Step::Lookup(_)));
        let ours = challenge(server.found(known(Hash::Sha256, "x")));
        let proof = b64(&client.response(&ours).unwrap());
        assert!(!client.is_satisfied(), "the server has proved nothing yet");
        let ours = challenge(server.respond(&proof));
        client.response(&ours).unwrap();
        assert!(client.is_satisfied());
        assert_eq!(matches!(server.respond(last), Step::SignedIn { .. }), right);
    }
}

#[test]
fn unavailable_is_said() {
    let first = b64(b"n,,n=user,r=abc");
    let (mut server, _) = Exchange::start(Mechanism::ScramSha256, Some(&first), PLAIN);
    assert_eq!(failure(server.found(Found::Unavailable)), Failure::Unavailable);
    // A line while the host looks is not one of the exchange.
    let (mut server, _) = Exchange::start(Mechanism::ScramSha256, Some(&first), PLAIN);
    assert_eq!(failure(server.respond(b"")), Failure::Malformed);
}

#[test]
fn names_of_mechanisms() {
    for mechanism in Mechanism::ALL {
        assert_eq!(
            Mechanism::parse(mechanism.to_string().to_lowercase().as_bytes()),
            Some(mechanism)
        );
    }
    assert_eq!(Mechanism::parse(b"SCRAM-SHA-256-"), None);
    assert_eq!(Mechanism::parse(b"CRAM-MD5"), None);
    assert_eq!(Mechanism::parse(b""), None);
}

// RFC: 4616-2-5 5802-2.2-1
#[test]
fn rfc4013_examples() {
    assert_eq!(prepare("I\u{ad}X").as_deref(), Ok("IX"));
    assert_eq!(prepare("user").as_deref(), Ok("user"));
    assert_eq!(prepare("USER").as_deref(), Ok("USER"));
    assert_eq!(prepare("\u{aa}").as_deref(), Ok("a"));
    assert_eq!(prepare("\u{2168}").as_deref(), Ok("IX"));
    assert_eq!(prepare("\u{7}"), Err(Unfit::Prohibited('\u{7}')));
    assert_eq!(prepare("\u{627}\u{31}"), Err(Unfit::Direction));
}

// RFC: 4616-2-5 4616-2-7 4954-4-17 5802-2.2-1 5802-5.1-3
#[test]
fn preparation() {
    assert_eq!(prepare("p\u{a0}w").as_deref(), Ok("p w"));
    assert_eq!(prepare("e\u{301}").as_deref(), Ok("\u{e9}"));
    assert_eq!(prepare("\u{627}\u{31}\u{628}").as_deref(), Ok("\u{627}\u{31}\u{628}"));
    assert_eq!(prepare("\u{627}a\u{628}"), Err(Unfit::Direction));
    assert_eq!(prepare(""), Err(Unfit::Empty));
    assert_eq!(prepare("\u{ad}"), Err(Unfit::Empty));
    for c in [
        '\u{7f}',
        '\u{85}',
        '\u{200e}',
        '\u{e000}',
        '\u{fdd0}',
        '\u{ffff}',
        '\u{1fffe}',
        '\u{e0041}',
    ] {
        let text: String = ['a', c].into_iter().collect();
        assert_eq!(prepare(&text), Err(Unfit::Prohibited(c)));
    }
    // It is its own preparation.
    for text in ["I\u{ad}X", "\u{2168}", "stra\u{df}e", "\u{fb01}", "\u{3000}x"] {
        let once = prepare(text).unwrap().into_owned();
        assert_eq!(prepare(&once).as_deref(), Ok(once.as_str()));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let (mut server, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"\0tim\0CANARY")), PLAIN);
    let shown = format!("{step:?} {server:?}");
    assert!(shown.contains("tim") && !shown.contains("CANARY"), "{shown}");
    let account = Account::new("tim", "CANARY").unwrap();
    let mut client =
        Client::new(Mechanism::Login, account.clone(), &PLAIN, [0; Client::NONCE]).unwrap();
    let shown = format!("{account:?} {client:?} {:?}", server.respond(b""));
    assert!(!shown.contains("CANARY"), "{shown}");
    client.response(b"").unwrap();
    assert!(!format!("{client:?}").contains("CANARY"));
    let verifier = Verifier::derive(Hash::Sha256, Secret::new(b"CANARY"), b"salt", 1);
    assert_eq!(format!("{verifier:?}"), "Verifier { iterations: 1, .. }");
    for mechanism in [Mechanism::OauthBearer, Mechanism::Xoauth2] {
        let account = Account::bearer("tim", "CANARY").unwrap();
        let mut client = Client::new(mechanism, account.clone(), &TLS, [0; Client::NONCE]).unwrap();
        let message = b64(&client.initial().unwrap());
        let (server, step) = Exchange::start(mechanism, Some(&message), TLS);
        let shown = format!("{account:?} {client:?} {server:?} {step:?} {TLS:?}");
        assert!(shown.contains("\"tim\" [secret]") && !shown.contains("CANARY"), "{shown}");
        assert!(!shown.contains("120"), "the exporter: {shown}");
    }
}

proptest::proptest! {
    #[test]
    fn the_server_never_panics(
        mechanism in 0..Mechanism::ALL.len(),
        bound in proptest::bool::ANY,
        initial in proptest::option::of("[ -~]{0,40}"),
        messages in proptest::collection::vec("((n|y|p=tls-exporter),(a=b)?,n=[a-z=2C,]{0,8},r=[ -~]{0,6})|(c=biws,r=[!-~]{0,40},p=[A-Za-z0-9+/]{0,44}={0,2})|(n,(a=b)?,|user=a)\u{1}(host=a\u{1}|port=1\u{1}){0,2}auth=Bearer [a-z =]{0,4}\u{1}{0,3}|\\PC{0,20}", 0..4),
    ) {
        let (mut server, mut step) =
            Exchange::start(
                Mechanism::ALL[mechanism],
                initial.as_deref().map(str::as_bytes),
                if bound { TLS } else { PLAIN },
            );
        for message in messages {
            step = match step {
                Step::Bearer(_) => match server.granted(Grant::Rejected(Box::new(Denial::invalid()))) {
                    Ok(Some(denial)) => Step::Challenge(denial),
                    other => panic!("{other:?}"),
                },
                Step::Lookup(_) => server.found(Found::Unavailable),
                _ => server.respond(&b64(message.as_bytes())),
            };
        }
        let _ = format!("{step:?}");
    }
}

proptest::proptest! {
    // Each case derives three keys.
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]
    #[test]
    fn any_name_survives_the_exchange(
        user in "[!-~]{1,20}",
        password in "\\PC{1,20}",
        mechanism in 0..SCRAM.len(),
    ) {
        if let Ok(account) = Account::new(&user, &password) {
            let (step, _) = talk(SCRAM[mechanism], account, &prepare(&password).unwrap());
            let right = matches!(step, Step::SignedIn { user: found } if found == user);
            proptest::prop_assert!(right);
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_name_and_token_survive_the_exchange(
        user in "\\PC{1,20}",
        token in "[A-Za-z0-9._~+/-]{1,40}={0,2}",
        port in proptest::option::of(1_u16..),
        old in proptest::bool::ANY,
    ) {
        let mechanism = if old { Mechanism::Xoauth2 } else { Mechanism::OauthBearer };
        if let Ok(mut account) = Account::bearer(&user, &token) {
            if let Some(port) = port {
                account = account.connected_to("a.test", port);
            }
            let (step, believed) = talk(mechanism, account.clone(), &token);
            let Step::Bearer(heard) = step else { panic!("{step:?}") };
            proptest::prop_assert!(believed);
            proptest::prop_assert_eq!(heard.user.as_deref(), Some(&*prepare(&user).unwrap()));
            proptest::prop_assert_eq!(heard.secret().expose(), token.as_bytes());
            proptest::prop_assert_eq!(heard.port, port.filter(|_| !old));
            let (step, believed) = talk(mechanism, account, "another one");
            proptest::prop_assert!(matches!(step, Step::Failed(Failure::Rejected)) && !believed);
        }
    }
}
