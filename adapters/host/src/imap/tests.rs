use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use posthaste_core::imap::response::Responses;
use posthaste_core::imap::server::Server;
use posthaste_core::machine::Machine;
use posthaste_core::session::Wait;
use posthaste_core::smtp::server::Role;
use posthaste_store::{Batch, MAX_MAILBOXES, Mutation, NewMailbox, Outcome};

use super::Mailboxes;
use crate::testing::{Talk, deliver, host, imap, inbox, pop3, smtp};

type Client = Talk<Server, Mailboxes>;

/// A command and what came back, without its last line, which must be OK.
fn ok(client: &mut Client, command: &str) -> String {
    let reply = client.say(&format!("t {command}\n"));
    let (said, last) = reply.trim_end().rsplit_once("\r\n").unwrap_or(("", reply.trim_end()));
    assert!(last.starts_with("t OK"), "{command}: {reply}");
    said.to_owned()
}

/// The last line of a command's reply.
fn last(client: &mut Client, command: &str) -> String {
    let reply = client.say(&format!("t {command}\n"));
    reply.trim_end().rsplit("\r\n").next().unwrap().to_owned()
}

#[test]
fn accounts_come_with_their_mailboxes() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    let list = ok(&mut alice, "LIST \"\" *");
    assert_eq!(
        list,
        "* LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"\r\n\
         * LIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"\r\n\
         * LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n\
         * LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"\r\n\
         * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\n\
         * LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\""
    );
    assert_eq!(ok(&mut alice, "LSUB \"\" *").lines().count(), 6);
    assert_eq!(ok(&mut alice, "NAMESPACE"), "* NAMESPACE ((\"\" \"/\")) NIL NIL");
    let special = ok(&mut alice, "LIST (SPECIAL-USE) \"\" * RETURN (STATUS (MESSAGES))");
    assert_eq!(special.lines().count(), 10, "{special}");
}

#[test]
fn ten_thousand_mailboxes_are_listed_in_parts() {
    let host = host();
    let account = host.directory.by_name("alice").unwrap().id;
    let create = |n| Mutation::MailboxCreate {
        account,
        mailbox: NewMailbox { name: format!("box/{n:04}").into(), role: None, subscribed: true },
    };
    // With INBOX and the five that every account has.
    let mutations = (0..MAX_MAILBOXES - 6).map(create).collect();
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |outcomes| tell.send(outcomes).unwrap());
    host.store.submit(Batch { id: None, now: host.now(), mutations }, done);
    assert!(!told.recv().unwrap().iter().any(|one| matches!(one, Outcome::Refused(_))));
    let mut alice = imap(&host, Some("alice"));
    for command in ["LIST \"\" * RETURN (STATUS (MESSAGES))", "LSUB \"\" *"] {
        let (_, before) = alice.measured();
        let said = ok(&mut alice, command);
        let names: Vec<_> = said.lines().filter(|line| !line.starts_with("* STATUS")).collect();
        // `box` is a level of LIST, and no mailbox.
        assert_eq!(names.len(), MAX_MAILBOXES + usize::from(command.starts_with("LIST")));
        assert!(names.is_sorted_by_key(|line| line.rsplit(' ').next()), "{command}");
        let (most, now) = alice.measured();
        assert!(most <= Server::OUTPUT, "{most}");
        assert!(now - before > said.len() / (Responses::PART + 2_048), "{command}: {now}");
    }
}

#[test]
fn what_comes_by_smtp_is_fetched_unchanged() {
    let host = host();
    let text = "Subject: hello\nFrom: Bob <bob@example.test>\n\nline one\n.\nline two\n";
    deliver(&host, "alice", text);
    let stored = inbox(&host, "alice").remove(0);
    let mut alice = imap(&host, Some("alice"));
    let select = ok(&mut alice, "SELECT INBOX");
    for part in ["* 1 EXISTS", "[UNSEEN 1]", "[UIDNEXT 2]", "* FLAGS (", "[HIGHESTMODSEQ "] {
        assert!(select.contains(part), "{part} in {select}");
    }
    let body = ok(&mut alice, "FETCH 1 BODY.PEEK[]");
    let literal = format!("* 1 FETCH (BODY[] {{{}}}\r\n{stored})", stored.len());
    assert_eq!(body, literal);
    assert_eq!(ok(&mut alice, "FETCH 1 FLAGS"), "* 1 FETCH (FLAGS ())");
    let header = ok(&mut alice, "UID FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]");
    assert_eq!(
        header,
        "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: hello\r\n\r\n FLAGS (\\Seen))"
    );
    let envelope = ok(&mut alice, "FETCH 1 (ENVELOPE RFC822.SIZE INTERNALDATE)");
    assert!(envelope.contains("\"hello\" ((\"Bob\" NIL \"bob\" \"example.test\"))"), "{envelope}");
    assert!(envelope.contains(&format!("RFC822.SIZE {}", stored.len())));
    assert!(envelope.contains("INTERNALDATE \"14-Nov-2023 22:13:20 +0000\""));
    let part = ok(&mut alice, "FETCH 1 BODY[1]<5.3>");
    assert_eq!(part, "* 1 FETCH (BODY[1]<5> {3}\r\none)");
}

#[test]
fn a_large_body_flows_in_parts() {
    let host = host();
    let text =
        format!("Subject: big\n\n{}", "0123456789012345678901234567890123456789\n".repeat(20_000));
    deliver(&host, "bob", &text);
    deliver(&host, "bob", "Subject: small\n\nx\n");
    let stored = inbox(&host, "bob").concat();
    let mut bob = imap(&host, Some("bob"));
    ok(&mut bob, "SELECT INBOX");
    let reply = ok(&mut bob, "FETCH 1:* (FLAGS BODY[] UID)");
    for message in inbox(&host, "bob") {
        assert!(reply.contains(&message));
    }
    assert!(reply.len() < stored.len() + 200);
    assert!(reply.ends_with(" UID 2)"), "{}", &reply[reply.len() - 80..]);
    assert_eq!(ok(&mut bob, "FETCH 1:2 FLAGS").matches("\\Seen").count(), 2);
}

#[test]
fn flags_are_stored_and_told() {
    let host = host();
    for n in 0..3 {
        deliver(&host, "alice", &format!("\n{n}\n"));
    }
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    assert_eq!(
        ok(&mut alice, "STORE 1:2 +FLAGS (\\Flagged work)"),
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)\r\n\
         * 1 FETCH (FLAGS (\\Flagged work))\r\n* 2 FETCH (FLAGS (\\Flagged work))"
    );
    assert_eq!(ok(&mut alice, "STORE 2 -FLAGS (work)"), "* 2 FETCH (FLAGS (\\Flagged))");
    assert_eq!(ok(&mut alice, "STORE 3 FLAGS.SILENT (\\Seen)"), "");
    assert_eq!(ok(&mut alice, "NOOP"), "", "what was silent stays silent");
    assert_eq!(ok(&mut alice, "FETCH 3 FLAGS"), "* 3 FETCH (FLAGS (\\Seen))");
    assert!(last(&mut alice, "STORE 4 +FLAGS (\\Seen)").starts_with("t BAD"));
    assert_eq!(ok(&mut alice, "UID STORE 77 +FLAGS (\\Seen)"), "");
    ok(&mut alice, "EXAMINE INBOX");
    assert!(last(&mut alice, "STORE 1 +FLAGS (\\Seen)").starts_with("t NO"));
    ok(&mut alice, "FETCH 1 BODY[]");
    assert_eq!(ok(&mut alice, "FETCH 1 FLAGS"), "* 1 FETCH (FLAGS (\\Flagged work))");
}

#[test]
fn stores_can_be_conditional() {
    let host = host();
    deliver(&host, "alice", "\none\n");
    deliver(&host, "alice", "\ntwo\n");
    let mut alice = imap(&host, Some("alice"));
    let select = ok(&mut alice, "SELECT INBOX (CONDSTORE)");
    let (_, modseq) = select.split_once("[HIGHESTMODSEQ ").unwrap();
    let modseq: u64 = modseq.split_once(']').unwrap().0.parse().unwrap();
    let mut other = imap(&host, Some("alice"));
    ok(&mut other, "SELECT INBOX");
    ok(&mut other, "STORE 2 +FLAGS.SILENT (\\Flagged)");
    let reply = alice.say(&format!("t STORE 1:2 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Seen)\n"));
    assert!(reply.contains("* 1 FETCH (FLAGS (\\Seen) MODSEQ ("), "{reply}");
    assert!(reply.contains("t OK [MODIFIED 2] "), "{reply}");
    let since = ok(&mut alice, &format!("FETCH 1:* (UID) (CHANGEDSINCE {modseq})"));
    assert_eq!(since.matches(" FETCH ").count(), 2, "{since}");
}

#[test]
fn sessions_see_what_others_do() {
    let host = host();
    for n in 0..4 {
        deliver(&host, "alice", &format!("\n{n}\n"));
    }
    let (mut one, mut two) = (imap(&host, Some("alice")), imap(&host, Some("alice")));
    ok(&mut one, "SELECT INBOX");
    ok(&mut two, "SELECT INBOX");
    ok(&mut two, "STORE 2 +FLAGS (\\Deleted)");
    ok(&mut two, "STORE 3 +FLAGS (\\Flagged)");
    assert_eq!(ok(&mut two, "EXPUNGE"), "* 2 EXPUNGE");
    deliver(&host, "alice", "\nnew\n");
    // FETCH by number must not be told of the EXPUNGE.
    let fetch = ok(&mut one, "FETCH 3 UID");
    assert!(!fetch.contains("EXPUNGE"), "{fetch}");
    assert!(fetch.contains("* 3 FETCH (UID 3"), "{fetch}");
    let noop = ok(&mut one, "NOOP");
    assert!(noop.contains("* 2 EXPUNGE"), "{noop}");
    let all = format!("{fetch}\r\n{noop}");
    assert!(all.contains("FLAGS (\\Flagged)"), "{all}");
    assert!(all.contains(" EXISTS"), "{all}");
    assert_eq!(ok(&mut one, "NOOP"), "");
    assert_eq!(ok(&mut one, "UID SEARCH ALL"), "* SEARCH 1 3 4 5");
}

#[test]
fn who_idles_hears_of_new_mail() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    assert!(alice.say("i IDLE\n").starts_with('+'));
    deliver(&host, "alice", "\nhello\n");
    let mut said = alice.say("");
    if said.is_empty() {
        // What comes close together is told together.
        said = alice.pass();
    }
    assert_eq!(said, "* 1 EXISTS\r\n* 0 RECENT\r\n");
    assert!(alice.say("DONE\n").starts_with("i OK"));
}

#[test]
fn messages_are_appended_copied_and_moved() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    let message = "Subject: draft\r\n\r\nno end of line";
    let length = message.len();
    let go = alice
        .say(&format!("t APPEND Drafts (\\Draft) \"01-Feb-2020 10:00:00 +0200\" {{{length}}}\n"));
    assert!(go.starts_with('+'), "{go}");
    let reply = String::from_utf8(alice.send(format!("{message}\r\n").as_bytes())).unwrap();
    assert!(reply.starts_with("t OK [APPENDUID "), "{reply}");
    assert!(reply.contains(" 1] "), "{reply}");
    ok(&mut alice, "SELECT Drafts");
    let fetch = ok(&mut alice, "FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])");
    let date = "INTERNALDATE \" 1-Feb-2020 08:00:00 +0000\"";
    assert_eq!(
        fetch,
        format!("* 1 FETCH (FLAGS (\\Draft) {date} BODY[] {{{length}}}\r\n{message})")
    );
    let copied = last(&mut alice, "COPY 1 Archive");
    assert!(copied.starts_with("t OK [COPYUID "), "{copied}");
    assert!(copied.contains(" 1 1]"), "{copied}");
    assert!(last(&mut alice, "COPY 1 Nowhere").starts_with("t NO [TRYCREATE]"));
    let moved = ok(&mut alice, "UID MOVE 1 Trash");
    assert!(moved.starts_with("* OK [COPYUID ") && moved.ends_with("* 1 EXPUNGE"), "{moved}");
    let status = ok(&mut alice, "STATUS Trash (MESSAGES UNSEEN SIZE)");
    assert_eq!(status, format!("* STATUS \"Trash\" (MESSAGES 1 UNSEEN 1 SIZE {length})"));
    let reply = alice.say("t APPEND Nowhere {3+}\nabc\n");
    assert!(reply.contains("t NO [TRYCREATE]"), "{reply}");
    // An APPEND to what is selected is heard of in the same reply.
    let reply = alice.say("t APPEND Drafts {3+}\nabc\n");
    assert!(reply.starts_with("* 1 EXISTS\r\n"), "{reply}");
}

#[test]
fn an_append_that_does_not_fit_is_refused_before_it_comes() {
    let mut config = crate::testing::config();
    config.limits.message_size = 1_000;
    let host =
        crate::testing::host_with(config, std::sync::Arc::new(posthaste_store::Memory::new()));
    host.set_quota("alice", Some(500)).unwrap();
    let mut alice = imap(&host, Some("alice"));
    assert!(alice.say("t APPEND INBOX {1001}\n").starts_with("t NO [LIMIT]"));
    assert!(alice.say("t APPEND INBOX {501}\n").starts_with("t NO [OVERQUOTA]"));
    let reply = alice.say("t APPEND INBOX {500}\n");
    assert!(reply.starts_with('+'), "{reply}");
}

#[test]
fn searches_find() {
    let host = host();
    deliver(
        &host,
        "alice",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nFrom: a@far.test\n\nthe quick fox\n",
    );
    deliver(&host, "alice", "Subject: other\nDate: Mon, 3 Feb 2020 10:00:00 +0000\n\nlazy dog\n");
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    ok(&mut alice, "STORE 2 +FLAGS (\\Seen)");
    for (keys, found) in [
        ("ALL", "* SEARCH 1 2"),
        ("UNSEEN", "* SEARCH 1"),
        ("NOT UNSEEN", "* SEARCH 2"),
        ("BODY \"QUICK\"", "* SEARCH 1"),
        ("CHARSET UTF-8 SUBJECT {6+}\ngr\u{fc}\u{df}", "* SEARCH 1"),
        ("OR FROM far.test TEXT dog", "* SEARCH 1 2"),
        ("SENTON 3-Feb-2020", "* SEARCH 2"),
        ("SINCE 14-Nov-2023", "* SEARCH 1 2"),
        ("BEFORE 14-Nov-2023", "* SEARCH"),
        ("LARGER 100000", "* SEARCH"),
        ("RETURN (MIN COUNT) ALL", "* ESEARCH (TAG \"t\") MIN 1 COUNT 2"),
    ] {
        assert_eq!(ok(&mut alice, &format!("SEARCH {keys}")), found, "{keys}");
    }
    assert_eq!(ok(&mut alice, "SEARCH RETURN (SAVE) SEEN"), "");
    assert_eq!(ok(&mut alice, "FETCH $ UID"), "* 2 FETCH (UID 2)");
    assert!(last(&mut alice, "SEARCH CHARSET X-NONE ALL").starts_with("t NO [BADCHARSET"));
}

#[test]
fn a_long_search_gives_way_and_finds_all() {
    let host = host();
    let text = format!("\n{}needle\n", "0123456789012345678901234567890123456789\n".repeat(40_000));
    for n in 0..6 {
        deliver(&host, "alice", if n == 3 { "\nhay\n" } else { &text });
    }
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    assert_eq!(ok(&mut alice, "SEARCH BODY needle"), "* SEARCH 1 2 3 5 6");
}

#[test]
fn mailboxes_are_made_renamed_and_deleted() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "CREATE work/2024/june");
    assert_eq!(
        ok(&mut alice, "LIST \"\" work*"),
        "* LIST (\\HasChildren) \"/\" \"work\"\r\n\
         * LIST (\\HasChildren) \"/\" \"work/2024\"\r\n\
         * LIST (\\HasNoChildren) \"/\" \"work/2024/june\""
    );
    assert!(last(&mut alice, "CREATE work").starts_with("t NO [ALREADYEXISTS]"));
    assert!(last(&mut alice, "CREATE inbox").starts_with("t NO [ALREADYEXISTS]"));
    ok(&mut alice, "RENAME work/2024 old/archive");
    let list = ok(&mut alice, "LIST \"\" \"old/%\"");
    assert_eq!(list, "* LIST (\\HasChildren) \"/\" \"old/archive\"");
    assert!(ok(&mut alice, "LIST \"\" old/*").contains("\"old/archive/june\""));
    ok(&mut alice, "DELETE old/archive");
    assert_eq!(
        ok(&mut alice, "LIST \"\" old/*"),
        "* LIST (\\Noselect \\HasChildren) \"/\" \"old/archive\"\r\n\
         * LIST (\\HasNoChildren) \"/\" \"old/archive/june\""
    );
    assert!(last(&mut alice, "DELETE old/archive").starts_with("t NO [HASCHILDREN]"));
    assert!(last(&mut alice, "SELECT old/archive").starts_with("t NO [NONEXISTENT]"));
    assert!(last(&mut alice, "DELETE INBOX").starts_with("t NO [CANNOT]"));
    assert!(last(&mut alice, "RENAME Sent Sent/below").starts_with("t NO"));
    assert!(last(&mut alice, "CREATE all (USE (\\All))").starts_with("t OK"));
    assert!(last(&mut alice, "CREATE sent2 (USE (\\Sent))").starts_with("t NO"));
    deliver(&host, "alice", "\nhello\n");
    ok(&mut alice, "RENAME INBOX before");
    assert_eq!(ok(&mut alice, "STATUS before (MESSAGES)"), "* STATUS \"before\" (MESSAGES 1)");
    assert_eq!(ok(&mut alice, "STATUS INBOX (MESSAGES)"), "* STATUS \"INBOX\" (MESSAGES 0)");
}

#[test]
fn subscriptions_are_names() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "CREATE a/b");
    ok(&mut alice, "SUBSCRIBE a/b");
    assert_eq!(ok(&mut alice, "LSUB \"\" a/%"), "* LSUB () \"/\" \"a/b\"");
    assert!(ok(&mut alice, "LSUB \"\" %").contains("* LSUB (\\Noselect) \"/\" \"a\""));
    assert!(last(&mut alice, "SUBSCRIBE nothing").starts_with("t NO [NONEXISTENT]"));
    ok(&mut alice, "DELETE a/b");
    assert_eq!(
        ok(&mut alice, "LIST (SUBSCRIBED) \"\" a/*"),
        "* LIST (\\NonExistent \\Subscribed) \"/\" \"a/b\""
    );
    ok(&mut alice, "UNSUBSCRIBE a/b");
    assert_eq!(ok(&mut alice, "LSUB \"\" a/*"), "");
    assert_eq!(
        ok(&mut alice, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %").matches("CHILDINFO").count(),
        0
    );
    // A level of which nothing is left but what was subscribed to.
    ok(&mut alice, "CREATE gone/here");
    ok(&mut alice, "SUBSCRIBE gone/here");
    ok(&mut alice, "DELETE gone/here");
    ok(&mut alice, "DELETE gone");
    let said = ok(&mut alice, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" g%");
    assert_eq!(said, "* LIST (\\NonExistent) \"/\" \"gone\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
}

#[test]
fn the_mailbox_before_is_closed_once() {
    let host = host();
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "ENABLE IMAP4rev2 CONDSTORE");
    ok(&mut alice, "SELECT INBOX");
    assert_eq!(ok(&mut alice, "SELECT Sent").matches("[CLOSED]").count(), 1);
}

#[test]
fn close_expunges_and_unselect_does_not() {
    let host = host();
    deliver(&host, "alice", "\none\n");
    deliver(&host, "alice", "\ntwo\n");
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    ok(&mut alice, "STORE 1 +FLAGS (\\Deleted)");
    ok(&mut alice, "UNSELECT");
    assert_eq!(inbox(&host, "alice").len(), 2);
    ok(&mut alice, "SELECT INBOX");
    assert_eq!(ok(&mut alice, "CLOSE"), "");
    assert_eq!(inbox(&host, "alice").len(), 1);
    assert!(last(&mut alice, "EXPUNGE").starts_with("t BAD"));
    ok(&mut alice, "SELECT INBOX");
    ok(&mut alice, "STORE 1 +FLAGS (\\Deleted)");
    assert_eq!(ok(&mut alice, "UID EXPUNGE 1"), "", "another one");
    assert_eq!(ok(&mut alice, "UID EXPUNGE 2"), "* 1 EXPUNGE");
    assert!(alice.say("t LOGOUT\n").contains("* BYE"));
    assert_eq!(alice.wait(), Wait::Closed);
}

#[test]
fn a_mailbox_deleted_elsewhere_turns_empty() {
    let host = host();
    let (mut one, mut two) = (imap(&host, Some("alice")), imap(&host, Some("alice")));
    ok(&mut one, "CREATE box");
    let reply = one.say("t APPEND box {3+}\nabc\n");
    assert!(reply.starts_with("t OK"), "{reply}");
    ok(&mut one, "SELECT box");
    ok(&mut two, "DELETE box");
    assert_eq!(ok(&mut one, "NOOP"), "* 1 EXPUNGE");
    assert!(last(&mut one, "UID STORE 1 +FLAGS (\\Seen)").starts_with("t NO"));
}

#[test]
fn many_messages_are_told_in_parts() {
    let host = host();
    let mut talk = smtp(&host, posthaste_core::smtp::server::Role::Smtp, None);
    for _ in 0..400 {
        let reply = talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n\nx\n.\n");
        assert!(reply.contains("250 2.0.0 Stored"), "{reply}");
    }
    let mut bob = imap(&host, Some("bob"));
    ok(&mut bob, "SELECT INBOX");
    let fetched = ok(&mut bob, "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)");
    assert_eq!(fetched.lines().count(), 400);
    for (n, line) in (1..).zip(fetched.lines()) {
        assert!(line.starts_with(&format!("* {n} FETCH (UID {n} ")), "{line}");
    }
    ok(&mut bob, "STORE 1:* +FLAGS.SILENT (\\Deleted)");
    let gone = ok(&mut bob, "EXPUNGE");
    assert_eq!(gone.lines().count(), 400);
}

/// What a client knows of its mailbox from untagged responses alone.
#[derive(Debug, Default, PartialEq)]
struct Known(Vec<(Option<u32>, Option<String>)>);

impl Known {
    /// Takes in untagged responses.
    fn hear(&mut self, reply: &str) {
        for line in reply.lines().filter_map(|line| line.strip_prefix("* ")) {
            let Some((number, rest)) = line.split_once(' ') else { continue };
            let Ok(n) = number.parse::<usize>() else { continue };
            match rest {
                "EXISTS" => {
                    assert!(n >= self.0.len(), "EXISTS takes nothing away: {reply}");
                    self.0.resize(n, (None, None));
                }
                "EXPUNGE" => drop(self.0.remove(n - 1)),
                "RECENT" => {}
                fetch => {
                    let row = &mut self.0[n - 1];
                    if let Some((_, uid)) = fetch.split_once("UID ") {
                        let digits = uid.find(|c: char| !c.is_ascii_digit()).unwrap();
                        let uid = uid[..digits].parse().ok();
                        assert!(row.0.is_none() || row.0 == uid, "{row:?} {line}");
                        row.0 = uid;
                    }
                    if let Some((_, flags)) = fetch.split_once("FLAGS (") {
                        row.1 = Some(flags[..flags.find(')').unwrap()].to_owned());
                    }
                }
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Whatever two sessions and the post do to a mailbox, each client can keep count by what it is
    /// told, and after NOOP knows what is there.
    #[test]
    fn what_clients_are_told_is_what_is_there(
        steps in proptest::collection::vec((0usize..2, 0u8..9, 1u32..6), 1..25),
    ) {
        let host = host();
        for n in 0..4 {
            deliver(&host, "alice", &format!("\n{n}\n"));
        }
        let mut clients = [(); 2].map(|()| (imap(&host, Some("alice")), Known::default()));
        for (client, known) in &mut clients {
            known.hear(&ok(client, "SELECT INBOX"));
            known.hear(&ok(client, "FETCH 1:* (UID FLAGS)"));
        }
        for (who, what, n) in steps {
            let (client, known) = &mut clients[who];
            let n = n.min(u32::try_from(known.0.len()).unwrap());
            let command = match what {
                0 => {
                    deliver(&host, "alice", "\nnew\n");
                    continue;
                }
                1 => "NOOP".to_owned(),
                2 => "EXPUNGE".to_owned(),
                3 => "UID SEARCH DELETED".to_owned(),
                _ if n == 0 => continue,
                4 => format!("STORE {n} +FLAGS (\\Deleted)"),
                5 => format!("STORE 1:{n} +FLAGS (\\Flagged work)"),
                6 => format!("STORE {n} -FLAGS (\\Flagged)"),
                7 => format!("MOVE {n} Trash"),
                _ => format!("COPY {n} INBOX"),
            };
            let reply = client.say(&format!("t {command}\n"));
            known.hear(&reply);
        }
        for (client, known) in &mut clients {
            known.hear(&ok(client, "NOOP"));
            assert_eq!(ok(client, "NOOP"), "", "all was told");
            let mut there = Known::default();
            let fetch = match known.0.len() {
                0 => String::new(),
                n => {
                    there.0.resize(n, (None, None));
                    ok(client, "FETCH 1:* (UID FLAGS)")
                }
            };
            there.hear(&fetch);
            assert_eq!(inbox(&host, "alice").len(), known.0.len());
            for (known, there) in known.0.iter().zip(&there.0) {
                assert!(known.0.is_none() || known.0 == there.0, "{known:?} {there:?}");
                assert!(known.1.is_none() || known.1 == there.1, "{known:?} {there:?}");
            }
        }
    }
}

/// The scanner runs while a message comes in; nothing that shows its structure scans it again.
#[test]
fn no_message_is_scanned_twice() {
    let host = host();
    let text = "Subject: =?utf-8?q?=C3=A9?=\nFrom: a@b.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: within\n\ntwo\n--b--\n";
    let counted = || {
        let counters = host.counters();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&counters.delivered), load(&counters.scanned))
    };
    for (role, size) in [(Role::Smtp, ""), (Role::Lmtp, " SIZE=200")] {
        let (before, _) = counted();
        let mut talk = smtp(&host, role, None);
        talk.say(&format!("MAIL FROM:<x@far.test>{size}\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nDATA\n"));
        assert!(talk.say(&format!("{text}.\n")).starts_with("250 "));
        let stored = inbox(&host, "alice").pop().unwrap();
        assert_eq!(counted().0 - before, stored.len() as u64);
    }
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    let literal = text.replace('\n', "\r\n");
    let reply = alice.say(&format!("a APPEND INBOX {{{}+}}\n{text}\n", literal.len()));
    assert!(reply.contains("a OK"), "{reply}");
    let (delivered, scanned) = counted();
    assert_eq!(scanned, delivered);
    for command in [
        "FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY[1] BODY[2.HEADER] BODY[2.1] RFC822.SIZE)",
        "FETCH 1:* (BODY BODY[HEADER.FIELDS (SUBJECT)] BODY[2.MIME] BINARY[1] BINARY.SIZE[2.1])",
        "FETCH 1:* BODY[TEXT]<2.9>",
        "SEARCH FROM a BODY one TEXT within",
        "COPY 1 Trash",
    ] {
        let reply = ok(&mut alice, command);
        assert!(!reply.is_empty() || command.starts_with("COPY"), "{command}: {reply}");
    }
    let mut mail = pop3(&host, Some("bob"));
    assert!(mail.say("TOP 1 1\n").starts_with("+OK"));
    assert!(mail.say("RETR 2\n").starts_with("+OK"));
    assert_eq!(counted(), (delivered, scanned), "nothing was scanned again");
}

/// A tree that is too big for the summary is made again, and that is counted.
#[test]
fn a_tree_too_big_to_be_kept_is_made_again() {
    let host = host();
    let parts = "--b\nContent-Type: text/plain; name=\"a name that takes some room\"\n\nx\n";
    let text = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", parts.repeat(2_000));
    deliver(&host, "alice", &text);
    let size = inbox(&host, "alice").remove(0).len() as u64;
    let scanned = || host.counters().scanned.load(Ordering::Relaxed);
    assert_eq!(scanned(), size);
    let mut alice = imap(&host, Some("alice"));
    ok(&mut alice, "SELECT INBOX");
    ok(&mut alice, "FETCH 1 BODY[2000]");
    assert_eq!(scanned(), 2 * size);
}
