//! The messages of a maildrop, as they were at sign-in, and the marks that DELE sets.

use alloc::vec::Vec;
use core::fmt;

/// The messages of a maildrop as they were at sign-in (RFC 1939 §4): numbered from 1, and the same until
/// the session ends, whatever happens in the mailbox.
///
/// The host makes it and keeps a clone of its `Arc` to know which message a number means. Its methods are
/// looked up in memory and never wait.
pub trait Maildrop: Send + Sync {
    /// How many messages there are.
    fn count(&self) -> u32;

    /// Octets of the message `number`, as they are sent: lines end with CR LF, the dots that are stuffed do
    /// not count, and a message without CR LF at its end counts the one it gets.
    fn size(&self, number: u32) -> u64;

    /// The unique id of the message `number` (RFC 1939 §7): it never means another message of this maildrop.
    fn uid(&self, number: u32, uid: &mut Uid<'_>);
}

/// The place of a unique id in a listing: 1 to 70 characters between `!` and `~`.
#[derive(Debug)]
pub struct Uid<'o> {
    out: &'o mut Vec<u8>,
    room: usize,
}

impl<'o> Uid<'o> {
    /// Characters of a unique id at most (RFC 1939 §7).
    pub const MOST: usize = 70;

    /// A place at the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, room: Self::MOST }
    }

    /// Appends to the id. What a unique id cannot have, or is too much, is left out.
    pub fn push(&mut self, text: &[u8]) {
        for octet in text {
            if self.room > 0 && octet.is_ascii_graphic() {
                self.out.push(*octet);
                self.room -= 1;
            }
        }
    }

    /// Whether nothing was appended yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.room == Self::MOST
    }
}

impl fmt::Write for Uid<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Which messages DELE has marked: a bit each, and no heap while there are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Deletions {
    bits: Vec<u64>,
    count: u32,
}

impl Deletions {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { bits: Vec::new(), count: 0 }
    }

    /// Marks the message `number`; says whether it was not marked before.
    pub fn mark(&mut self, number: u32) -> bool {
        let (word, bit) = place(number);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let Some(bits) = self.bits.get_mut(word) else { return false };
        let fresh = *bits & bit == 0;
        *bits |= bit;
        self.count += u32::from(fresh);
        fresh
    }

    /// Whether the message `number` is marked.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// How many are marked.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether none is marked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes all marks away.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The marked numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.bits).flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }
}

impl fmt::Debug for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

const fn place(number: u32) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec;

    use super::*;

    #[test]
    fn marks() {
        let mut marks = Deletions::new();
        assert!(marks.is_empty());
        for number in [64, 1, 63, 130, 1] {
            let fresh = !marks.contains(number);
            assert_eq!(marks.mark(number), fresh);
        }
        assert_eq!(marks.iter().collect::<Vec<_>>(), vec![1, 63, 64, 130]);
        assert_eq!(format!("{marks:?}"), "[1, 63, 64, 130]");
        assert_eq!(marks.count(), 4);
        assert!(!marks.contains(2) && !marks.contains(9_999));
        marks.clear();
        assert!(marks.is_empty() && !marks.contains(64));
    }

    #[test]
    fn a_unique_id_cannot_break_its_line() {
        let mut out = Vec::new();
        let mut uid = Uid::new(&mut out);
        assert!(uid.is_empty());
        uid.push(b"a b\r\n.\x7f\xff");
        uid.push(&[b'x'; 100]);
        assert!(!uid.is_empty());
        assert_eq!(out.len(), Uid::MOST);
        assert!(out.starts_with(b"ab.xxx"));
    }
}
