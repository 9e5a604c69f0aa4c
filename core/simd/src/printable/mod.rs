//! Quoted-printable (RFC 2045 §6.7) and its kin in encoded words (RFC 2047 §4.2), decoded at one
//! speed however many escapes there are.

use alloc::vec::Vec;

use memchr::memchr2;

use crate::cpu::{self, Cpu};

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Decodes the start of `text` and appends what it gives to `out`. Says how many octets of `text`
/// it took, which is all of it or stops before
/// * a `=` that starts neither an escape nor a soft line end, or whose rest is not in `text`,
/// * more than `longest` blanks at the end of a line; as many or fewer are left out (rule 3),
/// * blanks at the end of `text`, perhaps with a CR behind them.
///
/// CR LF and LF end a line, a soft one too; digits may be of either case. `text` begins where no
/// blanks are at stake.
pub fn decode(text: &[u8], longest: usize, out: &mut Vec<u8>) -> usize {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::avx512::<false>(text, longest, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::avx2::<false>(text, longest, out) },
        _ => decode_plain(text, longest, out),
    }
}

/// [`decode`] without vector instructions: what the other forms are held against.
pub fn decode_plain(text: &[u8], longest: usize, out: &mut Vec<u8>) -> usize {
    out.reserve(text.len());
    let mut rest = text;
    while let Some(at) = memchr2(b'=', b'\n', rest) {
        let (plain, marked) = rest.split_at(at);
        rest = match marked {
            [b'\n', after @ ..] => {
                let (line, end): (_, &[u8]) = match plain.strip_suffix(b"\r") {
                    Some(line) => (line, b"\r\n"),
                    None => (plain, b"\n"),
                };
                let blanks = blanks(line);
                let line = &line[..line.len() - blanks];
                out.extend_from_slice(line);
                if blanks > longest {
                    return text.len() - rest.len() + line.len();
                }
                out.extend_from_slice(end);
                after
            }
            [_, b'\r', b'\n', after @ ..] | [_, b'\n', after @ ..] => {
                out.extend_from_slice(plain);
                after
            }
            [_, high, low, after @ ..]
                if let (value @ 0..16, low @ 0..16) =
                    (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]) =>
            {
                out.extend_from_slice(plain);
                out.push(value << 4 | low);
                after
            }
            _ => {
                out.extend_from_slice(plain);
                return text.len() - marked.len();
            }
        };
    }
    let end = rest.strip_suffix(b"\r").unwrap_or(rest);
    let blanks = blanks(end);
    let kept = if blanks > 0 { &rest[..end.len() - blanks] } else { rest };
    out.extend_from_slice(kept);
    text.len() - rest.len() + kept.len()
}

/// Decodes the start of `text`, which stands in an encoded word of type Q (RFC 2047 §4.2), and appends
/// what it gives to `out`. Says how many octets of `text` it took, which is all of it or stops before
/// * a `=` that starts no escape,
/// * a CR or LF.
///
/// A `_` is a space; digits may be of either case; all else stands for itself.
pub fn decode_q(text: &[u8], out: &mut Vec<u8>) -> usize {
    match cpu::cpu() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has what the function was compiled for.
        Cpu::Avx512 => unsafe { x86::avx512::<true>(text, 0, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Cpu::Avx2 => unsafe { x86::avx2::<true>(text, 0, out) },
        _ => decode_q_plain(text, out),
    }
}

/// [`decode_q`] without vector instructions: what the other forms are held against.
pub fn decode_q_plain(text: &[u8], out: &mut Vec<u8>) -> usize {
    let mut rest = text;
    loop {
        rest = match rest {
            [] | [b'\r' | b'\n', ..] => break,
            [b'=', high, low, after @ ..]
                if let (value @ 0..16, low @ 0..16) =
                    (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]) =>
            {
                out.push(value << 4 | low);
                after
            }
            [b'=', ..] => break,
            [octet, after @ ..] => {
                out.push(if *octet == b'_' { b' ' } else { *octet });
                after
            }
        }
    }
    text.len() - rest.len()
}

/// How many blanks stand at the end of `text`.
fn blanks(text: &[u8]) -> usize {
    text.iter().rev().take_while(|octet| matches!(octet, b' ' | b'\t')).count()
}

/// The values of hexadecimal digits; above 15 it is none.
static DIGITS: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};
