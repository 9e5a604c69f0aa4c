//! SCRAM-SHA-256, RFC 5802 with the hash of RFC 7677: the password is proved and never sent.
//!
//! [`Verifier`] is what a host keeps of a password. [`Server`] and [`Client`] are the two sides of one exchange
//! in raw messages; [`server`](super::server) and [`client`](super::client) put them into lines.
//!
//! Everything that depends on the hash is in the last section, so SCRAM-SHA-1 would be a second one of it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::client::Fault;
use super::prep;
use super::{Failure, Identity, Known, Mechanism};
use crate::grammar::{base64, decimal};
use crate::text::{OwnedSecret, Secret};

/// Octets of a key and of a proof: those of the hash.
pub const KEY: usize = 32;

/// Rounds below which a client does not answer (RFC 7677 §4 has servers announce 4,096 at least).
pub const ITERATIONS_LEAST: u32 = 4_096;

/// Rounds above which a client does not answer, so that a hostile server cannot keep it busy: about a
/// second of work.
pub const ITERATIONS_MOST: u32 = 2_000_000;

/// What a server keeps of a password (RFC 5802 §3): enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Random octets, other ones for each user.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// `H(HMAC(SaltedPassword, "Client Key"))`.
    pub stored_key: [u8; KEY],
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: [u8; KEY],
}

impl Verifier {
    /// Derives it from a prepared password ([`prep`]). Costs `iterations` rounds of HMAC:
    /// not for a thread that must not wait. Zero iterations count as one.
    #[must_use]
    pub fn derive(password: Secret<'_>, salt: &[u8], iterations: u32) -> Self {
        let iterations = iterations.max(1);
        let salted = salted(password.expose(), salt, iterations);
        let client_key = Zeroizing::new(hmac(&*salted, CLIENT_KEY));
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash(&*client_key),
            server_key: hmac(&*salted, SERVER_KEY),
        }
    }
}

impl fmt::Debug for Verifier {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The server's side of one exchange.
pub struct Server {
    /// The client's first message, whole.
    first: Vec<u8>,
    /// Octets of the GS2 header in front of it.
    header: usize,
    /// The client's nonce, then, with the server's behind it, what the client must say.
    nonce: Vec<u8>,
    /// Our first message, empty until the host has said what it knows.
    challenge: Vec<u8>,
    stored_key: [u8; KEY],
    server_key: [u8; KEY],
    identity: Identity,
}

impl Server {
    /// Reads the client's first message (RFC 5802 §7, `client-first-message`).
    ///
    /// # Errors
    /// [`Failure::ChannelBinding`] if the client insists on one; [`Failure::Malformed`] for what the
    /// grammar does not have, for a name that cannot be prepared, and for mandatory extensions
    /// (§5.1, `m`).
    pub fn new(message: &[u8]) -> Result<Self, Failure> {
        let text = core::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
        if text.contains('\0') {
            return Err(Failure::Malformed);
        }
        let (flag, rest) = text.split_once(',').ok_or(Failure::Malformed)?;
        match flag {
            // RFC 5802 §6: "y" says that the client thinks that we offer no binding, and it is right.
            "n" | "y" => {}
            binding if binding.len() > 2 && binding.starts_with("p=") => {
                return Err(Failure::ChannelBinding);
            }
            _ => return Err(Failure::Malformed),
        }
        let (authorization, bare) = rest.split_once(',').ok_or(Failure::Malformed)?;
        let authorization = match authorization {
            "" => None,
            other => Some(name(other.strip_prefix("a=").ok_or(Failure::Malformed)?)?),
        };
        let mut attributes = bare.split(',');
        let user =
            attributes.next().and_then(|it| it.strip_prefix("n=")).ok_or(Failure::Malformed)?;
        let user = name(user)?;
        let nonce =
            attributes.next().and_then(|it| it.strip_prefix("r=")).ok_or(Failure::Malformed)?;
        if !is_nonce(nonce) || !attributes.all(is_extension) {
            return Err(Failure::Malformed);
        }
        Ok(Self {
            header: text.len() - bare.len(),
            nonce: nonce.as_bytes().to_vec(),
            challenge: Vec::new(),
            stored_key: [0; KEY],
            server_key: [0; KEY],
            identity: Identity { mechanism: Mechanism::ScramSha256, user, authorization },
            first: message.to_vec(),
        })
    }

    /// Who the client says it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Our first message: nonce, salt and iterations (RFC 5802 §7, `server-first-message`).
    pub fn challenge(&mut self, known: &Known) -> &[u8] {
        base64::encode(&known.nonce, &mut self.nonce);
        self.challenge_with(&known.verifier)
    }

    /// The message with the server's part of the nonce in place already.
    pub(super) fn challenge_with(&mut self, verifier: &Verifier) -> &[u8] {
        self.stored_key = verifier.stored_key;
        self.server_key = verifier.server_key;
        let out = &mut self.challenge;
        out.clear();
        out.extend_from_slice(b"r=");
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(b",s=");
        base64::encode(&verifier.salt, out);
        out.extend_from_slice(b",i=");
        decimal::push(verifier.iterations.into(), out);
        out
    }

    #[cfg(test)]
    pub(super) fn extend_nonce(&mut self, part: &[u8]) {
        self.nonce.extend_from_slice(part);
    }

    /// Checks the client's final message and says ours, which proves that we know the user too
    /// (RFC 5802 §3).
    ///
    /// # Errors
    /// [`Failure::Malformed`], or [`Failure::Rejected`] if the nonce, the channel binding or the proof is wrong.
    pub fn prove(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let text = core::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
        let (unproved, proof) = text.rsplit_once(",p=").ok_or(Failure::Malformed)?;
        let mut attributes = unproved.split(',');
        let binding =
            attributes.next().and_then(|it| it.strip_prefix("c=")).ok_or(Failure::Malformed)?;
        let nonce =
            attributes.next().and_then(|it| it.strip_prefix("r=")).ok_or(Failure::Malformed)?;
        if !attributes.all(is_extension) {
            return Err(Failure::Malformed);
        }
        let proof = key(proof).ok_or(Failure::Malformed)?;

        // RFC 5802 §6: the value of `c` is made again and compared. Without binding it is the GS2 header.
        let mut header = Vec::new();
        base64::encode(self.first.get(..self.header).unwrap_or_default(), &mut header);
        let bare = self.first.get(self.header..).unwrap_or_default();

        let said = AuthMessage { bare, challenge: &self.challenge, unproved: unproved.as_bytes() };
        let signature = said.sign(&self.stored_key);
        let client_key = Zeroizing::new(xor(&proof, &signature));
        let right = binding.as_bytes().ct_eq(&header)
            // RFC 5802 §5.1, `r`: the server MUST verify it.
            & nonce.as_bytes().ct_eq(&self.nonce)
            & hash(&*client_key).ct_eq(&self.stored_key);
        if !bool::from(right) {
            return Err(Failure::Rejected);
        }
        let mut last = b"v=".to_vec();
        base64::encode(&said.sign(&self.server_key), &mut last);
        Ok(last)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

/// The client's side of one exchange.
pub struct Client {
    password: OwnedSecret,
    /// `client-first-message`, whole.
    first: Vec<u8>,
    header: usize,
    nonce: Vec<u8>,
    /// What the server must say at last.
    signature: [u8; KEY],
}

impl Client {
    /// Begins, with randomness for this exchange only. Names and password are prepared already.
    #[must_use]
    pub fn new(
        user: &str,
        authorization: Option<&str>,
        password: OwnedSecret,
        nonce: &[u8],
    ) -> Self {
        let mut text = Vec::new();
        base64::encode(nonce, &mut text);
        Self::with_nonce(user, authorization, password, text)
    }

    pub(super) fn with_nonce(
        user: &str,
        authorization: Option<&str>,
        password: OwnedSecret,
        nonce: Vec<u8>,
    ) -> Self {
        // RFC 5802 §6: a client without channel binding says "n".
        let mut first = b"n,".to_vec();
        if let Some(other) = authorization {
            first.extend_from_slice(b"a=");
            push_name(other, &mut first);
        }
        first.push(b',');
        let header = first.len();
        first.extend_from_slice(b"n=");
        push_name(user, &mut first);
        first.extend_from_slice(b",r=");
        first.extend_from_slice(&nonce);
        Self { password, first, header, nonce, signature: [0; KEY] }
    }

    /// The first message.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// Reads the server's first message and makes the proof. Costs as many rounds of HMAC as the server
    /// asks for, within [`ITERATIONS_LEAST`] and [`ITERATIONS_MOST`].
    ///
    /// # Errors
    /// [`Fault`] says what is wrong with the message.
    pub fn prove(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Fault> {
        let text = core::str::from_utf8(challenge).map_err(|_| Fault::Malformed)?;
        let mut attributes = text.split(',');
        let nonce =
            attributes.next().and_then(|it| it.strip_prefix("r=")).ok_or(Fault::Malformed)?;
        let salt =
            attributes.next().and_then(|it| it.strip_prefix("s=")).ok_or(Fault::Malformed)?;
        let rounds =
            attributes.next().and_then(|it| it.strip_prefix("i=")).ok_or(Fault::Malformed)?;
        if !attributes.all(is_extension) || !is_nonce(nonce) {
            return Err(Fault::Malformed);
        }
        // RFC 5802 §5.1, `r`: the client MUST verify that its own part stands in front. A server
        // that adds nothing has no nonce.
        if !nonce.as_bytes().starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Fault::Nonce);
        }
        let mut octets = Vec::new();
        base64::decode(salt.as_bytes(), &mut octets).map_err(|_| Fault::Malformed)?;
        // RFC 5802 §7, `posit-number`: no sign, no zero in front.
        let digits = !rounds.is_empty() && rounds.bytes().all(|octet| octet.is_ascii_digit());
        if !digits || rounds.starts_with('0') {
            return Err(Fault::Malformed);
        }
        let rounds: u32 = rounds.parse().map_err(|_| Fault::Iterations)?;
        if octets.is_empty() || !(ITERATIONS_LEAST..=ITERATIONS_MOST).contains(&rounds) {
            return Err(Fault::Iterations);
        }

        let salted = salted(self.password.expose(), &octets, rounds);
        let client_key = Zeroizing::new(hmac(&*salted, CLIENT_KEY));
        let server_key = Zeroizing::new(hmac(&*salted, SERVER_KEY));
        let mut message = b"c=".to_vec();
        base64::encode(self.first.get(..self.header).unwrap_or_default(), &mut message);
        message.extend_from_slice(b",r=");
        message.extend_from_slice(nonce.as_bytes());
        let said = AuthMessage {
            bare: self.first.get(self.header..).unwrap_or_default(),
            challenge,
            unproved: &message,
        };
        let proof = xor(&client_key, &said.sign(&hash(&*client_key)));
        self.signature = said.sign(&*server_key);
        message.extend_from_slice(b",p=");
        base64::encode(&proof, &mut message);
        Ok(message)
    }

    /// Checks the server's final message.
    ///
    /// # Errors
    /// [`Fault::Signature`] if the server does not know the user's keys, [`Fault::Refused`] if it says
    /// that it failed.
    pub fn verify(&self, message: &[u8]) -> Result<(), Fault> {
        let text = core::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
        let mut attributes = text.split(',');
        let first = attributes.next().unwrap_or_default();
        if !attributes.all(is_extension) {
            return Err(Fault::Malformed);
        }
        if first.starts_with("e=") {
            return Err(Fault::Refused);
        }
        let signature = first.strip_prefix("v=").and_then(key).ok_or(Fault::Malformed)?;
        if bool::from(signature.ct_eq(&self.signature)) { Ok(()) } else { Err(Fault::Signature) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scram::Client")
    }
}

/// RFC 5802 §3: what both sides have said, which both sign.
struct AuthMessage<'m> {
    bare: &'m [u8],
    challenge: &'m [u8],
    unproved: &'m [u8],
}

impl AuthMessage<'_> {
    fn sign(&self, key: &[u8]) -> [u8; KEY] {
        sign(key, &[self.bare, b",", self.challenge, b",", self.unproved])
    }
}

/// A `saslname` (RFC 5802 §7), unescaped and prepared.
fn name(raw: &str) -> Result<String, Failure> {
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('=') {
        plain.push_str(before);
        // RFC 5802 §5.1, `n`: any other escape MUST fail.
        let (c, behind) = match (escape.strip_prefix("2C"), escape.strip_prefix("3D")) {
            (Some(behind), _) => (',', behind),
            (_, Some(behind)) => ('=', behind),
            _ => return Err(Failure::Malformed),
        };
        plain.push(c);
        rest = behind;
    }
    plain.push_str(rest);
    Ok(prep::prepare(&plain).map_err(|_| Failure::Malformed)?.into_owned())
}

fn push_name(name: &str, out: &mut Vec<u8>) {
    for octet in name.bytes() {
        match octet {
            b',' => out.extend_from_slice(b"=2C"),
            b'=' => out.extend_from_slice(b"=3D"),
            other => out.push(other),
        }
    }
}

/// RFC 5802 §7, `printable`.
fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| matches!(octet, 0x21..=0x2b | 0x2d..=0x7e))
}

/// RFC 5802 §7, `attr-val`, of an extension that may be ignored: a mandatory one (`m`) may not.
fn is_extension(text: &str) -> bool {
    match text.as_bytes() {
        [letter, b'=', _, ..] => letter.is_ascii_alphabetic() && *letter != b'm',
        _ => false,
    }
}

fn key(text: &str) -> Option<[u8; KEY]> {
    let mut octets = Vec::new();
    base64::decode(text.as_bytes(), &mut octets).ok()?;
    octets.try_into().ok()
}

fn xor(a: &[u8; KEY], b: &[u8; KEY]) -> [u8; KEY] {
    core::array::from_fn(|at| a[at] ^ b[at])
}

/// The largest state of an exchange stands behind a box, so that an idle machine stays small.
pub(super) type Boxed = Box<Server>;

// The hash: everything below names SHA-256.

const CLIENT_KEY: &[u8] = b"Client Key";
const SERVER_KEY: &[u8] = b"Server Key";

fn hash(octets: &[u8]) -> [u8; KEY] {
    Sha256::digest(octets).into()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; KEY] {
    sign(key, &[message])
}

fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; KEY] {
    // HMAC takes keys of any length: there is no error to have.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; KEY] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// RFC 5802 §2.2, `Hi`.
fn salted(password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; KEY]> {
    Zeroizing::new(pbkdf2::pbkdf2_hmac_array::<Sha256, KEY>(password, salt, iterations))
}
