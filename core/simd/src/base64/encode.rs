//! Base64 written in lines of 76 characters (RFC 2045 §6.8).

use alloc::vec::Vec;

use super::ALPHABET;
use crate::cpu::{self, Cpu};

/// The octets that a full line of base64 stands for, and its characters.
pub const LINE: usize = 57;
const TEXT: usize = 76;

/// Appends a CR LF and the base64 text of each line to `out`.
pub fn lines(lines: &[[u8; LINE]], out: &mut Vec<u8>) {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::avx512(lines, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::avx2(lines, out) },
        _ => lines_plain(lines, out),
    }
}

/// [`lines`] without vector instructions: what the other forms are held against.
pub fn lines_plain(lines: &[[u8; LINE]], out: &mut Vec<u8>) {
    out.reserve(lines.len().saturating_mul(2 + TEXT));
    for line in lines {
        let mut text = [0; TEXT];
        let (triples, _) = line.as_chunks::<3>();
        let (quanta, _) = text.as_chunks_mut::<4>();
        for (quantum, [a, b, c]) in quanta.iter_mut().zip(triples) {
            let bits = u32::from_be_bytes([0, *a, *b, *c]);
            *quantum = [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize]);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&text);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use alloc::vec::Vec;
    use core::arch::x86_64::*;

    use super::{super::ALPHABET, LINE, TEXT};
    use crate::vector::load512;

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn avx512(lines: &[[u8; LINE]], out: &mut Vec<u8>) {
        const FIRST: [u8; 64] = order(0);
        const SECOND: [u8; 64] = order(48);
        const SHIFTS: [u8; 64] = shifts();
        let (first, second, shifts) = (load512(&FIRST), load512(&SECOND), load512(&SHIFTS));
        let alphabet = load512(ALPHABET);
        // Characters go by the low six bits of what is looked up.
        let text = |octets, order| {
            let octets = _mm512_permutexvar_epi8(order, octets);
            _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(shifts, octets), alphabet)
        };

        out.reserve(lines.len().saturating_mul(2 + TEXT));
        let (rooms, _) = out.spare_capacity_mut().as_chunks_mut::<{ 2 + TEXT }>();
        let mut done = 0;
        for (line, room) in lines.iter().zip(rooms) {
            // SAFETY: of the line its 57 octets are loaded; of the room 2, the 64 behind them and
            // the last 12 are written, which are the 78 that it has.
            unsafe {
                let octets = _mm512_maskz_loadu_epi8((1 << LINE) - 1, line.as_ptr().cast());
                let room = room.as_mut_ptr().cast::<u8>();
                room.cast::<[u8; 2]>().write(*b"\r\n");
                _mm512_storeu_si512(room.add(2).cast(), text(octets, first));
                let last = _mm512_castsi512_si128(text(octets, second));
                _mm_mask_storeu_epi8(room.add(66).cast(), (1 << 12) - 1, last);
            }
            done += 2 + TEXT;
        }
        let len = out.len() + done;
        // SAFETY: so many octets of the spare capacity were written.
        unsafe { out.set_len(len) };
    }

    /// Of each three octets, in four: the second, the first, the third, the second again.
    const fn order(from: usize) -> [u8; 64] {
        let mut order = [0; 64];
        let mut at = 0;
        while at < 64 {
            let octet = from + at / 4 * 3 + [1, 0, 2, 1][at % 4];
            // Behind the line nothing is wanted.
            order[at] = if octet < 64 { octet as u8 } else { 63 };
            at += 1;
        }
        order
    }

    /// Where the six bits of each character start in the four octets of [`order`], twice for the 64
    /// bits of a lane.
    const fn shifts() -> [u8; 64] {
        let mut shifts = [0; 64];
        let mut at = 0;
        while at < 64 {
            shifts[at] = [10, 4, 22, 16][at % 4] + if at % 8 < 4 { 0 } else { 32 };
            at += 1;
        }
        shifts
    }

    /// The method is that of Muła and Lemire, "Faster Base64 Encoding and Decoding using AVX2
    /// Instructions" (2018): the six bits of each character by multiplication, then what is to be
    /// added to them by their range.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(lines: &[[u8; LINE]], out: &mut Vec<u8>) {
        out.reserve(lines.len().saturating_mul(2 + TEXT));
        let mut octets = [0; 80];
        let mut text = [0; 2 + 96];
        text[..2].copy_from_slice(b"\r\n");
        for line in lines {
            octets[..LINE].copy_from_slice(line);
            for part in 0..3 {
                let from = &octets[24 * part..24 * part + 28];
                let to = &mut text[2 + 32 * part..2 + 32 * part + 32];
                // SAFETY: 16 octets from 0 and from 12 on are within 28, and 32 are written to 32.
                unsafe {
                    let low = _mm_loadu_si128(from.as_ptr().cast());
                    let high = _mm_loadu_si128(from.as_ptr().add(12).cast());
                    let made = characters(_mm256_set_m128i(high, low));
                    _mm256_storeu_si256(to.as_mut_ptr().cast(), made);
                }
            }
            out.extend_from_slice(&text[..2 + TEXT]);
        }
    }

    /// The characters of the first 12 octets of each half.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn characters(octets: __m256i) -> __m256i {
        let order = _mm256_setr_epi8(
            1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7,
            10, 9, 11, 10,
        );
        let octets = _mm256_shuffle_epi8(octets, order);
        let odd = _mm256_and_si256(octets, _mm256_set1_epi32(0x0fc0_fc00));
        let odd = _mm256_mulhi_epu16(odd, _mm256_set1_epi32(0x0400_0040));
        let even = _mm256_and_si256(octets, _mm256_set1_epi32(0x003f_03f0));
        let even = _mm256_mullo_epi16(even, _mm256_set1_epi32(0x0100_0010));
        let values = _mm256_or_si256(odd, even);
        // 13 for A to Z, 0 for a to z, 1 to 10 for the digits, 11 and 12 for the rest.
        let range = _mm256_subs_epu8(values, _mm256_set1_epi8(51));
        let upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), values);
        let range = _mm256_or_si256(range, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
        let add = _mm256_setr_epi8(
            71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0, 71, -4, -4, -4, -4, -4,
            -4, -4, -4, -4, -4, -19, -16, 65, 0, 0,
        );
        _mm256_add_epi8(values, _mm256_shuffle_epi8(add, range))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_form_writes_alike(octets in prop::collection::vec(any::<u8>(), 0..600)) {
            let (all, _) = octets.as_chunks::<LINE>();
            let mut plain = b"kept".to_vec();
            lines_plain(all, &mut plain);
            let mut out = b"kept".to_vec();
            lines(all, &mut out);
            prop_assert_eq!(&out, &plain);
            #[cfg(target_arch = "x86_64")]
            if cpu::cpu() >= Cpu::Avx2 {
                let mut out = b"kept".to_vec();
                // SAFETY: the processor has AVX2.
                unsafe { x86::avx2(all, &mut out) };
                prop_assert_eq!(&out, &plain);
            }
            for line in plain[4..].chunks(2 + TEXT) {
                prop_assert!(line.starts_with(b"\r\n"));
                let (mut held, mut again) = (super::super::Quantum::default(), Vec::new());
                super::super::decode_plain(&mut held, line, &mut again);
                prop_assert_eq!(again.len(), LINE);
            }
        }
    }
}
