//! What the host wants to know from the configuration. Every limit here has a name in the
//! configuration file, a default, and a test.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::password::PasswordCost;

/// Everything the host is told when it starts. What can change while it runs is changed by
/// [`Host::reload`](crate::Host::reload).
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in trace fields and message identifiers.
    pub hostname: String,
    /// Domains, aliases and the like.
    pub names: Names,
    /// `submission_fixups`: add Date and Message-ID to submitted messages that have none.
    pub submission_fixups: bool,
    /// `lmtp_from`: networks that may speak LMTP. A Unix socket always may.
    pub lmtp_from: Vec<Network>,
    /// Bounds.
    pub limits: Limits,
    /// What checking a password costs. Fixed when the host starts.
    pub password: PasswordCost,
}

impl Config {
    /// The defaults for a server of this name that accepts mail for these domains.
    #[must_use]
    pub fn new(hostname: &str, domains: &[&str]) -> Self {
        Self {
            hostname: hostname.to_owned(),
            names: Names {
                domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
                ..Names::default()
            },
            submission_fixups: true,
            lmtp_from: Network::LOOPBACK.to_vec(),
            limits: Limits::default(),
            password: PasswordCost::default(),
        }
    }
}

/// The host's own bounds; those of a session are in the machines' configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hops`: Received fields of a message; one more is a loop.
    pub hops: u32,
    /// `bytes_in_flight`: octets of bodies that are not durable yet, of all senders together. Above
    /// it senders are not read from.
    pub bytes_in_flight: u64,
    /// `auth_failures` that are checked a minute and account.
    pub auth_failures: u32,
    /// `message_size`: octets of a message that IMAP APPEND may bring; SMTP has its own in the
    /// machine's configuration.
    pub message_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hops: 50,
            bytes_in_flight: 256 * 1024 * 1024,
            auth_failures: 100,
            message_size: 50 * 1024 * 1024,
        }
    }
}

/// The sizes of the pools that [`Inputs::system`](crate::inputs::Inputs::system) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pools {
    /// `password_threads`: passwords that are checked at the same time, each with the memory of
    /// [`PasswordCost`].
    pub password_threads: usize,
    /// `password_queue`: passwords that wait for a thread; who comes then is told to come later.
    pub password_queue: usize,
    /// `read_threads`: commands that read the store at the same time.
    pub read_threads: usize,
    /// `read_queue`: commands that wait for a thread. A session waits with one at most, so as many as
    /// `connections` never overflow it.
    pub read_queue: usize,
}

impl Default for Pools {
    fn default() -> Self {
        Self { password_threads: 2, password_queue: 256, read_threads: 4, read_queue: 20_000 }
    }
}

/// Domains, aliases and the like.
#[derive(Clone, Debug)]
pub struct Names {
    /// Domains that mail is accepted for.
    pub domains: Vec<String>,
    /// Whose names are accepted without a domain when signing in; is a local domain too.
    pub default_domain: Option<String>,
    /// The sign between a name and what its owner adds to it, as in `alice+shop@example.test`.
    pub subaddress: Option<char>,
    /// Who reads mail for the postmaster; otherwise the first account made does.
    pub postmaster: Option<String>,
    /// Aliases.
    pub aliases: Vec<Alias>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            default_domain: None,
            subaddress: Some('+'),
            postmaster: None,
            aliases: Vec::new(),
        }
    }
}

/// An address that leads to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The address.
    pub address: String,
    /// Where it leads: local addresses, which may be aliases themselves.
    pub to: Vec<String>,
}

/// Addresses with a common beginning, as in `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// This machine.
    pub const LOOPBACK: [Self; 2] = [
        Self { address: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
        Self { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 },
    ];

    /// Whether `address` is in it. An IPv4 address in IPv6 clothes counts as what it is.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The text is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNetwork(String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a network, as in 192.0.2.0/24, 2001:db8::/32 or ::1", self.0)
    }
}

impl std::error::Error for BadNetwork {}

impl FromStr for Network {
    type Err = BadNetwork;

    /// An address alone is a network of one.
    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits <= most { Ok(Self { address, bits }) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_begins_alike() {
        for (network, inside, outside) in [
            ("127.0.0.0/8", "127.255.0.1", "128.0.0.1"),
            ("192.0.2.4", "192.0.2.4", "192.0.2.5"),
            ("0.0.0.0/0", "203.0.113.7", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "::2"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.has(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.has(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for bad in ["", "x", "127.0.0.1/33", "::/129", "127.0.0.1/", "1.2.3.4/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
