//! The timers of one reactor: one a connection, armed and disarmed in constant time.
//!
//! A hierarchical wheel of four levels with 64 slots each; a tick is 8.2 ms, so it spans 38 hours. A
//! deadline further away fires early, and whoever owns it arms it again. Deadlines are rounded up: a
//! timer never fires before its moment.

use std::time::Duration;

use posthaste_core::machine::Instant;

const LEVELS: usize = 4;
const SLOTS: usize = 64;
const BITS: u32 = 6;
/// Microseconds of a tick, as a power of two.
const TICK: u32 = 13;
const SPAN: u64 = 1 << (BITS * LEVELS as u32);
const NONE: u32 = u32::MAX;
const DISARMED: u16 = u16::MAX;

#[derive(Debug)]
pub(crate) struct Wheel {
    /// By timer: where it hangs.
    nodes: Vec<Node>,
    /// First timer of each slot.
    heads: [u32; LEVELS * SLOTS],
    /// Which slots of a level have timers.
    occupied: [u64; LEVELS],
    /// The tick up to which timers have fired.
    tick: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    when: u64,
    previous: u32,
    next: u32,
    slot: u16,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), heads: [NONE; LEVELS * SLOTS], occupied: [0; LEVELS], tick: 0 }
    }

    /// Sets timer `id` to `at`, whatever it was set to.
    pub(crate) fn arm(&mut self, id: u32, at: Instant) {
        let index = id as usize;
        if index >= self.nodes.len() {
            let empty = Node { when: 0, previous: NONE, next: NONE, slot: DISARMED };
            self.nodes.resize(index + 1, empty);
        }
        let when = (at.as_micros() >> TICK) + 1;
        let when = when.clamp(self.tick + 1, self.tick + SPAN - 1);
        if self.nodes[index].slot != DISARMED {
            if self.nodes[index].when == when {
                return;
            }
            self.unlink(id);
        }
        self.nodes[index].when = when;
        self.link(id);
    }

    /// Whether timer `id` is set, and fires no later than `at` needs.
    pub(crate) fn covers(&self, id: u32, at: Instant) -> bool {
        let node = self.nodes.get(id as usize);
        node.is_some_and(|node| node.slot != DISARMED && node.when <= (at.as_micros() >> TICK) + 1)
    }

    pub(crate) fn disarm(&mut self, id: u32) {
        if self.nodes.get(id as usize).is_some_and(|node| node.slot != DISARMED) {
            self.unlink(id);
        }
    }

    /// Disarms the timers that are due at `now` and puts them into `due`.
    pub(crate) fn expire(&mut self, now: Instant, due: &mut Vec<u32>) {
        let now = now.as_micros() >> TICK;
        while let Some((level, slot, start)) = self.first() {
            if start > now {
                break;
            }
            self.tick = start;
            let mut id = std::mem::replace(&mut self.heads[level * SLOTS + slot], NONE);
            self.occupied[level] &= !(1 << slot);
            while id != NONE {
                let node = &mut self.nodes[id as usize];
                let next = node.next;
                node.slot = DISARMED;
                if node.when <= now {
                    due.push(id);
                } else {
                    self.link(id);
                }
                id = next;
            }
        }
        self.tick = self.tick.max(now);
    }

    /// How long nothing fires, at least.
    pub(crate) fn next(&self, now: Instant) -> Option<Duration> {
        let (_, _, start) = self.first()?;
        Some(Instant::from_micros(start << TICK).since(now))
    }

    /// The first slot with timers, and the tick at which it starts. A lower level is always earlier.
    fn first(&self) -> Option<(usize, usize, u64)> {
        (0..LEVELS).find_map(|level| {
            let occupied = self.occupied[level];
            if occupied == 0 {
                return None;
            }
            let shift = BITS * level as u32;
            let current = (self.tick >> shift) & (SLOTS as u64 - 1);
            let ahead = u64::from(occupied.rotate_right(current as u32).trailing_zeros());
            let slot = (current + ahead) as usize % SLOTS;
            let start = ((self.tick >> shift) + ahead) << shift;
            Some((level, slot, start.max(self.tick)))
        })
    }

    fn link(&mut self, id: u32) {
        let when = self.nodes[id as usize].when;
        // The level is that of the highest digit in which the moment differs from now.
        let differs = (self.tick ^ when) | (SLOTS as u64 - 1);
        let level = ((63 - differs.leading_zeros()) / BITS).min(LEVELS as u32 - 1);
        let slot = ((when >> (BITS * level)) & (SLOTS as u64 - 1)) as usize;
        let list = level as usize * SLOTS + slot;
        let head = self.heads[list];
        let node = &mut self.nodes[id as usize];
        (node.previous, node.next, node.slot) = (NONE, head, list as u16);
        if head != NONE {
            self.nodes[head as usize].previous = id;
        }
        self.heads[list] = id;
        self.occupied[level as usize] |= 1 << slot;
    }

    fn unlink(&mut self, id: u32) {
        let node = self.nodes[id as usize];
        let list = node.slot as usize;
        match node.previous {
            NONE => self.heads[list] = node.next,
            previous => self.nodes[previous as usize].next = node.next,
        }
        if node.next != NONE {
            self.nodes[node.next as usize].previous = node.previous;
        }
        if self.heads[list] == NONE {
            self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
        }
        self.nodes[id as usize].slot = DISARMED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    #[test]
    fn never_early_and_soon_after() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        wheel.arm(3, Instant::from_millis(100));
        wheel.expire(Instant::from_millis(99), &mut due);
        assert!(due.is_empty());
        let wait = wheel.next(Instant::from_millis(99)).unwrap();
        assert!(wait >= Duration::from_millis(1) && wait <= Duration::from_millis(10), "{wait:?}");
        wheel.expire(Instant::from_millis(99) + wait, &mut due);
        assert_eq!(due, [3]);
        assert_eq!(wheel.next(Instant::from_millis(200)), None);
    }

    #[test]
    fn a_moment_in_the_past_fires_at_the_next_tick() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        let now = Instant::from_millis(5_000);
        wheel.expire(now, &mut due);
        wheel.arm(0, Instant::ZERO);
        wheel.expire(now, &mut due);
        assert!(due.is_empty(), "else a broken session could spin");
        wheel.expire(now + Duration::from_millis(9), &mut due);
        assert_eq!(due, [0]);
    }

    #[test]
    fn beyond_the_span_it_fires_early() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        wheel.arm(0, Instant::from_millis(1_000 * 3_600_000));
        let wait = wheel.next(Instant::ZERO).unwrap();
        assert!(wait > Duration::from_secs(3_600), "{wait:?}");
        wheel.expire(Instant::from_millis(39 * 3_600_000), &mut due);
        assert_eq!(due, [0]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm(u32, u64),
        Disarm(u32),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let micros = prop_oneof![0..100_000_u64, 0..100_000_000_u64, 0..10_000_000_000_u64];
        prop_oneof![
            (0..20_u32, micros.clone()).prop_map(|(id, after)| Step::Arm(id, after)),
            (0..20_u32).prop_map(Step::Disarm),
            micros.prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// Against the obvious model: a map of deadlines.
        #[test]
        fn does_what_a_map_does(steps in prop::collection::vec(step(), 1..60)) {
            let mut wheel = Wheel::new();
            let mut model = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Arm(id, after) => {
                        wheel.arm(id, Instant::from_micros(now + after));
                        model.insert(id, now + after);
                        prop_assert!(wheel.covers(id, Instant::from_micros(now + after)));
                    }
                    Step::Disarm(id) => {
                        wheel.disarm(id);
                        model.remove(&id);
                    }
                    Step::Pass(time) => {
                        now += time;
                        let mut due = Vec::new();
                        wheel.expire(Instant::from_micros(now), &mut due);
                        for id in due {
                            let at = model.remove(&id);
                            prop_assert!(at.is_some_and(|at| at <= now), "{id} at {at:?}, {now}");
                        }
                        // What is left lies ahead, but for the rounding of a tick.
                        for (id, at) in &model {
                            prop_assert!(at + (2 << TICK) > now, "{id} at {at} missed at {now}");
                        }
                    }
                }
                let next = wheel.next(Instant::from_micros(now));
                prop_assert_eq!(next.is_none(), model.is_empty());
                if let (Some(next), Some(first)) = (next, model.values().min()) {
                    let wake = now + next.as_micros() as u64;
                    prop_assert!(wake <= (*first).max(now) + (2 << TICK));
                }
            }
        }
    }
}
