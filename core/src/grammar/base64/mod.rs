//! Base64 (RFC 4648 §4): strict for protocols, tolerant and streaming for message bodies.
//!
//! [`encode`] and [`decode`] are what SASL (RFC 4954 §4, RFC 9051 §6.2.2) and SCRAM want: the whole
//! value at hand, and exactly one text for each value, so nothing is ever read in two ways.
//! [`Decoder`] is what RFC 2045 §6.8 wants of a mail reader: octets outside the alphabet are passed
//! over, the text comes in pieces of any size, and nothing is an error (though it is remembered).
//! [`Encoder`] is what it wants of a writer: lines of 76 characters.

use alloc::vec::Vec;
use core::fmt;

use posthaste_simd::base64 as simd;

/// Why [`decode`] refused a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The length is no multiple of four.
    Length,
    /// An octet outside the alphabet, or a `=` before the end; the offset where it stands.
    Octet(usize),
    /// The bits that the padding leaves over are not zero (RFC 4648 §3.5).
    TrailingBits,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("base64 length is not a multiple of four"),
            Self::Octet(at) => write!(f, "octet {at} is not base64"),
            Self::TrailingBits => f.write_str("base64 ends in unused bits that are not zero"),
        }
    }
}

impl core::error::Error for Invalid {}

/// How many octets [`encode`] makes of `len` octets; saturates.
#[must_use]
pub const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3).saturating_mul(4)
}

/// Appends `octets` to `out` as base64 with padding, in one line.
pub fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start.saturating_add(encoded_len(octets.len())), b'=');
    let (whole, rest) = octets.as_chunks::<3>();
    let Some(room) = out.get_mut(start..) else { return };
    let (room, _) = room.as_chunks_mut::<4>();
    for (text, octets) in room.iter_mut().zip(whole) {
        *text = quantum(*octets);
    }
    if let (Some(text), false) = (room.get_mut(whole.len()), rest.is_empty()) {
        let mut last = [0; 3];
        last[..rest.len()].copy_from_slice(rest);
        let full = quantum(last);
        text[..=rest.len()].copy_from_slice(&full[..=rest.len()]);
    }
}

/// Appends what the base64 text `text` stands for to `out`: strict, with padding, in one line.
///
/// # Errors
/// [`Invalid`] if the text is not the one that [`encode`] would make; `out` is then as it was.
pub fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    let start = out.len();
    let result = decode_into(text, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn decode_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    let (quanta, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Invalid::Length);
    }
    let Some((last, body)) = quanta.split_last() else { return Ok(()) };
    let start = out.len();
    simd::decode(&mut simd::Quantum::default(), body.as_flattened(), out);
    // Line ends give nothing, so that one of them leaves the value too short as well.
    if out.len() - start != body.len() * 3 {
        let is_stray = |octet: &u8| VALUES[usize::from(*octet)] > 63;
        let stray = body.as_flattened().iter().position(is_stray);
        return Err(Invalid::Octet(stray.unwrap_or_default()));
    }
    let octets = match last {
        [_, _, b'=', b'='] => 1,
        [_, _, _, b'='] => 2,
        _ => 3,
    };
    let mut full = *last;
    full[octets + 1..].fill(b'A');
    let values = full.map(|octet| VALUES[usize::from(octet)]);
    if let Some(stray) = values.iter().position(|value| *value > 63) {
        return Err(Invalid::Octet(body.len() * 4 + stray));
    }
    let bits = values.iter().fold(0, |bits, value| bits << 6 | u32::from(*value));
    let [_, a, b, c] = bits.to_be_bytes();
    let value = [a, b, c];
    if value[octets..].iter().any(|octet| *octet != 0) {
        return Err(Invalid::TrailingBits);
    }
    out.extend_from_slice(&value[..octets]);
    Ok(())
}

/// What four characters stand for; `None` if one of them is not of the alphabet. For texts so short
/// that starting a [`Decoder`] costs more than they do.
#[inline]
pub(crate) fn octets(text: [u8; 4]) -> Option<[u8; 3]> {
    let [a, b, c, d] = text.map(|octet| VALUES[usize::from(octet)]);
    if (a | b | c | d) >= 64 {
        return None;
    }
    let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
    let [_, first, second, third] = bits.to_be_bytes();
    Some([first, second, third])
}

/// A tolerant decoder for text that comes in pieces (RFC 2045 §6.8).
///
/// Octets outside the alphabet are passed over. Padding ends a run and another may follow, as
/// mailers that join encoded files write it. The result is the same at every cutting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    held: simd::Quantum,
    strayed: bool,
}

impl Decoder {
    /// A decoder at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: simd::Quantum { bits: 0, count: 0 }, strayed: false }
    }

    /// Decodes the next piece of the text and appends what is complete to `out`: at most
    /// `text.len() / 4 * 3 + 3` octets.
    pub fn feed(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        loop {
            let taken = simd::decode(&mut self.held, text, out);
            text = text.get(taken..).unwrap_or_default();
            if text.is_empty() {
                return;
            }
            // Padding, a blank or a stray octet; where one is, more may be near.
            let (near, rest) = text.split_at(text.len().min(NEAR));
            near.iter().for_each(|octet| self.push(*octet, out));
            text = rest;
        }
    }

    /// Ends the text: what the last incomplete quantum holds in whole octets is appended to `out`,
    /// and the decoder starts anew. `true` if the text was good base64, folded into lines at most.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let clean = self.held.count == 0 && !self.strayed;
        self.flush(out);
        self.strayed = false;
        clean
    }

    fn push(&mut self, octet: u8, out: &mut Vec<u8>) {
        match VALUES[usize::from(octet)] {
            value @ 0..64 => {
                self.held.bits = self.held.bits << 6 | u32::from(value);
                self.held.count += 1;
                if self.held.count == 4 {
                    out.extend_from_slice(&self.held.bits.to_be_bytes()[1..]);
                    self.held = simd::Quantum::default();
                }
            }
            PADDING => self.flush(out),
            SPACE => {}
            _ => self.strayed = true,
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let bits = self.held.bits;
        match self.held.count {
            2 => out.push((bits >> 4) as u8),
            3 => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
            _ => {}
        }
        self.held = simd::Quantum::default();
    }
}

/// An encoder for message bodies that come in pieces (RFC 2045 §6.8): lines of 76 characters with
/// CR LF between them and none behind the last. The result is the same at every cutting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    /// The octets of the quantum that is not complete: the first `count` of them.
    held: [u8; 2],
    count: usize,
    /// How many quanta the line has.
    quanta: usize,
}

impl Encoder {
    /// An encoder at the start of a body.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: [0; 2], count: 0, quanta: 0 }
    }

    /// Encodes the next piece and appends what is complete to `out`.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len().div_ceil(LINE_OCTETS).saturating_mul(LINE_QUANTA * 4 + 2));
        while self.count > 0 {
            let Some((octet, rest)) = piece.split_first() else { return };
            piece = rest;
            match self.held.get_mut(self.count) {
                Some(place) => {
                    *place = *octet;
                    self.count += 1;
                }
                None => {
                    self.count = 0;
                    self.write(quantum([self.held[0], self.held[1], *octet]), out);
                }
            }
        }
        if self.quanta < LINE_QUANTA {
            let rest = 3 * (LINE_QUANTA - self.quanta);
            let (line, after) = piece.split_at(piece.len().min(rest));
            self.tail(line, out);
            if after.is_empty() {
                return;
            }
            piece = after;
        }
        // The line is full, and each of these begins with the end of the one before.
        let (lines, rest) = piece.as_chunks::<LINE_OCTETS>();
        simd::encode::lines(lines, out);
        self.tail(rest, out);
    }

    /// Ends the body: what was held back is appended to `out`, and the encoder starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let [a, b] = self.held;
        match self.count {
            0 => {}
            1 => {
                let [first, second, ..] = quantum([a, 0, 0]);
                self.write([first, second, b'=', b'='], out);
            }
            _ => {
                let [first, second, third, _] = quantum([a, b, 0]);
                self.write([first, second, third, b'='], out);
            }
        }
        *self = Self::new();
    }

    /// Writes what ends within the line or begins the next one.
    fn tail(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let (triples, rest) = octets.as_chunks::<3>();
        for triple in triples {
            self.write(quantum(*triple), out);
        }
        if let Some(held) = self.held.get_mut(..rest.len()) {
            held.copy_from_slice(rest);
            self.count = rest.len();
        }
    }

    fn write(&mut self, text: [u8; 4], out: &mut Vec<u8>) {
        if self.quanta == LINE_QUANTA {
            out.extend_from_slice(b"\r\n");
            self.quanta = 0;
        }
        out.extend_from_slice(&text);
        self.quanta += 1;
    }
}

/// The four characters for three octets.
#[inline]
fn quantum([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize])
}

/// How many octets are looked at one by one where one is not of the alphabet.
const NEAR: usize = 64;

/// The quanta of a full line, and the octets that they stand for.
const LINE_QUANTA: usize = 76 / 4;
const LINE_OCTETS: usize = simd::encode::LINE;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// In [`VALUES`]: `=`, white space, and everything else that is not of the alphabet.
const PADDING: u8 = 64;
const SPACE: u8 = 65;
const OTHER: u8 = 66;

/// What each octet stands for.
static VALUES: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut value = 0;
    while value < 64 {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table[b'=' as usize] = PADDING;
    table[b' ' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table[b'\r' as usize] = SPACE;
    table[b'\n' as usize] = SPACE;
    table
};

#[cfg(test)]
mod tests;
