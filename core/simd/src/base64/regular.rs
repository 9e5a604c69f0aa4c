//! Base64 in lines of one length, as nearly all of it is.
//!
//! Where the next line end stands is known before the characters are there, so that a line is decoded
//! in blocks of the width of a vector, the last of which overlaps the one before it. That there was a
//! line end, and nothing but the alphabet before it, is looked at once a line.

use alloc::vec::Vec;
use core::{arch::x86_64::*, array, mem::MaybeUninit};

use memchr::memchr2;

use super::{
    Quantum, VALUES, quanta_plain,
    x86::{PACK, TABLE, pack256, pack512, values256},
};
use crate::vector::{load256, load512};

/// How long a line may be to be found.
const LONGEST: usize = 1_024;
/// Texts with fewer octets are not worth it.
const LEAST: usize = 256;

/// How many lines are decoded before it is asked whether something was wrong with them.
const GROUP: usize = 4;

/// The lines of a text.
struct Lines {
    /// How many characters the first one still has, and how many octets its line end.
    first: (usize, usize),
    /// How many characters each of the others has: a multiple of four.
    length: usize,
    /// How long their line ends are: 1 (LF) or 2 (CR LF).
    end: usize,
}

impl Lines {
    /// What the first two line ends say of `text`; `None` if the quanta do not end with the lines, or
    /// these are shorter than `least`.
    fn of(text: &[u8], least: usize) -> Option<Self> {
        let line = |text: &[u8]| {
            let length = memchr2(b'\r', b'\n', text.get(..LONGEST).unwrap_or(text))?;
            match text.get(length..)? {
                [b'\r', b'\n', ..] => Some((length, 2)),
                [b'\n', ..] => Some((length, 1)),
                _ => None,
            }
        };
        let first = line(text)?;
        let (length, end) = line(text.get(first.0 + first.1..)?)?;
        let whole = first.0.is_multiple_of(4) && length.is_multiple_of(4);
        (whole && length >= least).then_some(Self { first, length, end })
    }
}

/// [`decode`](super::decode) with AVX-512, as long as the lines are regular: what stands behind them
/// is left.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn avx512(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    let (low, high, order) = (load512(&TABLE[0]), load512(&TABLE[1]), load512(&PACK));
    lines(
        held,
        text,
        out,
        |all, octets: &[u8; 64], room: &mut [MaybeUninit<u8>; 64]| {
            let octets = load512(octets);
            let values = _mm512_permutex2var_epi8(low, octets, high);
            // SAFETY: the room is 64 octets, which may hold anything.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), pack512(values, order)) };
            // The top bit of one of them says that it is not of the alphabet.
            _mm512_or_si512(all, _mm512_or_si512(octets, values))
        },
        _mm512_setzero_si512(),
        |all| _mm512_movepi8_mask(all) != 0,
    )
}

/// [`avx512`] with AVX2.
#[target_feature(enable = "avx2")]
pub(super) fn avx2(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    lines(
        held,
        text,
        out,
        |all, octets: &[u8; 32], room: &mut [MaybeUninit<u8>; 32]| {
            let (values, marks) = values256(load256(octets));
            // SAFETY: the room is 32 octets, which may hold anything.
            unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), pack256(values)) };
            _mm256_or_si256(all, marks)
        },
        _mm256_setzero_si256(),
        |all| _mm256_testz_si256(all, all) == 0,
    )
}

/// Decodes the lines of a text by a `block` of characters, which adds what was wrong with them to
/// what it is given, none at first; `wrong` asks whether that is anything.
#[inline(always)]
fn lines<const WIDTH: usize, V: Copy>(
    held: &mut Quantum,
    text: &[u8],
    out: &mut Vec<u8>,
    block: impl Fn(V, &[u8; WIDTH], &mut [MaybeUninit<u8>; WIDTH]) -> V,
    none: V,
    wrong: impl Fn(V) -> bool,
) -> usize {
    if text.len() < LEAST {
        return 0;
    }
    let start = complete(held, text, out);
    let Some(text) = text.get(start..).filter(|_| held.count == 0) else { return start };
    let Some(lines) = Lines::of(text, WIDTH) else { return start };
    let (first, end) = lines.first;
    let (quanta, _) = text.get(..first).unwrap_or_default().as_chunks();
    let done = quanta_plain(quanta, out) * 4;
    if done < first {
        return start + done;
    }
    let (start, text) = (start + first + end, text.get(first + end..).unwrap_or_default());

    start
        + match lines.length.div_ceil(WIDTH) {
            1 => whole::<1, WIDTH, V>(&lines, text, out, block, none, wrong),
            2 => whole::<2, WIDTH, V>(&lines, text, out, block, none, wrong),
            3 => whole::<3, WIDTH, V>(&lines, text, out, block, none, wrong),
            _ => 0,
        }
}

/// Decodes the lines behind the first one, of so many blocks each.
#[inline(always)]
fn whole<const BLOCKS: usize, const WIDTH: usize, V: Copy>(
    lines: &Lines,
    text: &[u8],
    out: &mut Vec<u8>,
    block: impl Fn(V, &[u8; WIDTH], &mut [MaybeUninit<u8>; WIDTH]) -> V,
    none: V,
    wrong: impl Fn(V) -> bool,
) -> usize {
    let Lines { length, end, .. } = *lines;
    let (mark, mask) = if end == 2 { (*b"\r\n", 0xffff) } else { (*b"\n\0", 0xff) };
    let mark = u16::from_ne_bytes(mark);
    let (step, makes) = (length + end, length / 4 * 3);
    let from: [usize; BLOCKS] = array::from_fn(|at| (at * WIDTH).min(length - WIDTH));
    let into: [usize; BLOCKS] = from.map(|from| from / 4 * 3);
    let spare = out.spare_capacity_mut();
    // Behind each line there are two octets to look at, and room for what a block writes too much.
    let count =
        (text.len().saturating_sub(2) / step).min(spare.len().saturating_sub(WIDTH / 4) / makes);
    let (text, room) = (text.as_ptr(), spare.as_mut_ptr());
    let mut at = 0;
    while at < count {
        let group = if count - at < GROUP { 1 } else { GROUP };
        let (mut all, mut ends) = (none, 0);
        for line in at..at + group {
            // SAFETY: the line is one of those that are whole in the text, with two octets behind it
            // and room for what it makes; no block ends behind it.
            unsafe {
                let (text, room) = (text.add(line * step), room.add(line * makes));
                for (from, into) in from.into_iter().zip(into) {
                    all = block(all, &*text.add(from).cast(), &mut *room.add(into).cast());
                }
                ends |= (text.add(length).cast::<u16>().read_unaligned() ^ mark) & mask;
            }
        }
        if wrong(all) | (ends != 0) {
            break;
        }
        at += group;
    }
    let len = out.len() + at * makes;
    // SAFETY: so many octets of the spare capacity were written.
    unsafe { out.set_len(len) };
    at * step
}

/// Fills the quantum that the text before left over.
fn complete(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    let mut taken = 0;
    while held.count > 0
        && let Some(octet) = text.get(taken)
    {
        if !matches!(octet, b'\r' | b'\n') {
            let value = VALUES[usize::from(*octet)];
            if value > 63 {
                break;
            }
            held.bits = held.bits << 6 | u32::from(value);
            held.count += 1;
        }
        taken += 1;
        if held.count == 4 {
            out.extend_from_slice(&held.bits.to_be_bytes()[1..]);
            *held = Quantum::default();
        }
    }
    taken
}
