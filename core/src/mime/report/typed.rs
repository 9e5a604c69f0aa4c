//! Values that say what they are: `rfc822; ann@example.org`, `dns; mx.example.org`,
//! `smtp; 550 5.1.1 No such user` (RFC 3464 §2.1.2).

use alloc::string::String;

/// A value and its type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The type in lower case, as `rfc822`; nothing if none was given.
    pub kind: String,
    /// The value without its type. Of the type `utf-8` (RFC 6533 §3) it is decoded.
    pub value: String,
}

impl Typed {
    /// Reads a value with or without its type; `None` if nothing is there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (kind, value) = match text.split_once(';') {
            Some((kind, value)) if is_kind(kind.trim()) => (kind.trim(), value.trim()),
            _ => ("", text),
        };
        if value.is_empty() {
            return None;
        }
        let kind = kind.to_ascii_lowercase();
        let value = if kind == "utf-8" { from_unitext(value) } else { value.into() };
        Some(Self { kind, value })
    }

    /// The address that it is, without angle brackets and comments around it.
    #[must_use]
    pub fn address(&self) -> &str {
        let value = self.value.as_str();
        if let Some((_, rest)) = value.split_once('<')
            && let Some((address, _)) = rest.split_once('>')
        {
            return address.trim();
        }
        let value = value.split_once(" (").map_or(value, |(value, _)| value);
        value.trim().trim_end_matches(';').trim_end()
    }
}

fn is_kind(kind: &str) -> bool {
    !kind.is_empty()
        && kind.len() <= 40
        && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// Undoes `\x{20AC}`, in which UTF-8 travels where only ASCII may (RFC 6533 §3).
fn from_unitext(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        let digits = after.bytes().take(7).take_while(u8::is_ascii_hexdigit).count();
        let coded = after.split_at_checked(digits).and_then(|(digits, after)| {
            let number = u32::from_str_radix(digits, 16).ok()?;
            Some((char::from_u32(number)?, after.strip_prefix('}')?))
        });
        match coded {
            Some((letter, after)) => {
                out.push(letter);
                rest = after;
            }
            None => {
                out.push_str("\\x{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
