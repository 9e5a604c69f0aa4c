extern crate std;

use std::{string::String, vec};

use proptest::prelude::*;

use super::*;

type Form = fn(&[u8], usize, &mut Vec<u8>) -> usize;

/// The forms that this processor can run.
fn forms() -> Vec<Form> {
    let mut forms: Vec<Form> = vec![decode];
    #[cfg(target_arch = "x86_64")]
    {
        if cpu::cpu() >= Cpu::Avx2 {
            // SAFETY: the processor has AVX2.
            forms.push(|text, longest, out| unsafe { x86::avx2::<false>(text, longest, out) });
        }
        if cpu::cpu() >= Cpu::Avx512 {
            // SAFETY: the processor has AVX-512.
            forms.push(|text, longest, out| unsafe { x86::avx512::<false>(text, longest, out) });
        }
    }
    forms
}

/// What a form makes of a text: what it took and what it wrote.
fn run(form: Form, text: &[u8], longest: usize) -> (usize, Vec<u8>) {
    let mut out = b"kept".to_vec();
    let taken = form(text, longest, &mut out);
    assert_eq!(&out[..4], b"kept");
    (taken, out.split_off(4))
}

#[test]
fn stops_where_it_says() {
    for form in forms().into_iter().chain([decode_plain as Form]) {
        for (text, taken, written) in [
            ("Gr=C3=BC=c3=9fe=\r\n=\n.\r\n", 23, "Gr\u{fc}\u{df}e.\r\n"),
            ("a \t\r\nb \n", 8, "a\r\nb\n"),
            ("a =20 \r\n", 8, "a  \r\n"),
            ("a = \r\n", 2, "a "),
            ("a=4", 1, "a"),
            ("a=", 1, "a"),
            ("a=\r", 1, "a"),
            ("a=G0", 1, "a"),
            ("a==41", 1, "a"),
            ("a  ", 1, "a"),
            ("a  \r", 1, "a"),
            ("a\r", 2, "a\r"),
            ("a \rb", 4, "a \rb"),
            ("a \r\r\n", 5, "a \r\r\n"),
            ("a     \r\n", 1, "a"),
            ("", 0, ""),
        ] {
            let written = if text.contains("C3") {
                b"Gr\xc3\xbc\xc3\x9fe.\r\n".to_vec()
            } else {
                written.as_bytes().to_vec()
            };
            assert_eq!(run(form, text.as_bytes(), 4), (taken, written), "{text:?}");
        }
    }
}

/// The forms of [`decode_q`], with a number that they do not look at.
fn forms_of_q() -> Vec<Form> {
    let mut forms: Vec<Form> = vec![|text, _, out| decode_q(text, out)];
    #[cfg(target_arch = "x86_64")]
    {
        if cpu::cpu() >= Cpu::Avx2 {
            // SAFETY: the processor has AVX2.
            forms.push(|text, longest, out| unsafe { x86::avx2::<true>(text, longest, out) });
        }
        if cpu::cpu() >= Cpu::Avx512 {
            // SAFETY: the processor has AVX-512.
            forms.push(|text, longest, out| unsafe { x86::avx512::<true>(text, longest, out) });
        }
    }
    forms
}

/// RFC 2047 §4.2
#[test]
fn q_stops_where_it_says() {
    let plain: Form = |text, _, out| decode_q_plain(text, out);
    for form in forms_of_q().into_iter().chain([plain]) {
        for (text, taken, written) in [
            ("Keld_J=F8rn_=5f ", 16, &b"Keld J\xf8rn _ "[..]),
            ("a =\r\n b", 2, b"a "),
            ("a \r\n b", 2, b"a "),
            ("a\nb", 1, b"a"),
            ("_=4", 1, b" "),
            ("_=4_", 1, b" "),
            ("=", 0, b""),
            ("", 0, b""),
        ] {
            assert_eq!(run(form, text.as_bytes(), 0), (taken, written.to_vec()), "{text:?}");
        }
    }
}

#[test]
fn every_octet_is_judged_alike() {
    for octet in 0..=255_u8 {
        for at in [0, 1, 2, 61, 62, 63, 64, 65, 130] {
            for around in [&b"=XX"[..], b"=X1", b"=1X", b"=X\n", b" X\n", b"X=41"] {
                let mut text = vec![b'a'; at];
                text.extend(around.iter().map(|each| if *each == b'X' { octet } else { *each }));
                text.extend([b'z'; 70]);
                let plain = run(decode_plain, &text, 9);
                for form in forms() {
                    assert_eq!(run(form, &text, 9), plain, "{octet} at {at} in {around:?}");
                }
                let plain = run(|text, _, out| decode_q_plain(text, out), &text, 9);
                for form in forms_of_q() {
                    assert_eq!(run(form, &text, 9), plain, "Q: {octet} at {at} in {around:?}");
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
            ("[a-z0-9]{0,9}|[a-z]{50,70}", "(=[0-9A-Fa-f]{2}){0,9}|_|=\r\n|=\n|\r\n|\n|=|=4|\r|é", "[ \t]{0,5}| {0,140}"),
            0..40,
        ),
        start in 0_usize..70, end in 0_usize..70, longest in prop::sample::select(vec![0_usize, 3, 70, 1000]),
    ) {
        let text: String = parts.into_iter().flat_map(|(a, b, c)| [a, b, c]).collect();
        let text = text.as_bytes();
        let mut rest = text.get(start..text.len().saturating_sub(end)).unwrap_or_default();
        loop {
            let plain = run(decode_plain, rest, longest);
            for form in forms() {
                prop_assert_eq!(&run(form, rest, longest), &plain);
            }
            let plain_q = run(|text, _, out| decode_q_plain(text, out), rest, longest);
            for form in forms_of_q() {
                prop_assert_eq!(&run(form, rest, longest), &plain_q);
            }
            let Some(after) = rest.get(plain.0 + 1..) else { break };
            rest = after;
        }
    }
}
