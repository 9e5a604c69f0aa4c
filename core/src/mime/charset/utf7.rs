//! UTF-7 (RFC 2152): base64 of UTF-16 between `+` and `-` or anything else.

use alloc::string::String;

/// A decoder for text that comes in pieces. What cannot be decoded becomes U+FFFD.
#[derive(Clone, Debug, Default)]
pub(super) struct Utf7 {
    mode: Mode,
    bits: u32,
    held: u32,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Direct,
    /// Behind the `+`.
    Opened,
    Base64,
}

impl Utf7 {
    pub(super) fn feed(&mut self, piece: &[u8], out: &mut String) {
        for octet in piece {
            self.step(*octet, out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut String) {
        self.end_pair(out);
        *self = Self::default();
    }

    fn step(&mut self, octet: u8, out: &mut String) {
        if self.mode != Mode::Direct {
            if let Some(value) = base64_value(octet) {
                self.mode = Mode::Base64;
                self.bits = self.bits << 6 | u32::from(value);
                self.held += 6;
                if self.held >= 16 {
                    self.held -= 16;
                    let unit = (self.bits >> self.held) as u16;
                    self.bits &= (1 << self.held) - 1;
                    self.unit(unit, out);
                }
                return;
            }
            let opened = self.mode == Mode::Opened;
            (self.mode, self.bits, self.held) = (Mode::Direct, 0, 0);
            if octet == b'-' {
                if opened {
                    self.unit(u16::from(b'+'), out);
                }
                return;
            }
        }
        match octet {
            b'+' => self.mode = Mode::Opened,
            octet if octet.is_ascii() => self.unit(u16::from(octet), out),
            _ => self.unit(0xfffd, out),
        }
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                out.push(pair);
                return;
            }
            out.push(char::REPLACEMENT_CHARACTER);
        }
        match unit {
            0xd800..=0xdbff => self.high = Some(unit),
            _ => out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn end_pair(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

const fn base64_value(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
