//! Dates: `17-Jul-1996` in SEARCH, `"17-Jul-1996 02:44:25 -0700"` in APPEND and INTERNALDATE
//! (RFC 9051 §9 `date`, `date-time`).

use core::fmt;

use super::cursor::{Cursor, DIGIT, Read, pack};
use super::encode::Encoder;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A day of the calendar, years 0 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if the calendar has it; `month` and `day` count from 1.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let valid =
            year <= 9999 && (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
        valid.then_some(Self { year, month, day })
    }

    /// The day that is `days` after 1 January 1970 (before, if negative), kept within the years 0 to 9999.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        // Days from 1 March 0000; an era is 400 years (H. Hinnant, "chrono-compatible low-level date
        // algorithms").
        let z = days.clamp(-719_528, 2_932_896) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        // All three fit: the days were clamped.
        Self {
            year: year.clamp(0, 9999) as u16,
            month: month as u8,
            day: (doy - (153 * mp + 2) / 5 + 1) as u8,
        }
    }

    /// Days after 1 January 1970; negative before it.
    #[must_use]
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let yoe = year.rem_euclid(400);
        let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        era * 146_097 + doe - 719_468
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Reads `date`: `date-text`, perhaps in quotes.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let quoted = cursor.eat(b'"');
        let from = cursor.at();
        let digits = cursor.take(DIGIT);
        let Some(day) = number(digits).filter(|_| digits.len() <= 2) else {
            return cursor.fault_at(from, "expected a date like 1-Feb-1994");
        };
        let date = Self::tail(cursor, from, day)?;
        if quoted {
            cursor.expect(b'"', "expected \" behind the date")?;
        }
        Ok(date)
    }

    /// `-Feb-1994`, for a day that stood at `from`.
    fn tail(cursor: &mut Cursor<'_>, from: usize, day: u16) -> Read<Self> {
        const WHAT: &str = "expected a date like 1-Feb-1994";
        cursor.expect(b'-', WHAT)?;
        let Some(month) = month(cursor) else {
            return cursor.fault("unknown month");
        };
        cursor.expect(b'-', WHAT)?;
        let year = digits(cursor, 4, WHAT)?;
        let day = u8::try_from(day).unwrap_or(0);
        Self::new(year, month, day).map_or_else(|| cursor.fault_at(from, "no such day"), Ok)
    }

    pub(super) fn write(self, to: &mut Encoder<'_>) {
        to.number(u64::from(self.day));
        self.write_tail(to);
    }

    fn write_tail(self, to: &mut Encoder<'_>) {
        to.octet(b'-');
        to.word(self.month_name());
        to.octet(b'-');
        for unit in [1000, 100, 10, 1] {
            to.octet(b'0' + (self.year / unit % 10) as u8);
        }
    }

    fn month_name(self) -> &'static str {
        MONTHS.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Date {
    /// `1-Feb-1994`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:04}", self.day, self.month_name(), self.year)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A moment with the time zone it was told in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    /// Minutes east of Greenwich.
    zone: i16,
}

impl DateTime {
    /// The moment `seconds` after 1970 began in Greenwich, as clocks `zone` minutes east of it showed it.
    /// The zone is kept within ±99:59.
    #[must_use]
    pub fn from_unix(seconds: i64, zone: i16) -> Self {
        let zone = zone.clamp(-5_999, 5_999);
        let local = seconds.saturating_add(i64::from(zone) * 60);
        let of_day = local.rem_euclid(DAY);
        // All are below 60.
        Self {
            date: Date::from_days(local.div_euclid(DAY)),
            hour: (of_day / 3_600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            zone,
        }
    }

    /// Seconds after 1970 began in Greenwich; negative before. A leap second counts as the second behind
    /// it.
    #[must_use]
    pub fn unix(self) -> i64 {
        let time = i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60;
        self.date.days() * DAY + time + i64::from(self.second) - i64::from(self.zone) * 60
    }

    /// The day that the zone's calendar showed.
    #[must_use]
    pub const fn date(self) -> Date {
        self.date
    }

    /// Minutes east of Greenwich.
    #[must_use]
    pub const fn zone(self) -> i16 {
        self.zone
    }

    /// Reads `date-time` with its quotes.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const WHAT: &str = "expected a date like \"17-Jul-1996 02:44:25 -0700\"";
        cursor.expect(b'"', WHAT)?;
        let from = cursor.at();
        // date-day-fixed = (SP DIGIT) / 2DIGIT. Clients that leave the space out are understood.
        let space = cursor.eat(b' ');
        let day = cursor.take(DIGIT);
        let Some(day) = number(day).filter(|_| day.len() <= if space { 1 } else { 2 }) else {
            return cursor.fault_at(from, WHAT);
        };
        let date = Date::tail(cursor, from, day)?;
        cursor.sp()?;
        let from = cursor.at();
        let hour = digits(cursor, 2, WHAT)?;
        cursor.expect(b':', WHAT)?;
        let minute = digits(cursor, 2, WHAT)?;
        cursor.expect(b':', WHAT)?;
        let second = digits(cursor, 2, WHAT)?;
        if hour > 23 || minute > 59 || second > 60 {
            return cursor.fault_at(from, "no such time of day");
        }
        cursor.sp()?;
        let west = match cursor.peek() {
            Some(b'+') => false,
            Some(b'-') => true,
            _ => return cursor.fault("expected a time zone like +0100"),
        };
        cursor.step();
        let from = cursor.at();
        let zone = digits(cursor, 4, "expected a time zone like +0100")?;
        if zone % 100 > 59 {
            return cursor.fault_at(from, "no such time zone");
        }
        let zone = (zone / 100 * 60 + zone % 100).cast_signed();
        cursor.expect(b'"', WHAT)?;
        // Each was bounded above.
        Ok(Self {
            date,
            hour: hour as u8,
            minute: minute as u8,
            second: second as u8,
            zone: if west { -zone } else { zone },
        })
    }

    pub(super) fn write(self, to: &mut Encoder<'_>) {
        to.octet(b'"');
        if self.date.day < 10 {
            to.octet(b' ');
        }
        self.date.write(to);
        for (before, n) in [(b' ', self.hour), (b':', self.minute), (b':', self.second)] {
            to.octet(before);
            two(to, u16::from(n));
        }
        to.word(if self.zone < 0 { " -" } else { " +" });
        two(to, self.zone.unsigned_abs() / 60);
        two(to, self.zone.unsigned_abs() % 60);
        to.octet(b'"');
    }
}

impl fmt::Display for DateTime {
    /// `17-Jul-1996 02:44:25 -0700`, as INTERNALDATE has it between its quotes: the day is two octets wide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, hour, minute, second, zone } = self;
        let sign = if *zone < 0 { '-' } else { '+' };
        let zone = zone.unsigned_abs();
        write!(f, "{:2}-{}-{:04} ", date.day, date.month_name(), date.year)?;
        write!(f, "{hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}", zone / 60, zone % 60)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn two(to: &mut Encoder<'_>, n: u16) {
    to.octet(b'0' + (n / 10 % 10) as u8);
    to.octet(b'0' + (n % 10) as u8);
}

fn number(digits: &[u8]) -> Option<u16> {
    let fits = (1..=4).contains(&digits.len());
    fits.then(|| digits.iter().fold(0, |n, d| n * 10 + u16::from(d.wrapping_sub(b'0'))))
}

/// Exactly `n` digits, at most four.
fn digits(cursor: &mut Cursor<'_>, n: usize, what: &'static str) -> Read<u16> {
    let from = cursor.at();
    let digits = cursor.take(DIGIT);
    number(digits).filter(|_| digits.len() == n).map_or_else(|| cursor.fault_at(from, what), Ok)
}

fn month(cursor: &mut Cursor<'_>) -> Option<u8> {
    let word = pack(cursor.rest().get(..3)?);
    let month = MONTHS.iter().position(|month| pack(month.as_bytes()) == word)?;
    cursor.step();
    cursor.step();
    cursor.step();
    u8::try_from(month + 1).ok()
}

const fn days(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(400) => 29,
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
