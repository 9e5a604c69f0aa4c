//! Domains, aliases and addresses that must fit together, checked where they stand in the file.

use std::ops::Range;

use posthaste_host::config::{self as host, Names};
use posthaste_host::directory::{Rules, RulesError};

use super::read::Section;
use super::{Alias, Server};

/// Aliases reported in one go at most: each costs a look at all of them.
const REPORTED: usize = 20;

/// Reports what is wrong with the names of a config.
pub(super) fn check(
    root: &mut Section<'_, '_>,
    server: Option<&(Option<Server>, Range<usize>)>,
    domains: &[String],
    aliases: &[(Alias, Range<usize>)],
) {
    if domains.is_empty() {
        // Reported already; every address would be wrong for that alone.
        return;
    }
    let mut names = Names { domains: domains.to_vec(), ..Names::default() };
    if let Some((Some(server), span)) = server {
        names.default_domain = server.default_domain.clone();
        names.subaddress = server.subaddress;
        names.postmaster = server.postmaster.clone();
        if let Err(error) = Rules::new(&names) {
            root.wrong_at(span.clone(), format!("in [server]: {error}"), expected(&error));
            names.postmaster = None;
        }
    }
    let mut spans = Vec::new();
    for (alias, span) in aliases {
        let Alias { address, to } = alias.clone();
        names.aliases.push(host::Alias { address, to });
        spans.push(span.clone());
    }
    for _ in 0..REPORTED {
        let Err(error) = Rules::new(&names) else { return };
        let Some(at) = culprit(&names.aliases, &error) else { return };
        names.aliases.remove(at);
        root.wrong_at(spans.remove(at), error.to_string(), expected(&error));
    }
}

/// Which alias the error is about.
fn culprit(aliases: &[host::Alias], error: &RulesError) -> Option<usize> {
    let name = match error {
        RulesError::AliasLoop(path) => path.first()?,
        RulesError::AliasTooDeep(name)
        | RulesError::AliasTooWide(name)
        | RulesError::AliasTwice(name)
        | RulesError::BadAddress(name)
        | RulesError::BadDomain(name)
        | RulesError::NotLocal(name) => name,
    };
    let is = |text: &String| text.eq_ignore_ascii_case(name);
    let mentions = |alias: &host::Alias| is(&alias.address) || alias.to.iter().any(is);
    match error {
        // The second one is too many.
        RulesError::AliasTwice(_) => aliases.iter().rposition(|alias| is(&alias.address)),
        RulesError::BadAddress(_) | RulesError::NotLocal(_) => aliases.iter().position(mentions),
        _ => aliases.iter().position(|alias| is(&alias.address)),
    }
    // An address whose spelling changed on the way: better at the wrong place than not told.
    .or_else(|| aliases.len().checked_sub(1))
}

fn expected(error: &RulesError) -> &'static str {
    match error {
        RulesError::AliasLoop(_) => "aliases that end at accounts",
        RulesError::AliasTooDeep(_) => "fewer aliases behind one another",
        RulesError::AliasTooWide(_) => "fewer addresses",
        RulesError::AliasTwice(_) => "one [[alias]] with all its addresses in `to`",
        RulesError::BadAddress(_) => "an address such as \"ann@example.org\"",
        RulesError::BadDomain(_) => "a domain such as \"example.org\"",
        RulesError::NotLocal(_) => "an address in a domain that a [[domain]] names",
    }
}
