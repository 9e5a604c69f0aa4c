//! Every key, and the logic around them.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::imap::date::DateTime;
use crate::imap::fetch::Broken;
use crate::imap::response::Mode;
use crate::imap::{Atom, Command, Syntax, Tag, Tagged};
use crate::mime::Span;
use crate::mime::structure::Structure;

const MESSAGE: &str = "Date: Sat, 02 Mar 1996 23:30:00 -0800\r\n\
From: =?iso-8859-1?q?J=F6rg?= <joerg@x.test>\r\n\
To: Smith <smith@y.test>, jones@z.test\r\n\
Cc: cc@z.test\r\n\
Subject: =?utf-8?b?R3LDvMOfZQ==?= and more\r\n\
X-Empty:\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\
Content-Type: text/plain; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
Caf=E9 at no=\r\non\r\n\
--b\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: Inner circle\r\n\
\r\n\
hidden\r\n\
--b\r\n\
Content-Type: application/octet-stream\r\n\
\r\n\
secretbinary\r\n\
--b\r\n\
Content-Type: message/delivery-status\r\n\
\r\n\
Diagnostic-Code: smtp; The disk is full\r\n\
--b--\r\n";

/// A source that says when it is read.
struct Watched<'m>(&'m [u8], u32);

impl<'m> Source for Watched<'m> {
    type Octets = &'m [u8];
    type Error = Broken;

    fn read(&mut self, span: Span) -> Result<&'m [u8], Broken> {
        self.1 += 1;
        (&mut &*self.0).read(span)
    }
}

fn search<'i>(line: &'i str) -> Search<'i> {
    let tagged = Tagged::read(line.as_bytes(), Syntax { utf8: true, ..Syntax::default() });
    let Command::Search(search) = tagged.unwrap().command else { panic!("{line}") };
    search
}

/// Whether keys match the message, and how often it was read.
fn judge(keys: &str) -> (bool, u32) {
    let line = format!("a SEARCH {keys}\r\n");
    let view: View = [10, 20, 30, 40].into_iter().collect();
    let query = Query::new(&search(&line), &view).unwrap();
    let structure = Structure::of(MESSAGE.as_bytes());
    let flags = [Flag::Seen, Flag::Flagged, Flag::Keyword(Atom::new(b"work").unwrap())];
    let facts = Facts {
        // 1 March 1996, 23:44:25 -0700: still the first of March where it was received.
        date: DateTime::from_unix(825_749_065, -420),
        flags: &flags,
        modseq: 50,
        newly_seen: false,
        seq: 2,
        size: 1_000,
        structure: Some(&structure),
        uid: 20,
    };
    let mut source = Watched(MESSAGE.as_bytes(), 0);
    let found = query.matches(&facts, &mut source).unwrap();
    (found, source.1)
}

#[test]
fn keys_that_hold() {
    for keys in [
        "ALL",
        "SEEN FLAGGED",
        "UNANSWERED UNDELETED UNDRAFT OLD",
        "KEYWORD Work UNKEYWORD play",
        "2",
        "1:*",
        "1:5000",
        "NOT 5000",
        "UID 15:25",
        "LARGER 999 SMALLER 1001",
        "MODSEQ 50",
        "ON 1-Mar-1996",
        "BEFORE 2-Mar-1996 SINCE 1-Mar-1996",
        "SENTON 2-Mar-1996",
        "SENTBEFORE 3-Mar-1996 SENTSINCE 2-Mar-1996",
        "FROM \"J\u{f6}RG\"",
        "CHARSET UTF-8 FROM \"j\u{f6}rg\"",
        "FROM joerg@x",
        "TO jones CC cc@z",
        "SUBJECT \"GR\u{dc}\u{df}E and\"",
        "HEADER X-Empty \"\"",
        "HEADER subject more",
        "BODY \"caf\u{e9}\"",
        "BODY noon",
        "BODY hidden",
        "BODY \"the disk is full\"",
        "TEXT \"inner circle\"",
        "TEXT delivery-status",
        "TEXT charset=iso-8859-1",
        "BODY \"\"",
        "TEXT smith@y.test",
        "TEXT \"from: j\u{f6}rg\"",
        "OR ANSWERED SEEN",
        "NOT NOT SEEN",
        "OR (SEEN DELETED) (FLAGGED NOT ANSWERED)",
        "(((SEEN)))",
    ] {
        assert!(judge(keys).0, "{keys}");
    }
}

#[test]
fn keys_that_do_not() {
    for keys in [
        "UNSEEN",
        "ANSWERED",
        "RECENT",
        "NEW",
        "KEYWORD play",
        "1,3:4",
        "5000",
        "5:*",
        "UID 21:29",
        "LARGER 1000",
        "SMALLER 1000",
        "MODSEQ 51",
        "ON 2-Mar-1996",
        "BEFORE 1-Mar-1996",
        "SENTSINCE 3-Mar-1996",
        "BCC cc",
        "FROM smith",
        "HEADER X-None \"\"",
        "BODY secretbinary",
        "BODY smith@y.test",
        "BODY \"inner circle\"",
        "BODY delivery-status",
        "TEXT nowhere",
        "OR ANSWERED DELETED",
        "NOT SEEN",
        "NOT (SEEN FLAGGED)",
        "SEEN NOT OR FLAGGED DELETED",
    ] {
        assert!(!judge(keys).0, "{keys}");
    }
}

#[test]
fn nothing_is_read_in_vain() {
    assert_eq!(judge("BODY noon UNSEEN"), (false, 0));
    assert_eq!(judge("OR BODY noon SEEN"), (true, 0));
    assert_eq!(judge("TEXT noon FROM nobody"), (false, 1));
    assert!(judge("BODY noon").1 > 1);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let view: View = [10].into_iter().collect();
    let refused = |line: &str| Query::new(&search(line), &view).unwrap_err();
    assert_eq!(refused("a SEARCH CHARSET klingon ALL\r\n"), Refusal::Charset);
    let reply = Refusal::Charset.reply();
    assert!(reply.octets().1.starts_with(b"NO [BADCHARSET (\"UTF-8\" \"US-ASCII\")] "));
}

/// Pushes messages `(seq, uid, modseq)` and gives the response.
fn found(line: &str, mode: Mode, view: &mut View, hits: &[(u32, u32, u64)]) -> String {
    let mut found = Found::new(&search(line), mode);
    for &(seq, uid, modseq) in hits {
        let facts = Facts {
            date: DateTime::from_unix(0, 0),
            flags: &[],
            modseq,
            newly_seen: false,
            seq,
            size: 0,
            structure: None,
            uid,
        };
        found.push(&facts);
    }
    found.save(view);
    let mut out = Responses::with(mode);
    found.write(Tag::new(b"A1").unwrap(), &mut out);
    String::from_utf8(out.octets().to_vec()).unwrap()
}

#[test]
fn responses_in_every_form() {
    let hits = [(2, 20, 7), (3, 30, 9), (5, 50, 8)];
    let (rev1, rev2) = (Mode::default(), Mode { condstore: false, rev2: true });
    for (command, mode, wanted) in [
        ("SEARCH ALL", rev1, "* SEARCH 2 3 5\r\n"),
        ("UID SEARCH ALL", rev1, "* SEARCH 20 30 50\r\n"),
        ("SEARCH MODSEQ 1", rev1, "* SEARCH 2 3 5 (MODSEQ 9)\r\n"),
        ("SEARCH ALL", rev2, "* ESEARCH (TAG \"A1\") ALL 2:3,5\r\n"),
        ("UID SEARCH ALL", rev2, "* ESEARCH (TAG \"A1\") UID ALL 20,30,50\r\n"),
        ("SEARCH RETURN () ALL", rev1, "* ESEARCH (TAG \"A1\") ALL 2:3,5\r\n"),
        (
            "SEARCH RETURN (MIN MAX COUNT) ALL",
            rev1,
            "* ESEARCH (TAG \"A1\") MIN 2 MAX 5 COUNT 3\r\n",
        ),
        ("SEARCH RETURN (MIN) MODSEQ 1", rev1, "* ESEARCH (TAG \"A1\") MIN 2 MODSEQ 7\r\n"),
        (
            "SEARCH RETURN (MIN MAX) MODSEQ 1",
            rev1,
            "* ESEARCH (TAG \"A1\") MIN 2 MAX 5 MODSEQ 8\r\n",
        ),
        ("SEARCH RETURN (COUNT) MODSEQ 1", rev1, "* ESEARCH (TAG \"A1\") COUNT 3 MODSEQ 9\r\n"),
        ("SEARCH RETURN (SAVE) ALL", rev1, ""),
        ("SEARCH RETURN (SAVE COUNT) ALL", rev1, "* ESEARCH (TAG \"A1\") COUNT 3\r\n"),
    ] {
        let line = format!("a {command}\r\n");
        assert_eq!(found(&line, mode, &mut View::new(), &hits), wanted, "{command}");
    }
    for (command, wanted) in [
        ("SEARCH ALL", "* SEARCH\r\n"),
        ("SEARCH MODSEQ 1", "* SEARCH\r\n"),
        ("SEARCH RETURN (ALL MIN COUNT) ALL", "* ESEARCH (TAG \"A1\") COUNT 0\r\n"),
    ] {
        let line = format!("a {command}\r\n");
        assert_eq!(found(&line, rev1, &mut View::new(), &[]), wanted, "{command}");
    }
}

#[test]
fn what_is_saved_follows_the_table_of_rfc_9051() {
    let hits = [(2, 20, 7), (3, 30, 9), (5, 50, 8)];
    for (options, wanted) in [
        ("SAVE", "20,30,50"),
        ("SAVE MIN", "20"),
        ("SAVE MAX", "50"),
        ("SAVE MIN MAX", "20,50"),
        ("SAVE MIN COUNT", "20,30,50"),
        ("SAVE ALL MIN", "20,30,50"),
        ("MIN", ""),
    ] {
        let mut view: View = [10, 20, 30, 40, 50].into_iter().collect();
        found(&format!("a SEARCH RETURN ({options}) ALL\r\n"), Mode::default(), &mut view, &hits);
        let saved = view.pick(&crate::imap::SequenceSet::Saved, By::Uid).unwrap();
        assert_eq!(format!("{:?}", view.uids_of(&saved)), wanted, "{options}");
    }
}

/// A tree of keys, its text, and what it is worth.
fn tree() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop_oneof![
        Just(("SEEN".to_string(), true)),
        Just(("ANSWERED".to_string(), false)),
        Just(("FROM joerg".to_string(), true)),
        Just(("SUBJECT nothing".to_string(), false)),
        Just(("BODY noon".to_string(), true)),
        Just(("BODY nothing".to_string(), false)),
        Just(("UNSEEN".to_string(), false)),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(text, is)| (format!("NOT {text}"), !is)),
            (inner.clone(), inner.clone())
                .prop_map(|((a, x), (b, y))| (format!("OR {a} {b}"), x || y)),
            prop::collection::vec(inner, 1..4).prop_map(|keys| {
                let texts: Vec<&str> = keys.iter().map(|(text, _)| &text[..]).collect();
                (format!("({})", texts.join(" ")), keys.iter().all(|(_, is)| *is))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_tree_of_keys_is_judged_right(keys in prop::collection::vec(tree(), 1..4)) {
        let texts: Vec<&str> = keys.iter().map(|(text, _)| &text[..]).collect();
        prop_assert_eq!(judge(&texts.join(" ")).0, keys.iter().all(|(_, is)| *is));
    }
}
