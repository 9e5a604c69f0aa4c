//! Header fields: where each ends, folds passed over, many in one call ([`fields`]), and where its
//! name does ([`name`]).

use core::{mem::MaybeUninit, ptr};

use crate::cpu::{self, Cpu};

/// How many ends one call of [`fields`] finds at most.
pub const MOST_ENDS: usize = 32;
/// How many octets at the start of a field are looked at for its colon.
pub const NAME_WINDOW: usize = 32;

/// The ends of header fields; see [`fields`].
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The first `count` are there.
    ends: [MaybeUninit<End>; MOST_ENDS],
    count: usize,
    more: bool,
}

/// The end of a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    end: u32,
    /// How many octets at the start are neither a colon, a blank nor a control.
    pub name: u8,
    /// Whether the field (since the end before it) holds octets above 127.
    pub eight_bit: bool,
}

impl End {
    /// The offset behind the line end of the field.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.end as usize
    }
}

impl Ends {
    /// Room for ends, without any.
    #[must_use]
    pub const fn new() -> Self {
        Self { ends: [MaybeUninit::uninit(); MOST_ENDS], count: 0, more: false }
    }

    /// The ends in order.
    #[must_use]
    pub fn all(&self) -> &[End] {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        // SAFETY: `push` has written so many.
        unsafe { &*(ptr::from_ref(ends) as *const [End]) }
    }

    /// Whether the search stopped at the last end, so that more may follow; else what follows the
    /// last end is a field that goes on behind the text.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.more
    }

    #[inline(always)]
    fn push(&mut self, end: usize, name: u8, eight_bit: bool) {
        if let Some(place) = self.ends.get_mut(self.count) {
            place.write(End { end: end as u32, name, eight_bit });
            self.count += 1;
        }
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds the ends of header fields in `text`, which take the place of those in `found`: each LF behind
/// which an octet follows that is neither space nor tab (RFC 5322 §2.2.3).
///
/// Stops at an end behind which CR or LF stands, as the header may end there, and after
/// [`MOST_ENDS`]. Of texts longer than 1 GiB the first GiB is looked at.
pub fn fields(text: &[u8], found: &mut Ends) {
    (found.count, found.more) = (0, false);
    let text = text.get(..1 << 30).unwrap_or(text);
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::fields_avx512(text, found) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::fields_avx2(text, found) },
        _ => plain::fields(text, found),
    }
}

/// How many of the first [`NAME_WINDOW`] octets of `text` are neither a colon, a blank nor a control:
/// the length of the name of a field that starts there.
#[must_use]
pub fn name(text: &[u8]) -> usize {
    let len = match (cpu::cpu(), text.first_chunk()) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        (Cpu::Avx2 | Cpu::Avx512, Some(window)) => unsafe { x86::name_len(window) },
        _ => plain::name(text),
    };
    usize::from(len)
}

/// The forms that work everywhere.
mod plain {
    use memchr::memchr_iter;

    use super::{Ends, NAME_WINDOW};

    pub(super) fn fields(text: &[u8], found: &mut Ends) {
        let mut from = 0;
        for at in memchr_iter(b'\n', text) {
            let end = at + 1;
            let Some(next) = text.get(end) else { break };
            if matches!(next, b' ' | b'\t') {
                continue;
            }
            let field = text.get(from..end).unwrap_or_default();
            found.push(end, name(field), !field.is_ascii());
            from = end;
            if matches!(next, b'\r' | b'\n') || found.count == super::MOST_ENDS {
                found.more = true;
                break;
            }
        }
    }

    /// How many octets of a name `field` starts with; the line end is no name.
    pub(super) fn name(field: &[u8]) -> u8 {
        let name = field.iter().take(NAME_WINDOW);
        name.take_while(|octet| **octet > b' ' && **octet != b':').count() as u8
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;

    use super::{Ends, MOST_ENDS, NAME_WINDOW, plain};
    use crate::vector::{bits, fetch, halves, load256, load512};

    /// So far ahead octets are fetched at first, and two for each octet of the fields then.
    const AHEAD: usize = 512;

    /// What a block of 64 octets holds, a bit an octet.
    struct Block {
        /// LF behind which neither space nor tab stands.
        ends: u64,
        /// Octets above 127.
        high: u64,
    }

    /// The walk over blocks that both widths share. The octet behind each block is needed too, so
    /// the last octets are looked at in a copy that zeros follow.
    #[inline(always)]
    fn fields(
        text: &[u8],
        found: &mut Ends,
        block: impl Fn(&[u8; 64], &[u8; 64]) -> Block,
        name: impl Fn(&[u8; NAME_WINDOW]) -> u8 + Copy,
    ) {
        let mut walk = Walk { found, from: 0, high: false };
        let (blocks, _) = text.as_chunks::<64>();
        let (nexts, _) = text.get(1..).unwrap_or_default().as_chunks::<64>();
        let mut at = 0;
        for (octets, next) in blocks.iter().zip(nexts) {
            // Fields take longer to look at than to load: the body behind them can come meanwhile.
            fetch(text, AHEAD + at * 2);
            fetch(text, AHEAD + at * 2 + 64);
            if walk.note(text, at, &block(octets, next), name) {
                return;
            }
            at += 64;
        }
        // What is left is 64 octets at most.
        let mut last = [0; 128];
        let rest = text.get(at..).unwrap_or_default();
        if let Some(room) = last.get_mut(..rest.len()) {
            room.copy_from_slice(rest);
        }
        let (octets, next) = (first(&last), first(last.get(1..).unwrap_or_default()));
        let mut bits = block(octets, next);
        // Nothing is known of what follows the last octet.
        bits.ends &= !(1_u64 << (rest.len().max(1) - 1));
        walk.note(text, at, &bits, name);
    }

    #[inline(always)]
    fn first(octets: &[u8]) -> &[u8; 64] {
        octets.first_chunk().unwrap_or(&[0; 64])
    }

    struct Walk<'f> {
        found: &'f mut Ends,
        /// Where the field at hand starts, and whether octets above 127 were seen in it.
        from: usize,
        high: bool,
    }

    impl Walk<'_> {
        /// Notes the ends of the block at `at`; `true` if that was the last one.
        #[inline(always)]
        fn note(
            &mut self,
            text: &[u8],
            at: usize,
            block: &Block,
            name: impl Fn(&[u8; NAME_WINDOW]) -> u8,
        ) -> bool {
            let (mut ends, mut octets) = (block.ends, block.high);
            while ends != 0 {
                let bit = ends.trailing_zeros();
                // Up to the LF, which is not above 127.
                let below = octets & ((1_u64 << bit) - 1);
                let end = at + bit as usize + 1;
                let field = text.get(self.from..).unwrap_or_default();
                let len = match field.first_chunk() {
                    Some(window) => name(window),
                    None => plain::name(field),
                };
                self.found.push(end, len, self.high || below != 0);
                self.high = false;
                self.from = end;
                octets ^= below;
                ends &= ends - 1;
                let stop = matches!(text.get(end), Some(b'\r' | b'\n'));
                if stop || self.found.count == MOST_ENDS {
                    self.found.more = true;
                    return true;
                }
            }
            self.high |= octets != 0;
            false
        }
    }

    /// How many octets of a name stand at the start.
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn name_len(window: &[u8; NAME_WINDOW]) -> u8 {
        let octets = load256(window);
        let low = _mm256_min_epu8(octets, _mm256_set1_epi8(b' ' as i8));
        let colon = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b':' as i8));
        let ends = _mm256_or_si256(_mm256_cmpeq_epi8(low, octets), colon);
        (_mm256_movemask_epi8(ends) as u32).trailing_zeros() as u8
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn half_ends(octets: __m256i, next: __m256i) -> __m256i {
        let lf = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b'\n' as i8));
        let space = _mm256_cmpeq_epi8(next, _mm256_set1_epi8(b' ' as i8));
        let tab = _mm256_cmpeq_epi8(next, _mm256_set1_epi8(b'\t' as i8));
        _mm256_andnot_si256(_mm256_or_si256(space, tab), lf)
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn fields_avx2(text: &[u8], found: &mut Ends) {
        let block = |octets: &[u8; 64], next: &[u8; 64]| {
            let ([low, high], next) = (halves(octets), halves(next));
            let ends = bits([half_ends(low, next[0]), half_ends(high, next[1])]);
            Block { ends, high: bits([low, high]) }
        };
        fields(text, found, block, |window| name_len(window));
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn fields_avx512(text: &[u8], found: &mut Ends) {
        let block = |octets: &[u8; 64], next: &[u8; 64]| {
            let (octets, next) = (load512(octets), load512(next));
            let lf = _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(b'\n' as i8));
            let ends = _mm512_mask_cmpneq_epi8_mask(lf, next, _mm512_set1_epi8(b' ' as i8));
            let ends = _mm512_mask_cmpneq_epi8_mask(ends, next, _mm512_set1_epi8(b'\t' as i8));
            Block { ends, high: _mm512_movepi8_mask(octets) }
        };
        fields(text, found, block, |window| name_len(window));
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    type Found = (Vec<End>, bool);

    fn all(text: &[u8]) -> Vec<Found> {
        let found = |fields: &dyn Fn(&[u8], &mut Ends)| {
            // What was there before is gone.
            let mut ends = Ends::new();
            super::fields(b"A: b\nC: d\n\n", &mut ends);
            (ends.count, ends.more) = (0, false);
            fields(text, &mut ends);
            (ends.all().to_vec(), ends.more())
        };
        let mut all = vec![found(&plain::fields), found(&super::fields)];
        #[cfg(target_arch = "x86_64")]
        {
            if cpu::cpu() >= Cpu::Avx2 {
                // SAFETY: the processor has AVX2.
                all.push(found(&|text, found| unsafe { x86::fields_avx2(text, found) }));
            }
            if cpu::cpu() >= Cpu::Avx512 {
                // SAFETY: the processor has AVX-512.
                all.push(found(&|text, found| unsafe { x86::fields_avx512(text, found) }));
            }
        }
        all
    }

    #[test]
    fn fields_end_where_no_fold_follows() {
        let fields = |text: &[u8]| {
            let mut ends = Ends::new();
            super::fields(text, &mut ends);
            ends
        };
        let ends = |text: &[u8]| {
            let found = fields(text);
            let ends = found.all().iter();
            (ends.map(|end| (end.end(), end.name, end.eight_bit)).collect::<Vec<_>>(), found.more())
        };
        assert_eq!(ends(b""), (vec![], false));
        assert_eq!(ends(b"A: b\r\n"), (vec![], false));
        assert_eq!(
            ends(b"A: b\r\n c\r\nBcd : \xff\nC"),
            (vec![(10, 1, false), (18, 3, true)], false)
        );
        assert_eq!(ends(b"A: b\n\t\n\nB"), (vec![(7, 1, false)], true));
        let many = b"A:b\n".repeat(40);
        assert_eq!(fields(&many).all().last().unwrap().end(), 128);
        assert!(fields(&many).more());
        assert_eq!(fields(&many[128..]).all().len(), 7);
    }

    proptest! {
        #[test]
        fn every_form_finds_the_same(
            text in prop::collection::vec(
                prop::sample::select(b"\n\n\n---\r \tab:\xe9".to_vec()), 0..400),
            long in prop::collection::vec(prop::sample::select(b"\nab\xe9 -".to_vec()), 0..9),
            stretch in 0_usize..200, start in 0_usize..70,
        ) {
            let mut whole = text;
            for octet in long {
                whole.extend(std::iter::repeat_n(b'x', stretch));
                whole.push(octet);
            }
            let text = whole.get(start..).unwrap_or_default();
            let len = plain::name(text).into();
            prop_assert_eq!(name(text), len);
            let all = all(text);
            for other in &all {
                prop_assert_eq!(other, &all[0]);
            }
        }
    }
}
