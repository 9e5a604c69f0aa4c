//! How octets arrive: cut anywhere.

use crate::simulator::random::Random;

/// One way to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// In two, behind so many octets.
    At(usize),
    /// In pieces of so many octets.
    Every(usize),
    /// In pieces of 1 to 40 octets, by this seed.
    Seed(u64),
    /// In one piece.
    Whole,
}

impl Cut {
    /// The pieces of `octets`; none is empty.
    #[must_use]
    pub fn pieces<'o>(self, octets: &'o [u8]) -> Vec<&'o [u8]> {
        match self {
            Self::At(at) => {
                let (front, rest) = octets.split_at(at.min(octets.len()));
                [front, rest].into_iter().filter(|piece| !piece.is_empty()).collect()
            }
            Self::Every(size) => octets.chunks(size.max(1)).collect(),
            Self::Seed(seed) => {
                let (mut random, mut rest, mut pieces) = (Random::new(seed), octets, Vec::new());
                while !rest.is_empty() {
                    let size = 1 + random.below(40) as usize;
                    let (piece, behind): (&'o [u8], _) = rest.split_at(size.min(rest.len()));
                    pieces.push(piece);
                    rest = behind;
                }
                pieces
            }
            Self::Whole => {
                if octets.is_empty() {
                    Vec::new()
                } else {
                    vec![octets]
                }
            }
        }
    }
}
