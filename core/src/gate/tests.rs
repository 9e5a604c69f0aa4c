//! Who comes in, and who does not.

use super::*;
use std::format;
use std::net::Ipv4Addr;
use std::vec::Vec;

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
    let limits =
        Limits { connections: 100, reserved: 20, stress_connections: 50, trusted, ..open_wide() };
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
