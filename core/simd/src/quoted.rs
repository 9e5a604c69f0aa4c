//! Quoted strings written: [`quote`].

use alloc::vec::Vec;

use crate::cpu::{self, Cpu};

/// Appends `text` between quotes, if each octet of it stands for itself there: those of US-ASCII that
/// are no control below the space, no quote and no backslash. Tells whether it did; if not, `out`
/// stays as it was.
///
/// ```
/// use posthaste_simd::quoted::quote;
///
/// let mut out = vec![];
/// assert!(quote(&mut out, b"text"));
/// assert!(!quote(&mut out, b"5\" disk"));
/// assert_eq!(out, b"\"text\"");
/// ```
#[inline]
#[must_use]
pub fn quote(out: &mut Vec<u8>, text: &[u8]) -> bool {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::quote_avx512(out, text) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::quote_avx2(out, text) },
        _ => plain(out, text),
    }
}

/// The form that works everywhere.
fn plain(out: &mut Vec<u8>, text: &[u8]) -> bool {
    // Without a way out of the loop it runs on vectors.
    let stands = text.iter().fold(true, |all, octet| all & stands(*octet));
    if stands {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }
    stands
}

/// Whether an octet stands for itself in a quoted string.
fn stands(octet: u8) -> bool {
    (b' '..0x80).contains(&octet) & (octet != b'"') & (octet != b'\\')
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use alloc::vec::Vec;
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm512_mask_cmpeq_epi8_mask, _mm512_mask_cmplt_epi8_mask,
        _mm512_mask_storeu_epi8, _mm512_set1_epi8,
    };

    use crate::vector::{load128, load256, load512_some};

    const QUOTE: i8 = b'"' as i8;
    const BACKSLASH: i8 = b'\\' as i8;
    const SPACE: i8 = b' ' as i8;

    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    pub(super) fn quote_avx512(out: &mut Vec<u8>, text: &[u8]) -> bool {
        out.reserve(text.len() + 2);
        let room = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        let mut at = 0;
        while at < text.len() {
            let (octets, there) = load512_some(&text[at..]);
            // Octets above 127 are below all others, as numbers with a sign.
            let odd = _mm512_mask_cmplt_epi8_mask(there, octets, _mm512_set1_epi8(SPACE))
                | _mm512_mask_cmpeq_epi8_mask(there, octets, _mm512_set1_epi8(QUOTE))
                | _mm512_mask_cmpeq_epi8_mask(there, octets, _mm512_set1_epi8(BACKSLASH));
            if odd != 0 {
                return false;
            }
            // SAFETY: only the octets whose bits are set are written: those up to the length of the
            // text behind the first of the reserved room.
            unsafe { _mm512_mask_storeu_epi8(room.add(1 + at).cast(), there, octets) };
            at += there.count_ones() as usize;
        }
        // SAFETY: `text.len()` octets were written behind the first of the room.
        unsafe { close(out, text.len()) };
        true
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn quote_avx2(out: &mut Vec<u8>, text: &[u8]) -> bool {
        if !stands(text) {
            return false;
        }
        out.reserve(text.len() + 2);
        let room = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: the room is reserved, and no part of `text`, as `out` is borrowed alone.
        unsafe {
            room.add(1).copy_from_nonoverlapping(text.as_ptr(), text.len());
            close(out, text.len());
        }
        true
    }

    /// Puts quotes around the `len` octets behind the first one that `out` has room for.
    ///
    /// # Safety
    /// `out` has room for `len + 2` octets, and those between the quotes are written.
    #[inline]
    unsafe fn close(out: &mut Vec<u8>, len: usize) {
        let room = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: the caller reserved the room and wrote what stands between.
        unsafe {
            room.write(b'"');
            room.add(len + 1).write(b'"');
            out.set_len(out.len() + len + 2);
        }
    }

    /// Whether each octet of `text` stands for itself in a quoted string.
    #[target_feature(enable = "avx2")]
    fn stands(text: &[u8]) -> bool {
        // The end is looked at from behind, some of its octets twice.
        if let Some(last) = text.last_chunk() {
            let (blocks, _) = text.as_chunks();
            return blocks.iter().all(|block| wide(block) == 0) && wide(last) == 0;
        }
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            return narrow(load128(first)) | narrow(load128(last)) == 0;
        }
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let (first, last) = (i64::from_le_bytes(*first), i64::from_le_bytes(*last));
            return narrow(_mm_set_epi64x(last, first)) == 0;
        }
        text.iter().fold(true, |all, octet| all & super::stands(*octet))
    }

    /// Which of 32 octets do not stand for themselves.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn wide(octets: &[u8; 32]) -> i32 {
        let octets = load256(octets);
        let low = _mm256_cmpgt_epi8(_mm256_set1_epi8(SPACE), octets);
        let quote = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(QUOTE));
        let backslash = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(BACKSLASH));
        _mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, backslash)))
    }

    /// Which of 16 octets do not stand for themselves.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn narrow(octets: __m128i) -> i32 {
        let low = _mm_cmpgt_epi8(_mm_set1_epi8(SPACE), octets);
        let quote = _mm_cmpeq_epi8(octets, _mm_set1_epi8(QUOTE));
        let backslash = _mm_cmpeq_epi8(octets, _mm_set1_epi8(BACKSLASH));
        _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    /// What each form makes of `text` behind other octets, in storage that is full and in some that
    /// is not.
    fn all(text: &[u8]) -> Vec<Option<Vec<u8>>> {
        type Form = fn(&mut Vec<u8>, &[u8]) -> bool;
        let mut forms: Vec<Form> = vec![plain, quote];
        #[cfg(target_arch = "x86_64")]
        {
            if cpu::cpu() >= Cpu::Avx2 {
                // SAFETY: the processor has AVX2.
                forms.push(|out, text| unsafe { x86::quote_avx2(out, text) });
            }
            if cpu::cpu() >= Cpu::Avx512 {
                // SAFETY: the processor has AVX-512.
                forms.push(|out, text| unsafe { x86::quote_avx512(out, text) });
            }
        }
        let runs = forms.iter().flat_map(|form| [3, 500].map(|room| (form, room)));
        let made = runs.map(|(form, room)| {
            let mut out = Vec::with_capacity(room);
            out.extend_from_slice(b"---");
            let wrote = form(&mut out, text);
            let made = out.strip_prefix(b"---").expect("what was there stays").to_vec();
            assert!(wrote || made.is_empty());
            wrote.then_some(made)
        });
        made.collect()
    }

    #[test]
    fn one_octet_decides() {
        for octet in 0..=255 {
            for (len, at) in [(1, 0), (7, 6), (9, 8), (20, 4), (40, 39), (40, 0), (70, 66)] {
                let mut text = vec![b'x'; len];
                text[at] = octet;
                let expected = stands(octet).then(|| [b"\"", text.as_slice(), b"\""].concat());
                assert!(all(&text).iter().all(|made| *made == expected), "{octet} {len} {at}");
            }
        }
        assert!(all(b"").iter().all(|made| made.as_deref() == Some(b"\"\"")));
    }

    proptest! {
        #[test]
        fn every_form_writes_the_same(
            mut text in prop::collection::vec(b' '..b'~', 0..200),
            odd in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            text.iter_mut().filter(|octet| !stands(**octet)).for_each(|octet| *octet = b'x');
            if let Some((at, octet)) = odd && !text.is_empty() {
                let at = at.index(text.len());
                text[at] = octet;
            }
            let made = all(&text);
            prop_assert!(made.iter().all(|one| *one == made[0]));
            prop_assert_eq!(made[0].is_some(), text.iter().all(|octet| stands(*octet)));
        }
    }
}
