//! Boundaries (RFC 2046 §5.1.1): made of a seed, and proven to occur in no part.
//!
//! All boundaries of a message are one token with the number of the multipart behind it, all of one
//! length, so that none begins another. The token starts with `=_`, which base64 and quoted-printable
//! cannot hold (RFC 2045 §6.7); what stands as it is gets searched for it, and another token is taken
//! if it is there. A line of a header begins with the name of a field or a blank; names that could
//! begin a delimiter are searched too.

use alloc::vec::Vec;

use memchr::memmem;

use super::part::{Body, Node};
use crate::mime::structure::Encoding;

/// Digits of a token.
const DIGITS: usize = 24;
const START: &[u8] = b"=_";
/// `=_` and digits.
pub(super) type Token = [u8; DIGITS + START.len()];

/// A token that occurs in none of the nodes.
pub(super) fn token(nodes: &[Node<'_>], encodings: &[Encoding], seed: u64) -> Token {
    let mut attempts = (0..).map(|attempt| candidate(seed, attempt));
    let first = attempts.next().unwrap_or_default();
    if !nodes.iter().any(|node| matches!(node.body, Body::Multipart)) {
        return first;
    }
    let plain = || plain(nodes, encodings);
    let finder = memmem::Finder::new(&first);
    if plain().all(|text| finder.find(text).is_none()) {
        return first;
    }
    // Somebody knows the seed. What is like a token is gathered once, so that many cost no more.
    let mut taken: Vec<&[u8]> = plain()
        .flat_map(|text| {
            memmem::find_iter(text, START).filter_map(|at| text.get(at..at + DIGITS + START.len()))
        })
        .collect();
    taken.sort_unstable();
    attempts.find(|token| taken.binary_search(&token.as_slice()).is_err()).unwrap_or(first)
}

/// Appends `--` and the boundary with this number.
pub(super) fn delimiter(token: &[u8], number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"--");
    boundary(token, number, out);
}

/// Appends the boundary with this number.
pub(super) fn boundary(token: &[u8], number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(token);
    out.push(b'_');
    for shift in [12, 8, 4, 0] {
        out.push(digit((number >> shift) as u64));
    }
}

/// What is written as it stands.
fn plain<'n>(nodes: &'n [Node<'_>], encodings: &'n [Encoding]) -> impl Iterator<Item = &'n [u8]> {
    let bodies = nodes.iter().zip(encodings).filter_map(|(node, encoding)| match &node.body {
        Body::Text(text) | Body::Octets(text) | Body::Foreign(text) if encoding.is_identity() => {
            Some(text.as_ref())
        }
        Body::Entity(entity) => Some(entity.octets()),
        _ => None,
    });
    let names =
        nodes.iter().flat_map(|node| &node.fields).map(|(name, _)| name.as_str().as_bytes());
    bodies.chain(names.filter(|name| name.starts_with(b"--")))
}

/// The token of this attempt. Two attempts of one seed never give the same: both steps map 64 bits
/// one to one, and the first half of the digits is the whole of what the first gives.
fn candidate(seed: u64, attempt: u64) -> Token {
    let first = mix(seed.wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let second = mix(first);
    let mut token = Token::default();
    let (start, digits) = token.split_at_mut(START.len());
    start.copy_from_slice(START);
    let bits = (0..16).map(|at| first >> (4 * at)).chain((0..).map(|at| second >> (4 * at)));
    digits.iter_mut().zip(bits).for_each(|(place, bits)| *place = digit(bits));
    token
}

/// The last steps of SplitMix64.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const fn digit(bits: u64) -> u8 {
    b"0123456789abcdef"[(bits & 15) as usize]
}
