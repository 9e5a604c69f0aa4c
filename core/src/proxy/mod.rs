//! The PROXY protocol, versions 1 and 2: what a proxy says, before anything else, about whose connection it
//! carries.
//!
//! | module | holds |
//! |---|---|
//! | `v1` | a line of text |
//! | `v2` | sixteen octets and what they count out |
//!
//! Whether a header must be there is decided by who connects, never by what comes: a listed proxy sends one or
//! is dropped, and nobody else is asked (the protocol's specification §2 forbids guessing).
//!
//! ```
//! use posthaste_core::proxy::{Parsed, parse};
//!
//! let Parsed::Header { length, ends: Some(ends) } = parse(
//!     b"PROXY TCP4 192.0.2.9 198.51.100.1 50123 25\r\nEHLO a.test\r\n",
//! ) else { panic!() };
//! assert_eq!(ends.peer, "192.0.2.9:50123".parse()?);
//! assert_eq!(length, 44);
//! # Ok::<(), core::net::AddrParseError>(())
//! ```

mod v1;
mod v2;

use core::net::SocketAddr;

/// Octets of a header at most. Version 1 has 107; version 2 counts up to 64 KB, which nobody needs.
pub const OCTETS: usize = 4_096;

/// What stands at the front of a proxy's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// No header, and none can become of it.
    Bad,
    /// A whole header.
    Header {
        /// Its octets; what follows is the peer's.
        length: usize,
        /// Whose connection it is; nothing if it is the proxy's own (`LOCAL`), or if the proxy does not know.
        ends: Option<Ends>,
    },
    /// The beginning of one.
    More,
}

/// The two ends of the connection that a proxy carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who connected to the proxy.
    pub peer: SocketAddr,
    /// Where it connected to.
    pub local: SocketAddr,
}

/// Reads the header at the front of `bytes`.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    if begins(bytes, &v2::SIGNATURE) {
        v2::parse(bytes)
    } else if begins(bytes, v1::SIGNATURE) {
        v1::parse(bytes)
    } else {
        Parsed::Bad
    }
}

/// Whether `bytes` begin with `signature`, as far as they go.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests;
