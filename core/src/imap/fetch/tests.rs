//! What FETCH writes, against RFC examples and against a simple model.

use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::imap::{Command, Syntax, Tagged};
use crate::mime::Scanner;

/// Runs `FETCH 1 items` and gives the response, parts joined.
fn fetch_with(
    items: &str,
    mode: Mode,
    message: &[u8],
    structure: &Structure,
    newly_seen: bool,
) -> (Vec<u8>, Plan, Place) {
    let line = format!("a FETCH 1 {items}\r\n");
    let tagged = Tagged::read(line.as_bytes(), Syntax::default()).unwrap();
    let Command::Fetch(fetch) = tagged.command else { panic!("{tagged:?}") };
    let plan = Plan::new(&fetch, mode);
    let facts = Facts {
        date: DateTime::from_unix(837_596_665, -420),
        flags: &[Flag::Seen],
        modseq: 624_140_003,
        newly_seen,
        seq: 12,
        size: message.len() as u32,
        structure: Some(structure),
        uid: 77,
    };
    let mut place = Place::default();
    let mut all = Vec::new();
    let mut out = Responses::with(mode);
    let mut source = message;
    loop {
        let progress = plan.row(&mut place, &facts, &mut source, &mut out).unwrap();
        assert!(out.len() <= Responses::PART + 2 * PIECE as usize);
        all.extend_from_slice(out.octets());
        if progress == Progress::Done {
            assert!(out.seam().is_whole());
            return (all, plan, place);
        }
        out = Responses::resume(out.seam()).mode(mode);
    }
}

fn fetch(items: &str, message: &str) -> String {
    let message = message.replace('\n', "\r\n");
    let structure = Structure::of(message.as_bytes());
    let (all, ..) = fetch_with(items, Mode::default(), message.as_bytes(), &structure, false);
    String::from_utf8(all).unwrap().replace("\r\n", "\n")
}

/// The message of RFC 9051 §8.
const GRAY: &str = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev2 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

Minutes.
";

#[test]
fn the_example_of_rfc_9051_section_8() {
    assert_eq!(
        fetch("FULL", GRAY),
        "* 12 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 352 \
         ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
         \"IMAP4rev2 WG mtg summary and minutes\" \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
         ((NIL NIL \"imap\" \"cac.washington.edu\")) \
         ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
         (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
         \"<B27397-0100000@cac.washington.edu>\") \
         BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 10 1))\n"
    );
    let header = GRAY.split_inclusive("\n\n").next().unwrap();
    assert_eq!(
        fetch("BODY[HEADER]", GRAY),
        format!("* 12 FETCH (BODY[HEADER] {{{}}}\n{header})\n", header.replace('\n', "\r\n").len())
    );
}

const NEST: &str = "Subject: =?utf-8?q?nest?=
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=a.txt
Content-Language: de, en

aMOkbGxv
--b
Content-Type: message/rfc822

Subject: inner
X-More: 1

within
--b
Content-Type: image/png
Content-Transfer-Encoding: x-odd
Content-ID: <id@x>

???
--b--
";

#[test]
fn sections_of_a_nested_message() {
    for (items, wanted) in [
        ("BODY[1]", "BODY[1] {8}\naMOkbGxv"),
        ("BODY[1.MIME]<9.4>", "BODY[1.MIME]<9> {4}\nype:"),
        ("BODY[2.HEADER]", "BODY[2.HEADER] {29}\nSubject: inner\nX-More: 1\n\n"),
        ("BODY[2.TEXT]", "BODY[2.TEXT] {6}\nwithin"),
        ("BODY[2.1]", "BODY[2.1] {6}\nwithin"),
        (
            "BODY[2.HEADER.FIELDS (subject)]",
            "BODY[2.HEADER.FIELDS (subject)] {18}\nSubject: inner\n\n",
        ),
        (
            "BODY[2.HEADER.FIELDS.NOT (subject)]<2.20>",
            "BODY[2.HEADER.FIELDS.NOT (subject)]<2> {11}\nMore: 1\n\n",
        ),
        ("BODY[9]", "BODY[9] NIL"),
        ("BODY[1.HEADER]", "BODY[1.HEADER] NIL"),
        ("BODY[1]<8.10>", "BODY[1]<8> {0}\n"),
        ("BODY[1]<800.10>", "BODY[1]<800> {0}\n"),
        ("BINARY[1]", "BINARY[1] {6}\nh\u{e4}llo"),
        ("BINARY[1]<1.2>", "BINARY[1]<1> {2}\n\u{e4}"),
        ("BINARY.SIZE[1]", "BINARY.SIZE[1] 6"),
        ("BINARY.SIZE[2]", "BINARY.SIZE[2] 35"),
        ("BINARY[3]", "BINARY[3] NIL"),
        (
            "RFC822.HEADER",
            "RFC822.HEADER {72}\nSubject: =?utf-8?q?nest?=\nContent-Type: multipart/mixed; boundary=b\n\n",
        ),
    ] {
        assert_eq!(fetch(items, NEST), format!("* 12 FETCH ({wanted})\n"), "{items}");
    }
}

#[test]
fn the_structure_of_a_nested_message() {
    assert_eq!(
        fetch("BODYSTRUCTURE", NEST),
        "* 12 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 8 0 NIL \
         (\"attachment\" (\"filename\" \"a.txt\")) (\"de\" \"en\") NIL)\
         (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 35 (NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 0 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)\
         (\"image\" \"png\" NIL \"<id@x>\" NIL \"x-odd\" 3 NIL NIL NIL NIL) \
         \"mixed\" (\"boundary\" \"b\") NIL NIL NIL))\n"
    );
}

#[test]
fn what_the_tree_keeps_needs_no_message() {
    let message = NEST.replace('\n', "\r\n");
    let mut scanner = Scanner::new(crate::mime::Limits::DEFAULT).keep_fields();
    scanner.feed(message.as_bytes());
    let kept = scanner.finish();
    let items = "(ENVELOPE BODYSTRUCTURE)";
    let (with, ..) = fetch_with(items, Mode::default(), b"", &kept, false);
    let plain = Structure::of(message.as_bytes());
    let (without, ..) = fetch_with(items, Mode::default(), message.as_bytes(), &plain, false);
    assert_eq!(String::from_utf8(with).unwrap(), String::from_utf8(without).unwrap());
}

/// What the decoder holds back until the end comes too, also if that is all there is.
#[test]
fn a_body_that_is_decided_by_its_end() {
    let message = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=";
    for body in [&b"="[..], b"  ", b"=4", b"x=\r"] {
        let message = [&message[..message.len() - 1], body].concat();
        let structure = Structure::of(&message);
        let (all, ..) = fetch_with("BINARY[1]", Mode::default(), &message, &structure, false);
        assert!(all.starts_with(b"* 12 FETCH (BINARY[1] {"), "{body:?}");
    }
}

#[test]
fn an_unknown_encoding_is_told() {
    let message = NEST.replace('\n', "\r\n");
    let structure = Structure::of(message.as_bytes());
    let (_, plan, place) =
        fetch_with("BINARY[3]", Mode::default(), message.as_bytes(), &structure, false);
    let reply = plan.done(&place, Responses::new());
    assert!(reply.octets().1.starts_with(b"NO [UNKNOWN-CTE] "));
}

#[test]
fn a_message_that_cannot_be_read_is_nil() {
    let message = GRAY.replace('\n', "\r\n");
    let structure = Structure::of(message.as_bytes());
    let tagged = Tagged::read(b"a UID FETCH 1 (BODY[TEXT] BODY[] ENVELOPE)\r\n", Syntax::default());
    let Command::Fetch(fetch) = tagged.unwrap().command else { panic!() };
    let plan = Plan::new(&fetch, Mode::default());
    let facts = Facts {
        date: DateTime::from_unix(0, 0),
        flags: &[],
        modseq: 1,
        newly_seen: false,
        seq: 1,
        size: message.len() as u32,
        structure: Some(&structure),
        uid: 7,
    };
    let (mut place, mut out) = (Place::default(), Responses::new());
    let mut short: &[u8] = &message.as_bytes()[..10];
    let progress = plan.row(&mut place, &facts, &mut short, &mut out);
    assert_eq!(progress, Ok(Progress::Done));
    let wanted = "* 1 FETCH (UID 7 BODY[TEXT] NIL BODY[] NIL ENVELOPE \
                  (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n";
    assert_eq!(String::from_utf8_lossy(out.octets()), wanted);
    assert!(plan.done(&place, Responses::new()).octets().1.starts_with(b"NO [CORRUPTION] "));
}

#[test]
fn a_source_that_breaks_inside_a_literal_is_an_error() {
    struct Half(u32);
    impl Source for Half {
        type Octets = Vec<u8>;
        type Error = Broken;
        fn read(&mut self, span: Span) -> Result<Vec<u8>, Broken> {
            self.0 += 1;
            if self.0 > 2 { Err(Broken) } else { Ok(std::vec![b'x'; span.len() as usize]) }
        }
    }
    let tagged = Tagged::read(b"a FETCH 1 BODY[]\r\n", Syntax::default());
    let Command::Fetch(fetch) = tagged.unwrap().command else { panic!() };
    let plan = Plan::new(&fetch, Mode::default());
    let facts = Facts {
        date: DateTime::from_unix(0, 0),
        flags: &[],
        modseq: 1,
        newly_seen: false,
        seq: 1,
        size: 50_000,
        structure: None,
        uid: 7,
    };
    let (mut place, mut out) = (Place::default(), Responses::new());
    assert_eq!(plan.row(&mut place, &facts, &mut Half(0), &mut out), Err(Broken));
    assert!(!out.seam().is_whole());
}

#[test]
fn flags_modseq_and_uid_come_unasked_where_they_must() {
    let structure = Structure::of(b"\r\n");
    let shown = |items: &str, mode, newly_seen| {
        let (all, ..) = fetch_with(items, mode, b"\r\n", &structure, newly_seen);
        String::from_utf8(all).unwrap()
    };
    let (old, condstore) = (Mode::default(), Mode { condstore: true, rev2: false });
    assert_eq!(shown("BODY[]", old, true), "* 12 FETCH (BODY[] {2}\r\n\r\n FLAGS (\\Seen))\r\n");
    assert_eq!(shown("FLAGS", old, true), "* 12 FETCH (FLAGS (\\Seen))\r\n");
    assert_eq!(shown("UID", condstore, false), "* 12 FETCH (UID 77 MODSEQ (624140003))\r\n");
    assert_eq!(
        shown("(FLAGS) (CHANGEDSINCE 5)", old, false),
        "* 12 FETCH (FLAGS (\\Seen) MODSEQ (624140003))\r\n"
    );
}

#[test]
fn plans_say_what_they_need() {
    let plan = |items: &str| {
        let line = format!("a FETCH 1 {items}\r\n");
        let tagged = Tagged::read(line.as_bytes(), Syntax::default()).unwrap();
        let Command::Fetch(fetch) = tagged.command else { panic!() };
        (Plan::new(&fetch, Mode::default()).needs(), Plan::sets_seen(&fetch))
    };
    let needs = |body, structure| Needs { body, structure };
    assert_eq!(plan("FAST"), (needs(false, false), false));
    assert_eq!(plan("ALL"), (needs(false, true), false));
    assert_eq!(plan("BODY[]"), (needs(true, false), true));
    assert_eq!(plan("BODY.PEEK[1]"), (needs(true, true), false));
    assert_eq!(plan("RFC822.HEADER"), (needs(true, true), false));
    assert_eq!(plan("BINARY[1]"), (needs(true, true), true));
}

#[test]
fn a_nul_is_told_by_literal8_or_hidden() {
    let message = b"Content-Transfer-Encoding: base64\r\n\r\nAGEA\r\n";
    let structure = Structure::of(message);
    let (all, ..) = fetch_with("BINARY[1]", Mode::default(), message, &structure, false);
    assert_eq!(all, b"* 12 FETCH (BINARY[1] ~{3}\r\n\0a\0)\r\n");
    let message = b"\r\na\0b";
    let structure = Structure::of(message);
    let (all, ..) = fetch_with("BODY[TEXT]", Mode::default(), message, &structure, false);
    assert_eq!(all, b"* 12 FETCH (BODY[TEXT] {3}\r\na\x80b)\r\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However large a part is and whatever range of it is wanted, exactly that arrives.
    #[test]
    fn large_parts_flow_whole(
        size in 0..120_000_usize,
        offset in 0..130_000_u64,
        length in 1..130_000_u64,
        encoded in any::<bool>(),
        decode in any::<bool>(),
    ) {
        let body: Vec<u8> = (0..size).map(|n| b'A' + (n % 7) as u8).collect();
        let mut message = b"Content-Transfer-Encoding: base64\r\n\r\n".to_vec();
        if !encoded {
            message = b"Subject: x\r\n\r\n".to_vec();
        }
        let head = message.len();
        if encoded {
            crate::grammar::base64::encode(&body, &mut message);
        } else {
            message.extend_from_slice(&body);
        }
        let structure = Structure::of(&message);
        let name = if decode { "BINARY" } else { "BODY" };
        let items = format!("{name}.PEEK[1]<{offset}.{length}>");
        let (all, ..) = fetch_with(&items, Mode::default(), &message, &structure, false);
        let whole = if decode { &body[..] } else { &message[head..] };
        let from = (offset as usize).min(whole.len());
        let to = (from + length as usize).min(whole.len());
        let mut wanted =
            format!("* 12 FETCH ({name}[1]<{offset}> {{{}}}\r\n", to - from).into_bytes();
        wanted.extend_from_slice(&whole[from..to]);
        wanted.extend_from_slice(b")\r\n");
        prop_assert_eq!(all, wanted);
    }

    /// Whatever a message is, its response can be told from what follows: strings and literals
    /// balance, and so do parentheses.
    #[test]
    fn any_message_gives_a_balanced_response(message in prop::collection::vec(
        prop_oneof![
            Just(b"Content-Type: multipart/mixed; boundary=\"b\"\r\n".to_vec()),
            Just(b"Content-Type: message/rfc822\r\n".to_vec()),
            Just(b"\r\n--b\r\n".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"From: \"a\\\"b\" <x@y>, g: z;\r\n".to_vec()),
            Just(b"Subject: \xff(\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..12),
        ], 0..16).prop_map(|pieces| pieces.concat()), rev2 in any::<bool>()) {
        let structure = Structure::of(&message);
        let mode = Mode { condstore: false, rev2 };
        let items = "(ENVELOPE BODYSTRUCTURE BODY BODY[1] BINARY[1] BODY[HEADER.FIELDS (FROM)])";
        let (all, ..) = fetch_with(items, mode, &message, &structure, false);
        balanced(&all);
    }
}

/// Walks a response as a client would.
fn balanced(mut rest: &[u8]) {
    let mut depth = 0;
    loop {
        match rest {
            [] => panic!("no end"),
            [b'\r', b'\n'] => break,
            [b'"', more @ ..] => {
                let mut at = 0;
                while more[at] != b'"' {
                    assert!(!matches!(more[at], b'\r' | b'\n' | 0));
                    at += if more[at] == b'\\' { 2 } else { 1 };
                }
                rest = &more[at + 1..];
            }
            [b'{', more @ ..] => {
                let end = more.iter().position(|&b| b == b'}').unwrap();
                let n: usize = std::str::from_utf8(&more[..end]).unwrap().parse().unwrap();
                assert_eq!(&more[end + 1..end + 3], b"\r\n");
                rest = &more[end + 3 + n..];
            }
            [b, more @ ..] => {
                match b {
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    _ => assert!((b' '..0x7f).contains(b), "{b}"),
                }
                rest = more;
            }
        }
    }
    assert_eq!(depth, 0);
}
