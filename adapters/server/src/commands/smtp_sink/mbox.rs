//! The form of an mbox: RFC 4155, with `>` before lines that look like a separator (mboxrd).

use memchr::memmem;
use posthaste_core::mime::date::DateTime;

/// Appends a message, whose lines end with CR LF, as an mbox has it: lines end with LF.
pub(super) fn write(sender: &str, message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"From ");
    out.extend_from_slice(if sender.is_empty() { "MAILER-DAEMON" } else { sender }.as_bytes());
    out.push(b' ');
    out.extend_from_slice(now().as_bytes());
    out.push(b'\n');
    let mut rest = message;
    while !rest.is_empty() {
        let end = memmem::find(rest, b"\r\n");
        let (line, behind) = match end {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &b""[..]),
        };
        let unquoted = line.iter().position(|&c| c != b'>').unwrap_or(line.len());
        if line[unquoted..].starts_with(b"From ") {
            out.push(b'>');
        }
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = behind;
    }
    out.push(b'\n');
}

/// The time in the form of C's `asctime`, in UTC.
fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
    let mut text = Vec::new();
    DateTime::from_unix(seconds, 0).write_rfc5322(&mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    let mut words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let mut word = || words.next().unwrap_or_default();
    let (weekday, day, month, year, time) = (word(), word(), word(), word(), word());
    format!("{weekday} {month} {day:>2} {time} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_quoted() {
        let mut out = Vec::new();
        write(
            "a@x.test",
            b"Subject: x\r\n\r\nFrom me\r\n>From you\r\n>>> From\r\nFromage\r\nend",
            &mut out,
        );
        write("", b"", &mut out);
        let text = String::from_utf8(out).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("From a@x.test ") && first.len() == 38, "{first}");
        let (body, last) = rest.split_once("\n\nFrom MAILER-DAEMON ").unwrap();
        assert_eq!(body, "Subject: x\n\n>From me\n>>From you\n>>> From\nFromage\nend");
        assert!(last.ends_with("\n\n"), "{last}");
    }
}
