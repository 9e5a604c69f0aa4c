//! Addresses by example.

use super::*;
use std::string::ToString;

// RFC: 5321-4.1.2-7 6531-3.2-3 6531-3.7-2
#[test]
fn canonical_forms() {
    for (written, canonical) in [
        ("Joe@Example.TEST", "Joe@example.test"),
        ("\"joe\"@a.test", "joe@a.test"),
        ("\"j\\o\\e\"@a.test", "joe@a.test"),
        ("\"a b\"@a.test", "\"a b\"@a.test"),
        ("\"a\\\"b\"@a.test", "\"a\\\"b\"@a.test"),
        ("\"a@b\"@c.test", "\"a@b\"@c.test"),
        ("\"\"@a.test", "\"\"@a.test"),
        ("a@[IPv6:2001:DB8:0:0::1]", "a@[IPv6:2001:db8::1]"),
        ("d\u{f6}rte@B\u{fc}cher.test", "d\u{f6}rte@xn--bcher-kva.test"),
        ("!#$%&'*+-/=?^_`{|}~@a.test", "!#$%&'*+-/=?^_`{|}~@a.test"),
    ] {
        let address = Address::parse(written.as_bytes()).expect(written);
        assert_eq!(address.as_str(), canonical, "{written}");
        assert_eq!(Address::parse(canonical.as_bytes()), Ok(address.clone()));
        assert_eq!(std::format!("{}@{}", address.local(), address.host()), canonical);
        assert_eq!(address.as_mailbox().map(Mailbox::to_address), Ok(address));
    }
}

// RFC: 5321-4.1.2-6
#[test]
fn what_is_equal() {
    let address = |text: &str| Address::parse(text.as_bytes()).unwrap();
    assert_eq!(address("\"joe\"@A.test"), address("joe@a.TEST"));
    assert_ne!(address("Joe@a.test"), address("joe@a.test"));
    assert_eq!(address("Joe@a.test").folded(), address("joe@a.test"));
    let parse = |text: &'static str| Mailbox::parse(text.as_bytes()).unwrap();
    assert_eq!(parse("\"j\\oe\"@A.test"), parse("joe@a.TEST"));
    assert_ne!(parse("Joe@a.test"), parse("joe@a.test"));
}

// RFC: 5321-3.3-2 5321-3.3-3 5321-3.6.1-1 5321-3.6.1-3 5321-4.1.1.3-1 5321-4.1.2-2
#[test]
fn what_is_wrong() {
    let long = std::format!("{}@a.test", "x".repeat(256));
    for (text, error) in [
        ("", AddressError::Local),
        ("a", AddressError::NoDomain),
        ("a@", AddressError::Domain(DomainError::Empty)),
        ("@a.test", AddressError::Local),
        (".a@b.test", AddressError::Local),
        ("a..b@c.test", AddressError::Local),
        ("a b@c.test", AddressError::Local),
        ("\"a@b.test", AddressError::Local),
        ("\"a\"b@c.test", AddressError::Local),
        ("a\u{85}b@c.test", AddressError::Local),
        ("a@b@c.test", AddressError::Domain(DomainError::Label)),
        (&long, AddressError::Long),
    ] {
        let found = Address::parse(text.as_bytes()).expect_err(text);
        assert_eq!(found, error, "{text:?}");
        assert!(!found.to_string().is_empty());
    }
}

/// A canonical address is what a client writes between angle brackets, and what relays decide by.
#[test]
fn a_canonical_address_is_one_address() {
    for text in [
        "victim@elsewhere.test\u{ff20}here.test",
        "victim@elsewhere.test\u{ff1e}\u{3000}NOTIFY=NEVER",
        "a@[x:b> SIZE=1]",
        "a@[x:b>]",
    ] {
        assert!(Address::parse(text.as_bytes()).is_err(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_written_into_a_path_is_read_from_it(
        local in "([a-z.\u{e9}]|\\PC){1,4}|\"([ -~]|\\\\[ -~]|\\PC){0,6}\"",
        host in "([a-z.-]|\\PC|[\u{ff01}-\u{ff5e}\u{2000}-\u{2fff}]){1,6}|\\[([0-9.]{7}|x:[!-~]{1,4}|IPv6:[0-9:]{1,5})\\]",
    ) {
        if let Ok(address) = Address::parse(std::format!("{local}@{host}").as_bytes()) {
            proptest::prop_assert_eq!(address.as_mailbox().map(Mailbox::to_address), Ok(address.clone()));
            let path = std::format!("<{address}> SIZE=1");
            let (read, rest) = ForwardPath::parse(path.as_bytes()).unwrap();
            proptest::prop_assert_eq!(read.mailbox().map(Mailbox::to_address), Some(address));
            proptest::prop_assert_eq!(rest, b" SIZE=1");
        }
    }
}

#[test]
fn paths() {
    let path = |text: &'static [u8]| ForwardPath::parse(text);
    assert_eq!(path(b"<pOsTmAsTeR> X"), Ok((ForwardPath::Postmaster, b" X".as_slice())));
    assert!(matches!(path(b"<postmaster@a.test>"), Ok((ForwardPath::Mailbox(_), b""))));
    assert_eq!(path(b"<>"), Err(AddressError::Local));
    assert_eq!(ReversePath::parse(b"<> X"), Ok((ReversePath::Null, b" X".as_slice())));
    let (mailbox, rest) = path(b"<\"a>b\\\"c\"@d.test> NOTIFY=NEVER").unwrap();
    assert_eq!(mailbox.to_string(), "<\"a>b\\\"c\"@d.test>");
    assert_eq!(rest, b" NOTIFY=NEVER");
    let (routed, _) = path(b"<@a.test,@b.test:c@d.test>").unwrap();
    assert_eq!(routed.to_string(), "<c@d.test>");
    for bad in [&b"<a@b.test"[..], b"a@b.test", b"<\"a@b.test>", b""] {
        assert_eq!(ForwardPath::parse(bad), Err(AddressError::Brackets));
    }
    for bad in [&b"<@a.test c@d.test>"[..], b"<@:c@d.test>", b"<@a.test,b.test:c@d.test>"] {
        assert_eq!(ForwardPath::parse(bad), Err(AddressError::Route));
    }
}
