//! Version 2: a signature of twelve octets, what it is, how long, addresses, and things to be skipped.

use core::net::{IpAddr, SocketAddr};

use super::{Ends, OCTETS, Parsed};

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some(fixed) = bytes.get(..16) else {
        return match bytes.get(12) {
            Some(kind) if kind >> 4 != 2 => Parsed::Bad,
            _ => Parsed::More,
        };
    };
    let [.., kind, family, high, low] = fixed else { return Parsed::Bad };
    let length = 16 + usize::from(u16::from_be_bytes([*high, *low]));
    if kind >> 4 != 2 || length > OCTETS {
        return Parsed::Bad;
    }
    let Some(rest) = bytes.get(16..length) else { return Parsed::More };
    let ends = match (kind & 15, *family) {
        // LOCAL: the proxy speaks for itself, and its addresses are not to be looked at.
        (0, _) => None,
        (1, 0x11) => match ends::<4, 12>(rest) {
            None => return Parsed::Bad,
            ends => ends,
        },
        (1, 0x21) => match ends::<16, 36>(rest) {
            None => return Parsed::Bad,
            ends => ends,
        },
        // Of other families (unspecified, datagrams, Unix sockets) nothing is known.
        (1, _) => None,
        _ => return Parsed::Bad,
    };
    Parsed::Header { length, ends }
}

/// Two addresses of `N` octets, two ports.
fn ends<const N: usize, const ALL: usize>(rest: &[u8]) -> Option<Ends>
where
    [u8; N]: Into<IpAddr>,
{
    let (addresses, ports) = rest.get(..ALL)?.split_at_checked(2 * N)?;
    let (peer, local) = addresses.split_at_checked(N)?;
    let address = |octets: &[u8]| <[u8; N]>::try_from(octets).ok().map(Into::into);
    let [a, b, c, d] = ports else { return None };
    Some(Ends {
        peer: SocketAddr::new(address(peer)?, u16::from_be_bytes([*a, *b])),
        local: SocketAddr::new(address(local)?, u16::from_be_bytes([*c, *d])),
    })
}
