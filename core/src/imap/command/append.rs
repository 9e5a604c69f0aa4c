use super::super::cursor::{Cursor, Fault, Read, Syntax};
use super::super::date::DateTime;
use super::super::encode::Encoder;
use super::super::flag::Flag;
use super::super::frame::Literal;
use super::super::list::List;
use super::super::mailbox::Mailbox;
use super::super::words as w;

/// The head of APPEND, up to where its message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append<'i> {
    /// Where to.
    pub mailbox: Mailbox<'i>,
    /// Flags the message shall have.
    pub flags: List<'i, Flag<'i>>,
    /// Its internal date; now, if there is none.
    pub date: Option<DateTime>,
    /// It came as `UTF8 (~{n}…)`: its header may hold UTF-8 (RFC 6855 §4).
    pub utf8: bool,
    /// How long it is.
    pub literal: Literal,
}

impl<'i> Append<'i> {
    /// Reads what follows `APPEND`, up to where the message begins.
    pub(super) fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        cursor.sp()?;
        let mailbox = Mailbox::read(cursor)?;
        cursor.sp()?;
        let flags = if cursor.peek() == Some(b'(') {
            let flags = List::read_parens(cursor, "expected ( with flags")?;
            cursor.sp()?;
            flags
        } else {
            List::default()
        };
        let date = if cursor.peek() == Some(b'"') {
            let date = DateTime::read(cursor)?;
            cursor.sp()?;
            Some(date)
        } else {
            None
        };
        let from = cursor.at();
        let utf8 = cursor.word() == w::UTF8;
        if utf8 {
            cursor.sp()?;
            cursor.expect(b'(', "expected ( behind UTF8")?;
        }
        let at = cursor.at();
        if !utf8 && at > from {
            return cursor.fault_at(from, "expected flags, a date or the message");
        }
        let literal = cursor.announcement()?;
        if utf8 && !literal.binary {
            // RFC 6855 §4: utf8-literal = "UTF8" SP "(" literal8 ")"
            return cursor.fault_at(at, "expected ~{n} behind UTF8 (");
        }
        Ok(Self { mailbox, flags, date, utf8, literal })
    }

    /// Writes the head; the message follows, and then [`write_end`](Self::write_end).
    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.mailbox.write(to);
        to.octet(b' ');
        if !self.flags.is_empty() {
            self.flags.write_parens(to);
            to.octet(b' ');
        }
        if let Some(date) = self.date {
            date.write(to);
            to.octet(b' ');
        }
        if self.utf8 {
            to.word("UTF8 (");
        }
        to.announce(self.literal.octets, self.literal.binary);
    }

    /// Writes what follows the message.
    pub fn write_end(&self, to: &mut Encoder<'_>) {
        to.raw(if self.utf8 { b")\r\n" } else { b"\r\n" });
    }

    /// Checks the line that follows the message, with its CR LF.
    ///
    /// # Errors
    /// If it holds something: that is where MULTIAPPEND and CATENATE would go on.
    pub fn read_end(&self, line: &[u8]) -> Result<(), Fault> {
        let mut cursor = Cursor::new(line, Syntax::default());
        if self.utf8 {
            cursor.expect(b')', "expected ) behind the message")?;
        }
        cursor.end()
    }
}
