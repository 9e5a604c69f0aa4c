extern crate std;

use std::vec;

use proptest::prelude::*;

use super::*;

type Form = fn(&mut Quantum, &[u8], &mut Vec<u8>) -> usize;

/// The forms that this processor can run.
fn forms() -> Vec<Form> {
    let mut forms: Vec<Form> = vec![decode];
    #[cfg(target_arch = "x86_64")]
    {
        if cpu::cpu() >= Cpu::Avx2 {
            // SAFETY: the processor has AVX2.
            forms.push(|held, text, out| unsafe { x86::avx2(held, text, out) });
        }
        if cpu::cpu() >= Cpu::Avx512 {
            // SAFETY: the processor has AVX-512.
            forms.push(|held, text, out| unsafe { x86::avx512(held, text, out) });
        }
    }
    forms
}

/// What a form makes of a text: what it took, what it left over, what it wrote.
fn run(form: Form, held: Quantum, text: &[u8]) -> (usize, Quantum, Vec<u8>) {
    let (mut held, mut out) = (held, b"kept".to_vec());
    let taken = form(&mut held, text, &mut out);
    assert_eq!(&out[..4], b"kept");
    (taken, held, out.split_off(4))
}

#[test]
fn lines_are_joined_and_strays_stop() {
    for form in forms().into_iter().chain([decode_plain as Form]) {
        let none = Quantum::default();
        assert_eq!(run(form, none, b"Zm9v\r\nYmFy\n"), (11, none, b"foobar".to_vec()));
        assert_eq!(
            run(form, none, b"Zm9vYg=="),
            (6, Quantum { bits: 0x620, count: 2 }, b"foo".to_vec())
        );
        assert_eq!(run(form, Quantum { bits: 0x19, count: 1 }, b"m9v"), (3, none, b"foo".to_vec()));
        assert_eq!(run(form, none, b""), (0, none, vec![]));
        assert_eq!(run(form, none, b"\xc1m9v"), (0, none, vec![]));
    }
}

#[test]
fn every_octet_is_judged_alike() {
    for octet in 0..=255_u8 {
        for at in [0, 5, 31, 32, 63, 64, 130] {
            let mut text = [b'Q'; 200];
            text[at] = octet;
            let plain = run(decode_plain, Quantum::default(), &text);
            for form in forms() {
                assert_eq!(run(form, Quantum::default(), &text), plain, "{octet} at {at}");
            }
        }
    }
}

/// Every width of a line, at lengths around the blocks, from every alignment.
#[test]
fn every_width_and_length() {
    let source: Vec<u8> = (0..9000_u32).map(|at| ALPHABET[(at * at / 7 % 64) as usize]).collect();
    for width in (1..20).chain(60..82).chain([127, 128, 997, 5000]) {
        let lines: Vec<&[u8]> = source.chunks(width).collect();
        let text = lines.join(&b"\r\n"[..]);
        for (start, len) in
            [(0, text.len()), (width % 64, 64 + width % 5), (1, 2048), (3, 2112), (7, 4130)]
        {
            let text = &text[start..text.len().min(start + len)];
            let plain = run(decode_plain, Quantum::default(), text);
            for form in forms() {
                assert_eq!(run(form, Quantum::default(), text), plain, "{width} {start} {len}");
            }
        }
    }
}

/// Lines that are regular but for one place: an octet too many or too few, or another octet.
#[test]
fn one_odd_line() {
    let source: Vec<u8> = (0..4000_u32).map(|at| ALPHABET[(at * at / 7 % 64) as usize]).collect();
    for (width, end) in [(76, &b"\r\n"[..]), (76, b"\n"), (64, b"\r\n"), (72, b"\r\n"), (65, b"\n")]
    {
        let lines: Vec<&[u8]> = source.chunks(width).collect();
        let text = lines.join(end);
        for at in (300..900).step_by(7).chain([width * 6 + end.len() * 5]) {
            for octet in *b"Q\r\n=* " {
                let (mut other, mut more, mut less) = (text.clone(), text.clone(), text.clone());
                other[at] = octet;
                more.insert(at, octet);
                less.remove(at);
                for text in [other, more, less] {
                    let plain = run(decode_plain, Quantum::default(), &text);
                    for form in forms() {
                        let found = run(form, Quantum::default(), &text);
                        assert_eq!(found, plain, "{octet} at {at} in lines of {width}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_form_decodes_alike(
        parts in prop::collection::vec(
            ("[A-Za-z0-9+/]{0,90}|[A-Za-z0-9+/]{76}", "(\r\n|\n|\r\n\r\n|\r|[=* \t]|é)?|\r\n"), 0..40),
        start in 0_usize..70, bits in 0_u32..64, count in 0_u8..2,
    ) {
        let text: std::string::String = parts.into_iter().flat_map(|(line, end)| [line, end]).collect();
        let mut rest = text.as_bytes().get(start..).unwrap_or_default();
        let mut held = Quantum { bits: bits * u32::from(count), count };
        loop {
            let plain = run(decode_plain, held, rest);
            for form in forms() {
                prop_assert_eq!(&run(form, held, rest), &plain);
            }
            held = plain.1;
            let Some(after) = rest.get(plain.0 + 1..) else { break };
            rest = after;
        }
    }

    #[test]
    fn every_cutting_decodes_alike(text in "([A-Za-z0-9+/]{0,90}\r\n){0,60}", cuts: Vec<u8>) {
        for form in forms() {
            let whole = run(form, Quantum::default(), text.as_bytes());
            let (mut held, mut out, mut rest) = (Quantum::default(), Vec::new(), text.as_bytes());
            for cut in &cuts {
                let (piece, after) = rest.split_at(rest.len().min(usize::from(*cut)));
                prop_assert_eq!(form(&mut held, piece, &mut out), piece.len());
                rest = after;
            }
            form(&mut held, rest, &mut out);
            prop_assert_eq!((text.len(), held, out), whole);
        }
    }
}
