//! An account, and what of it is kept in the store.
//!
//! # The settings' octets
//! ```text
//! version 1 or 2 │ name: text │ created u64 │ hash: text
//!           │ verifiers: u8, each: kind u8 │ iterations u32 │ salt: text │ stored key: text │ server key: text
//!           │ addresses: u16, each: text
//!           │ in version 2, which is written where there are any: certificates: u16, each: 32 octets
//! ```
//! Numbers are big-endian; a text is a u16 length and its octets. Octets behind the last field are
//! an error: a newer version gets a new number.

use std::fmt;

use posthaste_core::machine::Fingerprint;
use posthaste_core::sasl::scram::{Hash, Key, Verifier};
use posthaste_store::AccountId;

/// The version of octets without certificates.
const VERSION: u8 = 1;
/// The version of octets with certificates.
const WITH_CERTIFICATES: u8 = 2;
/// The kind of a SCRAM-SHA-256 verifier.
const SHA_256: u8 = 1;
/// The kind of a SCRAM-SHA-1 verifier.
const SHA_1: u8 = 2;

/// Who can sign in and receive mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The store's number for it; never used again after the account is gone.
    pub id: AccountId,
    /// Octets of mail it may hold; `None` is no limit.
    pub quota: Option<u64>,
    /// When it was made, how it signs in, and where else it gets mail.
    pub settings: Settings,
}

/// What the store keeps of an account beside its mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The account's name: its full address, in the one spelling by which names are compared.
    pub name: Box<str>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The password's Argon2id hash as a PHC string; empty where no password opens the account.
    pub hash: PasswordHash,
    /// The password's SCRAM verifiers, one for each hash that is wanted. Absent for an imported hash, and for a
    /// hash that was not wanted before, until the next sign-in with a clear password.
    pub scram: Vec<Verifier>,
    /// Further addresses of the account, in the spelling of names.
    pub addresses: Vec<Box<str>>,
    /// The certificates whose holders sign in to the account.
    pub certificates: Vec<Fingerprint>,
}

/// A password's hash as a PHC string. Does not print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordHash(pub Box<str>);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "[none]" } else { "[hash]" })
    }
}

/// The octets are not settings this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account's settings are damaged or of a newer version")
    }
}

impl std::error::Error for Unreadable {}

impl Settings {
    /// The octets to keep.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let version = if self.certificates.is_empty() { VERSION } else { WITH_CERTIFICATES };
        let mut out = vec![version];
        put(&mut out, self.name.as_bytes());
        out.extend_from_slice(&self.created.to_be_bytes());
        put(&mut out, self.hash.0.as_bytes());
        let verifiers = &self.scram[..self.scram.len().min(usize::from(u8::MAX))];
        out.push(verifiers.len() as u8);
        for scram in verifiers {
            out.push(match scram.stored_key.hash() {
                Hash::Sha1 => SHA_1,
                Hash::Sha256 => SHA_256,
            });
            out.extend_from_slice(&scram.iterations.to_be_bytes());
            put(&mut out, &scram.salt);
            put(&mut out, scram.stored_key.expose());
            put(&mut out, scram.server_key.expose());
        }
        let addresses = &self.addresses[..self.addresses.len().min(usize::from(u16::MAX))];
        out.extend_from_slice(&(addresses.len() as u16).to_be_bytes());
        for address in addresses {
            put(&mut out, address.as_bytes());
        }
        if version == WITH_CERTIFICATES {
            let most = self.certificates.len().min(usize::from(u16::MAX));
            out.extend_from_slice(&(most as u16).to_be_bytes());
            for certificate in &self.certificates[..most] {
                out.extend_from_slice(&certificate.0);
            }
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`Unreadable`] for octets that are damaged or of a newer version.
    pub fn decode(kept: &[u8]) -> Result<Self, Unreadable> {
        let mut rest = kept;
        let [version @ (VERSION | WITH_CERTIFICATES)] = take(&mut rest)? else {
            return Err(Unreadable);
        };
        let mut settings = Self {
            name: text(&mut rest)?,
            created: u64::from_be_bytes(take(&mut rest)?),
            hash: PasswordHash(text(&mut rest)?),
            scram: Vec::new(),
            addresses: Vec::new(),
            certificates: Vec::new(),
        };
        let [verifiers] = take(&mut rest)?;
        for _ in 0..verifiers {
            let hash = match take(&mut rest)? {
                [SHA_1] => Hash::Sha1,
                [SHA_256] => Hash::Sha256,
                _ => return Err(Unreadable),
            };
            settings.scram.push(Verifier {
                iterations: u32::from_be_bytes(take(&mut rest)?),
                salt: octets(&mut rest)?.to_vec(),
                stored_key: key(hash, &mut rest)?,
                server_key: key(hash, &mut rest)?,
            });
        }
        for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
            settings.addresses.push(text(&mut rest)?);
        }
        if version == WITH_CERTIFICATES {
            for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
                settings.certificates.push(Fingerprint(take(&mut rest)?));
            }
        }
        if rest.is_empty() { Ok(settings) } else { Err(Unreadable) }
    }
}

fn put(out: &mut Vec<u8>, octets: &[u8]) {
    let octets = &octets[..octets.len().min(usize::from(u16::MAX))];
    out.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    out.extend_from_slice(octets);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unreadable> {
    let (head, tail) = rest.split_first_chunk().ok_or(Unreadable)?;
    *rest = tail;
    Ok(*head)
}

fn octets<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Unreadable> {
    let n = usize::from(u16::from_be_bytes(take(rest)?));
    let (head, tail) = rest.split_at_checked(n).ok_or(Unreadable)?;
    *rest = tail;
    Ok(head)
}

fn text(rest: &mut &[u8]) -> Result<Box<str>, Unreadable> {
    str::from_utf8(octets(rest)?).map(Into::into).map_err(|_| Unreadable)
}

fn key(hash: Hash, rest: &mut &[u8]) -> Result<Key, Unreadable> {
    Key::new(hash, octets(rest)?).ok_or(Unreadable)
}
