//! Status codes of mail systems (RFC 3463).

use core::fmt;

/// A status code such as `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status {
    /// 2 for success, 4 for a failure that may pass, 5 for one that does not.
    pub class: u8,
    /// What it is about, as 1 for addresses.
    pub subject: u16,
    /// What it is.
    pub detail: u16,
}

impl Status {
    /// Reads the code at the start of `text`: `5.1.1`, and as some write it `#5.1.1`, `5.1` and the
    /// reply code `550` (which is 5.0.0). What follows is not looked at.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['#', ' ', '\t', '(', '<', '\"']);
        let (class, rest) = number(text)?;
        if (200..600).contains(&class) && !rest.starts_with('.') {
            let class = u8::try_from(class / 100).ok()?;
            return Some(Self { class, subject: 0, detail: 0 });
        }
        let class = u8::try_from(class).ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        let (subject, rest) = number(rest.strip_prefix('.')?)?;
        let detail = rest.strip_prefix('.').and_then(number).map_or(0, |(detail, _)| detail);
        Some(Self { class, subject, detail })
    }

    /// The first code within `text`, as replies hold it: `550 5.1.1 No such user`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        text.split([' ', '\t', '-', '(', ')', '[', ']', '<', '>', '#', ';', ','])
            .filter(|word| word.bytes().filter(|octet| *octet == b'.').count() == 2)
            .find_map(|word| {
                let whole = word.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
                if whole { Self::parse(word) } else { None }
            })
    }

    /// Whether trying again may help.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        self.class == 4
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// The number of three digits at most that `text` starts with, and what follows it.
fn number(text: &str) -> Option<(u16, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 3 {
        return None;
    }
    let (digits, rest) = text.split_at_checked(digits)?;
    Some((digits.parse().ok()?, rest))
}
