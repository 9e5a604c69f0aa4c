//! `HOLDFOR=` and `HOLDUNTIL=`: not to be released to the network before; RFC 4865.

use core::fmt;

use crate::mime::date::{civil_from_days, days_from_civil};

/// Seconds of `HOLDFOR=` at most: nine digits, RFC 4865 §4.
pub const HOLD_MOST: u32 = 999_999_999;

/// When a message may be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Release {
    /// `HOLDFOR=`: so many seconds from now on, 1 to [`HOLD_MOST`].
    For(u32),
    /// `HOLDUNTIL=`: at that time.
    Until(Until),
}

impl Release {
    /// Parses the value of `HOLDFOR=`.
    #[must_use]
    pub fn parse_for(value: &[u8]) -> Option<Self> {
        super::nine_digits(value).filter(|seconds| *seconds > 0).map(Self::For)
    }

    /// Parses the value of `HOLDUNTIL=`.
    #[must_use]
    pub fn parse_until(value: &[u8]) -> Option<Self> {
        Until::parse(value).map(Self::Until)
    }
}

impl fmt::Display for Release {
    /// Keyword and value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(seconds) => write!(f, "HOLDFOR={seconds}"),
            Self::Until(until) => write!(f, "HOLDUNTIL={until}"),
        }
    }
}

/// How long a server holds messages, RFC 4865 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FutureRelease {
    /// Seconds of `HOLDFOR=` at most, up to [`HOLD_MOST`].
    pub seconds: u32,
    /// The last time of `HOLDUNTIL=`.
    pub until: Until,
}

impl FutureRelease {
    /// Whether a message may be held so long.
    #[must_use]
    pub fn allows(self, release: Release) -> bool {
        match release {
            Release::For(seconds) => seconds <= self.seconds,
            Release::Until(until) => until <= self.until,
        }
    }
}

/// A time of day and date, in seconds since 1970 (UTC); years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Until(i64);

impl Until {
    const DAY: i64 = 86_400;
    const FIRST: i64 = days_from_civil(0, 1, 1) * Self::DAY;
    /// One past the last.
    const END: i64 = days_from_civil(10_000, 1, 1) * Self::DAY;

    /// The time so many seconds after the beginning of 1970 (UTC), if its year has four digits.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Option<Self> {
        if seconds >= Self::FIRST && seconds < Self::END { Some(Self(seconds)) } else { None }
    }

    /// Seconds since 1970 (UTC).
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Parses a date and time as RFC 3339 §5.6 has it, such as `2027-01-31T08:00:00Z`. Fractions of a
    /// second are dropped; a leap second counts as the one behind it.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, zone) = rest.split_at_checked(9)?;
        let [y @ .., b'-', m1, m2, b'-', d1, d2] = date else { return None };
        let year = digits(y)?;
        let (month, day) = (digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
        let [b'T' | b't', h1, h2, b':', i1, i2, b':', s1, s2] = time else { return None };
        let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*i1, *i2])?);
        let second = digits(&[*s1, *s2])?;
        let zone = match zone {
            [b'.', fraction @ ..] => {
                let length = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
                fraction.get(length..).filter(|_| length > 0)?
            }
            zone => zone,
        };
        let offset = match zone {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = (hours * 60 + minutes) * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let days = days_from_civil(year, month.clamp(1, 12), day.max(1));
        // The day is there in the calendar.
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        Self::from_unix(days * Self::DAY + (hour * 60 + minute) * 60 + second - offset)
    }
}

impl fmt::Display for Until {
    /// As RFC 3339 has it, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(Self::DAY));
        let second = self.0.rem_euclid(Self::DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A few digits and nothing else.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn times() {
        for (text, unix, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2027-01-31T08:00:00+01:30", 1_801_377_000, "2027-01-31T06:30:00Z"),
            ("2024-02-29t23:59:59.999z", 1_709_251_199, "2024-02-29T23:59:59Z"),
            ("2016-12-31T23:59:60Z", 1_483_228_800, "2017-01-01T00:00:00Z"),
            ("0000-01-01T00:00:00Z", -62_167_219_200, "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59-00:00", 253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let until = Until::parse(text.as_bytes()).expect(text);
            assert_eq!((until.unix(), until.to_string().as_str()), (unix, written), "{text}");
            assert_eq!(Until::parse(written.as_bytes()), Some(until));
        }
        for bad in [
            "",
            "2027-01-31",
            "2027-01-31T08:00:00",
            "2027-02-29T08:00:00Z",
            "2027-13-01T08:00:00Z",
            "2027-00-01T08:00:00Z",
            "2027-01-00T08:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T08:60:00Z",
            "2027-01-31T08:00:61Z",
            "2027-01-31T08:00:00.Z",
            "2027-01-31T08:00:00+24:00",
            "27-01-31T08:00:00Z",
            "2027-01-31 08:00:00Z",
            "2027-01-31T08:00:00Zx",
            "9999-12-31T23:59:59-00:01",
            "2027-1-031T08:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "+027-01-31T08:00:00Z",
        ] {
            assert_eq!(Until::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    // RFC: 4865-4.1-3 4865-4.1-4
    #[test]
    fn what_is_offered_is_the_most() {
        let until = |unix| Until::from_unix(unix).unwrap();
        let limit = FutureRelease { seconds: 60, until: until(1_000) };
        for (release, allowed) in [
            (Release::For(60), true),
            (Release::For(61), false),
            (Release::Until(until(1_000)), true),
            (Release::Until(until(1_001)), false),
        ] {
            assert_eq!(limit.allows(release), allowed, "{release}");
        }
    }

    #[test]
    fn seconds() {
        assert_eq!(Release::parse_for(b"999999999"), Some(Release::For(HOLD_MOST)));
        assert_eq!(Release::parse_for(b"1").unwrap().to_string(), "HOLDFOR=1");
        for bad in ["", "0", "-1", "1000000000", "1x", "000000000"] {
            assert_eq!(Release::parse_for(bad.as_bytes()), None, "{bad}");
        }
    }
}
