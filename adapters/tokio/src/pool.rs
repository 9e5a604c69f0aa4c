//! The buffers of this thread.

use std::cell::RefCell;

use posthaste_tls::Pool;

/// Runs `work` with the buffers of this thread. They are borrowed between two awaits only.
pub(crate) fn with_pool<T>(work: impl FnOnce(&mut Pool) -> T) -> T {
    thread_local! {
        static POOL: RefCell<Pool> = RefCell::new(Pool::new());
    }
    POOL.with(|pool| match pool.try_borrow_mut() {
        Ok(mut pool) => work(&mut pool),
        // Only if `work` runs connections itself, which nothing here does.
        Err(_) => work(&mut Pool::new()),
    })
}
