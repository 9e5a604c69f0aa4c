//! What the door and the wire allow.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::Network;
#[expect(unused_imports, reason = "for the docs")]
use super::{Admission, Gate};

/// What the door and the wire allow. Config names are the field names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, all listeners together. Default 20,000.
    pub connections: u32,
    /// Connections at once from one address. Default 50. Not for `trusted` networks.
    pub connections_per_address: u32,
    /// Connections at once from one /24 (IPv4) or /64 (IPv6). Default 200. Not for `trusted` networks.
    pub connections_per_network: u32,
    /// New connections that one address may make at a stroke. Default 30. Not for `trusted` networks.
    pub connect_burst: u32,
    /// New connections that one address may make a minute in the long run. Default 60. Not for
    /// `trusted` networks.
    pub connect_rate: u32,
    /// How long sessions may take to end after the server was told to stop. Default 30 s.
    pub drain: Duration,
    /// Percent of `connections` that only `trusted` networks may use. Default 10.
    pub reserved: u32,
    /// Percent of the connections that strangers may have at once (`connections` without `reserved`) from
    /// which on the server is under stress: new strangers come in as [`Admission::Strain`]. Default 75;
    /// 100 or more: never. It is over when a fifth fewer are open ([`Gate::RELIEF`]).
    pub stress_connections: u32,
    /// How long a TLS handshake may take. Default 10 s.
    pub tls_handshake: Duration,
    /// Networks that skip the rate and the caps per address. Default none.
    pub trusted: Vec<Network>,
    /// How long output may wait without the peer taking an octet. Default 60 s.
    pub write_stall: Duration,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        connections: 20_000,
        connections_per_address: 50,
        connections_per_network: 200,
        connect_burst: 30,
        connect_rate: 60,
        drain: Duration::from_secs(30),
        reserved: 10,
        stress_connections: 75,
        tls_handshake: Duration::from_secs(10),
        trusted: Vec::new(),
        write_stall: Duration::from_secs(60),
    };

    /// Connections that are not kept for trusted networks.
    pub(super) fn for_strangers(&self) -> u32 {
        let reserved = u64::from(self.connections) * u64::from(self.reserved.min(100)) / 100;
        // A part of a u32 is one.
        self.connections.saturating_sub(u32::try_from(reserved).unwrap_or(u32::MAX))
    }

    /// Whether `address` lies in a trusted network.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
