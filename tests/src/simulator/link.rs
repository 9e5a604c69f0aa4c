//! One direction of a simulated connection: octets in flight, cut anywhere, late.

use std::collections::VecDeque;

use super::random::Random;

/// What the network does to octets.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Longest delay of a piece, in microseconds.
    pub delay: u64,
    /// Octets of a piece at most.
    pub piece: u64,
    /// Octets in flight at most; then the sender waits.
    pub window: usize,
    /// Pieces of a thousand that break the connection.
    pub breaks: u64,
}

impl Weather {
    /// Pieces of any size, short delays, nothing breaks.
    pub const FAIR: Self = Self { delay: 2_000, piece: 4_096, window: 16 * 1024, breaks: 0 };
    /// Crumbs, long delays, and now and then a break.
    pub const FOUL: Self = Self { delay: 400_000, piece: 40, window: 512, breaks: 1 };
}

/// What a piece does when it arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The connection breaks, for both ends.
    Break,
    /// The other end has closed.
    End,
    /// Octets.
    Octets(Vec<u8>),
}

/// One direction.
#[derive(Debug, Default)]
pub struct Link {
    flight: VecDeque<(u64, Piece)>,
    octets: usize,
    last: u64,
}

impl Link {
    /// Takes what fits from the front of `out`.
    pub fn send(&mut self, now: u64, out: &mut Vec<u8>, weather: &Weather, random: &mut Random) {
        while !out.is_empty() && self.octets < weather.window {
            let most = (weather.window - self.octets).min(out.len()) as u64;
            let size = (1 + random.below(weather.piece.min(most))) as usize;
            let piece: Vec<u8> = out.drain(..size).collect();
            self.octets += size;
            let broken = random.chance(weather.breaks);
            self.put(now, Piece::Octets(piece), weather, random);
            if broken {
                self.put(now, Piece::Break, weather, random);
            }
        }
    }

    /// The sender has closed.
    pub fn close(&mut self, now: u64, weather: &Weather, random: &mut Random) {
        self.put(now, Piece::End, weather, random);
    }

    /// When the next piece arrives.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.flight.front().map(|(due, _)| *due)
    }

    /// The next piece, if it is there by `now`.
    pub fn receive(&mut self, now: u64) -> Option<Piece> {
        let (due, _) = self.flight.front()?;
        if *due > now {
            return None;
        }
        let (_, piece) = self.flight.pop_front()?;
        if let Piece::Octets(octets) = &piece {
            self.octets -= octets.len();
        }
        Some(piece)
    }

    /// Pieces arrive in order.
    fn put(&mut self, now: u64, piece: Piece, weather: &Weather, random: &mut Random) {
        self.last = self.last.max(now + random.below(weather.delay + 1));
        self.flight.push_back((self.last, piece));
    }
}
