use super::*;
use proptest::prelude::*;

fn encoded(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(octets, &mut out);
    out
}

fn decoded(text: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut out = b"kept".to_vec();
    decode(text, &mut out).inspect_err(|_| assert_eq!(out, b"kept"))?;
    Ok(out.split_off(4))
}

fn tolerant(text: &[u8]) -> Vec<u8> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.feed(text, &mut out);
    decoder.finish(&mut out);
    out
}

#[test]
fn vectors_of_rfc_4648_section_10() {
    for (octets, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(encoded(octets.as_bytes()), text.as_bytes());
        assert_eq!(decoded(text.as_bytes()).unwrap(), octets.as_bytes());
        assert_eq!(tolerant(text.as_bytes()), octets.as_bytes());
    }
}

// RFC: 4954-4-14
#[test]
fn strict_refuses_what_encode_never_makes() {
    assert_eq!(decoded(b"Zg="), Err(Invalid::Length));
    assert_eq!(decoded(b"Zg"), Err(Invalid::Length));
    assert_eq!(decoded(b"Zh=="), Err(Invalid::TrailingBits));
    assert_eq!(decoded(b"Zm9="), Err(Invalid::TrailingBits));
    assert_eq!(decoded(b"Zg==Zg=="), Err(Invalid::Octet(2)));
    assert_eq!(decoded(b"Z==="), Err(Invalid::Octet(1)));
    assert_eq!(decoded(b"===="), Err(Invalid::Octet(0)));
    assert_eq!(decoded(b"Zm9v\r\n=="), Err(Invalid::Octet(4)));
    assert_eq!(decoded(b"Zm=v"), Err(Invalid::Octet(2)));
    assert_eq!(decoded(b"Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9 Zm9v"), Err(Invalid::Octet(35)));
}

#[test]
fn tolerant_passes_over_what_is_not_base64() {
    assert_eq!(tolerant(b"Z m\r\n9 v!Yg"), b"foob");
    assert_eq!(tolerant(b"Zg==\r\nZm8=\r\nZm9v"), b"ffofoo");
    assert_eq!(tolerant(b"Z"), b"");
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    decoder.feed(b"Zm9v\r\nYg==\r\n", &mut out);
    assert!(decoder.finish(&mut out));
    decoder.feed(b"Zm9v*", &mut out);
    assert!(!decoder.finish(&mut out));
    decoder.feed(b"Zm9", &mut out);
    assert!(!decoder.finish(&mut out), "an incomplete quantum is a defect");
}

proptest! {
    #[test]
    fn decode_undoes_encode(octets: Vec<u8>) {
        let text = encoded(&octets);
        prop_assert_eq!(text.len(), encoded_len(octets.len()));
        prop_assert_eq!(decoded(&text).unwrap(), &octets[..]);
        prop_assert_eq!(tolerant(&text), octets);
    }

    #[test]
    fn lines_of_76_at_every_cutting(octets in prop::collection::vec(0..=255_u8, 0..300), cuts: Vec<u8>) {
        let mut plain = Vec::new();
        encode(&octets, &mut plain);
        let lines: Vec<&[u8]> = plain.chunks(76).collect();
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        let mut rest = &octets[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut)));
            encoder.feed(piece, &mut out);
            rest = after;
        }
        encoder.feed(rest, &mut out);
        encoder.finish(&mut out);
        prop_assert_eq!(out, lines.join(&b"\r\n"[..]));
    }

    #[test]
    fn strict_accepts_only_what_encode_makes(text in "[A-D/+=]{0,12}") {
        if let Ok(octets) = decoded(text.as_bytes()) {
            prop_assert_eq!(encoded(&octets), text.into_bytes());
        }
    }

    #[test]
    fn every_cutting_decodes_alike(text in "[A-Za-z0-9+/=\r\n !]{0,200}", cuts: Vec<u8>) {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        let mut rest = text.as_bytes();
        for cut in cuts {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(cut) % 9));
            decoder.feed(piece, &mut out);
            rest = after;
        }
        decoder.feed(rest, &mut out);
        decoder.finish(&mut out);
        prop_assert_eq!(out, tolerant(text.as_bytes()));
    }
}
