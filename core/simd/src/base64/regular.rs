//! Base64 in lines of one length, as nearly all of it is, with AVX-512.
//!
//! Where the next line end stands is known before the characters are there: of 64 characters, those
//! before it are taken from one load and those behind it from another, two octets further. That there
//! was a line end, and nothing but the alphabet around it, is looked at afterwards.

use alloc::vec::Vec;
use core::arch::x86_64::*;

use memchr::memchr2;

use super::{
    Quantum, VALUES,
    x86::{PACK, TABLE, pack512},
};
use crate::vector::load512;

/// How long a line may be to be found.
const LONGEST: usize = 1_024;
/// Texts with fewer octets are not worth it.
const LEAST: usize = 256;

/// The lines of a text.
struct Lines {
    /// How many characters the one at hand still has.
    left: usize,
    /// How many each of the others has.
    length: usize,
    /// How long a line end is: 1 (LF) or 2 (CR LF).
    end: usize,
}

impl Lines {
    /// What the first two line ends say of `text`; `None` if they are not where they should be, or a
    /// block could have two.
    fn of(text: &[u8]) -> Option<Self> {
        let search = |text: &[u8]| memchr2(b'\r', b'\n', text.get(..LONGEST).unwrap_or(text));
        let left = search(text)?;
        let end = match text.get(left..)? {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return None,
        };
        let length = search(text.get(left + end..)?)?;
        (length >= 64).then_some(Self { left, length, end })
    }
}

/// As [`decode`](super::decode), as long as the lines are regular: what stands behind them is left.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
pub(super) fn avx512(held: &mut Quantum, text: &[u8], out: &mut Vec<u8>) -> usize {
    if text.len() < LEAST {
        return 0;
    }
    let start = complete(held, text, out);
    let Some(text) = text.get(start..).filter(|_| held.count == 0) else { return start };
    let Some(Lines { mut left, length, end }) = Lines::of(text) else { return start };
    let (low, high, order) = (load512(&TABLE[0]), load512(&TABLE[1]), load512(&PACK));
    let line_end = if end == 2 { u16::from_le_bytes(*b"\r\n") } else { u16::from(b'\n') };
    let line_mask = if end == 2 { 0xffff } else { 0xff };

    let spare = out.spare_capacity_mut();
    let (mut taken, mut done) = (0, 0);
    while let Some(window) = text.get(taken..).and_then(|rest| rest.first_chunk::<66>())
        && let Some(room) = spare.get_mut(done..).and_then(|room| room.first_chunk_mut::<64>())
        && let (Some(near), Some(far)) = (window.first_chunk(), window[end..].first_chunk())
    {
        let before = left.min(64);
        let crosses = before < 64;
        let at = if crosses { before } else { 0 };
        let mark = u16::from_le_bytes([window[at], window[at + 1]]) & line_mask;
        let behind = !_bzhi_u64(!0, before as u32);
        let octets = _mm512_mask_blend_epi8(behind, load512(near), load512(far));
        let values = _mm512_permutex2var_epi8(low, octets, high);
        let wrong = _mm512_movepi8_mask(_mm512_or_si512(octets, values)) != 0;
        if wrong | (crosses & (mark != line_end)) {
            break;
        }
        // SAFETY: the room is 64 octets, which may hold anything.
        unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), pack512(values, order)) };
        done += 48;
        taken += if crosses { 64 + end } else { 64 };
        left = if crosses { length + before - 64 } else { left - 64 };
    }
    let len = out.len() + done;
    // SAFETY: so many octets of the spare capacity were written.
    unsafe { out.set_len(len) };
    start + taken
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
