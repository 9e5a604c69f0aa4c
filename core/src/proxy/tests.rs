use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

fn v2(kind: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = v2::SIGNATURE.to_vec();
    header.extend([kind, family]);
    header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    header.extend_from_slice(rest);
    header
}

fn ends(peer: &str, local: &str) -> Option<Ends> {
    Some(Ends { peer: peer.parse().unwrap(), local: local.parse().unwrap() })
}

#[test]
fn lines() {
    let long = "ffff:".repeat(7) + "ffff";
    for (line, wanted) in [
        ("TCP4 192.0.2.9 198.51.100.1 50123 25", ends("192.0.2.9:50123", "198.51.100.1:25")),
        ("TCP6 2001:db8::1 ::1 1 65535", ends("[2001:db8::1]:1", "[::1]:65535")),
        (
            &format!("TCP6 {long} {long} 65535 65535"),
            ends(&format!("[{long}]:65535"), &format!("[{long}]:65535")),
        ),
        ("UNKNOWN", None),
        ("UNKNOWN whatever this is", None),
    ] {
        let header = format!("PROXY {line}\r\n");
        let whole = format!("{header}EHLO a\r\n");
        let parsed = Parsed::Header { length: header.len(), ends: wanted };
        assert_eq!(parse(whole.as_bytes()), parsed, "{line}");
        for cut in 0..header.len() {
            assert_eq!(parse(&header.as_bytes()[..cut]), Parsed::More, "{line} cut {cut}");
        }
    }
}

#[test]
fn lines_that_are_none() {
    for line in [
        "",
        "TCP4",
        "TCP4 192.0.2.9 198.51.100.1 50123",
        "TCP4 192.0.2.9 198.51.100.1 50123 25 ",
        "TCP4  192.0.2.9 198.51.100.1 50123 25",
        "TCP4 ::1 ::1 1 1",
        "TCP6 192.0.2.9 192.0.2.9 1 1",
        "TCP4 192.0.2.9 198.51.100.1 65536 25",
        "TCP4 192.0.2.9 198.51.100.1 +1 25",
        "TCP4 192.0.2.9 198.51.100.1 01 25",
        "TCP4 192.0.2.009 198.51.100.1 1 25",
        "tcp4 192.0.2.9 198.51.100.1 1 25",
        "UDP4 192.0.2.9 198.51.100.1 1 25",
        "UNKNOWNX",
        "TCP4 192.0.2.9 198.51.100.1 1 25\n",
        "TCP4 192.0.2.9\0 198.51.100.1 1 25",
    ] {
        assert_eq!(parse(format!("PROXY {line}\r\n").as_bytes()), Parsed::Bad, "{line:?}");
    }
    for bad in ["EHLO a\r\n", "proxy UNKNOWN\r\n", "X", "\r\n\r\nX", "PROXYX"] {
        assert_eq!(parse(bad.as_bytes()), Parsed::Bad, "{bad:?}");
    }
    // Longer than any can be, with and without an end.
    let endless = String::from("PROXY UNKNOWN ") + &"x".repeat(93);
    assert_eq!(parse(endless.as_bytes()), Parsed::Bad);
    assert_eq!(parse(format!("{endless}\r\n").as_bytes()), Parsed::Bad);
}

#[test]
fn octets() {
    let four = [192, 0, 2, 9, 198, 51, 100, 1, 0xc3, 0xcb, 0, 25];
    let mut six = [0; 36];
    (six[15], six[31], six[33], six[35]) = (1, 2, 7, 8);
    let mut more = four.to_vec();
    // Things of type, length and value behind the addresses.
    more.extend([0x04, 0, 2, 0, 0]);
    for (header, wanted) in [
        (v2(0x21, 0x11, &four), ends("192.0.2.9:50123", "198.51.100.1:25")),
        (v2(0x21, 0x11, &more), ends("192.0.2.9:50123", "198.51.100.1:25")),
        (v2(0x21, 0x21, &six), ends("[::1]:7", "[::2]:8")),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &four), None),
        (v2(0x21, 0x00, &[1, 2, 3]), None),
        (v2(0x21, 0x31, &[0; 216]), None),
    ] {
        let mut whole = header.clone();
        whole.extend_from_slice(b"EHLO");
        assert_eq!(parse(&whole), Parsed::Header { length: header.len(), ends: wanted });
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), Parsed::More, "cut {cut}");
        }
    }
    for bad in [
        v2(0x11, 0x11, &four),
        v2(0x22, 0x11, &four),
        v2(0x21, 0x11, &four[..11]),
        v2(0x21, 0x21, &six[..35]),
        v2(0x21, 0x11, &[0; OCTETS - 15]),
    ] {
        assert_eq!(parse(&bad), Parsed::Bad, "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_read_beyond_its_end(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        front in 0usize..3,
    ) {
        let mut all = match front {
            0 => Vec::new(),
            1 => b"PROXY TCP4 ".to_vec(),
            _ => v2::SIGNATURE.to_vec(),
        };
        all.extend(bytes);
        if let Parsed::Header { length, .. } = parse(&all) {
            proptest::prop_assert!(length <= all.len());
            proptest::prop_assert_eq!(parse(&all[..length]), parse(&all));
        }
    }
}
