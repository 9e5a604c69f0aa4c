//! Dates: RFC 5322 §3.3 read with all that §4.3 and real mailers allow, and written for RFC 5322 and
//! IMAP. The arithmetic of the calendar is here too.

use alloc::vec::Vec;

use super::lexer::{BLANK, Lexer, is};

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
    /// Beyond RFC 5322 §3.3 and its obsolete forms: names in full, months as
    /// numbers, no comma, `-` and `/` within the day, the order of C's `asctime`, no time or zone, and years of two and three digits. What
    /// follows a whole date is passed over. `None` if there is no such day or time.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        plain(value).or_else(|| Self::parse_loose(value))
    }

    #[inline(never)]
    fn parse_loose(value: &[u8]) -> Option<Self> {
        let mut seen = Seen::default();
        let mut lexer = Lexer::new(value);
        loop {
            lexer.cfws();
            let Some(octet) = lexer.peek() else { break };
            match octet {
                b'0'..=b'9' => seen.number(&mut lexer)?,
                b'A'..=b'Z' | b'a'..=b'z' => seen.word(&mut lexer)?,
                b'+' | b'-' if seen.time.is_some() => seen.zone(&mut lexer),
                _ => lexer.bump(),
            }
            if seen.is_whole() {
                break;
            }
        }
        seen.finish()
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

    /// Appends it as in `Fri, 21 Nov 1997 09:55:06 -0600` (RFC 5322 §3.3).
    pub fn write_rfc5322(&self, out: &mut Vec<u8>) {
        let weekday = (self.days() + 4).rem_euclid(7) as usize;
        out.extend_from_slice(WEEKDAYS.get(weekday).copied().unwrap_or_default().as_bytes());
        out.extend_from_slice(b", ");
        number(u32::from(self.day), 1, out);
        out.push(b' ');
        out.extend_from_slice(self.month_name());
        out.push(b' ');
        number(u32::from(self.year), 4, out);
        self.write_time(out);
    }

    /// Appends it as in `21-Nov-1997 09:55:06 -0600`, the day padded with a blank (date-time,
    /// RFC 9051 §9), without quotes.
    pub fn write_imap(&self, out: &mut Vec<u8>) {
        if self.day < 10 {
            out.push(b' ');
        }
        number(u32::from(self.day), 1, out);
        out.push(b'-');
        out.extend_from_slice(self.month_name());
        out.push(b'-');
        number(u32::from(self.year), 4, out);
        self.write_time(out);
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        for (mark, part) in [(b' ', self.hour), (b':', self.minute), (b':', self.second)] {
            out.push(mark);
            number(u32::from(part), 2, out);
        }
        out.extend_from_slice(if self.offset < 0 { b" -" } else { b" +" });
        let minutes = u32::from(self.offset.unsigned_abs());
        number(minutes / 60 * 100 + minutes % 60, 4, out);
    }

    fn month_name(&self) -> &'static [u8] {
        let at = usize::from(self.month).saturating_sub(1);
        MONTHS.get(at).copied().unwrap_or("Jan").as_bytes()
    }
}

/// What of a date has been seen.
#[derive(Default)]
struct Seen {
    day: Option<u32>,
    month: Option<u8>,
    year: Option<u16>,
    time: Option<(u8, u8, u8)>,
    zone: Option<i16>,
}

impl Seen {
    fn is_whole(&self) -> bool {
        self.day.is_some() && self.year.is_some() && self.time.is_some() && self.zone.is_some()
    }

    /// A day, a year or a time starts here. `None` if it cannot be one.
    fn number(&mut self, lexer: &mut Lexer<'_>) -> Option<()> {
        let digits = lexer.take_while(|octet| octet.is_ascii_digit());
        let value = decimal(digits)?;
        let mut ahead = *lexer;
        ahead.cfws();
        let is_time = ahead.peek() == Some(b':') || matches!(lexer.rest(), [b'.', b'0'..=b'9', ..]);
        if is_time && self.time.is_none() {
            let minute = time_part(lexer)?;
            let second = time_part(lexer).unwrap_or(0);
            if value > 23 || minute > 59 || second > 60 {
                return None;
            }
            self.time = Some((value as u8, minute as u8, second as u8));
        } else if digits.len() > 2 && self.day.is_none() && self.month.is_none() {
            // 2003-07-01 and the like.
            self.year = Some(year(value, digits.len())?);
        } else if self.day.is_none() && (self.year.is_none() || self.month.is_some()) {
            self.day = Some(value);
        } else if self.month.is_none() && (self.year.is_some() || digits.len() <= 2) {
            self.month = Some(u8::try_from(value).ok().filter(|month| (1..=12).contains(month))?);
        } else if self.year.is_none() {
            self.year = Some(year(value, digits.len())?);
        } else if self.day.is_none() {
            self.day = Some(value);
        } else if self.time.is_some() && self.zone.is_none() && digits.len() == 4 {
            // A zone without its sign.
            self.zone = offset(value / 100, value % 100);
        }
        Some(())
    }

    /// The name of a day, a month or a zone starts here. `None` if it is none of them and no whole
    /// date stands before it.
    fn word(&mut self, lexer: &mut Lexer<'_>) -> Option<()> {
        let word = lexer.take_while(|octet| octet.is_ascii_alphabetic());
        if self.month.is_none()
            && let Some(month) = month(word)
        {
            self.month = Some(month);
        } else if self.time.is_some() {
            if self.zone.is_none() && !is_half_of_day(word) {
                self.zone = Some(named_zone(word));
                // As in GMT+0200.
                if matches!(lexer.peek(), Some(b'+' | b'-')) {
                    self.zone = None;
                }
            }
        } else if !is_weekday(word) && !word.eq_ignore_ascii_case(b"t") {
            return None;
        }
        Some(())
    }

    /// A zone as a number starts here.
    fn zone(&mut self, lexer: &mut Lexer<'_>) {
        let east = lexer.peek() == Some(b'+');
        lexer.bump();
        let digits = lexer.take_while(|octet| octet.is_ascii_digit());
        let more: &[u8] = if digits.len() == 2 && lexer.eat(b':') {
            lexer.take_while(|octet| octet.is_ascii_digit())
        } else {
            &[]
        };
        let (hours, minutes) = match (digits.len(), decimal(digits), decimal(more)) {
            (1 | 2, Some(hours), minutes) => (hours, minutes.unwrap_or(0)),
            (3.., Some(both), _) => (both / 100, both % 100),
            _ => return,
        };
        if self.zone.is_none() {
            self.zone = offset(hours, minutes).map(|east_of| if east { east_of } else { -east_of });
        }
    }

    fn finish(self) -> Option<DateTime> {
        let day = u8::try_from(self.day?).ok()?;
        let (time, zone) = (self.time.unwrap_or_default(), self.zone.unwrap_or_default());
        on_day(self.year?, self.month?, day, time, zone)
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

/// A date in the form that nearly all have, as in `Fri, 21 Nov 1997 09:55:06 -0600`, folded or not, or
/// with the name of a zone; `None` for all others, and if there is no such day or time.
fn plain(value: &[u8]) -> Option<DateTime> {
    let mut text = past_blanks(value);
    if let Some(([a, b, c, b','], rest)) = text.split_first_chunk() {
        if !is_weekday(&[*a, *b, *c]) {
            return None;
        }
        text = past_blanks(rest);
    }
    let (&[a, b], rest) = text.split_first_chunk()?;
    let (day, text) = match (a.wrapping_sub(b'0'), b.wrapping_sub(b'0')) {
        (tens @ 0..=9, ones @ 0..=9) => (tens * 10 + ones, rest),
        (day @ 0..=9, _) => (day, text.get(1..)?),
        _ => return None,
    };
    let (name, text) = behind_blanks(text)?.split_first_chunk::<3>()?;
    let month = month(name)?;
    let (year, text) = behind_blanks(text)?.split_first_chunk()?;
    let year = self::year(four_digits(*year)?, 4)?;
    let (time, text) = behind_blanks(text)?.split_first_chunk()?;
    // All of its octets at once: digits become their values, colons 0.
    let time = u64::from_le_bytes(*time) ^ u64::from_le_bytes(*b"00:00:00");
    let room = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
    if (time | ((time & !HIGH) + room)) & HIGH != 0 {
        return None;
    }
    let [hour, _, _, minute, _, _, second, _] = (time * 10 + (time >> 8)).to_le_bytes();
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let text = behind_blanks(text)?;
    let zone = match text.split_first_chunk() {
        Some((&[sign @ (b'+' | b'-'), a, b, c, d], rest)) => {
            let zone = four_digits([a, b, c, d])?;
            if rest.first().is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let zone = offset(zone / 100, zone % 100)?;
            if sign == b'+' { zone } else { -zone }
        }
        _ => {
            let name = Lexer::new(text).take_while(|octet| octet.is_ascii_alphabetic());
            let is_name = !name.is_empty() && !is_half_of_day(name);
            // As in GMT+0200.
            let is_part = matches!(text.get(name.len()), Some(b'+' | b'-'));
            (is_name && !is_part).then(|| named_zone(name))?
        }
    };
    on_day(year, month, day, (hour, minute, second), zone)
}

/// The highest bit of each octet.
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// What follows the blanks at the start of `text`.
#[inline]
fn past_blanks(mut text: &[u8]) -> &[u8] {
    while let [octet, rest @ ..] = text
        && is(*octet, BLANK)
    {
        text = rest;
    }
    text
}

/// What follows one blank or more.
#[inline]
fn behind_blanks(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = text.split_first()?;
    is(*first, BLANK).then(|| past_blanks(rest))
}

/// The number that four digits are.
#[inline]
fn four_digits(octets: [u8; 4]) -> Option<u32> {
    let [a, b, c, d] = octets.map(|octet| u32::from(octet.wrapping_sub(b'0')));
    (a.max(b).max(c).max(d) < 10).then(|| (a * 10 + b) * 100 + c * 10 + d)
}

/// `:` and the digits behind it.
fn time_part(lexer: &mut Lexer<'_>) -> Option<u32> {
    let mut ahead = *lexer;
    ahead.cfws();
    if !ahead.eat(b':') && !ahead.eat(b'.') {
        return None;
    }
    ahead.cfws();
    let part = decimal(ahead.take_while(|octet| octet.is_ascii_digit()))?;
    *lexer = ahead;
    Some(part)
}

/// Hours and minutes as an offset, if there can be one.
fn offset(hours: u32, minutes: u32) -> Option<i16> {
    (hours < 100 && minutes < 60).then(|| (hours * 60 + minutes) as i16)
}

/// RFC 5322 §4.3: two digits below 50 are of this century, other years of two and three digits count
/// from 1900, and so do those with a zero in front, as in `0102`: no message is older (§3.3).
fn year(value: u32, digits: usize) -> Option<u16> {
    let value = match digits {
        0..=2 if value < 50 => value + 2000,
        0..=3 => value + 1900,
        _ if value < 1000 => value + 1900,
        _ => value,
    };
    u16::try_from(value).ok().filter(|year| *year <= 9999)
}

fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

/// The number of the month that a word names, 1 to 12.
#[inline]
fn month(word: &[u8]) -> Option<u8> {
    named(word).filter(|number| *number <= 12)
}

/// Whether a word names a day of the week.
#[inline]
fn is_weekday(word: &[u8]) -> bool {
    named(word).is_some_and(|number| number > 12)
}

/// The place of a name in [`NAMES`] by its first three letters, from 1.
#[inline]
fn named(word: &[u8]) -> Option<u8> {
    let letters = small(*word.first_chunk()?);
    let (number, name) = PLACES.get(letters as usize % PLACES.len())?;
    (*name == letters).then_some(*number)
}

/// Three letters, small, the first one lowest. The bit that makes letters small tells nothing else
/// apart from a letter.
const fn small([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) | 0x20_2020
}

/// How the months and the days of the week are named.
const NAMES: [&[u8; 3]; 19] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
    b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun",
];

/// The numbers of the names and their letters, at the place that the letters tell.
static PLACES: [(u8, u32); PLACES_LEN] = {
    let (mut places, mut at) = ([(0, 0); PLACES_LEN], 0);
    while at < NAMES.len() {
        let letters = small(*NAMES[at]);
        let place = letters as usize % places.len();
        assert!(places[place].1 == 0, "two names at one place");
        at += 1;
        places[place] = (at as u8, letters);
    }
    places
};
/// So that no two names meet.
const PLACES_LEN: usize = 70;

/// `AM` and `PM` stand where no RFC lets them; they are no zone.
fn is_half_of_day(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"am") || word.eq_ignore_ascii_case(b"pm")
}

/// The offset that a zone's name means (RFC 5322 §4.3); 0 for those that mean nothing, among them
/// the single letters.
fn named_zone(word: &[u8]) -> i16 {
    const ZONES: [(&str, i16); 16] = [
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("PDT", -7),
        // Not of the RFC, and of one meaning only.
        ("CET", 1),
        ("CEST", 2),
        ("MET", 1),
        ("MEST", 2),
        ("EET", 2),
        ("EEST", 3),
        ("JST", 9),
        ("WEST", 1),
    ];
    let known = ZONES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    known.map_or(0, |(_, hours)| hours * 60)
}

/// Appends `value` in decimal, with zeros in front to make `width` digits.
fn number(value: u32, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let (mut value, mut first) = (value, digits.len());
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        if value == 0 && first + width <= 10 && first < 10 {
            break;
        }
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        first = at;
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, extended into the past.
///
/// Years start in March here, so that the day that some years lack is the last; 400 years have
/// 146,097 days.
#[must_use]
pub const fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (month as i64, day as i64);
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.saturating_mul(146_097).saturating_add(days).saturating_sub(719_468)
}

/// Year, month and day of the day that is `days` after 1970-01-01; undoes [`days_from_civil`].
#[must_use]
pub const fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era.saturating_mul(400) + (month <= 2) as i64;
    (year, month as u8, day as u8)
}

const DAY: i64 = 86_400;
/// The first second of the year 0 and the last of 9999.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    fn rfc5322(date: DateTime) -> String {
        let mut out = Vec::new();
        date.write_rfc5322(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn imap(date: DateTime) -> String {
        let mut out = Vec::new();
        date.write_imap(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn read(text: &str) -> String {
        DateTime::parse(text.as_bytes()).map_or("none".into(), rfc5322)
    }

    /// RFC 5322, appendix A.
    #[test]
    fn the_dates_of_rfc_5322() {
        let plain = "Fri, 21 Nov 1997 09:55:06 -0600";
        for text in [
            plain,
            "21 Nov 97 09(comment):55:06 -0600",
            "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
        ] {
            assert_eq!(read(text), plain);
        }
        assert_eq!(
            read(
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)"
            ),
            "Thu, 13 Feb 1969 23:32:00 -0330"
        );
        assert_eq!(read("21 Nov 97 09:55:06 GMT"), "Fri, 21 Nov 1997 09:55:06 +0000");
        assert_eq!(read("Tue, 1 Jul 2003 10:52:37 +0200"), "Tue, 1 Jul 2003 10:52:37 +0200");
    }

    #[test]
    fn dates_as_mailers_write_them() {
        for (text, meant) in [
            ("Tue Jul  1 10:52:37 2003", "Tue, 1 Jul 2003 10:52:37 +0000"),
            ("Tue Jul  1 10:52:37 EST 2003", "Tue, 1 Jul 2003 10:52:37 -0500"),
            ("1 July 03 10:52", "Tue, 1 Jul 2003 10:52:00 +0000"),
            ("1-Jul-2003 10:52:37 PDT", "Tue, 1 Jul 2003 10:52:37 -0700"),
            ("2003-07-01T10:52:37Z", "Tue, 1 Jul 2003 10:52:37 +0000"),
            ("2003-07-01 10:52:37+05:30", "Tue, 1 Jul 2003 10:52:37 +0530"),
            ("Tue, 01 Jul 103 10:52:37 GMT+0200", "Tue, 1 Jul 2003 10:52:37 +0200"),
            ("Tue, 01 Jul 0103 10:52:37 +0200", "Tue, 1 Jul 2003 10:52:37 +0200"),
            ("Tue, 1 Jul 2003 10:52:37 0530", "Tue, 1 Jul 2003 10:52:37 +0530"),
            ("Tue, 1 Jul 2003", "Tue, 1 Jul 2003 00:00:00 +0000"),
            ("29 Feb 2000 00:00:60 -0000", "Tue, 29 Feb 2000 00:00:60 +0000"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "30 Feb 2000 00:00:00 +0000",
            "1 Jul 2003 24:00:00 +0000",
            "Tue, Jul 2003",
            "0 Jul 2003",
            "1 Jul 99999",
        ] {
            assert_eq!(read(text), "none", "{text}");
        }
    }

    #[test]
    fn moments_are_written_for_imap() {
        let date = DateTime::from_unix(837_596_665, -7 * 60);
        assert_eq!(imap(date), "17-Jul-1996 02:44:25 -0700");
        assert_eq!(imap(DateTime::from_unix(0, 330)), " 1-Jan-1970 05:30:00 +0530");
        assert_eq!(imap(DateTime::from_unix(i64::MIN, 0)), " 1-Jan-0000 00:00:00 +0000");
        assert_eq!(imap(DateTime::from_unix(i64::MAX, 0)), "31-Dec-9999 23:59:59 +0000");
    }

    #[test]
    fn days_count_up_one_by_one() {
        let mut expected = days_from_civil(1599, 12, 31);
        for year in 1600..2101_i64 {
            for month in 1..=12_u8 {
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let last = match month {
                    2 => 28 + u8::from(leap),
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                for day in 1..=last {
                    expected += 1;
                    assert_eq!(days_from_civil(year, month, day), expected);
                    assert_eq!(civil_from_days(expected), (year, month, day));
                }
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }

    /// The usual forms take the short way.
    #[test]
    fn the_short_way() {
        for text in [
            "Fri, 21 Nov 1997 09:55:06 -0600",
            "Fri, 21 Nov 1997 09:55:06 -0600 (CST)",
            "\r\n\tFri,\r\n 21 Nov 1997\r\n\t09:55:06\r\n\t-0600",
            "21 Nov 1997 09:55:06 CST",
        ] {
            let date = plain(text.as_bytes()).map_or("none".into(), rfc5322);
            assert_eq!(date, "Fri, 21 Nov 1997 09:55:06 -0600", "{text}");
        }
    }

    proptest! {
        /// The usual forms are read in a way of their own, which must not be another reading.
        #[test]
        fn the_short_way_reads_what_the_long_one_does(
            text in "[ \t]?((Mon|THU|Foo|Friday),?[ \r\n]{0,2})?[0-9]{1,3}[ .-]{1,2}(Jan|feb|Xyz|June)[ \n]{1,2}[0-9]{3,5} [0-2][0-9][:.][0-6][0-9]:[0-6][0-9][ \t]{0,2}([+-][0-9]{3,5}|GMT|EST|PM|cestx|Z|GMT[+-]0100|)( ?\\(x\\)| [0-9]{1,4})?",
        ) {
            if let Some(date) = plain(text.as_bytes()) {
                prop_assert_eq!(Some(date), DateTime::parse_loose(text.as_bytes()));
            }
        }

        #[test]
        fn what_is_written_is_read(seconds in -30_600_000_000_i64..253_000_000_000, offset in -1439_i16..1440) {
            let date = DateTime::from_unix(seconds, offset);
            prop_assert_eq!(date.unix(), seconds);
            prop_assert_eq!(DateTime::parse(rfc5322(date).as_bytes()), Some(date));
            prop_assert_eq!(DateTime::parse(imap(date).as_bytes()), Some(date));
        }

        #[test]
        fn nothing_breaks_it(text in "[-+:., /()a-zA-Z0-9\r\n]{0,60}") {
            if let Some(date) = DateTime::parse(text.as_bytes()) {
                prop_assert!(date.day <= 31 && date.hour <= 23);
            }
        }
    }
}
