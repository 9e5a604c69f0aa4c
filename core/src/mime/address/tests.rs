use alloc::{format, string::String, vec::Vec};
use core::ops::ControlFlow;

use proptest::prelude::*;

use super::*;

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The list as text: `name|route|local|domain` a mailbox, `name:` and `;` around a group.
fn read(value: &str) -> Vec<String> {
    let part = |part: Option<Cow<'_, [u8]>>| part.map_or("-".into(), |part| text(&part));
    addresses(value.as_bytes())
        .map(|address| match address {
            Address::Mailbox(mailbox) => {
                let (name, route) = (part(mailbox.name()), part(mailbox.route()));
                format!("{name}|{route}|{}|{}", text(&mailbox.local()), part(mailbox.domain()))
            }
            Address::Group(group) => format!("{}:", text(&group.name())),
            Address::GroupEnd => ";".into(),
        })
        .collect()
}

/// RFC 5322, appendix A.1 to A.6.
#[test]
fn the_addresses_of_rfc_5322() {
    for (value, expected) in [
        ("John Doe <jdoe@machine.example>", &["John Doe|-|jdoe|machine.example"][..]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            &["Mary Smith|-|mary|x.test", "-|-|jdoe|example.org", "Who?|-|one|y.test"],
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &["-|-|boss|nil.test", "Giant; \"Big\" Box|-|sysservices|example.net"],
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &["A Group:", "Ed Jones|-|c|a.test", "-|-|joe|where.test", "John|-|jdoe|one.test", ";"],
        ),
        ("Undisclosed recipients:;", &["Undisclosed recipients:", ";"]),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            &["Pete|-|pete|silly.test"],
        ),
        (
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
            &[
                "A Group:",
                "Chris Jones|-|c|public.example",
                "-|-|joe|example.org",
                "John|-|jdoe|one.test",
                ";",
            ],
        ),
        (
            "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            &["Hidden recipients:", ";"],
        ),
        (
            "Joe Q. Public <john.q.public@example.com>",
            &["Joe Q. Public|-|john.q.public|example.com"],
        ),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            &["Mary Smith|@node.test|mary|example.net", "-|-|jdoe|test.example"],
        ),
        ("John Doe <jdoe@machine(comment).  example>", &["John Doe|-|jdoe|machine.example"]),
    ] {
        assert_eq!(read(value), expected, "{value}");
    }
}

#[test]
fn addresses_as_mailers_write_them() {
    for (value, expected) in [
        ("jdoe@x.test (John (Jack) Doe)", &["John (Jack) Doe|-|jdoe|x.test"][..]),
        ("alice", &["-|-|alice|-"]),
        ("Mary Smith, a@x.test", &["Mary Smith|-||-", "-|-|a|x.test"]),
        ("<>", &["-|-||-"]),
        ("<alice>", &["-|-|alice|-"]),
        ("a@x.test; b@x.test", &["-|-|a|x.test", "-|-|b|x.test"]),
        ("A <a@x.test> B <b@x.test>", &["A|-|a|x.test", "B|-|b|x.test"]),
        ("A <a@x.test, B <b@x.test>", &["A|-|a|x.test", "B|-|b|x.test"]),
        ("a@x.test <a@x.test>", &["a@x.test|-|a|x.test"]),
        ("\"a b\"@x.test", &["-|-|a b|x.test"]),
        ("\"A\" \"B  C\" <a@[192.0.2.1]>", &["A B  C|-|a|[192.0.2.1]"]),
        ("=?utf-8?q?J=C3=B6rg?= <j@x.test>", &["=?utf-8?q?J=C3=B6rg?=|-|j|x.test"]),
        ("Jörg Ä. <jörg@bücher.test>", &["Jörg Ä.|-|jörg|bücher.test"]),
        ("a@b@x.test", &["-|-|a@b|x.test"]),
        ("a@x.test b@x.test c@x.test", &["-|-|a|x.test", "-|-|b|x.test", "-|-|c|x.test"]),
        ("a@x.test b@x.test <c@x.test>", &["-|-|a|x.test", "b@x.test|-|c|x.test"]),
        ("\"Mary\"m@x.test, \"m\"@x.test", &["Mary|-|m|x.test", "-|-|m|x.test"]),
        ("\"m\".\"s\"@x.test", &["-|-|m.s|x.test"]),
        ("Mary Smith m@x.test", &["Mary Smith|-|m|x.test"]),
        ("\"Smith, M.\" (x) m . s@x.test (Mary)", &["Smith, M.|-|m . s|x.test"]),
        ("m . s @ x . test", &["-|-|m . s|x.test"]),
        ("\" \" <a@x.test>", &["-|-|a|x.test"]),
        ("=?utf-8?q?a:b,_<c>?= <a@x.test>", &["=?utf-8?q?a:b,_<c>?=|-|a|x.test"]),
        ("=?utf-8?q?a: <a@x.test>", &["=?utf-8?q?a:", "-|-|a|x.test", ";"]),
        ("Open: a@x.test, b@x.test", &["Open:", "-|-|a|x.test", "-|-|b|x.test", ";"]),
        ("A <@one.test,@two.test:a@x.test>", &["A|@one.test,@two.test|a|x.test"]),
        ("\"unclosed <a@x.test>", &["-|-|unclosed <a@x.test>|-"]),
        ("(unclosed <a@x.test>", &[]),
        ("@x.test", &["-|-||x.test"]),
        (",,;>", &[]),
    ] {
        assert_eq!(read(value), expected, "{value}");
    }
}

#[test]
fn names_are_decoded_for_people() {
    let value = "=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_M?= <j@x.test>";
    let Some(Address::Mailbox(mailbox)) = addresses(value.as_bytes()).next() else { panic!() };
    assert_eq!(mailbox.display().unwrap(), "Jörg M");
}

#[test]
fn a_list_has_an_end() {
    let many = "a@x.test,".repeat(HEADER_ADDRESSES + 5);
    assert_eq!(addresses(many.as_bytes()).count(), HEADER_ADDRESSES);
    let group = format!("g:{many}");
    assert_eq!(addresses(group.as_bytes()).last(), Some(Address::GroupEnd));
}

proptest! {
    #[test]
    fn nothing_breaks_it(value in "[a,;:<>@\"()\\\\\\[\\] \r\n.é]{0,40}") {
        let list = read(&value);
        prop_assert_eq!(
            list.iter().filter(|entry| entry.ends_with(':') && !entry.contains('|')).count(),
            list.iter().filter(|entry| *entry == ";").count()
        );
    }
}

/// RFC 5322 §3.2.2: comments may stand nearly everywhere, and none is lost.
#[test]
fn comments_are_reached() {
    let value = b"(one) Pete(A nice \\) chap) <pete(his account)@silly.test(his host)> (end), \"(q)\" <b@x.test>";
    let all: Vec<_> = mailboxes(value).collect();
    let comments: Vec<String> = all[0].comments().map(|comment| text(&comment)).collect();
    assert_eq!(comments, ["one", "A nice ) chap", "his account", "his host", "end"]);
    assert_eq!(all[1].comments().count(), 0);
}

#[test]
fn addresses_in_one_piece() {
    for (value, expected) in [
        ("A <a.b@x.test>", "a.b@x.test"),
        ("\"a b\"@x.test", "\"a b\"@x.test"),
        ("\"ab\" (c) @ x . test", "ab@x.test"),
        ("a@b@x.test", "\"a@b\"@x.test"),
        ("<a\\\"b@x.test>", "\"a\\\"b\"@x.test"),
        ("alice", "alice"),
        ("j\u{f6}rg@b\u{fc}cher.test", "j\u{f6}rg@b\u{fc}cher.test"),
        ("<>", ""),
    ] {
        let mailbox = mailboxes(value.as_bytes()).next().unwrap();
        assert_eq!(mailbox.address(), expected, "{value}");
    }
}

#[test]
fn reaching_the_limit_is_told() {
    for (count, truncated) in [(HEADER_ADDRESSES, false), (HEADER_ADDRESSES + 1, true)] {
        let many = "a@x.test, ".repeat(count);
        let mut list = addresses(many.as_bytes());
        assert_eq!(list.by_ref().count(), HEADER_ADDRESSES);
        assert_eq!(list.is_truncated(), truncated);
    }
}

/// What the walk shows of `value` without the short path.
fn slowly(value: &[u8]) -> Vec<Address<'_>> {
    let (mut list, mut found) = (Addresses::new(value, HEADER_ADDRESSES), Vec::new());
    loop {
        match list.slow() {
            ControlFlow::Break(None) => return found,
            ControlFlow::Break(Some(address)) => found.push(address),
            ControlFlow::Continue(()) => {}
        }
    }
}

proptest! {
    #[test]
    fn the_short_path_reads_what_the_long_one_reads(
        pieces in prop::collection::vec(
            prop::sample::select(alloc::vec![
                "a", "b.c", "<", ">", "@", ",", ";", ":", "\"", "(", ")", "[", "]", "\\", " ", "  ",
                "\t", "\r\n ", "=", "<a@b>", "a@b", "x y <a@b>", "\"x, y\" <a@b>", "(c)", "<list.id>",
                "<mailto:a@b>", "a name that is longer than what is looked at in one go, of some octets ",
                "<an.address.that.is.long.by.itself@and.has.a.domain.with.many.labels.example.org>",
            ]),
            0..12,
        ),
    ) {
        let show = |address: Address<'_>| match address {
            Address::Mailbox(mailbox) => {
                let comments: Vec<_> = mailbox.comments().map(|one| text(&one)).collect();
                let domain = mailbox.domain().map(|domain| text(&domain));
                let (name, route) = (mailbox.name(), mailbox.route());
                format!("{name:?} {route:?} {} {domain:?} {comments:?}", text(&mailbox.local()))
            }
            other => format!("{other:?}"),
        };
        let value = pieces.concat();
        let quickly: Vec<_> = addresses(value.as_bytes()).map(show).collect();
        let slowly: Vec<_> = slowly(value.as_bytes()).into_iter().map(show).collect();
        prop_assert_eq!(quickly, slowly);
    }
}

proptest! {
    #[test]
    fn blanks_of_a_phrase(words in "[ab \"(),\\\\\r\n=?]{0,12}") {
        let text = words::phrase(words.as_bytes());
        prop_assert_eq!(words::has_blank(words.as_bytes()), text.contains(&b' '));
    }
}
