//! `MT-PRIORITY=`: how urgent a message is, RFC 6710.

use core::fmt;

/// How urgent a message is: -9 to 9, and 0 unless something else was said (RFC 6710 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i8);

impl Priority {
    /// The lowest.
    pub const LEAST: Self = Self(-9);
    /// What a message has of which nothing was said.
    pub const NORMAL: Self = Self(0);
    /// The highest.
    pub const MOST: Self = Self(9);

    /// This level, if there is such.
    #[must_use]
    pub const fn new(level: i8) -> Option<Self> {
        if level >= Self::LEAST.0 && level <= Self::MOST.0 { Some(Self(level)) } else { None }
    }

    /// The level, -9 to 9.
    #[must_use]
    pub const fn level(self) -> i8 {
        self.0
    }

    /// Parses the parameter's value: one digit, perhaps with a minus in front that is not that of zero.
    #[must_use]
    pub const fn parse(value: &[u8]) -> Option<Self> {
        match value {
            [digit @ b'0'..=b'9'] => Some(Self((*digit - b'0') as i8)),
            [b'-', digit @ b'1'..=b'9'] => Some(Self(-((*digit - b'0') as i8))),
            _ => None,
        }
    }
}

impl fmt::Display for Priority {
    /// The parameter's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn levels() {
        for level in i8::MIN..=i8::MAX {
            let priority = Priority::new(level);
            assert_eq!(priority.is_some(), (-9..=9).contains(&level));
            let parsed = Priority::parse(level.to_string().as_bytes());
            assert_eq!(parsed, priority);
            assert_eq!(priority.map(|p| p.to_string()), priority.map(|_| level.to_string()));
        }
        for bad in ["", "-", "-0", "+1", "10", "01", "x", "1 "] {
            assert_eq!(Priority::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
