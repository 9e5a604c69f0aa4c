//! Base64 in lines (RFC 2045 §6.8), decoded without a stop at the line ends, and written.

use alloc::vec::Vec;

use crate::cpu::{self, Cpu};

pub mod encode;
#[cfg(target_arch = "x86_64")]
mod regular;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

/// The characters of a quantum that is not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantum {
    /// Their bits, right aligned: six for each.
    pub bits: u32,
    /// How many there are: 0 to 3.
    pub count: u8,
}

/// Decodes the characters of the base64 alphabet at the start of `text`, CR and LF among them passed
/// over, and appends the octets that are complete to `out`. Says how many octets of `text` it took:
/// all, or those before the first that is of neither kind.
///
/// `held` is what the text before left over, and then what this one does.
pub fn decode(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::avx512(held, text, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::avx2(held, text, out) },
        _ => decode_plain(held, text, out),
    }
}

/// [`decode`] without vector instructions: what the other forms are held against.
pub fn decode_plain(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    out.reserve(room(held, text));
    let mut rest = text;
    loop {
        if held.count == 0 {
            let (quanta, _) = rest.as_chunks::<4>();
            let done = quanta_plain(quanta, out);
            rest = rest.get(done * 4..).unwrap_or_default();
        }
        // Here stands a line end, what is not base64, or the last octets.
        loop {
            let Some((octet, after)) = rest.split_first() else { return text.len() };
            if !matches!(octet, b'\r' | b'\n') {
                let value = VALUES[usize::from(*octet)];
                if value > 63 {
                    return text.len() - rest.len();
                }
                held.bits = held.bits << 6 | u32::from(value);
                held.count += 1;
            }
            rest = after;
            if held.count == 4 {
                out.extend_from_slice(&held.bits.to_be_bytes()[1..]);
                *held = Quantum::default();
            }
            if held.count == 0 {
                break;
            }
        }
    }
}

/// Decodes whole quanta until one holds an octet outside the alphabet; says how many it did.
fn quanta_plain(quanta: &[[u8; 4]], out: &mut Vec<u8>) -> usize {
    let mut done = 0;
    let (groups, _) = quanta.as_chunks::<8>();
    for group in groups {
        let mut block = [0; 24];
        let mut all = 0;
        let (triples, _) = block.as_chunks_mut::<3>();
        for (triple, text) in triples.iter_mut().zip(group) {
            let bits = join(*text);
            all |= bits;
            let [_, a, b, c] = bits.to_be_bytes();
            *triple = [a, b, c];
        }
        if all & BAD != 0 {
            break;
        }
        out.extend_from_slice(&block);
        done += 8;
    }
    for text in quanta.iter().skip(done) {
        let bits = join(*text);
        if bits & BAD != 0 {
            break;
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
        done += 1;
    }
    done
}

/// The 24 bits of four characters, with [`BAD`] set if one of them is not of the alphabet.
#[inline]
fn join([a, b, c, d]: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = &SHIFTED;
    first[usize::from(a)] | second[usize::from(b)] | third[usize::from(c)] | fourth[usize::from(d)]
}

/// How many octets `text` can give.
const fn room(held: &Quantum, text: &[u8]) -> usize {
    (text.len() + held.count as usize) / 4 * 3
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The bit of [`join`] that says that a character was not of the alphabet.
const BAD: u32 = 1 << 31;

/// What each octet stands for; above 63 it is not of the alphabet.
static VALUES: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 64 {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// [`VALUES`] once for each place in a quantum, shifted there already.
static SHIFTED: [[u32; 256]; 4] = {
    let mut tables = [[BAD; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut value = 0;
        while value < 64 {
            tables[place][ALPHABET[value] as usize] = (value as u32) << (18 - 6 * place);
            value += 1;
        }
        place += 1;
    }
    tables
};
