//! What a machine is told of the TLS session under its conversation.

use core::fmt;

use sha2::{Digest, Sha256};

/// What is known of the TLS session under a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The protocol version.
    pub version: TlsVersion,
    /// The cipher suite's number in the IANA registry, as in `0x1301`.
    pub cipher: u16,
    /// Whether the peer showed a certificate that was verified.
    pub verified: bool,
    /// What a sign-in can be bound to. Absent below TLS 1.3: there an exporter value names one session only if
    /// both ends agreed on the extended master secret and never renegotiate (RFC 9266 §4.2), which
    /// whoever tells us of TLS cannot see.
    pub exporter: Option<Exporter>,
    /// The certificate that the peer showed first in its chain, having proved that it holds the key. Believed
    /// or not: [`verified`](Self::verified) says that.
    pub certificate: Option<Fingerprint>,
}

impl TlsFacts {
    /// TLS 1.3 with `TLS_AES_128_GCM_SHA256` and an exporter of 32 letters `x`, for tests.
    pub const TEST: Self = Self {
        version: TlsVersion::Tls13,
        cipher: 0x1301,
        verified: false,
        exporter: Some(Exporter::new([b'x'; Exporter::SIZE])),
        certificate: None,
    };
}

const _: () = assert!(size_of::<TlsFacts>() <= 72);

/// The versions of TLS we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// Octets that only the two ends of one TLS session can compute: the channel binding `tls-exporter`,
/// RFC 9266 §2. Does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exporter([u8; Self::SIZE]);

impl Exporter {
    /// How many octets they are.
    pub const SIZE: usize = 32;
    /// The label they are exported with (RFC 9266 §2); the context is empty.
    pub const LABEL: &'static [u8] = b"EXPORTER-Channel-Binding";

    /// What the TLS session exported under [`LABEL`](Self::LABEL).
    #[must_use]
    pub const fn new(octets: [u8; Self::SIZE]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::SIZE] {
        &self.0
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The SHA-256 hash of a certificate in DER: what names a certificate. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of this certificate in DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads 64 hexadecimal digits in either case, with or without colons between the pairs, as
    /// `openssl x509 -fingerprint -sha256` writes them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let mut octets = [0; 32];
        let mut rest = text.as_bytes();
        for (at, octet) in octets.iter_mut().enumerate() {
            if at > 0 && text.len() == 95 {
                rest = rest.strip_prefix(b":")?;
            }
            let [high, low, behind @ ..] = rest else { return None };
            *octet = digit(*high)? << 4 | digit(*low)?;
            rest = behind;
        }
        rest.is_empty().then_some(Self(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn fingerprints_are_read_as_they_are_written() {
        let one = Fingerprint::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(one.to_string(), text);
        assert_eq!(Fingerprint::parse(text), Some(one));
        assert_eq!(Fingerprint::parse(&text.to_uppercase()), Some(one));
        let pairs: alloc::vec::Vec<&str> = (0..32).map(|at| &text[2 * at..2 * at + 2]).collect();
        assert_eq!(Fingerprint::parse(&pairs.join(":")), Some(one));
        for wrong in ["", "e3", &text[1..], &format!("{text}0"), &pairs.join("-"), &"zz".repeat(32)]
        {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_exporter_does_not_print() {
        let shown = format!("{:?}", TlsFacts::TEST);
        assert!(shown.contains("exporter: Some([secret])") && !shown.contains("120"), "{shown}");
    }
}
