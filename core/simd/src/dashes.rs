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
    use crate::vector::{bits, fetch, halves, load256, load512, load512_some};

    /// So many octets are passed at once where there is no `-` among them.
    pub(super) const GROUP: usize = 256;
    /// So many octets are looked at block by block at first: what is near is found without a group,
    /// which may end far behind it.
    pub(super) const NEAR: usize = 448;
    /// And so many where there was a `-`: the next ones are not far.
    pub(super) const STRETCH: usize = 2048;
    /// So far ahead octets are fetched: a long body comes from farther than the processor looks ahead
    /// by itself, which ends with a page.
    const AHEAD: usize = 4096;

    /// Finds and counts by groups as far as they can be `passed`, which says how many LF they hold, and
    /// else as `exact` does.
    #[inline(always)]
    fn find(
        text: &[u8],
        exact: impl Fn(&[u8]) -> Found,
        passed: impl Fn(&[u8; GROUP]) -> Option<usize>,
    ) -> Found {
        let (mut at, mut lines, mut next) = (0, 0, NEAR);
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let some = rest.get(..next).unwrap_or(rest);
            let found = exact(some);
            lines += found.lines;
            if let Some(place) = found.at {
                return Found { at: Some(at + place), lines };
            }
            at += some.len();
            if at >= text.len() {
                return Found { at: None, lines };
            }
            if let Some(place) = over_the_seam(text, at) {
                return Found { at: Some(place), lines };
            }
            while let Some(group) = text.get(at..).and_then(|rest| rest.first_chunk())
                && let Some(more) = passed(group)
            {
                for line in 0..GROUP / 64 {
                    fetch(text, at + AHEAD + line * 64);
                }
                lines += more;
                at += GROUP;
            }
            if let Some(place) = over_the_seam(text, at) {
                return Found { at: Some(place), lines };
            }
            next = STRETCH;
        }
    }

    /// The offset of a `\n--` that starts before `seam` and ends behind it.
    #[inline(always)]
    fn over_the_seam(text: &[u8], seam: usize) -> Option<usize> {
        let start = seam.checked_sub(2)?;
        match text.get(start..)? {
            [b'\n', b'-', b'-', ..] => Some(start),
            [_, b'\n', b'-', b'-', ..] => Some(start + 1),
            _ => None,
        }
    }

    /// The first 64 octets.
    #[inline(always)]
    fn first(octets: &[u8]) -> &[u8; 64] {
        octets.first_chunk().unwrap_or(&[0; 64])
    }

    /// The last octets with zeros behind them.
    #[inline(always)]
    fn padded(rest: &[u8]) -> [u8; 128] {
        let mut last = [0; 128];
        if let Some(room) = last.get_mut(..rest.len()) {
            room.copy_from_slice(rest);
        }
        last
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn find_avx2<const COUNT: bool>(text: &[u8]) -> Found {
        // To count is most of the work: a group would save nothing.
        if COUNT {
            return exact_avx2::<true>(text);
        }
        let dash = _mm256_set1_epi8(b'-' as i8);
        find(
            text,
            |text| exact_avx2::<false>(text),
            |group| {
                let any = group.as_chunks().0.iter().fold(_mm256_setzero_si256(), |any, octets| {
                    _mm256_or_si256(any, _mm256_cmpeq_epi8(load256(octets), dash))
                });
                (_mm256_testz_si256(any, any) == 1).then_some(0)
            },
        )
    }

    /// Each octet is loaded with the two behind it, so that a block has nothing but vectors.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn exact_avx2<const COUNT: bool>(text: &[u8]) -> Found {
        let (blocks, _) = text.as_chunks::<64>();
        let (second, _) = text.get(1..).unwrap_or_default().as_chunks::<64>();
        let (third, _) = text.get(2..).unwrap_or_default().as_chunks::<64>();
        let (mut at, mut lines, mut lanes) = (0, 0, _mm256_setzero_si256());
        for ((a, b), c) in blocks.iter().zip(second).zip(third) {
            let found = block(a, b, c);
            if found != 0 {
                let place = found.trailing_zeros();
                lines += if COUNT { sum(lanes) + passed(a, place) } else { 0 };
                return Found { at: Some(at + place as usize), lines };
            }
            at += 64;
            if COUNT {
                let [low, high] = halves(a).map(|half| ends(half));
                lanes = _mm256_sub_epi8(lanes, _mm256_add_epi8(low, high));
                // A lane counts to 255 at most: 2 for each block.
                if at % (64 * 64) == 0 {
                    lines += sum(lanes);
                    lanes = _mm256_setzero_si256();
                }
            }
        }
        // What is left is 65 octets at most.
        let last = padded(text.get(at..).unwrap_or_default());
        let shifted = |by: usize| first(last.get(by..).unwrap_or_default());
        let found = block(shifted(0), shifted(1), shifted(2));
        let place = (found != 0).then_some(found.trailing_zeros());
        if COUNT {
            lines += sum(lanes) + passed(shifted(0), place.unwrap_or(63));
            // The octet behind the block, where there is one.
            lines += usize::from(place.is_none() && last[64] == b'\n');
        }
        Found { at: place.map(|place| at + place as usize), lines }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn ends(octets: __m256i) -> __m256i {
        _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b'\n' as i8))
    }

    /// Where in a block a delimiter may stand; `b` and `c` are the octets one and two further.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn block(a: &[u8; 64], b: &[u8; 64], c: &[u8; 64]) -> u64 {
        let dash = _mm256_set1_epi8(b'-' as i8);
        let (a, b, c) = (halves(a), halves(b), halves(c));
        let found = [0, 1].map(|half| {
            let (b, c) = (_mm256_cmpeq_epi8(b[half], dash), _mm256_cmpeq_epi8(c[half], dash));
            _mm256_and_si256(ends(a[half]), _mm256_and_si256(b, c))
        });
        let any = _mm256_or_si256(found[0], found[1]);
        if _mm256_testz_si256(any, any) == 1 { 0 } else { bits(found) }
    }

    /// How many LF stand in a block up to this place, which counts too.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn passed(octets: &[u8; 64], place: u32) -> usize {
        (bits(halves(octets).map(|half| ends(half))) & (!0 >> (63 - place))).count_ones() as usize
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

    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn find_avx512<const COUNT: bool>(text: &[u8]) -> Found {
        let dash = _mm512_set1_epi8(b'-' as i8);
        find(
            text,
            |text| exact_avx512(text),
            |group| {
                // The least of all is 0 where one was `-`: one mask is made and not four.
                let (mut least, mut lines) = (_mm512_set1_epi8(-1), 0);
                for octets in group.as_chunks().0 {
                    let octets = load512(octets);
                    let lf = _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(b'\n' as i8));
                    lines += if COUNT { lf.count_ones() as usize } else { 0 };
                    least = _mm512_min_epu8(least, _mm512_xor_si512(octets, dash));
                }
                (_mm512_testn_epi8_mask(least, least) == 0).then_some(lines)
            },
        )
    }

    /// Each octet is loaded once: only `\n-` is looked for in all places. What has it is rare, and then
    /// the octet behind it is looked at.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    fn exact_avx512(text: &[u8]) -> Found {
        let marks = |octets: &[u8; 64]| {
            let octets = load512(octets);
            let of = |octet: u8| _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(octet as i8));
            (of(b'\n'), of(b'-'))
        };
        let (blocks, rest) = text.as_chunks();
        let mut walk = Walk { at: 0, lines: 0, after_lf: 0 };
        for octets in blocks {
            if let Some(found) = walk.step(text, marks(octets)) {
                return found;
            }
        }
        let last = padded(rest);
        walk.step(text, marks(first(&last))).unwrap_or(Found { at: None, lines: walk.lines })
    }

    /// What is known at the start of a block.
    struct Walk {
        at: usize,
        lines: usize,
        /// 1 if the octet before it is LF.
        after_lf: u64,
    }

    impl Walk {
        /// Takes the places of LF and `-` in the next block.
        #[inline(always)]
        fn step(&mut self, text: &[u8], (lf, dash): (u64, u64)) -> Option<Found> {
            let behind = (lf << 1 | self.after_lf) & dash;
            if behind != 0
                && let Some(at) = delimiter(text, self.at, behind)
            {
                let passed = (lf & !(!0 << (at + 1 - self.at))).count_ones();
                return Some(Found { at: Some(at), lines: self.lines + passed as usize });
            }
            self.lines += lf.count_ones() as usize;
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
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn at_the_seams_of_groups() {
        use x86::{GROUP, NEAR, STRETCH};
        let end = NEAR + STRETCH;
        let seams = [NEAR, NEAR + GROUP, end, end + GROUP, end + STRETCH];
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
