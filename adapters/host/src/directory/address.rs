//! The one spelling by which addresses are compared.

use posthaste_core::grammar::address::Address;
use posthaste_core::grammar::domain::Domain;

/// `text` as addresses are compared: the domain in lower-case A-labels, the ASCII letters of the local
/// part in lower case, quotes around a local part only where it needs them. `None` if it is not
/// `local@domain`.
#[must_use]
pub fn normal(text: &str) -> Option<String> {
    Some(Address::parse(text.as_bytes()).ok()?.folded().as_str().to_owned())
}

/// A domain as it is compared.
#[must_use]
pub fn domain_name(text: &str) -> Option<String> {
    Some(Domain::parse(text.as_bytes()).ok()?.to_canonical().as_str().to_owned())
}
