//! Days of the Gregorian calendar, counted.

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
