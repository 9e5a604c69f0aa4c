//! Dates written.

use alloc::vec::Vec;

use super::DateTime;

impl DateTime {
    /// Appends it as in `Fri, 21 Nov 1997 09:55:06 -0600` (RFC 5322 §3.3).
    pub fn write_rfc5322(&self, out: &mut Vec<u8>) {
        let weekday = (self.days() + 4).rem_euclid(7) as usize;
        out.extend_from_slice(WEEKDAYS.get(weekday).copied().unwrap_or_default().as_bytes());
        out.extend_from_slice(b", ");
        self.write_with(b' ', out);
    }

    /// Appends it as in `21-Nov-1997 09:55:06 -0600`, the day padded with a blank (date-time,
    /// RFC 9051 §9), without quotes.
    pub fn write_imap(&self, out: &mut Vec<u8>) {
        if self.day < 10 {
            out.push(b' ');
        }
        self.write_with(b'-', out);
    }

    /// The day, its parts apart by `between`, and the time.
    fn write_with(&self, between: u8, out: &mut Vec<u8>) {
        number(u32::from(self.day), 1, out);
        out.push(between);
        out.extend_from_slice(self.month_name());
        out.push(between);
        number(u32::from(self.year), 4, out);
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

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
