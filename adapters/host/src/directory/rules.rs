//! What the configuration says about addresses, checked once.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::address;
use crate::config::{Alias, Names};

/// Aliases behind aliases, at most.
pub const ALIAS_DEPTH: usize = 10;
/// Accounts that one alias reaches, at most.
pub const ALIAS_TARGETS: usize = 1_000;

/// Domains, aliases and the rest of [`Names`], in the one spelling, free of loops.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) domains: HashSet<Box<str>, foldhash::fast::RandomState>,
    pub(super) default_domain: Option<Box<str>>,
    pub(super) subaddress: Option<char>,
    pub(super) postmaster: Option<Box<str>>,
    /// Each alias with the addresses it ends at, none of which is an alias.
    pub(super) aliases: HashMap<Box<str>, Box<[Box<str>]>, foldhash::fast::RandomState>,
}

/// What is wrong with the configured names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// Aliases that lead back to themselves, in order; the first is named again at the end.
    AliasLoop(Vec<String>),
    /// Too many aliases behind one another, starting at this one.
    AliasTooDeep(String),
    /// More targets than an alias may have.
    AliasTooWide(String),
    /// The address is given to two aliases.
    AliasTwice(String),
    /// Not an address.
    BadAddress(String),
    /// Not a domain.
    BadDomain(String),
    /// The address is in no local domain.
    NotLocal(String),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AliasLoop(path) => write!(f, "aliases form a loop: {}", path.join(" -> ")),
            Self::AliasTooDeep(name) => {
                write!(f, "alias {name} leads through more than {ALIAS_DEPTH} aliases")
            }
            Self::AliasTooWide(name) => {
                write!(f, "alias {name} reaches more than {ALIAS_TARGETS} addresses")
            }
            Self::AliasTwice(name) => write!(f, "alias {name} is given twice"),
            Self::BadAddress(text) => {
                write!(f, "{text:?} is not an address, as in name@example.test")
            }
            Self::BadDomain(text) => write!(f, "{text:?} is not a domain, as in example.test"),
            Self::NotLocal(text) => write!(f, "{text} is in none of the configured domains"),
        }
    }
}

impl std::error::Error for RulesError {}

impl Rules {
    /// Checks `names`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(names: &Names) -> Result<Self, RulesError> {
        let mut rules = Self { subaddress: names.subaddress, ..Self::default() };
        for domain in &names.domains {
            rules.domains.insert(domain_of(domain)?);
        }
        if let Some(domain) = &names.default_domain {
            let domain = domain_of(domain)?;
            rules.domains.insert(domain.clone());
            rules.default_domain = Some(domain);
        }
        if let Some(postmaster) = &names.postmaster {
            rules.postmaster = Some(rules.local(postmaster)?);
        }
        let mut given = HashMap::new();
        for Alias { address, to } in &names.aliases {
            let address = rules.local(address)?;
            let to = to.iter().map(|to| rules.local(to)).collect::<Result<Vec<_>, _>>()?;
            if given.insert(address.clone(), to).is_some() {
                return Err(RulesError::AliasTwice(address.into()));
            }
        }
        for address in given.keys() {
            let mut ends = Vec::new();
            follow(&given, &mut vec![address.clone()], &mut ends)?;
            ends.sort_unstable();
            ends.dedup();
            rules.aliases.insert(address.clone(), ends.into());
        }
        Ok(rules)
    }

    /// Whether mail for `domain` (in the one spelling) is ours.
    #[must_use]
    pub fn is_local(&self, domain: &str) -> bool {
        self.domains.contains(domain)
    }

    /// Whether `address` (in the one spelling) is an alias.
    #[must_use]
    pub fn is_alias(&self, address: &str) -> bool {
        self.aliases.contains_key(address)
    }

    /// Whether this local part holds the subaddress sign.
    #[must_use]
    pub fn has_tag(&self, local: &str) -> bool {
        self.subaddress.is_some_and(|sign| local.contains(sign))
    }

    /// `text` without what stands behind the subaddress sign, if it has one.
    pub(super) fn without_tag<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let (local, domain) = text.rsplit_once('@')?;
        let (base, _) = local.split_once(self.subaddress?)?;
        (!base.is_empty()).then_some((base, domain))
    }

    fn local(&self, text: &str) -> Result<Box<str>, RulesError> {
        let whole = match &self.default_domain {
            Some(domain) if !text.contains('@') => format!("{text}@{domain}"),
            _ => text.to_owned(),
        };
        let normal =
            address::normal(&whole).ok_or_else(|| RulesError::BadAddress(text.to_owned()))?;
        match normal.rsplit_once('@') {
            Some((_, domain)) if self.is_local(domain) => Ok(normal.into()),
            _ => Err(RulesError::NotLocal(normal)),
        }
    }
}

fn domain_of(text: &str) -> Result<Box<str>, RulesError> {
    address::domain_name(text).map(Into::into).ok_or_else(|| RulesError::BadDomain(text.to_owned()))
}

/// Adds to `ends` where the last alias of `path` leads. Its depth is bounded by [`ALIAS_DEPTH`].
fn follow(
    given: &HashMap<Box<str>, Vec<Box<str>>>,
    path: &mut Vec<Box<str>>,
    ends: &mut Vec<Box<str>>,
) -> Result<(), RulesError> {
    let (first, last) = (path[0].clone(), path[path.len() - 1].clone());
    let Some(targets) = given.get(&last) else {
        ends.push(last);
        if ends.len() > ALIAS_TARGETS {
            return Err(RulesError::AliasTooWide(first.into()));
        }
        return Ok(());
    };
    if path.len() > ALIAS_DEPTH {
        return Err(RulesError::AliasTooDeep(first.into()));
    }
    for target in targets {
        if let Some(at) = path.iter().position(|seen| seen == target) {
            let looping = path[at..].iter().chain([target]);
            return Err(RulesError::AliasLoop(looping.map(|name| (**name).to_owned()).collect()));
        }
        path.push(target.clone());
        follow(given, path, ends)?;
        path.pop();
    }
    Ok(())
}
