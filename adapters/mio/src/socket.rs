//! mio's socket, as links want it.

use std::io::{self, Read, Write};
use std::net::Shutdown;

/// mio's socket as a [`posthaste_tls::Socket`].
pub(crate) struct Tcp(pub(crate) mio::net::TcpStream);

impl Read for Tcp {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl posthaste_tls::Socket for Tcp {
    fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}
