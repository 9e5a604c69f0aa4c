//! The words of SMTP: verbs, and how a line falls apart.

use crate::line::find_stray;

/// A command's verb, RFC 5321 §4.1 and the extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Auth,
    Bdat,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Unknown,
    Vrfy,
    XClient,
}

impl Verb {
    fn parse(word: &[u8]) -> Self {
        let Ok(four) = <[u8; 4]>::try_from(word) else {
            return if word.eq_ignore_ascii_case(b"STARTTLS") {
                Self::StartTls
            } else if word.eq_ignore_ascii_case(b"XCLIENT") {
                Self::XClient
            } else {
                Self::Unknown
            };
        };
        Self::of_four(four)
    }

    /// The verb that these four octets are, if they are one.
    const fn of_four(four: [u8; 4]) -> Self {
        // Without this bit a small letter is a capital one, and nothing else becomes a letter.
        const CASE: u32 = u32::from_be_bytes([0x20; 4]);
        match (u32::from_be_bytes(four) & !CASE).to_be_bytes() {
            [b'A', b'U', b'T', b'H'] => Self::Auth,
            [b'B', b'D', b'A', b'T'] => Self::Bdat,
            [b'D', b'A', b'T', b'A'] => Self::Data,
            [b'E', b'H', b'L', b'O'] => Self::Ehlo,
            [b'E', b'T', b'R', b'N'] => Self::Etrn,
            [b'E', b'X', b'P', b'N'] => Self::Expn,
            [b'H', b'E', b'L', b'O'] => Self::Helo,
            [b'H', b'E', b'L', b'P'] => Self::Help,
            [b'L', b'H', b'L', b'O'] => Self::Lhlo,
            [b'M', b'A', b'I', b'L'] => Self::Mail,
            [b'N', b'O', b'O', b'P'] => Self::Noop,
            [b'Q', b'U', b'I', b'T'] => Self::Quit,
            [b'R', b'C', b'P', b'T'] => Self::Rcpt,
            [b'R', b'S', b'E', b'T'] => Self::Rset,
            [b'V', b'R', b'F', b'Y'] => Self::Vrfy,
            _ => Self::Unknown,
        }
    }
}

/// A command, its line as it came and what stands behind the verb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'i> {
    /// The line without its CR LF.
    pub(crate) line: &'i [u8],
    pub(crate) verb: Verb,
    /// Behind the verb, without blanks at either end.
    pub(crate) args: &'i [u8],
}

impl<'i> Command<'i> {
    /// Splits a line (without CR LF). Blanks before the end are tolerated, RFC 5321 §4.1.1.
    pub(crate) fn parse(line: &'i [u8]) -> Self {
        // Almost every verb has four letters.
        let four = match line.split_first_chunk() {
            Some((four, [])) => (Verb::of_four(*four), &b""[..]),
            Some((four, [b' ' | b'\t', args @ ..])) => (Verb::of_four(*four), args),
            _ => (Verb::Unknown, &b""[..]),
        };
        let (verb, args) = match four {
            (Verb::Unknown, _) => {
                let (word, args) = word(line);
                (Verb::parse(word), args)
            }
            four => four,
        };
        Self { line, verb, args: args.trim_ascii() }
    }

    /// Whether this is the first line of an HTTP request, by its method: RFC 9110 §9.1, RFC 5789, RFC 9113 §3.4.
    pub(crate) fn is_http(self) -> bool {
        const METHODS: [&[u8]; 10] = [
            b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PRI", b"PUT",
            b"TRACE",
        ];
        let (first, _) = word(self.line);
        METHODS.contains(&first)
    }

    /// What of the line may be shown when it is refused: nothing of credentials, also not of those that
    /// went astray because a sign-in had failed before they came.
    pub(crate) fn shown(self) -> &'i [u8] {
        // Behind a bare CR or LF any command may follow, and AUTH is one.
        if self.verb == Verb::Unknown || find_stray(self.line).is_some() {
            let (first, _) = word(self.line);
            return if is_word(first) { first } else { b"" };
        }
        if self.verb != Verb::Auth {
            return self.line;
        }
        let (mechanism, _) = word(self.args);
        // The mechanism's name is borrowed from the line: its end is where to cut.
        let rest = self.args.len() - mechanism.len();
        let tail = self.line.len() - self.line.trim_ascii_end().len();
        self.line.get(..self.line.len().saturating_sub(rest + tail)).unwrap_or_default()
    }
}

/// Whether this looks like a verb, which base64 hardly does: few letters, all of one case.
fn is_word(text: &[u8]) -> bool {
    text.len() <= 10
        && (text.iter().all(u8::is_ascii_uppercase) || text.iter().all(u8::is_ascii_lowercase))
}

/// The first word of `text`, and what stands behind the blank that ends it.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, rest.get(1..).unwrap_or_default())
}

/// Whether this parts words. Almost nothing in a line stands below the blank: one comparison tells.
const fn is_blank(c: &u8) -> bool {
    *c <= b' ' && matches!(*c, b' ' | b'\t')
}

/// A decimal number of at most 20 digits, which is what every count in SMTP is.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, c| {
        let digit = c.is_ascii_digit().then(|| u64::from(c - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// `KEYWORD` or `KEYWORD=value`, RFC 5321 §4.1.2 `esmtp-param`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Param<'i> {
    pub(crate) keyword: &'i [u8],
    pub(crate) value: Option<&'i [u8]>,
}

impl<'i> Param<'i> {
    pub(crate) fn is(self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword.as_bytes())
    }
}

/// Parameters behind a path, parted by blanks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'i>(pub(crate) &'i [u8]);

impl<'i> Iterator for Params<'i> {
    type Item = Param<'i>;

    fn next(&mut self) -> Option<Param<'i>> {
        let rest = self.0.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let is_end = |c: &u8| *c <= b'=' && (*c == b'=' || is_blank(c));
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        let (keyword, rest) = rest.split_at_checked(end)?;
        let (value, rest) = match rest {
            [b'=', rest @ ..] => {
                let (value, rest) = word(rest);
                (Some(value), rest)
            }
            rest => (None, rest),
        };
        self.0 = rest;
        Some(Param { keyword, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fall_apart() {
        let command = Command::parse(b"mail FROM:<a@b>  ");
        assert_eq!((command.verb, command.args), (Verb::Mail, b"FROM:<a@b>".as_slice()));
        assert_eq!(Command::parse(b"StartTLS").verb, Verb::StartTls);
        assert_eq!(Command::parse(b"").verb, Verb::Unknown);
        assert_eq!(Command::parse(b" QUIT").verb, Verb::Unknown);
        assert_eq!(Command::parse(b"QUITE").verb, Verb::Unknown);
    }

    proptest::proptest! {
        /// A verb of four letters is found as any word is.
        #[test]
        fn any_line_falls_apart_at_its_first_blank(
            line in "(?i-u:(AUTH|BDAT|DATA|EHLO|ETRN|EXPN|HELO|HELP|LHLO|MAIL|NOOP|QUIT|RCPT|RSET|VRFY|STARTTLS|XCLIENT))[ \t]{0,2}[ -~]{0,6}|[ \tA-Z\x00-\x7f]{0,9}",
        ) {
            let command = Command::parse(line.as_bytes());
            let (word, args) = word(line.as_bytes());
            proptest::prop_assert_eq!(command.verb, Verb::parse(word));
            proptest::prop_assert_eq!(command.args, args.trim_ascii());
        }
    }

    proptest::proptest! {
        /// Words between blanks; what stands before the first `=` is the keyword.
        #[test]
        fn params_are_words(line in "[ \ta=Z]{0,24}") {
            let words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            let expected: std::vec::Vec<_> = words
                .map(|word| match word.split_once('=') {
                    Some((keyword, value)) => (keyword.as_bytes(), Some(value.as_bytes())),
                    None => (word.as_bytes(), None),
                })
                .collect();
            let found: std::vec::Vec<_> =
                Params(line.as_bytes()).map(|param| (param.keyword, param.value)).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn case_is_all_that_verbs_may_differ_in() {
        for at in 0..4 {
            for octet in 0..=255 {
                let mut verb = *b"rCpT";
                verb[at] = octet;
                let is = verb.eq_ignore_ascii_case(b"RCPT");
                assert_eq!(Command::parse(&verb).verb == Verb::Rcpt, is, "{verb:?}");
            }
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        for (line, shown) in [
            ("AUTH PLAIN AHRpbQ==", "AUTH PLAIN"),
            ("auth plain  AHRpbQ==  ", "auth plain"),
            ("AUTH   LOGIN", "AUTH   LOGIN"),
            ("AUTH", "AUTH"),
            ("AUTH ", "AUTH"),
            ("NOOP x", "NOOP x"),
            ("XCLIENT ADDR=1", "XCLIENT ADDR=1"),
            ("XFORWARD ADDR=1", "XFORWARD"),
            ("AHRpbQB0YW5zdGFhZg==", ""),
            ("hunter2", ""),
            ("NOOP x\nAUTH PLAIN AHRpbQ==", "NOOP"),
            ("", ""),
        ] {
            let command = Command::parse(line.as_bytes());
            assert_eq!(core::str::from_utf8(command.shown()), Ok(shown), "{line:?}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        for bad in ["", "-1", "+1", " 1", "1x", "000000000000000000001"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn params_fall_apart() {
        let all: std::vec::Vec<_> = Params(b" SIZE=10  SMTPUTF8 X= ").collect();
        assert_eq!(all.len(), 3);
        assert!(all[0].is("size") && all[0].value == Some(b"10"));
        assert!(all[1].is("SMTPUTF8") && all[1].value.is_none());
        assert_eq!(all[2].value, Some(b"".as_slice()));
    }
}
