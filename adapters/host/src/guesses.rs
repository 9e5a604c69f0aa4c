//! How many wrong passwords a minute are looked at, for each account.
//!
//! The table has a fixed size and no keys: a name's cell is found by a keyed hash, and two names may
//! share one. Names that do not exist are counted like those that do, so that a refusal says
//! nothing. Whoever has signed in before from an address has a count of their own there, so that a
//! stranger who guesses does not lock the owner out.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;

/// Cells of the table: 512 KiB, and as many names as nobody can guess at in a minute.
const CELLS: usize = 1 << 16;
/// Pairs of account and address that are remembered.
const KNOWN: usize = 1 << 16;

/// Counts guesses; shared by all sessions.
#[derive(Debug)]
pub struct Guesses {
    hasher: RandomState,
    /// Minute << 32 | guesses in it.
    cells: Box<[AtomicU64]>,
    /// Hashes of account and address that signed in lately.
    known: Box<[AtomicU64]>,
    a_minute: u32,
}

/// The right to check one password.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    cell: usize,
    pair: u64,
    minute: u64,
}

impl Guesses {
    /// A table that allows `a_minute` wrong passwords a minute and account (`auth_checks`).
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        Self {
            hasher: RandomState::default(),
            cells: (0..CELLS).map(|_| AtomicU64::new(0)).collect(),
            known: (0..KNOWN).map(|_| AtomicU64::new(0)).collect(),
            a_minute,
        }
    }

    /// Takes the right to check a password for `name` at `now` (seconds since 1970); `None` if too many
    /// were wrong this minute.
    #[must_use]
    pub fn take(&self, name: &str, from: Option<IpAddr>, now: u64) -> Option<Guess> {
        let minute = now / 60;
        // Zero stands for an empty place.
        let pair = self.hasher.hash_one((name, from)).max(1);
        let known = self.known[pair as usize % KNOWN].load(Ordering::Relaxed) == pair;
        let hash = if known { pair } else { self.hasher.hash_one(name) };
        let cell = hash as usize % CELLS;
        let counted = |old: u64| {
            let count = if old >> 32 == minute & 0xffff_ffff { old as u32 } else { 0 };
            (count < self.a_minute).then(|| minute << 32 | u64::from(count + 1))
        };
        self.cells[cell].fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).ok()?;
        Some(Guess { cell, pair, minute })
    }

    /// The password was right: it does not count.
    pub fn was_right(&self, guess: Guess) {
        self.known[guess.pair as usize % KNOWN].store(guess.pair, Ordering::Relaxed);
        self.give_back(guess);
    }

    /// The password was not checked after all.
    pub fn give_back(&self, guess: Guess) {
        let less = |old: u64| {
            let same = old >> 32 == guess.minute & 0xffff_ffff && old as u32 > 0;
            same.then(|| old - 1)
        };
        // Another minute has begun, and its count is not ours.
        let _ = self.cells[guess.cell].fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const AWAY: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)));

    #[test]
    fn the_limit_holds_from_all_addresses_together_and_for_a_minute() {
        let guesses = Guesses::new(3);
        for n in 0..3 {
            let from = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, n)));
            assert!(guesses.take("alice@a.test", from, 600).is_some());
        }
        assert!(guesses.take("alice@a.test", AWAY, 659).is_none());
        assert!(guesses.take("nobody@a.test", AWAY, 659).is_some());
        assert!(guesses.take("alice@a.test", AWAY, 660).is_some());
    }

    #[test]
    fn right_passwords_do_not_count_and_the_owner_gets_in() {
        let guesses = Guesses::new(3);
        for _ in 0..10 {
            let guess = guesses.take("alice@a.test", HOME, 0).unwrap();
            guesses.was_right(guess);
        }
        while guesses.take("alice@a.test", AWAY, 1).is_some() {}
        assert!(guesses.take("alice@a.test", HOME, 1).is_some());
    }
}
