//! tokio's socket as a socket that does not block.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use posthaste_tls::Pool;
use tokio::net::TcpStream;

pub(crate) struct Tcp<'a>(pub(crate) &'a TcpStream);

impl Read for Tcp<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(room)
    }
}

impl Write for Tcp<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl posthaste_tls::Socket for Tcp<'_> {
    fn finish(&mut self) -> io::Result<()> {
        socket2::SockRef::from(self.0).shutdown(Shutdown::Write)
    }
}

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
