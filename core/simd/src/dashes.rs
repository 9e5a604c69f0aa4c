//! Bodies: where a MIME delimiter may stand, and how many lines there are.

use crate::cpu::{self, Cpu};

/// What [`find_counting`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The offset of the LF of the first `\n--`; `None` if there is none.
    pub at: Option<usize>,
    /// How many LF stand up to that one, which counts too, or in all of the text.
    pub lines: usize,
}

/// The offset of the LF of the first `\n--` in `text`.
#[must_use]
pub fn find(text: &[u8]) -> Option<usize> {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::find_avx512::<false>(text).at },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::find_avx2::<false>(text).at },
        _ => plain::find(text).at,
    }
}

/// As [`find`]; the lines that it passes are counted in the same go.
///
/// ```
/// use posthaste_simd::dashes::find_counting;
///
/// let found = find_counting(b"one\ntwo\n--three\n");
/// assert_eq!((found.at, found.lines), (Some(7), 2));
/// ```
#[must_use]
pub fn find_counting(text: &[u8]) -> Found {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::find_avx512::<true>(text) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::find_avx2::<true>(text) },
        _ => plain::find(text),
    }
}

/// How many LF stand in `text`.
#[must_use]
pub fn lines(text: &[u8]) -> usize {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::lines_avx512(text) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::lines_avx2(text) },
        _ => plain::lines(text),
    }
}

/// The forms that work everywhere.
mod plain {
    use memchr::{memchr_iter, memmem};

    use super::Found;

    pub(super) fn find(text: &[u8]) -> Found {
        let at = memmem::find(text, b"\n--");
        Found { at, lines: lines(at.and_then(|at| text.get(..=at)).unwrap_or(text)) }
    }

    pub(super) fn lines(text: &[u8]) -> usize {
        memchr_iter(b'\n', text).count()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    use super::Found;
    use crate::vector::{bits, halves, load256, load512, load512_some};

    /// So many octets are passed at once if there is no `-` among them.
    const GROUP: usize = 256;
    /// Where there was one, the rest of a stretch is not tried.
    const STRETCH: usize = 8 * GROUP;
    /// So many octets are looked at one block after the other first.
    const NEAR: usize = 192;

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn find_avx2<const COUNT: bool>(text: &[u8]) -> Found {
        let is = |octets, octet: u8| _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(octet as i8));
        let passed = |group: &[u8; GROUP]| {
            let mut any = _mm256_setzero_si256();
            let mut lanes = _mm256_setzero_si256();
            for octets in group.as_chunks().0 {
                let octets = load256(octets);
                any = _mm256_or_si256(any, is(octets, b'-'));
                if COUNT {
                    lanes = _mm256_sub_epi8(lanes, is(octets, b'\n'));
                }
            }
            let none = _mm256_testz_si256(any, any) == 1;
            none.then(|| if COUNT { sum(lanes) } else { 0 })
        };
        let marks = |octets: &[u8; 64]| {
            let octets = halves(octets);
            let of = |octet| bits(octets.map(|half| is(half, octet)));
            (of(b'\n'), of(b'-'))
        };
        find::<COUNT>(text, passed, marks)
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn find_avx512<const COUNT: bool>(text: &[u8]) -> Found {
        let is = |octets, octet: u8| _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(octet as i8));
        let passed = |group: &[u8; GROUP]| {
            // The least of all is 0 where one was `-`: one mask is made and not four.
            let mut least = _mm512_set1_epi8(-1);
            let mut lines = 0;
            for octets in group.as_chunks().0 {
                let octets = load512(octets);
                if COUNT {
                    lines += is(octets, b'\n').count_ones() as usize;
                }
                let other = _mm512_xor_si512(octets, _mm512_set1_epi8(b'-' as i8));
                least = _mm512_min_epu8(least, other);
            }
            (_mm512_testn_epi8_mask(least, least) == 0).then_some(lines)
        };
        let marks = |octets: &[u8; 64]| {
            let octets = load512(octets);
            (is(octets, b'\n'), is(octets, b'-'))
        };
        find::<COUNT>(text, passed, marks)
    }

    /// `passed` says how many LF a group holds that has no `-`; `marks` gives the places of LF and `-`
    /// in a block. Each octet is loaded once: only `\n-` is looked for in all places. What has it is
    /// rare, and then the octet behind it is looked at.
    #[inline(always)]
    fn find<const COUNT: bool>(
        text: &[u8],
        passed: impl Fn(&[u8; GROUP]) -> Option<usize>,
        marks: impl Fn(&[u8; 64]) -> (u64, u64),
    ) -> Found {
        let mut walk = Walk { at: 0, lines: 0, after_lf: 0 };
        // What is near is found without a group, which may end far behind it.
        let (near, far) = text.split_at(text.len().min(NEAR));
        if let Some(found) = walk.blocks::<COUNT>(text, near, &marks) {
            return found;
        }
        for mut rest in far.chunks(STRETCH) {
            while let Some((group, behind)) = rest.split_first_chunk()
                && let Some(lines) = passed(group)
            {
                walk.lines += lines;
                walk.at += GROUP;
                rest = behind;
            }
            let before = walk.at.checked_sub(1).and_then(|before| text.get(before));
            walk.after_lf = u64::from(before == Some(&b'\n'));
            if let Some(found) = walk.blocks::<COUNT>(text, rest, &marks) {
                return found;
            }
        }
        Found { at: None, lines: walk.lines }
    }

    /// What is known at the start of a block.
    struct Walk {
        at: usize,
        lines: usize,
        /// 1 if the octet before it is LF.
        after_lf: u64,
    }

    impl Walk {
        /// Looks at each block of what comes next in the text.
        #[inline(always)]
        fn blocks<const COUNT: bool>(
            &mut self,
            text: &[u8],
            next: &[u8],
            marks: impl Fn(&[u8; 64]) -> (u64, u64),
        ) -> Option<Found> {
            let (blocks, last) = next.as_chunks();
            for octets in blocks {
                let found = self.step::<COUNT>(text, marks(octets));
                if found.is_some() {
                    return found;
                }
            }
            if last.is_empty() {
                return None;
            }
            let mut block = [0; 64];
            block[..last.len()].copy_from_slice(last);
            self.step::<COUNT>(text, marks(&block))
        }

        /// Takes the places of LF and `-` in the next block.
        #[inline(always)]
        fn step<const COUNT: bool>(
            &mut self,
            text: &[u8],
            (lf, dash): (u64, u64),
        ) -> Option<Found> {
            let behind = (lf << 1 | self.after_lf) & dash;
            if behind != 0
                && let Some(at) = delimiter(text, self.at, behind)
            {
                let passed = (lf & !(!0 << (at + 1 - self.at))).count_ones();
                return Some(Found { at: Some(at), lines: self.lines + passed as usize });
            }
            if COUNT {
                self.lines += lf.count_ones() as usize;
            }
            self.after_lf = lf >> 63;
            self.at += 64;
            None
        }
    }

    /// The offset of the LF before the first of the `-` in the block at `at` that has another behind
    /// it.
    #[inline(never)]
    fn delimiter(text: &[u8], at: usize, mut dashes: u64) -> Option<usize> {
        while dashes != 0 {
            let dash = at + dashes.trailing_zeros() as usize;
            if text.get(dash + 1) == Some(&b'-') {
                return Some(dash - 1);
            }
            dashes &= dashes - 1;
        }
        None
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn ends(octets: __m256i) -> __m256i {
        _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b'\n' as i8))
    }

    /// The sum of 32 lanes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sum(lanes: __m256i) -> usize {
        let sums = _mm256_sad_epu8(lanes, _mm256_setzero_si256());
        (_mm256_extract_epi64::<0>(sums)
            + _mm256_extract_epi64::<1>(sums)
            + _mm256_extract_epi64::<2>(sums)
            + _mm256_extract_epi64::<3>(sums)) as usize
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn lines_avx2(text: &[u8]) -> usize {
        let (blocks, rest) = text.as_chunks::<64>();
        let mut total = 0;
        // A lane counts to 255 at most: 2 for each block.
        for some in blocks.chunks(127) {
            let mut lanes = _mm256_setzero_si256();
            for octets in some {
                for half in halves(octets) {
                    lanes = _mm256_sub_epi8(lanes, ends(half));
                }
            }
            total += sum(lanes);
        }
        // The end is looked at from behind, without what was counted.
        let Some(last) = text.last_chunk() else {
            let mut last = [0; 64];
            if let Some(room) = last.get_mut(..rest.len()) {
                room.copy_from_slice(rest);
            }
            return bits(halves(&last).map(|half| ends(half))).count_ones() as usize;
        };
        let lf = bits(halves(last).map(|half| ends(half)));
        total + lf.checked_shr(64 - rest.len() as u32).unwrap_or_default().count_ones() as usize
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn lines_avx512(text: &[u8]) -> usize {
        let lf = _mm512_set1_epi8(b'\n' as i8);
        let (blocks, rest) = text.as_chunks::<64>();
        let mut total = 0;
        for octets in blocks {
            total += _mm512_cmpeq_epi8_mask(load512(octets), lf).count_ones() as usize;
        }
        let (last, _) = load512_some(rest);
        total + _mm512_cmpeq_epi8_mask(last, lf).count_ones() as usize
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> Vec<(Found, usize)> {
        let mut all =
            vec![(plain::find(text), plain::lines(text)), (find_counting(text), lines(text))];
        assert_eq!(find(text), plain::find(text).at);
        #[cfg(target_arch = "x86_64")]
        {
            if cpu::cpu() >= Cpu::Avx2 {
                // SAFETY: the processor has AVX2.
                all.push(unsafe { (x86::find_avx2::<true>(text), x86::lines_avx2(text)) });
                // SAFETY: as above.
                assert_eq!(unsafe { x86::find_avx2::<false>(text).at }, plain::find(text).at);
            }
            if cpu::cpu() >= Cpu::Avx512 {
                // SAFETY: the processor has AVX-512.
                all.push(unsafe { (x86::find_avx512::<true>(text), x86::lines_avx512(text)) });
                // SAFETY: as above.
                assert_eq!(unsafe { x86::find_avx512::<false>(text).at }, plain::find(text).at);
            }
        }
        all
    }

    /// A delimiter is found wherever it stands, over the seams of blocks and at both ends.
    #[test]
    fn at_each_place() {
        for len in 0..300 {
            for at in 0..len {
                let mut text = vec![b'x'; len];
                let end = (at + 3).min(len);
                text[at..end].copy_from_slice(&b"\n--"[..end - at]);
                let found = (at + 3 <= len).then_some(at);
                for (seen, count) in all(&text) {
                    assert_eq!((seen.at, seen.lines, count), (found, 1, 1), "{at} of {len}");
                }
            }
        }
    }

    /// The same around the seams of groups and stretches, with and without dashes before it.
    #[test]
    fn at_the_seams_of_groups() {
        let seams = [192, 192 + 256, 192 + 2048, 192 + 2048 + 256, 192 + 4096];
        for seam in seams {
            for at in seam - 66..seam + 66 {
                for dash in [None, Some(5), Some(200), Some(seam - 70), Some(2300)] {
                    for len in [at + 2, at + 3, at + 70, 6000] {
                        let mut text = vec![b'x'; len];
                        if let Some(octet) = dash.and_then(|dash| text.get_mut(dash)) {
                            *octet = b'-';
                        }
                        let end = (at + 3).min(len);
                        text[at..end].copy_from_slice(&b"\n--"[..end - at]);
                        let found = (at + 3 <= len).then_some(at);
                        for (seen, count) in all(&text) {
                            assert_eq!((seen.at, seen.lines, count), (found, 1, 1), "{at} {len}");
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_form_finds_the_same(
            text in prop::collection::vec(prop::sample::select(b"\n\n\n---\r a".to_vec()), 0..400),
            long in prop::collection::vec(prop::sample::select(b"\na -".to_vec()), 0..9),
            stretch in 0_usize..200, start in 0_usize..70,
        ) {
            let mut whole = text;
            for octet in long {
                whole.extend(std::iter::repeat_n(b'x', stretch));
                whole.push(octet);
            }
            let all = all(whole.get(start..).unwrap_or_default());
            for other in &all {
                prop_assert_eq!(other, &all[0]);
            }
        }
    }
}
