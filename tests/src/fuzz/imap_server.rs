//! The IMAP server: its machine, what FETCH writes, what SEARCH finds.

use posthaste_core::imap::date::DateTime;
use posthaste_core::imap::fetch::{Facts, Place, Plan, Progress};
use posthaste_core::imap::response::{Mode, Responses};
use posthaste_core::imap::search::Query;
use posthaste_core::imap::view::View;
use posthaste_core::imap::{Command, Flag, Syntax, Tagged};
use posthaste_core::mime::{Limits, Scanner, Structure};

use super::tells_a_secret;
use crate::property::imap::ImapServer;
use crate::property::{Unit, rules};

/// A server machine with a mailbox behind it hears the octets; the rules of the contract hold. The first
/// octet chooses how it begins and which rule, the second how the mailbox feels. 0xfe stands for
/// waiting.
pub fn machine(octets: &[u8]) {
    let [settings, seed, wire @ ..] = octets else { return };
    if tells_a_secret::<ImapServer>(wire) {
        return;
    }
    let subject = ImapServer::default();
    let mut talk = match settings & 3 {
        0 => Vec::new(),
        1 => vec![Unit::waiting("s STARTTLS\r\n"), Unit::new("a LOGIN alice c4narybird\r\n")],
        2 => Unit::lines(&["a LOGIN alice c4narybird", "b SELECT INBOX"]),
        _ => Unit::lines(&["a LOGIN alice c4narybird", "e ENABLE IMAP4rev2", "b SELECT INBOX"]),
    };
    talk.extend(wire.split(|octet| *octet == 0xfe).map(Unit::waiting));
    let seed = u64::from(*seed);
    match settings >> 2 & 7 {
        0 => rules::silence(&subject, &talk, seed),
        1 => rules::refusal(&subject, &talk, seed),
        2 => rules::lateness(&subject, &talk, seed),
        3 => rules::closing(&subject, &talk, seed),
        4 => rules::poking(&subject, &talk, seed),
        _ => rules::cutting(&subject, &talk, seed),
    }
}

/// The first line is what FETCH asks for, the rest is a message: the response is whole, and does not
/// depend on where the summary comes from.
pub fn fetch(octets: &[u8]) {
    let Some((line, message)) = first_line(octets) else { return };
    let line = [b"a FETCH 1 ", line, b"\r\n"].concat();
    let Ok(Tagged { command: Command::Fetch(fetch), .. }) = Tagged::read(&line, Syntax::default())
    else {
        return;
    };
    let plan = Plan::new(&fetch, Mode::default());
    let plain = rendered(&plan, message, &Structure::of(message));
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    scanner.feed(message);
    assert_eq!(plain, rendered(&plan, message, &scanner.finish()));
    assert!(plain.starts_with(b"* 1 FETCH (") && plain.ends_with(b")\r\n"));
}

fn rendered(plan: &Plan, message: &[u8], structure: &Structure) -> Vec<u8> {
    let facts = facts(message, structure);
    let (mut place, mut all) = (Place::default(), Vec::new());
    let mut out = Responses::new();
    loop {
        let progress = plan.row(&mut place, &facts, &mut &message[..], &mut out);
        let progress = progress.expect("the message is all there");
        all.extend_from_slice(out.octets());
        if progress == Progress::Done {
            assert!(out.seam().is_whole());
            return all;
        }
        assert!(out.left() > 0, "a part ends inside a literal");
        out = Responses::resume(out.seam());
    }
}

/// The first line is keys of SEARCH, the rest is a message: no verdict and its opposite are the same, and
/// it does not matter how the keys are reached.
pub fn search(octets: &[u8]) {
    let Some((line, message)) = first_line(octets) else { return };
    let view: View = [7].into_iter().collect();
    let mut scanner = Scanner::new(Limits::DEFAULT).keep_fields();
    scanner.feed(message);
    let (kept, plain) = (scanner.finish(), Structure::of(message));
    let judge = |before: &[u8], behind: &[u8], structure: &Structure| {
        let line = [b"a SEARCH ", before, line, behind, b"\r\n"].concat();
        let Ok(Tagged { command: Command::Search(search), .. }) =
            Tagged::read(&line, Syntax::default())
        else {
            return None;
        };
        let query = Query::new(&search, &view).ok()?;
        let facts = facts(message, structure);
        Some(query.matches(&facts, &mut &message[..]).expect("the message is all there"))
    };
    let Some(verdict) = judge(b"", b"", &plain) else { return };
    assert_eq!(judge(b"", b"", &kept), Some(verdict), "what the structure keeps");
    for (before, behind, wanted) in [
        (&b"NOT ("[..], &b")"[..], !verdict),
        (b"OR ANSWERED (", b")", verdict),
        (b"NOT NOT (", b")", verdict),
        (b"(SEEN) (", b")", verdict),
    ] {
        // CHARSET has its place in front, so a line with it cannot be put in parentheses.
        if let Some(other) = judge(before, behind, &plain) {
            assert_eq!(other, wanted, "{:?}", String::from_utf8_lossy(before));
        }
    }
}

fn first_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = octets.windows(2).position(|two| two == b"\r\n")?;
    Some((&octets[..at], &octets[at + 2..]))
}

fn facts<'m>(message: &[u8], structure: &'m Structure) -> Facts<'m> {
    Facts {
        date: DateTime::from_unix(1_577_836_800, 60),
        flags: &[Flag::Seen],
        modseq: 5,
        newly_seen: false,
        seq: 1,
        size: message.len() as u32,
        structure: Some(structure),
        uid: 7,
    }
}
