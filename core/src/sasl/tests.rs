//! The RFCs' own exchanges, and what must fail.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::client::{Account, Exchange as Client, Fault};
use super::prep::{Unfit, prepare};
use super::server::{Exchange, Step};
use super::{Failure, Found, Known, Mechanism, Verifier, scram};
use crate::grammar::base64;
use crate::text::{OwnedSecret, Secret};

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

fn known(password: &str) -> Found {
    let verifier = Verifier::derive(Secret::new(password.as_bytes()), b"salt of alice", 4_096);
    Found::Known(Box::new(Known { verifier, nonce: [7; Known::NONCE] }))
}

// RFC 7677 §3.
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn rfc7677_server() -> scram::Server {
    let verifier =
        Verifier::derive(Secret::new(b"pencil"), &unb64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4_096);
    let mut server = scram::Server::new(FIRST.as_bytes()).unwrap();
    server.extend_nonce(b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(server.challenge_with(&verifier), CHALLENGE.as_bytes());
    server
}

#[test]
fn rfc7677_example_server() {
    let server = rfc7677_server();
    assert_eq!(server.identity().user, "user");
    assert_eq!(server.prove(FINAL.as_bytes()).unwrap(), LAST.as_bytes());
}

#[test]
fn rfc7677_example_client() {
    let password = OwnedSecret::new(b"pencil".to_vec());
    let mut client =
        scram::Client::with_nonce("user", None, password, b"rOprNGfwEbeRWgbNEkqO".to_vec());
    assert_eq!(client.first(), FIRST.as_bytes());
    assert_eq!(client.prove(CHALLENGE.as_bytes()).unwrap(), FINAL.as_bytes());
    assert_eq!(client.verify(LAST.as_bytes()), Ok(()));
    assert_eq!(
        client.verify(b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        Err(Fault::Signature)
    );
    assert_eq!(client.verify(b"e=invalid-proof"), Err(Fault::Refused));
    assert_eq!(client.verify(b"v=AAAA"), Err(Fault::Malformed));
}

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

#[test]
fn an_optional_extension_is_signed_and_ignored() {
    // The extension is part of what both sign, so an old proof does not fit any more.
    let server = rfc7677_server();
    let message = FINAL.replace(",p=", ",x=y,p=");
    assert_eq!(server.prove(message.as_bytes()), Err(Failure::Rejected));
    assert!(scram::Server::new(b"n,,n=user,r=abc,x=y").is_ok());
}

#[test]
fn first_messages() {
    let good = |text: &str| {
        let server = scram::Server::new(text.as_bytes()).unwrap();
        (server.identity().user.clone(), server.identity().authorization.clone())
    };
    assert_eq!(good("n,,n=user,r=a"), ("user".into(), None));
    assert_eq!(good("y,,n=user,r=a"), ("user".into(), None));
    assert_eq!(good("n,a=boss,n=user,r=a"), ("user".into(), Some("boss".into())));
    assert_eq!(good("n,,n=a=2Cb=3Dc,r=a"), ("a,b=c".into(), None));
    assert_eq!(good("n,,n=I\u{ad}X,r=a"), ("IX".into(), None));

    let bad = |text: &[u8]| scram::Server::new(text).unwrap_err();
    assert_eq!(bad(b"p=tls-unique,,n=user,r=a"), Failure::ChannelBinding);
    for text in [
        "",
        "n",
        "n,,",
        "x,,n=user,r=a",
        "p=,,n=user,r=a",
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

#[test]
fn a_client_does_not_trust_its_server() {
    let client = || {
        scram::Client::with_nonce("user", None, OwnedSecret::new(b"p".to_vec()), b"abc".to_vec())
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

/// Lets both sides talk; what the server's exchange ended with, and whether the client believes it.
fn talk(mechanism: Mechanism, account: Account, password: &str) -> (Step, bool) {
    let mut client = Client::new(mechanism, account, [3; Client::NONCE]);
    let initial = client.initial().map(|message| b64(&message));
    let (mut server, mut step) = Exchange::start(mechanism, initial.as_deref());
    loop {
        step = match step {
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
            Step::Lookup(_) => server.found(known(password)),
            over => return (over, client.is_satisfied()),
        };
    }
}

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
    let (step, believed) = talk(Mechanism::ScramSha256, alice(), "geheim");
    assert!(matches!(step, Step::SignedIn { user } if user == "alice"));
    assert!(believed);
    let (step, believed) = talk(Mechanism::ScramSha256, alice(), "anders");
    assert!(matches!(step, Step::Failed(Failure::Rejected)));
    assert!(!believed);
    let boss = alice().acting_as("a,b=c").unwrap();
    let (step, _) = talk(Mechanism::ScramSha256, boss, "geheim");
    assert!(matches!(step, Step::SignedIn { user } if user == "a,b=c"));
    let (Step::SignIn(credentials), _) =
        talk(Mechanism::Plain, alice().acting_as("boss").unwrap(), "")
    else {
        panic!()
    };
    assert_eq!(credentials.authorization().unwrap().as_bytes(), b"boss");
}

#[test]
fn plain_messages() {
    // RFC 4616 §4.
    let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"\0tim\0tanstaaftanstaaf")));
    let Step::SignIn(credentials) = step else { panic!() };
    assert_eq!(credentials.user().as_bytes(), b"tim");
    assert_eq!(credentials.password().expose(), b"tanstaaftanstaaf");
    let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"Ursel\0Kurt\0xipj3plmq")));
    let Step::SignIn(credentials) = step else { panic!() };
    assert_eq!(credentials.authorization().unwrap().as_bytes(), b"Ursel");
    // Acting as oneself is not acting as another.
    let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"tim\0tim\0x")));
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
        let (_, step) = Exchange::start(Mechanism::Plain, Some(&b64(text)));
        assert_eq!(failure(step), Failure::Malformed, "{text:?}");
    }
}

#[test]
fn lines() {
    // No initial response: an empty challenge for the mechanisms where the client begins.
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        assert_eq!(challenge(Exchange::start(mechanism, None).1), b"");
    }
    assert_eq!(challenge(Exchange::start(Mechanism::Login, None).1), b"Username:");
    // "=" is an empty one; PLAIN has no use for it, and an empty name is no name.
    assert_eq!(failure(Exchange::start(Mechanism::Plain, Some(b"=")).1), Failure::Malformed);
    assert_eq!(challenge(Exchange::start(Mechanism::Login, Some(b"=")).1), b"Password:");
    assert_eq!(challenge(Exchange::start(Mechanism::Login, Some(b"YWxpY2U=")).1), b"Password:");
    for line in [&b"!"[..], b"YQ", b"YQ=", b"Y Q=", b"YQ==\r", b""] {
        assert_eq!(
            failure(Exchange::start(Mechanism::Plain, Some(line)).1),
            Failure::Malformed,
            "{line:?}"
        );
    }
    let (mut exchange, _) = Exchange::start(Mechanism::Login, Some(b"YWxpY2U="));
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
        [1; Client::NONCE],
    );
    let first = b64(&client.initial().unwrap());
    for (last, right) in [(&b""[..], true), (b"*", false), (b"YQ==", false)] {
        let mut client = Client::new(
            Mechanism::ScramSha256,
            Account::new("alice", "x").unwrap(),
            [1; Client::NONCE],
        );
        assert_eq!(b64(&client.initial().unwrap()), first);
        let (mut server, step) = Exchange::start(Mechanism::ScramSha256, Some(&first));
        assert!(matches!(step, Step::Lookup(_)));
        let ours = challenge(server.found(known("x")));
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
    let (mut server, _) = Exchange::start(Mechanism::ScramSha256, Some(&first));
    assert_eq!(failure(server.found(Found::Unavailable)), Failure::Unavailable);
    // A line while the host looks is not one of the exchange.
    let (mut server, _) = Exchange::start(Mechanism::ScramSha256, Some(&first));
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
    assert_eq!(Mechanism::parse(b"SCRAM-SHA-256-PLUS"), None);
    assert_eq!(Mechanism::parse(b"CRAM-MD5"), None);
    assert_eq!(Mechanism::parse(b""), None);
}

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
    let (mut server, step) = Exchange::start(Mechanism::Plain, Some(&b64(b"\0tim\0CANARY")));
    let shown = format!("{step:?} {server:?}");
    assert!(shown.contains("tim") && !shown.contains("CANARY"), "{shown}");
    let account = Account::new("tim", "CANARY").unwrap();
    let mut client = Client::new(Mechanism::Login, account.clone(), [0; Client::NONCE]);
    let shown = format!("{account:?} {client:?} {:?}", server.respond(b""));
    assert!(!shown.contains("CANARY"), "{shown}");
    client.response(b"").unwrap();
    assert!(!format!("{client:?}").contains("CANARY"));
    let verifier = Verifier::derive(Secret::new(b"CANARY"), b"salt", 1);
    assert_eq!(format!("{verifier:?}"), "Verifier { iterations: 1, .. }");
}

proptest::proptest! {
    #[test]
    fn the_server_never_panics(
        mechanism in 0usize..3,
        initial in proptest::option::of("[ -~]{0,40}"),
        messages in proptest::collection::vec("([nyp],(a=b)?,n=[a-z=2C,]{0,8},r=[ -~]{0,6})|(c=biws,r=[!-~]{0,40},p=[A-Za-z0-9+/]{0,44}={0,2})|\\PC{0,20}", 0..4),
    ) {
        let (mut server, mut step) =
            Exchange::start(Mechanism::ALL[mechanism], initial.as_deref().map(str::as_bytes));
        for message in messages {
            step = match step {
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
    fn any_name_survives_the_exchange(user in "[!-~]{1,20}", password in "\\PC{1,20}") {
        if let Ok(account) = Account::new(&user, &password) {
            let (step, _) = talk(Mechanism::ScramSha256, account, &prepare(&password).unwrap());
            let right = matches!(step, Step::SignedIn { user: found } if found == user);
            proptest::prop_assert!(right);
        }
    }
}
