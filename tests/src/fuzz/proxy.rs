//! What a proxy says first.

use posthaste_core::proxy::{OCTETS, Parsed, parse};

/// Any front of a header asks for more, a whole one is read the same whatever follows, and what is none stays none.
pub fn header(octets: &[u8]) {
    let parsed = parse(octets);
    match parsed {
        Parsed::Header { length, .. } => {
            assert!(length <= octets.len() && length <= OCTETS);
            assert_eq!(parse(&octets[..length]), parsed);
            for cut in 0..length {
                assert_eq!(parse(&octets[..cut]), Parsed::More, "cut {cut}");
            }
        }
        Parsed::More => assert!(octets.len() < OCTETS),
        Parsed::Bad => {
            let more = [octets, b"\r\n"].concat();
            assert_eq!(parse(&more), Parsed::Bad);
        }
    }
}
