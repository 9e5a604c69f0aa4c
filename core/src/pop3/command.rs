//! What a client says: a keyword and its arguments, borrowed from the line.

use crate::grammar::decimal;
use crate::text::{Secret, Text};

/// A command (RFC 1939 §9 and the extensions).
#[derive(Clone, Copy, Debug)]
pub enum Command<'i> {
    /// `AUTH mechanism [initial]` (RFC 5034 §4).
    Auth {
        /// The mechanism's name, known or not.
        mechanism: Text<'i>,
        /// The initial response, in base64.
        initial: Option<Secret<'i>>,
    },
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `DELE msg`.
    Dele(Number),
    /// `LANG [range]` (RFC 6856 §3).
    Lang(Option<Text<'i>>),
    /// `LIST [msg]`.
    List(Option<Number>),
    /// `NOOP`.
    Noop,
    /// `PASS string`: all octets behind the first space, spaces too (RFC 1939 §7).
    Pass(Secret<'i>),
    /// `QUIT`.
    Quit,
    /// `RETR msg`.
    Retr(Number),
    /// `RSET`.
    Rset,
    /// `STAT`.
    Stat,
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `TOP msg n`.
    Top(Number, u64),
    /// `UIDL [msg]`.
    Uidl(Option<Number>),
    /// `USER name`.
    User(Text<'i>),
    /// `UTF8` (RFC 6856 §2.1).
    Utf8,
}

/// The number of a message as the client wrote it: nothing says that there is one.
pub type Number = u64;

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The keyword is known, the arguments are not what it has.
    Syntax,
    /// There is no such keyword.
    Unknown,
}

impl<'i> Command<'i> {
    /// Reads a line, which has lost its CR LF. Spaces at its end are passed over, but for PASS.
    ///
    /// # Errors
    /// [`Fault`] says what is wrong.
    pub fn parse(line: &'i [u8]) -> Result<Self, Fault> {
        let (keyword, rest) = split(line);
        let Some(keyword) = Keyword::parse(keyword) else { return Err(Fault::Unknown) };
        let mut words = Words(rest.unwrap_or_default());
        let command = match keyword {
            Keyword::Auth => Self::Auth {
                mechanism: Text(words.must()?),
                initial: words.next().map(Secret::new),
            },
            Keyword::Capa => Self::Capa,
            Keyword::Dele => Self::Dele(words.number()?),
            Keyword::Lang => Self::Lang(words.next().map(Text)),
            Keyword::List => Self::List(words.some_number()?),
            Keyword::Noop => Self::Noop,
            // RFC 1939 §7: a server may take the spaces for a part of the password. So do we.
            Keyword::Pass => {
                let password = rest.filter(|rest| !rest.is_empty()).ok_or(Fault::Syntax)?;
                return Ok(Self::Pass(Secret::new(password)));
            }
            Keyword::Quit => Self::Quit,
            Keyword::Retr => Self::Retr(words.number()?),
            Keyword::Rset => Self::Rset,
            Keyword::Stat => Self::Stat,
            Keyword::Stls => Self::Stls,
            Keyword::Top => Self::Top(words.number()?, words.number()?),
            Keyword::Uidl => Self::Uidl(words.some_number()?),
            // Names with spaces exist; what is between the keyword and the end of the line is the name.
            Keyword::User => {
                let name = words.rest();
                return if name.is_empty() {
                    Err(Fault::Syntax)
                } else {
                    Ok(Self::User(Text(name)))
                };
            }
            Keyword::Utf8 => Self::Utf8,
        };
        if words.next().is_some() { Err(Fault::Syntax) } else { Ok(command) }
    }
}

/// What of a line may be shown: all of it if the keyword is known and its arguments are no secret, else the keyword
/// if the line has one. Anything else may be a password that went astray.
#[must_use]
pub fn shown(line: &[u8]) -> Text<'_> {
    let (word, _) = split(line);
    match Keyword::parse(word) {
        Some(Keyword::Auth | Keyword::Pass) => Text(word),
        Some(_) => Text(line),
        // RFC 1939 §3: keywords are three or four letters.
        None if matches!(word.len(), 3 | 4) && word.iter().all(u8::is_ascii_alphabetic) => {
            Text(word)
        }
        None => Text(b""),
    }
}

#[derive(Clone, Copy)]
enum Keyword {
    Auth,
    Capa,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
}

impl Keyword {
    fn parse(word: &[u8]) -> Option<Self> {
        let mut name = [0; 4];
        name.get_mut(..word.len())?.copy_from_slice(word);
        name.make_ascii_uppercase();
        Some(match &name {
            b"AUTH" => Self::Auth,
            b"CAPA" => Self::Capa,
            b"DELE" => Self::Dele,
            b"LANG" => Self::Lang,
            b"LIST" => Self::List,
            b"NOOP" => Self::Noop,
            b"PASS" => Self::Pass,
            b"QUIT" => Self::Quit,
            b"RETR" => Self::Retr,
            b"RSET" => Self::Rset,
            b"STAT" => Self::Stat,
            b"STLS" => Self::Stls,
            b"TOP\0" if word.len() == 3 => Self::Top,
            b"UIDL" => Self::Uidl,
            b"USER" => Self::User,
            b"UTF8" => Self::Utf8,
            _ => return None,
        })
    }
}

/// The first word, and what stands behind the space after it.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], line.get(at + 1..)),
        None => (line, None),
    }
}

struct Words<'i>(&'i [u8]);

impl<'i> Words<'i> {
    fn next(&mut self) -> Option<&'i [u8]> {
        let (word, rest) = split(self.rest());
        self.0 = rest.unwrap_or_default();
        if word.is_empty() { None } else { Some(word) }
    }

    fn must(&mut self) -> Result<&'i [u8], Fault> {
        self.next().ok_or(Fault::Syntax)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        decimal::parse(self.must()?).ok_or(Fault::Syntax)
    }

    fn some_number(&mut self) -> Result<Option<u64>, Fault> {
        self.next().map(|word| decimal::parse(word).ok_or(Fault::Syntax)).transpose()
    }

    /// What is left, without the spaces around it.
    const fn rest(&self) -> &'i [u8] {
        let mut rest = self.0;
        while let [b' ', inner @ ..] | [inner @ .., b' '] = rest {
            rest = inner;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn shows(line: &[u8]) -> std::string::String {
        match Command::parse(line) {
            Ok(command) => format!("{command:?}"),
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn commands() {
        for (line, shown) in [
            ("STAT", "Stat"),
            ("stat ", "Stat"),
            ("STAT 1", "Syntax"),
            ("LIST", "List(None)"),
            ("LIST 2", "List(Some(2))"),
            ("LIST  2 ", "List(Some(2))"),
            ("LIST 2 3", "Syntax"),
            ("LIST x", "Syntax"),
            ("LIST -1", "Syntax"),
            ("RETR", "Syntax"),
            ("RETR 99999999999999999999999", "Retr(18446744073709551615)"),
            ("TOP 1", "Syntax"),
            ("top 1 10", "Top(1, 10)"),
            ("TOP\0 1 10", "Unknown"),
            ("PASS", "Syntax"),
            ("PASS ", "Syntax"),
            ("PASS  a b ", "Pass([secret])"),
            ("USER alice", "User(\"alice\")"),
            ("USER a b", "User(\"a b\")"),
            ("USER ", "Syntax"),
            ("AUTH", "Syntax"),
            ("AUTH PLAIN", "Auth { mechanism: \"PLAIN\", initial: None }"),
            ("AUTH PLAIN =", "Auth { mechanism: \"PLAIN\", initial: Some([secret]) }"),
            ("AUTH PLAIN = =", "Syntax"),
            ("LANG", "Lang(None)"),
            ("LANG *", "Lang(Some(\"*\"))"),
            ("UTF8", "Utf8"),
            ("APOP mrose c4c9334bac560ecc979e58001b3e22fb", "Unknown"),
            ("", "Unknown"),
            (" STAT", "Unknown"),
            ("STATUS", "Unknown"),
        ] {
            assert_eq!(shows(line.as_bytes()), shown, "{line:?}");
        }
        let Ok(Command::Pass(password)) = Command::parse(b"pass  a b ") else { panic!() };
        assert_eq!(password.expose(), b" a b ");
    }

    #[test]
    fn what_may_be_shown() {
        for (line, text) in [
            ("RETR 7", "RETR 7"),
            ("PASS secret", "PASS"),
            ("auth PLAIN AHRpbQB0", "auth"),
            ("XTND 1", "XTND"),
            ("AHRpbQB0YW5zdGFhZg==", ""),
            ("hunter2", ""),
            ("", ""),
        ] {
            assert_eq!(shown(line.as_bytes()), Text(text.as_bytes()));
        }
    }
}
