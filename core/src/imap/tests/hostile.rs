use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::imap::{Bad, Command, Syntax, Tagged};

fn bad(line: &str) -> String {
    let line = format!("{line}\r\n");
    match Tagged::read(line.as_bytes(), Syntax::default()) {
        Ok(read) => panic!("{line:?} was read as {read:?}"),
        Err(bad) => {
            let tag = bad.tag.map_or("*".into(), |tag| tag.as_bytes().escape_ascii().to_string());
            format!("{tag} {bad}")
        }
    }
}

#[test]
fn a_bad_command_is_told_what_was_wrong_and_where() {
    for (line, reply) in [
        ("", "* expected a tag at octet 0"),
        (" NOOP", "* expected a tag at octet 0"),
        ("+ NOOP", "* expected a tag at octet 0"),
        ("(a) NOOP", "* expected a tag at octet 0"),
        ("a", "a expected a space at octet 1"),
        ("a ", "a unknown command at octet 2"),
        ("a  NOOP", "a unknown command at octet 2"),
        ("A442 XPIG-LATIN", "A442 unknown command at octet 5"),
        ("a NOOP ", "a NOOP: expected the end of the command at octet 6"),
        ("a NOOP x", "a NOOP: expected the end of the command at octet 6"),
        ("a NOOPx", "a unknown command at octet 2"),
        ("a UID", "a expected a space at octet 5"),
        ("a UID NOOP", "a NOOP: unknown command behind UID at octet 2 (UID)"),
        ("a CAPABILITY\r", "a CAPABILITY: bare CR at octet 12"),
        ("a NOOP\n", "a NOOP: bare LF at octet 6"),
        ("a NOOP\0", "a NOOP: NUL at octet 6"),
        ("a LOGIN alice", "a LOGIN: expected a space at octet 13"),
        ("a LOGIN alice secret extra", "a LOGIN: expected the end of the command at octet 20"),
        ("a LOGIN \"alice secret", "a LOGIN: quoted string does not end at octet 21"),
        ("a LOGIN \"al\\ice\" x", "a LOGIN: expected \\\" or \\\\ in a quoted string at octet 12"),
        ("a LOGIN \"a\rb\" x", "a LOGIN: bare CR at octet 10"),
        ("a LOGIN \"a\nb\" x", "a LOGIN: bare LF at octet 10"),
        ("a LOGIN \"a\0b\" x", "a LOGIN: NUL at octet 10"),
        (
            "a LOGIN \"é\" x",
            "a LOGIN: 8-bit octet in a quoted string, and UTF-8 is not enabled at octet 9",
        ),
        ("a LOGIN é x", "a LOGIN: expected a user name at octet 8"),
        ("a LOGIN {3}\r\na\0b x", "a LOGIN: NUL at octet 14"),
        ("a LOGIN {9}\r\nabc x", "a LOGIN: literal does not end at octet 13"),
        ("a LOGIN ~{3}\r\nabc x", "a LOGIN: expected a space at octet 9"),
        ("a LOGIN {3 }\r\nabc x", "a LOGIN: expected } behind the length of a literal at octet 10"),
        ("a LOGIN {9223372036854775808}\r\n", "a LOGIN: number too large at octet 9"),
        ("a AUTHENTICATE", "a AUTHENTICATE: expected a space at octet 14"),
        ("a AUTHENTICATE PLAIN ", "a AUTHENTICATE: expected base64 or = at octet 21"),
        ("a AUTHENTICATE PLAIN *", "a AUTHENTICATE: expected base64 or = at octet 21"),
        ("a ENABLE", "a ENABLE: expected a space at octet 8"),
        ("a ENABLE (X)", "a ENABLE: expected a capability at octet 9"),
        ("a SELECT", "a SELECT: expected a space at octet 8"),
        ("a SELECT a b", "a SELECT: expected ( with parameters at octet 11 (b)"),
        ("a SELECT a ()", "a SELECT: the list is empty at octet 12"),
        ("a SELECT a (BLURDYBLOOP)", "a SELECT: unknown parameter at octet 12 (BLURDYBLOOP)"),
        ("a CREATE a (USE)", "a CREATE: expected a space at octet 15"),
        (
            "a CREATE a (USE (Sent))",
            "a CREATE: expected a special use like \\Sent at octet 17 (Sent)",
        ),
        ("a RENAME a", "a RENAME: expected a space at octet 10"),
        ("a LIST \"\"", "a LIST: expected a space at octet 9"),
        ("a LIST \"\" ()", "a LIST: the list is empty at octet 11"),
        ("a LIST (X) \"\" *", "a LIST: unknown selection option at octet 8 (X)"),
        (
            "a LIST (REMOTE RECURSIVEMATCH) \"\" *",
            "a LIST: RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it at octet 7",
        ),
        ("a LIST \"\" * RETURN (X)", "a LIST: unknown return option at octet 20 (X)"),
        ("a LIST \"\" * RETURN (STATUS ())", "a LIST: expected a status item at octet 28"),
        ("a STATUS a", "a STATUS: expected a space at octet 10"),
        ("a STATUS a ()", "a STATUS: expected a status item at octet 12"),
        ("a STATUS a (MESSAGES X)", "a STATUS: unknown status item at octet 21 (X)"),
        ("a APPEND a", "a APPEND: expected a space at octet 10"),
        ("a APPEND a x", "a APPEND: expected flags, a date or the message at octet 11 (x)"),
        (
            "a APPEND a (\\Seen) x",
            "a APPEND: expected flags, a date or the message at octet 19 (x)",
        ),
        ("a APPEND a \"1-Jan-2020\" {3}", "a APPEND: expected a space at octet 22"),
        (
            "a APPEND a \"30-Feb-2020 00:00:00 +0000\" {3}",
            "a APPEND: no such day at octet 12 (30-Feb-2020)",
        ),
        (
            "a APPEND a \" 1-Foo-2020 00:00:00 +0000\" {3}",
            "a APPEND: unknown month at octet 15 (Foo-2020)",
        ),
        (
            "a APPEND a \" 1-Jan-2020 24:00:00 +0000\" {3}",
            "a APPEND: no such time of day at octet 24 (24:00:00)",
        ),
        (
            "a APPEND a \" 1-Jan-2020 00:00:00 +0060\" {3}",
            "a APPEND: no such time zone at octet 34 (0060)",
        ),
        ("a APPEND a \" 1-Jan-2020 00:00:00\" {3}", "a APPEND: expected a space at octet 32"),
        ("a APPEND a UTF8 ({3}", "a APPEND: expected ~{n} behind UTF8 ( at octet 17"),
        ("a UID EXPUNGE", "a EXPUNGE: expected a space at octet 13"),
        ("a COPY 0 x", "a COPY: expected a number from 1 or * at octet 7 (0)"),
        ("a COPY 01 x", "a COPY: expected a number from 1 or * at octet 7 (01)"),
        ("a COPY 4294967296 x", "a COPY: number too large at octet 7 (4294967296)"),
        ("a COPY 1: x", "a COPY: expected a number from 1 or * at octet 9"),
        ("a COPY 1,, x", "a COPY: expected a number from 1 or * at octet 9 (,)"),
        ("a COPY 1:2:3 x", "a COPY: expected a space at octet 10 (:3)"),
        ("a STORE 1 FLAG \\Seen", "a STORE: expected FLAGS or FLAGS.SILENT at octet 10 (FLAG)"),
        ("a STORE 1 +FLAGS", "a STORE: expected a space at octet 16"),
        ("a STORE 1 +FLAGS ", "a STORE: expected a flag at octet 17"),
        ("a STORE 1 +FLAGS (\\)", "a STORE: expected the name of a flag behind \\ at octet 19"),
        ("a STORE 1 (X 1) FLAGS a", "a STORE: unknown modifier at octet 11 (X)"),
        ("a FETCH 1", "a FETCH: expected a space at octet 9"),
        ("a FETCH 1 ()", "a FETCH: the list is empty at octet 11"),
        ("a FETCH 1 FOO", "a FETCH: unknown item at octet 10 (FOO)"),
        ("a FETCH 1 (ALL)", "a FETCH: unknown item at octet 11 (ALL)"),
        ("a FETCH 1 (FLAGS ENVELOP)", "a FETCH: unknown item at octet 17 (ENVELOP)"),
        ("a FETCH 1 (FLAGS", "a FETCH: expected a space at octet 16"),
        ("a FETCH 1 BODY[", "a FETCH: unknown section at octet 15"),
        ("a FETCH 1 BODY[MIME]", "a FETCH: MIME needs a part number in front at octet 15 (MIME])"),
        ("a FETCH 1 BODY[0]", "a FETCH: expected a part number from 1 at octet 15 (0])"),
        ("a FETCH 1 BODY[1.]", "a FETCH: unknown section at octet 17 (])"),
        ("a FETCH 1 BODY[HEADER.FIELDS ()]", "a FETCH: the list is empty at octet 30"),
        ("a FETCH 1 BODY[]<0>", "a FETCH: expected . at octet 18 (>)"),
        ("a FETCH 1 BODY[]<0.0>", "a FETCH: expected a number of octets from 1 at octet 19 (0>)"),
        (
            "a FETCH 1 BINARY[HEADER]",
            "a FETCH: expected ] behind a part number at octet 17 (HEADER])",
        ),
        (
            "a FETCH 1 FLAGS (CHANGEDSINCE 0)",
            "a FETCH: expected a mod-sequence from 1 at octet 30 (0)",
        ),
        ("a FETCH 1 FLAGS (VANISHED)", "a FETCH: unknown modifier at octet 17 (VANISHED)"),
        ("a SEARCH", "a SEARCH: expected a space at octet 8"),
        ("a SEARCH ", "a SEARCH: expected a search key at octet 9"),
        ("a SEARCH FOO", "a SEARCH: unknown search key at octet 9 (FOO)"),
        ("a SEARCH NOT", "a SEARCH: expected a space at octet 12"),
        ("a SEARCH NOT ", "a SEARCH: expected a search key at octet 13"),
        ("a SEARCH OR SEEN", "a SEARCH: expected a space at octet 16"),
        ("a SEARCH ()", "a SEARCH: expected a search key at octet 10"),
        ("a SEARCH (SEEN", "a SEARCH: expected a space at octet 14"),
        ("a SEARCH SEEN)", "a SEARCH: no ( for this ) at octet 13"),
        ("a SEARCH (OR SEEN) SEEN", "a SEARCH: expected a search key at octet 17"),
        ("a SEARCH (NOT) SEEN", "a SEARCH: expected a search key at octet 13"),
        ("a SEARCH SEEN(SEEN)", "a SEARCH: expected a space at octet 13"),
        ("a SEARCH SINCE 32-Jan-2020", "a SEARCH: no such day at octet 15 (32-Jan-2020)"),
        ("a SEARCH SINCE 1-1-2020", "a SEARCH: unknown month at octet 17 (1-2020)"),
        (
            "a SEARCH LARGER 9223372036854775808",
            "a SEARCH: number too large at octet 16 (9223372036854775808)",
        ),
        ("a SEARCH RETURN (FOO) ALL", "a SEARCH: unknown return option at octet 17 (FOO)"),
        ("a SEARCH CHARSET UTF-8", "a SEARCH: expected a space at octet 22"),
        ("a ID", "a ID: expected a space at octet 4"),
        ("a ID \"x\"", "a ID: expected ( or NIL at octet 5"),
        ("a ID (\"x\")", "a ID: expected a space at octet 9"),
        ("a ID (x y)", "a ID: expected the name of a field in quotes at octet 6 (x)"),
    ] {
        assert_eq!(bad(line), reply, "{line}");
    }
}

#[test]
fn nothing_secret_is_repeated() {
    for line in [
        "hunter2",
        "a hunter2",
        "a LOGIN alice hunter2 hunter2",
        "a LOGIN alice \"hunter2",
        "a LOGIN \"alice\"hunter2",
        "a AUTHENTICATE PLAIN hunter2!",
        "hunter2 hunter2",
    ] {
        let line = format!("{line}\r\n");
        let bad = Tagged::read(line.as_bytes(), Syntax::default()).unwrap_err();
        assert!(!format!("{bad} {bad:?}").contains("hunter2"), "{bad:?}");
    }
    let read = Tagged::read(b"a LOGIN alice hunter2\r\n", Syntax::default()).unwrap();
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn tags_have_a_limit() {
    let line = |n: usize| format!("{} NOOP\r\n", "x".repeat(n));
    assert!(Tagged::read(line(64).as_bytes(), Syntax::default()).is_ok());
    let line = line(65);
    let bad = Tagged::read(line.as_bytes(), Syntax::default()).unwrap_err();
    assert_eq!(bad.to_string(), "tag too long at octet 0");
    assert_eq!(bad.tag, None);
}

#[test]
fn search_keys_nest_so_deep_and_no_deeper() {
    type Nest = fn(usize) -> String;
    let shapes: [Nest; 4] = [
        |n| format!("{}SEEN{}", "(".repeat(n), ")".repeat(n)),
        |n| format!("{}SEEN", "NOT ".repeat(n)),
        |n| format!("{}SEEN{}", "OR ".repeat(n), " SEEN".repeat(n)),
        |n| format!("{}SEEN", "OR SEEN ".repeat(n)),
    ];
    for shape in shapes {
        let at = format!("a SEARCH {}\r\n", shape(32));
        let read = Tagged::read(at.as_bytes(), Syntax::default());
        let Ok(Command::Search(search)) = read.map(|read| read.command) else {
            panic!("{at}");
        };
        assert!(search.keys.iter().count() > 32);
        assert!(bad(&format!("a SEARCH {}", shape(33))).contains("nested too deep"));
        // The hostile case: 64 KB of it costs no stack.
        assert!(bad(&format!("a SEARCH {}", shape(10_000))).contains("nested too deep"));
    }
    // One after the other they are not nested.
    let long = format!("a SEARCH {}SEEN\r\n", "(OR NOT SEEN (SEEN)) ".repeat(2000));
    assert!(Tagged::read(long.as_bytes(), Syntax::default()).is_ok());
}

#[test]
fn a_set_has_so_many_ranges_and_no_more() {
    let set = |n: usize| (1..=n).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let line = format!("a COPY {} x\r\n", set(10_000));
    assert!(Tagged::read(line.as_bytes(), Syntax::default()).is_ok());
    let line = format!("a COPY {}", set(10_001));
    assert!(bad(&line).contains("too many ranges in a sequence set"));
}

#[test]
fn utf8_in_quoted_strings_once_enabled() {
    let utf8 = Syntax { utf8: true, ..Syntax::default() };
    let read = Tagged::read("a LOGIN \"zoë\" \"pass\"\r\n".as_bytes(), utf8).unwrap();
    assert_eq!(format!("{:?}", read.command), "Login(Login { user: \"zoë\", password: [secret] })");
    for octets in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"] {
        let line = [&b"a LOGIN \""[..], octets, b"\" x\r\n"].concat();
        let bad: Bad<'_> = Tagged::read(&line, utf8).unwrap_err();
        assert_eq!(bad.to_string(), "LOGIN: quoted string is not UTF-8 at octet 9");
    }
    // In a literal any octet but NUL may stand, enabled or not (RFC 9051 §9 CHAR8).
    assert!(Tagged::read(b"a LOGIN {1}\r\n\xff x\r\n", Syntax::default()).is_ok());
}

#[test]
fn an_id_has_thirty_fields_at_most() {
    let line = |n: usize| format!("a ID ({})\r\n", ["\"k\" \"v\""].repeat(n).join(" "));
    assert!(Tagged::read(line(30).as_bytes(), Syntax::default()).is_ok());
    assert!(Tagged::read(line(31).as_bytes(), Syntax::default()).is_err());
}

#[test]
fn dates_outside_the_common() {
    use crate::imap::date::{Date, DateTime};
    assert_eq!(Date::new(1970, 1, 1).unwrap().days(), 0);
    assert_eq!(Date::new(2000, 3, 1).unwrap().days(), 11_017);
    assert_eq!(Date::new(1900, 2, 29), None);
    assert!(Date::new(2000, 2, 29).is_some());
    assert_eq!(Date::from_days(i64::MAX).to_string(), "31-Dec-9999");
    assert_eq!(Date::from_days(i64::MIN).to_string(), "1-Jan-0000");
    for days in (-719_528..2_932_897).step_by(97) {
        let date = Date::from_days(days);
        assert_eq!(date.days(), days);
        assert_eq!(Date::new(date.year(), date.month(), date.day()), Some(date));
    }
    // RFC 9051 §7.5.2: the example of INTERNALDATE.
    let date = DateTime::from_unix(837_596_665, -420);
    assert_eq!(date.to_string(), "17-Jul-1996 02:44:25 -0700");
    assert_eq!(date.unix(), 837_596_665);
    assert_eq!(DateTime::from_unix(0, 0).to_string(), " 1-Jan-1970 00:00:00 +0000");
    assert_eq!(DateTime::from_unix(i64::MAX, i16::MAX).date().year(), 9999);
}
