//! Transfer encodings: every decoder at every cutting, beside its plain form and its strict one.
//!
//! The first octet of an input chooses how the rest is cut.

use posthaste_core::{
    grammar::base64,
    mime::{
        structure::Encoding,
        transfer::{self, Begin, Decoder, Form, Strict, Yenc},
    },
};
use posthaste_simd::{base64 as simd_base64, printable as simd_printable};

/// A base64 body.
pub fn base64(octets: &[u8]) {
    let Some((cut, body)) = octets.split_first() else { return };
    let content = tolerant(Encoding::Base64, *cut, body);
    assert!(content.len() <= body.len() / 4 * 3 + 3);
    strict(Encoding::Base64, *cut, body, &content);
    written(Encoding::Base64, *cut, body);
    let mut protocol = Vec::new();
    if base64::decode(body, &mut protocol).is_ok() {
        let mut again = Vec::new();
        base64::encode(&protocol, &mut again);
        assert_eq!(again, body);
        assert_eq!(protocol, content);
    }
    // From every stop, with what was left over before it.
    let (mut held, mut rest) = (simd_base64::Quantum::default(), body);
    loop {
        let (mut plain, mut out) = (held, (Vec::new(), Vec::new()));
        let taken = simd_base64::decode(&mut held, rest, &mut out.0);
        assert_eq!(simd_base64::decode_plain(&mut plain, rest, &mut out.1), taken);
        assert_eq!((held, out.0), (plain, out.1));
        let Some(after) = rest.get(taken + 1..) else { return };
        rest = after;
    }
}

/// A quoted-printable body.
pub fn printable(octets: &[u8]) {
    let Some((cut, body)) = octets.split_first() else { return };
    let content = tolerant(Encoding::QuotedPrintable, *cut, body);
    assert!(content.len() <= body.len());
    strict(Encoding::QuotedPrintable, *cut, body, &content);
    written(Encoding::QuotedPrintable, *cut, body);
    for longest in [0, 3, transfer::QuotedPrintable::LONGEST_BLANKS] {
        let mut rest = body;
        loop {
            let (mut out, mut plain) = (Vec::new(), Vec::new());
            let taken = simd_printable::decode(rest, longest, &mut out);
            assert_eq!(simd_printable::decode_plain(rest, longest, &mut plain), taken);
            assert_eq!(out, plain);
            let Some(after) = rest.get(taken + 1..) else { break };
            rest = after;
        }
    }
}

/// A uuencoded body, or a text with such files in it.
pub fn uuencode(octets: &[u8]) {
    let Some((cut, body)) = octets.split_first() else { return };
    assert!(tolerant(Encoding::Uuencode, *cut, body).len() <= body.len());
    let mut end = 0;
    for file in transfer::files(body) {
        assert!(file.lines.start >= end && file.lines.end <= body.len());
        end = file.lines.end;
        let lines = &body[file.lines];
        let first = lines.split(|octet| *octet == b'\n').next().unwrap();
        assert_eq!(Begin::parse(first), Some(file.begin));
        let content = transfer::decode(Encoding::Uuencode, lines).unwrap();
        assert!(content.len() <= lines.len());
    }
    if let Some(found) = Yenc::find(body) {
        assert!(body[found.at..].starts_with(b"=ybegin "));
    }
}

/// The content, the same at every cutting and up to every limit.
fn tolerant(encoding: Encoding, cut: u8, body: &[u8]) -> Vec<u8> {
    let whole = transfer::decode(encoding, body).unwrap().into_owned();
    let limit = u64::from(cut) * 3;
    for piece in [1, 2, usize::from(cut) + 1] {
        let mut decoder = Decoder::new(encoding).unwrap();
        let mut limited = Decoder::new(encoding).unwrap().limited(limit);
        let (mut out, mut some) = (Vec::new(), Vec::new());
        for piece in body.chunks(piece) {
            decoder.feed(piece, &mut out);
            limited.feed(piece, &mut some);
        }
        assert!(decoder.finish(&mut out));
        assert_eq!(out, whole);
        assert_eq!(limited.finish(&mut some), whole.len() as u64 <= limit);
        assert_eq!(some, whole[..whole.len().min(limit as usize)]);
    }
    whole
}

/// What the strict decoder accepts, the tolerant one reads alike.
fn strict(encoding: Encoding, cut: u8, body: &[u8], content: &[u8]) {
    let run = |piece: usize| {
        let (mut decoder, mut out) = (Strict::new(encoding).unwrap(), Vec::new());
        let fed = body.chunks(piece).try_for_each(|piece| decoder.feed(piece, &mut out));
        (fed.and_then(|()| decoder.finish()), out)
    };
    let whole = run(body.len().max(1));
    assert_eq!(run(usize::from(cut) + 1), whole);
    match whole.0 {
        Ok(()) => assert_eq!(whole.1, content),
        Err(fault) => assert!(fault.at <= body.len() as u64),
    }
}

/// Any octets are written so that both decoders read them again.
fn written(encoding: Encoding, cut: u8, content: &[u8]) {
    for form in [Form::Binary, Form::Text] {
        let (mut encoder, mut text) = (transfer::Encoder::new(encoding, form).unwrap(), Vec::new());
        content.chunks(usize::from(cut) + 1).for_each(|piece| encoder.feed(piece, &mut text));
        encoder.finish(&mut text);
        assert!(text.len() <= content.len() * 4 + 8);
        let mut whole = Vec::new();
        assert!(transfer::encode(encoding, form, content, &mut whole));
        assert_eq!(text, whole);
        let (mut decoder, mut again) = (Strict::new(encoding).unwrap(), Vec::new());
        assert_eq!(decoder.feed(&text, &mut again).and_then(|()| decoder.finish()), Ok(()));
        assert_eq!(again, content);
        assert_eq!(*transfer::decode(encoding, &text).unwrap(), *content);
    }
}
