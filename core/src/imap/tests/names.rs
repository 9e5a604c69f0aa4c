use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::imap::mailbox::{BadName, Mailbox, Matcher, Pattern};
use crate::imap::{Command, Syntax, Tagged, utf7};

/// The mailbox that a client names by `wire`.
fn named(wire: &str, utf8: bool) -> (Vec<u8>, Syntax) {
    let line = alloc::format!("a DELETE {wire}\r\n").into_bytes();
    (line, Syntax { utf8, ..Syntax::default() })
}

fn name(wire: &str, utf8: bool) -> Result<String, BadName> {
    let (line, syntax) = named(wire, utf8);
    match Tagged::read(&line, syntax).unwrap().command {
        Command::Delete(mailbox) => mailbox.name().map(Cow::into_owned),
        other => panic!("{other:?}"),
    }
}

#[test]
fn modified_utf7_has_one_form() {
    // RFC 3501 §5.1.3: the example, and `&` itself.
    assert_eq!(
        utf7::decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-").unwrap(),
        "~peter/mail/台北/日本語"
    );
    assert_eq!(utf7::encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    assert_eq!(utf7::decode(b"Fish &- Chips").unwrap(), "Fish & Chips");
    assert_eq!(utf7::encode("😀"), "&2D3eAA-");
    assert_eq!(utf7::decode(b"&2D3eAA-").unwrap(), "😀");
    // RFC 3501 §5.1.3: "&Jjo!" and "&U,BTFw-&ZeVnLIqe-" are forbidden.
    let bad: [&[u8]; 14] = [
        b"&Jjo!",
        b"&U,BTFw-&ZeVnLIqe-",
        b"&",
        b"x&",
        b"&AGE-",
        b"&Jj-",
        b"&Jjp-",
        b"&Jjo",
        b"&Jjo=-",
        b"&2D0-",
        b"&3gA-",
        b"&2D0AYQ-",
        b"caf\xc3\xa9",
        b"a\tb",
    ];
    for bad in bad {
        assert_eq!(utf7::decode(bad), None, "{}", bad.escape_ascii());
    }
}

#[test]
fn names_of_mailboxes() {
    assert_eq!(name("inBOX", false).unwrap(), "INBOX");
    assert_eq!(name("\"inbox\"", true).unwrap(), "INBOX");
    assert_eq!(name("{5+}\r\nInbox", true).unwrap(), "INBOX");
    assert_eq!(name("inbox/sent", false).unwrap(), "INBOX/sent");
    assert_eq!(name("inboxes", false).unwrap(), "inboxes");
    assert_eq!(name("Entw&APw-rfe", false).unwrap(), "Entwürfe");
    assert_eq!(name("Entw&APw-rfe", true).unwrap(), "Entw&APw-rfe");
    assert_eq!(name("\"Entwürfe\"", true).unwrap(), "Entwürfe");
    assert_eq!(name("\"a\\\\b\\\"c\"", false).unwrap(), "a\\b\"c");
    assert_eq!(name("\"\"", false), Err(BadName::Empty));
    assert_eq!(name("{2+}\r\na\t", true), Err(BadName::Control));
    assert_eq!(name("{4+}\r\na\r\nb", true), Err(BadName::Control));
    assert_eq!(name("{4+}\r\na\u{2028}", true), Err(BadName::Control));
    assert_eq!(name("a&", false), Err(BadName::Utf7));
    assert_eq!(name("{2+}\r\nü", false), Err(BadName::Utf7));
    assert_eq!(name(&"x".repeat(1024), false).unwrap().len(), 1024);
    assert_eq!(name(&"x".repeat(1025), false), Err(BadName::Long));
    let latin =
        Tagged::read(b"a DELETE {1+}\r\n\xfc\r\n", Syntax { utf8: true, ..Syntax::default() });
    assert!(matches!(latin.unwrap().command, Command::Delete(m) if m.name() == Err(BadName::Utf8)));
    // A name without anything to change is not copied.
    assert!(matches!(Mailbox::new("Sent").unwrap().name(), Ok(Cow::Borrowed("Sent"))));
}

#[test]
fn names_for_new_mailboxes() {
    let new = |name: &'static str| Mailbox::new(name).unwrap().new_name();
    assert_eq!(new("a/b/").unwrap(), "a/b");
    assert_eq!(new("inbox/b/").unwrap(), "INBOX/b");
    for name in ["///////", "/", "/a", "a//b", "a//"] {
        assert_eq!(new(name), Err(BadName::Empty), "{name}");
    }
    assert_eq!(new("a*"), Err(BadName::Wildcard));
    assert_eq!(new("50%/b"), Err(BadName::Wildcard));
}

#[test]
fn patterns() {
    let matches = |pattern: &str, name: &str| Matcher::new(pattern).matches(name);
    assert!(matches("*", "a/b"));
    assert!(matches("%", "a"));
    assert!(!matches("%", "a/b"));
    assert!(matches("%/%", "a/b"));
    assert!(matches("a/*", "a/b/c"));
    assert!(!matches("a/*", "a"));
    assert!(matches("*2", "foo2/bar2"));
    assert!(matches("%o*r", "foo/bar"));
    assert!(matches("foo", "foo"));
    assert!(!matches("foo", "Foo"));
    assert!(!matches("", "foo"));
    // INBOX in any case, as a level too, but nothing that only begins like it.
    assert!(matches("inbox", "INBOX"));
    assert!(matches("iNb%", "INBOX"));
    assert!(matches("inbox/%", "INBOX/sent"));
    assert!(!matches("inbox/SENT", "INBOX/sent"));
    assert!(!matches("inboxes", "INBOXES"));
    // The reference goes in front, unless the pattern starts at the root (RFC 9051 §6.3.9).
    let behind = |reference: &'static str, pattern: &'static str| {
        Pattern::new(pattern).unwrap().behind(&Mailbox::new(reference).unwrap()).unwrap()
    };
    assert_eq!(behind("a/", "%").text(), "a/%");
    assert_eq!(behind("a/", "/%").text(), "/%");
    assert!(behind("", "foo").is_name());
    assert!(!behind("*", "foo").is_name());
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let began = std::time::Instant::now();
    let matcher = Matcher::new(&"*a%".repeat(300));
    assert!(!matcher.matches(&"a".repeat(1000).replace("aaaaaaaaaa", "aaaaaaaab/")));
    assert!(!Matcher::new(&"%a".repeat(500)).matches(&alloc::format!("{}b", "a".repeat(1000))));
    assert!(began.elapsed().as_secs() < 5);
}

/// What a pattern means, by definition.
fn oracle(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|n| oracle(rest, &name[n..])),
        Some((b'%', rest)) => (0..=name.len())
            .take_while(|&n| n == 0 || name[n - 1] != b'/')
            .any(|n| oracle(rest, &name[n..])),
        Some((c, rest)) => name.split_first().is_some_and(|(n, name)| n == c && oracle(rest, name)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn patterns_match_as_they_mean(pattern in "[ab/*%]{0,9}", name in "[ab/]{0,10}") {
        let expected = oracle(pattern.as_bytes(), name.as_bytes());
        prop_assert_eq!(Matcher::new(&pattern).matches(&name), expected);
    }

    #[test]
    fn every_name_has_its_utf7(name in "[a-z&+/ é日😀\\PC]{0,12}") {
        let wire = utf7::encode(&name);
        prop_assert!(wire.is_ascii());
        prop_assert_eq!(utf7::decode(wire.as_bytes()), Some(name));
    }

    /// No two strings mean the same name.
    #[test]
    fn what_decodes_encodes_back(wire in "(&[A-Za-d0,+]{0,8}-|[a-c&]){0,6}") {
        if let Some(name) = utf7::decode(wire.as_bytes()) {
            prop_assert_eq!(utf7::encode(&name), wire);
        }
    }
}
