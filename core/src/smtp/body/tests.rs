use std::vec::Vec;

use super::*;

use proptest::prelude::*;

const RULES: Rules = Rules { octets: 1 << 20, line: 1 << 16, strays: Strays::Refused };

fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let mut stuffer = Stuffer::new(true);
    let mut out = Vec::new();
    for piece in pieces {
        stuffer.write(piece, &mut out);
    }
    stuffer.finish(&mut out);
    out
}

/// Reads with the input cut after each of `cuts` octets; returns body, rest, defect.
fn read(wire: &[u8], cut: usize, rules: Rules) -> (Vec<u8>, Vec<u8>, Option<Defect>) {
    let mut reader = Reader::new();
    let mut body = Vec::new();
    let (mut at, mut seen) = (0, 0);
    loop {
        let here = &wire[at..seen.max(at)];
        match reader.lines(here, rules) {
            Step::Drop(n) | Step::Skip(n) => at += n,
            Step::End(n) => return (body, wire[at + n..].to_vec(), reader.defect()),
            Step::Flood => return (body, Vec::new(), Some(Defect::TooBig)),
            Step::More if seen >= wire.len() => return (body, Vec::new(), None),
            Step::More => seen = (seen + cut).min(wire.len()),
            Step::Newline(n) => {
                body.extend_from_slice(b"\r\n");
                at += n;
            }
            Step::Run(n) => {
                body.extend_from_slice(&here[..n]);
                at += n;
            }
        }
    }
}

// RFC: 5321-4.1.1.4-5
#[test]
fn only_one_end_ends() {
    // Products of doubtful ends around a dot: nothing behind any of them may be seen as a command.
    let ends =
        ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "\0", " ", "\x0b", "\x0c", "\u{85}", "\u{2028}"];
    let mut doubtful = 0;
    for before in ends {
        for after in ends {
            if (before, after) == ("\r\n", "\r\n") {
                continue;
            }
            let wire = std::format!("a{before}.{after}MAIL FROM:<x@y>\r\n.\r\nREST");
            for cut in 1..wire.len() {
                let (_, rest, defect) = read(wire.as_bytes(), cut, RULES);
                if defect == Some(Defect::DoubtfulEnd) {
                    assert_eq!(before, "\r\r\n");
                } else {
                    assert_eq!(rest, b"REST", "{before:?} {after:?} cut {cut}");
                }
            }
            doubtful += 1;
        }
    }
    assert_eq!(doubtful, 120);
}

#[test]
fn dots_are_cut() {
    let (body, rest, defect) = read(b".. a\r\n.b\r\n...\r\n.\r\nNOOP", 1, RULES);
    assert_eq!(
        (body.as_slice(), rest.as_slice(), defect),
        (b". a\r\nb\r\n..\r\n".as_slice(), b"NOOP".as_slice(), None)
    );
    assert_eq!(read(b".\r\n", 9, RULES).0, b"");
}

// RFC: 5321-4.1.1.4-2 5321-4.1.1.4-3
#[test]
fn a_message_without_its_last_end_gets_one() {
    assert_eq!(stuffed(&[b"a"]), b"a\r\n.\r\n");
    assert_eq!(stuffed(&[]), b".\r\n");
    assert_eq!(stuffed(&[b"a\r", b"\nb\r\n"]), b"a\r\nb\r\n.\r\n");
    assert_eq!(stuffed(&[b"\n", b"\r", b"\r\n.\n"]), b"\r\n\r\n\r\n..\r\n.\r\n");
}

/// The limit fell into the first line of a sending, right before a dot: the rest of the line was taken for
/// a line of its own, which ended the message, and what followed for commands.
#[test]
fn a_limit_inside_a_line_makes_no_line() {
    for rules in [Rules { octets: 5, ..RULES }, Rules { line: 7, ..RULES }] {
        for text in ["bbbbb.\r\nQUIT\r\n.\r\nREST", "a\r\nbb.\r\nQUIT\r\n.\r\nREST"] {
            for cut in 1..=text.len() {
                let (_, rest, _) = read(text.as_bytes(), cut, rules);
                assert_eq!(rest, b"REST", "{text:?} cut {cut} {rules:?}");
            }
        }
    }
}

#[test]
fn a_spoiled_message_that_does_not_end_is_a_flood() {
    let rules = Rules { octets: 10, ..RULES };
    let mut reader = Reader::new();
    let piece = [b'x'; 65_536];
    let mut skipped = 0;
    loop {
        match reader.lines(&piece, rules) {
            Step::Run(10) => {}
            Step::Skip(n) => skipped += n,
            Step::Flood => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(skipped, 1024 * 1024);
}

proptest::proptest! {
    // RFC: 5321-4.1.1.4-2 5321-4.5.2-1
    #[test]
    fn what_is_stuffed_arrives(
        lines in proptest::collection::vec("[.a]{0,4}", 0..8),
        cut in 1usize..9,
    ) {
        let mut text: Vec<u8> = Vec::new();
        for line in &lines {
            text.extend_from_slice(line.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let pieces: Vec<&[u8]> = text.chunks(cut).collect();
        let mut wire = stuffed(&pieces);
        wire.extend_from_slice(b"QUIT");
        proptest::prop_assert_eq!(read(&wire, cut, RULES), (text, b"QUIT".to_vec(), None));
    }

    #[test]
    fn any_cut_reads_the_same(
        wire in "[.\r\na\x00]{0,24}",
        mended: bool,
        cut in 1usize..7,
    ) {
        let mut wire = wire.into_bytes();
        wire.extend_from_slice(b"\r\n.\r\nEND");
        let strays = if mended { Strays::Mended } else { Strays::Refused };
        let rules = Rules { octets: 12, line: 8, strays };
        proptest::prop_assert_eq!(read(&wire, cut, rules), read(&wire, 1000, rules));
    }

    /// Whole blocks pass another way than what is cut small: nobody can tell.
    #[test]
    fn blocks_pass_as_pieces_do(
        lines in proptest::collection::vec((0usize..300, "\r\n|\r\n|\r\n|\r\n\\.|\r\n\\.\\.|\r\n\\.\r\n|\r\r\n|\r|\n|\n\\.|\0"), 0..16),
        usual in proptest::collection::vec(0usize..200, 0..20),
        octets in prop::sample::select(std::vec![1 << 20, 1_000, 256, 257]),
        line in prop::sample::select(std::vec![1 << 16, 258, 300, 600]),
        strays in prop::sample::select(std::vec![Strays::Refused, Strays::Mended]),
        at_first in any::<bool>(),
        cut in 1usize..120,
    ) {
        let usual = usual.iter().map(|length| std::format!("{}\r\n", "a".repeat(*length)));
        let odd = lines.iter().map(|(length, end)| "b".repeat(*length) + end);
        let wire: std::string::String =
            if at_first { odd.chain(usual).collect() } else { usual.chain(odd).collect() };
        let wire = wire + "\r\n.\r\nQUIT";
        let rules = Rules { octets, line, strays };
        prop_assert_eq!(read(wire.as_bytes(), cut, rules), read(wire.as_bytes(), 1 << 20, rules));
    }

    #[test]
    fn what_leaves_has_no_stray(text in "[.\r\na]{0,24}", cut in 1usize..7) {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
        let wire = stuffed(&pieces);
        proptest::prop_assert_eq!(crate::line::find_stray(&wire), None);
        proptest::prop_assert!(read(&wire, cut, RULES).1.is_empty());
    }
}

/// Whatever a message holds and whatever is allowed, it ends at the first CR LF `.` CR LF. All messages of five
/// words, all limits that fall into them.
#[test]
fn the_first_end_is_the_end() {
    const WORDS: [&str; 5] = ["", "a", ".", "\r\n", "\n"];
    for number in 0..WORDS.len().pow(5) {
        let words = (0u32..5).map(|place| WORDS[number / WORDS.len().pow(place) % WORDS.len()]);
        let wire = words.collect::<std::string::String>() + "\r\n.\r\nEND";
        // The beginning counts as the end of the line that said DATA.
        let found = std::format!("\r\n{wire}");
        let end = found.find("\r\n.\r\n").unwrap() + 3;
        for limit in 0..6 {
            for rules in [
                Rules { octets: limit, line: 100, strays: Strays::Refused },
                Rules { octets: 100, line: limit as usize + 2, strays: Strays::Mended },
            ] {
                for cut in [1, 2, 100] {
                    let (body, rest, _) = read(wire.as_bytes(), cut, rules);
                    assert_eq!(rest, &wire.as_bytes()[end..], "{wire:?} {rules:?} cut {cut}");
                    assert!(body.len() as u64 <= rules.octets);
                }
            }
        }
    }
}

/// The end of a message, a stuffed dot and each stray at every place around the edges of blocks, behind one long
/// line and behind many short ones.
#[test]
fn every_edge_of_a_block() {
    let mended = Rules { strays: Strays::Mended, ..RULES };
    let short = std::format!("{}\r\n", "a".repeat(38)).repeat(20);
    let long = "a".repeat(short.len() - 2) + "\r\n";
    for length in 3 * BLOCK - 16..3 * BLOCK + 8 {
        for (begin, text) in ["", "\r\r\n", "\n"].iter().flat_map(|b| [(b, &short), (b, &long)]) {
            for end in ["", "..x\r\n", ".x\r\n", "x\n.\r\n", "x\r.\r\n", "\0\r\n", "\r\r\n"] {
                let text = &text[text.len() - (length - begin.len())..];
                let wire = std::format!("{begin}{text}{end}.\r\nQUIT");
                for rules in [RULES, mended] {
                    let small = read(wire.as_bytes(), 7, rules);
                    let whole = read(wire.as_bytes(), 1 << 20, rules);
                    assert_eq!(whole, small, "{length} {begin:?} {end:?}");
                }
            }
        }
    }
}
