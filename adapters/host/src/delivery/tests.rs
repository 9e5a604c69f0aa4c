use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use posthaste_core::sasl::Mechanism;
use posthaste_core::session::Wait;
use posthaste_core::smtp::server::{Config, Limit, Role, Server};
use posthaste_store::{MailboxId, Memory, Uid};

use crate::config::Alias;
use crate::testing::{Talk, config, host, host_with, inbox, plain, smtp};
use crate::{Delivery, Host};

const MESSAGE: &str = "From: a@b\nDate: x\nMessage-ID: <y@z>\n\nhello\n";

/// What a message looks like behind its trace fields.
fn untraced(message: &str) -> &str {
    let (_, behind) = message.split_once("+0000\r\n").unwrap();
    behind
}

// RFC: 5321-3.3-1 5321-3.6.2-1 5321-4.4-1 5321-4.4-2 5321-4.4-3 5321-4.4-4 5321-4.4-12
#[test]
fn a_stranger_sends_to_whom_we_know_and_nowhere_else() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    assert!(talk.say("MAIL FROM:<x@far.test>\n").starts_with("250 "));
    assert!(talk.say("RCPT TO:<carol@example.test>\n").starts_with("550 5.1.1 "));
    assert!(talk.say("RCPT TO:<x@far.test>\n").starts_with("550 5.7.1 "));
    assert!(talk.say("RCPT TO:<alice%far.test@example.test>\n").starts_with("550 5.1.1 "));
    assert!(talk.say("RCPT TO:<Alice+tag@EXAMPLE.test>\n").starts_with("250 "));
    assert!(talk.say("DATA\n").starts_with("354 "));
    let reply = talk.say(&format!("{MESSAGE}.\n"));
    assert!(reply.starts_with("250 2.0.0 Stored as "), "{reply}");
    let [message] = &*inbox(&host, "alice") else { panic!() };
    let begin = "Return-Path: <x@far.test>\r\nReceived: from client.test ([127.0.0.1])\r\n\tby mail.example.test with ESMTP id ";
    assert!(message.starts_with(begin), "{message}");
    assert!(
        message.contains(
            "\r\n\tfor <Alice+tag@EXAMPLE.test>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
        )
    );
    assert_eq!(untraced(message), MESSAGE.replace('\n', "\r\n"));
}

// RFC: 5321-4.4-1 5321-4.4-5
#[test]
fn one_body_serves_all_recipients_and_names_none() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    talk.say("MAIL FROM:<>\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nRCPT TO:<bob+x@example.test>\nDATA\n");
    assert!(talk.say(&format!("{MESSAGE}.\n")).starts_with("250 "));
    let (alice, bob) = (inbox(&host, "alice@example.test"), inbox(&host, "bob@example.test"));
    assert_eq!(alice, bob);
    assert_eq!(bob.len(), 1, "each account once");
    assert!(!bob[0].contains("\tfor "));
    assert!(bob[0].starts_with("Return-Path: <>\r\n"));
    let blob = |name: &str| {
        let account = host.directory().by_name(name).unwrap().id;
        let view = host.store().view(account).unwrap().unwrap();
        view.row(MailboxId::INBOX, Uid::MIN).unwrap().unwrap().blob
    };
    assert_eq!(blob("alice"), blob("bob"));
}

#[test]
fn octets_above_ascii_in_a_header_stay_as_they_are() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
    talk.send(b"Subject: gr\xfc\xdfe\r\nX\xff: y\r\n\r\n\xe9\r\n.\r\n");
    let account = host.directory().by_name("bob").unwrap().id;
    let view = host.store().view(account).unwrap().unwrap();
    let row = view.row(MailboxId::INBOX, Uid::MIN).unwrap().unwrap();
    let body = host.store().read(&row.blob, 0..u64::MAX).unwrap();
    assert!(body.ends_with(b"+0000\r\nSubject: gr\xfc\xdfe\r\nX\xff: y\r\n\r\n\xe9\r\n"));
}

// RFC: 5321-4.4-12 5321-4.4-15 5321-4.5.1-3
#[test]
fn return_path_fields_of_the_sender_go() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    talk.say("MAIL FROM:<x@far.test>\nRCPT TO:<postmaster>\nDATA\n");
    talk.say("Return-Path: <forged@far.test>\nSubject: s\nreturn-path:\n folded\n\nReturn-Path: body\n.\n");
    let [message] = &*inbox(&host, "alice") else { panic!() };
    assert_eq!(untraced(message), "Subject: s\r\n\r\nReturn-Path: body\r\n");
}

// RFC: 5321-4.2.5-3
/// What stands in a message is no reason to refuse it, as long as its lines are lines.
// RFC: 3030-3-12 5321-3.3-11 5321-3.3-12 5321-3.7.2-3 5321-3.7.2-4 5321-4.5.3.1.8-3
// RFC: 5321-4.5.3.1.8-4
#[test]
fn odd_messages_are_taken_as_they_are() {
    let many = format!("To: {}c@example.test\n\n", "a@example.test,\n ".repeat(2_000));
    let odd = [
        "",
        "\n",
        "no header at all, nor a body\n",
        "From: a\nFrom: b\nDate: yesterday\nDate: tomorrow\nMessage-ID: none\n\n",
        "From\nTo \n: nobody\n\n",
        "Resent-To: a@b.test\nSubject: no other Resent field\n\n",
        "Resent-Date: x\nResent-From: a\nResent-From: b\nResent-From: c\nResent-Date: y\n\n",
        "Received: by us with nothing from nobody\nReceived:\nReceived: ;;;;\nreceived: (((\n\n",
        "Received: from x by y; Mon, 99 Foo 2099 99:99:99 -9999\n\n",
        "Content-Type: image/png\nContent-Transfer-Encoding: binary\n\nPNG\n",
        "Content-Type: multipart/mixed\nContent-Transfer-Encoding: martian\nMIME-Version: 7\n\n--\n",
        &many,
    ];
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    for message in odd {
        talk.say("MAIL FROM:<x@far.test>\nRCPT TO:<bob@example.test>\nDATA\n");
        let reply = talk.say(&format!("{message}.\n"));
        assert!(reply.starts_with("250 2.0.0 "), "{message:?}: {reply}");
    }
    let kept = inbox(&host, "bob");
    let kept: Vec<&str> = kept.iter().map(|message| untraced(message)).collect();
    assert_eq!(kept, odd.map(|message| message.replace('\n', "\r\n")));
}

// RFC: 5321-4.4-6 5321-4.4-7 5321-4.4-8
#[test]
fn our_trace_stands_in_front_of_all_others() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    talk.say("MAIL FROM:<x@far.test>\nRCPT TO:<bob@example.test>\nDATA\n");
    talk.say("Received: from c by d\n\tfor e; then\nSubject: s\nReceived: from b by c\n\n.\n");
    let [message] = &*inbox(&host, "bob") else { panic!() };
    assert_eq!(message.matches("Received: ").count(), 3);
    assert!(message.starts_with("Return-Path: <x@far.test>\r\nReceived: from client.test "));
    assert_eq!(
        untraced(message),
        "Received: from c by d\r\n\tfor e; then\r\nSubject: s\r\nReceived: from b by c\r\n\r\n"
    );
}

// RFC: 5321-4.1.1.10-5 5321-4.1.1.10-6
#[test]
fn who_goes_away_leaves_what_was_taken() {
    let host = host();
    for last in ["MAIL FROM:<x@far.test>\n", "RCPT TO:<bob@example.test>\n", "DATA\n", "half\n"] {
        let mut talk = smtp(&host, Role::Smtp, None);
        let begin =
            ["MAIL FROM:<x@far.test>\n", "RCPT TO:<bob@example.test>\n", "DATA\n", "half\n"];
        begin.iter().for_each(|line| drop(talk.say(line)));
        assert!(talk.say(".\n").starts_with("250 "));
        let before = inbox(&host, "bob").len();
        let upto = begin.iter().position(|line| *line == last).unwrap();
        begin[..=upto].iter().for_each(|line| drop(talk.say(line)));
        talk.gone();
        assert_eq!(talk.wait(), Wait::Closed);
        assert_eq!(inbox(&host, "bob").len(), before, "gone behind {last:?}");
    }
    assert_eq!((inbox(&host, "bob").len(), host.store().staged()), (4, 0));
}

#[test]
fn a_message_that_has_been_everywhere_is_a_loop() {
    let host = host();
    let mut talk = smtp(&host, Role::Smtp, None);
    for (hops, code) in [(50, "250 "), (51, "554 5.4.6 ")] {
        talk.say("MAIL FROM:<x@far.test>\nRCPT TO:<bob@example.test>\nDATA\n");
        let message = "Received: x\n".repeat(hops);
        let reply = talk.say(&format!("{message}\nhello\n.\n"));
        assert!(reply.starts_with(code), "{hops}: {reply}");
    }
    assert_eq!(inbox(&host, "bob").len(), 1);
}

#[test]
fn submission_wants_sign_in_and_an_own_address() {
    let host = host();
    let mut talk = smtp(&host, Role::Submission, None);
    assert!(talk.say("MAIL FROM:<alice@example.test>\n").starts_with("530 5.7.0 "));
    let mut talk = smtp(&host, Role::Submission, Some("alice@example.test"));
    assert!(talk.say("MAIL FROM:<bob@example.test>\n").starts_with("553 5.7.1 "));
    assert!(talk.say("MAIL FROM:<alice@far.test>\n").starts_with("553 5.7.1 "));
    assert!(talk.say("MAIL FROM:<Alice+list@example.test>\n").starts_with("250 "));
    let reply = talk.say("RCPT TO:<x@far.test>\n");
    assert!(reply.starts_with("550 5.4.4 no outbound route is configured"), "{reply}");
    assert!(talk.say("RCPT TO:<carol@example.test>\n").starts_with("550 5.1.1 "));
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("250 "));
}

/// RFC 6409 §3.2: the null reverse-path is nobody's, and everybody's. §4.2: what is not a whole name is no name of
/// ours, and none is made of it.
// RFC: 6409-3.2-2 6409-4.2-1 6409-4.2-3
#[test]
fn submission_takes_whole_names_and_none() {
    let host = host();
    let mut talk = smtp(&host, Role::Submission, Some("alice@example.test"));
    for part in ["alice@example", "alice@test", "alice@mail.example", "alice@localhost"] {
        let reply = talk.say(&format!("MAIL FROM:<{part}>\n"));
        assert!(reply.starts_with("553 5.7.1 "), "{part}: {reply}");
    }
    assert!(talk.say("MAIL FROM:<alice>\n").starts_with("501 5.1.7 "));
    assert!(talk.say("MAIL FROM:<>\n").starts_with("250 "));
    assert!(talk.say("RCPT TO:<bob>\n").starts_with("501 5.1.3 "));
    for part in ["bob@example", "bob@test", "bob@mail.example", "bob@localhost"] {
        let reply = talk.say(&format!("RCPT TO:<{part}>\n"));
        assert!(reply.starts_with("550 5.4.4 "), "{part}: {reply}");
    }
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("250 "));
}

// RFC: 4954-7-1 4954-7-2 6409-8.3-1 6409-8.8-1
#[test]
fn submission_adds_what_is_missing_and_touches_nothing_else() {
    let submit = |fixups, message: &str| {
        let mut config = config();
        config.submission_fixups = fixups;
        let host = host_with(config, Arc::new(Memory::new()));
        let mut talk = smtp(&host, Role::Submission, Some("alice@example.test"));
        talk.say("MAIL FROM:<alice@example.test>\nRCPT TO:<bob@example.test>\nDATA\n");
        assert!(talk.say(&format!("{message}.\n")).starts_with("250 "));
        let message = inbox(&host, "bob").remove(0);
        assert!(message.contains(" with ESMTPA id "));
        untraced(&message).to_owned()
    };
    let bare = "Subject: s\n\nhello\n";
    let fixed = submit(true, bare);
    let (head, rest) = fixed.split_once("Message-ID: <").unwrap();
    assert_eq!(head, "Subject: s\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n");
    assert!(rest.ends_with("@mail.example.test>\r\n\r\nhello\r\n"), "{rest}");
    assert_eq!(submit(false, bare), bare.replace('\n', "\r\n"));
    assert_eq!(submit(true, MESSAGE), MESSAGE.replace('\n', "\r\n"));
}

#[test]
fn lmtp_answers_for_each_recipient_from_loopback_only() {
    let host = host();
    host.set_quota("bob@example.test", Some(600)).unwrap();
    let mut talk = smtp(&host, Role::Lmtp, None);
    talk.say(
        "MAIL FROM:<x@far.test>\nRCPT TO:<alice@example.test>\nRCPT TO:<bob@example.test>\nDATA\n",
    );
    let message = "x".repeat(700);
    let reply = talk.say(&format!("\n{message}\n.\n"));
    let codes: Vec<&str> = reply.lines().map(|line| &line[..9]).collect();
    assert_eq!(codes, ["250 2.0.0", "552 5.2.2"], "{reply}");
    assert_eq!((inbox(&host, "alice").len(), inbox(&host, "bob").len()), (1, 0));

    let far = Some("192.0.2.1".parse().unwrap());
    let machine = || Server::new(Arc::new(Config::new(Role::Lmtp, "mail.example.test")));
    let mut talk = Talk::silent(machine(), host.smtp(Role::Lmtp, far));
    assert!(talk.say("").starts_with("554 5.7.1 "));
    assert!(talk.say("LHLO a\n").starts_with("503 "));
    assert!(talk.say("QUIT\n").starts_with("221 "));
    assert_eq!(talk.wait(), Wait::Closed);
    let mut talk = Talk::silent(machine(), host.smtp(Role::Lmtp, None));
    assert!(talk.say("").starts_with("220 "), "a Unix socket");
}

// RFC: 5321-4.2.5-1
#[test]
fn a_full_mailbox_says_so_at_rcpt_and_after_the_data() {
    let host = host();
    host.set_quota("bob@example.test", Some(1_000)).unwrap();
    let mut talk = smtp(&host, Role::Smtp, None);
    assert!(talk.say("MAIL FROM:<> SIZE=1001\n").starts_with("250 "));
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("552 5.2.2 "));
    talk.say("RSET\nMAIL FROM:<> SIZE=900\n");
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("250 "));
    talk.say("RCPT TO:<alice@example.test>\n");
    assert!(talk.say("DATA\n").starts_with("354 "));
    assert!(talk.say(&format!("\n{}\n.\n", "x".repeat(600))).starts_with("250 "));
    talk.say("MAIL FROM:<>\n");
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("250 "), "there is some room");
    talk.say("RCPT TO:<alice@example.test>\nDATA\n");
    let reply = talk.say(&format!("\n{}\n.\n", "y".repeat(600)));
    assert!(reply.starts_with("452 4.2.2 "), "{reply}");
    assert_eq!(inbox(&host, "alice").len(), 1, "SMTP has one reply: all or none");
    talk.say("MAIL FROM:<> SIZE=900\n");
    assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("452 4.2.2 "));
}

// RFC: 5321-3.9-4
#[test]
fn aliases_reach_all_their_accounts() {
    let mut config = config();
    let to = vec!["alice@example.test".to_owned(), "bob@example.test".to_owned()];
    config.names.aliases = vec![Alias { address: "all@example.test".to_owned(), to }];
    let host = host_with(config, Arc::new(Memory::new()));
    let mut talk = smtp(&host, Role::Lmtp, None);
    talk.say("MAIL FROM:<>\nRCPT TO:<all@example.test>\nDATA\n");
    let reply = talk.say(&format!("{MESSAGE}.\n"));
    assert_eq!(reply.lines().count(), 1, "{reply}");
    assert_eq!((inbox(&host, "alice").len(), inbox(&host, "bob").len()), (1, 1));
    assert!(inbox(&host, "bob")[0].contains("\tfor <all@example.test>;"));
}

#[test]
fn who_cannot_sign_in_reads_the_same_words() {
    let host = host();
    let said = |user: &str, password: &str| {
        let mut talk = smtp(&host, Role::Submission, None);
        talk.say(&format!("AUTH PLAIN {}\n", plain(user, password)))
    };
    let wrong = said("alice@example.test", "wrong");
    assert!(wrong.starts_with("535 5.7.8 "), "{wrong}");
    for user in ["nobody@example.test", "nobody", "x@far.test"] {
        assert_eq!(said(user, "wrong"), wrong, "{user}");
    }
}

#[test]
fn a_budget_that_is_spent_holds_all_senders_but_one() {
    let mut config = config();
    config.limits.bytes_in_flight = 4_000;
    config.limits.shed_data = 100;
    let host = host_with(config, Arc::new(Memory::new()));
    let mut talks: Vec<_> = (0..3).map(|_| smtp(&host, Role::Smtp, None)).collect();
    let body = format!("{}\n", "x".repeat(70)).repeat(100);
    for talk in &mut talks {
        talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
        talk.say(&body);
        talk.say(&body);
    }
    let waits: Vec<Wait> = talks.iter().map(Talk::wait).collect();
    assert_eq!(waits, [Wait::Read, Wait::Host, Wait::Host]);
    for talk in &mut talks {
        let reply = talk.say(".\n");
        assert!(reply.starts_with("250 "), "{reply}");
    }
    assert_eq!(inbox(&host, "bob").len(), 3);
}

/// A host with a budget of so many octets, and somebody in the middle of a message.
fn pressed(budget: u64, padding: usize) -> (Arc<Host>, Talk<Server, Delivery>) {
    let mut config = config();
    config.limits.bytes_in_flight = budget;
    // Thresholds that divide what is in use.
    config.limits.stress_bytes = 20;
    config.limits.shed_connect = 40;
    config.limits.shed_data = 50;
    config.limits.shed_bulk = 80;
    config.limits.bulk_recipients = 1;
    let host = host_with(config, Arc::new(Memory::new()));
    let mut talk = smtp(&host, Role::Lmtp, None);
    talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
    talk.say(&format!("{}\n", "x".repeat(700 + padding)));
    (host, talk)
}

/// Work is shed in this order, each at its threshold and not an octet before: strangers have to be quick, are not
/// greeted, their messages are not taken, then users' messages for many. Reading and users' own mail go on.
#[test]
fn strangers_first_and_users_last() {
    let padding =
        (0..4).find(|padding| pressed(1 << 30, *padding).0.store().staged().is_multiple_of(4));
    let padding = padding.expect("one of four");
    let used = pressed(1 << 30, padding).0.store().staged();
    let server = |role| {
        let mut config = Config::new(role, "mail.example.test");
        config.mechanisms = Mechanism::ALL.to_vec();
        config.plaintext_auth = true;
        Server::new(Arc::new(config))
    };
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    // What a stranger hears of a greeting, a second NOOP and, if it is in, of DATA.
    let stranger = |host: &Arc<Host>, trusted| {
        let mut handler = host.smtp(Role::Smtp, None);
        handler.trusted = trusted;
        let mut talk = Talk::silent(server(Role::Smtp), handler);
        let greeting = talk.say("")[..9].to_owned();
        let noop = talk.say("NOOP\nNOOP\n");
        (greeting, noop.contains("421 4.7.0 "))
    };
    for (threshold, over) in [(5, true), (5, false)].map(|(n, over)| (used * n, over)) {
        let (host, _talk) = pressed(threshold + u64::from(!over), padding);
        assert_eq!(stranger(&host, false), ("220 mail.".into(), over));
        assert_eq!(stranger(&host, true), ("220 mail.".into(), false), "trusted");
        let counters = host.counters();
        assert_eq!((read(&counters.stress), read(&counters.strained)), (over.into(), over.into()));
        assert_eq!(counters.limit(Limit::JunkCommands), over.into());
    }
    for (threshold, over) in [(used * 5 / 2, true), (used * 5 / 2 + 1, false)] {
        let (host, _talk) = pressed(threshold, padding);
        let greeting = if over { "421 4.3.2" } else { "220 mail." };
        assert_eq!(stranger(&host, false).0, greeting);
        assert_eq!(stranger(&host, true).0, "220 mail.");
        assert_eq!(read(&host.counters().shed_connect), over.into());
    }
    for (threshold, over) in [(used * 2, true), (used * 2 + 1, false)] {
        let (host, filler) = pressed(threshold, padding);
        // In before the pressure, as far as it can tell.
        drop(filler);
        let mut talk = smtp(&host, Role::Smtp, None);
        let mut filler = smtp(&host, Role::Lmtp, None);
        filler.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
        filler.say(&format!("{}\n", "x".repeat(700 + padding)));
        assert_eq!(host.store().staged(), used);
        talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\n");
        let reply = talk.say("DATA\n");
        assert_eq!(reply.starts_with("451 4.3.2 "), over, "{reply}");
        assert_eq!(reply.starts_with("354 "), !over, "{reply}");
        assert_eq!(read(&host.counters().shed_data), over.into());
        // The transaction is over, the session is not.
        if over {
            assert!(talk.say("DATA\n").starts_with("503 "));
        }
    }
    for (threshold, over) in [(used * 5 / 4, true), (used * 5 / 4 + 1, false)] {
        for (recipients, bulk) in [(1, false), (2, true)] {
            let (host, _filler) = pressed(threshold, padding);
            let mut talk = smtp(&host, Role::Submission, Some("alice@example.test"));
            talk.say("MAIL FROM:<alice@example.test>\n");
            for _ in 0..recipients {
                assert!(talk.say("RCPT TO:<bob@example.test>\n").starts_with("250 "));
            }
            let shed = over && bulk;
            let reply = talk.say("DATA\n");
            assert_eq!(reply.starts_with("451 4.3.2 "), shed, "{recipients} {reply}");
            assert_eq!(read(&host.counters().shed_bulk), shed.into());
        }
    }
}

/// Stress begins at a threshold and ends a fifth below.
#[test]
fn stress_by_octets_has_a_gap() {
    let used = pressed(1 << 30, 0).0.store().staged();
    let (host, mut filler) = pressed(used * 5, 0);
    let stressed = |host: &Arc<Host>| host.is_stressed();
    assert!(stressed(&host) && !host.budget.is_stressed(100, &host.counters));
    assert!(stressed(&host));
    filler.say(".\n");
    assert_eq!((host.store().staged(), stressed(&host)), (0, false));
    let mut filler = smtp(&host, Role::Lmtp, None);
    let mut begin = |octets: u64| {
        filler.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
        // As much as before, but so many octets.
        filler.say(&format!("{}\n", "x".repeat(700 - octets as usize)));
        let told = (host.store().staged(), stressed(&host));
        filler.say(".\n");
        told
    };
    // Off: an octet too few. On: all of them; and on still with a fifth less, but an octet more.
    assert_eq!(begin(1), (used - 1, false));
    assert_eq!(begin(0), (used, true));
    assert_eq!(begin(used / 5), (used - used / 5, true));
    assert_eq!(begin(used / 5 + 1), (used - used / 5 - 1, false));
    assert_eq!(host.counters().stress.load(Ordering::Relaxed), 3);
}

/// Somebody sends one octet now and then and spends the budget with it: who waits behind is told to come again,
/// and takes nothing of the budget any more.
#[test]
fn who_waits_too_long_for_the_budget_is_sent_away() {
    let mut config = config();
    config.limits.bytes_in_flight = 4_000;
    config.limits.shed_data = 100;
    let host = host_with(config, Arc::new(Memory::new()));
    let body = format!("{}\n", "x".repeat(70)).repeat(100);
    let mut talks: Vec<_> = (0..2).map(|_| smtp(&host, Role::Smtp, None)).collect();
    for talk in &mut talks {
        talk.say("MAIL FROM:<>\nRCPT TO:<bob@example.test>\nDATA\n");
        talk.say(&body);
        talk.say(&body);
    }
    let [slow, held] = &mut talks[..] else { panic!() };
    assert_eq!((slow.wait(), held.wait()), (Wait::Read, Wait::Host));
    let before = host.store().staged();
    assert_eq!(held.pass(), "421 4.3.2 Too busy, closing the connection\r\n");
    assert_eq!(held.wait(), Wait::Closed);
    assert!(host.store().staged() < before);
    assert!(slow.say(".\n").starts_with("250 "));
    assert_eq!(inbox(&host, "bob").len(), 1);
}

/// A filter in front of us signs in as nobody, speaks for one client after the other, and each is who the trace
/// names.
#[test]
fn the_trace_names_whom_a_filter_speaks_for() {
    let host = host();
    let config = Config { xclient: true, ..Config::new(Role::Smtp, "mail.example.test") };
    let peer = Some("127.0.0.1".parse().unwrap());
    let mut talk = Talk::new(Server::new(Arc::new(config)), host.smtp(Role::Smtp, peer));
    talk.say("EHLO filter.test\n");
    for (address, shown) in
        [("192.0.2.9", "[192.0.2.9]"), ("IPV6:2001:db8::9", "[IPv6:2001:db8::9]")]
    {
        let greeting = talk.say(&format!("XCLIENT ADDR={address} NAME=far.test\n"));
        assert!(greeting.starts_with("220 "), "{greeting}");
        talk.say("EHLO far.test\nMAIL FROM:<>\nRCPT TO:<alice@example.test>\nDATA\n");
        assert!(talk.say(&format!("{MESSAGE}.\n")).starts_with("250 "));
        let last = inbox(&host, "alice").pop().unwrap();
        assert!(last.contains(&format!("Received: from far.test ({shown})")), "{last}");
    }
}

/// A filter that does not say for whom it speaks. In LMTP such a one passed for somebody on this machine, by a Unix
/// socket, whom nothing keeps out.
#[test]
fn whom_a_filter_does_not_name_is_nobody_near() {
    let host = host();
    for (role, hello, greeting) in
        [(Role::Lmtp, "LHLO", "554 5.7.1 "), (Role::Smtp, "EHLO", "220 ")]
    {
        let config = Config { xclient: true, ..Config::new(role, "mail.example.test") };
        let peer = Some("127.0.0.1".parse().unwrap());
        let mut talk = Talk::new(Server::new(Arc::new(config)), host.smtp(role, peer));
        talk.say(&format!("{hello} filter.test\n"));
        for attributes in ["NAME=far.test", "ADDR=[UNAVAILABLE]"] {
            let said = talk.say(&format!("XCLIENT {attributes}\n"));
            assert!(said.starts_with(greeting), "{said}");
            if role == Role::Lmtp {
                break;
            }
            talk.say("EHLO far.test\nMAIL FROM:<>\nRCPT TO:<alice@example.test>\nDATA\n");
            assert!(talk.say(&format!("{MESSAGE}.\n")).starts_with("250 "));
            let last = inbox(&host, "alice").pop().unwrap();
            assert!(last.contains("Received: from far.test\r\n\tby "), "{last}");
        }
    }
}
