//! Sessions from greeting to end.

use super::*;

#[test]
fn a_session_from_greeting_to_logout() {
    let steps = [
        C(b"a CAPABILITY\r\n"),
        LOGIN,
        SELECT,
        C(b"c FETCH 1:2 BODY.PEEK[]\r\nd NOOP\r\ne LOGOUT\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[b"one\r\n", b""]), &steps);
    assert_eq!(
        lines(&run),
        [
            "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 SASL-IR LITERAL+ ENABLE ID IDLE STARTTLS \
             AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN] mail.example.test ready",
            "* CAPABILITY IMAP4rev1 IMAP4rev2 SASL-IR LITERAL+ ENABLE ID IDLE STARTTLS \
             AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN",
            "a OK Done",
            "a OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ENABLE ID IDLE NAMESPACE UIDPLUS MOVE \
             UNSELECT CHILDREN SPECIAL-USE LIST-EXTENDED LIST-STATUS ESEARCH SEARCHRES CONDSTORE \
             BINARY STATUS=SIZE] Signed in",
            "* FLAGS (\\Seen)",
            "* 2 EXISTS",
            "* 0 RECENT",
            "* OK [UIDVALIDITY 7] UIDs last",
            "b OK [READ-WRITE] Selected",
            "* 1 FETCH (UID 1 BODY[] {5}",
            "one",
            ")",
            "* 2 FETCH (UID 2 BODY[] {0}",
            ")",
            "c OK Done",
            "d OK Done",
            "* BYE Goodbye",
            "e OK Done",
        ]
    );
    assert_eq!(run.wait, Wait::Closed);
    assert_eq!(run.log.first().unwrap(), "Connected(Ask)");
    assert_eq!(run.log.last().unwrap(), "Ended(Quit)");
    assert!(!run.log.iter().any(|line| line.contains("tanstaafl")), "{:?}", run.log);
}

#[test]
fn commands_have_their_states() {
    let steps = [
        C(b"a SELECT inbox\r\nb FETCH 1 FLAGS\r\n"),
        LOGIN,
        C(b"c FETCH 1 FLAGS\r\nd LOGIN a b\r\ne CHECK\r\n"),
        SELECT,
        C(b"f CLOSE\r\ng CLOSE\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[b""]), &steps);
    let said = lines(&run);
    for wanted in [
        "a BAD Sign in first",
        "b BAD Sign in first",
        "c BAD Select a mailbox first",
        "d BAD Not now",
        "e BAD Select a mailbox first",
        "f OK Closed",
        "g BAD Select a mailbox first",
    ] {
        assert!(said.contains(&wanted), "{wanted}: {said:?}");
    }
}

#[test]
fn a_password_wants_tls() {
    let config = Config::new("mail.example.test");
    let steps = [LOGIN, C(b"b AUTHENTICATE PLAIN\r\n"), C(b"c AUTHENTICATE GSSAPI\r\n")];
    let run = talk(&config, || Toy::new(&[]), &steps);
    let said = lines(&run);
    assert!(said[0].contains("LOGINDISABLED") && !said[0].contains("AUTH=PLAIN"), "{}", said[0]);
    assert_eq!(
        said[1..],
        [
            "a NO [PRIVACYREQUIRED] TLS first",
            "b NO [PRIVACYREQUIRED] TLS first",
            "c NO [CANNOT] No such mechanism here",
        ]
    );
}

#[test]
fn no_mechanism_comes_before_tls_where_none_may() {
    let config = Config { auth_before_tls: false, ..Config::new("mail.example.test") };
    let run = talk(&config, || Toy::new(&[]), &[C(b"a AUTHENTICATE SCRAM-SHA-256\r\n")]);
    let said = lines(&run);
    assert!(said[0].contains("LOGINDISABLED") && !said[0].contains("AUTH="), "{}", said[0]);
    assert_eq!(said[1], "a NO [PRIVACYREQUIRED] TLS first");
}

#[test]
fn starttls_forgets_and_offers_more() {
    let config = Config::new("mail.example.test");
    let steps = [C(b"a STARTTLS\r\n"), Tls, C(b"b CAPABILITY\r\nc STARTTLS\r\n"), LOGIN];
    let run = talk(&config, || Toy::new(&[]), &steps);
    let said = lines(&run);
    assert_eq!(said[1], "a OK Begin TLS");
    assert!(said[2].ends_with("AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN"), "{}", said[2]);
    assert!(!said[2].contains("STARTTLS"));
    assert_eq!(said[4], "c BAD Not now");
    assert!(said[5].starts_with("a OK [CAPABILITY"));
}

#[test]
fn plaintext_behind_starttls_ends_the_session() {
    let config = Config::new("mail.example.test");
    for steps in [&[C(b"a STARTTLS\r\nb NOOP\r\n")][..], &[C(b"a STARTTLS\r\n"), C(b"b")]] {
        for cut in [1, 5, 1000] {
            let run = run(config.clone(), Toy::new(&[]), steps, cut);
            assert_eq!(run.log.last().unwrap(), "Ended(Injection)");
            assert!(!run.out.contains("b OK"));
        }
    }
}

#[test]
fn authenticate_plain_both_ways_and_cancelled() {
    let word = b"AHRpbQB0YW5zdGFhZmw=";
    let (mut at_once, mut asked) = (b"a AUTHENTICATE PLAIN ".to_vec(), word.to_vec());
    at_once.extend_from_slice(word);
    at_once.extend_from_slice(b"\r\n");
    asked.extend_from_slice(b"\r\n");
    let run = talk(&config(), || Toy::new(&[]), &[C(&at_once)]);
    assert!(lines(&run)[1].starts_with("a OK [CAPABILITY"), "{}", run.out);
    let steps = [
        C(b"x AUTHENTICATE PLAIN\r\n"),
        C(b"*\r\n"),
        C(b"y AUTHENTICATE PLAIN\r\n!\r\n"),
        C(b"a AUTHENTICATE PLAIN\r\n"),
        C(&asked),
    ];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    let said = lines(&run);
    assert_eq!(said[1..6], ["+ ", "x BAD Cancelled", "+ ", "y BAD Not a response", "+ "]);
    assert!(said[6].starts_with("a OK [CAPABILITY"), "{}", said[6]);
}

#[test]
fn three_wrong_passwords_are_enough() {
    let steps = [C(b"a LOGIN tim x\r\nb LOGIN {3}\r\n"), C(b"tim {1+}\r\ny\r\nc LOGIN tim z\r\n")];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    assert_eq!(
        lines(&run)[1..],
        [
            "a NO [AUTHENTICATIONFAILED] Wrong name or password",
            "+ Go ahead",
            "b NO [AUTHENTICATIONFAILED] Wrong name or password",
            "c NO [AUTHENTICATIONFAILED] Wrong name or password",
            "* BYE Too many failed sign-ins",
        ]
    );
    assert_eq!(run.log.last().unwrap(), "Ended(Errors)");
}

#[test]
fn append_streams_and_tells_of_the_new_message() {
    let steps = [
        LOGIN,
        SELECT,
        C(b"c APPEND inbox (\\Seen) {6}\r\n"),
        C(b"hello\n\r\nd FETCH 1 BODY[]\r\n"),
        C(b"e APPEND {5}\r\n"),
        C(b"INBOX {3+}\r\nabc\r\nf APPEND nowhere {3+}\r\nxyz\r\ng APPEND nowhere {3}\r\n"),
        C(b"h NOOP\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    let said = lines(&run);
    let at = said.iter().position(|line| line.starts_with("b OK")).unwrap();
    assert_eq!(
        said[at + 1..],
        [
            "+ Go ahead",
            "* 1 EXISTS",
            "c OK [APPENDUID 7 1] Stored",
            "* 1 FETCH (UID 1 BODY[] {6}",
            "hello\n)",
            "d OK Done",
            "+ Go ahead",
            "* 2 EXISTS",
            "e OK [APPENDUID 7 2] Stored",
            "f NO [TRYCREATE] No such mailbox",
            "g NO [TRYCREATE] No such mailbox",
            "h OK Done",
        ]
    );
    assert!(run.log.contains(&"Body hello\n".to_string().replace('\n', "\\n")));
    assert!(run.log.contains(&"Skipped xyz\\r\\n".to_string()), "{:?}", run.log);
}

#[test]
fn a_message_that_ends_wrong_is_lost() {
    let steps = [
        LOGIN,
        C(b"c APPEND inbox {3+}\r\nabcX\r\nd APPEND inbox {4+}\r\na\0bc\r\ne APPEND inbox ~{2+}\r\n\0\0\r\n"),
        C(b"f APPEND inbox {9}\r\n1234"),
        Eof,
    ];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    let said = lines(&run);
    assert_eq!(
        said[2..],
        [
            "c BAD Expected the end of the command behind the message",
            "d BAD NUL in the message",
            "e OK [APPENDUID 7 1] Stored",
            "+ Go ahead",
        ]
    );
    assert_eq!(run.log.iter().filter(|line| *line == "BodyLost").count(), 3);
    assert_eq!(run.log[run.log.len() - 2..], ["BodyLost", "Ended(Eof)"]);
}

#[test]
fn idle_tells_what_changes() {
    let steps = [
        LOGIN,
        SELECT,
        C(b"c IDLE\r\n"),
        T(1),
        Deliver(b"x"),
        T(1),
        Remove,
        C(b"done\r\nd IDLE\r\n"),
        C(b"e NOOP\r\n"),
        C(b"f NOOP\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[b"one"]), &steps);
    let said = lines(&run);
    let at = said.iter().position(|line| line.starts_with("b OK")).unwrap();
    assert_eq!(
        said[at + 1..],
        [
            "+ Idling",
            "* 2 EXISTS",
            "* 1 EXPUNGE",
            "c OK Done",
            "+ Idling",
            "d BAD Expected DONE",
            "f OK Done",
        ]
    );
}

#[test]
fn many_changes_in_idle_are_told_together() {
    let steps =
        [LOGIN, SELECT, C(b"c IDLE\r\n"), T(1), Deliver(b""), Deliver(b""), Deliver(b""), T(1)];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    assert!(run.out.ends_with("+ Idling\r\n* 1 EXISTS\r\n* 3 EXISTS\r\n"), "{}", run.out);
    let syncs = run.log.iter().filter(|line| line.starts_with("Sync")).count();
    assert_eq!(syncs, 3, "one at the start, one at once, one for the rest");
}

#[test]
fn expunges_wait_while_sequence_numbers_are_in_use() {
    let steps = [
        LOGIN,
        SELECT,
        Deliver(b"three"),
        Remove,
        C(b"c STORE 2 +FLAGS (\\Seen)\r\n"),
        C(b"d UID STORE 2 +FLAGS (\\Seen)\r\n"),
        C(b"e EXPUNGE\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[b"one", b"two"]), &steps);
    let said = lines(&run);
    let at = said.iter().position(|line| line.starts_with("b OK")).unwrap();
    assert_eq!(
        said[at + 1..],
        [
            "* 2 FETCH (UID 2 FLAGS (\\Seen))",
            "* 3 EXISTS",
            "c OK Stored",
            "* 2 FETCH (UID 2 FLAGS (\\Seen))",
            "* 1 EXPUNGE",
            "d OK Stored",
            "* 1 EXPUNGE",
            "e OK Expunged",
        ]
    );
}

#[test]
fn selecting_again_closes_what_was_selected() {
    let steps = [LOGIN, SELECT, C(b"c SELECT other\r\nd FETCH 1 FLAGS\r\n")];
    let run = talk(&config(), || Toy::new(&[b"one"]), &steps);
    let said = lines(&run);
    let at = said.iter().position(|line| line.starts_with("b OK")).unwrap();
    assert_eq!(
        said[at + 1..],
        [
            "* OK [CLOSED] The mailbox before is closed",
            "c NO [NONEXISTENT] No such mailbox",
            "d BAD Select a mailbox first",
        ]
    );
}

#[test]
fn enable_and_id() {
    let steps = [
        C(b"i ID NIL\r\n"),
        LOGIN,
        C(b"e ENABLE condstore X-GOOD IMAP4rev2 CONDSTORE\r\n"),
        SELECT,
        C(b"f ENABLE CONDSTORE\r\n"),
    ];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    let said = lines(&run);
    assert_eq!(said[1..3], ["* ID (\"name\" \"Posthaste\")", "i OK Done"]);
    assert_eq!(said[4..6], ["* ENABLED CONDSTORE IMAP4rev2", "e OK Done"]);
    assert!(!said.iter().any(|line| line.contains("RECENT")), "rev2 has no RECENT");
    assert_eq!(*said.last().unwrap(), "f BAD Not now");
    assert!(run.log.iter().any(|line| line.contains("rev2: true")), "{:?}", run.log);
}

/// What is refused is passed by up to its end, so that the next command is found; before sign-in not for longer than a
/// mebibyte.
#[test]
fn what_has_no_end_ends_the_session() {
    const ROOM: usize = 1024 * 1024;
    // So much of the line is shown when it is refused.
    let shown = Limits::DEFAULT.line_before_login - 32;
    for (octets, ends) in [(ROOM, false), (ROOM + 1, true), (3 * ROOM, true)] {
        let mut line = b"l NOOP ".to_vec();
        line.resize(shown + octets - 2, b'(');
        line.extend_from_slice(b"\r\nn NOOP\r\n");
        let whole = run(config(), Toy::new(&[]), &[C(&line)], usize::MAX);
        let said = lines(&whole);
        assert_eq!(said[1], "l BAD [LIMIT] The line is too long");
        let last = if ends { "* BYE [LIMIT] The command is too long" } else { "n OK Done" };
        assert_eq!(said[2..], [last], "{octets}");
        assert_eq!(whole.wait == Wait::Closed, ends, "{octets}");
        for cut in [1_000, 65_536] {
            let other = run(config(), Toy::new(&[]), &[C(&line)], cut);
            assert_eq!((&other.out, &other.log), (&whole.out, &whole.log), "{octets}, cut {cut}");
        }
    }
    let literal = format!("a LOGIN {{{}+}}\r\n", ROOM + 1);
    let run = talk(&config(), || Toy::new(&[]), &[C(literal.as_bytes())]);
    assert_eq!(lines(&run)[1..], ["* BYE [LIMIT] The literal is too long"]);
}

/// The host has no time to check a password: nobody's guess, but who goes on asking is sent away like anybody who fails.
#[test]
fn a_sign_in_that_cannot_be_checked_is_an_error() {
    let config = Config { limits: Limits { errors: 2, ..Limits::DEFAULT }, ..config() };
    let run = talk(&config, || Toy::new(&[]), &[C(&b"a LOGIN busy x\r\n".repeat(4))]);
    let no = "a NO [UNAVAILABLE] Try again later";
    assert_eq!(lines(&run)[1..], [no, no, no, "* BYE Too many errors"]);
}

#[test]
fn limits_refuse_and_the_next_command_is_found() {
    let limits =
        Limits { line: 256, literal: 10, literals: 15, message_size: 20, ..Limits::DEFAULT };
    let config = Config { limits, ..config() };
    let long = [&b"l DELETE "[..], &[b'x'; 300], b"\r\n"].concat();
    let steps = [
        LOGIN,
        C(&long),
        C(b"m DELETE {11}\r\nn DELETE {11+}\r\nelevenoctet\r\no RENAME {8+}\r\n12345678 {8+}\r\n12345678\r\n"),
        C(b"p APPEND inbox {21}\r\nq NOOP\r\nr APPEND inbox {999999999+}\r\n"),
    ];
    let run = talk(&config, || Toy::new(&[]), &steps);
    assert_eq!(
        lines(&run)[2..],
        [
            "l BAD [LIMIT] The line is too long",
            "m BAD [LIMIT] The literal is too long",
            "n BAD [LIMIT] The literal is too long",
            "o BAD [LIMIT] The literal is too long",
            "p NO [LIMIT] The message is too long",
            "q OK Done",
            "* BYE [LIMIT] The literal is too long",
        ]
    );
}

#[test]
fn too_many_errors_end_the_session() {
    let limits = Limits { errors: 2, ..Limits::DEFAULT };
    let config = Config { limits, ..config() };
    let steps = [LOGIN, C(b"a X\r\nb Y\r\nc NOOP\r\n\r\n"), C(b"d NOOP\r\n")];
    let run = talk(&config, || Toy::new(&[]), &steps);
    assert_eq!(run.log.last().unwrap(), "Ended(Errors)");
    let said = lines(&run);
    assert!(said[2].starts_with("a BAD "), "{}", said[2]);
    assert!(said[5].starts_with("* BAD "), "{}", said[5]);
    assert_eq!(said[6], "* BYE Too many errors");
}

#[test]
fn waits_run_out() {
    let run = talk(&config(), || Toy::new(&[]), &[T(59), C(b"a NOOP\r\n"), T(1)]);
    assert_eq!(run.log.last().unwrap(), "Ended(Timeout)");
    assert!(run.out.ends_with("a OK Done\r\n* BYE Signing in took too long\r\n"));
    let steps = [LOGIN, SELECT, T(1799), C(b"i IDLE\r\n"), T(1799), Deliver(b""), T(1)];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    assert!(run.out.ends_with("* 1 EXISTS\r\n* BYE Idle for too long\r\n"), "{}", run.out);
    let steps = [LOGIN, C(b"a APPEND inbox {9+}\r\n123"), T(179), C(b"4"), T(179), C(b"5"), T(180)];
    let run = talk(&config(), || Toy::new(&[]), &steps);
    assert_eq!(run.log[run.log.len() - 2..], ["BodyLost", "Ended(Timeout)"]);
}

#[test]
fn a_literal_that_is_cut_short_ends_the_session() {
    let toy = || Toy { traitor: true, ..Toy::new(&[b"something"]) };
    let run = talk(&config(), toy, &[LOGIN, SELECT, C(b"c FETCH 1 BODY[]\r\nd NOOP\r\n")]);
    assert_eq!(run.log.last().unwrap(), "Ended(Closed(Lost))");
    assert!(!run.out.contains("c OK") && !run.out.contains("BYE"), "{}", run.out);
}

#[test]
fn a_large_body_leaves_in_pieces_and_whole() {
    let body: Vec<u8> = (0..500_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let steps = [LOGIN, SELECT, C(b"c FETCH 1 BODY[]\r\n")];
    let run = run(config(), Toy::new(&[&body]), &steps, usize::MAX);
    let at = run.out.find("{500000}\r\n").unwrap() + 10;
    assert_eq!(run.out.as_bytes()[at..at + 500_000], body[..]);
    assert!(run.out.ends_with(")\r\nc OK Done\r\n"));
}
