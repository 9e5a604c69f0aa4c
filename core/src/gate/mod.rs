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
//!
//! | module | holds |
//! |---|---|
//! | `limits` | [`Limits`] |
//! | `network` | [`Network`] |

mod limits;
mod network;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::machine::{Instant, Reason};

pub use limits::Limits;
use network::network_of;
pub use network::{Network, NotANetwork};

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
