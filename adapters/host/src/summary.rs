//! What is kept beside each message: its MIME structure and what was noticed while it arrived.
//!
//! ```text
//! version 1 │ marks u8 │ structure, in its own stored form
//! ```

/// The version of the octets.
const VERSION: u8 = 1;
/// The body does not end with CR LF.
const UNENDED: u8 = 1;

/// A summary, borrowed from its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary<'a> {
    /// The body does not end with CR LF.
    pub(crate) unended: bool,
    /// The structure's stored form; empty where it was too big to be kept.
    pub(crate) structure: &'a [u8],
}

impl<'a> Summary<'a> {
    /// Reads what [`write`](Self::write) wrote; `None` for what a newer version wrote.
    pub(crate) fn read(octets: &'a [u8]) -> Option<Self> {
        match octets {
            [VERSION, marks, structure @ ..] => {
                Some(Self { unended: marks & UNENDED != 0, structure })
            }
            _ => None,
        }
    }

    /// The octets to keep.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.structure.len());
        out.push(VERSION);
        out.push(if self.unended { UNENDED } else { 0 });
        out.extend_from_slice(self.structure);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back() {
        for unended in [false, true] {
            let summary = Summary { unended, structure: b"tree" };
            assert_eq!(Summary::read(&summary.write()), Some(summary));
        }
        assert_eq!(Summary::read(b""), None);
        assert_eq!(Summary::read(b"\x02\0"), None);
    }
}
