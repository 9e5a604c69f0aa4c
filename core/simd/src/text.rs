//! Octets as text: [`utf8`], and [`ascii`], which is its short way.

use core::str::Utf8Error;

use crate::cpu::{self, Cpu};

/// What [`core::str::from_utf8`] gives, sooner: most of all where all octets are US-ASCII.
///
/// # Errors
/// Where the octets stop to be UTF-8.
///
/// ```
/// use posthaste_simd::text::utf8;
///
/// assert_eq!(utf8(b"Subject"), Ok("Subject"));
/// assert_eq!(utf8(b"Gr\xfc\xdfe").unwrap_err().valid_up_to(), 2);
/// ```
#[inline]
pub fn utf8(octets: &[u8]) -> Result<&str, Utf8Error> {
    if let Some(text) = ascii(octets) {
        return Ok(text);
    }
    if is_long_utf8(octets) {
        // SAFETY: it was looked at just now.
        return Ok(unsafe { core::str::from_utf8_unchecked(octets) });
    }
    core::str::from_utf8(octets)
}

/// Whether the octets are UTF-8 and so many that vectors are worth it.
#[inline]
fn is_long_utf8(octets: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if octets.len() >= LONG && cpu::cpu() >= Cpu::Avx2 {
        // SAFETY: the processor has AVX2.
        return unsafe { simdutf8::compat::imp::x86::avx2::validate_utf8(octets).is_ok() };
    }
    false
}

/// Shorter text is looked at by the standard library.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 64;

/// The text of octets that are all US-ASCII; `None` if one is above 127.
#[inline]
#[must_use]
pub fn ascii(octets: &[u8]) -> Option<&str> {
    // SAFETY: what is US-ASCII is UTF-8.
    is_ascii(octets).then(|| unsafe { core::str::from_utf8_unchecked(octets) })
}

/// Whether there are only octets up to 127.
#[inline]
fn is_ascii(octets: &[u8]) -> bool {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::is_ascii_avx512(octets) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::is_ascii_avx2(octets) },
        _ => octets.is_ascii(),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        _mm_movemask_epi8, _mm_or_si128, _mm256_movemask_epi8, _mm256_or_si256,
        _mm512_movepi8_mask, _mm512_or_si512,
    };

    use crate::vector::{load128, load256, load512, load512_some};

    #[target_feature(enable = "avx2")]
    pub(super) fn is_ascii_avx2(octets: &[u8]) -> bool {
        // The end is looked at from behind, some of its octets twice.
        let Some(last) = octets.last_chunk() else {
            let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) else {
                return octets.is_ascii();
            };
            return _mm_movemask_epi8(_mm_or_si128(load128(first), load128(last))) == 0;
        };
        let (blocks, rest) = octets.as_chunks::<128>();
        for block in blocks {
            let (quarters, _) = block.as_chunks();
            let [a, b, c, d] = quarters else { return false };
            let (low, high) =
                (_mm256_or_si256(load256(a), load256(b)), _mm256_or_si256(load256(c), load256(d)));
            if _mm256_movemask_epi8(_mm256_or_si256(low, high)) != 0 {
                return false;
            }
        }
        let (some, _) = rest.as_chunks();
        let last = load256(last);
        let all = some.iter().fold(last, |all, some| _mm256_or_si256(all, load256(some)));
        _mm256_movemask_epi8(all) == 0
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn is_ascii_avx512(octets: &[u8]) -> bool {
        let (blocks, rest) = octets.as_chunks::<256>();
        for block in blocks {
            let (quarters, _) = block.as_chunks();
            let [a, b, c, d] = quarters else { return false };
            let (low, high) =
                (_mm512_or_si512(load512(a), load512(b)), _mm512_or_si512(load512(c), load512(d)));
            if _mm512_movepi8_mask(_mm512_or_si512(low, high)) != 0 {
                return false;
            }
        }
        let (some, rest) = rest.as_chunks();
        let (last, _) = load512_some(rest);
        let all = some.iter().fold(last, |all, some| _mm512_or_si512(all, load512(some)));
        _mm512_movepi8_mask(all) == 0
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn all(octets: &[u8]) -> Vec<bool> {
        let mut all = vec![octets.is_ascii(), is_ascii(octets)];
        #[cfg(target_arch = "x86_64")]
        {
            if cpu::cpu() >= Cpu::Avx2 {
                // SAFETY: the processor has AVX2.
                all.push(unsafe { x86::is_ascii_avx2(octets) });
            }
            if cpu::cpu() >= Cpu::Avx512 {
                // SAFETY: the processor has AVX-512.
                all.push(unsafe { x86::is_ascii_avx512(octets) });
            }
        }
        all
    }

    /// One octet above 127 is seen wherever it stands.
    #[test]
    fn each_place_is_looked_at() {
        for len in 0..600 {
            let mut octets = vec![b'a'; len];
            assert_eq!(all(&octets), vec![true; all(b"").len()], "{len}");
            for at in 0..len {
                octets[at] = 0x80;
                assert!(!all(&octets).contains(&true), "{at} of {len}");
                octets[at] = b'a';
            }
        }
    }

    proptest! {
        #[test]
        fn text_is_what_the_standard_library_says(
            text in ".{0,120}", broken in prop::collection::vec(any::<u8>(), 0..4),
            fill in 0_usize..300, at: prop::sample::Index,
        ) {
            let mut octets = vec![b'a'; fill];
            octets.extend_from_slice(text.as_bytes());
            let at = at.index(octets.len() + 1);
            octets.splice(at..at, broken);
            prop_assert_eq!(utf8(&octets), core::str::from_utf8(&octets));
            prop_assert_eq!(ascii(&octets), utf8(&octets).ok().filter(|text| text.is_ascii()));
        }
    }
}
