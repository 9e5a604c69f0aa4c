//! Dates: RFC 5322 §3.3 read with all that §4.3 and real mailers allow, and written for RFC 5322 and
//! IMAP. The arithmetic of the calendar is here too.
//!
//! | file | holds |
//! |---|---|
//! | here | [`DateTime`] and the seconds that it stands for |
//! | `quick.rs` | the short path for the form that nearly all dates have |
//! | `read.rs` | the walk, for every form that there is |
//! | `words.rs` | months, days of the week, zones and years as they are written |
//! | `write.rs` | dates written |
//! | `calendar.rs` | days counted |

mod calendar;
mod quick;
mod read;
mod words;
mod write;

pub use calendar::{civil_from_days, days_from_civil};

/// A day and a time of day as somebody's clock showed them, and how far that clock was from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The year, 0 to 9999.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 60.
    pub second: u8,
    /// Minutes east of UTC; 0 also where the zone is not known.
    pub offset: i16,
}

impl DateTime {
    /// Reads a date as header fields hold it.
    ///
    /// Beyond RFC 5322 §3.3 and its obsolete forms: names in full, months as numbers, no comma, `-`
    /// and `/` within the day, the order of C's `asctime`, no time or zone, and years of two and
    /// three digits. What follows a whole date is passed over. `None` if there is no such day or
    /// time.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        quick::date(value).or_else(|| read::date(value))
    }

    /// The moment `seconds` after 1970-01-01 00:00:00 UTC, on a clock `offset` minutes east of it.
    /// Moments outside the years 0 to 9999 become the nearest one within.
    #[must_use]
    pub fn from_unix(seconds: i64, offset: i16) -> Self {
        let seconds = seconds.saturating_add(i64::from(offset) * 60).clamp(FIRST, LAST);
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        Self {
            year: year as u16,
            month,
            day,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            offset,
        }
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub fn unix(&self) -> i64 {
        let days = days_from_civil(i64::from(self.year), self.month, self.day);
        let (hour, minute) =
            (i64::from(self.hour), i64::from(self.minute) - i64::from(self.offset));
        days * DAY + hour * 3600 + minute * 60 + i64::from(self.second)
    }

    /// Days since 1970-01-01 of the day as written, whatever its zone: what SENTBEFORE and its kin
    /// compare (RFC 9051 §6.4.4).
    #[must_use]
    pub fn days(&self) -> i64 {
        days_from_civil(i64::from(self.year), self.month, self.day)
    }
}

/// A time of a day, if there is such a day.
#[inline]
fn on_day(
    year: u16,
    month: u8,
    day: u8,
    (hour, minute, second): (u8, u8, u8),
    offset: i16,
) -> Option<DateTime> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u8::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (day != 0 && day <= days).then_some(DateTime { year, month, day, hour, minute, second, offset })
}

const DAY: i64 = 86_400;
/// The first second of the year 0 and the last of 9999.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests;
