//! Who is here: accounts, domains, aliases, and to whom an address leads.
//!
//! | file | holds |
//! |---|---|
//! | [`address`] | the one spelling by which addresses are compared |
//! | [`account`] | an account, and its octets in the store |
//! | [`rules`] | what the configuration says, checked for loops |

pub mod account;
pub mod address;
pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use posthaste_core::machine::Fingerprint;
use posthaste_store::AccountId;

pub use account::{Account, PasswordHash, Settings, Unreadable};
pub use rules::{Rules, RulesError};

/// The local part of the mailbox that every domain must have (RFC 5321 §4.5.1).
const POSTMASTER: &str = "postmaster";

/// Accounts and rules, shared by all sessions. The rules are replaced as a whole on reload; accounts
/// come and go one by one.
#[derive(Debug, Default)]
pub struct Directory {
    rules: ArcSwap<Rules>,
    people: RwLock<People>,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// To these accounts, at least one, each once.
    Local(Vec<Arc<Account>>),
    /// To another host: not ours.
    NotLocal,
    /// Ours, but it cannot be told whose: a postmaster where no account was made yet.
    Unavailable,
    /// To nobody.
    Unknown,
}

#[derive(Debug, Default)]
struct People {
    by_id: BTreeMap<AccountId, Arc<Account>>,
    /// Names and further addresses.
    by_address: HashMap<Box<str>, Arc<Account>, foldhash::fast::RandomState>,
    by_certificate: HashMap<Fingerprint, Arc<Account>, foldhash::fast::RandomState>,
}

impl Directory {
    /// Without accounts.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules: ArcSwap::from_pointee(rules), people: RwLock::default() }
    }

    /// The rules now.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts other rules in place, for all that is asked from now on.
    pub fn reload(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Adds an account, or puts it in the place of the one with its number.
    pub fn put(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        let mut people = self.people.write();
        people.remove(account.id);
        people.by_id.insert(account.id, Arc::clone(&account));
        for address in &account.settings.addresses {
            people.by_address.entry(address.clone()).or_insert_with(|| Arc::clone(&account));
        }
        for certificate in &account.settings.certificates {
            people.by_certificate.entry(*certificate).or_insert_with(|| Arc::clone(&account));
        }
        // A name wins over an address that was added to somebody else.
        people.by_address.insert(account.settings.name.clone(), Arc::clone(&account));
        account
    }

    /// Forgets an account.
    pub fn remove(&self, id: AccountId) {
        self.people.write().remove(id);
    }

    /// The account of this number.
    #[must_use]
    pub fn by_id(&self, id: AccountId) -> Option<Arc<Account>> {
        self.people.read().by_id.get(&id).cloned()
    }

    /// The account of this name, compared as names are.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Arc<Account>> {
        let name = self.full_name(name)?;
        let account = self.people.read().by_address.get(name.as_str()).cloned()?;
        (*account.settings.name == *name).then_some(account)
    }

    /// The account that this certificate's holder signs in to.
    #[must_use]
    pub fn by_certificate(&self, certificate: &Fingerprint) -> Option<Arc<Account>> {
        self.people.read().by_certificate.get(certificate).cloned()
    }

    /// Whether any account has `address` (in the one spelling) as its name or further address.
    #[must_use]
    pub fn is_taken(&self, address: &str) -> bool {
        self.people.read().by_address.contains_key(address)
    }

    /// All accounts, in the order they were made.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.people.read().by_id.values().cloned().collect()
    }

    /// The name somebody signs in with, in full and in the one spelling: a bare local part is in the
    /// default domain, if there is one. `None` if no account can have this name.
    #[must_use]
    pub fn full_name(&self, text: &str) -> Option<String> {
        if text.contains('@') {
            return address::normal(text);
        }
        let rules = self.rules.load();
        address::normal(&format!("{text}@{}", rules.default_domain.as_deref()?))
    }

    /// Where mail for `recipient` goes: an alias first, then the account of that address, then both
    /// without a subaddress, then the postmaster's rule.
    #[must_use]
    pub fn resolve(&self, recipient: &str) -> Resolved {
        let rules = self.rules.load();
        // RFC 5321 §4.5.1: "RCPT TO:<Postmaster>" without a domain is for us.
        if recipient.eq_ignore_ascii_case(POSTMASTER) {
            return self.postmaster(&rules);
        }
        let Some(normal) = address::normal(recipient) else { return Resolved::Unknown };
        let Some((local, domain)) = normal.rsplit_once('@') else { return Resolved::Unknown };
        if !rules.is_local(domain) {
            return Resolved::NotLocal;
        }
        if let Some(accounts) = self.exactly(&rules, &normal) {
            return Resolved::Local(accounts);
        }
        if let Some((base, domain)) = rules.without_tag(&normal)
            && let Some(accounts) = self.exactly(&rules, &format!("{base}@{domain}"))
        {
            return Resolved::Local(accounts);
        }
        if local == POSTMASTER { self.postmaster(&rules) } else { Resolved::Unknown }
    }

    /// Whether `account` may send as `address`: its name, with or without a subaddress, one of its
    /// further addresses, or an alias that leads to it.
    #[must_use]
    pub fn owns(&self, account: &Account, address: &str) -> bool {
        match self.resolve(address) {
            Resolved::Local(accounts) => accounts.iter().any(|owner| owner.id == account.id),
            Resolved::NotLocal | Resolved::Unavailable | Resolved::Unknown => false,
        }
    }

    /// The accounts that `address` leads to as it stands, if there is one.
    fn exactly(&self, rules: &Rules, address: &str) -> Option<Vec<Arc<Account>>> {
        let people = self.people.read();
        let Some(targets) = rules.aliases.get(address) else {
            return people.by_address.get(address).map(|account| vec![Arc::clone(account)]);
        };
        let mut accounts: Vec<Arc<Account>> = Vec::with_capacity(targets.len());
        for target in targets {
            let found = people.by_address.get(target).or_else(|| {
                let (base, domain) = rules.without_tag(target)?;
                people.by_address.get(format!("{base}@{domain}").as_str())
            });
            if let Some(account) = found
                && accounts.iter().all(|seen| seen.id != account.id)
            {
                accounts.push(Arc::clone(account));
            }
        }
        (!accounts.is_empty()).then_some(accounts)
    }

    /// Whoever reads the postmaster's mail: the configured address, else the first account made.
    fn postmaster(&self, rules: &Rules) -> Resolved {
        if let Some(address) = &rules.postmaster
            && let Some(accounts) = self.exactly(rules, address)
        {
            return Resolved::Local(accounts);
        }
        let first = self.people.read().by_id.first_key_value().map(|(_, first)| Arc::clone(first));
        first.map_or(Resolved::Unavailable, |first| Resolved::Local(vec![first]))
    }
}

impl People {
    fn remove(&mut self, id: AccountId) {
        let Some(old) = self.by_id.remove(&id) else { return };
        for address in old.settings.addresses.iter().chain([&old.settings.name]) {
            if self.by_address.get(address).is_some_and(|owner| owner.id == id) {
                self.by_address.remove(address);
            }
        }
        for certificate in &old.settings.certificates {
            if self.by_certificate.get(certificate).is_some_and(|owner| owner.id == id) {
                self.by_certificate.remove(certificate);
            }
        }
    }
}
