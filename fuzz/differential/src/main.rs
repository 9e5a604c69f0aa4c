//! Where neither parser finds anything odd in a message, both must see the same parts: what one of
//! them sees and the other does not is where malware hides.

#![no_main]

use mail_parser::MessageParser;
use posthaste_core::mime::{Defects, Part, Structure, structure::Kind};

libfuzzer_sys::fuzz_target!(|message: &[u8]| beside(message));

fn beside(message: &[u8]) {
    let ours = Structure::of(message);
    let mut odd = ours.defects();
    odd.remove(Defects::EIGHT_BIT_HEADER);
    if !odd.is_empty() || excused(message, &ours) {
        return;
    }
    let Some(theirs) = MessageParser::new().parse(message) else { return };
    if theirs.parts().any(|part| part.has_problems()) {
        return;
    }
    let spans = |(header, body, end)| format!("{header}..{body}..{end}");
    let ours: Vec<String> = ours
        .parts()
        .iter()
        .map(|part| spans((part.header().start, part.body().start, part.body().end)))
        .collect();
    let theirs: Vec<String> = theirs
        .parts()
        .map(|part| spans((part.offset_header(), part.offset_body(), part.offset_end())))
        .collect();
    assert_eq!(ours, theirs, "header..body..end of each part, ours and theirs");
}

/// Where the two differ on purpose though neither says so.
fn excused(message: &[u8], ours: &Structure) -> bool {
    // Where a message within has no body, the empty line behind its header is also the line end before
    // the delimiter (RFC 2046 §5.1.1). It stays with the header here, as in Dovecot.
    let is_message = |index| ours.part(index).is_some_and(|part| part.kind() == Kind::Message);
    let is_bare = |(index, part): (usize, &Part)| {
        part.body().is_empty() && ours.parent(index).is_some_and(is_message)
    };
    if ours.parts().iter().enumerate().any(is_bare) {
        return true;
    }
    // A line of blanks ends a header there; RFC 5322 §4.2 makes it a fold.
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | 0x0c);
    ours.parts().iter().any(|part| {
        let lines = part.header().of(message).split(|octet| *octet == b'\n');
        lines.filter(|line| !matches!(**line, [] | [b'\r'])).any(|line| line.iter().all(is_blank))
    })
}
