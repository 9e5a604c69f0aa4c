//! Who may come in: the decision at the door, from addresses and the time alone.
//!
//! A [`Gate`] counts the connections of one server and says to each new one whether it is welcome,
//! gets a polite refusal, or is dropped without a word. Adapters own the sockets and share one gate;
//! [`Arrival`] is what they tell the wiring about a connection it makes a session for.
//!
//! The more connections there are, the less a stranger gets; peers in [`Limits::trusted`] networks always
//! get everything, up to the last connection:
//!
//! | connections that are open | a new stranger |
//! |---|---|
//! | fewer than `stress_connections` percent of what strangers may have | is welcome |
//! | from there on (*stress*, until a fifth fewer are open) | comes in, but has to be quick |
//! | all but `reserved` | hears that there is too much to do |
//! | all, and a tenth more | hears nothing |

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;

use crate::machine::{Instant, Reason};

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
    fn for_strangers(&self) -> u32 {
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

/// How a listener's connections come by TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS first, then the protocol.
    Implicit,
    /// Never.
    #[default]
    None,
    /// When the client asks for it in the protocol.
    StartTls,
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Implicit => "implicit",
            Self::None => "none",
            Self::StartTls => "starttls",
        })
    }
}

/// One connection, as the wiring needs to know it to make a session.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Which of the server's listeners it came to, counted from 0.
    pub listener: usize,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub peer: SocketAddr,
    /// How the listener does TLS. With [`TlsMode::Implicit`] the adapter calls `secured` before the
    /// first turn.
    pub tls: TlsMode,
    /// Whether the peer lies in a trusted network.
    pub trusted: bool,
    /// Whether it came in as [`Admission::Strain`], and has to be quick.
    pub strained: bool,
}

/// What the gate says to a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Close it without a word: words would cost more than they are worth. It was not counted.
    Drop,
    /// Make a session and close it with this reason, so that the peer hears the protocol's own words.
    Refuse(Reason),
    /// Come in, but there is much to do: be quick and make no mistakes.
    Strain,
    /// Come in.
    Accept,
}

/// Which limit kept connections out, or made them hurry, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Turned away, politely or not, by `connections_per_address`.
    pub address: u64,
    /// Turned away by `connections_per_network`.
    pub network: u64,
    /// Turned away by `connect_rate` and `connect_burst`.
    pub rate: u64,
    /// Turned away by `connections` and `reserved`.
    pub total: u64,
    /// Let in as [`Admission::Strain`].
    pub strained: u64,
    /// Times that stress began, by `stress_connections`.
    pub stress: u64,
}

/// The limits that turn a connection away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Address,
    Network,
    Rate,
    Total,
}

/// What one limit says: the worse the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Refuse(Limit),
    Drop(Limit),
}

impl Limit {
    /// What the peer is told.
    const fn reason(self) -> Reason {
        match self {
            Self::Address | Self::Network => Reason::Crowd,
            Self::Rate => Reason::Haste,
            Self::Total => Reason::Overload,
        }
    }
}

impl Verdict {
    /// The worse of two; the first of two that are as bad.
    const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Accept, other) | (Self::Refuse(_), other @ Self::Drop(_)) => other,
            _ => self,
        }
    }
}

/// A network in the form `192.0.2.0/24`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Both loopback networks, `127.0.0.0/8` and `::1`.
    pub const LOOPBACK: [Self; 2] = [
        Self { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Self { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ];

    /// The network of `prefix` bits around `address`. Longer prefixes than the address has bits
    /// count as all of them.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(if address.is_ipv4() { 32 } else { 128 });
        Self { address: cut(address, prefix), prefix }
    }

    /// Whether `address` lies in it. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && cut(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NotANetwork)?,
            None => most,
        };
        if prefix > most {
            return Err(NotANetwork);
        }
        Ok(Self::new(address, prefix))
    }
}

/// The text is neither an address nor a network such as `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an address or a network such as 192.0.2.0/24")
    }
}

impl core::error::Error for NotANetwork {}

/// Counts connections and decides about new ones. Its memory is bounded: it remembers addresses with
/// open connections, and [`Gate::CALLERS`] others at most.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    open: u32,
    callers: BTreeMap<IpAddr, Caller>,
    networks: BTreeMap<IpAddr, u32>,
    /// Admissions until callers that are long gone are forgotten.
    sweep: u32,
    /// Strangers have to be quick.
    stressed: bool,
    tally: Tally,
}

/// What is known of one address.
#[derive(Debug)]
struct Caller {
    open: u32,
    /// New connections that are still allowed; below zero it is in debt.
    tokens: i64,
    /// When `tokens` was last brought up to date.
    at: Instant,
}

impl Gate {
    /// Addresses without connections that are remembered for their rate.
    pub const CALLERS: usize = 65_536;
    /// Refusals with words stop at this many times a limit; beyond it connections are dropped.
    pub const PATIENCE: u32 = 2;
    /// Percent of the connections that began the stress which must not be exceeded for it to end. Without
    /// such a gap it would come and go with each connection.
    pub const RELIEF: u32 = 80;
    const SWEEP: u32 = 1_024;

    /// Nobody in yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: 0,
            callers: BTreeMap::new(),
            networks: BTreeMap::new(),
            sweep: Self::SWEEP,
            stressed: false,
            tally: Tally::default(),
        }
    }

    /// The limits in force.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Puts other limits in force. Connections that are open stay.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.feel();
    }

    /// Connections that are counted now.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.open
    }

    /// Whether there are so many connections that strangers have to be quick.
    #[must_use]
    pub const fn is_stressed(&self) -> bool {
        self.stressed
    }

    /// What the limits did so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Decides about a connection from `peer`. Unless the answer is [`Admission::Drop`] it is counted,
    /// and [`leave`](Self::leave) must follow when it ends.
    pub fn admit(&mut self, now: Instant, peer: IpAddr) -> Admission {
        let peer = peer.to_canonical();
        let trusted = self.limits.trusts(peer);
        let verdict = if trusted { Verdict::Accept } else { self.judge(now, peer) };
        let verdict = verdict.or(self.crowd(trusted));
        self.count(verdict);
        if matches!(verdict, Verdict::Drop(_)) {
            return Admission::Drop;
        }
        self.open = self.open.saturating_add(1);
        if !trusted {
            let full = i64::from(self.limits.connect_burst);
            let caller =
                self.callers.entry(peer).or_insert(Caller { open: 0, tokens: full, at: now });
            caller.open = caller.open.saturating_add(1);
            caller.tokens -= 1;
            let network = self.networks.entry(network_of(peer)).or_insert(0);
            *network = network.saturating_add(1);
        }
        let strained = self.stressed && !trusted;
        self.feel();
        match verdict {
            Verdict::Refuse(limit) => Admission::Refuse(limit.reason()),
            _ if strained => {
                self.tally.strained = self.tally.strained.saturating_add(1);
                Admission::Strain
            }
            _ => Admission::Accept,
        }
    }

    fn count(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Accept => return,
            Verdict::Refuse(Limit::Address) | Verdict::Drop(Limit::Address) => {
                &mut self.tally.address
            }
            Verdict::Refuse(Limit::Network) | Verdict::Drop(Limit::Network) => {
                &mut self.tally.network
            }
            Verdict::Refuse(Limit::Rate) | Verdict::Drop(Limit::Rate) => &mut self.tally.rate,
            Verdict::Refuse(Limit::Total) | Verdict::Drop(Limit::Total) => &mut self.tally.total,
        };
        *count = count.saturating_add(1);
    }

    /// Whether the number of connections begins or ends the stress.
    fn feel(&mut self) {
        let limits = &self.limits;
        let begin = u64::from(limits.for_strangers()) * u64::from(limits.stress_connections) / 100;
        let open = u64::from(self.open);
        let on = limits.stress_connections < 100
            && if self.stressed {
                open * 100 > begin * u64::from(Self::RELIEF)
            } else {
                open >= begin
            };
        if on && !self.stressed {
            self.tally.stress = self.tally.stress.saturating_add(1);
        }
        self.stressed = on;
    }

    /// Decides about a connection from a listed proxy, of which nobody knows yet whose it is: only the total
    /// counts. When it is known, or over, [`leave_proxy`](Self::leave_proxy) must follow.
    pub fn admit_proxy(&mut self) -> Admission {
        let verdict = self.crowd(true);
        self.count(verdict);
        if verdict == Verdict::Accept {
            self.open = self.open.saturating_add(1);
            self.feel();
            return Admission::Accept;
        }
        // It would not understand words.
        Admission::Drop
    }

    /// A connection from a proxy is over, or somebody's.
    pub fn leave_proxy(&mut self) {
        self.open = self.open.saturating_sub(1);
        self.feel();
    }

    /// A counted connection ended.
    pub fn leave(&mut self, peer: IpAddr) {
        let peer = peer.to_canonical();
        self.open = self.open.saturating_sub(1);
        if let Some(caller) = self.callers.get_mut(&peer) {
            // A trusted peer has no entry, unless the list changed meanwhile: then this is a little
            // generous, and no more.
            caller.open = caller.open.saturating_sub(1);
            let network = network_of(peer);
            if let Some(open) = self.networks.get_mut(&network) {
                *open = open.saturating_sub(1);
                if *open == 0 {
                    self.networks.remove(&network);
                }
            }
        }
        self.feel();
    }

    fn judge(&mut self, now: Instant, peer: IpAddr) -> Verdict {
        self.sweep(now);
        let limits = &self.limits;
        let network = self.networks.get(&network_of(peer)).copied().unwrap_or(0);
        let by_network = over(network, limits.connections_per_network, Limit::Network);
        let Some(caller) = self.callers.get_mut(&peer) else {
            return by_network;
        };
        caller.refill(now, limits);
        let debt = -i64::from(limits.connect_burst.max(1));
        let by_rate = match caller.tokens {
            1.. => Verdict::Accept,
            tokens if tokens > debt => Verdict::Refuse(Limit::Rate),
            _ => Verdict::Drop(Limit::Rate),
        };
        let by_address = over(caller.open, limits.connections_per_address, Limit::Address);
        by_address.or(by_network).or(by_rate)
    }

    /// The verdict by the total alone.
    fn crowd(&self, trusted: bool) -> Verdict {
        let most = self.limits.connections;
        let soft = if trusted { most } else { self.limits.for_strangers() };
        // A tenth more than all, so that there is room to say no.
        if self.open >= most.saturating_add(most / 10).max(most.saturating_add(1)) {
            Verdict::Drop(Limit::Total)
        } else if self.open >= soft {
            Verdict::Refuse(Limit::Total)
        } else {
            Verdict::Accept
        }
    }

    /// Forgets callers that owe nothing, now and then.
    fn sweep(&mut self, now: Instant) {
        self.sweep = self.sweep.saturating_sub(1);
        if self.sweep > 0 {
            return;
        }
        self.sweep = Self::SWEEP;
        let limits = &self.limits;
        let full = i64::from(limits.connect_burst);
        self.callers.retain(|_, caller| {
            caller.refill(now, limits);
            caller.open > 0 || caller.tokens < full
        });
        if self.callers.len() > Self::CALLERS {
            self.callers.retain(|_, caller| caller.open > 0);
        }
    }
}

impl Caller {
    fn refill(&mut self, now: Instant, limits: &Limits) {
        let rate = u64::from(limits.connect_rate.max(1));
        let step = 60_000_000 / rate.min(60_000_000);
        let steps = now.as_micros().saturating_sub(self.at.as_micros()) / step.max(1);
        if steps > 0 {
            let steps = i64::try_from(steps).unwrap_or(i64::MAX);
            self.tokens =
                self.tokens.saturating_add(steps).min(i64::from(limits.connect_burst.max(1)));
            self.at = now;
        }
    }
}

fn over(open: u32, most: u32, limit: Limit) -> Verdict {
    if open < most {
        Verdict::Accept
    } else if open < most.saturating_mul(Gate::PATIENCE) {
        Verdict::Refuse(limit)
    } else {
        Verdict::Drop(limit)
    }
}

/// The network that `connections_per_network` counts by.
fn network_of(address: IpAddr) -> IpAddr {
    cut(address, if address.is_ipv4() { 24 } else { 64 })
}

/// `address` with all bits behind the first `prefix` cleared.
fn cut(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn open_wide() -> Limits {
        Limits { connect_burst: 1_000, stress_connections: 100, ..Limits::DEFAULT }
    }

    #[test]
    fn networks() {
        let net: Network = "192.0.2.77/24".parse().unwrap();
        assert_eq!(format!("{net}"), "192.0.2.0/24");
        assert!(net.contains(ip("192.0.2.255")));
        assert!(net.contains(ip("::ffff:192.0.2.1")));
        assert!(!net.contains(ip("192.0.3.0")));
        assert!(!net.contains(ip("::1")));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains(ip("8.8.8.8")));
        assert!("::/0".parse::<Network>().unwrap().contains(ip("2001:db8::1")));
        assert!("2001:db8::/32".parse::<Network>().unwrap().contains(ip("2001:db8:ffff::1")));
        assert_eq!("::1".parse(), Ok(Network::LOOPBACK[1]));
        for bad in ["", "x", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3/8", "1.2.3.4/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
    }

    #[test]
    fn an_address_has_its_share() {
        let mut gate = Gate::new(Limits { connections_per_address: 2, ..open_wide() });
        let (now, peer) = (Instant::ZERO, ip("192.0.2.1"));
        let all: Vec<_> = (0..5).map(|_| gate.admit(now, peer)).collect();
        let no = Admission::Refuse(Reason::Crowd);
        assert_eq!(all, [Admission::Accept, Admission::Accept, no, no, Admission::Drop]);
        assert_eq!(gate.open(), 4);
        assert_eq!(gate.tally(), Tally { address: 3, ..Tally::default() });
        assert_eq!(gate.admit(now, ip("192.0.2.2")), Admission::Accept);
        for _ in 0..3 {
            gate.leave(peer);
        }
        assert_eq!(gate.admit(now, peer), Admission::Accept);
    }

    #[test]
    fn a_network_has_its_share() {
        let mut gate = Gate::new(Limits { connections_per_network: 2, ..open_wide() });
        let now = Instant::ZERO;
        assert_eq!(gate.admit(now, ip("2001:db8::1")), Admission::Accept);
        assert_eq!(gate.admit(now, ip("2001:db8::2")), Admission::Accept);
        assert_eq!(gate.admit(now, ip("2001:db8::3")), Admission::Refuse(Reason::Crowd));
        assert_eq!(gate.tally(), Tally { network: 1, ..Tally::default() });
        assert_eq!(gate.admit(now, ip("2001:db8:0:1::1")), Admission::Accept);
        for n in 1..=3 {
            gate.leave(ip(&format!("2001:db8::{n}")));
        }
        assert_eq!(gate.admit(now, ip("2001:db8::4")), Admission::Accept);
    }

    #[test]
    fn a_rate_has_a_burst_and_comes_back() {
        let mut gate = Gate::new(Limits { connect_burst: 3, connect_rate: 60, ..open_wide() });
        let peer = ip("192.0.2.1");
        let mut at = |seconds: u64| {
            let verdict = gate.admit(Instant::from_millis(seconds * 1_000), peer);
            if verdict != Admission::Drop {
                gate.leave(peer);
            }
            verdict
        };
        let no = Admission::Refuse(Reason::Haste);
        let first: Vec<_> = (0..8).map(|_| at(0)).collect();
        let yes = Admission::Accept;
        assert_eq!(first, [yes, yes, yes, no, no, no, Admission::Drop, Admission::Drop]);
        // One a second: the debt of three is paid first.
        assert_eq!(at(3), no);
        assert_eq!(at(5), yes);
        assert_eq!(at(100), yes);
        assert_eq!(gate.tally(), Tally { rate: 6, ..Tally::default() });
    }

    #[test]
    fn the_total_keeps_room_for_the_trusted() {
        let trusted = Network::LOOPBACK.to_vec();
        let mut gate = Gate::new(Limits { connections: 10, trusted, ..open_wide() });
        let (now, stranger) = (Instant::ZERO, ip("192.0.2.1"));
        for _ in 0..9 {
            assert_eq!(gate.admit(now, stranger), Admission::Accept);
        }
        assert_eq!(gate.admit(now, ip("127.0.0.1")), Admission::Accept);
        assert_eq!(gate.admit(now, ip("127.0.0.1")), Admission::Refuse(Reason::Overload));
        assert_eq!(gate.admit(now, ip("127.0.0.1")), Admission::Drop);
        assert_eq!(gate.admit(now, stranger), Admission::Drop);
        assert_eq!(gate.open(), 11);
        assert_eq!(gate.tally(), Tally { total: 3, ..Tally::default() });
    }

    /// Strangers may have 80 of 100; half of these begin the stress, and it ends at four fifths of that.
    #[test]
    fn stress_comes_and_goes_with_a_gap() {
        let trusted = Network::LOOPBACK.to_vec();
        let limits = Limits {
            connections: 100,
            reserved: 20,
            stress_connections: 50,
            trusted,
            ..open_wide()
        };
        let mut gate = Gate::new(limits.clone());
        let (now, stranger, friend) = (Instant::ZERO, ip("192.0.2.1"), ip("127.0.0.1"));
        for _ in 0..40 {
            assert_eq!(gate.admit(now, stranger), Admission::Accept);
        }
        assert!(gate.is_stressed());
        assert_eq!(gate.admit(now, stranger), Admission::Strain);
        assert_eq!(gate.admit(now, friend), Admission::Accept);
        gate.leave(friend);
        // 33 are one too many for relief.
        for _ in 0..8 {
            gate.leave(stranger);
        }
        assert_eq!((gate.open(), gate.is_stressed()), (33, true));
        assert_eq!(gate.admit(now, stranger), Admission::Strain);
        gate.leave(stranger);
        gate.leave(stranger);
        assert_eq!((gate.open(), gate.is_stressed()), (32, false));
        for _ in 0..8 {
            assert_eq!(gate.admit(now, stranger), Admission::Accept);
        }
        assert_eq!(gate.tally(), Tally { strained: 2, stress: 2, ..Tally::default() });
        // Other limits count at once.
        gate.set_limits(Limits { stress_connections: 100, ..limits });
        assert!(!gate.is_stressed());
        assert_eq!(gate.admit(now, stranger), Admission::Accept);
    }

    #[test]
    fn memory_is_bounded() {
        let mut gate = Gate::new(open_wide());
        for n in 0..200_000_u32 {
            let peer = IpAddr::V4(Ipv4Addr::from_bits(n << 8));
            assert_eq!(gate.admit(Instant::ZERO, peer), Admission::Accept);
            gate.leave(peer);
        }
        assert!(gate.callers.len() <= Gate::CALLERS + Gate::SWEEP as usize);
        assert!(gate.networks.is_empty());
        // An hour later nobody owes anything.
        for n in 0..=Gate::SWEEP {
            let peer = IpAddr::V4(Ipv4Addr::from_bits(n << 8 | 1));
            let _ = gate.admit(Instant::from_millis(3_600_000), peer);
        }
        assert!(gate.callers.len() <= 2 * Gate::SWEEP as usize, "{}", gate.callers.len());
    }
}
