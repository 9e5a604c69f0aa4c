//! `BY=`: by when a message is to be delivered, and what happens if it is not; RFC 2852 §4.

use core::fmt;

/// Seconds in `BY=` at most: nine digits.
const SECONDS_MOST: i32 = 999_999_999;

/// By when to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    mode: ByMode,
    trace: bool,
}

/// What to do when the time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByMode {
    /// `N`: deliver it nevertheless, and tell the sender that it is late.
    Notify,
    /// `R`: do not deliver it any more, and tell the sender so.
    Return,
}

impl DeliverBy {
    /// Within so many seconds, counted from the moment MAIL is heard. Nothing, if they do not fit nine
    /// digits, or if they are not above zero where the message shall be returned (RFC 2852 §4).
    #[must_use]
    pub const fn new(seconds: i32, mode: ByMode) -> Option<Self> {
        let fits = seconds <= SECONDS_MOST && seconds >= -SECONDS_MOST;
        if !fits || (matches!(mode, ByMode::Return) && seconds <= 0) {
            return None;
        }
        Some(Self { seconds, mode, trace: false })
    }

    /// The same, with a report about each relay that cannot keep it (`T`).
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.trace = true;
        self
    }

    /// Seconds that are left; below zero if the time is over, which only [`ByMode::Notify`] can be.
    #[must_use]
    pub const fn seconds(self) -> i32 {
        self.seconds
    }

    /// What to do when the time is over.
    #[must_use]
    pub const fn mode(self) -> ByMode {
        self.mode
    }

    /// Whether relays that cannot keep it are to be reported.
    #[must_use]
    pub const fn is_traced(self) -> bool {
        self.trace
    }

    /// Parses the parameter's value, such as `120;R` or `-30;NT`.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let semicolon = memchr::memchr(b';', value)?;
        let (time, rest) = value.split_at_checked(semicolon)?;
        let (negative, digits) = match time {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let seconds = super::nine_digits(digits)?;
        let (mode, trace) = match rest.get(1..)? {
            [mode] => (mode, false),
            [mode, b'T' | b't'] => (mode, true),
            _ => return None,
        };
        let mode = match mode.to_ascii_uppercase() {
            b'N' => ByMode::Notify,
            b'R' => ByMode::Return,
            _ => return None,
        };
        let seconds = i32::try_from(seconds).ok()?;
        let by = Self::new(if negative { -seconds } else { seconds }, mode)?;
        Some(Self { trace, ..by })
    }
}

impl fmt::Display for DeliverBy {
    /// The parameter's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.mode == ByMode::Return { "R" } else { "N" };
        write!(f, "{};{mode}{}", self.seconds, if self.trace { "T" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn values() {
        for (text, written) in [
            ("120;R", "120;R"),
            ("+5;nt", "5;NT"),
            ("-30;N", "-30;N"),
            ("0;N", "0;N"),
            ("999999999;RT", "999999999;RT"),
        ] {
            assert_eq!(DeliverBy::parse(text.as_bytes()).expect(text).to_string(), written);
        }
        for bad in [
            "",
            ";R",
            "1",
            "1;",
            "1;X",
            "1;RX",
            "1;RTT",
            "0;R",
            "-1;R",
            "1000000000;N",
            "1 ;R",
            "--1;N",
            "+-1;N",
            "1;T",
        ] {
            assert_eq!(DeliverBy::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
