use alloc::{
    format,
    string::{String, ToString},
};

use proptest::prelude::*;

use super::*;

fn text(octets: Option<&[u8]>) -> String {
    octets.map_or("-".into(), |octets| String::from_utf8_lossy(octets).into_owned())
}

/// As `helo|reverse|ip by by-ip via with id for tls date`; `-` for what is not told.
fn read(value: &str) -> String {
    let hop = Received::parse(value.as_bytes());
    let ip = |ip: Option<IpAddr>| ip.map_or("-".into(), |ip| ip.to_string());
    let tls = hop.tls().map_or("-".into(), |tls| {
        let bits = tls.bits.map_or(String::new(), |bits| format!("/{bits}"));
        format!("{}:{}{bits}", text(Some(tls.version)), text(Some(tls.cipher)))
    });
    let to = hop.recipients().next().map_or("-".into(), |to| to.address().into_owned());
    let date = hop.date().map_or("-".into(), |date| date.unix().to_string());
    format!(
        "{}|{}|{} {} {} {} {} {} {to} {tls} {date}",
        text(hop.helo()),
        text(hop.reverse_name()),
        ip(hop.ip()),
        text(hop.by()),
        ip(hop.by_ip()),
        text(hop.via().as_deref()),
        text(hop.with().as_deref()).replace(' ', "_"),
        text(hop.id()),
    )
}

#[test]
fn hops_as_servers_write_them() {
    for (server, value, expected) in [
        (
            "RFC 5322, appendix A.4",
            "from x.y.test\r\n   by example.net\r\n   via TCP\r\n   with ESMTP\r\n   id ABC12345\r\n   for <mary@example.net>;  21 Nov 1997 10:05:43 -0600",
            "x.y.test|-|- example.net - TCP ESMTP ABC12345 mary@example.net - 880128343",
        ),
        (
            "Postfix",
            "from mail-1.example.org (unknown [IPv6:2001:db8::25])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\r\n\t(No client certificate requested)\r\n\tby mx.example.net (Postfix) with ESMTPS id 4Bq3gJ0T1Gz9sT\r\n\tfor <alice@example.net>; Tue, 17 Nov 2020 10:31:15 +0100 (CET)",
            "mail-1.example.org|-|2001:db8::25 mx.example.net - - ESMTPS 4Bq3gJ0T1Gz9sT alice@example.net TLSv1.3:TLS_AES_256_GCM_SHA384/256 1605605475",
        ),
        (
            "Postfix, from the machine itself",
            "by mx.example.net (Postfix, from userid 1000)\r\n\tid 7F3A52C0B1; Tue, 17 Nov 2020 10:31:15 +0100 (CET)",
            "-|-|- mx.example.net - - - 7F3A52C0B1 - - 1605605475",
        ),
        (
            "Exim",
            "from [192.0.2.7] (port=52846 helo=[10.0.0.1])\r\n\tby mx.example.net with esmtpsa  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.94.2)\r\n\t(envelope-from <bob@example.org>)\r\n\tid 1kexyz-0005Xr-Qx\r\n\tfor alice@example.net; Tue, 17 Nov 2020 09:31:15 +0000",
            "[10.0.0.1]|-|192.0.2.7 mx.example.net - - esmtpsa 1kexyz-0005Xr-Qx alice@example.net TLS1.3:TLS_AES_256_GCM_SHA384 1605605475",
        ),
        (
            "Exim, older, with a name that was looked up",
            "from mx1.example.org ([192.0.2.25] helo=mail.example.org) by mx.example.net with esmtps (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.80) id 1abcde-0001Zz-7v; Tue, 17 Nov 2020 09:31:15 +0000",
            "mail.example.org|mx1.example.org|192.0.2.25 mx.example.net - - esmtps 1abcde-0001Zz-7v - TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384/256 1605605475",
        ),
        (
            "sendmail",
            "from mail.example.org (mx1.example.org [192.0.2.25] (may be forged))\r\n\tby mx.example.net (8.14.4/8.14.4) with ESMTP id 0AH9VFxX012345\r\n\t(version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT)\r\n\tfor <alice@example.net>; Tue, 17 Nov 2020 09:31:15 GMT",
            "mail.example.org|mx1.example.org|192.0.2.25 mx.example.net - - ESMTP 0AH9VFxX012345 alice@example.net TLSv1/SSLv3:DHE-RSA-AES256-GCM-SHA384/256 1605605475",
        ),
        (
            "qmail",
            "from unknown (HELO mail.example.org) (joe@192.0.2.25)\r\n  by mx.example.net with SMTP; 17 Nov 2020 09:31:15 -0000",
            "mail.example.org|-|192.0.2.25 mx.example.net - - SMTP - - - 1605605475",
        ),
        (
            "qmail, with a literal in the greeting",
            "from mx1.example.org (HELO [10.1.1.1]) (192.0.2.25) by mx.example.net with ESMTPA; 17 Nov 2020 09:31:15 -0000",
            "[10.1.1.1]|mx1.example.org|192.0.2.25 mx.example.net - - ESMTPA - - - 1605605475",
        ),
        (
            "qmail, from the machine itself",
            "(qmail 12345 invoked by uid 89); 17 Nov 2020 09:31:15 -0000",
            "-|-|- - - - - - - - 1605605475",
        ),
        (
            "Exchange",
            "from AM0PR01MB1234.eurprd01.prod.example.com (2603:10a6:208:3e::17) by\r\n AM5PR01MB5678.eurprd01.prod.example.com (2603:10a6:206:1::24) with Microsoft SMTP\r\n Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n 15.20.3564.28; Tue, 17 Nov 2020 09:31:15 +0000",
            "AM0PR01MB1234.eurprd01.prod.example.com|-|2603:10a6:208:3e::17 AM5PR01MB5678.eurprd01.prod.example.com 2603:10a6:206:1::24 - Microsoft_SMTP_Server 15.20.3564.28 - TLS1_2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 1605605475",
        ),
        (
            "Exchange, between its own parts",
            "from EX1.example.net ([fe80::1%12]) by EX1.example.net ([192.0.2.1]) with mapi id 14.03.0123.003; Tue, 17 Nov 2020 09:31:15 +0000",
            "EX1.example.net|-|fe80::1 EX1.example.net 192.0.2.1 - mapi 14.03.0123.003 - - 1605605475",
        ),
        (
            "Gmail",
            "from mail-lf1-x12a.example.com (mail-lf1-x12a.example.com. [2a00:1450:4864:20::12a])\r\n        by mx.google.example with ESMTPS id e20si1234567lfr.1.2020.11.17.01.31.15\r\n        for <alice@example.net>\r\n        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128);\r\n        Tue, 17 Nov 2020 01:31:15 -0800 (PST)",
            "mail-lf1-x12a.example.com|mail-lf1-x12a.example.com|2a00:1450:4864:20::12a mx.google.example - - ESMTPS e20si1234567lfr.1.2020.11.17.01.31.15 alice@example.net TLS1_3:TLS_AES_128_GCM_SHA256/128 1605605475",
        ),
        (
            "Gmail, within",
            "by 2002:a17:906:8597:0:0:0:0 with SMTP id v23csp1234567ejx;\r\n        Tue, 17 Nov 2020 01:31:15 -0800 (PST)",
            "-|-|- 2002:a17:906:8597:0:0:0:0 2002:a17:906:8597:: - SMTP v23csp1234567ejx - - 1605605475",
        ),
        (
            "no comment, no date",
            "from [192.0.2.9] by x with HTTP",
            "-|-|192.0.2.9 x - - HTTP - - - -",
        ),
        ("nothing", "", "-|-|- - - - - - - - -"),
        (
            "keywords in the place of values",
            "from by by from for for ; x",
            "by|-|- from - - - - for - -",
        ),
    ] {
        assert_eq!(read(value), expected, "{server}");
    }
}

#[test]
fn comments_are_reached() {
    let hop = Received::parse(b"from a (b (c)) by d (Postfix, from userid 0); date (e)");
    let all: alloc::vec::Vec<_> = hop.comments().collect();
    assert_eq!(all, [&b"b (c)"[..], b"Postfix, from userid 0", b"e"]);
}

/// What a backslash stands before means nothing, at the start of a word as within one, as
/// [`Received::comments`] has it.
#[test]
fn escapes_in_comments() {
    for (value, expected) in [
        (r"from a (\) by b) by c", "a|-|- c - - - - - - -"),
        (r"from a (\(b) by c", "a|-|- c - - - - - - -"),
        (r"from a (x\) by b) by c", "a|-|- c - - - - - - -"),
        (r"from a (\b.example \[192.0.2.1]) by c", "a|b.example|192.0.2.1 c - - - - - - -"),
        (r"from a (\ helo=b) by c", "b|-|- c - - - - - - -"),
        (r"from a (\x\helo=b) by c", "a|-|- c - - - - - - -"),
        (r"from a (b\", "a|-|- - - - - - - - -"),
        (r"from a (\", "a|-|- - - - - - - - -"),
    ] {
        assert_eq!(read(value), expected, "{value}");
    }
}

/// Addresses of IPv4 are read by a path of their own: it takes what the standard library takes.
#[test]
fn addresses_in_comments() {
    for (word, expected) in [
        ("[192.0.2.1]", "192.0.2.1"),
        ("[192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("255.255.255.255", "255.255.255.255"),
        ("0.0.0.0", "0.0.0.0"),
        ("[1.2.3.4]:25", "1.2.3.4"),
        ("[1.2.3.4]x", "1.2.3.4"),
        ("1.2.3.4:25", "1.2.3.4"),
        ("1.2.3.4%5", "1.2.3.4"),
        ("[1.2.3.4%eth0]", "1.2.3.4"),
        ("joe@[1.2.3.4]", "1.2.3.4"),
        ("joe\\@[1.2.3.4]", "1.2.3.4"),
        ("\\@1.2.3.4", "1.2.3.4"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("256.1.1.1", "-"),
        ("1.2.3.04", "-"),
        ("1.2.3", "-"),
        ("1.2.3.4.", "-"),
        ("1.2.3.4.5", "-"),
        ("1.2.3.4]", "-"),
        ("1.2.3.4/24", "-"),
        ("1..3.4", "-"),
        ("1.2.3.4567", "-"),
        ("8.11.6/8.11.6", "-"),
        ("[]", "-"),
    ] {
        let value = format!("from a ({word})");
        let hop = Received::parse(value.as_bytes());
        assert_eq!(hop.ip().map_or("-".into(), |ip| ip.to_string()), expected, "{word}");
    }
}

proptest! {
    #[test]
    fn the_text_of_a_clause_is_its_phrase(clause in "[ab \\t\n()\"\\\\,]{0,9}") {
        let clause = clause.trim_ascii().as_bytes();
        prop_assert_eq!(super::text(clause), Some(phrase(clause)).filter(|text| !text.is_empty()));
    }

    #[test]
    fn ipv4_is_what_the_standard_library_reads(text in "[0-9.]{0,17}|([0-9]{1,3}\\.){3}[0-9]{1,3}") {
        let read = ip::ipv4(text.as_bytes()).filter(|(_, len)| *len == text.len());
        prop_assert_eq!(read.map(|(address, _)| address), text.parse().ok());
    }

    #[test]
    fn nothing_breaks_it(value in "(from|by|with|id|for|tls|[a1.:;()<>\\[\\]\"\\\\@% \r\n]|helo=|HELO|cipher|version=){0,40}") {
        let shown = read(&value);
        prop_assert!(shown.len() <= 8 * value.len() + 200);
    }
}
