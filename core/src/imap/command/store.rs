use super::super::SequenceSet;
use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::flag::Flag;
use super::super::list::List;
use super::super::words as w;
use super::By;

/// STORE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store<'i> {
    /// What the numbers are.
    pub by: By,
    /// Which messages.
    pub set: SequenceSet<'i>,
    /// Leave out messages changed since this mod-sequence (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
    /// What to do with the flags.
    pub change: Change,
    /// `.SILENT`: do not tell the new flags.
    pub silent: bool,
    /// Which flags.
    pub flags: List<'i, Flag<'i>>,
}

/// What STORE does with the flags it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
    /// `FLAGS`: these and no others.
    Replace,
}

impl<'i> Store<'i> {
    /// Reads what follows `STORE`.
    pub(super) fn read(cursor: &mut Cursor<'i>, by: By) -> Read<Self> {
        cursor.sp()?;
        let set = SequenceSet::read(cursor)?;
        cursor.sp()?;
        let unchanged_since = if cursor.eat(b'(') { Some(read_modifiers(cursor)?) } else { None };
        let change = match cursor.peek() {
            Some(b'+') => Change::Add,
            Some(b'-') => Change::Remove,
            _ => Change::Replace,
        };
        if change != Change::Replace {
            cursor.step();
        }
        let from = cursor.at();
        let silent = match cursor.word() {
            w::FLAGS => false,
            w::FLAGS_SILENT => true,
            _ => return cursor.fault_at(from, "expected FLAGS or FLAGS.SILENT"),
        };
        cursor.sp()?;
        let flags = if cursor.peek() == Some(b'(') {
            List::read_parens(cursor, "expected flags")?
        } else {
            List::read_bare(cursor, |c| c == b'\r')?
        };
        Ok(Self { by, set, unchanged_since, change, silent, flags })
    }

    pub(super) fn write(&self, to: &mut Encoder<'_>) {
        self.set.write(to);
        to.octet(b' ');
        if let Some(modseq) = self.unchanged_since {
            to.word("(UNCHANGEDSINCE ");
            to.number(modseq);
            to.word(") ");
        }
        to.word(match self.change {
            Change::Add => "+FLAGS",
            Change::Remove => "-FLAGS",
            Change::Replace => "FLAGS",
        });
        to.word(if self.silent { ".SILENT " } else { " " });
        self.flags.write_parens(to);
    }
}

/// `UNCHANGEDSINCE n) `: the only STORE modifier so far (RFC 4466 §2.5), behind its parenthesis.
fn read_modifiers(cursor: &mut Cursor<'_>) -> Read<u64> {
    let from = cursor.at();
    if cursor.word() != w::UNCHANGEDSINCE {
        return cursor.fault_at(from, "unknown modifier");
    }
    cursor.sp()?;
    let modseq = cursor.number64("expected a mod-sequence")?;
    cursor.expect(b')', "expected )")?;
    cursor.sp()?;
    Ok(modseq)
}
