//! What the host wants to know from the configuration. Every limit here has a name in the
//! configuration file, a default, and a test.

/// Domains, aliases and the like: what can be reloaded.
#[derive(Clone, Debug)]
pub struct Names {
    /// Domains that mail is accepted for.
    pub domains: Vec<String>,
    /// Whose names are accepted without a domain when signing in; is a local domain too.
    pub default_domain: Option<String>,
    /// The sign between a name and what its owner adds to it, as in `alice+shop@example.test`.
    pub subaddress: Option<char>,
    /// Who reads mail for the postmaster; otherwise the first account made does.
    pub postmaster: Option<String>,
    /// Aliases.
    pub aliases: Vec<Alias>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            default_domain: None,
            subaddress: Some('+'),
            postmaster: None,
            aliases: Vec::new(),
        }
    }
}

/// An address that leads to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The address.
    pub address: String,
    /// Where it leads: local addresses, which may be aliases themselves.
    pub to: Vec<String>,
}
