//! The writers, mostly against the examples of the RFCs.

use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::imap::{Atom, Syntax, Tagged, utf7};
use crate::mime::{HEADER_ADDRESSES, envelope::Envelope};

const REV2: Mode = Mode { condstore: false, rev2: true };

fn written(mode: Mode, write: impl FnOnce(&mut Responses)) -> String {
    let mut out = Responses::with(mode);
    write(&mut out);
    assert!(out.seam().is_whole());
    String::from_utf8(out.octets().to_vec()).unwrap()
}

fn old(write: impl FnOnce(&mut Responses)) -> String {
    written(Mode::default(), write)
}

#[test]
fn what_select_says() {
    let said = |out: &mut Responses| {
        let flags = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        out.exists(172).recent(1).flags(flags);
        out.note(&Code::Unseen(12), "Message 12 is first unseen");
        out.note(&Code::UidValidity(3_857_529_045), "UIDs valid");
        out.note(&Code::UidNext(4_392), "Predicted next UID");
        out.note(&Code::PermanentFlags(&[Flag::Deleted, Flag::Seen], true), "Limited");
        out.note(&Code::HighestModSeq(715_194_045_007), "Highest");
        out.note(&Code::PermanentFlags(&[], true), "New ones only");
        out.note(&Code::PermanentFlags(&[], false), "None");
    };
    let rev1 = "* 172 EXISTS\r\n* 1 RECENT\r\n\
        * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
        * OK [UNSEEN 12] Message 12 is first unseen\r\n\
        * OK [UIDVALIDITY 3857529045] UIDs valid\r\n\
        * OK [UIDNEXT 4392] Predicted next UID\r\n\
        * OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited\r\n\
        * OK [HIGHESTMODSEQ 715194045007] Highest\r\n\
        * OK [PERMANENTFLAGS (\\*)] New ones only\r\n\
        * OK [PERMANENTFLAGS ()] None\r\n";
    assert_eq!(old(said), rev1);
    assert_eq!(written(REV2, said), rev1.replace("* 1 RECENT\r\n", ""));
}

#[test]
fn codes_of_a_tagged_line() {
    let line = |code: Code<'_>| {
        let reply = Responses::new().done(Status::Ok, Some(&code), "Text");
        String::from_utf8(reply.octets().1.to_vec()).unwrap()
    };
    for (code, wanted) in [
        (Code::AppendUid(38_505, 3_955), "[APPENDUID 38505 3955]"),
        (
            Code::CopyUid(38_505, &[(304, 304), (319, 320)], &[(3_956, 3_958)]),
            "[COPYUID 38505 304,319:320 3956:3958]",
        ),
        (Code::CopyUid(1, &[], &[]), "[NOTSAVED]"),
        (Code::Modified(&[(7, 7), (9, 9)]), "[MODIFIED 7,9]"),
        (Code::BadCharset(&[]), "[BADCHARSET]"),
        (Code::BadCharset(&["UTF-8"]), "[BADCHARSET (\"UTF-8\")]"),
        (Code::ReadOnly, "[READ-ONLY]"),
        (Code::TryCreate, "[TRYCREATE]"),
        (Code::UnknownCte, "[UNKNOWN-CTE]"),
    ] {
        assert_eq!(line(code), format!("OK {wanted} Text\r\n"));
    }
}

#[test]
fn text_for_people_stays_on_its_line() {
    let line =
        |text: &str| String::from_utf8(Responses::new().ok(text).octets().1.to_vec()).unwrap();
    assert_eq!(line("a\r\nb OK\0\u{e4}"), "OK a??b OK???\r\n");
    assert_eq!(line("[ALERT] fake"), "OK ALERT] fake\r\n");
    assert_eq!(line(" [["), "OK -\r\n");
    assert_eq!(line(""), "OK -\r\n");
}

#[test]
fn listings() {
    let listed = Listed {
        attributes: &[ListAttribute::HasChildren, ListAttribute::Sent],
        child_info: false,
        delimiter: Some('/'),
        name: "Entw\u{fc}rfe & \"x\"",
        old_name: None,
    };
    assert_eq!(
        old(|out| {
            out.list(&listed);
        }),
        "* LIST (\\HasChildren \\Sent) \"/\" \"Entw&APw-rfe &- \\\"x\\\"\"\r\n"
    );
    assert_eq!(
        written(REV2, |out| {
            out.list(&listed);
        }),
        "* LIST (\\HasChildren \\Sent) \"/\" \"Entw\u{fc}rfe & \\\"x\\\"\"\r\n"
    );
    let more = Listed {
        attributes: &[],
        child_info: true,
        delimiter: None,
        name: "a",
        old_name: Some("b"),
    };
    assert_eq!(
        old(|out| {
            out.list(&more);
        }),
        "* LIST () NIL \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
    );
    assert_eq!(
        written(REV2, |out| {
            out.list(&more);
        }),
        "* LIST () NIL \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"b\"))\r\n"
    );
    assert_eq!(
        old(|out| {
            out.lsub(&more);
        }),
        "* LSUB () NIL \"a\"\r\n"
    );
    assert_eq!(
        old(|out| {
            out.namespace(&[("", '/')], &[("~", '/'), ("#u.", '.')], &[]);
        }),
        "* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")(\"#u.\" \".\")) NIL\r\n"
    );
    let values = [StatusValue::Messages(231), StatusValue::UidNext(44_292), StatusValue::Size(5)];
    assert_eq!(
        old(|out| {
            out.status("blurdybloop", &values);
        }),
        "* STATUS \"blurdybloop\" (MESSAGES 231 UIDNEXT 44292 SIZE 5)\r\n"
    );
}

#[test]
fn a_row_item_by_item() {
    let keyword = Flag::Keyword(Atom::new(b"$Junk").unwrap());
    let recent = Flag::Extension(Atom::new(b"Recent").unwrap());
    let mut out = Responses::new();
    let date = crate::imap::date::DateTime::from_unix(825_749_065, -420);
    out.row(12)
        .uid(7)
        .flags([Flag::Seen, keyword, recent])
        .internal_date(date)
        .size(44_827)
        .modseq(12_121_231_000)
        .text(&Label::Rfc822Text, Some(b"a \"b\""))
        .text(&Label::Rfc822, None)
        .end();
    out.row(13).end();
    assert_eq!(
        String::from_utf8_lossy(out.octets()),
        "* 12 FETCH (UID 7 FLAGS (\\Seen $Junk \\Recent) INTERNALDATE \" 1-Mar-1996 23:44:25 -0700\" \
         RFC822.SIZE 44827 MODSEQ (12121231000) RFC822.TEXT \"a \\\"b\\\"\" RFC822 NIL)\r\n* 13 FETCH ()\r\n"
    );
}

#[test]
fn a_literal_takes_what_was_announced_and_no_more() {
    let mut out = Responses::new();
    out.row(1).literal(&Label::default(), 5);
    assert_eq!(out.chunk(b"abc"), 3);
    assert!(out.row_again().is_none());
    let seam = out.seam();
    assert_eq!((seam.left(), seam.is_whole()), (2, false));
    let mut next = Responses::resume(seam);
    assert_eq!(next.chunk(b"defg"), 2);
    next.row_again().unwrap().uid(4).end();
    assert_eq!(next.octets(), b"de UID 4)\r\n");
    assert!(next.seam().is_whole() && next.row_again().is_none());
}

proptest! {
    /// A string that we write is the string that a reader reads: our own grammar, at that.
    #[test]
    fn strings_survive(text in prop::collection::vec(1..=255_u8, 0..40), utf8 in any::<bool>()) {
        let mut line = b"a LOGIN ".to_vec();
        words::string(&mut line, &text, utf8);
        line.extend_from_slice(b" x\r\n");
        let tagged = Tagged::read(&line, Syntax { utf8, ..Syntax::default() }).unwrap();
        let crate::imap::Command::Login(login) = tagged.command else { panic!() };
        prop_assert_eq!(&login.user.decode()[..], &text[..]);
    }

    /// So are names of mailboxes, in both encodings.
    #[test]
    fn names_survive(name in "[^\0-\u{1f}\u{7f}-\u{9f}]{1,12}", rev2 in any::<bool>()) {
        let line = written(Mode { condstore: false, rev2 }, |out| {
            out.status(&name, &[]);
        });
        let line = line.replace("* STATUS ", "a DELETE ").replace(" ()\r\n", "\r\n");
        let tagged = Tagged::read(line.as_bytes(), Syntax { utf8: rev2, ..Syntax::default() }).unwrap();
        let crate::imap::Command::Delete(mailbox) = tagged.command else { panic!() };
        let read = if rev2 {
            String::from_utf8(mailbox.wire().decode().to_vec()).unwrap()
        } else {
            utf7::decode(&mailbox.wire().decode()).unwrap()
        };
        prop_assert_eq!(read, name);
    }

    #[test]
    fn numbers_are_written_whole(n in any::<u64>()) {
        let mut out = Vec::new();
        words::number(&mut out, n);
        prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{n}"));
    }
}

/// `header_addresses` holds for a message: a long To leaves nothing for Cc.
#[test]
fn the_lists_of_an_envelope_share_one_limit() {
    let shown = |addresses: usize| {
        let header = format!(
            "From: a@x.test\r\nTo: {}\r\nCc: last@x.test\r\n\r\n",
            "b@x.test,".repeat(addresses)
        );
        let mut out = Vec::new();
        message::envelope(&mut out, &Envelope::parse(header.as_bytes()), false);
        let text = String::from_utf8(out).unwrap();
        (text.matches("x.test").count(), text.contains("\"last\""))
    };
    // The author stands for Sender and Reply-To, too.
    assert_eq!(shown(HEADER_ADDRESSES - 2), (HEADER_ADDRESSES + 2, true));
    assert_eq!(shown(HEADER_ADDRESSES), (HEADER_ADDRESSES + 2, false));
}
