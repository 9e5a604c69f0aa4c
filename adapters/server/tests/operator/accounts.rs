//! Account commands, with and without a running server.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use posthaste_core::sasl::client::Account;
use posthaste_core::session::{Act, Pair, Place as To};
use posthaste_core::smtp::SmtpClient;
use posthaste_core::smtp::client::{Client, Config, Event, Order, TlsPolicy};
use posthaste_mio::blocking;
use posthaste_tls::{ClientTls, Source, Trust, Upgrade};

use crate::place::{PASSWORD, Place};
use crate::program::run_with_input;

const ANN: &str = "ann@example.org";

/// Signs in at the submission port by a TLS certificate; what happened.
fn by_certificate(place: &Place, own: &Source) -> String {
    let mut config = Config::new("client.test");
    config.tls = TlsPolicy::Required;
    config.account = Some(Account::certificate());
    let heard = Arc::new(Mutex::new(String::new()));
    let hears = Arc::clone(&heard);
    let handler = move |event: Event<'_>, _: &To<SmtpClient>| -> Act<SmtpClient> {
        *hears.lock().unwrap() += &format!("{event:?}\n");
        match event {
            Event::Ready(ask) => ask.with(Order::Quit).into(),
            _ => Act::Done,
        }
    };
    let tls = ClientTls::with_certificate(&Trust::Anybody, own).unwrap();
    let wait = std::time::Duration::from_secs(10);
    let stream = blocking::connect("127.0.0.1", place.submission, wait).unwrap();
    let machine = Client::new(Arc::new(config), [1; 18]);
    let upgrade = Upgrade::Client(tls, "localhost".to_owned());
    blocking::converse(
        stream,
        |inbox| Pair::new(machine, handler, To::new(inbox.clone(), 0)),
        Some(&upgrade),
        false,
    )
    .unwrap();
    heard.lock().unwrap().clone()
}

#[test]
fn a_certificate_signs_in_where_that_is_wanted() {
    let place = Place::with(&[ANN]);
    let made = |name: &str| {
        let folder = place.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        Source::self_signed(&folder, &[name.to_owned()]).unwrap()
    };
    let (laptop, other) = (made("laptop"), made("other"));
    let file = laptop.certificate.to_str().unwrap();
    let print = posthaste_tls::certificates::fingerprint(&laptop.certificate).unwrap().to_string();

    // By default nobody is asked for one.
    let server = place.serve();
    assert!(by_certificate(&place, &laptop).contains("GaveUp"));
    server.stop();

    place.configure("client_certificates = true", "");
    let server = place.serve();
    assert!(by_certificate(&place, &laptop).contains("SignInFailed 535"));
    let add = ["certificate", "add", ANN, file];
    assert_eq!(place.account(&add, "").fine(), format!("added {print}\n"));
    assert!(by_certificate(&place, &laptop).contains("SignedIn 235"));
    assert!(by_certificate(&place, &other).contains("SignInFailed 535"));
    assert!(place.signs_in(ANN, PASSWORD), "passwords do as before");
    place.account(&add, "").fails(65, &["exists already"]);
    let listed = place.account(&["certificate", "list", ANN], "").fine();
    assert_eq!(listed, format!("{print}\n"));
    place.account(&["certificate", "add", ANN, "nonsense"], "").fails(65, &["nonsense", "64"]);
    place.account(&["certificate", "list", "x@example.org"], "").fails(65, &["there is no"]);
    server.stop();

    // Without a server, by the fingerprint as openssl writes it.
    let pairs: Vec<&str> = (0..32).map(|at| &print[2 * at..2 * at + 2]).collect();
    let remove = ["certificate", "remove", ANN, &pairs.join(":").to_uppercase()];
    place.account(&remove, "").fine();
    place.account(&remove, "").fails(65, &["there is no certificate"]);
    let server = place.serve();
    assert!(by_certificate(&place, &laptop).contains("SignInFailed 535"));
    server.stop();
}

/// Mistakes, each named. None changes anything.
fn mistakes(place: &Place) {
    place.add("Ann@EXAMPLE.org").fails(65, &["exists already"]);
    place.add("nonsense").fails(65, &["\"nonsense\" is not an address"]);
    let carl = ["add", "carl@example.org", "--password-stdin"];
    place.account(&carl, "").fails(65, &["the password is empty"]);
    place.account(&carl[..2], "").fails(64, &["--password-stdin"]);
    let wrong = ["add", "carl@example.org", "--quota", "lots", "--password-stdin"];
    place.account(&wrong, PASSWORD).fails(64, &["--quota cannot be \"lots\"", "50 MiB"]);
    let nobody = ["password", "carl@example.org", "--password-stdin"];
    place.account(&nobody, PASSWORD).fails(65, &["there is no", "carl@example.org"]);
    place.account(&["remove", "carl@example.org", "--yes"], "").fails(65, &["carl@example.org"]);
}

/// What holds whether or not a server runs.
fn manage(place: &Place) {
    assert_eq!(place.add(ANN).fine(), format!("added {ANN}\n"));
    let quota = ["add", "bob@example.org", "--quota", "5 MiB", "--password-stdin"];
    place.account(&quota, PASSWORD).fine();
    let listed = place.account(&["list"], "").fine();
    for word in [ANN, "bob@example.org", "5 MiB", "quota"] {
        assert!(listed.contains(word), "{listed}");
    }
    let json = place.account(&["list", "--json"], "").fine();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["address"], ANN);
    assert_eq!(json[1]["quota"], 5 << 20);

    place.add(ANN).fails(65, &[ANN, "exists already"]);
    place.add("ann@elsewhere.test").fails(65, &["none of the configured domains", "[[domain]]"]);
    place.account(&["remove", ANN], "").fails(64, &["Remove", ANN, "--yes"]);
    assert!(place.account(&["list"], "").fine().contains(ANN));
    place.account(&["password", ANN, "--password-stdin"], "another").fine();
    place.account(&["remove", "bob@example.org", "--yes"], "").fine();
    assert!(!place.account(&["list"], "").fine().contains("bob@"));
}

#[test]
fn without_a_server() {
    let place = Place::new();
    manage(&place);
    let server = place.serve();
    assert!(place.signs_in(ANN, "another"));
    assert!(!place.signs_in(ANN, PASSWORD));
    server.stop();
}

#[test]
fn while_the_server_runs() {
    let place = Place::new();
    let server = place.serve();
    let socket = place.data().join("control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    manage(&place);
    mistakes(&place);
    assert!(place.signs_in(ANN, "another"));
    assert!(!place.signs_in(ANN, PASSWORD));
    let reply = place.deliver("bob@example.org", "too late");
    assert!(reply.starts_with("550 5.1.1"), "{reply}");
    assert!(place.deliver("Ann+tag@example.org", "hello").starts_with("250"));
    let listed = place.account(&["list", "--json"], "").fine();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["messages"], 1);
    server.stop();
    assert!(!socket.exists());
    // `--data` alone finds it, too.
    let data = place.data().display().to_string();
    let listed = run_with_input(&["account", "list", "--data", &data], "").fine();
    assert!(listed.contains(ANN), "{listed}");
}

#[test]
fn a_folder_that_is_not_there() {
    let said = run_with_input(&["account", "list", "--data", "/nowhere/data"], "");
    said.fails(74, &["/nowhere/data", "--data DIR or --config FILE"]);
}
