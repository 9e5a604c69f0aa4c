//! Messages to measure with: the shapes that mail has, and shapes that are made to be slow.
//!
//! Nothing here depends on anything, so that programs outside this workspace can include the file.

/// Makes a message of about so many octets.
pub type Make = fn(usize) -> Vec<u8>;

/// Mail as it is: name and messages.
#[must_use]
pub fn usual() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("plain_10k", plain(10_000)),
        ("alternative_60k", alternative()),
        ("attachment_1m", attachment()),
        ("newsletter_256k", html(&newsletter(256_000))),
        ("escaped_256k", html(&printable(256_000))),
        ("cjk_32k", cjk(32_000)),
        ("newsgroup_headers", headers()),
    ]
}

/// Shapes that are made to be slow. `size` is how many octets they have, within a tenth or one level.
pub const HOSTILE: [(&str, Make); 26] = [
    ("nesting", nesting),
    ("messages", |size| fill(b"", b"Content-Type: message/rfc822\r\n\r\n", size)),
    ("wide", |size| multipart(b"--b\r\n\r\nx\r\n", size)),
    ("look_alikes", |size| multipart(b"--b1\r\n", size)),
    ("dashes", |size| multipart(b"--\n", size)),
    ("open_boundaries", open_boundaries),
    ("long_boundary", long_boundary),
    ("line_ends", |size| multipart(b"\r\n", size)),
    ("text_line_ends", |size| fill(b"Content-Type: text/plain\r\n\r\n", b"\n", size)),
    ("endless_line", |size| fill(b"Subject: x\r\n\r\n", b"0123456789abcdef", size)),
    ("header_flood", |size| fill(b"", b"X-A: b\r\n", size)),
    ("kept_header_flood", |size| fill(b"", b"To: b@c\r\nContent-Type: a/b\r\n", size)),
    ("endless_header", |size| fill(b"Subject: ", b"aaaaaaaaaaaaaaaa", size)),
    ("endless_folds", |size| fill(b"Subject: a", b"\r\n a", size)),
    ("no_fields", |size| fill(b"", b"a\r\n", size)),
    ("addresses", |size| fill(b"To: ", b"a@b,", size)),
    ("groups", |size| fill(b"To: ", b"a:b@c;", size)),
    ("comments", |size| fill(b"To: ", b"(", size)),
    ("comment_pairs", |size| fill(b"To: ", b"()", size)),
    ("angles", |size| fill(b"To: ", b"<", size)),
    ("words", |size| fill(b"Subject: ", b"=?u?q?a", size)),
    ("whole_words", |size| fill(b"Subject: ", b"=?utf-8?q?=41?= ", size)),
    ("pieces", pieces),
    ("quotes", |size| fill(b"To: ", b"\"\\", size)),
    ("printable_junk", |size| encoded(b"quoted-printable", b"==4 =\t \r", size)),
    ("base64_junk", |size| encoded(b"base64", b"QU= =*\n", size)),
];

fn fill(head: &[u8], unit: &[u8], size: usize) -> Vec<u8> {
    let mut message = head.to_vec();
    while message.len() < size {
        message.extend_from_slice(unit);
    }
    message
}

fn multipart(unit: &[u8], size: usize) -> Vec<u8> {
    fill(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", unit, size)
}

fn encoded(encoding: &[u8], unit: &[u8], size: usize) -> Vec<u8> {
    let head = [b"Content-Transfer-Encoding: ", encoding, b"\r\n\r\n"].concat();
    fill(&head, unit, size)
}

fn nesting(size: usize) -> Vec<u8> {
    let mut message = Vec::new();
    for at in 0.. {
        if message.len() >= size {
            break;
        }
        let level = format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n");
        message.extend(level.into_bytes());
    }
    message
}

fn open_boundaries(size: usize) -> Vec<u8> {
    let mut head: Vec<u8> = (0..60)
        .flat_map(|at| {
            format!("Content-Type: multipart/mixed; boundary=b{at:03}\r\n\r\n--b{at:03}\r\n")
                .into_bytes()
        })
        .collect();
    head.extend(b"\r\n");
    fill(&head, b"--b999\r\n", size)
}

/// A boundary of 70 octets, and lines that are all of it but the last.
fn long_boundary(size: usize) -> Vec<u8> {
    let almost = "b".repeat(69);
    let head = format!("Content-Type: multipart/mixed; boundary={almost}b\r\n\r\n");
    fill(head.as_bytes(), format!("--{almost}\r\n").as_bytes(), size)
}

fn pieces(size: usize) -> Vec<u8> {
    let mut message = b"Content-Type: a/b".to_vec();
    for at in 0.. {
        if message.len() >= size {
            break;
        }
        message.extend(format!("; n*{at}=x").into_bytes());
    }
    message
}

const HEADER: &str = "Return-Path: <sender@example.org>\r\n\
    Received: from mx.example.org (mx.example.org [192.0.2.25])\r\n\tby mail.example.net (Posthaste) with ESMTPS id 4XyZ1234\r\n\tfor <alice@example.net>; Tue, 17 Nov 2026 10:31:15 -0700 (PDT)\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=20230601;\r\n\th=to:subject:message-id:date:from:mime-version; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n\
    Message-ID: <20261117103115.4XyZ@example.org>\r\n\
    Date: Tue, 17 Nov 2026 10:31:15 -0700\r\n\
    From: \"Doe, John\" <john.doe@example.org>\r\n\
    To: Alice <alice@example.net>, =?utf-8?q?J=C3=B6rg?= <joerg@example.net>\r\n\
    Cc: list@example.org\r\n\
    Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from the bench\r\n\
    In-Reply-To: <20261116101010.1@example.net>\r\n\
    MIME-Version: 1.0\r\n";

/// A text of about `size` octets.
#[must_use]
pub fn plain(size: usize) -> Vec<u8> {
    let head = format!("{HEADER}Content-Type: text/plain; charset=utf-8\r\n\r\n");
    let line = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n";
    fill(head.as_bytes(), line, head.len() + size)
}

/// A text and the same in HTML, both quoted-printable.
#[must_use]
pub fn alternative() -> Vec<u8> {
    let mut message = format!(
        "{HEADER}Content-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n\
        --=_alt\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    .into_bytes();
    message.extend(printable(20_000));
    message.extend(b"\r\n--=_alt\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    message.extend(printable(40_000));
    message.extend(b"\r\n--=_alt--\r\n");
    message
}

/// A message with a base64 attachment of a megabyte.
#[must_use]
pub fn attachment() -> Vec<u8> {
    let mut message = format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=\"=_mix\"\r\n\r\n\
        --=_mix\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n\
        --=_mix\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n"
    )
    .into_bytes();
    message.extend(folded_base64(750_000));
    message.extend(b"--=_mix--\r\n");
    message
}

/// One HTML body, quoted-printable.
fn html(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{HEADER}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Texts in the charsets of China, Japan and Korea.
fn cjk(size: usize) -> Vec<u8> {
    let mut message =
        format!("{HEADER}Content-Type: multipart/mixed; boundary=\"=_cjk\"\r\n\r\n").into_bytes();
    let texts: [(&str, &[u8]); 4] = [
        ("iso-2022-jp", b"\x1b$B$\"$j$,$H$&$4$6$$$^$9\x1b(B, thank you\r\n"),
        ("gb2312", b"\xd6\xd0\xce\xc4\xd3\xca\xbc\xfe\xb2\xe2\xca\xd4, a test\r\n"),
        ("euc-kr", b"\xc7\xd1\xb1\xdb\xb8\xde\xc0\xcf, a mail\r\n"),
        ("big5", b"\xa4\xa4\xa4\xe5\xb6l\xa5\xf3, a mail\r\n"),
    ];
    for (charset, line) in texts {
        let head = format!("--=_cjk\r\nContent-Type: text/plain; charset={charset}\r\n\r\n");
        message.extend(fill(head.as_bytes(), line, head.len() + size / texts.len()));
    }
    message.extend(b"--=_cjk--\r\n");
    message
}

/// A short text behind the header that a mailing list leaves.
fn headers() -> Vec<u8> {
    let trace = "Received: from a.example.org (a.example.org [192.0.2.1])\r\n\tby b.example.org (Postfix) with ESMTP id 0123456789\r\n\tfor <list@example.org>; Tue, 17 Nov 2026 10:31:15 +0000 (UTC)\r\n".repeat(8);
    let list = "List-Id: A list <list.example.org>\r\nList-Unsubscribe: <https://example.org/u>,\r\n\t<mailto:u@example.org>\r\nX-Spam-Status: No, score=-2.1 required=5.0 tests=BAYES_00,DKIM_SIGNED,\r\n\tDKIM_VALID autolearn=ham version=4.0.0\r\nPrecedence: list\r\n";
    format!("{trace}{list}{HEADER}\r\nHello.\r\n").into_bytes()
}

/// Base64 of so many octets in lines of 76.
#[must_use]
pub fn folded_base64(octets: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: Vec<u8> = (0..octets as u32 / 3 * 4)
        .map(|at| DIGITS[(at.wrapping_mul(2_654_435_761) >> 26) as usize])
        .collect();
    text.chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

/// Quoted-printable HTML of about so many octets, as newsletters have it: long lines, few escapes.
#[must_use]
pub fn newsletter(octets: usize) -> Vec<u8> {
    let line = b"<td width=3D\"100%\" style=3D\"font-family: Arial, Helvetica, sans-serif; font=\r\n-size: 14px; line-height: 20px; color: #333333; padding: 0 24px 16px 24px;\">=\r\nWhat is new this month in house and garden, and what is not</td>\r\n";
    line.repeat(octets / line.len())
}

/// Quoted-printable HTML of about so many octets, one in ten of them an escape.
#[must_use]
pub fn printable(octets: usize) -> Vec<u8> {
    let line = b"<td style=3D\"padding: 0 10px; color: #333\">Gr=C3=BC=C3=9Fe aus M=C3=BCn=\r\nchen, the rest of this row is plain</td>\r\n";
    line.repeat(octets / line.len())
}
