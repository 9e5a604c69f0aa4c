//! A library without std that drives machines of `posthaste-core`.
//!
//! It has its own panic handler and its own allocator. If core, or anything core depends on, pulled in std, there would
//! be two panic handlers and the build would fail with E0152. So this is a test that passes by building:
//!
//! ```text
//! cargo build --manifest-path tests/no_std/Cargo.toml
//! ```

#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use posthaste_core::machine::{Advance, Input, Instant, Machine};

/// Drives a machine without a handler: each question is refused. Says how many events there were.
fn drive<M: Machine>(mut machine: M, said: &[u8]) -> usize {
    let mut input = Input::new();
    input.push(said);
    input.end();
    let mut out = Vec::new();
    let mut events = 0;
    loop {
        match machine.advance(Instant::ZERO, &mut input, &mut out) {
            Advance::Event => events += usize::from(machine.event(&input, &mut out).is_some()),
            Advance::Answer => machine.refuse(&mut out),
            Advance::Flush => out.clear(),
            Advance::Closed | Advance::Pause | Advance::Read | Advance::Secure => return events,
        }
    }
}

/// Every machine of core, so that all of it is linked.
#[unsafe(no_mangle)]
pub extern "C" fn posthaste_no_std() -> usize {
    use posthaste_core::{imap, pop3, smtp};
    let said = b"QUIT\r\n";
    let role = smtp::server::Role::Smtp;
    let client = Arc::new(smtp::client::Config::new("mx.test"));
    drive(smtp::server::Server::new(Arc::new(smtp::server::Config::new(role, "mx.test"))), said)
        + drive(smtp::client::Client::new(client, [0; 18]), said)
        + drive(pop3::server::Server::new(Arc::new(pop3::server::Config::new("pop.test"))), said)
        + drive(imap::server::Server::new(Arc::new(imap::server::Config::new("imap.test"))), said)
}

/// Nothing is allocated in a program that is never run.
struct Nothing;

// SAFETY: it never hands out memory, which every caller must expect.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
