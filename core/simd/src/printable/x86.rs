//! Quoted-printable with AVX-512 and AVX2.
//!
//! Nothing is done escape by escape: for each of 64 octets it is found out whether an escape or a
//! soft line end starts there, its value is put in its place, and what goes is squeezed out. The
//! two octets behind each one are had by loads that are shifted by one and two.

use alloc::vec::Vec;
use core::{arch::x86_64::*, mem::MaybeUninit};

use super::{DIGITS, blanks};
use crate::vector::{bits, halves, load512, load512_some};

/// What 64 octets hold, a bit an octet.
struct Marks<V> {
    /// `=`, and what else stops the walk unless it is a part of an escape or of a soft line end.
    equals: u64,
    /// `=` and two digits.
    escapes: u64,
    /// `=` and a line end.
    soft: u64,
    /// `=` and CR LF.
    soft_cr: u64,
    /// Blanks behind which the line ends.
    blanks: u64,
    /// The octets, with the values of the escapes in the places of their `=`.
    values: V,
}

/// The walk over blocks that both widths share. `load` takes what is left of the text: its first 64
/// octets and those one and two further, with zeros behind its end, which `mark` is shown; `squeeze` writes the octets of a mask, with room for all 64. In `Q` there are no lines.
#[inline(always)]
fn walk<V: Copy, const Q: bool>(
    text: &[u8],
    longest: usize,
    out: &mut Vec<u8>,
    load: impl Fn(&[u8]) -> [V; 3],
    mark: impl Fn([V; 3]) -> Marks<V>,
    squeeze: impl Fn(V, u64, &mut [MaybeUninit<u8>; 64]),
) -> usize {
    out.reserve(text.len());
    let spare = out.spare_capacity_mut();
    let (mut at, mut done) = (0, 0);
    // The places in the next block that belong to what started in this one.
    let mut reach = 0;
    let mut stop = None;
    while stop.is_none() {
        let rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        let here = if rest.len() < 64 { !(!0_u64 << rest.len()) } else { !0 };
        let marks = mark(load(rest));
        let Marks { equals, escapes, soft, soft_cr, .. } = marks;
        let mut drop = reach | soft | (escapes | soft) << 1 | (escapes | soft_cr) << 2;
        reach = (escapes | soft) >> 63 | (escapes | soft_cr) >> 62;
        let odd = equals & !(escapes | soft);
        let mut keep = here;
        if odd | marks.blanks != 0 {
            if odd != 0 {
                let place = odd.trailing_zeros();
                stop = Some(at + place as usize);
                keep &= !(!0 << place);
            }
            let mut ends = marks.blanks & keep;
            while ends != 0 {
                let end = at + ends.trailing_zeros() as usize;
                ends &= ends - 1;
                let count = blanks(&text[..=end]);
                let start = end + 1 - count;
                if count > longest {
                    stop = Some(start);
                    done -= at.saturating_sub(start);
                    keep &= !(!0 << start.saturating_sub(at));
                    break;
                }
                // Those in earlier blocks were written, each as it is.
                done -= at.saturating_sub(start);
                let run = (!0_u64 << start.saturating_sub(at)) & (!0 >> (63 - (end - at)));
                drop |= run;
            }
        }
        keep &= !drop;
        let count = keep.count_ones() as usize;
        let Some(room) = spare.get_mut(done..) else { break };
        match room.first_chunk_mut::<64>() {
            Some(room) => squeeze(marks.values, keep, room),
            None => {
                let mut last = [MaybeUninit::new(0); 64];
                squeeze(marks.values, keep, &mut last);
                for (place, octet) in room.iter_mut().zip(last).take(count) {
                    *place = octet;
                }
            }
        }
        done += count;
        at += 64;
    }
    let taken = stop.unwrap_or_else(|| {
        if Q {
            return text.len();
        }
        let end = text.strip_suffix(b"\r").unwrap_or(text);
        let blanks = blanks(end);
        if blanks == 0 {
            return text.len();
        }
        let start = end.len() - blanks;
        done -= text.len() - start;
        start
    });
    let len = out.len() + done;
    // SAFETY: so many octets of the spare capacity were written.
    unsafe { out.set_len(len) };
    taken
}

/// The octets from the first, the second and the third on.
#[inline(always)]
fn parts(octets: &[u8; 66]) -> [&[u8; 64]; 3] {
    [0, 1, 2].map(|from| octets[from..].first_chunk().unwrap_or(&[0; 64]))
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn avx512<const Q: bool>(text: &[u8], longest: usize, out: &mut Vec<u8>) -> usize {
    let digits = LOWER.each_ref().map(|table| load512(table));
    let byte = |octet: u8| _mm512_set1_epi8(octet as i8);
    walk::<_, Q>(
        text,
        longest,
        out,
        |rest| match rest.first_chunk() {
            Some(all) => parts(all).map(|octets| load512(octets)),
            None => [0, 1, 2].map(|from| load512_some(rest.get(from..).unwrap_or_default()).0),
        },
        |[octets, next, after]| {
            let equals = _mm512_cmpeq_epi8_mask(octets, byte(b'='));
            let high = _mm512_permutex2var_epi8(digits[0], next, digits[1]);
            let low = _mm512_permutex2var_epi8(digits[0], after, digits[1]);
            let wrong = _mm512_or_si512(_mm512_or_si512(next, after), _mm512_or_si512(high, low));
            let escapes = equals & !_mm512_movepi8_mask(wrong);
            let shifted = _mm512_and_si512(_mm512_slli_epi16::<4>(high), byte(0xf0));
            let values = _mm512_mask_mov_epi8(octets, escapes, _mm512_or_si512(shifted, low));
            if Q {
                let spaces = _mm512_cmpeq_epi8_mask(octets, byte(b'_'));
                let values = _mm512_mask_mov_epi8(values, spaces, byte(b' '));
                let stops = _mm512_cmpeq_epi8_mask(octets, byte(b'\r'))
                    | _mm512_cmpeq_epi8_mask(octets, byte(b'\n'));
                let equals = equals | stops;
                return Marks { equals, escapes, soft: 0, soft_cr: 0, blanks: 0, values };
            }
            let cr = _mm512_cmpeq_epi8_mask(next, byte(b'\r'));
            let ends = _mm512_cmpeq_epi8_mask(next, byte(b'\n'))
                | _mm512_mask_cmpeq_epi8_mask(cr, after, byte(b'\n'));
            let blanks = _mm512_cmpeq_epi8_mask(octets, byte(b' '))
                | _mm512_cmpeq_epi8_mask(octets, byte(b'\t'));
            let blanks = ends & blanks;
            let soft = equals & ends;
            Marks { equals, escapes, soft, soft_cr: soft & cr, blanks, values }
        },
        |values, keep, room| {
            let squeezed = _mm512_maskz_compress_epi8(keep, values);
            // SAFETY: the room is 64 octets, which may hold anything.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), squeezed) };
        },
    )
}

/// [`DIGITS`] of the octets below 128, in halves.
static LOWER: [[u8; 64]; 2] = {
    let mut table = [[0; 64]; 2];
    let mut octet = 0;
    while octet < 128 {
        table[octet / 64][octet % 64] = DIGITS[octet];
        octet += 1;
    }
    table
};

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn avx2<const Q: bool>(text: &[u8], longest: usize, out: &mut Vec<u8>) -> usize {
    let byte = |octet: u8| _mm256_set1_epi8(octet as i8);
    walk::<_, Q>(
        text,
        longest,
        out,
        |rest| match rest.first_chunk() {
            Some(all) => parts(all).map(|octets| halves(octets)),
            None => {
                let mut all = [0; 66];
                all[..rest.len()].copy_from_slice(rest);
                parts(&all).map(|octets| halves(octets))
            }
        },
        |[octets, next, after]| {
            // All is decided in vectors: masks that meet each other halfway are compiled badly.
            let lf = [0, 1].map(|half| _mm256_cmpeq_epi8(next[half], byte(b'\n')));
            let cr = [0, 1].map(|half| _mm256_cmpeq_epi8(next[half], byte(b'\r')));
            let ends = [0, 1].map(|half| {
                let crlf = _mm256_and_si256(cr[half], _mm256_cmpeq_epi8(after[half], byte(b'\n')));
                _mm256_or_si256(lf[half], crlf)
            });
            let blanks = [0, 1].map(|half| {
                let space = _mm256_cmpeq_epi8(octets[half], byte(b' '));
                let tab = _mm256_cmpeq_epi8(octets[half], byte(b'\t'));
                _mm256_and_si256(ends[half], _mm256_or_si256(space, tab))
            });
            let starts = octets.map(|octets| _mm256_cmpeq_epi8(octets, byte(b'=')));
            if Q {
                let line = |octets| {
                    let cr = _mm256_cmpeq_epi8(octets, byte(b'\r'));
                    _mm256_or_si256(cr, _mm256_cmpeq_epi8(octets, byte(b'\n')))
                };
                let escapes = [0, 1].map(|half| {
                    let wrong = _mm256_or_si256(digits256(next[half]), digits256(after[half]));
                    _mm256_andnot_si256(wrong, starts[half])
                });
                let values = [0, 1].map(|half| {
                    let spaces = _mm256_cmpeq_epi8(octets[half], byte(b'_'));
                    let octets = _mm256_blendv_epi8(octets[half], byte(b' '), spaces);
                    let high = _mm256_slli_epi16::<4>(digits256(next[half]));
                    let high = _mm256_and_si256(high, byte(0xf0));
                    let value = _mm256_or_si256(high, digits256(after[half]));
                    _mm256_blendv_epi8(octets, value, starts[half])
                });
                let equals = bits(starts) | bits(octets.map(line));
                let escapes = bits(escapes);
                return Marks { equals, escapes, soft: 0, soft_cr: 0, blanks: 0, values };
            }
            let (equals, blanks) = (bits(starts), bits(blanks));
            if equals == 0 {
                return Marks { equals, escapes: 0, soft: 0, soft_cr: 0, blanks, values: octets };
            }
            let soft = [0, 1].map(|half| _mm256_and_si256(starts[half], ends[half]));
            let soft_cr = [0, 1].map(|half| _mm256_and_si256(soft[half], cr[half]));
            let high = next.map(|octets| digits256(octets));
            let low = after.map(|octets| digits256(octets));
            // Only the top bits of these count, and only what is no digit has one.
            let escapes = [0, 1].map(|half| {
                _mm256_andnot_si256(_mm256_or_si256(high[half], low[half]), starts[half])
            });
            let values = [0, 1].map(|half| {
                let shifted = _mm256_and_si256(_mm256_slli_epi16::<4>(high[half]), byte(0xf0));
                let value = _mm256_or_si256(shifted, low[half]);
                // Where it is no escape, the "=" goes or ends what is kept.
                _mm256_blendv_epi8(octets[half], value, starts[half])
            });
            let (escapes, soft, soft_cr) = (bits(escapes), bits(soft), bits(soft_cr));
            Marks { equals, escapes, soft, soft_cr, blanks, values }
        },
        |values, keep, room| {
            if keep == !0 {
                // SAFETY: the room is 64 octets, which may hold anything.
                unsafe {
                    _mm256_storeu_si256(room.as_mut_ptr().cast(), values[0]);
                    _mm256_storeu_si256(room.as_mut_ptr().add(32).cast(), values[1]);
                }
                return;
            }
            let mut at = 0;
            let quarters = [
                _mm256_castsi256_si128(values[0]),
                _mm256_extracti128_si256::<1>(values[0]),
                _mm256_castsi256_si128(values[1]),
                _mm256_extracti128_si256::<1>(values[1]),
            ];
            for (quarter, octets) in quarters.into_iter().enumerate() {
                for (half, octets) in [octets, _mm_srli_si128::<8>(octets)].into_iter().enumerate()
                {
                    let mask = (keep >> (16 * quarter + 8 * half)) as u8;
                    let order = &SQUEEZE[usize::from(mask)];
                    // SAFETY: the array is 8 octets; of the room 8 at most were written for each 8
                    // before, so that there are 8 more.
                    unsafe {
                        let order = _mm_loadl_epi64(order.as_ptr().cast());
                        let squeezed = _mm_shuffle_epi8(octets, order);
                        _mm_storel_epi64(room.as_mut_ptr().add(at).cast(), squeezed);
                    }
                    at += mask.count_ones() as usize;
                }
            }
        },
    )
}

/// The values of digits; what is none has the top bit.
#[inline]
#[target_feature(enable = "avx2")]
fn digits256(octets: __m256i) -> __m256i {
    let byte = |octet: u8| _mm256_set1_epi8(octet as i8);
    let lower = _mm256_or_si256(octets, byte(0x20));
    let number = _mm256_sub_epi8(octets, byte(b'0'));
    let letter = _mm256_sub_epi8(lower, byte(b'a' - 10));
    let is_number = _mm256_cmpeq_epi8(_mm256_min_epu8(number, byte(9)), number);
    let from_ten = _mm256_sub_epi8(letter, byte(10));
    let is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(from_ten, byte(5)), from_ten);
    let letters = _mm256_blendv_epi8(byte(0x80), letter, is_letter);
    _mm256_blendv_epi8(letters, number, is_number)
}

/// For each mask of eight places, those that are kept, in order.
static SQUEEZE: [[u8; 8]; 256] = {
    let mut table = [[0x80; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut place, mut count) = (0, 0);
        while place < 8 {
            if mask >> place & 1 == 1 {
                table[mask][count] = place as u8;
                count += 1;
            }
            place += 1;
        }
        mask += 1;
    }
    table
};
