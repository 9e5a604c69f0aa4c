//! An allocator that counts what each thread holds.
//!
//! A test program that wants it says
//! `#[global_allocator] static HEAP: posthaste_tests::property::heap::Counting = Counting;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a counter a thread.
#[derive(Debug)]
pub struct Counting;

/// Octets that this thread has allocated and not freed. Wrong by what crossed threads.
#[must_use]
pub fn held() -> i64 {
    HELD.with(Cell::get)
}

/// Allocations that this thread has made.
#[must_use]
pub fn calls() -> u64 {
    CALLS.with(Cell::get)
}

/// Whether this program counts at all.
#[must_use]
pub fn is_counting() -> bool {
    calls() > 0
}

// SAFETY: every call is handed to the system's allocator as it came; the counters are thread-local cells without a
// destructor, so touching them allocates nothing and is fine at any time of a thread's life.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.with(|held| held.set(held.get() + layout.size() as i64));
        CALLS.with(|calls| calls.set(calls.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.with(|held| held.set(held.get() - layout.size() as i64));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}
