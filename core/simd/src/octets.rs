//! Which octets are of a set: where the words of a structured field end.
//!
//! | item | is |
//! |---|---|
//! | [`Set`] | some octets of US-ASCII |
//! | [`members`] | which of the next 64 octets are in a set |

use crate::cpu::{self, Cpu};

/// How many octets one call of [`members`] looks at.
pub const BLOCK: usize = 64;

/// Some octets of US-ASCII.
///
/// ```
/// use posthaste_simd::octets::{Set, members};
///
/// static BLANKS: Set = Set::of(b" \t\r\n");
/// assert_eq!(members(b"by mx.example.org\r\n", &BLANKS), 0b110_0000_0000_0000_0100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// By the low four bits of an octet: for which of its high bits it is in the set.
    rows: [u8; 16],
}

impl Set {
    /// The set of `octets`; those above 127 are left out.
    #[must_use]
    pub const fn of(octets: &[u8]) -> Self {
        let (mut rows, mut at) = ([0; 16], 0);
        while at < octets.len() {
            let octet = octets[at];
            if octet.is_ascii() {
                rows[octet as usize & 15] |= 1 << (octet >> 4);
            }
            at += 1;
        }
        Self { rows }
    }

    /// Whether `octet` is in it.
    #[inline]
    #[must_use]
    pub const fn has(&self, octet: u8) -> bool {
        octet.is_ascii() && self.rows[octet as usize & 15] >> (octet >> 4) & 1 == 1
    }
}

/// Which of the first [`BLOCK`] octets of `text` are in `set`: the lowest bit is that of the first
/// octet. The bits of octets behind the end are 0.
#[inline]
#[must_use]
pub fn members(text: &[u8], set: &Set) -> u64 {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::members_avx512(text, set) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::members_avx2(text, set) },
        _ => plain(text, set),
    }
}

/// The form that works everywhere.
fn plain(text: &[u8], set: &Set) -> u64 {
    let octets = text.iter().take(BLOCK).enumerate();
    octets.fold(0, |bits, (at, octet)| bits | u64::from(set.has(*octet)) << at)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m128i, __m256i, _mm_and_si128, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x,
        _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16, _mm256_and_si256,
        _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_srli_epi16, _mm512_and_si512, _mm512_broadcast_i32x4,
        _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_test_epi8_mask,
    };

    use super::{BLOCK, Set, plain};
    use crate::vector::{load128, load256, load512_some, twice};

    /// By the high four bits of an octet: its bit in [`Set::rows`].
    const COLUMNS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];

    /// Which of 32 octets are in the set.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn wide(octets: __m256i, set: &Set) -> u64 {
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(octets), _mm256_set1_epi8(15));
        // Octets above 127 have no row.
        let row = _mm256_shuffle_epi8(twice(&set.rows), octets);
        let column = _mm256_shuffle_epi8(twice(&COLUMNS), high);
        let out = _mm256_cmpeq_epi8(_mm256_and_si256(row, column), _mm256_setzero_si256());
        u64::from(!_mm256_movemask_epi8(out) as u32)
    }

    /// Which of 16 octets are in the set.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow(octets: __m128i, set: &Set) -> u64 {
        let high = _mm_and_si128(_mm_srli_epi16::<4>(octets), _mm_set1_epi8(15));
        let row = _mm_shuffle_epi8(load128(&set.rows), octets);
        let column = _mm_shuffle_epi8(load128(&COLUMNS), high);
        let out = _mm_cmpeq_epi8(_mm_and_si128(row, column), _mm_setzero_si128());
        u64::from(!_mm_movemask_epi8(out) as u16)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn members_avx2(text: &[u8], set: &Set) -> u64 {
        let text = text.get(..BLOCK).unwrap_or(text);
        let len = text.len();
        // The end is looked at from behind, some of its octets twice.
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            return wide(load256(first), set) | wide(load256(last), set) << (len - 32);
        }
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            return narrow(load128(first), set) | narrow(load128(last), set) << (len - 16);
        }
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let (first, last) = (i64::from_le_bytes(*first), i64::from_le_bytes(*last));
            let both = narrow(_mm_set_epi64x(last, first), set);
            return (both & 0xff) | both >> 8 << (len - 8);
        }
        plain(text, set)
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn members_avx512(text: &[u8], set: &Set) -> u64 {
        let (octets, there) = load512_some(text);
        let high = _mm512_and_si512(_mm512_srli_epi16::<4>(octets), _mm512_set1_epi8(15));
        let row = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(load128(&set.rows)), octets);
        let column = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(load128(&COLUMNS)), high);
        // What was not read is NUL, which may be in the set.
        _mm512_test_epi8_mask(row, column) & there
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8], set: &Set) -> Vec<u64> {
        let mut all = vec![plain(text, set), members(text, set)];
        #[cfg(target_arch = "x86_64")]
        {
            if cpu::cpu() >= Cpu::Avx2 {
                // SAFETY: the processor has AVX2.
                all.push(unsafe { x86::members_avx2(text, set) });
            }
            if cpu::cpu() >= Cpu::Avx512 {
                // SAFETY: the processor has AVX-512.
                all.push(unsafe { x86::members_avx512(text, set) });
            }
        }
        all
    }

    #[test]
    fn a_set_has_its_octets() {
        let set = Set::of(b"\0 ,\x7f\x80\xff");
        for octet in 0..=255 {
            assert_eq!(set.has(octet), b"\0 ,\x7f".contains(&octet), "{octet}");
            let text = [octet; 70];
            for len in 0..70 {
                let there = u64::MAX.checked_shr(64 - len.min(64) as u32).unwrap_or_default();
                let bits = if set.has(octet) { there } else { 0 };
                assert!(
                    all(&text[..len], &set).iter().all(|found| *found == bits),
                    "{octet} {len}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_form_finds_the_same(
            set in prop::collection::vec(any::<u8>(), 0..9),
            text in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b" ab(".to_vec())], 0..130),
            picked in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
            start in 0_usize..70,
        ) {
            let text = text.get(start..).unwrap_or_default();
            let some = picked.iter().filter(|_| !text.is_empty()).map(|at| *at.get(text));
            let set: Vec<u8> = set.into_iter().chain(some).collect();
            let all = all(text, &Set::of(&set));
            for found in &all {
                prop_assert_eq!(*found, all[0]);
            }
            for (at, octet) in text.iter().take(BLOCK).enumerate() {
                prop_assert_eq!(all[0] >> at & 1 == 1, octet.is_ascii() && set.contains(octet));
            }
        }
    }
}
