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
        let Ok(mut four) = <[u8; 4]>::try_from(word) else {
            return if word.eq_ignore_ascii_case(b"STARTTLS") {
                Self::StartTls
            } else if word.eq_ignore_ascii_case(b"XCLIENT") {
                Self::XClient
            } else {
                Self::Unknown
            };
        };
        four.make_ascii_uppercase();
        match &four {
            b"AUTH" => Self::Auth,
            b"BDAT" => Self::Bdat,
            b"DATA" => Self::Data,
            b"EHLO" => Self::Ehlo,
            b"ETRN" => Self::Etrn,
            b"EXPN" => Self::Expn,
            b"HELO" => Self::Helo,
            b"HELP" => Self::Help,
            b"LHLO" => Self::Lhlo,
            b"MAIL" => Self::Mail,
            b"NOOP" => Self::Noop,
            b"QUIT" => Self::Quit,
            b"RCPT" => Self::Rcpt,
            b"RSET" => Self::Rset,
            b"VRFY" => Self::Vrfy,
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
        let (word, args) = word(line);
        Self { line, verb: Verb::parse(word), args: args.trim_ascii() }
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
    let end = text.iter().position(|&c| c == b' ' || c == b'\t').unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, rest.get(1..).unwrap_or_default())
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
        let (param, rest) = word(rest);
        self.0 = rest;
        let (keyword, value) = match memchr::memchr(b'=', param) {
            Some(at) => (param.get(..at)?, Some(param.get(at + 1..)?)),
            None => (param, None),
        };
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
