use super::super::atom::AString;

/// One thing that a client says of itself (RFC 2971 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdField<'i> {
    /// What: `name`, `version`, `vendor`…
    pub name: AString<'i>,
    /// The value; none for `NIL`.
    pub value: Option<AString<'i>>,
}

use super::super::cursor::{Cursor, Read};
use super::super::encode::Encoder;
use super::super::list::{Element, List};

/// Pairs in one ID at most (RFC 2971 §3.3).
const PAIRS_MOST: usize = 30;

impl<'i> Element<'i> for IdField<'i> {
    fn read(cursor: &mut Cursor<'i>) -> Read<Self> {
        let name = cursor.string("expected the name of a field in quotes")?;
        cursor.sp()?;
        let value = cursor.nstring("expected a value in quotes or NIL")?;
        Ok(Self { name, value })
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.string(self.name);
        to.octet(b' ');
        to.nstring(self.value);
    }
}

/// Reads what follows `ID`.
pub(super) fn read<'i>(cursor: &mut Cursor<'i>) -> Read<Option<List<'i, IdField<'i>>>> {
    cursor.sp()?;
    let from = cursor.at();
    if cursor.peek() != Some(b'(') {
        return cursor.nstring("expected ( or NIL").and_then(|string| match string {
            None => Ok(None),
            Some(_) => cursor.fault_at(from, "expected ( or NIL"),
        });
    }
    let fields = List::read_parens(cursor, "expected ( or NIL")?;
    if fields.iter().count() > PAIRS_MOST {
        return cursor.fault_at(from, "more than 30 fields");
    }
    Ok(Some(fields))
}

pub(super) fn write(fields: Option<List<'_, IdField<'_>>>, to: &mut Encoder<'_>) {
    match fields {
        Some(fields) => fields.write_parens(to),
        None => to.word("NIL"),
    }
}
