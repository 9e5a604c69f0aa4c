//! What of SCRAM depends on the hash it is built upon: RFC 5802 has SHA-1, RFC 7677 SHA-256.

use core::fmt;

use hmac::digest::Digest;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1, for clients that know no better. What it is used for here does not rest on collisions.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    /// Octets that the largest of them makes.
    pub const MOST: usize = 32;

    /// Octets that it makes: of a key and of a proof.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// `H`.
    pub(super) fn digest(self, octets: &[u8]) -> Key {
        match self {
            Self::Sha1 => Key::of(self, &Sha1::digest(octets)),
            Self::Sha256 => Key::of(self, &Sha256::digest(octets)),
        }
    }

    /// `HMAC`, of what `parts` are together.
    pub(super) fn sign(self, key: &[u8], parts: &[&[u8]]) -> Key {
        match self {
            Self::Sha1 => self.mac::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => self.mac::<Hmac<Sha256>>(key, parts),
        }
    }

    /// `Hi` (RFC 5802 §2.2): as many rounds of HMAC.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        let mut octets = [0; Self::MOST];
        let out = octets.get_mut(..self.size()).unwrap_or_default();
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
        }
        let key = Key { hash: self, octets };
        octets.zeroize();
        key
    }

    fn mac<M: Mac + KeyInit>(self, key: &[u8], parts: &[&[u8]]) -> Key {
        // HMAC takes keys of any length: there is no error to have.
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Key::of(self, &[]) };
        for part in parts {
            mac.update(part);
        }
        Key::of(self, &mac.finalize().into_bytes())
    }
}

/// As many octets as the hash makes: a key, a proof or a signature. Wiped when dropped, compared in the same
/// time wherever they differ, not printed.
#[derive(Clone)]
pub struct Key {
    hash: Hash,
    /// The octets, and zeros up to those of the largest hash.
    octets: [u8; Hash::MOST],
}

impl Key {
    /// A key of these octets, if they are as many as the hash makes.
    #[must_use]
    pub fn new(hash: Hash, octets: &[u8]) -> Option<Self> {
        (octets.len() == hash.size()).then(|| Self::of(hash, octets))
    }

    /// The hash that it is for.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.octets.get(..self.hash.size()).unwrap_or_default()
    }

    /// The one with the other's octets xored in.
    pub(super) fn xor(&self, other: &Self) -> Self {
        let octets = core::array::from_fn(|at| self.octets[at] ^ other.octets[at]);
        Self { hash: self.hash, octets }
    }

    /// The octets, cut or filled up with zeros where they are not as many as the hash makes.
    fn of(hash: Hash, octets: &[u8]) -> Self {
        let mut key = Self { hash, octets: [0; Hash::MOST] };
        key.octets
            .iter_mut()
            .zip(octets.iter().take(hash.size()))
            .for_each(|(to, from)| *to = *from);
        key
    }
}

impl ConstantTimeEq for Key {
    fn ct_eq(&self, other: &Self) -> Choice {
        Choice::from(u8::from(self.hash == other.hash)) & self.octets.ct_eq(&other.octets)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
