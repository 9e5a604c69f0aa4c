use alloc::vec::Vec;

use super::*;
use crate::mime::Structure;

fn with<T>(bytes: &str, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let bytes = bytes.replace('\n', "\r\n");
    let tree = Structure::of(bytes.as_bytes());
    look(&Message::new(&tree, bytes.as_bytes()))
}

/// RFC 2387 §5.1, in short.
#[test]
fn the_root_of_related_parts() {
    let parts = "--x\nContent-ID: <a@b>\n\n1\n--x\nContent-ID: <c@d>\n\n2\n--x--\n";
    for (start, root) in [
        ("", Some(1)),
        ("; start=\"<c@d>\"", Some(2)),
        ("; start=c@d", Some(2)),
        ("; start=\"<e>\"", Some(1)),
    ] {
        let message =
            alloc::format!("Content-Type: multipart/related; boundary=x{start}\n\n{parts}");
        assert_eq!(with(&message, |message| related_root(message, 0)), root, "{start}");
    }
    let mixed = alloc::format!("Content-Type: multipart/mixed; boundary=x\n\n{parts}");
    assert_eq!(with(&mixed, |message| related_root(message, 0)), None);
    assert_eq!(with("\n", |message| related_root(message, 7)), None);
}

/// RFC 2046 §5.1.5, its example in short.
#[test]
fn messages_of_a_digest() {
    let digest_text = "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\n1\n--x\n\
        Content-Type: text/plain\n\nnone\n--x\n\nSubject: b\n\n2\n--x--\n";
    let subjects = with(digest_text, |message| {
        digest(message, 0)
            .map(|at| message.head(at).subject().unwrap().into_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(subjects, ["a", "b"]);
    assert_eq!(with("\n", |message| digest(message, 0).count()), 0);
}

/// RFC 2046 §5.2.2.
#[test]
fn pieces_of_a_message() {
    let partial = |params: &str| {
        with(&alloc::format!("Content-Type: message/partial; {params}\n\nx"), |message| {
            Partial::of(message, 0)
        })
    };
    assert_eq!(
        partial("number=2; total=3; id=\"oc=jpbe0M2Yt4s@thumper.bellcore.com\""),
        Some(Partial {
            id: b"oc=jpbe0M2Yt4s@thumper.bellcore.com".to_vec(),
            number: 2,
            total: Some(3)
        })
    );
    assert_eq!(partial("number=1; id=a").unwrap().total, None);
    for params in
        ["number=0; id=a", "number=3; total=2; id=a", "number=1", "id=a", "number=x; id=a"]
    {
        assert_eq!(partial(params), None, "{params}");
    }
}

/// RFC 2046 §5.2.3.7 and RFC 2017.
#[test]
fn bodies_that_are_elsewhere() {
    let ftp = "Content-Type: message/external-body; name=\"BodyFormats.ps\"; site=\"thumper.bellcore.com\"; \
        mode=\"image\"; access-type=ANON-FTP; directory=\"pub\"; expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\n\n\
        Content-type: application/postscript\nContent-ID: <id42@guppylake.bellcore.com>\n\n";
    with(ftp, |message| {
        let found = ExternalBody::of(message, 0).unwrap();
        let Access::Ftp { kind, site, directory, name, mode } = &found.access else { panic!() };
        assert_eq!(
            (kind.as_str(), site.as_str(), name.as_str()),
            ("anon-ftp", "thumper.bellcore.com", "BodyFormats.ps")
        );
        assert_eq!((directory.as_deref(), mode.as_deref()), (Some("pub"), Some("image")));
        assert_eq!(found.expiration.unwrap().year, 1991);
        assert!(found.head().content_type().unwrap().is("application", "postscript"));
        assert!(!found.writable && found.size.is_none());
    });
    let server = "Content-Type: message/external-body; access-type=mail-server; server=\"listserv@bogus.bitnet\"; size=12\n\n\
        Content-Type: text/plain\n\nget RFC-MIME.DOC\n";
    with(server, |message| {
        let found = ExternalBody::of(message, 0).unwrap();
        let Access::MailServer { server, subject, request } = &found.access else { panic!() };
        assert_eq!(
            (server.as_str(), subject, &request[..]),
            ("listserv@bogus.bitnet", &None, &b"get RFC-MIME.DOC\r\n"[..])
        );
        assert_eq!(found.size, Some(12));
    });
    let url = "Content-Type: message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/x y\"\n\n\n";
    with(url, |message| {
        assert_eq!(
            ExternalBody::of(message, 0).unwrap().access,
            Access::Url("ftp://cs.utk.edu/xy".into())
        );
    });
    assert!(with("\n", |message| ExternalBody::of(message, 0).is_none()));
}
