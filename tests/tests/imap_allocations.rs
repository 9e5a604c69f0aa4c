//! Commands of IMAP are framed, read and walked without a heap.

use posthaste_core::imap::command::Command;
use posthaste_core::imap::frame::{Frame, Framer, Limits};
use posthaste_core::imap::{Syntax, Tagged};
use posthaste_core::machine::Input;
use posthaste_tests::property::heap::{Counting, calls, is_counting};

#[global_allocator]
static HEAP: Counting = Counting;

/// Walks everything in a command that is read only when somebody walks it; how much there was.
fn walk(command: &Command<'_>) -> usize {
    match command {
        Command::Append(append) => append.flags.iter().count(),
        Command::Copy(copy) | Command::Move(copy) => {
            copy.set.ranges().count() + copy.mailbox.name().map_or(0, |name| name.len())
        }
        Command::Fetch(fetch) => fetch.set.ranges().count() + fetch.items.iter().count(),
        Command::Id(fields) => fields.map_or(0, |fields| fields.iter().count()),
        Command::List(list) => list.patterns.iter().count(),
        Command::Login(login) => login.user.decode().len() + login.password.expose().decode().len(),
        Command::Search(search) => search.keys.iter().count(),
        Command::Select(select) => select.mailbox.name().map_or(0, |name| name.len()),
        Command::Store(store) => store.set.ranges().count() + store.flags.iter().count(),
        _ => 0,
    }
}

#[test]
fn commands_cost_no_allocation() {
    assert!(is_counting());
    let mut input = Input::new();
    input.push(&[b' '; 4096]);
    input.discard(4096);
    for line in [
        "a NOOP\r\n",
        "a IDLE\r\n",
        "a LOGIN alice \"pass word\"\r\n",
        "a LOGIN {5+}\r\nalice {6}\r\nsecret\r\n",
        "a AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n",
        "a ENABLE CONDSTORE\r\n",
        "a SELECT inbox (CONDSTORE)\r\n",
        "a LIST (SUBSCRIBED) \"\" (INBOX \"%\") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))\r\n",
        "a STATUS \"Sent Mail\" (MESSAGES UIDNEXT UNSEEN)\r\n",
        "a APPEND Sent (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {310}\r\n",
        "a UID FETCH 1:5,9,12:* (UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE \
         BODY.PEEK[HEADER.FIELDS (DATE FROM TO)]<0.2048>)\r\n",
        "a SEARCH RETURN (MIN COUNT) UNSEEN OR (FROM \"Smith\" SINCE 1-Feb-1994) NOT TO \"x\"\r\n",
        "a UID STORE 1,2,3:9 +FLAGS.SILENT (\\Deleted $Junk)\r\n",
        "a UID MOVE 42:69 Trash\r\n",
        "a ID (\"name\" \"mutt\" \"version\" NIL)\r\n",
        "a XYZZY\r\n",
        "a FETCH 1 FOO\r\n",
    ] {
        let mut framer = Framer::new();
        input.push(line.as_bytes());
        let before = calls();
        let n = loop {
            match framer.frame(&mut input, &Limits::AFTER_LOGIN) {
                Frame::Command(n) | Frame::Append(n, _) => break n,
                Frame::Continue => {}
                frame => panic!("{frame:?}: {line}"),
            }
        };
        if let Ok(read) = Tagged::read(&input.bytes()[..n], Syntax::default()) {
            std::hint::black_box(walk(&read.command));
        }
        framer.consume(&mut input);
        assert_eq!(calls() - before, 0, "{line}");
    }
}
