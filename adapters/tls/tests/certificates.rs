//! Certificates from files: made, read, refused by name, exchanged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use posthaste_core::machine::Input;
use posthaste_tls::{CertificateError, Certificates, ClientTls, ServerTls, Source, Trust};

fn make(folder: &Path, name: &str) -> Source {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    Source::self_signed(&folder, &[name.to_owned()]).unwrap()
}

/// Whether a client that looks for `name` and trusts `root` gets through.
fn shows(server: &ServerTls, name: &str, root: Vec<u8>) -> bool {
    let mut client = ClientTls::new(&Trust::Only(root)).unwrap().start(name).unwrap();
    let mut server = server.start().unwrap();
    let (mut wire, mut input) = (Vec::new(), Input::new());
    client.send(b"", &mut wire);
    server.receive(&wire, &mut input).unwrap();
    wire.clear();
    server.send(b"", &mut wire);
    client.receive(&wire, &mut input).is_ok()
}

fn der(source: &Source) -> Vec<u8> {
    Certificates::load(vec![source.clone()]).unwrap().first()
}

#[test]
fn a_certificate_is_made_once_and_its_key_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["mail.example".to_owned(), "::1".to_owned()];
    let source = Source::self_signed(folder.path(), &names).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&source.key), 0o600);
    assert_eq!(mode(&source.certificate), 0o644);
    let first = der(&source);
    assert_eq!(der(&Source::self_signed(folder.path(), &names).unwrap()), first);
    // A start that crashed between the two files makes both anew.
    fs::remove_file(&source.certificate).unwrap();
    assert_ne!(der(&Source::self_signed(folder.path(), &names).unwrap()), first);
    let expires = Certificates::load(vec![source]).unwrap().expires();
    let days = expires.duration_since(SystemTime::now()).unwrap().as_secs() / 86_400;
    assert!((9 * 365..=11 * 366).contains(&days), "{days} days");
}

#[test]
fn the_name_that_is_asked_for_decides() {
    let folder = tempfile::tempdir().unwrap();
    let sources: Vec<_> =
        ["a.example", "b.example", "*.c.example"].map(|n| make(folder.path(), n)).into();
    let ders: Vec<_> = sources.iter().map(der).collect();
    let server = ServerTls::new(Arc::new(Certificates::load(sources).unwrap())).unwrap();
    let cases = [
        ("a.example", 0),
        ("B.Example", 1),
        ("x.c.example", 2),
        ("c.example", 0),
        ("x.y.c.example", 0),
        ("unknown.example", 0),
        ("192.0.2.1", 0),
    ];
    for (name, expected) in cases {
        for (index, der) in ders.iter().enumerate() {
            assert_eq!(shows(&server, name, der.clone()), index == expected, "{name} {index}");
        }
    }
}

#[test]
fn reload_exchanges_them_and_a_mistake_keeps_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let source = make(folder.path(), "old.example");
    let certificates = Arc::new(Certificates::load(vec![source.clone()]).unwrap());
    let server = ServerTls::new(certificates.clone()).unwrap();
    let old = certificates.first();
    let new = make(folder.path(), "new.example");
    let new_der = der(&new);

    fs::copy(&new.certificate, &source.certificate).unwrap();
    assert!(matches!(certificates.reload(), Err(CertificateError::Mismatch { .. })));
    assert!(shows(&server, "old.example", old.clone()));

    fs::copy(&new.key, &source.key).unwrap();
    certificates.reload().unwrap();
    assert!(!shows(&server, "old.example", old.clone()));
    assert!(shows(&server, "new.example", new_der));

    assert!(certificates.replace(vec![]).is_err());
    let third = make(folder.path(), "third.example");
    certificates.replace(vec![third.clone()]).unwrap();
    certificates.reload().unwrap();
    assert_eq!(certificates.first(), der(&third));
}

#[test]
fn mistakes_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let good = make(folder.path(), "good.example");
    let other = make(folder.path(), "other.example");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(path("broken"), broken).unwrap();
    let unended = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    fs::write(path("unended"), unended).unwrap();
    let (cert, key) = (good.certificate.clone(), good.key.clone());
    let cases = [
        (path("missing"), key.clone(), "cannot read", "missing"),
        (cert.clone(), path("missing"), "cannot read", "missing"),
        (path("empty"), key.clone(), "no certificate", "empty"),
        (key.clone(), key.clone(), "no certificate", "tls-self-signed.key"),
        (cert.clone(), path("empty"), "no private key", "empty"),
        (cert.clone(), cert.clone(), "no private key", "tls-self-signed.pem"),
        (cert.clone(), other.key, "does not belong", "good.example"),
        (path("broken"), key.clone(), "broken", "broken"),
        (path("unended"), key, "unended", "unended"),
    ];
    for (certificate, key, what, file) in cases {
        let error = Certificates::load(vec![Source { certificate, key }]).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(file), "{what}: {error}");
    }
    let error = Source::self_signed(&path("nowhere"), &["x".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("nowhere"), "{error}");
    let error = Source::self_signed(folder.path(), &["é".to_owned()]).unwrap_err().to_string();
    assert!(error.contains('é'), "{error}");
}
