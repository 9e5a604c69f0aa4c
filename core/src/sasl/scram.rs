//! SCRAM, RFC 5802, with SHA-1 or with SHA-256 (RFC 7677): the password is proved and never sent.
//!
//! [`Verifier`] is what a host keeps of a password. [`Server`] and [`Client`] are the two sides of one exchange
//! in raw messages; [`server`](super::server) and [`client`](super::client) put them into lines. What depends on
//! the hash is in a file of its own.
//!
//! # Channel binding
//! With a mechanism whose name ends with `-PLUS` both sides sign what only the two ends of their TLS session
//! know, `tls-exporter` (RFC 9266): whoever stands between two TLS sessions and hands the messages through is
//! found out. It is the only binding here. `tls-unique` is broken without the extended master secret and does not
//! exist in TLS 1.3, and `tls-server-end-point` binds to a certificate, not to a session. So below TLS 1.3, where
//! nobody can tell us that an exporter value belongs to one session alone (RFC 9266 §4.2), no `-PLUS` is offered.
//!
//! Whoever hides `-PLUS` from the client's eyes is found out too: the client says `y` then, "I could, and you do
//! not offer it", and that is signed (RFC 5802 §6).

mod hash;

pub use hash::{Hash, Key};

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;

use super::client::Fault;
use super::gs2::{self, Flag, Header};
use super::{Channel, Failure, Identity, Known, Mechanism};
use crate::grammar::{base64, decimal};
use crate::text::{OwnedSecret, Secret};

/// The name of the channel binding that we speak, RFC 9266 §2.
pub const BINDING: &str = "tls-exporter";

/// Rounds below which a client does not answer (RFC 7677 §4 has servers announce 4,096 at least, as RFC 5802 §5.1
/// has).
pub const ITERATIONS_LEAST: u32 = 4_096;

/// Rounds above which a client does not answer, so that a hostile server cannot keep it busy: about a
/// second of work.
pub const ITERATIONS_MOST: u32 = 2_000_000;

/// What a server keeps of a password (RFC 5802 §3): enough to check a proof, not enough to make one. For
/// mechanisms with one hash, whether they bind to the channel or not.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Random octets, other ones for each user.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// `H(HMAC(SaltedPassword, "Client Key"))`.
    pub stored_key: Key,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Key,
}

impl Verifier {
    /// Derives it from a prepared password ([`prep`](super::prep)). Costs `iterations` rounds of HMAC:
    /// not for a thread that must not wait. Zero iterations count as one.
    #[must_use]
    pub fn derive(hash: Hash, password: Secret<'_>, salt: &[u8], iterations: u32) -> Self {
        let iterations = iterations.max(1);
        let salted = hash.salted(password.expose(), salt, iterations);
        let client_key = hash.sign(salted.expose(), &[CLIENT_KEY]);
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.digest(client_key.expose()),
            server_key: hash.sign(salted.expose(), &[SERVER_KEY]),
        }
    }

    /// Whether it is for mechanisms with this hash.
    #[must_use]
    pub fn is_for(&self, hash: Hash) -> bool {
        self.stored_key.hash() == hash && self.server_key.hash() == hash
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
    hash: Hash,
    /// The client's first message without its header.
    bare: Vec<u8>,
    /// What the client must say about header and channel (`c`), in base64.
    binding: Vec<u8>,
    /// The client's nonce, then, with the server's behind it, what the client must say.
    nonce: Vec<u8>,
    /// Our first message, empty until the host has said what it knows.
    challenge: Vec<u8>,
    /// What the host knows.
    keys: Option<(Key, Key)>,
    identity: Identity,
}

impl Server {
    /// Reads the client's first message (RFC 5802 §7, `client-first-message`) to `mechanism`, over `channel`.
    ///
    /// # Errors
    /// [`Failure::ChannelBinding`] if the client binds to the channel in a way we do not, or by a mechanism that
    /// does not; [`Failure::Downgrade`] if it did not see that we offer to; [`Failure::Malformed`]
    /// for what the grammar does not have, for a name that cannot be prepared, for mandatory extensions
    /// (§5.1, `m`), and for a mechanism that is not SCRAM.
    pub fn new(mechanism: Mechanism, message: &[u8], channel: &Channel) -> Result<Self, Failure> {
        let hash = mechanism.hash().ok_or(Failure::Malformed)?;
        let text = core::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
        if text.contains('\0') {
            return Err(Failure::Malformed);
        }
        let Header { flag, authorization, rest: bare } = Header::parse(text)?;
        let exporter = match (flag, mechanism.is_bound(), channel.exporter) {
            (Flag::Bound(BINDING), true, Some(exporter)) => Some(exporter),
            (Flag::Bound(_), _, _) => return Err(Failure::ChannelBinding),
            // RFC 5801 §5: the name of the mechanism and the flag say the same.
            (Flag::None | Flag::Unoffered, true, _) => return Err(Failure::Malformed),
            // RFC 5802 §6: somebody took our offer out of the list, and the client is right to wonder.
            (Flag::Unoffered, false, _) if channel.plus => return Err(Failure::Downgrade),
            (Flag::None | Flag::Unoffered, false, _) => None,
        };
        let mut attributes = bare.split(',');
        let user =
            attributes.next().and_then(|it| it.strip_prefix("n=")).ok_or(Failure::Malformed)?;
        let user = gs2::name(user)?;
        let nonce =
            attributes.next().and_then(|it| it.strip_prefix("r=")).ok_or(Failure::Malformed)?;
        if !is_nonce(nonce) || !attributes.all(is_extension) {
            return Err(Failure::Malformed);
        }
        let header = message.get(..message.len() - bare.len()).unwrap_or_default();
        Ok(Self {
            hash,
            bare: bare.as_bytes().to_vec(),
            binding: bound(header, exporter.as_ref().map(|exporter| exporter.expose().as_slice())),
            nonce: nonce.as_bytes().to_vec(),
            challenge: Vec::new(),
            keys: None,
            identity: Identity { mechanism, user, authorization },
        })
    }

    /// Who the client says it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Our first message: nonce, salt and iterations (RFC 5802 §7, `server-first-message`). Nothing if what is
    /// known is for another hash.
    pub fn challenge(&mut self, known: &Known) -> Option<&[u8]> {
        base64::encode(&known.nonce, &mut self.nonce);
        self.challenge_with(&known.verifier)
    }

    /// The message with the server's part of the nonce in place already.
    pub(super) fn challenge_with(&mut self, verifier: &Verifier) -> Option<&[u8]> {
        if !verifier.is_for(self.hash) {
            return None;
        }
        self.keys = Some((verifier.stored_key.clone(), verifier.server_key.clone()));
        let out = &mut self.challenge;
        out.clear();
        out.extend_from_slice(b"r=");
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(b",s=");
        base64::encode(&verifier.salt, out);
        out.extend_from_slice(b",i=");
        decimal::push(verifier.iterations.into(), out);
        Some(out)
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
        let (stored_key, server_key) = self.keys.as_ref().ok_or(Failure::Malformed)?;
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
        let proof = key(self.hash, proof).ok_or(Failure::Malformed)?;

        let said = AuthMessage {
            hash: self.hash,
            bare: &self.bare,
            challenge: &self.challenge,
            unproved: unproved.as_bytes(),
        };
        let client_key = proof.xor(&said.sign(stored_key));
        // RFC 5802 §6: what `c` must be was made again, and is compared.
        let right = binding.as_bytes().ct_eq(&self.binding)
            // RFC 5802 §5.1, `r`: the server MUST verify it.
            & nonce.as_bytes().ct_eq(&self.nonce)
            & self.hash.digest(client_key.expose()).ct_eq(stored_key);
        if !bool::from(right) {
            return Err(Failure::Rejected);
        }
        let mut last = b"v=".to_vec();
        base64::encode(said.sign(server_key).expose(), &mut last);
        Ok(last)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

/// The client's side of one exchange.
pub struct Client {
    hash: Hash,
    password: OwnedSecret,
    /// `client-first-message`, whole.
    first: Vec<u8>,
    header: usize,
    /// What we say about header and channel (`c`), in base64.
    binding: Vec<u8>,
    nonce: Vec<u8>,
    /// What the server must say at last.
    signature: Option<Key>,
}

impl Client {
    /// Begins, with randomness for this exchange only. Names and password are prepared already.
    ///
    /// # Errors
    /// [`Fault::Unsuited`] for a mechanism that is not SCRAM, and for one that binds to a channel which cannot be
    /// bound to.
    pub fn new(
        mechanism: Mechanism,
        (user, authorization): (&str, Option<&str>),
        password: OwnedSecret,
        channel: &Channel,
        nonce: &[u8],
    ) -> Result<Self, Fault> {
        let mut text = Vec::new();
        base64::encode(nonce, &mut text);
        Self::with_nonce(mechanism, (user, authorization), password, channel, text)
    }

    pub(super) fn with_nonce(
        mechanism: Mechanism,
        (user, authorization): (&str, Option<&str>),
        password: OwnedSecret,
        channel: &Channel,
        nonce: Vec<u8>,
    ) -> Result<Self, Fault> {
        let hash = mechanism.hash().ok_or(Fault::Unsuited)?;
        // RFC 5802 §6.
        let (flag, exporter) = match (mechanism.is_bound(), &channel.exporter) {
            (true, Some(exporter)) => (Flag::Bound(BINDING), Some(exporter.expose().as_slice())),
            (true, None) => return Err(Fault::Unsuited),
            (false, Some(_)) if !channel.plus => (Flag::Unoffered, None),
            (false, _) => (Flag::None, None),
        };
        let mut first = Vec::new();
        gs2::push(flag, authorization, &mut first);
        let header = first.len();
        let binding = bound(&first, exporter);
        first.extend_from_slice(b"n=");
        gs2::push_name(user, &mut first);
        first.extend_from_slice(b",r=");
        first.extend_from_slice(&nonce);
        Ok(Self { hash, password, first, header, binding, nonce, signature: None })
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

        let hash = self.hash;
        let salted = hash.salted(self.password.expose(), &octets, rounds);
        let client_key = hash.sign(salted.expose(), &[CLIENT_KEY]);
        let server_key = hash.sign(salted.expose(), &[SERVER_KEY]);
        let mut message = b"c=".to_vec();
        message.extend_from_slice(&self.binding);
        message.extend_from_slice(b",r=");
        message.extend_from_slice(nonce.as_bytes());
        let said = AuthMessage {
            hash,
            bare: self.first.get(self.header..).unwrap_or_default(),
            challenge,
            unproved: &message,
        };
        let proof = client_key.xor(&said.sign(&hash.digest(client_key.expose())));
        self.signature = Some(said.sign(&server_key));
        message.extend_from_slice(b",p=");
        base64::encode(proof.expose(), &mut message);
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
        let signature = first.strip_prefix("v=").and_then(|text| key(self.hash, text));
        let signature = signature.ok_or(Fault::Malformed)?;
        if self.signature.as_ref() == Some(&signature) { Ok(()) } else { Err(Fault::Signature) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scram::Client")
    }
}

/// RFC 5802 §3: what both sides have said, which both sign.
struct AuthMessage<'m> {
    hash: Hash,
    bare: &'m [u8],
    challenge: &'m [u8],
    unproved: &'m [u8],
}

impl AuthMessage<'_> {
    fn sign(&self, key: &Key) -> Key {
        let parts = [self.bare, b",", self.challenge, b",", self.unproved];
        self.hash.sign(key.expose(), &parts)
    }
}

/// RFC 5802 §7, `cbind-input` in base64: the GS2 header, and the channel's own octets where it is bound to.
fn bound(header: &[u8], exporter: Option<&[u8]>) -> Vec<u8> {
    let mut input = header.to_vec();
    input.extend_from_slice(exporter.unwrap_or_default());
    let mut text = Vec::new();
    base64::encode(&input, &mut text);
    text
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

fn key(hash: Hash, text: &str) -> Option<Key> {
    let mut octets = Vec::new();
    base64::decode(text.as_bytes(), &mut octets).ok()?;
    Key::new(hash, &octets)
}

/// The largest state of an exchange stands behind a box, so that an idle machine stays small.
pub(super) type Boxed = Box<Server>;

const CLIENT_KEY: &[u8] = b"Client Key";
const SERVER_KEY: &[u8] = b"Server Key";
