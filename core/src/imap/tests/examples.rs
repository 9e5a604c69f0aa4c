use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::imap::{Encoder, Literals, Syntax, Tagged};

/// Each command of `examples.txt` with what it means.
fn examples() -> Vec<(String, &'static str)> {
    let text = include_str!("examples.txt");
    let mut found = Vec::new();
    let mut wire = String::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("C: ") {
            wire.push_str(line);
            wire.push_str("\r\n");
        } else if let Some(meaning) = line.strip_prefix("=> ") {
            found.push((core::mem::take(&mut wire), meaning));
        }
    }
    found
}

#[test]
fn the_rfcs_own_commands_mean_what_they_say() {
    let examples = examples();
    assert!(examples.len() > 80);
    for (wire, meaning) in examples {
        match Tagged::read(wire.as_bytes(), Syntax::default()) {
            Ok(Tagged { command, .. }) => assert_eq!(format!("{command:?}"), meaning, "{wire}"),
            Err(bad) => panic!("{wire}: {bad}"),
        }
    }
}

#[test]
fn they_are_the_same_in_any_case_and_when_written_again() {
    for (wire, _) in examples() {
        let command = Tagged::read(wire.as_bytes(), Syntax::default()).unwrap();
        let mut out = Vec::new();
        let literals = if wire.contains("+}") { Literals::Plus } else { Literals::Wait };
        command.write(&mut Encoder::new(&mut out, literals, false));
        assert_eq!(Tagged::read(&out, Syntax::default()), Ok(command), "{}", out.escape_ascii());
        // Base64 alone has a case.
        if wire.contains("AUTHENTICATE PLAIN ") || wire.contains("APPEND") {
            continue;
        }
        for other in [wire.to_ascii_lowercase(), wire.to_ascii_uppercase()] {
            let other = Tagged::read(other.as_bytes(), Syntax::default()).unwrap();
            assert_eq!(
                core::mem::discriminant(&other.command),
                core::mem::discriminant(&command.command)
            );
        }
    }
}
