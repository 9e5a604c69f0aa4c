//! Base64 with AVX-512 and AVX2.
//!
//! [Regular](regular) lines are read first. What is left is gone over twice, [`SCRATCH`] octets at a
//! time: first the characters become their values, end to end without the line ends, then the values
//! are packed. What the first pass writes has left the store buffer when the second one reads it, and
//! no length of line is special.

use alloc::vec::Vec;
use core::{arch::x86_64::*, mem::MaybeUninit};

use super::{ALPHABET, Quantum, regular, room};
use crate::vector::{load256, load512, store256, store512, twice};

/// How many values are gathered before they are packed.
const SCRATCH: usize = 2048;

/// Values at hand: those that are complete, and room for one more store.
struct Values {
    octets: [u8; SCRATCH + 64],
    count: usize,
}

impl Values {
    fn new(held: &Quantum) -> Self {
        let mut values = Self { octets: [0; SCRATCH + 64], count: usize::from(held.count.min(3)) };
        for (at, octet) in values.octets.iter_mut().take(values.count).enumerate() {
            *octet = (held.bits >> (6 * (values.count - 1 - at)) & 63) as u8;
        }
        values
    }

    /// What does not fill a quantum.
    fn held(&self) -> Quantum {
        let whole = self.count / 4 * 4;
        let rest = self.octets.get(whole..self.count).unwrap_or_default();
        let bits = rest.iter().fold(0, |bits, value| bits << 6 | u32::from(*value));
        Quantum { bits, count: rest.len() as u8 }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
pub(super) fn avx512(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    let (low, high, order) = (load512(&TABLE[0]), load512(&TABLE[1]), load512(&PACK));

    out.reserve(room(held, text));
    let mut taken = regular::avx512(held, text, out);
    let mut values = Values::new(held);
    let mut stop = false;
    while !stop {
        while values.count <= SCRATCH - 64 {
            let rest = text.get(taken..).unwrap_or_default();
            let (octets, here) = match rest.first_chunk::<64>() {
                Some(block) => (load512(block), !0),
                None if rest.is_empty() => {
                    stop = true;
                    break;
                }
                None => {
                    let mut last = [b'\n'; 64];
                    last[..rest.len()].copy_from_slice(rest);
                    (load512(&last), !(!0_u64 << rest.len()))
                }
            };
            let value = _mm512_permutex2var_epi8(low, octets, high);
            let other = _mm512_movepi8_mask(_mm512_or_si512(octets, value));
            let stray = _mm512_test_epi8_mask(value, _mm512_set1_epi8(STRAY as i8))
                | _mm512_movepi8_mask(octets);
            let mut keep = !other & here;
            if stray != 0 {
                let at = stray.trailing_zeros();
                keep = _bzhi_u64(keep, at);
                taken += at as usize;
                stop = true;
            } else {
                taken += here.count_ones() as usize;
            }
            let Some(next) = values.octets[values.count..].first_chunk_mut() else { break };
            store512(next, _mm512_maskz_compress_epi8(keep, value));
            values.count += keep.count_ones() as usize;
            if stop {
                break;
            }
        }

        let spare = out.spare_capacity_mut();
        let (blocks, rest) = values.octets[..values.count].as_chunks::<64>();
        let mut done = 0;
        for block in blocks {
            let packed = pack512(load512(block), order);
            let Some(room) = spare.get_mut(done..) else { break };
            if let Some(room) = room.first_chunk_mut::<64>() {
                // SAFETY: the room is 64 octets, which may hold anything.
                unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
                done += 48;
            } else {
                done += some512(packed, 48, room);
            }
        }
        let left = rest.len();
        let mut last = [0; 64];
        last[..left].copy_from_slice(rest);
        if stop {
            let packed = pack512(load512(&last), order);
            done += some512(packed, left / 4 * 3, spare.get_mut(done..).unwrap_or_default());
        }
        values.octets[..64].copy_from_slice(&last);
        values.count = left;
        let len = out.len() + done;
        // SAFETY: so many octets of the spare capacity were written.
        unsafe { out.set_len(len) };
    }
    *held = values.held();
    taken
}

/// The values of the octets below 128, in halves; see [`lookup`].
pub(super) static TABLE: [[u8; 64]; 2] = lookup();
/// The order of [`pack512`].
pub(super) static PACK: [u8; 64] = pack_order();

/// Packs 64 values into 48 octets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn pack512(values: __m512i, order: __m512i) -> __m512i {
    let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi32(0x0140_0140));
    let quanta = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_1000));
    _mm512_permutexvar_epi8(order, quanta)
}

/// Writes the first `count` octets, or those that there is room for; says how many.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
fn some512(octets: __m512i, count: usize, room: &mut [MaybeUninit<u8>]) -> usize {
    let count = count.min(room.len());
    // SAFETY: only the octets of the mask are written, and there is room for them.
    unsafe {
        let mask = _bzhi_u64(!0, count as u32);
        _mm512_mask_storeu_epi8(room.as_mut_ptr().cast(), mask, octets);
    }
    count
}

/// In [`lookup`]: what is not of the alphabet has the top bit, and this one if it is no line end.
const STRAY: u8 = 0x40;

/// What [`TABLE`] holds.
const fn lookup() -> [[u8; 64]; 2] {
    let mut table = [[0x80 | STRAY; 64]; 2];
    table[0][b'\r' as usize] = 0x80;
    table[0][b'\n' as usize] = 0x80;
    let mut value = 0;
    while value < 64 {
        let octet = ALPHABET[value] as usize;
        table[octet / 64][octet % 64] = value as u8;
        value += 1;
    }
    table
}

/// Each quantum holds its three octets in the order from the last to the first.
const fn pack_order() -> [u8; 64] {
    let mut order = [0; 64];
    let mut at = 0;
    while at < 48 {
        order[at] = (at / 3 * 4 + 2 - at % 3) as u8;
        at += 1;
    }
    order
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) fn avx2(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    out.reserve(room(held, text));
    let mut taken = regular::avx2(held, text, out);
    let mut values = Values::new(held);
    let mut stop = false;
    while !stop {
        // In registers: what the next step waits for.
        let mut count = values.count;
        while let Some(room) = room256(&mut values.octets, count) {
            let rest = text.get(taken..).unwrap_or_default();
            let octets = match rest.first_chunk::<32>() {
                Some(block) => load256(block),
                None => {
                    let mut last = [0; 32];
                    last[..rest.len()].copy_from_slice(rest);
                    load256(&last)
                }
            };
            let (value, marks) = values256(octets);
            let other =
                _mm256_movemask_epi8(_mm256_cmpgt_epi8(marks, _mm256_setzero_si256())) as u32;
            store256(room, value);
            if other == 0 {
                count += 32;
                taken += 32;
                continue;
            }
            // The zeros behind the text count as strays.
            let at = other.trailing_zeros() as usize;
            count += at;
            taken += at;
            match rest.get(at..) {
                Some([b'\r', b'\n', ..]) => taken += 2,
                Some([b'\r' | b'\n', ..]) => taken += 1,
                _ => {
                    stop = true;
                    break;
                }
            }
        }
        values.count = count;

        let spare = out.spare_capacity_mut();
        let (blocks, rest) = values.octets[..values.count].as_chunks::<32>();
        let mut done = 0;
        for block in blocks {
            let packed = pack256(load256(block));
            let Some(room) = spare.get_mut(done..) else { break };
            if let Some(room) = room.first_chunk_mut::<32>() {
                // SAFETY: the room is 32 octets, which may hold anything.
                unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), packed) };
                done += 24;
            } else {
                done += some256(packed, 24, room);
            }
        }
        let left = rest.len();
        let mut last = [0; 32];
        last[..left].copy_from_slice(rest);
        if stop {
            let packed = pack256(load256(&last));
            done += some256(packed, left / 4 * 3, spare.get_mut(done..).unwrap_or_default());
        }
        values.octets[..32].copy_from_slice(&last);
        values.count = left;
        let len = out.len() + done;
        // SAFETY: so many octets of the spare capacity were written.
        unsafe { out.set_len(len) };
    }
    *held = values.held();
    taken
}

/// Where the next values go, while they are not too many.
#[inline(always)]
fn room256(octets: &mut [u8; SCRATCH + 64], count: usize) -> Option<&mut [u8; 32]> {
    if count > SCRATCH - 32 { None } else { octets.get_mut(count..)?.first_chunk_mut() }
}

/// The values of 32 characters, and a mark, which is not zero, for each that is not of the alphabet.
///
/// The method is that of Muła and Lemire, "Faster Base64 Encoding and Decoding using AVX2
/// Instructions" (2018): two tables by nibble whose common bits mark what is invalid, and a third
/// one of what is to be added.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn values256(octets: __m256i) -> (__m256i, __m256i) {
    const LOW: [u8; 16] = [
        0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b,
        0x1a,
    ];
    const HIGH: [u8; 16] = [
        0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
        0x10,
    ];
    const ADD: [u8; 16] = [0, 16, 19, 4, 191, 191, 185, 185, 0, 0, 0, 0, 0, 0, 0, 0];
    let mask = _mm256_set1_epi8(0x2f);
    let high = _mm256_and_si256(_mm256_srli_epi32::<4>(octets), mask);
    let marks = _mm256_and_si256(
        _mm256_shuffle_epi8(twice(&LOW), _mm256_and_si256(octets, mask)),
        _mm256_shuffle_epi8(twice(&HIGH), high),
    );
    let slash = _mm256_cmpeq_epi8(octets, mask);
    let add = _mm256_shuffle_epi8(twice(&ADD), _mm256_add_epi8(slash, high));
    (_mm256_add_epi8(octets, add), marks)
}

/// Packs 32 values into 24 octets.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn pack256(values: __m256i) -> __m256i {
    const ORDER: [u8; 16] = [2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255];
    let pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x0140_0140));
    let quanta = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_1000));
    let halves = _mm256_shuffle_epi8(quanta, twice(&ORDER));
    _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7))
}

/// Writes the first `count` octets, or those that there is room for; says how many.
#[inline]
#[target_feature(enable = "avx2")]
fn some256(octets: __m256i, count: usize, room: &mut [MaybeUninit<u8>]) -> usize {
    let mut all = [0; 32];
    store256(&mut all, octets);
    let mut done = 0;
    for (place, octet) in room.iter_mut().zip(all).take(count) {
        place.write(octet);
        done += 1;
    }
    done
}
