//! One TLS connection in memory: every cutting, and everything a peer can do wrong.

use std::sync::Arc;

use posthaste_core::machine::{Input, TlsVersion};
use posthaste_tls::{Certificates, ClientTls, Error, ServerTls, Source, Tls, Trust};
use proptest::prelude::*;

fn server() -> ServerTls {
    // Made once: keys are what costs.
    static SERVER: std::sync::OnceLock<ServerTls> = std::sync::OnceLock::new();
    SERVER
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let source = Source::self_signed(folder.path(), &names).unwrap();
            ServerTls::new(Arc::new(Certificates::load(vec![source]).unwrap())).unwrap()
        })
        .clone()
}

fn pair() -> (Tls, Tls) {
    let server = server();
    let trust = Trust::Roots(vec![server.certificates().first()]);
    let client = ClientTls::new(&trust).unwrap().start("localhost").unwrap();
    (client, server.start().unwrap())
}

/// Carries what `from` has to say to `to`, in pieces of the lengths that `cut` gives.
fn carry(
    from: &mut Tls,
    plain: &[u8],
    to: &mut Tls,
    input: &mut Input,
    cut: &mut impl FnMut() -> usize,
) -> Result<usize, Error> {
    let mut wire = Vec::new();
    from.send(plain, &mut wire);
    let mut rest = &wire[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cut().clamp(1, rest.len()));
        to.receive(now, input)?;
        rest = later;
    }
    Ok(wire.len())
}

fn shake(client: &mut Tls, server: &mut Tls, cut: &mut impl FnMut() -> usize) {
    let mut nothing = Input::new();
    for _ in 0..6 {
        carry(client, b"", server, &mut nothing, cut).unwrap();
        carry(server, b"", client, &mut nothing, cut).unwrap();
    }
    assert!(nothing.is_empty());
}

fn whole() -> usize {
    usize::MAX
}

#[test]
fn a_handshake_gives_facts() {
    let (mut client, mut server) = pair();
    assert_eq!((client.ready(), server.ready()), (None, None));
    shake(&mut client, &mut server, &mut whole);
    let (ours, theirs) = (server.ready().unwrap(), client.ready().unwrap());
    assert_eq!(ours.version, TlsVersion::Tls13);
    assert_eq!(ours.cipher, theirs.cipher);
    assert!(theirs.verified, "the server's certificate was checked");
    assert!(!ours.verified, "no client certificate was asked for");
}

/// RFC 4954 §14, RFC 3207 §4.1: who is not who was called, by the names of the certificate, or is vouched for by nobody
/// is not spoken to.
// RFC: 3207-4.1-1 4954-14-1 4954-14-2 4954-14-3 4954-14-4 4954-14-5 4954-14-6 8689-2-4
// RFC: 8689-4.2.1-3
#[test]
fn the_certificate_decides_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = Source::self_signed(folder.path(), &["localhost".to_owned()]).unwrap();
    let stranger = Certificates::load(vec![stranger]).unwrap().first();
    let ours = server().certificates().first();
    for (root, name, believed) in [
        (&ours, "localhost", true),
        (&ours, "LOCALHOST", true),
        (&ours, "127.0.0.1", true),
        (&ours, "other.test", false),
        (&ours, "x.localhost", false),
        (&ours, "127.0.0.2", false),
        (&stranger, "localhost", false),
    ] {
        let trust = Trust::Roots(vec![root.clone()]);
        let mut client = ClientTls::new(&trust).unwrap().start(name).unwrap();
        let mut server = server().start().unwrap();
        let mut nothing = Input::new();
        let mut fault = None;
        for _ in 0..6 {
            let _ = carry(&mut client, b"", &mut server, &mut nothing, &mut whole);
            if let Err(error) = carry(&mut server, b"", &mut client, &mut nothing, &mut whole) {
                fault = Some(error);
            }
        }
        assert_eq!(client.ready().is_some(), believed, "{name}");
        assert_eq!(fault.is_none(), believed, "{name}: {fault:?}");
    }
}

fn talk(cut: &mut impl FnMut() -> usize) {
    let (mut client, mut server) = pair();
    shake(&mut client, &mut server, cut);
    let (mut at_server, mut at_client) = (Input::new(), Input::new());
    let long: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    carry(&mut client, b"EHLO x\r\n", &mut server, &mut at_server, cut).unwrap();
    carry(&mut client, &long, &mut server, &mut at_server, cut).unwrap();
    carry(&mut server, &long, &mut client, &mut at_client, cut).unwrap();
    assert_eq!(at_server.bytes()[..8], *b"EHLO x\r\n");
    assert_eq!(at_server.bytes()[8..], long);
    assert_eq!(at_client.bytes(), long);
    assert!(!at_client.is_ended());
    server.close();
    carry(&mut server, b"", &mut client, &mut at_client, cut).unwrap();
    assert!(at_client.is_ended(), "close_notify ends the input");
    client.end(&mut at_client).unwrap();
}

#[test]
fn fixed_cuttings() {
    for size in [1, 2, 3, 5, 7, 16, 61, 4095, 4096, 4097, 16_384, usize::MAX] {
        talk(&mut || size);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_cuttings(sizes in prop::collection::vec(1..20_000_usize, 1..50)) {
        let mut next = sizes.iter().cycle();
        talk(&mut || next.next().copied().unwrap_or(1));
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 5..3_000)) {
        let mut server = server().start().unwrap();
        let mut input = Input::new();
        let refused = server.receive(&bytes, &mut input).is_err();
        // A header that happens to be right waits for the rest of its record.
        prop_assert!(refused || (20..=24).contains(&bytes[0]));
        prop_assert!(input.is_empty());
        prop_assert!(server.ready().is_none());
    }
}

#[test]
fn a_plain_protocol_is_refused_with_an_alert() {
    let mut server = server().start().unwrap();
    let mut input = Input::new();
    let error = server.receive(b"EHLO client.example\r\n", &mut input).unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let mut wire = Vec::new();
    server.send(b"", &mut wire);
    assert_eq!(wire.first(), Some(&21), "an alert record");
}

/// A ClientHello that offers `version` at most, and sound ciphers of that time.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x09, 0xc0, 0x2b]);
    body.extend([1, 0]);
    // supported_groups: secp256r1; ec_point_formats: uncompressed; signature_algorithms.
    let extensions =
        [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3, 0, 23, 0, 0];
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.push(1);
    record.extend(&(body.len() as u32).to_be_bytes()[1..]);
    record.extend(body);
    record
}

// RFC: 8689-4.2.1-4
#[test]
fn tls_1_1_is_refused() {
    for version in [[3, 0], [3, 1], [3, 2]] {
        let mut server = server().start().unwrap();
        let error = server.receive(&hello(version), &mut Input::new()).unwrap_err();
        assert!(error.to_string().contains("Tls12NotOffered"), "{error}");
        let mut wire = Vec::new();
        server.send(b"", &mut wire);
        // RFC 5246 §7.2.2: protocol_version(70).
        assert_eq!((wire[0], wire.last()), (21, Some(&70)));
    }
}

#[test]
fn the_crafted_hello_is_otherwise_fine() {
    let mut server = server().start().unwrap();
    server.receive(&hello([3, 3]), &mut Input::new()).unwrap();
    let mut wire = Vec::new();
    server.send(b"", &mut wire);
    assert_eq!(wire[..3], [22, 3, 3], "a ServerHello of TLS 1.2");
}

#[test]
fn truncation_is_told() {
    let (mut client, mut server) = pair();
    shake(&mut client, &mut server, &mut whole);
    let mut input = Input::new();
    carry(&mut client, b"QUI", &mut server, &mut input, &mut whole).unwrap();
    assert!(matches!(server.end(&mut input), Err(Error::Truncated)));
    assert!(input.is_ended());
    assert_eq!(input.bytes(), b"QUI");
}

#[test]
fn a_changed_octet_is_refused() {
    let (mut client, mut server) = pair();
    shake(&mut client, &mut server, &mut whole);
    let mut wire = Vec::new();
    client.send(b"MAIL FROM:<>\r\n", &mut wire);
    *wire.last_mut().unwrap() ^= 1;
    let mut input = Input::new();
    assert!(matches!(server.receive(&wire, &mut input), Err(Error::Protocol(_))));
    assert!(input.is_empty());
}

#[test]
fn what_follows_close_notify_is_ignored() {
    let (mut client, mut server) = pair();
    shake(&mut client, &mut server, &mut whole);
    let mut wire = Vec::new();
    client.close();
    client.send(b"", &mut wire);
    wire.extend(b"garbage that is no TLS");
    let mut input = Input::new();
    server.receive(&wire, &mut input).unwrap();
    server.receive(b"more", &mut input).unwrap();
    assert!(input.is_ended() && input.is_empty());
}

#[test]
fn a_record_cannot_make_us_hold_more_than_it_may_be_long() {
    let mut server = server().start().unwrap();
    // Claims 65,535 octets; TLS allows 16 KB and a little.
    let mut wire = vec![22, 3, 1, 0xff, 0xff];
    wire.resize(70_000, 0);
    assert!(server.receive(&wire, &mut Input::new()).is_err());
}

#[test]
fn strangers_are_told_from_friends() {
    let server = server();
    let known = server.certificates().first();
    let other = tempfile::tempdir().unwrap();
    let other = Source::self_signed(other.path(), &["localhost".to_owned()]).unwrap();
    let other = Certificates::load(vec![other]).unwrap().first();
    let cases = [
        (Trust::Roots(vec![known.clone()]), "localhost", true),
        (Trust::Roots(vec![known.clone()]), "127.0.0.1", true),
        (Trust::Roots(vec![known.clone()]), "mail.example", false),
        (Trust::Roots(vec![other.clone()]), "localhost", false),
        (Trust::Only(known), "mail.example", true),
        (Trust::Only(other), "localhost", false),
        (Trust::Anybody, "mail.example", true),
    ];
    for (trust, name, expected) in cases {
        let mut client = ClientTls::new(&trust).unwrap().start(name).unwrap();
        let mut server = server.start().unwrap();
        let mut input = Input::new();
        carry(&mut client, b"", &mut server, &mut input, &mut whole).unwrap();
        let heard = carry(&mut server, b"", &mut client, &mut input, &mut whole);
        assert_eq!(heard.is_ok(), expected, "{name} {heard:?}");
        if expected {
            let verified = !matches!(trust, Trust::Anybody);
            assert_eq!(client.ready().unwrap().verified, verified);
        }
    }
    let any = ClientTls::new(&Trust::Anybody).unwrap();
    assert!(matches!(any.start("not a name"), Err(Error::Name(_))));
    assert!(ClientTls::new(&Trust::Roots(vec![])).is_err());
}

#[test]
fn sessions_resume_without_memory() {
    let server = server();
    let trust = Trust::Roots(vec![server.certificates().first()]);
    let client = ClientTls::new(&trust).unwrap();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let mut client = client.start("localhost").unwrap();
        let mut server = server.start().unwrap();
        let mut input = Input::new();
        carry(&mut client, b"", &mut server, &mut input, &mut whole).unwrap();
        sizes.push(carry(&mut server, b"", &mut client, &mut input, &mut whole).unwrap());
        shake(&mut client, &mut server, &mut whole);
    }
    // A resumed handshake shows no certificate.
    assert!(sizes[1] < sizes[0] / 2, "{sizes:?}");
}
