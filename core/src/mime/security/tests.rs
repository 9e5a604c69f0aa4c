use alloc::{format, vec};

use proptest::prelude::*;

use super::*;
use crate::mime::Structure;

fn of<T>(message: &str, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let tree = Structure::of(message.as_bytes());
    look(&Message::new(&tree, message.as_bytes()))
}

fn multipart(head: &str, parts: &[&str]) -> String {
    let mut out = format!("Content-Type: multipart/{head}; boundary=x\r\n\r\n");
    for part in parts {
        out += &format!("--x\r\n{part}\r\n");
    }
    out + "--x--\r\n"
}

/// RFC 1847 §2.1, RFC 3156 §5, RFC 8551 §3.5.3.
#[test]
fn signed_parts() {
    let part = "Content-Type: text/plain\r\n\r\nThis is\r\n";
    for (head, signature, protocol, algorithm) in [
        (
            "signed; protocol=\"application/pgp-signature\"; micalg=pgp-SHA256",
            "application/pgp-signature",
            Protocol::Pgp,
            Some("pgp-sha256"),
        ),
        (
            "signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
            "application/pkcs7-signature",
            Protocol::Smime,
            Some("sha-256"),
        ),
        (
            "signed; protocol=\"application/x-pkcs7-signature\"",
            "application/octet-stream",
            Protocol::Smime,
            None,
        ),
        ("signed", "application/pgp-signature", Protocol::Pgp, None),
        ("signed; protocol=x", "text/plain", Protocol::Other, None),
    ] {
        let message = multipart(head, &[part, &format!("Content-Type: {signature}\r\n\r\nx")]);
        of(&message, |message| {
            let Some(Security::Signed(signed)) = Security::of(message, 0) else { panic!("{head}") };
            assert_eq!(
                (signed.protocol, signed.algorithm.as_deref()),
                (protocol, algorithm),
                "{head}"
            );
            assert_eq!((signed.content, signed.signature), (Some(1), Some(2)));
            assert_eq!(&*signed.octets(message).unwrap(), part.as_bytes());
            assert_eq!(Security::find(message).unwrap().0, 0);
        });
    }
    of(&multipart("signed", &[]), |message| {
        let Some(Security::Signed(signed)) = Security::of(message, 0) else { panic!() };
        assert!(signed.content.is_none() && signed.octets(message).is_none());
    });
    of(&multipart("mixed", &[part]), |message| assert_eq!(Security::find(message), None));
}

#[test]
fn what_is_signed_is_canonical() {
    let message =
        "Content-Type: multipart/signed; boundary=x\n\n--x\nA: b\n\nText\n\n--x\n\ns\n--x--\n";
    of(message, |message| {
        let Some(Security::Signed(signed)) = Security::of(message, 0) else { panic!() };
        assert_eq!(&*signed.octets(message).unwrap(), b"A: b\r\n\r\nText\r\n");
    });
    assert!(matches!(canonical(b"a\r\nb\r"), Cow::Borrowed(_)));
    assert_eq!(&*canonical(b"\na\r\n\n\rb\n"), b"\r\na\r\n\r\n\rb\r\n");
}

/// RFC 3156 §4.
#[test]
fn encrypted_parts() {
    let message = multipart(
        "encrypted; protocol=\"application/pgp-encrypted\"",
        &[
            "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
            "Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----",
        ],
    );
    let found = of(&message, |message| Security::of(message, 0));
    assert_eq!(
        found,
        Some(Security::Encrypted(Encrypted {
            protocol: Protocol::Pgp,
            control: Some(1),
            content: Some(2)
        }))
    );
}

/// RFC 8551 §3.2.2, §3.2.1; and what the content says where the header does not.
#[test]
fn parts_of_smime() {
    let body = "Content-Transfer-Encoding: base64\r\n\r\n";
    for (message, kind) in [
        ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\n".into(), Some(Smime::Enveloped)),
        ("Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data\r\n\r\n".into(), Some(Smime::AuthEnveloped)),
        ("Content-Type: application/x-pkcs7-mime; smime-type=\"signed-data\"\r\n\r\n".into(), Some(Smime::Signed)),
        ("Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n".into(), Some(Smime::Compressed)),
        ("Content-Type: application/pkcs7-mime; smime-type=certs-only; name=smime.p7c\r\n\r\n".into(), Some(Smime::Certificates)),
        ("Content-Type: application/pkcs7-mime; name=x.p7c\r\n\r\n".into(), Some(Smime::Certificates)),
        ("Content-Type: application/pkcs7-mime\r\n\r\n".into(), Some(Smime::Unknown)),
        (format!("Content-Type: application/octet-stream; name=smime.p7m\r\n{body}MIIBBgYJKoZIhvcNAQcDoA=="), Some(Smime::Enveloped)),
        (format!("Content-Type: application/pkcs7-mime\r\n{body}MIAGCSqGSIb3DQEHAqCA"), Some(Smime::Signed)),
        (format!("Content-Type: application/pkcs7-mime\r\n{body}MIAGCyqGSIb3DQEJEAEJoIA="), Some(Smime::Compressed)),
        (format!("Content-Type: application/pkcs7-mime\r\n{body}MIIBBgYLKoZIhvcNAQkQARegggE="), Some(Smime::AuthEnveloped)),
        ("Content-Type: application/octet-stream; name=a.bin\r\n\r\n".into(), None),
        ("Content-Type: application/octet-stream; name=p7m\r\n\r\n".into(), None),
        ("Content-Type: text/plain; name=a.p7m\r\n\r\n".into(), None),
    ] {
        let message: String = message;
        let found = of(&message, |message| Security::of(message, 0));
        assert_eq!(found, kind.map(Security::Smime), "{message}");
    }
}

fn armours(text: &str) -> Vec<(Armour, &str, bool)> {
    blocks(text).map(|block| (block.armour, &text[block.data.clone()], block.closed)).collect()
}

#[test]
fn armours_in_text() {
    let signed = "Hi\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n- -- dash\r\nUrl: x\r\n-----BEGIN PGP SIGNATURE-----\r\nVersion: 1\r\n\r\niQ=\r\n-----END PGP SIGNATURE-----\r\nBye\r\n";
    assert_eq!(armours(signed), [(Armour::Signed, "- -- dash\r\nUrl: x\r\n", true)]);
    assert_eq!(clear_text("- -- dash\r\nUrl: x\r\n"), "-- dash\nUrl: x\n");
    let whole = blocks(signed).next().unwrap().whole;
    assert!(
        signed[whole.clone()].starts_with("-----BEGIN")
            && signed[whole].ends_with("SIGNATURE-----\r\n")
    );
    for (text, wanted) in [
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\nComment: y\n\nab\n-----END PGP PUBLIC KEY BLOCK-----",
            vec![(Armour::PublicKey, "ab\n", true)],
        ),
        (
            "-----BEGIN PGP MESSAGE-----\nab\n-----END PGP MESSAGE-----",
            vec![(Armour::Message, "ab\n", true)],
        ),
        ("-----BEGIN PGP MESSAGE, PART 1/2----- \n\nab", vec![(Armour::Message, "ab", false)]),
        (
            "-----BEGIN PGP MESSAGE-----\n\na\n-----BEGIN PGP SIGNATURE-----\n\nb\n-----END PGP SIGNATURE-----\n-----END PGP MESSAGE-----",
            vec![(Armour::Message, "a\n", false), (Armour::Signature, "b\n", true)],
        ),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", vec![(Armour::PrivateKey, "", false)]),
        (
            " -----BEGIN PGP MESSAGE-----\n> -----BEGIN PGP MESSAGE-----\n-----BEGIN PGP X-----\n-----BEGIN PGP MESSAGE",
            vec![],
        ),
    ] {
        assert_eq!(armours(text), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn armours_stand_in_order(text in "(-----(BEGIN|END) PGP (SIGNED MESSAGE|SIGNATURE|MESSAGE)-----|\r?\n|a: b|\u{e9}){0,30}") {
        let mut last = 0;
        for block in blocks(&text) {
            prop_assert!(block.whole.start >= last && block.whole.contains(&block.whole.start));
            prop_assert!(block.data.start >= block.whole.start && block.data.end <= block.whole.end);
            prop_assert!(block.data.start <= block.data.end);
            prop_assert!(text.get(block.data.clone()).is_some() && text.get(block.whole.clone()).is_some());
            last = block.whole.end;
        }
    }

    #[test]
    fn canonical_form_is_one(octets: Vec<u8>, lines in "[a\r\n]{0,30}") {
        for octets in [&octets[..], lines.as_bytes()] {
            let once = canonical(octets).into_owned();
            prop_assert_eq!(&*canonical(&once), &once[..]);
        }
    }
}
