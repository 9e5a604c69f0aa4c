//! The charsets of East Asia whose characters have one octet or two.
//!
//! What they mean is encoding_rs's to say; what it said of a pair is remembered, and text that is
//! nothing but US-ASCII and such pairs needs no more. At the first octet that is anything else,
//! encoding_rs goes on, so that errors are as it shows them.

use alloc::{borrow::Cow, string::String};

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};
use memchr::{memchr, memchr2};
use posthaste_simd::{pairs::Pairs, text};

/// The text that octets are in this charset; `None` if it is none of these.
pub(super) fn decode(encoding: &'static Encoding, octets: &[u8]) -> Option<String> {
    let mut out = String::new();
    let taken = known(encoding)?.decode(octets, &mut out, |pair| ask(encoding, pair));
    let rest = octets.get(taken..).unwrap_or_default();
    if !rest.is_empty() {
        out.push_str(&encoding.decode_without_bom_handling(rest).0);
    }
    Some(out)
}

/// The text of ISO-2022-JP (RFC 1468) without any error: characters of one octet in US-ASCII, of two
/// in JIS X 0208. `None` for anything else.
pub(super) fn iso_2022_jp(octets: &[u8]) -> Option<String> {
    let text = text::ascii(octets)?;
    // Shifts, which it has not.
    if memchr2(0x0e, 0x0f, octets).is_some() {
        return None;
    }
    let mut out = String::with_capacity(octets.len() + octets.len() / 2 + 8);
    let mut at = 0;
    loop {
        let rest = octets.get(at..)?;
        let end = memchr(ESCAPE, rest);
        // One escape behind another, with nothing between them, is an error.
        if at > 0 && end == Some(0) {
            return None;
        }
        out.push_str(text.get(at..at + end.unwrap_or(rest.len()))?);
        at += end.unwrap_or(rest.len());
        match octets.get(at..)? {
            [] => return Some(out),
            [_, b'(', b'B', ..] => {
                at += 3;
                continue;
            }
            [_, b'$', b'B' | b'@', ..] => at += 3,
            _ => return None,
        }
        // EUC-JP has the same characters in the same places, above 127.
        let pairs = octets.get(at..)?;
        let taken = JAPANESE.decode_seven(pairs, &mut out, |pair| ask(EUC_JP, pair));
        match pairs.get(taken..)? {
            _ if taken == 0 => return None,
            [] => return Some(out),
            [ESCAPE, b'(', b'B', ..] => at += taken + 3,
            _ => return None,
        }
    }
}

fn known(encoding: &'static Encoding) -> Option<&'static Pairs> {
    let all = [
        (GBK, &CHINESE),
        (GB18030, &CHINESE),
        (BIG5, &TAIWANESE),
        (EUC_KR, &KOREAN),
        (EUC_JP, &JAPANESE),
        (SHIFT_JIS, &SHIFTED_JAPANESE),
    ];
    all.into_iter().find(|(known, _)| *known == encoding).map(|(_, pairs)| pairs)
}

/// What a pair means, if it is one character.
fn ask(encoding: &'static Encoding, pair: [u8; 2]) -> Option<char> {
    let text: Cow<'_, str> = encoding.decode_without_bom_handling_and_without_replacement(&pair)?;
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

const ESCAPE: u8 = 0x1b;

/// GBK and GB18030 differ in what is no pair.
static CHINESE: Pairs = Pairs::new();
static TAIWANESE: Pairs = Pairs::new();
static KOREAN: Pairs = Pairs::new();
static JAPANESE: Pairs = Pairs::new();
static SHIFTED_JAPANESE: Pairs = Pairs::new();

#[cfg(test)]
mod tests {
    use encoding_rs::ISO_2022_JP;
    use proptest::prelude::*;

    use super::*;

    const ALL: [&Encoding; 6] = [GBK, GB18030, BIG5, EUC_KR, EUC_JP, SHIFT_JIS];

    #[test]
    fn each_pair_is_what_encoding_rs_says() {
        for encoding in ALL {
            for lead in 0x80..=0xff {
                for trail in 0..=0xff {
                    for octets in [&[lead, trail][..], &[b'a', lead, trail, b'0', lead, trail]] {
                        let expected = encoding.decode_without_bom_handling(octets).0;
                        assert_eq!(decode(encoding, octets).unwrap(), expected, "{octets:x?}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn text_is_what_encoding_rs_says(
            encoding in prop::sample::select(ALL.to_vec()),
            text in "[ -~]{0,20}(\u{4e2d}\u{6587}|\u{ac00}|\u{3042}|\u{ff71}|\u{20000}|[ -~]{0,4}){0,20}",
            junk in prop::collection::vec(any::<u8>(), 0..4), at in 0_usize..40,
        ) {
            let mut octets = encoding.encode(&text).0.into_owned();
            let at = at.min(octets.len());
            octets.splice(at..at, junk);
            let expected = encoding.decode_without_bom_handling(&octets).0;
            prop_assert_eq!(decode(encoding, &octets).unwrap(), expected);
        }

        #[test]
        fn iso_2022_jp_is_what_encoding_rs_says(
            octets in "(\u{1b}\\$B|\u{1b}\\(B|\u{1b}\\$@|\u{1b}\\(J|[!-~]{2}|[\u{0}-\u{7f}]{0,2}|\u{1b}){0,9}",
        ) {
            if let Some(text) = iso_2022_jp(octets.as_bytes()) {
                prop_assert_eq!(text, ISO_2022_JP.decode_without_bom_handling(octets.as_bytes()).0);
            }
        }
    }

    #[test]
    fn iso_2022_jp_is_read() {
        for (octets, text) in [
            ("\u{1b}$B$\"$j\u{1b}(B, a\r\n\u{1b}$B$\"\u{1b}(B", "\u{3042}\u{308a}, a\r\n\u{3042}"),
            ("plain", "plain"),
            ("\u{1b}$@$\"", "\u{3042}"),
        ] {
            assert_eq!(iso_2022_jp(octets.as_bytes()).unwrap(), text);
        }
        // What is left to encoding_rs.
        for octets in
            ["\u{1b}(J\\", "\u{1b}$B$", "\u{1b}$B$\"\n", "\u{1b}$B\u{1b}(B", "a\u{e}b", "\u{1b}"]
        {
            assert_eq!(iso_2022_jp(octets.as_bytes()), None, "{octets:?}");
        }
    }
}
