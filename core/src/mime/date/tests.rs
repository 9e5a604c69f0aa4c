//! Dates read and written.

use alloc::{string::String, vec::Vec};

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
        let date = quick::date(text.as_bytes()).map_or("none".into(), rfc5322);
        assert_eq!(date, "Fri, 21 Nov 1997 09:55:06 -0600", "{text}");
    }
}

proptest! {
    /// The usual forms are read in a way of their own, which must not be another reading.
    #[test]
    fn the_short_way_reads_what_the_long_one_does(
        text in "[ \t]?((Mon|THU|Foo|Friday),?[ \r\n]{0,2})?[0-9]{1,3}[ .-]{1,2}(Jan|feb|Xyz|June)[ \n]{1,2}[0-9]{3,5} [0-2][0-9][:.][0-6][0-9]:[0-6][0-9][ \t]{0,2}([+-][0-9]{3,5}|GMT|EST|PM|cestx|Z|GMT[+-]0100|)( ?\\(x\\)| [0-9]{1,4})?",
    ) {
        if let Some(date) = quick::date(text.as_bytes()) {
            prop_assert_eq!(Some(date), read::date(text.as_bytes()));
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
