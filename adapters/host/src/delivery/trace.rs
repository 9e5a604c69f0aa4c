//! What final delivery puts in front of a message: Return-Path and one Received field
//! (RFC 5321 §4.4), and what submission adds (RFC 6409 §8).

use std::fmt::Write;
use std::net::IpAddr;

use posthaste_core::machine::TlsFacts;
use posthaste_core::smtp::server::event::Hello;

/// What is known of how a message came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace<'a> {
    /// How the peer said hello.
    pub(crate) hello: Hello,
    /// What it called itself.
    pub(crate) name: &'a str,
    /// Where it is; nothing for a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    /// Our name.
    pub(crate) hostname: &'a str,
    /// Under which TLS.
    pub(crate) tls: Option<TlsFacts>,
    /// Whether it signed in.
    pub(crate) signed_in: bool,
    /// Whether SMTPUTF8 was asked for.
    pub(crate) smtputf8: bool,
    /// Our number for the message.
    pub(crate) id: u64,
    /// The reverse-path with its brackets.
    pub(crate) sender: &'a str,
    /// The only recipient, with its brackets.
    pub(crate) recipient: Option<&'a str>,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl Trace<'_> {
    /// Appends both fields.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(320);
        // Writing to a String does not fail.
        let _ = self.fields(&mut text);
        out.extend_from_slice(text.as_bytes());
    }

    fn fields(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "Return-Path: {}\r\n", self.sender)?;
        write!(out, "Received: from {}", self.from())?;
        match self.peer.map(|peer| peer.to_canonical()) {
            Some(IpAddr::V4(address)) => write!(out, " ([{address}])")?,
            Some(IpAddr::V6(address)) => write!(out, " ([IPv6:{address}])")?,
            None => {}
        }
        write!(out, "\r\n\tby {} with {} id {:016x}", self.hostname, self.protocol(), self.id)?;
        if let Some(recipient) = self.recipient {
            write!(out, "\r\n\tfor {recipient}")?;
        }
        if let Some(tls) = self.tls {
            // RFC 8314 §4.3: the clause `tls` with the registered name of the cipher suite.
            match cipher(tls.cipher) {
                Some(name) => write!(out, "\r\n\ttls {name}")?,
                None => write!(out, "\r\n\t({} {:#06x})", tls.version, tls.cipher)?,
            }
        }
        write!(out, ";\r\n\t")?;
        date(self.now, out)?;
        out.write_str("\r\n")
    }

    /// What the peer called itself, if that can stand in a field.
    fn from(&self) -> &str {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._:[]".contains(&octet);
        let sound = !self.name.is_empty() && self.name.len() <= 255;
        if sound && self.name.bytes().all(plain) { self.name } else { "unknown" }
    }

    /// RFC 3848 §1, RFC 6531 §4.3.
    fn protocol(&self) -> &'static str {
        let word = match self.hello {
            Hello::Helo => return "SMTP",
            Hello::Ehlo if self.smtputf8 => ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"],
            Hello::Ehlo => ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"],
            Hello::Lhlo if self.smtputf8 => ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"],
            Hello::Lhlo => ["LMTP", "LMTPA", "LMTPS", "LMTPSA"],
        };
        word[usize::from(self.tls.is_some()) * 2 + usize::from(self.signed_in)]
    }
}

/// Appends a Date field.
pub(crate) fn date_field(now: u64, out: &mut Vec<u8>) {
    let mut text = String::from("Date: ");
    let _ = date(now, &mut text);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a Message-ID field.
pub(crate) fn message_id_field(unique: &[u8; 16], hostname: &str, out: &mut Vec<u8>) {
    let unique = u128::from_be_bytes(*unique);
    out.extend_from_slice(format!("Message-ID: <{unique:032x}@{hostname}>\r\n").as_bytes());
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 5322 §3.3, in UTC. Years above 9999 are written as 9999.
fn date(now: u64, out: &mut impl Write) -> std::fmt::Result {
    /// The last second of the year 9999.
    const END: u64 = 253_402_300_799;
    let now = now.min(END);
    let (days, second) = (now / 86_400, now % 86_400);
    // Days since 1 March 0000; an era has 400 years (H. Hinnant, "chrono-Compatible Low-Level Date
    // Algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    write!(
        out,
        "{}, {day} {} {year:04} {:02}:{:02}:{:02} +0000",
        DAYS[days as usize % 7],
        MONTHS[month as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

/// The registered names of the suites that rustls has.
fn cipher(number: u16) -> Option<&'static str> {
    Some(match number {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Trace<'_> = Trace {
        hello: Hello::Ehlo,
        name: "client.example.test",
        peer: Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))),
        hostname: "mail.example.test",
        tls: None,
        signed_in: false,
        smtputf8: false,
        id: 0x2a,
        sender: "<bob@example.test>",
        recipient: None,
        now: 1_700_000_000,
    };

    fn written(trace: Trace<'_>) -> String {
        let mut out = Vec::new();
        trace.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    // RFC: 5321-4.4-2 5321-4.4-3 5321-4.4-4 5321-4.4-27
    #[test]
    fn both_fields() {
        assert_eq!(
            written(PLAIN),
            "Return-Path: <bob@example.test>\r\n\
             Received: from client.example.test ([192.0.2.1])\r\n\
             \tby mail.example.test with ESMTP id 000000000000002a;\r\n\
             \tTue, 14 Nov 2023 22:13:20 +0000\r\n"
        );
        let all = Trace {
            tls: Some(TlsFacts::TEST),
            signed_in: true,
            recipient: Some("<alice@example.test>"),
            peer: Some("2001:db8::1".parse().unwrap()),
            ..PLAIN
        };
        assert_eq!(
            written(all),
            "Return-Path: <bob@example.test>\r\n\
             Received: from client.example.test ([IPv6:2001:db8::1])\r\n\
             \tby mail.example.test with ESMTPSA id 000000000000002a\r\n\
             \tfor <alice@example.test>\r\n\
             \ttls TLS_AES_128_GCM_SHA256;\r\n\
             \tTue, 14 Nov 2023 22:13:20 +0000\r\n"
        );
    }

    #[test]
    fn a_name_that_could_break_the_field_is_left_out() {
        for name in ["", "a b", "(comment)", "x\r\nBcc: y", "h\u{e9}", "a;b"] {
            let text = written(Trace { name, ..PLAIN });
            assert!(text.contains("from unknown ([192.0.2.1])"), "{text}");
        }
        assert!(written(Trace { name: "[IPv6:::1]", ..PLAIN }).contains("from [IPv6:::1] "));
    }

    // RFC: 4954-7-2 5321-4.4-29
    #[test]
    fn words_for_protocols() {
        let with = |trace: Trace<'_>| trace.protocol();
        assert_eq!(with(Trace { hello: Hello::Helo, ..PLAIN }), "SMTP");
        assert_eq!(with(Trace { tls: Some(TlsFacts::TEST), ..PLAIN }), "ESMTPS");
        assert_eq!(with(Trace { signed_in: true, ..PLAIN }), "ESMTPA");
        assert_eq!(with(Trace { smtputf8: true, ..PLAIN }), "UTF8SMTP");
        assert_eq!(with(Trace { hello: Hello::Lhlo, ..PLAIN }), "LMTP");
    }

    // RFC: 5321-4.4-9 5321-4.4-26
    #[test]
    fn dates() {
        for (now, expected) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 +0000"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 +0000"),
        ] {
            let mut text = String::new();
            date(now, &mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
