//! What either side of a sign-in can say.

use posthaste_core::sasl::client::{Account, Exchange as Client};
use posthaste_core::sasl::prep::prepare;
use posthaste_core::sasl::server::{Exchange, Step};
use posthaste_core::sasl::{Found, Known, Mechanism, Verifier};
use posthaste_core::text::Secret;

/// A client of a server: lines, the first of which is the initial response. The first octet names the mechanism.
pub fn server(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let mechanism = Mechanism::ALL[usize::from(first) % Mechanism::ALL.len()];
    let mut lines = rest.split(|octet| *octet == b'\n');
    let initial = lines.next().filter(|line| !line.is_empty());
    let (mut exchange, mut step) = Exchange::start(mechanism, initial);
    for line in lines {
        let _ = format!("{exchange:?} {step:?}");
        step = match step {
            Step::Challenge(challenge) => {
                let mut out = Vec::new();
                challenge.write("+ ", &mut out);
                assert!(out.ends_with(b"\r\n") && out[..out.len() - 2].iter().all(u8::is_ascii));
                exchange.respond(line)
            }
            Step::Lookup(identity) => {
                assert!(!identity.user.is_empty());
                exchange.found(Found::Known(Box::new(Known {
                    verifier: Verifier::derive(Secret::new(b"geheim"), b"salt", 1),
                    nonce: [1; Known::NONCE],
                })))
            }
            Step::Failed(_) => {
                // What has failed stays so.
                assert!(matches!(exchange.respond(line), Step::Failed(_)));
                return;
            }
            Step::SignIn(credentials) => {
                assert!(!credentials.user().is_empty());
                assert!(!credentials.password().expose().is_empty());
                return;
            }
            Step::SignedIn { .. } => panic!("nobody knows the password's proof"),
        };
    }
}

/// A server of a client: challenges, each a line. The first octet names the mechanism. Nobody who does not know the
/// password satisfies SCRAM.
pub fn client(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let mechanism = Mechanism::ALL[usize::from(first) % Mechanism::ALL.len()];
    let Ok(account) = Account::new("alice", "geheim") else { return };
    let mut client = Client::new(mechanism, account, [3; Client::NONCE]);
    let _ = client.initial();
    for line in rest.split(|octet| *octet == b'\n').take(4) {
        let mut out = Vec::new();
        let said = client.respond(line, &mut out);
        assert!(said.is_ok() || out.is_empty());
        let _ = format!("{client:?} {said:?}");
        if mechanism == Mechanism::ScramSha256 {
            assert!(!client.is_satisfied());
        }
        if said.is_err() {
            assert!(!client.is_satisfied());
            return;
        }
    }
}

/// What was prepared is its own preparation, and ASCII is left alone.
pub fn prep(octets: &[u8]) {
    let Ok(text) = core::str::from_utf8(octets) else { return };
    let Ok(once) = prepare(text) else { return };
    assert!(!once.is_empty());
    if text.is_ascii() {
        assert_eq!(once, text);
    }
    assert_eq!(prepare(&once).as_deref(), Ok(&*once));
}
