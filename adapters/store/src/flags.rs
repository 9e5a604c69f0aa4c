//! Flags and keywords of a message.
//!
//! System flags are bits; keywords are numbers into a table of the account, which only grows
//! ([`View::keywords`](crate::View::keywords) shows it). Mutations name keywords by text, in
//! any case; the first spelling is kept.

use smallvec::SmallVec;
use std::ops::BitOr;
use std::sync::Arc;

/// System flags (RFC 9051 §2.3.2), one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SystemFlags(pub u8);

impl SystemFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `\Seen`
    pub const SEEN: Self = Self(1);
    /// `\Answered`
    pub const ANSWERED: Self = Self(2);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(4);
    /// `\Deleted`
    pub const DELETED: Self = Self(8);
    /// `\Draft`
    pub const DRAFT: Self = Self(16);

    /// Whether every flag of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for SystemFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A keyword of an account: its place in the account's keyword table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeywordId(pub u16);

/// What is set on one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// The system flags.
    pub system: SystemFlags,
    /// The keywords, ascending, each once.
    pub keywords: SmallVec<[KeywordId; 4]>,
}

impl Flags {
    /// Adds all of `other`. `true` if anything changed.
    pub fn add(&mut self, other: &Self) -> bool {
        let before = (self.system, self.keywords.len());
        self.system = self.system | other.system;
        for &keyword in &other.keywords {
            if let Err(at) = self.keywords.binary_search(&keyword) {
                self.keywords.insert(at, keyword);
            }
        }
        before != (self.system, self.keywords.len())
    }

    /// Takes all of `other` away. `true` if anything changed.
    pub fn remove(&mut self, other: &Self) -> bool {
        let before = (self.system, self.keywords.len());
        self.system = self.system.without(other.system);
        self.keywords.retain(|k| other.keywords.binary_search(k).is_err());
        before != (self.system, self.keywords.len())
    }

    /// Applies a STORE of `other`. `true` if anything changed.
    pub fn apply(&mut self, how: FlagChange, other: &Self) -> bool {
        match how {
            FlagChange::Add => self.add(other),
            FlagChange::Remove => self.remove(other),
            FlagChange::Replace => {
                let changed = self != other;
                self.clone_from(other);
                changed
            }
        }
    }
}

/// Flags as a mutation names them: keywords by text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagNames {
    /// The system flags.
    pub system: SystemFlags,
    /// The keywords (RFC 9051 `flag-keyword`), compared without regard to ASCII case.
    pub keywords: Vec<Arc<str>>,
}

impl From<SystemFlags> for FlagNames {
    fn from(system: SystemFlags) -> Self {
        Self { system, keywords: Vec::new() }
    }
}

/// How a STORE changes flags (RFC 9051 §6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
    /// `FLAGS`
    Replace,
}
