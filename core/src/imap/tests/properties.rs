use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::arbitrary::tagged;
use crate::imap::command::Command;
use crate::imap::frame::{Frame, Framer, Limits};
use crate::imap::{Encoder, Literals, Syntax, Tagged};
use crate::machine::Input;

const WIDE: Limits = Limits { line: 1 << 20, literal: 1 << 20, literals: 1 << 20 };

fn literals() -> impl Strategy<Value = Literals> {
    prop_oneof![Just(Literals::Minus), Just(Literals::Plus), Just(Literals::Wait)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What is written is framed as one command and read as what it was.
    #[test]
    fn written_and_read_it_is_the_same(
        mut command in tagged(),
        literals in literals(),
        utf8: bool,
    ) {
        if let Command::Append(append) = &mut command.command {
            append.literal.wait = literals.wait(append.literal.octets);
        }
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, literals, utf8);
        command.write(&mut encoder);
        let pauses = encoder.pauses().to_vec();

        let mut input = Input::new();
        input.push(&out);
        let mut framer = Framer::new();
        let mut waited = 0;
        loop {
            match framer.frame(&mut input, &WIDE) {
                Frame::Continue => waited += 1,
                Frame::Append(n, literal) => {
                    prop_assert!(matches!(command.command, Command::Append(_)));
                    prop_assert_eq!(n, out.len());
                    waited += usize::from(literal.wait);
                    break;
                }
                Frame::Command(n) => {
                    prop_assert_eq!(n, out.len(), "{}", out.escape_ascii());
                    break;
                }
                frame => prop_assert!(false, "{frame:?} of {}", out.escape_ascii()),
            }
        }
        prop_assert_eq!(waited, pauses.len());
        for pause in pauses {
            let announced = out[..pause].ends_with(b"}\r\n");
            prop_assert!(announced);
        }

        let syntax = Syntax { utf8, ..Syntax::default() };
        match Tagged::read(&out, syntax) {
            Ok(read) => prop_assert_eq!(read, command, "{}", out.escape_ascii()),
            Err(bad) => prop_assert!(false, "{bad}: {}", out.escape_ascii()),
        }
    }

    /// A command with some octets changed is read or refused, and what is read can be written.
    #[test]
    fn damage_is_read_or_named(
        command in tagged(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 0..3u8, octet()), 1..4),
        utf8: bool,
    ) {
        let mut out = Vec::new();
        command.write(&mut Encoder::new(&mut out, Literals::Plus, utf8));
        for (at, how, octet) in damage {
            let at = at.index(out.len().max(1));
            match how {
                0 if at < out.len() => { out.remove(at); }
                1 if at < out.len() => out[at] = octet,
                _ => out.insert(at, octet),
            }
        }
        read_or_name(&out, utf8)?;
    }

    /// So is anything at all.
    #[test]
    fn noise_is_read_or_named(mut noise in proptest::collection::vec(octet(), 0..60), utf8: bool) {
        noise.splice(..0, *b"a UID SEARCH ");
        read_or_name(&noise, utf8)?;
        read_or_name(&noise[noise.len().min(13)..], utf8)?;
    }
}

fn octet() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(&b" ()[]{}<>+-\"\\\r\n*%$&,.:10a~"[..])]
}

fn read_or_name(input: &[u8], utf8: bool) -> Result<(), TestCaseError> {
    let syntax = Syntax { utf8, ..Syntax::default() };
    match Tagged::read(input, syntax) {
        Ok(read) => {
            // Whoever prints or walks it meets no panic; written, it stays what it is.
            let _ = format!("{read:?}");
            let mut out = Vec::new();
            let literals = match read.command {
                Command::Append(append) if append.literal.wait => Literals::Wait,
                _ => Literals::Plus,
            };
            read.write(&mut Encoder::new(&mut out, literals, utf8));
            prop_assert_eq!(Tagged::read(&out, syntax), Ok(read), "{}", out.escape_ascii());
        }
        Err(bad) => {
            // The text of a reply: one line of ASCII, and not long.
            let text = bad.to_string();
            prop_assert!(text.bytes().all(|c| matches!(c, b' '..=b'~')), "{}", text);
            prop_assert!(text.len() < 200);
            prop_assert!(bad.fault.at as usize <= input.len());
        }
    }
    Ok(())
}
