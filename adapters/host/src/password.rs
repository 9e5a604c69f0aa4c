//! Passwords: how they are kept, and how one is checked.
//!
//! A password is kept twice: as an Argon2id hash for mechanisms that send it, and as a SCRAM verifier
//! for those that prove it. Checking a password for a name that nobody has does the same work,
//! through the same function, as checking a wrong one.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use posthaste_core::sasl::scram::{Hash, Key};
use posthaste_core::sasl::{Known, Verifier, prep};
use posthaste_core::text::Secret;
use sha2::Sha256;

use crate::directory::{PasswordHash, Settings};
use crate::inputs::Random;

/// What making and checking a password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory of one Argon2id computation in KiB.
    pub memory: u32,
    /// Passes of Argon2id over its memory.
    pub passes: u32,
    /// Rounds of PBKDF2 in a SCRAM verifier. RFC 7677 §4 asks for 4,096 at least; each sign-in costs
    /// the client as many.
    pub iterations: u32,
}

impl PasswordCost {
    /// The most memory an imported hash may ask for, in KiB.
    pub const MEMORY_MOST: u32 = 256 * 1024;
    /// The most passes an imported hash may ask for.
    pub const PASSES_MOST: u32 = 16;
}

impl Default for PasswordCost {
    /// OWASP's first choice for Argon2id with little memory (19 MiB, two passes, one lane).
    fn default() -> Self {
        Self { memory: 19 * 1024, passes: 2, iterations: 10_000 }
    }
}

/// A password that cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// It is empty, or holds what no password may (RFC 4013).
    Unfit(prep::Unfit),
    /// The hash is not a PHC string of Argon2 within our bounds.
    Hash,
    /// Longer than [`PASSWORD`] octets.
    Long,
}

/// Octets of a salt.
const SALT: usize = 16;
/// Octets of a password at most.
pub const PASSWORD: usize = 1_024;

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(unfit) => write!(f, "the password {unfit}"),
            Self::Hash => f.write_str("not an Argon2 hash as $argon2id$v=19$m=19456,t=2,p=1$..$.."),
            Self::Long => write!(f, "the password is longer than {PASSWORD} octets"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// Makes and checks passwords. One for the server: it keeps the memory of past computations for the
/// next, as much as ran at the same time.
pub struct Passwords {
    cost: PasswordCost,
    /// What verifiers are made for.
    hashes: &'static [Hash],
    random: Arc<dyn Random>,
    /// Keys what is invented for names that nobody has.
    secret: [u8; 32],
    /// Checked where there is no hash.
    decoy: PasswordHash,
    memory: Mutex<Vec<Vec<Block>>>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl Passwords {
    /// With this cost. `secret` must be the same after every start, or clients see invented salts
    /// change.
    #[must_use]
    pub fn new(cost: PasswordCost, random: Arc<dyn Random>, secret: [u8; 32]) -> Self {
        let mut passwords = Self {
            cost,
            hashes: &[Hash::Sha256],
            random,
            secret,
            decoy: PasswordHash::default(),
            memory: Mutex::default(),
        };
        passwords.decoy = passwords.hash(&secret);
        passwords
    }

    /// The same, which also makes verifiers for SCRAM-SHA-1.
    #[must_use]
    pub fn with_sha1(mut self) -> Self {
        self.hashes = &[Hash::Sha256, Hash::Sha1];
        self
    }

    /// What is kept of a new password. Takes as long as a check: run it on a pool.
    ///
    /// # Errors
    /// [`PasswordError`] for one that nobody could type.
    pub fn make(&self, password: &[u8]) -> Result<(PasswordHash, Vec<Verifier>), PasswordError> {
        if password.len() > PASSWORD {
            return Err(PasswordError::Long);
        }
        // RFC 4616 §2, RFC 5802 §5.1: stored as prepared, compared as prepared.
        let ready = prep::prepare_octets(password).map_err(PasswordError::Unfit)?;
        Ok((self.hash(ready.as_bytes()), self.verifiers(ready.as_bytes())))
    }

    /// The SCRAM verifiers of a password that was prepared, each with a fresh salt.
    #[must_use]
    pub fn verifiers(&self, password: &[u8]) -> Vec<Verifier> {
        let derive = |hash: &Hash| {
            let mut salt = [0; SALT];
            self.random.fill(&mut salt);
            Verifier::derive(*hash, Secret::new(password), &salt, self.cost.iterations)
        };
        self.hashes.iter().map(derive).collect()
    }

    /// Whether a verifier is kept for each hash that is wanted.
    #[must_use]
    pub fn is_complete(&self, settings: &Settings) -> bool {
        let kept = |hash: &Hash| settings.scram.iter().any(|verifier| verifier.is_for(*hash));
        self.hashes.iter().all(kept)
    }

    /// Whether `password` opens the account with these settings. Always computes one hash, also
    /// for an account that does not exist or has none.
    #[must_use]
    pub fn check(&self, settings: Option<&Settings>, password: &[u8]) -> bool {
        let ready = prep::prepare_octets(password);
        let password = ready.as_deref().map_or(password, str::as_bytes);
        let hash = settings.map(|settings| &settings.hash).filter(|hash| !hash.0.is_empty());
        let right = self.is_right(hash.unwrap_or(&self.decoy), password);
        right && hash.is_some()
    }

    /// Takes a hash from elsewhere.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] if we could not check passwords against it.
    pub fn import(&self, hash: &str) -> Result<PasswordHash, PasswordError> {
        let _ = Stored::read(hash).ok_or(PasswordError::Hash)?;
        Ok(PasswordHash(hash.into()))
    }

    /// What an exchange of SCRAM with this hash needs for `name`: the account's verifier, or one that is
    /// invented, the same each time for the same name. The same work for both.
    #[must_use]
    pub fn known(&self, hash: Hash, name: &str, settings: Option<&Settings>) -> Known {
        let mut nonce = [0; Known::NONCE];
        self.random.fill(&mut nonce);
        // An account has another salt for each hash, so an invented one has too.
        let [salt, stored_key, server_key]: [&[u8]; 3] = match hash {
            Hash::Sha1 => [b"salt 1", b"stored key 1", b"server key 1"],
            Hash::Sha256 => [b"salt", b"stored key", b"server key"],
        };
        let invented = Verifier {
            salt: self.invent(salt, name)[..SALT].to_vec(),
            iterations: self.cost.iterations,
            stored_key: self.invent_key(hash, stored_key, name),
            server_key: self.invent_key(hash, server_key, name),
        };
        let kept = settings.map(|settings| settings.scram.iter()).unwrap_or_default();
        let verifier = kept.clone().find(|kept| kept.is_for(hash)).cloned().unwrap_or(invented);
        Known { verifier, nonce }
    }

    fn invent_key(&self, hash: Hash, what: &[u8], name: &str) -> Key {
        Key::new(hash, &self.invent(what, name)[..hash.size()])
            .expect("there are as many octets as the hash makes")
    }

    fn invent(&self, what: &[u8], name: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.secret)
            .expect("HMAC takes a key of any length");
        mac.update(what);
        mac.update(b"\0");
        mac.update(name.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn hash(&self, password: &[u8]) -> PasswordHash {
        let mut salt = [0; SALT];
        self.random.fill(&mut salt);
        let params =
            Params::new(self.cost.memory, self.cost.passes, 1, Some(32)).unwrap_or(Params::DEFAULT);
        let mut output = [0; 32];
        self.compute(Algorithm::Argon2id, Version::V0x13, &params, password, &salt, &mut output);
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).unwrap_or_default(),
            salt: Salt::new(&salt).ok(),
            hash: Output::new(&output).ok(),
        };
        PasswordHash(phc.to_string().into())
    }

    fn is_right(&self, hash: &PasswordHash, password: &[u8]) -> bool {
        let Some(stored) = Stored::read(&hash.0) else { return false };
        let mut output = [0; 64];
        let Some(output) = output.get_mut(..stored.output.len()) else { return false };
        let Stored { algorithm, version, params, .. } = &stored;
        self.compute(*algorithm, *version, params, password, stored.salt.as_ref(), output)
            && Output::new(output).is_ok_and(|output| output == stored.output)
    }

    fn compute(
        &self,
        algorithm: Algorithm,
        version: Version,
        params: &Params,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> bool {
        let mut memory = self.memory.lock().pop().unwrap_or_default();
        memory.resize(params.block_count().max(memory.len()), Block::default());
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let done = argon2.hash_password_into_with_memory(password, salt, output, &mut memory);
        // What an imported hash needed beyond our own cost is not kept.
        memory.truncate(self.cost.memory as usize);
        memory.shrink_to_fit();
        self.memory.lock().push(memory);
        done.is_ok()
    }
}

/// A PHC string that we can check passwords against.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Stored {
    fn read(text: &str) -> Option<Self> {
        let phc = Phc::new(text).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let bounded = params.m_cost() <= PasswordCost::MEMORY_MOST
            && params.t_cost() <= PasswordCost::PASSES_MOST
            && params.p_cost() <= 16;
        let output = phc.hash?;
        (bounded && output.len() <= 64).then_some(Self {
            algorithm: Algorithm::try_from(phc.algorithm.as_str()).ok()?,
            version: phc.version.map_or(Ok(Version::V0x13), Version::try_from).ok()?,
            params,
            salt: phc.salt?,
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::SystemRandom;

    /// As little work as Argon2 allows.
    const CHEAP: PasswordCost = PasswordCost { memory: 8, passes: 1, iterations: 1 };

    fn passwords() -> Passwords {
        Passwords::new(CHEAP, Arc::new(SystemRandom), [7; 32])
    }

    fn account(password: &str) -> Settings {
        let (hash, scram) = passwords().make(password.as_bytes()).unwrap();
        Settings { hash, scram, ..Settings::default() }
    }

    #[test]
    fn the_right_password_and_no_other() {
        let settings = account("correct horse");
        let passwords = passwords();
        assert!(passwords.check(Some(&settings), b"correct horse"));
        assert!(!passwords.check(Some(&settings), b"correct hors"));
        assert!(!passwords.check(Some(&settings), b""));
        assert!(!passwords.check(None, &passwords.secret), "the decoy opens nothing");
        assert!(!passwords.check(Some(&Settings::default()), b""), "no hash, no way in");
    }

    #[test]
    fn a_hash_is_an_argon2id_phc_string_with_a_salt_of_its_own() {
        let (one, two) = (account("x"), account("x"));
        assert!(one.hash.0.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", one.hash.0);
        assert_ne!(one.hash, two.hash);
        assert_ne!(one.scram, two.scram);
        assert_eq!(format!("{one:?}").matches(&*one.hash.0).count(), 0);
    }

    // RFC: 4616-2-5 4616-2-6
    #[test]
    fn ways_to_type_a_password_are_one() {
        let settings = account("\u{212b}\u{ad}x");
        assert!(passwords().check(Some(&settings), "\u{c5}x".as_bytes()));
    }

    #[test]
    fn hashes_from_elsewhere_work_if_they_are_bounded() {
        let passwords = passwords();
        // The reference implementation's: argon2 "password" with the salt "somesalt".
        let known =
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
        let hash = passwords.import(known).unwrap();
        let settings = Settings { hash, ..Settings::default() };
        assert!(passwords.check(Some(&settings), b"password"));
        assert!(!passwords.check(Some(&settings), b"passwore"));
        for bad in [
            "",
            "x",
            "$1$salt$hash",
            "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        ] {
            assert_eq!(passwords.import(bad), Err(PasswordError::Hash), "{bad}");
        }
    }

    #[test]
    fn salts_of_names_that_nobody_has_do_not_change() {
        for hash in [Hash::Sha1, Hash::Sha256] {
            let known = |name| passwords().known(hash, name, None);
            let (one, two) = (known("a@b"), known("a@b"));
            assert_eq!(one.verifier, two.verifier);
            assert_ne!(one.nonce, two.nonce);
            assert_ne!(one.verifier, known("b@b").verifier);
            assert_eq!(one.verifier.salt.len(), account("x").scram[0].salt.len());
        }
        let salt = |hash| passwords().known(hash, "a@b", None).verifier.salt;
        assert_ne!(salt(Hash::Sha1), salt(Hash::Sha256), "as those of an account");
        let settings = account("x");
        let known = |hash| passwords().known(hash, "a@b", Some(&settings)).verifier;
        assert_eq!(known(Hash::Sha256), settings.scram[0]);
        assert!(known(Hash::Sha1).is_for(Hash::Sha1), "invented where none is kept");
    }

    // RFC: 5802-5.1-13 7677-3-1 7677-4-3
    #[test]
    fn iterations_are_more_than_the_least() {
        assert!(
            PasswordCost::default().iterations >= posthaste_core::sasl::scram::ITERATIONS_LEAST
        );
    }

    #[test]
    fn verifiers_are_made_for_each_hash_that_is_wanted() {
        let both = passwords().with_sha1();
        let (hash, scram) = both.make(b"x").unwrap();
        let settings = Settings { hash, scram, ..Settings::default() };
        assert!(both.is_complete(&settings) && passwords().is_complete(&settings));
        assert!(!both.is_complete(&account("x")), "made before SHA-1 was wanted");
        for (at, hash) in [Hash::Sha256, Hash::Sha1].into_iter().enumerate() {
            let known = both.known(hash, "a@b", Some(&settings)).verifier;
            assert_eq!(known, settings.scram[at]);
            let again = Verifier::derive(hash, Secret::new(b"x"), &known.salt, known.iterations);
            assert_eq!(known, again);
        }
    }
}
