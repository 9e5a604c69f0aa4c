//! The long path: a date in any form, taken word by word for what it can be.

use super::{DateTime, on_day, words};
use crate::mime::lexer::Lexer;

#[inline(never)]
pub(super) fn date(value: &[u8]) -> Option<DateTime> {
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
            self.year = Some(words::year(value, digits.len())?);
        } else if self.day.is_none() && (self.year.is_none() || self.month.is_some()) {
            self.day = Some(value);
        } else if self.month.is_none() && (self.year.is_some() || digits.len() <= 2) {
            self.month = Some(u8::try_from(value).ok().filter(|month| (1..=12).contains(month))?);
        } else if self.year.is_none() {
            self.year = Some(words::year(value, digits.len())?);
        } else if self.day.is_none() {
            self.day = Some(value);
        } else if self.time.is_some() && self.zone.is_none() && digits.len() == 4 {
            // A zone without its sign.
            self.zone = words::offset(value / 100, value % 100);
        }
        Some(())
    }

    /// The name of a day, a month or a zone starts here. `None` if it is none of them and no whole
    /// date stands before it.
    fn word(&mut self, lexer: &mut Lexer<'_>) -> Option<()> {
        let word = lexer.take_while(|octet| octet.is_ascii_alphabetic());
        if self.month.is_none()
            && let Some(month) = words::month(word)
        {
            self.month = Some(month);
        } else if self.time.is_some() {
            if self.zone.is_none() && !words::is_half_of_day(word) {
                self.zone = Some(words::named_zone(word));
                // As in GMT+0200.
                if matches!(lexer.peek(), Some(b'+' | b'-')) {
                    self.zone = None;
                }
            }
        } else if !words::is_weekday(word) && !word.eq_ignore_ascii_case(b"t") {
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
            self.zone =
                words::offset(hours, minutes).map(|east_of| if east { east_of } else { -east_of });
        }
    }

    fn finish(self) -> Option<DateTime> {
        let day = u8::try_from(self.day?).ok()?;
        let (time, zone) = (self.time.unwrap_or_default(), self.zone.unwrap_or_default());
        on_day(self.year?, self.month?, day, time, zone)
    }
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

fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}
