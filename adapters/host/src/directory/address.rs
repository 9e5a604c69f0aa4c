//! The one spelling by which addresses are compared.

/// Octets of a local part at most (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART: usize = 64;
/// Octets of a domain at most (RFC 5321 §4.5.3.1.2).
pub const DOMAIN: usize = 255;

/// `text` as addresses are compared: the domain and the ASCII letters of the local part in lower
/// case, quotes around a local part gone. `None` if it is not `local@domain`.
#[must_use]
pub fn normal(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let mut out = local_part(local)?;
    out.push('@');
    out.push_str(&domain_name(domain)?);
    Some(out)
}

/// A local part as it is compared.
#[must_use]
pub fn local_part(text: &str) -> Option<String> {
    let plain = match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) if text.len() >= 2 => unquote(quoted)?,
        _ => text.to_owned(),
    };
    let fits = !plain.is_empty() && plain.len() <= LOCAL_PART && !plain.contains(char::is_control);
    fits.then(|| plain.to_ascii_lowercase())
}

/// A domain as it is compared.
#[must_use]
pub fn domain_name(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= DOMAIN
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '@');
    fits.then(|| text.to_lowercase())
}

/// The inside of a quoted local part without its backslashes (RFC 5321 §4.1.2: `"a"` and `a` are
/// the same mailbox).
fn unquote(inside: &str) -> Option<String> {
    let mut out = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}
