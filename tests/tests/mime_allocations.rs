//! Messages are scanned and looked at with no or few allocations, and their trees are small.

use posthaste_core::mime::{
    Limits, Message, Part, Scanner, Structure,
    address::{self, Address},
    encoded_word,
    header::Name,
    structure::Field,
};
use posthaste_tests::property::heap::{Counting, calls, held, is_counting};

#[global_allocator]
static HEAP: Counting = Counting;

const _: () = assert!(size_of::<Field>() <= 16 && size_of::<Part>() <= 48);

const PLAIN: &[u8] = b"Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example; Tue, 17 Nov 2026 10:31:15 +0000\r\n\
    Date: Tue, 17 Nov 2026 10:31:15 -0700\r\nFrom: \"Doe, John\" <john@a.example>, jane@a.example\r\n\
    To: Alice <alice@b.example>, Bob <bob@b.example>\r\nSubject: a plain one\r\n\
    Message-ID: <1@a.example>\r\nIn-Reply-To: <0@b.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\n--\r\nJohn\r\n";

fn mixed() -> Vec<u8> {
    let mut message =
        b"Subject: two\r\nContent-Type: multipart/mixed; boundary=\"=_mix\"\r\n\r\n".to_vec();
    let text = b"--=_mix\r\nContent-Type: text/plain\r\n\r\none\r\n";
    let within = b"--=_mix\r\nContent-Type: message/rfc822\r\n\r\nSubject: within\r\nContent-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n--=_alt\r\n\r\nx\r\n--=_alt--\r\n";
    message.extend(text.repeat(5));
    message.extend(within);
    message.extend(b"--=_mix--\r\n");
    message
}

/// Allocations while `work` runs.
fn counted<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = calls();
    let result = work();
    (calls() - before, result)
}

fn scan(scanner: &mut Scanner, message: &[u8], piece: usize) -> Structure {
    message.chunks(piece).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

#[test]
fn a_scanner_in_use_allocates_nothing() {
    assert!(is_counting());
    let mixed = mixed();
    for keeps in [false, true] {
        let mut scanner = Scanner::new(Limits::DEFAULT);
        if keeps {
            scanner = scanner.keep_fields();
        }
        // Storage grows to what the largest of them needs.
        for message in [&mixed[..], PLAIN] {
            let tree = scan(&mut scanner, message, 7);
            scanner.recycle(tree);
        }
        for message in [PLAIN, &mixed, PLAIN] {
            for piece in [1, 7, 4096] {
                let (allocations, tree) = counted(|| scan(&mut scanner, message, piece));
                assert_eq!(allocations, 0, "in pieces of {piece}");
                assert!(!tree.is_truncated());
                scanner.recycle(tree);
            }
        }
    }
}

#[test]
fn a_new_scanner_allocates_little() {
    let (allocations, tree) = counted(|| Structure::of(PLAIN));
    assert!(allocations <= 4, "{allocations} allocations");
    assert_eq!(tree.parts().len(), 1);
    let before = held();
    let (allocations, tree) = counted(|| Structure::of(&mixed()));
    assert!(allocations <= 16, "{allocations} allocations, some of them for the message");
    let octets = held() - before;
    // 9 parts and 11 fields, in storage that grew by doubling.
    assert_eq!(tree.parts().len(), 9);
    assert!(octets <= 2 * (9 * 48 + 11 * 16) + 1024, "{octets} octets of tree");
}

#[test]
fn values_that_stand_as_they_are_are_borrowed() {
    let tree = Structure::of(PLAIN);
    let message = Message::new(&tree, PLAIN);
    let (allocations, found) = counted(|| {
        let mailboxes = |name| {
            let list = message.field(0, name).map_or(&b""[..], |field| field.value());
            address::addresses(list)
                .map(|entry| match entry {
                    Address::Mailbox(mailbox) => {
                        mailbox.display().map_or(0, |name| name.len())
                            + mailbox.local().len()
                            + mailbox.domain().map_or(0, |domain| domain.len())
                    }
                    Address::Group(_) | Address::GroupEnd => 0,
                })
                .sum::<usize>()
        };
        let subject = message
            .field(0, Name::Subject)
            .map_or(0, |field| encoded_word::decode(field.value()).len());
        let ids = message.message_id().map_or(0, |id| id.len());
        let date = usize::from(message.date().is_some());
        mailboxes(Name::From) + mailboxes(Name::To) + subject + ids + date
    });
    assert_eq!(found, 92);
    assert_eq!(allocations, 0);
    let (allocations, texts) = counted(|| {
        let envelope = message.envelope(0);
        let lists = envelope.from().count() + envelope.sender().count() + envelope.to().count();
        lists + envelope.subject().map_or(0, |text| text.len())
    });
    assert_eq!(texts, 6 + 11);
    assert_eq!(allocations, 0, "ENVELOPE");
}
