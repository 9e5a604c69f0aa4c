//! Time, allocations and instructions of one piece of work.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counts what Rust code allocates; C code has its own allocator and is not counted.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// How often memory was asked for so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// CPU time of this thread.
pub fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux and the pointer is good.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps this thread on one core.
pub fn pin(core: usize) {
    // SAFETY: an all-zero set is a valid one, and the pointer is good.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// Runs `work` over all messages, and gives the sum of what it found in them. Callgrind counts the
/// instructions between entering and leaving this function, by its name.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "Rust" fn posthaste_peers_measured(
    work: &mut dyn FnMut(&[u8]) -> usize,
    messages: &[&[u8]],
) -> usize {
    messages.iter().map(|message| black_box(work(black_box(message)))).sum()
}
