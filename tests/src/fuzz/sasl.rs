//! What either side of a sign-in can say.

use posthaste_core::sasl::client::{Account, Exchange as Client};
use posthaste_core::sasl::prep::prepare;
use posthaste_core::sasl::server::{Exchange, Step};
use posthaste_core::sasl::{Channel, Denial, Grant, Mechanism};

use super::contains;
use crate::sign_in;

/// What nobody who makes up messages knows, and nobody may print.
const SECRET: &str = "c4narybird";

/// The octet in front: which mechanism, over which channel.
fn setting(octet: u8) -> (Mechanism, Channel) {
    let all = Mechanism::ALL;
    let mechanism = all[usize::from(octet) % all.len()];
    let tls = sign_in::SHOWN;
    let channel = match usize::from(octet) / all.len() % 3 {
        0 => Channel { exporter: tls.exporter, plus: true, certificate: tls.certificate },
        1 => Channel { exporter: tls.exporter, plus: false, certificate: None },
        _ => Channel::default(),
    };
    (mechanism, channel)
}

/// A client of a server: lines, the first of which is the initial response. The first octet names the mechanism and the
/// channel.
pub fn server(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let (mechanism, channel) = setting(first);
    let mut lines = rest.split(|octet| *octet == b'\n');
    let initial = lines.next().filter(|line| !line.is_empty());
    let (mut exchange, mut step) = Exchange::start(mechanism, initial, channel);
    for line in lines {
        let _ = format!("{exchange:?} {step:?}");
        step = match step {
            Step::Bearer(token) => {
                assert!(matches!(mechanism, Mechanism::OauthBearer | Mechanism::Xoauth2));
                assert_eq!(token.mechanism, mechanism);
                let grant = sign_in::grant(&token, SECRET);
                let right = grant == Grant::Accepted;
                match exchange.granted(grant) {
                    Ok(None) => {
                        assert!(right && !token.is_empty());
                        return;
                    }
                    Ok(Some(denial)) => {
                        assert!(!right);
                        assert!(denial.as_bytes().starts_with(b"{\"status\":\""));
                        // Whatever comes now, the token stays wrong.
                        assert!(
                            matches!(exchange.respond(line), Step::Failed(why) if !why.is_fault())
                        );
                        return;
                    }
                    Err(why) => panic!("{why}"),
                }
            }
            Step::Challenge(challenge) => {
                let mut out = Vec::new();
                challenge.write("+ ", &mut out);
                assert!(out.ends_with(b"\r\n") && out[..out.len() - 2].iter().all(u8::is_ascii));
                exchange.respond(line)
            }
            Step::External(certificate) => {
                assert_eq!(Some(certificate.fingerprint), channel.certificate);
                assert_ne!(certificate.authorization.as_deref(), Some(""));
                return;
            }
            Step::Lookup(identity) => {
                assert!(!identity.user.is_empty());
                assert_eq!(identity.mechanism, mechanism);
                assert!(!mechanism.is_bound() || channel.exporter.is_some());
                exchange.found(sign_in::known(&identity, SECRET))
            }
            Step::Failed(_) => {
                // What has failed stays so.
                assert!(matches!(exchange.respond(line), Step::Failed(_)));
                let denied = Grant::Rejected(Box::new(Denial::invalid()));
                assert!(exchange.granted(denied).is_err());
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

/// A server of a client: challenges, each a line. The first octet names the mechanism and the channel. Nobody who does
/// not know the password satisfies SCRAM, and no secret is printed.
pub fn client(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let (mechanism, channel) = setting(first);
    let accounts = [
        Account::new("alice", SECRET),
        Account::bearer("alice", SECRET),
        Ok(Account::certificate()),
    ];
    let suits = |account: &Account| account.suits(mechanism);
    let Some(account) = accounts.into_iter().flatten().find(suits) else { return };
    let begun = Client::new(mechanism, account, &channel, [3; Client::NONCE]);
    let Ok(mut client) = begun else {
        assert!(mechanism.is_bound() && channel.exporter.is_none());
        return;
    };
    // Some servers want nothing in the command.
    if rest.first() != Some(&b'\n') {
        let _ = client.initial();
    }
    for line in rest.split(|octet| *octet == b'\n').take(4) {
        let mut out = Vec::new();
        let said = client.respond(line, &mut out);
        assert!(said.is_ok() || out.is_empty());
        assert!(!contains(format!("{client:?} {said:?}").as_bytes(), SECRET.as_bytes()));
        if mechanism.hash().is_some() {
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
