//! How tests of all protocols answer what machines ask about a sign-in.

use posthaste_core::machine::{Answered, Ask, Fingerprint, Question, TlsFacts};
use posthaste_core::sasl::token::Status;
use posthaste_core::sasl::{Denial, Found, Grant, Identity, Known, Token, Verdict, Verifier};
use posthaste_core::text::Secret;
use proptest::prelude::*;
use proptest::sample::select;

use crate::property::Unit;

/// TLS 1.3 with a client that showed a certificate.
pub const SHOWN: TlsFacts =
    TlsFacts { certificate: Some(Fingerprint([0xce; 32])), ..TlsFacts::TEST };

/// The password and the token of all talks, in clear and in base64 as its octets may lie in it. No event may show
/// them.
pub const SECRETS: &[&str] = &["c4narybird", "YzRuYXJ5YmlyZA", "M0bmFyeWJpcmQ", "jNG5hcnliaXJk"];

/// Sign-ins that want TLS, good and bad, each behind `auth`, the protocol's command.
pub fn talks(auth: &'static str) -> impl Strategy<Value = Vec<Unit>> {
    /// OAUTHBEARER for alice with the token, with another and with none; XOAUTH2 with the token and with another.
    const TOKENS: [&str; 5] = [
        "OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciBjNG5hcnliaXJkAQE=",
        "OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHdyb25nAQE=",
        "OAUTHBEARER biwsAWF1dGg9AQE=",
        "XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBjNG5hcnliaXJkAQE=",
        "XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB3cm9uZwEB",
    ];
    let lines = prop_oneof![
        4 => (select(&TOKENS[..]), select(&["AQ==", "", "*", "QQ=="][..]))
            .prop_map(|(token, dummy)| vec![token.to_owned(), dummy.to_owned()]),
        2 => select(&TOKENS[..]).prop_map(|token| {
            let (mechanism, message) = token.split_once(' ').unwrap_or_default();
            vec![mechanism.to_owned(), message.to_owned()]
        }),
        1 => select(&TOKENS[..]).prop_map(|token| vec![token.to_owned()]),
        1 => "EXTERNAL( =| YWxpY2U=)".prop_map(|line| vec![line]),
        1 => Just(vec!["EXTERNAL".to_owned(), "YWxpY2U=".to_owned()]),
        // `p=tls-exporter` and `y`, where binding is offered.
        1 => Just(vec![
            "SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPWFiYw==".to_owned(),
            "Yz1iaXdz".to_owned(),
        ]),
        1 => "SCRAM-SHA-(1|256) eSwsbj11c2VyLHI9YWJj".prop_map(|line| vec![line]),
        1 => Just(vec!["SCRAM-SHA-1 biwsbj11c2VyLHI9YWJj".to_owned(), "*".to_owned()]),
    ];
    lines.prop_map(move |mut lines| {
        lines[0] = format!("{auth} {}", lines[0]);
        lines.into_iter().map(|line| Unit::new(format!("{line}\r\n"))).collect()
    })
}

/// What checks the proof of whoever has this password. Two rounds, so that it costs nothing.
#[must_use]
pub fn known(identity: &Identity, password: &str) -> Found {
    salted(identity, password, b"salt", 2, 9)
}

/// Whether the token is this one.
#[must_use]
pub fn grant(token: &Token, right: &str) -> Grant {
    if token.secret().expose() == right.as_bytes() {
        Grant::Accepted
    } else {
        Grant::Rejected(Box::new(Denial::invalid()))
    }
}

/// Answers a SCRAM lookup of a transcript: `known PASSWORD` (salt and rounds are those of RFC 7677 §3, and the nonce
/// is eighteen octets 7), or `unavailable`.
///
/// # Errors
/// If it is neither.
pub fn lookup<Q: Question<Answer = Found>>(
    ask: Ask<Q>,
    identity: &Identity,
    text: Option<&str>,
) -> Result<Answered<Q::Protocol>, String> {
    let text = text.unwrap_or("known pencil");
    if text == "unavailable" {
        return Ok(ask.with(Found::Unavailable));
    }
    let password = text.strip_prefix("known ").ok_or("known PASSWORD or unavailable")?;
    // RFC 7677 §3: the salt is W22ZaJ0SNY7soEsUEjb6gQ==.
    let salt = [
        0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa,
        0x81,
    ];
    Ok(ask.with(salted(identity, password, &salt, 4_096, 7)))
}

/// Answers a sign-in of a transcript: `accepted`, `rejected` or `unavailable`.
///
/// # Errors
/// If it is none of them.
pub fn verdict<Q: Question<Answer = Verdict>>(
    ask: Ask<Q>,
    text: Option<&str>,
) -> Result<Answered<Q::Protocol>, String> {
    Ok(ask.with(match text {
        None | Some("accepted") => Verdict::Accepted,
        Some("rejected") => Verdict::Rejected,
        Some("unavailable") => Verdict::Unavailable,
        Some(_) => return Err("accepted, rejected or unavailable".into()),
    }))
}

/// Answers for a bearer token of a transcript: `accepted`, `unavailable`, `rejected` or `insufficient`, the last two with
/// a scope and a URL behind them if they are to be told.
///
/// # Errors
/// If it is none of them.
pub fn bearer<Q: Question<Answer = Grant>>(
    ask: Ask<Q>,
    text: Option<&str>,
) -> Result<Answered<Q::Protocol>, String> {
    let mut words = text.unwrap_or("accepted").split(' ');
    let status = match words.next() {
        Some("accepted") => return Ok(ask.with(Grant::Accepted)),
        Some("unavailable") => return Ok(ask.with(Grant::Unavailable)),
        Some("rejected") => Status::InvalidToken,
        Some("insufficient") => Status::InsufficientScope,
        _ => return Err("accepted, unavailable, rejected or insufficient".into()),
    };
    let mut next = || words.next().map(Into::into);
    let denial = Denial { status, scope: next(), openid_configuration: next() };
    Ok(ask.with(Grant::Rejected(Box::new(denial))))
}

/// Reads the setting `tls` of a transcript: TLS that comes first. `1.3`, `1.2`, which has nothing to bind to, or
/// `certificate`, which the client showed.
///
/// # Errors
/// If it is none of them.
pub fn tls(text: &str) -> Result<TlsFacts, String> {
    use posthaste_core::machine::TlsVersion::Tls12;
    match text {
        "1.2" => Ok(TlsFacts { version: Tls12, exporter: None, ..TlsFacts::TEST }),
        "1.3" => Ok(TlsFacts::TEST),
        "certificate" => Ok(SHOWN),
        other => Err(format!("tls is 1.2, 1.3 or certificate, not {other:?}")),
    }
}

fn salted(identity: &Identity, password: &str, salt: &[u8], rounds: u32, nonce: u8) -> Found {
    let Some(hash) = identity.mechanism.hash() else { return Found::Unavailable };
    let verifier = Verifier::derive(hash, Secret::new(password.as_bytes()), salt, rounds);
    Found::Known(Box::new(Known { verifier, nonce: [nonce; Known::NONCE] }))
}
