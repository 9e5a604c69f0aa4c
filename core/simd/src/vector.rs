//! Octets into vector registers and back: what each module in `x86` would have to write else.

use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _MM_HINT_T0, _bzhi_u64, _mm_loadu_si128, _mm_prefetch,
    _mm256_broadcastsi128_si256, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_storeu_si256,
    _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_storeu_si512,
};

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn load128(octets: &[u8; 16]) -> __m128i {
    // SAFETY: 16 octets are there, and the load needs no alignment.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn load256(octets: &[u8; 32]) -> __m256i {
    // SAFETY: 32 octets are there, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
}

/// Asks for the 64 octets around offset `at` of `text`, which may be behind its end, so that they are
/// near when they are looked at. Nobody waits for them.
#[inline(always)]
pub(crate) fn fetch(text: &[u8], at: usize) {
    // SAFETY: nothing is read or written, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(text.as_ptr().wrapping_add(at).cast()) };
}

/// A block of 64 octets in two registers.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn halves(octets: &[u8; 64]) -> [__m256i; 2] {
    // SAFETY: 32 octets from 0 and from 32 on are within 64, and the loads need no alignment.
    unsafe {
        let octets = octets.as_ptr();
        [_mm256_loadu_si256(octets.cast()), _mm256_loadu_si256(octets.add(32).cast())]
    }
}

/// The top bits of the 64 octets of two registers.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn bits(halves: [__m256i; 2]) -> u64 {
    let [low, high] = halves.map(|half| u64::from(_mm256_movemask_epi8(half) as u32));
    low | high << 32
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load512(octets: &[u8; 64]) -> __m512i {
    // SAFETY: 64 octets are there, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(octets.as_ptr().cast()) }
}

/// The first 64 octets, or those that there are and NULs behind them; and a bit for each that is
/// there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(crate) fn load512_some(octets: &[u8]) -> (__m512i, u64) {
    let there = _bzhi_u64(!0, octets.len().min(64) as u32);
    // SAFETY: only the octets whose bits are set are read, and so many are there.
    (unsafe { _mm512_maskz_loadu_epi8(there, octets.as_ptr().cast()) }, there)
}

/// A table for the shuffle of each half.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn twice(table: &[u8; 16]) -> __m256i {
    _mm256_broadcastsi128_si256(load128(table))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn store256(room: &mut [u8; 32], octets: __m256i) {
    // SAFETY: the room is 32 octets, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), octets) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store512(room: &mut [u8; 64], octets: __m512i) {
    // SAFETY: the room is 64 octets, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), octets) }
}
