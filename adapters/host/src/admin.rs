//! What an administrator does to accounts. These calls wait for the disk: not for reactors.

use std::fmt;
use std::sync::Arc;

use posthaste_core::machine::Fingerprint;
use posthaste_store::{Fault, Mutation, NewMailbox, Outcome, Quota, Refusal, Role, Usage};

use crate::Host;
use crate::directory::{Account, PasswordHash, Settings};
use crate::password::PasswordError;

/// The mailboxes that come with an account, beside INBOX, and what they are for (RFC 6154).
pub const MAILBOXES: [(&str, Role); 5] = [
    ("Drafts", Role::Drafts),
    ("Sent", Role::Sent),
    ("Junk", Role::Junk),
    ("Trash", Role::Trash),
    ("Archive", Role::Archive),
];

/// Further addresses of an account at most.
pub const ADDRESSES: usize = 1_000;

/// Certificates of an account at most.
pub const CERTIFICATES: usize = 100;

/// How an account will sign in.
#[derive(Clone, Copy)]
pub enum NewPassword<'a> {
    /// With this password.
    Clear(&'a [u8]),
    /// With the password behind this hash, a PHC string of Argon2.
    Hashed(&'a str),
}

impl fmt::Debug for NewPassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// An account as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Box<str>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Octets it may hold; `None` is no limit.
    pub quota: Option<u64>,
    /// What it holds.
    pub usage: Usage,
    /// Its further addresses.
    pub addresses: Vec<Box<str>>,
    /// The certificates whose holders sign in to it.
    pub certificates: Vec<Fingerprint>,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminError {
    /// Not an address.
    BadAddress(String),
    /// The address is somebody's, or an alias.
    Exists(String),
    /// More further addresses than an account may have.
    Limit,
    /// More certificates than an account may have.
    Certificates,
    /// The address is in none of our domains.
    NotLocal(String),
    /// The password cannot be used.
    Password(PasswordError),
    /// The store could not be read.
    Read(Fault),
    /// There is no such account, or no such address of it.
    Unknown(String),
    /// The store refused.
    Write(Refusal),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress(text) => {
                write!(f, "{text:?} is not an address, as in name@example.test")
            }
            Self::Exists(name) => write!(f, "{name} exists already"),
            Self::Certificates => write!(f, "an account has {CERTIFICATES} certificates at most"),
            Self::Limit => write!(f, "an account has {ADDRESSES} further addresses at most"),
            Self::NotLocal(name) => write!(f, "{name} is in none of the configured domains"),
            Self::Password(error) => error.fmt(f),
            Self::Read(fault) => write!(f, "the store cannot be read: {fault}"),
            Self::Unknown(name) => write!(f, "there is no {name}"),
            Self::Write(refusal) => write!(f, "the store refused: {refusal}"),
        }
    }
}

impl std::error::Error for AdminError {}

impl From<PasswordError> for AdminError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        Self::Write(refusal)
    }
}

impl From<Fault> for AdminError {
    fn from(fault: Fault) -> Self {
        Self::Read(fault)
    }
}

impl Host {
    /// Makes an account with its mailboxes, subscribed.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn add_account(
        &self,
        name: &str,
        password: NewPassword<'_>,
        quota: Option<u64>,
    ) -> Result<Arc<Account>, AdminError> {
        let name = self.free_address(name)?;
        let (hash, scram) = self.keep(password)?;
        let _one_at_a_time = self.administration.lock();
        if self.directory.is_taken(&name) {
            return Err(AdminError::Exists(name));
        }
        let settings = Settings {
            name: name.into(),
            created: self.inputs.clock.now_unix(),
            hash,
            scram,
            addresses: Vec::new(),
            certificates: Vec::new(),
        };
        let mailboxes = MAILBOXES.map(|(name, role)| NewMailbox {
            name: name.into(),
            role: Some(role),
            subscribed: true,
        });
        let made = self.run(Mutation::AccountCreate {
            settings: settings.encode().into(),
            quota: Quota { bytes: quota, messages: None },
            mailboxes: mailboxes.into(),
        })?;
        let Outcome::Account(id) = made else { return Err(Refusal::Unavailable.into()) };
        self.run(Mutation::Subscribe { account: id, name: "INBOX".into(), on: true })?;
        Ok(self.directory.put(Account { id, quota, settings }))
    }

    /// Removes an account with all its mail, and ends its sessions.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn remove_account(&self, name: &str) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock();
        let account = self.named(name)?;
        self.run(Mutation::AccountRemove { account: account.id })?;
        self.directory.remove(account.id);
        self.present.close(account.id);
        Ok(())
    }

    /// All accounts, in the order they were made.
    ///
    /// # Errors
    /// [`AdminError::Read`].
    pub fn list_accounts(&self) -> Result<Vec<Listed>, AdminError> {
        let mut listed = Vec::new();
        for kept in self.store.accounts()? {
            let Some(account) = self.directory.by_id(kept.id) else { continue };
            listed.push(Listed {
                name: account.settings.name.clone(),
                created: account.settings.created,
                quota: kept.quota.bytes,
                usage: kept.usage,
                addresses: account.settings.addresses.clone(),
                certificates: account.settings.certificates.clone(),
            });
        }
        Ok(listed)
    }

    /// Sets an account's password, and ends the sessions that signed in with the one before.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn set_password(&self, name: &str, password: NewPassword<'_>) -> Result<(), AdminError> {
        let (hash, scram) = self.keep(password)?;
        self.change(name, |settings| {
            settings.hash = hash;
            settings.scram = scram;
            Ok(())
        })?;
        self.present.close(self.named(name)?.id);
        Ok(())
    }

    /// Sets how many octets an account may hold; `None` is no limit.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn set_quota(&self, name: &str, quota: Option<u64>) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock();
        let account = self.named(name)?;
        let new = Quota { bytes: quota, messages: None };
        self.run(Mutation::QuotaSet { account: account.id, quota: new })?;
        self.directory.put(Account { quota, ..(*account).clone() });
        Ok(())
    }

    /// Gives an account a further address.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn add_address(&self, name: &str, address: &str) -> Result<(), AdminError> {
        let address = self.free_address(address)?;
        self.change(name, |settings| {
            if self.directory.is_taken(&address) {
                return Err(AdminError::Exists(address));
            }
            if settings.addresses.len() >= ADDRESSES {
                return Err(AdminError::Limit);
            }
            settings.addresses.push(address.into());
            Ok(())
        })
    }

    /// Takes a further address from an account.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn remove_address(&self, name: &str, address: &str) -> Result<(), AdminError> {
        let unknown = || AdminError::Unknown(address.to_owned());
        let normal = self.directory.full_name(address).ok_or_else(unknown)?;
        self.change(name, |settings| {
            let before = settings.addresses.len();
            settings.addresses.retain(|known| **known != *normal);
            if settings.addresses.len() < before { Ok(()) } else { Err(unknown()) }
        })
    }

    /// Lets the holder of a certificate sign in to an account (SASL EXTERNAL).
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done; [`AdminError::Exists`] if it opens an account already.
    pub fn add_certificate(&self, name: &str, certificate: Fingerprint) -> Result<(), AdminError> {
        self.change(name, |settings| {
            if let Some(owner) = self.directory.by_certificate(&certificate) {
                let taken = format!("certificate {certificate} of {}", owner.settings.name);
                return Err(AdminError::Exists(taken));
            }
            if settings.certificates.len() >= CERTIFICATES {
                return Err(AdminError::Certificates);
            }
            settings.certificates.push(certificate);
            Ok(())
        })
    }

    /// Takes a certificate from an account, and ends its sessions: nobody knows which of them it opened.
    ///
    /// # Errors
    /// [`AdminError`] says why nothing was done.
    pub fn remove_certificate(
        &self,
        name: &str,
        certificate: Fingerprint,
    ) -> Result<(), AdminError> {
        self.change(name, |settings| {
            let before = settings.certificates.len();
            settings.certificates.retain(|known| *known != certificate);
            let unknown = || AdminError::Unknown(format!("certificate {certificate} of {name}"));
            if settings.certificates.len() < before { Ok(()) } else { Err(unknown()) }
        })?;
        self.present.close(self.named(name)?.id);
        Ok(())
    }

    /// Completes what is kept of a password, now that it was seen in clear: an imported hash has no
    /// verifier, and one that is older than `scram_sha1` has none for SHA-1. What fails is tried again at the next sign-in.
    pub(crate) fn complete(&self, account: &Account, password: &[u8]) {
        let Ok((_, scram)) = self.keep(NewPassword::Clear(password)) else { return };
        let hash = &account.settings.hash;
        let changed = self.change(&account.settings.name, |settings| {
            // Another password may have been set in between.
            if settings.hash == *hash {
                settings.scram = scram;
            }
            Ok(())
        });
        if let Err(error) = changed {
            tracing::warn!(%error, "a password's verifier was not kept");
        }
    }

    fn keep(
        &self,
        password: NewPassword<'_>,
    ) -> Result<(PasswordHash, Vec<posthaste_core::sasl::Verifier>), AdminError> {
        Ok(match password {
            NewPassword::Clear(password) => self.passwords.make(password)?,
            NewPassword::Hashed(hash) => (self.passwords.import(hash)?, Vec::new()),
        })
    }

    fn named(&self, name: &str) -> Result<Arc<Account>, AdminError> {
        self.directory.by_name(name).ok_or_else(|| AdminError::Unknown(name.to_owned()))
    }

    /// Changes what the store keeps of an account, and what we know.
    fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Settings) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock();
        let mut account = (*self.named(name)?).clone();
        change(&mut account.settings)?;
        let settings = account.settings.encode().into();
        self.run(Mutation::AccountPut { account: account.id, settings })?;
        self.directory.put(account);
        Ok(())
    }

    /// The address in the one spelling, if it is local and not an alias or somebody's.
    fn free_address(&self, text: &str) -> Result<String, AdminError> {
        let bad = || AdminError::BadAddress(text.to_owned());
        let name = self.directory.full_name(text).ok_or_else(bad)?;
        let (local, domain) = name.rsplit_once('@').ok_or_else(bad)?;
        let rules = self.directory.rules();
        // `a+b` would never be reached by its owner's own subaddresses, and shadows those of `a`.
        if local.is_empty() || rules.has_tag(local) {
            return Err(bad());
        }
        if !rules.is_local(domain) {
            return Err(AdminError::NotLocal(name));
        }
        if rules.is_alias(&name) || self.directory.is_taken(&name) {
            return Err(AdminError::Exists(name));
        }
        Ok(name)
    }
}
